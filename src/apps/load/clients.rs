//! Many clients from one prefix.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The addresses of a prefix, which take turns.
pub struct Clients {
    first: u32,
    count: u64,
}

impl Clients {
    /// All addresses of a prefix, but its network's own and its broadcast address: those are nobody's.
    pub fn new(net: Ipv4Net) -> Clients {
        let (network, all) = (u32::from(net.network()), 1 << (32 - net.prefix_len()));
        if net.prefix_len() < 31 {
            Clients { first: network + 1, count: all - 2 }
        } else {
            Clients { first: network, count: all }
        }
    }

    /// How many they are, at least 1.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Who makes a request, from 0.
    pub fn of_request(&self, number: u64) -> Ipv4Addr {
        Ipv4Addr::from(self.first.wrapping_add((number % self.count) as u32))
    }
}
