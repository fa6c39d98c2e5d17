//! The configuration language: what a keepalived.conf says, and what keepalived 2.2.7 says about it.
//!
//! `lexer` makes lines of a text, `parser` blocks of lines; `global`, `vrrp` and `check` know the keywords, and `model` is
//! what comes out.

mod check;
mod global;
mod lexer;
mod model;
mod parser;
#[cfg(test)]
mod tests;
mod vrrp;

pub use check::shown;
pub use lexer::Files;
pub use model::*;
pub use parser::{Message, Severity, parse};
pub use vrrp::*;

/// The keywords that people mean when they write something like them.
pub const KEYWORDS: &[&str] = &[
    "HTTP_GET",
    "MISC_CHECK",
    "SSL_GET",
    "TCP_CHECK",
    "UDP_CHECK",
    "advert_int",
    "alpha",
    "auth_pass",
    "auth_type",
    "authentication",
    "connect_ip",
    "connect_port",
    "connect_timeout",
    "delay_before_retry",
    "delay_loop",
    "digest",
    "fall",
    "garp_master_delay",
    "garp_master_refresh",
    "garp_master_repeat",
    "global_defs",
    "hysteresis",
    "inhibit_on_failure",
    "interface",
    "interval",
    "lb_algo",
    "lb_kind",
    "lvs_sync_daemon",
    "misc_path",
    "nopreempt",
    "notify",
    "notify_backup",
    "notify_fault",
    "notify_master",
    "ops",
    "path",
    "persistence_granularity",
    "persistence_timeout",
    "preempt_delay",
    "priority",
    "protocol",
    "quorum",
    "real_server",
    "retry",
    "rise",
    "router_id",
    "script",
    "sorry_server",
    "state",
    "status_code",
    "track_interface",
    "track_script",
    "unicast_peer",
    "unicast_src_ip",
    "use_vmac",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "virtual_router_id",
    "virtual_routes",
    "virtual_server",
    "virtual_server_group",
    "vrrp_instance",
    "vrrp_script",
    "vrrp_strict",
    "vrrp_sync_group",
    "warmup",
    "weight",
];

/// The exit status of `keepalived -t` for these messages: 0 if there are none.
pub fn status(messages: &[Message]) -> i32 {
    if let Some(message) = messages.iter().find(|message| message.severity == Severity::Missing) {
        return message.severity.status();
    }
    messages.iter().map(|message| message.severity.status()).max().unwrap_or(0)
}

/// Whether keepalived starts in spite of these messages.
pub fn is_usable(messages: &[Message]) -> bool {
    !messages.iter().any(|message| matches!(message.severity, Severity::Missing | Severity::Fatal))
}
