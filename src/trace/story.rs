//! The story of a run: commands, their output, and the frames in between, in the order in which they happened.
//!
//! A frame has one line, where it is sent, with the interfaces that it goes between; what nodes make of it follows when
//! it has arrived. Frames that only a filter asks for at their destination have their line there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::Ipv4Addr;

use super::facts::Facts;
use super::filter::Filter;
use super::index::{Index, concerns};
use super::record::{Direction, Event, Record, Trace};
use crate::ids::{FrameId, JobId, NodeId};
use crate::reason::{Arp, Console, Ipvs, Note, Stream};
use crate::time::Time;
use crate::wire::describe::Describer;
use crate::wire::{Frame, MacAddr};

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
    let index = Index::of(trace);
    let mut story = Story {
        out,
        trace,
        index: &index,
        telling,
        who_width: who_width(trace),
        number_width: if telling.numbers { index.last().map_or(1, |id| id.0.to_string().len()) } else { 0 },
        describer: Describer::default(),
        shown: BTreeSet::new(),
        explained: BTreeSet::new(),
        neighbours: BTreeMap::new(),
        unfinished: BTreeMap::new(),
        background: BTreeMap::new(),
        began: false,
    };
    story.heading(title)?;
    trace.records.iter().try_for_each(|record| story.tell(record))?;
    story.flush()
}

/// What the signs mean.
const LEGEND: &str = "$ a command  | its output  → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end";

/// What the broadcast address is called.
const EVERYBODY: &str = "everybody";

/// Columns for "client.eth0 → director.eth0"; longer ones push their text to the right.
fn who_width(trace: &Trace) -> usize {
    const WIDEST: usize = 33;
    let longest = trace.cast.interfaces().map(|(.., member, plug)| member.name.len() + 1 + plug.name.len()).max();
    let longest = longest.unwrap_or_default();
    (longest + 3 + longest.max(EVERYBODY.len())).min(WIDEST)
}

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

struct Story<'a> {
    out: &'a mut dyn Write,
    trace: &'a Trace,
    index: &'a Index<'a>,
    telling: &'a Telling,
    who_width: usize,
    /// Columns for the numbers of frames; 0 if there are to be none.
    number_width: usize,
    describer: Describer,
    /// The frames that have had their line.
    shown: BTreeSet<FrameId>,
    /// The rewriting that has been explained.
    explained: BTreeSet<(NodeId, String)>,
    /// What each node has been told to know of its neighbours.
    neighbours: BTreeMap<(NodeId, Ipv4Addr), MacAddr>,
    /// Beginnings of lines that a job has written.
    unfinished: BTreeMap<(NodeId, JobId, bool), String>,
    /// The command lines of jobs in the background.
    background: BTreeMap<(NodeId, JobId), &'a str>,
    /// Whether the set-up is over.
    began: bool,
}

impl<'a> Story<'a> {
    fn heading(&mut self, title: &str) -> io::Result<()> {
        let title = self.painted(Colour::Bold, title);
        let legend = self.painted(Colour::Faint, LEGEND);
        writeln!(self.out, "{title}\n{legend}\n\nset-up")
    }

