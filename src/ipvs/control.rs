//! What administrators do: ip_vs_ctl.c.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::dest::{Dest, DestId, DestOptions, Tunnel};
use super::scheduler::{self, Change, Servers};
use super::service::{Service, ServiceId, ServiceKey, ServiceOptions, listing_place};
use super::stats::Stats;
use super::tcp;
use super::{Ipvs, TRASH_IDLE, TRASH_PERIOD};
use crate::reason::Config;
use crate::time::{Span, Time};

/// Why the kernel refuses a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// EEXIST
    ServiceExists,
    /// ESRCH
    NoService,
    /// ENOENT: no such scheduler or persistence engine.
    NoScheduler,
    /// ESRCH, from a command about a server.
    ServiceNotDefined,
    /// EEXIST
    DestinationExists,
    /// ENOENT
    NoDestination,
    /// ERANGE: a lower threshold above the upper one.
    OutOfRange,
    /// EINVAL: an address that no server can have.
    Invalid,
    /// EAFNOSUPPORT: an address of a family that the kernel is built without.
    NoFamily,
    /// EEXIST, from a command about a daemon.
    DaemonRuns,
    /// ESRCH, from a command about a daemon.
    NoDaemon,
}

impl fmt::Display for Error {
    /// What ipvsadm says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::ServiceExists => "Service already exists",
            Error::NoService => "No such service",
            Error::NoScheduler => "Scheduler or persistence engine not found",
            Error::ServiceNotDefined => "Service not defined",
            Error::DestinationExists => "Destination already exists",
            Error::NoDestination => "No such destination",
            Error::OutOfRange => "Numerical result out of range",
            Error::Invalid => "Invalid operation.  Possibly wrong module version, address not unicast, ...",
            Error::NoFamily => "Operation not supported with specified address family",
            Error::DaemonRuns => "Daemon has already run",
            Error::NoDaemon => "No daemon is running",
        })
    }
}

impl std::error::Error for Error {}

impl Ipvs {
    /// Adds a service (ip_vs_add_service).
    ///
    /// # Errors
    ///
    /// [`Error::ServiceExists`], [`Error::NoScheduler`].
    pub fn add_service(&mut self, key: ServiceKey, options: ServiceOptions) -> Result<(), Error> {
        if self.services.id(key).is_some() {
            return Err(Error::ServiceExists);
        }
        let mut scheduler = scheduler::new(&options.scheduler).ok_or(Error::NoScheduler)?;
        scheduler.changed(Change::Started, Servers::new(&[], &[]));
        self.note_service(key, Some(&options.scheduler));
        self.services.insert(Service { key, options, scheduler, dests: Vec::new(), stats: Stats::default() });
        Ok(())
    }

    /// Changes a service; its servers stay (ip_vs_edit_service).
    ///
    /// # Errors
    ///
    /// [`Error::NoService`], [`Error::NoScheduler`].
    pub fn edit_service(&mut self, key: ServiceKey, options: ServiceOptions) -> Result<(), Error> {
        let id = self.services.id(key).ok_or(Error::NoService)?;
        self.note_service(key, Some(&options.scheduler));
        let service = self.services.get_mut(id).ok_or(Error::NoService)?;
        if options.scheduler != service.options.scheduler {
            service.scheduler = scheduler::new(&options.scheduler).ok_or(Error::NoScheduler)?;
            service.scheduler.changed(Change::Started, Servers::new(&service.dests, &self.dests));
        }
        service.options = options;
        self.services.look_for_engines();
        Ok(())
    }

    /// Removes a service with its servers; connections stay (ip_vs_del_service).
    ///
    /// # Errors
    ///
    /// [`Error::NoService`].
    pub fn delete_service(&mut self, key: ServiceKey, now: Time) -> Result<(), Error> {
        let id = self.services.id(key).ok_or(Error::NoService)?;
        let service = self.services.remove(id).ok_or(Error::NoService)?;
        self.note_service(key, None);
        for dest in service.dests {
            self.trash(dest, now);
        }
        Ok(())
    }

    /// Removes all services (ip_vs_flush).
    pub fn flush(&mut self, now: Time) {
        for key in self.service_keys() {
            // The key has just been read off the table.
            let _ = self.delete_service(key, now);
        }
    }

