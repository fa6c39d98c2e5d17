//! Why a node has sent a frame.

use super::{Journeys, Sent};
use crate::ids::{FrameId, JobId, NodeId};
use crate::reason::{KernelTimer, Maker, Process};
use crate::time::Time;

/// Where a frame comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// The node passes on what came in this frame.
    Passed(FrameId),
    /// The node has made what is in it.
    Made {
        /// Who has, there.
        by: Author<'a>,
        /// The frame that came in and led to it: what it answers, most often.
        because: Option<FrameId>,
        /// The frame that became of the node's own packet that made it necessary: what has waited for the answer to this
        /// question.
        for_sake_of: Option<FrameId>,
    },
}

/// Who has made a packet.
#[derive(Clone, Copy, Debug)]
pub enum Author<'a> {
    /// The kernel.
    Kernel,
    /// One of the kernel's timers.
    Timer(KernelTimer),
    /// A program.
    Program {
        /// Its process number.
        pid: u32,
        /// Its name.
        name: &'a str,
        /// The command line that has started it.
        command: Option<Command<'a>>,
    },
}

/// A command line that was typed at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Where.
    pub node: NodeId,
    /// Which of those typed there.
    pub job: JobId,
    /// What was typed.
    pub line: &'a str,
}

/// A process and the name that it has had from a moment on.
pub(super) type Named<'a> = (Time, &'a Process);

impl<'a> Author<'a> {
    /// `kernel`, `timer`, or the program's name.
    pub const fn name(&self) -> &'a str {
        match self {
            Author::Kernel => "kernel",
            Author::Timer(_) => "timer",
            Author::Program { name, .. } => name,
        }
    }
}

impl<'a> Journeys<'a> {
    pub(super) fn name_process(&mut self, at: Time, node: NodeId, process: &'a Process) {
        self.processes.entry((node, process.pid)).or_default().push((at, process));
    }

    /// Why a frame was sent.
    pub fn source(&self, id: FrameId) -> Option<Source<'a>> {
        let Sent { at, node, cause, made, .. } = self.frame(id)?;
        let Some(made) = made else { return cause.map(Source::Passed) };
        let for_sake_of = made.for_sake_of.and_then(|packet| self.of_packet.get(&packet)?.first().copied());
        Some(Source::Made { by: self.author(at, node, made.by), because: cause, for_sake_of })
    }

    /// Who that is, by name.
    pub fn author(&self, at: Time, node: NodeId, maker: Maker) -> Author<'a> {
        match maker {
            Maker::Kernel => Author::Kernel,
            Maker::Timer(timer) => Author::Timer(timer),
            Maker::Program(pid) => {
                let named = self.processes.get(&(node, pid)).into_iter().flatten();
                let process = named.take_while(|(since, _)| *since <= at).last().map(|(_, process)| *process);
                let name = process.map_or("?", |process| &process.name);
                Author::Program { pid, name, command: process.and_then(|process| self.command(node, process.job)) }
            }
        }
    }

    /// What was typed.
    pub fn command(&self, node: NodeId, job: JobId) -> Option<Command<'a>> {
        self.commands.get(&(node, job)).map(|&line| Command { node, job, line })
    }
}
