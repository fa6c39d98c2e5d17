//! /proc/net/ip_vs, ip_vs_app, ip_vs_conn and ip_vs_stats.

use std::fmt::Write;
use std::net::SocketAddrV4;

use super::Ipvs;
use super::service::ServiceKey;
use super::stats::Counters;
use crate::time::Time;
use crate::wire::proto;

/// The version that listings speak of, with the size of the connection table.
pub fn heading(ipvs: &Ipvs) -> String {
    format!("IP Virtual Server version 1.2.1 (size={})\n", ipvs.table_size())
}

/// The kernel counts time-outs in these: its HZ is 250.
const JIFFIES_A_SECOND: u64 = 250;

fn hex(endpoint: SocketAddrV4, between: char) -> String {
    format!("{:08X}{between}{:04X}", u32::from(*endpoint.ip()), endpoint.port())
}

/// /proc/net/ip_vs (ip_vs_info_seq_show).
pub fn services(ipvs: &Ipvs) -> String {
    // Writing to a string cannot fail.
    let mut text = heading(ipvs);
    text += "Prot LocalAddress:Port Scheduler Flags\n";
    text += "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";
    for key in ipvs.service_keys() {
        let Some((service, dests)) = ipvs.service(key) else { continue };
        let options = service.options();
        let ops = if options.one_packet { "ops " } else { "" };
        match key {
            ServiceKey::Address { protocol, address, port } => {
                let address = hex(SocketAddrV4::new(address, port), ':');
                text += &format!("{}  {address} {} {ops} ", proto::name(protocol), options.scheduler);
            }
            ServiceKey::Mark(mark) => text += &format!("FWM  {mark:08X} {} {ops}", options.scheduler),
        }
        if let Some(persistence) = options.persistence {
            let jiffies = persistence.timeout.as_secs() * JIFFIES_A_SECOND;
            text += &format!("persistent {jiffies} {:08X}", u32::from(options.netmask));
        }
        text.push('\n');
        for dest in dests {
            let _ = writeln!(
                text,
                "  -> {}      {:<7} {:<6} {:<10} {:<10}",
                hex(dest.endpoint(), ':'),
                dest.options().method.name(),
                dest.weight(),
                dest.active(),
                dest.inactive()
            );
        }
    }
    text
}

/// /proc/net/ip_vs_conn (ip_vs_conn_seq_show).
pub fn connections(ipvs: &Ipvs, now: Time) -> String {
    let mut text = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n".to_owned();
    for conn in ipvs.connections() {
        let _ = write!(
            text,
            "{:<3} {} {} {} {:<11} {:>7}",
            proto::name(conn.protocol()),
            hex(conn.client(), ' '),
            hex(conn.virtual_address(), ' '),
            hex(conn.server(), ' '),
            conn.state().name(),
            conn.remaining(now).as_secs()
        );
        if let Some((engine, data)) = conn.engine_data() {
            let _ = write!(text, " {} {data}", engine.name());
        }
        text.push('\n');
    }
    text
}

/// /proc/net/ip_vs_app (ip_vs_app_seq_show).
pub fn apps(ipvs: &Ipvs) -> String {
    let mut text = "prot port    usecnt name\n".to_owned();
    for (port, users) in ipvs.apps() {
        let _ = writeln!(text, "{:<3}  {port:<7} {users:<6} {:<17}", proto::name(proto::TCP), "ftp");
    }
    text
}

/// /proc/net/ip_vs_stats (ip_vs_stats_show).
pub fn stats(ipvs: &Ipvs) -> String {
    let row = |counters: Counters, end: &str| {
        let Counters { connections, in_packets, out_packets, in_bytes, out_bytes } = counters;
        format!("{connections:8X} {in_packets:8X} {out_packets:8X} {in_bytes:16X} {out_bytes:16X}{end}\n")
    };
    let mut text = "   Total Incoming Outgoing         Incoming         Outgoing\n".to_owned();
    text += "   Conns  Packets  Packets            Bytes            Bytes\n";
    text += &row(ipvs.total().counters(), "\n");
    text += " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n";
    text += &row(ipvs.total().rates(), "");
    text
}
