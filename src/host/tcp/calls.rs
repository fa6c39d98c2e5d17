//! The system calls on TCP sockets. None of them blocks: those that would say [`Errno::WouldBlock`].

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::connection::{Connection, Context, Holder, State};
use super::request::Listener;
use super::segment::Tuple;
use super::table::{Socket, Surroundings, Tcp};
use crate::host::kernel::Kernel;
use crate::host::route::{Query, RouteKind};
use crate::host::socket::{Bind, Errno, SocketId, port_candidates};
use crate::reason::{Reset, Tcp as TcpNote};
use crate::time::Time;

impl Connection {
    /// tcp_sendmsg
    pub(super) fn write(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Result<usize, Errno> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.done_sending {
            return Err(Errno::BrokenPipe);
        }
        if matches!(self.state, State::SynSent | State::SynReceived) || self.send.room() == 0 {
            return Err(Errno::WouldBlock);
        }
        let taken = self.send.write(bytes);
        self.push(true, cx);
        Ok(taken)
    }

    /// tcp_recvmsg
    pub(super) fn read(&mut self, max: usize, cx: &mut Context<'_>) -> Result<Vec<u8>, Errno> {
        if self.receive.readable() == 0 {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            return if self.done_receiving { Ok(Vec::new()) } else { Err(Errno::WouldBlock) };
        }
        let (bytes, tell) = self.receive.read(max, cx.now);
        if tell && self.state != State::Closed {
            self.send_ack(cx);
        }
        Ok(bytes)
    }

    /// tcp_shutdown
    pub(super) fn shutdown(&mut self, cx: &mut Context<'_>) -> Result<(), Errno> {
        if self.state == State::Closed {
            return Err(Errno::NotConnected);
        }
        self.done_sending = true;
        self.finish(cx);
        Ok(())
    }

    /// tcp_close_state, tcp_send_fin
    fn finish(&mut self, cx: &mut Context<'_>) {
        self.state = match self.state {
            State::SynReceived | State::Established => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return,
        };
        self.send_fin(cx);
    }

    /// tcp_close
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        self.holder = Holder::Nobody;
        self.done_sending = true;
        if self.state == State::SynSent {
            self.end(None);
        } else if self.receive.readable() > 0 && self.state != State::Closed {
            // RFC 2525, section 2.17: the peer must learn that its data was not read.
            cx.counters.aborted_on_close += 1;
            self.break_off(Reset::UnreadData, cx);
        } else {
            self.finish(cx);
        }
    }

    /// tcp_disconnect
    pub(super) fn abort(&mut self, cx: &mut Context<'_>) {
        self.holder = Holder::Nobody;
        match self.state {
            State::Closed => {}
            State::SynSent | State::TimeWait => self.end(None),
            _ => self.break_off(Reset::Aborted, cx),
        }
    }

    fn break_off(&mut self, reset: Reset, cx: &mut Context<'_>) {
        cx.note(|| TcpNote::Reset(reset));
        self.count_failure(cx);
        self.send_reset(cx);
        self.end(None);
    }
}

impl Tcp {
    /// inet_listen
    pub(super) fn listen(&mut self, local: Bind, backlog: u32) -> Result<SocketId, Errno> {
        let listener = Listener {
            address: local.address,
            port: self.bind(local)?,
            device: local.device,
            reuse: local.reuse,
            backlog: backlog.min(self.settings.max_backlog),
            queue: VecDeque::new(),
            half_open: 0,
        };
        Ok(self.insert(Socket::Listener(Box::new(listener)), false))
    }

    /// inet_csk_get_port: the port that a socket gets.
    fn bind(&mut self, local: Bind) -> Result<u16, Errno> {
        let Bind { address, device, reuse, .. } = local;
        if local.port != 0 {
            let taken = self.ports.conflict(address, device, local.port, reuse);
            return if taken { Err(Errno::AddressInUse) } else { Ok(local.port) };
        }
        let random = self.draw();
        let free = |port: &u16| !self.ports.conflict(address, device, *port, reuse);
        port_candidates(self.settings.port_range, random, true).find(free).ok_or(Errno::AddressInUse)
    }

    /// tcp_v4_connect, from `source` on a path of this MTU.
    pub(super) fn connect(
        &mut self,
        local: Bind,
        source: Ipv4Addr,
        remote: SocketAddrV4,
        mtu: u32,
        around: &mut Surroundings<'_>,
    ) -> Result<SocketId, Errno> {
        let automatic = local.port == 0 && local.address.is_none();
        let port = if automatic { 0 } else { self.bind(local)? };
        let ends = Tuple { local: source, remote: *remote.ip(), local_port: port, remote_port: remote.port() };
        let tuple = self.unique(ends, around.now)?;
        let old_isn = self.retire_time_wait(&tuple);
        let mut opening = self.opening(tuple, local.device, mtu, around.now);
        opening.isn = old_isn.unwrap_or(opening.isn);
        opening.mark = local.mark;
        let connection = Connection::active(&opening, &self.settings, local.reuse);
        let id = self.insert(Socket::Connection(Box::new(connection)), automatic);
        self.established.insert(&self.sockets, id);
        self.counters.active_opens += 1;
        self.with_connection(id, around, Connection::send_syn);
        Ok(id)
    }

