//! The checkers' process's hands: IPVS, and a thread for each checker.

use std::cell::RefCell;
use std::rc::Rc;

use rand::RngExt;

use super::{Log, Process, probe, script};
use crate::host::Kernel;
use crate::ipvs::{DestOptions, Engine, Method, Persistence, ServiceKey, ServiceOptions, Tunnel, scheduler};
use crate::keepalived::check::{Call, Checks, Effect, Pace, ServerId, Target, server_name};
use crate::keepalived::conf::{Checker, CheckerKind, Config, Kind, Service, ServiceName};
use crate::time::Span;

/// The services of a node at work. Clones share them.
#[derive(Clone)]
pub struct Pool(Rc<RefCell<Inner>>);

struct Inner {
    log: Log,
    config: Config,
    checks: Checks,
    /// Counts configurations: checkers of earlier ones end.
    generation: u32,
}

impl Pool {
    /// Fills IPVS and starts the checkers.
    pub fn start(process: &Process, config: &Config) -> Pool {
        let log = Log(process.clone());
        log.write("Initializing ipvs");
        let inner = Inner { log, config: config.clone(), checks: Checks::new(config), generation: 0 };
        let pool = Pool(Rc::new(RefCell::new(inner)));
        if config.global.flush {
            process.sys.with(|kernel| {
                let now = kernel.now;
                kernel.ipvs().flush(now);
            });
        }
        process.sys.with(|kernel| kernel.ipvs().set_timeouts(config.global.timeouts));
        pool.0.borrow_mut().checks.start();
        pool.carry_out();
        pool.start_checkers();
        pool
    }

    fn start_checkers(&self) {
        let inner = self.0.borrow();
        for (service, it) in inner.config.services.iter().enumerate() {
            for (server, member) in it.servers.iter().enumerate() {
                for (number, checker) in member.checkers.iter().enumerate() {
                    let thread = Watch {
                        pool: self.clone(),
                        generation: inner.generation,
                        id: ServerId { service, server },
                        number,
                        service: it.clone(),
                        checker: checker.clone(),
                        pace: Pace::new(checker, member.pace),
                    };
                    let process = inner.log.0.clone();
                    inner.log.0.sys.spawn_thread(move |sys| Box::pin(thread.run(process.thread(sys))));
                }
            }
        }
    }

    /// SIGHUP: another configuration.
    pub fn reload(&self, config: &Config) {
        {
            let mut inner = self.0.borrow_mut();
            inner.generation += 1;
            inner.checks.reload(config);
        }
        self.carry_out();
        self.0.borrow_mut().config = config.clone();
        self.start_checkers();
    }

    /// keepalived stops.
    pub fn stop(&self) {
        {
            let mut inner = self.0.borrow_mut();
            inner.generation += 1;
            inner.checks.stop();
        }
        self.carry_out();
        let inner = self.0.borrow();
        if inner.config.global.flush_on_stop {
            inner.log.0.sys.with(|kernel| {
                let now = kernel.now;
                kernel.ipvs().flush(now);
            });
        }
    }

    fn carry_out(&self) {
        let effects = self.0.borrow_mut().checks.take_effects();
        let inner = self.0.borrow();
        // A reload speaks of the old configuration's services first.
        let mut services: Vec<Service> = inner.config.services.clone();
        for effect in effects {
            match effect {
                Effect::Renumbered => services = inner.checks.services().cloned().collect(),
                Effect::Log(text) => inner.log.write(&text),
                Effect::Run(line) => script::launch(&inner.log.0, line),
                Effect::Ipvs(place, call) => {
                    for service in
                        services.get(place).map(|service| members(service, &inner.config)).unwrap_or_default()
                    {
                        inner.log.0.sys.with(|kernel| carry_out(kernel, &service, call));
                    }
                }
            }
        }
    }
}

/// What is there already is as good, and so is what has gone already: keepalived only writes of it.
fn carry_out(kernel: &mut Kernel, service: &Service, call: Call) {
    let Some(key) = key(service) else { return };
    let now = kernel.now;
    let ipvs = kernel.ipvs();
    let _ = match call {
        Call::AddService => {
            let options = service_options(service);
            ipvs.add_service(key, options.clone()).or_else(|_| ipvs.edit_service(key, options))
        }
        Call::DeleteService => ipvs.delete_service(key, now),
        Call::AddServer(target) => ipvs.add_dest(key, options(target)),
        Call::DeleteServer(target) => ipvs.delete_dest(key, &options(target), now),
        Call::EditServer(target) => {
            ipvs.edit_dest(key, options(target)).or_else(|_| ipvs.add_dest(key, options(target)))
        }
    };
}

