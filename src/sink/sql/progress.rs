//! Progress in SQL databases: a table of offsets and one of positions, moved by compare-and-set.

use super::{
    failure::Failure,
    incompatible::Incompatible,
    session::{BoundValues, Cell, SqlSession},
};
use crate::{
    model::Position,
    sink::{AnyAdvance, Progress},
};

/// The two tables, by their names as they stand in statements.
#[derive(Debug)]
pub(in crate::sink) struct ProgressTables {
    /// One row per flow, topic, topic id and partition.
    pub(in crate::sink) offsets: String,
    /// One row per flow.
    pub(in crate::sink) positions: String,
    /// The table of positions of an older version.
    pub(in crate::sink) older_positions: String,
    /// The database that they are in, as the catalogue names it.
    pub(in crate::sink) database: String,
}

/// The column of a position.
const POSITION: &str = "position";

/// A row of one of them.
struct Row<'r> {
    table: &'r str,
    key: Vec<(&'static str, Cell<'r>)>,
    value: &'static str,
}

impl ProgressTables {
    /// Makes the tables where they are missing; `options` is what such a table ends with.
    pub(in crate::sink) async fn create<S: SqlSession>(
        &self,
        session: &mut S,
        options: &str,
    ) -> Result<(), Failure> {
        self.create_positions(session, options).await?;
        Ok(self.create_offsets(session, options).await?)
    }

    /// Makes the table of offsets where it is missing.
    pub(in crate::sink) async fn create_offsets<S: SqlSession>(
        &self,
        session: &mut S,
        options: &str,
    ) -> Result<(), sqlx::Error> {
        let (types, partition) = (S::WORDS.types, S::WORDS.partition);
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {} (\
             flow {} NOT NULL, topic {} NOT NULL, topic_id {} NOT NULL, {partition} {} NOT NULL, \
             next_offset {} NOT NULL, updated_at {} NOT NULL, \
             PRIMARY KEY (flow, topic, topic_id, {partition})){options}",
            self.offsets,
            types.flow,
            types.topic,
            types.topic_id,
            types.partition,
            types.offset,
            types.moment
        );
        session.run(text, S::Bound::default()).await.map(drop)
    }

    /// Makes the table of positions where it is missing.
    ///
    /// # Errors
    /// As `refuse_older`, and as the server answers.
    pub(in crate::sink) async fn create_positions<S: SqlSession>(
        &self,
        session: &mut S,
        options: &str,
    ) -> Result<(), Failure> {
        self.refuse_older(session).await?;
        let types = S::WORDS.types;
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {} (\
             flow {} NOT NULL PRIMARY KEY, {POSITION} {} NOT NULL, updated_at {} NOT NULL){options}",
            self.positions, types.flow, types.position, types.moment
        );
        Ok(session.run(text, S::Bound::default()).await.map(drop)?)
    }

    /// Moves the progress, if it is where the writer believes it to be: the first statement of every
    /// transaction that writes.
    ///
    /// # Errors
    /// `Fenced` where it is somewhere else.
    pub(in crate::sink) async fn advance<S: SqlSession>(
        &self,
        session: &mut S,
        advance: AnyAdvance<'_>,
    ) -> Result<(), Failure> {
        let (flow, row, from, to) = match advance {
            AnyAdvance::Offset(it) => {
                let row = self.offset::<S>(&it.flow, &it.to);
                let to = Cell::Offset(it.to.next_offset);
                (&it.flow, row, it.from.map(Cell::Offset), to)
            }
            AnyAdvance::Position(it) => {
                let from = it.from.as_ref().map(|it| Cell::Text(it.as_str()));
                let to = Cell::Text(it.to.as_str());
                (&it.flow, self.position_of(&it.flow), from, to)
            }
        };
        let widest = S::WORDS.flow;
        if flow.chars().count() > widest {
            let advice = format!("the flow's name is longer than {widest} characters: shorten it");
            return Err(Incompatible::Table(advice).into());
        }
        let moved = match from {
            Some(from) => row.update(session, from, to).await,
            None => row.insert(session, to).await,
        };
        match moved {
            Ok(0) => Err(Failure::Fenced),
            Err(error) if from.is_none() && S::is_taken(&error) => Err(Failure::Fenced),
            moved => Ok(moved.map(drop)?),
        }
    }

    /// All offsets of `flow`; none where the table is missing.
    pub(in crate::sink) async fn read<S: SqlSession>(
        &self,
        session: &mut S,
        flow: &str,
    ) -> Result<Vec<Progress>, sqlx::Error> {
        let partition = S::WORDS.partition;
        let text = format!(
            "SELECT topic, topic_id, {partition}, next_offset FROM {} WHERE flow=? \
             ORDER BY topic, topic_id, {partition}",
            self.offsets
        );
        let rows = session
            .offsets(text, bound::<S>(&[Cell::Text(flow)])?)
            .await;
        let rows = unless_missing::<S, _>(rows, Vec::new())?.into_iter();
        let rows = rows.map(|(topic, topic_id, partition, next_offset)| Progress {
            topic,
            topic_id,
            partition,
            next_offset,
        });
        Ok(rows.collect())
    }

    /// When any of its offsets was stored last, in seconds since the epoch.
    pub(in crate::sink) async fn saved_at<S: SqlSession>(
        &self,
        session: &mut S,
        flow: &str,
    ) -> Result<Option<i64>, sqlx::Error> {
        let (saved_at, table) = (S::WORDS.saved_at, &self.offsets);
        let text = format!("SELECT {saved_at} FROM {table} WHERE flow=?");
        let read = session.number(text, bound::<S>(&[Cell::Text(flow)])?).await;
        unless_missing::<S, _>(read, None)
    }

    /// The position of `flow`; none where the table is missing.
    ///
    /// # Errors
    /// As `refuse_older` where none is found, and as the server answers.
    pub(in crate::sink) async fn position<S: SqlSession>(
        &self,
        session: &mut S,
        flow: &str,
    ) -> Result<Option<Position>, Failure> {
        let text = format!("SELECT {POSITION} FROM {} WHERE flow=?", self.positions);
        let read = session
            .texts(text, bound::<S>(&[Cell::Text(flow)])?, 1)
            .await;
        if !matches!(read, Ok(Some(_))) {
            self.refuse_older(session).await?;
        }
        let read = unless_missing::<S, _>(read, None)?;
        Ok(read.into_iter().flatten().next().map(Position::new))
    }

    /// Forgets the offsets and the position of `flow`; answers how many there were.
    ///
    /// # Errors
    /// As `refuse_older`, and as the server answers.
    pub(in crate::sink) async fn forget<S: SqlSession>(
        &self,
        session: &mut S,
        flow: &str,
    ) -> Result<u64, Failure> {
        self.refuse_older(session).await?;
        let mut forgotten = 0;
        for table in [&self.positions, &self.offsets] {
            let text = format!("DELETE FROM {table} WHERE flow=?");
            let done = session.run(text, bound::<S>(&[Cell::Text(flow)])?).await;
            forgotten += unless_missing::<S, _>(done, 0)?;
        }
        Ok(forgotten)
    }

    /// Sets the offset of one partition, of whichever topic id it was. Two statements: within a
    /// transaction.
    pub(in crate::sink) async fn set<S: SqlSession>(
        &self,
        session: &mut S,
        flow: &str,
        to: &Progress,
    ) -> Result<(), sqlx::Error> {
        let (table, partition) = (&self.offsets, S::WORDS.partition);
        let text = format!("DELETE FROM {table} WHERE flow=? AND topic=? AND {partition}=?");
        let of = [
            Cell::Text(flow),
            Cell::Text(&to.topic),
            Cell::Partition(to.partition),
        ];
        session.run(text, bound::<S>(&of)?).await?;
        let row = self.offset::<S>(flow, to);
        let set = row.insert(session, Cell::Offset(to.next_offset)).await;
        set.map(drop)
    }

    fn offset<'r, S: SqlSession>(&'r self, flow: &'r str, of: &'r Progress) -> Row<'r> {
        Row {
            table: &self.offsets,
            key: vec![
                ("flow", Cell::Text(flow)),
                ("topic", Cell::Text(&of.topic)),
                ("topic_id", Cell::Text(&of.topic_id)),
                (S::WORDS.partition, Cell::Partition(of.partition)),
            ],
            value: "next_offset",
        }
    }

    fn position_of<'r>(&'r self, flow: &'r str) -> Row<'r> {
        Row {
            table: &self.positions,
            key: vec![("flow", Cell::Text(flow))],
            value: POSITION,
        }
    }
}

