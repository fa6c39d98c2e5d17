//! Scripts that keepalived runs in the node's shell.

use super::Process;
use crate::host::Output;
use crate::keepalived::vrrp::Outcome;
use crate::shell::language;
use crate::time::Time;

fn silent(process: &Process) -> Process {
    Process { out: Output::Null, err: Output::Null, ..process.clone() }
}

/// Runs a script and leaves it alone.
pub fn launch(process: &Process, line: String) {
    let program = silent(process);
    process.sys.spawn_thread(move |sys| language::script(program.thread(sys), line));
}

/// Runs a script, and says how it has ended. One that takes too long is killed.
pub async fn run(process: &Process, line: &str, until: Time) -> Outcome {
    let name = line.split_whitespace().next().and_then(|path| path.rsplit('/').next()).unwrap_or("sh").to_owned();
    let (program, line) = (silent(process), line.to_owned());
    let pid = process.sys.spawn(&name, move |sys| language::script(program.thread(sys), line));
    match process.sys.join_until(pid, Some(until)).await {
        Some(status) => Outcome::Exited(status),
        None => {
            process.sys.with(|kernel| kernel.scheduler.kill(pid, super::SIGTERM));
            Outcome::TimedOut
        }
    }
}
