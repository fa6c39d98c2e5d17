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

use super::kernel::Kernel;
use super::raw::RawId;
use super::socket::SocketId;
use super::timer::Timer;
use crate::time::{Span, Time};

/// A process or thread, numbered from 1 on each host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// A program at work; its value is its exit status.
pub type Task = Pin<Box<dyn Future<Output = i32>>>;

/// What a program can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitOn {
    /// Something has changed at a socket: data, room, a connection to accept, an error.
    Socket(SocketId),
    /// A raw or packet socket has got something.
    Raw(RawId),
    /// A process has ended.
    Exit(Pid),
    /// A pipe has got data, or has lost its last writer.
    Pipe(u32),
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

    /// What time it is.
    pub fn now(&self) -> Time {
        self.with(|kernel| kernel.now)
    }

    /// Waits until one of these things happens or `until` has come. May return early: look whether it is so, and wait again.
    pub async fn wait(&self, on: &[WaitOn], until: Option<Time>) {
        self.with(|kernel| {
            for &what in on {
                kernel.scheduler.waiting.entry(what).or_default().push(self.pid);
            }
            if let Some(at) = until {
                kernel.timers.arm(at, Timer::Process(self.pid));
            }
        });
        Yield { done: false }.await;
    }

    /// Waits for so long.
    pub async fn sleep(&self, span: Span) {
        let until = self.now() + span;
        while self.now() < until {
            self.wait(&[], Some(until)).await;
        }
    }

    /// Starts a process of this name, which `pkill` knows it by, at the next opportunity.
    pub fn spawn(&self, name: &str, start: impl FnOnce(Sys) -> Task) -> Pid {
        spawn(&self.kernel, name, start)
    }

    /// Waits until a process has ended; its exit status.
    pub async fn join(&self, pid: Pid) -> i32 {
        loop {
            if let Some(status) = self.with(|kernel| kernel.scheduler.exit_status(pid)) {
                return status;
            }
            self.wait(&[WaitOn::Exit(pid)], None).await;
        }
    }
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

/// The kernel's side of processes: who waits for what, who may run.
#[derive(Default)]
pub struct Scheduler {
    last_pid: u32,
    waiting: BTreeMap<WaitOn, Vec<Pid>>,
    runnable: VecDeque<Pid>,
    started: Vec<(Pid, String, Task)>,
    killed: Vec<Pid>,
    names: BTreeMap<Pid, String>,
    exited: BTreeMap<Pid, i32>,
}

impl Scheduler {
    /// Wakes everybody who waits for this.
    pub fn wake(&mut self, what: WaitOn) {
        if let Some(pids) = self.waiting.remove(&what) {
            self.runnable.extend(pids);
        }
    }

    /// Lets one process look whether what it waits for has come.
    pub fn wake_process(&mut self, pid: Pid) {
        self.runnable.push_back(pid);
    }

    /// The living processes, with their names, oldest first.
    pub fn processes(&self) -> impl Iterator<Item = (Pid, &str)> {
        self.names.iter().map(|(&pid, name)| (pid, name.as_str()))
    }

    /// Ends a process at the next opportunity, with the exit status 128 + `signal`. Its sockets are closed.
    pub fn kill(&mut self, pid: Pid, signal: i32) {
        if self.names.remove(&pid).is_some() {
            self.exited.insert(pid, 128 + signal);
            self.killed.push(pid);
            self.wake(WaitOn::Exit(pid));
        }
    }

    pub(super) fn exit_status(&self, pid: Pid) -> Option<i32> {
        self.exited.get(&pid).copied()
    }
}

/// Starts a process on a host from outside of any other.
pub(super) fn spawn(kernel: &Rc<RefCell<Kernel>>, name: &str, start: impl FnOnce(Sys) -> Task) -> Pid {
    let pid = {
        let scheduler = &mut kernel.borrow_mut().scheduler;
        scheduler.last_pid += 1;
        let pid = Pid(scheduler.last_pid);
        scheduler.names.insert(pid, name.to_owned());
        pid
    };
    let task = start(Sys { kernel: Rc::clone(kernel), pid });
    let scheduler = &mut kernel.borrow_mut().scheduler;
    scheduler.started.push((pid, name.to_owned(), task));
    scheduler.runnable.push_back(pid);
    pid
}

/// The programs of a host, and their turn.
#[derive(Default)]
pub(super) struct Processes {
    tasks: BTreeMap<Pid, Task>,
}

impl Processes {
    /// Polls whoever may run until nobody may.
    pub fn run(&mut self, kernel: &Rc<RefCell<Kernel>>) {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let (started, killed, next) = {
                let scheduler = &mut kernel.borrow_mut().scheduler;
                let started = std::mem::take(&mut scheduler.started);
                (started, std::mem::take(&mut scheduler.killed), scheduler.runnable.pop_front())
            };
            self.tasks.extend(started.into_iter().map(|(pid, _, task)| (pid, task)));
            for pid in killed {
                // Dropping a task closes its sockets, which enters the kernel.
                drop(self.tasks.remove(&pid));
            }
            let Some(pid) = next else { break };
            let Some(task) = self.tasks.get_mut(&pid) else { continue };
            if let Poll::Ready(status) = task.as_mut().poll(&mut context) {
                drop(self.tasks.remove(&pid));
                let scheduler = &mut kernel.borrow_mut().scheduler;
                scheduler.names.remove(&pid);
                scheduler.exited.insert(pid, status);
                scheduler.wake(WaitOn::Exit(pid));
            }
        }
    }
}
