//! vrrp_instance, vrrp_script, vrrp_sync_group (vrrp/vrrp_parser.c, vrrp_complete_instance).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::global::garp_keyword;
use super::lexer::Files;
use super::model::{Authentication, Group, Instance, Notify, Script, Track, Vip};
use super::parser::Parser;
use crate::time::Span;

const IGNORED: &[&str] = &[
    "accept",
    "debug",
    "dont_track_primary_off",
    "kernel_rx_buf_size",
    "linkbeat_use_polling",
    "native_ipv6",
    "notify_deleted",
    "notify_master_rx_lower_pri",
    "notify_priority_changes",
    "smtp_alert",
    "track_src_ip",
    "promote_secondaries",
    "unicast_fault_no_peer",
    "use_ipvlan",
    "vmac_xmit_base",
    "garp_extra_if",
    "gna_extra_if",
    "thread_timer_expired",
    "rogue_timer_adverts",
    "mcast_dst_ip",
    "virtual_router_id_ext",
];

/// A keyword outside all blocks.
pub fn keyword(parser: &mut Parser, name: &str) -> bool {
    match name {
        "vrrp_instance" => instance(parser),
        "vrrp_script" => script(parser),
        "vrrp_sync_group" => group(parser),
        _ => return false,
    }
    true
}

fn script(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let mut script = Script {
        name,
        command: String::new(),
        interval: Span::from_secs(1),
        timeout: None,
        weight: 0,
        rise: 1,
        fall: 1,
        init_fail: false,
    };
    parser.inner(|parser, name| script_keyword(parser, name, &mut script));
    if script.command.is_empty() {
        let name = &script.name;
        parser.warn(format!("No script set for vrrp_script {name} - removing"));
        return;
    }
    if parser.config.scripts.iter().any(|known| known.name == script.name) {
        parser.warn(format!("Script {} already declared", script.name));
        return;
    }
    parser.config.scripts.push(script);
}

fn script_keyword(parser: &mut Parser, name: &str, script: &mut Script) -> bool {
    let most = 4294.967295;
    match name {
        "script" => {
            if parser.parameter().is_some() {
                script.command = parser.rest();
            }
        }
        "interval" => {
            if let Some(interval) = parser.seconds(name, 0.0, most) {
                script.interval = if interval == Span::ZERO { Span::from_secs(1) } else { interval };
            }
        }
        "timeout" => script.timeout = parser.seconds(name, 0.0, most).filter(|timeout| *timeout > Span::ZERO),
        "weight" => script.weight = parser.number(name, -253, 253).map_or(script.weight, |weight| weight as i32),
        "rise" => script.rise = parser.number(name, 1, i64::from(i32::MAX)).map_or(script.rise, |rise| rise as u32),
        "fall" => script.fall = parser.number(name, 1, i64::from(i32::MAX)).map_or(script.fall, |fall| fall as u32),
        "init_fail" => script.init_fail = true,
        "user" => {}
        _ => return false,
    }
    true
}

fn group(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let mut group = Group { name, ..Group::default() };
    parser.inner(|parser, name| {
        match name {
            "group" => group.members = parser.values().iter().map(|line| line.words[0].0.clone()).collect(),
            "track_script" => group.track_scripts = tracks(parser),
            "track_interface" => group.track_interfaces = tracks(parser),
            "track_file" | "track_process" | "track_bfd" => parser.skip(),
            "smtp_alert" | "global_tracking" | "sync_group_tracking_weight" | "notify_priority_changes" => {}
            _ => return notify_keyword(parser, name, &mut group.notify),
        }
        true
    });
    if parser.config.groups.iter().any(|known| known.name == group.name) {
        parser.warn(format!("vrrp sync group {} already defined", group.name));
        return;
    }
    parser.config.groups.push(group);
}

/// An instance as far as it has been read.
struct Draft {
    instance: Instance,
    has_priority: bool,
    kind: Option<String>,
    password: Option<String>,
}

