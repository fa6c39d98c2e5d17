//! The frames of a run and its story, in columns: a list for each kind of fact, all in the same order.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write;

use serde::Serialize;

use super::strings::Strings;
use crate::ids::FrameId;
use crate::reason::{Drop, IpDrop};
use crate::report::ladder::Ladder;
use crate::sim::Station;
use crate::topo::Network;
use crate::trace::filter::Filter;
use crate::trace::journey::{End, Journeys, Place, Visit};
use crate::trace::{Kind, Line, Teller};
use crate::wire::Frame;
use crate::wire::layers::{self, Form, Layer, layers};

/// Of what is no header, only so many bytes are shown.
const DATA_SHOWN: usize = 64;
/// What stands for "none" among numbers.
const NONE: i64 = -1;

/// A run from its time zero on.
#[derive(Serialize)]
pub(super) struct Run {
    /// The machines from left to right, by their numbers.
    lanes: Vec<u32>,
    frames: Frames,
    rows: Rows,
    /// The kinds of headers.
    kinds: Vec<KindLine>,
    /// Which headers frames have: each a list of kind, first byte, and length.
    layouts: Vec<Vec<(usize, usize, usize)>>,
    #[serde(skip)]
    places: BTreeMap<FrameId, usize>,
}

/// The frames, in the order in which they were sent.
#[derive(Default, Serialize)]
struct Frames {
    id: Vec<u64>,
    /// Nanoseconds from time zero.
    at: Vec<i64>,
    node: Vec<u32>,
    port: Vec<u32>,
    /// The place of the frame that it was made from, or -1.
    parent: Vec<i64>,
    label: Vec<u32>,
    /// What the sender has changed, or -1.
    changes: Vec<i64>,
    is_broadcast: Vec<u8>,
    length: Vec<usize>,
    /// The first of its bytes, in hexadecimal digits.
    bytes: Vec<String>,
    layout: Vec<usize>,
    /// Where it came to.
    visits: Vec<Vec<Visited>>,
}

/// Node or -1, port or -1, nanoseconds after the frame was sent, how it ended there, and why or -1.
type Visited = (i64, i64, i64, usize, i64);

/// The story.
#[derive(Default, Serialize)]
struct Rows {
    at: Vec<i64>,
    /// The place of its frame, or -1.
    frame: Vec<i64>,
    /// 0: a frame; else see [`kind`].
    kind: Vec<u8>,
    node: Vec<i64>,
    text: Vec<i64>,
}

#[derive(Serialize)]
struct KindLine {
    name: &'static str,
    /// Name, first byte, bytes, shift, bits, form.
    fields: Vec<(&'static str, usize, usize, u32, u32, FormLine)>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FormLine {
    Plain(&'static str),
    Flags(&'static [&'static str]),
}

/// What the ends are called in the data, by [`end`].
fn end(end: &End<'_>) -> usize {
    match end {
        End::Taken(_) => 0,
        End::PassedOn(_) => 1,
        // Everybody hears what is sent to a group; who has not joined it is not concerned.
        End::Dropped(Drop::Ip(IpDrop::NotJoined { .. })) => 4,
        End::Dropped(_) => 2,
        End::Lost(_) => 3,
        End::OtherMachine => 4,
        End::Waiting(_) | End::Unknown => 5,
    }
}

/// What kinds of lines are called in the data; none if they are no rows of their own.
fn kind(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Zero | Kind::Status | Kind::End => None,
        Kind::Frame => Some(0),
        Kind::Command => Some(1),
        Kind::Output => Some(2),
        Kind::Complaint => Some(3),
        Kind::Decision => Some(4),
    }
}

/// A visit, so many nanoseconds after its frame was sent.
fn visited(visit: &Visit<'_>, delay: i64, texts: &mut Strings) -> Visited {
    let (node, port) = match visit.place {
        Place::Node(node, port) => (i64::from(node.0), i64::from(port.0)),
        Place::Lost(hop, _) => match hop.to.map(|end| (end.station, end.port)) {
            Some((Station::Node(node), port)) => (i64::from(node.0), port.0.into()),
            _ => (NONE, NONE),
        },
    };
    let why = match &visit.end {
        End::Dropped(drop) => texts.number(&drop.to_string()).into(),
        End::Lost(loss) => texts.number(&format!("lost: {loss}")).into(),
        _ => NONE,
    };
    (node, port, delay, end(&visit.end), why)
}

