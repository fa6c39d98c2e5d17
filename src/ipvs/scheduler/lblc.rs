//! Locality-based least connections: ip_vs_lblc.c.

use std::net::Ipv4Addr;

use super::wlc::least_loaded;
use super::{Pick, Request, Scheduler, Servers};
use crate::ipvs::dest::{Dest, DestId};
use crate::reason::Choice;
use crate::time::Time;
use cache::Cache;

pub(super) mod cache;

/// A virtual address keeps the server that it was given once, for caches, until that one is overloaded.
#[derive(Debug, Default)]
pub(super) struct Lblc {
    cache: Cache<Entry>,
}

#[derive(Debug)]
struct Entry {
    server: DestId,
    last_used: Time,
}

impl cache::Aged for Entry {
    fn last_used(&self) -> Time {
        self.last_used
    }
}

/// More active connections than its weight, while another has not half as many (is_overloaded).
pub(super) fn is_overloaded(dest: &Dest, servers: Servers<'_>) -> bool {
    let (active, weight) = (u64::from(dest.active), dest.weight() as u64);
    active > weight && servers.iter().any(|other| u64::from(other.active) * 2 < other.weight() as u64)
}

impl Scheduler for Lblc {
    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let address: Ipv4Addr = request.destination;
        self.cache.expire(request.now, request.expiration);
        if let Some(entry) = self.cache.get_mut(address) {
            entry.last_used = request.now;
            let known = servers.place(entry.server).filter(|place| servers.at(*place).weight() > 0);
            if let Some(place) = known.filter(|place| !is_overloaded(servers.at(*place), servers)) {
                return Some(Pick { place, why: Choice::Cached });
            }
        }
        let place = least_loaded(servers)?;
        self.cache.insert(address, Entry { server: servers.id(place), last_used: request.now });
        Some(Pick { place, why: Choice::LeastByWeight })
    }
}