fn instance(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let global = &parser.config.global;
    let instance = Instance {
        name: name.clone(),
        starts_as_master: None,
        interface: String::new(),
        vrid: 0,
        priority: 100,
        advert_interval: Span::from_secs(1),
        version: global.version,
        authentication: None,
        vips: Vec::new(),
        excluded: Vec::new(),
        routes: Vec::new(),
        nopreempt: false,
        preempt_delay: Span::ZERO,
        down_timer_adverts: global.down_timer_adverts,
        garp: global.garp,
        lower_priority_no_advert: global.lower_priority_no_advert,
        higher_priority_send_advert: global.higher_priority_send_advert,
        skip_check_addresses: global.skip_check_addresses,
        no_accept: false,
        ignores_own_interface: false,
        track_interfaces: Vec::new(),
        track_scripts: Vec::new(),
        source: None,
        peers: Vec::new(),
        unicast_ttl: 255,
        vmac: false,
        notify: Notify::default(),
    };
    let is_second = parser.config.instances.iter().any(|known| known.name == name);
    if is_second {
        parser.warn(format!("vrrp instance {name} already defined"));
    }
    let mut draft = Draft { instance, has_priority: false, kind: None, password: None };
    parser.inner(|parser, name| instance_keyword(parser, name, &mut draft));
    if !is_second {
        let instance = finished(parser, draft);
        parser.config.instances.push(instance);
    }
}

fn instance_keyword(parser: &mut Parser, name: &str, draft: &mut Draft) -> bool {
    let it = &mut draft.instance;
    match name {
        "state" => state(parser, it),
        "interface" => {
            if let Some(interface) = parser.parameter() {
                it.interface = interface;
            }
        }
        "virtual_router_id" => it.vrid = parser.number(name, 1, 255).map_or(it.vrid, |vrid| vrid as u8),
        "priority" => {
            draft.has_priority = true;
            let text = parser.word(1).map(str::to_owned);
            match text.as_deref().map(str::parse) {
                Some(Ok(priority @ 1..=255)) => it.priority = priority,
                None => drop(parser.parameter()),
                _ => {
                    parser.warn("Priority not valid! must be between 1 & 255. Using default 100");
                    it.priority = 100;
                }
            }
        }
        "advert_int" => {
            if let Some(interval) = parser.seconds(name, 0.01, 255.0) {
                it.advert_interval = interval;
            }
        }
        "version" => it.version = parser.number(name, 2, 3).map_or(it.version, |version| version as u8),
        "authentication" => parser.inner(|parser, name| {
            match name {
                "auth_type" => draft.kind = parser.parameter(),
                "auth_pass" => draft.password = parser.parameter(),
                _ => return false,
            }
            true
        }),
        "virtual_ipaddress" => it.vips.extend(vips(parser)),
        "virtual_ipaddress_excluded" => it.excluded.extend(vips(parser)),
        "virtual_routes" => {
            let words = |line: &super::lexer::Line| {
                line.words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ")
            };
            it.routes = parser.values().iter().map(words).collect();
        }
        "virtual_rules" | "track_file" | "track_process" | "track_bfd" => parser.skip(),
        "nopreempt" => it.nopreempt = true,
        "preempt" => it.nopreempt = false,
        "preempt_delay" => {
            if let Some(delay) = parser.seconds(name, 0.0, 1000.0) {
                it.preempt_delay = delay;
            }
        }
        "down_timer_adverts" => {
            it.down_timer_adverts = parser.number(name, 1, 100).map_or(it.down_timer_adverts, |adverts| adverts as u32);
        }
        "lower_prio_no_advert" => it.lower_priority_no_advert = parser.switch().unwrap_or(it.lower_priority_no_advert),
        "higher_prio_send_advert" => {
            it.higher_priority_send_advert = parser.switch().unwrap_or(it.higher_priority_send_advert);
        }
        // 2.2.7 takes any value for yes.
        "skip_check_adv_addr" => it.skip_check_addresses = true,
        "no_accept" => it.no_accept = true,
        "dont_track_primary" => it.ignores_own_interface = true,
        "track_interface" => it.track_interfaces.extend(tracks(parser)),
        "track_script" => it.track_scripts.extend(tracks(parser)),
        "mcast_src_ip" | "unicast_src_ip" => it.source = parser.address(),
        "unicast_peer" => {
            for line in parser.values() {
                match line.words[0].0.parse() {
                    Ok(peer) => it.peers.push(peer),
                    Err(_) => parser.warn(format!("Configuration error: invalid unicast peer {}", line.words[0].0)),
                }
            }
        }
        "unicast_ttl" => it.unicast_ttl = parser.number(name, 0, 255).map_or(it.unicast_ttl, |ttl| ttl as u8),
        "use_vmac" => it.vmac = true,
        _ if name.starts_with("garp_") => return garp_keyword(parser, &name["garp_".len()..], &mut it.garp),
        _ if notify_keyword(parser, name, &mut it.notify) => {}
        _ => return IGNORED.contains(&name),
    }
    true
}

