//! One table of a settings file, read key by key: mistakes are collected, never returned.
//!
//! What a method gives back for a wrong value is a stand-in that nobody will see: settings are
//! handed out only where there is no mistake at all.

use std::{collections::BTreeMap, ops::Range};

use secrecy::SecretString;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    nearest::{advice, nearest},
    reading::{Known, Reading, Scalar, Wanted, article},
};

/// Bytes of a name, at most. A task's name has to fit into the column `topic` (255 characters) of
/// tables of dead letters, and into the name of a file (255 bytes) with what is put behind it.
pub(super) const LONGEST_NAME: usize = 200;

/// A table while it is read.
pub(super) struct Section<'a> {
    pub reading: &'a Reading<'a>,
    /// Its dotted path; empty for the whole file.
    pub path: String,
    /// The path with `*` for names that people choose.
    pub pattern: String,
    /// Where it begins, for what is missing in it.
    pub span: Range<usize>,
    /// The table; `None` where it is not written and defaults stand.
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub fn root(reading: &'a Reading<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(reading, String::new(), String::new(), 0..0, Some(table))
    }

    fn new(
        reading: &'a Reading<'a>,
        path: String,
        pattern: String,
        span: Range<usize>,
        table: Option<&'a DeTable<'a>>,
    ) -> Self {
        let asked = Vec::new();
        Self {
            reading,
            path,
            pattern,
            span,
            table,
            asked,
        }
    }

    /// A list of texts; one text alone is a list of one. Empty where it is not written.
    pub fn texts(&mut self, key: &'static str) -> Vec<Scalar> {
        let Some(value) = self.value(key) else {
            self.known(key, None, None);
            return Vec::new();
        };
        self.known(key, None, Some("[…]".to_owned()));
        let path = self.path_of(key);
        let DeValue::Array(array) = value.get_ref() else {
            return Vec::from_iter(self.reading.scalar(&path, value, Wanted::Text));
        };
        if array.is_empty() {
            self.wrong(key, &value.span(), "must not be empty".to_owned(), None);
        }
        let items = array.iter().enumerate().filter_map(|(index, item)| {
            self.reading
                .scalar(&format!("{path}[{index}]"), item, Wanted::Text)
        });
        items.collect()
    }

    /// A list of tables, each read by `read`; all are known by `pattern`.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        pattern: &str,
        mut read: impl FnMut(&mut Section<'a>) -> T,
    ) -> Vec<T> {
        let value = self.value(key);
        self.known(key, None, value.map(|_| "[…]".to_owned()));
        let Some(value) = value else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let DeValue::Array(array) = value.get_ref() else {
            let message = format!("must be a list, not {}", article(value.get_ref()));
            self.wrong(key, &value.span(), message, None);
            return Vec::new();
        };
        let mut items = Vec::with_capacity(array.len());
        for (index, item) in array.iter().enumerate() {
            let (path, pattern) = (format!("{path}[{index}]"), pattern.to_owned());
            if let Some(inner) = table_of(self.reading, path, pattern, item.span(), item) {
                items.push(inner.finish(&mut read));
            }
        }
        items
    }

    /// A table whose keys are names of fields, each with a value of one of the `wanted` types.
    pub fn pairs(&mut self, key: &'static str, wanted: &[Wanted]) -> Vec<(String, Pair)> {
        let Some(inner) = self.inner(key) else {
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, value) in inner.table.into_iter().flat_map(|it| it.iter()) {
            let own = match value.get_ref() {
                DeValue::Integer(_) => Wanted::Number,
                DeValue::Boolean(_) => Wanted::Flag,
                _ => Wanted::Text,
            };
            let wanted = *wanted
                .iter()
                .find(|it| **it == own)
                .unwrap_or(&Wanted::Text);
            let path = inner.path_of(name.get_ref());
            if let Some(Scalar { text, span, here }) = self.reading.scalar(&path, value, wanted) {
                let pair = Pair {
                    text,
                    span,
                    wanted,
                    here,
                };
                pairs.push((name.get_ref().to_string(), pair));
            }
        }
        pairs
    }

    /// A table of its own, read by `read`; where it is not written, defaults stand.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        let inner = self.inner(key).unwrap_or_else(|| {
            let (path, pattern) = (self.path_of(key), join(&self.pattern, key));
            Section::new(self.reading, path, pattern, self.span.clone(), None)
        });
        inner.finish(read)
    }

    /// A table of its own whose keys are known by `pattern`, as another's that has the same.
    pub fn section_as<T>(
        &mut self,
        key: &'static str,
        pattern: &str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        let inner = self.inner(key).unwrap_or_else(|| {
            let path = self.path_of(key);
            let pattern = pattern.to_owned();
            Section::new(self.reading, path, pattern, self.span.clone(), None)
        });
        let pattern = pattern.to_owned();
        Section { pattern, ..inner }.finish(read)
    }

    /// A table of its own, where it is written.
    pub fn optional_section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        self.inner(key).map(|inner| inner.finish(read))
    }

    /// A table whose keys are names that people choose, each a table read by `read`.
    pub fn entries<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str, &mut Section<'a>) -> T,
    ) -> BTreeMap<String, T> {
        let mut entries = BTreeMap::new();
        let Some(inner) = self.inner(key) else {
            return entries;
        };
        for (name, value) in inner.table.into_iter().flat_map(|it| it.iter()) {
            let path = inner.path_of(name.get_ref());
            if !is_name(name.get_ref()) {
                let message = "a name has letters, digits, `-`, `_` and `.` only".to_owned();
                self.reading.mistake(&path, name.span(), message, None);
            }
            if name.get_ref().len() > LONGEST_NAME {
                let message = format!("is longer than {LONGEST_NAME} bytes");
                let help = "shorten the name: files, topics and columns are called after it";
                let help = Some(help.to_owned());
                self.reading.mistake(&path, name.span(), message, help);
            }
            let pattern = join(&inner.pattern, "*");
            if let Some(entry) = table_of(self.reading, path, pattern, name.span(), value) {
                let entry = entry.finish(|it| read(name.get_ref(), it));
                entries.insert(name.get_ref().to_string(), entry);
            }
        }
        entries
    }

    /// A table whose keys are not ours and whose values are nobody's business.
    pub fn secrets(&mut self, key: &'static str) -> BTreeMap<String, (Range<usize>, SecretString)> {
        let mut secrets = BTreeMap::new();
        let Some(inner) = self.inner(key) else {
            return secrets;
        };
        for (name, value) in inner.table.into_iter().flat_map(|it| it.iter()) {
            let path = inner.path_of(name.get_ref());
            if let Some(it) = self.reading.scalar(&path, value, Wanted::Secret) {
                let secret = SecretString::from(it.text);
                secrets.insert(name.get_ref().to_string(), (name.span(), secret));
            }
        }
        secrets
    }

    /// Whether a key is written, and where its value stands.
    pub fn written(&self, key: &str) -> Option<Range<usize>> {
        Some(self.table?.get(key)?.span())
    }

    /// Whether a key is written, and its value is a table.
    pub fn is_table(&self, key: &str) -> bool {
        let value = self.table.and_then(|it| it.get(key));
        value.is_some_and(|it| matches!(it.get_ref(), DeValue::Table(_)))
    }

    /// Complains of a key that has its place elsewhere.
    pub fn out_of_place(&mut self, key: &'static str, message: &str) {
        self.asked.push(key);
        if let Some(span) = self.written(key) {
            self.wrong(key, &span, message.to_owned(), None);
        }
    }

    /// A mistake in the value of `key`.
    pub fn wrong(&self, key: &str, span: &Range<usize>, message: String, help: Option<String>) {
        self.reading
            .mistake(&self.path_of(key), span.clone(), message, help);
    }

    /// A mistake about what is not there, of this section or one of its keys.
    pub fn missing(&self, key: &str, message: String, help: Option<String>) {
        let path = self.path_of(key);
        self.reading
            .absence(&path, self.span.clone(), message, help);
    }

    /// Leaves all keys that were not asked for unread and without complaint.
    pub fn leave_the_rest(&mut self) {
        self.table = None;
    }

    /// The path of one of its keys, or its own where `key` is empty.
    pub fn path_of(&self, key: &str) -> String {
        match key {
            "" => self.path.clone(),
            bare if is_bare(bare) => join(&self.path, bare),
            other => join(&self.path, &format!("{other:?}")),
        }
    }

    /// Complains where `key` is not written.
    pub fn needed(&self, key: &str, example: &str) {
        if self.written(key).is_none() {
            let help = format!("add {key} = {example}");
            self.missing(key, "is missing".to_owned(), Some(help));
        }
    }

    pub fn required(&mut self, key: &'static str, wanted: Wanted, example: &str) -> Option<Scalar> {
        self.needed(key, example);
        self.scalar(key, wanted, None)
    }

    pub fn scalar(
        &mut self,
        key: &'static str,
        wanted: Wanted,
        default: Option<String>,
    ) -> Option<Scalar> {
        let scalar = self.value(key).and_then(|value| {
            let path = self.path_of(key);
            self.reading.scalar(&path, value, wanted)
        });
        let secret = matches!(wanted, Wanted::Secret | Wanted::Url);
        let text = scalar
            .as_ref()
            .map(|it| if secret { "…" } else { &it.text });
        self.known(key, default, text.map(str::to_owned));
        scalar
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.table?.get(key)
    }

    fn inner(&mut self, key: &'static str) -> Option<Section<'a>> {
        let value = self.value(key);
        self.known(key, None, value.map(|_| "{…}".to_owned()));
        let value = value?;
        let span = value.span();
        let (path, pattern) = (self.path_of(key), join(&self.pattern, key));
        table_of(self.reading, path, pattern, span, value)
    }

    fn known(&self, key: &str, default: Option<String>, written: Option<String>) {
        self.reading.known.borrow_mut().push(Known {
            pattern: join(&self.pattern, key),
            default,
            written,
        });
    }

    /// Reads what is known, then refuses what is left.
    pub fn finish<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(&mut self);
        for (name, value) in self.table.into_iter().flat_map(|it| it.iter()) {
            if self.asked.iter().any(|it| it == name.get_ref()) {
                continue;
            }
            let help = advice(name.get_ref(), &self.asked);
            let path = self.path_of(name.get_ref());
            self.reading
                .mistake(&path, name.span(), "unknown key".to_owned(), Some(help));
            // A slip in a plain key's name does not make its value a secret.
            let near = nearest(name.get_ref(), self.asked.iter().copied());
            if let Some(meant) = near {
                // Both would be said of one slip: `topik` is unknown, and `topic` is missing.
                self.reading.not_missing(&self.path_of(meant));
            }
            if near.is_some_and(|it| !matches!(it, "url" | "password" | "options"))
                && !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_))
            {
                self.reading.shown.borrow_mut().plain.push(value.span());
            }
        }
        value
    }
}

/// A value of `pairs`.
pub(super) struct Pair {
    pub text: String,
    pub span: Range<usize>,
    pub wanted: Wanted,
    /// Whether it stands in the file itself.
    pub here: bool,
}

/// The section of a value that must be a table.
fn table_of<'a>(
    reading: &'a Reading<'a>,
    path: String,
    pattern: String,
    span: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
) -> Option<Section<'a>> {
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("must be a table, not {}", article(value.get_ref()));
        reading.mistake(&path, value.span(), message, None);
        return None;
    };
    Some(Section::new(reading, path, pattern, span, Some(table)))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn is_bare(key: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    !key.is_empty() && key.bytes().all(plain)
}

/// Names go into file names, topics and groups.
fn is_name(name: &str) -> bool {
    name.starts_with(|it: char| it.is_alphanumeric() || it == '_')
        && name
            .chars()
            .all(|it| it.is_alphanumeric() || matches!(it, '-' | '_' | '.'))
}
