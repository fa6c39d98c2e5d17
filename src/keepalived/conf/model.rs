//! What a configuration says, once it has been understood.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::vrrp::{Garp, GarpGroup, Group, Instance, Script, Statics, TrackFile, TrackProcess};
use crate::time::Span;

/// A whole configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// global_defs.
    pub global: Global,
    /// static_ipaddress, static_routes, static_rules.
    pub statics: Statics,
    /// vrrp_script.
    pub scripts: Vec<Script>,
    /// track_file.
    pub track_files: Vec<TrackFile>,
    /// vrrp_track_process.
    pub track_processes: Vec<TrackProcess>,
    /// vrrp_instance.
    pub instances: Vec<Instance>,
    /// vrrp_sync_group.
    pub groups: Vec<Group>,
    /// virtual_server_group.
    pub server_groups: Vec<ServerGroup>,
    /// virtual_server.
    pub services: Vec<Service>,
    /// Keywords that mean nothing to a simulated machine, with their lines in the main file.
    pub without_effect: Vec<(Option<usize>, String)>,
    /// bfd_instance: the names of those that speak to the checkers.
    pub bfds: Vec<String>,
}

/// global_defs.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// router_id
    pub router_id: Option<String>,
    /// vrrp_mcast_group4
    pub group: Ipv4Addr,
    /// vrrp_version
    pub version: u8,
    /// vrrp_garp_*
    pub garp: Garp,
    /// vrrp_garp_interval: the gap between gratuitous ARPs of an interface.
    pub garp_interval: Span,
    /// garp_group
    pub garp_groups: Vec<GarpGroup>,
    /// vrrp_garp_extra_if
    pub garp_elsewhere: Option<(Span, bool)>,
    /// vrrp_down_timer_adverts
    pub down_timer_adverts: u32,
    /// vrrp_lower_prio_no_advert
    pub lower_priority_no_advert: bool,
    /// vrrp_higher_prio_send_advert
    pub higher_priority_send_advert: bool,
    /// vrrp_check_unicast_src
    pub check_unicast_source: bool,
    /// vrrp_skip_check_adv_addr
    pub skip_check_addresses: bool,
    /// vrrp_strict
    pub strict: bool,
    /// vrrp_startup_delay
    pub startup_delay: Span,
    /// log_unknown_vrids
    pub log_unknown_vrids: bool,
    /// vrrp_notify_priority_changes
    pub tells_priority: bool,
    /// notify_fifo, vrrp_notify_fifo
    pub fifos: Vec<String>,
    /// nftables, or vrrp_iptables: a firewall is spoken of.
    pub names_firewall: bool,
    /// default_interface
    pub default_interface: String,
    /// vmac_prefix
    pub vmac_prefix: String,
    /// dynamic_interfaces
    pub dynamic_interfaces: bool,
    /// enable_script_security
    pub script_security: bool,
    /// lvs_timeouts: TCP, TCP after a FIN, UDP; in seconds.
    pub timeouts: [u32; 3],
    /// lvs_flush
    pub flush: bool,
    /// lvs_flush_on_stop
    pub flush_on_stop: bool,
    /// lvs_sync_daemon
    pub sync: Option<SyncDaemon>,
    /// checker_log_all_failures
    pub log_all_failures: bool,
}

impl Default for Global {
    fn default() -> Global {
        Global {
            router_id: None,
            group: Ipv4Addr::new(224, 0, 0, 18),
            version: 2,
            garp: Garp::default(),
            garp_interval: Span::ZERO,
            garp_groups: Vec::new(),
            garp_elsewhere: None,
            down_timer_adverts: 3,
            lower_priority_no_advert: false,
            higher_priority_send_advert: false,
            check_unicast_source: false,
            skip_check_addresses: false,
            strict: false,
            startup_delay: Span::ZERO,
            log_unknown_vrids: false,
            tells_priority: false,
            fifos: Vec::new(),
            names_firewall: false,
            default_interface: "eth0".to_owned(),
            vmac_prefix: "vrrp".to_owned(),
            dynamic_interfaces: false,
            script_security: false,
            timeouts: [0; 3],
            flush: false,
            flush_on_stop: false,
            sync: None,
            log_all_failures: false,
        }
    }
}

