//! The rule part of a command line.

use crate::host::netfilter::{ArpRule, ArpTable, ArpTarget, ArpVerdict, Mangle, Maybe, OPERATIONS};
use crate::shell::iptables::values::{interface, network};
use crate::shell::iptables::{Problem, Words};
use crate::wire::{ETHERTYPE_IPV4, MacAddr};

/// A rule as it is typed.
#[derive(Default)]
pub(super) struct Draft {
    rule: ArpRule,
    given: Vec<&'static str>,
}

impl Draft {
    /// Takes one option with its value from the front of `rest`. False if it does not belong to a rule.
    pub fn option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        if let (ArpTarget::Mangle(mangle), true) = (&mut self.rule.target, option.starts_with("--mangle-")) {
            return mangle_option(mangle, option, rest);
        }
        self.check_once(option)?;
        let bad = |what: &str| Problem::usage(format!("Problem with specified {what}"));
        let mac = |text: &str, what| -> Result<Option<Maybe<MacAddr>>, Problem> {
            let is = text.parse().map_err(|_| bad(what))?;
            Ok(Some(Maybe { inverted, is }))
        };
        match option {
            "-s" | "--source-ip" | "--src-ip" => {
                self.rule.source = Some(Maybe { inverted, is: network(rest.value(option)?)? });
            }
            "-d" | "--destination-ip" | "--dst-ip" => {
                self.rule.destination = Some(Maybe { inverted, is: network(rest.value(option)?)? });
            }
            "--source-mac" | "--src-mac" => self.rule.source_mac = mac(rest.value(option)?, "source mac")?,
            "--destination-mac" | "--dst-mac" => {
                self.rule.destination_mac = mac(rest.value(option)?, "destination mac")?;
            }
            "-i" | "--in-interface" => {
                self.rule.iif = Some(Maybe { inverted, is: interface(rest.value(option)?)? });
            }
            "-o" | "--out-interface" => {
                self.rule.oif = Some(Maybe { inverted, is: interface(rest.value(option)?)? });
            }
            "--opcode" => {
                let text = rest.value(option)?;
                let named = OPERATIONS.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|at| at as u16 + 1);
                let is = named.or_else(|| text.parse().ok()).ok_or_else(|| bad("opcode"))?;
                self.rule.operation = Some(Maybe { inverted, is });
            }
            "--proto-type" => {
                let text = rest.value(option)?;
                let number = match text.strip_prefix("0x") {
                    Some(digits) => u16::from_str_radix(digits, 16).ok(),
                    None if text.eq_ignore_ascii_case("ipv4") => Some(ETHERTYPE_IPV4),
                    None => text.parse().ok(),
                };
                let is = number.ok_or_else(|| bad("protocol type"))?;
                self.rule.protocol_type = Some(Maybe { inverted, is });
            }
            // Every message of the lab has these: Ethernet's.
            "--h-length" | "--h-type" | "-l" => drop(rest.value(option)?),
            "-j" | "--jump" => {
                self.rule.target = match rest.value(option)? {
                    "ACCEPT" => ArpTarget::Accept,
                    "DROP" => ArpTarget::Drop,
                    "RETURN" => ArpTarget::Return,
                    "mangle" => ArpTarget::Mangle(Mangle::default()),
                    name => ArpTarget::Jump(name.to_owned()),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn check_once(&mut self, option: &str) -> Result<(), Problem> {
        const ONCE: [(&str, &[&str]); 5] = [
            ("-s", &["-s", "--source-ip", "--src-ip"]),
            ("-d", &["-d", "--destination-ip", "--dst-ip"]),
            ("-i", &["-i", "--in-interface"]),
            ("-o", &["-o", "--out-interface"]),
            ("-j", &["-j", "--jump"]),
        ];
        let Some((short, _)) = ONCE.iter().find(|(_, names)| names.contains(&option)) else { return Ok(()) };
        if self.given.contains(short) {
            return Err(Problem::usage(format!("multiple {short} flags not allowed")));
        }
        self.given.push(short);
        Ok(())
    }

    /// The rule that was meant, for this chain.
    pub fn finish(self, table: &ArpTable, chain: &str) -> Result<ArpRule, Problem> {
        let cannot = |option| Err(Problem::usage(format!("Can't use {option} with {chain}\n")));
        if self.rule.oif.is_some() && chain == "INPUT" {
            return cannot("-o");
        }
        if self.rule.iif.is_some() && chain == "OUTPUT" {
            return cannot("-i");
        }
        if let ArpTarget::Jump(name) = &self.rule.target
            && table.find(name).is_none()
        {
            return Err(Problem::usage(format!("Chain '{name}' does not exist")));
        }
        Ok(self.rule)
    }
}

fn mangle_option(mangle: &mut Mangle, option: &str, rest: &mut Words<'_>) -> Result<bool, Problem> {
    let ip = |text: &str| text.parse().map_err(|_| Problem::usage(format!("host/network `{text}' not found")));
    let mac = |text: &str, what| {
        let bad = || Problem::usage(format!("invalid {what} MAC"));
        text.parse().map_err(|_| bad())
    };
    match option {
        "--mangle-ip-s" => mangle.source = Some(ip(rest.value(option)?)?),
        "--mangle-ip-d" => mangle.destination = Some(ip(rest.value(option)?)?),
        "--mangle-mac-s" => mangle.source_mac = Some(mac(rest.value(option)?, "source")?),
        "--mangle-mac-d" => mangle.destination_mac = Some(mac(rest.value(option)?, "target")?),
        "--mangle-target" => {
            mangle.verdict = match rest.value(option)? {
                "ACCEPT" => ArpVerdict::Accept,
                "DROP" => ArpVerdict::Drop,
                "CONTINUE" => ArpVerdict::Continue,
                _ => return Err(Problem::usage("bad target for --mangle-target".to_owned())),
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
