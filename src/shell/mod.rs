//! The commands that a node understands, one file a command, and the shell around them.

use crate::host::{Kernel, Output, Sys, process::Task};

/// A program that a node can run.
#[derive(Clone, Copy)]
pub enum Command {
    /// Ends in the moment in which it begins: looks at the kernel or changes it.
    Instant(fn(&mut Kernel, &[String], &mut Io) -> i32),
    /// Takes its time.
    Running(fn(Process, Vec<String>) -> Task),
}

/// What an instant command reads and writes. Arguments are as in C: the first is the command's own name.
#[derive(Debug, Default)]
pub struct Io {
    /// All of standard input.
    pub stdin: String,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A running program's connections to the world.
#[derive(Clone)]
pub struct Process {
    /// System calls.
    pub sys: Sys,
    /// Standard output.
    pub out: Output,
    /// Standard error.
    pub err: Output,
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

/// The commands by name.
pub fn find(name: &str) -> Option<Command> {
    let (_, command) = COMMANDS.iter().find(|(known, _)| *known == name)?;
    Some(*command)
}

/// All commands, in the order of the alphabet.
pub const COMMANDS: &[(&str, Command)] = &[("true", Command::Instant(|_, _, _| 0))];
