//! Packets rewritten as their connection has agreed: nf_nat_proto.c.

use super::Side;
use crate::host::netfilter::conntrack::{Connection, Direction, Tuple, has_ports};
use crate::host::packet::Packet;
use crate::wire::{ETHERNET_LEN, checksum, checksum_after, proto, rewrite};

/// How packets of one direction change on one side.
pub(super) struct Manip {
    side: Side,
    /// What they look like afterwards.
    target: Tuple,
    /// What packets of the other direction look like as they come in.
    opposite: Tuple,
}

impl Manip {
    /// nf_nat_packet: none if packets of this direction keep this side. What was agreed on for one end concerns the
    /// sources of packets that way, and the destinations of those that come back.
    pub fn new(connection: &Connection, direction: Direction, side: Side) -> Option<Manip> {
        let agreed = match (side, direction) {
            (Side::Source, Direction::Original) | (Side::Destination, Direction::Reply) => connection.source,
            (Side::Destination, Direction::Original) | (Side::Source, Direction::Reply) => connection.destination,
        };
        let opposite = connection.tuple(direction.other());
        agreed.is_changed.then(|| Manip { side, target: opposite.reply(), opposite })
    }

    fn target_end(&self) -> (std::net::Ipv4Addr, u16) {
        match self.side {
            Side::Source => self.target.source,
            Side::Destination => self.target.destination,
        }
    }

    /// nf_nat_manip_pkt: gives a packet its new source or destination.
    pub fn rewrite(&self, packet: &mut Packet) {
        let (address, port) = self.target_end();
        let port = has_ports(self.target.protocol).then_some(port);
        rewrite::set_endpoint(&mut packet.frame, self.side, address, port);
        if self.target.protocol == proto::ICMP {
            let start = ETHERNET_LEN + packet.header_len();
            set_identifier(&mut packet.frame.bytes_mut()[start..], self.target.source.1);
        }
    }

    /// nf_nat_icmp_reply_translation: an error about a packet of the other direction. What it quotes goes back to what
    /// that packet's sender knows.
    pub fn rewrite_error(&self, packet: &mut Packet) {
        let (inner, (address, port)) = match self.side {
            Side::Source => (Side::Destination, self.opposite.destination),
            Side::Destination => (Side::Source, self.opposite.source),
        };
        let (start, end) = (ETHERNET_LEN + packet.header_len(), ETHERNET_LEN + packet.total_len());
        if let Some((header, quoted)) = packet.frame.bytes_mut()[start..end].split_at_mut_checked(8) {
            let port = has_ports(self.opposite.protocol).then_some(port);
            rewrite::translate(quoted, inner, address, port);
            let header_len = quoted.first().map_or(0, |first| usize::from(first & 0xf) * 4);
            if self.opposite.protocol == proto::ICMP
                && let Some(message) = quoted.get_mut(header_len..)
            {
                set_identifier(message, self.opposite.source.1);
            }
            header[2..4].fill(0);
            let message = &mut packet.frame.bytes_mut()[start..end];
            let sum = checksum(message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        rewrite::set_endpoint(&mut packet.frame, self.side, self.target_end().0, None);
    }
}

/// icmp_manip_pkt: another identifier for a query or its reply.
fn set_identifier(message: &mut [u8], identifier: u16) {
    let [_, _, a, b, c, d, ..] = *message else { return };
    let (sum, old) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    message[2..4].copy_from_slice(&checksum_after(sum, old, identifier).to_be_bytes());
    message[4..6].copy_from_slice(&identifier.to_be_bytes());
}
