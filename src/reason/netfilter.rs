//! Reasons of iptables.

use std::fmt;
use std::net::SocketAddrV4;

/// What a rule of iptables or arptables, or a chain's policy, did to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The tool whose rule it is: iptables or arptables.
    pub tool: &'static str,
    /// The table.
    pub table: &'static str,
    /// The chain.
    pub chain: String,
    /// The rule's number, from 1, and the rule as it would be typed; none if it was the chain's policy.
    pub rule: Option<(usize, String)>,
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ruling { tool, table, chain, rule } = self;
        match rule {
            Some((number, text)) => write!(f, "rule {number} of {tool}' {table} {chain}: {text}"),
            None => write!(f, "no rule of {tool}' {table} {chain} accepts it, and the policy is DROP"),
        }
    }
}

/// Which end of a packet address translation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatSide {
    /// Its source.
    Source,
    /// Its destination.
    Destination,
}

/// What address translation did. Ports are ICMP's identifiers where it is about ICMP, and 0 where there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nat {
    /// A rule has decided what becomes of a new connection.
    Agreed {
        /// The rule.
        by: Box<Ruling>,
        /// Which end.
        side: NatSide,
        /// What it was.
        before: SocketAddrV4,
        /// What it becomes.
        after: SocketAddrV4,
    },
    /// No rule wanted it, but another connection looks the same from the other side.
    Clash {
        /// What the end was.
        before: SocketAddrV4,
        /// What it becomes.
        after: SocketAddrV4,
    },
    /// A packet was rewritten as its connection has agreed.
    Rewritten {
        /// Which end.
        side: NatSide,
        /// What it was.
        before: SocketAddrV4,
        /// What it is now.
        after: SocketAddrV4,
    },
    /// IPVS does not want the packet's connection to be tracked (net.ipv4.vs.conntrack is 0).
    Untracked,
}

impl fmt::Display for NatSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NatSide::Source => "source",
            NatSide::Destination => "destination",
        })
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nat::Agreed { by, side, before, after } if before == after => {
                write!(f, "{by}; the connection's {side} stays {before}")
            }
            Nat::Agreed { by, side, before, after } => {
                write!(f, "{by}; the connection's {side} {before} becomes {after}")?;
                let keeps_port = before.port() == after.port() || *side == NatSide::Destination;
                if keeps_port { Ok(()) } else { write!(f, ", since its port is taken or not wanted") }
            }
            Nat::Clash { before, after } => {
                write!(f, "another connection looks the same from the other side: {before} becomes {after}")
            }
            Nat::Rewritten { side, before, after } => write!(f, "{side} {before} becomes {after}"),
            Nat::Untracked => write!(
                f,
                "IPVS takes the packet out of connection tracking: no rule of the nat table will see it \
                 (net.ipv4.vs.conntrack=0)"
            ),
        }
    }
}
