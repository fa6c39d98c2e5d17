//! Cables: how long a frame is under way, and whether it arrives.
//!
//! A cable is two [`Pipe`]s, one a direction, which do not influence each other. When a frame is put on one, everything
//! is decided at once: a pipe needs no events of its own, only the arrival.

use std::collections::VecDeque;

use super::sink::{End, Hop};
use crate::random::{self, RngExt, Stream};
use crate::reason::Loss;
use crate::time::{Span, Time};
use crate::wire::ETHERNET_LEN;

/// What a cable does to frames, in each direction by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkOptions {
    /// How long a frame travels once it is on the cable.
    pub latency: Span,
    /// Bits a second; none: frames take no time to send. Only the frame's own bytes count, as with tc's rate.
    pub bandwidth: Option<u64>,
    /// What may wait for a cable that has a bandwidth.
    pub queue: QueueLimit,
    /// The part of all frames that is lost, from 0 to 1.
    pub loss: f64,
    /// How much longer a frame may travel, by chance. Frames stay in order.
    pub jitter: Span,
    /// The part of all frames, from 0 to 1, that arrives without latency and jitter and so overtakes those under way,
    /// as netem's reorder does it.
    pub reorder: f64,
    /// The part of all frames that arrives twice, from 0 to 1.
    pub duplicate: f64,
    /// The largest IP datagram that fits, in bytes; none: any.
    pub mtu: Option<u32>,
}

/// How much may wait for a cable before frames are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueLimit {
    /// Bytes, what is left of the frame that is being sent included.
    Bytes(u64),
    /// Frames, the one that is being sent included.
    Frames(usize),
}

impl Default for LinkOptions {
    /// A short cable of endless bandwidth. The queue is Linux's default txqueuelen.
    fn default() -> LinkOptions {
        LinkOptions {
            latency: Span::from_micros(50),
            bandwidth: None,
            queue: QueueLimit::Frames(1000),
            loss: 0.0,
            jitter: Span::ZERO,
            reorder: 0.0,
            duplicate: 0.0,
            mtu: None,
        }
    }
}

/// One direction of a cable.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) from: End,
    pub(super) to: End,
    latency: Span,
    /// The longest frame that fits, in bytes.
    longest: usize,
    /// Whether the cable is plugged in at both ends.
    pub(super) plugged: bool,
    /// Whether the port at the sending end is switched on.
    pub(super) from_on: bool,
    /// Whether the port at the receiving end is switched on.
    pub(super) to_on: bool,
    sender: Option<Sender>,
    chance: Option<Box<Chance>>,
}

/// When a frame arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Time,
    /// Whether it arrives a second time.
    pub(super) twice: bool,
}

impl Pipe {
    /// `name` must be this pipe's alone: it picks the random numbers.
    pub(super) fn new(from: End, to: End, options: &LinkOptions, seed: u64, name: &str) -> Pipe {
        Pipe {
            from,
            to,
            latency: options.latency,
            longest: options.mtu.map_or(usize::MAX, |mtu| mtu as usize + ETHERNET_LEN),
            plugged: true,
            from_on: true,
            to_on: true,
            sender: options.bandwidth.map(|bandwidth| Sender::new(bandwidth, options.queue)),
            chance: Chance::is_wanted(options).then(|| Box::new(Chance::new(options, seed, name))),
        }
    }

    pub(super) fn hop(&self) -> Hop {
        Hop { from: self.from, to: Some(self.to) }
    }

    /// Whether the receiving end sees a carrier.
    pub(super) fn carrier(&self) -> bool {
        self.plugged && self.from_on
    }

    /// From now on this part of all frames is lost.
    pub(super) fn set_loss(&mut self, loss: f64, seed: u64, name: &str) {
        let chance = self.chance.get_or_insert_with(|| Box::new(Chance::new(&LinkOptions::default(), seed, name)));
        chance.loss.probability = loss.clamp(0.0, 1.0);
    }

    /// Puts a frame of this length on the cable.
    pub(super) fn admit(&mut self, now: Time, length: usize) -> Result<Arrival, Loss> {
        if !(self.plugged && self.from_on && self.to_on) {
            return Err(self.dead());
        }
        if length > self.longest {
            return Err(Loss::TooLong { length, mtu: (self.longest - ETHERNET_LEN) as u32 });
        }
        let departure = match &mut self.sender {
            Some(sender) => sender.send(now, length)?,
            None => now,
        };
        match &mut self.chance {
            Some(chance) => chance.arrival(departure, self.latency),
            None => Ok(Arrival { at: departure + self.latency, twice: false }),
        }
    }

