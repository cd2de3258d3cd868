//! Names of topics: which ones Kafka takes.

/// Why Kafka would not take `topic` as a topic's name.
pub fn topic_problem(topic: &str) -> Option<&'static str> {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    if topic.is_empty() || topic == "." || topic == ".." {
        Some("is no topic name")
    } else if topic.len() > 249 {
        Some("is longer than the 249 characters that Kafka allows")
    } else if !topic.bytes().all(allowed) {
        Some("a topic name has the letters a to z, digits, `-`, `_` and `.` only")
    } else {
        None
    }
}
