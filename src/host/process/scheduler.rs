//! The kernel's side of processes: who waits for what, who may run.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{Pid, Task, WaitOn};
use crate::host::lag::Lag;
use crate::host::socket::SocketId;
use crate::ids::{JobId, Terminal};
use crate::time::{Span, Time};

/// A living process or thread.
#[derive(Debug)]
struct Entry {
    place: Place,
    /// Whether it stands in the queue of those that may run.
    queued: bool,
    /// What it is registered to be woken by.
    waiting_on: SmallVec<[WaitOn; 2]>,
    /// When the timer that it has set goes off.
    alarm: Option<Time>,
    /// Whether it has ever started a thread.
    has_threads: bool,
    /// The signals that do not end it, and those of them that have come.
    catches: Vec<i32>,
    caught: Vec<i32>,
    /// The signals that wait for it to go on, while it is stopped.
    stopped: Option<Vec<i32>>,
    /// On a machine that is slow: whether it has waited for its turn.
    is_due: bool,
}

/// Where a process stands among the others.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: Rc<str>,
    pub(super) parent: Pid,
    /// What was typed that has led to it.
    pub(super) job: JobId,
    /// The process that this thread belongs to; none for a process.
    pub(super) leader: Option<Pid>,
}

/// How the threads of a process end that has ended.
pub(super) const SIGKILL: i32 = 9;
pub(super) const SIGCONT: i32 = 18;
/// The signals that stop a process; the first one cannot be caught.
pub(super) const STOPPING: [i32; 4] = [19, 20, 21, 22];

/// How far apart the numbers of the processes of two terminals begin. Odd, so that few of the 16 bits are the same which
/// `ping` shows of them.
const PIDS_PER_TERMINAL: u32 = 10_001;

/// What processes count as part of that nobody has typed.
pub(super) const NO_JOB: JobId = JobId::new(Terminal::FIRST, 0);

/// Who has started what the console runs; never a process itself.
pub(super) const CONSOLE: Pid = Pid(0);

/// The kernel's side of processes: who waits for what, who may run.
#[derive(Default)]
pub struct Scheduler {
    /// How many processes there have been of each terminal.
    born: BTreeMap<Terminal, u32>,
    living: BTreeMap<Pid, Entry>,
    pub(super) waiting: FxHashMap<WaitOn, SmallVec<[Pid; 2]>>,
    /// Who watches which sockets, and at which of them something has changed.
    pub(super) watched: FxHashMap<SocketId, Pid>,
    pub(super) ready: FxHashMap<Pid, Vec<SocketId>>,
    runnable: VecDeque<Pid>,
    /// How late the machine is, and who has to wait for how long.
    lag: Option<Lag>,
    pub(super) late: Vec<(Pid, Span)>,
    /// Whose turn it is, or was last.
    pub(super) running: Pid,
    pub(super) started: Vec<(Pid, Task)>,
    pub(super) killed: Vec<Pid>,
    /// Children that have ended, behind their parents, who have not asked yet.
    pub(super) zombies: BTreeMap<(Pid, Pid), i32>,
    /// What the console has started and that has ended since it looked last.
    console: Vec<(Pid, i32)>,
    last_pipe: u32,
    abandoned_pipes: Rc<RefCell<Vec<u32>>>,
}

impl Scheduler {
    /// Wakes everybody who waits for this.
    pub fn wake(&mut self, what: WaitOn) {
        for pid in self.waiting.remove(&what).unwrap_or_default() {
            self.wake_process(pid);
        }
        if let WaitOn::Socket(socket) = what
            && let Some(&pid) = self.watched.get(&socket)
        {
            self.ready.entry(pid).or_default().push(socket);
            self.wake_process(pid);
        }
    }

    /// Lets one process look whether what it waits for has come.
    pub fn wake_process(&mut self, pid: Pid) {
        let Some(entry) = self.living.get_mut(&pid) else { return };
        if !std::mem::replace(&mut entry.queued, true) {
            self.runnable.push_back(pid);
        }
    }

    /// From now on everybody who may run waits for so long until it is his turn.
    pub(in crate::host) fn set_lag(&mut self, lag: Option<Lag>) {
        self.lag = lag;
    }

    /// It is somebody's turn who has waited for it.
    pub(in crate::host) fn turn(&mut self, pid: Pid) {
        if self.is_alive(pid) {
            self.runnable.push_back(pid);
        }
    }

    /// A process's timer has gone off.
    pub(in crate::host) fn alarm(&mut self, pid: Pid) {
        if let Some(entry) = self.living.get_mut(&pid) {
            entry.alarm = None;
        }
        self.wake_process(pid);
    }

