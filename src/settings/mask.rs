//! The text of a settings file without its secrets, byte for byte as long, to show lines of.
//!
//! The rule is the cautious one: what was not read as plain is hidden, an unknown key's value
//! included. Where the syntax is broken, nothing is known of a line but its first word.

use std::ops::Range;

use toml::{Spanned, de::DeValue};

/// Keys whose values are plain in a line that could not be read.
const PLAIN_KEYS: [&str; 47] = [
    "kind",
    "database",
    "path",
    "pool",
    "tls",
    "tls-ca",
    "mechanism",
    "store",
    "folder",
    "from",
    "connection",
    "collection",
    "table",
    "incremental",
    "key",
    "batch",
    "rows",
    "bytes",
    "wait",
    "workers",
    "poll",
    "late",
    "max-commit-delay",
    "clock-skew",
    "format",
    "json",
    "documents",
    "decimals",
    "instants",
    "binary",
    "broker",
    "topic",
    "create-topic",
    "partitions",
    "replication",
    "max-in-flight",
    "compression",
    "partitioner",
    "dead-letters",
    "older-cursors",
    "into",
    "drop",
    "create-table",
    "group",
    "session-timeout",
    "idle-timeout",
    "level",
];

/// The names that headings begin with.
const SECTIONS: [&str; 7] = [
    "connections",
    "cursors",
    "data-types",
    "dead-letters",
    "stop",
    "retry",
    "log",
];

/// Words of a line that is never plain, whatever its key.
const SECRET_WORDS: [&str; 6] = ["passw", "pwd", "secret", "token", "credential", "url"];

/// What a report may show of a file.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Values that are plain.
    pub plain: Vec<Range<usize>>,
    /// URLs: plain but for user, password and options.
    pub urls: Vec<Range<usize>>,
}

/// Hides every value of `root` that `shown` does not name, and every user and password of a URL.
pub(super) fn mask(text: &str, root: &Spanned<DeValue<'_>>, shown: &Shown) -> String {
    let mut bytes = text.as_bytes().to_vec();
    hide_values(&mut bytes, text, root, shown);
    hide_user_parts(&mut bytes, text);
    into_text(bytes)
}

/// Hides more, for a file whose syntax is broken: in every line what follows its first word,
/// unless that word is a key known to be plain, and what follows a heading.
pub(super) fn mask_lines(masked: &str) -> String {
    let mut bytes = masked.as_bytes().to_vec();
    let mut start = 0;
    for line in masked.split_inclusive('\n') {
        let word = line.trim_start();
        let indent = line.len() - word.len();
        let length = word
            .find(|it: char| !(it.is_alphanumeric() || matches!(it, '-' | '_' | '.')))
            .unwrap_or(word.len());
        let key = word[..length].rsplit('.').next().unwrap_or_default();
        let lower = line.to_lowercase();
        let secret = SECRET_WORDS.iter().any(|it| lower.contains(it));
        let kept = if word.starts_with('[') {
            // A heading ends at its bracket; whatever stands behind is something else.
            let name = |it: char| it.is_alphanumeric() || "[-_. ".contains(it);
            let end = word.find(|it| !name(it)).unwrap_or(word.len());
            let section = word[..end].trim_start_matches('[').split('.').next();
            // One that is not closed may be a value that went astray, but for a known name.
            let heading = word[end..].starts_with(']')
                || section.is_some_and(|it| SECTIONS.contains(&it.trim()));
            if secret || !heading { 0 } else { end }
        } else if PLAIN_KEYS.contains(&key) && !secret {
            word.len()
        } else if word[length..].trim_start().starts_with('=') {
            word.find('=').map_or(length, |it| it + 1)
        } else {
            // A first word without `=` may be a value that went astray.
            0
        };
        hide(&mut bytes, start + indent + kept..start + line.len());
        start += line.len();
    }
    into_text(bytes)
}

