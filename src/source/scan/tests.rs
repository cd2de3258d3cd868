//! The engine over two series in memory: numbers, which are no clock, and times.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{hold_back::ServerWatermark, *};
use crate::{
    model::{Op, Value},
    source::{
        SourceReader,
        samples::{Sample, Samples},
    },
};

const NUMBERS: char = 'n';
const TIMES: char = 't';

/// Behind one value of each series.
#[derive(Debug, Clone, Default, PartialEq)]
struct Cursor {
    after: BTreeMap<char, Vec<(char, i64)>>,
    seen: Samples<i64>,
}

impl ScanCursor for Cursor {
    /// A series and a value.
    type Value = (char, i64);
    type Series = char;

    fn of(&self, series: char) -> &[(char, i64)] {
        self.after.get(&series).map_or(&[], Vec::as_slice)
    }

    fn put(&mut self, values: Vec<(char, i64)>) {
        self.after.insert(values[0].0, values);
    }

    fn see(&mut self, _phase: ScanPhase, at: i64, last: Vec<(char, i64)>) {
        self.seen.see(at, last[0].1);
    }

    fn newest_until(&mut self, series: char, until: i64) -> Option<Sample<(char, i64)>> {
        let Sample { at, value } = self.seen.newest_until(until)?.clone();
        let value = (series, value);
        Some(Sample { at, value })
    }

    fn newest(&self, _series: char) -> Option<i64> {
        self.seen.last().map(|it| it.at)
    }

    fn forget_read(&mut self) {}
}

struct Source {
    schema: Arc<Schema>,
}

impl Ordered for Source {
    type Cursor = Cursor;

    fn name(&self) -> &str {
        "memory.t"
    }

    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn nulls(&self) -> Nulls {
        Nulls::Refuse
    }

    fn position(&self, scan_position: &ScanPosition<Cursor>) -> Position {
        let after = &scan_position.state().values.after;
        let after: Vec<String> = after
            .values()
            .map(|it| format!("{}{}", it[0].0, it[0].1))
            .collect();
        Position::new(after.join(" "))
    }
}

/// Its clock goes on by 100 with each answer; what began 50 before that is over.
#[derive(Clone, Copy)]
struct Watermark {
    now: i64,
}

impl ServerWatermark<Cursor> for Watermark {
    fn given_out(&self) -> i64 {
        self.now
    }

    fn until(&self) -> i64 {
        self.now - 50
    }

    fn below(&self, _phase: ScanPhase, series: char) -> Option<(char, i64)> {
        (series == TIMES).then_some((TIMES, self.until()))
    }

