//! ipvsadm's command line, as it and popt read it.

use std::net::Ipv4Addr;

use super::list::Columns;
use super::{Failure, REFUSED, names, wrong};
use crate::host::Kernel;
use crate::ipvs::{DestOptions, Engine, Method, Persistence, ServiceKey, Tunnel, TunnelChecksum};
use crate::time::Span;
use crate::wire::proto;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    AddService,
    EditService,
    DeleteService,
    Flush,
    List,
    Save,
    Restore,
    AddServer,
    EditServer,
    DeleteServer,
    Zero,
    SetTimeouts([u32; 3]),
    Help,
    Version,
}

impl Command {
    /// The name in messages.
    const fn name(self) -> &'static str {
        match self {
            Command::AddService => "add-service",
            Command::EditService => "edit-service",
            Command::DeleteService => "delete-service",
            Command::Flush => "flush",
            Command::List => "list",
            Command::Save => "save",
            Command::Restore => "restore",
            Command::AddServer => "add-server",
            Command::EditServer => "edit-server",
            Command::DeleteServer => "delete-server",
            Command::Zero => "zero",
            Command::SetTimeouts(_) => "set",
            Command::Help => "help",
            Command::Version => "version",
        }
    }
}

/// What is to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Services(Columns),
    Connections,
    Timeouts,
    Daemons,
}

/// A call, understood.
#[derive(Debug)]
pub(super) struct Options {
    pub command: Command,
    pub service: Option<ServiceKey>,
    pub scheduler: Option<String>,
    pub scheduler_flags: u8,
    pub persistence: Option<Persistence>,
    pub netmask: Ipv4Addr,
    pub one_packet: bool,
    pub engine: Option<Engine>,
    pub server: Option<DestOptions>,
    pub numeric: bool,
    pub exact: bool,
    pub sorted: bool,
    pub persistent: bool,
    pub view: View,
}

impl Options {
    pub fn key(&self) -> Result<ServiceKey, Failure> {
        self.service.ok_or_else(|| wrong("no service"))
    }
}

/// How an option takes its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// The next word, unless that is an option.
    Maybe,
}

/// The options: letter, long name, name in messages, value. In the order in which ipvsadm checks them.
const OPTIONS: &[(char, &str, &str, Takes)] = &[
    ('n', "numeric", "numeric", Takes::Nothing),
    ('c', "connection", "connection", Takes::Nothing),
    ('t', "tcp-service", "service-address", Takes::Value),
    ('u', "udp-service", "service-address", Takes::Value),
    ('\0', "sctp-service", "service-address", Takes::Value),
    ('f', "fwmark-service", "service-address", Takes::Value),
    ('s', "scheduler", "scheduler", Takes::Value),
    ('p', "persistent", "persistent", Takes::Maybe),
    ('M', "netmask", "netmask", Takes::Value),
    ('r', "real-server", "real-server", Takes::Value),
    ('g', "gatewaying", "forwarding-method", Takes::Nothing),
    ('i', "ipip", "forwarding-method", Takes::Nothing),
    ('m', "masquerading", "forwarding-method", Takes::Nothing),
    ('w', "weight", "weight", Takes::Value),
    ('x', "u-threshold", "u-threshold", Takes::Value),
    ('y', "l-threshold", "l-threshold", Takes::Value),
    ('\0', "mcast-interface", "mcast-interface", Takes::Value),
    ('\0', "timeout", "timeout", Takes::Nothing),
    ('\0', "daemon", "daemon", Takes::Nothing),
    ('\0', "stats", "stats", Takes::Nothing),
    ('\0', "rate", "rate", Takes::Nothing),
    ('\0', "thresholds", "thresholds", Takes::Nothing),
    ('\0', "persistent-conn", "persistent-conn", Takes::Nothing),
    ('\0', "nosort", "nosort", Takes::Nothing),
    ('\0', "syncid", "syncid", Takes::Value),
    ('\0', "exact", "exact", Takes::Nothing),
    ('o', "ops", "ops", Takes::Nothing),
    ('\0', "pe", "pe", Takes::Value),
    ('b', "sched-flags", "sched-flags", Takes::Value),
    ('\0', "tun-info", "tun-info", Takes::Nothing),
    ('\0', "tun-type", "tun-type", Takes::Value),
    ('\0', "tun-port", "tun-port", Takes::Value),
    ('\0', "tun-nocsum", "tun-nocsum", Takes::Nothing),
    ('\0', "tun-csum", "tun-csum", Takes::Nothing),
    ('\0', "tun-remcsum", "tun-remcsum", Takes::Nothing),
];

