//! What a shell remembers: variables, functions, arguments, options.

use std::collections::BTreeMap;
use std::rc::Rc;

use brush_parser::ast;

use crate::host::Pid;
use crate::host::files::HOME;

/// A variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Scalar(String),
    Array(BTreeMap<i64, String>),
}

#[derive(Clone, Debug)]
pub(super) struct Variable {
    value: Value,
    exported: bool,
    readonly: bool,
}

/// What `set` switches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// -e: end at the first command that fails.
    pub errexit: bool,
    /// -f: no file names from patterns.
    pub noglob: bool,
    /// -u: a variable that is not set is an error.
    pub nounset: bool,
    /// -x: show commands before they run.
    pub xtrace: bool,
    /// -o pipefail: a pipeline fails with any of its commands.
    pub pipefail: bool,
}

impl Options {
    /// Switches the option of this letter; false if there is none.
    pub fn switch(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'e' => self.errexit = on,
            'f' => self.noglob = on,
            'u' => self.nounset = on,
            'x' => self.xtrace = on,
            // Accepted, and without effect here.
            'a' | 'b' | 'h' | 'm' | 'n' | 'v' | 'B' | 'C' | 'E' | 'H' | 'P' | 'T' => {}
            _ => return false,
        }
        true
    }

    /// Switches the option of this long name; false if there is none.
    pub fn switch_long(&mut self, name: &str, on: bool) -> bool {
        match name {
            "errexit" => self.errexit = on,
            "noglob" => self.noglob = on,
            "nounset" => self.nounset = on,
            "xtrace" => self.xtrace = on,
            "pipefail" => self.pipefail = on,
            "posix" | "monitor" | "verbose" | "allexport" | "noclobber" => {}
            _ => return false,
        }
        true
    }

    /// `$-`
    pub fn flags(&self) -> String {
        let flags = [
            ('e', self.errexit),
            ('f', self.noglob),
            ('h', true),
            ('u', self.nounset),
            ('x', self.xtrace),
            ('B', true),
        ];
        flags.iter().filter(|(_, on)| *on).map(|(letter, _)| *letter).collect()
    }
}

/// All that a subshell inherits.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The innermost scope, that of the function being called, comes last.
    pub scopes: Vec<BTreeMap<String, Variable>>,
    pub functions: BTreeMap<String, Rc<ast::FunctionBody>>,
    /// `$0`, and what stands before error messages.
    pub name: String,
    /// `$1` and following.
    pub args: Vec<String>,
    pub cwd: Rc<str>,
    pub options: Options,
    /// `$?`
    pub status: i32,
    /// `$!`
    pub last_background: Option<Pid>,
    /// What `trap` has put off until the end.
    pub exit_trap: Option<String>,
    /// What was started in the background and not waited for yet.
    pub children: Vec<Pid>,
}

/// An assignment to a variable that is `readonly`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadOnly;

impl Default for State {
    fn default() -> State {
        let mut state = State {
            scopes: vec![BTreeMap::new()],
            functions: BTreeMap::new(),
            name: "bash".to_owned(),
            args: Vec::new(),
            cwd: HOME.into(),
            options: Options::default(),
            status: 0,
            last_background: None,
            exit_trap: None,
            children: Vec::new(),
        };
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        for (name, value) in [("HOME", HOME), ("PATH", path), ("PWD", HOME), ("SHELL", "/bin/bash"), ("USER", "root")] {
            state.scopes[0].insert(name.to_owned(), Variable::exported(value));
        }
        for (name, value) in [("IFS", " \t\n"), ("UID", "0"), ("EUID", "0")] {
            state.scopes[0].insert(name.to_owned(), Variable { exported: false, ..Variable::exported(value) });
        }
        state
    }
}

impl Variable {
    fn exported(value: &str) -> Variable {
        Variable { value: Value::Scalar(value.to_owned()), exported: true, readonly: false }
    }
}

