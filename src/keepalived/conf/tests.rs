//! What keepalived 2.2.7 says about files, as `keepalived -t` was seen to say it.

use super::*;

/// No other files are there.
pub(super) struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn name(&self) -> &str {
        "ka.conf"
    }
}

/// As [`parse`]; what several processes say is said once.
fn read(text: &str) -> (Config, Vec<String>, i32) {
    let (config, messages) = parse(text, "ds1", &mut NoFiles);
    let mut said: Vec<String> = Vec::new();
    for message in messages.iter().filter(|message| message.file.is_some() || message.line.is_none()) {
        let text = message.to_string();
        if !said.contains(&text) {
            said.push(text);
        }
    }
    (config, said, status(&messages))
}

const GOOD: &str = "
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.168.1.200/24 dev eth0 label eth0:1
    }
}
virtual_server 192.168.1.200 80 {
    delay_loop 6
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 192.168.1.10 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
";

#[test]
fn a_good_file_is_read_in_silence() {
    let (config, said, status) = read(GOOD);
    assert_eq!((said, status), (Vec::new(), 0));
    let instance = &config.instances[0];
    assert_eq!((instance.vrid, instance.priority, instance.vips.len()), (51, 150, 1));
    assert_eq!(instance.authentication, Some(Authentication::Password(*b"1111\0\0\0\0")));
    assert_eq!(instance.vips[0].label.as_deref(), Some("eth0:1"));
    let service = &config.services[0];
    assert_eq!((service.kind, service.servers.len()), (Some(Kind::Route), 1));
    assert_eq!(service.servers[0].checkers[0].kind, CheckerKind::Tcp);
}

#[test]
fn typing_errors_are_passed_over() {
    let (config, said, status) = read(&GOOD.replace("priority 150", "preemtp_delay 300\npriority 150"));
    assert_eq!(said, ["(ka.conf: Line 6) Unknown keyword 'preemtp_delay'"]);
    assert_eq!((config.instances.len(), status), (1, 5));
}

#[test]
fn an_unknown_block_closes_the_one_around_it() {
    let (config, said, _) = read(&GOOD.replace("authentication {", "authentikation {"));
    assert_eq!(
        said[..2],
        ["(ka.conf: Line 7) Unknown keyword 'authentikation'", "(ka.conf: Line 7) Unexpected '{' - ignoring"]
    );
    assert!(said.iter().any(|text| text.contains("Unknown keyword 'virtual_ipaddress'")));
    assert!(config.instances[0].vips.is_empty());
}

#[test]
fn a_missing_parameter_ends_it() {
    let (_, said, status) = read(&GOOD.replace("interface eth0", "interface"));
    assert_eq!(said.len(), 1);
    assert_eq!(
        said[0],
        "(ka.conf: Line 4) *** Configuration line starting `interface` is missing a parameter after keyword `interface` at word position 2"
    );
    assert_eq!(status, 2);
}

#[test]
fn what_the_seeds_stumble_over() {
    let (config, said, status) = read(&GOOD.replace("auth_pass 1111", "auth_pass 123456789"));
    assert_eq!((said, status), (vec!["(ka.conf: Line 9) Truncating auth_pass to 8 characters".to_owned()], 5));
    assert_eq!(config.instances[0].authentication, Some(Authentication::Password(*b"12345678")));
    let (_, said, _) = read(&GOOD.replace("state MASTER", "state MASTER\nnopreempt"));
    assert_eq!(said, ["(VI_1) Warning - nopreempt will not work with initial state MASTER - clearing"]);
    let (config, said, _) = read(&GOOD.replace("connect_timeout 3", "nb_get_retry 3"));
    assert_eq!(said, ["(ka.conf: Line 23) Unknown keyword 'nb_get_retry'"]);
    assert_eq!(config.services[0].servers[0].checkers.len(), 1);
    let (_, said, _) = read(&GOOD.replace("protocol TCP\n", "\n"));
    assert_eq!(said, ["Virtual server [192.168.1.200]:none:80: no protocol set - defaulting to UDP"]);
}

#[test]
fn hosts_of_a_mail_check_are_checks_of_their_own() {
    let checks = |own: &str| {
        let hosts = "host {\nconnect_ip 10.0.9.2\nconnect_port 80\n}\nhost {\nbindto 10.0.5.90\nconnect_timeout 4\n}\n";
        let server = format!("real_server 10.0.9.1 25 {{\nSMTP_CHECK {{\n{own}\nhelo_name x\nfwmark 0\n{hosts}}}\n}}");
        let (config, said, _) = read(&format!("virtual_server 10.0.5.96 25 {{\nprotocol TCP\n{server}\n}}"));
        assert!(said.iter().any(|text| text.contains("host block is deprecated")), "{said:?}");
        let checkers = config.services[0].servers[0].checkers.iter();
        checkers.filter_map(|it| Some((it.to?.to_string(), it.bind_to.is_some(), it.pace.connect_timeout))).collect()
    };
    let four = Some(crate::time::Span::from_secs(4));
    let hosts: Vec<_> = vec![("10.0.9.2:80".to_owned(), false, None), ("10.0.9.1:25".to_owned(), true, four)];
    let plain: Vec<(String, bool, _)> = checks("");
    assert_eq!(plain, hosts);
    let all: Vec<(String, bool, _)> = checks("bind_port 99");
    assert_eq!((all.len(), all[0].0.as_str()), (3, "10.0.9.1:25"));
}

#[test]
fn what_tunnels_wrap_packets_in() {
    let kind = |words: &str| {
        let server = format!("real_server 10.0.9.1 80 {{\nlvs_method {words}\n}}");
        let (config, said, _) = read(&format!("virtual_server 10.0.5.96 80 {{\nprotocol TCP\n{server}\n}}"));
        (config.services[0].servers[0].kind, said.len())
    };
    let tunnel = |wrapping| Some(Kind::Tunnel(wrapping));
    let gue = Wrapping::Gue { port: 6080, checksum: TunnelChecksum::Remote };
    assert_eq!(kind("TUN type gue port 6080 remcsum").0, tunnel(gue));
    assert_eq!(kind("TUN type gre csum").0, tunnel(Wrapping::Gre { has_checksum: true }));
    let (plain, said) = kind("TUN");
    assert_eq!((plain, kind("TUN type gre remcsum")), (tunnel(Wrapping::Ipip), (tunnel(Wrapping::Ipip), said + 1)));
}

#[test]
fn braces() {
    let (_, said, _) = read(&format!("{GOOD}}}"));
    assert_eq!(said, ["(ka.conf: Line 27) Extra '}' found", "(ka.conf: Line 27) Unknown keyword '}'"]);
    let (_, said, _) = read(GOOD.trim_end().trim_end_matches('}'));
    assert_eq!(said, ["There are 1 missing '}'s or extra '{'s"]);
}

/// Every pattern names two files, and both include both.
struct Mirrors;

impl Files for Mirrors {
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        let text = "include *.conf\nvirtual_server 10.0.0.1 80 {\n".to_owned();
        vec![("a.conf".to_owned(), text.clone()), (pattern.to_owned(), text)]
    }
}

