//! The VRRP blocks, as `keepalived -t` 2.2.7 was seen to take them.

use super::*;
use crate::keepalived::conf::tests::NoFiles;
use crate::keepalived::conf::{Config, parse};

/// The configuration, and what is said; what several processes say is said once.
fn read(text: &str) -> (Config, Vec<String>) {
    let (config, messages) = parse(text, "ds1", &mut NoFiles);
    let mut said: Vec<String> = Vec::new();
    for message in messages {
        if !said.contains(&message.text) {
            said.push(message.text);
        }
    }
    (config, said)
}

fn instance(lines: &str) -> (Instance, Vec<String>) {
    let (config, said) = read(&format!(
        "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{lines}\n}}"
    ));
    (config.instances[0].clone(), said)
}

/// All keywords that 2.2.7 installs for an instance, a group, a script, a file, a process.
const KEYWORDS: [(&str, &str); 5] = [
    (
        "vrrp_instance VI_1",
        "use_vmac use_vmac_addr vmac_xmit_base use_ipvlan unicast_fault_no_peer check_unicast_src old_unicast_checksum \
         native_ipv6 state interface vrf dont_track_primary mcast_src_ip unicast_src_ip mcast_dst_ip track_src_ip \
         virtual_router_id unicast_ttl version priority advert_int promote_secondaries linkbeat_use_polling accept \
         no_accept skip_check_adv_addr strict_mode preempt nopreempt preempt_delay debug notify_backup notify_master \
         notify_fault notify_stop notify_deleted notify notify_master_rx_lower_pri smtp_alert notify_priority_changes \
         lvs_sync_daemon_interface garp_master_delay garp_master_refresh garp_master_repeat garp_master_refresh_repeat \
         garp_lower_prio_delay garp_lower_prio_repeat down_timer_adverts garp_extra_if vmac_garp_intvl \
         lower_prio_no_advert higher_prio_send_advert kernel_rx_buf_size",
    ),
    (
        "vrrp_sync_group G",
        "notify_backup notify_master notify_fault notify_stop notify smtp_alert global_tracking \
         sync_group_tracking_weight notify_priority_changes",
    ),
    ("vrrp_script S", "script interval timeout weight rise fall user init_fail"),
    ("track_file F", "file weight init_file"),
    (
        "vrrp_track_process P",
        "process param_match weight quorum quorum_max delay terminate_delay fork_delay full_command",
    ),
];

/// The keywords of an instance and of a group that have blocks.
const BLOCKS: [(&str, &str); 2] = [
    (
        "vrrp_instance VI_1",
        "unicast_peer track_interface track_script track_file track_process track_bfd virtual_ipaddress \
         virtual_ipaddress_excluded virtual_routes virtual_rules authentication",
    ),
    ("vrrp_sync_group G", "group track_interface track_script track_file track_process track_bfd"),
];

#[test]
fn every_keyword_is_known() {
    let words = KEYWORDS.iter().flat_map(|(block, words)| words.split_whitespace().map(move |word| (block, word, "")));
    let blocks =
        BLOCKS.iter().flat_map(|(block, words)| words.split_whitespace().map(move |word| (block, word, "{\n}")));
    for (block, word, rest) in words.chain(blocks) {
        let value = if rest.is_empty() { "1" } else { rest };
        let (_, said) = read(&format!("{block} {{\n{word} {value}\n}}"));
        assert!(!said.iter().any(|text| text.starts_with("Unknown keyword")), "{word} in {block}: {said:?}");
    }
}

#[test]
fn what_is_said_of_wrong_values() {
    let lines = "virtual_ipaddress {\n10.0.0.1/40\n}\ngarp_master_repeat 0\ntrack_script {\nx\n}\npreempt_delay 2000";
    let (it, said) = instance(lines);
    assert_eq!(
        said,
        [
            "number '40' outside range [0, 32]",
            "Invalid address prefix len 40 for address 10.0.0.1/40 - using 32",
            "(VI_1): garp_master_repeat must be greater than 0, setting to 1",
            "(VI_1) track script x not found, ignoring...",
            "WARNING - number '2000' outside range [0.000000, 1000.000000]",
            "(VI_1) Preempt_delay not valid! must be between 0-1000",
        ]
    );
    assert_eq!((it.vips.len(), it.garp.repeat), (2, 1));
}

#[test]
fn what_is_said_of_routes_and_rules() {
    let lines = "virtual_routes {\n10.1.0.0/16 via 10.0.0.9 dev eth1\n10.2.0.0/16 via 10.0.0.8 or 10.0.0.7\n\
        0.0.0.0/0 gw 10.0.0.6\nblackhole 10.3.0.1/32 no_track\n}\n\
        virtual_rules {\nfrom 10.0.0.1 table 100\nto 192.168.100./24 table 100\n}";
    let (it, said) = instance(lines);
    let words = |line: &IpLine| line.words.join(" ");
    assert_eq!(
        it.routes.iter().map(words).collect::<Vec<_>>(),
        [
            "10.1.0.0/16 via 10.0.0.9 dev eth1 proto 18 scope global",
            "10.2.0.0/16 proto 18 scope global nexthop via 10.0.0.8 nexthop via 10.0.0.7",
            "0.0.0.0/0 via 10.0.0.6 proto 18 scope global",
            "blackhole 10.3.0.1/32 proto 18"
        ]
    );
    assert_eq!(it.rules.iter().map(words).collect::<Vec<_>>(), ["from 10.0.0.1 lookup 100 proto 18 priority 16384"]);
    assert_eq!(
        said,
        [
            "\"or\" for routes is deprecated. Please use \"nexthop\"",
            "Warning - cannot track route 10.2.0.0/16 with no interface specified, not tracking",
            "\"gw\" for routes is deprecated. Please use \"via\"",
            "Warning - cannot track route 0.0.0.0/0 with no interface specified, not tracking",
            "Rule has no preference specified - setting to 16384. This is probably not what you want.",
            "VRRP parsed invalid IP 192.168.100./24. skipping IP...",
            "Invalid rule to address 192.168.100./24",
        ]
    );
}

