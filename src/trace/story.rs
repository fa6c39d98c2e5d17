//! The story of a run: commands, their output, and the frames in between, in the order in which they happened.
//!
//! What its lines say is made by [`Teller`]; here is how they look.

use std::io::{self, Write};

use super::cast::EVERYBODY;
use super::filter::Filter;
use super::record::Trace;
use super::teller::{Kind, Line, Teller};
use crate::time::Time;

/// How a story is told.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Which frames it tells of.
    pub filter: Filter,
    /// Whether it may use a terminal's colours.
    pub colours: bool,
    /// Whether it gives the numbers of frames.
    pub numbers: bool,
    /// Whether it tells of commands and their output.
    pub commands: bool,
}

impl Default for Telling {
    fn default() -> Telling {
        Telling { filter: Filter::all(), colours: false, numbers: false, commands: true }
    }
}

/// Writes the story.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, title: &str, trace: &Trace, telling: &Telling) -> io::Result<()> {
    let last = if telling.numbers { trace.frames.last().map_or(1, |id| id.number()) } else { 0 };
    let layout = Layout::new(trace, telling, last);
    let legend = if telling.commands { &format!("{LEGEND}  {LEGEND_OF_COMMANDS}") } else { LEGEND };
    let begin = if telling.commands { "set-up\n" } else { "" };
    write!(out, "{}\n{}\n\n{begin}", layout.painted(Colour::Bold, title), layout.painted(Colour::Faint, legend))?;
    let mut teller = Teller::new(telling.filter.clone(), telling.commands);
    let mut print = |line: Line| match line.kind {
        Kind::Zero if telling.commands => writeln!(out, "\ntime 0"),
        Kind::Zero => Ok(()),
        _ => writeln!(out, "{}", layout.line(&line)),
    };
    teller.tell(trace, &mut print)?;
    teller.finish(trace, &mut print)
}

/// What the signs mean.
pub const LEGEND: &str = "→ a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end";
/// The same for commands.
const LEGEND_OF_COMMANDS: &str = "$ a command  | its output";

/// ANSI escape codes.
#[derive(Clone, Copy)]
enum Colour {
    Plain = 0,
    Bold = 1,
    Faint = 2,
    Red = 31,
    Green = 32,
    Cyan = 36,
}

impl Colour {
    fn of(kind: Kind) -> Colour {
        match kind {
            Kind::Zero | Kind::Command => Colour::Bold,
            Kind::Output => Colour::Green,
            Kind::Complaint | Kind::End => Colour::Red,
            Kind::Status => Colour::Faint,
            Kind::Frame => Colour::Plain,
            Kind::Decision => Colour::Cyan,
        }
    }
}

/// How the lines of a story are laid out: when, the frame's number if that is wanted, who, what.
#[derive(Clone, Debug)]
pub struct Layout {
    zero: Time,
    colours: bool,
    who_width: usize,
    /// Columns for the numbers of frames; 0 if there are to be none.
    number_width: usize,
}

impl Layout {
    /// A layout for the nodes of a trace, and frames up to the number `last`.
    pub fn new(trace: &Trace, telling: &Telling, last: u64) -> Layout {
        let number_width = if telling.numbers { last.to_string().len() + 1 } else { 0 };
        Layout { zero: trace.zero, colours: telling.colours, who_width: who_width(trace), number_width }
    }

    /// A line. The set-up's commands have no time worth telling.
    pub fn line(&self, line: &Line) -> String {
        let time = if line.at < self.zero { String::new() } else { line.at.since(self.zero).to_string() };
        let time = self.painted(Colour::Faint, &format!("{time:>10}"));
        let number = line.about.map(|id| format!("#{}", id.number())).unwrap_or_default();
        let number = match self.number_width {
            0 => String::new(),
            width => self.painted(Colour::Faint, &format!("{number:>width$}")) + "  ",
        };
        let what = self.painted(Colour::of(line.kind), &line.what);
        format!("{time}  {number}{who:<width$}  {what}", who = line.who, width = self.who_width)
    }

    fn painted(&self, colour: Colour, text: &str) -> String {
        match colour {
            Colour::Plain => text.to_owned(),
            _ if !self.colours => text.to_owned(),
            colour => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
        }
    }
}

