//! Blocks and keywords: lib/parser.c's process_stream, and the ways in which it complains.
//!
//! keepalived reads its configuration once in each of its processes. Each understands its own blocks only, and passes over
//! the others by counting braces: what a stray brace does depends on who reads.

use std::fmt;

use super::lexer::{self, Line};
use super::model::Config;
use super::source::{self, Complaint, Fault, Files, Item};
use super::{bfd, check, global, vrrp};

/// How bad a message is, by the exit status that `keepalived -t` gives for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The daemon writes it into its log, and `keepalived -t` does not speak of it.
    Log,
    /// It is said, and nothing is wrong.
    Remark,
    /// keepalived goes no further: a parameter is missing.
    Missing,
    /// A file or an interface is not there, or two instances clash: keepalived does not start.
    Fatal,
    /// It is said, and keepalived starts.
    Warning,
    /// A script may not be run; or a file is not there that must be.
    Security,
    /// keepalived 2.2.7 follows a pointer to nowhere.
    Crash,
}

impl Severity {
    /// The exit status of `keepalived -t`.
    pub const fn status(self) -> i32 {
        match self {
            Severity::Log | Severity::Remark => 0,
            Severity::Missing => 2,
            // It would be 4, but a warning that goes with it counts more.
            Severity::Fatal | Severity::Warning => 5,
            Severity::Security => 6,
            Severity::Crash => 139,
        }
    }
}

/// Who reads the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The first process: global_defs.
    Parent,
    /// The health checkers'.
    Checkers,
    /// VRRP's.
    Vrrp,
    /// BFD's.
    Bfd,
}

/// Something that keepalived says about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The file, if it is named.
    pub file: Option<String>,
    /// The line, counted from 1; none for what is said after the whole file has been read.
    pub line: Option<usize>,
    /// Where in the line, counted from 1.
    pub column: usize,
    /// What.
    pub text: String,
    /// How bad it is.
    pub severity: Severity,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "({file}: Line {line}) {}", self.text),
            (None, Some(line)) => write!(f, "(Line {line}) {}", self.text),
            (_, None) => f.write_str(&self.text),
        }
    }
}

/// The configuration that is being read.
pub struct Parser {
    items: std::vec::IntoIter<Item>,
    process: Process,
    /// The line that is being read.
    pub(super) here: Line,
    /// Whether the last line has been read: nothing has a place any more.
    is_at_end: bool,
    depth: usize,
    pub(super) is_test: bool,
    pub config: Config,
    pub messages: Vec<Message>,
    /// Whether a missing parameter has ended it all.
    is_over: bool,
    /// How the main file is named.
    main: String,
    /// The processes that have something to do.
    wanted: Vec<Process>,
    /// What the next rule without a priority gets.
    rule_priority: u32,
}

/// Reads a configuration; `id` is the machine's name.
pub fn parse(text: &str, id: &str, files: &mut dyn Files) -> (Config, Vec<Message>) {
    let is_test = files.is_test();
    let mut parser = Parser {
        items: Vec::new().into_iter(),
        process: Process::Parent,
        here: Line::default(),
        is_at_end: false,
        depth: 0,
        is_test,
        config: Config::default(),
        messages: Vec::new(),
        is_over: false,
        main: files.name().to_owned(),
        wanted: vec![Process::Parent],
        rule_priority: 16_384,
    };
    for process in [Process::Parent, Process::Checkers, Process::Vrrp, Process::Bfd] {
        // The daemon has no process for what is not configured.
        if parser.is_over || !is_test && !parser.wanted.contains(&process) {
            continue;
        }
        parser.read(process, text, id, files);
    }
    (parser.config, parser.messages)
}

impl Parser {
    fn read(&mut self, process: Process, text: &str, id: &str, files: &mut dyn Files) {
        self.items = source::items(text, id, process != Process::Parent, files).into_iter();
        (self.process, self.depth, self.is_at_end) = (process, 0, false);
        if process == Process::Vrrp {
            // It reads them once more.
            self.config.track_files.clear();
        }
        self.stream(&mut top, false);
        self.is_at_end = true;
        if self.is_over {
            return;
        }
        match process {
            Process::Parent | Process::Bfd => {}
            Process::Checkers => check::complete(self, files),
            Process::Vrrp => {
                global::complete(self);
                vrrp::complete(self, files);
            }
        }
    }
}

