//! ipvsadm's options: what they are called, and which of them a command may have.

use super::{Failure, wrong};
use crate::ipvs::{Method, TunnelChecksum, sync::Role};
use crate::wire::proto;

/// What is to be done. The first option says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    AddService,
    EditService,
    DeleteService,
    Flush,
    List,
    AddServer,
    EditServer,
    DeleteServer,
    SetTimeouts,
    StartDaemon,
    StopDaemon,
    Restore,
    Save,
    Zero,
    Help,
    Version,
}

/// The options that commands are checked for, in the order in which ipvsadm looks at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    Numeric,
    Connection,
    Service,
    Scheduler,
    Persistent,
    Netmask,
    Server,
    Forward,
    Weight,
    UpperThreshold,
    LowerThreshold,
    McastInterface,
    Timeout,
    Daemon,
    Stats,
    Rate,
    Thresholds,
    PersistentConn,
    NoSort,
    SyncId,
    Exact,
    OnePacket,
    Engine,
    SchedFlags,
    McastGroup,
    McastPort,
    McastTtl,
    SyncMaxLen,
    TunInfo,
    TunType,
    TunPort,
    TunNoCsum,
    TunCsum,
    TunRemCsum,
}

use Opt::*;

/// All of them in that order, with their names in messages.
const NAMES: [(Opt, &str); 34] = [
    (Numeric, "numeric"),
    (Connection, "connection"),
    (Service, "service-address"),
    (Scheduler, "scheduler"),
    (Persistent, "persistent"),
    (Netmask, "netmask"),
    (Server, "real-server"),
    (Forward, "forwarding-method"),
    (Weight, "weight"),
    (UpperThreshold, "u-threshold"),
    (LowerThreshold, "l-threshold"),
    (McastInterface, "mcast-interface"),
    (Timeout, "timeout"),
    (Daemon, "daemon"),
    (Stats, "stats"),
    (Rate, "rate"),
    (Thresholds, "thresholds"),
    (PersistentConn, "persistent-conn"),
    (NoSort, "nosort"),
    (SyncId, "syncid"),
    (Exact, "exact"),
    (OnePacket, "ops"),
    (Engine, "pe"),
    (SchedFlags, "sched-flags"),
    (McastGroup, "mcast-group"),
    (McastPort, "mcast-port"),
    (McastTtl, "mcast-ttl"),
    (SyncMaxLen, "sync-maxlen"),
    (TunInfo, "tun-info"),
    (TunType, "tun-type"),
    (TunPort, "tun-port"),
    (TunNoCsum, "tun-nocsum"),
    (TunCsum, "tun-csum"),
    (TunRemCsum, "tun-remcsum"),
];

/// What an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Command(Command),
    /// The service, by address and port of this protocol.
    Service(u8),
    /// The service, by a mark.
    Mark,
    Forward(Method),
    Checksum(Opt, TunnelChecksum),
    Plain(Opt),
    Ipv6,
    /// Sorted is what listings are without it.
    Sort,
}

/// How an option takes its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// The next word, unless that is an option.
    Maybe,
}

/// An option as it is typed.
pub(super) struct Spelling {
    pub letter: Option<char>,
    pub long: &'static str,
    pub takes: Takes,
    pub tag: Tag,
}

const fn flag(letter: char, long: &'static str, tag: Tag) -> Spelling {
    Spelling { letter: Some(letter), long, takes: Takes::Nothing, tag }
}

const fn long_flag(long: &'static str, tag: Tag) -> Spelling {
    Spelling { letter: None, long, takes: Takes::Nothing, tag }
}

const fn value(letter: char, long: &'static str, tag: Tag) -> Spelling {
    Spelling { letter: Some(letter), long, takes: Takes::Value, tag }
}

const fn long_value(long: &'static str, tag: Tag) -> Spelling {
    Spelling { letter: None, long, takes: Takes::Value, tag }
}

