//! The lab: hosts and switches, built from a plan, and the run through its steps.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::host::{Host, Input, Job, Kernel};
use crate::ids::{JobId, LinkId, NodeId, Port, Terminal};
use crate::shell::{KEEPALIVED_LOG, Session};
use crate::sim::{self, Engine, EventLimitReached};
use crate::time::{EPOCH, Span, Time};
use crate::topo::Network;
use crate::trace::{Cast, Member, Plug, Trace};

use super::failure::Failure;
use super::plan::{self, Action, Plan, Step};
use super::steps::{StepResult, Steps, UNFINISHED};

/// How long the lab is left alone between the set-up and time 0, so that what the set-up has begun comes to rest.
const SETTLING: Span = Span::from_secs(2);
/// How much longer the lab is watched when everything is done: closing handshakes and delayed acknowledgements end in it.
const GRACE: Span = Span::from_millis(600);
/// What starts the services that are enabled, at the end of a boot.
const SERVICES: &str = "systemctl default";
/// How long a command of the set-up may take.
const PATIENCE: Span = Span::from_secs(300);

/// Limits and wishes for a run that do not belong to the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many events may happen.
    pub max_events: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { max_events: 2_000_000 }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The commands and what came of them.
    pub steps: Steps,
    /// Everything that happened.
    pub trace: Trace,
    /// What daemons have written into their logs: a name like "ds1-keepalived" and the text.
    pub logs: Vec<(String, String)>,
    /// How long the run was, from the end of the set-up.
    pub length: Span,
    /// How the machines were set up at the scenario's time zero.
    pub network: Network,
}

/// Runs a plan from beginning to end.
///
/// # Errors
///
/// If a command of the set-up fails, or more happens than the options allow.
pub fn run(plan: &Plan, options: Options) -> Result<Outcome, Failure> {
    let mut lab = Lab::set_up(plan.clone(), options)?;
    let network = lab.survey();
    loop {
        match lab.advance() {
            Ok(true) => {}
            Ok(false) => return Ok(lab.outcome(network)),
            Err(EventLimitReached { .. }) => return Err(lab.endless()),
        }
    }
}

/// The network of a plan, as it is when the set-up is done.
///
/// # Errors
///
/// If a command of the set-up fails, or more happens than the options allow.
pub fn survey(plan: &Plan, options: Options) -> Result<Network, Failure> {
    Ok(Lab::set_up(plan.clone(), options)?.survey())
}

/// What there is when the set-up is done, and nothing else has happened.
///
/// # Errors
///
/// If a command of the set-up fails, or more happens than the options allow.
pub fn set_up(plan: &Plan, options: Options) -> Result<Outcome, Failure> {
    let lab = Lab::set_up(plan.clone(), options)?;
    let network = lab.survey();
    Ok(lab.outcome(network))
}

/// A lab at some moment of its run.
pub(crate) struct Lab {
    plan: Plan,
    engine: Engine<Host, Trace>,
    /// The cable of each interface of each node.
    cables: Vec<Vec<LinkId>>,
    /// Who is logged in at each node.
    logins: Vec<BTreeMap<Terminal, Login>>,
    /// The commands in the file's order.
    typed: Vec<Typed>,
    zero: Time,
    stage: Stage,
}

/// A login at a terminal, and how many command lines it has been given.
#[derive(Default)]
struct Login {
    session: Session,
    jobs: usize,
}

/// A command that was, or will be, typed at a node.
struct Typed {
    /// When the timeline has it; none in the set-up.
    at: Option<Span>,
    node: NodeId,
    line: String,
    job: JobId,
}

/// Where a run is on its way to its end.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The timeline goes on until then.
    Timeline(Time),
    /// Commands in the foreground are waited for; this was the last moment at which there was one.
    Busy(Time),
    /// The lab is watched until then.
    Watched(Time),
    /// Frames on their way are waited for.
    Landing,
    /// This is the end.
    Over,
}

