//! Where IPVS stands in the packet's way, and how its verdicts are carried out: ip_vs_core.c's hooks, ip_vs_xmit.c.

use super::kernel::Kernel;
use super::packet::Packet;

impl Kernel {
    /// LOCAL_IN at 98 and 99, after the filter: a packet for this host. Gives it back if it is to be delivered here.
    pub(super) fn ipvs_local_in(&mut self, packet: Packet) -> Option<Packet> {
        Some(packet)
    }

    /// FORWARD at 99 and 100, after the filter: a packet passing through. Gives it back if it is to go on.
    pub(super) fn ipvs_forward(&mut self, packet: Packet) -> Option<Packet> {
        Some(packet)
    }

    /// LOCAL_OUT at -99 and -98, before the filter: a packet made here. Gives it back if it is to go on.
    pub(super) fn ipvs_local_out(&mut self, packet: Packet) -> Option<Packet> {
        Some(packet)
    }
}
