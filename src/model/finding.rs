//! What a check has found, in a person's words.

/// What a check has found, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// One sentence; for a problem it says what to do.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It works.
    Good,
    /// It works, and this is what it does not cover.
    Note,
    /// The flow would fail.
    Problem,
}
