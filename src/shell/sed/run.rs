//! A script of sed at work on a text.

use regex_lite::Regex;

use super::script::{Action, Address, Command, Lines, Piece, Script, Substitution, Until};

/// A script that jumps back for ever is given up after so many commands.
const MOST_COMMANDS: usize = 10_000_000;

/// Where a range stands.
#[derive(Clone, Copy, Default)]
enum Range {
    #[default]
    Outside,
    /// It ends with this line.
    Until(usize),
    /// It ends where its second address is reached.
    Open,
}

struct Editor<'s, 't> {
    script: &'s [Command],
    ranges: Vec<Range>,
    input: Vec<&'t str>,
    /// How many lines have been read.
    line: usize,
    space: String,
    hold: String,
    /// What is printed behind this line.
    later: String,
    out: String,
    has_replaced: bool,
    last_pattern: Option<&'s Regex>,
    is_quiet: bool,
    quit: Option<i32>,
}

/// What comes after a command.
enum Next {
    Command(usize),
    /// The cycle ends, and the pattern space is printed unless that was unwanted.
    Line {
        prints: bool,
    },
    /// The cycle ends; the next one begins without reading.
    Again,
}

/// What a script makes of a text, and the exit status if it quits.
pub(super) fn run(script: &Script, text: &str, is_quiet: bool) -> (String, Option<i32>) {
    let mut editor = Editor {
        script: &script.0,
        ranges: vec![Range::Outside; script.0.len()],
        input: text.split_terminator('\n').collect(),
        line: 0,
        space: String::new(),
        hold: String::new(),
        later: String::new(),
        out: String::new(),
        has_replaced: false,
        last_pattern: None,
        is_quiet,
        quit: None,
    };
    // `0,/RE/` is a range that has begun before the first line.
    for (range, command) in editor.ranges.iter_mut().zip(&script.0) {
        if matches!(command.lines.first, Some(Address::Line(0))) {
            *range = Range::Open;
        }
    }
    editor.go();
    // A last line that does not end stays so.
    if !text.ends_with('\n') && editor.out.ends_with('\n') && !editor.input.is_empty() {
        editor.out.pop();
    }
    (editor.out, editor.quit)
}

