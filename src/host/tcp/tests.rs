//! Two hosts' TCP, connected by a cable that loses what a test wants lost.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use super::segment::{Flags, Segment};
use super::table::Surroundings;
use super::{State, Tcp};
use crate::host::interface::IfIndex;
use crate::host::process::Scheduler;
use crate::host::socket::{Bind, Errno, SocketId};
use crate::host::timer::{Timer, Timers};
use crate::random;
use crate::sim::Outbox;
use crate::time::{Span, Time};

const ETH0: IfIndex = IfIndex(2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 200);
const WEB: SocketAddrV4 = SocketAddrV4::new(SERVER, 80);
/// From one end of the cable to the other.
const DELAY: Span = Span::from_micros(100);

struct End {
    tcp: Tcp,
    timers: Timers,
    scheduler: Scheduler,
    notes: Outbox,
}

impl End {
    fn new(name: &str) -> End {
        End {
            tcp: Tcp::new(random::stream(7, "tcp", name)),
            timers: Timers::default(),
            scheduler: Scheduler::default(),
            notes: Outbox::default(),
        }
    }
}

/// Decides about the n-th segment on the cable: its delay, or none if it is lost.
type Cable = Box<dyn FnMut(usize, &str) -> Option<Span>>;

struct Pair {
    ends: [End; 2],
    now: Time,
    cable: Cable,
    flying: Vec<(Time, usize, usize, Vec<u8>)>,
    sent: usize,
    /// What was on the cable, a line a segment.
    log: Vec<String>,
}

const C: usize = 0;
const S: usize = 1;

impl Pair {
    fn new() -> Pair {
        Pair::over(|_, _| Some(DELAY))
    }

    fn over(cable: impl FnMut(usize, &str) -> Option<Span> + 'static) -> Pair {
        Pair {
            ends: [End::new("client"), End::new("server")],
            now: Time::from_nanos(1_000_000_000),
            cable: Box::new(cable),
            flying: Vec::new(),
            sent: 0,
            log: Vec::new(),
        }
    }

