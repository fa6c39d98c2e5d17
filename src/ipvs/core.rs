//! What happens to each packet: ip_vs_core.c.

use std::net::SocketAddrV4;

use super::Ipvs;
use super::app::Edit;
use super::conn::{Conn, ConnId};
use super::dest::{Dest, DestId, Method, Tunnel};
use super::packet::{Forward, Hook, Reply, Verdict, View};
use super::schedule::Scheduled;
use super::service::ServiceKey;
use super::state::{Direction, State};
use super::tcp::{self, flags};
use super::{sctp, stats::Stats};
use crate::reason::{self, IpvsDrop};
use crate::time::Time;
use crate::wire::proto;

/// The ISAKMP port: AH and ESP follow the connection between two of these (ip_vs_proto_ah_esp.c).
const ISAKMP: u16 = 500;

/// Whom a packet's connection is found by.
pub(super) fn endpoints(view: &View<'_>) -> (u8, SocketAddrV4, SocketAddrV4) {
    let (protocol, (from, to)) = match view.protocol {
        proto::AH | proto::ESP => (proto::UDP, (ISAKMP, ISAKMP)),
        protocol => (protocol, view.ports),
    };
    (protocol, SocketAddrV4::new(view.source, from), SocketAddrV4::new(view.destination, to))
}

fn is_supported(protocol: u8) -> bool {
    matches!(protocol, proto::TCP | proto::UDP | proto::SCTP | proto::AH | proto::ESP)
}

/// Whether a packet opens a connection (is_new_conn).
fn is_opening(view: &View<'_>) -> bool {
    match view.protocol {
        proto::TCP => view.tcp_flags() & flags::SYN != 0,
        proto::SCTP => sctp::first_chunk(view.payload) == Some(sctp::INIT),
        _ => false,
    }
}

impl Ipvs {
    /// A packet that may be a client's: LOCAL_IN and LOCAL_OUT (ip_vs_in_hook).
    pub fn inbound(&mut self, view: &View<'_>, now: Time) -> Verdict {
        if self.is_idle() || self.is_backup_only() {
            return Verdict::Accept;
        }
        self.estimate(now);
        if view.protocol == proto::ICMP {
            return self.inbound_error(view, now);
        }
        if !is_supported(view.protocol) {
            return if self.config.ignore_tunneled != 0 {
                Verdict::Pass { keeps_tracking: true }
            } else {
                Verdict::Accept
            };
        }
        let (protocol, client, virtual_address) = endpoints(view);
        let mut known = self.conns.find_in(protocol, client, virtual_address);
        match known.map(|id| self.reuse(id, view, now)) {
            None | Some(Reuse::Followed) => {}
            Some(Reuse::Anew) => known = None,
            Some(Reuse::Dropped(connection)) => return self.refuse(IpvsDrop::StillTracked { connection }),
        }
        if let Some(id) = known
            && let Some(removed) = self.removed_dest(id)
        {
            if self.config.expire_nodest_conn == 0 {
                self.notes.drop(|| IpvsDrop::ServerRemoved { connection: removed });
                return Verdict::Drop;
            }
            self.conns.expire_now(id, now);
            known = None;
        }
        match known {
            Some(id) => self.steer(id, view, now),
            None => self.open(view, now),
        }
    }

    /// A packet that may be a server's: FORWARD, LOCAL_OUT and LOCAL_IN (ip_vs_out_hook).
    pub fn outbound(&mut self, view: &View<'_>, now: Time) -> Verdict {
        if self.is_idle() {
            return Verdict::Accept;
        }
        self.estimate(now);
        if view.protocol == proto::ICMP {
            return self.outbound_error(view);
        }
        if !is_supported(view.protocol) {
            return Verdict::Accept;
        }
        let (protocol, server, client) = endpoints(view);
        if let Some(id) = self.conns.find_out(protocol, server, client) {
            return self.answer(id, view, now);
        }
        match self.open_outwards(view, now) {
            Some(id) => {
                let verdict = self.answer(id, view, now);
                if self.conns.get(id).is_some_and(|conn| self.is_one_packet(conn)) {
                    self.conns.expire_now(id, now);
                }
                verdict
            }
            None if self.is_answer_to_nothing(view) => {
                self.notes.drop(|| IpvsDrop::UnknownReply);
                Verdict::Unreachable
            }
            None => {
                self.note_untranslated(view);
                Verdict::Accept
            }
        }
    }

