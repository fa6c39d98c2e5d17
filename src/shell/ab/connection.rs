//! One of the connections that are open at the same time, and what ab knows of its request.

use std::net::SocketAddrV4;

use super::Failure;
use super::run::{Run, Sample};
use crate::host::net::TcpStream;
use crate::host::process::Sys;
use crate::host::{Bind, Errno};
use crate::time::{Span, Time};

/// Read at a time, in bytes.
const BUFFER_BYTES: usize = 8192;
/// Headers are not longer than this (CBUFFSIZE).
const HEADER_BYTES: usize = 2048;

/// What ab keeps of a connection (struct connection). Times outlive their request: some are shown for one that has none.
#[derive(Default)]
pub(super) struct Connection {
    start: Time,
    connected: Time,
    written: Time,
    first_byte: Time,
    /// The answer so far, until its header is complete.
    header: Vec<u8>,
    has_header: bool,
    /// Bytes that have been read, and those of them that belong to the body.
    read: u64,
    body: u64,
    /// The server keeps the connection open after so many bytes of body.
    keep_alive: Option<u64>,
}

/// What comes after a step.
enum Next {
    /// Another connection is opened in place of this one.
    Reconnect,
    /// Another request goes over the same connection.
    Reuse,
}

impl Connection {
    /// Makes requests until there are enough.
    pub async fn work(mut self, run: &Run, sys: &Sys, local: Bind, remote: SocketAddrV4) -> Result<(), Failure> {
        while run.wants_more() {
            self.begin(sys.now());
            run.figures.borrow_mut().last = sys.now();
            let stream = match TcpStream::connect(sys, local, remote, None).await {
                Ok(stream) => stream,
                Err(error) if error != Errno::ConnectionRefused && sys.now() == self.start => {
                    run.connect_failed(error)?;
                    continue;
                }
                Err(error) => {
                    self.broken(run, error, sys.now())?;
                    continue;
                }
            };
            run.touch(sys.now());
            if self.converse(run, sys, stream).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn begin(&mut self, now: Time) {
        self.start = now;
        self.forget_answer();
    }

    fn forget_answer(&mut self) {
        (self.read, self.body, self.keep_alive, self.has_header) = (0, 0, None, false);
        self.header.clear();
    }

    /// Requests and answers over one connection. Whether there are enough of them.
    async fn converse(&mut self, run: &Run, sys: &Sys, stream: TcpStream) -> Result<bool, Failure> {
        loop {
            if !run.wants_more() {
                // It stays open until the program ends.
                run.idle.borrow_mut().push(stream);
                return Ok(true);
            }
            self.connected = sys.now();
            let deadline = self.connected + run.options.timeout;
            if let Err(error) = stream.write_all(&run.request, Some(deadline)).await {
                run.write_failed(error);
                self.close(run, sys.now());
                return Ok(false);
            }
            self.written = sys.now();
            run.sent(self.written);
            match self.answer(run, sys, &stream).await? {
                Next::Reuse => self.forget_answer(),
                Next::Reconnect => return Ok(false),
            }
            self.start = sys.now();
        }
    }

    /// Reads one answer (read_connection).
    async fn answer(&mut self, run: &Run, sys: &Sys, stream: &TcpStream) -> Result<Next, Failure> {
        loop {
            let bytes = match stream.read(BUFFER_BYTES, None).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.broken(run, error, sys.now())?;
                    return Ok(Next::Reconnect);
                }
            };
            run.touch(sys.now());
            if bytes.is_empty() {
                run.figures.borrow_mut().good += 1;
                self.close(run, sys.now());
                return Ok(Next::Reconnect);
            }
            if self.read == 0 {
                self.first_byte = sys.now();
            }
            self.read += bytes.len() as u64;
            run.figures.borrow_mut().read += bytes.len() as u64;
            if !self.take(run, &bytes)? {
                return Ok(Next::Reconnect);
            }
            if self.keep_alive.is_some_and(|length| self.body >= length) {
                run.figures.borrow_mut().good += 1;
                run.check_length(self.body);
                run.figures.borrow_mut().kept_alive += 1;
                run.completed(self.sample(sys.now()));
                run.figures.borrow_mut().last = sys.now();
                return Ok(Next::Reuse);
            }
        }
    }

    /// Takes in what came. Not if it has a header without an end.
    fn take(&mut self, run: &Run, bytes: &[u8]) -> Result<bool, Failure> {
        if self.has_header {
            self.body += bytes.len() as u64;
            run.figures.borrow_mut().body += bytes.len() as u64;
            return Ok(true);
        }
        let room = (HEADER_BYTES - 1).saturating_sub(self.header.len());
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.header.extend_from_slice(head);
        run.say(2, || format!("LOG: header received:\n{}\n", String::from_utf8_lossy(&self.header)));
        let end = find(&self.header, b"\r\n\r\n").map(|at| (at, 4)).or(find(&self.header, b"\n\n").map(|at| (at, 2)));
        let Some((end, length)) = end else {
            if self.header.len() < HEADER_BYTES - 1 {
                return Ok(true);
            }
            run.bad_header()?;
            return Ok(false);
        };
        self.has_header = true;
        self.body = (self.header.len() - end - length + rest.len()) as u64;
        self.header.truncate(end);
        let header = String::from_utf8_lossy(&self.header);
        if run.options.keep_alive && find_ignoring_case(&header, "Keep-Alive").is_some() {
            let announced = find_ignoring_case(&header, "Content-Length:").filter(|_| run.options.method != "HEAD");
            let digits = announced.map_or("", |rest| rest.trim_start());
            let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
            self.keep_alive = Some(digits.parse().unwrap_or(0));
        }
        run.header_came(&header, self.body);
        Ok(true)
    }

    /// The connection has broken, or never came about.
    fn broken(&mut self, run: &Run, error: Errno, now: Time) -> Result<(), Failure> {
        run.receive_failed(error)?;
        self.close(run, now);
        run.poll_failed();
        Ok(())
    }

    /// close_connection
    fn close(&mut self, run: &Run, now: Time) {
        if self.read == 0 && self.keep_alive.is_some() {
            // The server has closed a connection that nobody used any more.
            let good = &mut run.figures.borrow_mut().good;
            *good = good.saturating_sub(1);
            return;
        }
        run.check_length(self.body);
        run.completed(self.sample(now));
        run.figures.borrow_mut().last = now;
    }

    fn sample(&self, now: Time) -> Sample {
        let micros = |span: Span| span.as_nanos() / 1000;
        Sample {
            connect: micros(self.connected.since(self.start)),
            total: micros(now.since(self.start)),
            wait: micros(self.first_byte.since(self.written)),
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// What follows a part of a text, whatever the case of its letters.
pub(super) fn find_ignoring_case<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    let at = text.as_bytes().windows(part.len()).position(|window| window.eq_ignore_ascii_case(part.as_bytes()))?;
    text.get(at + part.len()..)
}
