//! Settings that a host has once.

/// A file below /proc/sys that holds one number or a few.
pub(super) struct Entry {
    /// Its name, with dots.
    pub name: &'static str,
    /// What it says at boot.
    pub default: &'static [i64],
    /// The least value that may be written.
    pub min: i64,
    /// The greatest.
    pub max: i64,
}

const fn entry(name: &'static str, default: &'static [i64], min: i64, max: i64) -> Entry {
    Entry { name, default, min, max }
}

const INT: i64 = i32::MAX as i64;

/// What proc_dointvec takes.
const ANY: (i64, i64) = (i32::MIN as i64, INT);

impl Entry {
    /// Whether all of these may be written together.
    pub fn allows(&self, numbers: &[i64]) -> bool {
        numbers.iter().all(|number| (self.min..=self.max).contains(number))
            && match (self.name, numbers) {
                // proc_do_sync_threshold
                ("net.ipv4.vs.sync_threshold", &[threshold, period]) => {
                    threshold >= 0 && period >= 0 && (threshold < period || period == 0)
                }
                // proc_do_sync_ports
                ("net.ipv4.vs.sync_ports", &[ports]) => ports.count_ones() == 1,
                _ => true,
            }
    }
}

/// Where a setting stands in the table, found when lvslab is built: for those that are asked for with each packet.
pub(super) const fn place(name: &str) -> usize {
    let mut place = 0;
    while !is_same(ENTRIES[place].name.as_bytes(), name.as_bytes()) {
        place += 1;
    }
    place
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// All of them, in the order of the alphabet.
///
/// Defaults are Linux 6.1's, save for the range of local ports, which the lab keeps away from its tools' own.
#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry("net.core.netdev_max_backlog", &[1000], 0, INT),
    entry("net.core.rmem_default", &[212_992], 2304, INT),
    entry("net.core.rmem_max", &[212_992], 2304, INT),
    entry("net.core.somaxconn", &[4096], 0, INT),
    entry("net.core.wmem_default", &[212_992], 4608, INT),
    entry("net.core.wmem_max", &[212_992], 4608, INT),
    entry("net.ipv4.icmp_echo_ignore_all", &[0], 0, 1),
    entry("net.ipv4.icmp_echo_ignore_broadcasts", &[1], 0, 1),
    entry("net.ipv4.icmp_errors_use_inbound_ifaddr", &[0], 0, 1),
    entry("net.ipv4.icmp_ignore_bogus_error_responses", &[1], 0, 1),
    entry("net.ipv4.icmp_msgs_burst", &[50], 0, INT),
    entry("net.ipv4.icmp_msgs_per_sec", &[1000], 0, INT),
    entry("net.ipv4.icmp_ratelimit", &[1000], 0, INT),
    entry("net.ipv4.icmp_ratemask", &[6168], 0, INT),
    entry("net.ipv4.igmp_max_memberships", &[20], 0, INT),
    entry("net.ipv4.ip_default_ttl", &[64], 1, 255),
    entry("net.ipv4.ip_local_port_range", &[50_000, 60_999], 1, 65_535),
    entry("net.ipv4.ip_no_pmtu_disc", &[0], 0, 3),
    entry("net.ipv4.ip_nonlocal_bind", &[0], 0, 1),
    entry("net.ipv4.ip_unprivileged_port_start", &[1024], 0, 65_535),
    entry("net.ipv4.ipfrag_high_thresh", &[4_194_304], 0, INT),
    entry("net.ipv4.ipfrag_low_thresh", &[3_145_728], 0, INT),
    entry("net.ipv4.ipfrag_time", &[30], 0, INT),
    entry("net.ipv4.neigh.default.gc_interval", &[30], 0, INT),
    entry("net.ipv4.neigh.default.gc_thresh1", &[128], 0, INT),
    entry("net.ipv4.neigh.default.gc_thresh2", &[512], 0, INT),
    entry("net.ipv4.neigh.default.gc_thresh3", &[1024], 0, INT),
    entry("net.ipv4.route.min_pmtu", &[552], 68, INT),
    entry("net.ipv4.route.mtu_expires", &[600], 0, INT),
    entry("net.ipv4.tcp_abort_on_overflow", &[0], 0, 1),
    entry("net.ipv4.tcp_ecn", &[2], 0, 2),
    entry("net.ipv4.tcp_fin_timeout", &[60], 0, INT),
    entry("net.ipv4.tcp_keepalive_intvl", &[75], 0, INT),
    entry("net.ipv4.tcp_keepalive_probes", &[9], 0, 255),
    entry("net.ipv4.tcp_keepalive_time", &[7200], 0, INT),
    entry("net.ipv4.tcp_max_syn_backlog", &[1024], 0, INT),
    entry("net.ipv4.tcp_max_tw_buckets", &[131_072], 0, INT),
    entry("net.ipv4.tcp_orphan_retries", &[0], 0, 255),
    entry("net.ipv4.tcp_retries1", &[3], 0, 255),
    entry("net.ipv4.tcp_retries2", &[15], 0, 255),
    entry("net.ipv4.tcp_rmem", &[4096, 131_072, 6_291_456], 1, INT),
    entry("net.ipv4.tcp_sack", &[1], 0, 1),
    entry("net.ipv4.tcp_slow_start_after_idle", &[1], 0, 1),
    entry("net.ipv4.tcp_syn_retries", &[6], 1, 127),
    entry("net.ipv4.tcp_synack_retries", &[5], 0, 255),
    entry("net.ipv4.tcp_syncookies", &[1], 0, 2),
    entry("net.ipv4.tcp_timestamps", &[1], 0, 2),
    entry("net.ipv4.tcp_tw_reuse", &[2], 0, 2),
    entry("net.ipv4.tcp_window_scaling", &[1], 0, 1),
    entry("net.ipv4.tcp_wmem", &[4096, 16_384, 4_194_304], 1, INT),
    entry("net.ipv4.vs.am_droprate", &[10], ANY.0, ANY.1),
    entry("net.ipv4.vs.amemthresh", &[1024], ANY.0, ANY.1),
    entry("net.ipv4.vs.backup_only", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.cache_bypass", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.conn_reuse_mode", &[1], ANY.0, ANY.1),
    entry("net.ipv4.vs.conntrack", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.drop_entry", &[0], 0, 3),
    entry("net.ipv4.vs.drop_packet", &[0], 0, 3),
    entry("net.ipv4.vs.expire_nodest_conn", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.expire_quiescent_template", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.ignore_tunneled", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.lblc_expiration", &[86_400], ANY.0, ANY.1),
    entry("net.ipv4.vs.lblcr_expiration", &[86_400], ANY.0, ANY.1),
    entry("net.ipv4.vs.nat_icmp_send", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.pmtu_disc", &[1], ANY.0, ANY.1),
    entry("net.ipv4.vs.run_estimation", &[1], ANY.0, ANY.1),
    entry("net.ipv4.vs.schedule_icmp", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.secure_tcp", &[0], 0, 3),
    entry("net.ipv4.vs.sloppy_sctp", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.sloppy_tcp", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.snat_reroute", &[1], ANY.0, ANY.1),
    entry("net.ipv4.vs.sync_persist_mode", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.sync_ports", &[1], 1, 64),
    entry("net.ipv4.vs.sync_qlen_max", &[30_529], 0, INT),
    entry("net.ipv4.vs.sync_refresh_period", &[0], 0, INT),
    entry("net.ipv4.vs.sync_retries", &[0], 0, 3),
    entry("net.ipv4.vs.sync_sock_size", &[0], ANY.0, ANY.1),
    entry("net.ipv4.vs.sync_threshold", &[3, 50], ANY.0, ANY.1),
    entry("net.ipv4.vs.sync_version", &[1], 0, 1),
    entry("net.netfilter.nf_conntrack_buckets", &[65_536], 0, INT),
    entry("net.netfilter.nf_conntrack_generic_timeout", &[600], 0, INT),
    entry("net.netfilter.nf_conntrack_icmp_timeout", &[30], 0, INT),
    entry("net.netfilter.nf_conntrack_max", &[65_536], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_loose", &[1], 0, 255),
    entry("net.netfilter.nf_conntrack_tcp_timeout_close", &[10], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_close_wait", &[60], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_established", &[432_000], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_fin_wait", &[120], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_last_ack", &[30], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_syn_recv", &[60], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", &[120], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_time_wait", &[120], 0, INT),
    entry("net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", &[300], 0, INT),
    entry("net.netfilter.nf_conntrack_udp_timeout", &[30], 0, INT),
    entry("net.netfilter.nf_conntrack_udp_timeout_stream", &[120], 0, INT),
];
