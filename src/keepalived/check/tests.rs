//! Services whose servers come and go.

use super::*;
use crate::keepalived::conf::{Files, Severity, parse};

struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }
}

const GOOD: Answer = Answer::Good("");
const BAD: Answer = Answer::Bad(Failure::Refused);

fn config(text: &str) -> Config {
    let (config, messages) = parse(text, "ds", &mut NoFiles);
    assert!(messages.iter().all(|message| message.severity == Severity::Log), "{messages:?}");
    config
}

/// Two servers with a checker each.
fn two(more: &str, checker: &str) -> String {
    let server = |n| format!("real_server 10.0.0.{n} 80 {{\nweight 1\nTCP_CHECK {{\n{checker}\n}}\n}}\n");
    let servers = [1, 2].map(server).concat();
    format!("virtual_server 10.0.0.100 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n{more}\n{servers}}}\n")
}

fn started(text: &str) -> Checks {
    let mut checks = Checks::new(&config(text), BTreeMap::new());
    checks.start(|_| true);
    checks
}

/// The calls of IPVS and the scripts, in short.
fn calls(checks: &mut Checks) -> Vec<String> {
    let server = |sign: &str, target: Target| {
        let host = target.address.ip().to_string();
        format!("{sign}{}={}", host.rsplit('.').next().unwrap(), target.weight)
    };
    let call = |effect| match effect {
        Effect::Ipvs(_, _, call) => Some(match call {
            Call::AddService => "service".to_owned(),
            Call::EditService => "other service".to_owned(),
            Call::DeleteService => "no service".to_owned(),
            Call::AddServer(target) => server("+", target),
            Call::DeleteServer(target) => server("-", target),
            Call::EditServer(target) => server("~", target),
        }),
        Effect::Run(line) => Some(line),
        Effect::Log(_) => None,
    };
    checks.take_effects().into_iter().filter_map(call).collect()
}

fn log(checks: &mut Checks) -> Vec<String> {
    let text = |effect| match effect {
        Effect::Log(text) => Some(text),
        _ => None,
    };
    checks.take_effects().into_iter().filter_map(text).collect()
}

const fn id(server: usize) -> CheckerId {
    CheckerId { service: 0, server, checker: 0 }
}

/// A checker fails as often as it takes.
fn fail(checks: &mut Checks, server: usize) {
    for _ in 0..9 {
        checks.hear(id(server), BAD);
    }
}

#[test]
fn servers_are_there_before_they_are_checked() {
    let mut checks = started(&two("", ""));
    assert_eq!(calls(&mut checks), ["service", "+1=1", "+2=1"]);
    fail(&mut checks, 0);
    assert_eq!(calls(&mut checks), ["-1=1"]);
    checks.hear(id(0), GOOD);
    assert_eq!(calls(&mut checks), ["+1=1"]);
    checks.stop();
    assert_eq!(calls(&mut checks), ["-1=1", "-2=1", "no service"]);
}

#[test]
fn the_sorry_server_stands_in_for_all() {
    let mut checks = started(&two("sorry_server 10.0.0.9 80\nquorum_up /up\nquorum_down /down", ""));
    assert_eq!(calls(&mut checks), ["service", "+1=1", "+2=1", "/up"]);
    fail(&mut checks, 0);
    fail(&mut checks, 1);
    assert_eq!(calls(&mut checks), ["-1=1", "-2=1", "+9=1", "/down"]);
    checks.hear(id(1), GOOD);
    assert_eq!(calls(&mut checks), ["-9=1", "+2=1", "/up"]);
}

#[test]
fn a_quorum_takes_the_living_out() {
    let mut checks = started(&two("sorry_server 10.0.0.9 80\nquorum 2\nhysteresis 0", ""));
    calls(&mut checks);
    fail(&mut checks, 0);
    let said = log(&mut checks);
    assert_eq!(
        said,
        [
            "TCP_CHECK on service [10.0.0.1]:tcp:80 failed.",
            "Removing service [10.0.0.1]:tcp:80 from VS [10.0.0.100]:tcp:80",
            "Lost quorum 2-0=2 > 1 for VS [10.0.0.100]:tcp:80",
            "Adding sorry server [10.0.0.9]:tcp:80 to VS [10.0.0.100]:tcp:80",
            "Removing alive servers from the pool for VS [10.0.0.100]:tcp:80",
        ]
    );
    checks.hear(id(0), GOOD);
    assert_eq!(calls(&mut checks), ["-9=1", "+1=1", "+2=1"]);
}

