//! The routing tables (the FIB): net/ipv4/fib_trie.c, fib_semantics.c.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::interface::{IfIndex, Interfaces, Scope};
use super::kernel::Kernel;
use super::socket::Errno;

/// What a look-up found: the kernel's struct rtable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What kind of destination it is.
    pub kind: RouteKind,
    /// The interface that the packet leaves by.
    pub oif: IfIndex,
    /// The gateway, if the destination is not on the link.
    pub gateway: Option<Ipv4Addr>,
    /// The source address for packets that have none yet.
    pub source: Ipv4Addr,
    /// The largest datagram that fits, in bytes: the interface's MTU, or less where a path MTU is known.
    pub mtu: u32,
    /// The prefix of the entry that was found; none where no table was asked.
    pub prefix: Option<Ipv4Net>,
}

/// Kinds of destinations that packets are sent to (RTN_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Another machine.
    Unicast,
    /// This machine.
    Local,
    /// All machines of a link.
    Broadcast,
    /// A group of machines.
    Multicast,
}

/// Kinds of entries (RTN_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Packets are sent on.
    Unicast,
    /// Packets are for this machine.
    Local,
    /// Packets are for all machines of a link.
    Broadcast,
    /// Packets are refused: host unreachable.
    Unreachable,
    /// Packets vanish.
    Blackhole,
    /// Packets are refused: administratively prohibited.
    Prohibit,
}

/// Who made an entry (RTPROT_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The kernel, for an address.
    Kernel,
    /// `ip route`, unless told otherwise.
    Boot,
    /// `ip route ... proto static`.
    Static,
    /// Another number.
    Other(u8),
}

/// The tables, in the order in which the rules ask them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// 255: what is here.
    Local,
    /// 254: what is elsewhere.
    Main,
}

/// An entry of a table: the kernel's struct fib_alias and fib_info.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibRoute {
    /// Which destinations it is for.
    pub prefix: Ipv4Net,
    /// What kind it is.
    pub kind: Kind,
    /// How far away the destination is.
    pub scope: Scope,
    /// Who made it.
    pub protocol: Protocol,
    /// Its priority: less is better.
    pub metric: u32,
    /// The source address that it prefers (prefsrc).
    pub source: Option<Ipv4Addr>,
    /// The interface that it leaves by.
    pub oif: Option<IfIndex>,
    /// The gateway.
    pub gateway: Option<Ipv4Addr>,
    /// The gateway is on the link, whatever the tables say.
    pub onlink: bool,
    /// An MTU of its own.
    pub mtu: Option<u32>,
}

/// The tables of a host.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    local: Vec<FibRoute>,
    main: Vec<FibRoute>,
    /// Somebody has typed a local entry, ever (fib_has_custom_local_routes).
    has_custom_local: bool,
}

impl Routes {
    /// Adds an entry, behind those of the same prefix and a lower or the same metric. One that is there already stays.
    pub(super) fn insert(&mut self, table: Table, route: FibRoute) {
        let list = self.list_mut(table);
        if !list.contains(&route) {
            let key = |route: &FibRoute| (place(route), route.metric);
            let at = list.partition_point(|other| key(other) <= key(&route));
            list.insert(at, route);
        }
    }

    /// Keeps only the entries of which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Table, &FibRoute) -> bool) {
        self.local.retain(|route| keep(Table::Local, route));
        self.main.retain(|route| keep(Table::Main, route));
    }

    /// The entries of a table, longest prefixes first.
    pub fn list(&self, table: Table) -> &[FibRoute] {
        match table {
            Table::Local => &self.local,
            Table::Main => &self.main,
        }
    }

    /// Takes the entry at this place of [`Routes::list`] out of a table.
    pub(super) fn remove(&mut self, table: Table, at: usize) -> FibRoute {
        self.list_mut(table).remove(at)
    }

    fn list_mut(&mut self, table: Table) -> &mut Vec<FibRoute> {
        match table {
            Table::Local => &mut self.local,
            Table::Main => &mut self.main,
        }
    }

    /// fib_lookup: the entry for a destination; only those that leave by `oif`, if given, and reach at least to `scope`.
    pub fn lookup(&self, destination: Ipv4Addr, oif: Option<IfIndex>, scope: Scope) -> Option<&FibRoute> {
        matching(&self.local, destination)
            .chain(matching(&self.main, destination))
            .find(|route| route.scope >= scope && (oif.is_none() || route.oif.is_none() || route.oif == oif))
    }

    /// inet_addr_type: what kind of address it is to this host, as the local table has it.
    pub fn kind_of(&self, address: Ipv4Addr) -> Kind {
        matching(&self.local, address).next().map_or(Kind::Unicast, |route| route.kind)
    }

    /// Whether somebody has typed a local entry.
    pub(super) fn has_custom_local(&self) -> bool {
        self.has_custom_local
    }

    /// ip_route_add: adds an entry that somebody has typed.
    ///
    /// # Errors
    ///
    /// Why it makes no sense: [`RouteError`].
    pub(super) fn add(&mut self, interfaces: &Interfaces, table: Table, mut route: FibRoute) -> Result<(), RouteError> {
        self.check(interfaces, &mut route)?;
        let is_same = |other: &FibRoute| other.prefix == route.prefix && other.metric == route.metric;
        if self.list(table).iter().any(is_same) {
            return Err(RouteError::Errno(Errno::Exists));
        }
        self.has_custom_local |= route.kind == Kind::Local;
        self.insert(table, route);
        Ok(())
    }

    /// Adds an entry, or takes the place of the one of its prefix and metric (`ip route replace`).
    pub(super) fn replace(
        &mut self,
        interfaces: &Interfaces,
        table: Table,
        mut route: FibRoute,
    ) -> Result<(), RouteError> {
        self.check(interfaces, &mut route)?;
        let is_same = |other: &FibRoute| other.prefix == route.prefix && other.metric == route.metric;
        self.list_mut(table).retain(|other| !is_same(other));
        self.insert(table, route);
        Ok(())
    }

    /// fib_create_info, fib_check_nh: whether the next hop can be reached, and by which interface.
    pub(super) fn check(&self, interfaces: &Interfaces, route: &mut FibRoute) -> Result<(), RouteError> {
        if matches!(route.kind, Kind::Unreachable | Kind::Blackhole | Kind::Prohibit) {
            return Ok(());
        }
        if route.source.is_some_and(|source| self.kind_of(source) != Kind::Local) {
            return Err(RouteError::Text("Invalid prefsrc address"));
        }
        let is_up = |index| interfaces.get(index).is_some_and(|interface| interface.up);
        let Some(gateway) = route.gateway else {
            let oif = route.oif.ok_or(RouteError::Errno(Errno::NoSuchDevice))?;
            return if is_up(oif) { Ok(()) } else { Err(RouteError::Errno(Errno::NetworkDown)) };
        };
        if route.onlink {
            return match route.oif {
                Some(oif) if is_up(oif) => Ok(()),
                _ => Err(RouteError::Text("Nexthop device is not up")),
            };
        }
        let invalid = RouteError::Text("Nexthop has invalid gateway");
        let found = self.lookup(gateway, route.oif, Scope::Link).ok_or(invalid.clone())?;
        if found.kind != Kind::Unicast || found.gateway.is_some() {
            return Err(invalid);
        }
        let oif = found.oif.ok_or(invalid)?;
        if !is_up(oif) {
            return Err(RouteError::Errno(Errno::NetworkDown));
        }
        route.oif = Some(oif);
        Ok(())
    }
}

