//! What follows from several keywords of an instance, and from several instances (vrrp.c vrrp_complete_instance,
//! sync_group_tracking_init, check_vrid_conflicts).

use super::instance::Draft;
use super::model::{Authentication, Group, Instance, Script, Track, Watch};
use crate::keepalived::conf::parser::Parser;
use crate::keepalived::conf::source::Files;
use crate::time::Span;

/// The priority of the owner of the addresses.
const OWNER: u8 = 255;

/// How many addresses fit into a message.
const MOST_ADDRESSES: usize = 255;

/// An instance of which all keywords have been read.
pub fn finished(parser: &mut Parser, draft: Draft) -> Instance {
    let Draft { instance: mut it, authentication: kind, password, .. } = draft;
    let name = it.name.clone();
    let global = parser.config.global.clone();
    it.strict = draft.strict.unwrap_or(global.strict);
    it.version = draft.version.unwrap_or(if it.vips.is_empty() && it.ipv6 > 0 { 3 } else { global.version });
    unicast(parser, &mut it, draft.mentions_unicast, draft.is_fault_without_peers, draft.unicast_ttl);
    if it.vrid == 0 {
        parser.fatal_at_the_end(format!("({name}) the virtual router id must be set"));
        return it;
    }
    if it.interface.is_empty() && it.peers.is_empty() {
        parser.fatal_at_the_end(format!("({name}) Unknown interface!"));
        return it;
    }
    it.vmac = draft.vmac;
    if let Some(vmac) = &mut it.vmac {
        vmac.advertises_below = draft.advertises_below;
        if draft.mentions_unicast && !vmac.advertises_below {
            parser.warn_at_the_end(format!("({name}) unicast with use_vmac requires vmac_xmit_base - setting"));
            vmac.advertises_below = true;
        }
        if vmac.name.is_none() && global.vmac_prefix != "vrrp" {
            vmac.name = Some(format!("{}.{}", global.vmac_prefix, it.vrid));
        }
    } else if draft.advertises_below {
        parser.warn_at_the_end(format!("({name}) vmac_xmit_base is only valid with a vmac"));
    }
    no_addresses(parser, &it);
    it.priority = draft.priority.unwrap_or(if it.starts_as_master == Some(true) { OWNER } else { 100 });
    state(parser, &mut it);
    it.authentication = secret(parser, &it, kind, password);
    if it.vips.len() > MOST_ADDRESSES {
        let count = it.vips.len();
        parser.warn_at_the_end(format!(
            "({name}) Number of VIPs ({count}) exceeds maximum/space available in packet (max {MOST_ADDRESSES} \
             addresses) - excess moved to eVIPs"
        ));
        let excess = it.vips.split_off(MOST_ADDRESSES);
        it.excluded.extend(excess);
    }
    preemption(parser, &mut it);
    accept(parser, &mut it, draft.accept);
    strictness(parser, &mut it, draft.lower_priority_no_advert, draft.higher_priority_send_advert);
    it.tells_priority = draft.notify_priority_changes.unwrap_or(global.tells_priority);
    it.advert_interval = interval(parser, &it);
    it.tracks_source &= it.source.is_some();
    let own = it.interface.clone();
    it.tracks.retain(|track| {
        let is_own = track.watch == Watch::Interface(own.clone());
        if is_own {
            parser.warn_at_the_end(format!("({name}) Ignoring track_interface {own} since own interface"));
        }
        !is_own
    });
    it
}

fn unicast(parser: &mut Parser, it: &mut Instance, is_mentioned: bool, is_fault: bool, ttl: Option<u8>) {
    let name = &it.name;
    if it.peers.is_empty() && ttl.is_some() {
        parser.warn_at_the_end(format!("({name}): Cannot use unicast_ttl without unicast peers - resetting"));
    } else {
        it.unicast_ttl = ttl.unwrap_or(it.unicast_ttl);
    }
    if !is_mentioned || !it.peers.is_empty() {
        return;
    }
    it.lacks_peers = is_fault;
    if !is_fault {
        parser.warn_at_the_end(format!(
            "({name}) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage \
             is deprecated - please update your configuration."
        ));
    }
}

fn no_addresses(parser: &mut Parser, it: &Instance) {
    if !it.vips.is_empty() || it.ipv6 > 0 {
        return;
    }
    let name = &it.name;
    if it.version == 3 || it.strict {
        parser.fatal_at_the_end(format!("({name}) No VIP specified; at least one is required"));
    } else {
        parser.warn_at_the_end(format!("({name}) No VIP specified; at least one is sensible"));
    }
}

