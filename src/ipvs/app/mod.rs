//! Application helpers: ip_vs_app.c, and the one that there is, ip_vs_ftp.c.
//!
//! FTP's control connection names the ends of data connections. The helper reads that, makes entries for those
//! connections, and puts the virtual address where a server has named its own. Only masquerading needs it.

mod ftp;
mod numbers;

use std::net::SocketAddrV4;
use std::ops::Range;

use super::Ipvs;
use super::conn::{Conn, ConnId};
use super::packet::View;
use super::service::FTP;
use super::state::State;
use super::tcp;
use crate::reason::{self, IpvsDrop};
use crate::time::Time;
use crate::wire::proto;

use ftp::{Command, Mode, Named};

pub use numbers::Numbers;

/// What a helper wants done to a segment besides its translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The text to put into another one's place.
    pub rewrite: Option<Rewrite>,
    /// How sequence numbers of the server, or what its client acknowledges, are to be changed.
    pub numbers: Numbers,
}

/// A piece of a segment's data that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Where it stands, counted from the first byte of data.
    pub place: Range<usize>,
    /// What takes its place.
    pub text: String,
}

/// What the helper knows about a control connection.
#[derive(Clone, Debug, Default)]
pub(super) struct App {
    mode: Mode,
    numbers: Numbers,
}

/// The ports whose connections are helped, the last one named first (struct ip_vs_app's incs_list).
#[derive(Debug, Default)]
pub(super) struct Apps {
    ports: Vec<u16>,
}

impl Apps {
    /// tcp_app_conn_bind: the helper of a new connection, by its virtual port.
    pub fn bind(&self, conn: &mut Conn) {
        let is_helped = conn.protocol == proto::TCP && conn.method == super::Method::Masquerade;
        if is_helped && self.ports.contains(&conn.virtual_address.port()) {
            conn.special.app = Some(Box::default());
        }
    }
}

/// Offset of the data in a TCP segment, if there is any.
fn data_of<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    let header_len = usize::from(view.payload.get(12)? >> 4) * 4;
    view.payload.get(header_len.max(20)..).filter(|data| !data.is_empty())
}

