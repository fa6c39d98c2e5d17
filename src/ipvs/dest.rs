//! Real servers: the kernel's struct ip_vs_dest.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::service::{ServiceId, ServiceKey};
use super::stats::Stats;
use crate::time::Time;

/// A real server of a service. Numbers are never reused, so that whoever remembers one finds the same server or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestId(pub(super) u32);

/// How packets reach a real server (IP_VS_CONN_F_FWD_MASK).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Network address translation, `-m`.
    Masquerade,
    /// Wrapped into another packet, `-i`.
    Tunnel,
    /// In a frame to the server's MAC address, `-g`.
    #[default]
    Route,
    /// Past all servers to the packet's own destination: a transparent proxy's way out (cache_bypass).
    Bypass,
}

impl Method {
    /// The name in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Masquerade => "Masq",
            Method::Tunnel => "Tunnel",
            Method::Route => "Route",
            Method::Bypass => "Bypass",
        }
    }
}

/// How a tunnel wraps packets (IP_VS_CONN_F_TUNNEL_TYPE_*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tunnel {
    /// IPv4 in IPv4.
    #[default]
    Ipip,
    /// Generic UDP encapsulation to this port.
    Gue {
        /// The UDP port that the server listens at.
        port: u16,
        /// What protects it.
        checksum: TunnelChecksum,
    },
    /// Generic routing encapsulation.
    Gre {
        /// What protects it.
        checksum: TunnelChecksum,
    },
}

impl Tunnel {
    /// The UDP port of its other end; 0 if it has none.
    pub const fn port(self) -> u16 {
        match self {
            Tunnel::Gue { port, .. } => port,
            Tunnel::Ipip | Tunnel::Gre { .. } => 0,
        }
    }
}

/// Checksums of a tunnel's own header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TunnelChecksum {
    /// None.
    #[default]
    None,
    /// Of the header and what it wraps.
    Full,
    /// Remote checksum offload.
    Remote,
}

/// What an administrator says about a real server: the kernel's struct ip_vs_dest_user_kern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestOptions {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port; 0: the one that the client asked for.
    pub port: u16,
    /// How packets reach it.
    pub method: Method,
    /// How a tunnel wraps them.
    pub tunnel: Tunnel,
    /// Its share; 0: no new connections.
    pub weight: i32,
    /// So many connections make it overloaded; 0: none do.
    pub upper_threshold: u32,
    /// Below so many it no longer is; 0: three quarters of the upper one.
    pub lower_threshold: u32,
}

/// A real server.
#[derive(Debug)]
pub struct Dest {
    pub(super) options: DestOptions,
    /// What it belongs or belonged to; the kernel's vaddr, vport, vfwmark.
    pub(super) key: ServiceKey,
    /// The service itself, as long as it lives.
    pub(super) service: ServiceId,
    /// The last weight that was not 0.
    pub(super) last_weight: i32,
    /// Connections in a state that counts as active.
    pub(super) active: u32,
    /// Other connections.
    pub(super) inactive: u32,
    /// Persistence templates.
    pub(super) persistent: u32,
    /// It is in its service's list (IP_VS_DEST_F_AVAILABLE); else it has been removed, and only old connections know it.
    pub(super) is_available: bool,
    /// It has more connections than its upper threshold allows (IP_VS_DEST_F_OVERLOAD).
    pub(super) is_overloaded: bool,
    /// Since when nobody refers to it any more, once it has been removed.
    pub(super) idle_since: Option<Time>,
    pub(super) stats: Stats,
}

impl Dest {
    pub(super) fn new(key: ServiceKey, service: ServiceId, options: DestOptions) -> Dest {
        Dest {
            options,
            key,
            service,
            last_weight: options.weight,
            active: 0,
            inactive: 0,
            persistent: 0,
            is_available: true,
            is_overloaded: false,
            idle_since: None,
            stats: Stats::default(),
        }
    }

    /// What the administrator said about it.
    pub fn options(&self) -> &DestOptions {
        &self.options
    }

