//! The view, drawn into memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::app::App;
use super::draw::draw;
use crate::scenario::{Options, load};
use crate::session::Session;

fn app() -> App {
    let text = crate::cli::DEFAULT_SCENARIO.1;
    App::new(Session::begin(load(text).unwrap(), Options::default()).unwrap(), text.to_owned())
}

fn press(app: &mut App, keys: &[KeyCode]) {
    for key in keys {
        assert!(app.press(KeyEvent::from(*key)), "{key:?} ends it");
    }
}

fn write(app: &mut App, text: &str) {
    text.chars().for_each(|c| press(app, &[KeyCode::Char(c)]));
    press(app, &[KeyCode::Enter]);
}

fn seen(app: &mut App, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(app, frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_screen_of_a_small_terminal() {
    let mut app = app();
    press(&mut app, &[KeyCode::Right, KeyCode::Right, KeyCode::Right, KeyCode::Char('n')]);
    insta::assert_snapshot!(seen(&mut app, 80, 24));
}

#[test]
fn any_size_is_drawn() {
    let mut app = app();
    press(&mut app, &[KeyCode::End, KeyCode::Char('?')]);
    for (columns, rows) in [(1, 1), (2, 40), (40, 2), (10, 10), (79, 23), (200, 60)] {
        seen(&mut app, columns, rows);
    }
    press(&mut app, &[KeyCode::Esc, KeyCode::Char(':')]);
    write(&mut app, "printf 'a\\tb\\033[31m\\n'");
    for (columns, rows) in [(1, 1), (5, 5), (80, 24)] {
        seen(&mut app, columns, rows);
    }
}

#[test]
fn keys_move_through_the_run() {
    let mut app = app();
    press(&mut app, &[KeyCode::Right, KeyCode::Right]);
    let second = app.lines.len();
    press(&mut app, &[KeyCode::Right, KeyCode::Left]);
    assert_eq!(app.lines.len(), second);
    press(&mut app, &[KeyCode::Char('u')]);
    write(&mut app, "says ESTABLISHED");
    assert!(app.lines.last().is_some_and(|line| line.what.contains("ESTABLISHED") || line.about.is_some()));
    press(&mut app, &[KeyCode::Char('/')]);
    write(&mut app, "arp");
    assert!(app.lines.iter().all(|line| !line.what.contains("Flags")));
    press(&mut app, &[KeyCode::Char('/'), KeyCode::Char('x')]);
    press(&mut app, &[KeyCode::Enter]);
    assert!(app.message.contains("can't parse"), "{}", app.message);
    press(&mut app, &[KeyCode::Home]);
    assert!(app.lines.is_empty());
    press(&mut app, &[KeyCode::Char(' ')]);
    app.tick();
    assert!(app.playing && !app.lines.is_empty());
}

#[test]
fn commands_are_typed_at_the_chosen_node() {
    let mut app = app();
    press(&mut app, &[KeyCode::Right, KeyCode::Char('n'), KeyCode::Char(':')]);
    write(&mut app, "ipvsadm -E -t 192.168.1.200:80 -s rr");
    assert!(seen(&mut app, 120, 40).contains("TCP  192.168.1.200:80 rr"));
    press(&mut app, &[KeyCode::Char('z')]);
    assert!(seen(&mut app, 120, 40).contains("TCP  192.168.1.200:80 wlc"));
    press(&mut app, &[KeyCode::Char('z')]);
    assert_eq!(app.message, "nothing has been done by hand");
    press(&mut app, &[KeyCode::Tab, KeyCode::Tab, KeyCode::Tab, KeyCode::Down]);
    assert_eq!(app.name(app.node), "rs1");
}
