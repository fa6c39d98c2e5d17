//! The lab: hosts and switches, built from a plan, and the run through its steps.

use crate::host::{Host, Input, Kernel};
use crate::ids::{LinkId, NodeId, Port};
use crate::shell::Session;
use crate::sim::{self, Engine};
use crate::time::{Span, Time};
use crate::trace::{Cast, EPOCH, Member, Plug, Recorder, Trace};

use super::failure::Failure;
use super::plan::{self, Action, Plan};
use super::steps::{StepResult, Steps, UNFINISHED};

/// How long the lab is left alone between the set-up and time 0, so that what the set-up has begun comes to rest.
const SETTLING: Span = Span::from_secs(2);
/// How much longer the lab is watched when everything is done: closing handshakes and delayed acknowledgements end in it.
const GRACE: Span = Span::from_millis(600);
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
}

/// Runs a plan from beginning to end.
///
/// # Errors
///
/// If a command of the set-up fails, or more happens than the options allow.
pub fn run(plan: &Plan, options: Options) -> Result<Outcome, Failure> {
    let mut lab = Lab::new(plan, options);
    lab.set_up()?;
    lab.play()?;
    Ok(lab.outcome())
}

struct Lab<'a> {
    plan: &'a Plan,
    engine: Engine<Host, Recorder>,
    /// The cable of each interface of each node.
    cables: Vec<Vec<LinkId>>,
    sessions: Vec<Session>,
    zero: Time,
}

