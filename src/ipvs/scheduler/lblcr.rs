//! Locality-based least connections with replication: ip_vs_lblcr.c.

use super::lblc::cache::{Aged, Cache};
use super::lblc::is_overloaded;
use super::wlc::least_loaded;
use super::{Pick, Request, Scheduler, Servers};
use crate::ipvs::dest::DestId;
use crate::reason::Choice;
use crate::time::Time;

/// A virtual address has a set of servers, which grows when they are overloaded and shrinks when it has been left alone.
#[derive(Debug, Default)]
pub(super) struct Lblcr {
    cache: Cache<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The newest member first.
    set: Vec<DestId>,
    last_modified: Time,
    last_used: Time,
}

impl Aged for Entry {
    fn last_used(&self) -> Time {
        self.last_used
    }
}

/// The least loaded usable member (ip_vs_dest_set_min).
fn least_member(set: &[DestId], servers: Servers<'_>) -> Option<usize> {
    let members = set.iter().filter_map(|id| servers.place(*id)).filter(|place| servers.at(*place).is_usable());
    members.reduce(|best, other| {
        let (a, b) = (servers.at(best), servers.at(other));
        if a.overhead() * b.weight() as u64 > b.overhead() * a.weight() as u64 { other } else { best }
    })
}

/// The most loaded member (ip_vs_dest_set_max).
fn greatest_member(set: &[DestId], servers: Servers<'_>) -> Option<DestId> {
    let members = set.iter().filter_map(|id| servers.place(*id)).filter(|place| servers.at(*place).weight() > 0);
    let place = members.reduce(|best, other| {
        let (a, b) = (servers.at(best), servers.at(other));
        if a.overhead() * (b.weight() as u64) < b.overhead() * a.weight() as u64 { other } else { best }
    })?;
    Some(servers.id(place))
}

impl Scheduler for Lblcr {
    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        self.cache.expire(request.now, request.expiration);
        let Some(entry) = self.cache.get_mut(request.destination) else {
            let place = least_loaded(servers)?;
            let set = vec![servers.id(place)];
            let entry = Entry { set, last_modified: request.now, last_used: request.now };
            self.cache.insert(request.destination, entry);
            return Some(Pick { place, why: Choice::LeastByWeight });
        };
        entry.last_used = request.now;
        let chosen = least_member(&entry.set, servers);
        if entry.set.len() > 1
            && request.now.since(entry.last_modified) > request.expiration
            && let Some(greatest) = greatest_member(&entry.set, servers)
        {
            entry.set.retain(|member| *member != greatest);
            entry.last_modified = request.now;
        }
        if let Some(place) = chosen.filter(|place| !is_overloaded(servers.at(*place), servers)) {
            return Some(Pick { place, why: Choice::Cached });
        }
        let place = least_loaded(servers)?;
        let id = servers.id(place);
        if !entry.set.contains(&id) {
            entry.set.insert(0, id);
            entry.last_modified = request.now;
        }
        Some(Pick { place, why: Choice::LeastByWeight })
    }
}
