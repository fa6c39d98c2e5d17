//! A capture as facts that can be compared, whatever the machine's speed: see the README of the recorded cases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The ports that the lab's clients bind; others above 32768 are chosen by a kernel.
const LAB_PORTS: [(u16, u16); 8] = [
    (40001, 40040),
    (40101, 40120),
    (40201, 40220),
    (40301, 40320),
    (41001, 41010),
    (45001, 45020),
    (46001, 46020),
    (47001, 47010),
];

/// What a capture shows.
#[derive(Debug, Default)]
pub struct Summary {
    /// The distinct ARP messages.
    pub arp: BTreeSet<String>,
    /// What was sent at each point of the way of each direction of each conversation.
    pub flows: BTreeMap<String, Vec<String>>,
    /// ICMP messages and how often.
    pub icmp: BTreeMap<String, usize>,
}

/// The frames of a classic pcap file, with their times in seconds.
pub fn frames(file: &[u8]) -> Vec<(f64, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_c3d4, "microseconds, little endian");
    let (mut at, mut frames) = (24, Vec::new());
    while at + 16 <= file.len() {
        let length = word(at + 8) as usize;
        let time = f64::from(word(at)) + f64::from(word(at + 4)) * 1e-6;
        let Some(bytes) = file.get(at + 16..at + 16 + length) else { break };
        frames.push((time, bytes));
        at += 16 + length;
    }
    frames
}

/// The facts of a capture. Unicast ARP probes count only if the case is about them.
pub fn summarize(file: &[u8], probes: bool) -> Summary {
    let mut summary = Summary::default();
    let mut state = State::default();
    for (time, frame) in frames(file).into_iter().filter(|(_, frame)| frame.len() >= 14) {
        match u16(frame, 12) {
            0x0806 => arp(&mut summary, &mut state, time, frame, probes),
            0x0800 => ip(&mut summary, &mut state, frame),
            _ => {}
        }
    }
    summary
}

/// What has to be remembered from frame to frame.
#[derive(Default)]
struct State {
    /// When a unicast request was seen: who was asked, who asks.
    probing: BTreeMap<([u8; 4], [u8; 4]), f64>,
    /// Data that has been seen: flow, sequence number, length.
    seen: BTreeSet<(String, u32, usize)>,
}

fn arp(summary: &mut Summary, state: &mut State, time: f64, frame: &[u8], probes: bool) {
    if frame.len() < 42 {
        return;
    }
    let address = |at: usize| <[u8; 4]>::try_from(&frame[at..at + 4]).unwrap();
    let (operation, sender, target) = (u16(frame, 20), address(28), address(38));
    if operation == 1 && !probes && frame[..6] != [0xff; 6] {
        state.probing.insert((target, sender), time);
        return;
    }
    // Answers to gratuitous requests are a race, and answers to probes go with them.
    let probed = !probes && state.probing.get(&(sender, target)).is_some_and(|asked| time - asked < 1.0);
    if operation == 2 && (sender == target || probed) {
        return;
    }
    let kind = if operation == 2 { "reply" } else { "request" };
    let (source, destination, hardware) = (mac(&frame[6..12]), mac(&frame[..6]), mac(&frame[22..28]));
    let (sender, target) = (Ipv4Addr::from(sender), Ipv4Addr::from(target));
    summary.arp.insert(format!("{kind} {source} > {destination}: {hardware} {sender}, {target}"));
}

fn ip(summary: &mut Summary, state: &mut State, frame: &[u8]) {
    let mut packet = &frame[14..];
    let mut outer = String::new();
    let (header, fragment) = loop {
        if packet.len() < 20 {
            return;
        }
        let fragment = u16(packet, 6) & 0x1fff;
        let header = usize::from(packet[0] & 15) * 4;
        if packet[9] != 4 || fragment != 0 {
            break (header, fragment);
        }
        outer = format!("{outer}{} ttl {} / ", ends(packet), packet[8]);
        packet = &packet[header..usize::from(u16(packet, 2)).min(packet.len())];
    };
    let body = packet.get(header..usize::from(u16(packet, 2)).min(packet.len())).unwrap_or_default();
    let way = format!("{} > {} {outer}ttl {} {}", mac(&frame[6..12]), mac(&frame[..6]), packet[8], ends(packet));
    let mut flow = |name: String, what: String| summary.flows.entry(name).or_default().push(what);
    match packet[9] {
        _ if fragment != 0 => flow(format!("{way} fragment"), "fragment".to_owned()),
        6 if body.len() >= 20 => tcp(summary, state, &way, body),
        17 if body.len() >= 8 => flow(format!("{way} udp {}", ports(body)), format!("DATA {}", body.len() - 8)),
        1 if body.len() >= 8 => *summary.icmp.entry(format!("{way} {}", icmp(body))).or_default() += 1,
        2 | 112 => {}
        protocol => flow(format!("{way} proto {protocol}"), "packet".to_owned()),
    }
}

fn tcp(summary: &mut Summary, state: &mut State, way: &str, body: &[u8]) {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    let name = format!("{way} tcp {}", ports(body));
    let flags = body[13];
    let sequence = u32::from_be_bytes(body[4..8].try_into().unwrap());
    let length = body.len().saturating_sub(usize::from(body[12] >> 4) * 4);
    let flow = summary.flows.entry(name.clone()).or_default();
    if flags & RST != 0 {
        flow.push("RST".to_owned());
    } else if flags & SYN != 0 {
        flow.push(if flags & ACK != 0 { "SYN+ACK" } else { "SYN" }.to_owned());
    } else {
        if length > 0 && state.seen.insert((name.clone(), sequence, length)) {
            let before = flow.last().and_then(|last| last.strip_prefix("DATA ")).map(|n| n.parse::<usize>().unwrap());
            if before.is_some() {
                flow.pop();
            }
            flow.push(format!("DATA {}", before.unwrap_or(0) + length));
        }
        let chosen = name.contains('*');
        if flags & FIN != 0 && (chosen || !flow.iter().any(|what| what == "FIN")) {
            flow.push("FIN".to_owned());
        }
    }
}

fn icmp(body: &[u8]) -> String {
    let (kind, code) = (body[0], body[1]);
    let mut text = format!("icmp {kind}/{code}");
    if matches!(kind, 3 | 4 | 5 | 11 | 12) && body.len() >= 36 {
        let quoted = &body[8..];
        let header = usize::from(quoted[0] & 15) * 4;
        text += &format!(" [{} proto {}", ends(quoted), quoted[9]);
        if matches!(quoted[9], 6 | 17) && quoted.len() >= header + 4 {
            text += &format!(" {}", ports(&quoted[header..]));
        }
        text += "]";
        if (kind, code) == (3, 4) {
            text += &format!(" mtu {}", u16(body, 6));
        }
    }
    text
}

/// The ports of a segment, `*` for one that a kernel chose.
fn ports(body: &[u8]) -> String {
    let name = |port: u16| {
        let lab = LAB_PORTS.iter().any(|(first, last)| (*first..=*last).contains(&port));
        if port >= 32768 && !lab { "*".to_owned() } else { port.to_string() }
    };
    format!("{}>{}", name(u16(body, 0)), name(u16(body, 2)))
}

fn ends(packet: &[u8]) -> String {
    let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
    format!("{}>{}", address(12), address(16))
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}
