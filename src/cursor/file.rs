//! Cursor files: one readable file a flow, replaced whole, locked by the operating system.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{CursorError, CursorLease, CursorStore, Leased, StoredCursor};
use crate::model::{FlowName, Position};

/// A folder of cursor files.
#[derive(Debug, Clone)]
pub struct FileCursors {
    folder: PathBuf,
    holder: String,
}

/// What stands in a cursor file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    flow: String,
    saved_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    saved_by: Option<String>,
    position: Box<RawValue>,
}

impl FileCursors {
    /// Keeps cursors in `folder`, which is made when the first one is saved.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            holder: format!("process {}", std::process::id()),
        }
    }

    /// `holder` is how others are told who has a cursor, and who saved it.
    #[must_use]
    pub fn with_holder(mut self, holder: impl Into<String>) -> Self {
        self.holder = holder.into();
        self
    }

    fn path(&self, flow: &str) -> PathBuf {
        self.folder.join(file_name(flow))
    }
}

#[async_trait]
impl CursorStore for FileCursors {
    async fn lease(&self, flow: &FlowName) -> Result<Box<dyn CursorLease>, CursorError> {
        let path = self.path(&flow.text());
        let lock_path = path.with_extension("lock");
        let refused = |cause| refused(&lock_path, cause);
        fs::create_dir_all(&self.folder).map_err(refused)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut looks = 0;
        let mut lock = loop {
            let lock = options.open(&lock_path).map_err(refused)?;
            match lock.try_lock() {
                Ok(()) => (),
                Err(TryLockError::WouldBlock) if looks < LOOKS => {
                    looks += 1;
                    tokio::time::sleep(GLANCE).await;
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = fs::read_to_string(&lock_path).unwrap_or_default();
                    return Err(CursorError::Leased {
                        flow: flow.text(),
                        holder: format!("{} holds {}", holder.trim(), lock_path.display()),
                    });
                }
                Err(TryLockError::Error(cause)) => return Err(refused(cause)),
            }
            // One that was deleted meanwhile keeps nobody out.
            if is_at(&lock, &lock_path).map_err(refused)? {
                break lock;
            }
        };
        // Who holds it is a courtesy to the next one who asks; the lock is what counts.
        let _ = lock.set_len(0);
        let _ = lock.write_all(self.holder.as_bytes());
        Ok(Box::new(FileLease {
            flow: flow.text(),
            holder: self.holder.clone(),
            path,
            lock_path,
            lock: Arc::new(lock),
        }))
    }

    async fn list(&self) -> Result<Vec<StoredCursor>, CursorError> {
        let lost = |cause: io::Error| CursorError::Lost {
            location: self.folder.display().to_string(),
            cause: cause.into(),
        };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(lost(error)),
        };
        let mut cursors = Vec::new();
        for entry in entries {
            let path = entry.map_err(lost)?.path();
            if path.extension().is_none_or(|it| it != "json") {
                continue;
            }
            cursors.push(match read(&path, &flow_of(&path)) {
                Ok(Some(content)) => StoredCursor {
                    flow: content.flow,
                    position: Ok(Position::new(content.position.get())),
                    saved_at: content.saved_at,
                    saved_by: content.saved_by,
                },
                Ok(None) => continue,
                Err(error) => StoredCursor {
                    flow: flow_of(&path),
                    position: Err(error.to_string()),
                    saved_at: 0,
                    saved_by: None,
                },
            });
        }
        cursors.sort_by(|left, right| left.flow.cmp(&right.flow));
        Ok(cursors)
    }

    async fn leased(&self, flow: &FlowName) -> Result<Option<Leased>, CursorError> {
        let lock_path = self.path(&flow.text()).with_extension("lock");
        let refused = |cause| refused(&lock_path, cause);
        let lock = match File::open(&lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(error)),
        };
        // Shared, so that two who look do not take each other for a holder; gone with this file.
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let holder = io::read_to_string(&lock).unwrap_or_default();
                Ok(Some(Leased {
                    by: holder.trim().to_owned(),
                    until: None,
                }))
            }
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    fn location(&self, flow: &FlowName) -> String {
        self.path(&flow.text()).display().to_string()
    }
}

/// Who only looks whether a flow runs has its lock for an instant: a lock that is still there after
/// these looks is a runner's.
const LOOKS: u32 = 5;
const GLANCE: Duration = Duration::from_millis(20);

/// One cursor file, with its lock held for the life of this process.
struct FileLease {
    flow: String,
    holder: String,
    path: PathBuf,
    lock_path: PathBuf,
    lock: Arc<File>,
}

impl FileLease {
    /// A lock is on a file, not on its name: where that was deleted, another process may hold the
    /// flow by a file of its own.
    fn still_leased(&self) -> Result<(), CursorError> {
        match is_at(&self.lock, &self.lock_path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(CursorError::Fenced(self.flow.clone())),
            Err(cause) => Err(refused(&self.lock_path, cause)),
        }
    }
}

