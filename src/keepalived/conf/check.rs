//! virtual_server and real_server (check/check_parser.c).

use std::net::Ipv4Addr;

use super::group::{endpoint, ip, server_group};
use super::model::{Kind, Pace, Server, Service, ServiceName, Sorry, TunnelChecksum, Wrapping};
use super::parser::Parser;
use super::values::TIMER_MAX;
use super::{checker, services};
use crate::wire::proto;

/// The highest weight of the kernel (IPVS_WEIGHT_LIMIT).
pub const MAX_WEIGHT: u32 = i32::MAX as u32;

/// persistence_timeout without a value.
const PERSISTENCE: u32 = 360;

const SCHEDULERS: &[&str] =
    &["rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos"];

/// A keyword outside all blocks.
pub fn keyword(parser: &mut Parser, name: &str) -> bool {
    match name {
        "virtual_server" => service(parser),
        "virtual_server_group" => server_group(parser),
        "SSL" => ssl(parser),
        _ => return false,
    }
    true
}

/// What follows from several keywords of a service.
pub use services::complete;

/// Certificates have no effect: the handshake that is simulated knows none.
fn ssl(parser: &mut Parser) {
    parser.inner(|parser, name| {
        let type_name = match name {
            "password" => "password",
            "ca" => "cafile",
            "certificate" => "certfile",
            "key" => "keyfile",
            _ => return false,
        };
        if parser.word(1).is_none() {
            parser.warn(format!("SSL {type_name} missing"));
        }
        parser.without_effect();
        true
    });
}

fn service_name(parser: &mut Parser) -> Option<ServiceName> {
    let first = parser.parameter()?;
    let second = parser.word(2).map(str::to_owned);
    match (first.as_str(), second) {
        ("group" | "fwmark", None) => {
            parser.crash();
            None
        }
        ("group", Some(name)) => {
            let is_same = |service: &&Service| matches!(&service.name, ServiceName::Group(other, _) if *other == name);
            let number = parser.config.services.iter().filter(is_same).count();
            Some(ServiceName::Group(name, u16::try_from(number).unwrap_or(u16::MAX)))
        }
        ("fwmark", Some(text)) => {
            let mark = parser.unsigned_text(&text, 0, u32::MAX, true);
            if mark.is_none() {
                let most = u32::MAX;
                parser.warn(format!("virtual server fwmark '{text}' must be in [0, {most}] - ignoring"));
            }
            mark.map(ServiceName::Mark)
        }
        (address, port) => {
            let port = port.filter(|port| !port.trim_start_matches('0').is_empty());
            let found = endpoint(parser, address, port.as_deref());
            if found.is_none() {
                let (label, slash) = if port.is_some() { ("/port", "/") } else { ("", "") };
                let port = port.unwrap_or_default();
                parser.warn(format!("Invalid virtual server IP address{label} {address}{slash}{port} - skipping"));
            }
            found.map(ServiceName::Address)
        }
    }
}

fn service(parser: &mut Parser) {
    let Some(name) = service_name(parser) else { return parser.skip() };
    let is_ipv6 = match &name {
        ServiceName::Address(address) => Some(address.is_ipv6()),
        ServiceName::Mark(_) | ServiceName::Group(..) => None,
    };
    let mut service = Service {
        name,
        is_ipv6,
        protocol: 0,
        scheduler: String::new(),
        flags: Vec::new(),
        kind: None,
        persistence: None,
        granularity: Ipv4Addr::BROADCAST,
        engine: None,
        one_packet: false,
        quorum: 1,
        hysteresis: 0,
        quorum_up: None,
        quorum_down: None,
        omega: false,
        inhibit: false,
        ha_suspend: false,
        virtualhost: None,
        weight: 1,
        sorry: None,
        pace: Pace::default(),
        servers: Vec::new(),
    };
    parser.inner(|parser, name| service_keyword(parser, name, &mut service));
    family_of_sorry(parser, &mut service);
    parser.config.services.push(service);
}

