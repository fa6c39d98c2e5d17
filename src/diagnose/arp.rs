//! The ARP problem: real servers that give the virtual address away.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::case::{Case, Noted, or_fact, some};
use super::{Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Arp, Config, Note};
use crate::topo::Machine;
use crate::topo::plan::{self, Finding as Flaw};

const IGNORE: &[&str] = &["net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.lo.arp_ignore"];
const ANNOUNCE: &[&str] = &["net.ipv4.conf.all.arp_announce", "net.ipv4.conf.lo.arp_announce"];

/// A real server that answers ARP for the virtual address, or would.
pub fn answers_for_the_virtual_address(case: &Case<'_>) -> Vec<Finding> {
    let answered = |arp: &Arp| match arp {
        Arp::Answered { target, .. } if case.is_virtual(*target) => Some(*target),
        _ => None,
    };
    let mut servers = servers_that(case, answered);
    for (node, address) in would_answer(case) {
        let by_it = case.notes().filter(|noted| noted.node == node);
        let seen = by_it.filter(|noted| matches!(noted.note, Note::Arp(arp) if answered(arp) == Some(address)));
        servers.insert((node, address), seen.collect());
    }
    let told = servers.into_iter().map(|((node, address), notes)| {
        let name = case.name(node);
        let seen = some(notes.iter().map(|noted| case.saw(noted)));
        let is_it = |what: &Config| matches!(what, Config::Sysctl { name, .. } if IGNORE.contains(&name.as_str()));
        Finding {
            kind: Kind::ArpAnswered,
            what: format!(
                "{name} answers when somebody asks who has the virtual address {address}: clients go past the director.{}",
                only_lo(case.machine(node))
            ),
            evidence: or_fact(seen, || format!("{name} has {address}, and nothing keeps it from answering for it")),
            cause: case.changed(node, case.end(), is_it).or_else(|| Some(case.missing(node, "nothing sets net.ipv4.conf.all.arp_ignore"))),
            fix: vec![case.fix(node, "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2")],
        }
    });
    told.collect()
}

/// Real servers that have the virtual address where it answers, by the address plan.
fn would_answer(case: &Case<'_>) -> Vec<(NodeId, Ipv4Addr)> {
    let mut found = Vec::new();
    for flaw in plan::check(case.network()) {
        let Flaw::Duplicate { address, holders, .. } = flaw else { continue };
        let nodes: Vec<_> = holders.iter().filter_map(|(name, on)| Some((case.node(name)?, on))).collect();
        // Where everybody balances, like the nodes of a Kubernetes cluster, nobody is the one who may answer.
        let all_balance = nodes.iter().all(|(node, _)| case.is_director(*node));
        for (node, on) in nodes {
            let is_card = case.machine(node).interfaces.iter().any(|it| it.name == *on && it.switch.is_some());
            if case.is_virtual(address) && !is_card && (all_balance || !case.is_director(node)) {
                found.push((node, address));
            }
        }
    }
    found
}

/// A real server that puts the virtual address into questions of its own.
pub fn announces_the_virtual_address(case: &Case<'_>) -> Vec<Finding> {
    let announced = |arp: &Arp| match arp {
        Arp::Asks { sender, foreign: true, .. } if case.is_virtual(*sender) => Some(*sender),
        _ => None,
    };
    let told = servers_that(case, announced).into_iter().map(|((node, address), notes)| {
        let name = case.name(node);
        Finding {
            kind: Kind::ArpAnnounced,
            what: format!(
                "{name} asks for its neighbours in the name of {address}: whoever hears that may learn that {name} has the \
                 virtual address."
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: Some(case.setting(node, case.end(), ANNOUNCE)),
            fix: careless(case, node, address)
                .map(|server| case.fix(server, "sysctl -w net.ipv4.conf.all.arp_announce=2"))
                .collect(),
        }
    });
    told.collect()
}

/// This server, and the others that have the address and are as careless: they only were not the first to ask.
fn careless<'a>(case: &'a Case<'_>, node: NodeId, address: Ipv4Addr) -> impl Iterator<Item = NodeId> + 'a {
    let is_careless = move |it: &Machine| {
        it.interfaces.iter().any(|nic| nic.switch.is_some() && nic.arp_announce < 2)
            && it.addresses().any(|(on, own)| on.switch.is_none() && own.net.addr() == address)
    };
    case.machines().filter(move |(other, it)| *other == node || is_careless(it)).map(|(other, _)| other)
}

/// The real servers that noted something about ARP and a virtual address, and their notes.
fn servers_that<'a>(
    case: &Case<'a>,
    is_it: impl Fn(&Arp) -> Option<Ipv4Addr>,
) -> BTreeMap<(NodeId, Ipv4Addr), Vec<Noted<'a>>> {
    let mut notes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for noted in case.notes() {
        let Note::Arp(arp) = noted.note else { continue };
        // Who balances may be a real server too, and has the address rightly.
        if let Some(address) = is_it(arp)
            && case.is_server(noted.node)
            && !case.is_director(noted.node)
        {
            notes.entry((noted.node, address)).or_default().push(noted);
        }
    }
    notes
}

/// People set it on lo, since the address is there; but the interface that the question comes in by counts.
fn only_lo(machine: &Machine) -> &'static str {
    let lo = machine.interfaces.iter().any(|nic| nic.name == "lo" && nic.arp_ignore > 0);
    let cards = machine.interfaces.iter().any(|nic| nic.switch.is_some() && nic.arp_ignore > 0);
    if lo && !cards {
        " arp_ignore is set for lo alone, but what counts is the interface that the question comes in by."
    } else {
        ""
    }
}
