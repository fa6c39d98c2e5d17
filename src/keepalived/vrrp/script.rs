//! Scripts, files and programs that virtual routers watch (vrrp_scheduler.c vrrp_script_*, track_file.c, track_process.c).

use crate::keepalived::conf::{Script, TrackFile, TrackProcess};
use crate::time::Time;

/// How a run of a script has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this status.
    Exited(i32),
    /// It took too long.
    TimedOut,
}

/// A script and what it has said so far.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its configuration.
    pub config: Script,
    /// From 0 to rise + fall - 1; good from `rise` on.
    count: u32,
    /// Whether it has ever been heard.
    is_known: bool,
    last_status: i32,
}

impl Watched {
    /// A script that has not been run.
    pub fn new(config: Script) -> Watched {
        // One success is enough at first.
        let count = if config.init_fail { 0 } else { config.rise - 1 };
        Watched { count, is_known: config.init_fail, last_status: 0, config }
    }

    /// Whether it counts as good; none before it has been run.
    pub fn is_good(&self) -> Option<bool> {
        self.is_known.then_some(self.count >= self.config.rise)
    }

    fn most(&self) -> u32 {
        self.config.rise.saturating_add(self.config.fall) - 1
    }

    /// A run has ended. Gives what is to be written down.
    pub fn hear(&mut self, outcome: Outcome) -> Vec<String> {
        let (name, rise) = (&self.config.name, self.config.rise);
        let mut said = Vec::new();
        if let Outcome::Exited(status) = outcome
            && std::mem::replace(&mut self.last_status, status) != status
        {
            said.push(format!("Script `{name}` now returning {status}"));
        }
        match outcome {
            Outcome::Exited(0) if self.count + 1 < rise => self.count += 1,
            Outcome::Exited(0) => {
                if self.count < rise {
                    said.push(format!("VRRP_Script({name}) succeeded"));
                }
                self.count = self.most();
            }
            _ if self.count > rise => self.count -= 1,
            _ => {
                if self.count == rise || !self.is_known {
                    said.push(match outcome {
                        Outcome::Exited(status) => format!("VRRP_Script({name}) failed (exited with status {status})"),
                        Outcome::TimedOut => format!("VRRP_Script({name}) timed_out"),
                    });
                }
                self.count = 0;
            }
        }
        self.is_known = true;
        said
    }

    /// clear_diff_script: what an earlier configuration's script of this name has said counts on.
    pub fn inherit(&mut self, old: &Watched) -> Option<String> {
        if !old.is_known {
            return None;
        }
        let (rise, name) = (self.config.rise, &self.config.name);
        let is_good = old.count >= old.config.rise;
        self.count = match old.count {
            0 => 0,
            count if count == old.most() => self.most(),
            count if is_good => rise.saturating_add(count - old.config.rise).min(self.most()),
            count => rise.saturating_sub(old.config.rise - count),
        };
        (self.is_known, self.last_status) = (true, old.last_status);
        let how = if is_good { "successful" } else { "unsuccessful" };
        Some(format!("VRRP_Script({name}) considered {how} on reload"))
    }
}

/// A tracked file.
#[derive(Clone, Debug)]
pub struct WatchedFile {
    /// Its configuration.
    pub config: TrackFile,
    /// The number in it; 0 if there is none.
    pub status: i64,
}

/// A tracked program.
#[derive(Clone, Debug)]
pub struct WatchedProcess {
    /// Its configuration.
    pub config: TrackProcess,
    /// Whether there are as many as there should be.
    pub has_quorum: bool,
    /// How many there are.
    pub(super) running: u32,
    /// When a change counts: it comes and goes with a delay.
    pub(super) changes_at: Option<Time>,
}

impl WatchedProcess {
    /// A program of which none has been seen.
    pub fn new(config: TrackProcess) -> WatchedProcess {
        WatchedProcess { config, has_quorum: false, running: 0, changes_at: None }
    }

    /// Whether this many are right.
    pub fn is_enough(&self, count: u32) -> bool {
        (self.config.quorum..=self.config.quorum_max).contains(&count)
    }

    /// So many are running. Gives whether what counts has changed already.
    pub(super) fn count(&mut self, count: u32, now: Time) -> bool {
        self.running = count;
        let is_enough = self.is_enough(count);
        if is_enough == self.has_quorum {
            self.changes_at = None;
            return false;
        }
        let delay = if is_enough { self.config.fork_delay } else { self.config.terminate_delay };
        let at = *self.changes_at.get_or_insert(now + delay);
        if at > now {
            return false;
        }
        (self.has_quorum, self.changes_at) = (is_enough, None);
        true
    }
}
