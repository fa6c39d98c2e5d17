//! Schedulers against naive models of them, written from their definitions.

use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use super::hash::hsiphash;
use super::sh;
use crate::ipvs::tcp::flags::{ACK, FIN};
use crate::ipvs::tests::{Director, rip, server};
use crate::ipvs::{DestOptions, ServiceOptions, Verdict};

/// A server as the models know it.
#[derive(Clone, Copy, Debug)]
struct Server {
    number: u8,
    weight: i64,
    active: i64,
    inactive: i64,
}

/// What a scheduler remembers, by its definition.
#[derive(Default)]
struct Memory {
    /// wrr: who was last, the level, the highest one, the step.
    last: Option<u8>,
    level: i64,
    highest: i64,
    step: i64,
    /// lblc, lblcr: the servers of the virtual address, the newest first.
    set: Vec<u8>,
}

impl Memory {
    fn changed(&mut self, servers: &[Server]) {
        let weights = || servers.iter().map(|server| server.weight).filter(|weight| *weight > 0);
        let greatest = weights().max().unwrap_or(0);
        self.step = (1..=greatest).rev().find(|step| weights().all(|weight| weight % step == 0)).unwrap_or(1);
        self.highest = greatest - (self.step - 1);
        self.last = None;
        if self.level > self.highest || self.level == 0 {
            self.level = self.highest;
        } else if self.step > 1 {
            self.level = self.level / self.step * self.step + 1;
        }
    }
}

fn least(servers: &[Server], load: impl Fn(&Server) -> i64) -> Option<u8> {
    let usable = servers.iter().filter(|server| server.weight > 0);
    usable.min_by(|a, b| (load(a) * b.weight).cmp(&(load(b) * a.weight))).map(|server| server.number)
}

fn overhead(server: &Server) -> i64 {
    256 * server.active + server.inactive
}

fn heaviest<'a>(servers: impl Iterator<Item = &'a Server>) -> Option<u8> {
    let usable: Vec<_> = servers.filter(|server| server.weight > 0).collect();
    let greatest = usable.iter().map(|server| server.weight).max()?;
    usable.into_iter().find(|server| server.weight == greatest).map(|server| server.number)
}

fn is_overloaded(number: u8, servers: &[Server]) -> bool {
    servers.iter().any(|server| server.number == number && server.active > server.weight)
        && servers.iter().any(|server| server.active * 2 < server.weight)
}

/// Whom a scheduler chooses by its definition.
fn expected(scheduler: &str, servers: &[Server], memory: &mut Memory) -> Option<u8> {
    match scheduler {
        "wlc" => least(servers, overhead),
        "lc" => {
            let usable = servers.iter().filter(|server| server.weight > 0);
            usable.min_by_key(|server| overhead(server)).map(|server| server.number)
        }
        "sed" => least(servers, |server| server.active + 1),
        "nq" => {
            let idle = servers.iter().find(|server| server.weight > 0 && server.active == 0);
            idle.map(|server| server.number).or_else(|| least(servers, |server| server.active + 1))
        }
        "fo" => heaviest(servers.iter()),
        "ovf" => heaviest(servers.iter().filter(|server| server.active <= server.weight)),
        "lblc" | "lblcr" => {
            let members: Vec<_> =
                memory.set.iter().filter_map(|n| servers.iter().find(|s| s.number == *n)).copied().collect();
            let known = least(&members, overhead).filter(|number| !is_overloaded(*number, servers));
            if known.is_some() {
                return known;
            }
            let chosen = least(servers, overhead)?;
            if scheduler == "lblc" {
                memory.set = vec![chosen];
            } else if !memory.set.contains(&chosen) {
                memory.set.insert(0, chosen);
            }
            Some(chosen)
        }
        "wrr" => {
            if memory.highest == 0 {
                return None;
            }
            let mut place = memory.last.and_then(|last| servers.iter().position(|server| server.number == last));
            loop {
                let next = place.map_or(0, |place| place + 1);
                if next == servers.len() {
                    place = None;
                    memory.level -= memory.step;
                    if memory.level <= 0 {
                        memory.level = memory.highest;
                    }
                    continue;
                }
                place = Some(next);
                if servers[next].weight >= memory.level {
                    memory.last = Some(servers[next].number);
                    return memory.last;
                }
            }
        }
        _ => unreachable!(),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, i32),
    Edit(u8, i32),
    Delete(u8),
    Connect,
    Close(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..7_u8, 0..6_i32).prop_map(|(n, weight)| Step::Add(n, weight)),
        1 => (1..7_u8, 0..6_i32).prop_map(|(n, weight)| Step::Edit(n, weight)),
        1 => (1..7_u8).prop_map(Step::Delete),
        8 => Just(Step::Connect),
        3 => any::<prop::sample::Index>().prop_map(Step::Close),
    ]
}

