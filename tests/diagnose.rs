//! Diagnoses: what is found in each scenario of the project, and that what works is left alone.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lvslab::diagnose::{self, Finding, Gravity, Kind};
use lvslab::scenario::{self, Options, Places, Plan};

/// Every scenario, and the kinds of what is found in it, in order. Nothing is found in what works; in what is broken, the
/// first is what is wrong. Notes stand where everything works as it is configured to, and still surprises.
const FOUND: &[(&str, &[&str])] = &[
    ("dr-ab-wrr", &[]),
    ("dr-arp-announce", &["arp-announced"]),
    ("dr-arp-problem", &["arp-answered"]),
    // arptables hides the virtual address as well as arp_ignore does.
    ("dr-arptables", &[]),
    ("dr-dead-server", &["dead-server"]),
    ("dr-routed", &[]),
    ("dr", &[]),
    ("ftp-nat-no-helper", &["ftp-helper-missing"]),
    ("ftp-nat", &[]),
    // Cures: the same faults as in isolated-master and split-brain-heartbeat-cable, and nobody suffers.
    ("keepalived/arbitration-gateway", &[]),
    ("keepalived/checker-tests-less", &["checker-tests-less"]),
    ("keepalived/directors-as-servers", &[]),
    ("keepalived/drain-by-reload", &[]),
    ("keepalived/dual-master", &[]),
    ("keepalived/fail-back-nopreempt", &[]),
    ("keepalived/failover-no-sync", &["not-synchronised"]),
    ("keepalived/failover-sync", &[]),
    // Machines die here, and nothing is wrong with the cluster: it is made for that.
    ("keepalived/failover", &[]),
    // The cure of 29: what split the brain is still found, and nothing after that.
    ("keepalived/garp-master-refresh", &["adverts-filtered"]),
    // At its end dont_track_primary makes it a split brain.
    ("keepalived/heartbeat-cable-cut", &["nobody-holds", "heartbeat-dead"]),
    // What clients suffer from comes first, then why there were two masters.
    ("keepalived/isolated-master", &["healed-but-dead", "heartbeat-dead"]),
    ("keepalived/local-server", &[]),
    ("keepalived/outage", &[]),
    ("keepalived/preempt-or-not", &[]),
    ("keepalived/second-path", &[]),
    ("keepalived/sorry-server", &[]),
    ("keepalived/split-brain-addresses", &["addresses-differ"]),
    ("keepalived/split-brain-firewall", &["adverts-filtered"]),
    ("keepalived/split-brain-heartbeat-cable", &["heartbeat-dead"]),
    ("keepalived/split-brain-interval", &["intervals-differ"]),
    ("keepalived/split-brain-loaded-master", &["adverts-late"]),
    ("keepalived/split-brain-password", &["passwords-differ"]),
    ("keepalived/split-brain-paused-master", &["master-stopped"]),
    ("keepalived/split-brain-vrid", &["vrids-differ"]),
    ("keepalived/split-brain-wrong-interface", &["wrong-interface"]),
    ("keepalived/ssl-get", &[]),
    ("keepalived/track-script", &[]),
    // Persistence works as it is configured to; that it takes two clients for one may surprise.
    ("nat-masquerade", &["clients-look-alike"]),
    ("nat-path-mtu", &[]),
    // Persistence on purpose, and the clients are several or their connections are shared.
    ("persistence/expiry", &[]),
    ("persistence/netmask", &[]),
    ("persistence/pcc", &[]),
    ("persistence/pfmc", &[]),
    ("persistence/ppc", &[]),
    ("pitfalls/05-nat-client-same-lan", &["client-beside-servers"]),
    ("pitfalls/06-nat-wrong-gateway", &["answers-past-director"]),
    ("pitfalls/07-checks-green-clients-fail", &["server-lacks-virtual-address"]),
    ("pitfalls/08-local-node-refused", &["listens-elsewhere"]),
    ("pitfalls/09-dr-port-differs", &["port-differs"]),
    ("pitfalls/10-server-behind-a-router", &["behind-router"]),
    ("pitfalls/11-curl-on-the-director", &["director-asks-itself"]),
    ("pitfalls/12-nat-hairpin", &["hairpin"]),
    ("pitfalls/13-directors-as-servers", &["directors-loop"]),
    ("pitfalls/14-tun-rp-filter", &["reverse-path"]),
    ("pitfalls/15-tun-mtu", &["packets-too-big"]),
    // A note: nothing is broken, persistence does what it was asked for.
    ("pitfalls/16-rr-does-not-rotate", &["persistence-hides-rotation"]),
    // That the server is dead is found, too, but after what sends clients there.
    ("pitfalls/17-template-outlives-server", &["template-outlives-server", "nobody-listens"]),
    ("pitfalls/18-udp-one-entry", &["one-entry"]),
    ("pitfalls/19-udp-black-hole", &["black-hole"]),
    ("pitfalls/20-reused-port", &["port-reused"]),
    ("pitfalls/21-weight-0-gets-traffic", &["retired-but-busy"]),
    ("pitfalls/22-idle-connection", &["idle-too-long"]),
    ("pitfalls/23-half-closed-session", &["half-closed"]),
    ("pitfalls/24-hash-to-nobody", &["hashed-to-nobody"]),
    ("pitfalls/25-recovered-server-flooded", &["newcomer-flooded"]),
    ("pitfalls/26-sorry-server-never-yields", &["quorum-out-of-reach"]),
    ("pitfalls/27-delete-cuts-sessions", &["server-removed"]),
    ("pitfalls/28-one-way-filter", &["adverts-filtered"]),
    ("pitfalls/29-healed-but-dead", &["healed-but-dead", "adverts-filtered"]),
    ("pitfalls/30-vrid-used-twice", &["vrid-used-twice"]),
    ("pitfalls/31-invalid-passwd", &["passwords-differ"]),
    ("pitfalls/32-multicast-dropped", &["multicast-dropped"]),
    ("pitfalls/33-nopreempt-ignored", &["nopreempt-ignored"]),
    ("pitfalls/34-vmac-base-unreachable", &["vmac-takes-route"]),
    ("pitfalls/35-fail-back-cuts", &["fail-back-cuts"]),
    ("pitfalls/36-dead-service-live-vrrp", &["dead-service-live-vrrp"]),
    // A note: one connection is scheduled once, as it should be.
    ("pitfalls/37-nothing-rotates-in-the-lab", &["kept-connection"]),
    // A note: sh works like that.
    ("pitfalls/38-hash-is-not-consistent", &["hash-moves"]),
    // The router is told to forward nothing, and that is what is wrong from then on.
    ("routed-ping", &["not-forwarding"]),
    ("schedulers/dh", &[]),
    ("schedulers/fo", &[]),
    ("schedulers/lblc", &[]),
    ("schedulers/lblcr", &[]),
    ("schedulers/lc", &[]),
    ("schedulers/mh", &[]),
    ("schedulers/nq", &[]),
    ("schedulers/ovf", &[]),
    ("schedulers/rr", &[]),
    ("schedulers/sed", &[]),
    // A note: a server is removed here, too.
    ("schedulers/sh", &["hash-moves"]),
    ("schedulers/twos", &[]),
    ("schedulers/wlc", &[]),
    ("schedulers/wrr", &[]),
    ("seeds/dr-10.0.5.96", &["wide-mask"]),
    ("seeds/dr-10.0.5.97", &["server-lacks-virtual-address"]),
    ("seeds/dr-172.168.2.20-servers", &[]),
    ("seeds/dr-172.168.2.20", &[]),
    ("seeds/dr-192.168.1.150", &[]),
    ("seeds/dr-192.168.1.200-check", &[]),
    ("seeds/dr-192.168.1.200-scripts", &[]),
    ("seeds/dr-192.168.1.200", &[]),
    ("seeds/dr-192.168.1.3", &[]),
    ("seeds/fwmark-192.168.1.200", &[]),
    ("seeds/keepalived-10.0.5.96-two-masters", &["configuration-mistake"]),
    ("seeds/keepalived-10.0.5.96-vip", &["address-guarded", "configuration-remark"]),
    ("seeds/keepalived-10.0.5.96", &["configuration-mistake", "configuration-remark"]),
    ("seeds/keepalived-172.168.2.20-two-masters", &["configuration-remark"]),
    // Notes: keepalived cuts the passwords to eight characters, on both sides to the same.
    ("seeds/keepalived-172.168.2.20", &["configuration-remark"]),
    ("seeds/keepalived-192.168.0.89", &["nopreempt-ignored", "configuration-mistake", "configuration-remark"]),
    ("seeds/keepalived-192.168.1.150", &[]),
    ("seeds/keepalived-192.168.100.10", &["configuration-mistake"]),
    // The scripts restart keepalived for ever; the included file has words of other checkers.
    ("seeds/keepalived-192.168.147.20", &["restarts-for-ever", "configuration-mistake", "configuration-remark"]),
    ("seeds/nat-172.16.100.1", &[]),
    ("seeds/nat-192.168.0.220", &[]),
    // At its end forwarding is switched off.
    ("seeds/nat-192.168.1.100", &["not-forwarding"]),
    ("seeds/nat-192.168.1.200-script", &[]),
    ("seeds/nat-192.168.2.1", &[]),
    ("seeds/persistence-192.168.1.200", &[]),
    ("seeds/split-brain-10.0.0.3", &["vrids-differ"]),
    ("seeds/tun-192.168.1.3", &[]),
    ("sync", &[]),
    ("tun", &[]),
];

