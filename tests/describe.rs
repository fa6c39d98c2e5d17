//! Our one-line descriptions of frames against tcpdump's own, on recorded frames. Skipped where tcpdump is not installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use lvslab::wire::Frame;
use lvslab::wire::describe::Describer;

/// The frames of a classic pcap file, little-endian.
fn frames(file: &Path) -> Vec<Frame> {
    let bytes = std::fs::read(file).unwrap();
    let mut rest = &bytes[24..];
    let mut frames = Vec::new();
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(Frame::new(&rest[16..16 + len]));
        rest = &rest[16 + len..];
    }
    frames
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pcap") {
            found.push(path);
        }
    }
}

fn tcpdump(link: bool, file: &Path) -> Option<String> {
    let flags = if link { "-tner" } else { "-tnr" };
    let output = Command::new("tcpdump").arg(flags).arg(file).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn lines_are_those_of_tcpdump() {
    let folder = std::env::var("CASES").unwrap_or_else(|_| "tests/cases".to_owned());
    let mut files = Vec::new();
    captures(Path::new(&folder), &mut files);
    files.sort();
    for file in files {
        for link in [false, true] {
            let Some(expected) = tcpdump(link, &file) else { return };
            let mut describer = if link { Describer::with_link_header() } else { Describer::default() };
            let ours: Vec<String> = frames(&file).iter().map(|frame| describer.describe(frame).to_string()).collect();
            for (number, (ours, expected)) in ours.iter().zip(expected.lines()).enumerate() {
                assert_eq!(ours, expected, "{}: frame {}", file.display(), number + 1);
            }
        }
    }
}
