//! The commands and lines of configuration that several rules name.

use std::net::Ipv4Addr;

use super::case::{Case, KEEPALIVED_CONF};
use super::{Cause, Command};
use crate::ids::NodeId;
use crate::reason::Config;
use crate::time::Time;
use crate::topo::Service;

/// The command that edits a machine's keepalived.conf by sed's script, and has keepalived read it again.
pub fn edit_and_reload(case: &Case<'_>, node: NodeId, script: &str) -> Command {
    edit(case, node, script, "reload")
}

/// The same for what keepalived heeds only when it starts, or what is safer so.
pub fn edit_and_restart(case: &Case<'_>, node: NodeId, script: &str) -> Command {
    edit(case, node, script, "restart")
}

fn edit(case: &Case<'_>, node: NodeId, script: &str, verb: &str) -> Command {
    case.fix(node, format!("sed -i '{script}' {KEEPALIVED_CONF} && systemctl {verb} keepalived"))
}

/// The command that gives a keyword of keepalived.conf another value.
pub fn set_keyword(case: &Case<'_>, node: NodeId, keyword: &str, value: &str) -> Command {
    edit_and_restart(case, node, &format!("s/{keyword} .*/{keyword} {value}/"))
}

/// The words by which ipvsadm knows a service.
pub fn option(service: &Service) -> String {
    let (kind, what) = service.name.split_once(' ').unwrap_or(("TCP", &service.name));
    let letter = match kind {
        "UDP" => "-u",
        "SCTP" => "--sctp-service",
        "FWM" => "-f",
        _ => "-t",
    };
    format!("{letter} {what}")
}

/// Where a server has come into a service: a command, or a line of keepalived.conf.
pub fn server_line(case: &Case<'_>, node: NodeId, rip: Ipv4Addr, before: Time) -> Option<Cause> {
    let is_it = |what: &Config| matches!(what, Config::Server { server, weight: Some(_), .. } if *server.ip() == rip);
    let written = || case.line_of(node, &["real_server", &rip.to_string()]);
    written().or_else(|| case.changed(node, before, is_it))
}

/// The first of a machine's cards.
pub fn card<'a>(case: &Case<'a>, node: NodeId) -> &'a str {
    case.machine(node).interfaces.iter().find(|it| it.switch.is_some()).map_or("eth0", |it| &it.name)
}

/// A machine beside this one that forwards, by its address there.
pub fn gateway_beside(case: &Case<'_>, node: NodeId) -> Option<Ipv4Addr> {
    let routers =
        case.machines().filter(|(other, it)| *other != node && it.forwards && case.are_neighbours(node, *other));
    routers.filter_map(|(router, _)| case.address_beside(router, node)).next()
}

/// Where a service was set up: the last command that changed it before a moment, or a line of keepalived.conf.
pub fn service_line(case: &Case<'_>, node: NodeId, service: &Service, before: Time) -> Option<Cause> {
    let is_it = |what: &Config| matches!(what, Config::Service { service: known, scheduler: Some(_) } if *known == service.name);
    let vip = service.address.map_or(String::new(), |vip| vip.to_string());
    let typed = case.changed(node, before, is_it);
    case.line_of(node, &["virtual_server", &vip]).or(typed).or_else(|| case.command(node, &["ipvsadm -A", &vip]))
}

/// The command that has a router look after something by a script.
pub fn track_script(case: &Case<'_>, node: NodeId, script: &str, options: &str) -> Command {
    let block = format!("vrrp_script chk {{\\nscript \"{script}\"\\n{options}\\n}}").replace('/', "\\/");
    let edit = format!("s/^vrrp_instance/{block}\\n&/; s/virtual_router_id/track_script {{\\nchk\\n}}\\n&/");
    edit_and_restart(case, node, &edit)
}
