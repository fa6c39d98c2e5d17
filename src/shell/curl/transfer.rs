//! One transfer: URL, connection, request, answer.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::options::Options;
use super::{Failure, ftp};
use crate::apps::resolve;
use crate::host::net::TcpStream;
use crate::host::{Bind, Errno, Process};
use crate::time::{Span, Time};

/// Read at a time, in bytes.
pub(super) const CHUNK_BYTES: usize = 16_384;

/// Headers are not longer than this, as in curl.
const MAX_HEADER_BYTES: usize = 300 << 10;

/// Bodies are not kept beyond this; more than any lab's server sends.
const MAX_BODY_BYTES: usize = 256 << 20;

/// curl notices that time is up only when more than that has passed.
const NOTICED_AFTER: Span = Span::from_millis(1);

/// A transfer and all that --write-out can ask about it.
pub(super) struct Transfer<'a> {
    pub process: &'a Process,
    pub options: &'a Options,
    pub url: String,
    pub began: Time,
    pub resolved: Option<Time>,
    pub connected: Option<Time>,
    pub sent: Option<Time>,
    pub first_byte: Option<Time>,
    pub local: Option<SocketAddrV4>,
    pub remote: Option<SocketAddrV4>,
    pub request_bytes: usize,
    /// The status line and headers.
    pub headers: String,
    pub body: Vec<u8>,
    /// How much of the body has come.
    pub body_bytes: usize,
    /// HTTP's status code, or FTP's last reply; 0 before there is one.
    pub code: u32,
    /// How many connections stood.
    pub connections: u32,
    /// Bytes of headers, or of FTP's replies.
    pub header_bytes: usize,
}

/// What an answer consists of.
pub(super) struct Outcome {
    pub headers: String,
    pub body: Vec<u8>,
}

/// The parts of a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub scheme: Scheme,
    /// Name and password, as far as they are given.
    pub user: Option<&'a str>,
    pub host: &'a str,
    pub port: u16,
    pub path: &'a str,
}

/// How it is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Ftp,
}

