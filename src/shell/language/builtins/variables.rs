//! Builtins that set variables, arguments and options.

use super::USAGE;
use crate::shell::language::interpreter::Shell;
use crate::shell::language::state::{Value, is_name};

impl Shell {
    /// read \[-r\] \[-t SECONDS\] \[-a ARRAY\] \[NAME...\]
    pub(super) async fn read(&mut self, args: &[String]) -> i32 {
        let mut raw = false;
        let mut array = None;
        let mut names = args;
        while let [option, more @ ..] = names
            && let Some(letters) = option.strip_prefix('-')
        {
            names = more;
            raw |= letters.contains('r');
            if letters.ends_with(['a', 'd', 'n', 'p', 't', 'u']) {
                let Some((value, more)) = names.split_first() else {
                    self.complain(&format!("read: {option}: option requires an argument"));
                    return USAGE;
                };
                if letters.ends_with('a') {
                    array = Some(value.clone());
                }
                names = more;
            }
        }
        if let Some(bad) = names.iter().chain(&array).find(|name| !is_name(name)) {
            return self.wrong(&format!("read: `{bad}': not a valid identifier"));
        }
        let stdin = self.stdin.clone();
        let Some(mut line) = stdin.line(&self.sys).await else {
            self.store_line("", names, array.as_deref());
            return 1;
        };
        while !raw && line.ends_with("\\\n") {
            line.truncate(line.len() - 2);
            match stdin.line(&self.sys).await {
                Some(more) => line.push_str(&more),
                None => break,
            }
        }
        let complete = line.ends_with('\n');
        let text = line.trim_end_matches('\n');
        let text = if raw { text.to_owned() } else { text.replace('\\', "") };
        if !self.store_line(&text, names, array.as_deref()) {
            return 1;
        }
        i32::from(!complete)
    }

    /// Distributes a line's words; the last variable gets all that is left.
    pub(super) fn store_line(&mut self, line: &str, names: &[String], array: Option<&str>) -> bool {
        let separators = self.state.text("IFS").unwrap_or_else(|| " \t\n".to_owned());
        let is_separator = |c: char| separators.contains(c);
        let is_space = |c: char| c.is_whitespace() && separators.contains(c);
        let mut rest = line.trim_matches(is_space);
        if let Some(name) = array {
            let words = rest.split(is_separator).filter(|word| !word.is_empty()).map(str::to_owned);
            let assigned = self.state.set(name, Value::Array((0..).zip(words).collect()));
            return self.allow(name, assigned).is_ok();
        }
        if names.is_empty() {
            let assigned = self.state.set_text("REPLY", line);
            return self.allow("REPLY", assigned).is_ok();
        }
        for (index, name) in names.iter().enumerate() {
            let value = if index + 1 == names.len() {
                std::mem::take(&mut rest)
            } else {
                let end = rest.find(is_separator).unwrap_or(rest.len());
                let value = &rest[..end];
                let behind = rest[end..].trim_start_matches(is_space);
                rest = behind.strip_prefix(|c: char| is_separator(c) && !is_space(c)).unwrap_or(behind);
                rest = rest.trim_start_matches(is_space);
                value
            };
            let assigned = self.state.set_text(name, value);
            if self.allow(name, assigned).is_err() {
                return false;
            }
        }
        true
    }

    pub(super) fn let_expressions(&mut self, args: &[String]) -> i32 {
        let mut value = 0;
        for arg in args {
            match self.calculate(arg, 0) {
                Ok(result) => value = result,
                Err(_) => return 1,
            }
        }
        i32::from(value == 0)
    }

