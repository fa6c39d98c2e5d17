//! Programs on a host: straight-line code that waits.
//!
//! A program is a future that the host polls; no other runtime is involved. It reaches the kernel through [`Sys`], its
//! system calls. Those never block: a program that has to wait says for what ([`Sys::wait`]), and looks again
//! when it is woken. Waking up for nothing is allowed, so every wait stands in a loop around its condition.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::kernel::Kernel;
use super::lag::Lag;
use super::raw::RawId;
use super::socket::SocketId;
use super::timer::Timer;
use crate::ids::{JobId, Terminal};
use crate::reason::{self, Maker, Note};
use crate::time::{Span, Time};

/// A process or thread, numbered from 1 on each host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// A program at work; its value is its exit status.
pub type Task = Pin<Box<dyn Future<Output = i32>>>;

/// What a program can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitOn {
    /// Something has changed at a socket: data, room, a connection to accept, an error.
    Socket(SocketId),
    /// A raw or packet socket has got something.
    Raw(RawId),
    /// A process has ended.
    Exit(Pid),
    /// A pipe has got data, or has lost its last writer.
    Pipe(u32),
    /// An interface or its addresses have changed (RTMGRP_LINK, RTMGRP_IPV4_IFADDR).
    Links,
}

/// The system calls of one process.
#[derive(Clone)]
pub struct Sys {
    kernel: Rc<RefCell<Kernel>>,
    pid: Pid,
}

impl Sys {
    /// Enters the kernel. Must not be nested, and no [`Sys`] method may be called inside.
    pub fn with<R>(&self, f: impl FnOnce(&mut Kernel) -> R) -> R {
        f(&mut self.kernel.borrow_mut())
    }

    /// The process that is calling.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The machine that it runs on.
    pub(super) fn kernel(&self) -> Rc<RefCell<Kernel>> {
        Rc::clone(&self.kernel)
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        self.with(|kernel| kernel.now)
    }

    /// Waits until one of these things happens or `until` has come. May return early: look whether it is so, and wait again.
    pub async fn wait(&self, on: &[WaitOn], until: Option<Time>) {
        wait(&self.kernel, on, until).await;
    }

    /// From now on the caller is woken whenever something changes at a socket, and [`Sys::take_ready`] names it: epoll_ctl(2).
    pub fn watch(&self, socket: SocketId) {
        self.with(|kernel| {
            let pid = kernel.scheduler.running;
            kernel.scheduler.watched.insert(socket, pid);
        });
    }

    /// Ends [`Sys::watch`]. A socket has to be let go before it is closed.
    pub fn unwatch(&self, socket: SocketId) {
        self.with(|kernel| kernel.scheduler.watched.remove(&socket));
    }

    /// The watched sockets at which something has changed since the last call: epoll_wait(2).
    pub fn take_ready(&self) -> Vec<SocketId> {
        self.with(|kernel| {
            let pid = kernel.scheduler.running;
            kernel.scheduler.ready.remove(&pid).unwrap_or_default()
        })
    }

    /// Waits for so long.
    pub async fn sleep(&self, span: Span) {
        let until = self.now() + span;
        while self.now() < until {
            self.wait(&[], Some(until)).await;
        }
    }

    /// Starts a process of this name, which `pkill` knows it by, at the next opportunity.
    ///
    /// It is a child of the caller, who may [`Sys::join`] it.
    pub fn spawn(&self, name: &str, start: impl FnOnce(Sys) -> Task) -> Pid {
        let job = self.with(|kernel| kernel.scheduler.job_of(self.pid));
        let place = Place { name: name.into(), parent: self.pid, job, leader: None };
        spawn(&self.kernel, place, start)
    }

    /// Starts a thread: it ends when its process is killed, and its exit status is nobody's business: [`Sys::join`] only waits for
    /// it.
    pub fn spawn_thread(&self, start: impl FnOnce(Sys) -> Task) -> Pid {
        let place = self.with(|kernel| kernel.scheduler.thread_of(self.pid));
        spawn(&self.kernel, place, start)
    }

