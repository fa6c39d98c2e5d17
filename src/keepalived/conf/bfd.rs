//! bfd_instance, which all processes read (bfd/bfd_parser.c).

use super::parser::{Parser, Process};

const BFD: &[&str] = &[
    "checker",
    "hoplimit",
    "idle_tx",
    "max_hops",
    "min_rx",
    "min_tx",
    "multiplier",
    "neighbor_ip",
    "neighbour_ip",
    "passive",
    "source_ip",
    "ttl",
    "vrrp",
];

/// BFD is not simulated: its sessions are up as long as nobody says otherwise.
pub fn instance(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let (process, mut has_neighbour, mut concerns) = (parser.process(), false, Vec::new());
    if process == Process::Checkers && parser.config.bfds.contains(&name) {
        parser.warn(format!("BFD {name} already specified"));
        parser.skip();
        return;
    }
    parser.inner(|_, keyword| {
        has_neighbour |= matches!(keyword, "neighbor_ip" | "neighbour_ip");
        concerns.extend(["vrrp", "checker"].into_iter().find(|other| *other == keyword));
        BFD.contains(&keyword) || keyword == "weight"
    });
    if process == Process::Bfd && !has_neighbour {
        parser
            .warn(format!("Configuration error: BFD instance {name} has no neighbor address set, disabling instance"));
    }
    if process == Process::Checkers && (concerns.is_empty() || concerns.contains(&"checker")) {
        parser.config.bfds.push(name);
    }
}
