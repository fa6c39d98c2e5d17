//! The conditions of extensions, as they are typed.

use super::Problem;
use super::rule::Draft;
use super::values::{
    self, address_kinds, address_range, bounded, icmp_types, mark_bits, multiport, network, ports, protocol, states,
    tcp_flags,
};
use super::words::Words;
use crate::host::netfilter::{IpvsMatch, Limit, Match, Maybe, PacketType, Side, Statistic, TtlTest};
use crate::ipvs::Method;
use crate::wire::{MacAddr, proto};

/// `-m statistic`, whose options make sense only together.
#[derive(Default)]
pub(super) struct StatisticDraft {
    /// Before which of the rule's conditions it stands.
    at: usize,
    inverted: bool,
    is_nth: bool,
    probability: Option<u32>,
    every: Option<u32>,
    packet: Option<u32>,
}

impl StatisticDraft {
    fn option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        match option {
            "--mode" => {
                self.is_nth = match rest.value(option)? {
                    "random" => false,
                    "nth" => true,
                    other => return Err(Problem::usage(format!("Bad mode \"{other}\""))),
                }
            }
            "--probability" => {
                let bad = || {
                    let text = "statistic: bad value for option \"--probability\", or out of range (0-1).\n";
                    Problem::usage(text.to_owned())
                };
                let share: f64 = rest.value(option)?.parse().map_err(|_| bad())?;
                if !(0.0..=1.0).contains(&share) {
                    return Err(bad());
                }
                self.inverted = inverted;
                self.probability = Some((share * f64::from(0x8000_0000_u32)).round() as u32);
            }
            "--every" => {
                self.inverted = inverted;
                self.every = Some(bounded("statistic", option, rest.value(option)?, u32::MAX)?);
            }
            "--packet" => self.packet = Some(bounded("statistic", option, rest.value(option)?, u32::MAX)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The condition, and where it stands among the others.
    pub fn finish(self) -> Result<(usize, Match), Problem> {
        let bad = |text: &str| Err(Problem::usage(text.to_owned()));
        if self.every.is_some() && self.packet.is_none() {
            return bad("statistic: option \"--every\" also requires \"--packet\".\n");
        }
        let is = match (self.is_nth, self.probability, self.every.zip(self.packet)) {
            (false, Some(probability), _) => Statistic::Random(probability),
            (false, None, _) => return bad("--probability must be specified when using random mode"),
            (true, _, None) => return bad("--every and --packet must be specified when using nth mode"),
            (true, _, Some((every, packet))) if packet >= every => {
                return bad("the --packet p must be 0 <= p <= n-1");
            }
            (true, _, Some((every, packet))) => Statistic::nth(every, packet),
        };
        Ok((self.at, Match::Statistic(Maybe { inverted: self.inverted, is })))
    }
}

/// Takes an option of `-m ipvs`.
fn ipvs_option(ipvs: &mut IpvsMatch, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
    let bad = |value: &str| Problem::usage(format!("ipvs: Bad value for \"{option}\" option: \"{value}\""));
    let port = |text: &str| bounded("ipvs", option, text, 65_535).map(|port| Maybe { inverted, is: port as u16 });
    match option {
        "--ipvs" => ipvs.property = Some(Maybe { inverted, is: () }),
        "--vproto" => ipvs.protocol = Some(Maybe { inverted, is: protocol(rest.value(option)?)? }),
        "--vaddr" => ipvs.address = Some(Maybe { inverted, is: network(rest.value(option)?)? }),
        "--vport" => ipvs.port = Some(port(rest.value(option)?)?),
        "--vportctl" => ipvs.control_port = Some(port(rest.value(option)?)?),
        "--vdir" => {
            ipvs.is_reply = match rest.value(option)? {
                "ORIGINAL" => Some(false),
                "REPLY" => Some(true),
                other => return Err(bad(other)),
            }
        }
        "--vmethod" => {
            let is = match rest.value(option)? {
                "GATE" => Method::Route,
                "IPIP" => Method::Tunnel,
                "MASQ" => Method::Masquerade,
                other => return Err(bad(other)),
            };
            ipvs.method = Some(Maybe { inverted, is });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

impl Draft {
    /// `-m`
    pub(super) fn load(&mut self, name: &str) -> Result<(), Problem> {
        const KNOWN: [&str; 16] = [
            "tcp",
            "udp",
            "icmp",
            "multiport",
            "mac",
            "pkttype",
            "mark",
            "connmark",
            "state",
            "conntrack",
            "addrtype",
            "iprange",
            "ttl",
            "limit",
            "statistic",
            "ipvs",
        ];
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
                "addrtype" => self.rule.matches.push(Match::AddressType { source: None, destination: None }),
                "iprange" => self.rule.matches.push(Match::IpRange { source: None, destination: None }),
                "limit" => self.rule.matches.push(Match::Limit(values::default_limit())),
                "ipvs" => self.rule.matches.push(Match::Ipvs(Box::default())),
                "statistic" => {
                    self.statistic = Some(StatisticDraft { at: self.rule.matches.len(), ..StatisticDraft::default() })
                }
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

    pub(super) fn has(&self, name: &str) -> bool {
        self.loaded.contains(&name)
    }

    /// Takes an option of a match that has been loaded. False if it is none.
    pub(super) fn match_option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
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
            "--mark" if self.has("connmark") => {
                Match::Connmark(Maybe { inverted, is: mark_bits("connmark", option, rest.value(option)?)? })
            }
            "--mark" if self.has("mark") => {
                Match::Mark(Maybe { inverted, is: mark_bits("mark", option, rest.value(option)?)? })
            }
            "--state" if self.has("state") => {
                let states = Maybe { inverted, is: states(rest.value(option)?)? };
                Match::State { conntrack: false, states }
            }
            "--ctstate" if self.has("conntrack") => {
                let states = Maybe { inverted, is: states(rest.value(option)?)? };
                Match::State { conntrack: true, states }
            }
            "--ttl-eq" | "--ttl" if self.has("ttl") => {
                let test = if inverted { TtlTest::NotEqual } else { TtlTest::Equal };
                Match::Ttl(test, bounded("ttl", "--ttl-eq", rest.value(option)?, 255)? as u8)
            }
            "--ttl-lt" if self.has("ttl") => {
                Match::Ttl(TtlTest::Less, bounded("ttl", option, rest.value(option)?, 255)? as u8)
            }
            "--ttl-gt" if self.has("ttl") => {
                Match::Ttl(TtlTest::Greater, bounded("ttl", option, rest.value(option)?, 255)? as u8)
            }
            "--comment" if self.has("comment") => Match::Comment(rest.value(option)?.to_owned()),
            _ => return self.shared_option(option, inverted, rest),
        };
        self.rule.matches.push(pushed);
        Ok(true)
    }

    /// Options of the matches that have several.
    fn shared_option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let cannot_invert = |extension: &str| match inverted {
            true => Err(Problem::usage(format!("{extension}: option \"{option}\" cannot be inverted.\n"))),
            false => Ok(()),
        };
        for condition in &mut self.rule.matches {
            match (condition, option) {
                (Match::AddressType { source, .. }, "--src-type") => {
                    *source = Some(Maybe { inverted, is: address_kinds(rest.value(option)?)? });
                }
                (Match::AddressType { destination, .. }, "--dst-type") => {
                    *destination = Some(Maybe { inverted, is: address_kinds(rest.value(option)?)? });
                }
                (Match::IpRange { source, .. }, "--src-range") => {
                    *source = Some(Maybe { inverted, is: address_range(option, rest.value(option)?)? });
                }
                (Match::IpRange { destination, .. }, "--dst-range") => {
                    *destination = Some(Maybe { inverted, is: address_range(option, rest.value(option)?)? });
                }
                (Match::Limit(limit), "--limit") => {
                    cannot_invert("limit")?;
                    let (rate, unit) = values::limit(rest.value(option)?)?;
                    *limit = Limit::new(rate, unit, limit.burst);
                }
                (Match::Limit(limit), "--limit-burst") => {
                    cannot_invert("limit")?;
                    let burst = bounded("limit", option, rest.value(option)?, 10_000)?;
                    *limit = Limit::new(limit.rate, limit.unit, burst);
                }
                (Match::Ipvs(ipvs), _) => {
                    if !ipvs_option(ipvs, option, inverted, rest)? {
                        continue;
                    }
                }
                _ => continue,
            }
            return Ok(true);
        }
        match (&mut self.statistic, option) {
            (Some(draft), _) => draft.option(option, inverted, rest),
            _ => Ok(false),
        }
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

    /// What each match wants to have been told.
    pub(super) fn check_matches(&self) -> Result<(), Problem> {
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
        if self.has("connmark") && !is_there(|it| matches!(it, Match::Connmark(_))) {
            return missing("connmark", "--mark");
        }
        let lacks = |text: &str| Err(Problem::usage(text.to_owned()));
        if is_there(|it| matches!(it, Match::AddressType { source: None, destination: None })) {
            return lacks("addrtype: you must specify --src-type or --dst-type");
        }
        if is_there(|it| matches!(it, Match::IpRange { source: None, destination: None })) {
            return lacks("iprange match: You must specify `--src-range' or `--dst-range'");
        }
        if self.has("ttl") && !is_there(|it| matches!(it, Match::Ttl(..))) {
            return lacks("TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt");
        }
        if is_there(|it| matches!(it, Match::Ipvs(ipvs) if **ipvs == IpvsMatch::default())) {
            return lacks("IPVS: At least one option is required");
        }
        if self.has("mark") && !is_there(|it| matches!(it, Match::Mark(_))) {
            return missing("mark", "--mark");
        }
        Ok(())
    }
}
