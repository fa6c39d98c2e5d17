//! What is wrong in the files of keepalived, each by itself and those of partners held against one another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::case::{Case, fact, or_fact, some};
use super::commands::{edit_and_reload, edit_and_restart, set_keyword};
use super::split::overlaps;
use super::{Cause, Evidence, Finding, Kind};
use crate::ids::NodeId;
use crate::keepalived::conf::{Authentication, Instance, KEYWORDS, Message, Severity, shown};
use crate::reason::{Console, Note};
use crate::scenario::nearest;
use crate::trace::Facts;
use crate::wire::proto;

/// What keepalived itself complains of.
pub fn keepalived_says(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, keepalived) in case.keepaliveds() {
        let mut said: BTreeMap<(Kind, String), Vec<&Message>> = BTreeMap::new();
        for message in &keepalived.messages {
            let kind = kind_of(message);
            let about = match (kind, message.line) {
                // Several remarks on a line are one matter.
                (Kind::ConfigurationRemark, Some(line)) => line.to_string(),
                _ => message.text.clone(),
            };
            let known = said.entry((kind, about)).or_default();
            // Each of its processes reads the file, and says what it sees.
            if !known.iter().any(|it| (it.line, &it.text) == (message.line, &message.text)) {
                known.push(message);
            }
        }
        // Other remarks without a place are about habits, not about mistakes.
        said.retain(|(kind, _), messages| *kind != Kind::ConfigurationRemark || messages[0].line.is_some());
        findings.extend(said.into_iter().map(|((kind, _), messages)| complaint(case, node, kind, &messages)));
    }
    findings
}

fn kind_of(message: &Message) -> Kind {
    let text = message.text.as_str();
    let is_mistake = ["Unknown keyword", "Config files missing", "There are ", "Invalid sorry server"];
    let ends = matches!(message.severity, Severity::Missing | Severity::Fatal | Severity::Crash);
    if text.contains("nopreempt will not work") {
        Kind::NopreemptIgnored
    } else if ends || is_mistake.iter().any(|start| text.starts_with(start)) {
        Kind::ConfigurationMistake
    } else {
        Kind::ConfigurationRemark
    }
}

fn complaint(case: &Case<'_>, node: NodeId, kind: Kind, messages: &[&Message]) -> Finding {
    let name = case.name(node);
    let text = messages[0].text.as_str();
    let place = messages[0].line.map(|line| match &messages[0].file {
        Some(file) => case.written_in(node, file, line),
        None => case.written(node, line),
    });
    let (what, cause, fix) = match kind {
        Kind::NopreemptIgnored => (
            format!("{name} takes the address back in spite of nopreempt, which counts only with state BACKUP."),
            case.keyword(node, "vrrp_instance", "state"),
            set_keyword(case, node, "state", "BACKUP"),
        ),
        _ if text.starts_with("Unknown keyword") => {
            let word = text.split('\'').nth(1).unwrap_or_default();
            let meant = nearest(word, KEYWORDS.iter().copied()).filter(|near| *near != word);
            let hint = meant.map_or(String::new(), |near| format!(": is it {near}?"));
            let edit = meant.map_or_else(|| format!("/{word}/d"), |near| format!("s/{word}/{near}/"));
            (
                format!("keepalived on {name} does not know {word} there, and goes on without it{hint}"),
                place,
                edit_and_reload(case, node, &edit),
            )
        }
        _ => {
            let all: Vec<_> = messages.iter().map(|message| message.text.as_str()).collect();
            let what = format!("keepalived on {name} says of its configuration: {}", all.join("; "));
            (what, place, case.fix(node, "keepalived -t"))
        }
    };
    let at = |message: &&Message| message.line.map_or(String::new(), |line| format!(" (line {line})"));
    let said = messages.iter().map(|message| fact(format!("keepalived says: {}{}", message.text, at(message))));
    let evidence = logged(case, node, text).map_or_else(|| some(said), |seen| vec![seen]);
    Finding { kind, what, evidence, cause, fix: vec![fix] }
}

/// The first time that a machine has logged this.
fn logged(case: &Case<'_>, node: NodeId, words: &str) -> Option<Evidence> {
    let is_it = |note: &Note| matches!(note, Note::Console(Console::Logged { text, .. }) if text.contains(words));
    case.notes().find(|noted| noted.node == node && is_it(noted.note)).map(|noted| case.saw(&noted))
}

