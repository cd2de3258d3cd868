//! Records and the batch that carries them: one buffer, borrowed views.

use std::sync::Arc;

use super::{
    Field, Packer, Position, Schema, Value,
    packed::{Packed, Unpacker},
};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It is now this: inserted or changed, a scan cannot tell which.
    Upsert,
    /// It is gone; the record holds its key.
    Delete,
}

/// Records read together, with the position after the last of them.
#[derive(Debug)]
pub struct Batch {
    /// The records in source order; may be empty (a heartbeat).
    pub records: Records,
    /// The place in the source behind them.
    pub position: Position,
}

/// Records of one shape in one buffer.
#[derive(Debug, Clone)]
pub struct Records {
    schema: Arc<Schema>,
    data: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    end: usize,
    op: Op,
    origin: u32,
}

impl Records {
    /// None yet.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self {
            schema,
            data: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// None yet, with room for `rows` records in `bytes` bytes.
    pub fn with_capacity(schema: Arc<Schema>, rows: usize, bytes: usize) -> Self {
        Self {
            schema,
            data: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(rows),
        }
    }

    /// Appends one record. `fill` appends a value for each field of the schema, or a name and a
    /// value for each field where the schema has none; where it fails, nothing is appended.
    ///
    /// `origin` is the index of the message that the record was made from (0 where there is
    /// none): dead letters and halving go by it.
    pub fn push<E>(
        &mut self,
        op: Op,
        origin: u32,
        fill: impl FnOnce(&mut Packer<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.data.len();
        if let Err(error) = fill(&mut Packer::new(&mut self.data)) {
            self.data.truncate(start);
            return Err(error);
        }
        let end = self.data.len();
        self.entries.push(Entry {
            start,
            end,
            op,
            origin,
        });
        Ok(())
    }

    /// The shape that all of them have.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
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
    pub fn get(&self, index: usize) -> Option<Row<'_>> {
        self.entries.get(index).map(|entry| self.row(entry))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        self.entries.iter().map(|entry| self.row(entry))
    }

    /// Those made from the messages `range` (by index), as records of their own.
    pub fn of_origins(&self, range: std::ops::Range<u32>) -> Records {
        let mut part = Records::new(self.schema.clone());
        for entry in self.entries.iter().filter(|it| range.contains(&it.origin)) {
            let start = part.data.len();
            part.data
                .extend_from_slice(&self.data[entry.start..entry.end]);
            let end = part.data.len();
            part.entries.push(Entry {
                start,
                end,
                ..*entry
            });
        }
        part
    }

    /// These records, each with its own index as its origin.
    pub fn numbered(mut self) -> Records {
        for (index, entry) in self.entries.iter_mut().enumerate() {
            entry.origin = index as u32;
        }
        self
    }

    /// Takes out the records for which `stays` is false; the others keep their order.
    pub fn retain(&mut self, mut stays: impl FnMut(&Row<'_>) -> bool) {
        let stay: Vec<bool> = self.iter().map(|row| stays(&row)).collect();
        let mut stay = stay.into_iter();
        self.entries.retain(|_| stay.next().unwrap_or(true));
    }

    /// Appends a record of the same schema as it is, byte for byte.
    pub fn copy(&mut self, row: &Row<'_>) {
        let start = self.data.len();
        self.data.extend_from_slice(row.packed);
        self.entries.push(Entry {
            start,
            end: self.data.len(),
            op: row.op,
            origin: row.origin,
        });
    }

    /// Appends another's records, which must have the same schema, their origins moved by `shift`.
    pub fn append(&mut self, other: &Records, shift: u32) {
        let base = self.data.len();
        self.data.extend_from_slice(&other.data);
        self.entries.extend(other.entries.iter().map(|it| Entry {
            start: it.start + base,
            end: it.end + base,
            op: it.op,
            origin: it.origin + shift,
        }));
    }

    /// Takes the last record out, as records of their own; `None` where there is none.
    pub fn split_last(&mut self) -> Option<Records> {
        let entry = self.entries.pop()?;
        let mut last = Records::new(self.schema.clone());
        last.data
            .extend_from_slice(&self.data[entry.start..entry.end]);
        last.entries.push(Entry {
            start: 0,
            end: last.data.len(),
            ..entry
        });
        self.data.truncate(entry.start);
        Some(last)
    }

    /// Takes the last record away.
    pub fn drop_last(&mut self) {
        if let Some(entry) = self.entries.pop() {
            self.data.truncate(entry.start);
        }
    }

    fn row(&self, entry: &Entry) -> Row<'_> {
        Row {
            schema: &self.schema,
            packed: &self.data[entry.start..entry.end],
            op: entry.op,
            origin: entry.origin,
        }
    }
}

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    schema: &'a Schema,
    packed: &'a [u8],
    op: Op,
    origin: u32,
}

impl<'a> Row<'a> {
    /// What happened to it.
    pub fn op(&self) -> Op {
        self.op
    }

