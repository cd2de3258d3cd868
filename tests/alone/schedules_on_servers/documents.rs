//! Schedules of writers and killed readers on MongoDB, each in a database of its own.

use std::time::Duration;

use super::{Reading, address, own_name};
use crate::schedules::{
    Begin, Schedule, Statement, TableLock,
    schedule::HOT,
    writing::{Server, Session},
};
use ::mongodb::{
    ClientSession, Collection,
    bson::{Bson, DateTime, Document, doc, oid::ObjectId},
    error::Error,
};
use async_trait::async_trait;
use highwater::{
    connect::mongodb::{MongodbConnection, MongodbSettings, open as connect},
    source::{
        HoldBack, Late, ReadLimits, Sharing, Source,
        mongodb::scan::{MongodbScan, MongodbScanSettings},
    },
};

/// What a client's statement takes between its clock and the server, on a busy machine.
const COMMIT_DELAY: Duration = Duration::from_secs(4);

pub struct Documents {
    connection: MongodbConnection,
    is_date: bool,
    limits: ReadLimits,
    reading: Reading,
}

impl Documents {
    pub async fn open(schedule: &Schedule, reading: Reading) -> Self {
        let settings = MongodbSettings {
            url: address("HIGHWATER_TEST_MONGODB_URL").into(),
            database: Some(own_name()),
        };
        let connection = connect("crawler", &settings).await;
        let connection = connection.expect("the server answers");
        let is_date = schedule.seed.is_multiple_of(2);
        let hot = (1..=HOT).map(|id| document(id, id, is_date));
        let documents = connection.database().collection("t");
        documents.insert_many(hot).await.expect("inserted");
        let index = doc! { "createIndexes": "t", "indexes": [
            { "key": { "at": 1, "_id": 1 }, "name": "at" },
        ] };
        let made = connection.database().run_command(index).await;
        made.expect("made");
        Self {
            connection,
            is_date,
            reading,
            limits: ReadLimits {
                rows: schedule.batch,
                bytes: 1 << 20,
                max_wait: Duration::from_millis(50),
            },
        }
    }

    fn documents(&self) -> Collection<Document> {
        self.connection.database().collection("t")
    }
}

fn document(id: i64, stamp: i64, is_date: bool) -> Document {
    doc! { "_id": id, "id": id, "at": value(is_date), "stamp": stamp }
}

/// As clients take it: by their own clock.
fn value(is_date: bool) -> Bson {
    if is_date {
        DateTime::now().into()
    } else {
        ObjectId::new().into()
    }
}

#[async_trait]
impl Server for Documents {
    fn source(&self) -> Box<dyn Source> {
        let settings = MongodbScanSettings {
            collection: "t".to_owned(),
            incremental: "at".to_owned(),
            key: None,
            limits: self.limits,
            poll: Duration::from_millis(50),
            late: match self.reading {
                Reading::Held => Late::HoldBack(HoldBack {
                    max_commit_delay: Some(COMMIT_DELAY),
                    clock_skew: Duration::ZERO,
                }),
                Reading::Careless => Late::None,
            },
            sharing: Sharing::with_workers(1),
            rules: Default::default(),
        };
        Box::new(MongodbScan::new(self.connection.clone(), &settings))
    }

    async fn session(&self) -> Box<dyn Session> {
        let client = self.connection.database().client();
        Box::new(DocumentSession {
            session: client.start_session().await.expect("a session"),
            documents: self.documents(),
            is_date: self.is_date,
            is_open: false,
        })
    }

    /// Nobody locks a collection here.
    async fn lock_table(&self, _lock: TableLock) {}

    async fn rows(&self) -> Vec<(i64, i64)> {
        let mut found = self.documents().find(doc! {}).await.expect("found");
        let mut rows = Vec::new();
        while found.advance().await.expect("read") {
            let row = found.deserialize_current().expect("a document");
            let number = |name| row.get_i64(name).expect("a number");
            rows.push((number("_id"), number("stamp")));
        }
        rows
    }

    async fn close(&self) {
        let dropped = self.connection.database().drop().await;
        dropped.expect("dropped");
    }
}

struct DocumentSession {
    session: ClientSession,
    documents: Collection<Document>,
    is_date: bool,
    is_open: bool,
}

impl DocumentSession {
    async fn write_one(
        &mut self,
        id: i64,
        stamp: i64,
        slow: Duration,
        is_null: bool,
    ) -> Result<(), Error> {
        if !self.is_open && !slow.is_zero() && !is_null {
            return self.write_slowly(id, stamp, slow).await;
        }
        let mut new = document(id, stamp, self.is_date);
        if is_null {
            new.insert("at", Bson::Null);
        }
        let replace = self.documents.replace_one(doc! { "_id": id }, new);
        let replace = replace.upsert(true);
        if self.is_open {
            replace.session(&mut self.session).await.map(drop)
        } else {
            replace.await.map(drop)
        }
    }

    /// One write of the server's that takes long, with the value of its beginning.
    async fn write_slowly(&self, id: i64, stamp: i64, slow: Duration) -> Result<(), Error> {
        let body = format!("function() {{ sleep({}); return 1; }}", slow.as_millis());
        let sleep = doc! { "$function": { "body": body, "args": [], "lang": "js" } };
        let new = doc! { "id": id, "stamp": stamp, "at": value(self.is_date), "slept": sleep };
        let update = vec![doc! { "$set": new }];
        let update = self.documents.update_one(doc! { "_id": id }, update);
        update.upsert(true).await.map(drop)
    }
}

#[async_trait]
impl Session for DocumentSession {
    async fn begin(&mut self, begin: Begin) {
        self.is_open = begin != Begin::Autocommit;
        if self.is_open {
            self.session.start_transaction().await.expect("begun");
            // It begins with this; values are taken behind it.
            let none = self.documents.find_one(doc! { "_id": "none" });
            none.session(&mut self.session).await.expect("read");
        }
    }

    async fn write(&mut self, statement: &Statement) -> bool {
        for (id, stamp) in &statement.rows {
            if let Err(error) = self
                .write_one(*id, *stamp, statement.slow, statement.is_null)
                .await
            {
                // Another transaction has it.
                let said = error.to_string();
                assert!(said.contains("rite"), "{said}");
                return false;
            }
            if self.is_open && !statement.slow.is_zero() {
                tokio::time::sleep(statement.slow).await;
            }
        }
        true
    }

    async fn commit(&mut self) {
        if std::mem::take(&mut self.is_open) {
            let committed = self.session.commit_transaction().await;
            committed.expect("committed");
        }
    }

    async fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_open) {
            // It may have ended itself.
            let _ = self.session.abort_transaction().await;
        }
    }
}
