//! What holds for any routers, any messages and any times.

use proptest::prelude::*;

use super::tests::{NoFiles, arrival};
use super::*;
use crate::keepalived::conf::{self, Config};

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 200, n)
}

fn link(n: u8, is_up: bool) -> Link {
    Link { name: "eth0".to_owned(), is_up, arp: true, addresses: vec![address(n)] }
}

fn config(lines: &str) -> Config {
    let text = format!(
        "vrrp_script s {{\nscript true\n}}\ntrack_file f {{\nfile /f\nweight 3\n}}\nvrrp_instance VI_1 {{\ninterface eth0\n\
         virtual_router_id 51\nvirtual_ipaddress {{\n192.168.200.16\n}}\n{lines}\n}}"
    );
    conf::parse(&text, "ds", &mut NoFiles).0
}

/// Routers on one wire: it carries everything at once, or nothing.
struct Wire {
    machines: Vec<Vrrp>,
    now: Time,
    is_cut: bool,
}

impl Wire {
    fn new(lines: &[String]) -> Wire {
        let machine =
            |(n, lines): (usize, &String)| Vrrp::new(&config(lines), vec![link(n as u8 + 11, true)], &[], &[]);
        let mut machines: Vec<Vrrp> = lines.iter().enumerate().map(machine).collect();
        machines.iter_mut().for_each(|machine| machine.start(Time::ZERO));
        Wire { machines, now: Time::ZERO, is_cut: false }
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(at) = self.machines.iter().filter_map(Vrrp::next_deadline).min().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            for n in 0..self.machines.len() {
                self.machines[n].tick(self.now);
                self.deliver(n);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, from: usize) {
        for effect in self.machines[from].take_effects() {
            let Effect::Send(message) = effect else { continue };
            let others = if self.is_cut { 0 } else { self.machines.len() };
            for n in (0..others).filter(|n| *n != from) {
                self.machines[n].receive("eth0", &arrival(&message), self.now);
                self.deliver(n);
            }
        }
    }

    fn masters(&self) -> Vec<usize> {
        let is_master = |n: &usize| self.machines[*n].routers()[0].state() == State::Master;
        (0..self.machines.len()).filter(is_master).collect()
    }
}

prop_compose! {
    fn lines(version: u8)(
        priority in 1u8..=254,
        nopreempt in any::<bool>(),
        delay in prop_oneof![Just(0), 0u32..4],
        quiet in any::<bool>(),
        higher in any::<bool>(),
        adverts in 1u32..5,
    ) -> String {
        let stubborn = if nopreempt { "nopreempt".to_owned() } else { format!("preempt_delay {delay}") };
        let (quiet, higher) = (if quiet { "on" } else { "off" }, if higher { "on" } else { "off" });
        format!(
            "state BACKUP\nversion {version}\npriority {priority}\n{stubborn}\nlower_prio_no_advert {quiet}\n\
             higher_prio_send_advert {higher}\ndown_timer_adverts {adverts}"
        )
    }
}

fn routers() -> impl Strategy<Value = Vec<String>> {
    (2u8..=3).prop_flat_map(|version| proptest::collection::vec(lines(version), 2..4))
}

proptest! {
    /// Two masters that hear one another: one of them yields within two intervals, whatever their rules.
    #[test]
    fn no_two_masters_hear_one_another_for_long(lines in routers(), cuts in proptest::collection::vec(0u64..20_000, 1..5)) {
        let mut wire = Wire::new(&lines);
        wire.pass(Span::from_secs(20));
        prop_assert_eq!(wire.masters().len(), 1);
        for cut in cuts {
            wire.is_cut = true;
            wire.pass(Span::from_millis(cut));
            wire.is_cut = false;
            wire.pass(Span::from_millis(2100));
            prop_assert!(wire.masters().len() <= 1, "{:?} after a cut of {} ms", wire.masters(), cut);
        }
        wire.pass(Span::from_secs(20));
        prop_assert_eq!(wire.masters().len(), 1);
    }

    /// Without nopreempt, the greatest priority is master in the end; among equals, one of them.
    #[test]
    fn the_greatest_priority_is_master_in_the_end(priorities in proptest::collection::vec(1u8..=254, 2..4)) {
        let lines: Vec<String> = priorities.iter().map(|priority| format!("priority {priority}")).collect();
        let mut wire = Wire::new(&lines);
        wire.pass(Span::from_secs(15));
        let masters = wire.masters();
        prop_assert_eq!(masters.len(), 1);
        prop_assert_eq!(priorities.iter().max(), Some(&priorities[masters[0]]));
    }

    /// What one writes, the other reads.
    #[test]
    fn advertisements_are_understood(
        vips in proptest::collection::vec(any::<u32>(), 0..30),
        seconds in 1u64..=40,
        kind in 0u8..4,
        priority in any::<u8>(),
    ) {
        let addresses: Vec<String> = vips.iter().map(|vip| Ipv4Addr::from(*vip).to_string()).collect();
        let more = match kind {
            0 => "version 3",
            1 => "authentication {\nauth_type PASS\nauth_pass 12\n}",
            2 => "authentication {\nauth_type AH\nauth_pass 12\n}",
            _ => "",
        };
        let text = format!("advert_int {seconds}\nvirtual_ipaddress {{\n{}\n}}\n{more}", addresses.join("\n"));
        let new = |n| Vrrp::new(&config(&text), vec![link(n, true)], &[], &[]);
        let (mut one, mut other) = (new(11), new(12));
        one.start(Time::ZERO);
        one.take_effects();
        one.advertise(0, priority);
        let sent = one.take_effects();
        let Some(Effect::Send(message)) = sent.first() else { return Err(TestCaseError::fail("nothing sent")) };
                let advert = packet::read(&mut other.routers[0], &arrival(message), false);
        prop_assert_eq!(advert.map(|advert| (advert.priority, advert.interval)), Ok((priority, Span::from_secs(seconds))));
    }

    /// Any bytes, any events, any times: an answer, never a panic, and never a deadline that does not move.
    #[test]
    fn nothing_is_too_strange(
        extreme in 0usize..6,
        events in proptest::collection::vec((0u8..9, any::<u64>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..60),
    ) {
        let more = [
            "advert_int 255\ndown_timer_adverts 100\npriority 1",
            "version 3\nadvert_int 0.01\npriority 254",
            "version 3\nadvert_int 40.95\ndown_timer_adverts 100",
            "garp_master_delay 4294\ngarp_master_repeat 3\ngarp_master_refresh 4294\ngarp_lower_prio_delay 4294",
            "priority 255\ntrack_script {\ns weight 0\n}\ntrack_file {\nf weight 0\n}",
            "state BACKUP\npreempt_delay 1000\ntrack_script {\ns weight -253 reverse\n}\ntrack_file {\nf weight 254\n}",
        ][extreme];
        let config = config(more);
        let mut vrrp = Vrrp::new(&config, vec![link(11, true)], &[], &[]);
        let mut now = Time::ZERO;
        vrrp.start(now);
        for (kind, number, bytes) in events {
            match kind {
                0 => {
                    let is_sealed = number % 2 == 1;
                    let arrival = Arrival {
                        source: address(number as u8),
                        destination: Ipv4Addr::new(224, 0, 0, 18),
                        ttl: 255,
                        id: 7,
                        is_sealed,
                        payload: &bytes,
                    };
                    vrrp.receive("eth0", &arrival, now);
                }
                1 => vrrp.links(vec![link(11, number % 2 == 0)], now),
                2 => vrrp.links(Vec::new(), now),
                3 => vrrp.script(0, Outcome::Exited(number as i32 % 2), now),
                4 => vrrp.file(0, number.cast_signed(), now),
                5 => vrrp.lose_address(number as usize % 2, now),
                6 => vrrp.reload(&config, &[number.cast_signed()], &[], now),
                7 => now += Span::from_nanos(number % 1_000_000_000_000),
                _ => vrrp.stop(),
            }
            vrrp.tick(now);
            vrrp.take_effects();
            prop_assert!(vrrp.next_deadline().is_none_or(|at| at > now));
        }
    }
}
