//! What the VRRP process wants to be done.

use std::net::Ipv4Addr;

use crate::keepalived::conf::Vip;
use crate::reason;
use crate::wire::MacAddr;

/// Whether something comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It comes.
    Add,
    /// It goes.
    Remove,
}

/// A packet to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// By which interface.
    pub interface: String,
    /// From which address.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// The protocol that it says it has: VRRP, or AH.
    pub protocol: u8,
    /// Its TTL.
    pub ttl: u8,
    /// Its identification.
    pub id: u16,
    /// What follows the IPv4 header.
    pub bytes: Vec<u8>,
    /// The instance, and whether it is a farewell: that one may fail in silence.
    pub whose: (String, bool),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something to be written down.
    Log(String),
    /// A decision, for those who want to know why.
    Decided(reason::Vrrp),
    /// An advertisement.
    Send(Message),
    /// An address of an interface.
    Address(Change, String, Vip),
    /// What `ip route` is told.
    Route(Change, Vec<String>),
    /// What `ip rule` is told.
    Rule(Change, Vec<String>),
    /// Nobody may speak with an address (no_accept).
    Firewall(Change, Ipv4Addr),
    /// A gratuitous ARP.
    GratuitousArp {
        /// By which interface.
        interface: String,
        /// For which address.
        address: Ipv4Addr,
    },
    /// A script is to be run.
    Run(String),
    /// A line for everybody who listens at a notify_fifo.
    Tell(String),
    /// The synchronisation daemon of a master, or that of a backup (lvs_sync_daemon).
    Sync {
        /// Whether it is that of a master.
        is_master: bool,
    },
    /// An interface above another one, with a hardware address of its own (use_vmac).
    Vmac {
        /// Whether it comes.
        change: Change,
        /// Its name.
        name: String,
        /// The interface below it.
        below: String,
        /// Its hardware address.
        mac: MacAddr,
    },
    /// Whether an interface keeps secondary addresses when the primary one goes.
    PromoteSecondaries(String, bool),
}