/// How options are spelt.
pub(super) const OPTIONS: &[Spelling] = &[
    flag('A', "add-service", Tag::Command(Command::AddService)),
    flag('E', "edit-service", Tag::Command(Command::EditService)),
    flag('D', "delete-service", Tag::Command(Command::DeleteService)),
    flag('C', "clear", Tag::Command(Command::Flush)),
    flag('L', "list", Tag::Command(Command::List)),
    flag('l', "list", Tag::Command(Command::List)),
    flag('Z', "zero", Tag::Command(Command::Zero)),
    flag('a', "add-server", Tag::Command(Command::AddServer)),
    flag('e', "edit-server", Tag::Command(Command::EditServer)),
    flag('d', "delete-server", Tag::Command(Command::DeleteServer)),
    long_flag("set", Tag::Command(Command::SetTimeouts)),
    flag('h', "help", Tag::Command(Command::Help)),
    flag('v', "version", Tag::Command(Command::Version)),
    flag('R', "restore", Tag::Command(Command::Restore)),
    flag('S', "save", Tag::Command(Command::Save)),
    long_value("start-daemon", Tag::Command(Command::StartDaemon)),
    long_value("stop-daemon", Tag::Command(Command::StopDaemon)),
    value('t', "tcp-service", Tag::Service(proto::TCP)),
    value('u', "udp-service", Tag::Service(proto::UDP)),
    long_value("sctp-service", Tag::Service(proto::SCTP)),
    value('f', "fwmark-service", Tag::Mark),
    value('s', "scheduler", Tag::Plain(Scheduler)),
    Spelling { letter: Some('p'), long: "persistent", takes: Takes::Maybe, tag: Tag::Plain(Persistent) },
    value('M', "netmask", Tag::Plain(Netmask)),
    value('r', "real-server", Tag::Plain(Server)),
    flag('m', "masquerading", Tag::Forward(Method::Masquerade)),
    flag('i', "ipip", Tag::Forward(Method::Tunnel)),
    flag('g', "gatewaying", Tag::Forward(Method::Route)),
    value('w', "weight", Tag::Plain(Weight)),
    value('x', "u-threshold", Tag::Plain(UpperThreshold)),
    value('y', "l-threshold", Tag::Plain(LowerThreshold)),
    flag('n', "numeric", Tag::Plain(Numeric)),
    flag('c', "connection", Tag::Plain(Connection)),
    long_value("mcast-interface", Tag::Plain(McastInterface)),
    long_value("syncid", Tag::Plain(SyncId)),
    long_flag("timeout", Tag::Plain(Timeout)),
    long_flag("daemon", Tag::Plain(Daemon)),
    long_flag("stats", Tag::Plain(Stats)),
    long_flag("rate", Tag::Plain(Rate)),
    long_flag("thresholds", Tag::Plain(Thresholds)),
    long_flag("persistent-conn", Tag::Plain(PersistentConn)),
    long_flag("nosort", Tag::Plain(NoSort)),
    long_flag("sort", Tag::Sort),
    flag('X', "exact", Tag::Plain(Exact)),
    flag('6', "ipv6", Tag::Ipv6),
    flag('o', "ops", Tag::Plain(OnePacket)),
    long_value("pe", Tag::Plain(Engine)),
    value('b', "sched-flags", Tag::Plain(SchedFlags)),
    long_value("mcast-group", Tag::Plain(McastGroup)),
    long_value("mcast-port", Tag::Plain(McastPort)),
    long_value("mcast-ttl", Tag::Plain(McastTtl)),
    long_value("sync-maxlen", Tag::Plain(SyncMaxLen)),
    long_flag("tun-info", Tag::Plain(TunInfo)),
    long_value("tun-type", Tag::Plain(TunType)),
    long_value("tun-port", Tag::Plain(TunPort)),
    long_flag("tun-nocsum", Tag::Checksum(TunNoCsum, TunnelChecksum::None)),
    long_flag("tun-csum", Tag::Checksum(TunCsum, TunnelChecksum::Full)),
    long_flag("tun-remcsum", Tag::Checksum(TunRemCsum, TunnelChecksum::Remote)),
];

/// The options that have been given (ipvsadm's bit mask).
#[derive(Clone, Copy, Default)]
pub(super) struct Given(u64);

impl Given {
    pub fn has(self, option: Opt) -> bool {
        self.0 >> option as u32 & 1 == 1
    }

    pub fn has_any(self, options: &[Opt]) -> bool {
        options.iter().any(|option| self.has(*option))
    }

    /// set_option: each only once.
    pub fn add(&mut self, option: Opt) -> Result<(), Failure> {
        if self.has(option) {
            return Err(wrong(format!("multiple '{}' options specified", name(option))));
        }
        self.0 |= 1 << option as u32;
        Ok(())
    }
}

fn name(option: Opt) -> &'static str {
    NAMES[option as usize].1
}

/// What a command, or a kind of tunnel, may be given: what it must have, what at most one of, and what besides. Nothing else.
struct Rule {
    what: &'static str,
    required: &'static [Opt],
    exclusive: &'static [Opt],
    optional: &'static [Opt],
}

