//! Parameters: what organisations decide differently, with a type, a default and values per environment.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::yaml::{Kind, Node, Reader};
use crate::diag::{Code, nearest};
use crate::estate::{Environment, Field, Gap, Reason, Record, RecordType, Type, Value};
use crate::expr::parse_duration;

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// true or false
    Bool,
    /// whole number
    Int,
    /// text
    String,
    /// span of time: `26h`
    Duration,
    /// list of texts
    Strings,
    /// list of names of environments
    Environments,
    /// list of regions
    Regions,
}

impl ParameterType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("bool", Self::Bool),
        ("int", Self::Int),
        ("string", Self::String),
        ("duration", Self::Duration),
        ("strings", Self::Strings),
        ("environments", Self::Environments),
        ("regions", Self::Regions),
    ];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, ty)| *ty == self).map_or("", |(word, _)| word)
    }

    fn ty(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::String => Type::String,
            Self::Duration => Type::Duration,
            Self::Strings | Self::Environments | Self::Regions => Type::List(Box::new(Type::String)),
        }
    }
}

/// A parameter as it is declared.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: ParameterType,
    /// What it decides, one sentence.
    pub doc: String,
    /// Its value, unless the configuration has another.
    pub default: Value,
    /// Whether an empty list makes sense.
    pub may_be_empty: bool,
}

/// The value of a parameter, by environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Where no environment has a value of its own.
    pub default: Value,
    /// By environment.
    pub environments: BTreeMap<String, Value>,
}

/// All parameters with their values.
#[derive(Debug, Clone)]
pub struct Parameters {
    ty: Arc<RecordType>,
    declared: Vec<Parameter>,
    settings: Vec<Setting>,
    default: Value,
    by_environment: BTreeMap<String, Value>,
    environments: Option<BTreeSet<String>>,
}

/// Reads `parameters.yaml`: a list of declarations.
pub(super) fn declarations(reader: &mut Reader<'_>, node: &Node, into: &mut Vec<Parameter>) {
    for item in reader.list(node, "parameters").unwrap_or_default() {
        let Some(mut table) = reader.table(item, "a parameter") else {
            continue;
        };
        let name = table.need(reader, "name").and_then(|n| Some((reader.string(n, "name")?, n.span.clone())));
        let ty = table.need(reader, "type").and_then(|n| reader.one_of(n, "type", ParameterType::WORDS));
        let doc = table.need(reader, "doc").and_then(|n| reader.string(n, "doc"));
        let may_be_empty = table.get("may_be_empty").and_then(|n| reader.bool(n, "may_be_empty")).unwrap_or(false);
        let default = table.need(reader, "default").and_then(|n| value(reader, n, ty?, may_be_empty, "default"));
        table.finish(reader);
        let (Some((name, span)), Some(ty), Some(doc), Some(default)) = (name, ty, doc, default) else {
            continue;
        };
        if into.iter().any(|p| p.name == name) {
            reader.wrong(Code::DuplicateId, format!("parameter `{name}` is declared twice"), span, "again");
            continue;
        }
        into.push(Parameter { name, ty, doc, default, may_be_empty });
    }
}

/// Reads a value of a parameter.
pub(super) fn value(reader: &mut Reader<'_>, node: &Node, ty: ParameterType, may_be_empty: bool, what: &str) -> Option<Value> {
    match ty {
        ParameterType::Bool => reader.bool(node, what).map(Value::Bool),
        ParameterType::Int => match &node.kind {
            Kind::Int(i) => Some(Value::Int(*i)),
            other => {
                let title = format!("`{what}` is a whole number, this is {}", other.what());
                reader.wrong(Code::BadValue, title, node.span.clone(), "not a whole number");
                None
            }
        },
        ParameterType::String => reader.string(node, what).map(Value::string),
        ParameterType::Duration => {
            if let Kind::Int(_) | Kind::Float(_) = node.kind {
                let title = format!("`{what}` is a duration, this is a number");
                let found = reader.wrong(Code::BadValue, title, node.span.clone(), "no unit");
                found.help.push("a duration has a unit: 26h, 7d or 1h30m".to_owned());
                return None;
            }
            let text = reader.string(node, what)?;
            let parsed = parse_duration(&text);
            if parsed.is_none() {
                let found = reader.wrong(Code::BadValue, format!("`{text}` is not a duration"), node.span.clone(), "not a duration");
                found.help.push("a duration is written like 26h, 7d or 1h30m".to_owned());
            }
            parsed.map(Value::Duration)
        }
        ParameterType::Strings | ParameterType::Environments | ParameterType::Regions => {
            let texts = reader.strings(node, what)?;
            if texts.is_empty() && !may_be_empty {
                let found = reader.wrong(Code::EmptyList, format!("`{what}` is an empty list"), node.span.clone(), "empty");
                found.help.push("with an empty list the policies that use it would say nothing".to_owned());
                return None;
            }
            Some(Value::List(texts.into_iter().map(|(text, _)| Value::string(text)).collect()))
        }
    }
}

