//! `keur schema`: the fields and links of resource types, as prose or as JSON Schema.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value as Json, json};

use super::{Failure, Outcome, Terminal, output};
use crate::estate::{CODE, LinkSet, RecordType, Registry, ResourceType, Type};
use crate::policy::POLICY_KEYS;
use crate::{aws, isolation};

/// Options of `keur schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// A resource type; without it, the list of types
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
    /// JSON Schema: of the type's properties, or of policy files when no type is named
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: SchemaArgs, terminal: &Terminal) -> Outcome {
    let registry = crate::registry();
    let links = aws::links(isolation::LINKS);
    let json = args.json;
    let text = match (&args.kind, args.json) {
        (None, false) => list(&registry),
        (None, true) => pretty(&policy_schema(&registry, &links)),
        (Some(name), json) => {
            let Some(kind) = registry.get(name) else {
                let near = crate::policy::suggest_type(&registry, name);
                let hint = near.map_or_else(|| "`keur schema` lists the types".to_owned(), |near| format!("did you mean `{near}`?"));
                return Err(Failure::usage(format!("no resource type `{name}`")).hint(hint));
            };
            if json { pretty(&type_schema(kind)) } else { prose(kind, &links) }
        }
    };
    if json {
        return output::stdout(text.as_bytes());
    }
    output::folded(terminal, |out| out.write_all(text.as_bytes()))?;
    Ok(0)
}

fn pretty(json: &Json) -> String {
    let mut text = serde_json::to_string_pretty(json).unwrap_or_default();
    text.push('\n');
    text
}

fn list(registry: &Registry) -> String {
    let mut text = String::new();
    for kind in registry.iter() {
        let _ = writeln!(text, "{:<46} {}", kind.name, kind.doc);
    }
    text
}

/// The reference of one type, as Markdown reads well in a terminal.
pub(super) fn prose(kind: &ResourceType, links: &LinkSet) -> String {
    let from = match kind.service {
        CODE => "Only in runs that are given code.".to_owned(),
        service => format!("Collected by `{service}`."),
    };
    let mut text = format!("{}\n{}\n{from}\n\nFields\n", kind.name, kind.doc);
    let mut records = Vec::new();
    fields(&mut text, &kind.properties, &mut records);
    let mut at = 0;
    while at < records.len() {
        let record: std::sync::Arc<RecordType> = std::sync::Arc::clone(&records[at]);
        let _ = write!(text, "\n{}: {}\n", record.name, record.doc);
        fields(&mut text, &record, &mut records);
        at += 1;
    }
    let mut first = true;
    for link in links.from_type(&kind.name) {
        if first {
            text.push_str("\nLinks\n");
            first = false;
        }
        let count = if link.is_one() { "one or null" } else { "list" };
        let _ = writeln!(text, "  {} ({count} of {})\n      {}", link.name, link.targets().join(", "), link.doc);
    }
    text.push_str(
        "\nEvery resource also has: account, arn, environment, environment_basis, id, name, provided_by_aws, region, tags, type.\n",
    );
    text
}

fn fields(text: &mut String, record: &RecordType, records: &mut Vec<std::sync::Arc<RecordType>>) {
    for field in &record.fields {
        let _ = writeln!(text, "  {} ({})\n      {}", field.name, field.ty, field.doc);
        note(&field.ty, records);
    }
}

fn note(ty: &Type, records: &mut Vec<std::sync::Arc<RecordType>>) {
    match ty {
        Type::Record(record) if !records.iter().any(|r| r.name == record.name) => records.push(std::sync::Arc::clone(record)),
        Type::List(inner) | Type::Map(inner) | Type::Nullable(inner) => note(inner, records),
        _ => {}
    }
}