    fn at<R>(&mut self, end: usize, act: impl FnOnce(&mut Tcp, &mut Surroundings<'_>) -> R) -> R {
        let End { tcp, timers, scheduler, notes } = &mut self.ends[end];
        let result = act(tcp, &mut Surroundings { now: self.now, timers, scheduler, notes });
        self.collect(end);
        result
    }

    /// Puts on the cable what an end has made.
    fn collect(&mut self, end: usize) {
        let outgoing = std::mem::take(&mut self.ends[end].tcp.outgoing);
        for segment in outgoing.segments {
            let bytes = outgoing.bytes[segment.bytes].to_vec();
            let parsed = Segment::parse(&bytes, segment.source, segment.destination).expect("what is sent is sound");
            let what = describe(end, &parsed);
            let fate = (self.cable)(self.sent, &what);
            self.log.push(format!("{}{what}", if fate.is_none() { "lost: " } else { "" }));
            self.sent += 1;
            if let Some(delay) = fate {
                self.flying.push((self.now + delay, self.sent, 1 - end, bytes));
            }
        }
    }

    /// Lets the next thing happen, if it happens before `until`.
    fn step(&mut self, until: Time) -> bool {
        let landing = self.flying.iter().map(|(at, ..)| *at).min();
        let timer = self.ends.iter().filter_map(|end| end.timers.next()).min();
        let Some(next) = landing.into_iter().chain(timer).min().filter(|&next| next <= until) else { return false };
        self.now = next;
        if landing == Some(next) {
            let first = (0..self.flying.len()).min_by_key(|&i| (self.flying[i].0, self.flying[i].1)).unwrap();
            let (_, _, end, bytes) = self.flying.remove(first);
            let (source, destination) = if end == S { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
            let segment = Segment::parse(&bytes, source, destination).unwrap();
            self.at(end, |tcp, around| tcp.receive(&segment, ETH0, Some(1500), around));
        } else {
            for end in [C, S] {
                while let Some(Timer::Tcp(id)) = self.ends[end].timers.pop_due(next) {
                    self.at(end, |tcp, around| tcp.expire(id, around));
                }
            }
        }
        true
    }

    fn run_for(&mut self, span: Span) {
        let until = self.now + span;
        while self.step(until) {}
        self.now = until;
    }

    /// Lets the network come to rest, timers aside.
    fn settle(&mut self) {
        self.run_for(Span::from_millis(50));
    }

    fn listen(&mut self, backlog: u32) -> SocketId {
        self.at(S, |tcp, _| tcp.listen(Bind::port(80), backlog)).unwrap()
    }

    fn connect(&mut self, port: u16) -> Result<SocketId, Errno> {
        self.at(C, |tcp, around| tcp.connect(Bind::port(port), CLIENT, WEB, 1500, around))
    }

    fn accept(&mut self, listener: SocketId) -> Result<SocketId, Errno> {
        self.at(S, |tcp, _| tcp.accept(listener)).map(|(id, _)| id)
    }

    fn write(&mut self, end: usize, id: SocketId, bytes: &[u8]) -> Result<usize, Errno> {
        self.at(end, |tcp, around| tcp.with_connection(id, around, |it, cx| it.write(bytes, cx))).unwrap()
    }

    fn read(&mut self, end: usize, id: SocketId) -> Result<Vec<u8>, Errno> {
        self.at(end, |tcp, around| tcp.with_connection(id, around, |it, cx| it.read(65536, cx))).unwrap()
    }

    fn shutdown(&mut self, end: usize, id: SocketId) {
        self.at(end, |tcp, around| tcp.with_connection(id, around, |it, cx| it.shutdown(cx))).unwrap().unwrap();
    }

    fn close(&mut self, end: usize, id: SocketId) {
        self.at(end, |tcp, around| tcp.close(id, around));
    }

    fn state(&mut self, end: usize, id: SocketId) -> State {
        self.ends[end].tcp.connection(id).map_or(State::Closed, |it| it.state)
    }

    fn error(&mut self, end: usize, id: SocketId) -> Option<Errno> {
        self.ends[end].tcp.connection(id).and_then(|it| it.error)
    }

    /// An established connection: the client's socket, the server's, the listening one.
    fn established(&mut self) -> (SocketId, SocketId, SocketId) {
        let listener = self.listen(128);
        let client = self.connect(40001).unwrap();
        self.settle();
        let server = self.accept(listener).unwrap();
        (client, server, listener)
    }

    /// What was on the cable since the last call.
    fn seen(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }

    fn sockets(&self, end: usize) -> usize {
        self.ends[end].tcp.sockets.len()
    }
}

fn describe(end: usize, segment: &Segment<'_>) -> String {
    let names =
        [(Flags::SYN, "SYN"), (Flags::FIN, "FIN"), (Flags::RST, "RST"), (Flags::PSH, "PSH"), (Flags::ACK, "ACK")];
    let flags: Vec<_> = names.iter().filter(|(flag, _)| segment.has(*flag)).map(|(_, name)| *name).collect();
    let data = if segment.len() > 0 { format!(" {} bytes", segment.len()) } else { String::new() };
    let sack = if segment.options.sack.is_empty() { String::new() } else { " sack".to_owned() };
    format!("{} {}{data}{sack} win {}", [">", "<"][end], flags.join("+"), segment.window)
}

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// One `get` from one `httpd`, whose programs act as soon as they can.
fn get(pair: &mut Pair, listener: SocketId, port: u16) -> Vec<u8> {
    let client = pair.connect(port).unwrap();
    pair.settle();
    let server = pair.accept(listener).unwrap();
    pair.write(C, client, REQUEST).unwrap();
    pair.run_for(DELAY);
    assert_eq!(pair.read(S, server).unwrap(), REQUEST);
    pair.write(S, server, &[b'x'; 42]).unwrap();
    pair.close(S, server);
    pair.run_for(DELAY);
    let answer = pair.read(C, client).unwrap();
    assert_eq!(pair.read(C, client), Ok(Vec::new()));
    pair.close(C, client);
    pair.settle();
    answer
}

/// cases/dr-rr, client-eth0.pcap
#[test]
fn a_request_and_its_answer_take_ten_segments() {
    let mut pair = Pair::new();
    let listener = pair.listen(512);
    assert_eq!(get(&mut pair, listener, 40001).len(), 42);
    insta::assert_snapshot!(pair.seen(), @"
    > SYN win 64240
    < SYN+ACK win 65160
    > ACK win 502
    > PSH+ACK 18 bytes win 502
    < ACK win 509
    < PSH+ACK 42 bytes win 509
    < FIN+ACK win 509
    > ACK win 502
    > FIN+ACK win 502
    < ACK win 509
    ");
    // Who closes first waits, the other is done.
    assert_eq!((pair.sockets(C), pair.sockets(S)), (0, 2));
    pair.run_for(Span::from_secs(61));
    assert_eq!(pair.sockets(S), 1);
}

#[test]
fn a_newer_syn_takes_over_from_time_wait() {
    let mut pair = Pair::new();
    let listener = pair.listen(512);
    for _ in 0..3 {
        assert_eq!(get(&mut pair, listener, 40001).len(), 42);
    }
    assert_eq!(pair.sockets(S), 2);
}

#[test]
fn a_closed_port_refuses() {
    let mut pair = Pair::new();
    let client = pair.connect(40001).unwrap();
    pair.settle();
    assert_eq!(pair.error(C, client), Some(Errno::ConnectionRefused));
    insta::assert_snapshot!(pair.seen(), @"
    > SYN win 64240
    < RST+ACK win 0
    ");
}

#[test]
fn nobody_there_is_found_out_after_two_minutes() {
    let mut pair = Pair::over(|_, _| None);
    let began = pair.now;
    let client = pair.connect(40001).unwrap();
    let mut sent = Vec::new();
    while pair.step(began + Span::from_secs(200)) {
        sent.push(pair.now.since(began).as_secs());
    }
    assert_eq!(sent, [1, 3, 7, 15, 31, 63, 127]);
    assert_eq!(pair.sent, 7);
    assert_eq!(pair.error(C, client), Some(Errno::TimedOut));
}

#[test]
fn an_unanswered_syn_ack_is_repeated_five_times() {
    let mut pair = Pair::over(|n, _| (n == 0).then_some(DELAY));
    pair.listen(1);
    let client = pair.connect(40001).unwrap();
    pair.run_for(Span::from_millis(900));
    pair.close(C, client);
    let began = pair.now;
    pair.run_for(Span::from_secs(70));
    assert_eq!(pair.log.iter().filter(|line| line.contains("SYN+ACK")).count(), 6);
    assert_eq!(pair.sockets(S), 1, "the request is gone at {:?}", pair.now.since(began));
}

#[test]
fn the_backlog_and_one_more_may_wait() {
    let mut pair = Pair::new();
    let listener = pair.listen(1);
    for port in 40001..=40003 {
        pair.connect(port).unwrap();
        pair.settle();
    }
    assert_eq!(pair.ends[S].tcp.counters.listen_overflows, 1);
    pair.accept(listener).unwrap();
    pair.run_for(Span::from_secs(2));
    assert_eq!(pair.ends[S].tcp.counters.passive_opens, 3, "the SYN came again when there was room");
}

#[test]
fn closing_without_reading_is_a_reset() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    pair.write(C, client, REQUEST).unwrap();
    pair.settle();
    pair.close(S, server);
    pair.settle();
    insta::assert_snapshot!(pair.log.pop().unwrap(), @"< RST+ACK win 509");
    assert_eq!(pair.read(C, client), Err(Errno::ConnectionReset));
    assert_eq!(pair.read(C, client), Ok(Vec::new()));
    assert_eq!(pair.write(C, client, b"x"), Err(Errno::BrokenPipe));
}

#[test]
fn data_for_a_closed_socket_is_answered_by_a_reset() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    pair.close(S, server);
    pair.settle();
    pair.seen();
    pair.write(C, client, REQUEST).unwrap();
    pair.settle();
    insta::assert_snapshot!(pair.seen(), @"
    > PSH+ACK 18 bytes win 502
    < RST win 0
    ");
    assert_eq!(pair.error(C, client), Some(Errno::BrokenPipe));
}

#[test]
fn half_closed_the_other_half_still_works() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    pair.write(C, client, b"question").unwrap();
    pair.shutdown(C, client);
    pair.settle();
    assert_eq!(pair.read(S, server).unwrap(), b"question");
    assert_eq!(pair.read(S, server).unwrap(), b"");
    assert_eq!(pair.state(C, client), State::FinWait2);
    pair.write(S, server, b"answer").unwrap();
    pair.close(S, server);
    pair.settle();
    assert_eq!(pair.read(C, client).unwrap(), b"answer");
    assert_eq!(pair.read(C, client).unwrap(), b"");
    assert_eq!(pair.write(C, client, b"x"), Err(Errno::BrokenPipe));
    pair.close(C, client);
    assert_eq!(pair.sockets(C), 1, "TIME_WAIT remains");
}

#[test]
fn both_may_close_at_once() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    pair.close(C, client);
    pair.close(S, server);
    pair.settle();
    assert_eq!((pair.sockets(C), pair.sockets(S)), (1, 2));
    pair.run_for(Span::from_secs(61));
    assert_eq!((pair.sockets(C), pair.sockets(S)), (0, 1));
}

#[test]
fn an_orphan_in_fin_wait_2_leaves_after_a_minute() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    pair.close(C, client);
    pair.run_for(Span::from_secs(59));
    assert_eq!((pair.sockets(C), pair.state(S, server)), (1, State::CloseWait));
    pair.run_for(Span::from_secs(2));
    assert_eq!(pair.sockets(C), 0);
    pair.close(S, server);
    pair.settle();
    assert!(pair.seen().ends_with("> RST win 0"), "the late FIN finds nobody");
}

