//! Looking into a table: net/ipv4/fib_trie.c.

use std::net::Ipv4Addr;

use super::FibRoute;

/// The order of a table's entries as a number: longer prefixes come first, and those of one length by their addresses.
fn order(address: Ipv4Addr, length: u8) -> u64 {
    let host_bits = u32::from(32 - length.min(32));
    let network = u64::from(address.to_bits()) >> host_bits << host_bits;
    u64::from(host_bits) << 32 | network
}

pub(super) fn place(route: &FibRoute) -> u64 {
    order(route.prefix.addr(), route.prefix.prefix_len())
}

/// Fewer entries than this are looked at one by one.
const WORTH_A_SEARCH: usize = 16;

/// The entries of a table that are for a destination, longest prefixes first. Those of one length lie together, and only
/// one place among them can be its.
pub(super) fn matching(table: &[FibRoute], destination: Ipv4Addr) -> impl Iterator<Item = &FibRoute> {
    let mut rest = table;
    std::iter::from_fn(move || {
        loop {
            let (first, others) = rest.split_first()?;
            let (own, wanted) = (place(first), order(destination, first.prefix.prefix_len()));
            if own == wanted {
                rest = others;
                return Some(first);
            }
            // A step costs less than a search of what is short, as the tables of most hosts are.
            rest = if others.len() < WORTH_A_SEARCH {
                others
            } else if own < wanted {
                &others[others.partition_point(|route| place(route) < wanted)..]
            } else {
                &others[others.partition_point(|route| place(route) >> 32 == own >> 32)..]
            };
        }
    })
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;

    use super::super::tests::route;
    use super::super::{Routes, Table};
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_for_a_destination_is_found_as_if_one_looked_at_all(
            prefixes in proptest::collection::vec((0..16_u32, 0..=32_u8), 0..60),
            destination in 0..16_u32,
        ) {
            // Few addresses, far apart, so that prefixes contain one another.
            let address = |n: u32| Ipv4Addr::from_bits(n.wrapping_mul(0x1111_1111));
            let mut routes = Routes::default();
            for (metric, (n, length)) in (0..).zip(prefixes) {
                let prefix = Ipv4Net::new_assert(address(n), length).trunc();
                routes.insert(Table::MAIN, route(&prefix.to_string(), metric, 2));
            }
            let destination = address(destination);
            let found: Vec<_> = matching(routes.list(Table::MAIN), destination).collect();
            let all: Vec<_> = routes.list(Table::MAIN).iter().filter(|route| route.prefix.contains(&destination)).collect();
            proptest::prop_assert_eq!(found, all);
        }
    }
}