    /// The living processes, with their names, oldest first.
    pub fn processes(&self) -> impl Iterator<Item = (Pid, &str)> {
        let leaders = self.living.iter().filter(|(_, entry)| entry.place.leader.is_none());
        leaders.map(|(&pid, entry)| (pid, &*entry.place.name))
    }

    /// Whether there is such a process.
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.living.contains_key(&pid)
    }

    /// Ends a process and its threads at the next opportunity, with the exit status 128 + `signal`. Their sockets are closed.
    /// A process that catches the signal is told instead. SIGSTOP and its like stop it, until SIGCONT. Signal 0 does
    /// nothing: it only asks whether there is somebody.
    pub fn kill(&mut self, pid: Pid, signal: i32) {
        if signal == 0 {
            return;
        }
        let Some(entry) = self.living.get_mut(&pid) else { return };
        match &mut entry.stopped {
            _ if STOPPING.contains(&signal) && !entry.catches.contains(&signal) => return self.stop(pid),
            _ if signal == SIGCONT => return self.go_on(pid),
            Some(waiting) if signal != SIGKILL => return waiting.push(signal),
            _ => {}
        }
        if signal != SIGKILL && entry.catches.contains(&signal) {
            entry.caught.push(signal);
            self.wake_process(pid);
            return;
        }
        self.kill_threads(pid, signal);
        self.killed.push(pid);
        self.bury(pid, 128 + signal);
    }

    /// A process and its threads do nothing more for now. What wakes them is kept for later.
    fn stop(&mut self, pid: Pid) {
        for pid in self.threads(pid).into_iter().chain([pid]) {
            if let Some(entry) = self.living.get_mut(&pid) {
                entry.stopped.get_or_insert_default();
            }
        }
    }

    /// A process that was stopped goes on where it was, and gets the signals that have come in the meantime.
    fn go_on(&mut self, pid: Pid) {
        for pid in self.threads(pid).into_iter().chain([pid]) {
            let Some(entry) = self.living.get_mut(&pid) else { continue };
            let Some(signals) = entry.stopped.take() else { continue };
            if entry.queued {
                self.runnable.push_back(pid);
            }
            signals.into_iter().for_each(|signal| self.kill(pid, signal));
        }
    }

    fn threads(&self, pid: Pid) -> Vec<Pid> {
        if self.living.get(&pid).is_none_or(|entry| !entry.has_threads) {
            return Vec::new();
        }
        let threads = self.living.iter().filter(|(_, entry)| entry.place.leader == Some(pid));
        threads.map(|(&thread, _)| thread).collect()
    }

    /// Ends the threads of a process that ends.
    pub(super) fn kill_threads(&mut self, pid: Pid, signal: i32) {
        for thread in self.threads(pid) {
            self.killed.push(thread);
            self.bury(thread, 128 + signal);
        }
    }

    /// Signals all processes of this name; how many there were.
    pub fn kill_by_name(&mut self, name: &str, signal: i32) -> usize {
        let doomed: Vec<Pid> = self.processes().filter(|&(_, known)| known == name).map(|(pid, _)| pid).collect();
        for &pid in &doomed {
            self.kill(pid, signal);
        }
        doomed.len()
    }

    /// Whether something that the console has started has ended.
    pub(in crate::host) fn has_news_for_console(&self) -> bool {
        !self.console.is_empty()
    }

    /// What the console has started and that has ended since the last call, with exit statuses.
    pub(in crate::host) fn news_for_console(&mut self) -> Vec<(Pid, i32)> {
        std::mem::take(&mut self.console)
    }

    /// A number for a new pipe, and where its ends leave it when they are closed.
    pub(in crate::host) fn new_pipe(&mut self) -> (u32, Rc<RefCell<Vec<u32>>>) {
        self.last_pipe += 1;
        (self.last_pipe, Rc::clone(&self.abandoned_pipes))
    }

    /// The exit status of a child that has ended. The kernel forgets it.
    pub(super) fn reap(&mut self, parent: Pid, pid: Pid) -> Option<i32> {
        self.zombies.remove(&(parent, pid))
    }

    /// A number for a new process. Each terminal has its own, so that looking around at one leaves those of the others
    /// as they are: `ping` puts its number into its packets.
    pub(super) fn new_pid(&mut self, terminal: Terminal) -> Pid {
        let born = self.born.entry(terminal).or_default();
        loop {
            *born += 1;
            let pid = Pid(u32::from(terminal.0 - Terminal::FIRST.0) * PIDS_PER_TERMINAL + *born);
            if !self.living.contains_key(&pid) {
                return pid;
            }
        }
    }

    /// Somebody new, who may run.
    pub(super) fn admit(&mut self, pid: Pid, place: Place) {
        let entry = Entry {
            place,
            queued: true,
            waiting_on: SmallVec::new(),
            alarm: None,
            has_threads: false,
            catches: Vec::new(),
            caught: Vec::new(),
            stopped: None,
            is_due: false,
        };
        self.living.insert(pid, entry);
        self.runnable.push_back(pid);
    }

    pub(super) fn job_of(&self, pid: Pid) -> JobId {
        self.living.get(&pid).map_or(NO_JOB, |entry| entry.place.job)
    }

    /// These signals do not end a process any more.
    pub(super) fn catch(&mut self, pid: Pid, signals: &[i32]) {
        if let Some(entry) = self.living.get_mut(&pid) {
            entry.catches = signals.to_vec();
        }
    }

    /// The next signal that a process has caught.
    pub(super) fn take_signal(&mut self, pid: Pid) -> Option<i32> {
        let entry = self.living.get_mut(&pid)?;
        (!entry.caught.is_empty()).then(|| entry.caught.remove(0))
    }

    pub(super) fn rename(&mut self, pid: Pid, name: &str) {
        if let Some(entry) = self.living.get_mut(&pid) {
            entry.place.name = name.into();
        }
    }

    /// The place of a new thread of the process that this process or thread belongs to.
    pub(super) fn thread_of(&mut self, pid: Pid) -> Place {
        let leader = self.living.get(&pid).and_then(|entry| entry.place.leader).unwrap_or(pid);
        match self.living.get_mut(&leader) {
            Some(entry) => {
                entry.has_threads = true;
                Place { leader: Some(leader), ..entry.place.clone() }
            }
            None => Place { name: "".into(), parent: CONSOLE, job: NO_JOB, leader: Some(leader) },
        }
    }

    pub(super) fn wait(&mut self, pid: Pid, on: &[WaitOn]) {
        let Some(entry) = self.living.get_mut(&pid) else { return };
        for &what in on {
            entry.waiting_on.push(what);
            self.waiting.entry(what).or_default().push(pid);
        }
    }

    /// Whether a timer has to be set for a process that wants to be woken at `at`; an earlier one does as well.
    pub(super) fn needs_alarm(&mut self, pid: Pid, at: Time) -> bool {
        let Some(entry) = self.living.get_mut(&pid) else { return false };
        let needed = entry.alarm.is_none_or(|set| at < set);
        if needed {
            entry.alarm = Some(at);
        }
        needed
    }

    /// Who runs next. Those that are stopped, or whose turn has not come, are not in the queue any more but still wait to run.
    pub(super) fn next(&mut self) -> Option<Pid> {
        loop {
            let pid = self.runnable.pop_front()?;
            let Some(entry) = self.living.get_mut(&pid) else { continue };
            if entry.stopped.is_some() {
                continue;
            }
            if let Some(lag) = &mut self.lag
                && !std::mem::replace(&mut entry.is_due, true)
            {
                self.late.push((pid, lag.draw()));
                continue;
            }
            entry.is_due = false;
            entry.queued = false;
            let waits = std::mem::take(&mut entry.waiting_on);
            self.stop_waiting(pid, &waits);
            self.running = pid;
            return Some(pid);
        }
    }

    fn stop_waiting(&mut self, pid: Pid, waits: &[WaitOn]) {
        for what in waits {
            if let Some(pids) = self.waiting.get_mut(what) {
                pids.retain(|waiting| *waiting != pid);
                if pids.is_empty() {
                    self.waiting.remove(what);
                }
            }
        }
    }

    /// A process has ended: its parent is told, and what nobody will ask for any more is forgotten.
    pub(super) fn bury(&mut self, pid: Pid, status: i32) {
        let Some(entry) = self.living.remove(&pid) else { return };
        self.stop_waiting(pid, &entry.waiting_on);
        self.watched.retain(|_, watcher| *watcher != pid);
        self.ready.remove(&pid);
        while let Some((&child, _)) = self.zombies.range((pid, Pid(0))..=(pid, Pid(u32::MAX))).next() {
            self.zombies.remove(&child);
        }
        if entry.place.leader.is_none() {
            if entry.place.parent == CONSOLE {
                self.console.push((pid, status));
            } else if self.is_alive(entry.place.parent) {
                self.zombies.insert((entry.place.parent, pid), status);
            }
        }
        self.wake(WaitOn::Exit(pid));
    }

    pub(super) fn wake_abandoned_pipes(&mut self) {
        let abandoned = std::mem::take(&mut *self.abandoned_pipes.borrow_mut());
        for pipe in abandoned {
            self.wake(WaitOn::Pipe(pipe));
        }
    }
}
