//! What a machine knows at a moment, as the commands that ask for it would print it.

use crate::host::{Host, Io, Kernel};
use crate::time::Time;

use super::{Command, KEEPALIVED_LOG, find};

/// A table of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it lists.
    pub title: &'static str,
    /// The command that prints it on a node.
    pub command: &'static str,
    /// What that prints.
    pub text: String,
}

/// The tables that there are, and how many lines of each are headings.
const TABLES: &[(&str, &str, usize)] = &[
    ("addresses", "ip -br addr", 0),
    ("neighbours", "ip neigh", 0),
    ("routes", "ip route", 0),
    ("virtual services", "ipvsadm -ln", 3),
    ("balanced connections", "ipvsadm -lnc", 2),
    ("sockets", "ss -tuan", 1),
    ("tracked connections", "conntrack -L", 0),
];

/// The tables of a machine that have anything in them, as they are now. Asking leaves the machine as it was.
pub fn tables(host: &Host, now: Time) -> Vec<Table> {
    host.with_kernel(|kernel| {
        // A machine's own clock stands at its last event.
        let then = std::mem::replace(&mut kernel.now, now);
        let mut tables: Vec<_> = TABLES.iter().filter_map(|table| ask(kernel, table)).collect();
        tables.extend(routers(kernel));
        kernel.now = then;
        tables
    })
}

fn ask(kernel: &mut Kernel, &(title, command, headings): &(&'static str, &'static str, usize)) -> Option<Table> {
    let args: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let (Command::Instant(run) | Command::Filter(run)) = find(&args[0])? else { return None };
    let mut io = Io { cwd: "/".into(), ..Io::default() };
    run(kernel, &args, &mut io);
    (io.out.lines().count() > headings).then_some(Table { title, command, text: io.out })
}

/// The state of each VRRP router: what keepalived has logged last about it.
fn routers(kernel: &mut Kernel) -> Option<Table> {
    let log = String::from_utf8(kernel.read_path(KEEPALIVED_LOG).ok()?).ok()?;
    let mut states: Vec<(&str, &str)> = Vec::new();
    for line in log.lines() {
        if line.contains(": Stopped Keepalived") {
            states.clear();
        }
        let Some((name, state)) = line.split_once(": (").and_then(|(_, rest)| rest.split_once(") Entering ")) else {
            continue;
        };
        let state = state.split(' ').next().unwrap_or_default();
        match states.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = state,
            None => states.push((name, state)),
        }
    }
    let text: String = states.iter().map(|(name, state)| format!("{name} {state}\n")).collect();
    let command = "grep Entering /var/log/keepalived.log";
    (!text.is_empty()).then_some(Table { title: "VRRP routers", command, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::testing::Console;

    #[test]
    fn tables_have_what_commands_print() {
        let mut console = Console::with_cable();
        for line in [
            "ipvsadm -A -t 10.0.0.9:80 -s rr",
            "mkdir -p /var/log",
            "echo 'Sat: (VI_1) Entering BACKUP STATE (init)' >> /var/log/keepalived.log",
            "echo 'Sat: (VI_1) Entering MASTER STATE' >> /var/log/keepalived.log",
        ] {
            console.type_line(line);
        }
        let tables = tables(&console.host, Time::from_nanos(5));
        let text = |title| tables.iter().find(|table| table.title == title).map(|table| table.text.as_str());
        assert!(text("addresses").is_some_and(|text| text.contains("10.0.0.1/24")), "{tables:#?}");
        assert!(text("virtual services").is_some_and(|text| text.contains("TCP  10.0.0.9:80 rr")), "{tables:#?}");
        assert_eq!(text("VRRP routers"), Some("VI_1 MASTER\n"));
        assert_eq!(text("balanced connections"), None, "an empty table is none");
    }
}
