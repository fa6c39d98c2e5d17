//! Rules as `iptables -S` writes them.

use std::fmt::{self, Display, Formatter};

use super::limit::{Limit, Statistic};
use super::matches::{IpvsMatch, MarkBits, Match, Ports, Side, TtlTest};
use super::nat::Translation;
use super::rule::{ConnmarkTarget, LogOptions, Maybe, Rule, Target, TcpMss, Untrack};
use super::table::Table;
use super::text::{Condition, Quoted, listed, port_list, ports_text, protocol_name, range_text, tcp_flags};
use crate::ipvs::Method;

impl Table {
    /// A rule's conditions and target, each with a blank before it, as they would be typed.
    pub fn specification<'a>(&'a self, rule: &'a Rule) -> impl Display + 'a {
        Specification { table: self, rule }
    }
}

struct Specification<'a> {
    table: &'a Table,
    rule: &'a Rule,
}

impl Display for Specification<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Rule { source, destination, iif, oif, protocol, fragment, matches, target, counters: _ } = self.rule;
        source.iter().try_for_each(|it| Condition("-s", it).fmt(f))?;
        destination.iter().try_for_each(|it| Condition("-d", it).fmt(f))?;
        iif.iter().try_for_each(|it| Condition("-i", it).fmt(f))?;
        oif.iter().try_for_each(|it| Condition("-o", it).fmt(f))?;
        if let Some(Maybe { inverted, is }) = protocol {
            let is = protocol_name(*is).map_or_else(|| is.to_string(), str::to_owned);
            Condition("-p", &Maybe { inverted: *inverted, is }).fmt(f)?;
        }
        if let Some(fragment) = fragment {
            f.write_str(if fragment.inverted { " ! -f" } else { " -f" })?;
        }
        matches.iter().try_for_each(|condition| write_match(f, condition))?;
        self.write_target(f, target)
    }
}

fn write_match(f: &mut Formatter<'_>, condition: &Match) -> fmt::Result {
    let ports = |f: &mut Formatter<'_>, option, ports: &Option<Maybe<Ports>>| {
        ports.iter().try_for_each(|ports| Condition(option, ports).fmt(f))
    };
    match condition {
        Match::Tcp { source, destination, flags } => {
            f.write_str(" -m tcp")?;
            ports(f, "--sport", source)?;
            ports(f, "--dport", destination)?;
            flags.iter().try_for_each(|Maybe { inverted, is: (mask, set) }| {
                let is = format!("{} {}", tcp_flags(*mask), tcp_flags(*set));
                Condition("--tcp-flags", &Maybe { inverted: *inverted, is }).fmt(f)
            })
        }
        Match::Udp { source, destination } => {
            f.write_str(" -m udp")?;
            ports(f, "--sport", source)?;
            ports(f, "--dport", destination)
        }
        Match::Multiport { side, ports: Maybe { inverted, is } } => {
            let option = match side {
                Side::Source => "--sports",
                Side::Destination => "--dports",
                Side::Either => "--ports",
            };
            let is = port_list(is, |ports| ports.to_string());
            write!(f, " -m multiport{}", Condition(option, &Maybe { inverted: *inverted, is }))
        }
        Match::Icmp(types) => write!(f, " -m icmp{}", Condition("--icmp-type", types)),
        Match::Mac(mac) => write!(f, " -m mac{}", Condition("--mac-source", mac)),
        Match::PacketType(kind) => write!(f, " -m pkttype{}", Condition("--pkt-type", kind)),
        Match::Mark(bits) => write!(f, " -m mark{}", Condition("--mark", bits)),
        Match::Connmark(bits) => write!(f, " -m connmark{}", Condition("--mark", bits)),
        Match::State { conntrack: true, states } => write!(f, " -m conntrack{}", Condition("--ctstate", states)),
        Match::State { conntrack: false, states } => write!(f, " -m state{}", Condition("--state", states)),
        Match::AddressType { source, destination } => {
            f.write_str(" -m addrtype")?;
            source.iter().try_for_each(|it| Condition("--src-type", it).fmt(f))?;
            destination.iter().try_for_each(|it| Condition("--dst-type", it).fmt(f))
        }
        Match::IpRange { source, destination } => {
            f.write_str(" -m iprange")?;
            for (option, range) in [("--src-range", source), ("--dst-range", destination)] {
                if let Some(Maybe { inverted, is: (first, last) }) = range {
                    Condition(option, &Maybe { inverted: *inverted, is: format!("{first}-{last}") }).fmt(f)?;
                }
            }
            Ok(())
        }
        Match::Ttl(test, ttl) => {
            let option = match test {
                TtlTest::Equal => "--ttl-eq",
                TtlTest::NotEqual => "! --ttl-eq",
                TtlTest::Less => "--ttl-lt",
                TtlTest::Greater => "--ttl-gt",
            };
            write!(f, " -m ttl {option} {ttl}")
        }
        Match::Limit(limit) => {
            write!(f, " -m limit --limit {}", limit.rate_text())?;
            if limit.burst == Limit::DEFAULT_BURST { Ok(()) } else { write!(f, " --limit-burst {}", limit.burst) }
        }
        Match::Statistic(Maybe { inverted, is }) => {
            let bang = if *inverted { " !" } else { "" };
            match is {
                Statistic::Random(_) => write!(f, " -m statistic --mode random{bang} --probability {}", is.share()),
                Statistic::Nth { every, packet, .. } => {
                    write!(f, " -m statistic --mode nth{bang} --every {every} --packet {packet}")
                }
            }
        }
        Match::Ipvs(ipvs) => write!(f, " -m ipvs{}", IpvsOptions(ipvs)),
        Match::Comment(text) => write!(f, " -m comment --comment {}", Quoted(text)),
    }
}

