//! S3: buckets, and everything of theirs that Terraform declares by itself since version 4 of its provider.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Take, Unset, at, call, take};
use super::super::undeclared::{Rule, Undeclared, nothing};
use crate::estate::{Resource, Value};

/// The bucket's own echo of what is declared beside it; nothing where the bucket is still to be made.
fn echo(ctx: &Ctx<'_>, path: &str, read: fn(&Ctx<'_>, &Json) -> Json) -> Json {
    match ctx.get(path) {
        Got::Value(Json::Array(blocks)) if blocks.is_empty() => Json::Null,
        Got::Value(json) => read(ctx, json),
        Got::Missing if !ctx.object.sparse => ctx.left_out(path),
        _ if ctx.is_made() => ctx.configured(path).unwrap_or_default(),
        _ => ctx.or(path, Unset::Null),
    }
}

/// Encryption with keys of S3.
pub(super) fn of_s3() -> Json {
    json!({"bucket_key_enabled": false, "kms_key_arn": null, "kms_master_key_id": null, "sse_algorithm": "AES256"})
}

/// The ARN of a key that is named by its id, its alias or its ARN.
pub(super) fn key_arn(ctx: &Ctx<'_>, key: &Json) -> Json {
    match key {
        Json::String(key) if key.starts_with("arn:") => json!(key),
        Json::String(key) => {
            let rest = if key.starts_with("alias/") { key.clone() } else { format!("key/{key}") };
            ctx.arn("kms", &rest).map_or_else(|| ctx.missing("the account of the key"), Json::String)
        }
        other => other.clone(),
    }
}

fn encryption(ctx: &Ctx<'_>) -> Json {
    // Every bucket encrypts with keys of S3 unless another way is set, since January 2023.
    match ctx.get("server_side_encryption_configuration") {
        Got::Value(Json::Array(blocks)) if !blocks.is_empty() => sse_rule(ctx, &blocks[0]),
        _ if ctx.is_made() => ctx.configured("server_side_encryption_configuration").unwrap_or_else(of_s3),
        Got::Unknown(mark) => mark.clone(),
        _ => ctx.missing("server_side_encryption_configuration"),
    }
}

fn sse_rule(ctx: &Ctx<'_>, configuration: &Json) -> Json {
    let rule = ctx.within(configuration);
    let algorithm = rule.or("rule.apply_server_side_encryption_by_default.sse_algorithm", Unset::Text("AES256"));
    let key = rule.or("rule.apply_server_side_encryption_by_default.kms_master_key_id", Unset::Null);
    let arn = key_arn(ctx, &key);
    json!({
        "bucket_key_enabled": rule.or("rule.bucket_key_enabled", Unset::False),
        "kms_key_arn": arn,
        "kms_master_key_id": key,
        "sse_algorithm": algorithm,
    })
}

fn encryption_part(ctx: &Ctx<'_>) -> Json {
    if ctx.object.attributes.as_object().is_some_and(serde_json::Map::is_empty) {
        // The configuration goes: S3's own keys are what remains.
        return of_s3();
    }
    sse_rule(ctx, &ctx.object.attributes)
}

fn versioning(ctx: &Ctx<'_>) -> Json {
    // A bucket that is made with Object Lock keeps versions.
    if ctx.is_made() && ctx.or("object_lock_enabled", Unset::False) == json!(true) {
        return json!("Enabled");
    }
    match ctx.get("versioning.enabled") {
        Got::Value(Json::Bool(true)) => json!("Enabled"),
        // False is written for buckets that keep no versions any more, and for those that never did.
        Got::Value(Json::Bool(false)) if !ctx.is_made() => ctx.missing("versioning"),
        Got::Unknown(mark) if !ctx.is_made() => mark.clone(),
        Got::Missing if !ctx.is_made() => ctx.missing("versioning"),
        _ => ctx.configured("versioning.enabled").unwrap_or_default(),
    }
}

fn versioning_status(ctx: &Ctx<'_>) -> Json {
    match ctx.or("versioning_configuration.status", Unset::Null) {
        // What Terraform writes for a bucket that keeps no versions and never did.
        Json::String(status) if status == "Disabled" => Json::Null,
        other => other,
    }
}

fn mfa_delete(ctx: &Ctx<'_>) -> Json {
    match ctx.or("versioning_configuration.mfa_delete", Unset::Null) {
        Json::String(status) if status == "Disabled" => Json::Null,
        other => other,
    }
}

