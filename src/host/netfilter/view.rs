//! What rules see of a packet.

use std::net::Ipv4Addr;

use super::conntrack::{States, has_ports};
use crate::host::interface::IfIndex;
use crate::host::packet::Packet;
use crate::host::route::Routes;
use crate::ipvs::Ipvs;
use crate::random::Stream;
use crate::time::Time;
use crate::wire::{Frame, proto};

/// A packet at a hook, and what rules may change of it.
pub(super) struct View<'a> {
    pub frame: &'a Frame,
    pub came_by_ethernet: bool,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub protocol: u8,
    pub ttl: u8,
    pub is_later_fragment: bool,
    pub len: usize,
    /// What follows the IPv4 header.
    pub payload: &'a [u8],
    pub iif: &'a str,
    pub oif: &'a str,
    pub mark: u32,
    /// The mark of its connection, if it has one.
    pub connmark: Option<u32>,
    pub state: States,
    /// Whether it is a packet of the reply direction, if it belongs to a connection.
    pub is_reply: Option<bool>,
    /// A rule wants it not to be tracked.
    pub is_untracked: bool,
    /// IPVS has dealt with it.
    pub ipvs_property: bool,
    pub now: Time,
    pub random: &'a mut Stream,
    pub routes: Option<&'a Routes>,
    pub ipvs: Option<&'a Ipvs>,
}

impl<'a> View<'a> {
    /// A packet as such; who looks at it fills in what he knows of its way.
    pub fn new(packet: &'a Packet, random: &'a mut Stream) -> View<'a> {
        View {
            frame: &packet.frame,
            came_by_ethernet: packet.iif != IfIndex::LO,
            source: packet.source(),
            destination: packet.destination(),
            protocol: packet.protocol(),
            ttl: packet.ttl(),
            is_later_fragment: packet.is_later_fragment(),
            len: packet.total_len(),
            payload: packet.payload(),
            iif: "",
            oif: "",
            mark: packet.mark,
            connmark: None,
            state: packet.tracked.state(),
            is_reply: packet.tracked.is_reply(),
            is_untracked: false,
            ipvs_property: packet.ipvs_property,
            now: Time::ZERO,
            random,
            routes: None,
            ipvs: None,
        }
    }

    /// Source and destination port, where the packet has them.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.payload {
            &[a, b, c, d, ..] if !self.is_later_fragment && has_ports(self.protocol) => {
                Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
            _ => None,
        }
    }

    pub fn tcp_flags(&self) -> Option<u8> {
        if self.protocol != proto::TCP || self.is_later_fragment {
            return None;
        }
        self.payload.get(13).map(|flags| flags & 0x3f)
    }

    /// Type and code of an ICMP message.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        match self.payload {
            &[icmp_type, code, ..] if self.protocol == proto::ICMP && !self.is_later_fragment => {
                Some((icmp_type, code))
            }
            _ => None,
        }
    }
}
