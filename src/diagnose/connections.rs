//! What the connection table remembers for too long, or not long enough.

use std::collections::BTreeMap;

use super::balance::{service_of, weight_at};
use super::case::{Case, Noted, fact, some};
use super::commands::{option, service_line};
use super::{Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Config, Drop, Ipvs, IpvsDrop, Note, Reset, Tcp};
use crate::trace::filter::Segment;
use crate::wire::proto;

/// A new connection from an old port follows the old entry to a server of weight 0.
pub fn retired_but_busy(case: &Case<'_>) -> Vec<Finding> {
    let followed = case.notes().filter_map(|noted| match noted.note {
        Note::Ipvs(Ipvs::Steered(passage)) if passage.before != "NONE" => Some((noted, &passage.connection)),
        _ => None,
    });
    let is_syn = |noted: &Noted<'_>| case.facts(noted).is_some_and(|facts| facts.segment == Some(Segment::Syn));
    // A SYN that is repeated finds its own entry; one from a port that was used before finds an older one.
    let is_old = |noted: &Noted<'_>, before: &str| is_syn(noted) && !matches!(before, "SYN_RECV" | "SYN_SENT");
    let busy: Vec<_> = followed
        .filter(|(noted, connection)| {
            let Note::Ipvs(Ipvs::Steered(passage)) = noted.note else { return false };
            is_old(noted, passage.before) && weight_at(case, noted.node, connection.server, noted.at) == Some(0)
        })
        .collect();
    let Some((first, connection)) = busy.first() else { return Vec::new() };
    vec![Finding {
        kind: Kind::RetiredButBusy,
        what: format!(
            "{} has weight 0, and gets new connections: their ports were used before, and {} follows the old entries.",
            connection.server.ip(),
            case.name(first.node)
        ),
        evidence: some(busy.iter().map(|(noted, _)| case.saw(noted))),
        cause: Some(case.setting(first.node, first.at, &["net.ipv4.vs.conn_reuse_mode"])),
        fix: vec![case.fix(first.node, "sysctl -w net.ipv4.vs.conn_reuse_mode=3")],
    }]
}

/// A server was deleted while it had connections.
pub fn server_removed(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ipvs(IpvsDrop::ServerRemoved { connection }) => Some(*connection),
        _ => None,
    });
    let Some((first, connection)) = dropped.first() else { return Vec::new() };
    let (node, server, vip) = (first.node, connection.server, connection.virtual_address);
    let option = service_of(case, node, vip).map_or_else(|| format!("-t {vip}"), option);
    let gone =
        |what: &Config| matches!(what, Config::Server { server: known, weight: None, .. } if known.ip() == server.ip());
    let is_udp = connection.protocol == proto::UDP;
    let (kind, what, fix) = if is_udp {
        (
            Kind::BlackHole,
            format!(
                "{} was deleted, but its entry lives on: the client's datagrams are dropped in silence.",
                server.ip()
            ),
            "sysctl -w net.ipv4.vs.expire_nodest_conn=1".to_owned(),
        )
    } else {
        (
            Kind::ServerRemoved,
            format!("{} was deleted while it had connections: their packets are dropped in silence.", server.ip()),
            format!("ipvsadm -e {option} -r {server} -w 0 # instead of -d: what is open may end"),
        )
    };
    vec![Finding {
        kind,
        what,
        evidence: some(dropped.iter().map(|(noted, _)| case.saw(noted))),
        cause: case.changed(node, first.at, gone),
        fix: vec![case.fix(node, fix)],
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
        cause: Some(case.setting(first.node, first.at, &["net.ipv4.vs.conntrack", "net.ipv4.vs.conn_reuse_mode"])),
        fix: vec![case.fix(first.node, "sysctl -w net.ipv4.vs.conn_reuse_mode=0")],
    }]
}

/// How many datagrams of one entry make one think that they should have been shared.
const MANY: usize = 4;

/// UDP from one port is one connection, whatever the scheduler.
pub fn one_entry(case: &Case<'_>) -> Vec<Finding> {
    let mut entries: BTreeMap<_, Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if let Note::Ipvs(Ipvs::Steered(passage)) = noted.note
            && let connection = &passage.connection
            && connection.protocol == proto::UDP
        {
            let key = (noted.node, connection.virtual_address, connection.client, connection.server);
            entries.entry(key).or_default().push(noted);
        }
    }
    let shared = |node: NodeId, vip| service_of(case, node, vip).filter(|it| !it.one_packet && it.servers.len() > 1);
    let found =
        entries.into_iter().find(|((node, vip, ..), notes)| notes.len() >= MANY && shared(*node, *vip).is_some());
    let Some(((node, vip, client, _), notes)) = found else { return Vec::new() };
    let Some(service) = shared(node, vip) else { return Vec::new() };
    let mut evidence = vec![fact(format!("{} datagrams, one entry", notes.len()))];
    evidence.extend(some(notes.iter().map(|noted| case.saw(noted))));
    vec![Finding {
        kind: Kind::OneEntry,
        what: format!(
            "All datagrams of {client} go to one server: to IPVS, one pair of addresses and ports is one connection."
        ),
        evidence,
        cause: service_line(case, node, service, notes[0].at),
        fix: vec![case.fix(node, format!("ipvsadm -E {} -s {} -o", option(service), service.scheduler))],
    }]
}

/// An entry has expired while its connection lived: the next packet is nobody's.
pub fn idle_too_long(case: &Case<'_>) -> Vec<Finding> {
    let expired = case.notes().filter_map(|noted| match noted.note {
        Note::Ipvs(Ipvs::Expired { connection, state, .. }) if *state == "ESTABLISHED" => Some((noted, **connection)),
        _ => None,
    });
    let is_reset =
        |noted: &Noted<'_>| matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::UnknownConnection | Reset::ClosedPort)));
    let lost = expired.into_iter().find_map(|(noted, connection)| {
        let of_it = |it: &Noted<'_>| case.ends(it).is_some_and(|(source, _)| source == connection.client);
        let reset = case.notes().find(|it| it.at >= noted.at && it.node == noted.node && is_reset(it) && of_it(it))?;
        Some((noted, connection, reset))
    });
    let Some((noted, connection, reset)) = lost else { return Vec::new() };
    vec![Finding {
        kind: Kind::IdleTooLong,
        what: format!(
            "{} forgot {connection} while it still lived: the next packet of the client is answered with a reset.",
            case.name(noted.node)
        ),
        evidence: vec![case.saw(&noted), case.saw(&reset)],
        cause: Some(case.command(noted.node, &["ipvsadm --set"]).unwrap_or_else(|| {
            case.missing(noted.node, "nothing makes the time-out longer than 900 s (ipvsadm --set)")
        })),
        fix: vec![case.fix(noted.node, "ipvsadm --set 7500 120 300")],
    }]
}
