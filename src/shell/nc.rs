//! nc as OpenBSD has it: opens or awaits a connection, and passes on what comes.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use super::getopt::Getopt;
use super::services;
use crate::apps::{resolve, reverse};
use crate::host::net::{TcpListener, TcpStream, UdpSocket};
use crate::host::process::Task;
use crate::host::{Bind, Errno, Process};
use crate::time::{Span, Time};

const USAGE: &str = "\
usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
\t  [destination] [port]
";

/// Read at a time, in bytes.
const CHUNK_BYTES: usize = 16_384;

/// How often -z writes to find out whether a UDP port takes anything.
const UDP_PROBES: usize = 4;

/// What nc is asked for.
#[derive(Clone)]
struct Nc {
    process: Process,
    flags: String,
    /// For connecting, and for silence after that.
    timeout: Option<Span>,
    source: Option<Ipv4Addr>,
    local_port: u16,
}

/// Runs it.
pub(super) fn nc(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let result = match Nc::parse(&process, &args) {
            Ok((nc, words)) if nc.has('l') => nc.listen(&words).await,
            Ok((nc, words)) => nc.scan(&words).await,
            Err(why) => Err(why),
        };
        result.unwrap_or_else(|why| {
            process.complain(&why);
            1
        })
    })
}

impl Nc {
    fn parse(process: &Process, args: &[String]) -> Result<(Nc, Vec<String>), String> {
        let read = Getopt::read(args, "46CDdFhkklNnp:q:rSs:tUuvw:z").map_err(|why| why + USAGE)?;
        let mut nc = Nc { process: process.clone(), flags: String::new(), timeout: None, source: None, local_port: 0 };
        for (letter, value) in read.options {
            match letter {
                'w' => {
                    let seconds: u64 = value.parse().map_err(|_| format!("nc: timeout invalid: {value}\n"))?;
                    nc.timeout = Some(Span::from_secs(seconds));
                }
                's' => nc.source = Some(nc.resolve(value, "0")?),
                'p' => nc.local_port = port(value)?,
                letter => nc.flags.push(letter),
            }
        }
        let words: Vec<String> = read.operands.into_iter().map(str::to_owned).collect();
        if words.is_empty() && !(nc.has('l') && nc.local_port != 0) {
            return Err(if nc.has('l') { "nc: missing port number\n".to_owned() } else { USAGE.to_owned() });
        }
        Ok((nc, words))
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn protocol(&self) -> &'static str {
        if self.has('u') { "udp" } else { "tcp" }
    }

    fn resolve(&self, host: &str, port: &str) -> Result<Ipv4Addr, String> {
        let found = self.process.sys.with(|kernel| resolve(kernel, host));
        found.ok_or_else(|| format!("nc: getaddrinfo for host \"{host}\" port {port}: Name or service not known\n"))
    }

