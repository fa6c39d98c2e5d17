//! ping as iputils 20221126 has it, on a raw socket.

mod options;
mod statistics;

use std::net::Ipv4Addr;

use etherparse::Ipv4HeaderSlice;

use crate::apps::reverse;
use crate::host::Process;
use crate::host::process::Task;
use crate::host::{Errno, Flow, IcmpError, IfIndex, RawBind, RawSocket, Received, RouteKind};
use crate::time::{Span, Time};
use crate::wire::{IPV4_LEN, build, proto};
use options::{Discovery, Failure, Options};
use statistics::Statistics;

const ICMP_LEN: usize = 8;
const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const REDIRECT: u8 = 5;
const ECHO: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

/// The time that a packet takes from begins its payload; there is none in shorter ones.
const STAMP_LEN: usize = 16;
/// The shortest pause between packets that nobody answers (MIN_INTERVAL_MS).
const SHORTEST_PAUSE: Span = Span::from_millis(10);
/// What sending costs, so that a flood at an address of this host goes on in time too.
const EFFORT: Span = Span::from_micros(10);
/// The largest payload of a raw socket.
const LARGEST: usize = 65_535;

/// Runs ping.
pub(super) fn ping(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        match Ping::begin(&process, &args) {
            Ok(ping) => ping.run().await,
            Err((complaint, status)) => {
                process.complain(&complaint);
                status
            }
        }
    })
}

struct Ping {
    process: Process,
    options: Options,
    socket: RawSocket,
    source: Ipv4Addr,
    device: Option<IfIndex>,
    identifier: u16,
    statistics: Statistics,
    interval: Span,
    /// When the last packet was sent, and what was left of the interval's allowance then.
    last_sent: Option<Time>,
    tokens: Span,
    /// When to stop waiting.
    alarm: Option<Time>,
    is_lingering: bool,
}

impl Ping {
    fn begin(process: &Process, args: &[String]) -> Result<Ping, Failure> {
        let failed = |call: &str, errno: Errno| (format!("ping: {call}: {errno}\n"), 2);
        let (options, device, route) = process.sys.with(|kernel| {
            let options = Options::read(kernel, args)?;
            let device = match &options.device {
                Some(name) => match kernel.interface(name).map(|interface| interface.index) {
                    Some(index) => Some(index),
                    None => return Err(failed(&format!("SO_BINDTODEVICE {name}"), Errno::NoSuchDevice)),
                },
                None => None,
            };
            if options.source.is_some_and(|source| !kernel.is_local(source)) {
                return Err(failed("bind", Errno::AddressNotAvailable));
            }
            let route = kernel.route_output(options.destination, options.source, device);
            Ok((options, device, route.map_err(|errno| failed("connect", errno))?))
        })?;
        if route.kind == RouteKind::Broadcast {
            if !options.broadcast {
                let text = "ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n";
                return Err((text.to_owned(), 2));
            }
            process.complain("WARNING: pinging broadcast address\n");
        }
        let bind = RawBind { protocol: proto::ICMP, address: options.source, device };
        let socket = RawSocket::open(&process.sys, bind).map_err(|errno| failed("bind", errno))?;
        let now = process.sys.now();
        Ok(Ping {
            process: process.clone(),
            socket,
            source: options.source.unwrap_or(route.source),
            device,
            identifier: process.sys.pid().0 as u16,
            statistics: Statistics::default(),
            interval: options.interval,
            last_sent: None,
            tokens: Span::ZERO,
            alarm: options.deadline.map(|deadline| now + deadline),
            is_lingering: false,
            options,
        })
    }

    /// main_loop
    async fn run(mut self) -> i32 {
        self.print_heading();
        let started = self.process.sys.now();
        while !self.is_done() {
            let mut next = self.send_if_due();
            if self.has_sent_all() {
                next = self.linger(next);
            }
            let now = self.process.sys.now();
            // recvmsg comes back after an interval at the latest (SO_RCVTIMEO).
            let until = now + next.min(self.interval.max(SHORTEST_PAUSE)).max(EFFORT);
            let until = self.alarm.map_or(until, |alarm| alarm.min(until));
            self.process.sys.wait(&[self.socket.event()], Some(until)).await;
            self.receive();
            if self.alarm.is_some_and(|alarm| self.process.sys.now() >= alarm) {
                break;
            }
        }
        let span = self.last_sent.map_or(Span::ZERO, |last| last.since(started));
        let is_flood = self.options.flood || self.options.adaptive || self.options.interval == Span::ZERO;
        self.process.print(&self.statistics.summary(&self.options.name, span, is_flood));
        let Statistics { received, .. } = self.statistics;
        let is_short = self.options.deadline.is_some() && self.options.count.is_some_and(|count| received < count);
        i32::from(received == 0 || is_short)
    }

