//! What a configuration will do, in a few lines, and what in it is likely to bite.

use super::check::{DELAY_LOOP, Pace};
use super::conf::{Authentication, CheckerKind, Config, Instance, Kind, Server, Service, ServiceName, Watch, shown};
use crate::time::Span;
use crate::wire::proto;

/// What keepalived will do with a configuration, one line for each thing.
pub fn explain(config: &Config) -> Vec<String> {
    let instances = config.instances.iter().map(instance);
    let services = config
        .services
        .iter()
        .flat_map(|it| std::iter::once(service(it)).chain(it.servers.iter().map(|member| server(it, member))));
    instances.chain(services).collect()
}

fn seconds(span: Span) -> String {
    let text = format!("{:.3}", span.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn instance(it: &Instance) -> String {
    let vips: Vec<String> = it.vips.iter().chain(&it.excluded).map(|vip| vip.net.to_string()).collect();
    let whom = match it.peers.as_slice() {
        [] => "by multicast".to_owned(),
        peers => format!("to {}", peers.iter().map(|peer| peer.address.to_string()).collect::<Vec<_>>().join(", ")),
    };
    let skew = Span::from_nanos((256 - u64::from(it.priority)) * 1_000_000_000 / 256);
    let wait = it.advert_interval.times(u64::from(it.down_timer_adverts)) + skew;
    let preempts = match () {
        () if it.nopreempt => "leaves a lower master alone".to_owned(),
        () if it.preempt_delay > Span::ZERO => {
            format!("takes over from a lower master after {}", seconds(it.preempt_delay + wait))
        }
        () => "takes over from a lower master".to_owned(),
    };
    format!(
        "{}: VRID {} on {}, priority {}, VRRPv{} every {} {whom}; holds {} as master; becomes it {} after the last \
         advertisement of another one; {preempts}",
        it.name,
        it.vrid,
        it.interface,
        it.priority,
        it.version,
        seconds(it.advert_interval),
        if vips.is_empty() { "nothing".to_owned() } else { vips.join(", ") },
        seconds(wait)
    )
}

const fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Nat => "NAT",
        Kind::Route => "DR",
        Kind::Tunnel(_) => "TUN",
    }
}

fn service(it: &Service) -> String {
    let persistence = it.persistence.map_or(String::new(), |seconds| format!(", persistent for {seconds} s"));
    let sorry = it.sorry.map_or(String::new(), |sorry| format!(", {} when all others are down", sorry.address));
    format!("{}: {} by {}{persistence}{sorry}", shown(it), it.scheduler, method(it.kind.unwrap_or_default()))
}

fn server(service: &Service, it: &Server) -> String {
    let mut text = format!("  {} weight {}", it.address, it.weight.unwrap_or(service.weight));
    if it.checkers.is_empty() {
        return text + ": never checked, always in the pool";
    }
    for checker in &it.checkers {
        let pace = Pace::new(checker, it.pace, service.pace);
        text +=
            &format!(": {}, out at the latest {} after it has died", what(&checker.kind), seconds(pace.worst_case()));
    }
    text
}

fn what(kind: &CheckerKind) -> &'static str {
    match kind {
        CheckerKind::Tcp => "asked whether it accepts connections",
        CheckerKind::Http(_) => "asked for pages",
        CheckerKind::Udp(_) => "sent datagrams",
        CheckerKind::Ping => "pinged",
        CheckerKind::Smtp { .. } => "greeted as a mail server",
        CheckerKind::Dns { .. } => "asked for a name",
        CheckerKind::Misc { .. } => "judged by a script",
        CheckerKind::File { .. } => "judged by the number in a file",
        CheckerKind::Bfd { .. } => "judged by BFD, which is not simulated",
    }
}

/// What keepalived says nothing about, but its users have stumbled over.
pub fn advise(config: &Config) -> Vec<String> {
    let mut advice = Vec::new();
    for it in &config.instances {
        advise_instance(config, it, &mut advice);
    }
    for it in &config.services {
        advise_service(it, &mut advice);
    }
    for (line, word) in &config.without_effect {
        let line = line.map_or(String::new(), |line| format!("line {line}: "));
        advice.push(format!("{line}{word} has no effect on a simulated machine"));
    }
    advice
}

fn advise_instance(config: &Config, it: &Instance, advice: &mut Vec<String>) {
    let name = &it.name;
    if it.starts_as_master == Some(true) && it.priority < 255 {
        advice.push(format!("{name}: state MASTER means nothing below priority 255: everybody begins as a backup"));
    }
    if it.starts_as_master == Some(true) && it.priority == 100 {
        advice
            .push(format!("{name}: 100 is everybody's default priority: among equals nobody takes over from anybody"));
    }
    let is_twin = |other: &&Instance| other.name != *name && other.vrid == it.vrid && other.interface != it.interface;
    if let Some(other) = config.instances.iter().find(is_twin) {
        advice.push(format!(
            "{name}: {} has VRID {} on {}, too: both interfaces must not be on one LAN",
            other.name, it.vrid, other.interface
        ));
    }
    for vip in it.vips.iter().filter(|vip| vip.net.prefix_len() == 32) {
        advice.push(format!("{name}: {} has the prefix /32, as every address without one", vip.net.addr()));
    }
    if config.instances.iter().any(|other| other.name != *name && other.vips.iter().any(|vip| it.vips.contains(vip))) {
        advice.push(format!("{name}: another instance has one of its addresses, too"));
    }
    if config.global.strict && it.priority != 255 {
        advice.push(format!("{name}: vrrp_strict lets nobody speak with the address itself: it cannot be pinged"));
    }
    if matches!(it.authentication, Some(Authentication::Password(_))) && it.peers.is_empty() {
        advice.push(format!("{name}: the password goes over the wire in the clear, it only keeps strangers apart"));
    }
    for track in it.tracks.iter().filter(|track| matches!(track.watch, Watch::Script(_))) {
        let script = track.watch.name();
        if track.weight.value == 0 && it.nopreempt {
            advice.push(format!(
                "{name}: when {script} fails, it is in FAULT, and with nopreempt it does not come back by itself"
            ));
        }
        let reach = track.weight.value.abs();
        if reach > 0 && it.nopreempt {
            advice.push(format!(
                "{name}: {script} changes the priority by {reach}, which moves nothing as long as the other one has \
                 nopreempt"
            ));
        }
    }
    if it.ipv6 > 0 {
        advice.push(format!("{name}: its {} addresses of IPv6 are not simulated", it.ipv6));
    }
    if it.vips.iter().any(|vip| vip.net.prefix_len() < 32 && vip.device.is_none() && it.interface == "lo") {
        advice.push(format!("{name}: an address on lo with its subnet's prefix makes all of the subnet local"));
    }
}

