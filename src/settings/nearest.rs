//! The known name that somebody most likely meant.

/// The one of `known` that `written` was most likely meant to be, if any is near.
pub(super) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = plain(written);
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&plain, &self::plain(name)),
                name,
            )
        })
        // A third of the letters may differ: more, and it is another word.
        .filter(|(distance, name)| *distance <= name.chars().count() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A name that settings do not have, such as a data type asked for on the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{wanted}` in the settings: {}", nearest_and_all(.wanted, .known))]
pub struct UnknownName {
    /// What was looked for: `data type`, `connection`.
    pub what: &'static str,
    /// The name.
    pub wanted: String,
    /// The names there are.
    pub known: Vec<String>,
}

impl UnknownName {
    /// The same of a value of the settings file, which is not shown.
    pub(super) fn of_a_value(&self) -> String {
        let known = nearest_and_all(&self.wanted, &self.known);
        format!("this value names no {} of the settings: {known}", self.what)
    }
}

/// Names the nearest and all that are known: whoever asked on the command line sees no file.
fn nearest_and_all(written: &str, known: &[String]) -> String {
    let names = known.join(", ");
    match nearest(written, known.iter().map(String::as_str)) {
        Some(name) if known.len() > 1 => format!("did you mean `{name}`? Known are {names}"),
        _ => advice(written, known),
    }
}

/// Names the nearest, or else all that are known.
pub(super) fn advice<S: AsRef<str>>(written: &str, known: &[S]) -> String {
    match nearest(written, known.iter().map(AsRef::as_ref)) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => {
            let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
            format!("known are {}", names.join(", "))
        }
    }
}

/// Without what people vary without noticing: case, and how words are joined.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|it| !matches!(it, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["topic", "create-topic", "collection", "key"];
        for (written, found) in [
            ("topik", Some("topic")),
            ("create_topic", Some("create-topic")),
            ("createTopic", Some("create-topic")),
            ("colection", Some("collection")),
            ("kye", Some("key")),
            ("bananas", None),
            ("b", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), found, "{written}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let unknown = |wanted: &str, known: &[&str]| {
            let known = known.iter().map(|it| (*it).to_owned()).collect();
            let (what, wanted) = ("task", wanted.to_owned());
            UnknownName {
                what,
                wanted,
                known,
            }
            .to_string()
        };
        let start = "there is no task `nfsc` in the settings: ";
        for (known, end) in [
            (&[][..], "there are none"),
            (&["archive"][..], "known are archive"),
            (&["nfcs"][..], "did you mean `nfcs`?"),
            (
                &["archive", "nfcs"][..],
                "did you mean `nfcs`? Known are archive, nfcs",
            ),
        ] {
            assert_eq!(unknown("nfsc", known), format!("{start}{end}"));
        }
    }
}
