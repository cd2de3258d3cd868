//! Where a place of a table stands beside its last row.

use std::time::Duration;

use super::{Full, Lane, Mark, Micros, Pages, Place, Stand, Table, micros_of};
use crate::{
    model::DateTime,
    source::{
        SourceError,
        plan::{Counted, SettledAt},
        status::Standing,
    },
};

/// The standing of `place`, past which there are so many rows.
pub(in crate::source) async fn standing(
    table: &Table,
    pages: &mut dyn Pages,
    place: &Place,
    past: Counted,
    settled: Option<SettledAt>,
) -> Result<Standing, SourceError> {
    let last = pages.last(Lane::Values).await?;
    let newest = last.get(0).and_then(|row| {
        let column = table.incremental.first()?;
        column.mark(column.value(&row)?)
    });
    let behind = match (place.stand().after.first(), &newest) {
        (Some(at), Some(newest)) => between(at, newest),
        _ => None,
    };
    Ok(Standing {
        at: place.words(table),
        newest: newest.map(|it| it.text()),
        behind,
        past,
        settled,
    })
}

impl Place {
    fn stand(&self) -> &Stand {
        match self {
            Self::Incremental(stand) | Self::Full(Full { then: stand, .. }) => stand,
        }
    }

    /// What it is behind, as a person writes it.
    fn words(&self, table: &Table) -> Option<String> {
        let after = &self.stand().after;
        let key = table.incremental.iter().zip(after).skip(1);
        let key: Vec<String> = key
            .map(|(column, mark)| format!("{} {}", column.name, mark.text()))
            .collect();
        let value = after.first().map(|it| match key.is_empty() {
            true => it.text(),
            false => format!("{} ({})", it.text(), key.join(", ")),
        });
        match self {
            Self::Incremental(_) => value,
            Self::Full(full) => {
                let then = value.map_or(String::new(), |it| format!(", then behind {it}"));
                Some(format!("a full read, {} rows so far{then}", full.rows))
            }
        }
    }
}

/// The time from one mark to another, where they are times; zero where the second is earlier.
fn between(one: &Mark, other: &Mark) -> Option<Duration> {
    let ahead = u64::try_from(at(other)? - at(one)?).unwrap_or_default();
    Some(Duration::from_micros(ahead))
}

fn at(mark: &Mark) -> Option<Micros> {
    match mark {
        Mark::DateTime(it) => micros_of(*it),
        Mark::Date(date) => micros_of(DateTime {
            date: *date,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scan::{MarkKind, tests::table};

    #[test]
    fn a_place_is_told_as_a_person_writes_it() {
        let table = table();
        let time = MarkKind::DateTime.parse("2025-08-26 09:30:15").expect("it");
        let place = |after: Vec<Mark>| Place::behind(after).words(&table);
        assert_eq!(place(vec![]), None);
        assert_eq!(
            place(vec![time.clone()]).as_deref(),
            Some("2025-08-26 09:30:15")
        );
        assert_eq!(
            place(vec![time, Mark::U64(42)]).as_deref(),
            Some("2025-08-26 09:30:15 (id 42)")
        );
    }

    #[test]
    fn time_behind_is_between_times_alone_and_never_below_zero() {
        let of = |kind: MarkKind, text: &str| kind.parse(text).expect("a value");
        let (day, next) = (
            of(MarkKind::Date, "2025-08-26"),
            of(MarkKind::Date, "2025-08-27"),
        );
        assert_eq!(between(&day, &next), Some(Duration::from_secs(86_400)));
        assert_eq!(between(&next, &day), Some(Duration::ZERO));
        assert_eq!(between(&Mark::U64(1), &Mark::U64(9)), None);
    }
}