/// lvs_sync_daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDaemon {
    /// The interface.
    pub interface: String,
    /// The instance that it follows.
    pub instance: Option<String>,
    /// id
    pub id: Option<u8>,
    /// maxlen
    pub max_len: Option<u16>,
    /// port
    pub port: Option<u16>,
    /// ttl
    pub ttl: Option<u8>,
    /// group
    pub group: Option<Ipv4Addr>,
}

/// virtual_server_group: services that share servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerGroup {
    /// Its name.
    pub name: String,
    /// Addresses and ports.
    pub ranges: Vec<Range>,
    /// Marks.
    pub marks: Vec<u32>,
}

/// Addresses in a row that share a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first one.
    pub first: IpAddr,
    /// The last one.
    pub last: IpAddr,
    /// The port.
    pub port: u16,
}

impl Range {
    /// How many addresses of a range are looked at.
    const MOST: usize = 65_536;

    /// Each address with the port; those of IPv6 are left out.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        let (first, last) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (u32::from(first), u32::from(last)),
            _ => (1, 0),
        };
        let port = self.port;
        (first..=last).take(Range::MOST).map(move |ip| SocketAddr::from((Ipv4Addr::from(ip), port)))
    }
}

/// What a virtual_server is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceName {
    /// An address and port.
    Address(SocketAddr),
    /// A mark.
    Mark(u32),
    /// A group, and which of the services that use it this is.
    Group(String, u16),
}

/// lb_kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// NAT
    #[default]
    Nat,
    /// DR
    Route,
    /// TUN
    Tunnel(Wrapping),
}

/// What a tunnel wraps packets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrapping {
    /// type ipip
    #[default]
    Ipip,
    /// type gue
    Gue {
        /// port
        port: u16,
        /// nocsum, csum, remcsum
        checksum: TunnelChecksum,
    },
    /// type gre
    Gre {
        /// csum
        has_checksum: bool,
    },
}

/// What protects a tunnel's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TunnelChecksum {
    /// nocsum
    #[default]
    None,
    /// csum
    Full,
    /// remcsum
    Remote,
}

/// How a checker repeats itself; what is unset comes from the next larger block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// delay_loop
    pub delay_loop: Option<Span>,
    /// retry
    pub retry: Option<u32>,
    /// delay_before_retry
    pub delay_before_retry: Option<Span>,
    /// warmup
    pub warmup: Option<Span>,
    /// connect_timeout
    pub connect_timeout: Option<Span>,
    /// alpha
    pub alpha: Option<bool>,
}

impl Pace {
    /// What is unset is taken from `outer`.
    pub fn or(self, outer: Pace) -> Pace {
        Pace {
            delay_loop: self.delay_loop.or(outer.delay_loop),
            retry: self.retry.or(outer.retry),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            warmup: self.warmup.or(outer.warmup),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            alpha: self.alpha.or(outer.alpha),
        }
    }
}

/// virtual_server.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// What it is known by.
    pub name: ServiceName,
    /// ip_family, or that of its servers.
    pub is_ipv6: Option<bool>,
    /// protocol: its number; 0: none.
    pub protocol: u8,
    /// lb_algo
    pub scheduler: String,
    /// flags of the scheduler
    pub flags: Vec<String>,
    /// lb_kind
    pub kind: Option<Kind>,
    /// persistence_timeout, in seconds.
    pub persistence: Option<u32>,
    /// persistence_granularity
    pub granularity: Ipv4Addr,
    /// persistence_engine
    pub engine: Option<String>,
    /// ops
    pub one_packet: bool,
    /// quorum
    pub quorum: u32,
    /// hysteresis
    pub hysteresis: u32,
    /// quorum_up
    pub quorum_up: Option<String>,
    /// quorum_down
    pub quorum_down: Option<String>,
    /// omega
    pub omega: bool,
    /// inhibit_on_failure
    pub inhibit: bool,
    /// ha_suspend
    pub ha_suspend: bool,
    /// virtualhost
    pub virtualhost: Option<String>,
    /// weight: that of servers without one of their own.
    pub weight: i32,
    /// sorry_server
    pub sorry: Option<Sorry>,
    /// What its servers' checkers inherit.
    pub pace: Pace,
    /// real_server
    pub servers: Vec<Server>,
}

impl Service {
    /// How packets get to a server.
    pub fn kind_of(&self, server: &Server) -> Kind {
        server.kind.or(self.kind).unwrap_or_default()
    }
}

/// sorry_server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorry {
    /// Its address and port.
    pub address: SocketAddr,
    /// sorry_server_lvs_method
    pub kind: Option<Kind>,
    /// sorry_server_inhibit
    pub inhibit: bool,
}