/// vs_end_handler: packets for a server of the other family have to go through a tunnel.
fn family_of_sorry(parser: &mut Parser, it: &mut Service) {
    let Some(sorry) = it.sorry.filter(|sorry| !matches!(sorry.kind, Some(Kind::Tunnel(_)))) else { return };
    if *it.is_ipv6.get_or_insert(sorry.address.is_ipv6()) != sorry.address.is_ipv6() {
        parser.warn(format!(
            "Address family of virtual server and sorry server {} don't match - skipping sorry server.",
            sorry.address.ip()
        ));
        it.sorry = None;
    }
}

fn service_keyword(parser: &mut Parser, name: &str, it: &mut Service) -> bool {
    match name {
        "ip_family" => family(parser, it),
        "lb_algo" | "lvs_sched" => match parser.parameter() {
            Some(scheduler) if SCHEDULERS.contains(&scheduler.as_str()) => it.scheduler = scheduler,
            Some(other) => parser.warn(format!("Invalid lvs_scheduler '{other}' - ignoring")),
            None => {}
        },
        "lb_kind" | "lvs_method" => it.kind = kind(parser, "virtual").or(it.kind),
        "protocol" => protocol(parser, it),
        "persistence_timeout" => match parser.word(1) {
            None => it.persistence = Some(PERSISTENCE),
            Some(_) => match parser.unsigned(1, 1, 86_400 * 31, false) {
                Some(seconds) => it.persistence = Some(seconds),
                None => parser.warn("persistence_timeout invalid"),
            },
        },
        "persistence_granularity" => granularity(parser, it),
        "persistence_engine" => it.engine = parser.parameter().or(it.engine.take()),
        "ops" => it.one_packet = true,
        "hashed" | "flag-1" | "flag-2" | "flag-3" | "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" => {
            flag(parser, name, it);
        }
        "quorum" => {
            it.quorum = parser.unsigned(1, 1, u32::MAX, true).unwrap_or_else(|| {
                let text = parser.word(1).unwrap_or_default().to_owned();
                parser.warn(format!("Quorum {text} must be in [1, {}]. Setting to 1.", u32::MAX));
                1
            });
        }
        "hysteresis" => match parser.unsigned(1, 0, u32::MAX, true) {
            Some(hysteresis) => it.hysteresis = hysteresis,
            None => {
                let text = parser.word(1).unwrap_or_default().to_owned();
                parser.warn(format!("Hysteresis {text} must be in [0, {}] - ignoring", u32::MAX));
            }
        },
        "quorum_up" => script(parser, name, &mut it.quorum_up),
        "quorum_down" => script(parser, name, &mut it.quorum_down),
        "omega" => it.omega = true,
        "inhibit_on_failure" => it.inhibit = true,
        "ha_suspend" => it.ha_suspend = true,
        "alpha" => it.pace.alpha = Some(true),
        "virtualhost" => virtualhost(parser, "virtual server virtualhost missing", &mut it.virtualhost),
        "weight" => it.weight = weight(parser, "Virtual", 1).unwrap_or(it.weight),
        "sorry_server" => sorry(parser, it),
        "sorry_server_inhibit" => match &mut it.sorry {
            Some(sorry) => sorry.inhibit = true,
            None => parser.warn("Ignoring sorry_server inhibit used before or without sorry_server"),
        },
        "sorry_server_lvs_method" => match &mut it.sorry {
            Some(sorry) => sorry.kind = kind(parser, "sorry").or(sorry.kind),
            None => parser.warn("sorry_server forwarding used without sorry_server"),
        },
        "real_server" => server(parser, it),
        "smtp_alert" => drop(parser.switch_or(|word| format!("Invalid virtual_server smtp_alert parameter {word}"))),
        "snmp_name" => {
            if parser.words().len() != 1 {
                parser.warn("virtual server snmp_name missing or extra parameters");
            }
        }
        _ => return pace(parser, name, &mut it.pace, "virtual"),
    }
    true
}

