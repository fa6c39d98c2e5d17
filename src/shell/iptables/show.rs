//! Tables as `iptables -L`, `-S` and `iptables-save` print them.

use std::fmt::Write;

use super::details::{details, target_details};
use crate::host::netfilter::{
    Base, Chain, ChainId, Maybe, Network, Rule, Table, Target, Translation, listed, protocol_name,
};

/// How `-L` lists.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    /// `-n`
    pub numeric: bool,
    /// `-v`
    pub verbose: bool,
    /// `-x`
    pub exact: bool,
    /// `--line-numbers`
    pub line_numbers: bool,
}

/// `-S` for one chain or all.
pub(super) fn specifications(out: &mut String, table: &Table, only: Option<ChainId>, number: Option<usize>) {
    let chains = only.map_or_else(|| table.chains(), |id| vec![id]);
    if number.is_none() {
        for &id in &chains {
            let _ = match table.chain(id) {
                Chain { name, base: Some(base), .. } => writeln!(out, "-P {name} {}", policy(base)),
                Chain { name, base: None, .. } => writeln!(out, "-N {name}"),
            };
        }
    }
    for &id in &chains {
        rules(out, table, id, number);
    }
}

fn rules(out: &mut String, table: &Table, id: ChainId, number: Option<usize>) {
    let Chain { name, rules, .. } = table.chain(id);
    for (_, rule) in rules.iter().enumerate().filter(|(index, _)| number.is_none_or(|number| number == index + 1)) {
        let _ = writeln!(out, "-A {name}{}", table.specification(rule));
    }
}

/// What `iptables-save` writes about a table.
pub(super) fn save(out: &mut String, table: &Table) {
    let _ = writeln!(out, "*{}", table.name);
    for id in table.chains() {
        let _ = match table.chain(id) {
            Chain { name, base: Some(base), .. } => {
                let counters = base.counters.unwrap_or_default();
                writeln!(out, ":{name} {} [{}:{}]", policy(base), counters.packets, counters.bytes)
            }
            Chain { name, base: None, .. } => writeln!(out, ":{name} - [0:0]"),
        };
    }
    for id in table.chains() {
        rules(out, table, id, None);
    }
    out.push_str("COMMIT\n");
}

fn policy(base: &Base) -> &'static str {
    if base.accepts { "ACCEPT" } else { "DROP" }
}

/// `-L` for one chain or all.
pub(super) fn list(out: &mut String, table: &Table, only: Option<ChainId>, number: Option<usize>, style: Style) {
    let chains = only.map_or_else(|| table.chains(), |id| vec![id]);
    for (index, &id) in chains.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if number.is_none() {
            heading(out, table, id, style);
        }
        for (index, rule) in table.chain(id).rules.iter().enumerate() {
            if number.is_none_or(|number| number == index + 1) {
                line(out, table, index + 1, rule, style);
            }
        }
    }
}

fn heading(out: &mut String, table: &Table, id: ChainId, style: Style) {
    let Chain { name, base, .. } = table.chain(id);
    let _ = match base {
        Some(base) if style.verbose => {
            let counters = base.counters.unwrap_or_default();
            let (packets, bytes) = (count(counters.packets, style), count(counters.bytes, style));
            writeln!(out, "Chain {name} (policy {} {packets} packets, {bytes} bytes)", policy(base))
        }
        Some(base) => writeln!(out, "Chain {name} (policy {})", policy(base)),
        None => writeln!(out, "Chain {name} ({} references)", table.references(id)),
    };
    if style.line_numbers {
        out.push_str("num  ");
    }
    if style.verbose {
        out.push_str(if style.exact { "    pkts      bytes " } else { " pkts bytes " });
    }
    out.push_str("target     prot opt ");
    if style.verbose {
        out.push_str("in     out     ");
    }
    out.push_str("source               destination         \n");
}

/// A counter as xtables_print_num writes it: in thousands, millions, ... where it has more than five digits.
fn count(number: u64, style: Style) -> String {
    if style.exact || number <= 99_999 {
        return number.to_string();
    }
    let mut scaled = number;
    for unit in ["K", "M", "G"] {
        scaled = (scaled + 500) / 1000;
        if scaled <= 9999 {
            return format!("{scaled}{unit}");
        }
    }
    format!("{}T", (scaled + 500) / 1000)
}

fn line(out: &mut String, table: &Table, number: usize, rule: &Rule, style: Style) {
    if style.line_numbers {
        let _ = write!(out, "{number:<4} ");
    }
    if style.verbose {
        let width = if style.exact { 8 } else { 5 };
        let (packets, bytes) = (count(rule.counters.packets, style), count(rule.counters.bytes, style));
        let _ = write!(out, "{packets:>width$} {bytes:>width$} ");
    }
    let target = match &rule.target {
        Target::Count => "",
        Target::Accept => "ACCEPT",
        Target::Drop => "DROP",
        Target::Reject(_) => "REJECT",
        Target::Return => "RETURN",
        Target::Log(_) => "LOG",
        Target::Mark(_) => "MARK",
        Target::Connmark(_) => "CONNMARK",
        Target::Untrack(_) => "CT",
        Target::TcpMss(_) => "TCPMSS",
        Target::Translate(Translation::Source(_)) => "SNAT",
        Target::Translate(Translation::Destination(_)) => "DNAT",
        Target::Translate(Translation::Masquerade(_)) => "MASQUERADE",
        Target::Translate(Translation::Redirect(_)) => "REDIRECT",
        Target::Jump(chain) | Target::Goto(chain) => &table.chain(*chain).name,
    };
    let (inverted, number) = rule.protocol.as_ref().map_or((false, 0), |it| (it.inverted, it.is));
    let protocol = match number {
        _ if style.numeric => number.to_string(),
        0 => "all".to_owned(),
        _ => protocol_name(number).map_or_else(|| number.to_string(), str::to_owned),
    };
    let fragment = rule.fragment.as_ref().map_or("--", |it| if it.inverted { "!f" } else { "-f" });
    let _ = write!(out, "{target:<9} {}{protocol:<4} {fragment} ", mark(inverted));
    if style.verbose {
        let any = if style.numeric { "*" } else { "any" };
        for name in [&rule.iif, &rule.oif] {
            let shown = name
                .as_ref()
                .map_or_else(|| any.to_owned(), |name| format!("{}{}", if name.inverted { "!" } else { "" }, name.is));
            let _ = write!(out, " {shown:<6}");
        }
        out.push(' ');
    }
    for side in [&rule.source, &rule.destination] {
        let inverted = side.as_ref().is_some_and(|it| it.inverted);
        let _ = write!(out, "{}{:<19} ", mark(inverted), address(side.as_ref(), style));
    }
    if let Target::Goto(_) = rule.target {
        out.push_str("[goto] ");
    }
    rule.matches.iter().for_each(|condition| details(out, condition, style));
    target_details(out, &rule.target, style);
    out.push('\n');
}

fn mark(inverted: bool) -> char {
    if inverted { '!' } else { ' ' }
}

fn address(network: Option<&Maybe<Network>>, style: Style) -> String {
    match network {
        None if style.numeric => "0.0.0.0/0".to_owned(),
        None => "anywhere".to_owned(),
        Some(network) => listed(&network.is),
    }
}
