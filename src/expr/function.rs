//! The functions and methods of expressions, beside CEL's operators and macros.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::estate::{Gap, Reason, Type, Value};

/// A function or method.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Whether it is called on a value: `x.size()`.
    pub method: bool,
    /// How it is called, for people.
    pub usage: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// The type of the result, or none if it does not take arguments of these types.
    pub(crate) check: fn(&[Type]) -> Option<Type>,
    /// The result for known arguments.
    pub(crate) apply: fn(&[Value]) -> Value,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.usage)
    }
}

/// All of them, by name.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

fn strings(types: &[Type], count: usize) -> bool {
    types.len() == count && types.iter().all(|t| *t == Type::String)
}

fn text(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        other => unreachable!("internal error: checked to be a string: {other:?}"),
    }
}

/// The unknown that comes of a value which should have been of some form and is not.
fn malformed(what: &str) -> Value {
    Value::Unknown(Arc::new(Gap {
        service: "-".to_owned(),
        operation: "-".to_owned(),
        account: String::new(),
        region: String::new(),
        reason: Reason::PolicyError,
        code: None,
        subject: Some(what.to_owned()),
    }))
}

fn size_type(types: &[Type]) -> Option<Type> {
    matches!(types, [Type::String | Type::List(_) | Type::Map(_)]).then_some(Type::Int)
}

