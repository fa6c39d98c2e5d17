//! A run under somebody's hands: it goes on until something happens, stops, takes commands, and goes back.
//!
//! A session is a plan and a moment of its run. What is done by hand at a moment becomes a step of the plan's timeline
//! at that moment, so the session can be saved as a scenario, whose run is the same.
//!
//! **Going back** runs the lab again from its set-up to the moment that is wanted, since programs are futures, which
//! nobody can copy. It costs what the run to that moment has cost, some hundred thousand events a second.
//!
//! **Looking around changes nothing.** What is typed by hand is typed at a terminal of its own (from the second on): no
//! command of the scenario waits for it, and neither jobs nor processes of the first terminal are numbered otherwise. It
//! happens a nanosecond after the last event, at a time of its own, where it comes before nobody and after nobody else.

mod goal;
#[cfg(test)]
mod tests;

pub use goal::{BadGoal, Goal};

use std::ops::Range;

use crate::host::Host;
use crate::ids::{JobId, NodeId, Terminal};
use crate::scenario::plan::{Action, Step};
use crate::scenario::{self, Failure, Lab, Options, Plan};
use crate::time::{Span, Time};
use crate::topo::Network;
use crate::trace::Trace;

/// A run that somebody holds in hand.
pub struct Session {
    lab: Lab,
    options: Options,
    /// The events that have left records, in order.
    marks: Vec<Mark>,
    /// How many events there were before time zero.
    before: u64,
    /// How many steps the scenario itself has.
    own_steps: usize,
    /// What has been done by hand, in order.
    deeds: Vec<Deed>,
    /// The run has come to its end, and was asked to go on.
    is_beyond: bool,
    /// How often it has been run anew.
    replays: u64,
}

/// An event that left records.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The event was the so manieth after time zero.
    events: u64,
    at: Time,
    /// Whether a frame was sent or lost.
    sent: bool,
}

/// Something that was done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Before anything of the timeline: it stands at its beginning.
    First,
    /// Later: it stands at the end of the timeline.
    Later,
}

/// What a step back is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Events in which a frame is sent or lost.
    Frames,
    /// Events of which there is anything to tell.
    Events,
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// What was wanted has happened.
    Reached,
    /// The scenario is over. Whoever asks again goes on beyond its end.
    End,
    /// Nothing will ever happen again.
    Silence,
    /// More events than the options allow have not led there.
    Exhausted,
}

/// A moment of the run.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After so many events, at this time.
    After(u64, Time),
    /// When nothing of this time has happened.
    Before(Time),
}

impl Session {
    /// Sets a plan's lab up and stops at time zero, before the first step of the timeline.
    ///
    /// # Errors
    ///
    /// If the set-up fails.
    pub fn begin(plan: Plan, options: Options) -> Result<Session, Failure> {
        let own_steps = plan.timeline.len();
        let lab = Lab::set_up(plan, options)?;
        let before = lab.engine().events();
        Ok(Session {
            lab,
            options,
            marks: Vec::new(),
            before,
            own_steps,
            deeds: Vec::new(),
            is_beyond: false,
            replays: 0,
        })
    }

    /// The scenario, and what has been done by hand since.
    pub fn plan(&self) -> &Plan {
        self.lab.plan()
    }

    /// Everything that has happened until now, the set-up included.
    pub fn trace(&self) -> &Trace {
        self.lab.trace()
    }

    /// How often the run has been repeated from its beginning; the trace is a new one each time.
    pub fn replays(&self) -> u64 {
        self.replays
    }

    /// What time it is, from the scenario's zero.
    pub fn now(&self) -> Span {
        self.lab.engine().now().since(self.lab.zero())
    }

    /// A machine as it is now.
    pub fn host(&self, node: NodeId) -> &Host {
        self.lab.engine().node(node)
    }

    /// The network as it is now.
    pub fn network(&self) -> Network {
        self.lab.survey()
    }

    /// The moment as machines count it.
    pub fn clock(&self) -> Time {
        self.lab.engine().now()
    }

    /// Whether a command in the foreground is at work on any node.
    pub fn is_busy(&self) -> bool {
        self.lab.is_busy()
    }

    /// Goes on until something happens, or the scenario is over.
    pub fn go(&mut self, goal: &Goal) -> Halt {
        self.allow_events();
        self.is_beyond |= self.is_over() && !matches!(goal, Goal::End);
        self.try_go(goal).unwrap_or(Halt::Exhausted)
    }

    /// Whoever steps on may have as many events again as a whole run.
    fn allow_events(&mut self) {
        let allowed = self.plan().max_events.unwrap_or(self.options.max_events);
        let limit = self.lab.engine().events().saturating_add(allowed);
        self.lab.engine_mut().set_event_limit(limit);
    }

