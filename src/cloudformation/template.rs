//! The sections of a template.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, SourceFile, nearest};
use crate::policy::yaml::{self, Bounds, Key, Kind, Node};

use super::condition::Truth;
use super::intrinsic::{Listed, Resolver};
use super::parameter::Parameter;
use super::value::{Gap, Value};
use super::{Declared, Error, Given, Place, Template, UNKNOWN_KEY, repeat, scalar};

/// What is read of a template. CloudFormation itself takes 1 MB and 500 resources.
const BOUNDS: Bounds = Bounds { bytes: 4 << 20, nodes: 300_000, aliases: 1_000, depth: 64 };

/// Where something is written. Line and column are worked out for a message only: that reads the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spot<'a> {
    /// At this byte of the file.
    Byte(usize),
    /// At this byte of the text of a scalar.
    Within(&'a Node, &'a str, usize),
}

impl Spot<'_> {
    pub(super) fn of(node: &Node) -> Self {
        Self::Byte(node.span.start)
    }
}

/// The text of a template, and where things are in it.
pub(super) struct File {
    source: Arc<SourceFile>,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source: SourceFile::new(name, text), lines }
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at)
    }

    pub(super) fn place_at(&self, at: usize) -> Place {
        Place { file: self.source.name.clone(), at: Some(self.source.position(at)) }
    }

    pub(super) fn place(&self, node: &Node) -> Place {
        self.place_at(node.span.start)
    }

    pub(super) fn place_of(&self, spot: Spot<'_>) -> Place {
        match spot {
            Spot::Byte(at) => self.place_at(at),
            Spot::Within(node, text, at) => self.place_at(yaml::place_in_scalar(&self.source, node, text, at)),
        }
    }

    /// A scalar as it is written; none of lists, maps and nothing.
    pub(super) fn scalar<'t>(&self, node: &'t Node) -> Option<Cow<'t, str>> {
        match &node.kind {
            Kind::String(text) => Some(text.into()),
            Kind::Bool(value) => Some(value.to_string().into()),
            Kind::Int(value) => Some(self.digits(node).unwrap_or_else(|| value.to_string()).into()),
            Kind::Float(value) => Some(self.digits(node).unwrap_or_else(|| value.to_string()).into()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// A number as it is written: `15.10` is not `15.1` where it is a version.
    fn digits(&self, node: &Node) -> Option<String> {
        let raw = self.source.text.get(node.span.clone())?.trim();
        // Of another base it is the number that counts.
        let decimal = match node.kind {
            Kind::Int(value) => raw.parse() == Ok(value),
            _ => raw.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)),
        };
        decimal.then(|| raw.to_owned())
    }

    /// A scalar as a value: numbers are numbers only if nothing of their writing is lost by it.
    pub(super) fn plain(&self, node: &Node) -> Option<Value> {
        let number = match &node.kind {
            Kind::Null => return Some(Value::Null),
            Kind::Bool(value) => return Some(Value::Bool(*value)),
            Kind::Int(value) => Some(serde_json::Number::from(*value)),
            Kind::Float(value) => serde_json::Number::from_f64(*value),
            Kind::String(_) | Kind::List(_) | Kind::Map(_) => None,
        };
        let text = self.scalar(node)?;
        Some(match number {
            Some(number) if number.to_string() == text => Value::Number(number),
            _ => Value::Text(text.into_owned()),
        })
    }

    pub(super) fn wrong_shape(&self, node: &Node, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::WrongShape { place: self.place(node), problem: problem.into(), remedy: remedy.into() }
    }

    /// A node as a map that is no function.
    pub(super) fn map<'t>(&self, node: &'t Node, what: &str) -> Result<&'t [(Key, Node)], Error> {
        if let Some(name) = function_tag(node) {
            return Err(self.wrong_shape(node, format!("{what} is a map, this is `!{name}`"), "write the map itself"));
        }
        match &node.kind {
            Kind::Map(entries) => Ok(entries),
            Kind::Null => Ok(&[]),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::String(_) | Kind::List(_) => {
                let problem = format!("{what} is a map, this is {}", node.kind.what());
                Err(self.wrong_shape(node, problem, "check the indentation or the brackets"))
            }
        }
    }

    /// A node as text that is no function.
    pub(super) fn text<'t>(&self, node: &'t Node, what: &str) -> Result<Cow<'t, str>, Error> {
        match function_tag(node) {
            None => self.scalar(node).ok_or_else(|| {
                let problem = format!("{what} is text, this is {}", node.kind.what());
                self.wrong_shape(node, problem, "write the text itself")
            }),
            Some(name) => Err(self.wrong_shape(node, format!("{what} is text, this is `!{name}`"), "write the text itself")),
        }
    }
}

