use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use super::*;
use crate::ipvs::tests::{CLIENT, Director, rip, server};
use crate::ipvs::{DestOptions, ServiceOptions};

fn director(scheduler: &str, weights: &[i32]) -> Director {
    Director::new(scheduler, ServiceOptions::default(), weights)
}

fn with_flags(scheduler: &str, flags: u8, weights: &[i32]) -> Director {
    Director::new(scheduler, ServiceOptions { scheduler_flags: flags, ..ServiceOptions::default() }, weights)
}

#[test]
fn rr_meets_the_newest_first() {
    let mut director = director("rr", &[1, 1, 1]);
    assert_eq!(director.sequence(4), [3, 2, 1, 3]);
    director.ipvs.delete_dest(director.key, &server(3, 1), director.now).unwrap();
    assert_eq!(director.sequence(2), [2, 1]);
    director.ipvs.add_dest(director.key, server(4, 1)).unwrap();
    assert_eq!(director.sequence(3), [4, 2, 1]);
    director.ipvs.edit_dest(director.key, server(2, 0)).unwrap();
    assert_eq!(director.sequence(3), [4, 1, 4]);
}

#[test]
fn wrr_begins_low_when_servers_come_one_by_one() {
    assert_eq!(director("wrr", &[1, 1]).sequence(4), [2, 1, 2, 1]);
    assert_eq!(director("wrr", &[3, 1]).sequence(9), [2, 1, 1, 1, 2, 1, 1, 1, 2]);
    assert_eq!(director("wrr", &[4, 2]).sequence(6), [2, 1, 1, 2, 1, 1]);
    let mut three = director("wrr", &[4, 3, 2]);
    assert_eq!(three.sequence(3), [3, 2, 1]);
    for _ in 0..3 {
        assert_eq!(three.sequence(9), [1, 2, 1, 3, 2, 1, 3, 2, 1]);
    }
}

#[test]
fn wlc_with_connections_that_stay() {
    assert_eq!(director("wlc", &[3, 1]).sequence(5), [2, 1, 1, 1, 2]);
    assert_eq!(director("lc", &[3, 1]).sequence(4), [2, 1, 2, 1]);
    assert_eq!(director("sed", &[3, 1]).sequence(5), [1, 1, 2, 1, 1]);
    assert_eq!(director("nq", &[3, 1]).sequence(5), [2, 1, 1, 1, 1]);
    assert_eq!(director("fo", &[1, 3, 3]).sequence(3), [3, 3, 3]);
    assert_eq!(director("ovf", &[1, 2]).sequence(5), [2, 2, 2, 1, 1]);
}

/// Client, the server that sh, sh-port, mh and mh-port choose for its port 33333.
const VECTORS: [([u8; 4], [u8; 4]); 4] = [
    ([192, 168, 10, 5], [2, 1, 3, 1]),
    ([192, 168, 10, 6], [3, 2, 2, 1]),
    ([10, 1, 2, 3], [1, 3, 1, 1]),
    ([1, 2, 3, 4], [2, 2, 2, 2]),
];

#[test]
fn hashes_choose_the_kernels_server() {
    for (client, expected) in VECTORS {
        let client = SocketAddrV4::new(client.into(), 33333);
        let chosen = [("sh", 0), ("sh", sh::PORT), ("mh", 0), ("mh", sh::PORT)]
            .map(|(scheduler, flags)| with_flags(scheduler, flags, &[1, 1, 1]).open_from(client).unwrap());
        assert_eq!(chosen, expected, "{client}");
    }
    // 192.168.10.100 falls into bucket 102.
    assert_eq!(director("dh", &[1, 1, 1]).open(1), Some(3));
}

#[test]
fn hashes_do_without_an_unusable_server_only_if_told() {
    for (scheduler, own) in [("sh", 2), ("mh", 3)] {
        let strict = |flags| {
            let mut director = with_flags(scheduler, flags, &[1, 1, 1]);
            director.ipvs.edit_dest(director.key, server(own, 0)).unwrap();
            director.open_from(SocketAddrV4::new(CLIENT, 1))
        };
        assert_eq!(strict(0), None, "{scheduler}");
        assert!(strict(sh::FALLBACK).is_some_and(|chosen| chosen != own));
    }
}

