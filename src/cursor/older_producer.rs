//! The cursor files of the older producer: `<root>/<topic>/<collection>/cursor.db`, which hold
//! the last sent document's `_id` as 24 hex digits.
//!
//! They are only ever read, and only once: as soon as the flow has a cursor of its own, that one
//! counts.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use crate::fault::{Fault, Faulty};

/// A file of the older producer that names no document.
#[derive(Debug, thiserror::Error)]
pub enum OlderCursorError {
    /// There is nothing in it.
    #[error("the older producer's cursor {} is empty: {REMEDY}", .0.display())]
    Empty(PathBuf),
    /// It holds the text `None`.
    #[error(
        "the older producer's cursor {} holds `None`, as a first run over an empty collection left it: {REMEDY}",
        .0.display()
    )]
    NoDocument(PathBuf),
    /// Its last line is no ObjectId.
    #[error("the older producer's cursor {} is damaged ({reason}): {REMEDY}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read.
    #[error("the older producer's cursor {} cannot be read: give this user the right to, or {REMEDY}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
}

const REMEDY: &str = "delete the file to start at the first document, or name the last document \
    that was sent with `highwater cursor set`";

/// What a cursor file never exceeds.
const LARGEST: u64 = 64 * 1024;

impl Faulty for OlderCursorError {
    fn fault(&self) -> Fault {
        match self {
            Self::Empty(_)
            | Self::NoDocument(_)
            | Self::Damaged { .. }
            | Self::Unreadable { .. } => Fault::Permanent,
        }
    }
}

/// The `_id`, as 24 lower-case hex digits, after which the older producer would go on with
/// `collection` to `topic`; `None` where it has left no file under `root` (its
/// `runtime/cursors`).
///
/// # Errors
/// Where there is a file that names no document: it is never taken for "from the start".
pub fn read(
    root: &Path,
    topic: &str,
    collection: &str,
) -> Result<Option<String>, OlderCursorError> {
    let path = root.join(topic).join(collection).join("cursor.db");
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|it| it.take(LARGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) => last_id(path, &bytes).map(Some),
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(cause) => Err(OlderCursorError::Unreadable { path, cause }),
    }
}

fn last_id(path: PathBuf, bytes: &[u8]) -> Result<String, OlderCursorError> {
    let damaged = |path, reason: String| Err(OlderCursorError::Damaged { path, reason });
    if bytes.len() as u64 >= LARGEST {
        return damaged(path, "it is too large for a cursor".to_owned());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return damaged(path, "it is no text".to_owned());
    };
    if text.trim().is_empty() {
        return Err(OlderCursorError::Empty(path));
    }
    let last = text.lines().next_back().unwrap_or_default().trim();
    match last {
        "None" => Err(OlderCursorError::NoDocument(path)),
        hex if hex.len() == 24 && hex.bytes().all(|it| it.is_ascii_hexdigit()) => {
            Ok(hex.to_ascii_lowercase())
        }
        "" => damaged(path, "its last line is empty".to_owned()),
        other => {
            let start: String = other.chars().take(40).collect();
            damaged(
                path,
                format!("its last line is `{start}`, not 24 hex digits"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(content: impl AsRef<[u8]>) -> Result<Option<String>, OlderCursorError> {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("information").join("list");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("cursor.db"), content).expect("a file");
        read(root.path(), "information", "list")
    }

    #[test]
    fn the_last_line_counts() {
        let hex = "68a1f0c2e4b0a1b2c3d4e5f6";
        for content in [
            hex.to_owned(),
            format!("{hex}\n"),
            format!(" {hex} \r\n"),
            format!("None\nold\n{hex}"),
            hex.to_ascii_uppercase(),
        ] {
            let id = read_of(&content).expect("an id");
            assert_eq!(id.as_deref(), Some(hex), "{content:?}");
        }
    }

    #[test]
    fn no_file_is_no_cursor() {
        let root = tempfile::tempdir().expect("a folder");
        assert!(matches!(read(root.path(), "t", "c"), Ok(None)));
        assert!(matches!(read(Path::new("/nowhere"), "t", "c"), Ok(None)));
    }

    #[test]
    fn empty_none_and_damaged_are_told_apart_with_path_and_remedy() {
        for (content, why) in [
            (&b""[..], "is empty"),
            (b" \n\n", "is empty"),
            (b"None", "holds `None`"),
            (b"68a1f0c2e4b0a1b2c3d4e5f6\nNone\n", "holds `None`"),
            (b"68a1f0c2e4b0a1b2c3d4e5f", "damaged"),
            (b"68a1f0c2e4b0a1b2c3d4e5fg", "damaged"),
            (b"68a1f0c2e4b0a1b2c3d4e5f6\n\n", "damaged"),
            (b"\xff\xfe", "damaged"),
        ] {
            let error = read_of(content).expect_err("no cursor");
            let said = error.to_string();
            assert!(said.contains(why) && said.contains("cursor.db"), "{said}");
            assert!(
                said.contains("delete") && said.contains("cursor set"),
                "{said}"
            );
            assert_eq!(error.fault(), Fault::Permanent);
        }
    }

    #[test]
    fn a_file_without_end_is_damaged() {
        let lines = "68a1f0c2e4b0a1b2c3d4e5f6\n".repeat(10_000);
        let error = read_of(lines).expect_err("too large");
        assert!(error.to_string().contains("too large"));
    }

    #[test]
    fn a_folder_in_its_place_is_an_error() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(root.path().join("t/c/cursor.db")).expect("a folder");
        let read = read(root.path(), "t", "c");
        assert!(matches!(read, Err(OlderCursorError::Unreadable { .. })));
    }
}
