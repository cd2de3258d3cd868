//! An index of a table or a collection, as a source has it and a target may have it as well.

/// An index, with what is known of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableIndex {
    /// Its name at the source.
    pub name: String,
    /// Whether it is that of the primary key.
    pub is_primary: bool,
    /// Whether no two rows share its values.
    pub is_unique: bool,
    /// Whether the server keeps it and does not read by it.
    pub is_hidden: bool,
    /// Its fields, in order.
    pub parts: Vec<IndexPart>,
    /// Why no other table can have it: `it is FULLTEXT`. `None` where one can.
    pub beyond: Option<String>,
}

/// One field of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPart {
    /// The field's name.
    pub field: String,
    /// How much of each value is indexed: letters of a text, or bytes; `None` where all of it is.
    pub prefix: Option<u32>,
    /// The most that a value of the field has: letters of a text, or bytes; `None` where nobody says.
    pub width: Option<u32>,
    /// Whether the highest value comes first.
    pub is_descending: bool,
    /// Whether the field may be NULL.
    pub may_be_null: bool,
    /// The collation by which its texts are compared, as the system calls it; `None` where nobody says.
    pub collation: Option<String>,
}

impl TableIndex {
    /// Its fields as people read them: `a, b DESC`.
    pub fn fields(&self) -> String {
        let parts = self.parts.iter().map(|it| {
            if it.is_descending {
                format!("{} DESC", it.field)
            } else {
                it.field.clone()
            }
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// As sentences name it: "unique index `by_a` (a)".
    pub fn named(&self) -> String {
        let sort = if self.is_unique {
            "unique index"
        } else {
            "index"
        };
        if self.parts.is_empty() {
            format!("{sort} `{}`", self.name)
        } else {
            format!("{sort} `{}` ({})", self.name, self.fields())
        }
    }
}
