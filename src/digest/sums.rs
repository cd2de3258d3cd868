//! Sums over ranges of a key, computed where the rows are.

use async_trait::async_trait;

use super::DigestError;

/// A table that can sum up its own rows. Two tables whose sums are equal have equal rows, where
/// their `forms` are equal; where sums differ, rows need not: that is for others to look into.
#[async_trait]
pub trait Sums: Send + Sync {
    /// Whether rows are summed up in the order of the primary key, which begins with the key.
    fn is_along_primary(&self) -> bool;

    /// The same in the order of the rows' hashes, which any two tables have in common.
    #[must_use]
    fn along_hashes(self: Box<Self>) -> Box<dyn Sums>;

    /// Into which text each column's values are brought before they are summed up. Sums of
    /// different forms say nothing of each other.
    fn forms(&self) -> &[String];

    /// The key of the row that is `rows` behind `after`; `None` where there are no more.
    ///
    /// # Errors
    /// As `DigestError` says.
    async fn cut(&self, after: Option<i128>, rows: u64) -> Result<Option<i128>, DigestError>;

    /// The sum of the rows whose key is in `range`.
    ///
    /// # Errors
    /// As `DigestError` says.
    async fn sum(&self, range: Range) -> Result<Sum, DigestError>;

    /// How many rows can be summed up at once.
    fn most(&self) -> u64;
}

/// Rows by the first column of their key, which is a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// Behind this; from the first where there is none.
    pub after: Option<i128>,
    /// Up to this and with it; to the last where there is none.
    pub up_to: Option<i128>,
}

/// The sum of some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub rows: u64,
    /// The hash of their hashes, each of 256 bits, in the order of the key; `None` where one of the rows is
    /// too long to be hashed, or there are too many, which is no sum at all.
    pub hash: Option<String>,
}
