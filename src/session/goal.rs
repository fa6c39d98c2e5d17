//! What a run is to go on until.

use std::fmt;

use super::Session;
use crate::reason::{Console, Note};
use crate::scenario::parse_time;
use crate::time::Span;
use crate::trace::filter::{BadFilter, Filter};
use crate::trace::{Event, Index, Trace};

/// What a run is to go on until.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// The so manieth event in which a frame is sent or lost.
    Frames(u64),
    /// The so manieth event of which there is anything to tell.
    Events(u64),
    /// This time, from the scenario's zero.
    Time(Span),
    /// A frame or a decision that the filter chooses.
    Seen(Filter),
    /// A command's output, a log's line or a decision with this text in it.
    Said(String),
    /// No command is at work in the foreground.
    Done,
    /// The end of the scenario.
    End,
}

/// Why a text is no goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadGoal {
    /// It looks like a time.
    Time(String),
    /// It is not a filter.
    Filter(BadFilter),
    /// `says` without a text.
    Speechless,
}

impl fmt::Display for BadGoal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadGoal::Time(text) => write!(f, "`{text}` is not a time: a number and a unit, like 1.5s or 200ms"),
            BadGoal::Filter(error) => error.fmt(f),
            BadGoal::Speechless => write!(f, "`says` what? a text must follow, like `until says MASTER`"),
        }
    }
}

impl std::error::Error for BadGoal {}

impl Goal {
    /// Reads what comes behind `until`: a time (`1.5s`; `+200ms` from `now` on), `done`, `end`, `drop`, `says TEXT`, or a
    /// filter.
    ///
    /// # Errors
    ///
    /// If the text is nothing of this kind.
    pub fn parse(text: &str, now: Span) -> Result<Goal, BadGoal> {
        let text = text.trim();
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '+') {
            let time = match text.strip_prefix('+') {
                Some(ahead) => parse_time(ahead).map(|span| now + span),
                None => parse_time(text),
            };
            return time.map(Goal::Time).ok_or_else(|| BadGoal::Time(text.to_owned()));
        }
        match text.split_once(char::is_whitespace).unwrap_or((text, "")) {
            ("" | "end", "") => Ok(Goal::End),
            ("done", "") => Ok(Goal::Done),
            ("drop", "") => Ok(Goal::Seen(Filter::Test(crate::trace::filter::Test::Dropped))),
            ("says", "") => Err(BadGoal::Speechless),
            ("says", words) => Ok(Goal::Said(words.trim().to_owned())),
            _ => Filter::parse(text).map(Goal::Seen).map_err(BadGoal::Filter),
        }
    }

    /// Whether it needs no further event.
    pub(super) fn is_done(&self, session: &Session) -> bool {
        matches!(self, Goal::Done) && !session.is_busy()
    }

    /// Whether an event that has left the records from `from` on is what was wanted, or the last of them.
    pub(super) fn is_met(&mut self, trace: &Trace, from: usize) -> bool {
        let mut news = trace.records_from(from);
        match self {
            Goal::Frames(count) => {
                *count = count.saturating_sub(u64::from(news.any(|record| record.event.is_sent_or_lost())));
                *count == 0
            }
            Goal::Events(count) => {
                *count = count.saturating_sub(1);
                *count == 0
            }
            Goal::Seen(filter) => {
                let index = Index::since(trace, from);
                let is_console = |event: &Event<'_>| matches!(event, Event::Note { note: Note::Console(_), .. });
                news.any(|record| !is_console(&record.event) && index.chooses(filter, &record))
            }
            Goal::Said(words) => news.any(|record| match record.event {
                Event::Note { note: Note::Console(Console::Printed { text, .. }), .. } => text.contains(&*words),
                Event::Note { note: Note::Console(Console::Typed { .. }), .. } => false,
                Event::Note { note, .. } => note.to_string().contains(&*words),
                _ => false,
            }),
            Goal::Time(_) | Goal::Done | Goal::End => false,
        }
    }
}
