//! The TCP clients. They open connections from chosen ports, and print who has answered each:
//!
//! - get \[-w S\] VIP PORT \[COUNT\] \[GAP_S\] \[SPORT\] \[SRC\]: one request after another;
//! - hold \[-w S\] VIP PORT SECONDS \[SPORT\] \[COUNT\]: all together; each opens, waits, then asks;
//! - put \[-w S\] VIP PORT BYTES \[SPORT\]: sends so many bytes, closes its side, reads the answer.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::args::Args;
use super::resolve::resolve;
use super::server::CHUNK_BYTES;
use crate::host::net::TcpStream;
use crate::host::process::Task;
use crate::host::{Bind, Errno, Process};
use crate::time::{Span, Time};

/// The lab's tool hands all bytes to the kernel at once, which makes full segments of them. More than this comes to the same.
const SEND_BYTES: usize = 1 << 20;

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// How long the tools take from their last call to closing: longer than a round trip, as the recorder's programs do, so
/// that what routers say about the data, or a server that had already closed, comes before the end.
const BEFORE_CLOSING: Span = Span::from_millis(10);

/// What one connection sends.
#[derive(Clone, Copy)]
enum Send {
    Request,
    Bytes(usize),
}

/// What all connections of a client have in common.
#[derive(Clone)]
struct Client {
    process: Process,
    remote: SocketAddrV4,
    source: Option<Ipv4Addr>,
    first_port: u16,
    /// How long any one call may take.
    timeout: Span,
    /// How long it waits between opening and asking.
    hold: Span,
    send: Send,
}

/// Runs get.
pub fn get(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let usage = "get [-w S] VIP PORT [COUNT] [GAP_S] [SPORT] [SRC]";
        let settled = Client::from_args(&process, Args::new(&words, usage), |args, client| {
            client.first_port = args.count(4, 40_001)? as u16;
            client.source = args
                .optional(5)
                .filter(|source| !source.is_empty())
                .map(|source| client.address(source))
                .transpose()?;
            Ok((args.count(2, 1)?, args.number(3, 0.1)?))
        });
        let (client, (count, gap)) = match settled {
            Ok(settled) => settled,
            Err(why) => return fail(&process, &why),
        };
        for number in 0..count {
            client.run_one(number).await;
            client.process.sys.sleep(Span::from_secs_f64(gap)).await;
        }
        0
    })
}

/// Runs hold.
pub fn hold(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let usage = "hold [-w S] VIP PORT SECONDS [SPORT] [COUNT]";
        let settled = Client::from_args(&process, Args::new(&words, usage), |args, client| {
            client.hold = Span::from_secs_f64(args.number(2, 1.0)?);
            client.first_port = args.count(3, 45_001)? as u16;
            args.count(4, 1)
        });
        let (client, count) = match settled {
            Ok(settled) => settled,
            Err(why) => return fail(&process, &why),
        };
        client.run_together(count).await;
        0
    })
}

/// Runs put.
pub fn put(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let usage = "put [-w S] VIP PORT BYTES [SPORT]";
        let settled = Client::from_args(&process, Args::new(&words, usage), |args, client| {
            args.word(2)?;
            // Without bytes to send it asks like the others.
            client.send = match args.count(2, 0)? {
                0 => Send::Request,
                bytes => Send::Bytes(bytes as usize),
            };
            client.first_port = args.count(3, 47_001)? as u16;
            Ok(())
        });
        match settled {
            Ok((client, ())) => {
                client.run_one(0).await;
                0
            }
            Err(why) => fail(&process, &why),
        }
    })
}

fn fail(process: &Process, why: &str) -> i32 {
    process.complain(why);
    1
}

impl Client {
    fn from_args<R>(
        process: &Process,
        mut args: Args<'_>,
        rest: impl FnOnce(&Args<'_>, &mut Client) -> Result<R, String>,
    ) -> Result<(Client, R), String> {
        let timeout = args.take_timeout()?.unwrap_or(3.0);
        let mut client = Client {
            process: process.clone(),
            remote: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, args.port(1)?),
            source: None,
            first_port: 0,
            timeout: Span::from_secs_f64(timeout),
            hold: Span::ZERO,
            send: Send::Request,
        };
        client.remote.set_ip(client.address(args.word(0)?)?);
        let rest = rest(&args, &mut client)?;
        Ok((client, rest))
    }

