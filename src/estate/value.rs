//! Values of properties and expressions, with the unknown among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value as Json;

use super::fetched::{Gap, Reason, UNKNOWN_KEY};
use super::schema::{RecordType, Type};

/// A value. Cheap to clone: anything big is shared.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Known to be absent.
    Null,
    /// true or false
    Bool(bool),
    /// 64-bit signed integer
    Int(i64),
    /// floating-point number
    Double(f64),
    /// text
    String(Arc<str>),
    /// a point in time
    Timestamp(Timestamp),
    /// a span of time
    Duration(SignedDuration),
    /// a list; an unknown element stands for any number that could not be read, none among them
    List(Arc<[Self]>),
    /// text keys to values
    Map(Arc<BTreeMap<Arc<str>, Self>>),
    /// a structure: values in the order of its type's fields
    Record(Arc<Record>),
    /// a resource of the estate, by its position
    Resource(u32),
    /// could not be read
    Unknown(Arc<Gap>),
}

/// A structure and its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The type.
    pub ty: Arc<RecordType>,
    /// One value per field of the type, in its order.
    pub values: Box<[Value]>,
}

impl Record {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.ty.field(name).map(|(at, _)| &self.values[at])
    }
}

/// JSON that does not fit its type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path}: {problem}")]
pub struct Mismatch {
    /// Where, from the root of the value: `.ip_permissions[3].from_port`.
    pub path: String,
    /// What was expected and what was found.
    pub problem: String,
}

