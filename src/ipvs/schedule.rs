//! Which server gets a packet that belongs to no connection, and what becomes of it if there is none: ip_vs_schedule and ip_vs_leave.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Ipvs;
use super::conn::Conn;
use super::core::endpoints;
use super::dest::{Dest, DestId, Method};
use super::packet::{Verdict, View, has_ports};
use super::scheduler::{Request, Servers};
use super::sctp;
use super::service::{FTP, FTP_DATA, ServiceId, ServiceKey};
use super::tcp::flags;
use crate::reason::{self, Candidate, IpvsDrop, Schedule, Unserved};
use crate::time::{Span, Time};
use crate::wire::proto;

/// What comes of the attempt to find a server for a packet that belongs to no connection.
pub(super) enum Scheduled {
    /// A connection, which is not in the table yet.
    New(Conn),
    /// The packet is none of IPVS's business.
    NotOurs,
    /// No server can be had (ip_vs_leave).
    Nobody,
    /// The packet ends here, silently.
    Drop(IpvsDrop),
}

/// How much of its transport header a packet must have to open a connection. Of one that an ICMP error quotes the ports suffice.
fn needed_header(view: &View<'_>) -> usize {
    match view.protocol {
        _ if view.is_quoted => 4,
        proto::TCP => 20,
        proto::SCTP => 16,
        _ => 8,
    }
}

impl Ipvs {
    /// A server for a packet without a connection (tcp_conn_schedule and its like, then ip_vs_schedule).
    pub(super) fn schedule(&mut self, view: &View<'_>, now: Time) -> Scheduled {
        if view.is_later_fragment || !has_ports(view.protocol) {
            return Scheduled::NotOurs;
        }
        if view.payload.len() < needed_header(view) {
            return Scheduled::Drop(IpvsDrop::Truncated);
        }
        let may_open = match view.protocol {
            _ if view.is_quoted => true,
            proto::TCP => {
                let segment = view.tcp_flags();
                segment & flags::RST == 0 && (segment & flags::SYN != 0 || self.config.sloppy_tcp != 0)
            }
            proto::SCTP => match sctp::first_chunk(view.payload) {
                Some(sctp::INIT) => true,
                chunk => self.config.sloppy_sctp != 0 && chunk != Some(sctp::ABORT),
            },
            _ => true,
        };
        let (from, to) = view.ports;
        let Some(id) = self.services.find(view.mark, view.protocol, view.destination, to) else {
            return Scheduled::NotOurs;
        };
        let Some(service) = self.services.get(id) else { return Scheduled::NotOurs };
        let (key, persistence) = (service.key, service.options.persistence);
        if !may_open {
            self.notes.add(|| reason::Ipvs::NotOpening { service: key.to_string() });
            return Scheduled::NotOurs;
        }
        if self.is_dropped_in_defence() {
            return Scheduled::Drop(IpvsDrop::Defence { rate: self.drop_rate().unwrap_or(0) });
        }
        // FTP's data connections, and answers of a server on this very host, are not scheduled.
        let (protocol, server, client) = endpoints(view);
        if from == FTP_DATA || view.is_from_here && self.conns.find_in(protocol, client, server).is_some() {
            return Scheduled::NotOurs;
        }
        if let Some(persistence) = persistence {
            return self.schedule_persistent(id, persistence.timeout, view, now);
        }
        if !matches!(key, ServiceKey::Mark(_)) && to != key.port() {
            return Scheduled::Nobody;
        }
        let Some((dest, schedule)) = self.pick(id, view, now) else { return Scheduled::Nobody };
        let own_port = self.dest(dest).options.port;
        let conn = self.new_conn(view, dest, if own_port == 0 { to } else { own_port });
        self.note_schedule(schedule, &conn);
        Scheduled::New(conn)
    }

