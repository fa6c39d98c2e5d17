//! Commands that read and write text: cat, head, tail, wc, sort, uniq, cut, tr, tee, seq, printf, echo, grep.

mod fields;
mod grep;
mod lines;
mod printf;

pub(super) use fields::{cut, seq, tr};
pub(super) use grep::{from_basic, grep};
pub(super) use lines::{head, sort, tail, uniq, wc};
pub(super) use printf::{echo, printf};

use super::{Io, Process};
use crate::host::files::absolute;
use crate::host::process::Task;
use crate::host::{Errno, Kernel};

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
pub(super) fn read(kernel: &mut Kernel, io: &Io, name: &str) -> Result<String, Errno> {
    if name == "-" {
        return Ok(io.stdin.take());
    }
    let bytes = kernel.read_path(&absolute(&io.cwd, name))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn complaint(tool: &str, name: &str, error: Errno) -> String {
    match (tool, error) {
        ("head" | "tail", Errno::IsDirectory) => format!("{tool}: error reading '{name}': {error}\n"),
        ("head" | "tail", _) => format!("{tool}: cannot open '{name}' for reading: {error}\n"),
        ("sort", _) => format!("sort: cannot read: {name}: {error}\n"),
        _ => format!("{tool}: {name}: {error}\n"),
    }
}

/// The arguments that are no options; `-` is one of them.
fn operands(args: &[String]) -> Vec<&str> {
    args.iter().skip(1).map(String::as_str).filter(|arg| !arg.starts_with('-') || *arg == "-").collect()
}

/// cat \[-n\] \[FILE...\]: passes lines on as they come.
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

/// tee \[-a\] \[FILE...\]: passes lines on, and keeps them.
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
        seq: invalid Zero increment value: '0'
        Try 'seq --help' for more information.
        seq: invalid floating point argument: 'x'
        Try 'seq --help' for more information.
        $ cat none; head none; sort none; wc none; head -n x f
        cat: none: No such file or directory
        head: cannot open 'none' for reading: No such file or directory
        sort: cannot read: none: No such file or directory
        wc: none: No such file or directory
        head: invalid number of lines: 'x'
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
