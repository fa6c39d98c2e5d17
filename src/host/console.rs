//! A host's console: the jobs that are typed at its terminals, at each of them one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::kernel::Kernel;
use super::process::{self, Pid, Processes, Sys, Task};
use super::stdio::Output;
use crate::ids::{JobId, Terminal};
use crate::reason::{self, Note, Stream};
use crate::time::Time;

/// A command line to run, as the shell has understood it.
pub struct Job {
    /// Where it is typed.
    pub terminal: Terminal,
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

/// The terminals of a host and their jobs.
#[derive(Default)]
pub(super) struct Console {
    terminals: BTreeMap<Terminal, Desk>,
}

/// A terminal: what waits there for its turn, what runs, and what came of it all.
#[derive(Default)]
struct Desk {
    queue: VecDeque<(usize, Job)>,
    foreground: Option<(usize, Pid)>,
    background: BTreeMap<Pid, usize>,
    results: Vec<JobResult>,
}

impl Console {
    /// Puts a job at the end of its terminal's queue.
    pub fn enqueue(&mut self, job: Job) {
        let desk = self.terminals.entry(job.terminal).or_default();
        let index = desk.list(&job);
        desk.queue.push_back((index, job));
    }

    /// Lists a job that is never begun, since the machine is off.
    pub fn miss(&mut self, job: &Job) {
        self.terminals.entry(job.terminal).or_default().list(job);
    }

    /// The machine is off: no job goes on, and none that waits is begun.
    pub fn forget(&mut self) {
        for desk in self.terminals.values_mut() {
            *desk = Desk { results: std::mem::take(&mut desk.results), ..Desk::default() };
        }
    }

    /// Whether anything is still to be done in the foreground of any terminal.
    pub fn is_busy(&self) -> bool {
        self.terminals.values().any(Desk::is_busy)
    }

    /// Whether what is typed at this terminal now has to wait.
    pub fn is_busy_at(&self, terminal: Terminal) -> bool {
        self.terminals.get(&terminal).is_some_and(Desk::is_busy)
    }

    /// All jobs of a terminal, in the order in which they came.
    pub fn results(&self, terminal: Terminal) -> &[JobResult] {
        self.terminals.get(&terminal).map_or(&[], |desk| &desk.results)
    }

    /// Notes which jobs have ended, and starts the next ones.
    pub fn advance(&mut self, kernel: &Rc<RefCell<Kernel>>, processes: &mut Processes) {
        loop {
            if kernel.borrow().scheduler.has_news_for_console() {
                self.collect(&mut kernel.borrow_mut());
            }
            let mut free = self.terminals.iter_mut().filter(|(_, desk)| desk.foreground.is_none());
            let Some((&terminal, desk, (number, job))) =
                free.find_map(|(terminal, desk)| desk.queue.pop_front().map(|next| (terminal, desk, next)))
            else {
                return;
            };
            desk.start(JobId::new(terminal, number), job, kernel);
            processes.run(kernel);
        }
    }

    fn collect(&mut self, kernel: &mut Kernel) {
        for (pid, status) in kernel.scheduler.news_for_console() {
            let ended = |(&terminal, desk): (&Terminal, &mut Desk)| {
                desk.end(pid, status, kernel.now).map(|number| JobId::new(terminal, number))
            };
            if let Some(job) = self.terminals.iter_mut().find_map(ended) {
                kernel.out.note(|| Note::Console(reason::Console::Ended { job, status }));
            }
        }
    }
}

impl Desk {
    /// A place for what comes of a job.
    fn list(&mut self, job: &Job) -> usize {
        self.results.push(JobResult {
            line: job.line.clone(),
            began: None,
            ended: None,
            status: None,
            out: Rc::default(),
            err: Rc::default(),
        });
        self.results.len() - 1
    }

    fn is_busy(&self) -> bool {
        self.foreground.is_some() || !self.queue.is_empty()
    }

    fn start(&mut self, id: JobId, job: Job, kernel: &Rc<RefCell<Kernel>>) {
        let result = &mut self.results[id.number()];
        let out = Output::Console(id, Stream::Out, Rc::clone(&result.out));
        let err = Output::Console(id, Stream::Err, Rc::clone(&result.err));
        result.began = Some(kernel.borrow().now);
        let typed = || Note::Console(reason::Console::Typed { job: id, line: job.line.as_str().into() });
        {
            let out = &mut kernel.borrow_mut().out;
            // What has ended the job before is not what has led to this one.
            out.handling = None;
            out.note(typed);
        }
        let pid = process::spawn_for_console(kernel, id, "bash", |sys| (job.start)(sys, out, err));
        if job.background {
            self.background.insert(pid, id.number());
        } else {
            self.foreground = Some((id.number(), pid));
        }
    }

    /// A process has ended; the number of its job, if it was one of this terminal.
    fn end(&mut self, pid: Pid, status: i32, now: Time) -> Option<usize> {
        let foreground = self.foreground.take_if(|(_, running)| *running == pid).map(|(number, _)| number);
        let number = foreground.or_else(|| self.background.remove(&pid))?;
        let result = &mut self.results[number];
        result.status = Some(status);
        result.ended = Some(now);
        Some(number)
    }
}
