//! Commands about lines: head, tail, wc, sort, uniq.

use super::{inputs, operands};
use crate::host::process::Task;
use crate::host::{Kernel, Process};
use crate::shell::Io;

/// head \[-n LINES | -LINES\] \[FILE...\]: ends as soon as it has seen enough.
pub(in crate::shell) fn head(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let (count, names) = match line_count("head", &args) {
            Ok(parsed) => parsed,
            Err(why) => {
                process.complain(&why);
                return 1;
            }
        };
        let count = usize::try_from(count).unwrap_or(0);
        if names.is_empty() {
            for _ in 0..count {
                let Some(line) = process.stdin.line(&process.sys).await else { break };
                process.print(&line);
            }
            return 0;
        }
        let mut io = Io { stdin: process.stdin.clone(), cwd: process.cwd.clone(), ..Io::default() };
        let (texts, status) = process.sys.with(|kernel| inputs(kernel, &mut io, "head", &names));
        for (name, text) in &texts {
            if names.len() > 1 {
                process.print(&format!("==> {name} <==\n"));
            }
            process.print(&text.split_inclusive('\n').take(count).collect::<String>());
        }
        process.complain(&io.err);
        status
    })
}

/// tail \[-n LINES | -LINES | -n +LINE\] \[FILE...\]
pub(in crate::shell) fn tail(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let (count, names) = match line_count("tail", args) {
        Ok(parsed) => parsed,
        Err(why) => {
            io.err = why;
            return 1;
        }
    };
    let from_start = args.iter().any(|arg| arg.trim_start_matches("-n").starts_with('+'));
    let (texts, status) = inputs(kernel, io, "tail", &names);
    for (_, text) in texts {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let skipped = if from_start { count.saturating_sub(1) } else { lines.len().saturating_sub(count) };
        io.out.extend(lines.into_iter().skip(skipped));
    }
    status
}

/// The number of lines that head and tail are asked for, 10 by default, and the operands.
fn line_count<'a>(tool: &str, args: &'a [String]) -> Result<(i64, Vec<&'a str>), String> {
    let mut count = 10;
    let mut names = Vec::new();
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        let number = match word.strip_prefix("-n").or_else(|| word.strip_prefix('-').filter(|rest| !rest.is_empty())) {
            None => {
                names.push(word.as_str());
                continue;
            }
            Some("") => words.next().map(String::as_str).unwrap_or_default(),
            Some("q" | "v") => continue,
            Some(number) => number,
        };
        count = number.parse().map_err(|_| format!("{tool}: invalid number of lines: '{number}'\n"))?;
    }
    Ok((count, names))
}

/// wc \[-l\] \[-w\] \[-c\] \[FILE...\]
pub(in crate::shell) fn wc(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let flags: String = args.iter().skip(1).filter_map(|arg| arg.strip_prefix('-')).collect();
    let names = operands(args);
    let (texts, status) = inputs(kernel, io, "wc", &names);
    let counted: Vec<(&str, [usize; 3])> = texts.iter().map(|(name, text)| (*name, count(text))).collect();
    let chosen = |counts: [usize; 3]| -> Vec<usize> {
        let wanted = ['l', 'w', 'c'].map(|flag| flags.is_empty() || flags.contains(flag));
        counts.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(count, _)| count).collect()
    };
    let total =
        counted.iter().fold([0; 3], |sum, (_, counts)| [sum[0] + counts[0], sum[1] + counts[1], sum[2] + counts[2]]);
    let one_number = chosen(total).len() == 1 && counted.len() == 1;
    let width = match (one_number, names.is_empty()) {
        (true, _) => 1,
        (false, true) => 7,
        (false, false) => total[2].to_string().len(),
    };
    let mut show = |name: &str, counts: [usize; 3]| {
        let numbers: Vec<String> = chosen(counts).iter().map(|number| format!("{number:>width$}")).collect();
        let line = format!("{} {name}", numbers.join(" "));
        io.out.push_str(line.trim_end());
        io.out.push('\n');
    };
    for (name, counts) in &counted {
        show(name, *counts);
    }
    if counted.len() > 1 {
        show("total", total);
    }
    status
}

fn count(text: &str) -> [usize; 3] {
    [text.matches('\n').count(), text.split_whitespace().count(), text.len()]
}

/// sort \[-n\] \[-r\] \[-u\] \[-k FIELD\] \[FILE...\]
pub(in crate::shell) fn sort(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let (mut flags, mut field, mut names) = (String::new(), None, Vec::new());
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        match word.strip_prefix('-') {
            Some(rest) if rest.starts_with('k') => {
                let spec = if rest.len() > 1 { &rest[1..] } else { words.next().map_or("", String::as_str) };
                field = spec
                    .split([',', '.'])
                    .next()
                    .and_then(|number| number.trim_end_matches(char::is_alphabetic).parse().ok());
                flags.extend(spec.chars().filter(|c| c.is_alphabetic()));
            }
            Some(rest) if !rest.is_empty() => flags.push_str(rest),
            _ => names.push(word.as_str()),
        }
    }
    let (texts, status) = inputs(kernel, io, "sort", &names);
    let mut lines: Vec<&str> = texts.iter().flat_map(|(_, text)| text.lines()).collect();
    let key = |line: &str| -> String {
        match field {
            Some(field) => line.split_whitespace().skip(usize::saturating_sub(field, 1)).collect::<Vec<_>>().join(" "),
            None => line.to_owned(),
        }
    };
    let numeric = flags.contains('n');
    lines.sort_by(|left, right| {
        let (left_key, right_key) = (key(left), key(right));
        let by_number = if numeric {
            leading_number(&left_key).total_cmp(&leading_number(&right_key))
        } else {
            left_key.cmp(&right_key)
        };
        by_number.then_with(|| left.cmp(right))
    });
    if flags.contains('r') {
        lines.reverse();
    }
    if flags.contains('u') {
        lines.dedup_by(|left, right| {
            if numeric { leading_number(&key(left)) == leading_number(&key(right)) } else { key(left) == key(right) }
        });
    }
    io.out.extend(lines.iter().flat_map(|line| [*line, "\n"]));
    status
}

fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
    text[..end].parse().unwrap_or(0.0)
}

/// uniq \[-c\] \[-d\] \[FILE\]
pub(in crate::shell) fn uniq(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let flags: String = args.iter().skip(1).filter_map(|arg| arg.strip_prefix('-')).collect();
    let names = operands(args);
    let (texts, status) = inputs(kernel, io, "uniq", &names);
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for line in texts.iter().flat_map(|(_, text)| text.lines()) {
        match groups.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => groups.push((line, 1)),
        }
    }
    for (line, count) in groups {
        if flags.contains('d') && count == 1 || flags.contains('u') && count > 1 {
            continue;
        }
        if flags.contains('c') {
            io.out.push_str(&format!("{count:>7} "));
        }
        io.out.push_str(line);
        io.out.push('\n');
    }
    status
}
