//! The vocabulary of reasons: why a frame was dropped, answered, rewritten, steered.
//!
//! A reason is made where its decision is made and carries the facts that the decision was taken on. Its sentence is
//! written here, once. Names of drop reasons are the kernel's (enum skb_drop_reason) where it has one.

mod arp;
mod change;
mod ip;
mod ipvs;
mod loss;
mod machine;
mod name;
mod netfilter;
mod origin;
mod step;
mod transport;
mod vrrp;

use std::fmt;

pub use arp::{Arp, Withheld};
pub use change::{Change, Config};
pub use ip::{ErrorWithheld, Ip, IpDrop, RedirectIgnored, RefusingRoute, Setting};
pub use ipvs::{Candidate, Choice, Connection, Ipvs, IpvsDrop, Passage, Persistent, Rewriting, Schedule, Unserved};
pub use loss::Loss;
pub use machine::Machine;
pub use netfilter::{Nat, NatSide, Ruling};
pub use origin::{About, KernelTimer, Made, Maker, Origin, Process};
pub use step::{Device, Heard, Icmp, Step};
pub use transport::{Reset, Retransmission, Tcp, TcpState, TransportDrop};
pub use vrrp::Vrrp;

use crate::ids::JobId;

/// Something that a node decided about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The frame, or what it carried, ends here.
    Drop(Drop),
    /// The frame was answered, or the answer was withheld.
    Arp(Arp),
    /// Something about IP packets that does not end them.
    Ip(Ip),
    /// A rule of iptables has logged or marked the packet, which goes on.
    Rule(Box<Ruling>),
    /// Address translation decided about a connection, or rewrote a packet.
    Nat(Nat),
    /// IPVS decided about a packet or a connection.
    Ipvs(Ipvs),
    /// TCP decided about a connection.
    Tcp(Tcp),
    /// Something has become of the machine itself.
    Machine(Machine),
    /// An ordinary step on a packet's way, which only those want to read who ask about the packet.
    Step(Step),
    /// A virtual router decided.
    Vrrp(Box<Vrrp>),
    /// Somebody has changed the machine's configuration.
    Change(Box<Change>),
    /// A process begins.
    Process(Process),
    /// Something happened at the node's console.
    Console(Console),
}

/// What happens at a node's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Console {
    /// A job begins.
    Typed {
        /// Which job.
        job: JobId,
        /// The command line.
        line: Box<str>,
    },
    /// A job writes.
    Printed {
        /// Which job.
        job: JobId,
        /// Where to.
        stream: Stream,
        /// What; not always a whole line.
        text: Box<str>,
    },
    /// Somebody has asked for a command that does not exist.
    Unknown(Box<Unknown>),
    /// A daemon writes into its log.
    Logged {
        /// The daemon.
        program: &'static str,
        /// What.
        text: Box<str>,
    },
    /// A job has ended.
    Ended {
        /// Which job.
        job: JobId,
        /// Its exit status.
        status: i32,
    },
}

/// A command that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its name.
    pub name: String,
    /// Those that exist, with the most alike first.
    pub known: Vec<&'static str>,
}

/// A program's two ways of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Why a frame goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The frame was sent to the MAC address of another machine.
    OtherHost,
    /// IP sends it no further.
    Ip(IpDrop),
    /// iptables drops or rejects it.
    Netfilter(Box<Ruling>),
    /// keepalived lets nobody speak with the address (no_accept).
    Guarded {
        /// The address.
        address: std::net::Ipv4Addr,
    },
    /// The table of tracked connections is full (nf_conntrack_max).
    ConntrackFull {
        /// So many are there.
        max: usize,
    },
    /// Another connection looks the same, and has come first.
    ConntrackClash,
    /// Its connection has borrowed the address of another interface than the one it would leave by now.
    MasqueradeMoved,
    /// A rule wants it to bear an interface's address, and the interface has none.
    NoAddressToTranslateTo,
    /// IPVS lets nobody have it.
    Ipvs(IpvsDrop),
    /// TCP or UDP has no use for it.
    Transport(TransportDrop),
}

impl Console {
    /// The job that it is about, if any.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Console::Typed { job, .. } | Console::Printed { job, .. } | Console::Ended { job, .. } => Some(*job),
            Console::Unknown(_) | Console::Logged { .. } => None,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Drop(drop) => drop.fmt(f),
            Note::Arp(arp) => arp.fmt(f),
            Note::Ip(ip) => ip.fmt(f),
            Note::Rule(ruling) => ruling.fmt(f),
            Note::Nat(nat) => nat.fmt(f),
            Note::Ipvs(ipvs) => ipvs.fmt(f),
            Note::Tcp(tcp) => tcp.fmt(f),
            Note::Machine(machine) => machine.fmt(f),
            Note::Step(step) => step.fmt(f),
            Note::Vrrp(vrrp) => vrrp.fmt(f),
            Note::Change(change) => change.fmt(f),
            Note::Process(process) => process.fmt(f),
            Note::Console(console) => console.fmt(f),
        }
    }
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Drop::OtherHost => write!(f, "for another machine's MAC address"),
            Drop::Ip(drop) => drop.fmt(f),
            Drop::Netfilter(ruling) => ruling.fmt(f),
            Drop::Guarded { address } => {
                write!(f, "keepalived lets nobody speak with {address} (no_accept): nftables drops it")
            }
            Drop::ConntrackFull { max } => {
                write!(f, "{max} connections are tracked already (net.netfilter.nf_conntrack_max)")
            }
            Drop::ConntrackClash => write!(f, "another tracked connection has the same addresses and ports"),
            Drop::MasqueradeMoved => write!(f, "its connection bears the address of another interface (MASQUERADE)"),
            Drop::NoAddressToTranslateTo => write!(f, "the interface has no address to translate to"),
            Drop::Ipvs(drop) => drop.fmt(f),
            Drop::Transport(drop) => drop.fmt(f),
        }
    }
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Console::Typed { line, .. } => write!(f, "$ {line}"),
            Console::Printed { text, .. } => f.write_str(text),
            Console::Unknown(unknown) => {
                let Unknown { name, known } = &**unknown;
                write!(f, "a node has no command {name}; it has {}", known.join(", "))
            }
            Console::Logged { program, text } => write!(f, "{program}: {text}"),
            Console::Ended { status, .. } => write!(f, "exit status {status}"),
        }
    }
}
