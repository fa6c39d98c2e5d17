//! arping as iputils 20221126 has it, on a packet socket.

use std::net::Ipv4Addr;

use etherparse::ArpOperation;

use super::getopt::Getopt;
use crate::apps::resolve;
use crate::host::Process;
use crate::host::process::Task;
use crate::host::{Captured, Errno, IfIndex, Interface, Kernel, PacketSocket};
use crate::time::{Span, Time};
use crate::wire::build::{self, Arp};
use crate::wire::{ETHERTYPE_ARP, MacAddr, read};

const USAGE: &str = "
Usage:
  arping [-fqbDUA] [-c count] [-w seconds] [-i seconds] [-s source] -I device <destination>
";

/// What goes to standard error, and the exit status.
type Failure = (String, i32);

/// What the command line asks for.
struct Options {
    destination: Ipv4Addr,
    device: Option<String>,
    source: Option<Ipv4Addr>,
    /// `-c`
    count: Option<u64>,
    /// `-w`
    timeout: Option<Span>,
    interval: Span,
    /// `-b`
    only_broadcasts: bool,
    /// `-f`, and `-D`, which ends with the first answer too.
    until_first: bool,
    quiet: bool,
    /// `-D`
    detects_duplicates: bool,
    /// `-U` and `-A`
    unsolicited: bool,
    /// `-A`
    as_reply: bool,
}

impl Options {
    fn read(kernel: &mut Kernel, args: &[String]) -> Result<Options, Failure> {
        let usage = |complaint: String| (format!("{complaint}{USAGE}"), 2);
        let read = Getopt::read(args, "h?bfDUAqc:w:i:s:I:V").map_err(usage)?;
        let &[name] = &read.operands[..] else { return Err(usage(String::new())) };
        let unknown = |name: &str| (format!("arping: {name}: Temporary failure in name resolution\n"), 2);
        let mut options = Options {
            destination: resolve(kernel, name).ok_or_else(|| unknown(name))?,
            device: None,
            source: None,
            count: None,
            timeout: None,
            interval: Span::from_secs(1),
            only_broadcasts: false,
            until_first: false,
            quiet: false,
            detects_duplicates: false,
            unsolicited: false,
            as_reply: false,
        };
        for (letter, value) in read.options {
            match letter {
                'b' => options.only_broadcasts = true,
                'f' => options.until_first = true,
                'q' => options.quiet = true,
                'D' => (options.detects_duplicates, options.until_first) = (true, true),
                'U' => options.unsolicited = true,
                'A' => (options.unsolicited, options.as_reply) = (true, true),
                'c' => options.count = Some(whole(value)?),
                'w' => options.timeout = Some(Span::from_secs(whole(value)?)),
                'i' => options.interval = Span::from_secs(whole(value)?),
                's' => options.source = Some(resolve(kernel, value).ok_or_else(|| unknown(value))?),
                'I' => options.device = Some(value.to_owned()),
                _ => return Err(usage(String::new())),
            }
        }
        if options.unsolicited && options.source.is_none() {
            options.source = Some(options.destination);
        }
        Ok(options)
    }
}

/// iputils' strtol_or_err.
fn whole(text: &str) -> Result<u64, Failure> {
    let number: u64 = text.parse().map_err(|_| (format!("arping: invalid argument: '{text}'\n"), 1))?;
    if (1..=i32::MAX as u64).contains(&number) {
        return Ok(number);
    }
    Err((format!("arping: invalid argument: '{text}': out of range: 1 <= value <= {}\n", i32::MAX), 1))
}

/// Runs arping.
pub(super) fn arping(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        match Arping::begin(&process, &args) {
            Ok(arping) => arping.run().await,
            Err((complaint, status)) => {
                process.complain(&complaint);
                status
            }
        }
    })
}

struct Arping {
    process: Process,
    options: Options,
    socket: PacketSocket,
    interface: IfIndex,
    mac: MacAddr,
    source: Ipv4Addr,
    /// Where the requests go: to everybody, until somebody has answered.
    to: MacAddr,
    last_sent: Time,
    sent: u64,
    broadcast: u64,
    received: u64,
    received_broadcasts: u64,
    received_requests: u64,
}

