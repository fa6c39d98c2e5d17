//! vrrp_script, track_file, vrrp_track_process: what can be tracked.

use super::model::{Script, TrackFile, TrackProcess, Weight};
use crate::keepalived::conf::parser::Parser;
use crate::time::Span;

/// The longest time that keywords take, in whole seconds.
const LONGEST: i64 = 4_294;

/// vrrp_script NAME { ... }
pub fn script(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let mut script = Script {
        name,
        command: String::new(),
        interval: Span::from_secs(1),
        timeout: None,
        weight: Weight::default(),
        rise: 1,
        fall: 1,
        init_fail: false,
    };
    parser.inner(|parser, name| script_keyword(parser, name, &mut script));
    if script.command.is_empty() {
        parser.warn(format!("No script set for vrrp_script {} - removing", script.name));
    } else {
        parser.config.scripts.push(script);
    }
}

fn script_keyword(parser: &mut Parser, name: &str, script: &mut Script) -> bool {
    let whose = script.name.clone();
    match name {
        "script" => {
            if parser.parameter().is_some() {
                script.command = parser.rest();
            }
        }
        "interval" => {
            let wrong =
                |text: &str| format!("({whose}): vrrp script interval '{text}' must be between 1 and 4294 - ignoring");
            if let Some(seconds) = parser.number_or(0, LONGEST, wrong) {
                script.interval = at_least_one(parser, seconds, &whose, "interval");
            }
        }
        "timeout" => {
            let wrong = |text: &str| format!("({whose}): vrrp script timeout '{text}' invalid - ignoring");
            if let Some(seconds) = parser.number_or(0, LONGEST, wrong) {
                script.timeout = Some(at_least_one(parser, seconds, &whose, "timeout"));
            }
        }
        "weight" => {
            let wrong = |text: &str| format!("vrrp_script {whose} weight {text} must be in [-253, 253]");
            script.weight.value = parser.number_or(-253, 253, wrong).map_or(0, |weight| weight as i32);
            reversed(parser, &mut script.weight, &format!("vrrp_script {whose}"));
        }
        "rise" => {
            let wrong = |text: &str| format!("({whose}): vrrp script rise value '{text}' invalid, defaulting to 1");
            script.rise = parser.number_or(1, i64::from(i32::MAX), wrong).map_or(1, |rise| rise as u32);
        }
        "fall" => {
            let wrong = |text: &str| format!("({whose}): vrrp script fall value '{text}' invalid, defaulting to 1");
            script.fall = parser.number_or(1, i64::from(i32::MAX), wrong).map_or(1, |fall| fall as u32);
        }
        "init_fail" => script.init_fail = true,
        "user" => parser.without_effect(),
        _ => return false,
    }
    true
}

fn at_least_one(parser: &mut Parser, seconds: i64, whose: &str, what: &str) -> Span {
    if seconds == 0 {
        parser.warn(format!("({whose}): vrrp script {what} must be greater than 0, setting to 1"));
    }
    Span::from_secs(seconds.max(1) as u64)
}

/// `weight W reverse`
fn reversed(parser: &mut Parser, weight: &mut Weight, whose: &str) {
    match parser.word(2) {
        None => {}
        Some("reverse") => weight.is_reversed = true,
        Some(other) => {
            let text = format!("{whose} unknown weight option {other}");
            parser.warn(text);
        }
    }
}

/// track_file NAME { ... }
pub fn file(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let weight = Weight { value: 1, is_reversed: false };
    let mut file = TrackFile { name, path: String::new(), weight, init: None };
    parser.inner(|parser, name| file_keyword(parser, name, &mut file));
    if file.path.is_empty() {
        parser.warn(format!("No file set for track_file {} - ignoring", file.name));
    } else {
        parser.config.track_files.push(file);
    }
}

