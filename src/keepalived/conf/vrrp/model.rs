//! What the VRRP blocks of a configuration say.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::time::Span;
use crate::wire::MacAddr;

/// How gratuitous ARPs are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garp {
    /// How long after the first batch the second one follows; zero: there is none.
    pub delay: Span,
    /// How many there are in a batch, for each address.
    pub repeat: u32,
    /// How often a master sends them again; zero: never.
    pub refresh: Span,
    /// How many there are then.
    pub refresh_repeat: u32,
    /// As `delay`, after an advert of lower priority; unset: as there.
    pub lower_priority_delay: Option<Span>,
    /// As `repeat`, after an advert of lower priority; unset: as there.
    pub lower_priority_repeat: Option<u32>,
}

impl Default for Garp {
    fn default() -> Garp {
        Garp {
            delay: Span::from_secs(5),
            repeat: 5,
            refresh: Span::ZERO,
            refresh_repeat: 1,
            lower_priority_delay: None,
            lower_priority_repeat: None,
        }
    }
}

/// garp_group, or vrrp_garp_interval: how far apart the gratuitous ARPs of some interfaces are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GarpGroup {
    /// The gap.
    pub interval: Option<Span>,
    /// The interfaces that keep it together.
    pub interfaces: Vec<String>,
}

/// vrrp_script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The command.
    pub command: String,
    /// interval
    pub interval: Span,
    /// timeout; unset: the interval.
    pub timeout: Option<Span>,
    /// weight; 0: a failure is a fault.
    pub weight: Weight,
    /// rise
    pub rise: u32,
    /// fall
    pub fall: u32,
    /// init_fail
    pub init_fail: bool,
}

/// track_file: a file with a number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// By what the number in it is multiplied; 0: anything but 0 is a fault.
    pub weight: Weight,
    /// init_file: what is written into it at the start, and whether also if it is there.
    pub init: Option<(i64, bool)>,
}

/// vrrp_track_process: a program that should be running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackProcess {
    /// Its name.
    pub name: String,
    /// The program.
    pub program: String,
    /// weight; 0: too few or too many are a fault.
    pub weight: Weight,
    /// How many there must be.
    pub quorum: u32,
    /// How many there may be.
    pub quorum_max: u32,
    /// How long it counts as there after its end.
    pub terminate_delay: Span,
    /// How long it counts as not there after its start.
    pub fork_delay: Span,
}

/// What something that is tracked does to a priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Added while all is well if positive, and while it is not if negative; 0: a fault while it is not.
    pub value: i32,
    /// The other way round.
    pub is_reversed: bool,
}

/// What is tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// track_interface
    Interface(String),
    /// track_script
    Script(String),
    /// track_file
    File(String),
    /// track_process
    Process(String),
}

impl Watch {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Watch::Interface(name) | Watch::Script(name) | Watch::File(name) | Watch::Process(name) => name,
        }
    }
}

/// Something that an instance or a group watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What.
    pub watch: Watch,
    /// What it does.
    pub weight: Weight,
}

/// A virtual address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vip {
    /// The address and its prefix.
    pub net: Ipv4Net,
    /// dev; unset: the instance's interface.
    pub device: Option<String>,
    /// brd
    pub broadcast: Option<Ipv4Addr>,
    /// label
    pub label: Option<String>,
    /// scope
    pub scope: Option<u8>,
    /// noprefixroute: no route to the prefix comes with it.
    pub no_prefix_route: bool,
    /// no_track: that its interface is down is no fault.
    pub no_track: bool,
}

/// A line of virtual_routes or virtual_rules, in the words of `ip route` and `ip rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpLine {
    /// What follows `ip route add`.
    pub words: Vec<String>,
    /// The interfaces that it names, and that are tracked for it.
    pub devices: Vec<String>,
}

/// static_ipaddress, static_routes, static_rules: what keepalived adds for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statics {
    /// Addresses, each with its device.
    pub addresses: Vec<Vip>,
    /// Routes.
    pub routes: Vec<IpLine>,
    /// Rules.
    pub rules: Vec<IpLine>,
}

/// auth_type and auth_pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Eight bytes, in the clear.
    Password([u8; 8]),
    /// An AH header.
    Header([u8; 8]),
}

/// Scripts that are run when a state is entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// notify_master
    pub master: Option<String>,
    /// notify_backup
    pub backup: Option<String>,
    /// notify_fault
    pub fault: Option<String>,
    /// notify_stop
    pub stop: Option<String>,
    /// notify_deleted
    pub deleted: Option<String>,
    /// Whether `notify_deleted` stands there, with a script or without: FAULT is said otherwise.
    pub says_deleted: bool,
    /// notify, which is told which state it is.
    pub any: Option<String>,
    /// notify_master_rx_lower_pri
    pub lower_priority: Option<String>,
}

