//! The sockets as `ss` lists them.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::connection::State;
use super::counters::TcpCounters;
use super::table::{Entry, Socket};
use super::timers::Waiting;
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::socket::SocketId;
use crate::time::Time;

/// A TCP socket as others see it.
#[derive(Clone, Debug)]
pub struct TcpSocket {
    /// Its name.
    pub id: SocketId,
    /// Its state.
    pub state: State,
    /// This side; the address 0.0.0.0 stands for any.
    pub local: SocketAddrV4,
    /// The other side; 0.0.0.0:0 for a listening socket.
    pub remote: SocketAddrV4,
    /// The interface that it is bound to.
    pub device: Option<IfIndex>,
    /// Bytes that the program has not read; of a listening socket: connections that wait to be accepted.
    pub receive_queue: u32,
    /// Bytes that the peer has not acknowledged; of a listening socket: its backlog.
    pub send_queue: u32,
    /// What it waits for.
    pub timer: Option<TcpTimer>,
}

/// A running timer of a socket, as `ss -o` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTimer {
    /// `on` (retransmission), `persist` (a closed window), `timewait`.
    pub name: &'static str,
    /// When it fires.
    pub at: Time,
    /// How often it has in a row.
    pub count: u32,
}

impl Kernel {
    /// All TCP sockets, oldest numbers first.
    pub fn tcp_sockets(&self) -> impl Iterator<Item = TcpSocket> {
        self.tcp.sockets.iter().map(|(index, entry)| view(SocketId(index as u32), entry))
    }

    pub(super) fn tcp_socket(&self, id: SocketId) -> Option<TcpSocket> {
        self.tcp.sockets.get(id.0 as usize).map(|entry| view(id, entry))
    }

    /// TCP's counters.
    pub fn tcp_counters(&self) -> &TcpCounters {
        &self.tcp.counters
    }
}

fn view(id: SocketId, entry: &Entry) -> TcpSocket {
    let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    match &entry.socket {
        Socket::Listener(it) => TcpSocket {
            id,
            state: State::Listen,
            local: SocketAddrV4::new(it.address.unwrap_or(Ipv4Addr::UNSPECIFIED), it.port),
            remote: nowhere,
            device: it.device,
            receive_queue: it.queue.len() as u32,
            send_queue: it.backlog,
            timer: None,
        },
        Socket::Request(it) => TcpSocket {
            id,
            state: State::SynReceived,
            local: it.opening.tuple.local_end(),
            remote: it.opening.tuple.remote_end(),
            device: it.opening.device,
            receive_queue: 0,
            send_queue: 0,
            timer: Some(TcpTimer { name: "on", at: it.deadline, count: it.timeouts() }),
        },
        Socket::Connection(it) => TcpSocket {
            id,
            state: it.state,
            local: it.tuple.local_end(),
            remote: it.tuple.remote_end(),
            device: it.device,
            receive_queue: it.receive.readable() as u32,
            send_queue: it.send.unacknowledged(),
            timer: it.deadlines.retransmit.map(|(at, waiting)| match waiting {
                Waiting::ClosedWindow => TcpTimer { name: "persist", at, count: it.send.trouble.probes },
                Waiting::Acknowledgement | Waiting::Tail => {
                    TcpTimer { name: "on", at, count: it.send.trouble.timeouts }
                }
            }),
        },
        Socket::TimeWait(it) => TcpSocket {
            id,
            state: it.state(),
            local: it.tuple.local_end(),
            remote: it.tuple.remote_end(),
            device: it.device,
            receive_queue: 0,
            send_queue: 0,
            timer: Some(TcpTimer { name: "timewait", at: it.deadline, count: 0 }),
        },
    }
}
