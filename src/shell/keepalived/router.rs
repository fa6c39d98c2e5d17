//! The VRRP process's hands: what its state machine wants is done, what happens is told to it.

use super::{Log, Process, device, script};
use crate::host::process::WaitOn;
use crate::host::{IfIndex, Kernel, PacketSocket, RawBind, RawSocket};
use crate::ipvs::sync::{Role, Settings};
use crate::keepalived::conf::{Config, Global, Script, SyncDaemon};
use crate::keepalived::vrrp::{Arrival, Change, Ear, Effect, Link, Message, Outcome, Vrrp};
use crate::reason::Note;
use crate::time::{Span, Time};
use crate::wire::build::{self, Arp};
use crate::wire::{MacAddr, proto};

use etherparse::ArpOperation;

/// What routers send: internetwork control, in the precedence of RFC 791.
const TOS: u8 = 0xc0;

/// How often tracked files and programs are looked at. keepalived is told of changes at once (inotify, proc events).
const LOOK: Span = Span::from_millis(100);

/// The routers of a node at work.
pub struct Routers {
    log: Log,
    global: Global,
    vrrp: Vrrp,
    sockets: Vec<(Ear, IfIndex, RawSocket)>,
    arp: PacketSocket,
    /// When tracked files and programs are looked at again.
    look_at: Time,
}

impl Routers {
    /// Opens the sockets and starts the routers.
    pub fn start(process: &Process, config: &Config, now: Time) -> Routers {
        let log = Log(process.clone());
        let (links, files, programs) = process.sys.with(|kernel| {
            initialise(kernel, config);
            (links(kernel), numbers(kernel, config), counts(kernel, config))
        });
        let mut routers = Routers {
            sockets: Vec::new(),
            arp: PacketSocket::open(&process.sys, None, Some(IfIndex::LO)),
            vrrp: Vrrp::new(config, links, &files, &programs),
            global: config.global.clone(),
            look_at: now + LOOK,
            log,
        };
        routers.vrrp.start(now);
        routers.carry_out();
        routers.listen();
        routers
    }

    /// Another configuration.
    pub fn reload(&mut self, config: &Config, now: Time) {
        let (files, programs) = self.process().sys.with(|kernel| (numbers(kernel, config), counts(kernel, config)));
        let is_other_sync = self.global.sync != config.global.sync;
        if is_other_sync {
            self.leave_sync();
        }
        self.global = config.global.clone();
        self.vrrp.reload(config, &files, &programs, now);
        self.carry_out();
        self.sockets.clear();
        self.listen();
    }

    fn process(&self) -> &Process {
        &self.log.0
    }

    /// Opens the sockets that are missing, and closes those of interfaces that have gone.
    fn listen(&mut self) {
        let sys = self.process().sys.clone();
        let index = |name: &str| sys.with(|kernel| kernel.interface(name).map(|found| found.index));
        self.sockets.retain(|(ear, known, _)| index(&ear.interface) == Some(*known));
        for ear in self.vrrp.ears() {
            let Some(device) = index(&ear.interface) else { continue };
            if self.sockets.iter().any(|(known, _, _)| *known == ear) {
                continue;
            }
            let bind = RawBind { protocol: ear.protocol, address: None, device: Some(device) };
            if let Ok(socket) = RawSocket::open(&sys, bind) {
                if let Some(group) = ear.group {
                    socket.join(group, device);
                }
                self.sockets.push((ear, device, socket));
            }
        }
    }

    /// What to wait for.
    pub fn events(&self) -> Vec<WaitOn> {
        self.sockets.iter().map(|(_, _, socket)| socket.event()).chain([WaitOn::Links]).collect()
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Time> {
        let looks = !self.vrrp.files().is_empty() || !self.vrrp.programs().is_empty();
        self.vrrp.next_deadline().into_iter().chain(looks.then_some(self.look_at)).min()
    }

    /// The scripts that are to be run again and again, by their places.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.vrrp.scripts().iter().map(|watched| &watched.config)
    }

