//! Frames changed where they are, their checksums brought up to date incrementally.
//!
//! Except for [`set_ethernet`], the functions take a frame whose IPv4 header the caller has read: see [`super::read::ipv4`].

use std::net::Ipv4Addr;

use super::{ETHERNET_LEN, ETHERTYPE_IPV4, Frame, MacAddr, checksum_after, checksum_after_address, proto};

/// Writes the Ethernet header of an IPv4 frame.
pub fn set_ethernet(frame: &mut Frame, source: MacAddr, destination: MacAddr) {
    let bytes = frame.bytes_mut();
    bytes[0..6].copy_from_slice(&destination.0);
    bytes[6..12].copy_from_slice(&source.0);
    bytes[12..14].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
}

/// Takes one off the TTL of an IPv4 frame, as the kernel's ip_decrease_ttl. A TTL of 0 stays.
pub fn decrement_ttl(frame: &mut Frame) {
    let ip = &mut frame.bytes_mut()[ETHERNET_LEN..];
    let old = word(ip, 8);
    let new = old.saturating_sub(0x0100);
    if ip[8] > 0 {
        set_word(ip, 8, new);
        set_word(ip, 10, checksum_after(word(ip, 10), old, new));
    }
}

/// Changes the type of service of an IPv4 frame.
pub fn set_tos(frame: &mut Frame, tos: u8) {
    let ip = &mut frame.bytes_mut()[ETHERNET_LEN..];
    let old = word(ip, 0);
    let new = old & 0xff00 | u16::from(tos);
    set_word(ip, 0, new);
    set_word(ip, 10, checksum_after(word(ip, 10), old, new));
}

/// Which of the two addresses of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who sent it.
    Source,
    /// Whom it is for.
    Destination,
}

/// Gives an IPv4 frame another address and, if it carries TCP or UDP, another port. A UDP datagram without a checksum
/// stays without; of a fragment that is not the first, only the address changes, since it has no ports.
pub fn set_endpoint(frame: &mut Frame, side: Side, address: Ipv4Addr, port: Option<u16>) {
    translate(&mut frame.bytes_mut()[ETHERNET_LEN..], side, address, port);
}

/// As [`set_endpoint`], for a datagram without an Ethernet header: one that an ICMP error quotes, whose end may be
/// missing. Less than an IPv4 header is left alone.
pub fn translate(ip: &mut [u8], side: Side, address: Ipv4Addr, port: Option<u16>) {
    let Some(header_len) = ip.first().map(|first| usize::from(first & 0xf) * 4) else { return };
    let Some((header, segment)) = ip.split_at_mut_checked(header_len) else { return };
    if header.len() < super::IPV4_LEN {
        return;
    }
    let at = match side {
        Side::Source => 12,
        Side::Destination => 16,
    };
    let old = Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    header[at..at + 4].copy_from_slice(&address.octets());
    set_word(header, 10, checksum_after_address(word(header, 10), old, address));

    let is_first_fragment = word(header, 6) & 0x1fff == 0;
    let sum_at = match header[9] {
        proto::TCP => 16,
        proto::UDP => 6,
        _ => return,
    };
    if !is_first_fragment || segment.len() < 4 {
        return;
    }
    let port_at = if side == Side::Source { 0 } else { 2 };
    let old_port = word(segment, port_at);
    let port = port.unwrap_or(old_port);
    set_word(segment, port_at, port);
    let has_sum = segment.len() >= sum_at + 2 && !(header[9] == proto::UDP && word(segment, sum_at) == 0);
    if has_sum {
        let sum = checksum_after_address(word(segment, sum_at), old, address);
        let sum = checksum_after(sum, old_port, port);
        // RFC 768: 0 would mean that there is none.
        set_word(segment, sum_at, if header[9] == proto::UDP && sum == 0 { 0xffff } else { sum });
    }
}

