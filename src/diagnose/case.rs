//! What a diagnosis is made from: the plan, the machines at time zero, and every frame's journey.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Command, Evidence};
use crate::ids::{FrameId, JobId, NodeId};
use crate::keepalived::conf;
use crate::reason::{Config, Console, Drop, Note};
use crate::scenario::{Outcome, Places, Plan};
use crate::time::{Span, Time};
use crate::topo::{Machine, Network, Service};
use crate::trace::journey::Journeys;
use crate::trace::{Event, Facts, Trace, brief};
use crate::wire::describe;

/// Where keepalived has its configuration.
pub(super) const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";

/// A run that is looked at.
pub struct Case<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// What became of each frame.
    pub journeys: Journeys<'a>,
    pub(super) places: &'a Places,
    pub(super) typed: Vec<Typed<'a>>,
    pub(super) keepaliveds: Vec<Option<Keepalived<'a>>>,
    virtual_addresses: BTreeSet<Ipv4Addr>,
}

/// A command line that was typed.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub at: Time,
    pub node: NodeId,
    pub job: JobId,
    pub line: &'a str,
}

/// The keepalived of a machine, as its file has it when the set-up is done.
pub struct Keepalived<'a> {
    /// The file.
    pub text: &'a str,
    /// What it says.
    pub config: conf::Config,
    /// What keepalived says to it.
    pub messages: Vec<conf::Message>,
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
    /// Reads a run, and where its commands stand in the scenario's file.
    pub fn new(plan: &'a Plan, places: &'a Places, outcome: &'a Outcome) -> Case<'a> {
        let typed = outcome.trace.records().filter_map(|record| match record.event {
            Event::Note { node, note: Note::Console(Console::Typed { job, line }), .. } => {
                Some(Typed { at: record.at, node, job: *job, line })
            }
            _ => None,
        });
        let keepaliveds = plan.nodes.iter().zip(&outcome.network.machines).map(|(node, machine)| {
            let text = machine.keepalived.as_ref()?;
            let (config, messages) = conf::parse(text, &node.name, &mut Beside { files: &node.files });
            Some(Keepalived { text, config, messages })
        });
        let (typed, keepaliveds) = (typed.collect(), keepaliveds.collect());
        let virtual_addresses = virtual_addresses(outcome);
        Case { plan, outcome, journeys: Journeys::of(&outcome.trace), places, typed, keepaliveds, virtual_addresses }
    }

    /// The records.
    pub fn trace(&self) -> &'a Trace {
        &self.outcome.trace
    }

    /// When the records end.
    pub fn end(&self) -> Time {
        self.trace().last()
    }

    /// Whether anything has happened since the set-up was done.
    pub fn has_run(&self) -> bool {
        self.outcome.length > Span::ZERO
    }

    /// The network as it is set up.
    pub fn network(&self) -> &'a Network {
        &self.outcome.network
    }

    /// The machines and their numbers.
    pub fn machines(&self) -> impl Iterator<Item = (NodeId, &'a Machine)> + use<'a> {
        (0..).map(NodeId).zip(&self.outcome.network.machines)
    }

    /// A machine.
    pub fn machine(&self, node: NodeId) -> &'a Machine {
        &self.outcome.network.machines[node.0 as usize]
    }

    /// A machine's name.
    pub fn name(&self, node: NodeId) -> &'a str {
        &self.plan.nodes[node.0 as usize].name
    }

    /// The machine of this name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.plan.node(name)
    }

    /// The machines that have a configuration of keepalived.
    pub fn keepaliveds(&self) -> impl Iterator<Item = (NodeId, &Keepalived<'a>)> {
        let all = (0..).map(NodeId).zip(&self.keepaliveds);
        all.filter_map(|(node, it)| Some((node, it.as_ref()?)))
    }

    /// All services and whose they are.
    pub fn services(&self) -> impl Iterator<Item = (NodeId, &'a Service)> + use<'a> {
        self.machines().flat_map(|(node, machine)| machine.services.iter().map(move |it| (node, it)))
    }

    /// Whether an address is a service's, or moves from master to master.
    pub fn is_virtual(&self, address: Ipv4Addr) -> bool {
        self.virtual_addresses.contains(&address)
    }

    /// Whether a machine balances.
    pub fn is_director(&self, node: NodeId) -> bool {
        !self.machine(node).services.is_empty()
    }

    /// The machine that has an address on a card of its own: the real owner, not one that has it on lo.
    pub fn owner(&self, address: Ipv4Addr) -> Option<NodeId> {
        let holds = |machine: &Machine| {
            machine.addresses().any(|(on, it)| on.switch.is_some() && !it.floats && it.net.addr() == address)
        };
        self.machines().find(|(_, it)| holds(it)).map(|(node, _)| node)
    }

    /// The machines that are real servers of some service.
    pub fn is_server(&self, node: NodeId) -> bool {
        let mut servers = self.services().flat_map(|(_, service)| &service.servers);
        servers.any(|server| self.owner(*server.at.ip()) == Some(node))
    }

    /// Whether two machines are plugged into a switch that both know.
    pub fn are_neighbours(&self, one: NodeId, other: NodeId) -> bool {
        self.machine(one).switches().any(|switch| self.machine(other).switches().any(|there| there == switch))
    }

    /// An address of one machine on a network of another one, which the latter can use as a gateway.
    pub fn address_beside(&self, whose: NodeId, beside: NodeId) -> Option<Ipv4Addr> {
        let nets: Vec<_> = self.machine(beside).addresses().map(|(_, it)| it.net.trunc()).collect();
        let mut own = self.machine(whose).addresses().map(|(_, it)| it.net).filter(|net| net.prefix_len() < 32);
        own.find(|net| nets.contains(&net.trunc())).map(|net| net.addr())
    }

    /// Everything that was noted since time zero, in order.
    pub fn notes(&self) -> impl Iterator<Item = Noted<'a>> + use<'a> {
        let zero = self.trace().zero;
        let records = self.trace().records().filter(move |record| record.at >= zero);
        records.filter_map(|record| match record.event {
            Event::Note { node, about, note, .. } => Some(Noted { at: record.at, node, frame: about, note }),
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

    /// What can be read off the frame that a note is about.
    pub fn facts(&self, noted: &Noted<'_>) -> Option<Facts> {
        noted.frame.map(|id| self.facts_of(id))
    }

    /// What can be read off a frame.
    pub fn facts_of(&self, id: FrameId) -> Facts {
        Facts::of(&self.trace().frames.of(id))
    }

    /// Both ends of the frame that a note is about, the sender's first.
    pub fn ends(&self, noted: &Noted<'_>) -> Option<(SocketAddrV4, SocketAddrV4)> {
        let facts = self.facts(noted)?;
        let ((source, destination), (from, to)) = (facts.addresses?, facts.ports?);
        Some((SocketAddrV4::new(source, from), SocketAddrV4::new(destination, to)))
    }

    /// A note as evidence: who said it about which frame.
    pub fn saw(&self, noted: &Noted<'_>) -> Evidence {
        let about = noted.frame.map(|id| format!(" [{}]", self.line_about(id)));
        let text = format!("{}: {}{}", self.name(noted.node), noted.note, about.unwrap_or_default());
        Evidence { at: Some(noted.at), frame: noted.frame, text }
    }

    /// A frame as evidence.
    pub fn sent(&self, id: FrameId) -> Option<Evidence> {
        let sent = self.journeys.frame(id)?;
        let text = format!("{} sends {}", self.name(sent.node), self.line_about(id));
        Some(Evidence { at: Some(sent.at), frame: Some(id), text })
    }

    /// A frame in a line.
    fn line_about(&self, id: FrameId) -> String {
        brief(&describe::describe(&self.trace().frames.of(id)).to_string())
    }

    /// A command to type at a node.
    pub fn fix(&self, node: NodeId, line: impl Into<String>) -> Command {
        Command { node: self.name(node).to_owned(), line: line.into() }
    }
}

/// The addresses that are, or come to be, a service's, or that move from master to master.
fn virtual_addresses(outcome: &Outcome) -> BTreeSet<Ipv4Addr> {
    let mut all: BTreeSet<_> = outcome.network.virtual_addresses().into_iter().collect();
    for record in outcome.trace.records() {
        if let Event::Note { note: Note::Change(change), .. } = record.event
            && let Config::Service { service, .. } = &change.what
            && let Some(end) = service.split_whitespace().nth(1).and_then(|end| end.parse::<SocketAddrV4>().ok())
        {
            all.insert(*end.ip());
        }
    }
    all
}

/// Whether a file is called so where keepalived has its files.
pub(super) fn is_named(path: &str, name: &str) -> bool {
    path == name || path.strip_prefix("/etc/keepalived/") == Some(name)
}

/// The other files of a machine, which its configuration may include.
struct Beside<'a> {
    files: &'a [(String, String)],
}

impl conf::Files for Beside<'_> {
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        self.files.iter().filter(|(path, _)| is_named(path, pattern)).cloned().collect()
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

/// Something that is so, unless the run has shown more.
pub fn or_fact(mut seen: Vec<Evidence>, text: impl FnOnce() -> String) -> Vec<Evidence> {
    if seen.is_empty() {
        seen.push(fact(text()));
    }
    seen
}