    /// export, readonly, local, declare, typeset: \[-x\] \[-r\] \[-a\] \[-i\] NAME\[=VALUE\]...
    pub(super) fn declare_variables(&mut self, command: &str, args: &[String]) -> i32 {
        if command == "local" && self.functions == 0 {
            return self.wrong("local: can only be used in a function");
        }
        let (mut exported, mut readonly) = (command == "export", command == "readonly");
        let is_local = command != "export" && command != "readonly" && self.functions > 0;
        let (mut status, mut is_array) = (0, false);
        for arg in args {
            if let Some(letters) = arg.strip_prefix('-') {
                if letters.contains('A') {
                    return self.wrong(&format!("{command}: -A: associative arrays are not supported here"));
                }
                exported |= letters.contains('x');
                readonly |= letters.contains('r');
                is_array |= letters.contains('a');
                continue;
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            if !is_name(name) {
                status = self.wrong(&format!("{command}: `{arg}': not a valid identifier"));
                continue;
            }
            let declared = if is_local { self.state.declare_local(name) } else { Ok(()) };
            let assigned = declared.and_then(|()| match value {
                Some(value) => self.state.set_text(name, value),
                None if is_array && (is_local || self.state.get(name).is_none()) => {
                    self.state.set(name, Value::Array(Default::default()))
                }
                None => Ok(()),
            });
            if self.allow(name, assigned).is_err() {
                status = 1;
            } else if exported || readonly {
                self.state.mark(name, exported, readonly);
            }
        }
        status
    }

    pub(super) fn print_environment(&self, names: &[String]) -> i32 {
        let exported = self.state.exported();
        if names.is_empty() {
            let lines: String = exported.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            return self.print("printenv", &lines);
        }
        let values: Vec<&str> = names.iter().filter_map(|name| exported.get(name.as_str()).copied()).collect();
        self.print("printenv", &values.iter().map(|value| format!("{value}\n")).collect::<String>());
        i32::from(values.len() < names.len())
    }

    pub(super) fn unset(&mut self, args: &[String]) -> i32 {
        let mut status = 0;
        let functions_only = args.first().is_some_and(|arg| arg == "-f");
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            if let Some((array, index)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) {
                let index = self.calculate(index, 0);
                let unset = index.map(|index| self.state.unset_element(array, index));
                status |= i32::from(!matches!(unset, Ok(Ok(()))));
            } else if functions_only || self.state.get(name).is_none() {
                self.state.functions.remove(name);
            } else if self.state.unset(name).is_err() {
                status = self.wrong(&format!("unset: {name}: cannot unset: readonly variable"));
            }
        }
        status
    }

    pub(super) fn set_options(&mut self, args: &[String]) -> i32 {
        if args.is_empty() {
            let plain = self.state.all().into_iter().filter_map(|(name, value)| match value {
                Value::Scalar(text) => Some(format!("{name}={text}\n")),
                Value::Array(_) => None,
            });
            return self.print("set", &plain.collect::<String>());
        }
        let mut rest = args;
        while let [option, more @ ..] = rest {
            let on = option.starts_with('-');
            match option.strip_prefix(['-', '+']) {
                Some("o") => {
                    let Some((name, more)) = more.split_first() else { return 0 };
                    if !self.state.options.switch_long(name, on) {
                        return self.wrong(&format!("set: {name}: invalid option name"));
                    }
                    rest = more;
                    continue;
                }
                Some("-") if on => {
                    self.state.args = more.to_vec();
                    return 0;
                }
                Some(letters) if !letters.is_empty() => {
                    if let Some(bad) = letters.chars().find(|letter| !self.state.options.switch(*letter, on)) {
                        let sign = if on { '-' } else { '+' };
                        self.complain(&format!("set: {sign}{bad}: invalid option"));
                        self.print_error(
                            "set: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n",
                        );
                        return USAGE;
                    }
                }
                _ => {
                    self.state.args = rest.to_vec();
                    return 0;
                }
            }
            rest = more;
        }
        0
    }

    pub(super) fn shift(&mut self, args: &[String]) -> i32 {
        let count = match args.first().map(|arg| arg.parse::<usize>()) {
            None => 1,
            Some(Ok(count)) => count,
            Some(Err(_)) => return self.wrong(&format!("shift: {}: numeric argument required", args[0])),
        };
        if count > self.state.args.len() {
            return 1;
        }
        self.state.args.drain(..count);
        0
    }
}
