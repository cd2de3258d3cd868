//! Questions to a Kafka cluster about topics, and the making of a topic.

use std::{
    ffi::CString,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::Client,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    errors::{broker_error, code_error},
    topic_id::{DescribeTopic, Described},
};
use crate::{broker::BrokerError, connect::kafka_log::KafkaLog};

/// How long a cluster may take for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// How long other addresses and brokers are tried where the first cannot be reached.
const GRACE: Duration = Duration::from_secs(3);
/// How often a question that waits looks at what became of its connections.
const GLANCE_MILLIS: i32 = 50;

/// What a topic that is not there is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its partitions.
    pub partitions: i32,
    /// On how many brokers each message is kept.
    pub replication: i32,
}

/// What is known of `topic`, which is never made by asking.
pub(super) async fn describe(
    config: &ClientConfig,
    name: &str,
    topic: &str,
) -> Result<Described, BrokerError> {
    let asked = topic.to_owned();
    with_client(config, name, topic, move |consumer| {
        described(consumer.client(), &asked, || {
            consumer.poll(Duration::ZERO);
        })
    })
    .await
}

/// The offsets that `group` has committed for the partitions of `topic`.
pub(in crate::broker) async fn committed(
    config: &ClientConfig,
    name: &str,
    topic: &str,
    group: &str,
) -> Result<Vec<(i32, i64)>, BrokerError> {
    let partitions = describe(config, name, topic).await?.partitions;
    let mut config = config.clone();
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false");
    let asked = topic.to_owned();
    with_client(&config, name, topic, move |consumer| {
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_range(&asked, 0, partitions.saturating_sub(1));
        let list = consumer
            .committed_offsets(list, PATIENCE)
            .map_err(|error| broker_error(&asked, error, consumer.context()))?;
        let offsets = list.elements().into_iter().filter_map(|it| {
            let offset = it.offset().to_raw().filter(|offset| *offset >= 0)?;
            Some((it.partition(), offset))
        });
        Ok(offsets.collect())
    })
    .await
}

/// Makes `topic` where it is not there.
///
/// # Errors
/// `Refused` where the cluster does not make it.
pub(in crate::broker) async fn ensure(
    config: &ClientConfig,
    name: &str,
    topic: &str,
    create: CreateTopic,
) -> Result<(), BrokerError> {
    match describe(config, name, topic).await {
        Err(BrokerError::NoTopic(_)) => (),
        other => return other.map(|_| ()),
    }
    let admin = admin(config, name)?;
    let new = NewTopic::new(
        topic,
        create.partitions,
        TopicReplication::Fixed(create.replication),
    );
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let log = admin.inner().context().clone();
    let made = admin.create_topics([&new], &options).await;
    close(admin);
    let made = made.map_err(|error| broker_error(topic, error, &log))?;
    for result in made {
        match result {
            // Another process was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => (),
            Err((_, code)) => {
                return Err(match code_error(topic, code, code.into(), &log) {
                    BrokerError::Lost(cause) if !is_passing(code) => BrokerError::Refused {
                        advice: format!(
                            "topic `{topic}` cannot be made with {} partitions on {} brokers",
                            create.partitions, create.replication
                        ),
                        cause,
                    },
                    error => error,
                });
            }
        }
    }
    known_everywhere(config, name, topic).await
}

/// The largest batch that the topic takes, if it may be asked.
pub(super) async fn largest_batch(config: &ClientConfig, name: &str, topic: &str) -> Option<u64> {
    let option = option(config, name, topic, "max.message.bytes").await?;
    option.parse().ok()
}

/// Whether the topic keeps the last message of each key alone, if it may be asked.
pub(super) async fn is_compacted(config: &ClientConfig, name: &str, topic: &str) -> Option<bool> {
    let policies = option(config, name, topic, "cleanup.policy").await?;
    Some(policies.split(',').any(|it| it.trim() == "compact"))
}

/// An option of the topic, as its brokers have it.
async fn option(config: &ClientConfig, name: &str, topic: &str, option: &str) -> Option<String> {
    let admin = admin(config, name).ok()?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let asked = admin
        .describe_configs([&ResourceSpecifier::Topic(topic)], &options)
        .await;
    close(admin);
    let resource = asked.ok()?.into_iter().next()?.ok()?;
    resource.get(option)?.value.clone()
}

/// A topic that was just made is not known to every broker at once.
async fn known_everywhere(
    config: &ClientConfig,
    name: &str,
    topic: &str,
) -> Result<(), BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match describe(config, name, topic).await {
            Err(BrokerError::NoTopic(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other.map(|_| ()),
        }
    }
}

/// Puts a question to a client that lives only as long, on a thread that may block.
pub(super) async fn with_client<T: Send + 'static>(
    config: &ClientConfig,
    name: &str,
    topic: &str,
    question: impl FnOnce(&BaseConsumer<KafkaLog>) -> Result<T, BrokerError> + Send + 'static,
) -> Result<T, BrokerError> {
    let (config, log, topic) = (config.clone(), KafkaLog::new(name), topic.to_owned());
    let answer = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer<KafkaLog> = config
            .create_with_context(log)
            .map_err(|error| broker_error(&topic, error, &KafkaLog::new("")))?;
        question(&consumer)
    });
    answer
        .await
        .unwrap_or_else(|error| Err(BrokerError::Lost(error.into())))
}

/// Asks on this thread, and gives up early where the cluster cannot be reached or does not
/// let us in.
fn described(
    client: &Client<KafkaLog>,
    topic: &str,
    serve: impl Fn(),
) -> Result<Described, BrokerError> {
    let log = client.context();
    let error = |code: RDKafkaErrorCode| code_error(topic, code, code.into(), log);
    let text = CString::new(topic).map_err(|_| error(RDKafkaErrorCode::InvalidTopic))?;
    let millis = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is live, and the question is dropped before this function returns.
    let question = unsafe { DescribeTopic::ask(client.native_ptr(), &text, millis) }
        .ok_or_else(|| error(RDKafkaErrorCode::Fail))?;
    let asked = Instant::now();
    loop {
        if let Some(answer) = question.answer(GLANCE_MILLIS) {
            return answer.map_err(error);
        }
        serve();
        let unreachable = log.connection_error().is_some() && asked.elapsed() > GRACE;
        if unreachable || log.denied() {
            return Err(error(RDKafkaErrorCode::OperationTimedOut));
        }
    }
}

fn admin(config: &ClientConfig, name: &str) -> Result<AdminClient<KafkaLog>, BrokerError> {
    config
        .create_with_context(KafkaLog::new(name))
        .map_err(|error: KafkaError| BrokerError::Lost(error.into()))
}

/// Its drop waits for its thread, which an async one must not.
fn close(admin: AdminClient<KafkaLog>) {
    tokio::task::spawn_blocking(move || drop(admin));
}

fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NotController
            | Code::BrokerTransportFailure
    )
}
