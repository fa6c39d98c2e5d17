//! A machine on a bench: a host without cables, whose frames and command lines come from anywhere. The property tests
//! and the fuzz targets share it.

#![allow(dead_code, reason = "whoever includes it needs a part of it")]

use lvslab::host::{Host, Input, Kernel};
use lvslab::ids::{FrameId, Port, Terminal};
use lvslab::shell::Session;
use lvslab::sim::{Action, Node, Outbox};
use lvslab::time::{Span, Time};
use lvslab::wire::{Frame, MacAddr, checksum};

/// The MAC address of the host's eth0.
pub const HERE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
/// The MAC address of whoever sends.
pub const THERE: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

/// A director with a service of every kind.
pub const DIRECTOR: &[&str] = &[
    "ip addr add 10.0.0.1/24 dev eth0",
    "ip addr add 10.0.0.100/32 dev eth0",
    "ip addr add 10.0.1.1/24 dev eth1",
    "sysctl -qw net.ipv4.ip_forward=1",
    "modprobe ip_vs_ftp",
    "ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0",
    "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:09 dev eth0",
    "ip neigh add 10.0.1.2 lladdr 02:00:00:00:00:09 dev eth1",
    "ipvsadm -A -t 10.0.0.100:80 -s rr",
    "ipvsadm -a -t 10.0.0.100:80 -r 10.0.1.2:8080 -m",
    "ipvsadm -A -t 10.0.0.100:81 -s wlc -p 60",
    "ipvsadm -a -t 10.0.0.100:81 -r 10.0.0.2 -g",
    "ipvsadm -A -t 10.0.0.100:82 -s sh",
    "ipvsadm -a -t 10.0.0.100:82 -r 10.0.0.2 -i",
    "ipvsadm -A -t 10.0.0.100:21 -s rr",
    "ipvsadm -a -t 10.0.0.100:21 -r 10.0.1.2:21 -m",
    "ipvsadm -A -u 10.0.0.100:53 -s rr -o",
    "ipvsadm -a -u 10.0.0.100:53 -r 10.0.1.2:53 -m",
    "ipvsadm -A -u 10.0.0.100:5060 -s rr -p 60 --pe sip",
    "ipvsadm -a -u 10.0.0.100:5060 -r 10.0.1.2:5060 -m",
    "ipvsadm -A --sctp-service 10.0.0.100:80 -s rr",
    "ipvsadm -a --sctp-service 10.0.0.100:80 -r 10.0.0.2:80 -g",
    "ipvsadm --start-daemon backup --mcast-interface eth0",
    "sysctl -qw net.ipv4.vs.schedule_icmp=1",
    "iptables -A INPUT -s 10.0.0.77 -j DROP",
    "httpd 8080 &",
    "udpecho 7 &",
];

/// A real server with its virtual address on lo.
pub const SERVER: &[&str] = &[
    "ip addr add 10.0.0.1/24 dev eth0",
    "ip addr add 10.0.0.100/32 dev lo",
    "sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 net.ipv4.conf.all.rp_filter=0",
    "ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0",
    "httpd 80 &",
    "udpecho 53 &",
];

/// A host, its clock, and what it wants done.
pub struct Rig {
    host: Host,
    session: Session,
    now: Time,
    out: Outbox,
    frames: u64,
}

impl Rig {
    /// A host with eth0 and eth1, set up by these commands.
    pub fn new(setup: &[&str]) -> Rig {
        let mut kernel = Kernel::new("box", 1);
        for port in 0..2 {
            let mac = MacAddr([2, 0, 0, 0, port as u8, 1]);
            let index = kernel.add_interface(&format!("eth{port}"), mac, 1500, Port(port));
            kernel.set_interface_up(index, true).expect("the interface was just added");
        }
        let out = Outbox { tracing: true, ..Outbox::default() };
        let mut rig = Rig { host: Host::new(kernel), session: Session::default(), now: Time::ZERO, out, frames: 0 };
        for port in 0..2 {
            rig.host.handle_carrier(Port(port), true, rig.now, &mut rig.out);
        }
        for line in setup {
            assert_eq!(rig.type_line(line), Some(0), "{line}");
        }
        rig
    }

