//! curl's FTP: one control connection, one file or listing.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Failure;
use super::transfer::{CHUNK_BYTES, Outcome, Transfer, Url};
use crate::apps::resolve;
use crate::host::files::absolute;
use crate::host::net::{TcpListener, TcpStream};
use crate::host::{Bind, Errno};
use crate::time::Span;

/// How long curl waits for a server to open a data connection.
const ACCEPT_PATIENCE: Span = Span::from_secs(60);

/// curl 7.88.1 remembers this when it has told the server where to connect to, and shows it instead of what comes later.
const ACTIVE_MESSAGE: &str = "sa_addr inet_ntop() failed with errno 97: Address family not supported by protocol";

/// After these the control connection is still good, so that curl takes its leave.
const POLITE: [i32; 10] = [9, 10, 12, 13, 17, 18, 19, 25, 30, 78];

/// How the data connection comes about.
enum Data {
    Passive(TcpStream),
    Active(TcpListener),
}

/// A control connection.
struct Control<'a, 'b> {
    transfer: &'a mut Transfer<'b>,
    stream: TcpStream,
    unread: Vec<u8>,
    /// What any failure is called from now on.
    message: Option<&'static str>,
}

/// Fetches what the URL names over this control connection.
pub(super) async fn run(transfer: &mut Transfer<'_>, url: &Url<'_>, stream: TcpStream) -> Result<Outcome, Failure> {
    let mut control = Control { transfer, stream, unread: Vec::new(), message: None };
    let result = control.exchange(url).await;
    let keeps = result.as_ref().err().is_none_or(|failure| POLITE.contains(&failure.code));
    if keeps {
        control.transfer.say(&format!("* Connection #0 to host {} left intact", url.host));
        // What the transfer has come to is settled: the last answer does not count.
        let code = control.transfer.code;
        let _ = control.ask("QUIT").await;
        control.transfer.code = code;
    } else {
        control.transfer.say("* Closing connection 0");
    }
    let message = control.message;
    result.map_err(|failure| match message {
        Some(message) => Failure::new(failure.code, message),
        None => failure,
    })
}

impl Control<'_, '_> {
    async fn exchange(&mut self, url: &Url<'_>) -> Result<Outcome, Failure> {
        self.log_in(url).await?;
        let (directory, file) = url.path.trim_start_matches('/').rsplit_once('/').unwrap_or(("", &url.path[1..]));
        let upload = self.transfer.options.upload.clone();
        let file = match &upload {
            Some(local) if file.is_empty() => local.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => file.to_owned(),
        };
        for name in directory.split('/').filter(|name| !name.is_empty()) {
            if self.ask(&format!("CWD {name}")).await? / 100 != 2 {
                return Err(Failure::new(9, "Server denied you to change to the given directory"));
            }
        }
        if self.transfer.options.head {
            return self.sizes(&file).await;
        }
        let data = match self.transfer.options.ftp_port.clone() {
            Some(end) => self.offer(&end).await?,
            None => self.open(url).await?,
        };
        match &upload {
            Some(local) => self.store(local, &file, data).await?,
            None => self.retrieve(&file, data).await?,
        }
        self.transfer.say(&format!("* Remembering we are in dir \"{directory}\""));
        Ok(Outcome { headers: String::new(), body: std::mem::take(&mut self.transfer.body) })
    }

    async fn log_in(&mut self, url: &Url<'_>) -> Result<(), Failure> {
        let greeting = self.answer().await?;
        if greeting / 100 != 2 {
            return Err(Failure::new(8, format!("Got a {greeting:03} ftp-server response when 220 was expected")));
        }
        let (user, password) =
            url.user.map_or(("anonymous", "ftp@example.com"), |user| user.split_once(':').unwrap_or((user, "")));
        let mut code = self.ask(&format!("USER {user}")).await?;
        if code == 331 {
            code = self.ask(&format!("PASS {password}")).await?;
        }
        if code / 100 != 2 {
            return Err(Failure::new(67, format!("Access denied: {code:03}")));
        }
        if self.ask("PWD").await? == 257 {
            self.transfer.say("* Entry path is '/'");
        }
        Ok(())
    }

