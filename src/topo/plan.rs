//! Whether the addresses make sense: what can be seen in the configuration before anything runs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Graph, Machine, Method, Network, Server, Service};

/// Something that is wrong with the address plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Several machines of a broadcast domain have an address, and more than one of them says so.
    Duplicate {
        /// The address.
        address: Ipv4Addr,
        /// The switch.
        switch: String,
        /// Who answers for it: machine and interface.
        holders: Vec<(String, String)>,
    },
    /// A route's gateway is nobody's on the networks of its machine.
    NoSuchGateway {
        /// Whose route.
        machine: String,
        /// Where to.
        to: Ipv4Net,
        /// The gateway.
        gateway: Ipv4Addr,
    },
    /// The gateway does not forward.
    DeafGateway {
        /// Whose route.
        machine: String,
        /// The gateway.
        gateway: Ipv4Addr,
        /// Whose address that is.
        holder: String,
    },
    /// No route leads from a machine to those that it is to speak with.
    MissingGateway {
        /// The machine.
        machine: String,
        /// Whom it cannot reach.
        towards: Ipv4Addr,
        /// Who has that address.
        peer: String,
    },
    /// A director balances a service whose address it does not have.
    AbsentAtDirector {
        /// The director.
        director: String,
        /// The service.
        service: String,
        /// Its address.
        address: Ipv4Addr,
    },
    /// A server that gets packets as they are does not have the address that they are for.
    AbsentAtServer {
        /// The server.
        server: String,
        /// The address.
        address: Ipv4Addr,
        /// How packets reach it.
        method: Method,
    },
    /// A service's server is nobody's address.
    NoSuchServer {
        /// The director.
        director: String,
        /// The service.
        service: String,
        /// The address.
        address: Ipv4Addr,
    },
    /// Direct routing reaches only machines on a switch of the director's.
    BehindRouter {
        /// The director.
        director: String,
        /// The server.
        server: String,
    },
    /// Direct routing and tunnels leave the port as it is.
    OtherPort {
        /// The director.
        director: String,
        /// The service.
        service: String,
        /// The server.
        server: String,
        /// The port that its entry names.
        port: u16,
        /// How packets reach it.
        method: Method,
    },
    /// Two interfaces on a switch have the same hardware address.
    SameMac {
        /// The switch.
        switch: String,
        /// Whose they are: machine and interface.
        holders: Vec<(String, String)>,
    },
    /// Virtual routers on a switch have the same number, but other addresses.
    SameVrid {
        /// The number.
        vrid: u8,
        /// The switch.
        switch: String,
        /// Whose they are: machine and name.
        routers: Vec<(String, String)>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |holders: &[(String, String)]| {
            let holders: Vec<_> = holders.iter().map(|(machine, what)| format!("{machine} ({what})")).collect();
            holders.join(" and ")
        };
        match self {
            Finding::Duplicate { address, switch, holders } => {
                write!(f, "{address} is answered for on {switch} by {}", list(holders))
            }
            Finding::NoSuchGateway { machine, to, gateway } => {
                write!(f, "{machine} sends packets for {to} to {gateway}, which nobody beside it has")
            }
            Finding::DeafGateway { machine, gateway, holder } => {
                write!(
                    f,
                    "{machine} uses {holder} ({gateway}) as gateway, but {holder} forwards nothing (ip_forward=0)"
                )
            }
            Finding::MissingGateway { machine, towards, peer } => {
                write!(f, "{machine} has no route to {peer} ({towards})")
            }
            Finding::AbsentAtDirector { director, service, address } => {
                write!(f, "{director} balances {service}, but does not have {address}")
            }
            Finding::AbsentAtServer { server, address, method } => {
                write!(f, "{server} gets packets for {address} ({}), but does not have that address", method.name())
            }
            Finding::NoSuchServer { director, service, address } => {
                write!(f, "{director} passes packets for {service} on to {address}, which nobody has")
            }
            Finding::BehindRouter { director, server } => {
                write!(f, "{server} is on no switch of {director}'s: direct routing does not cross routers")
            }
            Finding::OtherPort { director, service, server, port, method } => write!(
                f,
                "{director} names port {port} of {server} for {service}, but {} does not change ports",
                method.name()
            ),
            Finding::SameMac { switch, holders } => {
                write!(f, "the same hardware address is on {switch} twice: {}", list(holders))
            }
            Finding::SameVrid { vrid, switch, routers } => {
                write!(f, "VRID {vrid} is used on {switch} for different addresses: {}", list(routers))
            }
        }
    }
}

/// What is wrong with the addresses of a network, the worst first.
pub fn check(network: &Network) -> Vec<Finding> {
    let graph = Graph::of(network);
    let mut findings = Vec::new();
    for switch in 0..network.switches.len() {
        check_domain(network, &graph, switch, &mut findings);
    }
    for (director, service) in network.services() {
        check_service(network, director, service, &mut findings);
    }
    for machine in &network.machines {
        check_routes(network, machine, &mut findings);
    }
    findings.dedup();
    findings
}

/// The interfaces on a switch.
fn plugged<'a>(
    network: &'a Network,
    graph: &Graph,
    switch: usize,
) -> impl Iterator<Item = (&'a Machine, &'a super::Interface)> {
    let machines = graph.domain(switch).into_iter().filter_map(|at| network.machines.get(at));
    machines.flat_map(move |machine| {
        machine.interfaces.iter().filter(move |it| it.switch == Some(switch)).map(move |it| (machine, it))
    })
}

