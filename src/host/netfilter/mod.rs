//! Packet filtering: iptables' tables, and the places on a packet's way where they are asked.

mod conntrack;
mod reject;
mod rule;
mod table;
mod text;

use crate::reason::{self, Note, Ruling};

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use conntrack::Conntrack;
use rule::View;
use table::Outcome;

pub use conntrack::States;
pub use rule::{
    Counters, IcmpTypes, InterfaceName, MarkBits, Match, Maybe, Network, PacketType, Ports, REJECTS, Reject, Rule,
    Side, Target,
};
pub use table::{Base, Chain, ChainId, Table, TableError};
pub use text::{PROTOCOLS, listed, port_list, protocol_name, tcp_flags};

/// A place on a packet's way (NF_INET_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Every packet that has come in, before it is routed.
    Prerouting,
    /// Packets for this host.
    Input,
    /// Packets passing through.
    Forward,
    /// Packets made here.
    Output,
    /// Every packet that is about to leave.
    Postrouting,
}

impl Hook {
    /// All of them, in the order in which packets meet them.
    const ALL: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];

    /// The name of the built-in chains at this place.
    pub const fn chain(self) -> &'static str {
        match self {
            Hook::Prerouting => "PREROUTING",
            Hook::Input => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::Output => "OUTPUT",
            Hook::Postrouting => "POSTROUTING",
        }
    }
}

/// The tables of a host.
#[derive(Clone, Debug)]
pub struct Netfilter {
    /// In the order in which packets meet them (NF_IP_PRI_*).
    tables: [Table; 4],
    /// At which hooks a packet has to be looked at, by [`Hook`].
    busy: [bool; 5],
    conntrack: Option<Conntrack>,
}

impl Default for Netfilter {
    fn default() -> Netfilter {
        use Hook::{Forward, Input, Output, Postrouting, Prerouting};
        Netfilter {
            tables: [
                Table::new("raw", &[Prerouting, Output]),
                Table::new("mangle", &Hook::ALL),
                Table::new("nat", &[Prerouting, Input, Output, Postrouting]),
                Table::new("filter", &[Input, Forward, Output]),
            ],
            busy: [false; 5],
            conntrack: None,
        }
    }
}

impl Netfilter {
    /// Whether connections are tracked.
    pub fn tracks(&self) -> bool {
        self.conntrack.is_some()
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Changes the table of this name, if there is one.
    pub fn change<R>(&mut self, name: &str, change: impl FnOnce(&mut Table) -> R) -> Option<R> {
        let result = self.tables.iter_mut().find(|table| table.name == name).map(change);
        if self.conntrack.is_none() && self.tables.iter().any(Table::asks_for_state) {
            self.conntrack = Some(Conntrack::default());
        }
        for hook in Hook::ALL {
            let is_tracked = self.conntrack.is_some() && matches!(hook, Hook::Prerouting | Hook::Output);
            let is_filtered = self.tables.iter().any(|table| table.entrance(hook).is_some());
            self.busy[hook as usize] = is_tracked || is_filtered;
        }
        result
    }
}

impl Kernel {
    /// The tables of iptables.
    pub fn netfilter_mut(&mut self) -> &mut Netfilter {
        &mut self.netfilter
    }

    /// nf_hook: puts a packet to the rules of this place; `iif` and `oif` are where it came in and will go out, where known.
    ///
    /// Gives it back, perhaps marked, if it is to go on. Otherwise all is done: counted, noted, its sender told if a rule
    /// says so. A sender on this host whose packet ends in [`Hook::Output`] gets [`Errno::NotPermitted`](super::socket::Errno).
    #[inline]
    pub(super) fn netfilter(
        &mut self,
        hook: Hook,
        packet: Packet,
        iif: Option<IfIndex>,
        oif: Option<IfIndex>,
    ) -> Option<Packet> {
        if self.netfilter.busy[hook as usize] { self.put_to_tables(hook, packet, iif, oif) } else { Some(packet) }
    }

    fn put_to_tables(
        &mut self,
        hook: Hook,
        mut packet: Packet,
        iif: Option<IfIndex>,
        oif: Option<IfIndex>,
    ) -> Option<Packet> {
        let fragment_offset = u16::from_be_bytes([packet.ip()[6], packet.ip()[7]]) & 0x1fff;
        let interfaces = &self.interfaces;
        let name =
            |index: Option<IfIndex>| index.and_then(|index| interfaces.get(index)).map_or("", |found| &found.name);
        let mut view = View {
            frame: &packet.frame,
            came_by_ethernet: iif.is_some_and(|iif| iif != IfIndex::LO),
            source: packet.source(),
            destination: packet.destination(),
            protocol: packet.protocol(),
            is_later_fragment: fragment_offset > 0,
            len: packet.total_len(),
            payload: packet.payload(),
            iif: name(iif),
            oif: name(oif),
            mark: packet.mark,
            state: States::UNTRACKED,
        };
        if let Some(conntrack) = &mut self.netfilter.conntrack {
            let is_first_hook = matches!(hook, Hook::Prerouting | Hook::Output);
            view.state = conntrack.state(&view, is_first_hook, self.now);
        }
        let mut reject = None;
        for table in &mut self.netfilter.tables {
            let Some(entrance) = table.entrance(hook) else { continue };
            let visit = table.traverse(entrance, &mut view);
            let table = &*table;
            for (chain, index) in visit.passed {
                self.out.note(|| Note::Rule(ruling(table, chain, Some(index))));
            }
            match visit.outcome {
                Outcome::Accept => continue,
                Outcome::Drop(chain, index) => {
                    self.out.note(|| Note::Drop(reason::Drop::Netfilter(ruling(table, chain, index))));
                    return None;
                }
                Outcome::Reject(chain, index, with) => {
                    self.out.note(|| Note::Drop(reason::Drop::Netfilter(ruling(table, chain, Some(index)))));
                    reject = Some(with);
                    break;
                }
            }
        }
        packet.mark = view.mark;
        match reject {
            None => Some(packet),
            Some(reject) => {
                self.answer_rejected(&packet, reject);
                None
            }
        }
    }
}

impl Kernel {}

fn ruling(table: &Table, chain: ChainId, index: Option<usize>) -> Ruling {
    let Chain { name, rules, .. } = table.chain(chain);
    let rule = index.map(|index| {
        let text = table.specification(&rules[index]).to_string();
        (index + 1, text.trim_start().to_owned())
    });
    Ruling { table: table.name, chain: name.clone(), rule }
}

#[cfg(test)]
mod tests;
