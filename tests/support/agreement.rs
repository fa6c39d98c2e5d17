//! Whether a simulated run agrees with the real kernel's: order and content count, what chance or a machine's speed
//! decides does not. The order of the set-up's commands of different nodes is not compared: the recorder's cannot always
//! be told from the scenario.

use std::collections::{BTreeMap, BTreeSet};

use super::capture::{Summary, summarize};

/// A run: its commands, and its captures by the interface's name.
pub struct Record {
    /// steps.json.
    pub steps: serde_json::Value,
    /// By a name like "client-eth0".
    pub captures: BTreeMap<String, Vec<u8>>,
}

/// All differences between two runs, in words.
pub fn differences(case: &str, kernel: &Record, ours: &Record) -> Vec<String> {
    let mut differences = Vec::new();
    compare_steps(kernel, ours, &mut differences);
    let probes = case.contains("probe");
    for (name, capture) in &kernel.captures {
        match ours.captures.get(name) {
            None => differences.push(format!("{name}: no capture")),
            Some(other) => {
                compare_captures(name, &summarize(capture, probes), &summarize(other, probes), &mut differences);
            }
        }
    }
    differences
}

fn compare_steps(kernel: &Record, ours: &Record, differences: &mut Vec<String>) {
    let (kernel, ours) = (in_node_order(&kernel.steps), in_node_order(&ours.steps));
    if kernel.len() != ours.len() {
        differences.push(format!("{} steps, ours {}", kernel.len(), ours.len()));
    }
    for (theirs, ours) in kernel.iter().zip(&ours) {
        let text = |step: &serde_json::Value, field: &str| step[field].as_str().unwrap_or_default().to_owned();
        let (node, command) = (text(theirs, "node"), text(theirs, "cmd"));
        if (node.clone(), command.clone()) != (text(ours, "node"), text(ours, "cmd")) {
            differences.push(format!("order: {node} $ {command}, ours {} $ {}", text(ours, "node"), text(ours, "cmd")));
            return;
        }
        let tool = command.split_whitespace().next().unwrap_or_default();
        if theirs["rc"].is_null() || command.ends_with('&') && matches!(tool, "httpd" | "sink" | "udpecho") {
            continue;
        }
        if theirs["rc"] != ours["rc"] {
            differences.push(format!("{node} $ {command}: exit status {}, ours {}", theirs["rc"], ours["rc"]));
        }
        let facts = |step| facts(&command, &text(step, "out"));
        if !facts(theirs).zip(facts(ours)).is_none_or(|(a, b)| alike(&a, &b)) {
            let (a, b) = (text(theirs, "out"), text(ours, "out"));
            differences.push(format!("{node} $ {command} (at {}):\n--- kernel\n{a}--- ours\n{b}", theirs["at"]));
        }
        let first = |step| text(step, "err").lines().next().unwrap_or_default().to_owned();
        if tool == "ipvsadm" && first(theirs) != first(ours) {
            differences.push(format!("{node} $ {command}: stderr {:?}, ours {:?}", first(theirs), first(ours)));
        }
    }
}

/// The steps, the set-up's sorted by node, each node's own in their order.
fn in_node_order(steps: &serde_json::Value) -> Vec<&serde_json::Value> {
    let mut steps: Vec<_> = steps["steps"].as_array().unwrap().iter().collect();
    let timeline = steps.iter().position(|step| !step["at"].is_null()).unwrap_or(steps.len());
    steps[..timeline].sort_by_key(|step| step["node"].as_str().unwrap_or_default());
    steps
}

/// A command's output as rows of words, without what depends on the moment; none: it is not compared.
fn facts(command: &str, out: &str) -> Option<Vec<Vec<String>>> {
    let words: Vec<_> = command.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let lines = || out.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let split = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let whole = |line: &str| vec![line.to_owned()];
    let sorted = |mut rows: Vec<Vec<String>>| {
        rows.sort();
        rows
    };
    let rows = match *words.first()? {
        "ipvsadm" => ipvsadm(&words, out)?,
        "get" | "put" | "udpsend" => lines().map(whole).collect(),
        "hold" => sorted(lines().map(whole).collect()),
        "arping" => {
            let counts = lines().filter(|line| line.contains("bytes") || line.contains("Received"));
            // The time is the last word of an answer's line.
            counts.map(|line| split(line).into_iter().filter(|word| !word.ends_with("ms")).collect()).collect()
        }
        "ping" => {
            let told =
                |line: &&str| line.contains("bytes from") || line.contains("transmitted") || line.starts_with("From ");
            let timeless = |line: &str| {
                let end = [line.find("time="), line.find(", time ")].into_iter().flatten().min();
                line[..end.unwrap_or(line.len())].trim_end().to_owned()
            };
            lines().filter(told).map(|line| vec![timeless(line)]).collect()
        }
        "ip" if has("neigh") => {
            let resolved = |word: String| {
                let known = matches!(&*word, "REACHABLE" | "STALE" | "DELAY" | "PROBE");
                if known { "resolved".to_owned() } else { word }
            };
            sorted(lines().map(|line| split(line).into_iter().map(resolved).collect()).collect())
        }
        "ip" if has("-br") => {
            let bare = |word: String| word.split('@').next().unwrap_or_default().to_owned();
            lines().map(|line| split(line).into_iter().map(bare).collect()).collect()
        }
        "ip" | "route" | "sysctl" => {
            lines().filter(|line| !line.contains("cache") && !line.contains("valid_lft")).map(split).collect()
        }
        _ if command.contains("; ipvsadm") => ipvsadm(&words, out)?,
        _ => return None,
    };
    Some(rows)
}

