//! `lvslab sweep`: a scenario with all values of its parameters, and a table of what was measured.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::complain::complain;
use super::subject::{Subject, wrong};
use super::{Status, output};
use crate::scenario::{Measured, Parameters, Row, Sweep as Runs, Trouble, load};

/// Runs a scenario with all values of its parameters, and prints a table of the times that it measures.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Sweep {
    #[command(flatten)]
    subject: Subject,
    /// Prints the rows alone, as comma-separated values.
    #[arg(long)]
    csv: bool,
}

const EXAMPLES: &str = "\
A parameter is declared in the scenario (parameters: { \"advert_int\": [\"1\", \"0.1\"] }), and stands for its text
wherever ${advert_int} is written. The columns are the expectations of the kind Silence that have a name. The table is
the same on every machine.

Exit status: 1 if an expectation did not come true in any of the runs.

Examples:
  lvslab sweep keepalived/outage
  lvslab sweep keepalived/outage --set advert_int=1,0.5,0.2 --set way=power
  lvslab run keepalived/outage --set way=power              one of the runs, frame by frame";

/// A table as it is printed.
struct Table<'a> {
    names: Vec<&'a str>,
    rows: &'a [Row],
}

impl Sweep {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let (path, text) = self.subject.read()?;
        let parameters = Parameters::of(&text).map_err(|diagnostic| {
            complain(&path, &text, &[diagnostic]);
            Status::Wrong
        })?;
        let runs = Runs::new(&parameters, &self.subject.several()).map_err(|error| wrong(&error))?;
        let rows = rows(&runs, &text, &parameters).map_err(|trouble| match trouble {
            Trouble::Wrong(diagnostics) => {
                complain(&path, &text, &diagnostics);
                Status::Wrong
            }
            Trouble::Failed(why) => {
                anstream::eprintln!("lvslab: {why}");
                Status::Stopped
            }
        })?;
        let title = load(&text).map(|plan| plan.title).unwrap_or_default();
        let table = Table { names: runs.names().collect(), rows: &rows };
        let printed = output::print(|out| if self.csv { table.csv(out) } else { report(out, &title, &text, &table) });
        let held = rows.iter().all(|row| row.failed.is_empty());
        Ok(match printed {
            Err(_) => Status::Stopped,
            Ok(()) if held => Status::Held,
            Ok(()) => Status::Failed,
        })
    }
}

/// Makes the runs, as many at a time as the machine has processors; the rows are in order.
fn rows(sweep: &Runs, text: &str, parameters: &Parameters) -> Result<Vec<Row>, Trouble> {
    let runs = sweep.runs();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(values) = runs.get(place) else { return };
            let row = sweep.row(text, parameters, values);
            results.lock().expect("a worker that panics takes the others along").push((place, row));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(runs.len());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let mut results = results.into_inner().expect("a worker that panics takes the others along");
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, row)| row).collect()
}

/// The scenario's title, the comment that it begins with, and the table.
fn report(out: &mut dyn Write, title: &str, text: &str, table: &Table<'_>) -> io::Result<()> {
    writeln!(out, "# {title}\n")?;
    for line in text.lines().map_while(|line| line.strip_prefix("//")) {
        writeln!(out, "{}", line.strip_prefix(' ').unwrap_or(line))?;
    }
    writeln!(out)?;
    table.markdown(out)?;
    for row in table.rows.iter().filter(|row| !row.failed.is_empty()) {
        writeln!(out, "\n{}: not so: {}", row.values.join(", "), row.failed.join("; "))?;
    }
    Ok(())
}

impl Table<'_> {
    fn headings(&self) -> Vec<String> {
        let measured: &[Measured] = self.rows.first().map_or(&[], |row| &row.measured);
        let columns = measured.iter().flat_map(|it| {
            [Some(it.name.clone()), it.theory.map(|_| format!("{}: at most", it.name))].into_iter().flatten()
        });
        self.names.iter().map(|name| (*name).to_owned()).chain(columns).collect()
    }

    fn cells(row: &Row) -> Vec<String> {
        let seconds = |time: crate::time::Span| format!("{:.3}", time.as_secs_f64());
        let times = row.measured.iter().flat_map(|it| [Some(it.time), it.theory].into_iter().flatten());
        row.values.iter().cloned().chain(times.map(seconds)).collect()
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let headings = self.headings();
        let rows: Vec<Vec<String>> = self.rows.iter().map(Table::cells).collect();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at)).chain(headings.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        let is_number = |at: usize| at >= self.names.len();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| match is_number(at) {
                true => format!(" {cell:>width$} |"),
                false => format!(" {cell:<width$} |"),
            });
            format!("|{}", cells.collect::<String>())
        };
        writeln!(out, "{}", line(&headings))?;
        let rule = widths.iter().enumerate().map(|(at, &width)| match is_number(at) {
            true => format!("{}:|", "-".repeat(width + 1)),
            false => format!("{}|", "-".repeat(width + 2)),
        });
        writeln!(out, "|{}", rule.collect::<String>())?;
        rows.iter().try_for_each(|row| writeln!(out, "{}", line(row)))
    }

    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let quoted = |cell: &String| match cell.contains([',', '"', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let rows = [self.headings()].into_iter().chain(self.rows.iter().map(Table::cells));
        rows.map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",")).try_for_each(|row| writeln!(out, "{row}"))
    }
}
