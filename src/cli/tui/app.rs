//! What the full-screen view knows, and what keys do to it.

use std::convert::Infallible;
use std::path::Path;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::cli::files;
use crate::cli::shell::request::Request;
use crate::ids::{FrameId, NodeId};
use crate::scenario::{Failure, Places};
use crate::session::{Goal, Halt, Session, Unit};
use crate::trace::filter::Filter;
use crate::trace::journey::{Command, Journeys, text};
use crate::trace::{Kind, Line, Teller};

/// A part of the screen that keys can be meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The nodes.
    Nodes,
    /// The story.
    Story,
    /// Why.
    Why,
    /// What a node knows.
    Tables,
}

/// What is being typed at the bottom of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A command at the chosen node.
    Command,
    /// Which frames are listed.
    Filter,
    /// What to go on until.
    Until,
    /// The file to save to; whether it may be written over.
    Save { over: bool },
}

/// The view.
pub struct App {
    pub session: Session,
    source: String,
    /// Where in it the scenario's own commands stand.
    places: Places,
    teller: Teller,
    replay: u64,
    filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    /// The story since time zero.
    pub lines: Vec<Line>,
    /// The chosen line.
    pub chosen: usize,
    /// How many lines fit on the story's pane.
    pub page: usize,
    pub focus: Pane,
    /// The node whose tables are shown, and at which commands are typed.
    pub node: NodeId,
    /// How far the panes of texts are scrolled.
    pub why_scroll: u16,
    pub tables_scroll: u16,
    pub playing: bool,
    /// What is being typed.
    pub ask: Option<(Ask, String)>,
    pub help: bool,
    /// The last word to the user.
    pub message: String,
    /// The journey that was told last: of which frame, at how many records.
    told: (Option<FrameId>, usize, String),
}

impl App {
    /// A view of a session.
    pub fn new(session: Session, source: String) -> App {
        let filter = Filter::all();
        let mut app = App {
            teller: Teller::new(filter.clone(), true),
            replay: session.replays(),
            places: Places::of(session.plan(), &source),
            session,
            source,
            filter,
            filter_text: String::new(),
            lines: Vec::new(),
            chosen: 0,
            page: 1,
            focus: Pane::Story,
            node: NodeId(0),
            why_scroll: 0,
            tables_scroll: 0,
            playing: false,
            ask: None,
            help: false,
            message: "space plays, → steps, ? helps".to_owned(),
            told: (None, 0, String::new()),
        };
        app.follow();
        app
    }

