//! Sockets as programs hold them: they wait where the kernel would have blocked, and close when they are dropped.
//!
//! Every call that waits takes a deadline: when it has passed, the call fails with [`Errno::WouldBlock`], as a socket
//! with a time-out does.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::process::{Sys, WaitOn, wait};
use super::socket::{Bind, Errno, SocketId};
use super::udp::Datagram;
use crate::time::Time;

/// A TCP connection.
pub struct TcpStream {
    socket: Owned,
}

/// A TCP socket that waits for connections.
pub struct TcpListener {
    socket: Owned,
}

/// A UDP socket.
pub struct UdpSocket {
    socket: Owned,
}

/// A socket that is closed when its owner goes. There may be a million.
struct Owned {
    kernel: Rc<RefCell<Kernel>>,
    id: SocketId,
    protocol: Protocol,
}

#[derive(Clone, Copy)]
enum Protocol {
    Tcp,
    Udp,
}

impl Drop for Owned {
    fn drop(&mut self) {
        match self.protocol {
            Protocol::Tcp => self.with(Kernel::tcp_close),
            Protocol::Udp => self.with(Kernel::udp_close),
        }
    }
}

impl Owned {
    fn tcp(sys: &Sys, id: SocketId) -> Owned {
        Owned { kernel: sys.kernel(), id, protocol: Protocol::Tcp }
    }

    fn udp(sys: &Sys, id: SocketId) -> Owned {
        Owned { kernel: sys.kernel(), id, protocol: Protocol::Udp }
    }

    /// Another socket of the same program.
    fn sibling(&self, id: SocketId) -> Owned {
        Owned { kernel: Rc::clone(&self.kernel), id, protocol: self.protocol }
    }

    fn with<R>(&self, call: impl FnOnce(&mut Kernel, SocketId) -> R) -> R {
        call(&mut self.kernel.borrow_mut(), self.id)
    }

    /// Repeats a call whenever something has changed at the socket, as long as it would block.
    async fn retry<R>(
        &self,
        deadline: Option<Time>,
        mut call: impl FnMut(&mut Kernel, SocketId) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        loop {
            match self.with(&mut call) {
                Err(Errno::WouldBlock) if deadline.is_none_or(|at| self.with(|kernel, _| kernel.now) < at) => {}
                result => return result,
            }
            wait(&self.kernel, &[WaitOn::Socket(self.id)], deadline).await;
        }
    }
}

impl TcpStream {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// What bind and connect give; [`Errno::WouldBlock`] if nobody has answered by `deadline`.
    pub async fn connect(
        sys: &Sys,
        local: Bind,
        remote: SocketAddrV4,
        deadline: Option<Time>,
    ) -> Result<TcpStream, Errno> {
        let id = sys.with(|kernel| kernel.tcp_connect(local, remote))?;
        let socket = Owned::tcp(sys, id);
        socket.retry(deadline, Kernel::tcp_connected).await?;
        Ok(TcpStream { socket })
    }

    /// Begins to open a connection, and does not wait for it.
    ///
    /// # Errors
    ///
    /// What bind gives, no route, or no free port.
    pub fn begin(sys: &Sys, local: Bind, remote: SocketAddrV4) -> Result<TcpStream, Errno> {
        let id = sys.with(|kernel| kernel.tcp_connect(local, remote))?;
        Ok(TcpStream { socket: Owned::tcp(sys, id) })
    }

    /// Whether the connection stands.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] until that is known, then why not.
    pub fn try_connected(&self) -> Result<(), Errno> {
        self.socket.with(Kernel::tcp_connected)
    }

    /// As [`TcpStream::read`], without waiting.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] if there is nothing yet.
    pub fn try_read(&self, max: usize) -> Result<Vec<u8>, Errno> {
        self.socket.with(|kernel, id| kernel.tcp_read(id, max))
    }

    /// Hands over as many of these bytes as there is room for, and says how many.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] if there is no room.
    pub fn try_write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.socket.with(|kernel, id| kernel.tcp_write(id, bytes))
    }

    /// Hands over all these bytes; waits while the send buffer is full. They need not have arrived when it returns.
    ///
    /// # Errors
    ///
    /// What has become of the connection: reset, timed out, or shut down by this side ([`Errno::BrokenPipe`]).
    pub async fn write_all(&self, mut bytes: &[u8], deadline: Option<Time>) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let taken = self.socket.retry(deadline, |kernel, id| kernel.tcp_write(id, bytes)).await?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Waits for data, and takes at most `max` bytes of it. No bytes: the other side has sent all it had.
    ///
    /// # Errors
    ///
    /// What has become of the connection; each error is told once.
    pub async fn read(&self, max: usize, deadline: Option<Time>) -> Result<Vec<u8>, Errno> {
        self.socket.retry(deadline, |kernel, id| kernel.tcp_read(id, max)).await
    }

    /// Says that no more bytes will come from this side (SHUT_WR).
    ///
    /// # Errors
    ///
    /// [`Errno::NotConnected`] when the connection has gone already.
    pub fn shutdown(&self) -> Result<(), Errno> {
        self.socket.with(Kernel::tcp_shutdown)
    }

    /// Breaks the connection off with a reset, as close does with SO_LINGER at zero.
    pub fn abort(self) {
        self.socket.with(Kernel::tcp_abort);
    }

    /// This side's address and port.
    pub fn local(&self) -> Option<SocketAddrV4> {
        self.socket.with(|kernel, id| kernel.tcp_local(id))
    }

    /// The other side's address and port.
    pub fn remote(&self) -> Option<SocketAddrV4> {
        self.socket.with(|kernel, id| kernel.tcp_remote(id))
    }

    /// The socket's name, for waiting on several things at once.
    pub fn id(&self) -> SocketId {
        self.socket.id
    }
}

