//! The rule part of a command line: conditions and target.

use std::net::Ipv4Addr;

use super::Problem;
use crate::host::netfilter::{
    IcmpTypes, InterfaceName, MarkBits, Match, Maybe, Network, PROTOCOLS, PacketType, Ports, REJECTS, Reject, Rule,
    Side, States, Table, Target,
};
use crate::shell::services;
use crate::wire::{MacAddr, proto};

/// Longest name of an interface (IFNAMSIZ less the end).
const INTERFACE_NAME_LEN: usize = 15;

/// A rule as it is typed: one for each address of a list after `-s` or `-d`.
#[derive(Default)]
pub(super) struct Draft {
    rule: Rule,
    sources: Vec<Maybe<Network>>,
    destinations: Vec<Maybe<Network>>,
    target: Option<DraftTarget>,
    loaded: Vec<&'static str>,
    given: Vec<&'static str>,
}

enum DraftTarget {
    Known(Target),
    Reject(Reject),
    Log(String, u8),
    Mark(Option<MarkBits>),
    Chain { name: String, goto: bool },
}

impl Draft {
    /// Takes one option with its values from the front of `rest`. False if it does not belong to a rule.
    pub fn option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let maybe_network = |text: &str| {
            text.split(',').map(|text| Ok(Maybe { inverted, is: network(text)? })).collect::<Result<Vec<_>, Problem>>()
        };
        self.check_once(option, inverted)?;
        match option {
            "-p" | "--proto" | "--protocol" => {
                let number = protocol(rest.value(option)?)?;
                self.rule.protocol = (number != 0).then_some(Maybe { inverted, is: number });
            }
            "-s" | "--src" | "--source" => self.sources = maybe_network(rest.value(option)?)?,
            "-d" | "--dst" | "--destination" => self.destinations = maybe_network(rest.value(option)?)?,
            "-i" | "--in-interface" => {
                self.rule.iif = Some(Maybe { inverted, is: interface(rest.value(option)?)? });
            }
            "-o" | "--out-interface" => {
                self.rule.oif = Some(Maybe { inverted, is: interface(rest.value(option)?)? });
            }
            "-f" | "--fragment" => self.rule.fragment = Some(Maybe { inverted, is: () }),
            "-j" | "--jump" => {
                self.target = Some(target(rest.value(option)?)?);
            }
            "-g" | "--goto" => {
                self.target = Some(DraftTarget::Chain { name: rest.value(option)?.to_owned(), goto: true });
            }
            "-m" | "--match" => self.load(rest.value(option)?)?,
            _ => return Ok(self.match_option(option, inverted, rest)? || self.target_option(option, rest)?),
        }
        Ok(true)
    }

    /// Most options can be given only once, and some cannot be inverted.
    fn check_once(&mut self, option: &str, inverted: bool) -> Result<(), Problem> {
        const ONCE: [(&str, &str); 12] = [
            ("-p", "--protocol"),
            ("-s", "--source"),
            ("-d", "--destination"),
            ("-i", "--in-interface"),
            ("-o", "--out-interface"),
            ("-j", "--jump"),
            ("--sport", "--source-port"),
            ("--dport", "--destination-port"),
            ("-m", "--match"),
            ("-g", "--goto"),
            ("-f", "--fragment"),
            ("--icmp-type", "--icmp-type"),
        ];
        let Some((short, long)) = ONCE.iter().find(|(short, long)| [*short, *long].contains(&option)) else {
            return Ok(());
        };
        if inverted && matches!(*short, "-j" | "-m" | "-g") {
            return Err(Problem::usage(format!("cannot have ! before {short}")));
        }
        if *short == "-m" {
            return Ok(());
        }
        if self.given.contains(short) {
            return Err(Problem::usage(match short.starts_with("--") {
                true => format!("Only one `{long}' allowed"),
                false => format!("multiple {short} flags not allowed"),
            }));
        }
        self.given.push(short);
        Ok(())
    }

    fn load(&mut self, name: &str) -> Result<(), Problem> {
        const KNOWN: [&str; 9] = ["tcp", "udp", "icmp", "multiport", "mac", "pkttype", "mark", "state", "conntrack"];
        if name == "comment" {
            self.loaded.push("comment");
            return Ok(());
        }
        let known = KNOWN.iter().find(|known| **known == name);
        let known =
            known.ok_or_else(|| Problem::usage(format!("Couldn't load match `{name}':No such file or directory\n")))?;
        if !self.loaded.contains(known) {
            self.loaded.push(known);
            match *known {
                "tcp" => self.rule.matches.push(Match::Tcp { source: None, destination: None, flags: None }),
                "udp" => self.rule.matches.push(Match::Udp { source: None, destination: None }),
                _ => {}
            }
        }
        Ok(())
    }

    /// The options of a protocol load its match by themselves.
    fn load_for_protocol(&mut self) -> Result<(), Problem> {
        match &self.rule.protocol {
            Some(Maybe { inverted: false, is: proto::TCP }) => self.load("tcp"),
            Some(Maybe { inverted: false, is: proto::UDP }) => self.load("udp"),
            Some(Maybe { inverted: false, is: proto::ICMP }) => self.load("icmp"),
            _ => Ok(()),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.loaded.contains(&name)
    }

    fn match_option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let pushed = match option {
            "--sport" | "--source-port" | "--dport" | "--destination-port" | "--tcp-flags" | "--syn" => {
                self.load_for_protocol()?;
                return self.port_option(option, inverted, rest);
            }
            "--icmp-type" => {
                self.load_for_protocol()?;
                if !self.has("icmp") {
                    return Ok(false);
                }
                Match::Icmp(Maybe { inverted, is: icmp_types(rest.value(option)?)? })
            }
            "--sports" | "--source-ports" if self.has("multiport") => {
                multiport(Side::Source, inverted, rest.value(option)?)?
            }
            "--dports" | "--destination-ports" if self.has("multiport") => {
                multiport(Side::Destination, inverted, rest.value(option)?)?
            }
            "--ports" if self.has("multiport") => multiport(Side::Either, inverted, rest.value(option)?)?,
            "--mac-source" if self.has("mac") => {
                let mac: Result<MacAddr, _> = rest.value(option)?.parse();
                let is = mac.map_err(|_| Problem::usage("Invalid MAC address specified.".to_owned()))?;
                Match::Mac(Maybe { inverted, is })
            }
            "--pkt-type" if self.has("pkttype") => {
                let is = match rest.value(option)? {
                    "unicast" => PacketType::Unicast,
                    "broadcast" => PacketType::Broadcast,
                    "multicast" => PacketType::Multicast,
                    other => return Err(Problem::usage(format!("Bad packet type '{other}'"))),
                };
                Match::PacketType(Maybe { inverted, is })
            }
            "--mark" if self.has("mark") => {
                Match::Mark(Maybe { inverted, is: mark_bits(option, rest.value(option)?)? })
            }
            "--state" if self.has("state") => {
                let states = Maybe { inverted, is: states(rest.value(option)?)? };
                Match::State { conntrack: false, states }
            }
            "--ctstate" if self.has("conntrack") => {
                let states = Maybe { inverted, is: states(rest.value(option)?)? };
                Match::State { conntrack: true, states }
            }
            "--comment" if self.has("comment") => Match::Comment(rest.value(option)?.to_owned()),
            _ => return Ok(false),
        };
        self.rule.matches.push(pushed);
        Ok(true)
    }

    fn port_option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let is_port_match = |condition: &&mut Match| matches!(condition, Match::Tcp { .. } | Match::Udp { .. });
        let Some(condition) = self.rule.matches.iter_mut().find(is_port_match) else { return Ok(false) };
        let (Match::Tcp { source, destination, .. } | Match::Udp { source, destination }) = &mut *condition else {
            return Ok(false);
        };
        match option {
            "--sport" | "--source-port" => *source = Some(Maybe { inverted, is: ports(rest.value(option)?)? }),
            "--dport" | "--destination-port" => {
                *destination = Some(Maybe { inverted, is: ports(rest.value(option)?)? })
            }
            _ => {
                let Match::Tcp { flags, .. } = condition else { return Ok(false) };
                let is = match option {
                    "--syn" => (0x17, 0x02),
                    _ => (tcp_flags(rest.value(option)?)?, tcp_flags(rest.value(option)?)?),
                };
                *flags = Some(Maybe { inverted, is });
            }
        }
        Ok(true)
    }

    fn target_option(&mut self, option: &str, rest: &mut Words<'_>) -> Result<bool, Problem> {
        match (&mut self.target, option) {
            (Some(DraftTarget::Reject(reject)), "--reject-with") => {
                let name = rest.value(option)?;
                let found = REJECTS.iter().find(|(known, alias, _)| *known == name || *alias == name);
                *reject = found.ok_or_else(|| Problem::usage(format!("unknown reject type \"{name}\"")))?.2;
            }
            (Some(DraftTarget::Log(prefix, _)), "--log-prefix") => rest.value(option)?.clone_into(prefix),
            (Some(DraftTarget::Log(_, level)), "--log-level") => *level = log_level(rest.value(option)?)?,
            (
                Some(DraftTarget::Mark(bits)),
                "--set-mark" | "--set-xmark" | "--or-mark" | "--and-mark" | "--xor-mark",
            ) => {
                let MarkBits { value, mask } = mark_bits(option, rest.value(option)?)?;
                *bits = Some(match option {
                    "--set-mark" => MarkBits { value, mask: mask | value },
                    "--or-mark" => MarkBits { value, mask: value },
                    "--and-mark" => MarkBits { value: 0, mask: !value },
                    "--xor-mark" => MarkBits { value, mask: 0 },
                    _ => MarkBits { value, mask },
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The rules that were meant, for a chain of this table.
    pub fn finish(self, table: &Table, chain: &str) -> Result<Vec<Rule>, Problem> {
        self.check(chain)?;
        if table.name == "nat" && matches!(self.target, Some(DraftTarget::Known(Target::Drop))) {
            let text = "\nThe \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n";
            return Err(Problem::usage(text.to_owned()));
        }
        let mut rule = self.rule;
        rule.target = match self.target {
            None => Target::Count,
            Some(DraftTarget::Known(target)) => target,
            Some(DraftTarget::Reject(reject)) => Target::Reject(reject),
            Some(DraftTarget::Log(prefix, level)) => Target::Log { prefix, level },
            Some(DraftTarget::Mark(Some(bits))) => Target::Mark(bits),
            Some(DraftTarget::Mark(None)) => {
                return Err(Problem::usage(
                    "MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required".to_owned(),
                ));
            }
            Some(DraftTarget::Chain { name, goto }) => {
                let id = table.find(&name);
                let id = id.ok_or_else(|| Problem::usage(format!("Chain '{name}' does not exist")))?;
                if goto { Target::Goto(id) } else { Target::Jump(id) }
            }
        };
        let either = |networks: Vec<Maybe<Network>>| -> Vec<Option<Maybe<Network>>> {
            // A mask of no bits asks for nothing.
            let mut options: Vec<_> = networks
                .into_iter()
                .map(|it| Some(it).filter(|it| it.inverted || !it.is.mask.is_unspecified()))
                .collect();
            if options.is_empty() {
                options.push(None);
            }
            options
        };
        let (sources, destinations) = (either(self.sources), either(self.destinations));
        let pairs = sources.iter().flat_map(|source| destinations.iter().map(move |destination| (source, destination)));
        Ok(pairs
            .map(|(source, destination)| Rule {
                source: source.clone(),
                destination: destination.clone(),
                ..rule.clone()
            })
            .collect())
    }

    fn check(&self, chain: &str) -> Result<(), Problem> {
        let cannot = |option| Err(Problem::usage(format!("Can't use {option} with {chain}\n")));
        if self.rule.oif.is_some() && matches!(chain, "PREROUTING" | "INPUT") {
            return cannot("-o");
        }
        if self.rule.iif.is_some() && matches!(chain, "POSTROUTING" | "OUTPUT") {
            return cannot("-i");
        }
        let is_there = |test: fn(&Match) -> bool| self.rule.matches.iter().any(test);
        let missing =
            |name: &str, option: &str| Err(Problem::usage(format!("{name}: option \"{option}\" must be specified\n")));
        if self.has("multiport") {
            let has_ports = matches!(
                self.rule.protocol,
                Some(Maybe { inverted: false, is: proto::TCP | proto::UDP | 132 | 136 | 33 })
            );
            if !is_there(|it| matches!(it, Match::Multiport { .. })) {
                return Err(Problem::usage("multiport expection an option".to_owned()));
            }
            if !has_ports {
                let text = "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'";
                return Err(Problem::usage(text.to_owned()));
            }
        }
        if self.has("state") && !is_there(|it| matches!(it, Match::State { conntrack: false, .. })) {
            return missing("state", "--state");
        }
        if self.has("conntrack") && !is_there(|it| matches!(it, Match::State { conntrack: true, .. })) {
            return Err(Problem::usage("conntrack: At least one option is required".to_owned()));
        }
        if self.has("pkttype") && !is_there(|it| matches!(it, Match::PacketType(_))) {
            return missing("pkttype", "--pkt-type");
        }
        if self.has("comment") && !is_there(|it| matches!(it, Match::Comment(_))) {
            return missing("comment", "--comment");
        }
        if self.has("mac") && !is_there(|it| matches!(it, Match::Mac(_))) {
            return missing("mac", "--mac-source");
        }
        if self.has("mark") && !is_there(|it| matches!(it, Match::Mark(_))) {
            return missing("mark", "--mark");
        }
        Ok(())
    }
}

/// The words of a command line that have not been read yet.
pub(super) struct Words<'a>(pub &'a [String]);

impl<'a> Words<'a> {
    /// The next word.
    pub fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// The next word, unless it is an option.
    pub fn next_plain(&mut self) -> Option<&'a str> {
        let is_plain = self.0.first().is_some_and(|word| !word.starts_with('-') && word != "!");
        if is_plain { self.next() } else { None }
    }

    /// The value that this option needs.
    pub fn value(&mut self, option: &str) -> Result<&'a str, Problem> {
        self.next().ok_or_else(|| Problem::usage(format!("option \"{option}\" requires an argument")))
    }
}

fn target(name: &str) -> Result<DraftTarget, Problem> {
    Ok(match name {
        "ACCEPT" => DraftTarget::Known(Target::Accept),
        "DROP" => DraftTarget::Known(Target::Drop),
        "RETURN" => DraftTarget::Known(Target::Return),
        "REJECT" => DraftTarget::Reject(Reject::Unreachable(3)),
        "LOG" => DraftTarget::Log(String::new(), 4),
        "MARK" => DraftTarget::Mark(None),
        "SNAT" | "DNAT" | "MASQUERADE" | "REDIRECT" | "CT" | "NOTRACK" | "CONNMARK" | "TOS" | "TCPMSS" => {
            let text = format!("Couldn't load target `{name}':No such file or directory\n");
            return Err(Problem::usage(text));
        }
        _ => DraftTarget::Chain { name: name.to_owned(), goto: false },
    })
}

fn protocol(text: &str) -> Result<u8, Problem> {
    let name = text.to_ascii_lowercase();
    if name == "all" {
        return Ok(0);
    }
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known.or_else(|| name.parse().ok()).ok_or_else(|| Problem::usage(format!("unknown protocol \"{name}\" specified")))
}

fn network(text: &str) -> Result<Network, Problem> {
    let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
    let mask = match mask {
        None => Ipv4Addr::BROADCAST,
        Some(bits) => match bits.parse::<u32>() {
            Ok(bits @ 0..=32) => Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0)),
            _ => bits.parse().map_err(|_| Problem::usage(format!("invalid mask `{bits}' specified")))?,
        },
    };
    let address: Ipv4Addr =
        address.parse().map_err(|_| Problem::usage(format!("host/network `{address}' not found")))?;
    Ok(Network { address: address & mask, mask })
}

