//! ICMP errors about connections: ip_vs_in_icmp and ip_vs_out_icmp.

use std::net::SocketAddrV4;

use super::Ipvs;
use super::core::{Scheduled, reply};
use super::packet::{Verdict, View};
use crate::time::Time;
use crate::wire::proto;

const DESTINATION_UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const TIME_EXCEEDED: u8 = 11;

/// The packet that an error quotes, if IPVS cares for such errors and such packets.
fn quoted<'a>(view: &View<'a>) -> Option<View<'a>> {
    let icmp_type = view.payload.first()?;
    if !matches!(*icmp_type, DESTINATION_UNREACHABLE | SOURCE_QUENCH | TIME_EXCEEDED) {
        return None;
    }
    view.quoted().filter(|quoted| matches!(quoted.protocol, proto::TCP | proto::UDP | proto::SCTP))
}

/// Both ends of a quoted packet.
fn ends(quoted: &View<'_>) -> (SocketAddrV4, SocketAddrV4) {
    let (from, to) = quoted.ports;
    (SocketAddrV4::new(quoted.source, from), SocketAddrV4::new(quoted.destination, to))
}

impl Ipvs {
    /// An error about what a client was sent: it goes to the server that sent it. Also for errors that pass through, at
    /// FORWARD.
    pub fn inbound_error(&mut self, view: &View<'_>, now: Time) -> Verdict {
        if self.is_idle() {
            return Verdict::Accept;
        }
        let Some(quoted) = quoted(view) else { return Verdict::Accept };
        let (virtual_address, client) = ends(&quoted);
        let known = self.conns.find_in(quoted.protocol, client, virtual_address);
        let id = match known {
            Some(id) => id,
            None if self.config.schedule_icmp == 0 => return Verdict::Accept,
            None => {
                let turned = View {
                    source: quoted.destination,
                    destination: quoted.source,
                    ports: (quoted.ports.1, quoted.ports.0),
                    ..quoted
                };
                match self.schedule(&turned, now) {
                    Scheduled::New(conn) => {
                        if let Some(dest) = conn.dest {
                            self.bind(dest, false);
                        }
                        let id = self.conns.insert(conn);
                        self.conns.restart(id, now);
                        id
                    }
                    Scheduled::NotOurs | Scheduled::Nobody => return Verdict::Accept,
                    Scheduled::Drop(why) => {
                        self.notes.drop(|| why);
                        return Verdict::Drop;
                    }
                }
            }
        };
        self.count_in(id, view.length);
        self.forward_error(id)
    }

    /// An error about what a server was sent: its client is told, in terms of the virtual address.
    pub(super) fn outbound_error(&mut self, view: &View<'_>) -> Verdict {
        let Some(quoted) = quoted(view) else { return Verdict::Accept };
        let (client, server) = ends(&quoted);
        let Some(id) = self.conns.find_out(quoted.protocol, server, client) else { return Verdict::Accept };
        self.count_out(id, view.length);
        self.conns.get(id).map_or(Verdict::Accept, |conn| reply(conn, true, None))
    }
}
