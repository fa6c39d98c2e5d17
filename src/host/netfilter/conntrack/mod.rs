//! Connection tracking: net/netfilter/nf_conntrack_core.c and the trackers of the protocols.
//!
//! A connection belongs to its first packet until that packet has passed the last hook; only then it enters the table
//! (nf_conntrack_confirm). A first packet that is dropped takes its connection with it.

mod connection;
mod list;
mod states;
mod tcp;
mod timeouts;
mod tuple;

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use slab::Slab;
use smallvec::SmallVec;

use crate::time::Time;
use crate::wire::proto;

pub(super) use connection::Held;
pub use connection::{Agreed, Connection, ConnectionId, Part, Tracked};
pub use list::Listed;
pub use states::States;
pub use tcp::Tcp;
pub use timeouts::Timeouts;
pub(super) use tuple::has_ports;
pub use tuple::{End, Tuple};

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As the first packet.
    Original,
    /// Back.
    Reply,
}

impl Direction {
    /// The opposite one.
    pub const fn other(self) -> Direction {
        match self {
            Direction::Original => Direction::Reply,
            Direction::Reply => Direction::Original,
        }
    }
}

/// Why a packet goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// So many connections are there already.
    TableFull(usize),
}

/// The connections that a host has seen.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {
    connections: Slab<Connection>,
    by_tuple: FxHashMap<Tuple, (usize, Direction)>,
    /// In the order in which they came.
    by_source: FxHashMap<(u8, End), SmallVec<[usize; 1]>>,
    /// How many there have been.
    serial: u64,
    /// At how many the dead ones are looked for again.
    sweep_at: usize,
    pub(super) settings: Timeouts,
}

impl Conntrack {
    /// nf_conntrack_in: what this datagram is to the connections known so far. A first one gets a new connection.
    pub(super) fn track(&mut self, datagram: &[u8], now: Time) -> Result<Tracked, Refused> {
        if let Some(quoted) = quoted_by_error(datagram) {
            return Ok(quoted.map_or(Tracked::Nothing, |quoted| self.track_error(datagram, quoted, now)));
        }
        let Some((tuple, payload)) = Tuple::read(datagram) else { return Ok(Tracked::Nothing) };
        loop {
            let Some((slot, direction)) = self.lookup(tuple, now) else { return self.begin(tuple, payload, now) };
            let settings = &self.settings;
            let connection = &mut self.connections[slot];
            let state = connection.state(direction);
            let (of, direction) = match advance(connection, direction, payload, settings, now) {
                Progress::Invalid => return Ok(Tracked::Nothing),
                Progress::Reopened => {
                    self.remove(slot);
                    continue;
                }
                Progress::Over => (Held::Here(Box::new(self.remove(slot))), direction),
                Progress::Goes => {
                    connection.is_answered |= direction == Direction::Reply;
                    (Held::Table(ConnectionId { slot, serial: connection.serial }), direction)
                }
            };
            return Ok(Tracked::Part(Part { of, direction, state }));
        }
    }

    /// init_conntrack
    fn begin(&mut self, tuple: Tuple, payload: &[u8], now: Time) -> Result<Tracked, Refused> {
        let max = self.settings.max;
        if max > 0 && self.connections.len() >= max {
            self.sweep(now);
            if self.connections.len() >= max {
                return Err(Refused::TableFull(max));
            }
        }
        if tuple.protocol == proto::ICMP && !tuple::is_query(tuple.icmp_type()) {
            return Ok(Tracked::Nothing);
        }
        let mut connection = Connection::new(tuple, now);
        match advance(&mut connection, Direction::Original, payload, &self.settings, now) {
            Progress::Goes => {
                let of = Held::Here(Box::new(connection));
                Ok(Tracked::Part(Part { of, direction: Direction::Original, state: States::NEW }))
            }
            _ => Ok(Tracked::Nothing),
        }
    }

    /// nf_conntrack_inet_error: an ICMP error goes against the packet that it quotes.
    fn track_error(&self, datagram: &[u8], quoted: &[u8], now: Time) -> Tracked {
        let Some((tuple, _)) = Tuple::read(quoted) else { return Tracked::Nothing };
        let Some((slot, direction)) = self.lookup(tuple.reply(), now) else { return Tracked::Nothing };
        let connection = &self.connections[slot];
        // It must go to whom answers go.
        let towards = connection.tuple(direction).destination.0.octets();
        if datagram.get(16..20) != Some(&towards[..]) {
            return Tracked::Nothing;
        }
        let of = Held::Table(ConnectionId { slot, serial: connection.serial });
        Tracked::Part(Part { of, direction, state: States::RELATED })
    }

    fn lookup(&self, tuple: Tuple, now: Time) -> Option<(usize, Direction)> {
        let found = self.by_tuple.get(&tuple).copied();
        found.filter(|(slot, _)| self.connections[*slot].expires > now)
    }

    /// nf_conntrack_tuple_taken: whether another connection answers to this.
    pub(super) fn is_taken(&self, tuple: Tuple, now: Time) -> bool {
        self.lookup(tuple, now).is_some()
    }

    /// The connection that a packet belongs to.
    pub(super) fn connection<'a>(&'a self, part: &'a Part) -> Option<&'a Connection> {
        match &part.of {
            Held::Here(connection) => Some(connection),
            Held::Table(id) => self.connections.get(id.slot).filter(|connection| connection.serial == id.serial),
        }
    }

