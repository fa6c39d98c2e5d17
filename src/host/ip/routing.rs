//! Where packets go: net/ipv4/route.c, and fib_frontend.c's validation of sources.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::interface::{Address, IfIndex, Interface, Scope};
use super::super::kernel::Kernel;
use super::super::route::{FibRoute, Kind, Query, Route, RouteKind, Table};
use super::super::socket::Errno;
use super::super::sysctl::{Conf, DecidedBy};
use crate::reason::{Ip, IpDrop, Note, RefusingRoute, Setting};

/// Where a packet that has come in is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Arrival {
    /// It is for this host: its address, a broadcast, a group that it has joined.
    Local {
        /// Which of them.
        kind: RouteKind,
        /// The local table's entry that makes it so, and its interface.
        entry: Option<(Ipv4Net, Option<IfIndex>)>,
    },
    /// It is passed on; `redirect` says that the sender could have sent it there itself.
    Forward {
        /// Its way.
        route: Route,
        /// Whether the sender is to be told of a better way.
        redirect: bool,
    },
}

impl Kernel {
    /// ip_route_output_key_hash_rcu: the way of a packet made here. `source` must be an address of this host if given.
    ///
    /// # Errors
    ///
    /// As [`Kernel::route_query`].
    pub fn route_output(
        &mut self,
        destination: Ipv4Addr,
        source: Option<Ipv4Addr>,
        oif: Option<IfIndex>,
    ) -> Result<Route, Errno> {
        self.route_query(&Query { source, oif, ..Query::to(destination) })
    }

    /// ip_route_output_key_hash_rcu: the way of a packet made here, by everything that rules may ask for.
    ///
    /// # Errors
    ///
    /// [`Errno::NetworkUnreachable`] without a route, [`Errno::HostUnreachable`], [`Errno::NotPermitted`] or
    /// [`Errno::InvalidArgument`] if one refuses, [`Errno::InvalidArgument`] for a source that is not ours,
    /// [`Errno::NetworkDown`] if the interface is off.
    pub fn route_query(&mut self, query: &Query) -> Result<Route, Errno> {
        let Query { destination, source, mut oif, .. } = *query;
        let is_many = destination.is_multicast() || destination.is_broadcast();
        if let Some(source) = source {
            if source.is_multicast() || source.is_broadcast() || source.is_unspecified() {
                return Err(Errno::InvalidArgument);
            }
            if !query.any_source && self.routes.kind_of(source) != Kind::Local {
                return Err(Errno::InvalidArgument);
            }
            if oif.is_none() && is_many {
                let holder = self.interfaces.addresses().find(|(_, address)| address.ip == source);
                let holder = holder.map(|(interface, _)| interface.index).ok_or(Errno::InvalidArgument)?;
                return Ok(self.direct_route(destination, Some(source), holder));
            }
        }
        if let Some(index) = oif {
            let interface = self.interfaces.get(index).ok_or(Errno::NoSuchDevice)?;
            if !interface.up {
                return Err(Errno::NetworkUnreachable);
            }
            if destination.is_broadcast() || destination.octets()[..3] == [224, 0, 0] {
                return Ok(self.direct_route(destination, source, index));
            }
        }
        let destination =
            if destination.is_unspecified() { source.unwrap_or(Ipv4Addr::LOCALHOST) } else { destination };
        if self.routes.kind_of(destination) == Kind::Local {
            // A local destination is found whatever interface was asked for.
            oif = None;
        }
        let query = Query { destination, oif, ..*query };
        let looked_up = self.routes.lookup(&self.interfaces, &query, Scope::Global).ok_or(Errno::NetworkUnreachable);
        let found = looked_up.and_then(|found| match found.route.kind {
            Kind::Unreachable => Err(Errno::HostUnreachable),
            Kind::Prohibit => Err(Errno::AccessDenied),
            Kind::Blackhole => Err(Errno::InvalidArgument),
            _ => Ok(found),
        });
        let found = match (found, oif) {
            (Ok(found), _) => found,
            // Bound to an interface, one sends as if everything were on its link.
            (Err(_), Some(index)) => return Ok(self.direct_route(destination, source, index)),
            (Err(error), None) => return Err(error),
        };
        let (table, found) = (found.table, found.route);
        let kind = match found.kind {
            Kind::Local => {
                let preferred = source.or(found.source).unwrap_or(destination);
                let mtu = self.interfaces.get(IfIndex::LO).map_or(65_536, |lo| lo.mtu);
                let (kind, prefix) = (RouteKind::Local, Some(found.prefix));
                return Ok(Route { kind, oif: IfIndex::LO, gateway: None, source: preferred, mtu, prefix, table });
            }
            Kind::Broadcast => RouteKind::Broadcast,
            Kind::Unicast if destination.is_multicast() => RouteKind::Multicast,
            _ => RouteKind::Unicast,
        };
        let (oif, gateway) = self.routes.choose(found, &query).ok_or(Errno::NetworkUnreachable)?;
        let (found_source, own_mtu, prefix, scope) = (found.source, found.mtu, Some(found.prefix), found.scope);
        let source = source.or(found_source).unwrap_or_else(|| self.select_address(oif, gateway, scope));
        let exception = self.exceptions.get(destination, self.now);
        let mtu = self.interfaces.get(oif).map_or(1500, |interface| interface.mtu).min(own_mtu.unwrap_or(u32::MAX));
        Ok(Route {
            kind,
            oif,
            gateway: exception.and_then(|exception| exception.gateway).or(gateway),
            source,
            mtu: exception.and_then(|exception| exception.mtu).map_or(mtu, |path| path.min(mtu)),
            prefix,
            table,
        })
    }