#[test]
fn a_fin_is_acknowledged_late_if_the_program_does_not_close() {
    let mut pair = Pair::new();
    let (client, _, _) = pair.established();
    pair.seen();
    let began = pair.now;
    pair.shutdown(C, client);
    while pair.state(C, client) == State::FinWait1 {
        assert!(pair.step(began + Span::from_secs(1)));
    }
    assert_eq!(pair.now.since(began).as_millis(), 40);
}

#[test]
fn a_lost_segment_is_repaired_without_a_timeout() {
    let mut pair = Pair::over(|n, _| (n != 6).then_some(DELAY));
    let (client, server, _) = pair.established();
    pair.write(C, client, &[7; 14_480]).unwrap();
    pair.settle();
    assert_eq!(pair.read(S, server).unwrap().len(), 14_480);
    let counters = &pair.ends[C].tcp.counters;
    assert_eq!((counters.sack_recoveries, counters.retransmitted, counters.timeouts), (1, 1, 0));
}

#[test]
fn a_lost_tail_is_probed_before_the_timeout() {
    let mut pair = Pair::over(|n, _| (n != 12).then_some(DELAY));
    let (client, server, _) = pair.established();
    pair.write(C, client, &[7; 14_480]).unwrap();
    pair.run_for(Span::from_millis(300));
    assert_eq!(pair.read(S, server).unwrap().len(), 14_480);
    let counters = &pair.ends[C].tcp.counters;
    assert_eq!((counters.loss_probes, counters.timeouts), (1, 0));
}

