//! The last column of `iptables -L`: conditions of extensions, and what targets do.

use std::fmt::Write;

use super::show::Style;
use super::targets::LOG_FLAGS;
use super::values::ICMP_TYPES;
use crate::host::netfilter::{
    ConnmarkTarget, IcmpTypes, IpvsOptions, LogOptions, MarkBits, Match, Maybe, Ports, Side, Statistic, Target, TcpMss,
    Translation, TtlTest, Untrack, port_list, ports_text, range_text, tcp_flags,
};
use crate::shell::services;

fn port(port: u16, style: Style) -> String {
    let name = services::name_unless(style.numeric, port);
    name.map_or_else(|| port.to_string(), str::to_owned)
}

fn range(ports: Ports, style: Style) -> String {
    if ports.0 == ports.1 {
        return port(ports.0, style);
    }
    format!("{}:{}", port(ports.0, style), port(ports.1, style))
}

fn bang(inverted: bool) -> &'static str {
    if inverted { "!" } else { "" }
}

fn bang_blank(inverted: bool) -> &'static str {
    if inverted { "! " } else { "" }
}

/// A condition, with a blank before it.
pub(super) fn details(out: &mut String, condition: &Match, style: Style) {
    let ports = |out: &mut String, name: &str, ports: &Option<Maybe<Ports>>| {
        if let Some(Maybe { inverted, is }) = ports {
            let plural = if is.0 == is.1 { "" } else { "s" };
            let _ = write!(out, " {name}{plural}:{}{}", bang(*inverted), range(*is, style));
        }
    };
    let _ = match condition {
        Match::Tcp { source, destination, flags } => {
            out.push_str(" tcp");
            ports(out, "spt", source);
            ports(out, "dpt", destination);
            flags.iter().try_for_each(|Maybe { inverted, is: (mask, set) }| match style.numeric {
                true => write!(out, " flags:{}0x{mask:02X}/0x{set:02X}", bang(*inverted)),
                false => write!(out, " flags:{}{}/{}", bang(*inverted), tcp_flags(*mask), tcp_flags(*set)),
            })
        }
        Match::Udp { source, destination } => {
            out.push_str(" udp");
            ports(out, "spt", source);
            ports(out, "dpt", destination);
            Ok(())
        }
        Match::Multiport { side, ports: Maybe { inverted, is } } => {
            let side = match side {
                Side::Source => "sports",
                Side::Destination => "dports",
                Side::Either => "ports",
            };
            let list = port_list(is, |ports| range(ports, style));
            write!(out, " multiport {side} {}{list}", if *inverted { " !" } else { "" })
        }
        Match::Icmp(types) => icmp_details(out, types, style),
        Match::Mac(mac) => write!(out, " MAC {}{}", bang_blank(mac.inverted), mac.is),
        Match::PacketType(kind) => write!(out, " PKTTYPE {} {}", if kind.inverted { "!=" } else { "=" }, kind.is),
        Match::Mark(bits) => write!(out, " mark match {}{}", bang_blank(bits.inverted), bits.is),
        Match::Connmark(bits) => write!(out, " connmark match {} {}", bang(bits.inverted), bits.is),
        Match::AddressType { source, destination } => {
            out.push_str(" ADDRTYPE match");
            for (name, kinds) in [("src-type", source), ("dst-type", destination)] {
                if let Some(Maybe { inverted, is }) = kinds {
                    let _ = write!(out, " {name} {}{is}", bang(*inverted));
                }
            }
            Ok(())
        }
        Match::IpRange { source, destination } => {
            for (name, range) in [("source", source), ("destination", destination)] {
                if let Some(Maybe { inverted, is: (first, last) }) = range {
                    let _ = write!(out, " {name} IP range {}{first}-{last}", bang_blank(*inverted));
                }
            }
            Ok(())
        }
        Match::Ttl(test, ttl) => {
            let sign = match test {
                TtlTest::Equal => "==",
                TtlTest::NotEqual => "!=",
                TtlTest::Less => "<",
                TtlTest::Greater => ">",
            };
            write!(out, " TTL match TTL {sign} {ttl}")
        }
        Match::Limit(limit) => write!(out, " limit: avg {} burst {}", limit.rate_text(), limit.burst),
        Match::Statistic(Maybe { inverted, is }) => {
            let bang = if *inverted { " !" } else { "" };
            match is {
                Statistic::Random(_) => write!(out, " statistic mode random{bang} probability {}", is.share()),
                Statistic::Nth { every, packet, .. } => {
                    write!(out, " statistic mode nth{bang} every {every} packet {packet}")
                }
            }
        }
        Match::Ipvs(ipvs) => write!(out, "{}", IpvsOptions(ipvs).to_string().replace("--", "")),
        Match::State { conntrack, states } => {
            let name = if *conntrack { "ctstate" } else { "state" };
            write!(out, " {}{name} {}", bang_blank(states.inverted), states.is)
        }
        Match::Comment(text) => write!(out, " /* {text} */"),
    };
}