    fn print_heading(&self) {
        let Options { name, destination, size, source, device, .. } = &self.options;
        let from = match (source, device) {
            (None, None) => String::new(),
            (_, device) => format!("from {} {}: ", self.source, device.as_deref().unwrap_or("")),
        };
        let total = size + ICMP_LEN + IPV4_LEN;
        self.process.print(&format!("PING {name} ({destination}) {from}{size}({total}) bytes of data.\n"));
    }

    fn is_done(&self) -> bool {
        let Statistics { received, errors, .. } = self.statistics;
        let has_all = self.options.count.is_some_and(|count| received + errors >= count);
        has_all || self.options.deadline.is_some() && errors > 0
    }

    fn has_sent_all(&self) -> bool {
        self.options.deadline.is_none() && self.options.count.is_some_and(|count| self.statistics.sent >= count)
    }

    /// __schedule_exit: after the last packet, waits as long as an answer may take, judging by the others.
    fn linger(&mut self, next: Span) -> Span {
        if std::mem::replace(&mut self.is_lingering, true) {
            return next;
        }
        let longest = if self.statistics.received > 0 {
            self.statistics.slowest().times(2).max(self.interval)
        } else {
            self.options.linger
        };
        self.alarm = Some(self.process.sys.now() + longest);
        next.max(longest)
    }

    /// pinger: sends a packet if it is time to; how long it is until the next.
    fn send_if_due(&mut self) -> Span {
        if self.has_sent_all() {
            return Span::from_secs(1);
        }
        let now = self.process.sys.now();
        match self.last_sent {
            None => self.tokens = self.interval.times(self.options.preload - 1),
            Some(last) => {
                let passed = now.since(last);
                let is_idle = self.statistics.in_flight() >= self.options.preload;
                if self.interval == Span::ZERO && passed < SHORTEST_PAUSE && is_idle {
                    return SHORTEST_PAUSE - passed;
                }
                let tokens = (passed + self.tokens).min(self.interval.times(self.options.preload));
                if tokens < self.interval {
                    return self.interval - tokens;
                }
                self.tokens = tokens - self.interval;
            }
        }
        self.last_sent = Some(now);
        if self.options.outstanding
            && let Some(missing) = self.statistics.last_unanswered()
        {
            self.print_stamp();
            self.process.print(&format!("no answer yet for icmp_seq={missing}\n"));
        }
        match self.send(now) {
            Ok(()) => {
                self.statistics.sent();
                if self.options.flood && !self.options.quiet {
                    self.process.print(".");
                }
                self.interval - self.tokens
            }
            Err(errno) => {
                // An error that has come back at once is told in the place of the system call's; otherwise that is told
                // only where the error queue said nothing either, which is never.
                if self.receive_errors() && !self.options.quiet {
                    self.process.complain(&format!("ping: sendmsg: {errno}\n"));
                }
                self.statistics.sent();
                self.tokens = Span::ZERO;
                self.interval.max(SHORTEST_PAUSE)
            }
        }
    }

    fn send(&mut self, now: Time) -> Result<(), Errno> {
        let Options { destination, size, ttl, tos, discovery, .. } = self.options;
        let len = size + ICMP_LEN;
        if len > LARGEST {
            return Err(Errno::MessageTooLong);
        }
        let flow = Flow {
            source: Some(self.source),
            destination,
            protocol: proto::ICMP,
            ttl,
            tos,
            dont_fragment: false,
            id: None,
            oif: None,
            mark: 0,
            header_included: false,
        };
        let route = self.process.sys.with(|kernel| kernel.route_output(destination, flow.source, self.device));
        let mtu = route?.mtu as usize;
        let fits = len + IPV4_LEN <= mtu;
        if !fits && discovery == Discovery::Do || len + IPV4_LEN > LARGEST {
            self.statistics.errors += 1;
            if !self.options.quiet {
                self.process.complain(&format!("ping: local error: message too long, mtu={mtu}\n"));
            }
            return Err(Errno::MessageTooLong);
        }
        let flow = Flow { dont_fragment: fits && discovery != Discovery::Dont, ..flow };
        let [id_high, id_low] = self.identifier.to_be_bytes();
        let [seq_high, seq_low] = self.statistics.next_sequence().to_be_bytes();
        let payload = payload(size, now);
        self.socket.send(&flow, |buffer| build::icmp(buffer, ECHO, 0, [id_high, id_low, seq_high, seq_low], &payload))
    }

