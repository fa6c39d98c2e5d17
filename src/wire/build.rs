//! Frames made from their fields.

use std::net::Ipv4Addr;

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, IpFragOffset, IpNumber, Ipv4Header, TcpHeader,
    UdpHeader,
};

use super::{ARP_LEN, ETHERNET_LEN, Frame, IPV4_LEN, MacAddr, proto, transport_checksum};

/// What an ARP message says; `sender` and `target` as RFC 826 names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Request or reply.
    pub operation: ArpOperation,
    /// The sender's hardware address.
    pub sender_mac: MacAddr,
    /// The sender's protocol address; 0.0.0.0 in the probes of duplicate address detection.
    pub sender_ip: Ipv4Addr,
    /// The target's hardware address, unset in requests.
    pub target_mac: MacAddr,
    /// The target's protocol address.
    pub target_ip: Ipv4Addr,
}

/// An ARP message in an Ethernet frame from `source` to `destination`.
pub fn arp(source: MacAddr, destination: MacAddr, arp: Arp) -> Frame {
    let mut bytes = [0; ETHERNET_LEN + ARP_LEN];
    let ethernet = Ethernet2Header { source: source.0, destination: destination.0, ether_type: EtherType::ARP };
    bytes[..ETHERNET_LEN].copy_from_slice(&ethernet.to_bytes());
    let packet = ArpEthIpv4Packet {
        operation: arp.operation,
        sender_mac: arp.sender_mac.0,
        sender_ipv4: arp.sender_ip.octets(),
        target_mac: arp.target_mac.0,
        target_ipv4: arp.target_ip.octets(),
    };
    bytes[ETHERNET_LEN..].copy_from_slice(&packet.to_bytes());
    Frame::new(&bytes)
}

/// The fields of an IPv4 header that differ from datagram to datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Fields {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Protocol of the payload, see [`super::proto`].
    pub protocol: u8,
    /// Time to live, in hops.
    pub ttl: u8,
    /// The former type of service: DSCP and ECN.
    pub tos: u8,
    /// Identification, for reassembly.
    pub id: u16,
    /// The DF flag.
    pub dont_fragment: bool,
}

/// An IPv4 datagram with room for an Ethernet header in front (zeroed; see [`super::rewrite::set_ethernet`]).
///
/// `write_payload` appends the payload to the buffer, which `scratch` lends so that nothing but the frame is allocated.
pub fn ipv4(scratch: &mut Vec<u8>, fields: &Ipv4Fields, write_payload: impl FnOnce(&mut Vec<u8>)) -> Frame {
    scratch.clear();
    scratch.resize(ETHERNET_LEN + IPV4_LEN, 0);
    write_payload(scratch);
    let total_len = scratch.len() - ETHERNET_LEN;
    let mut header = Ipv4Header {
        dscp: (fields.tos >> 2).try_into().expect("six bits"),
        ecn: (fields.tos & 3).try_into().expect("two bits"),
        total_len: total_len.try_into().expect("callers keep to 65535 bytes"),
        identification: fields.id,
        dont_fragment: fields.dont_fragment,
        more_fragments: false,
        fragment_offset: IpFragOffset::ZERO,
        time_to_live: fields.ttl,
        protocol: IpNumber(fields.protocol),
        source: fields.source.octets(),
        destination: fields.destination.octets(),
        ..Ipv4Header::default()
    };
    header.header_checksum = header.calc_header_checksum();
    scratch[12..14].copy_from_slice(&EtherType::IPV4.0.to_be_bytes());
    scratch[ETHERNET_LEN..ETHERNET_LEN + IPV4_LEN].copy_from_slice(&header.to_bytes());
    Frame::new(scratch)
}

/// Appends a TCP segment; the checksum is computed here.
pub fn tcp(buffer: &mut Vec<u8>, source: Ipv4Addr, destination: Ipv4Addr, mut header: TcpHeader, payload: &[u8]) {
    let start = buffer.len();
    header.checksum = 0;
    buffer.extend_from_slice(&header.to_bytes());
    buffer.extend_from_slice(payload);
    let sum = transport_checksum(source, destination, proto::TCP, &buffer[start..]);
    buffer[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
}

/// Appends a UDP datagram; the checksum is computed here.
pub fn udp(
    buffer: &mut Vec<u8>,
    (source, source_port): (Ipv4Addr, u16),
    (destination, destination_port): (Ipv4Addr, u16),
    payload: &[u8],
) {
    let start = buffer.len();
    let length = (UdpHeader::LEN + payload.len()).try_into().expect("callers keep to 65535 bytes");
    let header = UdpHeader { source_port, destination_port, length, checksum: 0 };
    buffer.extend_from_slice(&header.to_bytes());
    buffer.extend_from_slice(payload);
    // RFC 768: 0 would mean that there is no checksum.
    let sum = match transport_checksum(source, destination, proto::UDP, &buffer[start..]) {
        0 => 0xffff,
        sum => sum,
    };
    buffer[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
}

/// Appends an ICMP message of this type and code: four bytes of its own (`rest`), then its payload.
pub fn icmp(buffer: &mut Vec<u8>, icmp_type: u8, code: u8, rest: [u8; 4], payload: &[u8]) {
    let start = buffer.len();
    buffer.extend_from_slice(&[icmp_type, code, 0, 0]);
    buffer.extend_from_slice(&rest);
    buffer.extend_from_slice(payload);
    let sum = super::checksum(&buffer[start..]);
    buffer[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use etherparse::{SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Checked by the summing of etherparse, which shares nothing with ours. TCP and UDP: see `rewrite`.
        #[test]
        fn icmp_is_right(rest: [u8; 4], payload in prop::collection::vec(any::<u8>(), 0..100), id: u16, ttl: u8, tos: u8) {
            let fields = Ipv4Fields {
                source: [10, 0, 0, 1].into(),
                destination: [10, 0, 0, 2].into(),
                protocol: proto::ICMP,
                ttl,
                tos,
                id,
                dont_fragment: false,
            };
            let frame = ipv4(&mut Vec::new(), &fields, |buffer| icmp(buffer, 8, 0, rest, &payload));
            let packet = SlicedPacket::from_ethernet(frame.bytes()).unwrap();
            let Some(TransportSlice::Icmpv4(message)) = packet.transport else { panic!("no ICMP: {frame:?}") };
            let header = message.header();
            prop_assert_eq!(message.payload(), &payload);
            prop_assert_eq!(message.checksum(), header.icmp_type.calc_checksum(message.payload()));
            let ip = Ipv4Header::from_slice(frame.payload()).unwrap().0;
            prop_assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            prop_assert_eq!((ip.time_to_live, ip.identification, ip.dscp.value() << 2 | ip.ecn.value()), (ttl, id, tos));
        }
    }

    #[test]
    fn a_udp_checksum_of_zero_is_sent_as_all_ones() {
        let ends = ((Ipv4Addr::new(10, 0, 0, 1), 0), (Ipv4Addr::new(10, 0, 0, 2), 0));
        let sum_of = |payload: [u8; 2]| {
            let mut buffer = Vec::new();
            udp(&mut buffer, ends.0, ends.1, &payload);
            u16::from_be_bytes([buffer[6], buffer[7]])
        };
        // A payload of the checksum itself brings the sum to zero.
        let without = sum_of([0, 0]);
        assert_eq!(sum_of(without.to_be_bytes()), 0xffff);
    }
}
