//! A journey as JSON, for programs.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::text::Teller;
use super::{Author, Basis, Belief, End, Holder, Journey, Leg, Phase, Place, Source, Visit};
use crate::reason::Note;
use crate::time::Time;
use crate::trace::Trace;
use crate::wire::describe::describe;

/// A packet's journey.
#[derive(Serialize)]
pub struct JourneyLine<'a> {
    /// The number of the frame that was asked for.
    pub frame: u64,
    /// Its frames, from the machine that has made the packet on.
    pub legs: Vec<LegLine<'a>>,
}

/// A frame of it.
#[derive(Serialize)]
pub struct LegLine<'a> {
    /// Its number.
    pub frame: u64,
    /// When it was sent: nanoseconds from the scenario's time zero.
    pub at: i64,
    /// By whom.
    pub node: &'a str,
    /// By which interface.
    pub interface: &'a str,
    /// What tcpdump would say of it.
    pub summary: String,
    /// The number of the frame that it was made from; none if the node has made the packet.
    pub passed_from: Option<u64>,
    /// Who has made it: `kernel`, `timer`, or a program's name; none if it was passed on.
    pub made_by: Option<&'a str>,
    /// The command line that the program belongs to.
    pub command: Option<CommandLine<'a>>,
    /// The number of the frame that has led to it.
    pub because_of: Option<u64>,
    /// The number of the frame that it was needed for.
    pub for_sake_of: Option<u64>,
    /// What its maker has decided.
    pub phases: Vec<PhaseLine<'a>>,
    /// Where it came to.
    pub visits: Vec<VisitLine<'a>>,
}

/// A command line.
#[derive(Serialize)]
pub struct CommandLine<'a> {
    /// What was typed.
    pub line: &'a str,
    /// Where it stands, like `dr.ron:23`.
    pub place: Option<String>,
}

/// A decision.
#[derive(Serialize)]
pub struct PhaseLine<'a> {
    /// When.
    pub at: i64,
    /// Where.
    pub node: &'a str,
    /// Which part of the machine has decided.
    pub stage: &'static str,
    /// What, and why, in words.
    pub text: String,
    /// What the kernel calls the reason, if the packet ends by it.
    pub drop: Option<&'static str>,
    /// The command that it can be traced back to.
    pub set_by: Option<CommandLine<'a>>,
    /// The setting that nobody has changed.
    pub default: Option<String>,
}

/// A machine, or the place of a loss.
#[derive(Serialize)]
pub struct VisitLine<'a> {
    /// When.
    pub at: i64,
    /// The node or switch.
    pub node: &'a str,
    /// The interface; none for a loss.
    pub interface: Option<&'a str>,
    /// What was decided.
    pub phases: Vec<PhaseLine<'a>>,
    /// `passed-on`, `taken`, `dropped`, `other-machine`, `lost`, `waiting`.
    pub end: &'static str,
    /// Why it was lost.
    pub loss: Option<String>,
    /// The frames that it was passed on as.
    pub passed_on: Vec<u64>,
    /// What it has led to besides.
    pub led_to: Vec<u64>,
}

/// Who has an address at a moment.
#[derive(Serialize)]
pub struct HoldersLine<'a> {
    /// The address.
    pub address: String,
    /// The moment.
    pub at: i64,
    /// Who has it, or had it.
    pub holders: Vec<HolderLine<'a>>,
    /// Whom the machines believe to have it.
    pub beliefs: Vec<BeliefLine<'a>>,
}

/// A machine that has the address, or had it.
#[derive(Serialize)]
pub struct HolderLine<'a> {
    /// Which.
    pub node: &'a str,
    /// On which interface.
    pub interface: String,
    /// Whether it has it.
    pub has_it: bool,
    /// Since when it has it, or has it no more.
    pub since: i64,
    /// `kernel`, `timer`, or the program that has seen to it; none if the machine has lost power.
    pub by: Option<&'a str>,
    /// The command line that the program belongs to.
    pub command: Option<CommandLine<'a>>,
    /// Since when the interface is switched off, if it is.
    pub off_since: Option<i64>,
    /// What keepalived has decided there last before that.
    pub decision: Option<PhaseLine<'a>>,
    /// The frame that this was about.
    pub frame: Option<u64>,
}

/// What a machine believes.
#[derive(Serialize)]
pub struct BeliefLine<'a> {
    /// Which machine.
    pub node: &'a str,
    /// The hardware address that it sends to.
    pub mac: String,
    /// Whose that is.
    pub owner: Option<&'a str>,
    /// Since when.
    pub since: i64,
    /// The frame that has told it.
    pub told_by: Option<u64>,
}

