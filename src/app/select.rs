//! Which data types a command is about, or why none.

use crate::{
    cli::ExitStatus,
    model::topic_problem,
    settings::{Chosen, DataType, DeadLettersTo},
};

use super::context::App;

/// A part of a data type: its name in the settings, and whether a data type has it.
pub(super) type Part = (&'static str, fn(&DataType) -> bool);

impl App {
    /// The chosen data types that have `part` (`from` or `into`); a named one that lacks it is a
    /// mistake, said on stderr.
    pub(super) fn chosen(
        &self,
        data_type: Option<&str>,
        topic: Option<&str>,
        part: Part,
    ) -> Result<Vec<Chosen<'_>>, ExitStatus> {
        let usage = |text: String| {
            err!("highwater: {text}");
            ExitStatus::Usage
        };
        let (word, has) = part;
        let chosen = self
            .settings
            .select(data_type, topic)
            .map_err(|error| usage(error.to_string()))?;
        let able: Vec<_> = chosen.into_iter().filter(|it| has(it.data_type)).collect();
        if able.is_empty() {
            return Err(usage(match data_type {
                Some(name) => format!("data type `{name}` has no `{word}` in the settings"),
                None => format!("no data type in the settings has `{word}`"),
            }));
        }
        for it in &able {
            // One that stands in for the topic of the settings may leave no room for what is put behind it.
            if let DeadLettersTo::Topic(dead_letters) = it.data_type.dead_letters_to(&it.topic)
                && let Some(problem) = topic_problem(&dead_letters)
            {
                return Err(usage(format!(
                    "the topic of its dead letters, `{dead_letters}`, {problem}: name a topic or a table under [data-types.{}.dead-letters]",
                    it.name
                )));
            }
        }
        Ok(able)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        app::{open::Open, output::progress::Progress},
        settings::Settings,
    };

    #[tokio::test]
    async fn a_topic_of_the_command_line_without_room_for_its_dead_letters_is_wrong_usage() {
        let text = "[connections]\ntopics = { kind = \"embedded\", path = \"t.db\" }\nlocal = { kind = \"sqlite\", path = \"a.db\" }\n\
            [data-types.a]\nformat = \"json\"\ntopic = \"t\"\ninto = { connection = \"local\", table = \"t\" }\n\
            [data-types.b]\nformat = \"json\"\ntopic = \"t\"\ninto = { connection = \"local\", table = \"u\" }\ndead-letters = { topic = \"d\" }\n";
        let settings =
            Settings::parse(text, "settings.toml", &|_| None, &crate::app::command_scope)
                .expect("no mistake");
        let settings = Arc::new(settings);
        let app = App {
            open: Arc::new(Open::new(settings.clone())),
            settings,
            stop: CancellationToken::new(),
            progress: Progress::new(true),
            json: true,
        };
        let part: Part = ("into", |it| it.into.is_some());
        let chosen = |name: &str, length: usize| {
            let topic = "t".repeat(length);
            let chosen = app.chosen(Some(name), Some(&topic), part);
            chosen.map(|it| it.len())
        };
        assert_eq!(chosen("a", 237), Err(ExitStatus::Usage));
        assert_eq!(chosen("a", 236), Ok(1));
        // Where its own is named, there is room enough.
        assert_eq!(chosen("b", 249), Ok(1));
    }
}
