//! FTP through address translation, without the helper that rewrites its text.

use std::net::Ipv4Addr;

use super::case::{Case, some};
use super::{Finding, Kind};
use crate::topo::Method;
use crate::trace::filter::Segment;

/// FTP's control connection.
pub const FTP: u16 = 21;

/// FTP names addresses in its text, which nobody rewrites: data connections go to the server's own address, or come from it.
pub fn helper_missing(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, service) in case.services().filter(|(_, service)| service.port == FTP) {
        let is_server = |ip: Ipv4Addr| service.servers.iter().any(|it| it.method == Method::Nat && *it.at.ip() == ip);
        let frames = case.journeys.frames().filter(|(_, sent)| sent.at >= case.trace().zero);
        let strays = frames.filter(|(id, sent)| {
            let facts = case.facts_of(*id);
            let Some(((source, destination), ports)) = facts.addresses.zip(facts.ports) else { return false };
            let is_syn = facts.segment.is_some_and(|it| it == Segment::Syn);
            // From a client to the server's own address, or from the server's data port to a client.
            let is_passive = is_server(destination) && ports.1 != FTP && case.machine(sent.node).holds(source);
            let is_active = is_server(source) && ports.0 == FTP - 1;
            is_syn && sent.node != node && (is_passive || is_active)
        });
        let evidence = some(strays.filter_map(|(id, _)| case.sent(id)));
        let helped = case.command(node, &["ip_vs_ftp"]).is_some();
        if evidence.is_empty() || helped {
            continue;
        }
        findings.push(Finding {
            kind: Kind::FtpHelperMissing,
            what: format!(
                "FTP names addresses in its text, and nobody on {} rewrites them: data connections miss the virtual address.",
                case.name(node)
            ),
            evidence,
            cause: Some(case.missing(node, "nothing loads ip_vs_ftp")),
            fix: vec![case.fix(node, "modprobe ip_vs_ftp"), case.fix(node, "sysctl -w net.ipv4.vs.conntrack=1")],
        });
    }
    findings
}
