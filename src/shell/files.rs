//! Commands about files: cp, mv, rm, mkdir, rmdir, ls, touch, chmod.

use super::Io;
use crate::host::files::{Kind, absolute, parent_of};
use crate::host::{Errno, Kernel};

/// Options and operands, told apart.
struct Parsed<'a> {
    flags: String,
    operands: Vec<&'a str>,
}

fn parse(args: &[String]) -> Parsed<'_> {
    let mut parsed = Parsed { flags: String::new(), operands: Vec::new() };
    let mut options_over = false;
    for arg in args.iter().skip(1) {
        match arg.strip_prefix('-') {
            Some("-") => options_over = true,
            Some(flags) if !flags.is_empty() && !options_over => parsed.flags.push_str(flags),
            _ => parsed.operands.push(arg),
        }
    }
    parsed
}

impl Parsed<'_> {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

fn missing_operand(io: &mut Io, name: &str, what: &str) -> i32 {
    io.err.push_str(&format!("{name}: missing {what}\nTry '{name} --help' for more information.\n"));
    1
}

/// touch FILE...
pub(super) fn touch(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    if parsed.operands.is_empty() {
        return missing_operand(io, "touch", "file operand");
    }
    let mut status = 0;
    for name in parsed.operands {
        let path = absolute(&io.cwd, name);
        if kernel.kind_of_path(&path).is_none()
            && let Err(error) = kernel.write_path(&path, b"", true)
        {
            io.err.push_str(&format!("touch: cannot touch '{name}': {error}\n"));
            status = 1;
        }
    }
    status
}

/// rm \[-r\] \[-f\] FILE...
pub(super) fn rm(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    if parsed.operands.is_empty() && !parsed.has('f') {
        return missing_operand(io, "rm", "operand");
    }
    let mut status = 0;
    for name in &parsed.operands {
        let path = absolute(&io.cwd, name);
        let result = match kernel.files().kind(&path) {
            Some(Kind::Directory) if !parsed.has('r') && !parsed.has('R') => Err(Errno::IsDirectory),
            _ => kernel.files().remove(&path),
        };
        match result {
            Err(Errno::NoSuchFile) if parsed.has('f') => {}
            Err(error) => {
                io.err.push_str(&format!("rm: cannot remove '{name}': {error}\n"));
                status = 1;
            }
            Ok(()) => {}
        }
    }
    status
}

/// mkdir \[-p\] DIRECTORY...
pub(super) fn mkdir(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    if parsed.operands.is_empty() {
        return missing_operand(io, "mkdir", "operand");
    }
    let mut status = 0;
    for name in &parsed.operands {
        let path = absolute(&io.cwd, name);
        if let Err(error) = make_directory(kernel, &path, parsed.has('p')) {
            io.err.push_str(&format!("mkdir: cannot create directory '{name}': {error}\n"));
            status = 1;
        }
    }
    status
}

fn make_directory(kernel: &mut Kernel, path: &str, with_parents: bool) -> Result<(), Errno> {
    if with_parents {
        match kernel.files().kind(path) {
            Some(Kind::Directory) => return Ok(()),
            None if path != "/" => make_directory(kernel, parent_of(path), true)?,
            _ => {}
        }
    }
    kernel.files().make_directory(path)
}

/// rmdir DIRECTORY...
pub(super) fn rmdir(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    if parsed.operands.is_empty() {
        return missing_operand(io, "rmdir", "operand");
    }
    let mut status = 0;
    for name in &parsed.operands {
        let path = absolute(&io.cwd, name);
        let files = kernel.files();
        let result = match files.kind(&path) {
            None => Err("No such file or directory".to_owned()),
            Some(Kind::Directory) if files.list(&path).is_empty() => {
                files.remove(&path).map_err(|error| error.to_string())
            }
            Some(Kind::Directory) => Err("Directory not empty".to_owned()),
            Some(_) => Err("Not a directory".to_owned()),
        };
        if let Err(why) = result {
            io.err.push_str(&format!("rmdir: failed to remove '{name}': {why}\n"));
            status = 1;
        }
    }
    status
}

/// cp \[-r\] \[-a\] FROM... TO
pub(super) fn cp(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    let recursive = parsed.flags.contains(['r', 'R', 'a']);
    each_to_target(kernel, io, "cp", &parsed.operands, |kernel, from, to| copy(kernel, from, to, recursive))
}

