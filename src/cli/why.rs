//! `lvslab why`: the journey of a packet, and what was decided on its way.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::subject::{Loaded, Subject, wrong};
use super::{Status, output};
use crate::ids::FrameId;
use crate::trace::journey::text::Teller;
use crate::trace::journey::{Chooser, Command, Journeys};

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
}

const EXAMPLES: &str = "\
Examples:
  lvslab trace dr.ron                         the frames and their numbers
  lvslab why dr.ron --frame 12
  lvslab why dr.ron --client client --first   the first packet of a client, from beginning to end
  lvslab why dr.ron --conn 192.168.1.10:40001
  lvslab why dr.ron --arp 192.168.1.200       who answers for an address, and who keeps quiet";

/// Of more packets than this, only the first are told in full.
const IN_FULL: usize = 10;

impl Why {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        let chooser = self.which.chooser(&loaded)?;
        let outcome = loaded.run()?;
        let journeys = Journeys::of(&outcome.trace);
        let mut chosen = journeys.choose(chooser).map_err(|error| wrong(&error.to_string()))?;
        if self.first {
            chosen.truncate(1);
        }
        let told = output::print(|out| tell(out, &loaded, &journeys, &chosen));
        Ok(told.map_or(Status::Stopped, |()| Status::Held))
    }
}

impl Which {
    fn chooser(&self, loaded: &Loaded) -> Result<Chooser, Status> {
        let chooser = match self {
            Which { frame: Some(number), .. } => Chooser::Frame(FrameId(*number)),
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

fn tell(out: &mut dyn Write, loaded: &Loaded, journeys: &Journeys<'_>, chosen: &[FrameId]) -> io::Result<()> {
    let file = loaded.path.display().to_string();
    let place = |_: &Command<'_>| Some(file.clone());
    let teller = Teller { journeys, place: &place, colours: output::colours() };
    for (number, &id) in chosen.iter().take(IN_FULL).enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        if let Some(journey) = journeys.journey(id) {
            teller.write(out, &journey)?;
        }
    }
    let rest: Vec<_> = chosen.iter().skip(IN_FULL).map(|id| id.0.to_string()).collect();
    if rest.is_empty() { Ok(()) } else { writeln!(out, "\nand frames {}: ask for them with --frame", rest.join(", ")) }
}
