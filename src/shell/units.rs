//! systemctl, and crash: the lab's own switch.

use super::{Io, Process, keepalived};
use crate::host::process::Task;
use crate::host::{IfIndex, Kernel, Pid};

const SIGHUP: i32 = 1;
const SIGKILL: i32 = 9;

/// The only unit of a node.
const UNIT: &str = "keepalived.service";

/// What is there while the unit is enabled, and what it points to.
const LINK: &str = "/etc/systemd/system/multi-user.target.wants/keepalived.service";
const UNIT_FILE: &str = "/lib/systemd/system/keepalived.service";

/// systemctl start|stop|restart|reload|status|is-active|enable|disable|is-enabled UNIT, systemctl default
pub(super) fn systemctl(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let words: Vec<&str> = args.iter().skip(1).map(String::as_str).filter(|arg| !arg.starts_with('-')).collect();
        let (verb, units) = match words[..] {
            [] | ["daemon-reload"] => return 0,
            // What a boot ends with: everything that is enabled runs.
            ["default"] if is_enabled(&process) && running(&process).is_none() => return start(&process).await,
            ["default"] => return 0,
            [verb, ref units @ ..] => (verb, units),
        };
        let mut status = 0;
        for unit in units {
            let unit = if unit.contains('.') { (*unit).to_owned() } else { format!("{unit}.service") };
            let result = if unit == UNIT { known(&process, verb).await } else { unknown(&process, verb, &unit) };
            match result {
                Some(failed) if failed != 0 => status = failed,
                Some(_) => {}
                None => {
                    process.complain(&format!("Unknown command verb {verb}.\n"));
                    return 1;
                }
            }
        }
        status
    })
}

/// What systemd says about a unit that is not there; none if it does not know the verb.
fn unknown(process: &Process, verb: &str, unit: &str) -> Option<i32> {
    let (text, status) = match verb {
        "start" | "restart" | "reload" => (format!("Failed to {verb} {unit}: Unit {unit} not found.\n"), 5),
        "stop" => (format!("Failed to stop {unit}: Unit {unit} not loaded.\n"), 5),
        "status" => (format!("Unit {unit} could not be found.\n"), 4),
        "is-active" => {
            process.print("inactive\n");
            return Some(4);
        }
        "is-enabled" => (format!("Failed to get unit file state for {unit}: No such file or directory\n"), 1),
        "enable" | "disable" | "mask" => (format!("Failed to {verb} unit: Unit file {unit} does not exist.\n"), 1),
        _ => return None,
    };
    process.complain(&text);
    Some(status)
}

fn running(process: &Process) -> Option<Pid> {
    process.sys.with(|kernel| kernel.scheduler.processes().find(|(_, name)| *name == "keepalived").map(|(pid, _)| pid))
}

/// What becomes of keepalived; none if systemd does not know the verb.
async fn known(process: &Process, verb: &str) -> Option<i32> {
    let pid = running(process);
    match verb {
        "start" if pid.is_some() => Some(0),
        "start" => Some(start(process).await),
        "stop" => {
            stop(process, pid).await;
            Some(0)
        }
        "restart" => {
            stop(process, pid).await;
            Some(start(process).await)
        }
        "reload" => Some(reload(process, pid)),
        "status" => Some(status(process, pid)),
        "is-active" => {
            process.print(if pid.is_some() { "active\n" } else { "inactive\n" });
            Some(if pid.is_some() { 0 } else { 3 })
        }
        "enable" | "disable" => {
            set_enabled(process, verb == "enable");
            Some(0)
        }
        "is-enabled" => {
            let is_enabled = is_enabled(process);
            process.print(if is_enabled { "enabled\n" } else { "disabled\n" });
            Some(i32::from(!is_enabled))
        }
        "mask" => Some(0),
        _ => None,
    }
}

fn is_enabled(process: &Process) -> bool {
    process.sys.with(|kernel| kernel.kind_of_path(LINK).is_some())
}

/// The link is a plain file here, which holds the name of what it points to.
fn set_enabled(process: &Process, enabled: bool) {
    if is_enabled(process) == enabled {
        return;
    }
    process.sys.with(|kernel| {
        if enabled {
            kernel.files().install(LINK, UNIT_FILE.as_bytes());
        } else {
            // It was just there.
            let _ = kernel.files().remove(LINK);
        }
    });
    process.complain(&match enabled {
        true => format!("Created symlink {LINK} → {UNIT_FILE}.\n"),
        false => format!("Removed \"{LINK}\".\n"),
    });
}

async fn start(process: &Process) -> i32 {
    if keepalived::start(process).await {
        return 0;
    }
    process.complain(&format!(
        "Job for {UNIT} failed because the control process exited with error code.\n\
         See \"systemctl status {UNIT}\" and \"journalctl -xeu {UNIT}\" for details.\n"
    ));
    1
}

/// Waits until it has gone.
async fn stop(process: &Process, pid: Option<Pid>) {
    let Some(pid) = pid else { return };
    process.sys.with(|kernel| kernel.scheduler.kill(pid, keepalived::SIGTERM));
    while process.sys.with(|kernel| kernel.scheduler.is_alive(pid)) {
        process.sys.wait(&[crate::host::process::WaitOn::Exit(pid)], None).await;
    }
}

fn reload(process: &Process, pid: Option<Pid>) -> i32 {
    let Some(pid) = pid else {
        process.complain(&format!("{UNIT} is not active, cannot reload.\n"));
        return 1;
    };
    process.sys.with(|kernel| kernel.scheduler.kill(pid, SIGHUP));
    0
}

fn status(process: &Process, pid: Option<Pid>) -> i32 {
    let is_enabled = is_enabled(process);
    let text = process.sys.with(|kernel| keepalived::status(kernel, pid, is_enabled));
    process.print(&text);
    if pid.is_some() { 0 } else { 3 }
}

/// crash: as if the node lost power, for everybody else: keepalived dies at once, the links go down. Its own memory stays as
/// it was; the fault of the timeline takes that, too.
pub(super) fn crash(kernel: &mut Kernel, _: &[String], _: &mut Io) -> i32 {
    kernel.scheduler.kill_by_name("keepalived", SIGKILL);
    let cards = kernel.interfaces().filter(|interface| interface.name.starts_with("eth"));
    let cards: Vec<IfIndex> = cards.map(|interface| interface.index).collect();
    for card in cards {
        kernel.set_interface_up(card, false).expect("the interface was just listed");
    }
    0
}
