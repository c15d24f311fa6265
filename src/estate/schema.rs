//! The types of resources and of their properties, taken from the Rust structs that collectors fill.
//!
//! The struct is the schema: its doc comments are the reference manual, its fields what the type
//! checker of the expressions knows.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

/// The typed properties of one resource type.
///
/// A field that AWS always sends is `Fetched<T>` (an answer without it is a gap); one that AWS sends
/// only sometimes is `Option<T>`, absent when it is not there. Names are AWS's own in snake case.
pub trait Properties: Serialize + JsonSchema {
    /// AWS's type name: `AWS::RDS::DBInstance`.
    const TYPE: &'static str;
}

/// The type of a property or of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// true or false
    Bool,
    /// 64-bit signed integer
    Int,
    /// floating-point number
    Double,
    /// text
    String,
    /// a point in time, UTC
    Timestamp,
    /// a span of time
    Duration,
    /// the type of `null` alone
    Null,
    /// a list
    List(Box<Self>),
    /// text keys to values of one type
    Map(Box<Self>),
    /// a structure with named fields
    Record(Arc<RecordType>),
    /// a resource of one type, or of any type (then only the envelope is known)
    Resource(Option<Arc<ResourceType>>),
    /// a value or `null`
    Nullable(Box<Self>),
}

impl Type {
    /// The type, allowing `null` as well.
    #[must_use]
    pub fn nullable(self) -> Self {
        match self {
            Self::Nullable(_) | Self::Null => self,
            other => Self::Nullable(Box::new(other)),
        }
    }

    /// The type without `null`.
    pub fn without_null(&self) -> &Self {
        match self {
            Self::Nullable(inner) => inner,
            other => other,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::Null => f.write_str("null"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(value) => write!(f, "map(string, {value})"),
            Self::Record(record) => f.write_str(&record.name),
            Self::Resource(Some(kind)) => f.write_str(&kind.name),
            Self::Resource(None) => f.write_str("resource"),
            Self::Nullable(inner) => write!(f, "{inner} or null"),
        }
    }
}

/// A structure with named fields.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordType {
    /// Name of the Rust struct, or the AWS type name for the properties of a resource.
    pub name: String,
    /// What it is, one sentence.
    pub doc: String,
    /// Its fields, sorted by name.
    pub fields: Vec<Field>,
}

impl RecordType {
    /// Position and declaration of a field.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        let at = self.fields.binary_search_by(|f| f.name.as_str().cmp(name)).ok()?;
        Some((at, &self.fields[at]))
    }
}

/// One field of a structure.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// AWS's API name in snake case.
    pub name: String,
    /// One sentence for the policy author.
    pub doc: String,
    /// Its type; nullable where AWS may not send it.
    pub ty: Type,
}

/// A type of resource.
#[derive(Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// AWS's type name: `AWS::RDS::DBInstance`.
    pub name: String,
    /// What it is, one sentence.
    pub doc: String,
    /// The collector that fills it: `rds`.
    pub service: &'static str,
    /// The typed properties.
    pub properties: Arc<RecordType>,
}

/// The service of types that no AWS service gives: a run has them where it is given code, and not having
/// them is no gap.
pub const CODE: &str = "code";

impl ResourceType {
    /// Whether it is a fact about a resource, and no resource itself: policies on every type are not
    /// about it.
    pub fn is_fact(&self) -> bool {
        self.service == CODE && !matches!(self.name.as_str(), "Code::Resource" | "Code::Piece")
    }
}

/// All resource types, sorted by name.
#[derive(Debug, Default)]
pub struct Registry {
    types: BTreeMap<String, Arc<ResourceType>>,
    /// Names that other tools have for a type: `aws_db_instance`.
    elsewhere: BTreeMap<&'static str, &'static str>,
}

