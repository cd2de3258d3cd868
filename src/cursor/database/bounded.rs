//! A table of cursors that answers in time: a server that is silent, or a lock that another keeps, is
//! told as what may pass, and the flow is opened again.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use super::table::{Failure, Lease, Row, Stored, Table};

/// How long an answer may take: half of what a lease lasts, so that a renewal is tried again before
/// that is over. What drops a call that waits must leave nothing behind: see `Session` of
/// `connect/mysql`.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// Another table, asked with patience.
pub(super) struct Bounded {
    table: Arc<dyn Table>,
    patience: Duration,
}

impl Bounded {
    pub fn new(table: Arc<dyn Table>, patience: Duration) -> Self {
        Self { table, patience }
    }

    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        match timeout(self.patience, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(Failure::Lost(
                format!(
                    "no answer within {} s: the server is silent, or another session keeps a lock on it",
                    self.patience.as_secs_f64()
                )
                .into(),
            )),
        }
    }
}

#[async_trait]
impl Table for Bounded {
    fn location(&self) -> &str {
        self.table.location()
    }

    async fn create(&self) -> Result<(), Failure> {
        self.answer(self.table.create()).await
    }

    async fn take(
        &self,
        flow: &str,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<i64>, Failure> {
        self.answer(self.table.take(flow, holder, lease)).await
    }

    async fn holder(&self, flow: &str) -> Result<Option<Lease>, Failure> {
        self.answer(self.table.holder(flow)).await
    }

    async fn load(&self, flow: &str, fence: i64) -> Result<Option<Option<Stored>>, Failure> {
        self.answer(self.table.load(flow, fence)).await
    }

    async fn save(
        &self,
        flow: &str,
        fence: i64,
        position: Option<&str>,
        lease: Duration,
    ) -> Result<bool, Failure> {
        let saved = self.table.save(flow, fence, position, lease);
        self.answer(saved).await
    }

    async fn renew(&self, flow: &str, fence: i64, lease: Duration) -> Result<bool, Failure> {
        self.answer(self.table.renew(flow, fence, lease)).await
    }

    async fn release(&self, flow: &str, fence: i64) -> Result<(), Failure> {
        self.answer(self.table.release(flow, fence)).await
    }

    async fn list(&self) -> Result<Vec<Row>, Failure> {
        self.answer(self.table.list()).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A server that has taken the question and says nothing.
    struct Silent;

    #[async_trait]
    impl Table for Silent {
        fn location(&self) -> &str {
            "nowhere"
        }

        async fn create(&self) -> Result<(), Failure> {
            pending().await
        }

        async fn take(&self, _: &str, _: &str, _: Duration) -> Result<Option<i64>, Failure> {
            pending().await
        }

        async fn holder(&self, _: &str) -> Result<Option<Lease>, Failure> {
            pending().await
        }

        async fn load(&self, _: &str, _: i64) -> Result<Option<Option<Stored>>, Failure> {
            pending().await
        }

        async fn save(
            &self,
            _: &str,
            _: i64,
            _: Option<&str>,
            _: Duration,
        ) -> Result<bool, Failure> {
            pending().await
        }

        async fn renew(&self, _: &str, _: i64, _: Duration) -> Result<bool, Failure> {
            pending().await
        }

        async fn release(&self, _: &str, _: i64) -> Result<(), Failure> {
            pending().await
        }

        async fn list(&self) -> Result<Vec<Row>, Failure> {
            pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_question_to_a_silent_server_waits_for_ever() {
        let table = Bounded::new(Arc::new(Silent), RESPONSE_TIMEOUT);
        let answers = [
            table.create().await,
            table.take("f", "h", RESPONSE_TIMEOUT).await.map(drop),
            table.holder("f").await.map(drop),
            table.load("f", 1).await.map(drop),
            table.save("f", 1, None, RESPONSE_TIMEOUT).await.map(drop),
            table.renew("f", 1, RESPONSE_TIMEOUT).await.map(drop),
            table.release("f", 1).await,
            table.list().await.map(drop),
        ];
        for answer in answers {
            let Err(Failure::Lost(cause)) = answer else {
                panic!("{answer:?}");
            };
            assert!(cause.to_string().contains("within 15 s"), "{cause}");
        }
    }
}