    fn say(&self, text: &str) {
        if self.has('v') {
            self.process.complain(text);
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.timeout.map(|timeout| self.process.sys.now() + timeout)
    }

    /// Tries the ports of a host; the first one that answers is talked to, unless -z only asks which do.
    async fn scan(&self, words: &[String]) -> Result<i32, String> {
        let [host, ports] = words else {
            return Err(if words.len() == 1 { "nc: missing port number\n".to_owned() } else { USAGE.to_owned() });
        };
        let (first, last) = match ports.split_once('-') {
            Some((first, last)) if !first.is_empty() => (port(first)?, port(last)?),
            _ => (port(ports)?, port(ports)?),
        };
        let address = self.resolve(host, ports)?;
        let shown = if host.parse::<Ipv4Addr>().is_ok() { host.clone() } else { format!("{host} ({address})") };
        let mut status = 1;
        for port in first.min(last)..=first.max(last) {
            let remote = SocketAddrV4::new(address, port);
            let result =
                if self.has('u') { self.talk_udp(remote, &shown).await } else { self.talk_tcp(remote, &shown).await };
            match result {
                Ok(()) => status = 0,
                Err(Errno::AddressNotAvailable | Errno::AddressInUse)
                    if self.source.is_some() || self.local_port != 0 =>
                {
                    return Err(format!("nc: bind failed: {}\n", Errno::AddressNotAvailable));
                }
                Err(error) => {
                    let why = match error {
                        Errno::WouldBlock => "timed out: Operation now in progress".to_owned(),
                        error => format!("failed: {error}"),
                    };
                    self.say(&format!("nc: connect to {shown} port {port} ({}) {why}\n", self.protocol()));
                }
            }
            if status == 0 && !self.has('z') {
                break;
            }
        }
        Ok(status)
    }

    fn local_end(&self) -> Bind {
        Bind { address: self.source, port: self.local_port, reuse: true, ..Bind::ANY }
    }

    fn announce(&self, shown: &str, port: u16) {
        let service = services::name_unless(self.has('n'), port);
        let (protocol, service) = (self.protocol(), service.unwrap_or("*"));
        self.say(&format!("Connection to {shown} {port} port [{protocol}/{service}] succeeded!\n"));
    }

    async fn talk_tcp(&self, remote: SocketAddrV4, shown: &str) -> Result<(), Errno> {
        let stream = TcpStream::connect(&self.process.sys, self.local_end(), remote, self.deadline()).await?;
        self.announce(shown, remote.port());
        if !self.has('z') {
            self.exchange(stream).await;
        }
        Ok(())
    }

    /// Passes standard input on, and prints what comes until the other side has closed or has been silent for too long.
    async fn exchange(&self, stream: TcpStream) {
        let stream = Rc::new(stream);
        let (sender, nc) = (Rc::clone(&stream), self.clone());
        self.process.sys.spawn_thread(|sys| {
            Box::pin(async move {
                while let Some(text) = nc.process.stdin.some(&sys).await {
                    if sender.write_all(text.as_bytes(), None).await.is_err() {
                        return 1;
                    }
                }
                if nc.has('N') {
                    // The connection may have gone before its input has ended.
                    let _ = sender.shutdown();
                }
                0
            })
        });
        while let Ok(bytes) = stream.read(CHUNK_BYTES, self.deadline()).await {
            if bytes.is_empty() {
                return;
            }
            self.process.print(&String::from_utf8_lossy(&bytes));
        }
    }

    async fn talk_udp(&self, remote: SocketAddrV4, shown: &str) -> Result<(), Errno> {
        let socket = UdpSocket::bind(&self.process.sys, self.local_end())?;
        socket.connect(remote)?;
        if self.has('z') {
            for _ in 0..UDP_PROBES {
                socket.send(b"X")?;
                self.process.sys.sleep(Span::from_millis(1)).await;
            }
        }
        if self.has('z') || self.has('v') {
            self.announce(shown, remote.port());
        }
        if !self.has('z') {
            while let Some(text) = self.process.stdin.some(&self.process.sys).await {
                for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
                    socket.send(chunk)?;
                }
            }
            self.print_datagrams(&socket).await;
        }
        Ok(())
    }

    async fn print_datagrams(&self, socket: &UdpSocket) {
        while let Ok(datagram) = socket.receive(self.deadline()).await {
            self.process.print(&String::from_utf8_lossy(&datagram.bytes));
        }
    }

    /// nc -l \[-p\] PORT, or nc -l ADDRESS PORT
    async fn listen(&self, words: &[String]) -> Result<i32, String> {
        let (address, word) = match words {
            [] => (None, None),
            [only] if self.local_port != 0 => (Some(self.resolve(only, "0")?), None),
            [port] => (None, Some(port)),
            [address, port, ..] => (Some(self.resolve(address, port)?), Some(port)),
        };
        let port = word.map_or(Ok(self.local_port), |word| port(word))?;
        // INADDR_ANY
        let address = address.filter(|address| !address.is_unspecified());
        let local = Bind { address, port, reuse: true, ..Bind::ANY };
        let failed = |error: Errno| format!("nc: {error}\n");
        let shown = address.unwrap_or(Ipv4Addr::UNSPECIFIED);
        if self.has('u') {
            let socket = UdpSocket::bind(&self.process.sys, local).map_err(failed)?;
            self.say(&format!("Bound on {shown} {port}\n"));
            self.print_datagrams(&socket).await;
            return Ok(0);
        }
        let listener = TcpListener::bind(&self.process.sys, local, 1).map_err(failed)?;
        self.say(&format!("Listening on {shown} {port}\n"));
        loop {
            let (stream, peer) = listener.accept(None).await.map_err(failed)?;
            let name = self.process.sys.with(|kernel| reverse(kernel, *peer.ip())).filter(|_| !self.has('n'));
            let name = name.unwrap_or_else(|| peer.ip().to_string());
            self.say(&format!("Connection received on {name} {}\n", peer.port()));
            self.exchange(stream).await;
            if !self.has('k') {
                return Ok(0);
            }
        }
    }
}

fn port(word: &str) -> Result<u16, String> {
    let number = word.parse().ok().filter(|port| *port > 0).or_else(|| services::port(word));
    number.ok_or_else(|| format!("nc: port number invalid: {word}\n"))
}
