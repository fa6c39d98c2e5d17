//! What `ipvsadm -L` shows.

use std::fmt::Write;

use super::names::{self, Shown};
use super::options::{Options, View};
use super::{Failure, NOT_LISTED};
use crate::host::Kernel;
use crate::ipvs::{Counters, Dest, Error, Service, ServiceKey, Stats, Tunnel, TunnelChecksum};
use crate::wire::proto;

const VERSION: &str = "IP Virtual Server version 1.2.1 (size=4096)\n";

pub(super) fn print(kernel: &mut Kernel, options: &Options, out: &mut String) -> Result<(), Failure> {
    let shown = Shown::new(kernel, options.numeric);
    match options.view {
        View::Connections => connections(kernel, &shown, options, out),
        View::Timeouts => {
            let [tcp, tcp_fin, udp] = kernel.ipvs().timeouts();
            let _ = writeln!(out, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}");
        }
        View::Daemons => {}
        View::Services(columns) => {
            let listing = Listing { shown, columns, exact: options.exact };
            let mut keys = kernel.ipvs().service_keys();
            match options.service {
                Some(key) if keys.contains(&key) => keys = vec![key],
                Some(_) => return Err(Failure { text: Error::NoService.to_string(), status: NOT_LISTED }),
                None => {
                    out.push_str(VERSION);
                    if options.sorted {
                        keys.sort();
                    }
                }
            }
            listing.title(out);
            for key in keys {
                if let Some((service, mut dests)) = kernel.ipvs().service(key) {
                    if options.sorted {
                        dests.sort_by_key(|dest| dest.endpoint());
                    }
                    listing.service(service, &dests, out);
                }
            }
        }
    }
    Ok(())
}

/// Which columns a listing has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    Plain,
    Tunnels,
    Thresholds,
    Persistent,
    Stats,
    Rates,
}

struct Listing {
    shown: Shown,
    columns: Columns,
    exact: bool,
}

impl Listing {
    fn title(&self, out: &mut String) {
        const NAME: &str = "Prot LocalAddress:Port";
        const REMOTE: &str = "  -> RemoteAddress:Port";
        let _ = match self.columns {
            Columns::Plain => {
                write!(out, "{NAME} Scheduler Flags\n{REMOTE}           Forward Weight ActiveConn InActConn\n")
            }
            Columns::Tunnels => write!(
                out,
                "{NAME} Scheduler Flags\n{REMOTE}           Forward TunnelInfo    Weight ActiveConn InActConn\n"
            ),
            Columns::Thresholds => writeln!(
                out,
                "{NAME:<33} {:<10} {:<10} {:<10} {:<10}\n{REMOTE}",
                "Uthreshold", "Lthreshold", "ActiveConn", "InActConn"
            ),
            Columns::Persistent => writeln!(
                out,
                "{NAME:<33} {:<9} {:<11} {:<10} {:<10}\n{REMOTE}",
                "Weight", "PersistConn", "ActiveConn", "InActConn"
            ),
            Columns::Stats => writeln!(
                out,
                "{NAME:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n{REMOTE}",
                "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"
            ),
            Columns::Rates => writeln!(
                out,
                "{NAME:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n{REMOTE}",
                "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"
            ),
        };
    }

    fn service(&self, service: &Service, dests: &[&Dest], out: &mut String) {
        let name = self.shown.service(service.key());
        match self.columns {
            Columns::Stats | Columns::Rates => {
                let _ = write!(out, "{name:<33}");
                self.numbers(service.stats(), false, out);
            }
            _ => {
                let _ = write!(out, "{name} {}", service.options().scheduler);
                out.push_str(&flags(service));
            }
        }
        out.push('\n');
        let protocol = match service.key() {
            ServiceKey::Address { protocol, .. } => protocol,
            ServiceKey::Mark(_) => proto::TCP,
        };
        for dest in dests {
            self.dest(dest, protocol, out);
        }
    }

    fn dest(&self, dest: &Dest, protocol: u8, out: &mut String) {
        let endpoint = dest.endpoint();
        let name = self.shown.endpoint(*endpoint.ip(), endpoint.port(), protocol, 28);
        let options = dest.options();
        let (active, inactive, weight) = (dest.active(), dest.inactive(), dest.weight());
        let method = options.method.name();
        let _ = write!(out, "  -> {name:<28}");
        let _ = match self.columns {
            Columns::Plain => write!(out, " {method:<7} {weight:<6} {active:<10} {inactive:<10}"),
            Columns::Tunnels => {
                let tunnel = tunnel(dest);
                write!(out, " {method:<7} {tunnel:<13} {weight:<6} {active:<10} {inactive:<10}")
            }
            Columns::Thresholds => write!(
                out,
                " {:<10} {:<10} {active:<10} {inactive:<10}",
                options.upper_threshold, options.lower_threshold
            ),
            Columns::Persistent => {
                write!(out, " {weight:<9} {:<11} {active:<10} {inactive:<10}", dest.persistent())
            }
            Columns::Stats | Columns::Rates => {
                self.numbers(dest.stats(), true, out);
                Ok(())
            }
        };
        out.push('\n');
    }