    /// The index of the message that it was made from.
    pub fn origin(&self) -> u32 {
        self.origin
    }

    /// Its values as they are packed: equal rows of one shape have equal bytes, which mean nothing
    /// by themselves and may be others in the next version.
    pub fn packed(&self) -> &'a [u8] {
        self.packed
    }

    /// Its shape.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Names and values, in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields {
            names: self.schema.names(),
            rest: Unpacker::new(self.packed),
        }
    }

    /// Names and values as they are packed, in order.
    pub fn packed_fields(&self) -> PackedFields<'a> {
        PackedFields(self.fields())
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.fields().get(name)
    }

    /// The values of the key fields, in the schema's key order; `None` where one is missing.
    pub fn key(&self) -> impl Iterator<Item = Option<Value<'a>>> + use<'a> {
        let row = *self;
        self.schema.key().iter().map(move |name| row.get(name))
    }
}

/// Names and values in order, borrowed. Cheap to copy; each copy reads on by itself.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// `None`: each name stands before its value.
    names: Option<&'a [Field]>,
    rest: Unpacker<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn named(packed: &'a [u8]) -> Self {
        Self {
            names: None,
            rest: Unpacker::new(packed),
        }
    }

    /// The first value of that name.
    pub fn get(mut self, name: &str) -> Option<Value<'a>> {
        self.find(|(it, _)| *it == name).map(|(_, value)| value)
    }
}

impl<'a> Fields<'a> {
    fn name(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let name = match &mut self.names {
            None => self.rest.name(),
            Some(names) => {
                let (first, others) = names.split_first()?;
                *names = others;
                first.name.as_str()
            }
        };
        Some(name)
    }

    /// The same fields, their values as they are packed.
    pub fn packed(self) -> PackedFields<'a> {
        PackedFields(self)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.name()?;
        Some((name, self.rest.value()))
    }
}

/// Names and values as they are packed, in order, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct PackedFields<'a>(Fields<'a>);

impl<'a> Iterator for PackedFields<'a> {
    type Item = (&'a str, Packed<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.name()?;
        Some((name, self.0.rest.packed()))
    }
}

/// Values in order, borrowed. Cheap to copy; each copy reads on by itself.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a>(Unpacker<'a>);

impl<'a> Items<'a> {
    pub(super) fn packed(packed: &'a [u8]) -> Self {
        Self(Unpacker::new(packed))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.0.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(values: &[&[(&str, Value<'_>)]]) -> Records {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        for (origin, fields) in values.iter().enumerate() {
            let pushed: Result<(), ()> = records.push(Op::Upsert, origin as u32, |packer| {
                for (name, value) in *fields {
                    packer.name(name);
                    packer.value(*value);
                }
                Ok(())
            });
            pushed.expect("nothing fails");
        }
        records
    }

    #[test]
    fn what_is_packed_is_read_back() {
        let mut nested = Vec::new();
        Packer::new(&mut nested).document(|it| {
            it.name("list");
            it.array(|it| {
                it.value(Value::U64(u64::MAX));
                it.value(Value::Null);
            });
        });
        let document = Unpacker::new(&nested).value();
        let records = documents(&[&[("id", Value::I64(-1)), ("d", document)]]);
        let row = records.get(0).expect("one row");
        assert_eq!(row.get("id"), Some(Value::I64(-1)));
        assert_eq!(row.get("d"), Some(document));
        assert_eq!(row.get("none"), None);
        assert_eq!(row.fields().count(), 2);
    }

    #[test]
    fn a_row_that_fails_leaves_nothing_behind() {
        let mut records = documents(&[&[("id", Value::I64(1))]]);
        let bytes = records.bytes();
        let failed = records.push(Op::Upsert, 1, |packer| {
            packer.name("id");
            packer.value(Value::I64(2));
            Err("bad")
        });
        assert_eq!(failed, Err("bad"));
        assert_eq!((records.len(), records.bytes()), (1, bytes));
    }

    #[test]
    fn the_last_record_can_be_taken_out() {
        let mut records = documents(&[&[("id", Value::I64(1))]]);
        let bytes = records.bytes();
        records.append(&documents(&[&[("id", Value::I64(2))]]), 1);
        let last = records.split_last().expect("two records");
        let row = last.get(0).expect("one record");
        assert_eq!((row.origin(), row.get("id")), (1, Some(Value::I64(2))));
        assert_eq!((records.len(), records.bytes()), (1, bytes));
    }

    #[test]
    fn a_part_keeps_its_origins() {
        let records = documents(&[
            &[("id", Value::I64(1))],
            &[("id", Value::I64(2))],
            &[("id", Value::I64(3))],
        ]);
        let part = records.of_origins(1..3);
        let seen: Vec<_> = part.iter().map(|it| (it.origin(), it.get("id"))).collect();
        assert_eq!(seen, [(1, Some(Value::I64(2))), (2, Some(Value::I64(3)))]);
    }
}
