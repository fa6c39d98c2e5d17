//! `lvslab why`: the journey of a packet, and what was decided on its way.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::subject::{Loaded, Subject, parse_time, wrong};
use super::{Status, output};
use crate::ids::FrameId;
use crate::scenario::Places;
use crate::time::Span;
use crate::trace::journey::text::Teller;
use crate::trace::journey::{Chooser, Command, Journey, Journeys};

/// Says why a frame was sent, and what became of it: phase by phase, machine by machine.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Why {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    which: Which,
    /// Only the first of several packets.
    #[arg(long)]
    first: bool,
    /// The moment that --vip is about, like "5s"; without it, the end of the run.
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "vip")]
    at: Option<Span>,
    /// Prints JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// What is asked about.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The frame of this number: `lvslab trace` shows them.
    #[arg(long, value_name = "N")]
    frame: Option<u64>,
    /// The packets of a conversation, one end of which this is.
    #[arg(long, value_name = "CLIENT:PORT")]
    conn: Option<SocketAddrV4>,
    /// The packets that a node has made.
    #[arg(long, value_name = "NODE")]
    client: Option<String>,
    /// The questions for this address by ARP: who answers, who does not, and why.
    #[arg(long, value_name = "ADDRESS")]
    arp: Option<Ipv4Addr>,
    /// Who has this address, since when and why, and whom the others believe to have it.
    #[arg(long, value_name = "ADDRESS")]
    vip: Option<Ipv4Addr>,
}

const EXAMPLES: &str = "\
Examples:
  lvslab trace dr.ron                         the frames and their numbers
  lvslab why dr.ron --frame 12
  lvslab why dr.ron --client client --first   the first packet of a client, from beginning to end
  lvslab why dr.ron --conn 192.168.1.10:40001
  lvslab why dr.ron --arp 192.168.1.200       who answers for an address, and who keeps quiet
  lvslab why failover.ron --vip 10.0.0.100 --at 7s";

/// Of more packets than this, only the first are told in full.
const IN_FULL: usize = 10;

impl Why {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        let chooser = if self.which.vip.is_some() { None } else { Some(self.which.chooser(&loaded)?) };
        let outcome = loaded.run()?;
        let journeys = Journeys::of(&outcome.trace);
        let (file, places) = (loaded.path.display(), Places::of(&loaded.plan, &loaded.text));
        let place = |command: &Command<'_>| Some(format!("{file}:{}", places.line(command.node, command.job)?));
        let teller = Teller { journeys: &journeys, place: &place, colours: output::colours() };
        let told = match (self.which.vip, chooser) {
            (Some(address), _) => self.tell_holders(&teller, address)?,
            (None, None) => Ok(()),
            (None, Some(chooser)) => {
                let mut chosen = journeys.choose(chooser).map_err(|error| wrong(&error.to_string()))?;
                if self.first {
                    chosen.truncate(1);
                }
                let in_full = if let Chooser::Arp(_) = chooser { IN_FULL } else { 1 };
                output::print(|out| match self.json {
                    true => tell_json(out, &teller, &chosen),
                    false => tell(out, &teller, &chosen, in_full),
                })
            }
        };
        Ok(told.map_or(Status::Stopped, |()| Status::Held))
    }
}

impl Why {
    fn tell_holders(&self, teller: &Teller<'_>, address: Ipv4Addr) -> Result<io::Result<()>, Status> {
        let trace = teller.journeys.trace();
        let end = trace.last();
        let at = self.at.map_or(end, |at| trace.zero + at);
        if teller.journeys.holders(address, at).is_empty() {
            return Err(wrong(&match teller.journeys.holders(address, end).first() {
                Some(later) => format!("nobody has {address} by then; {} has it later", trace.cast.node(later.node)),
                None => {
                    let known: Vec<_> = teller.journeys.addresses().iter().map(ToString::to_string).collect();
                    format!("nobody ever has {address}; addresses: {}", known.join(", "))
                }
            }));
        }
        if self.json {
            return Ok(output::print(|out| {
                serde_json::to_writer(&mut *out, &teller.json_holders(address, at))?;
                out.write_all(b"\n")
            }));
        }
        Ok(output::print(|out| teller.write_holders(out, address, at)))
    }
}

impl Which {
    fn chooser(&self, loaded: &Loaded) -> Result<Chooser, Status> {
        let chooser = match self {
            Which { frame: Some(number), .. } => Chooser::Frame(FrameId::new(*number)),
            Which { conn: Some(end), .. } => Chooser::Conversation(*end),
            Which { arp: Some(address), .. } => Chooser::Arp(*address),
            Which { client, .. } => {
                let name = client.as_deref().unwrap_or_default();
                let names: Vec<_> = loaded.plan.nodes.iter().map(|node| node.name.as_str()).collect();
                let known = || wrong(&format!("there is no node \"{name}\"; nodes: {}", names.join(", ")));
                Chooser::Sender(loaded.plan.node(name).ok_or_else(known)?)
            }
        };
        Ok(chooser)
    }
}

fn tell_json(out: &mut dyn Write, teller: &Teller<'_>, chosen: &[FrameId]) -> io::Result<()> {
    for journey in chosen.iter().filter_map(|&id| teller.journeys.journey(id)) {
        serde_json::to_writer(&mut *out, &teller.json(&journey))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn tell(out: &mut dyn Write, teller: &Teller<'_>, chosen: &[FrameId], in_full: usize) -> io::Result<()> {
    let journeys = || chosen.iter().filter_map(|&id| teller.journeys.journey(id));
    // What went wrong is worth telling in any case.
    let is_told = |(number, journey): &(usize, Journey<'_>)| *number < in_full || journey.went_wrong();
    let told: Vec<_> = journeys().enumerate().filter(is_told).take(IN_FULL).map(|(number, _)| number).collect();
    for (number, journey) in journeys().enumerate() {
        if !told.contains(&number) {
            teller.write_line(out, &journey)?;
            continue;
        }
        if number > 0 {
            writeln!(out)?;
        }
        teller.write(out, &journey)?;
        if number + 1 < chosen.len() {
            writeln!(out)?;
        }
    }
    Ok(())
}
