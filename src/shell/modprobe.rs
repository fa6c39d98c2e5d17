//! modprobe and lsmod, of kmod 30: the kernel of the lab has everything built in that a cluster needs.

use std::fmt::Write;

use crate::host::{Io, Kernel};

/// The modules that a machine of the lab knows, besides those whose names begin as the last ones do.
const MODULES: &[&str] = &[
    "8021q",
    "bonding",
    "bridge",
    "dummy",
    "ipip",
    "iptable_filter",
    "iptable_mangle",
    "iptable_nat",
    "iptable_raw",
    "arptable_filter",
    "arp_tables",
    "ip_tables",
    "tunnel4",
    "veth",
];
const FAMILIES: &[&str] = &["ip_vs", "nf_", "xt_", "ipt_", "nft_"];

/// modprobe \[-r\] \[-q\] \[-v\] MODULE...
pub(super) fn modprobe(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let names: Vec<&String> = args[1..].iter().filter(|word| !word.starts_with('-')).collect();
    if names.is_empty() {
        io.err.push_str("modprobe: ERROR: missing parameters. See -h.\n");
        return 1;
    }
    // With one name, the other words are the module's options.
    let all = args[1..].iter().any(|word| word == "-a");
    let wanted = if all { &names[..] } else { &names[..1] };
    let mut status = 0;
    for name in wanted {
        let plain = name.replace('-', "_");
        let is_known = MODULES.contains(&plain.as_str()) || FAMILIES.iter().any(|family| plain.starts_with(family));
        if !is_known {
            let _ =
                writeln!(io.err, "modprobe: FATAL: Module {name} not found in directory /lib/modules/6.1.0-56-amd64");
            status = 1;
        }
    }
    status
}