impl Lab {
    /// The lab at its time zero, and everything on the timeline still to come.
    pub fn set_up(plan: Plan, options: Options) -> Result<Lab, Failure> {
        let mut lab = Lab::build(plan, options);
        lab.run_setup()?;
        lab.schedule_timeline();
        Ok(lab)
    }

    fn build(plan: Plan, options: Options) -> Lab {
        let mut engine = Engine::new(plan.seed, Trace::of(cast(&plan)));
        engine.set_event_limit(plan.max_events.unwrap_or(options.max_events));
        let switches: Vec<_> =
            plan.switches.iter().map(|switch| engine.add_switch(&switch.name, switch.options.clone())).collect();
        let mut cables = Vec::new();
        for node in &plan.nodes {
            let id = engine.add_node(&node.name, Host::new(kernel(node, &plan.hosts, plan.seed)));
            let plug = |(port, interface): (u32, &plan::Interface)| {
                let (here, there) = (sim::Plug::Node(id, Port(port)), sim::Plug::Switch(switches[interface.switch]));
                engine.connect(here, there, &interface.cable)
            };
            cables.push((0..).zip(&node.interfaces).map(plug).collect());
        }
        let logins = plan.nodes.iter().map(|_| BTreeMap::new()).collect();
        Lab { plan, engine, cables, logins, typed: Vec::new(), zero: Time::ZERO, stage: Stage::Timeline(Time::ZERO) }
    }

    /// The commands of the set-up, one after the other, and then some rest.
    fn run_setup(&mut self) -> Result<(), Failure> {
        for id in self.nodes() {
            for index in 0..self.plan.nodes[id.0 as usize].setup.len() {
                let line = self.plan.nodes[id.0 as usize].setup[index].clone();
                let job = self.type_in(self.engine.now(), id, Terminal::FIRST, &line);
                self.typed.push(Typed { at: None, node: id, line, job });
                self.wait_for(id, index)?;
            }
        }
        self.zero = self.engine.now() + SETTLING;
        self.engine.sink_mut().zero = self.zero;
        for id in self.nodes() {
            self.engine.node(id).with_kernel(|kernel| kernel.set_clock(self.zero));
        }
        self.engine.run_until(self.zero).map_err(|_| self.endless())
    }

    fn wait_for(&mut self, node: NodeId, index: usize) -> Result<(), Failure> {
        let patience = self.engine.now() + PATIENCE;
        let failed = |status, err| Failure::Setup { node, index, status, err };
        loop {
            self.engine.step().map_err(|_| self.endless())?;
            if !self.engine.node(node).is_busy() {
                break;
            }
            if self.engine.next_event().is_none_or(|next| next > patience) {
                return Err(failed(None, String::new()));
            }
        }
        let job = &self.engine.node(node).jobs(Terminal::FIRST)[index];
        match job.status {
            None | Some(0) => Ok(()),
            Some(_) if job.line.trim_end().ends_with('&') => Ok(()),
            Some(status) => Err(failed(Some(status), String::from_utf8_lossy(&job.err.borrow()).into_owned())),
        }
    }

    /// Hands everything on the timeline to the engine.
    fn schedule_timeline(&mut self) {
        // A terminal's jobs are numbered in the order of their times; the file may have another.
        let mut steps: Vec<_> = self.plan.timeline.clone().into_iter().enumerate().collect();
        steps.sort_by_key(|(_, step)| step.at);
        let mut typed = Vec::new();
        for (index, step) in &steps {
            typed.extend(self.schedule(step).map(|command| (*index, command)));
        }
        typed.sort_by_key(|(index, _)| *index);
        self.typed.extend(typed.into_iter().map(|(_, typed)| typed));
        self.stage = self.timeline();
    }

