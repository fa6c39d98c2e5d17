//! What can be asked for at the prompt.

use crate::ids::NodeId;
use crate::scenario::plan::Action;
use crate::scenario::{Plan, nearest, parse_time};
use crate::session::{Goal, Unit};
use crate::time::Span;
use crate::trace::filter::Filter;

/// A line of the user's, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Go on until then.
    Go(Goal),
    /// Go back by so many.
    Back(usize, Unit),
    /// Go to this time, forward or back.
    Jump(Span),
    /// Type a command at a node.
    Type(NodeId, String),
    /// Take a node's prompt.
    Enter(NodeId),
    /// Give a node's prompt back.
    Leave,
    /// Break or mend something.
    Act(Action),
    /// List the frames so far.
    Frames(Filter),
    /// The same as a ladder.
    Ladder(Filter),
    /// Tell only of these frames from now on.
    Show(Filter),
    /// All about a frame; none: the last one that was shown.
    Why(Option<u64>),
    /// What a node knows.
    Tables(NodeId),
    /// Who is there.
    Nodes,
    /// What has been done by hand.
    Deeds,
    /// Take the last of it back.
    Undo,
    /// Write a scenario file, perhaps over another.
    Save { path: String, over: bool },
    /// Explain a command, or list them.
    Help(Option<&'static Entry>),
    /// End.
    Quit,
    /// An empty line, or a comment.
    Nothing,
}

/// A command and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// A shorter one.
    pub short: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// All commands, as `help` lists them.
pub const ENTRIES: &[Entry] = &[
    entry("step", "s", "step [N] [events]", "on to the next frame that is sent or lost, or N frames or events"),
    entry("event", "e", "event [N]", "on to the next event of which there is anything to tell, or N of them"),
    entry(
        "until",
        "u",
        "until WHAT",
        "on until WHAT: a time (1.5s, or +200ms from now), drop, done, says TEXT, or a filter (arp, conn 10.0.0.5:40001)",
    ),
    entry("run", "r", "run", "on to the end of the scenario"),
    entry("back", "b", "back [N] [events]", "back by a frame, or N frames or events"),
    entry("goto", "g", "goto TIME", "to a time, forward or back"),
    entry("on", "", "on NODE", "gives you NODE's prompt; exit or Ctrl-D leaves it"),
    entry("unplug", "", "unplug NODE.IFACE", "pulls a cable out"),
    entry("plug", "", "plug NODE.IFACE", "plugs it in again"),
    entry("crash", "", "crash NODE", "a machine loses power"),
    entry("boot", "", "boot NODE", "it is switched on again: its set-up runs, all else that was typed is gone"),
    entry(
        "why",
        "w",
        "why [FRAME]",
        "all that was decided about a frame; without its number, about the last one shown",
    ),
    entry("frames", "f", "frames [FILTER]", "lists the frames so far"),
    entry(
        "ladder",
        "",
        "ladder [FILTER]",
        "draws them as a ladder: a column for each machine, an arrow for each frame",
    ),
    entry("show", "", "show FILTER", "tells only of these frames from now on (show all: of all)"),
    entry("tables", "t", "tables NODE", "what a node knows now: addresses, neighbours, services, connections, VRRP"),
    entry("nodes", "", "nodes", "who is there"),
    entry("deeds", "", "deeds", "what you have done by hand"),
    entry("undo", "", "undo", "takes the last of it back, and goes back to before it"),
    entry(
        "save",
        "",
        "save FILE, save! FILE",
        "writes the scenario with what you have done in its timeline; save! over another file",
    ),
    entry("help", "h", "help [COMMAND]", "explains"),
    entry("quit", "q", "quit", "ends; so does Ctrl-D"),
];

const fn entry(name: &'static str, short: &'static str, usage: &'static str, does: &'static str) -> Entry {
    Entry { name, short, usage, does }
}

