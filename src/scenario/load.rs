//! From the text of a scenario file to a plan, or to all that is wrong with it.

use std::ops::Range;

use ron::error::{Error, Position, SpannedError};
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use super::check::check;
use super::diagnostic::{Diagnostic, nearest};
use super::parameters::{Parameters, Settings, fill};
use super::plan::Plan;
use super::schema::Scenario;
use super::tree::Tree;

/// Reads a scenario.
///
/// # Errors
///
/// All that is wrong with it: the first place that is not RON or not of the right type, or else everything that makes
/// no sense, in the file's order.
pub fn load(text: &str) -> Result<Plan, Vec<Diagnostic>> {
    let parameters = Parameters::of(text).map_err(|diagnostic| vec![diagnostic])?;
    if parameters.is_empty() {
        return read(text);
    }
    load_with(text, &parameters.usual())
}

/// Reads a scenario whose parameters are chosen.
///
/// # Errors
///
/// As [`load`].
pub fn load_with(text: &str, settings: &Settings) -> Result<Plan, Vec<Diagnostic>> {
    let filled = fill(text, settings);
    read(&filled.text).map_err(|diagnostics| {
        let original = |it: Diagnostic| Diagnostic {
            at: filled.original(it.at),
            other: it.other.map(|other| Box::new((filled.original(other.0), other.1))),
            ..it
        };
        diagnostics.into_iter().map(original).collect()
    })
}

fn read(text: &str) -> Result<Plan, Vec<Diagnostic>> {
    let scenario = parse(text).map_err(|diagnostic| vec![diagnostic])?;
    check(&scenario).map_err(|problems| {
        let tree = Tree::of(text);
        let mut diagnostics: Vec<_> = problems.into_iter().map(|problem| problem.locate(&tree, text)).collect();
        diagnostics.sort_by_key(|diagnostic| diagnostic.at.start);
        diagnostics
    })
}

/// What is written in a file that is RON of the right types: this, a scenario, or part of one.
///
/// # Errors
///
/// The first place that is not RON or not of the right type.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Diagnostic> {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    options.from_str(text).map_err(|error| explain(&error, text))
}

/// The plan of a scenario that was put together in memory.
///
/// # Errors
///
/// Everything in it that makes no sense.
pub fn resolve(scenario: &Scenario) -> Result<Plan, Vec<String>> {
    check(scenario).map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
}

/// What ron could not read.
pub(super) fn explain(error: &SpannedError, text: &str) -> Diagnostic {
    let at = range(text, error.span.start, error.span.end);
    let (message, hint) = match &error.code {
        Error::NoSuchStructField { expected, found, outer } => {
            let of = outer.as_ref().map_or(String::new(), |outer| format!(" of {outer}"));
            (format!("unknown field `{found}`{of}"), Some(did_you_mean(found, expected)))
        }
        Error::NoSuchEnumVariant { expected, found, .. } => {
            (format!("unknown kind `{found}`"), Some(did_you_mean(found, expected)))
        }
        Error::MissingStructField { field, outer } => {
            let of = outer.as_ref().map_or(String::new(), |outer| format!(" of {outer}"));
            (format!("the field `{field}`{of} is missing"), None)
        }
        Error::DuplicateStructField { field, .. } => (format!("the field `{field}` stands here twice"), None),
        Error::ExpectedString => ("a text in double quotes is expected".to_owned(), quote(&text[at.start..])),
        code => (lower(&code.to_string()), None),
    };
    Diagnostic { message, at, label: String::new(), other: None, hint }
}

fn did_you_mean(found: &str, expected: &[&str]) -> String {
    let known = expected.join(", ");
    match nearest(found, expected.iter().copied()) {
        Some(name) => format!("did you mean `{name}`? known here: {known}"),
        None => format!("known here: {known}"),
    }
}

/// How a number that stands where a text is expected should be written.
fn quote(text: &str) -> Option<String> {
    let number = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().filter(|number| !number.is_empty())?;
    Some(format!("write \"{number}\", and a unit if it is a time, like \"{number}s\""))
}

/// The first letter in lower case, as our other messages have it.
fn lower(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// Bytes between two positions; ron counts lines and characters, both from 1.
fn range(text: &str, start: Position, end: Position) -> Range<usize> {
    let offset = |position: Position| {
        let line: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
        let column = position.col.saturating_sub(1);
        let rest = &text[line.min(text.len())..];
        line + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    };
    let (start, end) = (offset(start), offset(end));
    // ron's span takes in the white space before what it is about.
    let span = &text[start.min(end)..end];
    let start = end - span.trim_start().len();
    start..end
}
