//! net.ipv4.neigh.{default,INTERFACE}.*: the neighbour table's timers and limits (net/core/neighbour.c, arp_tbl).

use super::columns::Columns;
use crate::host::interface::IfIndex;

/// The settings of the neighbour table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The names are the kernel's; arp(7) explains them.
pub enum Neigh {
    AnycastDelay,
    AppSolicit,
    BaseReachableTime,
    BaseReachableTimeMs,
    DelayFirstProbeTime,
    GcStaleTime,
    Locktime,
    McastResolicit,
    McastSolicit,
    ProxyDelay,
    ProxyQlen,
    RetransTime,
    RetransTimeMs,
    UcastSolicit,
    UnresQlen,
    UnresQlenBytes,
}

/// A time of which the file counts something else than milliseconds.
struct Unit {
    stored: Neigh,
    millis: i64,
}

impl Neigh {
    /// All of them, in the order of the alphabet.
    pub const ALL: [Neigh; 16] = [
        Neigh::AnycastDelay,
        Neigh::AppSolicit,
        Neigh::BaseReachableTime,
        Neigh::BaseReachableTimeMs,
        Neigh::DelayFirstProbeTime,
        Neigh::GcStaleTime,
        Neigh::Locktime,
        Neigh::McastResolicit,
        Neigh::McastSolicit,
        Neigh::ProxyDelay,
        Neigh::ProxyQlen,
        Neigh::RetransTime,
        Neigh::RetransTimeMs,
        Neigh::UcastSolicit,
        Neigh::UnresQlen,
        Neigh::UnresQlenBytes,
    ];

    /// The name of the file below /proc/sys/net/ipv4/neigh/INTERFACE.
    pub const fn name(self) -> &'static str {
        match self {
            Neigh::AnycastDelay => "anycast_delay",
            Neigh::AppSolicit => "app_solicit",
            Neigh::BaseReachableTime => "base_reachable_time",
            Neigh::BaseReachableTimeMs => "base_reachable_time_ms",
            Neigh::DelayFirstProbeTime => "delay_first_probe_time",
            Neigh::GcStaleTime => "gc_stale_time",
            Neigh::Locktime => "locktime",
            Neigh::McastResolicit => "mcast_resolicit",
            Neigh::McastSolicit => "mcast_solicit",
            Neigh::ProxyDelay => "proxy_delay",
            Neigh::ProxyQlen => "proxy_qlen",
            Neigh::RetransTime => "retrans_time",
            Neigh::RetransTimeMs => "retrans_time_ms",
            Neigh::UcastSolicit => "ucast_solicit",
            Neigh::UnresQlen => "unres_qlen",
            Neigh::UnresQlenBytes => "unres_qlen_bytes",
        }
    }

    /// Two files may show one setting in different units: which one is stored, and how much a unit of this file is.
    const fn unit(self) -> Option<Unit> {
        match self {
            Neigh::BaseReachableTime => Some(Unit { stored: Neigh::BaseReachableTimeMs, millis: 1000 }),
            // USER_HZ: hundredths of a second.
            Neigh::RetransTime => Some(Unit { stored: Neigh::RetransTimeMs, millis: 10 }),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Values([i64; Neigh::ALL.len()]);

impl Default for Values {
    /// arp_tbl.parms; unres_qlen counts frames of an Ethernet's size.
    fn default() -> Values {
        let mut values = Values([0; Neigh::ALL.len()]);
        for (neigh, value) in [
            (Neigh::AnycastDelay, 100),
            (Neigh::BaseReachableTimeMs, 30_000),
            (Neigh::DelayFirstProbeTime, 5),
            (Neigh::GcStaleTime, 60),
            (Neigh::Locktime, 100),
            (Neigh::McastSolicit, 3),
            (Neigh::ProxyDelay, 80),
            (Neigh::ProxyQlen, 64),
            (Neigh::RetransTimeMs, 1_000),
            (Neigh::UcastSolicit, 3),
            (Neigh::UnresQlen, 101),
            (Neigh::UnresQlenBytes, 212_992),
        ] {
            values.0[neigh as usize] = value;
        }
        values
    }
}

/// net.ipv4.neigh.
#[derive(Clone, Debug, Default)]
pub(super) struct NeighTable {
    default: Values,
    interfaces: Columns<Values>,
}

impl NeighTable {
    pub fn add_interface(&mut self, index: IfIndex) {
        self.interfaces.add(index, self.default.clone());
    }

    pub fn remove_interface(&mut self, index: IfIndex) {
        self.interfaces.remove(index);
    }

    /// The value on an interface, or that of `default`.
    pub fn get(&self, index: Option<IfIndex>, neigh: Neigh) -> i64 {
        let values = match index {
            Some(index) => self.interfaces.get(index),
            None => Some(&self.default),
        };
        let values = values.unwrap_or(&self.default);
        match neigh.unit() {
            Some(unit) => values.0[unit.stored as usize] / unit.millis,
            None => values.0[neigh as usize],
        }
    }

    /// Sets the value of an interface, or that of `default`, which later interfaces begin with.
    pub fn set(&mut self, index: Option<IfIndex>, neigh: Neigh, value: i64) {
        let values = match index {
            Some(index) => self.interfaces.get_mut(index),
            None => Some(&mut self.default),
        };
        let Some(values) = values else { return };
        match neigh.unit() {
            Some(unit) => values.0[unit.stored as usize] = value.saturating_mul(unit.millis),
            None => values.0[neigh as usize] = value,
        }
    }
}
