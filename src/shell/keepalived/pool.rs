//! The checkers' process's hands: IPVS, and a thread for each checker.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use rand::RngExt;

use super::{Log, Process, probe, script};
use crate::host::Kernel;
use crate::ipvs::{
    DestOptions, Engine, Error, Method, Persistence, ServiceKey, ServiceOptions, Tunnel, TunnelChecksum, scheduler,
};
use crate::keepalived::check::{Call, CheckerId, Checks, Effect, Key, Target};
use crate::keepalived::conf::{self, CheckerKind, Config, Kind, Service, ServiceName, Wrapping};
use crate::time::Span;

/// The first question is asked this long after the start, at the earliest (BOOTSTRAP_DELAY).
const BOOTSTRAP: Span = Span::from_secs(1);

/// How soon it is seen that a tracked file has changed.
const GLANCE: Span = Span::from_millis(100);

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
        let files = process.sys.with(|kernel| numbers(kernel, config));
        let inner = Inner { log, config: config.clone(), checks: Checks::new(config, files), generation: 0 };
        let pool = Pool(Rc::new(RefCell::new(inner)));
        if config.global.flush {
            process.sys.with(flush);
        }
        process.sys.with(|kernel| kernel.ipvs().set_timeouts(config.global.timeouts));
        pool.0.borrow_mut().checks.start(|service| is_enabled(process, service));
        pool.carry_out();
        pool.start_checkers();
        pool
    }

    fn start_checkers(&self) {
        let inner = self.0.borrow();
        let process = &inner.log.0;
        for id in inner.checks.asked() {
            let thread = Watch { pool: self.clone(), generation: inner.generation, id, is_enabled: true };
            let process = process.clone();
            process.clone().sys.spawn_thread(move |sys| Box::pin(thread.run(process.thread(sys))));
        }
        if !inner.config.track_files.is_empty() {
            let (pool, generation, process) = (self.clone(), inner.generation, process.clone());
            process.clone().sys.spawn_thread(move |sys| Box::pin(pool.watch_files(process.thread(sys), generation)));
        }
    }

    async fn watch_files(self, process: Process, generation: u32) -> i32 {
        while self.0.borrow().generation == generation {
            let values = process.sys.with(|kernel| numbers(kernel, &self.0.borrow().config));
            for (name, value) in values {
                self.0.borrow_mut().checks.file(&name, value);
            }
            self.carry_out();
            process.sys.sleep(GLANCE).await;
        }
        0
    }

    /// SIGHUP: another configuration.
    pub fn reload(&self, config: &Config) {
        {
            let mut inner = self.0.borrow_mut();
            let process = inner.log.0.clone();
            inner.log.write("Reinitializing ipvs");
            inner.generation += 1;
            let files = process.sys.with(|kernel| numbers(kernel, config));
            process.sys.with(|kernel| kernel.ipvs().set_timeouts(config.global.timeouts));
            inner.checks.reload(config, files, |service| is_enabled(&process, service));
            inner.config = config.clone();
        }
        self.carry_out();
        self.start_checkers();
    }

    /// keepalived stops.
    pub fn stop(&self) {
        {
            let mut inner = self.0.borrow_mut();
            inner.generation += 1;
            inner.checks.stop();
        }
        let flushes = self.0.borrow().config.global.flush_on_stop;
        if flushes {
            let mut inner = self.0.borrow_mut();
            inner.checks.take_effects();
            inner.log.0.sys.with(flush);
        }
        self.carry_out();
    }

    fn carry_out(&self) {
        let effects = self.0.borrow_mut().checks.take_effects();
        let inner = self.0.borrow();
        for effect in effects {
            match effect {
                Effect::Log(text) => inner.log.write(&text),
                Effect::Run(line) => script::launch(&inner.log.0, line),
                Effect::Ipvs(key, service, call) => talk(&inner.log, key, &service, call),
            }
        }
    }
}

fn flush(kernel: &mut Kernel) {
    let now = kernel.now;
    kernel.ipvs().flush(now);
}

