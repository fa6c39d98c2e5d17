//! global_defs, and the keywords that stand outside all blocks (core/global_parser.c).

use std::net::Ipv4Addr;

use super::model::SyncDaemon;
use super::parser::Parser;
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

const IGNORED_BLOCKS_OUTSIDE: &[&str] = &[
    "bfd_instance",
    "garp_group",
    "interface_up_down_delays",
    "static_ipaddress",
    "static_routes",
    "static_rules",
    "static_track_group",
    "track_file",
    "vrrp_track_file",
    "vrrp_track_process",
    "track_process",
];

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
    "default_interface",
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
    "nftables",
    "nftables_counters",
    "nftables_ifindex",
    "nftables_priority",
    "no_checker_emails",
    "no_email_faults",
    "notification_email_from",
    "notify_fifo",
    "notify_fifo_script",
    "notify_priority_changes",
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
    "use_symlink_paths",
    "vmac_addr_prefix",
    "vmac_prefix",
    "vrrp_garp_extra_if",
    "vrrp_gna_interval",
    "vrrp_gna_extra_if",
    "vrrp_ipsets",
    "vrrp_iptables",
    "vrrp_mcast_group6",
    "vrrp_netlink_cmd_rcv_bufs",
    "vrrp_netlink_cmd_rcv_bufs_force",
    "vrrp_netlink_monitor_rcv_bufs",
    "vrrp_netlink_monitor_rcv_bufs_force",
    "vrrp_no_swap",
    "vrrp_notify_fifo",
    "vrrp_notify_fifo_script",
    "vrrp_notify_priority_changes",
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
        _ if IGNORED_BLOCKS_OUTSIDE.contains(&name) => parser.skip(),
        _ => return IGNORED_OUTSIDE.contains(&name),
    }
    true
}

fn global(parser: &mut Parser, name: &str) -> bool {
    match name {
        "router_id" | "lvs_router_id" => parser.config.global.router_id = parser.parameter(),
        "notification_email" => parser.skip(),
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
        "vrrp_garp_interval" => {
            if let Some(interval) = parser.seconds(name, 1e-6, 4294.967295) {
                parser.config.global.garp_interval = interval;
            }
        }
        "vrrp_min_garp" => set(parser, |parser, on| parser.config.global.min_garp = on),
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
        "dynamic_interfaces" => set(parser, |parser, on| parser.config.global.dynamic_interfaces = on),
        "enable_script_security" => set(parser, |parser, on| parser.config.global.script_security = on),
        "checker_log_all_failures" => set(parser, |parser, on| parser.config.global.log_all_failures = on),
        "lvs_flush" => set(parser, |parser, on| parser.config.global.flush = on),
        "lvs_flush_on_stop" | "lvs_flush_onstop" => parser.config.global.flush_on_stop = true,
        "lvs_timeouts" => timeouts(parser),
        "lvs_sync_daemon" => sync_daemon(parser),
        _ if name.starts_with("vrrp_garp_") => return garp(parser, &name["vrrp_garp_".len()..]),
        _ => return IGNORED.contains(&name),
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
    let is_known = garp_keyword(parser, name, &mut garp);
    parser.config.global.garp = garp;
    is_known
}

/// The settings of gratuitous ARPs, of an instance or of all.
pub fn garp_keyword(parser: &mut Parser, name: &str, garp: &mut super::model::Garp) -> bool {
    let what = parser.word(0).unwrap_or_default().to_owned();
    let number = |parser: &mut Parser| parser.number(&what, 0, i64::from(u32::MAX)).map(|number| number as u32);
    let seconds = |parser: &mut Parser| parser.seconds(&what, 0.0, 4294.967295);
    match name {
        "master_delay" => garp.delay = seconds(parser).unwrap_or(garp.delay),
        "master_repeat" => garp.repeat = number(parser).map_or(garp.repeat, |repeat| repeat.max(1)),
        "master_refresh" => garp.refresh = seconds(parser).unwrap_or(garp.refresh),
        "master_refresh_repeat" => {
            garp.refresh_repeat = number(parser).map_or(garp.refresh_repeat, |repeat| repeat.max(1))
        }
        "lower_prio_delay" => garp.lower_priority_delay = seconds(parser).or(garp.lower_priority_delay),
        "lower_prio_repeat" => garp.lower_priority_repeat = number(parser).or(garp.lower_priority_repeat),
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
        match pair.get(1).and_then(|text| text.parse().ok()) {
            Some(seconds) if seconds <= 2_678_400 => parser.config.global.timeouts[place] = seconds,
            _ => parser.warn(format!("Invalid lvs_timeouts {} - ignoring", pair[0])),
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
    if config.global.strict {
        config.global.garp.lower_priority_repeat = Some(0);
        config.global.garp.lower_priority_delay = Some(Span::ZERO);
        config.global.lower_priority_no_advert = true;
    }
    let follows = config.global.sync.as_ref().and_then(|sync| sync.instance.clone());
    if let Some(name) = follows
        && !config.instances.iter().any(|instance| instance.name == name)
    {
        config.global.sync = None;
        parser
            .warn_at_the_end(format!("Unable to find vrrp instance {name} for lvs_syncd - clearing lvs_syncd config"));
    }
}
