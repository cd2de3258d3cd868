//! A door between Highwater and the brokers: shut, the brokers are gone; open, they are back.
//!
//! Brokers tell clients their own addresses. On the way through, the door puts its own in their
//! place, so that no client goes round it.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
};

use crate::kafka::Kafka;

/// A way to each broker, and nobody else's.
pub struct Door {
    ways: Vec<Way>,
    names: Arc<[Name]>,
}

/// The way to one broker.
struct Way {
    /// Where it is: `host:port`.
    broker: String,
    /// Our port in front of it.
    port: u16,
    open: Option<JoinHandle<()>>,
    /// Keeps the port for us while nobody listens there.
    kept: Option<TcpSocket>,
}

/// A broker's address as it stands in an answer, and ours, which is as long.
struct Name {
    advertised: Vec<u8>,
    ours: Vec<u8>,
}

impl Door {
    /// An open door before these brokers.
    ///
    /// # Errors
    /// They do not answer, or no port is free.
    pub async fn before(kafka: &Kafka) -> Result<Self> {
        let (mut ways, mut names) = (Vec::new(), Vec::new());
        for (host, port) in kafka.advertised()? {
            let kept = keep(0)?;
            let ours = kept.local_addr()?.port();
            let loopback = loopback(host.len())
                .with_context(|| format!("{host} is too short a name to be replaced"))?;
            names.push(Name {
                advertised: [host.as_bytes(), &port.to_be_bytes()].concat(),
                ours: [loopback.as_bytes(), &i32::from(ours).to_be_bytes()].concat(),
            });
            ways.push(Way {
                broker: format!("{host}:{port}"),
                port: ours,
                open: None,
                kept: Some(kept),
            });
        }
        let mut door = Self {
            ways,
            names: names.into(),
        };
        door.open().await?;
        Ok(door)
    }

    /// What a client has to name as its brokers.
    pub fn brokers(&self) -> String {
        let ways = self.ways.iter();
        let all: Vec<_> = ways.map(|it| format!("127.0.0.1:{}", it.port)).collect();
        all.join("\", \"")
    }

    /// Cuts every connection and refuses new ones.
    ///
    /// # Errors
    /// A port is lost.
    pub async fn shut(&mut self) -> Result<()> {
        for way in &mut self.ways {
            if let Some(open) = way.open.take() {
                open.abort();
                // That it was aborted is its only answer; then its listener is gone.
                let _ = open.await;
                way.kept = Some(keep(way.port)?);
            }
        }
        Ok(())
    }

    /// Lets clients through again, at the same address.
    ///
    /// # Errors
    /// A port is lost.
    pub async fn open(&mut self) -> Result<()> {
        for way in &mut self.ways {
            if let Some(kept) = way.kept.take() {
                let listener = kept.listen(64)?;
                let (broker, names) = (way.broker.clone(), self.names.clone());
                way.open = Some(tokio::spawn(let_through(listener, broker, names)));
            }
        }
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        for open in self.ways.iter().filter_map(|it| it.open.as_ref()) {
            open.abort();
        }
    }
}

/// A port at which connections are refused until somebody listens.
fn keep(port: u16) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were cut a moment ago do not stand in the way.
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}

/// Dropped with its connections.
async fn let_through(listener: TcpListener, broker: String, names: Arc<[Name]>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (broker, names) = (broker.clone(), names.clone());
        connections.spawn(async move {
            // One that ends by an error has ended: clients see that by themselves.
            let _ = connect(client, &broker, &names).await;
        });
    }
}

async fn connect(client: TcpStream, broker: &str, names: &[Name]) -> Result<()> {
    let broker = TcpStream::connect(broker).await?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (mut asking, mut answered) = client.into_split();
    let (answering, mut asked) = broker.into_split();
    tokio::select! {
        ended = copy(&mut asking, &mut asked) => ended.map(drop)?,
        ended = answers(answering, &mut answered, names) => ended?,
    }
    Ok(())
}

/// Whole answers, so that an address never lies across two reads.
async fn answers(mut from: OwnedReadHalf, to: &mut OwnedWriteHalf, names: &[Name]) -> Result<()> {
    loop {
        let length = from.read_u32().await?;
        let mut answer = vec![0; usize::try_from(length)?];
        from.read_exact(&mut answer).await?;
        for name in names {
            replace(&mut answer, name);
        }
        to.write_u32(length).await?;
        to.write_all(&answer).await?;
    }
}

fn replace(answer: &mut [u8], name: &Name) {
    let length = name.advertised.len();
    let mut at = 0;
    while let Some(there) = answer.get_mut(at..at + length) {
        if there == name.advertised {
            there.copy_from_slice(&name.ours);
        }
        at += 1;
    }
}

/// A way of writing 127.0.0.1 that is `length` characters long: zeros may stand before a number,
/// and the last one may fill all that is left.
fn loopback(length: usize) -> Option<String> {
    let (start, least) = if length < 9 {
        ("127.", 5)
    } else {
        ("127.0.0.", 9)
    };
    let zeros = length.checked_sub(least)?;
    Some(format!("{start}{}1", "0".repeat(zeros)))
}
