//! EFS: file systems, where they are mounted, and how they are backed up and replicated.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Take, Unset, at, call, same, take};
use super::super::undeclared::{Rule, Undeclared};
use super::super::unknown;
use crate::estate::{Reason, Resource, Value};

/// What is known of a new file system only.
fn when_new(ctx: &Ctx<'_>, path: &str, json: Json) -> Json {
    if ctx.is_made() { json } else { ctx.missing(path) }
}

fn kms_key_id(ctx: &Ctx<'_>) -> Json {
    let path = "kms_key_id";
    match (ctx.or("encrypted", Unset::False), ctx.or(path, Unset::Decided)) {
        (Json::Bool(false), _) => Json::Null,
        // AWS answers with the key itself, not with the name by which it was given.
        (Json::Bool(true), Json::String(arn)) if !arn.contains(":key/") => ctx.later(path),
        (Json::Bool(true), key) => key,
        (mark, _) => mark,
    }
}

/// Every file system is protected until somebody lifts the protection.
fn overwrite_protection(ctx: &Ctx<'_>) -> Json {
    let path = "protection.replication_overwrite";
    match ctx.get(path) {
        // AWS did not say.
        Got::Unset if !ctx.is_made() => Json::Null,
        _ => ctx.or(path, if ctx.is_made() { Unset::Text("ENABLED") } else { Unset::Decided }),
    }
}

/// Automatic backups without a policy of their own: AWS sets them up for One Zone file systems only.
fn backup_policy(ctx: &Ctx<'_>) -> Json {
    let one_zone = !ctx.or("availability_zone_name", Unset::Null).is_null();
    if ctx.is_made() && one_zone {
        return unknown(Reason::AwsDecides, format!("{}: automatic backups", ctx.object.address));
    }
    when_new(ctx, "backup_policy", Json::Null)
}

/// Automatic backups as AWS leaves them: only a file system of one zone has them.
fn none_or_of_one_zone(value: &Value, file_system: &Resource) -> bool {
    match value {
        Value::String(status) if &**status == "ENABLED" => {
            !matches!(file_system.property("availability_zone_name"), Some(Value::Null) | None)
        }
        Value::String(status) => &**status == "DISABLED",
        _ => false,
    }
}

fn mount_target(ctx: &Ctx<'_>) -> Json {
    json!({
        "mount_target_id": ctx.or("id", Unset::Output),
        "subnet_id": ctx.or("subnet_id", Unset::Output),
        "vpc_id": ctx.missing("vpc_id"),
        "availability_zone_name": ctx.or("availability_zone_name", Unset::Output),
        "availability_zone_id": ctx.or("availability_zone_id", Unset::Output),
    })
}

fn destination(ctx: &Ctx<'_>) -> Json {
    json!({
        "region": ctx.or("region", Unset::Output),
        "file_system_id": ctx.or("file_system_id", Unset::Output),
        "owner_id": ctx.missing("destination.owner_id"),
        "status": ctx.missing("destination.status"),
        "last_replicated_timestamp": ctx.missing("destination.last_replicated_timestamp"),
    })
}

fn destinations(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("destination") {
        Ok(blocks) if blocks.is_empty() => Json::Null,
        Ok(blocks) => blocks.into_iter().map(|block| destination(&ctx.within(block))).collect(),
        Err(mark) => mark,
    }
}

pub(super) const MAPPINGS: &[Mapping] = &[Mapping {
    from: "aws_efs_file_system",
    kind: "AWS::EFS::FileSystem",
    id: &["id"],
    arn: Arn::Made("elasticfilesystem", "file-system/"),
    tags: &["tags_all", "tags"],
    fields: &[
        same("availability_zone_name", Unset::Null),
        call("backup_policy_status", backup_policy),
        same("encrypted", Unset::False),
        at("file_system_id", "id", Unset::Output),
        call("kms_key_id", kms_key_id),
        call("mount_targets", |ctx| when_new(ctx, "mount_targets", json!([]))),
        call("policy", |ctx| when_new(ctx, "policy", Json::Null)),
        call("replication_destinations", |ctx| when_new(ctx, "replication_destinations", Json::Null)),
        call("replication_overwrite_protection", overwrite_protection),
    ],
}];

const FILE_SYSTEM: &[&str] = &["aws_efs_file_system"];

pub(super) const PARTS: &[Part] = &[
    Part {
        from: "aws_efs_mount_target",
        of: FILE_SYSTEM,
        key: "file_system_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("mount_targets", mount_target)]),
    },
    Part {
        from: "aws_efs_backup_policy",
        of: FILE_SYSTEM,
        key: "file_system_id",
        whole: &["id"],
        // Taking the policy away disables the backups.
        optional: false,
        adds: Adds::Fields(&[at("backup_policy_status", "backup_policy.status", Unset::Text("DISABLED"))]),
    },
    Part {
        from: "aws_efs_file_system_policy",
        of: FILE_SYSTEM,
        key: "file_system_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Fields(&[take("policy", Take::Document("policy"), Unset::Null)]),
    },
    Part {
        from: "aws_efs_replication_configuration",
        of: FILE_SYSTEM,
        key: "source_file_system_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Fields(&[call("replication_destinations", destinations)]),
    },
];

pub(super) const UNDECLARED: &[Undeclared] = &[Undeclared {
    kind: "AWS::EFS::FileSystem",
    properties: &[
        ("backup_policy_status", Rule::NothingBut(none_or_of_one_zone)),
        ("mount_targets", Rule::Nothing),
        ("policy", Rule::Nothing),
        ("replication_destinations", Rule::Nothing),
        ("creation_time", Rule::OfAws),
        ("life_cycle_state", Rule::OfAws),
        ("mount_targets[].vpc_id", Rule::OfAws),
        ("replication_destinations[].last_replicated_timestamp", Rule::OfAws),
        ("replication_destinations[].status", Rule::OfAws),
        ("vpc_ids", Rule::OfAws),
    ],
}];
