//! ss of iproute2 6.1, with output that does not go to a terminal: the columns are as narrow as their contents.

use std::net::SocketAddrV4;

use super::services;
use crate::host::{IfIndex, Io, Kernel, TcpState, TcpTimer};
use crate::time::Time;

/// A socket of any kind.
pub(super) struct Socket {
    /// `tcp` or `udp`.
    pub netid: &'static str,
    /// Its state; a UDP socket without a peer is closed.
    pub state: TcpState,
    /// Bytes that the program has not read.
    pub receive_queue: u32,
    /// Bytes that the peer has not acknowledged.
    pub send_queue: u32,
    /// This side.
    pub local: SocketAddrV4,
    /// The other side; port 0 for none.
    pub remote: SocketAddrV4,
    device: Option<IfIndex>,
    timer: Option<TcpTimer>,
}

const STATES: [(&str, TcpState); 11] = [
    ("established", TcpState::Established),
    ("syn-sent", TcpState::SynSent),
    ("syn-recv", TcpState::SynReceived),
    ("fin-wait-1", TcpState::FinWait1),
    ("fin-wait-2", TcpState::FinWait2),
    ("time-wait", TcpState::TimeWait),
    ("closed", TcpState::Closed),
    ("close-wait", TcpState::CloseWait),
    ("last-ack", TcpState::LastAck),
    ("listening", TcpState::Listen),
    ("closing", TcpState::Closing),
];

/// What the command line asks for.
#[derive(Default)]
struct Options {
    tcp: bool,
    udp: bool,
    all: bool,
    listening: bool,
    numeric: bool,
    timers: bool,
    no_header: bool,
    summary: bool,
    /// States that were named.
    states: Vec<TcpState>,
    conditions: Vec<Condition>,
}

/// An end of a connection that a filter asks for.
enum Condition {
    Port { is_local: bool, port: u16 },
    Address { is_local: bool, address: std::net::Ipv4Addr },
}

/// `ss`
pub(super) fn ss(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    match read(args) {
        Ok(options) if options.summary => summary(kernel, &mut io.out),
        Ok(options) => list(kernel, &options, &mut io.out),
        Err(complaint) => {
            io.err = complaint + "\n";
            return 255;
        }
    }
    0
}

fn read(args: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = args.iter().skip(1).map(String::as_str).peekable();
    while let Some(word) = words.next() {
        let long = match word {
            "--tcp" => "t",
            "--udp" => "u",
            "--all" => "a",
            "--listening" => "l",
            "--numeric" => "n",
            "--options" => "o",
            "--no-header" => "H",
            "--summary" => "s",
            _ => "",
        };
        match word {
            _ if !long.is_empty() => options.set(long)?,
            "state" => options.add_states(words.next().unwrap_or_default())?,
            "sport" | "dport" | "src" | "dst" => {
                if words.peek().is_some_and(|word| matches!(*word, "=" | "==" | "eq")) {
                    words.next();
                }
                options.conditions.push(condition(word, words.next().unwrap_or_default())?);
            }
            "(" | ")" | "and" | "&&" => {}
            _ => match word.strip_prefix('-') {
                Some(letters) if !letters.starts_with('-') && !letters.is_empty() => options.set(letters)?,
                Some(_) => return Err(format!("ss: unrecognized option '{word}'")),
                None => {
                    return Err(format!("ss: bison bellows (while parsing filter): \"syntax error!\" Sorry. ({word})"));
                }
            },
        }
    }
    if !options.tcp && !options.udp {
        (options.tcp, options.udp) = (true, true);
    }
    Ok(options)
}

impl Options {
    fn set(&mut self, letters: &str) -> Result<(), String> {
        for letter in letters.chars() {
            match letter {
                't' => self.tcp = true,
                'u' => self.udp = true,
                'a' => self.all = true,
                'l' => self.listening = true,
                'n' => self.numeric = true,
                'o' => self.timers = true,
                'H' => self.no_header = true,
                's' => self.summary = true,
                // Everything here is IPv4; programs and details of TCP are not shown.
                '4' | 'p' | 'i' | 'e' | 'm' | 'r' => {}
                _ => return Err(format!("ss: invalid option -- '{letter}'")),
            }
        }
        Ok(())
    }