fn state(parser: &mut Parser, it: &mut Instance) {
    let Some(text) = parser.parameter() else { return };
    let is_master = match text.as_str() {
        "MASTER" => true,
        "BACKUP" => false,
        _ => {
            parser.warn(format!("({}) unknown state '{text}', defaulting to BACKUP", it.name));
            false
        }
    };
    match it.starts_as_master {
        Some(before) if before != is_master => {
            let (first, second) = if before { ("MASTER", "BACKUP") } else { ("BACKUP", "MASTER") };
            parser.warn(format!("({}) state previously set as {first} - ignoring {second}", it.name));
        }
        _ => it.starts_as_master = Some(is_master),
    }
}

fn notify_keyword(parser: &mut Parser, name: &str, notify: &mut Notify) -> bool {
    let slot = match name {
        "notify_master" => &mut notify.master,
        "notify_backup" => &mut notify.backup,
        "notify_fault" => &mut notify.fault,
        "notify_stop" => &mut notify.stop,
        "notify" => &mut notify.any,
        "notify_master_rx_lower_pri" => &mut notify.lower_priority,
        _ => return false,
    };
    // A script in quotes is one word; behind it may stand the user who runs it.
    *slot = parser.parameter();
    true
}

/// track_script, track_interface: names, perhaps with weights.
fn tracks(parser: &mut Parser) -> Vec<Track> {
    let track = |line: super::lexer::Line| {
        let words: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
        let weight = words.iter().position(|word| *word == "weight").and_then(|at| words.get(at + 1)?.parse().ok());
        Track { name: words[0].to_owned(), weight }
    };
    parser.values().into_iter().map(track).collect()
}

fn vips(parser: &mut Parser) -> Vec<Vip> {
    let lines = parser.values();
    lines.into_iter().filter_map(|line| vip(parser, &line)).collect()
}

