//! `lvslab shell` and `lvslab tui`: through a pipe, and at a terminal.

#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use terminal::Terminal;

const DR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/dr.ron");

/// An empty folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// What comes of lines on standard input: standard output, and the exit status.
fn piped(folder: &Path, lines: &str) -> (String, i32) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lvslab"))
        .args(["shell", DR])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    (String::from_utf8(stdout).unwrap(), status.code().unwrap())
}

#[test]
fn a_pipe_needs_no_prompts() {
    let (out, status) = piped(
        &folder("shell-pipe"),
        "step 2\nuntil syn and in and node rs2\nwhy 3\nback 3\nrs2$ ip neigh\non client\nip -br addr\nexit\ndeeds\nstep\nuntil says ESTABLISHED\nladder syn\n",
    );
    assert_eq!(status, 0, "{out}");
    insta::assert_snapshot!(out);
}

#[test]
fn what_is_not_understood_is_said_and_shows_in_the_status() {
    let (out, status) = piped(&folder("shell-wrong"), "stepp\nuntil 0.1s\nuntil 0.05s\nwhy 9999\nundo\n");
    assert_eq!(status, 2);
    for words in ["did you mean `step`?", "0.05s is over", "there is no frame #9999 yet", "nothing has been done"] {
        assert!(out.contains(words), "{words}: {out}");
    }
}

#[test]
fn a_session_is_saved_as_a_scenario_and_never_over_another_file() {
    let folder = folder("shell-save");
    let change = "until 0.15s\ndirector$ ipvsadm -d -t 192.168.1.200:80 -r 192.168.1.197\nunplug rs2.eth0\n";
    let (out, status) = piped(&folder, &format!("{change}run\nsave mine.ron\nsave mine.ron\nsave! mine.ron\nquit\n"));
    assert_eq!(status, 2, "{out}");
    assert!(out.contains("mine.ron is there already; `save! mine.ron` writes over it"), "{out}");
    let saved = folder.join("mine.ron");
    let lvslab = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_lvslab")).args(arguments).arg(&saved).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(lvslab(&["check"]).0, Some(0));
    let (_, story) = lvslab(&["run"]);
    for line in out.lines().filter(|line| line.contains("Flags [S]")) {
        let words = line.split_once("IP").map_or(line, |(_, words)| words);
        let words = words.rsplit("  ").next().unwrap();
        assert!(story.contains(words), "{words}\n{story}");
    }
    assert!(story.contains("$ ipvsadm -d -t"), "{story}");
    assert!(fs::read_to_string(&saved).unwrap().contains("// The cluster that most people meet first"));
}

#[test]
fn at_a_terminal() {
    let folder = folder("shell-terminal");
    let mut terminal = Terminal::start(40, 120, &["shell", DR], &folder);
    // What is pressed before there is a prompt is read by nobody.
    let answer = |keys: &str, wanted: &str, prompt: &str| {
        terminal.press(keys);
        terminal.expect(wanted);
        terminal.wait(&format!("the prompt {prompt}"), |text| text.ends_with(prompt));
    };
    answer("", "0.000000>", "0.000000>");
    answer("ste\t\r", "who-has 192.168.1.200", "0.000000>");
    answer("\r", "192.168.1.200 is-at 02:00:00:00:02:00", "0.000100>");
    answer("why 1\r", "director gets frame 1 by eth0", "0.000100>");
    answer("back\r", "back to here", "0.000000>");
    answer("half a line\x03", "half a line\n0.000000>", "0.000000>");
    answer("on rs1\r", "rs1$", "0.000000 rs1$");
    answer("ip -br addr show dev lo\r", "192.168.1.200/32", "0.000000 rs1$");
    answer("\x04", "0.000000>", "0.000000>");
    terminal.press("\x1b[A");
    terminal.expect("> ip -br addr");
    answer("\x03", "\n0.000000>", "\n0.000000>");
    let saved = folder.join("saved.ron");
    answer(&format!("save {}\r", saved.display()), "saved: lvslab run", "0.000000>");
    assert!(fs::read_to_string(&saved).unwrap().contains("run: \"ip -br addr show dev lo\""));
    terminal.press("\x04");
    assert_eq!(terminal.end(), 0);
    assert!(fs::read_to_string(folder.join("lvslab/history")).unwrap().contains("on rs1"));
}

#[test]
fn the_whole_screen() {
    let folder = folder("tui");
    let mut terminal = Terminal::start(24, 80, &["tui", DR], &folder);
    terminal.expect("0.000000 s  ‖ paused");
    assert!(terminal.is_full_screen());
    terminal.press("\x1b[C");
    terminal.expect("#1 client → everybody ARP, Request");
    terminal.press("\x1b[C");
    terminal.expect("0.000100 s");
    terminal.press("\x1b[D");
    terminal.expect("0.000000 s");
    terminal.press("u");
    terminal.press("syn and in and node rs2\r");
    terminal.expect("0.000600 s");
    terminal.press("nnn:");
    terminal.expect("rs2$");
    terminal.press("echo typed by hand\r");
    terminal.expect("| typed by hand");
    terminal.resize(50, 140);
    // A key that comes together with a new size is only seen with the next one: crossterm reads one of the two.
    terminal.wait("a wide picture", |text| text.lines().any(|line| line.trim_end().chars().count() > 120));
    terminal.press("?");
    terminal.expect("any key goes on");
    terminal.press("x ");
    terminal.expect("▶ plays");
    terminal.press(" ");
    terminal.expect("‖ paused");
    let saved = folder.join("saved.ron");
    terminal.press(&format!("s{}\r", saved.display()));
    terminal.expect("saved: lvslab run");
    assert!(fs::read_to_string(&saved).unwrap().contains("echo typed by hand"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.is_full_screen());
}
