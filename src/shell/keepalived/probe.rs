//! Questions to servers: check_tcp.c, check_http.c and their like.

use std::net::SocketAddrV4;

use super::{Process, script};
use crate::host::net::{TcpStream, UdpSocket};
use crate::host::{Bind, Errno, Flow, RawBind, RawSocket};
use crate::keepalived::conf::{Checker, CheckerKind, Service, Url, shown};
use crate::keepalived::vrrp::Outcome;
use crate::time::Time;
use crate::wire::{build, proto};

/// What came of a question.
pub struct Answer {
    /// Whether the server is well.
    pub is_good: bool,
    /// misc_dynamic: the weight that the script wants, or the configured one.
    pub weight: Option<Option<i32>>,
}

/// Asks a server once.
pub async fn ask(process: &Process, service: &Service, server: SocketAddrV4, checker: &Checker, until: Time) -> Answer {
    let address = checker.connect_ip.unwrap_or(*server.ip());
    let to = SocketAddrV4::new(address, checker.connect_port.unwrap_or(server.port()));
    let local = Bind { address: checker.bind_to, ..Bind::ANY };
    let is_good = match &checker.kind {
        CheckerKind::Tcp => TcpStream::connect(&process.sys, local, to, Some(until)).await.is_ok(),
        CheckerKind::Http { urls, virtualhost, .. } => {
            let host = virtualhost.clone().or_else(|| service.virtualhost.clone());
            let mut is_good = true;
            for url in urls {
                is_good &= http(process, local, to, url, host.as_deref(), until).await.unwrap_or(false);
            }
            is_good
        }
        CheckerKind::Udp { payload, require_reply } => udp(process, local, to, payload, *require_reply, until).await,
        CheckerKind::Ping => ping(process, to, until).await,
        CheckerKind::Smtp { helo } => smtp(process, local, to, helo, until).await.unwrap_or(false),
        CheckerKind::Dns { name, record } => dns(process, local, to, name, *record, until).await.unwrap_or(false),
        CheckerKind::Misc { path, is_dynamic, .. } => return misc(process, path, *is_dynamic, until).await,
    };
    Answer { is_good, weight: None }
}

async fn http(
    process: &Process,
    local: Bind,
    to: SocketAddrV4,
    url: &Url,
    host: Option<&str>,
    until: Time,
) -> Result<bool, Errno> {
    let stream = TcpStream::connect(&process.sys, local, to, Some(until)).await?;
    let own = to.to_string();
    let host = url.virtualhost.as_deref().or(host).unwrap_or(&own);
    let request = format!("GET {} HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: {host}\r\n\r\n", url.path);
    stream.write_all(request.as_bytes(), Some(until)).await?;
    let mut answer = Vec::new();
    loop {
        let bytes = stream.read(4096, Some(until)).await?;
        if bytes.is_empty() {
            break;
        }
        answer.extend_from_slice(&bytes);
    }
    let text = String::from_utf8_lossy(&answer);
    let status: Option<u16> = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    let Some(status) = status else { return Ok(false) };
    let is_wanted = match url.status.as_slice() {
        [] => (200..300).contains(&status),
        ranges => ranges.iter().any(|(low, high)| (*low..=*high).contains(&status)),
    };
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let is_digested = url.digest.as_ref().is_none_or(|digest| digest.eq_ignore_ascii_case(&md5(body.as_bytes())));
    Ok(is_wanted && is_digested)
}

async fn udp(process: &Process, local: Bind, to: SocketAddrV4, payload: &[u8], wants_reply: bool, until: Time) -> bool {
    let Ok(socket) = UdpSocket::bind(&process.sys, local) else { return false };
    if socket.connect(to).is_err() || socket.send(payload).is_err() {
        return false;
    }
    match socket.receive(Some(until)).await {
        Ok(_) => true,
        // Nobody has said that the port is unreachable.
        Err(Errno::WouldBlock) => !wants_reply,
        Err(_) => false,
    }
}

async fn ping(process: &Process, to: SocketAddrV4, until: Time) -> bool {
    let bind = RawBind { protocol: proto::ICMP, address: None, device: None };
    let Ok(socket) = RawSocket::open(&process.sys, bind) else { return false };
    let id = (process.sys.pid().0 as u16).to_be_bytes();
    let flow = Flow {
        source: None,
        destination: *to.ip(),
        protocol: proto::ICMP,
        ttl: None,
        tos: 0,
        dont_fragment: false,
        id: None,
        oif: None,
    };
    if socket.send(&flow, |buffer| build::icmp(buffer, 8, 0, [id[0], id[1], 0, 1], &[0; 56])).is_err() {
        return false;
    }
    while process.sys.now() < until {
        while let Some(received) = socket.take() {
            let bytes = received.packet.payload();
            if bytes.first() == Some(&0) && bytes.get(4..6) == Some(&id) && received.packet.source() == *to.ip() {
                return true;
            }
        }
        process.sys.wait(&[socket.event()], Some(until)).await;
    }
    false
}

