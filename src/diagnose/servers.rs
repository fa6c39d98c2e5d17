//! Real servers that cannot serve, and directors that are servers, too.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, fact, some};
use super::commands::{option, server_line};
use super::forwarding::by_node;
use super::ports::PortInVain;
use super::{Cause, Command, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Drop, IpDrop, Ipvs, IpvsDrop, Note, Reset, Tcp};
use crate::topo::{Method, Server};

/// A director that asks its own service by direct routing: its question bears the virtual address, which is the server's own.
pub fn director_asks_itself(case: &Case<'_>) -> Vec<Finding> {
    let mut asked: BTreeMap<NodeId, Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if let Note::Ipvs(Ipvs::Scheduled(schedule)) = noted.note
            && case.machine(noted.node).holds(*schedule.connection.client.ip())
        {
            let direct = method(case, noted.node, schedule.connection.server).is_some_and(|it| it != Method::Nat);
            let elsewhere = !case.machine(noted.node).holds(*schedule.connection.server.ip());
            if direct && elsewhere {
                asked.entry(noted.node).or_default().push(noted);
            }
        }
    }
    let told = asked.into_iter().filter_map(|(node, notes)| {
        let is_failure = |drop: &Drop| {
            matches!(drop, Drop::Ip(IpDrop::NeighbourFailed { .. } | IpDrop::SourceIsOurs { .. }))
        };
        let failures = case.drops(|drop| is_failure(drop).then_some(()));
        let (failure, ()) = failures.iter().find(|(it, ())| it.node == node && it.at >= notes[0].at)?;
        let (_, service) = case.services().find(|(at, _)| *at == node)?;
        let masquerade = service.servers.iter().map(|it| case.fix(node, format!("ipvsadm -e {} -r {} -m", option(service), it.at)));
        let vip = service.address?;
        let without = service.servers.iter().filter_map(|it| case.owner(*it.at.ip()));
        let without = without.map(|server| case.fix(server, format!("ip addr del {vip}/32 dev lo")));
        Some(Finding {
            kind: Kind::DirectorAsksItself,
            what: format!(
                "{} asks its own service: by direct routing the answer would be for an address that the server has, too.",
                case.name(node)
            ),
            evidence: vec![case.saw(&notes[0]), case.saw(failure)],
            cause: case.first_command(|at, line| at == node && line.contains(&vip.to_string())),
            fix: masquerade.chain(without).collect(),
        })
    });
    told.collect()
}

/// How a director's packets reach a server.
fn method(case: &Case<'_>, node: NodeId, server: SocketAddrV4) -> Option<Method> {
    let servers = case.machine(node).services.iter().flat_map(|it| &it.servers);
    servers.filter(|it| it.at.ip() == server.ip()).map(|it| it.method).next()
}

/// Two directors that are servers of one another, and both balance what comes from the other.
pub fn directors_loop(case: &Case<'_>) -> Vec<Finding> {
    let ended = case
        .drops(|drop| matches!(drop, Drop::Ip(IpDrop::TtlExceeded) | Drop::Ipvs(IpvsDrop::TtlExceeded)).then_some(()));
    let looped = ended.into_iter().find_map(|(noted, ())| {
        let journey = case.journeys.journey(noted.frame?)?;
        let mut by: Vec<NodeId> = Vec::new();
        for leg in &journey.legs {
            for visit in &leg.visits {
                let steered = visit
                    .phases
                    .iter()
                    .find(|phase| matches!(phase.note, Note::Ipvs(Ipvs::Steered(_) | Ipvs::Scheduled(_))));
                by.extend(steered.map(|phase| phase.node));
            }
        }
        let first = *by.first()?;
        let second = by.iter().copied().find(|node| *node != first)?;
        Some((noted, journey.legs.len(), first, second))
    });
    let Some((noted, legs, one, other)) = looped else { return Vec::new() };
    let Some((_, service)) = case.services().find(|(node, _)| *node == other) else { return Vec::new() };
    let vip = service.address.map_or(String::new(), |vip| vip.to_string());
    let mac = case.machine(one).interfaces.iter().find(|it| it.switch.is_some()).map(|it| it.mac.to_string());
    let mark = format!(
        "iptables -t mangle -A PREROUTING -d {vip} -p tcp -m mac ! --mac-source {} -j MARK --set-mark 1",
        mac.unwrap_or_default()
    );
    let started = noted.frame.and_then(|id| case.sent(case.journeys.first(id)));
    vec![Finding {
        kind: Kind::DirectorsLoop,
        what: format!(
            "{} and {} are servers of one another, and each balances what the other has sent it: packets go to and fro.",
            case.name(one),
            case.name(other)
        ),
        evidence: started
            .into_iter()
            .chain([case.saw(&noted), fact(format!("that packet was sent {legs} times"))])
            .collect(),
        cause: case.line_of(other, &["virtual_server"]).or_else(|| case.command(other, &["ipvsadm -A"])),
        fix: vec![
            case.fix(other, mark),
            case.fix(
                other,
                format!(
                    "sed -i 's/virtual_server {vip} .*{{/virtual_server fwmark 1 {{/' /etc/keepalived/keepalived.conf"
                ),
            ),
        ],
    }]
}

