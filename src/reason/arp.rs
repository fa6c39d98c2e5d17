//! Reasons of ARP.

use std::fmt;
use std::net::Ipv4Addr;

use super::ip::{IpDrop, Setting};
use crate::wire::MacAddr;

/// What became of an ARP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arp {
    /// A request was answered.
    Answered {
        /// The address that was asked for.
        target: Ipv4Addr,
        /// The hardware address given for it.
        mac: MacAddr,
        /// The interface that really has the address, if it is not the one that answers.
        holder: Option<Box<str>>,
    },
    /// A request for one of our addresses was not answered.
    Withheld {
        /// The address that was asked for.
        target: Ipv4Addr,
        /// Why.
        why: Box<Withheld>,
    },
    /// A request is sent.
    Asks {
        /// The address that is asked for.
        target: Ipv4Addr,
        /// The sender address that it carries.
        sender: Ipv4Addr,
        /// Whether that address is not one of the interface that it leaves by.
        foreign: bool,
        /// The setting that chose it.
        setting: Box<Setting>,
    },
    /// The message has brought a new entry, or confirmed one.
    Learned {
        /// The neighbour.
        neighbour: Ipv4Addr,
        /// Its hardware address.
        mac: MacAddr,
    },
    /// The message has changed an entry.
    Replaced {
        /// The neighbour.
        neighbour: Ipv4Addr,
        /// Its new hardware address.
        mac: MacAddr,
        /// The former one.
        old: MacAddr,
    },
    /// The message contradicts another that came a moment ago, and the first one counts (locktime).
    TooSoon {
        /// The neighbour.
        neighbour: Ipv4Addr,
        /// The hardware address that the message gives.
        mac: MacAddr,
        /// The one that stays.
        kept: MacAddr,
    },
    /// A request for another host was answered in its place (proxy_arp).
    Proxied {
        /// The address that was asked for.
        target: Ipv4Addr,
        /// The interface that it is behind.
        behind: String,
    },
    /// Somebody has announced himself, and nothing was known of him before: no entry is made.
    Unsolicited {
        /// Who.
        neighbour: Ipv4Addr,
        /// The setting that could have made one.
        setting: Box<Setting>,
    },
    /// An address is announced as its interface is switched on, when the link is not ready: nobody hears it (arp_notify).
    AnnouncedTooEarly {
        /// The address.
        address: Ipv4Addr,
        /// The interface.
        interface: String,
    },
    /// Nothing that ARP understands.
    Malformed,
}

/// Why a request for a local address was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// arp_ignore.
    Ignore {
        /// The setting that decided.
        setting: Setting,
        /// The interface that has the address.
        holder: Option<String>,
    },
    /// arp_filter.
    Filter {
        /// The setting that decided.
        setting: Setting,
        /// The interface that the way to the asker leads by.
        way: Option<String>,
    },
    /// The asker's address would not be accepted from here as a packet's source, either.
    Source(IpDrop),
}

impl fmt::Display for Arp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arp::Answered { target, mac, holder: None } => write!(f, "answers: {target} is at {mac}"),
            Arp::Answered { target, mac, holder: Some(holder) } => {
                write!(f, "answers for {target}, which is on {holder}: it is at {mac}")
            }
            Arp::Withheld { target, why } => write!(f, "does not answer for {target}: {why}"),
            Arp::Asks { target, sender, foreign: false, .. } => write!(f, "asks for {target} as {sender}"),
            Arp::Asks { target, sender, foreign: true, setting } => {
                write!(f, "asks for {target} as {sender}, which is not on this interface ({setting})")
            }
            Arp::Learned { neighbour, mac } => write!(f, "learns that {neighbour} is at {mac}"),
            Arp::Replaced { neighbour, mac, old } => {
                write!(f, "learns that {neighbour} is at {mac}, no longer at {old}")
            }
            Arp::TooSoon { neighbour, mac, kept } => {
                write!(f, "keeps {neighbour} at {kept}: another answer, {mac}, came too soon after the first")
            }
            Arp::Proxied { target, behind } => write!(f, "answers in place of {target}, which is behind {behind}"),
            Arp::Unsolicited { neighbour, setting } => {
                write!(f, "makes no entry for {neighbour}, whom nobody has asked for ({setting})")
            }
            Arp::AnnouncedTooEarly { address, interface } => {
                write!(f, "announces {address}, but nobody hears it: the link of {interface} is not ready yet")
            }
            Arp::Malformed => write!(f, "not a message that ARP understands"),
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Withheld::Ignore { setting, holder: Some(holder) } => {
                write!(f, "the address is on {holder}, and {setting}")
            }
            Withheld::Ignore { setting, holder: None } => write!(f, "{setting}"),
            Withheld::Filter { setting, way: Some(way) } => {
                write!(f, "the way to the asker leads by {way}, and {setting}")
            }
            Withheld::Filter { setting, way: None } => write!(f, "no way leads to the asker, and {setting}"),
            Withheld::Source(why) => why.fmt(f),
        }
    }
}