/// What is found before anything runs, where that differs from the above.
const IN_CONFIGURATION: &[(&str, &[&str])] = &[
    ("dr-arp-problem", &["arp-answered"]),
    ("keepalived/split-brain-addresses", &["addresses-differ"]),
    ("keepalived/split-brain-interval", &["intervals-differ"]),
    ("keepalived/split-brain-password", &["passwords-differ"]),
    ("keepalived/split-brain-vrid", &["vrids-differ"]),
    ("keepalived/split-brain-wrong-interface", &["wrong-interface"]),
    ("pitfalls/07-checks-green-clients-fail", &["server-lacks-virtual-address"]),
    ("pitfalls/09-dr-port-differs", &["port-differs"]),
    ("pitfalls/10-server-behind-a-router", &["behind-router"]),
    ("pitfalls/26-sorry-server-never-yields", &["quorum-out-of-reach"]),
    ("pitfalls/30-vrid-used-twice", &["vrid-used-twice"]),
    ("pitfalls/31-invalid-passwd", &["passwords-differ"]),
    ("pitfalls/33-nopreempt-ignored", &["nopreempt-ignored"]),
    ("seeds/dr-10.0.5.96", &["wide-mask"]),
    ("seeds/dr-10.0.5.97", &["server-lacks-virtual-address"]),
    ("seeds/keepalived-10.0.5.96", &["configuration-mistake", "configuration-remark"]),
    ("seeds/keepalived-10.0.5.96-two-masters", &["configuration-mistake"]),
    ("seeds/keepalived-10.0.5.96-vip", &["configuration-remark"]),
    ("seeds/keepalived-172.168.2.20", &["configuration-remark"]),
    ("seeds/keepalived-172.168.2.20-two-masters", &["configuration-remark"]),
    ("seeds/keepalived-192.168.0.89", &["nopreempt-ignored", "configuration-mistake", "configuration-remark"]),
    ("seeds/keepalived-192.168.100.10", &["configuration-mistake"]),
    ("seeds/keepalived-192.168.147.20", &["configuration-mistake", "configuration-remark"]),
    // The script that switches forwarding on has not run yet.
    ("seeds/nat-192.168.1.200-script", &["not-forwarding"]),
    ("seeds/split-brain-10.0.0.3", &["vrids-differ"]),
];

