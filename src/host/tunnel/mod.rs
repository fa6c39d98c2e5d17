//! Tunnels: IPv4 packets within IPv4 packets. net/ipv4/ip_tunnel.c, ipip.c, ip_gre.c, tunnel4.c, fou_core.c.
//!
//! What is sent to a tunnel's interface leaves in an outer packet (`output`); outer packets for this host are opened,
//! and what is in them comes in by the tunnel's interface (`input`), as if it had come by a cable.

mod errors;
mod fou;
mod input;
mod output;

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use super::interface::{IfIndex, Interface, Link};
use super::kernel::Kernel;
use super::socket::Errno;
use crate::time::Time;
use crate::wire::tunnel::{Envelope, Gre, Gue};
use crate::wire::{Frame, IPV4_LEN, MacAddr};

pub use fou::{Decapsulation, FouPort};
pub(super) use output::{Outer, outer_tos};

/// The longest datagram that a tunnel's MTU allows, outer headers included.
const LARGEST: u32 = 0xffff;

/// How a tunnel wraps packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// IPv4 in IPv4 (RFC 2003).
    Ipip,
    /// Generic routing encapsulation (RFC 2784).
    Gre,
}

impl Mode {
    /// The name of its kind of interface.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Ipip => "ipip",
            Mode::Gre => "gre",
        }
    }

    /// The interface that takes what no other tunnel does; it is there as soon as the kernel knows the mode.
    pub const fn fallback(self) -> &'static str {
        match self {
            Mode::Ipip => "tunl0",
            Mode::Gre => "gre0",
        }
    }
}

/// A tunnel as it was set up: struct ip_tunnel_parm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// How it wraps packets.
    pub mode: Mode,
    /// This end; unspecified: any address of this host.
    pub local: Ipv4Addr,
    /// The other end; unspecified: anybody.
    pub remote: Ipv4Addr,
    /// The outer packets' TTL; 0: that of the packet inside.
    pub ttl: u8,
    /// The outer packets' type of service; 1: that of the packet inside.
    pub tos: u8,
    /// Whether no outer packet may be fragmented, so that the path's MTU is found.
    pub path_mtu: bool,
    /// The interface that outer packets leave by.
    pub over: Option<IfIndex>,
    /// GRE: the key that incoming packets must have.
    pub in_key: Option<u32>,
    /// GRE: the key of outgoing packets.
    pub out_key: Option<u32>,
    /// GRE: whether incoming packets must have a checksum.
    pub in_checksum: bool,
    /// GRE: whether outgoing packets have one.
    pub out_checksum: bool,
    /// Wraps outer packets in UDP, too.
    pub gue: Option<GueParameters>,
}

/// `encap gue`: struct ip_tunnel_encap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GueParameters {
    /// The UDP source port; 0: one for each flow.
    pub source_port: u16,
    /// The UDP port that the other end listens at.
    pub destination_port: u16,
    /// Whether there is a UDP checksum.
    pub checksum: bool,
}

/// A tunnel: struct ip_tunnel.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// How it was set up.
    pub parameters: Parameters,
    /// Whether it came by `ip tunnel add`, which names limits and protocol that `ip link add` leaves open.
    pub is_by_ioctl: bool,
    /// Errors that came in about its packets, and when the last one did.
    errors: (u32, Time),
}

impl Parameters {
    /// A tunnel between anybody and this host, which takes the TTL of the packets inside.
    pub const fn new(mode: Mode) -> Parameters {
        Parameters {
            mode,
            local: Ipv4Addr::UNSPECIFIED,
            remote: Ipv4Addr::UNSPECIFIED,
            ttl: 0,
            tos: 0,
            path_mtu: true,
            over: None,
            in_key: None,
            out_key: None,
            in_checksum: false,
            out_checksum: false,
            gue: None,
        }
    }

    /// What stands between outer and inner header; a UDP source port is of `flow`.
    fn envelope(&self, flow: u16) -> Envelope {
        let gre = Gre { checksum: self.out_checksum, key: self.out_key };
        let gue = self.gue.map(|gue| Gue {
            source_port: if gue.source_port == 0 { flow } else { gue.source_port },
            destination_port: gue.destination_port,
            checksum: gue.checksum,
        });
        Envelope { gre: (self.mode == Mode::Gre).then_some(gre), gue }
    }

    /// Bytes that it adds to a packet, the outer IPv4 header included.
    fn overhead(&self) -> u32 {
        (IPV4_LEN + self.envelope(0).len()) as u32
    }

    /// What tells a tunnel from others (ip_tunnel_find).
    fn identity(&self) -> (Mode, Ipv4Addr, Ipv4Addr, Option<IfIndex>, Option<u32>) {
        (self.mode, self.local, self.remote, self.over, self.in_key)
    }
}

impl Tunnel {
    /// Whether it is what its mode came with.
    pub fn is_fallback(&self) -> bool {
        self.parameters.identity() == Parameters::new(self.parameters.mode).identity()
    }

