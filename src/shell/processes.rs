//! Commands about processes: pkill, killall, pgrep, pidof, ps.

use super::Io;
use crate::host::{Kernel, Pid};

const SIGTERM: i32 = 15;

/// pkill NAME: ends this node's processes of that name; the lab's own, which never complains.
pub(super) fn pkill(kernel: &mut Kernel, args: &[String], _: &mut Io) -> i32 {
    let signal = signal(args);
    for name in names(args) {
        kernel.scheduler.kill_by_name(name, signal);
    }
    0
}

/// killall NAME...
pub(super) fn killall(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let signal = signal(args);
    let mut status = 0;
    for name in names(args) {
        if kernel.scheduler.kill_by_name(name, signal) == 0 {
            io.err.push_str(&format!("{name}: no process found\n"));
            status = 1;
        }
    }
    status
}

/// pgrep \[-l\] \[-x\] NAME: the numbers of the processes whose names contain it.
pub(super) fn pgrep(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let wanted: Vec<&str> = names(args).collect();
    for (pid, name) in kernel.scheduler.processes() {
        if wanted.iter().any(|wanted| if has("-x") { *wanted == name } else { name.contains(wanted) }) {
            let shown = if has("-l") { format!("{} {name}\n", pid.0) } else { format!("{}\n", pid.0) };
            io.out.push_str(&shown);
        }
    }
    i32::from(io.out.is_empty())
}

/// pidof NAME: the numbers of the processes of that name, newest first.
pub(super) fn pidof(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let wanted: Vec<&str> = names(args).collect();
    let found = kernel.scheduler.processes().filter(|(_, name)| wanted.contains(name));
    let mut pids: Vec<String> = found.map(|(pid, _)| pid.0.to_string()).collect();
    pids.reverse();
    if !pids.is_empty() {
        io.out = pids.join(" ") + "\n";
    }
    i32::from(pids.is_empty())
}

/// ps \[-e\]: all processes of the node; they have no terminals and take no time.
pub(super) fn ps(kernel: &mut Kernel, _: &[String], io: &mut Io) -> i32 {
    io.out = "    PID TTY          TIME CMD\n".to_owned();
    let processes: Vec<(Pid, &str)> = kernel.scheduler.processes().collect();
    io.out.extend(processes.iter().map(|(pid, name)| format!("{:>7} ?        00:00:00 {name}\n", pid.0)));
    0
}

fn names(args: &[String]) -> impl Iterator<Item = &str> {
    args.iter().skip(1).map(String::as_str).filter(|arg| !arg.starts_with('-'))
}

/// The signal of an option like -9 or -KILL.
fn signal(args: &[String]) -> i32 {
    let option = args.iter().skip(1).find_map(|arg| arg.strip_prefix('-'));
    option.and_then(super::language::signal_number).unwrap_or(SIGTERM)
}
