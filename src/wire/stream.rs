//! TCP segments changed on their way: other numbers, other data.
//!
//! The functions take a frame with a whole TCP segment whose IPv4 header the caller has read; others are left alone.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::{ETHERNET_LEN, Frame, checksum, proto, transport_checksum};

const ACK: u8 = 0x10;
/// Kinds of TCP's options.
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const SACK: u8 = 5;

/// Where the TCP header begins in a frame, and where its data.
fn places(frame: &Frame) -> Option<(usize, usize)> {
    let ip = frame.payload();
    if *ip.get(9)? != proto::TCP || u16::from_be_bytes([ip[6], ip[7]]) & 0x3fff != 0 {
        return None;
    }
    let start = ETHERNET_LEN + usize::from(ip[0] & 0xf) * 4;
    let data = start + usize::from(frame.bytes().get(start + 12)? >> 4) * 4;
    (data >= start + 20 && data <= frame.bytes().len()).then_some((start, data))
}

/// Changes a segment's sequence number, and what it acknowledges: selective acknowledgements, too.
pub fn renumber(frame: &mut Frame, sequence: impl Fn(u32) -> u32, acknowledgement: impl Fn(u32) -> u32) {
    let Some((start, data)) = places(frame) else { return };
    let header = &mut frame.bytes_mut()[start..data];
    change(&mut header[4..8], &sequence);
    if header[13] & ACK != 0 {
        change(&mut header[8..12], &acknowledgement);
        let mut options = &mut header[20..];
        while let [kind, rest @ ..] = options {
            options = match (*kind, rest) {
                (END_OF_OPTIONS, _) => break,
                (NO_OPERATION, rest) => rest,
                (kind, [len, rest @ ..]) => {
                    let Some((body, rest)) = rest.split_at_mut_checked(usize::from(*len).saturating_sub(2)) else {
                        break;
                    };
                    if kind == SACK {
                        body.chunks_exact_mut(4).for_each(|edge| change(edge, &acknowledgement));
                    }
                    rest
                }
                _ => break,
            };
        }
    }
    seal(frame, start);
}

fn change(number: &mut [u8], change: impl Fn(u32) -> u32) {
    if let [a, b, c, d] = *number {
        number.copy_from_slice(&change(u32::from_be_bytes([a, b, c, d])).to_be_bytes());
    }
}

/// Puts a text into the place of another one in a segment's data; places behind its end are none.
pub fn replace(frame: &mut Frame, place: Range<usize>, text: &str) {
    let Some((start, data)) = places(frame) else { return };
    let end = (ETHERNET_LEN + usize::from(u16::from_be_bytes([frame.payload()[2], frame.payload()[3]]))).max(data);
    let Some(segment) = frame.bytes().get(..end) else { return };
    let (Some(before), Some(after)) = (segment.get(..data + place.start), segment.get(data + place.end..)) else {
        return;
    };
    let mut bytes = [before, text.as_bytes(), after].concat();
    let Ok(total_len) = u16::try_from(bytes.len() - ETHERNET_LEN) else { return };
    let ip = &mut bytes[ETHERNET_LEN..start];
    ip[2..4].copy_from_slice(&total_len.to_be_bytes());
    ip[10..12].fill(0);
    let sum = checksum(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    *frame = Frame::new(&bytes);
    seal(frame, start);
}

/// Computes the TCP checksum anew.
fn seal(frame: &mut Frame, start: usize) {
    let ip = frame.payload();
    let end = ETHERNET_LEN + usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let (source, destination) = (address(12), address(16));
    let bytes = frame.bytes_mut();
    let end = end.min(bytes.len());
    let Some(segment) = bytes.get_mut(start..end).filter(|segment| segment.len() >= 20) else { return };
    segment[16..18].fill(0);
    let sum = transport_checksum(source, destination, proto::TCP, segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use etherparse::{TcpHeader, TcpOptionElement};

    use super::*;
    use crate::wire::build::{self, Ipv4Fields};

    fn segment(payload: &[u8], options: &[TcpOptionElement]) -> Frame {
        let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let fields =
            Ipv4Fields { source, destination, protocol: proto::TCP, ttl: 64, tos: 0, id: 7, dont_fragment: true };
        let mut header = TcpHeader { ack: true, acknowledgment_number: 500, ..TcpHeader::new(21, 4000, 1000, 512) };
        header.set_options(options).unwrap();
        build::ipv4(&mut Vec::new(), &fields, |buffer| build::tcp(buffer, source, destination, header, payload))
    }

    /// The header and the data, with all checksums found right.
    fn read(frame: &Frame) -> (TcpHeader, Vec<u8>) {
        let packet = etherparse::PacketHeaders::from_ethernet_slice(frame.bytes()).unwrap();
        let (Some(etherparse::NetHeaders::Ipv4(ip, _)), Some(etherparse::TransportHeader::Tcp(tcp))) =
            (packet.net, packet.transport)
        else {
            panic!("{frame:?}")
        };
        assert_eq!(ip.header_checksum, ip.calc_header_checksum());
        assert_eq!(tcp.checksum, tcp.calc_checksum_ipv4(&ip, packet.payload.slice()).unwrap());
        (tcp, packet.payload.slice().to_vec())
    }

    #[test]
    fn numbers_are_changed() {
        let sack = TcpOptionElement::SelectiveAcknowledgement((600, 700), [Some((800, 900)), None, None]);
        let mut frame = segment(b"abc", &[TcpOptionElement::Noop, TcpOptionElement::Noop, sack.clone()]);
        renumber(&mut frame, |number| number + 1, |number| number - 10);
        let (tcp, data) = read(&frame);
        assert_eq!((tcp.sequence_number, tcp.acknowledgment_number, data.as_slice()), (1001, 490, &b"abc"[..]));
        let moved = TcpOptionElement::SelectiveAcknowledgement((590, 690), [Some((790, 890)), None, None]);
        assert!(tcp.options_iterator().any(|option| option == Ok(moved.clone())));
    }

    #[test]
    fn data_is_replaced() {
        for (text, expected) in [("longer than that", "<longer than that>"), ("", "<>"), ("four", "<four>")] {
            let mut frame = segment(b"<1234>", &[]);
            replace(&mut frame, 1..5, text);
            assert_eq!(read(&frame).1, expected.as_bytes());
        }
        let mut frame = segment(b"<1234>", &[]);
        replace(&mut frame, 3..99, "x");
        assert_eq!(read(&frame).1, b"<1234>");
    }

    #[test]
    fn other_frames_are_left_alone() {
        let mut frame = segment(b"abc", &[]);
        frame.bytes_mut()[ETHERNET_LEN + 9] = proto::UDP;
        let before = frame.clone();
        renumber(&mut frame, |number| number + 1, |number| number + 1);
        replace(&mut frame, 0..1, "z");
        assert_eq!(frame, before);
    }
}
