//! Who has which address, and who can reach whom: what the address plan says, with the words and commands for it.

use std::net::Ipv4Addr;

use super::case::{Case, Noted, fact, or_fact, some};
use super::commands::{card, gateway_beside, option, server_line, set_keyword};
use super::{Cause, Command, Finding, Kind};
use crate::ids::NodeId;
use crate::reason::{Config, Drop, IpDrop, Ipvs, Note};
use crate::topo::plan::{self, Finding as Flaw};
use crate::topo::{Method, Service};

/// What is wrong with the addresses before anything runs.
pub fn address_plan(case: &Case<'_>) -> Vec<Finding> {
    plan::check(case.network()).iter().flat_map(|flaw| told(case, flaw)).collect()
}

fn told(case: &Case<'_>, flaw: &Flaw) -> Vec<Finding> {
    let node = |name: &str| case.node(name);
    let found = match flaw {
        Flaw::Duplicate { address, switch, holders } => return duplicate(case, *address, switch, holders),
        Flaw::SameVrid { vrid, routers, .. } => vrid_used_twice(case, *vrid, routers),
        Flaw::SameMac { switch, holders } => same_mac(case, switch, holders),
        Flaw::NoSuchGateway { machine, to, gateway } => node(machine).map(|node| Finding {
            kind: Kind::NoSuchGateway,
            what: format!("{machine} sends packets for {to} to the gateway {gateway}, which no machine beside it has."),
            evidence: vec![fact(flaw.to_string())],
            cause: route_to(case, node, *gateway),
            fix: gateway_beside(case, node)
                .map(|by| case.fix(node, format!("ip route replace {to} via {by}")))
                .into_iter()
                .collect(),
        }),
        // A run shows whether it matters.
        Flaw::DeafGateway { .. } | Flaw::MissingGateway { .. } if case.has_run() => None,
        Flaw::DeafGateway { machine, gateway, holder } => node(holder).map(|by| Finding {
            kind: Kind::NotForwarding,
            what: format!("{holder} is the gateway of {machine}, but passes nothing on: ip_forward is 0."),
            evidence: vec![fact(format!(
                "{machine} sends what is not for its own network to {gateway}, which is {holder}"
            ))],
            cause: Some(case.setting(by, case.trace().zero, &["net.ipv4.ip_forward"])),
            fix: vec![case.fix(by, "sysctl -w net.ipv4.ip_forward=1")],
        }),
        Flaw::MissingGateway { machine, towards, peer } => node(machine).map(|node| Finding {
            kind: Kind::NoRoute,
            what: format!("{machine} has no route to {peer} ({towards}): it can send nothing there."),
            evidence: vec![fact(flaw.to_string())],
            cause: Some(case.missing(node, "no route leads there")),
            fix: gateway_beside(case, node)
                .map(|by| case.fix(node, format!("ip route add default via {by}")))
                .into_iter()
                .collect(),
        }),
        Flaw::AbsentAtDirector { director, service, address } => node(director).map(|node| Finding {
            kind: Kind::VirtualAddressMissing,
            what: format!("{director} balances {service}, but does not have the address {address}."),
            evidence: vec![fact(format!(
                "no interface of {director} has {address}: nobody answers when clients ask for it"
            ))],
            cause: Some(case.missing(node, format!("nothing gives it {address}"))),
            fix: vec![case.fix(node, format!("ip addr add {address}/32 dev {}", card(case, node)))],
        }),
        Flaw::AbsentAtServer { server, address, method } => {
            node(server).map(|node| lacks(case, node, *address, *method))
        }
        Flaw::NoSuchServer { director, service, address } => node(director).map(|node| Finding {
            kind: Kind::NoSuchServer,
            what: format!("{director} sends connections to {address}, which no machine has."),
            evidence: vec![fact(format!("{address} is a server of {service}"))],
            cause: server_line(case, node, *address, case.trace().zero),
            fix: remove(case, node, service, *address),
        }),
        Flaw::BehindRouter { director, server } => {
            node(director).zip(node(server)).and_then(|(director, server)| behind_router(case, director, server))
        }
        Flaw::OtherPort { director, service, server, port, method } => node(director)
            .zip(node(server))
            .map(|(director, server)| port_differs(case, director, service, (server, *port), *method)),
    };
    found.into_iter().collect()
}

