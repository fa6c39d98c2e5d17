//! Connections: the kernel's struct ip_vs_conn, and the table that holds them.

mod table;

use std::net::SocketAddrV4;
use std::num::NonZeroU32;

use super::app::App;
use super::dest::{DestId, Method};
use super::persistence::Engine;
use super::state::State;
use super::sync::Synced;
use crate::rare::{Rare, Usual};
use crate::reason;
use crate::time::{Span, Time};

pub(super) use table::Connections;

/// An entry of the connection table. Numbers are reused when an entry has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(NonZeroU32);

impl ConnId {
    /// By its place in the table.
    fn of(place: usize) -> ConnId {
        ConnId(NonZeroU32::MIN.saturating_add(place as u32))
    }

    /// Its place in the table.
    pub(super) fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// An entry of the connection table: a connection, or the template of a group of them.
#[derive(Clone, Debug)]
pub struct Conn {
    pub(super) client: SocketAddrV4,
    pub(super) virtual_address: SocketAddrV4,
    pub(super) server: SocketAddrV4,
    pub(super) protocol: u8,
    pub(super) method: Method,
    pub(super) state: State,
    /// No packet of the server has been seen (IP_VS_CONN_F_NOOUTPUT); true at first unless it is masqueraded.
    pub(super) no_output: bool,
    /// Its packets stay in connection tracking (IP_VS_CONN_F_NFCT).
    pub(super) keeps_tracking: bool,
    /// It counts as active at its server.
    pub(super) is_active: bool,
    /// The server; none if packets bypass all of them.
    pub(super) dest: Option<DestId>,
    /// The template that this connection follows, or the control connection that has announced it.
    pub(super) master: Option<ConnId>,
    /// Packets from the client.
    pub(super) packets: u32,
    /// The client's port is not known yet (IP_VS_CONN_F_NO_CPORT): it is that of the first packet.
    pub(super) awaits_port: bool,
    pub(super) special: Rare<Special>,
    /// How long it is kept after its last packet.
    pub(super) timeout: Span,
    /// When it expires.
    expires: Time,
    /// When its timer fires, which may be earlier: the timer is set anew then.
    armed: Option<Time>,
    /// The next entry of the same bucket.
    next: Option<ConnId>,
    /// Counts entries in the order in which they were put into the table.
    serial: u64,
}

/// What only some entries have.
#[derive(Clone, Debug, Default)]
pub(super) struct Special {
    /// How many connections follow this one.
    pub slaves: u32,
    /// The mark of the packet that opened it.
    pub mark: u32,
    /// What the synchronisation has told about it.
    pub synced: Synced,
    /// What a persistence engine recognises the group by (pe_data).
    pub data: Option<Box<str>>,
    /// What its helper knows about it.
    pub app: Option<Box<App>>,
}

impl Usual for Special {
    const USUAL: &'static Special = &Special { slaves: 0, mark: 0, synced: Synced::NEVER, data: None, app: None };

    fn usual() -> Special {
        Special::default()
    }
}

/// How long an entry is kept that has no state yet.
const FIRST_TIMEOUT: Span = Span::from_secs(3);

impl Conn {
    pub(super) fn new(
        protocol: u8,
        client: SocketAddrV4,
        virtual_address: SocketAddrV4,
        server: SocketAddrV4,
        dest: Option<DestId>,
        method: Method,
    ) -> Conn {
        Conn {
            client,
            virtual_address,
            server,
            protocol,
            method,
            state: State::new(protocol),
            no_output: matches!(method, Method::Route | Method::Tunnel),
            keeps_tracking: false,
            is_active: false,
            dest,
            master: None,
            packets: 0,
            awaits_port: false,
            special: Rare::default(),
            timeout: FIRST_TIMEOUT,
            expires: Time::ZERO,
            armed: None,
            next: None,
            serial: 0,
        }
    }

    /// Who opened it; a template's port is 0, and its address may stand for a whole net.
    pub fn client(&self) -> SocketAddrV4 {
        self.client
    }

    /// Whom the client believes to speak with.
    pub fn virtual_address(&self) -> SocketAddrV4 {
        self.virtual_address
    }

    /// Who answers.
    pub fn server(&self) -> SocketAddrV4 {
        self.server
    }

    /// Protocol number; 0 for the template of a mark.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// How packets reach the server.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// The persistence engine that made it, and what the engine recognises the group by.
    pub fn engine_data(&self) -> Option<(Engine, &str)> {
        Some((Engine::Sip, self.special.data.as_deref()?))
    }

    /// How long it will be kept if nothing more comes.
    pub fn remaining(&self, now: Time) -> Span {
        self.expires.since(now)
    }

    pub(super) fn is_template(&self) -> bool {
        matches!(self.state, State::Template { .. })
    }

    /// What the trace calls it.
    pub(super) fn describe(&self) -> reason::Connection {
        reason::Connection {
            protocol: self.protocol,
            client: self.client,
            virtual_address: self.virtual_address,
            server: self.server,
        }
    }

    /// A packet has taken it here from another state.
    pub(super) fn passage(&self, before: State) -> reason::Passage {
        let (before, after) = (before.name(), self.state.name());
        reason::Passage { connection: self.describe(), method: self.method.name(), before, after }
    }
}
