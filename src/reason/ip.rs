//! Reasons of IP and ICMP.

use std::fmt;
use std::net::Ipv4Addr;

use crate::wire::proto;
use crate::wire::read::BadIpv4;
use crate::wire::tunnel::BadTunnel;

/// A setting that has decided, by its full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, with dots.
    pub name: Box<str>,
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
    /// The header is not what it should be.
    Header(BadIpv4),
    /// The interface is switched off.
    InterfaceDown {
        /// Its name.
        interface: String,
    },
    /// The frame is longer than the interface's MTU allows: the hardware throws it away unseen.
    TooLongForInterface {
        /// The interface's MTU, in bytes.
        mtu: u32,
    },
    /// Nobody is at the other end of the interface's cable.
    NoCarrier {
        /// The interface's name.
        interface: String,
    },
    /// Neither IPv4 nor ARP.
    UnknownEtherType(u16),
    /// Not for us, and nothing is forwarded (the kernel counts it as IpInAddrErrors).
    NotForwarding {
        /// Whom it was for.
        destination: Ipv4Addr,
    },
    /// No route leads to the destination.
    NoRoute {
        /// Whom it was for.
        destination: Ipv4Addr,
    },
    /// It is for this machine, which has no route to answer by.
    NoWayBack {
        /// Who waits for the answer.
        sender: Ipv4Addr,
    },
    /// A route says that the destination must not be reached: unreachable, prohibit, blackhole.
    Refused {
        /// Whom it was for.
        destination: Ipv4Addr,
        /// What the route is called.
        route: RefusingRoute,
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
    /// The way back to the source leads elsewhere.
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
    /// What came in a frame for many is not forwarded.
    NotForOne,
    /// The packet has passed as many routers as it may.
    TtlExceeded,
    /// It does not fit, and must not be fragmented.
    TooBig {
        /// The largest datagram that fits, in bytes.
        mtu: u32,
    },
    /// The neighbour does not answer.
    NeighbourFailed {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// Too much is waiting for the neighbour's answer.
    NeighbourQueueFull {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// The neighbour was removed from the table while the packet waited for its answer.
    NeighbourForgotten {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// The neighbour table is full.
    NeighbourTableFull,
    /// Nobody here speaks the protocol.
    NoProtocol {
        /// Its number.
        protocol: u8,
    },
    /// A packet with another one inside, and no tunnel that is up leads to its sender. The kernel answers as if it were a
    /// port (tunnel4_rcv, gre_rcv).
    NoTunnel {
        /// Who sent it.
        source: Ipv4Addr,
        /// Whom it was for.
        destination: Ipv4Addr,
    },
    /// What follows the outer header is not what it should be.
    TunnelHeader(BadTunnel),
    /// The tunnel wants a checksum and there is none, or the other way round (ip_tunnel_rcv: rx_crc_errors).
    TunnelChecksum {
        /// The tunnel's interface.
        interface: String,
        /// Whether the packet has one.
        has_one: bool,
    },
    /// The outer packet has met congestion, and what is inside knows no ECN (RFC 6040).
    Congested,
    /// A tunnel leads into itself.
    TunnelLoop {
        /// Its interface.
        interface: String,
    },
    /// What is sent to a dummy interface is gone.
    Dummy {
        /// The interface.
        interface: String,
    },
    /// The rest of the datagram did not come.
    ReassemblyTimeout,
    /// Fragments that contradict each other, or too much of them.
    BadFragment,
    /// An echo request that is not to be answered.
    EchoIgnored {
        /// The setting that forbids it.
        setting: Setting,
    },
    /// Its checksum is wrong, or it is cut off.
    IcmpMalformed,
    /// An ICMP message that nobody here answers or heeds.
    IcmpIgnored {
        /// Its type.
        icmp_type: u8,
    },
}

impl fmt::Display for IpDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpDrop::Header(bad) => bad.fmt(f),
            IpDrop::InterfaceDown { interface } => write!(f, "{interface} is switched off"),
            IpDrop::TooLongForInterface { mtu } => {
                write!(f, "longer than the interface takes, whose MTU is {mtu}: nobody sees it")
            }
            IpDrop::NoCarrier { interface } => write!(f, "nobody is at the other end of {interface}'s cable"),
            IpDrop::UnknownEtherType(ethertype) => write!(f, "nobody here speaks protocol {ethertype:#06x}"),
            IpDrop::NotForwarding { destination } => {
                write!(f, "{destination} is no address of this machine, and ip_forward is 0")
            }
            IpDrop::NoRoute { destination } => write!(f, "no route to {destination}"),
            IpDrop::NoWayBack { sender } => write!(f, "no route leads back to {sender}, so there is no answer"),
            IpDrop::Refused { destination, route } => write!(f, "{} route to {destination}", route.name()),
            IpDrop::SourceIsOurs { source } => {
                write!(f, "martian source: {source} is an address of this machine, and accept_local is 0")
            }
            IpDrop::MartianSource { source } => write!(f, "martian source: nobody can be {source}"),
            IpDrop::MartianDestination { destination } => write!(f, "martian destination: {destination}"),
            IpDrop::ReversePath { source, setting } => {
                write!(f, "reverse path filter: the way back to {source} does not lead by here ({setting})")
            }
            IpDrop::NotJoined { group } => write!(f, "nobody here has joined the group {group}"),
            IpDrop::NotForOne => f.write_str("what comes in a frame for many is not forwarded"),
            IpDrop::TtlExceeded => write!(f, "its TTL is used up"),
            IpDrop::TooBig { mtu } => write!(f, "longer than {mtu} bytes, and it must not be fragmented"),
            IpDrop::NeighbourFailed { neighbour } => write!(f, "{neighbour} does not answer ARP"),
            IpDrop::NeighbourQueueFull { neighbour } => {
                write!(f, "too many packets wait for {neighbour} to answer ARP")
            }
            IpDrop::NeighbourForgotten { neighbour } => write!(f, "{neighbour} was removed from the neighbour table"),
            IpDrop::NeighbourTableFull => f.write_str("the neighbour table is full"),
            IpDrop::NoProtocol { protocol } => write!(f, "nobody here speaks IP protocol {protocol}"),
            IpDrop::NoTunnel { source, destination } => {
                write!(f, "no tunnel that is up takes packets of {source} for {destination}")
            }
            IpDrop::TunnelHeader(bad) => bad.fmt(f),
            IpDrop::TunnelChecksum { interface, has_one: true } => {
                write!(f, "{interface} takes no packets with a checksum")
            }
            IpDrop::TunnelChecksum { interface, has_one: false } => {
                write!(f, "{interface} takes packets with a checksum only")
            }
            IpDrop::Congested => f.write_str("there was congestion on the way, and what is inside knows no ECN"),
            IpDrop::TunnelLoop { interface } => write!(f, "the tunnel {interface} leads into itself"),
            IpDrop::Dummy { interface } => write!(f, "nothing is behind {interface}"),
            IpDrop::ReassemblyTimeout => write!(f, "the rest of its fragments did not come"),
            IpDrop::BadFragment => write!(f, "its fragments do not fit together"),
            IpDrop::EchoIgnored { setting } => write!(f, "echo requests like this are not answered ({setting})"),
            IpDrop::IcmpMalformed => f.write_str("the ICMP message is damaged"),
            IpDrop::IcmpIgnored { icmp_type } => write!(f, "ICMP messages of type {icmp_type} like this are ignored"),
        }
    }
}