fn copy(kernel: &mut Kernel, from: &str, to: &str, recursive: bool) -> Result<(), String> {
    let cannot_create = |error: Errno| format!("cannot create regular file '{to}': {error}");
    match kernel.kind_of_path(from) {
        None => Err(format!("cannot stat '{from}': {}", Errno::NoSuchFile)),
        Some(Kind::Directory) if !recursive => Err(format!("-r not specified; omitting directory '{from}'")),
        Some(Kind::Directory) if format!("{to}/").starts_with(&format!("{from}/")) => {
            Err(format!("cannot copy a directory, '{from}', into itself, '{to}'"))
        }
        Some(Kind::Directory) => {
            let _ = make_directory(kernel, to, true);
            for name in kernel.list_path(from) {
                copy(kernel, &format!("{from}/{name}"), &format!("{to}/{name}"), true)?;
            }
            Ok(())
        }
        Some(kind) => {
            let bytes = kernel.read_path(from).map_err(cannot_create)?;
            kernel.write_path(to, &bytes, false).map_err(cannot_create)?;
            kernel.files().set_executable(to, matches!(kind, Kind::File { executable: true, .. }));
            Ok(())
        }
    }
}

/// mv FROM... TO
pub(super) fn mv(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    each_to_target(kernel, io, "mv", &parsed.operands, |kernel, from, to| {
        let files = kernel.files();
        if files.kind(from).is_none() {
            return Err(format!("cannot stat '{from}': {}", Errno::NoSuchFile));
        }
        if from != to && matches!(files.kind(to), Some(Kind::File { .. })) {
            // What was there gives way; a directory was turned into a place inside of it before.
            files.remove(to).map_err(|error| error.to_string())?;
        }
        files.rename(from, to).map_err(|error| format!("cannot move '{from}' to '{to}': {error}"))
    })
}

/// Does something with each path but the last and its place at the last one, which may be a directory to put it into.
fn each_to_target(
    kernel: &mut Kernel,
    io: &mut Io,
    name: &str,
    operands: &[&str],
    act: impl Fn(&mut Kernel, &str, &str) -> Result<(), String>,
) -> i32 {
    let (sources, target) = match operands {
        [] => return missing_operand(io, name, "file operand"),
        [only] => return missing_operand(io, name, &format!("destination file operand after '{only}'")),
        [sources @ .., target] => (sources, target),
    };
    let path = absolute(&io.cwd, target);
    let into_directory = kernel.kind_of_path(&path) == Some(Kind::Directory);
    if sources.len() > 1 && !into_directory {
        io.err.push_str(&format!("{name}: target '{target}': Not a directory\n"));
        return 1;
    }
    let mut status = 0;
    for source in sources {
        let from = absolute(&io.cwd, source);
        let base = from.rsplit('/').next().unwrap_or_default();
        let to = if into_directory { absolute(&path, base) } else { path.clone() };
        if let Err(why) = act(kernel, &from, &to) {
            // The real tools name paths as they were typed.
            let why = why.replace(&format!("'{from}'"), &format!("'{source}'"));
            let why = why.replace(&format!("'{path}"), &format!("'{target}"));
            io.err.push_str(&format!("{name}: {why}\n"));
            status = 1;
        }
    }
    status
}

/// ls \[-a\] \[-d\] \[-l\] \[-1\] \[FILE...\]; one name a line, as into a pipe.
pub(super) fn ls(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let parsed = parse(args);
    let operands = if parsed.operands.is_empty() { vec!["."] } else { parsed.operands.clone() };
    let mut status = 0;
    for (index, name) in operands.iter().enumerate() {
        let path = absolute(&io.cwd, name);
        let entries: Vec<(String, String)> = match kernel.kind_of_path(&path) {
            None => {
                io.err.push_str(&format!("ls: cannot access '{name}': {}\n", Errno::NoSuchFile));
                status = 2;
                continue;
            }
            Some(Kind::Directory) if !parsed.has('d') => {
                if operands.len() > 1 {
                    let gap = if index > 0 { "\n" } else { "" };
                    io.out.push_str(&format!("{gap}{name}:\n"));
                }
                let names = kernel.list_path(&path).into_iter();
                let visible = names.filter(|name| !name.starts_with('.') || parsed.flags.contains(['a', 'A']));
                visible.map(|name| (absolute(&path, &name), name)).collect()
            }
            Some(_) => vec![(path.clone(), (*name).to_owned())],
        };
        for (path, name) in entries {
            if parsed.has('l') {
                io.out.push_str(&long_form(kernel, &path));
            }
            io.out.push_str(&name);
            io.out.push('\n');
        }
    }
    status
}