/// A line of unicast_peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: Ipv4Addr,
    /// min_ttl
    pub min_ttl: u8,
    /// max_ttl
    pub max_ttl: u8,
}

/// use_vmac: an interface of the instance's own, with an address that moves with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vmac {
    /// What it is called; unset: vrrp.VRID.
    pub name: Option<String>,
    /// Its hardware address; unset: 00:00:5e:00:01:VRID.
    pub mac: Option<MacAddr>,
    /// vmac_xmit_base: adverts leave by the interface below it.
    pub advertises_below: bool,
}

/// vrrp_instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// state MASTER; without it, the priority says it.
    pub starts_as_master: Option<bool>,
    /// interface
    pub interface: String,
    /// virtual_router_id
    pub vrid: u8,
    /// priority
    pub priority: u8,
    /// advert_int
    pub advert_interval: Span,
    /// version
    pub version: u8,
    /// authentication
    pub authentication: Option<Authentication>,
    /// virtual_ipaddress
    pub vips: Vec<Vip>,
    /// virtual_ipaddress_excluded
    pub excluded: Vec<Vip>,
    /// How many addresses of IPv6 it has.
    pub ipv6: usize,
    /// virtual_routes
    pub routes: Vec<IpLine>,
    /// virtual_rules
    pub rules: Vec<IpLine>,
    /// nopreempt
    pub nopreempt: bool,
    /// preempt_delay
    pub preempt_delay: Span,
    /// down_timer_adverts
    pub down_timer_adverts: u32,
    /// garp_*
    pub garp: Garp,
    /// garp_extra_if: how often addresses on other interfaces are announced; whether also on those that are no VMACs.
    pub garp_elsewhere: Option<(Span, bool)>,
    /// lower_prio_no_advert
    pub lower_priority_no_advert: bool,
    /// higher_prio_send_advert
    pub higher_priority_send_advert: bool,
    /// skip_check_adv_addr
    pub skip_check_addresses: bool,
    /// strict_mode
    pub strict: bool,
    /// no_accept: nobody may speak with the addresses.
    pub no_accept: bool,
    /// dont_track_primary
    pub ignores_own_interface: bool,
    /// track_*
    pub tracks: Vec<Track>,
    /// mcast_src_ip, unicast_src_ip
    pub source: Option<Ipv4Addr>,
    /// track_src_ip
    pub tracks_source: bool,
    /// mcast_dst_ip, or vrrp_mcast_group4
    pub group: Ipv4Addr,
    /// unicast_peer
    pub peers: Vec<Peer>,
    /// unicast_ttl
    pub unicast_ttl: u8,
    /// unicast_fault_no_peer, and there is none.
    pub lacks_peers: bool,
    /// check_unicast_src
    pub check_unicast_source: bool,
    /// use_vmac
    pub vmac: Option<Vmac>,
    /// promote_secondaries
    pub promotes_secondaries: bool,
    /// notify_*
    pub notify: Notify,
    /// notify_priority_changes
    pub tells_priority: bool,
}

impl Instance {
    /// Whether it speaks with its peers one by one.
    pub fn is_unicast(&self) -> bool {
        !self.peers.is_empty()
    }

    /// Whether addresses may be spoken with.
    pub fn accepts(&self) -> bool {
        self.priority == 255 || !self.no_accept
    }

    /// The interface that the addresses and the adverts go to: its own one, or that of its VMAC.
    pub fn device(&self) -> String {
        match &self.vmac {
            Some(vmac) => vmac.name.clone().unwrap_or_else(|| format!("vrrp.{}", self.vrid)),
            None => self.interface.clone(),
        }
    }

    /// All its addresses, and the interface of each.
    pub fn addresses(&self) -> impl Iterator<Item = (&Vip, String)> {
        let place = |vip: &Vip| match &vip.device {
            Some(device) if *device != self.interface => device.clone(),
            _ => self.device(),
        };
        self.vips.iter().chain(&self.excluded).map(move |vip| (vip, place(vip)))
    }
}

/// vrrp_sync_group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// group: the instances that change their states together.
    pub members: Vec<String>,
    /// track_*
    pub tracks: Vec<Track>,
    /// sync_group_tracking_weight: its members may track with weights.
    pub allows_weights: bool,
    /// notify_*
    pub notify: Notify,
    /// notify_priority_changes
    pub tells_priority: Option<bool>,
}
