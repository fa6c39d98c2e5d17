//! A host with nobody around it, whose console tests can type at.

use crate::host::{Address, Host, Input, Kernel, Scope};
use crate::ids::{Port, Terminal};
use crate::shell::Session;
use crate::sim::{Node, Outbox};
use crate::time::Time;
use crate::wire::MacAddr;

/// So many wake-ups are enough for any test.
const MAX_WAKES: usize = 100_000;

pub(crate) struct Console {
    pub host: Host,
    session: Session,
    now: Time,
    out: Outbox,
}

impl Console {
    pub fn new() -> Console {
        let kernel = Kernel::new("box", 1);
        let out = Outbox { tracing: true, ..Outbox::default() };
        Console { host: Host::new(kernel), session: Session::default(), now: Time::ZERO, out }
    }

    /// One with the address 10.0.0.1/24 at eth0, where nobody answers.
    pub fn with_cable() -> Console {
        let console = Console::new();
        console.host.with_kernel(|kernel| {
            let eth0 = kernel.add_interface("eth0", MacAddr([2, 0, 0, 0, 1, 0]), 1500, Port(0));
            kernel.set_interface_up(eth0, true).expect("eth0 was just added");
            let address = Address {
                ip: [10, 0, 0, 1].into(),
                prefix_len: 24,
                broadcast: None,
                scope: Scope::Global,
                label: "eth0".to_owned(),
                secondary: false,
                no_prefix_route: false,
            };
            kernel.add_address(eth0, address).expect("eth0 has no address yet");
        });
        console
    }

    /// Types a line and waits for its end: what it printed, errors last, and its exit status unless that is 0.
    pub fn type_line(&mut self, line: &str) -> String {
        let job = self.session.job(line);
        let background = job.background;
        self.host.handle_input(Input::Run(job), self.now, &mut self.out);
        for _ in 0..MAX_WAKES {
            if background || !self.host.is_busy() {
                break;
            }
            let Some(at) = self.host.next_wake() else { break };
            self.now = self.now.max(at);
            self.host.handle_wake(self.now, &mut self.out);
        }
        let result = self.host.jobs(Terminal::FIRST).last().expect("a job was just handed in").clone();
        let printed = [result.out.take(), result.err.take()].concat();
        let text = String::from_utf8_lossy(&printed).into_owned();
        match result.status {
            Some(0) => text,
            Some(status) => format!("{text}[{status}]\n"),
            None => format!("{text}[running]\n"),
        }
    }

    /// Types lines; what comes of each, behind it.
    pub fn converse(&mut self, lines: &[&str]) -> String {
        lines.iter().map(|line| format!("$ {line}\n{}", self.type_line(line))).collect()
    }

    /// What has been noted since the last call.
    pub fn notes(&mut self) -> Vec<String> {
        let notes = self.out.actions.drain(..).filter_map(|action| match action {
            crate::sim::Action::Note(_, note) => Some(note.to_string()),
            _ => None,
        });
        notes.collect()
    }

    /// How long it has been switched on, in seconds.
    pub fn seconds(&self) -> f64 {
        self.now.since(Time::ZERO).as_secs_f64()
    }
}