/// What files are made of, besides keywords.
const PIECES: &[&str] = &[
    "{",
    "{",
    "{",
    "}",
    "}",
    "}",
    "10.0.0.1",
    "10.0.0.1-9",
    "10.0.0.0/30",
    "fd00::1",
    "255",
    "-1",
    "1.5",
    "80",
    "\"",
    "'",
    "\\",
    "#",
    "!",
    "$a=b",
    "$a= \\",
    "$a",
    "${a}",
    "~SEQ(n, 1, 99)",
    "~LST({a, b}, {1})",
    "@ds1",
    "@^ds1",
    "include *.conf",
    "fwmark",
    "group",
    "TCP",
    "DR",
    "NAT",
    "rr",
    "sh",
    "on",
];

proptest::proptest! {
    /// Any words, braces and quotes: a configuration and messages, never a panic.
    #[test]
    fn nothing_is_too_strange(
        words in proptest::collection::vec((0..KEYWORDS.len() + 2 * PIECES.len() + 4, ".{0,6}", 0..3), 0..80),
        is_test in proptest::bool::ANY,
    ) {
        struct Any(bool);
        impl Files for Any {
            fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
                Mirrors.read(pattern)
            }

            fn is_program(&mut self, path: &str) -> bool {
                path.len().is_multiple_of(2)
            }

            fn is_test(&self) -> bool {
                self.0
            }
        }
        let mut text = String::new();
        for (n, noise, ends) in words {
            text += match KEYWORDS.get(n) {
                Some(keyword) => keyword,
                None => PIECES.get((n - KEYWORDS.len()) / 2).copied().unwrap_or(&noise),
            };
            text += if ends == 0 { "\n" } else { " " };
        }
        let (config, messages) = parse(&text, "ds1", &mut Any(is_test));
        crate::keepalived::advice::explain(&config);
        crate::keepalived::advice::advise(&config);
        status(&messages);
    }
}

#[test]
fn files_that_include_one_another_come_to_an_end() {
    let (_, messages) = parse("include *.conf", "ds1", &mut Mirrors);
    assert!(!messages.is_empty());
}