/// The commands: letter, long name.
const COMMANDS: &[(char, &str, Command)] = &[
    ('A', "add-service", Command::AddService),
    ('E', "edit-service", Command::EditService),
    ('D', "delete-service", Command::DeleteService),
    ('C', "clear", Command::Flush),
    ('L', "list", Command::List),
    ('l', "list", Command::List),
    ('S', "save", Command::Save),
    ('R', "restore", Command::Restore),
    ('a', "add-server", Command::AddServer),
    ('e', "edit-server", Command::EditServer),
    ('d', "delete-server", Command::DeleteServer),
    ('Z', "zero", Command::Zero),
    ('\0', "set", Command::SetTimeouts([0; 3])),
    ('h', "help", Command::Help),
    ('v', "version", Command::Version),
];

/// The options that a command needs, and those that it may have besides.
const fn rules(command: Command) -> (&'static [&'static str], &'static [&'static str]) {
    const SERVICE: &[&str] = &["service-address"];
    const SERVER: &[&str] = &["service-address", "real-server"];
    match command {
        Command::AddService | Command::EditService => {
            (SERVICE, &["scheduler", "persistent", "netmask", "ops", "pe", "sched-flags"])
        }
        Command::DeleteService => (SERVICE, &[]),
        Command::AddServer | Command::EditServer => (
            SERVER,
            &[
                "forwarding-method",
                "weight",
                "u-threshold",
                "l-threshold",
                "tun-type",
                "tun-port",
                "tun-nocsum",
                "tun-csum",
                "tun-remcsum",
            ],
        ),
        Command::DeleteServer => (SERVER, &[]),
        Command::List => (
            &[],
            &[
                "numeric",
                "connection",
                "service-address",
                "timeout",
                "daemon",
                "stats",
                "rate",
                "thresholds",
                "persistent-conn",
                "nosort",
                "syncid",
                "exact",
                "tun-info",
            ],
        ),
        Command::Save => (&[], &["numeric"]),
        Command::Zero => (&[], SERVICE),
        _ => (&[], &[]),
    }
}

/// A word of the call as popt takes it apart: an option's long name and value, or a stray word.
enum Token {
    Command(Command, char),
    Option(usize, Option<String>),
    /// --sort, -6: accepted, and without effect.
    Ignored,
    Stray(String),
}

fn popt(text: String) -> Failure {
    Failure { text, status: REFUSED }
}

fn tokens(args: &[String]) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    let mut words = args[1..].iter().peekable();
    while let Some(word) = words.next() {
        let Some(rest) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            tokens.push(Token::Stray(word.clone()));
            continue;
        };
        if let Some(long) = rest.strip_prefix('-') {
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            if let Some((letter, _, command)) = COMMANDS.iter().find(|(_, known, _)| *known == name) {
                tokens.push(Token::Command(*command, *letter));
            } else if matches!(name, "sort" | "ipv6") {
                tokens.push(Token::Ignored);
            } else if let Some(at) = OPTIONS.iter().position(|(_, known, ..)| *known == name) {
                let value = match OPTIONS[at].3 {
                    Takes::Nothing => None,
                    Takes::Value => match attached.or_else(|| words.next().cloned()) {
                        Some(value) => Some(value),
                        None => return Err(popt(format!("--{name}: missing argument"))),
                    },
                    Takes::Maybe => attached.or_else(|| words.next_if(|next| !next.starts_with('-')).cloned()),
                };
                tokens.push(Token::Option(at, value));
            } else {
                return Err(popt(format!("--{name}: unknown option")));
            }
            continue;
        }
        for (place, letter) in rest.char_indices() {
            if let Some((_, _, command)) = COMMANDS.iter().find(|(known, ..)| *known == letter) {
                tokens.push(Token::Command(*command, letter));
                continue;
            }
            if letter == '6' {
                tokens.push(Token::Ignored);
                continue;
            }
            let Some(at) = OPTIONS.iter().position(|(known, ..)| *known == letter && letter != '\0') else {
                return Err(popt(format!("-{letter}: unknown option")));
            };
            if OPTIONS[at].3 == Takes::Nothing {
                tokens.push(Token::Option(at, None));
                continue;
            }
            // The rest of the word is the value, or else the next word.
            let attached = rest[place + letter.len_utf8()..].trim_start_matches('=');
            let value = match OPTIONS[at].3 {
                _ if !attached.is_empty() => Some(attached.to_owned()),
                Takes::Maybe => words.next_if(|next| !next.starts_with('-')).cloned(),
                _ => match words.next() {
                    Some(value) => Some(value.clone()),
                    None => return Err(popt(format!("-{letter}: missing argument"))),
                },
            };
            tokens.push(Token::Option(at, value));
            break;
        }
    }
    Ok(tokens)
}

