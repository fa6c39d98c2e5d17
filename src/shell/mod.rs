//! The commands that a node understands, one file a command, and the shell around them.

mod basic;
mod language;

use std::rc::Rc;

use crate::host::{Job, Kernel, Output, Stdin, Sys, process::Task};

pub use language::Session;

/// A program that a node can run.
#[derive(Clone, Copy)]
pub enum Command {
    /// Ends in the moment in which it begins: looks at the kernel or changes it.
    Instant(fn(&mut Kernel, &[String], &mut Io) -> i32),
    /// As [`Command::Instant`], but begins only when all of its standard input has come.
    Filter(fn(&mut Kernel, &[String], &mut Io) -> i32),
    /// Takes its time.
    Running(fn(Process, Vec<String>) -> Task),
}

/// What an instant command reads and writes. Arguments are as in C: the first is the command's own name.
#[derive(Debug, Default)]
pub struct Io {
    /// Standard input; all of it is there for a [`Command::Filter`].
    pub stdin: Stdin,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The working directory, which relative paths begin at.
    pub cwd: Rc<str>,
}

/// A running program's connections to the world.
#[derive(Clone)]
pub struct Process {
    /// System calls.
    pub sys: Sys,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub out: Output,
    /// Standard error.
    pub err: Output,
    /// The working directory, which relative paths begin at.
    pub cwd: Rc<str>,
}

impl Process {
    /// Writes to standard output.
    pub fn print(&self, text: &str) {
        self.sys.with(|kernel| self.out.write(kernel, text));
    }

    /// Writes to standard error.
    pub fn complain(&self, text: &str) {
        self.sys.with(|kernel| self.err.write(kernel, text));
    }
}

/// A command line for a shell of its own, with which it shares no variables; `&` at its end puts it into the background.
pub fn job(line: &str) -> Job {
    Session::default().job(line)
}

/// The commands by name.
pub fn find(name: &str) -> Option<Command> {
    let (_, command) = COMMANDS.iter().find(|(known, _)| *known == name)?;
    Some(*command)
}

/// All commands, in the order of the alphabet.
pub const COMMANDS: &[(&str, Command)] = &[
    ("echo", Command::Instant(basic::echo)),
    ("false", Command::Instant(|_, _, _| 1)),
    ("sleep", Command::Running(basic::sleep)),
    ("true", Command::Instant(|_, _, _| 0)),
];