impl Rule {
    /// generic_opt_check, tunnel_opt_check: the options of `among`, one after the other.
    fn check(&self, given: Given, among: impl Iterator<Item = Opt>, kind: &str) -> Result<(), Failure> {
        let what = self.what;
        let mut first = None;
        for option in among {
            let name = name(option);
            if !given.has(option) {
                if self.required.contains(&option) {
                    return Err(wrong(format!("You need to supply the '{name}' option for the '{what}' {kind}")));
                }
            } else if self.exclusive.contains(&option) {
                if let Some(first) = first {
                    let text =
                        format!("The option '{name}' conflicts with the '{first}' option in the '{what}' {kind}");
                    return Err(wrong(text));
                }
                first = Some(name);
            } else if !self.required.contains(&option) && !self.optional.contains(&option) {
                return Err(wrong(format!("Illegal '{name}' option with the '{what}' {kind}")));
            }
        }
        Ok(())
    }
}

const TUNNEL: &[Opt] = &[TunPort, TunNoCsum, TunCsum, TunRemCsum];

/// The options that only tunnels have.
pub(super) const TUNNEL_ONLY: &[Opt] = &[TunType, TunPort, TunNoCsum, TunCsum, TunRemCsum];

const fn command_rule(command: Command) -> Rule {
    const SERVICE: &[Opt] = &[Service];
    const SERVER: &[Opt] = &[Service, Server];
    const ABOUT_SERVICE: &[Opt] = &[Scheduler, Persistent, Netmask, OnePacket, Engine, SchedFlags];
    const ABOUT_SERVER: &[Opt] =
        &[Forward, Weight, UpperThreshold, LowerThreshold, TunType, TunPort, TunNoCsum, TunCsum, TunRemCsum];
    const SHOWN: &[Opt] = &[Numeric, Stats, Rate, Thresholds, PersistentConn, NoSort, SyncId, Exact, TunInfo];
    const ABOUT_DAEMON: &[Opt] = &[McastInterface, SyncId, McastGroup, McastPort, McastTtl, SyncMaxLen];
    const fn rule(what: &'static str, required: &'static [Opt], optional: &'static [Opt]) -> Rule {
        Rule { what, required, exclusive: &[], optional }
    }
    match command {
        Command::AddService => rule("add-service", SERVICE, ABOUT_SERVICE),
        Command::EditService => rule("edit-service", SERVICE, ABOUT_SERVICE),
        Command::DeleteService => rule("delete-service", SERVICE, &[]),
        Command::Flush => rule("flush", &[], &[]),
        Command::List => Rule { exclusive: &[Connection, Service, Timeout, Daemon], ..rule("list", &[], SHOWN) },
        Command::AddServer => rule("add-server", SERVER, ABOUT_SERVER),
        Command::EditServer => rule("edit-server", SERVER, ABOUT_SERVER),
        Command::DeleteServer => rule("delete-server", SERVER, &[]),
        Command::SetTimeouts => rule("set", &[], &[]),
        Command::StartDaemon => rule("start-daemon", &[], ABOUT_DAEMON),
        Command::StopDaemon => rule("stop-daemon", &[], &[SyncId]),
        Command::Restore => rule("restore", &[], &[]),
        Command::Save => rule("save", &[], &[Numeric]),
        Command::Zero => rule("zero", &[], SERVICE),
        Command::Help | Command::Version => rule("", &[], &[]),
    }
}

/// Whether a command may have what it was given (commands_v_options).
pub(super) fn check_command(command: Command, given: Given) -> Result<(), Failure> {
    command_rule(command).check(given, NAMES.iter().map(|(option, _)| *option), "command")?;
    let is_special = given.has_any(&[Connection, Timeout, Daemon]);
    let is_apart = given.has_any(&[Timeout, Daemon]);
    if command == Command::List
        && (is_special && given.has_any(&[Stats, Rate, Thresholds]) || is_apart && given.has(PersistentConn))
    {
        return Err(wrong("options conflicts in the list command"));
    }
    Ok(())
}

/// Whether a tunnel of this type may have what it was given (tunnel_types_v_options).
pub(super) fn check_tunnel(kind: &'static str, given: Given) -> Result<(), Failure> {
    let (required, exclusive): (&[Opt], &[Opt]) = match kind {
        "gue" => (&[TunPort], &[TunNoCsum, TunCsum, TunRemCsum]),
        "gre" => (&[], &[TunNoCsum, TunCsum]),
        _ => (&[], &[]),
    };
    let rule = Rule { what: kind, required, exclusive, optional: &[] };
    rule.check(given, TUNNEL.iter().copied(), "tunnel type")
}

/// The daemon that --start-daemon and --stop-daemon speak of.
pub(super) fn role(word: &str, command: Command) -> Result<Role, Failure> {
    match (word, command) {
        ("master", _) => Ok(Role::Master),
        ("backup", _) => Ok(Role::Backup),
        (_, Command::StartDaemon) => Err(wrong("illegal start-daemon parameter specified")),
        _ => Err(wrong("illegal start_daemon specified")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_options() {
        for (place, (option, _)) in NAMES.iter().enumerate() {
            assert_eq!(*option as usize, place);
        }
    }
}
