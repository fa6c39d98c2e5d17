//! A director without a machine around it: packets go in by hand, verdicts are looked at.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::tcp::flags::{ACK, FIN, RST, SYN};
use super::*;
use crate::wire::proto;

pub(in crate::ipvs) const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 100);
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 5);

/// A load balancer with one service, and a clock.
pub(in crate::ipvs) struct Director {
    pub ipvs: Ipvs,
    pub key: ServiceKey,
    pub now: Time,
}

/// The address of the n-th real server.
pub(super) fn rip(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 10 + n)
}

pub(super) fn server(n: u8, weight: i32) -> DestOptions {
    DestOptions {
        address: rip(n),
        port: 80,
        method: Method::Route,
        tunnel: Tunnel::Ipip,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

/// A datagram with ports and, for TCP, flags.
pub(super) fn datagram(protocol: u8, from: SocketAddrV4, to: SocketAddrV4, flags: u8) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    bytes[0] = 0x45;
    bytes[3] = 40;
    bytes[9] = protocol;
    bytes[12..16].copy_from_slice(&from.ip().octets());
    bytes[16..20].copy_from_slice(&to.ip().octets());
    bytes[20..22].copy_from_slice(&from.port().to_be_bytes());
    bytes[22..24].copy_from_slice(&to.port().to_be_bytes());
    bytes[33] = flags;
    bytes
}

impl Director {
    pub fn new(scheduler: &str, options: ServiceOptions, weights: &[i32]) -> Director {
        let key = ServiceKey::Address { protocol: proto::TCP, address: VIP, port: 80 };
        let mut director = Director { ipvs: Ipvs::new(1, Time::ZERO), key, now: Time::ZERO };
        let options = ServiceOptions { scheduler: scheduler.to_owned(), ..options };
        director.ipvs.add_service(key, options).unwrap();
        for (n, weight) in weights.iter().enumerate() {
            director.ipvs.add_dest(key, server(n as u8 + 1, *weight)).unwrap();
        }
        director
    }

    pub fn rr(weights: &[i32]) -> Director {
        Director::new("rr", ServiceOptions::default(), weights)
    }

    pub fn wait(&mut self, span: Span) {
        self.now += span;
        self.ipvs.expire(self.now);
    }

    fn packet(&mut self, from: SocketAddrV4, to: SocketAddrV4, flags: u8, answer: bool) -> Verdict {
        let bytes = datagram(proto::TCP, from, to, flags);
        let hook = if answer { Hook::Forward } else { Hook::LocalIn };
        let view = View::new(&bytes, 0, hook, false).unwrap();
        if answer { self.ipvs.outbound(&view, self.now) } else { self.ipvs.inbound(&view, self.now) }
    }

    /// A segment of a client.
    pub fn send_from(&mut self, client: SocketAddrV4, flags: u8) -> Verdict {
        self.packet(client, SocketAddrV4::new(VIP, 80), flags, false)
    }

    pub fn send(&mut self, port: u16, flags: u8) -> Verdict {
        self.send_from(SocketAddrV4::new(CLIENT, port), flags)
    }

    /// A segment of a server.
    pub fn answer(&mut self, server: SocketAddrV4, port: u16, flags: u8) -> Verdict {
        self.packet(server, SocketAddrV4::new(CLIENT, port), flags, true)
    }

    /// Which server a new connection of this client goes to.
    pub fn open_from(&mut self, client: SocketAddrV4) -> Option<u8> {
        match self.send_from(client, SYN) {
            Verdict::Forward(forward) => Some(forward.server.octets()[3] - 10),
            Verdict::Unreachable => None,
            other => panic!("{other:?}"),
        }
    }

    pub fn open(&mut self, port: u16) -> Option<u8> {
        self.open_from(SocketAddrV4::new(CLIENT, port))
    }

    /// Which servers so many new connections go to; each stays open.
    pub fn sequence(&mut self, count: u16) -> Vec<u8> {
        let first = 1000 + self.ipvs.connections().count() as u16;
        (0..count).map(|n| self.open(first + n).expect("a server")).collect()
    }

    pub fn states(&self) -> Vec<&'static str> {
        self.ipvs.connections().map(|conn| conn.state().name()).collect()
    }

    /// Active, inactive and persistent connections of the n-th server.
    pub fn counts(&self, n: u8) -> (u32, u32, u32) {
        let (_, dests) = self.ipvs.service(self.key).unwrap();
        let dest = dests.iter().find(|dest| dest.options().address == rip(n)).unwrap();
        (dest.active(), dest.inactive(), dest.persistent())
    }
}