fn sequence_of(view: &View<'_>) -> u32 {
    view.payload.get(4..8).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

impl Ipvs {
    /// ip_vs_ftp is loaded, for these ports. Says whether it could be: each port can be named once.
    pub fn load_ftp(&mut self, ports: &[u16]) -> bool {
        let named: Vec<u16> = ports.iter().copied().filter(|port| *port != 0).rev().collect();
        let is_new = (1..named.len()).all(|at| !named[..at].contains(&named[at]));
        if is_new {
            self.apps.ports = named;
        }
        is_new
    }

    /// Whether ip_vs_ftp is loaded.
    pub fn has_ftp(&self) -> bool {
        !self.apps.ports.is_empty()
    }

    /// ip_vs_ftp is taken out, unless connections still use it.
    pub fn unload_ftp(&mut self) -> bool {
        let is_unused = self.apps().all(|(_, users)| users == 0);
        if is_unused {
            self.apps.ports.clear();
        }
        is_unused
    }

    /// The helped ports, and by how many connections each is used.
    pub fn apps(&self) -> impl Iterator<Item = (u16, usize)> {
        self.apps.ports.iter().map(|port| {
            let is_user = |conn: &&Conn| conn.special.app.is_some() && conn.virtual_address.port() == *port;
            (*port, self.connections().filter(is_user).count())
        })
    }

    /// A client's segment passes its connection's helper (ip_vs_app_pkt_in).
    pub(super) fn assist_request(&mut self, id: ConnId, view: &View<'_>, now: Time) -> Option<Box<Edit>> {
        let conn = self.conns.get(id)?;
        conn.special.app.as_ref()?;
        if conn.state == State::Tcp(tcp::State::Established)
            && let Some(command) = data_of(view).and_then(ftp::command)
        {
            self.obey(id, command, now);
        }
        self.edit(id, None)
    }

    fn obey(&mut self, id: ConnId, command: Command, now: Time) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let mode = match command {
            Command::Passive(mode) => mode,
            Command::Active(_) => Mode::Active,
        };
        conn.special.app.get_or_insert_default().mode = mode;
        if let Command::Active(client) = command {
            let one_less = |end: SocketAddrV4| SocketAddrV4::new(*end.ip(), end.port().wrapping_sub(1));
            let (from, server) = (one_less(conn.virtual_address), one_less(conn.server));
            let known = self.conns.find_in(proto::TCP, client, from);
            self.expect(id, known, (client, from, server), now);
        }
    }

    /// A server's segment passes its connection's helper (ip_vs_app_pkt_out).
    ///
    /// # Errors
    ///
    /// It is lost if the segment would have to be rewritten while nothing tracks the connection, since tracking does that.
    pub(super) fn assist_answer(
        &mut self,
        id: ConnId,
        view: &View<'_>,
        now: Time,
    ) -> Result<Option<Box<Edit>>, IpvsDrop> {
        let Some((conn, app)) = self.conns.get(id).and_then(|conn| Some((conn, conn.special.app.as_ref()?))) else {
            return Ok(None);
        };
        let is_established = conn.state == State::Tcp(tcp::State::Established);
        let named = data_of(view)
            .filter(|_| is_established)
            .and_then(|data| ftp::announcement(data, app.mode, *conn.server.ip()));
        let rewrite = match named {
            Some(named) => Some(self.announce(id, app.mode, named, view, now)?),
            None => None,
        };
        Ok(self.edit(id, rewrite))
    }

    /// The server waits for a data connection: an entry for it, and the virtual address in the place of the server's own.
    fn announce(
        &mut self,
        id: ConnId,
        mode: Mode,
        named: Named,
        view: &View<'_>,
        now: Time,
    ) -> Result<Rewrite, IpvsDrop> {
        let Some(conn) = self.conns.get(id) else { return Err(IpvsDrop::NotTracked) };
        let client = SocketAddrV4::new(*conn.client.ip(), 0);
        let to = SocketAddrV4::new(*conn.virtual_address.ip(), named.end.port());
        let known = self.conns.find_out(proto::TCP, named.end, client);
        let to = self.expect(id, known, (client, to, named.end), now).unwrap_or(to);
        if let Some(app) = self.conns.get_mut(id).and_then(|conn| conn.special.app.as_mut()) {
            app.mode = Mode::Active;
        }
        if !view.is_tracked && !self.tracks_connections() {
            return Err(IpvsDrop::NotTracked);
        }
        let text = ftp::text(mode, to);
        let by = text.len() as i32 - named.place.len() as i32;
        if let Some(app) = self.conns.get_mut(id).and_then(|conn| conn.special.app.as_mut()) {
            app.numbers.grow(sequence_of(view), by);
        }
        self.notes.add(|| {
            let old = data_of(view).and_then(|data| data.get(named.place.clone())).unwrap_or_default();
            let old = String::from_utf8_lossy(old).into_owned();
            reason::Ipvs::Rewritten(Box::new(reason::Rewriting { old, new: text.clone(), by }))
        });
        Ok(Rewrite { place: named.place, text })
    }

    /// Whether a service makes the host track connections: FTP's own does, for the helper's sake
    /// (ip_vs_register_conntrack).
    fn tracks_connections(&self) -> bool {
        let is_masqueraded = |id: &super::DestId| self.dest(*id).options.method == super::Method::Masquerade;
        self.services.iter().any(|(_, service)| service.key.port() == FTP && service.dests.iter().any(is_masqueraded))
    }

    /// An entry for a data connection that is about to be opened, controlled by the control connection: between client,
    /// virtual address and server. Without the client's port it takes the first that comes. Gives its virtual address.
    fn expect(
        &mut self,
        control: ConnId,
        known: Option<ConnId>,
        (client, virtual_address, server): (SocketAddrV4, SocketAddrV4, SocketAddrV4),
        now: Time,
    ) -> Option<SocketAddrV4> {
        let id = match known {
            Some(id) => id,
            None => {
                let master = self.conns.get_mut(control)?;
                master.special.slaves += 1;
                let (dest, method) = (master.dest, master.method);
                let mut conn = Conn::new(proto::TCP, client, virtual_address, server, dest, method);
                conn.master = Some(control);
                conn.awaits_port = client.port() == 0;
                self.apps.bind(&mut conn);
                self.notes.add(|| reason::Ipvs::Expected { connection: conn.describe() });
                if let Some(dest) = dest {
                    self.bind(dest, false);
                }
                self.conns.insert(conn)
            }
        };
        // ip_vs_tcp_conn_listen: the counters of the server hear nothing of it.
        let timeout = self.timeouts.tcp.of(tcp::State::Listen);
        let conn = self.conns.get_mut(id)?;
        conn.state = State::Tcp(tcp::State::Listen);
        conn.timeout = timeout;
        self.conns.restart(id, now);
        self.conns.get(id).map(|conn| conn.virtual_address)
    }

    fn edit(&self, id: ConnId, rewrite: Option<Rewrite>) -> Option<Box<Edit>> {
        let numbers = self.conns.get(id)?.special.app.as_ref()?.numbers;
        (rewrite.is_some() || numbers.is_needed()).then(|| Box::new(Edit { rewrite, numbers }))
    }
}

#[cfg(test)]
mod tests;