    /// The five numbers; a server's rates are plain ones.
    fn numbers(&self, stats: &Stats, is_server: bool, out: &mut String) {
        let is_rate = self.columns == Columns::Rates;
        let Counters { connections, in_packets, out_packets, in_bytes, out_bytes } =
            if is_rate { stats.rates() } else { stats.counters() };
        for number in [connections, in_packets, out_packets] {
            let _ = match is_rate && is_server {
                true => write!(out, " {number:>8}"),
                false => write!(out, "{}", large(number, self.exact)),
            };
        }
        for number in [in_bytes, out_bytes] {
            out.push_str(&large(number, self.exact));
        }
    }
}

/// print_largenum: nine places, with a unit if they do not suffice.
fn large(number: u64, exact: bool) -> String {
    if exact {
        let digits = number.to_string().len();
        let width = if digits <= 8 { 9 } else { digits + 1 };
        return format!("{number:>width$}");
    }
    match number {
        0..100_000_000 => format!("{number:>9}"),
        100_000_000..1_000_000_000 => format!("{:>8}K", number / 1_000),
        1_000_000_000..100_000_000_000 => format!("{:>8}M", number / 1_000_000),
        100_000_000_000..100_000_000_000_000 => format!("{:>8}G", number / 1_000_000_000),
        _ => format!("{:>8}T", number / 1_000_000_000_000),
    }
}

/// What follows the scheduler's name.
fn flags(service: &Service) -> String {
    let options = service.options();
    let mut text = String::new();
    let names = scheduler_flags(&options.scheduler, options.scheduler_flags);
    if !names.is_empty() {
        let _ = write!(text, " ({names})");
    }
    if let Some(persistence) = options.persistence {
        let _ = write!(text, " persistent {}", persistence.timeout.as_secs());
        if !options.netmask.is_broadcast() {
            let _ = write!(text, " mask {}", options.netmask);
        }
        if let Some(engine) = options.engine {
            let _ = write!(text, " pe {}", engine.name());
        }
    }
    if options.one_packet {
        text.push_str(" ops");
    }
    text
}

/// The names of a scheduler's flags, with commas between them.
pub(super) fn scheduler_flags(scheduler: &str, flags: u8) -> String {
    let own: [&str; 3] = match scheduler {
        "sh" => ["sh-fallback", "sh-port", "flag-3"],
        "mh" => ["mh-fallback", "mh-port", "flag-3"],
        _ => ["flag-1", "flag-2", "flag-3"],
    };
    let set = own.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1);
    set.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

fn tunnel(dest: &Dest) -> String {
    let options = dest.options();
    if options.method != crate::ipvs::Method::Tunnel {
        return "n/a".to_owned();
    }
    let sum = |checksum| match checksum {
        TunnelChecksum::None => "-c",
        TunnelChecksum::Full => "+c",
        TunnelChecksum::Remote => "r+c",
    };
    match options.tunnel {
        Tunnel::Ipip => "ipip".to_owned(),
        Tunnel::Gue { port, checksum } => format!("gue:{port}:{}", sum(checksum)),
        Tunnel::Gre { checksum } => format!("gre:{}", sum(checksum)),
    }
}

/// ipvsadm -Lc: the connection table.
fn connections(kernel: &mut Kernel, shown: &Shown, options: &Options, out: &mut String) {
    let now = kernel.now;
    out.push_str("IPVS connection entries\n");
    let _ = write!(out, "pro expire {:<11} {:<18} {:<18} ", "state", "source", "virtual");
    if options.persistent {
        let _ = writeln!(out, "{:<16} {:<18} pe_data", "destination", "pe name");
    } else {
        out.push_str("destination\n");
    }
    for conn in kernel.ipvs().connections() {
        let seconds = conn.remaining(now).as_secs();
        let protocol = conn.protocol();
        let endpoint = |address: std::net::SocketAddrV4| shown.endpoint(*address.ip(), address.port(), protocol, 33);
        let _ = writeln!(
            out,
            "{:<3} {:02}:{:02}  {:<11} {:<18} {:<18} {}",
            names::protocol(protocol),
            seconds / 60,
            seconds % 60,
            conn.state().name(),
            endpoint(conn.client()),
            endpoint(conn.virtual_address()),
            endpoint(conn.server())
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_get_units() {
        assert_eq!(large(99_999_999, false), " 99999999");
        assert_eq!(large(100_000_000, false), "  100000K");
        assert_eq!(large(1_234_567_890, false), "    1234M");
        assert_eq!(large(1_234_567_890, true), " 1234567890");
    }
}
