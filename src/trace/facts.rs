//! What can be read off a frame at a glance.

use std::net::Ipv4Addr;

use etherparse::{ArpEthIpv4Packet, ArpPacketSlice, Ipv4HeaderSlice, TcpHeaderSlice};

use super::filter::Segment;
use crate::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, proto};

/// The facts that filters and stories speak of. What is not there, or makes no sense, is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// The operation of an ARP message.
    pub arp: Option<u16>,
    /// The protocol of an IPv4 packet.
    pub protocol: Option<u8>,
    /// Sender and target of an ARP message, or source and destination of a packet.
    pub addresses: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Source and destination of TCP or UDP.
    pub ports: Option<(u16, u16)>,
    /// What kind of TCP segment it is; none for a mere acknowledgement.
    pub segment: Option<Segment>,
    /// An IPv4 packet's hops to go.
    pub ttl: Option<u8>,
    /// An IPv4 packet's identification.
    pub identification: Option<u16>,
}

impl Facts {
    /// Reads a frame.
    pub fn of(frame: &Frame) -> Facts {
        match frame.ethertype() {
            ETHERTYPE_ARP => Facts::of_arp(frame.payload()),
            ETHERTYPE_IPV4 => Facts::of_ip(frame.payload()),
            _ => Facts::default(),
        }
    }

    fn of_arp(bytes: &[u8]) -> Facts {
        let arp =
            ArpPacketSlice::from_slice(bytes).ok().and_then(|arp| ArpEthIpv4Packet::try_from(arp.to_packet()).ok());
        let Some(arp) = arp else { return Facts::default() };
        let addresses = (arp.sender_ipv4.into(), arp.target_ipv4.into());
        Facts { arp: Some(arp.operation.0), addresses: Some(addresses), ..Facts::default() }
    }

    fn of_ip(bytes: &[u8]) -> Facts {
        let Ok(ip) = Ipv4HeaderSlice::from_slice(bytes) else { return Facts::default() };
        let mut facts = Facts {
            protocol: Some(ip.protocol().0),
            addresses: Some((ip.source_addr(), ip.destination_addr())),
            ttl: Some(ip.ttl()),
            identification: Some(ip.identification()),
            ..Facts::default()
        };
        let end = bytes.len().min(ip.total_len().into());
        let payload = bytes.get(ip.slice().len()..end).unwrap_or_default();
        if ip.fragments_offset().value() > 0 || !matches!(ip.protocol().0, proto::TCP | proto::UDP) {
            return facts;
        }
        let &[a, b, c, d, ..] = payload else { return facts };
        facts.ports = Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
        if ip.protocol().0 == proto::TCP
            && let Ok(tcp) = TcpHeaderSlice::from_slice(payload)
        {
            facts.segment = segment(&tcp, payload.len() > tcp.slice().len());
        }
        facts
    }
}

fn segment(tcp: &TcpHeaderSlice<'_>, data: bool) -> Option<Segment> {
    match (tcp.rst(), tcp.syn(), tcp.ack(), tcp.fin()) {
        (true, ..) => Some(Segment::Rst),
        (_, true, false, _) => Some(Segment::Syn),
        (_, true, true, _) => Some(Segment::SynAck),
        (.., true) => Some(Segment::Fin),
        _ => data.then_some(Segment::Data),
    }
}