    /// The largest MTU that its interface can have.
    pub fn largest_mtu(&self) -> u32 {
        LARGEST.saturating_sub(self.parameters.overhead())
    }
}

/// What a host knows of tunnels besides their interfaces.
#[derive(Debug, Default)]
pub struct Tunnels {
    /// Whether GRE is known (the module ip_gre).
    has_gre: bool,
    /// Whether UDP ports can be opened (the module fou).
    has_fou: bool,
    /// UDP ports whose datagrams are opened.
    fou: BTreeMap<u16, FouPort>,
    /// What came out of outer packets and has not come in yet (the kernel's gro_cells).
    arrived: VecDeque<Arrived>,
    /// How many tunnels within tunnels a packet is on its way into.
    depth: u8,
    hash_seed: u64,
}

/// A packet that came out of another one.
#[derive(Debug)]
struct Arrived {
    iif: IfIndex,
    frame: Frame,
    mark: u32,
}

impl Tunnels {
    /// No tunnels yet. UDP source ports depend on `hash_seed`.
    pub fn new(hash_seed: u64) -> Tunnels {
        Tunnels { hash_seed, ..Tunnels::default() }
    }
}

impl Kernel {
    /// ipip_init: the kernel has learnt IPv4 in IPv4.
    pub(super) fn load_ipip(&mut self) {
        self.add_fallback(Mode::Ipip);
    }

    /// ipgre_init: the kernel learns GRE, unless it knows it.
    pub fn load_gre(&mut self) {
        if !std::mem::replace(&mut self.tunnels.has_gre, true) {
            self.add_fallback(Mode::Gre);
        }
    }

    /// fou_init: the kernel learns to open UDP datagrams.
    pub fn load_fou(&mut self) {
        self.tunnels.has_fou = true;
    }

    /// Whether the kernel knows how to open UDP datagrams.
    pub fn has_fou(&self) -> bool {
        self.tunnels.has_fou
    }

    fn add_fallback(&mut self, mode: Mode) {
        let parameters = Parameters { path_mtu: false, ..Parameters::new(mode) };
        let mtu = self.tunnel_mtu(&parameters);
        let link = Link::Tunnel(Tunnel { parameters, is_by_ioctl: false, errors: (0, Time::ZERO) });
        self.register(mode.fallback(), MacAddr::ZERO, mtu, link);
    }

    /// ip_tunnel_ioctl, ip_tunnel_newlink: `ip tunnel add`, `ip link add ... type ipip|gre`.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`] if there is such a tunnel, or an interface of that name; [`Errno::InvalidArgument`] if it is to be
    /// wrapped in UDP, and the kernel does not know how.
    pub fn add_tunnel(&mut self, name: &str, parameters: Parameters, is_by_ioctl: bool) -> Result<IfIndex, Errno> {
        if parameters.mode == Mode::Gre {
            self.load_gre();
        }
        if self.interfaces.by_name(name).is_some() || self.same_tunnel(&parameters).is_some() {
            return Err(Errno::Exists);
        }
        if parameters.gue.is_some() && !self.tunnels.has_fou {
            return Err(Errno::InvalidArgument);
        }
        let mtu = self.tunnel_mtu(&parameters);
        let link = Link::Tunnel(Tunnel { parameters, is_by_ioctl, errors: (0, Time::ZERO) });
        Ok(self.register(name, MacAddr::ZERO, mtu, link))
    }

    /// ip_tunnel_update: `ip tunnel change`.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`] if another tunnel is like that; [`Errno::InvalidArgument`] if it would begin or cease to lead to
    /// one host only; [`Errno::NoSuchDevice`].
    pub fn change_tunnel(&mut self, index: IfIndex, parameters: Parameters) -> Result<(), Errno> {
        if self.same_tunnel(&parameters).is_some_and(|same| same != index) {
            return Err(Errno::Exists);
        }
        let Some(Interface { link: Link::Tunnel(tunnel), .. }) = self.interfaces.get_mut(index) else {
            return Err(Errno::NoSuchDevice);
        };
        if tunnel.parameters.remote.is_unspecified() != parameters.remote.is_unspecified() {
            return Err(Errno::InvalidArgument);
        }
        tunnel.parameters = parameters;
        Ok(())
    }

    /// ip_tunnel_find: the tunnel that cannot be told from such a one.
    pub fn same_tunnel(&self, parameters: &Parameters) -> Option<IfIndex> {
        let is_same = |tunnel: &Tunnel| tunnel.parameters.identity() == parameters.identity();
        self.interfaces.iter().find(|interface| interface.tunnel().is_some_and(is_same)).map(|same| same.index)
    }

    /// ip_tunnel_bind_dev: what fits, as far as can be told from the way to the other end.
    fn tunnel_mtu(&mut self, parameters: &Parameters) -> u32 {
        let source = Some(parameters.local).filter(|local| !local.is_unspecified());
        let route = match parameters.remote.is_unspecified() {
            true => None,
            false => self.route_output(parameters.remote, source, parameters.over).ok(),
        };
        let under = route.map(|route| route.oif).or(parameters.over).and_then(|index| self.interfaces.get(index));
        under.map_or(1500, |under| under.mtu).saturating_sub(parameters.overhead()).max(68)
    }

