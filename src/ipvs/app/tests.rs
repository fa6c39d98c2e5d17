//! FTP through a director without a machine around it.

use std::net::Ipv4Addr;

use super::*;
use crate::ipvs::tcp::flags::{ACK, SYN};
use crate::ipvs::tests::{CLIENT, VIP, datagram, rip, server};
use crate::ipvs::{DestOptions, Hook, Method, ServiceKey, ServiceOptions, Verdict};
use crate::time::Span;

const CONTROL: SocketAddrV4 = SocketAddrV4::new(VIP, 21);
const USER: SocketAddrV4 = SocketAddrV4::new(CLIENT, 1000);

struct Director {
    ipvs: Ipvs,
    now: Time,
}

/// A segment with this sequence number and data.
fn segment(from: SocketAddrV4, to: SocketAddrV4, flags: u8, sequence: u32, data: &str) -> Vec<u8> {
    let mut bytes = datagram(proto::TCP, from, to, flags);
    bytes[24..28].copy_from_slice(&sequence.to_be_bytes());
    bytes[32] = 0x50;
    bytes.extend_from_slice(data.as_bytes());
    let len = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes
}

impl Director {
    fn new(service_port: u16, helped: &[u16], method: Method) -> Director {
        let mut ipvs = Ipvs::new(1, Time::ZERO);
        let key = ServiceKey::Address { protocol: proto::TCP, address: VIP, port: service_port };
        let options = ServiceOptions { scheduler: "rr".to_owned(), ..ServiceOptions::default() };
        ipvs.add_service(key, options).unwrap();
        ipvs.add_dest(key, DestOptions { method, port: service_port, ..server(1, 1) }).unwrap();
        assert!(ipvs.load_ftp(helped));
        Director { ipvs, now: Time::ZERO }
    }

    fn show(&mut self, bytes: &[u8], hook: Hook) -> Verdict {
        let view = View::new(bytes, 0, hook, false).unwrap();
        match hook {
            Hook::Forward => self.ipvs.outbound(&view, self.now),
            _ => self.ipvs.inbound(&view, self.now),
        }
    }

    fn ask(&mut self, to: SocketAddrV4, line: &str) -> Verdict {
        self.show(&segment(USER, to, ACK, 1, line), Hook::LocalIn)
    }

    fn answer(&mut self, port: u16, sequence: u32, line: &str) -> Verdict {
        self.show(&segment(SocketAddrV4::new(rip(1), port), USER, ACK, sequence, line), Hook::Forward)
    }

    /// A control connection that stands.
    fn opened(service_port: u16, helped: &[u16]) -> Director {
        let mut director = Director::new(service_port, helped, Method::Masquerade);
        let to = SocketAddrV4::new(VIP, service_port);
        director.show(&segment(USER, to, SYN, 0, ""), Hook::LocalIn);
        director.answer(service_port, 999, "");
        director.ask(to, "");
        director
    }

    fn listed(&self) -> Vec<String> {
        let line =
            |conn: &Conn| format!("{} {} {} {}", conn.client, conn.virtual_address, conn.server, conn.state.name());
        let mut lines: Vec<_> = self.ipvs.connections().map(line).collect();
        lines.sort();
        lines
    }
}

fn edit(verdict: Verdict) -> Option<Edit> {
    match verdict {
        Verdict::Reply(reply) => reply.edit.map(|edit| *edit),
        Verdict::Forward(forward) => forward.edit.map(|edit| *edit),
        other => panic!("{other:?}"),
    }
}

#[test]
fn passive_connections_are_announced_with_the_virtual_address() {
    let mut director = Director::opened(21, &[21]);
    assert_eq!(edit(director.ask(CONTROL, "PASV\r\n")), None);
    let line = "227 Entering Passive Mode (10,0,0,11,117,69).\r\n";
    let edited = edit(director.answer(21, 1000, line)).unwrap();
    let rewrite = edited.rewrite.unwrap();
    assert_eq!((&line[rewrite.place], rewrite.text.as_str()), ("10,0,0,11,117,69", "192,168,10,100,117,69"));
    // Five bytes more: what follows is numbered accordingly, in both directions.
    let numbers = edit(director.answer(21, 1047, "150 Here\r\n")).unwrap().numbers;
    assert_eq!((numbers.sequence(1000), numbers.sequence(1047)), (1000, 1052));
    assert_eq!(edit(director.ask(CONTROL, "")).unwrap().numbers.acknowledgement(1052), 1047);
    assert_eq!(director.listed()[0], "192.168.10.5:0 192.168.10.100:30021 10.0.0.11:30021 LISTEN");
    // Whatever port it comes from, the data connection goes to the same server.
    let data = SocketAddrV4::new(VIP, 30021);
    let opening = segment(SocketAddrV4::new(CLIENT, 2000), data, SYN, 0, "");
    let Verdict::Forward(forward) = director.show(&opening, Hook::LocalIn) else { panic!() };
    assert_eq!((forward.server, forward.port), (rip(1), 30021));
    assert_eq!(director.listed()[1], "192.168.10.5:2000 192.168.10.100:30021 10.0.0.11:30021 SYN_RECV");
    // Another one is not expected.
    let other = segment(SocketAddrV4::new(CLIENT, 2001), data, SYN, 0, "");
    assert_eq!(director.show(&other, Hook::LocalIn), Verdict::Accept);
}

