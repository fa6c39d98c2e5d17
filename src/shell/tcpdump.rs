//! tcpdump 4.99: what this node sees at its interfaces.

use std::net::Ipv4Addr;

use super::getopt::Getopt;
use super::services;
use crate::apps::resolve;
use crate::host::process::Task;
use crate::host::tunnel::Mode;
use crate::host::{Captured, Direction, IfIndex, Kernel, PacketSocket, Process};
use crate::time::Span;
use crate::wire::describe::{Describer, Style};
use crate::wire::filter::{Filter, Names};

const USAGE: &str = "tcpdump version 4.99.3
Usage: tcpdump [-elnpqStUv] [ -c count ] [ -i interface ] [ -Q in|out|inout ] [ expression ]
";

/// What the command line asks for.
#[derive(Default)]
struct Options {
    /// `-c`
    count: Option<u64>,
    interface: Option<String>,
    /// `-e`
    link: bool,
    /// `-S`
    absolute: bool,
    /// `-v`
    verbose: bool,
    /// `-t`
    no_time: bool,
    /// `-Q`
    direction: Option<Direction>,
    filter: String,
}

impl Options {
    fn read(args: &[String]) -> Result<Options, String> {
        let usage = |complaint: String| format!("{complaint}{USAGE}");
        let read = Getopt::read(args, "AbB:c:DdeefHi:IKlLnNOpqQ:r:s:StT:uUvw:xX#").map_err(usage)?;
        let mut options = Options { filter: read.operands.join(" "), ..Options::default() };
        for (letter, value) in read.options {
            match letter {
                'c' => {
                    let count = value.parse().ok().filter(|count| *count > 0);
                    options.count = Some(count.ok_or_else(|| format!("tcpdump: invalid packet count {value}\n"))?);
                }
                'i' => options.interface = Some(value.to_owned()),
                'e' => options.link = true,
                'S' => options.absolute = true,
                'v' => options.verbose = true,
                't' => options.no_time = true,
                'Q' => {
                    options.direction = match value {
                        "in" => Some(Direction::In),
                        "out" => Some(Direction::Out),
                        "inout" => None,
                        _ => return Err(format!("tcpdump: unknown capture direction `{value}'\n")),
                    }
                }
                'r' | 'w' => {
                    return Err(format!("tcpdump: {value}: files of captured packets are not kept in this lab\n"));
                }
                // The others change nothing that could be seen here.
                _ => {}
            }
        }
        Ok(options)
    }
}

/// Runs tcpdump.
pub(super) fn tcpdump(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        match Capture::begin(&process, &args) {
            Ok(capture) => capture.run().await,
            Err(complaint) => {
                process.complain(&complaint);
                1
            }
        }
    })
}

struct Capture {
    process: Process,
    options: Options,
    socket: PacketSocket,
    /// The names of all interfaces, if frames of all are shown.
    names: Option<Vec<(IfIndex, String)>>,
    filter: Filter,
    describer: Describer,
    captured: u64,
}

impl Capture {
    fn begin(process: &Process, args: &[String]) -> Result<Capture, String> {
        let options = Options::read(args)?;
        let (name, interface) = process.sys.with(|kernel| interface(kernel, options.interface.as_deref()))?;
        let parsed = process.sys.with(|kernel| Filter::parse(&options.filter, &mut Known(kernel)));
        let filter = parsed.map_err(|error| format!("tcpdump: {error}\n"))?;
        let socket = PacketSocket::open(&process.sys, None, interface);
        let tunnel = process.sys.with(|kernel| kernel.interface(&name)?.tunnel().map(|tunnel| tunnel.parameters.mode));
        let (type_name, type_text) = match (interface, tunnel) {
            (Some(_), None) => ("EN10MB", "Ethernet"),
            (Some(_), Some(Mode::Ipip)) => ("RAW", "Raw IP"),
            (Some(_), Some(Mode::Gre)) => ("LINUX_SLL", "Linux cooked v1"),
            (None, _) => ("LINUX_SLL2", "Linux cooked v2"),
        };
        if interface.is_none() {
            process.complain("tcpdump: data link type LINUX_SLL2\n");
        }
        process.complain("tcpdump: ");
        if !options.verbose {
            process.complain("verbose output suppressed, use -v[v]... for full protocol decode\n");
        }
        let listening =
            format!("listening on {name}, link-type {type_name} ({type_text}), snapshot length 262144 bytes\n");
        process.complain(&listening);
        let names = interface.is_none().then(|| process.sys.with(|kernel| names(kernel)));
        let describer = Describer::new(Style {
            link: options.link && interface.is_some() && tunnel.is_none(),
            verbose: options.verbose,
        });
        Ok(Capture { process: process.clone(), options, socket, names, filter, describer, captured: 0 })
    }

    async fn run(mut self) -> i32 {
        while self.options.count.is_none_or(|count| self.captured < count) {
            match self.socket.take() {
                Some(captured) => self.show(&captured),
                None => self.process.sys.wait(&[self.socket.event()], None).await,
            }
        }
        let number = self.captured;
        let plural = if number == 1 { "" } else { "s" };
        self.process.complain(&format!(
            "{number} packet{plural} captured\n{number} packet{plural} received by filter\n0 packets dropped by kernel\n"
        ));
        0
    }