    /// Asks a service's scheduler. What it was based on is only put together while somebody reads it.
    pub(super) fn pick(
        &mut self,
        service: ServiceId,
        view: &View<'_>,
        now: Time,
    ) -> Option<(DestId, Option<Box<Schedule>>)> {
        let candidates = if self.notes.wanted { self.candidates(service) } else { Vec::new() };
        let Ipvs { services, dests, config, chance, .. } = self;
        let service = services.get_mut(service)?;
        let expiration = match &*service.options.scheduler {
            "lblcr" => config.lblcr_expiration,
            _ => config.lblc_expiration,
        };
        let mut request = Request {
            source: view.source,
            source_port: view.ports.0,
            destination: view.destination,
            flags: service.options.scheduler_flags,
            now,
            expiration: Span::from_secs(expiration.max(0) as u64),
            chance,
        };
        let servers = Servers::new(&service.dests, dests);
        let pick = service.scheduler.pick(&mut request, servers)?;
        let schedule = self.notes.wanted.then(|| {
            let nobody = SocketAddrV4::new(view.source, 0);
            let connection =
                reason::Connection { protocol: 0, client: nobody, virtual_address: nobody, server: nobody };
            let scheduler = super::scheduler::name(&service.options.scheduler);
            Box::new(Schedule { connection, scheduler, candidates, chosen: pick.place, why: pick.why })
        });
        Some((servers.id(pick.place), schedule))
    }

    pub(super) fn note_schedule(&mut self, schedule: Option<Box<Schedule>>, conn: &Conn) {
        if let Some(mut schedule) = schedule {
            schedule.connection = conn.describe();
            self.notes.add(|| reason::Ipvs::Scheduled(schedule));
        }
    }

    /// A service's servers as its scheduler meets them.
    fn candidates(&self, service: ServiceId) -> Vec<Candidate> {
        let Some(service) = self.services.get(service) else { return Vec::new() };
        let candidate = |dest: &Dest| Candidate {
            server: dest.endpoint(),
            weight: dest.weight(),
            active: dest.active,
            inactive: dest.inactive,
            is_overloaded: dest.is_overloaded,
        };
        service.dests.iter().map(|id| candidate(self.dest(*id))).collect()
    }

    /// A connection of a packet's sender with a server.
    pub(super) fn new_conn(&self, view: &View<'_>, dest: DestId, port: u16) -> Conn {
        let (_, client, virtual_address) = endpoints(view);
        let options = &self.dest(dest).options;
        let server = SocketAddrV4::new(options.address, port);
        let mut conn = Conn::new(view.protocol, client, virtual_address, server, Some(dest), options.method);
        if view.mark != 0 {
            conn.special.mark = view.mark;
        }
        conn.keeps_tracking = self.config.conntrack != 0;
        conn
    }

    /// No server can be had for a packet that a service wants (ip_vs_leave).
    pub(super) fn leave(&mut self, view: &View<'_>, now: Time) -> Verdict {
        let found = self.services.find(view.mark, view.protocol, view.destination, view.ports.1);
        let Some((id, service)) = found.and_then(|id| Some((id, self.services.get(id)?))) else {
            return Verdict::Accept;
        };
        let key = service.key;
        if self.config.cache_bypass != 0 && matches!(key, ServiceKey::Mark(_)) && view.is_for_elsewhere {
            return self.bypass(service.options.one_packet, view, now);
        }
        let is_other_port = !matches!(key, ServiceKey::Mark(_)) && key.port() != view.ports.1;
        if key.port() == FTP && is_other_port {
            return Verdict::Accept;
        }
        let scheduler = super::scheduler::name(&service.options.scheduler);
        let candidates = if self.notes.wanted { self.candidates(id) } else { Vec::new() };
        self.notes.drop(|| {
            let service = key.to_string();
            if is_other_port && key.port() == 0 {
                IpvsDrop::OtherPort { service }
            } else {
                IpvsDrop::NoServer(Box::new(Unserved { service, scheduler, candidates }))
            }
        });
        // An error message about an error message is never sent.
        if view.is_quoted { Verdict::Drop } else { Verdict::Unreachable }
    }

    /// A packet goes past all servers to where it wanted to go (cache_bypass).
    fn bypass(&mut self, is_one_packet: bool, view: &View<'_>, now: Time) -> Verdict {
        let (_, client, virtual_address) = endpoints(view);
        let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let conn = Conn::new(view.protocol, client, virtual_address, nobody, None, Method::Bypass);
        if is_one_packet && view.protocol == proto::UDP {
            return Verdict::Forward(self.forward(&conn));
        }
        let id = self.conns.insert(conn);
        self.steer(id, view, now)
    }
}