    fn tell(&mut self, record: &'a Record) -> io::Result<()> {
        if !self.began && record.at >= self.trace.zero {
            self.flush()?;
            self.began = true;
            writeln!(self.out, "\ntime 0")?;
        }
        let chosen = self.index.chooses(&self.telling.filter, record);
        match &record.event {
            Event::Note { note: Note::Console(_), .. } if !self.telling.commands => Ok(()),
            Event::Note { node, note: Note::Console(console), .. } => self.console(record.at, *node, console),
            Event::Frame { node, port, direction, id, cause, frame } => {
                // The describer must see every frame, to know where a conversation's numbers begin.
                let line = brief(&self.describer.describe(frame).to_string());
                if !chosen || self.shown.contains(id) {
                    return Ok(());
                }
                self.shown.insert(*id);
                let here = format!("{}.{}", self.trace.cast.node(*node), self.trace.cast.interface(*node, *port));
                let before = cause.and_then(|cause| self.index.frame(cause));
                let changes = before.and_then(|before| rewritten(before, frame));
                let who = match direction {
                    Direction::Out if changes.is_some() => format!("{here} ⇒ {}", self.name(frame.destination())),
                    Direction::Out => format!("{here} → {}", self.name(frame.destination())),
                    Direction::In => format!("{here} ← {}", self.name(frame.source())),
                };
                self.frame_line(record.at, Some(*id), &who, &self.with_owners(&line), Colour::Plain)?;
                let changes = changes.map(|changes| format!("· rewrites it: {}", self.changes(&changes)));
                match changes {
                    // Once for each way: the double arrow says that the others are like it.
                    Some(text) if self.explained.insert((*node, text.clone())) => {
                        self.line(record.at, self.trace.cast.node(*node), &text, Colour::Cyan)
                    }
                    _ => Ok(()),
                }
            }
            Event::Lost { hop, id, frame, loss } if chosen => {
                let who = self.trace.cast.station(hop.from.station);
                let line = brief(&self.describer.describe(frame).to_string());
                self.frame_line(record.at, Some(*id), who, &format!("✗ lost: {loss} ({line})"), Colour::Red)
            }
            Event::Note { node, about, note } if chosen && concerns(note) && self.is_news(*node, note) => {
                let (mark, colour) = match note {
                    Note::Drop(_) => ("✗ drops it: ", Colour::Red),
                    _ => ("· ", Colour::Cyan),
                };
                let text = self.with_owners(&format!("{mark}{note}"));
                self.frame_line(record.at, *about, self.trace.cast.node(*node), &text, colour)
            }
            Event::Lost { .. } | Event::Note { .. } => Ok(()),
        }
    }

    /// Whether a note tells more than the frames around it. That somebody asks or has heard an answer is plain to see,
    /// unless there is more to it.
    fn is_news(&mut self, node: NodeId, note: &Note) -> bool {
        match note {
            Note::Arp(Arp::Asks { foreign, .. }) => *foreign,
            Note::Arp(Arp::Learned { neighbour, mac } | Arp::Replaced { neighbour, mac, .. }) => {
                self.neighbours.insert((node, *neighbour), *mac) != Some(*mac)
            }
            Note::Ipvs(Ipvs::Steered { before, after, .. } | Ipvs::Returned { before, after, .. }) => before != after,
            _ => true,
        }
    }

    fn console(&mut self, at: Time, node: NodeId, console: &'a Console) -> io::Result<()> {
        let name = self.trace.cast.node(node);
        match console {
            Console::Typed { job, line } => {
                if line.ends_with('&') {
                    self.background.insert((node, *job), line);
                }
                self.line(at, name, &format!("$ {line}"), Colour::Bold)
            }
            Console::Printed { job, stream, text } => {
                let key = (node, *job, *stream == Stream::Err);
                let mut text = self.unfinished.remove(&key).unwrap_or_default() + text;
                while let Some(end) = text.find('\n') {
                    let rest = text.split_off(end + 1);
                    self.printed(at, name, *stream, &text)?;
                    text = rest;
                }
                if !text.is_empty() {
                    self.unfinished.insert(key, text);
                }
                Ok(())
            }
            Console::Unknown { .. } | Console::Logged { .. } => {
                self.line(at, name, &format!("· {console}"), Colour::Cyan)
            }
            Console::Ended { job, status } => {
                for stream in [Stream::Out, Stream::Err] {
                    if let Some(text) = self.unfinished.remove(&(node, *job, stream == Stream::Err)) {
                        self.printed(at, name, stream, &text)?;
                    }
                }
                // Its line may be far above, and that of another command just before.
                let whose = self.background.remove(&(node, *job)).map(|line| format!(" of {line}")).unwrap_or_default();
                match status {
                    0 => Ok(()),
                    status => self.line(at, name, &format!("| (exit status {status}{whose})"), Colour::Faint),
                }
            }
        }
    }

    fn printed(&mut self, at: Time, name: &str, stream: Stream, line: &str) -> io::Result<()> {
        let colour = if stream == Stream::Err { Colour::Red } else { Colour::Green };
        self.line(at, name, &format!("| {}", line.trim_end()), colour)
    }

    /// What jobs have written without ending the line.
    fn flush(&mut self) -> io::Result<()> {
        for ((node, _, err), text) in std::mem::take(&mut self.unfinished) {
            let stream = if err { Stream::Err } else { Stream::Out };
            let at = self.trace.records.last().map_or(Time::ZERO, |record| record.at);
            self.printed(at, self.trace.cast.node(node), stream, &text)?;
        }
        Ok(())
    }

    /// One line: when, who, what.
    fn line(&mut self, at: Time, who: &str, what: &str, colour: Colour) -> io::Result<()> {
        self.frame_line(at, None, who, what, colour)
    }

