//! A grade as a learner reads it.

use std::io::{self, Write};

use crate::course::{Grade, Mark, Round};

const GREEN: u8 = 32;
const RED: u8 = 31;

/// One line for each check of each run.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, grade: &Grade, colours: bool) -> io::Result<()> {
    for Round { variation, marks } in &grade.rounds {
        if let Some(variation) = variation {
            writeln!(out, "\nand with {variation}:")?;
        }
        for Mark { held, say, details } in marks {
            let (word, colour) = if *held { ("yes", GREEN) } else { ("no", RED) };
            let word = if colours { format!("\x1b[{colour}m{word:>5}\x1b[0m") } else { format!("{word:>5}") };
            writeln!(out, "{word}  {say}")?;
            if let Some((expected, found)) = details {
                writeln!(out, "       wanted: {expected}")?;
                for line in found.lines() {
                    writeln!(out, "       found:  {line}")?;
                }
            }
        }
    }
    Ok(())
}