#[test]
fn a_connection_through_direct_routing() {
    let mut director = Director::rr(&[1]);
    assert_eq!(director.open(1000), Some(1));
    assert_eq!((director.states(), director.counts(1)), (vec!["SYN_RECV"], (1, 0, 0)));
    director.send(1000, ACK);
    assert_eq!((director.states(), director.counts(1)), (vec!["ESTABLISHED"], (1, 0, 0)));
    director.send(1000, FIN | ACK);
    director.send(1000, ACK);
    assert_eq!((director.states(), director.counts(1)), (vec!["FIN_WAIT"], (0, 1, 0)));
    director.wait(Span::from_secs(119));
    assert_eq!(director.ipvs.connections().count(), 1);
    director.wait(Span::from_secs(1));
    assert_eq!((director.ipvs.connections().count(), director.counts(1)), (0, (0, 0, 0)));
    assert_eq!(director.ipvs.next_deadline(), None);
}

#[test]
fn a_connection_through_masquerading() {
    let mut director = Director::rr(&[]);
    let options = DestOptions { method: Method::Masquerade, port: 8080, ..server(1, 1) };
    director.ipvs.add_dest(director.key, options).unwrap();
    let real = SocketAddrV4::new(rip(1), 8080);
    let Verdict::Forward(forward) = director.send(1000, SYN) else { panic!() };
    assert_eq!((forward.server, forward.port), (rip(1), 8080));
    let Verdict::Reply(reply) = director.answer(real, 1000, SYN | ACK) else { panic!() };
    assert_eq!((reply.address, reply.port), (VIP, 80));
    director.send(1000, ACK);
    assert_eq!(director.states(), ["ESTABLISHED"]);
    director.answer(real, 1000, FIN | ACK);
    director.send(1000, FIN | ACK);
    assert_eq!(director.states(), ["TIME_WAIT"]);
    assert_eq!(director.answer(SocketAddrV4::new(rip(1), 81), 1000, ACK), Verdict::Accept);
}

#[test]
fn only_a_syn_opens() {
    let mut director = Director::rr(&[1]);
    assert_eq!(director.send(1000, ACK), Verdict::Accept);
    assert_eq!(director.send(1000, RST), Verdict::Accept);
    director.ipvs.config.sloppy_tcp = 1;
    assert!(matches!(director.send(1000, ACK), Verdict::Forward(_)));
    assert_eq!(director.send(1001, RST), Verdict::Accept);
}

#[test]
fn without_a_usable_server_the_port_is_unreachable() {
    assert_eq!(Director::rr(&[]).open(1000), None);
    assert_eq!(Director::rr(&[0, 0]).open(1000), None);
}

#[test]
fn connections_outlive_their_server_and_find_it_again() {
    let mut director = Director::rr(&[1, 1]);
    assert_eq!(director.sequence(2), [2, 1]);
    director.ipvs.delete_dest(director.key, &server(2, 1), director.now).unwrap();
    assert_eq!(director.send(1000, ACK), Verdict::Drop);
    assert!(matches!(director.send(1001, ACK), Verdict::Forward(_)));
    director.ipvs.add_dest(director.key, server(2, 1)).unwrap();
    assert!(matches!(director.send(1000, ACK), Verdict::Forward(_)));
    assert_eq!(director.counts(2), (1, 0, 0));
    director.ipvs.flush(director.now);
    director.wait(Span::from_secs(2000));
    assert!(director.ipvs.trash.is_empty());
}

