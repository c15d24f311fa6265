//! RDS, Aurora, DocumentDB and Neptune.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::{TAGS, either, empty, flag, is_any_set, is_set, key_arn, key_of_aws, list, never, nothing, own};
use crate::declared::map::{Arn, Ctx, Mapping, Take, Unset, at, call, take};

/// CloudFormation waits until what it makes is available.
fn status(_: &Ctx<'_>) -> Json {
    json!("available")
}

/// What the engine belongs to, as the live collector tells it.
fn family(ctx: &Ctx<'_>) -> Json {
    match ctx.or("Engine", Unset::Output) {
        Json::String(engine) => json!(match engine.as_str() {
            "docdb" | "neptune" => engine.as_str(),
            aurora if aurora.starts_with("aurora") => "aurora",
            _ => "rds",
        }),
        mark => mark,
    }
}

/// The version that runs. The one that is written may be the beginning of it, whose rest AWS chooses.
fn version_of(ctx: &Ctx<'_>, engine: &str) -> Json {
    let path = "EngineVersion";
    let written = match ctx.or(path, Unset::Output) {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text,
        mark => return mark,
    };
    let dots = written.matches('.').count();
    let whole = match engine {
        "postgres" | "aurora-postgresql" => dots >= 1,
        "mysql" | "mariadb" | "docdb" => dots >= 2,
        "aurora-mysql" => written.split_once("mysql_aurora.").is_some_and(|(_, own)| own.matches('.').count() >= 2),
        "neptune" => dots >= 3,
        _ => false,
    };
    if whole { Json::String(written) } else { ctx.later(path) }
}

fn version(ctx: &Ctx<'_>) -> Json {
    version_of(ctx, ctx.text("Engine").unwrap_or_default())
}

const MEMBER_OF: &str = "DBClusterIdentifier";

/// Snapshots that an instance is made from: its encryption may be chosen, if they have none.
const SNAPSHOTS: &[&str] = &["DBSnapshotIdentifier", "DBClusterSnapshotIdentifier"];

/// What an instance has its settings from. With a group of EC2-Classic, AWS is not sent most of them.
const SOURCES: &[&str] = &[
    "SourceDBInstanceIdentifier",
    "SourceDBClusterIdentifier",
    "SourceDbiResourceId",
    "SourceDBInstanceAutomatedBackupsArn",
    "DBSecurityGroups",
];

/// Whether the cluster has it and not the instance; also where it may be so.
fn is_member(ctx: &Ctx<'_>) -> bool {
    is_set(ctx, MEMBER_OF) != Some(false)
}

/// Whether the instance is, or may be, made from something.
fn is_made_of_something(ctx: &Ctx<'_>) -> bool {
    is_any_set(ctx, SNAPSHOTS) != Some(false) || is_any_set(ctx, SOURCES) != Some(false)
}

/// What the cluster has for its members.
fn unless_member(ctx: &Ctx<'_>, path: &str, json: impl FnOnce() -> Json) -> Json {
    if is_member(ctx) { ctx.later(path) } else { json() }
}

/// A setting of an instance that is made anew; what it is of another one, nobody knows.
fn setting(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    unless_member(ctx, path, || ctx.or(path, if is_made_of_something(ctx) { Unset::Output } else { unset }))
}

/// What comes of a snapshot is encrypted for sure where that is asked for with a key: the snapshot may
/// be encrypted or not.
fn encrypted_by_key(ctx: &Ctx<'_>) -> Json {
    let path = "StorageEncrypted";
    match (flag(ctx, path, Unset::False), is_set(ctx, "KmsKeyId")) {
        (Json::Bool(true), Some(true)) => json!(true),
        _ => ctx.later(path),
    }
}

fn instance_encrypted(ctx: &Ctx<'_>) -> Json {
    let path = "StorageEncrypted";
    if is_member(ctx) || is_any_set(ctx, SOURCES) != Some(false) {
        return ctx.later(path);
    }
    // The request that restores an instance takes neither this nor a key: it is as its snapshot is.
    if is_any_set(ctx, SNAPSHOTS) == Some(false) { flag(ctx, path, Unset::False) } else { ctx.later(path) }
}

/// The kind of encryption: none without it. With it, AWS tells the kind once it is there.
fn kind_of(ctx: &Ctx<'_>, encrypted: &Json) -> Json {
    match encrypted {
        Json::Bool(false) => Json::Null,
        _ => ctx.later("StorageEncryptionType"),
    }
}