async fn smtp(process: &Process, local: Bind, to: SocketAddrV4, helo: &str, until: Time) -> Result<bool, Errno> {
    let stream = TcpStream::connect(&process.sys, local, to, Some(until)).await?;
    let greeting = stream.read(1024, Some(until)).await?;
    if !greeting.starts_with(b"220") {
        return Ok(false);
    }
    stream.write_all(format!("HELO {helo}\r\n").as_bytes(), Some(until)).await?;
    let answer = stream.read(1024, Some(until)).await?;
    stream.write_all(b"QUIT\r\n", Some(until)).await?;
    Ok(answer.starts_with(b"250"))
}

async fn dns(
    process: &Process,
    local: Bind,
    to: SocketAddrV4,
    name: &str,
    record: u16,
    until: Time,
) -> Result<bool, Errno> {
    let socket = UdpSocket::bind(&process.sys, local)?;
    socket.connect(to)?;
    let mut question = vec![0x4b, 0x44, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        question.push(label.len().min(63) as u8);
        question.extend(label.bytes().take(63));
    }
    question.push(0);
    question.extend(record.to_be_bytes());
    question.extend([0, 1]);
    socket.send(&question)?;
    let answer = socket.receive(Some(until)).await?;
    Ok(answer.bytes.get(..2) == Some(&question[..2]) && answer.bytes.get(3).is_some_and(|flags| flags & 0xf == 0))
}

/// misc_check_thread: exit statuses from 2 on are weights, if they are wanted.
async fn misc(process: &Process, path: &str, is_dynamic: bool, until: Time) -> Answer {
    match script::run(process, path, until).await {
        Outcome::Exited(0) => Answer { is_good: true, weight: is_dynamic.then_some(None) },
        Outcome::Exited(status @ 2..=255) if is_dynamic => Answer { is_good: true, weight: Some(Some(status - 2)) },
        _ => Answer { is_good: false, weight: None },
    }
}

/// What is written when a server has come or gone.
pub fn verdict(checker: &Checker, service: &Service, name: &str, is_up: bool, retries: u32) -> String {
    let failed = |what: &str| match retries {
        0 => format!("{what} on service {name} failed."),
        _ => format!("{what} on service {name} failed after {retries} retries."),
    };
    match (&checker.kind, is_up) {
        (CheckerKind::Tcp, true) => format!("TCP connection to {name} success."),
        (CheckerKind::Tcp, false) => failed("TCP_CHECK"),
        (CheckerKind::Http { .. }, true) => format!("Remote Web server {name} succeed on service."),
        (CheckerKind::Http { .. }, false) => {
            format!("HTTP_CHECK on service {name} failed after {} retries.", retries.max(1))
        }
        (CheckerKind::Udp { .. }, true) => format!("UDP connection to {name} success."),
        (CheckerKind::Udp { .. }, false) => failed("UDP_CHECK"),
        (CheckerKind::Ping, true) => format!("ICMP connection to {name} success."),
        (CheckerKind::Ping, false) => {
            format!("ICMP CHECK on service {name} of {} failed after {retries} retries.", shown(service))
        }
        (CheckerKind::Smtp { .. }, true) => format!("Remote SMTP server {name} succeed on service."),
        (CheckerKind::Smtp { .. }, false) => failed("SMTP_CHECK"),
        (CheckerKind::Dns { .. }, true) => format!("DNS_CHECK ({name}) success."),
        (CheckerKind::Dns { .. }, false) => format!("DNS_CHECK ({name}) failed."),
        (CheckerKind::Misc { path, .. }, true) => {
            format!("Misc check for [{name} VS {}] by [{path}] succeeded.", shown(service))
        }
        (CheckerKind::Misc { path, .. }, false) => {
            format!("Misc check for [{name} VS {}] by [{path}] failed.", shown(service))
        }
    }
}

/// What log_all_failures has to say.
pub fn failure(checker: &Checker, name: &str) -> String {
    match checker.kind {
        CheckerKind::Http { .. } => format!("HTTP status code error to server {name}."),
        CheckerKind::Udp { .. } => format!("UDP connection to {name} failed."),
        _ => format!("TCP connection to {name} failed."),
    }
}

/// The digest that genhash prints: RFC 1321.
fn md5(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