/// Reads a call.
pub(super) fn parse(kernel: &mut Kernel, args: &[String]) -> Result<Options, Failure> {
    let mut reader = Reader::new(kernel);
    let mut tokens = tokens(args)?.into_iter();
    let command = match tokens.next() {
        None => Command::List,
        Some(Token::Command(command, _)) => command,
        Some(_) => {
            let text = format!("Try `{0} -h' or '{0} --help' for more information.", args[0]);
            return Err(Failure { text, status: REFUSED });
        }
    };
    let mut stray = Vec::new();
    for token in tokens {
        match token {
            Token::Command(_, letter) => return Err(wrong(format!("invalid option `-{letter}'"))),
            Token::Option(at, value) => reader.option(at, value)?,
            Token::Ignored => {}
            Token::Stray(word) => stray.push(word),
        }
    }
    let command = match command {
        Command::SetTimeouts(_) => Command::SetTimeouts(timeouts(&stray)?),
        command => match stray.first() {
            Some(word) => return Err(wrong(format!("unexpected argument {word}"))),
            None => command,
        },
    };
    reader.finish(command)
}

fn timeouts(words: &[String]) -> Result<[u32; 3], Failure> {
    let [tcp, tcp_fin, udp, ..] = words else { return Err(wrong("--set option requires 3 timeout values")) };
    if let Some(more) = words.get(3) {
        return Err(wrong(format!("unexpected argument {more}")));
    }
    let seconds = |text: &String| match text.parse() {
        Ok(seconds @ 0..=2_678_400) => Ok(seconds),
        _ => Err(wrong(format!("invalid timeout value `{text}' specified"))),
    };
    Ok([seconds(tcp)?, seconds(tcp_fin)?, seconds(udp)?])
}

/// What has been read of a call so far.
struct Reader<'k> {
    kernel: &'k mut Kernel,
    /// The names in messages of the options that were given.
    given: Vec<&'static str>,
    service: Option<ServiceKey>,
    scheduler: Option<String>,
    flags: Option<String>,
    persistence: Option<Persistence>,
    netmask: Ipv4Addr,
    engine: Option<String>,
    server: DestOptions,
    tunnel_type: String,
    tunnel_port: Option<u16>,
}