impl<'a> Transfer<'a> {
    pub fn new(process: &'a Process, options: &'a Options, url: &str) -> Transfer<'a> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        Transfer {
            process,
            options,
            url,
            began: process.sys.now(),
            resolved: None,
            connected: None,
            sent: None,
            first_byte: None,
            local: None,
            remote: None,
            request_bytes: 0,
            headers: String::new(),
            body: Vec::new(),
            body_bytes: 0,
            code: 0,
            connections: 0,
            header_bytes: 0,
        }
    }

    pub async fn run(&mut self) -> Result<Outcome, Failure> {
        let full = self.url.clone();
        let url = parse_url(&full)?;
        if full.matches('/').count() == 2 {
            self.url.push('/');
        }
        if url.scheme == Scheme::Http && self.options.upload.is_some() {
            let text = "A requested feature, protocol or option was not found built-in in this libcurl";
            return Err(Failure::new(4, format!("{text} due to a build-time decision.")));
        }
        let address = self.resolve(&url)?;
        self.resolved = Some(self.process.sys.now());
        let stream = self.connect(&url, address).await?;
        if url.scheme == Scheme::Ftp {
            return ftp::run(self, &url, stream).await;
        }
        self.send(&url, &stream).await?;
        let received = self.receive(&stream).await;
        self.body_bytes = self.body.len();
        self.header_bytes = self.headers.len();
        received?;
        self.say("* Closing connection 0");
        Ok(Outcome { headers: self.headers.clone(), body: std::mem::take(&mut self.body) })
    }

    /// A line of -v.
    pub fn say(&self, line: &str) {
        if self.options.verbose {
            self.process.complain(&format!("{line}\n"));
        }
    }

    fn resolve(&self, url: &Url<'_>) -> Result<Ipv4Addr, Failure> {
        let fixed = self.options.resolve.iter().find_map(|entry| {
            let mut parts = entry.splitn(3, ':');
            let matches = parts.next() == Some(url.host) && parts.next() == Some(&url.port.to_string());
            parts.next().filter(|_| matches)?.parse().ok()
        });
        let found = fixed.or_else(|| self.process.sys.with(|kernel| resolve(kernel, url.host)));
        found.ok_or_else(|| Failure::new(6, format!("Could not resolve host: {}", url.host)))
    }

    /// What --interface and --local-port ask for.
    fn local_end(&self) -> Result<Bind, Failure> {
        let mut bind = Bind { port: self.options.local_port, ..Bind::ANY };
        let Some(name) = &self.options.interface else { return Ok(bind) };
        let plain = name.strip_prefix("if!").or_else(|| name.strip_prefix("host!")).unwrap_or(name);
        self.process.sys.with(|kernel| {
            bind.device = kernel.interface(plain).map(|interface| interface.index);
            if bind.device.is_none() {
                bind.address = resolve(kernel, plain);
            }
        });
        if bind.device.is_none() && bind.address.is_none() {
            return Err(Failure::new(45, format!("Couldn't bind to '{plain}'")));
        }
        Ok(bind)
    }

    async fn connect(&mut self, url: &Url<'_>, address: Ipv4Addr) -> Result<TcpStream, Failure> {
        let remote = SocketAddrV4::new(address, url.port);
        let limits = [self.options.connect_timeout, self.options.max_time];
        let deadline = limits.iter().flatten().min().map(|limit| self.began + *limit + NOTICED_AFTER);
        let bind = self.local_end()?;
        let result = self.open_from(bind, remote, deadline).await;
        let millis = self.elapsed().as_millis();
        let stream = result.map_err(|error| match error {
            Errno::AddressNotAvailable | Errno::AddressInUse | Errno::InvalidArgument if bind != Bind::ANY => {
                Failure::new(45, format!("bind failed with errno {}: {error}", error.number()))
            }
            Errno::WouldBlock if limits[0].is_none_or(|connect| limits[1].is_some_and(|all| all <= connect)) => {
                Failure::new(28, format!("Connection timed out after {millis} milliseconds"))
            }
            Errno::WouldBlock | Errno::TimedOut => {
                let text = format!("Failed to connect to {} port {} after {millis} ms: ", url.host, url.port);
                let timed_out = error == Errno::WouldBlock;
                Failure::new(28, text + if timed_out { "Timeout was reached" } else { "Couldn't connect to server" })
            }
            _ => {
                let text = format!("Failed to connect to {} port {} after {millis} ms: ", url.host, url.port);
                Failure::new(7, text + "Couldn't connect to server")
            }
        })?;
        self.connected = Some(self.process.sys.now());
        self.connections += 1;
        (self.local, self.remote) = (stream.local(), Some(remote));
        self.say(&format!("* Connected to {} ({}) port {} (#0)", url.host, address, url.port));
        Ok(stream)
    }

    /// Opens a connection from where the user wants it.
    pub async fn open(&self, remote: SocketAddrV4, deadline: Option<Time>) -> Result<TcpStream, Errno> {
        let bind = self.local_end().unwrap_or(Bind::ANY);
        self.open_from(bind, remote, deadline).await
    }

    async fn open_from(
        &self,
        mut bind: Bind,
        remote: SocketAddrV4,
        deadline: Option<Time>,
    ) -> Result<TcpStream, Errno> {
        self.say(&format!("*   Trying {remote}..."));
        let last = bind.port.saturating_add(self.options.local_ports);
        loop {
            match TcpStream::connect(&self.process.sys, bind, remote, deadline).await {
                Err(Errno::AddressInUse) if bind.port < last => {
                    self.say(&format!("* Bind to local port {} failed, trying next", bind.port));
                    bind.port += 1;
                }
                result => return result,
            }
        }
    }

    pub fn elapsed(&self) -> Span {
        self.process.sys.now().since(self.began)
    }

    pub fn deadline(&self) -> Option<Time> {
        self.options.max_time.map(|limit| self.began + limit + NOTICED_AFTER)
    }

    async fn send(&mut self, url: &Url<'_>, stream: &TcpStream) -> Result<(), Failure> {
        let request = self.request(url);
        for line in request.split("\r\n\r\n").next().unwrap_or_default().lines().chain([""]) {
            self.say(&format!("> {line}"));
        }
        self.request_bytes = request.len();
        let sent = stream.write_all(request.as_bytes(), self.deadline()).await;
        sent.map_err(|error| self.broken(error, "Send"))?;
        self.sent = Some(self.process.sys.now());
        Ok(())
    }

    fn request(&self, url: &Url<'_>) -> String {
        let options = self.options;
        let default_method = match (options.head, &options.data) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let method = options.method.as_deref().unwrap_or(default_method);
        let version = if options.http10 { "1.0" } else { "1.1" };
        let host = if url.port == 80 { url.host.to_owned() } else { format!("{}:{}", url.host, url.port) };
        let agent = options.user_agent.as_deref().unwrap_or("curl/7.88.1");
        let mut headers = vec![("Host", host), ("User-Agent", agent.to_owned()), ("Accept", "*/*".to_owned())];
        if let Some(data) = &options.data {
            headers.push(("Content-Length", data.len().to_string()));
            headers.push(("Content-Type", "application/x-www-form-urlencoded".to_owned()));
        }
        let own = |name: &str| options.headers.iter().find(|header| name_of(header).eq_ignore_ascii_case(name));
        let mut request = format!("{method} {} HTTP/{version}\r\n", url.path);
        for (name, value) in &headers {
            // A header of the user's own takes the place of Host, and follows the others otherwise; an empty one removes it.
            match own(name) {
                Some(header) if *name == "Host" => request.push_str(&format!("{header}\r\n")),
                Some(_) => {}
                None => request.push_str(&format!("{name}: {value}\r\n")),
            }
        }
        for header in options.headers.iter().filter(|header| !name_of(header).eq_ignore_ascii_case("host")) {
            if !header.trim_end().ends_with(':') {
                request.push_str(&format!("{header}\r\n"));
            }
        }
        request + "\r\n" + options.data.as_deref().unwrap_or_default()
    }

    async fn receive(&mut self, stream: &TcpStream) -> Result<(), Failure> {
        let mut raw = Vec::new();
        let header_end = loop {
            if let Some(at) = raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let chunk = self.read(stream).await?;
            if chunk.is_empty() && raw.is_empty() {
                return Err(Failure::new(52, "Empty reply from server"));
            }
            raw.extend_from_slice(&chunk);
            let is_http = raw.starts_with(&b"HTTP/"[..raw.len().min(5)]);
            if !is_http || raw.len() > MAX_HEADER_BYTES {
                return Err(Failure::new(1, "Received HTTP/0.9 when not allowed"));
            }
            if chunk.is_empty() {
                break raw.len();
            }
        };
        self.body = raw.split_off(header_end);
        self.headers = String::from_utf8_lossy(&raw).into_owned();
        let status = self.headers.split_whitespace().nth(1);
        self.code = status.and_then(|code| code.parse().ok()).unwrap_or(0);
        if self.headers.starts_with("HTTP/1.0") {
            self.say("* HTTP 1.0, assume close after body");
        }
        for line in self.headers.lines() {
            self.say(&format!("< {line}"));
        }
        self.receive_body(stream).await
    }

    async fn receive_body(&mut self, stream: &TcpStream) -> Result<(), Failure> {
        let announced = self.header("content-length").and_then(|value| value.parse::<usize>().ok());
        if self.options.head || self.code == 204 || self.code == 304 {
            self.body.clear();
            return Ok(());
        }
        while announced.is_none_or(|total| self.body.len() < total) && self.body.len() < MAX_BODY_BYTES {
            let mut chunk = self.read(stream).await?;
            if !chunk.is_empty() {
                self.body.append(&mut chunk);
                continue;
            }
            return match announced {
                Some(total) => {
                    let left = total - self.body.len();
                    Err(Failure::new(18, format!("transfer closed with {left} bytes remaining to read")))
                }
                None => Ok(()),
            };
        }
        if let Some(total) = announced {
            self.body.truncate(total);
        }
        self.say(&format!("{{ [{} bytes data]", self.body.len()));
        Ok(())
    }

    pub async fn read(&mut self, stream: &TcpStream) -> Result<Vec<u8>, Failure> {
        let chunk = stream.read(CHUNK_BYTES, self.deadline()).await.map_err(|error| self.broken(error, "Recv"))?;
        self.first_byte.get_or_insert(self.process.sys.now());
        Ok(chunk)
    }

    /// Why a connection that stood did not lead to an answer.
    pub fn broken(&self, error: Errno, what: &str) -> Failure {
        match error {
            Errno::WouldBlock => {
                let (millis, bytes) = (self.elapsed().as_millis(), self.body.len());
                let announced = self.header("content-length");
                let out_of = announced.map(|total| format!(" out of {total}")).unwrap_or_default();
                let text =
                    format!("Operation timed out after {millis} milliseconds with {bytes}{out_of} bytes received");
                Failure::new(28, text)
            }
            _ if what == "Send" => Failure::new(55, format!("Send failure: {error}")),
            _ => Failure::new(56, format!("Recv failure: {error}")),
        }
    }

    /// Whether as much of the body has come as is kept.
    pub fn is_body_full(&self) -> bool {
        self.body.len() >= MAX_BODY_BYTES
    }

    /// Whether it is fetched by HTTP, as far as the URL says.
    pub fn is_http(&self) -> bool {
        parse_url(&self.url).map_or(true, |url| url.scheme == Scheme::Http)
    }

    /// The value of one of the answer's headers.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Seconds from the beginning until then; 0 if it has not come to that.
    pub fn seconds_until(&self, then: Option<Time>) -> f64 {
        then.map_or(0.0, |then| then.since(self.began).as_secs_f64())
    }

    pub fn now(&self) -> Time {
        self.process.sys.now()
    }

    /// The method that was used.
    pub fn method(&self) -> String {
        let request = self.request(&Url { scheme: Scheme::Http, user: None, host: "", port: 80, path: "/" });
        request.split(' ').next().unwrap_or_default().to_owned()
    }
}

