//! Two routers that have the address at once although their files agree: what keeps them from hearing one another.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::case::{Case, Noted, some};
use super::commands::{edit_and_restart, set_keyword, track_script};
use super::configuration::{Partners, block_of, is_advert, rejections};
use super::{Command, Evidence, Finding, Kind};
use crate::ids::{FrameId, NodeId};
use crate::keepalived::conf::Instance;
use crate::reason::{Drop, IpDrop, Loss, Machine, Note, Ruling};
use crate::sim::Station;
use crate::time::{Span, Time};
use crate::trace::Event;

/// Two machines that have an address for longer than this have not just changed places.
const CHANGING_PLACES: Span = Span::from_secs(1);

/// A time during which two machines had an address.
pub struct Overlap {
    address: Ipv4Addr,
    from: Time,
    to: Time,
}

impl Overlap {
    /// What was seen of it.
    pub fn evidence(&self, case: &Case<'_>, pair: &Partners<'_>) -> Evidence {
        let length = self.to.since(self.from).as_secs_f64();
        let text = format!("both {} have {} from here on, for {length:.1} s", pair.names(case), self.address);
        Evidence { at: Some(self.from), frame: None, text }
    }
}

/// When both partners had one of their addresses.
pub fn overlaps(case: &Case<'_>, pair: &Partners<'_>) -> Vec<Overlap> {
    let end = case.end();
    let mut found = Vec::new();
    for address in pair.shared() {
        let mut since: BTreeMap<NodeId, Time> = BTreeMap::new();
        let mut both: Option<Time> = None;
        let changes = case.notes().filter(|noted| pair.has(noted.node));
        for noted in changes {
            let Note::Machine(machine) = noted.note else { continue };
            match machine {
                Machine::Holds { address: of, .. } if *of == address => {
                    since.entry(noted.node).or_insert(noted.at);
                }
                Machine::HoldsNoMore { address: of, .. } if *of == address => {
                    since.remove(&noted.node);
                }
                Machine::PowerLost => {
                    since.remove(&noted.node);
                }
                _ => continue,
            }
            match (both, since.len()) {
                (None, 2) => both = Some(noted.at),
                (Some(from), 0 | 1) => {
                    found.push(Overlap { address, from, to: noted.at });
                    both = None;
                }
                _ => {}
            }
        }
        found.extend(both.map(|from| Overlap { address, from, to: end }));
    }
    found.retain(|overlap| overlap.to.since(overlap.from) > CHANGING_PLACES);
    found.sort_by_key(|overlap| overlap.from);
    found
}

/// Split brain of partners whose files agree.
pub fn brain(case: &Case<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for pair in Partners::of(case) {
        let overlaps = overlaps(case, &pair);
        let Some(first) = overlaps.first() else { continue };
        if pair.difference(case).is_some() {
            continue;
        }
        let causes = [filtered, multicast_dropped, stopped, lost, late];
        let found = causes.iter().map(|cause| cause(case, &pair, first)).find(|found| !found.is_empty());
        let mut found = found.unwrap_or_else(|| vec![unexplained(case, &pair)]);
        for finding in &mut found {
            finding.evidence.insert(0, first.evidence(case, &pair));
        }
        // Routers with several instances have one brain to split.
        found.retain(|finding| !findings.iter().any(|known| known.what == finding.what));
        findings.extend(found);
    }
    findings
}

