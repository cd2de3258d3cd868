//! The messages of one partition, as librdkafka has read them ahead: many at once, one copy.
//!
//! rdkafka gives messages one by one, mixed over partitions, and panics on a header name that is
//! not UTF-8. A queue of its own for each partition keeps batches apart, and holds a partition
//! back by merely not looking into its queue.

use std::{
    ffi::{CStr, CString, c_void},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
    types::RDKafka,
};
use rdkafka_sys as sys;
use tokio::sync::Notify;

use super::membership::Membership;
use crate::{
    broker::Polled,
    model::{Messages, RecordOrigin},
};

/// The queue of one partition.
pub(super) struct PartitionQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    partition: i32,
    next_offset: i64,
    /// What a message took so far, for a guess how many fit into a batch.
    average_bytes: usize,
    failed: Option<RDKafkaErrorCode>,
    woken: Arc<Notify>,
    /// Keeps the client alive, which must outlive its queues.
    _consumer: Arc<BaseConsumer<Membership>>,
}

// SAFETY: librdkafka's objects may be used from any thread.
unsafe impl Send for PartitionQueue {}

/// Messages that are taken from librdkafka at once.
const CHUNK: usize = 512;

impl PartitionQueue {
    /// The queue of a partition that is about to be assigned at `offset`; `woken` is told when
    /// something comes. It has to be taken *before* the assignment: an assignment leaves a queue
    /// that the application has taken where it is.
    pub fn take_over(
        consumer: &Arc<BaseConsumer<Membership>>,
        topic: &CString,
        partition: i32,
        offset: i64,
        woken: &Arc<Notify>,
    ) -> Option<Self> {
        let client = consumer.client().native_ptr();
        // SAFETY: the client is live, and the name ends in zero. The queue is ours to destroy.
        let queue = unsafe {
            NonNull::new(sys::rd_kafka_queue_get_partition(
                client,
                topic.as_ptr(),
                partition,
            ))?
        };
        let taken = Self {
            queue,
            partition,
            next_offset: offset,
            average_bytes: 1024,
            failed: None,
            woken: woken.clone(),
            _consumer: consumer.clone(),
        };
        // SAFETY: the queue is live. A null target means that nobody but us gets its messages. The
        // callback's argument is owned by `taken`, which takes the callback away before it drops.
        unsafe {
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            let argument = Arc::as_ptr(&taken.woken).cast_mut().cast::<c_void>();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(wake), argument);
        }
        Some(taken)
    }

    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset after the last message taken.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// What is there now, up to the limits (but for one chunk's guess of their bytes). `None`
    /// where nothing is.
    ///
    /// # Errors
    /// The code that the client gave instead of a message; the messages before it come first.
    pub fn take(
        &mut self,
        most_messages: usize,
        most_bytes: usize,
    ) -> Result<Option<Polled>, RDKafkaErrorCode> {
        if let Some(code) = self.failed.take() {
            return Err(code);
        }
        let mut messages = Messages::default();
        let mut taken = [ptr::null_mut(); CHUNK];
        while messages.len() < most_messages && messages.bytes() < most_bytes {
            let room = (most_bytes - messages.bytes()) / self.average_bytes + 1;
            let want = room.min(most_messages - messages.len()).min(CHUNK);
            // SAFETY: the queue is live, and `taken` has room for `want`.
            let count = unsafe {
                sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, taken.as_mut_ptr(), want)
            };
            let count = usize::try_from(count).unwrap_or(0);
            if messages.is_empty() && count > 1 {
                messages = Messages::with_capacity(count, count * self.average_bytes);
            }
            for pointer in &taken[..count] {
                if let Some(message) = NonNull::new(*pointer) {
                    self.copy(&Taken(message), &mut messages);
                }
            }
            if !messages.is_empty() {
                self.average_bytes = (messages.bytes() / messages.len()).max(1);
            }
            if count < want {
                break;
            }
        }
        match self.failed.take() {
            Some(code) if messages.is_empty() => Err(code),
            failed => {
                self.failed = failed;
                Ok((!messages.is_empty()).then_some(Polled {
                    partition: self.partition,
                    messages,
                    next_offset: self.next_offset,
                }))
            }
        }
    }

    fn copy(&mut self, message: &Taken, messages: &mut Messages) {
        if let Some(code) = message.error() {
            self.failed.get_or_insert(code);
            return;
        }
        let record_origin = RecordOrigin {
            partition: self.partition,
            offset: message.offset(),
            timestamp: message.timestamp(),
        };
        self.next_offset = record_origin.offset + 1;
        messages.push(
            message.key(),
            message.value(),
            message.headers(),
            record_origin,
        );
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is live until it is destroyed here, once; the callback is taken away
        // first, under the lock that it is called with, so that none is running afterwards.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Called by librdkafka's threads when an empty queue gets something.
unsafe extern "C" fn wake(_: *mut RDKafka, argument: *mut c_void) {
    // SAFETY: the argument is the `Notify` that the queue's owner holds for as long as this
    // callback is set.
    let woken = unsafe { &*argument.cast::<Notify>() };
    woken.notify_one();
}

/// A message of librdkafka's, ours to destroy.
struct Taken(NonNull<sys::rd_kafka_message_t>);

impl Taken {
    fn native(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is live until `self` is dropped, and nobody writes to it.
        unsafe { self.0.as_ref() }
    }

    fn error(&self) -> Option<RDKafkaErrorCode> {
        match self.native().err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            code => Some(code.into()),
        }
    }

    fn offset(&self) -> i64 {
        self.native().offset
    }

    fn timestamp(&self) -> i64 {
        // SAFETY: the message is live; the kind of its timestamp is not asked for.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), ptr::null_mut()) };
        millis.max(0)
    }

    fn key(&self) -> Option<&[u8]> {
        let native = self.native();
        // SAFETY: the pointer is null, or that of `key_len` bytes that live as long as `self`.
        unsafe { bytes(native.key, native.key_len) }
    }

    fn value(&self) -> Option<&[u8]> {
        let native = self.native();
        // SAFETY: the pointer is null, or that of `len` bytes that live as long as `self`.
        unsafe { bytes(native.payload, native.len) }
    }

    /// The headers in order. A name that is not UTF-8, which Kafka's protocol forbids and brokers
    /// let pass, is given as the replacement character.
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let mut all = ptr::null_mut();
        // SAFETY: the message is live; the headers that are found belong to it.
        let code = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut all) };
        let found = code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        (0..).map_while(move |index| {
            if !found {
                return None;
            }
            let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are live; past the last one this answers with an error.
            let code = unsafe {
                sys::rd_kafka_header_get_all(all, index, &mut name, &mut value, &mut length)
            };
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            // SAFETY: the name ends in zero, the value is null or of `length` bytes, and both
            // live as long as the message.
            unsafe {
                let name = CStr::from_ptr(name).to_str().unwrap_or("\u{fffd}");
                Some((name, bytes(value, length)))
            }
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: the message is ours, and is destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `pointer` is null, or points to `length` bytes that live for `'a`.
unsafe fn bytes<'a>(pointer: *const c_void, length: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { slice::from_raw_parts(pointer.cast(), length) })
}

/// How many events wait in the consumer's own queue.
pub(super) fn waiting_events(consumer: &BaseConsumer<Membership>) -> usize {
    // SAFETY: the client is live; the handle to its queue is ours, and is destroyed here.
    unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        if queue.is_null() {
            return 0;
        }
        let length = sys::rd_kafka_queue_length(queue);
        sys::rd_kafka_queue_destroy(queue);
        length
    }
}
