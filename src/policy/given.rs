//! What an inline test gives: a resource, what is linked to it, parameters, and the unknown.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::load::{Context, suggest_type, test_now};
use super::yaml::{Kind, Node, Reader};
use super::{Bound, TestWorld};
use crate::diag::{Code, nearest};
use crate::estate::{Environment, Fetched, Gap, Reason, Record, RecordType, Resource, ResourceType, Type, Value};
use crate::expr::parse_duration;

const ACCOUNT: &str = "111111111111";
const REGION: &str = "eu-central-1";

/// Reads `given:`.
pub(super) fn world(reader: &mut Reader<'_>, node: &Node, ty: &Type, bindings: &[Bound], context: &Context<'_>) -> Option<TestWorld> {
    let Kind::Map(entries) = &node.kind else {
        reader.wrong(Code::BadValue, "`given` is a map of properties", node.span.clone(), "not a map");
        return None;
    };
    let mut now = test_now();
    let mut parameters = BTreeMap::new();
    let mut own = Vec::new();
    let mut linked: Vec<(&Bound, &Node)> = Vec::new();
    for (key, value) in entries {
        match key.name.as_str() {
            "now" => {
                let text = reader.string(value, "now")?;
                match text.parse() {
                    Ok(time) => now = time,
                    Err(_) => {
                        reader.wrong(Code::BadValue, format!("`{text}` is not a time"), value.span.clone(), "not a time");
                    }
                }
            }
            "params" => parameters = params(reader, value, context),
            name => match bindings.iter().find(|b| b.name == name) {
                Some(bound) => linked.push((bound, value)),
                None => own.push((key, value)),
            },
        }
    }
    let named = own.iter().find(|(key, _)| key.name == "type").map(|(_, node)| *node);
    let kind = match (ty, named) {
        (Type::Resource(Some(kind)), None) => Arc::clone(kind),
        (Type::Resource(Some(_)), Some(node)) => {
            reader.wrong(Code::BadValue, "the policy says which type it is about", node.span.clone(), "not here");
            return None;
        }
        (_, Some(node)) => {
            let name = reader.string(node, "type")?;
            match context.registry.get(&name) {
                Some(kind) => Arc::clone(kind),
                None => {
                    let near = suggest_type(context.registry, &name).map(|n| format!("did you mean `{n}`?"));
                    reader
                        .wrong(Code::UnknownType, format!("no resource type `{name}`"), node.span.clone(), "unknown type")
                        .help
                        .extend(near);
                    return None;
                }
            }
        }
        (_, None) => any_type(),
    };
    let mut giver = Giver { reader, now, resources: Vec::new(), context };
    let names: Vec<&str> = bindings.iter().map(|b| b.name.as_str()).collect();
    let subject = giver.resource(&own, &kind, &names);
    giver.resources.push(subject);
    let mut values = Vec::new();
    for bound in bindings {
        let value = match linked.iter().find(|(b, _)| b.slot == bound.slot) {
            Some((_, node)) => giver.linked(node, &bound.ty),
            // What a test does not mention is not there; `!unknown` says that it could not be seen.
            None if matches!(bound.ty, Type::Nullable(_)) => Value::Null,
            None => Value::List([].into()),
        };
        values.push(value);
    }
    Some(TestWorld { resources: giver.resources, bindings: values, parameters, now })
}

fn params(reader: &mut Reader<'_>, node: &Node, context: &Context<'_>) -> BTreeMap<String, Value> {
    let mut given = BTreeMap::new();
    let Kind::Map(entries) = &node.kind else {
        reader.wrong(Code::BadValue, "`params` is a map of names to values", node.span.clone(), "not a map");
        return given;
    };
    for (key, node) in entries {
        let known = || context.parameters.iter().map(|(p, _)| p);
        let Some(parameter) = known().find(|p| p.name == key.name) else {
            let near = nearest(&key.name, known().map(|p| p.name.as_str())).map(|n| format!("did you mean `{n}`?"));
            let title = format!("no parameter `{}`", key.name);
            reader.wrong(Code::UnknownParameter, title, key.span.clone(), "unknown parameter").help.extend(near);
            continue;
        };
        if let Some(value) = super::parameter::value(reader, node, parameter.ty, parameter.may_be_empty, &key.name) {
            given.insert(key.name.clone(), value);
        }
    }
    given
}

/// The type of the resource of a test for policies on any type: only the envelope.
fn any_type() -> Arc<ResourceType> {
    let properties = RecordType { name: "AWS::Any::Resource".to_owned(), doc: String::new(), fields: Vec::new() };
    Arc::new(ResourceType { name: properties.name.clone(), doc: String::new(), service: "-", properties: Arc::new(properties) })
}

struct Giver<'r, 'd, 'c> {
    reader: &'r mut Reader<'d>,
    now: Timestamp,
    resources: Vec<Resource>,
    context: &'c Context<'c>,
}