    /// A packet that a masqueraded server sends of its own accord keeps the server's address.
    fn note_untranslated(&mut self, view: &View<'_>) {
        if !self.notes.wanted || view.hook != Hook::Forward {
            return;
        }
        let is_sender = |dest: &Dest| {
            dest.is_available && dest.options.method == Method::Masquerade && dest.options.address == view.source
        };
        if self.dests.iter().flatten().any(|dest| is_sender(dest)) {
            self.notes.add(|| reason::Ipvs::Untranslated { server: view.source });
        }
    }

    /// A SYN on a connection that is as good as over opens another one; the old one expires. But what connection tracking
    /// has agreed on with the old server would be done to the new one's packets, so the SYN is dropped while it has the
    /// old connection (ip_vs_conn_uses_old_conntrack): the client's repetition finds nothing in its way here.
    fn reuse(&mut self, id: ConnId, view: &View<'_>, now: Time) -> Reuse {
        let Some(conn) = self.conns.get(id).filter(|_| is_opening(view)) else { return Reuse::Followed };
        let mode = self.config.conn_reuse_mode;
        let is_fading = self.config.expire_nodest_conn != 0 && conn.dest.is_some_and(|id| self.dest(id).weight() == 0);
        let is_tracked = conn.keeps_tracking && view.is_confirmed;
        let is_alone = conn.special.slaves == 0;
        if !is_fading && !(mode != 0 && is_over(conn, mode) && (is_alone || !is_tracked)) {
            return Reuse::Followed;
        }
        self.notes.add(|| reason::Ipvs::Reopened { connection: Box::new(conn.describe()), state: conn.state.name() });
        let reuse = if is_tracked { Reuse::Dropped(conn.describe()) } else { Reuse::Anew };
        if !is_tracked && let Some(conn) = self.conns.get_mut(id) {
            // What connection tracking has by these ends is the new one's.
            conn.keeps_tracking = false;
        }
        if is_alone {
            self.conns.expire_now(id, now);
        }
        reuse
    }

    /// The connection in words, if its server has been removed.
    fn removed_dest(&self, id: ConnId) -> Option<reason::Connection> {
        let conn = self.conns.get(id)?;
        (!self.dest(conn.dest?).is_available).then(|| conn.describe())
    }

    /// A packet without a connection (ip_vs_try_to_schedule).
    fn open(&mut self, view: &View<'_>, now: Time) -> Verdict {
        match self.schedule(view, now) {
            Scheduled::New(conn) => self.start(conn, view, now),
            Scheduled::NotOurs => Verdict::Accept,
            Scheduled::Nobody => self.leave(view, now),
            Scheduled::Drop(why) => self.refuse(why),
        }
    }

    /// A packet ends here, and nobody is told.
    pub(super) fn refuse(&mut self, why: IpvsDrop) -> Verdict {
        self.notes.drop(|| why);
        Verdict::Drop
    }

    /// A new connection takes its first packet.
    fn start(&mut self, mut conn: Conn, view: &View<'_>, now: Time) -> Verdict {
        self.apps.bind(&mut conn);
        self.admit(&conn);
        if self.is_one_packet(&conn) {
            let verdict = Verdict::Forward(self.forward(&conn));
            self.finish_at_once(&conn, view.length, now);
            return verdict;
        }
        let id = self.conns.insert(conn);
        self.steer(id, view, now)
    }

    /// A connection more for its server and for the counters (ip_vs_bind_dest, ip_vs_conn_stats).
    pub(super) fn admit(&mut self, conn: &Conn) {
        if let Some(dest) = conn.dest {
            self.bind(dest, false);
            self.count(dest, Stats::count_connection);
        }
    }

    /// One-packet scheduling: the connection never enters the table.
    pub(super) fn finish_at_once(&mut self, conn: &Conn, length: u16, now: Time) {
        if let Some(dest) = conn.dest {
            self.count(dest, |stats| stats.count_in(length));
        }
        if let Some(id) = conn.master
            && let Some(template) = self.conns.get_mut(id)
        {
            template.packets = template.packets.saturating_add(1);
            let packets = template.packets;
            self.sync(id, packets, now);
        }
        self.unbind(conn);
        self.release_master(conn.master, false, now);
    }

