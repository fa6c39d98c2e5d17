//! Any byte string, as a frame, a command line, a script or a scenario: an error, or a drop with a reason, never a panic.

use std::cell::RefCell;

use lvslab::scenario::{self, Options};
use lvslab::shell::COMMANDS;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "support/rig.rs"]
mod rig;

use rig::Rig;

/// How a good frame is spoilt.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Cut(Index),
    Grow(Vec<u8>),
    Insert(Index, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        6 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Mutation::Set(at, value)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(Mutation::Grow),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Mutation::Insert(at, value)),
    ]
}

fn spoil(bytes: &mut Vec<u8>, mutations: Vec<Mutation>) {
    for mutation in mutations {
        match mutation {
            Mutation::Set(at, value) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            Mutation::Set(..) => {}
            Mutation::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Mutation::Grow(more) => bytes.extend(more),
            Mutation::Insert(at, value) => bytes.insert(at.index(bytes.len() + 1), value),
        }
    }
}

/// A frame: mostly a good one, more or less spoilt, its checksums mended or not.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let spoilt = (select(rig::good_frames()), prop::collection::vec(mutation(), 0..6), any::<bool>());
    let spoilt = spoilt.prop_map(|(mut bytes, mutations, is_mended)| {
        spoil(&mut bytes, mutations);
        if is_mended {
            rig::mend(&mut bytes);
        }
        bytes
    });
    prop_oneof![9 => spoilt, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

/// Words of all tools, and of none.
const WORDS: &[&str] = &[
    "-A",
    "-E",
    "-D",
    "-C",
    "-a",
    "-d",
    "-e",
    "-L",
    "-l",
    "-n",
    "-ln",
    "-lnc",
    "-Z",
    "-S",
    "-R",
    "-t",
    "-u",
    "-f",
    "-r",
    "-s",
    "-p",
    "-M",
    "-o",
    "-b",
    "-m",
    "-g",
    "-i",
    "-w",
    "-x",
    "-y",
    "-c",
    "-I",
    "-F",
    "-P",
    "-N",
    "-X",
    "-j",
    "-k",
    "-h",
    "-v",
    "-q",
    "-4",
    "-6",
    "-br",
    "-d",
    "--set",
    "--stats",
    "--rate",
    "--thresholds",
    "--timeout",
    "--daemon",
    "--start-daemon",
    "--stop-daemon",
    "--mcast-interface",
    "--syncid",
    "--sync-maxlen",
    "--pe",
    "--tun-type",
    "--tun-port",
    "--tun-nocsum",
    "--nosort",
    "--exact",
    "--sctp-service",
    "--dport",
    "--sport",
    "--dports",
    "--ctstate",
    "--set-mark",
    "--to-destination",
    "--to-source",
    "--reject-with",
    "--line-numbers",
    "--help",
    "--version",
    "master",
    "backup",
    "sip",
    "rr",
    "wrr",
    "wlc",
    "sh",
    "mh",
    "sh-port,sh-fallback",
    "flag-1",
    "gue",
    "gre",
    "ipip",
    "addr",
    "link",
    "route",
    "neigh",
    "rule",
    "add",
    "del",
    "show",
    "flush",
    "replace",
    "change",
    "get",
    "set",
    "list",
    "dev",
    "via",
    "src",
    "table",
    "metric",
    "scope",
    "proto",
    "lladdr",
    "nud",
    "mtu",
    "up",
    "down",
    "type",
    "mode",
    "local",
    "remote",
    "ttl",
    "onlink",
    "default",
    "unreachable",
    "blackhole",
    "permanent",
    "label",
    "brd",
    "+",
    "eth0",
    "eth1",
    "eth9",
    "lo",
    "tunl0",
    "eth0:1",
    "all",
    "INPUT",
    "OUTPUT",
    "FORWARD",
    "PREROUTING",
    "POSTROUTING",
    "ACCEPT",
    "DROP",
    "REJECT",
    "MARK",
    "MASQUERADE",
    "SNAT",
    "DNAT",
    "LOG",
    "nat",
    "mangle",
    "filter",
    "raw",
    "!",
    "tcp",
    "udp",
    "icmp",
    "sctp",
    "multiport",
    "state",
    "conntrack",
    "NEW,ESTABLISHED",
    "host",
    "net",
    "port",
    "and",
    "or",
    "not",
    "src",
    "dst",
    "vrrp",
    "arp",
    "ip",
    "tcp[13]&2!=0",
    "(",
    ")",
    "ether",
    "portrange",
    "20-25",
    "10.0.0.1",
    "10.0.0.100:80",
    "10.0.0.100",
    "10.0.1.2",
    "10.0.0.0/24",
    "10.0.0.1/33",
    "0.0.0.0/0",
    "224.0.0.18",
    "255.255.255.0",
    "10.1",
    "0x7f.1",
    "::1",
    "[::1]:80",
    "localhost",
    "box",
    "02:00:00:00:00:09",
    "zz:00",
    "0",
    "1",
    "-1",
    "80",
    "443",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "1.5",
    "0x10",
    "1e9",
    "1s",
    "10ms",
    "999999999999999999999",
    "net.ipv4.ip_forward=1",
    "net.ipv4.vs.drop_entry=3",
    "net.ipv4",
    "net.ipv4.conf.eth0.arp_ignore",
    "=",
    "=1",
    "/etc/hosts",
    "/tmp/x",
    "/proc/net/ip_vs",
    "/proc/sys/net/ipv4/vs",
    "/nosuch/dir",
    "..",
    "-",
    "--",
    "",
    "*",
    "a*b",
    "[",
    "]",
    "[[:alpha:]]",
    "\\",
    "s/a/b/",
    "%s",
    "%d\\n",
    "%*d",
    "\u{fc}",
    "http://10.0.0.1/",
    "http://[::1]:80/x",
    "ftp://10.0.0.100/",
    "start",
    "status",
    "keepalived",
    "1-3,5",
    "-f1",
    "-d:",
];

/// What shell scripts are made of, besides.
const SCRIPT: &[&str] = &[
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "while",
    "until",
    "for",
    "in",
    "do",
    "done",
    "case",
    "esac",
    "x)",
    ";;",
    "{",
    "}",
    "(",
    ")",
    "((",
    "))",
    "[[",
    "]]",
    "!",
    ";",
    "\n",
    "&",
    "&&",
    "||",
    "|",
    ">",
    ">>",
    "<",
    "2>&1",
    ">&2",
    "<<E\nE\n",
    "<<<",
    "x=1",
    "x=$x$x",
    "x=(a b c)",
    "$x",
    "${x}",
    "${x:-y}",
    "${x#*a}",
    "${x%%b*}",
    "${x/a/b}",
    "${#x}",
    "${x:1:2}",
    "${x[@]}",
    "${!x}",
    "$((1+1))",
    "$((x++))",
    "$((1/0))",
    "$((2**63))",
    "$((1<<99))",
    "$(echo a)",
    "`echo b`",
    "$?",
    "$!",
    "$$",
    "$#",
    "$@",
    "$*",
    "$0",
    "$1",
    "'a b'",
    "\"a $x b\"",
    "\"",
    "'",
    "\\",
    "{1..5}",
    "{a,b}",
    "~",
    "f()",
    "f",
    "return",
    "break",
    "continue",
    "exit",
    "eval",
    "source",
    ".",
    "set",
    "shift",
    "unset",
    "local",
    "export",
    "read",
    "trap",
    "test",
    "[",
    "-e",
    "-z",
    "-eq",
    "true",
    "false",
    ":",
    "sleep",
    "echo",
    "wait",
    "exec",
    "timeout",
    "kill",
    "declare",
    "-a",
    "-i",
    "printf",
    "time",
    "#",
    "function",
    "select",
    "getopts",
    "let",
    "x+=1",
    "alias",
    "cd",
    "pwd",
];

fn words(from: Vec<&'static str>, most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![9 => select(from).prop_map(str::to_owned), 1 => "\\PC{0,6}"], 0..most)
        .prop_map(|words| words.join(" "))
}

/// A word as the shell does not change it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', ""))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever arrives, something comes of it: it goes on, is delivered, or a reason says why not.
    #[test]
    fn frames(at in select(vec![rig::DIRECTOR, rig::SERVER]), frames in prop::collection::vec((0_u32..2, frame()), 1..12)) {
        let mut rig = Rig::new(at);
        for (port, bytes) in frames {
            prop_assert!(rig.receive(port, &bytes), "nothing came of {bytes:02x?}");
        }
    }

    /// Every command with words of all commands.
    #[test]
    fn command_lines(
        command in select(COMMANDS.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        args in prop::collection::vec(prop_oneof![9 => select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,8}"], 0..8),
    ) {
        let args: Vec<_> = args.iter().map(|arg| quoted(arg)).collect();
        let line = format!("{command} {}", args.join(" "));
        on_a_used_director(&line);
    }

    /// Scripts: words of the shell's grammar in any order.
    #[test]
    fn scripts(script in words([WORDS, SCRIPT, SCRIPT, SCRIPT].concat(), 24)) {
        Rig::new(&[]).type_line(&script);
    }

    /// Any text at all.
    #[test]
    fn typed_text(text in "(?s).{0,60}") {
        Rig::new(&[]).type_line(&text);
    }

    /// Any text as a scenario, and a scenario with any change.
    #[test]
    fn scenario_files(
        text in prop_oneof![Just(None), "(?s).{0,100}".prop_map(Some)],
        mutations in prop::collection::vec((any::<Index>(), "[ -~\u{fc}\n]{0,3}", 0_usize..8), 0..5),
    ) {
        let mut text: Vec<char> = text.unwrap_or_else(|| SCENARIO.to_owned()).chars().collect();
        for (at, more, less) in mutations {
            let at = at.index(text.len() + 1);
            let end = (at + less).min(text.len());
            text.splice(at..end, more.chars());
        }
        let text: String = text.into_iter().collect();
        match scenario::load(&text) {
            Ok(plan) => {
                let _ = scenario::run(&plan, Options { max_events: 2_000 });
            }
            Err(diagnostics) => {
                prop_assert!(!diagnostics.is_empty());
                for diagnostic in diagnostics {
                    prop_assert!(text.get(diagnostic.at.clone()).is_some(), "{diagnostic:?}");
                }
            }
        }
    }
}

/// Types a line at a director that other lines have been typed at before.
fn on_a_used_director(line: &str) {
    thread_local! {
        static USED: RefCell<Option<Rig>> = const { RefCell::new(None) };
    }
    USED.with_borrow_mut(|used| {
        // If the line ends badly, the next one begins with another host.
        let mut rig = used.take().unwrap_or_else(|| Rig::new(rig::DIRECTOR));
        rig.type_line(line);
        *used = Some(rig);
    });
}

const SCENARIO: &str = r#"Scenario(
    title: "two hosts",
    switches: ["lan"],
    nodes: {
        "a": (interfaces: {"eth0": "lan"}, setup: ["ip addr add 10.0.0.1/24 dev eth0", "ip link set eth0 up"]),
        "b": (interfaces: {"eth0": "lan"}, setup: ["ip addr add 10.0.0.2/24 dev eth0", "ip link set eth0 up"]),
    },
    timeline: [
        (at: "0s", node: "a", run: "ping -c 1 10.0.0.2"),
    ],
    until: "1s",
)"#;
