//! The ordinary steps of a packet through a machine: what happened, and the facts that it was decided on.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::netfilter::Ruling;
use super::transport::TcpState;
use crate::ids::FrameId;
use crate::wire::MacAddr;

/// The name of an interface, small enough to copy (IFNAMSIZ).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Device([u8; 16]);

impl Device {
    /// The name; what is beyond the kernel's limit of 15 bytes is cut off.
    pub fn new(name: &str) -> Device {
        let mut bytes = [0; 16];
        let mut end = name.len().min(15);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        Device(bytes)
    }

    /// The name.
    pub fn name(&self) -> &str {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that happens to every packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The destination is this machine: an address of it, a broadcast, a group that it has joined.
    ForUs {
        /// The destination.
        destination: Ipv4Addr,
        /// The entry of the local table: its prefix and its length; none without one.
        prefix: Option<(Ipv4Addr, u8)>,
        /// The interface of that entry.
        holder: Option<Device>,
    },
    /// A route has been chosen.
    Routed {
        /// Where the packet is to go.
        destination: Ipv4Addr,
        /// The entry: its prefix and its length; none if it goes straight onto the link, whatever the table says.
        prefix: Option<(Ipv4Addr, u8)>,
        /// The next router; none on the link.
        gateway: Option<Ipv4Addr>,
        /// The interface that it leaves by.
        oif: Device,
        /// The number of the table that had the entry; none for the main one.
        table: Option<u32>,
    },
    /// A rule of iptables, or a chain's policy, lets the packet pass.
    Accepted(Box<Ruling>),
    /// The neighbour table knows the next machine's hardware address.
    Neighbour {
        /// The neighbour.
        ip: Ipv4Addr,
        /// Its hardware address.
        mac: MacAddr,
        /// The entry's state, as `ip neigh` calls it.
        state: &'static str,
    },
    /// The packet waits until the neighbour has answered.
    Waits {
        /// The neighbour.
        neighbour: Ipv4Addr,
    },
    /// The neighbour has answered, and the packet goes on.
    Released {
        /// The neighbour.
        neighbour: Ipv4Addr,
        /// The frame that brought the answer.
        by: Option<FrameId>,
    },
    /// A fragment waits for the others.
    Fragment,
    /// The last missing fragment has come; what becomes of the datagram is told of the frame that brought it.
    Joined {
        /// That frame.
        by: Option<FrameId>,
    },
    /// TCP takes the segment.
    Tcp {
        /// This machine's end.
        local: SocketAddrV4,
        /// The other end.
        remote: SocketAddrV4,
        /// The connection's state before.
        before: TcpState,
        /// And after.
        after: TcpState,
    },
    /// A socket takes the datagram.
    Udp {
        /// Where it is bound.
        local: SocketAddrV4,
    },
    /// Raw sockets take the packet.
    Raw {
        /// Its protocol's number.
        protocol: u8,
    },
    /// ICMP takes the message.
    Icmp {
        /// What it makes of it.
        what: Icmp,
    },
    /// The group's members and routers would take note; this machine does nothing.
    Igmp,
    /// An ARP message that changes nothing has been heard.
    Arp(Heard),
}

/// What an ARP message is about that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody asks for another machine.
    ForOther {
        /// Whom.
        target: Ipv4Addr,
    },
    /// Somebody tells what is known already.
    Known {
        /// Who.
        neighbour: Ipv4Addr,
    },
}

/// What ICMP makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmp {
    /// It is answered.
    Answered,
    /// An answer that programs have been shown.
    Answer,
    /// The sender of the quoted packet is told of an error.
    Error {
        /// Its type.
        icmp_type: u8,
        /// Its code.
        code: u8,
    },
    /// A better router is named.
    Redirect,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::ForUs { destination, prefix: None, .. } => write!(f, "{destination} is for many, this machine too"),
            Step::ForUs { destination, prefix: Some((prefix, len)), holder } => {
                write!(f, "{destination} is this machine: local {prefix}")?;
                if *len < 32 {
                    write!(f, "/{len}")?;
                }
                holder.map_or(Ok(()), |holder| write!(f, " on {holder}"))
            }
            Step::Routed { destination, prefix, gateway, oif, table } => {
                match gateway {
                    Some(gateway) => write!(f, "{destination} goes to the router {gateway} by {oif}")?,
                    None => write!(f, "{destination} is on the link of {oif}")?,
                }
                match prefix {
                    Some((_, 0)) => f.write_str(": default route")?,
                    Some((prefix, len)) => write!(f, ": route {prefix}/{len}")?,
                    None => {}
                }
                table.map_or(Ok(()), |table| write!(f, " of table {table}"))
            }
            Step::Accepted(ruling) => match &**ruling {
                Ruling { tool, table, chain, rule: None } => {
                    write!(f, "no rule of {tool}' {table} {chain} stops it, and the policy is ACCEPT")
                }
                ruling => write!(f, "accepted by {ruling}"),
            },
            Step::Neighbour { ip, mac, state } => write!(f, "{ip} is at {mac} ({state})"),
            Step::Waits { neighbour } => write!(f, "waits: the hardware address of {neighbour} is not known"),
            Step::Released { neighbour, by: Some(by) } => {
                write!(f, "goes on: {neighbour} has answered (frame {})", by.number())
            }
            Step::Released { neighbour, by: None } => write!(f, "goes on: {neighbour} is known now"),
            Step::Fragment => f.write_str("waits for the other fragments"),
            Step::Joined { by: Some(by) } => write!(f, "all fragments are there (the last was frame {})", by.number()),
            Step::Joined { by: None } => f.write_str("all fragments are there"),
            Step::Tcp { local, remote, before, after } if before == after => {
                write!(f, "TCP takes it: {local} with {remote}, still {after}")
            }
            Step::Tcp { local, remote, before, after } => {
                write!(f, "TCP takes it: {local} with {remote}, {before} -> {after}")
            }
            Step::Udp { local } => write!(f, "the socket at {local} takes it"),
            Step::Raw { protocol } => write!(f, "a raw socket for protocol {protocol} takes it"),
            Step::Icmp { what: Icmp::Answered } => f.write_str("ICMP answers"),
            Step::Icmp { what: Icmp::Answer } => f.write_str("an answer, for the program that has asked"),
            Step::Icmp { what: Icmp::Error { icmp_type, code } } => {
                write!(f, "an error, {icmp_type}/{code}, for whoever has sent the packet that it quotes")
            }
            Step::Icmp { what: Icmp::Redirect } => f.write_str("a redirect"),
            Step::Igmp => f.write_str("group membership: nothing to do"),
            Step::Arp(Heard::ForOther { target }) => write!(f, "keeps quiet: {target} is not its address"),
            Step::Arp(Heard::Known { neighbour }) => write!(f, "knew {neighbour} already"),
        }
    }
}