fn name_of(header: &str) -> &str {
    header.split(':').next().unwrap_or_default()
}

fn parse_url(url: &str) -> Result<Url<'_>, Failure> {
    let malformed = || Failure::new(3, "URL using bad/illegal format or missing URL");
    let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "http" => (Scheme::Http, 80),
        "ftp" => (Scheme::Ftp, 21),
        _ => {
            let text = format!("Protocol \"{scheme}\" not supported or disabled in libcurl");
            return Err(Failure::new(1, text));
        }
    };
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let (host, port) = match place.rsplit_once(':') {
        None => (place, default_port),
        Some((host, "")) => (host, default_port),
        Some((host, port)) => {
            (host, port.parse().map_err(|_| Failure::new(3, "URL using bad/illegal format or missing URL"))?)
        }
    };
    if host.is_empty() {
        return Err(Failure::new(3, "URL using bad/illegal format or missing URL"));
    }
    Ok(Url { scheme, user, host, port, path: if path.is_empty() { "/" } else { path } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_parts() {
        let http = Url { scheme: Scheme::Http, user: None, host: "web", port: 80, path: "/" };
        assert_eq!(parse_url("http://web"), Ok(Url { ..http }));
        assert_eq!(
            parse_url("http://10.0.0.1:8080/a?b"),
            Ok(Url { host: "10.0.0.1", port: 8080, path: "/a?b", ..http })
        );
        let ftp = Url { scheme: Scheme::Ftp, user: Some("me:secret"), port: 21, path: "/file", ..http };
        assert_eq!(parse_url("FTP://me:secret@web/file"), Ok(ftp));
        assert_eq!(parse_url("http://x:99999/").unwrap_err().code, 3);
        assert_eq!(
            parse_url("gopher://x").unwrap_err().message,
            "Protocol \"gopher\" not supported or disabled in libcurl"
        );
    }
}