    /// Its address and port.
    pub fn endpoint(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.options.address, self.options.port)
    }

    /// Its share.
    pub fn weight(&self) -> i32 {
        self.options.weight
    }

    /// Connections in a state that counts as active.
    pub fn active(&self) -> u32 {
        self.active
    }

    /// Other connections.
    pub fn inactive(&self) -> u32 {
        self.inactive
    }

    /// Persistence templates.
    pub fn persistent(&self) -> u32 {
        self.persistent
    }

    /// What it has done, as far as the estimator has looked.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether schedulers may choose it: it has a weight and is not overloaded.
    pub fn is_usable(&self) -> bool {
        self.options.weight > 0 && !self.is_overloaded
    }

    /// An active connection counts as 256 inactive ones (ip_vs_dest_conn_overhead).
    pub(super) fn overhead(&self) -> u64 {
        (u64::from(self.active) << 8) + u64::from(self.inactive)
    }

    fn connections(&self) -> u64 {
        u64::from(self.active) + u64::from(self.inactive)
    }

    /// Takes over what an administrator says of a server that is known (__ip_vs_update_dest).
    pub(super) fn update(&mut self, options: DestOptions) {
        let thresholds = |options: &DestOptions| (options.upper_threshold, options.lower_threshold);
        let has_new_thresholds = thresholds(&options) != thresholds(&self.options);
        if options.weight != 0 {
            self.last_weight = options.weight;
        }
        self.options = options;
        if has_new_thresholds {
            // Between the two it stays what it is.
            self.is_overloaded = self.is_full() || self.is_overloaded && !self.is_relieved();
        }
    }

    /// Whether it has reached its upper threshold (__ip_vs_dest_update_overload).
    fn is_full(&self) -> bool {
        self.options.upper_threshold != 0 && self.connections() >= u64::from(self.options.upper_threshold)
    }

    /// Whether it has fallen below its lower threshold, which is three quarters of the upper one if nobody has set it.
    fn is_relieved(&self) -> bool {
        let lower = match (self.options.lower_threshold, self.options.upper_threshold) {
            (0, 0) => return true,
            (0, upper) => upper - upper / 4,
            (lower, _) => lower,
        };
        self.connections() < u64::from(lower)
    }

    /// A connection more (ip_vs_bind_dest).
    pub(super) fn bind(&mut self, is_template: bool, is_active: bool) {
        *self.counter(is_template, is_active) += 1;
        if !is_template && self.is_full() {
            self.is_overloaded = true;
        }
    }

    /// A connection less (ip_vs_unbind_dest).
    pub(super) fn unbind(&mut self, is_template: bool, is_active: bool) {
        *self.counter(is_template, is_active) -= 1;
        if !is_template && self.is_relieved() {
            self.is_overloaded = false;
        }
    }

    /// A connection has become active, or has ceased to be.
    pub(super) fn move_connection(&mut self, to_active: bool) {
        *self.counter(false, !to_active) -= 1;
        *self.counter(false, to_active) += 1;
    }

    fn counter(&mut self, is_template: bool, is_active: bool) -> &mut u32 {
        match (is_template, is_active) {
            (true, _) => &mut self.persistent,
            (false, true) => &mut self.active,
            (false, false) => &mut self.inactive,
        }
    }

    /// Whether any connection still knows it.
    pub(super) fn is_referenced(&self) -> bool {
        self.connections() > 0 || self.persistent > 0
    }
}

impl fmt::Display for TunnelChecksum {
    /// As `ipvsadm --tun-info` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TunnelChecksum::None => "-c",
            TunnelChecksum::Full => "+c",
            TunnelChecksum::Remote => "r+c",
        })
    }
}

impl fmt::Display for Tunnel {
    /// As `ipvsadm --tun-info` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tunnel::Ipip => f.write_str("ipip"),
            Tunnel::Gue { port, checksum } => write!(f, "gue:{port}:{checksum}"),
            Tunnel::Gre { checksum } => write!(f, "gre:{checksum}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(upper: u32, lower: u32) -> Dest {
        let options = DestOptions {
            address: Ipv4Addr::LOCALHOST,
            port: 80,
            method: Method::Route,
            tunnel: Tunnel::Ipip,
            weight: 1,
            upper_threshold: upper,
            lower_threshold: lower,
        };
        Dest::new(ServiceKey::Mark(1), ServiceId(0), options)
    }

    /// How many connections overload a server, and at how many it is relieved.
    fn overload_band(upper: u32, lower: u32) -> (u32, u32) {
        let mut dest = server(upper, lower);
        while !dest.is_overloaded {
            dest.bind(false, false);
        }
        let high = dest.inactive;
        while dest.is_overloaded {
            dest.unbind(false, false);
        }
        (high, dest.inactive)
    }

    #[test]
    fn overload_ends_below_the_lower_threshold() {
        assert_eq!(overload_band(20, 10), (20, 9));
        assert_eq!(overload_band(20, 0), (20, 14));
        assert_eq!(overload_band(1, 0), (1, 0));
    }

    #[test]
    fn new_thresholds_count_at_once() {
        let mut dest = server(0, 0);
        (0..4).for_each(|_| dest.bind(false, true));
        let mut with = |upper_threshold, lower_threshold| {
            dest.update(DestOptions { upper_threshold, lower_threshold, ..dest.options });
            dest.is_overloaded
        };
        assert!(!with(5, 0));
        assert!(with(4, 0));
        assert!(with(5, 0), "four connections are not below three quarters of five");
        assert!(!with(6, 0));
        assert!(with(3, 1));
        assert!(with(9, 4));
        assert!(!with(0, 0));
    }

    #[test]
    fn three_quarters_are_rounded_up() {
        for upper in 1..200 {
            let relieved_at = overload_band(upper, 0).1;
            assert_eq!(relieved_at, (3 * upper).div_ceil(4) - 1, "{upper}");
        }
    }
}
