//! The Internet Protocol: input, forwarding, output.

mod counters;
mod exceptions;
mod forward;
mod fragment;
mod input;
mod output;
mod routing;

use std::net::Ipv4Addr;

use super::interface::IfIndex;
use super::route::Query;

pub use counters::IpCounters;
pub(super) use exceptions::Exceptions;
pub(super) use fragment::Reassembly;
pub(super) use output::Identification;
pub(super) use routing::Arrival;

/// What a sender says about a packet besides its payload: the kernel's struct flowi4 and inet_cork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address; unset: what the route prefers.
    pub source: Option<Ipv4Addr>,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Protocol number.
    pub protocol: u8,
    /// Time to live; unset: the host's default, 64 (1 for multicast).
    pub ttl: Option<u8>,
    /// Type of service.
    pub tos: u8,
    /// Whether routers may not fragment it.
    pub dont_fragment: bool,
    /// Identification, where the sender counts by itself as connected sockets do (inet_id); unset: what IP chooses.
    pub id: Option<u16>,
    /// Leave by this interface only (SO_BINDTODEVICE).
    pub oif: Option<IfIndex>,
    /// Its mark (SO_MARK).
    pub mark: u32,
    /// The sender has written the header itself (IP_HDRINCL): the source need not be an address of this host.
    pub header_included: bool,
}

impl Flow {
    /// What its way is looked up for.
    pub(in crate::host) fn query(&self) -> Query {
        Query {
            source: self.source,
            oif: self.oif,
            tos: self.tos,
            mark: self.mark,
            any_source: self.header_included,
            ..Query::to(self.destination)
        }
    }
}