#[test]
fn expire_nodest_conn_reschedules() {
    let mut director = Director::rr(&[1, 1]);
    director.ipvs.config.expire_nodest_conn = 1;
    assert_eq!(director.sequence(1), [2]);
    director.ipvs.delete_dest(director.key, &server(2, 1), director.now).unwrap();
    assert_eq!(director.send(1000, SYN).clone(), director.send(1000, SYN));
    director.wait(Span::ZERO);
    assert_eq!(director.states(), ["SYN_RECV"]);
    assert_eq!(director.counts(1), (1, 0, 0));
}

#[test]
fn a_port_used_again_is_scheduled_again() {
    let mut director = Director::rr(&[1, 1]);
    assert_eq!(director.open(1000), Some(2));
    // A connection in SYN_RECV keeps its server, alive or not.
    assert_eq!(director.open(1000), Some(2));
    director.answer(SocketAddrV4::new(VIP, 80), 1000, RST | ACK);
    assert_eq!(director.states(), ["CLOSE"]);
    assert_eq!(director.open(1000), Some(1));
    director.wait(Span::ZERO);
    assert_eq!(director.states(), ["SYN_RECV"]);
    assert_eq!((director.counts(1), director.counts(2)), ((1, 0, 0), (0, 0, 0)));
}

fn persistent(netmask: Ipv4Addr) -> ServiceOptions {
    let persistence = Some(Persistence { timeout: Span::from_secs(100) });
    ServiceOptions { persistence, netmask, ..ServiceOptions::default() }
}

#[test]
fn clients_come_back() {
    let mut director = Director::new("rr", persistent(Ipv4Addr::new(255, 255, 255, 0)), &[1, 1]);
    assert_eq!(director.sequence(3), [2, 2, 2]);
    assert_eq!(director.open_from(SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, 99), 1)), Some(2));
    assert_eq!(director.open_from(SocketAddrV4::new(Ipv4Addr::new(192, 168, 11, 5), 1)), Some(1));
    assert_eq!(director.counts(2), (4, 0, 1));
    // Weight 0 does not stop a template, unless it is told to.
    director.ipvs.edit_dest(director.key, server(2, 0)).unwrap();
    assert_eq!(director.open(2000), Some(2));
    director.ipvs.config.expire_quiescent_template = 1;
    assert_eq!(director.open(2001), Some(1));
}

#[test]
fn a_template_outlives_its_connections() {
    let mut director = Director::new("rr", persistent(Ipv4Addr::BROADCAST), &[1]);
    director.open(1000);
    director.send(1000, ACK);
    // The template's 100 seconds are over, but not the connection's 900: it is looked at every minute from then on.
    director.wait(Span::from_secs(899));
    assert_eq!(director.ipvs.connections().count(), 2);
    assert!(director.states().contains(&"ASSURED"));
    director.wait(Span::from_secs(61));
    assert_eq!((director.ipvs.connections().count(), director.counts(1)), (0, (0, 0, 0)));
}

#[test]
fn a_template_goes_with_the_last_connection_of_a_removed_server() {
    let mut director = Director::new("rr", persistent(Ipv4Addr::BROADCAST), &[1, 1]);
    let (gone, left) = (director.open(1000).unwrap(), director.open_from(SocketAddrV4::new(rip(9), 1)).unwrap());
    director.send(1000, ACK);
    director.ipvs.config.expire_nodest_conn = 1;
    director.ipvs.delete_dest(director.key, &server(gone, 1), director.now).unwrap();
    assert!(director.ipvs.connections().all(|conn| *conn.server().ip() == rip(left)));
    assert_eq!(director.ipvs.connections().count(), 2);
}

