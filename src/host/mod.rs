//! A Linux machine: client, switch-side router, director and real server are all this type, configured differently.
//!
//! [`Host`] is what the engine sees. Inside, [`Kernel`] is the network stack and all state that commands change;
//! [`process`] runs the programs on top of it.

mod address;
mod arp;
mod changes;
mod console;
mod counters;
mod device;
pub mod files;
mod icmp;
pub mod interface;
mod ip;
pub mod ipvs;
mod kernel;
mod lag;
mod macvlan;
mod messages;
pub mod neighbour;
pub mod net;
pub mod netfilter;
mod packet;
mod paths;
pub mod process;
mod program;
mod raw;
pub mod route;
mod socket;
pub mod stdio;
mod steps;
pub mod sysctl;
mod tcp;
mod timer;
pub mod tunnel;
mod udp;

use std::cell::RefCell;
use std::rc::Rc;

use crate::ids::{Port, Terminal};
use crate::reason::{Machine, Note};
use crate::sim::{Action, Node, Outbox};
use crate::time::{Span, Time};
use crate::wire::Frame;

pub use console::{Job, JobResult};
pub use files::SERVICES;
pub use interface::{Address, IfIndex, Interface, Link, Scope};
pub use ip::{Flow, IpCounters};
pub use kernel::Kernel;
pub use packet::Packet;
pub use process::{Pid, Sys};
pub use program::{Io, Process, SIGPIPE};
pub use raw::{Captured, Direction, IcmpError, PacketSocket, RawBind, RawId, RawSocket, Received};
pub use route::{Route, RouteKind};
pub use socket::{Bind, Errno, SocketId};
pub use stdio::{Output, Stdin};
pub use tcp::{State as TcpState, TcpCounters, TcpSocket, TcpTimer};
pub use udp::{Datagram, UdpCounters, UdpSocketView};

use process::Processes;

/// A machine of the lab, as the engine drives it.
pub struct Host {
    kernel: Rc<RefCell<Kernel>>,
    processes: Processes,
    console: console::Console,
    is_off: bool,
}

/// What the timeline can do to a host.
pub enum Input {
    /// Somebody types a command. A machine that is off does not hear it.
    Run(Job),
    /// It loses power: programs and the kernel's state are gone, files stay.
    Crash,
    /// It is switched on again, as this machine with the files that it had, and these commands are the first.
    Boot(Box<Kernel>, Vec<Job>),
    /// From now on its programs get their turn late: so much at least, and more by chance.
    Slow(Span, Span),
}

impl Host {
    /// A host with this kernel, switched on and idle.
    pub fn new(kernel: Kernel) -> Host {
        Host {
            kernel: Rc::new(RefCell::new(kernel)),
            processes: Processes::default(),
            console: console::Console::default(),
            is_off: false,
        }
    }

    /// Looks at the kernel's state, or changes it from outside of any event.
    pub fn with_kernel<R>(&self, f: impl FnOnce(&mut Kernel) -> R) -> R {
        f(&mut self.kernel.borrow_mut())
    }

    /// Whether it has lost power.
    pub fn is_off(&self) -> bool {
        self.is_off
    }

    /// Whether a job that was started in the foreground is still running or waiting for its turn.
    pub fn is_busy(&self) -> bool {
        self.console.is_busy()
    }

    /// Whether what is typed at a terminal now has to wait for its turn.
    pub fn is_busy_at(&self, terminal: Terminal) -> bool {
        self.console.is_busy_at(terminal)
    }

    /// The jobs so far of a terminal, in the order in which they were handed in.
    pub fn jobs(&self, terminal: Terminal) -> &[JobResult] {
        self.console.results(terminal)
    }

    /// Power goes, or has gone before; nothing of what the programs still do when they are dropped gets out.
    fn crash(&mut self, now: Time, out: &mut Outbox) {
        self.is_off = true;
        self.kernel.borrow_mut().begin(now, out);
        self.processes.clear(&self.kernel);
        self.console.forget();
        let mut kernel = self.kernel.borrow_mut();
        kernel.out.actions.clear();
        let ports: Vec<Port> = kernel.interfaces().filter_map(Interface::port).collect();
        kernel.out.actions.extend(ports.into_iter().map(|port| Action::Carrier { port, up: false }));
        kernel.out.note(|| Note::Machine(Machine::PowerLost));
        kernel.forget_all();
        kernel.finish(out);
    }

    fn boot(&mut self, kernel: Kernel, jobs: Vec<Job>, now: Time, out: &mut Outbox) {
        if !self.is_off {
            self.crash(now, out);
        }
        self.is_off = false;
        for job in jobs {
            self.console.enqueue(job);
        }
        self.event(now, out, |running| {
            running.start_as(kernel);
            running.out.note(|| Note::Machine(Machine::Booted));
            let ports: Vec<Port> = running.interfaces().filter_map(Interface::port).collect();
            running.out.actions.extend(ports.into_iter().map(|port| Action::Carrier { port, up: true }));
        });
    }

    /// One event: the kernel does its part, then every program that has become runnable does its own.
    fn event(&mut self, now: Time, out: &mut Outbox, handle: impl FnOnce(&mut Kernel)) {
        {
            let mut kernel = self.kernel.borrow_mut();
            kernel.begin(now, out);
            handle(&mut kernel);
        }
        self.processes.run(&self.kernel);
        self.console.advance(&self.kernel, &mut self.processes);
        self.kernel.borrow_mut().finish(out);
    }
}

impl Drop for Host {
    /// Where there is no kernel any more, programs that go close no sockets: nobody would see it, and a million take long.
    fn drop(&mut self) {
        drop(self.kernel.take());
    }
}

impl Node for Host {
    type Input = Input;

    fn handle_frame(&mut self, port: Port, frame: Frame, now: Time, out: &mut Outbox) {
        self.event(now, out, |kernel| kernel.receive(port, frame));
    }

    fn handle_carrier(&mut self, port: Port, up: bool, now: Time, out: &mut Outbox) {
        self.event(now, out, |kernel| kernel.carrier_changed(port, up));
    }

    fn handle_input(&mut self, input: Input, now: Time, out: &mut Outbox) {
        match input {
            Input::Run(job) if self.is_off => self.console.miss(&job),
            Input::Run(job) => {
                self.console.enqueue(job);
                self.event(now, out, |_| ());
            }
            Input::Crash => self.crash(now, out),
            Input::Boot(kernel, jobs) => self.boot(*kernel, jobs, now, out),
            Input::Slow(delay, jitter) => self.event(now, out, |kernel| kernel.set_lag(delay, jitter)),
        }
    }

    fn handle_wake(&mut self, now: Time, out: &mut Outbox) {
        self.event(now, out, Kernel::expire_timers);
    }

    fn next_wake(&self) -> Option<Time> {
        self.kernel.borrow().next_deadline()
    }
}