    /// A line with the number of the frame that it is about. The set-up's commands have no time worth telling.
    fn frame_line(
        &mut self,
        at: Time,
        about: Option<FrameId>,
        who: &str,
        what: &str,
        colour: Colour,
    ) -> io::Result<()> {
        let time = if at < self.trace.zero { String::new() } else { at.since(self.trace.zero).to_string() };
        let (time, what) = (self.painted(Colour::Faint, &format!("{time:>10}")), self.painted(colour, what));
        if self.telling.numbers {
            let number = about.map(|id| format!("#{}", id.0)).unwrap_or_default();
            let number = self.painted(Colour::Faint, &format!("{number:>width$}", width = self.number_width + 1));
            return writeln!(self.out, "{time}  {number}  {who:<width$}  {what}", width = self.who_width);
        }
        writeln!(self.out, "{time}  {who:<width$}  {what}", width = self.who_width)
    }

    fn painted(&self, colour: Colour, text: &str) -> String {
        match colour {
            Colour::Plain => text.to_owned(),
            _ if !self.telling.colours => text.to_owned(),
            colour => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
        }
    }

    /// Whose address that is.
    fn name(&self, mac: MacAddr) -> String {
        match self.trace.cast.owner(mac) {
            Some((member, plug)) => format!("{}.{}", member.name, plug.name),
            None if mac == MacAddr::BROADCAST => EVERYBODY.to_owned(),
            None => mac.to_string(),
        }
    }

    /// A text, with the name of the machine behind each hardware address in it.
    fn with_owners(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (.., member, plug) in self.trace.cast.interfaces() {
            let mac = plug.mac.to_string();
            text = text.replace(&mac, &format!("{mac} ({})", member.name));
        }
        text
    }

    fn changes(&self, changes: &[Change]) -> String {
        let said: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Mac { source, destination } => {
                    format!("MAC addresses now {} → {}", self.name(*source), self.name(*destination))
                }
                Change::Field(text) => text.clone(),
            })
            .collect();
        said.join(", ")
    }
}

/// tcpdump's line without what only experts read: windows, options, and lengths that are always the same.
fn brief(line: &str) -> String {
    let mut brief = line.strip_prefix("IP ").unwrap_or(line).to_owned();
    if let Some(start) = brief.find(", options [")
        && let Some(length) = brief[start..].find(']')
    {
        brief.replace_range(start..=start + length, "");
    }
    if let Some(start) = brief.find(", win ") {
        let end = brief[start + 2..].find(',').map_or(brief.len(), |at| start + 2 + at);
        brief.replace_range(start..end, "");
    }
    if brief.starts_with("ARP") {
        brief.truncate(brief.find(", length").unwrap_or(brief.len()));
    }
    brief = brief.replacen(": HTTP: ", ": ", 1);
    brief.strip_suffix(", length 0").map(str::to_owned).unwrap_or(brief)
}

/// What a node has changed in a packet that it passes on.
enum Change {
    /// The Ethernet addresses.
    Mac {
        /// The new source.
        source: MacAddr,
        /// The new destination.
        destination: MacAddr,
    },
    /// A field, in words.
    Field(String),
}

/// How a packet differs from the one that it was made from; none if it is another packet, like an answer.
fn rewritten(before: &Frame, after: &Frame) -> Option<Vec<Change>> {
    let (old, new) = (Facts::of(before), Facts::of(after));
    let same = old.protocol.is_some()
        && (old.protocol, old.identification) == (new.protocol, new.identification)
        && before.bytes().len() == after.bytes().len();
    let (old_ends, new_ends) = (old.addresses?, new.addresses?);
    // Answers may carry the same identification, but they turn the addresses round.
    if !same || (new_ends.0 == old_ends.1 && new_ends.1 == old_ends.0) {
        return None;
    }
    let mut changes = Vec::new();
    if old_ends.0 != new_ends.0 {
        changes.push(Change::Field(format!("source {} → {}", old_ends.0, new_ends.0)));
    }
    if old_ends.1 != new_ends.1 {
        changes.push(Change::Field(format!("destination {} → {}", old_ends.1, new_ends.1)));
    }
    if let (Some(old), Some(new)) = (old.ports, new.ports)
        && old != new
    {
        changes.push(Change::Field(format!("ports {}>{} → {}>{}", old.0, old.1, new.0, new.1)));
    }
    match (old.ttl, new.ttl) {
        (Some(old), Some(new)) if old != new => changes.push(Change::Field(format!("TTL {old} → {new}"))),
        _ => changes.push(Change::Field("all else as it was".to_owned())),
    }
    changes.insert(0, Change::Mac { source: after.source(), destination: after.destination() });
    Some(changes)
}

