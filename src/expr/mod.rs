//! Expressions: CEL, parsed by the `cel` crate (this module is its only user), checked against the
//! types of the resources, and evaluated with three values.
//!
//! Why an evaluator of our own: what an unknown does to a verdict is what keur exists for. The
//! evaluator of the crate stops a comprehension at the first error, so that `[unknown, false].all(x, x)`
//! would be an error instead of false, and it cannot say which gap made a verdict unknown. Ours works
//! on checked, index-resolved nodes; on known values it is compared with the crate's in the tests.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

mod check;
mod eval;
mod foreign;
mod function;
mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::diag::Code;
use crate::estate::{Gap, Reason, Resource, Type, Value};

pub use check::{compile, compile_template};
pub use function::{Function, functions, parse_duration};
pub use share::Shared;

/// The names an expression may use, in the order of their slots.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: Vec<(String, Type)>,
    /// Names whose type is a mistake that was told already: nothing more is said about what is asked of them.
    opaque: BTreeSet<String>,
    /// Texts that a name or a part of every resource can be, and whether these are all.
    words: BTreeMap<&'static str, (Arc<[String]>, bool)>,
}

impl Names {
    /// Binds a name; gives its slot.
    pub fn bind(&mut self, name: impl Into<String>, ty: Type) -> usize {
        self.names.push((name.into(), ty));
        self.names.len() - 1
    }

    /// Binds a name of which no type is known; what is asked of it is not checked.
    pub fn bind_opaque(&mut self, name: impl Into<String>) -> usize {
        let name = name.into();
        self.opaque.insert(name.clone());
        self.bind(name, Type::Null)
    }

    /// Says which texts `name` can be, alone (`environment`) or of a resource (`r.environment`). Unless these are `all`,
    /// only what is nearly one of them is a mistake.
    pub fn may_be(&mut self, name: &'static str, words: Arc<[String]>, all: bool) {
        self.words.insert(name, (words, all));
    }

    /// Slot and type of a name.
    pub fn get(&self, name: &str) -> Option<(usize, &Type)> {
        // The last binding wins: a loop variable hides what it is named after.
        let at = self.names.iter().rposition(|(n, _)| n == name)?;
        Some((at, &self.names[at].1))
    }

    /// All names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.names.iter().map(|(name, ty)| (name.as_str(), ty))
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What kind.
    pub code: Code,
    /// What is wrong, one line.
    pub title: String,
    /// The bytes of the expression it is about.
    pub span: Range<usize>,
    /// What stands under the underline.
    pub label: String,
    /// What to do.
    pub help: Vec<String>,
}

/// A checked expression of type bool: clauses joined by `&&`, each evaluated alone so that a finding
/// can say which one failed.
#[derive(Debug, Clone)]
pub struct Program {
    /// The clauses, in order.
    pub clauses: Vec<Clause>,
    /// What the expression leaves no doubt about: paths that are not null where it is true.
    pub(crate) not_null: Vec<String>,
}

/// One clause of an expression.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Its text.
    pub text: String,
    pub(crate) node: check::Node,
}

/// What an expression says of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not, because of this clause.
    False {
        /// Position of the clause.
        clause: usize,
    },
    /// Nobody can say, because of this gap.
    Unknown {
        /// Position of the clause.
        clause: usize,
        /// The first gap in the way.
        gap: Arc<Gap>,
    },
}

/// What names stand for while an expression is evaluated.
#[derive(Debug)]
pub struct World<'a> {
    /// The resources that values of type resource point to.
    pub resources: &'a [Resource],
    /// One value per name, in the order of their slots; loops push theirs behind them.
    pub slots: Vec<Value>,
    /// Whether a sentence is being written: what is asked of `null` is `null` then.
    pub sentence: bool,
    /// What is known of lists that many resources share, where many are judged.
    pub shared: Option<&'a Shared>,
}

