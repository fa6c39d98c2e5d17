//! Questions to servers: check_tcp.c, check_http.c and their like.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use super::{Process, script};
use crate::apps::Tls;
use crate::host::net::{TcpStream, UdpSocket};
use crate::host::{Bind, Errno, Flow, RawBind, RawSocket};
use crate::keepalived::check::{Answer, Failure};
use crate::keepalived::conf::{Checker, CheckerKind, HttpCheck, HttpProtocol, Server, Service, UdpCheck, Url};
use crate::keepalived::vrrp::Outcome;
use crate::time::{Span, Time};
use crate::wire::{build, proto};

/// What is sent where nothing else is asked for (set_buf).
const FILLER: &[u8] = b"keepalived check - ";

/// How much of it.
const FILLER_LEN: usize = 128;

/// How much of a page is looked at.
const MAX_PAGE: usize = 1 << 20;

/// What a checker wants to know.
pub struct Question<'a> {
    pub service: &'a Service,
    pub server: &'a Server,
    pub checker: &'a Checker,
    /// Which page.
    pub page: usize,
}

impl Question<'_> {
    /// Asks a server once; each step may take this long.
    pub async fn ask(&self, process: &Process, timeout: Span) -> Answer {
        if let CheckerKind::Misc { path, .. } = &self.checker.kind {
            return match script::run(process, path, process.sys.now() + timeout).await {
                Outcome::Exited(status) => Answer::Exited(status),
                Outcome::TimedOut => Answer::TimedOut,
            };
        }
        let Some(to) = self.to() else { return Answer::Bad(Failure::Refused) };
        let step = Step { process, local: self.local(process), to, timeout };
        match &self.checker.kind {
            CheckerKind::Tcp => step.connect().await.map_or_else(Answer::Bad, |_| Answer::Good("")),
            CheckerKind::Http(http) => self.http(http, &step).await.unwrap_or_else(Answer::Bad),
            CheckerKind::Udp(udp) => step.udp(udp).await,
            CheckerKind::Ping => step.ping().await,
            CheckerKind::Smtp { helo } => step.smtp(helo).await,
            CheckerKind::Dns { name, record } => step.dns(name, *record).await,
            CheckerKind::Misc { .. } | CheckerKind::File { .. } | CheckerKind::Bfd { .. } => Answer::Good(""),
        }
    }

    /// None for an address of IPv6.
    fn to(&self) -> Option<SocketAddrV4> {
        match self.checker.to {
            Some(SocketAddr::V4(to)) => Some(to),
            _ => None,
        }
    }

    /// bindto, bind_port, bind_if
    fn local(&self, process: &Process) -> Bind {
        let address = match self.checker.bind_to {
            Some(IpAddr::V4(ip)) => Some(ip),
            _ => None,
        };
        let interface =
            |name: &String| process.sys.with(|kernel| kernel.interface(name).map(|interface| interface.index));
        let device = self.checker.bind_if.as_ref().and_then(interface);
        Bind {
            address,
            port: self.checker.bind_port.unwrap_or(0),
            device,
            mark: self.checker.mark.unwrap_or(0),
            ..Bind::ANY
        }
    }

    async fn http(&self, http: &HttpCheck, step: &Step<'_>) -> Result<Answer, Failure> {
        let Some(url) = http.urls.get(self.page) else { return Ok(Answer::Good("HTTP status code")) };
        let stream = step.connect().await?;
        let host = [&url.virtualhost, &http.virtualhost, &self.server.virtualhost, &self.service.virtualhost];
        let host = host.into_iter().find_map(Option::clone).unwrap_or_else(|| step.to.to_string());
        let (version, close) = match http.protocol {
            HttpProtocol::V10 => (0, ""),
            HttpProtocol::V10Close => (0, "Connection: close\r\n"),
            HttpProtocol::V11 => (1, "Connection: close\r\n"),
        };
        let path = &url.path;
        let request =
            format!("GET {path} HTTP/1.{version}\r\nUser-Agent: KeepAliveClient\r\n{close}Host: {host}\r\n\r\n");
        let said = |text: &str| Failure::Said(text.to_owned());
        let mut channel = Channel::open(stream, http.is_tls, step.deadline()).await.map_err(|error| match error {
            Errno::WouldBlock => said("Timeout connecting"),
            _ => said("SSL handshake/communication error connecting to"),
        })?;
        let sent = channel.send(request.as_bytes(), step.deadline()).await;
        sent.map_err(|_| said("Cannot send get request to"))?;
        let mut page = Vec::new();
        loop {
            // The time is counted anew for each piece.
            let bytes = match channel.receive(step.deadline()).await {
                Ok(bytes) => bytes,
                Err(Errno::WouldBlock) if page.is_empty() => return Err(said("Timeout WEB read")),
                Err(Errno::WouldBlock) if http.is_tls => return Err(said("Timeout SSL read")),
                Err(Errno::WouldBlock) => return Err(said("Timeout HTTP read")),
                Err(_) => return Err(said("Read error with")),
            };
            if bytes.is_empty() {
                break;
            }
            if page.len() < MAX_PAGE {
                page.extend_from_slice(&bytes);
            }
        }
        judge(url, &page).map_err(said)
    }
}