/// The process whose keyword this is, if it is one that stands outside all blocks.
fn owner(keyword: &str) -> Option<&'static [Process]> {
    Some(match keyword {
        "child_wait_time"
        | "global_defs"
        | "instance"
        | "namespace_with_ipsets"
        | "net_namespace"
        | "net_namespace_ipvs"
        | "use_pid_dir" => &[Process::Parent],
        "SSL" | "virtual_server" | "virtual_server_group" => &[Process::Checkers],
        "garp_group"
        | "interface_up_down_delays"
        | "static_ipaddress"
        | "static_routes"
        | "static_rules"
        | "track_group"
        | "vrrp_instance"
        | "vrrp_script"
        | "vrrp_sync_group"
        | "vrrp_track_process" => &[Process::Vrrp],
        "track_file" | "vrrp_track_file" => &[Process::Checkers, Process::Vrrp],
        "bfd_instance" => &[Process::Checkers, Process::Vrrp, Process::Bfd],
        _ => return None,
    })
}

fn top(parser: &mut Parser, keyword: &str) -> bool {
    match owner(keyword) {
        None => false,
        Some(_) if keyword == "bfd_instance" && parser.process != Process::Parent => {
            bfd::instance(parser);
            true
        }
        Some(owners) if owners.contains(&parser.process) => {
            check::keyword(parser, keyword) || vrrp::keyword(parser, keyword) || global::keyword(parser, keyword)
        }
        Some(_) => {
            // The first process has to know which others are wanted.
            parser.wanted.extend(owner(keyword).into_iter().flatten());
            if parser.peeks_open() {
                parser.pass_over();
            }
            true
        }
    }
}

impl Parser {
    /// Who reads.
    pub const fn process(&self) -> Process {
        self.process
    }

    fn stream(&mut self, keyword: &mut dyn FnMut(&mut Parser, &str) -> bool, needs_open: bool) {
        let mut needs_open = needs_open;
        while let Some(line) = self.next() {
            self.here = line;
            let word = self.here.keyword().to_owned();
            if std::mem::take(&mut needs_open) {
                if word == "{" {
                    continue;
                }
                self.warn("Missing '{' at beginning of configuration block");
            } else if word == "{" {
                self.warn("Unexpected '{' - ignoring");
                continue;
            }
            if word == "}" && self.depth > 0 {
                return;
            }
            if !keyword(self, &word) && !self.is_over {
                self.warn(format!("Unknown keyword '{word}'"));
            }
        }
    }

    fn next(&mut self) -> Option<Line> {
        while !self.is_over {
            match self.items.next() {
                Some(Item::Line(line)) => return Some(line),
                Some(Item::Complaint(complaint)) => self.complain(complaint),
                None => break,
            }
        }
        self.is_at_end = true;
        None
    }

    fn complain(&mut self, complaint: Complaint) {
        let severity = match complaint.kind {
            Fault::Syntax => Severity::Warning,
            Fault::File => Severity::Remark,
            Fault::NeededFile => Severity::Security,
        };
        let (file, line) = complaint.place.map_or((None, None), |(file, line)| (file, Some(line)));
        self.messages.push(Message { file, line, column: 1, text: complaint.text, severity });
        self.is_over |= complaint.kind == Fault::NeededFile;
    }

    /// Reads the block that belongs to the line that is being read.
    pub fn inner(&mut self, mut keyword: impl FnMut(&mut Parser, &str) -> bool) {
        self.depth += 1;
        self.stream(&mut keyword, true);
        self.depth = self.depth.saturating_sub(1);
    }

    /// The lines of a block of plain values (alloc_value_block).
    pub fn values(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.each_value(|parser| lines.push(parser.here.clone()));
        lines
    }

    /// Does something at each line of a block of plain values.
    pub fn each_value(&mut self, mut read: impl FnMut(&mut Parser)) {
        if let Some(extra) = self.word(1) {
            let text = format!("Block {} has extra parameters {extra} ...", self.here.keyword());
            self.warn(text);
        }
        self.each_value_of_named(&mut read);
    }

