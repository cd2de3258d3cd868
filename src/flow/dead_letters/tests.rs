//! What the log says of letters, line by line.

use std::{fs, ops::Range, time::Duration};

use tempfile::NamedTempFile;
use tracing::subscriber::DefaultGuard;

use super::*;
use crate::broker::memory::MemoryBroker;

const MINUTE: Duration = Duration::from_secs(60);

/// A log of this thread.
struct Log {
    file: NamedTempFile,
    _writes: DefaultGuard,
}

impl Log {
    fn begin() -> Self {
        let file = NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Arc::new(file.reopen().unwrap()))
            .with_ansi(false)
            .with_level(false)
            .with_target(false)
            .without_time();
        Self {
            _writes: tracing::subscriber::set_default(subscriber.finish()),
            file,
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file.path()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn dead_letters(broker: &MemoryBroker) -> DeadLetters {
    let publisher = |topic: &str| {
        broker.create_topic(topic, 1);
        Box::new(broker.publisher(topic).unwrap())
    };
    DeadLetters::new(publisher("letters"), publisher("folder"))
}

async fn set_aside(dead_letters: &DeadLetters, numbers: Range<u64>) {
    for number in numbers {
        let dead_letter = DeadLetter {
            flow: "flow",
            step: "write",
            reason: number.to_string().into(),
            topic: "topic",
            topic_id: None,
            key: Some(b"key"),
            value: None,
            headers: Headers::default(),
            record_origin: None,
        };
        dead_letters.set_aside(&[dead_letter]).await.unwrap();
    }
}

fn logged(numbers: Range<u64>) -> impl Iterator<Item = String> {
    let begin = r#"dead letter flow="flow" step="write" topic="topic" reason="#;
    numbers.map(move |it| format!("{begin}{it}"))
}

#[tokio::test(start_paused = true)]
async fn of_a_storm_twenty_letters_a_minute_have_lines_and_one_line_counts_the_others() {
    let (log, broker) = (Log::begin(), MemoryBroker::default());
    let dead_letters = dead_letters(&broker).shown_by("highwater dead-letters list");
    let number = |it| {
        format!(
            "more dead letters, in letters: see `highwater dead-letters list` dead_letters={it}"
        )
    };
    set_aside(&dead_letters, 0..1_000).await;
    let mut expected: Vec<_> = logged(0..20).collect();
    assert_eq!(log.lines(), expected);
    tokio::time::advance(MINUTE).await;
    set_aside(&dead_letters, 1_000..1_027).await;
    expected.push(number(980));
    expected.extend(logged(1_000..1_020));
    assert_eq!(log.lines(), expected);
    drop(dead_letters);
    expected.push(number(7));
    assert_eq!(log.lines(), expected);
    assert_eq!(broker.messages("letters", 0).len(), 1_027);
}

#[tokio::test(start_paused = true)]
async fn those_that_the_topic_refuses_fill_no_log_either() {
    let (log, broker) = (Log::begin(), MemoryBroker::default());
    let dead_letters = dead_letters(&broker);
    // The first ones are in the topic, which takes nothing from then on, not even a pointer.
    set_aside(&dead_letters, 0..1_000).await;
    broker.limit_messages("letters", 0);
    set_aside(&dead_letters, 1_000..1_100).await;
    tokio::time::advance(MINUTE).await;
    set_aside(&dead_letters, 1_100..1_125).await;
    assert_eq!(broker.messages("folder", 0).len(), 125);
    drop(dead_letters);
    let is_refusal = |it: &String| it.starts_with("letters rejects ");
    let (refusals, others): (Vec<_>, Vec<_>) = log.lines().into_iter().partition(is_refusal);
    let of_pointers = refusals
        .iter()
        .filter(|it| it.contains("the pointer"))
        .count();
    assert_eq!((refusals.len(), of_pointers), (80, 40));
    let number = |it| format!("more dead letters, in letters dead_letters={it}");
    let number_refused = |it| {
        let line = "more dead letters that letters rejects: they are in folder";
        format!("{line} dead_letters={it}")
    };
    let mut expected: Vec<_> = logged(0..20).collect();
    expected.push(number(1_080));
    expected.extend(logged(1_100..1_101));
    expected.push(number_refused(80));
    expected.extend(logged(1_101..1_120));
    expected.extend([number(5), number_refused(5)]);
    assert_eq!(others, expected);
}

#[tokio::test(start_paused = true)]
async fn of_few_letters_there_is_no_number() {
    let (log, broker) = (Log::begin(), MemoryBroker::default());
    let dead_letters = dead_letters(&broker);
    set_aside(&dead_letters, 0..20).await;
    tokio::time::advance(MINUTE).await;
    set_aside(&dead_letters, 20..40).await;
    drop(dead_letters);
    assert_eq!(log.lines(), logged(0..40).collect::<Vec<_>>());
}
