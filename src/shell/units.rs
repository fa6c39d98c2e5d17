//! systemctl, and crash: the lab's own switch.

use super::Io;
use crate::host::IfIndex;
use crate::host::Kernel;

const SIGKILL: i32 = 9;

/// systemctl start|stop|restart|reload|status|is-active|enable|disable UNIT. No node has a unit yet.
pub(super) fn systemctl(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).filter(|arg| !arg.starts_with('-')).collect();
    let (verb, units) = match words[..] {
        [] | ["daemon-reload"] => return 0,
        [verb, ref units @ ..] => (verb, units),
    };
    let mut status = 0;
    for unit in units {
        let unit = if unit.contains('.') { (*unit).to_owned() } else { format!("{unit}.service") };
        match verb {
            "start" | "restart" | "reload" => {
                io.err.push_str(&format!("Failed to {verb} {unit}: Unit {unit} not found.\n"));
                status = 5;
            }
            "stop" => {
                io.err.push_str(&format!("Failed to stop {unit}: Unit {unit} not loaded.\n"));
                status = 5;
            }
            "status" => {
                io.err.push_str(&format!("Unit {unit} could not be found.\n"));
                status = 4;
            }
            "is-active" => {
                io.out.push_str("inactive\n");
                status = 4;
            }
            "enable" | "disable" | "mask" => {
                io.err.push_str(&format!("Failed to {verb} unit: Unit file {unit} does not exist.\n"));
                status = 1;
            }
            _ => {
                io.err.push_str(&format!("Unknown command verb {verb}.\n"));
                return 1;
            }
        }
    }
    status
}

/// crash: the node loses power. Its daemons die at once, its links go down.
pub(super) fn crash(kernel: &mut Kernel, _: &[String], _: &mut Io) -> i32 {
    kernel.scheduler.kill_by_name("keepalived", SIGKILL);
    let cards = kernel.interfaces().filter(|interface| interface.name.starts_with("eth"));
    let cards: Vec<IfIndex> = cards.map(|interface| interface.index).collect();
    for card in cards {
        kernel.set_interface_up(card, false).expect("the interface was just listed");
    }
    0
}
