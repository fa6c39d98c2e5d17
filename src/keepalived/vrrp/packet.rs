//! VRRP messages: RFC 3768 section 5 (version 2, with RFC 2338's authentication), RFC 5798 section 5 (version 3).

use std::net::Ipv4Addr;

use super::ah;
use super::router::Router;
use crate::keepalived::conf::{Authentication, Instance};
use crate::time::Span;
use crate::wire::{checksum, proto, transport_checksum};

/// What everybody's message begins with, in bytes.
const HEADER: usize = 8;
/// The password of version 2, which is there even if nobody uses it.
const PASSWORD: usize = 8;
/// The IPv4 header in front of it all, which keepalived's lengths count.
const IPV4_HEADER: usize = 20;
/// The only type of message.
const ADVERTISEMENT: u8 = 1;
/// RFC 2338's simple text password, and its authentication header.
const BY_PASSWORD: u8 = 1;
const BY_HEADER: u8 = 2;

/// Appends an instance's advertisement of this priority.
pub fn write(buffer: &mut Vec<u8>, it: &Instance, priority: u8, source: Ipv4Addr, destination: Ipv4Addr) {
    let start = buffer.len();
    buffer.extend([it.version << 4 | ADVERTISEMENT, it.vrid, priority, it.vips.len() as u8]);
    if it.version == 3 {
        let centiseconds = (it.advert_interval.as_millis() / 10) as u16 & 0xfff;
        buffer.extend(centiseconds.to_be_bytes());
    } else {
        buffer.extend([authentication(it), it.advert_interval.as_secs() as u8]);
    }
    buffer.extend([0, 0]);
    for vip in &it.vips {
        buffer.extend(vip.net.addr().octets());
    }
    if it.version == 2 {
        match it.authentication {
            Some(Authentication::Password(password)) => buffer.extend(password),
            _ => buffer.extend([0; PASSWORD]),
        }
    }
    let message = &buffer[start..];
    let sum =
        if it.version == 3 { transport_checksum(source, destination, proto::VRRP, message) } else { checksum(message) };
    buffer[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
}

fn authentication(it: &Instance) -> u8 {
    match it.authentication {
        Some(Authentication::Password(_)) => BY_PASSWORD,
        Some(Authentication::Header(_)) => BY_HEADER,
        None => 0,
    }
}

/// A packet as it came in: VRRP, or an AH header with VRRP behind it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// Its TTL.
    pub ttl: u8,
    /// Its identification.
    pub id: u16,
    /// Whether it has an AH header.
    pub is_sealed: bool,
    /// What follows the IPv4 header.
    pub payload: &'a [u8],
}

impl<'a> Arrival<'a> {
    /// The VRRP message; none if it is too short to be one.
    pub(super) fn message(&self) -> Option<&'a [u8]> {
        let from = if self.is_sealed { ah::LENGTH } else { 0 };
        self.payload.get(from..).filter(|message| message.len() >= HEADER)
    }

    /// The virtual router that it is about.
    pub(super) fn vrid(&self) -> Option<u8> {
        self.message().map(|message| message[1])
    }

    /// Its length as keepalived counts it.
    pub(super) fn length(&self) -> usize {
        IPV4_HEADER + self.payload.len()
    }
}

/// What a sound advertisement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert {
    /// The sender's priority.
    pub priority: u8,
    /// How often it advertises itself.
    pub interval: Span,
    /// Its number, if it has an AH header.
    pub sequence: Option<u32>,
}