    /// -I: what is known about a file without fetching it.
    async fn sizes(&mut self, file: &str) -> Result<Outcome, Failure> {
        self.ask("TYPE I").await?;
        let size = self.size(file).await?;
        let headers =
            size.map(|size| format!("Content-Length: {size}\r\nAccept-ranges: bytes\r\n")).unwrap_or_default();
        Ok(Outcome { headers, body: Vec::new() })
    }

    async fn size(&mut self, file: &str) -> Result<Option<usize>, Failure> {
        let (code, text) = self.ask_for_text(&format!("SIZE {file}")).await?;
        match code {
            213 => Ok(text.parse().ok()),
            550 => {
                self.transfer.say("* The file does not exist");
                Err(Failure::new(78, "The file does not exist"))
            }
            _ => Ok(None),
        }
    }

    async fn set_type(&mut self, letter: char) -> Result<(), Failure> {
        match self.ask(&format!("TYPE {letter}")).await? {
            200 => Ok(()),
            _ => Err(Failure::new(17, "Couldn't set desired mode")),
        }
    }

    async fn retrieve(&mut self, file: &str, data: Data) -> Result<(), Failure> {
        let is_list = file.is_empty();
        self.set_type(if is_list { 'A' } else { 'I' }).await?;
        let size = if is_list { None } else { self.size(file).await? };
        let command = match (is_list, self.transfer.options.list_only) {
            (false, _) => format!("RETR {file}"),
            (true, true) => "NLST".to_owned(),
            (true, false) => "LIST".to_owned(),
        };
        match self.ask(&command).await? {
            125 | 150 => {}
            450 if is_list => return Ok(()),
            550 => return Err(Failure::new(78, "RETR response: 550")),
            code => return Err(Failure::new(19, format!("RETR response: {code:03}"))),
        }
        self.transfer.say("* Maxdownload = -1");
        if let Some(size) = size {
            self.transfer.say(&format!("* Getting file with size: {size}"));
        }
        let stream = self.connected(data).await?;
        loop {
            let mut chunk = self.transfer.read(&stream).await?;
            if chunk.is_empty() || self.transfer.is_body_full() {
                break;
            }
            self.transfer.body.append(&mut chunk);
        }
        let received = self.transfer.body.len();
        self.transfer.body_bytes = received;
        self.transfer.say(&format!("{{ [{received} bytes data]"));
        drop(stream);
        if let Some(size) = size.filter(|size| *size != received) {
            let text = format!("transfer closed with {} bytes remaining to read", size.saturating_sub(received));
            return Err(Failure::new(18, text));
        }
        self.completed().await
    }

    async fn store(&mut self, local: &str, file: &str, data: Data) -> Result<(), Failure> {
        let process = self.transfer.process;
        let bytes = process.sys.with(|kernel| kernel.read_path(&absolute(&process.cwd, local)));
        let bytes = bytes.map_err(|_| Failure::new(26, format!("Can't open '{local}'!")))?;
        self.set_type('I').await?;
        let code = self.ask(&format!("STOR {file}")).await?;
        if code >= 400 {
            return Err(Failure::new(25, format!("Failed FTP upload: {code:03}")));
        }
        let stream = self.connected(data).await?;
        let sent = stream.write_all(&bytes, self.transfer.deadline()).await;
        sent.map_err(|error| self.transfer.broken(error, "Send"))?;
        drop(stream);
        self.transfer.say(&format!("}} [{} bytes data]", bytes.len()));
        self.transfer.say("* We are completely uploaded and fine");
        self.completed().await
    }

    async fn completed(&mut self) -> Result<(), Failure> {
        match self.answer().await? {
            226 | 250 => Ok(()),
            code => Err(Failure::new(18, format!("server did not report OK, got {code}"))),
        }
    }

