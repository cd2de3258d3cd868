//! The file of the deduplication window: appended blocks, each with its checksum.
//!
//! A file of its own rather than a table: it is written before each early batch goes out, read once
//! at a start, and needs no order and no search. Whatever does not read as it was written makes the
//! whole of it worthless, since a later block may say what a row has become.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{fs, io::AsyncWriteExt};
use xxhash_rust::xxh3::xxh3_64;

/// Key, digest, batch.
pub(super) type Row = (u128, u128, u64);

pub(super) struct DeduplicationFile {
    path: PathBuf,
    open: Option<fs::File>,
    rows: usize,
}

/// With its version in it.
const MAGIC: &[u8; 16] = b"highwater early1";

/// Magic and life.
const HEAD: usize = 24;

/// Two digests and a batch.
const ROW: usize = 40;

impl DeduplicationFile {
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            rows: 0,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows that it holds, counting each as often as it was written.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether nothing can be written any more.
    pub fn is_broken(&self) -> bool {
        self.open.is_none()
    }

    /// All rows that were written in `life`, in their order.
    pub async fn load(&mut self, life: u64) -> Result<Vec<Row>, String> {
        let bytes = match fs::read(&self.path).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err("the file is missing".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        };
        parse(&bytes, life)
    }

    /// Puts a file of these rows in its place, durably.
    pub async fn replace(&mut self, life: u64, rows: &[Row]) -> io::Result<()> {
        self.open = None;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).await?;
        }
        let beside = self.path.with_extension("new");
        let mut file = fs::File::create(&beside).await?;
        file.write_all(&head(life)).await?;
        if !rows.is_empty() {
            file.write_all(&block(rows)).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        fs::rename(&beside, &self.path).await?;
        if let Some(folder) = self.path.parent() {
            fs::File::open(folder).await?.sync_all().await?;
        }
        (self.open, self.rows) = (Some(file), rows.len());
        Ok(())
    }

    /// Appends the rows of a batch; `durably` where they say what others have become.
    pub async fn append(
        &mut self,
        rows: &[(u128, u128)],
        batch: u64,
        durably: bool,
    ) -> io::Result<()> {
        let Some(mut file) = self.open.take() else {
            return Ok(());
        };
        if !rows.is_empty() {
            let rows: Vec<Row> = rows.iter().map(|it| (it.0, it.1, batch)).collect();
            file.write_all(&block(&rows)).await?;
            file.flush().await?;
            self.rows += rows.len();
        }
        if durably {
            file.sync_data().await?;
        }
        self.open = Some(file);
        Ok(())
    }
}

fn head(life: u64) -> Vec<u8> {
    [&MAGIC[..], &life.to_le_bytes()].concat()
}

/// How many rows, their checksum, the rows.
fn block(rows: &[Row]) -> Vec<u8> {
    let mut body = Vec::with_capacity(rows.len() * ROW);
    for (key, digest, batch) in rows {
        body.extend(key.to_le_bytes());
        body.extend(digest.to_le_bytes());
        body.extend(batch.to_le_bytes());
    }
    let count = (rows.len() as u64).to_le_bytes();
    let sum = xxh3_64(&body).to_le_bytes();
    [&count[..], &sum, &body].concat()
}

fn parse(bytes: &[u8], life: u64) -> Result<Vec<Row>, String> {
    let damaged = || "the file is damaged".to_owned();
    let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    if take::<8>(&mut rest).map(u64::from_le_bytes) != Some(life) {
        return Err(if bytes.len() < HEAD {
            damaged()
        } else {
            "the file is of another cursor, or of one before a reset".to_owned()
        });
    }
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let count = take::<8>(&mut rest).map(u64::from_le_bytes);
        let sum = take::<8>(&mut rest).map(u64::from_le_bytes);
        let length = count.and_then(|it| usize::try_from(it).ok()?.checked_mul(ROW));
        let (mut body, others) = length
            .and_then(|it| rest.split_at_checked(it))
            .ok_or_else(damaged)?;
        if sum != Some(xxh3_64(body)) {
            return Err(damaged());
        }
        rest = others;
        while let (Some(key), Some(digest), Some(batch)) = (
            take::<16>(&mut body),
            take::<16>(&mut body),
            take::<8>(&mut body),
        ) {
            let (key, digest) = (u128::from_le_bytes(key), u128::from_le_bytes(digest));
            rows.push((key, digest, u64::from_le_bytes(batch)));
        }
    }
    Ok(rows)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk::<N>()?;
    *rest = others;
    Some(*first)
}
