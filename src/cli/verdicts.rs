//! What a scenario expects, and whether it came true.

use std::io::{self, Write};

use serde::Serialize;

use crate::scenario::Verdict;

const GREEN: u8 = 32;
const RED: u8 = 31;

/// One line for each expectation, and what was expected and found where it did not hold.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, verdicts: &[Verdict], colours: bool) -> io::Result<()> {
    if verdicts.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nexpected")?;
    for Verdict { held, expected, found, say, .. } in verdicts {
        let (word, colour) = if *held { ("yes", GREEN) } else { ("NO", RED) };
        let word = if colours { format!("\x1b[{colour}m{word:>10}\x1b[0m") } else { format!("{word:>10}") };
        writeln!(out, "{word}  {say}")?;
        if !held {
            writeln!(out, "{:>10}  expected: {expected}", "")?;
            for line in found.lines() {
                writeln!(out, "{:>10}  found:    {line}", "")?;
            }
        }
    }
    Ok(())
}

/// The same as JSON lines of the kind `expectation`.
///
/// # Errors
///
/// Those of the writer.
pub fn write_json(out: &mut dyn Write, verdicts: &[Verdict]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        kind: &'static str,
        held: bool,
        expected: &'a str,
        found: &'a str,
        say: &'a str,
    }
    for Verdict { held, expected, found, say, .. } in verdicts {
        serde_json::to_writer(&mut *out, &Line { kind: "expectation", held: *held, expected, found, say })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
