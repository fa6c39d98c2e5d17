//! Virtual addresses that are nobody's, or whose owner nobody finds.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::case::{Case, Noted, fact, some};
use super::commands::{card, edit_and_reload, edit_and_restart};
use super::configuration::{Partners, block_of};
use super::{Cause, Evidence, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Arp, Console, Drop, IpDrop, Machine, Note, Withheld};
use crate::time::{Span, Time};

/// What is on its way when an address moves arrives within this time.
const ON_ITS_WAY: Span = Span::from_millis(500);

/// Clients send to a machine that has lost the virtual address to another one: nobody has told them.
pub fn healed_but_dead(case: &Case<'_>) -> Vec<Finding> {
    let dropped = case.drops(|drop| match drop {
        Drop::Ip(IpDrop::NotForwarding { destination }) if case.is_virtual(*destination) => Some(*destination),
        _ => None,
    });
    let mut late: BTreeMap<(NodeId, Ipv4Addr), Vec<Noted<'_>>> = BTreeMap::new();
    for (noted, address) in dropped {
        if lost(case, noted.node, address, noted.at).is_some_and(|lost| noted.at.since(lost) > ON_ITS_WAY) {
            late.entry((noted.node, address)).or_default().push(noted);
        }
    }
    let mut findings = Vec::new();
    for ((node, address), notes) in late {
        let Some(owner) = holder(case, address, notes[0].at).filter(|owner| *owner != node) else { continue };
        let instance = case.keepaliveds().find(|(it, _)| *it == owner).and_then(|(_, it)| {
            it.config.instances.iter().find(|it| it.vips.iter().any(|vip| vip.net.addr() == address))
        });
        // Who announces itself again and again is found again.
        if instance.is_some_and(|it| it.garp.refresh > Span::ZERO) {
            continue;
        }
        let (name, to) = (case.name(node), case.name(owner));
        let refresh = "/virtual_router_id/a garp_master_refresh 5";
        findings.push(Finding {
            kind: Kind::HealedButDead,
            what: format!(
                "{to} has {address}, but clients still send to {name}, which has lost it: nobody has announced the change."
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause: match instance {
                Some(instance) => block_of(case, owner, instance),
                None => Some(case.missing(owner, "nothing announces the address")),
            },
            fix: std::iter::once(case.fix(owner, format!("arping -c 3 -A -I {} {address}", card(case, owner))))
                .chain(instance.map(|_| edit_and_reload(case, owner, refresh)))
                .collect(),
        });
    }
    findings
}

/// When a machine has lost an address that it had before a moment, and has not had since.
fn lost(case: &Case<'_>, node: NodeId, address: Ipv4Addr, at: Time) -> Option<Time> {
    let mut lost = None;
    for noted in case.notes().take_while(|noted| noted.at <= at).filter(|noted| noted.node == node) {
        match noted.note {
            Note::Machine(Machine::Holds { address: of, .. }) if *of == address => lost = None,
            Note::Machine(Machine::HoldsNoMore { address: of, .. }) if *of == address => lost = Some(noted.at),
            _ => {}
        }
    }
    lost
}

/// Who has an address at a moment.
fn holder(case: &Case<'_>, address: Ipv4Addr, at: Time) -> Option<NodeId> {
    case.journeys.holders(address, at).iter().find(|it| it.has_it && it.interface.name() != "lo").map(|it| it.node)
}

/// All routers of an address are in FAULT, and nobody has it.
pub fn nobody_holds(case: &Case<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for pair in Partners::of(case) {
        let faults: Vec<_> = pair.routers.iter().filter_map(|(node, it)| fault(case, *node, &it.name)).collect();
        let [one, other] = faults.as_slice() else { continue };
        let [(first, instance), (second, _)] = pair.routers;
        let from = one.at.max(other.at);
        let Some(&address) = pair.shared().first() else { continue };
        let taken = case.notes().find(|noted| {
            noted.at > from && matches!(noted.note, Note::Machine(Machine::Holds { address: of, .. }) if *of == address)
        });
        let until = taken.map_or_else(|| case.end(), |noted| noted.at);
        let gap = until.since(from).as_secs_f64();
        if gap < 2.0 || findings.iter().any(|known| known.kind == Kind::NobodyHolds) {
            continue;
        }
        let edit = "/virtual_router_id/a dont_track_primary";
        findings.push(Finding {
            kind: Kind::NobodyHolds,
            what: format!(
                "{} have both given up {address}, and nobody has it for {gap:.1} s, although clients reach both.",
                pair.names(case)
            ),
            evidence: vec![case.saw(one), case.saw(other)],
            cause: case.keyword(first, &format!("vrrp_instance {}", instance.name), "interface"),
            fix: vec![edit_and_restart(case, first, edit), edit_and_restart(case, second, edit)],
        });
    }
    findings
}

/// When an instance has gone into FAULT while it ran, by its log.
fn fault<'a>(case: &Case<'a>, node: NodeId, name: &str) -> Option<Noted<'a>> {
    let is_it = |text: &str| text.contains(name) && text.contains("Entering FAULT STATE");
    case.notes().find(|noted| {
        noted.node == node && matches!(noted.note, Note::Console(Console::Logged { text, .. }) if is_it(text))
    })
}

