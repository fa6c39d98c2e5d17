//! The VRRP process's hands: sockets, addresses, gratuitous ARPs.

use std::net::Ipv4Addr;

use etherparse::ArpOperation;

use super::{Log, Process, script};
use crate::host::process::WaitOn;
use crate::host::{Address, Flow, IfIndex, Io, Kernel, PacketSocket, RawBind, RawSocket, Scope};
use crate::ipvs::sync::{Role, Settings};
use crate::keepalived::conf::{Config, Instance, Notify, Vip};
use crate::keepalived::vrrp::{Arrival, Effect, Link, Outcome, State, Vrrp, packet};
use crate::time::Time;
use crate::wire::build::{self, Arp};
use crate::wire::{MacAddr, proto};

/// What routers send: internetwork control, in the precedence of RFC 791.
const TOS: u8 = 0xc0;

/// The routers of a node at work.
pub struct Routers {
    log: Log,
    config: Config,
    vrrp: Vrrp,
    sockets: Vec<(String, IfIndex, RawSocket)>,
    arp: PacketSocket,
    /// The last identification of each router's packets.
    ids: Vec<u16>,
    /// Whether each router holds its addresses.
    holds: Vec<bool>,
}

impl Routers {
    /// Opens the sockets and starts the routers.
    pub fn start(process: &Process, config: &Config, now: Time) -> Routers {
        let log = Log(process.clone());
        let links = process.sys.with(links);
        for it in &config.instances {
            if let Some(Link { name, address: Some(address), .. }) = links.iter().find(|link| link.name == it.interface)
            {
                log.write(&format!("Assigned address {address} for interface {name}"));
            }
        }
        let mut routers = Routers {
            sockets: Vec::new(),
            arp: PacketSocket::open(&process.sys, None, Some(IfIndex::LO)),
            ids: vec![0; config.instances.len()],
            holds: vec![false; config.instances.len()],
            vrrp: Vrrp::new(config, links),
            config: config.clone(),
            log,
        };
        routers.log.write("Registering gratuitous ARP shared channel");
        routers.open_sockets();
        routers.sync(Role::Backup);
        routers.vrrp.start(now);
        routers.carry_out();
        routers
    }

    fn process(&self) -> &Process {
        &self.log.0
    }

    fn open_sockets(&mut self) {
        for it in &self.config.instances {
            let Some(index) =
                self.process().sys.with(|kernel| kernel.interface(&it.interface).map(|found| found.index))
            else {
                continue;
            };
            if self.sockets.iter().any(|(_, known, _)| *known == index) {
                continue;
            }
            let bind = RawBind { protocol: proto::VRRP, address: None, device: Some(index) };
            if let Ok(socket) = RawSocket::open(&self.process().sys, bind) {
                socket.join(self.config.global.group, index);
                self.sockets.push((it.interface.clone(), index, socket));
            }
        }
    }

    /// What to wait for.
    pub fn events(&self) -> Vec<WaitOn> {
        self.sockets.iter().map(|(_, _, socket)| socket.event()).chain([WaitOn::Links]).collect()
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.vrrp.next_deadline()
    }

    /// The scripts that are to be run again and again, by their places.
    pub fn scripts(&self) -> impl Iterator<Item = &crate::keepalived::conf::Script> {
        self.vrrp.scripts().iter().map(|watched| &watched.config)
    }

    /// Looks at everything that may have happened.
    pub fn step(&mut self, now: Time) {
        let links = self.process().sys.with(links);
        for link in links {
            self.vrrp.link(link, now);
        }
        self.carry_out();
        self.look_after_addresses(now);
        for n in 0..self.sockets.len() {
            while let Some(received) = self.sockets[n].2.take() {
                let packet = &received.packet;
                let arrival = Arrival {
                    source: packet.source(),
                    destination: packet.destination(),
                    ttl: packet.ttl(),
                    message: packet.payload(),
                };
                let interface = self.sockets[n].0.clone();
                self.vrrp.receive(&interface, &arrival, now);
                self.carry_out();
            }
        }
        self.vrrp.tick(now);
        self.carry_out();
    }

