//! Connections that go where they should not, or nowhere.

use std::collections::BTreeMap;

use super::case::{Case, Noted, fact, some};
use super::{Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Drop, Ipvs, IpvsDrop, Note, Reset, Tcp};
use crate::wire::proto;

/// sh, mh and dh without their fallback: a hash leads to a server that takes nothing, while others would.
pub fn hashed_to_nobody(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ipvs(IpvsDrop::NoServer { scheduler, candidates, .. }) => {
            let usable = candidates.iter().any(|server| server.weight > 0);
            (matches!(*scheduler, "sh" | "mh" | "dh") && usable).then_some(*scheduler)
        }
        _ => None,
    });
    let Some((first, scheduler)) = dropped.first() else { return Vec::new() };
    let fix = case.services().find(|(node, it, _)| *node == first.node && it.options.scheduler == *scheduler);
    let fix =
        fix.map(|(node, _, end)| case.fix(node, format!("ipvsadm -E -t {end} -s {scheduler} -b {scheduler}-fallback")));
    vec![Finding {
        kind: Kind::HashedToNobody,
        what: format!(
            "{scheduler} leads some clients to a server which takes no connections, and the others are not asked.",
        ),
        evidence: some(dropped.iter().map(|(noted, _)| case.saw(noted))),
        cause: case.command(first.node, &["ipvsadm", scheduler]),
        fix: fix.into_iter().collect(),
    }]
}

/// A server was deleted while it had connections.
pub fn server_removed(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ipvs(IpvsDrop::ServerRemoved { connection }) => Some(*connection),
        _ => None,
    });
    let Some((first, connection)) = dropped.first() else { return Vec::new() };
    let (rip, vip) = (connection.server.ip(), connection.virtual_address);
    let udp = connection.protocol == proto::name(proto::UDP);
    let fix = match udp {
        true => "sysctl -w net.ipv4.vs.expire_nodest_conn=1".to_owned(),
        false => format!("ipvsadm -e -t {vip} -r {rip} -w 0"),
    };
    vec![Finding {
        kind: Kind::ServerRemoved,
        what: format!("{rip} was deleted while it had connections: their packets are dropped in silence."),
        evidence: some(dropped.iter().map(|(noted, _)| case.saw(noted))),
        cause: case.command(first.node, &["ipvsadm -d", &rip.to_string()]),
        fix: vec![case.fix(first.node, fix)],
    }]
}

/// A client opens a connection from a port whose last connection is not forgotten.
pub fn port_reused(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| matches!(drop, Drop::Ipvs(IpvsDrop::StillTracked { .. })).then_some(()));
    let Some((first, ())) = dropped.first() else { return Vec::new() };
    vec![Finding {
        kind: Kind::PortReused,
        what: format!(
            "{} drops the first packet of connections whose port was used a moment ago: they take a second longer.",
            case.name(first.node)
        ),
        evidence: some(dropped.iter().map(|(noted, ())| case.saw(noted))),
        cause: case.command(first.node, &["conntrack"]),
        fix: vec![case.fix(first.node, "sysctl -w net.ipv4.vs.conn_reuse_mode=0")],
    }]
}

/// How many datagrams of one entry make one think that they should have been shared.
const MANY: usize = 4;

/// UDP from one port is one connection, whatever the scheduler.
pub fn one_entry(case: &Case<'_>) -> Vec<Finding> {
    let mut entries: BTreeMap<_, Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if let Note::Ipvs(Ipvs::Steered { connection, .. }) = noted.note
            && connection.protocol == proto::name(proto::UDP)
        {
            entries.entry((noted.node, connection.virtual_address, connection.client)).or_default().push(noted);
        }
    }
    let shared = |node: NodeId, vip| {
        case.services().any(|(at, service, end)| {
            at == node && end == vip && !service.options.one_packet && service.servers.len() > 1
        })
    };
    let found = entries.into_iter().find(|((node, vip, _), notes)| notes.len() >= MANY && shared(*node, *vip));
    found
        .map(|((node, vip, client), notes)| Finding {
            kind: Kind::OneEntry,
            what: format!("All datagrams of {client} go to one server: to IPVS, one pair of addresses and ports is one connection."),
            evidence: std::iter::once(fact(format!("{} datagrams, one entry", notes.len()))).chain(some(notes.iter().map(|it| case.saw(it)))).collect(),
            cause: case.command(node, &["ipvsadm -A -u"]),
            fix: case.services().find(|(at, _, end)| *at == node && *end == vip).map(|(_, service, _)| case.fix(node, format!("ipvsadm -E -u {vip} -s {} -o", service.options.scheduler))).into_iter().collect(),
        })
        .into_iter()
        .collect()
}

/// An entry has expired while its connection lived: the next packet is nobody's.
pub fn idle_too_long(case: &Case<'_>) -> Vec<Finding> {
    let expired: Vec<_> = case
        .notes()
        .filter_map(|noted| match noted.note {
            Note::Ipvs(Ipvs::Expired { connection, state, .. }) if matches!(*state, "ESTABLISHED" | "CLOSE_WAIT") => {
                Some((noted, *connection))
            }
            _ => None,
        })
        .collect();
    let is_reset =
        |noted: &Noted<'_>| matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::UnknownConnection | Reset::ClosedPort)));
    let lost = expired.into_iter().find_map(|(noted, connection)| {
        let reset = case.notes().find(|it| it.at >= noted.at && it.node == noted.node && is_reset(it))?;
        Some((noted, connection, reset))
    });
    lost.map(|(noted, connection, reset)| Finding {
        kind: Kind::IdleTooLong,
        what: format!("The entry of {connection} expired while the connection still lived: its next packet is answered with a reset."),
        evidence: vec![case.saw(&noted), case.saw(&reset)],
        cause: case.command(noted.node, &["ipvsadm --set"]),
        fix: vec![case.fix(noted.node, "ipvsadm --set 7500 120 300")],
    })
    .into_iter()
    .collect()
}
