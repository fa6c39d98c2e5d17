//! Where in a scenario's text the commands stand that are typed in its run.

use std::collections::BTreeMap;

use super::plan::{Action, Plan};
use super::tree::{At, Tree};
use crate::ids::{JobId, NodeId, Terminal};

/// The lines of a file at which its commands begin, its machines, and the files of these.
#[derive(Clone, Debug, Default)]
pub struct Places {
    lines: BTreeMap<(NodeId, JobId), usize>,
    /// Where the set-up of each machine stands, or the machine if it has none.
    set_ups: Vec<usize>,
    /// Where the texts of files begin and end.
    files: BTreeMap<(NodeId, String), (usize, usize)>,
}

impl Places {
    /// Looks all of them up. The plan must be what the text says.
    pub fn of(plan: &Plan, text: &str) -> Places {
        let mut finder = Finder { tree: Tree::of(text), text, typed: BTreeMap::new(), places: Places::default() };
        for node in 0..plan.nodes.len() {
            finder.set_up(plan, node);
            finder.machine(plan, node);
        }
        // The lab hands the steps out in this order.
        let mut steps: Vec<_> = plan.timeline.iter().enumerate().collect();
        steps.sort_by_key(|(_, step)| step.at);
        for (index, step) in steps {
            match step.action {
                Action::Run(node, terminal, _) => {
                    let path = [At::Field("timeline"), At::Value(index), At::Field("run")];
                    finder.typed(node, terminal, Some(&path));
                }
                Action::Boot(node) => {
                    finder.set_up(plan, node.0 as usize);
                    // The services that the machine starts by itself.
                    finder.typed(node, Terminal::FIRST, None);
                }
                _ => {}
            }
        }
        finder.places
    }

    /// The line, from 1, at which a command stands; none if it was not the file that had it typed.
    pub fn line(&self, node: NodeId, job: JobId) -> Option<usize> {
        self.lines.get(&(node, job)).copied()
    }

    /// The line at which the set-up of a machine begins, or the machine if it has none.
    pub fn set_up(&self, node: NodeId) -> Option<usize> {
        self.set_ups.get(node.0 as usize).copied()
    }

    /// The line at which a line of a machine's file stands; both are counted from 1.
    pub fn in_file(&self, node: NodeId, path: &str, line: usize) -> Option<usize> {
        let (start, end) = self.files.get(&(node, path.to_owned()))?;
        // A text without line breaks of its own is all on one line.
        Some(start.saturating_add(line.saturating_sub(1)).min(*end))
    }
}

struct Finder<'a> {
    tree: Tree,
    text: &'a str,
    /// How much has been typed at each terminal.
    typed: BTreeMap<(NodeId, Terminal), usize>,
    places: Places,
}

impl Finder<'_> {
    fn set_up(&mut self, plan: &Plan, node: usize) {
        for index in 0..plan.nodes[node].setup.len() {
            let path = [At::Field("nodes"), At::Value(node), At::Field("setup"), At::Value(index)];
            self.typed(NodeId(node as u32), Terminal::FIRST, Some(&path));
        }
    }

    fn typed(&mut self, node: NodeId, terminal: Terminal, path: Option<&[At]>) {
        let typed = self.typed.entry((node, terminal)).or_default();
        let job = JobId::new(terminal, *typed);
        *typed += 1;
        if let Some(path) = path {
            let line = self.line(self.tree.find(self.text, path).start);
            self.places.lines.insert((node, job), line);
        }
    }

    fn machine(&mut self, plan: &Plan, node: usize) {
        let path = [At::Field("nodes"), At::Value(node)];
        let start = self.line(self.tree.find(self.text, &[path[0], path[1], At::Field("setup")]).start);
        self.places.set_ups.push(start);
        for (index, (name, _)) in plan.nodes[node].files.iter().enumerate() {
            let range = self.tree.find(self.text, &[path[0], path[1], At::Field("files"), At::Value(index)]);
            let lines = (self.line(range.start), self.line(range.end));
            self.places.files.insert((NodeId(node as u32), name.clone()), lines);
        }
    }

    /// The line, from 1, that a byte is in.
    fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    #[test]
    fn commands_are_found() {
        let text = "Scenario(\n title: \"t\",\n nodes: {\n  \"a\": (setup: [\"true\",\n   \"echo b\"]),\n },\n timeline: [\n  \
                    (at: \"2s\", node: \"a\", run: \"echo late\"),\n  (at: \"1s\", node: \"a\", run: \"echo early\"),\n  \
                    (at: \"1s\", node: \"a\", terminal: 2, run: \"echo other\"),\n ],\n)";
        let places = Places::of(&load(text).unwrap(), text);
        let line = |terminal, number| places.line(NodeId(0), JobId::new(Terminal(terminal), number));
        assert_eq!([line(1, 0), line(1, 1)], [Some(4), Some(5)]);
        assert_eq!([line(1, 2), line(1, 3), line(2, 0)], [Some(9), Some(8), Some(10)]);
        assert_eq!(line(1, 4), None);
    }
}