    /// Netlink tells of addresses that somebody else has taken away.
    fn look_after_addresses(&mut self, now: Time) {
        for place in 0..self.holds.len() {
            let it = &self.config.instances[place];
            let lost = self.holds[place]
                .then(|| self.process().sys.with(|kernel| it.vips.iter().find(|vip| !has(kernel, it, vip)).cloned()));
            if let Some(vip) = lost.flatten() {
                let device = vip.device.as_ref().unwrap_or(&it.interface);
                self.log.write(&format!("Netlink reflector reports IP {} removed from {device}", vip.net.addr()));
                self.vrrp.lose_address(place, now);
                self.carry_out();
            }
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
        for (place, effect) in self.vrrp.take_wishes() {
            match effect {
                Effect::Log(text) => self.log.write(&text),
                Effect::Advertise(priority) => self.advertise(place, priority),
                Effect::AddAddresses => self.add_addresses(place),
                Effect::RemoveAddresses => self.remove_addresses(place),
                Effect::GratuitousArp(times) => self.announce(place, times),
                Effect::Notify(state) => self.notify(place, state),
                Effect::NotifyStop => self.launch(self.config.instances[place].notify.stop.clone()),
                Effect::NotifyLowerPriority => self.launch(self.config.instances[place].notify.lower_priority.clone()),
            }
        }
    }

    fn launch(&self, line: Option<String>) {
        if let Some(line) = line {
            script::launch(self.process(), line);
        }
    }

    fn source(&self, place: usize) -> Option<(IfIndex, Ipv4Addr)> {
        let it = &self.config.instances[place];
        self.process().sys.with(|kernel| {
            let interface = kernel.interface(&it.interface)?;
            let address = it.source.or_else(|| interface.addresses.first().map(|address| address.ip))?;
            Some((interface.index, address))
        })
    }

    /// vrrp_send_adv
    fn advertise(&mut self, place: usize, priority: u8) {
        let Some((index, source)) = self.source(place) else { return };
        let it = &self.config.instances[place];
        let Some((_, _, socket)) = self.sockets.iter().find(|(_, known, _)| *known == index) else { return };
        let to_group = [self.config.global.group];
        let (destinations, ttl) = match it.peers.as_slice() {
            [] => (&to_group[..], 255),
            peers => (peers, it.unicast_ttl),
        };
        for destination in destinations {
            self.ids[place] = self.ids[place].checked_add(1).unwrap_or(1);
            let flow = Flow {
                source: Some(source),
                destination: *destination,
                protocol: proto::VRRP,
                ttl: Some(ttl),
                tos: TOS,
                dont_fragment: false,
                id: Some(self.ids[place]),
                oif: Some(index),
            };
            let sent = socket.send(&flow, |buffer| packet::write(buffer, it, priority, source, *destination));
            if let Err(error) = sent {
                self.log.write(&format!("({}) send advert error {} ({error})", it.name, error.number()));
            }
        }
    }

    fn add_addresses(&mut self, place: usize) {
        self.holds[place] = true;
        let it = self.config.instances[place].clone();
        self.process().sys.with(|kernel| {
            for vip in it.vips.iter().chain(&it.excluded) {
                let Some(index) = kernel.interface(device(&it, vip)).map(|interface| interface.index) else { continue };
                // An address that is there already is as good.
                let _ = kernel.add_address(index, address(&it, vip));
            }
            for route in &it.routes {
                ip(kernel, "add", route);
            }
            if it.no_accept {
                filter(kernel, "-I", &it);
            }
        });
    }

    fn remove_addresses(&mut self, place: usize) {
        let held = std::mem::replace(&mut self.holds[place], false);
        let it = self.config.instances[place].clone();
        self.process().sys.with(|kernel| {
            if held {
                for route in &it.routes {
                    ip(kernel, "del", route);
                }
                if it.no_accept {
                    filter(kernel, "-D", &it);
                }
            }
            for vip in it.vips.iter().chain(&it.excluded) {
                let Some(index) = kernel.interface(device(&it, vip)).map(|interface| interface.index) else { continue };
                // One that has gone already is no concern of anybody's.
                let _ = kernel.delete_address(index, vip.net.addr(), Some(vip.net.prefix_len()));
            }
        });
    }

    /// vrrp_send_link_update: rounds of gratuitous ARPs.
    fn announce(&self, place: usize, times: u32) {
        let it = &self.config.instances[place];
        let times = if self.config.global.min_garp { times.min(1) } else { times };
        let vips: Vec<&Vip> = it.vips.iter().chain(&it.excluded).collect();
        for vip in &vips {
            let text =
                format!("({}) Sending/queueing gratuitous ARPs on {} for {}", it.name, device(it, vip), vip.net.addr());
            self.log.write(&text);
        }
        for _ in 0..times {
            for vip in &vips {
                let name = device(it, vip);
                let card = self.process().sys.with(|kernel| {
                    let interface =
                        kernel.interface(name).filter(|interface| interface.is_running() && interface.arp)?;
                    Some((interface.index, interface.mac))
                });
                let Some((index, mac)) = card else { continue };
                let ip = vip.net.addr();
                self.log.write(&format!("Sending gratuitous ARP on {name} for {ip}"));
                let message = Arp {
                    operation: ArpOperation::REQUEST,
                    sender_mac: mac,
                    sender_ip: ip,
                    target_mac: MacAddr::BROADCAST,
                    target_ip: ip,
                };
                self.arp.send(index, build::arp(mac, MacAddr::BROADCAST, message));
            }
        }
    }

    /// Scripts, and the synchronisation daemon that goes with the state (lvs_sync_daemon).
    fn notify(&mut self, place: usize, state: State) {
        let it = &self.config.instances[place];
        let follows = self.config.global.sync.as_ref().is_some_and(|sync| sync.instance.as_ref() == Some(&it.name));
        let priority = self.vrrp.routers()[place].priority();
        let lines: Vec<String> = notify_lines(&it.notify, "INSTANCE", &it.name, state, priority);
        let groups = self.config.groups.iter().filter(|group| group.members.contains(&it.name));
        let of_groups = groups.flat_map(|group| notify_lines(&group.notify, "GROUP", &group.name, state, priority));
        let lines: Vec<String> = lines.into_iter().chain(of_groups).collect();
        for line in lines {
            script::launch(self.process(), line);
        }
        if follows {
            self.sync(if state == State::Master { Role::Master } else { Role::Backup });
        }
    }

    /// The synchronisation daemon of this role runs, and the other one does not.
    fn sync(&self, role: Role) {
        let Some(sync) = &self.config.global.sync else { return };
        let default = Settings::default();
        let vrid = self.config.instances.iter().find(|it| Some(&it.name) == sync.instance.as_ref()).map(|it| it.vrid);
        let settings = Settings {
            interface: sync.interface.clone(),
            id: sync.id.or(vrid).unwrap_or(0),
            max_len: sync.max_len,
            group: sync.group.unwrap_or(default.group),
            port: sync.port.unwrap_or(default.port),
            ttl: sync.ttl.unwrap_or(default.ttl),
        };
        self.process().sys.with(|kernel| {
            // None may run yet, or this one already.
            let _ = kernel.stop_sync(role.other());
            let _ = kernel.start_sync(role, settings);
        });
    }

    fn leave_sync(&self) {
        if self.config.global.sync.is_some() {
            self.process().sys.with(|kernel| {
                let _ = kernel.stop_sync(Role::Master);
                let _ = kernel.stop_sync(Role::Backup);
            });
        }
    }
}

fn notify_lines(notify: &Notify, kind: &str, name: &str, state: State, priority: u8) -> Vec<String> {
    let own = match state {
        State::Master => &notify.master,
        State::Backup => &notify.backup,
        State::Fault => &notify.fault,
    };
    let any = notify.any.as_ref().map(|line| format!("{line} {kind} {name} {} {priority}", state.name()));
    own.iter().cloned().chain(any).collect()
}

fn links(kernel: &mut Kernel) -> Vec<Link> {
    let link = |interface: &crate::host::Interface| Link {
        name: interface.name.clone(),
        is_up: interface.is_running(),
        address: interface.addresses.first().map(|address| address.ip),
    };
    kernel.interfaces().map(link).collect()
}

fn device<'a>(it: &'a Instance, vip: &'a Vip) -> &'a str {
    vip.device.as_deref().unwrap_or(&it.interface)
}

fn has(kernel: &Kernel, it: &Instance, vip: &Vip) -> bool {
    let interface = kernel.interface(device(it, vip));
    interface.is_some_and(|interface| interface.addresses.iter().any(|address| address.ip == vip.net.addr()))
}

fn address(it: &Instance, vip: &Vip) -> Address {
    let scope = match vip.scope.as_deref() {
        Some("link" | "253") => Scope::Link,
        Some("host" | "254") => Scope::Host,
        Some("nowhere" | "255") => Scope::Nowhere,
        _ => Scope::Global,
    };
    Address {
        ip: vip.net.addr(),
        prefix_len: vip.net.prefix_len(),
        broadcast: vip.broadcast,
        scope,
        label: vip.label.clone().unwrap_or_else(|| device(it, vip).to_owned()),
        secondary: false,
    }
}

/// virtual_routes: `ip route add`, without anybody who reads its complaints.
fn ip(kernel: &mut Kernel, verb: &str, route: &str) {
    let words = ["ip", "route", verb].into_iter().chain(route.split_whitespace());
    let words: Vec<String> = words.map(str::to_owned).collect();
    crate::shell::ip::ip(kernel, &words, &mut Io::default());
}

/// no_accept: nobody may speak with the addresses themselves.
fn filter(kernel: &mut Kernel, verb: &str, it: &Instance) {
    for vip in &it.vips {
        let words = format!("iptables {verb} INPUT -d {} -j DROP", vip.net.addr());
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        crate::shell::iptables::iptables(kernel, &words, &mut Io::default());
    }
}