/// Routes that let nothing pass (RTN_UNREACHABLE, RTN_PROHIBIT, RTN_BLACKHOLE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusingRoute {
    /// The sender is told that the host is unreachable.
    Unreachable,
    /// The sender is told that it is filtered.
    Prohibit,
    /// Nobody is told.
    Blackhole,
}

impl RefusingRoute {
    /// What `ip route` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            RefusingRoute::Unreachable => "unreachable",
            RefusingRoute::Prohibit => "prohibit",
            RefusingRoute::Blackhole => "blackhole",
        }
    }
}

impl IpDrop {
    /// Whether the frame never got past the hardware, so that no capture on the host shows it.
    pub const fn is_unseen(&self) -> bool {
        matches!(self, IpDrop::TooLongForInterface { .. } | IpDrop::InterfaceDown { .. })
    }

    /// Whether log_martians is about it.
    pub const fn is_martian(&self) -> bool {
        matches!(
            self,
            IpDrop::SourceIsOurs { .. }
                | IpDrop::MartianSource { .. }
                | IpDrop::MartianDestination { .. }
                | IpDrop::ReversePath { .. }
        )
    }
}

/// What happens to packets besides that they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ip {
    /// log_martians: a line of the kernel's log.
    MartianLogged {
        /// Who sent it.
        source: Ipv4Addr,
        /// Whom it was for.
        destination: Ipv4Addr,
        /// The interface that it came in by.
        interface: String,
    },
    /// The packet is too long for the link, and goes in pieces.
    Fragmented {
        /// How many.
        pieces: usize,
        /// The largest datagram that fits, in bytes.
        mtu: u32,
    },
    /// The last missing piece has come.
    Reassembled {
        /// How many there were.
        pieces: usize,
    },
    /// The packet goes into a tunnel.
    Wrapped {
        /// The outer header's protocol.
        protocol: u8,
        /// The outer packet's source.
        source: Ipv4Addr,
        /// The outer packet's destination: the tunnel's other end.
        destination: Ipv4Addr,
    },
    /// The packet comes out of a tunnel.
    Unwrapped {
        /// The tunnel's interface, by which it comes in.
        interface: String,
    },
    /// An error is not reported to the packet's sender.
    ErrorWithheld {
        /// The ICMP type that the report would have had.
        icmp_type: u8,
        /// Its code.
        code: u8,
        /// Why not.
        why: ErrorWithheld,
    },
    /// A router has told how long a datagram may be.
    PathMtu {
        /// Where the path leads.
        destination: Ipv4Addr,
        /// The largest datagram that fits, in bytes.
        mtu: u32,
    },
    /// A router has told of a better one.
    Redirected {
        /// For this destination.
        destination: Ipv4Addr,
        /// The better one.
        gateway: Ipv4Addr,
    },
    /// A redirect is not followed.
    RedirectIgnored {
        /// The router that it names.
        gateway: Ipv4Addr,
        /// Why not.
        why: RedirectIgnored,
    },
}

