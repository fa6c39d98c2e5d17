//! Who answered a client's requests, read from what the lab's clients print.

use std::collections::BTreeMap;

use super::steps::StepResult;

/// Clients that print a line for each request: the port, and what came.
const ONE_BY_ONE: [&str; 5] = ["get", "hold", "put", "udpsend", "curl"];

/// Who answered each request of a command, in order. What came instead of an answer stands for itself, like "timeout".
pub(super) fn in_order(step: &StepResult) -> impl Iterator<Item = &str> {
    let lines = if ONE_BY_ONE.contains(&program(step)) { step.out.as_str() } else { "" };
    lines.lines().map(|line| match line.split_once(' ') {
        Some((port, answer)) if port.bytes().all(|byte| byte.is_ascii_digit()) => answer,
        _ => line,
    })
}

/// How many requests of some commands each has answered.
pub(super) fn counts<'a>(steps: impl Iterator<Item = &'a StepResult>) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    for step in steps {
        for server in in_order(step) {
            *counts.entry(server).or_default() += 1;
        }
        if program(step) == "load" {
            for (name, count) in
                step.out.lines().filter_map(row).filter(|(name, count)| *name != "answered" && *count > 0)
            {
                *counts.entry(name).or_default() += count;
            }
        }
    }
    counts
}

fn program(step: &StepResult) -> &str {
    step.cmd.split_whitespace().next().unwrap_or_default()
}

/// A row of `load`'s tables, those of outcomes and servers: a name, how many, and how many in a hundred.
fn row(line: &str) -> Option<(&str, u64)> {
    let (row, _) = line.strip_prefix("  ")?.strip_suffix('%')?.rsplit_once(' ')?;
    let (name, count) = row.trim_end().rsplit_once(' ')?;
    Some((name.trim_end(), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(cmd: &str, out: &str) -> StepResult {
        let (node, out, err) = ("client".to_owned(), out.to_owned(), String::new());
        StepResult { at: Some(0.0), node, cmd: cmd.to_owned(), began: None, ended: None, rc: 0, out, err }
    }

    #[test]
    fn every_client_tells_who_answered() {
        let table = "http://10.0.0.1/: 9 sent in 1.000 s\n  answered        7   77.8%\n  timed out       2   22.2%\n  refused         0    0.0%\n\
                     by server\n  rs1             7  100.0%\nresponse times\n  50%         0.800 ms\n";
        let steps = [
            step("get 10.0.0.1 80 2", "40001 rs1\n40002 rs2\n"),
            step("curl -s http://10.0.0.1/", "rs2\n"),
            step("load http://10.0.0.1/", table),
            step("ping -c 1 10.0.0.1", "rs3\n"),
        ];
        assert_eq!(steps.iter().flat_map(in_order).collect::<Vec<_>>(), ["rs1", "rs2", "rs2"]);
        assert_eq!(counts(steps.iter()), BTreeMap::from([("rs1", 8), ("rs2", 2), ("timed out", 2)]));
    }
}
