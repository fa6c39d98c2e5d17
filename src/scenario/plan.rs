//! A scenario that makes sense: every name is resolved, every text understood.

use std::net::Ipv4Addr;

use crate::ids::{NodeId, Terminal};
use crate::sim::{LinkOptions, SwitchOptions};
use crate::time::Span;
use crate::wire::MacAddr;

use super::schema::Expectation;

/// What a lab is built from and runs through.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One line that says what the scenario shows.
    pub title: String,
    /// What all randomness is drawn from.
    pub seed: u64,
    /// The switches, in the file's order.
    pub switches: Vec<Switch>,
    /// The machines, in the file's order: [`NodeId`] is the place in this list.
    pub nodes: Vec<Node>,
    /// Names of addresses, for every machine.
    pub hosts: Vec<(String, Ipv4Addr)>,
    /// What happens, in the file's order.
    pub timeline: Vec<Step>,
    /// When the run ends; none: when everything is done.
    pub until: Option<Span>,
    /// How many events the run may have, if the file says so.
    pub max_events: Option<u64>,
    /// What must be true of the run.
    pub expect: Vec<Expectation>,
}

/// A switch.
#[derive(Clone, Debug)]
pub struct Switch {
    /// Its name.
    pub name: String,
    /// How it works.
    pub options: SwitchOptions,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its network interfaces; the place in this list is the port's number.
    pub interfaces: Vec<Interface>,
    /// Commands that are run before time 0.
    pub setup: Vec<String>,
    /// Paths and texts of its files.
    pub files: Vec<(String, String)>,
}

/// A network interface and its cable.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The largest IP datagram that it sends, in bytes.
    pub mtu: u32,
    /// The place of its switch in [`Plan::switches`].
    pub switch: usize,
    /// What the cable does to frames.
    pub cable: LinkOptions,
}

/// Something that happens at a moment.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, from the end of the set-up.
    pub at: Span,
    /// What.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Somebody types a command at a terminal.
    Run(NodeId, Terminal, String),
    /// The cable at a node's interface, counted from 0, is pulled out or plugged in.
    Cable(NodeId, usize, bool),
    /// The cable at a node's interface begins to lose this part of all frames: of those that go out, and that come in.
    Loss(NodeId, usize, [f64; 2]),
    /// A machine loses power.
    Crash(NodeId),
    /// A machine is switched on again.
    Boot(NodeId),
    /// The programs of a machine begin to wait for their turn: so long, and by chance so much longer.
    Slow(NodeId, Span, Span),
}

impl Plan {
    /// The machine of this name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        let index = self.nodes.iter().position(|node| node.name == name)?;
        Some(NodeId(u32::try_from(index).expect("a file has fewer nodes")))
    }

    /// The interface that is called NODE.NAME: its node and its place there.
    pub fn interface(&self, name: &str) -> Option<(NodeId, usize)> {
        let (node, interface) = name.split_once('.')?;
        let id = self.node(node)?;
        let at = self.nodes[id.0 as usize].interfaces.iter().position(|known| known.name == interface)?;
        Some((id, at))
    }

    /// All interfaces as NODE.NAME, in the file's order.
    pub fn interface_names(&self) -> impl Iterator<Item = String> {
        self.nodes.iter().flat_map(|node| node.interfaces.iter().map(move |i| format!("{}.{}", node.name, i.name)))
    }
}
