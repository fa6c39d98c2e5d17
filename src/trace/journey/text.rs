//! A journey in words: leg by leg, machine by machine, phase by phase.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use super::{Author, Basis, Belief, Command, End, Holder, Journey, Journeys, Leg, Phase, Place, Source, Visit};
use crate::ids::{FrameId, NodeId};
use crate::reason::{Drop, KernelTimer, Note};
use crate::time::Time;
use crate::trace::Trace;
use crate::trace::changes::{Change, changed};
use crate::trace::teller::brief;
use crate::wire::MacAddr;
use crate::wire::describe::describe;

/// How journeys are told.
pub struct Teller<'a> {
    /// The journeys.
    pub journeys: &'a Journeys<'a>,
    /// Where in the user's files a command stands, like `dr.ron:23`.
    pub place: &'a dyn Fn(&Command<'_>) -> Option<String>,
    /// Whether a terminal's colours may be used.
    pub colours: bool,
}

/// Columns for the name of a phase.
const STAGE_WIDTH: usize = 10;

impl Teller<'_> {
    /// Writes a journey.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write(&self, out: &mut dyn Write, journey: &Journey<'_>) -> io::Result<()> {
        writeln!(out, "{}", self.painted("1", &self.frame(journey.asked)))?;
        for leg in &journey.legs {
            self.leg(out, leg)?;
        }
        Ok(())
    }

    /// Writes who has an address at a moment, why, and whom the others believe to have it.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_holders(&self, out: &mut dyn Write, address: Ipv4Addr, at: Time) -> io::Result<()> {
        let cast = &self.journeys.trace().cast;
        writeln!(out, "{}", self.painted("1", &format!("{address} at {} s", self.time(at))))?;
        for holder in self.journeys.holders(address, at) {
            let Holder { interface, since, has_it, .. } = holder;
            let (verb, word) = if has_it { ("has", "since") } else { ("had", "until") };
            self.heading(out, since, holder.node, &format!("{verb} it on {interface}, {word} {}", self.time(since)))?;
            match &holder.by {
                Some(by) => self.row(out, if has_it { "set by" } else { "taken by" }, &self.author(by), "")?,
                None => self.row(out, "because", "the machine has lost power", "")?,
            }
            if let Some((since, by)) = &holder.off {
                let off = format!("{interface} is switched off since {}: {}", self.time(*since), self.author(by));
                self.row(out, "but", &off, "")?;
            }
            if let Some((phase, about)) = &holder.decision {
                self.phase(out, phase)?;
                if let Some(frame) = about {
                    self.row(out, "because of", &self.frame(*frame), "")?;
                }
            }
        }
        let beliefs = self.journeys.beliefs(address, at);
        if !beliefs.is_empty() {
            writeln!(out, "\n{:>12}  whom the others believe to have it", "")?;
        }
        for Belief { node, mac, since, told_by } in beliefs {
            let mut text = format!("{} since {}", self.with_owners(&mac.to_string()), self.time(since));
            if let Some(frame) = told_by {
                text.push_str(&format!(", told by frame {}", frame.number()));
            }
            self.row(out, cast.node(node), &text, "")?;
        }
        Ok(())
    }

    /// Writes a packet in one line: who has made it, and how it ended.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_line(&self, out: &mut dyn Write, journey: &Journey<'_>) -> io::Result<()> {
        let Some(asked) = self.journeys.frame(journey.asked) else { return Ok(()) };
        let cast = &self.journeys.trace().cast;
        let ends: Vec<_> = journey
            .ends()
            .map(|(place, end)| (self.place_name(place), end))
            .map(|(who, end)| format!("{who}: {}", self.end(end)))
            .collect();
        let from = cast.node(asked.node);
        let what = self.brief(journey.asked);
        writeln!(
            out,
            "{:>12}  frame {} of {from}: {what}; {}",
            self.time(asked.at),
            journey.asked.number(),
            ends.join("; ")
        )
    }

    fn end(&self, end: &End<'_>) -> String {
        match end {
            End::Taken(note) | End::Waiting(note) => self.with_owners(&note.to_string()),
            End::Dropped(drop) => format!("dropped: {drop}"),
            End::Lost(loss) => format!("lost: {loss}"),
            End::PassedOn(_) => "passed on".to_owned(),
            End::OtherMachine => "not for it".to_owned(),
            End::Unknown => "nothing is told of it".to_owned(),
        }
    }

    fn leg(&self, out: &mut dyn Write, leg: &Leg<'_>) -> io::Result<()> {
        if let Source::Made { by, because, for_sake_of } = leg.source {
            self.heading(out, leg.sent.at, leg.sent.node, "makes it")?;
            self.row(out, "maker", &self.author(&by), "")?;
            if let Some(because) = because {
                self.row(out, "because of", &self.frame(because), "")?;
            }
            if let Some(other) = for_sake_of {
                self.row(out, "for", &self.frame(other), "")?;
            }
            leg.phases.iter().try_for_each(|phase| self.phase(out, phase))?;
            self.row(out, "sends", &self.sends(leg), "32")?;
        }
        let (idle, busy): (Vec<_>, Vec<_>) =
            leg.visits.iter().partition(|visit| matches!(visit.end, End::OtherMachine));
        busy.into_iter().try_for_each(|visit| self.visit(out, leg.id, visit))?;
        let idle: Vec<_> = idle.into_iter().filter_map(|visit| self.node_of(visit)).collect();
        if idle.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{:>12}  frame {} came by {} too, and is not for them", "", leg.id.number(), idle.join(", "))
    }

    fn visit(&self, out: &mut dyn Write, id: FrameId, visit: &Visit<'_>) -> io::Result<()> {
        let cast = &self.journeys.trace().cast;
        match visit.place {
            Place::Lost(hop, _) => {
                let at = format!("{:>12}", self.time(visit.at));
                let who = self.painted("1", cast.station(hop.from.station));
                writeln!(out, "\n{at}  {who}  sends frame {} on its way", id.number())?;
            }
            Place::Node(node, port) => {
                let what = format!("gets frame {} by {}", id.number(), cast.interface(node, port));
                self.heading(out, visit.at, node, &what)?;
            }
        }
        let end = visit.phases.iter().rposition(|phase| matches!(phase.note, Note::Drop(_)));
        for (place, phase) in visit.phases.iter().enumerate() {
            match phase.note {
                Note::Drop(drop) if Some(place) == end && matches!(visit.end, End::Dropped(_)) => {
                    self.dropped(out, phase, drop)?;
                }
                _ => self.phase(out, phase)?,
            }
        }
        match &visit.end {
            End::PassedOn(frames) => frames.iter().try_for_each(|&next| {
                let text = self.passed_on(id, next);
                self.row(out, "passes on", &text, "32")
            })?,
            End::Lost(loss) => self.row(out, "lost", &loss.to_string(), "31")?,
            End::Waiting(_) => self.row(out, "end", "the run ended while it was waiting", "31")?,
            End::Unknown => self.row(out, "end", "nothing is told of it", "31")?,
            End::Taken(_) | End::Dropped(_) | End::OtherMachine => {}
        }
        visit.led_to.iter().try_for_each(|&other| self.row(out, "led to", &self.frame(other), ""))
    }

    fn heading(&self, out: &mut dyn Write, at: Time, node: NodeId, what: &str) -> io::Result<()> {
        let name = self.painted("1", self.journeys.trace().cast.node(node));
        writeln!(out, "\n{:>12}  {name} {what}", self.time(at))
    }

    fn phase(&self, out: &mut dyn Write, phase: &Phase<'_>) -> io::Result<()> {
        let colour = if matches!(phase.note, Note::Drop(_)) { "31" } else { "" };
        self.row(out, phase.stage().name(), &self.with_owners(&phase.note.to_string()), colour)?;
        match self.journeys.basis(phase) {
            Some(basis) => self.row(out, "", &format!("└ {}", self.basis(&basis)), "2"),
            None => Ok(()),
        }
    }

    /// Who has configured what a decision rests on, and where.
    fn basis(&self, basis: &Basis<'_>) -> String {
        match basis {
            Basis::Set { by, .. } => self.author(by),
            Basis::Default { name } => format!("nobody has set {name}: its default"),
        }
    }

    fn dropped(&self, out: &mut dyn Write, phase: &Phase<'_>, drop: &Drop) -> io::Result<()> {
        self.phase(out, phase)?;
        self.row(out, "drops it", drop.name(), "31")
    }

    fn row(&self, out: &mut dyn Write, what: &str, text: &str, colour: &str) -> io::Result<()> {
        writeln!(out, "{:>12}    {what:<STAGE_WIDTH$}  {}", "", self.painted(colour, text))
    }

    fn sends(&self, leg: &Leg<'_>) -> String {
        let cast = &self.journeys.trace().cast;
        let to = self.name(self.journeys.trace().frames.of(leg.id).destination());
        format!("frame {} by {} to {to}", leg.id.number(), cast.interface(leg.sent.node, leg.sent.port))
    }

    fn passed_on(&self, before: FrameId, after: FrameId) -> String {
        let Some(sent) = self.journeys.frame(after) else { return String::new() };
        let Trace { cast, frames, .. } = self.journeys.trace();
        let (old, new) = (frames.of(before), frames.of(after));
        let (interface, to) = (cast.interface(sent.node, sent.port), self.name(new.destination()));
        let mut text = format!("as frame {} by {interface} to {to}", after.number());
        for change in changed(&old, &new).unwrap_or_default() {
            if let Change::Field(change) = change {
                text.push_str(&format!(", {change}"));
            }
        }
        text
    }

    /// A frame in a few words.
    fn frame(&self, id: FrameId) -> String {
        format!("frame {}: {}", id.number(), self.with_owners(&self.brief(id)))
    }

    fn brief(&self, id: FrameId) -> String {
        brief(&describe(&self.journeys.trace().frames.of(id)).to_string())
    }

    fn author(&self, author: &Author<'_>) -> String {
        match author {
            Author::Kernel => "the kernel".to_owned(),
            Author::Timer(timer) => match timer {
                KernelTimer::Neighbour => "the kernel, on the neighbour entry's timer".to_owned(),
                KernelTimer::Reassembly => "the kernel, since other fragments have not come in time".to_owned(),
                KernelTimer::Tcp => "the kernel, on the connection's timer".to_owned(),
                KernelTimer::IpvsSync => "the kernel: IPVS tells other directors of its connections".to_owned(),
            },
            Author::Program { name, command: None, .. } => (*name).to_owned(),
            Author::Program { name, command: Some(command), .. } => {
                // Only a daemon is known by another name than the command's own.
                let is_shell = *name == "bash" || command.line.split_whitespace().any(|word| word == *name);
                let who = if is_shell { String::new() } else { format!("{name}, started by ") };
                match (self.place)(command) {
                    Some(place) => format!("{place}: {who}$ {}", command.line),
                    None => format!("{who}$ {}", command.line),
                }
            }
        }
    }

    fn place_name(&self, place: Place<'_>) -> &str {
        let cast = &self.journeys.trace().cast;
        match place {
            Place::Node(node, _) => cast.node(node),
            Place::Lost(hop, _) => cast.station(hop.from.station),
        }
    }

    fn node_of(&self, visit: &Visit<'_>) -> Option<String> {
        match visit.place {
            Place::Node(node, _) => Some(self.journeys.trace().cast.node(node).to_owned()),
            Place::Lost(..) => None,
        }
    }

    fn time(&self, at: Time) -> String {
        let zero = self.journeys.trace().zero;
        if at < zero { "set-up".to_owned() } else { at.since(zero).to_string() }
    }

    fn name(&self, mac: MacAddr) -> String {
        self.journeys.trace().cast.name_of(mac)
    }

    fn with_owners(&self, text: &str) -> String {
        self.journeys.trace().cast.with_owners(text)
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours && !colour.is_empty() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
