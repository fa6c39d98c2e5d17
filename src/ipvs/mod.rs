//! The load balancer itself: the kernel's net/netfilter/ipvs, as a state machine that knows nothing of the machine around it.
//!
//! [`Ipvs`] is shown packets ([`View`]) where the kernel's hooks stand, and says what is to be done with them
//! ([`Verdict`]); it never touches a frame. Time comes in with every call; [`Ipvs::next_deadline`] says when
//! [`Ipvs::expire`] has something to do.
//!
//! ```text
//! View -> core -> a connection is known? (conn) -------------------> state (tcp, sctp) -> Verdict
//!              -> a service wants it? (schedule) -> persistence?
//!                                                -> scheduler ----> a new connection
//! ```
//!
//! `app` helps FTP through masquerading, `control` is what administrators do, `stats` what is counted, `icmp` the errors about connections.

mod app;
mod chance;
mod config;
mod conn;
mod control;
mod core;
mod defence;
mod dest;
mod expiry;
mod icmp;
mod notes;
mod packet;
mod persistence;
pub mod proc;
mod relay;
mod schedule;
pub mod scheduler;
mod sctp;
mod service;
mod sip;
mod state;
mod stats;
pub mod sync;
mod tcp;
#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;

use crate::time::{Span, Time};

pub use app::{Edit, Numbers, Rewrite};
pub use config::Config;
pub use conn::{Conn, ConnId};
pub use control::Error;
pub use dest::{Dest, DestId, DestOptions, Method, Tunnel, TunnelChecksum};
pub use notes::Notes;
pub use packet::{Forward, Hook, Relay, Reply, Verdict, View};
pub use persistence::{Engine, Persistence};
pub use sctp::State as SctpState;
pub use service::{Service, ServiceId, ServiceKey, ServiceOptions};
pub use state::{Direction, State, Timeouts};
pub use stats::{Counters, Stats};
pub use tcp::{State as TcpState, Timeouts as TcpTimeouts};

use chance::Chance;
use conn::Connections;
use defence::Defence;
use service::Services;
use stats::Estimator;

/// How often removed servers are looked at (IP_VS_DEST_TRASH_PERIOD), and how long an unused one is kept.
const TRASH_PERIOD: Span = Span::from_secs(60);
const TRASH_IDLE: Span = Span::from_secs(120);

/// The two ends of what a client sends.
#[derive(Clone, Copy, Debug)]
pub struct Released {
    /// The protocol's number.
    pub protocol: u8,
    /// Whence.
    pub client: SocketAddrV4,
    /// Where it goes, as the client sees it.
    pub virtual_address: SocketAddrV4,
}

/// The load balancer of a host: the kernel's struct netns_ipvs.
#[derive(Debug)]
pub struct Ipvs {
    /// Its settings.
    pub config: Config,
    /// Its decisions, for whoever reads them.
    pub notes: Notes,
    daemons: sync::Daemons,
    services: Services,
    /// All servers that there have ever been; those that have been forgotten are none.
    dests: Vec<Option<Box<Dest>>>,
    /// Servers that have been removed, but not forgotten.
    trash: Vec<DestId>,
    trash_look: Option<Time>,
    conns: Connections,
    /// Connections that have gone, and that connection tracking is to forget.
    released: Vec<Released>,
    apps: app::Apps,
    timeouts: Timeouts,
    total: Stats,
    estimator: Estimator,
    chance: Chance,
    defence: Defence,
}

impl Default for Ipvs {
    fn default() -> Ipvs {
        Ipvs::new(0, Time::ZERO)
    }
}

impl Ipvs {
    /// A load balancer without services. Its chance comes from `seed`; its estimator ticks from `now` on.
    pub fn new(seed: u64, now: Time) -> Ipvs {
        Ipvs {
            config: Config::default(),
            notes: Notes::default(),
            daemons: sync::Daemons::default(),
            services: Services::default(),
            dests: Vec::new(),
            trash: Vec::new(),
            trash_look: None,
            conns: Connections::new(seed as u32),
            released: Vec::new(),
            apps: app::Apps::default(),
            timeouts: Timeouts::default(),
            total: Stats::default(),
            estimator: Estimator::new(now),
            chance: Chance::new(seed),
            defence: Defence::default(),
        }
    }

    /// Whether there are no services: no hook is registered then, and no packet is looked at.
    pub fn is_idle(&self) -> bool {
        self.services.is_empty()
    }

    /// How many buckets the connection table has.
    pub fn table_size(&self) -> u32 {
        self.conns.listed_size()
    }

    /// The module's parameter conn_tab_bits: how many buckets the table has, as a power of two. It can be set before the first
    /// service is there; later it has no effect, as with a module that is loaded already.
    pub fn set_table_bits(&mut self, bits: u32) {
        if self.services.is_empty() && self.conns.is_empty() {
            self.conns.set_table_bits(bits);
        }
    }

    /// The connections in the order of the kernel's table.
    pub fn connections(&self) -> impl Iterator<Item = &Conn> {
        self.conns.listed().into_iter().filter_map(|id| self.conns.get(id))
    }

    /// The connection between this client and this server, whatever address the client uses (`-m ipvs`).
    pub fn connection_with(&self, protocol: u8, client: SocketAddrV4, server: SocketAddrV4) -> Option<&Conn> {
        self.conns.get(self.conns.find_out(protocol, server, client)?)
    }

    /// The virtual port of the connection or template that controls this one.
    pub fn control_port(&self, conn: &Conn) -> Option<u16> {
        Some(self.conns.get(conn.master?)?.virtual_address.port())
    }

    /// What all services together have done, as far as the estimator has looked.
    pub fn total(&self) -> &Stats {
        &self.total
    }

    /// When [`Ipvs::expire`] or [`Ipvs::messages`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        let timers = [self.trash_look, self.daemons.next_deadline(), self.defence.next_deadline()];
        timers.into_iter().chain([self.conns.next_deadline()]).flatten().min()
    }

    /// Does what is due: ends connections that have not been used, forgets removed servers.
    pub fn expire(&mut self, now: Time) {
        while let Some(id) = self.conns.pop_expired(now) {
            self.expire_conn(id, now);
        }
        self.empty_trash(now);
        self.drop_entries(now);
    }

    /// What connection tracking is to forget, since the connections have ended here.
    pub fn take_released(&mut self) -> Vec<Released> {
        std::mem::take(&mut self.released)
    }

    /// Brings shown counters and rates up to the estimator's last tick.
    pub fn estimate(&mut self, now: Time) {
        if !self.estimator.is_due(now) {
            return;
        }
        if self.config.run_estimation == 0 {
            self.estimator.catch_up(now, std::iter::empty());
            return;
        }
        // A removed server's estimator has been stopped.
        let dests = self.dests.iter_mut().flatten().filter(|dest| dest.is_available).map(|dest| &mut dest.stats);
        let services = self.services.iter_mut().map(|service| &mut service.stats);
        self.estimator.catch_up(now, dests.chain(services).chain([&mut self.total]));
    }

    fn dest(&self, id: DestId) -> &Dest {
        self.dests[id.0 as usize].as_deref().expect("a server is kept while anybody refers to it")
    }

    fn dest_mut(&mut self, id: DestId) -> &mut Dest {
        self.dests[id.0 as usize].as_deref_mut().expect("a server is kept while anybody refers to it")
    }
}
