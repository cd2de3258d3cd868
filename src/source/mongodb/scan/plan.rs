//! What a read of a collection would do, by the server's own explain.

use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};

use super::{
    Ceiling, ScanPosition, class::Class, collection::Scanned, range::RangeFilter, watermark::Watch,
};
use crate::{
    model::{Finding, Position, Severity},
    source::{
        Late, Nulls, SourceError,
        plan::{Access, Blocker, Counted, Counting, LowWatermark, Plan},
    },
};

/// The plan of the next read from `stored`.
pub(super) async fn plan(
    scanned: &Arc<Scanned>,
    late: Late,
    stored: Option<&Position>,
) -> Result<Plan, SourceError> {
    let order = &scanned.order;
    let stored = stored
        .map(|it| ScanPosition::parse(it, order))
        .transpose()?;
    scanned.refuse_lists().await?;
    let classes = scanned.classes().await?.values;
    let scan_position = stored.unwrap_or_default();
    let sort = match &scan_position {
        ScanPosition::Incremental(_) => order.sort(1),
        ScanPosition::Full(_) => doc! { "_id": 1 },
    };
    let filters = filters(scanned, &scan_position, &classes);
    let access = explain(scanned, &filters[0], &sort).await?;
    let past = past(scanned, &filters).await?;
    let watermark = watermark(scanned, late, &classes).await?;
    let queries: Vec<String> = filters
        .iter()
        .map(|it| format!("db.{}.find({it}).sort({sort})", scanned.documents.name()))
        .collect();
    Ok(Plan {
        query: queries.join("; "),
        bound: Vec::new(),
        findings: warn(scanned, &access),
        access: Some(access),
        past,
        nulls: match scanned.nulls {
            // What has none is refused above.
            Nulls::Refuse => Counted::Exactly(0),
            _ => past_of(scanned, &scanned.has_none()).await?,
        },
        watermark,
    })
}

/// The filters of all documents past a place, one for each class; never none.
pub(super) fn filters(
    scanned: &Scanned,
    scan_position: &ScanPosition,
    classes: &[Class],
) -> Vec<Document> {
    let order = &scanned.order;
    let mut filters: Vec<Document> = Vec::new();
    match scan_position {
        ScanPosition::Full(full) => filters.push(order.filter_of_ids(RangeFilter {
            class: None,
            alone: true,
            after: full.after(),
            ceiling: &Ceiling::Open,
        })),
        ScanPosition::Incremental(state) => filters.extend(classes.iter().map(|class| {
            order.filter(RangeFilter {
                class: Some(*class),
                alone: scanned.nulls == Nulls::Refuse && classes.len() == 1,
                after: state.values.of(*class).unwrap_or_default(),
                ceiling: &Ceiling::Open,
            })
        })),
    }
    if filters.is_empty() {
        filters.push(Document::new());
    }
    filters
}

/// Documents past a place, by its filters.
pub(super) async fn past(scanned: &Scanned, filters: &[Document]) -> Result<Counted, SourceError> {
    let mut past = Counted::Exactly(0);
    for filter in filters {
        let found = past_of(scanned, filter).await?;
        past = match (past, found) {
            (Counted::Exactly(one), Counted::Exactly(other)) => Counted::Exactly(one + other),
            (one, other) => Counted::AtLeast(one.number() + other.number()),
        };
    }
    Ok(past)
}

/// How far a read would go now, and what holds it back.
pub(super) async fn watermark(
    scanned: &Arc<Scanned>,
    late: Late,
    classes: &[Class],
) -> Result<Option<LowWatermark>, SourceError> {
    let Some(hold_back) = late.writers() else {
        return Ok(None);
    };
    let look = Watch::new(scanned.clone(), hold_back).look().await?;
    let value = classes.iter().find_map(|it| it.taken_at(look.until));
    Ok(Some(LowWatermark {
        value: value.map(|it| format!("below {it}")),
        behind: (look.now - look.until) as f64 / 1000.0,
        blocked_by: look.open.map(|open| Blocker {
            connection: open
                .connection
                .unwrap_or_else(|| "a transaction or write".to_owned()),
            who: open.who,
            seconds: Some(open.lasts.as_secs_f64()),
        }),
    }))
}

async fn past_of(scanned: &Scanned, filter: &Document) -> Result<Counted, SourceError> {
    let mut counting = Counting::start();
    loop {
        let asked = scanned.documents.count_documents(filter.clone());
        let found = asked.limit(counting.limit).await;
        let found = found.map_err(|error| scanned.error(&error))?;
        if let Some(past) = counting.found(found) {
            return Ok(past);
        }
    }
}

fn warn(scanned: &Scanned, access: &Access) -> Vec<Finding> {
    let wrong = match (access.sorts, access.index.is_none() && access.reads_all) {
        (true, _) => "sorts all documents past the cursor",
        (false, true) if !scanned.order.is_id() => "reads the whole collection",
        _ => return Vec::new(),
    };
    let (field, name) = (&scanned.order.field, scanned.documents.name());
    vec![Finding {
        // It takes long, and it works.
        severity: Severity::Note,
        text: format!(
            "no index on (`{field}`, `_id`), so that each read {wrong}: \
             db.{name}.createIndex({{\"{field}\": 1, \"_id\": 1}})"
        ),
    }]
}

async fn explain(
    scanned: &Scanned,
    filter: &Document,
    sort: &Document,
) -> Result<Access, SourceError> {
    let find = doc! { "find": scanned.documents.name(), "filter": filter, "sort": sort };
    let ask = doc! { "explain": find, "verbosity": "queryPlanner" };
    let said = scanned.connection.database().run_command(ask).await;
    let said = said.map_err(|error| scanned.error(&error))?;
    let planner = said.get_document("queryPlanner").ok();
    let winning = planner.and_then(|it| it.get_document("winningPlan").ok());
    let winning = winning.cloned().unwrap_or_default();
    let mut access = Access {
        index: None,
        reads_all: false,
        sorts: false,
        rows: None,
        said: winning.to_string(),
    };
    walk(&Bson::Document(winning), &mut access);
    Ok(access)
}

/// Stages stand within each other, and deeper on servers with the slot-based engine.
fn walk(part: &Bson, access: &mut Access) {
    match part {
        Bson::Array(items) => items.iter().for_each(|it| walk(it, access)),
        Bson::Document(fields) => {
            match fields.get_str("stage") {
                Ok("COLLSCAN") => access.reads_all = true,
                Ok("SORT") => access.sorts = true,
                Ok("IXSCAN") => {
                    let name = fields.get_str("indexName").ok().map(str::to_owned);
                    access.index = access.index.take().or(name);
                }
                _ => {}
            }
            fields.values().for_each(|it| walk(it, access));
        }
        _ => {}
    }
}
