//! Defences against floods: update_defense_level and ip_vs_random_dropentry.

use super::Ipvs;
use super::conn::{Conn, ConnId};
use super::state::State;
use super::{sctp, tcp};
use crate::time::{Span, Time};

/// How often the defences are looked at (DEFENSE_TIMER_PERIOD).
const PERIOD: Span = Span::from_secs(1);

/// Pages of free memory, of which a lab's machine never uses any: one GiB. Modes 1 and 2 compare amemthresh with it.
const FREE_PAGES: i64 = 1 << 18;

/// An entry younger than this is left alone, so that ordinary connections come through.
const QUIET: Span = Span::from_secs(60);

/// An entry with more packets than so many has shown that somebody means it (todrop_rate).
const FEW_PACKETS: usize = 8;

/// What the defences remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Defence {
    /// Counts packets without a connection down to the next one that is dropped.
    packets: i64,
    /// The same for entries, by the number of their packets.
    entries: [usize; FEW_PACKETS + 1],
    /// When entries are dropped next, if they are at all.
    next_look: Option<Time>,
}

impl Defence {
    pub fn next_deadline(&self) -> Option<Time> {
        self.next_look
    }

    /// Whether it is an entry's turn (todrop_entry): of those with n packets every n-th goes.
    fn is_due(&mut self, conn: &Conn, now: Time) -> bool {
        let packets = conn.packets as usize;
        if conn.timeout < conn.remaining(now) + QUIET || packets == 0 || packets > FEW_PACKETS {
            return false;
        }
        let left = &mut self.entries[packets];
        *left = left.saturating_sub(1);
        let is_due = *left == 0;
        if is_due {
            *left = packets;
        }
        is_due
    }
}

impl Ipvs {
    /// Whether a defence of this mode is on: 3 always, 1 and 2 while memory is short.
    pub(super) fn is_defending(&self, mode: i64) -> bool {
        mode == 3 || matches!(mode, 1 | 2) && self.is_memory_short()
    }

    fn is_memory_short(&self) -> bool {
        FREE_PAGES < self.config.amemthresh
    }

    /// One in how many packets without a connection drop_packet drops; none if it is off.
    pub(super) fn drop_rate(&self) -> Option<i64> {
        let rate = match self.config.drop_packet {
            3 => self.config.am_droprate,
            mode if self.is_defending(mode) => self.config.amemthresh / (self.config.amemthresh - FREE_PAGES),
            _ => 0,
        };
        (rate != 0).then_some(rate)
    }

    /// Whether drop_packet drops this packet (ip_vs_todrop).
    pub(super) fn is_dropped_in_defence(&mut self) -> bool {
        let Some(rate) = self.drop_rate() else { return false };
        self.defence.packets -= 1;
        let drops = self.defence.packets <= 0;
        if drops {
            self.defence.packets = rate;
        }
        drops
    }

    /// The settings have been changed: automatic modes say whether they are on, and entries begin or cease to be dropped.
    pub fn settings_changed(&mut self, now: Time) {
        let automatic = if self.is_memory_short() { 2 } else { 1 };
        let config = &mut self.config;
        for mode in [&mut config.drop_entry, &mut config.drop_packet, &mut config.secure_tcp] {
            if matches!(*mode, 1 | 2) {
                *mode = automatic;
            }
        }
        let next = Time::ZERO + PERIOD.times(now.since(Time::ZERO).as_nanos() / PERIOD.as_nanos() + 1);
        let is_on = self.is_defending(self.config.drop_entry);
        self.defence.next_look = is_on.then(|| self.defence.next_look.unwrap_or(next));
    }

    /// Drops entries of which it is the time (ip_vs_random_dropentry): in buckets drawn by lot, a 32nd of the table.
    pub(super) fn drop_entries(&mut self, now: Time) {
        let Some(mut next) = self.defence.next_look.filter(|at| *at <= now) else { return };
        let size = self.conns.listed_size();
        for _ in 0..size / 32 {
            let bucket = self.chance.below(u64::from(size)) as u32;
            for id in self.conns.in_bucket(bucket) {
                if self.is_entry_to_drop(id, now) {
                    self.delete_conn(id, now);
                }
            }
        }
        while next <= now {
            next += PERIOD;
        }
        self.defence.next_look = Some(next);
    }

