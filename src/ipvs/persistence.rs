//! Persistence: connections of a client follow a template to the server of the first one (ip_vs_sched_persist).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Ipvs;
use super::conn::{Conn, ConnId};
use super::dest::DestId;
use super::packet::{Hook, View};
use super::schedule::Scheduled;
use super::service::{FTP, ServiceId, ServiceKey};
use super::sip;
use super::state::State;
use crate::reason;
use crate::time::{Span, Time};
use crate::wire::proto;

/// How clients come back to their servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// How long a template is kept after its last new connection.
    pub timeout: Span,
}

/// What persistence looks at besides addresses (ip_vs_pe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The Call-ID of SIP messages.
    Sip,
}

impl Engine {
    /// The engine of this name.
    pub fn new(name: &str) -> Option<Engine> {
        (name == Engine::Sip.name()).then_some(Engine::Sip)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        "sip"
    }
}

/// No packet is for this port, so that a template with it is never found again.
const DEAD_PORT: u16 = 0xffff;

/// The length of UDP's header.
const UDP_LEN: usize = 8;

/// What the engine recognises a group by, in a datagram (ip_vs_sip_fill_param).
fn engine_data(view: &View<'_>) -> Option<Box<str>> {
    let message = view.payload.get(UDP_LEN..).filter(|_| view.protocol == proto::UDP)?;
    sip::call_id(message).map(Box::from)
}

/// What a group of connections has in common: the template's own place in the table.
struct Group {
    protocol: u8,
    client: SocketAddrV4,
    virtual_address: SocketAddrV4,
    data: Option<Box<str>>,
}

impl Group {
    fn new(key: ServiceKey, netmask: Ipv4Addr, view: &View<'_>) -> Group {
        let client = SocketAddrV4::new(view.source & netmask, 0);
        let port = view.ports.1;
        let (protocol, address, port) = match key {
            ServiceKey::Mark(mark) => (0, Ipv4Addr::from(mark), 0),
            ServiceKey::Address { port: own, .. } if own == port && own != FTP => {
                (view.protocol, view.destination, own)
            }
            ServiceKey::Address { .. } => (view.protocol, view.destination, 0),
        };
        Group { protocol, client, virtual_address: SocketAddrV4::new(address, port), data: None }
    }
}

impl Ipvs {
    /// A connection for a packet that belongs to none, to the server that its client had before.
    pub(super) fn schedule_persistent(
        &mut self,
        id: ServiceId,
        timeout: Span,
        view: &View<'_>,
        now: Time,
    ) -> Scheduled {
        let Some(service) = self.services.get(id) else { return Scheduled::Nobody };
        let key = service.key;
        let mut group = Group::new(key, service.options.netmask, view);
        if service.options.engine == Some(Engine::Sip) {
            let Some(call) = engine_data(view) else { return Scheduled::Drop(reason::IpvsDrop::NoCallId) };
            group.data = Some(call);
        }
        let known =
            self.conns.find_template(group.protocol, group.client, group.virtual_address, group.data.as_deref());
        let (template, dest, choice) = match known.and_then(|known| Some((known, self.usable_template(known)?))) {
            Some((template, dest)) => (template, dest, None),
            None => {
                let Some((dest, choice)) = self.pick(id, view, now) else { return Scheduled::Nobody };
                (self.new_template(group, key, view, dest, timeout, now), dest, Some(choice))
            }
        };
        let group = *self.conns.get(template).map_or(&Ipv4Addr::UNSPECIFIED, |conn| conn.client.ip());
        // The server's own port only stands for the service's own.
        let own_port = self.dest(dest).options.port;
        let port = if view.ports.1 == key.port() && own_port != 0 { own_port } else { view.ports.1 };
        let mut conn = self.new_conn(view, dest, port);
        conn.master = Some(template);
        let persistent =
            |connection| Box::new(reason::Persistent { service: key.to_string(), connection, group, timeout });
        match choice {
            Some(choice) => {
                self.note_schedule(choice, &conn);
                let template = self.conns.get(template).map_or_else(|| conn.describe(), Conn::describe);
                self.notes.add(|| reason::Ipvs::Kept(persistent(template)));
            }
            None => self.notes.add(|| reason::Ipvs::Remembered(persistent(conn.describe()))),
        }
        if let Some(template) = self.conns.get_mut(template) {
            template.special.slaves += 1;
        }
        // The template's time begins anew with each connection.
        self.conns.restart(template, now);
        Scheduled::New(conn)
    }

