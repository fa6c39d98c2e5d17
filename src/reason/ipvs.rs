use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::time::Span;
use crate::wire::proto;

/// A connection as IPVS knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The protocol's number.
    pub protocol: u8,
    /// The client.
    pub client: SocketAddrV4,
    /// The virtual address.
    pub virtual_address: SocketAddrV4,
    /// The real server.
    pub server: SocketAddrV4,
}

/// A packet of a connection passes the director.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Which connection.
    pub connection: Connection,
    /// How clients' packets get to the server.
    pub method: &'static str,
    /// The connection's state before.
    pub before: &'static str,
    /// And after.
    pub after: &'static str,
}

/// A server's text that is replaced on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewriting {
    /// What the server said.
    pub old: String,
    /// What the client reads.
    pub new: String,
    /// How many bytes longer that is.
    pub by: i32,
}

/// A service without a server for a new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    /// The service.
    pub service: String,
    /// Its scheduler.
    pub scheduler: &'static str,
    /// Its servers.
    pub candidates: Vec<Candidate>,
}

/// Clients that come back to their server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persistent {
    /// The service that wants it so.
    pub service: String,
    /// The new template, or the new connection that follows one.
    pub connection: Connection,
    /// Which clients come back, by the template's own client address.
    pub group: Ipv4Addr,
    /// How long the template outlives its last new connection.
    pub timeout: Span,
}

/// What IPVS decided about a packet or a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ipvs {
    /// A scheduler has given a server to a new connection.
    Scheduled(Box<Schedule>),
    /// The server of a new connection is kept for its client: a template has been made.
    Kept(Box<Persistent>),
    /// Persistence has given a new connection the server that its client had before.
    Remembered(Box<Persistent>),
    /// A packet of a client belongs to a connection, and goes to its server.
    Steered(Box<Passage>),
    /// A packet of a server belongs to a connection, and goes to its client.
    Returned(Box<Passage>),
    /// An error about the outer packet of a tunnel has come.
    Relayed {
        /// Whose packet was inside.
        connection: Connection,
        /// Whether its client is told.
        is_told: bool,
    },
    /// A SYN has come for a connection that is as good as over: it is scheduled anew.
    Reopened {
        /// The old connection.
        connection: Box<Connection>,
        /// Its state.
        state: &'static str,
    },
    /// A packet for a service belongs to no connection and does not open one: the director's own stack gets it.
    NotOpening {
        /// The service.
        service: String,
    },
    /// The template of a client group is no longer good: a scheduler is asked again.
    Forgotten {
        /// The group.
        group: Ipv4Addr,
        /// The server that it pointed to.
        server: SocketAddrV4,
    },
    /// The chosen server is this machine itself: the packet is delivered here.
    ServedHere {
        /// The server's address.
        server: Ipv4Addr,
    },
    /// An ICMP error quotes a packet of a connection: the other side is told, in its own terms.
    Error {
        /// Which.
        connection: Box<Connection>,
        /// "client" or "server".
        recipient: &'static str,
    },
    /// A masqueraded server's packet belongs to no connection: it passes with the server's own address.
    Untranslated {
        /// The server.
        server: Ipv4Addr,
    },
    /// A control connection has announced another one: an entry waits for it.
    Expected {
        /// The data connection; the client's port is 0 if it is not known yet.
        connection: Connection,
    },
    /// A server has named its own end to a client: the text is replaced.
    Rewritten(Box<Rewriting>),
    /// The other directors are to hear of a connection.
    Told {
        /// Which.
        connection: Box<Connection>,
        /// Its state.
        state: &'static str,
        /// How many packets of the client it has had.
        packets: u32,
    },
    /// Another director has told of a connection.
    Learnt {
        /// Which.
        connection: Box<Connection>,
        /// Its state.
        state: &'static str,
        /// Whether its server belongs to a service here.
        is_bound: bool,
    },
    /// A message of a director with another identifier, or no message at all.
    NotHeard {
        /// This backup's own identifier.
        id: u8,
    },
    /// A template's time is up, but connections follow it: it stays for another minute.
    Followed {
        /// Which template.
        connection: Connection,
        /// How many connections follow it.
        followers: u32,
    },
    /// A connection has not been used for too long.
    Expired {
        /// Which.
        connection: Box<Connection>,
        /// Its last state.
        state: &'static str,
    },
}