/// What it wants to be at first, and whether strict mode lets it.
fn state(parser: &mut Parser, it: &mut Instance) {
    let (name, is_owner) = (&it.name, it.priority == OWNER);
    match it.starts_as_master {
        None => it.starts_as_master = is_owner.then_some(true),
        Some(is_master) if it.strict && is_master != is_owner => {
            parser.warn_at_the_end(format!("({name}) State MASTER must match being address owner"));
            it.starts_as_master = Some(is_owner);
        }
        Some(_) => {}
    }
}

fn secret(
    parser: &mut Parser,
    it: &Instance,
    kind: Option<String>,
    password: Option<String>,
) -> Option<Authentication> {
    let (name, kind) = (&it.name, kind?);
    let complaint = match &password {
        _ if it.strict => "Strict mode does not support authentication. Ignoring.",
        _ if it.version == 3 => "VRRP version 3 does not support authentication. Ignoring.",
        None => "Authentication specified but no password given. Ignoring",
        Some(password) => {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(password.bytes()).for_each(|(byte, given)| *byte = given);
            if kind == "PASS" {
                return Some(Authentication::Password(bytes));
            }
            if it.starts_as_master == Some(true) && it.priority != OWNER {
                let text = "Initial state master is incompatible with AH authentication - clearing";
                parser.warn_at_the_end(format!("({name}) {text}"));
            }
            return Some(Authentication::Header(bytes));
        }
    };
    parser.warn_at_the_end(format!("({name}) {complaint}"));
    None
}

fn preemption(parser: &mut Parser, it: &mut Instance) {
    let name = it.name.clone();
    let mut warn = |text: &str| parser.warn_at_the_end(format!("({name}) {text}"));
    if it.priority == OWNER && it.nopreempt {
        warn("nopreempt is incompatible with priority 255. resetting nopreempt");
        it.nopreempt = false;
    }
    if it.starts_as_master == Some(true) {
        if it.nopreempt {
            warn("Warning - nopreempt will not work with initial state MASTER - clearing");
            it.nopreempt = false;
        }
        if it.preempt_delay > Span::ZERO {
            warn("Warning - preempt delay will not work with initial state MASTER - clearing");
            it.preempt_delay = Span::ZERO;
        }
    }
    if it.preempt_delay > Span::ZERO && it.strict {
        warn("preempt_delay is incompatible with strict mode - resetting");
        it.preempt_delay = Span::ZERO;
    }
    if it.preempt_delay > Span::ZERO && it.nopreempt {
        warn("preempt_delay is incompatible with nopreempt mode - resetting");
        it.preempt_delay = Span::ZERO;
    }
    if it.down_timer_adverts != 3 && it.strict {
        warn("down_timer_adverts is incompatible with strict mode - resetting");
        it.down_timer_adverts = 3;
    }
}

fn accept(parser: &mut Parser, it: &mut Instance, given: Option<bool>) {
    let is_owner = it.priority == OWNER;
    let mut accepts = given.unwrap_or(is_owner || !it.strict);
    if accepts && !is_owner && it.strict && it.version == 2 {
        let text = "warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting";
        parser.warn_at_the_end(format!("({}) {text}", it.name));
        accepts = false;
    }
    it.no_accept = !accepts;
}

/// What is unset comes from global_defs, unless vrrp_strict says otherwise.
fn strictness(parser: &mut Parser, it: &mut Instance, no_advert: Option<bool>, send_advert: Option<bool>) {
    let global = parser.config.global.clone();
    if !it.strict {
        it.lower_priority_no_advert = no_advert.unwrap_or(global.lower_priority_no_advert);
        it.higher_priority_send_advert = send_advert.unwrap_or(global.higher_priority_send_advert);
        return;
    }
    let complaints = [
        (it.garp.lower_priority_repeat.unwrap_or(0) > 0, "Strict mode requires no repeat garps. resetting"),
        (
            it.garp.lower_priority_delay.is_some_and(|delay| delay > Span::ZERO),
            "Strict mode requires no repeat garp delay. resetting",
        ),
        (no_advert == Some(false), "Strict mode requires no lower priority advert. resetting"),
        (send_advert == Some(true), "strict mode requires higher_prio_send_advert to be clear. resetting"),
    ];
    for (_, text) in complaints.into_iter().filter(|(is_wrong, _)| *is_wrong) {
        parser.warn_at_the_end(format!("({}) {text}", it.name));
    }
    it.garp.lower_priority_repeat = Some(0);
    it.garp.lower_priority_delay = Some(Span::ZERO);
    it.lower_priority_no_advert = true;
    it.higher_priority_send_advert = false;
}

