//! Network interfaces and their addresses.

use std::net::Ipv4Addr;

use crate::ids::Port;
use crate::wire::MacAddr;

/// An interface of a host, numbered as `ip link` numbers them: `lo` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(pub u32);

impl IfIndex {
    /// The loopback interface.
    pub const LO: IfIndex = IfIndex(1);
}

/// A network interface.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its number.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The largest IP datagram that fits, in bytes.
    pub mtu: u32,
    /// Where its frames go; none for `lo` and tunnels.
    pub port: Option<Port>,
    /// Whether it is switched on (IFF_UP).
    pub up: bool,
    /// Whether there is somebody at the other end of the cable.
    pub carrier: bool,
    /// Its addresses in the order in which the kernel keeps them.
    pub addresses: Vec<Address>,
}

/// An IPv4 address of an interface: the kernel's struct in_ifaddr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address itself.
    pub ip: Ipv4Addr,
    /// Length of the subnet's prefix, in bits.
    pub prefix_len: u8,
    /// The broadcast address, if one was set.
    pub broadcast: Option<Ipv4Addr>,
    /// How far the address is valid.
    pub scope: Scope,
    /// The name that `ifconfig` shows it under, like `eth0:0`.
    pub label: String,
    /// Whether an earlier address of the same subnet is there (IFA_F_SECONDARY).
    pub secondary: bool,
}

/// How far an address or a route is valid; wider ones are smaller numbers (RT_SCOPE_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere.
    Global = 0,
    /// On the attached link.
    Link = 253,
    /// In this machine.
    Host = 254,
}