/// Why IPVS lets nobody have a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpvsDrop {
    /// No server of the service is usable: the client is told that the port is unreachable.
    NoServer(Box<Unserved>),
    /// The port is not the service's own, and without persistence only that one is served.
    OtherPort {
        /// The service.
        service: String,
    },
    /// The connection's server has been removed (expire_nodest_conn is 0).
    ServerRemoved {
        /// The connection.
        connection: Connection,
    },
    /// A SYN that would open another connection in place of an old one, which connection tracking still has.
    StillTracked {
        /// The old connection.
        connection: Connection,
    },
    /// drop_packet is on, and it was this packet's turn.
    Defence {
        /// One in so many.
        rate: i64,
    },
    /// The SIP persistence engine finds no Call-ID.
    NoCallId,
    /// Its transport header is cut off.
    Truncated,
    /// A helper wants to rewrite a segment, but nothing tracks its connection (ip_vs_ftp_out).
    NotTracked,
    /// The checksum of an error message that would have been rewritten is wrong.
    BadChecksum,
    /// A masqueraded server answers for a connection that is unknown (nat_icmp_send).
    UnknownReply,
    /// Its TTL does not last to the server.
    TtlExceeded,
    /// It does not fit into the way to the server, and may not be fragmented.
    TooBig {
        /// What fits, in bytes.
        mtu: u32,
    },
    /// There is no route to the server.
    NoRoute {
        /// The server.
        server: Ipv4Addr,
    },
    /// A packet from elsewhere cannot be handed to 127.0.0.0/8, nor one from there leave.
    CrossesLoopback {
        /// The server.
        server: Ipv4Addr,
    },
}

/// A scheduler's decision with what it was based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The new connection.
    pub connection: Connection,
    /// The scheduler.
    pub scheduler: &'static str,
    /// All servers of the service in the order in which the scheduler meets them, as they were before.
    pub candidates: Vec<Candidate>,
    /// The place of the chosen one among them.
    pub chosen: usize,
    /// Why it.
    pub why: Choice,
}

/// A server as a scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its address and port.
    pub server: SocketAddrV4,
    /// Its weight.
    pub weight: i32,
    /// Its active connections.
    pub active: u32,
    /// Its other connections.
    pub inactive: u32,
    /// Whether it has reached its upper threshold.
    pub is_overloaded: bool,
}

/// Why a scheduler chooses a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// rr: it is next.
    Turn,
    /// wrr: it is the next one whose weight reaches the round's level.
    Round {
        /// The level.
        level: i64,
    },
    /// lc: it has the fewest connections.
    LeastConnections,
    /// wlc: it has the fewest connections for its weight.
    LeastByWeight,
    /// sed: one more connection would wait least.
    ShortestDelay,
    /// nq: it is idle.
    Idle,
    /// fo: it has the greatest weight.
    Heaviest,
    /// ovf: it has the greatest weight of those that are not full.
    HeaviestBelowWeight,
    /// dh: the hash of the destination says so.
    HashedDestination {
        /// The bucket.
        bucket: usize,
        /// How many buckets there are.
        buckets: usize,
    },
    /// sh, mh: the hash of the client says so.
    HashedSource {
        /// The bucket.
        bucket: usize,
        /// How many buckets there are.
        buckets: usize,
        /// Whether the client's port takes part.
        with_port: bool,
        /// How many buckets had unusable servers.
        fallbacks: usize,
    },
    /// lblc, lblcr: the destination has had it before.
    Cached,
    /// twos: it is the less loaded of two that were drawn.
    BetterOfTwo {
        /// Those.
        drawn: [SocketAddrV4; 2],
    },
}

impl Candidate {
    /// What a scheduler computes of it, as a sum that a reader can follow.
    fn sum(&self, why: Choice) -> String {
        let Candidate { weight, active, inactive, .. } = self;
        match why {
            _ if self.is_overloaded => "overloaded".to_owned(),
            _ if *weight == 0 => "weight 0".to_owned(),
            Choice::LeastConnections => {
                format!("{active}*256+{inactive} = {}", i64::from(*active) * 256 + i64::from(*inactive))
            }
            Choice::LeastByWeight | Choice::BetterOfTwo { .. } => {
                let load = i64::from(*active) * 256 + i64::from(*inactive);
                format!("({active}*256+{inactive})/{weight} = {}", quotient(load, *weight))
            }
            Choice::ShortestDelay => {
                format!("({active}+1)/{weight} = {}", quotient(i64::from(*active) + 1, *weight))
            }
            Choice::Idle | Choice::HeaviestBelowWeight | Choice::Cached => format!("weight {weight}, {active} active"),
            _ => format!("weight {weight}"),
        }
    }
}

