//! Connection tracking, as far as `-m state` needs it: net/netfilter/nf_conntrack_core.c.
//!
//! A connection is known by its addresses and ports in the direction of its first packet. It is tracked from the moment
//! in which the first rule asks for states, as the kernel loads the tracker with that rule.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::rule::View;
use crate::time::{Span, Time};
use crate::wire::proto;

/// A set of states of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(pub u8);

impl States {
    /// Nothing that the tracker can make sense of.
    pub const INVALID: States = States(1);
    /// The connection's first packet, or none has been answered yet.
    pub const NEW: States = States(2);
    /// An ICMP error about a known connection.
    pub const RELATED: States = States(4);
    /// Packets have been seen in both directions.
    pub const ESTABLISHED: States = States(8);
    /// Not tracked.
    pub const UNTRACKED: States = States(16);

    /// The names that iptables knows them by, in the order in which it prints them.
    pub const NAMES: [(&str, States); 5] = [
        ("INVALID", States::INVALID),
        ("NEW", States::NEW),
        ("RELATED", States::RELATED),
        ("ESTABLISHED", States::ESTABLISHED),
        ("UNTRACKED", States::UNTRACKED),
    ];

    /// Whether one of those states is in this set.
    pub const fn contains(self, state: States) -> bool {
        self.0 & state.0 != 0
    }
}

/// The connections that a host has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Conntrack {
    connections: FxHashMap<Tuple, Connection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Tuple {
    source: (Ipv4Addr, u16),
    destination: (Ipv4Addr, u16),
    protocol: u8,
}

impl Tuple {
    fn reply(self) -> Tuple {
        Tuple { source: self.destination, destination: self.source, ..self }
    }

    fn new(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Tuple {
        let word = |at: usize| payload.get(at..at + 2).map_or(0, |word| u16::from_be_bytes([word[0], word[1]]));
        let (source_port, destination_port) = match protocol {
            proto::TCP | proto::UDP => (word(0), word(2)),
            // An echo and its reply have the same identifier.
            proto::ICMP => (word(4), word(4)),
            _ => (0, 0),
        };
        Tuple { source: (source, source_port), destination: (destination, destination_port), protocol }
    }
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    answered: bool,
    expires: Time,
}

const TCP_FIN: u8 = 1;
const TCP_RST: u8 = 4;

impl Conntrack {
    /// nf_conntrack_in: what this packet is to its connection, which is remembered if `remember` is set.
    pub fn state(&mut self, view: &View<'_>, remember: bool, now: Time) -> States {
        if view.is_later_fragment {
            return States::UNTRACKED;
        }
        if let Some((3 | 4 | 5 | 11 | 12, _)) = view.icmp() {
            return self.error_state(view.payload.get(8..).unwrap_or_default(), now);
        }
        let tuple = Tuple::new(view.protocol, view.source, view.destination, view.payload);
        let flags = view.tcp_flags().unwrap_or_default();
        let known = |tuple| self.connections.get(&tuple).filter(|connection| connection.expires > now).copied();
        let (original, state, answered) = match (known(tuple), known(tuple.reply())) {
            (Some(connection), _) => {
                let state = if connection.answered { States::ESTABLISHED } else { States::NEW };
                (tuple, state, connection.answered)
            }
            (None, Some(_)) => (tuple.reply(), States::ESTABLISHED, true),
            (None, None) if flags & TCP_RST != 0 => return States::INVALID,
            (None, None) => (tuple, States::NEW, false),
        };
        if remember {
            let expires = now + timeout(view.protocol, flags, answered);
            self.connections.insert(original, Connection { answered, expires });
        }
        state
    }

    fn error_state(&self, quoted: &[u8], now: Time) -> States {
        let Ok(header) = etherparse::Ipv4HeaderSlice::from_slice(quoted) else { return States::INVALID };
        let ports = quoted.get(header.slice().len()..).unwrap_or_default();
        let tuple = Tuple::new(header.protocol().0, header.source_addr(), header.destination_addr(), ports);
        let is_known = |tuple| self.connections.get(&tuple).is_some_and(|connection| connection.expires > now);
        if is_known(tuple) || is_known(tuple.reply()) { States::RELATED } else { States::INVALID }
    }
}

/// The defaults of net.netfilter.nf_conntrack_*_timeout*.
fn timeout(protocol: u8, tcp_flags: u8, answered: bool) -> Span {
    Span::from_secs(match protocol {
        proto::TCP if tcp_flags & TCP_RST != 0 => 10,
        proto::TCP if !answered || tcp_flags & TCP_FIN != 0 => 120,
        proto::TCP => 432_000,
        proto::UDP if answered => 120,
        proto::UDP | proto::ICMP => 30,
        _ => 600,
    })
}