/// The tag of a node without its `!`, unless it only says what YAML says of itself.
pub(super) fn function_tag(node: &Node) -> Option<&str> {
    const CORE: [&str; 7] = ["str", "int", "float", "bool", "null", "seq", "map"];
    let tag = node.tag.as_deref().filter(|tag| *tag != "!")?;
    match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(name) if CORE.contains(&name) => None,
        _ => Some(tag.trim_start_matches('!')),
    }
}

/// The value of a key.
pub(super) fn entry<'t>(entries: &'t [(Key, Node)], name: &str) -> Option<&'t Node> {
    entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}

/// The name that was probably meant, or else what to do.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.to_owned(),
    }
}

pub(super) fn read(name: &str, text: &str, given: &Given<'_>) -> Result<Template, Error> {
    let file = File::new(name, text);
    let mut root = parse(&file)?;
    if let Some(twice) = scalar::by_yaml_1_1(&file.source, &mut root) {
        let problem = format!("the key `{}` is there twice, as YAML 1.1 reads it", twice.name);
        return Err(Error::DuplicateKey { place: file.place_at(twice.span.start), problem });
    }
    if repeat::is_extended(&root) {
        let lists = lists(&file, &root, given)?;
        repeat::Loops { file: &file, lists, made: 0 }.write_out(&mut root, 0)?;
    }
    let Kind::Map(sections) = &root.kind else {
        let (problem, remedy) = match root.kind {
            Kind::Null => ("it is empty".to_owned(), "give the file that holds the template"),
            _ => (format!("it is {}", root.kind.what()), "a template is a map with `Resources`"),
        };
        return Err(Error::NotATemplate { place: file.place_at(0), problem, remedy: remedy.to_owned() });
    };
    let Some((key, resources)) = sections.iter().find(|(key, node)| key.name == "Resources" && node.kind != Kind::Null) else {
        let names = sections.iter().map(|(key, _)| key.name.as_str());
        let remedy = match nearest("Resources", names) {
            Some(near) => format!("write `{near}` as `Resources`"),
            None => "give the template itself, not its parameters or a list of stacks".to_owned(),
        };
        return Err(Error::NotATemplate { place: file.place_at(0), problem: "it has no `Resources`".to_owned(), remedy });
    };
    let resources = match &resources.kind {
        Kind::Map(entries) if function_tag(resources).is_none() => entries.as_slice(),
        _ => {
            return Err(Error::NotATemplate {
                place: file.place_at(key.span.start),
                problem: "its `Resources` is no map".to_owned(),
                remedy: "write each resource under its logical id".to_owned(),
            });
        }
    };
    let mut notes = Notes::default();
    notes.read(&file, sections, resources)?;
    let section = |name: &str| entry(sections, name).map_or(Ok(&[][..]), |node| file.map(node, &format!("`{name}`")));

    let parameters = Parameter::read_all(&file, section("Parameters")?, given)?;
    let mut resolver = Resolver::new(&file, given, parameters);
    resolver.rewritten = notes.rewritten;
    resolver.extended = notes.extended;
    resolver.mappings = section("Mappings")?.iter().map(|(key, node)| (key.name.as_str(), node)).collect();
    resolver.conditions = section("Conditions")?
        .iter()
        .filter(|(key, _)| !is_macro(&key.name))
        .map(|(key, node)| (key.name.as_str(), (key.span.start, node)))
        .collect();
    let bodies = resources
        .iter()
        .filter(|(key, _)| !is_macro(&key.name))
        .map(|(key, node)| Body::read(&file, key, node))
        .collect::<Result<Vec<_>, Error>>()?;
    resolver.resources = bodies
        .iter()
        .map(|body| (body.logical_id, Listed { kind: &body.kind, condition: body.condition.as_ref().map(|c| &*c.0) }))
        .collect();
    resolver.decide_all()?;

    let mut template = Template { resources: Vec::new(), undecided: Vec::new(), notes: Vec::new() };
    for body in &bodies {
        let truth = match &body.condition {
            Some((name, node)) => resolver.condition(name, Spot::of(node), &format!("the resource `{}`", body.logical_id))?,
            None => Truth::True,
        };
        resolver.live = truth == Truth::True;
        let declared = body.declare(&file, &mut resolver, given)?;
        match truth {
            Truth::False => continue,
            Truth::Unknown(gap) => template.undecided.push((declared.logical_id.clone(), gap.marker(given))),
            Truth::True => {}
        }
        template.resources.push(declared);
    }
    template.notes = notes.in_order();
    Ok(template)
}