impl Program {
    /// Evaluates the clauses from left to right. One that is false decides; one that is unknown does
    /// not stop the next, because a later false would still decide.
    pub fn evaluate(&self, world: &mut World<'_>) -> Truth {
        let mut unknown: Option<(usize, Arc<Gap>)> = None;
        for (at, clause) in self.clauses.iter().enumerate() {
            match eval::eval(&clause.node, world) {
                Value::Bool(true) => {}
                Value::Bool(false) => return Truth::False { clause: at },
                // What only a run over AWS can tell excuses nothing that this run should have known.
                Value::Unknown(gap) => match &unknown {
                    Some((_, first)) if first.reason != Reason::NotInPlan || gap.reason == Reason::NotInPlan => {}
                    _ => unknown = Some((at, gap)),
                },
                other => unreachable!("internal error: checked to be a bool: {other:?}"),
            }
        }
        match unknown {
            Some((clause, gap)) => Truth::Unknown { clause, gap },
            None => Truth::True,
        }
    }

    /// Whether any clause reads the name in `slot`.
    pub fn mentions(&self, slot: usize) -> bool {
        self.clauses.iter().any(|clause| clause.node.mentions(slot))
    }

    /// The properties of the resource in `slot` that are read, and the parameters of `params`.
    pub fn fields_read(&self, slot: usize) -> BTreeMap<String, usize> {
        let mut fields = BTreeMap::new();
        for clause in &self.clauses {
            clause.node.fields(slot, &mut fields);
        }
        fields
    }
}

/// A template for a sentence: text with `{expression}` in it.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(String),
    Value(check::Node),
}

impl Template {
    /// Whether it reads the name in `slot`.
    pub fn mentions(&self, slot: usize) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value(node) if node.mentions(slot)))
    }

    /// The sentence, on one line; what is not known is said so.
    pub fn render(&self, world: &mut World<'_>) -> String {
        let mut text = String::new();
        world.sentence = true;
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(node @ check::Node::Loop(check::Macro::Map | check::Macro::Filter, ..)) => {
                    match share::beginning(node, world, SHOWN) {
                        Some((items, count)) => say_list(&items, count, world.resources, &mut text),
                        None => say(&eval::eval(node, world), world.resources, &mut text),
                    }
                }
                Part::Value(node) => say(&eval::eval(node, world), world.resources, &mut text),
            }
        }
        world.sentence = false;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn say(value: &Value, resources: &[Resource], text: &mut String) {
    use std::fmt::Write as _;
    let written = match value {
        Value::Null => write!(text, "none"),
        Value::Bool(b) => write!(text, "{b}"),
        Value::Int(i) => write!(text, "{i}"),
        Value::Double(d) => write!(text, "{d}"),
        Value::String(s) => write!(text, "{s}"),
        Value::Timestamp(t) => write!(text, "{}", t.strftime("%Y-%m-%dT%H:%M:%SZ")),
        Value::Duration(d) => write!(text, "{d:#}"),
        Value::Resource(at) => write!(text, "{}", resources[*at as usize].name),
        // What is still to be made is known by its address.
        Value::Unknown(gap) if gap.symbol().is_some() => write!(text, "{}", gap.subject.as_deref().unwrap_or_default()),
        Value::Unknown(_) => write!(text, "unknown"),
        Value::Map(entries) => write!(text, "{} entries", entries.len()),
        Value::Record(_) => write!(text, "…"),
        Value::List(items) => {
            say_list(&items[..items.len().min(SHOWN)], items.len(), resources, text);
            Ok(())
        }
    };
    written.expect("internal error: writing to a string cannot fail");
}

/// How many elements of a list a sentence tells.
const SHOWN: usize = 5;

/// The first elements of a list of `count`.
fn say_list(first: &[Value], count: usize, resources: &[Resource], text: &mut String) {
    if count == 0 {
        text.push_str("none");
    }
    for (at, item) in first.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        say(item, resources, text);
    }
    if count > first.len() {
        text.push_str(&format!(" and {} more", count - first.len()));
    }
}