/// quorum and hysteresis that all servers together do not reach: once it is lost, it is lost for ever.
pub fn quorum_out_of_reach(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, keepalived) in case.keepaliveds() {
        for it in &keepalived.config.services {
            let all: i64 = it.servers.iter().map(|server| i64::from(server.weight.unwrap_or(it.weight))).sum();
            let needed = i64::from(it.quorum) + i64::from(it.hysteresis);
            if needed <= all || it.sorry.is_none() {
                continue;
            }
            let cause = case.line_of(node, &["hysteresis"]).or_else(|| case.line_of(node, &["quorum"]));
            findings.push(Finding {
                kind: Kind::QuorumOutOfReach,
                what: format!(
                    "The sorry server of {} never yields: the quorum is gained at {needed}, and all servers together weigh {all}.",
                    shown(it)
                ),
                evidence: logged(case, node, "sorry server")
                    .into_iter()
                    .chain([fact(format!(
                        "quorum {} and hysteresis {} make {needed}; {} servers weigh {all}",
                        it.quorum,
                        it.hysteresis,
                        it.servers.len()
                    ))])
                    .collect(),
                cause,
                fix: vec![edit_and_reload(case, node, "s/quorum .*/quorum 1/; s/hysteresis .*/hysteresis 0/")],
            });
        }
    }
    findings
}

/// Two virtual routers that are to be partners: some address is both their own.
#[derive(Clone, Copy)]
pub struct Partners<'a> {
    /// One and the other, in the order of the file.
    pub routers: [(NodeId, &'a Instance); 2],
}

impl Partners<'_> {
    /// All pairs of partners.
    pub fn of<'a>(case: &'a Case<'_>) -> Vec<Partners<'a>> {
        let routers: Vec<_> = case
            .keepaliveds()
            .flat_map(|(node, it)| it.config.instances.iter().map(move |instance| (node, instance)))
            .collect();
        let mut pairs = Vec::new();
        for (place, one) in routers.iter().enumerate() {
            for other in &routers[place + 1..] {
                let shared = addresses(one.1).intersection(&addresses(other.1)).next().is_some();
                if one.0 != other.0 && shared {
                    pairs.push(Partners { routers: [*one, *other] });
                }
            }
        }
        pairs
    }

    /// Both names, as in a sentence.
    pub fn names(&self, case: &Case<'_>) -> String {
        let [(one, _), (other, _)] = self.routers;
        format!("{} and {}", case.name(one), case.name(other))
    }

    /// The addresses that both are to hold.
    pub fn shared(&self) -> BTreeSet<Ipv4Addr> {
        let [(_, one), (_, other)] = self.routers;
        addresses(one).intersection(&addresses(other)).copied().collect()
    }

    /// Whether one of the two is this machine.
    pub fn has(&self, node: NodeId) -> bool {
        self.routers.iter().any(|(it, _)| *it == node)
    }

    /// How the two differ so that they cannot agree on a master.
    pub fn difference(&self, case: &Case<'_>) -> Option<Kind> {
        let [(one, ours), (other, theirs)] = self.routers;
        let switch = |node, instance: &Instance| {
            let machine = case.machine(node);
            machine.interfaces.iter().find(|it| it.name == instance.interface)?.switch
        };
        let authentication = |it: &Instance| match &it.authentication {
            Some(Authentication::Password(password)) => Some(*password),
            _ => None,
        };
        let listed = |it: &Instance| it.vips.iter().map(|vip| vip.net.addr()).collect::<BTreeSet<_>>();
        let is_unicast = ours.is_unicast() && theirs.is_unicast();
        match () {
            () if switch(one, ours) != switch(other, theirs) && !is_unicast => Some(Kind::WrongInterface),
            () if ours.vrid != theirs.vrid => Some(Kind::VridsDiffer),
            () if ours.version != theirs.version => Some(Kind::AdvertRejected),
            () if ours.version == 2 && authentication(ours) != authentication(theirs) => Some(Kind::PasswordsDiffer),
            () if ours.version == 2 && ours.advert_interval != theirs.advert_interval => Some(Kind::IntervalsDiffer),
            () if listed(ours) != listed(theirs) => Some(Kind::AddressesDiffer),
            () => None,
        }
    }
}

fn addresses(it: &Instance) -> BTreeSet<Ipv4Addr> {
    it.vips.iter().chain(&it.excluded).map(|vip| vip.net.addr()).collect()
}

/// Partners that differ in what they must agree on.
pub fn partners_differ(case: &Case<'_>) -> Vec<Finding> {
    let pairs = Partners::of(case);
    pairs.iter().filter_map(|pair| Some(differ(case, pair, pair.difference(case)?))).collect()
}

