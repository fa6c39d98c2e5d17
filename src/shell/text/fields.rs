//! Commands about parts of lines: cut, tr; and seq, which makes lines.

use super::{inputs, operands};
use crate::host::Kernel;
use crate::shell::Io;
use crate::shell::language::unescape;

/// `seq` does not count further than this: it must not eat the simulator's memory.
const MAX_NUMBERS: usize = 1_000_000;

/// seq \[FIRST \[STEP\]\] LAST
pub(in crate::shell) fn seq(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let mut numbers = Vec::new();
    for word in &args[1..] {
        match word.parse::<i64>() {
            Ok(number) => numbers.push(number),
            Err(_) => {
                io.err =
                    format!("seq: invalid floating point argument: '{word}'\nTry 'seq --help' for more information.\n");
                return 1;
            }
        }
    }
    let (first, step, last) = match numbers[..] {
        [last] => (1, 1, last),
        [first, last] => (first, 1, last),
        [_, 0, _] => {
            io.err = "seq: invalid Zero increment value: '0'\nTry 'seq --help' for more information.\n".to_owned();
            return 1;
        }
        [first, step, last] => (first, step, last),
        [] => {
            io.err = "seq: missing operand\nTry 'seq --help' for more information.\n".to_owned();
            return 1;
        }
        _ => {
            io.err = format!("seq: extra operand '{}'\nTry 'seq --help' for more information.\n", args[4]);
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
pub(in crate::shell) fn cut(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
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

/// tr \[-d\] SET1 \[SET2\]
pub(in crate::shell) fn tr(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let delete = args.iter().any(|arg| arg == "-d");
    let squeeze = args.iter().any(|arg| arg == "-s");
    let sets: Vec<Vec<char>> = operands(args).into_iter().map(characters).collect();
    let Some(from) = sets.first() else {
        io.err = "tr: missing operand\nTry 'tr --help' for more information.\n".to_owned();
        return 1;
    };
    if sets.len() < 2 && !delete && !squeeze {
        io.err = format!(
            "tr: missing operand after '{}'\nTwo strings must be given when translating.\nTry 'tr --help' for more information.\n",
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
    let plain: Vec<char> = unescape(set).0.chars().collect();
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
