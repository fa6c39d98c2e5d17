//! Who takes part in a run: names for the numbers in its records.

use crate::ids::{NodeId, Port};
use crate::sim::Station;
use crate::wire::MacAddr;

/// What the broadcast address is called.
pub(super) const EVERYBODY: &str = "everybody";

/// The nodes, their interfaces, and the switches: names for the numbers in the records.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// By [`NodeId`].
    pub nodes: Vec<Member>,
    /// The names of the switches, by their number.
    pub switches: Vec<String>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its interfaces, by [`Port`].
    pub interfaces: Vec<Plug>,
}

/// An interface of a node.
#[derive(Clone, Debug)]
pub struct Plug {
    /// Its name.
    pub name: String,
    /// The hardware address that it was made with.
    pub mac: MacAddr,
}

impl Cast {
    /// All interfaces, in order.
    pub fn interfaces(&self) -> impl Iterator<Item = (NodeId, Port, &Member, &Plug)> {
        (0..).zip(&self.nodes).flat_map(|(node, member)| {
            (0..).zip(&member.interfaces).map(move |(port, plug)| (NodeId(node), Port(port), member, plug))
        })
    }

    /// The name of a node.
    pub fn node(&self, node: NodeId) -> &str {
        self.nodes.get(node.0 as usize).map_or("?", |member| &member.name)
    }

    /// The name of an interface.
    pub fn interface(&self, node: NodeId, port: Port) -> &str {
        let member = self.nodes.get(node.0 as usize);
        member.and_then(|member| member.interfaces.get(port.0 as usize)).map_or("?", |plug| &plug.name)
    }

    /// The name of a node or a switch.
    pub fn station(&self, station: Station) -> &str {
        match station {
            Station::Node(node) => self.node(node),
            Station::Switch(switch) => self.switches.get(switch.0 as usize).map_or("?", String::as_str),
        }
    }

    /// What an address is called: its node and interface, or itself if it is nobody's.
    pub fn name_of(&self, mac: MacAddr) -> String {
        match self.owner(mac) {
            Some((member, plug)) => format!("{}.{}", member.name, plug.name),
            None if mac == MacAddr::BROADCAST => EVERYBODY.to_owned(),
            None => mac.to_string(),
        }
    }

    /// A text, with the name of the machine behind each hardware address in it.
    pub fn with_owners(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (.., member, plug) in self.interfaces() {
            let mac = plug.mac.to_string();
            text = text.replace(&mac, &format!("{mac} ({})", member.name));
        }
        text
    }

    /// Whose address this is: a node and its interface.
    pub fn owner(&self, mac: MacAddr) -> Option<(&Member, &Plug)> {
        self.interfaces().find(|(.., plug)| plug.mac == mac).map(|(_, _, member, plug)| (member, plug))
    }
}
