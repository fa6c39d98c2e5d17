//! Who holds an address when.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::check::{Problem, did_you_mean, join};
use super::plan::Plan;
use super::tree::At;
use super::units::parse_time;
use crate::ids::NodeId;
use crate::reason::{Machine, Note};
use crate::trace::{Event, Trace};

/// Complains about addresses, times and machines that make no sense.
pub(super) fn check(plan: &Plan, path: &[At], of: &str, at: &str, are: &[String], problems: &mut Vec<Problem>) {
    let field = |name| join(path, &[At::Field(name)]);
    if of.parse::<Ipv4Addr>().is_err() {
        problems.push(Problem::new(&field("of"), format!("\"{of}\" is no IPv4 address")));
    }
    super::silence::known_moment(plan, at, &field("at"), problems);
    for (index, name) in are.iter().enumerate().filter(|(_, name)| plan.node(name).is_none()) {
        let nodes: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
        let problem = Problem::new(&join(&field("are"), &[At::Value(index)]), format!("there is no node \"{name}\""));
        problems.push(problem.hint(did_you_mean(name, "nodes", &nodes)));
    }
}

/// The machines that hold an address at a moment, in the file's order.
pub(super) fn holders(trace: &Trace, of: &str, at: &str) -> Vec<String> {
    let (Ok(of), Some(at)) = (of.parse::<Ipv4Addr>(), parse_time(at)) else { return Vec::new() };
    let mut holders: BTreeSet<NodeId> = BTreeSet::new();
    for record in trace.records().take_while(|record| record.at <= trace.zero + at) {
        let Event::Note { node, note: Note::Machine(machine), .. } = record.event else { continue };
        match machine {
            Machine::Holds { address, .. } if *address == of => {
                holders.insert(node);
            }
            Machine::HoldsNoMore { address, .. } if *address == of => {
                holders.remove(&node);
            }
            Machine::PowerLost => {
                holders.remove(&node);
            }
            _ => {}
        }
    }
    holders.into_iter().map(|node| trace.cast.node(node).to_owned()).collect()
}
