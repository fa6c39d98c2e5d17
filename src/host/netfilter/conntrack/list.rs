//! The table as conntrack(8) lists it: /proc/net/nf_conntrack.

use std::fmt::{self, Display, Formatter};

use super::{Connection, Conntrack, Direction, Tuple};
use crate::host::kernel::Kernel;
use crate::host::netfilter::protocol_name;
use crate::time::Time;
use crate::wire::proto;

/// A line of the list.
pub struct Listed<'a> {
    connection: &'a Connection,
    now: Time,
}

impl Conntrack {
    /// The connections at this moment, the oldest first.
    fn list(&self, now: Time) -> Vec<Listed<'_>> {
        let mut living: Vec<&Connection> =
            self.connections.iter().map(|(_, connection)| connection).filter(|it| it.expires > now).collect();
        living.sort_by_key(|connection| connection.serial);
        living.into_iter().map(|connection| Listed { connection, now }).collect()
    }
}

impl Listed<'_> {
    /// What its first packet looked like.
    pub fn original(&self) -> Tuple {
        self.connection.tuple(Direction::Original)
    }
}

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Listed { connection, now } = self;
        let [original, reply] = connection.tuples;
        let name = protocol_name(original.protocol).unwrap_or("unknown");
        let seconds = connection.expires.since(*now).as_secs();
        write!(f, "{name:<8} {} {seconds} ", original.protocol)?;
        if original.protocol == proto::TCP {
            write!(f, "{} ", connection.tcp.state.name())?;
        }
        write_tuple(f, original)?;
        if !connection.is_answered {
            f.write_str("[UNREPLIED] ")?;
        }
        write_tuple(f, reply)?;
        if connection.is_assured {
            f.write_str("[ASSURED] ")?;
        }
        write!(f, "mark={} use=1", connection.mark)
    }
}

fn write_tuple(f: &mut Formatter<'_>, tuple: Tuple) -> fmt::Result {
    let Tuple { source, destination, protocol } = tuple;
    write!(f, "src={} dst={} ", source.0, destination.0)?;
    match protocol {
        proto::ICMP => {
            let [icmp_type, code] = destination.1.to_be_bytes();
            write!(f, "type={icmp_type} code={code} id={} ", source.1)
        }
        _ if super::has_ports(protocol) => write!(f, "sport={} dport={} ", source.1, destination.1),
        _ => Ok(()),
    }
}

impl Kernel {
    /// The tracked connections, the oldest first.
    pub fn connections(&self) -> Vec<Listed<'_>> {
        self.netfilter.conntrack.list(self.now)
    }

    /// `conntrack -F`: forgets all connections, and says how many there were.
    pub fn flush_connections(&mut self) {
        self.netfilter.conntrack.forget(|_| true);
    }
}