/// The key: AWS's own for the account where encryption is asked for and no key is named.
fn key_of(ctx: &Ctx<'_>, encrypted: Json) -> Json {
    let path = "KmsKeyId";
    match encrypted {
        Json::Bool(false) => Json::Null,
        Json::Bool(true) => key_arn(ctx, path, Unset::Worked(|_| key_of_aws("alias/aws/rds"))),
        _ => ctx.later(path),
    }
}

fn instance_key(ctx: &Ctx<'_>) -> Json {
    if is_member(ctx) || is_made_of_something(ctx) {
        return ctx.later("KmsKeyId");
    }
    key_of(ctx, instance_encrypted(ctx))
}

fn retention(ctx: &Ctx<'_>) -> Json {
    let path = "BackupRetentionPeriod";
    // Read replicas have none of their own, whatever is written.
    if is_set(ctx, "SourceDBInstanceIdentifier") == Some(false) { setting(ctx, path, Unset::Int(1)) } else { ctx.later(path) }
}

/// Aurora is in several zones without any member that is.
fn instance_multi_az(ctx: &Ctx<'_>) -> Json {
    let path = "MultiAZ";
    match (is_set(ctx, MEMBER_OF), flag(ctx, path, Unset::False)) {
        (Some(true), _) | (_, Json::Bool(false)) => json!(false),
        (Some(false), asked) => asked,
        (None, _) => ctx.later(path),
    }
}

fn standby(ctx: &Ctx<'_>) -> Json {
    match instance_multi_az(ctx) {
        Json::Bool(false) => Json::Null,
        _ => ctx.later("MultiAZ"),
    }
}

/// An instance that is restored to a moment names its source in the same way as a replica.
fn replica_source(ctx: &Ctx<'_>) -> Json {
    let path = "SourceDBInstanceIdentifier";
    let source = ctx.or(path, Unset::Null);
    if source.is_null() {
        return source;
    }
    match (is_set(ctx, "RestoreTime"), flag(ctx, "UseLatestRestorableTime", Unset::False)) {
        (Some(true), _) | (_, Json::Bool(true)) => Json::Null,
        (Some(false), Json::Bool(false)) => source,
        _ => ctx.later(path),
    }
}

fn replica_source_arn(ctx: &Ctx<'_>) -> Json {
    let (kind, source) = match replica_source(ctx) {
        Json::Null => ("cluster", ctx.or("SourceDBClusterIdentifier", Unset::Null)),
        instance => ("db", instance),
    };
    match source {
        Json::String(source) if !source.starts_with("arn:") => {
            let arn = ctx.arn("rds", &format!("{kind}:{source}"));
            arn.map_or_else(|| ctx.missing("the account of the source"), Json::String)
        }
        other => other,
    }
}

/// Where automated backups are replicated to: the ARN is still to come.
fn replicated_backups(ctx: &Ctx<'_>) -> Json {
    let path = "AutomaticBackupReplicationRegion";
    match is_set(ctx, path) {
        Some(false) => json!([]),
        _ => json!([ctx.later(path)]),
    }
}

fn parameter_groups(ctx: &Ctx<'_>) -> Json {
    match ctx.or("DBParameterGroupName", Unset::Output) {
        Json::Array(groups) => Json::Array(groups),
        one => json!([one]),
    }
}

fn secret_of(ctx: &Ctx<'_>, may_have_another: bool) -> Json {
    let path = "ManageMasterUserPassword";
    let later = || ctx.later("MasterUserSecret.SecretArn");
    either(flag(ctx, path, Unset::False), later, || if may_have_another { later() } else { Json::Null })
}

fn instance_secret(ctx: &Ctx<'_>) -> Json {
    unless_member(ctx, "MasterUserSecret.SecretArn", || secret_of(ctx, is_made_of_something(ctx)))
}

fn cluster_secret(ctx: &Ctx<'_>) -> Json {
    secret_of(ctx, is_restored(ctx))
}

/// What a cluster has its encryption from.
const CLUSTER_SOURCES: &[&str] = &["SourceDBClusterIdentifier", "SourceDbClusterResourceId"];

/// Whether a cluster is, or may be, made from another one or its snapshot.
fn is_restored(ctx: &Ctx<'_>) -> bool {
    is_any_set(ctx, &["SnapshotIdentifier", "SourceDBClusterIdentifier", "SourceDbClusterResourceId"]) != Some(false)
}

