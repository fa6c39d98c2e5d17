//! ftpd PORT \[PASSIVE_PORT\]: serves the files of its directory (RFC 959, RFC 2428). It listens for data connections at
//! PASSIVE_PORT and those that follow, one for each; for others it connects from the port below its own.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use super::args::Args;
use super::server::{CHUNK_BYTES, serve};
use crate::host::files::absolute;
use crate::host::net::{TcpListener, TcpStream};
use crate::host::process::Task;
use crate::host::{Bind, Errno, Process};
use crate::time::Span;

/// How long it waits for a data connection.
const PATIENCE: Span = Span::from_secs(3);

/// Lines of commands are not longer than this.
const MAX_LINE_BYTES: usize = 4096;

/// Runs it.
pub fn ftpd(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let args = Args::new(&words, "ftpd PORT [PASSIVE_PORT]");
        let (port, passive) = match (args.port(0), args.optional(1).map_or(Ok(0), |_| args.port(1))) {
            (Ok(port), Ok(passive)) => (port, passive),
            (Err(why), _) | (_, Err(why)) => {
                process.complain(&why);
                return 1;
            }
        };
        let next_port = Rc::new(Cell::new(passive));
        serve(&process, port, |stream| {
            let session = Session {
                process: process.clone(),
                next_port: Rc::clone(&next_port),
                control: stream,
                unread: Vec::new(),
                data: None,
            };
            session.run()
        })
        .await
    })
}

/// How the next data connection comes about.
enum Data {
    /// The client opens it.
    Passive(TcpListener),
    /// The server opens it, to this end.
    Active(SocketAddrV4),
}

/// A control connection.
struct Session {
    process: Process,
    /// Where the next data connection is waited for; 0: wherever there is room.
    next_port: Rc<Cell<u16>>,
    control: TcpStream,
    unread: Vec<u8>,
    data: Option<Data>,
}

impl Session {
    async fn run(mut self) -> Result<(), Errno> {
        let name = self.process.sys.with(|kernel| kernel.name.clone());
        self.tell(&format!("220 {name} FTP server ready")).await?;
        while let Some(line) = self.line().await? {
            let line = line.trim();
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            match command.to_ascii_uppercase().as_str() {
                "USER" => self.tell("331 Password required").await?,
                "PASS" => self.tell("230 Logged in").await?,
                "SYST" => self.tell("215 UNIX Type: L8").await?,
                "PWD" => self.tell("257 \"/\" is the current directory").await?,
                "CWD" => self.tell("250 Directory changed").await?,
                "TYPE" => self.tell(&format!("200 Type set to {}", argument.to_ascii_uppercase())).await?,
                "NOOP" => self.tell("200 OK").await?,
                "SIZE" => match self.read_file(argument) {
                    Ok(bytes) => self.tell(&format!("213 {}", bytes.len())).await?,
                    Err(error) => self.tell(&format!("550 {argument}: {error}")).await?,
                },
                "PASV" => self.listen(false).await?,
                "EPSV" => self.listen(true).await?,
                "PORT" => self.point_at("PORT", from_port(argument)).await?,
                "EPRT" => self.point_at("EPRT", from_eprt(argument)).await?,
                "LIST" | "NLST" => {
                    let names = self.process.sys.with(|kernel| kernel.list_path(&self.process.cwd));
                    let seen = names.iter().filter(|name| !name.starts_with('.'));
                    let list: String = seen.map(|name| format!("{name}\r\n")).collect();
                    self.send(list.as_bytes()).await?;
                }
                "RETR" => match self.read_file(argument) {
                    Ok(bytes) => self.send(&bytes).await?,
                    Err(error) => self.tell(&format!("550 {argument}: {error}")).await?,
                },
                "STOR" => self.store(argument).await?,
                "QUIT" => {
                    self.tell("221 Goodbye").await?;
                    break;
                }
                _ => self.tell("502 Command not implemented").await?,
            }
        }
        Ok(())
    }

    async fn tell(&self, line: &str) -> Result<(), Errno> {
        self.control.write_all(format!("{line}\r\n").as_bytes(), None).await
    }

