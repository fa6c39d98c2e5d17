//! Who gets the connection: shares that surprise, and servers that nobody should be sent to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, fact, some};
use super::commands::{edit_and_reload, option, service_line};
use super::{Command, Finding, Kind};
use crate::ids::{FrameId, NodeId};
use crate::reason::{Choice, Config, Connection, Drop, Ipvs, IpvsDrop, Nat, NatSide, Note, Ruling, Schedule, Unserved};
use crate::time::Time;
use crate::topo::Service;
use crate::trace::filter::Segment;

/// How many picks or requests make one think that they should have been shared.
const MANY: usize = 4;

/// The service of a director that a connection belongs to: by its address and port, or else by a mark.
pub fn service_of<'a>(case: &Case<'a>, node: NodeId, vip: SocketAddrV4) -> Option<&'a Service> {
    let services = &case.machine(node).services;
    let is_it = |it: &&Service| it.address == Some(*vip.ip()) && [vip.port(), 0].contains(&it.port);
    services.iter().find(is_it).or_else(|| services.iter().find(|it| it.address.is_none()))
}

/// The weight that a director gives to a server at a moment, as far as it has ever been set.
pub fn weight_at(case: &Case<'_>, node: NodeId, server: SocketAddrV4, at: Time) -> Option<i32> {
    let changes = case.journeys.changes(node).iter().rev().filter(|(when, _)| *when <= at);
    let mut weights = changes.filter_map(|(_, change)| match &change.what {
        Config::Server { server: known, weight, .. } if known.ip() == server.ip() => Some(*weight),
        _ => None,
    });
    weights.next().flatten()
}

/// Persistence leads clients to a server that has been retired with weight 0, and is dead.
pub fn template_outlives_server(case: &Case<'_>) -> Vec<Finding> {
    let mut led: BTreeMap<(NodeId, SocketAddrV4), Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if let Note::Ipvs(Ipvs::Remembered(persistent)) = noted.note
            && weight_at(case, noted.node, persistent.connection.server, noted.at) == Some(0)
        {
            led.entry((noted.node, persistent.connection.server)).or_default().push(noted);
        }
    }
    let told = led.into_iter().map(|((node, server), notes)| {
        let retired = |what: &Config| matches!(what, Config::Server { server: known, weight: Some(0), .. } if *known == server);
        Finding {
            kind: Kind::TemplateOutlivesServer,
            what: format!(
                "{server} has weight 0, but persistence goes on sending its old clients there: the template outlives the server."
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.changed(node, notes[0].at, retired),
            fix: vec![case.fix(node, "sysctl -w net.ipv4.vs.expire_quiescent_template=1")],
        }
    });
    told.collect()
}

/// sh, mh and dh without their fallback: a hash leads to a server that takes nothing, while others would.
pub fn hashed_to_nobody(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ipvs(IpvsDrop::NoServer(unserved)) => {
            let Unserved { scheduler, candidates, .. } = &**unserved;
            let usable = candidates.iter().any(|server| server.weight > 0);
            (matches!(*scheduler, "sh" | "mh" | "dh") && usable).then_some((*scheduler, candidates))
        }
        _ => None,
    });
    let Some((first, (scheduler, candidates))) = dropped.first() else { return Vec::new() };
    let fix = case.services().find(|(node, it)| *node == first.node && it.scheduler == *scheduler).map(|(node, it)| {
        let line = match *scheduler {
            // dh knows no fallback.
            "dh" => format!("ipvsadm -E {} -s mh -b mh-fallback", option(it)),
            scheduler => format!("ipvsadm -E {} -s {scheduler} -b {scheduler}-fallback", option(it)),
        };
        case.fix(node, line)
    });
    let retired = |what: &Config| matches!(what, Config::Server { weight: Some(0), .. });
    let out: Vec<_> = candidates.iter().filter(|it| it.weight <= 0).map(|it| it.server.to_string()).collect();
    vec![Finding {
        kind: Kind::HashedToNobody,
        what: format!(
            "{scheduler} leads some clients to {}, which takes no connections, and the other servers are not asked.",
            out.join(" and ")
        ),
        evidence: some(dropped.iter().map(|(noted, _)| case.saw(noted))),
        cause: case.changed(first.node, first.at, retired),
        fix: fix.into_iter().collect(),
    }]
}

/// Picks of a scheduler in their order.
fn picks<'a>(case: &Case<'a>) -> Vec<(Noted<'a>, &'a Schedule)> {
    let picks = case.notes().filter_map(|noted| match noted.note {
        Note::Ipvs(Ipvs::Scheduled(schedule)) => Some((noted, schedule.as_ref())),
        _ => None,
    });
    picks.collect()
}

