//! What the machines are like at a moment: the facts that a diagnosis looks at, without the machines themselves.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::host::route::Table;
use crate::host::sysctl::Conf;
use crate::host::{Interface, Kernel, TcpState};
use crate::ids::Port;
use crate::ipvs::{DestOptions, ServiceKey, ServiceOptions};

/// A machine at a moment.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Its network interfaces.
    pub interfaces: Vec<Nic>,
    /// The main routing table: where to, by which router, by which interface.
    pub routes: Vec<Way>,
    /// net.ipv4.ip_forward
    pub forwards: bool,
    /// What IPVS balances.
    pub services: Vec<Balanced>,
    /// Where programs wait for TCP connections.
    pub listening: Vec<SocketAddrV4>,
}

/// A network interface.
#[derive(Clone, Debug)]
pub struct Nic {
    /// Its name.
    pub name: String,
    /// Its place among the machine's cards, if it is one.
    pub port: Option<Port>,
    /// Whether it is switched on.
    pub up: bool,
    /// Its addresses, and the lengths of their prefixes.
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// What arp_ignore comes to.
    pub arp_ignore: i32,
    /// What arp_announce comes to.
    pub arp_announce: i32,
    /// What rp_filter comes to.
    pub rp_filter: i32,
}

/// An entry of a routing table.
#[derive(Clone, Debug)]
pub struct Way {
    /// Which destinations: an address and the length of its prefix.
    pub prefix: (Ipv4Addr, u8),
    /// The next router; none on the link.
    pub gateway: Option<Ipv4Addr>,
}

/// A virtual service and its servers.
#[derive(Clone, Debug)]
pub struct Balanced {
    /// What it is known by.
    pub key: ServiceKey,
    /// How it is balanced.
    pub options: ServiceOptions,
    /// Its real servers.
    pub servers: Vec<DestOptions>,
}

impl Machine {
    pub(super) fn of(kernel: &mut Kernel) -> Machine {
        let services = balanced(kernel);
        let listening = kernel.tcp_sockets().filter(|socket| socket.state == TcpState::Listen);
        Machine {
            interfaces: kernel.interfaces().map(|interface| nic(kernel, interface)).collect(),
            routes: kernel
                .routes()
                .list(Table::MAIN)
                .iter()
                .map(|route| Way { prefix: (route.prefix.addr(), route.prefix.prefix_len()), gateway: route.gateway })
                .collect(),
            forwards: kernel.sysctl().ip_forward(),
            services,
            listening: listening.map(|socket| socket.local).collect(),
        }
    }

    /// The interface that has an address.
    pub fn holder(&self, address: Ipv4Addr) -> Option<&Nic> {
        self.interfaces.iter().find(|nic| nic.addresses.iter().any(|(ip, _)| *ip == address))
    }

    /// All addresses but those of 127.0.0.0/8.
    pub fn addresses(&self) -> impl Iterator<Item = (&Nic, Ipv4Addr, u8)> {
        let all = self.interfaces.iter().flat_map(|nic| nic.addresses.iter().map(move |(ip, len)| (nic, *ip, *len)));
        all.filter(|(_, ip, _)| !ip.is_loopback())
    }
}

fn nic(kernel: &Kernel, interface: &Interface) -> Nic {
    let conf = |conf| kernel.sysctl().conf(interface.index, conf);
    Nic {
        name: interface.name.clone(),
        port: interface.port(),
        up: interface.up,
        addresses: interface.addresses.iter().map(|address| (address.ip, address.prefix_len)).collect(),
        arp_ignore: conf(Conf::ArpIgnore),
        arp_announce: conf(Conf::ArpAnnounce),
        rp_filter: conf(Conf::RpFilter),
    }
}

fn balanced(kernel: &mut Kernel) -> Vec<Balanced> {
    let ipvs = kernel.ipvs();
    let service = |key| {
        let (service, servers) = ipvs.service(key)?;
        let servers = servers.into_iter().map(|server| *server.options()).collect();
        Some(Balanced { key, options: service.options().clone(), servers })
    };
    ipvs.service_keys().into_iter().filter_map(service).collect()
}
