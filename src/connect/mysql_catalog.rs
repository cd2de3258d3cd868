//! Columns of a table of MySQL or MariaDB, as `information_schema` describes them.

use std::sync::Arc;

use sqlx::{MySqlConnection, query_as, query_scalar};

use super::mysql::Flavor;
use crate::model::domain::{
    Domain, Holds, JsonNumbers, Members, Repertoire, Sign, TextWidth, Unit, member_names,
};

/// A column as its server describes it.
#[derive(Debug, Clone)]
pub struct CatalogColumn {
    /// Its name.
    pub name: String,
    /// DATA_TYPE in small letters; `json` where MariaDB checks a text for it.
    pub data_type: String,
    /// What it can hold.
    pub domain: Domain,
    /// Digits behind the point.
    pub scale: Option<u64>,
    /// Digits of a second's fraction.
    pub fraction: Option<u64>,
    /// The character set of a text.
    pub charset: Option<String>,
    /// The collation of a text.
    pub collation: Option<String>,
    /// Its default, as the server writes it.
    pub default: Option<String>,
    /// EXTRA in capitals.
    pub extra: String,
}

impl CatalogColumn {
    /// Whether the server computes it.
    pub fn is_computed(&self) -> bool {
        let computed = ["STORED GENERATED", "VIRTUAL GENERATED", "PERSISTENT"];
        computed.iter().any(|it| self.extra.contains(it))
    }
}

/// Name, DATA_TYPE, COLUMN_TYPE, nullable, characters, bytes, precision, scale, digits of a second,
/// character set, collation, default, extra.
type Described = (
    String,
    String,
    String,
    bool,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
);

const COLUMNS: &str = "SELECT CAST(COLUMN_NAME AS CHAR), LOWER(CAST(DATA_TYPE AS CHAR)), \
    CAST(COLUMN_TYPE AS CHAR), IS_NULLABLE = 'YES', CAST(CHARACTER_MAXIMUM_LENGTH AS UNSIGNED), \
    CAST(CHARACTER_OCTET_LENGTH AS UNSIGNED), CAST(NUMERIC_PRECISION AS UNSIGNED), \
    CAST(NUMERIC_SCALE AS UNSIGNED), CAST(DATETIME_PRECISION AS UNSIGNED), \
    CAST(CHARACTER_SET_NAME AS CHAR), CAST(COLLATION_NAME AS CHAR), CAST(COLUMN_DEFAULT AS CHAR), \
    UPPER(CAST(EXTRA AS CHAR)) FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";

/// MariaDB's JSON is text with a CHECK.
const JSON_CHECKS: &str = "SELECT CAST(CHECK_CLAUSE AS CHAR) \
    FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    AND CHECK_CLAUSE LIKE 'json_valid(%'";

/// The columns of `table`, in its order; none where it is not seen. Without a `database` it is the
/// session's.
///
/// # Errors
/// As the server answers.
pub async fn columns(
    session: &mut MySqlConnection,
    flavor: Flavor,
    (database, table): (Option<&str>, &str),
) -> Result<Vec<CatalogColumn>, sqlx::Error> {
    let checks: Vec<String> = match flavor {
        Flavor::Mysql => Vec::new(),
        Flavor::Mariadb => {
            let asked = query_scalar(JSON_CHECKS).bind(database).bind(table);
            asked.fetch_all(&mut *session).await?
        }
    };
    let asked = query_as(COLUMNS).bind(database).bind(table);
    let described: Vec<Described> = asked.fetch_all(session).await?;
    let column = |it: Described| {
        let quoted = format!("json_valid(`{}`)", it.0.replace('`', "``"));
        let is_json = checks.iter().any(|check| check.contains(&quoted));
        understood(it, is_json)
    };
    Ok(described.into_iter().map(column).collect())
}

