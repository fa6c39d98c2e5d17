//! A call of ipvsadm, read option by option as it reads them.

use std::net::Ipv4Addr;

use super::options::{self, Command, Given, Opt, Tag};
use super::popt::Popt;
use super::values::{self, Endpoint, NO_NUMBER};
use super::{Failure, left, refused, wrong};
use crate::host::Kernel;
use crate::ipvs::sync::{Role, Settings};
use crate::ipvs::{
    DestOptions, Engine, Error, Method, Persistence, ServiceKey, ServiceOptions, Tunnel, TunnelChecksum,
};
use crate::time::Span;
use crate::wire::proto;

/// The scheduler of services that name none.
const DEFAULT_SCHEDULER: &str = "wlc";

/// What -p means without a number, in seconds, and the longest time that it takes (31 days).
const PERSISTENT_SECONDS: u32 = 360;
const MAX_TIMEOUT: i64 = 2_678_400;

/// Which service a call speaks of.
#[derive(Clone, Copy, Debug)]
enum Service {
    Known(ServiceKey),
    /// IPv6, which this kernel is built without.
    Foreign,
}

/// A call, understood.
pub(super) struct Call {
    pub command: Command,
    pub given: Given,
    service: Option<Service>,
    scheduler: Option<String>,
    scheduler_flags: u8,
    persistence: Option<Persistence>,
    netmask: Ipv4Addr,
    engine: Option<String>,
    server: DestOptions,
    server_is_foreign: bool,
    tunnel_type: &'static str,
    checksum: TunnelChecksum,
    tunnel_port: u16,
    /// The daemon to start or stop, and how.
    pub role: Role,
    pub daemon: Settings,
    daemon_is_foreign: bool,
    /// --set: TCP, TCP after a FIN, UDP; in seconds.
    pub timeouts: [u32; 3],
}

impl Call {
    fn new(command: Command) -> Call {
        Call {
            command,
            given: Given::default(),
            service: None,
            scheduler: None,
            scheduler_flags: 0,
            persistence: None,
            netmask: Ipv4Addr::BROADCAST,
            engine: None,
            server: DestOptions {
                address: Ipv4Addr::UNSPECIFIED,
                port: 0,
                method: Method::Route,
                tunnel: Tunnel::Ipip,
                weight: 1,
                upper_threshold: 0,
                lower_threshold: 0,
            },
            server_is_foreign: false,
            tunnel_type: "ipip",
            checksum: TunnelChecksum::None,
            tunnel_port: 0,
            role: Role::Master,
            daemon: Settings::default(),
            daemon_is_foreign: false,
            timeouts: [0; 3],
        }
    }