    /// A way straight onto the link, without asking the tables.
    fn direct_route(&self, destination: Ipv4Addr, source: Option<Ipv4Addr>, oif: IfIndex) -> Route {
        let kind = match destination {
            ip if ip.is_multicast() => RouteKind::Multicast,
            ip if ip.is_broadcast() => RouteKind::Broadcast,
            _ => RouteKind::Unicast,
        };
        let source = source.unwrap_or_else(|| self.select_address(oif, None, Scope::Link));
        let mtu = self.interfaces.get(oif).map_or(1500, |interface| interface.mtu);
        Route { kind, oif, gateway: None, source, mtu, prefix: None, table: Table::MAIN }
    }

    /// inet_select_addr: the address to speak from on an interface: the first primary one, better one of `towards`'
    /// subnet, else one of another interface.
    pub(in crate::host) fn select_address(&self, index: IfIndex, towards: Option<Ipv4Addr>, scope: Scope) -> Ipv4Addr {
        if let Some(interface) = self.interfaces.get(index) {
            let reaches = |address: &&Address| !address.secondary && self.reach(interface, address) <= scope;
            let usable = || interface.addresses.iter().filter(reaches);
            let near = usable().find(|address| towards.is_none_or(|ip| address.shares_subnet_with(ip)));
            if let Some(address) = near.or_else(|| usable().next()) {
                return address.ip;
            }
        }
        let elsewhere = self
            .interfaces
            .addresses()
            .find(|(_, address)| !address.secondary && address.scope != Scope::Link && address.scope <= scope);
        elsewhere.map_or(Ipv4Addr::UNSPECIFIED, |(_, address)| address.ip)
    }

    /// An address's scope, which route_localnet widens.
    pub(in crate::host) fn reach(&self, interface: &Interface, address: &Address) -> Scope {
        let limit = if self.sysctl.conf(interface.index, Conf::RouteLocalnet) != 0 { Scope::Link } else { Scope::Host };
        address.scope.min(limit)
    }

    /// ip_route_input: what to do with a packet that has come in by the query's `iif` from its source.
    ///
    /// # Errors
    ///
    /// Why it goes nowhere.
    pub(in crate::host) fn route_input(&mut self, query: &Query) -> Result<Arrival, IpDrop> {
        let Query { destination, iif, .. } = *query;
        let source = query.source.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let found = match destination.is_multicast() {
            true => self.route_input_multicast(query, source),
            false => self.route_input_unicast(query, source),
        };
        if let Err(why) = &found
            && why.is_martian()
            && self.sysctl.conf(iif, Conf::LogMartians) != 0
        {
            let interface = self.interface_name(iif).to_owned();
            self.out.note(|| Note::Ip(Ip::MartianLogged { source, destination, interface }));
        }
        found
    }