    /// Looks at everything that may have happened.
    pub fn step(&mut self, now: Time) {
        // Netlink tells of a secondary address before the primary one that it goes with.
        self.look_after_addresses(now);
        let links = self.process().sys.with(links);
        self.vrrp.links(links, now);
        self.carry_out();
        self.look(now);
        self.listen();
        for n in 0..self.sockets.len() {
            while let Some(received) = self.sockets[n].2.take() {
                let packet = &received.packet;
                let arrival = Arrival {
                    source: packet.source(),
                    destination: packet.destination(),
                    ttl: packet.ttl(),
                    id: u16::from_be_bytes([packet.ip()[4], packet.ip()[5]]),
                    is_sealed: packet.protocol() == proto::AH,
                    payload: packet.payload(),
                };
                let interface = self.sockets[n].0.interface.clone();
                let is_for_group = self.sockets[n].0.group.is_some();
                if is_for_group == arrival.destination.is_multicast() {
                    self.vrrp.receive(&interface, &arrival, now);
                    self.carry_out();
                }
            }
        }
        self.vrrp.tick(now);
        self.carry_out();
    }

    /// Netlink tells of addresses that somebody else has taken away.
    fn look_after_addresses(&mut self, now: Time) {
        for place in 0..self.vrrp.routers().len() {
            let router = &self.vrrp.routers()[place];
            if !router.holds_addresses() {
                continue;
            }
            let lost = self.process().sys.with(|kernel| {
                router.config.addresses().find(|(vip, name)| device::lacks(kernel, name, vip.net.addr()))
            });
            if let Some((vip, name)) = lost {
                let address = vip.net.addr();
                self.log.write(&format!("Netlink reflector reports IP {address} removed from {name}"));
                self.vrrp.lose_address(place, now);
                self.carry_out();
            }
        }
    }

    /// Looks at tracked files and programs.
    fn look(&mut self, now: Time) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        for place in 0..self.vrrp.files().len() {
            let path = &self.vrrp.files()[place].config.path;
            let number = self.process().sys.with(|kernel| number(kernel, path));
            self.vrrp.file(place, number, now);
            self.carry_out();
        }
        for place in 0..self.vrrp.programs().len() {
            let program = &self.vrrp.programs()[place].config.program;
            let count = self.process().sys.with(|kernel| count(kernel, program));
            self.vrrp.processes(place, count, now);
            self.carry_out();
        }
    }

    /// A run of a script has ended.
    pub fn script(&mut self, place: usize, outcome: Outcome, now: Time) {
        self.vrrp.script(place, outcome, now);
        self.carry_out();
    }

    /// keepalived stops.
    pub fn stop(&mut self) {
        self.vrrp.stop();
        self.carry_out();
        self.leave_sync();
    }

    fn carry_out(&mut self) {
        for effect in self.vrrp.take_effects() {
            match effect {
                Effect::Log(text) => self.log.write(&text),
                Effect::Decided(what) => {
                    self.process().sys.with(|kernel| kernel.out.note(|| Note::Vrrp(Box::new(what))))
                }
                Effect::Send(message) => self.send(&message),
                Effect::GratuitousArp { interface, address } => self.announce(&interface, address),
                Effect::Run(line) => script::launch(self.process(), line),
                Effect::Tell(line) => self.tell(&line),
                Effect::Sync { is_master } => self.sync(if is_master { Role::Master } else { Role::Backup }),
                Effect::Vmac { .. } | Effect::PromoteSecondaries(..) => {
                    let said = self.process().sys.with(|kernel| device::device(kernel, &effect));
                    said.iter().for_each(|text| self.log.write(text));
                }
                Effect::Address(change, name, vip) => {
                    self.process().sys.with(|kernel| device::address(kernel, change, &name, &vip));
                }
                Effect::Route(change, words) => {
                    self.process().sys.with(|kernel| device::ip(kernel, "route", change, &words));
                }
                Effect::Rule(change, words) => {
                    self.process().sys.with(|kernel| device::ip(kernel, "rule", change, &words));
                }
                Effect::Firewall(change, address) => {
                    let on = change == Change::Add;
                    self.process().sys.with(|kernel| kernel.netfilter_mut().guard(address, on));
                }
            }
        }
    }

    /// A line for everybody who reads a notify_fifo.
    fn tell(&self, line: &str) {
        for path in &self.global.fifos {
            // Nobody may be there to read it.
            let _ = self.process().sys.with(|kernel| kernel.write_path(path, line.as_bytes(), true));
        }
    }

    /// vrrp_send_pkt
    fn send(&mut self, message: &Message) {
        let sealed = message.protocol;
        let socket =
            self.sockets.iter().find(|(ear, _, _)| ear.interface == message.interface && ear.protocol == sealed);
        if socket.is_none() {
            self.listen();
        }
        let socket =
            self.sockets.iter().find(|(ear, _, _)| ear.interface == message.interface && ear.protocol == sealed);
        let Some((_, index, socket)) = socket else { return };
        let flow = crate::host::Flow {
            source: Some(message.source),
            destination: message.destination,
            protocol: message.protocol,
            ttl: Some(message.ttl),
            tos: TOS,
            dont_fragment: false,
            id: Some(message.id),
            oif: Some(*index),
            mark: 0,
            header_included: true,
        };
        let Err(error) = socket.send(&flow, |buffer| buffer.extend(&message.bytes)) else { return };
        let (name, is_farewell) = &message.whose;
        if *is_farewell && error == crate::host::Errno::NetworkUnreachable {
            return;
        }
        self.log.write(&match message.destination.is_multicast() {
            true => format!("({name}): send advert error {} ({error})", error.number()),
            false => format!("({name}) Cant send advert to {} ({error})", message.destination),
        });
    }

    fn announce(&self, name: &str, address: std::net::Ipv4Addr) {
        let card = self.process().sys.with(|kernel| {
            let interface = kernel.interface(name)?;
            Some((interface.index, interface.mac))
        });
        let Some((index, mac)) = card else { return };
        let message = Arp {
            operation: ArpOperation::REQUEST,
            sender_mac: mac,
            sender_ip: address,
            target_mac: MacAddr::BROADCAST,
            target_ip: address,
        };
        self.arp.send(index, build::arp(mac, MacAddr::BROADCAST, message));
    }

    /// The synchronisation daemon of this role runs, and the other one does not.
    fn sync(&self, role: Role) {
        let Some(sync) = &self.global.sync else { return };
        let follows = |router: &&crate::keepalived::vrrp::Router| Some(&router.config.name) == sync.instance.as_ref();
        let settings = settings(sync, self.vrrp.routers().iter().find(follows).map(|router| router.config.vrid));
        self.process().sys.with(|kernel| {
            // None may run yet, or this one already.
            let _ = kernel.stop_sync(role.other());
            let _ = kernel.start_sync(role, settings);
        });
    }

    fn leave_sync(&self) {
        if self.global.sync.as_ref().is_some_and(|sync| sync.instance.is_some()) {
            self.process().sys.with(|kernel| {
                let _ = kernel.stop_sync(Role::Master);
                let _ = kernel.stop_sync(Role::Backup);
            });
        }
    }
}

