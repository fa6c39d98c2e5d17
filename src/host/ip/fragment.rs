//! Datagrams that do not fit in one frame: ip_do_fragment in net/ipv4/ip_output.c, net/ipv4/ip_fragment.c (RFC 791, 815).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::super::kernel::Kernel;
use super::super::packet::Packet;
use super::super::timer::Timer;
use crate::reason::{Ip, IpDrop, Note, Step};
use crate::time::{Span, Time};
use crate::wire::{ETHERNET_LEN, Frame, checksum};

const MORE_FRAGMENTS: u16 = 0x2000;
const DONT_FRAGMENT: u16 = 0x4000;
const OFFSET: u16 = 0x1fff;

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    id: u16,
    protocol: u8,
}

/// A datagram of which some fragments have come: struct ipq.
#[derive(Debug)]
struct Partial {
    /// By the place of their payload in the datagram's.
    fragments: BTreeMap<usize, Packet>,
    /// The payload's length, once the last fragment is there.
    total: Option<usize>,
    expires: Time,
}

/// The datagrams of which not all fragments have come.
#[derive(Debug, Default)]
pub struct Reassembly {
    partial: BTreeMap<Key, Partial>,
    bytes: usize,
}

impl Packet {
    fn fragment_word(&self) -> u16 {
        u16::from_be_bytes([self.ip()[6], self.ip()[7]])
    }

    /// Whether routers may not fragment it.
    pub fn is_dont_fragment(&self) -> bool {
        self.fragment_word() & DONT_FRAGMENT != 0
    }

    /// Whether it is a part of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.fragment_word() & (MORE_FRAGMENTS | OFFSET) != 0
    }

    /// Whether it is a fragment other than the first, without a transport header.
    pub fn is_later_fragment(&self) -> bool {
        self.fragment_word() & OFFSET != 0
    }

    /// The packet in pieces of at most `mtu` bytes.
    pub(super) fn fragments(&self, mtu: u32) -> Vec<Packet> {
        let header_len = self.header_len();
        let room = (mtu as usize).saturating_sub(header_len) & !7;
        if room == 0 {
            return Vec::new();
        }
        let word = self.fragment_word();
        let pieces = self.payload().chunks(room).count();
        self.payload()
            .chunks(room)
            .enumerate()
            .map(|(number, piece)| {
                let offset = (word & OFFSET) + (number * room / 8) as u16;
                let more = if number + 1 < pieces { MORE_FRAGMENTS } else { word & MORE_FRAGMENTS };
                let mut packet = self.clone();
                packet.frame = with_payload(self, piece, offset | more);
                packet
            })
            .collect()
    }
}