/// The numbers in tracked files; what is no number is 0 (process_track_file).
fn numbers(kernel: &mut Kernel, config: &Config) -> BTreeMap<String, i64> {
    let number = |path: &str| -> Option<i64> {
        let text = String::from_utf8_lossy(&kernel.read_path(path).ok()?).into_owned();
        let text = text.trim_start();
        let end = text.char_indices().find(|(at, c)| !(c.is_ascii_digit() || *at == 0 && *c == '-')).map(|(at, _)| at);
        text[..end.unwrap_or(text.len())].parse().ok()
    };
    let mut number = number;
    config.track_files.iter().map(|file| (file.name.clone(), number(&file.path).unwrap_or(0))).collect()
}

/// With ha_suspend a service is checked where its address is.
fn is_enabled(process: &Process, service: &Service) -> bool {
    let ServiceName::Address(SocketAddr::V4(address)) = &service.name else { return true };
    let has = |kernel: &mut Kernel| {
        kernel.interfaces().any(|interface| interface.addresses.iter().any(|own| own.ip == *address.ip()))
    };
    !service.ha_suspend || process.sys.with(has)
}

/// ipvs_talk: what is there already is as good, and so is what has gone already; it is written down.
fn talk(log: &Log, key: Key, service: &Service, call: Call) {
    let Some(known) = service_key(key, service) else { return };
    let now = log.0.sys.now();
    let mut command = call;
    let result = log.0.sys.with(|kernel| {
        let ipvs = kernel.ipvs();
        match call {
            Call::AddService => ipvs.add_service(known, service_options(service)),
            Call::EditService => ipvs.edit_service(known, service_options(service)),
            Call::DeleteService => ipvs.delete_service(known, now),
            Call::AddServer(target) => dest_options(target).map_or(Ok(()), |options| ipvs.add_dest(known, options)),
            Call::DeleteServer(target) => {
                dest_options(target).map_or(Ok(()), |options| ipvs.delete_dest(known, &options, now))
            }
            Call::EditServer(target) => {
                let Some(options) = dest_options(target) else { return Ok(()) };
                match ipvs.edit_dest(known, options) {
                    Err(Error::NoDestination) => {
                        command = Call::AddServer(target);
                        ipvs.add_dest(known, options)
                    }
                    other => other,
                }
            }
        }
    });
    if let Err(error) = result {
        log.write(&refusal(key, service, command, error));
    }
}

/// The service of a key as ipvs_talk writes it.
fn refusal(key: Key, service: &Service, call: Call, error: Error) -> String {
    let (name, number, target) = match call {
        Call::AddService => ("ADD", 1154, None),
        Call::EditService => ("EDIT", 1155, None),
        Call::DeleteService => ("DEL", 1156, None),
        Call::AddServer(target) => ("ADDDEST", 1159, Some(target)),
        Call::DeleteServer(target) => ("DELDEST", 1160, Some(target)),
        Call::EditServer(target) => ("EDITDEST", 1161, Some(target)),
    };
    let (errno, message) = match error {
        // Once it is about a server, libipvs knows no better word.
        Error::ServiceNotDefined => (3, "No such service".to_owned()),
        Error::ServiceExists | Error::DestinationExists => (17, error.to_string()),
        Error::NoService => (3, error.to_string()),
        Error::NoScheduler | Error::NoDestination => (2, error.to_string()),
        Error::OutOfRange => (34, error.to_string()),
        Error::NoFamily => (97, error.to_string()),
        _ => (22, error.to_string()),
    };
    let place = match key {
        Key::Mark(mark) => format!("Fwm {mark}"),
        Key::Address(address) => {
            let protocol = crate::wire::proto::lower_name(service.protocol).unwrap_or("0");
            format!("{}:{protocol}:{}", address.ip(), address.port())
        }
    };
    let server =
        target.map_or(String::new(), |target| format!(" -> {}:{}", target.address.ip(), target.address.port()));
    format!("IPVS cmd IP_VS_SO_SET_{name}({number}) error: {message}({errno}) ({place}{server})")
}

