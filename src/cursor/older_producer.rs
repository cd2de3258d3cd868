//! The cursor files of the older producer: `<folder>/<topic>/<collection>/cursor.db`, whose last
//! line is the ObjectId of the last document sent.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The ObjectId in the older producer's cursor file, 24 hex digits; `None` where there is no file.
///
/// # Errors
/// Where there is a file, but no ObjectId in it: it is never read as "from the start".
pub fn read(
    folder: &Path,
    topic: &str,
    collection: &str,
) -> Result<Option<String>, OlderCursorError> {
    let path = folder.join(topic).join(collection).join("cursor.db");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OlderCursorError::Unreadable(path, error)),
    };
    let text = String::from_utf8_lossy(&text);
    match text.trim().lines().last().map(str::trim) {
        None => Err(OlderCursorError::Empty(path)),
        Some("None") => Err(OlderCursorError::NothingSent(path)),
        Some(id) if is_object_id(id) => Ok(Some(id.to_ascii_lowercase())),
        Some(_) => Err(OlderCursorError::Damaged(path)),
    }
}

/// Why an older cursor file cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum OlderCursorError {
    /// Nothing stands in it: the older producer would have read everything again.
    #[error("the older producer's file is empty")]
    Empty(PathBuf),
    /// It says `None`: the older producer had run over an empty collection and never sent
    /// anything.
    #[error("the older producer's file says `None`: it never sent a document")]
    NothingSent(PathBuf),
    /// It holds something that is no ObjectId.
    #[error("the last line of the older producer's file is no ObjectId of 24 hex digits")]
    Damaged(PathBuf),
    /// It cannot be read.
    #[error("the older producer's file cannot be read")]
    Unreadable(PathBuf, #[source] io::Error),
}

impl OlderCursorError {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Empty(path)
            | Self::NothingSent(path)
            | Self::Damaged(path)
            | Self::Unreadable(path, _) => path,
        }
    }

    /// What to do about it, for the flow `flow`.
    pub fn remedy(&self, flow: &str) -> String {
        let path = self.path().display();
        match self {
            Self::Empty(_) | Self::NothingSent(_) => format!(
                "remove {path} to read the collection from its beginning, or set the place \
                 yourself with `highwater cursor set {flow} OBJECTID`"
            ),
            Self::Damaged(_) => format!(
                "put the ObjectId of the last document sent in it, or set the place yourself \
                 with `highwater cursor set {flow} OBJECTID`; to read the collection from its \
                 beginning, remove {path}"
            ),
            Self::Unreadable(..) => format!("give this user the right to read {path}"),
        }
    }
}

fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|it| it.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(content: Option<&[u8]>) -> Result<Option<String>, OlderCursorError> {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(content) = content {
            let location = folder.path().join("temp4/raw");
            fs::create_dir_all(&location).expect("folders");
            fs::write(location.join("cursor.db"), content).expect("a file");
        }
        read(folder.path(), "temp4", "raw")
    }

    #[test]
    fn the_last_line_is_the_cursor() {
        let id = "68a1f0c2e4b0a1b2c3d4e5f6";
        for content in [id.to_owned(), format!("x\n {id} \n"), id.to_uppercase()] {
            let read = outcome(Some(content.as_bytes())).expect("an ObjectId");
            assert_eq!(read.as_deref(), Some(id));
        }
        assert_eq!(outcome(None).expect("no file is no error"), None);
    }

    #[test]
    fn what_is_no_cursor_is_told_apart_with_path_and_remedy() {
        type Expected = fn(&OlderCursorError) -> bool;
        let cases: [(&[u8], Expected); 5] = [
            (b"", |it| matches!(it, OlderCursorError::Empty(_))),
            (b" \n", |it| matches!(it, OlderCursorError::Empty(_))),
            (b"None", |it| matches!(it, OlderCursorError::NothingSent(_))),
            (b"68a1f0", |it| matches!(it, OlderCursorError::Damaged(_))),
            (b"\xff\xfe", |it| matches!(it, OlderCursorError::Damaged(_))),
        ];
        for (content, expected) in cases {
            let error = outcome(Some(content)).expect_err("no cursor");
            assert!(expected(&error), "{content:?}: {error}");
            let remedy = error.remedy("a/b/c");
            assert!(remedy.contains("cursor.db") && remedy.contains("cursor set a/b/c"));
        }
    }
}