fn interface(name: &str) -> Result<InterfaceName, Problem> {
    if name.len() > INTERFACE_NAME_LEN {
        let text = format!("interface name `{name}' must be shorter than IFNAMSIZ ({INTERFACE_NAME_LEN})");
        return Err(Problem::usage(text));
    }
    Ok(InterfaceName(name.to_owned()))
}

fn port(text: &str) -> Result<u16, Problem> {
    let number = text.parse().ok().or_else(|| services::port(text));
    number.ok_or_else(|| Problem::usage(format!("invalid port/service `{text}' specified")))
}

fn ports(text: &str) -> Result<Ports, Problem> {
    let Some((from, to)) = text.split_once(':') else {
        let port = port(text)?;
        return Ok(Ports(port, port));
    };
    let from = if from.is_empty() { Ports::ALL.0 } else { port(from)? };
    let to = if to.is_empty() { Ports::ALL.1 } else { port(to)? };
    if from > to {
        return Err(Problem::usage("invalid portrange (min > max)".to_owned()));
    }
    Ok(Ports(from, to))
}

fn multiport(side: Side, inverted: bool, text: &str) -> Result<Match, Problem> {
    const LIMIT: usize = 15;
    let is = text.split(',').map(ports).collect::<Result<Vec<_>, _>>()?;
    if is.len() > LIMIT {
        return Err(Problem::usage("too many ports specified".to_owned()));
    }
    Ok(Match::Multiport { side, ports: Maybe { inverted, is } })
}

