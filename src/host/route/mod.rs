//! The routing tables (the FIB): net/ipv4/fib_semantics.c, fib_frontend.c.
//!
//! `table` finds a destination's entries in a table (fib_trie.c), `rule` says which tables are asked (fib_rules.c), `hop`
//! chooses among several next hops.

mod hop;
mod rule;
mod table;

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::interface::{IfIndex, Interfaces, Scope};
use super::kernel::Kernel;
use super::socket::Errno;
pub use hop::Hop;
pub use rule::{Action, Rule};
use table::{matching, place};

/// What a way is looked up for: the kernel's struct flowi4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Where the packet is to go.
    pub destination: Ipv4Addr,
    /// Where it comes from; none: not known yet.
    pub source: Option<Ipv4Addr>,
    /// The interface that it has come in by; `lo` for what is made here.
    pub iif: IfIndex,
    /// The interface that it has to leave by, if it has to.
    pub oif: Option<IfIndex>,
    /// Its type of service.
    pub tos: u8,
    /// Its mark.
    pub mark: u32,
    /// The source need not be an address of this host (FLOWI_FLAG_ANYSRC).
    pub any_source: bool,
}

impl Query {
    /// For a packet made here, of which nothing else is known.
    pub const fn to(destination: Ipv4Addr) -> Query {
        Query { destination, source: None, iif: IfIndex::LO, oif: None, tos: 0, mark: 0, any_source: false }
    }
}

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
    /// The table that had it. Without rules of somebody's own, `local` and `main` are one.
    pub table: Table,
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
    /// The table has nothing for them, whatever shorter prefixes say.
    Throw,
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

/// A table, by its number (RT_TABLE_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table(pub u32);

impl Table {
    /// What is here.
    pub const LOCAL: Table = Table(255);
    /// What is elsewhere.
    pub const MAIN: Table = Table(254);
    /// What is asked last. Nothing is in it, unless somebody puts it there.
    pub const DEFAULT: Table = Table(253);
}

/// Its name (/etc/iproute2/rt_tables), or its number.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Table::LOCAL => f.write_str("local"),
            Table::MAIN => f.write_str("main"),
            Table::DEFAULT => f.write_str("default"),
            Table(number) => write!(f, "{number}"),
        }
    }
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
    /// Its next hops, if it has several: `oif`, `gateway` and `onlink` are not set then.
    pub hops: Box<[Hop]>,
}

impl FibRoute {
    /// fib_info_nh_uses_dev: whether packets leave by this interface, some of them at least.
    pub(super) fn leads_by(&self, oif: IfIndex) -> bool {
        self.oif == Some(oif) || self.hops.iter().any(|hop| !hop.dead && hop.oif == Some(oif))
    }

    /// Whether it has an answer for who has to leave by this interface.
    fn answers_for(&self, oif: IfIndex) -> bool {
        self.leads_by(oif) || self.oif.is_none() && self.hops.is_empty()
    }

    /// Whether it is an entry of its own beside another one.
    fn has_place_of(&self, other: &FibRoute) -> bool {
        self.prefix == other.prefix && self.metric == other.metric
    }
}

/// What a look-up has found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'r> {
    /// The entry.
    pub route: &'r FibRoute,
    /// The table that it is in.
    pub table: Table,
}

/// The tables of a host, and the rules that say which of them are asked.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    local: Vec<FibRoute>,
    main: Vec<FibRoute>,
    /// The tables that somebody has made, `default` among them. They stay when they are empty.
    others: Vec<(Table, Vec<FibRoute>)>,
    rules: rule::Rules,
    /// Somebody has typed a local entry, ever (fib_has_custom_local_routes).
    has_custom_local: bool,
    /// What the choice among next hops depends on besides the addresses.
    hash_key: u64,
}