    /// Hands a step to the engine, as one event: the command that it is, if it is one.
    fn schedule(&mut self, step: &Step) -> Option<Typed> {
        let at = self.zero + step.at;
        match &step.action {
            Action::Run(node, terminal, line) => {
                let job = self.type_in(at, *node, *terminal, line);
                return Some(Typed { at: Some(step.at), node: *node, line: line.clone(), job });
            }
            Action::Cable(node, interface, plugged) => {
                self.engine.schedule_cable(at, self.cables[node.0 as usize][*interface], *plugged);
            }
            Action::Loss(node, interface, loss) => {
                self.engine.schedule_loss(at, self.cables[node.0 as usize][*interface], *loss);
            }
            Action::Crash(node) => self.engine.schedule_input(at, *node, Input::Crash),
            Action::Boot(node) => self.boot(at, *node),
            Action::Slow(node, delay, jitter) => {
                self.engine.schedule_input(at, *node, Input::Slow(*delay, *jitter));
            }
        }
        None
    }

    /// Puts a step at the end of the timeline; its time must not have passed.
    pub fn add(&mut self, step: Step) {
        let typed = self.schedule(&step);
        self.typed.extend(typed);
        self.plan.timeline.push(step);
        self.stage = self.timeline();
    }

    fn timeline(&self) -> Stage {
        let last = self.plan.timeline.iter().map(|step| step.at).max().unwrap_or_default();
        match self.plan.until {
            Some(until) => Stage::Timeline(self.zero + until + GRACE),
            None => Stage::Timeline(self.zero + last),
        }
    }

    /// Lets the next event on the way to the end of the run happen. False: this is the end.
    pub fn advance(&mut self) -> Result<bool, EventLimitReached> {
        loop {
            self.stage = match self.stage {
                Stage::Timeline(end) | Stage::Watched(end) if self.engine.step_until(end)? => return Ok(true),
                Stage::Timeline(end) => {
                    self.rest_until(end)?;
                    if self.plan.until.is_some() { Stage::Over } else { Stage::Busy(end) }
                }
                Stage::Busy(_) if self.is_busy() && self.engine.step()? => {
                    self.stage = Stage::Busy(self.engine.now());
                    return Ok(true);
                }
                Stage::Busy(last) => Stage::Watched(last + GRACE),
                Stage::Watched(end) => {
                    self.rest_until(end)?;
                    Stage::Landing
                }
                Stage::Landing if self.engine.frames_in_flight() > 0 && self.engine.step()? => return Ok(true),
                Stage::Landing | Stage::Over => {
                    self.stage = Stage::Over;
                    return Ok(false);
                }
            }
        }
    }

    /// Lets time pass in which nothing happens.
    pub fn rest_until(&mut self, at: Time) -> Result<(), EventLimitReached> {
        self.engine.run_until(at)
    }

    /// Whether the end of the run has come.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// A machine starts again: whoever was logged in is so no more.
    fn boot(&mut self, at: Time, id: NodeId) {
        let node = &self.plan.nodes[id.0 as usize];
        // Its chance is another one than the first time.
        let mut kernel = kernel(node, &self.plan.hosts, self.plan.seed.wrapping_add(at.as_nanos()));
        kernel.set_clock(self.zero);
        let logins = &mut self.logins[id.0 as usize];
        logins.values_mut().for_each(|login| login.session = Session::default());
        let login = logins.entry(Terminal::FIRST).or_default();
        let start_up = node.setup.iter().map(String::as_str).chain([SERVICES]);
        let jobs: Vec<Job> = start_up.map(|line| login.session.job_at(Terminal::FIRST, line)).collect();
        login.jobs += jobs.len();
        self.engine.schedule_input(at, id, Input::Boot(Box::new(kernel), jobs));
    }