    /// __inet_hash_connect: a pair of ends that no other connection has.
    fn unique(&mut self, ends: Tuple, now: Time) -> Result<Tuple, Errno> {
        if ends.local_port != 0 {
            return if self.is_unique(&ends, true, now) { Ok(ends) } else { Err(Errno::AddressNotAvailable) };
        }
        let random = self.draw();
        let start = self.starts.of(&ends, now, random);
        let (tried, found) = port_candidates(self.settings.port_range, start, false)
            .enumerate()
            .filter(|&(_, port)| self.ports.is_free_for_connections(port))
            .map(|(tried, local_port)| (tried, Tuple { local_port, ..ends }))
            .find(|(_, ends)| self.is_unique(ends, false, now))
            .ok_or(Errno::AddressNotAvailable)?;
        self.starts.pass(&ends, tried as u32, random);
        Ok(found)
    }

    /// inet_csk_accept
    pub(super) fn accept(&mut self, listener: SocketId) -> Result<(SocketId, SocketAddrV4), Errno> {
        let queue = &mut self.listener(listener).ok_or(Errno::InvalidArgument)?.queue;
        let id = queue.pop_front().ok_or(Errno::WouldBlock)?;
        let connection = self.connection(id).ok_or(Errno::ConnectionAborted)?;
        connection.holder = Holder::Program;
        Ok((id, connection.tuple.remote_end()))
    }
}

impl Kernel {
    /// socket, bind, listen.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`], [`Errno::AddressNotAvailable`].
    pub fn tcp_listen(&mut self, local: Bind, backlog: u32) -> Result<SocketId, Errno> {
        self.tcp_check_address(local)?;
        self.tcp_with(|tcp, _| tcp.listen(local, backlog))
    }

    fn tcp_check_address(&self, local: Bind) -> Result<(), Errno> {
        let foreign = local.address.is_some_and(|address| !self.is_local(address));
        if foreign { Err(Errno::AddressNotAvailable) } else { Ok(()) }
    }

    /// socket, bind, and the beginning of connect: sends the SYN. Ask [`Kernel::tcp_connected`] what came of it.
    ///
    /// # Errors
    ///
    /// Those of bind, no route, or all ports taken ([`Errno::AddressNotAvailable`]).
    pub fn tcp_connect(&mut self, local: Bind, remote: SocketAddrV4) -> Result<SocketId, Errno> {
        self.tcp_check_address(local)?;
        // An unspecified destination means this machine.
        let destination = if remote.ip().is_unspecified() { Ipv4Addr::LOCALHOST } else { *remote.ip() };
        let Bind { address, device, mark, .. } = local;
        let route = self.route_query(&Query { source: address, oif: device, mark, ..Query::to(destination) })?;
        if matches!(route.kind, RouteKind::Broadcast | RouteKind::Multicast) {
            return Err(Errno::NetworkUnreachable);
        }
        let source = local.address.unwrap_or(route.source);
        let remote = SocketAddrV4::new(destination, remote.port());
        self.tcp_with(|tcp, around| tcp.connect(local, source, remote, route.mtu, around))
    }

    /// Whether the connection stands.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] until that is known, then why not.
    pub fn tcp_connected(&mut self, socket: SocketId) -> Result<(), Errno> {
        let connection = self.tcp.connection(socket).ok_or(Errno::NotConnected)?;
        if let Some(error) = connection.error.take() {
            return Err(error);
        }
        match connection.state {
            State::SynSent | State::SynReceived => Err(Errno::WouldBlock),
            _ => Ok(()),
        }
    }

    /// accept: the connection that has waited longest, and its peer.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when there is none.
    pub fn tcp_accept(&mut self, listener: SocketId) -> Result<(SocketId, SocketAddrV4), Errno> {
        self.tcp.accept(listener)
    }

    /// send: how many of these bytes were taken.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when the send buffer is full, or what became of the connection.
    pub fn tcp_write(&mut self, socket: SocketId, bytes: &[u8]) -> Result<usize, Errno> {
        self.tcp_call(socket, |connection, cx| connection.write(bytes, cx))
    }

    fn tcp_call<R>(
        &mut self,
        socket: SocketId,
        call: impl FnOnce(&mut Connection, &mut Context<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        self.tcp_with(|tcp, around| tcp.with_connection(socket, around, call)).unwrap_or(Err(Errno::NotConnected))
    }

    /// recv: at most `max` bytes, none at the end of the stream.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when there are none yet, or what became of the connection.
    pub fn tcp_read(&mut self, socket: SocketId, max: usize) -> Result<Vec<u8>, Errno> {
        self.tcp_call(socket, |connection, cx| connection.read(max, cx))
    }

    /// shutdown(SHUT_WR).
    ///
    /// # Errors
    ///
    /// [`Errno::NotConnected`].
    pub fn tcp_shutdown(&mut self, socket: SocketId) -> Result<(), Errno> {
        self.tcp_call(socket, Connection::shutdown)
    }

    /// close. What was sent is still delivered; what was received and not read makes it a reset.
    pub fn tcp_close(&mut self, socket: SocketId) {
        self.tcp_with(|tcp, around| tcp.close(socket, around));
    }

    /// close with SO_LINGER at zero: a reset.
    pub fn tcp_abort(&mut self, socket: SocketId) {
        self.tcp_with(|tcp, around| tcp.with_connection(socket, around, Connection::abort));
    }

    /// getsockname.
    pub fn tcp_local(&self, socket: SocketId) -> Option<SocketAddrV4> {
        self.tcp_socket(socket).map(|socket| socket.local)
    }

    /// getpeername.
    pub fn tcp_remote(&self, socket: SocketId) -> Option<SocketAddrV4> {
        self.tcp_socket(socket).map(|socket| socket.remote).filter(|remote| remote.port() != 0)
    }
}
