//! httpsd PORT: answers requests with the node's name, over TLS; and what a client of it says.
//!
//! Nothing is encrypted. The handshake has the shape of TLS 1.3 on the wire (RFC 8446, figure 1): the records, their usual
//! sizes, and the round trip that they cost.

use super::args::Args;
use super::server::serve;
use crate::host::net::TcpStream;
use crate::host::process::Task;
use crate::host::{Errno, Process};
use crate::time::Time;

/// The types of records (RFC 8446, section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// What a record begins with: type, version, length.
const HEADER_BYTES: usize = 5;

/// What an encrypted record has besides its content: its real type, and the tag.
const SEAL_BYTES: usize = 17;

/// The longest content of a record.
const MAX_RECORD_BYTES: usize = 16_384;

/// ClientHello and ServerHello, by their types (RFC 8446, section 4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// Usual sizes: ClientHello, ServerHello, what the server says encrypted with a certificate of RSA 2048, Finished.
const CLIENT_HELLO_BYTES: usize = 512;
const SERVER_HELLO_BYTES: usize = 122;
const SERVER_FLIGHT_BYTES: usize = 1_250;
const FINISHED_BYTES: usize = 52;

/// Runs the server.
pub fn httpsd(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let name = process.sys.with(|kernel| kernel.name.clone());
        match Args::new(&words, "httpsd PORT").port(0) {
            Ok(port) => serve(&process, port, |stream| one(stream, name.clone())).await,
            Err(why) => {
                process.complain(&why);
                1
            }
        }
    })
}

async fn one(stream: TcpStream, name: String) -> Result<(), Errno> {
    let mut tls = Tls { stream, received: Vec::new() };
    if tls.record(None).await?.is_none_or(|(kind, content)| kind != HANDSHAKE || content.first() != Some(&CLIENT_HELLO))
    {
        // Somebody who speaks something else is told so, and that is all (unexpected_message).
        return tls.stream.write_all(&record(ALERT, &[2, 10]), None).await;
    }
    let mut flight = hello(SERVER_HELLO, SERVER_HELLO_BYTES);
    flight.extend(record(CHANGE_CIPHER_SPEC, &[1]));
    flight.extend(sealed(&vec![0; SERVER_FLIGHT_BYTES]));
    tls.stream.write_all(&flight, None).await?;
    // The client's Finished.
    if tls.content(None).await?.is_none() {
        return Ok(());
    }
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let Some(bytes) = tls.content(None).await? else { return Ok(()) };
        request.extend(bytes);
    }
    let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{name}\n", name.len() + 1);
    tls.send(answer.as_bytes(), None).await?;
    // close_notify
    tls.stream.write_all(&sealed(&[1, 0]), None).await
}

/// A connection that speaks TLS.
pub struct Tls {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Tls {
    /// Shakes hands with a server.
    ///
    /// # Errors
    ///
    /// What has become of the connection; [`Errno::WouldBlock`] at the deadline; [`Errno::InvalidArgument`] if the other side
    /// speaks no TLS.
    pub async fn connect(stream: TcpStream, deadline: Option<Time>) -> Result<Tls, Errno> {
        let mut tls = Tls { stream, received: Vec::new() };
        tls.stream.write_all(&hello(CLIENT_HELLO, CLIENT_HELLO_BYTES), deadline).await?;
        match tls.record(deadline).await? {
            Some((HANDSHAKE, content)) if content.first() == Some(&SERVER_HELLO) => {}
            _ => return Err(Errno::InvalidArgument),
        }
        tls.content(deadline).await?.ok_or(Errno::InvalidArgument)?;
        let mut finished = record(CHANGE_CIPHER_SPEC, &[1]);
        finished.extend(sealed(&[0; FINISHED_BYTES]));
        tls.stream.write_all(&finished, deadline).await?;
        Ok(tls)
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// What has become of the connection.
    pub async fn send(&self, bytes: &[u8], deadline: Option<Time>) -> Result<(), Errno> {
        for piece in bytes.chunks(MAX_RECORD_BYTES) {
            self.stream.write_all(&sealed(piece), deadline).await?;
        }
        Ok(())
    }

    /// Waits for bytes; none: the other side has said that it has sent all.
    ///
    /// # Errors
    ///
    /// What has become of the connection; [`Errno::WouldBlock`] at the deadline.
    pub async fn receive(&mut self, deadline: Option<Time>) -> Result<Vec<u8>, Errno> {
        // close_notify looks like all else from outside; inside it is two bytes.
        let content = self.content(deadline).await?;
        Ok(content.filter(|content| content.as_slice() != [1, 0]).unwrap_or_default())
    }

    /// The content of the next sealed record; none at the end of the connection or after an alert.
    async fn content(&mut self, deadline: Option<Time>) -> Result<Option<Vec<u8>>, Errno> {
        loop {
            match self.record(deadline).await? {
                Some((CHANGE_CIPHER_SPEC, _)) => {}
                Some((APPLICATION_DATA, mut content)) => {
                    content.truncate(content.len().saturating_sub(SEAL_BYTES));
                    return Ok(Some(content));
                }
                _ => return Ok(None),
            }
        }
    }

    async fn record(&mut self, deadline: Option<Time>) -> Result<Option<(u8, Vec<u8>)>, Errno> {
        loop {
            if let Some(&[kind, 3, _, high, low]) = self.received.get(..HEADER_BYTES) {
                let end = HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
                if self.received.len() >= end {
                    let content = self.received[HEADER_BYTES..end].to_vec();
                    self.received.drain(..end);
                    return Ok(Some((kind, content)));
                }
            } else if self.received.len() >= HEADER_BYTES {
                return Ok(None);
            }
            let bytes = self.stream.read(MAX_RECORD_BYTES, deadline).await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.received.extend(bytes);
        }
    }
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[kind, 3, 3, high, low], content].concat()
}

fn hello(kind: u8, len: usize) -> Vec<u8> {
    let mut content = vec![0; len];
    let [.., a, b, c] = (len - 4).to_be_bytes();
    content[..4].copy_from_slice(&[kind, a, b, c]);
    record(HANDSHAKE, &content)
}

/// A record as it looks when it is encrypted.
fn sealed(content: &[u8]) -> Vec<u8> {
    record(APPLICATION_DATA, &[content, &[0; SEAL_BYTES]].concat())
}