/// The order of a table's entries as a number: longer prefixes come first, and those of one length by their addresses.
fn order(address: Ipv4Addr, length: u8) -> u64 {
    let host_bits = u32::from(32 - length.min(32));
    let network = u64::from(address.to_bits()) >> host_bits << host_bits;
    u64::from(host_bits) << 32 | network
}

fn place(route: &FibRoute) -> u64 {
    order(route.prefix.addr(), route.prefix.prefix_len())
}

/// Fewer entries than this are looked at one by one.
const WORTH_A_SEARCH: usize = 16;

/// The entries of a table that are for a destination, longest prefixes first. Those of one length lie together, and only
/// one place among them can be its.
fn matching(table: &[FibRoute], destination: Ipv4Addr) -> impl Iterator<Item = &FibRoute> {
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

impl Kernel {
    /// Adds an entry to a table: `ip route add`.
    ///
    /// # Errors
    ///
    /// Why it makes no sense, or [`Errno::Exists`] for the same prefix and metric.
    pub fn add_route(&mut self, table: Table, route: FibRoute) -> Result<(), RouteError> {
        let told = route.clone();
        self.routes.add(&self.interfaces, table, route)?;
        self.note_route_change(&told, true);
        self.routes_changed();
        Ok(())
    }

    /// Adds an entry, in the place of the one of its prefix and metric if there is one: `ip route replace`.
    ///
    /// # Errors
    ///
    /// Why it makes no sense.
    pub fn replace_route(&mut self, table: Table, route: FibRoute) -> Result<(), RouteError> {
        let told = route.clone();
        self.routes.replace(&self.interfaces, table, route)?;
        self.note_route_change(&told, true);
        self.routes_changed();
        Ok(())
    }

    /// Takes the first entry of which `is_it` says so out of a table.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchProcess`] if there is none.
    pub fn delete_route(&mut self, table: Table, is_it: impl Fn(&FibRoute) -> bool) -> Result<(), Errno> {
        let at = self.routes.list(table).iter().position(is_it).ok_or(Errno::NoSuchProcess)?;
        let gone = self.routes.remove(table, at);
        self.note_route_change(&gone, false);
        self.routes_changed();
        Ok(())
    }
}

/// Why a route is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// With an errno.
    Errno(Errno),
    /// With the kernel's own words (extack).
    Text(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, metric: u32, oif: u32) -> FibRoute {
        FibRoute {
            prefix: prefix.parse().unwrap(),
            kind: Kind::Unicast,
            scope: Scope::Link,
            protocol: Protocol::Boot,
            metric,
            source: None,
            oif: Some(IfIndex(oif)),
            gateway: None,
            onlink: false,
            mtu: None,
        }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_metric() {
        let mut routes = Routes::default();
        for (prefix, metric, oif) in
            [("10.0.0.0/8", 0, 2), ("10.1.0.0/16", 10, 3), ("10.1.0.0/16", 5, 4), ("0.0.0.0/0", 0, 5)]
        {
            routes.insert(Table::Main, route(prefix, metric, oif));
        }
        let by = |ip: [u8; 4], oif| routes.lookup(ip.into(), oif, Scope::Global).and_then(|route| route.oif);
        assert_eq!(by([10, 1, 2, 3], None), Some(IfIndex(4)));
        assert_eq!(by([10, 1, 2, 3], Some(IfIndex(3))), Some(IfIndex(3)));
        assert_eq!(by([10, 2, 2, 3], None), Some(IfIndex(2)));
        assert_eq!(by([192, 0, 2, 1], None), Some(IfIndex(5)));
    }

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
                routes.insert(Table::Main, route(&prefix.to_string(), metric, 2));
            }
            let destination = address(destination);
            let found: Vec<_> = matching(&routes.main, destination).collect();
            let all: Vec<_> = routes.main.iter().filter(|route| route.prefix.contains(&destination)).collect();
            proptest::prop_assert_eq!(found, all);
        }
    }
}