fn family(parser: &mut Parser, it: &mut Service) {
    let Some(text) = parser.parameter() else { return };
    let is_ipv6 = match text.as_str() {
        "inet" => false,
        "inet6" => true,
        other => return parser.warn(format!("unknown address family {other}")),
    };
    if *it.is_ipv6.get_or_insert(is_ipv6) != is_ipv6 {
        parser.warn(format!("Virtual server specified family {text} conflicts with server family"));
    }
}

fn protocol(parser: &mut Parser, it: &mut Service) {
    let Some(text) = parser.parameter() else { return };
    match text.to_ascii_uppercase().as_str() {
        "TCP" => it.protocol = proto::TCP,
        "UDP" => it.protocol = proto::UDP,
        "SCTP" => it.protocol = proto::SCTP,
        _ => parser.warn(format!("Unknown protocol {text} - ignoring")),
    }
}

fn granularity(parser: &mut Parser, it: &mut Service) {
    let Some(text) = parser.parameter() else { return };
    let is_ipv6 = it.is_ipv6.unwrap_or(!text.contains('.'));
    let family = if is_ipv6 { "IPv6" } else { "IPv4" };
    let is_valid = if is_ipv6 {
        parser.unsigned(1, 1, 128, false).is_some()
    } else {
        let mask = mask(&text);
        it.granularity = mask.unwrap_or(it.granularity);
        mask.is_some()
    };
    if !is_valid {
        return parser.warn(format!("Invalid {family} persistence_granularity specified - {text}"));
    }
    it.is_ipv6.get_or_insert(is_ipv6);
    it.persistence.get_or_insert(PERSISTENCE);
}

/// inet_aton: the last number fills what is left of the address.
fn mask(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    let room = 32_u32.checked_sub(8 * u32::try_from(first.len()).ok()?)?;
    let fits = first.iter().all(|part| *part <= 255) && first.len() < 4 && last.checked_shr(room).unwrap_or(0) == 0;
    let high = first.iter().zip([24, 16, 8]).map(|(part, shift)| part << shift).sum::<u32>();
    fits.then(|| Ipv4Addr::from(high | last))
}

/// lbflags_handler: flags of a scheduler count behind its name only.
fn flag(parser: &mut Parser, name: &str, it: &mut Service) {
    let is_known = match it.scheduler.as_str() {
        _ if name.starts_with("flag-") => true,
        scheduler @ ("sh" | "mh") => {
            if !name.starts_with(scheduler) {
                return;
            }
            true
        }
        _ => false,
    };
    if is_known {
        it.flags.push(name.to_owned());
    } else {
        parser.warn(format!("{name} only applies to sh scheduler - ignoring"));
    }
}

/// NAT, DR, TUN, and what a tunnel is made of (svr_forwarding_handler).
fn kind(parser: &mut Parser, whose: &str) -> Option<Kind> {
    let text = parser.parameter()?;
    if !matches!(text.as_str(), "NAT" | "DR" | "TUN") {
        parser.warn(format!("PARSER : unknown [{text}] routing method for {whose} server."));
        return None;
    }
    let wrapping = wrapping(parser, whose).unwrap_or_else(|complaint| {
        parser.warn(complaint);
        Wrapping::Ipip
    });
    Some(match text.as_str() {
        "NAT" => Kind::Nat,
        "DR" => Kind::Route,
        _ => Kind::Tunnel(wrapping),
    })
}

