//! A value that another row has is waited for, by its own partition alone.

use std::time::Duration;

use highwater::flow::Until;
use tokio::time::Instant;

use crate::{
    consume_rig::{DEAD_LETTERS, FLOW, Rig},
    waiting::{until, within},
};

#[tokio::test(start_paused = true)]
async fn a_value_that_is_never_freed_is_waited_for_and_then_costs_its_message_alone() {
    let rig = Rig::new(1);
    for (id, text) in [("a", "1"), ("b", "taken"), ("c", "3")] {
        rig.publish(id, text).await;
    }
    rig.sink.hold_value("taken", "freed");
    let begun = Instant::now();
    within(rig.catch_up()).await.expect("caught up");
    assert!(begun.elapsed() >= Duration::from_secs(30), "{begun:?}");
    let landed: Vec<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
    assert_eq!(landed, ["a", "c"]);
    assert_eq!(rig.sink.writes().len(), 1, "its neighbours stay together");
    let dead_letters = rig.broker.messages(DEAD_LETTERS, 0);
    assert_eq!(dead_letters.len(), 1);
    let dead_letter = dead_letters.get(0).expect("there");
    let reason = dead_letter.headers.get("highwater-dead-reason").flatten();
    let reason = String::from_utf8_lossy(reason.expect("a reason"));
    assert!(reason.contains("id=holder"), "{reason}");
    assert_eq!(rig.sink.offsets(FLOW).await, [(0, 3)]);
}

#[tokio::test(start_paused = true)]
async fn other_lanes_go_on_and_one_of_them_frees_the_value() {
    let rig = Rig::new(2).with_rows(1);
    // Keys of which the first goes to another partition than the others.
    let (waiting, others) = keys_apart(&rig).await;
    rig.sink.hold_value("taken", "freed");
    rig.publish(&waiting, "taken").await;
    rig.publish(&others, "goes on").await;
    rig.publish(&others, "freed").await;
    within(rig.consume(Until::CaughtUp).run(&rig.stop))
        .await
        .expect("caught up");
    let texts: Vec<_> = rig.sink.applied().into_iter().map(|it| it.1).collect();
    let position = |text: &str| texts.iter().position(|it| it == text);
    assert!(position("goes on") < position("freed"), "{texts:?}");
    assert!(position("freed") < position("taken"), "{texts:?}");
    assert_eq!(rig.broker.messages(DEAD_LETTERS, 0).len(), 0);
    rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_is_stopped_waits_no_more_and_moves_nothing() {
    let rig = Rig::new(1);
    rig.publish("b", "taken").await;
    rig.sink.hold_value("taken", "freed");
    let mut waiting_since = None;
    let stopped = async {
        until(|| rig.sink.refused() > 1).await;
        waiting_since = Some(Instant::now());
        rig.stop.cancel();
    };
    let (ended, ()) = tokio::join!(within(rig.run()), stopped);
    ended.expect("stopped");
    let waited = waiting_since.expect("it was stopped").elapsed();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    assert_eq!(rig.broker.messages(DEAD_LETTERS, 0).len(), 0);
    assert_eq!(rig.sink.offsets(FLOW).await, []);
}

async fn keys_apart(rig: &Rig) -> (String, String) {
    rig.publish("first", "0").await;
    let of_first = (0..2).find(|it| rig.broker.messages(crate::consume_rig::TOPIC, *it).len() == 1);
    for other in 0..100 {
        let other = format!("other-{other}");
        rig.publish(&other, "0").await;
        let there = (0..2).map(|it| rig.broker.messages(crate::consume_rig::TOPIC, it).len());
        let there: Vec<_> = there.collect();
        if there[1 - of_first.unwrap_or(0) as usize] > 0 {
            return ("first".to_owned(), other);
        }
    }
    panic!("all keys go to one partition");
}
