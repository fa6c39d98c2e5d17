//! Ways that lead nowhere, or past the director.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, some};
use super::{Command, Finding, Kind};
use crate::ids::NodeId;
use crate::ipvs::Method;
use crate::reason::{Drop, IpDrop, Ipvs, IpvsDrop, Note, Reset, Tcp};
use crate::trace::Facts;
use crate::wire::Frame;

/// What was noted more than once at a node, by the node and the address that it was about.
type ByNode<'a, T> = BTreeMap<(NodeId, T), Vec<Noted<'a>>>;

fn by_node<'a, T: Ord>(notes: Vec<(Noted<'a>, T)>) -> ByNode<'a, T> {
    let mut sorted: ByNode<'a, T> = BTreeMap::new();
    for (noted, about) in notes {
        sorted.entry((noted.node, about)).or_default().push(noted);
    }
    sorted
}

/// A machine that is sent packets for others, and does not forward.
pub fn not_forwarding(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| matches!(drop, Drop::Ip(IpDrop::NotForwarding { .. })).then_some(()));
    by_node(dropped)
        .into_iter()
        .map(|((node, ()), notes)| Finding {
            kind: Kind::NotForwarding,
            what: format!("{} is sent packets for others and drops them: ip_forward is 0.", case.name(node)),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.command(node, &["ip_forward"]),
            fix: vec![case.fix(node, "sysctl -w net.ipv4.ip_forward=1")],
        })
        .collect()
}

/// A machine without a route to somebody that it has to answer.
pub fn no_route(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::NoRoute { destination }) | Drop::Ipvs(IpvsDrop::NoRoute { server: destination }) => {
            Some(*destination)
        }
        // Nobody needs a way to a real server's own address: then it is the question that should not have come.
        Drop::Ip(IpDrop::NoWayBack { sender }) => {
            let is_server = case.owner(*sender).is_some_and(|node| case.is_server(node));
            (!is_server).then_some(*sender)
        }
        _ => None,
    });
    by_node(dropped)
        .into_iter()
        .map(|((node, destination), notes)| {
            let fix = gateway(case, node).map(|gateway| case.fix(node, format!("ip route add default via {gateway}")));
            Finding {
                kind: Kind::NoRoute,
                what: format!("{} has no route to {destination}.", case.name(node)),
                evidence: some(notes.iter().map(|noted| case.saw(noted))),
                cause: None,
                fix: fix.into_iter().collect(),
            }
        })
        .collect()
}

/// A machine on the same network that forwards, and its address there.
fn gateway(case: &Case<'_>, node: NodeId) -> Option<Ipv4Addr> {
    let mut routers =
        case.machines().filter(|(other, it)| *other != node && it.forwards && case.are_neighbours(node, *other));
    let mine: Vec<_> = case.machine(node).addresses().map(|(_, ip, len)| net(ip, len)).collect();
    routers.find_map(|(_, router)| {
        let mut addresses = router.addresses().filter(|(_, ip, len)| *len < 32 && mine.contains(&net(*ip, *len)));
        addresses.next().map(|(_, ip, _)| ip)
    })
}

fn net(ip: Ipv4Addr, len: u8) -> (u32, u8) {
    let mask = u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0);
    (u32::from(ip) & mask, len)
}

/// Direct routing to a server that shares no network with the director.
pub fn behind_a_router(case: &Case<'_>) -> Vec<Finding> {
    let services =
        case.services().flat_map(|(node, service, end)| service.servers.iter().map(move |it| (node, end, it)));
    let far = services.filter_map(|(node, end, server)| {
        let owner = case.owner(server.address)?;
        let is_far = owner != node && !case.are_neighbours(node, owner);
        (server.method == Method::Route && is_far).then_some((node, end, server, owner))
    });
    far.map(|(node, end, server, owner)| {
        let (director, name, rip) = (case.name(node), case.name(owner), server.address);
        let words = format!("ipvsadm -e -t {end} -r {rip} -i -w {}", server.weight);
        Finding {
            kind: Kind::BehindRouter,
            what: format!("{director} reaches {name} by direct routing, but {name} is not on a network of {director}."),
            evidence: some(
                case.notes().filter(|noted| noted.node == node && is_about(noted.note, rip)).map(|it| case.saw(&it)),
            ),
            cause: case.command(node, &["ipvsadm", &rip.to_string()]),
            fix: vec![case.fix(node, words)],
        }
    })
    .collect()
}