/// The parameters that are lists, with their values.
fn lists(file: &File, root: &Node, given: &Given<'_>) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let Kind::Map(sections) = &root.kind else { return Ok(BTreeMap::new()) };
    let Some(section) = entry(sections, "Parameters") else { return Ok(BTreeMap::new()) };
    let parameters = Parameter::read_all(file, file.map(section, "`Parameters`")?, given)?;
    let list = |(name, parameter): (&str, Parameter<'_>)| match parameter.value() {
        Value::List(items) => Some((name.to_owned(), items.iter().map(|item| item.text().map(Cow::into_owned)).collect::<Option<_>>()?)),
        _ => None,
    };
    Ok(parameters.into_iter().filter_map(list).collect())
}

/// Whether a key stands for what a macro or a loop puts in its place.
pub(super) fn is_macro(key: &str) -> bool {
    key == "Fn::Transform" || key.starts_with("Fn::ForEach::")
}

fn parse(file: &File) -> Result<Node, Error> {
    let text = file.source.text.trim_start_matches('\u{feff}');
    if text.len() > BOUNDS.bytes {
        return Err(Error::TooLarge {
            place: Place { file: file.source.name.clone(), at: None },
            problem: format!("the file has {} bytes; at most {} are read", text.len(), BOUNDS.bytes),
            remedy: "split the template into nested stacks".to_owned(),
        });
    }
    // JSON that is not quite right may still be YAML, of another meaning.
    if text.trim_start().starts_with(['{', '['])
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        let place = Place { file: file.source.name.clone(), at: Some((error.line(), error.column())) };
        if error.is_eof() {
            return Err(Error::CutOff { place });
        }
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or_default();
        return Err(Error::Unreadable {
            place,
            problem: format!("the JSON is broken: {problem}"),
            remedy: "correct it there or just before".to_owned(),
        });
    }
    yaml::parse_tagged(&file.source, BOUNDS).map_err(|diagnostic| unreadable(file, &diagnostic))
}

fn unreadable(file: &File, diagnostic: &Diagnostic) -> Error {
    let place = file.place_at(diagnostic.span.start);
    let problem = diagnostic.title.clone();
    if diagnostic.code == Code::BudgetExceeded {
        return Error::TooLarge {
            place,
            problem: "the template is larger, deeper or more repetitive than is read".to_owned(),
            remedy: format!("keep below {} values, {} levels and {} aliases", BOUNDS.nodes, BOUNDS.depth, BOUNDS.aliases),
        };
    }
    if diagnostic.code == Code::DuplicateId {
        return Error::DuplicateKey { place, problem };
    }
    let remedy = if problem.contains("multiple YAML documents") {
        "give one template per file, without `---` inside"
    } else if problem.contains("non-finite") || problem.contains("number too large") {
        "put it in quotes if it is text"
    } else {
        "correct it there or just before; text with `:`, `{`, `!` or `*` needs quotes, and a function within a short one its long form"
    };
    let problem = if problem.contains("multiple YAML documents") {
        "the file holds several YAML documents".to_owned()
    } else {
        format!("the YAML is broken: {problem}")
    };
    Error::Unreadable { place, problem, remedy: remedy.to_owned() }
}