fn wrapping(parser: &mut Parser, whose: &str) -> Result<Wrapping, String> {
    let words = parser.words();
    let mut options = words.iter().skip(1);
    let (mut tunnel, mut port, mut checksum) = ("ipip", None, TunnelChecksum::None);
    while let Some(option) = options.next() {
        match option.as_str() {
            "type" => match options.next().map(String::as_str) {
                None => return Err(format!("Missing tunnel type for {whose} server.")),
                Some(known @ ("ipip" | "gue" | "gre")) => tunnel = known,
                Some(other) => return Err(format!("Unknown tunnel type {other} for {whose} server.")),
            },
            "port" => {
                let text = options.next().ok_or_else(|| format!("Missing port for {whose} server gue tunnel."))?;
                let number = parser.unsigned_text(text, 1, 65_535, false).and_then(|port| u16::try_from(port).ok());
                port = Some(number.ok_or_else(|| format!("Invalid gue tunnel port {text} for {whose} server."))?);
            }
            "nocsum" => checksum = TunnelChecksum::None,
            "csum" => checksum = TunnelChecksum::Full,
            "remcsum" => checksum = TunnelChecksum::Remote,
            other => return Err(format!("Invalid tunnel option {other} for {whose} server.")),
        }
    }
    let complaint = match (tunnel, port, checksum) {
        ("gue", Some(port), _) => return Ok(Wrapping::Gue { port, checksum }),
        ("gue", None, _) | (_, Some(_), _) => "gue tunnels require port, otherwise cannot have port.",
        ("gre", _, TunnelChecksum::Remote) => "gre tunnels do not support remote checksum option.",
        ("gre", _, _) => return Ok(Wrapping::Gre { has_checksum: checksum == TunnelChecksum::Full }),
        (_, _, TunnelChecksum::None) => return Ok(Wrapping::Ipip),
        _ => "ipip tunnels do not support checksum option.",
    };
    Err(complaint.to_owned())
}

/// A script and its parameters (notify_script_init).
fn script(parser: &mut Parser, name: &str, slot: &mut Option<String>) {
    if slot.is_some() {
        let Some(path) = parser.parameter() else { return };
        return parser.warn(format!("((null)) {name} script already specified - ignoring {path}"));
    }
    if let Some(words) = parser.command().filter(|words| words.len() > 1) {
        *slot = Some(words[1].clone());
    }
}

fn virtualhost(parser: &mut Parser, complaint: &str, slot: &mut Option<String>) {
    match parser.word(1) {
        Some(name) => *slot = Some(name.to_owned()),
        None => parser.warn(complaint),
    }
}

fn weight(parser: &mut Parser, whose: &str, min: u32) -> Option<i32> {
    let weight = parser.unsigned(1, min, MAX_WEIGHT, true).map(|weight| weight as i32);
    if weight.is_none() {
        let text = parser.word(1).unwrap_or_default().to_owned();
        parser.warn(format!("{whose} server weight {text} is outside range {min}-{MAX_WEIGHT}"));
    }
    weight
}

fn sorry(parser: &mut Parser, it: &mut Service) {
    let Some(address) = parser.parameter() else { return };
    let port = parser.word(2).map(str::to_owned);
    match endpoint(parser, &address, port.as_deref()) {
        Some(found) => it.sorry = Some(Sorry { address: found, kind: it.kind, inhibit: false }),
        None => parser.warn(format!("Invalid sorry server IP address {address} - skipping")),
    }
}

/// The keywords that services, servers and checkers share; each complains in its own way.
pub fn pace(parser: &mut Parser, name: &str, pace: &mut Pace, whose: &str) -> bool {
    let text = parser.word(1).unwrap_or_default().to_owned();
    let is_checker = whose == "checker";
    let label = if whose == "virtual" { name.replace('_', " ") } else { name.to_owned() };
    let complaint = match name {
        "connect_timeout" if is_checker => format!("connect_timeout {text} invalid - ignoring"),
        "connect_timeout" => format!("{whose} server connect_timeout {text} invalid - ignoring"),
        "delay_loop" if is_checker => format!("delay_loop '{text}' is invalid - ignoring"),
        "retry" if !is_checker => format!("retry value invalid - {text}"),
        _ if is_checker => format!("Invalid {name} connection value '{text}'"),
        _ => format!("{whose} server {label} '{text}' invalid - ignoring"),
    };
    let is_valid = match name {
        "connect_timeout" => set(&mut pace.connect_timeout, parser.timer(1, 1, u64::from(u32::MAX))),
        "delay_loop" => set(&mut pace.delay_loop, parser.timer(1, 1, TIMER_MAX)),
        "delay_before_retry" => set(&mut pace.delay_before_retry, parser.timer(1, 0, TIMER_MAX)),
        "warmup" => set(&mut pace.warmup, parser.timer(1, 0, TIMER_MAX)),
        "retry" => {
            let least = u32::from(!is_checker);
            set(&mut pace.retry, parser.unsigned(1, least, u32::MAX, is_checker))
        }
        "alpha" if whose != "virtual" => {
            pace.alpha = parser.switch_or(|word| format!("Invalid alpha parameter {word}")).or(pace.alpha);
            return true;
        }
        _ => return false,
    };
    if !is_valid {
        parser.warn(complaint);
    }
    true
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let is_valid = value.is_some();
    if is_valid {
        *slot = value;
    }
    is_valid
}

