//! The rows: 12 columns and about 300 bytes each, the same ones in every run.

use std::fmt::Write;

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: u64,
    pub uid: String,
    pub name: String,
    pub email: String,
    pub status: &'static str,
    /// A decimal of two places.
    pub amount: String,
    pub quantity: i32,
    pub rating: f64,
    pub note: String,
    /// A list of texts, as JSON.
    pub tags: String,
    /// Seconds since 1970.
    created: i64,
    /// Microseconds within its second.
    micros: u32,
    /// When it was made: seconds and microseconds, as MySQL writes it.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
}

/// The columns, in the table's order.
pub const COLUMNS: [&str; 12] = [
    "id",
    "uid",
    "name",
    "email",
    "status",
    "amount",
    "quantity",
    "rating",
    "note",
    "tags",
    "created_at",
    "updated_at",
];

/// The columns' types in MySQL.
pub const TYPES: [&str; 12] = [
    "BIGINT UNSIGNED NOT NULL PRIMARY KEY",
    "CHAR(24) NOT NULL",
    "VARCHAR(64) NOT NULL",
    "VARCHAR(128) NOT NULL",
    "VARCHAR(16) NOT NULL",
    "DECIMAL(12,2) NOT NULL",
    "INT NOT NULL",
    "DOUBLE NOT NULL",
    "VARCHAR(255) NOT NULL",
    "JSON NOT NULL",
    "DATETIME(6) NOT NULL",
    "DATETIME(6) NOT NULL",
];

const WORDS: [&str; 32] = [
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper",
    "kelp", "lagoon", "meadow", "north", "ocean", "pebble", "quarry", "river", "summit", "tide",
    "upland", "valley", "willow", "xylem", "yonder", "zephyr", "gravel", "heron", "marsh", "reef",
    "shoal", "spring",
];
const STATUSES: [&str; 4] = ["new", "paid", "shipped", "returned"];

/// Seconds of the first row: long settled.
const BEGINNING: i64 = 1_704_067_200;

/// The row of this number; numbers begin at 1.
pub fn row(id: u64) -> Row {
    let mut dice = Dice(id);
    let (first, last) = (dice.word(), dice.word());
    let number = dice.roll() % 10_000;
    let note: Vec<_> = (0..26).map(|_| dice.word()).collect();
    let created = BEGINNING + (id / 4) as i64;
    Row {
        id,
        uid: format!("{:016x}{:08x}", dice.roll(), id & 0xffff_ffff),
        name: format!("{first} {last}"),
        email: format!("{first}.{last}{number}@example.com"),
        status: STATUSES[dice.below(STATUSES.len())],
        amount: format!("{}.{:02}", dice.roll() % 100_000, dice.roll() % 100),
        quantity: (dice.roll() % 1_000) as i32,
        rating: (dice.roll() % 5_000) as f64 / 1_000.0,
        note: note.join(" "),
        tags: format!("[\"{}\", \"{}\"]", dice.word(), dice.word()),
        created,
        micros: 0,
        created_at: String::new(),
        updated_at: String::new(),
    }
    .at((dice.roll() % 1_000_000) as u32)
}

/// The sum of the numbers of the first `rows` rows.
pub fn sum(rows: u64) -> u64 {
    rows * (rows + 1) / 2
}

impl Row {
    fn at(mut self, micros: u32) -> Self {
        self.micros = micros;
        self.created_at = self.time(0);
        self.updated_at = self.time(3_600);
        self
    }

    fn time(&self, later: i64) -> String {
        let time = chrono::DateTime::from_timestamp(self.created + later, self.micros * 1_000);
        let time = time.expect("seconds of this century");
        time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    }

    /// As our `json` writes the table's row.
    pub fn json(&self) -> String {
        let mut text = String::with_capacity(512);
        let _ = write!(
            text,
            "{{\"id\":{},\"uid\":\"{}\",\"name\":\"{}\",\"email\":\"{}\",\"status\":\"{}\",\
             \"amount\":\"{}\",\"quantity\":{},\"rating\":{:?},\"note\":\"{}\",\"tags\":{},\
             \"created_at\":\"{}\",\"updated_at\":\"{}\"}}",
            self.id,
            self.uid,
            self.name,
            self.email,
            self.status,
            self.amount,
            self.quantity,
            self.rating,
            self.note,
            self.tags,
            self.created_at,
            self.updated_at,
        );
        text
    }

    /// As our `json` writes the document.
    pub fn document_json(&self) -> String {
        let id: String = self
            .object_id()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let time = |text: &str| format!("{}Z", text.replace(' ', "T"));
        format!(
            "{{\"_id\":\"{id}\",\"uid\":\"{}\",\"name\":\"{}\",\"email\":\"{}\",\
             \"status\":\"{}\",\"amount\":{},\"quantity\":{},\"rating\":{:?},\
             \"note\":\"{}\",\"tags\":{},\"created_at\":\"{}\",\"updated_at\":\"{}\"}}",
            self.uid,
            self.name,
            self.email,
            self.status,
            self.amount,
            self.quantity,
            self.rating,
            self.note,
            self.tags,
            time(&self.created_at),
            time(&self.updated_at),
        )
    }

    fn object_id(&self) -> [u8; 12] {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&(self.created as u32).to_be_bytes());
        id[4..].copy_from_slice(&self.id.to_be_bytes());
        id
    }

    /// As a document: the same fields, with an ObjectId for a number.
    pub fn document(&self) -> Document {
        let millis = self.created * 1_000 + i64::from(self.micros / 1_000);
        let tags: Vec<&str> = self.tags.split('"').skip(1).step_by(2).collect();
        doc! {
            "_id": ObjectId::from_bytes(self.object_id()),
            "uid": &self.uid,
            "name": &self.name,
            "email": &self.email,
            "status": self.status,
            "amount": self.amount.parse::<f64>().unwrap_or(0.0),
            "quantity": self.quantity,
            "rating": self.rating,
            "note": &self.note,
            "tags": tags,
            "created_at": DateTime::from_millis(millis),
            "updated_at": DateTime::from_millis(millis + 3_600_000),
        }
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}