#[test]
fn inhibited_servers_stay_without_weight() {
    let mut checks = started(&two("inhibit_on_failure", ""));
    calls(&mut checks);
    fail(&mut checks, 0);
    assert_eq!(calls(&mut checks), ["~1=0"]);
    checks.hear(id(0), GOOD);
    assert_eq!(calls(&mut checks), ["~1=1"]);
}

#[test]
fn an_inhibited_sorry_server_is_there_from_the_beginning() {
    let mut checks = started(&two("sorry_server 10.0.0.9 80\nsorry_server_inhibit", ""));
    assert_eq!(calls(&mut checks), ["service", "+1=1", "+2=1", "+9=0"]);
    fail(&mut checks, 0);
    fail(&mut checks, 1);
    assert_eq!(calls(&mut checks), ["-1=1", "-2=1", "~9=1"]);
    checks.hear(id(0), GOOD);
    assert_eq!(calls(&mut checks), ["~9=0", "+1=1"]);
}

#[test]
fn alpha_keeps_a_server_out_until_it_has_answered() {
    let mut checks = started(&two("alpha", ""));
    assert_eq!(calls(&mut checks), ["service"]);
    checks.hear(id(1), GOOD);
    assert_eq!(calls(&mut checks), ["+2=1"]);
}

#[test]
fn all_members_of_a_group_are_told() {
    let group = "virtual_server_group G {\n10.0.0.100-101 80\nfwmark 7\n}\n";
    let text = two("", "").replace("virtual_server 10.0.0.100 80", "virtual_server group G");
    let mut checks =
        Checks::new(&config(&(group.to_owned() + &text).replace("lb_kind DR", "lb_kind NAT")), BTreeMap::new());
    checks.start(|_| true);
    let keys: Vec<Key> = checks
        .take_effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Ipvs(key, _, Call::AddService) => Some(key),
            _ => None,
        })
        .collect();
    let address = |text: &str| Key::Address(text.parse().unwrap());
    assert_eq!(keys, [address("10.0.0.100:80"), address("10.0.0.101:80"), Key::Mark(7)]);
}

/// The first of them brings the service, and the last one takes it away.
#[test]
fn services_that_share_a_group_share_what_ipvs_knows() {
    let service = |server| {
        format!(
            "virtual_server group G {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.{server} 80 {{\n}}\n}}\n"
        )
    };
    let text = "virtual_server_group G {\n10.0.0.100 80\n}\n".to_owned() + &service(1) + &service(2);
    let mut checks = Checks::new(&config(&text), BTreeMap::new());
    let calls = |checks: &mut Checks| -> Vec<Call> {
        let effects = checks.take_effects().into_iter();
        effects.filter_map(|effect| if let Effect::Ipvs(_, _, call) = effect { Some(call) } else { None }).collect()
    };
    checks.start(|_| true);
    assert!(matches!(calls(&mut checks)[..], [Call::AddService, Call::AddServer(_), Call::AddServer(_)]));
    checks.stop();
    let [Call::DeleteServer(_), Call::DeleteServer(_), Call::DeleteService] = calls(&mut checks)[..] else {
        panic!("the service goes with its last server")
    };
}