    /// EPSV, and PASV if that leads to nothing.
    async fn open(&mut self, url: &Url<'_>) -> Result<Data, Failure> {
        let control = self.stream.remote().map_or(Ipv4Addr::UNSPECIFIED, |remote| *remote.ip());
        if !self.transfer.options.disable_epsv {
            let (code, text) = self.ask_for_text("EPSV").await?;
            self.transfer.say("* Connect data stream passively");
            let end = if code == 229 { extended_port(&text) } else { None };
            if let Some(port) = end
                && let Ok(stream) = self.connect(url, SocketAddrV4::new(control, port)).await?
            {
                return Ok(Data::Passive(stream));
            }
            self.transfer.say("* Failed EPSV attempt. Disabling EPSV");
        }
        let (code, text) = self.ask_for_text("PASV").await?;
        if self.transfer.options.disable_epsv {
            self.transfer.say("* Connect data stream passively");
        }
        if code != 227 {
            return Err(Failure::new(13, format!("Bad PASV/EPSV response: {code:03}")));
        }
        let end = six_numbers(&text).ok_or_else(|| Failure::new(14, "Couldn't interpret the 227-reply"))?;
        let address = if self.transfer.options.trusts_pasv {
            *end.ip()
        } else {
            self.transfer.say(&format!("* Skip {} for data connection, re-use {} instead", end.ip(), url.host));
            control
        };
        match self.connect(url, SocketAddrV4::new(address, end.port())).await? {
            Ok(stream) => Ok(Data::Passive(stream)),
            Err(_) => {
                let millis = self.transfer.elapsed().as_millis();
                let place = format!("{} port {} after {millis} ms", url.host, url.port);
                Err(Failure::new(7, format!("Failed to connect to {place}: Couldn't connect to server")))
            }
        }
    }

    /// A data connection to there; the inner error leaves other ways to try.
    async fn connect(&mut self, url: &Url<'_>, end: SocketAddrV4) -> Result<Result<TcpStream, Errno>, Failure> {
        self.transfer.say(&format!("* Connecting to {} ({}) port {}", end.ip(), end.ip(), end.port()));
        match self.transfer.open(end, self.transfer.deadline()).await {
            Ok(stream) => {
                let address = self.stream.remote().map_or(*end.ip(), |remote| *remote.ip());
                self.transfer.say(&format!("* Connected to {} ({address}) port {} (#0)", url.host, url.port));
                self.transfer.connections += 1;
                Ok(Ok(stream))
            }
            Err(Errno::WouldBlock) => Err(self.transfer.broken(Errno::WouldBlock, "Recv")),
            Err(error) => Ok(Err(error)),
        }
    }

    /// EPRT, or PORT if the server does not know it.
    async fn offer(&mut self, wanted: &str) -> Result<Data, Failure> {
        let (name, ports) = wanted.split_once(':').unwrap_or((wanted, ""));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let first: u16 = first.parse().unwrap_or(0);
        let last = last.parse().unwrap_or(first).max(first);
        let own = self.stream.local().map_or(Ipv4Addr::UNSPECIFIED, |local| *local.ip());
        let address = match name {
            "" | "-" => own,
            name => self
                .address_of(name)
                .ok_or_else(|| Failure::new(30, format!("failed to resolve the address provided to PORT: {name}")))?,
        };
        let sys = &self.transfer.process.sys;
        let bind = |port| Bind { address: Some(address), port, ..Bind::ANY };
        let Some(listener) = (first..=last).find_map(|port| TcpListener::bind(sys, bind(port), 1).ok()) else {
            self.transfer.say("* bind() failed, we ran out of ports");
            return Err(Failure::new(30, "bind() failed, we ran out of ports"));
        };
        let port = listener.local().map_or(first, |local| local.port());
        self.message = Some(ACTIVE_MESSAGE);
        let mut accepted = false;
        if !self.transfer.options.disable_eprt {
            accepted = self.ask(&format!("EPRT |1|{address}|{port}|")).await? / 100 == 2;
            if !accepted {
                self.transfer.say("* disabling EPRT usage");
            }
        }
        if !accepted {
            let ([a, b, c, d], [high, low]) = (address.octets(), port.to_be_bytes());
            if self.ask(&format!("PORT {a},{b},{c},{d},{high},{low}")).await? / 100 != 2 {
                return Err(Failure::new(30, "Failed to do PORT"));
            }
        }
        self.transfer.say("* Connect data stream actively");
        Ok(Data::Active(listener))
    }

