//! Programs on two hosts talk over sockets: frames, ARP, IP, TCP and UDP together.

use std::net::Ipv4Addr;

use lvslab::host::{Address, Host, Input, Kernel, Scope};
use lvslab::ids::{FrameId, NodeId, Port, Terminal};
use lvslab::reason::{About, Note, Origin};
use lvslab::shell;
use lvslab::sim::{Engine, LinkOptions, Plug, Sink};
use lvslab::time::{Span, Time};
use lvslab::wire::describe::describe;
use lvslab::wire::{Frame, MacAddr};

const SERVER: &str = "192.168.1.200";

/// Keeps what was sent, a line a frame, and what was decided.
#[derive(Default)]
struct Log {
    frames: Vec<String>,
    notes: Vec<String>,
}

impl Sink for Log {
    fn tracing(&self) -> bool {
        true
    }

    fn sent(&mut self, _: Time, _: NodeId, _: Port, _: FrameId, _: Origin, frame: &Frame) {
        let line = describe(frame).to_string();
        // Initial numbers and clocks differ from seed to seed.
        let kept = line.split(", ").filter(|part| {
            !["seq", "ack ", "options"].iter().any(|name| part.starts_with(name)) || part.contains("mss")
        });
        self.frames.push(kept.collect::<Vec<_>>().join(", "));
    }

    fn note(&mut self, _: Time, _: NodeId, _: About, note: Note) {
        self.notes.push(note.to_string());
    }
}

struct Pair {
    engine: Engine<Host, Log>,
}

const CLIENT_NODE: NodeId = NodeId(0);
const SERVER_NODE: NodeId = NodeId(1);

fn host(name: &str, number: u8, ip: &str) -> Host {
    let mut kernel = Kernel::new(name, 1);
    let eth0 = kernel.add_interface("eth0", MacAddr([2, 0, 0, 0, number, 0]), 1500, Port(0));
    kernel.set_interface_up(eth0, true).unwrap();
    let ip: Ipv4Addr = ip.parse().unwrap();
    let address = Address {
        ip,
        prefix_len: 24,
        broadcast: None,
        scope: Scope::Global,
        label: "eth0".to_owned(),
        secondary: false,
        no_prefix_route: false,
    };
    kernel.add_address(eth0, address).unwrap();
    Host::new(kernel)
}

impl Pair {
    fn new() -> Pair {
        let mut engine = Engine::new(1, Log::default());
        let client = engine.add_node("client", host("client", 1, "192.168.1.10"));
        let server = engine.add_node("server", host("server", 2, SERVER));
        engine.connect(Plug::Node(client, Port(0)), Plug::Node(server, Port(0)), &LinkOptions::default());
        Pair { engine }
    }

    /// Runs a command, and says what it printed.
    fn run(&mut self, node: NodeId, line: &str) -> String {
        let now = self.engine.now();
        self.engine.schedule_input(now, node, Input::Run(shell::Session::default().job(line)));
        self.engine.run_until(now + Span::from_secs(20)).unwrap();
        let job = self.engine.node(node).jobs(Terminal::FIRST).last().unwrap();
        assert_eq!(job.ended.is_none(), line.ends_with('&'), "{line}");
        String::from_utf8(job.out.borrow().clone()).unwrap()
    }

    fn frames(&mut self) -> String {
        std::mem::take(&mut self.engine.sink_mut().frames).join("\n")
    }
}

/// cases/dr-rr, without the director.
#[test]
fn a_page_is_fetched() {
    let mut pair = Pair::new();
    pair.run(SERVER_NODE, "httpd 80 &");
    assert_eq!(pair.run(CLIENT_NODE, &format!("get {SERVER} 80 1")), "40001 server\n");
    insta::assert_snapshot!(pair.frames(), @"
    ARP, Request who-has 192.168.1.200 tell 192.168.1.10, length 28
    ARP, Reply 192.168.1.200 is-at 02:00:00:00:02:00, length 28
    IP 192.168.1.10.40001 > 192.168.1.200.80: Flags [S], win 64240, options [mss 1460,sackOK,TS val 540912629 ecr 0,nop,wscale 7], length 0
    IP 192.168.1.200.80 > 192.168.1.10.40001: Flags [S.], win 65160, options [mss 1460,sackOK,TS val 3151559233 ecr 540912629,nop,wscale 7], length 0
    IP 192.168.1.10.40001 > 192.168.1.200.80: Flags [.], win 502, length 0
    IP 192.168.1.10.40001 > 192.168.1.200.80: Flags [P.], win 502, length 18: HTTP: GET / HTTP/1.0
    IP 192.168.1.200.80 > 192.168.1.10.40001: Flags [.], win 509, length 0
    IP 192.168.1.200.80 > 192.168.1.10.40001: Flags [P.], win 509, length 45: HTTP: HTTP/1.0 200 OK
    IP 192.168.1.200.80 > 192.168.1.10.40001: Flags [F.], win 509, length 0
    IP 192.168.1.10.40001 > 192.168.1.200.80: Flags [.], win 502, length 0
    IP 192.168.1.10.40001 > 192.168.1.200.80: Flags [F.], win 502, length 0
    IP 192.168.1.200.80 > 192.168.1.10.40001: Flags [.], win 509, length 0
    ");
    assert_eq!(pair.run(CLIENT_NODE, &format!("get {SERVER} 80 2")), "40001 server\n40002 server\n");
}

#[test]
fn a_closed_port_refuses() {
    let mut pair = Pair::new();
    assert_eq!(pair.run(CLIENT_NODE, &format!("get {SERVER} 81 1")), "40001 refused\n");
    assert!(pair.engine.sink().notes.iter().any(|note| note.contains("nobody listens")));
}

#[test]
fn nobody_there_is_unreachable() {
    let mut pair = Pair::new();
    assert_eq!(pair.run(CLIENT_NODE, "get -w 10 192.168.1.77 80 1"), "40001 No route to host\n");
}

#[test]
fn a_host_fetches_from_itself() {
    let mut pair = Pair::new();
    pair.run(SERVER_NODE, "httpd 80 200000 &");
    assert_eq!(pair.run(SERVER_NODE, &format!("get {SERVER} 80 1")), "40001 server\n");
    assert_eq!(pair.frames(), "", "nothing leaves the host");
}

#[test]
fn much_is_sent() {
    let mut pair = Pair::new();
    pair.run(SERVER_NODE, "sink 80 &");
    assert_eq!(pair.run(CLIENT_NODE, &format!("put {SERVER} 80 3000000")), "47001 3000000\n");
}

#[test]
fn datagrams_are_echoed_refused_and_lost() {
    let mut pair = Pair::new();
    pair.run(SERVER_NODE, "udpecho 53 &");
    assert_eq!(pair.run(CLIENT_NODE, &format!("udpsend {SERVER} 53 2")), "server\nserver\n");
    assert_eq!(pair.run(CLIENT_NODE, &format!("udpsend {SERVER} 54 1")), "Connection refused\n");
}
