//! From what is written to what is meant: resolves names, reads times and addresses, and collects all that is wrong.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::diagnostic::{Diagnostic, nearest};
use super::plan::{self, Action, Plan};
use super::schema::{self, Entries, Fault, Scenario};
use super::tree::{At, Tree};
use super::units::{parse_rate, parse_time};
use crate::ids::{NodeId, Terminal};
use crate::sim::{LinkOptions, QueueLimit, SwitchOptions};
use crate::time::Span;
use crate::wire::MacAddr;

/// Something that makes no sense, and the way to where it stands.
#[derive(Clone, Debug)]
pub struct Problem {
    path: Vec<At>,
    pub(super) message: String,
    label: String,
    other: Option<(Vec<At>, String)>,
    hint: Option<String>,
}

impl Problem {
    /// A problem at this place.
    pub fn new(path: &[At], message: impl Into<String>) -> Problem {
        Problem { path: path.to_vec(), message: message.into(), label: String::new(), other: None, hint: None }
    }

    /// What to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    fn other(mut self, path: &[At], label: impl Into<String>) -> Problem {
        self.other = Some((path.to_vec(), label.into()));
        self
    }

    /// The problem with its place in the text.
    pub fn locate(self, tree: &Tree, text: &str) -> Diagnostic {
        Diagnostic {
            message: self.message,
            at: tree.find(text, &self.path),
            label: self.label,
            other: self.other.map(|(path, label)| Box::new((tree.find(text, &path), label))),
            hint: self.hint,
        }
    }
}

/// What the scenario means.
///
/// # Errors
///
/// Everything in it that makes no sense.
pub fn check(scenario: &Scenario) -> Result<Plan, Vec<Problem>> {
    let mut check = Check { scenario, problems: Vec::new(), macs: BTreeMap::new() };
    let plan = check.scenario();
    super::expect::check(scenario, &plan, &mut check.problems);
    if check.problems.is_empty() { Ok(plan) } else { Err(check.problems) }
}

/// The way to a part, one step longer than the way to what contains it.
pub(super) fn join(path: &[At], steps: &[At]) -> Vec<At> {
    [path, steps].concat()
}

/// "did you mean", if anything known is near.
pub(super) fn did_you_mean(wrong: &str, kind: &str, known: &[&str]) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("{kind}: {}", known.join(", ")),
    }
}

struct Check<'a> {
    scenario: &'a Scenario,
    problems: Vec<Problem>,
    /// Where each hardware address was given.
    macs: BTreeMap<MacAddr, Vec<At>>,
}