/// What HTTP is spoken over.
enum Channel {
    Plain(TcpStream),
    Tls(Tls),
}

impl Channel {
    async fn open(stream: TcpStream, is_tls: bool, deadline: Option<Time>) -> Result<Channel, Errno> {
        Ok(if is_tls { Channel::Tls(Tls::connect(stream, deadline).await?) } else { Channel::Plain(stream) })
    }

    async fn send(&self, bytes: &[u8], deadline: Option<Time>) -> Result<(), Errno> {
        match self {
            Channel::Plain(stream) => stream.write_all(bytes, deadline).await,
            Channel::Tls(tls) => tls.send(bytes, deadline).await,
        }
    }

    async fn receive(&mut self, deadline: Option<Time>) -> Result<Vec<u8>, Errno> {
        match self {
            Channel::Plain(stream) => stream.read(4096, deadline).await,
            Channel::Tls(tls) => tls.receive(deadline).await,
        }
    }
}

/// http_handle_response
fn judge(url: &Url, page: &[u8]) -> Result<Answer, &'static str> {
    let end = page.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else { return Err("Read, no data received from ") };
    let head = String::from_utf8_lossy(&page[..end]);
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse::<u16>().ok());
    let is_wanted = |status: u16| match url.status.as_slice() {
        [] => (200..300).contains(&status),
        ranges => ranges.iter().any(|(low, high)| (*low..=*high).contains(&status)),
    };
    if !status.is_some_and(is_wanted) {
        return Err("HTTP status code error to");
    }
    let body = &page[end + 4..];
    let mut what = "HTTP status code";
    if let Some(digest) = &url.digest {
        if !digest.eq_ignore_ascii_case(&md5(body)) {
            return Err("MD5 digest error to");
        }
        what = "MD5 digest";
    }
    // A pattern that cannot be understood is none.
    if let Some((wanted, pattern)) =
        url.regex.as_ref().and_then(|wanted| regex_lite::Regex::new(&wanted.pattern).ok().map(|it| (wanted, it)))
    {
        let text = String::from_utf8_lossy(body);
        let found = text.get(wanted.min_offset..).and_then(|text| pattern.find(text));
        let begins = found.map(|found| found.start() + wanted.min_offset);
        let is_match = begins.is_some_and(|begins| wanted.max_offset.is_none_or(|max| begins <= max));
        if is_match == wanted.must_not_match {
            return Err("Regex match failed");
        }
        what = "Regex match";
    }
    Ok(Answer::Good(what))
}

/// Where a question goes, and how long its steps may take.
struct Step<'a> {
    process: &'a Process,
    local: Bind,
    to: SocketAddrV4,
    timeout: Span,
}