    /// Waits until a child has ended; its exit status, which is told once. A process that is not there counts as
    /// ended with 127, as the shell's `wait` has it.
    pub async fn join(&self, pid: Pid) -> i32 {
        loop {
            if let Some(status) = self.join_until(pid, None).await {
                return status;
            }
        }
    }

    /// As [`Sys::join`], but not longer than until then; none if the child is still alive.
    pub async fn join_until(&self, pid: Pid, until: Option<Time>) -> Option<i32> {
        loop {
            let ended = self.with(|kernel| match kernel.scheduler.reap(self.pid, pid) {
                None if !kernel.scheduler.is_alive(pid) => Some(127),
                status => status,
            });
            if ended.is_some() || until.is_some_and(|at| self.now() >= at) {
                return ended;
            }
            self.wait(&[WaitOn::Exit(pid)], until).await;
        }
    }

    /// From now on these signals do not end the caller: it is woken, and [`Sys::take_signal`] names them.
    pub fn catch(&self, signals: &[i32]) {
        self.with(|kernel| {
            if let Some(entry) = kernel.scheduler.living.get_mut(&self.pid) {
                entry.catches = signals.to_vec();
            }
        });
    }

    /// The next signal that the caller has caught.
    pub fn take_signal(&self) -> Option<i32> {
        self.with(|kernel| {
            let entry = kernel.scheduler.living.get_mut(&self.pid)?;
            (!entry.caught.is_empty()).then(|| entry.caught.remove(0))
        })
    }

    /// Gives the calling process another name, as exec does.
    pub fn rename(&self, name: &str) {
        self.with(|kernel| {
            kernel.scheduler.rename(self.pid, name);
            let job = kernel.scheduler.job_of(self.pid);
            kernel.out.note(|| Note::Process(reason::Process { pid: self.pid.0, name: name.into(), job }));
        });
    }
}

/// As [`Sys::wait`], for whoever runs: a socket may have been handed to another thread.
pub(super) async fn wait(kernel: &RefCell<Kernel>, on: &[WaitOn], until: Option<Time>) {
    {
        let kernel = &mut *kernel.borrow_mut();
        let pid = kernel.scheduler.running;
        kernel.scheduler.wait(pid, on);
        if let Some(at) = until.filter(|&at| kernel.scheduler.needs_alarm(pid, at)) {
            kernel.timers.arm(at, Timer::Process(pid));
        }
    }
    Yield { done: false }.await;
}

/// Gives way once.
struct Yield {
    done: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.done, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

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
struct Place {
    name: Rc<str>,
    parent: Pid,
    /// What was typed that has led to it.
    job: JobId,
    /// The process that this thread belongs to; none for a process.
    leader: Option<Pid>,
}

/// How the threads of a process end that has ended.
const SIGKILL: i32 = 9;
const SIGCONT: i32 = 18;
/// The signals that stop a process; the first one cannot be caught.
const STOPPING: [i32; 4] = [19, 20, 21, 22];

/// How far apart the numbers of the processes of two terminals begin. Odd, so that few of the 16 bits are the same which
/// `ping` shows of them.
const PIDS_PER_TERMINAL: u32 = 10_001;

/// What processes count as part of that nobody has typed.
const NO_JOB: JobId = JobId::new(Terminal::FIRST, 0);

/// Who has started what the console runs; never a process itself.
const CONSOLE: Pid = Pid(0);

/// The kernel's side of processes: who waits for what, who may run.
#[derive(Default)]
pub struct Scheduler {
    /// How many processes there have been of each terminal.
    born: BTreeMap<Terminal, u32>,
    living: BTreeMap<Pid, Entry>,
    waiting: FxHashMap<WaitOn, SmallVec<[Pid; 2]>>,
    /// Who watches which sockets, and at which of them something has changed.
    watched: FxHashMap<SocketId, Pid>,
    ready: FxHashMap<Pid, Vec<SocketId>>,
    runnable: VecDeque<Pid>,
    /// How late the machine is, and who has to wait for how long.
    lag: Option<Lag>,
    late: Vec<(Pid, Span)>,
    /// Whose turn it is, or was last.
    running: Pid,
    started: Vec<(Pid, Task)>,
    killed: Vec<Pid>,
    /// Children that have ended, behind their parents, who have not asked yet.
    zombies: BTreeMap<(Pid, Pid), i32>,
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
    pub(super) fn set_lag(&mut self, lag: Option<Lag>) {
        self.lag = lag;
    }

