//! Source status of a collection.

use std::{sync::Arc, time::Duration};

use mongodb::bson::Bson;

use super::{Ceiling, ScanPosition, class::Class, collection::Scanned, plan};
use crate::{
    model::Position,
    source::{Late, SourceError, plan::Counted, scan::ScanPhase, status::SourceStatus},
};

/// The standing of a read from `stored`.
pub(super) async fn status(
    scanned: &Arc<Scanned>,
    late: Late,
    stored: Option<&Position>,
) -> Result<SourceStatus, SourceError> {
    let order = &scanned.order;
    let stored = stored
        .map(|it| ScanPosition::parse(it, order))
        .transpose()?;
    let classes = scanned.classes().await?.values;
    let scan_position = stored.unwrap_or_default();
    let past = plan::past(scanned, &plan::filters(scanned, &scan_position, &classes)).await?;
    let (mut newest, mut behind) = (Vec::new(), None);
    for class in &classes {
        let last = scanned
            .last(ScanPhase::Values, *class, &Ceiling::Open)
            .await?;
        let last = last.unwrap_or_default();
        let Some(last) = last.first() else { continue };
        newest.push(words(last));
        let at = scan_position
            .state()
            .values
            .of(*class)
            .and_then(<[Bson]>::first);
        behind = behind.max(at.and_then(|at| between(at, last)));
    }
    // Where nothing is past it, another value can only be smaller.
    let is_there = |it: &Vec<Bson>| it.first().is_none_or(|it| newest.contains(&words(it)));
    let is_read = matches!(scan_position, ScanPosition::Incremental(_));
    let is_past_newest = is_read
        && past == Counted::Exactly(0)
        && !scan_position.state().values.all().iter().all(is_there);
    Ok(SourceStatus {
        at: reported(&scan_position),
        newest: (!newest.is_empty()).then(|| newest.join("; ")),
        behind,
        past,
        is_past_newest,
        watermark: plan::watermark(scanned, late, &classes).await?,
    })
}

/// What a place is behind: a document of each class.
fn reported(scan_position: &ScanPosition) -> Option<String> {
    let cursor_value = |values: &Vec<Bson>| match &values[..] {
        [value, id] => format!("{} (_id {})", words(value), words(id)),
        values => values.iter().map(words).collect::<Vec<_>>().join(" "),
    };
    let cursor_values: Vec<String> = scan_position
        .state()
        .values
        .all()
        .iter()
        .map(cursor_value)
        .collect();
    let value = (!cursor_values.is_empty()).then(|| cursor_values.join("; "));
    scan_position.text(value, "documents")
}

/// A value as a person writes it; an ObjectId with its time.
fn words(value: &Bson) -> String {
    let time = |millis: i64| {
        let time = chrono::DateTime::from_timestamp_millis(millis);
        time.map(|it| it.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string())
    };
    match value {
        Bson::DateTime(it) => {
            time(it.timestamp_millis()).unwrap_or_else(|| it.timestamp_millis().to_string())
        }
        Bson::ObjectId(it) => {
            let made = time(it.timestamp().timestamp_millis()).unwrap_or_default();
            format!("{} of {}", it.to_hex(), made.replace(".000Z", "Z"))
        }
        Bson::String(it) => it.clone(),
        other => other.to_string(),
    }
}

/// The time from one value to another, where they are times; zero where the second is earlier.
fn between(one: &Bson, other: &Bson) -> Option<Duration> {
    let at = |value: &Bson| match value {
        Bson::DateTime(it) => Some(it.timestamp_millis()),
        Bson::ObjectId(it) => Some(it.timestamp().timestamp_millis()),
        Bson::Timestamp(it) => Some(i64::from(it.time) * 1000),
        _ => None,
    };
    if Class::of(one) != Class::of(other) {
        return None;
    }
    let ahead = at(other)?.saturating_sub(at(one)?);
    Some(Duration::from_millis(
        u64::try_from(ahead).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime, oid::ObjectId};

    use super::*;
    use crate::source::mongodb::scan::{CursorValues, ScanState};

    #[test]
    fn an_object_id_is_told_with_its_time() {
        let id = ObjectId::parse_str("66cc4e87a1b2c3d4e5f60718").expect("an id");
        let scan_position =
            ScanPosition::Incremental(ScanState::behind(CursorValues::at(vec![id.into()])));
        assert_eq!(
            reported(&scan_position).as_deref(),
            Some("66cc4e87a1b2c3d4e5f60718 of 2024-08-26 09:44:39Z")
        );
        let time = Bson::from(DateTime::from_millis(1_756_200_600_123));
        let scan_position = ScanPosition::Incremental(ScanState::behind(CursorValues::at(vec![
            time.clone(),
            7.into(),
        ])));
        assert_eq!(
            reported(&scan_position).as_deref(),
            Some("2025-08-26 09:30:00.123Z (_id 7)")
        );
        let later = Bson::from(DateTime::from_millis(1_756_200_602_123));
        assert_eq!(between(&time, &later), Some(Duration::from_secs(2)));
        assert_eq!(between(&later, &time), Some(Duration::ZERO));
        assert_eq!(between(&1.into(), &2.into()), None);
    }
}