/// A firewall on one of the two drops advertisements.
fn filtered(case: &Case<'_>, pair: &Partners<'_>, overlap: &Overlap) -> Vec<Finding> {
    let mut rules: BTreeMap<(NodeId, String), (Vec<Noted<'_>>, &Ruling)> = BTreeMap::new();
    let dropped = case.drops(|drop| match drop {
        Drop::Netfilter(ruling) => Some(ruling),
        _ => None,
    });
    for (noted, ruling) in dropped {
        // What a machine does not let out never becomes a frame: the rule must speak of VRRP then.
        let is_vrrp = match case.facts(&noted) {
            Some(facts) => is_advert(&facts),
            None => ruling.rule.as_ref().is_some_and(|(_, rule)| rule.contains("vrrp") || rule.contains("-p 112")),
        };
        if pair.has(noted.node) && is_vrrp && noted.at <= overlap.to {
            rules.entry((noted.node, ruling.to_string())).or_insert((Vec::new(), ruling)).0.push(noted);
        }
    }
    rules
        .into_iter()
        .map(|((node, words), (notes, ruling))| Finding {
            kind: Kind::AdvertsFiltered,
            what: format!("{} drops the advertisements of VRRP by {words}.", case.name(node)),
            evidence: some(notes.iter().map(|noted| case.saw(noted))).into_iter().take(2).collect(),
            cause: case.rule(node, ruling),
            fix: vec![case.fix(node, format!("iptables -I {} -p vrrp -j ACCEPT", ruling.chain))],
        })
        .collect()
}

/// A switch drops multicast.
fn multicast_dropped(case: &Case<'_>, pair: &Partners<'_>, overlap: &Overlap) -> Vec<Finding> {
    let lost = adverts_lost(case, pair, overlap, |loss| matches!(loss, Loss::MulticastFiltered { .. }));
    if lost.is_empty() {
        return Vec::new();
    }
    let own = |node: NodeId| case.machine(node).addresses().find(|(on, it)| on.switch.is_some() && !it.floats);
    let peer = |node: NodeId, other: NodeId| -> Option<Command> {
        let (_, address) = own(other)?;
        let edit = format!("s/virtual_router_id/unicast_peer {{\\n{}\\n}}\\n&/", address.net.addr());
        Some(edit_and_restart(case, node, &edit))
    };
    let [(one, ours), (other, _)] = pair.routers;
    vec![Finding {
        kind: Kind::MulticastDropped,
        what: format!(
            "{} never hear one another: advertisements are multicast, and the network drops that.",
            pair.names(case)
        ),
        evidence: some(lost),
        cause: block_of(case, one, ours),
        fix: [peer(one, other), peer(other, one)].into_iter().flatten().collect(),
    }]
}

/// keepalived was stopped by a signal: it says nothing, and its address stays.
fn stopped(case: &Case<'_>, pair: &Partners<'_>, _: &Overlap) -> Vec<Finding> {
    let is_stop = |line: &str| {
        let words = line.split_whitespace();
        (line.contains("kill") || line.contains("pkill"))
            && words.clone().any(|it| matches!(it, "-STOP" | "-19" | "-SIGSTOP"))
    };
    let Some(cause) = case.first_command(|node, line| pair.has(node) && is_stop(line)) else { return Vec::new() };
    let Some(node) = case.node(&cause.node) else { return Vec::new() };
    vec![Finding {
        kind: Kind::MasterStopped,
        what: format!(
            "keepalived on {} is stopped: it advertises nothing any more, but the address is still there, and answers.",
            case.name(node)
        ),
        evidence: Vec::new(),
        cause: Some(cause),
        fix: vec![case.fix(node, "killall -CONT keepalived")],
    }]
}

/// Advertisements get lost on the way between the two.
fn lost(case: &Case<'_>, pair: &Partners<'_>, overlap: &Overlap) -> Vec<Finding> {
    let mut evidence =
        adverts_lost(case, pair, overlap, |loss| !matches!(loss, Loss::NobodyElse | Loss::SamePort { .. }));
    let unsent = case.drops(|drop| matches!(drop, Drop::Ip(IpDrop::NoCarrier { .. })).then_some(()));
    let unsent = unsent.iter().filter(|(noted, ())| pair.has(noted.node) && noted.at <= overlap.to);
    evidence.extend(unsent.map(|(noted, ())| case.saw(noted)));
    let [(one, ours), _] = pair.routers;
    if evidence.len() < 2 {
        return Vec::new();
    }
    vec![Finding {
        kind: Kind::HeartbeatDead,
        what: format!(
            "{} do not hear one another, since what they send gets lost between them: each believes the other one dead.",
            pair.names(case)
        ),
        evidence: some(evidence),
        cause: case.keyword(one, &format!("vrrp_instance {}", ours.name), "interface"),
        fix: pair.routers.map(|(node, it)| cure(case, node, it)).into(),
    }]
}

/// What helps a router whose partner cannot be heard: to speak where the clients are, or to ask whether it is alone.
fn cure(case: &Case<'_>, node: NodeId, it: &Instance) -> Command {
    let clients = it.vips.first().and_then(|vip| vip.device.clone()).filter(|device| *device != it.interface);
    match clients {
        Some(device) => set_keyword(case, node, " interface", &device),
        None => {
            let machine = case.machine(node);
            let gateway = machine.routes.first().map(|route| route.gateway);
            let other = || {
                let others = case.machines().filter(|(other, it)| *other != node && it.virtual_routers.is_empty());
                others.filter_map(|(other, _)| case.address_beside(other, node)).next()
            };
            let asked = gateway.or_else(other).unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
            track_script(case, node, &format!("ping -c 1 -W 1 {asked}"), "interval 1\\nfall 2")
        }
    }
}

/// The master is alive, but its advertisements come late.
fn late(case: &Case<'_>, pair: &Partners<'_>, _: &Overlap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, instance) in pair.routers {
        let sent = case.journeys.frames().filter(|(id, sent)| sent.node == node && is_advert(&case.facts_of(*id)));
        let times: Vec<(Time, FrameId)> = sent.map(|(id, sent)| (sent.at, id)).collect();
        let patience = instance.advert_interval.times(u64::from(instance.down_timer_adverts));
        let gaps = times.windows(2).filter(|pair| pair[1].0.since(pair[0].0) > patience);
        let evidence: Vec<_> = gaps
            .map(|pair| Evidence {
                at: Some(pair[1].0),
                frame: Some(pair[1].1),
                text: format!(
                    "{} advertises itself {:.1} s after its last advertisement",
                    case.name(node),
                    pair[1].0.since(pair[0].0).as_secs_f64()
                ),
            })
            .collect();
        if evidence.is_empty() {
            continue;
        }
        findings.push(Finding {
            kind: Kind::AdvertsLate,
            what: format!(
                "{} is master and alive, but its advertisements come later than its partner waits: it is overloaded.",
                case.name(node)
            ),
            evidence: some(evidence),
            cause: case.keyword(node, &format!("vrrp_instance {}", instance.name), "advert_int"),
            fix: vec![set_keyword(case, node, "advert_int", "3")],
        });
        // The partner was silent as a backup, and is not late.
        break;
    }
    findings
}