#[async_trait]
impl CursorLease for FileLease {
    async fn load(&mut self) -> Result<Option<Position>, CursorError> {
        let Some(content) = read(&self.path, &self.flow)? else {
            return Ok(None);
        };
        if content.flow != self.flow {
            let reason = format!("it belongs to flow {}", content.flow);
            return Err(damaged(&self.path, &self.flow, reason));
        }
        Ok(Some(Position::new(content.position.get())))
    }

    async fn save(&mut self, position: &Position) -> Result<(), CursorError> {
        self.still_leased()?;
        let refused = |cause| refused(&self.path, cause);
        let raw = RawValue::from_string(position.as_str().to_owned())
            .map_err(|cause| refused(io::Error::other(cause)))?;
        let content = Content {
            flow: self.flow.clone(),
            saved_at: chrono::Utc::now().timestamp(),
            saved_by: Some(self.holder.clone()),
            position: raw,
        };
        let mut text = serde_json::to_vec_pretty(&content)
            .map_err(|cause| refused(io::Error::other(cause)))?;
        text.push(b'\n');
        let (path, lock) = (self.path.clone(), self.lock.clone());
        let write = move || {
            let written = replace(&path, &text);
            // Nobody else has the flow before this is done, also where nobody waits for it any more.
            drop(lock);
            written
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(io::Error::other).flatten().map_err(refused)
    }

    async fn remove(&mut self) -> Result<(), CursorError> {
        self.still_leased()?;
        let removed = match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // After a power loss it would be there again.
            removed => removed.and_then(|()| sync_folder(&self.path)),
        };
        removed.map_err(|cause| refused(&self.path, cause))
    }

    async fn lost(&self) {
        std::future::pending().await
    }

    async fn release(self: Box<Self>) {}
}

/// Whether `path` is still the name of `file`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes beside the file, makes that durable, and puts it in the file's place: a crash leaves
/// the old content or the new.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    sync_folder(path)
}

/// A file's name is durable, or gone for good, only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Bytes of a cursor, at most: far more than any position has.
const MOST: u64 = 16 << 20;

fn read(path: &Path, flow: &str) -> Result<Option<Content>, CursorError> {
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|it| it.take(MOST + 1).read_to_end(&mut text));
    match opened {
        Ok(bytes) if bytes as u64 > MOST => {
            return Err(damaged(path, flow, "no cursor is as large".into()));
        }
        Ok(_) => {}
        // A link that leads nowhere is a disk that is away, and no flow that has not begun.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(None);
        }
        Err(error) => return Err(refused(path, error)),
    }
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(damaged(path, flow, "it is empty".into()));
    }
    match serde_json::from_slice(&text) {
        Ok(content) => Ok(Some(content)),
        Err(error) => Err(damaged(path, flow, error.to_string())),
    }
}

fn damaged(path: &Path, flow: &str, reason: String) -> CursorError {
    CursorError::Damaged {
        location: path.display().to_string(),
        reason,
        advice: format!(
            "restore the file, set the place yourself with `highwater cursor set {flow} VALUE`, \
             or start from the beginning with `highwater cursor reset {flow}`"
        ),
    }
}

fn refused(path: &Path, cause: io::Error) -> CursorError {
    let advice = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: make room",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give this user the right to write there, or name another folder under `[cursors]`"
        }
        _ => "see to that path, or name another folder under `[cursors]`",
    };
    CursorError::Refused {
        location: path.display().to_string(),
        advice: advice.into(),
        cause: cause.into(),
    }
}

/// The longest file name, without its extension; file systems hold 255 bytes.
const LONGEST_NAME: usize = 200;

/// A flow's name as a file name: what a file system may not like is written as `%` and two hex
/// digits, so that two flows never share a file. A long name ends in `~` and its fingerprint; the
/// whole name stands in the file.
pub(crate) fn file_name(flow: &str) -> String {
    let mut name = String::with_capacity(flow.len() + 5);
    for byte in flow.bytes() {
        match byte {
            b'/' => name.push('@'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(byte as char),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    if name.len() > LONGEST_NAME {
        name.truncate(LONGEST_NAME - 17);
        name.push_str(&format!("~{:016x}", fingerprint(flow)));
    }
    name.push_str(".json");
    name
}

/// FNV-1a, which will be the same in every version of every machine.
fn fingerprint(flow: &str) -> u64 {
    flow.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The flow that a file name stands for, as well as it can be told.
fn flow_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let hex = others.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let escaped = hex.and_then(|it| u8::from_str_radix(it, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            _ => {
                bytes.push(if first == b'@' { b'/' } else { first });
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
