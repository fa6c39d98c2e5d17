//! Sockets below the transport: raw sockets (whole IPv4 packets, net/ipv4/raw.c) and packet sockets (whole frames,
//! net/packet/af_packet.c). Programs hold them by handles that close them when they are dropped.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use super::interface::IfIndex;
use super::ip::Flow;
use super::kernel::Kernel;
use super::packet::Packet;
use super::process::{Sys, WaitOn};
use super::socket::Errno;
use crate::time::Time;
use crate::wire::Frame;

/// How much may wait in a socket for its program; more is lost, as beyond SO_RCVBUF.
const QUEUE_LIMIT: usize = 1024;

/// A raw or packet socket of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawId(u32);

/// The raw and packet sockets of a host.
#[derive(Debug, Default)]
pub struct RawSockets {
    opened: u32,
    raw: BTreeMap<RawId, Raw>,
    taps: BTreeMap<RawId, Tap>,
}

/// What a raw socket takes in: what was asked for when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawBind {
    /// The protocol.
    pub protocol: u8,
    /// Only packets to this address (bind); others are sent from it.
    pub address: Option<Ipv4Addr>,
    /// Only packets that come in by this interface (SO_BINDTODEVICE).
    pub device: Option<IfIndex>,
}

#[derive(Debug)]
struct Raw {
    bind: RawBind,
    groups: Vec<(Ipv4Addr, IfIndex)>,
    received: VecDeque<Received>,
    errors: VecDeque<IcmpError>,
}

/// A packet, as a raw socket gets it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The packet, with its IPv4 header.
    pub packet: Packet,
    /// When it came.
    pub at: Time,
}

/// What came back about a packet that a raw socket has sent (IP_RECVERR).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// The ICMP error's type.
    pub icmp_type: u8,
    /// Its code.
    pub code: u8,
    /// The MTU that a fragmentation-needed names; otherwise 0.
    pub mtu: u16,
    /// Who sent the error.
    pub from: Ipv4Addr,
    /// The packet that it is about, from its IPv4 header on, as far as it was quoted.
    pub quoted: Vec<u8>,
}

#[derive(Debug)]
struct Tap {
    ethertype: Option<u16>,
    interface: Option<IfIndex>,
    frames: VecDeque<Captured>,
}

/// A frame, as a packet socket gets it.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The frame.
    pub frame: Frame,
    /// The interface that it passed.
    pub interface: IfIndex,
    /// Which way.
    pub direction: Direction,
    /// When.
    pub at: Time,
}

/// Which way a frame passes an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the host.
    In,
    /// Out of it.
    Out,
}

impl RawSockets {
    /// ip_check_mc_rcu: whether any socket has joined the group on this interface.
    pub(super) fn is_member(&self, group: Ipv4Addr, interface: IfIndex) -> bool {
        self.raw.values().any(|socket| socket.groups.contains(&(group, interface)))
    }

    fn next_id(&mut self) -> RawId {
        self.opened += 1;
        RawId(self.opened)
    }
}

impl Kernel {
    /// raw_local_deliver: shows an IPv4 packet for this host to the raw sockets, before its protocol gets it. True if
    /// somebody took it.
    pub(super) fn raw_receive(&mut self, packet: &Packet) -> bool {
        let mut woken = Vec::new();
        for (&id, socket) in &mut self.raw.raw {
            let RawBind { protocol, address, device } = socket.bind;
            let is_wanted = protocol == packet.protocol()
                && address.is_none_or(|address| address == packet.destination())
                && device.is_none_or(|device| device == packet.iif);
            if is_wanted && socket.received.len() < QUEUE_LIMIT {
                socket.received.push_back(Received { packet: packet.clone(), at: self.now });
                woken.push(id);
            }
        }
        woken.iter().for_each(|&id| self.wake(WaitOn::Raw(id)));
        if !woken.is_empty() {
            self.step(packet.origin, || crate::reason::Step::Raw { protocol: packet.protocol() });
        }
        !woken.is_empty()
    }

    /// raw_err: an ICMP error about a packet that this host has sent; see [`Kernel::tcp_icmp_error`].
    pub(super) fn raw_icmp_error(&mut self, icmp_type: u8, code: u8, mtu: u16, quoted: &[u8], from: Ipv4Addr) {
        let (Some(&protocol), Some(&[a, b, c, d])) = (quoted.get(9), quoted.get(12..).and_then(|s| s.first_chunk()))
        else {
            return;
        };
        let source = Ipv4Addr::new(a, b, c, d);
        let mut woken = Vec::new();
        for (&id, socket) in &mut self.raw.raw {
            let is_concerned =
                socket.bind.protocol == protocol && socket.bind.address.is_none_or(|address| address == source);
            if is_concerned && socket.errors.len() < QUEUE_LIMIT {
                socket.errors.push_back(IcmpError { icmp_type, code, mtu, from, quoted: quoted.to_vec() });
                woken.push(id);
            }
        }
        woken.iter().for_each(|&id| self.wake(WaitOn::Raw(id)));
    }