/// A server that comes to others which have connections gets everything that comes, until it has as many.
pub fn newcomer_flooded(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut runs: BTreeMap<(NodeId, SocketAddrV4), Vec<(Noted<'_>, &Schedule)>> = BTreeMap::new();
    for (noted, schedule) in picks(case) {
        let run = runs.entry((noted.node, schedule.connection.virtual_address)).or_default();
        if run.last().is_some_and(|(_, last)| last.connection.server != schedule.connection.server) {
            findings.extend(flood(case, run));
            run.clear();
        }
        run.push((noted, schedule));
    }
    findings.extend(runs.values().filter_map(|run| flood(case, run)));
    findings
}

/// How many connections in a row are a flood.
const FLOOD: usize = 8;

fn flood(case: &Case<'_>, run: &[(Noted<'_>, &Schedule)]) -> Option<Finding> {
    let (first, schedule) = run.first()?;
    let looks_at_connections =
        matches!(schedule.why, Choice::LeastConnections | Choice::LeastByWeight | Choice::ShortestDelay | Choice::Idle);
    let chosen = schedule.candidates.get(schedule.chosen)?;
    let others = schedule.candidates.iter().filter(|it| it.server != chosen.server && it.weight > 0);
    let busy = others.clone().count() > 1 && others.clone().all(|it| it.active as usize >= MANY);
    let server = schedule.connection.server;
    if !looks_at_connections || !busy || chosen.active > 0 || run.len() < FLOOD {
        return None;
    }
    let service = service_of(case, first.node, schedule.connection.virtual_address)?;
    let came = |what: &Config| {
        matches!(what, Config::Server { service: of, server: known, weight: Some(weight) }
            if *of == service.name && known.ip() == server.ip() && *weight > 0)
    };
    let others: Vec<_> = others.map(|it| format!("{} has {}", it.server, it.active)).collect();
    Some(Finding {
        kind: Kind::NewcomerFlooded,
        what: format!(
            "{server} has come back without connections, and {} gives it all new ones, {} in a row.",
            schedule.scheduler,
            run.len()
        ),
        evidence: vec![case.saw(first), fact(format!("connections when it came: {}", others.join(", ")))],
        cause: case.changed(first.node, first.at, came),
        fix: vec![case.fix(first.node, format!("ipvsadm -E {} -s wrr", option(service)))],
    })
}

