//! A host's console: the jobs that the scenario gives it, one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::kernel::Kernel;
use super::process::{self, Pid, Processes, Sys, Task};
use super::stdio::Output;
use crate::reason::{self, Note, Stream};
use crate::time::Time;

/// A command line to run, as the shell has understood it.
pub struct Job {
    /// What was typed.
    pub line: String,
    /// Whether the next job waits for this one.
    pub background: bool,
    /// Starts it, with its standard output and standard error.
    pub start: Box<dyn FnOnce(Sys, Output, Output) -> Task>,
}

/// What became of a job.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// What was typed.
    pub line: String,
    /// When it began to run; none if its turn has not come.
    pub began: Option<Time>,
    /// When it ended; none if it has not.
    pub ended: Option<Time>,
    /// Its exit status; none if it has not ended.
    pub status: Option<i32>,
    /// What it wrote to standard output so far.
    pub out: Rc<RefCell<Vec<u8>>>,
    /// What it wrote to standard error so far.
    pub err: Rc<RefCell<Vec<u8>>>,
}

/// The jobs of a host.
#[derive(Default)]
pub(super) struct Console {
    queue: VecDeque<(usize, Job)>,
    foreground: Option<(usize, Pid)>,
    background: BTreeMap<Pid, usize>,
    results: Vec<JobResult>,
}

impl Console {
    /// Puts a job at the end of the queue.
    pub fn enqueue(&mut self, job: Job) {
        let line = job.line.clone();
        self.queue.push_back((self.results.len(), job));
        self.results.push(JobResult {
            line,
            began: None,
            ended: None,
            status: None,
            out: Rc::default(),
            err: Rc::default(),
        });
    }

    /// Whether anything is still to be done in the foreground.
    pub fn is_busy(&self) -> bool {
        self.foreground.is_some() || !self.queue.is_empty()
    }

    /// All jobs, in the order in which they came.
    pub fn results(&self) -> &[JobResult] {
        &self.results
    }

    /// Notes which jobs have ended, and starts the next ones.
    pub fn advance(&mut self, kernel: &Rc<RefCell<Kernel>>, processes: &mut Processes) {
        loop {
            if kernel.borrow().scheduler.has_news_for_console() {
                self.collect(&mut kernel.borrow_mut());
            }
            if self.foreground.is_some() {
                return;
            }
            let Some((index, job)) = self.queue.pop_front() else { return };
            self.start(index, job, kernel);
            processes.run(kernel);
        }
    }

    fn start(&mut self, index: usize, job: Job, kernel: &Rc<RefCell<Kernel>>) {
        let result = &mut self.results[index];
        let out = Output::Console(index, Stream::Out, Rc::clone(&result.out));
        let err = Output::Console(index, Stream::Err, Rc::clone(&result.err));
        result.began = Some(kernel.borrow().now);
        let typed = || Note::Console(reason::Console::Typed { job: index, line: job.line.clone() });
        kernel.borrow_mut().out.note(typed);
        let pid = process::spawn_for_console(kernel, "bash", |sys| (job.start)(sys, out, err));
        if job.background {
            self.background.insert(pid, index);
        } else {
            self.foreground = Some((index, pid));
        }
    }

    fn collect(&mut self, kernel: &mut Kernel) {
        for (pid, status) in kernel.scheduler.news_for_console() {
            let foreground = self.foreground.take_if(|(_, running)| *running == pid).map(|(index, _)| index);
            let Some(index) = foreground.or_else(|| self.background.remove(&pid)) else { continue };
            let result = &mut self.results[index];
            result.status = Some(status);
            result.ended = Some(kernel.now);
            kernel.out.note(|| Note::Console(reason::Console::Ended { job: index, status }));
        }
    }
}