/// real_server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its address and port.
    pub address: SocketAddr,
    /// weight; unset: the service's.
    pub weight: Option<i32>,
    /// lvs_method
    pub kind: Option<Kind>,
    /// inhibit_on_failure
    pub inhibit: Option<bool>,
    /// uthreshold
    pub upper_threshold: u32,
    /// lthreshold
    pub lower_threshold: u32,
    /// notify_up
    pub notify_up: Option<String>,
    /// notify_down
    pub notify_down: Option<String>,
    /// virtualhost
    pub virtualhost: Option<String>,
    /// What its checkers inherit.
    pub pace: Pace,
    /// Its checkers.
    pub checkers: Vec<Checker>,
}

/// A checker of a real server.
#[derive(Clone, Debug, PartialEq)]
pub struct Checker {
    /// What it does.
    pub kind: CheckerKind,
    /// Where it asks: the server as it was written, connect_ip, connect_port. What keepalived makes of the server's port
    /// afterwards does not count. None after a wrong connect_ip.
    pub to: Option<SocketAddr>,
    /// bindto
    pub bind_to: Option<IpAddr>,
    /// bind_port
    pub bind_port: Option<u16>,
    /// bind_if
    pub bind_if: Option<String>,
    /// fwmark
    pub mark: Option<u32>,
    /// How it repeats itself.
    pub pace: Pace,
    /// log_all_failures
    pub log_all_failures: bool,
}

/// What a checker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckerKind {
    /// TCP_CHECK: connects.
    Tcp,
    /// HTTP_GET, SSL_GET: asks for pages.
    Http(HttpCheck),
    /// UDP_CHECK: sends a datagram.
    Udp(UdpCheck),
    /// PING_CHECK
    Ping,
    /// SMTP_CHECK
    Smtp {
        /// helo_name
        helo: String,
    },
    /// DNS_CHECK
    Dns {
        /// name
        name: String,
        /// type, by its number
        record: u16,
    },
    /// MISC_CHECK: runs a script.
    Misc {
        /// misc_path
        path: String,
        /// misc_timeout
        timeout: Option<Span>,
        /// misc_dynamic
        is_dynamic: bool,
    },
    /// FILE_CHECK: looks at the number in a file.
    File {
        /// track_file
        name: String,
        /// weight; 0: any number but 0 is a failure.
        weight: i32,
    },
    /// BFD_CHECK
    Bfd {
        /// name
        name: Option<String>,
    },
}

/// HTTP_GET, SSL_GET.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpCheck {
    /// Over TLS.
    pub is_tls: bool,
    /// url
    pub urls: Vec<Url>,
    /// virtualhost
    pub virtualhost: Option<String>,
    /// http_protocol
    pub protocol: HttpProtocol,
    /// fast_recovery
    pub recovers_fast: bool,
}

/// http_protocol
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpProtocol {
    /// 1.0
    #[default]
    V10,
    /// 1.0C: with Connection: close.
    V10Close,
    /// 1.1
    V11,
}

/// UDP_CHECK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpCheck {
    /// payload
    pub payload: Vec<u8>,
    /// require_reply
    pub requires_reply: bool,
    /// The reply that is wanted: each byte with the bits of it that count.
    pub reply: Vec<(u8, u8)>,
    /// min_reply_length
    pub min: u16,
    /// max_reply_length
    pub max: u16,
}

impl Default for UdpCheck {
    fn default() -> UdpCheck {
        UdpCheck { payload: Vec::new(), requires_reply: false, reply: Vec::new(), min: 0, max: 255 }
    }
}

/// A page that HTTP_GET asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// path
    pub path: String,
    /// status_code; empty: 200 to 299.
    pub status: Vec<(u16, u16)>,
    /// digest
    pub digest: Option<String>,
    /// virtualhost
    pub virtualhost: Option<String>,
    /// regex and what goes with it
    pub regex: Option<PagePattern>,
}

/// regex, regex_no_match, regex_options, regex_min_offset, regex_max_offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePattern {
    /// The pattern, with the options that mean something here in front of it.
    pub pattern: String,
    /// It must not be found.
    pub must_not_match: bool,
    /// Where it may begin at the earliest.
    pub min_offset: usize,
    /// Before which place it must begin.
    pub max_offset: Option<usize>,
}
