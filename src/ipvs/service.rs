//! Virtual services and how packets find them: the kernel's struct ip_vs_service.

use std::fmt;
use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::dest::DestId;
use super::persistence::{Engine, Persistence};
use super::scheduler::{self, Scheduler};
use super::stats::Stats;
use crate::wire::proto;

/// A virtual service. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub(super) u32);

/// What a service is known by. The order is that of sorted listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// Packets of a protocol to an address and port; port 0: any that has no service of its own.
    Address {
        /// Protocol number.
        protocol: u8,
        /// The virtual address.
        address: Ipv4Addr,
        /// The virtual port.
        port: u16,
    },
    /// Packets that netfilter has marked so.
    Mark(u32),
}

impl ServiceKey {
    /// The virtual port; 0 for a mark.
    pub fn port(self) -> u16 {
        match self {
            ServiceKey::Address { port, .. } => port,
            ServiceKey::Mark(_) => 0,
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceKey::Address { protocol, address, port } => {
                write!(f, "{} {address}:{port}", proto::name(*protocol))
            }
            ServiceKey::Mark(mark) => write!(f, "FWM {mark}"),
        }
    }
}

/// What an administrator says about a service: the kernel's struct ip_vs_service_user_kern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOptions {
    /// The scheduler's name.
    pub scheduler: String,
    /// The scheduler's flags (IP_VS_SVC_F_SCHED1, 2, 3), from the lowest bit on.
    pub scheduler_flags: u8,
    /// How clients come back to their servers, if they do.
    pub persistence: Option<Persistence>,
    /// Which bits of a client's address persistence looks at.
    pub netmask: Ipv4Addr,
    /// Every datagram is scheduled by itself (IP_VS_SVC_F_ONEPACKET).
    pub one_packet: bool,
    /// What persistence looks at besides addresses.
    pub engine: Option<Engine>,
}

impl Default for ServiceOptions {
    fn default() -> ServiceOptions {
        ServiceOptions {
            scheduler: scheduler::DEFAULT.to_owned(),
            scheduler_flags: 0,
            persistence: None,
            netmask: Ipv4Addr::BROADCAST,
            one_packet: false,
            engine: None,
        }
    }
}

/// A virtual service.
#[derive(Debug)]
pub struct Service {
    pub(super) key: ServiceKey,
    pub(super) options: ServiceOptions,
    pub(super) scheduler: Box<dyn Scheduler>,
    /// Its real servers, the newest first: the order in which schedulers meet them.
    pub(super) dests: Vec<DestId>,
    pub(super) stats: Stats,
}

impl Service {
    /// What it is known by.
    pub fn key(&self) -> ServiceKey {
        self.key
    }

    /// What the administrator said about it.
    pub fn options(&self) -> &ServiceOptions {
        &self.options
    }

    /// What it has done, as far as the estimator has looked.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

/// The services of a host.
#[derive(Debug, Default)]
pub(super) struct Services {
    all: Vec<Option<Box<Service>>>,
    by_key: FxHashMap<ServiceKey, ServiceId>,
    /// Services with port 0 and by mark (ip_vs_nullsvc_counter), and with port 21 (ip_vs_ftpsvc_counter).
    any_port: usize,
    ftp: usize,
    /// Whether any has a persistence engine (conn_out_counter).
    has_engines: bool,
}

impl Services {
    pub fn get(&self, id: ServiceId) -> Option<&Service> {
        self.all.get(id.0 as usize)?.as_deref()
    }

    pub fn get_mut(&mut self, id: ServiceId) -> Option<&mut Service> {
        self.all.get_mut(id.0 as usize)?.as_deref_mut()
    }

    pub fn id(&self, key: ServiceKey) -> Option<ServiceId> {
        self.by_key.get(&key).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub fn insert(&mut self, service: Service) -> ServiceId {
        let id = ServiceId(self.all.len() as u32);
        self.count(service.key, 1);
        self.by_key.insert(service.key, id);
        self.all.push(Some(Box::new(service)));
        self.look_for_engines();
        id
    }

    /// Whether any service has a persistence engine.
    pub fn has_engines(&self) -> bool {
        self.has_engines
    }

    /// Services have come, gone or changed.
    pub fn look_for_engines(&mut self) {
        let has_engine = |service: &Service| service.options.engine.is_some();
        self.has_engines = self.all.iter().flatten().any(|service| has_engine(service));
    }

    pub fn remove(&mut self, id: ServiceId) -> Option<Box<Service>> {
        let service = self.all.get_mut(id.0 as usize)?.take()?;
        self.by_key.remove(&service.key);
        self.count(service.key, -1);
        self.look_for_engines();
        Some(service)
    }

    fn count(&mut self, key: ServiceKey, by: isize) {
        match key.port() {
            0 => self.any_port = self.any_port.saturating_add_signed(by),
            FTP => self.ftp = self.ftp.saturating_add_signed(by),
            _ => {}
        }
    }

    /// In the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.all.iter().enumerate().filter_map(|(id, service)| Some((ServiceId(id as u32), service.as_deref()?)))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Service> {
        self.all.iter_mut().filter_map(|service| service.as_deref_mut())
    }

    /// The service that a packet is for (ip_vs_service_find).
    pub fn find(&self, mark: u32, protocol: u8, address: Ipv4Addr, port: u16) -> Option<ServiceId> {
        if self.is_empty() {
            return None;
        }
        let of_port = |port| self.id(ServiceKey::Address { protocol, address, port });
        let by_mark = || if mark == 0 { None } else { self.id(ServiceKey::Mark(mark)) };
        let is_ftp_data = protocol == proto::TCP && self.ftp > 0 && (port == FTP_DATA || port >= FIRST_UNPRIVILEGED);
        by_mark()
            .or_else(|| of_port(port))
            .or_else(|| if is_ftp_data { of_port(FTP) } else { None })
            .or_else(|| if self.any_port > 0 { of_port(0) } else { None })
    }
}

/// The port of FTP's control connections.
pub(super) const FTP: u16 = 21;
/// The port from which FTP servers open data connections.
pub(super) const FTP_DATA: u16 = 20;
/// net.ipv4.ip_unprivileged_port_start's default.
const FIRST_UNPRIVILEGED: u16 = 1024;

/// Where the kernel's hash tables hold a service, which is the order of unsorted listings: first those with an address
/// by bucket (ip_vs_svc_hashkey), then those with a mark (ip_vs_svc_fwm_hashkey); the newest of a bucket first.
pub(super) fn listing_place(key: ServiceKey, id: ServiceId) -> (bool, u8, std::cmp::Reverse<ServiceId>) {
    /// The kernel mixes in the address of the network namespace; this is one that it has been seen with.
    const NAMESPACE: u32 = 0x20;
    let (is_mark, hash) = match key {
        ServiceKey::Address { protocol, address, port } => {
            let port = u32::from(port);
            (false, u32::from(protocol) ^ u32::from(address) ^ (port >> 8) ^ port)
        }
        ServiceKey::Mark(mark) => (true, mark),
    };
    (is_mark, ((hash ^ NAMESPACE) & 0xff) as u8, std::cmp::Reverse(id))
}
