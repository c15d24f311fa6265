//! Works out expressions of the source, as far as what they rest on is known before the plan is applied: variables,
//! locals, outputs, the keys of instances, and which resource of the plan is referred to. What is not worked out is
//! unknown, never guessed. The only user of the HCL crate besides `place`.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::expr::{BinaryOperator, Expression, FuncCall, ObjectKey, Traversal, TraversalOperator, UnaryOperator};
use hcl_edit::structure::Body;
use hcl_edit::template::Element;
use hcl_edit::visit::{self, Visit};
use serde_json::{Map, Number, Value as Json};

use super::address::{Address, Key, Step, steps};
use super::config::Configuration;
use super::place::{Module, Places};

/// How far expressions may rest on each other.
const DEEPEST: u32 = 96;
/// How many steps one expression may take.
const LONGEST: u32 = 50_000;

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// It cannot be told.
    Unknown,
    /// A scalar, or nothing.
    Known(Json),
    /// In the order of the list.
    List(Vec<Self>),
    /// By key.
    Map(BTreeMap<String, Self>),
    /// All instances of a resource of the plan.
    Resource(Vec<Step>, String, String),
    /// One of them.
    Instance(Address),
    /// An attribute of one.
    Attribute(Address, String),
}

impl Value {
    fn of(json: &Json) -> Self {
        match json {
            Json::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Json::Object(map) => Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::of(value))).collect()),
            Json::Number(n) if n.is_f64() => n.as_f64().map_or(Self::Unknown, number),
            scalar => Self::Known(scalar.clone()),
        }
    }

    /// As JSON, if all of it is known.
    pub(super) fn json(&self) -> Option<Json> {
        match self {
            Self::Known(json) => Some(json.clone()),
            Self::List(items) => items.iter().map(Self::json).collect::<Option<Vec<_>>>().map(Json::Array),
            Self::Map(map) => {
                map.iter().map(|(key, value)| Some((key.clone(), value.json()?))).collect::<Option<Map<_, _>>>().map(Json::Object)
            }
            _ => None,
        }
    }

    /// A scalar as text.
    fn text(&self) -> Option<String> {
        match self {
            Self::Known(Json::String(text)) => Some(text.clone()),
            Self::Known(json @ (Json::Number(_) | Json::Bool(_))) => Some(json.to_string()),
            _ => None,
        }
    }

    fn truth(&self) -> Option<bool> {
        match self {
            Self::Known(Json::Bool(truth)) => Some(*truth),
            Self::Known(Json::String(text)) => text.parse().ok(),
            _ => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Known(Json::Number(number)) => number.as_f64(),
            Self::Known(Json::String(text)) => text.parse().ok(),
            _ => None,
        }
    }

    fn key(&self) -> Option<Key> {
        match self {
            Self::Known(Json::Number(number)) => number.as_u64().map(Key::Number),
            Self::Known(Json::String(text)) => Some(Key::Text(text.clone())),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        *self == Self::Known(Json::Null)
    }
}

fn known(json: impl Into<Json>) -> Value {
    Value::Known(json.into())
}

/// A number, whole where it is.
fn number(n: f64) -> Value {
    const EXACT: f64 = 9e15;
    if n.fract() == 0.0 && n.abs() < EXACT {
        return known(n as i64);
    }
    Number::from_f64(n).map_or(Value::Unknown, |n| known(Json::Number(n)))
}

/// Whose `each` and `count` are meant.
#[derive(Debug, Clone, Copy)]
enum Own<'s> {
    Nobody,
    Resource(&'s Address),
    /// Of the call of a module: its last step.
    Call(&'s Step),
}

/// Where an expression stands.
struct Scope<'s> {
    modules: &'s [Step],
    own: Own<'s>,
    /// What `for` has bound.
    bound: Vec<(String, Value)>,
}

impl<'s> Scope<'s> {
    fn of(modules: &'s [Step], own: Own<'s>) -> Self {
        Self { modules, own, bound: Vec::new() }
    }

    fn with(&self, names: impl IntoIterator<Item = (String, Value)>) -> Self {
        let mut bound = self.bound.clone();
        bound.extend(names);
        Self { modules: self.modules, own: self.own, bound }
    }
}

