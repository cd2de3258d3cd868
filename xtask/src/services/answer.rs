//! Whether a server answers, asked in its own protocol and without its client.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// MySQL and MariaDB speak first: a packet whose fifth byte is the protocol's version, 10.
pub fn mysql(port: u16) -> bool {
    let greeting = || {
        let mut start = [0; 5];
        connect(port)?.read_exact(&mut start)?;
        Ok(start[4] == 10)
    };
    is_yes(greeting())
}

/// Kafka answers `ApiVersions` once the broker is registered and serves requests.
pub fn kafka(port: u16) -> bool {
    let versions = || {
        let mut stream = connect(port)?;
        // Length 10, key 18 (ApiVersions), version 0, correlation 7, no client id.
        stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])?;
        let mut reply = [0; 10];
        stream.read_exact(&mut reply)?;
        Ok(reply[4..] == [0, 0, 0, 7, 0, 0])
    };
    is_yes(versions())
}

pub fn redis(port: u16) -> bool {
    let ping = || {
        let mut stream = connect(port)?;
        stream.write_all(b"PING\r\n")?;
        let mut reply = [0; 7];
        stream.read_exact(&mut reply)?;
        Ok(&reply == b"+PONG\r\n")
    };
    is_yes(ping())
}

/// A connection to a port of 127.0.0.1 that gives up after five silent seconds.
///
/// # Errors
/// Nobody listens there.
pub fn connect(port: u16) -> Result<TcpStream> {
    let patience = Duration::from_secs(5);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

fn is_yes(answer: Result<bool>) -> bool {
    answer.unwrap_or(false)
}