#[test]
fn a_closed_window_is_probed_until_it_opens() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    let mut written = 0;
    for _ in 0..50 {
        written += pair.write(C, client, &[7; 10_000]).unwrap_or(0);
        pair.settle();
    }
    assert_eq!(pair.ends[C].tcp.connection(client).unwrap().send.window, 0);
    pair.run_for(Span::from_secs(2));
    pair.seen();
    pair.run_for(Span::from_secs(10));
    let probes = pair.log.iter().filter(|line| line.starts_with("> ACK")).count();
    assert!((2..10).contains(&probes), "{probes}: with back-off, although each is answered");
    let mut read = 0;
    for _ in 0..40 {
        read += pair.read(S, server).map_or(0, |bytes| bytes.len());
        pair.settle();
    }
    assert_eq!(read, written);
}

#[test]
fn silence_ends_a_connection_after_a_quarter_of_an_hour() {
    let mut pair = Pair::over(|n, _| (n < 3).then_some(DELAY));
    let (client, _, _) = pair.established();
    pair.write(C, client, b"anybody?").unwrap();
    pair.run_for(Span::from_secs(900));
    assert_eq!(pair.error(C, client), None);
    pair.run_for(Span::from_secs(200));
    assert_eq!(pair.error(C, client), Some(Errno::TimedOut));
}

#[test]
fn a_reset_must_have_the_exact_number() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.established();
    pair.seen();
    let forged = |pair: &mut Pair, off: u32| {
        let it = pair.ends[S].tcp.connection(server).unwrap();
        let (tuple, seq) = (it.tuple, it.send.nxt + off);
        let header = super::segment::Header { seq, flags: Flags::RST, ..Default::default() };
        let mut bytes = Vec::new();
        super::segment::write(&mut bytes, &tuple, &header, (&[], &[]));
        pair.flying.push((pair.now, 0, C, bytes));
        pair.settle();
    };
    forged(&mut pair, 1000);
    insta::assert_snapshot!(pair.seen(), @"> ACK win 502");
    assert_eq!(pair.error(C, client), None);
    forged(&mut pair, 0);
    assert_eq!(pair.error(C, client), Some(Errno::ConnectionReset));
}

