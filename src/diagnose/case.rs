//! What a diagnosis is made from: the plan, the machines at time zero, and every frame's journey.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Command, Evidence};
use crate::ids::{FrameId, NodeId};
use crate::ipvs::ServiceKey;
use crate::reason::{Drop, Note};
use crate::scenario::{Balanced, Machine, Outcome, Plan};
use crate::time::Time;
use crate::trace::journey::Journeys;
use crate::trace::{Event, Trace};
use crate::wire::describe;

/// A run that is looked at.
pub struct Case<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// What became of each frame.
    pub journeys: Journeys<'a>,
}

/// Something that a node noted.
#[derive(Clone, Copy, Debug)]
pub struct Noted<'a> {
    /// When.
    pub at: Time,
    /// Who.
    pub node: NodeId,
    /// About which frame.
    pub frame: Option<FrameId>,
    /// What.
    pub note: &'a Note,
}

impl<'a> Case<'a> {
    /// Reads a run.
    pub fn new(plan: &'a Plan, outcome: &'a Outcome) -> Case<'a> {
        Case { plan, outcome, journeys: Journeys::of(&outcome.trace) }
    }

    /// The records.
    pub fn trace(&self) -> &'a Trace {
        &self.outcome.trace
    }

    /// The machines and their numbers.
    pub fn machines(&self) -> impl Iterator<Item = (NodeId, &'a Machine)> {
        (0..).map(NodeId).zip(&self.outcome.machines)
    }

    /// A machine.
    pub fn machine(&self, node: NodeId) -> &'a Machine {
        &self.outcome.machines[node.0 as usize]
    }

    /// A machine's name.
    pub fn name(&self, node: NodeId) -> &'a str {
        &self.plan.nodes[node.0 as usize].name
    }

    /// The services of all directors, with their addresses and ports; services of marks have none.
    pub fn services(&self) -> impl Iterator<Item = (NodeId, &'a Balanced, SocketAddrV4)> {
        let all = self.machines().flat_map(|(node, machine)| machine.services.iter().map(move |it| (node, it)));
        all.filter_map(|(node, service)| match service.key {
            ServiceKey::Address { address, port, .. } => Some((node, service, SocketAddrV4::new(address, port))),
            ServiceKey::Mark(_) => None,
        })
    }

    /// Whether an address is a service's.
    pub fn is_virtual(&self, address: Ipv4Addr) -> bool {
        self.services().any(|(.., end)| *end.ip() == address)
    }

    /// The machine that has an address on a card of its own: the real owner, not one that has it on lo.
    pub fn owner(&self, address: Ipv4Addr) -> Option<NodeId> {
        let mut machines = self.machines();
        machines.find(|(_, it)| it.holder(address).is_some_and(|nic| nic.port.is_some())).map(|(node, _)| node)
    }

    /// The machines that are real servers of some service.
    pub fn is_server(&self, node: NodeId) -> bool {
        let mut servers = self.machines().flat_map(|(_, it)| &it.services).flat_map(|service| &service.servers);
        servers.any(|server| self.owner(server.address) == Some(node))
    }

    /// Whether two machines are plugged into a switch that both know.
    pub fn are_neighbours(&self, one: NodeId, other: NodeId) -> bool {
        let switches = |node: NodeId| self.plan.nodes[node.0 as usize].interfaces.iter().map(|nic| nic.switch);
        switches(one).any(|switch| switches(other).any(|there| there == switch))
    }

    /// Everything that was noted since time zero, in order.
    pub fn notes(&self) -> impl Iterator<Item = Noted<'a>> {
        let zero = self.trace().zero;
        let records = self.trace().records.iter().filter(move |record| record.at >= zero);
        records.filter_map(|record| match &record.event {
            Event::Note { node, about, note, .. } => Some(Noted { at: record.at, node: *node, frame: *about, note }),
            _ => None,
        })
    }

    /// The drops since time zero that a question picks, in order.
    pub fn drops<T>(&self, pick: impl Fn(&'a Drop) -> Option<T>) -> Vec<(Noted<'a>, T)> {
        let picked = |noted: Noted<'a>| match noted.note {
            Note::Drop(drop) => pick(drop).map(|what| (noted, what)),
            _ => None,
        };
        self.notes().filter_map(picked).collect()
    }

    /// A note as evidence: who said it about which frame.
    pub fn saw(&self, noted: &Noted<'_>) -> Evidence {
        let about = noted.frame.and_then(|id| self.journeys.frame(id));
        let about = about.map(|sent| format!(" about {}", describe::describe(sent.frame)));
        let text = format!("{}: {}{}", self.name(noted.node), noted.note, about.unwrap_or_default());
        Evidence { at: Some(noted.at), frame: noted.frame, text }
    }

    /// The last command of a node, in the set-up or on the timeline, that has all of these words in it.
    pub fn command(&self, node: NodeId, words: &[&str]) -> Option<Command> {
        let name = self.name(node);
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        let mut steps = self.outcome.steps.steps.iter().filter(|step| step.node == name);
        let last = steps.rfind(|step| has_all(&step.cmd))?;
        Some(Command { node: name.to_owned(), line: last.cmd.clone() })
    }

    /// A command to type at a node.
    pub fn fix(&self, node: NodeId, line: impl Into<String>) -> Command {
        Command { node: self.name(node).to_owned(), line: line.into() }
    }
}

/// A fact that is true without anything having happened.
pub fn fact(text: impl Into<String>) -> Evidence {
    Evidence { at: None, frame: None, text: text.into() }
}

/// The first few of many.
pub fn some(evidence: impl IntoIterator<Item = Evidence>) -> Vec<Evidence> {
    evidence.into_iter().take(3).collect()
}
