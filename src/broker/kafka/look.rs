//! Queries to a Kafka cluster that join no group.

use std::time::Duration;

use rdkafka::{ClientConfig, consumer::Consumer};

use super::{
    errors::broker_error,
    topics::{PATIENCE, describe, with_client},
};
use crate::broker::{BrokerError, OffsetRange};

/// What each partition of `topic` holds.
pub(in crate::broker) async fn offset_ranges(
    config: &ClientConfig,
    name: &str,
    topic: &str,
) -> Result<Vec<OffsetRange>, BrokerError> {
    let partitions = describe(config, name, topic).await?.partitions;
    let asked = topic.to_owned();
    with_client(config, name, topic, move |consumer| {
        let bounds = |partition| {
            let (first, end) = consumer
                .fetch_watermarks(&asked, partition, PATIENCE)
                .map_err(|error| broker_error(&asked, error, consumer.context()))?;
            Ok(OffsetRange {
                partition,
                first,
                end,
            })
        };
        (0..partitions).map(bounds).collect()
    })
    .await
}

/// Who is in `group`: the client and the host of each.
pub(in crate::broker) async fn members(
    config: &ClientConfig,
    name: &str,
    topic: &str,
    group: &str,
) -> Result<Vec<String>, BrokerError> {
    /// A group that is just changing hands answers later, and is no reason to wait.
    const SHORT: Duration = Duration::from_secs(5);
    let (asked, group) = (topic.to_owned(), group.to_owned());
    with_client(config, name, topic, move |consumer| {
        let groups = consumer
            .fetch_group_list(Some(&group), SHORT)
            .map_err(|error| broker_error(&asked, error, consumer.context()))?;
        let members = groups.groups().iter().flat_map(|it| it.members());
        Ok(members
            .map(|it| {
                format!(
                    "{}@{}",
                    it.client_id(),
                    it.client_host().trim_start_matches('/')
                )
            })
            .collect())
    })
    .await
}