/// Why no error is reported (RFC 1122, 3.2.2, and Linux's limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorWithheld {
    /// The packet was for many.
    ToMany,
    /// The packet is a fragment other than the first.
    LaterFragment,
    /// The packet reports an error itself.
    AboutError,
    /// icmp_ratelimit: the sender was told often enough lately.
    PeerLimit,
    /// icmp_msgs_per_sec: everybody together was told often enough lately.
    GlobalLimit,
    /// The sender does not follow redirects, or was told a moment ago.
    RedirectLimit,
    /// No way leads to the sender.
    NoRoute,
}

/// Why a redirect is not followed: the kernel's __ip_do_redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectIgnored {
    /// accept_redirects is off.
    NotAccepted,
    /// It does not come from the router that is used.
    OtherRouter,
    /// Nobody of that address can be on the link.
    NotOnLink,
    /// The hardware address of that router is not known; it is asked for first.
    Unresolved,
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ip::MartianLogged { source, destination, interface } => {
                write!(f, "logs: martian source {destination} from {source}, on dev {interface}")
            }
            Ip::Fragmented { pieces, mtu } => write!(f, "sends it in {pieces} pieces: the MTU is {mtu}"),
            Ip::Reassembled { pieces } => write!(f, "puts it together from {pieces} pieces"),
            Ip::Wrapped { protocol, source, destination } => {
                let kind = match *protocol {
                    proto::IPIP => "IP in IP",
                    proto::GRE => "GRE",
                    _ => "UDP",
                };
                write!(f, "wraps it in {kind}: {source} > {destination}")
            }
            Ip::Unwrapped { interface } => write!(f, "unwraps it: what is inside comes in by {interface}"),
            Ip::ErrorWithheld { icmp_type, code, why } => {
                write!(f, "does not report ICMP error {icmp_type}/{code}: {why}")
            }
            Ip::PathMtu { destination, mtu } => {
                write!(f, "learns that datagrams to {destination} fit up to {mtu} bytes")
            }
            Ip::Redirected { destination, gateway } => write!(f, "learns to send to {destination} by {gateway}"),
            Ip::RedirectIgnored { gateway, why } => write!(f, "does not follow the redirect to {gateway}: {why}"),
        }
    }
}

impl fmt::Display for ErrorWithheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorWithheld::ToMany => "the packet was for many",
            ErrorWithheld::LaterFragment => "only a first fragment is reported",
            ErrorWithheld::AboutError => "the packet reports an error itself",
            ErrorWithheld::PeerLimit => "its sender was told often enough (icmp_ratelimit)",
            ErrorWithheld::GlobalLimit => "there were too many lately (icmp_msgs_per_sec)",
            ErrorWithheld::RedirectLimit => "its sender was told, and has not followed",
            ErrorWithheld::NoRoute => "no way leads to its sender",
        })
    }
}

impl fmt::Display for RedirectIgnored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RedirectIgnored::NotAccepted => "accept_redirects is off",
            RedirectIgnored::OtherRouter => "it does not come from the router in use",
            RedirectIgnored::NotOnLink => "that address is not on the link",
            RedirectIgnored::Unresolved => "its hardware address is asked for first",
        })
    }
}