fn cluster_setting(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    ctx.or(path, if is_restored(ctx) { Unset::Output } else { unset })
}

fn cluster_encrypted(ctx: &Ctx<'_>) -> Json {
    let path = "StorageEncrypted";
    if is_any_set(ctx, CLUSTER_SOURCES) != Some(false) {
        return ctx.later(path);
    }
    if is_set(ctx, "SnapshotIdentifier") != Some(false) {
        return encrypted_by_key(ctx);
    }
    let asked = flag(ctx, path, Unset::False);
    if asked != json!(false) {
        return asked;
    }
    // A cluster that replicates another one has to be encrypted as that one is.
    let replicates = is_any_set(ctx, &["ReplicationSourceIdentifier", "GlobalClusterIdentifier", "SourceRegion"]) != Some(false);
    match ctx.or("EngineMode", Unset::Text("provisioned")) {
        // The first version of Aurora Serverless always is.
        Json::String(mode) if mode == "serverless" => json!(true),
        Json::String(_) if replicates && is_set(ctx, path) == Some(false) => ctx.later(path),
        Json::String(_) => asked,
        mark => mark,
    }
}

/// Since February 2026 Aurora encrypts new clusters with a key of its own where nobody asks for encryption. A template is
/// judged by what it makes now.
fn cluster_encryption_kind(ctx: &Ctx<'_>) -> Json {
    let encrypted = cluster_encrypted(ctx);
    let kind = kind_of(ctx, &encrypted);
    if encrypted != json!(false) || ctx.object.source_type != "AWS::RDS::DBCluster" {
        return kind;
    }
    match (family(ctx), is_set(ctx, "StorageEncrypted")) {
        (Json::String(family), _) if family != "aurora" => kind,
        (Json::String(_), Some(true)) => kind,
        (Json::String(_), Some(false)) => json!("sse-rds"),
        _ => ctx.later("StorageEncryptionType"),
    }
}

fn cluster_key(ctx: &Ctx<'_>) -> Json {
    key_of(ctx, cluster_encrypted(ctx))
}

/// An instance of DocumentDB or Neptune: what holds of both, and what the engine adds.
macro_rules! member {
    ($from:literal, $engine:literal, $($more:expr),+ $(,)?) => {
        Mapping {
            from: $from,
            kind: "AWS::RDS::DBInstance",
            id: &["DBInstanceIdentifier"],
            arn: Arn::Made("rds", "db:"),
            tags: TAGS,
            fields: &[
                at("auto_minor_version_upgrade", "AutoMinorVersionUpgrade", Unset::Output),
                at("availability_zone", "AvailabilityZone", Unset::Output),
                call("backup_retention_period", |ctx| ctx.later("BackupRetentionPeriod")),
                at("db_cluster_identifier", MEMBER_OF, Unset::Output),
                call("db_instance_automated_backups_replications", empty),
                at("db_instance_class", "DBInstanceClass", Unset::Output),
                take("db_instance_identifier", Take::Lower("DBInstanceIdentifier"), Unset::Worked(own)),
                call("db_instance_status", status),
                at("db_subnet_group_name", "DBSubnetGroupName", Unset::Output),
                call("dbi_resource_id", |ctx| ctx.later("DbiResourceId")),
                call("engine", |_| json!($engine)),
                call("engine_family", |_| json!($engine)),
                call("engine_version", |ctx| ctx.later("EngineVersion")),
                // The cluster's.
                call("kms_key_id", |ctx| ctx.later("KmsKeyId")),
                call("multi_az", never),
                call("read_replica_source_arn", nothing),
                call("read_replica_source_db_cluster_identifier", nothing),
                call("read_replica_source_db_instance_identifier", nothing),
                call("secondary_availability_zone", nothing),
                call("storage_encrypted", |ctx| ctx.later("StorageEncrypted")),
                call("storage_encryption_type", |ctx| ctx.later("StorageEncryptionType")),
                call("subnet_ids", |ctx| ctx.later("SubnetIds")),
                call("vpc_id", |ctx| ctx.later("VpcId")),
                $($more),+
            ],
        }
    };
}