fn policy(ctx: &Ctx<'_>) -> Json {
    match ctx.get("policy") {
        Got::Value(Json::String(text)) if text.is_empty() => Json::Null,
        Got::Value(json) => super::super::map::document(ctx, "policy", json),
        Got::Missing if !ctx.object.sparse => ctx.left_out("policy"),
        _ if ctx.is_made() => ctx.configured("policy").unwrap_or_default(),
        _ => ctx.or("policy", Unset::Null),
    }
}

/// Buckets that are made since April 2023 block public access by themselves.
fn blocked(ctx: &Ctx<'_>) -> Json {
    if ctx.is_made() {
        return json!({
            "block_public_acls": true,
            "block_public_policy": true,
            "ignore_public_acls": true,
            "restrict_public_buckets": true,
        });
    }
    // The bucket has no echo of it.
    ctx.missing("public access block")
}

fn public_access_block(ctx: &Ctx<'_>) -> Json {
    if ctx.object.attributes.as_object().is_some_and(serde_json::Map::is_empty) {
        return Json::Null;
    }
    json!({
        "block_public_acls": ctx.or("block_public_acls", Unset::False),
        "block_public_policy": ctx.or("block_public_policy", Unset::False),
        "ignore_public_acls": ctx.or("ignore_public_acls", Unset::False),
        "restrict_public_buckets": ctx.or("restrict_public_buckets", Unset::False),
    })
}

fn logging(ctx: &Ctx<'_>) -> Json {
    echo(ctx, "logging", |ctx, json| ctx.within(json).or("target_bucket", Unset::Null))
}

fn object_lock(ctx: &Ctx<'_>) -> Json {
    let enabled = match ctx.get("object_lock_enabled") {
        Got::Value(Json::Bool(enabled)) => *enabled,
        Got::Unset => false,
        Got::Unknown(_) if ctx.is_made() => ctx.text("object_lock_configuration.object_lock_enabled") == Some("Enabled"),
        _ => return ctx.missing("object_lock_enabled"),
    };
    if !enabled {
        return Json::Null;
    }
    let default = |path: &str| match ctx.get("object_lock_configuration") {
        Got::Value(Json::Array(blocks)) if !blocks.is_empty() => {
            nonzero(ctx.or(&format!("object_lock_configuration.rule.default_retention.{path}"), Unset::Null))
        }
        Got::Unknown(mark) if !ctx.is_made() => mark.clone(),
        _ => Json::Null,
    };
    json!({"object_lock_enabled": "Enabled", "days": default("days"), "mode": default("mode"), "years": default("years")})
}

fn object_lock_part(ctx: &Ctx<'_>) -> Json {
    if ctx.object.attributes.as_object().is_some_and(serde_json::Map::is_empty) {
        return ctx.missing("object lock");
    }
    let default = |path: &str| nonzero(ctx.or(&format!("rule.default_retention.{path}"), Unset::Null));
    json!({
        "object_lock_enabled": ctx.or("object_lock_enabled", Unset::Text("Enabled")),
        "days": default("days"),
        "mode": default("mode"),
        "years": default("years"),
    })
}

fn nonzero(json: Json) -> Json {
    if json.as_f64() == Some(0.0) || json.as_str() == Some("") { Json::Null } else { json }
}

fn replication(ctx: &Ctx<'_>) -> Json {
    echo(ctx, "replication_configuration", |ctx, json| replication_rules(&ctx.within(json), "rules"))
}

fn replication_part(ctx: &Ctx<'_>) -> Json {
    if ctx.object.attributes.as_object().is_some_and(serde_json::Map::is_empty) {
        return Json::Null;
    }
    replication_rules(ctx, "rule")
}

/// A filter of a rule: prefix and tags, directly or joined by `and`.
fn filter(rule: &Ctx<'_>) -> (Json, Json) {
    let prefix = match rule.or("filter.and.prefix", Unset::Null) {
        Json::Null => match rule.or("filter.prefix", Unset::Null) {
            Json::Null => rule.or("prefix", Unset::Null),
            found => found,
        },
        found => found,
    };
    let prefix = if prefix.as_str() == Some("")
        || super::super::marked(&prefix).is_some_and(|gap| gap.reason == crate::estate::Reason::NotCollected)
    {
        Json::Null
    } else {
        prefix
    };
    let tags = match rule.get("filter.and.tags") {
        Got::Value(tags @ Json::Object(_)) => tags.clone(),
        Got::Unknown(mark) => mark.clone(),
        _ => match (rule.text("filter.tag.key"), rule.get("filter.tag.value")) {
            (Some(key), Got::Value(value)) => json!({ key: value }),
            _ => json!({}),
        },
    };
    (prefix, tags)
}

