//! A table of MySQL or MariaDB as the settings name it.

use super::identifier::{NotAName, backticked};

/// A table, and its database where that is not the connection's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The database, where it is named.
    pub database: Option<String>,
    /// The table.
    pub table: String,
}

/// What names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATable {
    /// A part is no name.
    #[error(transparent)]
    Part(#[from] NotAName),
    /// There are more dots than between a database and a table.
    #[error(
        "`{0}` may be a database and a table in several ways: write a name that holds a dot in \
         backticks, as in \"shop.`a.b`\""
    )]
    Dots(String),
    /// A backtick opens a name and none closes it, or something follows that is no dot.
    #[error(
        "`{0}` begins a name with a backtick that none ends: write \"`a.b`\", and a backtick within \
         the name twice"
    )]
    Open(String),
    /// A part is longer than a name may be.
    #[error(
        "`{0}` is longer than the {LONGEST} characters that MySQL and MariaDB allow in the name of a database or table"
    )]
    Long(String),
    /// A part ends with what the servers take for a slip.
    #[error(
        "`{0}` ends with a blank, which no name of a database or table of MySQL or MariaDB may"
    )]
    Blank(String),
}

/// Characters of a name in MySQL and MariaDB, at most.
const LONGEST: usize = 64;

impl TableName {
    /// From `table` or `database.table`. A name that holds a dot, or begins with a backtick, stands
    /// in backticks, as the servers themselves write it: ``shop.`a.b` ``.
    ///
    /// # Errors
    /// Where it is not clear which table is meant.
    pub fn parse(text: &str) -> Result<Self, NotATable> {
        let (first, rest) = part(text)?;
        let (database, table) = match rest {
            None => (None, first),
            Some(rest) => match part(rest)? {
                (table, None) => (Some(first), table),
                (_, Some(_)) => return Err(NotATable::Dots(text.to_owned())),
            },
        };
        for name in database.iter().chain([&table]) {
            allowed(name)?;
        }
        Ok(Self { database, table })
    }

    /// As it stands in a statement.
    ///
    /// # Errors
    /// Where a part is no name.
    pub fn quoted(&self) -> Result<String, NotAName> {
        let table = backticked(&self.table)?;
        match &self.database {
            None => Ok(table),
            Some(database) => Ok(format!("{}.{table}", backticked(database)?)),
        }
    }
}

/// Whether a database or a table may be called so.
///
/// # Errors
/// Why it may not.
pub fn allowed(name: &str) -> Result<(), NotATable> {
    backticked(name)?;
    if name.chars().count() > LONGEST {
        return Err(NotATable::Long(name.to_owned()));
    }
    if name.ends_with(|it: char| it.is_ascii_whitespace() || it == '\u{b}') {
        return Err(NotATable::Blank(name.to_owned()));
    }
    Ok(())
}

/// The first name of `text`, and what is behind the dot after it.
fn part(text: &str) -> Result<(String, Option<&str>), NotATable> {
    let Some(mut rest) = text.strip_prefix('`') else {
        return Ok(match text.split_once('.') {
            None => (text.to_owned(), None),
            Some((name, rest)) => (name.to_owned(), Some(rest)),
        });
    };
    let open = || NotATable::Open(text.to_owned());
    let mut name = String::new();
    loop {
        let (within, behind) = rest.split_once('`').ok_or_else(open)?;
        name.push_str(within);
        if let Some(more) = behind.strip_prefix('`') {
            name.push('`');
            rest = more;
        } else if behind.is_empty() {
            return Ok((name, None));
        } else {
            return Ok((name, Some(behind.strip_prefix('.').ok_or_else(open)?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_dot_stands_in_backticks() {
        for (text, quoted) in [
            ("info", "`info`"),
            ("shop.info", "`shop`.`info`"),
            ("`a.b`", "`a.b`"),
            ("shop.`a.b`", "`shop`.`a.b`"),
            ("`d.b`.t", "`d.b`.`t`"),
            ("`d.b`.`a``.b`", "`d.b`.`a``.b`"),
            ("p%c nt.t`ick", "`p%c nt`.`t``ick`"),
            (" lead", "` lead`"),
            ("`a`", "`a`"),
        ] {
            let parsed = TableName::parse(text).expect(text);
            assert_eq!(parsed.quoted().as_deref(), Ok(quoted), "{text}");
        }
    }

    #[test]
    fn what_may_be_meant_in_several_ways_is_refused_with_the_remedy() {
        for (text, words) in [
            ("a.b.c", "write a name that holds a dot in backticks"),
            ("`a.b", "that none ends"),
            ("`a.b`c", "that none ends"),
            ("`", "that none ends"),
            ("", "is empty"),
            ("shop.", "is empty"),
            (".info", "is empty"),
            ("``.t", "is empty"),
            ("a\0b", "zero byte"),
            ("shop.a😀", "such as an emoji"),
        ] {
            let error = TableName::parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
