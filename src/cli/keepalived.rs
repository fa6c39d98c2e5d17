//! `lvslab keepalived`: what a keepalived.conf says.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{files, output};
use crate::keepalived::{advice, conf};
use crate::scenario::nearest;

/// keepalived by itself, without a machine around it.
#[derive(clap::Args)]
pub struct Keepalived {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Reads a configuration: what keepalived 2.2.7 says about it, what it will do, and what is likely to bite.
    ///
    /// The exit status is that of `keepalived -t`: 0 if it has nothing to say, 2 if a parameter is missing, 4 if it does
    /// not start, 5 for warnings, 6 for scripts that anybody may change.
    Check(Check),
}

#[derive(clap::Args)]
struct Check {
    /// The configuration.
    file: PathBuf,
    /// Which machine it is for, where lines begin with @MACHINE.
    #[arg(long, default_value = "director")]
    id: String,
    /// Prints what `keepalived -t` prints, and nothing else.
    #[arg(long)]
    raw: bool,
}

impl Keepalived {
    /// Does it; the exit status.
    pub fn execute(self) -> u8 {
        let Command::Check(check) = self.command;
        check.execute()
    }
}

/// The configuration's neighbours, which it may include.
struct Beside<'a> {
    name: &'a str,
}

impl Beside<'_> {
    fn folder(&self) -> &str {
        self.name.rfind('/').map_or("", |at| &self.name[..=at])
    }
}

impl conf::Files for Beside<'_> {
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        let folder = if pattern.starts_with('/') { "" } else { self.folder() };
        let mut found = Vec::new();
        for path in alternatives(pattern).iter().flat_map(|one| matching(&format!("{folder}{one}"))) {
            if let Ok(text) = files::read(Path::new(&path)) {
                found.push((path.strip_prefix(folder).unwrap_or(&path).to_owned(), text));
            }
        }
        found
    }

    fn is_program(&mut self, path: &str) -> bool {
        let is_file = |path: &Path| std::fs::metadata(path).is_ok_and(|about| about.is_file());
        let path_variable = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = std::env::split_paths(&path_variable);
        is_file(Path::new(path)) || !path.contains('/') && folders.any(|folder| is_file(&folder.join(path)))
    }

    fn name(&self) -> &str {
        self.name
    }

    fn is_test(&self) -> bool {
        true
    }
}

/// `a{b,c}` stands for `ab` and `ac`.
fn alternatives(pattern: &str) -> Vec<String> {
    let parts = pattern.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (choices, after))) = parts else { return vec![pattern.to_owned()] };
    choices.split(',').flat_map(|choice| alternatives(&format!("{before}{choice}{after}"))).collect()
}

/// The files that a pattern names, in order.
fn matching(pattern: &str) -> Vec<String> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for base in found {
            let joined = |name: &str| {
                if base.is_empty() || base.ends_with('/') { format!("{base}{name}") } else { format!("{base}/{name}") }
            };
            if !part.contains(['*', '?', '[']) {
                next.push(joined(part));
                continue;
            }
            let folder = if base.is_empty() { "." } else { &base };
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let mut names: Vec<String> = names.filter(|name| is_match(part, name)).collect();
            names.sort();
            next.extend(names.iter().map(|name| joined(name)));
        }
        found = next;
    }
    found.retain(|path| Path::new(path).is_file());
    found
}

/// fnmatch for one part of a path; a dot at the beginning has to be asked for.
fn is_match(pattern: &str, name: &str) -> bool {
    let mut text = String::from("(?s)^");
    for c in pattern.chars() {
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '[' | ']' | '-' => text.push(c),
            '!' => text.push('^'),
            _ => text.push_str(&regex_lite::escape(&c.to_string())),
        }
    }
    text.push('$');
    (pattern.starts_with('.') || !name.starts_with('.'))
        && regex_lite::Regex::new(&text).is_ok_and(|pattern| pattern.is_match(name))
}

impl Check {
    fn execute(self) -> u8 {
        let text = match files::read(&self.file) {
            Ok(text) => text,
            Err(error) => {
                anstream::eprintln!("lvslab: {error}");
                return super::Status::Wrong as u8;
            }
        };
        let name = self.file.display().to_string();
        let (config, messages) = conf::parse(&text, &self.id, &mut Beside { name: &name });
        if self.raw {
            let is_heard =
                |message: &&conf::Message| !matches!(message.severity, conf::Severity::Log | conf::Severity::Crash);
            for message in messages.iter().filter(is_heard) {
                anstream::eprintln!("{message}");
            }
            return conf::status(&messages) as u8;
        }
        // Each of keepalived's processes says what it sees.
        let mut said = Vec::new();
        for message in &messages {
            let what = (message.line, message.file.as_ref().filter(|file| **file != name), &message.text);
            if !said.contains(&what) {
                said.push(what);
                anstream::eprintln!("{}\n", render(&name, &text, message));
            }
        }
        let printed = output::print(|out| {
            for line in advice::explain(&config) {
                writeln!(out, "{line}")?;
            }
            for line in advice::advise(&config) {
                writeln!(out, "note: {line}")?;
            }
            Ok(())
        });
        match printed {
            Ok(()) => conf::status(&messages) as u8,
            Err(_) => super::Status::Stopped as u8,
        }
    }
}

fn render(path: &str, text: &str, message: &conf::Message) -> String {
    let level = match message.severity {
        conf::Severity::Log | conf::Severity::Remark => Level::NOTE,
        conf::Severity::Warning => Level::WARNING,
        _ => Level::ERROR,
    };
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    let title = level.primary_title(message.text.as_str());
    let is_here = message.file.as_deref().is_none_or(|file| file == path);
    let place = message.line.filter(|_| is_here).and_then(|line| place(text, line, message.column));
    let Some(place) = place else { return renderer.render(&[annotate_snippets::Group::with_title(title)]) };
    let word = &text[place.clone()];
    let hint = hint(&message.text, word);
    let group = title.element(Snippet::source(text).path(path).annotation(AnnotationKind::Primary.span(place)));
    let group = match &hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    };
    renderer.render(&[group])
}

/// What was meant, or where the keyword has gone.
fn hint(said: &str, word: &str) -> Option<String> {
    if !said.starts_with("Unknown keyword") {
        return None;
    }
    let known = conf::LEGACY.iter().find(|(old, _)| *old == word).map(|(_, hint)| (*hint).to_owned());
    let near = || nearest(word, conf::KEYWORDS.iter().copied()).filter(|near| *near != word);
    known.or_else(|| near().map(|near| format!("did you mean {near}?"))).or_else(|| {
        conf::KEYWORDS
            .contains(&word)
            .then(|| format!("{word} belongs into another block, or a brace is missing before"))
    })
}

/// The bytes of the word that begins at a line and column, both counted from 1.
fn place(text: &str, line: usize, column: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let from = content.get(column.checked_sub(1)?..)?;
            let from = &from[from.len() - from.trim_start().len()..];
            let word = from.split_whitespace().next()?;
            let at = start + content.len() - from.len();
            return Some(at..at + word.len());
        }
        start += content.len();
    }
    None
}