/// What is replaced by what.
type Replacements = &'static [(&'static str, &'static str)];

/// Replacements in a healthy scenario, and what is found first then.
const SPOILT: &[(&str, Replacements, &str)] = &[
    ("dr", &[("192.168.1.10/24 dev eth0\"", "192.168.1.198/24 dev eth0\"")], "duplicate-address"),
    ("dr", &[("\"ip addr add 192.168.1.200/32 dev eth0 label eth0:0\",", "")], "virtual-address-missing"),
    ("dr", &[("-r 192.168.1.198 -g", "-r 192.168.1.77 -g")], "no-such-server"),
    (
        "dr",
        &[("setup: [\"ip addr", "setup: [\"ip link set dev eth0 address 02:00:00:00:02:00\", \"ip addr")],
        "duplicate-mac",
    ),
    (
        "dr",
        &[("10/24 dev eth0\"", "10/24 dev eth0\", \"ip route add 10.0.0.0/8 via 192.168.1.250\"")],
        "no-such-gateway",
    ),
    ("dr", &[("\"ipvsadm -A", "\"iptables -A INPUT -p tcp --dport 80 -j DROP\", \"ipvsadm -A")], "filtered"),
    ("dr", &[("get 192.168.1.200 80 ", "get 192.168.1.200 8080 ")], "no-such-service"),
    // Only eth0's own setting counts for what comes in by eth0.
    ("dr", &[("net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.lo.arp_ignore=1")], "arp-answered"),
    ("dr-routed", &[("\"ip route add default via 172.168.2.254\",\n                \"httpd", "\"httpd")], "no-route"),
    ("keepalived/failover", &[("state BACKUP\n", "state BACKUP\n    version 3\n")], "advert-rejected"),
    // Somebody gives the address to the backup by hand.
    (
        "keepalived/failover",
        &[("timeline: [", "timeline: [(at: \"5s\", node: \"ds2\", run: \"ip addr add 10.0.0.100/24 dev eth0\"),")],
        "two-masters",
    ),
    // rs1 is back a moment after it was taken out.
    (
        "keepalived/sorry-server",
        &[("retry 1", "retry 0"), ("at: \"15s\", node: \"rs1\"", "at: \"9.5s\", node: \"rs1\"")],
        "check-too-hasty",
    ),
    // rs1 makes the quorum alone, but hysteresis asks for rs2 besides.
    (
        "keepalived/sorry-server",
        &[("protocol TCP\n", "protocol TCP\n    quorum 2\n    hysteresis 1\n"), ("weight 1\n", "weight 2\n")],
        "quorum-out-of-reach",
    ),
];

