//! global_defs, and the keywords that stand outside all blocks (core/global_parser.c).

use std::net::Ipv4Addr;

use super::model::SyncDaemon;

use super::parser::Parser;
use super::vrrp::Garp;
use crate::time::Span;

/// Keywords without effect on a simulated machine.
const IGNORED_OUTSIDE: &[&str] = &[
    "child_wait_time",
    "include_check",
    "instance",
    "linkbeat_interfaces",
    "linkbeat_use_polling",
    "net_namespace",
    "net_namespace_ipvs",
    "use_pid_dir",
];

const IGNORED_BLOCKS_OUTSIDE: &[&str] =
    &["bfd_instance", "interface_up_down_delays", "static_track_group", "track_process"];

const IGNORED: &[&str] = &[
    "bfd_no_swap",
    "bfd_priority",
    "bfd_process_name",
    "bfd_rlimit_rttime",
    "bfd_rt_priority",
    "bfd_cpu_affinity",
    "checker_no_swap",
    "checker_priority",
    "checker_process_name",
    "checker_rlimit_rttime",
    "checker_rt_priority",
    "checker_cpu_affinity",
    "data_use_instance",
    "dbus_no_interface_name",
    "dbus_service_name",
    "disable_local_igmp",
    "email_faults",
    "enable_dbus",
    "enable_snmp_checker",
    "enable_snmp_keepalived",
    "enable_snmp_rfc",
    "enable_snmp_rfcv2",
    "enable_snmp_rfcv3",
    "enable_snmp_vrrp",
    "enable_traps",
    "fifo_write_vrrp_states_on_reload",
    "iproute_etc_dir",
    "iproute_usr_dir",
    "json_version",
    "keepalived_script_uid_gid",
    "lvs_netlink_cmd_rcv_bufs",
    "lvs_netlink_cmd_rcv_bufs_force",
    "lvs_netlink_monitor_rcv_bufs",
    "lvs_netlink_monitor_rcv_bufs_force",
    "lvs_notify_fifo",
    "lvs_notify_fifo_script",
    "max_auto_priority",
    "min_auto_priority_delay",
    "namespace_with_ipsets",
    "nftables_counters",
    "nftables_ifindex",
    "nftables_priority",
    "no_checker_emails",
    "no_email_faults",
    "notification_email_from",
    "notify_fifo_script",
    "process_name",
    "process_names",
    "process_monitor_rcv_bufs",
    "process_monitor_rcv_bufs_force",
    "prog_exit",
    "random_seed",
    "reload_check_config",
    "reload_file",
    "reload_repeat",
    "reload_time_file",
    "rs_init_notifies",
    "script_user",
    "shutdown_script",
    "shutdown_script_timeout",
    "smtp_alert",
    "smtp_alert_checker",
    "smtp_alert_vrrp",
    "smtp_connect_timeout",
    "smtp_helo_name",
    "smtp_server",
    "snmp_socket",
    "snmp_vrrp_vmac_ifname",
    "startup_script",
    "startup_script_timeout",
    "tmp_config_directory",
    "umask",
    "bfd_rlimit_rtime",
    "checker_rlimit_rtime",
    "vrrp_rlimit_rtime",
    "lvs_process_name",
    "nftables_ipvs_start_fwmark",
    "nftables_ipvs_priority",
    "nftables_ipvs",
    "use_symlink_paths",
    "vmac_addr_prefix",
    "vrrp_gna_extra_if",
    "vrrp_mcast_group6",
    "vrrp_netlink_cmd_rcv_bufs",
    "vrrp_netlink_cmd_rcv_bufs_force",
    "vrrp_netlink_monitor_rcv_bufs",
    "vrrp_netlink_monitor_rcv_bufs_force",
    "vrrp_no_swap",
    "vrrp_notify_fifo_script",
    "vrrp_owner_ignore_adverts",
    "vrrp_priority",
    "vrrp_process_name",
    "vrrp_rlimit_rttime",
    "vrrp_rt_priority",
    "vrrp_cpu_affinity",
    "vrrp_rx_bufs_multiplier",
    "vrrp_rx_bufs_policy",
    "vrrp_sock_rcv_bufs",
    "config_save_dir",
];

/// A keyword outside all blocks.
pub fn keyword(parser: &mut Parser, name: &str) -> bool {
    match name {
        "global_defs" => parser.inner(global),
        _ if IGNORED_BLOCKS_OUTSIDE.contains(&name) => {
            parser.without_effect();
            parser.skip();
        }
        _ if IGNORED_OUTSIDE.contains(&name) => parser.without_effect(),
        _ => return false,
    }
    true
}

