//! The session as it is shown: carries out requests, and prints what they lead to.

use std::io::{self, Write};
use std::path::Path;

use super::request::{ENTRIES, Entry, Request};
use crate::cli::files;
use crate::ids::{FrameId, JobId, NodeId};
use crate::report::ladder::{self, Ladder};
use crate::scenario::plan::{Action, Step};
use crate::scenario::{Failure, Places, Plan};
use crate::session::{Goal, Halt, Session, Unit};
use crate::shell::tables;
use crate::trace::filter::Filter;
use crate::trace::journey::{Command, Journeys, text};
use crate::trace::story::{Layout, Telling};
use crate::trace::{Kind, Line, Teller};

/// Columns are kept for the numbers of so many frames.
const NUMBERS: u64 = 9_999;

/// A session and what has been told of it.
pub struct Desk {
    session: Session,
    /// The scenario's text, as it was read.
    source: String,
    /// Where in it the scenario's own commands stand.
    places: Places,
    teller: Teller,
    /// At which of the session's replays the teller began.
    replay: u64,
    filter: Filter,
    layout: Layout,
    colours: bool,
    /// The last frame that was told of.
    last: Option<FrameId>,
    /// Whose prompt it is.
    at: Option<NodeId>,
}

/// What becomes of the loop after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    More,
    /// It goes on, though the request was not carried out.
    Complained,
    /// It ends.
    Quit,
}

/// Why a request was not carried out.
enum Refusal {
    Words(String),
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Io(error)
    }
}

impl From<Failure> for Refusal {
    fn from(_: Failure) -> Refusal {
        // The same set-up has run before, and runs are the same each time.
        Refusal::Words("the set-up has failed".to_owned())
    }
}

impl From<String> for Refusal {
    fn from(words: String) -> Refusal {
        Refusal::Words(words)
    }
}

impl Desk {
    /// A session of which the set-up has been told.
    pub fn new(session: Session, source: String, colours: bool) -> Desk {
        let filter = Filter::all();
        let telling = Telling { filter: filter.clone(), colours, numbers: true, commands: true };
        let layout = Layout::new(session.trace(), &telling, NUMBERS);
        let teller = Teller::new(filter.clone(), true);
        let replay = session.replays();
        let places = Places::of(session.plan(), &source);
        let mut desk = Desk { session, source, places, teller, replay, filter, layout, colours, last: None, at: None };
        desk.news();
        desk
    }

    /// The scenario as it is now.
    pub fn plan(&self) -> &Plan {
        self.session.plan()
    }

    /// What stands before the cursor.
    pub fn prompt(&self) -> String {
        match self.at {
            Some(node) => format!("{} {}$ ", self.session.now(), self.name(node)),
            None => format!("{}> ", self.session.now()),
        }
    }

    /// Whether what is typed goes to a node.
    pub fn is_at_node(&self) -> bool {
        self.at.is_some()
    }

    /// Leaves a node's prompt; false if it was the lab's own.
    pub fn leave(&mut self) -> bool {
        self.at.take().is_some()
    }

