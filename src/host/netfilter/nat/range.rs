//! What a rule wants an address or port to become: struct nf_nat_range2.

use std::net::Ipv4Addr;

use super::super::conntrack::{End, has_ports};
use crate::host::netfilter::Ports;
use crate::wire::proto;

/// Addresses and ports to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// From one address to another; none: it stays.
    pub addresses: Option<(Ipv4Addr, Ipv4Addr)>,
    /// From one port to another; none: as before, if it is free.
    pub ports: Option<Ports>,
    /// `--random`: do not try to keep the port.
    pub random: bool,
    /// `--random-fully`
    pub random_fully: bool,
    /// `--persistent`: one client gets one address.
    pub persistent: bool,
}

impl Range {
    /// Just this address.
    pub fn single(address: Ipv4Addr) -> Range {
        Range { addresses: Some((address, address)), ..Range::default() }
    }

    /// nf_in_range: whether a source needs no change.
    pub(super) fn contains(&self, protocol: u8, (address, port): End) -> bool {
        let has_address = self.addresses.is_none_or(|(first, last)| first <= address && address <= last);
        has_address && self.ports.is_none_or(|ports| port_fits(protocol, ports, port))
    }

    /// find_best_ips_proto: one of the addresses, always the same for the same pair of peers.
    pub(super) fn address_for(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Option<Ipv4Addr> {
        let (first, last) = self.addresses?;
        if first == last {
            return Some(first);
        }
        let native = |address: Ipv4Addr| u32::from_le_bytes(address.octets());
        let initial = if self.persistent { 0 } else { native(destination) };
        let hash = jhash_address(native(source), initial);
        let (least, most) = (u32::from(first.min(last)), u32::from(first.max(last)));
        let count = u64::from(most - least) + 1;
        Some(Ipv4Addr::from(least + ((u64::from(hash) * count) >> 32) as u32))
    }
}

/// l4proto_in_range
pub(super) fn port_fits(protocol: u8, ports: Ports, port: u16) -> bool {
    !(has_ports(protocol) || protocol == proto::ICMP) || ports.contains(port)
}

/// jhash2 of the four words of an address union, of which IPv4 uses the first.
fn jhash_address(word: u32, initial: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(16).wrapping_add(initial);
    let (mut a, mut b, mut c) = (start.wrapping_add(word), start, start);
    for (x, y, z, shift) in [(0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4)] {
        let mut words = [a, b, c];
        words[x] = words[x].wrapping_sub(words[y]) ^ words[y].rotate_left(shift);
        words[y] = words[y].wrapping_add(words[z]);
        [a, b, c] = words;
    }
    // The fourth word is zero.
    for (x, y, shift) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        let mut words = [a, b, c];
        words[x] = (words[x] ^ words[y]).wrapping_sub(words[y].rotate_left(shift));
        [a, b, c] = words;
    }
    c
}