/// As recorded: what a group loses stays behind as a service without servers, and with a server if it is a mark.
#[test]
fn members_of_a_group_come_and_go() {
    let service = two("", "").replace("virtual_server 10.0.0.100 80", "virtual_server group G");
    // keepalived warns of the ports of servers that a mark leads to.
    let group =
        |entries: &str| parse(&format!("virtual_server_group G {{\n{entries}}}\n{service}"), "ds", &mut NoFiles).0;
    let mut checks = Checks::new(&group("10.0.0.100 80\n10.0.0.101 80\nfwmark 7\n"), BTreeMap::new());
    checks.start(|_| true);
    fail(&mut checks, 0);
    checks.take_effects();
    checks.reload(&group("10.0.0.100 80\n10.0.0.103 80\n"), BTreeMap::new(), |_| true);
    let key = |key: Key| match key {
        Key::Address(address) => address.ip().to_string(),
        Key::Mark(mark) => format!("mark {mark}"),
    };
    let call = |effect: Effect| match effect {
        Effect::Ipvs(at, _, Call::AddService) => Some(format!("{}: service", key(at))),
        Effect::Ipvs(at, _, Call::DeleteService) => Some(format!("{}: no service", key(at))),
        Effect::Ipvs(at, _, Call::AddServer(target)) => Some(format!("{}: +{}", key(at), target.address)),
        Effect::Ipvs(at, _, Call::DeleteServer(target)) => Some(format!("{}: -{}", key(at), target.address)),
        _ => None,
    };
    let said: Vec<String> = checks.take_effects().into_iter().filter_map(call).collect();
    assert_eq!(
        said,
        ["10.0.0.101: -10.0.0.2:80", "mark 7: -10.0.0.2:80", "10.0.0.103: service", "10.0.0.103: +10.0.0.2:80"]
    );
    checks.stop();
    let said: Vec<String> = checks.take_effects().into_iter().filter_map(call).collect();
    assert_eq!(said, ["10.0.0.100: -10.0.0.2:80", "10.0.0.103: -10.0.0.2:80", "10.0.0.100: no service"]);
}

#[test]
fn failures_are_believed_after_the_retries() {
    let mut checks = started(&two("delay_loop 6", "retry 3\ndelay_before_retry 2\nconnect_timeout 1"));
    let mut waits = |answers: &[Answer]| -> Vec<u64> {
        answers.iter().map(|answer| checks.hear(id(0), answer.clone()).as_secs()).collect()
    };
    assert_eq!(waits(&[GOOD, GOOD]), [6, 6]);
    assert_eq!(waits(&[BAD, BAD, BAD, BAD]), [2, 2, 2, 6]);
    assert_eq!(waits(&[BAD, GOOD]), [2, 6], "a server that is down is asked at the pace of retries, too");
    let said = log(&mut checks);
    assert!(said.contains(&"TCP_CHECK on service [10.0.0.1]:tcp:80 failed after 3 retries.".to_owned()), "{said:?}");
    checks.hear(id(1), BAD);
    assert_eq!(
        log(&mut checks)[0],
        "TCP_CHECK on service [10.0.0.2]:tcp:80 failed.",
        "the first question is asked once"
    );
}

/// One server whose checker is of another kind.
fn one(checker: &str) -> String {
    format!(
        "virtual_server 10.0.0.100 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\ndelay_loop 6\n\
         real_server 10.0.0.1 80 {{\nweight 10\n{checker}\n}}\n}}\n"
    )
}

#[test]
fn pages_are_asked_for_one_after_the_other() {
    let mut checks = started(&one("HTTP_GET {\nurl {\npath /a\n}\nurl {\npath /b\n}\n}"));
    calls(&mut checks);
    let status = Answer::Good("HTTP status code");
    let error = || Answer::Bad(Failure::Said("HTTP status code error to".to_owned()));
    let pages: Vec<(usize, u64)> =
        [status.clone(), status.clone(), status.clone(), error(), error(), status.clone(), status.clone(), status]
            .into_iter()
            .map(|answer| (checks.page(id(0)), checks.hear(id(0), answer).as_secs()))
            .collect();
    assert_eq!(pages, [(0, 6), (1, 6), (0, 6), (1, 3), (1, 6), (1, 6), (0, 6), (1, 6)]);
    assert_eq!(
        log(&mut checks),
        [
            "Remote Web server [10.0.0.1]:tcp:80 succeed on service.",
            "HTTP_CHECK on service [10.0.0.1]:tcp:80 failed after 1 retries.",
            "Removing service [10.0.0.1]:tcp:80 from VS [10.0.0.100]:tcp:80",
            "Lost quorum 1-0=1 > 0 for VS [10.0.0.100]:tcp:80",
            "HTTP status code success to [10.0.0.1]:tcp:80 url(/b).",
            "HTTP status code success to [10.0.0.1]:tcp:80 url(/a).",
            "HTTP status code success to [10.0.0.1]:tcp:80 url(/b).",
            "Remote Web server [10.0.0.1]:tcp:80 succeed on service.",
            "Adding service [10.0.0.1]:tcp:80 to VS [10.0.0.100]:tcp:80",
            "Gained quorum 1+0=1 <= 10 for VS [10.0.0.100]:tcp:80",
        ]
    );
}

