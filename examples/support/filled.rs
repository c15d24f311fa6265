//! Properties with every member: what the tools that make estates have in common.

use keur::estate::{Field, RecordType, Type};
use serde_json::{Map, Value as Json, json};

/// The record with every field: null where that may be, and something plain elsewhere.
pub(crate) fn filled(record: &RecordType, mut given: Map<String, Json>) -> Map<String, Json> {
    let value = |field: &Field, given: Option<Json>| plain(&field.ty, given);
    record.fields.iter().map(|field| (field.name.clone(), value(field, given.remove(&field.name)))).collect()
}

fn plain(ty: &Type, given: Option<Json>) -> Json {
    match (ty, given) {
        (Type::Record(record), Some(Json::Object(given))) => Json::Object(filled(record, given)),
        (Type::Record(record), None) => Json::Object(filled(record, Map::new())),
        (Type::List(item), Some(Json::Array(given))) => given.into_iter().map(|json| plain(item, Some(json))).collect(),
        (Type::Nullable(inner), Some(given)) if !given.is_null() => plain(inner, Some(given)),
        (_, Some(given)) => given,
        (Type::Nullable(_) | Type::Null, None) => Json::Null,
        (Type::Bool, None) => json!(true),
        (Type::Int, None) => json!(1),
        (Type::Double, None) => json!(1.0),
        (Type::Timestamp, None) => json!("2026-01-15T03:00:00Z"),
        (Type::Duration, None) => json!("1h"),
        (Type::List(_), None) => json!([]),
        (Type::Map(_), None) => json!({}),
        (Type::String | Type::Resource(_), None) => json!("x"),
    }
}
