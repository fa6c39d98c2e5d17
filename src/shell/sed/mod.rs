//! sed: GNU's stream editor, as far as scripts about configuration files need it (no `r`, `w`, `l`, `e`).

mod run;
mod script;
#[cfg(test)]
mod tests;

use super::Io;
use super::text::{complaint, read};
use crate::host::files::{Kind, absolute};
use crate::host::{Errno, Kernel};
use script::Script;

/// What sed is asked for.
#[derive(Default)]
struct Options {
    is_quiet: bool,
    is_extended: bool,
    is_separate: bool,
    /// Files are rewritten, and kept under their names with this ending if it is not empty.
    in_place: Option<String>,
    script: Option<String>,
    names: Vec<String>,
}

/// sed \[-n\] \[-E|-r\] \[-s\] \[-i\[SUFFIX\]\] \[-e SCRIPT\] \[-f FILE\] \[SCRIPT\] \[FILE...\]
pub(super) fn sed(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let (options, script) = match prepare(kernel, args, io) {
        Ok(prepared) => prepared,
        Err(complaint) => {
            io.err.push_str(&complaint);
            return 1;
        }
    };
    if options.in_place.is_some() && options.names.is_empty() {
        io.err.push_str("sed: no input files\n");
        return 1;
    }
    if options.in_place.is_some() || options.is_separate && !options.names.is_empty() {
        let mut status = 0;
        for name in &options.names {
            let (ended, has_quit) = edit(kernel, io, &options, &script, name);
            status = status.max(ended);
            if has_quit {
                break;
            }
        }
        return status;
    }
    let names = if options.names.is_empty() { vec!["-".to_owned()] } else { options.names.clone() };
    let (mut text, mut status) = (String::new(), 0);
    for name in names {
        match read(kernel, io, &name) {
            Ok(part) => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                text.push_str(&part);
            }
            Err(error) => {
                io.err.push_str(&unreadable(&name, error));
                status = 2;
            }
        }
    }
    let (out, quit) = run::run(&script, &text, options.is_quiet);
    io.out.push_str(&out);
    quit.unwrap_or(status)
}

/// One file by itself. Gives the exit status, and whether the script has quit.
fn edit(kernel: &mut Kernel, io: &mut Io, options: &Options, script: &Script, name: &str) -> (i32, bool) {
    let path = absolute(&io.cwd, name);
    if options.in_place.is_some() && kernel.kind_of_path(&path).is_some_and(|kind| kind == Kind::Directory) {
        io.err.push_str(&format!("sed: couldn't edit {name}: not a regular file\n"));
        return (4, false);
    }
    let text = match read(kernel, io, name) {
        Ok(text) => text,
        Err(error) => {
            io.err.push_str(&unreadable(name, error));
            return (2, false);
        }
    };
    let (out, quit) = run::run(script, &text, options.is_quiet);
    let Some(suffix) = &options.in_place else {
        io.out.push_str(&out);
        return (quit.unwrap_or(0), quit.is_some());
    };
    let kept =
        if suffix.is_empty() { Ok(()) } else { kernel.write_path(&format!("{path}{suffix}"), text.as_bytes(), false) };
    if let Err(error) = kept.and_then(|()| kernel.write_path(&path, out.as_bytes(), false)) {
        io.err.push_str(&format!("sed: couldn't edit {name}: {error}\n"));
        return (4, true);
    }
    (quit.unwrap_or(0), quit.is_some())
}

fn unreadable(name: &str, error: Errno) -> String {
    match error {
        Errno::IsDirectory => format!("sed: couldn't read {name}: {error}\n"),
        _ => complaint("sed", &format!("can't read {name}"), error),
    }
}

fn usage() -> String {
    "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n".to_owned()
}

fn prepare(kernel: &mut Kernel, args: &[String], io: &Io) -> Result<(Options, Script), String> {
    let mut options = parse(kernel, args, io)?;
    let script = match options.script.take() {
        Some(script) => script,
        None if options.names.is_empty() => return Err(usage()),
        None => options.names.remove(0),
    };
    let script = script::parse(&script, options.is_extended).map_err(|error| format!("sed: {error}\n"))?;
    Ok((options, script))
}

fn parse(kernel: &mut Kernel, args: &[String], io: &Io) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--" => options.names.extend(words.by_ref().cloned()),
            "--quiet" | "--silent" => options.is_quiet = true,
            "--regexp-extended" => options.is_extended = true,
            "--separate" => options.is_separate = true,
            "--in-place" => options.in_place = Some(String::new()),
            long if long.starts_with("--in-place=") => options.in_place = Some(long["--in-place=".len()..].to_owned()),
            long if long.starts_with("--expression=") => add(&mut options, &long["--expression=".len()..]),
            long if long.starts_with("--") => return Err(format!("sed: unrecognized option '{long}'\n{}", usage())),
            short if short.starts_with('-') && short.len() > 1 => {
                for (at, letter) in short.char_indices().skip(1) {
                    let rest = &short[at + letter.len_utf8()..];
                    let mut value = || {
                        let given = if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) };
                        given.ok_or_else(|| format!("sed: option requires an argument -- '{letter}'\n{}", usage()))
                    };
                    match letter {
                        'n' => options.is_quiet = true,
                        'E' | 'r' => options.is_extended = true,
                        's' => options.is_separate = true,
                        'u' => {}
                        'i' => options.in_place = Some(rest.to_owned()),
                        'e' => add(&mut options, &value()?),
                        'f' => {
                            let name = value()?;
                            let text = read(kernel, io, &name)
                                .map_err(|error| format!("sed: couldn't open file {name}: {error}\n"))?;
                            add(&mut options, text.strip_suffix('\n').unwrap_or(&text));
                        }
                        other => return Err(format!("sed: invalid option -- '{other}'\n{}", usage())),
                    }
                    if matches!(letter, 'i' | 'e' | 'f') {
                        break;
                    }
                }
            }
            name => options.names.push(name.to_owned()),
        }
    }
    Ok(options)
}

/// Several scripts are one, line by line.
fn add(options: &mut Options, script: &str) {
    match &mut options.script {
        Some(before) => {
            before.push('\n');
            before.push_str(script);
        }
        none => *none = Some(script.to_owned()),
    }
}
