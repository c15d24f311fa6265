//! S3: buckets and their policies.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Map, Value as Json, json};

use super::policy::policy;
use super::{TAGS, each, either, flag, is_marked, is_set, nothing, own, region};
use crate::declared::map::{Adds, Arn, Ctx, Got, Mapping, Part, Unset, call};

/// Every bucket encrypts with keys of S3 unless another way is set, since January 2023.
fn encryption(ctx: &Ctx<'_>) -> Json {
    let path = "BucketEncryption.ServerSideEncryptionConfiguration";
    let found = match ctx.get(path) {
        Got::Value(Json::Array(rules)) => rules.first(),
        Got::Value(rule) => Some(rule),
        Got::Unknown(mark) => return mark.clone(),
        _ => None,
    };
    let Some(found) = found else {
        return super::super::s3::of_s3();
    };
    if is_marked(found) {
        return found.clone();
    }
    let rule = ctx.within(found);
    let key = rule.or("ServerSideEncryptionByDefault.KMSMasterKeyID", Unset::Null);
    let arn = super::super::s3::key_arn(ctx, &key);
    json!({
        "bucket_key_enabled": rule.or("BucketKeyEnabled", Unset::False),
        "kms_key_arn": arn,
        "kms_master_key_id": key,
        "sse_algorithm": rule.or("ServerSideEncryptionByDefault.SSEAlgorithm", Unset::Text("AES256")),
    })
}

/// Buckets block public access by themselves since April 2023; whoever sets a block sets all of it.
fn public_access_block(ctx: &Ctx<'_>) -> Json {
    let path = "PublicAccessBlockConfiguration";
    let (given, unset) = match ctx.get(path) {
        Got::Unknown(mark) => return mark.clone(),
        Got::Value(block) => (block.clone(), Unset::False),
        _ => (json!({}), Unset::True),
    };
    let block = ctx.within(&given);
    json!({
        "block_public_acls": block.or("BlockPublicAcls", unset),
        "block_public_policy": block.or("BlockPublicPolicy", unset),
        "ignore_public_acls": block.or("IgnorePublicAcls", unset),
        "restrict_public_buckets": block.or("RestrictPublicBuckets", unset),
    })
}

/// A bucket that is made with Object Lock keeps versions by itself.
fn versioning(ctx: &Ctx<'_>) -> Json {
    match ctx.or("VersioningConfiguration.Status", Unset::Null) {
        Json::Null => either(flag(ctx, "ObjectLockEnabled", Unset::False), || json!("Enabled"), || Json::Null),
        other => other,
    }
}

fn object_lock(ctx: &Ctx<'_>) -> Json {
    let configured = is_set(ctx, "ObjectLockConfiguration");
    let lock = || {
        let default = |path: &str| ctx.or(&format!("ObjectLockConfiguration.Rule.DefaultRetention.{path}"), Unset::Null);
        json!({"object_lock_enabled": "Enabled", "days": default("Days"), "mode": default("Mode"), "years": default("Years")})
    };
    match (flag(ctx, "ObjectLockEnabled", Unset::False), configured) {
        (Json::Bool(true), _) => lock(),
        (_, Some(true)) if ctx.text("ObjectLockConfiguration.ObjectLockEnabled") == Some("Enabled") => lock(),
        (Json::Bool(false), Some(false)) => Json::Null,
        (Json::Bool(false), _) => ctx.later("ObjectLockConfiguration"),
        (mark, _) => mark,
    }
}

/// Logs go to the bucket itself where no other one is named.
fn logging(ctx: &Ctx<'_>) -> Json {
    let path = "LoggingConfiguration";
    match ctx.get(path) {
        Got::Value(_) => {
            ctx.or("LoggingConfiguration.DestinationBucketName", Unset::Worked(|ctx| ctx.or("BucketName", Unset::Worked(own))))
        }
        Got::Unknown(mark) => mark.clone(),
        _ => Json::Null,
    }
}

/// Nothing where a rule gives an empty prefix.
fn prefix(rule: &Ctx<'_>, paths: &[&str]) -> Json {
    let given = paths.iter().map(|path| rule.or(path, Unset::Null)).find(|prefix| !prefix.is_null());
    given.unwrap_or(Json::Null)
}

/// Tags that a filter names: pairs of key and value.
fn filter_tags(rule: &Ctx<'_>, paths: &[&str]) -> Json {
    let mut tags = Map::new();
    for path in paths {
        let pairs = match rule.blocks(path) {
            Ok(pairs) => pairs,
            Err(mark) => return mark,
        };
        for pair in pairs {
            let tag = rule.within(pair);
            match tag.or("Key", Unset::Output) {
                Json::String(key) => drop(tags.insert(key, tag.or("Value", Unset::Text("")))),
                mark => return mark,
            }
        }
    }
    Json::Object(tags)
}

fn replication(ctx: &Ctx<'_>) -> Json {
    let path = "ReplicationConfiguration";
    match ctx.get(path) {
        Got::Value(_) => each(ctx, "ReplicationConfiguration.Rules", replication_rule),
        Got::Unknown(mark) => mark.clone(),
        _ => Json::Null,
    }
}