/// A cluster: what holds of every engine, and what the engine adds.
macro_rules! cluster {
    ($from:literal, $($more:expr),+ $(,)?) => {
        Mapping {
            from: $from,
            kind: "AWS::RDS::DBCluster",
            id: &["DBClusterIdentifier"],
            arn: Arn::Made("rds", "cluster:"),
            tags: TAGS,
            fields: &[
                call("availability_zones", |ctx| list(ctx, "AvailabilityZones", Unset::Output)),
                call("backup_retention_period", |ctx| cluster_setting(ctx, "BackupRetentionPeriod", Unset::Int(1))),
                take("db_cluster_identifier", Take::Lower("DBClusterIdentifier"), Unset::Worked(own)),
                // RDS itself makes the members of a Multi-AZ cluster.
                call("db_cluster_members", |ctx| match is_set(ctx, "DBClusterInstanceClass") {
                    Some(false) => json!([]),
                    _ => json!([ctx.missing("members that RDS makes")]),
                }),
                at("db_cluster_parameter_group", "DBClusterParameterGroupName", Unset::Output),
                call("db_cluster_resource_id", |ctx| ctx.later("DBClusterResourceId")),
                at("db_subnet_group", "DBSubnetGroupName", Unset::Output),
                at("deletion_protection", "DeletionProtection", Unset::False),
                at("global_cluster_identifier", "GlobalClusterIdentifier", Unset::Null),
                call("kms_key_id", cluster_key),
                call("master_user_secret_arn", cluster_secret),
                call("status", status),
                call("storage_encrypted", cluster_encrypted),
                call("storage_encryption_type", cluster_encryption_kind),
                call("vpc_security_group_ids", |ctx| list(ctx, "VpcSecurityGroupIds", Unset::Decided)),
                $($more),+
            ],
        }
    };
}

/// A group of subnets.
macro_rules! subnets {
    ($from:literal) => {
        Mapping {
            from: $from,
            kind: "AWS::RDS::DBSubnetGroup",
            id: &["DBSubnetGroupName"],
            arn: Arn::Made("rds", "subgrp:"),
            tags: TAGS,
            fields: &[
                call("availability_zones", |ctx| ctx.later("AvailabilityZones")),
                take("db_subnet_group_name", Take::Lower("DBSubnetGroupName"), Unset::Worked(own)),
                call("subnet_ids", |ctx| list(ctx, "SubnetIds", Unset::Output)),
                call("vpc_id", |ctx| ctx.later("VpcId")),
            ],
        }
    };
}

/// A group of parameters, of instances or of clusters.
macro_rules! parameters {
    ($from:literal, $kind:literal, $prefix:literal, $field:literal, $name:literal) => {
        Mapping {
            from: $from,
            kind: $kind,
            id: &[$name],
            arn: Arn::Made("rds", $prefix),
            tags: TAGS,
            fields: &[take($field, Take::Lower($name), Unset::Worked(own)), at("db_parameter_group_family", "Family", Unset::Output)],
        }
    };
}

macro_rules! instance_parameters {
    ($from:literal, $name:literal) => {
        parameters!($from, "AWS::RDS::DBParameterGroup", "pg:", "db_parameter_group_name", $name)
    };
}

macro_rules! cluster_parameters {
    ($from:literal, $name:literal) => {
        parameters!($from, "AWS::RDS::DBClusterParameterGroup", "cluster-pg:", "db_cluster_parameter_group_name", $name)
    };
}

