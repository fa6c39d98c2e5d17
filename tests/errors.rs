//! What is said about files that are wrong: each case is a small mistake in one good file.

use lvslab::cli::{Status, complaints};
use lvslab::scenario::{self, Options};

const GOOD: &str = r#"Scenario(
    title: "a client and a director",
    switches: ["lan"],
    nodes: {
        "client": (interfaces: { "eth0": "lan" }, setup: ["true"]),
        "director": (
            interfaces: { "eth0": (switch: "lan", latency: "1ms", loss: 0.1) },
            setup: ["true"],
        ),
    },
    timeline: [
        (at: "0s", node: "client", run: "true"),
        (at: "1s", fault: LinkDown("client.eth0")),
    ],
    until: "5s",
    expect: [Output(node: "client", run: "true", status: 0, say: "true is not true")],
)
"#;

/// What is printed about the good file when one thing in it is replaced.
fn complaint(right: &str, wrong: &str) -> String {
    assert!(GOOD.contains(right), "{right}");
    let text = GOOD.replacen(right, wrong, 1);
    complaints("lab.ron", &text, &problems(&text))
}

fn problems(text: &str) -> Vec<scenario::Diagnostic> {
    match scenario::load(text) {
        Err(diagnostics) => diagnostics,
        Ok(plan) => match scenario::run(&plan, Options::default()) {
            Ok(_) => panic!("nothing is wrong"),
            Err(failure) => failure.diagnostic(&plan, text).into_iter().collect(),
        },
    }
}

#[test]
fn the_good_file_is_good() {
    let plan = scenario::load(GOOD).unwrap();
    let outcome = scenario::run(&plan, Options::default()).unwrap();
    assert!(scenario::judge(&plan, &outcome).iter().all(|verdict| verdict.held));
    assert_eq!(Status::Held as u8, 0);
}

#[test]
fn mistakes_in_the_format() {
    let page = [
        complaint("title: \"a client and a director\"", "title: 5"),
        complaint("at: \"0s\"", "at: 0.5"),
        complaint("interfaces: { \"eth0\": \"lan\" }", "interface: { \"eth0\": \"lan\" }"),
        complaint("latency: \"1ms\"", "latncy: \"1ms\""),
        complaint("LinkDown", "LinkDwn"),
        complaint("    title: \"a client and a director\",\n", ""),
        complaint("\"eth0\": \"lan\" }", "\"eth0\": \"lan\" "),
        complaint("\"eth0\": \"lan\"", "\"eth0\": 7"),
        complaint("until: \"5s\"", "until: \"5s\", until: \"6s\""),
    ];
    insta::assert_snapshot!(page.join("\n"));
}

#[test]
fn mistakes_in_the_sense() {
    let page = [
        complaint("\"eth0\": \"lan\"", "\"eth0\": \"lna\""),
        complaint("switches: [\"lan\"]", "switches: []"),
        complaint("switches: [\"lan\"]", "switches: [\"lan\"], hosts: {\"www\": \"10.0.0\", \"a b\": \"10.0.0.1\"}"),
        complaint("\"director\": (", "\"client\": ("),
        complaint("\"eth0\": \"lan\"", "\"eth0\": \"lan\", \"eth0\": \"lan\""),
        complaint("latency: \"1ms\"", "mac: \"02:00:00\""),
        complaint("latency: \"1ms\"", "mac: \"02:00:00:00:01:00\""),
        complaint("latency: \"1ms\"", "mac: \"03:00:00:00:01:00\""),
        complaint("latency: \"1ms\"", "latency: \"fast\""),
        complaint("loss: 0.1", "loss: 10"),
        complaint("loss: 0.1", "bandwidth: \"100 Mbit/s\""),
        complaint("loss: 0.1", "mtu: 20"),
        complaint("node: \"client\", run", "node: \"clinet\", run"),
        complaint("client.eth0", "client.eth1"),
        complaint("at: \"1s\"", "at: \"1 second\""),
        complaint("at: \"1s\"", "at: \"9s\""),
        complaint("run: \"true\"),", "),"),
        complaint("expect: [Output(node: \"client\", run: \"true\"", "expect: [Output(node: \"client\", run: \"treu\""),
        complaint("Output(node: \"client\"", "Output(node: \"rs1\""),
        complaint("\"director\": (", "\"../../etc\": ("),
        complaint(
            "\"director\": (\n            interfaces: { \"eth0\"",
            "\"director\": (\n            interfaces: { \"lo\"",
        ),
    ];
    insta::assert_snapshot!(page.join("\n"));
}

#[test]
fn commands_of_the_setup_that_fail() {
    let page = [
        complaint("setup: [\"true\"]", "setup: [\"true\", \"false\"]"),
        complaint("setup: [\"true\"]", "setup: [\"ipvsadmin -ln\"]"),
        complaint("setup: [\"true\"]", "setup: [\"sleep 1000000\"]"),
    ];
    insta::assert_snapshot!(page.join("\n"));
}

#[test]
fn all_that_makes_no_sense_is_said_at_once() {
    let text = GOOD.replace("\"1ms\"", "\"fast\"").replace("\"eth0\": \"lan\"", "\"eth0\": \"lna\"").replace("5s", "x");
    assert_eq!(problems(&text).len(), 3);
}

/// Whatever a file says: no panic.
#[test]
fn no_text_is_too_bad() {
    for end in (0..GOOD.len()).filter(|&end| GOOD.is_char_boundary(end)) {
        let _ = scenario::load(&GOOD[..end]);
    }
    for (at, _) in GOOD.char_indices() {
        for insert in ["(", "\"", "]", "é", "//", "\\"] {
            let text = format!("{}{insert}{}", &GOOD[..at], &GOOD[at..]);
            if let Err(diagnostics) = scenario::load(&text) {
                complaints("lab.ron", &text, &diagnostics);
            }
        }
    }
}