impl Request {
    /// Understands a line, typed at this moment of the run.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub fn parse(line: &str, plan: &Plan, now: Span) -> Result<Request, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Request::Nothing);
        }
        if let Some((name, command)) = line.split_once('$')
            && !name.contains(char::is_whitespace)
        {
            let node = node(plan, name)?;
            let command = command.trim();
            return Ok(if command.is_empty() { Request::Enter(node) } else { Request::Type(node, command.to_owned()) });
        }
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        if word == "save!" {
            return save(rest, true);
        }
        let Some(entry) = find(word) else { return Err(unknown(word, plan)) };
        match entry.name {
            "step" => match amount(rest)? {
                (steps, Unit::Frames) => Ok(Request::Go(Goal::Frames(steps))),
                (steps, Unit::Events) => Ok(Request::Go(Goal::Events(steps))),
            },
            "event" => Ok(Request::Go(Goal::Events(count(rest)?))),
            "until" if rest.is_empty() => Err(format!("until when? {}", entry.does)),
            "until" => {
                let goal = Goal::parse(rest, now).map_err(|error| error.to_string())?;
                match &goal {
                    Goal::Seen(filter) => known_names(filter, plan)?,
                    Goal::Time(at) if *at < now => {
                        return Err(format!("{rest} is over: it is {now} s; `goto {rest}` goes back"));
                    }
                    _ => {}
                }
                Ok(Request::Go(goal))
            }
            "run" => Ok(Request::Go(Goal::End)),
            "back" => back(rest),
            "goto" => parse_time(rest)
                .map(Request::Jump)
                .ok_or_else(|| format!("`{rest}` is not a time: a number and a unit, like 1.5s or 200ms")),
            "on" => node(plan, rest).map(Request::Enter),
            "unplug" => plug(plan, rest, false),
            "plug" => plug(plan, rest, true),
            "crash" => node(plan, rest).map(|node| Request::Act(Action::Crash(node))),
            "boot" => node(plan, rest).map(|node| Request::Act(Action::Boot(node))),
            "why" if rest.is_empty() => Ok(Request::Why(None)),
            "why" => match rest.trim_start_matches('#').parse() {
                Ok(number) => Ok(Request::Why(Some(number))),
                Err(_) => Err(format!("`{rest}` is not the number of a frame; `frames` lists them")),
            },
            "frames" => filter(rest, plan).map(Request::Frames),
            "ladder" => filter(rest, plan).map(Request::Ladder),
            "show" => filter(rest, plan).map(Request::Show),
            "tables" => node(plan, rest).map(Request::Tables),
            "nodes" => Ok(Request::Nodes),
            "deeds" => Ok(Request::Deeds),
            "undo" => Ok(Request::Undo),
            "save" => save(rest, false),
            "help" if rest.is_empty() => Ok(Request::Help(None)),
            "help" => find(rest).map(|entry| Request::Help(Some(entry))).ok_or_else(|| unknown(rest, plan)),
            _ => Ok(Request::Quit),
        }
    }
}

/// A command by its name, its short one, or `exit`.
fn find(word: &str) -> Option<&'static Entry> {
    let word = if word == "exit" { "quit" } else { word };
    ENTRIES.iter().find(|entry| entry.name == word || (!entry.short.is_empty() && entry.short == word))
}

fn unknown(word: &str, plan: &Plan) -> String {
    if plan.node(word).is_some() {
        return format!("`{word}` is a node: `{word}$ COMMAND` types there, `on {word}` gives you its prompt");
    }
    if crate::shell::find(word).is_some() {
        let node = plan.nodes.first().map_or("NODE", |node| &node.name);
        return format!("`{word}` is a command of nodes: at which? `{node}$ {word} ...`");
    }
    match nearest(word, ENTRIES.iter().map(|entry| entry.name)) {
        Some(name) => format!("there is no command `{word}`; did you mean `{name}`? `help` lists them"),
        None => format!("there is no command `{word}`; `help` lists them"),
    }
}

fn node(plan: &Plan, name: &str) -> Result<NodeId, String> {
    plan.node(name).ok_or_else(|| {
        let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
        match nearest(name, names.iter().copied()).filter(|_| !name.is_empty()) {
            Some(near) => format!("there is no node `{name}`; did you mean `{near}`?"),
            None => format!("there is no node `{name}`; nodes: {}", names.join(", ")),
        }
    })
}

fn plug(plan: &Plan, name: &str, plugged: bool) -> Result<Request, String> {
    let Some((node, interface)) = plan.interface(name) else {
        let names: Vec<_> = plan.interface_names().collect();
        return Err(format!("there is no interface `{name}`; interfaces: {}", names.join(", ")));
    };
    Ok(Request::Act(Action::Cable(node, interface, plugged)))
}

fn count(text: &str) -> Result<u64, String> {
    match text {
        "" => Ok(1),
        _ => text.parse().ok().filter(|&count| count > 0).ok_or_else(|| format!("`{text}` is no number of steps")),
    }
}

/// How many of what: `3`, `events`, `3 events`.
fn amount(rest: &str) -> Result<(u64, Unit), String> {
    let (mut steps, mut unit) = (1, Unit::Frames);
    for word in rest.split_whitespace() {
        match word {
            "event" | "events" => unit = Unit::Events,
            "frame" | "frames" | "step" | "steps" => unit = Unit::Frames,
            number => steps = count(number)?,
        }
    }
    Ok((steps, unit))
}

