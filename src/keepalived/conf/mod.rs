//! The configuration language: what a keepalived.conf says, and what keepalived 2.2.7 says about it.
//!
//! `source` makes lines of files (with `lexer` and `define`), `parser` blocks of lines; `global`, `vrrp`, `check` and
//! `checker` know the keywords, `services` what follows from several of them, and `model` is what comes out.

mod bfd;
mod check;
mod checker;
mod define;
mod global;
mod group;
mod lexer;
mod model;
mod parser;
mod services;
mod source;
#[cfg(test)]
mod tests;
mod values;
mod vrrp;

pub use model::*;
pub use parser::{Message, Process, Severity, parse};
pub use services::{shown, trio};
pub use source::Files;
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

/// Keywords of other versions and of other blocks, and what is to be written today.
pub const LEGACY: &[(&str, &str)] = &[
    ("connect_port", "connect_port belongs into a checker's block"),
    ("lvs_id", "router_id is the name today"),
    ("nat_mask", "nat_mask has gone: leave it out"),
    ("nb_get_retry", "retry is the name today; TCP_CHECK never had another one"),
    ("net_mask", "there is no such keyword: addresses have a prefix length"),
    ("virtual_ip", "addresses stand in virtual_ipaddress"),
];

/// The exit status of `keepalived -t` for these messages: 0 if there are none.
pub fn status(messages: &[Message]) -> i32 {
    let ends = |message: &&Message| matches!(message.severity, Severity::Missing | Severity::Crash);
    if let Some(message) = messages.iter().find(ends) {
        return message.severity.status();
    }
    messages.iter().map(|message| message.severity.status()).max().unwrap_or(0)
}

/// Whether keepalived starts in spite of these messages.
pub fn is_usable(messages: &[Message]) -> bool {
    !messages.iter().any(|message| matches!(message.severity, Severity::Missing | Severity::Fatal | Severity::Crash))
}
