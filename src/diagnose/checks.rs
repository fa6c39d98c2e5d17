//! Health checks that ask too little, and VRRP that asks nobody.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, fact, some};
use super::commands::track_script;
use super::configuration::block_of;
use super::{Finding, Kind};
use crate::ids::{FrameId, NodeId};
use crate::keepalived::conf::CheckerKind;
use crate::reason::{Ipvs, Note, Reset, Tcp};
use crate::time::{Span, Time};
use crate::trace::Facts;
use crate::trace::filter::Segment;

/// Who has not answered a request for so long does not serve.
const PATIENCE: Span = Span::from_secs(2);

/// Servers that accept connections and answer nothing, while TCP_CHECK is content.
pub fn tests_less(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, keepalived) in case.keepaliveds() {
        for server in keepalived.config.services.iter().flat_map(|service| &service.servers) {
            let IpAddr::V4(rip) = server.address.ip() else { continue };
            let asks_little = |kind: &CheckerKind| matches!(kind, CheckerKind::Tcp | CheckerKind::Ping);
            let is_little = !server.checkers.is_empty() && server.checkers.iter().all(|it| asks_little(&it.kind));
            let unanswered = if is_little { unanswered(case, node, rip) } else { Vec::new() };
            if unanswered.is_empty() {
                continue;
            }
            findings.push(Finding {
                kind: Kind::CheckerTestsLess,
                what: format!(
                    "{rip} accepts connections and answers no request, and its check, which only connects, is content."
                ),
                evidence: some(unanswered.iter().filter_map(|&id| {
                    let mut seen = case.sent(id)?;
                    seen.text += ": nobody answers";
                    Some(seen)
                })),
                cause: case.line_of(node, &["real_server", &rip.to_string()]),
                fix: vec![case.fix(
                    node,
                    "sed -i 's/TCP_CHECK {/HTTP_GET {\\nurl {\\npath \\/\\n}/' /etc/keepalived/keepalived.conf && systemctl reload \
                     keepalived",
                )],
            });
        }
    }
    findings
}

/// The requests that a director has sent to a server over connections on which nothing ever came back.
fn unanswered(case: &Case<'_>, node: NodeId, rip: Ipv4Addr) -> Vec<FrameId> {
    let mut open: BTreeMap<(SocketAddrV4, SocketAddrV4), Option<(Time, FrameId)>> = BTreeMap::new();
    for noted in case.notes().filter(|noted| noted.node == node) {
        if let Note::Ipvs(Ipvs::Steered { connection, .. }) = noted.note
            && *connection.server.ip() == rip
        {
            open.entry((connection.client, connection.virtual_address)).or_default();
        }
    }
    let end = case.end();
    let mut waited = Vec::new();
    for (id, sent) in case.journeys.frames() {
        let facts = Facts::of(sent.frame);
        let (Some((source, destination)), Some((from, to))) = (facts.addresses, facts.ports) else { continue };
        let (source, destination) = (SocketAddrV4::new(source, from), SocketAddrV4::new(destination, to));
        if facts.segment == Some(Segment::Rst) {
            // Who is reset is not left waiting.
            open.remove(&(destination, source));
        }
        if facts.segment == Some(Segment::Data) && sent.made.is_some() {
            if let Some(request) = open.get_mut(&(source, destination)) {
                request.get_or_insert((sent.at, id));
            }
            open.remove(&(destination, source));
        }
    }
    waited.extend(open.into_values().flatten().filter(|(at, _)| end.since(*at) > PATIENCE).map(|(_, id)| id));
    waited.sort();
    waited
}

/// The master's own service refuses clients, and its VRRP goes on: nothing tells it.
pub fn dead_service_live_vrrp(case: &Case<'_>) -> Vec<Finding> {
    let mut refused: BTreeMap<(NodeId, SocketAddrV4), Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if !matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::ClosedPort))) || case.is_director(noted.node) {
            continue;
        }
        let is_syn = case.facts(&noted).is_some_and(|facts| facts.segment == Some(Segment::Syn));
        if let (true, Some((_, end))) = (is_syn, case.ends(&noted)) {
            refused.entry((noted.node, end)).or_default().push(noted);
        }
    }
    let mut findings = Vec::new();
    for ((node, end), notes) in refused {
        let Some((_, keepalived)) = case.keepaliveds().find(|(it, _)| *it == node) else { continue };
        let holds = |it: &&crate::keepalived::conf::Instance| it.vips.iter().any(|vip| vip.net.addr() == *end.ip());
        let Some(instance) = keepalived.config.instances.iter().find(holds) else { continue };
        if !instance.tracks.is_empty() {
            continue;
        }
        let name = case.name(node);
        findings.push(Finding {
            kind: Kind::DeadServiceLiveVrrp,
            what: format!(
                "{name} is master of {}, and refuses connections to port {}: its service is dead, and VRRP does not ask for it.",
                end.ip(),
                end.port()
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted)).chain([fact("no track_script looks after the service")])),
            cause: block_of(case, node, instance),
            fix: vec![track_script(
                case,
                node,
                &format!("nc -z 127.0.0.1 {}", end.port()),
                "interval 1\\nweight -20",
            )],
        });
    }
    findings
}