#[cfg(test)]
mod tests {
    use etherparse::{ArpOperation, TcpHeader};

    use super::*;
    use crate::ids::{Port, Terminal};
    use crate::reason::{Drop, IpDrop};
    use crate::time::Span;
    use crate::trace::{Cast, Member, Plug};
    use crate::wire::{build, proto};

    const CLIENT: NodeId = NodeId(0);
    const DIRECTOR: NodeId = NodeId(1);
    const SERVER: NodeId = NodeId(2);
    const JOB: JobId = JobId { terminal: Terminal::FIRST, number: 1 };
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

    /// A client asks for the VIP and opens a connection; the director passes it on.
    fn trace() -> Trace {
        let mut trace = Trace { zero: Time::from_nanos(2_000_000_000), ..Trace::default() };
        let plug = |node| Plug { name: "eth0".to_owned(), mac: mac(node) };
        let member = |(name, node): (&str, NodeId)| Member { name: name.to_owned(), interfaces: vec![plug(node)] };
        let nodes = [("client", CLIENT), ("director", DIRECTOR), ("rs1", SERVER)];
        trace.cast = Cast { nodes: nodes.into_iter().map(member).collect(), switches: vec!["lan".to_owned()] };
        let typed = |line: &str| Note::Console(Console::Typed { job: JOB, line: line.to_owned() });
        let printed =
            |text: &str| Note::Console(Console::Printed { job: JOB, stream: Stream::Out, text: text.to_owned() });
        let mut at = Time::ZERO;
        let mut push = |micros, event| {
            at += Span::from_micros(micros);
            trace.records.push(Record { at, event });
        };
        let note = |node, about: u64, note| Event::Note { node, about: (about > 0).then_some(FrameId(about)), note };
        let frame = |node, direction, id, cause: u64, frame: Frame| {
            let cause = (cause > 0).then_some(FrameId(cause));
            Event::Frame { node, port: Port(0), direction, id: FrameId(id), cause, frame }
        };
        let (out, incoming) = (Direction::Out, Direction::In);
        let who_has = arp(ArpOperation::REQUEST, CLIENT, MacAddr::BROADCAST, CIP, VIP);
        let is_at = arp(ArpOperation::REPLY, DIRECTOR, mac(CLIENT), VIP, CIP);
        push(0, note(DIRECTOR, 0, typed("ipvsadm -A -t 192.168.1.200:80 -s wlc")));
        push(2_000_000, note(CLIENT, 0, typed("get 192.168.1.200 80")));
        push(0, frame(CLIENT, out, 1, 0, who_has.clone()));
        push(100, frame(SERVER, incoming, 1, 0, who_has.clone()));
        push(0, note(SERVER, 1, Note::Drop(Drop::Ip(IpDrop::NotForwarding { destination: VIP }))));
        push(0, frame(DIRECTOR, incoming, 1, 0, who_has));
        push(
            0,
            note(DIRECTOR, 1, Note::Arp(Arp::Answered { target: VIP, mac: MacAddr([2, 0, 0, 0, 2, 0]), holder: None })),
        );
        push(0, frame(DIRECTOR, out, 2, 1, is_at.clone()));
        push(100, frame(CLIENT, incoming, 2, 0, is_at));
        push(0, frame(CLIENT, out, 3, 0, syn(CLIENT, DIRECTOR)));
        push(100, frame(DIRECTOR, incoming, 3, 0, syn(CLIENT, DIRECTOR)));
        push(0, frame(DIRECTOR, out, 4, 3, syn(DIRECTOR, SERVER)));
        push(50, frame(SERVER, incoming, 4, 0, syn(DIRECTOR, SERVER)));
        push(50, note(SERVER, 4, Note::Drop(Drop::OtherHost)));
        push(500_000, note(CLIENT, 0, printed("40001 ")));
        push(0, note(CLIENT, 0, printed("rs1\nunfinished")));
        push(0, note(CLIENT, 0, Note::Console(Console::Ended { job: JOB, status: 3 })));
        trace
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
        $ a command  | its output  → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end

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
        $ a command  | its output  → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end

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
        $ a command  | its output  → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end

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
