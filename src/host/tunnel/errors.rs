//! ICMP errors about a tunnel's outer packets: ipip_err, ipgre_err. An error quotes too little of the packet inside for its
//! sender to be told at once. So the tunnel remembers, and tells who sends next.

use super::{Mode, Tunnel};
use crate::host::interface::{IfIndex, Interface, Link};
use crate::host::kernel::Kernel;
use crate::time::Span;
use crate::wire::tunnel::Gre;

/// How long an error is of importance (IPTUNNEL_ERR_TIMEO).
const LIFETIME: Span = Span::from_secs(30);

const UNREACHABLE: u8 = 3;
const PORT_UNREACHABLE: u8 = 3;
const SOURCE_ROUTE_FAILED: u8 = 5;
const FRAGMENTATION_NEEDED: u8 = 4;
const TIME_EXCEEDED: u8 = 11;

impl Kernel {
    /// An error about a packet of a tunnel's. `quoted` is that packet, from the outer header on; path MTUs have been dealt
    /// with.
    pub(in crate::host) fn tunnel_icmp_error(
        &mut self,
        mode: Mode,
        icmp_type: u8,
        code: u8,
        quoted: &[u8],
        iif: IfIndex,
    ) {
        let is_failure = match icmp_type {
            // ipgre_err takes a missing port for impossible, though gre_rcv tells of one.
            UNREACHABLE if code == PORT_UNREACHABLE => mode == Mode::Ipip,
            UNREACHABLE => !matches!(code, SOURCE_ROUTE_FAILED | FRAGMENTATION_NEEDED),
            TIME_EXCEEDED => code == 0,
            _ => false,
        };
        let Some((header, rest)) = quoted.split_first_chunk::<20>().filter(|_| is_failure) else { return };
        let key = match mode {
            Mode::Ipip => None,
            Mode::Gre => Gre::read_quoted(rest).ok().and_then(|(gre, ..)| gre.key),
        };
        let address = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]].into();
        let ends = (address(16), address(12));
        let Some(index) = self.find_tunnel(mode, ends, iif, key) else { return };
        let now = self.now;
        let Some(Interface { link: Link::Tunnel(Tunnel { parameters, errors, .. }), .. }) =
            self.interfaces.get_mut(index)
        else {
            return;
        };
        // Of packets to anybody, or that die of the inner packet's TTL, the tunnel is not to blame.
        if parameters.remote.is_unspecified() || parameters.ttl == 0 && icmp_type == TIME_EXCEEDED {
            return;
        }
        let is_recent = errors.0 > 0 && now < errors.1 + LIFETIME;
        *errors = (if is_recent { errors.0 + 1 } else { 1 }, now);
    }

    /// Whether the sender of a packet is to be told of an earlier error: one packet for each error.
    pub(super) fn tunnel_is_failing(&mut self, index: IfIndex) -> bool {
        let now = self.now;
        let Some(Interface { link: Link::Tunnel(Tunnel { errors, .. }), .. }) = self.interfaces.get_mut(index) else {
            return false;
        };
        let is_failing = errors.0 > 0 && now < errors.1 + LIFETIME;
        errors.0 = if is_failing { errors.0 - 1 } else { 0 };
        is_failing
    }
}