fn service_key(key: Key, service: &Service) -> Option<ServiceKey> {
    match key {
        Key::Address(SocketAddr::V4(address)) => {
            Some(ServiceKey::Address { protocol: service.protocol, address: *address.ip(), port: address.port() })
        }
        // The simulated kernel knows no IPv6.
        Key::Address(SocketAddr::V6(_)) => None,
        Key::Mark(mark) => Some(ServiceKey::Mark(mark)),
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

fn dest_options(target: Target) -> Option<DestOptions> {
    let IpAddr::V4(address) = target.address.ip() else { return None };
    Some(DestOptions {
        address,
        port: target.address.port(),
        method: match target.kind {
            Kind::Nat => Method::Masquerade,
            Kind::Route => Method::Route,
            Kind::Tunnel(_) => Method::Tunnel,
        },
        tunnel: match target.kind {
            Kind::Tunnel(wrapping) => tunnel(wrapping),
            Kind::Nat | Kind::Route => Tunnel::Ipip,
        },
        weight: target.weight,
        upper_threshold: target.thresholds.0,
        lower_threshold: target.thresholds.1,
    })
}

fn tunnel(wrapping: Wrapping) -> Tunnel {
    match wrapping {
        Wrapping::Ipip => Tunnel::Ipip,
        Wrapping::Gue { port, checksum } => Tunnel::Gue {
            port,
            checksum: match checksum {
                conf::TunnelChecksum::None => TunnelChecksum::None,
                conf::TunnelChecksum::Full => TunnelChecksum::Full,
                conf::TunnelChecksum::Remote => TunnelChecksum::Remote,
            },
        },
        Wrapping::Gre { has_checksum } => {
            Tunnel::Gre { checksum: if has_checksum { TunnelChecksum::Full } else { TunnelChecksum::None } }
        }
    }
}

/// A checker at work.
struct Watch {
    pool: Pool,
    generation: u32,
    id: CheckerId,
    /// Whether its service's address is here (ha_suspend).
    is_enabled: bool,
}

impl Watch {
    async fn run(mut self, process: Process) -> i32 {
        let found = {
            let checks = &self.pool.0.borrow().checks;
            checks.checker(self.id).zip(checks.pace(self.id))
        };
        let Some(((service, server, checker), pace)) = found else { return 0 };
        self.is_enabled = is_enabled(&process, &service);
        let warmup = pace.warmup.as_nanos();
        let delay = process.sys.with(|kernel| kernel.stream("keepalived").random_range(0..=warmup));
        process.sys.sleep(BOOTSTRAP + Span::from_nanos(delay)).await;
        while self.is_current() {
            if !self.look(&process, &service, server) {
                process.sys.sleep(pace.delay_loop).await;
                continue;
            }
            let begun = process.sys.now();
            let page = self.pool.0.borrow().checks.page(self.id);
            let question =
                probe::Question { service: &service, server: &service.servers[server], checker: &checker, page };
            let answer = question.ask(&process, pace.timeout).await;
            if !self.is_current() {
                break;
            }
            let wait = self.pool.0.borrow_mut().checks.hear(self.id, answer);
            self.pool.carry_out();
            // A script is started in a rhythm, however long it takes.
            let from = if matches!(checker.kind, CheckerKind::Misc { .. }) { begun } else { process.sys.now() };
            process.sys.sleep((from + wait).since(process.sys.now()).max(Span::from_micros(1))).await;
        }
        0
    }

    fn is_current(&self) -> bool {
        self.pool.0.borrow().generation == self.generation
    }

    /// Whether it may ask (update_checker_activity).
    fn look(&mut self, process: &Process, service: &Service, server: usize) -> bool {
        let now = is_enabled(process, service);
        if std::mem::replace(&mut self.is_enabled, now) != now {
            let verb = if now { "Activat" } else { "Suspend" };
            let (name, shown) = (conf::trio(service.servers[server].address, service.protocol), conf::shown(service));
            let text = format!("{verb}ing healthchecker for service {name} for VS {shown}");
            self.pool.0.borrow().log.write(&text);
        }
        now
    }
}