fn is_about(note: &Note, rip: Ipv4Addr) -> bool {
    matches!(note, Note::Drop(Drop::Ip(IpDrop::NeighbourFailed { neighbour })) if *neighbour == rip)
        || matches!(note, Note::Ipvs(Ipvs::Scheduled(schedule)) if *schedule.connection.server.ip() == rip)
}

/// rp_filter throws away what comes in by a tunnel or another unexpected interface.
pub fn reverse_path(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::ReversePath { setting, .. }) => Some(setting.name.clone()),
        _ => None,
    });
    by_node(dropped)
        .into_iter()
        .map(|((node, setting), notes)| Finding {
            kind: Kind::ReversePath,
            what: format!(
                "{} drops packets whose sender it would not answer by the interface that they came in by.",
                case.name(node)
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.command(node, &["rp_filter"]),
            fix: vec![case.fix(node, format!("sysctl -w {setting}=0 net.ipv4.conf.all.rp_filter=0"))],
        })
        .collect()
}

/// Packets that do not fit into the tunnel, and a client that does not hear of it.
pub fn tunnel_too_narrow(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ipvs(IpvsDrop::TooBig { mtu, .. }) => Some(*mtu),
        _ => None,
    });
    // Once is how a path's MTU is found out; again and again means that nobody learns it.
    by_node(dropped)
        .into_iter()
        .filter(|(_, notes)| notes.len() > 2)
        .map(|((node, mtu), notes)| Finding {
            kind: Kind::TunnelTooNarrow,
            what: format!(
                "Packets do not fit into {}'s tunnel, where only {mtu} bytes do, and the senders do not learn it.",
                case.name(node)
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: icmp_rule(case),
            fix: icmp_rule(case)
                .map(|rule| Command { line: rule.line.replacen("-A", "-D", 1), ..rule })
                .into_iter()
                .collect(),
        })
        .collect()
}

/// The rule that keeps errors from those whom they are for.
fn icmp_rule(case: &Case<'_>) -> Option<Command> {
    let mut rules = case.machines().filter_map(|(node, _)| case.command(node, &["iptables", "icmp", "DROP"]));
    rules.next()
}

/// A masqueraded server that answers the client itself: the client has never heard of it, and resets.
pub fn answers_past_the_director(case: &Case<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<NodeId, Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if !matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::UnknownConnection | Reset::WrongAck))) {
            continue;
        }
        let Some(source) = noted.frame.and_then(|id| case.journeys.frame(id)).and_then(|sent| sender(sent.frame))
        else {
            continue;
        };
        if let Some(server) = masqueraded(case, source) {
            found.entry(server).or_default().push(noted);
        }
    }
    found
        .into_iter()
        .map(|(server, notes)| Finding {
            kind: Kind::AnswersPastDirector,
            what: format!(
                "{}'s answers reach the client with the server's own address: they do not pass the director, which would \
                 have put the virtual address back.",
                case.name(server)
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.command(server, &["ip route"]),
            fix: director_route(case, server).into_iter().collect(),
        })
        .collect()
}

fn sender(frame: &Frame) -> Option<SocketAddrV4> {
    let facts = Facts::of(frame);
    Some(SocketAddrV4::new(facts.addresses?.0, facts.ports?.0))
}

fn masqueraded(case: &Case<'_>, end: SocketAddrV4) -> Option<NodeId> {
    let mut servers = case.services().flat_map(|(_, service, _)| &service.servers);
    let is_it = servers.any(|it| it.method == Method::Masquerade && it.address == *end.ip() && it.port == end.port());
    if is_it { case.owner(*end.ip()) } else { None }
}

fn director_route(case: &Case<'_>, server: NodeId) -> Option<Command> {
    let mut directors =
        case.machines().filter(|(node, it)| !it.services.is_empty() && case.are_neighbours(*node, server));
    let (_, director) = directors.next()?;
    let mine: Vec<_> = case.machine(server).addresses().map(|(_, ip, len)| net(ip, len)).collect();
    let mut addresses = director.addresses().filter(|(_, ip, len)| *len < 32 && mine.contains(&net(*ip, *len)));
    let (_, ip, _) = addresses.next()?;
    Some(case.fix(server, format!("ip route replace default via {ip}")))
}