    fn add_states(&mut self, name: &str) -> Result<(), String> {
        let named = STATES.iter().find(|(known, _)| *known == name).map(|(_, state)| vec![*state]);
        let states = named.or_else(|| {
            let except = |excluded: &[TcpState]| {
                Some(STATES.iter().map(|(_, state)| *state).filter(|state| !excluded.contains(state)).collect())
            };
            match name {
                "all" => except(&[]),
                "connected" => except(&[TcpState::Listen, TcpState::Closed]),
                "synchronized" => except(&[TcpState::Listen, TcpState::Closed, TcpState::SynSent]),
                "listen" => Some(vec![TcpState::Listen]),
                "estab" => Some(vec![TcpState::Established]),
                _ => None,
            }
        });
        self.states.extend(states.ok_or_else(|| format!("ss: wrong state name: {name}"))?);
        Ok(())
    }

    /// The states of the sockets that are shown.
    fn shown_states(&self) -> Vec<TcpState> {
        if !self.states.is_empty() {
            return self.states.clone();
        }
        let is_shown = |state: &TcpState| match state {
            _ if self.all => true,
            TcpState::Listen | TcpState::Closed => self.listening,
            // Without -a, ss leaves out what has no socket of a program behind it.
            TcpState::TimeWait | TcpState::SynReceived => false,
            _ => !self.listening,
        };
        let mut states: Vec<TcpState> = STATES.iter().map(|(_, state)| *state).filter(is_shown).collect();
        if !self.tcp {
            states.retain(|state| matches!(state, TcpState::Established | TcpState::Closed));
        }
        states
    }
}

fn condition(word: &str, value: &str) -> Result<Condition, String> {
    let is_local = word.starts_with('s');
    if word.ends_with("port") {
        let text = value.trim_start_matches(':');
        let port = text.parse().ok().or_else(|| services::port(text));
        return port
            .map(|port| Condition::Port { is_local, port })
            .ok_or_else(|| format!("Error: \"{text}\" does not look like a port."));
    }
    let address = value.parse().map_err(|_| format!("Error: an inet prefix is expected rather than \"{value}\"."))?;
    Ok(Condition::Address { is_local, address })
}

impl Condition {
    fn holds(&self, socket: &Socket) -> bool {
        let end = |is_local: bool| if is_local { socket.local } else { socket.remote };
        match *self {
            Condition::Port { is_local, port } => end(is_local).port() == port,
            Condition::Address { is_local, address } => *end(is_local).ip() == address,
        }
    }
}

/// All sockets, in the order in which the kernel lists them.
pub(super) fn sockets(kernel: &Kernel) -> Vec<Socket> {
    let nowhere = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
    let udp = kernel.udp_sockets().map(|it| Socket {
        netid: "udp",
        state: if it.remote.is_some() { TcpState::Established } else { TcpState::Closed },
        receive_queue: it.receive_queue,
        send_queue: 0,
        local: it.local,
        remote: it.remote.unwrap_or(nowhere),
        device: it.device,
        timer: None,
    });
    let tcp = kernel.tcp_sockets().map(|it| Socket {
        netid: "tcp",
        state: it.state,
        receive_queue: it.receive_queue,
        send_queue: it.send_queue,
        local: it.local,
        remote: it.remote,
        device: it.device,
        timer: it.timer,
    });
    let mut sockets: Vec<Socket> = udp.chain(tcp).collect();
    // The kernel lists those that wait for connections first.
    sockets.sort_by_key(|socket| (socket.netid == "tcp", socket.state != TcpState::Listen));
    sockets
}

fn list(kernel: &Kernel, options: &Options, out: &mut String) {
    let states = options.shown_states();
    let is_shown = |socket: &Socket| {
        (if socket.netid == "tcp" { options.tcp } else { options.udp })
            && states.contains(&socket.state)
            && options.conditions.iter().all(|condition| condition.holds(socket))
    };
    let header = ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:", "Port", "Peer Address:", "Port", "Process"];
    let mut rows: Vec<[String; COLUMNS]> = Vec::new();
    if !options.no_header {
        rows.push(header.map(str::to_owned));
    }
    for socket in sockets(kernel).iter().filter(|socket| is_shown(socket)) {
        rows.push(row(kernel, socket, options));
    }
    let hidden = [!(options.tcp && options.udp), states.len() == 1];
    table(out, &rows, &hidden);
}

const COLUMNS: usize = 9;

