//! Scripts that virtual routers watch (vrrp_track.c, vrrp_scheduler.c's vrrp_script_*).

use crate::keepalived::conf::Script;

/// How a run of a script has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this status.
    Exited(i32),
    /// It took too long.
    TimedOut,
}

/// A script and what it has said so far.
#[derive(Debug)]
pub struct Watched {
    /// Its configuration.
    pub config: Script,
    /// From 0 to rise + fall - 1; good from `rise` on.
    count: u32,
    /// Whether it has ever been heard.
    is_known: bool,
}

impl Watched {
    /// A script that has not been run.
    pub fn new(config: Script) -> Watched {
        Watched { count: if config.init_fail { 0 } else { config.rise }, is_known: config.init_fail, config }
    }

    /// Whether it counts as good; none before it has been run.
    pub fn is_good(&self) -> Option<bool> {
        self.is_known.then_some(self.count >= self.config.rise)
    }

    /// A run has ended. Gives what is to be written down if that changes anything.
    pub fn hear(&mut self, outcome: Outcome) -> Option<String> {
        let before = self.is_good();
        let (rise, most) = (self.config.rise, self.config.rise + self.config.fall - 1);
        let name = &self.config.name;
        let is_success = outcome == Outcome::Exited(0);
        if !self.is_known {
            // The first result decides, either way.
            self.is_known = true;
            self.count = if is_success { most } else { 0 };
        } else if is_success {
            self.count = if self.count + 1 >= rise { most } else { self.count + 1 };
        } else {
            self.count = if self.count <= rise { 0 } else { self.count - 1 };
        }
        if before == self.is_good() {
            return None;
        }
        Some(match outcome {
            Outcome::Exited(0) => format!("VRRP_Script({name}) succeeded"),
            Outcome::Exited(status) => format!("VRRP_Script({name}) failed (exited with status {status})"),
            Outcome::TimedOut => format!("VRRP_Script({name}) timed_out"),
        })
    }

    /// What it adds to the priority of a router that tracks it with this weight.
    pub fn weight(&self, weight: i32) -> i32 {
        match self.is_good() {
            Some(true) if weight > 0 => weight,
            Some(false) if weight < 0 => weight,
            _ => 0,
        }
    }
}