#[test]
fn scripts_set_weights() {
    let mut checks = started(&one("MISC_CHECK {\nmisc_path /check\nmisc_dynamic\n}"));
    assert_eq!(calls(&mut checks), ["service", "+1=10"]);
    checks.hear(id(0), Answer::Exited(5));
    assert_eq!(calls(&mut checks), ["~1=3"]);
    checks.hear(id(0), Answer::Exited(5));
    assert_eq!(calls(&mut checks), [""; 0]);
    checks.hear(id(0), Answer::Exited(0));
    assert_eq!(calls(&mut checks), ["~1=10"]);
    checks.hear(id(0), Answer::Exited(5));
    calls(&mut checks);
    checks.hear(id(0), Answer::Exited(1));
    let said = log(&mut checks);
    assert_eq!(
        said[0],
        "Misc check for [[10.0.0.1]:tcp:80 VS [10.0.0.100]:tcp:80] by [/check] failed with retry disabled (exited with status 1)."
    );
    checks.hear(id(0), Answer::Exited(0));
    assert_eq!(calls(&mut checks), ["+1=10"]);
}

#[test]
fn mail_servers_are_asked_again_at_once() {
    let mut checks = started(&one("SMTP_CHECK {\nretry 1\n}"));
    log(&mut checks);
    let bad = || Answer::Bad(Failure::Said("Connection timeout to server [10.0.0.1]:80".to_owned()));
    checks.hear(id(0), bad());
    assert_eq!(log(&mut checks), [""; 0]);
    checks.hear(id(0), bad());
    assert_eq!(log(&mut checks)[0], "SMTP_CHECK Connection timeout to server [10.0.0.1]:80");
}

#[test]
fn numbers_in_files_are_failures_or_weights() {
    let file = "track_file f {\nfile /f\n}\n";
    let text = file.to_owned() + &one("FILE_CHECK {\ntrack_file f\nweight 2\n}");
    let mut checks = Checks::new(&config(&text), BTreeMap::from([("f".to_owned(), 3)]));
    checks.start(|_| true);
    assert_eq!(calls(&mut checks), ["service", "+1=16"]);
    checks.file("f", -100);
    assert_eq!(calls(&mut checks), ["~1=0"]);
    let mut checks = started(&text.replace("weight 2", "weight 0"));
    calls(&mut checks);
    checks.file("f", 1);
    assert_eq!(calls(&mut checks), ["-1=10"]);
}

fn reload(checks: &mut Checks, text: &str) -> Vec<String> {
    checks.reload(&config(text), BTreeMap::new(), |_| true);
    calls(checks)
}

#[test]
fn a_reload_changes_what_has_changed() {
    let text = two("", "");
    let mut checks = started(&text);
    calls(&mut checks);
    assert_eq!(reload(&mut checks, &text), [""; 0], "nothing has changed");
    assert_eq!(reload(&mut checks, &text.replacen("weight 1", "weight 0", 1)), ["~1=0"]);
    assert_eq!(reload(&mut checks, &text.replace("lb_algo rr", "lb_algo wrr")), ["other service", "~1=1"]);
    let shorter = text.replace("10.0.0.2", "10.0.0.3");
    assert_eq!(reload(&mut checks, &shorter), ["other service", "-2=1", "+3=1"]);
    let elsewhere = shorter.replace("10.0.0.100", "10.0.0.200");
    assert_eq!(reload(&mut checks, &elsewhere), ["-1=1", "-3=1", "no service", "service", "+1=1", "+3=1"]);
}

#[test]
fn a_reload_forgets_no_failure() {
    let text = two("", "");
    let mut checks = started(&text);
    fail(&mut checks, 0);
    calls(&mut checks);
    assert_eq!(reload(&mut checks, &text), [""; 0], "the server stays out");
    let unchecked = text.replacen("TCP_CHECK {\n\n}\n", "", 1);
    assert_eq!(reload(&mut checks, &unchecked), ["+1=1"], "nobody says any more that it is down");
}

#[test]
fn a_sorry_server_that_has_left_the_file_leaves_the_pool() {
    let text = two("sorry_server 10.0.0.9 80", "");
    let mut checks = started(&text);
    fail(&mut checks, 0);
    fail(&mut checks, 1);
    calls(&mut checks);
    assert_eq!(reload(&mut checks, &two("", "")), ["-9=1"]);
}