fn tcp_flags(text: &str) -> Result<u8, Problem> {
    text.split(',').try_fold(0, |flags, name| {
        let flag = match name.to_ascii_uppercase().as_str() {
            "FIN" => 1,
            "SYN" => 2,
            "RST" => 4,
            "PSH" => 8,
            "ACK" => 16,
            "URG" => 32,
            "ALL" => 0x3f,
            "NONE" => 0,
            _ => return Err(Problem::usage(format!("Unknown TCP flag `{name}'"))),
        };
        Ok(flags | flag)
    })
}

fn states(text: &str) -> Result<States, Problem> {
    text.split(',').try_fold(States::default(), |states, name| {
        let found = States::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, state) = found.ok_or_else(|| Problem::usage(format!("Bad state \"{name}\"")))?;
        Ok(States(states.0 | state.0))
    })
}

fn mark_bits(option: &str, text: &str) -> Result<MarkBits, Problem> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let bits = match text.split_once('/') {
        None => number(text).map(|value| MarkBits { value, mask: u32::MAX }),
        Some((value, mask)) => number(value).zip(number(mask)).map(|(value, mask)| MarkBits { value, mask }),
    };
    bits.ok_or_else(|| {
        let extension = if option == "--mark" { "mark" } else { "MARK" };
        Problem::usage(format!("{extension}: bad integer value for option \"{option}\", or out of range.\n"))
    })
}

