//! What the lines of a run's story say.
//!
//! A frame has one line, where it is sent, with the interfaces that it goes between; what nodes make of it follows when
//! it has arrived. Frames that only a filter asks for at their destination have their line there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::changes::{Change, changed};
use super::filter::Filter;
use super::index::{Index, concerns};
use super::record::{Direction, Event, Record, Trace};
use crate::ids::{FrameId, JobId, NodeId};
use crate::reason::{Arp, Console, Ipvs, Note, Stream};
use crate::time::Time;
use crate::wire::describe::Describer;
use crate::wire::{Frame, MacAddr};

/// A line of the story.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: Time,
    /// The frame that it is about.
    pub about: Option<FrameId>,
    /// Who, or who to whom.
    pub who: String,
    /// What.
    pub what: String,
    /// What kind of thing it tells.
    pub kind: Kind,
}

/// What kind of thing a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Time zero: what was before belongs to the set-up.
    Zero,
    /// A command is typed.
    Command,
    /// A command prints.
    Output,
    /// A command prints an error.
    Complaint,
    /// A command has failed.
    Status,
    /// A frame is sent or passed on.
    Frame,
    /// A node decides something.
    Decision,
    /// A frame ends: it is dropped or lost.
    End,
}

/// Tells a run as it goes on, each record once.
#[derive(Debug)]
pub struct Teller {
    filter: Filter,
    commands: bool,
    /// How many records have been told.
    told: usize,
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
    background: BTreeMap<(NodeId, JobId), String>,
    /// Whether the set-up is over.
    began: bool,
}

impl Teller {
    /// Tells of the frames that a filter chooses, and perhaps of commands and their output.
    pub fn new(filter: Filter, commands: bool) -> Teller {
        Teller {
            filter,
            commands,
            told: 0,
            describer: Describer::default(),
            shown: BTreeSet::new(),
            explained: BTreeSet::new(),
            neighbours: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            background: BTreeMap::new(),
            began: false,
        }
    }

    /// Tells what has happened since the last call, which must have ended between two events.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn tell<E>(&mut self, trace: &Trace, each: &mut dyn FnMut(Line) -> Result<(), E>) -> Result<(), E> {
        let index = Index::since(trace, self.told);
        let from = std::mem::replace(&mut self.told, trace.records().len());
        let mut story = Story { trace, index: &index, teller: self, lines: Vec::new() };
        for record in trace.records_from(from) {
            story.tell(&record);
            story.lines.drain(..).try_for_each(&mut *each)?;
        }
        Ok(())
    }

    /// Tells what jobs have written without ending the line.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn finish<E>(&mut self, trace: &Trace, each: &mut dyn FnMut(Line) -> Result<(), E>) -> Result<(), E> {
        let index = Index::since(trace, self.told);
        let mut story = Story { trace, index: &index, teller: self, lines: Vec::new() };
        story.flush();
        story.lines.drain(..).try_for_each(each)
    }
}

/// The telling of some records.
struct Story<'a> {
    trace: &'a Trace,
    index: &'a Index<'a>,
    teller: &'a mut Teller,
    lines: Vec<Line>,
}

impl<'a> Story<'a> {
    fn tell(&mut self, record: &Record<'_>) {
        let at = record.at;
        if !self.teller.began && at >= self.trace.zero {
            self.flush();
            self.teller.began = true;
            self.line(at, None, "", String::new(), Kind::Zero);
        }
        let chosen = self.index.chooses(&self.teller.filter, record);
        match &record.event {
            Event::Note { node, note: Note::Console(console), .. } if self.teller.commands => {
                self.console(at, *node, console);
            }
            // The describer must see every frame, to know where a conversation's numbers begin.
            Event::Frame { id, .. } => {
                let frame = self.trace.frames.of(*id);
                let line = brief(&self.teller.describer.describe(&frame).to_string());
                if chosen {
                    self.frame(record, &frame, line);
                }
            }
            Event::Lost { hop, id, loss } if chosen => {
                let line = brief(&self.teller.describer.describe(&self.trace.frames.of(*id)).to_string());
                let who = self.trace.cast.station(hop.from.station);
                self.line(at, Some(*id), who, format!("✗ lost: {loss} ({line})"), Kind::End);
            }
            Event::Note { node, about, note, .. } if chosen && concerns(note) && self.is_news(*node, note) => {
                let (mark, kind) = match note {
                    Note::Drop(_) => ("✗ drops it: ", Kind::End),
                    _ => ("· ", Kind::Decision),
                };
                let text = self.trace.cast.with_owners(&format!("{mark}{note}"));
                self.line(at, *about, self.trace.cast.node(*node), text, kind);
            }
            Event::Lost { .. } | Event::Note { .. } => {}
        }
    }

