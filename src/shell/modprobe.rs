//! modprobe, rmmod and lsmod, of kmod 30. The kernel of the lab has everything built in that a cluster needs; one module
//! has to be asked for, since it changes what packets say: ip_vs_ftp. ip_vs itself has a parameter, conn_tab_bits.

use std::fmt::Write;

use crate::host::{Io, Kernel};

/// The modules that a machine of the lab knows, besides those whose names begin as the last ones do.
const MODULES: &[&str] = &[
    "8021q",
    "bonding",
    "bridge",
    "dummy",
    "fou",
    "gre",
    "ip_gre",
    "ip_tunnel",
    "ipip",
    "iptable_filter",
    "iptable_mangle",
    "iptable_nat",
    "iptable_raw",
    "arptable_filter",
    "arp_tables",
    "ip_tables",
    "tunnel4",
    "udp_tunnel",
    "veth",
];
const FAMILIES: &[&str] = &["ip_vs", "nf_", "xt_", "ipt_", "nft_"];

const FTP: &str = "ip_vs_ftp";

fn is_known(name: &str) -> bool {
    MODULES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// modprobe \[-a\] \[-r\] \[-q\] \[-v\] MODULE \[ports=PORT,...\]
pub(super) fn modprobe(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let has = |option: &str| args[1..].iter().any(|word| word == option);
    let names: Vec<&String> = args[1..].iter().filter(|word| !word.starts_with('-')).collect();
    if names.is_empty() {
        io.err.push_str("modprobe: ERROR: missing parameters. See -h.\n");
        return 1;
    }
    // With one name, the other words are the module's options.
    let (wanted, own) = if has("-a") || has("-r") { (&names[..], &[][..]) } else { names.split_at(1) };
    let mut status = 0;
    for name in wanted {
        let plain = name.replace('-', "_");
        let options = [configured(kernel, &plain), own.iter().map(ToString::to_string).collect()].concat();
        let complaint = if !is_known(&plain) {
            Some(format!("FATAL: Module {name} not found in directory /lib/modules/6.1.0-56-amd64"))
        } else if plain != FTP {
            None
        } else if has("-r") {
            let is_gone = kernel.ipvs().unload_ftp();
            (!is_gone).then(|| format!("FATAL: Module {FTP} is in use."))
        } else {
            insert(kernel, &options).err().map(|why| format!("ERROR: could not insert '{FTP}': {why}"))
        };
        if let Some(complaint) = complaint {
            let _ = writeln!(io.err, "modprobe: {complaint}");
            status = 1;
        }
        match plain.as_str() {
            "ip_vs" if !has("-r") => {
                let bits = options.iter().rev().find_map(|option| option.strip_prefix("conn_tab_bits="));
                if let Some(bits) = bits {
                    // What is no number is as good as one that is out of range.
                    kernel.ipvs().set_table_bits(bits.parse().unwrap_or(0));
                }
            }
            "ip_gre" if !has("-r") => kernel.load_gre(),
            "fou" if !has("-r") => kernel.load_fou(),
            _ => {}
        }
    }
    status
}

/// A module's options from the files in /etc/modprobe.d: lines of `options MODULE OPTION...`.
fn configured(kernel: &mut Kernel, module: &str) -> Vec<String> {
    const FOLDER: &str = "/etc/modprobe.d";
    let names = kernel.files().list(FOLDER).into_iter().filter(|name| name.ends_with(".conf"));
    let paths: Vec<String> = names.map(|name| format!("{FOLDER}/{name}")).collect();
    let mut options = Vec::new();
    for path in paths {
        let text = kernel.read_path(&path).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let mut words = line.split_whitespace();
            if words.next() == Some("options") && words.next().is_some_and(|name| name.replace('-', "_") == module) {
                options.extend(words.map(str::to_owned));
            }
        }
    }
    options
}

/// Loads ip_vs_ftp; a module that is loaded already stays as it is.
fn insert(kernel: &mut Kernel, options: &[String]) -> Result<(), &'static str> {
    if kernel.ipvs().has_ftp() {
        return Ok(());
    }
    // Up to so many can be named (IP_VS_APP_MAX_PORTS); others than these options are ignored, as the kernel does.
    const MAX_PORTS: usize = 8;
    let ports = options.iter().rev().find_map(|option| option.strip_prefix("ports="));
    let ports: Option<Vec<u16>> = ports.unwrap_or("21").split(',').map(|port| port.parse().ok()).collect();
    let ports = ports.filter(|ports| ports.len() <= MAX_PORTS).ok_or("Invalid argument")?;
    if kernel.ipvs().load_ftp(&ports) { Ok(()) } else { Err("File exists") }
}

/// rmmod MODULE...
pub(super) fn rmmod(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let names: Vec<&String> = args[1..].iter().filter(|word| !word.starts_with('-')).collect();
    if names.is_empty() {
        io.err.push_str("rmmod: ERROR: missing module name.\n");
        return 1;
    }
    let mut status = 0;
    for name in names {
        let plain = name.replace('-', "_");
        let complaint = if plain != FTP && is_known(&plain) {
            "is builtin."
        } else if plain != FTP || !kernel.ipvs().has_ftp() {
            "is not currently loaded"
        } else if !kernel.ipvs().unload_ftp() {
            "is in use"
        } else {
            continue;
        };
        let _ = writeln!(io.err, "rmmod: ERROR: Module {plain} {complaint}");
        status = 1;
    }
    status
}

/// lsmod: what has been loaded. A module's user count is that of the connections that use it.
pub(super) fn lsmod(kernel: &mut Kernel, _: &[String], io: &mut Io) -> i32 {
    io.out.push_str("Module                  Size  Used by\n");
    if kernel.ipvs().has_ftp() {
        let users: usize = kernel.ipvs().apps().map(|(_, users)| users).sum();
        let _ = writeln!(io.out, "{FTP:<19} {:8}  {users}", 16_384);
    }
    0
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn the_helper_comes_and_goes() {
        let mut console = Console::new();
        assert_eq!(console.type_line("modprobe ip_vs_ftp ports=21,2121; cat /proc/net/ip_vs_app"), LISTED);
        assert_eq!(console.type_line("modprobe ip-vs-ftp; lsmod | tail -n 1"), "ip_vs_ftp              16384  0\n");
        assert_eq!(console.type_line("rmmod ip_vs_ftp; lsmod"), "Module                  Size  Used by\n");
        assert_eq!(console.type_line("modprobe -r ip_vs_ftp; cat /proc/net/ip_vs_app"), "prot port    usecnt name\n");
    }

    const LISTED: &str = "\
prot port    usecnt name
TCP  2121    0      ftp              
TCP  21      0      ftp              
";

    #[test]
    fn mistakes_in_the_tools_words() {
        let lines =
            ["modprobe ip_vs_ftp ports=21,21", "modprobe ip_vs_ftp ports=x", "rmmod ip_vs_ftp", "modprobe nosuch"];
        insta::assert_snapshot!(Console::new().converse(&lines), @"
        $ modprobe ip_vs_ftp ports=21,21
        modprobe: ERROR: could not insert 'ip_vs_ftp': File exists
        [1]
        $ modprobe ip_vs_ftp ports=x
        modprobe: ERROR: could not insert 'ip_vs_ftp': Invalid argument
        [1]
        $ rmmod ip_vs_ftp
        rmmod: ERROR: Module ip_vs_ftp is not currently loaded
        [1]
        $ modprobe nosuch
        modprobe: FATAL: Module nosuch not found in directory /lib/modules/6.1.0-56-amd64
        [1]
        ");
    }
}