    /// Types a line and gives it ten seconds: its exit status, if it has ended (in the background: 0).
    pub fn type_line(&mut self, line: &str) -> Option<i32> {
        let job = self.session.job(line);
        let is_background = job.background;
        self.host.handle_input(Input::Run(job), self.now, &mut self.out);
        if is_background {
            self.wait(Span::from_millis(1));
            return Some(0);
        }
        let end = self.now + Span::from_secs(10);
        while self.host.is_busy() && self.wake_before(end) {}
        self.out.actions.clear();
        self.host.jobs(Terminal::FIRST).last().and_then(|job| job.status)
    }

    fn wake_before(&mut self, end: Time) -> bool {
        let Some(at) = self.host.next_wake().filter(|at| *at <= end) else { return false };
        self.now = self.now.max(at);
        self.host.handle_wake(self.now, &mut self.out);
        true
    }

    /// Lets time pass.
    pub fn wait(&mut self, span: Span) {
        let end = self.now + span;
        while self.wake_before(end) {}
        self.now = end;
    }

    /// Packets that have been delivered to the protocol above IP, which notes only what it decides.
    fn delivered(&self) -> u64 {
        self.host.with_kernel(|kernel| kernel.ip_counters().in_delivers)
    }

    /// A frame arrives. Whether anything came of it: another frame, a note that says what became of it and why, or the delivery
    /// to the protocol above IP.
    pub fn receive(&mut self, port: u32, bytes: &[u8]) -> bool {
        self.frames += 1;
        let id = FrameId::new(self.frames);
        let delivered = self.delivered();
        self.out.actions.clear();
        self.out.handling = Some(id);
        self.host.handle_frame(Port(port), Frame::new(bytes), self.now, &mut self.out);
        self.out.handling = None;
        self.wait(Span::from_millis(3));
        // An ARP answer that tells nothing new changes nothing.
        if bytes.get(12..14) == Some(&[8, 6]) || self.delivered() > delivered || self.has_answer(id) {
            return true;
        }
        // A fragment waits for the others for half a minute.
        self.wait(Span::from_secs(31));
        self.has_answer(id)
    }

    fn has_answer(&self, id: FrameId) -> bool {
        self.out.actions.iter().any(|action| match action {
            Action::Transmit { origin, .. } => origin.cause == Some(id),
            Action::Note(about, _) => about.frame == Some(id),
            Action::Carrier { .. } => false,
        })
    }
}

/// An IPv4 datagram in a frame for the host, with a right checksum.
pub fn ipv4(protocol: u8, from: [u8; 4], to: [u8; 4], fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [HERE.0, THERE.0].concat();
    bytes.extend_from_slice(&[8, 0, 0x45, 0]);
    bytes.extend_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[0, 7]);
    bytes.extend_from_slice(&fragment.to_be_bytes());
    bytes.extend_from_slice(&[64, protocol, 0, 0]);
    bytes.extend_from_slice(&from);
    bytes.extend_from_slice(&to);
    bytes.extend_from_slice(payload);
    mend(&mut bytes);
    bytes
}

/// Makes the checksums of an IPv4 frame right, as far as its headers are there.
pub fn mend(frame: &mut [u8]) {
    let Some(datagram) = frame.get_mut(14..).filter(|datagram| datagram.len() >= 20) else { return };
    let header = (usize::from(datagram[0] & 0xf) * 4).clamp(20, datagram.len());
    datagram[10..12].fill(0);
    let sum = checksum(&datagram[..header]);
    datagram[10..12].copy_from_slice(&sum.to_be_bytes());
    let (head, segment) = datagram.split_at_mut(header);
    let (at, is_pseudo) = match head[9] {
        1 | 2 => (2, false),
        6 => (16, true),
        17 => (6, true),
        _ => return,
    };
    if segment.len() < at + 2 {
        return;
    }
    segment[at..at + 2].fill(0);
    let mut summed = Vec::new();
    if is_pseudo {
        summed.extend_from_slice(&head[12..20]);
        summed.extend_from_slice(&[0, head[9]]);
        summed.extend_from_slice(&(segment.len() as u16).to_be_bytes());
    }
    summed.extend_from_slice(segment);
    let sum = checksum(&summed);
    segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// A TCP segment.
pub fn tcp(from: u16, to: u16, flags: u8, data: &[u8]) -> Vec<u8> {
    let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
    [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0], data].concat()
}