    fn receive(&mut self) {
        self.receive_errors();
        while let Some(received) = self.socket.take() {
            self.packet(&received);
        }
    }

    /// ping4_receive_error_msg: whether any was about one of our packets.
    fn receive_errors(&mut self) -> bool {
        let mut any = false;
        while let Some(error) = self.socket.take_error() {
            let Some(sequence) = self.own_sequence(&error.quoted) else { continue };
            any = true;
            self.statistics.acknowledge(sequence);
            self.statistics.errors += 1;
            if self.options.quiet {
                continue;
            }
            if self.options.flood {
                self.process.print("\x08E");
                continue;
            }
            self.print_stamp();
            let IcmpError { icmp_type, code, mtu, from, .. } = error;
            let what = meaning(icmp_type, code, [0, 0, (mtu >> 8) as u8, mtu as u8]);
            self.process.print(&format!("From {} icmp_seq={sequence} {what}\n", self.shown(from)));
        }
        any
    }

    /// The sequence number of the echo request that is quoted, if it is one of ours.
    fn own_sequence(&self, quoted: &[u8]) -> Option<u16> {
        let header = Ipv4HeaderSlice::from_slice(quoted).ok()?;
        let &[ECHO, _, _, _, id_high, id_low, seq_high, seq_low, ..] = quoted.get(header.slice().len()..)? else {
            return None;
        };
        let is_ours = header.destination_addr() == self.options.destination
            && u16::from_be_bytes([id_high, id_low]) == self.identifier;
        is_ours.then(|| u16::from_be_bytes([seq_high, seq_low]))
    }

    /// ping4_parse_reply
    fn packet(&mut self, received: &Received) {
        let packet = &received.packet;
        let icmp = packet.payload();
        let &[icmp_type, code, _, _, a, b, c, d, ..] = icmp else { return };
        match icmp_type {
            ECHO_REPLY if u16::from_be_bytes([a, b]) == self.identifier => {
                self.reply(received, u16::from_be_bytes([c, d]));
            }
            REDIRECT if !self.options.quiet && !self.options.flood => {
                if let Some(sequence) = self.own_sequence(&icmp[ICMP_LEN..]) {
                    self.print_stamp();
                    let (from, what) = (self.shown(packet.source()), meaning(REDIRECT, code, [a, b, c, d]));
                    self.process.print(&format!("From {from}: icmp_seq={sequence} {what}\n"));
                }
            }
            _ => {}
        }
    }

    /// gather_statistics
    fn reply(&mut self, received: &Received, sequence: u16) {
        let packet = &received.packet;
        let icmp = packet.payload();
        let trip = if self.options.size >= STAMP_LEN { trip(&icmp[ICMP_LEN..], received.at) } else { None };
        let is_duplicate = self.statistics.received(sequence, trip);
        if self.options.adaptive {
            self.interval = self.statistics.smoothed().unwrap_or(self.interval);
        }
        if self.options.quiet {
            return;
        }
        if self.options.flood {
            self.process.print("\x08 \x08");
            return;
        }
        self.print_stamp();
        let (from, ttl, len) = (self.shown(packet.source()), packet.ttl(), icmp.len());
        let mut line = format!("{len} bytes from {from}: icmp_seq={sequence} ttl={ttl}");
        if len < self.options.size + ICMP_LEN {
            line += " (truncated)";
        } else {
            line += &trip.map(|trip| format!(" time={} ms", statistics::shown(trip))).unwrap_or_default();
            line += if is_duplicate && !self.options.destination.is_multicast() { " (DUP!)" } else { "" };
        }
        self.process.print(&(line + "\n"));
    }

    /// pr_addr
    fn shown(&self, address: Ipv4Addr) -> String {
        let name = if self.options.numeric { None } else { self.process.sys.with(|kernel| reverse(kernel, address)) };
        name.map_or_else(|| address.to_string(), |name| format!("{name} ({address})"))
    }

    fn print_stamp(&self) {
        if self.options.stamps {
            let micros = self.process.sys.with(|kernel| kernel.clock(kernel.now)).as_nanos() / 1000;
            self.process.print(&format!("[{}.{:06}] ", micros / 1_000_000, micros % 1_000_000));
        }
    }
}