    /// A key was pressed. False: the user has left.
    pub fn press(&mut self, key: KeyEvent) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return false;
        }
        if self.help {
            self.help = false;
            return true;
        }
        if self.ask.is_some() {
            self.write(key);
            return true;
        }
        self.message.clear();
        match key.code {
            KeyCode::Char('q') => return false,
            KeyCode::Char(' ') => self.playing = !self.playing,
            KeyCode::Right | KeyCode::Char('l') => self.go(&Goal::Frames(1)),
            KeyCode::Char('e') => self.go(&Goal::Events(1)),
            KeyCode::Left | KeyCode::Char('h') => self.go_back(),
            KeyCode::End => self.go(&Goal::End),
            KeyCode::Home => self.go_home(),
            KeyCode::Tab => self.focus = self.focus.next(),
            KeyCode::BackTab => self.focus = self.focus.next().next().next(),
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::PageUp => self.scroll(-(self.page as isize)),
            KeyCode::PageDown => self.scroll(self.page as isize),
            KeyCode::Char('n') => self.choose_node(1),
            KeyCode::Char(':') => self.ask = Some((Ask::Command, String::new())),
            KeyCode::Char('/') => self.ask = Some((Ask::Filter, self.filter_text.clone())),
            KeyCode::Char('u') => self.ask = Some((Ask::Until, String::new())),
            KeyCode::Char('s') => self.ask = Some((Ask::Save { over: false }, String::new())),
            KeyCode::Char('S') => self.ask = Some((Ask::Save { over: true }, String::new())),
            KeyCode::Char('z') => self.undo(),
            KeyCode::Char('?') => self.help = true,
            _ => {}
        }
        true
    }

    /// A key while something is being typed.
    fn write(&mut self, key: KeyEvent) {
        let Some((ask, text)) = &mut self.ask else { return };
        match key.code {
            KeyCode::Char(c) => text.push(c),
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Esc => self.ask = None,
            KeyCode::Enter => {
                let (ask, text) = (*ask, std::mem::take(text));
                self.ask = None;
                self.answer(ask, text.trim());
            }
            _ => {}
        }
    }

    fn answer(&mut self, ask: Ask, text: &str) {
        match ask {
            Ask::Filter => match Filter::parse(text) {
                Ok(filter) => {
                    self.filter = filter;
                    self.filter_text = text.to_owned();
                    self.begin_again();
                }
                Err(error) => self.message = error.to_string(),
            },
            _ if text.is_empty() => {}
            Ask::Command if self.session.host(self.node).is_off() => {
                self.message = format!("{} has no power", self.name(self.node));
            }
            Ask::Command => {
                let typed = self.session.type_in(self.node, text).map(drop);
                self.after(typed);
            }
            Ask::Until => match Request::parse(&format!("until {text}"), self.session.plan(), self.session.now()) {
                Ok(Request::Go(goal)) => self.go(&goal),
                Ok(_) => {}
                Err(error) => self.message = error,
            },
            Ask::Save { over } => self.save(Path::new(text), over),
        }
    }

    fn save(&mut self, path: &Path, over: bool) {
        self.message = if path.exists() && !over {
            format!("{} is there already; S writes over it", path.display())
        } else {
            match files::write(path, self.session.save(&self.source).as_bytes()) {
                Ok(()) => format!("saved: lvslab run {}", path.display()),
                Err(error) => error.to_string(),
            }
        };
    }

    /// Time passes while it plays.
    pub fn tick(&mut self) {
        if self.playing {
            self.go(&Goal::Frames(1));
        }
    }

    fn go(&mut self, goal: &Goal) {
        let halt = self.session.go(goal);
        let words = match halt {
            Halt::Reached => "",
            Halt::End => "the scenario is over; whoever goes on, goes beyond its end",
            Halt::Silence => "nothing will happen any more",
            Halt::Exhausted => "very much has happened, and not that; the same again goes on",
        };
        self.message = words.to_owned();
        self.playing &= halt == Halt::Reached;
        self.follow();
    }

    fn go_back(&mut self) {
        self.playing = false;
        let result = self.session.back(1, Unit::Frames);
        self.after(result);
    }

    fn go_home(&mut self) {
        self.playing = false;
        let result = self.session.back(usize::MAX, Unit::Events);
        self.after(result);
    }

    fn undo(&mut self) {
        match self.session.undo() {
            Ok(true) => self.follow(),
            Ok(false) => self.message = "nothing has been done by hand".to_owned(),
            Err(_) => self.message = "the set-up has failed".to_owned(),
        }
    }

    fn after(&mut self, result: Result<(), Failure>) {
        if result.is_err() {
            // The same set-up has run before, and runs are the same each time.
            self.message = "the set-up has failed".to_owned();
        }
        self.follow();
    }

    fn begin_again(&mut self) {
        self.teller = Teller::new(self.filter.clone(), true);
        self.lines.clear();
        self.follow();
    }

    /// Takes in what has happened, and looks at the last of it.
    fn follow(&mut self) {
        if self.replay != self.session.replays() {
            self.replay = self.session.replays();
            self.teller = Teller::new(self.filter.clone(), true);
            self.lines.clear();
        }
        let (trace, lines) = (self.session.trace(), &mut self.lines);
        let _ = self.teller.tell(trace, &mut |line| {
            if line.at >= trace.zero && line.kind != Kind::Zero {
                lines.push(line);
            }
            Ok::<_, Infallible>(())
        });
        self.chosen = self.lines.len().saturating_sub(1);
        // Why is best asked of a frame: decisions and output belong to the last one.
        let last = self.lines.iter().rposition(|line| line.about.is_some());
        self.chosen = last
            .filter(|&at| at + 1 == self.lines.len() || !self.lines[at + 1..].iter().any(is_typed))
            .unwrap_or(self.chosen);
        self.why_scroll = 0;
    }

    fn scroll(&mut self, by: isize) {
        match self.focus {
            Pane::Story => {
                self.chosen = self.chosen.saturating_add_signed(by).min(self.lines.len().saturating_sub(1));
                self.why_scroll = 0;
            }
            Pane::Nodes => self.choose_node(by.signum()),
            Pane::Why => self.why_scroll = moved(self.why_scroll, by),
            Pane::Tables => self.tables_scroll = moved(self.tables_scroll, by),
        }
    }

    fn choose_node(&mut self, by: isize) {
        let count = self.session.plan().nodes.len().max(1);
        let next = (self.node.0 as usize + count).saturating_add_signed(by) % count;
        self.node = NodeId(next as u32);
        self.tables_scroll = 0;
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        self.session.plan().nodes.get(node.0 as usize).map_or("", |node| &node.name)
    }

    /// All about the chosen line: its text, and the journey of its frame.
    pub fn why(&mut self) -> String {
        let Some(line) = self.lines.get(self.chosen) else { return "nothing has happened yet".to_owned() };
        let Some(id) = line.about else { return format!("{}  {}", line.who, line.what) };
        let records = self.session.trace().records().len();
        if (self.told.0, self.told.1) != (Some(id), records) {
            self.told = (Some(id), records, journey(&self.session, &self.places, id));
        }
        self.told.2.clone()
    }
}

/// Whether a line tells of something that was typed.
fn is_typed(line: &Line) -> bool {
    matches!(line.kind, Kind::Command | Kind::Output | Kind::Complaint | Kind::Status)
}

fn moved(scroll: u16, by: isize) -> u16 {
    u16::try_from(usize::from(scroll).saturating_add_signed(by)).unwrap_or(u16::MAX)
}

/// The journey of a frame, so far.
fn journey(session: &Session, places: &Places, id: FrameId) -> String {
    let journeys = Journeys::of(session.trace());
    let place = |command: &Command<'_>| Some(format!("line {}", places.line(command.node, command.job)?));
    let teller = text::Teller { journeys: &journeys, place: &place, colours: false };
    let mut text = Vec::new();
    // Nothing is written to but memory.
    let _ = journeys.journey(id).map(|journey| teller.write(&mut text, &journey));
    String::from_utf8_lossy(&text).into_owned()
}

impl Pane {
    fn next(self) -> Pane {
        match self {
            Pane::Story => Pane::Why,
            Pane::Why => Pane::Tables,
            Pane::Tables => Pane::Nodes,
            Pane::Nodes => Pane::Story,
        }
    }
}
