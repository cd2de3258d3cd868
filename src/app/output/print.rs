//! Lines on stdout and stderr, also after the reader has closed the pipe.
//!
//! `println!` panics where its reader is gone (`highwater cursor list | head -1`). Here such lines go
//! nowhere, and the command does what it has begun; a listing may ask `is_heard` and end. A place
//! that takes nothing for another reason, such as a full disk, is told of at the end.

use std::{
    fmt::Arguments,
    io::{self, ErrorKind, Write},
    sync::Mutex,
};

/// Why stdout takes no more, once it does not.
static UNHEARD: Mutex<Option<io::Error>> = Mutex::new(None);

/// A line on stdout, as `println!` writes it.
macro_rules! out {
    ($($words:tt)*) => { $crate::app::output::print::line(format_args!($($words)*)) };
}

/// A line on stderr, as `eprintln!` writes it.
macro_rules! err {
    ($($words:tt)*) => { $crate::app::output::print::aside(format_args!($($words)*)) };
}

pub(in crate::app) fn line(words: Arguments<'_>) {
    Out.keep(writeln!(io::stdout().lock(), "{words}"));
}

pub(in crate::app) fn aside(words: Arguments<'_>) {
    // Where stderr is gone too, nobody is left to tell.
    let _ = writeln!(io::stderr().lock(), "{words}");
}

/// Whether a further line may still reach somebody.
pub(in crate::app) fn is_heard() -> bool {
    UNHEARD.lock().is_ok_and(|it| it.is_none())
}

/// What was said and could not be written, but for a reader that has left.
///
/// # Errors
/// The first such failure.
pub(in crate::app) fn finish() -> io::Result<()> {
    Out.keep(io::stdout().lock().flush());
    let failure = UNHEARD.lock().ok().and_then(|mut it| it.take());
    match failure {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Stdout for what is written in parts. It takes everything; see `finish`.
pub(in crate::app) struct Out;

impl Out {
    fn keep(&self, written: io::Result<()>) {
        if let (Err(error), Ok(mut unheard)) = (written, UNHEARD.lock()) {
            unheard.get_or_insert(error);
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.keep(io::stdout().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.keep(io::stdout().lock().flush());
        Ok(())
    }
}