    /// ip_route_input_slow
    fn route_input_unicast(&mut self, query: &Query, source: Ipv4Addr) -> Result<Arrival, IpDrop> {
        let Query { destination, iif, .. } = *query;
        let is_inside = destination.is_loopback() || source.is_loopback();
        let loopback_is_routed = is_inside && self.sysctl.conf(iif, Conf::RouteLocalnet) != 0;
        if source.is_multicast() || source.is_broadcast() {
            return Err(IpDrop::MartianSource { source });
        }
        if destination.is_broadcast() || source.is_unspecified() && destination.is_unspecified() {
            return self.route_input_broadcast(query, source);
        }
        if source.octets()[0] == 0 {
            return Err(IpDrop::MartianSource { source });
        }
        if destination.octets()[0] == 0 || destination.is_loopback() && !loopback_is_routed {
            return Err(IpDrop::MartianDestination { destination });
        }
        if source.is_loopback() && !loopback_is_routed {
            return Err(IpDrop::MartianSource { source });
        }
        let forwards = self.sysctl.conf(iif, Conf::Forwarding) != 0;
        let not_found = match forwards {
            true => IpDrop::NoRoute { destination },
            false => IpDrop::NotForwarding { destination },
        };
        let Some(found) = self.routes.lookup(&self.interfaces, query, Scope::Global) else { return Err(not_found) };
        let (table, found) = (found.table, found.route);
        let refused = |route| Err(IpDrop::Refused { destination, route });
        match found.kind {
            Kind::Broadcast => return self.route_input_broadcast(query, source),
            Kind::Local => {
                let entry = Some((found.prefix, found.oif));
                self.validate_source(query, source, None)?;
                return Ok(Arrival::Local { kind: RouteKind::Local, entry });
            }
            _ if !forwards => return Err(not_found),
            Kind::Unreachable => return refused(RefusingRoute::Unreachable),
            Kind::Prohibit => return refused(RefusingRoute::Prohibit),
            Kind::Blackhole => return refused(RefusingRoute::Blackhole),
            Kind::Unicast | Kind::Throw => {}
        }
        let Some((oif, gateway)) = self.routes.choose(found, query) else { return Err(not_found) };
        let (own_mtu, prefix) = (found.mtu, Some(found.prefix));
        let is_direct = self.validate_source(query, source, Some(oif))?;
        let exception = self.exceptions.get(destination, self.now).and_then(|exception| exception.gateway);
        let gateway = exception.or(gateway);
        let mtu = self.interfaces.get(oif).map_or(1500, |interface| interface.mtu).min(own_mtu.unwrap_or(u32::MAX));
        let route = Route { kind: RouteKind::Unicast, oif, gateway, source: Ipv4Addr::UNSPECIFIED, mtu, prefix, table };
        let redirect = oif == iif
            && is_direct
            && self.sysctl.conf(oif, Conf::SendRedirects) != 0
            && (self.sysctl.conf(oif, Conf::SharedMedia) != 0
                || self.is_on_link(oif, source, gateway.unwrap_or(destination)));
        Ok(Arrival::Forward { route, redirect })
    }

    fn route_input_broadcast(&mut self, query: &Query, source: Ipv4Addr) -> Result<Arrival, IpDrop> {
        if source.octets()[0] != 0 {
            self.validate_source(query, source, None)?;
        }
        Ok(Arrival::Local { kind: RouteKind::Broadcast, entry: None })
    }

    fn route_input_multicast(&mut self, query: &Query, source: Ipv4Addr) -> Result<Arrival, IpDrop> {
        let Query { destination: group, iif, .. } = *query;
        if !self.is_member(group, iif) {
            return Err(IpDrop::NotJoined { group });
        }
        let is_inside = source.is_loopback() && self.sysctl.conf(iif, Conf::RouteLocalnet) == 0;
        let is_nobody = source.octets()[0] == 0 && group.octets()[..3] != [224, 0, 0];
        if source.is_multicast() || source.is_broadcast() || is_inside || is_nobody {
            return Err(IpDrop::MartianSource { source });
        }
        if source.octets()[0] != 0 {
            self.validate_source(query, source, None)?;
        }
        Ok(Arrival::Local { kind: RouteKind::Multicast, entry: None })
    }