    /// A packet of a client goes the way of its connection.
    pub(super) fn steer(&mut self, id: ConnId, view: &View<'_>, now: Time) -> Verdict {
        self.count_in(id, view.length);
        let before = self.advance(id, Direction::Input, view);
        self.conns.fill_port(id, view.ports.0);
        let edit = self.assist_request(id, view, now);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.packets = conn.packets.saturating_add(1);
        }
        let Some(conn) = self.conns.get(id) else { return Verdict::Accept };
        let packets = conn.packets;
        self.notes.add(|| reason::Ipvs::Steered(Box::new(conn.passage(before))));
        let forward = Forward { edit, ..self.forward(conn) };
        self.sync(id, packets, now);
        self.conns.restart(id, now);
        Verdict::Forward(forward)
    }

    /// A packet of a server goes back to its client (handle_response).
    fn answer(&mut self, id: ConnId, view: &View<'_>, now: Time) -> Verdict {
        let edit = match self.assist_answer(id, view, now) {
            Ok(edit) => edit,
            Err(why) => {
                self.notes.drop(|| why);
                self.conns.restart(id, now);
                return Verdict::Drop;
            }
        };
        self.count_out(id, view.length);
        let before = self.advance(id, Direction::Output, view);
        self.conns.restart(id, now);
        let Some(conn) = self.conns.get(id) else { return Verdict::Accept };
        self.notes.add(|| reason::Ipvs::Returned(Box::new(conn.passage(before))));
        reply(conn, false, edit)
    }

    /// Counts a packet from a client, if its connection's server still belongs to a service.
    pub(super) fn count_in(&mut self, id: ConnId, length: u16) {
        if let Some(dest) = self.conns.get(id).and_then(|conn| conn.dest) {
            self.count(dest, |stats| stats.count_in(length));
        }
    }

    /// Counts a packet to a client, if its connection's server still belongs to a service.
    pub(super) fn count_out(&mut self, id: ConnId, length: u16) {
        if let Some(dest) = self.conns.get(id).and_then(|conn| conn.dest) {
            self.count(dest, |stats| stats.count_out(length));
        }
    }

    /// Takes a connection to its next state, and its server's counters with it (set_tcp_state and its like). Gives the state before.
    fn advance(&mut self, id: ConnId, direction: Direction, view: &View<'_>) -> State {
        let is_secure = self.is_defending(self.config.secure_tcp);
        let Some(conn) = self.conns.get_mut(id) else { return State::Other };
        let before = conn.state;
        let direction = match direction {
            Direction::Input if conn.no_output => Direction::InputOnly,
            direction => direction,
        };
        // AH and ESP share a connection of UDP's, whose state is none of theirs.
        if conn.protocol == view.protocol {
            conn.state = match before {
                State::Tcp(state) => State::Tcp(tcp::next(state, view.tcp_flags(), direction, is_secure)),
                State::Sctp(state) => State::Sctp(sctp::next(state, view.payload, direction)),
                same => same,
            };
            if direction == Direction::Output {
                conn.no_output = false;
            }
            if let Some(timeout) = self.timeouts.of(conn.state) {
                conn.timeout = timeout;
            }
        }
        let (state, master, dest) = (conn.state, conn.master, conn.dest);
        if state.is_active() != conn.is_active {
            conn.is_active = state.is_active();
            if let Some(dest) = dest {
                self.dest_mut(dest).move_connection(state.is_active());
            }
        }
        let assures = match state {
            State::Tcp(state) => state == tcp::State::Established,
            State::Sctp(state) => state == sctp::State::Established,
            State::Udp => direction == Direction::Output,
            State::Template { .. } | State::Other => false,
        };
        if let Some(master) = master.filter(|_| assures).and_then(|master| self.conns.get_mut(master))
            && master.is_template()
        {
            master.state = State::Template { is_assured: true };
        }
        before
    }

    /// Whether a new connection is for one datagram only.
    pub(super) fn is_one_packet(&self, conn: &Conn) -> bool {
        conn.protocol == proto::UDP && self.schedules_each_packet(conn)
    }

    pub(super) fn forward(&self, conn: &Conn) -> Forward {
        let tunnel = conn.dest.map_or(Tunnel::Ipip, |dest| self.dest(dest).options.tunnel);
        Forward {
            method: conn.method,
            server: *conn.server.ip(),
            port: conn.server.port(),
            tunnel,
            is_error: false,
            edit: None,
            keeps_tracking: conn.keeps_tracking,
        }
    }

    /// A packet of a masqueraded server to nobody that is known, of which the server is to hear (nat_icmp_send).
    fn is_answer_to_nothing(&self, view: &View<'_>) -> bool {
        if self.config.nat_icmp_send == 0 || !matches!(view.protocol, proto::TCP | proto::UDP | proto::SCTP) {
            return false;
        }
        let is_break = match view.protocol {
            proto::TCP => view.tcp_flags() & flags::RST != 0,
            proto::SCTP => sctp::first_chunk(view.payload) == Some(sctp::ABORT),
            _ => false,
        };
        !is_break && self.real_server(view).is_some()
    }

    /// The masqueraded server that has sent a packet (ip_vs_find_real_service).
    pub(super) fn real_server(&self, view: &View<'_>) -> Option<DestId> {
        let sender = SocketAddrV4::new(view.source, view.ports.0);
        let is_sender = |dest: &Dest| {
            let is_served = match dest.key {
                ServiceKey::Address { protocol, .. } => protocol == view.protocol,
                ServiceKey::Mark(_) => true,
            };
            is_served && dest.is_available && dest.options.method == Method::Masquerade && dest.endpoint() == sender
        };
        let place = self.dests.iter().position(|dest| dest.as_deref().is_some_and(is_sender))?;
        Some(DestId(place as u32))
    }

    /// Counts for a server, its service and the host (ip_vs_in_stats and its like).
    fn count(&mut self, id: DestId, count: impl Fn(&mut Stats)) {
        let dest = self.dest_mut(id);
        if !dest.is_available {
            return;
        }
        count(&mut dest.stats);
        let service = dest.service;
        if let Some(service) = self.services.get_mut(service) {
            count(&mut service.stats);
        }
        count(&mut self.total);
    }
}

