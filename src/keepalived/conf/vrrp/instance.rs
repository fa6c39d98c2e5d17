//! The keywords of a vrrp_instance.

use super::model::{Instance, Notify, Vmac};
use super::{address, finish, notify_keyword, route, rule, track};
use crate::keepalived::conf::SyncDaemon;
use crate::keepalived::conf::global::garp_keyword;
use crate::keepalived::conf::parser::Parser;
use crate::time::Span;
use crate::wire::MacAddr;

/// Keywords that mean nothing to a simulated machine.
const WITHOUT_EFFECT: &[&str] = &[
    "debug",
    "kernel_rx_buf_size",
    "linkbeat_use_polling",
    "native_ipv6",
    "old_unicast_checksum",
    "smtp_alert",
    "use_ipvlan",
    "use_vmac_addr",
    "vrf",
];

/// An instance as far as it has been read. What is unset comes from elsewhere, when all has been read.
pub struct Draft {
    pub instance: Instance,
    pub priority: Option<u8>,
    pub version: Option<u8>,
    pub strict: Option<bool>,
    pub accept: Option<bool>,
    pub lower_priority_no_advert: Option<bool>,
    pub higher_priority_send_advert: Option<bool>,
    pub notify_priority_changes: Option<bool>,
    pub authentication: Option<String>,
    pub password: Option<String>,
    pub vmac: Option<Vmac>,
    pub advertises_below: bool,
    pub unicast_ttl: Option<u8>,
    /// Some keyword speaks of unicast.
    pub mentions_unicast: bool,
    pub is_fault_without_peers: bool,
}

/// vrrp_instance NAME { ... }
pub fn instance(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    if parser.config.instances.iter().any(|known| known.name == name) {
        parser.warn(format!("vrrp instance {name} already defined"));
        parser.skip();
        return;
    }
    let mut draft = draft(parser, name);
    parser.inner(|parser, name| keyword(parser, name, &mut draft));
    let instance = finish::finished(parser, draft);
    parser.config.instances.push(instance);
}

fn draft(parser: &Parser, name: String) -> Draft {
    let global = &parser.config.global;
    let instance = Instance {
        name,
        starts_as_master: None,
        interface: String::new(),
        vrid: 0,
        priority: 100,
        advert_interval: Span::from_secs(1),
        version: global.version,
        authentication: None,
        vips: Vec::new(),
        excluded: Vec::new(),
        ipv6: 0,
        routes: Vec::new(),
        rules: Vec::new(),
        nopreempt: false,
        preempt_delay: Span::ZERO,
        down_timer_adverts: global.down_timer_adverts,
        garp: global.garp,
        garp_elsewhere: global.garp_elsewhere,
        lower_priority_no_advert: false,
        higher_priority_send_advert: false,
        skip_check_addresses: global.skip_check_addresses,
        strict: false,
        no_accept: false,
        ignores_own_interface: false,
        tracks: Vec::new(),
        source: None,
        tracks_source: false,
        group: global.group,
        peers: Vec::new(),
        unicast_ttl: 255,
        lacks_peers: false,
        check_unicast_source: global.check_unicast_source,
        vmac: None,
        promotes_secondaries: false,
        notify: Notify::default(),
        tells_priority: false,
    };
    Draft {
        instance,
        priority: None,
        version: None,
        strict: None,
        accept: None,
        lower_priority_no_advert: None,
        higher_priority_send_advert: None,
        notify_priority_changes: None,
        authentication: None,
        password: None,
        vmac: None,
        advertises_below: false,
        unicast_ttl: None,
        mentions_unicast: false,
        is_fault_without_peers: false,
    }
}

fn keyword(parser: &mut Parser, name: &str, draft: &mut Draft) -> bool {
    let whose = draft.instance.name.clone();
    let is_known = identity(parser, name, draft)
        || contents(parser, name, draft)
        || rules(parser, name, draft)
        || speech(parser, name, draft)
        || track::keyword(parser, name, &whose, &mut draft.instance.tracks)
        || notify_keyword(parser, name, &format!("({whose})"), &mut draft.instance.notify);
    if !is_known && WITHOUT_EFFECT.contains(&name) {
        parser.without_effect();
        return true;
    }
    is_known
}