impl<'k> Reader<'k> {
    fn new(kernel: &'k mut Kernel) -> Reader<'k> {
        let server = DestOptions {
            address: Ipv4Addr::UNSPECIFIED,
            port: 0,
            method: Method::Route,
            tunnel: Tunnel::Ipip,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
        };
        Reader {
            kernel,
            given: Vec::new(),
            service: None,
            scheduler: None,
            flags: None,
            persistence: None,
            netmask: Ipv4Addr::BROADCAST,
            engine: None,
            server,
            tunnel_type: "ipip".to_owned(),
            tunnel_port: None,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.given.contains(&name)
    }

    fn option(&mut self, at: usize, value: Option<String>) -> Result<(), Failure> {
        let (_, long, name, _) = OPTIONS[at];
        if self.has(name) {
            return Err(wrong(format!("multiple '{name}' options specified")));
        }
        self.given.push(name);
        let text = value.unwrap_or_default();
        match long {
            "tcp-service" => self.service = Some(self.address_key(&text, proto::TCP)?),
            "udp-service" => self.service = Some(self.address_key(&text, proto::UDP)?),
            "sctp-service" => self.service = Some(self.address_key(&text, proto::SCTP)?),
            "fwmark-service" => match c_number(&text) {
                Some(mark @ 1..) => self.service = Some(ServiceKey::Mark(mark as u32)),
                _ => return Err(wrong(format!("invalid fwmark value `{text}' specified"))),
            },
            "scheduler" => self.scheduler = Some(text),
            "persistent" => self.persistence = Some(persistence(&text)?),
            "netmask" => self.netmask = self.mask(&text)?,
            "real-server" => self.real_server(&text)?,
            "gatewaying" => self.server.method = Method::Route,
            "ipip" => self.server.method = Method::Tunnel,
            "masquerading" => self.server.method = Method::Masquerade,
            "weight" => self.server.weight = ranged(&text, "illegal weight specified")?,
            "u-threshold" => self.server.upper_threshold = ranged(&text, "illegal u_threshold specified")? as u32,
            "l-threshold" => self.server.lower_threshold = ranged(&text, "illegal l_threshold specified")? as u32,
            "pe" => self.engine = Some(text),
            "sched-flags" => self.flags = Some(text),
            "syncid" => match text.parse::<u8>() {
                Ok(_) => {}
                Err(_) => return Err(wrong("illegal syncid specified")),
            },
            "tun-type" => match text.as_str() {
                "ipip" | "gue" | "gre" => self.tunnel_type = text,
                _ => return Err(wrong("illegal tunnel type specified")),
            },
            "tun-port" => match text.parse() {
                Ok(port @ 1..) => self.tunnel_port = Some(port),
                _ => return Err(wrong("illegal tunnel port specified")),
            },
            _ => {}
        }
        Ok(())
    }

    /// host\[:port\]; the port is 0 if there is none.
    fn endpoint(&mut self, text: &str, protocol: u8) -> Option<(Ipv4Addr, Option<u16>)> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(names::port(self.kernel, port, protocol)?)),
            None => (text, None),
        };
        Some((names::address(self.kernel, host)?, port))
    }

    fn address_key(&mut self, text: &str, protocol: u8) -> Result<ServiceKey, Failure> {
        let (address, port) =
            self.endpoint(text, protocol).ok_or_else(|| wrong("illegal virtual server address[:port] specified"))?;
        Ok(ServiceKey::Address { protocol, address, port: port.unwrap_or(0) })
    }

    fn real_server(&mut self, text: &str) -> Result<(), Failure> {
        let protocol = match self.service {
            Some(ServiceKey::Address { protocol, .. }) => protocol,
            _ => proto::TCP,
        };
        let (address, port) =
            self.endpoint(text, protocol).ok_or_else(|| wrong("illegal real server address[:port] specified"))?;
        self.server.address = address;
        // A server without a port has the service's, if that was named before.
        self.server.port = port.unwrap_or_else(|| self.service.map_or(0, ServiceKey::port));
        Ok(())
    }

    fn mask(&mut self, text: &str) -> Result<Ipv4Addr, Failure> {
        let bare = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
        let mask = bare.map(Ipv4Addr::from).or_else(|| names::address(self.kernel, text));
        mask.ok_or_else(|| wrong("illegal virtual server persistent mask specified"))
    }

    /// generic_opt_check, and what each command wants besides.
    fn finish(mut self, command: Command) -> Result<Options, Failure> {
        let (needed, allowed) = rules(command);
        let mut checked: Vec<&str> = Vec::new();
        for (.., name, _) in OPTIONS {
            if checked.contains(name) {
                continue;
            }
            checked.push(name);
            if needed.contains(name) && !self.has(name) {
                let text = format!("You need to supply the '{name}' option for the '{}' command", command.name());
                return Err(wrong(text));
            }
            if !needed.contains(name) && !allowed.contains(name) && self.has(name) {
                return Err(wrong(format!("Illegal '{name}' option with the '{}' command", command.name())));
            }
        }
        if command == Command::List {
            self.check_list()?;
        }
        if matches!(command, Command::AddService | Command::EditService) {
            self.check_service()?;
        }
        if matches!(command, Command::AddServer | Command::EditServer) {
            self.server.tunnel = self.tunnel()?;
        }
        let view = self.view();
        let scheduler = self.scheduler.clone().unwrap_or_else(|| "wlc".to_owned());
        let scheduler_flags = match &self.flags {
            Some(text) => scheduler_flags(&scheduler, text)?,
            None => 0,
        };
        let engine = match self.engine.as_deref() {
            None => None,
            Some(name) => Some(Engine::new(name).ok_or_else(|| super::refused(crate::ipvs::Error::NoScheduler))?),
        };
        Ok(Options {
            command,
            service: self.service,
            scheduler_flags,
            persistence: self.persistence,
            netmask: self.netmask,
            one_packet: self.has("ops"),
            engine,
            server: self.has("real-server").then_some(self.server),
            numeric: self.has("numeric"),
            exact: self.has("exact"),
            sorted: !self.has("nosort"),
            persistent: self.has("persistent-conn"),
            view,
            scheduler: self.scheduler,
        })
    }

    fn check_list(&self) -> Result<(), Failure> {
        let exclusive = ["connection", "service-address", "timeout", "daemon"];
        let mut given = exclusive.iter().filter(|name| self.has(name));
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            let text = format!("The option '{second}' conflicts with the '{first}' option in the 'list' command");
            return Err(wrong(text));
        }
        let is_special = self.has("connection") || self.has("timeout") || self.has("daemon");
        let has_columns = self.has("stats") || self.has("rate") || self.has("thresholds");
        let no_persistent = (self.has("timeout") || self.has("daemon")) && self.has("persistent-conn");
        if is_special && has_columns || no_persistent {
            return Err(wrong("options conflicts in the list command"));
        }
        Ok(())
    }

    fn check_service(&self) -> Result<(), Failure> {
        if let Some(ServiceKey::Address { port: 0, .. }) = self.service
            && self.persistence.is_none()
        {
            return Err(wrong("Zero port specified for non-persistent service"));
        }
        let is_tcp = matches!(self.service, Some(ServiceKey::Address { protocol: proto::TCP, .. }));
        if self.has("ops") && is_tcp {
            return Err(wrong("One-Packet Scheduling is only for UDP virtual services"));
        }
        Ok(())
    }

    fn tunnel(&self) -> Result<Tunnel, Failure> {
        let options = ["tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum"];
        if self.server.method != Method::Tunnel && options.iter().any(|name| self.has(name)) {
            return Err(wrong("Tunnel options conflict with forward method"));
        }
        let checksum = match self {
            _ if self.has("tun-csum") => TunnelChecksum::Full,
            _ if self.has("tun-remcsum") => TunnelChecksum::Remote,
            _ => TunnelChecksum::None,
        };
        match self.tunnel_type.as_str() {
            "gue" => match self.tunnel_port {
                Some(port) => Ok(Tunnel::Gue { port, checksum }),
                None => Err(wrong("You need to supply the 'tun-port' option for the 'gue' tunnel type")),
            },
            "gre" => Ok(Tunnel::Gre { checksum }),
            _ => Ok(Tunnel::Ipip),
        }
    }

    fn view(&self) -> View {
        match self {
            _ if self.has("connection") => View::Connections,
            _ if self.has("timeout") => View::Timeouts,
            _ if self.has("daemon") => View::Daemons,
            _ if self.has("stats") => View::Services(Columns::Stats),
            _ if self.has("rate") => View::Services(Columns::Rates),
            _ if self.has("thresholds") => View::Services(Columns::Thresholds),
            _ if self.has("persistent-conn") => View::Services(Columns::Persistent),
            _ if self.has("tun-info") => View::Services(Columns::Tunnels),
            _ => View::Services(Columns::Plain),
        }
    }
}

