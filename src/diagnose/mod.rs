//! What is wrong with a cluster, with evidence: judged from what the machines were like and from what happened to each frame.
//!
//! A [`Finding`] names a mistake of a [`Kind`], what shows it, where it comes from, and the command that mends it. Each rule
//! is a function of a [`Case`] in a file about its subject. Rules look for the mistake's own trace, not for a symptom that
//! it shares with others, so that a healthy cluster has no finding and a broken one is not blamed for what follows from the break.

mod addresses;
mod arp;
mod balance;
mod case;
mod directors;
mod forwarding;
mod kind;
mod servers;

pub use case::Case;
pub use kind::Kind;

use crate::ids::FrameId;
use crate::scenario::{Outcome, Plan};
use crate::time::Time;

/// A mistake that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What kind of mistake.
    pub kind: Kind,
    /// What is wrong here, in a sentence with names and addresses.
    pub what: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// Where it comes from.
    pub cause: Option<Command>,
    /// What mends it.
    pub fix: Vec<Command>,
}

/// Something that was seen.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// When, if it was something that happened.
    pub at: Option<Time>,
    /// The frame, if it was about one.
    pub frame: Option<FrameId>,
    /// What, in words.
    pub text: String,
}

/// A command at a node: one of the scenario's, or one to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Where.
    pub node: String,
    /// What.
    pub line: String,
}

/// What tells mistakes apart from one another; the most telling first.
const RULES: &[fn(&Case<'_>) -> Vec<Finding>] = &[
    addresses::duplicates,
    addresses::virtual_address_missing,
    arp::answers_for_the_virtual_address,
    arp::announces_the_virtual_address,
    forwarding::not_forwarding,
    forwarding::no_route,
    forwarding::behind_a_router,
    forwarding::reverse_path,
    forwarding::tunnel_too_narrow,
    forwarding::answers_past_the_director,
    servers::port_differs,
    servers::lacks_the_virtual_address,
    servers::nobody_listens,
    servers::dead,
    balance::hashed_to_nobody,
    balance::server_removed,
    balance::port_reused,
    balance::one_entry,
    balance::idle_too_long,
    directors::message_rejected,
    directors::multicast_filtered,
    directors::filtered,
];

/// All that is wrong with a run, the most telling first.
pub fn diagnose(plan: &Plan, outcome: &Outcome) -> Vec<Finding> {
    let case = Case::new(plan, outcome);
    RULES.iter().flat_map(|rule| rule(&case)).collect()
}