    /// As [`Parser::each_value`], of a block that has a name.
    pub fn each_value_of_named(&mut self, mut read: impl FnMut(&mut Parser)) {
        let name = self.here.keyword().to_owned();
        let mut is_first = true;
        while let Some(line) = self.next() {
            self.here = line;
            let word = self.here.keyword();
            if std::mem::take(&mut is_first) {
                if word == "{" {
                    continue;
                }
                self.say(format!("'{{' missing from beginning of block {name}"), Severity::Log);
            }
            if self.here.keyword() == "}" {
                return;
            }
            read(self);
        }
    }

    /// Passes over the block of the line that is being read (skip_block).
    pub fn skip(&mut self) {
        if self.peeks_open() {
            self.pass_over();
        }
    }

    /// Counts braces until the block is closed.
    fn pass_over(&mut self) {
        let mut depth = 0_usize;
        while let Some(line) = self.next() {
            match line.keyword() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn peeks_open(&mut self) -> bool {
        let next = self.items.as_slice().iter().find_map(|item| match item {
            Item::Line(line) => Some(line),
            Item::Complaint(_) => None,
        });
        next.is_some_and(|line| line.keyword() == "{")
    }

    /// The line as a command: with both kinds of quotes, and escapes. None, and a message, if a quote is left open.
    pub fn command(&mut self) -> Option<Vec<String>> {
        match lexer::command(&self.here.text) {
            Ok(words) => Some(words),
            Err(quote) => {
                let text = format!("String '{}': missing terminating {quote}", self.here.text);
                self.warn(text);
                None
            }
        }
    }

    /// The priority of a rule that has none: each one less than the one before.
    pub fn next_rule_priority(&mut self) -> u32 {
        let priority = self.rule_priority;
        self.rule_priority = priority.saturating_sub(1);
        priority
    }

    /// Something is wrong with the line that is being read.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.say(text.into(), Severity::Warning);
    }

    /// As [`Parser::warn`], about another line.
    pub fn warn_at(&mut self, line: &Line, text: impl Into<String>) {
        let here = std::mem::replace(&mut self.here, line.clone());
        self.warn(text);
        self.here = here;
    }

    /// Notes that the keyword of this line means nothing to a simulated machine.
    pub fn without_effect(&mut self) {
        let (line, word) = (self.here.clone(), self.word(0).unwrap_or_default().to_owned());
        self.ignored(&line, &word);
    }

    /// Notes that a word of a line means nothing to a simulated machine.
    pub fn ignored(&mut self, line: &Line, word: &str) {
        let is_main = line.file.as_ref().is_none_or(|file| *file == self.main);
        self.config.without_effect.push((is_main.then_some(line.number), word.to_owned()));
    }

    /// Says something about the line that is being read.
    pub fn say(&mut self, text: String, severity: Severity) {
        if self.is_at_end {
            return self.say_at_the_end(text, severity);
        }
        if !self.is_over {
            let column = self.here.words.first().map_or(1, |(_, column)| *column);
            let (file, line) = (self.here.file.clone(), Some(self.here.number));
            self.messages.push(Message { file, line, column, text, severity });
        }
    }

    /// A parameter is missing: nothing goes on.
    pub(super) fn missing(&mut self, text: String) {
        self.say(text, Severity::Missing);
        self.is_over = true;
    }

    /// keepalived 2.2.7 does not survive this line.
    pub fn crash(&mut self) {
        self.say("keepalived 2.2.7 follows a pointer to nowhere here".to_owned(), Severity::Crash);
        self.is_over = true;
    }

    /// What is said when the whole file has been read.
    pub fn warn_at_the_end(&mut self, text: impl Into<String>) {
        self.say_at_the_end(text.into(), Severity::Warning);
    }

    /// As [`Parser::warn_at_the_end`], for what keeps keepalived from starting.
    pub fn fatal_at_the_end(&mut self, text: impl Into<String>) {
        self.say_at_the_end(text.into(), Severity::Fatal);
    }

    /// What is said about scripts that anybody may change.
    pub fn security(&mut self, text: impl Into<String>) {
        self.say_at_the_end(text.into(), Severity::Security);
    }

    pub(super) fn say_at_the_end(&mut self, text: String, severity: Severity) {
        if !self.is_over {
            self.messages.push(Message { file: None, line: None, column: 1, text, severity });
        }
    }
}
