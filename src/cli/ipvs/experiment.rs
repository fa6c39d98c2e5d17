//! Many requests shown to the load balancer, one after the other, by nobody and from nowhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use super::arguments::{Hold, Service};
use crate::apps::Clients;
use crate::ipvs::{DestOptions, Error, Hook, Ipvs, Method, ServiceOptions, Tunnel, Verdict, View};
use crate::random;
use crate::time::{Span, Time};
use crate::wire::proto;

/// The first port that clients use, and how many there are from there on.
const FIRST_PORT: u16 = 1024;
const PORTS: u64 = 65536 - FIRST_PORT as u64;

/// What is to be tried.
pub struct Experiment {
    pub service: Service,
    pub options: ServiceOptions,
    /// In the order in which they are added.
    pub servers: Vec<(Ipv4Addr, i32)>,
    pub clients: Ipv4Net,
    pub requests: u32,
    /// The time between two requests.
    pub gap: Span,
    pub hold: Hold,
    pub seed: u64,
    /// Whether anybody wants to know the reasons.
    pub explain: bool,
}

/// What came of it.
pub struct Outcome {
    /// In the order in which they were added.
    pub servers: Vec<Server>,
    /// In the order of the requests.
    pub picks: Vec<Pick>,
}

/// A server, after all requests.
pub struct Server {
    pub address: Ipv4Addr,
    pub weight: i32,
    pub requests: u32,
    pub active: u32,
    pub inactive: u32,
}

/// What became of a request.
pub struct Pick {
    pub client: SocketAddrV4,
    /// The server's place in the order in which they were added; none if nobody would have it.
    pub server: Option<usize>,
    /// Why, in the load balancer's words.
    pub why: Vec<String>,
}

/// TCP's flags in a client's segments.
const FIN_ACK: u8 = 0x11;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Where a request comes from: the clients take turns, and each turn has a port of its own.
fn source(clients: &Clients, request: u32) -> SocketAddrV4 {
    let turn = u64::from(request) / clients.count();
    // The turn is below PORTS: `Experiment::check` sees to it.
    SocketAddrV4::new(clients.of_request(u64::from(request)), FIRST_PORT + turn as u16)
}

impl Experiment {
    /// How many clients there are, and how many requests they can make without using a port twice.
    pub fn room(&self) -> (u64, u64) {
        let count = Clients::new(self.clients).count();
        (count, count.saturating_mul(PORTS))
    }

    /// Does it. There must be room for the requests.
    ///
    /// # Errors
    ///
    /// Those of ipvsadm about servers.
    pub fn run(&self) -> Result<Outcome, Error> {
        let mut ipvs = Ipvs::new(self.seed, Time::ZERO);
        ipvs.notes.wanted = self.explain;
        ipvs.add_service(self.service.key(), self.options.clone())?;
        for (address, weight) in &self.servers {
            ipvs.add_dest(self.service.key(), self.dest(*address, *weight))?;
        }
        let picks = self.send(&mut ipvs);
        let (_, dests) = ipvs.service(self.service.key()).ok_or(Error::NoService)?;
        let servers = self.servers.iter().enumerate().map(|(place, (address, weight))| {
            let dest = dests.iter().find(|dest| dest.options().address == *address);
            Server {
                address: *address,
                weight: *weight,
                requests: picks.iter().filter(|pick| pick.server == Some(place)).count() as u32,
                active: dest.map_or(0, |dest| dest.active()),
                inactive: dest.map_or(0, |dest| dest.inactive()),
            }
        });
        Ok(Outcome { servers: servers.collect(), picks })
    }

    fn send(&self, ipvs: &mut Ipvs) -> Vec<Pick> {
        let clients = Clients::new(self.clients);
        let mut holds = random::stream(self.seed, "hold", "clients");
        let mut open = BinaryHeap::new();
        let mut now = Time::ZERO;
        let mut picks = Vec::with_capacity(self.requests as usize);
        for n in 0..self.requests {
            self.close(ipvs, &mut open, now);
            let client = source(&clients, n);
            let pick = self.open(ipvs, client, now);
            if pick.server.is_some()
                && let Some(hold) = self.hold.draw(self.gap, &mut holds)
            {
                open.push(Reverse((now + hold, client)));
            }
            picks.push(pick);
            now += self.gap;
        }
        self.close(ipvs, &mut open, now);
        picks
    }

    /// Clients close what has been open for long enough, and the load balancer forgets what has ended long ago.
    fn close(&self, ipvs: &mut Ipvs, open: &mut BinaryHeap<Reverse<(Time, SocketAddrV4)>>, now: Time) {
        while let Some(Reverse((at, client))) = open.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            open.pop();
            ipvs.expire(at);
            self.show(ipvs, client, FIN_ACK, at);
        }
        ipvs.expire(now);
    }

    /// A client opens a connection, or sends a datagram.
    fn open(&self, ipvs: &mut Ipvs, client: SocketAddrV4, now: Time) -> Pick {
        drop(ipvs.notes.drain());
        let verdict = self.show(ipvs, client, SYN, now);
        let why = ipvs.notes.drain().take(1).map(|note| note.to_string()).collect();
        let server = match verdict {
            Verdict::Forward(forward) => self.servers.iter().position(|(address, _)| *address == forward.server),
            _ => None,
        };
        if server.is_some() && self.service.protocol == proto::TCP {
            self.show(ipvs, client, ACK, now);
        }
        Pick { client, server, why }
    }

    /// Shows a client's packet to the load balancer.
    fn show(&self, ipvs: &mut Ipvs, client: SocketAddrV4, flags: u8, now: Time) -> Verdict {
        let mut payload = [0; 20];
        payload[13] = flags;
        let view = View {
            protocol: self.service.protocol,
            source: *client.ip(),
            destination: *self.service.endpoint.ip(),
            ports: (client.port(), self.service.endpoint.port()),
            payload: &payload,
            length: 40,
            is_later_fragment: false,
            is_dont_fragment: true,
            mark: 0,
            hook: Hook::LocalIn,
            is_from_here: false,
            is_tracked: false,
            is_confirmed: false,
            is_for_elsewhere: false,
            is_quoted: false,
        };
        ipvs.inbound(&view, now)
    }

    /// A server behind direct routing: the director sees the client's packets only.
    fn dest(&self, address: Ipv4Addr, weight: i32) -> DestOptions {
        DestOptions {
            address,
            port: self.service.endpoint.port(),
            method: Method::Route,
            tunnel: Tunnel::Ipip,
            weight,
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_take_turns() {
        let clients = Clients::new("10.9.0.0/30".parse().unwrap());
        let turns: Vec<_> = (0..3).map(|n| source(&clients, n).to_string()).collect();
        assert_eq!(turns, ["10.9.0.1:1024", "10.9.0.2:1024", "10.9.0.1:1025"]);
        assert_eq!(source(&Clients::new("10.9.0.7/32".parse().unwrap()), 0).to_string(), "10.9.0.7:1024");
        assert_eq!(Clients::new("0.0.0.0/0".parse().unwrap()).count(), (1 << 32) - 2);
    }
}