/// The options of `-m ipvs`, each with a blank before it.
pub struct IpvsOptions<'a>(pub &'a IpvsMatch);

impl Display for IpvsOptions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let IpvsMatch { property, protocol, address, port, is_reply, method, control_port } = self.0;
        if let Some(property) = property {
            f.write_str(if property.inverted { " ! --ipvs" } else { " --ipvs" })?;
        }
        protocol.iter().try_for_each(|it| Condition("--vproto", it).fmt(f))?;
        if let Some(Maybe { inverted, is }) = address {
            Condition("--vaddr", &Maybe { inverted: *inverted, is: listed(is) }).fmt(f)?;
        }
        port.iter().try_for_each(|it| Condition("--vport", it).fmt(f))?;
        if let Some(is_reply) = is_reply {
            write!(f, " --vdir {}", if *is_reply { "REPLY" } else { "ORIGINAL" })?;
        }
        if let Some(Maybe { inverted, is }) = method {
            let is = match is {
                Method::Masquerade => "MASQ",
                Method::Tunnel => "IPIP",
                Method::Route | Method::Bypass => "GATE",
            };
            Condition("--vmethod", &Maybe { inverted: *inverted, is }).fmt(f)?;
        }
        control_port.iter().try_for_each(|it| Condition("--vportctl", it).fmt(f))
    }
}

impl Specification<'_> {
    fn write_target(&self, f: &mut Formatter<'_>, target: &Target) -> fmt::Result {
        match target {
            Target::Count => Ok(()),
            Target::Accept => f.write_str(" -j ACCEPT"),
            Target::Drop => f.write_str(" -j DROP"),
            Target::Return => f.write_str(" -j RETURN"),
            Target::Reject(reject) => write!(f, " -j REJECT --reject-with {}", reject.name()),
            Target::Log(options) => write_log(f, options),
            Target::Mark(MarkBits { value, mask }) => write!(f, " -j MARK --set-xmark {value:#x}/{mask:#x}"),
            Target::Connmark(target) => write_connmark(f, *target),
            Target::Untrack(Untrack::Notrack) => f.write_str(" -j NOTRACK"),
            Target::Untrack(Untrack::Ct) => f.write_str(" -j CT --notrack"),
            Target::Untrack(Untrack::Nothing) => f.write_str(" -j CT"),
            Target::TcpMss(TcpMss::Set(mss)) => write!(f, " -j TCPMSS --set-mss {mss}"),
            Target::TcpMss(TcpMss::Clamp) => f.write_str(" -j TCPMSS --clamp-mss-to-pmtu"),
            Target::Translate(translation) => write_translation(f, translation),
            Target::Jump(chain) => write!(f, " -j {}", self.table.chain(*chain).name),
            Target::Goto(chain) => write!(f, " -g {}", self.table.chain(*chain).name),
        }
    }
}

fn write_log(f: &mut Formatter<'_>, options: &LogOptions) -> fmt::Result {
    const FLAGS: [(u8, &str); 5] = [
        (1, "--log-tcp-sequence"),
        (2, "--log-tcp-options"),
        (4, "--log-ip-options"),
        (8, "--log-uid"),
        (32, "--log-macdecode"),
    ];
    f.write_str(" -j LOG")?;
    if !options.prefix.is_empty() {
        write!(f, " --log-prefix {}", Quoted(&options.prefix))?;
    }
    if options.level != 4 {
        write!(f, " --log-level {}", options.level)?;
    }
    FLAGS.iter().filter(|(bit, _)| options.flags & bit != 0).try_for_each(|(_, name)| write!(f, " {name}"))
}

fn write_connmark(f: &mut Formatter<'_>, target: ConnmarkTarget) -> fmt::Result {
    f.write_str(" -j CONNMARK")?;
    match target {
        ConnmarkTarget::Set(MarkBits { value, mask }) => write!(f, " --set-xmark {value:#x}/{mask:#x}"),
        ConnmarkTarget::Save { nfmask, ctmask } => {
            write!(f, " --save-mark --nfmask {nfmask:#x} --ctmask {ctmask:#x}")
        }
        ConnmarkTarget::Restore { nfmask, ctmask } => {
            write!(f, " --restore-mark --nfmask {nfmask:#x} --ctmask {ctmask:#x}")
        }
    }
}

fn write_translation(f: &mut Formatter<'_>, translation: &Translation) -> fmt::Result {
    let (name, option, range) = match translation {
        Translation::Source(range) => ("SNAT", "--to-source", range),
        Translation::Destination(range) => ("DNAT", "--to-destination", range),
        Translation::Masquerade(range) => ("MASQUERADE", "--to-ports", range),
        Translation::Redirect(range) => ("REDIRECT", "--to-ports", range),
    };
    write!(f, " -j {name}")?;
    match (translation, range.ports) {
        (Translation::Source(_) | Translation::Destination(_), _) => write!(f, " {option} {}", range_text(range))?,
        (_, Some(ports)) => write!(f, " {option} {}", ports_text(ports))?,
        (_, None) => {}
    }
    let flags = [(range.random, "random"), (range.random_fully, "random-fully"), (range.persistent, "persistent")];
    flags.iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, name)| write!(f, " --{name}"))
}