fn each(ctx: &Ctx<'_>, path: &str, rule: fn(&Ctx<'_>) -> Json) -> Json {
    match ctx.blocks(path) {
        Ok(blocks) => {
            blocks.into_iter().map(|block| if super::super::is_marked(block) { block.clone() } else { rule(&ctx.within(block)) }).collect()
        }
        Err(mark) => mark,
    }
}

fn replication_rules(ctx: &Ctx<'_>, path: &str) -> Json {
    each(ctx, path, |rule| {
        let (prefix, filter_tags) = filter(rule);
        let destination = |path: &str| rule.or(&format!("destination.{path}"), Unset::Null);
        json!({
            "id": rule.or("id", Unset::Output),
            "status": rule.or("status", Unset::Output),
            "priority": rule.or("priority", Unset::Null),
            "prefix": prefix,
            "filter_tags": filter_tags,
            "destination_bucket": destination("bucket"),
            "destination_account": nonzero(match rule.or("destination.access_control_translation.owner", Unset::Null) {
                Json::Null => Json::Null,
                _ => destination("account"),
            }),
            "destination_storage_class": destination("storage_class"),
            "replica_kms_key_id": destination("encryption_configuration.replica_kms_key_id"),
            "delete_marker_replication": rule.or("delete_marker_replication.status", Unset::Null),
        })
    })
}

fn lifecycle_part(ctx: &Ctx<'_>) -> Json {
    if ctx.object.attributes.as_object().is_some_and(serde_json::Map::is_empty) {
        return Json::Null;
    }
    let path = "rule";
    each(ctx, path, |rule| {
        let (prefix, filter_tags) = filter(rule);
        let size = |name: &str| {
            let and = nonzero(rule.or(&format!("filter.and.{name}"), Unset::Null));
            nonzero(if and.is_null() { rule.or(&format!("filter.{name}"), Unset::Null) } else { and })
        };
        let number = |path: &str| nonzero(rule.or(path, Unset::Null));
        let flag = match rule.get("expiration") {
            Got::Value(Json::Array(blocks)) if !blocks.is_empty() => rule.or("expiration.expired_object_delete_marker", Unset::Null),
            _ => Json::Null,
        };
        // S3 keeps the mark only where neither days nor a date are set.
        let dated = !number("expiration.days").is_null() || !number("expiration.date").is_null();
        json!({
            "id": rule.or("id", Unset::Output),
            "status": rule.or("status", Unset::Output),
            "prefix": prefix,
            "filter_tags": filter_tags,
            "object_size_greater_than": size("object_size_greater_than"),
            "object_size_less_than": size("object_size_less_than"),
            "expiration_days": number("expiration.days"),
            "expiration_date": number("expiration.date"),
            "expired_object_delete_marker": if dated { Json::Null } else { flag },
            "noncurrent_days": number("noncurrent_version_expiration.noncurrent_days"),
            "newer_noncurrent_versions": number("noncurrent_version_expiration.newer_noncurrent_versions"),
            "abort_incomplete_multipart_upload_days": number("abort_incomplete_multipart_upload.days_after_initiation"),
            "transitions": each(rule, "transition", |t| json!({
                "date": nonzero(t.or("date", Unset::Null)),
                // Null and 0 are told apart: a move may be due on the day itself.
                "days": if t.text("date").is_some() { Json::Null } else { t.or("days", Unset::Null) },
                "storage_class": t.or("storage_class", Unset::Output),
            })),
            "noncurrent_version_transitions": each(rule, "noncurrent_version_transition", |t| json!({
                "newer_noncurrent_versions": nonzero(t.or("newer_noncurrent_versions", Unset::Null)),
                "noncurrent_days": t.or("noncurrent_days", Unset::Null),
                "storage_class": t.or("storage_class", Unset::Output),
            })),
        })
    })
}

/// The bucket's own echo of the rules is written in another form, with values that were never set.
fn lifecycle(ctx: &Ctx<'_>) -> Json {
    match ctx.get("lifecycle_rule") {
        Got::Value(Json::Array(blocks)) if blocks.is_empty() => Json::Null,
        // The form of before version 4 of the provider.
        Got::Value(_) => ctx.missing("lifecycle_rule"),
        _ if ctx.is_made() => ctx.configured("lifecycle_rule").unwrap_or_default(),
        _ => ctx.missing("lifecycle_rule"),
    }
}