impl Row<'_> {
    /// Makes it; none is made where there is one, or that is an error.
    async fn insert<S: SqlSession>(
        &self,
        session: &mut S,
        to: Cell<'_>,
    ) -> Result<u64, sqlx::Error> {
        let names: Vec<&str> = self.key.iter().map(|it| it.0).collect();
        let text = format!(
            "INSERT INTO {} ({}, {}, updated_at) VALUES ({}?,{}){}",
            self.table,
            names.join(", "),
            self.value,
            "?,".repeat(names.len()),
            S::WORDS.now,
            S::WORDS.once
        );
        let cells: Vec<_> = self.key.iter().map(|it| it.1).chain([to]).collect();
        session.run(text, bound::<S>(&cells)?).await
    }

    /// Moves it, where it is at `from`. Rows that match count, changed or not.
    async fn update<S: SqlSession>(
        &self,
        session: &mut S,
        from: Cell<'_>,
        to: Cell<'_>,
    ) -> Result<u64, sqlx::Error> {
        let (value, now) = (self.value, S::WORDS.now);
        let key: Vec<String> = self.key.iter().map(|it| format!("{}=?", it.0)).collect();
        let text = format!(
            "UPDATE {} SET {value}=?, updated_at={now} WHERE {} AND {value}=?",
            self.table,
            key.join(" AND ")
        );
        let key = self.key.iter().map(|it| it.1);
        let cells: Vec<_> = [to].into_iter().chain(key).chain([from]).collect();
        session.run(text, bound::<S>(&cells)?).await
    }
}

fn bound<S: SqlSession>(cells: &[Cell<'_>]) -> Result<S::Bound, sqlx::Error> {
    let mut bound = S::Bound::default();
    for cell in cells {
        bound.push_cell(*cell)?;
    }
    Ok(bound)
}

/// What is read where the table is missing: `nothing`.
fn unless_missing<S: SqlSession, T>(
    read: Result<T, sqlx::Error>,
    nothing: T,
) -> Result<T, sqlx::Error> {
    match read {
        Err(error) if S::is_missing_table(&error) => Ok(nothing),
        read => read,
    }
}