#[test]
fn each_datagram_by_itself() {
    let mut director = Director::rr(&[]);
    let key = ServiceKey::Address { protocol: proto::UDP, address: VIP, port: 53 };
    let options = ServiceOptions { one_packet: true, scheduler: "rr".to_owned(), ..ServiceOptions::default() };
    director.ipvs.add_service(key, options).unwrap();
    director.ipvs.add_dest(key, server(1, 1)).unwrap();
    director.ipvs.add_dest(key, server(2, 1)).unwrap();
    let (client, to) = (SocketAddrV4::new(CLIENT, 5000), SocketAddrV4::new(VIP, 53));
    let servers: Vec<_> = (0..4)
        .map(|_| {
            let bytes = datagram(proto::UDP, client, to, 0);
            let view = View::new(&bytes, 0, Hook::LocalIn, false).unwrap();
            let Verdict::Forward(forward) = director.ipvs.inbound(&view, director.now) else { panic!() };
            forward.server
        })
        .collect();
    assert_eq!(servers, [rip(2), rip(1), rip(2), rip(1)]);
    assert_eq!(director.ipvs.connections().count(), 0);
    director.ipvs.estimate(director.now + Span::from_secs(2));
    let (service, _) = director.ipvs.service(key).unwrap();
    assert_eq!((service.stats().counters().connections, service.stats().counters().in_packets), (4, 4));
}

#[test]
fn a_mark_has_its_own_service() {
    let mut director = Director::rr(&[1]);
    director.ipvs.add_service(ServiceKey::Mark(7), ServiceOptions::default()).unwrap();
    director.ipvs.add_dest(ServiceKey::Mark(7), DestOptions { port: 0, ..server(9, 1) }).unwrap();
    let bytes = datagram(proto::TCP, SocketAddrV4::new(CLIENT, 1), SocketAddrV4::new(VIP, 80), SYN);
    let server_of = |director: &mut Director, mark| {
        let view = View::new(&bytes, mark, Hook::LocalIn, false).unwrap();
        let verdict = director.ipvs.inbound(&view, director.now);
        director.ipvs.conns = Connections::new(0);
        let Verdict::Forward(forward) = verdict else { panic!() };
        (forward.server, forward.port)
    };
    assert_eq!(server_of(&mut director, 7), (rip(9), 80));
    assert_eq!(server_of(&mut director, 8), (rip(1), 80));
}

#[test]
fn errors_find_their_connection() {
    let mut director = Director::rr(&[1]);
    director.open(1000);
    // A router tells the client (by way of the director, which is the router) that the server is not there.
    let quote = datagram(proto::TCP, SocketAddrV4::new(CLIENT, 1000), SocketAddrV4::new(VIP, 80), SYN);
    let mut error = datagram(proto::ICMP, SocketAddrV4::new(rip(0), 0), SocketAddrV4::new(CLIENT, 0), 0)[..20].to_vec();
    error.extend_from_slice(&[3, 1, 0, 0, 0, 0, 0, 0]);
    error.extend_from_slice(&quote);
    error[3] = error.len() as u8;
    let view = View::new(&error, 0, Hook::LocalOut, true).unwrap();
    assert_eq!(director.ipvs.outbound(&view, director.now), Verdict::Pass { keeps_tracking: false });
    director.ipvs.estimate(director.now + Span::from_secs(2));
    assert_eq!(director.ipvs.total().counters().out_bytes, 68);
}

#[test]
fn any_view_of_any_bytes() {
    let mut director = Director::rr(&[1]);
    let whole = datagram(proto::TCP, SocketAddrV4::new(CLIENT, 1), SocketAddrV4::new(VIP, 80), SYN);
    for protocol in [proto::ICMP, proto::TCP, proto::UDP, proto::SCTP, proto::ESP] {
        for len in 0..whole.len() {
            let mut bytes = whole[..len].to_vec();
            if len > 9 {
                bytes[9] = protocol;
            }
            if let Some(view) = View::new(&bytes, 0, Hook::LocalIn, false) {
                director.ipvs.local(&view, director.now);
            }
        }
    }
}

