//! Persistence: connections of a client follow a template to the server of the first one (ip_vs_sched_persist).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Ipvs;
use super::conn::{Conn, ConnId};
use super::core::Scheduled;
use super::dest::DestId;
use super::packet::View;
use super::service::{FTP, ServiceId, ServiceKey};
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

/// The longest Call-ID that counts (IP_VS_PEDATA_MAXLEN), in bytes.
const MAX_CALL_ID: usize = 255;

/// The Call-ID of a SIP message in a datagram (RFC 3261, section 20.8; ip_vs_sip_fill_param).
fn call_id(view: &View<'_>) -> Option<Box<str>> {
    let message = std::str::from_utf8(view.payload.get(8..).filter(|_| view.protocol == proto::UDP)?).ok()?;
    let (_, headers) = message.split_once(['\r', '\n'])?;
    // A header without a line's end may be cut off.
    let whole = &headers[..headers.rfind(['\r', '\n'])?];
    let value = whole.split(['\r', '\n']).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        (name.eq_ignore_ascii_case("Call-ID") || name.eq_ignore_ascii_case("i")).then(|| value.trim())
    })?;
    (!value.is_empty() && value.len() <= MAX_CALL_ID).then(|| value.into())
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
            let Some(call) = call_id(view) else { return Scheduled::Drop(reason::IpvsDrop::NoCallId) };
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
        match choice {
            Some(choice) => self.note_schedule(choice, &conn),
            None => {
                self.notes.add(|| reason::Ipvs::Remembered { connection: conn.describe(), group });
            }
        }
        if let Some(template) = self.conns.get_mut(template) {
            template.slaves += 1;
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
        template.data = group.data;
        template.mark = view.mark;
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
}