impl Giver<'_, '_, '_> {
    fn gap(node: &Node) -> Value {
        let named = match &node.kind {
            Kind::String(action) => action.as_str(),
            _ => "-:-",
        };
        let (service, operation) = named.split_once(':').unwrap_or(("-", named));
        Value::Unknown(Arc::new(Gap {
            service: service.to_owned(),
            operation: operation.to_owned(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            reason: Reason::Denied,
            code: Some("AccessDenied".to_owned()),
            subject: None,
        }))
    }

    fn is_unknown(node: &Node) -> bool {
        node.tag.as_deref() == Some("!unknown")
    }

    fn resource(&mut self, entries: &[(&super::yaml::Key, &Node)], kind: &Arc<ResourceType>, bindings: &[&str]) -> Resource {
        let mut resource = Resource {
            kind: Arc::clone(kind),
            arn: "arn:aws:test:eu-central-1:111111111111:subject".into(),
            id: "subject".into(),
            name: "subject".into(),
            account: ACCOUNT.into(),
            region: REGION.into(),
            environment: Environment::Named { name: "production".into(), basis: "given".to_owned() },
            tags: Fetched::Known(BTreeMap::new()),
            provided_by_aws: Fetched::Absent,
            properties: Value::Null,
            responses: Vec::new(),
            declared: None,
        };
        let mut values: Vec<Option<Value>> = vec![None; kind.properties.fields.len()];
        for (key, node) in entries {
            match key.name.as_str() {
                "account" | "arn" | "id" | "name" | "region" => {
                    if Self::is_unknown(node) {
                        let title = format!("`{}` is never unknown", key.name);
                        self.reader.wrong(Code::BadValue, title, node.span.clone(), "always known");
                        continue;
                    }
                    let Some(text) = self.reader.string(node, &key.name) else {
                        continue;
                    };
                    let text: Arc<str> = text.into();
                    match key.name.as_str() {
                        "account" => resource.account = text,
                        "arn" => resource.arn = text,
                        "id" => resource.id = text,
                        "name" => resource.name = text,
                        _ => resource.region = text,
                    }
                }
                "type" => {}
                "environment" => match Self::gap(node) {
                    Value::Unknown(gap) if Self::is_unknown(node) => resource.environment = Environment::Unknown(gap),
                    _ => {
                        let Some(text) = self.reader.string(node, "environment") else {
                            continue;
                        };
                        resource.environment = match text.as_str() {
                            crate::estate::UNASSIGNED => Environment::Unassigned,
                            crate::estate::AMBIGUOUS => Environment::Ambiguous(Vec::new()),
                            _ => Environment::Named { name: text.into(), basis: "given".to_owned() },
                        };
                    }
                },
                "provided_by_aws" => {
                    // Which rule it is does not matter to expressions, only whether there is one.
                    resource.provided_by_aws = match (Self::gap(node), &node.kind) {
                        (Value::Unknown(gap), _) if Self::is_unknown(node) => Fetched::Unknown(gap),
                        (_, Kind::Null | Kind::Bool(false)) => Fetched::Absent,
                        _ => Fetched::Known("unused-default-vpc"),
                    };
                }
                "tags" => {
                    let ty = Type::Map(Box::new(Type::String));
                    resource.tags = match self.value(node, &ty) {
                        Value::Unknown(gap) => Fetched::Unknown(gap),
                        Value::Map(entries) => Fetched::Known(
                            entries
                                .iter()
                                .filter_map(|(k, v)| if let Value::String(v) = v { Some((k.to_string(), v.to_string())) } else { None })
                                .collect(),
                        ),
                        _ => Fetched::Absent,
                    };
                }
                name => match kind.properties.field(name) {
                    Some((at, field)) => values[at] = Some(self.value(node, &field.ty)),
                    None => {
                        let envelope =
                            ["account", "arn", "environment", "id", "name", "provided_by_aws", "region", "tags", "now", "params"];
                        let known = kind.properties.fields.iter().map(|f| f.name.as_str()).chain(envelope).chain(bindings.iter().copied());
                        let help = match nearest(name, known) {
                            _ if name == "resource" => "properties stand directly under `given:`".to_owned(),
                            Some(near) => format!("did you mean `{near}`?"),
                            None => format!("`keur schema {}` shows the fields", kind.name),
                        };
                        let title = format!("no field `{name}` on {}", kind.name);
                        self.reader.wrong(Code::UnknownField, title, key.span.clone(), "unknown field").help.push(help);
                    }
                },
            }
        }
        resource.properties = Value::Record(Arc::new(Record { ty: Arc::clone(&kind.properties), values: fill(&kind.properties, values) }));
        resource
    }

    fn linked(&mut self, node: &Node, ty: &Type) -> Value {
        if Self::is_unknown(node) {
            return match ty {
                Type::List(_) => Value::List([Self::gap(node)].into()),
                _ => Self::gap(node),
            };
        }
        match (ty, &node.kind) {
            (Type::Nullable(_), Kind::Null) => Value::Null,
            (Type::Nullable(inner), _) => self.linked(node, inner),
            (Type::List(item), Kind::List(nodes)) => {
                let mut values = Vec::new();
                for node in nodes {
                    values.push(self.linked(node, item));
                }
                Value::List(values.into())
            }
            (Type::Resource(kind), Kind::Map(entries)) => {
                let named = entries.iter().find(|(k, _)| k.name == "type").and_then(|(_, n)| match &n.kind {
                    Kind::String(name) => self.context.registry.get(name).cloned(),
                    _ => None,
                });
                let kind = kind.clone().or(named).unwrap_or_else(any_type);
                let entries: Vec<_> = entries.iter().map(|(k, n)| (k, n)).collect();
                let resource = self.resource(&entries, &kind, &[]);
                self.resources.push(resource);
                Value::Resource(u32::try_from(self.resources.len() - 1).unwrap_or(u32::MAX))
            }
            (ty, kind) => {
                let title = format!("expected {ty}, this is {}", kind.what());
                self.reader.wrong(Code::BadValue, title, node.span.clone(), "wrong type");
                Value::Null
            }
        }
    }

    fn value(&mut self, node: &Node, ty: &Type) -> Value {
        if Self::is_unknown(node) {
            return Self::gap(node);
        }
        if node.tag.is_some() {
            // That the tag means nothing was told.
            return Value::Null;
        }
        match (ty, &node.kind) {
            (Type::Nullable(_), Kind::Null) => Value::Null,
            (Type::Nullable(inner), _) => self.value(node, inner),
            (Type::Bool, Kind::Bool(b)) => Value::Bool(*b),
            (Type::Int, Kind::Int(i)) => Value::Int(*i),
            (Type::Double, Kind::Float(d)) => Value::Double(*d),
            (Type::String, Kind::String(text)) => Value::string(text.as_str()),
            (Type::Timestamp, Kind::String(text)) => match self.time(text) {
                Some(time) => Value::Timestamp(time),
                None => {
                    let found = self.reader.wrong(Code::BadValue, format!("`{text}` is not a time"), node.span.clone(), "not a time");
                    found.help.push("a time is written like 2026-01-31T12:00:00Z, or from `now` on like -25h".to_owned());
                    Value::Null
                }
            },
            (Type::List(item), Kind::List(nodes)) => Value::List(nodes.iter().map(|node| self.value(node, item)).collect()),
            (Type::Map(item), Kind::Map(entries)) => {
                let pairs = entries.iter().map(|(key, node)| (Arc::from(key.name.as_str()), self.value(node, item)));
                Value::Map(Arc::new(pairs.collect()))
            }
            (Type::Record(record), Kind::Map(entries)) => {
                let mut values = vec![None; record.fields.len()];
                for (key, node) in entries {
                    match record.field(&key.name) {
                        Some((at, field)) => values[at] = Some(self.value(node, &field.ty)),
                        None => {
                            let near =
                                nearest(&key.name, record.fields.iter().map(|f| f.name.as_str())).map(|n| format!("did you mean `{n}`?"));
                            let title = format!("no field `{}` on {}", key.name, record.name);
                            self.reader.wrong(Code::UnknownField, title, key.span.clone(), "unknown field").help.extend(near);
                        }
                    }
                }
                Value::Record(Arc::new(Record { ty: Arc::clone(record), values: fill(record, values) }))
            }
            (ty, kind) => {
                let title = format!("expected {ty}, this is {}", kind.what());
                self.reader.wrong(Code::BadValue, title, node.span.clone(), "wrong type");
                Value::Null
            }
        }
    }

    fn time(&self, text: &str) -> Option<Timestamp> {
        if text == "now" {
            return Some(self.now);
        }
        match text.strip_prefix('-').and_then(parse_duration) {
            Some(ago) => self.now.checked_sub(ago).ok(),
            None => text.parse().ok(),
        }
    }
}

/// What a test does not give: null where that may be, else an unknown, so that a policy which reads
/// it cannot pass by accident.
fn fill(record: &RecordType, values: Vec<Option<Value>>) -> Box<[Value]> {
    let fill = |(value, field): (Option<Value>, &crate::estate::Field)| {
        value.unwrap_or_else(|| match field.ty {
            Type::Nullable(_) => Value::Null,
            // Lists default to empty: what is not mentioned is not there.
            Type::List(_) => Value::List([].into()),
            _ => Value::Unknown(Arc::new(Gap {
                service: "-".to_owned(),
                operation: "-".to_owned(),
                account: ACCOUNT.to_owned(),
                region: REGION.to_owned(),
                reason: Reason::NotCollected,
                code: None,
                subject: Some(format!("the test does not give `{}`", field.name)),
            })),
        })
    };
    values.into_iter().zip(&record.fields).map(fill).collect()
}