/// Looks whether an advertisement is meant for a router and sound (vrrp_check_packet); what is wrong with it otherwise.
///
/// `is_known_sender`: the list of addresses need not be looked at again.
pub fn read(router: &mut Router, arrival: &Arrival<'_>, is_known_sender: bool) -> Result<Advert, String> {
    let name = router.config.name.clone();
    let Some(message) = arrival.message() else {
        return Err(format!("IPv4 VRRP packet too short - {} bytes", arrival.length()));
    };
    let it = &router.config;
    let (version, kind, count) = (message[0] >> 4, message[0] & 0xf, usize::from(message[3]));
    let expected = arrival.length() - message.len() + HEADER + 4 * count + if version == 2 { PASSWORD } else { 0 };
    if arrival.length() != expected {
        let how = if arrival.length() < expected { "short" } else { "long" };
        return Err(format!("({name}) vrrp packet too {how}, length {} and expect {expected}", arrival.length()));
    }
    if !it.is_unicast() && arrival.ttl != 255 {
        return Err(format!("({name}) invalid TTL/HL. Received {} and expect 255", arrival.ttl));
    }
    if version != it.version {
        return Err(format!("({name}) wrong version. Received {version} and expect {}", it.version));
    }
    let mut sequence = None;
    let interval = if version == 2 {
        check_authentication(it, message)?;
        sequence = ah::check(router, arrival)?;
        let it = &router.config;
        let (own, theirs) = (it.advert_interval.as_secs(), u64::from(message[5]));
        if own != theirs {
            return Err(format!("({name}) advertisement interval mismatch mine={own} sec rcv'd={theirs} sec"));
        }
        it.advert_interval
    } else {
        Span::from_millis(10 * u64::from(u16::from_be_bytes([message[4], message[5]]) & 0xfff))
    };
    let it = &router.config;
    if kind != ADVERTISEMENT {
        return Err(format!("({name}) Invalid packet type. {kind} and expect {ADVERTISEMENT}"));
    }
    let checks_addresses = !(it.skip_check_addresses && is_known_sender);
    if checks_addresses && count != it.vips.len() {
        let expected = it.vips.len();
        return Err(format!("({name}) received an unexpected ip number count {count}, expected {expected}!"));
    }
    let sum = if version == 3 {
        transport_checksum(arrival.source, arrival.destination, proto::VRRP, message)
    } else {
        checksum(message)
    };
    if sum != 0 {
        return Err(format!("({name}) Invalid VRRPv{version} checksum"));
    }
    if arrival.destination.is_multicast() == it.is_unicast() {
        let (expected, received) = if it.is_unicast() { ("un", "mult") } else { ("mult", "un") };
        return Err(format!("({name}) Expected {expected}icast packet but received {received}icast packet"));
    }
    if checks_addresses {
        check_addresses(it, &message[HEADER..HEADER + 4 * count])?;
        check_peer(it, arrival)?;
    }
    Ok(Advert { priority: message[2], interval, sequence })
}

fn check_authentication(it: &Instance, message: &[u8]) -> Result<(), String> {
    let (name, kind, own) = (&it.name, message[4], authentication(it));
    if kind > BY_HEADER {
        return Err(format!("({name}) Invalid auth type: {kind}"));
    }
    if kind != own {
        return Err(format!("({name}) received a {kind} auth, expecting {own}!"));
    }
    match it.authentication {
        Some(Authentication::Password(password)) if message[message.len() - PASSWORD..] != password => {
            Err(format!("({name}) received an invalid passwd!"))
        }
        _ => Ok(()),
    }
}

fn check_addresses(it: &Instance, addresses: &[u8]) -> Result<(), String> {
    for vip in it.vips.iter().map(|vip| vip.net.addr()) {
        if !addresses.chunks_exact(4).any(|address| address == vip.octets()) {
            let (name, vrid) = (&it.name, it.vrid);
            return Err(format!("({name}) ip address associated with VRID {vrid} not present in MASTER advert: {vip}"));
        }
    }
    Ok(())
}

/// check_unicast_src, min_ttl, max_ttl
fn check_peer(it: &Instance, arrival: &Arrival<'_>) -> Result<(), String> {
    if !it.is_unicast() || !it.check_unicast_source {
        return Ok(());
    }
    let (name, source, ttl) = (&it.name, arrival.source, arrival.ttl);
    let Some(peer) = it.peers.iter().find(|peer| peer.address == source) else {
        return Err(format!("({name}) unicast source address {source} not a unicast peer"));
    };
    let (least, most) = (peer.min_ttl, peer.max_ttl);
    if !(least..=most).contains(&ttl) {
        return Err(format!("({name}) TTL/HL {ttl} not in range {least} - {most}"));
    }
    Ok(())
}