    /// ip_check_mc_rcu: whether this host takes part in a group. Every host is one of all (224.0.0.1).
    pub(in crate::host) fn is_member(&self, group: Ipv4Addr, iif: IfIndex) -> bool {
        group == Ipv4Addr::new(224, 0, 0, 1) || self.udp.is_member(group, iif) || self.raw.is_member(group, iif)
    }

    /// inet_addr_onlink: whether both addresses are of one subnet of the interface.
    pub(super) fn is_on_link(&self, index: IfIndex, one: Ipv4Addr, other: Ipv4Addr) -> bool {
        let both = |address: &Address| address.shares_subnet_with(one) && address.shares_subnet_with(other);
        self.interfaces.get(index).is_some_and(|interface| interface.addresses.iter().any(both))
    }

    /// fib_validate_source: whether a packet from this source may come in here. True if its sender is on the link.
    fn validate_source(&mut self, query: &Query, source: Ipv4Addr, oif: Option<IfIndex>) -> Result<bool, IpDrop> {
        let iif = query.iif;
        let filter = self.sysctl.effective(iif, Conf::RpFilter);
        let accepts_local = self.sysctl.conf(iif, Conf::AcceptLocal) != 0;
        let redirects = || self.sysctl.conf(iif, Conf::SendRedirects) != 0;
        if filter.value == 0 && (oif != Some(iif) || !redirects()) {
            // Not what the local table has: a subnet on lo is local, but its addresses are others' as well.
            if accepts_local {
                return Ok(false);
            }
            if !self.routes.are_custom() {
                return if self.has_address(source) { Err(IpDrop::SourceIsOurs { source }) } else { Ok(false) };
            }
        }
        let refused = || {
            let column = match filter.by {
                DecidedBy::All => "all",
                DecidedBy::Interface => self.interface_name(iif),
            };
            let setting =
                Setting { name: format!("net.ipv4.conf.{column}.rp_filter").into(), value: i64::from(filter.value) };
            IpDrop::ReversePath { source, setting }
        };
        let last_resort = || if filter.value == 0 { Ok(false) } else { Err(refused()) };
        // The mark does not count on the way back, unless src_valid_mark says so.
        let back = Query {
            source: Some(query.destination),
            iif: oif.unwrap_or(IfIndex::LO),
            tos: query.tos,
            ..Query::to(source)
        };
        let Some(found) = self.routes.lookup(&self.interfaces, &back, Scope::Global) else { return last_resort() };
        let found = found.route;
        match found.kind {
            Kind::Unicast => {}
            Kind::Local if accepts_local => {}
            Kind::Local => return Err(IpDrop::SourceIsOurs { source }),
            _ => return Err(IpDrop::MartianSource { source }),
        }
        if found.leads_by(iif) {
            return Ok(found.gateway.is_none());
        }
        if self.interfaces.get(iif).is_none_or(|interface| interface.addresses.is_empty()) {
            return last_resort();
        }
        if filter.value == 1 {
            return Err(refused());
        }
        // Loose: another way back will do. Whether the sender is on this link, too, matters to redirects.
        let by_iif = self.routes.lookup(&self.interfaces, &Query { oif: Some(iif), ..back }, Scope::Global);
        let is_direct = |route: &FibRoute| route.kind == Kind::Unicast && route.gateway.is_none();
        Ok(by_iif.is_some_and(|found| is_direct(found.route)))
    }

    /// inet_lookup_ifaddr_rcu: whether an interface has this very address.
    fn has_address(&self, address: Ipv4Addr) -> bool {
        self.interfaces.iter().any(|interface| interface.addresses.iter().any(|own| own.ip == address))
    }

    /// inet_addr_type == RTN_LOCAL: whether the address is one of this host's, as the local table has it.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        self.routes.kind_of(address) == Kind::Local
    }

    /// The name of an interface.
    pub(in crate::host) fn interface_name(&self, index: IfIndex) -> &str {
        self.interfaces.get(index).map_or("?", |interface| &interface.name)
    }
}
