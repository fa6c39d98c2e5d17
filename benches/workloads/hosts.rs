//! The workloads on real hosts, set up by the commands that a person would type.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use lvslab::host::net::{TcpStream, UdpSocket};
use lvslab::host::process::Task;
use lvslab::host::{Bind, Errno, Host, Input, Job, Kernel, Sys};
use lvslab::ids::{NodeId, Port, SwitchId, Terminal};
use lvslab::random::{self, RngExt};
use lvslab::shell::Session;
use lvslab::sim::{Engine, LinkOptions, Plug, Sink, SwitchOptions, Unwatched};
use lvslab::time::Span;
use lvslab::wire::MacAddr;

use crate::Work;

const SEED: u64 = 1;

/// The hardware address of a host's interface; hosts are numbered from 1.
fn mac(host: u32, interface: u32) -> MacAddr {
    let [_, _, a, b] = host.to_be_bytes();
    MacAddr([2, 0, 0, a, b, interface as u8])
}

/// Hosts, the cables between them, and what they do.
struct Lab<S: Sink> {
    engine: Engine<Host, S>,
    /// The ports of each node that are in use.
    ports: Vec<u32>,
    /// What has reached its end.
    delivered: Rc<Cell<u64>>,
}

impl<S: Sink + Default> Lab<S> {
    fn new() -> Lab<S> {
        Lab { engine: Engine::new(SEED, S::default()), ports: Vec::new(), delivered: Rc::default() }
    }

    fn switch(&mut self, name: &str) -> SwitchId {
        self.engine.add_switch(name, SwitchOptions::default())
    }

    /// A host with so many network interfaces: eth0, eth1, ...
    fn host(&mut self, name: &str, interfaces: u32) -> NodeId {
        let mut kernel = Kernel::new(name, SEED);
        let number = self.ports.len() as u32 + 1;
        for port in 0..interfaces {
            let index = kernel.add_interface(&format!("eth{port}"), mac(number, port), 1500, Port(port));
            kernel.set_interface_up(index, true).expect("the interface was just added");
        }
        self.ports.push(0);
        self.engine.add_node(name, Host::new(kernel))
    }

    /// The next free interface of a host.
    fn plug(&mut self, NodeId(node): NodeId) -> Plug {
        let port = &mut self.ports[node as usize];
        *port += 1;
        Plug::Node(NodeId(node), Port(*port - 1))
    }

    fn connect(&mut self, host: NodeId, other: Plug, latency: Span) {
        let gigabit = LinkOptions { bandwidth: Some(1_000_000_000), latency, ..LinkOptions::default() };
        let plug = self.plug(host);
        self.engine.connect(plug, other, &gigabit);
    }

    /// Types commands, which must work, and waits for them.
    fn type_in<T: AsRef<str>>(&mut self, node: NodeId, lines: impl IntoIterator<Item = T>) {
        for line in lines {
            let typed = self.engine.node(node).jobs(Terminal::FIRST).len();
            self.engine.schedule_input(self.engine.now(), node, Input::Run(Session::default().job(line.as_ref())));
            let is_done = |host: &Host, typed: usize| host.jobs(Terminal::FIRST).len() > typed && !host.is_busy();
            while self.step() && !is_done(self.engine.node(node), typed) {}
            let job = self.engine.node(node).jobs(Terminal::FIRST).last().expect("it was typed");
            let error = String::from_utf8_lossy(&job.err.borrow()).into_owned();
            assert!(matches!(job.status, None | Some(0)), "{}: {error}", job.line);
        }
    }