/// The packet with another payload, and what goes with it in the header.
fn with_payload(packet: &Packet, payload: &[u8], fragment_word: u16) -> Frame {
    let header = &packet.frame.bytes()[..ETHERNET_LEN + packet.header_len()];
    let mut bytes = Vec::with_capacity(header.len() + payload.len());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(payload);
    let total = u16::try_from(bytes.len() - ETHERNET_LEN).unwrap_or(u16::MAX);
    let ip = &mut bytes[ETHERNET_LEN..header.len()];
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    ip[6..8].copy_from_slice(&fragment_word.to_be_bytes());
    ip[10..12].fill(0);
    let sum = checksum(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    Frame::new(&bytes)
}

impl Kernel {
    /// ip_defrag: gives back a whole datagram: the packet itself, or what its fragments make when it is the last to come.
    pub(in crate::host) fn reassemble(&mut self, packet: Packet) -> Option<Packet> {
        if !packet.is_fragment() {
            return Some(packet);
        }
        let origin = packet.origin;
        let key = Key {
            source: packet.source(),
            destination: packet.destination(),
            id: u16::from_be_bytes([packet.ip()[4], packet.ip()[5]]),
            protocol: packet.protocol(),
        };
        let word = packet.fragment_word();
        let begin = usize::from(word & OFFSET) * 8;
        let end = begin + packet.payload().len();
        let is_last = word & MORE_FRAGMENTS == 0;
        let limit = self.sysctl.number("net.ipv4.ipfrag_high_thresh").max(0) as usize;
        let lifetime = Span::from_secs(self.sysctl.number("net.ipv4.ipfrag_time").max(0) as u64);
        let expires = self.now + lifetime;
        let is_bad = !is_last && !packet.payload().len().is_multiple_of(8)
            || end + packet.header_len() > usize::from(u16::MAX)
            || self.reassembly.bytes + packet.payload().len() > limit;
        if is_bad {
            self.drop_packet(&packet, IpDrop::BadFragment);
            return None;
        }
        if !self.reassembly.partial.contains_key(&key) {
            self.timers.arm(expires, Timer::Reassembly);
        }
        let partial = self.reassembly.partial.entry(key).or_insert_with(|| Partial {
            fragments: BTreeMap::new(),
            total: None,
            expires,
        });
        if is_last {
            partial.total = Some(end);
        }
        // RFC 5722: what overlaps spoils the datagram; an exact repeat does not.
        let overlaps = partial
            .fragments
            .iter()
            .any(|(&other, fragment)| other < end && begin < other + fragment.payload().len() && other != begin);
        if overlaps {
            self.forget(key);
            self.drop_packet(&packet, IpDrop::BadFragment);
            return None;
        }
        self.reassembly.bytes += packet.payload().len();
        if let Some(repeated) = partial.fragments.insert(begin, packet) {
            self.reassembly.bytes -= repeated.payload().len();
        }
        let have: usize = partial.fragments.values().map(|fragment| fragment.payload().len()).sum();
        if partial.total != Some(have) {
            self.step(origin, || Step::Fragment);
            return None;
        }
        let whole = self.forget(key)?;
        let pieces = whole.fragments.len();
        self.out.note(|| Note::Ip(Ip::Reassembled { pieces }));
        for fragment in whole.fragments.values().filter(|fragment| fragment.origin != origin) {
            self.step(fragment.origin, || Step::Joined { by: origin.cause });
        }
        let payload: Vec<u8> = whole.fragments.values().flat_map(|fragment| fragment.payload().to_vec()).collect();
        let mut first = whole.fragments.into_values().next()?;
        first.frame = with_payload(&first, &payload, 0);
        // What becomes of the datagram is what becomes of the frame that has completed it.
        first.origin = origin;
        Some(first)
    }

    fn forget(&mut self, key: Key) -> Option<Partial> {
        let partial = self.reassembly.partial.remove(&key)?;
        self.reassembly.bytes -= partial.fragments.values().map(|fragment| fragment.payload().len()).sum::<usize>();
        Some(partial)
    }

    /// ip_expire: the rest did not come in time. The sender is told if the first fragment is there.
    pub(in crate::host) fn reassembly_timer(&mut self) {
        let now = self.now;
        let late = |(key, partial): (&Key, &Partial)| (partial.expires <= now).then_some(*key);
        let keys: Vec<_> = self.reassembly.partial.iter().filter_map(late).collect();
        for key in keys {
            let Some(partial) = self.forget(key) else { continue };
            for packet in partial.fragments.values() {
                self.drop_packet(packet, IpDrop::ReassemblyTimeout);
            }
            if let Some(first) = partial.fragments.get(&0) {
                self.icmp_send(first, 11, 1, [0; 4]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::IfIndex;
    use crate::reason::Origin;
    use crate::wire::build::{self, Ipv4Fields};
    use crate::wire::read;

    fn packet(payload: &[u8]) -> Packet {
        let fields = Ipv4Fields {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: 17,
            ttl: 64,
            tos: 0,
            id: 7,
            dont_fragment: false,
        };
        let frame = build::ipv4(&mut Vec::new(), &fields, |buffer| buffer.extend_from_slice(payload));
        Packet::new(frame, IfIndex::LO, Origin::default())
    }

    #[test]
    fn what_is_cut_up_is_put_together_in_any_order() {
        let payload: Vec<u8> = (0..3008u32).map(|byte| byte as u8).collect();
        let mut fragments = packet(&payload).fragments(1500);
        assert_eq!(fragments.iter().map(Packet::total_len).collect::<Vec<_>>(), [1500, 1500, 68]);
        assert!(fragments.iter().all(|fragment| read::ipv4(fragment.ip()).is_ok()));
        fragments.rotate_left(1);
        fragments.push(fragments[0].clone());
        let mut kernel = Kernel::default();
        let whole: Vec<_> = fragments.into_iter().filter_map(|fragment| kernel.reassemble(fragment)).collect();
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].payload(), payload);
        assert!(read::ipv4(whole[0].ip()).is_ok() && !whole[0].is_fragment());
    }

    #[test]
    fn fragments_of_fragments() {
        let fragments = packet(&[7; 2000]).fragments(1500);
        let pieces: Vec<_> = fragments.iter().flat_map(|fragment| fragment.fragments(700)).collect();
        let mut kernel = Kernel::default();
        let whole: Vec<_> = pieces.into_iter().filter_map(|piece| kernel.reassemble(piece)).collect();
        assert_eq!(whole.iter().map(Packet::total_len).collect::<Vec<_>>(), [2020]);
    }
}
