//! Commands that read and write text: cat, head, tail, wc, sort, uniq, cut, tr, tee, seq, printf, echo, grep.

mod grep;
mod printf;

pub(super) use grep::grep;
pub(super) use printf::{echo, printf};

use super::{Io, Process};
use crate::host::files::absolute;
use crate::host::process::Task;
use crate::host::{Errno, Kernel};

/// `seq` does not count further than this: it must not eat the simulator's memory.
const MAX_NUMBERS: usize = 1_000_000;

/// The texts of the files named, or standard input; a file that cannot be read is complained about.
fn inputs<'a>(kernel: &mut Kernel, io: &mut Io, tool: &str, names: &[&'a str]) -> (Vec<(&'a str, String)>, i32) {
    if names.is_empty() {
        return (vec![("", io.stdin.take())], 0);
    }
    let mut texts = Vec::new();
    let mut status = 0;
    for &name in names {
        match read(kernel, io, name) {
            Ok(text) => texts.push((name, text)),
            Err(error) => {
                io.err.push_str(&complaint(tool, name, error));
                status = 1;
            }
        }
    }
    (texts, status)
}

/// A file's text; `-` is standard input.
fn read(kernel: &mut Kernel, io: &Io, name: &str) -> Result<String, Errno> {
    if name == "-" {
        return Ok(io.stdin.take());
    }
    let bytes = kernel.read_path(&absolute(&io.cwd, name))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn complaint(tool: &str, name: &str, error: Errno) -> String {
    match (tool, error) {
        ("head" | "tail", Errno::IsDirectory) => format!("{tool}: error reading '{name}': {error}\n"),
        ("head" | "tail", _) => format!("{tool}: cannot open '{name}' for reading: {error}\n"),
        ("sort", _) => format!("sort: cannot read: {name}: {error}\n"),
        _ => format!("{tool}: {name}: {error}\n"),
    }
}

/// Whether a command's arguments leave it to standard input: there are no operands, or one is `-`.
fn operands(args: &[String]) -> Vec<&str> {
    args.iter().skip(1).map(String::as_str).filter(|arg| !arg.starts_with('-') || *arg == "-").collect()
}

/// cat [-n] [FILE...]: passes lines on as they come.
pub(super) fn cat(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let names = operands(&args);
        let numbered = args.iter().any(|arg| arg == "-n");
        let names = if names.is_empty() { vec!["-"] } else { names };
        let mut number = 0;
        let mut show = |line: &str| {
            number += 1;
            if numbered { process.print(&format!("{number:>6}\t{line}")) } else { process.print(line) }
        };
        let mut status = 0;
        for name in names {
            if name == "-" {
                while let Some(line) = process.stdin.line(&process.sys).await {
                    show(&line);
                }
                continue;
            }
            match process.sys.with(|kernel| kernel.read_path(&absolute(&process.cwd, name))) {
                Ok(bytes) if numbered => String::from_utf8_lossy(&bytes).split_inclusive('\n').for_each(&mut show),
                Ok(bytes) => process.print(&String::from_utf8_lossy(&bytes)),
                Err(error) => {
                    process.complain(&format!("cat: {name}: {error}\n"));
                    status = 1;
                }
            }
        }
        status
    })
}

/// tee [-a] [FILE...]: passes lines on, and keeps them.
pub(super) fn tee(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let append = args.iter().any(|arg| arg == "-a");
        let mut status = 0;
        let mut paths = Vec::new();
        for name in operands(&args) {
            let path = absolute(&process.cwd, name);
            match process.sys.with(|kernel| kernel.write_path(&path, b"", append)) {
                Ok(()) => paths.push((name, path)),
                Err(error) => {
                    process.complain(&format!("tee: {name}: {error}\n"));
                    status = 1;
                }
            }
        }
        while let Some(line) = process.stdin.line(&process.sys).await {
            process.print(&line);
            for (name, path) in &paths {
                if let Err(error) = process.sys.with(|kernel| kernel.write_path(path, line.as_bytes(), true)) {
                    process.complain(&format!("tee: {name}: {error}\n"));
                    status = 1;
                }
            }
        }
        status
    })
}

