//! Programs on a host: straight-line code that waits.
//!
//! A program is a future that the host polls; no other runtime is involved. It reaches the kernel through [`Sys`], its
//! system calls. Those never block: a program that has to wait says for what ([`Sys::wait`]), and looks again
//! when it is woken. Waking up for nothing is allowed, so every wait stands in a loop around its condition.

mod scheduler;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustc_hash::FxHashMap;

use super::kernel::Kernel;
use super::raw::RawId;
use super::socket::SocketId;
use super::timer::Timer;
use crate::ids::JobId;
use crate::reason::{self, Maker, Note};
use crate::time::{Span, Time};

pub use scheduler::Scheduler;
use scheduler::{CONSOLE, Place, SIGKILL};

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
        self.with(|kernel| kernel.scheduler.catch(self.pid, signals));
    }

    /// The next signal that the caller has caught.
    pub fn take_signal(&self) -> Option<i32> {
        self.with(|kernel| kernel.scheduler.take_signal(self.pid))
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
        scheduler.admit(pid, place);
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
    use super::scheduler::{NO_JOB, SIGCONT, STOPPING};
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
