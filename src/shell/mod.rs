//! The commands that a node understands, one file a command, and the shell around them.

mod arping;
mod basic;
mod getopt;
mod iptables;
mod language;
mod ping;
mod processes;
mod services;
mod tcpdump;

use crate::apps;
use crate::host::{Job, Kernel, process::Task};

pub use crate::host::{Io, Process};
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
    ("arping", Command::Running(arping::arping)),
    ("echo", Command::Instant(basic::echo)),
    ("false", Command::Instant(|_, _, _| 1)),
    ("get", Command::Running(apps::get)),
    ("hold", Command::Running(apps::hold)),
    ("httpd", Command::Running(apps::httpd)),
    ("iptables", Command::Instant(iptables::iptables)),
    ("iptables-save", Command::Instant(iptables::save)),
    ("ping", Command::Running(ping::ping)),
    ("pkill", Command::Instant(processes::pkill)),
    ("put", Command::Running(apps::put)),
    ("sink", Command::Running(apps::sink)),
    ("sleep", Command::Running(basic::sleep)),
    ("tcpdump", Command::Running(tcpdump::tcpdump)),
    ("true", Command::Instant(|_, _, _| 0)),
    ("udpecho", Command::Running(apps::udpecho)),
    ("udpsend", Command::Running(apps::udpsend)),
];
