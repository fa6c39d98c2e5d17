//! What follows from several keywords of a service (check/check_data.c: link_vsg_to_vs, validate_check_config).

use std::net::SocketAddr;

use super::lexer;
use super::model::{CheckerKind, Config, Kind, Range, ServerGroup, Service, ServiceName};
use super::parser::{Parser, Severity};
use super::source::Files;
use crate::wire::proto;

/// persistence_timeout that nobody has asked for.
const PERSISTENCE: u32 = 360;

/// How messages call a service (format_vs).
pub fn shown(service: &Service) -> String {
    match &service.name {
        ServiceName::Address(address) => trio(*address, service.protocol),
        ServiceName::Mark(mark) => format!("FWM {mark}"),
        ServiceName::Group(name, number) => format!("[{name}]:{number}"),
    }
}

/// How messages call an address and port (inet_sockaddrtotrio).
pub fn trio(address: SocketAddr, protocol: u8) -> String {
    let protocol = match protocol {
        0 => "none",
        other => proto::lower_name(other).unwrap_or("?"),
    };
    format!("[{}]:{protocol}:{}", address.ip(), address.port())
}

/// The group that a service is known by.
fn group<'a>(config: &'a Config, service: &Service) -> Option<&'a ServerGroup> {
    let ServiceName::Group(name, _) = &service.name else { return None };
    config.server_groups.iter().find(|group| group.name == *name)
}

/// All services, one after the other.
pub fn complete(parser: &mut Parser, files: &mut dyn Files) {
    let mut services = std::mem::take(&mut parser.config.services);
    services.retain(|service| {
        let ServiceName::Group(name, _) = &service.name else { return true };
        let is_there = group(&parser.config, service).is_some();
        if !is_there {
            let text = format!(
                "Virtual server group {name} specified but not configured - ignoring virtual server {}",
                shown(service)
            );
            parser.say_at_the_end(text, Severity::Log);
        }
        is_there
    });
    services.retain_mut(|service| {
        if service.servers.is_empty() {
            parser.warn_at_the_end(format!("Virtual server {} has no real servers - ignoring", shown(service)));
            return false;
        }
        let group = group(&parser.config, service).cloned();
        kind_of_service(parser, service, group.as_ref());
        members(parser, service);
        quorum(parser, service);
        ports(parser, service, group.as_ref());
        true
    });
    let has_scripts = services.iter().any(|service| has_scripts(service, files));
    parser.config.services = services;
    if has_scripts && !parser.config.global.script_security {
        parser.security("SECURITY VIOLATION - check scripts are being executed but script_security not enabled.");
    }
}

/// What protocol, persistence and scheduler make of each other.
fn kind_of_service(parser: &mut Parser, it: &mut Service, group: Option<&ServerGroup>) {
    let has_addresses = match &it.name {
        ServiceName::Address(_) => true,
        ServiceName::Mark(_) => false,
        ServiceName::Group(..) => group.is_some_and(|group| !group.ranges.is_empty()),
    };
    let has_marks = matches!(it.name, ServiceName::Mark(_)) || group.is_some_and(|group| !group.marks.is_empty());
    if it.ha_suspend && has_marks {
        let name = shown(it);
        parser.warn_at_the_end(format!(
            "Virtual server {name}: cannot use ha_suspend with fwmarks - clearing ha_suspend"
        ));
        it.ha_suspend = false;
    }
    if has_addresses {
        if it.protocol == 0 {
            parser.warn_at_the_end(format!("Virtual server {}: no protocol set - defaulting to UDP", shown(it)));
            it.protocol = proto::UDP;
        }
        if it.one_packet && it.protocol != proto::UDP {
            let name = shown(it);
            parser.warn_at_the_end(format!("Virtual server {name}: one packet scheduling requires UDP - resetting"));
            it.one_packet = false;
        }
    }
    let has_port_zero = match &it.name {
        ServiceName::Address(address) => address.port() == 0,
        ServiceName::Mark(_) => false,
        ServiceName::Group(..) => group.is_some_and(|group| group.ranges.iter().any(|range| range.port == 0)),
    };
    if it.persistence.is_none() && has_port_zero {
        let name = shown(it);
        parser
            .warn_at_the_end(format!("Virtual server {name}: zero port only valid for persistent services - setting"));
        it.persistence = Some(PERSISTENCE);
    }
    if it.protocol != 0 && !has_addresses && has_marks {
        let name = shown(it);
        parser.warn_at_the_end(format!(
            "Warning: Virtual server {name}: protocol specified for fwmark - protocol will be ignored"
        ));
        it.protocol = 0;
    }
    if it.scheduler.is_empty() {
        parser.warn_at_the_end(format!("Virtual server {}: no scheduler set, setting default 'wlc'", shown(it)));
        it.scheduler = "wlc".to_owned();
    }
}