    /// deliver_ptype_list_skb, dev_queue_xmit_nit: shows a frame that passes an interface to the packet sockets. Frames on
    /// their way out are seen only by those that want all protocols.
    #[inline]
    pub(super) fn packet_sockets_see(&mut self, interface: IfIndex, direction: Direction, frame: &Frame) {
        if !self.raw.taps.is_empty() {
            self.tap(interface, direction, frame);
        }
    }

    fn tap(&mut self, interface: IfIndex, direction: Direction, frame: &Frame) {
        let mut woken = Vec::new();
        for (&id, tap) in &mut self.raw.taps {
            let is_wanted = tap.interface.is_none_or(|wanted| wanted == interface)
                && match tap.ethertype {
                    Some(ethertype) => ethertype == frame.ethertype() && direction == Direction::In,
                    None => true,
                };
            if is_wanted && tap.frames.len() < QUEUE_LIMIT {
                tap.frames.push_back(Captured { frame: frame.clone(), interface, direction, at: self.now });
                woken.push(id);
            }
        }
        woken.iter().for_each(|&id| self.wake(WaitOn::Raw(id)));
    }
}

/// A raw socket of a program.
pub struct RawSocket {
    sys: Sys,
    id: RawId,
    bind: RawBind,
}

impl RawSocket {
    /// socket, bind.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressNotAvailable`] if the address is not one of this host's.
    pub fn open(sys: &Sys, bind: RawBind) -> Result<RawSocket, Errno> {
        let id = sys.with(|kernel| {
            let is_usable = |address: Ipv4Addr| address.is_multicast() || kernel.is_local(address);
            if !bind.address.is_none_or(is_usable) {
                return Err(Errno::AddressNotAvailable);
            }
            let id = kernel.raw.next_id();
            kernel
                .raw
                .raw
                .insert(id, Raw { bind, groups: Vec::new(), received: VecDeque::new(), errors: VecDeque::new() });
            Ok(id)
        })?;
        Ok(RawSocket { sys: sys.clone(), id, bind })
    }

    /// Hears what is sent to a group at an interface (IP_ADD_MEMBERSHIP).
    pub fn join(&self, group: Ipv4Addr, interface: IfIndex) {
        self.sys.with(|kernel| {
            if let Some(socket) = kernel.raw.raw.get_mut(&self.id) {
                socket.groups.push((group, interface));
            }
        });
    }

    /// What to wait for: a packet or an error.
    pub fn event(&self) -> WaitOn {
        WaitOn::Raw(self.id)
    }

    /// sendmsg: from the bound address and by the bound interface, whatever `flow` says about them, if they are set.
    ///
    /// # Errors
    ///
    /// Why the packet could not be sent.
    pub fn send(&self, flow: &Flow, write_payload: impl FnOnce(&mut Vec<u8>)) -> Result<(), Errno> {
        let RawBind { protocol, address, device } = self.bind;
        let flow = Flow { protocol, source: address.or(flow.source), oif: device.or(flow.oif), ..*flow };
        self.sys.with(|kernel| kernel.send_ipv4(&flow, write_payload))
    }

    /// recvmsg, without waiting.
    pub fn take(&self) -> Option<Received> {
        self.sys.with(|kernel| kernel.raw.raw.get_mut(&self.id)?.received.pop_front())
    }

    /// recvmsg with MSG_ERRQUEUE, without waiting.
    pub fn take_error(&self) -> Option<IcmpError> {
        self.sys.with(|kernel| kernel.raw.raw.get_mut(&self.id)?.errors.pop_front())
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        self.sys.with(|kernel| kernel.raw.raw.remove(&self.id));
    }
}

/// A packet socket of a program.
pub struct PacketSocket {
    sys: Sys,
    id: RawId,
}

impl PacketSocket {
    /// socket, bind: for frames of one EtherType that come in, or for all frames both ways; at one interface, or at all.
    pub fn open(sys: &Sys, ethertype: Option<u16>, interface: Option<IfIndex>) -> PacketSocket {
        let id = sys.with(|kernel| {
            let id = kernel.raw.next_id();
            kernel.raw.taps.insert(id, Tap { ethertype, interface, frames: VecDeque::new() });
            id
        });
        PacketSocket { sys: sys.clone(), id }
    }

    /// What to wait for: a frame.
    pub fn event(&self) -> WaitOn {
        WaitOn::Raw(self.id)
    }

    /// sendto: a whole frame, by this interface.
    pub fn send(&self, interface: IfIndex, frame: Frame) {
        self.sys.with(|kernel| {
            let origin = kernel.out.origin();
            kernel.transmit_frame(interface, frame, origin);
        });
    }

    /// recvmsg, without waiting.
    pub fn take(&self) -> Option<Captured> {
        self.sys.with(|kernel| kernel.raw.taps.get_mut(&self.id)?.frames.pop_front())
    }
}

impl Drop for PacketSocket {
    fn drop(&mut self) {
        self.sys.with(|kernel| kernel.raw.taps.remove(&self.id));
    }
}
