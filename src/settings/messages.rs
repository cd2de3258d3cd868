//! `messages`: a schema of protobuf, and which of its types a message is.

use prost_reflect::DescriptorPool;

use super::{
    data_type::Format,
    nearest::nearest,
    proto_file,
    reading::{Scalar, Wanted},
    section::{Pair, Section},
    typed::Choice,
};

/// Messages of declared types.
#[derive(Clone, PartialEq, Eq)]
pub struct Messages {
    /// The schema, compiled: a set of file descriptors.
    pub set: Vec<u8>,
    /// What says of which type a message is.
    pub by: MessageBy,
    /// The types by the word that says so; where nothing does, one of an empty word.
    pub types: Vec<(String, String)>,
    /// Words of messages that are passed by.
    pub pass: Vec<String>,
    /// A record's field that holds the word.
    pub field: Option<String>,
}

/// What says of which type a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBy {
    /// Nothing: there is but one.
    Nothing,
    /// Its key.
    Key,
    /// The topic.
    Topic,
    /// The header of this name.
    Header(String),
}

/// The same as a word of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Key,
    Topic,
    Header,
}

impl Messages {
    /// Reads `messages`, where it is written. `None` also stands for mistakes in it.
    pub(super) fn read(section: &mut Section<'_>, format: Option<Format>) -> Option<Self> {
        let produces = section.written("from").is_some();
        if let Some(span) = section.written("messages")
            && format.is_some_and(|it| it != Format::Protobuf)
        {
            let message = "is for the format `protobuf` alone".to_owned();
            section.wrong("messages", &span, message, None);
        }
        let read = section.optional_section("messages", |it| read(it, produces))?;
        if read.as_ref().is_some_and(|it| it.by == MessageBy::Key)
            && let Some(span) = section.written("key")
        {
            let message = "`messages` says already what the key is: the word of the type";
            section.wrong("key", &span, message.to_owned(), None);
        }
        read
    }
}

/// A type that the settings name, and where.
struct Named {
    word: String,
    name: Scalar,
}

fn read(section: &mut Section<'_>, produces: bool) -> Option<Messages> {
    let file = section.required("file", Wanted::Text, "\"proto/shop.proto\"");
    let folder = section.optional_path("folder");
    let single = section.optional_text("message");
    let types = section.pairs("types", &[Wanted::Text]);
    let by = by(section, single.is_some());
    let pass = section.texts("ignore");
    let pass: Vec<String> = pass.into_iter().map(|it| it.text).collect();
    let field = section.optional_text("field");
    let types = named(section, single, types);
    for word in ["ignore", "field"] {
        if let (Some(MessageBy::Nothing), Some(span)) = (&by, section.written(word)) {
            let message = "is for messages of several types".to_owned();
            section.wrong(word, &span, message, Some("say `by` what".to_owned()));
        }
    }
    if let Some(both) = types.iter().find(|it| pass.contains(&it.word)) {
        let message = format!("`{}` is one of the types", both.word);
        let span = section.written("ignore").unwrap_or_default();
        section.wrong("ignore", &span, message, None);
    }
    if produces && field.is_none() && types.len() > 1 && by != Some(MessageBy::Topic) {
        let message = "is missing: nothing says of which type a record is that is read".to_owned();
        let help = "name the field of the record that holds the word".to_owned();
        section.missing("field", message, Some(help));
    }
    let pool = proto_file::read(section, &file?, folder)?;
    for it in &types {
        check_type(section, &pool, it, field.as_ref());
    }
    Some(Messages {
        set: pool.encode_to_vec(),
        by: by?,
        types: types
            .into_iter()
            .map(|it| (it.word, it.name.text))
            .collect(),
        pass,
        field: field.map(|it| it.text),
    })
}

/// What tells types apart; `None` beside a mistake.
fn by(section: &mut Section<'_>, is_single: bool) -> Option<MessageBy> {
    let header = section.optional_text("header");
    if is_single {
        for key in ["by", "types", "header"] {
            if let Some(span) = section.written(key) {
                let message = "is not for messages of one type, as `message` says".to_owned();
                section.wrong(key, &span, message, None);
            }
        }
        section.scalar("by", Wanted::Text, None);
        return Some(MessageBy::Nothing);
    }
    if section.written("types").is_none() {
        let message = "says neither `message` nor `types`: of which type messages are".to_owned();
        section.missing("", message, None);
    }
    let word = section.choice("by", "\"key\"")?;
    if let Some(span) = section.written("header").filter(|_| word != Word::Header) {
        let message = "is for `by = \"header\"` alone".to_owned();
        section.wrong("header", &span, message, None);
    }
    match word {
        Word::Key => Some(MessageBy::Key),
        Word::Topic => Some(MessageBy::Topic),
        Word::Header => {
            section.needed("header", "\"type\"");
            header.map(|it| MessageBy::Header(it.text))
        }
    }
}

fn named(section: &Section<'_>, single: Option<Scalar>, types: Vec<(String, Pair)>) -> Vec<Named> {
    if let (true, Some(span)) = (types.is_empty(), section.written("types")) {
        section.wrong("types", &span, "must not be empty".to_owned(), None);
    }
    let several = types.into_iter().map(|(word, it)| Named {
        word,
        name: Scalar {
            text: it.text,
            span: it.span,
            here: it.here,
        },
    });
    let single = single.map(|name| Named {
        word: String::new(),
        name,
    });
    single.into_iter().chain(several).collect()
}

/// Complains where the schema has no such type, or one that the field would be in the way of.
fn check_type(section: &Section<'_>, pool: &DescriptorPool, named: &Named, field: Option<&Scalar>) {
    let key = if named.word.is_empty() {
        "message".to_owned()
    } else {
        format!("types.{}", named.word)
    };
    let path = format!("{}.{key}", section.path);
    let Some(message) = pool.get_message_by_name(&named.name.text) else {
        let own = |it: &String| !it.starts_with("google.protobuf.");
        let known = pool.all_messages().map(|it| it.full_name().to_owned());
        let known: Vec<String> = known.filter(own).collect();
        let near = nearest(&named.name.text, known.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its messages are {}", known.join(", ")),
        };
        let text = format!("{} is no message of the schema", named.name.quoted());
        let span = named.name.span.clone();
        section.reading.mistake(&path, span, text, Some(help));
        return;
    };
    if let Some(field) = field.filter(|it| message.get_field_by_name(&it.text).is_some()) {
        let text = format!(
            "{} is a field of `{}` already",
            field.quoted(),
            message.full_name()
        );
        let help = "name one that no message has".to_owned();
        section.wrong("field", &field.span, text, Some(help));
    }
}

impl std::fmt::Debug for Messages {
    /// Without the compiled schema, which nobody reads.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Messages")
            .field("by", &self.by)
            .field("types", &self.types)
            .field("pass", &self.pass)
            .field("field", &self.field)
            .finish_non_exhaustive()
    }
}

impl Choice for Word {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("key", Self::Key),
        ("topic", Self::Topic),
        ("header", Self::Header),
    ];
}
