//! A sink that is no database: it appends lines to a file, and its progress is a line of the file.

use std::{io::Write as _, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use highwater::{
    flow::Until,
    model::{Position, Records, Value},
    sink::{AnyAdvance, Capabilities, Progress, Sink, SinkError},
};

use crate::{
    consume_rig::{FLOW, Rig},
    waiting::within,
};

/// One line for each write: the progress that it moves, then the texts of its rows. A write is one
/// append, so that both are there or neither.
struct FileSink(PathBuf);

/// Flow, what is moved in it, where it stands, and the texts.
type Line = (String, (String, String, i32), String, Vec<String>);

impl FileSink {
    fn lines(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let line = |it: &str| serde_json::from_str(it).expect("it was written whole");
        text.lines().map(line).collect()
    }

    /// Where each of the flow's partitions stands, and its position under no topic at all.
    fn stored(&self, flow: &str) -> std::collections::BTreeMap<(String, String, i32), String> {
        let of_flow = self.lines().into_iter().filter(|it| it.0 == flow);
        of_flow.map(|(_, key, at, _)| (key, at)).collect()
    }
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        "lines"
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let stored = self.stored(flow).into_iter();
        let offsets = stored.filter_map(|((topic, topic_id, partition), at)| {
            let next_offset = at.parse().ok().filter(|_| !topic.is_empty())?;
            #[rustfmt::skip]
            return Some(Progress { topic, topic_id, partition, next_offset });
        });
        Ok(offsets.collect())
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        Ok(self
            .stored(flow)
            .remove(&Default::default())
            .map(Position::new))
    }

    async fn write(&self, records: &[Records], advance: AnyAdvance<'_>) -> Result<(), SinkError> {
        let (flow, key, from, to) = match advance {
            AnyAdvance::Offset(it) => {
                let key = (it.to.topic.clone(), it.to.topic_id.clone(), it.to.partition);
                let from = it.from.map(|it| it.to_string());
                (&it.flow, key, from, it.to.next_offset.to_string())
            }
            AnyAdvance::Position(it) => {
                let from = it.from.as_ref().map(|it| it.to_string());
                (&it.flow, Default::default(), from, it.to.to_string())
            }
        };
        if self.stored(flow).get(&key) != from.as_ref() {
            return Err(SinkError::Fenced(self.name().to_owned()));
        }
        let rows = records.iter().flat_map(Records::iter);
        let texts = rows.filter_map(|row| match row.get("text") {
            Some(Value::String(text)) => Some(text.to_owned()),
            _ => None,
        });
        let line: Line = (flow.clone(), key, to, texts.collect());
        let line = serde_json::to_string(&line).expect("texts") + "\n";
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&self.0);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.map_err(|error| SinkError::Lost(self.name().to_owned(), error.into()))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_no_database_goes_on_from_its_progress() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lines");
    let rig = Rig::new(1).with_rows(4);
    let mut texts = Vec::new();
    for changes in [0..10, 10..25] {
        rig.publish_changes(changes.clone(), 3).await;
        // Another instance each time, as after a restart: the file alone remembers.
        let sink = Arc::new(FileSink(path.clone()));
        let mut consume = rig.consume(Until::CaughtUp);
        consume.sink = sink.clone();
        within(consume.run(&rig.stop)).await.expect("caught up");
        texts.extend(changes.map(|it| format!("{it:06}")));
        let written = sink.lines().into_iter().flat_map(|it| it.3);
        assert_eq!(written.collect::<Vec<_>>(), texts, "each once, in order");
        let progress = sink.progress(FLOW).await.expect("read");
        assert_eq!(progress[0].next_offset, texts.len() as i64);
        assert!((sink as Arc<dyn Sink>).database().is_err(), "it says so");
    }
}
