//! httpd PORT \[BODY_BYTES\] \[DELAY_S\]: answers requests with the node's name.
//!
//! It answers one a connection, and closes first; a client that asks for "Connection: Keep-Alive" may ask again. One program
//! serves all connections, so that those that are merely open cost little.

use std::collections::VecDeque;

use super::args::Args;
use super::server::{BACKLOG, CHUNK_BYTES};
use crate::host::net::{TcpListener, TcpStream};
use crate::host::process::{Sys, Task};
use crate::host::{Bind, Errno, Process, SocketId};
use crate::time::{Span, Time};

/// Bodies are not longer than this, so that a typing error does not eat the simulator's memory.
const MAX_BODY_BYTES: u32 = 64 << 20;

/// Runs it.
pub fn httpd(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let args = Args::new(&words, "httpd PORT [BODY_BYTES] [DELAY_S]");
        let (port, body, delay) = match (args.port(0), args.count(1, 0), args.number(2, 0.0)) {
            (Ok(port), Ok(body), Ok(delay)) => (port, body.min(MAX_BODY_BYTES), Span::from_secs_f64(delay)),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => {
                process.complain(&why);
                return 1;
            }
        };
        let name = process.sys.with(|kernel| kernel.name.clone());
        let answers = Answers::new(&name, body as usize);
        match Server::new(&process.sys, port, answers, delay) {
            Ok(mut server) => server.serve().await,
            Err(error) => {
                process.complain(&format!("OSError: {error}\n"));
                1
            }
        }
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

/// The server, and all that it is talking to.
struct Server {
    sys: Sys,
    listener: TcpListener,
    answers: Answers,
    /// By the numbers of their sockets, in the order of which they are closed when the server is killed.
    conversations: Vec<Option<Conversation>>,
    /// How long an answer takes.
    delay: Span,
    /// When answers are ready, the earliest first.
    ready: VecDeque<(Time, SocketId)>,
}

impl Server {
    fn new(sys: &Sys, port: u16, answers: Answers, delay: Span) -> Result<Server, Errno> {
        let listener = TcpListener::bind(sys, Bind::port(port), BACKLOG)?;
        Ok(Server { sys: sys.clone(), listener, answers, conversations: Vec::new(), delay, ready: VecDeque::new() })
    }

    /// Serves until it is killed.
    async fn serve(&mut self) -> i32 {
        self.sys.watch(self.listener.id());
        loop {
            for socket in self.sys.take_ready() {
                if socket == self.listener.id() { self.accept() } else { self.go_on(socket) }
            }
            let now = self.sys.now();
            while let Some((_, socket)) = self.ready.pop_front_if(|(at, _)| *at <= now) {
                self.go_on(socket);
            }
            self.sys.wait(&[], self.ready.front().map(|(at, _)| *at)).await;
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.try_accept() {
            let socket = stream.id();
            self.sys.watch(socket);
            let place = socket.0 as usize;
            if place >= self.conversations.len() {
                self.conversations.resize_with(place + 1, || None);
            }
            self.conversations[place] = Some(Conversation { stream, exchange: None });
            self.go_on(socket);
        }
    }

    fn go_on(&mut self, socket: SocketId) {
        let now = self.sys.now();
        let Some(place) = self.conversations.get_mut(socket.0 as usize) else { return };
        let Some(conversation) = place else { return };
        let was_answering = conversation.answering().is_some();
        // One that breaks is over, and nothing else is.
        if conversation.go_on(&self.answers, now, self.delay) != Err(Errno::WouldBlock) {
            self.sys.unwatch(socket);
            *place = None;
        } else if let Some(answering) = conversation.answering().filter(|it| !was_answering && it.ready > now) {
            self.ready.push_back((answering.ready, socket));
        }
    }
}

/// A connection. There may be a million, most of them silent.
struct Conversation {
    stream: TcpStream,
    /// None while nothing of a request has come.
    exchange: Option<Box<Exchange>>,
}

/// A request and its answer, as far as they have got.
#[derive(Default)]
struct Exchange {
    request: Vec<u8>,
    answering: Option<Answering>,
}

/// An answer that is being written.
struct Answering {
    keeps_alive: bool,
    written: usize,
    ready: Time,
}

impl Conversation {
    fn answering(&self) -> Option<&Answering> {
        self.exchange.as_ref()?.answering.as_ref()
    }

    /// Goes on until there is nothing more to be said, or until it would have to wait.
    fn go_on(&mut self, answers: &Answers, now: Time, delay: Span) -> Result<(), Errno> {
        let result = self.exchange.get_or_insert_default().go_on(&self.stream, answers, now, delay);
        self.exchange.take_if(|exchange| exchange.is_idle());
        result
    }
}

impl Exchange {
    fn is_idle(&self) -> bool {
        self.request.is_empty() && self.answering.is_none()
    }

    fn go_on(&mut self, stream: &TcpStream, answers: &Answers, now: Time, delay: Span) -> Result<(), Errno> {
        loop {
            if let Some(Answering { keeps_alive, written, ready }) = &mut self.answering {
                if now < *ready {
                    return Err(Errno::WouldBlock);
                }
                let answer = if *keeps_alive { &answers.kept_alive } else { &answers.last };
                while *written < answer.len() {
                    *written += stream.try_write(&answer[*written..])?;
                }
                if !*keeps_alive {
                    return Ok(());
                }
                self.answering = None;
            }
            if self.request.is_empty() || !self.take_request(now + delay) {
                let mut bytes = stream.try_read(CHUNK_BYTES)?;
                if bytes.is_empty() {
                    return Ok(());
                }
                self.request.append(&mut bytes);
                self.take_request(now + delay);
            }
        }
    }

    /// Begins to answer what has come, unless more of it is to come.
    fn take_request(&mut self, ready: Time) -> bool {
        // Whatever comes first is taken for a request.
        let request = Request::parse(&self.request).unwrap_or(Request { keeps_alive: false, length: 0 });
        if request.keeps_alive && self.request.len() < request.length {
            return false;
        }
        self.request = self.request.split_off(request.length.min(self.request.len()));
        self.answering = Some(Answering { keeps_alive: request.keeps_alive, written: 0, ready });
        true
    }
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