/// An ICMP error of this type that quotes a datagram, with a right checksum.
fn error_about(from: Ipv4Addr, to: Ipv4Addr, icmp_type: u8, quote: &[u8]) -> Vec<u8> {
    let mut error = datagram(proto::ICMP, SocketAddrV4::new(from, 0), SocketAddrV4::new(to, 0), 0)[..20].to_vec();
    error.extend_from_slice(&[icmp_type, 1, 0, 0, 0, 0, 0, 0]);
    error.extend_from_slice(quote);
    let sum = crate::wire::checksum(&error[20..]);
    error[22..24].copy_from_slice(&sum.to_be_bytes());
    error[3] = error.len() as u8;
    error
}

#[test]
fn an_error_may_open_a_connection() {
    // The virtual address has sent something to a client; a router says that it got nowhere.
    let sent = datagram(proto::TCP, SocketAddrV4::new(VIP, 80), SocketAddrV4::new(CLIENT, 1000), ACK);
    let error = error_about(rip(0), VIP, 3, &sent[..28]);
    let view = View::new(&error, 0, Hook::LocalIn, false).unwrap();
    let mut director = Director::rr(&[1]);
    assert_eq!(director.ipvs.inbound(&view, director.now), Verdict::Accept);
    director.ipvs.config.schedule_icmp = 1;
    let Verdict::Forward(forward) = director.ipvs.inbound(&view, director.now) else { panic!() };
    assert_eq!((forward.server, forward.is_error), (rip(1), true));
    director.ipvs.estimate(director.now + Span::from_secs(2));
    assert_eq!((director.states(), director.ipvs.total().counters().connections), (vec!["NONE"], 1));
    // Without a server it ends here: nobody is told about an error.
    let mut director = Director::rr(&[]);
    director.ipvs.config.schedule_icmp = 1;
    assert_eq!(director.ipvs.inbound(&view, director.now), Verdict::Drop);
}

#[test]
fn a_damaged_error_is_not_translated() {
    let mut director = Director::rr(&[]);
    director.ipvs.add_dest(director.key, DestOptions { method: Method::Masquerade, ..server(1, 1) }).unwrap();
    director.open(1000);
    let sent = datagram(proto::TCP, SocketAddrV4::new(CLIENT, 1000), SocketAddrV4::new(rip(1), 80), SYN);
    let mut error = error_about(rip(0), CLIENT, 3, &sent);
    let view = View::new(&error, 0, Hook::Forward, false).unwrap();
    assert!(matches!(director.ipvs.forwarded(&view, director.now), Verdict::Reply(Reply { is_error: true, .. })));
    error[27] ^= 1;
    let view = View::new(&error, 0, Hook::Forward, false).unwrap();
    assert_eq!(director.ipvs.forwarded(&view, director.now), Verdict::Drop);
}

#[test]
fn a_header_that_is_cut_off_ends_here() {
    let mut director = Director::rr(&[1]);
    let whole = datagram(proto::TCP, SocketAddrV4::new(CLIENT, 1), SocketAddrV4::new(VIP, 80), SYN);
    let mut verdict = |protocol, len: usize| {
        let mut bytes = whole[..20 + len].to_vec();
        (bytes[3], bytes[9]) = (bytes.len() as u8, protocol);
        director.ipvs.inbound(&View::new(&bytes, 0, Hook::LocalIn, false).unwrap(), director.now)
    };
    for (protocol, needed) in [(proto::TCP, 20), (proto::UDP, 8), (proto::SCTP, 16), (proto::ICMP, 8)] {
        assert_eq!(verdict(protocol, needed - 1), Verdict::Drop, "{protocol}");
        assert_ne!(verdict(protocol, needed), Verdict::Drop, "{protocol}");
    }
    assert_eq!(verdict(proto::ESP, 0), Verdict::Accept);
}

