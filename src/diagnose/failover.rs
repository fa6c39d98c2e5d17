//! What becomes of open connections when another director takes over.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::case::{Case, Noted, some};
use super::commands::{card, edit_and_restart};
use super::{Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Ipvs, Machine, Note, Vrrp};
use crate::time::Time;

/// A director is sent packets of connections that another one has opened, and resets them.
pub fn connections_lost(case: &Case<'_>) -> Vec<Finding> {
    let mut opened: BTreeMap<(SocketAddrV4, SocketAddrV4), (NodeId, Time)> = BTreeMap::new();
    let mut taken: BTreeMap<(NodeId, Ipv4Addr), Time> = BTreeMap::new();
    let mut lost: BTreeMap<(NodeId, NodeId), Vec<Noted<'_>>> = BTreeMap::new();
    for noted in case.notes() {
        match noted.note {
            Note::Ipvs(Ipvs::Scheduled(schedule)) => {
                let ends = (schedule.connection.client, schedule.connection.virtual_address);
                opened.insert(ends, (noted.node, noted.at));
            }
            Note::Machine(Machine::Holds { address, .. }) => {
                taken.insert((noted.node, *address), noted.at);
            }
            Note::Ipvs(Ipvs::NotOpening { .. }) => {
                let Some(ends) = case.ends(&noted) else { continue };
                let Some((by, since)) = opened.get(&ends).filter(|(by, _)| *by != noted.node) else { continue };
                if taken.get(&(noted.node, *ends.1.ip())).is_some_and(|at| at > since) {
                    lost.entry((noted.node, *by)).or_default().push(noted);
                }
            }
            _ => {}
        }
    }
    // One connection that was not told of in time is a matter of luck, when the others are known.
    let knows = |node: NodeId| {
        case.notes()
            .any(|noted| noted.node == node && matches!(noted.note, Note::Ipvs(Ipvs::Learnt { is_bound: true, .. })))
    };
    let lost = lost.into_iter().filter(|((node, _), _)| !knows(*node));
    lost.map(|((node, by), notes)| told(case, node, by, &notes)).collect()
}

fn told(case: &Case<'_>, node: NodeId, by: NodeId, notes: &[Noted<'_>]) -> Finding {
    let (name, former) = (case.name(node), case.name(by));
    // Who gives way to a higher priority is alive: nobody needed the other one.
    let is_it = |noted: &Noted<'_>| {
        noted.node == by && matches!(noted.note, Note::Vrrp(vrrp) if matches!(**vrrp, Vrrp::GivesWay { .. }))
    };
    let gave_way = case.notes().take_while(|noted| noted.at <= notes[0].at).filter(is_it).last();
    let mut evidence = some(notes.iter().map(|noted| case.saw(noted)));
    let instance = case.keepaliveds().find(|(it, _)| *it == node).and_then(|(_, it)| it.config.instances.first());
    let block = instance.map(|it| it.name.clone()).unwrap_or_default();
    let cause = case
        .line_of(node, &["vrrp_instance", &block])
        .unwrap_or_else(|| case.missing(node, "nothing tells it of the other director's connections"));
    let sync = format!("s/global_defs {{/&\\nlvs_sync_daemon {} {block}/", card(case, node));
    // Short connections are told of from their second packet on.
    let early = "sysctl -w net.ipv4.vs.sync_threshold='2 50'";
    let synchronise =
        [node, by].into_iter().flat_map(|node| [case.fix(node, early), edit_and_restart(case, node, &sync)]);
    let Some(gave_way) = gave_way else {
        return Finding {
            kind: Kind::NotSynchronised,
            what: format!(
                "{name} has taken over from {former} and does not know the connections that were open: it resets them."
            ),
            evidence,
            cause: Some(cause),
            fix: synchronise.collect(),
        };
    };
    evidence.insert(0, case.saw(&gave_way));
    let calm = edit_and_restart(case, node, "s/state MASTER/state BACKUP/; /virtual_router_id/a nopreempt");
    Finding {
        kind: Kind::FailBackCuts,
        what: format!(
            "{name} has come back and taken the address from {former}, which was well: the connections that {former} has \
             opened are reset."
        ),
        evidence,
        cause: Some(cause),
        fix: std::iter::once(calm).chain(synchronise).collect(),
    }
}
