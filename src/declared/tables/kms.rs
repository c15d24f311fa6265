//! KMS: keys, their names and their policies.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Field, Got, Mapping, Part, Take, Unset, at, call, document, same, take};
use super::super::marked;
use super::super::undeclared::{Rule, Undeclared};
use crate::estate::{Reason, Resource, Value};

const TAGS: &[&str] = &["tags_all", "tags"];
const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const KMS: &str = "AWS_KMS";

/// What is known of a new key only.
fn when_new(ctx: &Ctx<'_>, path: &str, json: Json) -> Json {
    if ctx.is_made() { json } else { ctx.missing(path) }
}

/// Whether an argument is set; none where nobody can tell yet.
fn is_set(ctx: &Ctx<'_>, path: &str) -> Option<bool> {
    match ctx.get(path) {
        Got::Value(json) => Some(json.as_str() != Some("")),
        // A provider without the argument cannot have set it.
        Got::Unset | Got::Missing => Some(false),
        Got::Unknown(mark) => match marked(mark) {
            Some(gap) if gap.is_set() => Some(true),
            Some(gap) if gap.reason == Reason::AwsDecides => Some(false),
            _ => None,
        },
    }
}

fn state(enabled: Json) -> Json {
    match enabled {
        Json::Bool(true) => json!("Enabled"),
        Json::Bool(false) => json!("Disabled"),
        mark => mark,
    }
}

fn key_state(ctx: &Ctx<'_>) -> Json {
    state(ctx.or("is_enabled", Unset::True))
}

fn spec(ctx: &Ctx<'_>) -> Json {
    ctx.or("customer_master_key_spec", Unset::Text(SYMMETRIC))
}

/// Where the key material is from: a key store tells by which of its arguments are set.
fn origin(ctx: &Ctx<'_>) -> Json {
    match (is_set(ctx, "custom_key_store_id"), is_set(ctx, "xks_key_id")) {
        (_, Some(true)) => json!("EXTERNAL_KEY_STORE"),
        (Some(true), Some(false)) => json!("AWS_CLOUDHSM"),
        (Some(false), Some(false)) => json!(KMS),
        _ => ctx.later("custom_key_store_id"),
    }
}

/// Whether KMS can rotate the key, as the live collector asks; a mark where that is not known.
fn rotates(spec: Json, origin: Json) -> Result<bool, Json> {
    match (spec, origin) {
        (Json::String(spec), _) if spec != SYMMETRIC => Ok(false),
        (_, Json::String(origin)) if origin != KMS => Ok(false),
        (Json::String(_), Json::String(_)) => Ok(true),
        (Json::String(_), mark) | (mark, _) => Err(mark),
    }
}

fn rotation(ctx: &Ctx<'_>) -> Json {
    match rotates(spec(ctx), origin(ctx)) {
        Ok(true) => ctx.or("enable_key_rotation", Unset::False),
        Ok(false) => Json::Null,
        Err(mark) => mark,
    }
}

fn rotation_period(ctx: &Ctx<'_>) -> Json {
    let path = "rotation_period_in_days";
    match rotation(ctx) {
        Json::Bool(true) => {
            // A year, unless another period was set: an existing key may have been given one before.
            let days = ctx.or(path, if ctx.is_made() { Unset::Int(365) } else { Unset::Decided });
            // 0 is how Terraform writes that KMS did not say.
            if days.as_i64() == Some(0) || days.as_str() == Some("0") { ctx.missing(path) } else { days }
        }
        Json::Bool(false) | Json::Null => Json::Null,
        mark => mark,
    }
}

/// The period that KMS takes where nobody says another.
fn a_year(value: &Value, _: &Resource) -> bool {
    matches!(value, Value::Null | Value::Int(365))
}

fn own_region(ctx: &Ctx<'_>) -> Json {
    ctx.object.region.clone().map_or_else(|| ctx.missing("region"), Json::String)
}

/// What only multi-Region keys have.
fn of_set(ctx: &Ctx<'_>, within: Json, outside: Json) -> Json {
    match ctx.or("multi_region", Unset::False) {
        Json::Bool(true) => within,
        Json::Bool(false) => outside,
        mark => mark,
    }
}