impl<'a> Teller<'a> {
    /// Who has an address at a moment, ready to be written as JSON.
    pub fn json_holders(&self, address: Ipv4Addr, at: Time) -> HoldersLine<'a> {
        let cast = &self.journeys.trace().cast;
        let holder = |holder: Holder<'a>| HolderLine {
            node: cast.node(holder.node),
            interface: holder.interface.to_string(),
            has_it: holder.has_it,
            since: self.nanos(holder.since),
            by: holder.by.as_ref().map(Author::name),
            command: holder.by.and_then(|author| self.json_command(&author)),
            off_since: holder.off.map(|(since, _)| self.nanos(since)),
            decision: holder.decision.map(|(phase, _)| self.json_phase(&phase)),
            frame: holder.decision.and_then(|(_, frame)| frame).map(|id| id.number()),
        };
        let belief = |belief: Belief| BeliefLine {
            node: cast.node(belief.node),
            mac: belief.mac.to_string(),
            owner: cast.owner(belief.mac).map(|(member, _)| member.name.as_str()),
            since: self.nanos(belief.since),
            told_by: belief.told_by.map(|id| id.number()),
        };
        HoldersLine {
            address: address.to_string(),
            at: self.nanos(at),
            holders: self.journeys.holders(address, at).into_iter().map(holder).collect(),
            beliefs: self.journeys.beliefs(address, at).into_iter().map(belief).collect(),
        }
    }

    /// A journey, ready to be written as JSON.
    pub fn json(&self, journey: &Journey<'a>) -> JourneyLine<'a> {
        let legs = journey.legs.iter().map(|leg| self.json_leg(leg)).collect();
        JourneyLine { frame: journey.asked.number(), legs }
    }

    fn json_leg(&self, leg: &Leg<'a>) -> LegLine<'a> {
        let Trace { cast, frames, .. } = self.journeys.trace();
        let (mut passed_from, mut author, mut because_of, mut for_sake_of) = (None, None, None, None);
        match leg.source {
            Source::Passed(from) => passed_from = Some(from.number()),
            Source::Made { by, because, for_sake_of: other } => {
                (author, because_of, for_sake_of) =
                    (Some(by), because.map(|id| id.number()), other.map(|id| id.number()));
            }
        }
        LegLine {
            frame: leg.id.number(),
            at: self.nanos(leg.sent.at),
            node: cast.node(leg.sent.node),
            interface: cast.interface(leg.sent.node, leg.sent.port),
            summary: describe(&frames.of(leg.id)).to_string(),
            passed_from,
            made_by: author.as_ref().map(Author::name),
            command: author.and_then(|author| self.json_command(&author)),
            because_of,
            for_sake_of,
            phases: leg.phases.iter().map(|phase| self.json_phase(phase)).collect(),
            visits: leg.visits.iter().map(|visit| self.json_visit(visit)).collect(),
        }
    }

    fn json_visit(&self, visit: &Visit<'a>) -> VisitLine<'a> {
        let cast = &self.journeys.trace().cast;
        let (node, interface) = match visit.place {
            Place::Node(node, port) => (cast.node(node), Some(cast.interface(node, port))),
            Place::Lost(hop, _) => (cast.station(hop.from.station), None),
        };
        let (mut loss, mut passed_on) = (None, Vec::new());
        match &visit.end {
            End::Lost(why) => loss = Some(why.to_string()),
            End::PassedOn(frames) => passed_on = frames.iter().map(|id| id.number()).collect(),
            _ => {}
        }
        VisitLine {
            at: self.nanos(visit.at),
            node,
            interface,
            phases: visit.phases.iter().map(|phase| self.json_phase(phase)).collect(),
            end: visit.end.name(),
            loss,
            passed_on,
            led_to: visit.led_to.iter().map(|id| id.number()).collect(),
        }
    }

    fn json_phase(&self, phase: &Phase<'a>) -> PhaseLine<'a> {
        let (mut set_by, mut default) = (None, None);
        match self.journeys.basis(phase) {
            Some(Basis::Set { by, .. }) => set_by = self.json_command(&by),
            Some(Basis::Default { name }) => default = Some(name),
            None => {}
        }
        let drop = if let Note::Drop(drop) = phase.note { Some(drop.name()) } else { None };
        PhaseLine {
            at: self.nanos(phase.at),
            node: self.journeys.trace().cast.node(phase.node),
            stage: phase.stage().name(),
            text: phase.note.to_string(),
            drop,
            set_by,
            default,
        }
    }

    fn json_command(&self, author: &Author<'a>) -> Option<CommandLine<'a>> {
        let Author::Program { command: Some(command), .. } = author else { return None };
        Some(CommandLine { line: command.line, place: (self.place)(command) })
    }

    fn nanos(&self, at: Time) -> i64 {
        i64::try_from(self.journeys.trace().relative(at)).unwrap_or(i64::MAX)
    }
}
