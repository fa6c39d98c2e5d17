//! Lists, pipelines and compound commands.

use brush_parser::ast::SourceLocation as _;
use brush_parser::ast::{self, AndOr, CaseItemPostAction, Command, CompoundCommand, SeparatorOperator};

use super::interpreter::{Failure, Flow, Shell};
use super::state::Value;
use super::{Boxed, parse, pattern};
use crate::host::stdio::pipe;
use crate::host::{Output, Pid, Stdin};

impl Shell {
    /// Parses a text and runs it to its end.
    pub fn script<'a>(&'a mut self, text: &'a str) -> Boxed<'a, Flow> {
        Box::pin(async move {
            let program = match parse::parse(text) {
                Ok(program) => program,
                Err(error) => {
                    self.line = error.line;
                    for line in error.text.lines() {
                        self.complain(line);
                    }
                    self.state.status = 2;
                    return Flow::Next;
                }
            };
            for list in &program.complete_commands {
                let flow = self.list(list).await;
                if flow != Flow::Next {
                    return flow;
                }
            }
            Flow::Next
        })
    }

    /// Runs all that a shell was started for, and what it has been told to do at its end.
    pub async fn program(&mut self, text: &str) -> Flow {
        let flow = self.script(text).await;
        if let Some(trap) = self.state.exit_trap.take() {
            let status = self.state.status;
            self.script(&trap).await;
            self.state.status = status;
        }
        flow
    }

    /// Commands one after the other, some of them in the background.
    pub fn list<'a>(&'a mut self, list: &'a ast::CompoundList) -> Boxed<'a, Flow> {
        Box::pin(async move {
            for ast::CompoundListItem(and_or, separator) in &list.0 {
                let flow = match separator {
                    SeparatorOperator::Async => self.start_in_background(and_or),
                    SeparatorOperator::Sequence => self.and_or(and_or).await,
                };
                if flow != Flow::Next {
                    return flow;
                }
            }
            Flow::Next
        })
    }

    fn start_in_background(&mut self, and_or: &ast::AndOrList) -> Flow {
        if let Err(failure) = self.step_for_process() {
            return failure.flow();
        }
        let mut shell = self.subshell();
        shell.stdin = Stdin::Null;
        shell.single = and_or.additional.is_empty() && matches!(&and_or.first.seq[..], [Command::Simple(_)]);
        let and_or = and_or.clone();
        let pid = self.spawn(shell, async move |shell| shell.and_or(&and_or).await);
        self.state.last_background = Some(pid);
        self.state.children.push(pid);
        self.state.status = 0;
        Flow::Next
    }

    /// Runs something in a process of its own.
    fn spawn(&self, mut shell: Shell, run: impl AsyncFnOnce(&mut Shell) -> Flow + 'static) -> Pid {
        self.sys.spawn("bash", |sys| {
            Box::pin(async move {
                shell.sys = sys;
                run(&mut shell).await;
                shell.state.status
            })
        })
    }

    async fn and_or(&mut self, list: &ast::AndOrList) -> Flow {
        let last = list.additional.len();
        let mut flow = self.part_of_list(&list.first, last > 0).await;
        for (index, next) in list.additional.iter().enumerate() {
            if flow != Flow::Next {
                return flow;
            }
            let (wanted, pipeline) = match next {
                AndOr::And(pipeline) => (true, pipeline),
                AndOr::Or(pipeline) => (false, pipeline),
            };
            if (self.state.status == 0) == wanted {
                flow = self.part_of_list(pipeline, index + 1 < last).await;
            } else if index + 1 == last {
                // Whatever failed was a condition: set -e does not look at it.
                return flow;
            }
        }
        flow
    }

    async fn part_of_list(&mut self, pipeline: &ast::Pipeline, is_condition: bool) -> Flow {
        let exempt = usize::from(is_condition || pipeline.bang);
        self.conditions += exempt;
        let flow = self.pipeline(pipeline).await;
        self.conditions -= exempt;
        let failed = self.state.status != 0 && flow == Flow::Next;
        if failed && exempt == 0 && self.conditions == 0 && self.state.options.errexit { Flow::Exit } else { flow }
    }

    async fn pipeline(&mut self, pipeline: &ast::Pipeline) -> Flow {
        let began = self.sys.now();
        let flow = match &pipeline.seq[..] {
            [] => {
                self.state.status = 0;
                Flow::Next
            }
            [command] => self.command(command).await,
            commands => self.connected(commands).await,
        };
        if pipeline.bang {
            self.state.status = i32::from(self.state.status == 0);
        }
        if pipeline.timed.is_some() {
            let seconds = self.sys.now().since(began).as_secs_f64();
            let minutes = (seconds / 60.0).floor();
            let real = format!("{minutes}m{:.3}s", seconds - minutes * 60.0);
            self.print_error(&format!("\nreal\t{real}\nuser\t0m0.000s\nsys\t0m0.000s\n"));
        }
        flow
    }

