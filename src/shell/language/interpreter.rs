//! A shell at work: what it remembers, what it is connected to, how much it may still do.

use std::cell::Cell;
use std::rc::Rc;

use super::state::{ReadOnly, State};
use crate::host::{Output, Pid, Process, Stdin, Sys};
use crate::time::Time;

/// So many commands may run without any time passing. Then the script is in a loop that would never end.
const STEPS: u32 = 100_000;

/// Functions, scripts, compound commands and substitutions within each other at most: each is a future within another.
const MAX_DEPTH: usize = 100;

/// Bytes of text that count as much as one command.
const BYTES_A_STEP: usize = 256;

/// A new process counts as much as so many commands.
const STEPS_A_PROCESS: usize = 20;

/// The exit status of what was stopped, as if by SIGKILL.
const STOPPED: i32 = 137;

/// How a command ends, besides its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next one follows.
    Next,
    /// So many loops end.
    Break(usize),
    /// So many loops but one end, and that one goes on.
    Continue(usize),
    /// The function or sourced script ends.
    Return,
    /// The shell ends.
    Exit,
}

/// Why a word could not be expanded or a command not be started; the message has been printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The command fails.
    Command,
    /// The script ends.
    Script,
}

/// How much a script has done since time last passed.
#[derive(Debug, Default)]
pub(super) struct Budget {
    since: Cell<Time>,
    steps: Cell<u32>,
}

/// A shell, or a subshell: a clone that nobody hears of again.
#[derive(Clone)]
pub(super) struct Shell {
    pub state: State,
    pub sys: Sys,
    pub stdin: Stdin,
    pub out: Output,
    pub err: Output,
    /// The line being run, from 1.
    pub line: usize,
    /// Loops around the command being run.
    pub loops: usize,
    /// Conditions around the command being run: in them, failure does not end a script with `set -e`.
    pub conditions: usize,
    /// Whether the process exists for one simple command only, which takes its place.
    pub single: bool,
    /// Functions around the command being run, and scripts that are sourced.
    pub functions: usize,
    pub sourced: usize,
    /// Command substitutions so far: a command without words has the status of its last one.
    pub substitutions: usize,
    /// `$$`
    pub pid: Pid,
    pub depth: usize,
    pub budget: Rc<Budget>,
    /// When `SECONDS` was 0.
    pub started: Time,
}

impl Shell {
    pub fn new(process: Process, state: State) -> Shell {
        let (started, pid) = (process.sys.now(), process.sys.pid());
        let Process { sys, stdin, out, err, .. } = process;
        Shell {
            state,
            sys,
            stdin,
            out,
            err,
            line: 1,
            loops: 0,
            conditions: 0,
            single: false,
            functions: 0,
            sourced: 0,
            substitutions: 0,
            pid,
            depth: 0,
            budget: Rc::default(),
            started,
        }
    }

    /// A shell with these connections, for a program or a thread of its own.
    pub fn inside(&self, process: Process, state: State) -> Shell {
        let mut shell = Shell::new(process, state);
        shell.depth = self.depth;
        shell.budget = Rc::clone(&self.budget);
        shell
    }

    /// A copy to run something in that must leave nothing behind.
    pub fn subshell(&self) -> Shell {
        let mut shell = Shell { loops: 0, single: false, ..self.clone() };
        shell.state.exit_trap = None;
        shell
    }

    /// What a program is started with.
    pub fn process(&self, sys: Sys) -> Process {
        Process {
            sys,
            stdin: self.stdin.clone(),
            out: self.out.clone(),
            err: self.err.clone(),
            cwd: Rc::clone(&self.state.cwd),
        }
    }

    /// Writes to standard error. If that cannot be written to, nobody can be told.
    pub fn print_error(&self, text: &str) {
        let _ = self.sys.with(|kernel| self.err.write(kernel, text));
    }

    /// An error message of the shell itself.
    pub fn complain(&self, message: &str) {
        self.print_error(&format!("{}: line {}: {message}\n", self.state.name, self.line));
    }

    /// A message, and the failure of the command.
    pub fn fail<T>(&mut self, message: &str) -> Result<T, Failure> {
        self.complain(message);
        self.state.status = 1;
        Err(Failure::Command)
    }

    /// Assigning to a `readonly` variable ends a command.
    pub fn allow(&mut self, name: &str, assigned: Result<(), ReadOnly>) -> Result<(), Failure> {
        match assigned {
            Ok(()) => Ok(()),
            Err(ReadOnly) => self.fail(&format!("{name}: readonly variable")),
        }
    }

    /// Counts a command.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.spend(0)
    }

    /// Counts a command that needs a process.
    pub fn step_for_process(&mut self) -> Result<(), Failure> {
        self.spend(STEPS_A_PROCESS * BYTES_A_STEP)
    }

    /// Counts a command that handles so many bytes.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Failure> {
        let now = self.sys.now();
        if self.budget.since.replace(now) != now {
            self.budget.steps.set(0);
        }
        let cost = u32::try_from(1 + bytes / BYTES_A_STEP).unwrap_or(u32::MAX);
        let before = self.budget.steps.get();
        let steps = before.saturating_add(cost);
        self.budget.steps.set(steps);
        if steps <= STEPS {
            return Ok(());
        }
        if before <= STEPS {
            self.complain(&format!("stopped after {STEPS} commands without any time passing: a loop that never ends?"));
        }
        self.state.status = STOPPED;
        Err(Failure::Script)
    }

    /// Goes a level deeper, which [`Shell::leave`] takes back.
    pub fn enter(&mut self) -> Result<(), Failure> {
        if self.depth >= MAX_DEPTH {
            self.complain(&format!("maximum nesting level exceeded ({MAX_DEPTH})"));
            self.state.status = 1;
            return Err(Failure::Script);
        }
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }
}

impl Failure {
    /// What comes after the command that has failed so.
    pub fn flow(self) -> Flow {
        match self {
            Failure::Command => Flow::Next,
            Failure::Script => Flow::Exit,
        }
    }
}
