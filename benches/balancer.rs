//! The balancer by itself: what a pick, a look-up and a connection cost.

use std::net::Ipv4Addr;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use lvslab::ipvs::{DestOptions, Hook, Ipvs, Method, ServiceKey, ServiceOptions, Tunnel, Verdict, View, scheduler};
use lvslab::time::{Span, Time};
use lvslab::wire::proto;

fn main() {
    println!("{} bytes a connection, beside its place in the table", size_of::<lvslab::ipvs::Conn>());
    divan::main();
}

const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const KEY: ServiceKey = ServiceKey::Address { protocol: proto::UDP, address: VIP, port: 53 };

/// A director with so many servers. With one-packet scheduling a datagram costs a pick, and leaves nothing behind.
fn director(name: &str, servers: u32, one_packet: bool) -> Ipvs {
    let mut ipvs = Ipvs::new(1, Time::ZERO);
    let options = ServiceOptions { scheduler: name.to_owned(), one_packet, ..ServiceOptions::default() };
    ipvs.add_service(KEY, options).expect("a scheduler of this name exists");
    for n in 0..servers {
        let options = DestOptions {
            address: Ipv4Addr::from_bits(0x0a01_0001 + n),
            port: 53,
            method: Method::Route,
            tunnel: Tunnel::Ipip,
            weight: 1 + n as i32 % 5,
            upper_threshold: 0,
            lower_threshold: 0,
        };
        ipvs.add_dest(KEY, options).expect("servers have different addresses");
    }
    ipvs
}

/// A client's datagram goes in.
fn ask(ipvs: &mut Ipvs, client: u32, now: Time) -> Verdict {
    let mut datagram = [0; 28];
    (datagram[0], datagram[3], datagram[9]) = (0x45, 28, proto::UDP);
    datagram[12..16].copy_from_slice(&(0x1400_0000 + client / 50_000).to_be_bytes());
    datagram[16..20].copy_from_slice(&VIP.octets());
    datagram[20..22].copy_from_slice(&((client % 50_000 + 1024) as u16).to_be_bytes());
    datagram[23] = 53;
    let view = View::new(&datagram, 0, Hook::LocalIn, false).expect("it has a header");
    ipvs.inbound(&view, now)
}

/// A pick, with the look-up before it that finds nothing.
#[divan::bench(args = scheduler::NAMES, consts = [4, 64, 1024])]
fn pick<const SERVERS: u32>(bencher: Bencher<'_, '_>, name: &str) {
    let mut ipvs = director(name, SERVERS, true);
    let mut client = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        client = (client + 1) % 1_000_000;
        black_box(ask(&mut ipvs, client, Time::ZERO))
    });
}

const CONNECTIONS: u32 = 1_000_000;

/// A packet of one of a million connections.
#[divan::bench]
fn look_up(bencher: Bencher<'_, '_>) {
    let mut ipvs = director("rr", 16, false);
    for client in 0..CONNECTIONS {
        ask(&mut ipvs, client, Time::ZERO);
    }
    let mut client = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        // A step that is prime to the number visits all of them, in no order that a cache knows.
        client = (client + 611_953) % CONNECTIONS;
        black_box(ask(&mut ipvs, client, Time::ZERO + Span::from_secs(1)))
    });
}
