//! The name of a flow: its cursor key, and its label in logs and metrics.

use std::fmt;

/// Data type, topic and source: `--topic t2` is a flow of its own and never borrows `t1`'s cursor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowName {
    /// The name under `[data-types]`.
    pub data_type: String,
    /// The topic that it publishes to.
    pub topic: String,
    /// The connection and the table or collection that it reads: `crawler.raw_list`.
    pub source: String,
}

impl FlowName {
    /// The parts as one text: `information/information/crawler.raw_list`. Slashes inside a part
    /// are doubled, so that two flows never share a name.
    pub fn text(&self) -> String {
        let part = |it: &str| it.replace('/', "//");
        let (data_type, topic) = (part(&self.data_type), part(&self.topic));
        format!("{data_type}/{topic}/{}", part(&self.source))
    }
}

impl fmt::Display for FlowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