/// Its servers: each once, with a method and a weight.
fn members(parser: &mut Parser, it: &mut Service) {
    let mut servers = Vec::new();
    for mut server in std::mem::take(&mut it.servers) {
        let name = shown(it);
        if servers.iter().any(|other: &super::model::Server| other.address == server.address) {
            let server = trio(server.address, it.protocol);
            parser.warn_at_the_end(format!("VS {name}: real server {server} is duplicated - removing second rs"));
            continue;
        }
        server.kind = Some(server.kind.unwrap_or_else(|| default_kind(parser, it)));
        server.weight.get_or_insert(it.weight);
        server.pace = server.pace.or(it.pace);
        let inhibit = *server.inhibit.get_or_insert(it.inhibit);
        if let Some(sorry) = it.sorry.as_mut().filter(|sorry| sorry.address == server.address)
            && sorry.inhibit != inhibit
        {
            let (server, verb) = (trio(server.address, it.protocol), if inhibit { "sett" } else { "clear" });
            sorry.inhibit = inhibit;
            parser.warn_at_the_end(format!(
                "Virtual server {name}: real server {server} matches sorry server, but inhibit setting differs, {verb}ing on sorry server"
            ));
        }
        servers.push(server);
    }
    it.servers = servers;
    if let Some(mut sorry) = it.sorry
        && sorry.kind.is_none()
    {
        sorry.kind = Some(default_kind(parser, it));
        it.sorry = Some(sorry);
    }
}

fn default_kind(parser: &mut Parser, it: &mut Service) -> Kind {
    *it.kind.get_or_insert_with(|| {
        parser.warn_at_the_end(format!(
            "Virtual server {}: no forwarding method set, setting default NAT",
            shown_parts(&it.name, it.protocol)
        ));
        Kind::Nat
    })
}

fn shown_parts(name: &ServiceName, protocol: u8) -> String {
    match name {
        ServiceName::Address(address) => trio(*address, protocol),
        ServiceName::Mark(mark) => format!("FWM {mark}"),
        ServiceName::Group(name, number) => format!("[{name}]:{number}"),
    }
}

fn quorum(parser: &mut Parser, it: &mut Service) {
    let name = shown(it);
    let sum: i64 = it.servers.iter().map(|server| i64::from(server.weight.unwrap_or(1))).sum();
    let sum = u32::try_from(sum).unwrap_or(u32::MAX);
    if it.quorum > sum {
        let quorum = it.quorum;
        parser.warn_at_the_end(format!(
            "Warning - quorum {quorum} for {name} exceeds total weight of real servers {sum}, reducing quorum to {sum}"
        ));
        it.quorum = sum;
    }
    if it.hysteresis >= it.quorum {
        // With a quorum of zero this turns around, there as here.
        let least = it.quorum.wrapping_sub(1);
        parser.warn_at_the_end(format!(
            "Virtual server {name}: hysteresis {} >= quorum {}; setting hysteresis to {least}",
            it.hysteresis, it.quorum
        ));
        it.hysteresis = least;
    }
}

