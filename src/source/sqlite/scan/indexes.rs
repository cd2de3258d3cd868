//! The indexes of a table of a SQLite file, as another table could have them.

use sqlx::SqlitePool;

use crate::model::{IndexPart, TableIndex};

/// Name, unique, origin, partial, column, descending, whether the column may be NULL, collation.
type Part = (
    String,
    bool,
    String,
    bool,
    Option<String>,
    bool,
    bool,
    Option<String>,
);

const PARTS: &str = "SELECT list.name, list.\"unique\", list.origin, list.partial, part.name, part.\"desc\", \
    COALESCE((SELECT NOT info.\"notnull\" AND info.pk = 0 FROM pragma_table_xinfo(?1) AS info \
      WHERE info.cid = part.cid), 0), part.coll \
    FROM pragma_index_list(?1) AS list JOIN pragma_index_xinfo(list.name) AS part \
    WHERE part.key = 1 ORDER BY list.seq, part.seqno";

/// The table's indexes. A primary key that is the row's number has none of its own.
pub(super) async fn indexes(
    readers: &SqlitePool,
    table: &str,
) -> Result<Vec<TableIndex>, sqlx::Error> {
    let parts: Vec<Part> = sqlx::query_as(PARTS)
        .bind(table.to_owned())
        .fetch_all(readers)
        .await?;
    let mut indexes: Vec<TableIndex> = Vec::new();
    for (name, is_unique, origin, partial, column, is_descending, may_be_null, collation) in parts {
        if indexes.last().is_none_or(|it| it.name != name) {
            indexes.push(TableIndex {
                name,
                is_primary: origin == "pk",
                is_unique,
                is_hidden: false,
                parts: Vec::new(),
                beyond: partial.then(|| "it is of some rows only".to_owned()),
            });
        }
        let Some(index) = indexes.last_mut() else {
            continue;
        };
        match column {
            Some(field) => index.parts.push(IndexPart {
                field,
                prefix: None,
                // A declared length binds nobody here.
                width: None,
                is_descending,
                may_be_null,
                collation,
            }),
            None => index.beyond = Some("it is of an expression".to_owned()),
        }
    }
    // The name of a constraint's index is SQLite's own, and may not be given.
    for index in &mut indexes {
        if index.name.starts_with("sqlite_") {
            let fields: Vec<&str> = index.parts.iter().map(|it| it.field.as_str()).collect();
            index.name = format!("unique_{}", fields.join("_"));
        }
    }
    Ok(indexes)
}
