//! Health checks that ask too little, and VRRP that asks nobody.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, fact, some};
use super::commands::{edit_and_reload, track_script};
use super::configuration::block_of;
use super::{Finding, Kind};
use crate::ids::{FrameId, NodeId};
use crate::keepalived::conf::{CheckerKind, Server, shown, trio};
use crate::reason::{Console, Ipvs, Note, Reset, Tcp};
use crate::time::{Span, Time};
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
                fix: vec![edit_and_reload(case, node, "s/TCP_CHECK {/HTTP_GET {\\nurl {\\npath \\/\\n}/")],
            });
        }
    }
    findings
}

/// The requests that a director has sent to a server over connections on which nothing ever came back.
fn unanswered(case: &Case<'_>, node: NodeId, rip: Ipv4Addr) -> Vec<FrameId> {
    let mut open: BTreeMap<(SocketAddrV4, SocketAddrV4), Option<(Time, FrameId)>> = BTreeMap::new();
    for noted in case.notes().filter(|noted| noted.node == node) {
        if let Note::Ipvs(Ipvs::Steered(passage)) = noted.note
            && let connection = &passage.connection
            && *connection.server.ip() == rip
        {
            open.entry((connection.client, connection.virtual_address)).or_default();
        }
    }
    let end = case.end();
    let mut waited = Vec::new();
    for (id, sent) in case.journeys.frames() {
        let facts = case.facts_of(id);
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

/// What a director's log tells of a server's coming and going, in order: when, and whether it is in the pool now.
fn pool<'a>(case: &Case<'a>, node: NodeId, server: &str) -> Vec<(Noted<'a>, bool)> {
    let (added, removed) = (format!("Adding service {server} "), format!("Removing service {server} "));
    let told = case.notes().filter(|noted| noted.node == node).filter_map(|noted| {
        let Note::Console(Console::Logged { text, .. }) = noted.note else { return None };
        (text.starts_with(&added) || text.starts_with(&removed)).then(|| (noted, text.starts_with(&added)))
    });
    told.collect()
}

/// A sorry server that stays although the quorum is there: hysteresis asks for more, and there is no more.
pub fn quorum_not_gained(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, keepalived) in case.keepaliveds() {
        for it in keepalived.config.services.iter().filter(|it| it.sorry.is_some() && it.hysteresis > 0) {
            let logged = |words: &str| {
                let is_it = |note: &Note| matches!(note, Note::Console(Console::Logged { text, .. }) if text.starts_with(words));
                case.notes().filter(|noted| noted.node == node && is_it(noted.note)).last()
            };
            let Some(sorry) = logged("Adding sorry server") else { continue };
            let yields = logged("Removing sorry server").is_some_and(|noted| noted.at > sorry.at);
            let (quorum, needed) = (i64::from(it.quorum), i64::from(it.quorum) + i64::from(it.hysteresis));
            let weight = |server: &Server| i64::from(server.weight.unwrap_or(it.weight));
            let all: i64 = it.servers.iter().map(weight).sum();
            // The weights and notes of those that have come back since.
            let returned: Vec<_> = it
                .servers
                .iter()
                .filter_map(|server| {
                    let changes = pool(case, node, &trio(server.address, it.protocol));
                    let back = changes.into_iter().find(|(noted, is_in)| *is_in && noted.at > sorry.at)?;
                    Some((weight(server), back.0))
                })
                .collect();
            let is_quorum = returned.iter().map(|(weight, _)| weight).sum::<i64>() >= quorum;
            // What all together do not reach is found in the configuration.
            if yields || !is_quorum || needed > all {
                continue;
            }
            findings.push(Finding {
                kind: Kind::QuorumOutOfReach,
                what: format!(
                    "The sorry server of {} does not yield although servers are back: a quorum of {quorum} with a hysteresis of \
                     {} is gained at {needed} only.",
                    shown(it),
                    it.hysteresis
                ),
                evidence: std::iter::once(case.saw(&sorry)).chain(some(returned.iter().map(|(_, noted)| case.saw(noted)))).collect(),
                cause: case.line_of(node, &["hysteresis"]),
                fix: vec![edit_and_reload(case, node, "s/hysteresis .*/hysteresis 0/")],
            });
        }
    }
    findings
}

/// A server that one late answer takes out of the pool, since nobody asks twice.
pub fn too_hasty(case: &Case<'_>) -> Vec<Finding> {
    const SOON: Span = Span::from_secs(5);
    let mut findings = Vec::new();
    for (node, keepalived) in case.keepaliveds() {
        for (service, server) in
            keepalived.config.services.iter().flat_map(|it| it.servers.iter().map(move |server| (it, server)))
        {
            let is_hasty = server.checkers.iter().any(|it| it.pace.or(server.pace).or(service.pace).retry == Some(0));
            let changes = pool(case, node, &trio(server.address, service.protocol));
            let pair =
                changes.windows(2).find(|pair| !pair[0].1 && pair[1].1 && pair[1].0.at.since(pair[0].0.at) < SOON);
            let Some(pair) = pair.filter(|_| is_hasty) else { continue };
            findings.push(Finding {
                kind: Kind::CheckTooHasty,
                what: format!(
                    "{} was taken out after one late answer, and was back at once: with retry 0 its check asks only once.",
                    server.address
                ),
                evidence: pair.iter().map(|(noted, _)| case.saw(noted)).collect(),
                cause: case.line_of(node, &["retry", "0"]),
                fix: vec![edit_and_reload(case, node, "s/retry 0/retry 3/")],
            });
        }
    }
    findings
}
