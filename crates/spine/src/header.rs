//! A record's headers: volatile notes beside its value, never hashed, never input to a state.

use bytes::Bytes;

/// W3C trace context of whoever caused the record.
pub const TRACE_PARENT: &str = "traceparent";
/// W3C trace state beside it.
pub const TRACE_STATE: &str = "tracestate";
/// A random number of the process that wrote the record, as decimal text.
pub const INCARNATION: &str = "tradespine-incarnation";
/// In a dead letter: the topic, partition and offset that it was copied from, and why.
pub const DEAD_LETTER_TOPIC: &str = "tradespine-dlq-topic";
/// See [`DEAD_LETTER_TOPIC`].
pub const DEAD_LETTER_PARTITION: &str = "tradespine-dlq-partition";
/// See [`DEAD_LETTER_TOPIC`].
pub const DEAD_LETTER_OFFSET: &str = "tradespine-dlq-offset";
/// See [`DEAD_LETTER_TOPIC`].
pub const DEAD_LETTER_REASON: &str = "tradespine-dlq-reason";

/// Names and values, in the order in which they were written. Empty headers cost no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Bytes, Bytes)>);

impl Headers {
    /// Adds a header.
    pub fn push(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push((name.into(), value.into()));
    }

    /// These headers and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Headers {
        self.push(name, value);
        self
    }

    /// The value of the first header of this name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value)
    }

    /// The value of the first header of this name, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
