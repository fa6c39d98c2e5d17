//! The settings below /proc/sys/net/ipv4/vs that change what IPVS does.

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident: $default:literal,)*) => {
        /// What can be set, and what it is set to. Numbers keep the meaning that the kernel gives them.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])* pub $name: i64,)*
            /// Connections are told about at the first of these packets, and again whenever so many more have come.
            pub sync_threshold: (i64, i64),
        }

        impl Default for Config {
            fn default() -> Config {
                Config { $($name: $default,)* sync_threshold: (3, 50) }
            }
        }

        impl Config {
            /// Every setting with its file's name, for whoever reads those files.
            pub fn fields(&mut self) -> impl Iterator<Item = (&'static str, &mut i64)> {
                [$((stringify!($name), &mut self.$name),)*].into_iter()
            }
        }
    };
}

settings! {
    /// Which fraction of new connections drop_packet drops: one in so many.
    am_droprate: 10,
    /// With fewer free pages than so many, the automatic modes of the defences are on.
    amemthresh: 1024,
    /// While the backup daemon runs, no packet is looked at.
    backup_only: 0,
    /// Packets of a mark's service without a server go to where they wanted to go.
    cache_bypass: 0,
    /// Which ended connections a SYN may open anew: bit 1 those in TIME_WAIT and CLOSE, bit 2 also those in FIN_WAIT.
    conn_reuse_mode: 1,
    /// Packets of connections stay in connection tracking, so that rules may translate their sources.
    conntrack: 0,
    /// Old half-open entries are dropped: 3 always; 1 (off now) and 2 (on now) while memory is short.
    drop_entry: 0,
    /// Some new connections are dropped: 3 always; 1 (off now) and 2 (on now) while memory is short.
    drop_packet: 0,
    /// Connections to a removed server end at once.
    expire_nodest_conn: 0,
    /// Templates of servers with weight 0 end at once.
    expire_quiescent_template: 0,
    /// Packets in tunnels are not looked at again.
    ignore_tunneled: 0,
    /// How long lblc keeps an unused entry, in seconds.
    lblc_expiration: 86400,
    /// How long lblcr keeps an unused entry, in seconds.
    lblcr_expiration: 86400,
    /// A masqueraded server whose connection is unknown is told so.
    nat_icmp_send: 0,
    /// Tunnels honour the path's MTU.
    pmtu_disc: 1,
    /// Rates and shown counters are brought up to date.
    run_estimation: 1,
    /// ICMP errors may open connections.
    schedule_icmp: 0,
    /// TCP's stricter state table: 3 always; 1 (off now) and 2 (on now) while memory is short.
    secure_tcp: 0,
    /// Any SCTP packet may open an association.
    sloppy_sctp: 0,
    /// Any TCP segment may open a connection.
    sloppy_tcp: 0,
    /// Connections that follow a template are not told about.
    sync_persist_mode: 0,
    /// How many threads share the work of the daemons.
    sync_ports: 1,
    /// How many messages may wait to be sent.
    sync_qlen_max: 30529,
    /// How little time may have passed since a connection was told about, in seconds; 0: that does not matter.
    sync_refresh_period: 0,
    /// How often it is repeated before that.
    sync_retries: 0,
    /// The version of the messages.
    sync_version: 1,
}
