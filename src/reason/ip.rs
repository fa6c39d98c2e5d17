//! Reasons of IP and of ARP.

use std::fmt;
use std::net::Ipv4Addr;

use crate::wire::MacAddr;
use crate::wire::read::BadIpv4;

/// A setting that has decided, by its full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, with dots.
    pub name: String,
    /// Its value.
    pub value: i64,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// Why IP sends a packet no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpDrop {
    /// The header is not what it should be (SKB_DROP_REASON_IP_INHDR, _IP_CSUM, _PKT_TOO_SMALL).
    Header(BadIpv4),
    /// The interface is switched off (SKB_DROP_REASON_DEV_READY).
    InterfaceDown {
        /// Its name.
        interface: String,
    },
    /// Not for us, and nothing is forwarded (the kernel counts it as IpInAddrErrors).
    NotForwarding {
        /// Whom it was for.
        destination: Ipv4Addr,
    },
    /// No route leads to the destination (SKB_DROP_REASON_IP_OUTNOROUTES).
    NoRoute {
        /// Whom it was for.
        destination: Ipv4Addr,
    },
    /// A route says that the destination must not be reached: unreachable, prohibit, blackhole.
    Refused {
        /// Whom it was for.
        destination: Ipv4Addr,
    },
    /// The source address is one of our own, and accept_local is 0 (a martian source).
    SourceIsOurs {
        /// The source.
        source: Ipv4Addr,
    },
    /// The source address makes no sense (a martian source).
    MartianSource {
        /// The source.
        source: Ipv4Addr,
    },
    /// The destination address makes no sense here (a martian destination).
    MartianDestination {
        /// The destination.
        destination: Ipv4Addr,
    },
    /// SKB_DROP_REASON_IP_RPFILTER: the way back to the source leads elsewhere.
    ReversePath {
        /// The source.
        source: Ipv4Addr,
        /// The setting that forbids it.
        setting: Setting,
    },
    /// A group that nobody here has joined.
    NotJoined {
        /// The group.
        group: Ipv4Addr,
    },
    /// The packet has passed as many routers as it may.
    TtlExceeded,
    /// SKB_DROP_REASON_PKT_TOO_BIG: it does not fit, and must not be fragmented.
    TooBig {
        /// The largest datagram that fits, in bytes.
        mtu: u32,
    },
    /// SKB_DROP_REASON_NEIGH_FAILED: the neighbour does not answer.
    NeighbourFailed {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// SKB_DROP_REASON_NEIGH_QUEUEFULL: too much is waiting for the neighbour's answer.
    NeighbourQueueFull {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// SKB_DROP_REASON_NEIGH_DEAD: the neighbour was removed from the table while the packet waited for its answer.
    NeighbourForgotten {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// SKB_DROP_REASON_NEIGH_CREATEFAIL: the neighbour table is full.
    NeighbourTableFull,
    /// SKB_DROP_REASON_IP_NOPROTO: nobody here speaks the protocol.
    NoProtocol {
        /// Its number.
        protocol: u8,
    },
    /// SKB_DROP_REASON_FRAG_REASM_TIMEOUT: the rest of the datagram did not come.
    ReassemblyTimeout,
    /// Fragments that contradict each other, or too much of them.
    BadFragment,
    /// An echo request that is not to be answered.
    EchoIgnored {
        /// The setting that forbids it.
        setting: Setting,
    },
    /// An ICMP message that means nothing to us.
    Icmp,
}

impl fmt::Display for IpDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpDrop::Header(bad) => bad.fmt(f),
            IpDrop::InterfaceDown { interface } => write!(f, "{interface} is switched off"),
            IpDrop::NotForwarding { destination } => {
                write!(f, "{destination} is no address of this machine, and ip_forward is 0")
            }
            IpDrop::NoRoute { destination } => write!(f, "no route to {destination}"),
            IpDrop::Refused { destination } => write!(f, "a route refuses {destination}"),
            IpDrop::SourceIsOurs { source } => {
                write!(f, "martian source: {source} is an address of this machine, and accept_local is 0")
            }
            IpDrop::MartianSource { source } => write!(f, "martian source: nobody can be {source}"),
            IpDrop::MartianDestination { destination } => write!(f, "martian destination: {destination}"),
            IpDrop::ReversePath { source, setting } => {
                write!(f, "reverse path filter: the way back to {source} does not lead by here ({setting})")
            }
            IpDrop::NotJoined { group } => write!(f, "nobody here has joined the group {group}"),
            IpDrop::TtlExceeded => write!(f, "its TTL is used up"),
            IpDrop::TooBig { mtu } => write!(f, "longer than {mtu} bytes, and it must not be fragmented"),
            IpDrop::NeighbourFailed { neighbour } => write!(f, "{neighbour} does not answer ARP"),
            IpDrop::NeighbourQueueFull { neighbour } => {
                write!(f, "too many packets wait for {neighbour} to answer ARP")
            }
            IpDrop::NeighbourForgotten { neighbour } => write!(f, "{neighbour} was removed from the neighbour table"),
            IpDrop::NeighbourTableFull => f.write_str("the neighbour table is full"),
            IpDrop::NoProtocol { protocol } => write!(f, "nobody here speaks IP protocol {protocol}"),
            IpDrop::ReassemblyTimeout => write!(f, "the rest of its fragments did not come"),
            IpDrop::BadFragment => write!(f, "its fragments do not fit together"),
            IpDrop::EchoIgnored { setting } => write!(f, "echo requests like this are not answered ({setting})"),
            IpDrop::Icmp => write!(f, "an ICMP message that means nothing here"),
        }
    }
}

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
        holder: Option<String>,
    },
    /// A request for one of our addresses was not answered.
    Withheld {
        /// The address that was asked for.
        target: Ipv4Addr,
        /// Why.
        why: Withheld,
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
        setting: Setting,
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
