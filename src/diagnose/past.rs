//! Masqueraded servers whose answers do not come back through the director, or come too late.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, some};
use super::commands::server_line;
use super::forwarding::route_of;
use super::{Cause, Command, Evidence, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Ipvs, Note, Reset, Tcp};
use crate::topo::Method;

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

/// Why the answers of a server came to a client as they did.
fn told(case: &Case<'_>, server: NodeId, client: NodeId, answers: &[Answer<'_>]) -> Finding {
    let director = director_of(case, server);
    let vip = director.and_then(|node| case.machine(node).services.iter().find_map(|service| service.address));
    let past = Past { case, server, client, answers, director, vip: vip.unwrap_or(Ipv4Addr::UNSPECIFIED) };
    if let Some(expired) = forgotten(case, &answers[0]) {
        past.half_closed(&expired)
    } else if case.is_server(client) {
        past.hairpin()
    } else if case.address_beside(client, server).is_some() {
        past.client_beside_servers()
    } else {
        past.director_left_out()
    }
}

/// Answers of one server that have come to one client with the server's own address.
struct Past<'c, 'a> {
    case: &'c Case<'a>,
    server: NodeId,
    client: NodeId,
    answers: &'c [Answer<'a>],
    director: Option<NodeId>,
    vip: Ipv4Addr,
}

impl Past<'_, '_> {
    fn half_closed(&self, expired: &Noted<'_>) -> Finding {
        let asked = self.asked();
        // A client that closes only when it has the answer gets it.
        let patient = asked.as_ref().and_then(|it| it.text.split_once("$ ")).map(|(_, line)| line.replace(" -N", ""));
        let (name, asker) = (self.case.name(self.server), self.case.name(self.client));
        let mut evidence = self.evidence();
        evidence.insert(0, self.case.saw(expired));
        Finding {
            kind: Kind::HalfClosed,
            what: format!(
                "The director has forgotten a connection half of which {asker} had closed, a minute later, and {name} answers \
                 only now."
            ),
            evidence,
            cause: asked,
            fix: patient.map(|line| self.case.fix(self.client, line)).into_iter().collect(),
        }
    }

    fn hairpin(&self) -> Finding {
        let (name, asker) = (self.case.name(self.server), self.case.name(self.client));
        Finding {
            kind: Kind::Hairpin,
            what: format!(
                "{asker} is a real server and asks its own virtual address: {name} answers it directly, and it has never asked \
                 {name}."
            ),
            evidence: self.evidence(),
            cause: self.asked(),
            fix: self.masquerade(),
        }
    }

    fn client_beside_servers(&self) -> Finding {
        let (name, asker) = (self.case.name(self.server), self.case.name(self.client));
        let Answer { source, noted, .. } = &self.answers[0];
        Finding {
            kind: Kind::ClientBesideServers,
            what: format!(
                "{asker} is on the network of {name}: answers go straight to it, past the director, and with the server's own \
                 address."
            ),
            evidence: self.evidence(),
            cause: self.director.and_then(|node| server_line(self.case, node, *source.ip(), noted.at)),
            fix: self.masquerade(),
        }
    }

    fn director_left_out(&self) -> Finding {
        let (name, asker) = (self.case.name(self.server), self.case.name(self.client));
        Finding {
            kind: Kind::AnswersPastDirector,
            what: format!(
                "The answers of {name} reach {asker} with the server's own address: they do not pass the director, which would \
                 have put the virtual one back."
            ),
            evidence: self.evidence(),
            cause: Some(route_of(self.case, self.server, self.answers[0].noted.at)),
            fix: by_director(self.case, self.server).into_iter().collect(),
        }
    }

    fn evidence(&self) -> Vec<Evidence> {
        some(self.answers.iter().map(|it| self.case.saw(&it.noted)))
    }

    /// The command by which the client has asked the virtual address.
    fn asked(&self) -> Option<Cause> {
        self.case.first_command(|node, line| node == self.client && line.contains(&self.vip.to_string()))
    }

    /// What makes answers come back to the director: it asks as itself.
    fn masquerade(&self) -> Vec<Command> {
        let vip = self.vip;
        let rule = format!("iptables -t nat -A POSTROUTING -m ipvs --vaddr {vip} -j MASQUERADE");
        let fixes = |node| vec![self.case.fix(node, "sysctl -w net.ipv4.vs.conntrack=1"), self.case.fix(node, rule)];
        self.director.map(fixes).unwrap_or_default()
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
    let is_it = |port: u16| port == end.port() || port == 0;
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
