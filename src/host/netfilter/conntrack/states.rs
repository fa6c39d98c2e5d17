//! What packets are to their connections.

/// A set of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(pub u8);

impl States {
    /// Nothing that the tracker can make sense of.
    pub const INVALID: States = States(1);
    /// The connection's first packet, or none has been answered yet.
    pub const NEW: States = States(2);
    /// An ICMP error about a known connection.
    pub const RELATED: States = States(4);
    /// Packets have been seen in both directions.
    pub const ESTABLISHED: States = States(8);
    /// Not tracked.
    pub const UNTRACKED: States = States(16);
    /// Not a state of its own: the connection's source is translated.
    pub const SNAT: States = States(32);
    /// Not a state of its own: the connection's destination is translated.
    pub const DNAT: States = States(64);

    /// The names that iptables knows them by, in the order in which it prints them.
    pub const NAMES: [(&str, States); 7] = [
        ("INVALID", States::INVALID),
        ("NEW", States::NEW),
        ("RELATED", States::RELATED),
        ("ESTABLISHED", States::ESTABLISHED),
        ("UNTRACKED", States::UNTRACKED),
        ("SNAT", States::SNAT),
        ("DNAT", States::DNAT),
    ];

    /// Whether one of those states is in this set.
    pub const fn contains(self, state: States) -> bool {
        self.0 & state.0 != 0
    }
}
