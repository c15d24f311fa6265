//! Three-valued evaluation of checked nodes.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::cmp::Ordering;
use std::sync::Arc;

use super::check::{Binary, Envelope, Macro, Node};
use super::{World, share};
use crate::estate::{Environment, Fetched, Gap, Reason, Resource, Value};

/// The value of a node.
pub(super) fn eval(node: &Node, world: &mut World<'_>) -> Value {
    match node {
        Node::Const(value) => value.clone(),
        Node::Slot(slot) => world.slots[*slot].clone(),
        Node::Field(of, at) => match eval(of, world) {
            Value::Record(record) => record.values[*at].clone(),
            unknown @ Value::Unknown(_) => unknown,
            Value::Null if world.sentence => Value::Null,
            other => broken(&other),
        },
        Node::Envelope(of, part) => match eval(of, world) {
            Value::Resource(position) => envelope(&world.resources[position as usize], *part),
            unknown @ Value::Unknown(_) => unknown,
            Value::Null if world.sentence => Value::Null,
            other => broken(&other),
        },
        Node::Property(of, at) => match eval(of, world) {
            Value::Resource(position) => match &world.resources[position as usize].properties {
                Value::Record(record) => record.values[*at].clone(),
                unknown @ Value::Unknown(_) => unknown.clone(),
                other => broken(other),
            },
            unknown @ Value::Unknown(_) => unknown,
            Value::Null if world.sentence => Value::Null,
            other => broken(&other),
        },
        Node::And(left, right) => match eval(left, world) {
            Value::Bool(false) => Value::Bool(false),
            Value::Bool(true) => eval(right, world),
            // What is unknown on the left does not keep a false on the right from deciding.
            unknown => match eval(right, world) {
                Value::Bool(false) => Value::Bool(false),
                Value::Bool(true) => unknown,
                Value::Unknown(gap) => weightier(unknown, gap),
                other => broken(&other),
            },
        },
        Node::Or(left, right) => match eval(left, world) {
            Value::Bool(true) => Value::Bool(true),
            Value::Bool(false) => eval(right, world),
            unknown => match eval(right, world) {
                Value::Bool(true) => Value::Bool(true),
                Value::Bool(false) => unknown,
                Value::Unknown(gap) => weightier(unknown, gap),
                other => broken(&other),
            },
        },
        Node::Not(of) => match eval(of, world) {
            Value::Bool(b) => Value::Bool(!b),
            other => other,
        },
        Node::Negate(of) => match eval(of, world) {
            Value::Int(i) => i.checked_neg().map_or_else(|| error("overflow"), Value::Int),
            Value::Double(d) => Value::Double(-d),
            Value::Duration(d) => d.checked_neg().map_or_else(|| error("overflow"), Value::Duration),
            other => other,
        },
        Node::If(condition, yes, no) => match eval(condition, world) {
            Value::Bool(true) => eval(yes, world),
            Value::Bool(false) => eval(no, world),
            unknown => {
                // Both ways lead to the same: then the condition does not matter.
                let (yes, no) = (eval(yes, world), eval(no, world));
                if !yes.is_unknown() && equal(&yes, &no) == Some(true) { yes } else { unknown }
            }
        },
        Node::Binary(op, left, right) => {
            let (left, right) = (eval(left, world), eval(right, world));
            binary(*op, left, right)
        }
        Node::In(item, range) => contains(&eval(range, world), &eval(item, world)),
        Node::Index(of, key) => index(&eval(of, world), &eval(key, world)),
        Node::HasKey(of, key) => match eval(of, world) {
            Value::Map(entries) => Value::Bool(entries.contains_key(key.as_ref())),
            Value::Null => Value::Bool(false),
            other => other,
        },
        Node::NotNull(of) => match eval(of, world) {
            Value::Unknown(gap) if gap.is_set() => Value::Bool(true),
            unknown @ Value::Unknown(_) => unknown,
            value => Value::Bool(value != Value::Null),
        },
        Node::List(items) => Value::List(items.iter().map(|item| eval(item, world)).collect()),
        Node::Call(function, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                match eval(argument, world) {
                    unknown @ Value::Unknown(_) => return unknown,
                    Value::Null if world.sentence => return Value::Null,
                    Value::Null => return broken(&Value::Null),
                    value => values.push(value),
                }
            }
            (function.apply)(&values)
        }
        Node::Matches(of, pattern) => match eval(of, world) {
            Value::String(text) => Value::Bool(pattern.is_match(&text)),
            unknown @ Value::Unknown(_) => unknown,
            other => broken(&other),
        },
        Node::Loop(kind, range, body) => match eval(range, world) {
            Value::List(items) => match share::quantified(*kind, &items, body, world) {
                Some(value) => value,
                None => each(*kind, &items, body, world),
            },
            Value::Map(entries) => {
                let keys: Vec<Value> = entries.keys().map(|key| Value::String(Arc::clone(key))).collect();
                each(*kind, &keys, body, world)
            }
            unknown @ Value::Unknown(_) => unknown,
            Value::Null if world.sentence => Value::Null,
            other => broken(&other),
        },
    }
}