impl Step<'_> {
    fn deadline(&self) -> Option<Time> {
        Some(self.process.sys.now() + self.timeout)
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        TcpStream::connect(&self.process.sys, self.local, self.to, self.deadline()).await.map_err(|error| match error {
            Errno::WouldBlock | Errno::TimedOut => Failure::Timeout,
            _ => Failure::Refused,
        })
    }

    /// udp_check_thread: silence is consent, unless a reply is required.
    async fn udp(&self, check: &UdpCheck) -> Answer {
        let filler: Vec<u8>;
        let payload = if check.payload.is_empty() {
            filler = FILLER.iter().copied().cycle().take(FILLER_LEN).collect();
            &filler
        } else {
            &check.payload
        };
        let Ok(socket) = UdpSocket::bind(&self.process.sys, self.local) else { return Answer::Bad(Failure::Refused) };
        if socket.connect(self.to).is_err() || socket.send(payload).is_err() {
            return Answer::Bad(Failure::Refused);
        }
        let reply = match socket.receive(self.deadline()).await {
            Ok(reply) => reply.bytes,
            Err(Errno::WouldBlock) if !check.requires_reply => return Answer::Good(""),
            Err(_) => return Answer::Bad(Failure::Refused),
        };
        let is_long_enough = (usize::from(check.min)..=usize::from(check.max)).contains(&reply.len());
        let is_like = |(byte, (wanted, mask)): (&u8, &(u8, u8))| (byte ^ wanted) & mask == 0;
        let is_good = check.reply.is_empty() || is_long_enough && reply.iter().zip(&check.reply).all(is_like);
        if is_good { Answer::Good("") } else { Answer::Bad(Failure::Mismatch) }
    }

    async fn ping(&self) -> Answer {
        let sys = &self.process.sys;
        let bind = RawBind { protocol: proto::ICMP, address: None, device: None };
        let Ok(socket) = RawSocket::open(sys, bind) else { return Answer::Bad(Failure::Refused) };
        let id = (sys.pid().0 as u16).to_be_bytes();
        let flow = Flow {
            source: None,
            destination: *self.to.ip(),
            protocol: proto::ICMP,
            ttl: None,
            tos: 0,
            dont_fragment: false,
            id: None,
            oif: None,
            mark: self.local.mark,
            header_included: false,
        };
        let mut payload = [0; FILLER_LEN];
        for (byte, filler) in payload.iter_mut().zip(FILLER.iter().cycle()) {
            *byte = *filler;
        }
        let until = sys.now() + self.timeout;
        if socket.send(&flow, |buffer| build::icmp(buffer, 8, 0, [id[0], id[1], 0, 1], &payload)).is_err() {
            return Answer::Bad(Failure::Refused);
        }
        while sys.now() < until {
            while let Some(received) = socket.take() {
                let bytes = received.packet.payload();
                let is_ours = bytes.get(4..6) == Some(&id) && received.packet.source() == *self.to.ip();
                if bytes.first() == Some(&0) && is_ours {
                    return Answer::Good("");
                }
            }
            sys.wait(&[socket.event()], Some(until)).await;
        }
        Answer::Bad(Failure::Timeout)
    }

    /// smtp_engine_thread: the greeting, HELO, QUIT; each answer is waited for.
    async fn smtp(&self, helo: &str) -> Answer {
        let server = format!("[{}]:{}", self.to.ip(), self.to.port());
        let bad = |text: &str| Answer::Bad(Failure::Said(format!("{text} server {server}")));
        let stream = match self.connect().await {
            Ok(stream) => stream,
            Err(Failure::Timeout) => return bad("Connection timeout to"),
            Err(_) => return bad("Error connecting to"),
        };
        let steps = [
            ("220", "Bad greeting banner from", format!("HELO {helo}\r\n")),
            ("250", "Bad HELO response from", "QUIT\r\n".to_owned()),
            ("", "", String::new()),
        ];
        for (wanted, complaint, next) in steps {
            let mut line = Vec::new();
            while !line.contains(&b'\n') {
                match stream.read(512, self.deadline()).await {
                    Ok(bytes) if bytes.is_empty() => return bad("Read failure from"),
                    Ok(bytes) => line.extend(bytes),
                    Err(Errno::WouldBlock) => return bad("Read timeout from"),
                    Err(_) => return bad("Read failure from"),
                }
                line.truncate(512);
            }
            if !line.starts_with(wanted.as_bytes()) {
                return bad(complaint);
            }
            if !next.is_empty() && stream.write_all(next.as_bytes(), self.deadline()).await.is_err() {
                return bad("Write failure to");
            }
        }
        Answer::Good("")
    }

    /// dns_recv_thread
    async fn dns(&self, name: &str, record: u16) -> Answer {
        let bad = |text: String| Answer::Bad(Failure::Said(text));
        let Ok(socket) = UdpSocket::bind(&self.process.sys, self.local) else {
            return bad("connection error.".to_owned());
        };
        let id: u16 = self.process.sys.with(|kernel| {
            use rand::RngExt;
            kernel.stream("keepalived").random_range(0..=u16::MAX)
        });
        let [high, low] = id.to_be_bytes();
        let mut question = vec![high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            question.push(label.len().min(63) as u8);
            question.extend(label.bytes().take(63));
        }
        question.push(0);
        question.extend(record.to_be_bytes());
        question.extend([0, 1]);
        if socket.connect(self.to).is_err() || socket.send(&question).is_err() {
            return bad("failed to write socket.".to_owned());
        }
        let deadline = self.deadline();
        loop {
            match socket.receive(deadline).await {
                Ok(answer) => {
                    let is_ours = answer.bytes.get(..2) == Some(&question[..2]);
                    let is_answer = answer.bytes.get(2).is_some_and(|flags| flags & 0x80 != 0);
                    match answer.bytes.get(3).map(|flags| flags & 0xf) {
                        Some(0) if is_ours && is_answer => return Answer::Good(""),
                        Some(code) if is_ours && is_answer => {
                            return bad(format!("read error occurred. (rcode = {code})"));
                        }
                        _ => {}
                    }
                }
                Err(Errno::WouldBlock) => return bad("read timeout from socket".to_owned()),
                Err(error) => {
                    return bad(format!("failed to read socket; errno {} ({error})", error.number()));
                }
            }
        }
    }
}

/// The digest that genhash prints: RFC 1321.
fn md5(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