#[test]
fn a_port_is_not_taken_twice() {
    let mut pair = Pair::new();
    let listener = pair.listen(8);
    assert_eq!(pair.at(S, |tcp, _| tcp.listen(Bind::port(80), 8)), Err(Errno::AddressInUse));
    pair.close(S, listener);
    assert!(pair.at(S, |tcp, _| tcp.listen(Bind::port(80), 8)).is_ok());
    pair.connect(40001).unwrap();
    assert_eq!(pair.connect(40001), Err(Errno::AddressNotAvailable));
}

#[test]
fn chosen_ports_differ_and_repeat_with_the_seed() {
    let ports = || -> Vec<u16> {
        let mut pair = Pair::new();
        pair.listen(100);
        let mut port = |_| {
            let id = pair.at(C, |tcp, around| tcp.connect(Bind::ANY, CLIENT, WEB, 1500, around)).unwrap();
            pair.ends[C].tcp.connection(id).unwrap().tuple.local_port
        };
        (0..20).map(&mut port).collect()
    };
    let mut once = ports();
    assert_eq!(once, ports());
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 20);
    assert!(once.iter().all(|port| (50000..=60999).contains(port)));
}

/// cases/tun-mtu, client-eth0.pcap: what a tunnel has no room for is cut and sent again at once.
#[test]
fn too_big_segments_are_cut_when_a_router_says_so() {
    let mut pair = Pair::over(|_, what| (!what.contains(" 1448 ")).then_some(DELAY));
    let (client, server, _) = pair.established();
    pair.write(C, client, &[7; 6000]).unwrap();
    pair.at(C, |tcp, around| {
        let it = tcp.connection(client).unwrap();
        let (tuple, seq) = (it.tuple, it.send.una);
        tcp.icmp_error(&tuple, seq, (3, 4, 1480), around);
        tcp.icmp_error(&tuple, seq + 1_000_000, (3, 4, 600), around);
    });
    pair.settle();
    assert_eq!(pair.read(S, server).unwrap().len(), 6000);
    let counters = &pair.ends[C].tcp.counters;
    assert_eq!((counters.retransmitted, counters.timeouts, counters.foreign_errors), (8, 0, 1));
}

#[test]
fn an_unreachable_port_refuses_and_a_dead_route_is_waited_for() {
    let mut pair = Pair::over(|n, _| (n == 1).then_some(DELAY));
    let refused = pair.connect(40001).unwrap();
    let tell = |pair: &mut Pair, id: SocketId, code: u8| {
        let it = pair.ends[C].tcp.connection(id).unwrap();
        let (tuple, seq) = (it.tuple, it.send.una);
        pair.at(C, |tcp, around| tcp.icmp_error(&tuple, seq, (3, code, 0), around));
    };
    tell(&mut pair, refused, 3);
    assert_eq!(pair.error(C, refused), Some(Errno::ConnectionRefused));

    let mut pair = Pair::over(|n, _| (n < 3).then_some(DELAY));
    let (client, _, _) = pair.established();
    pair.write(C, client, b"anybody?").unwrap();
    tell(&mut pair, client, 1);
    assert_eq!(pair.error(C, client), None);
    pair.run_for(Span::from_secs(1200));
    assert_eq!(pair.error(C, client), Some(Errno::HostUnreachable));
}

#[test]
fn sockets_are_small() {
    use super::{connection::Connection, request::Request, table::Entry, timewait::TimeWait};
    let sizes = [size_of::<Entry>(), size_of::<Connection>(), size_of::<Request>(), size_of::<TimeWait>()];
    let limits = [32, 800, 160, 128];
    assert!(sizes.iter().zip(limits).all(|(size, limit)| *size <= limit), "{sizes:?}");
}

#[test]
fn a_lost_last_acknowledgement_is_repeated_for_every_fin() {
    let mut pair = Pair::over(|n, _| (!(6..=7).contains(&n)).then_some(DELAY));
    let (client, server, _) = pair.established();
    pair.close(S, server);
    pair.settle();
    pair.close(C, client);
    pair.run_for(Span::from_secs(2));
    assert_eq!((pair.sockets(C), pair.sockets(S)), (0, 2), "{:#?}", pair.log);
}