/// What could add to the template or change it.
#[derive(Default)]
struct Notes {
    /// With the line each is about.
    notes: Vec<(usize, String)>,
    /// Whether names may exist that the file does not have.
    rewritten: bool,
    /// Whether the language extensions are switched on.
    extended: bool,
}

impl Notes {
    fn push(&mut self, file: &File, at: usize, name: &str, says: &str) {
        let line = file.line(at);
        self.notes.push((line, format!("{name}: {says} (line {line})")));
    }

    fn in_order(mut self) -> Vec<String> {
        self.notes.sort();
        self.notes.dedup();
        self.notes.into_iter().map(|(_, note)| note).collect()
    }

    fn read(&mut self, file: &File, sections: &[(Key, Node)], resources: &[(Key, Node)]) -> Result<(), Error> {
        for (key, node) in sections {
            if key.name == "Transform" {
                self.transforms(file, node)?;
            } else if is_macro(&key.name) {
                self.rewritten = true;
                self.push(file, key.span.start, &key.name, "what it puts into the template is not seen");
            } else if let ("Conditions" | "Mappings", Kind::Map(entries)) = (key.name.as_str(), &node.kind) {
                for (inner, _) in entries.iter().filter(|(inner, _)| is_macro(&inner.name)) {
                    self.rewritten = true;
                    self.push(file, inner.span.start, &inner.name, &format!("what it puts into `{}` is not seen", key.name));
                }
            }
        }
        for (key, node) in resources {
            if is_macro(&key.name) {
                self.rewritten = true;
                self.push(file, key.span.start, &key.name, "resources it makes are not seen");
                continue;
            }
            let Kind::Map(attributes) = &node.kind else { continue };
            if let Some((inner, _)) = attributes.iter().find(|(inner, _)| is_macro(&inner.name)) {
                self.push(file, inner.span.start, &key.name, &format!("`{}` can rewrite the resource", inner.name));
            }
            const OF_OTHERS: &[&str] = &[
                "AWS::CloudFormation::Stack",
                "AWS::CloudFormation::StackSet",
                "AWS::ElasticBeanstalk::Environment",
                "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
            ];
            let nested = entry(attributes, "Type").and_then(|node| file.scalar(node)).filter(|kind| OF_OTHERS.contains(&kind.as_ref()));
            if let Some(kind) = nested {
                self.rewritten = true;
                self.push(file, key.span.start, &key.name, &format!("resources of the template that `{kind}` names are not seen"));
            }
            if let Some(kind) = entry(attributes, "Type").and_then(|node| file.scalar(node))
                && (kind.ends_with("::MODULE") || kind == "LocalModule")
            {
                self.rewritten = true;
                self.push(file, key.span.start, &key.name, &format!("resources of the module `{kind}` are not seen"));
            }
        }
        Ok(())
    }

    fn transforms(&mut self, file: &File, node: &Node) -> Result<(), Error> {
        let one = std::slice::from_ref(node);
        let items = match &node.kind {
            Kind::List(items) if function_tag(node).is_none() => items.as_slice(),
            Kind::Null => &[],
            _ => one,
        };
        for item in items {
            let name = match &item.kind {
                Kind::Map(entries) => entry(entries, "Name"),
                _ => Some(item),
            };
            let Some(name) = name else {
                return Err(file.wrong_shape(item, "the transform has no `Name`", "write the name of the macro"));
            };
            let name = file.text(name, "the name of a transform")?;
            // It is no macro: its functions are worked out, and what is left of its loops is told where it stands.
            if name == "AWS::LanguageExtensions" {
                self.extended = true;
                continue;
            }
            let says = match &*name {
                "AWS::Include" => "what it inserts is not seen",
                _ if name.starts_with("AWS::Serverless-") => "resources it makes of `AWS::Serverless` ones are not seen",
                _ => "it can rewrite any part of the template",
            };
            self.rewritten = true;
            self.push(file, item.span.start, &name, says);
        }
        Ok(())
    }
}

