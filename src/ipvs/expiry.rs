//! How entries end, and what they take with them: ip_vs_conn_expire.

use super::conn::{Conn, ConnId};
use super::dest::DestId;
use super::state::State;
use super::{Ipvs, Released};
use crate::reason;
use crate::time::{Span, Time};

impl Ipvs {
    pub(super) fn bind(&mut self, dest: DestId, is_template: bool) {
        self.dest_mut(dest).bind(is_template, false);
    }

    pub(super) fn unbind(&mut self, conn: &Conn) {
        if let Some(dest) = conn.dest {
            self.dest_mut(dest).unbind(conn.is_template(), conn.is_active);
        }
    }

    /// An entry's time is over (ip_vs_conn_expire). One that others follow stays for a minute more, and keeps that time-out.
    pub(super) fn expire_conn(&mut self, id: ConnId, now: Time) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if conn.special.slaves > 0 {
            conn.timeout = Span::from_secs(60);
            let followers = conn.special.slaves;
            self.notes.add(|| reason::Ipvs::Followed { connection: conn.describe(), followers });
            self.sync(id, self.config.sync_threshold.0 as u32, now);
            self.conns.restart(id, now);
            return;
        }
        let conn = self.conns.remove(id);
        self.notes.add(|| reason::Ipvs::Expired { connection: Box::new(conn.describe()), state: conn.state.name() });
        if conn.keeps_tracking && !self.is_one_packet(&conn) {
            let Conn { protocol, client, virtual_address, .. } = conn;
            self.released.push(Released { protocol, client, virtual_address });
        }
        self.unbind(&conn);
        self.release_master(conn.master, conn.timeout == Span::ZERO, now);
    }

    /// Ends a connection by force, before its time (ip_vs_conn_del).
    pub(super) fn delete_conn(&mut self, id: ConnId, now: Time) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if conn.master.is_some() {
            conn.timeout = Span::ZERO;
        }
        self.expire_conn(id, now);
    }

    /// A connection less follows a template. One that was dropped by force takes an unconfirmed template with it.
    pub(super) fn release_master(&mut self, master: Option<ConnId>, is_forced: bool, now: Time) {
        let Some((id, master)) = master.and_then(|id| Some((id, self.conns.get_mut(id)?))) else { return };
        master.special.slaves = master.special.slaves.saturating_sub(1);
        if is_forced && master.special.slaves == 0 && master.state != (State::Template { is_assured: true }) {
            self.delete_conn(id, now);
        }
    }
}
