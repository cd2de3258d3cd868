//! A reader whose next batches are read by a task while the last one is being worked on.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{
    model::{Batch, Position, Records, Schema},
    source::{SourceError, SourceReader},
};

/// Batches of a task that owns its connection: the task alone waits for the server, so that
/// dropping a wait of the reader never leaves a connection half read.
pub(in crate::source) struct ReadAhead {
    name: String,
    schema: Arc<Schema>,
    position: Position,
    max_wait: Duration,
    batches: mpsc::Receiver<Next>,
}

/// A batch, the end, or an error.
type Next = Result<Option<Batch>, SourceError>;

/// The task's side.
#[derive(Clone)]
pub(in crate::source) struct BatchSender(mpsc::Sender<Next>);

impl ReadAhead {
    /// Starts `read` as a task of its own, from `position` on. It is dropped with the reader.
    pub fn start<F>(
        name: &str,
        schema: Arc<Schema>,
        position: Position,
        max_wait: Duration,
        read: impl FnOnce(BatchSender) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), SourceError>> + Send + 'static,
    {
        // One batch waits here, one is being filled, one is with the flow.
        let (tx, batches) = mpsc::channel(1);
        let reading = read(BatchSender(tx.clone()));
        tokio::spawn(async move {
            tokio::select! {
                () = tx.closed() => {}
                ended = reading => {
                    // Fails only where the reader is gone.
                    let _ = tx.send(ended.map(|()| None)).await;
                }
            }
        });
        Self {
            name: name.to_owned(),
            schema,
            position,
            max_wait,
            batches,
        }
    }
}

impl BatchSender {
    /// Hands a batch over; waits while the reader is behind.
    pub async fn send(&self, batch: Batch) {
        // Fails only where the reader is gone; the task ends with it.
        let _ = self.0.send(Ok(Some(batch))).await;
    }
}

#[async_trait]
impl SourceReader for ReadAhead {
    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        match tokio::time::timeout(self.max_wait, self.batches.recv()).await {
            Ok(Some(Ok(Some(batch)))) => {
                self.position.clone_from(&batch.position);
                Ok(Some(batch))
            }
            Ok(Some(answer)) => answer,
            Ok(None) => Err(SourceError::Lost(
                self.name.clone(),
                "its reader has ended before".into(),
            )),
            Err(_) => Ok(Some(Batch {
                records: Records::new(self.schema.clone()),
                position: self.position.clone(),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start<F>(read: impl FnOnce(BatchSender) -> F) -> ReadAhead
    where
        F: Future<Output = Result<(), SourceError>> + Send + 'static,
    {
        let schema = Arc::new(Schema::document("t", ["id"]));
        ReadAhead::start(
            "t",
            schema,
            Position::new("0"),
            Duration::from_secs(1),
            read,
        )
    }

    fn empty(position: &str) -> Batch {
        Batch {
            records: Records::new(Arc::new(Schema::document("t", ["id"]))),
            position: Position::new(position),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_answered_by_an_empty_batch_at_the_last_position() {
        let mut reader = start(|sender| async move {
            sender.send(empty("1")).await;
            std::future::pending().await
        });
        for _ in 0..2 {
            let batch = reader
                .next_batch()
                .await
                .expect("no error")
                .expect("no end");
            assert_eq!(batch.position.as_str(), "1");
        }
    }

    #[tokio::test]
    async fn the_end_comes_behind_the_last_batch() {
        let mut reader = start(|sender| async move {
            sender.send(empty("1")).await;
            Ok(())
        });
        assert!(reader.next_batch().await.expect("no error").is_some());
        assert!(reader.next_batch().await.expect("no error").is_none());
    }

    #[tokio::test]
    async fn a_task_that_died_is_an_error_and_no_end() {
        let mut reader = start(|_| async { panic!("scripted") });
        assert!(matches!(
            reader.next_batch().await,
            Err(SourceError::Lost(..))
        ));
    }

    #[tokio::test]
    async fn dropping_the_reader_drops_what_it_reads_with() {
        let (kept, dropped) = tokio::sync::oneshot::channel::<()>();
        let reader = start(|_| async move {
            let _kept = kept;
            std::future::pending().await
        });
        drop(reader);
        let ended = tokio::time::timeout(Duration::from_secs(10), dropped).await;
        assert!(ended.expect("the task ends").is_err());
    }
}