    fn is_earlier(one: &(char, i64), other: &(char, i64)) -> bool {
        one < other
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn log_wait(&self, _source: &str, _at_most: Duration) {}

    fn log_left(&self, _source: &str) {}
}

struct MemoryReader {
    rows: Vec<(char, i64)>,
    /// What is committed when the writers have been asked for the first time.
    late: Vec<(char, i64)>,
    now: i64,
    asked: Arc<Mutex<Vec<String>>>,
}

impl MemoryReader {
    fn ask(&self, what: String) {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

#[async_trait]
impl Reader for MemoryReader {
    type Of = Source;
    type Watermark = Watermark;

    fn series(&self, _phase: ScanPhase, _cursor: &Cursor) -> Vec<char> {
        vec![NUMBERS, TIMES]
    }

    async fn read(
        &mut self,
        range: KeyRange<'_, Cursor>,
        batches: &mut Batches<Source>,
    ) -> Result<bool, SourceError> {
        let is_behind = |row: &(char, i64)| range.after.first().is_none_or(|it| row > it);
        let is_below = |row: &(char, i64)| match range.ceiling {
            Ceiling::Open => true,
            Ceiling::Below(value) => row < value,
            Ceiling::UpTo(value) => row <= value,
            Ceiling::Shut => false,
        };
        let is_above = |row: &(char, i64)| match range.above {
            Some(Ceiling::Below(value)) => row >= value,
            Some(Ceiling::UpTo(value)) => row > value,
            _ => true,
        };
        let mut rows = self.rows.clone();
        rows.retain(|row| {
            row.0 == range.series && is_behind(row) && is_below(row) && is_above(row)
        });
        rows.sort_unstable();
        for row in &rows {
            let (key, digest) = (row.1 as u128, 0);
            if !batches.was_sent(key, digest) {
                let text = format!("{}{}", row.0, row.1);
                let Ok(()) = batches.records.push(Op::Upsert, 0, |packer| {
                    packer.name("id");
                    packer.value(Value::String(&text));
                    Ok::<(), std::convert::Infallible>(())
                });
                batches.remember(key, digest);
            }
            batches.move_behind(vec![*row]);
            if batches.is_full() {
                batches.send().await;
            }
        }
        Ok(!rows.is_empty())
    }

    async fn read_chunk(
        &mut self,
        _chunk: Chunk<Vec<(char, i64)>>,
        _then: &ScanState<Cursor>,
        _batches: &mut Batches<Source>,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    async fn cut(
        &mut self,
        _chunk: &Chunk<Vec<(char, i64)>>,
        _rows: usize,
    ) -> Result<Option<Vec<(char, i64)>>, SourceError> {
        Ok(None)
    }

    fn is_held_back(&self) -> bool {
        true
    }

    fn is_clock(&self, _phase: ScanPhase, series: char) -> bool {
        series == TIMES
    }

    async fn last(
        &mut self,
        _phase: ScanPhase,
        series: char,
    ) -> Result<Vec<(char, i64)>, SourceError> {
        self.ask(format!("last {series}"));
        let rows = self.rows.iter().filter(|it| it.0 == series);
        Ok(rows.max().copied().into_iter().collect())
    }

    async fn watermark(&mut self) -> Result<Watermark, SourceError> {
        self.ask("writers".to_owned());
        self.now += 100;
        self.rows.append(&mut self.late);
        Ok(Watermark { now: self.now })
    }

    async fn reachable(
        &mut self,
        _phase: ScanPhase,
        _series: char,
        last: Vec<(char, i64)>,
        _watermark: &Watermark,
    ) -> Result<Option<(char, i64)>, SourceError> {
        Ok(last.first().copied())
    }

    fn ends_with_full(&self) -> bool {
        true
    }
}

/// What a bounded read yields, its last position, and what was asked for in which order.
async fn read_all(
    deduplication: Option<DeduplicationSettings>,
) -> (Vec<String>, String, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let reader = MemoryReader {
        rows: vec![(NUMBERS, 20), (NUMBERS, 10), (TIMES, 40), (TIMES, 90)],
        late: vec![(NUMBERS, 15), (NUMBERS, 30), (TIMES, 60)],
        now: 0,
        asked: asked.clone(),
    };
    let schema = Arc::new(Schema::document("t", ["id"]));
    let of = Arc::new(Source {
        schema: schema.clone(),
    });
    let (rows, bytes, max_wait) = (1, 1_000_000, Duration::from_secs(600));
    let limits = ReadLimits {
        rows,
        bytes,
        max_wait,
    };
    let reading = Reading {
        limits,
        mode: ReadMode::Bounded,
        poll: Duration::from_secs(1),
        sharing: Sharing::with_workers(1),
        deduplication,
    };
    let start = ScanPosition::default();
    let task = |sender| super::read(of, vec![reader], start, reading, sender);
    let mut reader = ReadAhead::start("t", schema, Position::new(""), max_wait, task);
    let (mut found, mut position) = (Vec::new(), String::new());
    while let Some(batch) = reader.next_batch().await.expect("read") {
        for row in batch.records.iter() {
            match row.get("id") {
                Some(Value::String(text)) => found.push(text.to_owned()),
                other => panic!("{other:?}"),
            }
        }
        position = batch.position.as_str().to_owned();
    }
    let asked = asked.lock().expect("nobody has panicked").clone();
    (found, position, asked)
}

#[tokio::test(start_paused = true)]
async fn each_series_is_read_up_to_its_own_ceiling_until_what_was_last_has_been_read() {
    let (found, position, _) = read_all(None).await;
    // The number 30 came when the read had begun, and is held back.
    assert_eq!(found, ["t40", "n10", "n15", "n20", "t60", "t90"]);
    assert_eq!(position, "n20 t90");
}

#[tokio::test(start_paused = true)]
async fn what_is_last_is_asked_for_before_the_writers_and_of_a_clock_only_once() {
    let (_, _, asked) = read_all(None).await;
    assert_eq!(asked, ["last n", "last t", "writers", "last n", "writers"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_above_the_watermark_leaves_the_cursor_below_it() {
    let settings = DeduplicationSettings::default();
    let (found, position, _) = read_all(Some(settings)).await;
    assert_eq!(found, ["t40", "n10", "n15", "n20", "n30", "t60", "t90"]);
    assert_eq!(position, "t40");
}