impl Arping {
    fn begin(process: &Process, args: &[String]) -> Result<Arping, Failure> {
        let (options, device, source) = process.sys.with(|kernel| {
            let options = Options::read(kernel, args)?;
            let device = device(kernel, &options)?;
            let source = source(kernel, &options, &device)?;
            Ok::<_, Failure>((options, device, source))
        })?;
        if !options.quiet {
            process.print(&format!("ARPING {} from {source} {}\n", options.destination, device.name));
        }
        if source.is_unspecified() && !options.detects_duplicates {
            return Err(("arping: no source address in not-DAD mode\n".to_owned(), 2));
        }
        Ok(Arping {
            process: process.clone(),
            socket: PacketSocket::open(&process.sys, Some(ETHERTYPE_ARP), Some(device.index)),
            options,
            interface: device.index,
            mac: device.mac,
            source,
            to: MacAddr::BROADCAST,
            last_sent: process.sys.now(),
            sent: 0,
            broadcast: 0,
            received: 0,
            received_broadcasts: 0,
            received_requests: 0,
        })
    }

    /// event_loop: a request at each tick of the interval. The tick after the last one ends the run.
    async fn run(mut self) -> i32 {
        let started = self.process.sys.now();
        let end = self.options.timeout.map(|timeout| started + timeout);
        self.send();
        let mut tick = started + self.options.interval;
        'run: loop {
            let until = end.map_or(tick, |end| end.min(tick));
            while self.process.sys.now() < until {
                self.process.sys.wait(&[self.socket.event()], Some(until)).await;
                while let Some(captured) = self.socket.take() {
                    if self.receive(&captured) {
                        break 'run;
                    }
                }
            }
            if until == tick {
                if self.options.count.is_some_and(|count| self.sent >= count) {
                    break;
                }
                self.send();
                tick += self.options.interval;
            }
            if end.is_some_and(|end| until >= end) {
                break;
            }
        }
        self.finish()
    }

    /// send_pack
    fn send(&mut self) {
        let operation = if self.options.as_reply { ArpOperation::REPLY } else { ArpOperation::REQUEST };
        let frame = build::arp(
            self.mac,
            self.to,
            Arp {
                operation,
                sender_mac: self.mac,
                sender_ip: self.source,
                target_mac: if self.options.as_reply { self.mac } else { self.to },
                target_ip: self.options.destination,
            },
        );
        self.socket.send(self.interface, frame);
        self.last_sent = self.process.sys.now();
        self.sent += 1;
        self.broadcast += u64::from(self.to == MacAddr::BROADCAST);
    }

    /// recv_pack: true if this was the last one to wait for.
    fn receive(&mut self, captured: &Captured) -> bool {
        let arp = read::arp(captured.frame.payload());
        let is_known = |arp: &Arp| matches!(arp.operation, ArpOperation::REQUEST | ArpOperation::REPLY);
        let Some(arp) = arp.filter(is_known) else { return false };
        let Options { destination, detects_duplicates, .. } = self.options;
        let is_answer = if detects_duplicates {
            // Somebody else has the address, or wants it too.
            arp.sender_mac != self.mac && (self.source.is_unspecified() || arp.target_ip == self.source)
        } else {
            arp.target_ip == self.source && arp.target_mac == self.mac
        };
        let frame_for = captured.frame.destination();
        let reached_us = frame_for == self.mac || frame_for.is_group();
        if arp.sender_ip != destination || !is_answer || !reached_us {
            return false;
        }
        let is_unicast = frame_for == self.mac;
        let is_request = arp.operation == ArpOperation::REQUEST;
        if !self.options.quiet {
            self.print_answer(&arp, is_unicast, captured.at);
        }
        self.received += 1;
        if self.options.timeout.is_some() && self.options.count == Some(self.received) {
            return true;
        }
        self.received_broadcasts += u64::from(!is_unicast);
        self.received_requests += u64::from(is_request);
        if !self.options.only_broadcasts {
            self.to = arp.sender_mac;
        }
        self.options.until_first
    }

    fn print_answer(&self, arp: &Arp, is_unicast: bool, at: Time) {
        let cast = if is_unicast { "Unicast" } else { "Broadcast" };
        let kind = if arp.operation == ArpOperation::REPLY { "reply" } else { "request" };
        let mut line = format!("{cast} {kind} from {} [{}] ", arp.sender_ip, capitals(arp.sender_mac));
        let for_others = arp.target_ip != self.source;
        if for_others {
            line += &format!("for {} ", arp.target_ip);
        }
        if arp.target_mac != self.mac {
            let word = if for_others { "" } else { "for " };
            line += &format!("{word}[{}]", capitals(arp.target_mac));
        }
        let micros = at.since(self.last_sent).as_nanos() / 1000;
        self.process.print(&format!("{line} {}.{:03}ms\n", micros / 1000, micros % 1000));
    }

    fn finish(&self) -> i32 {
        let Arping { sent, broadcast, received, received_broadcasts, received_requests, .. } = self;
        if !self.options.quiet {
            let mut text = format!("Sent {sent} probes ({broadcast} broadcast(s))\nReceived {received} response(s)");
            let mut kinds = Vec::new();
            if *received_requests > 0 {
                kinds.push(format!("{received_requests} request(s)"));
            }
            if *received_broadcasts > 0 {
                kinds.push(format!("{received_broadcasts} broadcast(s)"));
            }
            if !kinds.is_empty() {
                text += &format!(" ({})", kinds.join(", "));
            }
            self.process.print(&(text + "\n"));
        }
        let failed = if self.options.detects_duplicates {
            *received > 0
        } else if self.options.unsolicited {
            false
        } else {
            *received != *sent
        };
        i32::from(failed)
    }
}

