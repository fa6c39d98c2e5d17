//! Our one-line descriptions and filter expressions against tcpdump's own, on recorded frames. Skipped where tcpdump is
//! not installed.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use lvslab::wire::Frame;
use lvslab::wire::describe::{Describer, Style, describe};
use lvslab::wire::filter::{Filter, Names};

/// The frames of a classic pcap file, little-endian.
fn frames(file: &Path) -> Vec<Frame> {
    let bytes = std::fs::read(file).unwrap();
    let mut rest = &bytes[24..];
    let mut frames = Vec::new();
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(Frame::new(&rest[16..16 + len]));
        rest = &rest[16 + len..];
    }
    frames
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pcap") {
            found.push(path);
        }
    }
}

/// The recorded captures of the cases, and one of made-up frames: fragments, what is cut off, all ICMP errors, ...
fn recorded() -> Vec<PathBuf> {
    let folder = std::env::var("CASES").unwrap_or_else(|_| "tests/cases".to_owned());
    let mut files = Vec::new();
    captures(Path::new(&folder), &mut files);
    captures(Path::new("tests/frames"), &mut files);
    files.sort();
    files
}

fn tcpdump(flags: &str, file: &Path, expression: &str) -> Option<String> {
    let output = Command::new("tcpdump").arg(flags).arg(file).arg(expression).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    // What it cannot put into words it dumps on lines of their own.
    Some(text.lines().filter(|line| !line.starts_with("\t0x")).map(|line| format!("{line}\n")).collect())
}

#[test]
fn lines_are_those_of_tcpdump() {
    for file in recorded() {
        for (flags, link, verbose) in [("-tnr", false, false), ("-tner", true, false), ("-tnvr", false, true)] {
            // The made-up frames break headers that only -v looks at.
            if verbose && file.starts_with("tests/frames") {
                continue;
            }
            let Some(expected) = tcpdump(flags, &file, "") else { return };
            let mut describer = Describer::new(Style { link, verbose });
            let ours: Vec<String> = frames(&file).iter().map(|frame| describer.describe(frame).to_string()).collect();
            let ours = ours.join("\n");
            for (number, (ours, expected)) in ours.lines().zip(expected.lines()).enumerate() {
                assert_eq!(ours, expected, "{}: line {}", file.display(), number + 1);
            }
            assert_eq!(ours.lines().count(), expected.lines().count(), "{}", file.display());
        }
    }
}

/// Knows no names.
struct Numbers;

impl Names for Numbers {
    fn host(&mut self, _: &str) -> Option<Ipv4Addr> {
        None
    }

    fn port(&mut self, _: &str) -> Option<u16> {
        None
    }
}

#[test]
fn filters_let_pass_what_tcpdump_does() {
    const EXPRESSIONS: [&str; 30] = [
        "arp",
        "ip",
        "icmp or arp",
        "tcp and not port 80",
        "host 192.168.1.200",
        "src host 192.168.1.200",
        "dst 192.168.1.200 and tcp",
        "net 10.0.0.0/8",
        "dst net 192.168",
        "src net 10.0.0.0 mask 255.255.255.0",
        "tcp port 80",
        "tcp src port 80",
        "src or dst port 80",
        "udp port 8848 or 53",
        "portrange 40000-40010",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "tcp[tcpflags] == tcp-syn",
        "tcp[13] & 4 != 0",
        "(tcp[13] = 2 or tcp[13] = 18) and host 192.168.1.198",
        "icmp[icmptype] = icmp-echo",
        "ip[8] = 63",
        "ip[6:2] & 0x1fff = 0",
        "ether host 02:00:00:00:01:00",
        "ether src 02:00:00:00:02:00 and not broadcast",
        "ether proto 0x0806",
        "ip proto 112 or ip multicast",
        "vrrp",
        "proto 4",
        "arp[6:2] = 2",
        "less 60 and greater 50",
    ];
    // One in four has some of everything, and asking tcpdump takes its time.
    for file in recorded().into_iter().rev().step_by(4) {
        let frames = frames(&file);
        for expression in EXPRESSIONS {
            let Some(expected) = tcpdump("-tnSr", &file, expression) else { return };
            let filter = Filter::parse(expression, &mut Numbers).unwrap();
            let ours: Vec<String> =
                frames.iter().filter(|frame| filter.matches(frame)).map(|frame| describe(frame).to_string()).collect();
            assert_eq!(ours, expected.lines().collect::<Vec<_>>(), "{}: {expression}", file.display());
        }
    }
}
