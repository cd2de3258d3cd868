//! A source that is no table: lines of a text, read by the contract of flows alone.

use std::sync::Arc;

use async_trait::async_trait;
use highwater::{
    model::{Batch, Op, Position, Records, Schema, Value},
    source::{Progress, ReadMode, Scope, Source, SourceError, SourceReader},
};

/// Its position is the number of lines that were read.
#[derive(Debug, Clone)]
pub struct Lines(pub Arc<[&'static str]>);

#[async_trait]
impl Source for Lines {
    fn name(&self) -> &str {
        "text.lines"
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let stored = stored
            .map(|it| number(it).map(|_| it.clone()))
            .transpose()?;
        let stored = stored.filter(|_| scope == Scope::Incremental);
        Ok(stored.unwrap_or_else(|| Position::new("0")))
    }

    async fn open(
        &self,
        position: &Position,
        _mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        Ok(Box::new(LineReader(self.clone(), number(position)?)))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        let (rows, of) = (number(position)? as u64, self.0.len() as u64);
        Ok(Some(Progress { rows, of }))
    }
}

struct LineReader(Lines, usize);

#[async_trait]
impl SourceReader for LineReader {
    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        let Some(line) = self.0.0.get(self.1) else {
            return Ok(None);
        };
        self.1 += 1;
        let mut records = Records::new(Arc::new(Schema::document("lines", ["line"])));
        let Ok(()) = records.push(Op::Upsert, 0, |packer| {
            packer.name("line");
            packer.value(Value::I64(self.1 as i64));
            packer.name("text");
            packer.value(Value::String(line));
            Ok::<(), std::convert::Infallible>(())
        });
        let position = Position::new(self.1.to_string());
        Ok(Some(Batch { records, position }))
    }
}

fn number(position: &Position) -> Result<usize, SourceError> {
    let parsed = position.as_str().parse();
    parsed.map_err(|_| SourceError::Position {
        name: "text.lines".into(),
        position: position.to_string(),
        advice: "it is no number of lines".into(),
    })
}