#[test]
fn several_next_hops_and_rules_that_are_none() {
    let lines = "virtual_routes {\n0.0.0.0/0 table 5 nexthop via 10.0.0.8 weight 2 nexthop via 10.0.0.7 dev eth1 onlink\n\
        10.1.0.0/16 dev eth1 protocol 9 nexthop via 10.0.0.8 weight 300\n}\n\
        virtual_rules {\nfrom 10.0.0.1 goto 100 priority 200\nfrom 10.0.0.1 goto 100\nprohibit table 4 priority 2\n\
        from 10.0.0.1 ipproto tcp table 4 priority 7\niif eth0 sup_pl 0 table main priority 9\n}";
    let (it, said) = instance(lines);
    let words = |line: &IpLine| line.words.join(" ");
    assert_eq!(
        it.routes.iter().map(words).collect::<Vec<_>>(),
        [
            "0.0.0.0/0 table 5 proto 18 scope global nexthop via 10.0.0.8 weight 2 nexthop via 10.0.0.7 dev eth1 onlink",
            "10.1.0.0/16 dev eth1 proto 18 scope global",
        ]
    );
    assert_eq!(
        it.rules.iter().map(words).collect::<Vec<_>>(),
        ["iif eth0 suppress_prefixlength 0 lookup main priority 9 proto 18"]
    );
    assert_eq!(
        said,
        [
            "Warning - cannot track route 0.0.0.0/0 with no interface specified, not tracking",
            "number '300' outside range [0, 256]",
            "Invalid weight 300 specified for route",
            "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol",
            "Invalid rule - preference 200 >= goto target 100",
            "Invalid rule - goto target 100 specified without preference",
            "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable for rule",
        ]
    );
}

#[test]
fn vmacs_and_peers() {
    let (it, said) = instance("use_vmac vmac7 02:00:00:00:00:07\nvmac_xmit_base");
    let vmac = Vmac { name: Some("vmac7".to_owned()), mac: "02:00:00:00:00:07".parse().ok(), advertises_below: true };
    assert_eq!((it.vmac.as_ref(), it.device().as_str(), said.len()), (Some(&vmac), "vmac7", 0));
    let (it, said) = instance("use_vmac\nunicast_src_ip 10.0.0.2\nunicast_peer {\n10.0.0.3 min_ttl 254\n}");
    assert_eq!(said, ["(VI_1) unicast with use_vmac requires vmac_xmit_base - setting"]);
    assert_eq!((it.device().as_str(), it.check_unicast_source, it.peers[0].min_ttl), ("vrrp.51", true, 254));
}

#[test]
fn strict_mode_is_strict() {
    let lines = "strict_mode\nstate MASTER\npriority 100\npreempt_delay 5\nhigher_prio_send_advert\n\
        authentication {\nauth_type PASS\nauth_pass 1\n}";
    let (it, said) = instance(lines);
    assert!(it.no_accept && it.lower_priority_no_advert && it.authentication.is_none());
    assert_eq!((it.garp.lower_priority_repeat, it.preempt_delay), (Some(0), crate::time::Span::ZERO));
    assert_eq!(
        said,
        [
            "(VI_1) State MASTER must match being address owner",
            "(VI_1) Strict mode does not support authentication. Ignoring.",
            "(VI_1) preempt_delay is incompatible with strict mode - resetting",
            "(VI_1) strict mode requires higher_prio_send_advert to be clear. resetting",
        ]
    );
}

#[test]
fn members_of_a_group_have_no_weights() {
    let text = "vrrp_script s {\nscript true\nweight 5\n}\nvrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n\
        track_script {\ns\n}\ntrack_interface {\neth1 weight 7\n}\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n\
        vrrp_sync_group G {\ngroup {\nVI_1\nVI_2\n}\n}";
    let (config, said) = read(text);
    let interface = Track { watch: Watch::Interface("eth1".to_owned()), weight: Weight::default() };
    assert_eq!(config.instances[0].tracks, [interface]);
    assert_eq!(
        said,
        [
            "Virtual router VI_2 specified in sync group G doesn't exist - ignoring",
            "Sync group G has only 1 virtual router(s) - this probably isn't what you want",
            "(VI_1) ignoring tracked script s with weights due to SYNC group",
            "(VI_1) ignoring eth1 tracked interface weight due to SYNC group",
        ]
    );
}