proptest! {
    #[test]
    fn schedulers_do_what_they_are_defined_to_do(
        scheduler in prop::sample::select(vec!["wlc", "lc", "sed", "nq", "fo", "ovf", "lblc", "lblcr", "wrr"]),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut director = Director::new(scheduler, ServiceOptions::default(), &[]);
        let (key, now) = (director.key, director.now);
        // The newest first; a server that comes back has its connections.
        let mut list: Vec<(u8, i64)> = Vec::new();
        let mut conns: Vec<(u16, u8, bool)> = Vec::new();
        let mut memory = Memory::default();
        let mut port = 1000;
        for step in steps {
            let load = |number: u8, conns: &[(u16, u8, bool)], is_active| {
                conns.iter().filter(|(_, of, active)| *of == number && *active == is_active).count() as i64
            };
            let servers = |list: &[(u8, i64)], conns: &[(u16, u8, bool)]| -> Vec<Server> {
                let of = |(number, weight): &(u8, i64)| Server {
                    number: *number,
                    weight: *weight,
                    active: load(*number, conns, true),
                    inactive: load(*number, conns, false),
                };
                list.iter().map(of).collect()
            };
            let at = |number: u8, list: &[(u8, i64)]| list.iter().position(|(known, _)| *known == number);
            let is_changed = match step {
                Step::Add(number, weight) => {
                    let is_new = at(number, &list).is_none();
                    prop_assert_eq!(director.ipvs.add_dest(key, server(number, weight)).is_ok(), is_new);
                    if is_new {
                        list.insert(0, (number, weight.into()));
                    }
                    is_new
                }
                Step::Edit(number, weight) => {
                    let known = at(number, &list);
                    prop_assert_eq!(director.ipvs.edit_dest(key, server(number, weight)).is_ok(), known.is_some());
                    if let Some(at) = known {
                        list[at].1 = weight.into();
                    }
                    known.is_some()
                }
                Step::Delete(number) => {
                    let known = at(number, &list);
                    prop_assert_eq!(director.ipvs.delete_dest(key, &server(number, 1), now).is_ok(), known.is_some());
                    if let Some(at) = known {
                        list.remove(at);
                    }
                    known.is_some()
                }
                Step::Connect => {
                    port += 1;
                    let expected = expected(scheduler, &servers(&list, &conns), &mut memory);
                    prop_assert_eq!(director.open(port), expected, "{}: {:?} {:?}", scheduler, list, conns);
                    if let Some(number) = expected {
                        director.send(port, ACK);
                        conns.push((port, number, true));
                    }
                    false
                }
                Step::Close(index) if !conns.is_empty() => {
                    let at = index.index(conns.len());
                    let (port, number, is_active) = &mut conns[at];
                    let verdict = director.send(*port, FIN | ACK);
                    let is_there = list.iter().any(|(known, _)| known == number);
                    prop_assert_eq!(verdict == Verdict::Drop, !is_there);
                    if is_there {
                        *is_active = false;
                    }
                    false
                }
                Step::Close(_) => false,
            };
            if is_changed {
                memory.changed(&servers(&list, &conns));
            }
        }
    }
}

/// The client with this number.
fn client(n: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(0x0a00_0000 + n.wrapping_mul(40_503) % (1 << 24)), (1024 + n % 60_000) as u16)
}

const CLIENTS: u32 = 3_000;