impl Value {
    /// Text.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// Whether it is unknown itself (its parts may still be).
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The text by which a key is looked up. A reference to something still to be made stands for it
    /// under its symbol; none for what is no text; a gap where the key could not be read.
    pub fn key(&self) -> Result<Option<Arc<str>>, Arc<Gap>> {
        match self {
            Self::String(text) => Ok(Some(Arc::clone(text))),
            Self::Unknown(gap) => gap.symbol().map(|symbol| Some(symbol.into())).ok_or_else(|| Arc::clone(gap)),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Double(_)
            | Self::Timestamp(_)
            | Self::Duration(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Record(_)
            | Self::Resource(_) => Ok(None),
        }
    }

    /// The first gap inside, depth first.
    pub fn first_gap(&self) -> Option<&Arc<Gap>> {
        match self {
            Self::Unknown(gap) => Some(gap),
            Self::List(items) => items.iter().find_map(Self::first_gap),
            Self::Map(entries) => entries.values().find_map(Self::first_gap),
            Self::Record(record) => record.values.iter().find_map(Self::first_gap),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Double(_)
            | Self::String(_)
            | Self::Timestamp(_)
            | Self::Duration(_)
            | Self::Resource(_) => None,
        }
    }

    /// Calls `f` with every gap inside.
    pub fn each_gap(&self, f: &mut impl FnMut(&Arc<Gap>)) {
        match self {
            Self::Unknown(gap) => f(gap),
            Self::List(items) => items.iter().for_each(|v| v.each_gap(f)),
            Self::Map(entries) => entries.values().for_each(|v| v.each_gap(f)),
            Self::Record(record) => record.values.iter().for_each(|v| v.each_gap(f)),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Double(_)
            | Self::String(_)
            | Self::Timestamp(_)
            | Self::Duration(_)
            | Self::Resource(_) => {}
        }
    }

    /// Reads JSON as a value of the type `ty`. A member that is missing is a gap (`not-collected`,
    /// made by `missing`), a member the type does not have is a mismatch.
    pub fn from_json(ty: &Type, json: Json, missing: &dyn Fn(&str) -> Gap) -> Result<Self, Mismatch> {
        read(ty, json, missing, &mut String::new())
    }
}

fn mismatch<T>(path: &str, problem: impl Into<String>) -> Result<T, Mismatch> {
    let path = if path.is_empty() { "." } else { path };
    Err(Mismatch { path: path.to_owned(), problem: problem.into() })
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn read(ty: &Type, json: Json, missing: &dyn Fn(&str) -> Gap, path: &mut String) -> Result<Value, Mismatch> {
    if let Json::Object(map) = &json
        && map.len() == 1
        && let Some(gap) = map.get(UNKNOWN_KEY)
    {
        if let Json::String(mark) = gap
            && let Some(gap) = missing(path).marked(mark)
        {
            return Ok(Value::Unknown(Arc::new(gap)));
        }
        return match serde_json::from_value::<Gap>(gap.clone()) {
            Ok(gap) => Ok(Value::Unknown(Arc::new(gap))),
            Err(error) => mismatch(path, format!("not a gap: {}", crate::untrusted::json_problem(&error))),
        };
    }
    match (ty, json) {
        (Type::Nullable(_) | Type::Null, Json::Null) => Ok(Value::Null),
        (Type::Nullable(inner), json) => read(inner, json, missing, path),
        (Type::Bool, Json::Bool(b)) => Ok(Value::Bool(b)),
        (Type::Int, Json::Number(n)) if n.is_i64() => Ok(Value::Int(n.as_i64().unwrap_or_default())),
        (Type::Double, Json::Number(n)) => match n.as_f64() {
            Some(double) => Ok(Value::Double(double)),
            None => mismatch(path, "a number out of range"),
        },
        (Type::String, Json::String(s)) => Ok(Value::String(s.into())),
        (Type::Timestamp, Json::String(s)) => match s.parse() {
            Ok(time) => Ok(Value::Timestamp(time)),
            Err(_) => mismatch(path, format!("`{s}` is not a time such as 2026-01-31T12:00:00Z")),
        },
        (Type::Duration, Json::String(s)) => match s.parse() {
            Ok(span) => Ok(Value::Duration(span)),
            Err(_) => mismatch(path, format!("`{s}` is not a duration such as 26h")),
        },
        (Type::List(item), Json::Array(items)) => {
            let mut values = Vec::with_capacity(items.len());
            for (at, json) in items.into_iter().enumerate() {
                let len = path.len();
                path.push_str(&format!("[{at}]"));
                values.push(read(item, json, missing, path)?);
                path.truncate(len);
            }
            Ok(Value::List(values.into()))
        }
        (Type::Map(item), Json::Object(entries)) => {
            let mut values = BTreeMap::new();
            for (key, json) in entries {
                let len = path.len();
                path.push_str(&format!("[{key:?}]"));
                values.insert(Arc::from(key), read(item, json, missing, path)?);
                path.truncate(len);
            }
            Ok(Value::Map(Arc::new(values)))
        }
        (Type::Record(record), Json::Object(mut members)) => {
            let mut values = Vec::with_capacity(record.fields.len());
            for field in &record.fields {
                let len = path.len();
                path.push('.');
                path.push_str(&field.name);
                values.push(match members.remove(&field.name) {
                    Some(json) => read(&field.ty, json, missing, path)?,
                    None => Value::Unknown(Arc::new(missing(path))),
                });
                path.truncate(len);
            }
            if let Some(name) = members.keys().next() {
                return mismatch(path, format!("no field `{name}` on {}", record.name));
            }
            Ok(Value::Record(Arc::new(Record { ty: Arc::clone(record), values: values.into() })))
        }
        (ty, json) => mismatch(path, format!("expected {ty}, found {}", kind(&json))),
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(i) => serializer.serialize_i64(*i),
            Self::Double(d) => serializer.serialize_f64(*d),
            Self::String(s) => serializer.serialize_str(s),
            Self::Timestamp(t) => serializer.collect_str(t),
            Self::Duration(d) => serializer.collect_str(&format_args!("{d:#}")),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(key.as_ref(), value)?;
                }
                map.end()
            }
            Self::Record(record) => {
                let mut map = serializer.serialize_map(Some(record.values.len()))?;
                for (field, value) in record.ty.fields.iter().zip(&record.values) {
                    map.serialize_entry(&field.name, value)?;
                }
                map.end()
            }
            Self::Resource(at) => serializer.serialize_u32(*at),
            Self::Unknown(gap) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(UNKNOWN_KEY, gap.as_ref())?;
                map.end()
            }
        }
    }
}

/// The gap for a member that a file does not have because an older program wrote it.
pub fn not_collected(service: &str, account: &str, region: &str, subject: &str) -> Gap {
    Gap {
        service: service.to_owned(),
        operation: "-".to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        reason: Reason::NotCollected,
        code: None,
        subject: Some(subject.to_owned()),
    }
}
