//! The shell language: bash's grammar as far as scripts of clusters use it, evaluated over a node's files and commands.
//! Nothing is ever run outside of the simulator.
//!
//! [`parse`] makes a syntax tree, [`run`] walks it, [`simple`] finds and starts commands, [`expand`] and the files
//! about parameters, arithmetic and patterns turn words into arguments.

mod arithmetic;
mod builtins;
mod conditional;
mod escape;
mod expand;
mod interpreter;
mod parameter;
mod parse;
mod pattern;
mod redirect;
mod run;
mod simple;
mod state;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::host::process::Task;
use crate::host::{Job, Kernel, Process};
use crate::ids::Terminal;

pub(super) use builtins::signal_number;
pub(super) use escape::{Escape, escape, unescape};
use interpreter::{Flow, Shell};
pub(super) use simple::program_at;
use state::State;

/// A future that may contain others of its kind, as commands contain commands.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The paths that a pattern describes whose last element alone is one, in order.
pub(super) fn matching(kernel: &Kernel, path: &str) -> Vec<String> {
    let Some((directory, pattern)) = path.rsplit_once('/').filter(|(_, name)| pattern::is_pattern(name)) else {
        return Vec::new();
    };
    let names = kernel.list_path(directory).into_iter().filter(|name| pattern::matches(pattern, name));
    names.map(|name| format!("{directory}/{name}")).collect()
}

/// A command line that a program runs in a shell of its own.
pub(super) fn script(process: Process, line: String) -> Task {
    Box::pin(async move {
        let mut shell = Shell::new(process, State::default());
        shell.program(&line).await;
        shell.state.status
    })
}

/// A login on a node: the variables, functions and working directory that one command line leaves to the next.
#[derive(Debug, Default)]
pub struct Session(Rc<RefCell<State>>);

impl Session {
    /// A command line to run; `&` at its end puts it into the background, where it changes nothing for later lines.
    pub fn job(&self, line: &str) -> Job {
        self.job_at(Terminal::FIRST, line)
    }

    /// The same, typed at another terminal than the first.
    pub fn job_at(&self, terminal: Terminal, line: &str) -> Job {
        let text = line.trim_end();
        let (script, background) = match text.strip_suffix('&') {
            Some(rest) if !rest.ends_with(['&', '\\', '>', '<']) => (rest.to_owned(), true),
            _ => (text.to_owned(), false),
        };
        let session = Rc::clone(&self.0);
        let start = move |sys, out, err| -> Task {
            let state = session.borrow().clone();
            let cwd = Rc::clone(&state.cwd);
            let process = Process { sys, stdin: Default::default(), out, err, cwd };
            Box::pin(async move {
                let mut shell = Shell::new(process, state);
                let flow = shell.program(&script).await;
                let status = shell.state.status;
                if !background {
                    // Whoever leaves the shell logs in anew for the next line.
                    *session.borrow_mut() = if flow == Flow::Exit { State::default() } else { shell.state };
                }
                status
            })
        };
        Job { terminal, line: line.to_owned(), background, start: Box::new(start) }
    }
}
