//! The backup: what it makes of messages.

use super::message::{self, Entry, flags};
use crate::ipvs::conn::{Conn, ConnId};
use crate::ipvs::dest::{DestId, Method};
use crate::ipvs::state::State;
use crate::ipvs::sync::Synced;
use crate::ipvs::{Ipvs, SctpState, TcpState};
use crate::reason;
use crate::time::{Span, Time};
use crate::wire::proto;

/// How long a template is kept whose message did not say it.
const TEMPLATE_TIMEOUT: Span = Span::from_secs(180);

impl Ipvs {
    /// Takes in a message (ip_vs_process_message). Without a backup, or with another identifier, it has no effect.
    pub fn receive(&mut self, bytes: &[u8], now: Time) {
        let Some(backup) = &self.daemons.backup else { return };
        let (id, entries) = (backup.id, message::read(bytes, backup.id));
        if entries.is_empty() {
            self.notes.add(|| reason::Ipvs::NotHeard { id });
        }
        for entry in entries {
            if let Some(state) = state(&entry) {
                self.take_over(entry, state, now);
            }
        }
    }

    /// ip_vs_proc_conn
    fn take_over(&mut self, entry: Entry, state: State, now: Time) {
        let timeout = match (entry.timeout, self.timeouts.of(state)) {
            (Some(seconds @ 1..), _) => Span::from_secs(u64::from(seconds)),
            (_, Some(timeout)) => timeout,
            (_, None) => TEMPLATE_TIMEOUT,
        };
        let known = match self.known(&entry, now) {
            Known::Nothing => None,
            Known::This(id) => Some(id),
            Known::Replaced => return,
        };
        let id = match known {
            Some(id) => {
                self.update(id, &entry);
                id
            }
            None => self.insert(&entry, state),
        };
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.packets = self.config.sync_threshold.0 as u32;
        conn.state = state;
        conn.special.synced = Synced::received(state);
        conn.timeout = timeout;
        self.notes.add(|| reason::Ipvs::Learnt {
            connection: Box::new(conn.describe()),
            state: state.name(),
            is_bound: conn.dest.is_some(),
        });
        self.conns.restart(id, now);
    }

    /// The connection that an entry speaks of. One that leads to another server is over, unless the news is older than it.
    fn known(&mut self, entry: &Entry, now: Time) -> Known {
        let (client, virtual_address) = (entry.client, entry.virtual_address);
        if entry.flags & flags::TEMPLATE != 0 {
            let known = self.conns.find_template(entry.protocol, client, virtual_address, entry.data.as_deref());
            return known.map_or(Known::Nothing, Known::This);
        }
        let Some(id) = self.conns.find_in(entry.protocol, client, virtual_address) else { return Known::Nothing };
        if self.conns.get(id).is_some_and(|conn| conn.server == entry.server) {
            return Known::This(id);
        }
        if entry.flags & flags::INACTIVE != 0 {
            return Known::Replaced;
        }
        self.conns.expire_now(id, now);
        Known::Nothing
    }

    fn update(&mut self, id: ConnId, entry: &Entry) {
        let is_active = entry.flags & flags::INACTIVE == 0;
        let Some(conn) = self.conns.get_mut(id) else { return };
        match conn.dest {
            Some(dest) if conn.is_active != is_active && !conn.is_template() => {
                conn.is_active = is_active;
                self.dest_mut(dest).move_connection(is_active);
            }
            Some(_) => {}
            // Its server may have been added since (ip_vs_try_bind_dest).
            None => {
                let (is_template, method) = (conn.is_template(), conn.method);
                conn.is_active = is_active && !is_template;
                let is_active = conn.is_active;
                let dest = self.find_dest_of(entry, method);
                if let (Some(dest), Some(conn)) = (dest, self.conns.get_mut(id)) {
                    conn.dest = Some(dest);
                    conn.method = self.dests[dest.0 as usize].as_ref().map_or(method, |dest| dest.options.method);
                    self.dest_mut(dest).bind(is_template, is_active);
                }
            }
        }
    }

    /// A connection that nobody here has opened. Its method is its server's, if that is known here.
    fn insert(&mut self, entry: &Entry, state: State) -> ConnId {
        let sent = match entry.flags & flags::METHOD {
            0 => Method::Masquerade,
            2 => Method::Tunnel,
            4 => Method::Bypass,
            _ => Method::Route,
        };
        let dest = self.find_dest_of(entry, sent);
        let method = dest.map_or(sent, |dest| self.dest(dest).options.method);
        let mut conn = Conn::new(entry.protocol, entry.client, entry.virtual_address, entry.server, dest, method);
        let is_template = entry.flags & flags::TEMPLATE != 0;
        conn.state = state;
        conn.is_active = entry.flags & flags::INACTIVE == 0 && !is_template;
        if entry.mark != 0 || entry.data.is_some() {
            conn.special.mark = entry.mark;
            conn.special.data.clone_from(&entry.data);
        }
        if let Some(dest) = dest {
            self.dest_mut(dest).bind(is_template, conn.is_active);
        } else {
            conn.no_output = entry.flags & flags::NO_OUTPUT != 0;
        }
        self.conns.insert(conn)
    }

    /// The server of an entry's service (ip_vs_find_dest).
    fn find_dest_of(&self, entry: &Entry, method: Method) -> Option<DestId> {
        let (address, port) = (*entry.virtual_address.ip(), entry.virtual_address.port());
        let service = self.services.get(self.services.find(entry.mark, entry.protocol, address, port)?)?;
        let server = |port| {
            let place = (*entry.server.ip(), port);
            service.dests.iter().copied().find(|id| {
                let options = &self.dest(*id).options;
                (options.address, options.port) == place
            })
        };
        let own = if entry.mark != 0 && method != Method::Masquerade { 0 } else { entry.server.port() };
        server(own).or_else(|| server(own ^ entry.server.port()))
    }
}

/// What is known of an entry's connection.
enum Known {
    Nothing,
    This(ConnId),
    /// It has been replaced by another, of which the entry does not speak.
    Replaced,
}

/// The state that an entry speaks of; none if there is no such state.
fn state(entry: &Entry) -> Option<State> {
    if entry.flags & flags::TEMPLATE != 0 {
        return Some(State::Template { is_assured: entry.state == 1 });
    }
    match (entry.protocol, entry.state) {
        (proto::TCP, number) => TcpState::from_number(number).map(State::Tcp),
        (proto::SCTP, number) => SctpState::from_number(number).map(State::Sctp),
        (proto::UDP, 0) => Some(State::Udp),
        (proto::AH | proto::ESP, 0) => Some(State::Other),
        _ => None,
    }
}
