//! The ARP problem: real servers that give the virtual address away.

use std::collections::BTreeMap;

use super::case::{Case, Noted, some};
use super::{Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Arp, Note};
use crate::scenario::Machine;

/// A real server that answers ARP for the virtual address.
pub fn answers_for_the_virtual_address(case: &Case<'_>) -> Vec<Finding> {
    let is_it = |arp: &Arp| matches!(arp, Arp::Answered { target, .. } if case.is_virtual(*target));
    let settings = "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2";
    servers_that(case, is_it)
        .into_iter()
        .map(|(node, notes)| Finding {
            kind: Kind::ArpAnswered,
            what: format!(
                "{} answers the question who has the virtual address, which only the director may do: clients go past the \
                 director.{}",
                case.name(node),
                only_lo(case.machine(node))
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.command(node, &["arp_ignore"]),
            fix: vec![case.fix(node, format!("sysctl -w {settings}"))],
        })
        .collect()
}

/// A real server that puts the virtual address into questions of its own.
pub fn announces_the_virtual_address(case: &Case<'_>) -> Vec<Finding> {
    let is_it = |arp: &Arp| matches!(arp, Arp::Asks { sender, foreign: true, .. } if case.is_virtual(*sender));
    servers_that(case, is_it)
        .into_iter()
        .map(|(node, notes)| Finding {
            kind: Kind::ArpAnnounced,
            what: format!(
                "{} asks for its neighbours with the virtual address as its own: whoever hears that may learn that {} has it.",
                case.name(node),
                case.name(node)
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: case.command(node, &["arp_announce"]),
            fix: vec![case.fix(node, "sysctl -w net.ipv4.conf.all.arp_announce=2")],
        })
        .collect()
}

/// The real servers that noted something about ARP, and their notes.
fn servers_that<'a>(case: &Case<'a>, is_it: impl Fn(&Arp) -> bool) -> BTreeMap<NodeId, Vec<Noted<'a>>> {
    let mut notes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for noted in case.notes() {
        // Who balances may be a real server too, and has the address rightly.
        let is_server = || case.is_server(noted.node) && case.machine(noted.node).services.is_empty();
        if matches!(noted.note, Note::Arp(arp) if is_it(arp)) && is_server() {
            notes.entry(noted.node).or_default().push(noted);
        }
    }
    notes
}

/// People set it on lo, since the address is there; but the interface that the question comes in by counts.
fn only_lo(machine: &Machine) -> &'static str {
    let lo = machine.interfaces.iter().any(|nic| nic.name == "lo" && nic.arp_ignore > 0);
    let cards = machine.interfaces.iter().any(|nic| nic.port.is_some() && nic.arp_ignore > 0);
    if lo && !cards {
        " arp_ignore is set for lo alone; what counts is the interface that the question comes in by."
    } else {
        ""
    }
}
