//! Logs: short lines on a screen, full lines in a daily file.
//!
//! Losing the log never stops the work: a folder that cannot be written, or a full disk, is said
//! once on stderr.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    path::Path,
};

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_appender::{
    non_blocking::{NonBlockingBuilder, WorkerGuard},
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{DefaultFields, Writer},
        time::FormatTime,
        writer::{BoxMakeWriter, MakeWriterExt},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// What is logged, and where.
pub struct Logs<'a> {
    /// The folder of the daily files `highwater.YYYY-MM-DD.log`.
    pub folder: &'a Path,
    /// The least important lines in the files.
    pub level: Level,
    /// Daily files that are kept.
    pub keep_days: usize,
    /// Where people look.
    pub screen: Screen,
}

/// The lines that people see.
pub struct Screen {
    /// The least important lines shown.
    pub level: Level,
    /// Where they go: stderr, or a writer that makes room beside a progress line.
    pub writer: BoxMakeWriter,
    /// Whether the writer's end shows colours.
    pub colour: bool,
}

/// Writes what is still waiting when it is dropped: `main` keeps it to its end.
#[must_use = "log lines are lost when this is dropped early"]
pub struct Telemetry {
    _worker: Option<WorkerGuard>,
}

impl Screen {
    /// Lines on stderr, in colour only where that is a terminal.
    pub fn stderr(level: Level) -> Self {
        Self {
            level,
            writer: BoxMakeWriter::new(io::stderr),
            colour: io::stderr().is_terminal(),
        }
    }
}

/// Begins logging, for the whole process. Called a second time, it changes nothing.
pub fn start(logs: Logs<'_>) -> Telemetry {
    let (subscriber, telemetry) = build(logs);
    // A subscriber that stands already is one that a test has set: it may stay.
    let _ = subscriber.try_init();
    telemetry
}

fn build(logs: Logs<'_>) -> (impl Subscriber + Send + Sync + 'static, Telemetry) {
    let file_level = logs.level;
    let Screen {
        level,
        writer,
        colour,
    } = logs.screen;
    let screen = tracing_subscriber::fmt::layer()
        .event_format(Line { colour })
        .with_ansi(colour)
        .with_writer(writer.with_filter(move |it| ours(it) && *it.level() <= level));
    let (file, worker) = match open(logs.folder, logs.keep_days) {
        Ok(appender) => {
            let (writer, worker) = NonBlockingBuilder::default()
                .lossy(false)
                .thread_name("highwater-log")
                .finish(ReportOnce::new(appender));
            let file = tracing_subscriber::fmt::layer()
                // A formatter's fields are kept by its type: another type keeps the screen's
                // colours out of the file.
                .fmt_fields(PlainFields::default())
                .with_ansi(false)
                .with_writer(writer.with_filter(move |it| *it.level() <= in_file(it, file_level)));
            (Some(file), Some(worker))
        }
        Err(error) => {
            write_stderr(&format!(
                "no log is written to {}: {error}",
                logs.folder.display()
            ));
            (None, None)
        }
    };
    // One filter for all, and the writers choose: with a filter for each layer, a driver's asking
    // whether a line would be logged loses the line that comes next.
    let filter = Targets::new()
        .with_target("highwater", level.max(file_level))
        .with_default(file_level.min(Level::WARN));
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(screen)
        .with(file);
    (subscriber, Telemetry { _worker: worker })
}

/// Drivers say what they met to us as errors, which we log; their own lines are for the file.
fn ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("highwater")
}

fn in_file(metadata: &Metadata<'_>, level: Level) -> Level {
    if ours(metadata) {
        level
    } else {
        level.min(Level::WARN)
    }
}

fn open(
    folder: &Path,
    keep_days: usize,
) -> Result<RollingFileAppender, Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("highwater")
        .filename_suffix("log")
        .max_log_files(keep_days)
        .build(folder)?;
    Ok(appender)
}

/// The way of the file's fields; a type of its own.
#[derive(Default)]
struct PlainFields(DefaultFields);

impl<'w> FormatFields<'w> for PlainFields {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(
        &self,
        writer: Writer<'w>,
        fields: R,
    ) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }
}

/// One line for a person: `14:03:07 flow stopped flow=information error=…`.
struct Line {
    colour: bool,
}