/// A client's hash leads to another server than before, although its own is still there.
pub fn hash_moves(case: &Case<'_>) -> Vec<Finding> {
    let mut homes: BTreeMap<(NodeId, SocketAddrV4, Ipv4Addr), (Noted<'_>, SocketAddrV4, usize)> = BTreeMap::new();
    for (noted, schedule) in picks(case) {
        let Choice::HashedSource { with_port: false, fallbacks: 0, .. } = schedule.why else { continue };
        let Connection { client, virtual_address, server, .. } = schedule.connection;
        let key = (noted.node, virtual_address, *client.ip());
        let known = homes.insert(key, (noted, server, schedule.candidates.len()));
        let Some((before, home, many)) = known.filter(|(_, home, _)| *home != server) else { continue };
        let is_there = schedule.candidates.iter().any(|it| it.server == home && it.weight > 0);
        if !is_there || schedule.candidates.len() >= many || schedule.scheduler != "sh" {
            continue;
        }
        let Some(service) = service_of(case, noted.node, virtual_address) else { continue };
        let gone =
            |what: &Config| matches!(what, Config::Server { service: of, weight: None, .. } if *of == service.name);
        return vec![Finding {
            kind: Kind::HashMoves,
            what: format!(
                "A server went, and {} came from {home} to {server}, although {home} is still there: sh deals its places anew.",
                client.ip()
            ),
            evidence: vec![case.saw(&before), case.saw(&noted)],
            cause: case.changed(noted.node, noted.at, gone),
            fix: vec![case.fix(noted.node, format!("ipvsadm -E {} -s mh", option(service)))],
        }];
    }
    Vec::new()
}

/// All connections of the only client go to one server, as persistence wants it: the scheduler was asked once.
pub fn persistence_hides_rotation(case: &Case<'_>) -> Vec<Finding> {
    type Group<'a> = (Vec<Noted<'a>>, BTreeSet<Ipv4Addr>, BTreeSet<Ipv4Addr>);
    let mut remembered: BTreeMap<(NodeId, Ipv4Addr), Group<'_>> = BTreeMap::new();
    for noted in case.notes() {
        let (connection, is_remembered) = match noted.note {
            Note::Ipvs(Ipvs::Remembered(persistent)) => (&persistent.connection, true),
            Note::Ipvs(Ipvs::Scheduled(schedule)) => (&schedule.connection, false),
            _ => continue,
        };
        let Some(service) = service_of(case, noted.node, connection.virtual_address) else { continue };
        if service.persistence.is_none() || service.servers.len() < 2 {
            continue;
        }
        let key = (noted.node, *connection.virtual_address.ip());
        let (notes, clients, servers) = remembered.entry(key).or_default();
        // What comes after a change of the service is another story.
        if is_remembered || notes.is_empty() {
            clients.insert(*connection.client.ip());
            servers.insert(*connection.server.ip());
        }
        if is_remembered {
            notes.push(noted);
        }
    }
    let hidden = remembered
        .into_iter()
        .filter(|(_, (notes, clients, servers))| notes.len() + 1 >= MANY && clients.len() == 1 && servers.len() == 1);
    let told = hidden.filter_map(|((node, vip), (notes, clients, servers))| {
        let service = case.machine(node).services.iter().find(|it| it.address == Some(vip) && it.persistence.is_some())?;
        let (client, server) = (clients.first()?, servers.first()?);
        if let Some(found) = look_alike(case, *client, node, service) {
            return Some(found);
        }
        Some(Finding {
            kind: Kind::PersistenceHidesRotation,
            what: format!(
                "All connections of {client} go to {server}: with persistence (-p {}) {} is asked once for each client.",
                service.persistence.unwrap_or_default(),
                service.scheduler
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: service_line(case, node, service, notes[0].at),
            fix: vec![without_persistence(case, node, service)],
        })
    });
    told.collect()
}

/// Several clients that bear the address of the router before them, so that persistence takes them for one.
fn look_alike(case: &Case<'_>, client: Ipv4Addr, node: NodeId, service: &Service) -> Option<Finding> {
    let mut hidden: BTreeMap<Ipv4Addr, (Noted<'_>, &Ruling)> = BTreeMap::new();
    for noted in case.notes() {
        if let Note::Nat(Nat::Agreed { by, side: NatSide::Source, before, after }) = noted.note
            && *after.ip() == client
            && before.ip() != after.ip()
        {
            hidden.entry(*before.ip()).or_insert((noted, by));
        }
    }
    let (router, ruling) = hidden.values().next().map(|(noted, ruling)| (noted.node, *ruling))?;
    let names: Vec<_> = hidden.keys().map(Ipv4Addr::to_string).collect();
    (names.len() > 1).then(|| Finding {
        kind: Kind::ClientsLookAlike,
        what: format!(
            "{} hides {} behind {client}: persistence takes them for one client, and sends all to one server.",
            case.name(router),
            names.join(" and ")
        ),
        evidence: some(hidden.values().map(|(noted, _)| case.saw(noted))),
        cause: case.rule(router, ruling),
        fix: vec![without_persistence(case, node, service)],
    })
}

fn without_persistence(case: &Case<'_>, node: NodeId, service: &Service) -> Command {
    match case.line_of(node, &["persistence_timeout"]) {
        Some(_) => edit_and_reload(case, node, "/persistence_timeout/d"),
        None => case.fix(node, format!("ipvsadm -E {} -s {}", option(service), service.scheduler)),
    }
}

/// Many requests over one connection, which was scheduled once.
pub fn kept_connection(case: &Case<'_>) -> Vec<Finding> {
    let mut requests: BTreeMap<(SocketAddrV4, SocketAddrV4), (Vec<FrameId>, bool)> = BTreeMap::new();
    for (id, _) in case.journeys.frames().filter(|(_, sent)| sent.at >= case.trace().zero && sent.made.is_some()) {
        let facts = case.facts_of(id);
        let (Some((source, destination)), Some((from, to))) = (facts.addresses, facts.ports) else { continue };
        let ends = (SocketAddrV4::new(source, from), SocketAddrV4::new(destination, to));
        if facts.segment == Some(Segment::Syn) && requests.get(&ends).is_some_and(|(frames, _)| frames.len() < MANY) {
            // Another connection from the same port.
            requests.remove(&ends);
        }
        if facts.segment != Some(Segment::Data) {
            continue;
        }
        if is_web(case, ends.1) {
            let (frames, is_waiting) = requests.entry(ends).or_default();
            // A request in pieces is one.
            if !*is_waiting {
                frames.push(id);
            }
            *is_waiting = true;
        } else if let Some((_, is_waiting)) = requests.get_mut(&(ends.1, ends.0)) {
            *is_waiting = false;
        }
    }
    let kept: Vec<_> = requests.into_iter().filter(|(_, (frames, _))| frames.len() >= MANY).collect();
    // Several kept connections are shared like any others.
    let [((client, vip), (frames, _))] = kept.as_slice() else { return Vec::new() };
    let Some((node, service)) = case.services().find(|(_, it)| it.address == Some(*vip.ip()) && it.port == vip.port())
    else {
        return Vec::new();
    };
    if service.servers.len() < 2 {
        return Vec::new();
    }
    let asker = case.owner(*client.ip()).unwrap_or(node);
    vec![Finding {
        kind: Kind::KeptConnection,
        what: format!(
            "{client} sends {} requests over one connection, which was scheduled once: nothing rotates.",
            frames.len()
        ),
        evidence: some(frames.iter().filter_map(|&id| case.sent(id))),
        cause: case.first_command(|node, line| node == asker && line.contains(&vip.ip().to_string())),
        fix: vec![case.fix(asker, format!("for i in 1 2 3 4; do curl -s http://{vip}/; done"))],
    }]
}

/// Whether requests and answers take turns there, one for one.
fn is_web(case: &Case<'_>, end: SocketAddrV4) -> bool {
    let is_it = |it: &Service| it.address == Some(*end.ip()) && it.port == end.port() && it.name.starts_with("TCP");
    [80, 8080].contains(&end.port()) && case.services().any(|(_, it)| is_it(it))
}
