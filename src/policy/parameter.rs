//! Parameters: what organisations decide differently, with a type, a default and values per environment.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::yaml::{Kind, Node, Reader};
use crate::diag::{Code, nearest};
use crate::estate::{AMBIGUOUS, Environment, Field, Gap, Record, RecordType, Type, USUAL_ENVIRONMENTS, Value};
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

/// What a resource's environment says about the lists of environments in parameters.
enum Standing<'a> {
    /// It is this one.
    Is(&'a str),
    /// It is one of several.
    OneOf(&'a [Arc<str>]),
    /// It could be any, for a reason.
    Any(&'a Arc<Gap>),
}

/// All parameters with their values.
#[derive(Debug, Clone)]
pub struct Parameters {
    ty: Arc<RecordType>,
    declared: Vec<Parameter>,
    settings: Vec<Setting>,
    /// Whether the configuration sets each: only then does a list of environments speak of those that have no
    /// usual name.
    configured: Vec<bool>,
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
    environments: &BTreeSet<String>,
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

fn known_environment(reader: &mut Reader<'_>, name: &str, span: std::ops::Range<usize>, environments: &BTreeSet<String>) {
    if environments.contains(name) {
        return;
    }
    let near = nearest(name, environments.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
    let known = || environments.iter().cloned().collect::<Vec<_>>().join(", ");
    let help = near.unwrap_or_else(|| format!("known are: {}; declare others under `environments`", known()));
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
        let configured = declared.iter().map(|p| settings.contains_key(&p.name)).collect();
        let settings: Vec<Setting> = declared
            .iter()
            .map(|p| settings.remove(&p.name).unwrap_or_else(|| Setting { default: p.default.clone(), environments: BTreeMap::new() }))
            .collect();
        Self { ty, declared, settings, configured, environments: None }
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
    /// that differs between environments; and a list of environments does not say whether the resource is
    /// meant, so that `environment in params.…` is unknown and not false.
    pub fn for_environment(&self, environment: &Environment) -> Value {
        match environment {
            Environment::Named { name, .. } => {
                self.record(&Standing::Is(name), |s| s.environments.get(&**name).unwrap_or(&s.default).clone())
            }
            Environment::Unassigned => {
                let gap = Arc::new(Gap::unrecognised("no environment claims it"));
                self.record(&Standing::Any(&gap), |s| s.default.clone())
            }
            Environment::Unrecognised { basis } => {
                let gap = Arc::new(Gap::unrecognised(format!("{basis} names no environment that is declared")));
                self.record(&Standing::Any(&gap), |s| differing(s, &gap))
            }
            Environment::Ambiguous(claims) => {
                let names: Vec<Arc<str>> = claims.iter().map(|(name, _)| Arc::clone(name)).collect();
                let which = format!("the value depends on the environment, which may be {}", names.join(" or "));
                let gap = Arc::new(Gap::unrecognised(which));
                self.record(&Standing::OneOf(&names), |s| differing(s, &gap))
            }
            Environment::Unknown(gap) => self.record(&Standing::Any(gap), |s| differing(s, gap)),
        }
    }

    fn record(&self, standing: &Standing<'_>, pick: impl Fn(&Setting) -> Value) -> Value {
        let values = self.declared.iter().zip(&self.settings).zip(&self.configured).map(|((parameter, setting), configured)| {
            match (parameter.ty, pick(setting)) {
                (ParameterType::Environments, Value::List(listed)) => Value::List(meant(&parameter.name, &listed, standing, *configured)),
                (_, value) => value,
            }
        });
        Value::Record(Arc::new(Record { ty: Arc::clone(&self.ty), values: values.collect() }))
    }
}

/// The value of a parameter for a resource that may be in any environment.
fn differing(setting: &Setting, gap: &Arc<Gap>) -> Value {
    let same = setting.environments.values().all(|v| *v == setting.default);
    if same { setting.default.clone() } else { Value::Unknown(Arc::clone(gap)) }
}

/// A list of environments as a resource sees it: with an unknown element where nobody says whether the
/// resource is meant. An empty list means none of them.
fn meant(parameter: &str, listed: &Arc<[Value]>, standing: &Standing<'_>, configured: bool) -> Arc<[Value]> {
    if listed.is_empty() {
        return Arc::clone(listed);
    }
    let lists = |name: &str| listed.iter().any(|item| matches!(item, Value::String(text) if **text == *name));
    // The default of a parameter speaks of the usual environments; whether it includes another one nobody said.
    let undecided = |name: &str| !configured && !lists(name) && !USUAL_ENVIRONMENTS.contains(&name);
    let with = |item: Value| listed.iter().cloned().chain([item]).collect();
    let open = |name: &str| {
        let why = format!("the default of the parameter `{parameter}` does not say whether `{name}` is meant: set it in the configuration");
        with(Value::Unknown(Arc::new(Gap::unrecognised(why))))
    };
    match standing {
        Standing::Is(name) if undecided(name) => open(name),
        Standing::Is(_) => Arc::clone(listed),
        Standing::Any(gap) => with(Value::Unknown(Arc::clone(gap))),
        Standing::OneOf(names) => {
            if let Some(name) = names.iter().find(|name| undecided(name)) {
                return open(name);
            }
            match names.iter().filter(|name| lists(name)).count() {
                0 if !names.is_empty() => Arc::clone(listed),
                all if all == names.len() && all > 0 => with(Value::string(AMBIGUOUS)),
                _ => {
                    let which = if names.is_empty() { "several environments".to_owned() } else { names.join(" and ") };
                    with(Value::Unknown(Arc::new(Gap::unrecognised(format!("it is claimed by {which}")))))
                }
            }
        }
    }
}
