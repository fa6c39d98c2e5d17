//! Two directors that do not hear one another, or do not believe what they hear.

use std::collections::BTreeMap;

use super::case::{Case, Noted, some};
use super::{Evidence, Finding, Kind};
use crate::ids::{FrameId, NodeId};
use crate::reason::{Console, Drop, Loss, Note};
use crate::trace::{Event, Facts};
use crate::wire::proto;

/// What keepalived logs when it does not believe an advertisement, and what mends it.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    ("invalid passwd", "the passwords differ", "auth_pass"),
    ("Received a different", "the lists of addresses differ", "virtual_ipaddress"),
    ("invalid virtual_ipaddress", "the lists of addresses differ", "virtual_ipaddress"),
    ("expecting no authentication", "one side authenticates, the other does not", "authentication"),
    ("advertisement interval mismatch", "the intervals differ", "advert_int"),
    ("invalid VRID", "the VRIDs differ", "virtual_router_id"),
];

/// A director that rejects advertisements, by its own log.
pub fn message_rejected(case: &Case<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<(NodeId, &str), (Vec<Noted<'_>>, &str)> = BTreeMap::new();
    for noted in case.notes() {
        let Note::Console(Console::Logged { text, .. }) = noted.note else { continue };
        if let Some((_, why, keyword)) = COMPLAINTS.iter().find(|(words, ..)| text.contains(words)) {
            found.entry((noted.node, *why)).or_insert_with(|| (Vec::new(), *keyword)).0.push(noted);
        }
    }
    found
        .into_iter()
        .map(|((node, why), (notes, keyword))| Finding {
            kind: Kind::AdvertRejected,
            what: format!("{} hears another router and rejects what it says: {why}.", case.name(node)),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: None,
            fix: vec![case.fix(
                node,
                format!("vi /etc/keepalived/keepalived.conf: give {keyword} the value of the other director"),
            )],
        })
        .collect()
}

/// A switch that does not let advertisements pass.
pub fn multicast_filtered(case: &Case<'_>) -> Vec<Finding> {
    let lost = case.trace().records.iter().filter_map(|record| match &record.event {
        Event::Lost { id, frame, loss: loss @ Loss::MulticastFiltered { .. }, .. }
            if Facts::of(frame).protocol == Some(proto::VRRP) =>
        {
            Some(Evidence { at: Some(record.at), frame: Some(*id), text: loss.to_string() })
        }
        _ => None,
    });
    let evidence = some(lost);
    if evidence.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        kind: Kind::MulticastFiltered,
        what: "A switch drops the routers' advertisements: they are multicast, and it lets none pass.".to_owned(),
        evidence,
        cause: None,
        fix: speakers(case)
            .into_iter()
            .map(|node| case.fix(node, "vi /etc/keepalived/keepalived.conf: unicast_peer { ... }"))
            .collect(),
    }]
}

/// The machines that sent advertisements.
fn speakers(case: &Case<'_>) -> Vec<NodeId> {
    let adverts = case.journeys.frames().filter(|(_, sent)| Facts::of(sent.frame).protocol == Some(proto::VRRP));
    let nodes: std::collections::BTreeSet<_> = adverts.map(|(_, sent)| sent.node).collect();
    nodes.into_iter().collect()
}

/// A firewall that drops packets of clients, or advertisements.
pub fn filtered(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Netfilter(ruling) => Some(ruling),
        _ => None,
    });
    let mut rules: BTreeMap<(NodeId, String), Vec<Noted<'_>>> = BTreeMap::new();
    for (noted, ruling) in dropped {
        rules.entry((noted.node, ruling.to_string())).or_default().push(noted);
    }
    rules
        .into_iter()
        .filter(|(_, notes)| notes.iter().any(|noted| matters(case, noted.frame)))
        .map(|((node, rule), notes)| Finding {
            kind: Kind::Filtered,
            what: format!("{} drops packets by {rule}.", case.name(node)),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.command(node, &["iptables"]),
            fix: case
                .command(node, &["iptables -A"])
                .map(|it| case.fix(node, it.line.replacen("-A", "-D", 1)))
                .into_iter()
                .collect(),
        })
        .collect()
}

/// Whether somebody waits for the packet: a router for an advertisement, or a client for a service.
fn matters(case: &Case<'_>, frame: Option<FrameId>) -> bool {
    let Some(sent) = frame.and_then(|id| case.journeys.frame(id)) else { return false };
    let facts = Facts::of(sent.frame);
    let to_service = facts.addresses.is_some_and(|(_, destination)| case.is_virtual(destination));
    facts.protocol == Some(proto::VRRP) || to_service
}
