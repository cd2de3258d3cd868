//! Messages that go on coming: in each partition, `n` is the offset.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow};

use crate::{
    kafka::{Kafka, Outgoing},
    world::World,
};

pub const PARTITIONS: i32 = 6;

/// Messages in each partition at a time.
const MESSAGES: i64 = 12;
/// Between two such times.
const PAUSE: Duration = Duration::from_millis(200);

/// A producer at work.
pub struct Producing {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<Result<i64>>,
}

impl Producing {
    pub fn begin(world: &World) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let (brokers, topic) = (world.servers.kafka.clone(), world.topic.clone());
        let ends = enough.clone();
        let thread = thread::spawn(move || {
            let kafka = Kafka::new(&brokers);
            let mut produced = 0;
            while !ends.load(Ordering::Relaxed) {
                publish(&kafka, &topic, produced)?;
                produced += MESSAGES;
                thread::park_timeout(PAUSE);
            }
            Ok(produced)
        });
        Self { enough, thread }
    }

    /// Ends it; answers how many messages there are in each partition.
    ///
    /// # Errors
    /// A message was not taken.
    pub fn end(self) -> Result<i64> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("the producer panicked"))?
    }
}

fn publish(kafka: &Kafka, topic: &str, from: i64) -> Result<()> {
    let places = (0..PARTITIONS).flat_map(|p| (from..from + MESSAGES).map(move |n| (p, n)));
    let value = |(p, n): (i32, i64)| {
        let id = n * i64::from(PARTITIONS) + i64::from(p);
        (p, format!(r#"{{"id":{id},"p":{p},"n":{n}}}"#))
    };
    let values: Vec<_> = places.map(value).collect();
    let messages = values.iter().map(|(partition, value)| Outgoing {
        partition: Some(*partition),
        key: None,
        value: Some(value.as_bytes()),
    });
    kafka.produce(topic, messages)
}