fn server(parser: &mut Parser, service: &mut Service) {
    let Some(text) = parser.parameter() else { return };
    let port = parser.word(2).map(str::to_owned);
    let Some(address) = endpoint(parser, &text, port.as_deref()) else {
        let port = port.as_deref().unwrap_or("(null)");
        parser.warn(format!("Invalid real server ip address/port {text}/{port} - skipping"));
        return parser.skip();
    };
    let mut server = Server {
        address,
        weight: None,
        kind: None,
        inhibit: None,
        upper_threshold: 0,
        lower_threshold: 0,
        notify_up: None,
        notify_down: None,
        virtualhost: None,
        pace: Pace::default(),
        checkers: Vec::new(),
    };
    parser.inner(|parser, name| server_keyword(parser, name, &mut server, service.protocol));
    let kind = server.kind.or(service.kind);
    if !matches!(kind, Some(Kind::Tunnel(_))) && *service.is_ipv6.get_or_insert(address.is_ipv6()) != address.is_ipv6()
    {
        return parser.warn(format!(
            "Address family of virtual server and real server {} don't match - skipping real server.",
            address.ip()
        ));
    }
    service.servers.push(server);
}

fn server_keyword(parser: &mut Parser, name: &str, it: &mut Server, protocol: u8) -> bool {
    match name {
        "weight" => it.weight = weight(parser, "Real", 0).or(it.weight),
        "lvs_method" => it.kind = kind(parser, "real").or(it.kind),
        "uthreshold" => it.upper_threshold = threshold(parser, name).unwrap_or(it.upper_threshold),
        "lthreshold" => it.lower_threshold = threshold(parser, name).unwrap_or(it.lower_threshold),
        "inhibit_on_failure" => {
            it.inhibit = parser.switch_or(|word| format!("Invalid inhibit_on_failure parameter {word}")).or(it.inhibit);
        }
        "notify_up" => script(parser, name, &mut it.notify_up),
        "notify_down" => script(parser, name, &mut it.notify_down),
        "virtualhost" => virtualhost(parser, "real server virtualhost missing", &mut it.virtualhost),
        "smtp_alert" => drop(parser.switch_or(|word| format!("Invalid real_server smtp_alert parameter {word}"))),
        "snmp_name" => {
            if parser.words().len() != 1 {
                parser.warn("real server snmp_name missing or extra parameters");
            }
        }
        _ => return pace(parser, name, &mut it.pace, "real") || checker::keyword(parser, name, it, protocol),
    }
    true
}

fn threshold(parser: &mut Parser, name: &str) -> Option<u32> {
    let threshold = parser.unsigned(1, 0, u32::MAX, true);
    if threshold.is_none() {
        let text = parser.word(1).unwrap_or_default().to_owned();
        parser.warn(format!("Invalid real_server {name} '{text}' - ignoring"));
    }
    threshold
}

/// An address for a checker's own traffic.
pub fn own_address(parser: &mut Parser, name: &str) -> Option<std::net::IpAddr> {
    let text = parser.parameter()?;
    let found = ip(&text);
    if found.is_none() {
        parser.warn(format!("Invalid {name} address {text} - ignoring"));
    }
    found
}
