//! Services whose servers come and go.

use super::*;
use crate::keepalived::conf::{Files, parse};

struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn checks(more: &str, checker: &str) -> Checks {
    let server = |n| format!("real_server 10.0.0.{n} 80 {{\nweight 1\nTCP_CHECK {{\n{checker}\n}}\n}}\n");
    let text = format!(
        "virtual_server 10.0.0.100 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n{more}\n{}{}}}\n",
        server(1),
        server(2)
    );
    let (config, messages) = parse(&text, "ds", &mut NoFiles);
    assert_eq!(messages, []);
    Checks::new(&config)
}

/// The calls of IPVS, in short.
fn calls(checks: &mut Checks) -> Vec<String> {
    let server = |sign: &str, target: Target| format!("{sign}{}={}", target.address.ip().octets()[3], target.weight);
    let call = |effect| match effect {
        Effect::Ipvs(_, call) => Some(match call {
            Call::AddService => "service".to_owned(),
            Call::DeleteService => "no service".to_owned(),
            Call::AddServer(target) => server("+", target),
            Call::DeleteServer(target) => server("-", target),
            Call::EditServer(target) => server("~", target),
        }),
        Effect::Log(_) | Effect::Run(_) | Effect::Renumbered => None,
    };
    checks.take_effects().into_iter().filter_map(call).collect()
}

const fn id(server: usize) -> ServerId {
    ServerId { service: 0, server }
}

#[test]
fn servers_are_there_before_they_are_checked() {
    let mut checks = checks("", "");
    checks.start();
    assert_eq!(calls(&mut checks), ["service", "+1=1", "+2=1"]);
    checks.decide(id(0), 0, false);
    assert_eq!(calls(&mut checks), ["-1=1"]);
    checks.decide(id(0), 0, true);
    assert_eq!(calls(&mut checks), ["+1=1"]);
    checks.stop();
    assert_eq!(calls(&mut checks), ["-1=1", "-2=1", "no service"]);
}

#[test]
fn the_sorry_server_stands_in_for_all() {
    let mut checks = checks("sorry_server 10.0.0.9 80", "");
    checks.start();
    calls(&mut checks);
    checks.decide(id(0), 0, false);
    checks.decide(id(1), 0, false);
    assert_eq!(calls(&mut checks), ["-1=1", "-2=1", "+9=1"]);
    checks.decide(id(1), 0, true);
    assert_eq!(calls(&mut checks), ["-9=1", "+2=1"]);
}

#[test]
fn inhibited_servers_stay_without_weight() {
    let mut checks = checks("inhibit_on_failure", "");
    checks.start();
    calls(&mut checks);
    checks.decide(id(0), 0, false);
    assert_eq!(calls(&mut checks), ["~1=0"]);
    checks.decide(id(0), 0, true);
    assert_eq!(calls(&mut checks), ["~1=1"]);
}

#[test]
fn alpha_keeps_a_server_out_until_it_has_answered() {
    let mut checks = checks("alpha", "");
    checks.start();
    assert_eq!(calls(&mut checks), ["service"]);
    checks.decide(id(1), 0, true);
    assert_eq!(calls(&mut checks), ["+2=1"]);
}

#[test]
fn failures_are_believed_after_the_retries() {
    let checks = checks("delay_loop 6", "retry 3\ndelay_before_retry 2\nconnect_timeout 1");
    let service = checks.services().next().unwrap();
    let mut pace = Pace::new(&service.servers[0].checkers[0], service.servers[0].pace);
    let waits = |pace: &mut Pace, results: &[bool]| -> Vec<(Option<bool>, u64)> {
        let verdict = |result: &bool| {
            let verdict = pace.hear(*result);
            (verdict.news, verdict.wait.as_secs())
        };
        results.iter().map(verdict).collect()
    };
    assert_eq!(waits(&mut pace, &[true, true]), [(Some(true), 6), (None, 6)]);
    let four = waits(&mut pace, &[false, false, false, false]);
    assert_eq!(four, [(None, 2), (None, 2), (None, 2), (Some(false), 6)]);
    assert_eq!(waits(&mut pace, &[true]), [(Some(true), 6)]);
    let mut fresh = Pace::new(&service.servers[0].checkers[0], service.servers[0].pace);
    assert_eq!(waits(&mut fresh, &[false]), [(Some(false), 6)], "the first question is asked once");
}