fn unexplained(case: &Case<'_>, pair: &Partners<'_>) -> Finding {
    let [(one, ours), (other, _)] = pair.routers;
    let rejected = rejections(case, pair);
    if !rejected.is_empty() {
        return Finding {
            kind: Kind::AdvertRejected,
            what: format!("{} hear one another and do not believe what they hear: both are master.", pair.names(case)),
            evidence: rejected,
            cause: block_of(case, one, ours),
            fix: vec![case.fix(other, "diff /etc/keepalived/keepalived.conf with the file of its partner")],
        };
    }
    Finding {
        kind: Kind::TwoMasters,
        what: format!("{} have the same virtual address at the same time.", pair.names(case)),
        evidence: Vec::new(),
        cause: block_of(case, one, ours),
        fix: vec![case.fix(other, "journalctl -u keepalived")],
    }
}

/// Advertisements of the two that were lost on their way before an overlap was over.
fn adverts_lost(
    case: &Case<'_>,
    pair: &Partners<'_>,
    overlap: &Overlap,
    is_it: impl Fn(&Loss) -> bool,
) -> Vec<Evidence> {
    let lost = case.trace().records().filter(|record| record.at <= overlap.to);
    let told = lost.filter_map(|record| match record.event {
        Event::Lost { hop, id, loss } if is_it(loss) => {
            let sender = case.journeys.frame(id).filter(|_| is_advert(&case.facts_of(id)))?.node;
            let place = match hop.from.station {
                Station::Node(node) => format!("the cable of {}", case.name(node)),
                Station::Switch(_) => format!("switch {}", case.trace().cast.station(hop.from.station)),
            };
            let text = format!("an advertisement of {} is lost on {place}: {loss}", case.name(sender));
            pair.has(sender).then_some(Evidence { at: Some(record.at), frame: Some(id), text })
        }
        _ => None,
    });
    told.collect()
}