/// The name of a scenario: its path below the folder, without the extension.
fn name(path: &Path) -> String {
    let path = path.strip_prefix(support::project().join("scenarios")).unwrap().with_extension("");
    path.to_string_lossy().into_owned()
}

fn loaded(path: &Path) -> (String, Plan) {
    let text = fs::read_to_string(path).unwrap();
    let plan = scenario::load(&text).unwrap();
    (text, plan)
}

/// What is found in a run of a scenario.
fn found(text: &str, plan: &Plan) -> Vec<Finding> {
    let outcome = scenario::run(plan, Options::default()).unwrap();
    diagnose::diagnose(plan, &Places::of(plan, text), &outcome)
}

/// The kinds of findings, each once.
fn kinds(findings: &[Finding]) -> Vec<&'static str> {
    let mut kinds: Vec<_> = findings.iter().map(|finding| finding.kind.name()).collect();
    kinds.dedup();
    kinds
}

#[test]
fn each_scenario_has_its_findings() {
    let mut wrong = Vec::new();
    for path in support::scenarios("scenarios") {
        let name = name(&path);
        let Some((_, expected)) = FOUND.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{name} has no row: what is to be found in it?"));
            continue;
        };
        let (text, plan) = loaded(&path);
        let findings = found(&text, &plan);
        if kinds(&findings) != *expected {
            wrong.push(format!("{name}: expected {expected:?}, found {:?}", kinds(&findings)));
        }
        wrong.extend(findings.iter().filter_map(|it| Some(format!("{name}: {it:#?} {}", lacks(it)?))));
    }
    let known: BTreeSet<_> = support::scenarios("scenarios").iter().map(|path| name(path)).collect();
    wrong.extend(FOUND.iter().filter(|(name, _)| !known.contains(*name)).map(|(name, _)| format!("{name} is gone")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a finding lacks of what every finding has.
fn lacks(finding: &Finding) -> Option<&'static str> {
    match () {
        () if finding.evidence.is_empty() => Some("lacks evidence"),
        () if finding.cause.as_ref().is_none_or(|cause| cause.line.is_none()) => Some("lacks the line of its cause"),
        () if finding.fix.is_empty() => Some("lacks a fix"),
        () if !finding.what.ends_with(['.', '\'', ']', ')']) && finding.kind.gravity() == Gravity::Fault => {
            Some("is no sentence").filter(|_| finding.kind != Kind::ConfigurationMistake)
        }
        () => None,
    }
}

#[test]
fn configuration_alone_tells_much() {
    let mut wrong = Vec::new();
    for path in support::scenarios("scenarios") {
        let (name, (text, plan)) = (name(&path), loaded(&path));
        let expected = IN_CONFIGURATION.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, kinds)| *kinds);
        let outcome = scenario::set_up(&plan, Options::default()).unwrap();
        let findings = diagnose::check(&plan, &Places::of(&plan, &text), &outcome);
        if kinds(&findings) != *expected {
            wrong.push(format!("{name}: expected {expected:?}, found {:?}", kinds(&findings)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_spoilt_is_found() {
    for (name, replacements, kind) in SPOILT {
        let path = support::project().join("scenarios").join(name).with_extension("ron");
        let mut text = fs::read_to_string(path).unwrap();
        for (old, new) in *replacements {
            assert!(text.contains(old), "{name} has no {old}");
            text = text.replacen(old, new, 1);
        }
        let plan = scenario::load(&text).unwrap();
        let findings = found(&text, &plan);
        assert_eq!(
            findings.first().map(|it| it.kind.name()),
            Some(*kind),
            "{name} with {replacements:?}: {findings:#?}"
        );
    }
}

#[test]
fn every_kind_is_found_somewhere() {
    let rows = FOUND.iter().chain(IN_CONFIGURATION).flat_map(|(_, kinds)| kinds.iter().copied());
    let known: BTreeSet<_> = rows.chain(SPOILT.iter().map(|(.., kind)| *kind)).collect();
    let never: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).filter(|name| !known.contains(name)).collect();
    assert!(never.is_empty(), "never found: {never:?}");
}

#[test]
fn there_is_something_to_read() {
    let chapters = Kind::ALL.iter().map(|kind| kind.chapter());
    let missing: BTreeSet<_> =
        chapters.filter(|name| !support::project().join(format!("book/src/{name}.md")).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_pitfall_is_a_finding() {
    let silent: Vec<_> =
        FOUND.iter().filter(|(name, kinds)| name.starts_with("pitfalls/") && kinds.is_empty()).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// Fixes that cannot be typed before anything has gone wrong, or that are about what the timeline does.
const NOT_BEFOREHAND: &[&str] = &[
    // The timeline itself does what the fix undoes or avoids.
    "keepalived/split-brain-paused-master",
    "pitfalls/15-tun-mtu",
    "pitfalls/23-half-closed-session",
    "pitfalls/37-nothing-rotates-in-the-lab",
    "routed-ping",
    "seeds/nat-192.168.1.100",
    // keepalived has to be asked (`keepalived -t`), not mended.
    "seeds/keepalived-172.168.2.20",
    "seeds/keepalived-172.168.2.20-two-masters",
];

/// The fixes of the first kind, typed at the end of the set-up, leave nothing of it to find.
#[test]
fn fixes_mend() {
    let mut wrong = Vec::new();
    for path in support::scenarios("scenarios") {
        let (name, (text, plan)) = (name(&path), loaded(&path));
        let findings = found(&text, &plan);
        let Some(first) = findings.first().filter(|_| !NOT_BEFOREHAND.contains(&name.as_str())) else { continue };
        let mut mended = plan.clone();
        for finding in findings.iter().filter(|it| it.kind == first.kind) {
            for command in &finding.fix {
                let node = mended.node(&command.node).unwrap();
                // keepalived does not run yet, and nobody has the address that could be announced.
                let line = command.line.split(" && systemctl").next().unwrap();
                if !line.starts_with("arping") {
                    mended.nodes[node.0 as usize].setup.push(line.to_owned());
                }
            }
        }
        match scenario::run(&mended, Options::default()) {
            Ok(outcome) => {
                let left = diagnose::diagnose(&mended, &Places::of(&plan, &text), &outcome);
                if let Some(left) = left.iter().find(|it| it.kind == first.kind) {
                    wrong.push(format!("{name}: {} is still found: {left:#?}", first.kind.name()));
                }
            }
            Err(failure) => wrong.push(format!("{name}: {} {:?}", first.kind.name(), failure.diagnostic(&plan, &text))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts() {
    for scenario in [
        "dr-arp-problem",
        "pitfalls/07-checks-green-clients-fail",
        "pitfalls/16-rr-does-not-rotate",
        "pitfalls/31-invalid-passwd",
    ] {
        let program =
            std::process::Command::new(env!("CARGO_BIN_EXE_lvslab")).args(["diagnose", scenario]).output().unwrap();
        insta::assert_snapshot!(scenario.replace('/', "-"), String::from_utf8(program.stdout).unwrap());
    }
}