fn hide_values(bytes: &mut [u8], text: &str, value: &Spanned<DeValue<'_>>, shown: &Shown) {
    match value.get_ref() {
        DeValue::Table(table) => {
            for (_, inner) in table.iter() {
                hide_values(bytes, text, inner, shown);
            }
        }
        DeValue::Array(array) => {
            for inner in array.iter() {
                hide_values(bytes, text, inner, shown);
            }
        }
        _ if shown.plain.contains(&value.span()) => {}
        _ if shown.urls.contains(&value.span()) => hide_url(bytes, text, value.span()),
        _ => {
            hide(bytes, value.span());
            hide_comment_after(bytes, text, value.span().end);
        }
    }
}

/// Keeps scheme, hosts and database of a URL.
fn hide_url(bytes: &mut [u8], text: &str, span: Range<usize>) {
    let url = &text[span.clone()];
    let Some(scheme) = url.find("://") else {
        return hide(bytes, span);
    };
    let authority = scheme + 3;
    if let Some(at) = url.rfind('@') {
        hide(bytes, span.start + authority..span.start + at);
    } else if !is_hosts(&url[authority..]) {
        hide(bytes, span.start + authority..span.end);
    }
    if let Some(options) = url[authority..].find('?') {
        hide(bytes, span.start + authority + options + 1..span.end);
    }
    hide_comment_after(bytes, text, span.end);
}

/// Whether a URL goes on with hosts and ports alone, and not with a user who has no host.
fn is_hosts(rest: &str) -> bool {
    let end = rest.find(['/', '?', '"', '\'']).unwrap_or(rest.len());
    rest[..end].split(',').all(|host| {
        host.split_once(':')
            .is_none_or(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()))
    })
}

/// Somebody may have kept the old password beside the new one.
fn hide_comment_after(bytes: &mut [u8], text: &str, end: usize) {
    let rest = text[end..].lines().next().unwrap_or_default();
    if let Some(comment) = rest.find('#') {
        hide(bytes, end + comment + 1..end + rest.len());
    }
}

/// Hides what stands between `://` and `@` in any line, comments included.
fn hide_user_parts(bytes: &mut [u8], text: &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let (Some(scheme), Some(at)) = (line.find("://"), line.rfind('@'))
            && scheme + 3 < at
        {
            hide(bytes, start + scheme + 3..start + at);
        }
        start += line.len();
    }
}

fn hide(bytes: &mut [u8], span: Range<usize>) {
    let end = span.end.min(bytes.len());
    if let Some(hidden) = bytes.get_mut(span.start..end) {
        for byte in hidden {
            if !matches!(byte, b'\n' | b'\r' | b' ') {
                *byte = b'*';
            }
        }
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    // Whole characters are replaced, so that nothing is lost here.
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_host_and_loses_its_password() {
        for (url, masked) in [
            ("mysql://u:p@h:3306/d", "mysql://***@h:3306/d"),
            ("mysql://u:p@q@h/d", "mysql://*****@h/d"),
            ("mysql://h:3306/d", "mysql://h:3306/d"),
            ("mysql://h/d?ssl=1", "mysql://h/d?*****"),
            ("mysql://user:word", "mysql://*********"),
            ("hunter2", "*******"),
        ] {
            let mut bytes = url.as_bytes().to_vec();
            hide_url(&mut bytes, url, 0..url.len());
            assert_eq!(into_text(bytes), masked);
        }
    }

    #[test]
    fn a_broken_file_shows_plain_keys_only() {
        let text = "[connections.a]\nkind = \"mysql\"\npassword \"hunter2\"\nurl = \"hunter2\nkey = { password = \"hunter2\"\nhunter2\ntopic = x\n";
        let masked = mask_lines(text);
        assert!(!masked.contains("hunter2"), "{masked}");
        assert!(masked.contains("kind = \"mysql\""), "{masked}");
        assert!(masked.contains("topic = x"), "{masked}");
        assert_eq!(masked.len(), text.len());
    }
}
