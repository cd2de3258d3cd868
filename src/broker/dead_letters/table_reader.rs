//! Reader of a dead-letter table, page by page.

use async_trait::async_trait;

use super::table::DeadLetterTable;
use crate::{
    broker::{BrokerError, OffsetRange, Polled, Reader},
    model::Messages,
};

/// Letters of one page, at most.
const PAGE_ROWS: u32 = 500;
/// Bytes of one page, about.
const BYTES: i64 = 1 << 20;

/// Reads a part of a table; a letter's partition is 0, and its offset is its `id`.
pub struct TableReader {
    table: DeadLetterTable,
    part: OffsetRange,
    /// Letters whose sizes are asked for at once: the server reads them to tell.
    ahead: u32,
}

impl TableReader {
    /// Reads the letters of `part`.
    pub fn new(table: DeadLetterTable, part: OffsetRange) -> Self {
        Self {
            table,
            part,
            ahead: PAGE_ROWS,
        }
    }

    /// The id behind the last letter of the next page; `None` where there is none.
    async fn page_end(&mut self) -> Result<Option<i64>, BrokerError> {
        let range = (self.part.first, self.part.end);
        let sizes = self.table.store.sizes(range, self.ahead);
        let sizes = self.table.answer(sizes).await?;
        let sizes = sizes.map_err(|error| self.table.failed(error))?;
        let mut bytes = 0_i64;
        let fits = |(_, size): &&(i64, Option<i64>)| {
            bytes = bytes.saturating_add(size.unwrap_or(0));
            bytes <= BYTES
        };
        // A letter that is larger than a page is a page.
        let page = sizes.iter().take_while(fits).count().max(1);
        self.ahead = if page < sizes.len() {
            u32::try_from(2 * page).unwrap_or(PAGE_ROWS)
        } else {
            PAGE_ROWS
        };
        let last = sizes.get(page - 1);
        Ok(last.map(|(id, _)| id.saturating_add(1)))
    }
}

#[async_trait]
impl Reader for TableReader {
    async fn next(&mut self) -> Result<Option<Polled>, BrokerError> {
        while let Some(end) = self.page_end().await? {
            let rows = self.table.store.rows((self.part.first, end));
            let rows = self.table.answer(rows).await?;
            let rows = rows.map_err(|error| self.table.failed(error))?;
            self.part.first = end;
            let mut messages = Messages::default();
            for (id, row) in rows {
                if row.push(id, self.table.prefix, &mut messages).is_none() {
                    tracing::warn!(id, "this row is not a complete dead letter: skipped");
                }
            }
            if !messages.is_empty() {
                return Ok(Some(Polled {
                    partition: self.part.partition,
                    messages,
                    next_offset: end,
                }));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        broker::{Publisher, dead_letters::table::TablePublisher},
        connect::sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
        model::{Message, RecordOrigin},
    };

    type Fields = (
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Vec<(String, Option<Vec<u8>>)>,
    );

    async fn opened(folder: &tempfile::TempDir) -> (SqliteConnection, DeadLetterTable) {
        let settings = SqliteSettings {
            path: folder.path().join("letters.db"),
        };
        let file = sqlite::open("local", &settings, Absent::Create, Durability::Full);
        let file = file.await.expect("opened");
        let table = DeadLetterTable::in_sqlite(file.clone(), "dead \"letters", "own-");
        let table = table.expect("a name");
        table.ensure().await.expect("made");
        (file, table)
    }

    /// A letter of `offset` with headers that the message had.
    fn push(
        messages: &mut Messages,
        offset: &str,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let own = [
            ("own-flow", Some(&b"f"[..])),
            ("own-step", Some(b"write")),
            ("own-reason", Some("why: \u{1f4a9}".as_bytes())),
            ("own-topic", Some(b"t")),
            ("own-at", Some(b"1756200616007")),
            ("own-topic-id", Some(b"i")),
            ("own-partition", Some(b"3")),
            ("own-offset", Some(offset.as_bytes())),
            ("own-timestamp", Some(b"1756200616000")),
        ];
        let headers = own.iter().chain(headers).copied();
        messages.push(key, value, headers, RecordOrigin::default());
    }

    fn fields(it: Message<'_>) -> Fields {
        let headers = it
            .headers
            .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
        (
            it.key.map(<[u8]>::to_vec),
            it.value.map(<[u8]>::to_vec),
            headers.collect(),
        )
    }

    async fn publish(table: &DeadLetterTable, messages: Messages) {
        let publisher = TablePublisher::new(table.clone());
        let delivery = publisher.publish(Arc::new(messages)).await;
        delivery.expect("written").await.expect("durable");
    }

    /// All that is read, page by page.
    async fn pages(table: &DeadLetterTable) -> Vec<Messages> {
        let offset_ranges = table
            .offset_ranges()
            .await
            .expect("asked")
            .expect("letters");
        let mut reader = TableReader::new(table.clone(), offset_ranges);
        let mut pages = Vec::new();
        while let Some(polled) = reader.next().await.expect("read") {
            pages.push(polled.messages);
        }
        pages
    }

    #[tokio::test]
    async fn what_was_written_is_read_back_byte_for_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, table) = opened(&folder).await;
        let mut all = Messages::default();
        let odd = [
            ("a", Some(&b"1"[..])),
            ("a", None),
            ("a", Some(b"\xff")),
            ("own-step", Some(b"decode")),
            ("x_hex", Some(b"zz")),
            ("", Some(b"")),
        ];
        push(&mut all, "1", (Some(b"k\0"), Some(b"\xff\x00")), &odd);
        push(&mut all, "2", (None, Some(b"")), &[]);
        push(&mut all, "3", (Some(b""), None), &[("b", None)]);
        publish(&table, all.clone()).await;
        let pages = pages(&table).await;
        let read: Vec<_> = pages.iter().flat_map(Messages::iter).collect();
        let origins: Vec<_> = read.iter().map(|it| it.record_origin).collect();
        let record_origin = |offset| RecordOrigin {
            partition: 0,
            offset,
            timestamp: 1_756_200_616_007,
        };
        assert_eq!(
            origins,
            [record_origin(1), record_origin(2), record_origin(3)]
        );
        let read: Vec<_> = read.into_iter().map(fields).collect();
        assert_eq!(read, all.iter().map(fields).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_letter_that_is_sent_again_is_one_row_and_the_first_one_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, table) = opened(&folder).await;
        for value in [b"first", b"again"] {
            let mut one = Messages::default();
            push(&mut one, "1", (None, Some(value)), &[]);
            publish(&table, one).await;
        }
        // What was never published has no place to be known by.
        for _ in 0..2 {
            let mut one = Messages::default();
            let own = ["flow", "step", "reason", "topic"].map(|it| format!("own-{it}"));
            let own = own.iter().map(|it| (&**it, Some(&b"x"[..])));
            let own = own.chain([("own-at", Some(&b"0"[..]))]);
            one.push(None, Some(b"row"), own, RecordOrigin::default());
            publish(&table, one).await;
        }
        let values = "SELECT CAST(message_value AS TEXT) FROM \"dead \"\"letters\" ORDER BY id";
        let values = sqlx::query_scalar::<_, String>(values);
        let values = values.fetch_all(file.readers()).await.expect("read");
        assert_eq!(values, ["first", "row", "row"]);
    }