    fn try_go(&mut self, goal: &Goal) -> Result<Halt, Stuck> {
        let mut goal = goal.clone();
        if let Goal::Time(at) = goal {
            let until = self.lab.zero() + at;
            while self.lab.engine().next_event().is_some_and(|next| next <= until) {
                self.event_anywhere()?;
            }
            self.lab.rest_until(until).map_err(|_| Stuck)?;
            return Ok(Halt::Reached);
        }
        loop {
            let from = self.trace().records().len();
            if goal.is_done(self) {
                return Ok(Halt::Reached);
            }
            if !self.event()? {
                let silent = self.is_beyond && self.lab.engine().next_event().is_none();
                return Ok(if silent { Halt::Silence } else { Halt::End });
            }
            if self.trace().records().len() > from && goal.is_met(self.trace(), from) {
                return Ok(Halt::Reached);
            }
        }
    }

    /// Whether the scenario has come to its end.
    pub fn is_over(&self) -> bool {
        self.lab.is_over()
    }

    /// Lets one event happen; if the scenario is over, only if it was asked to go on. False: there was none.
    fn event(&mut self) -> Result<bool, Stuck> {
        let from = self.trace().records().len();
        let happened = if self.is_beyond { self.lab.engine_mut().step() } else { self.lab.advance() };
        let happened = happened.map_err(|_| Stuck)?;
        if self.trace().records().len() > from {
            let sent = self.trace().records_from(from).any(|record| record.event.is_sent_or_lost());
            let (events, at) = (self.events(), self.lab.engine().now());
            self.marks.push(Mark { events, at, sent });
        }
        Ok(happened)
    }

    /// Lets one event happen, be the scenario over or not.
    fn event_anywhere(&mut self) -> Result<bool, Stuck> {
        if self.event()? {
            return Ok(true);
        }
        let was_within = !std::mem::replace(&mut self.is_beyond, true);
        if was_within { self.event() } else { Ok(false) }
    }

    /// How many events there have been since time zero.
    fn events(&self) -> u64 {
        self.lab.engine().events() - self.before
    }

    /// Goes back by so many frames or events, at most to time zero.
    ///
    /// # Errors
    ///
    /// If the set-up fails, which it has not done before.
    pub fn back(&mut self, count: usize, unit: Unit) -> Result<(), Failure> {
        let (events, now) = (self.events(), self.lab.engine().now());
        let earlier = |mark: &&Mark| (mark.events, mark.at) < (events, now) && (unit == Unit::Events || mark.sent);
        let wanted = self.marks.iter().rev().filter(earlier).nth(count.saturating_sub(1));
        let moment = wanted.map_or(Moment::After(0, self.lab.zero()), |mark| Moment::After(mark.events, mark.at));
        self.replay(moment)
    }

    /// Goes to this time, forward or back.
    ///
    /// # Errors
    ///
    /// If the set-up fails, which it has not done before.
    pub fn jump(&mut self, at: Span) -> Result<Halt, Failure> {
        if at < self.now() {
            self.replay(Moment::After(0, self.lab.zero()))?;
        }
        Ok(if at == Span::ZERO { Halt::Reached } else { self.go(&Goal::Time(at)) })
    }

    /// Runs the plan anew until this moment.
    fn replay(&mut self, moment: Moment) -> Result<(), Failure> {
        let plan = self.lab.plan().clone();
        self.rebuild(plan, moment)
    }

    fn rebuild(&mut self, plan: Plan, moment: Moment) -> Result<(), Failure> {
        self.lab = Lab::set_up(plan, self.options)?;
        self.marks.clear();
        self.replays += 1;
        self.is_beyond = false;
        self.lab.engine_mut().set_event_limit(u64::MAX);
        // What has happened once happens again: no event is missing on the way.
        match moment {
            Moment::After(events, at) => {
                while self.events() < events && self.event_anywhere().is_ok_and(|happened| happened) {}
                if self.lab.engine().now() < at {
                    let _ = self.lab.rest_until(at);
                }
            }
            Moment::Before(at) => {
                let is_earlier = |session: &Session| session.lab.engine().next_event().is_some_and(|next| next < at);
                while is_earlier(self) && self.event_anywhere().is_ok_and(|happened| happened) {}
            }
        }
        Ok(())
    }

    /// Types a command at a node, now; it has begun when this returns. The terminal is the first that is free, and at
    /// which the scenario itself types nothing.
    ///
    /// # Errors
    ///
    /// If the set-up fails, which it has not done before.
    pub fn type_in(&mut self, node: NodeId, line: &str) -> Result<JobId, Failure> {
        let first = self.firsts();
        let own = &self.plan().timeline[first..first + self.own_steps];
        let is_own = |terminal: Terminal| {
            own.iter().any(|step| matches!(step.action, Action::Run(at, its, _) if (at, its) == (node, terminal)))
        };
        let is_free = |terminal: &Terminal| !self.host(node).is_busy_at(*terminal) && !is_own(*terminal);
        let terminal = (2..=u16::MAX).map(Terminal).find(is_free).unwrap_or(Terminal(u16::MAX));
        self.act(Action::Run(node, terminal, line.to_owned()))?;
        Ok(JobId::new(terminal, self.host(node).jobs(terminal).len().saturating_sub(1)))
    }

