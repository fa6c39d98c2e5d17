//! The health checkers' process: what their results mean for servers and services (check_data.c, ipwrapper.c).
//!
//! Results go in ([`Checks::decide`]), [`Effect`]s come out: calls of IPVS in keepalived's order, scripts, and what is logged.

mod pace;
mod service;
#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;

pub use pace::Pace;

use super::conf::{self, Config, Kind, ServiceName};
use crate::time::Span;
use crate::wire::proto;
use service::Watched;

/// A real server's place: its service's, and its own in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerId {
    /// The service, in the order of the configuration.
    pub service: usize,
    /// The server, in the order of the configuration.
    pub server: usize,
}

/// A server as IPVS is to be told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address and port.
    pub address: SocketAddrV4,
    /// How packets get there.
    pub kind: Kind,
    /// Its weight.
    pub weight: i32,
    /// Its thresholds: upper, lower.
    pub thresholds: (u32, u32),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something to be written down.
    Log(String),
    /// A call of IPVS about the service of this place.
    Ipvs(usize, Call),
    /// A script.
    Run(String),
    /// From here on places are those of the new configuration.
    Renumbered,
}

/// A call of IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The service gets in, or gets other options.
    AddService,
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
    effects: Vec<Effect>,
}

/// How logs call a server.
pub fn server_name(service: &conf::Service, address: SocketAddrV4) -> String {
    let protocol = proto::lower_name(service.protocol).unwrap_or("none");
    match service.name {
        ServiceName::Mark(_) => format!("[{}]:none:{}", address.ip(), address.port()),
        _ => format!("[{}]:{protocol}:{}", address.ip(), address.port()),
    }
}

impl Checks {
    /// The services of a configuration; they have still to be started.
    pub fn new(config: &Config) -> Checks {
        Checks { services: config.services.iter().cloned().map(Watched::new).collect(), effects: Vec::new() }
    }

    /// What is to be done, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The services' configurations.
    pub fn services(&self) -> impl Iterator<Item = &conf::Service> {
        self.services.iter().map(|service| &service.config)
    }

    /// Fills IPVS (init_services), and says which checkers there are.
    pub fn start(&mut self) {
        for (place, service) in self.services.iter_mut().enumerate() {
            service.start(place, &mut self.effects);
        }
        for service in &self.services {
            for server in &service.config.servers {
                for _ in &server.checkers {
                    let text = format!(
                        "Activating healthchecker for service {} for VS {}",
                        server_name(&service.config, server.address),
                        conf::shown(&service.config)
                    );
                    self.effects.push(Effect::Log(text));
                }
            }
        }
    }

    /// A checker has decided that its server is well, or that it is not.
    pub fn decide(&mut self, id: ServerId, checker: usize, is_up: bool) {
        if let Some(service) = self.services.get_mut(id.service) {
            service.decide(id.service, id.server, checker, is_up, &mut self.effects);
        }
    }

    /// A checker has measured a weight (misc_dynamic).
    pub fn set_weight(&mut self, id: ServerId, weight: i32) {
        if let Some(service) = self.services.get_mut(id.service) {
            service.set_weight(id.service, id.server, weight, &mut self.effects);
        }
    }

    /// Another configuration takes over (clear_diff_services, migrate_checkers): what is the same in both stays as it is.
    pub fn reload(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.services);
        // Places of the old configuration are used for what leaves, so that it leaves by its own name.
        for (place, old) in before.iter_mut().enumerate() {
            let new =
                config.services.iter().find(|new| new.name == old.config.name && new.protocol == old.config.protocol);
            match new {
                None => {
                    let text = format!("Removing Virtual Server {}", conf::shown(&old.config));
                    self.effects.push(Effect::Log(text));
                    old.stop(place, &mut self.effects);
                }
                Some(new) => old.drop_servers(place, new, &mut self.effects),
            }
        }
        self.effects.push(Effect::Renumbered);
        let old = |new: &conf::Service| {
            before.iter().find(|old| old.config.name == new.name && old.config.protocol == new.protocol)
        };
        let mut services = Vec::new();
        for (place, new) in config.services.iter().enumerate() {
            let mut service = Watched::new(new.clone());
            match old(new) {
                Some(old) => service.inherit(old, place, &mut self.effects),
                None => service.start(place, &mut self.effects),
            }
            services.push(service);
        }
        self.services = services;
    }

    /// keepalived stops: IPVS is emptied (clear_services).
    pub fn stop(&mut self) {
        for (place, service) in self.services.iter_mut().enumerate() {
            service.stop(place, &mut self.effects);
        }
    }
}

/// The time after which nothing that was configured counts: what is unset.
pub(crate) const DELAY_LOOP: Span = Span::from_secs(60);