    #[tokio::test]
    async fn a_key_that_somebody_has_added_swallows_no_letter() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, table) = opened(&folder).await;
        let index = sqlx::query("CREATE UNIQUE INDEX added ON \"dead \"\"letters\" (topic)");
        index.execute(file.writer()).await.expect("made");
        let mut two = Messages::default();
        push(&mut two, "1", (None, Some(b"one")), &[]);
        push(&mut two, "2", (None, Some(b"two")), &[]);
        let publisher = TablePublisher::new(table.clone());
        let delivery = publisher.publish(Arc::new(two)).await.expect("answered");
        let refused = delivery.await.expect_err("the second one");
        assert!(
            refused
                .to_string()
                .starts_with("messages rejected: 1, the first because "),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn large_letters_come_in_pages_of_some_bytes_and_many_in_pages_of_some_letters() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, table) = opened(&folder).await;
        let large = vec![b'x'; 700 << 10];
        let mut all = Messages::default();
        for offset in 0..3 {
            push(&mut all, &offset.to_string(), (None, Some(&large)), &[]);
        }
        for offset in 3..1_003 {
            push(&mut all, &offset.to_string(), (None, Some(b"x")), &[]);
        }
        publish(&table, all).await;
        let pages = pages(&table).await;
        let sizes: Vec<_> = pages.iter().map(Messages::len).collect();
        // Behind a page that was full of bytes, few sizes are asked for.
        assert_eq!(sizes, [1, 1, 2, 500, 499]);
        let ids = pages.iter().flat_map(Messages::iter);
        let ids: Vec<_> = ids.map(|it| it.record_origin.offset).collect();
        assert_eq!(ids, (1..=1_003).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_table_of_an_older_version_is_refused_with_the_statement_that_renames_its_column() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, table) = opened(&folder).await;
        table.ensure().await.expect("made");
        let older =
            "ALTER TABLE \"dead \"\"letters\" RENAME COLUMN dead_letter_file TO letter_file";
        let renamed = sqlx::query(older).execute(file.writer()).await;
        renamed.expect("renamed");
        let refused = table.ensure().await.expect_err("a column is of old");
        let said = crate::fault::chain(&refused);
        let remedy = "ALTER TABLE … RENAME COLUMN letter_file TO dead_letter_file";
        assert!(said.contains(remedy), "{said}");
        let remedy = remedy.replace('…', "\"dead \"\"letters\"");
        let renamed = sqlx::query(sqlx::AssertSqlSafe(remedy));
        renamed.execute(file.writer()).await.expect("renamed");
        table.ensure().await.expect("as it has to be");
    }

    #[tokio::test]
    async fn a_table_without_a_column_is_refused_before_the_first_letter() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, table) = opened(&folder).await;
        assert!(table.offset_ranges().await.expect("asked").is_none());
        let dropped = "ALTER TABLE \"dead \"\"letters\" DROP COLUMN message_headers";
        let dropped = sqlx::query(dropped).execute(file.writer()).await;
        dropped.expect("dropped");
        let refused = table.ensure().await.expect_err("a column is missing");
        let said = crate::fault::chain(&refused);
        assert!(
            said.starts_with(
                "table of dead letters local.dead \"letters refused: there is no such column"
            ),
            "{said}"
        );
        let mut one = Messages::default();
        push(&mut one, "1", (None, None), &[]);
        let published = TablePublisher::new(table).publish(Arc::new(one)).await;
        assert!(matches!(
            published.map(drop),
            Err(BrokerError::TableRefused { .. })
        ));
    }
}
