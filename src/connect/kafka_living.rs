//! How many clients of librdkafka there are: a process ends when none is left.
//!
//! A client is dropped by whoever holds it last, often a thread of its own, since that waits for the
//! client's threads and may take a while. Those must not run beside the process's exit handlers,
//! which free what OpenSSL has allotted for them.

use std::{sync::LazyLock, time::Duration};

use tokio::sync::watch;

static LIVING: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Held in the context of each client, which is dropped after the client's threads have ended.
#[derive(Debug)]
pub(super) struct Living(());

impl Default for Living {
    fn default() -> Self {
        LIVING.send_modify(|it| *it += 1);
        Self(())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        LIVING.send_modify(|it| *it -= 1);
    }
}

/// Whether any client is left.
pub fn any() -> bool {
    *LIVING.borrow() > 0
}

/// Waits until none is left, at most for `within`; answers whether that is so.
pub async fn none(within: Duration) -> bool {
    let mut living = LIVING.subscribe();
    let gone = living.wait_for(|it| *it == 0);
    tokio::time::timeout(within, gone).await.is_ok()
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, consumer::BaseConsumer};

    use super::*;
    use crate::connect::kafka_log::KafkaLog;

    #[tokio::test]
    async fn a_client_lives_until_its_threads_have_ended() {
        let config = ClientConfig::new();
        let client: BaseConsumer<KafkaLog> = config
            .create_with_context(KafkaLog::new("bus"))
            .expect("nothing is connected");
        assert!(any());
        assert!(!none(Duration::from_millis(1)).await);
        let dropped = std::thread::spawn(move || drop(client));
        assert!(none(Duration::from_secs(60)).await);
        dropped.join().expect("no panic");
    }
}