impl Registry {
    /// Adds the type whose properties are `P`.
    ///
    /// # Panics
    /// When the struct uses something the schema reader does not know: a mistake of the programmer,
    /// found by any test that builds the registry.
    #[must_use]
    pub fn with<P: Properties>(mut self, service: &'static str) -> Self {
        let schema = schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<P>();
        let root = schema.to_value();
        let Type::Record(record) = Reader { root: &root }.record(&root, P::TYPE) else {
            unreachable!("internal error: a struct is a record")
        };
        let kind = ResourceType { name: P::TYPE.to_owned(), doc: record.doc.clone(), service, properties: record };
        let earlier = self.types.insert(P::TYPE.to_owned(), Arc::new(kind));
        assert!(earlier.is_none(), "internal error: {} is declared twice", P::TYPE);
        self
    }

    /// Adds names that other tools have for types; the first name of a type counts.
    #[must_use]
    pub fn called(mut self, names: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        for (elsewhere, name) in names {
            self.elsewhere.entry(elsewhere).or_insert(name);
        }
        self
    }

    /// The type that is meant by a name that no type has: what another tool calls so, or the only one whose last part is
    /// called so.
    pub fn meant_by(&self, name: &str) -> Option<&str> {
        let low = name.to_ascii_lowercase();
        let elsewhere = self.elsewhere.get(low.as_str()).copied().filter(|known| self.types.contains_key(*known));
        let tail = |known: &str| {
            let known = known.to_ascii_lowercase();
            known == format!("aws::{low}") || known.ends_with(&format!("::{low}"))
        };
        let mut tails = self.names().filter(|known| tail(known));
        let only = tails.next().filter(|_| tails.next().is_none());
        elsewhere.or(only)
    }

    /// The type of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.types.get(name)
    }

    /// All types, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ResourceType>> {
        self.types.values()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}

/// Reads the JSON Schema that schemars derives.
struct Reader<'a> {
    root: &'a Json,
}

impl Reader<'_> {
    fn doc(schema: &Json) -> String {
        schema.get("description").and_then(Json::as_str).unwrap_or_default().replace('\n', " ")
    }

    fn record(&self, schema: &Json, name: &str) -> Type {
        let mut fields = Vec::new();
        if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
            for (field, sub) in properties {
                let ty = self.ty(sub).unwrap_or_else(|| panic!("internal error: {name}.{field}: unsupported schema {sub}"));
                fields.push(Field { name: field.clone(), doc: Self::doc(sub), ty });
            }
        }
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Type::Record(Arc::new(RecordType { name: name.to_owned(), doc: Self::doc(schema), fields }))
    }

    fn ty(&self, schema: &Json) -> Option<Type> {
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let name = reference.strip_prefix("#/$defs/")?;
            let target = self.root.get("$defs")?.get(name)?;
            return self.named(target, name);
        }
        if let Some(any) = schema.get("anyOf").and_then(Json::as_array) {
            let some = any.iter().find(|s| s.get("type").and_then(Json::as_str) != Some("null"))?;
            return Some(self.ty(some)?.nullable());
        }
        match schema.get("type")? {
            Json::String(one) => self.simple(schema, one),
            Json::Array(many) => {
                let one = many.iter().filter_map(Json::as_str).find(|t| *t != "null")?;
                Some(self.simple(schema, one)?.nullable())
            }
            _ => None,
        }
    }

    fn named(&self, target: &Json, name: &str) -> Option<Type> {
        if target.get("properties").is_some() { Some(self.record(target, name)) } else { self.ty(target) }
    }

    fn simple(&self, schema: &Json, name: &str) -> Option<Type> {
        Some(match name {
            "boolean" => Type::Bool,
            "integer" => Type::Int,
            "number" => Type::Double,
            "string" if schema.get("format").and_then(Json::as_str) == Some("date-time") => Type::Timestamp,
            "string" => Type::String,
            "array" => Type::List(Box::new(self.ty(schema.get("items")?)?)),
            "object" => match schema.get("additionalProperties") {
                Some(values) if values.is_object() => Type::Map(Box::new(self.ty(values)?)),
                _ => self.record(schema, schema.get("title").and_then(Json::as_str).unwrap_or("record")),
            },
            _ => return None,
        })
    }
}