impl<'a> Lab<'a> {
    fn new(plan: &'a Plan, options: Options) -> Lab<'a> {
        let mut engine = Engine::new(plan.seed, Recorder::default());
        engine.set_event_limit(options.max_events);
        let switches: Vec<_> =
            plan.switches.iter().map(|switch| engine.add_switch(&switch.name, switch.options.clone())).collect();
        let mut cables = Vec::new();
        for node in &plan.nodes {
            let id = engine.add_node(&node.name, host(node, plan.seed));
            let plug = |(port, interface): (u32, &plan::Interface)| {
                let (here, there) = (sim::Plug::Node(id, Port(port)), sim::Plug::Switch(switches[interface.switch]));
                engine.connect(here, there, &interface.cable)
            };
            cables.push((0..).zip(&node.interfaces).map(plug).collect());
        }
        Lab { plan, engine, cables, sessions: vec![Session::default(); plan.nodes.len()], zero: Time::ZERO }
    }

    /// The commands of the set-up, one after the other, and then some rest.
    fn set_up(&mut self) -> Result<(), Failure> {
        for (id, node) in (0..).map(NodeId).zip(&self.plan.nodes) {
            for (index, line) in node.setup.iter().enumerate() {
                self.type_in(self.engine.now(), id, line);
                self.wait_for(id, index)?;
            }
        }
        self.zero = self.engine.now() + SETTLING;
        self.run_until(self.zero)
    }

    fn wait_for(&mut self, node: NodeId, index: usize) -> Result<(), Failure> {
        let patience = self.engine.now() + PATIENCE;
        let failed = |status, err| Failure::Setup { node, index, status, err };
        loop {
            self.step()?;
            if !self.engine.node(node).is_busy() {
                break;
            }
            if self.engine.next_event().is_none_or(|next| next > patience) {
                return Err(failed(None, String::new()));
            }
        }
        let job = &self.engine.node(node).jobs()[index];
        match job.status {
            None | Some(0) => Ok(()),
            Some(_) if job.line.trim_end().ends_with('&') => Ok(()),
            Some(status) => Err(failed(Some(status), String::from_utf8_lossy(&job.err.borrow()).into_owned())),
        }
    }

    /// The timeline, from its zero to the end of the run.
    fn play(&mut self) -> Result<(), Failure> {
        let mut steps: Vec<_> = self.plan.timeline.iter().collect();
        steps.sort_by_key(|step| step.at);
        for step in steps {
            let at = self.zero + step.at;
            match &step.action {
                Action::Run(node, line) => self.type_in(at, *node, line),
                Action::Cable(node, interface, plugged) => {
                    self.engine.schedule_cable(at, self.cables[node.0 as usize][*interface], *plugged);
                }
                Action::Crash(node) => {
                    for &cable in &self.cables[node.0 as usize] {
                        self.engine.schedule_cable(at, cable, false);
                    }
                }
            }
        }
        if let Some(until) = self.plan.until {
            return self.run_until(self.zero + until + GRACE);
        }
        let last = self.plan.timeline.iter().map(|step| step.at).max().unwrap_or_default();
        self.run_until(self.zero + last)?;
        while self.is_busy() && self.step()? {}
        self.run_until(self.engine.now() + GRACE)?;
        while self.engine.frames_in_flight() > 0 && self.step()? {}
        Ok(())
    }

    /// Whether a command in the foreground is still at work on any node.
    fn is_busy(&self) -> bool {
        (0..).map(NodeId).zip(&self.plan.nodes).any(|(id, _)| self.engine.node(id).is_busy())
    }

    fn type_in(&mut self, at: Time, node: NodeId, line: &str) {
        let job = self.sessions[node.0 as usize].job(line);
        self.engine.schedule_input(at, node, Input::Run(job));
    }

    fn run_until(&mut self, end: Time) -> Result<(), Failure> {
        self.engine.run_until(end).map_err(|_| self.endless())
    }

    fn step(&mut self) -> Result<bool, Failure> {
        self.engine.step().map_err(|_| self.endless())
    }

    fn endless(&mut self) -> Failure {
        Failure::Endless { events: self.engine.events(), trace: Box::new(self.trace()) }
    }

    fn outcome(mut self) -> Outcome {
        let steps = self.steps();
        Outcome { steps, trace: self.trace() }
    }

    fn trace(&mut self) -> Trace {
        let records = std::mem::take(&mut self.engine.sink_mut().records);
        Trace { cast: cast(self.plan), zero: self.zero, records }
    }

    /// What came of the commands, in the order in which the file names them.
    fn steps(&self) -> Steps {
        let mut steps = Vec::new();
        for (id, node) in (0..).map(NodeId).zip(&self.plan.nodes) {
            for job in 0..node.setup.len() {
                steps.push(self.step_result(id, job, None));
            }
        }
        // A node's jobs are numbered in the order of their times; the file may have another.
        let mut order: Vec<_> = (0..self.plan.timeline.len()).collect();
        order.sort_by_key(|&index| self.plan.timeline[index].at);
        let mut given: Vec<_> = self.plan.nodes.iter().map(|node| node.setup.len()).collect();
        let mut jobs = vec![None; self.plan.timeline.len()];
        for index in order {
            if let Action::Run(node, _) = &self.plan.timeline[index].action {
                let given = &mut given[node.0 as usize];
                jobs[index] = Some((*node, *given));
                *given += 1;
            }
        }
        for (step, job) in self.plan.timeline.iter().zip(jobs) {
            if let Some((node, job)) = job {
                steps.push(self.step_result(node, job, Some(step.at)));
            }
        }
        let (title, kernel) = (self.plan.title.clone(), format!("lvslab {}", env!("CARGO_PKG_VERSION")));
        Steps { title, epoch: EPOCH.as_secs(), kernel, steps }
    }

    fn step_result(&self, node: NodeId, job: usize, at: Option<Span>) -> StepResult {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // Times of the set-up would be before the clock's zero.
        let seconds = |time: Option<Time>| time.filter(|_| at.is_some()).map(|time| rounded(time.since(self.zero)));
        let result = self.engine.node(node).jobs().get(job);
        StepResult {
            at: at.map(Span::as_secs_f64),
            node: self.plan.nodes[node.0 as usize].name.clone(),
            cmd: result.map_or(String::new(), |job| job.line.clone()),
            began: seconds(result.and_then(|job| job.began)),
            ended: seconds(result.and_then(|job| job.ended)),
            rc: result.and_then(|job| job.status).unwrap_or(UNFINISHED),
            out: result.map_or(String::new(), |job| text(&job.out.borrow())),
            err: result.map_or(String::new(), |job| text(&job.err.borrow())),
        }
    }
}

/// Seconds to six places, as they are worth showing.
fn rounded(span: Span) -> f64 {
    (span.as_nanos() / 1_000) as f64 / 1e6
}

fn host(node: &plan::Node, seed: u64) -> Host {
    let mut kernel = Kernel::new(&node.name, seed);
    for (path, text) in &node.files {
        kernel.files().install(path, text.as_bytes());
    }
    for (port, interface) in (0..).map(Port).zip(&node.interfaces) {
        let index = kernel.add_interface(&interface.name, interface.mac, interface.mtu, port);
        // The lab's machines have booted: what is plugged in is switched on.
        kernel.set_interface_up(index, true).expect("the interface was just added");
    }
    Host::new(kernel)
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
