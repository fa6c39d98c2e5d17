//! The network as it is configured: who is plugged in where, which part everybody plays, whether the addresses make sense;
//! and its picture.
//!
//! [`Network`] is a survey of machines that have been set up: plain data, which the scenario makes. [`Graph`] is the same as
//! a graph (petgraph's) of switches and machines. [`plan`] checks the address plan, [`layout`] finds a place for everything,
//! and [`draw`], [`text`] and [`dot`] show it.

pub mod dot;
pub mod draw;
mod graph;
pub mod layout;
pub mod plan;
mod role;
pub mod text;

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use crate::wire::MacAddr;

pub use graph::{Graph, Vertex};
pub use role::Role;

/// A network of machines that have been set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// What the scenario is called.
    pub title: String,
    /// The switches' names.
    pub switches: Vec<String>,
    /// The machines, in the scenario's order.
    pub machines: Vec<Machine>,
}

/// A machine, as far as its configuration can be seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// It has no power: nobody hears from it.
    pub is_off: bool,
    /// Its interfaces, lo and tunnels included.
    pub interfaces: Vec<Interface>,
    /// Its routes to others' networks.
    pub routes: Vec<Route>,
    /// Whether it forwards packets.
    pub forwards: bool,
    /// The services that it balances.
    pub services: Vec<Service>,
    /// The virtual routers that its keepalived is configured for.
    pub virtual_routers: Vec<VirtualRouter>,
    /// Where programs wait for TCP connections.
    pub listening: Vec<SocketAddrV4>,
    /// Its keepalived.conf, if it has one.
    pub keepalived: Option<String>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The place of its switch in [`Network::switches`]; none for lo and tunnels.
    pub switch: Option<usize>,
    /// Its addresses, without 127.0.0.1.
    pub addresses: Vec<Address>,
    /// What arp_ignore comes to.
    pub arp_ignore: i32,
    /// What arp_announce comes to.
    pub arp_announce: i32,
    /// What rp_filter comes to.
    pub rp_filter: i32,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address and its network.
    pub net: Ipv4Net,
    /// Whether neighbours who ask for it by ARP get an answer.
    pub answers: bool,
    /// Whether it comes and goes: keepalived adds it when it is master.
    pub floats: bool,
}

/// A route by a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: Ipv4Net,
    /// By whom.
    pub gateway: Ipv4Addr,
}

/// A service that is balanced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name in listings, like "TCP 192.168.1.200:80" or "FWM 1".
    pub name: String,
    /// The virtual address; none for a firewall mark.
    pub address: Option<Ipv4Addr>,
    /// The virtual port; 0: any.
    pub port: u16,
    /// How it chooses.
    pub scheduler: String,
    /// How long a client stays with its server after its last connection, in seconds; none: each connection is on its own.
    pub persistence: Option<u64>,
    /// Whether each datagram is on its own (-o).
    pub one_packet: bool,
    /// From whom it chooses.
    pub servers: Vec<Server>,
}

/// A server of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its address and port.
    pub at: SocketAddrV4,
    /// How packets reach it.
    pub method: Method,
    /// Its share.
    pub weight: i32,
}

/// How packets reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Network address translation.
    Nat,
    /// Direct routing.
    Dr,
    /// In a tunnel.
    Tun,
}

/// A virtual router of VRRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualRouter {
    /// Its name in the configuration.
    pub name: String,
    /// Its number.
    pub vrid: u8,
    /// The interface that it speaks on.
    pub interface: String,
    /// Who is preferred.
    pub priority: u8,
    /// What the master holds.
    pub addresses: Vec<Ipv4Addr>,
}

impl Method {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Nat => "NAT",
            Method::Dr => "DR",
            Method::Tun => "TUN",
        }
    }
}

impl Machine {
    /// All its addresses and where they are.
    pub fn addresses(&self) -> impl Iterator<Item = (&Interface, &Address)> {
        self.interfaces.iter().flat_map(|interface| interface.addresses.iter().map(move |address| (interface, address)))
    }

    /// Whether it has this address, now or as a master.
    pub fn holds(&self, address: Ipv4Addr) -> bool {
        self.addresses().any(|(_, known)| known.net.addr() == address)
    }

    /// The switches that it is plugged into.
    pub fn switches(&self) -> impl Iterator<Item = usize> {
        self.interfaces.iter().filter_map(|interface| interface.switch)
    }
}

impl Network {
    /// Who has an address.
    pub fn holders(&self, address: Ipv4Addr) -> impl Iterator<Item = &Machine> {
        self.machines.iter().filter(move |machine| machine.holds(address))
    }

    /// The machine of this name.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.name == name)
    }

    /// The virtual addresses, in order: those of services and of virtual routers.
    pub fn virtual_addresses(&self) -> Vec<Ipv4Addr> {
        let of_services = self.services().filter_map(|(_, service)| service.address);
        let routers = self.machines.iter().flat_map(|machine| &machine.virtual_routers);
        let mut all: Vec<_> = of_services.chain(routers.flat_map(|router| router.addresses.iter().copied())).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// All services and whose they are.
    pub fn services(&self) -> impl Iterator<Item = (&Machine, &Service)> {
        self.machines.iter().flat_map(|machine| machine.services.iter().map(move |service| (machine, service)))
    }

    /// The entries of all services that lead to a machine.
    pub fn serves(&self, machine: &Machine) -> Vec<&Server> {
        let servers = self.services().filter(|(director, _)| director.name != machine.name);
        servers.flat_map(|(_, service)| &service.servers).filter(|server| machine.holds(*server.at.ip())).collect()
    }
}

#[cfg(test)]
mod tests;
