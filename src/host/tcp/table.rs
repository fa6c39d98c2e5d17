//! All TCP sockets of a host: which segment is whose, and what becomes of sockets that have done their work.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;
use slab::Slab;
use smallvec::SmallVec;

use super::connection::{Clock, Connection, Context, Opening, State};
use super::counters::TcpCounters;
use super::lookup::Established;
use super::output::Outgoing;
use super::ports::{Claim, Ports, Sharing, Starts};
use super::request::{Handshake, Listener, Request};
use super::segment::{Flags, Header, Segment, Seq, Tuple};
use super::settings::Settings;
use super::timewait::{Fate, TimeWait};
use crate::host::interface::IfIndex;
use crate::host::process::{Scheduler, WaitOn};
use crate::host::socket::SocketId;
use crate::host::timer::{Timer, Timers};
use crate::random::{self, RngExt, Stream};
use crate::reason::{Drop, IpDrop, Note, Reset, Tcp as TcpNote, TransportDrop};
use crate::sim::Outbox;
use crate::time::Time;

/// The TCP sockets of a host.
#[derive(Debug)]
pub struct Tcp {
    pub(super) sockets: Slab<Entry>,
    pub(super) established: Established,
    listeners: FxHashMap<u16, SmallVec<[SocketId; 1]>>,
    pub(super) ports: Ports,
    pub(super) starts: Starts,
    pub(super) outgoing: Outgoing,
    /// Segments are being handed to IP: whoever makes more need not do it again.
    pub(super) transmitting: bool,
    pub(super) counters: TcpCounters,
    pub(super) settings: Settings,
    random: Stream,
    isn_secret: u64,
    clock_secret: u64,
}

/// A socket, and when its timer will fire next.
#[derive(Debug)]
pub(super) struct Entry {
    pub socket: Socket,
    armed: Option<Time>,
}

/// The kinds of sockets. Boxed, since a busy server has many that are small.
#[derive(Debug)]
pub(super) enum Socket {
    Listener(Box<Listener>),
    Request(Box<Request>),
    Connection(Box<Connection>),
    TimeWait(Box<TimeWait>),
}

impl Socket {
    fn deadline(&self) -> Option<Time> {
        match self {
            Socket::Listener(_) => None,
            Socket::Request(request) => Some(request.deadline),
            Socket::Connection(connection) => connection.deadlines.earliest(),
            Socket::TimeWait(time_wait) => Some(time_wait.deadline),
        }
    }

    /// What segments find it by, unless it waits for those of everybody.
    pub fn ends(&self) -> Option<&Tuple> {
        match self {
            Socket::Listener(_) => None,
            Socket::Request(request) => Some(&request.opening.tuple),
            Socket::Connection(connection) => Some(&connection.tuple),
            Socket::TimeWait(time_wait) => Some(&time_wait.tuple),
        }
    }

    fn claim(&self) -> Option<Claim> {
        let shared = |reuse| if reuse { Sharing::Shared } else { Sharing::Exclusive };
        let claim = |address, device, port, sharing| Some(Claim { address, device, port, sharing });
        match self {
            Socket::Listener(listener) => claim(listener.address, listener.device, listener.port, Sharing::Listening),
            Socket::Request(_) => None,
            Socket::Connection(it) => claim(Some(it.tuple.local), it.device, it.tuple.local_port, shared(it.reuse)),
            Socket::TimeWait(it) => claim(Some(it.tuple.local), it.device, it.tuple.local_port, shared(it.reuse)),
        }
    }
}

/// What TCP needs of the rest of the kernel while it handles an event.
pub(super) struct Surroundings<'a> {
    pub now: Time,
    pub timers: &'a mut Timers,
    pub scheduler: &'a mut Scheduler,
    pub notes: &'a mut Outbox,
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp::new(random::stream(0, "tcp", ""))
    }
}

impl Tcp {
    /// No sockets yet. Initial numbers and ports come from `random`.
    pub fn new(mut random: Stream) -> Tcp {
        let (isn_secret, clock_secret) = (random.random(), random.random());
        Tcp {
            sockets: Slab::new(),
            established: Established::default(),
            listeners: FxHashMap::default(),
            ports: Ports::default(),
            starts: Starts::default(),
            outgoing: Outgoing::default(),
            transmitting: false,
            counters: TcpCounters::default(),
            settings: Settings::default(),
            random,
            isn_secret,
            clock_secret,
        }
    }