/// A UDP datagram.
pub fn udp(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = 8 + data.len() as u16;
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], data].concat()
}

/// Frames that make sense to the hosts here: what mutations begin with.
pub fn good_frames() -> Vec<Vec<u8>> {
    const CLIENT: [u8; 4] = [10, 0, 0, 9];
    const VIP: [u8; 4] = [10, 0, 0, 100];
    const RIP: [u8; 4] = [10, 0, 1, 2];
    let syn = tcp(4000, 80, 2, b"");
    let mut frames: Vec<_> =
        [80, 81, 82, 83, 21, 8080].map(|port| ipv4(6, CLIENT, VIP, 0, &tcp(4000, port, 2, b""))).into();
    frames.extend(
        [0x10, 0x18, 0x11, 4].map(|flags| ipv4(6, CLIENT, VIP, 0, &tcp(4000, 80, flags, b"GET / HTTP/1.0\r\n\r\n"))),
    );
    frames.push(ipv4(6, RIP, CLIENT, 0, &tcp(8080, 4000, 0x12, b"")));
    frames.push(ipv4(6, RIP, CLIENT, 0, &tcp(21, 4000, 0x18, b"227 Entering Passive Mode (10,0,1,2,20,30)\r\n")));
    frames.push(ipv4(6, CLIENT, VIP, 0, &tcp(4000, 21, 0x18, b"PORT 10,0,0,9,20,30\r\n")));
    frames.extend([53, 7, 9, 8848, 5060].map(|port| ipv4(17, CLIENT, VIP, 0, &udp(4000, port, b"question"))));
    let call = b"INVITE sip:bob@example.com SIP/2.0\r\nCall-ID: one@two\r\n\r\n";
    frames.push(ipv4(17, CLIENT, VIP, 0, &udp(5060, 5060, call)));
    frames.push(ipv4(17, RIP, CLIENT, 0, &udp(5060, 5060, call)));
    frames.push(ipv4(17, CLIENT, [224, 0, 0, 81], 0, &udp(8848, 8848, &[0, 0, 0, 44, 1, 1, 0, 0, 0, 6, 0, 36])));
    frames.push(ipv4(132, CLIENT, VIP, 0, &[15, 160, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 4]));
    frames.push(ipv4(1, CLIENT, VIP, 0, b"\x08\0\0\0\0\x01\0\x01ping"));
    for (kind, code) in [(3, 1), (3, 3), (3, 4), (11, 0), (5, 1), (12, 0)] {
        let quote = &ipv4(6, CLIENT, RIP, 0, &tcp(4000, 8080, 2, b""))[14..];
        frames.push(ipv4(1, RIP, CLIENT, 0, &[&[kind, code, 0, 0, 0, 0, 2, 0], quote].concat()));
        let quote = &ipv4(6, VIP, CLIENT, 0, &tcp(80, 4000, 0x12, b""))[14..];
        frames.push(ipv4(1, CLIENT, VIP, 0, &[&[kind, code, 0, 0, 0, 0, 2, 0], quote].concat()));
    }
    let inner = ipv4(6, CLIENT, VIP, 0, &syn)[14..].to_vec();
    frames.push(ipv4(4, CLIENT, [10, 0, 0, 1], 0, &inner));
    frames.push(ipv4(47, CLIENT, [10, 0, 0, 1], 0, &[&[0, 0, 8, 0][..], &inner].concat()));
    frames.push(ipv4(17, CLIENT, VIP, 0x2000, &udp(4000, 53, &[1; 16])));
    frames.push(ipv4(17, CLIENT, VIP, 0x0003, &[2; 16]));
    frames.push(ipv4(112, CLIENT, [224, 0, 0, 18], 0, &[0x21, 51, 100, 1, 0, 1, 0, 0, 10, 0, 0, 100]));
    frames.push(ipv4(2, CLIENT, [224, 0, 0, 1], 0, &[0x11, 100, 0, 0, 0, 0, 0, 0]));
    frames.push(ipv4(50, CLIENT, VIP, 0, &[0; 16]));
    for operation in [1, 2] {
        let mut arp = [[255; 6], THERE.0].concat();
        arp.extend_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
        arp.extend_from_slice(&[&THERE.0[..], &CLIENT, &[0; 6], &VIP].concat());
        frames.push(arp);
    }
    frames
}
