//! track_interface, track_script, track_file, track_process: who watches what (vrrp/vrrp_track.c alloc_track_*).

use super::model::{Track, Watch, Weight};
use crate::keepalived::conf::lexer::Line;
use crate::keepalived::conf::parser::Parser;

/// A keyword of an instance or a group of this name.
pub fn keyword(parser: &mut Parser, name: &str, whose: &str, tracks: &mut Vec<Track>) -> bool {
    let make: fn(String) -> Watch = match name {
        "track_interface" => Watch::Interface,
        "track_script" => Watch::Script,
        "track_file" => Watch::File,
        "track_process" => Watch::Process,
        "track_bfd" => {
            parser.without_effect();
            parser.skip();
            return true;
        }
        _ => return false,
    };
    for line in parser.values() {
        if let Some(track) = track(parser, whose, make, &line, tracks) {
            tracks.push(track);
        }
    }
    true
}

/// What messages call it.
fn kind(watch: &Watch) -> &'static str {
    match watch {
        Watch::Interface(_) => "interface",
        Watch::Script(_) => "script",
        Watch::File(_) => "file",
        Watch::Process(_) => "process",
    }
}

/// The weight that something is declared with; none if nobody has declared it before this line.
fn declared(parser: &Parser, watch: &Watch) -> Option<Weight> {
    let config = &parser.config;
    match watch {
        Watch::Interface(_) => Some(Weight::default()),
        Watch::Script(name) => config.scripts.iter().find(|it| it.name == *name).map(|it| it.weight),
        Watch::File(name) => config.track_files.iter().find(|it| it.name == *name).map(|it| it.weight),
        Watch::Process(name) => config.track_processes.iter().find(|it| it.name == *name).map(|it| it.weight),
    }
}

fn track(parser: &mut Parser, whose: &str, make: fn(String) -> Watch, line: &Line, before: &[Track]) -> Option<Track> {
    let words: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
    let watch = make(words[0].to_owned());
    let (kind, name) = (kind(&watch), words[0]);
    let Some(mut weight) = declared(parser, &watch) else {
        parser.warn_at(line, format!("({whose}) track {kind} {name} not found, ignoring..."));
        return None;
    };
    if before.iter().any(|track| track.watch == watch) {
        parser.warn_at(line, format!("({whose}) duplicate track_{kind} {name} - ignoring"));
        return None;
    }
    match words[1..] {
        [] => {}
        ["weight"] => {
            let what = if kind == "interface" { "track_interface".to_owned() } else { format!("track {kind}") };
            parser.warn_at(line, format!("({whose}) weight without value specified for {what} {name} - ignoring"));
            return None;
        }
        ["weight", value, ref rest @ ..] => {
            weight.value = value_of(parser, whose, &watch, line, value).unwrap_or(weight.value);
            match rest.first() {
                None => {}
                Some(&"reverse") => weight.is_reversed = true,
                Some(&"noreverse") if kind != "interface" => weight.is_reversed = false,
                Some(other) => {
                    let text = format!("({whose}) unknown track_{kind} {name} weight option {other} - ignoring");
                    parser.warn_at(line, text);
                }
            }
        }
        [option, ..] => {
            let what = if kind == "interface" { format!("track_interface {name}") } else { format!("track {kind}") };
            parser.warn_at(line, format!("({whose}) unknown {what} option {option} - ignoring"));
            return None;
        }
    }
    Some(Track { watch, weight })
}

/// The number behind `weight`.
fn value_of(parser: &mut Parser, whose: &str, watch: &Watch, line: &Line, text: &str) -> Option<i32> {
    let is_narrow = matches!(watch, Watch::Interface(_) | Watch::Script(_));
    match text.parse::<i32>() {
        Ok(value @ -253..=253) => return Some(value),
        Ok(value @ (-254 | 254)) if !is_narrow => return Some(value),
        Ok(value @ (-254 | 254)) => {
            let name = watch.name();
            parser.warn_at(line, format!("({whose}) weight for {name} cannot be +/-254. Setting to +/-253"));
            return Some(value.signum() * 253);
        }
        Ok(_) => parser.warn_at(line, format!("number '{text}' outside range [-254, 254]")),
        Err(_) => parser.warn_at(line, format!("invalid number '{text}'")),
    }
    let name = watch.name();
    let complaint = match watch {
        Watch::Interface(_) => {
            format!("weight {text} for {name} must be between [-253..253] inclusive. Ignoring...")
        }
        Watch::Script(_) => format!("track script {name}: weight must be between [-253..253] inclusive, ignoring..."),
        _ => format!("weight for track {} {name} must be in [-254..254] inclusive. Ignoring...", kind(watch)),
    };
    parser.warn_at(line, format!("({whose}) {complaint}"));
    None
}
