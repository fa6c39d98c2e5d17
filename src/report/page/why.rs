//! What was decided about each frame.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::frames::Run;
use super::strings::Strings;
use crate::ids::FrameId;
use crate::trace::journey::json::{CommandLine, LegLine, PhaseLine, VisitLine};
use crate::trace::journey::text::Teller;

/// Why all frames were sent, and what became of them.
#[derive(Default, Serialize)]
pub(super) struct Why {
    texts: Vec<String>,
    /// Decisions: stage, what, the kernel's name for the drop, what it rests on; -1 where there is none.
    phases: Vec<[i64; 4]>,
    /// By the frames' places.
    legs: Vec<Option<LegData>>,
}

/// A frame, as a list.
#[derive(Serialize)]
struct LegData(
    /// The first of the packet's frames: all that have the same are one journey.
    usize,
    /// Who has made it, or -1.
    i64,
    /// The number of the frame that has led to it.
    Option<u64>,
    /// The number of the frame that it was needed for.
    Option<u64>,
    /// What its maker has decided.
    Vec<usize>,
    /// Where it came to.
    Vec<VisitData>,
);

/// A machine that a frame came to, or the place of its loss, as a list.
#[derive(Serialize)]
struct VisitData(
    /// Who.
    i64,
    /// By which interface, or -1.
    i64,
    /// Nanoseconds from time zero.
    i64,
    /// How it ended.
    i64,
    /// Why it was lost, or -1.
    i64,
    /// What was decided.
    Vec<usize>,
    /// The numbers of the frames that it was passed on as.
    Vec<u64>,
    /// The numbers of the frames that it has led to.
    Vec<u64>,
);

/// Decisions that occur often, kept once.
#[derive(Default)]
struct Phases {
    texts: Strings,
    numbers: FxHashMap<[i64; 4], usize>,
    all: Vec<[i64; 4]>,
}

impl Why {
    /// Asks about all frames of a run.
    pub fn of(teller: &Teller<'_>, run: &Run) -> Why {
        let places = run.places();
        let mut legs: Vec<Option<LegData>> = places.iter().map(|_| None).collect();
        let mut phases = Phases::default();
        for (&id, &place) in places {
            if legs[place].is_some() {
                continue;
            }
            let Some(journey) = teller.journeys.journey(id) else { continue };
            for leg in teller.json(&journey).legs {
                if let Some(&at) = places.get(&FrameId::new(leg.frame)) {
                    legs[at] = Some(phases.leg(&leg, place));
                }
            }
        }
        let cast = &teller.journeys.trace().cast;
        let texts = phases.texts.finish().iter().map(|text| cast.with_owners(text)).collect();
        Why { texts, phases: phases.all, legs }
    }
}

impl Phases {
    fn leg(&mut self, leg: &LegLine<'_>, journey: usize) -> LegData {
        let maker = leg.made_by.map(|maker| {
            let text = match &leg.command {
                Some(command) => command_text(maker, command),
                None => maker.to_owned(),
            };
            self.text(&text)
        });
        LegData(
            journey,
            maker.unwrap_or(-1),
            leg.because_of,
            leg.for_sake_of,
            leg.phases.iter().map(|phase| self.phase(phase)).collect(),
            leg.visits.iter().map(|visit| self.visit(visit)).collect(),
        )
    }

    fn visit(&mut self, visit: &VisitLine<'_>) -> VisitData {
        VisitData(
            self.text(visit.node),
            visit.interface.map_or(-1, |name| self.text(name)),
            visit.at,
            self.text(visit.end),
            visit.loss.as_ref().map_or(-1, |loss| self.text(loss)),
            visit.phases.iter().map(|phase| self.phase(phase)).collect(),
            visit.passed_on.clone(),
            visit.led_to.clone(),
        )
    }

    fn phase(&mut self, phase: &PhaseLine<'_>) -> usize {
        let basis = match (&phase.set_by, &phase.default) {
            (Some(command), _) => self.text(&command_text("", command)),
            (None, Some(name)) => self.text(&format!("nobody has set {name}: its default")),
            (None, None) => -1,
        };
        let drop = phase.drop.map_or(-1, |name| self.text(name));
        let key = [self.text(phase.stage), self.text(&phase.text), drop, basis];
        let next = self.all.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.all.push(key);
        }
        number
    }

    fn text(&mut self, text: &str) -> i64 {
        self.texts.number(text).into()
    }
}

/// A command, with its place and the program's name where that is another.
fn command_text(maker: &str, command: &CommandLine<'_>) -> String {
    let is_known = maker.is_empty() || maker == "bash" || command.line.split_whitespace().any(|word| word == maker);
    let who = if is_known { String::new() } else { format!("{maker}, started by ") };
    match &command.place {
        Some(place) => format!("{place}: {who}$ {}", command.line),
        None => format!("{who}$ {}", command.line),
    }
}
