//! UDP, IGMP, VRRP and ARP in words.

use std::fmt::{self, Formatter};
use std::net::Ipv4Addr;

use etherparse::{ArpOperation, ArpPacketSlice, UdpHeader, UdpHeaderSlice};

use super::{Rest, Style};
use crate::wire::checksum::{checksum, transport_checksum};
use crate::wire::{MacAddr, proto};

pub(super) fn udp(f: &mut Formatter<'_>, rest: &Rest<'_>) -> fmt::Result {
    /// The ports of DNS and of its multicast kin.
    const DNS: [u16; 2] = [53, 5353];
    const DNS_HEADER_LEN: usize = 12;
    let (source_port, destination_port) = rest.ends(f)?;
    let Ok(header) = UdpHeaderSlice::from_slice(rest.bytes) else {
        return write!(f, "truncated-udp {}", rest.bytes.len());
    };
    let there = rest.len - UdpHeader::LEN;
    let Some(said) = usize::from(header.length()).checked_sub(UdpHeader::LEN) else {
        return write!(f, "truncated-udplength {}", header.length());
    };
    let is_dns = DNS.contains(&source_port) || DNS.contains(&destination_port);
    if is_dns && said.min(there) < DNS_HEADER_LEN {
        write!(f, "domain [length {} < {DNS_HEADER_LEN}] (invalid)", said.min(there))
    } else if said > there && !rest.is_fragment {
        write!(f, "UDP, bad length {said} > {there}")
    } else {
        write!(f, "UDP, length {said}")
    }
}

pub(super) fn igmp(f: &mut Formatter<'_>, bytes: &[u8], style: Style) -> fmt::Result {
    igmp_message(f, bytes, style)?;
    if style.verbose && bytes.len() >= 8 && checksum(bytes) != 0 {
        write!(f, " bad igmp cksum {:x}!", u16::from_be_bytes([bytes[2], bytes[3]]))?;
    }
    Ok(())
}

fn igmp_message(f: &mut Formatter<'_>, bytes: &[u8], style: Style) -> fmt::Result {
    f.write_str("igmp ")?;
    let &[kind, response_time, _, _, a, b, c, d, ..] = bytes else { return f.write_str("[|igmp]") };
    let group = Ipv4Addr::new(a, b, c, d);
    match kind {
        0x11 => {
            f.write_str(match (bytes.len(), response_time) {
                (12.., _) => "query v3",
                (_, 0) => "query v1",
                _ => "query v2",
            })?;
            if group.is_unspecified() { Ok(()) } else { write!(f, " [gaddr {group}]") }
        }
        0x12 => write!(f, "v1 report {group}"),
        0x16 => write!(f, "v2 report {group}"),
        0x17 => write!(f, "leave {group}"),
        0x22 if bytes.len() < 16 => write!(f, "v3 report [invalid len {}]", bytes.len()),
        0x22 => {
            write!(f, "v3 report, {} group record(s)", u16::from_be_bytes([c, d]))?;
            if style.verbose { group_records(f, &bytes[8..]) } else { Ok(()) }
        }
        _ => write!(f, "[type {kind:#x}]"),
    }
}

/// The groups of an IGMP version 3 report (RFC 3376, 4.2).
fn group_records(f: &mut Formatter<'_>, records: &[u8]) -> fmt::Result {
    const KINDS: [&str; 6] = ["is_in", "is_ex", "to_in", "to_ex", "allow", "block"];
    let mut rest = records;
    while let &[kind, auxiliary_words, high, low, a, b, c, d, ..] = rest {
        let sources = u16::from_be_bytes([high, low]);
        let kind = usize::from(kind).checked_sub(1).and_then(|at| KINDS.get(at)).unwrap_or(&"unknown");
        write!(f, " [gaddr {} {kind}, {sources} source(s)]", Ipv4Addr::new(a, b, c, d))?;
        let len = 8 + 4 * (usize::from(sources) + usize::from(auxiliary_words));
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(())
}

/// An authentication header (RFC 4302, 2): which protocol follows, and what is behind it. None if it is cut off.
pub(super) fn authentication<'a>(
    f: &mut Formatter<'_>,
    rest: &Rest<'a>,
    style: Style,
) -> Result<Option<(u8, Rest<'a>)>, fmt::Error> {
    /// Next header, length, two reserved bytes, SPI, sequence number; then comes the integrity check value.
    const FIXED: usize = 12;
    let Some((&[protocol, words, _, _, ..], icv)) = rest.bytes.split_at_checked(FIXED) else {
        f.write_str("[|AH]")?;
        return Ok(None);
    };
    let word = |at: usize| rest.bytes[at..at + 4].iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
    let len = (usize::from(words) + 2) * 4;
    let Some(icv) = len.checked_sub(FIXED).and_then(|len| icv.get(..len)) else {
        f.write_str("[|AH]")?;
        return Ok(None);
    };
    f.write_str("AH(")?;
    if style.verbose {
        write!(f, "length={words}({len}-bytes),")?;
    }
    write!(f, "spi={:#010x},seq={:#x},icv=0x", word(4), word(8))?;
    icv.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
    f.write_str("): ")?;
    let inner = Rest { bytes: &rest.bytes[len..], len: rest.len.saturating_sub(len), ..*rest };
    Ok(Some((protocol, inner)))
}