#[test]
fn extended_passive_connections_keep_their_port() {
    let mut director = Director::opened(21, &[21]);
    director.ask(CONTROL, "EPSV\r\n");
    let edited = edit(director.answer(21, 1000, "229 Extended (|||30021|)\r\n")).unwrap();
    assert_eq!(edited.rewrite.unwrap().text, "|||30021|");
    assert_eq!(edit(director.answer(21, 1030, "150 Here\r\n")), None);
}

#[test]
fn active_connections_come_from_the_virtual_address() {
    let mut director = Director::opened(21, &[21]);
    assert_eq!(edit(director.ask(CONTROL, "PORT 192,168,10,5,137,1\r\n")), None);
    assert_eq!(director.listed()[1], "192.168.10.5:35073 192.168.10.100:20 10.0.0.11:20 LISTEN");
    let from = SocketAddrV4::new(rip(1), 20);
    let opening = segment(from, SocketAddrV4::new(CLIENT, 35073), SYN, 0, "");
    let Verdict::Reply(reply) = director.show(&opening, Hook::Forward) else { panic!() };
    assert_eq!((reply.address, reply.port), (VIP, 20));
}

#[test]
fn what_cannot_be_rewritten_is_lost_once() {
    let mut director = Director::opened(2121, &[2121]);
    let line = "227 Passive (10,0,0,11,117,69).\r\n";
    director.ask(SocketAddrV4::new(VIP, 2121), "PASV\r\n");
    assert_eq!(director.answer(2121, 1000, line), Verdict::Drop);
    // The helper does not expect it any more.
    assert_eq!(edit(director.answer(2121, 1000, line)), None);
    assert_eq!(director.listed()[0], "192.168.10.5:0 192.168.10.100:30021 10.0.0.11:30021 LISTEN");
}

#[test]
fn only_masquerading_is_helped_and_only_at_its_ports() {
    let mut director = Director::new(21, &[21], Method::Route);
    director.show(&segment(USER, CONTROL, SYN, 0, ""), Hook::LocalIn);
    assert_eq!(director.ipvs.apps().collect::<Vec<_>>(), [(21, 0)]);
    let mut director = Director::opened(21, &[2121, 2122]);
    director.ask(CONTROL, "PORT 192,168,10,5,137,1\r\n");
    assert_eq!(director.listed().len(), 1);
    assert_eq!(director.ipvs.apps().collect::<Vec<_>>(), [(2122, 0), (2121, 0)]);
}

#[test]
fn a_helper_in_use_stays() {
    let mut director = Director::opened(21, &[21]);
    assert!(!director.ipvs.unload_ftp());
    director.now += Span::from_secs(1000);
    director.ipvs.expire(director.now);
    assert!(director.ipvs.unload_ftp() && !director.ipvs.has_ftp());
    assert!(!director.ipvs.load_ftp(&[21, 21]));
}

#[test]
fn the_control_connection_outlives_what_it_has_announced() {
    let mut director = Director::opened(21, &[21]);
    director.ask(CONTROL, "PORT 192,168,10,5,137,1\r\n");
    for _ in 0..30 {
        director.now += Span::from_secs(100);
        let data = segment(SocketAddrV4::new(rip(1), 20), SocketAddrV4::new(CLIENT, 35073), ACK, 1, "x");
        assert!(matches!(director.show(&data, Hook::Forward), Verdict::Reply(_)));
        director.ipvs.expire(director.now);
    }
    assert_eq!(director.listed().len(), 2);
    for wait in [1000, 60] {
        director.now += Span::from_secs(wait);
        director.ipvs.expire(director.now);
    }
    assert_eq!(director.listed(), Vec::<String>::new());
}

#[test]
fn addresses_of_others_are_taken_at_their_word() {
    let mut director = Director::opened(21, &[21]);
    director.ask(CONTROL, "PORT 10,9,9,9,137,1\r\n");
    let other = Ipv4Addr::new(10, 9, 9, 9);
    assert!(director.ipvs.connections().any(|conn| *conn.client.ip() == other));
}