    /// The address of an interface or a host.
    fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        self.transfer.process.sys.with(|kernel| {
            let interface = kernel.interface(name).and_then(|interface| interface.addresses.first());
            interface.map(|address| address.ip).or_else(|| resolve(kernel, name))
        })
    }

    /// The data connection, once it stands.
    async fn connected(&mut self, data: Data) -> Result<TcpStream, Failure> {
        let listener = match data {
            Data::Passive(stream) => return Ok(stream),
            Data::Active(listener) => listener,
        };
        self.transfer.say("* Preparing for accepting server on data port");
        let patience = self.transfer.process.sys.now() + ACCEPT_PATIENCE;
        let limit = self.transfer.deadline();
        let deadline = limit.map_or(patience, |limit| limit.min(patience));
        match listener.accept(Some(deadline)).await {
            Ok((stream, _)) => {
                self.transfer.say("* Connection accepted from server");
                Ok(stream)
            }
            Err(error) if limit == Some(deadline) => Err(self.transfer.broken(error, "Recv")),
            Err(_) => Err(Failure::new(12, "Accept timeout occurred while waiting server connect")),
        }
    }

    async fn ask(&mut self, command: &str) -> Result<u32, Failure> {
        self.ask_for_text(command).await.map(|(code, _)| code)
    }

    /// Sends a command, and reads the answer: code and text.
    async fn ask_for_text(&mut self, command: &str) -> Result<(u32, String), Failure> {
        let deadline = self.transfer.deadline();
        self.transfer.say(&format!("> {command}"));
        let sent = self.stream.write_all(format!("{command}\r\n").as_bytes(), deadline).await;
        sent.map_err(|error| self.transfer.broken(error, "Send"))?;
        self.answer_with_text().await
    }

    async fn answer(&mut self) -> Result<u32, Failure> {
        self.answer_with_text().await.map(|(code, _)| code)
    }

    /// The next answer; of one in several lines, the last line (RFC 959, 4.2).
    async fn answer_with_text(&mut self) -> Result<(u32, String), Failure> {
        loop {
            let line = self.line().await?;
            self.transfer.say(&format!("< {line}"));
            if let Some((code, text)) = line.split_at_checked(3)
                && let (Ok(code), Some(text)) = (code.parse(), text.strip_prefix(' '))
            {
                self.transfer.code = code;
                return Ok((code, text.to_owned()));
            }
        }
    }

    async fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                self.transfer.header_bytes += line.len();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let read = self.stream.read(CHUNK_BYTES, self.transfer.deadline()).await;
            let mut more = read.map_err(|error| self.transfer.broken(error, "Recv"))?;
            if more.is_empty() {
                return Err(Failure::new(56, "response reading failed (errno: 0)"));
            }
            self.unread.append(&mut more);
        }
    }
}

/// The port in the answer to EPSV: (|||port|)
fn extended_port(text: &str) -> Option<u16> {
    let inside = text.split_once('(')?.1;
    let bar = inside.chars().next()?;
    let mut parts = inside.split(bar);
    let empty = parts.by_ref().take(3).all(str::is_empty);
    parts.next().filter(|_| empty)?.parse().ok()
}

/// h1,h2,h3,h4,p1,p2 wherever it stands in the answer to PASV.
fn six_numbers(text: &str) -> Option<SocketAddrV4> {
    let starts = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at);
    starts.into_iter().find_map(|at| {
        let end = text[at..].find(|c: char| !c.is_ascii_digit() && c != ',').map_or(text.len(), |len| at + len);
        let bytes: Option<Vec<u8>> = text[at..end].splitn(6, ',').map(|number| number.parse().ok()).collect();
        let [a, b, c, d, high, low] = bytes?[..] else { return None };
        Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_name_ends() {
        assert_eq!(extended_port("Entering Extended Passive Mode (|||30021|)"), Some(30021));
        assert_eq!(extended_port("Entering (|1|10.0.0.1|30021|)"), None);
        assert_eq!(extended_port("Entering"), None);
        let end = Some(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 5), 0x8901));
        assert_eq!(six_numbers("Entering Passive Mode (10,0,0,5,137,1)."), end);
        assert_eq!(six_numbers("=10,0,0,5,137,1"), end);
        assert_eq!(six_numbers("Entering Passive Mode (10,0,0,5,137)"), None);
    }
}