    /// ip_tunnel_lookup: the tunnel that a packet between these ends has come by.
    fn find_tunnel(
        &self,
        mode: Mode,
        (remote, local): (Ipv4Addr, Ipv4Addr),
        iif: IfIndex,
        key: Option<u32>,
    ) -> Option<IfIndex> {
        let any = Ipv4Addr::UNSPECIFIED;
        // From both ends being named to neither. With neither, IPv4 in IPv4 leaves it to the fallback alone.
        let mut ends = vec![(remote, local), (remote, any), (any, local)];
        if mode == Mode::Gre {
            ends.push((any, any));
        }
        let mut candidate = None;
        for (remote, local) in ends {
            for (index, tunnel) in self.usable_tunnels(mode) {
                let Parameters { over, in_key, .. } = tunnel.parameters;
                if (tunnel.parameters.remote, tunnel.parameters.local) != (remote, local) || in_key != key {
                    continue;
                }
                if over == Some(iif) {
                    return Some(index);
                }
                candidate = candidate.or(Some(index));
            }
        }
        let mut fallback = self.usable_tunnels(mode).filter(|(_, tunnel)| tunnel.is_fallback());
        candidate.or_else(|| fallback.next().map(|(index, _)| index))
    }

    fn usable_tunnels(&self, mode: Mode) -> impl Iterator<Item = (IfIndex, &Tunnel)> {
        let tunnels = self.interfaces.iter().filter(|interface| interface.up);
        let tunnels = tunnels.filter_map(|interface| Some((interface.index, interface.tunnel()?)));
        tunnels.filter(move |(_, tunnel)| tunnel.parameters.mode == mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const THERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
    const LO: IfIndex = IfIndex::LO;

    fn up(kernel: &mut Kernel, name: &str, parameters: Parameters) -> IfIndex {
        let index = kernel.add_tunnel(name, parameters, true).unwrap();
        kernel.set_interface_up(index, true).unwrap();
        index
    }

    #[test]
    fn the_tunnel_that_says_most_takes_the_packet() {
        let mut kernel = Kernel::new("box", 1);
        let plain = Parameters::new(Mode::Ipip);
        let to_here = up(&mut kernel, "a", Parameters { local: HERE, ..plain });
        let from_there = up(&mut kernel, "b", Parameters { remote: THERE, ..plain });
        let both = up(&mut kernel, "c", Parameters { remote: THERE, local: HERE, ..plain });
        let find = |kernel: &Kernel, remote, local| kernel.find_tunnel(Mode::Ipip, (remote, local), LO, None);
        assert_eq!(find(&kernel, THERE, HERE), Some(both));
        assert_eq!(find(&kernel, THERE, OTHER), Some(from_there));
        assert_eq!(find(&kernel, OTHER, HERE), Some(to_here));
        assert_eq!(find(&kernel, OTHER, OTHER), None);
        let tunl0 = kernel.interface("tunl0").unwrap().index;
        kernel.set_interface_up(tunl0, true).unwrap();
        assert_eq!(find(&kernel, OTHER, OTHER), Some(tunl0));
        kernel.set_interface_up(both, false).unwrap();
        assert_eq!(find(&kernel, THERE, HERE), Some(from_there));
    }

    #[test]
    fn a_key_must_be_the_tunnels_own() {
        let mut kernel = Kernel::new("box", 1);
        let ends = Parameters { remote: THERE, local: HERE, ..Parameters::new(Mode::Gre) };
        let keyed = up(&mut kernel, "a", Parameters { in_key: Some(7), ..ends });
        let find = |kernel: &Kernel, key| kernel.find_tunnel(Mode::Gre, (THERE, HERE), LO, key);
        assert_eq!(find(&kernel, Some(7)), Some(keyed));
        assert_eq!(find(&kernel, Some(8)), None);
        assert_eq!(find(&kernel, None), None);
    }

    #[test]
    fn two_tunnels_are_not_alike() {
        let mut kernel = Kernel::new("box", 1);
        let parameters = Parameters { remote: THERE, ..Parameters::new(Mode::Ipip) };
        let index = kernel.add_tunnel("a", parameters, true).unwrap();
        assert_eq!(kernel.add_tunnel("b", parameters, true), Err(Errno::Exists));
        assert_eq!(kernel.change_tunnel(index, Parameters::new(Mode::Ipip)), Err(Errno::Exists));
        assert_eq!(kernel.delete_interface(index), Ok(()));
        assert_eq!(kernel.add_tunnel("b", parameters, true), Ok(IfIndex(index.0 + 1)));
        let tunl0 = kernel.interface("tunl0").unwrap().index;
        assert_eq!(kernel.delete_interface(tunl0), Err(Errno::NotPermitted));
    }
}
