//! Real servers that cannot serve.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use super::case::{Case, Noted, fact, some};
use super::{Finding, Kind};
use crate::ids::NodeId;
use crate::ipvs::Method;
use crate::reason::{Drop, IpDrop, Ipvs, Note, Reset, Tcp};
use crate::trace::Facts;

/// Direct routing and tunnels leave ports alone.
pub fn port_differs(case: &Case<'_>) -> Vec<Finding> {
    let all = case.services().flat_map(|(node, service, end)| service.servers.iter().map(move |it| (node, end, it)));
    let differs = all.filter(|(_, end, it)| {
        matches!(it.method, Method::Route | Method::Tunnel) && it.port != end.port() && end.port() != 0
    });
    differs
        .map(|(node, end, server)| {
            let (rip, port) = (server.address, server.port);
            Finding {
                kind: Kind::PortDiffers,
                what: format!(
                    "{} is to reach {rip} at port {port}, but {} cannot map ports: packets keep the port {}.",
                    case.name(node),
                    server.method.name(),
                    end.port()
                ),
                evidence: vec![fact(format!("the service is {end}, its server {rip}:{port}"))],
                cause: case.command(node, &["ipvsadm", &rip.to_string()]),
                fix: vec![case.fix(node, format!("ipvsadm -e -t {end} -r {rip}:{port} -m"))],
            }
        })
        .collect()
}

/// A real server of direct routing or a tunnel gets packets to the virtual address, and must have it.
pub fn lacks_the_virtual_address(case: &Case<'_>) -> Vec<Finding> {
    let all = case.services().flat_map(|(node, service, end)| service.servers.iter().map(move |it| (node, end, it)));
    let lacking = all.filter_map(|(node, end, server)| {
        let owner = case.owner(server.address)?;
        let needs = matches!(server.method, Method::Route | Method::Tunnel) && owner != node;
        (needs && case.machine(owner).holder(*end.ip()).is_none()).then_some((owner, end))
    });
    let lacking: BTreeMap<_, _> = lacking.map(|(owner, end)| ((owner, *end.ip()), end)).collect();
    let never_takes = |owner: NodeId, ip| {
        case.notes().any(|it| {
            it.node == owner
                && matches!(it.note, Note::Drop(Drop::Ip(IpDrop::NotForwarding { destination })) if *destination == ip)
        })
    };
    lacking
        .into_keys()
        .filter(|(owner, ip)| never_takes(*owner, *ip))
        .map(|(owner, ip)| Finding {
            kind: Kind::ServerLacksVirtualAddress,
            what: format!("{} gets packets to {ip}, and does not have that address.", case.name(owner)),
            evidence: some(
                case.drops(|drop| {
                    matches!(drop, Drop::Ip(IpDrop::NotForwarding { destination }) if *destination == ip).then_some(())
                })
                .iter()
                .filter(|(it, ())| it.node == owner)
                .map(|(it, ())| case.saw(it)),
            ),
            cause: None,
            fix: vec![case.fix(owner, format!("ip addr add {ip}/32 dev lo"))],
        })
        .collect()
}

/// Connections that the director has sent to a port at which nobody listens.
pub fn nobody_listens(case: &Case<'_>) -> Vec<Finding> {
    let mut closed: BTreeMap<(NodeId, SocketAddrV4), Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        let reset = matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::ClosedPort)));
        let target = || {
            let facts = Facts::of(case.journeys.frame(noted.frame?)?.frame);
            Some(SocketAddrV4::new(facts.addresses?.1, facts.ports?.1))
        };
        if let (true, Some(end)) = (reset, target()) {
            closed.entry((noted.node, end)).or_default().push(noted);
        }
    }
    let balanced = |node: NodeId| case.is_server(node);
    closed
        .into_iter()
        .filter(|((node, _), _)| balanced(*node))
        .map(|((node, end), notes)| {
            let elsewhere =
                case.machine(node).listening.iter().find(|it| it.port() == end.port() && !it.ip().is_unspecified());
            let why = match elsewhere {
                Some(other) => format!("; the program listens at {other} only"),
                None => String::new(),
            };
            Finding {
                kind: Kind::NobodyListens,
                what: format!("Connections to {end} reach {}, where nobody listens{why}.", case.name(node)),
                evidence: some(notes.iter().map(|noted| case.saw(noted))),
                cause: case.command(node, &["httpd"]),
                fix: vec![case.fix(node, format!("httpd {} &", end.port()))],
            }
        })
        .collect()
}

/// A server that gets connections although it is not there.
pub fn dead(case: &Case<'_>) -> Vec<Finding> {
    let failed = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::NeighbourFailed { neighbour }) => Some(*neighbour),
        _ => None,
    });
    let mut servers: BTreeMap<_, Vec<Noted<'_>>> = BTreeMap::new();
    for (noted, neighbour) in failed {
        let scheduled = case.notes().any(|it| {
            it.node == noted.node
                && matches!(it.note, Note::Ipvs(Ipvs::Scheduled(one)) if *one.connection.server.ip() == neighbour)
        });
        if scheduled {
            servers.entry((noted.node, neighbour)).or_default().push(noted);
        }
    }
    let is_near = |rip| {
        case.owner(rip).is_none_or(|owner| {
            case.machines().any(|(node, it)| !it.services.is_empty() && case.are_neighbours(node, owner))
        })
    };
    servers
        .into_iter()
        .filter(|((_, rip), _)| is_near(*rip))
        .map(|((node, rip), notes)| {
            let end = case.services().find(|(.., end)| *end.ip() != rip).map(|(.., end)| end);
            let end = end.map_or(String::new(), |end| end.to_string());
            Finding {
                kind: Kind::DeadServer,
                what: format!(
                    "{} keeps giving connections to {rip}, which does not answer: nobody checks the server's health.",
                    case.name(node)
                ),
                evidence: some(notes.iter().map(|noted| case.saw(noted))),
                cause: case.command(node, &["ipvsadm", &rip.to_string()]),
                fix: vec![case.fix(node, format!("ipvsadm -d -t {end} -r {rip}"))],
            }
        })
        .collect()
}