impl TcpListener {
    /// Listens at an address and port. At most `backlog` + 1 connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`], [`Errno::AddressNotAvailable`].
    pub fn bind(sys: &Sys, local: Bind, backlog: u32) -> Result<TcpListener, Errno> {
        let id = sys.with(|kernel| kernel.tcp_listen(local, backlog))?;
        Ok(TcpListener { socket: Owned::tcp(sys, id) })
    }

    /// Waits for a connection, and says who has opened it.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] at the deadline.
    pub async fn accept(&self, deadline: Option<Time>) -> Result<(TcpStream, SocketAddrV4), Errno> {
        let (id, remote) = self.socket.retry(deadline, Kernel::tcp_accept).await?;
        Ok((TcpStream { socket: self.socket.sibling(id) }, remote))
    }

    /// As [`TcpListener::accept`], without waiting.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] if there is none.
    pub fn try_accept(&self) -> Result<(TcpStream, SocketAddrV4), Errno> {
        let (id, remote) = self.socket.with(Kernel::tcp_accept)?;
        Ok((TcpStream { socket: self.socket.sibling(id) }, remote))
    }

    /// Where it listens.
    pub fn local(&self) -> Option<SocketAddrV4> {
        self.socket.with(|kernel, id| kernel.tcp_local(id))
    }

    /// The socket's name, for waiting on several things at once.
    pub fn id(&self) -> SocketId {
        self.socket.id
    }
}

impl UdpSocket {
    /// A socket at an address and port.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`], [`Errno::AddressNotAvailable`].
    pub fn bind(sys: &Sys, local: Bind) -> Result<UdpSocket, Errno> {
        let id = sys.with(|kernel| kernel.udp_bind(local))?;
        Ok(UdpSocket { socket: Owned::udp(sys, id) })
    }

    /// Speaks with this peer only from now on, and hears of ICMP errors.
    ///
    /// # Errors
    ///
    /// No route to the peer.
    pub fn connect(&self, remote: SocketAddrV4) -> Result<(), Errno> {
        self.socket.with(|kernel, id| kernel.udp_connect(id, remote))
    }

    /// Sends a datagram to the connected peer.
    ///
    /// # Errors
    ///
    /// An ICMP error that came in since the last call, or why it could not be sent.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        self.socket.with(|kernel, id| kernel.udp_send(id, bytes, None, None))
    }

    /// Sends a datagram; `source` is the address to send from (IP_PKTINFO), if it matters.
    ///
    /// # Errors
    ///
    /// As for [`UdpSocket::send`].
    pub fn send_to(&self, bytes: &[u8], to: SocketAddrV4, source: Option<Ipv4Addr>) -> Result<(), Errno> {
        self.socket.with(|kernel, id| kernel.udp_send(id, bytes, Some(to), source))
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    ///
    /// An ICMP error about an earlier datagram, on a connected socket; [`Errno::WouldBlock`] at the deadline.
    pub async fn receive(&self, deadline: Option<Time>) -> Result<Datagram, Errno> {
        self.socket.retry(deadline, Kernel::udp_take).await
    }

    /// As [`UdpSocket::receive`], without waiting.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] if there is nothing yet.
    pub fn try_receive(&self) -> Result<Datagram, Errno> {
        self.socket.with(Kernel::udp_take)
    }

    /// Hears what is sent to a group at an interface (IP_ADD_MEMBERSHIP).
    ///
    /// # Errors
    ///
    /// [`Errno::InvalidArgument`] if it is no group, [`Errno::NoSuchDevice`].
    pub fn join(&self, group: Ipv4Addr, interface: IfIndex) -> Result<(), Errno> {
        self.socket.with(|kernel, id| kernel.udp_join(id, group, interface))
    }

    /// Where multicast datagrams leave (IP_MULTICAST_IF), and how far they go (IP_MULTICAST_TTL).
    pub fn set_multicast(&self, interface: IfIndex, ttl: u8) {
        self.socket.with(|kernel, id| kernel.udp_set_multicast(id, interface, ttl));
    }

    /// This side's address and port.
    pub fn local(&self) -> Option<SocketAddrV4> {
        self.socket.with(|kernel, id| kernel.udp_local(id))
    }

    /// The socket's name, for waiting on several things at once.
    pub fn id(&self) -> SocketId {
        self.socket.id
    }
}
