//! Reading a table page by page in the order of (incremental field, key), without any system's
//! own words: `mysql_scan` and `sqlite_scan` are this with their statements' dialect.

mod chunk;
mod full;
mod full_token;
mod hold;
mod index;
mod mark;
mod members;
mod moment;
mod place;
mod plan;
mod read_ahead;
mod standing;
mod statement;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub(super) use full::Full;
pub(super) use hold::{Ceiling, Clock, HeldBy, Micros, Settled, clock, micros_of};
pub(super) use index::{Index, key, place};
pub(super) use mark::{Mark, MarkKind};
pub(super) use members::Members;
pub(super) use moment::instant;
pub(super) use place::Place;
pub(super) use plan::{ceiling, texts};
pub(super) use read_ahead::{Outlet, ReadAhead};
pub(super) use standing::standing;
pub(super) use statement::{Form, Page, Wanted};

use self::full::Key;
use super::{
    Extent, Manner, ReadLimits, SourceError,
    chunks::{Chunk, Shared, Sharing},
};
use crate::{
    connect::{Verdict, verdict},
    model::{Batch, Position, Records, Row, Schema, Value},
};

/// A table as it is read: its columns and what it is ordered by.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The source's name.
    pub name: String,
    pub schema: Arc<Schema>,
    /// `SELECT …, … FROM …`, names quoted, in the order of the schema.
    pub select: String,
    /// The same of the key's fields alone.
    pub select_key: String,
    /// The incremental field and the key's other fields.
    pub incremental: Vec<KeyColumn>,
    /// The key's fields.
    pub key: Vec<KeyColumn>,
    pub form: Form,
}

/// A column that a table is ordered by.
#[derive(Debug, Clone)]
pub(super) struct KeyColumn {
    pub name: String,
    /// The name, quoted.
    pub quoted: String,
    /// What stands for a value of it: `?`, or `CAST(? AS …)`.
    pub placeholder: String,
    /// What its values are; `None` where each value says so itself.
    pub kind: Option<MarkKind>,
    /// What it chooses from, where its values are members.
    pub members: Option<Members>,
}

impl KeyColumn {
    /// The mark of a row's value; `None` where nothing can be ordered by it.
    fn mark(&self, value: Value<'_>) -> Option<Mark> {
        let mark = match (&self.members, value) {
            (None, value) => Mark::of(value),
            (Some(_), Value::Enum(text)) => self.parse(MarkKind::Member, text),
            (Some(_), _) => None,
        };
        mark.filter(|it| self.kind.is_none_or(|kind| kind == it.kind()))
    }

    /// The mark that `text` stands for.
    fn parse(&self, kind: MarkKind, text: &str) -> Option<Mark> {
        let Some(members) = self.members.as_ref().filter(|_| kind == MarkKind::Member) else {
            return kind.parse(text);
        };
        let (number, text) = (members.number(text)?, text.to_owned());
        Some(Mark::Member { text, number })
    }
}

