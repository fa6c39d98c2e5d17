//! Packet filtering, marking, tracking and translation: iptables' tables, and the places on a packet's way where they are
//! asked.

mod arp;
mod arp_text;
mod conntrack;
mod hooks;
mod limit;
mod log;
mod matches;
mod nat;
mod reject;
mod rule;
mod specification;
mod table;
mod text;
mod view;

use std::net::Ipv4Addr;

use super::interface::IfIndex;
use super::route::Route;
use crate::random::{self, Stream};
use crate::reason::{Config, Ruling};
use conntrack::Conntrack;

pub(super) use arp::ArpHook;
pub use arp::{ArpChain, ArpRule, ArpTable, ArpTarget, ArpVerdict, Mangle};
pub use arp_text::OPERATIONS;
pub use conntrack::{Listed, States, Tracked, Tuple};
pub(super) use hooks::Passage;
pub use limit::{Limit, Statistic};
pub use matches::{AddressKinds, AddressType, IcmpTypes, IpvsMatch, MarkBits, Match, PacketType, Ports, Side, TtlTest};
pub use nat::{Range, Translation};
pub use rule::{
    ConnmarkTarget, Counters, InterfaceName, LogOptions, Maybe, Network, REJECTS, Reject, Rule, Target, TcpMss, Untrack,
};
pub use specification::IpvsOptions;
pub use table::{Base, Chain, ChainId, Table, TableError};
pub use text::{PROTOCOLS, listed, port_list, ports_text, protocol_name, range_text, tcp_flags};

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

/// Where a packet has come in and will go out, as far as that is known at a hook.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    iif: Option<IfIndex>,
    oif: Option<IfIndex>,
    gateway: Option<Ipv4Addr>,
}

impl Way {
    /// It has come in.
    pub fn from(iif: IfIndex) -> Way {
        Way { iif: Some(iif), ..Way::default() }
    }

    /// It goes out.
    pub fn along(route: &Route) -> Way {
        Way { iif: None, oif: Some(route.oif), gateway: route.gateway }
    }

    /// It passes through.
    pub fn through(iif: IfIndex, route: &Route) -> Way {
        Way { iif: Some(iif), ..Way::along(route) }
    }
}

const RAW: usize = 0;
const MANGLE: usize = 1;
const NAT: usize = 2;
const FILTER: usize = 3;

/// The tables of a host, and the connections that it tracks.
#[derive(Clone, Debug)]
pub struct Netfilter {
    tables: [Table; 4],
    /// At which hooks a packet has to be looked at, by [`Hook`].
    busy: [bool; 5],
    /// Whether a rule needs connections (nf_ct_netns_get).
    tracks: bool,
    conntrack: Conntrack,
    random: Stream,
    arp: ArpTable,
    /// Addresses that nobody may speak with: what nftables' table `keepalived` has.
    guarded: Vec<Ipv4Addr>,
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
            tracks: false,
            conntrack: Conntrack::default(),
            random: random::stream(0, "netfilter", ""),
            arp: ArpTable::default(),
            guarded: Vec::new(),
        }
    }
}

impl Netfilter {
    /// Draws ports and the packets of `-m statistic` from this stream.
    pub(super) fn seed(&mut self, random: Stream) {
        self.random = random;
    }

    /// Whether connections are tracked.
    pub fn tracks(&self) -> bool {
        self.tracks
    }

    /// Forgets the connection to which packets like this belong.
    pub fn forget_connection(&mut self, tuple: Tuple) {
        self.conntrack.kill_by(tuple);
    }

    /// The rules of arptables.
    pub fn arp_table(&mut self) -> &mut ArpTable {
        &mut self.arp
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Changes the table of this name, if there is one.
    pub fn change<R>(&mut self, name: &str, change: impl FnOnce(&mut Table) -> R) -> Option<R> {
        let result = self.tables.iter_mut().find(|table| table.name == name).map(change);
        self.look_again();
        result
    }

    /// Drops what comes to an address or goes from it, or does so no longer: the sets that keepalived keeps in nftables.
    pub fn guard(&mut self, address: Ipv4Addr, on: bool) {
        self.guarded.retain(|guarded| *guarded != address);
        if on {
            self.guarded.push(address);
        }
        self.look_again();
    }

    fn look_again(&mut self) {
        self.tracks = self.translates() || self.tables.iter().any(Table::needs_tracking);
        for hook in Hook::ALL {
            // Connections are begun at two hooks and confirmed at two others.
            let is_tracked = self.tracks && hook != Hook::Forward;
            let is_filtered = self.tables.iter().any(|table| table.entrance(hook).is_some());
            let is_guarded = !self.guarded.is_empty() && matches!(hook, Hook::Input | Hook::Output);
            self.busy[hook as usize] = is_tracked || is_filtered || is_guarded;
        }
    }

    /// All rules, as changes that have made them.
    pub(in crate::host) fn all_rules(&self) -> Vec<Config> {
        let tables = self.tables.iter().flat_map(|table| {
            let chains = table.chains().into_iter();
            chains.flat_map(move |chain| {
                let rules = 0..table.chain(chain).rules.len();
                rules.map(move |index| ruling(table, chain, Some(index)))
            })
        });
        tables.chain(self.arp.rulings()).map(Config::from).collect()
    }

    /// Whether connections may be translated: as soon as somebody has put anything into the nat table.
    fn translates(&self) -> bool {
        self.tables[NAT].is_in_use()
    }
}

fn ruling(table: &Table, chain: ChainId, index: Option<usize>) -> Ruling {
    let Chain { name, rules, .. } = table.chain(chain);
    let rule = index.map(|index| {
        let text = table.specification(&rules[index]).to_string();
        (index + 1, text.trim_start().to_owned())
    });
    Ruling { tool: "iptables", table: table.name, chain: name.clone(), rule }
}

#[cfg(test)]
mod tests;