    /// Commands at the same time, each reading what the one before it writes.
    async fn connected(&mut self, commands: &[Command]) -> Flow {
        if let Err(failure) = commands.iter().try_for_each(|_| self.step_for_process()) {
            return failure.flow();
        }
        let Some((last, first)) = commands.split_last() else { return Flow::Next };
        let mut pids = Vec::new();
        let mut stdin = self.stdin.clone();
        for command in first {
            let (out, next) = self.sys.with(pipe);
            let shell = Shell { stdin: std::mem::replace(&mut stdin, next), out, ..self.part_of_pipeline(command) };
            pids.push(self.spawn_command(shell, command));
        }
        let shell = Shell { stdin, ..self.part_of_pipeline(last) };
        pids.push(self.spawn_command(shell, last));
        let mut statuses = Vec::new();
        for pid in pids {
            statuses.push(self.sys.join(pid).await);
        }
        let each = statuses.iter().map(i32::to_string);
        // A user who makes it readonly goes without it.
        let _ = self.state.set("PIPESTATUS", Value::Array((0..).zip(each).collect()));
        let failed = statuses.iter().rev().copied().find(|&status| status != 0 && self.state.options.pipefail);
        self.state.status = failed.or(statuses.last().copied()).unwrap_or(0);
        Flow::Next
    }

    fn part_of_pipeline(&self, command: &Command) -> Shell {
        Shell { single: matches!(command, Command::Simple(_)), ..self.subshell() }
    }

    fn spawn_command(&self, shell: Shell, command: &Command) -> Pid {
        let command = command.clone();
        self.spawn(shell, async move |shell| shell.command(&command).await)
    }

    async fn command(&mut self, command: &Command) -> Flow {
        match command {
            Command::Simple(simple) => self.simple(simple).await,
            Command::Compound(compound, redirects) => self.redirected(redirects.as_ref(), compound).await,
            Command::Function(function) => {
                self.state.functions.insert(function.fname.value.clone(), std::rc::Rc::new(function.body.clone()));
                self.state.status = 0;
                Flow::Next
            }
            Command::ExtendedTest(test, _) => {
                self.line = test.loc.start.line;
                let holds = self.extended_test(&test.expr).await;
                self.conclude(holds)
            }
        }
    }

    /// The exit status of something that is true or false.
    fn conclude(&mut self, holds: Result<bool, Failure>) -> Flow {
        match holds {
            Ok(holds) => {
                self.state.status = i32::from(!holds);
                Flow::Next
            }
            Err(failure) => failure.flow(),
        }
    }

    /// A compound command, connected as it says.
    pub async fn redirected(&mut self, redirects: Option<&ast::RedirectList>, compound: &CompoundCommand) -> Flow {
        if let Err(failure) = self.enter() {
            return failure.flow();
        }
        let saved = (self.stdin.clone(), self.out.clone(), self.err.clone());
        let list = redirects.map(|list| &list.0[..]).unwrap_or_default();
        let flow = match self.redirect(list).await {
            Ok(()) => self.compound(compound).await,
            Err(failure) => failure.flow(),
        };
        (self.stdin, self.out, self.err) = saved;
        self.leave();
        flow
    }

