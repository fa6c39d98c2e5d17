//! What the machines of a lab are configured to do: read off their kernels and their keepalived.conf when the set-up is done.

use std::net::SocketAddr;

use ipnet::Ipv4Net;

use super::plan::Node;
use crate::host::route::Table;
use crate::host::sysctl::Conf;
use crate::host::{Kernel, TcpState};
use crate::ipvs::{Method, ServiceKey};
use crate::keepalived::conf;
use crate::topo;

/// Where keepalived has its configuration.
const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";

/// A machine of the plan.
pub(super) fn machine(node: &Node, kernel: &mut Kernel) -> topo::Machine {
    let switch = |name: &str| node.interfaces.iter().find(|it| it.name == name).map(|it| it.switch);
    let mut interfaces = Vec::new();
    for interface in kernel.interfaces() {
        let addresses = interface.addresses.iter().filter(|address| !address.ip.is_loopback());
        let addresses = addresses.filter_map(|address| {
            let net = Ipv4Net::new(address.ip, address.prefix_len).ok()?;
            Some(topo::Address { net, answers: interface.up && kernel.answers_arp(address.ip), floats: false })
        });
        let addresses: Vec<_> = addresses.collect();
        let (name, mac) = (interface.name.clone(), interface.mac);
        let switch = switch(&name);
        // Tunnels without addresses, which come with their modules, are nobody's business.
        if switch.is_some() || !addresses.is_empty() {
            let conf = |conf| kernel.sysctl().conf(interface.index, conf);
            interfaces.push(topo::Interface {
                switch,
                name,
                mac,
                addresses,
                arp_ignore: conf(Conf::ArpIgnore),
                arp_announce: conf(Conf::ArpAnnounce),
                rp_filter: conf(Conf::RpFilter),
            });
        }
    }
    // What is plugged in first, then lo and tunnels.
    interfaces.sort_by_key(|interface| interface.switch.is_none());
    let mut machine = topo::Machine {
        name: node.name.clone(),
        is_off: false,
        interfaces,
        routes: routes(kernel),
        forwards: kernel.sysctl().ip_forward(),
        services: services(kernel),
        virtual_routers: Vec::new(),
        listening: kernel.tcp_sockets().filter(|it| it.state == TcpState::Listen).map(|it| it.local).collect(),
        keepalived: kernel.read_path(KEEPALIVED_CONF).ok().map(|text| String::from_utf8_lossy(&text).into_owned()),
    };
    if let Some(text) = machine.keepalived.clone() {
        add_keepalived(&mut machine, &text);
    }
    machine
}

/// What is left of a machine that has lost its power: it answers nobody, and virtual addresses are gone.
pub(super) fn switch_off(machine: &mut topo::Machine) {
    machine.is_off = true;
    let floating =
        |it: &topo::Address| machine.virtual_routers.iter().any(|own| own.addresses.contains(&it.net.addr()));
    for address in machine.interfaces.iter_mut().flat_map(|interface| &mut interface.addresses) {
        address.floats = floating(address);
        address.answers = false;
    }
}

fn routes(kernel: &Kernel) -> Vec<topo::Route> {
    let listed = kernel.routes().list(Table::MAIN).iter();
    listed.filter_map(|route| Some(topo::Route { to: route.prefix, gateway: route.gateway? })).collect()
}

fn services(kernel: &mut Kernel) -> Vec<topo::Service> {
    let ipvs = kernel.ipvs();
    let mut services = Vec::new();
    for key in ipvs.service_keys() {
        let Some((service, servers)) = ipvs.service(key) else { continue };
        let server = |server: &&crate::ipvs::Dest| topo::Server {
            at: server.endpoint(),
            method: match server.options().method {
                Method::Masquerade => topo::Method::Nat,
                Method::Tunnel => topo::Method::Tun,
                Method::Route | Method::Bypass => topo::Method::Dr,
            },
            weight: server.weight(),
        };
        let address = match key {
            ServiceKey::Address { address, .. } => Some(address),
            ServiceKey::Mark(_) => None,
        };
        services.push(topo::Service {
            name: key.to_string(),
            address,
            port: key.port(),
            scheduler: service.options().scheduler.clone(),
            persistence: service.options().persistence.map(|it| it.timeout.as_secs()),
            one_packet: service.options().one_packet,
            // The newest comes first in the kernel; the order in which they were typed is easier to read.
            servers: servers.iter().rev().map(server).collect(),
        });
    }
    services
}