    /// Counts from here on: a service with its servers, or everything (ip_vs_zero_service, ip_vs_zero_all).
    ///
    /// # Errors
    ///
    /// [`Error::NoService`].
    pub fn zero(&mut self, key: Option<ServiceKey>, now: Time) -> Result<(), Error> {
        self.estimate(now);
        let keys = match key {
            Some(key) => vec![key],
            None => self.service_keys(),
        };
        for key in keys {
            let id = self.services.id(key).ok_or(Error::NoService)?;
            let service = self.services.get_mut(id).ok_or(Error::NoService)?;
            service.stats.zero();
            for id in &service.dests {
                if let Some(dest) = self.dests[id.0 as usize].as_deref_mut() {
                    dest.stats.zero();
                }
            }
        }
        if key.is_none() {
            self.total.zero();
        }
        Ok(())
    }

    /// Adds a server to a service, at the head of its list. One that was removed a while ago comes back with its connections
    /// (ip_vs_add_dest).
    ///
    /// # Errors
    ///
    /// [`Error::ServiceNotDefined`], [`Error::OutOfRange`], [`Error::DestinationExists`], [`Error::Invalid`].
    pub fn add_dest(&mut self, key: ServiceKey, options: DestOptions) -> Result<(), Error> {
        let id = self.services.id(key).ok_or(Error::ServiceNotDefined)?;
        check(&options)?;
        if self.find_dest(id, &options).is_some() {
            return Err(Error::DestinationExists);
        }
        check_address(options.address)?;
        let place = |dest: &Dest| (dest.options.address, dest.options.port);
        let revived = self.trash.iter().position(|dest| {
            let dest = self.dest(*dest);
            dest.key == key && place(dest) == (options.address, options.port)
        });
        let dest = match revived {
            Some(at) => {
                let dest = self.trash.swap_remove(at);
                let server = self.dest_mut(dest);
                if server.service != id {
                    server.stats.zero();
                    server.service = id;
                }
                server.update(options);
                server.last_weight = options.weight;
                server.is_available = true;
                server.idle_since = None;
                dest
            }
            None => {
                self.dests.push(Some(Box::new(Dest::new(key, id, options))));
                DestId(self.dests.len() as u32 - 1)
            }
        };
        if let Some(service) = self.services.get_mut(id) {
            service.dests.insert(0, dest);
        }
        self.note_server(key, &options, Some(options.weight));
        self.tell_scheduler(id, Change::Added);
        Ok(())
    }

    /// Changes a server (ip_vs_edit_dest).
    ///
    /// # Errors
    ///
    /// [`Error::ServiceNotDefined`], [`Error::OutOfRange`], [`Error::NoDestination`].
    pub fn edit_dest(&mut self, key: ServiceKey, options: DestOptions) -> Result<(), Error> {
        let id = self.services.id(key).ok_or(Error::ServiceNotDefined)?;
        check(&options)?;
        let (_, dest) = self.find_dest(id, &options).ok_or(Error::NoDestination)?;
        self.dest_mut(dest).update(options);
        self.note_server(key, &options, Some(options.weight));
        self.tell_scheduler(id, Change::Edited);
        Ok(())
    }

    /// Removes a server from a service; its connections stay (ip_vs_del_dest).
    ///
    /// # Errors
    ///
    /// [`Error::ServiceNotDefined`], [`Error::NoDestination`].
    pub fn delete_dest(&mut self, key: ServiceKey, options: &DestOptions, now: Time) -> Result<(), Error> {
        let id = self.services.id(key).ok_or(Error::ServiceNotDefined)?;
        let (place, dest) = self.find_dest(id, options).ok_or(Error::NoDestination)?;
        if let Some(service) = self.services.get_mut(id) {
            service.dests.remove(place);
        }
        self.note_server(key, options, None);
        self.tell_scheduler(id, Change::Removed(place));
        self.trash(dest, now);
        Ok(())
    }

    fn note_service(&mut self, key: ServiceKey, scheduler: Option<&str>) {
        self.notes.changed(|| Config::Service { service: key.to_string(), scheduler: scheduler.map(str::to_owned) });
    }

    fn note_server(&mut self, key: ServiceKey, options: &DestOptions, weight: Option<i32>) {
        let server = SocketAddrV4::new(options.address, options.port);
        self.notes.changed(|| Config::Server { service: key.to_string(), server, weight });
    }

    fn find_dest(&self, service: ServiceId, options: &DestOptions) -> Option<(usize, DestId)> {
        let dests = &self.services.get(service)?.dests;
        let place = dests.iter().position(|id| {
            let known = self.dest(*id).options;
            (known.address, known.port) == (options.address, options.port)
        })?;
        Some((place, dests[place]))
    }

    fn tell_scheduler(&mut self, service: ServiceId, change: Change) {
        if let Some(service) = self.services.get_mut(service) {
            service.scheduler.changed(change, Servers::new(&service.dests, &self.dests));
        }
    }