impl Line {
    /// The word before a line that is not merely news, with the colour of its level.
    fn symbol(level: Level) -> (&'static str, &'static str) {
        match level {
            Level::ERROR => ("error: ", "\x1b[31m"),
            Level::WARN => ("warning: ", "\x1b[33m"),
            Level::INFO => ("", ""),
            Level::DEBUG => ("debug: ", "\x1b[2m"),
            Level::TRACE => ("trace: ", "\x1b[2m"),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (word, colour) = Self::symbol(*event.metadata().level());
        ShortTime.format_time(&mut writer)?;
        if self.colour && !word.is_empty() {
            write!(writer, " {colour}{word}\x1b[0m")?;
        } else {
            write!(writer, " {word}")?;
        }
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|it| it.from_root())
        {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(writer, "[{fields}] ")?;
            }
        }
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The local time of day.
struct ShortTime;

impl FormatTime for ShortTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", chrono::Local::now().format("%H:%M:%S"))
    }
}

/// A writer whose failure is told once and stops nothing.
struct ReportOnce<W> {
    inner: W,
    has_failed: bool,
}

impl<W: Write> ReportOnce<W> {
    fn new(inner: W) -> Self {
        let has_failed = false;
        Self { inner, has_failed }
    }
}

impl<W: Write> Write for ReportOnce<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.inner.write_all(line) {
            Ok(()) => self.has_failed = false,
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                write_stderr(&format!("log lines are being lost: {error}"));
            }
            Err(_) => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush has no line to lose that `write` has not told of.
        let _ = self.inner.flush();
        Ok(())
    }
}

/// The log cannot tell of its own failure. Where stderr is gone too, nobody is left to tell.
fn write_stderr(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {text}");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A screen whose lines a test can read.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// Logs into `folder` while `work` runs, and answers with what the screen showed.
    fn logged(folder: &Path, colour: bool, work: impl FnOnce()) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let (subscriber, telemetry) = build(Logs {
            folder,
            level: Level::DEBUG,
            keep_days: 3,
            screen: Screen {
                level: Level::INFO,
                writer: BoxMakeWriter::new(move || writer.clone()),
                colour,
            },
        });
        tracing::subscriber::with_default(subscriber, work);
        drop(telemetry);
        paper.text()
    }

    fn file_text(folder: &Path) -> String {
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn a_person_sees_short_lines_and_the_file_has_all() {
        let folder = tempfile::tempdir().unwrap();
        let screen = logged(folder.path(), false, || {
            tracing::info!(rows = 3, "flow is done");
            tracing::warn!("lag grows");
            tracing::debug!("a detail");
            tracing::warn!(target: "driver", "a driver's own words");
        });
        let lines: Vec<&str> = screen.lines().map(|it| &it[9..]).collect();
        assert_eq!(lines, ["flow is done rows=3", "warning: lag grows"]);
        let file = file_text(folder.path());
        for line in [
            "INFO highwater::telemetry::tests: flow is done rows=3",
            "DEBUG",
            "a driver's own words",
        ] {
            assert!(file.contains(line), "{line} in {file}");
        }
    }

    #[test]
    fn asking_whether_a_line_would_be_logged_loses_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let shown = logged(folder.path(), false, || {
            assert!(!tracing::enabled!(target: "driver", Level::DEBUG));
            tracing::info!("the line that comes next");
        });
        assert!(shown.contains("the line that comes next"), "{shown}");
    }

    #[test]
    fn a_file_is_named_by_its_day_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        for day in 1..=5 {
            let name = format!("highwater.2020-01-0{day}.log");
            std::fs::write(folder.path().join(name), "old").unwrap();
        }
        logged(folder.path(), false, || tracing::info!("today"));
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let today = chrono::Utc::now()
            .format("highwater.%Y-%m-%d.log")
            .to_string();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(names.last(), Some(&today));
    }

    #[test]
    fn colours_stay_out_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let screen = logged(folder.path(), true, || {
            let _inside = tracing::info_span!("flow", name = "a").entered();
            tracing::error!(rows = 3, "flow stopped");
        });
        assert!(screen.contains("\x1b["), "{screen:?}");
        assert!(!file_text(folder.path()).contains("\x1b["));
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let screen = logged(&file.path().join("log"), false, || {
            tracing::info!("going on")
        });
        assert!(screen.ends_with("going on\n"), "{screen}");
    }

    #[test]
    fn a_full_disk_stops_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let mut writer = ReportOnce::new(Full);
        assert_eq!(writer.write(b"line").unwrap(), 4);
        assert!(writer.has_failed);
        assert_eq!(writer.write(b"line").unwrap(), 4);
        writer.flush().unwrap();
    }
}