/// What ls -l prints before a name. Files here have no owners or times but these.
fn long_form(kernel: &Kernel, path: &str) -> String {
    let (mode, len) = match kernel.kind_of_path(path) {
        Some(Kind::Directory) => ("drwxr-xr-x 2", 4096),
        Some(Kind::File { len, executable: true }) => ("-rwxr-xr-x 1", len),
        Some(Kind::File { len, .. }) => ("-rw-r--r-- 1", len),
        Some(Kind::Special) | None => ("crw-rw-rw- 1", 0),
    };
    format!("{mode} root root {len:>5} Jan  1 00:00 ")
}

/// chmod MODE FILE...; only whether a file may be run makes a difference here.
pub(super) fn chmod(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let operands: Vec<&str> = args.iter().skip(1).map(String::as_str).filter(|arg| *arg != "-R").collect();
    let [mode, files @ ..] = &operands[..] else { return missing_operand(io, "chmod", "operand") };
    if files.is_empty() {
        return missing_operand(io, "chmod", &format!("operand after '{mode}'"));
    }
    let executable = match u32::from_str_radix(mode, 8) {
        Ok(bits) => Some(bits & 0o100 != 0),
        Err(_) if mode.contains('x') => Some(!mode.contains('-')),
        Err(_) if mode.contains(['+', '-', '=']) => None,
        Err(_) => {
            io.err.push_str(&format!("chmod: invalid mode: '{mode}'\nTry 'chmod --help' for more information.\n"));
            return 1;
        }
    };
    let mut status = 0;
    for name in files {
        let path = absolute(&io.cwd, name);
        match (kernel.files().kind(&path), executable) {
            (None, _) => {
                io.err.push_str(&format!("chmod: cannot access '{name}': {}\n", Errno::NoSuchFile));
                status = 1;
            }
            (Some(_), Some(executable)) => kernel.files().set_executable(&path, executable),
            (Some(_), None) => {}
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn files_come_and_go() {
        insta::assert_snapshot!(Console::new().converse(&[
            "touch /tmp/a b; ls /tmp b; ls -l /tmp",
            "echo text > b; cp b /tmp; cat /tmp/b; cp b /no/dir; cp none x; cp b",
            "mv b c; cat c; mv none x; mv c /tmp/b; ls /tmp; cat /tmp/b",
            "mkdir d; mkdir d; mkdir -p e/f/g; cp e x; cp -r e x; ls x; cp -r e e/f",
            "rm d; rm none; rm -f none; rm -r e x d; ls; rmdir /tmp; touch /no/file",
            "touch s; chmod 755 s; ls -l s; chmod -x s; ls -l s; chmod rwx s; chmod +x none",
        ]), @"
        $ touch /tmp/a b; ls /tmp b; ls -l /tmp
        /tmp:
        a
        b
        -rw-r--r-- 1 root root     0 Jan  1 00:00 a
        $ echo text > b; cp b /tmp; cat /tmp/b; cp b /no/dir; cp none x; cp b
        text
        cp: cannot create regular file '/no/dir': No such file or directory
        cp: cannot stat 'none': No such file or directory
        cp: missing destination file operand after 'b'
        Try 'cp --help' for more information.
        [1]
        $ mv b c; cat c; mv none x; mv c /tmp/b; ls /tmp; cat /tmp/b
        text
        a
        b
        text
        mv: cannot stat 'none': No such file or directory
        $ mkdir d; mkdir d; mkdir -p e/f/g; cp e x; cp -r e x; ls x; cp -r e e/f
        f
        mkdir: cannot create directory 'd': File exists
        cp: -r not specified; omitting directory 'e'
        cp: cannot copy a directory, 'e', into itself, 'e/f/e'
        [1]
        $ rm d; rm none; rm -f none; rm -r e x d; ls; rmdir /tmp; touch /no/file
        rm: cannot remove 'd': Is a directory
        rm: cannot remove 'none': No such file or directory
        rmdir: failed to remove '/tmp': Directory not empty
        touch: cannot touch '/no/file': No such file or directory
        [1]
        $ touch s; chmod 755 s; ls -l s; chmod -x s; ls -l s; chmod rwx s; chmod +x none
        -rwxr-xr-x 1 root root     0 Jan  1 00:00 s
        -rw-r--r-- 1 root root     0 Jan  1 00:00 s
        chmod: cannot access 'none': No such file or directory
        [1]
        ");
    }
}
