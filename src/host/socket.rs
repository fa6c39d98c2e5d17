//! What programs see of the network: how sockets are named, bound, and fail.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::interface::IfIndex;

/// A socket of a host. Numbers are reused when a socket has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What a program asks for at its own end of a socket: bind(2), and the options that go before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// The local address; unset: any.
    pub address: Option<Ipv4Addr>,
    /// The local port; 0: one that the kernel chooses from `ip_local_port_range`.
    pub port: u16,
    /// Take and send packets at this interface only (SO_BINDTODEVICE).
    pub device: Option<IfIndex>,
    /// The mark of the packets that it sends (SO_MARK).
    pub mark: u32,
    /// Share the port with sockets that share it too and do not listen, and with what old connections left behind (SO_REUSEADDR).
    pub reuse: bool,
}

impl Bind {
    /// Any address, a port of the kernel's choice.
    pub const ANY: Bind = Bind { address: None, port: 0, device: None, mark: 0, reuse: false };

    /// This port at any address, shared (SO_REUSEADDR) as servers do.
    pub const fn port(port: u16) -> Bind {
        Bind { port, reuse: true, ..Bind::ANY }
    }

    /// This address and port, shared (SO_REUSEADDR). The address 0.0.0.0 means any.
    pub fn to(local: SocketAddrV4) -> Bind {
        let address = Some(*local.ip()).filter(|ip| !ip.is_unspecified());
        Bind { address, ..Bind::port(local.port()) }
    }
}

/// Why a system call failed; the text is the C library's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// EACCES
    AccessDenied,
    /// EADDRINUSE
    AddressInUse,
    /// EADDRNOTAVAIL
    AddressNotAvailable,
    /// EALREADY: a connection attempt is under way already.
    AlreadyConnecting,
    /// EISCONN
    AlreadyConnected,
    /// EPIPE
    BrokenPipe,
    /// ECONNABORTED
    ConnectionAborted,
    /// ECONNREFUSED
    ConnectionRefused,
    /// ECONNRESET
    ConnectionReset,
    /// EEXIST
    Exists,
    /// EHOSTUNREACH
    HostUnreachable,
    /// EINVAL
    InvalidArgument,
    /// EMSGSIZE
    MessageTooLong,
    /// ENETDOWN
    NetworkDown,
    /// ENETUNREACH
    NetworkUnreachable,
    /// ENODEV
    NoSuchDevice,
    /// EISDIR
    IsDirectory,
    /// ENOTDIR
    NotDirectory,
    /// ENOSPC
    NoSpace,
    /// ENOENT
    NoSuchFile,
    /// ESRCH
    NoSuchProcess,
    /// EPERM
    NotPermitted,
    /// EOPNOTSUPP
    NotSupported,
    /// ENOTCONN
    NotConnected,
    /// EDESTADDRREQ
    DestinationRequired,
    /// EHOSTDOWN
    HostDown,
    /// ENOBUFS
    NoBuffers,
    /// ENOPROTOOPT, as the ICMP error protocol-unreachable gives it.
    ProtocolUnreachable,
    /// ETIMEDOUT
    TimedOut,
    /// EAGAIN: nothing there yet; or the caller's own deadline has passed.
    WouldBlock,
}

impl Errno {
    /// The number, as Linux on x86 has it.
    pub const fn number(self) -> i32 {
        match self {
            Errno::NotPermitted => 1,
            Errno::NoSuchFile => 2,
            Errno::NoSuchProcess => 3,
            Errno::WouldBlock => 11,
            Errno::AccessDenied => 13,
            Errno::Exists => 17,
            Errno::NoSuchDevice => 19,
            Errno::NotDirectory => 20,
            Errno::IsDirectory => 21,
            Errno::InvalidArgument => 22,
            Errno::NoSpace => 28,
            Errno::BrokenPipe => 32,
            Errno::DestinationRequired => 89,
            Errno::MessageTooLong => 90,
            Errno::ProtocolUnreachable => 92,
            Errno::NotSupported => 95,
            Errno::AddressInUse => 98,
            Errno::AddressNotAvailable => 99,
            Errno::NetworkDown => 100,
            Errno::NetworkUnreachable => 101,
            Errno::ConnectionAborted => 103,
            Errno::ConnectionReset => 104,
            Errno::NoBuffers => 105,
            Errno::AlreadyConnected => 106,
            Errno::NotConnected => 107,
            Errno::TimedOut => 110,
            Errno::ConnectionRefused => 111,
            Errno::HostDown => 112,
            Errno::HostUnreachable => 113,
            Errno::AlreadyConnecting => 114,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Errno::AccessDenied => "Permission denied",
            Errno::NotSupported => "Operation not supported",
            Errno::IsDirectory => "Is a directory",
            Errno::NotDirectory => "Not a directory",
            Errno::NoSpace => "No space left on device",
            Errno::AddressInUse => "Address already in use",
            Errno::AddressNotAvailable => "Cannot assign requested address",
            Errno::AlreadyConnecting => "Operation already in progress",
            Errno::AlreadyConnected => "Transport endpoint is already connected",
            Errno::ConnectionAborted => "Software caused connection abort",
            Errno::DestinationRequired => "Destination address required",
            Errno::NoBuffers => "No buffer space available",
            Errno::HostDown => "Host is down",
            Errno::ProtocolUnreachable => "Protocol not available",
            Errno::WouldBlock => "Resource temporarily unavailable",
            Errno::ConnectionRefused => "Connection refused",
            Errno::ConnectionReset => "Connection reset by peer",
            Errno::Exists => "File exists",
            Errno::HostUnreachable => "No route to host",
            Errno::InvalidArgument => "Invalid argument",
            Errno::MessageTooLong => "Message too long",
            Errno::NetworkDown => "Network is down",
            Errno::NetworkUnreachable => "Network is unreachable",
            Errno::NoSuchDevice => "No such device",
            Errno::NoSuchFile => "No such file or directory",
            Errno::NoSuchProcess => "No such process",
            Errno::NotPermitted => "Operation not permitted",
            Errno::NotConnected => "Transport endpoint is not connected",
            Errno::BrokenPipe => "Broken pipe",
            Errno::TimedOut => "Connection timed out",
        })
    }
}

impl std::error::Error for Errno {}

/// The ports of a range, each once, in the order in which the kernel tries them: from a random one on in steps of two,
/// then the others. Connections begin with even ones, bind with odd ones, so that the two seldom meet.
pub(super) fn port_candidates((low, high): (u16, u16), random: u32, odd_first: bool) -> impl Iterator<Item = u16> {
    let (low, high) = (u32::from(low.min(high)), u32::from(low.max(high)));
    let count = high - low + 1;
    let start = random % count;
    let parity = u32::from(odd_first);
    let half = move |parity: u32| {
        (0..count).map(move |step| low + (start + step) % count).filter(move |port| port % 2 == parity)
    };
    half(parity).chain(half(1 - parity)).map(|port| port as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_the_range_is_tried_once() {
        let tried: Vec<u16> = port_candidates((10, 14), 3, false).collect();
        assert_eq!(tried, [14, 10, 12, 13, 11]);
        assert_eq!(port_candidates((0, u16::MAX), 77, true).count(), 65536);
    }
}
