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
    → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end  $ a command  | its output

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
    → a frame is sent  ⇒ a packet is passed on  · a decision  ✗ an end  $ a command  | its output

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

    // The file may say so, too; the command line wins.
    let path = scenario(&folder("limit"), TRUE);
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("title:", "max_events: 0, title:")).unwrap();
    assert_eq!(lvslab(&["run", &path]).status.code(), Some(3));
    assert_eq!(lvslab(&["run", "--max-events", "1000", &path]).status.code(), Some(0));
}

#[test]
fn schedulers_by_themselves() {
    let servers = ["--server", "10.0.0.1=3", "--server", "10.0.0.2=1"];
    let pick = |arguments: &[&str]| out(&lvslab(&[&["ipvs", "pick"], &servers[..], arguments].concat()));
    insta::assert_snapshot!(pick(&["-s", "wrr", "-n", "8", "--sequence"]), @"
    TCP 192.168.1.200:80, wrr: 8 requests from 8 clients

      server              weight  requests   share  by weight   active  inactive
      2  10.0.0.2              1         2   25.0%      25.0%        0         2  ##########|
      1  10.0.0.1              3         6   75.0%      75.0%        0         6  ##############################|

    in this order
         1  2 1 1 1 2 1 1 1
    ");
    insta::assert_snapshot!(pick(&["-s", "wlc", "-n", "4", "--hold", "forever", "--why"]), @"
    TCP 192.168.1.200:80, wlc: 4 requests from 4 clients

      server              weight  requests   share  by weight   active  inactive
      2  10.0.0.2              1         1   25.0%      25.0%        1         0  ##########|
      1  10.0.0.1              3         3   75.0%      75.0%        3         0  ##############################|

    for these reasons
         1  10.9.0.1:1024: wlc chose 10.0.0.2:80: (0*256+0)/1 = 0 is the least (10.0.0.1:80: (0*256+0)/3 = 0)
         2  10.9.0.2:1024: wlc chose 10.0.0.1:80: (0*256+0)/3 = 0 is the least (10.0.0.2:80: (1*256+0)/1 = 256)
         3  10.9.0.3:1024: wlc chose 10.0.0.1:80: (1*256+0)/3 = 85.3 is the least (10.0.0.2:80: (1*256+0)/1 = 256)
         4  10.9.0.4:1024: wlc chose 10.0.0.1:80: (2*256+0)/3 = 170.7 is the least (10.0.0.2:80: (1*256+0)/1 = 256)
    ");
    insta::assert_snapshot!(pick(&["-s", "nq", "--hold", "exp:100ms"]), @"
    TCP 192.168.1.200:80, nq: 1000 requests from 254 clients

      server              weight  requests   share  by weight   active  inactive
      2  10.0.0.2              1       242   24.2%      25.0%        3       239  ##########|
      1  10.0.0.1              3       758   75.8%      75.0%       12       746  ##############################|
    ");
    insta::assert_snapshot!(pick(&["-s", "sh", "-b", "sh-port", "--clients", "10.9.0.7", "-n", "100"]), @"
    TCP 192.168.1.200:80, sh: 100 requests from 1 client

      server              weight  requests   share  by weight   active  inactive
      2  10.0.0.2              1        25   25.0%      25.0%        0        25  ##########|
      1  10.0.0.1              3        75   75.0%      75.0%        0        75  ##############################|
    ");
    insta::assert_snapshot!(pick(&["-s", "rr", "-p", "60", "--clients", "10.9.0.7", "--service", "10.0.0.9:53/udp"]), @"
    UDP 10.0.0.9:53, rr: 1000 requests from 1 client

      server              weight  requests   share  by weight   active  inactive
      2  10.0.0.2              1      1000  100.0%      25.0%        0      1000  ##########|#############################
      1  10.0.0.1              3         0    0.0%      75.0%        0         0  ..............................|
    ");
    insta::assert_snapshot!(pick(&["-s", "lc", "-n", "3", "--json", "--sequence"]), @r#"{"service":"192.168.1.200:80","protocol":"tcp","scheduler":"lc","requests":3,"refused":0,"servers":[{"address":"10.0.0.2","weight":1,"requests":2,"active":0,"inactive":2},{"address":"10.0.0.1","weight":3,"requests":1,"active":0,"inactive":1}],"sequence":["10.0.0.2","10.0.0.1","10.0.0.2"]}"#);
    assert_eq!(pick(&["-s", "twos", "--seed", "7"]), pick(&["-s", "twos", "--seed", "7"]));
    assert_ne!(pick(&["-s", "twos", "--seed", "7"]), pick(&["-s", "twos", "--seed", "8"]));
}

#[test]
fn wrong_words_about_schedulers() {
    let complaint = |arguments: &[&str]| {
        let output = lvslab(&[&["ipvs", "pick"], arguments].concat());
        assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()));
        err(&output)
    };
    insta::assert_snapshot!(complaint(&["-s", "wlcc", "--server", "10.0.0.1"]), @"
    error: invalid value 'wlcc' for '--scheduler <SCHEDULER>'
      [possible values: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, mh, sed, nq, fo, ovf, twos]

      tip: a similar value exists: 'wlc'

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&["--server", "10.0.0.1=70000"]), @r#"
    error: invalid value '10.0.0.1=70000' for '--server <ADDRESS[=WEIGHT]>': "70000" is no weight: whole numbers from 0 to 65535 are

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(complaint(&["--server", "10.0.0.1", "--server", "10.0.0.1"]), @"lvslab: --server: the same server twice");
    insta::assert_snapshot!(complaint(&["--server", "10.0.0.1", "-b", "sh-port"]), @"lvslab: --sched-flags: incompatible scheduler flag `sh-port'; sh has sh-port and sh-fallback, mh has mh-port and mh-fallback");
    insta::assert_snapshot!(complaint(&["--server", "10.0.0.1", "--clients", "10.9.0.0/33"]), @"
    error: invalid value '10.9.0.0/33' for '--clients <PREFIX>': an address or a prefix is expected, like 10.9.0.7 or 10.9.0.0/24

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&["--server", "10.0.0.1", "--clients", "10.9.0.7", "-n", "70000"]), @"lvslab: --requests: these clients have ports for 64512 requests; a shorter prefix of --clients has more");
    insta::assert_snapshot!(complaint(&["--server", "10.0.0.1", "--service", "10.0.0.9:53/udp", "--hold", "1s"]), @"lvslab: --hold: datagrams open nothing that could be held; leave it out, or ask for tcp");
}

#[test]
fn frames_alone_with_their_numbers() {
    let output = lvslab(&["trace", "scenarios/dr.ron", "syn and src 192.168.1.10"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    let text = out(&output);
    assert!(text.contains("#3  client.eth0 → director.eth0"), "{text}");
    assert!(!text.contains("$ ipvsadm"), "commands are left out: {text}");
    let wrong = lvslab(&["trace", "scenarios/dr.ron", "node nobody"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("client.eth0"), "{}", err(&wrong));
}

#[test]
fn the_journey_of_a_packet() {
    let output = lvslab(&["why", "scenarios/dr.ron", "--client", "client", "--first"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    insta::assert_snapshot!("the_journey_of_a_packet", out(&output));
}

#[test]
fn questions_that_have_no_answer() {
    for (question, hint) in [
        (["--frame", "9999"], "frames have the numbers 1 to "),
        (["--conn", "10.0.0.1:1"], "192.168.1.10:40001"),
        (["--client", "nobody"], "nodes: client, director"),
        (["--arp", "10.0.0.1"], "addresses that were asked for: 192.168.1.200"),
        (["--vip", "10.0.0.1"], "addresses: 192.168.1.10, 192.168.1.197"),
    ] {
        let output = lvslab(&[&["why", "scenarios/dr.ron"][..], &question[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{question:?}");
        assert!(err(&output).contains(hint), "{question:?}: {}", err(&output));
    }
}

#[test]
fn who_has_an_address_and_why() {
    let output = lvslab(&["why", "scenarios/keepalived/failover.ron", "--vip", "10.0.0.100"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    insta::assert_snapshot!("who_has_an_address_and_why", out(&output));
}

#[test]
fn who_answers_for_an_address() {
    let output = lvslab(&["why", "scenarios/dr.ron", "--arp", "192.168.1.200", "--first"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    insta::assert_snapshot!("who_answers_for_an_address", out(&output));
}

#[test]
fn journeys_for_programs() {
    let output = lvslab(&["why", "scenarios/dr.ron", "--client", "client", "--first", "--json"]);
    let journey: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(journey["legs"][0]["command"]["place"], "scenarios/dr.ron:45");
    assert_eq!(journey["legs"][1]["visits"][0]["end"], "taken");
    let output = lvslab(&["why", "scenarios/keepalived/failover.ron", "--vip", "10.0.0.100", "--at", "7s", "--json"]);
    let holders: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&holders["holders"][0]["node"], &holders["beliefs"][0]["owner"]), (&"ds1".into(), &"ds1".into()));
}

#[test]
fn the_network_at_any_time() {
    let at = |time: &str| {
        let output = lvslab(&["topo", "scenarios/keepalived/failover.ron", "--at", time]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let lines: Vec<String> =
            out(&output).lines().filter(|line| line.contains("/24  VIP")).map(str::to_owned).collect();
        lines.iter().map(|line| line.split("VIP").nth(1).unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    // Neither is master yet; ds1 is; ds1 has lost its link, and ds2 has taken over.
    assert_eq!(at("3s"), [", as master", ", as master"]);
    assert_eq!(at("6s"), ["", ", as master"]);
    assert_eq!(at("12s"), [", silent", ""]);
}
