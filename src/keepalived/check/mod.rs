//! The health checkers' process: what their results mean for servers and services (check_data.c, ipwrapper.c).
//!
//! Answers go in ([`Checks::hear`]), [`Effect`]s come out: calls of IPVS in keepalived's order, scripts, and what is logged.

mod epilog;
mod pace;
mod reload;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

pub use epilog::{Answer, Failure};
pub use pace::Pace;

use super::conf::{self, Checker, CheckerKind, Config, Kind, Server, Service};
use crate::time::Span;
use service::{Counters, Watched};

/// A checker's place: its service's, its server's in it, and its own among the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckerId {
    /// The service, in the order of the configuration.
    pub service: usize,
    /// The server, in the order of the configuration.
    pub server: usize,
    /// The checker, in the order of the configuration.
    pub checker: usize,
}

/// What IPVS knows a service by. A group stands for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// An address and port, of the service's protocol.
    Address(SocketAddr),
    /// A mark.
    Mark(u32),
}

/// A server as IPVS is to be told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address and port.
    pub address: SocketAddr,
    /// How packets get there.
    pub kind: Kind,
    /// Its weight.
    pub weight: i32,
    /// Its thresholds: upper, lower.
    pub thresholds: (u32, u32),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Something to be written down.
    Log(String),
    /// A call of IPVS about a service.
    Ipvs(Key, Rc<Service>, Call),
    /// A script.
    Run(String),
}

/// A call of IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The service gets in.
    AddService,
    /// It gets other options.
    EditService,
    /// And out.
    DeleteService,
    /// A server gets into it.
    AddServer(Target),
    /// And out of it.
    DeleteServer(Target),
    /// A server gets another weight.
    EditServer(Target),
}

/// All services of a machine, and what is known of their servers.
#[derive(Debug)]
pub struct Checks {
    services: Vec<Watched>,
    counters: Counters,
    /// The numbers in the files that are tracked.
    files: BTreeMap<String, i64>,
    effects: Vec<Effect>,
}

/// How logs call a server.
pub fn server_name(service: &Service, server: &Server) -> String {
    conf::trio(server.address, service.protocol)
}

impl Checks {
    /// The services of a configuration, and the numbers in the files that it tracks; they have still to be started.
    pub fn new(config: &Config, files: BTreeMap<String, i64>) -> Checks {
        let mut counters = Counters::default();
        let new = |service| Watched::new(service, config, &files, &mut counters);
        let services = config.services.iter().map(new).collect();
        Checks { services, counters, files, effects: Vec::new() }
    }

    /// What is to be done, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The services' configurations.
    pub fn services(&self) -> impl Iterator<Item = &Rc<Service>> {
        self.services.iter().map(|service| &service.config)
    }

    /// Fills IPVS (init_services), and says which checkers there are. `is_enabled` knows of services whether they are
    /// checked now: those with ha_suspend only where their address is.
    pub fn start(&mut self, is_enabled: impl Fn(&Service) -> bool) {
        for service in &mut self.services {
            service.start(&mut self.effects);
            for server in 0..service.members.len() {
                service.enter_at_start(server, &mut self.effects);
            }
            service.settle(&mut self.effects);
        }
        self.announce(is_enabled);
    }

    /// register_checkers_thread
    fn announce(&mut self, is_enabled: impl Fn(&Service) -> bool) {
        for id in self.asked() {
            let Some((service, server, _)) = self.checker(id) else { continue };
            let verb = if is_enabled(&service) { "A" } else { "Dea" };
            let (name, shown) = (server_name(&service, &service.servers[server]), conf::shown(&service));
            self.effects.push(Effect::Log(format!("{verb}ctivating healthchecker for service {name} for VS {shown}")));
        }
        self.effects.push(Effect::Log("Activating BFD healthchecker".to_owned()));
    }

    /// The checkers that ask; the others are told.
    pub fn asked(&self) -> Vec<CheckerId> {
        let mut ids = Vec::new();
        for (service, watched) in self.services.iter().enumerate() {
            for (server, member) in watched.config.servers.iter().enumerate() {
                let asks =
                    |checker: &Checker| !matches!(checker.kind, CheckerKind::File { .. } | CheckerKind::Bfd { .. });
                let own = member.checkers.iter().enumerate().filter(|(_, checker)| asks(checker));
                ids.extend(own.map(|(checker, _)| CheckerId { service, server, checker }));
            }
        }
        ids
    }

    /// A checker, with its service and its server's place in it.
    pub fn checker(&self, id: CheckerId) -> Option<(Rc<Service>, usize, Checker)> {
        let service = &self.services.get(id.service)?.config;
        let checker = service.servers.get(id.server)?.checkers.get(id.checker)?;
        Some((Rc::clone(service), id.server, checker.clone()))
    }

    /// When a checker asks, and how long it waits for the answer.
    pub fn pace(&self, id: CheckerId) -> Option<Pace> {
        self.services.get(id.service)?.state(id).map(|state| state.pace)
    }

    /// Which of its pages an HTTP checker asks for next.
    pub fn page(&self, id: CheckerId) -> usize {
        self.services.get(id.service).and_then(|service| service.state(id)).map_or(0, |state| state.page)
    }

    /// A checker has got an answer; when it asks again, from now.
    pub fn hear(&mut self, id: CheckerId, answer: Answer) -> Span {
        let Some(service) = self.services.get_mut(id.service) else { return Span::ZERO };
        service.hear(id, answer, &mut self.effects)
    }

    /// There is another number in a tracked file.
    pub fn file(&mut self, name: &str, value: i64) {
        if self.files.insert(name.to_owned(), value) == Some(value) {
            return;
        }
        for service in &mut self.services {
            service.file(name, value, &mut self.effects);
        }
    }

    /// keepalived stops: IPVS is emptied (clear_services).
    pub fn stop(&mut self) {
        for service in &mut self.services {
            service.stop(true, &mut self.effects);
        }
    }
}

/// delay_loop where nothing is configured.
pub(crate) const DELAY_LOOP: Span = Span::from_secs(60);