    /// Reads a call, and checks what can be checked without the kernel (parse_options, process_options).
    pub fn read(kernel: &mut Kernel, args: &[String]) -> Result<Call, Failure> {
        let mut words = Popt::new(args);
        let Some(Ok((Tag::Command(command), word))) = words.option() else { return Err(try_help(&args[0])) };
        let mut call = Call::new(command);
        if let (Command::StartDaemon | Command::StopDaemon, Some(word)) = (command, word) {
            call.role = options::role(word, command)?;
        }
        if matches!(command, Command::Help | Command::Version) {
            return Ok(call);
        }
        let mut flags = "";
        while let Some(option) = words.option() {
            let (tag, value) = option.map_err(|why| left(format!("{}: {why}", words.bad_word())))?;
            let text = value.unwrap_or_default();
            match tag {
                Tag::Command(_) => return Err(wrong(format!("invalid option `{}'", words.bad_word()))),
                Tag::Plain(Opt::Persistent) => {
                    call.given.add(Opt::Persistent)?;
                    call.persistence = Some(persistence(value)?);
                }
                Tag::Plain(Opt::SchedFlags) => {
                    call.given.add(Opt::SchedFlags)?;
                    flags = text;
                }
                tag => call.option(kernel, tag, text)?,
            }
        }
        call.arguments(&words.stray())?;
        if !flags.is_empty() {
            let scheduler = call.scheduler.as_deref().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_SCHEDULER);
            call.scheduler_flags = values::scheduler_flags(scheduler, flags)?;
        }
        call.check()?;
        Ok(call)
    }

    fn option(&mut self, kernel: &mut Kernel, tag: Tag, text: &str) -> Result<(), Failure> {
        match tag {
            Tag::Service(protocol) => {
                self.given.add(Opt::Service)?;
                self.service = Some(match values::endpoint(kernel, text, protocol) {
                    Some(Endpoint::V4(address, port)) => {
                        Service::Known(ServiceKey::Address { protocol, address, port: port.unwrap_or(0) })
                    }
                    Some(Endpoint::V6) => Service::Foreign,
                    None => return Err(wrong("illegal virtual server address[:port] specified")),
                });
            }
            Tag::Mark => {
                self.given.add(Opt::Service)?;
                let mark = values::number(text, 1, i64::from(u32::MAX));
                let mark = mark.ok_or_else(|| wrong(format!("invalid fwmark value `{text}' specified")))?;
                self.service = Some(Service::Known(ServiceKey::Mark(mark as u32)));
            }
            Tag::Ipv6 if matches!(self.service, Some(Service::Known(ServiceKey::Mark(_)))) => {
                self.service = Some(Service::Foreign);
            }
            Tag::Ipv6 => return Err(wrong("-6 used before -f\n")),
            Tag::Forward(method) => {
                self.given.add(Opt::Forward)?;
                self.server.method = method;
            }
            Tag::Checksum(option, checksum) => {
                self.given.add(option)?;
                self.checksum = checksum;
            }
            Tag::Plain(option) => {
                self.given.add(option)?;
                self.value(kernel, option, text)?;
            }
            Tag::Sort | Tag::Command(_) => {}
        }
        Ok(())
    }

    fn value(&mut self, kernel: &mut Kernel, option: Opt, text: &str) -> Result<(), Failure> {
        const INT: i64 = i32::MAX as i64;
        let number = |min, max, complaint: &str| values::number(text, min, max).ok_or_else(|| wrong(complaint));
        match option {
            Opt::Scheduler => self.scheduler = Some(text.to_owned()),
            Opt::Engine => self.engine = Some(text.to_owned()),
            Opt::Netmask => {
                let mask = values::host(kernel, text);
                self.netmask = mask.ok_or_else(|| wrong("illegal virtual server persistent mask specified"))?;
            }
            Opt::Server => self.real_server(kernel, text)?,
            Opt::Weight => self.server.weight = number(0, INT, "illegal weight specified")? as i32,
            Opt::UpperThreshold => {
                self.server.upper_threshold = number(0, INT, "illegal u_threshold specified")? as u32;
            }
            Opt::LowerThreshold => {
                self.server.lower_threshold = number(0, INT, "illegal l_threshold specified")? as u32;
            }
            Opt::McastInterface => text.clone_into(&mut self.daemon.interface),
            Opt::SyncId => self.daemon.id = number(0, 255, "illegal syncid specified")? as u8,
            Opt::McastGroup => match values::group(text)? {
                Endpoint::V4(group, _) => self.daemon.group = group,
                Endpoint::V6 => self.daemon_is_foreign = true,
            },
            Opt::McastPort => self.daemon.port = number(1, 65_535, "illegal mcast-port specified")? as u16,
            Opt::McastTtl => self.daemon.ttl = number(1, 255, "illegal mcast-ttl specified")? as u8,
            Opt::SyncMaxLen => {
                self.daemon.max_len = Some(number(1, 65_507, "illegal sync-maxlen specified")? as u16);
            }
            Opt::TunType => {
                let known = ["ipip", "gue", "gre"].into_iter().find(|known| *known == text);
                self.tunnel_type = known.ok_or_else(|| wrong("illegal tunnel type specified"))?;
            }
            Opt::TunPort => self.tunnel_port = number(1, 65_535, "illegal tunnel port specified")? as u16,
            _ => {}
        }
        Ok(())
    }

    fn real_server(&mut self, kernel: &mut Kernel, text: &str) -> Result<(), Failure> {
        let (protocol, service_port) = match self.service {
            Some(Service::Known(ServiceKey::Address { protocol, port, .. })) => (protocol, port),
            Some(_) => (proto::TCP, 0),
            None => (0, 0),
        };
        match values::endpoint(kernel, text, protocol) {
            Some(Endpoint::V4(address, port)) => {
                self.server.address = address;
                // A server without a port has the service's, if that was named before.
                self.server.port = port.unwrap_or(service_port);
            }
            Some(Endpoint::V6) => self.server_is_foreign = true,
            None => return Err(wrong("illegal real server address[:port] specified")),
        }
        Ok(())
    }

    /// The words that are no options: the numbers of --set, and nothing else.
    fn arguments(&mut self, words: &[&str]) -> Result<(), Failure> {
        let mut rest = words;
        if self.command == Command::SetTimeouts {
            let [tcp, tcp_fin, udp, more @ ..] = words else {
                return Err(wrong("--set option requires 3 timeout values"));
            };
            for (timeout, text) in self.timeouts.iter_mut().zip([tcp, tcp_fin, udp]) {
                *timeout = seconds(text, 0)?;
            }
            rest = more;
        }
        match rest.first() {
            Some(word) => Err(wrong(format!("unexpected argument {word}"))),
            None => Ok(()),
        }
    }

    /// process_options, before it does anything.
    fn check(&mut self) -> Result<(), Failure> {
        options::check_command(self.command, self.given)?;
        match self.command {
            Command::AddService | Command::EditService => self.check_service(),
            Command::AddServer | Command::EditServer => self.check_server(),
            _ => Ok(()),
        }
    }

    fn check_service(&self) -> Result<(), Failure> {
        let Some(Service::Known(ServiceKey::Address { protocol, port, .. })) = self.service else { return Ok(()) };
        if port == 0 && self.persistence.is_none() {
            return Err(wrong("Zero port specified for non-persistent service"));
        }
        if self.given.has(Opt::OnePacket) && protocol != proto::UDP {
            return Err(wrong("One-Packet Scheduling is only for UDP virtual services"));
        }
        Ok(())
    }

    fn check_server(&mut self) -> Result<(), Failure> {
        let is_tunnel = self.server.method == Method::Tunnel;
        // Only masquerading can change ports, so servers of the other methods get the service's own.
        if let Some(Service::Known(ServiceKey::Address { port, .. })) = self.service
            && self.server.method != Method::Masquerade
        {
            self.server.port = port;
        }
        if self.server_is_foreign != matches!(self.service, Some(Service::Foreign)) && !is_tunnel {
            return Err(wrong("Different address family is allowed only for tunneling servers"));
        }
        if self.given.has_any(options::TUNNEL_ONLY) && !is_tunnel {
            return Err(wrong("Tunnel options conflict with forward method"));
        }
        options::check_tunnel(self.tunnel_type, self.given)?;
        self.server.tunnel = match self.tunnel_type {
            "gue" => Tunnel::Gue { port: self.tunnel_port, checksum: self.checksum },
            "gre" => Tunnel::Gre { checksum: self.checksum },
            _ => Tunnel::Ipip,
        };
        Ok(())
    }

    /// The service that the call is about.
    pub fn key(&self) -> Result<ServiceKey, Failure> {
        match self.service {
            Some(Service::Known(key)) => Ok(key),
            Some(Service::Foreign) => Err(refused(Error::NoFamily)),
            // The commands that need a service have been checked to have one.
            None => Err(refused(Error::Invalid)),
        }
    }

    /// The service that the call is about, if it is about one.
    pub fn maybe_key(&self) -> Result<Option<ServiceKey>, Failure> {
        self.service.map(|_| self.key()).transpose()
    }

    /// The server that the call is about.
    pub fn server(&self) -> Result<DestOptions, Failure> {
        if self.server_is_foreign { Err(refused(Error::NoFamily)) } else { Ok(self.server) }
    }

    /// How the daemon is to be started.
    pub fn daemon(&self) -> Result<Settings, Failure> {
        if self.daemon_is_foreign { Err(refused(Error::NoFamily)) } else { Ok(self.daemon.clone()) }
    }

    /// What the service is to be like.
    pub fn service_options(&self) -> Result<ServiceOptions, Failure> {
        let engine = match self.engine.as_deref() {
            None | Some("") => None,
            Some(name) => Some(Engine::new(name).ok_or_else(|| refused(Error::NoScheduler))?),
        };
        let scheduler = self.scheduler.as_deref().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_SCHEDULER);
        Ok(ServiceOptions {
            scheduler: scheduler.to_owned(),
            scheduler_flags: self.scheduler_flags,
            persistence: self.persistence,
            netmask: self.netmask,
            one_packet: self.given.has(Opt::OnePacket),
            engine,
        })
    }
}

/// tryhelp_exit.
pub(super) fn try_help(program: &str) -> Failure {
    Failure::exit(255, format!("Try `{program} -h' or '{program} --help' for more information."))
}

fn persistence(value: Option<&str>) -> Result<Persistence, Failure> {
    let seconds = match value {
        Some(text) => seconds(text, 1)?,
        None => PERSISTENT_SECONDS,
    };
    Ok(Persistence { timeout: Span::from_secs(u64::from(seconds)) })
}

/// parse_timeout.
fn seconds(text: &str, min: i64) -> Result<u32, Failure> {
    let seconds = values::number(text, min, MAX_TIMEOUT);
    seconds.map(|seconds| seconds as u32).ok_or_else(|| wrong(format!("{NO_NUMBER} `{text}' specified")))
}
