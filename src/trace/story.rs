//! The story of a run: commands, their output, and the frames in between, in the order in which they happened.

use std::io::{self, Write};

use super::record::{Direction, Event, Trace};
use crate::reason::{Console, Note};
use crate::wire::describe::Describer;

/// Writes the story.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, trace: &Trace, _colours: bool) -> io::Result<()> {
    let mut describer = Describer::default();
    for record in &trace.records {
        let micros = trace.relative(record.at) / 1_000;
        let time = format!(
            "{}{}.{:06}",
            if micros < 0 { "-" } else { "" },
            micros.abs() / 1_000_000,
            micros.abs() % 1_000_000
        );
        let node = trace.cast.node(record.node);
        match &record.event {
            Event::Frame { port, direction, frame, .. } => {
                let arrow = if *direction == Direction::In { "<" } else { ">" };
                let interface = trace.cast.interface(record.node, *port);
                writeln!(out, "{time:>10} {node} {interface} {arrow} {}", describer.describe(frame))?;
            }
            Event::Lost { port, reason, .. } => {
                writeln!(out, "{time:>10} {node} {} lost: {reason}", trace.cast.interface(record.node, *port))?;
            }
            Event::Note(_, Note::Console(Console::Printed { text, .. })) => {
                for line in text.lines() {
                    writeln!(out, "{time:>10} {node} | {line}")?;
                }
            }
            Event::Note(_, note) => writeln!(out, "{time:>10} {node} {note}")?,
        }
    }
    Ok(())
}