/// An address that several answer for. A real server that has it on lo is the ARP problem, by its other name.
fn duplicate(case: &Case<'_>, ip: Ipv4Addr, switch: &str, holders: &[(String, String)]) -> Vec<Finding> {
    let Some((first, first_on)) = holders.first() else { return Vec::new() };
    let told = holders[1..].iter().filter_map(|(name, on)| {
        let node = case.node(name)?;
        let is_card = case.machine(node).interfaces.iter().any(|it| it.name == *on && it.switch.is_some());
        if !is_card && case.is_virtual(ip) {
            // Said with its own evidence by `arp`.
            return None;
        }
        let is_it = |what: &Config| matches!(what, Config::Address { address, is_there: true, .. } if *address == ip);
        Some(Finding {
            kind: Kind::DuplicateAddress,
            what: format!("{first} and {name} both have {ip} on {switch}: who asks for it gets two answers."),
            evidence: vec![fact(format!("{first} has it on {first_on}")), fact(format!("{name} has it on {on}"))],
            cause: case.changed(node, case.trace().zero, is_it),
            fix: vec![case.fix(
                node,
                match case.is_virtual(ip) && case.is_server(node) {
                    true => format!("ip addr del {ip} dev {on}; ip addr add {ip}/32 dev lo"),
                    false => format!("ip addr del {ip} dev {on}"),
                },
            )],
        })
    });
    told.collect()
}

fn vrid_used_twice(case: &Case<'_>, vrid: u8, routers: &[(String, String)]) -> Option<Finding> {
    let addresses = |(machine, name): &(String, String)| -> Option<Vec<Ipv4Addr>> {
        let machine = case.network().machine(machine)?;
        Some(machine.virtual_routers.iter().find(|it| it.name == *name)?.addresses.clone())
    };
    let first = routers.first()?;
    let ours = addresses(first)?;
    // Lists that overlap are those of one cluster: `configuration` tells of them.
    let other =
        routers.iter().find(|it| addresses(it).is_some_and(|theirs| theirs.iter().all(|ip| !ours.contains(ip))))?;
    let node = case.node(&other.0)?;
    let list = |addresses: &[Ipv4Addr]| addresses.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(", ");
    let strangers = routers.iter().filter(|it| addresses(it).as_ref() == addresses(other).as_ref());
    let free = (1..=255).rev().find(|id| {
        !case.machines().any(|(_, machine)| machine.virtual_routers.iter().any(|router| router.vrid == *id))
    });
    Some(Finding {
        kind: Kind::VridUsedTwice,
        what: format!(
            "Two clusters on one network have virtual_router_id {vrid}: {} and {} hear one another, and disturb one another.",
            first.0, other.0
        ),
        evidence: routers
            .iter()
            .filter_map(|it| Some(fact(format!("{} holds {} as master", it.0, list(&addresses(it)?)))))
            .collect(),
        cause: case.keyword(node, &format!("vrrp_instance {}", other.1), "virtual_router_id"),
        fix: strangers
            .filter_map(|(machine, _)| case.node(machine))
            .map(|node| set_keyword(case, node, "virtual_router_id", &free.unwrap_or(1).to_string()))
            .collect(),
    })
}

fn same_mac(case: &Case<'_>, switch: &str, holders: &[(String, String)]) -> Option<Finding> {
    let [(first, _), .., (last, on)] = holders else { return None };
    let node = case.node(last)?;
    Some(Finding {
        kind: Kind::DuplicateMac,
        what: format!(
            "{first} and {last} have the same hardware address on {switch}: the switch sends to either of them."
        ),
        evidence: holders.iter().map(|(machine, on)| fact(format!("{machine} has it on {on}"))).collect(),
        cause: Some(case.missing(node, format!("the hardware address of {on} is another machine's"))),
        fix: vec![
            case.fix(node, format!("ip link set dev {on} address 02:00:00:00:00:{:02x}", 0x80 | (node.0 & 0x7f))),
        ],
    })
}

fn lacks(case: &Case<'_>, node: NodeId, ip: Ipv4Addr, method: Method) -> Finding {
    let dropped = |noted: &Noted<'_>| {
        noted.node == node
            && matches!(noted.note, Note::Drop(Drop::Ip(IpDrop::NotForwarding { destination })) if *destination == ip)
    };
    let name = case.name(node);
    let seen = some(case.notes().filter(dropped).map(|noted| case.saw(&noted)));
    let evidence = or_fact(seen, || format!("no interface of {name} has {ip}"));
    Finding {
        kind: Kind::ServerLacksVirtualAddress,
        what: format!(
            "{name} gets packets for {ip}, since {} leaves the address as it is, but {name} does not have that address.",
            method.name()
        ),
        evidence,
        cause: Some(case.missing(node, format!("nothing gives it {ip}"))),
        fix: vec![
            case.fix(node, "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"),
            case.fix(node, format!("ip addr add {ip}/32 dev lo")),
        ],
    }
}

