//! hostname, of Debian's hostname 3.23.

use std::fmt::Write;

use crate::host::{Io, Kernel, Scope};

/// hostname \[-s|-f|-i|-I\]
pub(super) fn hostname(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    match args.get(1).map(String::as_str) {
        None | Some("-s" | "-f" | "--fqdn" | "--short" | "--long") => {
            let _ = writeln!(io.out, "{}", kernel.name);
        }
        Some("-i" | "-I" | "--ip-address" | "--all-ip-addresses") => {
            let addresses = kernel.interfaces().flat_map(|interface| &interface.addresses);
            let shown = addresses.filter(|address| address.scope != Scope::Host);
            let list: String = shown.map(|address| format!("{} ", address.ip)).collect();
            let _ = writeln!(io.out, "{list}");
        }
        Some(option) if option.starts_with('-') => {
            let _ = writeln!(io.err, "hostname: invalid option -- '{}'", &option[1..]);
            return 255;
        }
        Some(_) => {
            io.err.push_str("hostname: you must be root to change the host name\n");
            return 1;
        }
    }
    0
}