    /// Whether a command in the foreground is still at work on any node.
    pub fn is_busy(&self) -> bool {
        self.nodes().any(|id| self.engine.node(id).is_busy())
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.plan.nodes.len() as u32).map(NodeId)
    }

    fn type_in(&mut self, at: Time, node: NodeId, terminal: Terminal, line: &str) -> JobId {
        let login = self.logins[node.0 as usize].entry(terminal).or_default();
        self.engine.schedule_input(at, node, Input::Run(login.session.job_at(terminal, line)));
        login.jobs += 1;
        JobId::new(terminal, login.jobs - 1)
    }

    /// How the machines are set up at this moment.
    pub fn survey(&self) -> Network {
        let machine = |id: NodeId| {
            let at = id.0 as usize;
            let host = self.engine.node(id);
            let mut machine = host.with_kernel(|kernel| super::survey::machine(&self.plan.nodes[at], kernel));
            if host.is_off() {
                super::survey::switch_off(&mut machine);
            }
            machine
        };
        Network {
            title: self.plan.title.clone(),
            switches: self.plan.switches.iter().map(|switch| switch.name.clone()).collect(),
            machines: self.nodes().map(machine).collect(),
        }
    }

    /// What it was built from, and what has been added since.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The engine.
    pub fn engine(&self) -> &Engine<Host, Trace> {
        &self.engine
    }

    /// The engine, to be driven.
    pub fn engine_mut(&mut self) -> &mut Engine<Host, Trace> {
        &mut self.engine
    }

    /// Everything that has happened until now.
    pub fn trace(&self) -> &Trace {
        self.engine.sink()
    }

    /// The scenario's time zero.
    pub fn zero(&self) -> Time {
        self.zero
    }

    fn endless(&mut self) -> Failure {
        Failure::Endless { events: self.engine.events(), trace: Box::new(self.take_trace()) }
    }

    fn outcome(mut self, network: Network) -> Outcome {
        let steps = self.steps();
        let logs = self.logs();
        let length = self.engine.now().since(self.zero);
        Outcome { steps, trace: self.take_trace(), logs, length, network }
    }

    fn logs(&self) -> Vec<(String, String)> {
        let nodes = self.plan.nodes.iter().enumerate();
        let log = |(place, node): (usize, &plan::Node)| {
            let read = |kernel: &mut Kernel| kernel.read_path(KEEPALIVED_LOG).ok();
            let bytes = self.engine.node(NodeId(place as u32)).with_kernel(read)?;
            Some((format!("{}-keepalived", node.name), String::from_utf8_lossy(&bytes).into_owned()))
        };
        nodes.filter_map(log).collect()
    }

    fn take_trace(&mut self) -> Trace {
        std::mem::take(self.engine.sink_mut())
    }

    /// What came of the commands.
    fn steps(&self) -> Steps {
        let (title, kernel) = (self.plan.title.clone(), format!("lvslab {}", env!("CARGO_PKG_VERSION")));
        let steps = self.typed.iter().map(|typed| self.step_result(typed)).collect();
        Steps { title, epoch: EPOCH.as_secs(), kernel, steps }
    }

    fn step_result(&self, typed: &Typed) -> StepResult {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // Times of the set-up would be before the clock's zero.
        let seconds =
            |time: Option<Time>| time.filter(|_| typed.at.is_some()).map(|time| rounded(time.since(self.zero)));
        let job = self.engine.node(typed.node).jobs(typed.job.terminal).get(typed.job.number());
        StepResult {
            at: typed.at.map(Span::as_secs_f64),
            node: self.plan.nodes[typed.node.0 as usize].name.clone(),
            cmd: typed.line.clone(),
            began: seconds(job.and_then(|job| job.began)),
            ended: seconds(job.and_then(|job| job.ended)),
            rc: job.and_then(|job| job.status).unwrap_or(UNFINISHED),
            out: job.map_or(String::new(), |job| text(&job.out.borrow())),
            err: job.map_or(String::new(), |job| text(&job.err.borrow())),
        }
    }
}

/// Seconds to six places, as they are worth showing.
fn rounded(span: Span) -> f64 {
    (span.as_nanos() / 1_000) as f64 / 1e6
}

fn kernel(node: &plan::Node, hosts: &[(String, Ipv4Addr)], seed: u64) -> Kernel {
    let mut kernel = Kernel::new(&node.name, seed);
    for (name, address) in hosts {
        // A full disk is the only error, and the node's own files come later.
        let _ = kernel.files().write("/etc/hosts", format!("{address}\t{name}\n").as_bytes(), true);
    }
    for (path, text) in &node.files {
        kernel.files().install(path, text.as_bytes());
    }
    for (port, interface) in (0..).map(Port).zip(&node.interfaces) {
        let index = kernel.add_interface(&interface.name, interface.mac, interface.mtu, port);
        // The lab's machines have booted: what is plugged in is switched on.
        kernel.set_interface_up(index, true).expect("the interface was just added");
    }
    kernel
}