#[test]
fn lblc_keeps_a_destination_where_it_is() {
    assert_eq!(director("lblc", &[1, 1]).sequence(3), [2, 2, 1]);
    assert_eq!(director("lblcr", &[1, 1]).sequence(3), [2, 2, 1]);
}

#[test]
fn names_are_those_of_schedulers() {
    assert!(NAMES.iter().all(|name| new(name).is_some()));
    assert!(new("nosuch").is_none());
}

/// A step in a service's life.
#[derive(Clone, Debug)]
enum Step {
    Add(u8, i32),
    Edit(u8, i32),
    Delete(u8),
    Connect(u16),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..6_u8, 0..5_i32).prop_map(|(n, weight)| Step::Add(n, weight)),
        (1..6_u8, 0..5_i32).prop_map(|(n, weight)| Step::Edit(n, weight)),
        (1..6_u8).prop_map(Step::Delete),
        any::<u16>().prop_map(Step::Connect),
        (0..200_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens to its servers, a scheduler chooses a usable one of the service's own, and the counters tell the truth.
    #[test]
    fn never_an_unusable_server(
        name in prop::sample::select(&NAMES[..]),
        flags in 0..4_u8,
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut director = with_flags(name, flags, &[]);
        let key = director.key;
        for step in steps {
            let limited = |n, weight| DestOptions { upper_threshold: 3, ..server(n, weight) };
            match step {
                Step::Add(n, weight) => _ = director.ipvs.add_dest(key, limited(n, weight)),
                Step::Edit(n, weight) => _ = director.ipvs.edit_dest(key, limited(n, weight)),
                Step::Delete(n) => _ = director.ipvs.delete_dest(key, &server(n, 0), director.now),
                Step::Wait(seconds) => director.wait(Span::from_secs(seconds)),
                Step::Connect(port) => {
                    let usable: Vec<Ipv4Addr> = {
                        let (_, dests) = director.ipvs.service(key).unwrap();
                        // lblc does not look at the thresholds of a server that it knows.
                        let may = |dest: &&&Dest| dest.is_usable() || name == "lblc" && dest.weight() > 0;
                        dests.iter().filter(may).map(|dest| dest.options().address).collect()
                    };
                    let client = SocketAddrV4::new(Ipv4Addr::from(u32::from(port) | 0x0a01_0000), port);
                    let is_known = director.ipvs.connections().any(|conn| conn.client() == client);
                    if !is_known && let Some(chosen) = director.open_from(client) {
                        prop_assert!(usable.contains(&rip(chosen)));
                    }
                }
            }
            let (_, dests) = director.ipvs.service(key).unwrap();
            for dest in dests {
                let of_dest = |conn: &&crate::ipvs::Conn| conn.server() == dest.endpoint();
                let active = director.ipvs.connections().filter(of_dest).filter(|conn| conn.state().is_active()).count();
                let all = director.ipvs.connections().filter(of_dest).count();
                prop_assert_eq!((dest.active() as usize, (dest.active() + dest.inactive()) as usize), (active, all));
            }
        }
    }

    /// Rounds of wrr are exact, whatever the weights.
    #[test]
    fn wrr_serves_by_weight(weights in prop::collection::vec(1..9_i32, 1..6)) {
        let mut director = director("wrr", &weights);
        let total: i32 = weights.iter().sum();
        // The first round is not a whole one.
        let first = director.sequence(total as u16);
        prop_assert_eq!(first.len(), total as usize);
        let served = director.sequence(3 * total as u16);
        for (n, weight) in weights.iter().enumerate() {
            let count = served.iter().filter(|chosen| **chosen == n as u8 + 1).count() as i32;
            prop_assert_eq!(count, 3 * weight, "of {:?}", weights);
        }
    }
}
