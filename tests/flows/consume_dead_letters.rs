//! One bad message costs one message.

use std::sync::Arc;

use highwater::{
    broker::memory::PublishFault,
    fault::{Fault, Faulty},
    flow::{Consume, FlowError, Until},
    model::Records,
    pipeline::{Else, ExplodeStep, Expression, Step, StepError, StepSettings, Stepped, steps},
};

use crate::{
    consume_rig::{DEAD_LETTERS, FLOW, Rig},
    scripted_sink::SinkFault::{None as Pass, Reject},
    waiting::within,
};

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_messages_the_bad_one_is_set_aside_and_the_others_land() {
    let mut rig = Rig::new(1).with_rows(10_000);
    rig.polled = 10_000;
    rig.publish_changes(0..6_172, 10_000).await;
    rig.publish_value("bad", r#"{"text":"no id"}"#).await;
    rig.publish_changes(6_172..9_999, 10_000).await;
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.applied().len(), 9_999);
    assert_eq!(rig.sink.memory.rows().len(), 9_999);
    assert_eq!(rig.sink.offsets(FLOW).await, [(0, 10_000)]);
    assert_eq!(rig.stats.snapshot().dead_letters, 1);
    let dead_letter = dead_letters(&rig);
    assert_eq!(dead_letter.len(), 1);
    assert_eq!(dead_letter[0].0, "bad");
    assert_eq!(dead_letter[0].1, r#"{"text":"no id"}"#);
    assert_eq!(dead_letter[0].2, "write");
    assert_eq!(dead_letter[0].4, "6172");
    // Halving takes about log2(10,000) writes on either side, not thousands.
    let writes = rig.sink.writes().len();
    assert!(writes < 20, "{writes} writes");
    let mut stored = None;
    for write in rig.sink.writes() {
        assert_eq!(
            write.from, stored,
            "each part goes on where the last one ended"
        );
        stored = Some(write.next_offset);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_bad_messages_alone_is_passed() {
    let rig = Rig::new(1).with_rows(7);
    for change in 0..16 {
        rig.publish_value(&format!("{change}"), r#"{"text":"no id"}"#)
            .await;
    }
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.applied(), []);
    assert_eq!(dead_letters(&rig).len(), 16);
    assert_eq!(rig.sink.offsets(FLOW).await, [(0, 16)]);
}

#[tokio::test(start_paused = true)]
async fn bad_messages_anywhere_in_a_batch_are_found() {
    for (bad, also_bad) in [(0, 1), (0, 8), (3, 4), (7, 8), (2, 6)] {
        let rig = Rig::new(1).with_rows(9);
        for change in 0..9 {
            let id = format!("{change}");
            if change == bad || change == also_bad {
                rig.publish_value(&id, r#"{"text":"no id"}"#).await
            } else {
                rig.publish(&id, "good").await
            }
        }
        within(rig.catch_up()).await.expect("caught up");
        let aside: Vec<_> = dead_letters(&rig).into_iter().map(|it| it.0).collect();
        assert_eq!(aside, [bad.to_string(), also_bad.to_string()]);
        let landed: Vec<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
        let good = (0..9).filter(|it| *it != bad && *it != also_bad);
        assert_eq!(landed, good.map(|it| it.to_string()).collect::<Vec<_>>());
        assert_eq!(rig.sink.offsets(FLOW).await, [(0, 9)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_is_one_letter() {
    let rig = Rig::new(1);
    rig.publish("a", "1").await;
    rig.publish_value("b", "not JSON").await;
    rig.publish("c", "3").await;
    within(rig.catch_up()).await.expect("caught up");
    let landed: Vec<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
    assert_eq!(landed, ["a", "c"]);
    assert_eq!(
        rig.sink.writes().len(),
        1,
        "in one batch with its neighbours"
    );
    let dead_letter = dead_letters(&rig);
    assert_eq!(dead_letter.len(), 1);
    let (key, value, step, reason, offset) = &dead_letter[0];
    assert_eq!((key.as_str(), value.as_str()), ("b", "not JSON"));
    assert_eq!((step.as_str(), offset.as_str()), ("decode", "1"));
    assert!(reason.contains("not valid json"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn progress_passes_a_bad_message_only_when_its_letter_is_durable() {
    for bad in ["not JSON", r#"{"text":"no id"}"#] {
        let rig = Rig::new(1).with_rows(1);
        rig.publish("a", "1").await;
        rig.publish_value("b", bad).await;
        rig.dead_letters.then([PublishFault::Reject]);
        within(rig.catch_up())
            .await
            .expect_err("the letter cannot be sent");
        assert_eq!(rig.sink.offsets(FLOW).await, [(0, 1)]);
        within(rig.catch_up()).await.expect("caught up");
        assert_eq!(rig.sink.offsets(FLOW).await, [(0, 2)]);
        assert_eq!(dead_letters(&rig).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_between_two_halves_repeats_neither() {
    for writes in 0..5 {
        let rig = Rig::new(1).with_rows(9);
        for change in 0..9 {
            match change {
                4 => rig.publish_value("4", r#"{"text":"no id"}"#).await,
                _ => rig.publish(&format!("{change}"), "good").await,
            }
        }
        rig.sink.then(vec![Pass; writes]);
        rig.sink.then([Reject]);
        within(rig.supervised(Until::CaughtUp))
            .await
            .expect("caught up");
        let landed: Vec<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
        assert_eq!(landed, ["0", "1", "2", "3", "5", "6", "7", "8"], "{writes}");
        assert_eq!(rig.sink.offsets(FLOW).await, [(0, 9)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_step_refuses_is_one_letter_in_its_name() {
    let rig = Rig::new(1);
    for (id, text) in [("a", "1"), ("b", "odd"), ("c", "3")] {
        rig.publish(id, text).await;
    }
    let consume = Consume {
        pipeline: Arc::new([Box::new(Particular("odd")) as Box<dyn Step>]),
        ..rig.consume(Until::CaughtUp)
    };
    within(consume.run(&rig.stop)).await.expect("caught up");
    let landed: Vec<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
    assert_eq!(landed, ["a", "c"]);
    let dead_letter = dead_letters(&rig);
    assert_eq!(dead_letter.len(), 1);
    assert_eq!(
        (dead_letter[0].0.as_str(), dead_letter[0].2.as_str()),
        ("b", "particular")
    );
    assert_eq!(dead_letter[0].3, "it is odd");
}

#[tokio::test(start_paused = true)]
async fn the_rows_of_one_message_stay_together_where_one_of_them_fails() {
    let rig = Rig::new(1);
    rig.publish_value("a", r#"{"id":["a1","a2"],"text":"x"}"#)
        .await;
    rig.publish_value("b", r#"{"id":["b1","bad"],"text":"x"}"#)
        .await;
    let explode = ExplodeStep {
        field: "id".into(),
        number: None,
        keep_empty: true,
    };
    let filter = Expression::parse("id != 'bad'").expect("CEL");
    let consume = Consume {
        pipeline: steps(&[
            StepSettings::Explode(explode),
            StepSettings::Filter(filter, Else::DeadLetter),
        ])
        .into(),
        ..rig.consume(Until::CaughtUp)
    };
    within(consume.run(&rig.stop)).await.expect("caught up");
    let landed: Vec<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
    assert_eq!(landed, ["a1", "a2"]);
    let dead_letter = dead_letters(&rig);
    assert_eq!(dead_letter.len(), 1);
    assert_eq!(
        (dead_letter[0].0.as_str(), dead_letter[0].2.as_str()),
        ("b", "filter")
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_names_no_message_of_its_batch_is_an_error() {
    let rig = Rig::new(1);
    rig.publish("a", "1").await;
    let consume = Consume {
        pipeline: Arc::new([Box::new(Confused) as Box<dyn Step>]),
        ..rig.consume(Until::CaughtUp)
    };
    let error = within(consume.run(&rig.stop)).await.expect_err("silence");
    assert!(matches!(&error, FlowError::NoRecord(step) if step == "confused"));
    // Another attempt would meet the same step.
    assert_eq!(error.fault(), Fault::Permanent);
    assert_eq!(rig.sink.offsets(FLOW).await, []);
}

/// Refuses records of one text.
struct Particular(&'static str);

#[async_trait::async_trait]
impl Step for Particular {
    fn name(&self) -> &str {
        "particular"
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    fn apply(&self, records: Records) -> Result<Stepped, StepError> {
        let mut kept = Records::new(records.schema().clone());
        let mut failed = Vec::new();
        for row in records.iter() {
            let text = highwater::model::Value::String(self.0);
            if row.get("text") == Some(text) {
                failed.push((row.origin(), format!("it is {}", self.0)))
            } else {
                kept.append(&records.of_origins(row.origin()..row.origin() + 1), 0)
            }
        }
        Ok(Stepped {
            records: kept,
            failed,
        })
    }
}

struct Confused;

#[async_trait::async_trait]
impl Step for Confused {
    fn name(&self) -> &str {
        "confused"
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    fn apply(&self, records: Records) -> Result<Stepped, StepError> {
        let failed = vec![(99, "which one was it".to_owned())];
        Ok(Stepped { records, failed })
    }
}

/// Key, value, step, reason and offset of each letter.
fn dead_letters(rig: &Rig) -> Vec<(String, String, String, String, String)> {
    let messages = rig.broker.messages(DEAD_LETTERS, 0);
    let text = |it: Option<&[u8]>| String::from_utf8_lossy(it.unwrap_or(b"")).into_owned();
    let dead_letter = |it: highwater::model::Message<'_>| {
        let header = |name| text(it.headers.get(name).flatten());
        (
            text(it.key),
            text(it.value),
            header("highwater-dead-step"),
            header("highwater-dead-reason"),
            header("highwater-dead-offset"),
        )
    };
    messages.iter().map(dead_letter).collect()
}

#[tokio::test(start_paused = true)]
async fn a_flow_stops_where_everything_is_bad_and_not_where_something_lands_between() {
    let stopping = |rig: &Rig| Consume {
        dead_letters: Arc::new(
            rig.dead_letters()
                .stopping_after(std::num::NonZeroU64::new(3)),
        ),
        ..rig.consume(Until::CaughtUp)
    };
    let rig = Rig::new(1).with_rows(1);
    for id in 0..12 {
        match id % 4 {
            3 => rig.publish(&format!("{id}"), "good").await,
            _ => rig.publish_value(&format!("{id}"), "not JSON").await,
        }
    }
    within(stopping(&rig).run(&rig.stop))
        .await
        .expect("caught up");
    assert_eq!(dead_letters(&rig).len(), 9);
    for id in 12..17 {
        rig.publish_value(&format!("{id}"), "not JSON").await;
    }
    let error = within(stopping(&rig).run(&rig.stop))
        .await
        .expect_err("all bad");
    assert!(matches!(error, FlowError::AllBad(3)), "{error:?}");
    assert_eq!(dead_letters(&rig).len(), 12);
    assert_eq!(
        rig.sink.offsets(FLOW).await,
        [(0, 15)],
        "behind what is set aside"
    );
}
