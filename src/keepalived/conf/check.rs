//! virtual_server and what stands inside it (check/check_parser.c, check_data.c).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::lexer::Files;
use super::model::{Checker, CheckerKind, Kind, Pace, Server, ServerGroup, Service, ServiceName, Url};
use super::parser::Parser;
use crate::wire::proto;

/// The longest time that keywords take, in seconds.
const LONGEST: f64 = 4_294.0;

const IGNORED: &[&str] =
    &["est_timeout", "hashed", "smtp_alert", "sched-flags", "ip_family", "snmp_name", "use_priority"];

/// A keyword outside all blocks.
pub fn keyword(parser: &mut Parser, name: &str) -> bool {
    match name {
        "virtual_server" => service(parser),
        "virtual_server_group" => server_group(parser),
        "SSL" => parser.skip(),
        _ => return false,
    }
    true
}

fn server_group(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let mut group = ServerGroup { name, ..ServerGroup::default() };
    for line in parser.values() {
        let words: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
        match words.as_slice() {
            ["fwmark", mark, ..] => match mark.parse() {
                Ok(mark @ 1..) => group.marks.push(mark),
                _ => parser.warn(format!("Invalid fwmark {mark} in virtual_server_group {}", group.name)),
            },
            [address, port, ..] => match (range(address), port.parse()) {
                (Some(addresses), Ok(port)) => {
                    group.addresses.extend(addresses.into_iter().map(|ip| SocketAddrV4::new(ip, port)));
                }
                _ => parser.warn(format!("Invalid address {address} or port {port} in group {}", group.name)),
            },
            _ => parser.warn(format!("Invalid entry in virtual_server_group {}", group.name)),
        }
    }
    parser.config.server_groups.push(group);
}

/// `10.0.0.1` or `10.0.0.1-9`: the last byte runs.
fn range(text: &str) -> Option<Vec<Ipv4Addr>> {
    let (first, last) = text.split_once('-').map_or((text, None), |(first, last)| (first, Some(last)));
    let first: Ipv4Addr = first.parse().ok()?;
    let [a, b, c, from] = first.octets();
    let to = last.map_or(Some(from), |last| last.parse().ok())?;
    Some((from..=to).map(|d| Ipv4Addr::new(a, b, c, d)).collect())
}

fn service_name(parser: &mut Parser) -> Option<ServiceName> {
    let first = parser.parameter()?;
    match first.as_str() {
        "fwmark" => {
            let mark = parser.parameter_at(2)?;
            match mark.parse() {
                Ok(mark @ 1..) => Some(ServiceName::Mark(mark)),
                _ => {
                    parser.warn(format!("virtual server fwmark '{mark}' must be in [1, 4294967295]"));
                    None
                }
            }
        }
        "group" => parser.parameter_at(2).map(ServiceName::Group),
        address => {
            // A port may be left out; persistence is wanted then.
            let port = parser.word(2).unwrap_or("0").to_owned();
            match (address.parse(), port.parse()) {
                (Ok(address), Ok(port)) => Some(ServiceName::Address(SocketAddrV4::new(address, port))),
                _ => {
                    parser.warn(format!("Invalid virtual server ip address {address} {port} - skipping"));
                    None
                }
            }
        }
    }
}

fn service(parser: &mut Parser) {
    let Some(name) = service_name(parser) else {
        parser.skip();
        return;
    };
    let mut service = Service {
        name,
        protocol: 0,
        scheduler: String::new(),
        flags: Vec::new(),
        kind: Kind::Nat,
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
        sorry: None,
        sorry_inhibit: false,
        sorry_kind: None,
        pace: Pace::default(),
        servers: Vec::new(),
    };
    let mut has_kind = false;
    parser.inner(|parser, name| service_keyword(parser, name, &mut service, &mut has_kind));
    let shown = shown(&service);
    if service.scheduler.is_empty() {
        parser.warn_at_the_end(format!("Virtual server {shown}: no scheduler set, setting default 'wlc'"));
        service.scheduler = "wlc".to_owned();
    }
    if !has_kind && service.servers.iter().any(|server| server.kind.is_none()) {
        parser.warn_at_the_end(format!("Virtual server {shown}: no forwarding method set, setting default NAT"));
    }
    if service.protocol != 0 && matches!(service.name, ServiceName::Mark(_)) {
        let text = format!("Warning: Virtual server {shown}: protocol specified for fwmark - protocol will be ignored");
        parser.warn_at_the_end(text);
    }
    if service.protocol == 0 && matches!(service.name, ServiceName::Address(_)) {
        parser.warn_at_the_end(format!("Virtual server {shown}: no protocol set - defaulting to UDP"));
        service.protocol = proto::UDP;
    }
    parser.config.services.push(service);
}

