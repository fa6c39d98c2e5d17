//! Ports that direct routing and tunnels do not map, and ports that nobody balances.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use super::case::{Case, Noted, or_fact, some};
use super::commands::{option, service_line};
use super::ftp::FTP;
use super::{Cause, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Config, Drop, Note, Reset, Tcp, TransportDrop};
use crate::topo::{Method, Service};
use crate::trace::filter::Segment;
use crate::wire::proto;

/// A command that names a port which direct routing or a tunnel does not map. ipvsadm does not even pass it on.
pub struct PortInVain {
    /// Whose service.
    pub director: NodeId,
    /// The service.
    pub service: SocketAddrV4,
    /// The server as it was named.
    pub server: SocketAddrV4,
    cause: Cause,
}

impl PortInVain {
    /// All of them.
    pub fn all(case: &Case<'_>) -> Vec<PortInVain> {
        let commands = case.commands().flat_map(|(node, line, cause)| {
            line.split([';', '&', '\n']).filter_map(named).map(move |ends| (node, ends, cause.clone()))
        });
        commands.map(|(director, (service, server), cause)| PortInVain { director, service, server, cause }).collect()
    }
}

/// The service and the server of a command that names a port in vain.
fn named(line: &str) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let after = |options: &[&str]| words.iter().position(|it| options.contains(it)).and_then(|at| words.get(at + 1));
    let has = |options: &[&str]| words.iter().any(|it| options.contains(it));
    if words.first() != Some(&"ipvsadm")
        || !has(&["-a", "-e", "--add-server", "--edit-server"])
        || has(&["-m", "--masquerading"])
    {
        return None;
    }
    let service: SocketAddrV4 = after(&["-t", "-u", "--tcp-service", "--udp-service"])?.parse().ok()?;
    let server: SocketAddrV4 = after(&["-r", "--real-server"])?.parse().ok()?;
    (service.port() != server.port() && service.port() != 0).then_some((service, server))
}

/// Servers at ports that are not the service's, by direct routing or a tunnel.
pub fn in_vain(case: &Case<'_>) -> Vec<Finding> {
    let told = PortInVain::all(case).into_iter().filter_map(|it| {
        let PortInVain { director, service, server, cause } = it;
        let is_refused = |noted: &Noted<'_>| {
            matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::ClosedPort)))
                && case.owner(*server.ip()) == Some(noted.node)
                && case.ends(noted).is_some_and(|(_, end)| end == service)
        };
        let seen = some(case.notes().filter(is_refused).map(|noted| case.saw(&noted)));
        if case.has_run() && seen.is_empty() {
            return None;
        }
        let owner = case.owner(*server.ip())?;
        Some(Finding {
            kind: Kind::PortDiffers,
            what: format!(
                "{} is to reach {} at port {}, but direct routing and tunnels change no ports: packets arrive at port {}.",
                case.name(director),
                server.ip(),
                server.port(),
                service.port()
            ),
            evidence: or_fact(seen, || format!("the service is {service}, and its server is at port {}", server.port())),
            cause: Some(cause),
            fix: vec![case.fix(owner, format!("httpd {} &", service.port()))],
        })
    });
    told.collect()
}

/// Clients ask for a port of a virtual address, or by a protocol, for which the director has no service.
pub fn no_such_service(case: &Case<'_>) -> Vec<Finding> {
    let mut asked: BTreeMap<(NodeId, &str, SocketAddrV4), Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes().filter(|noted| case.is_director(noted.node)) {
        let is_refused = match noted.note {
            Note::Tcp(Tcp::Reset(Reset::ClosedPort)) => {
                case.facts(&noted).is_some_and(|facts| facts.segment == Some(Segment::Syn))
            }
            Note::Drop(Drop::Transport(TransportDrop::NoSocket { .. })) => true,
            _ => false,
        };
        let protocol = case.facts(&noted).and_then(|facts| facts.protocol).map_or("", proto::name);
        if let (true, Some((_, end))) = (is_refused, case.ends(&noted))
            && case.machine(noted.node).services.iter().any(|it| it.address == Some(*end.ip()))
            && !was_served(case, noted.node, protocol, end)
        {
            asked.entry((noted.node, protocol, end)).or_default().push(noted);
        }
    }
    let told = asked.into_iter().filter_map(|((node, protocol, end), notes)| {
        let other = case.machine(node).services.iter().find(|it| it.address == Some(*end.ip()))?;
        let right = Service { name: format!("{protocol} {end}"), ..other.clone() };
        let add = std::iter::once(format!("ipvsadm -A {} -s {}", option(&right), right.scheduler));
        let letter = |method| match method {
            Method::Nat => "-m",
            Method::Dr => "-g",
            Method::Tun => "-i",
        };
        let servers = right
            .servers
            .iter()
            .map(|it| format!("ipvsadm -a {} -r {} {} -w {}", option(&right), it.at, letter(it.method), it.weight));
        Some(Finding {
            kind: Kind::NoSuchService,
            what: format!("Clients ask {} for {protocol} {end}, and it balances {} only.", case.name(node), other.name),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: service_line(case, node, other, notes[0].at),
            fix: add.chain(servers).map(|line| case.fix(node, line)).collect(),
        })
    });
    told.collect()
}

/// Whether a director has, or has ever had, a service for this; FTP's data connections and marks have none of their own.
fn was_served(case: &Case<'_>, node: NodeId, protocol: &str, end: SocketAddrV4) -> bool {
    let names = [format!("{protocol} {end}"), format!("{protocol} {}:0", end.ip())];
    let is_it = |what: &Config| matches!(what, Config::Service { service, .. } if names.contains(service) || service.starts_with("FWM"));
    let services = &case.machine(node).services;
    services.iter().any(|it| names.contains(&it.name) || it.address.is_none() || it.port == FTP)
        || case.journeys.changes(node).iter().any(|(_, change)| is_it(&change.what))
}