fn location(ctx: &Ctx<'_>) -> Json {
    ctx.object.region.clone().map_or_else(|| ctx.no_region(), Json::String)
}

pub(super) const MAPPINGS: &[Mapping] = &[Mapping {
    from: "aws_s3_bucket",
    kind: "AWS::S3::Bucket",
    id: &["bucket", "id"],
    arn: Arn::Bucket,
    tags: &["tags_all", "tags"],
    fields: &[
        call("lifecycle_rules", lifecycle),
        call("location", location),
        call("logging_target_bucket", logging),
        call("object_lock", object_lock),
        call("policy", policy),
        call("public_access_block", blocked),
        call("replication_rules", replication),
        call("server_side_encryption", encryption),
        call("versioning_status", versioning),
    ],
}];

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    if let Value::Record(record) = value { record.get(name) } else { None }
}

/// Encryption as every bucket has it of which nobody says otherwise.
fn encrypted_by_s3(value: &Value, bucket: &Resource) -> bool {
    nothing(value, bucket) || matches!(member(value, "sse_algorithm"), Some(Value::String(algorithm)) if &**algorithm == "AES256")
}

/// A block of public access as AWS puts it on every bucket that is made since the end of April 2023; older ones have none.
fn blocked_or_older(value: &Value, bucket: &Resource) -> bool {
    const SINCE: &str = "2023-05-01T00:00:00Z";
    let all = ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
    match (value, bucket.property("creation_date"), SINCE.parse()) {
        (Value::Null, Some(Value::Timestamp(made)), Ok(since)) => *made < since,
        _ => all.iter().all(|name| member(value, name) == Some(&Value::Bool(true))),
    }
}

/// A part of a bucket that sets one property.
macro_rules! part {
    ($from:literal, $($field:expr),+) => {
        Part { from: $from, of: &["aws_s3_bucket"], key: "bucket", whole: &["bucket", "id"], optional: false, adds: Adds::Fields(&[$($field),+]) }
    };
}

macro_rules! touches {
    ($from:literal) => {
        Part { from: $from, of: &["aws_s3_bucket"], key: "bucket", whole: &["bucket", "id"], optional: false, adds: Adds::Nothing }
    };
}

pub(super) const PARTS: &[Part] = &[
    part!("aws_s3_bucket_versioning", call("versioning_status", versioning_status), call("mfa_delete", mfa_delete)),
    part!("aws_s3_bucket_server_side_encryption_configuration", call("server_side_encryption", encryption_part)),
    part!("aws_s3_bucket_public_access_block", call("public_access_block", public_access_block)),
    part!("aws_s3_bucket_policy", take("policy", Take::Document("policy"), Unset::Null)),
    part!("aws_s3_bucket_logging", at("logging_target_bucket", "target_bucket", Unset::Null)),
    part!("aws_s3_bucket_lifecycle_configuration", call("lifecycle_rules", lifecycle_part)),
    part!("aws_s3_bucket_object_lock_configuration", call("object_lock", object_lock_part)),
    part!("aws_s3_bucket_replication_configuration", call("replication_rules", replication_part)),
    touches!("aws_s3_bucket_acl"),
    touches!("aws_s3_bucket_ownership_controls"),
    touches!("aws_s3_bucket_cors_configuration"),
    touches!("aws_s3_bucket_website_configuration"),
    touches!("aws_s3_bucket_notification"),
    touches!("aws_s3_bucket_accelerate_configuration"),
    touches!("aws_s3_bucket_request_payment_configuration"),
    touches!("aws_s3_bucket_intelligent_tiering_configuration"),
    touches!("aws_s3_bucket_inventory"),
    touches!("aws_s3_bucket_metric"),
    touches!("aws_s3_bucket_analytics_configuration"),
];

pub(super) const UNDECLARED: &[Undeclared] = &[Undeclared {
    kind: "AWS::S3::Bucket",
    properties: &[
        ("mfa_delete", Rule::Nothing),
        ("versioning_status", Rule::NothingOr("Suspended")),
        ("server_side_encryption", Rule::Usual(encrypted_by_s3)),
        ("public_access_block", Rule::Usual(blocked_or_older)),
        ("creation_date", Rule::OfAws),
    ],
}];
