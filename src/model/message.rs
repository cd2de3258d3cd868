//! Messages: keys, values and headers of many in one buffer.

use std::ops::Range;

/// Messages in order, all of them in one buffer.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    data: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
    record_origin: RecordOrigin,
}

/// Where a consumed message stood; all zero for one not yet published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordOrigin {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
    /// Milliseconds since the epoch, as the broker says; 0 where unknown.
    pub timestamp: i64,
}

/// One message, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `None` is a null key, which is not an empty one.
    pub key: Option<&'a [u8]>,
    /// `None` is a null value (a tombstone).
    pub value: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: Headers<'a>,
    /// Where it stood when it was consumed.
    pub record_origin: RecordOrigin,
}

/// Header names and values in order; names may repeat.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a>(&'a [u8]);

impl Messages {
    /// None yet, with room for `bytes`.
    pub fn with_capacity(messages: usize, bytes: usize) -> Self {
        Self {
            data: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(messages),
        }
    }

    /// Appends a message, copying its parts.
    pub fn push<'h>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
        record_origin: RecordOrigin,
    ) {
        let key = key.map(|it| self.copied(it));
        let value = value.map(|it| self.copied(it));
        self.finish(key, value, headers, record_origin);
    }

    /// Appends a message whose key and value are written straight into the buffer. `key` says
    /// whether there is one. Where `value` fails, nothing is appended.
    pub fn write<'h, E>(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>) -> bool,
        value: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> Result<(), E> {
        let start = self.data.len();
        let keyed = key(&mut self.data);
        let middle = self.data.len();
        if let Err(error) = value(&mut self.data) {
            self.data.truncate(start);
            return Err(error);
        }
        let end = self.data.len();
        self.finish(
            keyed.then_some(start..middle),
            Some(middle..end),
            headers,
            RecordOrigin::default(),
        );
        Ok(())
    }

    /// Appends another's messages.
    pub fn append(&mut self, other: &Messages) {
        let base = self.data.len();
        let moved = |it: &Range<usize>| it.start + base..it.end + base;
        self.data.extend_from_slice(&other.data);
        self.entries.extend(other.entries.iter().map(|it| Entry {
            key: it.key.as_ref().map(moved),
            value: it.value.as_ref().map(moved),
            headers: moved(&it.headers),
            record_origin: it.record_origin,
        }));
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes they take.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// One of them; `None` past the end.
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        self.entries.get(index).map(|it| self.message(it))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.entries.iter().map(|it| self.message(it))
    }

    fn message(&self, entry: &Entry) -> Message<'_> {
        let bytes = |range: &Range<usize>| &self.data[range.clone()];
        Message {
            key: entry.key.as_ref().map(bytes),
            value: entry.value.as_ref().map(bytes),
            headers: Headers(bytes(&entry.headers)),
            record_origin: entry.record_origin,
        }
    }

    fn copied(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        start..self.data.len()
    }

    fn finish<'h>(
        &mut self,
        key: Option<Range<usize>>,
        value: Option<Range<usize>>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
        record_origin: RecordOrigin,
    ) {
        let start = self.data.len();
        for (name, value) in headers {
            self.sized(name.as_bytes());
            match value {
                None => self.data.extend_from_slice(&NULL.to_le_bytes()),
                Some(value) => self.sized(value),
            }
        }
        let headers = start..self.data.len();
        self.entries.push(Entry {
            key,
            value,
            headers,
            record_origin,
        });
    }

    fn sized(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u32;
        self.data.extend_from_slice(&length.to_le_bytes());
        self.data.extend_from_slice(bytes);
    }
}

/// The length that stands for a null header value.
const NULL: u32 = u32::MAX;

impl<'a> Headers<'a> {
    /// The first value of that name; `Some(None)` is a null value.
    pub fn get(mut self, name: &str) -> Option<Option<&'a [u8]>> {
        self.find(|(it, _)| *it == name).map(|(_, value)| value)
    }

    fn taken(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn length(&mut self) -> Option<u32> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*length))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let length = self.length()?;
        let name = self.taken(length as usize);
        let value = match self.length()? {
            NULL => None,
            length => Some(self.taken(length as usize)),
        };
        // SAFETY: names are only ever written from `&str`, by `finish` above.
        Some((unsafe { std::str::from_utf8_unchecked(name) }, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_are_told_apart() {
        let mut messages = Messages::default();
        let headers = [("a", None), ("b", Some(&b""[..])), ("", Some(&b"x"[..]))];
        messages.push(None, Some(b""), headers, RecordOrigin::default());
        messages.push(Some(b""), None, [], RecordOrigin::default());
        let mut copy = Messages::default();
        copy.push(Some(b"k"), Some(b"v"), [], RecordOrigin::default());
        copy.append(&messages);
        let first = copy.get(1).expect("appended");
        assert_eq!((first.key, first.value), (None, Some(&b""[..])));
        assert_eq!(first.headers.collect::<Vec<_>>(), headers);
        let second = copy.get(2).expect("appended");
        assert_eq!((second.key, second.value), (Some(&b""[..]), None));
    }
}
