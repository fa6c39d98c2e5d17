//! httpd PORT \[BODY_BYTES\]: answers requests with the node's name.
//!
//! It answers one a connection, and closes first; a client that asks for "Connection: Keep-Alive" may ask again.

use std::rc::Rc;

use super::args::Args;
use super::server::{CHUNK_BYTES, serve};
use crate::host::Errno;
use crate::host::Process;
use crate::host::net::TcpStream;
use crate::host::process::Task;

/// Bodies are not longer than this, so that a typing error does not eat the simulator's memory.
const MAX_BODY_BYTES: u32 = 64 << 20;

/// Runs it.
pub fn httpd(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let args = Args::new(&words, "httpd PORT [BODY_BYTES]");
        let (port, body) = match (args.port(0), args.count(1, 0)) {
            (Ok(port), Ok(body)) => (port, body.min(MAX_BODY_BYTES)),
            (Err(why), _) | (_, Err(why)) => {
                process.complain(&why);
                return 1;
            }
        };
        let name = process.sys.with(|kernel| kernel.name.clone());
        let answers = Rc::new(Answers::new(&name, body as usize));
        serve(&process, port, |stream| one(stream, Rc::clone(&answers))).await
    })
}

/// The answer to a client that asks once, and to one that will ask again.
struct Answers {
    last: Vec<u8>,
    kept_alive: Vec<u8>,
}

impl Answers {
    fn new(name: &str, body_bytes: usize) -> Answers {
        let mut body = format!("{name}\n").into_bytes();
        body.resize(body.len().max(body_bytes), b'x');
        let answer = |more: &str| {
            let head = format!("HTTP/1.0 200 OK\r\n{more}Content-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        };
        Answers { last: answer(""), kept_alive: answer("Connection: keep-alive\r\n") }
    }
}

async fn one(stream: TcpStream, answers: Rc<Answers>) -> Result<(), Errno> {
    let mut bytes = stream.read(CHUNK_BYTES, None).await?;
    while let Some(request) = Request::parse(&bytes).filter(|request| request.keeps_alive) {
        while bytes.len() < request.length {
            let more = stream.read(CHUNK_BYTES, None).await?;
            if more.is_empty() {
                return Ok(());
            }
            bytes.extend_from_slice(&more);
        }
        stream.write_all(&answers.kept_alive, None).await?;
        bytes.drain(..request.length);
        if bytes.is_empty() {
            bytes = stream.read(CHUNK_BYTES, None).await?;
        }
    }
    // Whatever came first is taken for a request.
    if !bytes.is_empty() {
        stream.write_all(&answers.last, None).await?;
    }
    Ok(())
}

/// What the server wants to know of a request.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    keeps_alive: bool,
    /// Of the head and the body.
    length: usize,
}

impl Request {
    /// None if its head is not complete.
    fn parse(bytes: &[u8]) -> Option<Request> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let header = |name: &str| {
            let mut headers = head.lines().filter_map(|line| line.split_once(':'));
            headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let body = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0_usize);
        Some(Request {
            keeps_alive: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")),
            length: (end + 4).saturating_add(body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_name_and_filling() {
        assert_eq!(Answers::new("rs1", 0).last, b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nrs1\n");
        assert_eq!(Answers::new("rs1", 6).last, b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nrs1\nxx");
        let kept = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nrs1\n";
        assert_eq!(Answers::new("rs1", 0).kept_alive, kept);
    }

    #[test]
    fn a_client_may_ask_for_more() {
        let parse = |text: &str| Request::parse(text.as_bytes());
        assert_eq!(parse("GET / HTTP/1.0\r\n"), None);
        assert_eq!(parse("GET / HTTP/1.0\r\n\r\n"), Some(Request { keeps_alive: false, length: 18 }));
        let more = "POST / HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-length: 3\r\n\r\nabc";
        assert_eq!(parse(more), Some(Request { keeps_alive: true, length: more.len() }));
    }
}
