//! From a file to a policy: everything that is wrong with it is found here, before anything is judged.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::given;
use super::parameter::Parameters;
use super::yaml::{Node, Reader, place_in_scalar};
use super::{Bound, Expect, InlineTest, POLICY_KEYS, Policy, Severity, slots};
use crate::diag::{Code, Diagnostic, SourceFile};
use crate::estate::{LinkSet, Registry, Type};
use crate::expr::{self, Mistake, Names, Program, Template};

/// What policies refer to.
pub struct Context<'a> {
    /// Types of resources.
    pub registry: &'a Registry,
    /// Links between them.
    pub links: &'a LinkSet,
    /// Parameters.
    pub parameters: &'a Parameters,
    /// Ids of statements, if they are to be checked.
    pub statements: &'a [String],
}

/// The names that expressions of a policy on `resource` may use, without its bindings. Without a resource, what is asked
/// of it is not checked.
pub fn names(resource: Option<&Type>, context: &Context<'_>) -> Names {
    let mut names = Names::default();
    let text = || Type::String;
    match resource {
        Some(resource) => names.bind("resource", resource.clone()),
        None => names.bind_opaque("resource"),
    };
    names.bind("environment", text());
    names.bind("account", text());
    names.bind("region", text());
    names.bind("name", text());
    names.bind("tags", Type::Map(Box::new(text())));
    names.bind("provided_by_aws", text().nullable());
    names.bind("params", context.parameters.ty());
    names.bind("now", Type::Timestamp);
    names.may_be("type", context.registry.names().map(str::to_owned).collect(), true);
    let (environments, all) = context.parameters.environments();
    names.may_be("environment", environments, all);
    debug_assert_eq!(names.len(), slots::BINDINGS);
    names
}

/// What a policy is about.
enum About {
    /// A type, or any.
    Type(Type),
    /// A type that is not there; the one that may be meant serves to check the rest.
    Meant(Type),
    /// A type that is not there, and nobody knows which is meant.
    Nobody,
}

/// The type that may be meant by a name that no type has.
pub(crate) fn suggest_type<'r>(registry: &'r Registry, name: &str) -> Option<&'r str> {
    registry.meant_by(name).or_else(|| crate::diag::nearest(name, registry.names()))
}

/// Reads one policy. What is wrong goes to `diagnostics`.
pub(super) fn policy(source: &Arc<SourceFile>, node: &Node, context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
    let before = diagnostics.len();
    let mut reader = Reader { source: Arc::clone(source), diagnostics };
    let mut table = reader.table(node, "a policy")?;
    let start = table.start();

    let id = table.need(&mut reader, "id").and_then(|n| Some((reader.string(n, "id")?, n.span.clone())));
    let title = table.need(&mut reader, "title").and_then(|n| reader.string(n, "title"));
    let statement = table.need(&mut reader, "statement").and_then(|n| Some((reader.string(n, "statement")?, n.span.clone())));
    let severity = table.need(&mut reader, "severity").and_then(|n| reader.one_of(n, "severity", Severity::WORDS));
    let description = table.get("description").and_then(|n| reader.string(n, "description"));
    let basis = table.get("basis").and_then(|n| reader.string(n, "basis"));
    let remedy = table.need(&mut reader, "remedy").and_then(|n| reader.string(n, "remedy"));

    if let Some((id, span)) = &id {
        check_id(&mut reader, id, span);
    }
    if let Some((statement, span)) = &statement
        && !context.statements.contains(statement)
    {
        let near = crate::diag::nearest(statement, context.statements.iter().map(String::as_str));
        let help =
            near.map(|near| format!("did you mean `{near}`?")).unwrap_or_else(|| "statements are declared in `statements.yaml`".to_owned());
        let title = format!("no statement `{statement}`");
        reader.wrong(Code::UnknownStatement, title, span.clone(), "unknown statement").help.push(help);
    }

    let resource = table.need(&mut reader, "resource").and_then(|n| resource(&mut reader, n, context.registry));
    let with = table.get("with");
    let when = table.get("when");
    let require = table.need(&mut reader, "require");
    let deviation = table.need(&mut reader, "deviation");
    let tests = table.get("tests");
    for key in POLICY_KEYS {
        table.get(key);
    }
    table.finish(&mut reader);

    // A type that is missing or misspelt hides nothing else that is wrong with the file.
    let ty = match resource.unwrap_or(About::Nobody) {
        About::Type(ty) | About::Meant(ty) => Some(ty),
        About::Nobody => None,
    };
    let mut names = names(ty.as_ref(), context);
    let bindings = match (with, &ty) {
        (Some(with), Some(ty)) => bindings(&mut reader, with, ty, context, &mut names),
        (Some(with), None) => {
            opaque_bindings(with, &mut names);
            Vec::new()
        }
        (None, _) => Vec::new(),
    };
    let when = when.and_then(|n| expression(&mut reader, n, "when", &names, &[]));
    let known: Vec<String> = when.as_ref().map(|p: &Program| p.not_null.clone()).unwrap_or_default();
    let require = require.and_then(|n| Some((expression(&mut reader, n, "require", &names, &known)?, n)));
    if let Some((require, require_node)) = &require
        && !(0..names.len()).filter(|s| !matches!(*s, slots::PARAMS | slots::NOW)).any(|slot| require.mentions(slot))
    {
        let found = reader.wrong(Code::NeverMatches, "`require` never looks at the resource", require_node.span.clone(), "same for all");
        found.help.push("use `resource.…`, or a name bound with `with:`".to_owned());
    }
    let require = require.map(|(program, _)| program);
    for bound in &bindings {
        let used = when.as_ref().is_some_and(|p| p.mentions(bound.slot)) || require.as_ref().is_some_and(|p| p.mentions(bound.slot));
        if !used && require.is_some() {
            let title = format!("`{}` is bound and never used", bound.name);
            reader.wrong(Code::Unused, title, bound.span.clone(), "unused");
        }
    }
    let deviation = deviation.and_then(|n| template(&mut reader, n, &names));
    let tests = match tests {
        Some(node) => inline_tests(&mut reader, node, ty.as_ref(), &bindings, context),
        None => Vec::new(),
    };
    if reader.diagnostics.len() == before {
        missing_tests(&mut reader, &tests, start);
    }
    let wrong = crate::diag::has_errors(&diagnostics[before..]);
    let ((id, id_span), title, (statement, _), severity, remedy, require, deviation) =
        (id?, title?, statement?, severity?, remedy?, require?, deviation?);
    if wrong {
        return None;
    }
    let Type::Resource(kind) = ty? else { unreachable!("internal error: a policy is about a resource") };
    Some(Policy {
        id,
        id_span,
        title,
        statement,
        severity,
        description,
        basis,
        remedy,
        resource: kind,
        bindings,
        when,
        require,
        deviation,
        tests,
        source: Arc::clone(source),
    })
}

