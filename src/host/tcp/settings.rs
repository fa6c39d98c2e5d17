//! The settings of net.ipv4.tcp_* that this stack heeds, read again only when a setting has changed.

use crate::host::sysctl::Sysctl;
use crate::time::Span;

/// What TCP needs to know of /proc/sys.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// [`Sysctl::changes`] when they were read.
    as_of: u64,
    /// net.ipv4.ip_local_port_range
    pub port_range: (u16, u16),
    /// net.core.somaxconn
    pub max_backlog: u32,
    /// tcp_timestamps, tcp_sack, tcp_window_scaling
    pub timestamps: bool,
    pub sack: bool,
    pub window_scaling: bool,
    /// tcp_syn_retries, tcp_synack_retries
    pub syn_retries: u32,
    pub syn_ack_retries: u32,
    /// tcp_retries2, tcp_orphan_retries
    pub retries: u32,
    pub orphan_retries: u32,
    /// tcp_fin_timeout
    pub fin_timeout: Span,
    /// tcp_tw_reuse: 0 never, 1 always, 2 within this machine
    pub time_wait_reuse: u8,
    pub abort_on_overflow: bool,
    pub slow_start_after_idle: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::read(&Sysctl::default())
    }
}

impl Settings {
    fn read(sysctl: &Sysctl) -> Settings {
        let number = |name: &str| sysctl.number(name).clamp(0, i64::from(u32::MAX)) as u32;
        let is_on = |name: &str| number(name) != 0;
        Settings {
            as_of: sysctl.changes(),
            port_range: sysctl.local_port_range(),
            max_backlog: number("net.core.somaxconn"),
            timestamps: is_on("net.ipv4.tcp_timestamps"),
            sack: is_on("net.ipv4.tcp_sack"),
            window_scaling: is_on("net.ipv4.tcp_window_scaling"),
            syn_retries: number("net.ipv4.tcp_syn_retries"),
            syn_ack_retries: number("net.ipv4.tcp_synack_retries"),
            retries: number("net.ipv4.tcp_retries2"),
            // 0 means 8 (tcp_orphan_retries() in tcp_timer.c).
            orphan_retries: match number("net.ipv4.tcp_orphan_retries") {
                0 => 8,
                retries => retries,
            },
            fin_timeout: Span::from_secs(u64::from(number("net.ipv4.tcp_fin_timeout"))),
            time_wait_reuse: number("net.ipv4.tcp_tw_reuse") as u8,
            abort_on_overflow: is_on("net.ipv4.tcp_abort_on_overflow"),
            slow_start_after_idle: is_on("net.ipv4.tcp_slow_start_after_idle"),
        }
    }

    /// Takes over what has changed.
    pub fn refresh(&mut self, sysctl: &Sysctl) {
        if self.as_of != sysctl.changes() {
            *self = Settings::read(sysctl);
        }
    }
}
