//! What an open connection costs: a million of them through one director with direct routing, clients and servers included.
//!
//! `cargo bench --bench held [CONNECTIONS]` opens them from 254 addresses with `load --hold`, looks at the director's table
//! and at the memory of the whole process, and compares it with what a million may take: one GiB.

use std::time::Instant;

use lvslab::host::{Host, Input, Kernel};
use lvslab::ids::{NodeId, Port, Terminal};
use lvslab::shell::Session;
use lvslab::sim::{Engine, LinkOptions, Plug, SwitchOptions, Unwatched};
use lvslab::time::Span;
use lvslab::wire::MacAddr;

const MILLION: u64 = 1_000_000;
const BUDGET_BYTES: f64 = (1_u64 << 30) as f64;
/// How many connections are opened in a second.
const RATE: u64 = 50_000;

/// The machines on one switch, and what is typed at them.
const HOSTS: &[(&str, &[&str])] = &[
    (
        "client",
        &[
            "ip addr add 10.0.0.1/24 dev eth0",
            "ip route add local 10.9.0.0/24 dev lo",
            "sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        ],
    ),
    (
        "director",
        &[
            "ip addr add 10.0.0.2/24 dev eth0",
            "ip addr add 10.0.0.100/32 dev eth0",
            "ipvsadm -A -t 10.0.0.100:80 -s rr",
            "ipvsadm -a -t 10.0.0.100:80 -r 10.0.0.11 -g",
            "ipvsadm -a -t 10.0.0.100:80 -r 10.0.0.12 -g",
            "ip route add 10.9.0.0/24 via 10.0.0.1",
        ],
    ),
    ("server1", &server("ip addr add 10.0.0.11/24 dev eth0")),
    ("server2", &server("ip addr add 10.0.0.12/24 dev eth0")),
];

const fn server(address: &str) -> [&str; 6] {
    [
        "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
        "sysctl -w net.core.somaxconn=65535",
        address,
        "ip addr add 10.0.0.100/32 dev lo",
        "ip route add 10.9.0.0/24 via 10.0.0.1",
        "httpd 80 &",
    ]
}

fn main() {
    let number = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let connections: u64 = number.unwrap_or(MILLION);
    let before = Memory::now();
    let start = Instant::now();
    let mut engine = lab();
    let seconds = connections / RATE + 1;
    let line = format!(
        "load --from 10.9.0.0/24 --rate {RATE} --requests {connections} --hold {}s http://10.0.0.100/ &",
        seconds + 60
    );
    type_in(&mut engine, NodeId(0), &line);
    let end = engine.now() + Span::from_secs(seconds + 1);
    engine.run_until(end).expect("there is no limit");
    let active = engine.node(NodeId(1)).with_kernel(|kernel| kernel.ipvs().connections().count()) as f64;
    let after = Memory::now();

    let each = |bytes: u64| bytes as f64 / active.max(1.0);
    let held = after.resident.saturating_sub(before.resident);
    println!("{:<44} {active:>14.0}", "connections in the director's table");
    println!("{:<44} {:>14.1}", "seconds of this machine", start.elapsed().as_secs_f64());
    println!("{:<44} {:>14}", "frames", engine.frames_carried());
    println!("{:<44} {:>14.0}", "bytes each, now", each(held));
    println!("{:<44} {:>14.0}", "bytes each, at the peak", each(after.peak.saturating_sub(before.resident)));
    let share = each(after.peak) * MILLION as f64 / BUDGET_BYTES;
    println!("{:<44} {share:>14.2}", "a million of them, in GiB (at most 1)");
}

/// Memory of this process, in bytes.
struct Memory {
    resident: u64,
    peak: u64,
}

impl Memory {
    fn now() -> Memory {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kilobytes.unwrap_or(0) * 1024
        };
        Memory { resident: field("VmRSS:"), peak: field("VmHWM:") }
    }
}

fn lab() -> Engine<Host, Unwatched> {
    let mut engine = Engine::new(1, Unwatched);
    let lan = engine.add_switch("lan", SwitchOptions::default());
    for (number, (name, lines)) in (1..).zip(HOSTS) {
        let mut kernel = Kernel::new(name, 1);
        let eth0 = kernel.add_interface("eth0", MacAddr([2, 0, 0, 0, number, 0]), 1500, Port(0));
        kernel.set_interface_up(eth0, true).expect("the interface was just added");
        let node = engine.add_node(name, Host::new(kernel));
        engine.connect(Plug::Node(node, Port(0)), Plug::Switch(lan), &LinkOptions::default());
        for line in *lines {
            type_in(&mut engine, node, line);
        }
    }
    engine
}

/// Types a command, and waits for its end unless it goes on in the background.
fn type_in(engine: &mut Engine<Host, Unwatched>, node: NodeId, line: &str) {
    let typed = engine.node(node).jobs(Terminal::FIRST).len();
    engine.schedule_input(engine.now(), node, Input::Run(Session::default().job(line)));
    let is_done = |host: &Host| host.jobs(Terminal::FIRST).len() > typed && (line.ends_with('&') || !host.is_busy());
    while engine.step().expect("there is no limit") && !is_done(engine.node(node)) {}
    let job = engine.node(node).jobs(Terminal::FIRST).last().expect("it was typed");
    let error = String::from_utf8_lossy(&job.err.borrow()).into_owned();
    assert!(matches!(job.status, None | Some(0)), "{line}: {error}");
}
