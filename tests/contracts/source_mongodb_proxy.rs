//! A server between a client and MongoDB that answers as one that does not tell this user what is
//! under way, and that keeps what was asked.

use std::sync::{Arc, Mutex};

use ::mongodb::bson::doc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Runs until the test ends.
pub struct Proxy {
    /// Its own URL.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

const OP_MSG: i32 = 2013;

impl Proxy {
    /// In front of the server of `url`.
    pub async fn start(url: &str) -> Self {
        let address = url.strip_prefix("mongodb://").expect("a plain url");
        let (server, options) = address.split_once('/').expect("options");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (server, kept) = (server.to_owned(), asked.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server");
                tokio::spawn(between(client, server, kept.clone()));
            }
        });
        Self {
            url: format!("mongodb://{own}/{options}"),
            asked,
        }
    }

    /// The requests that hold this word, as far as they are text.
    pub fn asked(&self, word: &str) -> Vec<String> {
        let asked = self.asked.lock().expect("no panic");
        asked
            .iter()
            .filter(|it| it.contains(word))
            .cloned()
            .collect()
    }
}

/// One request, one answer, as the driver does it; but for its monitors, which get a stream of
/// answers to one request.
async fn between(client: TcpStream, server: TcpStream, asked: Arc<Mutex<Vec<String>>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (answers, mut answered) = tokio::sync::mpsc::channel::<Vec<u8>>(16);
    let refusals = answers.clone();
    tokio::spawn(async move {
        while let Some(message) = message(&mut from_server).await {
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
        let text = String::from_utf8_lossy(&request).into_owned();
        let refused = text.contains("$currentOp");
        asked.lock().expect("no panic").push(text);
        let sent = match refused {
            true => refusals.send(unauthorized(&request)).await.is_ok(),
            false => to_server.write_all(&request).await.is_ok(),
        };
        if !sent {
            break;
        }
    }
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
