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
}

impl Keepalived {
    /// Does it; the exit status.
    pub fn execute(self) -> u8 {
        let Command::Check(check) = self.command;
        check.execute()
    }
}

/// The configuration's neighbours, which it may include.
struct Beside<'a>(&'a Path);

impl conf::Files for Beside<'_> {
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        let path = self.0.join(pattern);
        files::read(&path).map(|text| vec![(path.display().to_string(), text)]).unwrap_or_default()
    }
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
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let (config, messages) = conf::parse(&text, &self.id, &mut Beside(folder));
        let path = self.file.display().to_string();
        for message in &messages {
            anstream::eprintln!("{}\n", render(&path, &text, message));
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
    let level = if message.severity == conf::Severity::Warning { Level::WARNING } else { Level::ERROR };
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    let title = level.primary_title(message.text.as_str());
    let place = message.line.filter(|_| message.file.is_none()).and_then(|line| place(text, line, message.column));
    let Some(place) = place else { return renderer.render(&[annotate_snippets::Group::with_title(title)]) };
    let word = &text[place.clone()];
    let hint = nearest(word, conf::KEYWORDS.iter().copied()).filter(|near| *near != word);
    let hint = hint.filter(|_| message.text.starts_with("Unknown keyword")).map(|near| format!("did you mean {near}?"));
    let group = title.element(Snippet::source(text).path(path).annotation(AnnotationKind::Primary.span(place)));
    let group = match &hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    };
    renderer.render(&[group])
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