/// alloc_ipaddress
fn vip(parser: &mut Parser, line: &super::lexer::Line) -> Option<Vip> {
    let mut words = line.words.iter().map(|(word, _)| word.as_str());
    let text = words.next()?;
    let (address, len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
    let Ok(ip) = address.parse::<Ipv4Addr>() else {
        parser.warn(format!("VRRP parsed invalid IP {text}. skipping IP..."));
        return None;
    };
    let prefix = match len.map(str::parse) {
        None => 32,
        Some(Ok(len @ 0..=32)) => len,
        Some(_) => {
            let len = len.unwrap_or_default();
            parser.warn(format!("Invalid address prefix len {len} for address {address} - using 32"));
            32
        }
    };
    let net = Ipv4Net::new(ip, prefix).ok()?;
    let mut vip = Vip { net, device: None, broadcast: None, label: None, scope: None };
    while let Some(word) = words.next() {
        match word {
            "dev" => vip.device = words.next().map(str::to_owned),
            "label" => vip.label = words.next().map(str::to_owned),
            "scope" => vip.scope = words.next().map(str::to_owned),
            "brd" | "broadcast" => match words.next() {
                Some("+") => vip.broadcast = Some(net.broadcast()),
                Some("-") => vip.broadcast = Some(net.network()),
                Some(text) => vip.broadcast = text.parse().ok(),
                None => {}
            },
            "peer" | "preferred_lft" => drop(words.next()),
            "home" | "-nodad" | "mngtmpaddr" | "noprefixroute" | "autojoin" | "no_track" | "use_vmac" => {}
            other => parser.warn(format!("Unknown configuration entry '{other}' for ip address - ignoring")),
        }
    }
    Some(vip)
}

/// What follows from several keywords of an instance (vrrp_complete_instance).
fn finished(parser: &mut Parser, draft: Draft) -> Instance {
    let Draft { instance: mut it, has_priority, kind, password } = draft;
    let name = it.name.clone();
    if it.starts_as_master == Some(true) && !has_priority {
        it.priority = 255;
    }
    if it.vrid == 0 {
        parser.fatal_at_the_end(format!("({name}) the virtual router id must be set"));
    }
    if it.interface.is_empty() && it.peers.is_empty() {
        parser.fatal_at_the_end(format!("({name}) Unknown interface!"));
    }
    if it.version == 2 && it.advert_interval.as_nanos() % 1_000_000_000 != 0 {
        let seconds = it.advert_interval.as_secs_f64();
        parser.warn_at_the_end(format!(
            "({name}) VRRPv2 advertisement interval {seconds:.6}s must be an integer. rounding"
        ));
        it.advert_interval = Span::from_secs((seconds.round() as u64).max(1));
    }
    if it.version == 3 {
        it.advert_interval = it.advert_interval.min(Span::from_millis(40_950));
    }
    it.authentication = authentication(parser, &it, kind, password);
    if it.priority == 255 || it.starts_as_master == Some(true) {
        if it.nopreempt {
            if it.starts_as_master == Some(true) {
                parser.warn_at_the_end(format!(
                    "({name}) Warning - nopreempt will not work with initial state MASTER - clearing"
                ));
            }
            it.nopreempt = false;
        }
        if it.preempt_delay > Span::ZERO {
            parser.warn_at_the_end(format!(
                "({name}) Warning - preempt delay will not work with initial state MASTER - clearing"
            ));
            it.preempt_delay = Span::ZERO;
        }
    }
    if it.nopreempt && it.preempt_delay > Span::ZERO {
        parser.warn_at_the_end(format!("({name}) preempt_delay is incompatible with nopreempt mode - resetting"));
        it.preempt_delay = Span::ZERO;
    }
    if it.vips.is_empty() && it.excluded.is_empty() {
        if it.version == 3 || parser.config.global.strict {
            parser.fatal_at_the_end(format!("({name}) No VIP specified; at least one is required"));
        } else {
            parser.warn_at_the_end(format!("({name}) No VIP specified; at least one is sensible"));
        }
    }
    let own = it.interface.clone();
    if it.track_interfaces.iter().any(|track| track.name == own) {
        parser.warn_at_the_end(format!("({name}) Ignoring track_interface {own} since own interface"));
        it.track_interfaces.retain(|track| track.name != own);
    }
    if parser.config.global.strict {
        strict(parser, &mut it);
    }
    it
}

/// vrrp_strict
fn strict(parser: &mut Parser, it: &mut Instance) {
    let name = &it.name;
    if it.starts_as_master == Some(true) && it.priority != 255 {
        parser.warn_at_the_end(format!("({name}) State MASTER must match being address owner"));
        it.starts_as_master = Some(false);
    }
    if it.authentication.take().is_some() {
        parser.warn_at_the_end(format!("({name}) Strict mode does not support authentication. Ignoring."));
    }
    it.preempt_delay = Span::ZERO;
    it.down_timer_adverts = 3;
    it.no_accept = it.priority != 255;
    it.garp.lower_priority_repeat = Some(0);
    it.lower_priority_no_advert = true;
}

fn authentication(
    parser: &mut Parser,
    it: &Instance,
    kind: Option<String>,
    password: Option<String>,
) -> Option<Authentication> {
    let name = &it.name;
    let kind = kind?;
    if !matches!(kind.as_str(), "PASS" | "AH") {
        parser.warn_at_the_end(format!("({name}) unknown authentication type '{kind}'"));
        return None;
    }
    let Some(password) = password else {
        parser.warn_at_the_end(format!("({name}) Authentication specified but no password given. Ignoring"));
        return None;
    };
    if password.len() > 8 {
        parser.warn_at_the_end("Truncating auth_pass to 8 characters");
    }
    if it.version == 3 {
        parser.warn_at_the_end(format!("({name}) VRRP version 3 does not support authentication. Ignoring."));
        return None;
    }
    let mut bytes = [0; 8];
    for (byte, given) in bytes.iter_mut().zip(password.bytes()) {
        *byte = given;
    }
    Some(if kind == "AH" { Authentication::Header(bytes) } else { Authentication::Password(bytes) })
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
    let scripts: Vec<String> = parser.config.scripts.iter().map(|script| script.name.clone()).collect();
    let mut unknown = Vec::new();
    for it in &mut parser.config.instances {
        it.track_scripts.retain(|track| {
            let is_known = scripts.contains(&track.name);
            if !is_known {
                unknown.push(format!("({}) track script {} not found, ignoring...", it.name, track.name));
            }
            is_known
        });
    }
    for text in unknown {
        parser.warn_at_the_end(text);
    }
    groups(parser);
    let is_there = |script: &Script| files.is_program(script.command.split_whitespace().next().unwrap_or_default());
    if parser.config.scripts.iter().any(is_there) && !parser.config.global.script_security {
        parser.security("SECURITY VIOLATION - scripts are being executed but script_security not enabled.");
    }
}

fn groups(parser: &mut Parser) {
    let names: Vec<String> = parser.config.instances.iter().map(|it| it.name.clone()).collect();
    let mut said = Vec::new();
    for group in &mut parser.config.groups {
        let name = group.name.clone();
        group.members.retain(|member| {
            let is_known = names.contains(member);
            if !is_known {
                said.push(format!("Virtual router {member} specified in sync group {name} doesn't exist - ignoring"));
            }
            is_known
        });
        if group.members.len() == 1 {
            said.push(format!("Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"));
        }
    }
    for text in said {
        parser.warn_at_the_end(text);
    }
}
