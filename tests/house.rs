//! Who may know whom: the arrows of the house, read off the sources.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may know besides itself. What is not here may know everybody.
const ARROWS: &[(&str, &str)] = &[
    ("time", ""),
    ("ids", ""),
    ("random", ""),
    ("rare", ""),
    ("wire", ""),
    ("reason", "time ids wire"),
    ("ipvs", "time ids rare wire reason"),
    ("keepalived", "time ids wire reason"),
    ("sim", "time ids random wire reason"),
    ("host", "time ids random rare wire reason sim ipvs keepalived"),
    ("apps", "time ids random wire reason host shell"),
    ("shell", "time ids random wire reason ipvs keepalived host apps"),
    ("trace", "time ids wire reason sim"),
    ("svg", ""),
    ("topo", "wire svg"),
    ("report", "time ids wire reason sim trace topo svg"),
    ("course", "random scenario"),
    ("diagnose", "time ids wire reason sim keepalived trace topo scenario"),
    ("scenario", "time ids random wire reason sim ipvs keepalived host shell apps trace topo"),
    ("session", "time ids random wire reason sim ipvs keepalived host shell apps trace scenario topo"),
];

/// What only the command line may touch: the world outside.
const OUTSIDE: &[&str] =
    &["std::fs", "std::net::Tcp", "std::net::Udp", "std::process::Command", "std::time", "std::env"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The room that a file belongs to: the first part of its path below src.
fn room(path: &Path) -> String {
    let first = path.strip_prefix(support::project().join("src")).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
}

/// The code of a file, without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a text speaks of by `crate::ROOM`, and by `use crate::{ROOM::..., ROOM::...}`.
fn known(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let word = |text: &str| -> String {
            text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        match rest.strip_prefix('{') {
            None => rooms.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = 0;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => {
                            rooms.push(word(&group[start..]));
                            break;
                        }
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            rooms.push(word(&group[start..]));
                            start = at + 1;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    rooms
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for path in sources(&support::project().join("src")) {
        if path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing") {
            continue;
        }
        let room = room(&path);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else { continue };
        let rooms = ARROWS.iter().map(|(name, _)| *name).chain(["cli"]);
        let rooms: Vec<_> = rooms.collect();
        for known in known(&code(&path)) {
            if rooms.contains(&known.as_str()) && known != room && !allowed.split(' ').any(|it| it == known) {
                wrong.push(format!("{} knows {known}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_command_line_touches_the_world() {
    let mut wrong = Vec::new();
    for path in sources(&support::project().join("src")) {
        if matches!(room(&path).as_str(), "cli" | "main") {
            continue;
        }
        let code = code(&path);
        for word in OUTSIDE {
            if code.contains(word) {
                wrong.push(format!("{} speaks of {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn paths_are_found() {
    assert_eq!(
        known("use crate::time::Time; crate::wire::X use crate::{sim::{A, B}, host}"),
        ["time", "wire", "sim", "host"]
    );
}