fn row(kernel: &Kernel, socket: &Socket, options: &Options) -> [String; COLUMNS] {
    let port = |port: u16| match port {
        0 => "*".to_owned(),
        _ => services::name_unless(options.numeric, port).map_or_else(|| port.to_string(), str::to_owned),
    };
    let device = socket.device.and_then(|device| kernel.interfaces().find(|interface| interface.index == device));
    let device = device.map_or_else(String::new, |interface| format!("%{}", interface.name));
    let state = match socket.state {
        TcpState::Closed => "UNCONN".to_owned(),
        state => state.to_string(),
    };
    let timer = socket.timer.filter(|_| options.timers).map(|timer| shown_timer(&timer, kernel.now));
    [
        socket.netid.to_owned(),
        state,
        socket.receive_queue.to_string(),
        socket.send_queue.to_string(),
        format!("{}{device}:", socket.local.ip()),
        port(socket.local.port()),
        format!("{}:", socket.remote.ip()),
        port(socket.remote.port()),
        timer.unwrap_or_default(),
    ]
}

/// print_ms_timer
fn shown_timer(timer: &TcpTimer, now: Time) -> String {
    let millis = timer.at.since(now).as_millis();
    let (minutes, seconds, millis) = (millis / 60_000, millis / 1000 % 60, millis % 1000);
    let time = match (minutes, seconds) {
        (0, 0) => format!("{millis:03}ms"),
        (0, 1..10) => format!("{seconds}.{millis:03}ms"),
        (0, _) => format!("{seconds}sec"),
        (_, 0) => format!("{minutes}min"),
        _ => format!("{minutes}min{seconds}sec"),
    };
    format!(" timer:({},{time},{})", timer.name, timer.count)
}

/// render: a blank before most columns; addresses stand at the right of theirs.
fn table(out: &mut String, rows: &[[String; COLUMNS]], hidden: &[bool]) {
    let is_hidden = |column: usize| hidden.get(column).copied().unwrap_or(false);
    let widths: Vec<usize> =
        (0..COLUMNS).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for column in (0..COLUMNS).filter(|&column| !is_hidden(column)) {
            let glued = line.is_empty() || matches!(column, 5 | 7 | 8);
            let (text, width) = (&row[column], widths[column]);
            line += if glued { "" } else { " " };
            line += &if matches!(column, 4 | 6) { format!("{text:>width$}") } else { format!("{text:<width$}") };
        }
        out.push_str(&line);
        out.push('\n');
    }
}

/// `ss -s`
fn summary(kernel: &Kernel, out: &mut String) {
    let sockets = sockets(kernel);
    let count = |test: &dyn Fn(&Socket) -> bool| sockets.iter().filter(|socket| test(socket)).count();
    let in_state = |state: TcpState| count(&|socket: &Socket| socket.netid == "tcp" && socket.state == state);
    let (tcp, udp) = (count(&|socket| socket.netid == "tcp"), count(&|socket| socket.netid == "udp"));
    let time_waits = in_state(TcpState::TimeWait);
    let established = in_state(TcpState::Established) + in_state(TcpState::CloseWait);
    let (used, all) = (tcp - time_waits, tcp + udp - time_waits);
    *out += &format!(
        "Total: {all}\nTCP:   {tcp} (estab {established}, closed {time_waits}, orphaned 0, timewait {time_waits})\n\n"
    );
    *out += "Transport Total     IP        IPv6\n";
    for (name, count) in [("RAW", 0), ("UDP", udp), ("TCP", used), ("INET", all), ("FRAG", 0)] {
        *out += &format!("{name}\t  {count:<9} {count:<9} 0        \n");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copied from a Linux box.
    #[test]
    fn columns_are_as_narrow_as_their_contents() {
        let header =
            ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:", "Port", "Peer Address:", "Port", "Process"];
        let rows = [
            header,
            ["tcp", "LISTEN", "0", "128", "0.0.0.0:", "22", "0.0.0.0:", "*", ""],
            ["tcp", "CLOSE-WAIT", "1", "0", "127.0.0.1:", "8080", "127.0.0.1:", "59840", ""],
        ]
        .map(|row| row.map(str::to_owned));
        let mut out = String::new();
        table(&mut out, &rows, &[true]);
        insta::assert_snapshot!(out.replace("\n", "|\n"), @"
        State      Recv-Q Send-Q Local Address:Port Peer Address:Port Process|
        LISTEN     0      128          0.0.0.0:22        0.0.0.0:*           |
        CLOSE-WAIT 1      0          127.0.0.1:8080    127.0.0.1:59840       |
        ");
    }
}