/// Who it is.
fn identity(parser: &mut Parser, name: &str, draft: &mut Draft) -> bool {
    let it = &mut draft.instance;
    let whose = it.name.clone();
    match name {
        "state" => state(parser, it),
        "interface" => it.interface = parser.parameter().unwrap_or_default(),
        "virtual_router_id" => {
            let wrong = |text: &str| format!("({whose}): VRID '{text}' not valid - must be between 1 & 255");
            it.vrid = parser.number_or(1, 255, wrong).map_or(it.vrid, |vrid| vrid as u8);
        }
        "priority" => {
            let wrong = |_: &str| format!("({whose}) Priority not valid! must be between 1 & 255. Using default 100");
            draft.priority = Some(parser.number_or(1, 255, wrong).map_or(100, |priority| priority as u8));
        }
        "version" => version(parser, draft),
        "authentication" => parser.inner(|parser, name| {
            match name {
                "auth_type" => draft.authentication = authentication(parser, &whose),
                "auth_pass" => {
                    draft.password = parser.parameter();
                    if draft.password.as_ref().is_some_and(|password| password.len() > 8) {
                        parser.warn("Truncating auth_pass to 8 characters");
                    }
                }
                _ => return false,
            }
            true
        }),
        _ => return false,
    }
    true
}

fn state(parser: &mut Parser, it: &mut Instance) {
    let Some(text) = parser.parameter() else { return };
    let name = &it.name;
    match text.as_str() {
        "MASTER" => it.starts_as_master = Some(true),
        "BACKUP" if it.starts_as_master == Some(true) => {
            parser.warn(format!("({name}) state previously set as MASTER - ignoring BACKUP"));
        }
        "BACKUP" => it.starts_as_master = Some(false),
        _ => {
            parser.warn(format!("({name}) unknown state '{text}', defaulting to BACKUP"));
            it.starts_as_master = Some(false);
        }
    }
}

fn version(parser: &mut Parser, draft: &mut Draft) {
    let whose = draft.instance.name.clone();
    let wrong = |_: &str| format!("({whose}): Version must be either 2 or 3");
    let Some(version) = parser.number_or(2, 3, wrong).map(|version| version as u8) else { return };
    match draft.version {
        Some(known) if known != version => {
            let text = "conflicts with configured or deduced version";
            parser.warn(format!("({whose}) vrrp_version {version} {text} {known}; ignoring."));
        }
        _ => draft.version = Some(version),
    }
}

fn authentication(parser: &mut Parser, whose: &str) -> Option<String> {
    let kind = parser.parameter()?;
    if matches!(kind.as_str(), "PASS" | "AH") {
        return Some(kind);
    }
    parser.warn(format!("({whose}) unknown authentication type '{kind}'"));
    None
}

/// What a master holds.
fn contents(parser: &mut Parser, name: &str, draft: &mut Draft) -> bool {
    let it = &mut draft.instance;
    match name {
        "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
            let addresses = address::addresses(parser);
            it.ipv6 += addresses.ipv6;
            if name == "virtual_ipaddress" { &mut it.vips } else { &mut it.excluded }.extend(addresses.found);
        }
        "virtual_routes" => it.routes.extend(route::routes(parser)),
        "virtual_rules" => it.rules.extend(rule::rules(parser)),
        "promote_secondaries" => it.promotes_secondaries = true,
        "accept" => draft.accept = Some(true),
        "no_accept" => draft.accept = Some(false),
        "use_vmac" => draft.vmac = Some(vmac(parser)),
        "vmac_xmit_base" => draft.advertises_below = true,
        _ => return false,
    }
    true
}

/// `use_vmac [NAME] [MAC]`
fn vmac(parser: &mut Parser) -> Vmac {
    let mut vmac = Vmac::default();
    for word in parser.words().into_iter().take(2) {
        if !word.contains(':') {
            if word.len() > 15 || word.contains('/') {
                parser.warn(format!("VMAC interface name '{word}' too long or invalid characters - ignoring"));
            } else {
                vmac.name = Some(word);
            }
            continue;
        }
        match word.parse::<MacAddr>() {
            Ok(mac) if mac.is_group() => parser.warn(format!("VMAC MAC address is multicast {word} - ignoring")),
            Ok(MacAddr([0, 0, 0x5e, 0, 1 | 2, _])) => {
                parser.warn(format!("VMAC MAC address not allowed to be RFC5798 address ({word}) - ignoring"));
            }
            Ok(mac) => vmac.mac = Some(mac),
            Err(_) => parser.warn(format!("VMAC invalid MAC address {word} - ignored")),
        }
    }
    vmac
}