    /// The next line of the client; none when there will be no more.
    async fn line(&mut self) -> Result<Option<String>, Errno> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            let mut more = self.control.read(CHUNK_BYTES, None).await?;
            if more.is_empty() || self.unread.len() > MAX_LINE_BYTES {
                return Ok(None);
            }
            self.unread.append(&mut more);
        }
    }

    fn path(&self, name: &str) -> String {
        absolute(&self.process.cwd, name.trim_start_matches('/'))
    }

    fn read_file(&self, name: &str) -> Result<Vec<u8>, Errno> {
        let path = self.path(name);
        self.process.sys.with(|kernel| kernel.read_path(&path))
    }

    /// PASV and EPSV.
    async fn listen(&mut self, is_extended: bool) -> Result<(), Errno> {
        self.data = None;
        let address = self.control.local().map(|local| *local.ip());
        let port = self.next_port.get();
        if port != 0 {
            self.next_port.set(port.wrapping_add(1));
        }
        let listener = match TcpListener::bind(&self.process.sys, Bind { address, ..Bind::port(port) }, 1) {
            Ok(listener) => listener,
            Err(error) => return self.tell(&format!("421 {error}")).await,
        };
        let local = listener.local().unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
        self.data = Some(Data::Passive(listener));
        let ([a, b, c, d], [high, low]) = (local.ip().octets(), local.port().to_be_bytes());
        let answer = if is_extended {
            format!("229 Entering Extended Passive Mode (|||{}|)", local.port())
        } else {
            format!("227 Entering Passive Mode ({a},{b},{c},{d},{high},{low})")
        };
        self.tell(&answer).await
    }

    /// PORT and EPRT.
    async fn point_at(&mut self, command: &str, end: Option<SocketAddrV4>) -> Result<(), Errno> {
        match end {
            Some(end) => {
                self.data = Some(Data::Active(end));
                self.tell(&format!("200 {command} command successful")).await
            }
            None => self.tell("501 Syntax error").await,
        }
    }

    /// The data connection; the client is told of it.
    async fn open(&mut self) -> Result<Option<TcpStream>, Errno> {
        const OPENING: &str = "150 Opening data connection";
        let deadline = Some(self.process.sys.now() + PATIENCE);
        let opened = match self.data.take() {
            None => {
                self.tell("425 Use PORT or PASV first").await?;
                return Ok(None);
            }
            Some(Data::Passive(listener)) => {
                self.tell(OPENING).await?;
                listener.accept(deadline).await.map(|(stream, _)| stream)
            }
            Some(Data::Active(end)) => {
                let own = self.control.local().map(|own| SocketAddrV4::new(*own.ip(), own.port().wrapping_sub(1)));
                let local = own.map_or(Bind::ANY, Bind::to);
                let stream = TcpStream::connect(&self.process.sys, local, end, deadline).await;
                if stream.is_ok() {
                    self.tell(OPENING).await?;
                }
                stream
            }
        };
        if opened.is_err() {
            self.tell("425 Can't open data connection").await?;
        }
        Ok(opened.ok())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let Some(stream) = self.open().await? else { return Ok(()) };
        stream.write_all(bytes, None).await?;
        drop(stream);
        self.tell("226 Transfer complete").await
    }

    async fn store(&mut self, name: &str) -> Result<(), Errno> {
        let Some(stream) = self.open().await? else { return Ok(()) };
        let mut bytes = Vec::new();
        loop {
            let mut more = stream.read(CHUNK_BYTES, None).await?;
            if more.is_empty() {
                break;
            }
            bytes.append(&mut more);
        }
        let path = self.path(name);
        match self.process.sys.with(|kernel| kernel.write_path(&path, &bytes, false)) {
            Ok(()) => {
                drop(stream);
                self.tell("226 Transfer complete").await
            }
            Err(error) => self.tell(&format!("552 {name}: {error}")).await,
        }
    }
}

/// h1,h2,h3,h4,p1,p2
fn from_port(argument: &str) -> Option<SocketAddrV4> {
    let bytes: Option<Vec<u8>> = argument.split(',').map(|number| number.parse().ok()).collect();
    let [a, b, c, d, high, low] = bytes?[..] else { return None };
    Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

/// |1|address|port|
fn from_eprt(argument: &str) -> Option<SocketAddrV4> {
    let bar = argument.chars().next()?;
    let parts: Vec<&str> = argument.split(bar).collect();
    let ["", "1", address, port, ""] = parts[..] else { return None };
    Some(SocketAddrV4::new(address.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read() {
        let end = Some(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 5), 0x8901));
        assert_eq!(from_port("10,0,0,5,137,1"), end);
        assert_eq!(from_eprt("|1|10.0.0.5|35073|"), end);
        assert_eq!(from_eprt("!1!10.0.0.5!35073!"), end);
        for wrong in ["", "10,0,0,5,137", "10,0,0,5,137,256", "a,b"] {
            assert_eq!(from_port(wrong), None);
        }
        for wrong in ["", "|2|::1|5|", "|1|10.0.0.5|", "|1|10.0.0.5|99999|"] {
            assert_eq!(from_eprt(wrong), None);
        }
    }
}