impl<'s> Editor<'s, '_> {
    fn go(&mut self) {
        let mut budget = MOST_COMMANDS;
        let mut is_read = false;
        while self.quit.is_none() && budget > 0 {
            if !is_read && !self.read() {
                break;
            }
            is_read = false;
            self.has_replaced = false;
            let mut place = 0;
            let ended = loop {
                budget = budget.saturating_sub(1);
                let Some(command) = self.script.get(place).filter(|_| budget > 0) else {
                    break Next::Line { prints: true };
                };
                match self.carry_out(place, command) {
                    Next::Command(next) => place = next,
                    ended => break ended,
                }
            };
            match ended {
                Next::Again => is_read = true,
                Next::Line { prints } if prints && !self.is_quiet => self.print(),
                _ => {}
            }
            self.flush();
        }
    }

    /// The next line comes into the pattern space.
    fn read(&mut self) -> bool {
        let Some(next) = self.input.get(self.line) else { return false };
        self.space = (*next).to_owned();
        self.line += 1;
        true
    }

    fn is_last(&self) -> bool {
        self.line >= self.input.len()
    }

    fn print(&mut self) {
        self.out.push_str(&self.space);
        self.out.push('\n');
    }

    fn flush(&mut self) {
        self.out.push_str(&std::mem::take(&mut self.later));
    }

    fn carry_out(&mut self, place: usize, command: &'s Command) -> Next {
        let is_meant = self.is_meant(place, &command.lines) != command.lines.is_negated;
        let next = Next::Command(place + 1);
        match &command.action {
            Action::Block { end } if !is_meant => return Next::Command(*end),
            _ if !is_meant => return next,
            Action::Block { .. } => {}
            Action::Substitute(substitution) => self.substitute(substitution),
            Action::Translate(pairs) => {
                let translated =
                    self.space.chars().map(|c| pairs.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to));
                self.space = translated.collect();
            }
            Action::Append(text) => self.later.push_str(text),
            Action::Insert(text) => self.out.push_str(text),
            Action::Change(text) => {
                if command.lines.until.is_none()
                    || command.lines.is_negated
                    || matches!(self.ranges[place], Range::Outside)
                {
                    self.out.push_str(text);
                }
                return Next::Line { prints: false };
            }
            Action::Quit { status, is_silent } => {
                self.quit = Some(*status);
                return Next::Line { prints: !is_silent };
            }
            Action::Jump(to) => return Next::Command(*to),
            Action::JumpIf { to, replaced } => {
                if std::mem::take(&mut self.has_replaced) == *replaced {
                    return Next::Command(*to);
                }
            }
            Action::Plain(letter) => return self.plain(*letter, next),
        }
        next
    }

    fn plain(&mut self, letter: char, next: Next) -> Next {
        match letter {
            'd' => return Next::Line { prints: false },
            'D' => match self.space.split_once('\n') {
                Some((_, rest)) => {
                    self.space = rest.to_owned();
                    return Next::Again;
                }
                None => return Next::Line { prints: false },
            },
            'p' => self.print(),
            'P' => {
                self.out.push_str(self.space.split('\n').next().unwrap_or_default());
                self.out.push('\n');
            }
            '=' => self.out.push_str(&format!("{}\n", self.line)),
            'n' | 'N' if self.is_last() => {
                // GNU's prints what there is, and ends.
                self.quit = Some(0);
                return Next::Line { prints: true };
            }
            'n' => {
                if !self.is_quiet {
                    self.print();
                }
                self.flush();
                self.read();
            }
            'N' => {
                let before = std::mem::take(&mut self.space);
                self.read();
                self.space = format!("{before}\n{}", self.space);
            }
            'h' => self.hold.clone_from(&self.space),
            'H' => self.hold = format!("{}\n{}", self.hold, self.space),
            'g' => self.space.clone_from(&self.hold),
            'G' => self.space = format!("{}\n{}", self.space, self.hold),
            'x' => std::mem::swap(&mut self.space, &mut self.hold),
            _ => self.space.clear(),
        }
        next
    }

    fn is_meant(&mut self, place: usize, lines: &'s Lines) -> bool {
        let Some(first) = &lines.first else { return true };
        let Some(until) = &lines.until else { return self.is_at(first) };
        match self.ranges[place] {
            Range::Outside => {
                if !self.is_at(first) {
                    return false;
                }
                self.ranges[place] = match until {
                    // A line number that has passed ends the range at once; a pattern is tried from the next line on.
                    Until::Reached(Address::Line(end)) if *end <= self.line => Range::Outside,
                    Until::Reached(Address::Line(end)) => Range::Until(*end),
                    Until::Reached(Address::Last) if self.is_last() => Range::Outside,
                    Until::Reached(_) => Range::Open,
                    Until::More(0) => Range::Outside,
                    Until::More(count) => Range::Until(self.line.saturating_add(*count)),
                    Until::Multiple(of) if *of == 0 || self.line.is_multiple_of(*of) => Range::Outside,
                    Until::Multiple(of) => Range::Until(self.line.next_multiple_of(*of)),
                };
                true
            }
            Range::Until(end) => {
                if self.line >= end {
                    self.ranges[place] = Range::Outside;
                }
                // Lines may have been read elsewhere in between.
                self.line <= end
            }
            Range::Open => {
                if let Until::Reached(address) = until
                    && self.is_at(address)
                {
                    self.ranges[place] = Range::Outside;
                }
                true
            }
        }
    }

    fn is_at(&mut self, address: &'s Address) -> bool {
        match address {
            Address::Line(line) => self.line == *line,
            Address::Last => self.is_last(),
            Address::Every { first, step: 0 } => self.line == *first,
            Address::Every { first, step } => self.line >= *first && (self.line - first).is_multiple_of(*step),
            Address::Like(pattern) => {
                self.pattern(pattern.as_ref()).is_some_and(|pattern| pattern.is_match(&self.space))
            }
        }
    }

    /// A pattern, or the one that was tried last.
    fn pattern(&mut self, pattern: Option<&'s Regex>) -> Option<&'s Regex> {
        self.last_pattern = pattern.or(self.last_pattern);
        self.last_pattern
    }

    fn substitute(&mut self, substitution: &'s Substitution) {
        let Some(pattern) = self.pattern(substitution.pattern.as_ref()) else { return };
        let (mut done, mut result, mut found) = (0, String::new(), 0);
        for captures in pattern.captures_iter(&self.space) {
            let Some(whole) = captures.get(0) else { continue };
            found += 1;
            if found < substitution.from {
                continue;
            }
            result.push_str(&self.space[done..whole.start()]);
            for piece in &substitution.replacement {
                match piece {
                    Piece::Text(text) => result.push_str(text),
                    Piece::Group(group) => result.push_str(captures.get(*group).map_or("", |part| part.as_str())),
                }
            }
            done = whole.end();
            if !substitution.is_global {
                break;
            }
        }
        if found < substitution.from || found == 0 {
            return;
        }
        result.push_str(&self.space[done..]);
        self.space = result;
        self.has_replaced = true;
        if substitution.prints {
            self.print();
        }
    }
}