    pub(super) fn draw(&mut self) -> u32 {
        self.random.random()
    }

    /// What a new connection begins with (secure_tcp_seq, secure_tcp_ts_off): ISNs advance every 64 ns, so that those of
    /// a later connection of the same two ends are higher. Timestamps have their own offset for each pair of ends, ports
    /// included, as recorded of 6.1.
    pub(super) fn opening(&mut self, tuple: Tuple, device: Option<IfIndex>, mtu: u32, now: Time) -> Opening {
        Opening {
            tuple,
            device,
            mark: 0,
            mtu,
            isn: Seq((tuple.mix(self.isn_secret) as u32).wrapping_add((now.as_nanos() >> 6) as u32)),
            ip_id: self.random.random(),
            clock: Clock {
                offset: tuple.mix(self.clock_secret) as u32,
                recent: None,
                enabled: self.settings.timestamps,
            },
        }
    }

    /// __inet_check_established: whether no other connection has these ends, or only one that may be replaced.
    pub(super) fn is_unique(&self, tuple: &Tuple, bound: bool, now: Time) -> bool {
        let Some(id) = self.established.find(&self.sockets, tuple) else { return true };
        match &self.sockets[id.0 as usize].socket {
            Socket::TimeWait(time_wait) if bound => time_wait.may_be_reused_by_bound(),
            Socket::TimeWait(time_wait) => time_wait.may_be_reused(self.settings.time_wait_reuse, now),
            _ => false,
        }
    }

    /// Removes what is left of an older connection of these ends; where the numbers of a new one begin.
    pub(super) fn retire_time_wait(&mut self, tuple: &Tuple) -> Option<Seq> {
        let id = self.established.find(&self.sockets, tuple)?;
        let Socket::TimeWait(time_wait) = &self.sockets[id.0 as usize].socket else { return None };
        let isn = time_wait.next_isn();
        self.remove(id);
        Some(isn)
    }

    pub(super) fn insert(&mut self, socket: Socket, automatic: bool) -> SocketId {
        if let Some(claim) = socket.claim() {
            self.ports.claim(claim, automatic);
        }
        if let Socket::Listener(listener) = &socket {
            let port = listener.port;
            let id = SocketId(self.sockets.insert(Entry { socket, armed: None }) as u32);
            self.listeners.entry(port).or_default().push(id);
            return id;
        }
        SocketId(self.sockets.insert(Entry { socket, armed: None }) as u32)
    }

