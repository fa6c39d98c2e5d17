//! Ways that lead nowhere.

use std::collections::BTreeMap;

use super::case::{Case, Noted, some};
use super::commands::gateway_beside;
use super::configuration::is_advert;
use super::{Cause, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Config, Drop, IpDrop, IpvsDrop, Ruling};
use crate::time::Time;
use crate::wire::proto;

/// What was noted more than once at a node, by the node and what it was about.
pub type ByNode<'a, T> = BTreeMap<(NodeId, T), Vec<Noted<'a>>>;

/// Sorts what was noted.
pub fn by_node<'a, T: Ord>(notes: Vec<(Noted<'a>, T)>) -> ByNode<'a, T> {
    let mut sorted: ByNode<'a, T> = BTreeMap::new();
    for (noted, about) in notes {
        sorted.entry((noted.node, about)).or_default().push(noted);
    }
    sorted
}

/// A machine that is sent packets for others, and does not forward. Who lacks a virtual address is another matter.
pub fn not_forwarding(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::NotForwarding { destination }) if !case.is_virtual(*destination) => Some(()),
        _ => None,
    });
    let told = by_node(dropped).into_iter().map(|((node, ()), notes)| Finding {
        kind: Kind::NotForwarding,
        what: format!("{} is sent packets for others and drops them: ip_forward is 0.", case.name(node)),
        evidence: some(notes.iter().map(|noted| case.saw(noted))),
        cause: Some(case.setting(node, notes[0].at, &["net.ipv4.ip_forward"])),
        fix: vec![case.fix(node, "sysctl -w net.ipv4.ip_forward=1")],
    });
    told.collect()
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
    let told = by_node(dropped).into_iter().map(|((node, destination), notes)| {
        let fix = gateway_beside(case, node).map(|by| case.fix(node, format!("ip route add default via {by}")));
        Finding {
            kind: Kind::NoRoute,
            what: format!("{} has no route to {destination}: it cannot answer.", case.name(node)),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: Some(case.missing(node, "no route leads there")),
            fix: fix.into_iter().collect(),
        }
    });
    told.collect()
}

/// rp_filter throws away what comes in by a tunnel or another unexpected interface.
pub fn reverse_path(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::ReversePath { setting, .. }) => Some(setting.name.clone()),
        _ => None,
    });
    let told = by_node(dropped).into_iter().map(|((node, setting), notes)| Finding {
        kind: Kind::ReversePath,
        what: format!(
            "{} drops packets whose sender it would not answer by the interface that they came in by ({setting}).",
            case.name(node)
        ),
        evidence: some(notes.iter().map(|noted| case.saw(noted))),
        cause: Some(case.setting(node, notes[0].at, &[&setting, "net.ipv4.conf.all.rp_filter"])),
        fix: vec![case.fix(node, format!("sysctl -w {setting}=0 net.ipv4.conf.all.rp_filter=0"))],
    });
    told.collect()
}

/// Packets that are too big for the way, and a firewall that eats the errors which say so.
pub fn packets_too_big(case: &Case<'_>) -> Vec<Finding> {
    let too_big = case.drops(|drop| match drop {
        Drop::Ipvs(IpvsDrop::TooBig { mtu }) | Drop::Ip(IpDrop::TooBig { mtu }) => Some(*mtu),
        _ => None,
    });
    let eaten = case.drops(|drop| match drop {
        Drop::Netfilter(ruling) => Some(ruling),
        _ => None,
    });
    let is_error = |noted: &Noted<'_>| case.facts(noted).is_some_and(|facts| facts.protocol == Some(proto::ICMP));
    let mut findings = Vec::new();
    for ((node, mtu), notes) in by_node(too_big) {
        let error = eaten.iter().find(|(noted, _)| is_error(noted) && noted.at >= notes[0].at);
        let Some((error, ruling)) = error else { continue };
        findings.push(Finding {
            kind: Kind::PacketsTooBig,
            what: format!(
                "Only packets of {mtu} bytes get past {}, and senders do not learn it: {} drops the errors that say so.",
                case.name(node),
                case.name(error.node)
            ),
            evidence: vec![case.saw(&notes[0]), case.saw(error)],
            cause: case.rule(error.node, ruling),
            fix: undo(case, error.node, ruling).into_iter().collect(),
        });
    }
    findings
}

/// A firewall that drops packets of clients.
pub fn filtered(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Netfilter(ruling) if ruling.tool == "iptables" => Some(ruling),
        _ => None,
    });
    let mut rules: BTreeMap<(NodeId, String), (Vec<Noted<'_>>, &Ruling)> = BTreeMap::new();
    for (noted, ruling) in dropped {
        let facts = case.facts(&noted).unwrap_or_default();
        let is_for_service = facts.addresses.is_some_and(|(from, to)| case.is_virtual(from) || case.is_virtual(to));
        // Errors have a rule of their own, and so have advertisements.
        if is_for_service && facts.ports.is_some() && !is_advert(&facts) {
            rules.entry((noted.node, ruling.to_string())).or_insert((Vec::new(), ruling)).0.push(noted);
        }
    }
    let told = rules.into_iter().map(|((node, words), (notes, ruling))| Finding {
        kind: Kind::Filtered,
        what: format!("{} drops packets of the service by {words}.", case.name(node)),
        evidence: some(notes.iter().map(|noted| case.saw(noted))),
        cause: case.rule(node, ruling),
        fix: undo(case, node, ruling).into_iter().collect(),
    });
    told.collect()
}

/// The command that takes a rule away, or lets everything pass where no rule has.
fn undo(case: &Case<'_>, node: NodeId, ruling: &Ruling) -> Option<super::Command> {
    let Ruling { tool, table, chain, rule } = ruling;
    let table = if *table == "filter" { String::new() } else { format!(" -t {table}") };
    let line = match rule {
        Some((_, rule)) => format!("{tool}{table} -D {chain} {rule}"),
        None => format!("{tool}{table} -P {chain} ACCEPT"),
    };
    Some(case.fix(node, line))
}

/// Where a machine's default route was made before a moment, or its set-up.
pub fn route_of(case: &Case<'_>, node: NodeId, before: Time) -> Cause {
    let is_it = |what: &Config| matches!(what, Config::Route { prefix: (_, 0), is_there: true, .. });
    let missing = || case.missing(node, "no default route leads to the director");
    case.changed(node, before, is_it).unwrap_or_else(missing)
}