/// The policy that KMS gives a key for which none is chosen: it leaves everything to the account.
fn default_policy(ctx: &Ctx<'_>) -> Json {
    let given = if ctx.is_made() { policy_of_account(ctx, "policy") } else { None };
    given.unwrap_or_else(|| ctx.or("policy", Unset::Decided))
}

/// The same for a key that is made; none where account or region are not known.
pub(super) fn policy_of_account(ctx: &Ctx<'_>, path: &str) -> Option<Json> {
    let (account, region) = (ctx.object.account.as_deref()?, ctx.object.region.as_deref()?);
    let policy = json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{account}:root", crate::estate::partition_of(region))},
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    Some(document(ctx, path, &policy))
}

/// Whether the key is made without key material, which somebody is to import.
fn waits_for_material(ctx: &Ctx<'_>) -> bool {
    ctx.is_made() && is_set(ctx, "key_material_base64") == Some(false)
}

fn external_enabled(ctx: &Ctx<'_>) -> Json {
    if waits_for_material(ctx) { json!(false) } else { ctx.or("enabled", Unset::Decided) }
}

fn external_state(ctx: &Ctx<'_>) -> Json {
    if waits_for_material(ctx) {
        return json!("PendingImport");
    }
    match external_enabled(ctx) {
        // It may be disabled, or its material may have expired.
        Json::Bool(false) if !ctx.is_made() => ctx.missing("key_state"),
        enabled => state(enabled),
    }
}

fn external_spec(ctx: &Ctx<'_>) -> Json {
    match ctx.get("key_spec") {
        // A provider without the argument makes no other.
        Got::Missing if ctx.is_made() => json!(SYMMETRIC),
        _ => ctx.or("key_spec", Unset::Text(SYMMETRIC)),
    }
}

/// The provider takes no other key for a replica than one whose material KMS made.
fn replica_rotation(ctx: &Ctx<'_>) -> Json {
    match rotates(ctx.or("key_spec", Unset::Output), json!(KMS)) {
        Ok(true) => ctx.or("key_rotation_enabled", Unset::Output),
        Ok(false) => Json::Null,
        Err(mark) => mark,
    }
}

fn replica_period(ctx: &Ctx<'_>) -> Json {
    match replica_rotation(ctx) {
        Json::Bool(true) => ctx.missing("rotation_period_in_days"),
        Json::Bool(false) | Json::Null => Json::Null,
        mark => mark,
    }
}

fn region_of_primary(ctx: &Ctx<'_>) -> Json {
    let region = ctx.text("primary_key_arn").and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty());
    region.map_or_else(|| ctx.later("primary_key_arn"), |region| json!(region))
}

fn alias_arn(ctx: &Ctx<'_>) -> Json {
    let told = ctx.text("arn").map(str::to_owned);
    let arn = told.or_else(|| ctx.text("name").and_then(|name| ctx.arn("kms", name)));
    arn.map_or_else(|| ctx.or("arn", Unset::Output), Json::String)
}

const KEY: &[Field] = &[
    call("alias_arns", |ctx| when_new(ctx, "alias_arns", json!([]))),
    call("aliases", |ctx| when_new(ctx, "aliases", json!([]))),
    same("custom_key_store_id", Unset::Null),
    call("deletion_date", |ctx| when_new(ctx, "deletion_date", Json::Null)),
    same("description", Unset::Null),
    at("enabled", "is_enabled", Unset::True),
    same("key_id", Unset::Output),
    call("key_manager", |_| json!("CUSTOMER")),
    call("key_rotation_enabled", rotation),
    call("key_spec", spec),
    call("key_state", key_state),
    same("key_usage", Unset::Text("ENCRYPT_DECRYPT")),
    same("multi_region", Unset::False),
    // The provider takes no replica for it.
    call("multi_region_key_type", |ctx| of_set(ctx, json!("PRIMARY"), Json::Null)),
    call("origin", origin),
    take("policy", Take::Document("policy"), Unset::Worked(default_policy)),
    call("primary_region", |ctx| of_set(ctx, own_region(ctx), Json::Null)),
    call("replica_regions", |ctx| of_set(ctx, ctx.missing("replica_regions"), json!([]))),
    call("rotation_period_in_days", rotation_period),
    call("valid_to", |_| Json::Null),
];

