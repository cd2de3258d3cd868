//! The names that an ENUM or a SET chooses from.

use std::borrow::Cow;

/// The members of an ENUM or a SET, in the order in which the table declares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    declared: Vec<String>,
    sorted: Vec<String>,
    tells_all_apart: bool,
}

impl Members {
    /// Members of these names. The catalogues show characters past U+FFFF as `?`: such texts are taken
    /// where the server `tells_all_apart`, as it finds or refuses them by itself.
    pub fn new(declared: Vec<String>, tells_all_apart: bool) -> Self {
        let mut sorted = declared.clone();
        sorted.sort_unstable();
        Self {
            declared,
            sorted,
            tells_all_apart,
        }
    }

    /// Whether `text` is the name of one, byte by byte.
    pub(super) fn has(&self, text: &str) -> bool {
        let shown = self.shown(text);
        let order = |name: &String| name.as_str().cmp(&*shown);
        self.sorted.binary_search_by(order).is_ok()
    }

    /// Whether `text` names members in their order, none of them twice.
    pub(super) fn has_in_order(&self, text: &str) -> bool {
        let (shown, mut rest) = (self.shown(text), self.declared.iter());
        shown.split(',').all(|name| rest.any(|it| it == name))
    }

    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        // Their UTF-8 begins with such a byte.
        let has_far = text.bytes().any(|it| it >= 0xf0);
        if has_far && self.tells_all_apart {
            text.replace(|it: char| u32::from(it) > 0xffff, "?").into()
        } else {
            text.into()
        }
    }
}

/// The names in a column's type as the servers print it (`enum('a','it''s')`): quotes are doubled, and
/// what would break a line is escaped. `None` where they cannot be read.
pub fn member_names(column_type: &str) -> Option<Vec<String>> {
    let listed = column_type.strip_prefix("enum(");
    let listed = listed.or_else(|| column_type.strip_prefix("set("))?;
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