fn replication_rule(rule: &Ctx<'_>) -> Json {
    let destination = |path: &str| rule.or(&format!("Destination.{path}"), Unset::Null);
    json!({
        "id": rule.or("Id", Unset::Output),
        "status": rule.or("Status", Unset::Output),
        "priority": rule.or("Priority", Unset::Null),
        "prefix": prefix(rule, &["Filter.And.Prefix", "Filter.Prefix", "Prefix"]),
        "filter_tags": filter_tags(rule, &["Filter.And.TagFilters", "Filter.TagFilter"]),
        "destination_bucket": rule.or("Destination.Bucket", Unset::Output),
        "destination_account": match destination("AccessControlTranslation.Owner") {
            Json::Null => Json::Null,
            _ => destination("Account"),
        },
        "destination_storage_class": destination("StorageClass"),
        "replica_kms_key_id": destination("EncryptionConfiguration.ReplicaKmsKeyID"),
        "delete_marker_replication": rule.or("DeleteMarkerReplication.Status", Unset::Null),
    })
}

/// A date, which is always one of UTC.
fn date(rule: &Ctx<'_>, path: &str) -> Json {
    match rule.or(path, Unset::Null) {
        Json::String(text) if text.len() == "2026-01-31".len() => Json::String(format!("{text}T00:00:00Z")),
        Json::String(text) if text.contains('T') && !text.ends_with('Z') && !text.contains('+') => Json::String(format!("{text}Z")),
        other => other,
    }
}

/// Moves: in a list, or a single one as templates once had it.
fn moves(rule: &Ctx<'_>, one: &str, many: &str, work: fn(&Ctx<'_>) -> Json) -> Json {
    match (each(rule, one, work), each(rule, many, work)) {
        (Json::Array(mut all), Json::Array(more)) => {
            all.extend(more);
            Json::Array(all)
        }
        (Json::Array(_), mark) | (mark, _) => mark,
    }
}

fn lifecycle(ctx: &Ctx<'_>) -> Json {
    let path = "LifecycleConfiguration";
    match ctx.get(path) {
        Got::Value(_) => each(ctx, "LifecycleConfiguration.Rules", lifecycle_rule),
        Got::Unknown(mark) => mark.clone(),
        _ => Json::Null,
    }
}

fn lifecycle_rule(rule: &Ctx<'_>) -> Json {
    let value = |path: &str| rule.or(path, Unset::Null);
    let either = |paths: [&str; 2]| paths.iter().map(|path| value(path)).find(|found| !found.is_null()).unwrap_or(Json::Null);
    json!({
        "id": rule.or("Id", Unset::Output),
        "status": rule.or("Status", Unset::Output),
        "prefix": prefix(rule, &["Prefix"]),
        "filter_tags": filter_tags(rule, &["TagFilters"]),
        "object_size_greater_than": value("ObjectSizeGreaterThan"),
        "object_size_less_than": value("ObjectSizeLessThan"),
        "expiration_days": value("ExpirationInDays"),
        "expiration_date": date(rule, "ExpirationDate"),
        "expired_object_delete_marker": value("ExpiredObjectDeleteMarker"),
        "noncurrent_days": either(["NoncurrentVersionExpiration.NoncurrentDays", "NoncurrentVersionExpirationInDays"]),
        "newer_noncurrent_versions": value("NoncurrentVersionExpiration.NewerNoncurrentVersions"),
        "abort_incomplete_multipart_upload_days": value("AbortIncompleteMultipartUpload.DaysAfterInitiation"),
        "transitions": moves(rule, "Transition", "Transitions", |step| json!({
            "date": date(step, "TransitionDate"),
            "days": step.or("TransitionInDays", Unset::Null),
            "storage_class": step.or("StorageClass", Unset::Output),
        })),
        "noncurrent_version_transitions": moves(rule, "NoncurrentVersionTransition", "NoncurrentVersionTransitions", |step| json!({
            "newer_noncurrent_versions": step.or("NewerNoncurrentVersions", Unset::Null),
            "noncurrent_days": step.or("TransitionInDays", Unset::Null),
            "storage_class": step.or("StorageClass", Unset::Output),
        })),
    })
}

pub(super) const BUCKET: Mapping = Mapping {
    from: "AWS::S3::Bucket",
    kind: "AWS::S3::Bucket",
    id: &["BucketName"],
    arn: Arn::Bucket,
    tags: TAGS,
    fields: &[
        call("lifecycle_rules", lifecycle),
        call("location", region),
        call("logging_target_bucket", logging),
        // No template can ask for it.
        call("mfa_delete", nothing),
        call("object_lock", object_lock),
        call("policy", nothing),
        call("public_access_block", public_access_block),
        call("replication_rules", replication),
        call("server_side_encryption", encryption),
        call("versioning_status", versioning),
    ],
};

pub(super) const BUCKET_POLICY: Part = Part {
    from: "AWS::S3::BucketPolicy",
    of: &["AWS::S3::Bucket"],
    key: "Bucket",
    whole: &["BucketName"],
    optional: false,
    adds: Adds::Fields(&[call("policy", |ctx| policy(ctx, "PolicyDocument", Unset::Output))]),
};