/// The address of a VMAC makes the better route to the network, and the base interface falls silent.
pub fn vmac_takes_route(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, keepalived) in case.keepaliveds() {
        for instance in keepalived.config.instances.iter().filter(|it| it.vmac.is_some()) {
            let silent = case.notes().filter(|noted| {
                noted.node == node
                    && matches!(noted.note, Note::Arp(Arp::Withheld { target, why })
                        if matches!(**why, Withheld::Filter { .. }) && !case.is_virtual(*target))
            });
            let evidence = some(silent.map(|noted| case.saw(&noted)));
            let wide = instance.vips.iter().find(|vip| vip.net.prefix_len() < 32);
            let (Some(wide), false) = (wide, evidence.is_empty()) else { continue };
            let address = wide.net.addr();
            let edit = format!("s|{}|{address}/32|", wide.net);
            findings.push(Finding {
                kind: Kind::VmacTakesRoute,
                what: format!(
                    "{} does not answer for the address of its own {}: the prefix of {} makes a better route by {}.",
                    case.name(node),
                    instance.interface,
                    wide.net,
                    instance.device()
                ),
                evidence,
                cause: case.line_of(node, &[&wide.net.to_string()]).or_else(|| block_of(case, node, instance)),
                fix: vec![edit_and_restart(case, node, &edit)],
            });
        }
    }
    findings
}

/// vrrp_strict and no_accept: nobody may speak with the address.
pub fn address_guarded(case: &Case<'_>) -> Vec<Finding> {
    let guarded = case.drops(|drop| match drop {
        Drop::Guarded { address } => Some(*address),
        _ => None,
    });
    let mut nodes: BTreeMap<(NodeId, Ipv4Addr), Vec<Noted<'_>>> = BTreeMap::new();
    for (noted, address) in guarded {
        nodes.entry((noted.node, address)).or_default().push(noted);
    }
    let word = |node| -> Option<(&str, Cause)> {
        ["vrrp_strict", "no_accept", "strict_mode"].iter().find_map(|word| Some((*word, case.line_of(node, &[word])?)))
    };
    let told = nodes.into_iter().map(|((node, address), notes)| {
        let (word, cause) = word(node).map_or(("no_accept", None), |(word, cause)| (word, Some(cause)));
        Finding {
            kind: Kind::AddressGuarded,
            what: format!(
                "{} is master of {address} and drops all packets for it: with {word} only an address's owner may answer there.",
                case.name(node)
            ),
            evidence: some(notes.iter().map(|noted| case.saw(noted))),
            cause,
            fix: case
                .keepaliveds()
                .filter(|(other, _)| case.line_of(*other, &[word]).is_some())
                .map(|(other, _)| edit_and_restart(case, other, &format!("/{word}/d")))
                .collect(),
        }
    });
    told.collect()
}

/// keepalived starts again and again: its own script restarts it.
pub fn restarts_for_ever(case: &Case<'_>) -> Vec<Finding> {
    const OFTEN: usize = 5;
    let mut starts: BTreeMap<NodeId, Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        if let Note::Console(Console::Logged { text, .. }) = noted.note
            && text.starts_with("Starting Keepalived")
        {
            starts.entry(noted.node).or_default().push(noted);
        }
    }
    let told = starts.into_iter().filter(|(_, notes)| notes.len() >= OFTEN).map(|(node, notes)| {
        let evidence: Vec<Evidence> = notes.iter().take(2).map(|noted| case.saw(noted)).collect();
        Finding {
            kind: Kind::RestartsForEver,
            what: format!(
                "keepalived on {} starts {} times: what it runs when its state changes restarts it, and it begins anew.",
                case.name(node),
                notes.len()
            ),
            evidence: evidence.into_iter().chain([fact("each start begins as a backup, and says so by notify")]).collect(),
            cause: ["notify_backup", "notify_master", "notify"].iter().find_map(|word| case.line_of(node, &[word])),
            fix: vec![edit_and_restart(case, node, "/notify_backup/d")],
        }
    });
    told.collect()
}
