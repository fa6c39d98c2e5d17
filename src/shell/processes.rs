//! Commands about processes: `pkill`.

use super::Io;
use crate::host::Kernel;

const SIGTERM: i32 = 15;

/// pkill NAME: ends this node's processes of that name; the lab's own, which never complains.
pub(super) fn pkill(kernel: &mut Kernel, args: &[String], _: &mut Io) -> i32 {
    for name in args.iter().skip(1).filter(|arg| !arg.starts_with('-')) {
        kernel.scheduler.kill_by_name(name, SIGTERM);
    }
    0
}