/// Only masquerading can change ports.
fn ports(parser: &mut Parser, it: &mut Service, group: Option<&ServerGroup>) {
    let name = shown(it);
    let own = match (&it.name, group) {
        (_, Some(group)) => return ports_of_group(parser, it, group, &name),
        (ServiceName::Address(address), None) => Some(address.port()),
        (ServiceName::Mark(_) | ServiceName::Group(..), None) => None,
    };
    for server in &mut it.servers {
        let port = server.address.port();
        let shown = trio(server.address, it.protocol);
        match (server.kind, own) {
            (Some(Kind::Nat), None) => {}
            (_, Some(own)) if port == 0 => server.address.set_port(own),
            (Some(Kind::Nat), Some(_)) => {}
            (_, None) if port != 0 => {
                parser.warn_at_the_end(format!(
                    "WARNING - fwmark virtual server {name}, real server {shown} has port specified - clearing"
                ));
                server.address.set_port(0);
            }
            (_, Some(own)) if port != own => {
                parser.warn_at_the_end(format!(
                    "WARNING - virtual server {name} and real server {shown} ports don't match - resetting"
                ));
                server.address.set_port(own);
            }
            _ => {}
        }
    }
    let Some(sorry) = it.sorry.as_mut().filter(|sorry| sorry.kind != Some(Kind::Nat)) else { return };
    match own {
        None if sorry.address.port() != 0 => {
            parser.warn_at_the_end(format!(
                "WARNING - virtual server {name}, sorry server has port specified - clearing"
            ));
            sorry.address.set_port(0);
        }
        Some(own) => {
            if sorry.address.port() != 0 && sorry.address.port() != own {
                parser.warn_at_the_end(format!(
                    "WARNING - virtual server {name} and sorry server ports don't match - resetting"
                ));
            }
            sorry.address.set_port(own);
        }
        None => {}
    }
}

/// A group may have several ports: nothing is corrected.
fn ports_of_group(parser: &mut Parser, it: &Service, group: &ServerGroup, name: &str) {
    let moved = |server: &&super::model::Server| server.kind != Some(Kind::Nat) && server.address.port() != 0;
    let sorry = it.sorry.filter(|sorry| sorry.kind != Some(Kind::Nat) && sorry.address.port() != 0);
    if !group.marks.is_empty() {
        for server in it.servers.iter().filter(moved) {
            let server = trio(server.address, it.protocol);
            parser.warn_at_the_end(format!(
                "WARNING - fwmark virtual server {name}, real server {server} has port specified - port will be ignored"
            ));
        }
        if sorry.is_some() {
            parser.warn_at_the_end(format!(
                "WARNING - fwmark virtual server {name}, sorry server has port specified - port will be ignored"
            ));
        }
    }
    for range in &group.ranges {
        for server in it.servers.iter().filter(moved).filter(|server| server.address.port() != range.port) {
            let (range, server) = (shown_range(range), trio(server.address, it.protocol));
            parser
                .warn_at_the_end(format!("virtual server {name}:[{range}] and real server {server} ports don't match"));
        }
        if sorry.is_some_and(|sorry| sorry.address.port() != range.port) {
            parser.warn_at_the_end(format!(
                "WARNING - virtual server {name}, sorry server has port specified - port will be ignored"
            ));
        }
    }
}

/// format_vsge
fn shown_range(range: &Range) -> String {
    if range.first == range.last {
        format!("{},{}", range.first, range.port)
    } else {
        format!("{}-{},{}", range.first, range.last, range.port)
    }
}

fn has_scripts(service: &Service, files: &mut dyn Files) -> bool {
    let mut lines: Vec<&String> = [&service.quorum_up, &service.quorum_down].into_iter().flatten().collect();
    for server in &service.servers {
        lines.extend([&server.notify_up, &server.notify_down].into_iter().flatten());
        lines.extend(server.checkers.iter().filter_map(|checker| match &checker.kind {
            CheckerKind::Misc { path, .. } => Some(path),
            _ => None,
        }));
    }
    let program = |line: &String| lexer::command(line).ok().and_then(|words| words.into_iter().next());
    lines.into_iter().filter_map(program).any(|path| files.is_program(&path))
}