impl Check<'_> {
    fn scenario(&mut self) -> Plan {
        let scenario = self.scenario;
        self.names(&[At::Field("switches")], "switch", &scenario.switches.0, name_of_node);
        self.names(&[At::Field("nodes")], "node", &scenario.nodes, name_of_node);
        let until = scenario.until.as_ref().and_then(|text| self.time(text, &[At::Field("until")]));
        Plan {
            title: scenario.title.clone(),
            seed: scenario.seed,
            switches: self.switches(),
            nodes: scenario
                .nodes
                .iter()
                .enumerate()
                .map(|(index, (name, node))| self.node(index, name, node))
                .collect(),
            hosts: self.hosts(),
            timeline: self.timeline(until),
            until,
            max_events: scenario.max_events,
            expect: scenario.expect.clone(),
        }
    }

    /// Each name of a map is a good one and stands there once.
    fn names<T>(&mut self, path: &[At], kind: &str, entries: &Entries<T>, wrong: fn(&str) -> Option<&'static str>) {
        for (index, (name, _)) in entries.iter().enumerate() {
            // Switches may be a list, whose elements are the names.
            let here = join(path, &[At::Key(index)]);
            if let Some(first) = entries.iter().position(|(earlier, _)| earlier == name).filter(|&first| first < index)
            {
                let problem = Problem::new(&here, format!("a second {kind} of the name \"{name}\""));
                self.problems.push(problem.other(&join(path, &[At::Key(first)]), "the first one"));
            }
            if let Some(why) = wrong(name) {
                self.problems.push(Problem::new(&here, format!("\"{name}\" cannot be the name of a {kind}")).hint(why));
            }
        }
    }

    fn switches(&mut self) -> Vec<plan::Switch> {
        let mut switches = Vec::new();
        for (index, (name, switch)) in self.scenario.switches.0.iter().enumerate() {
            let path = [At::Field("switches"), At::Value(index), At::Field("ageing")];
            let mut options = SwitchOptions { filter_multicast: switch.filter_multicast, ..SwitchOptions::default() };
            if let Some(text) = &switch.ageing {
                options.ageing = self.time(text, &path).unwrap_or(options.ageing);
            }
            switches.push(plan::Switch { name: name.to_owned(), options });
        }
        switches
    }

    fn hosts(&mut self) -> Vec<(String, Ipv4Addr)> {
        let hosts = &self.scenario.hosts;
        self.names(&[At::Field("hosts")], "host", hosts, name_of_host);
        let mut known = Vec::new();
        for (index, (name, text)) in hosts.iter().enumerate() {
            match text.parse() {
                Ok(address) => known.push((name.to_owned(), address)),
                Err(_) => {
                    let path = [At::Field("hosts"), At::Value(index)];
                    let problem = Problem::new(&path, format!("\"{text}\" is no IPv4 address"));
                    self.problems.push(problem.hint("like \"10.0.0.1\""));
                }
            }
        }
        known
    }

    fn node(&mut self, index: usize, name: &str, node: &schema::Node) -> plan::Node {
        let path = [At::Field("nodes"), At::Value(index)];
        let plugs = join(&path, &[At::Field("interfaces")]);
        self.names(&plugs, "network interface", &node.interfaces, name_of_interface);
        let interfaces = node.interfaces.iter().enumerate();
        let interfaces = interfaces
            .map(|(number, (name, interface))| {
                self.interface(index, number, name, interface, &join(&plugs, &[At::Value(number)]))
            })
            .collect();
        for (number, (file, _)) in node.files.iter().enumerate() {
            if file.is_empty() || file.ends_with('/') {
                let path = join(&path, &[At::Field("files"), At::Key(number)]);
                self.problems.push(Problem::new(&path, "a file needs a name"));
            }
        }
        plan::Node { name: name.to_owned(), interfaces, setup: node.setup.clone(), files: node.files.0.clone() }
    }

    fn interface(
        &mut self,
        node: usize,
        number: usize,
        name: &str,
        it: &schema::Interface,
        path: &[At],
    ) -> plan::Interface {
        // The short form of an interface is its switch's name and nothing else.
        let field = |name| join(path, &[At::Field(name)]);
        let known = self.scenario.switches.0.keys();
        let switch = known.iter().position(|name| *name == it.switch);
        if switch.is_none() {
            let problem = Problem::new(&field("switch"), format!("there is no switch \"{}\"", it.switch));
            let hint = if known.is_empty() {
                format!("declare it: switches: [\"{}\"]", it.switch)
            } else {
                did_you_mean(&it.switch, "switches", &known)
            };
            self.problems.push(problem.hint(hint));
        }
        let mac = self.mac(node, number, it.mac.as_deref(), &field("mac"));
        let mtu = it.mtu.unwrap_or(1500);
        if !(68..=65535).contains(&mtu) {
            let problem = Problem::new(&field("mtu"), format!("an MTU of {mtu} bytes is not possible"));
            self.problems.push(problem.hint("IPv4 needs 68 bytes at least (RFC 791), and cannot use more than 65535"));
        }
        let usual = LinkOptions::default();
        let cable = LinkOptions {
            latency: self.span(it.latency.as_ref(), usual.latency, &field("latency")),
            bandwidth: it.bandwidth.as_ref().and_then(|text| self.rate(text, &field("bandwidth"))),
            queue: it.queue.map_or(usual.queue, QueueLimit::Frames),
            loss: self.part(it.loss, &field("loss")),
            jitter: self.span(it.jitter.as_ref(), usual.jitter, &field("jitter")),
            reorder: self.part(it.reorder, &field("reorder")),
            duplicate: self.part(it.duplicate, &field("duplicate")),
            mtu: None,
        };
        plan::Interface { name: name.to_owned(), mac, mtu, switch: switch.unwrap_or(0), cable }
    }

    fn mac(&mut self, node: usize, number: usize, given: Option<&str>, path: &[At]) -> MacAddr {
        let own = own_mac(node, number);
        let mac = given.map_or(own, |text| {
            text.parse().unwrap_or_else(|error| {
                self.problems.push(Problem::new(path, format!("\"{text}\" is {error}")));
                own
            })
        });
        if mac.is_group() || mac == MacAddr::ZERO {
            let problem = Problem::new(path, format!("{mac} cannot be the address of an interface"));
            self.problems.push(problem.hint("the first byte must be even, and not all may be 0"));
        }
        if let Some(first) = self.macs.insert(mac, path.to_vec()) {
            let problem = Problem::new(path, format!("the MAC address {mac} is in use already"));
            self.problems.push(problem.other(&first, "by this interface"));
        }
        mac
    }

    fn timeline(&mut self, until: Option<Span>) -> Vec<plan::Step> {
        let mut steps = Vec::new();
        for (index, step) in self.scenario.timeline.iter().enumerate() {
            let path = [At::Field("timeline"), At::Value(index)];
            let here = join(&path, &[At::Field("at")]);
            let at = self.time(&step.at, &here).unwrap_or_default();
            if let Some(until) = until.filter(|&until| at > until) {
                let problem = Problem::new(&here, format!("at {}, the run is over", step.at));
                let over = format!("it ends after {} s", until.as_secs_f64());
                self.problems.push(problem.other(&[At::Field("until")], over));
            }
            if let Some(action) = self.action(step, &path) {
                steps.push(plan::Step { at, action });
            }
        }
        steps
    }

    fn action(&mut self, step: &schema::Step, path: &[At]) -> Option<Action> {
        match (&step.node, &step.run, &step.fault) {
            (Some(node), Some(line), None) => {
                let node = self.node_named(node, &join(path, &[At::Field("node")]))?;
                let terminal = self.terminal(step.terminal, &join(path, &[At::Field("terminal")]));
                Some(Action::Run(node, terminal, line.clone()))
            }
            (None, None, Some(fault)) => {
                let inside = matches!(fault, Fault::LinkDown(_) | Fault::LinkUp(_) | Fault::Crash(_) | Fault::Boot(_));
                let place = [At::Field("fault"), At::Value(0)];
                self.fault(fault, &join(path, &place[..1 + usize::from(inside)]))
            }
            _ => {
                let problem = Problem::new(path, "a step is either a command or a fault");
                let hint =
                    "(at: \"1s\", node: \"client\", run: \"...\") or (at: \"1s\", fault: LinkDown(\"client.eth0\"))";
                self.problems.push(problem.hint(hint));
                None
            }
        }
    }

    fn terminal(&mut self, given: Option<u16>, path: &[At]) -> Terminal {
        if given == Some(0) {
            self.problems.push(Problem::new(path, "terminals are numbered from 1"));
        }
        given.map_or(Terminal::FIRST, Terminal)
    }

    fn fault(&mut self, fault: &Fault, path: &[At]) -> Option<Action> {
        match fault {
            Fault::LinkDown(name) => self.plug(name, path).map(|(node, at)| Action::Cable(node, at, false)),
            Fault::LinkUp(name) => self.plug(name, path).map(|(node, at)| Action::Cable(node, at, true)),
            Fault::Lossy { on, inward, outward } => {
                let inward = self.part(Some(*inward), &join(path, &[At::Field("in")]));
                let outward = self.part(Some(*outward), &join(path, &[At::Field("out")]));
                let (node, at) = self.plug(on, &join(path, &[At::Field("on")]))?;
                Some(Action::Loss(node, at, [outward, inward]))
            }
            Fault::Crash(name) => self.node_named(name, path).map(Action::Crash),
            Fault::Boot(name) => self.node_named(name, path).map(Action::Boot),
            Fault::Slow { node, delay, jitter } => {
                let delay = self.span(delay.as_ref(), Span::ZERO, &join(path, &[At::Field("delay")]));
                let jitter = self.span(jitter.as_ref(), Span::ZERO, &join(path, &[At::Field("jitter")]));
                let node = self.node_named(node, &join(path, &[At::Field("node")]))?;
                Some(Action::Slow(node, delay, jitter))
            }
        }
    }

    fn node_named(&mut self, name: &str, path: &[At]) -> Option<NodeId> {
        let known = self.scenario.nodes.keys();
        if let Some(index) = known.iter().position(|known| *known == name) {
            return u32::try_from(index).ok().map(NodeId);
        }
        let problem = Problem::new(path, format!("there is no node \"{name}\""));
        let hint = did_you_mean(name, "nodes", &known);
        self.problems.push(problem.hint(hint));
        None
    }

    fn plug(&mut self, name: &str, path: &[At]) -> Option<(NodeId, usize)> {
        let nodes = self.scenario.nodes.iter().enumerate();
        let plugs: Vec<_> = nodes
            .flat_map(|(index, (node, it))| {
                it.interfaces.iter().enumerate().map(move |(at, (name, _))| (index, at, format!("{node}.{name}")))
            })
            .collect();
        match plugs.iter().find(|(_, _, known)| known == name) {
            Some(&(node, at, _)) => u32::try_from(node).ok().map(|node| (NodeId(node), at)),
            None => {
                let known: Vec<_> = plugs.iter().map(|(_, _, known)| known.as_str()).collect();
                let hint = did_you_mean(name, "interfaces", &known);
                self.problems.push(Problem::new(path, format!("there is no interface \"{name}\"")).hint(hint));
                None
            }
        }
    }

    fn time(&mut self, text: &str, path: &[At]) -> Option<Span> {
        let time = parse_time(text);
        if time.is_none() {
            let problem = Problem::new(path, format!("\"{text}\" is not a time"));
            self.problems
                .push(problem.hint("a number and a unit: ns, us, ms, s, min or h, like \"1.5s\" or \"200ms\""));
        }
        time
    }

    fn span(&mut self, text: Option<&String>, usual: Span, path: &[At]) -> Span {
        text.and_then(|text| self.time(text, path)).unwrap_or(usual)
    }

    fn rate(&mut self, text: &str, path: &[At]) -> Option<u64> {
        let rate = parse_rate(text);
        if rate.is_none() {
            let problem = Problem::new(path, format!("\"{text}\" is not a bandwidth"));
            self.problems.push(problem.hint("bits a second, like \"100M\", \"1G\" or \"56k\""));
        }
        rate
    }

    fn part(&mut self, given: Option<f64>, path: &[At]) -> f64 {
        let part = given.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&part) {
            let problem = Problem::new(path, format!("{part} is not a part of a whole"));
            self.problems.push(problem.hint("from 0 (none) to 1 (all); 5 % is 0.05"));
        }
        part
    }
}

