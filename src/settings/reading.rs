//! One pass over a settings file: what its sections share, and how a value becomes text.

use std::{
    cell::RefCell,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    mask::Shown,
    mistake::{Follows, Mistake},
    schedules::Commands,
};

/// A mounted secret is small; whatever is larger is another file.
const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What all sections of a file share while they are read: mistakes are collected here, and
/// reading goes on behind them with values that nobody will see.
pub(super) struct Reading<'a> {
    pub environment: Environment<'a>,
    /// Reads what schedules run.
    pub commands: Commands<'a>,
    /// Relative paths start here.
    pub folder: &'a Path,
    pub mistakes: RefCell<Vec<Mistake>>,
    pub shown: RefCell<Shown>,
    /// Every key that was asked for, so that the shipped file can be held against the code.
    pub known: RefCell<Vec<Known>>,
}

/// A key that the reader knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Its path, with `*` for names that people choose: `data-types.*.topic`.
    pub pattern: String,
    /// The default as it would be written.
    pub default: Option<String>,
    /// What is written.
    pub written: Option<String>,
}

/// A single value as text, wherever it came from.
pub(super) struct Scalar {
    pub text: String,
    pub span: Range<usize>,
    /// Whether it stands in the file itself, so that a mistake may quote it.
    pub here: bool,
}

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Text,
    Secret,
    Url,
    Number,
    Flag,
}

impl Scalar {
    fn here(text: String, span: Range<usize>) -> Self {
        let here = true;
        Self { text, span, here }
    }

    /// The value for a mistake's words; one from elsewhere, or a URL, is not quoted.
    pub fn quoted(&self) -> String {
        if self.here && !self.text.contains("://") {
            format!("`{}`", self.text.chars().take(60).collect::<String>())
        } else {
            "this value".to_owned()
        }
    }
}

impl<'a> Reading<'a> {
    pub fn new(environment: Environment<'a>, commands: Commands<'a>, folder: &'a Path) -> Self {
        Self {
            environment,
            commands,
            folder,
            mistakes: RefCell::default(),
            shown: RefCell::default(),
            known: RefCell::default(),
        }
    }

    pub fn mistake(&self, path: &str, span: Range<usize>, message: String, help: Option<String>) {
        let mut mistake = Mistake::new(path, message, Some(span));
        mistake.help = help;
        self.mistakes.borrow_mut().push(mistake);
    }