/// A load for a weight, with one digit behind the point where it is no whole number. (The kernel compares without dividing.)
fn quotient(load: i64, weight: i32) -> String {
    let weight = i64::from(weight);
    if load % weight == 0 { (load / weight).to_string() } else { format!("{:.1}", load as f64 / weight as f64) }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {} > {}", proto::name(self.protocol), self.client, self.virtual_address, self.server)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schedule { scheduler, candidates, chosen, why, .. } = self;
        let Some(winner) = candidates.get(*chosen) else { return Ok(()) };
        write!(f, "{scheduler} chose {}: ", winner.server)?;
        let sum = winner.sum(*why);
        match why {
            Choice::Turn => f.write_str("it is next in turn")?,
            Choice::Round { level } => {
                write!(f, "it is next in turn with a weight of {} in a round for {level} and more", winner.weight)?;
            }
            Choice::LeastConnections | Choice::LeastByWeight | Choice::ShortestDelay => {
                write!(f, "{sum} is the least")?
            }
            Choice::Idle => f.write_str("it is the first that has no active connection")?,
            Choice::Heaviest => write!(f, "{sum} is the greatest")?,
            Choice::HeaviestBelowWeight => {
                write!(f, "{sum}: the greatest weight of those with no more active connections than that")?;
            }
            Choice::HashedDestination { bucket, buckets } => {
                write!(f, "the destination's address falls into bucket {bucket} of {buckets}")?;
            }
            Choice::HashedSource { bucket, buckets, with_port, fallbacks } => {
                let what = if *with_port { "address and port fall" } else { "address falls" };
                write!(f, "the client's {what} into bucket {bucket} of {buckets}")?;
                if *fallbacks > 0 {
                    write!(f, ", the first with a usable server after {fallbacks} without")?;
                }
            }
            Choice::Cached => {
                let busy = i64::from(winner.active) > i64::from(winner.weight);
                let why = if busy { "no other one has less than half of its weight" } else { "it is not overloaded" };
                write!(f, "this destination has had it before, and {why}: {sum}")?;
            }
            Choice::BetterOfTwo { drawn: [first, second] } => {
                write!(f, "{first} and {second} were drawn, and it is the less loaded of them")?;
            }
        }
        let others: Vec<_> = candidates.iter().enumerate().filter(|(place, _)| place != chosen).collect();
        for (n, (_, other)) in others.iter().enumerate() {
            let lead = if n == 0 { " (" } else { ", " };
            write!(f, "{lead}{}: {}", other.server, other.sum(*why))?;
        }
        if others.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Display for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let went = |f: &mut fmt::Formatter<'_>, before: &str, after: &str| {
            if before == after { write!(f, ", still {after}") } else { write!(f, ", {before} -> {after}") }
        };
        match self {
            Ipvs::Scheduled(schedule) => schedule.fmt(f),
            Ipvs::Kept(persistent) => {
                let Persistent { connection, group, timeout, .. } = &**persistent;
                let timeout = timeout.as_secs();
                write!(
                    f,
                    "persistence keeps it for {group}: template {connection}, for {timeout} s from each new connection on"
                )
            }
            Ipvs::Remembered(persistent) => {
                let Persistent { connection, group, .. } = &**persistent;
                write!(f, "persistence gives {connection}: {group} has had that server before")
            }
            Ipvs::Steered(passage) => {
                let Passage { connection, method, before, after } = &**passage;
                write!(f, "{method}: {connection}")?;
                went(f, before, after)
            }
            Ipvs::Returned(passage) => {
                let Passage { connection, before, after, .. } = &**passage;
                write!(f, "answer on {connection}")?;
                went(f, before, after)
            }
            Ipvs::Relayed { connection, is_told: true } => {
                write!(f, "the client is told of what happened to its packet in the tunnel: {connection}")
            }
            Ipvs::Relayed { connection, is_told: false } => {
                write!(f, "the client need not know of it, since its packets may be fragmented: {connection}")
            }
            Ipvs::Reopened { connection, state } => {
                write!(f, "{connection} was {state}: a new SYN is scheduled anew (conn_reuse_mode)")
            }
            Ipvs::NotOpening { service } => {
                write!(f, "{service} has no connection for it, and it does not open one: this host's own stack gets it")
            }
            Ipvs::Forgotten { group, server } => {
                write!(f, "the template of {group} is dead, since {server} was removed or is to fade out")
            }
            Ipvs::ServedHere { server } => write!(f, "{server} is this host: delivered here, destination unchanged"),
            Ipvs::Error { connection, recipient } => {
                write!(f, "error about a packet of {connection}: its {recipient} is told")
            }
            Ipvs::Untranslated { server } => {
                write!(f, "this belongs to no connection of a client's: {server} keeps its own address")
            }
            Ipvs::Expected { connection } => write!(f, "ip_vs_ftp expects a data connection: {connection}"),
            Ipvs::Rewritten(rewriting) => {
                let Rewriting { old, new, by } = &**rewriting;
                write!(f, "ip_vs_ftp rewrites {old} to {new}")?;
                let (bytes, plural) = (by.unsigned_abs(), if by.unsigned_abs() == 1 { "" } else { "s" });
                match by.signum() {
                    0 => Ok(()),
                    1 => write!(f, ", {bytes} byte{plural} longer: later sequence numbers are shifted"),
                    _ => write!(f, ", {bytes} byte{plural} shorter: later sequence numbers are shifted"),
                }
            }
            Ipvs::Told { connection, state, packets } => {
                write!(f, "other directors are to hear of {connection}: {state} after {packets} packets of the client")
            }
            Ipvs::Learnt { connection, state, is_bound } => {
                write!(f, "another director has {connection} in {state}")?;
                if *is_bound { Ok(()) } else { f.write_str(", whose server is none of this one's") }
            }
            Ipvs::NotHeard { id } => write!(f, "not a message of directors with syncid {id}"),
            Ipvs::Followed { connection, followers } => {
                let verb = if *followers == 1 { "connection follows" } else { "connections follow" };
                write!(f, "the time of {connection} is up, but {followers} {verb} it: it stays for another minute")
            }
            Ipvs::Expired { connection, state } => write!(f, "{connection} expired in {state}"),
        }
    }
}