fn each(kind: Macro, items: &[Value], body: &Node, world: &mut World<'_>) -> Value {
    let mut unknown = None;
    let mut hits = 0_usize;
    let mut out = Vec::new();
    for item in items {
        world.slots.push(item.clone());
        let value = eval(body, world);
        world.slots.pop();
        // An unknown element may stand for none: what would hold of it decides nothing.
        let value = match (item, value) {
            (Value::Unknown(gap), _) if kind == Macro::Map => Value::Unknown(Arc::clone(gap)),
            (Value::Unknown(gap), Value::Bool(holds)) if holds != (kind == Macro::All) => Value::Unknown(Arc::clone(gap)),
            (_, value) => value,
        };
        match (kind, value) {
            (Macro::Map, value) => out.push(value),
            (Macro::All, Value::Bool(false)) => return Value::Bool(false),
            (Macro::Exists, Value::Bool(true)) => return Value::Bool(true),
            (Macro::Filter, Value::Bool(true)) => out.push(item.clone()),
            (Macro::ExistsOne, Value::Bool(true)) => {
                hits += 1;
                if hits > 1 {
                    return Value::Bool(false);
                }
            }
            (_, Value::Bool(_)) => {}
            (Macro::Filter, gap @ Value::Unknown(_)) => out.push(gap),
            (_, Value::Unknown(gap)) => {
                unknown = Some(unknown.map_or_else(|| Value::Unknown(Arc::clone(&gap)), |first| weightier(first, Arc::clone(&gap))))
            }
            (_, other) => return broken(&other),
        }
    }
    match kind {
        Macro::Map | Macro::Filter => Value::List(out.into()),
        Macro::All => unknown.unwrap_or(Value::Bool(true)),
        Macro::Exists => unknown.unwrap_or(Value::Bool(false)),
        Macro::ExistsOne => unknown.unwrap_or(Value::Bool(hits == 1)),
    }
}

fn envelope(resource: &Resource, part: Envelope) -> Value {
    if let (Envelope::Arn | Envelope::Id | Envelope::Name, Environment::Unknown(gap), true) =
        (part, &resource.environment, resource.arn.is_empty())
    {
        return Value::Unknown(Arc::clone(gap));
    }
    match part {
        Envelope::Account => resource.account_value(),
        Envelope::Arn => resource.identity_value(&resource.arn),
        Envelope::Environment => resource.environment.as_value(),
        Envelope::EnvironmentBasis => resource.environment.basis(),
        Envelope::Id => resource.identity_value(&resource.id),
        Envelope::Name => Value::String(Arc::clone(&resource.name)),
        Envelope::ProvidedByAws => match &resource.provided_by_aws {
            Fetched::Known(rule) => Value::string(*rule),
            Fetched::Absent => Value::Null,
            Fetched::Unknown(gap) => Value::Unknown(Arc::clone(gap)),
        },
        Envelope::Region => resource.region_value(),
        Envelope::Type => Value::string(resource.kind.name.as_str()),
        Envelope::Tags => resource.tags_value(),
    }
}

fn binary(op: Binary, left: Value, right: Value) -> Value {
    match op {
        Binary::Equal | Binary::NotEqual => match equal(&left, &right) {
            Some(same) => Value::Bool(same == (op == Binary::Equal)),
            None => first_gap(&left, &right),
        },
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
            if left.is_unknown() || right.is_unknown() {
                return first_gap(&left, &right);
            }
            let Some(order) = compare(&left, &right) else {
                return broken(&left);
            };
            Value::Bool(match op {
                Binary::Less => order == Ordering::Less,
                Binary::LessEqual => order != Ordering::Greater,
                Binary::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            })
        }
        Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Modulo => {
            if left.is_unknown() || right.is_unknown() {
                return first_gap(&left, &right);
            }
            arithmetic(op, &left, &right)
        }
    }
}

