//! Targets, as they are typed.

use super::Problem;
use super::rule::Draft;
use super::values::{bounded, log_level, mark_bits, nat_ports, nat_range};
use super::words::Words;
use crate::host::netfilter::{
    ConnmarkTarget, LogOptions, MarkBits, REJECTS, Range, Reject, Table, Target, TcpMss, Translation, Untrack,
};
use crate::wire::proto;

/// A target whose options have not all been read.
pub(super) enum DraftTarget {
    Known(Target),
    Reject(Reject),
    Log(LogOptions),
    Mark(Option<MarkBits>),
    Connmark(ConnmarkDraft),
    Nat(NatKind, NatDraft),
    TcpMss(Option<TcpMss>),
    /// CT, and whether it has been told not to track.
    Ct(bool),
    Chain {
        name: String,
        goto: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NatKind {
    Source,
    Destination,
    Masquerade,
    Redirect,
}

#[derive(Default)]
pub(super) struct NatDraft {
    range: Range,
    is_given: bool,
}

#[derive(Clone, Copy, Default)]
pub(super) struct ConnmarkDraft {
    operation: Option<Operation>,
    nfmask: Option<u32>,
    ctmask: Option<u32>,
}

#[derive(Clone, Copy)]
enum Operation {
    Set(MarkBits),
    Save,
    Restore,
}

/// The targets that are not chains.
pub(super) const TARGETS: [&str; 14] = [
    "ACCEPT",
    "DROP",
    "RETURN",
    "REJECT",
    "LOG",
    "MARK",
    "CONNMARK",
    "SNAT",
    "DNAT",
    "MASQUERADE",
    "REDIRECT",
    "CT",
    "NOTRACK",
    "TCPMSS",
];

/// The target of this name.
pub(super) fn target(name: &str) -> Result<DraftTarget, Problem> {
    let nat = |kind| DraftTarget::Nat(kind, NatDraft::default());
    Ok(match name {
        "ACCEPT" => DraftTarget::Known(Target::Accept),
        "DROP" => DraftTarget::Known(Target::Drop),
        "RETURN" => DraftTarget::Known(Target::Return),
        "REJECT" => DraftTarget::Reject(Reject::Unreachable(3)),
        "LOG" => DraftTarget::Log(LogOptions { prefix: String::new(), level: 4, flags: 0 }),
        "MARK" => DraftTarget::Mark(None),
        "CONNMARK" => DraftTarget::Connmark(ConnmarkDraft::default()),
        "SNAT" => nat(NatKind::Source),
        "DNAT" => nat(NatKind::Destination),
        "MASQUERADE" => nat(NatKind::Masquerade),
        "REDIRECT" => nat(NatKind::Redirect),
        "CT" => DraftTarget::Ct(false),
        "NOTRACK" => DraftTarget::Known(Target::Untrack(Untrack::Notrack)),
        "TCPMSS" => DraftTarget::TcpMss(None),
        "TOS" | "TTL" | "TEE" | "TPROXY" | "DSCP" | "NFLOG" | "NFQUEUE" | "SET" => {
            let text = format!("Couldn't load target `{name}':No such file or directory\n");
            return Err(Problem::usage(text));
        }
        _ => DraftTarget::Chain { name: name.to_owned(), goto: false },
    })
}

impl Draft {
    /// Takes an option of the target. False if it is none.
    pub(super) fn target_option(&mut self, option: &str, rest: &mut Words<'_>) -> Result<bool, Problem> {
        match (&mut self.target, option) {
            (Some(DraftTarget::Reject(reject)), "--reject-with") => {
                let name = rest.value(option)?;
                let found = REJECTS.iter().find(|(known, alias, _)| *known == name || *alias == name);
                *reject = found.ok_or_else(|| Problem::usage(format!("unknown reject type \"{name}\"")))?.2;
                Ok(true)
            }
            (Some(DraftTarget::Log(options)), _) => log_option(options, option, rest),
            (Some(DraftTarget::Mark(bits)), _) => match mark_operation("MARK", option, rest)? {
                Some(operation) => {
                    *bits = Some(operation);
                    Ok(true)
                }
                None => Ok(false),
            },
            (Some(DraftTarget::Connmark(draft)), _) => draft.option(option, rest),
            (Some(DraftTarget::Nat(kind, draft)), _) => draft.option(*kind, option, rest),
            (Some(DraftTarget::TcpMss(mss)), "--set-mss") => {
                // An IPv4 header and TCP's have 40 bytes: the tool takes what leaves room for 20 of them.
                let value = bounded("TCPMSS", option, rest.value(option)?, 65_515)?;
                *mss = Some(TcpMss::Set(value as u16));
                Ok(true)
            }
            (Some(DraftTarget::TcpMss(mss)), "--clamp-mss-to-pmtu") => {
                *mss = Some(TcpMss::Clamp);
                Ok(true)
            }
            (Some(DraftTarget::Ct(untracks)), "--notrack") => {
                *untracks = true;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

fn log_option(options: &mut LogOptions, option: &str, rest: &mut Words<'_>) -> Result<bool, Problem> {
    match option {
        "--log-prefix" => rest.value(option)?.clone_into(&mut options.prefix),
        "--log-level" => options.level = log_level(rest.value(option)?)?,
        _ => match LOG_FLAGS.iter().find(|(name, _)| option.strip_prefix("--log-") == Some(name)) {
            Some((_, flag)) => options.flags |= flag,
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// What LOG can write besides, and the bits that say so.
pub(super) const LOG_FLAGS: [(&str, u8); 5] =
    [("tcp-sequence", 1), ("tcp-options", 2), ("ip-options", 4), ("uid", 8), ("macdecode", 32)];

/// `--set-mark` and its relatives, of MARK and CONNMARK.
fn mark_operation(extension: &str, option: &str, rest: &mut Words<'_>) -> Result<Option<MarkBits>, Problem> {
    if !matches!(option, "--set-mark" | "--set-xmark" | "--or-mark" | "--and-mark" | "--xor-mark") {
        return Ok(None);
    }
    let MarkBits { value, mask } = mark_bits(extension, option, rest.value(option)?)?;
    Ok(Some(match option {
        "--set-mark" if extension == "MARK" => MarkBits { value, mask: mask | value },
        "--or-mark" => MarkBits { value, mask: value },
        "--and-mark" => MarkBits { value: 0, mask: !value },
        "--xor-mark" => MarkBits { value, mask: 0 },
        _ => MarkBits { value, mask },
    }))
}

impl ConnmarkDraft {
    fn option(&mut self, option: &str, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let mut mask = || bounded("CONNMARK", option, rest.value(option)?, u32::MAX).map(Some);
        match option {
            "--save-mark" => self.operation = Some(Operation::Save),
            "--restore-mark" => self.operation = Some(Operation::Restore),
            "--nfmask" => self.nfmask = mask()?,
            "--ctmask" => self.ctmask = mask()?,
            "--mask" => {
                self.nfmask = mask()?;
                self.ctmask = self.nfmask;
            }
            _ => match mark_operation("CONNMARK", option, rest)? {
                Some(bits) => self.operation = Some(Operation::Set(bits)),
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    fn finish(self) -> Result<Target, Problem> {
        let (nfmask, ctmask) = (self.nfmask.unwrap_or(u32::MAX), self.ctmask.unwrap_or(u32::MAX));
        Ok(Target::Connmark(match self.operation {
            Some(Operation::Set(bits)) => ConnmarkTarget::Set(bits),
            Some(Operation::Save) => ConnmarkTarget::Save { nfmask, ctmask },
            Some(Operation::Restore) => ConnmarkTarget::Restore { nfmask, ctmask },
            None => return Err(Problem::usage("CONNMARK target: No operation specified".to_owned())),
        }))
    }
}

impl NatKind {
    fn name(self) -> &'static str {
        match self {
            NatKind::Source => "SNAT",
            NatKind::Destination => "DNAT",
            NatKind::Masquerade => "MASQUERADE",
            NatKind::Redirect => "REDIRECT",
        }
    }

    /// The option without which it cannot do, if there is one.
    fn main_option(self) -> Option<&'static str> {
        match self {
            NatKind::Source => Some("--to-source"),
            NatKind::Destination => Some("--to-destination"),
            NatKind::Masquerade | NatKind::Redirect => None,
        }
    }
}

impl NatDraft {
    fn option(&mut self, kind: NatKind, option: &str, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let is_main = match kind {
            NatKind::Source => ["--to-source", "--to"].contains(&option),
            NatKind::Destination => ["--to-destination", "--to"].contains(&option),
            NatKind::Masquerade | NatKind::Redirect => ["--to-ports", "--to"].contains(&option),
        };
        match option {
            _ if is_main && self.is_given => {
                let (name, option) = (kind.name(), kind.main_option().unwrap_or("--to-ports"));
                return Err(Problem::usage(format!("{name}: option \"{option}\" can only be used once.\n")));
            }
            _ if is_main && kind.main_option().is_some() => {
                let Range { addresses, ports, .. } = nat_range(rest.value(option)?)?;
                (self.range.addresses, self.range.ports, self.is_given) = (addresses, ports, true);
            }
            _ if is_main => {
                (self.range.ports, self.is_given) = (Some(nat_ports(rest.value(option)?)?), true);
            }
            "--random" => self.range.random = true,
            "--random-fully" if matches!(kind, NatKind::Source | NatKind::Masquerade) => {
                self.range.random_fully = true;
            }
            "--persistent" if kind.main_option().is_some() => self.range.persistent = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self, kind: NatKind, protocol: Option<u8>) -> Result<Target, Problem> {
        if let Some(option) = kind.main_option().filter(|_| !self.is_given) {
            let name = kind.name();
            return Err(Problem::usage(format!("{name}: option \"{option}\" must be specified\n")));
        }
        const DCCP: u8 = 33;
        let has_ports = matches!(protocol, Some(proto::TCP | proto::UDP | proto::SCTP | DCCP));
        if self.range.ports.is_some() && !has_ports {
            return Err(Problem::usage("Need TCP, UDP, SCTP or DCCP with port specification".to_owned()));
        }
        let range = self.range;
        Ok(Target::Translate(match kind {
            NatKind::Source => Translation::Source(range),
            NatKind::Destination => Translation::Destination(range),
            NatKind::Masquerade => Translation::Masquerade(range),
            NatKind::Redirect => Translation::Redirect(range),
        }))
    }
}

impl DraftTarget {
    /// The target, for a rule of this table about this protocol.
    pub fn finish(self, table: &Table, protocol: Option<u8>) -> Result<Target, Problem> {
        Ok(match self {
            DraftTarget::Known(target) => target,
            DraftTarget::Reject(reject) => Target::Reject(reject),
            DraftTarget::Log(options) => Target::Log(Box::new(options)),
            DraftTarget::Mark(Some(bits)) => Target::Mark(bits),
            DraftTarget::Mark(None) => {
                return Err(Problem::usage(
                    "MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required".to_owned(),
                ));
            }
            DraftTarget::TcpMss(Some(mss)) => Target::TcpMss(mss),
            DraftTarget::TcpMss(None) => {
                return Err(Problem::usage("TCPMSS target: At least one parameter is required".to_owned()));
            }
            DraftTarget::Connmark(draft) => draft.finish()?,
            DraftTarget::Nat(kind, draft) => draft.finish(kind, protocol)?,
            DraftTarget::Ct(untracks) => Target::Untrack(if untracks { Untrack::Ct } else { Untrack::Nothing }),
            DraftTarget::Chain { name, goto } => {
                let id = table.find(&name);
                let id = id.ok_or_else(|| Problem::usage(format!("Chain '{name}' does not exist")))?;
                if goto { Target::Goto(id) } else { Target::Jump(id) }
            }
        })
    }
}