    fn show(&mut self, captured: &Captured) {
        // The loopback hands every packet out and in again; libpcap shows it once.
        let is_echo = captured.interface == IfIndex::LO && captured.direction == Direction::Out;
        let is_wanted = self.options.direction.is_none_or(|direction| direction == captured.direction);
        if is_echo || !is_wanted || !self.filter.matches(&captured.frame) {
            return;
        }
        self.captured += 1;
        let clock = self.process.sys.with(|kernel| kernel.clock(captured.at));
        let time = if self.options.no_time { String::new() } else { time_of_day(clock) + " " };
        let place = self.names.as_deref().map_or_else(String::new, |names| place(names, captured));
        if self.options.absolute {
            self.describer.forget();
        }
        let line = format!("{time}{place}{}\n", self.describer.describe(&captured.frame));
        self.process.print(&line);
    }
}

/// The interface to listen at; the first that is up if none was named, and none for all of them.
fn interface(kernel: &Kernel, name: Option<&str>) -> Result<(String, Option<IfIndex>), String> {
    let found = match name {
        Some("any") => return Ok(("any".to_owned(), None)),
        Some(name) => kernel
            .interface(name)
            .ok_or_else(|| format!("tcpdump: {name}: No such device exists\n(No such device exists)\n"))?,
        None => kernel
            .interfaces()
            .find(|interface| interface.up && interface.index != IfIndex::LO)
            .ok_or_else(|| "tcpdump: no suitable device found\n".to_owned())?,
    };
    if !found.up {
        return Err(format!("tcpdump: {}: That device is not up\n", found.name));
    }
    Ok((found.name.clone(), Some(found.index)))
}

fn names(kernel: &Kernel) -> Vec<(IfIndex, String)> {
    kernel.interfaces().map(|interface| (interface.index, interface.name.clone())).collect()
}

/// Interface and direction, as they stand before the lines of `-i any`.
fn place(names: &[(IfIndex, String)], captured: &Captured) -> String {
    let name = names.iter().find(|(index, _)| *index == captured.interface).map_or("?", |(_, name)| name);
    let destination = captured.frame.destination();
    let direction = match captured.direction {
        Direction::Out => "Out",
        Direction::In if destination == crate::wire::MacAddr::BROADCAST => "B",
        Direction::In if destination.is_group() => "M",
        Direction::In => "In",
    };
    format!("{name:<5} {direction:<3} ")
}

fn time_of_day(clock: Span) -> String {
    let micros = clock.as_nanos() / 1000;
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:06}", seconds % 60, micros % 1_000_000)
}

/// The names that filter expressions may use.
struct Known<'a>(&'a mut Kernel);

impl Names for Known<'_> {
    fn host(&mut self, name: &str) -> Option<Ipv4Addr> {
        resolve(self.0, name)
    }

    fn port(&mut self, name: &str) -> Option<u16> {
        services::port(name)
    }
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn what_passes_is_shown() {
        let lines = [
            "tcpdump -n -i eth0 -c 2 arp > /tmp/arp 2> /tmp/err &",
            "tcpdump -n -e -i eth0 -c 1 > /tmp/link 2> /tmp/no &",
            "tcpdump -n -i any icmp and src host 10.0.0.1 -c 3 > /tmp/any 2> /tmp/no &",
            "ping -c 1 10.0.0.9",
            "cat /tmp/arp /tmp/err /tmp/link /tmp/any",
        ];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ tcpdump -n -i eth0 -c 2 arp > /tmp/arp 2> /tmp/err &
        [running]
        $ tcpdump -n -e -i eth0 -c 1 > /tmp/link 2> /tmp/no &
        [running]
        $ tcpdump -n -i any icmp and src host 10.0.0.1 -c 3 > /tmp/any 2> /tmp/no &
        [running]
        $ ping -c 1 10.0.0.9
        PING 10.0.0.9 (10.0.0.9) 56(84) bytes of data.
        From 10.0.0.1 icmp_seq=1 Destination Host Unreachable

        --- 10.0.0.9 ping statistics ---
        1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

        [1]
        $ cat /tmp/arp /tmp/err /tmp/link /tmp/any
        00:00:00.000000 ARP, Request who-has 10.0.0.9 tell 10.0.0.1, length 28
        00:00:01.000000 ARP, Request who-has 10.0.0.9 tell 10.0.0.1, length 28
        tcpdump: verbose output suppressed, use -v[v]... for full protocol decode
        listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes
        2 packets captured
        2 packets received by filter
        0 packets dropped by kernel
        00:00:00.000000 02:00:00:00:01:00 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: Request who-has 10.0.0.9 tell 10.0.0.1, length 28
        00:00:03.000010 lo    In  IP 10.0.0.1 > 10.0.0.1: ICMP host 10.0.0.9 unreachable, length 92
        ");
    }

    #[test]
    fn mistakes() {
        let lines =
            ["tcpdump -i nope", "tcpdump -i eth0 host", "tcpdump -c 0", "tcpdump port foo", "tcpdump -w out.pcap"];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ tcpdump -i nope
        tcpdump: nope: No such device exists
        (No such device exists)
        [1]
        $ tcpdump -i eth0 host
        tcpdump: can't parse filter expression: syntax error
        [1]
        $ tcpdump -c 0
        tcpdump: invalid packet count 0
        [1]
        $ tcpdump port foo
        tcpdump: unknown port 'foo'
        [1]
        $ tcpdump -w out.pcap
        tcpdump: out.pcap: files of captured packets are not kept in this lab
        [1]
        ");
    }
}
