//! What LOG writes: net/netfilter/nf_log_syslog.c.

use std::fmt::Write;

use super::rule::LogOptions;
use crate::host::interface::IfIndex;
use crate::host::packet::Packet;
use crate::wire::proto;

const TCP_SEQUENCE: u8 = 1;

/// The line about a packet, without the time.
pub(super) fn line(options: &LogOptions, packet: &Packet, iif: Option<IfIndex>, came: &str, leaves: &str) -> String {
    let mut line = format!("{}IN={came} OUT={leaves} ", options.prefix);
    // dump_ipv4_mac_header: hardware addresses of what has come in by a cable.
    if iif.is_some() {
        let bytes = if packet.iif == IfIndex::LO { &[0; 14] } else { &packet.frame.bytes()[..14] };
        let mac: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = write!(line, "MAC={} ", mac.join(":"));
    }
    datagram(&mut line, packet.ip(), packet.total_len(), options.flags, true);
    if packet.mark != 0 {
        let _ = write!(line, "MARK={:#x} ", packet.mark);
    }
    line
}

/// dump_ipv4_packet
fn datagram(line: &mut String, ip: &[u8], len: usize, flags: u8, is_outer: bool) {
    let Ok(header) = etherparse::Ipv4HeaderSlice::from_slice(ip) else {
        line.push_str("TRUNCATED");
        return;
    };
    let word = |at: usize| u16::from_be_bytes([ip[at], ip[at + 1]]);
    let fragment = word(6);
    let _ = write!(
        line,
        "SRC={} DST={} LEN={len} TOS=0x{:02X} PREC=0x{:02X} TTL={} ID={} ",
        header.source_addr(),
        header.destination_addr(),
        ip[1] & 0x1e,
        ip[1] & 0xe0,
        ip[8],
        word(4)
    );
    for (bit, name) in [(0x8000, "CE "), (0x4000, "DF "), (0x2000, "MF ")] {
        if fragment & bit != 0 {
            line.push_str(name);
        }
    }
    let offset = fragment & 0x1fff;
    if offset != 0 {
        let _ = write!(line, "FRAG:{offset} ");
    }
    let payload = ip.get(header.slice().len()..len.min(ip.len())).unwrap_or_default();
    match ip[9] {
        proto::TCP => tcp(line, payload, offset, flags),
        proto::UDP => udp(line, payload, offset),
        proto::ICMP => icmp(line, payload, offset, flags, is_outer),
        protocol => {
            let _ = write!(line, "PROTO={protocol} ");
        }
    }
}

/// nf_log_dump_tcp_header
fn tcp(line: &mut String, segment: &[u8], offset: u16, flags: u8) {
    line.push_str("PROTO=TCP ");
    if offset != 0 {
        return;
    }
    let word = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    let number = |at: usize| (u32::from(word(at)) << 16) | u32::from(word(at + 2));
    if segment.len() < 20 {
        let _ = write!(line, "INCOMPLETE [{} bytes] ", segment.len());
        return;
    }
    let _ = write!(line, "SPT={} DPT={} ", word(0), word(2));
    if flags & TCP_SEQUENCE != 0 {
        let _ = write!(line, "SEQ={} ACK={} ", number(4), number(8));
    }
    let _ = write!(line, "WINDOW={} RES=0x{:02x} ", word(14), word(12) >> 6 & 0x3c);
    let names = ["CWR ", "ECE ", "URG ", "ACK ", "PSH ", "RST ", "SYN ", "FIN "];
    for (place, name) in names.into_iter().enumerate() {
        if segment[13] & 0x80 >> place != 0 {
            line.push_str(name);
        }
    }
    let _ = write!(line, "URGP={} ", word(18));
}

/// nf_log_dump_udp_header
fn udp(line: &mut String, datagram: &[u8], offset: u16) {
    line.push_str("PROTO=UDP ");
    if offset != 0 {
        return;
    }
    match datagram {
        &[a, b, c, d, e, f, _, _, ..] => {
            let [source, destination, len] = [[a, b], [c, d], [e, f]].map(u16::from_be_bytes);
            let _ = write!(line, "SPT={source} DPT={destination} LEN={len} ");
        }
        short => {
            let _ = write!(line, "INCOMPLETE [{} bytes] ", short.len());
        }
    }
}

/// The part of dump_ipv4_packet about ICMP; of what an error quotes, quoted errors are not opened again.
fn icmp(line: &mut String, message: &[u8], offset: u16, flags: u8, is_outer: bool) {
    line.push_str("PROTO=ICMP ");
    if offset != 0 {
        return;
    }
    let &[icmp_type, code, _, _, a, b, c, d, ..] = message else {
        let _ = write!(line, "INCOMPLETE [{} bytes] ", message.len());
        return;
    };
    let _ = write!(line, "TYPE={icmp_type} CODE={code} ");
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match icmp_type {
        0 | 8 => {
            let _ = write!(line, "ID={first} SEQ={second} ");
        }
        12 => {
            let _ = write!(line, "PARAMETER={a} ");
        }
        5 => {
            let _ = write!(line, "GATEWAY={a}.{b}.{c}.{d} ");
        }
        _ => {}
    }
    if matches!(icmp_type, 3 | 4 | 5 | 11 | 12) && is_outer {
        line.push('[');
        let quoted = &message[8..];
        let len = quoted.get(2..4).map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
        datagram(line, quoted, len, flags, false);
        line.push_str("] ");
    }
    if icmp_type == 3 && code == 4 {
        let _ = write!(line, "MTU={second} ");
    }
}