    /// What is there, for the beginning.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn welcome(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.plan().title)?;
        writeln!(out, "{}", self.faint(crate::trace::story::LEGEND))?;
        self.nodes(out)?;
        writeln!(
            out,
            "{}",
            self.faint("`step` shows the first frame, `rs1$ ip neigh` types at rs1, `help` lists the rest")
        )
    }

    /// Does what a line says.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn obey(&mut self, line: &str, out: &mut dyn Write) -> io::Result<Next> {
        let request = match self.at {
            Some(_) if line.trim() == "exit" => Ok(Request::Leave),
            Some(_) if line.trim().is_empty() => Ok(Request::Nothing),
            Some(node) => Ok(Request::Type(node, line.trim().to_owned())),
            None => Request::parse(line, self.plan(), self.session.now()),
        };
        let result = request.map_err(Refusal::Words).and_then(|request| self.carry_out(request, out));
        match result {
            Ok(next) => Ok(next),
            Err(Refusal::Words(words)) => {
                writeln!(out, "{}", self.red(&words))?;
                Ok(Next::Complained)
            }
            Err(Refusal::Io(error)) => Err(error),
        }
    }

    fn carry_out(&mut self, request: Request, out: &mut dyn Write) -> Result<Next, Refusal> {
        match request {
            Request::Go(goal) => self.go(&goal, out)?,
            Request::Back(count, unit) => self.back(count, unit, out)?,
            Request::Jump(at) => {
                let is_back = at < self.session.now();
                self.session.jump(at)?;
                if is_back { self.here(out)? } else { self.tell(out)? }
            }
            Request::Type(node, line) => self.type_in(node, &line, out)?,
            Request::Enter(node) => self.at = Some(node),
            Request::Leave => self.at = None,
            Request::Act(action) => {
                self.session.act(action)?;
                self.tell(out)?;
            }
            Request::Frames(filter) => self.frames(filter, out)?,
            Request::Ladder(filter) => {
                let ladder = Ladder::of(&self.session.network(), self.session.trace(), &filter);
                ladder::text::write(out, &ladder)?;
            }
            Request::Show(filter) => {
                self.filter = filter;
                self.begin_again();
            }
            Request::Why(number) => self.why(number, out)?,
            Request::Tables(node) => self.tables(node, out)?,
            Request::Nodes => self.nodes(out)?,
            Request::Deeds => self.deeds(out)?,
            Request::Undo => {
                if !self.session.undo()? {
                    return Err("nothing has been done by hand".to_owned().into());
                }
                self.here(out)?;
            }
            Request::Save { path, over } => self.save(Path::new(&path), over, out)?,
            Request::Help(entry) => self.help(entry, out)?,
            Request::Quit => return Ok(Next::Quit),
            Request::Nothing => {}
        }
        Ok(Next::More)
    }

    fn go(&mut self, goal: &Goal, out: &mut dyn Write) -> Result<(), Refusal> {
        let halt = self.session.go(goal);
        self.tell(out)?;
        let words = match halt {
            Halt::Reached => return Ok(()),
            Halt::End => "the scenario is over; whoever goes on, goes beyond its end",
            Halt::Silence => "nothing will happen any more",
            Halt::Exhausted => "very much has happened, and not that; the same again goes on",
        };
        Ok(writeln!(out, "{}", self.faint(&format!("{:>10}  {words}", self.session.now().to_string())))?)
    }

    fn back(&mut self, count: usize, unit: Unit, out: &mut dyn Write) -> Result<(), Refusal> {
        self.session.back(count, unit)?;
        self.here(out)
    }

    /// Says where one is after having gone back: the last thing that happened.
    fn here(&mut self, out: &mut dyn Write) -> Result<(), Refusal> {
        let lines = self.news();
        let told = lines.iter().rposition(|line| line.kind == Kind::Frame || line.kind == Kind::Command);
        let zero = self.session.trace().zero;
        let recent = told.map_or(&[][..], |from| &lines[from..]).iter().filter(|line| line.at >= zero);
        writeln!(out, "{}", self.faint(&format!("{:>10}  back to here; it was so:", self.session.now().to_string())))?;
        for line in recent {
            writeln!(out, "{}", self.layout.line(line))?;
        }
        Ok(())
    }

    /// Forgets what has been told, so that it can be told anew.
    fn begin_again(&mut self) {
        self.teller = Teller::new(self.filter.clone(), true);
        self.replay = self.session.replays();
        let _ = self.collect();
    }

    /// What has happened since this was last asked; if the run has been repeated, everything.
    fn news(&mut self) -> Vec<Line> {
        if self.replay != self.session.replays() {
            self.teller = Teller::new(self.filter.clone(), true);
            self.replay = self.session.replays();
        }
        self.collect()
    }

    fn collect(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        let _ = self.teller.tell(self.session.trace(), &mut |line| {
            lines.push(line);
            Ok::<_, std::convert::Infallible>(())
        });
        lines.retain(|line| line.kind != Kind::Zero);
        let last = lines.iter().rev().find(|line| line.kind == Kind::Frame).and_then(|line| line.about);
        self.last = last.or(self.last);
        lines
    }

    fn tell(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.news() {
            writeln!(out, "{}", self.layout.line(&line))?;
        }
        Ok(())
    }

    /// Types a command, and prints what it prints at once as a terminal would.
    fn type_in(&mut self, node: NodeId, line: &str, out: &mut dyn Write) -> Result<(), Refusal> {
        if self.session.host(node).is_off() {
            return Err(format!("{} has no power; `boot {0}` switches it on", self.name(node)).into());
        }
        let replay = self.session.replays();
        let job = self.session.type_in(node, line)?;
        let now = self.session.clock();
        let is_repeated = replay != self.session.replays();
        let is_own = |line: &Line| {
            line.at == now && matches!(line.kind, Kind::Command | Kind::Output | Kind::Complaint | Kind::Status)
        };
        for line in self.news().iter().filter(|line| !is_own(line) && !is_repeated) {
            writeln!(out, "{}", self.layout.line(line))?;
        }
        self.printed(node, job, out)
    }

    fn printed(&self, node: NodeId, job: JobId, out: &mut dyn Write) -> Result<(), Refusal> {
        let Some(result) = self.session.host(node).jobs(job.terminal).get(job.number()) else { return Ok(()) };
        out.write_all(&result.out.borrow())?;
        let complaint = String::from_utf8_lossy(&result.err.borrow()).into_owned();
        write!(out, "{}", if complaint.is_empty() { complaint } else { self.red(complaint.trim_end()) + "\n" })?;
        let words = match result.status {
            Some(0) => return Ok(()),
            Some(status) => format!("(exit status {status})"),
            None => "(it goes on: `step`, or `until done`)".to_owned(),
        };
        Ok(writeln!(out, "{}", self.faint(&words))?)
    }

    fn frames(&mut self, filter: Filter, out: &mut dyn Write) -> Result<(), Refusal> {
        let mut last = None;
        Teller::new(filter, false).tell(self.session.trace(), &mut |line| {
            if line.kind == Kind::Frame || line.kind == Kind::End {
                last = line.about.or(last);
                writeln!(out, "{}", self.layout.line(&line))?;
            }
            Ok::<_, io::Error>(())
        })?;
        self.last = last.or(self.last);
        Ok(())
    }

    fn why(&self, number: Option<u64>, out: &mut dyn Write) -> Result<(), Refusal> {
        let Some(id) = number.map(FrameId::new).or(self.last) else {
            return Err("no frame has been shown yet; `step` shows the next".to_owned().into());
        };
        let journeys = Journeys::of(self.session.trace());
        let Some(journey) = journeys.journey(id) else {
            return Err(format!("there is no frame #{} yet; `frames` lists them", id.number()).into());
        };
        let place = |command: &Command<'_>| Some(format!("line {}", self.places.line(command.node, command.job)?));
        text::Teller { journeys: &journeys, place: &place, colours: self.colours }.write(out, &journey)?;
        Ok(())
    }

    fn tables(&self, node: NodeId, out: &mut dyn Write) -> Result<(), Refusal> {
        for table in tables(self.session.host(node), self.session.clock()) {
            writeln!(out, "{}", self.faint(&format!("{}$ {}", self.name(node), table.command)))?;
            write!(out, "{}", table.text)?;
        }
        Ok(())
    }

    fn nodes(&self, out: &mut dyn Write) -> io::Result<()> {
        for node in &self.plan().nodes {
            let plugs = node
                .interfaces
                .iter()
                .map(|interface| format!("{} on {}", interface.name, self.plan().switches[interface.switch].name));
            writeln!(out, "  {:<12} {}", node.name, plugs.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }

    fn deeds(&self, out: &mut dyn Write) -> Result<(), Refusal> {
        for Step { at, action } in self.session.deeds() {
            let what = match action {
                Action::Run(node, _, line) => format!("{}$ {line}", self.name(*node)),
                Action::Cable(node, interface, plugged) => {
                    let word = if *plugged { "plug" } else { "unplug" };
                    let node = &self.plan().nodes[node.0 as usize];
                    format!("{word} {}.{}", node.name, node.interfaces[*interface].name)
                }
                Action::Crash(node) => format!("crash {}", self.name(*node)),
                Action::Boot(node) => format!("boot {}", self.name(*node)),
                Action::Loss(..) | Action::Slow(..) => continue,
            };
            writeln!(out, "{:>10}  {what}", at.to_string())?;
        }
        Ok(())
    }

    fn save(&self, path: &Path, over: bool, out: &mut dyn Write) -> Result<(), Refusal> {
        if path.exists() && !over {
            return Err(format!("{} is there already; `save! {0}` writes over it", path.display()).into());
        }
        let text = self.session.save(&self.source);
        files::write(path, text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(writeln!(out, "{}", self.faint(&format!("saved: lvslab run {}", path.display())))?)
    }

    fn help(&self, entry: Option<&Entry>, out: &mut dyn Write) -> Result<(), Refusal> {
        if let Some(entry) = entry {
            writeln!(out, "{:<24} {}", entry.usage, entry.does)?;
            if !entry.short.is_empty() {
                writeln!(out, "{:<24} the same, shorter", entry.short)?;
            }
            return Ok(());
        }
        writeln!(out, "  {:<22} types a command at a node, at this moment: rs1$ ip neigh", "NODE$ COMMAND")?;
        for entry in ENTRIES {
            writeln!(out, "  {:<22} {}", entry.usage, entry.does)?;
        }
        writeln!(
            out,
            "An empty line repeats the last step. FILTER is as for `lvslab run --trace`: arp, tcp port 80, syn, drops,"
        )?;
        writeln!(out, "conn 10.0.0.5:40001, node rs1, on rs1.eth0, in, out, and, or, not.")?;
        Ok(())
    }

    fn name(&self, node: NodeId) -> &str {
        &self.plan().nodes[node.0 as usize].name
    }

    fn faint(&self, text: &str) -> String {
        if self.colours { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn red(&self, text: &str) -> String {
        if self.colours { format!("\x1b[31m{text}\x1b[0m") } else { text.to_owned() }
    }
}
