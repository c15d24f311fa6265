//! `estate.json`: deterministic save and strict load.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Declared, Environment, Estate, Fetched, Gap, Listing, Registry, Resource, ResponseId, Run, Type, Value, not_collected};

/// The schema this program reads and writes.
pub const SCHEMA: &str = "keur/estate/1";

/// Why an estate file was refused. All are mistakes of whoever made the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not JSON, cut off, or not of this shape.
    #[error("not an estate file of schema {SCHEMA}: {}", crate::untrusted::json_problem(.0))]
    Shape(#[from] serde_json::Error),
    /// Another schema.
    #[error("the file is of schema `{0}`, this program reads `{SCHEMA}`")]
    Schema(String),
    /// A type this program does not know.
    #[error("resource {at}: unknown type `{kind}`")]
    UnknownType {
        /// Position in `resources`.
        at: usize,
        /// The type's name.
        kind: String,
    },
    /// A property that does not fit its type.
    #[error("resource {at} ({arn}): {problem}")]
    Property {
        /// Position in `resources`.
        at: usize,
        /// The resource.
        arn: String,
        /// Where in the properties and why.
        problem: super::Mismatch,
    },
    /// The same resource twice.
    #[error("resource {at} ({arn}) is there twice")]
    Duplicate {
        /// Position in `resources`.
        at: usize,
        /// The resource.
        arn: String,
    },
}

#[derive(Deserialize)]
struct Head {
    schema: Option<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIn {
    schema: String,
    run: Run,
    resources: Vec<ResourceIn>,
    listings: Vec<Listing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceIn {
    #[serde(rename = "type")]
    kind: String,
    arn: String,
    id: String,
    name: String,
    account: String,
    region: String,
    tags: Json,
    properties: Json,
    #[serde(default)]
    responses: Vec<ResponseId>,
    #[serde(default)]
    declared: Option<Declared>,
}

#[derive(Serialize)]
struct ResourceOut<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    arn: &'a str,
    id: &'a str,
    name: &'a str,
    account: &'a str,
    region: &'a str,
    tags: &'a Fetched<BTreeMap<String, String>>,
    properties: &'a Value,
    responses: &'a [ResponseId],
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<&'a Declared>,
}

#[derive(Serialize)]
struct FileOut<'a> {
    schema: &'static str,
    run: &'a Run,
    resources: Vec<ResourceOut<'a>>,
    listings: &'a [Listing],
}

impl Estate {
    /// Writes the estate as JSON, one member a line, ending with a line feed.
    pub fn save(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let resources = self
            .resources
            .iter()
            .map(|r| ResourceOut {
                kind: &r.kind.name,
                arn: &r.arn,
                id: &r.id,
                name: &r.name,
                account: &r.account,
                region: &r.region,
                tags: &r.tags,
                properties: &r.properties,
                responses: &r.responses,
                declared: r.declared.as_deref(),
            })
            .collect();
        let file = FileOut { schema: SCHEMA, run: &self.run, resources, listings: &self.listings };
        serde_json::to_writer_pretty(&mut *out, &file)?;
        out.write_all(b"\n")
    }

    /// Reads what [`Estate::save`] wrote. Environments are not in the file: they follow from the
    /// configuration.
    pub fn load(text: &str, registry: &Registry) -> Result<Self, LoadError> {
        let file: FileIn = serde_json::from_str(text).map_err(|error| match serde_json::from_str::<Head>(text) {
            // Another schema is more to the point than the first member that differs.
            Ok(Head { schema: Some(Json::String(s)) }) if s == SCHEMA => LoadError::Shape(error),
            Ok(Head { schema: Some(Json::String(other)) }) => LoadError::Schema(other),
            Ok(Head { schema: Some(other) }) => LoadError::Schema(other.to_string()),
            Ok(Head { schema: None }) => LoadError::Schema("none".to_owned()),
            Err(_) => LoadError::Shape(error),
        })?;
        if file.schema != SCHEMA {
            return Err(LoadError::Schema(file.schema));
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut resources = Vec::with_capacity(file.resources.len());
        for (at, r) in file.resources.into_iter().enumerate() {
            let kind = registry.get(&r.kind).ok_or_else(|| LoadError::UnknownType { at, kind: r.kind.clone() })?;
            if !seen.insert((r.kind.clone(), r.account.clone(), r.region.clone(), r.arn.clone())) {
                return Err(LoadError::Duplicate { at, arn: r.arn });
            }
            let missing = |path: &str| -> Gap { not_collected(kind.service, &r.account, &r.region, path) };
            let wrong = |problem| LoadError::Property { at, arn: r.arn.clone(), problem };
            let properties = Value::from_json(&Type::Record(Arc::clone(&kind.properties)), r.properties, &missing).map_err(wrong)?;
            let tags = Value::from_json(&Type::Map(Box::new(Type::String)).nullable(), r.tags, &missing).map_err(wrong)?;
            resources.push(Resource {
                kind: Arc::clone(kind),
                arn: r.arn.into(),
                id: r.id.into(),
                name: r.name.into(),
                account: r.account.into(),
                region: r.region.into(),
                environment: Environment::Unassigned,
                tags: tags_from(tags),
                provided_by_aws: Fetched::Absent,
                properties,
                responses: r.responses,
                declared: r.declared.map(Arc::new),
            });
        }
        Ok(Self::new(file.run, resources, file.listings))
    }
}

fn tags_from(value: Value) -> Fetched<BTreeMap<String, String>> {
    match value {
        Value::Unknown(gap) => Fetched::Unknown(gap),
        Value::Map(entries) => {
            let mut tags = BTreeMap::new();
            for (key, value) in entries.iter() {
                match value {
                    Value::String(text) => {
                        tags.insert(key.to_string(), text.to_string());
                    }
                    Value::Unknown(gap) => return Fetched::Unknown(Arc::clone(gap)),
                    _ => unreachable!("internal error: checked against map(string, string)"),
                }
            }
            Fetched::Known(tags)
        }
        _ => Fetched::Absent,
    }
}