/// A resource as it is written.
struct Body<'t> {
    logical_id: &'t str,
    at: usize,
    kind: Cow<'t, str>,
    condition: Option<(Cow<'t, str>, &'t Node)>,
    attributes: &'t [(Key, Node)],
}

impl<'t> Body<'t> {
    fn read(file: &File, key: &'t Key, node: &'t Node) -> Result<Self, Error> {
        let what = format!("the resource `{}`", key.name);
        let attributes = file.map(node, &what)?;
        let Some(kind) = entry(attributes, "Type") else {
            let names = attributes.iter().map(|(key, _)| key.name.as_str());
            let remedy = match nearest("Type", names) {
                Some(near) => format!("write `{near}` as `Type`"),
                None => "write it, as in `Type: AWS::S3::Bucket`".to_owned(),
            };
            return Err(Error::WrongShape { place: file.place_at(key.span.start), problem: format!("{what} has no `Type`"), remedy });
        };
        let kind = file.text(kind, "the type of a resource")?;
        let condition = match entry(attributes, "Condition") {
            Some(node) => Some((file.text(node, "the condition of a resource")?, node)),
            None => None,
        };
        Ok(Self { logical_id: &key.name, at: key.span.start, kind, condition, attributes })
    }

    fn declare(&self, file: &File, resolver: &mut Resolver<'t>, given: &Given<'_>) -> Result<Declared, Error> {
        let properties = match entry(self.attributes, "Properties") {
            Some(node) => match resolver.evaluate(node)? {
                Value::Absent | Value::Null => Value::Map(Vec::new()),
                value @ (Value::Map(_) | Value::Unknown(_)) => value,
                other => {
                    let problem = format!("the properties of `{}` are a map, this is {}", self.logical_id, other.what());
                    return Err(file.wrong_shape(node, problem, "check the indentation or the brackets"));
                }
            },
            None => Value::Map(Vec::new()),
        };
        let properties = match self.attributes.iter().find(|(key, _)| is_macro(&key.name)) {
            Some((key, _)) => Value::Unknown(Gap::after_apply(format!("{} in {}", key.name, self.logical_id))),
            None => properties,
        };
        Ok(Declared {
            logical_id: self.logical_id.to_owned(),
            kind: self.kind.clone().into_owned(),
            properties: properties.into_json(given),
            deletion_policy: self.policy(file, resolver, "DeletionPolicy")?,
            update_replace_policy: self.policy(file, resolver, "UpdateReplacePolicy")?,
            condition: self.condition.as_ref().map(|(name, _)| name.clone().into_owned()),
            line: u32::try_from(file.line(self.at)).ok(),
        })
    }

    fn policy(&self, file: &File, resolver: &mut Resolver<'t>, name: &str) -> Result<Option<String>, Error> {
        let Some(node) = entry(self.attributes, name) else { return Ok(None) };
        match resolver.evaluate(node)? {
            Value::Absent | Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Unknown(_) => Ok(Some(UNKNOWN_KEY.to_owned())),
            other => {
                let problem = format!("`{name}` of `{}` is text, this is {}", self.logical_id, other.what());
                Err(file.wrong_shape(node, problem, "write `Delete`, `Retain` or `Snapshot`"))
            }
        }
    }
}

/// What a section declares, for "did you mean".
pub(super) fn names<'a, T>(map: &'a BTreeMap<&str, T>) -> impl Iterator<Item = &'a str> {
    map.keys().copied()
}