impl Routes {
    /// Draws the key of the choice among next hops.
    pub(super) fn seed(&mut self, key: u64) {
        self.hash_key = key;
    }

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
        self.local.retain(|route| keep(Table::LOCAL, route));
        self.main.retain(|route| keep(Table::MAIN, route));
        for (table, list) in &mut self.others {
            list.retain(|route| keep(*table, route));
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut FibRoute> {
        let others = self.others.iter_mut().flat_map(|(_, list)| list);
        self.local.iter_mut().chain(&mut self.main).chain(others)
    }

    /// The entries of a table, longest prefixes first.
    pub fn list(&self, table: Table) -> &[FibRoute] {
        match table {
            Table::LOCAL => &self.local,
            Table::MAIN => &self.main,
            _ => self.others.iter().find(|(known, _)| *known == table).map_or(&[], |(_, list)| list),
        }
    }

    /// The tables that there are, in the order in which the kernel walks them.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = self.others.iter().map(|(table, _)| *table).collect();
        tables.extend([Table::MAIN, Table::LOCAL]);
        // FIB_TABLE_HASHSZ
        tables.sort_by_key(|table| table.0 % 256);
        tables
    }

    /// Takes the entry at this place of [`Routes::list`] out of a table.
    pub(super) fn remove(&mut self, table: Table, at: usize) -> FibRoute {
        self.list_mut(table).remove(at)
    }

    /// fib_new_table: a table is there when it is written to.
    fn list_mut(&mut self, table: Table) -> &mut Vec<FibRoute> {
        match table {
            Table::LOCAL => &mut self.local,
            Table::MAIN => &mut self.main,
            _ => {
                let at = self.others.iter().position(|(known, _)| *known == table).unwrap_or_else(|| {
                    self.others.push((table, Vec::new()));
                    self.others.len() - 1
                });
                &mut self.others[at].1
            }
        }
    }

