//! What the kernel calls its reasons: enum skb_drop_reason (some of the names are younger than 6.1), and where it has none
//! there, the counter or the function.

use super::{Drop, IpDrop, IpvsDrop, TransportDrop};
use crate::wire::read::BadIpv4;

impl Drop {
    /// The kernel's name of the reason: SKB_DROP_REASON_* where it has one, else the counter or the function of Linux 6.1
    /// that stands for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Drop::OtherHost => "SKB_DROP_REASON_OTHERHOST",
            Drop::Ip(drop) => drop.name(),
            Drop::Netfilter(_) | Drop::Guarded { .. } => "SKB_DROP_REASON_NETFILTER_DROP",
            Drop::ConntrackFull { .. } => "nf_conntrack: early_drop",
            Drop::ConntrackClash => "nf_conntrack: insert_failed",
            Drop::MasqueradeMoved => "nf_nat_inet_fn: NF_DROP",
            Drop::NoAddressToTranslateTo => "nf_nat_masquerade_ipv4: NF_DROP",
            Drop::Ipvs(drop) => drop.name(),
            Drop::Transport(drop) => drop.name(),
        }
    }
}

impl IpDrop {
    /// See [`Drop::name`].
    pub const fn name(&self) -> &'static str {
        match self {
            IpDrop::Header(BadIpv4::Checksum) => "SKB_DROP_REASON_IP_CSUM",
            IpDrop::Header(BadIpv4::Length { .. } | BadIpv4::CutOff { .. }) => "SKB_DROP_REASON_PKT_TOO_SMALL",
            IpDrop::Header(_) => "SKB_DROP_REASON_IP_INHDR",
            IpDrop::InterfaceDown { .. } => "SKB_DROP_REASON_DEV_READY",
            IpDrop::TooLongForInterface { .. } => "is_skb_forwardable",
            IpDrop::NoCarrier { .. } => "noop_enqueue",
            IpDrop::UnknownEtherType(_) => "SKB_DROP_REASON_UNHANDLED_PROTO",
            IpDrop::NotForwarding { .. } => "SKB_DROP_REASON_IP_INADDRERRORS",
            IpDrop::NoRoute { .. } | IpDrop::Refused { .. } => "SKB_DROP_REASON_IP_INNOROUTES",
            IpDrop::NoWayBack { .. } => "SKB_DROP_REASON_IP_OUTNOROUTES",
            IpDrop::SourceIsOurs { .. } => "SKB_DROP_REASON_IP_LOCAL_SOURCE",
            IpDrop::MartianSource { .. } => "SKB_DROP_REASON_IP_INVALID_SOURCE",
            IpDrop::MartianDestination { .. } => "SKB_DROP_REASON_IP_INVALID_DEST",
            IpDrop::ReversePath { .. } => "SKB_DROP_REASON_IP_RPFILTER",
            IpDrop::NotJoined { .. } => "ip_check_mc_rcu",
            IpDrop::NotForOne => "ip_forward: not PACKET_HOST",
            IpDrop::TtlExceeded => "SKB_DROP_REASON_IP_INHDR",
            IpDrop::TooBig { .. } => "SKB_DROP_REASON_PKT_TOO_BIG",
            IpDrop::NeighbourFailed { .. } => "SKB_DROP_REASON_NEIGH_FAILED",
            IpDrop::NeighbourQueueFull { .. } => "SKB_DROP_REASON_NEIGH_QUEUEFULL",
            IpDrop::NeighbourForgotten { .. } => "SKB_DROP_REASON_NEIGH_DEAD",
            IpDrop::NeighbourTableFull => "SKB_DROP_REASON_NEIGH_CREATEFAIL",
            IpDrop::NoProtocol { .. } => "SKB_DROP_REASON_IP_NOPROTO",
            IpDrop::NoTunnel { .. } => "tunnel4_rcv",
            IpDrop::TunnelHeader(_) | IpDrop::TunnelChecksum { .. } => "ip_tunnel_rcv",
            IpDrop::Congested => "IP_ECN_decapsulate",
            IpDrop::TunnelLoop { .. } => "ip_tunnel_xmit",
            IpDrop::Dummy { .. } => "dummy_xmit",
            IpDrop::ReassemblyTimeout => "SKB_DROP_REASON_FRAG_REASM_TIMEOUT",
            IpDrop::BadFragment => "ip_frag_queue",
            IpDrop::EchoIgnored { .. } => "icmp_echo",
            IpDrop::IcmpMalformed => "SKB_DROP_REASON_ICMP_CSUM",
            IpDrop::IcmpIgnored { .. } => "icmp_rcv",
        }
    }
}

impl IpvsDrop {
    /// See [`Drop::name`]. Netfilter drops what IPVS does not want.
    pub const fn name(&self) -> &'static str {
        match self {
            IpvsDrop::TtlExceeded => "SKB_DROP_REASON_IP_INHDR",
            IpvsDrop::TooBig { .. } => "SKB_DROP_REASON_PKT_TOO_BIG",
            IpvsDrop::NoRoute { .. } => "SKB_DROP_REASON_IP_OUTNOROUTES",
            _ => "SKB_DROP_REASON_NETFILTER_DROP",
        }
    }
}

impl TransportDrop {
    /// See [`Drop::name`].
    pub const fn name(&self) -> &'static str {
        match self {
            TransportDrop::TooSmall => "SKB_DROP_REASON_PKT_TOO_SMALL",
            TransportDrop::Checksum => "SKB_DROP_REASON_TCP_CSUM or _UDP_CSUM",
            TransportDrop::NoSocket { .. } => "SKB_DROP_REASON_NO_SOCKET",
            TransportDrop::NotUnicast => "tcp_v4_rcv: not PACKET_HOST",
            TransportDrop::ReceiveBufferFull => "SKB_DROP_REASON_SOCKET_RCVBUFF",
            TransportDrop::ListenOverflow { .. } => "LINUX_MIB_LISTENOVERFLOWS",
            TransportDrop::RequestQueueFull { .. } => "LINUX_MIB_TCPREQQFULLDROP",
            TransportDrop::Flags => "SKB_DROP_REASON_TCP_FLAGS",
            TransportDrop::InvalidSequence => "SKB_DROP_REASON_TCP_INVALID_SEQUENCE",
            TransportDrop::OldTimestamp => "SKB_DROP_REASON_TCP_RFC7323_PAWS",
            TransportDrop::OldAck => "SKB_DROP_REASON_TCP_OLD_ACK",
            TransportDrop::AckOfUnsentData => "SKB_DROP_REASON_TCP_ACK_UNSENT_DATA",
            TransportDrop::OldData => "SKB_DROP_REASON_TCP_OLD_DATA",
            TransportDrop::OverWindow => "SKB_DROP_REASON_TCP_OVERWINDOW",
            TransportDrop::ForeignError => "LINUX_MIB_OUTOFWINDOWICMPS",
        }
    }
}
