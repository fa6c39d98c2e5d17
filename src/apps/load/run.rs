//! A run of load: requests begin at their times, and are followed to their ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;
use slab::Slab;

use super::clients::Clients;
use super::flight::{Flight, Link, Phase, Progress};
use super::options::{Arrivals, Options};
use super::report::Report;
use crate::host::net::{TcpStream, UdpSocket};
use crate::host::process::Sys;
use crate::host::{Bind, Errno, SocketId};
use crate::random::{self, Stream};
use crate::time::{Span, Time};

/// A run, and the requests under way.
pub(super) struct Run {
    sys: Sys,
    options: Options,
    began: Time,
    next_arrival: Option<Time>,
    started: u64,
    clients: Option<Clients>,
    flights: Slab<Flight>,
    /// Flights that something may happen to, by their sockets.
    expecting: FxHashMap<SocketId, u32>,
    /// When flights want to be looked at, whatever happens. A flight that has another time in mind by then is left alone.
    timers: BinaryHeap<Reverse<(Time, u32)>>,
    arrivals: Stream,
    holds: Stream,
    report: Report,
}

impl Run {
    pub fn new(sys: &Sys, options: Options) -> Run {
        let (now, arrivals, holds) =
            sys.with(|kernel| (kernel.now, kernel.stream("load arrivals"), kernel.stream("load holds")));
        Run {
            sys: sys.clone(),
            began: now,
            next_arrival: Some(now).filter(|_| options.requests > 0),
            started: 0,
            clients: options.clients.map(Clients::new),
            flights: Slab::new(),
            expecting: FxHashMap::default(),
            timers: BinaryHeap::new(),
            arrivals,
            holds,
            report: Report::default(),
            options,
        }
    }

    /// Goes on until the last request has come to its end.
    pub async fn finish(&mut self) {
        loop {
            let now = self.sys.now();
            while self.next_arrival.is_some_and(|at| at <= now) {
                self.begin(now);
                self.schedule_arrival();
            }
            for socket in self.sys.take_ready() {
                if let Some(&place) = self.expecting.get(&socket) {
                    self.look(place, now);
                }
            }
            self.fire_timers(now);
            if self.next_arrival.is_none() && self.flights.is_empty() {
                return self.report.end(now.since(self.began));
            }
            let timer = self.timers.peek().map(|Reverse((at, _))| *at);
            let next = [self.next_arrival, timer].into_iter().flatten().min();
            self.sys.wait(&[], next).await;
        }
    }

    /// What has come of it.
    pub fn report(&mut self) -> String {
        self.report.text(&self.options)
    }

    fn schedule_arrival(&mut self) {
        let Some(last) = self.next_arrival else { return };
        let gap = match self.options.arrivals {
            Arrivals::Constant => self.options.gap,
            Arrivals::Poisson => Span::from_nanos(random::exponential(&mut self.arrivals, self.options.gap.as_nanos())),
        };
        let next = last + gap;
        let is_late = self.options.duration.is_some_and(|duration| next >= self.began + duration);
        self.next_arrival = Some(next).filter(|_| !is_late && self.started < self.options.requests);
    }

    /// The next request begins.
    fn begin(&mut self, now: Time) {
        let client = self.clients.as_ref().map(|clients| clients.of_request(self.started));
        self.started += 1;
        self.report.sent += 1;
        let (link, phase) = match self.open(client) {
            Ok(opened) => opened,
            Err(error) => return self.report.failed(error),
        };
        let socket = link.id();
        let flight = Flight { link, phase, since: now, spent: Span::ZERO, wake: now, answer: None };
        let place = self.flights.insert(flight) as u32;
        self.expect(socket, place, now);
    }

    fn open(&self, client: Option<Ipv4Addr>) -> Result<(Link, Phase), Errno> {
        let local = Bind { address: client, ..Bind::ANY };
        if !self.options.udp {
            let stream = TcpStream::begin(&self.sys, local, self.options.remote)?;
            return Ok((Link::Tcp(stream), Phase::Opening));
        }
        let socket = UdpSocket::bind(&self.sys, local)?;
        socket.connect(self.options.remote)?;
        socket.send(&self.options.request)?;
        Ok((Link::Udp(socket), Phase::Asked))
    }

    /// From now on something may happen to a flight, but not for ever.
    fn expect(&mut self, socket: SocketId, place: u32, now: Time) {
        self.expecting.insert(socket, place);
        self.sys.watch(socket);
        self.set_timer(place, now + self.options.timeout);
    }

    fn set_timer(&mut self, place: u32, at: Time) {
        self.flights[place as usize].wake = at;
        self.timers.push(Reverse((at, place)));
    }

    fn stop_expecting(&mut self, place: u32) {
        let socket = self.flights[place as usize].link.id();
        self.expecting.remove(&socket);
        self.sys.unwatch(socket);
    }

    fn look(&mut self, place: u32, now: Time) {
        let flight = &mut self.flights[place as usize];
        match flight.look(self.options.keep_alive) {
            Progress::Wait => {}
            Progress::Failed(error) => {
                self.report.failed(error);
                self.end(place);
            }
            Progress::Open => {
                flight.spent = now.since(flight.since);
                if self.options.keep_alive { self.ask(place, now) } else { self.hold(place, Phase::Holding, now) }
            }
            Progress::Answered => {
                let spent = flight.spent + now.since(flight.since);
                let answer = flight.answer.take().unwrap_or_default();
                self.report.answered(answer.server(), spent);
                match self.options.keep_alive && matches!(flight.link, Link::Tcp(_)) {
                    true => self.hold(place, Phase::Keeping, now),
                    false => self.end(place),
                }
            }
        }
    }

    /// The connection stays open for a while, and nobody looks at it.
    fn hold(&mut self, place: u32, phase: Phase, now: Time) {
        let until = now + self.options.hold.draw(&mut self.holds);
        self.stop_expecting(place);
        let flight = &mut self.flights[place as usize];
        (flight.phase, flight.since) = (phase, now);
        if until > now {
            return self.set_timer(place, until);
        }
        self.release(place, now);
    }

    /// The time of holding is over.
    fn release(&mut self, place: u32, now: Time) {
        if self.flights[place as usize].phase == Phase::Holding {
            self.ask(place, now);
        } else {
            self.end(place);
        }
    }

    fn ask(&mut self, place: u32, now: Time) {
        let flight = &mut self.flights[place as usize];
        (flight.phase, flight.since) = (Phase::Asked, now);
        let Link::Tcp(stream) = &flight.link else { return };
        let (written, socket) = (stream.try_write(&self.options.request), stream.id());
        // A new connection has room for a request in its send buffer.
        if let Err(error) = written {
            self.report.failed(error);
            return self.end(place);
        }
        self.expect(socket, place, now);
    }

    fn end(&mut self, place: u32) {
        self.stop_expecting(place);
        self.flights.remove(place as usize);
    }

    fn fire_timers(&mut self, now: Time) {
        while let Some(&Reverse((at, place))) = self.timers.peek().filter(|Reverse((at, _))| *at <= now) {
            self.timers.pop();
            match self.flights.get(place as usize).filter(|flight| flight.wake == at).map(|flight| flight.phase) {
                None => {}
                Some(Phase::Holding | Phase::Keeping) => self.release(place, now),
                Some(Phase::Opening | Phase::Asked) => {
                    self.report.failed(Errno::WouldBlock);
                    self.end(place);
                }
            }
        }
    }
}
