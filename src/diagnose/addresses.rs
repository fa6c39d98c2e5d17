//! Who has which address.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::case::{Case, fact};
use super::{Finding, Kind};
use crate::ids::NodeId;

/// Two machines of one network with the same address on their cards.
pub fn duplicates(case: &Case<'_>) -> Vec<Finding> {
    let mut holders: BTreeMap<Ipv4Addr, Vec<(NodeId, String)>> = BTreeMap::new();
    for (node, machine) in case.machines() {
        for (nic, ip, _) in machine.addresses().filter(|(nic, ..)| nic.port.is_some()) {
            holders.entry(ip).or_default().push((node, nic.name.clone()));
        }
    }
    let doubled = holders.into_iter().filter_map(|(ip, holders)| {
        let (first, second) = (holders.first()?.clone(), holders.get(1)?.clone());
        case.are_neighbours(first.0, second.0).then_some((ip, first, second))
    });
    doubled.map(|(ip, first, second)| duplicate(case, ip, first, second)).collect()
}

fn duplicate(case: &Case<'_>, ip: Ipv4Addr, first: (NodeId, String), second: (NodeId, String)) -> Finding {
    let (node, nic) = &second;
    let on_lo = case.is_virtual(ip) && case.is_server(*node);
    let cure = match on_lo {
        true => format!("ip addr del {ip} dev {nic}; ip addr add {ip}/32 dev lo"),
        false => format!("ip addr del {ip} dev {nic}"),
    };
    Finding {
        kind: Kind::DuplicateAddress,
        what: format!("{} and {} both have {ip} on the same network.", case.name(first.0), case.name(*node)),
        evidence: vec![
            fact(format!("{} has it on {}", case.name(first.0), first.1)),
            fact(format!("{} has it on {nic}", case.name(*node))),
        ],
        cause: case.command(*node, &[&ip.to_string()]),
        fix: vec![case.fix(*node, cure)],
    }
}

/// A director which does not have the address that it serves.
pub fn virtual_address_missing(case: &Case<'_>) -> Vec<Finding> {
    let has_keepalived =
        |node: NodeId| case.plan.nodes[node.0 as usize].files.iter().any(|(path, _)| path.contains("keepalived"));
    let missing = case.services().filter(|(node, _, end)| case.machine(*node).holder(*end.ip()).is_none());
    // Who speaks VRRP gets the address when it is master; a backup has none, and that is as it should be.
    let missing = missing.filter(|(node, ..)| !has_keepalived(*node));
    missing
        .map(|(node, service, end)| {
            let (name, ip) = (case.name(node), end.ip());
            let nic = case.machine(node).interfaces.iter().find(|nic| nic.port.is_some());
            let nic = nic.map_or("eth0", |nic| &nic.name);
            Finding {
                kind: Kind::VirtualAddressMissing,
                what: format!("{name} balances {} but does not have the address {ip}.", service.key),
                evidence: vec![fact(format!("no interface of {name} has {ip}: nobody answers ARP for it"))],
                cause: case.command(node, &["ipvsadm", &ip.to_string()]),
                fix: vec![case.fix(node, format!("ip addr add {ip}/32 dev {nic}"))],
            }
        })
        .collect()
}