fn check_id(reader: &mut Reader<'_>, id: &str, span: &Range<usize>) {
    let plain = id.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if !plain {
        let found = reader.wrong(Code::BadValue, format!("`{id}` is not an id"), span.clone(), "not an id");
        found.help.push("an id is lower-case words and digits joined by hyphens: `rds-multi-az`".to_owned());
    }
    let stem = reader.source.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = stem.strip_suffix(".yaml").or_else(|| stem.strip_suffix(".yml")).unwrap_or(stem).to_owned();
    if plain && stem != id {
        let title = format!("the id is `{id}`, the file is `{stem}.yaml`");
        reader
            .wrong(Code::FileNameIsNotId, title, span.clone(), "not the name of the file")
            .help
            .push(format!("rename the file to `{id}.yaml`"));
    }
}

fn resource(reader: &mut Reader<'_>, node: &Node, registry: &Registry) -> Option<About> {
    let name = reader.string(node, "resource")?;
    if name == "*" {
        return Some(About::Type(Type::Resource(None)));
    }
    if let Some(kind) = registry.get(&name) {
        return Some(About::Type(Type::Resource(Some(Arc::clone(kind)))));
    }
    let meant = suggest_type(registry, &name);
    let help =
        meant.map_or_else(|| "`keur schema` lists the types; `*` stands for all".to_owned(), |near| format!("did you mean `{near}`?"));
    reader.wrong(Code::UnknownType, format!("no resource type `{name}`"), node.span.clone(), "unknown type").help.push(help);
    let kind = meant.and_then(|meant| registry.get(meant)).cloned();
    Some(kind.map_or(About::Nobody, |kind| About::Meant(Type::Resource(Some(kind)))))
}

/// Names bound to links of a type that nobody knows.
fn opaque_bindings(node: &Node, names: &mut Names) {
    if let super::yaml::Kind::Map(entries) = &node.kind {
        for (key, _) in entries {
            names.bind_opaque(key.name.clone());
        }
    }
}

