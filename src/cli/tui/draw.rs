//! How the full-screen view looks.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line as Row, Span, Text};
use ratatui::widgets::{Block, Clear, List, ListState, Paragraph, Wrap};

use super::app::{App, Ask, Pane};
use crate::ids::NodeId;
use crate::shell::tables;
use crate::trace::{Kind, Line};

/// Columns for the nodes.
const NODES_WIDTH: u16 = 26;

const KEYS: &str = "space play  ←→ step  u until  : command  / filter  Tab pane  ? help  q quit";

const HELP: &str = "\
space       plays, and pauses
→  ←        a frame on, a frame back
e           an event on
End  Home   to the end of the scenario, to its beginning
u           on until: 1.5s, +200ms, drop, arp, conn 10.0.0.5:40001,
            says MASTER, done, or any filter
Tab         the next pane; Shift-Tab the one before
↑↓ PgUp PgDn   choose a line, scroll a text, choose a node
n           the next node: its tables are shown
:           types a command at that node, at this moment
/           lists only these frames (empty: all)
s  S        saves the scenario with what you did; S over a file
z           takes back what you did last
q           ends; nothing is saved by itself

any key goes on";

/// Draws everything.
pub fn draw(app: &mut App, frame: &mut Frame<'_>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let [upper, lower] = Layout::vertical([Constraint::Percentage(50), Constraint::Fill(1)]).areas(body);
    let width = NODES_WIDTH.min(upper.width / 3);
    let [nodes, story] = Layout::horizontal([Constraint::Length(width), Constraint::Fill(1)]).areas(upper);
    let [why, tables] = Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]).areas(lower);
    draw_head(app, frame, head);
    draw_nodes(app, frame, nodes);
    draw_story(app, frame, story);
    draw_why(app, frame, why);
    draw_tables(app, frame, tables);
    draw_foot(app, frame, foot);
    if app.help {
        draw_help(frame, body);
    }
}

fn draw_head(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let state = if app.playing { "▶ plays" } else { "‖ paused" };
    let moment = format!(" {} s  {state} ", app.session.now());
    let left = format!(" {}", app.session.plan().title);
    let [title, time] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width(&moment))]).areas(area);
    let style = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(left).style(style), title);
    frame.render_widget(Paragraph::new(moment).style(style), time);
}

fn block<'a>(app: &App, pane: Pane, title: impl Into<Row<'a>>) -> Block<'a> {
    let style = if app.focus == pane { Style::new().fg(Color::Yellow).bold() } else { Style::new().dim() };
    Block::bordered().title(title).border_style(style)
}

/// The switches and who is plugged into them, with the addresses that they have now.
fn draw_nodes(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let (plan, mut rows) = (app.session.plan(), Vec::new());
    let touched = touched(app);
    for (number, switch) in plan.switches.iter().enumerate() {
        rows.push(Row::from(switch.name.clone()).dim());
        let plugs = plan.nodes.iter().enumerate().flat_map(|(node, it)| {
            let here = it.interfaces.iter().enumerate().filter(move |(_, interface)| interface.switch == number);
            here.map(move |(port, _)| (NodeId(node as u32), port))
        });
        let plugs: Vec<_> = plugs.collect();
        for (place, &(node, port)) in plugs.iter().enumerate() {
            let branch = if place + 1 == plugs.len() { "└" } else { "├" };
            let mark = if touched.contains(&node) { "●" } else { " " };
            let mut style = Style::new();
            if node == app.node {
                style = style.add_modifier(Modifier::REVERSED);
            }
            rows.push(Row::from(vec![
                Span::raw(format!("{branch}{mark}")),
                Span::styled(app.name(node).to_owned(), style),
            ]));
            let stem = if place + 1 == plugs.len() { " " } else { "│" };
            rows.extend(
                addresses(app, node, port).into_iter().map(|address| Row::from(format!("{stem}  {address}")).dim()),
            );
        }
    }
    frame.render_widget(Paragraph::new(rows).block(block(app, Pane::Nodes, " nodes ")), area);
}

/// The addresses of a plug, and those of lo at the first one.
fn addresses(app: &App, node: NodeId, port: usize) -> Vec<String> {
    let host = app.session.host(node);
    if host.is_off() {
        return vec!["no power".to_owned()];
    }
    host.with_kernel(|kernel| {
        let mut addresses = Vec::new();
        for interface in kernel.interfaces() {
            let is_here = interface.port().is_some_and(|own| own.0 as usize == port);
            let is_lo = interface.is_loopback() && port == 0;
            for address in interface.addresses.iter().filter(|address| (is_here || is_lo) && !address.ip.is_loopback())
            {
                addresses.push(if is_lo { format!("{} lo", address.ip) } else { address.ip.to_string() });
            }
        }
        addresses
    })
}

