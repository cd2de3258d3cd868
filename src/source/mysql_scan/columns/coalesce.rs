//! An order by the first of several columns that is not NULL, and what serves it on each server.

use super::{Column, Unpack, ask, key_column};
use crate::{
    connect::mysql::{Flavor, MysqlConnection},
    source::{
        SourceError,
        keyset::{self, KeyColumn},
        mysql_scan::MysqlScanSettings,
    },
};

/// What an order is read by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source::mysql_scan) enum By {
    /// A column, whose indexes are known.
    Column,
    /// A generated column of that name, which is this expression: its indexes count.
    Generated(String),
    /// An index over the expression and the key's columns, by its name.
    Index(String, Vec<String>),
    /// A sort of the whole table.
    Sort,
}

/// An expression of the table: a generated column's (no index), or the first part of an index.
pub(super) struct Expression {
    text: String,
    column: Option<String>,
    index: Option<(String, Vec<String>)>,
}

const GENERATED: &str = "SELECT CAST(COLUMN_NAME AS CHAR), CAST(GENERATION_EXPRESSION AS CHAR) \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    AND GENERATION_EXPRESSION > ''";

/// MariaDB has none of these.
const INDEXED: &str = "SELECT CAST(INDEX_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(EXPRESSION AS CHAR) \
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    AND SUB_PART IS NULL ORDER BY INDEX_NAME, SEQ_IN_INDEX";

/// The columns whose first value counts, in their order.
pub(super) fn coalesced<'c>(
    names: &[&str],
    columns: &'c [Column],
    settings: &MysqlScanSettings,
) -> Result<Vec<&'c Column>, String> {
    let fields = std::iter::once(&settings.incremental).chain(&settings.rules.coalesce);
    let fields = fields.map(|it| keyset::place(names, it, "incremental"));
    let fields: Vec<&Column> = fields
        .map(|it| Ok::<_, String>(&columns[it?]))
        .collect::<Result<_, _>>()?;
    let [first, others @ ..] = &fields[..] else {
        return Err("`incremental` names no column".to_owned());
    };
    for other in others {
        // What COALESCE makes of two types is neither of them.
        let (one, two) = (&first.row, &other.row);
        let numbers = (one.6, one.7) == (two.6, two.7);
        if (&one.1, &one.4, &one.5) != (&two.1, &two.4, &two.5)
            || !numbers
            || first.unpack != other.unpack
        {
            return Err(format!(
                "`{}` ({}) and `{}` ({}) are of different types: `incremental` takes several columns of one",
                first.name, one.2, other.name, two.2
            ));
        }
        if matches!(first.unpack, Unpack::Enum | Unpack::Bit) {
            return Err(format!(
                "`{}` ({}) has values that COALESCE turns into others: choose one column, or others",
                first.name, one.2
            ));
        }
    }
    Ok(fields)
}

/// The table's expressions that an index may be over.
pub(super) async fn expressions(
    name: &str,
    connection: &MysqlConnection,
    database: Option<&str>,
    table: &str,
) -> Result<Vec<Expression>, SourceError> {
    let pool = connection.pool();
    let generated: Vec<(String, String)> = ask(name, pool, GENERATED, database, table).await?;
    let generated = generated.into_iter().map(|(column, text)| Expression {
        text: plain(&text),
        column: Some(column),
        index: None,
    });
    let mut found: Vec<Expression> = generated.collect();
    if connection.flavor() == Flavor::Mysql {
        let parts: Vec<(String, Option<String>, Option<String>)> =
            ask(name, pool, INDEXED, database, table).await?;
        for (index, column, expression) in parts {
            let last = found.last_mut().and_then(|it| it.index.as_mut());
            match (last.filter(|it| it.0 == index), column, expression) {
                (Some(known), Some(column), None) => known.1.push(column),
                (None, None, Some(text)) => found.push(Expression {
                    text: plain(&text),
                    column: None,
                    index: Some((index, Vec::new())),
                }),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// What the table is ordered by first, and what serves that.
pub(super) fn first_column(
    fields: &[&Column],
    columns: &[Column],
    expressions: &[Expression],
) -> Result<(KeyColumn, By), String> {
    let [first, others @ ..] = fields else {
        return Err("`incremental` names no column".to_owned());
    };
    let mut column = key_column(first)?;
    if others.is_empty() {
        return Ok((column, By::Column));
    }
    let quoted: Vec<&str> = fields.iter().map(|it| it.quoted.as_str()).collect();
    let expression = format!("COALESCE({})", quoted.join(", "));
    column.others = others.iter().map(|it| it.name.clone()).collect();
    let served = expressions.iter().find(|it| it.text == plain(&expression));
    column.quoted = expression;
    let by = match served {
        // By its name, which every server finds the index for.
        Some(Expression {
            column: Some(name), ..
        }) => {
            if let Some(generated) = columns.iter().find(|it| it.name == *name) {
                column.quoted.clone_from(&generated.quoted);
            }
            By::Generated(name.clone())
        }
        Some(Expression {
            index: Some((name, key)),
            ..
        }) => By::Index(name.clone(), key.clone()),
        _ => By::Sort,
    };
    Ok((column, by))
}

/// An expression without what servers write in different ways.
fn plain(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|it| !it.is_whitespace() && !matches!(it, '`' | '\\'));
    let text = kept.collect::<String>().to_lowercase();
    let inner = text.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    inner.map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_known_however_a_server_writes_it() {
        for text in [
            "coalesce(`a`,`b`)",
            "(coalesce(`a`, `b`))",
            "COALESCE(a, b)",
        ] {
            assert_eq!(plain(text), "coalesce(a,b)");
        }
        assert_ne!(plain("coalesce(`b`,`a`)"), "coalesce(a,b)");
    }
}