fn log_level(text: &str) -> Result<u8, Problem> {
    let found = super::LOG_LEVELS.iter().position(|level| *level == text);
    let aliased = match text {
        "panic" => Some(0),
        "err" => Some(3),
        "warning" => Some(4),
        _ => None,
    };
    let number = text.parse().ok().filter(|level| *level < super::LOG_LEVELS.len());
    let level = found.or(aliased).or(number);
    let level = level.ok_or_else(|| Problem::usage(format!("log level \"{text}\" unknown\n")))?;
    Ok(level as u8)
}

/// The names of `--icmp-type`: type, and code where one is meant.
pub(super) const ICMP_TYPES: [(&str, u8, Option<u8>); 36] = [
    ("any", 255, None),
    ("echo-reply", 0, None),
    ("destination-unreachable", 3, None),
    ("network-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("source-route-failed", 3, Some(5)),
    ("network-unknown", 3, Some(6)),
    ("host-unknown", 3, Some(7)),
    ("network-prohibited", 3, Some(9)),
    ("host-prohibited", 3, Some(10)),
    ("TOS-network-unreachable", 3, Some(11)),
    ("TOS-host-unreachable", 3, Some(12)),
    ("communication-prohibited", 3, Some(13)),
    ("host-precedence-violation", 3, Some(14)),
    ("precedence-cutoff", 3, Some(15)),
    ("source-quench", 4, None),
    ("redirect", 5, None),
    ("network-redirect", 5, Some(0)),
    ("host-redirect", 5, Some(1)),
    ("TOS-network-redirect", 5, Some(2)),
    ("TOS-host-redirect", 5, Some(3)),
    ("echo-request", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("time-exceeded", 11, None),
    ("ttl-zero-during-transit", 11, Some(0)),
    ("ttl-zero-during-reassembly", 11, Some(1)),
    ("parameter-problem", 12, None),
    ("ip-header-bad", 12, Some(0)),
    ("required-option-missing", 12, Some(1)),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
    ("address-mask-request", 17, None),
];

fn icmp_types(text: &str) -> Result<IcmpTypes, Problem> {
    let name = match text {
        "ping" => "echo-request",
        "pong" => "echo-reply",
        "ttl-exceeded" => "time-exceeded",
        name => name,
    };
    if let Some((_, icmp_type, code)) = ICMP_TYPES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) {
        let (first_code, last_code) = code.map_or((0, u8::MAX), |code| (code, code));
        return Ok(IcmpTypes { icmp_type: *icmp_type, first_code, last_code });
    }
    let (icmp_type, code) = text.split_once('/').map_or((text, None), |(icmp_type, code)| (icmp_type, Some(code)));
    let bad = || Problem::usage(format!("Unknown ICMP type `{text}'"));
    let icmp_type = icmp_type.parse().map_err(|_| bad())?;
    let (first_code, last_code) = match code {
        None => (0, u8::MAX),
        Some(code) => code.parse().map(|code| (code, code)).map_err(|_| bad())?,
    };
    Ok(IcmpTypes { icmp_type, first_code, last_code })
}
