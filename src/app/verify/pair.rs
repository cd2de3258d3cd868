//! A source and a target that are compared: of a data type, or of a task.

use anyhow::bail;

use crate::{
    app::{
        context::App,
        open::{Codec, codec, codec::known_key, declared, sink::texts},
        select::Part,
    },
    cli::ExitStatus,
    flow::FlowError,
    pipeline::{LookupStep, StepSettings},
    settings::{
        BinaryText, BytesIn, Chosen, DataType, Decimals, Documents, Format, Instants, IntoTable,
        JsonText, ReadFrom, Route, Task, WriteInto,
    },
    sink::Texts,
};

/// Data types that are read and written by these settings.
const PART: Part = ("from` and `into", |it| {
    it.from.is_some() && it.into.is_some()
});

/// Both ends, and what is between them.
pub(in crate::app) struct Pair<'a> {
    /// Of the data type or task.
    pub name: String,
    pub from: &'a ReadFrom,
    pub into: &'a WriteInto,
    /// The steps before the topic; of a task, all.
    pub out: &'a [StepSettings],
    /// The data type; `None` for a task, which has no topic.
    pub chosen: Option<Chosen<'a>>,
}

impl<'a> Pair<'a> {
    /// Of a data type; `None` where it lacks one of them.
    fn of(chosen: Chosen<'a>) -> Option<Self> {
        Some(Self {
            name: chosen.name.clone(),
            from: chosen.data_type.from.as_ref()?,
            into: chosen.data_type.into.as_ref()?,
            out: &chosen.data_type.steps,
            chosen: Some(chosen),
        })
    }

    fn of_task(name: &str, task: &'a Task) -> Self {
        Self {
            name: name.to_owned(),
            from: &task.from,
            into: &task.into,
            out: &task.steps,
            chosen: None,
        }
    }

    /// Its format, where it has one.
    ///
    /// # Errors
    /// Its schema cannot be used.
    pub fn codec(&self) -> Result<Option<Codec>, FlowError> {
        self.chosen
            .as_ref()
            .map(|it| codec(it.data_type))
            .transpose()
    }

    /// Its topic; empty where it has none.
    pub fn topic(&self) -> String {
        let topic = self.chosen.as_ref().map(|it| it.topic.clone());
        topic.unwrap_or_default()
    }

    /// Whether the source tells what the target should hold.
    ///
    /// # Errors
    /// It does not, and why.
    pub fn comparable(&self) -> anyhow::Result<()> {
        if let Some(column) = self.into.append() {
            bail!(
                "{} keeps every message that came (`append = \"{column}\"`), and its source what is there now: they cannot be compared",
                self.name
            );
        }
        let routed = match self.into.route {
            Some(Route::Header(_)) => "a header",
            Some(Route::Key) => "the key",
            Some(Route::Field(_)) | None => return Ok(()),
        };
        bail!(
            "{} is routed by {routed} of its messages, which a row of its source has not: only tables that are routed by a field can be compared",
            self.name
        )
    }

    /// The steps before the topic, and what stands in `into`. A lookup in a table that is written here
    /// finds nothing, as when the target was empty: what should be there is not told by what is there.
    pub fn steps(&self) -> (Vec<StepSettings>, WriteInto) {
        let into = self.into;
        let is_own = |it: &LookupStep| {
            let mut tables = into.tables.iter();
            it.connection == into.connection && tables.any(|table| table.table == it.table)
        };
        let steps = |all: &[StepSettings]| -> Vec<_> {
            all.iter().map(|it| it.over_empty(&is_own)).collect()
        };
        let mut over_empty = into.clone();
        over_empty.steps = steps(&into.steps);
        for table in &mut over_empty.tables {
            table.steps = steps(&table.steps);
        }
        (steps(self.out), over_empty)
    }

    /// The columns that rows of the target are found by, where they are declared.
    pub fn key(&self, table: &IntoTable) -> Option<Vec<String>> {
        let is_only = self.into.tables.len() == 1;
        let chosen = self.chosen.as_ref().filter(|_| is_only);
        let known = || known_key(chosen?.data_type.format);
        declared(&table.key).or_else(known)
    }

    /// What texts stand for in the target's columns.
    pub fn texts(&self, table: &IntoTable) -> Texts {
        texts(table, self.chosen.as_ref().map(|it| it.data_type.json))
    }

    /// Whether a row comes as it lies in its source, columns of JSON left aside.
    pub fn is_as_it_lies(&self) -> bool {
        let chosen = self.chosen.as_ref();
        let mut tables = self.into.tables.iter();
        let same = chosen.is_none_or(|it| tables.all(|table| keeps_values(it.data_type, table)));
        let mut steps = self.into.tables.iter().map(|it| it.steps.len());
        let is_only = self.into.only().is_some();
        let none =
            is_only && self.out.is_empty() && self.into.steps.is_empty() && steps.all(|it| it == 0);
        same && none
    }
}

/// Whether what the format writes, and the table reads again, is what it was.
fn keeps_values(data_type: &DataType, table: &IntoTable) -> bool {
    let json = data_type.json;
    let is_plain = (json.documents, json.decimals, json.instants)
        == (Documents::Plain, Decimals::Text, Instants::Text);
    let read = (table.binary, table.json_text);
    match data_type.format {
        Format::Json => {
            let binary = match json.binary {
                BytesIn::Base64 => BinaryText::Base64,
                BytesIn::Hex => BinaryText::Hex,
            };
            is_plain && read == (binary, JsonText::Value)
        }
        // A schema has types of its own, and fields that must be there.
        Format::Protobuf => {
            data_type.messages.is_none() && read == (BinaryText::Plain, JsonText::Document)
        }
        Format::InformationJson | Format::InformationProtobuf => false,
    }
}

impl App {
    /// What is compared: the chosen data types that have both ends, or a task. Else why none, said on
    /// stderr.
    pub(in crate::app) fn pairs(
        &self,
        data_type: Option<&str>,
        task: Option<&str>,
    ) -> Result<Vec<Pair<'_>>, ExitStatus> {
        let Some(name) = task else {
            let chosen = self.chosen(data_type, None, PART)?;
            return Ok(chosen.into_iter().filter_map(Pair::of).collect());
        };
        match self.settings.task(name) {
            Ok((name, task)) => Ok(vec![Pair::of_task(name, task)]),
            Err(error) => {
                err!("highwater: {error}");
                Err(ExitStatus::Usage)
            }
        }
    }
}