fn global(parser: &mut Parser, name: &str) -> bool {
    match name {
        "router_id" | "lvs_router_id" => parser.config.global.router_id = parser.parameter(),
        "notification_email" => {
            parser.without_effect();
            parser.skip();
        }
        "vrrp_mcast_group4" => {
            if let Some(group) = parser.address() {
                if group.is_multicast() {
                    parser.config.global.group = group;
                } else {
                    parser.warn(format!("vrrp_mcast_group4 [{group}] is not multicast. Skipping"));
                }
            }
        }
        "vrrp_version" => {
            if let Some(version) = parser.number("vrrp_version", 2, 3) {
                parser.config.global.version = version as u8;
            }
        }
        "vrrp_gna_interval" => {
            parser.without_effect();
            parser.seconds(name, 1e-6, 4294.967295);
        }
        "vrrp_garp_interval" => {
            if let Some(interval) = parser.seconds(name, 1e-6, 4294.967295) {
                parser.config.global.garp_interval = interval;
            }
        }
        "vrrp_min_garp" => set(parser, |parser, on| min_garp(&mut parser.config.global.garp, on)),
        "vrrp_garp_extra_if" | "vrrp_vmac_garp_intvl" => {
            parser.config.global.garp_elsewhere = parser.garp_elsewhere();
        }
        "vrrp_notify_priority_changes" => set(parser, |parser, on| parser.config.global.tells_priority = on),
        "notify_fifo" | "vrrp_notify_fifo" => {
            let path = parser.parameter();
            parser.config.global.fifos.extend(path);
        }
        "nftables" => parser.config.global.names_firewall = true,
        "vrrp_iptables" => {
            // Debian builds it with nftables alone.
            parser.config.global.names_firewall = true;
            parser.warn(
                "iptables not supported, using nftables instead. Please replace 'vrrp_iptables and 'vrrp_ipsets' with \
                 'nftables' config option",
            );
        }
        "default_interface" => {
            if let Some(name) = parser.parameter() {
                parser.config.global.default_interface = name;
            }
        }
        "vmac_prefix" => {
            if let Some(prefix) = parser.parameter() {
                parser.config.global.vmac_prefix = prefix;
            }
        }
        "vrrp_down_timer_adverts" => {
            if let Some(adverts) = parser.number(name, 1, 100) {
                parser.config.global.down_timer_adverts = adverts as u32;
            }
        }
        "vrrp_lower_prio_no_advert" => set(parser, |parser, on| parser.config.global.lower_priority_no_advert = on),
        "vrrp_higher_prio_send_advert" => {
            set(parser, |parser, on| parser.config.global.higher_priority_send_advert = on);
        }
        "vrrp_check_unicast_src" => set(parser, |parser, on| parser.config.global.check_unicast_source = on),
        "vrrp_skip_check_adv_addr" => set(parser, |parser, on| parser.config.global.skip_check_addresses = on),
        "vrrp_strict" => set(parser, |parser, on| parser.config.global.strict = on),
        "vrrp_startup_delay" => {
            if let Some(delay) = parser.seconds(name, 0.0, 4294.967295) {
                parser.config.global.startup_delay = delay;
            }
        }
        "log_unknown_vrids" => set(parser, |parser, on| parser.config.global.log_unknown_vrids = on),
        "dynamic_interfaces" => {
            parser.config.global.dynamic_interfaces = true;
            match parser.word(1).map(str::to_owned).as_deref() {
                None => {}
                Some("allow_if_changes") => parser.without_effect(),
                Some(other) => parser.warn(format!("Unknown dynamic_interfaces option '{other}'")),
            }
        }
        "enable_script_security" => set(parser, |parser, on| parser.config.global.script_security = on),
        "checker_log_all_failures" => set(parser, |parser, on| parser.config.global.log_all_failures = on),
        "lvs_flush" => set(parser, |parser, on| parser.config.global.flush = on),
        "lvs_flush_on_stop" | "lvs_flush_onstop" => parser.config.global.flush_on_stop = true,
        "lvs_timeouts" => timeouts(parser),
        "lvs_sync_daemon" => sync_daemon(parser),
        _ if IGNORED.contains(&name) => parser.without_effect(),
        _ => return name.starts_with("vrrp_garp_") && garp(parser, &name["vrrp_garp_".len()..]),
    }
    true
}

fn set(parser: &mut Parser, apply: impl FnOnce(&mut Parser, bool)) {
    if let Some(on) = parser.switch() {
        apply(parser, on);
    }
}

fn garp(parser: &mut Parser, name: &str) -> bool {
    let mut garp = parser.config.global.garp;
    let is_known = garp_keyword(parser, name, "", &mut garp);
    parser.config.global.garp = garp;
    is_known
}

