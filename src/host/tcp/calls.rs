//! The system calls on TCP sockets. None of them blocks: those that would say [`Errno::WouldBlock`].

use std::net::SocketAddrV4;

use crate::host::kernel::Kernel;
use crate::host::socket::{Bind, Errno, SocketId};

impl Kernel {
    /// socket, bind, listen.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`], [`Errno::AddressNotAvailable`].
    pub fn tcp_listen(&mut self, _local: Bind, _backlog: u32) -> Result<SocketId, Errno> {
        Err(Errno::NetworkDown)
    }

    /// socket, bind, and the beginning of connect: sends the SYN. Ask [`Kernel::tcp_connected`] what came of it.
    ///
    /// # Errors
    ///
    /// Those of bind, no route, or all ports taken ([`Errno::AddressNotAvailable`]).
    pub fn tcp_connect(&mut self, _local: Bind, _remote: SocketAddrV4) -> Result<SocketId, Errno> {
        Err(Errno::NetworkDown)
    }

    /// Whether the connection stands.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] until that is known, then why not.
    pub fn tcp_connected(&mut self, _socket: SocketId) -> Result<(), Errno> {
        Err(Errno::NetworkDown)
    }

    /// accept: the connection that has waited longest, and its peer.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when there is none.
    pub fn tcp_accept(&mut self, _listener: SocketId) -> Result<(SocketId, SocketAddrV4), Errno> {
        Err(Errno::NetworkDown)
    }

    /// send: how many of these bytes were taken.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when the send buffer is full, or what became of the connection.
    pub fn tcp_write(&mut self, _socket: SocketId, _bytes: &[u8]) -> Result<usize, Errno> {
        Err(Errno::NetworkDown)
    }

    /// recv: at most `max` bytes, none at the end of the stream.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when there are none yet, or what became of the connection.
    pub fn tcp_read(&mut self, _socket: SocketId, _max: usize) -> Result<Vec<u8>, Errno> {
        Err(Errno::NetworkDown)
    }

    /// shutdown(SHUT_WR).
    ///
    /// # Errors
    ///
    /// [`Errno::NotConnected`].
    pub fn tcp_shutdown(&mut self, _socket: SocketId) -> Result<(), Errno> {
        Err(Errno::NotConnected)
    }

    /// close. What was sent is still delivered; what was received and not read makes it a reset.
    pub fn tcp_close(&mut self, _socket: SocketId) {}

    /// close with SO_LINGER at zero: a reset.
    pub fn tcp_abort(&mut self, _socket: SocketId) {}

    /// getsockname.
    pub fn tcp_local(&self, _socket: SocketId) -> Option<SocketAddrV4> {
        None
    }

    /// getpeername.
    pub fn tcp_remote(&self, _socket: SocketId) -> Option<SocketAddrV4> {
        None
    }
}
