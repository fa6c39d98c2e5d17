//! What `ipvsadm -L` shows.

use std::fmt::Write;
use std::net::SocketAddrV4;

use super::call::Call;
use super::names::Shown;
use super::options::{Given, Opt};
use super::{Failure, NOT_LISTED};
use crate::host::Kernel;
use crate::ipvs::sync::{Daemon, Role};
use crate::ipvs::{Counters, Dest, Error, Service, ServiceKey, Stats, Tunnel, TunnelChecksum, proc};
use crate::wire::proto;

/// `ipvsadm` without an option.
pub(super) fn everything(kernel: &mut Kernel, out: &mut String) -> i32 {
    let listing =
        Listing { shown: Shown::new(kernel, false), columns: Columns::Plain, is_exact: false, is_sorted: true };
    listing.all(kernel, out);
    0
}

/// `ipvsadm -L` with its options.
pub(super) fn print(kernel: &mut Kernel, call: &Call, out: &mut String) -> Result<(), Failure> {
    let given = call.given;
    let shown = Shown::new(kernel, given.has(Opt::Numeric));
    if given.has(Opt::Connection) {
        connections(kernel, &shown, given.has(Opt::PersistentConn), out);
        return Ok(());
    }
    if given.has(Opt::Timeout) {
        let [tcp, tcp_fin, udp] = kernel.ipvs().timeouts();
        let _ = writeln!(out, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}");
        return Ok(());
    }
    if given.has(Opt::Daemon) {
        daemons(kernel, out);
        return Ok(());
    }
    let columns = Columns::of(given);
    let listing = Listing { shown, columns, is_exact: given.has(Opt::Exact), is_sorted: !given.has(Opt::NoSort) };
    match call.maybe_key() {
        Ok(None) => listing.all(kernel, out),
        Ok(Some(key)) if kernel.ipvs().service(key).is_some() => {
            listing.title(out);
            listing.entry(kernel, key, out);
        }
        Ok(Some(_)) => return Err(Failure::exit(NOT_LISTED, Error::NoService.to_string())),
        Err(failure) => return Err(Failure::exit(NOT_LISTED, failure.text)),
    }
    Ok(())
}

/// `ipvsadm -L --daemon`
fn daemons(kernel: &mut Kernel, out: &mut String) {
    for role in [Role::Master, Role::Backup] {
        if let Some(Daemon { interface, id, max_len, group, port, ttl }) = kernel.ipvs().daemon(role) {
            let _ = writeln!(
                out,
                "{} sync daemon (mcast={interface}, syncid={id}, maxlen={max_len}, group={group}, port={port}, ttl={ttl})",
                role.name()
            );
        }
    }
}

/// ipvs_cmp_services: 1 after 2, 0 the same, -1 before; as differences of numbers that may wrap.
pub(super) fn services_in_order(one: &ServiceKey, other: &ServiceKey) -> i32 {
    let numbers = |key: &ServiceKey| match *key {
        ServiceKey::Mark(mark) => [mark.cast_signed(), 0, 0, 0],
        ServiceKey::Address { protocol, address, port } => {
            [0, i32::from(protocol), u32::from(address).cast_signed(), i32::from(port)]
        }
    };
    first_difference(numbers(one), numbers(other))
}

/// ipvs_cmp_dests
pub(super) fn servers_in_order(one: &&Dest, other: &&Dest) -> i32 {
    let numbers = |dest: &Dest| [u32::from(*dest.endpoint().ip()).cast_signed(), i32::from(dest.endpoint().port())];
    first_difference(numbers(one), numbers(other))
}

fn first_difference<const N: usize>(one: [i32; N], other: [i32; N]) -> i32 {
    one.iter().zip(other).map(|(one, other)| one.wrapping_sub(other)).find(|difference| *difference != 0).unwrap_or(0)
}

/// glibc's qsort, which merges: with comparisons that wrap, the order depends on which ones are made.
pub(super) fn sort<T: Copy>(items: &mut [T], compare: fn(&T, &T) -> i32) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    sort(left, compare);
    sort(right, compare);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    for slot in items {
        let from_left = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) => compare(one, other) <= 0,
            (one, _) => one.is_some(),
        };
        if let Some(item) = if from_left { left.next() } else { right.next() } {
            *slot = *item;
        }
    }
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

impl Columns {
    /// Of several that are asked for, the first counts.
    fn of(given: Given) -> Columns {
        match given {
            _ if given.has(Opt::Stats) => Columns::Stats,
            _ if given.has(Opt::Rate) => Columns::Rates,
            _ if given.has(Opt::Thresholds) => Columns::Thresholds,
            _ if given.has(Opt::PersistentConn) => Columns::Persistent,
            _ if given.has(Opt::TunInfo) => Columns::Tunnels,
            _ => Columns::Plain,
        }
    }
}

