//! A sink that is no database: it keeps lines, and beside them how far each flow is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use highwater::{
    flow::Until,
    model::{Position, Records, Value},
    sink::{AnyAdvance, Capabilities, Fence, Progress, Sink, SinkError},
};

use crate::{
    consume_rig::{FLOW, Rig},
    waiting::within,
};

#[derive(Default)]
struct LineSink(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    /// By flow, topic, topic id and partition.
    offsets: HashMap<(String, String, String, i32), i64>,
    positions: HashMap<String, Position>,
}

impl LineSink {
    fn held(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for LineSink {
    fn name(&self) -> &str {
        "lines"
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let held = self.held();
        let of_flow = held.offsets.iter().filter(|(key, _)| key.0 == flow);
        let progress = of_flow.map(|((_, topic, topic_id, partition), next_offset)| Progress {
            topic: topic.clone(),
            topic_id: topic_id.clone(),
            partition: *partition,
            next_offset: *next_offset,
        });
        Ok(progress.collect())
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        Ok(self.held().positions.get(flow).cloned())
    }

    async fn write(&self, records: &[Records], advance: AnyAdvance<'_>) -> Result<(), SinkError> {
        let fenced = || Fence::Moved(self.name().to_owned()).into();
        let mut held = self.held();
        match advance {
            AnyAdvance::Offset(it) => {
                let (topic, topic_id) = (it.to.topic.clone(), it.to.topic_id.clone());
                let key = (it.flow.clone(), topic, topic_id, it.to.partition);
                if held.offsets.get(&key).copied() != it.from {
                    return Err(fenced());
                }
                held.offsets.insert(key, it.to.next_offset);
            }
            AnyAdvance::Position(it) => {
                if held.positions.get(&it.flow) != it.from.as_ref() {
                    return Err(fenced());
                }
                held.positions.insert(it.flow.clone(), it.to.clone());
            }
        }
        for row in records.iter().flat_map(Records::iter) {
            if let Some(Value::String(text)) = row.get("text") {
                held.lines.push(text.to_owned());
            }
        }
        Ok(())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_no_database_goes_on_from_its_progress() {
    let (rig, sink) = (Rig::new(1).with_rows(4), Arc::new(LineSink::default()));
    let mut texts = Vec::new();
    for changes in [0..10, 10..25] {
        rig.publish_changes(changes.clone(), 3).await;
        // Another run each time, as after a restart: what it knows, the sink has kept.
        let mut consume = rig.consume(Until::CaughtUp);
        consume.sink = sink.clone();
        within(consume.run(&rig.stop)).await.expect("caught up");
        texts.extend(changes.map(|it| format!("{it:06}")));
        assert_eq!(sink.held().lines, texts, "each once, in order");
        let progress = sink.progress(FLOW).await.expect("read");
        assert_eq!(progress[0].next_offset, texts.len() as i64);
    }
    let sink: Arc<dyn Sink> = sink;
    sink.prepare(None).await.expect("there is nothing to make");
    let refused = sink.database().err().map(|it| it.to_string());
    let said = "sink lines has no tables and indexes";
    assert_eq!(refused.as_deref(), Some(said), "it says so");
}
