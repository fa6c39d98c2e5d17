//! VRRP messages: RFC 3768 section 5 (version 2, with RFC 2338's authentication), RFC 5798 section 5 (version 3).

use std::net::Ipv4Addr;

use crate::keepalived::conf::{Authentication, Instance};
use crate::time::Span;
use crate::wire::{checksum, proto, transport_checksum};

/// What everybody's message begins with, in bytes.
const HEADER: usize = 8;
/// The password of version 2, which is there even if nobody uses it.
const PASSWORD: usize = 8;
/// The only type of message.
const ADVERTISEMENT: u8 = 1;
/// RFC 2338's simple text password, and its authentication header.
const BY_PASSWORD: u8 = 1;
const BY_HEADER: u8 = 2;

/// Appends an instance's advertisement of this priority.
pub fn write(buffer: &mut Vec<u8>, it: &Instance, priority: u8, source: Ipv4Addr, destination: Ipv4Addr) {
    let start = buffer.len();
    let kind = match it.authentication {
        Some(Authentication::Password(_)) => BY_PASSWORD,
        Some(Authentication::Header(_)) => BY_HEADER,
        None => 0,
    };
    buffer.extend([it.version << 4 | ADVERTISEMENT, it.vrid, priority, it.vips.len() as u8]);
    if it.version == 3 {
        let centiseconds = (it.advert_interval.as_millis() / 10) as u16 & 0xfff;
        buffer.extend(centiseconds.to_be_bytes());
    } else {
        buffer.extend([kind, it.advert_interval.as_secs() as u8]);
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

/// A packet of protocol 112 as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// Its TTL.
    pub ttl: u8,
    /// What follows the IPv4 header.
    pub message: &'a [u8],
}

impl Arrival<'_> {
    /// The virtual router that it is about.
    pub fn vrid(&self) -> Option<u8> {
        self.message.get(1).copied()
    }
}

/// What a sound advertisement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert {
    /// The sender's priority.
    pub priority: u8,
    /// How often it advertises itself.
    pub interval: Span,
}

/// Looks whether an advertisement is meant for an instance and sound (vrrp_check_packet); what is wrong with it otherwise.
///
/// `is_known_sender`: the list of addresses need not be looked at again.
pub fn read(it: &Instance, arrival: &Arrival<'_>, is_known_sender: bool) -> Result<Advert, String> {
    let name = &it.name;
    let message = arrival.message;
    if message.len() < HEADER {
        return Err(format!("({name}) vrrp packet too short, length {} and expect {HEADER}", message.len()));
    }
    let (version, kind, count) = (message[0] >> 4, message[0] & 0xf, usize::from(message[3]));
    let expected = HEADER + 4 * count + if version == 2 { PASSWORD } else { 0 };
    if message.len() != expected {
        let how = if message.len() < expected { "short" } else { "long" };
        return Err(format!("({name}) vrrp packet too {how}, length {} and expect {expected}", message.len()));
    }
    let is_multicast = arrival.destination.is_multicast();
    if is_multicast && arrival.ttl != 255 {
        return Err(format!("({name}) invalid TTL/HL. Received {} and expect 255", arrival.ttl));
    }
    if version != it.version {
        return Err(format!("({name}) wrong version. Received {version} and expect {}", it.version));
    }
    let interval = if version == 2 {
        check_authentication(it, message)?;
        let (own, theirs) = (it.advert_interval.as_secs(), u64::from(message[5]));
        if own != theirs {
            return Err(format!("({name}) advertisement interval mismatch mine={own} sec rcv'd={theirs} sec"));
        }
        it.advert_interval
    } else {
        Span::from_millis(10 * u64::from(u16::from_be_bytes([message[4], message[5]]) & 0xfff))
    };
    if kind != ADVERTISEMENT {
        return Err(format!("({name}) Invalid packet type. {kind} and expect {ADVERTISEMENT}"));
    }
    let skips_addresses = it.skip_check_addresses && is_known_sender;
    if !skips_addresses && count != it.vips.len() {
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
    if is_multicast != it.peers.is_empty() {
        let (expected, received) = if is_multicast { ("un", "mult") } else { ("mult", "un") };
        return Err(format!("({name}) Expected {expected}icast packet but received {received}icast packet"));
    }
    if !skips_addresses {
        check_addresses(it, &message[HEADER..HEADER + 4 * count])?;
    }
    Ok(Advert { priority: message[2], interval })
}

fn check_authentication(it: &Instance, message: &[u8]) -> Result<(), String> {
    let name = &it.name;
    let kind = message[4];
    let own = match it.authentication {
        Some(Authentication::Password(_)) => BY_PASSWORD,
        Some(Authentication::Header(_)) => BY_HEADER,
        None => 0,
    };
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
