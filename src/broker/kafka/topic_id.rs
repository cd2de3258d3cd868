//! DescribeTopics, which rdkafka does not wrap: whether a topic is there, its id, its partitions.
//!
//! Asking never makes the topic: this request is the one of the client's that forbids it for good.

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
};

use rdkafka::{error::RDKafkaErrorCode, types::RDKafka};
use rdkafka_sys as sys;

/// What is known of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    /// Its id as Kafka prints it; the same for all topics where brokers are older than 2.8.
    pub id: String,
    /// How many partitions it has.
    pub partitions: i32,
}

/// A question that is on its way. Must not outlive the client that it was asked of.
pub(super) struct DescribeTopic(NonNull<sys::rd_kafka_queue_t>);

/// A native object that is destroyed when it goes out of scope.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl DescribeTopic {
    /// Asks for `topic`; the answer comes within `timeout_millis`, a timeout being one.
    ///
    /// # Safety
    /// `client` is a live client, and outlives what is returned.
    pub unsafe fn ask(client: *mut RDKafka, topic: &CString, timeout_millis: i32) -> Option<Self> {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let mut names = [topic.as_ptr()];
        // SAFETY: `client` is live (the caller's promise); `names` holds one pointer to a string
        // that ends in zero, and librdkafka copies it.
        let (queue, options, topics) = unsafe {
            (
                NonNull::new(sys::rd_kafka_queue_new(client)).map(Self)?,
                Owned::new(
                    sys::rd_kafka_AdminOptions_new(client, operation),
                    sys::rd_kafka_AdminOptions_destroy,
                )?,
                Owned::new(
                    sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1),
                    sys::rd_kafka_TopicCollection_destroy,
                )?,
            )
        };
        // SAFETY: all four are live; no text is wanted back, which is said by a null of length 0.
        // librdkafka copies options and names before it returns.
        unsafe {
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options.0.as_ptr(),
                timeout_millis,
                ptr::null_mut(),
                0,
            );
            sys::rd_kafka_DescribeTopics(
                client,
                topics.0.as_ptr(),
                options.0.as_ptr(),
                queue.0.as_ptr(),
            );
        }
        Some(queue)
    }

    /// The answer, if it comes within `wait_millis`.
    pub fn answer(&self, wait_millis: i32) -> Option<Result<Described, RDKafkaErrorCode>> {
        // SAFETY: the queue is live; the event is ours to destroy.
        let event = unsafe {
            Owned::new(
                sys::rd_kafka_queue_poll(self.0.as_ptr(), wait_millis),
                sys::rd_kafka_event_destroy,
            )
        }?;
        // SAFETY: the event is live, and is only read here.
        Some(unsafe { described(event.0.as_ptr()) })
    }
}

/// Reads the answer.
///
/// # Safety
/// `event` is live.
unsafe fn described(event: *mut sys::rd_kafka_event_t) -> Result<Described, RDKafkaErrorCode> {
    // SAFETY: `event` is live (the caller's promise), and what is read from it lives as long. The
    // result is null for an event of another kind, and the list holds `count` entries.
    unsafe {
        succeeded(sys::rd_kafka_event_error(event))?;
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::InvalidType);
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if count == 0 || topics.is_null() {
            return Err(RDKafkaErrorCode::UnknownTopicOrPartition);
        }
        let topic = *topics;
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            succeeded(sys::rd_kafka_error_code(error))?;
        }
        let id = sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic));
        if id.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let mut partitions = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        Ok(Described {
            id: CStr::from_ptr(id).to_string_lossy().into_owned(),
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        })
    }
}

fn succeeded(code: sys::rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    match code {
        sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(code.into()),
    }
}

impl Drop for DescribeTopic {
    fn drop(&mut self) {
        // SAFETY: the queue is ours, and its client is live (the promise of `ask`).
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(pointer).map(|it| Self(it, destroy))
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the object is ours, destroyed once, by the function that belongs to it.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}
