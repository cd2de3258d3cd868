//! Formats by their bytes: what the older producer sent, and every rule of its message.

mod documents;
mod information;