/// Lowers the maximum segment size that a TCP segment announces to `most` bytes. One that announces none, or less, stays as
/// it is.
pub fn limit_mss(frame: &mut Frame, most: u16) {
    const END: u8 = 0;
    const NOTHING: u8 = 1;
    const MSS: u8 = 2;
    let ip = &mut frame.bytes_mut()[ETHERNET_LEN..];
    let header_len = usize::from(ip[0] & 0xf) * 4;
    let is_segment = ip[9] == proto::TCP && word(ip, 6) & 0x1fff == 0;
    let Some(segment) = ip.get_mut(header_len..).filter(|segment| is_segment && segment.len() >= 20) else { return };
    let end = (usize::from(segment[12] >> 4) * 4).min(segment.len());
    let mut at = 20;
    while at + 4 <= end {
        match segment[at] {
            END => return,
            NOTHING => at += 1,
            MSS if segment[at + 1] == 4 => {
                let old = word(segment, at + 2);
                if old > most {
                    set_word(segment, at + 2, most);
                    // The option may begin at an odd place: its bytes then belong to two words of the sum.
                    let swap = |word: u16| if at % 2 == 0 { word } else { word.swap_bytes() };
                    let sum = checksum_after(word(segment, 16), swap(old), swap(most));
                    set_word(segment, 16, sum);
                }
                return;
            }
            _ => at += usize::from(segment[at + 1].max(2)),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn set_word(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use etherparse::TcpHeader;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::build::{self, Ipv4Fields};
    use crate::wire::checksum;

    fn fields(protocol: u8, ttl: u8) -> Ipv4Fields {
        let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        Ipv4Fields { source, destination, protocol, ttl, tos: 0, id: 7, dont_fragment: true }
    }

    fn segment(protocol: u8, payload: &[u8]) -> Frame {
        let Ipv4Fields { source, destination, .. } = fields(protocol, 64);
        build::ipv4(&mut Vec::new(), &fields(protocol, 64), |buffer| match protocol {
            proto::TCP => {
                build::tcp(buffer, source, destination, TcpHeader::new(1025, 80, 1, 512), payload);
            }
            proto::UDP => build::udp(buffer, (source, 1025), (destination, 80), payload),
            _ => buffer.extend_from_slice(payload),
        })
    }

    /// Reads a frame with etherparse and has it compute all checksums anew.
    fn assert_right(frame: &Frame) {
        let packet = etherparse::PacketHeaders::from_ethernet_slice(frame.bytes()).unwrap();
        let Some(etherparse::NetHeaders::Ipv4(ip, _)) = packet.net else { panic!("no IPv4: {frame:?}") };
        assert_eq!(ip.header_checksum, ip.calc_header_checksum());
        match packet.transport {
            Some(etherparse::TransportHeader::Tcp(tcp)) => {
                assert_eq!(tcp.checksum, tcp.calc_checksum_ipv4(&ip, packet.payload.slice()).unwrap());
            }
            Some(etherparse::TransportHeader::Udp(udp)) => {
                assert_eq!(udp.checksum, udp.calc_checksum_ipv4(&ip, packet.payload.slice()).unwrap());
            }
            _ => {}
        }
    }

    #[test]
    fn ttl_and_checksum_agree() {
        let mut frame = segment(253, b"abc");
        for ttl in (1..64).rev() {
            decrement_ttl(&mut frame);
            let ip = &frame.payload()[..20];
            assert_eq!(ip[8], ttl);
            assert_eq!(checksum(ip), 0);
        }
    }

    #[test]
    fn a_frame_that_others_hold_is_copied_first() {
        let mut frame = segment(253, b"abc");
        let held = frame.clone();
        decrement_ttl(&mut frame);
        assert_eq!((held.payload()[8], frame.payload()[8]), (64, 63));
    }

    #[test]
    fn no_udp_checksum_stays_none() {
        let mut frame = segment(proto::UDP, b"abc");
        frame.bytes_mut()[40..42].fill(0);
        set_endpoint(&mut frame, Side::Source, [10, 9, 9, 9].into(), Some(53));
        assert_eq!(frame.bytes()[34..36], [0, 53]);
        assert_eq!(frame.bytes()[40..42], [0, 0]);
    }

    #[test]
    fn later_fragments_have_no_ports() {
        let mut frame = segment(proto::UDP, b"abc");
        frame.bytes_mut()[ETHERNET_LEN + 7] = 1;
        let before = frame.payload()[20..].to_vec();
        set_endpoint(&mut frame, Side::Destination, [10, 9, 9, 9].into(), Some(53));
        assert_eq!(frame.payload()[20..], before);
    }

    fn syn(options: &[etherparse::TcpOptionElement]) -> Frame {
        let mut header = TcpHeader::new(1025, 80, 1, 512);
        header.syn = true;
        header.set_options(options).unwrap();
        let Ipv4Fields { source, destination, .. } = fields(proto::TCP, 64);
        build::ipv4(&mut Vec::new(), &fields(proto::TCP, 64), |buffer| {
            build::tcp(buffer, source, destination, header, &[]);
        })
    }

    #[test]
    fn segments_become_smaller_but_never_larger() {
        use etherparse::TcpOptionElement::{MaximumSegmentSize, Noop, SelectiveAcknowledgementPermitted};
        // Behind a lone no-operation the value stands across two words of the checksum.
        for before in [&[][..], &[SelectiveAcknowledgementPermitted], &[Noop]] {
            for (most, announced) in [(1440, 1440), (1460, 1460), (9000, 1460), (0, 0)] {
                let mut frame = syn(&[before, &[MaximumSegmentSize(1460)]].concat());
                limit_mss(&mut frame, most);
                assert_right(&frame);
                assert_eq!(frame, syn(&[before, &[MaximumSegmentSize(announced)]].concat()));
            }
        }
        let mut frame = syn(&[Noop]);
        limit_mss(&mut frame, 100);
        assert_eq!(frame, syn(&[Noop]));
    }

    proptest! {
        #[test]
        fn rewritten_frames_are_right(
            protocol in prop::sample::select(vec![proto::TCP, proto::UDP, 253]),
            payload in prop::collection::vec(any::<u8>(), 0..200),
            changes in prop::collection::vec((any::<bool>(), any::<[u8; 4]>(), any::<Option<u16>>()), 1..5),
        ) {
            let mut frame = segment(protocol, &payload);
            assert_right(&frame);
            for (source, address, port) in changes {
                let side = if source { Side::Source } else { Side::Destination };
                set_endpoint(&mut frame, side, address.into(), port);
                assert_right(&frame);
            }
        }

        #[test]
        fn any_quoted_bytes_can_be_translated(mut bytes in prop::collection::vec(any::<u8>(), 0..64), source: bool) {
            let side = if source { Side::Source } else { Side::Destination };
            translate(&mut bytes, side, [1, 2, 3, 4].into(), Some(80));
        }
    }
}