fn cast(plan: &Plan) -> Cast {
    let plug = |interface: &plan::Interface| Plug { name: interface.name.clone(), mac: interface.mac };
    let member =
        |node: &plan::Node| Member { name: node.name.clone(), interfaces: node.interfaces.iter().map(plug).collect() };
    let switches = plan.switches.iter().map(|switch| switch.name.clone()).collect();
    Cast { nodes: plan.nodes.iter().map(member).collect(), switches }
}

impl Outcome {
    /// The captures: a name like "client-eth0" and the frames, for every interface.
    pub fn captures(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.trace.cast.interfaces().map(|(node, port, member, plug)| {
            (format!("{}-{}", member.name, plug.name), crate::trace::pcap::write(&self.trace, node, port))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Verdict, judge, load};

    fn ran(setup: &str, timeline: &str, rest: &str) -> Outcome {
        judged(setup, timeline, rest).0
    }

    fn judged(setup: &str, timeline: &str, rest: &str) -> (Outcome, Vec<Verdict>) {
        let text = format!(
            r#"Scenario(
                title: "a run",
                switches: ["lan"],
                nodes: {{
                    "a": (interfaces: {{ "eth0": "lan" }}, setup: [{setup}]),
                    "b": (interfaces: {{ "eth0": "lan" }}, setup: ["echo b"]),
                }},
                timeline: [{timeline}],
                {rest}
            )"#
        );
        let plan = load(&text).unwrap();
        let outcome = run(&plan, Options::default()).unwrap();
        let verdicts = judge(&plan, &outcome);
        (outcome, verdicts)
    }

    /// Of each command: when it began and ended, and with which status.
    fn told(outcome: &Outcome) -> Vec<(&str, Option<f64>, Option<f64>, i32)> {
        outcome.steps.steps.iter().map(|step| (&*step.cmd, step.began, step.ended, step.rc)).collect()
    }

    #[test]
    fn a_nodes_later_step_waits_for_its_earlier_one() {
        let outcome = ran(
            r#""sleep 1", "echo a""#,
            r#"(at: "2s", node: "a", run: "echo late"),
               (at: "1s", node: "a", run: "sleep 3"),
               (at: "1.5s", node: "b", run: "false")"#,
            "",
        );
        let expected = [
            ("sleep 1", None, None, 0),
            ("echo a", None, None, 0),
            ("echo b", None, None, 0),
            // In the file's order, whatever the times.
            ("echo late", Some(4.0), Some(4.0), 0),
            ("sleep 3", Some(1.0), Some(4.0), 0),
            ("false", Some(1.5), Some(1.5), 1),
        ];
        assert_eq!(told(&outcome), expected);
    }

    #[test]
    fn what_is_in_the_background_does_not_hold_up_the_end() {
        let outcome = ran(r#""sleep 100 &""#, r#"(at: "1s", node: "a", run: "sleep 100 &")"#, "");
        let unfinished: Vec<_> = told(&outcome).into_iter().filter(|(.., rc)| *rc == UNFINISHED).collect();
        assert_eq!(unfinished, [("sleep 100 &", None, None, -15), ("sleep 100 &", Some(1.0), None, -15)]);
    }

    #[test]
    fn until_ends_what_is_still_running() {
        let outcome = ran(
            "",
            r#"(at: "1s", node: "a", run: "sleep 100"), (at: "2s", node: "a", run: "true")"#,
            r#"until: "3s","#,
        );
        assert_eq!(told(&outcome)[1..], [("sleep 100", Some(1.0), None, -15), ("true", None, None, -15)]);
    }

    #[test]
    fn after_a_boot_there_are_files_the_setup_and_what_is_enabled() {
        let outcome = ran(
            r#""ip addr add 10.0.0.1/24 dev eth0""#,
            r#"(at: "1s", node: "a", run: "x=1; echo kept > kept; ip addr add 10.0.0.9/24 dev eth0; sleep 100 &"),
               (at: "1s", node: "a", run: "systemctl enable keepalived; echo > /etc/keepalived/keepalived.conf"),
               (at: "2s", fault: Crash("a")),
               (at: "3s", node: "a", run: "echo nobody hears it"),
               (at: "4s", fault: Boot("a")),
               (at: "5s", node: "a", run: "cat kept; echo [$x]; ip -br addr show eth0; pidof sleep"),
               (at: "5s", node: "a", run: "systemctl is-active keepalived")"#,
            "",
        );
        let [.., late, on, active] = &outcome.steps.steps[..] else { panic!() };
        assert_eq!((late.began, late.rc), (None, UNFINISHED));
        assert_eq!(on.out, "kept\n[]\neth0             UP             10.0.0.1/24 \n");
        assert_eq!(active.out, "active\n");
    }

    #[test]
    fn a_machine_that_boots_knows_that_its_cable_is_cut() {
        let outcome = ran(
            r#""ip addr add 10.0.0.1/24 dev eth0""#,
            r#"(at: "1s", fault: LinkDown("a.eth0")), (at: "2s", fault: Crash("a")), (at: "3s", fault: Boot("a")),
               (at: "4s", node: "a", run: "ip -br link show eth0"), (at: "5s", fault: LinkUp("a.eth0")),
               (at: "6s", node: "a", run: "ip -br link show eth0")"#,
            "",
        );
        let [.., cut, whole] = &outcome.steps.steps[..] else { panic!() };
        assert!(cut.out.contains("NO-CARRIER"), "{}", cut.out);
        assert!(whole.out.contains("LOWER_UP"), "{}", whole.out);
    }

    #[test]
    fn on_a_slow_machine_everything_takes_its_time() {
        let outcome = ran(
            "",
            r#"(at: "1s", fault: Slow(node: "a", delay: "2s")), (at: "1s", node: "a", run: "sleep 1"),
               (at: "6s", fault: Slow(node: "a")), (at: "7s", node: "a", run: "sleep 1")"#,
            "",
        );
        // It waits once to begin, and once when it could go on.
        assert_eq!(told(&outcome)[1..], [("sleep 1", Some(1.0), Some(6.0), 0), ("sleep 1", Some(7.0), Some(8.0), 0)]);
    }

    #[test]
    fn a_cable_may_work_one_way_only() {
        let (_, verdicts) = judged(
            r#""ip addr add 10.0.0.1/24 dev eth0""#,
            r#"(at: "1s", fault: Lossy(on: "b.eth0", out: 1.0)), (at: "1s", node: "a", run: "arping -c 1 -I eth0 10.0.0.2")"#,
            r#"expect: [
                Frames(on: "b.eth0", filter: "in and arp", say: "it hears"),
                Frames(on: "a.eth0", filter: "in", at_most: 0, say: "and is not heard"),
                Silence(on: "b.eth0", filter: "in and arp", from: "0s", to: "1.5s", at_least: "1s", at_most: "1.001s", say: ""),
                Holders(of: "10.0.0.1", at: "1s", are: ["a"], say: ""),
            ],"#,
        );
        assert!(verdicts.iter().all(|verdict| verdict.held), "{verdicts:?}");
    }

    #[test]
    fn a_setup_that_fails_is_the_end() {
        let text =
            r#"Scenario(title: "t", nodes: { "a": (setup: ["true", "false || true", "false & ", "ls /none"]) })"#;
        let failure = run(&load(text).unwrap(), Options::default()).unwrap_err();
        let Failure::Setup { index, status, err, .. } = failure else { panic!("{failure:?}") };
        assert_eq!((index, status), (3, Some(2)));
        assert!(err.contains("/none"), "{err}");
    }
}