/// Sends `amount` bytes from the client to the server, which reads `appetite` times as they come, and closes.
fn transfer(pair: &mut Pair, amount: usize) -> Result<Vec<u8>, Errno> {
    let data: Vec<u8> = (0..amount).map(|i| (i * 7 % 251) as u8).collect();
    let listener = pair.listen(128);
    let client = pair.connect(40001).unwrap();
    let (mut server, mut written, mut received) = (None, 0, Vec::new());
    let limit = pair.now + Span::from_secs(4000);
    let mut closed = false;
    loop {
        server = server.or_else(|| pair.accept(listener).ok());
        if let Some(error) = pair.error(C, client) {
            return Err(error);
        }
        while written < data.len() {
            match pair.write(C, client, &data[written..]) {
                Ok(n) => written += n,
                Err(Errno::WouldBlock) => break,
                Err(error) => return Err(error),
            }
        }
        if written == data.len() && !closed && pair.state(C, client) == State::Established {
            pair.close(C, client);
            closed = true;
        }
        if let Some(server) = server {
            match pair.read(S, server) {
                Ok(bytes) if bytes.is_empty() => {
                    assert_eq!(received, data);
                    return Ok(received);
                }
                Ok(bytes) => received.extend(bytes),
                Err(Errno::WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
        assert!(data.starts_with(&received));
        if !pair.step(limit) {
            return Err(Errno::TimedOut);
        }
    }
}

#[test]
fn bulk_data_takes_at_most_one_acknowledgement_a_segment() {
    let mut pair = Pair::new();
    let received = transfer(&mut pair, 1_000_000).unwrap();
    assert_eq!(received.len(), 1_000_000);
    let acks = pair.log.iter().filter(|line| line.starts_with("< ACK")).count();
    let data = pair.log.iter().filter(|line| line.contains("bytes")).count();
    assert_eq!(data, 691);
    assert!((data / 2..=data).contains(&acks), "{acks}");
    assert_eq!(pair.ends[C].tcp.counters.retransmitted, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is lost, late or overtaken: the bytes arrive as they were sent, or somebody is told that they did not.
    #[test]
    fn any_cable_delivers_the_exact_bytes_or_an_error(
        fates in prop::collection::vec(prop_oneof![1 => Just(None), 5 => (0_u64..30).prop_map(Some)], 1..60),
        amount in 0_usize..60_000,
    ) {
        let fates: VecDeque<Option<u64>> = fates.into();
        let cable = move |n: usize, _: &str| fates[n % fates.len()].map(Span::from_millis);
        let mut pair = Pair::over(cable);
        if let Ok(received) = transfer(&mut pair, amount) {
            prop_assert_eq!(received.len(), amount);
        }
    }

    /// With honest loss of one in ten, it does arrive.
    #[test]
    fn moderate_loss_is_repaired(seed in any::<u64>(), amount in 1_usize..200_000) {
        let mut stream = random::stream(seed, "loss", "test");
        let cable = move |_: usize, _: &str| {
            use crate::random::RngExt;
            (!stream.random_ratio(1, 10)).then_some(DELAY)
        };
        let mut pair = Pair::over(cable);
        prop_assert_eq!(transfer(&mut pair, amount).map(|received| received.len()), Ok(amount));
    }

    /// Nothing that a stranger sends makes it panic.
    #[test]
    fn any_segment_is_survived(
        segments in prop::collection::vec((any::<u32>(), any::<u32>(), 0_u8..32, any::<u16>(), 0_usize..3000, any::<bool>()), 1..40),
    ) {
        let mut pair = Pair::new();
        let (client, server, _) = pair.established();
        for (seq, ack, flags, window, len, near) in segments {
            let Some(it) = pair.ends[S].tcp.connection(server) else { break };
            let (tuple, nxt, una) = (it.tuple, it.send.nxt, it.receive.nxt);
            let (seq, ack) = if near { (nxt + seq % 5000, una + ack % 5000) } else { (super::segment::Seq(seq), super::segment::Seq(ack)) };
            let all = [Flags::FIN, Flags::SYN, Flags::RST, Flags::PSH, Flags::ACK];
            let flags = all.iter().enumerate().filter(|(i, _)| flags >> i & 1 == 1).fold(Flags::NONE, |set, (_, &flag)| set.with(flag));
            let header = super::segment::Header { seq, ack, flags, window, ..Default::default() };
            let mut bytes = Vec::new();
            super::segment::write(&mut bytes, &tuple, &header, (&vec![0; len], &[]));
            pair.flying.push((pair.now, 0, C, bytes));
            pair.run_for(Span::from_millis(300));
            let _ = pair.ends[C].tcp.connection(client).map(|_| ()).map(|()| pair.read(C, client));
        }
    }
}
