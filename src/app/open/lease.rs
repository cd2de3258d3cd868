//! A flow's cursor for this process: at once, or when whoever has it has ended (`--wait`).

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    cursor::{CursorError, CursorLease, CursorStore},
    model::FlowName,
};

/// Time between two looks whether the flow is free.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Takes the cursor of `flow`. Where another process has it: `Leased` at once, or, with `wait`, when
/// that time is over. A store with leases may look for some seconds itself whether a holder lives,
/// so that the wait may end that much later.
pub(in crate::app) async fn lease(
    store: &dyn CursorStore,
    flow: &FlowName,
    wait: Option<Duration>,
    stop: &CancellationToken,
) -> Result<Box<dyn CursorLease>, CursorError> {
    let began = Instant::now();
    let mut said = None;
    loop {
        // Never dropped half-way: a lease that nobody knows of would keep others out.
        let (flow_name, holder) = match store.lease(flow).await {
            Err(CursorError::Leased { flow, holder }) => (flow, holder),
            answered => return answered,
        };
        let left = wait.and_then(|it| it.checked_sub(began.elapsed()));
        let Some(left) = left.filter(|it| !it.is_zero()) else {
            let flow = flow_name;
            return Err(CursorError::Leased { flow, holder });
        };
        if said.as_ref() != Some(&holder) {
            let most = match wait {
                Some(Duration::MAX) => "however long".to_owned(),
                _ => format!("{} s at most", left.as_secs_f64().ceil()),
            };
            tracing::info!(
                flow = flow_name,
                holder,
                "the flow is running elsewhere: waiting for its end, {most}"
            );
            said = Some(holder.clone());
        }
        tokio::select! {
            () = sleep(left.min(LOOK_EVERY)) => (),
            () = stop.cancelled() => return Err(CursorError::Lost {
                location: store.location(flow),
                cause: format!("stopped while {holder} had the flow").into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::memory::MemoryCursors;

    fn flow() -> FlowName {
        FlowName {
            data_type: "information".into(),
            topic: "t".into(),
            source: "crawler.raw_list".into(),
        }
    }

    fn lasted(since: Instant, seconds: u64) {
        let lasted = since.elapsed();
        assert!(lasted >= Duration::from_secs(seconds), "{lasted:?}");
        assert!(lasted < Duration::from_secs(seconds + 1), "{lasted:?}");
    }

    const LIMIT: Option<Duration> = Some(Duration::from_secs(60));

    #[tokio::test(start_paused = true)]
    async fn without_wait_a_flow_that_is_held_is_refused_at_once() {
        let store = MemoryCursors::default();
        let _lease = store.lease(&flow()).await.expect("free");
        let began = Instant::now();
        let refused = lease(&store, &flow(), None, &CancellationToken::new()).await;
        assert!(matches!(refused, Err(CursorError::Leased { .. })));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn with_wait_a_flow_is_taken_soon_after_its_holder_has_ended() {
        let store = MemoryCursors::default();
        let flow_name = store.lease(&flow()).await.expect("free");
        let ends = async {
            sleep(Duration::from_secs(20)).await;
            drop(flow_name);
        };
        let began = Instant::now();
        let (flow, stop) = (flow(), CancellationToken::new());
        let (taken, ()) = tokio::join!(lease(&store, &flow, LIMIT, &stop), ends);
        assert!(taken.is_ok());
        lasted(began, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_limit() {
        let store = MemoryCursors::default();
        let _lease = store.lease(&flow()).await.expect("free");
        let began = Instant::now();
        let refused = lease(&store, &flow(), LIMIT, &CancellationToken::new()).await;
        assert!(matches!(refused, Err(CursorError::Leased { .. })));
        lasted(began, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_wait_as_what_may_pass() {
        use crate::fault::{Fault, Faulty};
        let store = MemoryCursors::default();
        let _lease = store.lease(&flow()).await.expect("free");
        let (flow, stop) = (flow(), CancellationToken::new());
        let stops = async {
            sleep(Duration::from_secs(5)).await;
            stop.cancel();
        };
        let began = Instant::now();
        let (refused, ()) = tokio::join!(lease(&store, &flow, LIMIT, &stop), stops);
        let error = refused.err().expect("stopped");
        assert_eq!(error.fault(), Fault::Transient);
        lasted(began, 5);
    }
}
