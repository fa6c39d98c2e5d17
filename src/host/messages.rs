//! The kernel's log: what dmesg shows.

use std::collections::VecDeque;

use super::kernel::Kernel;
use crate::time::Time;

/// How many messages are kept; the oldest go first.
const KEPT: usize = 4096;

/// The messages of a host's kernel.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    lines: VecDeque<(Time, String)>,
}

impl Messages {
    /// printk
    pub(super) fn push(&mut self, now: Time, line: String) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back((now, line));
    }
}

impl Kernel {
    /// The messages of the kernel with their times, the oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &(Time, String)> {
        self.messages.lines.iter()
    }
}
