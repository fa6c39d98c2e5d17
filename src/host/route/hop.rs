//! Routes with several next hops: fib_select_multipath, fib_sync_down_dev, fib_sync_up.

use std::net::Ipv4Addr;

use super::{FibRoute, IfIndex, Kind, Query, Routes};

/// A next hop of a route that has several: the kernel's struct fib_nh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The interface that it is reached by.
    pub oif: Option<IfIndex>,
    /// The gateway, if the destinations are not on the link.
    pub gateway: Option<Ipv4Addr>,
    /// The gateway is on the link, whatever the tables say.
    pub onlink: bool,
    /// Its share: 1 to 256.
    pub weight: u32,
    /// Its interface is off (RTNH_F_DEAD).
    pub dead: bool,
}

impl Default for Hop {
    fn default() -> Hop {
        Hop { oif: None, gateway: None, onlink: false, weight: 1, dead: false }
    }
}

impl Routes {
    /// fib_select_path: by which interface and gateway a packet goes. Among several next hops its addresses decide.
    pub(in crate::host) fn choose(&self, route: &FibRoute, query: &Query) -> Option<(IfIndex, Option<Ipv4Addr>)> {
        if route.hops.is_empty() {
            return Some((route.oif?, route.gateway));
        }
        let alive = || route.hops.iter().filter(|hop| !hop.dead);
        let chosen = match query.oif {
            Some(oif) => alive().find(|hop| hop.oif == Some(oif)),
            None => by_share(alive(), self.flow_hash(query)),
        };
        chosen.and_then(|hop| Some((hop.oif?, hop.gateway)))
    }

    /// fib_multipath_hash, of policy 0: the pair of addresses, either way round. The kernel draws a key at boot, so that
    /// nobody can foretell a pair's way; but it stays the same.
    fn flow_hash(&self, query: &Query) -> u32 {
        let (one, other) = (query.source.unwrap_or(Ipv4Addr::UNSPECIFIED).to_bits(), query.destination.to_bits());
        let pair = u64::from(one.min(other)) << 32 | u64::from(one.max(other));
        // Steele and others' finalizer (splitmix64) spreads what differs in a few bits.
        let mut mixed = (pair ^ self.hash_key).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 33) as u32
    }

    /// fib_sync_down_dev: an interface has gone. Entries that have other next hops stay with those.
    pub(in crate::host) fn interface_lost(&mut self, index: IfIndex, force: bool) {
        for hop in self.iter_mut().flat_map(|route| &mut route.hops) {
            hop.dead |= hop.oif == Some(index);
        }
        self.retain(|_, route| match route.hops.is_empty() {
            true => route.oif != Some(index) || route.kind == Kind::Local && !force,
            false => route.hops.iter().any(|hop| !hop.dead),
        });
    }

    /// fib_sync_up: an interface is on again.
    pub(in crate::host) fn interface_back(&mut self, index: IfIndex) {
        for hop in self.iter_mut().flat_map(|route| &mut route.hops) {
            hop.dead &= hop.oif != Some(index);
        }
    }
}

/// fib_select_multipath, fib_rebalance: every next hop has a part of the hashes (31 bits) as great as its weight.
fn by_share<'r>(hops: impl Iterator<Item = &'r Hop> + Clone, hash: u32) -> Option<&'r Hop> {
    let total: u64 = hops.clone().map(|hop| u64::from(hop.weight)).sum();
    let mut sum = 0;
    hops.into_iter().find(|hop| {
        sum += u64::from(hop.weight);
        // DIV_ROUND_CLOSEST_ULL
        u64::from(hash) < ((sum << 31) + total / 2) / total.max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::route;
    use super::super::{Interfaces, Scope, Table};
    use super::*;

    fn hop(oif: u32, weight: u32) -> Hop {
        Hop { oif: Some(IfIndex(oif)), weight, ..Hop::default() }
    }

    fn two_ways() -> Routes {
        let mut routes = Routes::default();
        routes.seed(7);
        let hops = Box::new([hop(2, 3), hop(3, 1)]);
        routes.insert(Table::MAIN, FibRoute { oif: None, hops, ..route("0.0.0.0/0", 0, 0) });
        routes
    }

    fn way(routes: &Routes, query: &Query) -> Option<u32> {
        let found = routes.lookup(&Interfaces::default(), query, Scope::Global)?;
        routes.choose(found.route, query).map(|(oif, _)| oif.0)
    }

    #[test]
    fn pairs_of_addresses_are_spread_by_weight() {
        let routes = two_ways();
        let query = |n: u32| Query { source: Some(Ipv4Addr::from_bits(n)), ..Query::to(Ipv4Addr::new(8, 8, 8, 8)) };
        let first = (0..4000).filter(|n| way(&routes, &query(*n)) == Some(2)).count();
        assert!((2850..3150).contains(&first), "{first} of 4000");
        assert!((0..100).all(|n| way(&routes, &query(n)) == way(&routes, &query(n))));
    }

    #[test]
    fn an_interface_that_is_asked_for_is_taken() {
        let by = |oif| way(&two_ways(), &Query { oif: Some(IfIndex(oif)), ..Query::to(Ipv4Addr::new(9, 9, 9, 9)) });
        assert_eq!((by(2), by(3), by(4)), (Some(2), Some(3), None));
    }

    #[test]
    fn a_dead_next_hop_leaves_its_share_to_the_others() {
        let mut routes = two_ways();
        let all = |routes: &Routes| -> Vec<_> {
            (0..50).map(|n| way(routes, &Query::to(Ipv4Addr::from_bits(n << 24 | 1)))).collect()
        };
        let before = all(&routes);
        routes.interface_lost(IfIndex(2), true);
        assert!(all(&routes).iter().all(|way| *way == Some(3)));
        routes.interface_back(IfIndex(2));
        assert_eq!(all(&routes), before);
        routes.interface_lost(IfIndex(2), true);
        routes.interface_lost(IfIndex(3), true);
        assert!(routes.list(Table::MAIN).is_empty());
    }
}