    /// It is somebody's turn who has waited for it.
    pub(super) fn turn(&mut self, pid: Pid) {
        if self.is_alive(pid) {
            self.runnable.push_back(pid);
        }
    }

    /// A process's timer has gone off.
    pub(super) fn alarm(&mut self, pid: Pid) {
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
    fn kill_threads(&mut self, pid: Pid, signal: i32) {
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
    pub(super) fn has_news_for_console(&self) -> bool {
        !self.console.is_empty()
    }

    /// What the console has started and that has ended since the last call, with exit statuses.
    pub(super) fn news_for_console(&mut self) -> Vec<(Pid, i32)> {
        std::mem::take(&mut self.console)
    }

    /// A number for a new pipe, and where its ends leave it when they are closed.
    pub(super) fn new_pipe(&mut self) -> (u32, Rc<RefCell<Vec<u32>>>) {
        self.last_pipe += 1;
        (self.last_pipe, Rc::clone(&self.abandoned_pipes))
    }

    /// The exit status of a child that has ended. The kernel forgets it.
    fn reap(&mut self, parent: Pid, pid: Pid) -> Option<i32> {
        self.zombies.remove(&(parent, pid))
    }

    /// A number for a new process. Each terminal has its own, so that looking around at one leaves those of the others
    /// as they are: `ping` puts its number into its packets.
    fn new_pid(&mut self, terminal: Terminal) -> Pid {
        let born = self.born.entry(terminal).or_default();
        loop {
            *born += 1;
            let pid = Pid(u32::from(terminal.0 - Terminal::FIRST.0) * PIDS_PER_TERMINAL + *born);
            if !self.living.contains_key(&pid) {
                return pid;
            }
        }
    }

    fn job_of(&self, pid: Pid) -> JobId {
        self.living.get(&pid).map_or(NO_JOB, |entry| entry.place.job)
    }

    fn rename(&mut self, pid: Pid, name: &str) {
        if let Some(entry) = self.living.get_mut(&pid) {
            entry.place.name = name.into();
        }
    }

    /// The place of a new thread of the process that this process or thread belongs to.
    fn thread_of(&mut self, pid: Pid) -> Place {
        let leader = self.living.get(&pid).and_then(|entry| entry.place.leader).unwrap_or(pid);
        match self.living.get_mut(&leader) {
            Some(entry) => {
                entry.has_threads = true;
                Place { leader: Some(leader), ..entry.place.clone() }
            }
            None => Place { name: "".into(), parent: CONSOLE, job: NO_JOB, leader: Some(leader) },
        }
    }

    fn wait(&mut self, pid: Pid, on: &[WaitOn]) {
        let Some(entry) = self.living.get_mut(&pid) else { return };
        for &what in on {
            entry.waiting_on.push(what);
            self.waiting.entry(what).or_default().push(pid);
        }
    }

    /// Whether a timer has to be set for a process that wants to be woken at `at`; an earlier one does as well.
    fn needs_alarm(&mut self, pid: Pid, at: Time) -> bool {
        let Some(entry) = self.living.get_mut(&pid) else { return false };
        let needed = entry.alarm.is_none_or(|set| at < set);
        if needed {
            entry.alarm = Some(at);
        }
        needed
    }

    /// Who runs next. Those that are stopped, or whose turn has not come, are not in the queue any more but still wait to run.
    fn next(&mut self) -> Option<Pid> {
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
    fn bury(&mut self, pid: Pid, status: i32) {
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

    fn wake_abandoned_pipes(&mut self) {
        let abandoned = std::mem::take(&mut *self.abandoned_pipes.borrow_mut());
        for pipe in abandoned {
            self.wake(WaitOn::Pipe(pipe));
        }
    }
}

/// Starts a process for the console.
pub(super) fn spawn_for_console(
    kernel: &Rc<RefCell<Kernel>>,
    job: JobId,
    name: &str,
    start: impl FnOnce(Sys) -> Task,
) -> Pid {
    spawn(kernel, Place { name: name.into(), parent: CONSOLE, job, leader: None }, start)
}

fn spawn(kernel: &Rc<RefCell<Kernel>>, place: Place, start: impl FnOnce(Sys) -> Task) -> Pid {
    let pid = {
        let Kernel { scheduler, out, .. } = &mut *kernel.borrow_mut();
        let pid = scheduler.new_pid(place.job.terminal);
        out.note(|| Note::Process(reason::Process { pid: pid.0, name: place.name.as_ref().into(), job: place.job }));
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
        scheduler.living.insert(pid, entry);
        scheduler.runnable.push_back(pid);
        pid
    };
    let task = start(Sys { kernel: Rc::clone(kernel), pid });
    kernel.borrow_mut().scheduler.started.push((pid, task));
    pid
}

/// The programs of a host, and their turn.
#[derive(Default)]
pub(super) struct Processes {
    tasks: FxHashMap<Pid, Task>,
}

impl Processes {
    /// Drops all programs as they are: the machine has lost power.
    pub fn clear(&mut self, kernel: &Rc<RefCell<Kernel>>) {
        let started = std::mem::take(&mut kernel.borrow_mut().scheduler.started);
        // Dropping a task closes its sockets, which enters the kernel.
        drop(started);
        self.tasks.clear();
    }

    /// Polls whoever may run until nobody may.
    pub fn run(&mut self, kernel: &Rc<RefCell<Kernel>>) {
        let mut context = Context::from_waker(Waker::noop());
        while let Some(pid) = self.next(kernel) {
            let Some(task) = self.tasks.get_mut(&pid) else { continue };
            kernel.borrow_mut().out.maker = Maker::Program(pid.0);
            let poll = task.as_mut().poll(&mut context);
            kernel.borrow_mut().tell_ipvs_changes();
            if let Poll::Ready(status) = poll {
                drop(self.tasks.remove(&pid));
                let scheduler = &mut kernel.borrow_mut().scheduler;
                scheduler.kill_threads(pid, SIGKILL);
                scheduler.bury(pid, status);
            }
        }
    }

    /// Takes in those that have been started, drops those that have been killed, and finds whose turn it is.
    fn next(&mut self, kernel: &Rc<RefCell<Kernel>>) -> Option<Pid> {
        loop {
            let (killed, next) = {
                let kernel = &mut *kernel.borrow_mut();
                let scheduler = &mut kernel.scheduler;
                self.tasks.extend(scheduler.started.drain(..));
                scheduler.wake_abandoned_pipes();
                let killed = std::mem::take(&mut scheduler.killed);
                let next = if killed.is_empty() { scheduler.next() } else { None };
                for (pid, lag) in scheduler.late.drain(..) {
                    kernel.timers.arm(kernel.now + lag, Timer::Turn(pid));
                }
                (killed, next)
            };
            if killed.is_empty() {
                return next;
            }
            for pid in killed {
                // Dropping a task closes its sockets, which enters the kernel.
                drop(self.tasks.remove(&pid));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        kernel: Rc<RefCell<Kernel>>,
        processes: Processes,
    }

    impl Machine {
        fn new() -> Machine {
            Machine { kernel: Rc::default(), processes: Processes::default() }
        }

        fn start(&mut self, name: &str, start: impl FnOnce(Sys) -> Task) -> Pid {
            let pid = spawn_for_console(&self.kernel, NO_JOB, name, start);
            self.processes.run(&self.kernel);
            pid
        }

        fn scheduler<R>(&mut self, act: impl FnOnce(&mut Scheduler) -> R) -> R {
            let result = act(&mut self.kernel.borrow_mut().scheduler);
            self.processes.run(&self.kernel);
            result
        }
    }

    async fn forever(sys: Sys) -> i32 {
        loop {
            sys.wait(&[WaitOn::Pipe(1)], None).await;
        }
    }

    #[test]
    fn threads_end_with_their_process() {
        let mut machine = Machine::new();
        let pid = machine.start("httpd", |sys| {
            Box::pin(async move {
                sys.spawn_thread(|sys| Box::pin(forever(sys)));
                forever(sys).await
            })
        });
        assert_eq!(machine.processes.tasks.len(), 2);
        assert_eq!(machine.scheduler(|scheduler| scheduler.processes().count()), 1, "threads are not listed");
        assert_eq!(machine.scheduler(|scheduler| scheduler.kill_by_name("httpd", 15)), 1);
        assert!(machine.processes.tasks.is_empty());
        assert_eq!(machine.scheduler(Scheduler::news_for_console), [(pid, 143)]);
        assert!(machine.scheduler(|scheduler| scheduler.waiting.is_empty()));
    }

    #[test]
    fn a_parent_learns_the_status_of_its_child() {
        let mut machine = Machine::new();
        machine.start("parent", |sys| {
            Box::pin(async move {
                let child = sys.spawn("child", |_| Box::pin(async { 3 }));
                assert_eq!(sys.join(child).await, 3);
                sys.join(child).await
            })
        });
        assert_eq!(machine.scheduler(|scheduler| scheduler.news_for_console()[0].1), 127, "the status is told once");
    }

    #[test]
    fn a_stopped_process_gets_its_signals_when_it_goes_on() {
        let mut machine = Machine::new();
        let pid = machine.start("daemon", |sys| Box::pin(forever(sys)));
        machine.scheduler(|scheduler| scheduler.kill(pid, STOPPING[0]));
        machine.scheduler(|scheduler| scheduler.wake(WaitOn::Pipe(1)));
        machine.scheduler(|scheduler| scheduler.kill(pid, 15));
        assert!(machine.scheduler(|scheduler| scheduler.is_alive(pid)));
        machine.scheduler(|scheduler| scheduler.kill(pid, SIGCONT));
        assert_eq!(machine.scheduler(Scheduler::news_for_console), [(pid, 143)]);
    }

    #[test]
    fn nothing_ends_as_fast_as_a_stopped_process_that_is_killed() {
        let mut machine = Machine::new();
        let pid = machine.start("daemon", |sys| Box::pin(forever(sys)));
        machine.scheduler(|scheduler| scheduler.kill(pid, STOPPING[0]));
        machine.scheduler(|scheduler| scheduler.kill(pid, SIGKILL));
        assert!(!machine.scheduler(|scheduler| scheduler.is_alive(pid)));
    }

    #[test]
    fn nothing_stays_of_children_that_nobody_asks_about() {
        let mut machine = Machine::new();
        machine.start("parent", |sys| {
            Box::pin(async move {
                for _ in 0..10 {
                    sys.spawn("child", |_| Box::pin(async { 0 }));
                }
                sys.spawn("orphan", |sys| Box::pin(forever(sys)));
                0
            })
        });
        assert!(machine.scheduler(|scheduler| scheduler.zombies.is_empty()));
        assert_eq!(machine.scheduler(|scheduler| scheduler.processes().count()), 1, "the orphan lives on");
    }
}
