//! dmesg of util-linux: what the kernel has written to its log.

use std::fmt::Write;

use crate::host::{Io, Kernel};
use crate::time::Time;

/// dmesg
pub(super) fn dmesg(kernel: &mut Kernel, _args: &[String], io: &mut Io) -> i32 {
    for (at, line) in kernel.messages() {
        let seconds = at.since(Time::ZERO).as_nanos() / 1000;
        let _ = writeln!(io.out, "[{:>5}.{:06}] {line}", seconds / 1_000_000, seconds % 1_000_000);
    }
    0
}