    fn start<F>(&mut self, node: NodeId, program: impl FnOnce(Sys, Rc<Cell<u64>>) -> F + 'static)
    where
        F: Future<Output = Result<(), Errno>> + 'static,
    {
        let delivered = Rc::clone(&self.delivered);
        let start = move |sys, _, _| -> Task {
            Box::pin(async move {
                program(sys, delivered).await.expect("the network works");
                0
            })
        };
        let (terminal, line) = (Terminal::FIRST, "workload".to_owned());
        let job = Job { terminal, line, background: true, start: Box::new(start) };
        self.engine.schedule_input(self.engine.now(), node, Input::Run(job));
    }

    fn step(&mut self) -> bool {
        self.engine.step().expect("there is no limit")
    }

    /// Runs until the workload's time has passed.
    fn run(mut self, simulated: Span) -> Work {
        let before = self.engine.frames_carried();
        let end = self.engine.now() + simulated;
        self.engine.run_until(end).expect("there is no limit");
        Work { frames: self.engine.frames_carried() - before, delivered: self.delivered.get() }
    }
}

const CABLE: Span = Span::from_micros(50);
const DISCARD: u16 = 9;
const PAYLOAD: [u8; 64] = [0x5a; 64];

/// Takes datagrams and counts them.
async fn count(sys: Sys, delivered: Rc<Cell<u64>>) -> Result<(), Errno> {
    let socket = UdpSocket::bind(&sys, Bind { port: DISCARD, ..Bind::ANY })?;
    loop {
        socket.receive(None).await?;
        delivered.set(delivered.get() + 1);
    }
}

/// W2: source, switch, router, switch, sink.
pub fn udp_forward() -> Work {
    const DATAGRAMS: u32 = 1_000_000;
    const GAP: Span = Span::from_micros(10);
    let mut lab = Lab::<Unwatched>::new();
    let [left, right] = ["left", "right"].map(|name| lab.switch(name));
    let [source, router, sink] = [("source", 1), ("router", 2), ("sink", 1)].map(|(name, ports)| lab.host(name, ports));
    for (host, switch) in [(source, left), (router, left), (router, right), (sink, right)] {
        lab.connect(host, Plug::Switch(switch), CABLE);
    }
    lab.type_in(source, ["ip addr add 10.0.0.2/24 dev eth0", "ip route add default via 10.0.0.1"]);
    lab.type_in(router, ["ip addr add 10.0.0.1/24 dev eth0", "ip addr add 10.0.1.1/24 dev eth1"]);
    lab.type_in(router, ["sysctl -w net.ipv4.ip_forward=1"]);
    lab.type_in(sink, ["ip addr add 10.0.1.2/24 dev eth0", "ip route add default via 10.0.1.1"]);
    lab.start(sink, count);
    lab.start(source, |sys, _| async move {
        let socket = UdpSocket::bind(&sys, Bind::ANY)?;
        socket.connect(SocketAddrV4::new([10, 0, 1, 2].into(), DISCARD))?;
        for _ in 0..DATAGRAMS {
            socket.send(&PAYLOAD)?;
            sys.sleep(GAP).await;
        }
        Ok(())
    });
    lab.run(GAP.times(DATAGRAMS.into()) + Span::from_millis(10))
}

/// W3 with empty neighbour tables.
pub fn star_arp_learned() -> Work {
    star(false)
}

/// W3 with full neighbour tables.
pub fn star_arp_known() -> Work {
    star(true)
}

fn star(arp_known: bool) -> Work {
    const HOSTS: u32 = 200;
    const DATAGRAMS: u32 = 5_000;
    const GAP: Span = Span::from_millis(1);
    let mut lab = Lab::<Unwatched>::new();
    let lan = lab.switch("lan");
    let hosts: Vec<NodeId> = (0..HOSTS)
        .map(|number| {
            let host = lab.host(&format!("host{number}"), 1);
            lab.connect(host, Plug::Switch(lan), CABLE);
            host
        })
        .collect();
    let address = |number: u32| Ipv4Addr::from_bits(0x0a00_0001 + number);
    for (number, &host) in (0..).zip(&hosts) {
        lab.type_in(host, [format!("ip addr add {}/16 dev eth0", address(number))]);
        if arp_known {
            let others = (0..HOSTS).filter(|&other| other != number);
            let line = |other: u32| format!("ip neigh add {} lladdr {} dev eth0", address(other), mac(other + 1, 0));
            lab.type_in(host, others.map(line));
        }
        lab.start(host, count);
    }
    for (number, &host) in (0..).zip(&hosts) {
        lab.start(host, move |sys, _| async move {
            let mut chance = random::stream(SEED, "peer", &number.to_string());
            let socket = UdpSocket::bind(&sys, Bind::ANY)?;
            sys.sleep(Span::from_micros(5).times(number.into())).await;
            for _ in 0..DATAGRAMS {
                let other = (number + chance.random_range(1..HOSTS)) % HOSTS;
                socket.send_to(&PAYLOAD, SocketAddrV4::new(address(other), DISCARD), None)?;
                sys.sleep(GAP).await;
            }
            Ok(())
        });
    }
    lab.run(GAP.times(DATAGRAMS.into()) + Span::from_secs(1))
}

const VIP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 200);
const SERVERS: u32 = 16;