/// vrrp_min_garp: one gratuitous ARP for each address and no second batch, as far as nothing else has been said before.
fn min_garp(garp: &mut Garp, on: bool) {
    let default = Garp::default();
    if on && garp.repeat == default.repeat {
        garp.repeat = 1;
    }
    if on && garp.delay == default.delay {
        garp.delay = Span::ZERO;
    }
}

/// The settings of gratuitous ARPs, of an instance or of all; `whose` stands in front of messages.
pub fn garp_keyword(parser: &mut Parser, name: &str, whose: &str, garp: &mut Garp) -> bool {
    let what = parser.word(0).unwrap_or_default().to_owned();
    let wrong = |text: &str| format!("{whose}{what} '{text}' invalid - ignoring");
    let seconds = |parser: &mut Parser, wrong: &dyn Fn(&str) -> String| {
        parser.number_or(0, 4_294, wrong).map(|seconds| Span::from_secs(seconds as u64))
    };
    let repeats = |parser: &mut Parser| {
        let count = parser.number_or(0, i64::from(u32::MAX), wrong)?;
        if count == 0 {
            parser.warn(format!("{whose}{what} must be greater than 0, setting to 1"));
        }
        Some(count.max(1) as u32)
    };
    match name {
        "master_delay" => garp.delay = seconds(parser, &wrong).unwrap_or(garp.delay),
        "master_repeat" => garp.repeat = repeats(parser).unwrap_or(garp.repeat),
        "master_refresh" => {
            let wrong = |text: &str| format!("{whose}Invalid {what} '{text}' - ignoring");
            garp.refresh = seconds(parser, &wrong).unwrap_or(Span::ZERO);
        }
        "master_refresh_repeat" => garp.refresh_repeat = repeats(parser).unwrap_or(garp.refresh_repeat),
        "lower_prio_delay" => garp.lower_priority_delay = seconds(parser, &wrong).or(garp.lower_priority_delay),
        "lower_prio_repeat" => {
            let wrong = |text: &str| format!("{whose}Invalid {what} '{text}'");
            let count = parser.number_or(0, i64::from(i32::MAX), wrong);
            garp.lower_priority_repeat = count.map(|count| count as u32).or(garp.lower_priority_repeat);
        }
        _ => return false,
    }
    true
}

fn timeouts(parser: &mut Parser) {
    let words = parser.words();
    for pair in words.chunks(2) {
        let place = match pair[0].as_str() {
            "tcp" => 0,
            "tcpfin" => 1,
            "udp" => 2,
            other => {
                parser.warn(format!("Unknown option {other} specified for lvs_timeouts"));
                continue;
            }
        };
        let name = &pair[0];
        let Some(text) = pair.get(1) else {
            parser.warn(format!("No value specified for lvs_timeout {name} - ignoring"));
            continue;
        };
        match parser.unsigned_text(text, 0, 86_400 * 31, false) {
            Some(seconds) => parser.config.global.timeouts[place] = seconds,
            None => parser.warn(format!("Invalid lvs_timeout {name} ({text}) - ignoring")),
        }
    }
}

fn sync_daemon(parser: &mut Parser) {
    let Some(interface) = parser.parameter() else { return };
    let mut daemon =
        SyncDaemon { interface, instance: None, id: None, max_len: None, port: None, ttl: None, group: None };
    let words = parser.words();
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        let is_known = match word.as_str() {
            "inst" => rest.next().is_some_and(|name| daemon.instance.replace(name.clone()).is_none()),
            "id" => read(&mut daemon.id, rest.next()),
            "maxlen" => read(&mut daemon.max_len, rest.next()),
            "port" => read(&mut daemon.port, rest.next()),
            "ttl" => read(&mut daemon.ttl, rest.next()),
            "group" => read::<Ipv4Addr>(&mut daemon.group, rest.next()),
            // The older form: the instance's name, and perhaps a bare number behind it.
            _ if daemon.instance.is_none() => daemon.instance.replace(word.clone()).is_none(),
            _ => read(&mut daemon.id, Some(word)),
        };
        if !is_known {
            parser.warn(format!("Unknown option {word} specified for lvs_sync_daemon"));
        }
    }
    parser.config.global.sync = Some(daemon);
}

fn read<T: std::str::FromStr>(slot: &mut Option<T>, text: Option<&String>) -> bool {
    *slot = text.and_then(|text| text.parse().ok());
    slot.is_some()
}

/// What follows from several keywords.
pub fn complete(parser: &mut Parser) {
    let config = &mut parser.config;
    let follows = config.global.sync.as_ref().and_then(|sync| sync.instance.clone());
    if let Some(name) = follows
        && !config.instances.iter().any(|instance| instance.name == name)
    {
        config.global.sync = None;
        parser
            .warn_at_the_end(format!("Unable to find vrrp instance {name} for lvs_syncd - clearing lvs_syncd config"));
    }
}