/// The nodes that the chosen line speaks of.
fn touched(app: &App) -> Vec<NodeId> {
    let Some(line) = app.lines.get(app.chosen) else { return Vec::new() };
    let words = line.who.split(' ').map(|word| word.split('.').next().unwrap_or(word));
    let nodes: Vec<_> = words.filter_map(|word| app.session.plan().node(word)).collect();
    nodes
}

fn draw_story(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    app.page = usize::from(area.height.saturating_sub(2)).max(1);
    // Of a long story, only what is near the chosen line is laid out.
    let from = app.chosen.saturating_sub(app.page);
    let shown: Vec<_> = app.lines[from..].iter().take(2 * app.page + 1).map(|line| row(app, line)).collect();
    let title = match app.filter_text.as_str() {
        "" => " story ".to_owned(),
        filter => format!(" story: {filter} "),
    };
    let list = List::new(shown)
        .block(block(app, Pane::Story, title))
        .highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = ListState::default().with_selected(Some(app.chosen - from));
    frame.render_stateful_widget(list, area, &mut state);
}

/// A line of the story. Names of interfaces are left out: there is little room.
fn row(app: &App, line: &Line) -> Row<'static> {
    let time = line.at.since(app.session.trace().zero).to_string();
    let number = line.about.map(|id| format!("#{}", id.number())).unwrap_or_default();
    let who: Vec<_> = line.who.split(' ').map(|word| word.split('.').next().unwrap_or(word)).collect();
    Row::from(vec![
        Span::from(format!("{time} {number:>4} ")).dim(),
        Span::from(format!("{} ", who.join(" "))),
        Span::styled(plain(&line.what), style(line.kind)),
    ])
}

fn style(kind: Kind) -> Style {
    match kind {
        Kind::Zero | Kind::Command => Style::new().bold(),
        Kind::Output => Style::new().fg(Color::Green),
        Kind::Complaint | Kind::End => Style::new().fg(Color::Red),
        Kind::Status => Style::new().dim(),
        Kind::Frame => Style::new(),
        Kind::Decision => Style::new().fg(Color::Cyan),
    }
}

fn draw_why(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    let text = plain(&app.why());
    let rows: u16 = text.lines().map(|line| width(line) / area.width.saturating_sub(2).max(1) + 1).sum();
    app.why_scroll = app.why_scroll.min(rows.saturating_sub(area.height.saturating_sub(2)));
    let page = Paragraph::new(text).wrap(Wrap { trim: false }).scroll((app.why_scroll, 0));
    frame.render_widget(page.block(block(app, Pane::Why, " why ")), area);
}

fn draw_tables(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    let mut rows = Vec::new();
    for table in tables(app.session.host(app.node), app.session.clock()) {
        rows.push(Row::from(format!("$ {}", table.command)).bold());
        let text = plain(&table.text);
        let is_wide = text.lines().any(|line| width(line.trim_end()) > area.width.saturating_sub(2));
        rows.extend(text.lines().map(|line| Row::from(if is_wide { narrowed(line) } else { line.to_owned() })));
    }
    let most = rows.len().saturating_sub(usize::from(area.height.saturating_sub(2)));
    app.tables_scroll = app.tables_scroll.min(u16::try_from(most).unwrap_or(u16::MAX));
    let title = format!(" {} ", app.name(app.node));
    let page = Paragraph::new(Text::from(rows)).scroll((app.tables_scroll, 0));
    frame.render_widget(page.block(block(app, Pane::Tables, title)), area);
}

fn draw_foot(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let Some((ask, text)) = &app.ask else {
        let (words, style) =
            if app.message.is_empty() { (KEYS, Style::new().dim()) } else { (&*app.message, Style::new()) };
        frame.render_widget(Paragraph::new(words).style(style), area);
        return;
    };
    let prompt = match ask {
        Ask::Command => format!("{}$ {text}", app.name(app.node)),
        Ask::Filter => format!("/{text}"),
        Ask::Until => format!("until {text}"),
        Ask::Save { over: false } => format!("save {text}"),
        Ask::Save { over: true } => format!("save over {text}"),
    };
    // What was typed last is what must be seen.
    let hidden = width(&prompt).saturating_sub(area.width.saturating_sub(1));
    frame.render_widget(Paragraph::new(prompt.clone()).scroll((0, hidden)), area);
    frame.set_cursor_position((area.x + width(&prompt) - hidden, area.y));
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let (high, wide) = (HELP.lines().count() as u16 + 2, 68);
    let area = area.centered(Constraint::Length(wide.min(area.width)), Constraint::Length(high.min(area.height)));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title(" keys ")), area);
}

/// A line of a table, with less space between its columns.
fn narrowed(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    line[..indent].to_owned() + &cells.collect::<Vec<_>>().join("  ")
}

/// How many columns a text takes.
fn width(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// A text without what would move the cursor.
fn plain(text: &str) -> String {
    text.replace('\t', "    ").chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