/// Columns for "client.eth0 → director.eth0"; longer ones push their text to the right.
fn who_width(trace: &Trace) -> usize {
    const WIDEST: usize = 33;
    let longest = trace.cast.interfaces().map(|(.., member, plug)| member.name.len() + 1 + plug.name.len()).max();
    let longest = longest.unwrap_or_default();
    (longest + 3 + longest.max(EVERYBODY.len())).min(WIDEST)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use etherparse::{ArpOperation, TcpHeader};

    use super::*;
    use crate::ids::{FrameId, JobId, NodeId, Port, Terminal};
    use crate::reason::{About, Arp, Console, Drop, IpDrop, Note, Origin, Stream};
    use crate::sim::Sink;
    use crate::time::Span;
    use crate::trace::{Cast, Member, Plug};
    use crate::wire::{Frame, MacAddr, build, proto};

    const CLIENT: NodeId = NodeId(0);
    const DIRECTOR: NodeId = NodeId(1);
    const SERVER: NodeId = NodeId(2);
    const JOB: JobId = JobId::new(Terminal::FIRST, 1);
    const CIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 200);

    fn mac(node: NodeId) -> MacAddr {
        MacAddr([2, 0, 0, 0, node.0 as u8 + 1, 0])
    }

    fn arp(operation: ArpOperation, from: NodeId, to: MacAddr, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Frame {
        let target_mac = if to == MacAddr::BROADCAST { MacAddr::ZERO } else { to };
        build::arp(mac(from), to, build::Arp { operation, sender_mac: mac(from), sender_ip, target_mac, target_ip })
    }

    fn syn(from: NodeId, to: NodeId) -> Frame {
        let (source, destination, protocol) = (CIP, VIP, proto::TCP);
        let fields = build::Ipv4Fields { source, destination, protocol, ttl: 64, tos: 0, id: 9, dont_fragment: true };
        let header = TcpHeader { syn: true, ..TcpHeader::new(40001, 80, 7, 64240) };
        let mut frame = build::ipv4(&mut Vec::new(), &fields, |packet| build::tcp(packet, CIP, VIP, header, &[]));
        frame.bytes_mut()[..6].copy_from_slice(&mac(to).0);
        frame.bytes_mut()[6..12].copy_from_slice(&mac(from).0);
        frame
    }

    /// A run by hand: each thing happens so many microseconds after the one before. No frame, or no cause, is 0.
    struct Run {
        trace: Trace,
        at: Time,
    }

    impl Run {
        fn after(&mut self, micros: u64) -> Time {
            self.at += Span::from_micros(micros);
            self.at
        }

        fn sent(&mut self, micros: u64, node: NodeId, id: u64, cause: u64, frame: &Frame) {
            let (at, origin) = (self.after(micros), Origin { cause: numbered(cause), made: None });
            self.trace.sent(at, node, Port(0), FrameId::new(id), origin, frame);
        }

        fn arrived(&mut self, micros: u64, node: NodeId, id: u64, frame: &Frame) {
            let at = self.after(micros);
            self.trace.arrived(at, node, Port(0), FrameId::new(id), frame);
        }

        fn note(&mut self, micros: u64, node: NodeId, about: u64, note: Note) {
            let at = self.after(micros);
            self.trace.note(at, node, About { frame: numbered(about), packet: None }, note);
        }
    }

    fn numbered(id: u64) -> Option<FrameId> {
        (id > 0).then_some(FrameId::new(id))
    }

    /// A client asks for the VIP and opens a connection; the director passes it on.
    fn trace() -> Trace {
        let plug = |node| Plug { name: "eth0".to_owned(), mac: mac(node) };
        let member = |(name, node): (&str, NodeId)| Member { name: name.to_owned(), interfaces: vec![plug(node)] };
        let nodes = [("client", CLIENT), ("director", DIRECTOR), ("rs1", SERVER)];
        let cast = Cast { nodes: nodes.into_iter().map(member).collect(), switches: vec!["lan".to_owned()] };
        let typed = |line: &str| Note::Console(Console::Typed { job: JOB, line: line.into() });
        let printed = |text: &str| Note::Console(Console::Printed { job: JOB, stream: Stream::Out, text: text.into() });
        let mut run = Run { trace: Trace::of(cast), at: Time::ZERO };
        run.trace.zero = Time::from_nanos(2_000_000_000);
        let who_has = arp(ArpOperation::REQUEST, CLIENT, MacAddr::BROADCAST, CIP, VIP);
        let is_at = arp(ArpOperation::REPLY, DIRECTOR, mac(CLIENT), VIP, CIP);
        run.note(0, DIRECTOR, 0, typed("ipvsadm -A -t 192.168.1.200:80 -s wlc"));
        run.note(2_000_000, CLIENT, 0, typed("get 192.168.1.200 80"));
        run.sent(0, CLIENT, 1, 0, &who_has);
        run.arrived(100, SERVER, 1, &who_has);
        run.note(0, SERVER, 1, Note::Drop(Drop::Ip(IpDrop::NotForwarding { destination: VIP })));
        run.arrived(0, DIRECTOR, 1, &who_has);
        run.note(
            0,
            DIRECTOR,
            1,
            Note::Arp(Arp::Answered { target: VIP, mac: MacAddr([2, 0, 0, 0, 2, 0]), holder: None }),
        );
        run.sent(0, DIRECTOR, 2, 1, &is_at);
        run.arrived(100, CLIENT, 2, &is_at);
        run.sent(0, CLIENT, 3, 0, &syn(CLIENT, DIRECTOR));
        run.arrived(100, DIRECTOR, 3, &syn(CLIENT, DIRECTOR));
        run.sent(0, DIRECTOR, 4, 3, &syn(DIRECTOR, SERVER));
        run.arrived(50, SERVER, 4, &syn(DIRECTOR, SERVER));
        run.note(50, SERVER, 4, Note::Drop(Drop::OtherHost));
        run.note(500_000, CLIENT, 0, printed("40001 "));
        run.note(0, CLIENT, 0, printed("rs1\nunfinished"));
        run.note(0, CLIENT, 0, Note::Console(Console::Ended { job: JOB, status: 3 }));
        run.trace
    }

    fn told(filter: &str) -> String {
        let mut text = Vec::new();
        let telling = Telling { filter: Filter::parse(filter).unwrap(), ..Telling::default() };
        write(&mut text, "A test", &trace(), &telling).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn everything() {
        insta::assert_snapshot!(told("all"), @"
        A test
        → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end  $ a command  | its output

        set-up
                    director                       $ ipvsadm -A -t 192.168.1.200:80 -s wlc

        time 0
          0.000000  client                         $ get 192.168.1.200 80
          0.000000  client.eth0 → everybody        ARP, Request who-has 192.168.1.200 tell 192.168.1.10
          0.000100  rs1                            ✗ drops it: 192.168.1.200 is no address of this machine, and ip_forward is 0
          0.000100  director                       · answers: 192.168.1.200 is at 02:00:00:00:02:00 (director)
          0.000100  director.eth0 → client.eth0    ARP, Reply 192.168.1.200 is-at 02:00:00:00:02:00 (director)
          0.000200  client.eth0 → director.eth0    192.168.1.10.40001 > 192.168.1.200.80: Flags [S], seq 7
          0.000300  director.eth0 ⇒ rs1.eth0       192.168.1.10.40001 > 192.168.1.200.80: Flags [S], seq 7
          0.000300  director                       · rewrites it: MAC addresses now director.eth0 → rs1.eth0, all else as it was
          0.500400  client                         | 40001 rs1
          0.500400  client                         | unfinished
          0.500400  client                         | (exit status 3)
        ");
    }

    #[test]
    fn commands_are_told_whatever_the_filter() {
        insta::assert_snapshot!(told("none"), @r"
        A test
        → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end  $ a command  | its output

        set-up
                    director                       $ ipvsadm -A -t 192.168.1.200:80 -s wlc

        time 0
          0.000000  client                         $ get 192.168.1.200 80
          0.500400  client                         | 40001 rs1
          0.500400  client                         | unfinished
          0.500400  client                         | (exit status 3)
        ");
    }

    #[test]
    fn frames_are_told_where_they_arrive_if_only_that_is_asked_for() {
        insta::assert_snapshot!(told("drops or in syn on rs1.eth0"), @"
        A test
        → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end  $ a command  | its output

        set-up
                    director                       $ ipvsadm -A -t 192.168.1.200:80 -s wlc

        time 0
          0.000000  client                         $ get 192.168.1.200 80
          0.000100  rs1.eth0 ← client.eth0         ARP, Request who-has 192.168.1.200 tell 192.168.1.10
          0.000100  rs1                            ✗ drops it: 192.168.1.200 is no address of this machine, and ip_forward is 0
          0.000350  rs1.eth0 ← director.eth0       192.168.1.10.40001 > 192.168.1.200.80: Flags [S], seq 7
          0.500400  client                         | 40001 rs1
          0.500400  client                         | unfinished
          0.500400  client                         | (exit status 3)
        ");
    }
}
