//! Frames: what travels on the cables, byte for byte.
//!
//! Headers are built and read with etherparse; what it lacks (rewriting in place with incremental checksums) is here.
//! Knows nobody.

pub mod build;
mod checksum;
pub mod describe;
pub mod filter;
mod frame;
pub mod layers;
mod mac;
pub mod read;
pub mod rewrite;
pub mod stream;
pub mod tunnel;

pub use checksum::{checksum, checksum_after, checksum_after_address, transport_checksum};
pub use frame::Frame;
pub use mac::MacAddr;

/// Bytes of an Ethernet II header: destination, source, EtherType.
pub const ETHERNET_LEN: usize = 14;
/// Bytes of an IPv4 header without options.
pub const IPV4_LEN: usize = 20;
/// Bytes of an ARP message for IPv4 over Ethernet.
pub const ARP_LEN: usize = 28;

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;

/// IP protocol numbers, as the kernel's IPPROTO_*.
pub mod proto {
    /// Internet Control Message Protocol.
    pub const ICMP: u8 = 1;
    /// Internet Group Management Protocol.
    pub const IGMP: u8 = 2;
    /// IPv4 in IPv4.
    pub const IPIP: u8 = 4;
    /// Transmission Control Protocol.
    pub const TCP: u8 = 6;
    /// User Datagram Protocol.
    pub const UDP: u8 = 17;
    /// Generic Routing Encapsulation.
    pub const GRE: u8 = 47;
    /// Encapsulating Security Payload.
    pub const ESP: u8 = 50;
    /// Authentication Header.
    pub const AH: u8 = 51;
    /// Virtual Router Redundancy Protocol.
    pub const VRRP: u8 = 112;
    /// Stream Control Transmission Protocol.
    pub const SCTP: u8 = 132;

    /// The name that listings of IPVS show.
    pub const fn name(protocol: u8) -> &'static str {
        match protocol {
            ICMP => "ICMP",
            TCP => "TCP",
            UDP => "UDP",
            SCTP => "SCTP",
            AH => "AH",
            ESP => "ESP",
            _ => "IP",
        }
    }

    /// The name in /etc/services of a protocol with ports.
    pub const fn lower_name(protocol: u8) -> Option<&'static str> {
        match protocol {
            TCP => Some("tcp"),
            UDP => Some("udp"),
            SCTP => Some("sctp"),
            _ => None,
        }
    }
}
