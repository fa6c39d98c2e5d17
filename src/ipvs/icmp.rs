//! ICMP errors about connections: ip_vs_in_icmp and ip_vs_out_icmp.

use super::Ipvs;
use super::conn::Conn;
use super::core::{endpoints, reply};
use super::dest::Method;
use super::packet::{Forward, Verdict, View, has_ports};
use super::schedule::Scheduled;
use crate::reason::{self, IpvsDrop};
use crate::time::Time;
use crate::wire::{checksum, proto};

pub(super) const DESTINATION_UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const TIME_EXCEEDED: u8 = 11;

/// Bytes of an ICMP header.
const ICMP_LEN: usize = 8;

/// Whether IPVS cares for messages of this type.
pub(super) const fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, DESTINATION_UNREACHABLE | SOURCE_QUENCH | TIME_EXCEEDED)
}

/// The packet that an error quotes, if IPVS cares for such errors and can tell whose packet it is.
fn quoted<'a>(view: &View<'a>) -> Option<View<'a>> {
    let icmp_type = view.payload.first()?;
    if !is_error(*icmp_type) {
        return None;
    }
    view.quoted().filter(|quoted| match quoted.protocol {
        proto::AH | proto::ESP => true,
        protocol => has_ports(protocol) && !quoted.is_later_fragment && quoted.payload.len() >= 4,
    })
}

/// A quoted packet is on its way back: its sender is whom the error's packet was for.
fn turned<'a>(quoted: &View<'a>) -> View<'a> {
    View { source: quoted.destination, destination: quoted.source, ports: (quoted.ports.1, quoted.ports.0), ..*quoted }
}

impl Ipvs {
    /// An error about what a client was sent: it goes to the server that sent it (ip_vs_in_icmp).
    pub(super) fn inbound_error(&mut self, view: &View<'_>, now: Time) -> Verdict {
        if view.payload.len() < ICMP_LEN {
            return self.refuse(IpvsDrop::Truncated);
        }
        if let Some(relay) = self.relay(view) {
            return Verdict::Relay(relay);
        }
        let Some(quoted) = quoted(view) else { return Verdict::Accept };
        let request = turned(&quoted);
        let (protocol, client, virtual_address) = endpoints(&request);
        let id = match self.conns.find_in(protocol, client, virtual_address) {
            Some(id) => id,
            None if self.config.schedule_icmp == 0 => return Verdict::Accept,
            None => match self.schedule(&request, now) {
                Scheduled::New(conn) => {
                    self.admit(&conn);
                    if self.is_one_packet(&conn) {
                        let verdict = forward_error(self.forward(&conn));
                        self.finish_at_once(&conn, view.length, now);
                        return verdict;
                    }
                    let id = self.conns.insert(conn);
                    self.conns.restart(id, now);
                    id
                }
                Scheduled::NotOurs => return Verdict::Accept,
                Scheduled::Nobody => return self.leave(&request, now),
                Scheduled::Drop(why) => return self.refuse(why),
            },
        };
        let Some(conn) = self.conns.get(id) else { return Verdict::Accept };
        if is_damaged(view, conn) {
            return self.refuse(IpvsDrop::BadChecksum);
        }
        self.notes.add(|| reason::Ipvs::Error { connection: Box::new(conn.describe()), recipient: "server" });
        let verdict = forward_error(self.forward(conn));
        self.count_in(id, view.length);
        verdict
    }

    /// An error about what a server was sent: its client is told, in terms of the virtual address (ip_vs_out_icmp).
    pub(super) fn outbound_error(&mut self, view: &View<'_>) -> Verdict {
        if view.payload.len() < ICMP_LEN {
            return self.refuse(IpvsDrop::Truncated);
        }
        let Some(quoted) = quoted(view) else { return Verdict::Accept };
        let (protocol, server, client) = endpoints(&turned(&quoted));
        let Some(id) = self.conns.find_out(protocol, server, client) else { return Verdict::Accept };
        let Some(conn) = self.conns.get(id) else { return Verdict::Accept };
        if is_damaged(view, conn) {
            return self.refuse(IpvsDrop::BadChecksum);
        }
        self.notes.add(|| reason::Ipvs::Error { connection: Box::new(conn.describe()), recipient: "client" });
        let verdict = reply(conn, true, None);
        self.count_out(id, view.length);
        verdict
    }
}

fn forward_error(forward: Forward) -> Verdict {
    Verdict::Forward(Forward { is_error: true, ..forward })
}

/// An error that will be rewritten is not made good by that.
fn is_damaged(view: &View<'_>, conn: &Conn) -> bool {
    conn.method == Method::Masquerade && checksum(view.payload) != 0
}
