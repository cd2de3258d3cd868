//! Names in SQL text: the one place where anything but our own words gets into a statement.
//!
//! Values are always bound. Only names (tables, columns, databases) have to be written into the
//! text, and they pass through here.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

/// A name that no SQL text can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// In any system.
    #[error("{0:?} is not a name of a table or column: it is empty or holds a zero byte")]
    Nothing(String),
    /// In MySQL and MariaDB, which keep names in three bytes a character.
    #[error(
        "{0:?} is not a name of a table or column of MySQL or MariaDB: these take no character above \
         U+FFFF, such as an emoji, in names"
    )]
    FourBytes(String),
}

/// `name` in backticks, as MySQL and MariaDB quote whatever their `sql_mode` is.
///
/// # Errors
/// Where the name is empty or holds a zero byte or a character of four bytes.
pub fn backticked(name: &str) -> Result<String, NotAName> {
    if name.chars().any(|it| it.len_utf8() > 3) {
        return Err(NotAName::FourBytes(name.to_owned()));
    }
    quoted(name, '`')
}

/// `name` in double quotes, as SQLite quotes.
///
/// # Errors
/// Where the name is empty or holds a zero byte.
pub fn double_quoted(name: &str) -> Result<String, NotAName> {
    quoted(name, '"')
}

/// Statement text of our own words and quoted names, as the driver wants it.
pub fn statement(text: impl Into<Arc<str>>) -> AssertSqlSafe<Arc<str>> {
    AssertSqlSafe(text.into())
}

fn quoted(name: &str, quote: char) -> Result<String, NotAName> {
    if name.is_empty() || name.contains('\0') {
        return Err(NotAName::Nothing(name.to_owned()));
    }
    let mut text = String::with_capacity(name.len() + 2);
    text.push(quote);
    for character in name.chars() {
        if character == quote {
            text.push(quote);
        }
        text.push(character);
    }
    text.push(quote);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_inside_a_name_does_not_end_it() {
        assert_eq!(
            backticked("a`; DROP TABLE b; -- "),
            Ok("`a``; DROP TABLE b; -- `".to_owned())
        );
        assert_eq!(double_quoted("a\"b`c"), Ok("\"a\"\"b`c\"".to_owned()));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a\0b"] {
            assert_eq!(backticked(name), Err(NotAName::Nothing(name.to_owned())));
            assert_eq!(double_quoted(name), Err(NotAName::Nothing(name.to_owned())));
        }
    }

    #[test]
    fn a_character_of_four_bytes_is_named_as_the_reason_where_it_is_one() {
        let refused = backticked("orders😀").expect_err("no name").to_string();
        assert!(refused.contains("such as an emoji"), "{refused}");
        assert_eq!(backticked("订单"), Ok("`订单`".to_owned()));
        assert_eq!(double_quoted("a😀"), Ok("\"a😀\"".to_owned()));
    }
}