#[test]
fn only_an_init_opens_an_association() {
    let mut director = Director::rr(&[]);
    let key = ServiceKey::Address { protocol: proto::SCTP, address: VIP, port: 80 };
    director.ipvs.add_service(key, ServiceOptions::default()).unwrap();
    director.ipvs.add_dest(key, server(1, 1)).unwrap();
    let mut opens = |port, chunk, sloppy| {
        director.ipvs.config.sloppy_sctp = sloppy;
        let mut bytes = datagram(proto::SCTP, SocketAddrV4::new(CLIENT, port), SocketAddrV4::new(VIP, 80), 0);
        bytes[32..36].copy_from_slice(&[chunk, 0, 0, 4]);
        let view = View::new(&bytes, 0, Hook::LocalIn, false).unwrap();
        matches!(director.ipvs.inbound(&view, director.now), Verdict::Forward(_))
    };
    assert!(opens(1, sctp::INIT, 0));
    assert!(!opens(2, 0, 0));
    assert!(opens(3, 0, 1));
    assert!(!opens(4, sctp::ABORT, 1));
    let states: std::collections::BTreeSet<_> = director.states().into_iter().collect();
    assert_eq!(states.into_iter().collect::<Vec<_>>(), ["ESTABLISHED", "INIT1"]);
}

#[test]
fn esp_follows_the_key_exchange() {
    let mut director = Director::rr(&[]);
    let key = ServiceKey::Address { protocol: proto::UDP, address: VIP, port: 500 };
    director.ipvs.add_service(key, ServiceOptions::default()).unwrap();
    director.ipvs.add_dest(key, DestOptions { port: 500, ..server(1, 1) }).unwrap();
    let mut verdict = |protocol| {
        let bytes = datagram(protocol, SocketAddrV4::new(CLIENT, 500), SocketAddrV4::new(VIP, 500), 0);
        director.ipvs.inbound(&View::new(&bytes, 0, Hook::LocalIn, false).unwrap(), director.now)
    };
    assert_eq!(verdict(proto::ESP), Verdict::Accept);
    assert!(matches!(verdict(proto::UDP), Verdict::Forward(_)));
    assert!(matches!(verdict(proto::ESP), Verdict::Forward(_)));
    assert!(matches!(verdict(proto::AH), Verdict::Forward(_)));
    assert_eq!(director.states(), ["UDP"]);
}

#[test]
fn a_backup_leaves_clients_alone() {
    let mut director = Director::rr(&[1]);
    director.ipvs.config.backup_only = 1;
    assert_eq!(director.open(1000), Some(1));
    let settings = sync::Settings::default();
    director.ipvs.start_daemon(sync::Role::Backup, settings, 1500, director.now).unwrap();
    assert_eq!(director.send(1001, SYN), Verdict::Accept);
}

#[test]
fn a_proxy_without_servers_is_bypassed() {
    let mut director = Director::rr(&[]);
    director.ipvs.add_service(ServiceKey::Mark(7), ServiceOptions::default()).unwrap();
    let far = SocketAddrV4::new(Ipv4Addr::new(9, 9, 9, 9), 80);
    let bytes = datagram(proto::TCP, SocketAddrV4::new(CLIENT, 1), far, SYN);
    let view = View { is_for_elsewhere: true, ..View::new(&bytes, 7, Hook::LocalIn, false).unwrap() };
    assert_eq!(director.ipvs.inbound(&view, director.now), Verdict::Unreachable);
    director.ipvs.config.cache_bypass = 1;
    let here = View { is_for_elsewhere: false, ..view };
    assert_eq!(director.ipvs.inbound(&here, director.now), Verdict::Unreachable);
    let Verdict::Forward(forward) = director.ipvs.inbound(&view, director.now) else { panic!() };
    assert_eq!((forward.method, director.states()), (Method::Bypass, vec!["SYN_RECV"]));
}

#[test]
fn answers_of_nobody_are_refused_if_told_so() {
    let mut director = Director::rr(&[]);
    director.ipvs.add_dest(director.key, DestOptions { method: Method::Masquerade, ..server(1, 1) }).unwrap();
    let real = SocketAddrV4::new(rip(1), 80);
    assert_eq!(director.answer(real, 1, ACK), Verdict::Accept);
    director.ipvs.config.nat_icmp_send = 1;
    assert_eq!(director.answer(real, 1, ACK), Verdict::Unreachable);
    assert_eq!(director.answer(real, 1, RST), Verdict::Accept);
    assert_eq!(director.answer(SocketAddrV4::new(rip(1), 81), 1, ACK), Verdict::Accept);
}

