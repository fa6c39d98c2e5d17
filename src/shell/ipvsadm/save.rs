//! What `ipvsadm -S` prints, and `ipvsadm -R` reads.

use std::fmt::Write;

use super::list::{scheduler_flags, servers_in_order, services_in_order, sort};
use super::names::{Shown, protocol};
use crate::host::Kernel;
use crate::ipvs::{Dest, Method, Service, ServiceKey, Tunnel, TunnelChecksum};
use crate::wire::proto;

pub(super) fn print(kernel: &mut Kernel, is_numeric: bool, out: &mut String) {
    let shown = Shown::new(kernel, is_numeric);
    let mut keys = kernel.ipvs().service_keys();
    sort(&mut keys, services_in_order);
    for key in keys {
        let Some((service, mut dests)) = kernel.ipvs().service(key) else { continue };
        sort(&mut dests, servers_in_order);
        let name = service_name(&shown, key);
        add_service(service, &name, out);
        for dest in dests {
            add_server(&shown, key, dest, &name, out);
        }
    }
}

fn service_name(shown: &Shown, key: ServiceKey) -> String {
    match key {
        ServiceKey::Address { protocol, address, port } => {
            let option = match protocol {
                proto::TCP => "-t",
                proto::UDP => "-u",
                _ => "--sctp-service",
            };
            format!("{option} {}", shown.endpoint(address, port, protocol))
        }
        ServiceKey::Mark(mark) => format!("-f {}", mark.cast_signed()),
    }
}

fn add_service(service: &Service, name: &str, out: &mut String) {
    let options = service.options();
    let _ = write!(out, "-A {name} -s {}", options.scheduler);
    if let Some(persistence) = options.persistence {
        let _ = write!(out, " -p {}", persistence.timeout.as_secs());
        if !options.netmask.is_broadcast() {
            let _ = write!(out, " -M {}", options.netmask);
        }
    }
    if let Some(engine) = options.engine {
        let _ = write!(out, " --pe {}", engine.name());
    }
    if options.one_packet {
        out.push_str(" -o");
    }
    let flags = scheduler_flags(&options.scheduler, options.scheduler_flags);
    if !flags.is_empty() {
        let _ = write!(out, " -b {flags}");
    }
    out.push('\n');
}

fn add_server(shown: &Shown, key: ServiceKey, dest: &Dest, service: &str, out: &mut String) {
    let endpoint = dest.endpoint();
    let name = shown.endpoint(*endpoint.ip(), endpoint.port(), protocol(key));
    let options = dest.options();
    let method = match options.method {
        Method::Masquerade => "-m",
        Method::Tunnel => "-i",
        Method::Route | Method::Bypass => "-g",
    };
    let _ = write!(out, "-a {service} -r {name} {method} -w {}", dest.weight());
    if options.method == Method::Tunnel {
        let sum = |checksum| match checksum {
            TunnelChecksum::None => "--tun-nocsum",
            TunnelChecksum::Full => "--tun-csum",
            TunnelChecksum::Remote => "--tun-remcsum",
        };
        let _ = match options.tunnel {
            Tunnel::Ipip => write!(out, " --tun-type ipip"),
            Tunnel::Gue { port, checksum } => write!(out, " --tun-type gue --tun-port {port} {}", sum(checksum)),
            Tunnel::Gre { checksum } => write!(out, " --tun-type gre {}", sum(checksum)),
        };
    }
    out.push('\n');
}