fn behind_router(case: &Case<'_>, director: NodeId, server: NodeId) -> Option<Finding> {
    let far = |service: &'_ Service| {
        let holds = |ip: &Ipv4Addr| case.machine(server).holds(*ip);
        service.servers.iter().copied().find(|it| it.method == Method::Dr && holds(it.at.ip()))
    };
    let (service, entry) = case.machine(director).services.iter().find_map(|it| Some((it, far(it)?)))?;
    let rip = *entry.at.ip();
    let is_about = |noted: &Noted<'_>| {
        noted.node == director
            && match noted.note {
                Note::Drop(Drop::Ip(IpDrop::NeighbourFailed { neighbour })) => *neighbour == rip,
                Note::Ipvs(Ipvs::Scheduled(schedule)) => *schedule.connection.server.ip() == rip,
                _ => false,
            }
    };
    let (from, to) = (case.name(director), case.name(server));
    let seen = some(case.notes().filter(is_about).map(|noted| case.saw(&noted)));
    let evidence = or_fact(seen, || format!("no switch has both {from} and {to} on it"));
    Some(Finding {
        kind: Kind::BehindRouter,
        what: format!(
            "{from} reaches {to} by direct routing, which only changes hardware addresses, but {to} is behind a router."
        ),
        evidence,
        cause: server_line(case, director, rip, case.trace().zero),
        fix: vec![
            case.fix(director, format!("ipvsadm -e {} -r {} -i -w {}", option(service), entry.at, entry.weight)),
            case.fix(
                server,
                format!("modprobe ipip; ip link set tunl0 up; ip addr add {}/32 dev tunl0", service.address?),
            ),
        ],
    })
}

fn port_differs(case: &Case<'_>, node: NodeId, service: &str, server: (NodeId, u16), method: Method) -> Finding {
    let (server, port) = server;
    let of = case.machine(node).services.iter().find(|it| it.name == service);
    let entry = of.and_then(|of| {
        of.servers.iter().copied().find(|it| it.at.port() == port && case.machine(server).holds(*it.at.ip()))
    });
    let rip = entry.map(|it| *it.at.ip());
    let arrives = of.map_or(0, |of| of.port);
    let fix = of
        .zip(entry)
        .map(|(of, entry)| case.fix(node, format!("ipvsadm -e {} -r {} -m -w {}", option(of), entry.at, entry.weight)));
    Finding {
        kind: Kind::PortDiffers,
        what: format!(
            "{} is to reach {} at port {port}, but {} changes no ports: packets arrive at port {arrives}.",
            case.name(node),
            case.name(server),
            method.name()
        ),
        evidence: vec![fact(format!("the service is {service}, and its server is at port {port}"))],
        cause: rip.and_then(|rip| server_line(case, node, rip, case.trace().zero)),
        fix: fix.into_iter().collect(),
    }
}

/// An address on lo whose mask takes in others' addresses: lo answers for all of them.
pub fn wide_mask(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, machine) in case.machines() {
        let on_lo = machine.addresses().filter(|(on, it)| on.name == "lo" && it.net.prefix_len() < 32);
        for (_, address) in on_lo {
            let (ip, net) = (address.net.addr(), address.net.trunc());
            let near = case.machines().find_map(|(other, it)| {
                let held = it.addresses().map(|(_, own)| own.net.addr());
                let others = held.filter(|own| net.contains(own) && *own != ip && !machine.holds(*own));
                (other != node).then_some(())?;
                others.map(|own| (case.name(other), own)).next()
            });
            let Some((other, theirs)) = near else { continue };
            let is_it =
                |what: &Config| matches!(what, Config::Address { address, is_there: true, .. } if *address == ip);
            let name = case.name(node);
            findings.push(Finding {
                kind: Kind::WideMask,
                what: format!(
                    "{name} has {} on lo: with that mask the whole network is its own, and what it answers never leaves it.",
                    address.net
                ),
                evidence: vec![fact(format!("{theirs}, the address of {other}, is in {net}, which {name} believes to be itself"))],
                cause: case.changed(node, case.end(), is_it),
                fix: vec![case.fix(node, format!("ip addr del {} dev lo; ip addr add {ip}/32 dev lo", address.net))],
            });
        }
    }
    findings
}

fn remove(case: &Case<'_>, node: NodeId, service: &str, rip: Ipv4Addr) -> Vec<Command> {
    let of = case.machine(node).services.iter().find(|it| it.name == service);
    let entry = of.and_then(|of| Some((of, of.servers.iter().find(|it| *it.at.ip() == rip)?)));
    entry.map(|(of, entry)| case.fix(node, format!("ipvsadm -d {} -r {}", option(of), entry.at))).into_iter().collect()
}

fn route_to(case: &Case<'_>, node: NodeId, by: Ipv4Addr) -> Option<Cause> {
    let is_it =
        |what: &Config| matches!(what, Config::Route { gateway: Some(gateway), is_there: true, .. } if *gateway == by);
    case.changed(node, case.end(), is_it)
}