    /// The connection that a packet belongs to, to change it.
    pub(super) fn connection_mut<'a>(&'a mut self, part: &'a mut Part) -> Option<&'a mut Connection> {
        match &mut part.of {
            Held::Here(connection) => Some(connection),
            Held::Table(id) => self.connections.get_mut(id.slot).filter(|connection| connection.serial == id.serial),
        }
    }

    /// __nf_conntrack_confirm: a first packet has passed all hooks, and its connection enters the table. False if
    /// another one has come first.
    pub(super) fn confirm(&mut self, part: &mut Part, now: Time) -> bool {
        let Held::Here(connection) = &mut part.of else { return true };
        if connection.is_confirmed || part.direction != Direction::Original {
            return true;
        }
        let [original, reply] = connection.tuples;
        for tuple in [original, reply] {
            match self.by_tuple.get(&tuple) {
                Some(&(slot, _)) if self.connections[slot].expires > now => return false,
                Some(&(slot, _)) => drop(self.remove(slot)),
                None => {}
            }
        }
        if self.connections.len() >= self.sweep_at.max(1024) {
            self.sweep(now);
            self.sweep_at = self.connections.len() * 2;
        }
        self.serial += 1;
        connection.is_confirmed = true;
        connection.serial = self.serial;
        connection.expires = now + connection.timeout;
        let slot = self.connections.insert((**connection).clone());
        self.by_tuple.insert(original, (slot, Direction::Original));
        self.by_tuple.insert(reply, (slot, Direction::Reply));
        self.by_source.entry((original.protocol, original.source)).or_default().push(slot);
        part.of = Held::Table(ConnectionId { slot, serial: self.serial });
        true
    }

    fn remove(&mut self, slot: usize) -> Connection {
        let connection = self.connections.remove(slot);
        for tuple in connection.tuples {
            self.by_tuple.remove(&tuple);
        }
        let [Tuple { protocol, source, .. }, _] = connection.tuples;
        if let Entry::Occupied(mut entry) = self.by_source.entry((protocol, source)) {
            entry.get_mut().retain(|other| *other != slot);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        connection
    }

    /// nf_ct_kill
    pub(super) fn kill(&mut self, part: &Part) {
        if let Held::Table(id) = part.of
            && self.connection(part).is_some()
        {
            self.remove(id.slot);
        }
    }

    /// Forgets the connection to which packets like this belong.
    pub(super) fn kill_by(&mut self, tuple: Tuple) {
        if let Some((slot, _)) = self.by_tuple.get(&tuple).copied() {
            self.remove(slot);
        }
    }

    /// gc_worker: forgets the connections whose time is over.
    pub(super) fn sweep(&mut self, now: Time) {
        self.forget(|connection| connection.expires <= now);
    }

    /// nf_ct_iterate_cleanup: forgets some connections, and says how many.
    pub(super) fn forget(&mut self, is_meant: impl Fn(&Connection) -> bool) -> usize {
        let slots: Vec<usize> =
            self.connections.iter().filter(|(_, connection)| is_meant(connection)).map(|(slot, _)| slot).collect();
        for &slot in &slots {
            self.remove(slot);
        }
        slots.len()
    }

    /// What other connections' translation has made of this source, the latest first (find_appropriate_src).
    pub(super) fn translations(&self, protocol: u8, source: End, now: Time) -> impl Iterator<Item = End> {
        let slots = self.by_source.get(&(protocol, source)).into_iter().flatten().rev();
        let living = slots.map(|slot| &self.connections[*slot]).filter(move |connection| connection.expires > now);
        living.map(|connection| connection.tuple(Direction::Reply).reply().source)
    }
}

/// What a packet means to its connection.
enum Progress {
    Goes,
    Invalid,
    Reopened,
    Over,
}

/// nf_conntrack_handle_packet
fn advance(
    connection: &mut Connection,
    direction: Direction,
    payload: &[u8],
    settings: &Timeouts,
    now: Time,
) -> Progress {
    let is_answered = connection.is_answered;
    let timeout = match connection.tuples[0].protocol {
        proto::TCP => return advance_tcp(connection, direction, payload, settings, now),
        proto::UDP if is_answered && now > connection.stream_from => {
            connection.is_assured = true;
            settings.udp_stream
        }
        proto::UDP => settings.udp,
        proto::ICMP => settings.icmp,
        _ => settings.generic,
    };
    connection.renew(timeout, now);
    Progress::Goes
}

fn advance_tcp(
    connection: &mut Connection,
    direction: Direction,
    payload: &[u8],
    settings: &Timeouts,
    now: Time,
) -> Progress {
    let Some(segment) = tcp::Segment::read(payload) else { return Progress::Invalid };
    match connection.tcp.step(direction, &segment, !connection.is_confirmed, connection.is_answered, settings) {
        tcp::Step::Renew { timeout, is_assured } => {
            connection.is_assured |= is_assured;
            connection.renew(timeout, now);
            Progress::Goes
        }
        tcp::Step::Keep => Progress::Goes,
        tcp::Step::Kill => Progress::Over,
        tcp::Step::Invalid => Progress::Invalid,
        tcp::Step::Reopen => Progress::Reopened,
    }
}

/// The datagram that an ICMP error quotes, if this is an error; none inside if it quotes nothing.
pub(super) fn quoted_by_error(datagram: &[u8]) -> Option<Option<&[u8]>> {
    if *datagram.get(9)? != proto::ICMP || u16::from_be_bytes([datagram[6], datagram[7]]) & 0x1fff != 0 {
        return None;
    }
    let message = datagram.get(usize::from(datagram[0] & 0xf) * 4..)?;
    matches!(message.first()?, 3 | 4 | 5 | 11 | 12).then(|| message.get(8..))
}