/// string_to_number: decimal, octal or hexadecimal.
fn c_number(text: &str) -> Option<i64> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(text, 8).ok()?,
        None => text.parse().ok()?,
    };
    (value <= i64::from(u32::MAX)).then_some(value)
}

fn ranged(text: &str, complaint: &str) -> Result<i32, Failure> {
    let value = c_number(text).and_then(|value| i32::try_from(value).ok()).filter(|value| *value >= 0);
    value.ok_or_else(|| wrong(complaint))
}

fn persistence(text: &str) -> Result<Persistence, Failure> {
    if text.is_empty() {
        return Ok(Persistence { timeout: Span::from_secs(360) });
    }
    match c_number(text) {
        Some(seconds @ 1..=2_678_400) => Ok(Persistence { timeout: Span::from_secs(seconds as u64) }),
        _ => Err(wrong(format!("invalid timeout value `{text}' specified"))),
    }
}

/// parse_sched_flags: names with commas between them.
fn scheduler_flags(scheduler: &str, text: &str) -> Result<u8, Failure> {
    text.split(',').try_fold(0, |flags, name| {
        let (own, bit) = match name {
            "flag-1" => (scheduler, 1),
            "flag-2" => (scheduler, 2),
            "flag-3" => (scheduler, 4),
            "sh-fallback" => ("sh", 1),
            "sh-port" => ("sh", 2),
            "mh-fallback" => ("mh", 1),
            "mh-port" => ("mh", 2),
            _ => return Err(wrong(format!("invalid scheduler flag `{name}'"))),
        };
        if own != scheduler {
            return Err(wrong(format!("incompatible scheduler flag `{name}'")));
        }
        Ok(flags | bit)
    })
}