fn understood(described: Described, is_json: bool) -> CatalogColumn {
    let (name, data_type, column_type, is_nullable, ..) = &described;
    let (characters, octets, precision) = (&described.4, &described.5, &described.6);
    let (scale, fraction) = (&described.7, &described.8);
    let data_type = if is_json { "json" } else { data_type.as_str() };
    let digits =
        |it: &Option<u64>, otherwise| it.and_then(|it| u8::try_from(it).ok()).unwrap_or(otherwise);
    let sign = if column_type.contains(" unsigned") {
        Sign::Unsigned
    } else {
        Sign::Signed
    };
    let holds = match data_type {
        "tinyint" => integer(8, sign),
        "smallint" => integer(16, sign),
        "mediumint" => integer(24, sign),
        "int" => integer(32, sign),
        "bigint" => integer(64, sign),
        "bit" => Holds::Bits(u64::MAX >> (64 - digits(precision, 64).clamp(1, 64))),
        "year" => Holds::Year,
        "float" => Holds::Single(sign),
        "double" => Holds::Double(sign),
        "decimal" => {
            let whole = digits(precision, 65).saturating_sub(digits(scale, 0));
            Holds::Decimal(whole, sign)
        }
        // MariaDB keeps the text.
        "json" if is_json => Holds::Json(JsonNumbers::Written),
        "json" => Holds::Json(JsonNumbers::Doubles),
        "date" => Holds::Date,
        "time" => Holds::Time(digits(fraction, 0)),
        "datetime" => Holds::DateTime(digits(fraction, 0)),
        "timestamp" => Holds::Timestamp(digits(fraction, 0)),
        "enum" | "set" => match member_names(column_type) {
            Some(names) => {
                let collation = described.10.as_deref().unwrap_or_default();
                let tells_all_apart = collation.ends_with("_bin") || collation.contains("_0900_");
                let members = Arc::new(Members::new(names, tells_all_apart));
                if data_type == "enum" {
                    Holds::Enum(members)
                } else {
                    Holds::Set(members)
                }
            }
            None => Holds::Text(TextWidth::ANY),
        },
        "uuid" => Holds::Uuid,
        "inet4" => Holds::Inet4,
        "inet6" => Holds::Inet6,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Holds::Bytes {
            most: octets.or(*characters).unwrap_or(u64::MAX),
            is_fixed: data_type == "binary",
        },
        "vector" | "geometry" | "point" | "linestring" | "polygon" | "multipoint"
        | "multilinestring" | "multipolygon" | "geomcollection" | "geometrycollection" => {
            Holds::Bytes {
                most: u64::MAX,
                is_fixed: false,
            }
        }
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            let charset = described.9.as_deref().unwrap_or_default();
            let is_counted = matches!(data_type, "char" | "varchar");
            Holds::Text(TextWidth {
                most: if is_counted { *characters } else { *octets }.unwrap_or(u64::MAX),
                unit: if is_counted {
                    Unit::Characters
                } else {
                    unit(charset)
                },
                is_fixed: data_type == "char",
                repertoire: repertoire(charset),
            })
        }
        _ => Holds::Text(TextWidth::ANY),
    };
    CatalogColumn {
        data_type: data_type.to_owned(),
        domain: Domain {
            holds,
            is_nullable: *is_nullable,
        },
        scale: *scale,
        name: name.clone(),
        fraction: *fraction,
        charset: described.9,
        collation: described.10,
        default: described.11,
        extra: described.12,
    }
}

fn integer(bits: u32, sign: Sign) -> Holds {
    match sign {
        Sign::Unsigned => Holds::Integer(0, u64::MAX >> (64 - bits)),
        Sign::Signed => Holds::Integer(i64::MIN >> (64 - bits), i64::MAX as u64 >> (64 - bits)),
    }
}

/// What the length of a TEXT counts.
fn unit(charset: &str) -> Unit {
    match charset {
        "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => Unit::Utf8,
        "utf16" | "utf16le" | "ucs2" => Unit::Utf16,
        "utf32" => Unit::Utf32,
        _ => Unit::Characters,
    }
}

fn repertoire(charset: &str) -> Repertoire {
    match charset {
        "utf8mb3" | "utf8" | "ucs2" => Repertoire::Basic,
        "latin1" => Repertoire::Latin1,
        "ascii" => Repertoire::Ascii,
        "utf8mb4" | "utf16" | "utf16le" | "utf32" => Repertoire::All,
        _ => Repertoire::Servers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(data_type: &str, column_type: &str, is_json: bool) -> Holds {
        let described = (
            "a".to_owned(),
            data_type.to_owned(),
            column_type.to_owned(),
            true,
            Some(9),
            Some(36),
            Some(10),
            Some(2),
            None,
            Some("utf8mb3".to_owned()),
            None,
            None,
            String::new(),
        );
        understood(described, is_json).domain.holds
    }

    #[test]
    fn the_range_of_a_column_is_that_of_its_type() {
        let of = |data_type, column_type| described(data_type, column_type, false);
        assert_eq!(of("tinyint", "tinyint(1)"), Holds::Integer(-128, 127));
        assert_eq!(
            of("mediumint", "mediumint(8) unsigned zerofill"),
            Holds::Integer(0, (1 << 24) - 1)
        );
        assert_eq!(
            of("bigint", "bigint"),
            Holds::Integer(i64::MIN, i64::MAX as u64)
        );
        assert_eq!(of("bigint", "bigint unsigned"), Holds::Integer(0, u64::MAX));
        assert_eq!(of("bit", "bit(10)"), Holds::Bits(1023));
        assert_eq!(
            of("decimal", "decimal(10,2)"),
            Holds::Decimal(8, Sign::Signed)
        );
    }

    #[test]
    fn a_text_is_counted_as_its_type_counts() {
        let text = |unit, most, is_fixed| {
            Holds::Text(TextWidth {
                most,
                unit,
                is_fixed,
                repertoire: Repertoire::Basic,
            })
        };
        let of = |data_type, is_json| described(data_type, data_type, is_json);
        assert_eq!(of("char", false), text(Unit::Characters, 9, true));
        assert_eq!(of("text", false), text(Unit::Utf8, 36, false));
        assert_eq!(of("longtext", true), Holds::Json(JsonNumbers::Written));
        assert_eq!(of("json", false), Holds::Json(JsonNumbers::Doubles));
    }
}