    /// A server that is in no list any more is kept as long as connections know it (__ip_vs_del_dest).
    fn trash(&mut self, id: DestId, now: Time) {
        // Its estimator stops here.
        self.estimate(now);
        let dest = self.dest_mut(id);
        dest.is_available = false;
        dest.idle_since = None;
        if self.trash.is_empty() {
            self.trash_look = Some(now + TRASH_PERIOD);
        }
        self.trash.push(id);
        if self.config.expire_nodest_conn != 0 {
            self.end_connections_without_server(now);
        }
    }

    /// Ends all connections to removed servers, and templates that nobody follows any more then (ip_vs_expire_nodest_conn_flush).
    fn end_connections_without_server(&mut self, now: Time) {
        for id in self.conns.listed() {
            // It may have gone as the template of one before it.
            let Some(conn) = self.conns.get_mut(id).filter(|conn| conn.special.slaves == 0) else { continue };
            let (dest, master) = (conn.dest, conn.master);
            if dest.is_none_or(|dest| self.dest(dest).is_available) {
                continue;
            }
            self.delete_conn(id, now);
            if let Some(master) = master
                && self.conns.get(master).is_some_and(|conn| conn.special.slaves == 0)
            {
                self.delete_conn(master, now);
            }
        }
    }

    /// Forgets removed servers that nobody has known for two minutes (ip_vs_dest_trash_expire).
    pub(super) fn empty_trash(&mut self, now: Time) {
        while let Some(at) = self.trash_look.filter(|at| *at <= now) {
            for n in (0..self.trash.len()).rev() {
                let id = self.trash[n];
                let dest = self.dest_mut(id);
                if dest.is_referenced() {
                    continue;
                }
                let since = *dest.idle_since.get_or_insert(at);
                if at.since(since) >= TRASH_IDLE {
                    self.trash.swap_remove(n);
                    self.dests[id.0 as usize] = None;
                }
            }
            self.trash_look = (!self.trash.is_empty()).then_some(at + TRASH_PERIOD);
        }
    }

    /// Changes the time-outs of established, closing and UDP connections, in seconds; 0 leaves one as it is
    /// (ip_vs_set_timeout).
    pub fn set_timeouts(&mut self, seconds: [u32; 3]) {
        let [tcp, tcp_fin, udp] = seconds.map(|seconds| Span::from_secs(u64::from(seconds)));
        if tcp != Span::ZERO {
            self.timeouts.tcp.set(tcp::State::Established, tcp);
        }
        if tcp_fin != Span::ZERO {
            self.timeouts.tcp.set(tcp::State::FinWait, tcp_fin);
        }
        if udp != Span::ZERO {
            self.timeouts.udp = udp;
        }
    }

    /// The time-outs of established, closing and UDP connections, in seconds.
    pub fn timeouts(&self) -> [u64; 3] {
        let tcp = &self.timeouts.tcp;
        [tcp.of(tcp::State::Established), tcp.of(tcp::State::FinWait), self.timeouts.udp].map(Span::as_secs)
    }

    /// All services in the order of the kernel's tables.
    pub fn service_keys(&self) -> Vec<ServiceKey> {
        let mut all: Vec<_> = self.services.iter().map(|(id, service)| (id, service.key)).collect();
        all.sort_by_key(|(id, key)| listing_place(*key, *id));
        all.into_iter().map(|(_, key)| key).collect()
    }

    /// The service of this key, and its servers, the newest first.
    pub fn service(&self, key: ServiceKey) -> Option<(&Service, Vec<&Dest>)> {
        let service = self.services.get(self.services.id(key)?)?;
        Some((service, service.dests.iter().map(|id| self.dest(*id)).collect()))
    }
}

/// What the kernel wants of a server (ip_vs_add_dest, ip_vs_edit_dest).
fn check(options: &DestOptions) -> Result<(), Error> {
    let is_gue_without_port = matches!(options.tunnel, Tunnel::Gue { port: 0, .. });
    if options.lower_threshold > options.upper_threshold || options.weight < 0 {
        Err(Error::OutOfRange)
    } else if options.upper_threshold > i32::MAX as u32 || is_gue_without_port {
        Err(Error::Invalid)
    } else {
        Ok(())
    }
}

/// Whether a new server may have this address (ip_vs_new_dest).
fn check_address(address: Ipv4Addr) -> Result<(), Error> {
    let is_nobody = address.octets()[0] == 0 || address.is_multicast() || address.is_broadcast();
    if is_nobody { Err(Error::Invalid) } else { Ok(()) }
}
