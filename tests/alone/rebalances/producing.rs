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
use rdkafka::{
    ClientConfig,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use crate::world::World;

pub const PARTITIONS: i32 = 6;

/// Messages in each partition at a time.
const MESSAGES: i64 = 12;
/// Between two such times.
const PAUSE: Duration = Duration::from_millis(400);
/// However busy the machine is: one that is given up would leave a gap.
const PATIENCE: Duration = Duration::from_secs(300);

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
            let producer = open(&brokers)?;
            let mut produced = 0;
            while !ends.load(Ordering::Relaxed) {
                publish(&producer, &topic, produced)?;
                produced += MESSAGES;
                thread::park_timeout(PAUSE);
            }
            Ok(produced)
        });
        Self { enough, thread }
    }

    /// Whether it has ended by itself.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
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

type Open = ThreadedProducer<DefaultProducerContext>;

fn open(brokers: &str) -> Result<Open> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config.set("enable.idempotence", "true");
    config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
    Ok(config.create()?)
}

fn publish(producer: &Open, topic: &str, from: i64) -> Result<()> {
    let sent = (0..PARTITIONS).flat_map(|p| (from..from + MESSAGES).map(move |n| (p, n)));
    for (p, n) in sent {
        let id = n * i64::from(PARTITIONS) + i64::from(p);
        let value = format!(r#"{{"id":{id},"p":{p},"n":{n}}}"#);
        let record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(p)
            .payload(value.as_bytes());
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(PATIENCE)?)
}