/// Whom so many clients are sent to must be whom `expected` says; servers are numbered from the newest, which is 0.
fn clients(scheduler: &str, flags: u8, weights: &[i32], expected: impl Fn(SocketAddrV4) -> usize) {
    let options = ServiceOptions { scheduler_flags: flags, ..ServiceOptions::default() };
    let mut director = Director::new(scheduler, options, weights);
    for n in 0..CLIENTS {
        let client = client(n);
        let number = weights.len() - expected(client);
        assert_eq!(director.open_from(client), Some(number as u8), "{scheduler} {flags} {client}");
    }
}

/// Multiplication by the golden ratio, of which eight bits are left.
fn golden(value: u32) -> u32 {
    ((u64::from(value) * 0x61c8_8647) % (1 << 32) / (1 << 24)) as u32
}

fn seed_of(client: SocketAddrV4, flags: u8) -> u32 {
    let port = if flags & sh::PORT != 0 { client.port().into() } else { 0 };
    u32::from(*client.ip()).wrapping_add(port)
}

#[test]
fn sh_for_thousands_of_clients() {
    let weights = [3, 1, 5, 2];
    let turns: Vec<usize> = (0..4).flat_map(|place| vec![place; weights[3 - place] as usize]).collect();
    for flags in [0, sh::PORT, sh::PORT | sh::FALLBACK] {
        clients("sh", flags, &weights, |client| turns[golden(seed_of(client, flags)) as usize % turns.len()]);
    }
}

#[test]
fn dh_for_all_buckets() {
    let mut director = Director::new("dh", ServiceOptions::default(), &[]);
    let key = crate::ipvs::ServiceKey::Mark(1);
    director.ipvs.add_service(key, ServiceOptions { scheduler: "dh".into(), ..ServiceOptions::default() }).unwrap();
    for n in 1..=5 {
        director.ipvs.add_dest(key, DestOptions { port: 0, ..server(n, i32::from(n)) }).unwrap();
    }
    for n in 0..CLIENTS {
        let (from, to) = (client(0), SocketAddrV4::new(*client(n).ip(), 80));
        let bytes = crate::ipvs::tests::datagram(6, SocketAddrV4::new(*from.ip(), 1000 + n as u16), to, 2);
        let view = crate::ipvs::View::new(&bytes, 1, crate::ipvs::Hook::LocalIn, false).unwrap();
        let Verdict::Forward(forward) = director.ipvs.inbound(&view, director.now) else { panic!() };
        assert_eq!(forward.server, rip(5 - (golden(u32::from(*to.ip())) % 5) as u8), "{to}");
    }
}

/// Maglev by the paper: every server has a permutation of all slots, and takes those that are free in its turn.
fn maglev(weights: &[i32]) -> Vec<usize> {
    const SLOTS: usize = 4093;
    let count = weights.len();
    let permutation = |place: usize| -> Vec<usize> {
        let name = u32::from(rip((count - place) as u8)).wrapping_add(80);
        let offset = hsiphash(name, 2_654_435_761) as usize % SLOTS;
        let skip = hsiphash(name, 2_654_446_892) as usize % (SLOTS - 1) + 1;
        (0..SLOTS).map(|n| (offset + n * skip) % SLOTS).collect()
    };
    let permutations: Vec<_> = (0..count).map(permutation).collect();
    let mut owner = vec![None; SLOTS];
    while owner.contains(&None) {
        for place in 0..count {
            for _ in 0..weights[count - 1 - place] {
                if let Some(slot) = permutations[place].iter().find(|slot| owner[**slot].is_none()) {
                    owner[*slot] = Some(place);
                }
            }
        }
    }
    owner.into_iter().flatten().collect()
}

#[test]
fn mh_for_thousands_of_clients() {
    for weights in [&[1, 1, 1][..], &[3, 1, 5, 2]] {
        let owners = maglev(weights);
        for flags in [0, sh::PORT] {
            clients("mh", flags, weights, |client| {
                owners[hsiphash(seed_of(client, flags), 2_654_435_761) as usize % owners.len()]
            });
        }
    }
}
