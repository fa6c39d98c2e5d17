//! A connection, and a packet's part in it.

use super::{Direction, States, Tcp, Tuple};
use crate::host::interface::IfIndex;
use crate::time::{Span, Time};

/// What address translation has agreed on for a connection (IPS_SRC_NAT, IPS_DST_NAT, and their _DONE bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Whether the question has been asked.
    pub is_settled: bool,
    /// Whether the answer was that something changes.
    pub is_changed: bool,
}

/// A connection: struct nf_conn.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What packets look like as they come in, by [`Direction`]: both sides as they see themselves.
    pub(in crate::host::netfilter) tuples: [Tuple; 2],
    /// What becomes of sources.
    pub(in crate::host::netfilter) source: Agreed,
    /// What becomes of destinations.
    pub(in crate::host::netfilter) destination: Agreed,
    /// The interface whose address it borrows (MASQUERADE).
    pub(in crate::host::netfilter) masquerades_by: Option<IfIndex>,
    /// CONNMARK's.
    pub(in crate::host::netfilter) mark: u32,
    pub(super) is_answered: bool,
    pub(super) is_assured: bool,
    pub(super) is_confirmed: bool,
    pub(super) tcp: Tcp,
    /// From when on UDP's datagrams make a stream.
    pub(super) stream_from: Time,
    /// How long it lasts from its confirmation on.
    pub(super) timeout: Span,
    pub(super) expires: Time,
    pub(super) serial: u64,
}

impl Connection {
    pub(super) fn new(tuple: Tuple, now: Time) -> Connection {
        Connection {
            tuples: [tuple, tuple.reply()],
            source: Agreed::default(),
            destination: Agreed::default(),
            masquerades_by: None,
            mark: 0,
            is_answered: false,
            is_assured: false,
            is_confirmed: false,
            tcp: Tcp::default(),
            stream_from: now + Span::from_secs(2),
            timeout: Span::ZERO,
            expires: now,
            serial: 0,
        }
    }

    /// What packets of this direction look like as they come in.
    pub fn tuple(&self, direction: Direction) -> Tuple {
        self.tuples[direction as usize]
    }

    /// Whether its first packet has passed all hooks.
    pub fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// What a packet of this connection is to it.
    pub(super) fn state(&self, direction: Direction) -> States {
        match direction {
            Direction::Original if !self.is_answered => States::NEW,
            _ => States::ESTABLISHED,
        }
    }

    pub(super) fn renew(&mut self, timeout: Span, now: Time) {
        self.timeout = timeout;
        self.expires = now + timeout;
    }
}

/// A connection of the table. The serial number tells it from those that had its place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId {
    pub(super) slot: usize,
    pub(super) serial: u64,
}

/// Where a packet's connection is.
#[derive(Clone, Debug)]
pub(in crate::host::netfilter) enum Held {
    /// With the packet: it is not in the table yet, or no more.
    Here(Box<Connection>),
    /// In the table.
    Table(ConnectionId),
}

/// A packet's part in a connection.
#[derive(Clone, Debug)]
pub struct Part {
    pub(in crate::host::netfilter) of: Held,
    /// Which way the packet goes.
    pub(in crate::host::netfilter) direction: Direction,
    /// What it is to the connection.
    pub(in crate::host::netfilter) state: States,
}

/// What the tracker knows of a packet (skb->_nfct).
#[derive(Clone, Debug, Default)]
pub enum Tracked {
    /// Nothing: it has not been looked at, or makes no sense.
    #[default]
    Nothing,
    /// It is not to be looked at (IP_CT_UNTRACKED).
    Untracked,
    /// It belongs to a connection.
    Part(Part),
}

impl Tracked {
    /// What `-m state` sees.
    pub fn state(&self) -> States {
        match self {
            Tracked::Nothing => States::INVALID,
            Tracked::Untracked => States::UNTRACKED,
            Tracked::Part(part) => part.state,
        }
    }

    /// Whether its connection is in the table (nf_ct_is_confirmed).
    pub fn is_confirmed(&self) -> bool {
        matches!(self, Tracked::Part(Part { of: Held::Table(_), .. }))
    }

    /// nf_conntrack_attach: what an answer to the packet is, that somebody on the way gives in another's name.
    pub(in crate::host::netfilter) fn answer(&self) -> Tracked {
        match self {
            Tracked::Part(part) => {
                Tracked::Part(Part { of: part.of.clone(), direction: part.direction.other(), state: States::RELATED })
            }
            Tracked::Nothing | Tracked::Untracked => Tracked::Nothing,
        }
    }

    /// Whether it goes back to who has begun, if it belongs to a connection.
    pub(in crate::host::netfilter) fn is_reply(&self) -> Option<bool> {
        match self {
            Tracked::Part(part) => Some(part.direction == Direction::Reply),
            Tracked::Nothing | Tracked::Untracked => None,
        }
    }
}
