//! An IPv4 packet on its way through a host: the kernel's struct sk_buff.

use std::net::Ipv4Addr;

use super::interface::IfIndex;
use super::netfilter::Tracked;
use crate::reason::Origin;
use crate::wire::{ETHERNET_LEN, Frame, IPV4_LEN};

/// A packet with a validated IPv4 header, and what the host knows about it besides its bytes.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The bytes, with an Ethernet header in front that is meaningless on the way out.
    pub frame: Frame,
    /// The interface that it came in by; `lo` for packets made here.
    pub iif: IfIndex,
    /// Netfilter's mark.
    pub mark: u32,
    /// IPVS has dealt with it already (skb->ipvs_property).
    pub ipvs_property: bool,
    /// What connection tracking knows of it.
    pub tracked: Tracked,
    /// The frame that it came in, or who has made it.
    pub origin: Origin,
}

impl Packet {
    /// A packet in this frame. The caller has validated the IPv4 header.
    pub fn new(frame: Frame, iif: IfIndex, origin: Origin) -> Packet {
        debug_assert!(frame.payload().len() >= IPV4_LEN);
        Packet { frame, iif, mark: 0, ipvs_property: false, tracked: Tracked::Nothing, origin }
    }

    /// The IPv4 header and what follows it.
    pub fn ip(&self) -> &[u8] {
        self.frame.payload()
    }

    /// Bytes of the IPv4 header.
    pub fn header_len(&self) -> usize {
        usize::from(self.ip()[0] & 0xf) * 4
    }

    /// Bytes of header and payload, as the header says; padding of short frames is not counted.
    pub fn total_len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.ip()[2], self.ip()[3]]))
    }

    /// Remaining hops.
    pub fn ttl(&self) -> u8 {
        self.ip()[8]
    }

    /// Protocol number of the payload.
    pub fn protocol(&self) -> u8 {
        self.ip()[9]
    }

    /// Who sent it.
    pub fn source(&self) -> Ipv4Addr {
        let ip = self.ip();
        [ip[12], ip[13], ip[14], ip[15]].into()
    }

    /// Whom it is for.
    pub fn destination(&self) -> Ipv4Addr {
        let ip = self.ip();
        [ip[16], ip[17], ip[18], ip[19]].into()
    }

    /// Whether it came in a frame for many (PACKET_BROADCAST, PACKET_MULTICAST), whoever its IPv4 header names.
    pub fn came_to_many(&self) -> bool {
        self.iif != IfIndex::LO && self.frame.destination().is_group()
    }

    /// What follows the IPv4 header. Of a packet that an ICMP error has quoted, the end may be missing.
    pub fn payload(&self) -> &[u8] {
        let end = (ETHERNET_LEN + self.total_len()).min(self.frame.bytes().len());
        &self.frame.bytes()[ETHERNET_LEN + self.header_len()..end]
    }
}