fn advise_service(it: &Service, advice: &mut Vec<String>) {
    let name = shown(it);
    let mut say = |text: String| advice.push(format!("{name}: {text}"));
    if it.is_ipv6 == Some(true) {
        say("IPv6 is not simulated: this service does nothing".to_owned());
    }
    if let Some(seconds) = it.persistence {
        say(format!("with persistence_timeout {seconds} one client stays with one server: nothing rotates in a lab"));
    }
    if let Some(sorry) = it.sorry.filter(|sorry| it.servers.iter().any(|server| server.address == sorry.address)) {
        say(format!(
            "the sorry server {} is a real server, too: when all are down, it serves unchecked",
            sorry.address
        ));
    }
    let all: i64 = it.servers.iter().map(|server| i64::from(server.weight.unwrap_or(it.weight))).sum();
    let needed = i64::from(it.quorum) + i64::from(it.hysteresis);
    if needed > all {
        say(format!(
            "quorum and hysteresis make {needed}, all servers together weigh {all}: the quorum is never gained{}",
            if it.sorry.is_some() { ", and the sorry server never yields" } else { "" }
        ));
    }
    let is_direct = it.servers.iter().any(|server| it.kind_of(server) != Kind::Nat);
    if is_direct && it.servers.iter().any(|server| !server.checkers.is_empty()) {
        say("checkers ask servers at their own addresses: that they have the virtual one nobody checks".to_owned());
    }
    let is_hash = matches!(it.scheduler.as_str(), "sh" | "mh" | "dh");
    let has_fallback = it.flags.iter().any(|flag| flag.ends_with("-fallback"));
    if is_hash && !has_fallback && it.servers.iter().any(|server| server.inhibit.unwrap_or(it.inhibit)) {
        say(format!(
            "a server that has failed stays with weight 0, and {} goes on sending clients to it: they are refused",
            it.scheduler
        ));
    }
    for server in &it.servers {
        advise_server(it, server, &mut say);
    }
}

fn advise_server(service: &Service, it: &Server, say: &mut dyn FnMut(String)) {
    let address = it.address;
    if it.checkers.is_empty() {
        say(format!("nobody checks {address}: it stays in the pool when it dies"));
    }
    if it.weight == Some(0) {
        say(format!("{address} has weight 0: it gets no new clients"));
    }
    let only = |kind: fn(&CheckerKind) -> bool| {
        !it.checkers.is_empty() && it.checkers.iter().all(|checker| kind(&checker.kind))
    };
    let is_web = it.checkers.iter().any(|checker| checker.to.is_some_and(|to| matches!(to.port(), 80 | 443 | 8080)));
    if is_web && only(|kind| *kind == CheckerKind::Tcp) {
        say(format!("TCP_CHECK of {address} is satisfied by a server that accepts and then answers with errors"));
    }
    if only(|kind| *kind == CheckerKind::Ping) {
        say(format!("PING_CHECK of {address} is satisfied by a machine whose service is dead"));
    }
    if it.checkers.iter().any(|checker| matches!(&checker.kind, CheckerKind::Udp(udp) if !udp.requires_reply)) {
        say(format!("UDP_CHECK of {address} takes silence for consent: only an ICMP error is a failure"));
    }
    let is_asked = |kind: &CheckerKind| {
        matches!(
            kind,
            CheckerKind::Tcp
                | CheckerKind::Http(_)
                | CheckerKind::Udp(_)
                | CheckerKind::Smtp { .. }
                | CheckerKind::Dns { .. }
        )
    };
    for to in it.checkers.iter().filter(|checker| is_asked(&checker.kind)).filter_map(|checker| checker.to) {
        match to.port() {
            0 => say(format!("{address} is asked at port 0, where nobody answers: it needs a connect_port")),
            port if port != address.port() && address.port() != 0 => {
                say(format!("{address} is checked at port {port}, not at its own"));
            }
            _ => {}
        }
        if to.ip() != address.ip() {
            say(format!("{address} is judged by what {} answers", to.ip()));
        }
    }
    let is_udp = service.protocol == proto::UDP && matches!(service.name, ServiceName::Address(_));
    if is_udp && it.checkers.iter().any(|checker| checker.kind == CheckerKind::Tcp) {
        say(format!("a UDP service, and {address} is checked by TCP"));
    }
    let slowest = it.checkers.iter().map(|checker| Pace::new(checker, it.pace, service.pace).delay_loop).max();
    if slowest.is_some_and(|delay| delay >= DELAY_LOOP) {
        say(format!("{address} is asked every {}: delay_loop is long", seconds(slowest.unwrap_or_default())));
    }
}