/// Works out expressions of one plan's source.
pub(super) struct Evaluator<'a> {
    source: &'a Places,
    config: &'a Configuration<'a>,
    spent: Cell<u32>,
    depth: Cell<u32>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(source: &'a Places, config: &'a Configuration<'a>) -> Self {
        Self { source, config, spent: Cell::new(0), depth: Cell::new(0) }
    }

    /// An attribute of a resource: at `path`, as `.root_block_device[0].kms_key_id`. None where the source does not
    /// have it as the plan does, whose references are these.
    pub(super) fn attribute(&self, address: &Address, path: &str, references: &[Json]) -> Option<Value> {
        let module = self.source.module_of(&address.modules)?;
        let body = module.resources.get(&(address.kind.clone(), address.step.name.clone()))?;
        let (expression, rest) = at_path(body, path)?;
        if !refers_to(expression, references) {
            return None;
        }
        let value = self.start(expression, &Scope::of(&address.modules, Own::Resource(address)));
        let value = rest.into_iter().fold(value, |value, step| self.member(value, &step));
        (value != Value::Unknown).then_some(value)
    }

    /// An attribute in the configuration of a provider, which the plan has under `key` and with these references.
    pub(super) fn of_provider(&self, provider: &Json, path: &[&str], references: &[Json]) -> Option<Json> {
        let module = provider.get("module_address").and_then(Json::as_str).unwrap_or_default();
        let modules: Vec<Step> = steps(module).unwrap_or_default().into_iter().filter(|s| s.name != "module").collect();
        let text = |name: &str| provider.get(name).and_then(Json::as_str).map(str::to_owned);
        let body = self.source.module_of(&modules)?.providers.get(&(text("name")?, text("alias")))?;
        let path: String = path.iter().map(|step| format!(".{step}")).collect();
        let (expression, rest) = at_path(body, &path)?;
        if !rest.is_empty() || !refers_to(expression, references) {
            return None;
        }
        self.start(expression, &Scope::of(&modules, Own::Nobody)).json()
    }

    fn start(&self, expression: &Expression, scope: &Scope<'_>) -> Value {
        self.spent.set(0);
        self.value(expression, scope)
    }

    fn value(&self, expression: &Expression, scope: &Scope<'_>) -> Value {
        self.spent.set(self.spent.get() + 1);
        if self.depth.get() >= DEEPEST || self.spent.get() > LONGEST {
            return Value::Unknown;
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.of(expression, scope);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn of(&self, expression: &Expression, scope: &Scope<'_>) -> Value {
        match expression {
            Expression::Null(_) => known(Json::Null),
            Expression::Bool(truth) => known(*truth.value()),
            Expression::Number(n) => n.value().as_f64().map_or(Value::Unknown, number),
            Expression::String(text) => known(text.value().as_str()),
            Expression::Array(items) => Value::List(items.iter().map(|item| self.value(item, scope)).collect()),
            Expression::Object(object) => {
                let mut map = BTreeMap::new();
                for (key, value) in object.iter() {
                    let key = match key {
                        ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
                        ObjectKey::Expression(key) => self.value(key, scope).text(),
                    };
                    let Some(key) = key else { return Value::Unknown };
                    map.insert(key, self.value(value.expr(), scope));
                }
                Value::Map(map)
            }
            Expression::StringTemplate(template) => self.template(&template.iter().collect::<Vec<_>>(), scope),
            Expression::HeredocTemplate(heredoc) => match heredoc.template.as_single_element() {
                Some(Element::Literal(text)) if heredoc.indent().is_none() => known(text.as_str()),
                _ => Value::Unknown,
            },
            Expression::Parenthesis(inner) => self.value(inner.inner(), scope),
            Expression::Variable(name) => {
                scope.bound.iter().rev().find(|(bound, _)| bound == name.as_str()).map_or(Value::Unknown, |(_, value)| value.clone())
            }
            Expression::Conditional(choice) => match self.value(&choice.cond_expr, scope).truth() {
                Some(true) => self.value(&choice.true_expr, scope),
                Some(false) => self.value(&choice.false_expr, scope),
                None => {
                    let yes = self.value(&choice.true_expr, scope);
                    if yes == self.value(&choice.false_expr, scope) { yes } else { Value::Unknown }
                }
            },
            Expression::FuncCall(call) => self.call(call, scope),
            Expression::Traversal(traversal) => self.traversal(traversal, scope),
            Expression::UnaryOp(operation) => {
                let value = self.value(&operation.expr, scope);
                match operation.operator.value() {
                    UnaryOperator::Not => value.truth().map_or(Value::Unknown, |truth| known(!truth)),
                    UnaryOperator::Neg => value.number().map_or(Value::Unknown, |n| number(-n)),
                }
            }
            Expression::BinaryOp(operation) => {
                let (left, right) = (self.value(&operation.lhs_expr, scope), self.value(&operation.rhs_expr, scope));
                binary(*operation.operator.value(), &left, &right)
            }
            Expression::ForExpr(each) => self.each(each, scope),
        }
    }

    fn template(&self, elements: &[&Element], scope: &Scope<'_>) -> Value {
        // `"${x}"` is x itself.
        if let [Element::Interpolation(only)] = elements {
            return self.value(&only.expr, scope);
        }
        let mut text = String::new();
        for element in elements {
            match element {
                Element::Literal(literal) => text.push_str(literal.as_str()),
                Element::Interpolation(part) => match self.value(&part.expr, scope).text() {
                    Some(part) => text.push_str(&part),
                    None => return Value::Unknown,
                },
                Element::Directive(_) => return Value::Unknown,
            }
        }
        known(text)
    }

    fn each(&self, each: &hcl_edit::expr::ForExpr, scope: &Scope<'_>) -> Value {
        let intro = &each.intro;
        let entries: Vec<(Value, Value)> = match self.collection(self.value(&intro.collection_expr, scope)) {
            Value::List(items) => items.into_iter().enumerate().map(|(at, item)| (known(at as u64), item)).collect(),
            Value::Map(map) => map.into_iter().map(|(key, value)| (known(key), value)).collect(),
            _ => return Value::Unknown,
        };
        if each.grouping {
            return Value::Unknown;
        }
        let (mut list, mut map) = (Vec::new(), BTreeMap::new());
        for (key, value) in entries {
            let key_name = intro.key_var.as_ref().map(|name| (name.as_str().to_owned(), key));
            let inner = scope.with(key_name.into_iter().chain([(intro.value_var.as_str().to_owned(), value)]));
            match each.cond.as_ref().map(|cond| self.value(&cond.expr, &inner).truth()) {
                None | Some(Some(true)) => {}
                Some(Some(false)) => continue,
                Some(None) => return Value::Unknown,
            }
            let value = self.value(&each.value_expr, &inner);
            match &each.key_expr {
                None => list.push(value),
                Some(key) => match self.value(key, &inner).text() {
                    Some(key) => drop(map.insert(key, value)),
                    None => return Value::Unknown,
                },
            }
        }
        if each.key_expr.is_some() { Value::Map(map) } else { Value::List(list) }
    }

    /// All instances of a resource, where a list or map is asked for.
    fn collection(&self, value: Value) -> Value {
        let Value::Resource(modules, kind, name) = value else { return value };
        let keys = self.config.instances(&modules, &kind, &name).unwrap_or_default();
        let one = |key: &Option<Key>| {
            let step = Step { name: name.clone(), key: key.clone() };
            Value::Instance(Address { modules: modules.clone(), data: false, kind: kind.clone(), step })
        };
        let mut numbered: Vec<(u64, Value)> = Vec::new();
        let mut named = BTreeMap::new();
        for key in keys {
            match key {
                Some(Key::Number(n)) => numbered.push((*n, one(&Some(Key::Number(*n))))),
                Some(Key::Text(text)) => drop(named.insert(text.clone(), one(&Some(Key::Text(text.clone()))))),
                None => return Value::Unknown,
            }
        }
        numbered.sort_by_key(|(n, _)| *n);
        match (numbered.is_empty(), named.is_empty()) {
            (false, true) => Value::List(numbered.into_iter().map(|(_, value)| value).collect()),
            (true, false) => Value::Map(named),
            _ => Value::Unknown,
        }
    }

    fn traversal(&self, traversal: &Traversal, scope: &Scope<'_>) -> Value {
        let operators: Vec<&TraversalOperator> = traversal.operators.iter().map(|operator| operator.value()).collect();
        let attr = |at: usize| match operators.get(at) {
            Some(TraversalOperator::GetAttr(name)) => Some(name.as_str()),
            _ => None,
        };
        let Expression::Variable(root) = &traversal.expr else {
            let value = self.value(&traversal.expr, scope);
            return self.follow(value, &operators, scope);
        };
        let root = root.as_str();
        if let Some((_, value)) = scope.bound.iter().rev().find(|(bound, _)| bound == root) {
            return self.follow(value.clone(), &operators, scope);
        }
        let Some(name) = attr(0) else { return Value::Unknown };
        match root {
            "var" => self.follow(self.variable(scope.modules, name), &operators[1..], scope),
            "local" => self.follow(self.local(scope.modules, name), &operators[1..], scope),
            "each" | "count" => self.follow(self.own(root, name, scope), &operators[1..], scope),
            "module" => {
                let (key, used) = match operators.get(1) {
                    Some(TraversalOperator::Index(index)) => match self.value(index, scope).key() {
                        Some(key) => (Some(key), 2),
                        None => return Value::Unknown,
                    },
                    _ => (None, 1),
                };
                let call = Step { name: name.to_owned(), key };
                match (self.config.called(scope.modules, &call), attr(used)) {
                    (Some(child), Some(output)) => self.follow(self.output(&child, output), &operators[used + 1..], scope),
                    _ => Value::Unknown,
                }
            }
            "data" | "path" | "self" | "terraform" | "ephemeral" => Value::Unknown,
            kind => match self.config.instances(scope.modules, kind, name) {
                Some(_) => {
                    let all = Value::Resource(scope.modules.to_vec(), kind.to_owned(), name.to_owned());
                    self.follow(all, &operators[1..], scope)
                }
                None => Value::Unknown,
            },
        }
    }

    fn follow(&self, value: Value, operators: &[&TraversalOperator], scope: &Scope<'_>) -> Value {
        let Some((first, rest)) = operators.split_first() else { return value };
        if value == Value::Unknown {
            return value;
        }
        let next = match first {
            TraversalOperator::GetAttr(name) => self.member(value, &Key::Text(name.as_str().to_owned())),
            TraversalOperator::Index(index) => match self.value(index, scope).key() {
                Some(key) => self.member(value, &key),
                None => Value::Unknown,
            },
            TraversalOperator::LegacyIndex(index) => self.member(value, &Key::Number(*index.value())),
            TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                let one = match &value {
                    Value::Resource(modules, kind, name) => self.config.instances(modules, kind, name) == Some(&[None]),
                    _ => false,
                };
                let items = if one { Value::List(vec![value]) } else { self.collection(value) };
                return match items {
                    Value::List(items) => Value::List(items.into_iter().map(|item| self.follow(item, rest, scope)).collect()),
                    _ => Value::Unknown,
                };
            }
        };
        self.follow(next, rest, scope)
    }

    /// A member of a value: an element, an attribute, an instance.
    fn member(&self, value: Value, key: &Key) -> Value {
        match (value, key) {
            (Value::List(mut items), Key::Number(at)) => match usize::try_from(*at) {
                Ok(at) if at < items.len() => items.swap_remove(at),
                _ => Value::Unknown,
            },
            (Value::Map(mut map), Key::Text(name)) => map.remove(name).unwrap_or(Value::Unknown),
            (Value::Resource(modules, kind, name), key) => {
                let keys = self.config.instances(&modules, &kind, &name).unwrap_or_default();
                let instance = |key: Option<Key>| {
                    let step = Step { name: name.clone(), key };
                    Address { modules: modules.clone(), data: false, kind: kind.clone(), step }
                };
                match (keys, key) {
                    ([None], Key::Text(attribute)) => Value::Attribute(instance(None), attribute.clone()),
                    (keys, key) if keys.contains(&Some(key.clone())) => Value::Instance(instance(Some(key.clone()))),
                    _ => Value::Unknown,
                }
            }
            (Value::Instance(address), Key::Text(attribute)) => Value::Attribute(address, attribute.clone()),
            _ => Value::Unknown,
        }
    }

    fn variable(&self, modules: &[Step], name: &str) -> Value {
        if let Some(value) = self.config.variable(modules, name) {
            return Value::of(value);
        }
        let Some((last, parents)) = modules.split_last() else { return Value::Unknown };
        let call = self.source.module_of(parents).and_then(|module| module.calls.get(&last.name));
        match call.and_then(|body| body.get_attribute(name)) {
            Some(given) => self.value(&given.value, &Scope::of(parents, Own::Call(last))),
            None => Value::Unknown,
        }
    }

    fn local(&self, modules: &[Step], name: &str) -> Value {
        match self.source.module_of(modules).and_then(|module| module.locals.get(name)) {
            Some(expression) => self.value(expression, &Scope::of(modules, Own::Nobody)),
            None => Value::Unknown,
        }
    }

    fn output(&self, modules: &[Step], name: &str) -> Value {
        match self.source.module_of(modules).and_then(|module| module.outputs.get(name)) {
            Some(expression) => self.value(expression, &Scope::of(modules, Own::Nobody)),
            None => Value::Unknown,
        }
    }

    /// `each.key`, `each.value` and `count.index` of the instance.
    fn own(&self, root: &str, name: &str, scope: &Scope<'_>) -> Value {
        let step = match scope.own {
            Own::Nobody => return Value::Unknown,
            Own::Resource(address) => &address.step,
            Own::Call(step) => step,
        };
        match (root, name, &step.key) {
            ("count", "index", Some(Key::Number(n))) => known(*n),
            ("each", "key", Some(Key::Text(text))) => known(text.as_str()),
            ("each", "value", Some(Key::Text(text))) => {
                let module = self.source.module_of(scope.modules);
                let body = match scope.own {
                    Own::Resource(address) => {
                        module.and_then(|m: &Module| m.resources.get(&(address.kind.clone(), address.step.name.clone())))
                    }
                    _ => module.and_then(|m: &Module| m.calls.get(&step.name)),
                };
                let Some(over) = body.and_then(|body| body.get_attribute("for_each")) else { return Value::Unknown };
                match self.collection(self.value(&over.value, &Scope::of(scope.modules, Own::Nobody))) {
                    Value::Map(mut map) => map.remove(text).unwrap_or(Value::Unknown),
                    // Of a set, the value is the key.
                    Value::List(items) if items.iter().any(|item| item.text().as_deref() == Some(text)) => known(text.as_str()),
                    _ => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        }
    }

    fn call(&self, call: &FuncCall, scope: &Scope<'_>) -> Value {
        if call.name.is_namespaced() {
            return Value::Unknown;
        }
        let name = call.name.name.as_str();
        let mut all: Vec<Value> = call.args.iter().map(|argument| self.value(argument, scope)).collect();
        if call.args.expand_final() {
            match all.pop().map(|last| self.collection(last)) {
                Some(Value::List(items)) => all.extend(items),
                _ => return Value::Unknown,
            }
        }
        let all: Vec<Value> = match name {
            "one" | "concat" | "flatten" | "length" | "element" | "toset" | "tolist" | "values" | "keys" | "compact" | "distinct"
            | "lookup" | "merge" => all.into_iter().map(|value| self.collection(value)).collect(),
            _ => all,
        };
        self.apply(name, &all)
    }

    fn apply(&self, name: &str, all: &[Value]) -> Value {
        let text = |map: fn(&str) -> String| match all {
            [one] => one.text().map_or(Value::Unknown, |text| known(map(&text))),
            _ => Value::Unknown,
        };
        match (name, all) {
            ("merge", maps) => {
                let mut merged = BTreeMap::new();
                for map in maps {
                    match map {
                        Value::Map(map) => merged.extend(map.clone()),
                        null if null.is_null() => {}
                        _ => return Value::Unknown,
                    }
                }
                Value::Map(merged)
            }
            ("concat", lists) => {
                let mut joined = Vec::new();
                for list in lists {
                    let Value::List(items) = list else { return Value::Unknown };
                    joined.extend(items.iter().cloned());
                }
                Value::List(joined)
            }
            ("flatten", [Value::List(items)]) => {
                let mut flat = Vec::new();
                for item in items {
                    match item {
                        Value::List(inner) if inner.iter().all(|i| !matches!(i, Value::List(_) | Value::Unknown)) => {
                            flat.extend(inner.iter().cloned());
                        }
                        Value::List(_) | Value::Unknown => return Value::Unknown,
                        other => flat.push(other.clone()),
                    }
                }
                Value::List(flat)
            }
            // What is referred to is not known yet, and not empty.
            ("compact", [Value::List(items)]) => {
                let set = |item: &&Value| !item.is_null() && item.text().as_deref() != Some("");
                match items.contains(&Value::Unknown) {
                    true => Value::Unknown,
                    false => Value::List(items.iter().filter(set).cloned().collect()),
                }
            }
            ("distinct" | "toset", [Value::List(items)]) => {
                let mut once: Vec<Value> = Vec::new();
                for item in items {
                    if *item == Value::Unknown {
                        return Value::Unknown;
                    }
                    if !once.contains(item) {
                        once.push(item.clone());
                    }
                }
                Value::List(once)
            }
            ("tolist" | "tomap" | "sensitive" | "nonsensitive" | "try", [one, ..]) if name != "try" || *one != Value::Unknown => {
                one.clone()
            }
            ("values", [Value::Map(map)]) => Value::List(map.values().cloned().collect()),
            ("keys", [Value::Map(map)]) => Value::List(map.keys().map(|key| known(key.as_str())).collect()),
            ("length", [Value::List(items)]) => known(items.len() as u64),
            ("length", [Value::Map(map)]) => known(map.len() as u64),
            ("one", [Value::List(items)]) => match &items[..] {
                [] => known(Json::Null),
                [only] => only.clone(),
                _ => Value::Unknown,
            },
            ("element", [Value::List(items), at]) if !items.is_empty() => match at.key() {
                Some(Key::Number(at)) => {
                    let at = usize::try_from(at % items.len() as u64).unwrap_or_default();
                    items[at].clone()
                }
                _ => Value::Unknown,
            },
            ("lookup", [Value::Map(map), key, rest @ ..]) => match key.text() {
                Some(key) => map.get(&key).or(rest.first()).cloned().unwrap_or(Value::Unknown),
                None => Value::Unknown,
            },
            // The first that is something: what is referred to is.
            ("coalesce", all) => {
                let first = all.iter().find(|value| !value.is_null() && value.text().as_deref() != Some(""));
                first.cloned().unwrap_or(Value::Unknown)
            }
            ("tostring", [one]) => match one {
                Value::Attribute(..) => one.clone(),
                one => one.text().map_or(Value::Unknown, known),
            },
            ("tobool", [one]) => one.truth().map_or(Value::Unknown, known),
            ("tonumber", [one]) => one.number().map_or(Value::Unknown, number),
            ("lower", _) => text(|text| text.to_lowercase()),
            ("upper", _) => text(|text| text.to_uppercase()),
            ("trimspace", _) => text(|text| text.trim().to_owned()),
            ("join", [separator, Value::List(items)]) => {
                if let [only @ Value::Attribute(..)] = &items[..] {
                    return only.clone();
                }
                match (separator.text(), items.iter().map(Value::text).collect::<Option<Vec<_>>>()) {
                    (Some(separator), Some(items)) => known(items.join(&separator)),
                    _ => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        }
    }
}

fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Value {
    use BinaryOperator as Op;
    let truth = |truth: Option<bool>| truth.map_or(Value::Unknown, known);
    let equal = || match (left, right) {
        (Value::Known(a), Value::Known(b)) => {
            // A plan has variables as they were given, and not as their types make them: `1` may be `"1"`.
            let of_one_type = std::mem::discriminant(a) == std::mem::discriminant(b) || a.is_null() || b.is_null();
            if of_one_type || left.text() != right.text() { Some(a == b) } else { None }
        }
        _ => left.json().zip(right.json()).and_then(|(left, right)| (left == right).then_some(true)),
    };
    let numbers = || left.number().zip(right.number());
    let counted = |count: fn(f64, f64) -> f64| numbers().map_or(Value::Unknown, |(a, b)| number(count(a, b)));
    let compared = |compare: fn(f64, f64) -> bool| truth(numbers().map(|(a, b)| compare(a, b)));
    match operator {
        Op::Eq => truth(equal()),
        Op::NotEq => truth(equal().map(|equal| !equal)),
        Op::And => match (left.truth(), right.truth()) {
            (Some(false), _) | (_, Some(false)) => known(false),
            (Some(true), Some(true)) => known(true),
            _ => Value::Unknown,
        },
        Op::Or => match (left.truth(), right.truth()) {
            (Some(true), _) | (_, Some(true)) => known(true),
            (Some(false), Some(false)) => known(false),
            _ => Value::Unknown,
        },
        Op::Less => compared(|a, b| a < b),
        Op::LessEq => compared(|a, b| a <= b),
        Op::Greater => compared(|a, b| a > b),
        Op::GreaterEq => compared(|a, b| a >= b),
        Op::Plus => counted(|a, b| a + b),
        Op::Minus => counted(|a, b| a - b),
        Op::Mul => counted(|a, b| a * b),
        Op::Div => counted(|a, b| a / b),
        // The remainder of Terraform has the sign of what is divided, as that of Rust has.
        Op::Mod => counted(|a, b| a % b),
    }
}

/// The expression at a path of a body, and what is left of the path behind an attribute.
fn at_path<'b>(body: &'b Body, path: &str) -> Option<(&'b Expression, Vec<Key>)> {
    let mut walk = steps(path.trim_start_matches('.'))?.into_iter();
    let mut body = body;
    loop {
        let step = walk.next()?;
        if let Some(attribute) = body.get_attribute(&step.name) {
            let mut rest: Vec<Key> = step.key.into_iter().collect();
            for step in walk {
                rest.push(Key::Text(step.name));
                rest.extend(step.key);
            }
            return Some((&attribute.value, rest));
        }
        let made = body.get_blocks("dynamic").any(|block| block.labels.first().is_some_and(|label| label.as_str() == step.name));
        let at = match step.key {
            Some(Key::Number(at)) => usize::try_from(at).ok()?,
            _ => 0,
        };
        body = &body.blocks().filter(|block| block.ident.as_str() == step.name).nth(at).filter(|_| !made)?.body;
    }
}

/// Whether an expression refers to what the plan says that it does: if not, the source is of another plan.
fn refers_to(expression: &Expression, references: &[Json]) -> bool {
    let mut roots = Roots::default();
    roots.visit_expr(expression);
    let head = |reference: &str| {
        let steps = steps(reference)?;
        let many = if steps[0].name == "data" { 3 } else { 2 };
        Some(steps.into_iter().take(many).map(|step| step.name).collect::<Vec<_>>().join("."))
    };
    let listed: Option<BTreeSet<String>> = references.iter().filter_map(Json::as_str).map(head).collect();
    // The plan lists a resource by itself as well: that is the shortest of its prefixes.
    let found: BTreeSet<String> =
        roots.found.into_iter().filter(|root| !roots.bound.contains(root.split('.').next().unwrap_or(root))).collect();
    listed.is_some_and(|listed| listed == found)
}

/// The names that an expression begins its traversals with.
#[derive(Default)]
struct Roots {
    found: BTreeSet<String>,
    bound: BTreeSet<String>,
}

impl Visit for Roots {
    fn visit_traversal(&mut self, node: &Traversal) {
        if let Expression::Variable(root) = &node.expr {
            let many = if root.as_str() == "data" { 2 } else { 1 };
            let mut name = root.as_str().to_owned();
            for operator in node.operators.iter().take(many) {
                if let TraversalOperator::GetAttr(step) = operator.value() {
                    name.push('.');
                    name.push_str(step.as_str());
                }
            }
            self.found.insert(name);
        }
        visit::visit_traversal(self, node);
    }

    fn visit_for_intro(&mut self, node: &hcl_edit::expr::ForIntro) {
        self.bound.extend(node.key_var.iter().chain([&node.value_var]).map(|name| name.as_str().to_owned()));
        visit::visit_for_intro(self, node);
    }
}

/// As a plan would have it: what is referred to by `reference`, what is not known by `unknown`.
pub(super) fn marked(value: &Value, reference: &dyn Fn(&Address) -> Json, unknown: &dyn Fn() -> Json) -> Json {
    match value {
        Value::Known(json) => json.clone(),
        Value::List(items) => items.iter().map(|item| marked(item, reference, unknown)).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.clone(), marked(value, reference, unknown))).collect()),
        Value::Attribute(address, attribute) if super::config::IDENTITY.contains(&attribute.as_str()) => reference(address),
        _ => unknown(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Evaluator, marked};
    use crate::terraform::address::Address;
    use crate::terraform::config::Configuration;
    use crate::terraform::place::Places;

    /// Works an attribute out: its source, what the plan has as references, and of which instance.
    fn worked_out(source: &str, references: Json, own: &str) -> Json {
        let folder = std::env::temp_dir().join(format!("keur-expression-{}-{:?}", std::process::id(), std::thread::current().id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "locals {{\n  n = 1\n  key = aws_kms_key.k\n  loop = local.loop\n}}\nresource \"aws_instance\" \"i\" {{\n  x = {source}\n  for_each = {{ a = aws_kms_key.k }}\n}}\n"
        );
        std::fs::write(folder.join("main.tf"), text).unwrap();
        let configuration = json!({"root_module": {"variables": {"secret": {"sensitive": true}}}});
        let variables =
            json!({"region": {"value": "eu-central-1"}, "secret": {"value": "hidden"}, "flag": {"value": true}, "n": {"value": "1"}});
        let addresses: Vec<Address> = ["aws_subnet.s[0]", "aws_subnet.s[1]", "aws_subnet.s[2]", "aws_kms_key.k", "aws_vpc.v[\"a\"]"]
            .map(|a| Address::parse(a).unwrap())
            .into();
        let config = Configuration::new(&configuration, &variables, addresses.iter());
        let places = Places::new(&folder, &configuration);
        let evaluator = Evaluator::new(&places, &config);
        let own = Address::parse(own).unwrap();
        let value = evaluator.attribute(&own, ".x", references.as_array().unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        value.map_or(Json::Null, |value| marked(&value, &|address| json!(format!("<{address}>")), &|| json!("?")))
    }

    #[test]
    fn expressions_are_worked_out_as_far_as_they_can_be() {
        let subnet = json!(["aws_subnet.s", "count.index"]);
        let key = json!(["aws_kms_key.k.arn", "aws_kms_key.k"]);
        let one = "aws_instance.i[1]";
        for (source, references, own, expected) in [
            ("aws_subnet.s[count.index].id", subnet.clone(), one, json!("<aws_subnet.s[1]>")),
            ("aws_subnet.s[count.index + 1].id", subnet.clone(), one, json!("<aws_subnet.s[2]>")),
            ("aws_subnet.s[count.index + 2].id", subnet.clone(), one, json!(null)),
            ("element(aws_subnet.s[*].id, count.index + 2)", subnet.clone(), one, json!("<aws_subnet.s[0]>")),
            ("aws_subnet.s[*].id", json!(["aws_subnet.s"]), one, json!(["<aws_subnet.s[0]>", "<aws_subnet.s[1]>", "<aws_subnet.s[2]>"])),
            ("[for s in aws_subnet.s : s.id if s != null]", json!(["aws_subnet.s"]), one, json!(null)),
            ("aws_kms_key.k.arn", key.clone(), one, json!("<aws_kms_key.k>")),
            ("\"${aws_kms_key.k.arn}\"", key.clone(), one, json!("<aws_kms_key.k>")),
            ("\"${aws_kms_key.k.arn}-x\"", key.clone(), one, json!(null)),
            ("replace(aws_kms_key.k.arn, \"a\", \"b\")", key.clone(), one, json!(null)),
            ("try(aws_kms_key.k.arn, null)", key.clone(), one, json!("<aws_kms_key.k>")),
            ("local.key.arn", json!(["local.key.arn", "local.key"]), one, json!("<aws_kms_key.k>")),
            ("local.loop", json!(["local.loop"]), one, json!(null)),
            ("each.value.arn", json!(["each.value.arn", "each.value"]), "aws_instance.i[\"a\"]", json!("<aws_kms_key.k>")),
            ("aws_vpc.v[each.key].id", json!(["aws_vpc.v", "each.key"]), "aws_instance.i[\"a\"]", json!("<aws_vpc.v[\"a\"]>")),
            ("aws_vpc.v[\"${each.key}b\"].id", json!(["aws_vpc.v", "each.key"]), "aws_instance.i[\"a\"]", json!(null)),
            (
                "[aws_kms_key.k.arn, \"b\", aws_subnet.s[0].cidr_block]",
                json!(["aws_kms_key.k", "aws_subnet.s[0].cidr_block"]),
                one,
                json!(["<aws_kms_key.k>", "b", "?"]),
            ),
            ("var.flag ? aws_kms_key.k.arn : null", json!(["var.flag", "aws_kms_key.k.arn"]), one, json!("<aws_kms_key.k>")),
            ("var.region == \"eu-central-1\" ? \"us-east-1\" : \"eu-central-1\"", json!(["var.region"]), one, json!("us-east-1")),
            ("upper(\"${var.region}x\")", json!(["var.region"]), one, json!("EU-CENTRAL-1X")),
            // Given as text, it is what its type makes of it.
            ("var.n == 1 ? \"one\" : \"other\"", json!(["var.n"]), one, json!(null)),
            ("var.n == \"1\" ? \"one\" : \"other\"", json!(["var.n"]), one, json!("one")),
            ("var.n == 2 ? \"two\" : \"other\"", json!(["var.n"]), one, json!("other")),
            ("var.n == null ? \"none\" : var.n + 1", json!(["var.n"]), one, json!(2)),
            ("var.secret", json!(["var.secret"]), one, json!(null)),
            (
                "merge({a = 1}, {b = var.region, a = 3 - local.n})",
                json!(["var.region", "local.n"]),
                one,
                json!({"a": 2, "b": "eu-central-1"}),
            ),
            ("merge({a = 1}, var.more)", json!(["var.more"]), one, json!(null)),
            // The plan was made of another source.
            ("aws_kms_key.k.arn", json!(["aws_kms_key.other.arn", "aws_kms_key.other"]), one, json!(null)),
            ("aws_kms_key.k.arn", json!(["aws_kms_key.k.arn", "aws_kms_key.k", "var.flag"]), one, json!(null)),
        ] {
            assert_eq!(worked_out(source, references.clone(), own), expected, "{source} {references}");
        }
    }
}