/// Runs a table's statements. Dropping it in the middle of one must do no harm.
#[async_trait]
pub(super) trait Pages: Send {
    /// Runs `page` and hands each row to `batches`. Answers how many rows there were.
    async fn page(&mut self, page: Page<'_>, batches: &mut Batches) -> Result<usize, SourceError>;

    /// The rows of `page`, which has the key's fields alone.
    async fn keys(&mut self, page: Page<'_>) -> Result<Records, SourceError>;

    /// The rows of a statement that has no placeholder.
    async fn rows(&mut self, text: String) -> Result<Records, SourceError>;

    /// What holds reading back; `None` where nothing does.
    fn held_by(&self) -> Option<HeldBy>;

    /// How far the writers are, where reading is held back.
    async fn settled(&mut self) -> Result<Settled, SourceError>;
}

/// How a table is read on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub limits: ReadLimits,
    pub manner: Manner,
    /// How long a following read waits for new rows before it asks again.
    pub poll: Duration,
    /// How a full read is shared out.
    pub sharing: Sharing,
}

/// A page holds at least this many rows, so that a far server is not asked for every few.
const PAGE_ROWS: usize = 10_000;

/// The place to begin at for `extent`, given the stored position.
pub(super) async fn begin(
    table: &Table,
    pages: &mut dyn Pages,
    extent: Extent,
    stored: Option<&Position>,
) -> Result<Place, SourceError> {
    let stored = stored.map(|it| Place::parse(it, table)).transpose()?;
    match (extent, stored) {
        (Extent::Incremental, None) => Ok(Place::behind(Vec::new())),
        (Extent::Incremental, Some(place)) | (_, Some(place @ Place::Full(_))) => Ok(place),
        (Extent::FullAmount, stored) => {
            let then = hold::then(table, pages, stored).await?;
            Ok(Place::Full(Full::of_all(then)))
        }
    }
}

/// Reads on from `place` until the end, or for ever; a full read over all of `pages`, what follows
/// over the first.
pub(super) async fn read(
    table: Arc<Table>,
    mut pages: Vec<Box<dyn Pages>>,
    mut place: Place,
    reading: Reading,
    outlet: Outlet,
) -> Result<(), SourceError> {
    if let Place::Full(full) = place {
        let then = full.then.clone();
        pages = full::read(&table, pages, full, reading, outlet.clone()).await?;
        // A full read ends where the table stood before it.
        if reading.manner == Manner::Bounded {
            return Ok(());
        }
        place = Place::behind(then);
    }
    match pages.pop() {
        Some(pages) => incremental(table, pages, place, reading, outlet).await,
        None => Ok(()),
    }
}

async fn incremental(
    table: Arc<Table>,
    mut pages: Box<dyn Pages>,
    mut place: Place,
    reading: Reading,
    outlet: Outlet,
) -> Result<(), SourceError> {
    // Whole batches, so that none is cut short at a page's end.
    let batch_rows = reading.limits.rows.max(1);
    let page_rows = batch_rows * PAGE_ROWS.div_ceil(batch_rows);
    let mut batches = Batches::new(table.clone(), place.clone(), reading.limits, outlet);
    let mut hold = hold::Hold::new();
    // Found once for a pass: the pages up to the end of what can be read now.
    let mut found = None;
    loop {
        let ceiling = match found.take() {
            Some(ceiling) => ceiling,
            None => {
                let seen = &mut batches.place;
                let ceiling = hold.pass(&table, &mut *pages, reading.manner, seen).await?;
                place.clone_from(&batches.place);
                ceiling
            }
        };
        let after = place.after();
        let rows = match ceiling {
            Ceiling::Shut => 0,
            _ => {
                let page = table.page(&table.incremental, after, &ceiling, page_rows);
                pages.page(page, &mut batches).await?
            }
        };
        let is_last = rows < page_rows;
        if is_last {
            batches.end_phase().await?;
        } else {
            batches.send().await?;
            found = Some(ceiling);
        }
        place.clone_from(&batches.place);
        match reading.manner {
            Manner::Bounded if is_last && hold.is_done(&table.name).await => return Ok(()),
            Manner::Follow if is_last => {
                hold.tell(&table.name);
                tokio::time::sleep(reading.poll).await;
            }
            _ => {}
        }
    }
}

/// Gathers rows into batches within the limits, and hands these over.
pub(super) struct Batches {
    table: Arc<Table>,
    records: Records,
    /// Behind the last batch that was handed over; within a full read, of its own chunk alone.
    place: Place,
    /// The place of the last position that was handed over.
    handed: Place,
    limits: ReadLimits,
    toward: Toward,
}

/// Where batches go.
enum Toward {
    Flow(Outlet),
    /// To the flow in turn with those of other chunks; this one has a number.
    Shared(Arc<Shared<Key>>, usize),
}

impl Batches {
    fn new(table: Arc<Table>, place: Place, limits: ReadLimits, outlet: Outlet) -> Self {
        Self::toward(table, place, limits, Toward::Flow(outlet))
    }

    fn toward(table: Arc<Table>, place: Place, limits: ReadLimits, toward: Toward) -> Self {
        let records = Records::new(table.schema.clone());
        Self {
            table,
            records,
            handed: place.clone(),
            place,
            limits,
            toward,
        }
    }

