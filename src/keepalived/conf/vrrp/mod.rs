//! vrrp_instance, vrrp_sync_group and what they track (vrrp/vrrp_parser.c, vrrp_data.c).
//!
//! `instance` knows the keywords of an instance, `finish` what follows from several of them; `declare` what is tracked,
//! `track` who tracks it; `address` and `line` addresses, routes and rules.

mod address;
mod declare;
mod finish;
mod instance;
mod line;
mod model;
mod route;
mod rule;
#[cfg(test)]
mod tests;
mod track;

pub use finish::complete;
pub use model::*;

use super::parser::Parser;

/// A keyword outside all blocks.
pub fn keyword(parser: &mut Parser, name: &str) -> bool {
    match name {
        "vrrp_instance" => instance::instance(parser),
        "vrrp_sync_group" => group(parser),
        "vrrp_script" => declare::script(parser),
        "track_file" | "vrrp_track_file" => declare::file(parser),
        "vrrp_track_process" => declare::process(parser),
        "garp_group" => garp_group(parser),
        "static_ipaddress" => {
            let default = parser.config.global.default_interface.clone();
            let mut addresses = address::addresses(parser).found;
            for address in &mut addresses {
                address.device.get_or_insert_with(|| default.clone());
            }
            parser.config.statics.addresses.extend(addresses);
        }
        "static_routes" => {
            let lines = route::routes(parser);
            parser.config.statics.routes.extend(lines);
        }
        "static_rules" => {
            let lines = rule::rules(parser);
            parser.config.statics.rules.extend(lines);
        }
        _ => return false,
    }
    true
}

fn group(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let is_second = parser.config.groups.iter().any(|known| known.name == name);
    if is_second {
        parser.warn(format!("vrrp sync group {name} already defined"));
        parser.skip();
        return;
    }
    let mut group = Group { name, ..Group::default() };
    parser.inner(|parser, name| group_keyword(parser, name, &mut group));
    parser.config.groups.push(group);
}

fn group_keyword(parser: &mut Parser, name: &str, group: &mut Group) -> bool {
    match name {
        "group" if !group.members.is_empty() => {
            parser.warn(format!("Group list already specified for sync group {}", group.name));
            parser.skip();
        }
        "group" => {
            group.members = parser.values().iter().flat_map(|line| line.words.clone()).map(|(word, _)| word).collect();
            if group.members.is_empty() {
                parser.warn(format!("Warning - sync group {} has empty group block", group.name));
            }
        }
        "global_tracking" => {
            let text = "global_tracking is deprecated. Use track_interface/script/file on the sync group";
            parser.warn(format!("({}) {text}", group.name));
            group.allows_weights = true;
        }
        "sync_group_tracking_weight" => group.allows_weights = true,
        "notify_priority_changes" => group.tells_priority = parser.switch(),
        "smtp_alert" => parser.without_effect(),
        _ if track::keyword(parser, name, &group.name, &mut group.tracks) => {}
        // A group has no notify_deleted, and nobody to be warned of.
        "notify_deleted" | "notify_master_rx_lower_pri" => return false,
        _ => {
            let whose = format!("vrrp group {}:", group.name);
            return notify_keyword(parser, name, &whose, &mut group.notify);
        }
    }
    true
}

/// notify_*: a script in quotes is one word; behind it may stand the user who runs it.
fn notify_keyword(parser: &mut Parser, name: &str, whose: &str, notify: &mut Notify) -> bool {
    let slot = match name {
        "notify_master" => &mut notify.master,
        "notify_backup" => &mut notify.backup,
        "notify_fault" => &mut notify.fault,
        "notify_stop" => &mut notify.stop,
        "notify" => &mut notify.any,
        "notify_master_rx_lower_pri" => &mut notify.lower_priority,
        "notify_deleted" => {
            notify.says_deleted = true;
            notify.deleted = parser.word(1).map(str::to_owned);
            return true;
        }
        _ => return false,
    };
    if slot.is_none() {
        *slot = parser.parameter();
    } else {
        let second = parser.word(1).unwrap_or_default();
        parser.warn(format!("{whose} {name} script already specified - ignoring {second}"));
    }
    true
}

fn garp_group(parser: &mut Parser) {
    let mut group = GarpGroup::default();
    parser.inner(|parser, name| {
        match name {
            "garp_interval" => group.interval = parser.seconds(name, 0.0, 2_147.0),
            "gna_interval" => parser.without_effect(),
            "interface" => group.interfaces.extend(parser.parameter()),
            "interfaces" => {
                group
                    .interfaces
                    .extend(parser.values().iter().flat_map(|line| line.words.clone()).map(|(word, _)| word));
            }
            _ => return false,
        }
        true
    });
    parser.config.global.garp_groups.push(group);
}