/// Connections that a director has sent to a port at which nobody listens.
pub fn nobody_listens(case: &Case<'_>) -> Vec<Finding> {
    let mut closed: BTreeMap<(NodeId, SocketAddrV4), Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        let reset = matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::ClosedPort)));
        if let (true, Some((client, end))) = (reset, case.ends(&noted))
            && is_balanced(case, &noted, client, end)
        {
            closed.entry((noted.node, end)).or_default().push(noted);
        }
    }
    let told = closed.into_iter().filter_map(|((node, end), notes)| {
        // That the port is another one has been said already.
        if PortInVain::all(case).iter().any(|it| it.service == end) || plan_knows(case, end) {
            return None;
        }
        let name = case.name(node);
        let elsewhere =
            case.machine(node).listening.iter().find(|it| it.port() == end.port() && !it.ip().is_unspecified());
        let evidence = some(notes.iter().map(|noted| case.saw(noted)));
        let started = elsewhere.and_then(|it| case.command(node, &[&it.ip().to_string(), &it.port().to_string(), "&"]));
        Some(match elsewhere {
            Some(other) => Finding {
                kind: Kind::ListensElsewhere,
                what: format!(
                    "Connections to {end} reach {name}, where the program listens at {} only: they are refused.",
                    other.ip()
                ),
                evidence,
                cause: started.clone(),
                fix: started.map(|it| everywhere(case, node, *other.ip(), &it)).unwrap_or_default(),
            },
            None => Finding {
                kind: Kind::NobodyListens,
                what: format!("Connections to {end} reach {name}, where nobody listens: they are refused."),
                evidence,
                cause: case
                    .command(node, &["pkill"])
                    .or_else(|| case.command(node, &["httpd"]))
                    .or_else(|| Some(case.missing(node, format!("nothing listens at port {}", end.port())))),
                fix: vec![case.fix(node, format!("httpd {} &", end.port()))],
            },
        })
    });
    told.collect()
}

/// The commands that start a program again without the address that it was bound to.
fn everywhere(case: &Case<'_>, node: NodeId, ip: Ipv4Addr, started: &Cause) -> Vec<Command> {
    let line = started.text.split_once("$ ").map_or("", |(_, line)| line);
    let program = line.split_whitespace().next().unwrap_or_default();
    let anywhere: Vec<_> = line.split_whitespace().filter(|word| *word != ip.to_string()).collect();
    vec![case.fix(node, format!("pkill {program}")), case.fix(node, anywhere.join(" "))]
}

/// Whether the address plan has a server of the service at another port.
fn plan_knows(case: &Case<'_>, end: SocketAddrV4) -> bool {
    let differs = |it: &Server, port| it.method != Method::Nat && it.at.port() != port && it.at.port() != 0;
    case.services().any(|(_, service)| {
        service.address == Some(*end.ip())
            && service.port == end.port()
            && service.servers.iter().any(|it| differs(it, service.port))
    })
}

/// Whether a director without keepalived has sent a connection there: with it, a dead server is a matter of moments.
fn is_balanced(case: &Case<'_>, noted: &Noted<'_>, client: SocketAddrV4, end: SocketAddrV4) -> bool {
    let steered = case.notes().take_while(|it| it.at <= noted.at).filter_map(|it| match it.note {
        Note::Ipvs(Ipvs::Steered(passage)) if passage.connection.client == client => {
            Some((it.node, &passage.connection))
        }
        _ => None,
    });
    let mut here = steered.filter(|(_, connection)| connection.virtual_address == end || connection.server == end);
    here.any(|(director, _)| !case.keepaliveds().any(|(node, it)| node == director && !it.config.services.is_empty()))
}

/// A server that gets connections although it is not there.
pub fn dead(case: &Case<'_>) -> Vec<Finding> {
    let failed = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::NeighbourFailed { neighbour }) => Some(*neighbour),
        _ => None,
    });
    let is_scheduled = |noted: &Noted<'_>, rip| {
        case.notes().any(|it| {
            let Note::Ipvs(Ipvs::Scheduled(schedule)) = it.note else { return false };
            let connection = &schedule.connection;
            it.node == noted.node
                && *connection.server.ip() == rip
                && !case.machine(it.node).holds(*connection.client.ip())
        })
    };
    let is_near = |rip| {
        case.owner(rip).is_none_or(|owner| {
            case.machines().any(|(node, _)| case.is_director(node) && case.are_neighbours(node, owner))
        })
    };
    let is_checked = |node: NodeId, rip| {
        case.keepaliveds()
            .filter(|(it, _)| *it == node)
            .flat_map(|(_, it)| &it.config.services)
            .any(|service| service.servers.iter().any(|it| it.address.ip() == rip && !it.checkers.is_empty()))
    };
    let servers = by_node(failed).into_iter().filter(|((node, rip), notes)| {
        is_scheduled(&notes[0], *rip) && is_near(*rip) && !is_checked(*node, std::net::IpAddr::V4(*rip))
    });
    let told = servers.map(|((node, rip), notes)| Finding {
        kind: Kind::DeadServer,
        what: format!(
            "{} keeps giving connections to {rip}, which does not answer: nobody checks the server's health.",
            case.name(node)
        ),
        evidence: some(notes.iter().map(|noted| case.saw(noted))),
        cause: server_line(case, node, rip, notes[0].at),
        fix: entries(case, node, rip),
    });
    told.collect()
}

/// The commands that take a server out of everything that it is in.
fn entries(case: &Case<'_>, node: NodeId, rip: Ipv4Addr) -> Vec<Command> {
    let services = &case.machine(node).services;
    let entries = services.iter().flat_map(|service| {
        service
            .servers
            .iter()
            .filter(|it| *it.at.ip() == rip)
            .map(move |it| format!("ipvsadm -d {} -r {}", option(service), it.at))
    });
    entries.map(|line| case.fix(node, line)).collect()
}
