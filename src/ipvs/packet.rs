//! What IPVS is shown of a packet, and what it says is to be done with it.

use std::net::Ipv4Addr;

use super::app::Edit;
use super::dest::{Method, Tunnel};
use crate::wire::proto;

/// The places on a packet's way at which IPVS stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Packets for this host.
    LocalIn,
    /// Packets passing through.
    Forward,
    /// Packets made here.
    LocalOut,
}

/// An IPv4 datagram with the few things that IPVS wants to know about it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Protocol number.
    pub protocol: u8,
    /// Who sent it.
    pub source: Ipv4Addr,
    /// Whom it is for.
    pub destination: Ipv4Addr,
    /// Source and destination port, as far as the protocol has them and they are in this fragment; else zeros.
    pub ports: (u16, u16),
    /// What follows the IPv4 header.
    pub payload: &'a [u8],
    /// Length of the datagram, in bytes.
    pub length: u16,
    /// Whether this is a fragment other than the first.
    pub is_later_fragment: bool,
    /// Whether it must not be fragmented.
    pub is_dont_fragment: bool,
    /// Netfilter's mark.
    pub mark: u32,
    /// Where IPVS sees it.
    pub hook: Hook,
    /// Whether it comes from this host itself, by the loopback interface or on its way out.
    pub is_from_here: bool,
    /// Whether connection tracking knows its connection.
    pub is_tracked: bool,
    /// Whether connection tracking has had its connection since before this packet.
    pub is_confirmed: bool,
    /// Whether its destination is another machine's address, though it has been routed here: transparent proxies' packets.
    pub is_for_elsewhere: bool,
    /// Whether it is not the packet itself, but what an ICMP error quotes of it.
    pub is_quoted: bool,
}

impl<'a> View<'a> {
    /// Reads a datagram; none if it is too short for its own header.
    pub fn new(datagram: &'a [u8], mark: u32, hook: Hook, is_from_here: bool) -> Option<View<'a>> {
        let header_len = usize::from(datagram.first()? & 0xf) * 4;
        let length = u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]);
        let datagram = datagram.get(..usize::from(length)).unwrap_or(datagram);
        let (header, payload) = datagram.split_at_checked(header_len.max(20))?;
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        let (is_later_fragment, is_dont_fragment) = (fragment & 0x1fff != 0, fragment & 0x4000 != 0);
        let protocol = header[9];
        let ports = match payload {
            [a, b, c, d, ..] if !is_later_fragment && has_ports(protocol) => {
                (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))
            }
            _ => (0, 0),
        };
        Some(View {
            protocol,
            source: Ipv4Addr::new(header[12], header[13], header[14], header[15]),
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]),
            ports,
            payload,
            length,
            is_later_fragment,
            is_dont_fragment,
            mark,
            hook,
            is_from_here,
            is_tracked: false,
            is_confirmed: false,
            is_for_elsewhere: false,
            is_quoted: false,
        })
    }

    /// The flags of a TCP segment.
    pub fn tcp_flags(&self) -> u8 {
        self.payload.get(13).copied().unwrap_or(0)
    }

    /// The datagram that an ICMP error quotes, seen as if it were on its way itself.
    pub fn quoted(&self) -> Option<View<'a>> {
        let quoted = View::new(self.payload.get(8..)?, self.mark, self.hook, self.is_from_here)?;
        Some(View { is_quoted: true, ..quoted })
    }
}

/// Whether packets of a protocol begin with two ports.
pub(super) fn has_ports(protocol: u8) -> bool {
    matches!(protocol, proto::TCP | proto::UDP | proto::SCTP)
}

/// What is to be done with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// IPVS has no business with it: it goes on.
    Accept,
    /// It goes on as it is; nothing of IPVS looks at it again (ipvs_property).
    Pass {
        /// Whether it stays in connection tracking.
        keeps_tracking: bool,
    },
    /// It ends here.
    Drop,
    /// Its sender is told that the port is unreachable, and it ends here.
    Unreachable,
    /// It goes to a real server.
    Forward(Forward),
    /// It is an error about a packet that went to a real server by a tunnel: that packet's client is told.
    Relay(Relay),
    /// It is an answer of a real server, or an ICMP error from its side, that must bear the virtual address, and goes on.
    Reply(Reply),
}

/// How a packet reaches its real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// By which means.
    pub method: Method,
    /// The real server's address.
    pub server: Ipv4Addr,
    /// The port on the real server; masquerading alone changes ports.
    pub port: u16,
    /// How the tunnel wraps packets, where there is one.
    pub tunnel: Tunnel,
    /// Whether the packet is an ICMP error: what it quotes has to be translated with it.
    pub is_error: bool,
    /// What a helper wants changed besides.
    pub edit: Option<Box<Edit>>,
    /// Whether the packet stays in connection tracking.
    pub keeps_tracking: bool,
}

/// Whom an error about a tunnel's packet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The real server at the other end of the tunnel.
    pub server: Ipv4Addr,
    /// Where in the ICMP message the client's packet begins, as far as it is quoted.
    pub inner: usize,
    /// Whether the client is told: one that lets its packets be fragmented need not know of path MTUs.
    pub is_told: bool,
}

/// How an answer is dressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The virtual address.
    pub address: Ipv4Addr,
    /// The virtual port.
    pub port: u16,
    /// Whether the packet is an ICMP error: what it quotes has to be translated with it.
    pub is_error: bool,
    /// What a helper wants changed besides.
    pub edit: Option<Box<Edit>>,
    /// Whether the packet stays in connection tracking.
    pub keeps_tracking: bool,
}