pub(super) fn vrrp(f: &mut Formatter<'_>, rest: &Rest<'_>, style: Style, ttl: u8) -> fmt::Result {
    let bytes = rest.bytes;
    let &[version_and_type, vrid, priority, count, fifth, sixth, sum_high, sum_low, ..] = bytes else {
        return f.write_str(" [|vrrp]");
    };
    let (version, kind) = (version_and_type >> 4, version_and_type & 0xf);
    write!(f, "VRRPv{version}, ")?;
    if kind == 1 {
        f.write_str("Advertisement")?;
    } else {
        write!(f, "unknown type ({kind})")?;
    }
    if style.verbose && ttl != 255 {
        write!(f, ", (ttl {ttl})")?;
    }
    if kind != 1 || !matches!(version, 2 | 3) {
        return Ok(());
    }
    write!(f, ", vrid {vrid}, prio {priority}")?;
    if version == 2 {
        match fifth {
            0 => f.write_str(", authtype none")?,
            1 => f.write_str(", authtype simple")?,
            2 => f.write_str(", authtype ah")?,
            other => write!(f, ", authtype #{other}")?,
        }
        write!(f, ", intvl {sixth}s")?;
    } else {
        write!(f, ", intvl {}cs", u16::from_be_bytes([fifth & 0xf, sixth]))?;
    }
    write!(f, ", length {}", bytes.len())?;
    if !style.verbose {
        return Ok(());
    }
    let sum = match version {
        2 => checksum(bytes),
        _ => transport_checksum(rest.source, rest.destination, proto::VRRP, bytes),
    };
    if rest.is_whole() && sum != 0 {
        write!(f, ", (bad vrrp cksum {:x})", u16::from_be_bytes([sum_high, sum_low]))?;
    }
    addresses(f, bytes, count, version == 2 && fifth == 1)
}

/// The addresses of an advertisement, and the password behind them.
fn addresses(f: &mut Formatter<'_>, bytes: &[u8], count: u8, has_password: bool) -> fmt::Result {
    let (addresses, rest) = bytes.get(8..).unwrap_or_default().as_chunks::<4>();
    let all = usize::from(count).min(addresses.len());
    if count == 1 {
        f.write_str(", addrs: ")?;
    } else {
        write!(f, ", addrs({count}): ")?;
    }
    for (at, address) in addresses[..all].iter().enumerate() {
        write!(f, "{}{}", if at > 0 { "," } else { "" }, Ipv4Addr::from(*address))?;
    }
    if has_password {
        let password = addresses[all..].as_flattened().iter().chain(rest).take(8).take_while(|byte| **byte != 0);
        let text: Vec<u8> = password.copied().collect();
        write!(f, " auth \"{}\"", text.escape_ascii())?;
    }
    Ok(())
}

pub(super) fn arp(f: &mut Formatter<'_>, bytes: &[u8], style: Style) -> fmt::Result {
    let length = bytes.len();
    let fields = ArpPacketSlice::from_slice(bytes).ok().and_then(|arp| {
        let mac = |bytes: &[u8]| Some(MacAddr(bytes.try_into().ok()?));
        let ip = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?));
        let sender = (mac(arp.sender_hw_addr())?, ip(arp.sender_protocol_addr())?);
        Some((arp.operation(), sender, (mac(arp.target_hw_addr())?, ip(arp.target_protocol_addr())?)))
    });
    let Some((operation, (sender_mac, sender), (target_mac, target))) = fields else { return f.write_str(" [|arp]") };
    f.write_str(if style.link { "" } else { "ARP, " })?;
    f.write_str(if style.verbose { "Ethernet (len 6), IPv4 (len 4), " } else { "" })?;
    match operation {
        ArpOperation::REQUEST if target_mac == MacAddr::ZERO => write!(f, "Request who-has {target} tell {sender}")?,
        ArpOperation::REQUEST => write!(f, "Request who-has {target} ({target_mac}) tell {sender}")?,
        ArpOperation::REPLY => write!(f, "Reply {sender} is-at {sender_mac}")?,
        ArpOperation(other) => return write!(f, "Unknown ({other}) "),
    }
    write!(f, ", length {length}")
}