    /// A frame that passes an interface, unless it has had its line.
    fn frame(&mut self, record: &Record<'_>, frame: &Frame, line: String) {
        let Event::Frame { node, port, direction, id, cause, .. } = &record.event else { return };
        if !self.teller.shown.insert(*id) {
            return;
        }
        let here = format!("{}.{}", self.trace.cast.node(*node), self.trace.cast.interface(*node, *port));
        let before = cause.map(|cause| self.trace.frames.of(cause));
        let changes = before.and_then(|before| changed(&before, frame));
        let who = match direction {
            Direction::Out if changes.is_some() => format!("{here} ⇒ {}", self.trace.cast.name_of(frame.destination())),
            Direction::Out => format!("{here} → {}", self.trace.cast.name_of(frame.destination())),
            Direction::In => format!("{here} ← {}", self.trace.cast.name_of(frame.source())),
        };
        self.line(record.at, Some(*id), &who, self.trace.cast.with_owners(&line), Kind::Frame);
        if let Some(changes) = changes {
            let text = format!("· rewrites it: {}", self.changes(&changes));
            // Once for each way: the double arrow says that the others are like it.
            if self.teller.explained.insert((*node, text.clone())) {
                self.line(record.at, None, self.trace.cast.node(*node), text, Kind::Decision);
            }
        }
    }

    /// Whether a note tells more than the frames around it. That somebody asks or has heard an answer is plain to see,
    /// unless there is more to it.
    fn is_news(&mut self, node: NodeId, note: &Note) -> bool {
        match note {
            Note::Arp(Arp::Asks { foreign, .. }) => *foreign,
            Note::Arp(Arp::Learned { neighbour, mac } | Arp::Replaced { neighbour, mac, .. }) => {
                self.teller.neighbours.insert((node, *neighbour), *mac) != Some(*mac)
            }
            // What the set-up makes of the machines stands in its commands.
            Note::Machine(_) => self.teller.began,
            Note::Ipvs(Ipvs::Steered(passage) | Ipvs::Returned(passage)) => passage.before != passage.after,
            _ => true,
        }
    }

    fn console(&mut self, at: Time, node: NodeId, console: &Console) {
        let name = self.trace.cast.node(node);
        match console {
            Console::Typed { job, line } => {
                if line.ends_with('&') {
                    self.teller.background.insert((node, *job), line.to_string());
                }
                self.line(at, None, name, format!("$ {line}"), Kind::Command);
            }
            Console::Printed { job, stream, text } => {
                let key = (node, *job, *stream == Stream::Err);
                let mut text = self.teller.unfinished.remove(&key).unwrap_or_default() + text;
                while let Some(end) = text.find('\n') {
                    let rest = text.split_off(end + 1);
                    self.printed(at, name, *stream, &text);
                    text = rest;
                }
                if !text.is_empty() {
                    self.teller.unfinished.insert(key, text);
                }
            }
            Console::Unknown(_) | Console::Logged { .. } => {
                self.line(at, None, name, format!("· {console}"), Kind::Decision);
            }
            Console::Ended { job, status } => {
                for stream in [Stream::Out, Stream::Err] {
                    if let Some(text) = self.teller.unfinished.remove(&(node, *job, stream == Stream::Err)) {
                        self.printed(at, name, stream, &text);
                    }
                }
                // Its line may be far above, and that of another command just before.
                let whose = self.teller.background.remove(&(node, *job));
                let whose = whose.map(|line| format!(" of {line}")).unwrap_or_default();
                if *status != 0 {
                    self.line(at, None, name, format!("| (exit status {status}{whose})"), Kind::Status);
                }
            }
        }
    }

    fn printed(&mut self, at: Time, name: &str, stream: Stream, line: &str) {
        let kind = if stream == Stream::Err { Kind::Complaint } else { Kind::Output };
        self.line(at, None, name, format!("| {}", line.trim_end()), kind);
    }

    /// What jobs have written without ending the line.
    fn flush(&mut self) {
        for ((node, _, err), text) in std::mem::take(&mut self.teller.unfinished) {
            let stream = if err { Stream::Err } else { Stream::Out };
            let at = self.trace.last();
            self.printed(at, self.trace.cast.node(node), stream, &text);
        }
    }

    fn line(&mut self, at: Time, about: Option<FrameId>, who: &str, what: String, kind: Kind) {
        self.lines.push(Line { at, about, who: who.to_owned(), what, kind });
    }

    fn changes(&self, changes: &[Change]) -> String {
        let said: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Mac { source, destination } => {
                    format!(
                        "MAC addresses now {} → {}",
                        self.trace.cast.name_of(*source),
                        self.trace.cast.name_of(*destination)
                    )
                }
                Change::Field(text) => text.clone(),
            })
            .collect();
        said.join(", ")
    }
}

/// tcpdump's line without what only experts read: windows, options, and lengths that are always the same.
pub fn brief(line: &str) -> String {
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