    fn new_template(
        &mut self,
        group: Group,
        key: ServiceKey,
        view: &View<'_>,
        dest: DestId,
        timeout: Span,
        now: Time,
    ) -> ConnId {
        let server = self.dest(dest);
        let is_own_port = view.ports.1 == key.port() && key.port() != FTP;
        let port = if is_own_port { server.options.port } else { 0 };
        let endpoint = SocketAddrV4::new(server.options.address, port);
        let method = server.options.method;
        let mut template = Conn::new(group.protocol, group.client, group.virtual_address, endpoint, Some(dest), method);
        template.state = State::Template { is_assured: false };
        template.special.data = group.data;
        template.special.mark = view.mark;
        template.timeout = timeout;
        self.bind(dest, true);
        let id = self.conns.insert(template);
        self.conns.restart(id, now);
        id
    }

    /// The server of a template that may still be followed; any other template is never found again (ip_vs_check_template).
    fn usable_template(&mut self, id: ConnId) -> Option<DestId> {
        let conn = self.conns.get(id)?;
        let usable = conn.dest.filter(|dest| {
            let dest = self.dest(*dest);
            dest.is_available && !(self.config.expire_quiescent_template != 0 && dest.weight() == 0)
        });
        if usable.is_none() {
            let (group, server) = (*conn.client.ip(), conn.server);
            self.notes.add(|| reason::Ipvs::Forgotten { group, server });
            self.conns.rehash(id, |conn| {
                conn.client.set_port(0);
                conn.virtual_address.set_port(DEAD_PORT);
                conn.server.set_port(DEAD_PORT);
            });
        }
        usable
    }

    /// A connection for a datagram of a real server to somebody who has not asked: with SIP, servers call clients, too
    /// (__ip_vs_rs_conn_out, ip_vs_new_conn_out). Its template brings the answers back to that server.
    pub(super) fn open_outwards(&mut self, view: &View<'_>, now: Time) -> Option<ConnId> {
        if !self.services.has_engines() || view.protocol != proto::UDP || view.hook == Hook::LocalIn {
            return None;
        }
        let dest = self.real_server(view)?;
        let service = self.services.get(self.dest(dest).service)?;
        let ServiceKey::Address { address, port, .. } = service.key else { return None };
        service.options.engine?;
        if port == 0 || view.ports.0 == 0 {
            return None;
        }
        let virtual_address = SocketAddrV4::new(address, port);
        let client = SocketAddrV4::new(view.destination, view.ports.1);
        let server = SocketAddrV4::new(view.source, view.ports.0);
        let method = self.dest(dest).options.method;
        let mut conn = Conn::new(view.protocol, client, virtual_address, server, Some(dest), method);
        if let Some(persistence) = service.options.persistence {
            let client = SocketAddrV4::new(view.destination & service.options.netmask, 0);
            let data = Some(engine_data(view)?);
            let known = self.conns.find_template(view.protocol, client, virtual_address, data.as_deref());
            let known = known.filter(|known| self.usable_template(*known) == Some(dest));
            let template = known.unwrap_or_else(|| {
                let mut template = Conn::new(view.protocol, client, virtual_address, server, Some(dest), method);
                template.state = State::Template { is_assured: false };
                template.special.data = data;
                template.timeout = persistence.timeout;
                self.bind(dest, true);
                self.conns.insert(template)
            });
            conn.master = Some(template);
            if let Some(template) = self.conns.get_mut(template) {
                template.special.slaves += 1;
            }
            self.conns.restart(template, now);
        }
        self.admit(&conn);
        Some(self.conns.insert(conn))
    }
}
