//! A daemon's life: it reads its configuration, works, reloads, stops (core/main.c).

use std::cell::RefCell;
use std::rc::Rc;

use super::pool::Pool;
use super::router::{self, Routers};
use super::{Log, Process, SIGHUP, SIGINT, SIGTERM, VERSION, read, script};
use crate::keepalived::conf::{self, Config, Message, Script, Statics};
use crate::keepalived::vrrp::Outcome;
use crate::time::Span;

/// How long it takes until the children have been forked and have read the configuration for themselves; until then
/// systemd waits, too.
pub const START_UP: Span = Span::from_millis(500);

/// How long the VRRP process waits at its end, so that others hear of it.
const FAREWELL: Span = Span::from_secs(1);

/// How late it may get its turn before it says so (min_auto_priority_delay, whether or not it may raise its priority).
const TOLERATED: Span = Span::from_secs(1);

/// keepalived's exit status for a configuration that it cannot work with.
const BAD_CONFIG: i32 = 2;

/// Results of scripts that the main loop has not looked at.
type Results = Rc<RefCell<Vec<(usize, Outcome)>>>;

/// Runs until it is told to stop.
pub async fn run(process: Process, path: String) -> i32 {
    process.sys.catch(&[SIGHUP, SIGINT, SIGTERM]);
    let log = Log(process.clone());
    log.write(&format!("Starting {VERSION}"));
    log.write(&format!("Opening file '{path}'."));
    let Some(mut config) = load(&log, &path) else { return BAD_CONFIG };
    log.write(&format!("Configuration file {path}"));
    process.sys.sleep(START_UP).await;
    let mut running = Running::start(&log, &config);
    log.write("Startup complete");
    loop {
        while let Some(signal) = process.sys.take_signal() {
            if signal == SIGHUP {
                log.write("Reloading ...");
                if let Some(new) = load(&log, &path) {
                    running.reload(&log, &config, &new);
                    config = new;
                }
                log.write("Reload complete");
                continue;
            }
            log.write("Stopping");
            running.stop();
            sync_always(&log, &config, false);
            process.sys.sleep(FAREWELL).await;
            log.write(&format!("Stopped {VERSION}"));
            return 0;
        }
        running.step(&log);
        let (events, until) = running.next();
        process.sys.wait(&events, until).await;
        let late = until.map_or(Span::ZERO, |until| process.sys.now().since(until));
        if late > TOLERATED {
            let (seconds, micros) = (late.as_secs(), late.as_nanos() / 1_000 % 1_000_000);
            log.write(&format!("A thread timer expired {seconds}.{micros:06} seconds ago"));
        }
    }
}

/// Reads the configuration and writes what is wrong with it; none if it will not do.
fn load(log: &Log, path: &str) -> Option<Config> {
    let Some((config, messages)) = log.0.sys.with(|kernel| read(kernel, path, false)) else {
        log.write(&format!("Unable to find configuration file {path} (glob returned 3)"));
        return None;
    };
    messages.iter().for_each(|message: &Message| log.write(&message.to_string()));
    conf::is_usable(&messages).then_some(config)
}

/// Whether the configuration says anything to the VRRP process.
fn needs_vrrp(config: &Config) -> bool {
    !config.instances.is_empty() || config.statics != Statics::default()
}

/// lvs_sync_daemon without an instance that it follows.
fn sync_always(log: &Log, config: &Config, is_on: bool) {
    if let Some(sync) = config.global.sync.as_ref().filter(|sync| sync.instance.is_none()) {
        log.0.sys.with(|kernel| router::sync_always(kernel, sync, is_on));
    }
}

/// What is at work.
struct Running {
    routers: Option<Routers>,
    pool: Option<Pool>,
    results: Results,
    /// Scripts of earlier configurations end.
    generation: Rc<RefCell<u32>>,
}

impl Running {
    fn start(log: &Log, config: &Config) -> Running {
        let mut running =
            Running { routers: None, pool: None, results: Results::default(), generation: Rc::new(RefCell::new(0)) };
        running.pool = (!config.services.is_empty()).then(|| Pool::start(&log.0, config));
        running.start_routers(log, config);
        running
    }

    fn start_routers(&mut self, log: &Log, config: &Config) {
        if needs_vrrp(config) {
            self.routers = Some(Routers::start(&log.0, config, log.0.sys.now()));
            self.watch_all(log);
        }
        sync_always(log, config, true);
    }

    fn watch_all(&self, log: &Log) {
        let scripts = self.routers.iter().flat_map(Routers::scripts);
        for (place, script) in scripts.cloned().enumerate() {
            self.watch(log, place, script);
        }
    }

    /// A thread that runs a script again and again.
    fn watch(&self, log: &Log, place: usize, script: Script) {
        let (results, generation, process) = (Rc::clone(&self.results), Rc::clone(&self.generation), log.0.clone());
        let own = *generation.borrow();
        let main = process.sys.pid();
        process.sys.clone().spawn_thread(move |sys| {
            Box::pin(async move {
                let process = process.thread(sys);
                while *generation.borrow() == own {
                    let begun = process.sys.now();
                    let outcome =
                        script::run(&process, &script.command, begun + script.timeout.unwrap_or(script.interval));
                    let outcome = outcome.await;
                    results.borrow_mut().push((place, outcome));
                    process.sys.with(|kernel| kernel.scheduler.wake_process(main));
                    let next = begun + script.interval;
                    process.sys.sleep(next.since(process.sys.now())).await;
                }
                0
            })
        });
    }

    fn step(&mut self, log: &Log) {
        let now = log.0.sys.now();
        if let Some(routers) = &mut self.routers {
            for (place, outcome) in self.results.borrow_mut().drain(..) {
                routers.script(place, outcome, now);
            }
            routers.step(now);
        }
    }

    fn next(&self) -> (Vec<crate::host::process::WaitOn>, Option<crate::time::Time>) {
        match &self.routers {
            Some(routers) => (routers.events(), routers.next_deadline()),
            None => (Vec::new(), None),
        }
    }

    fn reload(&mut self, log: &Log, old: &Config, new: &Config) {
        match &self.pool {
            Some(pool) => pool.reload(new),
            None => self.pool = (!new.services.is_empty()).then(|| Pool::start(&log.0, new)),
        }
        *self.generation.borrow_mut() += 1;
        self.results.borrow_mut().clear();
        let now = log.0.sys.now();
        match &mut self.routers {
            Some(routers) => routers.reload(new, now),
            None if needs_vrrp(new) => self.routers = Some(Routers::start(&log.0, new, now)),
            None => {}
        }
        self.watch_all(log);
        let always = |config: &Config| config.global.sync.clone().filter(|sync| sync.instance.is_none());
        if always(old) != always(new) {
            sync_always(log, old, false);
            sync_always(log, new, true);
        }
    }

    fn stop(&mut self) {
        *self.generation.borrow_mut() += 1;
        if let Some(routers) = &mut self.routers {
            routers.stop();
        }
        if let Some(pool) = &self.pool {
            pool.stop();
        }
    }
}
