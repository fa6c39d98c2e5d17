//! What a configuration will do, in a few lines, and what in it is likely to bite.

use super::check::Pace;
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
        Kind::Tunnel => "TUN",
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
    if let Some(seconds) = it.persistence {
        advice.push(format!(
            "{name}: with persistence_timeout {seconds} one client stays with one server: nothing rotates in a lab"
        ));
    }
    if let Some(sorry) = it.sorry
        && it.servers.iter().any(|server| server.address == sorry.address)
    {
        advice.push(format!(
            "{name}: the sorry server {} is a real server, too: the service can stick to it",
            sorry.address
        ));
    }
    for server in &it.servers {
        advise_server(it, server, &name, advice);
    }
}

fn advise_server(service: &Service, it: &Server, name: &str, advice: &mut Vec<String>) {
    let address = it.address;
    if it.checkers.is_empty() {
        advice.push(format!("{name}: nobody checks {address}: it stays in the pool when it dies"));
    }
    let is_web = matches!(address.port(), 80 | 443 | 8080);
    let only_connects = it.checkers.iter().all(|checker| checker.kind == CheckerKind::Tcp) && !it.checkers.is_empty();
    if is_web && only_connects {
        advice.push(format!(
            "{name}: TCP_CHECK of {address} is satisfied by a server that accepts and then answers with errors"
        ));
    }
    for port in it.checkers.iter().filter_map(|checker| checker.connect_port).filter(|port| *port != address.port()) {
        advice.push(format!("{name}: {address} is checked at port {port}, not at its own"));
    }
    let is_udp = service.protocol == proto::UDP && matches!(service.name, ServiceName::Address(_));
    if is_udp && it.checkers.iter().any(|checker| checker.kind == CheckerKind::Tcp) {
        advice.push(format!("{name}: a UDP service, and {address} is checked by TCP"));
    }
}
