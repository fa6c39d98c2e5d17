//! The lab: hosts and switches, built from a plan, and the run through its steps.

use crate::host::{Host, Input, Kernel};
use crate::ids::NodeId;
use crate::shell::Session;
use crate::time::{Span, Time};
use crate::trace::{Cast, EPOCH, Member, Plug, Trace};

use super::plan::{self, Action, Plan};
use super::steps::{StepResult, Steps, UNFINISHED};
use super::wires::Wires;

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
        Options { max_events: 50_000_000 }
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

/// Why a run did not come to its end.
#[derive(Clone, Debug)]
pub enum Failure {
    /// A command of the set-up failed.
    Setup {
        /// On which node.
        node: NodeId,
        /// The place of the command in its set-up.
        index: usize,
        /// Its exit status; none if it did not end in time.
        status: Option<i32>,
        /// What it wrote to standard error.
        err: String,
    },
    /// More happened than was allowed.
    Endless {
        /// How many events that were.
        events: u64,
        /// Everything that happened until then.
        trace: Box<Trace>,
    },
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
    options: Options,
    wires: Wires,
    sessions: Vec<Session>,
    zero: Time,
}

impl<'a> Lab<'a> {
    fn new(plan: &'a Plan, options: Options) -> Lab<'a> {
        let hosts: Vec<_> = plan.nodes.iter().map(|node| host(node, plan.seed)).collect();
        let mut wires = Wires::new(hosts, plan.switches.len());
        for (node, it) in plan.nodes.iter().enumerate() {
            for (port, interface) in (0..).zip(&it.interfaces) {
                wires.plug(node, port, interface.switch);
            }
        }
        Lab { plan, options, wires, sessions: vec![Session::default(); plan.nodes.len()], zero: Time::ZERO }
    }

    /// The commands of the set-up, one after the other, and then some rest.
    fn set_up(&mut self) -> Result<(), Failure> {
        for (id, node) in (0..).map(NodeId).zip(&self.plan.nodes) {
            for (index, line) in node.setup.iter().enumerate() {
                self.type_in(self.wires.now, id, line);
                self.wait_for(id, index)?;
            }
        }
        self.zero = self.wires.now + SETTLING;
        self.run_until(self.zero)
    }

    fn wait_for(&mut self, node: NodeId, index: usize) -> Result<(), Failure> {
        let host = node.0 as usize;
        let patience = self.wires.now + PATIENCE;
        let failed = |status, err| Failure::Setup { node, index, status, err };
        loop {
            self.step()?;
            if !self.wires.hosts[host].is_busy() {
                break;
            }
            if self.wires.next().is_none_or(|next| next > patience) {
                return Err(failed(None, String::new()));
            }
        }
        let job = &self.wires.hosts[host].jobs()[index];
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
                Action::Cable(..) | Action::Crash(_) => {}
            }
        }
        if let Some(until) = self.plan.until {
            return self.run_until(self.zero + until + GRACE);
        }
        let last = self.plan.timeline.iter().map(|step| step.at).max().unwrap_or_default();
        self.run_until(self.zero + last)?;
        while self.wires.hosts.iter().any(Host::is_busy) && self.wires.next().is_some() {
            self.step()?;
        }
        self.run_until(self.wires.now + GRACE)?;
        while self.wires.in_flight() {
            self.step()?;
        }
        Ok(())
    }

    fn type_in(&mut self, at: Time, node: NodeId, line: &str) {
        let job = self.sessions[node.0 as usize].job(line);
        self.wires.input(at, node, Input::Run(job));
    }

    fn run_until(&mut self, end: Time) -> Result<(), Failure> {
        while self.wires.next().is_some_and(|next| next <= end) {
            self.step()?;
        }
        self.wires.now = end;
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        if self.wires.handled >= self.options.max_events {
            let trace = Box::new(self.trace());
            return Err(Failure::Endless { events: self.wires.handled, trace });
        }
        self.wires.step();
        Ok(())
    }

    fn outcome(mut self) -> Outcome {
        let steps = self.steps();
        Outcome { steps, trace: self.trace() }
    }

    fn trace(&mut self) -> Trace {
        let records = std::mem::take(&mut self.wires.records);
        Trace { cast: cast(self.plan), zero: self.zero, records }
    }

    /// What came of the commands, in the order in which the file names them.
    fn steps(&self) -> Steps {
        let mut steps = Vec::new();
        for (host, node) in self.plan.nodes.iter().enumerate() {
            for job in 0..node.setup.len() {
                steps.push(self.step_result(host, job, None));
            }
        }
        // A node's jobs are numbered in the order of their times; the file may have another.
        let mut order: Vec<_> = (0..self.plan.timeline.len()).collect();
        order.sort_by_key(|&index| self.plan.timeline[index].at);
        let mut given: Vec<_> = self.plan.nodes.iter().map(|node| node.setup.len()).collect();
        let mut jobs = vec![None; self.plan.timeline.len()];
        for index in order {
            if let Action::Run(node, _) = &self.plan.timeline[index].action {
                let host = node.0 as usize;
                jobs[index] = Some((host, given[host]));
                given[host] += 1;
            }
        }
        for (step, job) in self.plan.timeline.iter().zip(jobs) {
            if let Some((host, job)) = job {
                steps.push(self.step_result(host, job, Some(step.at)));
            }
        }
        let (title, kernel) = (self.plan.title.clone(), format!("lvslab {}", env!("CARGO_PKG_VERSION")));
        Steps { title, epoch: EPOCH.as_secs(), kernel, steps }
    }

    fn step_result(&self, host: usize, job: usize, at: Option<Span>) -> StepResult {
        let node = &self.plan.nodes[host];
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // Times of the set-up would be before the clock's zero.
        let seconds = |time: Option<Time>| time.filter(|_| at.is_some()).map(|time| rounded(time.since(self.zero)));
        let result = self.wires.hosts[host].jobs().get(job);
        StepResult {
            at: at.map(Span::as_secs_f64),
            node: node.name.clone(),
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

fn host(node: &plan::Node, _seed: u64) -> Host {
    let mut kernel = Kernel::default();
    kernel.name.clone_from(&node.name);
    for (path, text) in &node.files {
        kernel.files().install(path, text.as_bytes());
    }
    Host::new(kernel)
}

fn cast(plan: &Plan) -> Cast {
    let plug = |interface: &plan::Interface| Plug { name: interface.name.clone(), mac: interface.mac };
    let member =
        |node: &plan::Node| Member { name: node.name.clone(), interfaces: node.interfaces.iter().map(plug).collect() };
    Cast { nodes: plan.nodes.iter().map(member).collect() }
}

impl Outcome {
    /// The captures: a name like "client-eth0" and the frames, for every interface.
    pub fn captures(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.trace.cast.interfaces().map(|(node, port, member, plug)| {
            (format!("{}-{}", member.name, plug.name), crate::trace::pcap::write(&self.trace, node, port))
        })
    }
}