fn back(rest: &str) -> Result<Request, String> {
    match rest.split_whitespace().find(|word| parse_time(word).is_some()) {
        Some(time) => Err(format!("`goto {time}` goes to a time")),
        None => amount(rest).map(|(steps, unit)| Request::Back(usize::try_from(steps).unwrap_or(usize::MAX), unit)),
    }
}

fn filter(text: &str, plan: &Plan) -> Result<Filter, String> {
    let filter = Filter::parse(text).map_err(|error| error.to_string())?;
    known_names(&filter, plan)?;
    Ok(filter)
}

/// A filter that names what is not there would be silent for ever.
fn known_names(filter: &Filter, plan: &Plan) -> Result<(), String> {
    let interfaces: Vec<_> = plan.interface_names().collect();
    let is_interface = |name: &str| {
        interfaces.iter().any(|known| known == name || known.split_once('.').is_some_and(|(_, it)| it == name))
    };
    match filter.names().into_iter().find(|name| plan.node(name).is_none() && !is_interface(name)) {
        Some(name) => Err(format!("there is no node or interface `{name}`; interfaces: {}", interfaces.join(", "))),
        None => Ok(()),
    }
}

fn save(path: &str, over: bool) -> Result<Request, String> {
    if path.is_empty() {
        return Err("where to? `save FILE`".to_owned());
    }
    Ok(Request::Save { path: path.to_owned(), over })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    fn parse(line: &str) -> Result<Request, String> {
        let plan = load(crate::cli::DEFAULT_SCENARIO.1).unwrap();
        Request::parse(line, &plan, Span::from_secs(1))
    }

    #[test]
    fn what_is_understood() {
        let node = NodeId;
        for (line, request) in [
            ("  ", Request::Nothing),
            ("# a comment", Request::Nothing),
            ("s", Request::Go(Goal::Frames(1))),
            ("event 3", Request::Go(Goal::Events(3))),
            ("until +1s", Request::Go(Goal::Time(Span::from_secs(2)))),
            ("u says hello world", Request::Go(Goal::Said("hello world".to_owned()))),
            ("back 2 events", Request::Back(2, Unit::Events)),
            ("goto 0s", Request::Jump(Span::ZERO)),
            ("rs1$ ip neigh | grep $x", Request::Type(node(2), "ip neigh | grep $x".to_owned())),
            ("rs1$", Request::Enter(node(2))),
            ("unplug rs2.eth0", Request::Act(Action::Cable(node(3), 0, false))),
            ("ladder", Request::Ladder(Filter::all())),
            ("boot rs1", Request::Act(Action::Boot(node(2)))),
            ("why #12", Request::Why(Some(12))),
            ("save! a b.ron", Request::Save { path: "a b.ron".to_owned(), over: true }),
            ("exit", Request::Quit),
        ] {
            assert_eq!(parse(line), Ok(request), "{line}");
        }
    }

    #[test]
    fn what_is_not_is_answered_with_what_would_be() {
        for (line, complaint) in [
            ("stepp", "there is no command `stepp`; did you mean `step`? `help` lists them"),
            ("rs1", "`rs1` is a node: `rs1$ COMMAND` types there, `on rs1` gives you its prompt"),
            ("ip neigh", "`ip` is a command of nodes: at which? `client$ ip ...`"),
            ("xyzzy", "there is no command `xyzzy`; `help` lists them"),
            ("rs3$ ls", "there is no node `rs3`; did you mean `rs1`?"),
            ("tables", "there is no node ``; nodes: client, director, rs1, rs2"),
            ("step -1", "`-1` is no number of steps"),
            ("until 0.5s", "0.5s is over: it is 1.000000 s; `goto 0.5s` goes back"),
            ("until 5", "`5` is not a time: a number and a unit, like 1.5s or 200ms"),
            (
                "until node rs9",
                "there is no node or interface `rs9`; interfaces: client.eth0, director.eth0, rs1.eth0, rs2.eth0",
            ),
            ("until arpp", "`arpp`: can't parse filter expression: syntax error"),
            ("back 1s", "`goto 1s` goes to a time"),
            ("goto x", "`x` is not a time: a number and a unit, like 1.5s or 200ms"),
            ("unplug rs1", "there is no interface `rs1`; interfaces: client.eth0, director.eth0, rs1.eth0, rs2.eth0"),
            ("why x", "`x` is not the number of a frame; `frames` lists them"),
            ("save", "where to? `save FILE`"),
        ] {
            assert_eq!(parse(line).unwrap_err(), complaint, "{line}");
        }
    }
}
