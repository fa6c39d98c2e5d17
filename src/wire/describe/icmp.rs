//! ICMP messages in words.

use std::fmt::{self, Formatter};
use std::net::Ipv4Addr;

use etherparse::Ipv4HeaderSlice;

use super::{DEEPEST, Line, Nesting, Rest};
use crate::wire::checksum::checksum;
use crate::wire::proto;

/// The packet that an ICMP error quotes; none if it is no error.
pub(super) fn quoted(message: &[u8]) -> Option<&[u8]> {
    let is_error = matches!(message.first()?, 3..=5 | 11 | 12);
    message.get(8..).filter(|packet| is_error && !packet.is_empty())
}

impl Line<'_> {
    pub(super) fn icmp(&self, f: &mut Formatter<'_>, rest: &Rest<'_>, nesting: Nesting) -> fmt::Result {
        let bytes = rest.bytes;
        let &[icmp_type, code, _, _, a, b, c, d, ref payload @ ..] = bytes else { return f.write_str(" [|icmp]") };
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let gateway = Ipv4Addr::new(a, b, c, d);
        let about = Quoted::new(payload);
        f.write_str("ICMP ")?;
        match (icmp_type, code) {
            (0, _) => write!(f, "echo reply, id {high}, seq {low}")?,
            (8, _) => write!(f, "echo request, id {high}, seq {low}")?,
            (3, code) => match about {
                Some(about) => unreachable(f, code, low, &about)?,
                None => return f.write_str(" [|icmp]"),
            },
            (5, code) => match about {
                Some(Quoted { destination, .. }) => match code {
                    0 => write!(f, "redirect {destination} to net {gateway}")?,
                    1 => write!(f, "redirect {destination} to host {gateway}")?,
                    2 => write!(f, "redirect-tos {destination} to net {gateway}")?,
                    3 => write!(f, "redirect-tos {destination} to host {gateway}")?,
                    _ => write!(f, "redirect-#{code} {destination} to {gateway}")?,
                },
                None => return f.write_str(" [|icmp]"),
            },
            (11, 0) => f.write_str("time exceeded in-transit")?,
            (11, 1) => f.write_str("ip reassembly time exceeded")?,
            (11, code) => write!(f, "time exceeded-#{code}")?,
            (12, 0) => write!(f, "parameter problem - octet {a}")?,
            (12, code) => write!(f, "parameter problem - code {code}")?,
            (4, _) => f.write_str("source quench")?,
            (10, _) => f.write_str("router solicitation")?,
            (13, _) => write!(f, "time stamp query id {high} seq {low}")?,
            (kind, _) => write!(f, "type-#{kind}")?,
        }
        write!(f, ", length {}", rest.len)?;
        if !self.style.verbose {
            return Ok(());
        }
        if rest.is_whole() && checksum(bytes) != 0 {
            let mut right = bytes.to_vec();
            right[2..4].fill(0);
            let found = u16::from_be_bytes([bytes[2], bytes[3]]);
            write!(f, " (wrong icmp cksum {found:x} (->{:x})!)", checksum(&right))?;
        }
        match quoted(bytes) {
            Some(packet) if nesting.depth < DEEPEST => {
                f.write_str("\n\t")?;
                self.ip(f, packet, Nesting { is_quoted: true, ..nesting })
            }
            _ => Ok(()),
        }
    }
}

/// What the packet that an ICMP error is about was for.
struct Quoted {
    destination: Ipv4Addr,
    protocol: u8,
    destination_port: Option<u16>,
}

impl Quoted {
    fn new(bytes: &[u8]) -> Option<Quoted> {
        let header = Ipv4HeaderSlice::from_slice(bytes).ok()?;
        let ports = bytes.get(header.slice().len()..).unwrap_or_default();
        Some(Quoted {
            destination: header.destination_addr(),
            protocol: header.protocol().0,
            destination_port: ports.get(2..4).map(|port| u16::from_be_bytes([port[0], port[1]])),
        })
    }
}

fn unreachable(f: &mut Formatter<'_>, code: u8, mtu: u16, quoted: &Quoted) -> fmt::Result {
    let Quoted { destination, protocol, destination_port } = quoted;
    let port = destination_port.unwrap_or_default();
    match code {
        0 => write!(f, "net {destination} unreachable"),
        1 => write!(f, "host {destination} unreachable"),
        2 => write!(f, "{destination} protocol {protocol} unreachable"),
        3 => match *protocol {
            proto::TCP => write!(f, "{destination} tcp port {port} unreachable"),
            proto::UDP => write!(f, "{destination} udp port {port} unreachable"),
            _ => write!(f, "{destination} protocol {protocol} port {port} unreachable"),
        },
        4 if mtu == 0 => write!(f, "{destination} unreachable - need to frag"),
        4 => write!(f, "{destination} unreachable - need to frag (mtu {mtu})"),
        5 => write!(f, "{destination} unreachable - source route failed"),
        6 => write!(f, "net {destination} unreachable - unknown"),
        7 => write!(f, "host {destination} unreachable - unknown"),
        8 => write!(f, "{destination} unreachable - source host isolated"),
        9 => write!(f, "net {destination} unreachable - admin prohibited"),
        10 => write!(f, "host {destination} unreachable - admin prohibited"),
        11 => write!(f, "net {destination} unreachable - tos prohibited"),
        12 => write!(f, "host {destination} unreachable - tos prohibited"),
        13 => write!(f, "host {destination} unreachable - admin prohibited filter"),
        14 => write!(f, "host {destination} unreachable - host precedence violation"),
        15 => write!(f, "host {destination} unreachable - precedence cutoff"),
        _ => write!(f, "{destination} unreachable - #{code}"),
    }
}
