//! What a connection is known by: nf_conntrack_tuple.h.

use std::net::Ipv4Addr;

use crate::wire::{IPV4_LEN, proto};

/// One end of a connection: address, and port where the protocol has ports.
///
/// Of ICMP queries, the source's number is the identifier, the destination's the type and code.
pub type End = (Ipv4Addr, u16);

/// The ends of a connection, as packets of one direction name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Who sends.
    pub source: End,
    /// To whom.
    pub destination: End,
    /// Protocol number.
    pub protocol: u8,
}

/// ICMP's queries and their replies: echo, timestamp, information, address mask.
const QUERIES: [(u8, u8); 4] = [(8, 0), (13, 14), (15, 16), (17, 18)];

/// Whether an ICMP message of this type begins a conversation (icmp_new).
pub(super) fn is_query(icmp_type: u8) -> bool {
    QUERIES.iter().any(|(query, _)| *query == icmp_type)
}

/// Protocols that begin with two ports.
pub(in crate::host::netfilter) const fn has_ports(protocol: u8) -> bool {
    const DCCP: u8 = 33;
    const UDPLITE: u8 = 136;
    matches!(protocol, proto::TCP | proto::UDP | proto::SCTP | DCCP | UDPLITE)
}

impl Tuple {
    /// nf_ct_get_tuple: the tuple of a datagram, and what follows its IPv4 header. None of a fragment that is not the
    /// first, of one that is cut off too early, and of ICMP messages that nobody answers.
    pub fn read(datagram: &[u8]) -> Option<(Tuple, &[u8])> {
        let header_len = usize::from(datagram.first()? & 0xf) * 4;
        let (header, payload) = datagram.split_at_checked(header_len.max(IPV4_LEN))?;
        if u16::from_be_bytes([header[6], header[7]]) & 0x1fff != 0 {
            return None;
        }
        let protocol = header[9];
        let word = |at: usize| Some(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?]));
        let (source_number, destination_number) = match protocol {
            proto::ICMP => (word(4)?, word(0)?),
            _ if has_ports(protocol) => (word(0)?, word(2)?),
            _ => (0, 0),
        };
        let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
        let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
        let tuple = Tuple { source: (source, source_number), destination: (destination, destination_number), protocol };
        tuple.inverse().map(|_| (tuple, payload))
    }

    /// nf_ct_invert_tuple: what the answer names. None of ICMP messages that have no answer.
    pub fn inverse(self) -> Option<Tuple> {
        let Tuple { source, destination, protocol } = self;
        if protocol != proto::ICMP {
            return Some(Tuple { source: destination, destination: source, protocol });
        }
        let [icmp_type, code] = destination.1.to_be_bytes();
        let other = QUERIES.iter().find_map(|&(query, reply)| match icmp_type {
            _ if icmp_type == query => Some(reply),
            _ if icmp_type == reply => Some(query),
            _ => None,
        })?;
        let (source, destination) = ((destination.0, source.1), (source.0, u16::from_be_bytes([other, code])));
        Some(Tuple { source, destination, protocol })
    }

    /// The inverse of a tuple that is known to have one, since it has been read from a packet.
    pub fn reply(self) -> Tuple {
        self.inverse().expect("tuples are read from packets that can be answered")
    }

    /// The type of an ICMP query.
    pub(super) fn icmp_type(self) -> u8 {
        self.destination.1.to_be_bytes()[0]
    }
}
