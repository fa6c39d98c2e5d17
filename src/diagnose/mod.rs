//! What is wrong with a cluster, with evidence: judged from what the machines were like and from what happened to each frame.
//!
//! A [`Finding`] names a mistake of a [`Kind`], what shows it, where it comes from, and the command that mends it. Each rule
//! is a function of a [`Case`] in a file about its subject. Rules look for the mistake's own trace, not for a symptom that
//! it shares with others, so that a healthy cluster has no finding and a broken one is not blamed for what follows from the
//! break. Some rules need the configuration only: [`check`] asks them before anything runs.

mod arp;
mod balance;
mod case;
mod cause;
mod checks;
mod commands;
mod configuration;
mod connections;
mod directors;
mod failover;
mod forwarding;
mod ftp;
mod kind;
mod network;
mod past;
mod ports;
mod servers;
mod split;

pub use case::Case;
pub use kind::{Gravity, Kind};

use crate::ids::FrameId;
use crate::scenario::{Outcome, Places, Plan};
use crate::time::Time;

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Of which kind.
    pub kind: Kind,
    /// What is wrong here, in a sentence with names and addresses.
    pub what: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// Where it comes from.
    pub cause: Option<Cause>,
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

/// What has brought it about: a command, a line of a file, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The machine.
    pub node: String,
    /// What, with the machine's name.
    pub text: String,
    /// The line of the scenario at which that stands, or at which it is missing.
    pub line: Option<usize>,
}

impl Cause {
    /// It, with its place in the scenario's file before it.
    pub fn place(&self, file: &str) -> String {
        self.line.map_or(String::new(), |line| format!("{file}:{line}  ")) + &self.text
    }
}

/// A command to type at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Where.
    pub node: String,
    /// What.
    pub line: String,
}

type Rule = fn(&Case<'_>) -> Vec<Finding>;

/// Rules that need the configuration only. They look at the run for evidence, if there is one.
const OF_CONFIGURATION: &[Rule] = &[
    network::address_plan,
    ports::in_vain,
    network::wide_mask,
    configuration::keepalived_says,
    configuration::quorum_out_of_reach,
    configuration::partners_differ,
    arp::answers_for_the_virtual_address,
];

/// Rules that need a run.
const OF_RUN: &[Rule] = &[
    arp::announces_the_virtual_address,
    forwarding::not_forwarding,
    forwarding::no_route,
    forwarding::reverse_path,
    forwarding::packets_too_big,
    forwarding::filtered,
    past::the_director,
    ftp::helper_missing,
    ports::no_such_service,
    servers::director_asks_itself,
    servers::directors_loop,
    servers::nobody_listens,
    servers::dead,
    balance::template_outlives_server,
    balance::hashed_to_nobody,
    balance::newcomer_flooded,
    balance::hash_moves,
    balance::persistence_hides_rotation,
    balance::kept_connection,
    connections::retired_but_busy,
    connections::server_removed,
    connections::port_reused,
    connections::one_entry,
    connections::idle_too_long,
    checks::tests_less,
    checks::too_hasty,
    checks::quorum_not_gained,
    checks::dead_service_live_vrrp,
    split::brain,
    directors::healed_but_dead,
    directors::nobody_holds,
    directors::vmac_takes_route,
    directors::address_guarded,
    directors::restarts_for_ever,
    failover::connections_lost,
];

/// All that is wrong with a run, the most telling first.
pub fn diagnose(plan: &Plan, places: &Places, outcome: &Outcome) -> Vec<Finding> {
    ask(&Case::new(plan, places, outcome), OF_CONFIGURATION.iter().chain(OF_RUN))
}

/// What can be seen to be wrong before anything runs: of an outcome, only the set-up counts.
pub fn check(plan: &Plan, places: &Places, outcome: &Outcome) -> Vec<Finding> {
    ask(&Case::new(plan, places, outcome), OF_CONFIGURATION.iter())
}

fn ask<'a>(case: &Case<'_>, rules: impl Iterator<Item = &'a Rule>) -> Vec<Finding> {
    let mut findings: Vec<_> = rules.flat_map(|rule| rule(case)).collect();
    findings.sort_by_key(|finding| (finding.kind.gravity(), finding.kind));
    findings
}
