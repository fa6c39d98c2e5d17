//! What programs see of the network: sockets and errors.

use std::fmt;

/// A socket of a host. Numbers are reused when a socket has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// Why a system call failed; the text is the C library's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// EADDRINUSE
    AddressInUse,
    /// EADDRNOTAVAIL
    AddressNotAvailable,
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
    /// ENOENT
    NoSuchFile,
    /// ESRCH
    NoSuchProcess,
    /// EPERM
    NotPermitted,
    /// ENOTCONN
    NotConnected,
    /// EPIPE
    BrokenPipe,
    /// ETIMEDOUT
    TimedOut,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Errno::AddressInUse => "Address already in use",
            Errno::AddressNotAvailable => "Cannot assign requested address",
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