struct Listing {
    shown: Shown,
    columns: Columns,
    is_exact: bool,
    is_sorted: bool,
}

impl Listing {
    fn all(&self, kernel: &mut Kernel, out: &mut String) {
        out.push_str(&proc::heading(kernel.ipvs()));
        let mut keys = kernel.ipvs().service_keys();
        if self.is_sorted {
            sort(&mut keys, services_in_order);
        }
        self.title(out);
        for key in keys {
            self.entry(kernel, key, out);
        }
    }

    /// print_service_entry
    fn entry(&self, kernel: &mut Kernel, key: ServiceKey, out: &mut String) {
        let Some((service, mut dests)) = kernel.ipvs().service(key) else { return };
        if self.is_sorted {
            sort(&mut dests, servers_in_order);
        }
        self.service(service, out);
        for dest in dests {
            self.dest(dest, key, out);
        }
    }

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

    fn service(&self, service: &Service, out: &mut String) {
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
    }

    fn dest(&self, dest: &Dest, key: ServiceKey, out: &mut String) {
        let endpoint = dest.endpoint();
        let name = self.shown.server(*endpoint.ip(), endpoint.port(), key);
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
                false => write!(out, "{}", large(number, self.is_exact)),
            };
        }
        for number in [in_bytes, out_bytes] {
            out.push_str(&large(number, self.is_exact));
        }
    }
}

/// print_largenum: nine places, with a unit if they do not suffice.
fn large(number: u64, is_exact: bool) -> String {
    if is_exact {
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
    let own: &[&str] = match scheduler {
        "sh" => &["sh-fallback", "sh-port"],
        "mh" => &["mh-fallback", "mh-port"],
        _ => &["flag-1", "flag-2", "flag-3"],
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
fn connections(kernel: &mut Kernel, shown: &Shown, with_engine: bool, out: &mut String) {
    let now = kernel.now;
    out.push_str("IPVS connection entries\n");
    let _ = write!(out, "pro expire {:<11} {:<18} {:<18} ", "state", "source", "virtual");
    if with_engine {
        let _ = writeln!(out, "{:<18} {:<16} pe_data", "destination", "pe name");
    } else {
        out.push_str("destination\n");
    }
    for conn in kernel.ipvs().connections() {
        let seconds = conn.remaining(now).as_secs();
        let protocol = conn.protocol();
        let endpoint = |address: SocketAddrV4| shown.endpoint(*address.ip(), address.port(), protocol);
        let _ = write!(
            out,
            "{:<3} {:02}:{:02}  {:<11} {:<18} {:<18} ",
            proto::name(protocol),
            seconds / 60,
            seconds % 60,
            conn.state().name(),
            endpoint(conn.client()),
            endpoint(conn.virtual_address()),
        );
        let server = endpoint(conn.server());
        let _ = match conn.engine_data().filter(|_| with_engine) {
            Some((engine, data)) => writeln!(out, "{server:<16} {:<18} {data}", engine.name()),
            None => writeln!(out, "{server}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_addresses_wrap() {
        let sorted = |addresses: &[&str]| {
            let key = |text: &&str| ServiceKey::Address { protocol: 6, address: text.parse().unwrap(), port: 80 };
            let mut keys: Vec<ServiceKey> = addresses.iter().map(key).collect();
            sort(&mut keys, services_in_order);
            keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        // What glibc's qsort makes of ipvs_cmp_services.
        assert_eq!(
            sorted(&["10.0.0.1", "127.0.0.1", "192.168.0.1", "8.8.8.8"]),
            "TCP 192.168.0.1:80 TCP 8.8.8.8:80 TCP 10.0.0.1:80 TCP 127.0.0.1:80"
        );
        assert_eq!(
            sorted(&["192.168.0.1", "10.0.0.1", "8.8.8.8", "172.16.0.1", "127.0.0.1"]),
            "TCP 192.168.0.1:80 TCP 8.8.8.8:80 TCP 10.0.0.1:80 TCP 127.0.0.1:80 TCP 172.16.0.1:80"
        );
    }

    #[test]
    fn large_numbers_get_units() {
        assert_eq!(large(99_999_999, false), " 99999999");
        assert_eq!(large(100_000_000, false), "  100000K");
        assert_eq!(large(1_234_567_890, false), "    1234M");
        assert_eq!(large(1_234_567_890, true), " 1234567890");
    }
}