    /// The records to push the next row to; `pushed` must follow.
    pub fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Hands over what has reached the limits.
    pub async fn pushed(&mut self) -> Result<(), SourceError> {
        if self.records.bytes() > self.limits.bytes
            && self.records.len() > 1
            && let Some(last) = self.records.split_last()
        {
            self.send().await?;
            self.records.append(&last, 0);
        }
        if self.records.len() >= self.limits.rows || self.records.bytes() >= self.limits.bytes {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), SourceError> {
        let Some(last) = self
            .records
            .len()
            .checked_sub(1)
            .and_then(|it| self.records.get(it))
        else {
            return Ok(());
        };
        match &mut self.place {
            Place::Incremental { after, .. } => {
                *after = marks(&self.table, &self.table.incremental, &last)?;
            }
            Place::Full(full) => {
                let key = marks(&self.table, &self.table.key, &last)?;
                full.chunks = vec![Chunk::behind(Some(key))];
            }
        }
        self.hand_over().await;
        Ok(())
    }

    /// What is left, at the end of an incremental read or of a chunk.
    async fn end_phase(&mut self) -> Result<(), SourceError> {
        if let Toward::Shared(shared, number) = &self.toward {
            let schema = self.table.schema.clone();
            let left = std::mem::replace(&mut self.records, Records::new(schema));
            shared.finish(*number, left).await;
            return Ok(());
        }
        self.send().await?;
        // Samples are kept also where no row has come.
        if self.place != self.handed {
            self.hand_over().await;
        }
        Ok(())
    }

    async fn hand_over(&mut self) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.table.schema.clone(), rows, bytes);
        let records = std::mem::replace(&mut self.records, next);
        match &self.toward {
            Toward::Flow(outlet) => {
                let position = self.place.position(&self.table);
                self.handed.clone_from(&self.place);
                outlet.send(Batch { records, position }).await;
            }
            Toward::Shared(shared, number) => {
                if let Some(key) = self.reached() {
                    shared.send(*number, key, records).await;
                }
            }
        }
    }
}

/// What an error of the driver means for the source `name`.
pub(super) fn failed(name: &str, error: sqlx::Error) -> SourceError {
    let advice = match verdict(&error) {
        Verdict::Transient => return SourceError::Lost(name.to_owned(), error.into()),
        Verdict::Refused(advice) => advice,
        Verdict::Data => "a value of the position is not taken",
    };
    SourceError::Refused {
        name: name.to_owned(),
        advice: advice.to_owned(),
        cause: error.into(),
    }
}

/// A table that has other columns than those it is read by: it may pass, since opening anew learns
/// the table as it is now. A column that has been added would be left out in silence.
pub(super) fn expect_columns(table: &Table, now: &[String]) -> Result<(), SourceError> {
    let read = table.schema.names().unwrap_or_default();
    match read.iter().map(|it| &it.name).eq(now) {
        true => Ok(()),
        false => {
            let cause = "its columns were altered while it was read";
            Err(SourceError::Lost(table.name.clone(), cause.into()))
        }
    }
}

fn marks(table: &Table, by: &[KeyColumn], row: &Row<'_>) -> Result<Vec<Mark>, SourceError> {
    let mark = |column: &KeyColumn| {
        let value = row.get(&column.name);
        let mark = value.and_then(|it| column.mark(it));
        mark.ok_or_else(|| SourceError::Unfit {
            name: table.name.clone(),
            advice: format!(
                "a row has a value ({}) in `{}` that nothing can be ordered by",
                value.map_or("none", |it| it.type_name()),
                column.name
            ),
        })
    };
    by.iter().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn table() -> Table {
        let column = |name: &str, placeholder: &str, kind| KeyColumn {
            name: name.to_owned(),
            quoted: format!("`{name}`"),
            placeholder: placeholder.to_owned(),
            kind: Some(kind),
            members: None,
        };
        let id = column("id", "?", MarkKind::U64);
        Table {
            name: "crawler.t".to_owned(),
            schema: Arc::new(Schema::table("t", Vec::new(), ["id"])),
            select: "SELECT * FROM `t`".to_owned(),
            select_key: "SELECT `id` FROM `t`".to_owned(),
            incremental: vec![
                column("updated_at", "CAST(? AS DATETIME(6))", MarkKind::DateTime),
                id.clone(),
            ],
            key: vec![id],
            form: Form::Expanded,
        }
    }
}
