//! What `check` says about reading a table of MySQL or MariaDB.

use super::{
    by_index::{remedy, serving},
    columns::Learned,
    count_nulls,
    writers::{Column, Rest, Writers},
};
use crate::{
    connect::mysql::MysqlConnection,
    model::{Finding, Severity},
    source::{
        SourceError,
        scan::table::{KeyColumn, without_value},
    },
};

/// The findings about a table that could be learned.
pub(super) async fn findings(
    connection: &MysqlConnection,
    learned: &Learned,
) -> Result<Vec<Finding>, SourceError> {
    let table = &learned.table;
    let names = |it: &[String]| it.join(", ");
    let ordering: Vec<String> = table.incremental.iter().map(KeyColumn::label).collect();
    let incremental = ordering.first().map_or("", String::as_str);
    let columns = table.schema.names().map_or(0, <[_]>::len);
    let mut findings = vec![finding(
        Severity::Good,
        format!(
            "{} on {} {}: {columns} columns, read by ({})",
            table.name,
            connection.flavor(),
            connection.version(),
            names(&ordering)
        ),
    )];
    findings.push(order(learned, connection));
    let members = table.incremental.iter().chain(&table.key);
    if let Some(column) = members.into_iter().find(|it| it.members.is_some()) {
        let text = format!(
            "`{}` is ordered by the number of its members, by which the server finds no place in an index: \
             each page walks from its first entry",
            column.name
        );
        findings.push(finding(Severity::Note, text));
    }
    let nulls = count_nulls(connection, learned).await?;
    if nulls > 0 {
        findings.push(without_value(nulls, incremental, table.nulls));
    }
    findings.push(finding(
        Severity::Note,
        format!(
            "no scan sees deleted rows, nor rows whose `{incremental}` moves backwards: `verify` \
             finds both"
        ),
    ));
    Ok(findings)
}

fn order(learned: &Learned, connection: &MysqlConnection) -> Finding {
    match serving(&learned.table, &learned.indexes, &learned.by) {
        Some(index) => finding(Severity::Good, format!("index `{index}` serves this order")),
        None => {
            let remedy = remedy(learned, (connection.flavor(), connection.version()));
            let text = format!(
                "no index serves this order, so that each page sorts the whole table: {remedy}"
            );
            finding(Severity::Note, text)
        }
    }
}

/// What late commits are met by, and what that cannot cover.
pub(super) fn late(writers: Option<&Writers>) -> Finding {
    let Some(writers) = writers else {
        let text = "rows that are committed later than rows of higher values are not seen (late = \"none\"): \
            for a table that one writer appends to";
        return finding(Severity::Note, text.to_owned());
    };
    let max_commit_delay = writers.max_commit_delay().as_secs_f64();
    let values = match writers.column {
        Column::Timestamp(_) => "its values must come from the server's clock".to_owned(),
        Column::DateTime(_) => {
            format!("its values must be of the server's clock, in {}", zone(writers))
        }
        Column::Date => format!(
            "its values must be of the server's clock, in {}; the rows of a day are read when it is over",
            zone(writers)
        ),
        Column::Other { is_unique: true } => {
            "it is no clock: what was highest when is kept with the cursor; its values must be given out in order"
                .to_owned()
        }
        Column::Other { is_unique: false } => {
            "it is no clock: what was highest when is kept with the cursor; its values must be given out in \
             order, each for a second at most"
                .to_owned()
        }
    };
    let skew = if writers.clock_skew.is_zero() {
        String::new()
    } else {
        format!(", give or take {} s", writers.clock_skew.as_secs_f64())
    };
    let (severity, rests) = match writers.rest {
        Rest::Transactions => (
            Severity::Good,
            "the statements and transactions that are open now".to_owned(),
        ),
        Rest::Touches(_) => (
            Severity::Note,
            format!(
                "the statements and transactions that are open now; not covered: a transaction whose first \
                 statement waited for more than {max_commit_delay} s (`max-commit-delay`)"
            ),
        ),
        Rest::Declared(reason) => (
            Severity::Note,
            format!(
                "`max-commit-delay` alone ({reason}); not covered: a transaction of more than {max_commit_delay} s"
            ),
        ),
    };
    let unknown = match (writers.rest, writers.knows_source) {
        (Rest::Declared(_), _) | (_, true) => "",
        _ => {
            "; not seen: whether the server is a replica that stands still (grant REPLICATION CLIENT, on \
             MariaDB SLAVE MONITOR)"
        }
    };
    let text = format!("late commits are held back by {rests}{skew}{unknown}; {values}");
    finding(severity, text)
}

/// The zone of a wall clock, and what becomes of an hour that comes twice in it.
fn zone(writers: &Writers) -> String {
    match writers.zone {
        Some(zone) => format!(
            "the time zone {} (`time-zone`); where clocks are put back, what comes twice is read after \
             the second time",
            zone.name()
        ),
        None => "the server's own time zone (another is declared as `time-zone`)".to_owned(),
    }
}

pub(super) fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}