    fn is_entry_to_drop(&mut self, id: ConnId, now: Time) -> bool {
        // It may have gone as the template of one before it.
        let Some(conn) = self.conns.get(id).filter(|conn| conn.special.slaves == 0) else { return false };
        match conn.state {
            State::Template { is_assured } if !self.schedules_each_packet(conn) => !is_assured,
            State::Tcp(tcp::State::SynReceived | tcp::State::SynAck) => true,
            State::Sctp(sctp::State::Init1 | sctp::State::Init) => true,
            State::Tcp(tcp::State::Established) | State::Sctp(sctp::State::Established) => {
                self.defence.is_due(conn, now)
            }
            State::Tcp(_) | State::Sctp(_) => false,
            State::Udp | State::Template { .. } | State::Other => self.defence.is_due(conn, now),
        }
    }

    /// Whether the service behind an entry schedules every datagram by itself (ip_vs_conn_ops_mode).
    pub(super) fn schedules_each_packet(&self, conn: &Conn) -> bool {
        let service = conn.dest.and_then(|dest| self.services.get(self.dest(dest).service));
        service.is_some_and(|service| service.options.one_packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::ServiceOptions;
    use crate::ipvs::tcp::flags::{ACK, SYN};
    use crate::ipvs::tests::Director;
    use crate::ipvs::{Persistence, Verdict};

    fn set(director: &mut Director, change: impl FnOnce(&mut crate::ipvs::Config)) {
        change(&mut director.ipvs.config);
        director.ipvs.settings_changed(director.now);
    }

    /// How many of so many SYNs are dropped.
    fn dropped(director: &mut Director, count: u16) -> usize {
        (0..count).filter(|port| director.send(*port, SYN) == Verdict::Drop).count()
    }

    #[test]
    fn drop_packet_drops_one_in_am_droprate() {
        let mut director = Director::rr(&[1]);
        set(&mut director, |config| config.drop_packet = 3);
        assert_eq!(dropped(&mut director, 100), 10);
        let mut director = Director::rr(&[1]);
        set(&mut director, |config| (config.drop_packet, config.am_droprate) = (3, 4));
        assert_eq!(dropped(&mut director, 100), 25);
        let mut director = Director::rr(&[1]);
        set(&mut director, |config| (config.drop_packet, config.am_droprate) = (3, 0));
        assert_eq!(dropped(&mut director, 100), 0);
    }

    #[test]
    fn automatic_modes_look_at_memory() {
        let mut director = Director::rr(&[1]);
        set(&mut director, |config| (config.drop_packet, config.secure_tcp) = (2, 2));
        assert_eq!((director.ipvs.config.drop_packet, director.ipvs.config.secure_tcp), (1, 1));
        assert_eq!(dropped(&mut director, 100), 0);
        // Two thirds of what should be free are.
        let mut director = Director::rr(&[1]);
        set(&mut director, |config| (config.drop_packet, config.amemthresh) = (1, FREE_PAGES * 3 / 2));
        assert_eq!(director.ipvs.config.drop_packet, 2);
        assert_eq!(dropped(&mut director, 99), 33);
    }

    #[test]
    fn drop_entry_takes_half_open_connections_first() {
        let mut director = Director::rr(&[1]);
        for port in 1000..1200 {
            director.open(port);
            if port % 2 == 0 {
                director.send(port, ACK);
            }
        }
        set(&mut director, |config| config.drop_entry = 3);
        (0..40).for_each(|_| director.wait(Span::from_secs(1)));
        let states = director.states();
        assert_eq!(states.iter().filter(|state| **state == "ESTABLISHED").count(), 100);
        let half_open = states.len() - 100;
        // A 32nd of the table a second: after 40 seconds some two thirds are gone.
        assert!((10..70).contains(&half_open), "{half_open}");
        // A minute after their second packet half of the established ones go, too; every second one is spared once.
        (0..150).for_each(|_| director.wait(Span::from_secs(1)));
        assert!(director.states().len() < 20, "{:?}", director.states().len());
    }

    #[test]
    fn a_template_that_nobody_confirmed_goes_with_its_connection() {
        let persistence = Some(Persistence { timeout: Span::from_secs(100) });
        let options = ServiceOptions { persistence, ..ServiceOptions::default() };
        let mut director = Director::new("rr", options, &[1]);
        director.open(1000);
        assert_eq!(director.ipvs.connections().count(), 2);
        set(&mut director, |config| config.drop_entry = 3);
        while director.ipvs.connections().count() == 2 {
            director.wait(Span::from_secs(1));
        }
        assert!(director.now < Time::ZERO + Span::from_secs(59), "dropped, rather than expired");
        assert_eq!((director.ipvs.connections().count(), director.counts(1)), (0, (0, 0, 0)));
    }
}