    #[cold]
    fn dead(&self) -> Loss {
        if !self.from_on {
            Loss::PortOff
        } else if !self.plugged {
            Loss::CableCut
        } else {
            Loss::FarEndOff
        }
    }
}

/// The sending end of a pipe with a bandwidth: frames leave one after the other.
#[derive(Debug)]
struct Sender {
    bits_per_second: u64,
    queue: QueueLimit,
    /// When the last bit of the last frame has left.
    busy_until: Time,
    /// When each of the frames that wait will have left; kept only for a limit in frames.
    departures: VecDeque<Time>,
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Sender {
    fn new(bandwidth: u64, queue: QueueLimit) -> Sender {
        Sender { bits_per_second: bandwidth.max(1), queue, busy_until: Time::ZERO, departures: VecDeque::new() }
    }

    /// When a frame has left that is handed in now.
    fn send(&mut self, now: Time, length: usize) -> Result<Time, Loss> {
        let full = match self.queue {
            QueueLimit::Bytes(limit) => {
                self.busy_until > now && self.waiting_bytes(now).saturating_add(length as u64) > limit
            }
            QueueLimit::Frames(limit) => {
                while self.departures.front().is_some_and(|&left| left <= now) {
                    self.departures.pop_front();
                }
                !self.departures.is_empty() && self.departures.len() >= limit
            }
        };
        if full {
            return Err(Loss::QueueFull { waiting: self.waiting_bytes(now) });
        }
        let nanos = (length as u64).saturating_mul(8 * NANOS_PER_SECOND) / self.bits_per_second;
        self.busy_until = self.busy_until.max(now) + Span::from_nanos(nanos);
        if let QueueLimit::Frames(_) = self.queue {
            self.departures.push_back(self.busy_until);
        }
        Ok(self.busy_until)
    }

    /// Bytes that have not left yet.
    fn waiting_bytes(&self, now: Time) -> u64 {
        let nanos = u128::from(self.busy_until.since(now).as_nanos());
        let bytes = (nanos * u128::from(self.bits_per_second)).div_ceil(u128::from(8 * NANOS_PER_SECOND));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// What chance does to the frames of a pipe, one stream of random numbers an effect. One with probability 0 draws none.
#[derive(Debug)]
struct Chance {
    loss: Coin,
    duplicate: Coin,
    reorder: Coin,
    jitter: Span,
    jitter_stream: Stream,
    /// The latest arrival so far: jitter does not reorder.
    latest: Time,
}

impl Chance {
    fn is_wanted(options: &LinkOptions) -> bool {
        let possible = options.loss > 0.0 || options.duplicate > 0.0 || options.reorder > 0.0;
        possible || options.jitter > Span::ZERO
    }

    fn new(options: &LinkOptions, seed: u64, name: &str) -> Chance {
        Chance {
            loss: Coin::new(options.loss, random::stream(seed, "loss", name)),
            duplicate: Coin::new(options.duplicate, random::stream(seed, "duplicate", name)),
            reorder: Coin::new(options.reorder, random::stream(seed, "reorder", name)),
            jitter: options.jitter,
            jitter_stream: random::stream(seed, "jitter", name),
            latest: Time::ZERO,
        }
    }

    fn arrival(&mut self, departure: Time, latency: Span) -> Result<Arrival, Loss> {
        if self.loss.toss() {
            return Err(Loss::Chance);
        }
        let twice = self.duplicate.toss();
        if self.reorder.toss() {
            return Ok(Arrival { at: departure, twice });
        }
        self.latest = self.latest.max(departure + latency + self.draw_jitter());
        Ok(Arrival { at: self.latest, twice })
    }

    fn draw_jitter(&mut self) -> Span {
        if self.jitter == Span::ZERO {
            return Span::ZERO;
        }
        Span::from_nanos(self.jitter_stream.random_range(0..=self.jitter.as_nanos()))
    }
}

/// Something that happens with a probability.
#[derive(Debug)]
struct Coin {
    probability: f64,
    stream: Stream,
}

impl Coin {
    fn new(probability: f64, stream: Stream) -> Coin {
        Coin { probability: probability.clamp(0.0, 1.0), stream }
    }

    fn toss(&mut self) -> bool {
        self.probability > 0.0 && self.stream.random_bool(self.probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NodeId, Port};
    use crate::sim::Station;

    fn pipe(options: LinkOptions) -> Pipe {
        let [from, to] = [0, 1].map(|node| End { station: Station::Node(NodeId(node)), port: Port(0) });
        Pipe::new(from, to, &options, 1, "a:0 out")
    }

    fn micros(micros: u64) -> Time {
        Time::ZERO + Span::from_micros(micros)
    }

    fn arrivals(pipe: &mut Pipe, sent: impl IntoIterator<Item = Time>) -> Vec<Result<Time, Loss>> {
        sent.into_iter().map(|at| pipe.admit(at, 1000).map(|arrival| arrival.at)).collect()
    }

    #[test]
    fn a_plain_cable_only_takes_time() {
        let mut pipe = pipe(LinkOptions::default());
        assert_eq!(pipe.admit(micros(7), 9000), Ok(Arrival { at: micros(57), twice: false }));
    }

    #[test]
    fn frames_wait_for_the_one_before() {
        // 1000 bytes take 80 us at 100 Mbit/s.
        let mut pipe = pipe(LinkOptions { bandwidth: Some(100_000_000), ..LinkOptions::default() });
        let sent = [0, 0, 10, 300].map(micros);
        assert_eq!(arrivals(&mut pipe, sent), [130, 210, 290, 430].map(|at| Ok(micros(at))));
    }

    #[test]
    fn what_does_not_fit_into_the_queue_is_lost() {
        let options = LinkOptions { bandwidth: Some(100_000_000), latency: Span::ZERO, ..LinkOptions::default() };
        let mut frames = pipe(LinkOptions { queue: QueueLimit::Frames(2), ..options.clone() });
        let mut bytes = pipe(LinkOptions { queue: QueueLimit::Bytes(2500), ..options.clone() });
        let mut none = pipe(LinkOptions { queue: QueueLimit::Bytes(0), ..options });
        let sent = [0, 0, 0, 79, 80].map(micros);
        let full = |waiting| Err(Loss::QueueFull { waiting });
        let at = |time| Ok(micros(time));
        assert_eq!(arrivals(&mut frames, sent), [at(80), at(160), full(2000), full(1013), at(240)]);
        assert_eq!(arrivals(&mut bytes, sent), [at(80), at(160), full(2000), at(240), full(2000)]);
        assert_eq!(arrivals(&mut none, sent), [at(80), full(1000), full(1000), full(13), at(160)]);
    }

    #[test]
    fn jitter_keeps_the_order_and_stays_in_its_bounds() {
        let mut pipe = pipe(LinkOptions { jitter: Span::from_micros(500), ..LinkOptions::default() });
        let arrived = arrivals(&mut pipe, (0..1000).map(|n| micros(n * 200)));
        assert!(arrived.is_sorted_by_key(|at| at.unwrap()));
        let delays: Vec<u64> =
            (0..).zip(&arrived).map(|(n, at)| at.unwrap().since(micros(n * 200)).as_nanos() / 1000).collect();
        assert!(delays.iter().all(|delay| (50..=550).contains(delay)));
        assert!(delays.iter().min() < Some(&200) && delays.iter().max() > Some(&500));
    }

    #[test]
    fn chance_keeps_to_its_odds_and_repeats_itself() {
        let options = LinkOptions { loss: 0.1, duplicate: 0.2, reorder: 0.3, ..LinkOptions::default() };
        let draw = || {
            let mut pipe = pipe(options.clone());
            (0..10_000).map(|n| pipe.admit(micros(n), 100)).collect::<Vec<_>>()
        };
        let drawn = draw();
        assert_eq!(drawn, draw());
        let share = |test: &dyn Fn(usize, &Result<Arrival, Loss>) -> bool| {
            drawn.iter().enumerate().filter(|(n, result)| test(*n, result)).count() as f64 / drawn.len() as f64
        };
        let lost = share(&|_, result| *result == Err(Loss::Chance));
        let twice = share(&|_, result| result.is_ok_and(|arrival| arrival.twice));
        let overtook = share(&|n, result| result.is_ok_and(|arrival| arrival.at == micros(n as u64)));
        assert!((lost - 0.1).abs() < 0.02 && (twice - 0.18).abs() < 0.02 && (overtook - 0.27).abs() < 0.02);
    }

    #[test]
    fn impossible_odds_are_harmless() {
        for odds in [-1.0, f64::NAN, f64::INFINITY, 2.0] {
            let mut pipe = pipe(LinkOptions { loss: odds, bandwidth: Some(0), ..LinkOptions::default() });
            assert_eq!(pipe.admit(micros(0), 60).is_err(), odds > 0.0, "{odds}");
        }
    }

    #[test]
    fn the_mtu_is_that_of_the_datagram() {
        let mut pipe = pipe(LinkOptions { mtu: Some(1500), ..LinkOptions::default() });
        assert!(pipe.admit(micros(0), 1514).is_ok());
        assert_eq!(pipe.admit(micros(0), 1515), Err(Loss::TooLong { length: 1515, mtu: 1500 }));
    }
}
