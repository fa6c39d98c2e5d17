//! Rules as data: what a packet must look like, and what then happens to it.

use std::net::Ipv4Addr;

use super::matches::{MarkBits, Match};
use super::nat::Translation;
use super::table::ChainId;
use super::view::View;

/// A condition, or its opposite (`!`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maybe<T> {
    /// Whether the condition must not hold.
    pub inverted: bool,
    /// The condition.
    pub is: T,
}

impl<T> Maybe<T> {
    pub(super) fn holds(&self, test: impl FnOnce(&T) -> bool) -> bool {
        test(&self.is) != self.inverted
    }
}

/// A rule of a chain.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// `-s`
    pub source: Option<Maybe<Network>>,
    /// `-d`
    pub destination: Option<Maybe<Network>>,
    /// `-i`
    pub iif: Option<Maybe<InterfaceName>>,
    /// `-o`
    pub oif: Option<Maybe<InterfaceName>>,
    /// `-p`
    pub protocol: Option<Maybe<u8>>,
    /// `-f`: second and further fragments only.
    pub fragment: Option<Maybe<()>>,
    /// `-m`, in the order in which they were given.
    pub matches: Vec<Match>,
    /// `-j`
    pub target: Target,
    /// What the rule has matched so far.
    pub counters: Counters,
}

impl Rule {
    /// Whether it is the same rule, whatever it has counted.
    pub fn is_same(&self, other: &Rule) -> bool {
        let Rule { source, destination, iif, oif, protocol, fragment, matches, target, counters: _ } = self;
        *source == other.source
            && *destination == other.destination
            && *iif == other.iif
            && *oif == other.oif
            && *protocol == other.protocol
            && *fragment == other.fragment
            && *matches == other.matches
            && *target == other.target
    }

    /// What it writes to the log, if it does.
    pub(super) fn log_options(&self) -> Option<&LogOptions> {
        match &self.target {
            Target::Log(options) => Some(options),
            _ => None,
        }
    }

    pub(super) fn matches(&mut self, view: &mut View<'_>) -> bool {
        fn open<T>(condition: &Option<Maybe<T>>, test: impl FnOnce(&T) -> bool) -> bool {
            condition.as_ref().is_none_or(|condition| condition.holds(test))
        }
        open(&self.protocol, |protocol| *protocol == view.protocol)
            && open(&self.source, |network| network.contains(view.source))
            && open(&self.destination, |network| network.contains(view.destination))
            && open(&self.iif, |name| name.matches(view.iif))
            && open(&self.oif, |name| name.matches(view.oif))
            && open(&self.fragment, |()| view.is_later_fragment)
            && self.matches.iter_mut().all(|condition| condition.matches(view))
    }
}

impl ConnmarkTarget {
    /// connmark_tg
    pub(super) fn apply(self, view: &mut View<'_>) {
        let Some(connmark) = &mut view.connmark else { return };
        match self {
            ConnmarkTarget::Set(MarkBits { value, mask }) => *connmark = *connmark & !mask ^ value,
            ConnmarkTarget::Save { nfmask, ctmask } => *connmark = *connmark & !ctmask ^ (view.mark & nfmask),
            ConnmarkTarget::Restore { nfmask, ctmask } => view.mark = view.mark & !nfmask ^ (*connmark & ctmask),
        }
    }
}

/// How many packets, and how many bytes from their IPv4 headers on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Counters {
    pub(super) fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    pub(super) fn count(&mut self, view: &View<'_>) {
        self.add(view.len);
    }
}

/// Addresses that agree in the bits of a mask, which need not be contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The common bits; the others are zero.
    pub address: Ipv4Addr,
    /// Which bits count.
    pub mask: Ipv4Addr,
}

impl Network {
    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        address & self.mask == self.address
    }
}

/// An interface's name, or with a `+` at its end the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName(pub String);

impl InterfaceName {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('+') {
            Some(beginning) => name.starts_with(beginning),
            None => name == self.0,
        }
    }
}

/// What a rule does with the packets that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// No `-j`: they are counted.
    #[default]
    Count,
    /// They leave this table, and go on.
    Accept,
    /// They end here.
    Drop,
    /// They end here, and their sender is told.
    Reject(Reject),
    /// They go back to the chain that sent them here, or get its policy.
    Return,
    /// They are written to the kernel's log, and go on in this chain.
    Log(Box<LogOptions>),
    /// Their mark changes, and they go on in this chain.
    Mark(MarkBits),
    /// The mark of their connection, or theirs after it, changes, and they go on in this chain.
    Connmark(ConnmarkTarget),
    /// They are not tracked, and go on in this chain.
    Untrack(Untrack),
    /// The segments that they announce become smaller, and they go on in this chain.
    TcpMss(TcpMss),
    /// Their connection is translated from now on.
    Translate(Translation),
    /// They visit another chain.
    Jump(ChainId),
    /// They move to another chain.
    Goto(ChainId),
}

/// What LOG writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// What the line begins with.
    pub prefix: String,
    /// The syslog level; 4 is "warning".
    pub level: u8,
    /// XT_LOG_*: TCP's sequence numbers (1), TCP's options (2), IP's options (4), the user (8), the MAC header (32).
    pub flags: u8,
}

/// What TCPMSS makes of the maximum segment size that a TCP announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpMss {
    /// `--set-mss`: this, in bytes, if it is less.
    Set(u16),
    /// `--clamp-mss-to-pmtu`: what fits into the way there and the way back.
    Clamp,
}

/// What CONNMARK does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnmarkTarget {
    /// `--set-xmark` and its relatives: the connection is marked.
    Set(MarkBits),
    /// `--save-mark`: the connection gets the packet's mark.
    Save {
        /// `--nfmask`
        nfmask: u32,
        /// `--ctmask`
        ctmask: u32,
    },
    /// `--restore-mark`: the packet gets the connection's mark.
    Restore {
        /// `--nfmask`
        nfmask: u32,
        /// `--ctmask`
        ctmask: u32,
    },
}

/// Targets about not being tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrack {
    /// `-j NOTRACK`
    Notrack,
    /// `-j CT --notrack`
    Ct,
    /// `-j CT` alone: it changes nothing.
    Nothing,
}

/// How a rejected sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// ICMP destination unreachable with this code.
    Unreachable(u8),
    /// A TCP segment with RST.
    TcpReset,
}

/// The kinds of `--reject-with`: name, alias, what it is.
pub const REJECTS: [(&str, &str, Reject); 8] = [
    ("icmp-net-unreachable", "net-unreach", Reject::Unreachable(0)),
    ("icmp-host-unreachable", "host-unreach", Reject::Unreachable(1)),
    ("icmp-proto-unreachable", "proto-unreach", Reject::Unreachable(2)),
    ("icmp-port-unreachable", "port-unreach", Reject::Unreachable(3)),
    ("icmp-net-prohibited", "net-prohib", Reject::Unreachable(9)),
    ("icmp-host-prohibited", "host-prohib", Reject::Unreachable(10)),
    ("tcp-reset", "tcp-rst", Reject::TcpReset),
    ("icmp-admin-prohibited", "admin-prohib", Reject::Unreachable(13)),
];

impl Reject {
    /// The name that `--reject-with` knows it by.
    pub fn name(self) -> &'static str {
        let (name, ..) = REJECTS.iter().find(|(.., reject)| *reject == self).expect("rules are made from this list");
        name
    }
}