    fn remove(&mut self, id: SocketId) {
        self.unhash(id);
        let Some(entry) = self.sockets.try_remove(id.0 as usize) else { return };
        if let Socket::Listener(listener) = entry.socket
            && let Some(ids) = self.listeners.get_mut(&listener.port)
        {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.listeners.remove(&listener.port);
            }
        }
    }

    /// Takes a socket out of the tables that segments and ports are looked up in.
    fn unhash(&mut self, id: SocketId) {
        let Some(entry) = self.sockets.get(id.0 as usize) else { return };
        if let Some(tuple) = entry.socket.ends()
            && !self.established.remove(tuple, id)
        {
            return;
        }
        if let Some(claim) = entry.socket.claim() {
            self.ports.release(claim);
        }
    }

    pub(super) fn connection(&mut self, id: SocketId) -> Option<&mut Connection> {
        match self.sockets.get_mut(id.0 as usize)?.socket {
            Socket::Connection(ref mut connection) => Some(connection),
            _ => None,
        }
    }

    pub(super) fn listener(&mut self, id: SocketId) -> Option<&mut Listener> {
        match self.sockets.get_mut(id.0 as usize)?.socket {
            Socket::Listener(ref mut listener) => Some(listener),
            _ => None,
        }
    }

    /// Lets a connection do something, and sees to what follows from it.
    pub(super) fn with_connection<R>(
        &mut self,
        id: SocketId,
        around: &mut Surroundings<'_>,
        act: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let Tcp { sockets, outgoing, counters, settings, .. } = self;
        let Socket::Connection(connection) = &mut sockets.get_mut(id.0 as usize)?.socket else { return None };
        let mut cx = Context { now: around.now, outgoing, counters, settings, notes: around.notes };
        let result = act(connection, &mut cx);
        self.settle(id, around);
        Some(result)
    }

    /// After something has happened to a connection: wakes its program, moves it on to what comes after, sets its timer.
    fn settle(&mut self, id: SocketId, around: &mut Surroundings<'_>) {
        let Some(connection) = self.connection(id) else { return };
        if std::mem::take(&mut connection.changed) {
            around.scheduler.wake(WaitOn::Socket(id));
        }
        let orphan = connection.is_orphan();
        match connection.state {
            State::TimeWait => self.enter_time_wait(id, around),
            State::FinWait2 if orphan => self.enter_time_wait(id, around),
            State::Closed if orphan => self.remove(id),
            State::Closed => self.unhash(id),
            _ => {}
        }
        self.arm(id, around);
    }

    /// tcp_time_wait: a small socket stands in for the connection, of which the program may still hold the rest.
    fn enter_time_wait(&mut self, id: SocketId, around: &mut Surroundings<'_>) {
        let fin_timeout = self.settings.fin_timeout;
        let Some(connection) = self.connection(id) else { return };
        let time_wait = TimeWait::new(connection, fin_timeout, around.now);
        let orphan = connection.is_orphan();
        connection.end(None);
        connection.changed = false;
        if orphan {
            self.remove(id);
        } else {
            self.unhash(id);
            around.scheduler.wake(WaitOn::Socket(id));
        }
        self.counters.time_waits += 1;
        let stand_in = self.insert(Socket::TimeWait(Box::new(time_wait)), false);
        self.established.insert(&self.sockets, stand_in);
        self.arm(stand_in, around);
    }

    /// Sees to it that a timer fires at the socket's next deadline, or before.
    pub(super) fn arm(&mut self, id: SocketId, around: &mut Surroundings<'_>) {
        let Some(entry) = self.sockets.get_mut(id.0 as usize) else { return };
        if let Some(deadline) = entry.socket.deadline()
            && entry.armed.is_none_or(|armed| deadline < armed)
        {
            entry.armed = Some(deadline);
            around.timers.arm(deadline, Timer::Tcp(id));
        }
    }

    /// A timer has fired; perhaps one that was set for an earlier deadline, or for an earlier socket of this number.
    pub(super) fn expire(&mut self, id: SocketId, around: &mut Surroundings<'_>) {
        let Tcp { sockets, outgoing, counters, settings, .. } = self;
        let Some(entry) = sockets.get_mut(id.0 as usize) else { return };
        if entry.armed.is_some_and(|armed| armed > around.now) {
            return;
        }
        entry.armed = None;
        if entry.socket.deadline().is_none_or(|deadline| deadline > around.now) {
            return self.arm(id, around);
        }
        let mut cx = Context { now: around.now, outgoing, counters, settings, notes: around.notes };
        match &mut entry.socket {
            Socket::Listener(_) => {}
            Socket::Request(request) => {
                if request.expire(&mut cx) {
                    self.drop_request(id);
                } else {
                    self.arm(id, around);
                }
            }
            Socket::Connection(connection) => {
                connection.expire(&mut cx);
                self.settle(id, around);
            }
            Socket::TimeWait(_) => self.remove(id),
        }
    }

    pub(super) fn drop_request(&mut self, id: SocketId) {
        if let Some(Entry { socket: Socket::Request(request), .. }) = self.sockets.get(id.0 as usize) {
            let listener = request.listener;
            if let Some(listener) = self.listener(listener) {
                listener.half_open -= 1;
            }
        }
        self.remove(id);
    }

    /// tcp_v4_rcv. `mtu` is that of the way back, for a segment that may open a connection.
    pub(super) fn receive(
        &mut self,
        segment: &Segment<'_>,
        iif: IfIndex,
        mtu: Option<u32>,
        around: &mut Surroundings<'_>,
    ) {
        self.counters.in_segments += 1;
        let Some(id) = self.established.find(&self.sockets, &segment.tuple) else {
            return self.receive_at_listener(segment, iif, mtu, None, around);
        };
        let Tcp { sockets, outgoing, counters, settings, .. } = self;
        let mut cx = Context { now: around.now, outgoing, counters, settings, notes: around.notes };
        match &mut sockets[id.0 as usize].socket {
            Socket::Connection(connection) if connection.device.is_none_or(|device| device == iif) => {
                let answer = connection.receive(segment, &mut cx);
                if let Err(reset) = answer {
                    refuse(segment, connection.device, reset, &mut cx);
                }
                self.settle(id, around);
            }
            Socket::Request(request) => match request.receive(segment, &mut cx) {
                Handshake::Wait => {}
                Handshake::Broken => self.drop_request(id),
                Handshake::Foreign => refuse(segment, request.opening.device, Reset::WrongAck, &mut cx),
                Handshake::Complete => self.complete(id, segment, around),
            },
            Socket::TimeWait(time_wait) => match time_wait.receive(segment, &mut cx) {
                Fate::Stays => self.arm(id, around),
                Fate::Goes => self.remove(id),
                Fate::Reset => {
                    refuse(segment, time_wait.device, Reset::DataAfterClose, &mut cx);
                    self.remove(id);
                }
                Fate::Renewed { isn } => {
                    self.remove(id);
                    self.receive_at_listener(segment, iif, mtu, Some(isn), around);
                }
            },
            _ => self.receive_at_listener(segment, iif, mtu, None, around),
        }
    }

    /// The state of the connection between these ends; of a listening socket if there is none yet.
    pub(super) fn state_at(&self, tuple: &Tuple) -> State {
        let Some(id) = self.established.find(&self.sockets, tuple) else {
            let listens = self.listeners.contains_key(&tuple.local_port);
            return if listens { State::Listen } else { State::Closed };
        };
        match &self.sockets[id.0 as usize].socket {
            Socket::Connection(connection) => connection.state,
            Socket::Request(_) => State::SynReceived,
            Socket::TimeWait(time_wait) => time_wait.state(),
            Socket::Listener(_) => State::Listen,
        }
    }

    /// __inet_lookup_listener: the one that is bound most narrowly.
    fn find_listener(&self, address: Ipv4Addr, port: u16, iif: IfIndex) -> Option<SocketId> {
        let ids = self.listeners.get(&port)?;
        let score = |id: &SocketId| {
            let Socket::Listener(listener) = &self.sockets.get(id.0 as usize)?.socket else { return None };
            let fits = listener.address.is_none_or(|bound| bound == address)
                && listener.device.is_none_or(|device| device == iif);
            fits.then_some((listener.device.is_some(), listener.address.is_some()))
        };
        ids.iter().filter_map(|id| Some((score(id)?, *id))).max_by_key(|(score, _)| *score).map(|(_, id)| id)
    }

    /// A segment that belongs to no connection: the SYN of a new one, or an error. `isn` continues an old connection's.
    fn receive_at_listener(
        &mut self,
        segment: &Segment<'_>,
        iif: IfIndex,
        mtu: Option<u32>,
        isn: Option<Seq>,
        around: &mut Surroundings<'_>,
    ) {
        let (address, port) = (segment.tuple.local, segment.tuple.local_port);
        let listener = self.find_listener(address, port, iif);
        let Tcp { sockets, outgoing, counters, settings, .. } = self;
        let mut cx = Context { now: around.now, outgoing, counters, settings, notes: around.notes };
        let Some(id) = listener else {
            cx.drop(TransportDrop::NoSocket { address, port });
            let opens = segment.has(Flags::SYN) && !segment.has(Flags::ACK);
            return refuse(segment, None, if opens { Reset::ClosedPort } else { Reset::UnknownConnection }, &mut cx);
        };
        let Socket::Listener(listener) = &mut sockets[id.0 as usize].socket else { return };
        if segment.has(Flags::RST) {
            return cx.drop(TransportDrop::Flags);
        }
        if segment.has(Flags::ACK) {
            cx.drop(TransportDrop::Flags);
            return refuse(segment, listener.device, Reset::UnknownConnection, &mut cx);
        }
        if !segment.has(Flags::SYN) || segment.has(Flags::FIN) {
            return cx.drop(TransportDrop::Flags);
        }
        let backlog = listener.backlog;
        if listener.half_open >= backlog.max(1) {
            cx.counters.request_queue_drops += 1;
            cx.counters.listen_drops += 1;
            return cx.drop(TransportDrop::RequestQueueFull { backlog });
        }
        if listener.is_full() {
            cx.counters.listen_overflows += 1;
            cx.counters.listen_drops += 1;
            return cx.drop(TransportDrop::ListenOverflow { backlog });
        }
        // inet_csk_route_req
        let Some(mtu) = mtu else {
            cx.counters.listen_drops += 1;
            let sender = segment.tuple.remote;
            return cx.notes.note(|| Note::Drop(Drop::Ip(IpDrop::NoWayBack { sender })));
        };
        listener.half_open += 1;
        let device = listener.device;
        let mut opening = self.opening(segment.tuple, device, mtu, around.now);
        opening.isn = isn.unwrap_or(opening.isn);
        self.begin_request(Request::new(id, opening, segment, &self.settings, around.now), around);
    }

    fn begin_request(&mut self, request: Request, around: &mut Surroundings<'_>) {
        let Tcp { outgoing, counters, settings, .. } = self;
        request.send_syn_ack(&mut Context { now: around.now, outgoing, counters, settings, notes: around.notes });
        let id = self.insert(Socket::Request(Box::new(request)), false);
        self.established.insert(&self.sockets, id);
        self.arm(id, around);
    }

    /// tcp_v4_syn_recv_sock: the handshake is over; a connection takes the request's place.
    fn complete(&mut self, id: SocketId, segment: &Segment<'_>, around: &mut Surroundings<'_>) {
        let Socket::Request(request) = &self.sockets[id.0 as usize].socket else { return };
        let (at, opening, answered) = (request.listener, request.opening, request.answered());
        let Some(listener) = self.listener(at) else { return };
        if listener.is_full() {
            let backlog = listener.backlog;
            let Tcp { outgoing, counters, settings, .. } = self;
            let mut cx = Context { now: around.now, outgoing, counters, settings, notes: around.notes };
            cx.counters.listen_overflows += 1;
            cx.counters.listen_drops += 1;
            cx.drop(TransportDrop::ListenOverflow { backlog });
            if cx.settings.abort_on_overflow {
                refuse(segment, opening.device, Reset::Overflow, &mut cx);
                self.drop_request(id);
            }
            return;
        }
        let connection = Connection::passive(&opening, &answered, at, listener.reuse);
        self.drop_request(id);
        let child = self.insert(Socket::Connection(Box::new(connection)), false);
        self.established.insert(&self.sockets, child);
        if let Some(listener) = self.listener(at) {
            listener.queue.push_back(child);
        }
        self.counters.passive_opens += 1;
        around.scheduler.wake(WaitOn::Socket(at));
        let answer = self.with_connection(child, around, |connection, cx| {
            connection.receive(segment, cx).map_err(|reset| refuse(segment, connection.device, reset, cx))
        });
        debug_assert!(answer.is_some(), "the connection was just made");
    }

    /// close(2) on any kind of socket.
    pub(super) fn close(&mut self, id: SocketId, around: &mut Surroundings<'_>) {
        if self.listener(id).is_some() {
            self.close_listener(id, around);
        } else {
            self.with_connection(id, around, Connection::close);
        }
    }

    /// inet_csk_listen_stop
    fn close_listener(&mut self, id: SocketId, around: &mut Surroundings<'_>) {
        let queue = self.listener(id).map(|listener| std::mem::take(&mut listener.queue)).unwrap_or_default();
        for child in queue {
            self.with_connection(child, around, Connection::abort);
        }
        let is_its = |entry: &Entry| matches!(&entry.socket, Socket::Request(request) if request.listener == id);
        let requests: Vec<usize> =
            self.sockets.iter().filter(|(_, entry)| is_its(entry)).map(|(index, _)| index).collect();
        for index in requests {
            self.drop_request(SocketId(index as u32));
        }
        self.remove(id);
    }
}

/// tcp_v4_send_reset: answers a segment with RST, unless it is one itself.
pub(super) fn refuse(segment: &Segment<'_>, device: Option<IfIndex>, reset: Reset, cx: &mut Context<'_>) {
    if segment.has(Flags::RST) {
        return;
    }
    cx.note(|| TcpNote::Reset(reset));
    let header = if segment.has(Flags::ACK) {
        Header { seq: segment.ack, flags: Flags::RST, ..Header::default() }
    } else {
        Header { ack: segment.end(), flags: Flags::RST.with(Flags::ACK), ..Header::default() }
    };
    cx.outgoing.push(&segment.tuple, (device, 0), 0, false, &header, (&[], &[]));
    cx.counters.out_segments += 1;
    cx.counters.out_resets += 1;
}