/// W1, the clients addressing the servers in turn.
pub fn tcp_route<S: Sink + Default>() -> Work {
    web::<S>(|client, turn| server_address((client + turn) % SERVERS), |_, _, _| {})
}

/// W1 through a director on the servers' LAN, which forwards by link-layer address.
pub fn tcp_direct_routing<S: Sink + Default>() -> Work {
    web::<S>(
        |_, _| VIP,
        |lab, lan, servers| {
            let director = lab.host("director", 1);
            lab.connect(director, Plug::Switch(lan), CABLE);
            lab.type_in(
                director,
                ["ip addr add 10.1.0.199/24 dev eth0".to_owned(), format!("ip addr add {VIP}/32 dev eth0")],
            );
            lab.type_in(director, [format!("ipvsadm -A -t {VIP}:80 -s rr")]);
            for number in 0..SERVERS {
                let server = server_address(number);
                lab.type_in(director, [format!("ipvsadm -a -t {VIP}:80 -r {server} -g")]);
            }
            for &server in servers {
                lab.type_in(
                    server,
                    ["sysctl -w net.ipv4.conf.all.arp_ignore=1", "sysctl -w net.ipv4.conf.all.arp_announce=2"],
                );
                lab.type_in(server, [format!("ip addr add {VIP}/32 dev lo")]);
            }
        },
    )
}

fn server_address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a01_000a + number)
}

/// 64 clients, each on a cable of its own to a router; behind it a switch with 16 servers.
fn web<S: Sink + Default>(whom: fn(u32, u32) -> Ipv4Addr, more: impl FnOnce(&mut Lab<S>, SwitchId, &[NodeId])) -> Work {
    const CLIENTS: u32 = 64;
    const CONNECTIONS: u32 = 100;
    const GAP: Span = Span::from_millis(20);
    let mut lab = Lab::<S>::new();
    let lan = lab.switch("lan");
    let router = lab.host("router", CLIENTS + 1);
    lab.connect(router, Plug::Switch(lan), CABLE);
    lab.type_in(router, ["ip addr add 10.1.0.1/24 dev eth0", "sysctl -w net.ipv4.ip_forward=1"]);
    let servers: Vec<NodeId> = (0..SERVERS)
        .map(|number| {
            let server = lab.host(&format!("server{number}"), 1);
            lab.connect(server, Plug::Switch(lan), CABLE);
            lab.type_in(server, [format!("ip addr add {}/24 dev eth0", server_address(number))]);
            lab.type_in(server, ["ip route add default via 10.1.0.1", "httpd 80 10000 &"]);
            server
        })
        .collect();
    more(&mut lab, lan, &servers);
    for number in 0..CLIENTS {
        let client = lab.host(&format!("client{number}"), 1);
        let plug = lab.plug(router);
        lab.connect(client, plug, Span::from_micros(100));
        lab.type_in(router, [format!("ip addr add 10.2.{number}.1/24 dev eth{}", number + 1)]);
        lab.type_in(client, [format!("ip addr add 10.2.{number}.2/24 dev eth0")]);
        lab.type_in(client, [format!("ip route add default via 10.2.{number}.1")]);
        lab.start(client, move |sys, delivered| async move {
            for turn in 0..CONNECTIONS {
                fetch(&sys, whom(number, turn)).await?;
                delivered.set(delivered.get() + 1);
                sys.sleep(GAP).await;
            }
            Ok(())
        });
    }
    lab.run(GAP.times(CONNECTIONS.into()).times(3))
}

async fn fetch(sys: &Sys, server: Ipv4Addr) -> Result<(), Errno> {
    const REQUEST: [u8; 200] = [b'x'; 200];
    let stream = TcpStream::connect(sys, Bind::ANY, SocketAddrV4::new(server, 80), None).await?;
    stream.write_all(&REQUEST, None).await?;
    while !stream.read(65_536, None).await?.is_empty() {}
    Ok(())
}
