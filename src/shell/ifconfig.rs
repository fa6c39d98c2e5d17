//! ifconfig, of net-tools 2.10.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::host::tunnel::{Mode, Tunnel};
use crate::host::{Address, Errno, IfIndex, Interface, Io, Kernel, Link, Scope};
use crate::wire::MacAddr;

/// ifconfig \[-a\] \[INTERFACE \[ADDRESS\] \[WORD...\]\]
pub(super) fn ifconfig(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let mut words: Vec<&str> = args[1..].iter().map(String::as_str).collect();
    let all = words.first() == Some(&"-a");
    if all {
        words.remove(0);
    }
    let Some((&name, rest)) = words.split_first() else {
        let shown = kernel.interfaces().filter(|interface| all || interface.up);
        shown.for_each(|interface| describe(interface, &mut io.out));
        return 0;
    };
    let Some(interface) = find(kernel, name) else {
        let _ = writeln!(io.err, "{name}: error fetching interface information: Device not found");
        return 1;
    };
    if rest.is_empty() {
        describe_as(interface, name, &mut io.out);
        return 0;
    }
    configure(kernel, name, rest, &mut io.err)
}

/// The interface, by its own name or by that of an alias on it.
fn find<'k>(kernel: &'k Kernel, name: &str) -> Option<&'k Interface> {
    kernel.interface(name.split(':').next().unwrap_or(name))
}

/// What the words of a call add up to; they are carried out as they are met, as ifconfig does.
fn configure(kernel: &mut Kernel, name: &str, words: &[&str], err: &mut String) -> i32 {
    let Some(index) = find(kernel, name).map(|interface| interface.index) else { return 1 };
    let mut words = words.iter();
    let mut status = 0;
    let mut failed = |call: &str, error: Errno| {
        let _ = writeln!(err, "{call}: {error}");
        status = 1;
    };
    while let Some(&word) = words.next() {
        let mut next = || words.next().copied().unwrap_or_default();
        match word {
            "up" => {
                if let Err(error) = kernel.set_interface_up(index, true) {
                    failed("SIOCSIFFLAGS", error);
                }
            }
            "down" if name.contains(':') => delete_alias(kernel, index, name),
            "down" => {
                if let Err(error) = kernel.set_interface_up(index, false) {
                    failed("SIOCSIFFLAGS", error);
                }
            }
            "netmask" => match next().parse().ok().and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok()) {
                Some(len) => with_address(kernel, index, name, |address| {
                    // inet_set_ifa: a broadcast address that came with the old mask goes with it.
                    if address.broadcast == Some(address.subnet().broadcast()) {
                        address.broadcast = None;
                    }
                    address.prefix_len = len;
                    if address.broadcast.is_none() && len < 31 && !address.ip.is_loopback() {
                        address.broadcast = Some(address.subnet().broadcast());
                    }
                }),
                None => failed("SIOCSIFNETMASK", Errno::InvalidArgument),
            },
            "broadcast" => match next().parse() {
                Ok(ip) => with_address(kernel, index, name, |address| address.broadcast = Some(ip)),
                Err(_) => failed("SIOCSIFBRDADDR", Errno::InvalidArgument),
            },
            "mtu" => {
                let result = next().parse().map_err(|_| Errno::InvalidArgument);
                if let Err(error) = result.and_then(|mtu| kernel.set_interface_mtu(index, mtu)) {
                    failed("SIOCSIFMTU", error);
                }
            }
            "hw" => {
                let _class = next();
                let result = next().parse::<MacAddr>().map_err(|_| Errno::InvalidArgument);
                if let Err(error) = result.and_then(|mac| kernel.set_interface_mac(index, mac)) {
                    failed("SIOCSIFHWADDR", error);
                }
            }
            "arp" | "-arp" => kernel.set_interface_arp(index, word == "arp"),
            "promisc" | "-promisc" => kernel.set_interface_promiscuous(index, word == "promisc"),
            "multicast" | "-multicast" | "allmulti" | "-allmulti" => {}
            "metric" | "txqueuelen" | "pointopoint" | "dstaddr" => drop(next()),
            text => match parse_address(text) {
                Some((ip, len)) => {
                    set_address(kernel, index, name, ip, len);
                    // ifconfig switches an interface on that gets an address.
                    let _ = kernel.set_interface_up(index, true);
                }
                None => {
                    let _ = writeln!(err, "{text}: Unknown host\nifconfig: `--help' gives usage information.");
                    return 1;
                }
            },
        }
    }
    status
}

