//! nstat of iproute2 6.1: what the kernel has counted, since it was last asked.

use std::fmt::Write;

use crate::host::{Io, Kernel};

/// Where the last values are kept.
const HISTORY: &str = "/tmp/.nstat.u0";

/// `nstat`
pub(super) fn nstat(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let (mut absolute, mut zeros, mut keep_history, mut silent) = (false, false, false, false);
    let mut patterns = Vec::new();
    for word in args.iter().skip(1) {
        let Some(letters) = word.strip_prefix('-') else {
            patterns.push(word.as_str());
            continue;
        };
        for letter in letters.trim_start_matches('-').chars() {
            match letter {
                'a' => absolute = true,
                'z' => zeros = true,
                's' => keep_history = true,
                'n' => silent = true,
                'r' => _ = kernel.files().remove(HISTORY),
                _ => {
                    io.err = format!("nstat: invalid option -- '{letter}'\nUsage: nstat [ -aznrs ] [ PATTERN... ]\n");
                    return 255;
                }
            }
        }
    }
    let counters = counters(kernel);
    if !silent {
        let history = if absolute { String::new() } else { history(kernel) };
        let before = |name: &str| {
            let line = history.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0)
        };
        io.out.push_str("#kernel\n");
        for &(name, value) in &counters {
            let value = value.saturating_sub(before(name));
            let is_wanted = patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name));
            if is_wanted && (zeros || value > 0) {
                let _ = writeln!(io.out, "{name:<32}{value:<16}{:6.1}", 0.0);
            }
        }
    }
    if !keep_history {
        let text = counters.iter().fold(String::new(), |text, (name, value)| text + &format!("{name} {value}\n"));
        // Where it cannot be kept, the next call counts from the beginning again, as the tool does.
        let _ = kernel.files().write(HISTORY, text.as_bytes(), false);
    }
    0
}

fn history(kernel: &mut Kernel) -> String {
    let bytes = kernel.files().read(HISTORY).map(<[u8]>::to_vec).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All counters by their names.
fn counters(kernel: &Kernel) -> Vec<(&'static str, u64)> {
    let ip = kernel.ip_counters().iter();
    let mut all: Vec<_> = ip.chain(kernel.tcp_counters().iter()).chain(kernel.udp_counters().iter()).collect();
    // /proc/net/snmp comes before /proc/net/netstat.
    all.sort_by_key(|(name, _)| name.starts_with("TcpExt") || name.starts_with("IpExt"));
    all
}

/// fnmatch: `*` for any characters, `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut in_name) = (0, 0);
    // Where the last star stands, and how far its text reaches: a mismatch lets it take one more.
    let mut star = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == name[in_name] => (at, in_name) = (at + 1, in_name + 1),
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, in_name) = (place + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kernel: &mut Kernel, line: &str) -> String {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut io = Io::default();
        assert_eq!(nstat(kernel, &args, &mut io), 0);
        io.out
    }

    #[test]
    fn counters_are_shown_with_their_names() {
        let mut kernel = Kernel::default();
        insta::assert_snapshot!(run(&mut kernel, "nstat -az TcpActiveOpens Tcp*Overflows"), @"
        #kernel
        TcpActiveOpens                  0                  0.0
        TcpExtListenOverflows           0                  0.0
        ");
        assert_eq!(run(&mut kernel, "nstat -a"), "#kernel\n");
    }

    #[test]
    fn patterns() {
        assert!(matches("Tcp*", "TcpInSegs") && matches("*Segs", "TcpInSegs") && matches("Tcp??Segs", "TcpInSegs"));
        assert!(!matches("Tcp", "TcpInSegs") && !matches("Tcp*x", "TcpInSegs"));
    }
}