impl State {
    /// The state of a shell that this one starts as a program of its own: only what is exported goes along.
    pub fn for_program(&self, name: &str, args: Vec<String>) -> State {
        let mut fresh = State { name: name.to_owned(), args, cwd: Rc::clone(&self.cwd), ..State::default() };
        for scope in &self.scopes {
            let exported = scope.iter().filter(|(_, variable)| variable.exported);
            fresh.scopes[0].extend(exported.map(|(name, variable)| (name.clone(), variable.clone())));
        }
        fresh
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).map(|variable| &variable.value)
    }

    /// The value as one text: an array's is its element 0.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::Scalar(text) => Some(text.clone()),
            Value::Array(elements) => elements.get(&0).cloned(),
        }
    }

    /// An element of an array; a scalar is its own element 0. Negative indices count from the end.
    pub fn element(&self, name: &str, index: i64) -> Option<String> {
        match self.get(name)? {
            Value::Scalar(text) => (index == 0 || index == -1).then(|| text.clone()),
            Value::Array(elements) => elements.get(&from_end(elements, index)).cloned(),
        }
    }

    /// The indices and elements of an array.
    pub fn elements(&self, name: &str) -> Vec<(i64, String)> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::Scalar(text)) => vec![(0, text.clone())],
            Some(Value::Array(elements)) => elements.iter().map(|(at, text)| (*at, text.clone())).collect(),
        }
    }

    /// Assigns to the innermost variable of this name, or to a global one.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ReadOnly> {
        let scope = self.scopes.iter().rposition(|scope| scope.contains_key(name)).unwrap_or(0);
        match self.scopes[scope].get_mut(name) {
            Some(variable) if variable.readonly => return Err(ReadOnly),
            Some(variable) => variable.value = value,
            None => {
                self.scopes[scope].insert(name.to_owned(), Variable { value, exported: false, readonly: false });
            }
        }
        Ok(())
    }

    pub fn set_text(&mut self, name: &str, text: impl Into<String>) -> Result<(), ReadOnly> {
        match self.get(name) {
            Some(Value::Array(_)) => self.set_element(name, 0, text.into()),
            _ => self.set(name, Value::Scalar(text.into())),
        }
    }

    pub fn set_element(&mut self, name: &str, index: i64, text: String) -> Result<(), ReadOnly> {
        let mut elements: BTreeMap<i64, String> = self.elements(name).into_iter().collect();
        let index = from_end(&elements, index);
        elements.insert(index, text);
        self.set(name, Value::Array(elements))
    }

    /// Makes a variable of the function that is being called.
    pub fn declare_local(&mut self, name: &str) -> Result<(), ReadOnly> {
        let scope = self.scopes.last_mut().expect("the global scope is never left");
        match scope.get(name) {
            Some(variable) if variable.readonly => Err(ReadOnly),
            _ => {
                let value = Value::Scalar(String::new());
                scope.insert(name.to_owned(), Variable { value, exported: false, readonly: false });
                Ok(())
            }
        }
    }

    pub fn unset_element(&mut self, name: &str, index: i64) -> Result<(), ReadOnly> {
        let mut elements: BTreeMap<i64, String> = self.elements(name).into_iter().collect();
        elements.remove(&from_end(&elements, index));
        self.set(name, Value::Array(elements))
    }

    pub fn unset(&mut self, name: &str) -> Result<(), ReadOnly> {
        let Some(scope) = self.scopes.iter_mut().rev().find(|scope| scope.contains_key(name)) else { return Ok(()) };
        if scope.get(name).is_some_and(|variable| variable.readonly) {
            return Err(ReadOnly);
        }
        scope.remove(name);
        Ok(())
    }

    /// Marks a variable, which comes into being empty if it is not there.
    pub fn mark(&mut self, name: &str, exported: bool, readonly: bool) {
        if self.get(name).is_none() {
            let variable = Variable { value: Value::Scalar(String::new()), exported: false, readonly: false };
            self.scopes[0].insert(name.to_owned(), variable);
        }
        if let Some(variable) = self.scopes.iter_mut().rev().find_map(|scope| scope.get_mut(name)) {
            variable.exported |= exported;
            variable.readonly |= readonly;
        }
    }

    /// The variables that programs inherit.
    pub fn exported(&self) -> BTreeMap<&str, &str> {
        let all = self.scopes.iter().flatten().filter(|(_, variable)| variable.exported);
        all.filter_map(|(name, variable)| match &variable.value {
            Value::Scalar(text) => Some((name.as_str(), text.as_str())),
            Value::Array(_) => None,
        })
        .collect()
    }

    /// The names of variables, with their values as far as they are plain.
    pub fn all(&self) -> BTreeMap<&str, &Value> {
        self.scopes.iter().flatten().map(|(name, variable)| (name.as_str(), &variable.value)).collect()
    }

    pub fn enter_scope(&mut self) {
        self.scopes.push(BTreeMap::new());
    }

    pub fn leave_scope(&mut self) {
        self.scopes.pop();
    }
}

fn from_end(elements: &BTreeMap<i64, String>, index: i64) -> i64 {
    match elements.last_key_value() {
        Some((last, _)) if index < 0 => last.saturating_add(1).saturating_add(index),
        _ => index,
    }
}

/// Whether a variable can be called so.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