/// A SIP message of a call, as a datagram.
fn sip_message(from: SocketAddrV4, to: SocketAddrV4, call: &str) -> Vec<u8> {
    let text = format!("INVITE sip:bob@example.com SIP/2.0\r\nCall-ID: {call}\r\n\r\n");
    let mut bytes = datagram(proto::UDP, from, to, 0)[..28].to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes[3] = bytes.len() as u8;
    bytes
}

#[test]
fn calls_stay_together() {
    let mut director = Director::rr(&[]);
    let key = ServiceKey::Address { protocol: proto::UDP, address: VIP, port: 5060 };
    let options =
        ServiceOptions { engine: Some(Engine::Sip), scheduler: "rr".into(), ..persistent(Ipv4Addr::BROADCAST) };
    director.ipvs.add_service(key, options).unwrap();
    for n in [1, 2] {
        let options = DestOptions { method: Method::Masquerade, port: 5060, ..server(n, 1) };
        director.ipvs.add_dest(key, options).unwrap();
    }
    let virtual_address = SocketAddrV4::new(VIP, 5060);
    let send = |director: &mut Director, port, call: &str| {
        let bytes = sip_message(SocketAddrV4::new(CLIENT, port), virtual_address, call);
        let view = View::new(&bytes, 0, Hook::LocalIn, false).unwrap();
        match director.ipvs.inbound(&view, director.now) {
            Verdict::Forward(forward) => Some(forward.server),
            _ => None,
        }
    };
    assert_eq!(send(&mut director, 1, "one"), Some(rip(2)));
    assert_eq!(send(&mut director, 2, "two"), Some(rip(1)));
    assert_eq!(send(&mut director, 3, "one"), Some(rip(2)));
    assert_eq!(send(&mut director, 4, "@"), None);
    // A server calls: its answers come back to it, although it was another's turn.
    let peer = SocketAddrV4::new(CLIENT, 5060);
    let bytes = sip_message(SocketAddrV4::new(rip(2), 5060), peer, "three");
    let view = View::new(&bytes, 0, Hook::Forward, false).unwrap();
    let Verdict::Reply(reply) = director.ipvs.forwarded(&view, director.now) else { panic!() };
    assert_eq!((reply.address, reply.port), (VIP, 5060));
    assert_eq!(send(&mut director, 5060, "three"), Some(rip(2)));
    assert_eq!(send(&mut director, 5061, "three"), Some(rip(2)));
}

#[test]
fn what_no_server_can_be() {
    let mut director = Director::rr(&[1]);
    let mut add = |options| director.ipvs.add_dest(director.key, options);
    assert_eq!(add(server(1, 1)), Err(Error::DestinationExists));
    assert_eq!(add(server(2, -1)), Err(Error::OutOfRange));
    assert_eq!(add(DestOptions { lower_threshold: 2, upper_threshold: 1, ..server(2, 1) }), Err(Error::OutOfRange));
    assert_eq!(add(DestOptions { upper_threshold: 1 << 31, ..server(2, 1) }), Err(Error::Invalid));
    for address in [[0, 0, 0, 0], [0, 1, 2, 3], [224, 0, 0, 1], [255; 4]] {
        assert_eq!(add(DestOptions { address: address.into(), ..server(2, 1) }), Err(Error::Invalid));
    }
    let nobody = DestOptions { address: [224, 0, 0, 1].into(), ..server(2, 1) };
    assert_eq!(director.ipvs.edit_dest(director.key, nobody), Err(Error::NoDestination));
}

