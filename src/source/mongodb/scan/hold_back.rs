//! The low watermark of a collection, in values of each class; and where its full read goes on from.

use std::time::Duration;

use mongodb::bson::{Bson, doc};

use super::{
    Ceiling, CursorValues, ScanPosition, ScanState, class::Class, reader::CollectionReader,
    watermark::Look,
};
use crate::source::{
    SourceError,
    scan::{
        Reader, ScanCursor, ScanPhase,
        hold_back::{self, ServerWatermark},
    },
};

impl ServerWatermark<CursorValues> for Look {
    fn given_out(&self) -> i64 {
        self.now
    }

    fn until(&self) -> i64 {
        self.until
    }

    fn below(&self, _phase: ScanPhase, class: Option<Class>) -> Option<Bson> {
        class?.taken_at(self.until)
    }

    fn is_earlier(one: &Bson, other: &Bson) -> bool {
        match (one, other) {
            (Bson::DateTime(one), Bson::DateTime(other)) => one < other,
            (Bson::ObjectId(one), Bson::ObjectId(other)) => one.bytes() < other.bytes(),
            (Bson::Timestamp(one), Bson::Timestamp(other)) => {
                (one.time, one.increment) < (other.time, other.increment)
            }
            _ => false,
        }
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn log_wait(&self, source: &str, at_most: Duration) {
        tracing::info!(
            source = %source,
            "waiting up to {at_most:.1?} for the last documents: {}",
            self.reason()
        );
    }

    fn log_left(&self, source: &str) {
        tracing::warn!(
            source = %source,
            "the last documents are left for the next run: {}",
            self.reason()
        );
    }
}

impl CollectionReader {
    /// Before the first page: what has been committed can be seen, and a full read knows where the
    /// incremental one will go on.
    pub async fn begin(&mut self, scan_position: &mut ScanPosition) -> Result<(), SourceError> {
        let look = self.watermark().await?;
        self.wait_for(look.operation_time).await?;
        self.look_for_classes().await?;
        match scan_position {
            ScanPosition::Full(full) if full.is_at_start() => {
                self.fix_then(&mut full.then, look).await
            }
            _ => Ok(()),
        }
    }

    /// Fixes where the incremental read will go on, before a full read's first page. The server is
    /// asked for the last document of each class that is settled, or it is waited for.
    async fn fix_then(&mut self, then: &mut ScanState, look: Look) -> Result<(), SourceError> {
        let mut last = Vec::new();
        for phase in ScanPhase::with(self.scanned.nulls) {
            for class in self.classes(*phase, then.of(*phase)) {
                let settled = class.taken_at(look.until);
                let is_clock = settled.is_some();
                let settled = settled.map_or(Ceiling::Open, Ceiling::Below);
                let found = self.scanned.last(*phase, class, &settled).await?;
                if is_clock {
                    then.of_mut(*phase).put(found.unwrap_or_default());
                } else {
                    last.extend(found.map(|it| (*phase, it)));
                }
            }
        }
        if last.is_empty() {
            return Ok(());
        }
        let look = self.watermark().await?;
        let (seen, patience) = (look.now, look.longest_wait());
        tracing::info!(
            source = %self.scanned.order.source,
            "a full read begins when the last documents have settled: {}",
            look.reason()
        );
        let look = hold_back::wait(self, look, seen, patience).await?;
        if look.until < seen {
            tracing::warn!(
                source = %self.scanned.order.source,
                "the next run repeats this full read, as it could not be told what is settled: {}",
                look.reason()
            );
            return Ok(());
        }
        self.wait_for(look.operation_time).await?;
        for (phase, last) in last {
            then.of_mut(phase).put(last);
        }
        Ok(())
    }

    /// Warns of documents that a bounded read has not waited for.
    pub async fn warn_of_clocks_ahead(
        &self,
        state: &ScanState,
        over_at: i64,
    ) -> Result<(), SourceError> {
        let field = &self.scanned.order.field;
        let classes = self.classes(ScanPhase::Values, &state.values).into_iter();
        for value in classes.filter_map(|it| it.taken_at(over_at)) {
            if self.scanned.has(doc! { field: { "$gte": value } }).await? {
                tracing::warn!(
                    source = %self.scanned.order.source,
                    "documents whose `{field}` is ahead of the server's clock are left until it is \
                     their time, as what comes before them would be passed by; `late = \"none\"` reads \
                     them"
                );
            }
        }
        Ok(())
    }
}

impl Look {
    /// Why documents are held back.
    fn reason(&self) -> String {
        match &self.open {
            Some(open) if open.lasts > Duration::from_secs(1) => {
                let connection = open.connection.as_deref().unwrap_or("unknown");
                let seconds = open.lasts.as_secs();
                format!(
                    "a transaction or write ({connection}) has been under way for {seconds} s, and may \
                     still commit below them"
                )
            }
            _ => format!(
                "they are held back for {:?}, as others may still commit below them",
                self.max_commit_delay
            ),
        }
    }
}
