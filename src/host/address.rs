//! Addresses of interfaces: net/ipv4/devinet.c, and what fib_frontend.c makes of them.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::interface::{Address, IfIndex, Scope};
use super::kernel::Kernel;
use super::process::WaitOn;
use super::route::{FibRoute, Kind, Protocol, Table};
use super::socket::Errno;
use super::sysctl::Conf;

impl Kernel {
    /// inet_rtm_newaddr: gives an interface an address. An earlier one of the same subnet makes it a secondary one.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`] if the interface has it already, [`Errno::InvalidArgument`] if an address of the same subnet has
    /// another scope, [`Errno::NoSuchDevice`].
    pub fn add_address(&mut self, index: IfIndex, mut address: Address) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(index).ok_or(Errno::NoSuchDevice)?;
        // __inet_insert_ifa: primary addresses come first, wider scopes before narrower ones.
        let mut after = 0;
        for (at, other) in interface.addresses.iter().enumerate() {
            if !other.secondary && address.scope <= other.scope {
                after = at + 1;
            }
            if other.prefix_len == address.prefix_len && other.shares_subnet_with(address.ip) {
                if other.ip == address.ip {
                    return Err(Errno::Exists);
                }
                if other.scope != address.scope {
                    return Err(Errno::InvalidArgument);
                }
                address.secondary = true;
            }
        }
        let at = if address.secondary { interface.addresses.len() } else { after };
        interface.addresses.insert(at, address.clone());
        if interface.up {
            self.note_address(index, address.ip, true);
        }
        self.note_address_change(index, &address, true);
        self.sysctl.settle(index);
        self.add_address_routes(index, &address);
        self.wake(WaitOn::Links);
        Ok(())
    }

    /// inet_del_ifa: takes an address away; with a primary one go the secondary ones of its subnet, unless they are
    /// promoted (promote_secondaries).
    ///
    /// # Errors
    ///
    /// [`Errno::AddressNotAvailable`] if the interface has no such address.
    pub fn delete_address(&mut self, index: IfIndex, ip: Ipv4Addr, prefix_len: Option<u8>) -> Result<(), Errno> {
        let promote = self.sysctl.conf(index, Conf::PromoteSecondaries) != 0;
        let interface = self.interfaces.get_mut(index).ok_or(Errno::NoSuchDevice)?;
        let is_it = |address: &Address| address.ip == ip && prefix_len.is_none_or(|len| len == address.prefix_len);
        let at = interface.addresses.iter().position(is_it).ok_or(Errno::AddressNotAvailable)?;
        let address = interface.addresses.remove(at);
        let mut gone = vec![address.clone()];
        if !address.secondary {
            let belongs = |other: &Address| {
                other.secondary && other.prefix_len == address.prefix_len && address.shares_subnet_with(other.ip)
            };
            if promote {
                if let Some(heir) = interface.addresses.iter_mut().find(|other| belongs(other)) {
                    heir.secondary = false;
                }
            } else {
                gone.extend(interface.addresses.extract_if(.., |other| belongs(other)));
            }
        }
        let (is_last, up) = (interface.addresses.is_empty(), interface.up);
        self.wake(WaitOn::Links);
        for address in &gone {
            if up {
                self.note_address(index, address.ip, false);
            }
            self.note_address_change(index, address, false);
            self.delete_address_routes(index, address);
            self.forget_masqueraded(index, Some(address.ip));
        }
        if is_last {
            self.disable_ip(index, true);
        }
        self.routes_changed();
        Ok(())
    }

    /// fib_add_ifaddr: an address makes routes to itself, to its subnet, and to the subnet's broadcast address.
    pub(super) fn add_address_routes(&mut self, index: IfIndex, address: &Address) {
        let Some(interface) = self.interfaces.get(index) else { return };
        // A secondary address's routes prefer the primary one as their source.
        let primary = interface.addresses.iter().find(|other| {
            !other.secondary && other.prefix_len == address.prefix_len && other.shares_subnet_with(address.ip)
        });
        let source = primary.map_or(address.ip, |primary| primary.ip);
        let (up, loopback) = (interface.up, interface.is_loopback());
        let route = |kind, scope, prefix| FibRoute {
            prefix,
            kind,
            scope,
            protocol: Protocol::Kernel,
            metric: 0,
            source: Some(source),
            oif: Some(index),
            gateway: None,
            onlink: false,
            mtu: None,
            hops: Box::default(),
        };
        self.routes.insert(Table::LOCAL, route(Kind::Local, Scope::Host, Ipv4Net::from(address.ip)));
        if up {
            let subnet = address.subnet();
            let mut broadcasts: Vec<_> = address.broadcast.filter(|ip| !ip.is_broadcast()).into_iter().collect();
            if !subnet.addr().is_unspecified() && !address.secondary && address.prefix_len < 32 {
                let (table, kind, scope) = match loopback {
                    true => (Table::LOCAL, Kind::Local, Scope::Host),
                    false => (Table::MAIN, Kind::Unicast, Scope::Link),
                };
                if !address.no_prefix_route {
                    self.routes.insert(table, route(kind, scope, subnet));
                }
                if address.prefix_len < 31 {
                    broadcasts.push(subnet.broadcast());
                }
            }
            for ip in broadcasts {
                self.routes.insert(Table::LOCAL, route(Kind::Broadcast, Scope::Link, Ipv4Net::from(ip)));
            }
        }
        self.routes_changed();
    }

    /// fib_del_ifaddr: what the address has brought goes with it, unless another one still needs it.
    fn delete_address_routes(&mut self, index: IfIndex, address: &Address) {
        let Some(interface) = self.interfaces.get(index) else { return };
        let subnet = address.subnet();
        let shares = |other: &Address| other.prefix_len == address.prefix_len && other.shares_subnet_with(address.ip);
        let subnet_stays = interface.addresses.iter().any(shares);
        let is_broadcast_of = |ip: Ipv4Addr, other: &Address| {
            other.broadcast == Some(ip) || other.prefix_len < 31 && other.subnet().broadcast() == ip
        };
        let brought = [Some(subnet.broadcast()).filter(|_| address.prefix_len < 31), address.broadcast];
        let stale: Vec<_> = brought
            .into_iter()
            .flatten()
            .filter(|ip| !interface.addresses.iter().any(|other| is_broadcast_of(*ip, other)))
            .collect();
        let is_elsewhere = self.interfaces.addresses().any(|(_, other)| other.ip == address.ip);
        let by_interface = |route: &FibRoute| route.oif == Some(index) && route.protocol == Protocol::Kernel;
        self.routes.retain(|table, route| {
            let is_stale_broadcast =
                route.kind == Kind::Broadcast && stale.iter().any(|ip| route.prefix == Ipv4Net::from(*ip));
            let is_subnet = !subnet_stays && route.prefix == subnet && address.prefix_len < 32;
            let is_self =
                table == Table::LOCAL && route.kind == Kind::Local && route.prefix == Ipv4Net::from(address.ip);
            let is_own = by_interface(route) && (is_stale_broadcast || is_subnet || is_self);
            // fib_sync_down_addr: routes that prefer an address which is no longer local are of no use. Nobody looks after
            // other tables.
            let is_looked_after = [Table::LOCAL, Table::MAIN].contains(&table) && route.kind != Kind::Local;
            let prefers_lost = !is_elsewhere && route.source == Some(address.ip) && is_looked_after;
            !(is_own || prefers_lost)
        });
        // The address may still be there on another interface, or in another subnet of this one.
        let again = self.interfaces.addresses().find(|(_, other)| other.ip == address.ip);
        if let Some((again, other)) = again.map(|(interface, other)| (interface.index, other.clone())) {
            self.add_address_routes(again, &other);
        }
        // A subnet that prefers the lost primary's address gets the next one's.
        let heir =
            self.interfaces.get(index).and_then(|interface| interface.addresses.iter().find(|other| shares(other)));
        if let Some(heir) = heir.cloned() {
            self.add_address_routes(index, &heir);
        }
    }

    /// fib_disable_ip: the interface can no longer be used for IP. Local addresses stay local, unless `force`.
    pub(super) fn disable_ip(&mut self, index: IfIndex, force: bool) {
        self.routes.interface_lost(index, force);
        self.routes_changed();
        self.neighbours_down(index);
    }
}
