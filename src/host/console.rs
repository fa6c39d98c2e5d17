//! A host's console: the jobs that the scenario gives it, one after the other.

use std::cell::RefCell;
use std::collections::VecDeque;
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
    background: Vec<(usize, Pid)>,
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
            self.collect(kernel);
            if self.foreground.is_some() {
                return;
            }
            let Some((index, job)) = self.queue.pop_front() else { return };
            let result = &mut self.results[index];
            let out = Output::Console(index, Stream::Out, Rc::clone(&result.out));
            let err = Output::Console(index, Stream::Err, Rc::clone(&result.err));
            result.began = Some(kernel.borrow().now);
            let typed = || Note::Console(reason::Console::Typed { job: index, line: job.line.clone() });
            kernel.borrow_mut().out.note(typed);
            let name = job.line.split_whitespace().next().unwrap_or("sh").to_owned();
            let pid = process::spawn(kernel, &name, |sys| (job.start)(sys, out, err));
            if job.background {
                self.background.push((index, pid));
            } else {
                self.foreground = Some((index, pid));
            }
            processes.run(kernel);
        }
    }

    fn collect(&mut self, kernel: &Rc<RefCell<Kernel>>) {
        let kernel = &mut *kernel.borrow_mut();
        let results = &mut self.results;
        let mut ended = |&(index, pid): &(usize, Pid)| {
            let Some(status) = kernel.scheduler.exit_status(pid) else { return false };
            results[index].status = Some(status);
            results[index].ended = Some(kernel.now);
            kernel.out.note(|| Note::Console(reason::Console::Ended { job: index, status }));
            true
        };
        self.foreground = self.foreground.take().filter(|job| !ended(job));
        self.background.retain(|job| !ended(job));
    }
}
