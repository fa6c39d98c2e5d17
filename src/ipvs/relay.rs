//! ICMP errors about packets that went to their servers by a tunnel: the last part of ip_vs_in_icmp.
//!
//! Such an error quotes the outer packet, which its client has never seen. The client is told about the one inside.

use std::net::SocketAddrV4;

use super::Ipvs;
use super::dest::{Method, Tunnel};
use super::icmp::{DESTINATION_UNREACHABLE, is_error};
use super::packet::{Hook, Relay, View};
use crate::reason;
use crate::wire::tunnel::{Gre, read_gue};
use crate::wire::{ETHERTYPE_IPV4, proto};

const FRAGMENTATION_NEEDED: u8 = 4;
/// Bytes of a UDP header.
const UDP_LEN: usize = 8;

impl Ipvs {
    /// Whom to tell of an error, if it is about a packet that this director has sent into a tunnel, and of a connection.
    pub(super) fn relay(&mut self, view: &View<'_>) -> Option<Relay> {
        let &[icmp_type, code, ..] = view.payload else { return None };
        if !is_error(icmp_type) || view.hook != Hook::LocalIn {
            return None;
        }
        let outer = view.quoted().filter(|outer| !outer.is_later_fragment)?;
        let at = self.decapsulated(&outer)?;
        let client_packet = outer.payload.get(at..)?;
        let inner = View::new(client_packet, view.mark, view.hook, view.is_from_here)?;
        if !matches!(inner.protocol, proto::TCP | proto::UDP | proto::SCTP) {
            return None;
        }
        let client = SocketAddrV4::new(inner.source, inner.ports.0);
        let virtual_address = SocketAddrV4::new(inner.destination, inner.ports.1);
        let id = self.conns.find_in(inner.protocol, client, virtual_address)?;
        let is_path_mtu = (icmp_type, code) == (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED);
        let is_told = !is_path_mtu || inner.is_dont_fragment;
        if is_told {
            self.count_out(id, u16::try_from(client_packet.len()).unwrap_or(u16::MAX));
        }
        if let Some(conn) = self.conns.get(id) {
            self.notes.add(|| reason::Ipvs::Relayed { connection: conn.describe(), is_told });
        }
        Some(Relay { server: outer.destination, inner: view.payload.len() - client_packet.len(), is_told })
    }

    /// ipvs_udp_decap, ipvs_gre_decap: where in an outer packet's payload the inner one begins, if a server has such a tunnel.
    fn decapsulated(&self, outer: &View<'_>) -> Option<usize> {
        let (tunnel, len) = match outer.protocol {
            proto::IPIP => (self.find_tunnel(outer, 0)?, 0),
            proto::GRE => {
                let (_, len, ethertype) = Gre::read_quoted(outer.payload).ok()?;
                (self.find_tunnel(outer, 0).filter(|_| ethertype == ETHERTYPE_IPV4)?, len)
            }
            proto::UDP => {
                let (len, protocol) = read_gue(outer.payload.get(UDP_LEN..)?).ok()?;
                (self.find_tunnel(outer, outer.ports.1).filter(|_| protocol == proto::IPIP)?, UDP_LEN + len)
            }
            _ => return None,
        };
        let is_it = matches!(
            (outer.protocol, tunnel),
            (proto::IPIP, Tunnel::Ipip) | (proto::GRE, Tunnel::Gre { .. }) | (proto::UDP, Tunnel::Gue { .. })
        );
        is_it.then_some(len)
    }

    /// ip_vs_find_tunnel: the tunnel to the packet's destination, and to this UDP port there (0: without UDP).
    fn find_tunnel(&self, outer: &View<'_>, port: u16) -> Option<Tunnel> {
        let mut tunnels = self
            .dests
            .iter()
            .flatten()
            .filter(|dest| dest.is_available && dest.options.method == Method::Tunnel)
            .filter(|dest| dest.options.address == outer.destination)
            .map(|dest| dest.options.tunnel);
        tunnels.find(|tunnel| tunnel.port() == port)
    }
}