    /// A mistake that may vanish when the file's syntax is right.
    pub fn absence(&self, path: &str, span: Range<usize>, message: String, help: Option<String>) {
        let mut mistake = Mistake::new(path, message, Some(span));
        mistake.help = help;
        mistake.follows = Follows::Syntax;
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Takes back that `path` is missing.
    pub fn not_missing(&self, path: &str) {
        let missing = |it: &Mistake| it.path == path && it.message.starts_with("is missing");
        self.mistakes.borrow_mut().retain(|it| !missing(it));
    }

    /// A relative path starts at the settings file's folder.
    pub fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// The text of `value`: as it stands, from the environment, or from a file.
    pub fn scalar(
        &self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: Wanted,
    ) -> Option<Scalar> {
        let span = value.span();
        match (value.get_ref(), wanted) {
            (DeValue::Table(table), _) if table.contains_key("file") => {
                self.filed_text(path, span, table)
            }
            (DeValue::Integer(number), Wanted::Number) => {
                self.show(&span, wanted);
                Some(Scalar::here(integer_text(number), span))
            }
            (DeValue::Boolean(flag), Wanted::Flag) => {
                self.show(&span, wanted);
                Some(Scalar::here(flag.to_string(), span))
            }
            // A number or a flag may come from outside, but its own text needs no quotes.
            (DeValue::String(raw), Wanted::Number | Wanted::Flag) if !raw.contains("${") => {
                self.show(&span, wanted);
                let message = format!("must be {}, written without quotes", wanted.article());
                self.mistake(path, span, message, None);
                None
            }
            (DeValue::String(raw), _) => self.written_text(path, span, raw, wanted),
            (other, _) => {
                self.show(&span, wanted);
                let message = format!("must be {}, not {}", wanted.article(), article(other));
                self.mistake(path, span, message, None);
                None
            }
        }
    }

    fn written_text(
        &self,
        path: &str,
        span: Range<usize>,
        raw: &str,
        wanted: Wanted,
    ) -> Option<Scalar> {
        let (text, here) = match expand(raw, self.environment) {
            Ok(expanded) => expanded,
            Err((message, help)) => {
                self.show(&span, wanted);
                self.mistake(path, span, message, Some(help));
                return None;
            }
        };
        if is_reference(raw) {
            self.shown.borrow_mut().plain.push(span.clone());
        } else {
            self.show(&span, wanted);
        }
        if text.trim().is_empty() {
            let message = if here {
                "must not be empty"
            } else {
                "is empty where it comes from"
            };
            self.mistake(path, span, message.to_owned(), None);
            return None;
        }
        Some(Scalar { text, span, here })
    }

    fn filed_text(&self, path: &str, span: Range<usize>, table: &DeTable<'_>) -> Option<Scalar> {
        for (key, _) in table.iter().filter(|(key, _)| key.get_ref() != "file") {
            let help = "a value from a file is `{ file = \"path\" }` and nothing else";
            let at = format!("{path}.{}", key.get_ref());
            self.mistake(&at, key.span(), "unknown key".to_owned(), Some(help.into()));
        }
        let name = self.scalar(&format!("{path}.file"), table.get("file")?, Wanted::Text)?;
        let file = self.path(&name.text);
        match read_secret(&file) {
            Ok(text) if !text.trim().is_empty() => Some(Scalar {
                text,
                span,
                here: false,
            }),
            Ok(_) => {
                let message = format!("file {} is empty", name.quoted());
                self.mistake(path, span, message, None);
                None
            }
            Err(reason) => {
                let message = format!("file {} cannot be read: {reason}", name.quoted());
                let help = "a relative path starts at the settings file's folder".to_owned();
                self.mistake(path, span, message, Some(help));
                None
            }
        }
    }

    fn show(&self, span: &Range<usize>, wanted: Wanted) {
        let mut shown = self.shown.borrow_mut();
        match wanted {
            Wanted::Secret => {}
            Wanted::Url => shown.urls.push(span.clone()),
            Wanted::Text | Wanted::Number | Wanted::Flag => shown.plain.push(span.clone()),
        }
    }
}

impl Wanted {
    fn article(self) -> &'static str {
        match self {
            Self::Text | Self::Secret | Self::Url => "text in quotes",
            Self::Number => "a whole number",
            Self::Flag => "true or false",
        }
    }
}

/// What a value of the wrong type is called.
pub(super) fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Puts the environment's values for `${NAME}`; `$${` stands for `${`. Also says whether all of
/// the text stood here.
fn expand(raw: &str, environment: Environment<'_>) -> Result<(String, bool), (String, String)> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut here = true;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            text.push_str(&rest[..at - 1]);
            text.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        text.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let name = inner.find('}').map(|end| &inner[..end]);
        let Some(name) = name.filter(|it| is_variable(it)) else {
            return Err((
                "`${` is not followed by a variable's name and `}`".to_owned(),
                "write `${NAME}`, or `$${` for these very characters".to_owned(),
            ));
        };
        let Some(value) = environment(name) else {
            return Err((
                format!("environment variable `{name}` is not set"),
                format!("set it: export {name}=…"),
            ));
        };
        text.push_str(&value);
        here = false;
        rest = &inner[name.len() + 1..];
    }
    text.push_str(rest);
    Ok((text, here))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// Whether a text is one `${NAME}` and nothing else, which gives nothing away.
fn is_reference(raw: &str) -> bool {
    raw.strip_prefix("${")
        .and_then(|it| it.strip_suffix('}'))
        .is_some_and(is_variable)
}

/// The file's text without the line end that editors add.
fn read_secret(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST_SECRET_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_SECRET_BYTES {
        return Err("it is larger than 64 KiB".to_owned());
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    Ok(text)
}

fn integer_text(number: &DeInteger<'_>) -> String {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_or_else(|_| number.to_string(), |it| it.to_string())
}