const EXTERNAL_KEY: &[Field] = &[
    call("alias_arns", |ctx| when_new(ctx, "alias_arns", json!([]))),
    call("aliases", |ctx| when_new(ctx, "aliases", json!([]))),
    call("custom_key_store_id", |_| Json::Null),
    call("deletion_date", |ctx| when_new(ctx, "deletion_date", Json::Null)),
    same("description", Unset::Null),
    call("enabled", external_enabled),
    at("key_id", "id", Unset::Output),
    call("key_manager", |_| json!("CUSTOMER")),
    call("key_rotation_enabled", |_| Json::Null),
    call("key_spec", external_spec),
    call("key_state", external_state),
    same("key_usage", Unset::Text("ENCRYPT_DECRYPT")),
    same("multi_region", Unset::False),
    call("multi_region_key_type", |ctx| of_set(ctx, json!("PRIMARY"), Json::Null)),
    call("origin", |_| json!("EXTERNAL")),
    take("policy", Take::Document("policy"), Unset::Worked(default_policy)),
    call("primary_region", |ctx| of_set(ctx, own_region(ctx), Json::Null)),
    call("replica_regions", |ctx| of_set(ctx, ctx.missing("replica_regions"), json!([]))),
    call("rotation_period_in_days", |_| Json::Null),
    same("valid_to", Unset::Null),
];

const REPLICA_KEY: &[Field] = &[
    call("alias_arns", |ctx| when_new(ctx, "alias_arns", json!([]))),
    call("aliases", |ctx| when_new(ctx, "aliases", json!([]))),
    call("custom_key_store_id", |_| Json::Null),
    call("deletion_date", |ctx| when_new(ctx, "deletion_date", Json::Null)),
    same("description", Unset::Null),
    same("enabled", Unset::True),
    same("key_id", Unset::Output),
    call("key_manager", |_| json!("CUSTOMER")),
    call("key_rotation_enabled", replica_rotation),
    same("key_spec", Unset::Output),
    call("key_state", |ctx| state(ctx.or("enabled", Unset::True))),
    same("key_usage", Unset::Output),
    call("multi_region", |_| json!(true)),
    call("multi_region_key_type", |_| json!("REPLICA")),
    call("origin", |_| json!(KMS)),
    take("policy", Take::Document("policy"), Unset::Worked(default_policy)),
    call("primary_region", region_of_primary),
    call("rotation_period_in_days", replica_period),
    call("valid_to", |_| Json::Null),
];

const fn key(from: &'static str, fields: &'static [Field]) -> Mapping {
    Mapping { from, kind: "AWS::KMS::Key", id: &["key_id", "id"], arn: Arn::Made("kms", "key/"), tags: TAGS, fields }
}

pub(super) const MAPPINGS: &[Mapping] =
    &[key("aws_kms_key", KEY), key("aws_kms_external_key", EXTERNAL_KEY), key("aws_kms_replica_key", REPLICA_KEY)];

const KEYS: &[&str] = &["aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key"];
const WHOLE: &[&str] = &["key_id", "id", "arn"];

pub(super) const PARTS: &[Part] = &[
    Part {
        from: "aws_kms_alias",
        of: KEYS,
        key: "target_key_id",
        whole: WHOLE,
        optional: false,
        adds: Adds::Items(&[("aliases", |ctx| ctx.or("name", Unset::Output)), ("alias_arns", alias_arn)]),
    },
    Part {
        from: "aws_kms_key_policy",
        of: KEYS,
        key: "key_id",
        whole: WHOLE,
        // Without it the key has the policy that the provider puts in its place, or keeps this one.
        optional: false,
        adds: Adds::Fields(&[take("policy", Take::Document("policy"), Unset::Decided)]),
    },
];

pub(super) const UNDECLARED: &[Undeclared] = &[Undeclared {
    kind: "AWS::KMS::Key",
    properties: &[
        ("alias_arns", Rule::Nothing),
        ("aliases", Rule::Nothing),
        ("deletion_date", Rule::Nothing),
        ("creation_date", Rule::OfAws),
        ("replica_regions", Rule::OfAws),
        ("rotation_period_in_days", Rule::Usual(a_year)),
    ],
}];