fn check_domain(network: &Network, graph: &Graph, switch: usize, findings: &mut Vec<Finding>) {
    let name = &network.switches[switch];
    let mut answered: BTreeMap<Ipv4Addr, Vec<(String, String)>> = BTreeMap::new();
    for machine in graph.domain(switch).into_iter().filter_map(|at| network.machines.get(at)) {
        // Linux answers for all its addresses on all its interfaces.
        for (interface, address) in machine.addresses().filter(|(_, address)| address.answers && !address.floats) {
            let holders = answered.entry(address.net.addr()).or_default();
            if holders.last().is_none_or(|(known, _)| *known != machine.name) {
                holders.push((machine.name.clone(), interface.name.clone()));
            }
        }
    }
    for (address, holders) in answered.into_iter().filter(|(_, holders)| holders.len() > 1) {
        findings.push(Finding::Duplicate { address, switch: name.clone(), holders });
    }
    let mut macs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut routers: BTreeMap<u8, Vec<_>> = BTreeMap::new();
    for (machine, interface) in plugged(network, graph, switch) {
        macs.entry(interface.mac).or_default().push((machine.name.clone(), interface.name.clone()));
        for router in machine.virtual_routers.iter().filter(|router| router.interface == interface.name) {
            routers.entry(router.vrid).or_default().push((machine, router));
        }
    }
    for (_, holders) in macs.into_iter().filter(|(_, holders)| holders.len() > 1) {
        findings.push(Finding::SameMac { switch: name.clone(), holders });
    }
    for (vrid, routers) in routers {
        if routers.iter().any(|(_, router)| router.addresses != routers[0].1.addresses) {
            let routers = routers.iter().map(|(machine, it)| (machine.name.clone(), it.name.clone())).collect();
            findings.push(Finding::SameVrid { vrid, switch: name.clone(), routers });
        }
    }
}

fn check_service(network: &Network, director: &Machine, service: &Service, findings: &mut Vec<Finding>) {
    let (by, of) = (|| director.name.clone(), || service.name.clone());
    // A backup may balance what its partner has the address for, as long as it does not have to.
    let is_backup = || {
        network.services().any(|(other, it)| it.name == service.name && it.address.is_some_and(|vip| other.holds(vip)))
    };
    if let Some(address) = service.address.filter(|address| !director.holds(*address)).filter(|_| !is_backup()) {
        findings.push(Finding::AbsentAtDirector { director: by(), service: of(), address });
    }
    for server in &service.servers {
        let address = *server.at.ip();
        let Some(holder) = network.holders(address).next() else {
            findings.push(Finding::NoSuchServer { director: by(), service: of(), address });
            continue;
        };
        if holder.name == director.name || address.is_loopback() {
            continue;
        }
        check_server(director, service, server, holder, findings);
    }
}

fn check_server(director: &Machine, service: &Service, server: &Server, holder: &Machine, findings: &mut Vec<Finding>) {
    let method = server.method;
    if method == Method::Nat {
        return;
    }
    let name = || holder.name.clone();
    if method == Method::Dr && !director.switches().any(|switch| holder.switches().any(|other| other == switch)) {
        findings.push(Finding::BehindRouter { director: director.name.clone(), server: name() });
    }
    if let Some(address) = service.address.filter(|address| !holder.holds(*address)) {
        findings.push(Finding::AbsentAtServer { server: name(), address, method });
    }
    if service.address.is_some() && server.at.port() != service.port && server.at.port() != 0 {
        let (director, service, port) = (director.name.clone(), service.name.clone(), server.at.port());
        findings.push(Finding::OtherPort { director, service, server: name(), port, method });
    }
}

fn check_routes(network: &Network, machine: &Machine, findings: &mut Vec<Finding>) {
    for route in &machine.routes {
        let beside = |it: &&Machine| it.switches().any(|switch| machine.switches().any(|own| own == switch));
        match network.holders(route.gateway).find(beside) {
            None => findings.push(Finding::NoSuchGateway {
                machine: machine.name.clone(),
                to: route.to,
                gateway: route.gateway,
            }),
            // A director with a service by mark takes packets for others' addresses as its own.
            Some(holder) if !holder.forwards && holder.name != machine.name && !holder.balances_marks() => {
                findings.push(Finding::DeafGateway {
                    machine: machine.name.clone(),
                    gateway: route.gateway,
                    holder: holder.name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    let mut needs: Vec<Ipv4Addr> = Vec::new();
    match network.role(machine) {
        super::Role::Client => needs.extend(network.services().filter_map(|(_, service)| service.address)),
        super::Role::RealServer => {
            let clients = network.machines.iter().filter(|it| network.role(it) == super::Role::Client);
            let first =
                |it: &Machine| it.addresses().find(|(on, _)| on.switch.is_some()).map(|(_, own)| own.net.addr());
            needs.extend(clients.filter_map(first));
        }
        _ => {}
    }
    needs.sort_unstable();
    needs.dedup();
    for towards in needs.into_iter().filter(|&address| !machine.reaches(address)) {
        let peer = network.holders(towards).next().map_or_else(|| "nobody".to_owned(), |it| it.name.clone());
        findings.push(Finding::MissingGateway { machine: machine.name.clone(), towards, peer });
    }
}

impl Machine {
    fn balances_marks(&self) -> bool {
        self.services.iter().any(|service| service.address.is_none())
    }

    /// Whether a route leads to an address: by one of its own networks, or by a gateway.
    fn reaches(&self, address: Ipv4Addr) -> bool {
        self.addresses().any(|(interface, own)| {
            own.net.addr() == address || interface.switch.is_some() && own.net.contains(&address)
        }) || self.routes.iter().any(|route| route.to.contains(&address))
    }
}
