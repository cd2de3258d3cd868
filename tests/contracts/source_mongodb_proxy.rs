//! A server between a client and MongoDB that answers as one that does not tell this user what is
//! under way, and that keeps what was asked.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use ::mongodb::bson::{Document, Timestamp, doc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Runs until the test ends.
pub struct Proxy {
    /// Its own URL.
    pub url: String,
    log: Log,
}

/// In the order in which they came.
type Log = Arc<Mutex<Vec<Entry>>>;

/// What was asked and answered about times.
#[derive(Debug, Clone)]
pub enum Entry {
    /// The client asked for the server's clock, and was told that this was the last operation.
    Look(Timestamp),
    /// It asked for a page.
    Page(Document),
}

const OP_MSG: i32 = 2013;

impl Proxy {
    /// In front of the server of `url`.
    pub async fn start(url: &str) -> Self {
        let address = url.strip_prefix("mongodb://").expect("a plain url");
        let (server, options) = address.split_once('/').expect("options");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address");
        let log = Log::default();
        let (server, kept) = (server.to_owned(), log.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server");
                tokio::spawn(between(client, server, kept.clone()));
            }
        });
        Self {
            url: format!("mongodb://{own}/{options}"),
            log,
        }
    }

    /// What has been asked and answered.
    pub fn log(&self) -> Vec<Entry> {
        self.log.lock().expect("no panic").clone()
    }
}

/// One request, one answer, as the driver does it; but for its monitors, which get a stream of
/// answers to one request.
async fn between(client: TcpStream, server: TcpStream, log: Log) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (answers, mut answered) = tokio::sync::mpsc::channel::<Vec<u8>>(16);
    let refusals = answers.clone();
    let looks = Arc::new(AtomicBool::new(false));
    let (looked, answer_log) = (looks.clone(), log.clone());
    tokio::spawn(async move {
        while let Some(message) = message(&mut from_server).await {
            if looked.swap(false, Ordering::SeqCst) {
                let time = body(&message).and_then(|it| it.get_timestamp("operationTime").ok());
                let entry = time.map(Entry::Look).expect("a replica set says its time");
                answer_log.lock().expect("no panic").push(entry);
            }
            if answers.send(message).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(message) = answered.recv().await {
            if to_client.write_all(&message).await.is_err() {
                break;
            }
        }
    });
    while let Some(request) = message(&mut from_client).await {
        let asked = body(&request).unwrap_or_default();
        let refused = format!("{asked}").contains("$currentOp");
        // The driver's monitors ask without a session.
        looks.store(
            asked.contains_key("hello") && asked.contains_key("lsid"),
            Ordering::SeqCst,
        );
        if asked.contains_key("find") && asked.contains_key("batchSize") {
            log.lock().expect("no panic").push(Entry::Page(asked));
        }
        let sent = if refused {
            refusals.send(unauthorized(&request)).await.is_ok()
        } else {
            to_server.write_all(&request).await.is_ok()
        };
        if !sent {
            break;
        }
    }
}

/// The document of a message without further sections.
fn body(message: &[u8]) -> Option<Document> {
    Document::from_reader(message.get(16 + 4 + 1..)?).ok()
}

/// A whole message with its header; `None` at the end.
async fn message(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.ok()?;
    let whole = usize::try_from(i32::from_le_bytes(length)).ok()?;
    let mut message = length.to_vec();
    message.resize(whole, 0);
    stream.read_exact(&mut message[4..]).await.ok()?;
    Some(message)
}

/// As a server with access control answers.
fn unauthorized(request: &[u8]) -> Vec<u8> {
    let error = "not authorized on admin to execute command";
    let body = doc! { "ok": 0.0, "errmsg": error, "code": 13, "codeName": "Unauthorized" };
    let body = body.to_vec().expect("it is valid");
    let mut answer = Vec::new();
    answer.extend((16 + 4 + 1 + body.len() as i32).to_le_bytes());
    answer.extend(1_i32.to_le_bytes());
    answer.extend(&request[4..8]);
    answer.extend(OP_MSG.to_le_bytes());
    answer.extend([0; 5]);
    answer.extend(body);
    answer
}
