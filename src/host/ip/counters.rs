//! What IP counts.

use super::super::counters::counters;
use super::super::kernel::Kernel;
use crate::reason::IpDrop;

counters! {
    /// IP's counters since the host was switched on.
    IpCounters {
        /// Packets that came in.
        in_receives => "IpInReceives",
        /// Packets with something wrong in their header, or whose hops are used up.
        in_header_errors => "IpInHdrErrors",
        /// Packets for addresses that are not ours, while we do not forward.
        in_address_errors => "IpInAddrErrors",
        /// Packets passed on.
        forwarded => "IpForwDatagrams",
        /// Packets of protocols that nobody speaks here.
        unknown_protocols => "IpInUnknownProtos",
        /// Packets delivered.
        in_delivers => "IpInDelivers",
        /// Packets made here.
        out_requests => "IpOutRequests",
        /// Packets that must not be fragmented and do not fit.
        fragmentation_fails => "IpFragFails",
        /// Packets whose other fragments never came.
        reassembly_timeouts => "IpReasmTimeout",
        /// Packets that rp_filter refused.
        reverse_path => "TcpExtIPReversePathFilter",
        /// Packets to no destination that is known.
        in_no_routes => "IpExtInNoRoutes",
    }
}

impl IpCounters {
    /// A packet has been dropped.
    pub fn count_drop(&mut self, why: &IpDrop) {
        let counter = match why {
            IpDrop::Header(_) | IpDrop::TtlExceeded => &mut self.in_header_errors,
            IpDrop::NotForwarding { .. } => &mut self.in_address_errors,
            IpDrop::NoProtocol { .. } => &mut self.unknown_protocols,
            IpDrop::TooBig { .. } => &mut self.fragmentation_fails,
            IpDrop::ReassemblyTimeout => &mut self.reassembly_timeouts,
            IpDrop::ReversePath { .. } => &mut self.reverse_path,
            IpDrop::NoRoute { .. } => &mut self.in_no_routes,
            _ => return,
        };
        *counter += 1;
    }
}

impl Kernel {
    /// IP's counters.
    pub fn ip_counters(&self) -> &IpCounters {
        &self.ip_counters
    }
}