fn arithmetic(op: Binary, left: &Value, right: &Value) -> Value {
    let overflow = || error("overflow");
    match (op, left, right) {
        (Binary::Add, Value::Int(a), Value::Int(b)) => a.checked_add(*b).map_or_else(overflow, Value::Int),
        (Binary::Subtract, Value::Int(a), Value::Int(b)) => a.checked_sub(*b).map_or_else(overflow, Value::Int),
        (Binary::Multiply, Value::Int(a), Value::Int(b)) => a.checked_mul(*b).map_or_else(overflow, Value::Int),
        (Binary::Divide, Value::Int(a), Value::Int(b)) => a.checked_div(*b).map_or_else(|| error("division by zero"), Value::Int),
        (Binary::Modulo, Value::Int(a), Value::Int(b)) => a.checked_rem(*b).map_or_else(|| error("division by zero"), Value::Int),
        (Binary::Add, Value::Double(a), Value::Double(b)) => Value::Double(a + b),
        (Binary::Subtract, Value::Double(a), Value::Double(b)) => Value::Double(a - b),
        (Binary::Multiply, Value::Double(a), Value::Double(b)) => Value::Double(a * b),
        (Binary::Divide, Value::Double(a), Value::Double(b)) => Value::Double(a / b),
        (Binary::Add, Value::String(a), Value::String(b)) => Value::string(format!("{a}{b}")),
        (Binary::Add, Value::List(a), Value::List(b)) => Value::List(a.iter().chain(b.iter()).cloned().collect()),
        (Binary::Add, Value::Duration(a), Value::Duration(b)) => a.checked_add(*b).map_or_else(overflow, Value::Duration),
        (Binary::Subtract, Value::Duration(a), Value::Duration(b)) => a.checked_sub(*b).map_or_else(overflow, Value::Duration),
        (Binary::Subtract, Value::Timestamp(a), Value::Timestamp(b)) => Value::Duration(a.duration_since(*b)),
        (Binary::Add, Value::Timestamp(a), Value::Duration(b)) | (Binary::Add, Value::Duration(b), Value::Timestamp(a)) => {
            a.checked_add(*b).map_or_else(|_| overflow(), Value::Timestamp)
        }
        (Binary::Subtract, Value::Timestamp(a), Value::Duration(b)) => a.checked_sub(*b).map_or_else(|_| overflow(), Value::Timestamp),
        _ => broken(left),
    }
}

/// Whether two values are the same: known, or none when it hangs on something unknown.
pub(super) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        // What is set is not null, and two references to the same thing are the same.
        (Value::Unknown(gap), Value::Null) | (Value::Null, Value::Unknown(gap)) if gap.is_set() => Some(false),
        (Value::Unknown(a), Value::Unknown(b)) => a.same_thing(b),
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
        (Value::Int(a), Value::Double(b)) | (Value::Double(b), Value::Int(a)) => Some((*a as f64) == *b),
        (Value::List(a), Value::List(b)) => {
            // An unknown element may stand for none or for many: lengths say nothing then.
            if a.iter().chain(b.iter()).any(Value::is_unknown) {
                return None;
            }
            if a.len() != b.len() {
                return Some(false);
            }
            all_equal(a.iter().zip(b.iter()))
        }
        (Value::Record(a), Value::Record(b)) => all_equal(a.values.iter().zip(b.values.iter())),
        (Value::Map(a), Value::Map(b)) => {
            if !a.keys().eq(b.keys()) {
                return Some(false);
            }
            all_equal(a.values().zip(b.values()))
        }
        (a, b) => Some(a == b),
    }
}

fn all_equal<'v>(pairs: impl Iterator<Item = (&'v Value, &'v Value)>) -> Option<bool> {
    let mut result = Some(true);
    for (a, b) in pairs {
        match equal(a, b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
        (Value::Double(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn contains(range: &Value, item: &Value) -> Value {
    match range {
        Value::List(items) => {
            let mut open = None;
            for candidate in items.iter() {
                match equal(candidate, item) {
                    Some(true) => return Value::Bool(true),
                    Some(false) => {}
                    None => open = open.or_else(|| Some(first_gap(candidate, item))),
                }
            }
            open.unwrap_or(Value::Bool(false))
        }
        Value::Map(entries) => match item {
            Value::String(key) => Value::Bool(entries.contains_key(key)),
            unknown @ Value::Unknown(_) => unknown.clone(),
            other => broken(other),
        },
        unknown @ Value::Unknown(_) => unknown.clone(),
        other => broken(other),
    }
}

fn index(of: &Value, key: &Value) -> Value {
    match (of, key) {
        (Value::Unknown(_), _) => of.clone(),
        (_, Value::Unknown(_)) => key.clone(),
        (Value::Map(entries), Value::String(key)) => {
            entries.get(key).cloned().unwrap_or_else(|| error(&format!("there is no `{key}`; ask `'{key}' in …` first")))
        }
        (Value::List(items), Value::Int(at)) => {
            usize::try_from(*at).ok().and_then(|at| items.get(at).cloned()).unwrap_or_else(|| error("no such element"))
        }
        (other, _) => broken(other),
    }
}

/// The gap that makes a value of two operands unknown.
fn first_gap(left: &Value, right: &Value) -> Value {
    match left.first_gap().or_else(|| right.first_gap()) {
        Some(gap) => Value::Unknown(Arc::clone(gap)),
        None => broken(left),
    }
}

/// A mistake of the policy that only shows on some resources: never a verdict about them.
fn error(what: &str) -> Value {
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

/// The checker lets no such value through; should it, nothing is concluded from it.
fn broken(value: &Value) -> Value {
    match value {
        unknown @ Value::Unknown(_) => unknown.clone(),
        other => error(&format!("unexpected {}", if *other == Value::Null { "null" } else { "value" })),
    }
}

/// Of two reasons the one to tell: what only a run over AWS can tell excuses nothing that this run should have
/// known.
fn weightier(first: Value, second: Arc<Gap>) -> Value {
    match first {
        Value::Unknown(gap) if gap.reason == Reason::NotInPlan => Value::Unknown(second),
        other => other,
    }
}