fn settings(sync: &SyncDaemon, vrid: Option<u8>) -> Settings {
    let default = Settings::default();
    Settings {
        interface: sync.interface.clone(),
        id: sync.id.or(vrid).unwrap_or(0),
        max_len: sync.max_len,
        group: sync.group.unwrap_or(default.group),
        port: sync.port.unwrap_or(default.port),
        ttl: sync.ttl.unwrap_or(default.ttl),
    }
}

/// lvs_sync_daemon without an instance: both daemons, from start to stop.
pub fn sync_always(kernel: &mut Kernel, sync: &SyncDaemon, is_on: bool) {
    for role in [Role::Master, Role::Backup] {
        // It may be there already, or have gone.
        if is_on {
            let _ = kernel.start_sync(role, settings(sync, None));
        } else {
            let _ = kernel.stop_sync(role);
        }
    }
}

fn links(kernel: &mut Kernel) -> Vec<Link> {
    let link = |interface: &crate::host::Interface| Link {
        name: interface.name.clone(),
        is_up: interface.is_running(),
        arp: interface.arp,
        addresses: interface.addresses.iter().map(|address| address.ip).collect(),
    };
    kernel.interfaces().map(link).collect()
}

/// init_file
fn initialise(kernel: &mut Kernel, config: &Config) {
    for file in &config.track_files {
        if let Some((value, overwrites)) = file.init
            && (overwrites || kernel.read_path(&file.path).is_err())
        {
            // A folder that is not there is the user's affair.
            let _ = kernel.write_path(&file.path, format!("{value}\n").as_bytes(), false);
        }
    }
}

/// The number that a tracked file begins with; 0 if it is not there.
fn number(kernel: &mut Kernel, path: &str) -> i64 {
    let bytes = kernel.read_path(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-' && c != '+').unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

fn numbers(kernel: &mut Kernel, config: &Config) -> Vec<i64> {
    config.track_files.iter().map(|file| number(kernel, &file.path)).collect()
}

/// How many processes of a program there are.
fn count(kernel: &Kernel, program: &str) -> u32 {
    let name = program.rsplit('/').next().unwrap_or(program);
    kernel.scheduler.processes().filter(|(_, running)| *running == name).count() as u32
}

fn counts(kernel: &Kernel, config: &Config) -> Vec<u32> {
    config.track_processes.iter().map(|process| count(kernel, &process.program)).collect()
}