fn differ(case: &Case<'_>, pair: &Partners<'_>, kind: Kind) -> Finding {
    let [(one, ours), (other, theirs)] = pair.routers;
    let names = pair.names(case);
    let seconds = |it: &Instance| it.advert_interval.as_secs_f64().to_string();
    let password = |it: &Instance| match &it.authentication {
        Some(Authentication::Password(password)) => String::from_utf8_lossy(password).trim_end_matches('\0').to_owned(),
        _ => "none".to_owned(),
    };
    let list = |it: &Instance| it.vips.iter().map(|vip| vip.net.addr().to_string()).collect::<Vec<_>>().join(" ");
    let (keyword, ours_is, theirs_is) = match kind {
        Kind::AdvertRejected => ("version", ours.version.to_string(), theirs.version.to_string()),
        Kind::WrongInterface => ("interface", ours.interface.clone(), theirs.interface.clone()),
        Kind::VridsDiffer => ("virtual_router_id", ours.vrid.to_string(), theirs.vrid.to_string()),
        Kind::PasswordsDiffer => ("auth_pass", password(ours), password(theirs)),
        Kind::IntervalsDiffer => ("advert_int", seconds(ours), seconds(theirs)),
        _ => ("virtual_ipaddress", list(ours), list(theirs)),
    };
    let what = match kind {
        Kind::AdvertRejected => {
            format!(
                "{names} speak versions {ours_is} and {theirs_is} of VRRP: neither believes the other, and both are master."
            )
        }
        Kind::WrongInterface => format!(
            "{names} speak on different networks ({ours_is} and {theirs_is}): neither hears the other, and both are master."
        ),
        Kind::VridsDiffer => format!(
            "{names} have different virtual_router_ids ({ours_is} and {theirs_is}): to each the other is a stranger, and both \
             are master."
        ),
        Kind::PasswordsDiffer => {
            format!("{names} have different passwords: each rejects what the other one says, and both are master.")
        }
        Kind::IntervalsDiffer => format!(
            "{names} advertise themselves at different intervals ({ours_is} s and {theirs_is} s), which VRRP version 2 \
             rejects: both are master."
        ),
        _ => format!(
            "{names} have different lists of addresses: each rejects the advertisements of the other, and both are master."
        ),
    };
    let mut evidence = rejections(case, pair);
    evidence.extend(overlap(case, pair));
    let evidence = or_fact(evidence, || {
        format!("{keyword}: {ours_is} on {}, {theirs_is} on {}", case.name(one), case.name(other))
    });
    let block = format!("vrrp_instance {}", theirs.name);
    let fix = match kind {
        Kind::AddressesDiffer => {
            let missing: Vec<_> = addresses(theirs).difference(&addresses(ours)).copied().collect();
            let (node, at, lacking) = match missing.first() {
                Some(first) => (one, list_start(ours), *first),
                None => {
                    let more = addresses(ours);
                    let first = more.difference(&addresses(theirs)).next().copied();
                    (other, list_start(theirs), first.unwrap_or(Ipv4Addr::UNSPECIFIED))
                }
            };
            edit_and_restart(case, node, &format!("/virtual_ipaddress {{/a {lacking}{at}"))
        }
        _ => set_keyword(case, other, keyword, &ours_is),
    };
    Finding { kind, what, evidence, cause: case.keyword(other, &block, keyword), fix: vec![fix] }
}

/// The prefix with which a router lists its first address.
fn list_start(it: &Instance) -> String {
    it.vips.first().map_or(String::new(), |vip| format!("/{}", vip.net.prefix_len()))
}

/// What partners have said about one another's advertisements.
pub fn rejections(case: &Case<'_>, pair: &Partners<'_>) -> Vec<Evidence> {
    const WORDS: &[&str] = &["invalid passwd", "wrong version", "expecting", "expected", "mismatch", "not present in"];
    let is_it = |note: &Note| matches!(note, Note::Console(Console::Logged { text, .. }) if WORDS.iter().any(|words| text.contains(words)));
    let said = case.notes().filter(|noted| pair.has(noted.node) && is_it(noted.note));
    said.take(2).map(|noted| case.saw(&noted)).collect()
}

fn overlap(case: &Case<'_>, pair: &Partners<'_>) -> Option<Evidence> {
    overlaps(case, pair).first().map(|overlap| overlap.evidence(case, pair))
}

/// Whether a frame is an advertisement.
pub fn is_advert(facts: &Facts) -> bool {
    matches!(facts.protocol, Some(proto::VRRP | proto::AH))
}

/// The line of keepalived.conf at which a router begins.
pub fn block_of(case: &Case<'_>, node: NodeId, it: &Instance) -> Option<Cause> {
    case.line_of(node, &["vrrp_instance", &it.name])
}
