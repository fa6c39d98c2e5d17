//! A ladder for a terminal, readable at 100 columns.

use std::io::{self, Write};

use super::{Ladder, Rung};
use crate::svg::wrap_where;

/// How wide a page is.
const PAGE: usize = 100;
/// How much of it the machines may take.
const LANES: usize = 50;
/// For the time, and a space.
const CLOCK: usize = 12;
/// The fewest letters from one machine to the next.
const NARROWEST: usize = 4;

/// Writes a ladder.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, ladder: &Ladder) -> io::Result<()> {
    writeln!(out, "{}\n", ladder.title)?;
    if ladder.rungs.is_empty() {
        return writeln!(out, "no frame is chosen");
    }
    let lanes = Lanes::of(ladder);
    lanes.heading(out, ladder)?;
    for rung in &ladder.rungs {
        lanes.rung(out, rung)?;
    }
    Ok(())
}

struct Lanes {
    /// From one machine to the next.
    step: usize,
    count: usize,
}

impl Lanes {
    fn of(ladder: &Ladder) -> Lanes {
        let count = ladder.columns.len();
        let longest = ladder.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or_default();
        let step = (longest + 2).clamp(8, 14).min(LANES / count.max(1)).max(NARROWEST);
        Lanes { step, count }
    }

    /// The machines' names, each on a line of its own height where they would not fit side by side.
    fn heading(&self, out: &mut dyn Write, ladder: &Ladder) -> io::Result<()> {
        let fits = ladder.columns.iter().all(|column| column.name.chars().count() < self.step);
        if fits {
            let names: String = ladder.columns.iter().map(|it| format!("{:<1$}", it.name, self.step)).collect();
            return writeln!(out, "{:>10}  {}", "time", names.trim_end());
        }
        for (place, column) in ladder.columns.iter().enumerate() {
            let bars: String = (0..place).map(|_| format!("{:<1$}", "│", self.step)).collect();
            writeln!(out, "{:>10}  {bars}{}", if place == 0 { "time" } else { "" }, column.name)?;
        }
        Ok(())
    }

    fn rung(&self, out: &mut dyn Write, rung: &Rung) -> io::Result<()> {
        let mut says = vec![format!("{} {}", rung.id.number(), rung.label)];
        says.extend(rung.changes.iter().map(|changes| format!("⇒ {changes}")));
        says.extend(rung.ends.iter().map(|(_, why)| format!("✗ {why}")));
        let width = PAGE.saturating_sub(CLOCK + self.step * self.count + 1).max(24);
        let mut lead = format!("{:>10}  {}", clock(rung.at), self.arrow(rung));
        for text in says {
            for (place, line) in wrap(&text, width).into_iter().enumerate() {
                let indent = if place == 0 { "" } else { "  " };
                writeln!(out, "{}", format!("{lead} {indent}{line}").trim_end())?;
                lead = format!("{:>10}  {}", "", self.bars());
            }
        }
        Ok(())
    }

    fn bars(&self) -> String {
        (0..self.count).map(|_| format!("{:<1$}", "│", self.step)).collect()
    }

    /// The lanes with an arrow across.
    fn arrow(&self, rung: &Rung) -> String {
        let mut line: Vec<char> = self.bars().chars().collect();
        let x = |column: usize| column * self.step;
        let from = x(rung.from);
        let ends = || rung.to.iter().copied().chain(rung.ends.iter().filter_map(|(column, _)| *column));
        let left = ends().map(x).fold(from, usize::min);
        let right = ends().map(x).fold(from, usize::max);
        for (at, cell) in line.iter_mut().enumerate().take(right).skip(left) {
            if at > left {
                *cell = if *cell == '│' { '┼' } else { '─' };
            }
        }
        for &column in &rung.to {
            if let Some(cell) = line.get_mut(x(column)) {
                *cell = if x(column) < from { '◄' } else { '►' };
            }
        }
        for column in rung.ends.iter().filter_map(|(column, _)| *column) {
            if let Some(cell) = line.get_mut(x(column)) {
                *cell = '✗';
            }
        }
        if rung.to.is_empty()
            && left == right
            && let Some(cell) = line.get_mut(from + 1)
        {
            *cell = '✗';
        }
        if let Some(cell) = line.get_mut(from) {
            *cell = '●';
        }
        line.into_iter().collect()
    }
}

/// A time in seconds.
pub(super) fn clock(at: i128) -> String {
    let sign = if at < 0 { "-" } else { "" };
    let micros = at.unsigned_abs() / 1_000;
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Breaks a text at spaces. Later lines are indented by two.
fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_where(text, |line, word| line.chars().count() + 1 + word.chars().count() <= width.saturating_sub(2))
}