fn file_keyword(parser: &mut Parser, name: &str, file: &mut TrackFile) -> bool {
    let whose = file.name.clone();
    match name {
        "file" if !file.path.is_empty() => {
            let second = parser.word(1).unwrap_or_default();
            parser.warn(format!("File already set for track file {whose} - ignoring {second}"));
        }
        "file" => file.path = parser.parameter().unwrap_or_default(),
        "weight" => {
            let wrong = |text: &str| {
                format!("Weight ({text}) for track_file {whose} must be between [-254..254] inclusive. Ignoring...")
            };
            file.weight.value = parser.number_or(-254, 254, wrong).map_or(1, |weight| weight as i32);
            reversed(parser, &mut file.weight, &format!("track_file {whose}"));
        }
        "init_file" => file.init = Some(initial(parser, &whose)),
        _ => return false,
    }
    true
}

/// `init_file [VALUE] [overwrite]`
fn initial(parser: &mut Parser, whose: &str) -> (i64, bool) {
    let mut init = (0, false);
    for word in parser.words() {
        match word.parse::<i64>() {
            _ if word == "overwrite" => init.1 = true,
            Ok(value) => {
                if !(-254..=254).contains(&value) {
                    let text = format!("Track file {whose} init value {value} is outside sensible range [-254, 254]");
                    parser.warn(text);
                }
                init.0 = value;
            }
            Err(_) => parser.warn(format!("Unknown track file init option {word}")),
        }
    }
    init
}

/// vrrp_track_process NAME { ... }
pub fn process(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let mut process = TrackProcess {
        name,
        program: String::new(),
        weight: Weight::default(),
        quorum: 1,
        quorum_max: u32::MAX,
        terminate_delay: Span::ZERO,
        fork_delay: Span::ZERO,
    };
    parser.inner(|parser, name| process_keyword(parser, name, &mut process));
    if process.program.is_empty() {
        parser.warn(format!("track process '{}' process name not specified", process.name));
    } else {
        parser.config.track_processes.push(process);
    }
}

fn process_keyword(parser: &mut Parser, name: &str, process: &mut TrackProcess) -> bool {
    let whose = process.name.clone();
    let bound = |what: &str, text: &str, range: &str| {
        format!("{what} ({text}) for vrrp_track_process {whose} must be between {range} inclusive. Ignoring...")
    };
    match name {
        "process" if !process.program.is_empty() => {
            let second = parser.word(1).unwrap_or_default();
            parser.warn(format!("Process already set for track process {whose} - ignoring {second}"));
        }
        "process" => process.program = parser.parameter().unwrap_or_default(),
        "weight" => {
            let weight = parser.number_or(-254, 254, |text| bound("Weight", text, "[-254..254]"));
            process.weight.value = weight.map_or(0, |weight| weight as i32);
            reversed(parser, &mut process.weight, &format!("vrrp_track_process {whose}"));
        }
        "quorum" => match parser.number_or(1, 65_535, |text| bound("Quorum", text, "[1..65535]")) {
            Some(quorum) if quorum > i64::from(process.quorum_max) => {
                parser.warn("Quorum is greater than quorum_max - ignoring");
            }
            Some(quorum) => process.quorum = quorum as u32,
            None => {}
        },
        "quorum_max" => match parser.number_or(0, 65_535, |text| bound("quorum_max", text, "[0..65535]")) {
            Some(0) if process.quorum <= 1 => (process.quorum, process.quorum_max) = (0, 0),
            Some(most) if most < i64::from(process.quorum) => parser.warn("quorum_max is less than quorum - ignoring"),
            Some(most) => process.quorum_max = most as u32,
            None => {}
        },
        "delay" | "terminate_delay" | "fork_delay" => {
            let Some(delay) = parser.seconds(name, 0.000_001, 3_600.0) else { return true };
            if name != "fork_delay" {
                process.terminate_delay = delay;
            }
            if name != "terminate_delay" {
                process.fork_delay = delay;
            }
        }
        "param_match" | "full_command" => parser.without_effect(),
        _ => return false,
    }
    true
}
