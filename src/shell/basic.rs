//! Commands of a few lines: sleep, date, basename, dirname, id, whoami, uname.

use super::{Io, Process};
use crate::host::Kernel;
use crate::host::process::Task;
use crate::time::Span;

/// sleep SECONDS...
pub(super) fn sleep(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let mut total = Span::ZERO;
        for arg in &args[1..] {
            let Some(span) = seconds(arg) else {
                process.complain(&format!(
                    "sleep: invalid time interval '{arg}'\nTry 'sleep --help' for more information.\n"
                ));
                return 1;
            };
            total = total + span;
        }
        if args.len() < 2 {
            process.complain("sleep: missing operand\nTry 'sleep --help' for more information.\n");
            return 1;
        }
        process.sys.sleep(total).await;
        0
    })
}

/// A number with an optional unit, as sleep takes it.
pub(super) fn seconds(text: &str) -> Option<Span> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        (at, 'd') => (&text[..at], 86400.0),
        _ => (text, 1.0),
    };
    let number: f64 = number.parse().ok()?;
    (number >= 0.0).then(|| Span::from_secs_f64(number * unit))
}

/// date [+FORMAT]
pub(super) fn date(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let nanos = kernel.clock(kernel.now).as_nanos();
    let format = args.iter().skip(1).find_map(|arg| arg.strip_prefix('+')).unwrap_or("%a %b %e %H:%M:%S UTC %Y");
    io.out = show_date(nanos / 1_000_000_000, nanos % 1_000_000_000, format) + "\n";
    0
}

/// A moment, in seconds and nanoseconds since 1970, as `date` shows it.
pub(super) fn show_date(seconds: u64, nanos: u64, format: &str) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        text.push_str(&match chars.next() {
            Some('a') => DAYS[(days % 7) as usize].to_owned(),
            Some('b') => MONTHS[month as usize - 1].to_owned(),
            Some('d') => format!("{day:02}"),
            Some('e') => format!("{day:2}"),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('H') => format!("{hour:02}"),
            Some('M') => format!("{minute:02}"),
            Some('m') => format!("{month:02}"),
            Some('N') => format!("{nanos:09}"),
            Some('S') => format!("{second:02}"),
            Some('s') => seconds.to_string(),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('Y') => year.to_string(),
            Some('Z') => "UTC".to_owned(),
            Some('%') => "%".to_owned(),
            Some(other) => format!("%{other}"),
            None => "%".to_owned(),
        });
    }
    text
}

/// The date of a day counted from 1970-01-01, by Howard Hinnant's days-to-civil algorithm.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// basename PATH \[SUFFIX\]
pub(super) fn basename(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let [_, path, rest @ ..] = args else {
        io.err = "basename: missing operand\nTry 'basename --help' for more information.\n".to_owned();
        return 1;
    };
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let suffix = rest.first().map_or("", String::as_str);
    let name = name.strip_suffix(suffix).filter(|name| !name.is_empty()).unwrap_or(name);
    io.out = format!("{}\n", if name.is_empty() && !path.is_empty() { "/" } else { name });
    0
}

/// dirname PATH...
pub(super) fn dirname(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    if args.len() < 2 {
        io.err = "dirname: missing operand\nTry 'dirname --help' for more information.\n".to_owned();
        return 1;
    }
    for path in &args[1..] {
        let directory = match path.trim_end_matches('/').rsplit_once('/') {
            Some((directory, _)) => directory.trim_end_matches('/'),
            None if path.starts_with('/') => "",
            None => ".",
        };
        io.out.push_str(if directory.is_empty() { "/" } else { directory });
        io.out.push('\n');
    }
    0
}

/// id \[-u\]
pub(super) fn id(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let number_only = args.get(1).is_some_and(|arg| arg == "-u" || arg == "-g");
    io.out = if number_only { "0\n" } else { "uid=0(root) gid=0(root) groups=0(root)\n" }.to_owned();
    0
}

/// whoami
pub(super) fn whoami(_: &mut Kernel, _: &[String], io: &mut Io) -> i32 {
    io.out = "root\n".to_owned();
    0
}

/// uname \[-a\] \[-s\] \[-n\] \[-r\] \[-m\]: the kernel that the simulator was held against.
pub(super) fn uname(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let flags: String = args.iter().skip(1).filter_map(|arg| arg.strip_prefix('-')).collect();
    let flags = if flags.is_empty() { "s".to_owned() } else { flags };
    let fields = [('s', "Linux"), ('n', &*kernel.name), ('r', "6.1.0"), ('m', "x86_64"), ('o', "GNU/Linux")];
    let chosen = fields.iter().filter(|(flag, _)| flags.contains(*flag) || flags.contains('a'));
    io.out = chosen.map(|(_, text)| *text).collect::<Vec<_>>().join(" ") + "\n";
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::EPOCH;

    #[test]
    fn lengths_of_time() {
        assert_eq!(seconds("1.5"), Some(Span::from_millis(1500)));
        assert_eq!(seconds("2m"), Some(Span::from_secs(120)));
        assert_eq!((seconds("-1"), seconds("x"), seconds(""), seconds("s")), (None, None, None, None));
    }

    #[test]
    fn dates() {
        assert_eq!(show_date(EPOCH.as_secs(), 0, "%a %F %T"), "Thu 2026-01-01 00:00:00");
        assert_eq!(show_date(951_782_400, 5, "%Y-%m-%d.%N"), "2000-02-29.000000005");
    }
}
