//! iptables-restore: tables from a text, all of it or nothing.

use super::{Problem, run};
use crate::host::netfilter::{Netfilter, Table, TableError};
use crate::host::{Io, Kernel};

/// What is wrong with a text, and in which of its lines.
enum Wrong {
    Line(usize, Problem),
    /// A line that stands outside of any table.
    Outside(usize),
    /// The text ends before its table does.
    NoCommit(usize),
}

/// `iptables-restore`
pub(in crate::shell) fn restore(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    const TOOL: &str = "iptables-restore";
    let keeps = args.iter().any(|arg| matches!(arg.as_str(), "-n" | "--noflush"));
    let text = io.stdin.take();
    let before = kernel.netfilter_mut().clone();
    let Err(wrong) = kernel.change_rules(|netfilter| read(netfilter, &text, keeps)) else { return 0 };
    *kernel.netfilter_mut() = before;
    let (text, status) = match wrong {
        Wrong::Line(number, problem) => problem.told(TOOL, Some(number)),
        Wrong::Outside(number) => (format!("{TOOL}: line {number} failed\n"), 1),
        Wrong::NoCommit(number) => (format!("{TOOL}: COMMIT expected at line {number}\n"), 1),
    };
    io.err = text;
    status
}

fn read(netfilter: &mut Netfilter, text: &str, keeps: bool) -> Result<(), Wrong> {
    let mut open: Option<&str> = None;
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        let line = line.trim();
        let at = |problem| Wrong::Line(number, problem);
        match (open, line.chars().next()) {
            (_, None | Some('#')) => {}
            (None, Some('*')) => {
                let name = line[1..].trim();
                let begun = netfilter.change(name, |table| if keeps { Ok(()) } else { empty(table) });
                let begun = begun.ok_or_else(|| at(Problem::NoTable(name.to_owned())))?;
                begun.map_err(|error| at(Problem::kernel("TABLE_FLUSH", error, name)))?;
                open = Some(name);
            }
            (None, _) => return Err(Wrong::Outside(number)),
            (Some(_), _) if line == "COMMIT" => open = None,
            (Some(table), Some(':')) => {
                netfilter.change(table, |table| chain(table, &line[1..])).unwrap_or(Ok(())).map_err(at)?;
            }
            (Some(table), _) => {
                let args: Vec<String> = ["-t", table].map(str::to_owned).into_iter().chain(words(line)).collect();
                run(netfilter, &args, &mut String::new()).map_err(at)?;
            }
        }
    }
    if open.is_some() { Err(Wrong::NoCommit(last + 1)) } else { Ok(()) }
}

/// Takes everything out of a table.
fn empty(table: &mut Table) -> Result<(), TableError> {
    let chains = table.chains();
    chains.iter().try_for_each(|&id| table.edit(id, Vec::clear))?;
    for id in chains {
        match table.chain(id).base {
            Some(_) => table.set_policy(id, true),
            None => table.remove_chain(id)?,
        }
    }
    Ok(())
}

/// `:CHAIN POLICY [PACKETS:BYTES]`
fn chain(table: &mut Table, line: &str) -> Result<(), Problem> {
    let mut words = line.split_whitespace();
    let (name, policy) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match table.find(name) {
        Some(id) if policy != "-" => super::set_policy(table, id, policy),
        // A chain that is there already is emptied.
        Some(id) => table.edit(id, Vec::clear).map_err(|error| Problem::kernel("CHAIN_FLUSH", error, name)),
        None => super::new_chain(table, name),
    }
}

/// The words of a line; quotes hold some together, and a backslash takes the next character as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '\\' if is_quoted => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