/// check_device: the interface that was named, or the first one that could be meant.
fn device(kernel: &Kernel, options: &Options) -> Result<Interface, Failure> {
    let is_usable = |interface: &&Interface| interface.up && interface.port().is_some();
    let found = match &options.device {
        Some(name) => kernel.interface(name).ok_or_else(|| (format!("arping: Device {name} not available.\n"), 2))?,
        None => {
            let unclear = "arping: Suitable device could not be determined. Please, use option -I.\n";
            let mut usable = kernel.interfaces().filter(is_usable).filter(|interface| !interface.addresses.is_empty());
            usable.next().ok_or_else(|| (unclear.to_owned(), 2))?
        }
    };
    if !found.up {
        return Err((format!("Interface \"{}\" is down\n", found.name), 2));
    }
    if found.port().is_none() {
        return Err((format!("Interface \"{}\" is not ARPable\n", found.name), 2));
    }
    Ok(found.clone())
}

/// The sender address of the requests: what was asked for, none to find duplicates, or what routing would choose.
fn source(kernel: &mut Kernel, options: &Options, device: &Interface) -> Result<Ipv4Addr, Failure> {
    match options.source {
        Some(source) if kernel.is_local(source) => Ok(source),
        Some(_) if options.detects_duplicates => Ok(Ipv4Addr::UNSPECIFIED),
        Some(_) => Err((format!("arping: bind: {}\n", Errno::AddressNotAvailable), 2)),
        None if options.detects_duplicates => Ok(Ipv4Addr::UNSPECIFIED),
        None => {
            let route = kernel.route_output(options.destination, None, Some(device.index));
            let chosen = route.map(|route| route.source).ok();
            let first = device.addresses.first().map(|address| address.ip);
            Ok(chosen.or(first).unwrap_or(Ipv4Addr::UNSPECIFIED))
        }
    }
}

fn capitals(mac: MacAddr) -> String {
    mac.to_string().to_uppercase()
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn nobody_is_there() {
        let lines = [
            "arping -c 2 -w 1 -I eth0 10.0.0.9",
            "arping -D -c 2 10.0.0.9",
            "arping -U -c 2 -I eth0 10.0.0.1",
            "arping -q -c 1 -I eth0 10.77.0.2",
        ];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ arping -c 2 -w 1 -I eth0 10.0.0.9
        ARPING 10.0.0.9 from 10.0.0.1 eth0
        Sent 2 probes (2 broadcast(s))
        Received 0 response(s)
        [1]
        $ arping -D -c 2 10.0.0.9
        ARPING 10.0.0.9 from 0.0.0.0 eth0
        Sent 2 probes (2 broadcast(s))
        Received 0 response(s)
        $ arping -U -c 2 -I eth0 10.0.0.1
        ARPING 10.0.0.1 from 10.0.0.1 eth0
        Sent 2 probes (2 broadcast(s))
        Received 0 response(s)
        $ arping -q -c 1 -I eth0 10.77.0.2
        [1]
        ");
    }

    #[test]
    fn mistakes() {
        let lines = [
            "arping -c 1",
            "arping -c x 10.0.0.9",
            "arping -I nope 10.0.0.9",
            "arping -I lo 10.0.0.9",
            "arping -U 10.0.0.99",
            "arping -s 10.0.0.77 10.0.0.9",
            "arping nohost",
        ];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @r#"
        $ arping -c 1

        Usage:
          arping [-fqbDUA] [-c count] [-w seconds] [-i seconds] [-s source] -I device <destination>
        [2]
        $ arping -c x 10.0.0.9
        arping: invalid argument: 'x'
        [1]
        $ arping -I nope 10.0.0.9
        arping: Device nope not available.
        [2]
        $ arping -I lo 10.0.0.9
        Interface "lo" is not ARPable
        [2]
        $ arping -U 10.0.0.99
        arping: bind: Cannot assign requested address
        [2]
        $ arping -s 10.0.0.77 10.0.0.9
        arping: bind: Cannot assign requested address
        [2]
        $ arping nohost
        arping: nohost: Temporary failure in name resolution
        [2]
        "#);
    }
}