/// When it takes over, and what it makes of others' adverts.
fn rules(parser: &mut Parser, name: &str, draft: &mut Draft) -> bool {
    let it = &mut draft.instance;
    let whose = it.name.clone();
    match name {
        "nopreempt" => it.nopreempt = true,
        "preempt" => it.nopreempt = false,
        "preempt_delay" => {
            let wrong = |_: &str| format!("({whose}) Preempt_delay not valid! must be between 0-1000");
            it.preempt_delay = parser.seconds_or(0.0, 1000.0, wrong).unwrap_or(Span::ZERO);
        }
        "down_timer_adverts" => {
            let wrong = |text: &str| format!("({whose}): Invalid down_timer_adverts [1:100] '{text}'");
            it.down_timer_adverts =
                parser.number_or(1, 100, wrong).map_or(it.down_timer_adverts, |adverts| adverts as u32);
        }
        "lower_prio_no_advert" => draft.lower_priority_no_advert = parser.switch_of(&whose),
        "higher_prio_send_advert" => draft.higher_priority_send_advert = parser.switch_of(&whose),
        // 2.2.7 takes any value for yes.
        "skip_check_adv_addr" => it.skip_check_addresses |= parser.switch_of(&whose).is_some(),
        "strict_mode" => draft.strict = parser.switch_of(&whose),
        "dont_track_primary" => it.ignores_own_interface = true,
        "notify_priority_changes" => draft.notify_priority_changes = parser.switch_of(&whose),
        _ => return false,
    }
    true
}

/// To whom it speaks, how often, and from where.
fn speech(parser: &mut Parser, name: &str, draft: &mut Draft) -> bool {
    let it = &mut draft.instance;
    let whose = it.name.clone();
    match name {
        "advert_int" => {
            let wrong = |text: &str| format!("({whose}) Advert interval ({text}) not valid! Must be > 0 - ignoring");
            it.advert_interval = parser.seconds_or(0.01, 255.0, wrong).unwrap_or(it.advert_interval);
        }
        "mcast_src_ip" | "unicast_src_ip" => {
            let wrong = |text: &str| {
                format!("Configuration error: VRRP instance[{whose}] malformed src address[{text}]. Skipping...")
            };
            draft.mentions_unicast |= name == "unicast_src_ip";
            it.source = parser.parsed(wrong).or(it.source);
        }
        "track_src_ip" => it.tracks_source = true,
        "mcast_dst_ip" => match parser.address() {
            Some(group) if group.is_multicast() => it.group = group,
            Some(group) => parser.warn(format!("({whose}) mcast_dst_ip {group} not multicast. Skipping...")),
            None => {}
        },
        "unicast_peer" => {
            draft.mentions_unicast = true;
            let (peers, has_limits) = address::peers(parser, &whose);
            it.peers.extend(peers);
            it.check_unicast_source |= has_limits;
        }
        "unicast_fault_no_peer" => (draft.mentions_unicast, draft.is_fault_without_peers) = (true, true),
        "check_unicast_src" => (draft.mentions_unicast, it.check_unicast_source) = (true, true),
        "unicast_ttl" => {
            let wrong = |text: &str| format!("({whose}): TTL '{text}' not valid - must be between 0 & 255");
            draft.unicast_ttl = parser.number_or(0, 255, wrong).map(|ttl| ttl as u8);
        }
        "lvs_sync_daemon_interface" => sync_daemon(parser, &whose),
        "garp_extra_if" | "vmac_garp_intvl" => it.garp_elsewhere = parser.garp_elsewhere().or(it.garp_elsewhere),
        _ => {
            let whose = format!("({whose}): ");
            return name.strip_prefix("garp_").is_some_and(|name| garp_keyword(parser, name, &whose, &mut it.garp));
        }
    }
    true
}

/// The older way to say that the synchronisation daemon follows an instance.
fn sync_daemon(parser: &mut Parser, whose: &str) {
    parser.warn(format!("({whose}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated."));
    parser.warn(format!("      {:1$}Please use global lvs_sync_daemon", "", whose.len().saturating_sub(2)));
    let Some(interface) = parser.parameter() else { return };
    if let Some(known) = &parser.config.global.sync {
        let known = known.interface.clone();
        let text = format!("({whose}) lvs_sync_daemon_interface has already been specified as {known} - ignoring");
        parser.warn(text);
        return;
    }
    let instance = Some(whose.to_owned());
    parser.config.global.sync =
        Some(SyncDaemon { interface, instance, id: None, max_len: None, port: None, ttl: None, group: None });
}
