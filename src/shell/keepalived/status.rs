//! What `systemctl status keepalived` shows: systemd's view of the unit, and the last lines of its log.

use super::log::FILE;
use crate::host::{Kernel, Pid};
use crate::shell::basic::show_date;

/// How many lines of the log are shown.
const LINES: usize = 10;

/// The text. `pid`: of the main process, if it runs.
pub(in crate::shell) fn status(kernel: &mut Kernel, pid: Option<Pid>, is_enabled: bool) -> String {
    let bytes = kernel.read_path(FILE).unwrap_or_default();
    let log = String::from_utf8_lossy(&bytes);
    let lines: Vec<(&str, &str)> = log.lines().filter_map(|line| line.split_once(": ")).collect();
    let begins =
        |line: &&(&str, &str)| line.1.starts_with(if pid.is_some() { "Starting Keepalived" } else { "Stopped" });
    let last = lines.iter().rev().find(begins).and_then(|(stamp, _)| seconds(stamp));
    let sign = if pid.is_some() { "●" } else { "○" };
    let state = if pid.is_some() { "active (running)" } else { "inactive (dead)" };
    let mut text = format!(
        "{sign} keepalived.service - Keepalive Daemon (LVS and VRRP)\n     \
         Loaded: loaded (/lib/systemd/system/keepalived.service; {}; preset: enabled)\n     Active: {state}",
        if is_enabled { "enabled" } else { "disabled" }
    );
    if let Some(since) = last {
        let ago = kernel.clock(kernel.now).as_secs().saturating_sub(since);
        text += &format!(" since {}; {}", show_date(since, 0, "%a %Y-%m-%d %T UTC"), shown_ago(ago));
    }
    text += "\n       Docs: man:keepalived(8)\n             man:keepalived.conf(5)\n             man:genhash(1)\n             \
             https://keepalived.org\n";
    if let Some(pid) = pid {
        text += &format!("   Main PID: {} (keepalived)\n", pid.0);
    }
    let number = pid.map_or(String::new(), |pid| format!("[{}]", pid.0));
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    for (place, (stamp, line)) in shown.iter().enumerate() {
        // The journal names neither weekday nor year.
        let stamp = seconds(stamp).map_or(String::new(), |seconds| show_date(seconds, 0, "%b %d %T"));
        let gap = if place == 0 { "\n" } else { "" };
        text += &format!("{gap}{stamp} {} Keepalived{number}: {line}\n", kernel.name);
    }
    text
}

fn shown_ago(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s ago"),
        (0, minutes, seconds) => format!("{minutes}min {seconds}s ago"),
        (hours, minutes, _) => format!("{hours}h {minutes}min ago"),
    }
}

/// The seconds since 1970 of a stamp like `Sat Nov 21 02:48:44 2026`.
fn seconds(stamp: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = stamp.split_whitespace().collect();
    let [_, month, day, time, year] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let mut clock = time.split(':').map(|part| part.parse::<u64>());
    let mut part = || clock.next()?.ok();
    let seconds = part()? * 3600 + part()? * 60 + part()?;
    // Days since 1 March of year 0, as if the year began in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day.checked_sub(1)?;
    Some(days.checked_sub(719_468)? * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_as_they_are_written() {
        for at in [0, 951_782_400, 1_795_229_324, 4_102_444_799] {
            assert_eq!(seconds(&show_date(at, 0, "%a %b %e %T %Y")), Some(at));
        }
        assert_eq!(seconds("Sat Nov 21"), None);
    }
}