/// The bytes after the ICMP header: when it was sent (struct timeval), then a pattern.
fn payload(size: usize, now: Time) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..size).map(|at| at as u8).collect();
    if let Some(stamp) = payload.first_chunk_mut::<STAMP_LEN>() {
        let micros = now.as_nanos() / 1000;
        stamp[..8].copy_from_slice(&(micros / 1_000_000).to_le_bytes());
        stamp[8..].copy_from_slice(&(micros % 1_000_000).to_le_bytes());
    }
    payload
}

/// How long the packet with this payload was on its way, in whole microseconds.
fn trip(payload: &[u8], now: Time) -> Option<Span> {
    let (seconds, rest) = payload.split_first_chunk::<8>()?;
    let (micros, _) = rest.split_first_chunk::<8>()?;
    let sent = u64::from_le_bytes(*seconds).checked_mul(1_000_000)?.checked_add(u64::from_le_bytes(*micros))?;
    Some(Span::from_micros((now.as_nanos() / 1000).saturating_sub(sent)))
}

/// pr_icmph: what an ICMP error says; `rest` is the second half of its header.
fn meaning(icmp_type: u8, code: u8, rest: [u8; 4]) -> String {
    let mtu = u16::from_be_bytes([rest[2], rest[3]]);
    let text = match (icmp_type, code) {
        (UNREACHABLE, 0) => "Destination Net Unreachable",
        (UNREACHABLE, 1) => "Destination Host Unreachable",
        (UNREACHABLE, 2) => "Destination Protocol Unreachable",
        (UNREACHABLE, 3) => "Destination Port Unreachable",
        (UNREACHABLE, 4) => return format!("Frag needed and DF set (mtu = {mtu})"),
        (UNREACHABLE, 5) => "Source Route Failed",
        (UNREACHABLE, 6) => "Destination Net Unknown",
        (UNREACHABLE, 7) => "Destination Host Unknown",
        (UNREACHABLE, 8) => "Source Host Isolated",
        (UNREACHABLE, 9) => "Destination Net Prohibited",
        (UNREACHABLE, 10) => "Destination Host Prohibited",
        (UNREACHABLE, 11) => "Destination Net Unreachable for Type of Service",
        (UNREACHABLE, 12) => "Destination Host Unreachable for Type of Service",
        (UNREACHABLE, 13) => "Packet filtered",
        (UNREACHABLE, 14) => "Precedence Violation",
        (UNREACHABLE, 15) => "Precedence Cutoff",
        (UNREACHABLE, _) => return format!("Dest Unreachable, Bad Code: {code}"),
        (REDIRECT, _) => {
            let what = match code {
                0 => "Redirect Network".to_owned(),
                1 => "Redirect Host".to_owned(),
                2 => "Redirect Type of Service and Network".to_owned(),
                3 => "Redirect Type of Service and Host".to_owned(),
                _ => format!("Redirect, Bad Code: {code}"),
            };
            return format!("{what}(New nexthop: {})", Ipv4Addr::from(rest));
        }
        (TIME_EXCEEDED, 0) => "Time to live exceeded",
        (TIME_EXCEEDED, 1) => "Frag reassembly time exceeded",
        (TIME_EXCEEDED, _) => return format!("Time exceeded, Bad Code: {code}"),
        (PARAMETER_PROBLEM, _) => return format!("Parameter problem: pointer = {}", rest[0]),
        _ => return format!("Bad ICMP type: {icmp_type}"),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn an_address_of_its_own_answers() {
        let lines = ["ping -c 2 10.0.0.1", "ping -qc1 -s 8 -I 10.0.0.1 10.0.0.1"];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ ping -c 2 10.0.0.1
        PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.
        64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.020 ms
        64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=0.020 ms

        --- 10.0.0.1 ping statistics ---
        2 packets transmitted, 2 received, 0% packet loss, time 1000ms
        rtt min/avg/max/mdev = 0.020/0.020/0.020/0.000 ms
        $ ping -qc1 -s 8 -I 10.0.0.1 10.0.0.1
        PING 10.0.0.1 (10.0.0.1) from 10.0.0.1 : 8(36) bytes of data.

        --- 10.0.0.1 ping statistics ---
        1 packets transmitted, 1 received, 0% packet loss, time 0ms

        ");
    }

    #[test]
    fn nobody_is_there() {
        let lines = ["ping -c 3 10.0.0.9", "ping -c 1 -W 1 10.0.0.8", "ping -c 2 -w 1 -O 10.0.0.7", "ping 10.9.9.9"];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ ping -c 3 10.0.0.9
        PING 10.0.0.9 (10.0.0.9) 56(84) bytes of data.
        From 10.0.0.1 icmp_seq=1 Destination Host Unreachable
        From 10.0.0.1 icmp_seq=2 Destination Host Unreachable
        From 10.0.0.1 icmp_seq=3 Destination Host Unreachable

        --- 10.0.0.9 ping statistics ---
        3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2000ms
        pipe 3
        [1]
        $ ping -c 1 -W 1 10.0.0.8
        PING 10.0.0.8 (10.0.0.8) 56(84) bytes of data.

        --- 10.0.0.8 ping statistics ---
        1 packets transmitted, 0 received, 100% packet loss, time 0ms

        [1]
        $ ping -c 2 -w 1 -O 10.0.0.7
        PING 10.0.0.7 (10.0.0.7) 56(84) bytes of data.

        --- 10.0.0.7 ping statistics ---
        1 packets transmitted, 0 received, 100% packet loss, time 0ms

        [1]
        $ ping 10.9.9.9
        ping: connect: Network is unreachable
        [2]
        ");
    }

    #[test]
    fn the_firewall_says_no() {
        let lines = [
            "iptables -A OUTPUT -d 10.0.0.7 -j DROP",
            "iptables -A OUTPUT -d 10.0.0.8 -j REJECT",
            "ping -c 2 -W 1 10.0.0.7",
            "ping -c 2 -W 1 10.0.0.8",
        ];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ iptables -A OUTPUT -d 10.0.0.7 -j DROP
        $ iptables -A OUTPUT -d 10.0.0.8 -j REJECT
        $ ping -c 2 -W 1 10.0.0.7
        PING 10.0.0.7 (10.0.0.7) 56(84) bytes of data.

        --- 10.0.0.7 ping statistics ---
        2 packets transmitted, 0 received, 100% packet loss, time 1000ms

        [1]
        $ ping -c 2 -W 1 10.0.0.8
        PING 10.0.0.8 (10.0.0.8) 56(84) bytes of data.
        From 10.0.0.1 icmp_seq=1 Destination Port Unreachable
        From 10.0.0.1 icmp_seq=2 Destination Port Unreachable

        --- 10.0.0.8 ping statistics ---
        2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms

        [1]
        ");
    }

    #[test]
    fn too_large() {
        let lines = ["ping -c 1 -W 1 -s 1473 -M do 10.0.0.9", "ping -c 1 -s 70000 -W 1 10.0.0.9"];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ ping -c 1 -W 1 -s 1473 -M do 10.0.0.9
        PING 10.0.0.9 (10.0.0.9) 1473(1501) bytes of data.

        --- 10.0.0.9 ping statistics ---
        1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

        ping: local error: message too long, mtu=1500
        [1]
        $ ping -c 1 -s 70000 -W 1 10.0.0.9
        PING 10.0.0.9 (10.0.0.9) 70000(70028) bytes of data.

        --- 10.0.0.9 ping statistics ---
        1 packets transmitted, 0 received, 100% packet loss, time 0ms

        [1]
        ");
    }

    #[test]
    fn mistakes() {
        let lines = [
            "ping",
            "ping -c 0 10.0.0.1",
            "ping -c x 10.0.0.1",
            "ping -t 300 10.0.0.1",
            "ping -M foo 10.0.0.1",
            "ping nohost",
            "ping -I eth9 10.0.0.1",
            "ping -I 10.0.0.9 10.0.0.1",
            "ping -c 1 10.0.0.255",
        ];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ ping
        ping: usage error: Destination address required
        [1]
        $ ping -c 0 10.0.0.1
        ping: invalid argument: '0': out of range: 1 <= value <= 9223372036854775807
        [1]
        $ ping -c x 10.0.0.1
        ping: invalid argument: 'x'
        [1]
        $ ping -t 300 10.0.0.1
        ping: invalid argument: '300': out of range: 0 <= value <= 255
        [1]
        $ ping -M foo 10.0.0.1
        ping: invalid -M argument: foo
        [2]
        $ ping nohost
        ping: nohost: Temporary failure in name resolution
        [2]
        $ ping -I eth9 10.0.0.1
        ping: SO_BINDTODEVICE eth9: No such device
        [2]
        $ ping -I 10.0.0.9 10.0.0.1
        ping: bind: Cannot assign requested address
        [2]
        $ ping -c 1 10.0.0.255
        ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules
        [2]
        ");
    }
}
