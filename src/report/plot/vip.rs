//! Who holds the virtual address: a bar for each machine, with gaps and overlaps.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::Subject;
use crate::svg::{Font, Picture, width, wrap};
use crate::trace::{Direction, Event, Facts};
use crate::wire::{Frame, IPV4_LEN, proto};

/// From one machine to the next.
const ROW: i32 = 34;
const MARGIN: i32 = 24;
const PAGE: i32 = 860;

/// From when to when, in seconds, somebody held an address.
pub(super) type Spell = (f64, f64);

/// An advertisement of VRRP.
struct Advert {
    vrid: u8,
    priority: u8,
    /// How long it is before the next one is due, in seconds.
    interval: f64,
    addresses: Vec<Ipv4Addr>,
}

/// Reads an advertisement (RFC 3768 and RFC 5798, section 5.1).
fn advert(frame: &Frame) -> Option<Advert> {
    if Facts::of(frame).protocol != Some(proto::VRRP) {
        return None;
    }
    let payload = frame.payload();
    let header = usize::from(payload.first()? & 0x0f) * 4;
    let &[version, vrid, priority, count, third, fourth, _, _, ref rest @ ..] = payload.get(header.max(IPV4_LEN)..)?
    else {
        return None;
    };
    let interval = match version >> 4 {
        2 => f64::from(fourth),
        _ => f64::from(u16::from_be_bytes([third & 0x0f, fourth])) / 100.0,
    };
    let addresses = rest.chunks_exact(4).take(count.into()).map(|it| Ipv4Addr::new(it[0], it[1], it[2], it[3]));
    Some(Advert { vrid, priority, interval, addresses: addresses.collect() })
}

/// When each machine said that it holds the address of a virtual router: by address, then by machine. A machine holds it
/// from its first advertisement until it steps down, or falls silent for longer than the interval.
pub(super) fn spells(subject: &Subject<'_>) -> BTreeMap<Ipv4Addr, BTreeMap<usize, Vec<Spell>>> {
    let end = subject.end();
    let mut spells: BTreeMap<Ipv4Addr, BTreeMap<usize, Vec<Spell>>> = BTreeMap::new();
    let mut last: BTreeMap<(usize, u8), (f64, f64)> = BTreeMap::new();
    for record in subject.trace.records() {
        let Event::Frame { node, direction: Direction::Out, made: Some(_), id, .. } = &record.event else {
            continue;
        };
        let (Some(at), Some(advert)) = (subject.seconds(record.at), advert(&subject.trace.frames.of(*id))) else {
            continue;
        };
        let node = node.0 as usize;
        // A tenth of slack, since timers are no atomic clocks.
        let due = at + advert.interval * 1.1;
        let goes_on = last.insert((node, advert.vrid), (at, due)).is_some_and(|(_, due)| at <= due);
        for address in advert.addresses {
            let own = spells.entry(address).or_default().entry(node).or_default();
            let until = if advert.priority == 0 { at } else { (at + advert.interval).min(end) };
            match own.last_mut() {
                Some(spell) if goes_on => spell.1 = until,
                _ if advert.priority == 0 => {}
                _ => own.push((at, until)),
            }
        }
    }
    if spells.is_empty() {
        return standing(subject);
    }
    spells
}

/// Without VRRP: those who have the address from the beginning and tell it to whoever asks.
fn standing(subject: &Subject<'_>) -> BTreeMap<Ipv4Addr, BTreeMap<usize, Vec<Spell>>> {
    let mut spells: BTreeMap<Ipv4Addr, BTreeMap<usize, Vec<Spell>>> = BTreeMap::new();
    for vip in subject.network.virtual_addresses() {
        for (place, machine) in subject.network.machines.iter().enumerate() {
            let says_so = machine.addresses().any(|(_, it)| it.net.addr() == vip && it.answers && !it.floats);
            if says_so {
                spells.entry(vip).or_default().entry(place).or_default().push((0.0, subject.end()));
            }
        }
    }
    spells
}

/// How many machines hold an address, from when to when.
pub(super) fn holders(by_machine: &BTreeMap<usize, Vec<Spell>>, end: f64) -> Vec<(Spell, usize)> {
    let mut moments = vec![0.0, end];
    moments.extend(by_machine.values().flatten().flat_map(|spell| [spell.0, spell.1]));
    moments.sort_by(f64::total_cmp);
    moments.dedup();
    let mut parts: Vec<(Spell, usize)> = Vec::new();
    for pair in moments.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let count = by_machine.values().filter(|it| it.iter().any(|spell| spell.0 <= from && to <= spell.1)).count();
        match parts.last_mut() {
            Some((spell, known)) if *known == count => spell.1 = to,
            _ => parts.push(((from, to), count)),
        }
    }
    parts
}