struct NoFiles;

impl conf::Files for NoFiles {
    fn read(&mut self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// What keepalived will do, whether or not it runs yet.
fn add_keepalived(machine: &mut topo::Machine, text: &str) {
    let (config, _) = conf::parse(text, &machine.name, &mut NoFiles);
    for instance in &config.instances {
        let vips = || instance.vips.iter().chain(&instance.excluded);
        for vip in vips() {
            let device = vip.device.as_deref().unwrap_or(&instance.interface);
            let Some(interface) = machine.interfaces.iter_mut().find(|interface| interface.name == device) else {
                continue;
            };
            if !interface.addresses.iter().any(|known| known.net.addr() == vip.net.addr()) {
                interface.addresses.push(topo::Address { net: vip.net, answers: true, floats: true });
            }
        }
        machine.virtual_routers.push(topo::VirtualRouter {
            name: instance.name.clone(),
            vrid: instance.vrid,
            interface: instance.interface.clone(),
            priority: instance.priority,
            addresses: vips().map(|vip| vip.net.addr()).collect(),
        });
    }
    let services: Vec<_> = config.services.iter().flat_map(|service| configured(&config, service)).collect();
    for service in services {
        if !machine.services.iter().any(|known| known.name == service.name) {
            machine.services.push(service);
        }
    }
}

/// A virtual_server as the kernel will have it: a group is a service for each of its addresses.
fn configured(config: &conf::Config, it: &conf::Service) -> Vec<topo::Service> {
    let address = |at: SocketAddr| match at {
        SocketAddr::V4(at) => Some(ServiceKey::Address { protocol: it.protocol, address: *at.ip(), port: at.port() }),
        SocketAddr::V6(_) => None,
    };
    let keys: Vec<_> = match &it.name {
        conf::ServiceName::Address(at) => address(*at).into_iter().collect(),
        conf::ServiceName::Mark(mark) => vec![ServiceKey::Mark(*mark)],
        conf::ServiceName::Group(name, _) => {
            let group = config.server_groups.iter().find(|group| group.name == *name);
            let addresses = group.iter().flat_map(|group| &group.ranges).filter_map(|range| {
                let port = range.port;
                address(SocketAddr::new(range.first, port))
            });
            addresses.chain(group.iter().flat_map(|group| &group.marks).map(|mark| ServiceKey::Mark(*mark))).collect()
        }
    };
    let method = |kind: conf::Kind| match kind {
        conf::Kind::Nat => topo::Method::Nat,
        conf::Kind::Route => topo::Method::Dr,
        conf::Kind::Tunnel(_) => topo::Method::Tun,
    };
    let server = |server: &conf::Server| match server.address {
        SocketAddr::V4(at) => Some(topo::Server {
            at,
            method: method(server.kind.or(it.kind).unwrap_or_default()),
            weight: server.weight.unwrap_or(1),
        }),
        SocketAddr::V6(_) => None,
    };
    let servers: Vec<_> = it.servers.iter().filter_map(server).collect();
    let service = |key: ServiceKey| topo::Service {
        name: key.to_string(),
        address: match key {
            ServiceKey::Address { address, .. } => Some(address),
            ServiceKey::Mark(_) => None,
        },
        port: key.port(),
        scheduler: it.scheduler.clone(),
        persistence: it.persistence.map(u64::from),
        one_packet: it.one_packet,
        servers: servers.clone(),
    };
    keys.into_iter().map(service).collect()
}
