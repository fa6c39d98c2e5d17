//! A run as JSON lines: one object a record, in the order in which things happened.
//!
//! Every object has `kind`, and `at`: nanoseconds since the scenario's time zero, negative in the set-up. The
//! other fields of each kind are those of [`Line`].

use std::io::{self, Write};

use serde::Serialize;

use super::filter::Filter;
use super::index::Index;
use super::record::{Direction, Event, Record, Trace};
use crate::ids::{JobId, Terminal};
use crate::reason::{Console, Note, Stream};
use crate::wire::describe::describe;

/// A line.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line<'a> {
    /// A command begins.
    Command {
        /// When.
        at: i64,
        /// Where.
        node: &'a str,
        /// The job's number at its terminal, from 0.
        job: usize,
        /// Its terminal, if not the first.
        #[serde(skip_serializing_if = "Option::is_none")]
        terminal: Option<u16>,
        /// What was typed.
        line: &'a str,
    },
    /// A command writes.
    Output {
        /// When.
        at: i64,
        /// Where.
        node: &'a str,
        /// The job's number at its terminal.
        job: usize,
        /// Its terminal, if not the first.
        #[serde(skip_serializing_if = "Option::is_none")]
        terminal: Option<u16>,
        /// `out` or `err`.
        stream: &'static str,
        /// What; not always a whole line.
        text: &'a str,
    },
    /// A command ends.
    Exit {
        /// When.
        at: i64,
        /// Where.
        node: &'a str,
        /// The job's number at its terminal.
        job: usize,
        /// Its terminal, if not the first.
        #[serde(skip_serializing_if = "Option::is_none")]
        terminal: Option<u16>,
        /// Its exit status.
        status: i32,
    },
    /// A frame passes an interface.
    Frame {
        /// When.
        at: i64,
        /// Whose interface.
        node: &'a str,
        /// Which one.
        interface: &'a str,
        /// `in` or `out`, as the node sees it.
        direction: &'static str,
        /// The frame's number, the same wherever it is seen until a node sends it on.
        frame: u64,
        /// The number of the frame that led to it, if it is known.
        cause: Option<u64>,
        /// Its hardware source address.
        source: String,
        /// Its hardware destination address.
        destination: String,
        /// Its bytes, the Ethernet header included.
        length: usize,
        /// What tcpdump would say of it.
        summary: String,
    },
    /// A frame is lost between two nodes.
    Lost {
        /// When.
        at: i64,
        /// The node or switch at the beginning of the cable.
        from: &'a str,
        /// The node or switch at its end.
        to: Option<&'a str>,
        /// The frame's number.
        frame: u64,
        /// Why.
        reason: String,
        /// What tcpdump would say of it.
        summary: String,
    },
    /// A node drops a packet.
    Drop {
        /// When.
        at: i64,
        /// Who.
        node: &'a str,
        /// The frame that it came in, if it came in one.
        frame: Option<u64>,
        /// Why, in words.
        reason: String,
        /// What the kernel calls that reason.
        kernel: &'static str,
    },
    /// A packet takes an ordinary step through a node.
    Step {
        /// When.
        at: i64,
        /// Where.
        node: &'a str,
        /// The frame that it came in, or that led to it.
        frame: Option<u64>,
        /// What happened, in words.
        text: String,
    },
    /// A node decides something else.
    Note {
        /// When.
        at: i64,
        /// Who.
        node: &'a str,
        /// The frame that it is about, if it is about one.
        frame: Option<u64>,
        /// What and why, in words.
        text: String,
    },
}

/// Writes the records that a filter chooses.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, trace: &Trace, filter: &Filter) -> io::Result<()> {
    write_records(out, trace, filter, |_| true)
}

/// As [`write()`], without commands and their output.
///
/// # Errors
///
/// Those of the writer.
pub fn write_frames(out: &mut dyn Write, trace: &Trace, filter: &Filter) -> io::Result<()> {
    write_records(out, trace, filter, |record| !matches!(record.event, Event::Note { note: Note::Console(_), .. }))
}

fn write_records(
    out: &mut dyn Write,
    trace: &Trace,
    filter: &Filter,
    is_wanted: impl Fn(&Record<'_>) -> bool,
) -> io::Result<()> {
    let index = Index::of(trace);
    // Who has which process number, and what commands have changed, is of use only to those who look for causes.
    let is_hidden =
        |record: &Record<'_>| matches!(record.event, Event::Note { note: Note::Process(_) | Note::Change(_), .. });
    let is_told = |record: &Record<'_>| !is_hidden(record) && is_wanted(record) && index.chooses(filter, record);
    for record in trace.records().filter(is_told) {
        serde_json::to_writer(&mut *out, &line(trace, record))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The number of a terminal that is not the first.
fn terminal(job: JobId) -> Option<u16> {
    Some(job.terminal).filter(|terminal| *terminal != Terminal::FIRST).map(|terminal| terminal.0)
}

fn line<'a>(trace: &'a Trace, record: Record<'a>) -> Line<'a> {
    let cast = &trace.cast;
    let at = i64::try_from(trace.relative(record.at)).unwrap_or(i64::MAX);
    match record.event {
        Event::Frame { node, port, direction, id, cause, .. } => {
            let frame = trace.frames.of(id);
            Line::Frame {
                at,
                node: cast.node(node),
                interface: cast.interface(node, port),
                direction: if direction == Direction::In { "in" } else { "out" },
                frame: id.number(),
                cause: cause.map(|cause| cause.number()),
                source: frame.source().to_string(),
                destination: frame.destination().to_string(),
                length: frame.bytes().len(),
                summary: describe(&frame).to_string(),
            }
        }
        Event::Lost { hop, id, loss } => Line::Lost {
            at,
            from: cast.station(hop.from.station),
            to: hop.to.map(|end| cast.station(end.station)),
            frame: id.number(),
            reason: loss.to_string(),
            summary: describe(&trace.frames.of(id)).to_string(),
        },
        Event::Note { node, about, note, .. } => {
            let (node, frame) = (cast.node(node), about.map(|id| id.number()));
            match note {
                Note::Console(Console::Typed { job, line }) => {
                    Line::Command { at, node, job: job.number(), terminal: terminal(*job), line }
                }
                Note::Console(Console::Printed { job, stream, text }) => {
                    let stream = if *stream == Stream::Out { "out" } else { "err" };
                    Line::Output { at, node, job: job.number(), terminal: terminal(*job), stream, text }
                }
                Note::Console(Console::Ended { job, status }) => {
                    Line::Exit { at, node, job: job.number(), terminal: terminal(*job), status: *status }
                }
                Note::Drop(drop) => Line::Drop { at, node, frame, reason: drop.to_string(), kernel: drop.name() },
                Note::Step(step) => Line::Step { at, node, frame, text: step.to_string() },
                note => Line::Note { at, node, frame, text: note.to_string() },
            }
        }
    }
}
