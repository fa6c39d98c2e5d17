//! The kinds of mistakes: what they are called, and where to read about them.

/// A kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Two machines of one network have the same address.
    DuplicateAddress,
    /// A director does not have the address of its own service.
    VirtualAddressMissing,
    /// A real server answers ARP for the virtual address.
    ArpAnswered,
    /// A real server asks by ARP with the virtual address as its own.
    ArpAnnounced,
    /// A machine that should pass packets on does not.
    NotForwarding,
    /// A machine has no route to somebody that it must answer.
    NoRoute,
    /// Direct routing to a server that is not on the director's network.
    BehindRouter,
    /// A packet came by another interface than the way back leads by.
    ReversePath,
    /// Packets do not fit into the tunnel.
    TunnelTooNarrow,
    /// A masqueraded server's answers do not pass the director.
    AnswersPastDirector,
    /// Direct routing or a tunnel to another port than the service's.
    PortDiffers,
    /// A real server does not have the virtual address.
    ServerLacksVirtualAddress,
    /// Nobody listens where the director sends connections to.
    NobodyListens,
    /// A server of a service does not answer at all.
    DeadServer,
    /// A hash leads to a server that takes no connections.
    HashedToNobody,
    /// A server was deleted, and its connections are left without one.
    ServerRemoved,
    /// A client's port comes back too soon.
    PortReused,
    /// All datagrams of a client are one connection.
    OneEntry,
    /// A connection was silent for longer than its entry lives.
    IdleTooLong,
    /// A director rejects the other one's advertisements.
    AdvertRejected,
    /// A switch does not let multicast pass.
    MulticastFiltered,
    /// A firewall drops what the cluster needs.
    Filtered,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Kind] = &[
        Kind::DuplicateAddress,
        Kind::VirtualAddressMissing,
        Kind::ArpAnswered,
        Kind::ArpAnnounced,
        Kind::NotForwarding,
        Kind::NoRoute,
        Kind::BehindRouter,
        Kind::ReversePath,
        Kind::TunnelTooNarrow,
        Kind::AnswersPastDirector,
        Kind::PortDiffers,
        Kind::ServerLacksVirtualAddress,
        Kind::NobodyListens,
        Kind::DeadServer,
        Kind::HashedToNobody,
        Kind::ServerRemoved,
        Kind::PortReused,
        Kind::OneEntry,
        Kind::IdleTooLong,
        Kind::AdvertRejected,
        Kind::MulticastFiltered,
        Kind::Filtered,
    ];

    /// Its name in output for programs, and the chapter of the book that is about it.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Kind::DuplicateAddress => ("duplicate-address", "vip"),
            Kind::VirtualAddressMissing => ("virtual-address-missing", "vip"),
            Kind::ArpAnswered => ("arp-answered", "arp-problem"),
            Kind::ArpAnnounced => ("arp-announced", "arp-problem"),
            Kind::NotForwarding => ("not-forwarding", "nat"),
            Kind::NoRoute => ("no-route", "frames-and-arp"),
            Kind::BehindRouter => ("behind-router", "dr"),
            Kind::ReversePath => ("reverse-path", "tun"),
            Kind::TunnelTooNarrow => ("tunnel-too-narrow", "tun"),
            Kind::AnswersPastDirector => ("answers-past-director", "nat"),
            Kind::PortDiffers => ("port-differs", "dr"),
            Kind::ServerLacksVirtualAddress => ("server-lacks-virtual-address", "dr"),
            Kind::NobodyListens => ("nobody-listens", "health-checks"),
            Kind::DeadServer => ("dead-server", "health-checks"),
            Kind::HashedToNobody => ("hashed-to-nobody", "schedulers-static"),
            Kind::ServerRemoved => ("server-removed", "connections"),
            Kind::PortReused => ("port-reused", "connections"),
            Kind::OneEntry => ("one-entry", "connections"),
            Kind::IdleTooLong => ("idle-too-long", "connections"),
            Kind::AdvertRejected => ("advert-rejected", "split-brain"),
            Kind::MulticastFiltered => ("multicast-filtered", "split-brain"),
            Kind::Filtered => ("filtered", "troubleshooting"),
        }
    }

    /// Its name in output for programs.
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The chapter of the book that is about it.
    pub const fn chapter(self) -> &'static str {
        self.names().1
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn names_tell_kinds_apart() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