impl Run {
    /// Reads a run.
    pub fn of(network: &Network, journeys: &Journeys<'_>, texts: &mut Strings) -> Run {
        let trace = journeys.trace();
        let ladder = Ladder::of(network, trace, &Filter::all());
        let mut run = Run {
            lanes: ladder.columns.iter().map(|column| column.node.0).collect(),
            frames: Frames::default(),
            rows: Rows::default(),
            kinds: layers::Kind::ALL.into_iter().map(kind_line).collect(),
            layouts: Vec::new(),
            places: BTreeMap::new(),
        };
        let mut layouts = BTreeMap::new();
        for rung in ladder.rungs.iter().filter(|rung| rung.at >= 0) {
            let Some(sent) = journeys.frame(rung.id) else { continue };
            run.places.insert(rung.id, run.frames.id.len());
            let frames = &mut run.frames;
            frames.id.push(rung.id.number());
            frames.at.push(nanos(rung.at));
            frames.node.push(sent.node.0);
            frames.port.push(sent.port.0);
            let parent = sent.cause.filter(|_| sent.made.is_none()).and_then(|cause| run.places.get(&cause));
            frames.parent.push(parent.map_or(NONE, |&place| index(place)));
            frames.label.push(texts.number(&rung.label));
            frames.changes.push(rung.changes.as_ref().map_or(NONE, |changes| texts.number(changes).into()));
            frames.is_broadcast.push(rung.is_broadcast.into());
            let frame = journeys.trace().frames.of(rung.id);
            frames.length.push(frame.bytes().len());
            let found = layers(&frame);
            frames.bytes.push(digits(&frame, &found));
            let layout: Vec<_> = found.iter().map(|layer| (layer.kind as usize, layer.at, layer.len)).collect();
            let next = layouts.len();
            let number = *layouts.entry(layout.clone()).or_insert(next);
            if number == next {
                run.layouts.push(layout);
            }
            frames.layout.push(number);
            let visits = journeys.visits(rung.id);
            let visited = |visit: &Visit<'_>| visited(visit, nanos(trace.relative(visit.at) - rung.at), texts);
            frames.visits.push(visits.iter().map(visited).collect());
        }
        run.tell(journeys, texts);
        run
    }

    /// The frames' numbers and places.
    pub fn places(&self) -> &BTreeMap<FrameId, usize> {
        &self.places
    }

    /// The rows of the story.
    fn tell(&mut self, journeys: &Journeys<'_>, texts: &mut Strings) {
        let trace = journeys.trace();
        let mut teller = Teller::new(Filter::all(), true);
        let nodes: BTreeMap<_, _> = (0..).zip(&trace.cast.nodes).map(|(node, it)| (it.name.as_str(), node)).collect();
        let mut add = |line: Line| {
            let Some(kind) = kind(line.kind).filter(|_| line.at >= trace.zero) else { return Ok(()) };
            let place = line.about.and_then(|id| self.places.get(&id)).map_or(NONE, |&place| index(place));
            if kind == 0 && place == NONE {
                return Ok(());
            }
            self.rows.at.push(nanos(trace.relative(line.at)));
            self.rows.frame.push(place);
            self.rows.kind.push(kind);
            self.rows.node.push(nodes.get(line.who.as_str()).copied().unwrap_or(NONE));
            let text = line.what.trim_start_matches("· ").trim_start_matches("| ");
            self.rows.text.push(if kind == 0 { NONE } else { texts.number(text).into() });
            Ok::<_, Infallible>(())
        };
        let Ok(()) = teller.tell(trace, &mut add);
        let Ok(()) = teller.finish(trace, &mut add);
    }
}

fn kind_line(kind: layers::Kind) -> KindLine {
    let field = |field: &layers::Field| {
        let form = match field.form {
            Form::Number => FormLine::Plain("number"),
            Form::Words => FormLine::Plain("words"),
            Form::Hex => FormLine::Plain("hex"),
            Form::Mac => FormLine::Plain("mac"),
            Form::Address => FormLine::Plain("address"),
            Form::Text => FormLine::Plain("text"),
            Form::Flags(names) => FormLine::Flags(names),
        };
        (field.name, field.at, field.len, field.shift, field.bits, form)
    };
    KindLine { name: kind.name(), fields: kind.fields().iter().map(field).collect() }
}

/// All headers of a frame, and the beginning of the rest.
fn digits(frame: &Frame, layers: &[Layer]) -> String {
    let bytes = frame.bytes();
    let shown = match layers.last() {
        Some(last) if last.kind == layers::Kind::Data => last.at + last.len.min(DATA_SHOWN),
        _ => bytes.len(),
    };
    let mut digits = String::with_capacity(2 * shown);
    for byte in &bytes[..shown] {
        write!(digits, "{byte:02x}").expect("writing to a string cannot fail");
    }
    digits
}

fn nanos(span: i128) -> i64 {
    i64::try_from(span).unwrap_or(i64::MAX)
}

fn index(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}