/// The time line as SVG.
pub(super) fn svg(subject: &Subject<'_>) -> Result<String, &'static str> {
    let spells = spells(subject);
    if spells.is_empty() {
        return Err("there is no virtual address");
    }
    let network = subject.network;
    let end = subject.end();
    let names = spells.values().flat_map(|it| it.keys()).filter_map(|at| network.machines.get(*at));
    let widest = names.map(|machine| width(&machine.name, Font::Plain)).max().unwrap_or_default();
    let left = MARGIN + widest.max(70) + 16;
    let x = |seconds: f64| left + (f64::from(PAGE - MARGIN - left) * seconds / end).round() as i32;
    let rows: usize = spells.values().map(|it| it.len() + 2).sum();
    let top = 84;
    let bottom = top + rows as i32 * ROW;
    let title = format!("Who holds the virtual address: {}", network.title);
    let mut picture = Picture::new(PAGE, bottom + 76, &title, &description(subject, &spells));
    picture.text("title", (MARGIN, 36), "Who holds the virtual address");
    picture.text("soft", (MARGIN, 58), &wrap(&network.title, Font::Plain, PAGE - 2 * MARGIN)[0]);
    axis(&mut picture, end, top, bottom, &x);
    let mut y = top;
    for (address, by_machine) in &spells {
        picture.text("strong", (MARGIN, y + 20), &address.to_string());
        y += ROW;
        for (machine, own) in by_machine {
            let name = network.machines.get(*machine).map_or("?", |it| it.name.as_str());
            picture.text("end", (left - 12, y + 17), name);
            for spell in own {
                picture.rect("blue", (x(spell.0), y + 3), ((x(spell.1) - x(spell.0)).max(2), 20), 3);
            }
            y += ROW;
        }
        picture.text("end soft", (left - 12, y + 17), "in all");
        for ((from, to), count) in holders(by_machine, end) {
            let (class, word) = match count {
                0 => ("red", "nobody"),
                1 => ("green", ""),
                _ => ("purple", "several"),
            };
            let wide = (x(to) - x(from)).max(2);
            picture.rect(class, (x(from), y + 9), (wide, 8), 2);
            if width(word, Font::Small) + 4 < wide {
                picture.text("small mid soft", (x(from) + wide / 2, y + 31), word);
            }
        }
        y += ROW;
    }
    legend(&mut picture, bottom + 58);
    Ok(picture.finish())
}

fn axis(picture: &mut Picture, end: f64, top: i32, bottom: i32, x: &impl Fn(f64) -> i32) {
    let steps = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
    let step = steps.into_iter().find(|step| end / step <= 12.0).unwrap_or(end / 10.0);
    for tick in 0..=(end / step) as u32 {
        let at = f64::from(tick) * step;
        picture.path("rule", format_args!("M{} {top}V{bottom}", x(at)));
        let text = format!("{at:.2}");
        picture.text("small mid soft", (x(at), bottom + 16), text.trim_end_matches('0').trim_end_matches('.'));
    }
    picture.text("mid", ((x(0.0) + x(end)) / 2, bottom + 34), "time (s)");
}

fn legend(picture: &mut Picture, y: i32) {
    let mut x = MARGIN;
    let words = [
        ("blue", "this machine holds it"),
        ("green", "one holder"),
        ("red", "a gap: nobody answers"),
        ("purple", "an overlap: several do"),
    ];
    for (class, word) in words {
        picture.rect(class, (x, y - 9), (18, 9), 2);
        picture.text("small", (x + 25, y), word);
        x += 25 + width(word, Font::Small) + 22;
    }
}

/// The time line in words.
fn description(subject: &Subject<'_>, spells: &BTreeMap<Ipv4Addr, BTreeMap<usize, Vec<Spell>>>) -> String {
    let mut words = Vec::new();
    for (address, by_machine) in spells {
        for (machine, own) in by_machine {
            let name = subject.network.machines.get(*machine).map_or("?", |it| it.name.as_str());
            for (from, to) in own {
                words.push(format!("{name} holds {address} from {from:.2} s to {to:.2} s"));
            }
        }
    }
    format!("{}.", words.join("; "))
}