/// What becomes of a packet whose ends are those of a connection.
enum Reuse {
    /// It belongs to the connection.
    Followed,
    /// It opens another one.
    Anew,
    /// It would, but connection tracking still has the old one.
    Dropped(reason::Connection),
}

/// Whether a SYN may take a connection's place (is_new_conn_expected).
fn is_over(conn: &Conn, mode: i64) -> bool {
    conn.master.is_none()
        && match conn.state {
            State::Tcp(tcp::State::TimeWait | tcp::State::Close) => true,
            State::Tcp(tcp::State::FinWait) => mode & 2 != 0 && conn.no_output,
            State::Sctp(sctp::State::Closed) => true,
            _ => false,
        }
}

/// How an answer on a connection leaves: from a masqueraded server with the virtual address, else as it is.
pub(super) fn reply(conn: &Conn, is_error: bool, edit: Option<Box<Edit>>) -> Verdict {
    match conn.method {
        Method::Masquerade => Verdict::Reply(Reply {
            address: *conn.virtual_address.ip(),
            port: conn.virtual_address.port(),
            is_error,
            edit,
            keeps_tracking: conn.keeps_tracking,
        }),
        _ => Verdict::Pass { keeps_tracking: conn.keeps_tracking },
    }
}

impl Ipvs {
    /// A packet that passes through: an error about a connection to its server (ip_vs_forward_icmp), or an answer.
    pub fn forwarded(&mut self, view: &View<'_>, now: Time) -> Verdict {
        if view.protocol == proto::ICMP && !self.is_idle() && !self.is_backup_only() {
            match self.inbound_error(view, now) {
                Verdict::Accept => {}
                verdict => return verdict,
            }
        }
        self.outbound(view, now)
    }

    /// A packet for this host or made here, in the order of the two hooks.
    pub fn local(&mut self, view: &View<'_>, now: Time) -> Verdict {
        debug_assert!(view.hook != Hook::Forward);
        match self.outbound(view, now) {
            Verdict::Accept => self.inbound(view, now),
            verdict => verdict,
        }
    }
}
