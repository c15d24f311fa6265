//! EFS: file systems and where they are mounted.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::policy::policy;
use super::{each, either, empty, flag, is_set, key_arn, key_of_aws, own};
use crate::declared::map::{Adds, Arn, Ctx, Got, Mapping, Part, Unset, at, call};

fn kms_key_id(ctx: &Ctx<'_>) -> Json {
    let of_aws = Unset::Worked(|_| key_of_aws("alias/aws/elasticfilesystem"));
    either(flag(ctx, "Encrypted", Unset::False), || key_arn(ctx, "KmsKeyId", of_aws), || Json::Null)
}

/// Automatic backups that nobody asks for: AWS may set them up for One Zone file systems.
fn backup_policy(ctx: &Ctx<'_>) -> Json {
    let unset = if is_set(ctx, "AvailabilityZoneName") == Some(false) { Unset::Null } else { Unset::Decided };
    ctx.or("BackupPolicy.Status", unset)
}

fn destinations(ctx: &Ctx<'_>) -> Json {
    let path = "ReplicationConfiguration.Destinations";
    match ctx.get(path) {
        Got::Value(Json::Array(items)) if items.is_empty() => Json::Null,
        Got::Value(_) => each(ctx, path, destination),
        Got::Unknown(mark) => mark.clone(),
        _ => Json::Null,
    }
}

fn destination(ctx: &Ctx<'_>) -> Json {
    json!({
        "region": ctx.or("Region", Unset::Output),
        "file_system_id": ctx.or("FileSystemId", Unset::Output),
        "owner_id": ctx.missing("the account of the replica"),
        "status": ctx.missing("the status of its replication"),
        "last_replicated_timestamp": ctx.missing("the last replication"),
    })
}

fn mount_target(ctx: &Ctx<'_>) -> Json {
    json!({
        "mount_target_id": own(ctx),
        "subnet_id": ctx.or("SubnetId", Unset::Output),
        "vpc_id": ctx.missing("the VPC of the subnet"),
        "availability_zone_name": ctx.later("AvailabilityZoneName"),
        "availability_zone_id": ctx.later("AvailabilityZoneId"),
    })
}

pub(super) const FILE_SYSTEM: Mapping = Mapping {
    from: "AWS::EFS::FileSystem",
    kind: "AWS::EFS::FileSystem",
    id: &["FileSystemId"],
    arn: Arn::Made("elasticfilesystem", "file-system/"),
    tags: &["FileSystemTags"],
    fields: &[
        at("availability_zone_name", "AvailabilityZoneName", Unset::Null),
        call("backup_policy_status", backup_policy),
        at("encrypted", "Encrypted", Unset::False),
        call("file_system_id", own),
        call("kms_key_id", kms_key_id),
        call("life_cycle_state", |_| json!("available")),
        call("mount_targets", empty),
        call("policy", |ctx| policy(ctx, "FileSystemPolicy", Unset::Null)),
        call("replication_destinations", destinations),
        // Every file system is protected until somebody lifts the protection.
        at("replication_overwrite_protection", "FileSystemProtection.ReplicationOverwriteProtection", Unset::Text("ENABLED")),
    ],
};

pub(super) const MOUNT_TARGET: Part = Part {
    from: "AWS::EFS::MountTarget",
    of: &["AWS::EFS::FileSystem"],
    key: "FileSystemId",
    whole: &["FileSystemId"],
    optional: false,
    adds: Adds::Items(&[("mount_targets", mount_target)]),
};
