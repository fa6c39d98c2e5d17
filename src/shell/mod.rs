//! The commands that a node understands, one file a command, and the shell around them.

mod ab;
mod arping;
mod arptables;
mod basic;
mod conntrack;
mod curl;
mod dmesg;
mod files;
mod getopt;
mod hostname;
mod ifconfig;
mod ip;
mod iptables;
mod ipvsadm;
mod keepalived;
mod language;
mod modprobe;
mod nc;
mod netstat;
mod nstat;
mod ping;
mod processes;
mod route;
mod sed;
mod services;
mod ss;
mod sysctl;
mod tables;
mod tcpdump;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod units;

use crate::apps;
use crate::host::{Kernel, process::Task};

pub use crate::host::{Io, Process};
pub use keepalived::LOG as KEEPALIVED_LOG;
pub use language::Session;
pub use tables::{Table, tables};

use basic::seconds;

/// A program that does its work at once: what it changes, its arguments, what it reads and writes; its exit status.
pub type Instant = fn(&mut Kernel, &[String], &mut Io) -> i32;

/// A program that a node can run.
#[derive(Clone, Copy)]
pub enum Command {
    /// Ends in the moment in which it begins: looks at the kernel or changes it.
    Instant(Instant),
    /// As [`Command::Instant`], but begins only when all of its standard input has come.
    Filter(Instant),
    /// Takes its time.
    Running(fn(Process, Vec<String>) -> Task),
}

/// The commands by name.
pub fn find(name: &str) -> Option<Command> {
    let (_, command) = COMMANDS.iter().find(|(known, _)| *known == name)?;
    Some(*command)
}

/// All commands, in the order of the alphabet.
pub const COMMANDS: &[(&str, Command)] = &[
    ("ab", Command::Running(ab::ab)),
    ("arping", Command::Running(arping::arping)),
    ("arptables", Command::Instant(arptables::arptables)),
    ("arptables-save", Command::Instant(arptables::save)),
    ("basename", Command::Instant(basic::basename)),
    ("cat", Command::Running(text::cat)),
    ("chmod", Command::Instant(files::chmod)),
    ("conntrack", Command::Instant(conntrack::conntrack)),
    ("cp", Command::Instant(files::cp)),
    ("crash", Command::Instant(units::crash)),
    ("curl", Command::Running(curl::curl)),
    ("cut", Command::Filter(text::cut)),
    ("date", Command::Instant(basic::date)),
    ("dirname", Command::Instant(basic::dirname)),
    ("dmesg", Command::Instant(dmesg::dmesg)),
    ("echo", Command::Instant(text::echo)),
    ("egrep", Command::Filter(text::grep)),
    ("false", Command::Instant(|_, _, _| 1)),
    ("ftpd", Command::Running(apps::ftpd)),
    ("get", Command::Running(apps::get)),
    ("grep", Command::Filter(text::grep)),
    ("head", Command::Running(text::head)),
    ("hold", Command::Running(apps::hold)),
    ("hostname", Command::Instant(hostname::hostname)),
    ("httpd", Command::Running(apps::httpd)),
    ("httpsd", Command::Running(apps::httpsd)),
    ("id", Command::Instant(basic::id)),
    ("ifconfig", Command::Instant(ifconfig::ifconfig)),
    ("ip", Command::Instant(ip::ip)),
    ("iptables", Command::Instant(iptables::iptables)),
    ("iptables-restore", Command::Filter(iptables::restore)),
    ("iptables-save", Command::Instant(iptables::save)),
    ("ipvsadm", Command::Filter(ipvsadm::ipvsadm)),
    ("ipvsadm-restore", Command::Filter(ipvsadm::restore)),
    ("ipvsadm-save", Command::Instant(ipvsadm::save)),
    ("keepalived", Command::Running(keepalived::keepalived)),
    ("killall", Command::Instant(processes::killall)),
    ("load", Command::Running(apps::load)),
    ("ls", Command::Instant(files::ls)),
    ("lsmod", Command::Instant(modprobe::lsmod)),
    ("mkdir", Command::Instant(files::mkdir)),
    ("modprobe", Command::Instant(modprobe::modprobe)),
    ("mv", Command::Instant(files::mv)),
    ("nc", Command::Running(nc::nc)),
    ("netstat", Command::Instant(netstat::netstat)),
    ("nstat", Command::Instant(nstat::nstat)),
    ("pgrep", Command::Instant(processes::pgrep)),
    ("pidof", Command::Instant(processes::pidof)),
    ("ping", Command::Running(ping::ping)),
    ("pkill", Command::Instant(processes::pkill)),
    ("printf", Command::Instant(text::printf)),
    ("ps", Command::Instant(processes::ps)),
    ("put", Command::Running(apps::put)),
    ("rm", Command::Instant(files::rm)),
    ("rmdir", Command::Instant(files::rmdir)),
    ("rmmod", Command::Instant(modprobe::rmmod)),
    ("route", Command::Instant(route::route)),
    ("sed", Command::Filter(sed::sed)),
    ("seq", Command::Instant(text::seq)),
    ("sink", Command::Running(apps::sink)),
    ("sleep", Command::Running(basic::sleep)),
    ("sort", Command::Filter(text::sort)),
    ("ss", Command::Instant(ss::ss)),
    ("sysctl", Command::Instant(sysctl::sysctl)),
    ("systemctl", Command::Running(units::systemctl)),
    ("tail", Command::Filter(text::tail)),
    ("tcpdump", Command::Running(tcpdump::tcpdump)),
    ("tee", Command::Running(text::tee)),
    ("touch", Command::Instant(files::touch)),
    ("tr", Command::Filter(text::tr)),
    ("true", Command::Instant(|_, _, _| 0)),
    ("udpecho", Command::Running(apps::udpecho)),
    ("udpsend", Command::Running(apps::udpsend)),
    ("uname", Command::Instant(basic::uname)),
    ("uniq", Command::Filter(text::uniq)),
    ("wc", Command::Filter(text::wc)),
    ("whoami", Command::Instant(basic::whoami)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_in_order_and_once() {
        assert!(COMMANDS.is_sorted_by(|(left, _), (right, _)| left < right));
    }
}