/// A group stands for a service for each of its members.
fn members(service: &Service, config: &Config) -> Vec<Service> {
    let ServiceName::Group(name) = &service.name else { return vec![service.clone()] };
    let Some(group) = config.server_groups.iter().find(|group| group.name == *name) else { return Vec::new() };
    let addresses = group.addresses.iter().map(|address| ServiceName::Address(*address));
    let marks = group.marks.iter().map(|mark| ServiceName::Mark(*mark));
    addresses.chain(marks).map(|name| Service { name, ..service.clone() }).collect()
}

fn key(service: &Service) -> Option<ServiceKey> {
    match service.name {
        ServiceName::Address(address) => {
            Some(ServiceKey::Address { protocol: service.protocol, address: *address.ip(), port: address.port() })
        }
        ServiceName::Mark(mark) => Some(ServiceKey::Mark(mark)),
        ServiceName::Group(_) => None,
    }
}

fn service_options(service: &Service) -> ServiceOptions {
    // Flags of another scheduler have no effect.
    let flags = service.flags.iter().filter_map(|flag| scheduler::flags(&service.scheduler, flag).ok());
    ServiceOptions {
        scheduler: service.scheduler.clone(),
        scheduler_flags: flags.fold(0, |all, bit| all | bit),
        persistence: service.persistence.map(|seconds| Persistence { timeout: Span::from_secs(u64::from(seconds)) }),
        netmask: service.granularity,
        one_packet: service.one_packet,
        engine: service.engine.as_deref().and_then(Engine::new),
    }
}

fn options(target: Target) -> DestOptions {
    DestOptions {
        address: *target.address.ip(),
        port: target.address.port(),
        method: match target.kind {
            Kind::Nat => Method::Masquerade,
            Kind::Route => Method::Route,
            Kind::Tunnel => Method::Tunnel,
        },
        tunnel: Tunnel::Ipip,
        weight: target.weight,
        upper_threshold: target.thresholds.0,
        lower_threshold: target.thresholds.1,
    }
}

/// A checker at work.
struct Watch {
    pool: Pool,
    generation: u32,
    id: ServerId,
    number: usize,
    service: Service,
    checker: Checker,
    pace: Pace,
}

impl Watch {
    async fn run(mut self, process: Process) -> i32 {
        let server = self.service.servers[self.id.server].clone();
        let name = server_name(&self.service, server.address);
        let warmup = self.pace.warmup.as_nanos();
        let delay = process.sys.with(|kernel| kernel.stream("keepalived").random_range(0..=warmup));
        process.sys.sleep(Span::from_secs(1) + Span::from_nanos(delay)).await;
        while self.pool.0.borrow().generation == self.generation {
            let until = process.sys.now() + self.pace.timeout;
            let answer = probe::ask(&process, &self.service, server.address, &self.checker, until).await;
            if self.pool.0.borrow().generation != self.generation {
                break;
            }
            let verdict = self.pace.hear(answer.is_good);
            if let Some(is_up) = verdict.news {
                let text = probe::verdict(&self.checker, &self.service, &name, is_up, verdict.retries);
                self.log(&text);
                self.decide(is_up);
            } else if !answer.is_good && self.checker.log_all_failures {
                self.log(&probe::failure(&self.checker, &name));
            }
            if let (CheckerKind::Misc { is_dynamic: true, .. }, Some(weight)) = (&self.checker.kind, answer.weight) {
                self.pool.0.borrow_mut().checks.set_weight(self.id, weight.unwrap_or(server.weight));
                self.pool.carry_out();
            }
            process.sys.sleep(verdict.wait).await;
        }
        0
    }

    fn log(&self, text: &str) {
        self.pool.0.borrow().log.write(text);
    }

    fn decide(&self, is_up: bool) {
        self.pool.0.borrow_mut().checks.decide(self.id, self.number, is_up);
        self.pool.carry_out();
    }
}