pub(super) const INSTANCE: Mapping = Mapping {
    from: "AWS::RDS::DBInstance",
    kind: "AWS::RDS::DBInstance",
    id: &["DBInstanceIdentifier"],
    arn: Arn::Made("rds", "db:"),
    tags: TAGS,
    fields: &[
        call("auto_minor_version_upgrade", |ctx| {
            ctx.or("AutoMinorVersionUpgrade", if is_made_of_something(ctx) { Unset::Output } else { Unset::True })
        }),
        at("availability_zone", "AvailabilityZone", Unset::Output),
        call("backup_retention_period", retention),
        call("copy_tags_to_snapshot", |ctx| setting(ctx, "CopyTagsToSnapshot", Unset::False)),
        at("db_cluster_identifier", MEMBER_OF, Unset::Null),
        call("db_instance_automated_backups_replications", replicated_backups),
        at("db_instance_class", "DBInstanceClass", Unset::Output),
        take("db_instance_identifier", Take::Lower("DBInstanceIdentifier"), Unset::Worked(own)),
        call("db_instance_status", status),
        call("db_parameter_group_names", parameter_groups),
        at("db_subnet_group_name", "DBSubnetGroupName", Unset::Output),
        call("dbi_resource_id", |ctx| ctx.later("DbiResourceId")),
        call("deletion_protection", |ctx| unless_member(ctx, "DeletionProtection", || ctx.or("DeletionProtection", Unset::False))),
        at("engine", "Engine", Unset::Output),
        call("engine_family", family),
        call("engine_version", |ctx| unless_member(ctx, "EngineVersion", || version(ctx))),
        call("kms_key_id", instance_key),
        call("master_user_secret_arn", instance_secret),
        call("multi_az", instance_multi_az),
        // It depends on the VPC and the group of subnets.
        at("publicly_accessible", "PubliclyAccessible", Unset::Decided),
        call("read_replica_source_arn", replica_source_arn),
        at("read_replica_source_db_cluster_identifier", "SourceDBClusterIdentifier", Unset::Null),
        call("read_replica_source_db_instance_identifier", replica_source),
        call("secondary_availability_zone", standby),
        call("storage_encrypted", instance_encrypted),
        call("storage_encryption_type", |ctx| kind_of(ctx, &instance_encrypted(ctx))),
        call("subnet_ids", |ctx| ctx.later("SubnetIds")),
        call("vpc_id", |ctx| ctx.later("VpcId")),
        call("vpc_security_group_ids", |ctx| unless_member(ctx, "VPCSecurityGroups", || list(ctx, "VPCSecurityGroups", Unset::Decided))),
    ],
};

// Public endpoints are not there for DocumentDB.
pub(super) const DOCDB_INSTANCE: Mapping = member!("AWS::DocDB::DBInstance", "docdb", call("publicly_accessible", never));

pub(super) const NEPTUNE_INSTANCE: Mapping = member!(
    "AWS::Neptune::DBInstance",
    "neptune",
    call("db_parameter_group_names", parameter_groups),
    at("publicly_accessible", "PubliclyAccessible", Unset::Decided),
);

pub(super) const CLUSTER: Mapping = cluster!(
    "AWS::RDS::DBCluster",
    at("engine", "Engine", Unset::Output),
    call("engine_family", family),
    at("cluster_scalability_type", "ClusterScalabilityType", Unset::Null),
    call("engine_mode", |ctx| cluster_setting(ctx, "EngineMode", Unset::Text("provisioned"))),
    call("engine_version", version),
    at("replication_source_identifier", "ReplicationSourceIdentifier", Unset::Null),
);

pub(super) const DOCDB_CLUSTER: Mapping = cluster!(
    "AWS::DocDB::DBCluster",
    call("engine", |_| json!("docdb")),
    call("engine_family", |_| json!("docdb")),
    call("engine_version", |ctx| version_of(ctx, "docdb")),
    call("replication_source_identifier", nothing),
);

pub(super) const NEPTUNE_CLUSTER: Mapping = cluster!(
    "AWS::Neptune::DBCluster",
    call("engine", |_| json!("neptune")),
    call("engine_family", |_| json!("neptune")),
    call("engine_version", |ctx| version_of(ctx, "neptune")),
    call("replication_source_identifier", nothing),
);

pub(super) const SUBNET_GROUP: Mapping = subnets!("AWS::RDS::DBSubnetGroup");
pub(super) const DOCDB_SUBNET_GROUP: Mapping = subnets!("AWS::DocDB::DBSubnetGroup");
pub(super) const NEPTUNE_SUBNET_GROUP: Mapping = subnets!("AWS::Neptune::DBSubnetGroup");

pub(super) const PARAMETER_GROUP: Mapping = instance_parameters!("AWS::RDS::DBParameterGroup", "DBParameterGroupName");
pub(super) const NEPTUNE_PARAMETER_GROUP: Mapping = instance_parameters!("AWS::Neptune::DBParameterGroup", "Name");

pub(super) const CLUSTER_PARAMETER_GROUP: Mapping = cluster_parameters!("AWS::RDS::DBClusterParameterGroup", "DBClusterParameterGroupName");
pub(super) const DOCDB_CLUSTER_PARAMETER_GROUP: Mapping = cluster_parameters!("AWS::DocDB::DBClusterParameterGroup", "Name");
pub(super) const NEPTUNE_CLUSTER_PARAMETER_GROUP: Mapping = cluster_parameters!("AWS::Neptune::DBClusterParameterGroup", "Name");