/// head [-n LINES | -LINES] [FILE...]: ends as soon as it has seen enough.
pub(super) fn head(process: Process, args: Vec<String>) -> Task {
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

/// tail [-n LINES | -LINES | -n +LINE] [FILE...]
pub(super) fn tail(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
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
        count = number.parse().map_err(|_| format!("{tool}: invalid number of lines: ‘{number}’\n"))?;
    }
    Ok((count, names))
}

/// wc [-l] [-w] [-c] [FILE...]
pub(super) fn wc(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
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

/// sort [-n] [-r] [-u] [-k FIELD] [FILE...]
pub(super) fn sort(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
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

/// uniq [-c] [-d] [FILE]
pub(super) fn uniq(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
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
        if flags.contains('d') && count == 1 {
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

/// seq [FIRST [STEP]] LAST
pub(super) fn seq(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let mut numbers = Vec::new();
    for word in &args[1..] {
        match word.parse::<i64>() {
            Ok(number) => numbers.push(number),
            Err(_) => {
                io.err =
                    format!("seq: invalid floating point argument: ‘{word}’\nTry 'seq --help' for more information.\n");
                return 1;
            }
        }
    }
    let (first, step, last) = match numbers[..] {
        [last] => (1, 1, last),
        [first, last] => (first, 1, last),
        [_, 0, _] => {
            io.err = "seq: invalid Zero increment value: ‘0’\nTry 'seq --help' for more information.\n".to_owned();
            return 1;
        }
        [first, step, last] => (first, step, last),
        [] => {
            io.err = "seq: missing operand\nTry 'seq --help' for more information.\n".to_owned();
            return 1;
        }
        _ => {
            io.err = format!("seq: extra operand ‘{}’\nTry 'seq --help' for more information.\n", args[4]);
            return 1;
        }
    };
    let mut next = Some(first);
    for _ in 0..MAX_NUMBERS {
        let Some(number) = next.filter(|&number| if step > 0 { number <= last } else { number >= last }) else { break };
        io.out.push_str(&format!("{number}\n"));
        next = number.checked_add(step);
    }
    0
}

/// cut -d DELIMITER -f FIELDS, or cut -c CHARACTERS
pub(super) fn cut(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let (mut delimiter, mut fields, mut characters, mut names) = ('\t', None, None, Vec::new());
    let mut words = args.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        let option = word.get(..2).filter(|_| word.starts_with('-'));
        let mut value = || if word.len() > 2 { &word[2..] } else { words.next().unwrap_or_default() };
        match option {
            Some("-d") => delimiter = value().chars().next().unwrap_or('\t'),
            Some("-f") => fields = Some(value()),
            Some("-c" | "-b") => characters = Some(value()),
            Some(_) => {}
            None => names.push(word),
        }
    }
    let Some(list) = fields.or(characters) else {
        io.err =
            "cut: you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information.\n"
                .to_owned();
        return 1;
    };
    let ranges: Vec<(usize, usize)> = list.split(',').map(range).collect();
    let chosen = |at: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&at));
    let (texts, status) = inputs(kernel, io, "cut", &names);
    for line in texts.iter().flat_map(|(_, text)| text.lines()) {
        if characters.is_some() {
            io.out.extend(line.chars().enumerate().filter(|(at, _)| chosen(at + 1)).map(|(_, c)| c));
        } else if line.contains(delimiter) {
            let kept: Vec<&str> =
                line.split(delimiter).enumerate().filter(|(at, _)| chosen(at + 1)).map(|(_, f)| f).collect();
            io.out.push_str(&kept.join(delimiter.encode_utf8(&mut [0; 4])));
        } else {
            io.out.push_str(line);
        }
        io.out.push('\n');
    }
    status
}

fn range(text: &str) -> (usize, usize) {
    match text.split_once('-') {
        None => {
            let number = text.parse().unwrap_or(0);
            (number, number)
        }
        Some((from, to)) => (from.parse().unwrap_or(1), to.parse().unwrap_or(usize::MAX)),
    }
}

/// tr [-d] SET1 [SET2]
pub(super) fn tr(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let delete = args.iter().any(|arg| arg == "-d");
    let squeeze = args.iter().any(|arg| arg == "-s");
    let sets: Vec<Vec<char>> = operands(args).into_iter().map(characters).collect();
    let Some(from) = sets.first() else {
        io.err = "tr: missing operand\nTry 'tr --help' for more information.\n".to_owned();
        return 1;
    };
    if sets.len() < 2 && !delete && !squeeze {
        io.err = format!(
            "tr: missing operand after ‘{}’\nTwo strings must be given when translating.\nTry 'tr --help' for more information.\n",
            operands(args)[0]
        );
        return 1;
    }
    let to = sets.get(1);
    let mut last = None;
    for c in io.stdin.take().chars() {
        let place = from.iter().position(|&known| known == c);
        let out = match (place, to) {
            (Some(_), _) if delete => continue,
            (Some(at), Some(to)) => to.get(at).or(to.last()).copied().unwrap_or(c),
            _ => c,
        };
        if squeeze && place.is_some() && last == Some(out) {
            continue;
        }
        last = Some(out);
        io.out.push(out);
    }
    0
}

/// The characters of a set like `a-z\n`.
fn characters(set: &str) -> Vec<char> {
    let set = match set {
        "[:lower:]" => "a-z",
        "[:upper:]" => "A-Z",
        "[:digit:]" => "0-9",
        "[:space:]" => " \\t\\n",
        set => set,
    };
    let plain: Vec<char> = super::language::unescape(set).0.chars().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(&first) = plain.get(at) {
        match plain.get(at + 1..at + 3) {
            Some(&['-', last]) if first <= last => {
                all.extend(first..=last);
                at += 3;
            }
            _ => {
                all.push(first);
                at += 1;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn filters() {
        insta::assert_snapshot!(Console::new().converse(&[
            "printf 'b 2\\na 10\\nb 2\\nc 1\\n' > f; sort f; sort -u f | wc; sort -k2 -n f; sort -rn -k 2 f | head -1",
            "sort f | uniq -c; wc f f; wc -l f; cat f | wc -l; tail -n 1 f; tail -n +3 f; head -2 f",
            "cut -d' ' -f2 f | tr '\\n' ,; echo; cut -c1 f | sort -u | tr a-c A-C; tr -d b < f",
            "seq 3; seq 5 -2 1; seq 1 0 2; seq x; cat -n f | tail -1; echo kept | tee g h; cat g h",
            "cat none; head none; sort none; wc none; head -n x f",
        ]), @r"
        $ printf 'b 2\na 10\nb 2\nc 1\n' > f; sort f; sort -u f | wc; sort -k2 -n f; sort -rn -k 2 f | head -1
        a 10
        b 2
        b 2
        c 1
              3       6      13
        c 1
        b 2
        b 2
        a 10
        a 10
        $ sort f | uniq -c; wc f f; wc -l f; cat f | wc -l; tail -n 1 f; tail -n +3 f; head -2 f
              1 a 10
              2 b 2
              1 c 1
         4  8 17 f
         4  8 17 f
         8 16 34 total
        4 f
        4
        c 1
        b 2
        c 1
        b 2
        a 10
        $ cut -d' ' -f2 f | tr '\n' ,; echo; cut -c1 f | sort -u | tr a-c A-C; tr -d b < f
        2,10,2,1,
        A
        B
        C
         2
        a 10
         2
        c 1
        $ seq 3; seq 5 -2 1; seq 1 0 2; seq x; cat -n f | tail -1; echo kept | tee g h; cat g h
        1
        2
        3
        5
        3
        1
             4	c 1
        kept
        kept
        kept
        seq: invalid Zero increment value: ‘0’
        Try 'seq --help' for more information.
        seq: invalid floating point argument: ‘x’
        Try 'seq --help' for more information.
        $ cat none; head none; sort none; wc none; head -n x f
        cat: none: No such file or directory
        head: cannot open 'none' for reading: No such file or directory
        sort: cannot read: none: No such file or directory
        wc: none: No such file or directory
        head: invalid number of lines: ‘x’
        [1]
        ");
    }

    #[test]
    fn head_does_not_wait_for_the_end() {
        let mut console = Console::new();
        assert_eq!(console.type_line("(echo one; sleep 5; echo two; sleep 100; echo three) | head -1"), "one\n");
        assert!(console.seconds() < 106.0);
    }
}
