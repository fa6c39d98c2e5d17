//! Who uses which port: inet_csk_get_port, inet_hash_connect.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::segment::Tuple;
use crate::host::interface::IfIndex;
use crate::time::{Span, Time};

/// How a socket holds its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Without SO_REUSEADDR.
    Exclusive,
    /// With SO_REUSEADDR, and not listening.
    Shared,
    /// Listening.
    Listening,
}

/// A socket's use of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub address: Option<Ipv4Addr>,
    pub device: Option<IfIndex>,
    pub port: u16,
    pub sharing: Sharing,
}

/// Claims counted, since thousands of connections share a server's port.
#[derive(Debug, Default)]
pub(super) struct Ports {
    used: FxHashMap<u16, Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Only connections whose port the kernel chose are here; others of the kind may join (fastreuse < 0).
    automatic: bool,
    claims: SmallVec<[(Claim, u32); 1]>,
}

impl Ports {
    /// inet_csk_bind_conflict: whether a socket that is bound with SO_REUSEADDR (`reuse`) or without would be in another's way.
    pub fn conflict(&self, address: Option<Ipv4Addr>, device: Option<IfIndex>, port: u16, reuse: bool) -> bool {
        let overlap = |claim: &Claim| {
            let addresses = address.is_none() || claim.address.is_none() || address == claim.address;
            let devices = device.is_none() || claim.device.is_none() || device == claim.device;
            addresses && devices
        };
        let tolerant = |claim: &Claim| reuse && claim.sharing == Sharing::Shared;
        let claims = self.used.get(&port).into_iter().flat_map(|bucket| &bucket.claims);
        claims.into_iter().any(|(claim, _)| overlap(claim) && !tolerant(claim))
    }

    /// Whether the kernel may choose this port for a connection, as far as bound sockets go.
    pub fn is_free_for_connections(&self, port: u16) -> bool {
        self.used.get(&port).is_none_or(|bucket| bucket.automatic)
    }

    pub fn claim(&mut self, claim: Claim, automatic: bool) {
        let bucket = self.used.entry(claim.port).or_default();
        bucket.automatic = automatic && (bucket.claims.is_empty() || bucket.automatic);
        match bucket.claims.iter_mut().find(|(known, _)| *known == claim) {
            Some((_, count)) => *count += 1,
            None => bucket.claims.push((claim, 1)),
        }
    }

    pub fn release(&mut self, claim: Claim) {
        let Some(bucket) = self.used.get_mut(&claim.port) else { return };
        if let Some(index) = bucket.claims.iter().position(|(known, _)| *known == claim) {
            bucket.claims[index].1 -= 1;
            if bucket.claims[index].1 == 0 {
                bucket.claims.remove(index);
            }
        }
        if bucket.claims.is_empty() {
            self.used.remove(&claim.port);
        }
    }
}

/// How long the searches for ports to one service go on from where the last one ended (EPHEMERAL_PORT_SHUFFLE_PERIOD).
const SHUFFLE: Span = Span::from_secs(10);

/// Where the search for a connection's port begins: secure_ipv4_port_ephemeral and table_perturb. One connection after
/// another to the same service gets a port a little higher than the last one's, so a port does not come back soon.
#[derive(Debug, Default)]
pub(super) struct Starts {
    period: u64,
    /// By this host's address, and the service.
    offsets: FxHashMap<(Ipv4Addr, SocketAddrV4), u32>,
}

impl Starts {
    /// Where this one begins. What has been drawn counts if the ends are new, or it is time to begin elsewhere.
    pub fn of(&mut self, ends: &Tuple, now: Time, random: u32) -> u32 {
        let period = now.since(Time::ZERO).as_nanos() / SHUFFLE.as_nanos();
        if self.period != period {
            self.period = period;
            self.offsets.clear();
        }
        *self.offsets.entry((ends.local, ends.remote_end())).or_insert(random)
    }

    /// Those that were tried are not tried again soon, and chance skips up to seven more.
    pub fn pass(&mut self, ends: &Tuple, tried: u32, random: u32) {
        if let Some(offset) = self.offsets.get_mut(&(ends.local, ends.remote_end())) {
            *offset = offset.wrapping_add(2 * (tried.max(random >> 29) + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_to_one_service_rise_in_small_steps_for_ten_seconds() {
        let ends = |remote| Tuple { local: [10, 0, 0, 1].into(), remote, local_port: 0, remote_port: 80 };
        let (here, there) = (ends([10, 0, 0, 2].into()), ends([10, 0, 0, 3].into()));
        let mut starts = Starts::default();
        let now = Time::ZERO + Span::from_secs(1);
        assert_eq!(starts.of(&here, now, 100), 100);
        starts.pass(&here, 0, 0);
        assert_eq!((starts.of(&here, now, 7), starts.of(&there, now, 7)), (102, 7));
        starts.pass(&here, 3, 0);
        assert_eq!(starts.of(&here, now, 7), 110, "three were taken");
        starts.pass(&here, 3, u32::MAX);
        assert_eq!(starts.of(&here, now, 7), 126, "chance skips seven");
        assert_eq!(starts.of(&here, now + SHUFFLE, 7), 7);
    }

    fn claim(address: Option<Ipv4Addr>, sharing: Sharing) -> Claim {
        Claim { address, device: None, port: 80, sharing }
    }

    #[test]
    fn reuse_shares_with_connections_but_not_with_listeners() {
        let a = Some(Ipv4Addr::new(10, 0, 0, 1));
        let b = Some(Ipv4Addr::new(10, 0, 0, 2));
        let mut ports = Ports::default();
        ports.claim(claim(a, Sharing::Shared), false);
        assert!(!ports.conflict(a, None, 80, true));
        assert!(ports.conflict(a, None, 80, false));
        assert!(ports.conflict(None, None, 80, false));
        assert!(!ports.conflict(b, None, 80, false));
        ports.claim(claim(None, Sharing::Listening), false);
        assert!(ports.conflict(b, None, 80, true));
        ports.release(claim(None, Sharing::Listening));
        ports.release(claim(a, Sharing::Shared));
        assert!(!ports.conflict(None, None, 80, false) && ports.used.is_empty());
    }
}