fn schema_of(ty: &Type) -> Json {
    match ty {
        Type::Bool => json!({"type": "boolean"}),
        Type::Int => json!({"type": "integer"}),
        Type::Double => json!({"type": "number"}),
        Type::String => json!({"type": "string"}),
        Type::Timestamp => json!({"type": "string", "description": "2026-01-31T12:00:00Z, or -25h from now on in tests"}),
        Type::Duration => json!({"type": "string", "pattern": "^([0-9]+[dhms])+$"}),
        Type::Null => json!({"type": "null"}),
        Type::List(item) => json!({"type": "array", "items": schema_of(item)}),
        Type::Map(value) => json!({"type": "object", "additionalProperties": schema_of(value)}),
        Type::Record(record) => record_schema(record),
        Type::Resource(_) => json!({"type": "object"}),
        Type::Nullable(inner) => json!({"anyOf": [schema_of(inner), {"type": "null"}]}),
    }
}

fn record_schema(record: &RecordType) -> Json {
    let mut properties = serde_json::Map::new();
    for field in &record.fields {
        let mut schema = schema_of(&field.ty);
        if let Json::Object(map) = &mut schema {
            map.insert("description".to_owned(), Json::String(field.doc.clone()));
        }
        properties.insert(field.name.clone(), schema);
    }
    json!({"type": "object", "description": record.doc, "properties": properties, "additionalProperties": false})
}

fn type_schema(kind: &ResourceType) -> Json {
    let mut schema = record_schema(&kind.properties);
    if let Json::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), json!(kind.name));
    }
    schema
}

/// The schema of policy files: keys, types, links, and the fields of `given` by resource type.
pub(super) fn policy_schema(registry: &Registry, links: &LinkSet) -> Json {
    let key = |name: &str| match name {
        "id" => {
            json!({"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "description": "What is true when the policy passes; also the name of the file"})
        }
        "title" => json!({"type": "string", "description": "One sentence for people"}),
        "statement" => json!({"type": "string", "description": "The statement it tests, from statements.yaml"}),
        "severity" => json!({"enum": ["critical", "high", "medium", "low"], "description": "How much a deviation matters"}),
        "description" => json!({"type": "string", "description": "Background, traps, sources"}),
        "resource" => {
            json!({"enum": registry.names().chain(["*"]).collect::<Vec<_>>(), "description": "The type it is about; * for every type"})
        }
        "with" => json!({"type": "object", "additionalProperties": {"type": "string"}, "description": "Linked resources, bound by name"}),
        "when" => json!({"type": "string", "description": "CEL: which resources it is about"}),
        "require" => json!({"type": ["string", "boolean"], "description": "CEL: what must hold"}),
        "deviation" => json!({"type": "string", "description": "The sentence about a deviation, with {expressions}"}),
        "remedy" => json!({"type": "string", "description": "What to do about a deviation"}),
        "basis" => json!({"type": "string", "description": "What a pass rests on when no field shows it"}),
        _ => json!({"type": "array", "items": {"$ref": "#/$defs/test"}, "description": "Tests of the policy"}),
    };
    let properties: serde_json::Map<String, Json> = POLICY_KEYS.iter().map(|k| ((*k).to_owned(), key(k))).collect();
    let mut branches = Vec::new();
    for kind in registry.iter() {
        let names: Vec<&str> = links.from_type(&kind.name).map(|l| l.name).collect();
        let mut given = serde_json::Map::new();
        for field in &kind.properties.fields {
            given.insert(field.name.clone(), json!({"description": field.doc}));
        }
        branches.push(json!({
            "if": {"properties": {"resource": {"const": kind.name}}},
            "then": {"properties": {
                "with": {"additionalProperties": {"enum": names}},
                "tests": {"items": {"properties": {"given": {"properties": given}}}},
            }},
        }));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "keur policy",
        "type": "object",
        "properties": properties,
        "required": ["id", "title", "statement", "severity", "resource", "require", "deviation", "remedy"],
        "additionalProperties": false,
        "allOf": branches,
        "$defs": {"test": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "given": {"type": "object"},
                "expect": {"enum": ["pass", "deviation", "unknown", "out of scope"]},
                "message": {"type": "string"},
            },
            "required": ["name", "given", "expect"],
            "additionalProperties": false,
        }},
    })
}
