//! What a known key means, which of two changes is the newer, and what becomes of deletions.

/// How rows that are there already are treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowRules {
    /// What is done with a record whose key is known.
    pub on_known: OnKnown,
    /// The column that tells which of two changes is the newer; its field has the same name.
    pub version: Option<String>,
    /// What is done with deletions.
    pub on_delete: OnDelete,
    /// The columns that tell whose rows these are; none where a row stands by itself. With them, a
    /// deletion names their values and removes all rows that have them: so the rows of a parent are
    /// replaced by a deletion in front of the new ones.
    pub replace_by: Vec<String>,
    /// Which keys are one row's.
    pub key_match: KeyMatch,
}

/// Which keys are one row's, where the target's collation takes keys for equal that differ: by case,
/// by accents, by blanks at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyMatch {
    /// As the source takes them, where it has a unique index of the same fields by the same collation;
    /// else `Exact`.
    #[default]
    Auto,
    /// Those that are equal byte by byte. A record whose key the target takes for another row's is
    /// refused.
    Exact,
    /// Those that the collation takes for equal: the row takes the record's spelling of the key.
    Collation,
}

/// What is done with a record whose key is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnKnown {
    /// The row takes the record's values.
    #[default]
    Update,
    /// The row stays as it is.
    Ignore,
}

/// What is done with deletions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDelete {
    /// The row goes.
    #[default]
    Delete,
    /// The row stays.
    Ignore,
    /// The message becomes a dead letter.
    Refuse,
}