/// Whole seconds in version 2, hundredths in version 3.
fn interval(parser: &mut Parser, it: &Instance) -> Span {
    let (name, given) = (&it.name, it.advert_interval);
    let seconds = given.as_secs_f64();
    let (unit, most, version) = if it.version == 2 { (1_000_000_000, 255, 2) } else { (10_000_000, 4_095, 3) };
    if given.as_nanos() >= unit * (most + 1) {
        let (limit, most) = if version == 2 {
            ("256s".to_owned(), "255s".to_owned())
        } else {
            ("40.96s".to_owned(), "40.95s".to_owned())
        };
        parser.warn_at_the_end(format!(
            "({name}) VRRPv{version} advertisement interval {seconds:.2}s is out of range. Must be less than {limit}. \
             Setting to {most}"
        ));
    } else if given.as_nanos() % unit != 0 {
        let how = if version == 2 { "an integer. rounding" } else { "in units of 10ms - rounding" };
        let text = format!("({name}) VRRPv{version} advertisement interval {seconds:.6}s must be {how}");
        parser.warn_at_the_end(text);
    }
    Span::from_nanos(((given.as_nanos() + unit / 2) / unit).clamp(1, most) * unit)
}

/// What follows from several instances.
pub fn complete(parser: &mut Parser, files: &mut dyn Files) {
    let instances = parser.config.instances.clone();
    for (place, it) in instances.iter().enumerate() {
        let clash = |other: &&Instance| other.vrid == it.vrid && other.interface == it.interface && it.vrid != 0;
        if let Some(other) = instances[..place].iter().find(clash) {
            parser.fatal_at_the_end(format!(
                "{} and {} both use VRID {} with IPv4 on interface {}",
                other.name, it.name, it.vrid, it.interface
            ));
        }
    }
    groups(parser);
    let groups = parser.config.groups.clone();
    let mut instances = std::mem::take(&mut parser.config.instances);
    for it in &mut instances {
        let group = groups.iter().find(|group| group.members.contains(&it.name));
        it.tells_priority |= group.and_then(|group| group.tells_priority).unwrap_or(false);
        weights(parser, it, group);
    }
    parser.config.instances = instances;
    scripts(parser, files);
}

/// Members of a group do not have floating priorities, unless it allows them; an owner of addresses never has.
fn weights(parser: &mut Parser, it: &mut Instance, group: Option<&Group>) {
    let in_group = group.is_some_and(|group| !group.allows_weights);
    if !in_group && it.priority != OWNER {
        return;
    }
    let name = it.name.clone();
    let why = |owner: &'static str| if in_group { "SYNC group" } else { owner };
    it.tracks.retain_mut(|track: &mut Track| {
        let (what, weight) = (track.watch.name(), track.weight.value);
        let (text, stays) = match &track.watch {
            _ if weight == 0 => return true,
            Watch::Process(_) => return true,
            Watch::Interface(_) => {
                let of_what = if in_group { "weight " } else { "" };
                (format!("ignoring {what} tracked interface {of_what}due to {}", why("address owner")), in_group)
            }
            Watch::Script(_) => {
                (format!("ignoring tracked script {what} with weights due to {}", why("address_owner")), false)
            }
            Watch::File(_) if weight == 1 => (
                format!("ignoring weight from tracked file {what} due to {}. specify weight 0", why("address_owner")),
                true,
            ),
            Watch::File(_) => {
                (format!("ignoring tracked file {what} with weight {weight} due to {}", why("address_owner")), false)
            }
        };
        parser.warn_at_the_end(format!("({name}) {text}"));
        track.weight.value = 0;
        stays
    });
}

fn scripts(parser: &mut Parser, files: &mut dyn Files) {
    let is_there = |script: &Script| files.is_program(script.command.split_whitespace().next().unwrap_or_default());
    if parser.config.scripts.iter().any(is_there) && !parser.config.global.script_security {
        parser.security("SECURITY VIOLATION - scripts are being executed but script_security not enabled.");
    }
}

fn groups(parser: &mut Parser) {
    let names: Vec<String> = parser.config.instances.iter().map(|it| it.name.clone()).collect();
    let (mut said, mut taken) = (Vec::new(), Vec::new());
    parser.config.groups.retain_mut(|group| {
        let name = group.name.clone();
        if group.members.is_empty() {
            said.push(format!("Sync group {name} has no virtual router(s). removing"));
            return false;
        }
        group.members.retain(|member| {
            if !names.contains(member) {
                said.push(format!("Virtual router {member} specified in sync group {name} doesn't exist - ignoring"));
                return false;
            }
            if taken.contains(member) {
                said.push(format!("Virtual router {member} cannot exist in more than one sync group; ignoring {name}"));
                return false;
            }
            taken.push(member.clone());
            true
        });
        match group.members.len() {
            0 => said
                .push(format!("Sync group {name}, no matching virtual router found in group declaration - removing")),
            1 => {
                said.push(format!("Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"))
            }
            _ => {}
        }
        !group.members.is_empty()
    });
    for text in said {
        parser.warn_at_the_end(text);
    }
}