#[test]
fn a_removed_server_is_forgotten_after_two_idle_minutes() {
    let mut director = Director::rr(&[1]);
    director.open(1000);
    director.ipvs.estimate(director.now + Span::from_secs(2));
    director.ipvs.delete_dest(director.key, &server(1, 1), director.now).unwrap();
    // The connection ends at 60 s; it is seen to be idle at 60 or 120 s, and forgotten two minutes later.
    director.wait(Span::from_secs(119));
    director.ipvs.add_dest(director.key, server(1, 1)).unwrap();
    assert_eq!(director.ipvs.service(director.key).unwrap().1[0].stats().counters().connections, 1);
    director.ipvs.delete_dest(director.key, &server(1, 1), director.now).unwrap();
    director.wait(Span::from_secs(240));
    director.ipvs.add_dest(director.key, server(1, 1)).unwrap();
    assert_eq!(director.ipvs.service(director.key).unwrap().1[0].stats().counters().connections, 0);
}

#[test]
fn a_service_made_again_counts_anew() {
    let mut director = Director::rr(&[1]);
    director.open(1000);
    director.ipvs.estimate(director.now + Span::from_secs(2));
    let options = director.ipvs.service(director.key).unwrap().0.options().clone();
    director.ipvs.delete_service(director.key, director.now).unwrap();
    director.ipvs.add_service(director.key, options).unwrap();
    director.ipvs.add_dest(director.key, server(1, 1)).unwrap();
    assert_eq!(director.ipvs.service(director.key).unwrap().1[0].stats().counters().connections, 0);
    assert_eq!(director.counts(1), (1, 0, 0), "its connection is still there");
    assert!(matches!(director.send(1000, ACK), Verdict::Forward(_)));
}

#[test]
fn which_ended_connections_a_syn_opens_anew() {
    // In FIN_WAIT, in CLOSE.
    for (mode, expected) in [(0, [false, false]), (1, [false, true]), (2, [true, true]), (3, [true, true])] {
        let anew = [FIN | ACK, RST].map(|ending| {
            let mut director = Director::rr(&[1, 1]);
            director.ipvs.config.conn_reuse_mode = mode;
            let first = director.open(1000);
            director.send(1000, ACK);
            director.send(1000, ending);
            director.open(1000) != first
        });
        assert_eq!(anew, expected, "mode {mode}");
    }
}

#[test]
fn every_state_has_its_timeout() {
    let mut director = Director::rr(&[1]);
    let real = SocketAddrV4::new(VIP, 80);
    // What the client and the server send, the state after it, and how long it is kept then.
    type Case = (&'static [(bool, u8)], &'static str, u64);
    let cases: [Case; 9] = [
        (&[(false, SYN)], "SYN_RECV", 60),
        (&[(false, SYN), (false, ACK)], "ESTABLISHED", 900),
        (&[(false, SYN), (false, ACK), (false, FIN | ACK)], "FIN_WAIT", 120),
        (&[(false, SYN), (false, ACK), (false, RST)], "CLOSE", 10),
        (&[(false, SYN), (true, SYN | ACK), (false, ACK), (false, FIN | ACK)], "CLOSE_WAIT", 60),
        (&[(false, SYN), (true, SYN | ACK), (false, ACK), (true, FIN | ACK), (false, FIN | ACK)], "TIME_WAIT", 120),
        (&[(false, SYN), (true, RST | ACK)], "CLOSE", 10),
        (&[(false, SYN), (false, 0)], "CLOSE", 10),
        (&[(false, SYN), (true, SYN | ACK), (false, ACK), (true, FIN | ACK)], "FIN_WAIT", 120),
    ];
    for (n, (segments, state, seconds)) in cases.into_iter().enumerate() {
        let port = 1000 + n as u16;
        for (is_answer, flags) in segments {
            let verdict = if *is_answer { director.answer(real, port, *flags) } else { director.send(port, *flags) };
            assert!(matches!(verdict, Verdict::Forward(_) | Verdict::Pass { .. }), "case {n}");
        }
        assert_eq!(director.states(), [state], "case {n}");
        director.wait(Span::from_secs(seconds - 1));
        assert_eq!(director.states(), [state], "case {n}");
        director.wait(Span::from_secs(1));
        assert!(director.states().is_empty(), "case {n}");
    }
}
