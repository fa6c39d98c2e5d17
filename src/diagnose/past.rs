//! Masqueraded servers whose answers do not come back through the director, or come too late.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, some};
use super::commands::server_line;
use super::forwarding::route_of;
use super::{Command, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Ipvs, Note, Reset, Tcp};
use crate::topo::Method;
use crate::trace::Facts;

/// FTP's control connection.
pub const FTP: u16 = 21;

/// An answer that somebody has reset, and its two ends.
struct Answer<'a> {
    noted: Noted<'a>,
    source: SocketAddrV4,
    destination: SocketAddrV4,
}

/// Answers that reach a client with the server's own address: the client has never heard of it, and resets.
pub fn the_director(case: &Case<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<(NodeId, NodeId), Vec<Answer<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if !matches!(noted.note, Note::Tcp(Tcp::Reset(Reset::UnknownConnection | Reset::WrongAck))) {
            continue;
        }
        let Some((source, destination)) = case.ends(&noted) else { continue };
        if let Some(server) = masqueraded(case, source) {
            found.entry((server, noted.node)).or_default().push(Answer { noted, source, destination });
        }
    }
    found.into_iter().map(|((server, client), answers)| told(case, server, client, &answers)).collect()
}

fn told(case: &Case<'_>, server: NodeId, client: NodeId, answers: &[Answer<'_>]) -> Finding {
    let (name, asker) = (case.name(server), case.name(client));
    let Answer { source, .. } = answers[0];
    let mut evidence = some(answers.iter().map(|it| case.saw(&it.noted)));
    let director = director_of(case, server);
    let vip = director.and_then(|node| case.machine(node).services.iter().find_map(|service| service.address));
    let vip = vip.unwrap_or(Ipv4Addr::UNSPECIFIED);
    if let Some(expired) = forgotten(case, &answers[0]) {
        evidence.insert(0, case.saw(&expired));
        let asked = case.first_command(|node, line| node == client && line.contains(&vip.to_string()));
        // A client that closes only when it has the answer gets it.
        let patient = asked.as_ref().and_then(|it| it.text.split_once("$ ")).map(|(_, line)| line.replace(" -N", ""));
        let fix = patient.map(|line| case.fix(client, line)).into_iter().collect();
        return Finding {
            kind: Kind::HalfClosed,
            what: format!(
                "The director has forgotten a connection half of which {asker} had closed, a minute later, and {name} answers \
                 only now."
            ),
            evidence,
            cause: asked,
            fix,
        };
    }
    let masquerade = |node| {
        vec![
            case.fix(node, "sysctl -w net.ipv4.vs.conntrack=1"),
            case.fix(node, format!("iptables -t nat -A POSTROUTING -m ipvs --vaddr {vip} -j MASQUERADE")),
        ]
    };
    if case.is_server(client) {
        return Finding {
            kind: Kind::Hairpin,
            what: format!(
                "{asker} is a real server and asks its own virtual address: {name} answers it directly, and it has never asked \
                 {name}."
            ),
            evidence,
            cause: case.first_command(|node, line| node == client && line.contains(&vip.to_string())),
            fix: director.map(masquerade).unwrap_or_default(),
        };
    }
    if case.address_beside(client, server).is_some() {
        return Finding {
            kind: Kind::ClientBesideServers,
            what: format!(
                "{asker} is on the network of {name}: answers go straight to it, past the director, and with the server's own \
                 address."
            ),
            evidence,
            cause: director.and_then(|node| server_line(case, node, *source.ip(), answers[0].noted.at)),
            fix: director.map(masquerade).unwrap_or_default(),
        };
    }
    Finding {
        kind: Kind::AnswersPastDirector,
        what: format!(
            "The answers of {name} reach {asker} with the server's own address: they do not pass the director, which would \
             have put the virtual one back."
        ),
        evidence,
        cause: Some(route_of(case, server, answers[0].noted.at)),
        fix: by_director(case, server).into_iter().collect(),
    }
}

/// A half-closed connection of these two ends that the director had forgotten before.
fn forgotten<'a>(case: &Case<'a>, answer: &Answer<'_>) -> Option<Noted<'a>> {
    let is_it = |note: &Note| {
        matches!(note, Note::Ipvs(Ipvs::Expired { connection, .. })
            if connection.client == answer.destination && connection.server == answer.source)
    };
    case.notes().take_while(|noted| noted.at <= answer.noted.at).find(|noted| is_it(noted.note))
}

fn masqueraded(case: &Case<'_>, end: SocketAddrV4) -> Option<NodeId> {
    let mut servers = case.services().flat_map(|(_, service)| &service.servers);
    let is_it = |port: u16| [port, 0].contains(&end.port()) || port == 0;
    let found = servers.any(|it| it.method == Method::Nat && it.at.ip() == end.ip() && is_it(it.at.port()));
    if found { case.owner(*end.ip()) } else { None }
}

/// A director that is beside a server.
fn director_of(case: &Case<'_>, server: NodeId) -> Option<NodeId> {
    case.machines().map(|(node, _)| node).find(|node| case.is_director(*node) && case.are_neighbours(*node, server))
}

fn by_director(case: &Case<'_>, server: NodeId) -> Option<Command> {
    let by = case.address_beside(director_of(case, server)?, server)?;
    Some(case.fix(server, format!("ip route replace default via {by}")))
}

/// FTP names addresses in its text, which nobody rewrites: data connections go to the server's own address, or come from it.
pub fn ftp_helper_missing(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, service) in case.services().filter(|(_, service)| service.port == FTP) {
        let is_server = |ip: Ipv4Addr| service.servers.iter().any(|it| it.method == Method::Nat && *it.at.ip() == ip);
        let frames = case.journeys.frames().filter(|(_, sent)| sent.at >= case.trace().zero);
        let strays = frames.filter(|(_, sent)| {
            let facts = Facts::of(sent.frame);
            let Some(((source, destination), ports)) = facts.addresses.zip(facts.ports) else { return false };
            let is_syn = facts.segment.is_some_and(|it| it == crate::trace::filter::Segment::Syn);
            // From a client to the server's own address, or from the server's data port to a client.
            let is_passive = is_server(destination) && ports.1 != FTP && case.machine(sent.node).holds(source);
            let is_active = is_server(source) && ports.0 == FTP - 1;
            is_syn && sent.node != node && (is_passive || is_active)
        });
        let evidence = some(strays.filter_map(|(id, _)| case.sent(id)));
        let helped = case.command(node, &["ip_vs_ftp"]).is_some();
        if evidence.is_empty() || helped {
            continue;
        }
        findings.push(Finding {
            kind: Kind::FtpHelperMissing,
            what: format!(
                "FTP names addresses in its text, and nobody on {} rewrites them: data connections miss the virtual address.",
                case.name(node)
            ),
            evidence,
            cause: Some(case.missing(node, "nothing loads ip_vs_ftp")),
            fix: vec![case.fix(node, "modprobe ip_vs_ftp"), case.fix(node, "sysctl -w net.ipv4.vs.conntrack=1")],
        });
    }
    findings
}