fn service_keyword(parser: &mut Parser, name: &str, it: &mut Service, has_kind: &mut bool) -> bool {
    match name {
        "lb_algo" | "lvs_sched" => {
            if let Some(scheduler) = parser.parameter() {
                it.scheduler = scheduler;
                it.flags.extend(parser.words().into_iter().skip(1));
            }
        }
        "lb_kind" | "lvs_method" => {
            if let Some(kind) = kind(parser) {
                it.kind = kind;
                *has_kind = true;
            }
        }
        "protocol" => {
            let text = parser.parameter().unwrap_or_default();
            it.protocol = match text.as_str() {
                "TCP" => proto::TCP,
                "UDP" => proto::UDP,
                "SCTP" => proto::SCTP,
                _ => {
                    parser.warn(format!("Unknown protocol {text}"));
                    it.protocol
                }
            };
        }
        "persistence_timeout" => {
            it.persistence = match parser.word(1) {
                None => Some(360),
                Some(_) => parser.number(name, 1, 2_678_400).map(|seconds| seconds as u32),
            };
        }
        "persistence_granularity" => {
            if let Some(mask) = parser.address() {
                it.granularity = mask;
                it.persistence.get_or_insert(360);
            }
        }
        "persistence_engine" => it.engine = parser.parameter(),
        "flag-1" | "flag-2" | "flag-3" | "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" => {
            it.flags.push(name.to_owned());
        }
        "ops" => it.one_packet = true,
        "quorum" => it.quorum = parser.number(name, 1, i64::from(u32::MAX)).map_or(it.quorum, |quorum| quorum as u32),
        "hysteresis" => {
            it.hysteresis = parser.number(name, 0, i64::from(u32::MAX)).map_or(it.hysteresis, |number| number as u32);
        }
        "quorum_up" => it.quorum_up = parser.parameter(),
        "quorum_down" => it.quorum_down = parser.parameter(),
        "omega" => it.omega = true,
        "inhibit_on_failure" => it.inhibit = parser.switch().unwrap_or(it.inhibit),
        "ha_suspend" => it.ha_suspend = true,
        "virtualhost" => it.virtualhost = parser.parameter(),
        "sorry_server" => it.sorry = endpoint(parser),
        "sorry_server_inhibit" => it.sorry_inhibit = true,
        "sorry_server_lvs_method" => it.sorry_kind = kind(parser),
        "real_server" => server(parser, it),
        "retry" | "delay_before_retry" | "warmup" | "connect_timeout" | "delay_loop" | "alpha" => {
            pace_keyword(parser, name, &mut it.pace);
        }
        _ => return IGNORED.contains(&name),
    }
    true
}

fn kind(parser: &mut Parser) -> Option<Kind> {
    let text = parser.parameter()?;
    match text.as_str() {
        "NAT" => Some(Kind::Nat),
        "DR" => Some(Kind::Route),
        "TUN" => Some(Kind::Tunnel),
        _ => {
            parser.warn(format!("PARSER : unknown [{text}] routing method."));
            None
        }
    }
}

fn endpoint(parser: &mut Parser) -> Option<SocketAddrV4> {
    let address = parser.parameter()?;
    let port = parser.word(2).unwrap_or("0").to_owned();
    match (address.parse(), port.parse()) {
        (Ok(address), Ok(port)) => Some(SocketAddrV4::new(address, port)),
        _ => {
            parser.warn(format!("Invalid server ip address {address} {port} - skipping"));
            None
        }
    }
}

