//! Completion at the prompt: commands, nodes, the commands of nodes, interfaces, filters.

use std::cell::RefCell;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::desk::Desk;
use super::request::ENTRIES;
use crate::scenario::Plan;
use crate::trace::filter::WORDS;

/// Completes lines for a desk.
pub struct Assistant(pub Rc<RefCell<Desk>>);

impl Helper for Assistant {}
impl Highlighter for Assistant {}
impl Validator for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let desk = self.0.borrow();
        Ok(candidates(&line[..at], desk.plan(), desk.is_at_node()))
    }
}

/// Where the word at the end of a line begins, and what it may become.
fn candidates(line: &str, plan: &Plan, is_at_node: bool) -> (usize, Vec<String>) {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let word = &line[start..];
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_first = line[..start].trim().is_empty();
    let nodes = || plan.nodes.iter().map(|node| node.name.clone());
    let programs = || crate::shell::COMMANDS.iter().map(|(name, _)| (*name).to_owned());
    let known: Vec<String> = if is_at_node {
        if is_first { programs().collect() } else { Vec::new() }
    } else if first.ends_with('$') && line[..start].split_whitespace().count() == 1 {
        programs().collect()
    } else if is_first {
        ENTRIES.iter().map(|entry| entry.name.to_owned()).chain(nodes().map(|name| name + "$")).collect()
    } else {
        match first {
            "on" | "tables" | "t" | "crash" | "boot" => nodes().collect(),
            "plug" | "unplug" => plan.interface_names().collect(),
            "help" | "h" => ENTRIES.iter().map(|entry| entry.name.to_owned()).collect(),
            "until" | "u" | "frames" | "f" | "ladder" | "show" => {
                let words = WORDS.iter().chain(&["arp", "tcp", "udp", "icmp", "port", "host", "drop", "done", "says"]);
                words.map(|word| (*word).to_owned()).chain(nodes()).chain(plan.interface_names()).collect()
            }
            _ => Vec::new(),
        }
    };
    let mut fitting: Vec<String> = known.into_iter().filter(|name| name.starts_with(word)).collect();
    fitting.sort();
    fitting.dedup();
    (start, fitting.into_iter().map(|name| name + " ").collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    #[test]
    fn words_are_completed() {
        let plan = load(crate::cli::DEFAULT_SCENARIO.1).unwrap();
        let complete = |line: &str, at_node| candidates(line, &plan, at_node);
        assert_eq!(complete("st", false), (0, vec!["step ".to_owned()]));
        assert_eq!(complete("rs", false), (0, vec!["rs1$ ".to_owned(), "rs2$ ".to_owned()]));
        assert_eq!(complete("rs1$ ipv", false).1, ["ipvsadm ", "ipvsadm-restore ", "ipvsadm-save "]);
        assert_eq!(complete("arpi", true), (0, vec!["arping ".to_owned()]));
        assert_eq!(complete("unplug rs2", false), (7, vec!["rs2.eth0 ".to_owned()]));
        assert_eq!(complete("until syn", false), (6, vec!["syn ".to_owned(), "synack ".to_owned()]));
        assert_eq!(complete("until node dir", false), (11, vec!["director ".to_owned(), "director.eth0 ".to_owned()]));
        assert!(complete("rs1$ ip neigh sh", false).1.is_empty());
    }
}