/// 02:00:00:00:NN:II; more than 255 nodes go on in the byte before.
fn own_mac(node: usize, interface: usize) -> MacAddr {
    let [.., c, b, a] = (node + 1).to_be_bytes();
    let [.., i] = interface.to_be_bytes();
    MacAddr([2, 0, c, b, a, i])
}

/// What is wrong with the name of a node or a switch. It becomes a host name, and a part of file names.
fn name_of_node(name: &str) -> Option<&'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 63 || !name.chars().all(good) || name.starts_with('-') {
        return Some("1 to 63 letters, digits, '-' and '_', and no '-' at the beginning");
    }
    None
}

/// What is wrong with the name of a host: RFC 1123, section 2.1, and underscores.
fn name_of_host(name: &str) -> Option<&'static str> {
    let wrong = |label: &str| name_of_node(label).is_some();
    name.split('.').any(wrong).then_some("letters, digits, '-' and '_', with dots between them")
}

/// What is wrong with the name of an interface: the kernel's dev_valid_name, and less, since it becomes a part of file names.
fn name_of_interface(name: &str) -> Option<&'static str> {
    if name == "lo" {
        return Some("lo is there without being declared");
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > 15 || !name.chars().all(good) || name.starts_with(['-', '.']) {
        return Some("1 to 15 letters, digits, '-', '_', and '.', like eth0");
    }
    None
}