impl fmt::Display for IpvsDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpvsDrop::NoServer(unserved) => {
                let Unserved { service, scheduler, candidates } = &**unserved;
                write!(f, "{scheduler} finds no usable server for {service}")?;
                for candidate in candidates {
                    let why = if candidate.is_overloaded {
                        "is overloaded"
                    } else if candidate.weight == 0 {
                        "has weight 0"
                    } else if *scheduler == "ovf" {
                        "has more active connections than its weight"
                    } else {
                        "is not the one"
                    };
                    write!(f, ", {} {why}", candidate.server)?;
                }
                if candidates.is_empty() { f.write_str(": it has no servers") } else { Ok(()) }
            }
            IpvsDrop::OtherPort { service } => write!(f, "{service} serves other ports only with persistence"),
            IpvsDrop::StillTracked { connection } => {
                write!(f, "connection tracking still has {connection}, and net.ipv4.vs.conntrack is 1")
            }
            IpvsDrop::ServerRemoved { connection } => {
                write!(f, "the server of {connection} was removed, and expire_nodest_conn is 0")
            }
            IpvsDrop::Defence { rate } => write!(f, "drop_packet drops one new connection in {rate}"),
            IpvsDrop::NoCallId => f.write_str("persistence by SIP's Call-ID finds none"),
            IpvsDrop::Truncated => f.write_str("its transport header is cut off"),
            IpvsDrop::BadChecksum => f.write_str("the error message's checksum is wrong"),
            IpvsDrop::NotTracked => f.write_str("ip_vs_ftp must rewrite it, and without connection tracking it cannot"),
            IpvsDrop::UnknownReply => {
                f.write_str("answer of a masqueraded server on no known connection (nat_icmp_send)")
            }
            IpvsDrop::TtlExceeded => f.write_str("its TTL ends at the director"),
            IpvsDrop::TooBig { mtu } => {
                write!(f, "{mtu} bytes fit on the way to the server, and it may not be fragmented")
            }
            IpvsDrop::NoRoute { server } => write!(f, "no route to the server {server}"),
            IpvsDrop::CrossesLoopback { server } => write!(f, "{server} can only be reached from this host itself"),
        }
    }
}