    /// fib_lookup: the entry for a destination; only those that leave by `oif`, if given, and reach at least to `scope`.
    /// A rule that refuses answers as an entry for all destinations.
    pub fn lookup(&self, interfaces: &Interfaces, query: &Query, scope: Scope) -> Option<Found<'_>> {
        if self.rules.are_custom() {
            return self.ask_rules(interfaces, query, scope);
        }
        let found = suitable(matching(&self.local, query.destination), query, scope)
            .or_else(|| suitable(matching(&self.main, query.destination), query, scope))
            .filter(|route| route.kind != Kind::Throw);
        match found {
            Some(route) => Some(Found { route, table: Table::MAIN }),
            None => self.lookup_in(Table::DEFAULT, query, scope),
        }
    }

    /// fib_table_lookup
    fn lookup_in(&self, table: Table, query: &Query, scope: Scope) -> Option<Found<'_>> {
        let found = suitable(matching(self.list(table), query.destination), query, scope);
        found.filter(|route| route.kind != Kind::Throw).map(|route| Found { route, table })
    }

    /// inet_addr_type: what kind of address it is to this host, as the local table has it.
    pub fn kind_of(&self, address: Ipv4Addr) -> Kind {
        matching(&self.local, address).next().map_or(Kind::Unicast, |route| route.kind)
    }

    /// Whether somebody has typed a local entry or a rule: addresses of interfaces do not tell everything then.
    pub(super) fn are_custom(&self) -> bool {
        self.has_custom_local || self.rules.are_custom()
    }

    /// ip_route_add: adds an entry that somebody has typed.
    ///
    /// # Errors
    ///
    /// Why it makes no sense: [`RouteError`].
    pub(super) fn add(&mut self, interfaces: &Interfaces, table: Table, mut route: FibRoute) -> Result<(), RouteError> {
        self.check(interfaces, table, &mut route)?;
        if self.list(table).iter().any(|other| other.has_place_of(&route)) {
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
        self.check(interfaces, table, &mut route)?;
        self.list_mut(table).retain(|other| !other.has_place_of(&route));
        self.insert(table, route);
        Ok(())
    }

    /// fib_create_info: whether the next hops can be reached, and by which interfaces.
    fn check(&self, interfaces: &Interfaces, table: Table, route: &mut FibRoute) -> Result<(), RouteError> {
        if matches!(route.kind, Kind::Unreachable | Kind::Blackhole | Kind::Prohibit | Kind::Throw) {
            return Ok(());
        }
        if route.source.is_some_and(|source| self.kind_of(source) != Kind::Local) {
            return Err(RouteError::Text("Invalid prefsrc address"));
        }
        if route.hops.is_empty() {
            let only = Hop { oif: route.oif, gateway: route.gateway, onlink: route.onlink, ..Hop::default() };
            route.oif = Some(self.check_hop(interfaces, table, &only)?);
            return Ok(());
        }
        for hop in &mut route.hops {
            hop.oif = Some(self.check_hop(interfaces, table, hop)?);
        }
        Ok(())
    }

    /// fib_check_nh: by which interface a next hop is reached.
    fn check_hop(&self, interfaces: &Interfaces, table: Table, hop: &Hop) -> Result<IfIndex, RouteError> {
        let is_up = |index| interfaces.get(index).is_some_and(|interface| interface.up);
        let Some(gateway) = hop.gateway else {
            let oif = hop.oif.ok_or(RouteError::Errno(Errno::NoSuchDevice))?;
            return if is_up(oif) { Ok(oif) } else { Err(RouteError::Errno(Errno::NetworkDown)) };
        };
        if hop.onlink {
            let oif = hop.oif.ok_or(RouteError::Text("Nexthop device required for onlink"))?;
            return if is_up(oif) { Ok(oif) } else { Err(RouteError::Text("Nexthop device is not up")) };
        }
        let invalid = RouteError::Text("Nexthop has invalid gateway");
        let query = Query { oif: hop.oif, ..Query::to(gateway) };
        let found = self.lookup_in(table, &query, Scope::Link);
        let found = found.or_else(|| self.lookup(interfaces, &query, Scope::Link)).ok_or(invalid.clone())?.route;
        if found.kind != Kind::Unicast || found.gateway.is_some() {
            return Err(invalid);
        }
        let oif = found.oif.ok_or(invalid)?;
        if is_up(oif) { Ok(oif) } else { Err(RouteError::Errno(Errno::NetworkDown)) }
    }
}

/// The first entry that the question leaves.
fn suitable<'r>(mut all: impl Iterator<Item = &'r FibRoute>, query: &Query, scope: Scope) -> Option<&'r FibRoute> {
    all.find(|route| route.scope >= scope && query.oif.is_none_or(|oif| route.answers_for(oif)))
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
        self.note_route_change(table, &told, true);
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
        self.note_route_change(table, &told, true);
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
        self.note_route_change(table, &gone, false);
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

    pub(super) fn route(prefix: &str, metric: u32, oif: u32) -> FibRoute {
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
            hops: Box::default(),
        }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_metric() {
        let mut routes = Routes::default();
        for (prefix, metric, oif) in
            [("10.0.0.0/8", 0, 2), ("10.1.0.0/16", 10, 3), ("10.1.0.0/16", 5, 4), ("0.0.0.0/0", 0, 5)]
        {
            routes.insert(Table::MAIN, route(prefix, metric, oif));
        }
        let interfaces = Interfaces::default();
        let by = |ip: [u8; 4], oif| {
            let query = Query { oif, ..Query::to(ip.into()) };
            routes.lookup(&interfaces, &query, Scope::Global).and_then(|found| found.route.oif)
        };
        assert_eq!(by([10, 1, 2, 3], None), Some(IfIndex(4)));
        assert_eq!(by([10, 1, 2, 3], Some(IfIndex(3))), Some(IfIndex(3)));
        assert_eq!(by([10, 2, 2, 3], None), Some(IfIndex(2)));
        assert_eq!(by([192, 0, 2, 1], None), Some(IfIndex(5)));
    }
}
