//! The user's files: read with a clear word when that fails, and never written over unless they are ours.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::scenario::Outcome;

/// What every pcapng file of ours begins with: see [`crate::trace::pcapng`].
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// A file's text.
///
/// # Errors
///
/// Which file could not be read, and why.
pub fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether a capture may be written here: nothing is there, or a capture that we have made.
///
/// # Errors
///
/// What stands in the way.
pub fn may_write(path: &Path) -> Result<(), String> {
    let mut start = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut start)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(_) if start.starts_with(&PCAPNG_MAGIC) && start.windows(6).any(|part| part == b"lvslab") => Ok(()),
        Ok(_) => {
            Err(format!("{} is there already, and does not come from lvslab (--force writes over it)", path.display()))
        }
    }
}

/// Whether a picture or a page may be written here: nothing is there, or one that we have made.
///
/// # Errors
///
/// What stands in the way.
pub fn may_draw(path: &Path) -> Result<(), String> {
    let mut start = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut start)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(_) if start.windows(6).any(|part| part == b"lvslab") => Ok(()),
        Ok(_) => {
            Err(format!("{} is there already, and does not come from lvslab (--force writes over it)", path.display()))
        }
    }
}

/// Whether a record may be written into this folder: none of its files is there, or an earlier record is.
///
/// # Errors
///
/// What stands in the way.
pub fn may_record(dir: &Path) -> Result<(), String> {
    if dir.is_file() {
        return Err(format!("{} is a file, not a folder", dir.display()));
    }
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let records: Vec<_> = names
        .filter(|name| name == "steps.json" || name.ends_with(".pcap") || name.ends_with("-keepalived.log"))
        .collect();
    let ours = fs::read_to_string(dir.join("steps.json")).is_ok_and(|text| text.contains("\"kernel\": \"lvslab "));
    match records.first() {
        Some(name) if !ours => Err(format!(
            "{} is there already, and does not come from lvslab (--force writes over it)",
            dir.join(name).display()
        )),
        _ => Ok(()),
    }
}

/// Writes a record: steps.json, the captures, and what daemons have logged.
///
/// # Errors
///
/// Those of the file system, with the file's name.
pub fn record(dir: &Path, outcome: &Outcome) -> io::Result<()> {
    fs::create_dir_all(dir).map_err(|error| named(dir, &error))?;
    write(&dir.join("steps.json"), outcome.steps.to_json().as_bytes())?;
    for (name, text) in &outcome.logs {
        write(&dir.join(format!("{name}.log")), text.as_bytes())?;
    }
    outcome.captures().try_for_each(|(name, capture)| write(&dir.join(name + ".pcap"), &capture))
}

/// Writes a file.
///
/// # Errors
///
/// Those of the file system, with the file's name.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes).map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
