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
        match &record.event {
            Event::Frame { node, port, direction, frame, .. } => {
                let arrow = if *direction == Direction::In { "<" } else { ">" };
                let (name, interface) = (trace.cast.node(*node), trace.cast.interface(*node, *port));
                writeln!(out, "{time:>10} {name} {interface} {arrow} {}", describer.describe(frame))?;
            }
            Event::Lost { hop, loss, .. } => {
                writeln!(out, "{time:>10} {} lost: {loss}", trace.cast.station(hop.from.station))?;
            }
            Event::Note { node, note: Note::Console(Console::Printed { text, .. }), .. } => {
                for line in text.lines() {
                    writeln!(out, "{time:>10} {} | {line}", trace.cast.node(*node))?;
                }
            }
            Event::Note { node, note, .. } => writeln!(out, "{time:>10} {} {note}", trace.cast.node(*node))?,
        }
    }
    Ok(())
}
