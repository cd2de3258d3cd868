//! An order by the first of several columns that is not NULL, and what serves it on each server.

use super::{Column, Unpack, ask, key_column};
use crate::{
    connect::mysql::MysqlConnection,
    source::{
        SourceError,
        mysql::scan::{MysqlScanSettings, by_index::indexes_expressions},
        scan::table::{self, Index, KeyColumn},
    },
};

/// What an order is read by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source::mysql::scan) enum By {
    /// A column, whose indexes are known.
    Column,
    /// A generated column of that name, which is this expression: its indexes count.
    Generated(String),
    /// An index over the expression; its columns are those behind that.
    Index(Index),
    /// A sort of the whole table.
    Sort,
}

/// An expression of the table: a generated column's (no index), or the first part of an index.
pub(super) struct Expression {
    text: String,
    column: Option<String>,
    index: Option<Index>,
}

const GENERATED: &str = "SELECT CAST(COLUMN_NAME AS CHAR), CAST(GENERATION_EXPRESSION AS CHAR) \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    AND GENERATION_EXPRESSION > ''";

/// Neither a column nor an expression stands for a part of a column.
const INDEXED: &str = "SELECT CAST(INDEX_NAME AS CHAR), NON_UNIQUE = 0, \
    IF(SUB_PART IS NULL, CAST(COLUMN_NAME AS CHAR), NULL), CAST(EXPRESSION AS CHAR) \
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    ORDER BY INDEX_NAME, SEQ_IN_INDEX";

/// The columns whose first value counts, in their order.
pub(super) fn coalesced<'c>(
    names: &[&str],
    columns: &'c [Column],
    settings: &MysqlScanSettings,
) -> Result<Vec<&'c Column>, String> {
    let fields = std::iter::once(&settings.incremental).chain(&settings.rules.coalesce);
    let fields = fields.map(|it| table::column_index(names, it, "incremental"));
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
        if matches!(
            first.unpack,
            Unpack::Enum | Unpack::UnclearEnum | Unpack::Bit
        ) {
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
    if indexes_expressions(connection.flavor(), connection.version()) {
        found.extend(indexed(ask(name, pool, INDEXED, database, table).await?));
    }
    Ok(found)
}

/// Indexes whose first part is an expression, from (name, unique, column, expression).
fn indexed(parts: Vec<(String, bool, Option<String>, Option<String>)>) -> Vec<Expression> {
    let mut found: Vec<Expression> = Vec::new();
    let mut last = None;
    for (name, is_unique, column, expression) in parts {
        let is_first = last.as_ref() != Some(&name);
        last = Some(name.clone());
        let known = found.last_mut().and_then(|it| it.index.as_mut());
        match (known.filter(|it| it.name == name), column, expression) {
            (Some(index), Some(column), None) if !index.is_cut => index.columns.push(column),
            (Some(index), ..) => index.is_cut = true,
            (None, None, Some(text)) if is_first => found.push(Expression {
                text: plain(&text),
                column: None,
                index: Some(Index {
                    name,
                    is_unique,
                    is_primary: false,
                    columns: Vec::new(),
                    is_cut: false,
                }),
            }),
            _ => {}
        }
    }
    found
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
    // What `plain` leaves out must be no part of a name.
    let is_clear = |it: &&Column| it.name.chars().all(|it| it.is_alphanumeric() || it == '_');
    let are_clear = fields.iter().all(is_clear);
    let served = expressions
        .iter()
        .find(|it| are_clear && it.text == plain(&expression));
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
            index: Some(index), ..
        }) => By::Index(index.clone()),
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
    fn an_index_over_an_expression_ends_where_no_whole_column_follows() {
        let part = |name: &str, column: Option<&str>, expression: Option<&str>| {
            let text = |it: Option<&str>| it.map(str::to_owned);
            (name.to_owned(), false, text(column), text(expression))
        };
        let found = indexed(vec![
            part("a", Some("x"), None),
            part("a", None, Some("coalesce(`a`,`b`)")),
            part("b", None, Some("coalesce(`a`,`b`)")),
            part("b", Some("part"), None),
            part("b", None, None),
            part("b", Some("id"), None),
        ]);
        let indexes: Vec<&Index> = found.iter().filter_map(|it| it.index.as_ref()).collect();
        assert_eq!(indexes.len(), 1);
        assert_eq!(indexes[0].columns, ["part"]);
        assert!(indexes[0].is_cut);
    }

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
