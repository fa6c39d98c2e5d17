//! netstat of net-tools 2.10: sockets and the routing table.

use std::fmt::Write;
use std::net::SocketAddrV4;

use super::getopt::Getopt;
use super::services;
use super::ss::{self, Socket};
use crate::host::route::{Kind, Table};
use crate::host::{Io, Kernel, TcpState};

const USAGE: &str = "usage: netstat [-tualnp] | netstat -r [-n]\n";

/// `netstat`
pub(super) fn netstat(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let read = match Getopt::read(args, "tualnprW46e") {
        Ok(read) => read,
        Err(complaint) => {
            io.err = complaint + USAGE;
            return 3;
        }
    };
    let has = |letter: char| read.options.iter().any(|(given, _)| *given == letter);
    if has('r') {
        routes(kernel, &mut io.out);
        return 0;
    }
    let (all, listening) = (has('a'), has('l'));
    let which = match (all, listening) {
        (true, _) => "servers and established",
        (false, true) => "only servers",
        (false, false) => "w/o servers",
    };
    let _ = writeln!(io.out, "Active Internet connections ({which})");
    io.out.push_str("Proto Recv-Q Send-Q Local Address           Foreign Address         State      ");
    io.out.push_str(if has('p') { " PID/Program name    \n" } else { "\n" });
    for (netid, letter) in [("tcp", 't'), ("udp", 'u')] {
        let is_asked_for = has(letter) || !has('t') && !has('u');
        for socket in ss::sockets(kernel).iter().filter(|socket| is_asked_for && socket.netid == netid) {
            let is_server = matches!(socket.state, TcpState::Listen | TcpState::Closed);
            if all || is_server == listening {
                line(&mut io.out, socket, has('n'), has('p'));
            }
        }
    }
    0
}

fn line(out: &mut String, socket: &Socket, numeric: bool, programs: bool) {
    let end = |end: &SocketAddrV4| match end.port() {
        0 => format!("{}:*", end.ip()),
        port => match services::name_unless(numeric, port) {
            Some(name) => format!("{}:{name}", end.ip()),
            None => end.to_string(),
        },
    };
    let state = match socket.state {
        TcpState::Listen => "LISTEN",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynReceived => "SYN_RECV",
        TcpState::Established => "ESTABLISHED",
        TcpState::FinWait1 => "FIN_WAIT1",
        TcpState::FinWait2 => "FIN_WAIT2",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::Closing => "CLOSING",
        TcpState::LastAck => "LAST_ACK",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::Closed if socket.netid == "udp" => "",
        TcpState::Closed => "CLOSE",
    };
    let Socket { netid, receive_queue, send_queue, local, remote, .. } = socket;
    let (local, remote) = (end(local), end(remote));
    // /proc/net/tcp does not tell a listening socket's backlog.
    let send_queue = if socket.state == TcpState::Listen { 0 } else { *send_queue };
    let _ = write!(out, "{netid:<4}  {receive_queue:>6} {send_queue:>6} {local:<23} {remote:<23} {state:<11}");
    // Which program a socket belongs to is not known here, as to a user who is not root.
    out.push_str(if programs { " -                   \n" } else { "\n" });
}

/// `-r`
fn routes(kernel: &Kernel, out: &mut String) {
    out.push_str("Kernel IP routing table\n");
    out.push_str("Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n");
    let mut routes: Vec<_> = kernel.routes().list(Table::MAIN).iter().collect();
    routes.sort_by_key(|route| (route.prefix.addr(), route.prefix.prefix_len(), route.metric));
    for route in routes {
        let (network, mask) = (route.prefix.network(), route.prefix.netmask());
        if matches!(route.kind, Kind::Unreachable | Kind::Prohibit) {
            let _ = writeln!(out, "{network:<15} {:<15} {mask:<15} {:<6}    - -          - -", "-", "!");
            continue;
        }
        let gateway = route.gateway.map_or_else(|| "0.0.0.0".to_owned(), |gateway| gateway.to_string());
        let has_gateway = if route.gateway.is_some() { "G" } else { "" };
        let is_host = if route.prefix.prefix_len() == 32 { "H" } else { "" };
        let flags = format!("U{has_gateway}{is_host}");
        let interface = route.oif.and_then(|oif| kernel.interfaces().find(|interface| interface.index == oif));
        let interface = interface.map_or("*", |interface| &interface.name);
        let mss = route.mtu.map_or(0, |mtu| mtu.saturating_sub(40));
        let _ = writeln!(out, "{network:<15} {gateway:<15} {mask:<15} {flags:<6}{mss:>5} 0          0 {interface}");
    }
}