fn icmp_details(out: &mut String, types: &Maybe<IcmpTypes>, style: Style) -> std::fmt::Result {
    let Maybe { inverted, is: IcmpTypes { icmp_type, first_code, last_code } } = types;
    let is_meant = |(_, known, code): &&(&str, u8, Option<u8>)| {
        known == icmp_type && code.map_or((0, u8::MAX), |code| (code, code)) == (*first_code, *last_code)
    };
    if !style.numeric
        && let Some((name, ..)) = ICMP_TYPES.iter().find(is_meant)
    {
        return write!(out, " icmp {}{name}", bang(*inverted));
    }
    // Not a slip: the tool leaves no blank after "icmp" unless there is a "!".
    write!(out, " icmp{}type {icmp_type}", if *inverted { " !" } else { "" })?;
    if first_code == last_code { write!(out, " code {first_code}") } else { Ok(()) }
}

/// A target's options, with a blank before each.
pub(super) fn target_details(out: &mut String, target: &Target, style: Style) {
    let _ = match target {
        Target::Reject(reject) => write!(out, " reject-with {}", reject.name()),
        Target::Log(options) => log_details(out, options, style),
        Target::Connmark(target) => connmark_details(out, *target),
        Target::Untrack(Untrack::Notrack) => write!(out, " NOTRACK"),
        Target::Untrack(Untrack::Ct) => write!(out, " CT notrack"),
        Target::Untrack(Untrack::Nothing) => write!(out, " CT"),
        Target::Translate(translation) => translation_details(out, translation),
        Target::Mark(bits) => mark_details(out, "MARK", *bits),
        Target::TcpMss(TcpMss::Set(mss)) => write!(out, " TCPMSS set {mss}"),
        Target::TcpMss(TcpMss::Clamp) => write!(out, " TCPMSS clamp to PMTU"),
        _ => Ok(()),
    };
}

fn mark_details(out: &mut String, name: &str, bits: MarkBits) -> std::fmt::Result {
    match bits {
        MarkBits { value, mask: u32::MAX } => write!(out, " {name} set {value:#x}"),
        MarkBits { value: 0, mask } => write!(out, " {name} and {:#x}", !mask),
        MarkBits { value, mask } if value == mask => write!(out, " {name} or {value:#x}"),
        MarkBits { value, mask: 0 } => write!(out, " {name} xor {value:#x}"),
        MarkBits { value, mask } => write!(out, " {name} xset {value:#x}/{mask:#x}"),
    }
}

fn log_details(out: &mut String, LogOptions { prefix, level, flags }: &LogOptions, style: Style) -> std::fmt::Result {
    if style.numeric {
        write!(out, " LOG flags {flags} level {level}")?;
    } else {
        write!(out, " LOG level {}", super::LOG_LEVELS[usize::from(*level).min(7)])?;
        for (name, _) in LOG_FLAGS.iter().filter(|(_, bit)| flags & bit != 0) {
            write!(out, " {name}")?;
        }
    }
    if prefix.is_empty() { Ok(()) } else { write!(out, " prefix \"{prefix}\"") }
}

fn connmark_details(out: &mut String, target: ConnmarkTarget) -> std::fmt::Result {
    let (verb, nfmask, ctmask) = match target {
        ConnmarkTarget::Set(bits) => return mark_details(out, "CONNMARK", bits),
        ConnmarkTarget::Save { nfmask, ctmask } => ("save", nfmask, ctmask),
        ConnmarkTarget::Restore { nfmask, ctmask } => ("restore", nfmask, ctmask),
    };
    write!(out, " CONNMARK {verb}")?;
    match (verb, nfmask, ctmask) {
        (_, u32::MAX, u32::MAX) => Ok(()),
        _ if nfmask == ctmask => write!(out, " mask {nfmask:#x}"),
        ("save", ..) => write!(out, " nfmask {nfmask:#x} ctmask ~{ctmask:#x}"),
        _ => write!(out, " ctmask {ctmask:#x} nfmask ~{nfmask:#x}"),
    }
}

fn translation_details(out: &mut String, translation: &Translation) -> std::fmt::Result {
    let range = match translation {
        Translation::Source(range) | Translation::Destination(range) => {
            write!(out, " to:{}", range_text(range))?;
            range
        }
        Translation::Masquerade(range) => {
            range.ports.iter().try_for_each(|ports| write!(out, " masq ports: {}", ports_text(*ports)))?;
            range
        }
        Translation::Redirect(range) => {
            range.ports.iter().try_for_each(|ports| write!(out, " redir ports {}", ports_text(*ports)))?;
            range
        }
    };
    let flags = [(range.random, "random"), (range.random_fully, "random-fully"), (range.persistent, "persistent")];
    flags.iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, name)| write!(out, " {name}"))
}
