//! The command line, from outside: what it prints where, what it ends with, what it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn lvslab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lvslab")).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An empty folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn scenario(folder: &Path, expect: &str) -> String {
    let path = folder.join("lab.ron");
    let text = format!(
        r#"Scenario(
            title: "echo",
            switches: ["lan"],
            nodes: {{ "a": (interfaces: {{ "eth0": "lan" }}), "b": (interfaces: {{ "eth0": "lan" }}) }},
            timeline: [(at: "1s", node: "a", run: "echo hello")],
            expect: [{expect}],
        )"#
    );
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

const TRUE: &str = r#"Output(node: "a", run: "echo hello", contains: ["hello"], say: "echo echoes")"#;
const FALSE: &str = r#"Output(node: "a", run: "echo hello", contains: ["bye"], say: "echo says goodbye")"#;

#[test]
fn a_scenario_that_holds() {
    let folder = folder("holds");
    let output = lvslab(&["run", &scenario(&folder, TRUE)]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    insta::assert_snapshot!(out(&output), @r#"
    echo
    $ a command  | its output  → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end

    set-up

    time 0
      1.000000  a                   $ echo hello
      1.000000  a                   | hello

    expected
           yes  echo echoes
    "#);
}

#[test]
fn a_scenario_that_does_not_hold() {
    let folder = folder("fails");
    let output = lvslab(&["run", &scenario(&folder, FALSE)]);
    assert_eq!((output.status.code(), err(&output)), (Some(1), String::new()));
    insta::assert_snapshot!(out(&output), @r#"
    echo
    $ a command  | its output  → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end

    set-up

    time 0
      1.000000  a                   $ echo hello
      1.000000  a                   | hello

    expected
            NO  echo says goodbye
                expected: a $ echo hello: prints "bye"
                found:    exit status 0
                found:    hello
    "#);
}

#[test]
fn json_lines() {
    let folder = folder("json");
    let output = lvslab(&["run", "--json", &scenario(&folder, TRUE)]);
    insta::assert_snapshot!(out(&output), @r#"
    {"kind":"command","at":1000000000,"node":"a","job":0,"line":"echo hello"}
    {"kind":"output","at":1000000000,"node":"a","job":0,"stream":"out","text":"hello\n"}
    {"kind":"exit","at":1000000000,"node":"a","job":0,"status":0}
    {"kind":"expectation","held":true,"expected":"a $ echo hello: prints \"hello\"","found":"","say":"echo echoes"}
    "#);
    for line in out(&output).lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_wrong_file_writes_nothing() {
    let folder = folder("wrong");
    let path = scenario(&folder, TRUE).replace('\\', "/");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("\"lan\" }", "\"lna\" }")).unwrap();
    let record = folder.join("record");
    for command in [&["check", &path][..], &["run", &path, "--record", record.to_str().unwrap()]] {
        let output = lvslab(command);
        assert_eq!(output.status.code(), Some(2));
        assert!(out(&output).is_empty());
        assert!(err(&output).contains("did you mean \"lan\"?"), "{}", err(&output));
    }
    assert!(!record.exists());
    assert_eq!(lvslab(&["run", "no/such/file.ron"]).status.code(), Some(2));
    assert_eq!(lvslab(&["run", "--trace", "arpp", &path]).status.code(), Some(2));
}

#[test]
fn a_record_is_written_over_but_nothing_else() {
    let folder = folder("record");
    let path = scenario(&folder, TRUE);
    let (record, capture) = (folder.join("record"), folder.join("lab.pcapng"));
    let arguments = ["run", &path, "--record", record.to_str().unwrap(), "--pcapng", capture.to_str().unwrap()];
    for _ in 0..2 {
        let output = lvslab(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
    let mut names: Vec<_> = fs::read_dir(&record).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a-eth0.pcap", "b-eth0.pcap", "steps.json"]);

    fs::write(&capture, "a letter to my aunt").unwrap();
    assert_eq!(lvslab(&arguments).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&capture).unwrap(), "a letter to my aunt");
    let mut forced = arguments.to_vec();
    forced.push("--force");
    assert_eq!(lvslab(&forced).status.code(), Some(0));

    fs::write(record.join("steps.json"), "{}").unwrap();
    assert_eq!(lvslab(&arguments).status.code(), Some(2));
    assert_eq!(fs::read_to_string(record.join("steps.json")).unwrap(), "{}");
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_lvslab")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(err(&output), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_run_that_goes_on_for_ever_is_stopped() {
    let output = lvslab(&["run", "--max-events", "100"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("100 events"), "{}", err(&output));
    assert!(out(&output).is_empty());
}
