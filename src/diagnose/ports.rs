//! Ports that direct routing and tunnels do not map.

use std::net::SocketAddrV4;

use super::case::{Case, Noted, or_fact, some};
use super::{Cause, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Note, Reset, Tcp};

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