fn size(arguments: &[Value]) -> Value {
    let size = match &arguments[0] {
        Value::String(text) => text.chars().count(),
        Value::Map(entries) => entries.len(),
        Value::List(items) => match items.iter().find(|item| item.is_unknown()) {
            Some(unknown) => return unknown.clone(),
            None => items.len(),
        },
        other => unreachable!("internal error: checked to have a size: {other:?}"),
    };
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

fn scalar_list(types: &[Type]) -> Option<Type> {
    match types {
        [Type::List(item)] => matches!(item.without_null(), Type::String | Type::Int | Type::Bool | Type::Timestamp | Type::Duration)
            .then(|| types[0].clone()),
        _ => None,
    }
}

fn distinct(arguments: &[Value]) -> Value {
    let Value::List(items) = &arguments[0] else { unreachable!("internal error: checked to be a list") };
    let mut kept: Vec<Value> = Vec::new();
    for item in items.iter() {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    Value::List(kept.into())
}

/// `values.spread(n)`: at least n different values. Unlike `distinct().size() >= n` it can be true
/// although something is unknown.
fn at_least(arguments: &[Value]) -> Value {
    let Value::List(items) = distinct(&arguments[..1]) else { unreachable!("internal error: checked to be a list") };
    let Value::Int(wanted) = arguments[1] else { unreachable!("internal error: checked to be an int") };
    let known = items.iter().filter(|item| !item.is_unknown() && **item != Value::Null).count();
    if i64::try_from(known).unwrap_or(i64::MAX) >= wanted {
        return Value::Bool(true);
    }
    items.iter().find(|item| item.is_unknown()).cloned().unwrap_or(Value::Bool(false))
}

/// `state.oneOf(yes, no)`: a word that AWS may add to is judged by what is known of it, never by what is left over.
fn one_of(arguments: &[Value]) -> Value {
    let listed = |list: &Value| match list {
        Value::List(items) => items.contains(&arguments[0]),
        other => unreachable!("internal error: checked to be a list: {other:?}"),
    };
    match (listed(&arguments[1]), listed(&arguments[2])) {
        (true, _) => Value::Bool(true),
        (false, true) => Value::Bool(false),
        (false, false) => Value::Unknown(Arc::new(Gap::unrecognised(format!("`{}` is on no list of the policy", text(&arguments[0]))))),
    }
}

/// A part of an ARN: 3 region, 4 account.
fn arn_part(arn: &str, part: usize) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    (parts.len() == 6 && parts[0] == "arn").then(|| parts[part])
}

const FUNCTIONS: &[Function] = &[
    Function {
        name: "arnAccount",
        method: true,
        usage: "arn.arnAccount()",
        doc: "Account id in an ARN; empty where the ARN has none, unknown where it is not an ARN.",
        check: |types| strings(types, 1).then_some(Type::String),
        apply: |a| arn_part(text(&a[0]), 4).map_or_else(|| malformed("not an ARN"), Value::string),
    },
    Function {
        name: "arnRegion",
        method: true,
        usage: "arn.arnRegion()",
        doc: "Region in an ARN; empty where the ARN has none, unknown where it is not an ARN.",
        check: |types| strings(types, 1).then_some(Type::String),
        apply: |a| arn_part(text(&a[0]), 3).map_or_else(|| malformed("not an ARN"), Value::string),
    },
    Function {
        name: "atLeast",
        method: true,
        usage: "list.atLeast(n)",
        doc: "Whether the list has at least n different values besides null; can be true although some are unknown.",
        check: |types| match types {
            [list, Type::Int] => scalar_list(std::slice::from_ref(list)).map(|_| Type::Bool),
            _ => None,
        },
        apply: at_least,
    },
    Function {
        name: "before",
        method: true,
        usage: "text.before(mark)",
        doc: "The text before the first mark in it; all of it where there is none.",
        check: |types| strings(types, 2).then_some(Type::String),
        apply: |a| Value::string(text(&a[0]).split_once(text(&a[1])).map_or(text(&a[0]), |(before, _)| before)),
    },
    Function {
        name: "contains",
        method: true,
        usage: "text.contains(part)",
        doc: "Whether the text has the part in it.",
        check: |types| strings(types, 2).then_some(Type::Bool),
        apply: |a| Value::Bool(text(&a[0]).contains(text(&a[1]))),
    },
    Function {
        name: "distinct",
        method: true,
        usage: "list.distinct()",
        doc: "The list without repetitions, in order of first appearance.",
        check: scalar_list,
        apply: distinct,
    },
    Function {
        name: "duration",
        method: false,
        usage: "duration('26h')",
        doc: "A span of time: a number with h, m or s, or several of them.",
        check: |types| strings(types, 1).then_some(Type::Duration),
        apply: |a| parse_duration(text(&a[0])).map_or_else(|| malformed("not a duration"), Value::Duration),
    },
    Function {
        name: "endsWith",
        method: true,
        usage: "text.endsWith(end)",
        doc: "Whether the text ends so.",
        check: |types| strings(types, 2).then_some(Type::Bool),
        apply: |a| Value::Bool(text(&a[0]).ends_with(text(&a[1]))),
    },
    Function {
        name: "lowerAscii",
        method: true,
        usage: "text.lowerAscii()",
        doc: "The text in lower case.",
        check: |types| strings(types, 1).then_some(Type::String),
        apply: |a| Value::string(text(&a[0]).to_ascii_lowercase()),
    },
    Function {
        name: "oneOf",
        method: true,
        usage: "text.oneOf(yes, no)",
        doc: "True where the text is in the first list, false where it is in the second, unknown where it is in neither.",
        check: |types| match types {
            [Type::String, Type::List(yes), Type::List(no)] => (**yes == Type::String && **no == Type::String).then_some(Type::Bool),
            _ => None,
        },
        apply: one_of,
    },
    Function {
        name: "size",
        method: false,
        usage: "size(list)",
        doc: "How many characters, elements or entries; unknown while an element is.",
        check: size_type,
        apply: size,
    },
    Function {
        name: "size",
        method: true,
        usage: "list.size()",
        doc: "How many characters, elements or entries; unknown while an element is.",
        check: size_type,
        apply: size,
    },
    Function {
        name: "startsWith",
        method: true,
        usage: "text.startsWith(start)",
        doc: "Whether the text starts so.",
        check: |types| strings(types, 2).then_some(Type::Bool),
        apply: |a| Value::Bool(text(&a[0]).starts_with(text(&a[1]))),
    },
    Function {
        name: "timestamp",
        method: false,
        usage: "timestamp('2026-01-31T12:00:00Z')",
        doc: "A point in time.",
        check: |types| strings(types, 1).then_some(Type::Timestamp),
        apply: |a| text(&a[0]).parse::<Timestamp>().map_or_else(|_| malformed("not a time"), Value::Timestamp),
    },
];

/// Reads a span of time: `26h`, `7d`, `1h30m`. Days are 24 hours.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
        let count: i64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let seconds = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(SignedDuration::from_secs(count.checked_mul(seconds)?))?;
        rest = &rest[end + 1..];
    }
    Some(total)
}