    fn address(&self, name: &str) -> Result<Ipv4Addr, String> {
        let found = self.process.sys.with(|kernel| resolve(kernel, name));
        found.ok_or_else(|| format!("{name}: Name or service not known\n"))
    }

    /// Opens `count` connections, a twentieth of a second apart, and waits until all are done. The lab's own program looks
    /// every 20 ms whether they are: so long after the last one it ends.
    async fn run_together(&self, count: u32) {
        const LOOKS: Span = Span::from_millis(20);
        let sys = &self.process.sys;
        let mut threads = Vec::new();
        for number in 0..count {
            let client = self.clone();
            threads.push(sys.spawn_thread(|sys| {
                Box::pin(async move {
                    let client = Client { process: client.process.thread(sys), ..client };
                    client.run_one(number).await;
                    0
                })
            }));
            sys.sleep(Span::from_millis(50)).await;
        }
        let begun = sys.now();
        for thread in threads {
            sys.join(thread).await;
        }
        let over = sys.now().since(begun).as_nanos() % LOOKS.as_nanos();
        if over > 0 {
            sys.sleep(LOOKS - Span::from_nanos(over)).await;
        }
    }

    /// One connection, from the port `number` above the first, and the line about it.
    async fn run_one(&self, number: u32) {
        let port = u32::from(self.first_port) + number;
        let result = match u16::try_from(port) {
            Ok(port) => self.exchange(port).await,
            Err(_) => Err(Errno::InvalidArgument),
        };
        let text = match result {
            Ok(answer) => first_line(&answer),
            Err(Errno::WouldBlock | Errno::TimedOut) => "timeout".to_owned(),
            Err(Errno::ConnectionRefused) => "refused".to_owned(),
            Err(Errno::ConnectionReset) => "reset".to_owned(),
            Err(error) => error.to_string(),
        };
        self.process.print(&format!("{port} {text}\n"));
    }

    /// All that the server answers.
    async fn exchange(&self, port: u16) -> Result<Vec<u8>, Errno> {
        let local = Bind { address: self.source, ..Bind::port(port) };
        let sys = &self.process.sys;
        let stream = TcpStream::connect(sys, local, self.remote, self.deadline()).await?;
        sys.sleep(self.hold).await;
        match self.send {
            Send::Request => stream.write_all(REQUEST, self.deadline()).await?,
            Send::Bytes(count) => {
                self.send_filling(&stream, count).await?;
                sys.sleep(BEFORE_CLOSING).await;
                stream.shutdown()?;
            }
        }
        let mut answer = Vec::new();
        loop {
            let mut bytes = stream.read(CHUNK_BYTES, self.deadline()).await?;
            if bytes.is_empty() {
                if answer.is_empty() {
                    // The server had closed before it was asked; what was sent is being reset.
                    sys.sleep(BEFORE_CLOSING).await;
                }
                return Ok(answer);
            }
            answer.append(&mut bytes);
        }
    }

    async fn send_filling(&self, stream: &TcpStream, count: usize) -> Result<(), Errno> {
        let chunk = vec![b'z'; count.min(SEND_BYTES)];
        let deadline = self.deadline();
        let mut left = count;
        while left > 0 {
            let now = left.min(chunk.len());
            stream.write_all(&chunk[..now], deadline).await?;
            left -= now;
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.process.sys.now() + self.timeout)
    }
}

/// The first line of an HTTP answer's body, or of an answer that is no HTTP.
fn first_line(answer: &[u8]) -> String {
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer, |at| &answer[at + 4..]);
    match body.split(|&byte| byte == b'\n').next() {
        None | Some([]) => "(empty)".to_owned(),
        Some(line) => String::from_utf8_lossy(line).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_its_first_line() {
        assert_eq!(first_line(b"HTTP/1.0 200 OK\r\n\r\nrs1\nxxx"), "rs1");
        assert_eq!(first_line(b"6000\n"), "6000");
        assert_eq!(first_line(b"HTTP/1.0 200 OK\r\n\r\n"), "(empty)");
        assert_eq!(first_line(b""), "(empty)");
    }
}
