//! Where findings come from: who has typed or written what, and at which line of the scenario that stands.

use super::Cause;
use super::case::{Case, KEEPALIVED_CONF, Typed, is_named};
use crate::ids::{JobId, NodeId};
use crate::reason::{Config, Ruling};
use crate::time::Time;
use crate::trace::journey::Author;

impl<'a> Case<'a> {
    /// Who has last changed a machine's configuration like this before a moment.
    pub fn changed(&self, node: NodeId, before: Time, is_it: impl Fn(&Config) -> bool) -> Option<Cause> {
        let changes = self.journeys.changes(node).iter().rev();
        let (at, change) = changes.copied().find(|(at, change)| *at <= before && is_it(&change.what))?;
        match self.journeys.author(at, node, change.by) {
            Author::Program { command: Some(command), .. } => Some(self.typed(node, command.job, command.line)),
            _ => None,
        }
    }

    /// Who has set a sysctl of a machine before a moment; nobody has: its set-up.
    pub fn setting(&self, node: NodeId, before: Time, names: &[&str]) -> Cause {
        let is_it = |what: &Config| matches!(what, Config::Sysctl { name, .. } if names.contains(&name.as_str()));
        self.changed(node, before, is_it)
            .unwrap_or_else(|| self.missing(node, format!("nothing sets {}", names.first().unwrap_or(&""))))
    }

    /// The last command of a node that has all of these words in it.
    pub fn command(&self, node: NodeId, words: &[&str]) -> Option<Cause> {
        let is_it = |it: &&Typed<'_>| it.node == node && words.iter().all(|word| it.line.contains(word));
        self.typed.iter().rfind(is_it).map(|it| self.typed(node, it.job, it.line))
    }

    /// All commands that were typed, and where they stand.
    pub fn commands(&self) -> impl Iterator<Item = (NodeId, &'a str, Cause)> {
        self.typed.iter().map(|it| (it.node, it.line, self.typed(it.node, it.job, it.line)))
    }

    /// The first command since time zero, on any node, that a question picks.
    pub fn first_command(&self, is_it: impl Fn(NodeId, &str) -> bool) -> Option<Cause> {
        let mut typed = self.typed.iter().filter(|it| it.at >= self.trace().zero);
        typed.find(|it| is_it(it.node, it.line)).map(|it| self.typed(it.node, it.job, it.line))
    }

    fn typed(&self, node: NodeId, job: JobId, line: &str) -> Cause {
        let name = self.name(node).to_owned();
        Cause { text: format!("{name}$ {line}"), node: name, line: self.places.line(node, job) }
    }

    /// What a machine lacks: its set-up is the place for it.
    pub fn missing(&self, node: NodeId, text: impl Into<String>) -> Cause {
        let name = self.name(node);
        Cause { node: name.to_owned(), text: format!("{name}: {}", text.into()), line: self.places.set_up(node) }
    }

    /// A line of a machine's keepalived.conf, counted from 1.
    pub fn written(&self, node: NodeId, line: usize) -> Cause {
        self.written_in(node, KEEPALIVED_CONF, line)
    }

    /// A line of one of a machine's files, counted from 1. keepalived names files as they were included.
    pub fn written_in(&self, node: NodeId, file: &str, line: usize) -> Cause {
        let name = self.name(node);
        let nth = |text: &str| text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned();
        let files = &self.plan.nodes[node.0 as usize].files;
        let (path, planned) = files
            .iter()
            .find(|(path, _)| is_named(path, file))
            .map_or((file, None), |(path, text)| (path, Some(nth(text))));
        let own = self.keepaliveds[node.0 as usize].as_ref().filter(|_| path == KEEPALIVED_CONF);
        let text = own.map(|it| nth(it.text)).or_else(|| planned.clone()).unwrap_or_default();
        // Where the set-up has changed the file, the scenario's lines are others.
        let in_file = self.places.in_file(node, path, line).filter(|_| planned.as_ref() == Some(&text));
        let place = in_file.or_else(|| self.places.set_up(node));
        Cause { node: name.to_owned(), text: format!("{name}:{path}, line {line}: {text}"), line: place }
    }

    /// The line of a machine's keepalived.conf that says this within a block, or at which the block begins if none does.
    pub fn keyword(&self, node: NodeId, block: &str, keyword: &str) -> Option<Cause> {
        let it = self.keepaliveds[node.0 as usize].as_ref()?;
        let lines = || (1..).zip(it.text.lines().map(str::trim)).map(|(at, line): (usize, &str)| (at, line));
        let (start, _) = lines().find(|(_, line)| line.starts_with(block))?;
        let mut inside = lines().skip(start).take_while(|(_, line)| !is_block(line));
        let found = inside.find(|(_, line)| line.split_whitespace().next() == Some(keyword));
        Some(self.written(node, found.map_or(start, |(at, _)| at)))
    }

    /// The first line of a machine's keepalived.conf that has all of these words in it.
    pub fn line_of(&self, node: NodeId, words: &[&str]) -> Option<Cause> {
        let it = self.keepaliveds[node.0 as usize].as_ref()?;
        let has_all = |line: &str| words.iter().all(|word| line.split_whitespace().any(|it| it == *word));
        let (at, _) = (1..).zip(it.text.lines()).find(|(_, line)| has_all(line))?;
        Some(self.written(node, at))
    }

    /// Who has written a rule of a firewall.
    pub fn rule(&self, node: NodeId, ruling: &Ruling) -> Option<Cause> {
        let is_it = |what: &Config| match (what, &ruling.rule) {
            (Config::Rule { tool, table, chain, rule }, wanted) => {
                (*tool, *table, chain, rule.as_ref())
                    == (ruling.tool, ruling.table, &ruling.chain, wanted.as_ref().map(|(_, text)| text))
            }
            _ => false,
        };
        let policy = || self.command(node, &[ruling.tool, "-P", &ruling.chain]);
        self.changed(node, self.end(), is_it).or_else(policy)
    }
}

/// Whether a block of the outermost level begins here.
fn is_block(line: &str) -> bool {
    ["vrrp_instance ", "virtual_server ", "vrrp_script ", "vrrp_sync_group ", "global_defs"]
        .iter()
        .any(|word| line.starts_with(word))
}