    /// Does something to the lab, now.
    ///
    /// # Errors
    ///
    /// If the set-up fails, which it has not done before.
    pub fn act(&mut self, action: Action) -> Result<(), Failure> {
        if self.is_at_start() {
            let mut plan = self.plan().clone();
            plan.timeline.insert(self.firsts(), Step { at: Span::ZERO, action });
            self.deeds.push(Deed::First);
            return self.rebuild(plan, self.after_firsts());
        }
        self.act_later(action)
    }

    fn act_later(&mut self, action: Action) -> Result<(), Failure> {
        let moment = self.free_moment();
        let step = Step { at: moment.since(self.lab.zero()), action };
        self.deeds.push(Deed::Later);
        // Commands of a terminal are handed to it in the order of their times: one that comes before another has to
        // be there from the start.
        if self.plan().timeline.iter().any(|other| other.at > step.at && depends(&other.action, &step.action)) {
            let mut plan = self.plan().clone();
            plan.timeline.push(step);
            self.rebuild(plan, Moment::Before(moment + Span::from_nanos(1)))?;
            let _ = self.lab.rest_until(moment);
            return Ok(());
        }
        self.lab.add(step);
        self.is_beyond = false;
        // The limit on events was set with room for this one.
        let _ = self.event();
        Ok(())
    }

    /// Whether nothing has happened since time zero but what was done by hand.
    fn is_at_start(&self) -> bool {
        self.events() == self.firsts() as u64 && self.now() == Span::ZERO
    }

    /// How many of the deeds stand at the timeline's beginning. Each is one event, the first ones after time zero.
    fn firsts(&self) -> usize {
        self.deeds.iter().filter(|deed| **deed == Deed::First).count()
    }

    fn after_firsts(&self) -> Moment {
        Moment::After(self.firsts() as u64, self.lab.zero())
    }

    /// The next moment at which nothing else happens. All that happens before has happened.
    fn free_moment(&mut self) -> Time {
        self.allow_events();
        let mut moment = self.lab.engine().now();
        loop {
            while self.lab.engine().next_event().is_some_and(|next| next <= moment)
                && self.event_anywhere().is_ok_and(|happened| happened)
            {}
            moment += Span::from_nanos(1);
            if self.lab.engine().next_event() != Some(moment) {
                return moment;
            }
        }
    }

    /// What has been done by hand: the steps of the plan, in the order in which they were done.
    pub fn deeds(&self) -> Vec<&Step> {
        let (firsts, laters) = self.by_hand();
        let mut firsts = self.plan().timeline[firsts].iter();
        let mut laters = self.plan().timeline[laters].iter();
        let deeds = self.deeds.iter().filter_map(|deed| match deed {
            Deed::First => firsts.next(),
            Deed::Later => laters.next(),
        });
        deeds.collect()
    }

    /// Where in the timeline the steps stand that were done by hand.
    fn by_hand(&self) -> (Range<usize>, Range<usize>) {
        let firsts = self.firsts();
        (0..firsts, firsts + self.own_steps..self.plan().timeline.len())
    }

    /// Takes the last deed back, and goes back to the moment before it if that has passed. False: there is none.
    ///
    /// # Errors
    ///
    /// If the set-up fails, which it has not done before.
    pub fn undo(&mut self) -> Result<bool, Failure> {
        let Some(deed) = self.deeds.pop() else { return Ok(false) };
        let mut plan = self.plan().clone();
        let (events, now) = (self.events(), self.lab.engine().now());
        let moment = match deed {
            Deed::First => {
                plan.timeline.remove(self.firsts());
                self.after_firsts()
            }
            Deed::Later => {
                let step = plan.timeline.pop().map(|step| self.lab.zero() + step.at);
                step.filter(|at| *at <= now).map_or(Moment::After(events, now), Moment::Before)
            }
        };
        self.rebuild(plan, moment)?;
        Ok(true)
    }

    /// The text of the scenario with what was done by hand in its timeline: its run is this one.
    pub fn save(&self, source: &str) -> String {
        let (firsts, laters) = self.by_hand();
        let mut plan = self.plan().clone();
        let last = plan.timeline.iter().map(|step| step.at).max().unwrap_or_default();
        plan.until = match plan.until {
            _ if self.is_beyond => Some(self.now().max(last)),
            until => until.map(|until| until.max(last)),
        };
        scenario::with_steps(source, &plan, firsts, laters)
    }
}

/// Whether a later step has to know of an earlier one from the start: it is typed at the same terminal, or one of them
/// begins with a machine that forgets who was logged in.
fn depends(later: &Action, earlier: &Action) -> bool {
    match (later, earlier) {
        (Action::Run(node, terminal, _), Action::Run(its, own, _)) => (node, terminal) == (its, own),
        (Action::Run(node, ..) | Action::Boot(node), Action::Boot(its))
        | (Action::Boot(node), Action::Run(its, ..)) => node == its,
        _ => false,
    }
}

/// There have been more events than the options allow.
struct Stuck;