/// Reads `parameters:` of the configuration: name → value, or name → {default: …, <environment>: …}.
pub fn settings(
    reader: &mut Reader<'_>,
    node: &Node,
    declared: &[Parameter],
    environments: Option<&BTreeSet<String>>,
) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let Kind::Map(entries) = &node.kind else {
        reader.wrong(Code::BadValue, "`parameters` is a map of names to values", node.span.clone(), "not a map");
        return settings;
    };
    for (key, node) in entries {
        let Some(parameter) = declared.iter().find(|p| p.name == key.name) else {
            let near = nearest(&key.name, declared.iter().map(|p| p.name.as_str())).map(|n| format!("did you mean `{n}`?"));
            let title = format!("no parameter `{}`", key.name);
            let help = near.unwrap_or_else(|| "`keur policy list --parameters` shows them all".to_owned());
            reader.wrong(Code::UnknownParameter, title, key.span.clone(), "unknown parameter").help.push(help);
            continue;
        };
        let mut setting = Setting { default: parameter.default.clone(), environments: BTreeMap::new() };
        if let Kind::Map(per) = &node.kind {
            for (environment, node) in per {
                let Some(value) = value(reader, node, parameter.ty, parameter.may_be_empty, &key.name) else {
                    continue;
                };
                if environment.name == "default" {
                    setting.default = value;
                    continue;
                }
                known_environment(reader, &environment.name, environment.span.clone(), environments);
                setting.environments.insert(environment.name.clone(), value);
            }
        } else if let Some(value) = value(reader, node, parameter.ty, parameter.may_be_empty, &key.name) {
            setting.default = value;
        }
        if parameter.ty == ParameterType::Environments
            && let Kind::List(items) = &node.kind
        {
            for item in items {
                if let Kind::String(name) = &item.kind {
                    known_environment(reader, name, item.span.clone(), environments);
                }
            }
        }
        settings.insert(key.name.clone(), setting);
    }
    settings
}

fn known_environment(reader: &mut Reader<'_>, name: &str, span: std::ops::Range<usize>, environments: Option<&BTreeSet<String>>) {
    let Some(environments) = environments else { return };
    if environments.contains(name) {
        return;
    }
    let near = nearest(name, environments.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
    let help = near.unwrap_or_else(|| format!("declared are: {}", environments.iter().cloned().collect::<Vec<_>>().join(", ")));
    let title = format!("no environment `{name}` is declared");
    reader.wrong(Code::UnknownEnvironment, title, span, "unknown environment").help.push(help);
}

impl Parameters {
    /// The parameters with the values of the configuration.
    pub fn new(mut declared: Vec<Parameter>, mut settings: BTreeMap<String, Setting>) -> Self {
        declared.sort_by(|a, b| a.name.cmp(&b.name));
        let fields = declared.iter().map(|p| Field { name: p.name.clone(), doc: p.doc.clone(), ty: p.ty.ty() }).collect();
        let doc = "The parameters of the configuration".to_owned();
        let ty = Arc::new(RecordType { name: "params".to_owned(), doc, fields });
        let settings: Vec<Setting> = declared
            .iter()
            .map(|p| settings.remove(&p.name).unwrap_or_else(|| Setting { default: p.default.clone(), environments: BTreeMap::new() }))
            .collect();
        let names: BTreeSet<String> = settings.iter().flat_map(|s| s.environments.keys().cloned()).collect();
        let record = |environment: Option<&str>| {
            let pick = |s: &Setting| environment.and_then(|e| s.environments.get(e)).unwrap_or(&s.default).clone();
            Value::Record(Arc::new(Record { ty: Arc::clone(&ty), values: settings.iter().map(pick).collect() }))
        };
        let default = record(None);
        let by_environment = names.iter().map(|name| (name.clone(), record(Some(name)))).collect();
        Self { ty, declared, settings, default, by_environment, environments: None }
    }

    /// With the environments that the configuration declares.
    #[must_use]
    pub fn with_environments(mut self, declared: Option<BTreeSet<String>>) -> Self {
        self.environments = declared;
        self
    }

    /// What `environment` can be: all of it where the configuration declares its environments (`true`), else the names
    /// that parameters speak of, beside which there may be others.
    pub fn environments(&self) -> (Arc<[String]>, bool) {
        let mut names: BTreeSet<String> = [crate::estate::UNASSIGNED, crate::estate::AMBIGUOUS].map(str::to_owned).into();
        match &self.environments {
            Some(declared) => names.extend(declared.iter().cloned()),
            None => {
                for (parameter, setting) in self.iter() {
                    names.extend(setting.environments.keys().cloned());
                    if let (ParameterType::Environments, Value::List(listed)) = (parameter.ty, &setting.default) {
                        names.extend(listed.iter().filter_map(|v| if let Value::String(name) = v { Some(name.to_string()) } else { None }));
                    }
                }
            }
        }
        (names.into_iter().collect(), self.environments.is_some())
    }

    /// The type of `params` in expressions.
    pub fn ty(&self) -> Type {
        Type::Record(Arc::clone(&self.ty))
    }

    /// Name, declaration and setting of each, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Parameter, &Setting)> {
        self.declared.iter().zip(&self.settings)
    }

    /// The value of `params` for a resource. Where its environment is not known, so is every parameter
    /// that differs between environments.
    pub fn for_environment(&self, environment: &Environment) -> Value {
        match environment {
            Environment::Named { name, .. } => self.by_environment.get(&**name).unwrap_or(&self.default).clone(),
            Environment::Unassigned => self.default.clone(),
            Environment::Ambiguous(claims) => self.open(&Arc::new(Gap {
                service: "-".to_owned(),
                operation: "-".to_owned(),
                account: String::new(),
                region: String::new(),
                reason: Reason::PolicyError,
                code: None,
                subject: Some(format!(
                    "the value depends on the environment, which may be {}",
                    claims.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(" or ")
                )),
            })),
            Environment::Unknown(gap) => self.open(gap),
        }
    }

    fn open(&self, gap: &Arc<Gap>) -> Value {
        if self.by_environment.is_empty() {
            return self.default.clone();
        }
        let pick = |s: &Setting| {
            let same = s.environments.values().all(|v| *v == s.default);
            if same { s.default.clone() } else { Value::Unknown(Arc::clone(gap)) }
        };
        Value::Record(Arc::new(Record { ty: Arc::clone(&self.ty), values: self.settings.iter().map(pick).collect() }))
    }
}
