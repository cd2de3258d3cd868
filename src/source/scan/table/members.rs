//! The names that a column chooses from: its rows are ordered by their numbers, not by their text.

/// The members of an ENUM or a SET, in the order in which the table declares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Members {
    names: Vec<String>,
    /// A SET's value is any of them, a comma between two.
    several: bool,
}

impl Members {
    /// Out of a column's type as the servers print it: `enum('a','it''s')`.
    ///
    /// # Errors
    /// Why a value's text does not tell its number.
    pub fn of_type(column_type: &str) -> Result<Self, &'static str> {
        let unread = "its members cannot be read";
        let (several, listed) = match column_type.strip_prefix("enum(") {
            Some(listed) => (false, listed),
            None => (true, column_type.strip_prefix("set(").ok_or(unread)?),
        };
        let names = names(listed).ok_or(unread)?;
        if names.iter().any(String::is_empty) {
            return Err("one of its members has no text, as has the value that is no member");
        }
        if several && names.len() > 53 {
            // Compared as floats, and the sign of the 64th comes first in a sort, last in an index
            // (seen on MySQL 9.7).
            return Err("the server takes sets of more than 53 members for one another");
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        if sorted.windows(2).any(|it| it[0] == it[1]) {
            return Err("two of its members have one text");
        }
        Ok(Self { names, several })
    }

    /// The number that a value is stored and ordered by; `None` where it names no member.
    pub fn number(&self, text: &str) -> Option<u64> {
        let bit = |name: &str| self.names.iter().position(|it| it == name);
        if text.is_empty() {
            // A SET of none, and what an ENUM holds instead of a value that it refused.
            Some(0)
        } else if self.several {
            let mut parts = text.split(',');
            parts.try_fold(0, |bits, name| Some(bits | 1_u64 << bit(name)?))
        } else {
            bit(text).map(|it| it as u64 + 1)
        }
    }
}

/// Quoted names with commas between them and a bracket behind; quotes are doubled, and what would
/// break a line is escaped.
fn names(listed: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut characters = listed.chars().peekable();
    loop {
        characters.next().filter(|it| *it == '\'')?;
        let mut name = String::new();
        loop {
            match characters.next()? {
                '\'' if characters.next_if_eq(&'\'').is_some() => name.push('\''),
                '\'' => break,
                '\\' => name.push(match characters.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    '0' => '\0',
                    other => other,
                }),
                other => name.push(other),
            }
        }
        names.push(name);
        match characters.next()? {
            ',' => {}
            ')' => return Some(names).filter(|_| characters.next().is_none()),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_the_number_of_its_place() {
        let of = "enum('zeta','it''s','b\\\\s','a\\nb','x,y','7','Ünï')";
        let members = Members::of_type(of).expect("members");
        let names = ["", "zeta", "it's", "b\\s", "a\nb", "x,y", "7", "Ünï"];
        for (number, name) in names.iter().enumerate() {
            assert_eq!(members.number(name), Some(number as u64), "{name}");
        }
        assert_eq!(members.number("Zeta"), None);
    }

    #[test]
    fn a_set_has_a_bit_for_each_member() {
        let of = |count: u8| {
            let names: Vec<String> = (0..count).map(|it| format!("'m{it}'")).collect();
            Members::of_type(&format!("set({})", names.join(",")))
        };
        assert!(of(54).is_err());
        let members = of(53).expect("members");
        assert_eq!(members.number(""), Some(0));
        assert_eq!(members.number("m0,m2"), Some(5));
        assert_eq!(members.number("m52"), Some(1 << 52));
        assert_eq!(members.number("m0,m53"), None);
    }

    #[test]
    fn members_that_do_not_tell_their_number_are_refused() {
        for of in [
            "enum('','a')",
            "set('')",
            "enum('a','a')",
            "enum('a'",
            "enum(a)",
            "set()",
            "int",
            "enum('a','b') x",
        ] {
            assert!(Members::of_type(of).is_err(), "{of}");
        }
    }
}
