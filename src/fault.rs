//! The class of an error for its flow: transient, permanent, or one record's data.

/// The one question that a caller asks of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It may pass: wait, and open again from the cursor.
    Transient,
    /// It will not pass by itself: stop this flow and say what to do.
    Permanent,
    /// One record or message is at fault: set it aside and go on.
    Data,
}

/// An error of any role, as a flow sees it.
pub trait Faulty: std::error::Error + Send + Sync + 'static {
    /// How the flow has to answer.
    fn fault(&self) -> Fault;
}

/// The cause behind an error of ours; its text is never copied into our own.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error and its causes in one line, as a person reads it: `what: why: why`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Drivers often repeat the cause's text in their own.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
