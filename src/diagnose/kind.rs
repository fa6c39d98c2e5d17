//! The kinds of findings: what they are called, how grave they are, and where to read about them.

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Something does not work, or will not.
    Fault,
    /// Everything works as it is configured to; it may surprise.
    Note,
}

impl Gravity {
    /// Its name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Gravity::Fault => "fault",
            Gravity::Note => "note",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident: $name:literal, $gravity:ident, $chapter:literal;)+) => {
        /// A kind of finding. The most telling come first: what others follow from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)+];

            /// Its name in output.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)+
                }
            }

            /// How grave it is.
            pub const fn gravity(self) -> Gravity {
                match self {
                    $(Kind::$kind => Gravity::$gravity,)+
                }
            }

            /// The chapter of the book that is about it.
            pub const fn chapter(self) -> &'static str {
                match self {
                    $(Kind::$kind => $chapter,)+
                }
            }
        }
    };
}

kinds! {
    /// Two machines of one network have the same address.
    DuplicateAddress: "duplicate-address", Fault, "vip";
    /// Two cards of one network have the same hardware address.
    DuplicateMac: "duplicate-mac", Fault, "frames-and-arp";
    /// A director does not have the address of its own service.
    VirtualAddressMissing: "virtual-address-missing", Fault, "vip";
    /// A real server answers ARP for the virtual address.
    ArpAnswered: "arp-answered", Fault, "arp-problem";
    /// A real server asks by ARP with the virtual address as its own.
    ArpAnnounced: "arp-announced", Fault, "arp-problem";
    /// An address on lo whose mask takes in the whole network.
    WideMask: "wide-mask", Fault, "arp-problem";
    /// Direct routing to a server that is not on the director's network.
    BehindRouter: "behind-router", Fault, "dr";
    /// Direct routing or a tunnel to another port than the service's.
    PortDiffers: "port-differs", Fault, "dr";
    /// A real server does not have the virtual address.
    ServerLacksVirtualAddress: "server-lacks-virtual-address", Fault, "dr";
    /// A service has a server whose address is nobody's.
    NoSuchServer: "no-such-server", Fault, "load-balancer";
    /// A director asks its own service by direct routing.
    DirectorAsksItself: "director-asks-itself", Fault, "dr";
    /// Two directors that serve, too, send a packet to and fro.
    DirectorsLoop: "directors-loop", Fault, "keepalived-conf";
    /// The brain is healed, and clients still send to who has lost the address.
    HealedButDead: "healed-but-dead", Fault, "split-brain";
    /// A route's gateway does not exist.
    NoSuchGateway: "no-such-gateway", Fault, "frames-and-arp";
    /// A machine that should pass packets on does not.
    NotForwarding: "not-forwarding", Fault, "nat";
    /// A machine has no route to somebody that it must answer.
    NoRoute: "no-route", Fault, "frames-and-arp";
    /// A packet came by another interface than the way back leads by.
    ReversePath: "reverse-path", Fault, "tun";
    /// Packets do not fit, and the errors that say so are filtered.
    PacketsTooBig: "packets-too-big", Fault, "tun";
    /// A real server is a client of its own virtual address.
    Hairpin: "hairpin", Fault, "nat";
    /// A client on the servers' own network: answers go straight to it.
    ClientBesideServers: "client-beside-servers", Fault, "nat";
    /// FTP by address translation without its helper.
    FtpHelperMissing: "ftp-helper-missing", Fault, "nat";
    /// Clients ask a director for a port or a protocol that it does not balance.
    NoSuchService: "no-such-service", Fault, "load-balancer";
    /// A connection half of which is closed was forgotten before it was answered.
    HalfClosed: "half-closed", Fault, "connections";
    /// A masqueraded server's answers do not pass the director.
    AnswersPastDirector: "answers-past-director", Fault, "nat";
    /// The service on a real server listens at another address only.
    ListensElsewhere: "listens-elsewhere", Fault, "dr";
    /// A persistence template leads to a server of weight 0.
    TemplateOutlivesServer: "template-outlives-server", Fault, "persistence";
    /// A hash leads to a server that takes no connections.
    HashedToNobody: "hashed-to-nobody", Fault, "schedulers-static";
    /// A server of weight 0 gets new connections, since their ports were used before.
    RetiredButBusy: "retired-but-busy", Fault, "connections";
    /// A server was deleted, and its open connections are cut.
    ServerRemoved: "server-removed", Fault, "ipvsadm";
    /// Datagrams go to a server that was deleted.
    BlackHole: "black-hole", Fault, "connections";
    /// A client's port comes back too soon.
    PortReused: "port-reused", Fault, "connections";
    /// All datagrams of a client are one connection.
    OneEntry: "one-entry", Fault, "connections";
    /// A connection was silent for longer than its entry lives.
    IdleTooLong: "idle-too-long", Fault, "connections";
    /// A server that has come back gets everything.
    NewcomerFlooded: "newcomer-flooded", Fault, "schedulers-dynamic";
    /// A checker is content with a server that does not serve.
    CheckerTestsLess: "checker-tests-less", Fault, "health-checks";
    /// One late answer takes a server out.
    CheckTooHasty: "check-too-hasty", Fault, "health-checks";
    /// The quorum cannot be gained: the sorry server stays for ever.
    QuorumOutOfReach: "quorum-out-of-reach", Fault, "health-checks";
    /// A server of a service does not answer at all, and stays in the pool.
    DeadServer: "dead-server", Fault, "health-checks";
    /// VRRP goes on although the service beside it is dead.
    DeadServiceLiveVrrp: "dead-service-live-vrrp", Fault, "health-checks";
    /// Nobody listens where connections are sent to.
    NobodyListens: "nobody-listens", Fault, "health-checks";
    /// All routers have given up, and nobody has the address.
    NobodyHolds: "nobody-holds", Fault, "failover";
    /// Two clusters have one virtual_router_id.
    VridUsedTwice: "vrid-used-twice", Fault, "vrrp";
    /// Two routers of one cluster have different virtual_router_ids.
    VridsDiffer: "vrids-differ", Fault, "split-brain";
    /// Two routers of one cluster have different lists of addresses.
    AddressesDiffer: "addresses-differ", Fault, "split-brain";
    /// Two routers of one cluster have different passwords.
    PasswordsDiffer: "passwords-differ", Fault, "split-brain";
    /// Two routers of one cluster advertise themselves at different intervals.
    IntervalsDiffer: "intervals-differ", Fault, "split-brain";
    /// Two routers of one cluster speak on different networks.
    WrongInterface: "wrong-interface", Fault, "split-brain";
    /// A firewall drops advertisements.
    AdvertsFiltered: "adverts-filtered", Fault, "split-brain";
    /// A switch does not let multicast pass.
    MulticastDropped: "multicast-dropped", Fault, "split-brain";
    /// The path of advertisements is dead, and that of clients is not.
    HeartbeatDead: "heartbeat-dead", Fault, "split-brain";
    /// keepalived on the master was stopped, and its address was not.
    MasterStopped: "master-stopped", Fault, "split-brain";
    /// The master's advertisements come late.
    AdvertsLate: "adverts-late", Fault, "split-brain";
    /// A router rejects another one's advertisements for another reason.
    AdvertRejected: "advert-rejected", Fault, "split-brain";
    /// Two machines have the virtual address at once.
    TwoMasters: "two-masters", Fault, "split-brain";
    /// A master that came back has cut the connections of the other one.
    FailBackCuts: "fail-back-cuts", Fault, "failover";
    /// Who has taken over does not know the connections that were open.
    NotSynchronised: "not-synchronised", Fault, "failover";
    /// nopreempt with state MASTER.
    NopreemptIgnored: "nopreempt-ignored", Fault, "vrrp";
    /// With use_vmac the base interface does not answer for its own address.
    VmacTakesRoute: "vmac-takes-route", Fault, "failover";
    /// keepalived never comes to rest: it is started again and again.
    RestartsForEver: "restarts-for-ever", Fault, "keepalived-conf";
    /// keepalived lets nobody speak with the virtual address.
    AddressGuarded: "address-guarded", Fault, "keepalived-conf";
    /// keepalived does not understand its configuration.
    ConfigurationMistake: "configuration-mistake", Fault, "keepalived-conf";
    /// A firewall drops what the cluster needs.
    Filtered: "filtered", Fault, "troubleshooting";
    /// Persistence sends all connections of a client to one server.
    PersistenceHidesRotation: "persistence-hides-rotation", Note, "persistence";
    /// Clients behind address translation look like one.
    ClientsLookAlike: "clients-look-alike", Note, "persistence";
    /// Requests over one connection are scheduled once.
    KeptConnection: "kept-connection", Note, "connections";
    /// A hash deals the clients anew when a server goes.
    HashMoves: "hash-moves", Note, "schedulers-static";
    /// keepalived remarks on its configuration.
    ConfigurationRemark: "configuration-remark", Note, "keepalived-conf";
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
