use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use proptest::prelude::*;

use super::*;
use crate::topo::{Address, Interface, Machine, Method, Server, Service};

fn address(ip: [u8; 4], prefix: u8) -> Address {
    Address { net: Ipv4Net::new(ip.into(), prefix).unwrap(), answers: true, floats: false }
}

/// A network of machines with these switches each; some are real servers, some hold the virtual address.
fn network(switches: usize, plugs: &[Vec<usize>]) -> Network {
    let vip = Ipv4Addr::new(192, 168, 100, 200);
    let machine = |(at, plugs): (usize, &Vec<usize>)| {
        let n = at as u8;
        let mut interfaces: Vec<_> = (plugs.iter().enumerate())
            .map(|(port, &switch)| Interface {
                name: format!("eth{port}"),
                switch: Some(switch % switches),
                addresses: vec![address([10, (switch % switches) as u8, port as u8, n + 1], 24)],
                ..Interface::default()
            })
            .collect();
        if at % 3 == 1 {
            interfaces.push(Interface {
                name: "lo".to_owned(),
                addresses: vec![address(vip.octets(), 32)],
                ..Interface::default()
            });
        }
        Machine { name: format!("{}{at}", "machine".repeat(1 + at % 3)), interfaces, ..Machine::default() }
    };
    let mut machines: Vec<_> = plugs.iter().enumerate().map(machine).collect();
    let own = |machine: &Machine| machine.addresses().next().map(|(_, address)| address.net.addr());
    let server = |ip| Server { at: std::net::SocketAddrV4::new(ip, 80), method: Method::Dr, weight: 1 };
    let servers = machines.iter().skip(1).step_by(2).filter_map(own).map(server).collect();
    let name = format!("TCP {vip}:80");
    machines[0].services.push(Service {
        name,
        address: Some(vip),
        port: 80,
        scheduler: "wlc".to_owned(),
        servers,
        ..Service::default()
    });
    let switches = (0..switches).map(|at| format!("switch{at}")).collect();
    Network { title: "generated".to_owned(), switches, machines }
}

/// A cable's straight parts as thin rectangles, without their ends.
fn segments(wire: &Wire) -> Vec<Rect> {
    let pairs = wire.corners.windows(2);
    let part = |pair: &[(i32, i32)]| {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        let (x, y) = (ax.min(bx), ay.min(by));
        if ax == bx {
            Rect { x, y: y + 1, width: 1, height: (ay - by).abs() - 2 }
        } else {
            Rect { x: x + 1, y, width: (ax - bx).abs() - 2, height: 1 }
        }
    };
    pairs.map(part).collect()
}

fn judge(network: &Network) {
    let layout = lay_out(network);
    let page = Rect { x: 0, y: 0, width: layout.width, height: layout.height };
    let mut boxes: Vec<_> = layout.cards.iter().map(|card| (card.name.clone(), card.at)).collect();
    boxes.extend(layout.bars.iter().map(|bar| (bar.name.clone(), bar.at)));
    boxes.extend(layout.wires.iter().filter_map(|wire| wire.label.clone()));
    for (place, (name, at)) in boxes.iter().enumerate() {
        assert!(page.contains(at), "{name} at {at:?} leaves the page {page:?}");
        for (other, there) in &boxes[place + 1..] {
            assert!(!at.overlaps(there), "{name} at {at:?} overlaps {other} at {there:?}");
        }
    }
    for card in &layout.cards {
        let texts = card.texts();
        for (place, text) in texts.iter().enumerate() {
            let inside = Rect { x: 0, y: 0, width: card.at.width, height: card.at.height };
            assert!(inside.contains(text), "a text of {} at {text:?} leaves {inside:?}", card.name);
            assert!(!texts[place + 1..].iter().any(|other| text.overlaps(other)), "texts of {} overlap", card.name);
        }
    }
    for wire in &layout.wires {
        for part in segments(wire) {
            let crossed = layout.cards.iter().find(|card| card.at.overlaps(&part));
            assert_eq!(
                crossed.map(|card| &card.name),
                None,
                "crossed by a cable of {}",
                layout.cards[wire.machine].name
            );
        }
        let end = *wire.corners.last().unwrap();
        let bar = layout.bars[wire.switch].at;
        assert!(bar.x < end.0 && end.0 < bar.x + bar.width, "a cable misses its switch");
        assert!(end.1 == bar.y || end.1 == bar.y + bar.height);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_overlaps(
        switches in 1_usize..8,
        plugs in prop::collection::vec(prop::collection::vec(0_usize..8, 0..4), 2..50),
    ) {
        judge(&network(switches, &plugs));
    }
}

#[test]
fn many_servers_on_one_switch_are_stacked() {
    let plugs = vec![vec![0]; 50];
    let network = network(1, &plugs);
    judge(&network);
    let layout = lay_out(&network);
    assert!(layout.width < 2_000, "{} pixels are wider than a page", layout.width);
}

#[test]
fn two_directors_with_two_heartbeats() {
    judge(&network(3, &[vec![0, 1, 2], vec![0], vec![0, 1, 2], vec![0]]));
}

#[test]
fn nobody_and_nothing() {
    judge(&network(3, &[vec![], vec![]]));
}