fn ipvsadm(words: &[&str], out: &str) -> Option<Vec<Vec<String>>> {
    let lines = || out.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let split = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let second = words.get(1).copied().unwrap_or_default();
    let short = second.starts_with('-') && !second.starts_with("--");
    let rows = if short && second.contains('c') && second.to_lowercase().contains('l') || words.contains(&"-c") {
        // The second word of an entry is when it expires.
        let entry = |line: &str| {
            let mut words = split(line);
            let expires = |word: &String| word.len() == 5 && word.as_bytes()[2] == b':';
            if words.len() == 6 && words.get(1).is_some_and(expires) {
                words.remove(1);
            }
            words
        };
        let mut rows: Vec<_> = lines().map(entry).collect();
        rows.sort();
        rows
    } else if words.contains(&"--stats") {
        // Acknowledgements may be merged: packets and bytes count to a tenth.
        let roughly = |(at, word): (usize, String)| {
            let number = word.trim_end_matches(['K', 'M', 'G', 'T']);
            let counts = at >= 3 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            if counts { format!("~{word}") } else { word }
        };
        let row = |line| {
            let words = split(line);
            if words.len() >= 7 { words.into_iter().enumerate().map(roughly).collect() } else { words }
        };
        lines().map(row).collect()
    } else if words.contains(&"--rate") {
        lines().map(|line| split(line).into_iter().take(2).collect()).collect()
    } else if words.contains(&"-h") || words.contains(&"--version") {
        return None;
    } else {
        lines().map(|line| vec![line.to_owned()]).collect()
    };
    Some(rows)
}

fn alike(a: &[Vec<String>], b: &[Vec<String>]) -> bool {
    let rows = |(a, b): (&Vec<String>, &Vec<String>)| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || about(a, b))
    };
    a.len() == b.len() && a.iter().zip(b).all(rows)
}

/// Whether two numbers that are marked as rough are within a tenth, or 2.
fn about(a: &str, b: &str) -> bool {
    let number = |text: &str| text.strip_prefix('~')?.trim_end_matches(['K', 'M', 'G', 'T']).parse::<f64>().ok();
    let (Some(a), Some(b)) = (number(a), number(b)) else { return false };
    (a - b).abs() <= f64::max(2.0, 0.1 * a.max(b))
}

fn compare_captures(place: &str, kernel: &Summary, ours: &Summary, differences: &mut Vec<String>) {
    let mut say = |text: String| differences.push(format!("{place}: {text}"));
    kernel.arp.difference(&ours.arp).for_each(|arp| say(format!("missing ARP {arp}")));
    ours.arp.difference(&kernel.arp).for_each(|arp| say(format!("extra ARP {arp}")));
    let names: BTreeSet<_> = kernel.flows.keys().chain(ours.flows.keys()).collect();
    for name in names {
        let none = Vec::new();
        let (theirs, ours) = (kernel.flows.get(name).unwrap_or(&none), ours.flows.get(name).unwrap_or(&none));
        let same = if name.contains('*') {
            // Health checks: which kinds of segments, not how many.
            theirs.iter().collect::<BTreeSet<_>>() == ours.iter().collect::<BTreeSet<_>>()
        } else {
            theirs == ours || repeats(theirs, ours)
        };
        if !same {
            say(format!("{name}: kernel {theirs:?}, ours {ours:?}"));
        }
    }
    let kinds: BTreeSet<_> = kernel.icmp.keys().chain(ours.icmp.keys()).collect();
    for kind in kinds {
        let count = |summary: &Summary| summary.icmp.get(kind).copied().unwrap_or(0);
        let (theirs, ours) = (count(kernel), count(ours));
        let close = theirs > 0 && ours > 0 && (kind.contains('*') || theirs.abs_diff(ours) <= 1);
        if theirs != ours && !close {
            say(format!("{kind}: kernel {theirs}, ours {ours}"));
        }
    }
}

/// Whether both are repeats of one thing that nobody answered: the attempt may end just before or after a retry.
fn repeats(a: &[String], b: &[String]) -> bool {
    let Some(first) = a.first() else { return false };
    !b.is_empty() && a.iter().chain(b).all(|what| what == first) && a.len().abs_diff(b.len()) <= 1
}
