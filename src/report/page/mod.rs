//! A run as one page for a browser: no network, nothing to install.
//!
//! [`Page::html`] writes the text; what moves is drawn by the scripts in `script/` from a block of data: `frames`, `map`
//! and `known` are its parts. What was decided about frames (`why`) is a block of its own, which is read only when
//! somebody asks. Texts are kept once, and named by their number.

mod frames;
mod html;
mod known;
mod map;
mod strings;
mod why;

use serde::Serialize;

use crate::time::Span;
use crate::topo::Network;
use crate::trace::Trace;
use crate::trace::journey::{Command, Journeys, text};

pub use known::{Known, State};

/// What a page shows.
pub struct Page<'a> {
    /// What the scenario is called.
    pub title: &'a str,
    /// What it shows, in its own words: paragraphs.
    pub about: Vec<String>,
    /// Its file's name and text.
    pub source: (&'a str, &'a str),
    /// Its network.
    pub network: &'a Network,
    /// Its records.
    pub trace: &'a Trace,
    /// How long it was.
    pub length: Span,
    /// What was expected of it.
    pub verdicts: Vec<Verdict<'a>>,
    /// What is wrong with the cluster.
    pub findings: Vec<Finding<'a>>,
    /// What the machines knew.
    pub known: Vec<Known>,
    /// Where in the scenario's file a command stands.
    pub place: &'a dyn Fn(&Command<'_>) -> Option<String>,
}

/// Whether an expectation came true.
pub struct Verdict<'a> {
    /// Whether it did.
    pub held: bool,
    /// What it shows.
    pub say: &'a str,
    /// What was expected.
    pub expected: &'a str,
    /// What was there instead.
    pub found: &'a str,
}

/// Something that is wrong with the cluster.
pub struct Finding<'a> {
    /// What.
    pub what: &'a str,
    /// What shows it: a frame's number, if it was one, and words.
    pub evidence: Vec<(Option<u64>, String)>,
    /// The command that it comes from.
    pub cause: Option<String>,
    /// The commands that mend it.
    pub fix: Vec<String>,
    /// What to read about it.
    pub read: &'a str,
}

/// What the scripts draw from.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    /// Nanoseconds.
    length: u64,
    texts: Vec<String>,
    map: map::Map,
    run: frames::Run,
    known: Vec<known::KnownLine>,
}

impl Page<'_> {
    /// The page.
    pub fn html(&self) -> String {
        let mut texts = strings::Strings::default();
        let journeys = Journeys::of(self.trace);
        let run = frames::Run::of(self.network, &journeys, &mut texts);
        let teller = text::Teller { journeys: &journeys, place: self.place, colours: false };
        let why = why::Why::of(&teller, &run);
        let known = known::lines(&self.known, &mut texts);
        let (map, drawing) = map::Map::of(self.network, &self.trace.cast);
        let data = Data { title: self.title, length: self.length.as_nanos(), map, run, known, texts: texts.finish() };
        html::page(self, &drawing, &json(&data), &json(&why))
    }
}

/// Data as it may stand in a page: nothing in it ends the element that it stands in.
fn json(data: &impl Serialize) -> String {
    let text = serde_json::to_string(data).expect("numbers and texts can be written");
    text.replace("</", "<\\/").replace("<!--", "<\\u0021--")
}

#[cfg(test)]
mod tests;