    async fn compound(&mut self, compound: &CompoundCommand) -> Flow {
        if let Some(location) = compound.location() {
            self.line = location.start.line;
        }
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list).await,
            CompoundCommand::Subshell(group) => {
                let mut shell = self.subshell();
                shell.list(&group.list).await;
                self.state.status = shell.state.status;
                Flow::Next
            }
            CompoundCommand::IfClause(clause) => self.if_clause(clause).await,
            CompoundCommand::WhileClause(clause) => self.while_clause(clause, true).await,
            CompoundCommand::UntilClause(clause) => self.while_clause(clause, false).await,
            CompoundCommand::ForClause(clause) => self.for_clause(clause).await,
            CompoundCommand::ArithmeticForClause(clause) => self.arithmetic_for(clause).await,
            CompoundCommand::CaseClause(clause) => self.case_clause(clause).await,
            CompoundCommand::Arithmetic(command) => {
                let value = self.arithmetic(&command.expr.value).await;
                self.conclude(value.map(|value| value != 0))
            }
            CompoundCommand::Coprocess(_) => {
                self.complain("coproc: not supported here");
                self.state.status = 1;
                Flow::Next
            }
        }
    }

    async fn condition(&mut self, list: &ast::CompoundList) -> Result<bool, Flow> {
        self.conditions += 1;
        let flow = self.list(list).await;
        self.conditions -= 1;
        if flow == Flow::Next { Ok(self.state.status == 0) } else { Err(flow) }
    }

    async fn if_clause(&mut self, clause: &ast::IfClauseCommand) -> Flow {
        match self.condition(&clause.condition).await {
            Ok(true) => return self.list(&clause.then).await,
            Ok(false) => {}
            Err(flow) => return flow,
        }
        for branch in clause.elses.iter().flatten() {
            let holds = match &branch.condition {
                Some(condition) => self.condition(condition).await,
                None => Ok(true),
            };
            match holds {
                Ok(true) => return self.list(&branch.body).await,
                Ok(false) => {}
                Err(flow) => return flow,
            }
        }
        self.state.status = 0;
        Flow::Next
    }

    async fn while_clause(&mut self, clause: &ast::WhileOrUntilClauseCommand, wanted: bool) -> Flow {
        let ast::WhileOrUntilClauseCommand(condition, body, _) = clause;
        let mut status = 0;
        loop {
            if let Err(failure) = self.step() {
                return failure.flow();
            }
            self.loops += 1;
            let holds = self.condition(condition).await;
            self.loops -= 1;
            match holds {
                Ok(holds) if holds == wanted => {}
                Ok(_) => break,
                Err(flow) => match after_round(flow) {
                    Round::Again => continue,
                    Round::Leave(flow) => return flow,
                },
            }
            if let Round::Leave(flow) = self.round(&body.list).await {
                return flow;
            }
            status = self.state.status;
        }
        self.state.status = status;
        Flow::Next
    }

    /// A loop's body, once.
    async fn round(&mut self, body: &ast::CompoundList) -> Round {
        self.loops += 1;
        let flow = self.list(body).await;
        self.loops -= 1;
        after_round(flow)
    }

    async fn for_clause(&mut self, clause: &ast::ForClauseCommand) -> Flow {
        let values = match &clause.values {
            None => self.state.args.clone(),
            Some(words) => match self.expand_all(words).await {
                Ok(values) => values,
                Err(failure) => return failure.flow(),
            },
        };
        self.state.status = 0;
        for value in values {
            let assigned = self.state.set_text(&clause.variable_name, value);
            let ready = self.allow(&clause.variable_name, assigned).and_then(|()| self.step());
            if let Err(failure) = ready {
                return failure.flow();
            }
            if let Round::Leave(flow) = self.round(&clause.body.list).await {
                return flow;
            }
        }
        Flow::Next
    }

    async fn arithmetic_for(&mut self, clause: &ast::ArithmeticForClauseCommand) -> Flow {
        if let Some(initializer) = &clause.initializer
            && let Err(failure) = self.arithmetic(&initializer.value).await
        {
            return failure.flow();
        }
        loop {
            let goes_on = match &clause.condition {
                Some(condition) => self.arithmetic(&condition.value).await,
                None => Ok(1),
            };
            match goes_on.and_then(|goes_on| self.step().map(|()| goes_on != 0)) {
                Ok(true) => {}
                Ok(false) => return Flow::Next,
                Err(failure) => return failure.flow(),
            }
            if let Round::Leave(flow) = self.round(&clause.body.list).await {
                return flow;
            }
            if let Some(updater) = &clause.updater
                && let Err(failure) = self.arithmetic(&updater.value).await
            {
                return failure.flow();
            }
        }
    }

    async fn case_clause(&mut self, clause: &ast::CaseClauseCommand) -> Flow {
        let value = match self.expand_text(&clause.value.value).await {
            Ok(value) => value,
            Err(failure) => return failure.flow(),
        };
        self.state.status = 0;
        let mut falls_through = false;
        for item in &clause.cases {
            let chosen = match self.case_applies(item, &value).await {
                Ok(applies) => applies || falls_through,
                Err(failure) => return failure.flow(),
            };
            if !chosen {
                continue;
            }
            if let Some(commands) = &item.cmd {
                let flow = self.list(commands).await;
                if flow != Flow::Next {
                    return flow;
                }
            }
            falls_through = matches!(item.post_action, CaseItemPostAction::UnconditionallyExecuteNextCaseItem);
            if matches!(item.post_action, CaseItemPostAction::ExitCase) {
                break;
            }
        }
        Flow::Next
    }

    async fn case_applies(&mut self, item: &ast::CaseItem, value: &str) -> Result<bool, Failure> {
        for word in &item.patterns {
            let described = self.expand_pattern(&word.value).await?;
            self.spend(value.len().saturating_mul(described.len()))?;
            if pattern::matches(&described, value) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a command prints, without the newlines at its end.
    pub fn substitute<'a>(&'a mut self, script: &'a str) -> Boxed<'a, Result<String, Failure>> {
        Box::pin(async move {
            self.enter()?;
            let collected = std::rc::Rc::default();
            let out = Output::Text(std::rc::Rc::clone(&collected));
            let mut shell = Shell { out, ..self.subshell() };
            shell.script(script).await;
            self.leave();
            self.substitutions += 1;
            self.state.status = shell.state.status;
            let text: String = collected.take();
            self.spend(text.len())?;
            Ok(text.trim_end_matches('\n').to_owned())
        })
    }
}

/// What a loop does when its body has ended.
enum Round {
    Again,
    Leave(Flow),
}

fn after_round(flow: Flow) -> Round {
    match flow {
        Flow::Next | Flow::Continue(1) => Round::Again,
        Flow::Break(1) => Round::Leave(Flow::Next),
        Flow::Break(more) => Round::Leave(Flow::Break(more - 1)),
        Flow::Continue(more) => Round::Leave(Flow::Continue(more - 1)),
        Flow::Return | Flow::Exit => Round::Leave(flow),
    }
}
