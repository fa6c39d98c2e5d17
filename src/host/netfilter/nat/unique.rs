//! Choosing what a connection looks like from the other side, so that no other looks the same: get_unique_tuple.

use super::super::conntrack::{Conntrack, Tuple, has_ports};
use super::Side;
use super::range::{Range, port_fits};
use crate::random::{RngExt, Stream};
use crate::time::Time;
use crate::wire::proto;

/// How many ports are tried in a row before the next try begins elsewhere.
const MAX_ATTEMPTS: u32 = 128;

/// A choice to be made.
pub(super) struct Chooser<'a> {
    pub conntrack: &'a Conntrack,
    pub random: &'a mut Stream,
    pub now: Time,
    pub side: Side,
    pub range: &'a Range,
}

impl Chooser<'_> {
    /// get_unique_tuple: what packets of the original direction shall look like; `current` is what they look like now.
    pub fn choose(mut self, current: Tuple) -> Tuple {
        let range = self.range;
        if self.side == Side::Source && !range.random && !range.random_fully {
            if range.contains(current.protocol, current.source) {
                if !self.is_used(current) {
                    return current;
                }
            } else if let Some(tuple) = self.as_before(current) {
                return tuple;
            }
        }
        let mut tuple = current;
        let address = range.address_for(current.source.0, current.destination.0);
        self.end(&mut tuple).0 = address.unwrap_or(self.end(&mut tuple).0);
        if !range.random && !range.random_fully {
            let is_good = match range.ports {
                Some(ports) => {
                    let port = self.end(&mut tuple).1;
                    port_fits(tuple.protocol, ports, port) && (ports.0 == ports.1 || !self.is_used(tuple))
                }
                None => !self.is_used(tuple),
            };
            if is_good {
                return tuple;
            }
        }
        self.search(tuple)
    }

    /// find_appropriate_src: the same source keeps its translation, whomever it speaks to.
    fn as_before(&self, current: Tuple) -> Option<Tuple> {
        let mut translations = self.conntrack.translations(current.protocol, current.source, self.now);
        let source = translations.find(|source| self.range.contains(current.protocol, *source))?;
        let tuple = Tuple { source, ..current };
        (!self.is_used(tuple)).then_some(tuple)
    }

    /// nf_nat_l4proto_unique_tuple: a port that makes the tuple unique, if there is one.
    fn search(&mut self, mut tuple: Tuple) -> Tuple {
        let is_icmp = tuple.protocol == proto::ICMP;
        if !is_icmp && !has_ports(tuple.protocol) {
            return tuple;
        }
        let port = if is_icmp { tuple.source.1 } else { self.end(&mut tuple).1 };
        let (least, most) = match (self.range.ports, port) {
            (Some(ports), _) => (ports.0.min(ports.1), ports.0.max(ports.1)),
            (None, _) if is_icmp => (0, u16::MAX),
            (None, _) if self.side == Side::Destination => return tuple,
            // Ports that only root may use stay such.
            (None, 0..512) => (1, 511),
            (None, 512..1024) => (600, 1023),
            (None, _) => (1024, u16::MAX),
        };
        let count = u32::from(most - least) + 1;
        let starts_anywhere = self.range.random || self.range.random_fully || self.side == Side::Source;
        let mut offset = if starts_anywhere { self.random.random::<u32>() } else { 0 };
        let mut attempts = count.min(MAX_ATTEMPTS);
        loop {
            for _ in 0..attempts {
                let port = least + (offset % count) as u16;
                *if is_icmp { &mut tuple.source.1 } else { &mut self.end(&mut tuple).1 } = port;
                if !self.is_used(tuple) {
                    return tuple;
                }
                offset = offset.wrapping_add(1);
            }
            if attempts >= count || attempts < 16 {
                return tuple;
            }
            attempts /= 2;
            offset = self.random.random();
        }
    }

    /// nf_nat_used_tuple: whether answers to it would be taken for those of another connection.
    fn is_used(&self, tuple: Tuple) -> bool {
        self.conntrack.is_taken(tuple.reply(), self.now)
    }

    fn end<'t>(&self, tuple: &'t mut Tuple) -> &'t mut (std::net::Ipv4Addr, u16) {
        match self.side {
            Side::Source => &mut tuple.source,
            Side::Destination => &mut tuple.destination,
        }
    }
}