fn pace_keyword(parser: &mut Parser, name: &str, pace: &mut Pace) -> bool {
    let mut seconds = |least| parser.seconds(name, least, LONGEST);
    match name {
        "delay_loop" => pace.delay_loop = seconds(1e-6).or(pace.delay_loop),
        "delay_before_retry" => pace.delay_before_retry = seconds(0.0).or(pace.delay_before_retry),
        "warmup" => pace.warmup = seconds(0.0).or(pace.warmup),
        "connect_timeout" => pace.connect_timeout = seconds(1e-6).or(pace.connect_timeout),
        "retry" => pace.retry = parser.number(name, 0, i64::from(i32::MAX)).map(|retry| retry as u32).or(pace.retry),
        "alpha" => pace.alpha = parser.switch(),
        _ => return false,
    }
    true
}

fn server(parser: &mut Parser, service: &mut Service) {
    let Some(address) = endpoint(parser) else {
        parser.skip();
        return;
    };
    let mut server = Server {
        address,
        weight: 1,
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
    parser.inner(|parser, name| server_keyword(parser, name, &mut server));
    service.servers.push(server);
}

fn server_keyword(parser: &mut Parser, name: &str, it: &mut Server) -> bool {
    let most = i64::from(i32::MAX);
    match name {
        "weight" => it.weight = parser.number(name, 0, 65_535).map_or(it.weight, |weight| weight as i32),
        "lvs_method" | "lb_kind" => it.kind = kind(parser),
        "inhibit_on_failure" => it.inhibit = parser.switch(),
        "uthreshold" => it.upper_threshold = parser.number(name, 0, most).map_or(0, |number| number as u32),
        "lthreshold" => it.lower_threshold = parser.number(name, 0, most).map_or(0, |number| number as u32),
        "notify_up" => it.notify_up = parser.parameter(),
        "notify_down" => it.notify_down = parser.parameter(),
        "virtualhost" => it.virtualhost = parser.parameter(),
        "smtp_alert" | "snmp_name" => {}
        "retry" | "delay_before_retry" | "warmup" | "connect_timeout" | "delay_loop" | "alpha" => {
            pace_keyword(parser, name, &mut it.pace);
        }
        "TCP_CHECK" => checker(parser, it, CheckerKind::Tcp),
        "HTTP_GET" | "SSL_GET" => {
            let kind = CheckerKind::Http { is_tls: name == "SSL_GET", urls: Vec::new(), virtualhost: None };
            checker(parser, it, kind);
        }
        "UDP_CHECK" => checker(parser, it, CheckerKind::Udp { payload: Vec::new(), require_reply: false }),
        "PING_CHECK" => checker(parser, it, CheckerKind::Ping),
        "SMTP_CHECK" => checker(parser, it, CheckerKind::Smtp { helo: "smtpchecker.keepalived.org".to_owned() }),
        "DNS_CHECK" => checker(parser, it, CheckerKind::Dns { name: ".".to_owned(), record: 6 }),
        "MISC_CHECK" => {
            checker(parser, it, CheckerKind::Misc { path: String::new(), timeout: None, is_dynamic: false });
        }
        "BFD_CHECK" | "FILE_CHECK" => parser.skip(),
        _ => return false,
    }
    true
}

fn checker(parser: &mut Parser, server: &mut Server, kind: CheckerKind) {
    let mut checker = Checker {
        kind,
        connect_ip: None,
        connect_port: None,
        bind_to: None,
        pace: Pace::default(),
        log_all_failures: parser.config.global.log_all_failures,
    };
    parser.inner(|parser, name| checker_keyword(parser, name, &mut checker));
    match &checker.kind {
        CheckerKind::Http { urls, .. } if urls.is_empty() => {
            parser.warn("HTTP/SSL_GET checker has no urls specified - ignoring");
        }
        CheckerKind::Misc { path, .. } if path.is_empty() => {
            parser.warn("No misc_path specified for MISC_CHECK - ignoring")
        }
        _ => server.checkers.push(checker),
    }
}

fn checker_keyword(parser: &mut Parser, name: &str, it: &mut Checker) -> bool {
    match name {
        "connect_ip" => it.connect_ip = parser.address(),
        "connect_port" => it.connect_port = parser.number(name, 1, 65_535).map(|port| port as u16),
        "bindto" => it.bind_to = parser.address(),
        "bind_if" | "bind_port" | "fwmark" => {}
        "log_all_failures" => it.log_all_failures = parser.switch().unwrap_or(true),
        _ if pace_keyword(parser, name, &mut it.pace) => {}
        _ => return own_keyword(parser, name, it),
    }
    true
}

/// The keywords that only some checkers have.
fn own_keyword(parser: &mut Parser, name: &str, it: &mut Checker) -> bool {
    match (&mut it.kind, name) {
        (CheckerKind::Http { urls, .. }, "url") => {
            let mut url = Url { path: "/".to_owned(), ..Url::default() };
            parser.inner(|parser, name| url_keyword(parser, name, &mut url));
            urls.push(url);
        }
        (CheckerKind::Http { virtualhost, .. }, "virtualhost") => *virtualhost = parser.parameter(),
        (CheckerKind::Http { .. }, "nb_get_retry") => {
            parser.warn("nb_get_retry is deprecated - please use 'retry'");
            it.pace.retry = parser.number(name, 0, i64::from(i32::MAX)).map(|retry| retry as u32);
        }
        (CheckerKind::Http { .. }, "http_protocol" | "fast_recovery" | "enable_sni" | "regex" | "regex_no_match") => {}
        (CheckerKind::Udp { payload, .. }, "payload") => match parser.parameter().as_deref().map(hex) {
            Some(Some(bytes)) => *payload = bytes,
            Some(None) => parser.warn("UDP_CHECK payload is no hex string"),
            None => {}
        },
        (CheckerKind::Udp { require_reply, .. }, "require_reply") => *require_reply = true,
        (CheckerKind::Udp { .. }, "min_reply_length" | "max_reply_length") => {}
        (CheckerKind::Smtp { helo }, "helo_name") => {
            if let Some(name) = parser.parameter() {
                *helo = name;
            }
        }
        (CheckerKind::Smtp { .. }, "host") => parser.skip(),
        (CheckerKind::Dns { name, .. }, "name") => {
            if let Some(text) = parser.parameter() {
                *name = text;
            }
        }
        (CheckerKind::Dns { record, .. }, "type") => match parser.parameter().as_deref().map(record_type) {
            Some(Some(number)) => *record = number,
            Some(None) => parser.warn("DNS_CHECK: unknown record type"),
            None => {}
        },
        (CheckerKind::Misc { path, .. }, "misc_path") => {
            if parser.parameter().is_some() {
                *path = parser.rest();
            }
        }
        (CheckerKind::Misc { timeout, .. }, "misc_timeout") => *timeout = parser.seconds(name, 1e-6, LONGEST),
        (CheckerKind::Misc { is_dynamic, .. }, "misc_dynamic") => *is_dynamic = true,
        (CheckerKind::Misc { .. }, "user") => {}
        _ => return false,
    }
    true
}

fn url_keyword(parser: &mut Parser, name: &str, url: &mut Url) -> bool {
    match name {
        "path" => {
            if let Some(path) = parser.parameter() {
                url.path = path;
            }
        }
        "digest" => url.digest = parser.parameter(),
        "virtualhost" => url.virtualhost = parser.parameter(),
        "status_code" => {
            for word in parser.words() {
                let (low, high) = word.split_once('-').unwrap_or((&word, &word));
                match (low.parse(), high.parse()) {
                    (Ok(low @ 100..=999), Ok(high @ 100..=999)) if low <= high => url.status.push((low, high)),
                    _ => parser.warn(format!("Invalid HTTP_GET status_code '{word}'")),
                }
            }
        }
        "regex" | "regex_no_match" | "regex_options" | "regex_stack" | "regex_min_offset" | "regex_max_offset"
        | "tls_compliant" => {}
        _ => return false,
    }
    true
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn record_type(text: &str) -> Option<u16> {
    let known = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("SOA", 6),
        ("MX", 15),
        ("TXT", 16),
        ("AAAA", 28),
        ("RRSIG", 46),
        ("DNSKEY", 48),
    ];
    known.iter().find(|(name, _)| *name == text).map(|(_, number)| *number).or_else(|| text.parse().ok())
}

/// How messages call a service.
pub fn shown(service: &Service) -> String {
    let protocol = proto::lower_name(service.protocol).unwrap_or("none");
    match &service.name {
        ServiceName::Address(address) => format!("[{}]:{protocol}:{}", address.ip(), address.port()),
        ServiceName::Mark(mark) => format!("FWM {mark}"),
        ServiceName::Group(name) => format!("[{name}]:{protocol}:0"),
    }
}

/// What follows from several keywords of a service.
pub fn complete(parser: &mut Parser, files: &mut dyn Files) {
    let mut services = std::mem::take(&mut parser.config.services);
    services.retain_mut(|service| {
        let name = shown(service);
        if service.servers.is_empty() && service.sorry.is_none() {
            parser.warn_at_the_end(format!("Virtual server {name} has no real servers - ignoring"));
            return false;
        }
        unique_servers(parser, service, &name);
        ports(parser, service, &name);
        quorum(parser, service, &name);
        for server in &mut service.servers {
            server.pace = server.pace.or(service.pace);
        }
        true
    });
    let checkers = services.iter().flat_map(|service| &service.servers).flat_map(|server| &server.checkers);
    let mut paths = checkers.filter_map(|checker| match &checker.kind {
        CheckerKind::Misc { path, .. } => path.split_whitespace().next(),
        _ => None,
    });
    let has_scripts = paths.any(|path| files.is_program(path));
    parser.config.services = services;
    if has_scripts && !parser.config.global.script_security {
        parser.security("SECURITY VIOLATION - check scripts are being executed but script_security not enabled.");
    }
}

fn unique_servers(parser: &mut Parser, service: &mut Service, name: &str) {
    let mut seen = Vec::new();
    service.servers.retain(|server| {
        let is_new = !seen.contains(&server.address);
        if !is_new {
            let address = server.address;
            parser.warn_at_the_end(format!("VS {name}: real server {address} is duplicated - removing second rs"));
        }
        seen.push(server.address);
        is_new
    });
}

/// Only masquerading can change ports.
fn ports(parser: &mut Parser, service: &mut Service, name: &str) {
    let ServiceName::Address(own) = service.name else { return };
    if own.port() == 0 && service.persistence.is_none() {
        parser.warn_at_the_end(format!("VS {name}: port 0 requires persistence - setting"));
        service.persistence = Some(360);
    }
    for server in &mut service.servers {
        if server.kind.unwrap_or(service.kind) != Kind::Nat && server.address.port() != own.port() {
            parser.warn_at_the_end(format!(
                "WARNING - virtual server {name} and real server [{}]:{}:{} ports don't match - resetting",
                server.address.ip(),
                proto::lower_name(service.protocol).unwrap_or("none"),
                server.address.port()
            ));
            server.address.set_port(own.port());
        }
    }
}

fn quorum(parser: &mut Parser, service: &mut Service, name: &str) {
    let weights: i64 = service.servers.iter().map(|server| i64::from(server.weight)).sum();
    if i64::from(service.quorum) > weights && weights > 0 {
        parser.warn_at_the_end(format!(
            "Warning - quorum {} for {name} exceeds total weight of real servers {weights}, reducing quorum to {weights}",
            service.quorum
        ));
        service.quorum = weights as u32;
    }
    if service.hysteresis >= service.quorum {
        if service.hysteresis > 0 {
            parser.warn_at_the_end(format!(
                "Virtual server {name}: hysteresis {} must be less than quorum {}, setting to {}",
                service.hysteresis,
                service.quorum,
                service.quorum - 1
            ));
        }
        service.hysteresis = service.quorum.saturating_sub(1);
    }
}