fn bindings(reader: &mut Reader<'_>, node: &Node, ty: &Type, context: &Context<'_>, names: &mut Names) -> Vec<Bound> {
    let mut bound = Vec::new();
    let super::yaml::Kind::Map(entries) = &node.kind else {
        reader.wrong(Code::BadValue, "`with` is a map of names to links", node.span.clone(), "not a map");
        return bound;
    };
    let Type::Resource(Some(kind)) = ty else {
        reader.wrong(Code::UnknownLink, "links start from resources of one type", node.span.clone(), "the policy is about any type");
        return bound;
    };
    for (key, value) in entries {
        let Some(name) = reader.string(value, "with") else { continue };
        if names.get(&key.name).is_some() {
            reader.wrong(Code::DuplicateId, format!("`{}` is taken", key.name), key.span.clone(), "choose another name");
            continue;
        }
        let Some(link) = context.links.get(&kind.name, &name) else {
            let known: Vec<&str> = context.links.from_type(&kind.name).map(|l| l.name).collect();
            let help = match crate::diag::nearest(&name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("{} has no links", kind.name),
                None => format!("{} has: {}", kind.name, known.join(", ")),
            };
            let title = format!("no link `{name}` from {}", kind.name);
            reader.wrong(Code::UnknownLink, title, value.span.clone(), "unknown link").help.push(help);
            continue;
        };
        let mut targets = link.targets();
        targets.dedup();
        let target = match targets.as_slice() {
            [one] => Type::Resource(context.registry.get(one).cloned()),
            _ => Type::Resource(None),
        };
        let ty = if link.is_one() { target.nullable() } else { Type::List(Box::new(target)) };
        let slot = names.bind(key.name.clone(), ty.clone());
        bound.push(Bound { name: key.name.clone(), link: *link, slot, ty, span: key.span.clone() });
    }
    bound
}

fn expression(reader: &mut Reader<'_>, node: &Node, what: &str, names: &Names, known: &[String]) -> Option<Program> {
    let text = match &node.kind {
        // `require: true` is a constant like any other.
        super::yaml::Kind::Bool(b) => b.to_string(),
        _ => reader.string(node, what)?,
    };
    match expr::compile(&text, names, known) {
        Ok(program) => Some(program),
        Err(mistakes) => {
            report(reader, node, &text, mistakes);
            None
        }
    }
}

fn template(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Template> {
    let text = reader.string(node, "deviation")?;
    match expr::compile_template(&text, names) {
        Ok(template) => Some(template),
        Err(mistakes) => {
            report(reader, node, &text, mistakes);
            None
        }
    }
}

fn report(reader: &mut Reader<'_>, node: &Node, text: &str, mistakes: Vec<Mistake>) {
    for mistake in mistakes {
        let start = place_in_scalar(&reader.source, node, text, mistake.span.start);
        let end = place_in_scalar(&reader.source, node, text, mistake.span.end).max(start);
        let cut = reader.source.text[node.span.end.min(reader.source.text.len())..].trim_start_matches(' ').starts_with('#');
        let found = reader.wrong(mistake.code, mistake.title, start..end, &mistake.label);
        found.help.extend(mistake.help);
        if mistake.code == Code::ExpressionSyntax && cut {
            found.help.push("in YAML ` #` begins a comment: put the whole value into quotes, or write it below `>-`".to_owned());
        }
    }
}

fn inline_tests(reader: &mut Reader<'_>, node: &Node, ty: Option<&Type>, bindings: &[Bound], context: &Context<'_>) -> Vec<InlineTest> {
    const WORDS: &[(&str, Expect)] =
        &[("pass", Expect::Pass), ("deviation", Expect::Deviation), ("unknown", Expect::Unknown), ("out of scope", Expect::OutOfScope)];
    let mut tests = Vec::new();
    for item in reader.list(node, "tests").unwrap_or_default() {
        let Some(mut table) = reader.table(item, "a test") else { continue };
        let name = table.need(reader, "name").and_then(|n| Some((reader.string(n, "name")?, n.span.clone())));
        let expect = table.need(reader, "expect").and_then(|n| reader.one_of(n, "expect", WORDS));
        let message = table.get("message").and_then(|n| reader.string(n, "message"));
        let given = table.need(reader, "given");
        table.finish(reader);
        let world = given.zip(ty).and_then(|(n, ty)| given::world(reader, n, ty, bindings, context));
        let (Some((name, span)), Some(expect), Some(world)) = (name, expect, world) else {
            continue;
        };
        if tests.iter().any(|test: &InlineTest| test.name == name) {
            reader.wrong(Code::DuplicateId, format!("two tests are called `{name}`"), span, "again");
            continue;
        }
        tests.push(InlineTest { name, expect, message, world, span });
    }
    tests
}

fn missing_tests(reader: &mut Reader<'_>, tests: &[InlineTest], start: Range<usize>) {
    let missing: Vec<&str> = [(Expect::Pass, "pass"), (Expect::Deviation, "deviation"), (Expect::Unknown, "unknown")]
        .into_iter()
        .filter(|(expect, _)| !tests.iter().any(|t| t.expect == *expect))
        .map(|(_, word)| word)
        .collect();
    if !missing.is_empty() {
        let title = format!("no test expects {}", missing.join(" or "));
        let found = Diagnostic::error(Code::MissingInlineTest, title, &reader.source, start).warning();
        reader.diagnostics.push(found.help("add one under `tests:`; every verdict a policy can give should be seen to be given"));
    }
}

/// The moment that inline tests take place at, unless they say another.
pub fn test_now() -> Timestamp {
    Timestamp::constant(1_768_478_400, 0)
}
