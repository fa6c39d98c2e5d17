//! What keepalived does to interfaces: addresses, routes, rules, VMACs.

use std::net::Ipv4Addr;

use crate::host::{Address, Io, Kernel, Scope};
use crate::keepalived::conf::Vip;
use crate::keepalived::vrrp::{Change, Effect};

/// Adds an address, or takes it away.
pub fn address(kernel: &mut Kernel, change: Change, name: &str, vip: &Vip) {
    let Some(index) = kernel.interface(name).map(|interface| interface.index) else { return };
    let (ip, prefix_len) = (vip.net.addr(), vip.net.prefix_len());
    // One that is there already is as good, and one that has gone already is nobody's concern.
    let _ = match change {
        Change::Remove => kernel.delete_address(index, ip, Some(prefix_len)),
        Change::Add => kernel.add_address(
            index,
            Address {
                ip,
                prefix_len,
                broadcast: vip.broadcast,
                scope: scope(vip.scope),
                label: vip.label.clone().unwrap_or_else(|| name.to_owned()),
                secondary: false,
                no_prefix_route: vip.no_prefix_route,
            },
        ),
    };
}

fn scope(number: Option<u8>) -> Scope {
    match number.unwrap_or(0) {
        0..253 => Scope::Global,
        253 => Scope::Link,
        254 => Scope::Host,
        255 => Scope::Nowhere,
    }
}

/// Whether an interface is there without an address.
pub fn lacks(kernel: &Kernel, name: &str, address: Ipv4Addr) -> bool {
    kernel.interface(name).is_some_and(|interface| !interface.addresses.iter().any(|own| own.ip == address))
}

/// `ip route` or `ip rule`, without anybody who reads its complaints.
pub fn ip(kernel: &mut Kernel, object: &str, change: Change, words: &[String]) {
    let verb = if change == Change::Add { "add" } else { "del" };
    let call: Vec<String> = ["ip", object, verb].into_iter().map(str::to_owned).chain(words.iter().cloned()).collect();
    crate::shell::ip::ip(kernel, &call, &mut Io::default());
}

/// Interfaces of keepalived's own, and what it sets at others. Gives what is to be written down.
pub fn device(kernel: &mut Kernel, effect: &Effect) -> Vec<String> {
    match effect {
        Effect::PromoteSecondaries(name, on) => {
            set(kernel, name, "promote_secondaries", i64::from(*on));
            Vec::new()
        }
        Effect::Vmac { change: Change::Add, name, below, mac } => add_vmac(kernel, name, below, *mac),
        Effect::Vmac { change: Change::Remove, name, .. } => {
            if let Some(index) = kernel.interface(name).map(|interface| interface.index) {
                let _ = kernel.delete_interface(index);
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn set(kernel: &mut Kernel, interface: &str, key: &str, value: i64) {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/{key}");
    // An interface that has gone has no settings.
    let _ = kernel.write_path(&path, format!("{value}\n").as_bytes(), false);
}

fn get(kernel: &mut Kernel, interface: &str, key: &str) -> i64 {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/{key}");
    let bytes = kernel.read_path(&path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0)
}

/// netlink_link_add_vmac, set_interface_parameters
fn add_vmac(kernel: &mut Kernel, name: &str, below: &str, mac: crate::wire::MacAddr) -> Vec<String> {
    let Some(under) = kernel.interface(below).map(|interface| interface.index) else { return Vec::new() };
    let Ok(index) = kernel.add_macvlan(name, under, mac) else {
        return vec![format!("Unable to create VMAC interface {name}")];
    };
    let said = loosen(kernel);
    for (key, value) in [("arp_ignore", 1), ("accept_local", 1), ("rp_filter", 0), ("promote_secondaries", 1)] {
        set(kernel, name, key, value);
    }
    // Only the VMAC answers for its addresses.
    for key in ["arp_ignore", "arp_filter"] {
        set(kernel, below, key, 1);
    }
    let _ = kernel.set_interface_up(index, true);
    said
}

/// clear_rp_filter: net.ipv4.conf.all.rp_filter would count for VMACs, too.
fn loosen(kernel: &mut Kernel) -> Vec<String> {
    let all = get(kernel, "all", "rp_filter");
    if all == 0 {
        return Vec::new();
    }
    let mut said = Vec::new();
    let default = get(kernel, "default", "rp_filter");
    if default < all {
        said.push(format!("NOTICE: setting sysctl net.ipv4.conf.default.rp_filter from {default} to {all}"));
        set(kernel, "default", "rp_filter", all);
    }
    let names: Vec<String> = kernel.interfaces().map(|interface| interface.name.clone()).collect();
    for name in names {
        if get(kernel, &name, "rp_filter") < all {
            set(kernel, &name, "rp_filter", all);
        }
    }
    said.push(format!("NOTICE: setting sysctl net.ipv4.conf.all.rp_filter from {all} to 0"));
    set(kernel, "all", "rp_filter", 0);
    said
}