/// An address, perhaps with a prefix length.
fn parse_address(text: &str) -> Option<(Ipv4Addr, Option<u8>)> {
    match text.split_once('/') {
        Some((ip, len)) => Some((ip.parse().ok()?, Some(len.parse().ok().filter(|len| *len <= 32)?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// inet_abc_len: the length of the prefix that the address's class gives.
fn class_len(ip: Ipv4Addr) -> u8 {
    match ip.octets()[0] {
        0 => 0,
        1..128 => 8,
        128..192 => 16,
        192..224 => 24,
        _ => 32,
    }
}

/// SIOCSIFADDR: the address of this label, in the place of the one that has it now.
fn set_address(kernel: &mut Kernel, index: IfIndex, label: &str, ip: Ipv4Addr, len: Option<u8>) {
    delete_alias(kernel, index, label);
    let interface = kernel.interfaces().find(|interface| interface.index == index);
    let is_point_to_point = interface.is_some_and(Interface::is_point_to_point);
    let has_broadcast = interface.is_some_and(has_broadcast);
    let prefix_len = len.unwrap_or_else(|| if is_point_to_point { 32 } else { class_len(ip) });
    let scope = if ip.is_loopback() { Scope::Host } else { Scope::Global };
    let label = label.to_owned();
    let mut address =
        Address { ip, prefix_len, broadcast: None, scope, label, secondary: false, no_prefix_route: false };
    if prefix_len < 31 && has_broadcast {
        address.broadcast = Some(address.subnet().broadcast());
    }
    // The same address under another label stays where it is.
    let _ = kernel.add_address(index, address);
}

/// Takes the address of this label out, changes it, and puts it in again, as the kernel does (inet_del_ifa, inet_insert_ifa).
fn with_address(kernel: &mut Kernel, index: IfIndex, label: &str, change: impl FnOnce(&mut Address)) {
    let Some(mut address) = labelled(kernel, index, label) else { return };
    // It was there a moment ago.
    let _ = kernel.delete_address(index, address.ip, Some(address.prefix_len));
    change(&mut address);
    address.secondary = false;
    let _ = kernel.add_address(index, address);
}

fn labelled(kernel: &Kernel, index: IfIndex, label: &str) -> Option<Address> {
    let interface = kernel.interfaces().find(|interface| interface.index == index)?;
    interface.addresses.iter().find(|address| address.label == label).cloned()
}

fn delete_alias(kernel: &mut Kernel, index: IfIndex, label: &str) {
    if let Some(address) = labelled(kernel, index, label) {
        // It was there a moment ago.
        let _ = kernel.delete_address(index, address.ip, Some(address.prefix_len));
    }
}

/// An interface and its aliases.
fn describe(interface: &Interface, out: &mut String) {
    describe_as(interface, &interface.name, out);
    let mut labels: Vec<&str> = interface.addresses.iter().map(|address| address.label.as_str()).collect();
    labels.retain(|label| *label != interface.name);
    labels.dedup();
    for label in labels {
        describe_as(interface, label, out);
    }
}

/// IFF_BROADCAST
fn has_broadcast(interface: &Interface) -> bool {
    interface.is_ethernet() || matches!(interface.link, Link::Dummy)
}

fn describe_as(interface: &Interface, label: &str, out: &mut String) {
    let flags = [
        (interface.up, 0x1, "UP"),
        (has_broadcast(interface), 0x2, "BROADCAST"),
        (interface.is_loopback(), 0x8, "LOOPBACK"),
        (interface.is_point_to_point(), 0x10, "POINTOPOINT"),
        (interface.is_running(), 0x40, "RUNNING"),
        (!interface.is_loopback() && !interface.arp, 0x80, "NOARP"),
        (interface.promiscuous, 0x100, "PROMISC"),
        (interface.is_ethernet(), 0x1000, "MULTICAST"),
    ];
    let set = || flags.iter().filter(|(is_set, ..)| *is_set);
    let number: u32 = set().map(|(_, bit, _)| bit).sum();
    let names = set().map(|(.., name)| *name).collect::<Vec<_>>().join(",");
    let _ = writeln!(out, "{label}: flags={number}<{names}>  mtu {}", interface.mtu);
    if let Some(address) = interface.addresses.iter().find(|address| address.label == label) {
        let mask = ipnet::Ipv4Net::new_assert(address.ip, address.prefix_len.min(32)).netmask();
        let _ = write!(out, "        inet {}  netmask {mask}", address.ip);
        if interface.is_point_to_point() {
            let _ = write!(out, "  destination {}", address.ip);
        } else if has_broadcast(interface) {
            let _ = write!(out, "  broadcast {}", address.broadcast.unwrap_or(Ipv4Addr::UNSPECIFIED));
        }
        out.push('\n');
    }
    out.push_str(&match &interface.link {
        Link::Loopback => "        loop  txqueuelen 1000  (Local Loopback)\n".to_owned(),
        Link::Card(_) | Link::Dummy | Link::Macvlan(_) => {
            format!("        ether {}  txqueuelen 1000  (Ethernet)\n", interface.mac)
        }
        Link::Tunnel(tunnel) => hardware_of(tunnel),
    });
    if label == interface.name {
        let counters = &interface.counters;
        let _ = writeln!(
            out,
            "        RX packets {}  bytes {} ({})\n        RX errors 0  dropped 0  overruns 0  frame 0",
            counters.rx_packets,
            counters.rx_bytes,
            human(counters.rx_bytes)
        );
        let _ = writeln!(
            out,
            "        TX packets {}  bytes {} ({})\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0",
            counters.tx_packets,
            counters.tx_bytes,
            human(counters.tx_bytes)
        );
    }
    out.push('\n');
}

/// net-tools knows IPv4 in IPv4, but not GRE.
fn hardware_of(tunnel: &Tunnel) -> String {
    if tunnel.parameters.mode == Mode::Ipip {
        return "        tunnel   txqueuelen 1000  (IPIP Tunnel)\n".to_owned();
    }
    let [a, b, c, d] = tunnel.parameters.local.octets();
    let rest = "-00".repeat(12);
    format!("        unspec {a:02X}-{b:02X}-{c:02X}-{d:02X}{rest}  txqueuelen 1000  (UNSPEC)\n")
}

/// A number of bytes as net-tools says it.
fn human(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}
