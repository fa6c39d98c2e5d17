//! What a program gets when it is started.

use std::rc::Rc;

use super::kernel::Kernel;
use super::process::Sys;
use super::socket::Errno;
use super::stdio::{Output, Stdin};

/// The signal of a program that writes to a pipe which nobody reads (SIGPIPE).
pub const SIGPIPE: i32 = 13;

/// What an instant command reads and writes. Arguments are as in C: the first is the command's own name.
#[derive(Debug, Default)]
pub struct Io {
    /// Standard input.
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
        self.sys.with(|kernel| self.write(kernel, &self.out, text));
    }

    /// Writes to standard error.
    pub fn complain(&self, text: &str) {
        self.sys.with(|kernel| self.write(kernel, &self.err, text));
    }

    fn write(&self, kernel: &mut Kernel, to: &Output, text: &str) {
        // Programs seldom look whether their output could be written; a pipe without readers ends them.
        if to.write(kernel, text) == Err(Errno::BrokenPipe) {
            kernel.scheduler.kill(self.sys.pid(), SIGPIPE);
        }
    }

    /// The same connections, for a thread of the program.
    pub fn thread(&self, sys: Sys) -> Process {
        Process { sys, ..self.clone() }
    }
}
