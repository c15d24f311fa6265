//! RDS, Aurora, DocumentDB and Neptune.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Take, Unset, at, call, same, take};
use super::super::undeclared::{Rule, Undeclared, nothing as is_nothing};
use super::super::{AWS_KEY, reference};
use crate::estate::{Action, Reason};

const TAGS: &[&str] = &["tags_all", "tags"];

fn nothing(_: &Ctx<'_>) -> Json {
    Json::Null
}

/// Terraform waits until what it makes is available.
fn status(ctx: &Ctx<'_>) -> Json {
    match ctx.object.action {
        Some(Action::Create | Action::Replace) => json!("available"),
        _ => ctx.missing("status"),
    }
}

/// The replicas, which name their source: what a plan makes of something that it makes too is not told here.
fn replicas(ctx: &Ctx<'_>) -> Json {
    match ctx.object.action {
        Some(Action::Create | Action::Replace) => ctx.missing("replicas"),
        _ => ctx.or("replicas", Unset::Output),
    }
}

fn never(_: &Ctx<'_>) -> Json {
    json!(false)
}

/// What the engine belongs to, as the live collector tells it.
fn family(ctx: &Ctx<'_>) -> Json {
    match ctx.or("engine", Unset::Output) {
        Json::String(engine) => json!(match engine.as_str() {
            "docdb" | "neptune" => engine.as_str(),
            aurora if aurora.starts_with("aurora") => "aurora",
            _ => "rds",
        }),
        mark => mark,
    }
}

/// The version that runs. The one that is configured may be the beginning of it, whose rest AWS chooses.
fn version(ctx: &Ctx<'_>) -> Json {
    if let Got::Value(actual) = ctx.get("engine_version_actual")
        && actual.as_str().is_some_and(|text| !text.is_empty())
    {
        return actual.clone();
    }
    let configured = ctx.or("engine_version", Unset::Output);
    let (Some(text), Some(engine)) = (configured.as_str(), ctx.text("engine")) else { return configured };
    let dots = text.matches('.').count();
    let whole = match engine {
        "postgres" => dots >= 1,
        "mysql" | "mariadb" => dots >= 2,
        // What was applied is written as AWS has it.
        _ => ctx.object.action.is_none_or(|action| !action.changes()),
    };
    if whole { configured } else { ctx.later("engine_version") }
}

/// Whether a volume that nobody said to encrypt is made of something that may be encrypted.
fn made_of_something(ctx: &Ctx<'_>, sources: &[&str]) -> bool {
    let set = |path: &&str| match ctx.get(path) {
        Got::Value(Json::Array(items)) => !items.is_empty(),
        Got::Value(Json::String(text)) => !text.is_empty(),
        Got::Value(_) => true,
        Got::Unset | Got::Missing => false,
        Got::Unknown(mark) => super::super::marked(mark).is_none_or(|gap| gap.reason != Reason::AwsDecides),
    };
    sources.iter().any(set)
}

const RESTORED: &[&str] = &["snapshot_identifier", "restore_to_point_in_time"];

/// What is restored or replicated is encrypted as its source is: those requests take no wish, whatever is written.
fn instance_encrypted(ctx: &Ctx<'_>) -> Json {
    let sources = ["snapshot_identifier", "replicate_source_db", "restore_to_point_in_time"];
    if ctx.is_made() && made_of_something(ctx, &sources) {
        return ctx.later("storage_encrypted");
    }
    ctx.or(
        "storage_encrypted",
        Unset::Worked(|ctx| {
            let sources = ["snapshot_identifier", "replicate_source_db", "restore_to_point_in_time", "s3_import"];
            if made_of_something(ctx, &sources) { ctx.later("storage_encrypted") } else { json!(false) }
        }),
    )
}

/// What comes of the snapshot of a cluster is encrypted for sure where a key is named: the request takes one.
fn cluster_encrypted(ctx: &Ctx<'_>) -> Json {
    if ctx.is_made() && made_of_something(ctx, RESTORED) {
        let named = |path: &&str| match ctx.get(path) {
            Got::Value(Json::String(key)) => !key.is_empty(),
            Got::Unknown(mark) => super::super::marked(mark).is_some_and(|gap| gap.reason == Reason::Referenced),
            _ => false,
        };
        return if ["kms_key_id", "kms_key_arn"].iter().any(named) { json!(true) } else { ctx.later("storage_encrypted") };
    }
    ctx.or("storage_encrypted", Unset::Worked(cluster_unset))
}

fn cluster_unset(ctx: &Ctx<'_>) -> Json {
    let sources = [
        "snapshot_identifier",
        "replication_source_identifier",
        "global_cluster_identifier",
        "restore_to_point_in_time",
        "s3_import",
        "source_region",
    ];
    if made_of_something(ctx, &sources) {
        return ctx.later("storage_encrypted");
    }
    // DocumentDB and Neptune have no mode.
    if matches!(ctx.get("engine_mode"), Got::Missing) && ctx.object.source_type != "aws_rds_cluster" {
        return json!(false);
    }
    match ctx.or("engine_mode", Unset::Text("provisioned")) {
        Json::String(mode) => json!(mode == "serverless"),
        mark => mark,
    }
}

/// The kind of encryption: none without it. With it, AWS tells the kind once it is there.
fn kind_of(ctx: &Ctx<'_>, encrypted: &Json) -> Json {
    match encrypted {
        Json::Bool(false) => Json::Null,
        _ => ctx.missing("storage_encryption_type"),
    }
}

fn instance_encryption_kind(ctx: &Ctx<'_>) -> Json {
    kind_of(ctx, &instance_encrypted(ctx))
}

/// Since February 2026 Aurora encrypts new clusters with a key of its own where nobody asks for encryption. Which of
/// those that are there already it has encrypted so, no code tells.
fn cluster_encryption_kind(ctx: &Ctx<'_>) -> Json {
    let encrypted = cluster_encrypted(ctx);
    let kind = kind_of(ctx, &encrypted);
    if encrypted != json!(false) {
        return kind;
    }
    match (ctx.object.source_type.as_str(), family(ctx)) {
        ("aws_rds_cluster", Json::String(family)) if family != "aurora" => kind,
        ("aws_rds_cluster", Json::String(_)) if !ctx.is_made() => ctx.missing("storage_encryption_type"),
        ("aws_rds_cluster", Json::String(_)) => match ctx.get("storage_encrypted") {
            Got::Value(_) => kind,
            _ => json!("sse-rds"),
        },
        ("aws_rds_cluster", _) => ctx.later("storage_encryption_type"),
        _ => kind,
    }
}

/// Members of clusters and snapshots of clusters take over what the cluster has.
fn storage_encryption_kind(ctx: &Ctx<'_>) -> Json {
    kind_of(ctx, &ctx.or("storage_encrypted", Unset::Output))
}

fn snapshot_encryption_kind(ctx: &Ctx<'_>) -> Json {
    kind_of(ctx, &ctx.or("encrypted", Unset::Output))
}

/// The key: AWS's own for the account when encryption is asked for and no key is named.
fn key_at(ctx: &Ctx<'_>, path: &str, encrypted: Json) -> Json {
    let unset = match encrypted {
        Json::Bool(false) => Unset::Null,
        Json::Bool(true) => Unset::Worked(|_| reference("alias/aws/rds", AWS_KEY)),
        _ => Unset::Decided,
    };
    ctx.or(path, unset)
}

fn instance_key(ctx: &Ctx<'_>) -> Json {
    // Only a replica is told its key.
    if ctx.is_made() && made_of_something(ctx, RESTORED) {
        return ctx.later("kms_key_id");
    }
    key_at(ctx, "kms_key_id", instance_encrypted(ctx))
}

fn cluster_key(ctx: &Ctx<'_>) -> Json {
    key_at(ctx, "kms_key_id", cluster_encrypted(ctx))
}

fn neptune_key(ctx: &Ctx<'_>) -> Json {
    key_at(ctx, "kms_key_arn", cluster_encrypted(ctx))
}

/// What is restored keeps its backups as long as its source did, unless that is set.
fn retention(ctx: &Ctx<'_>) -> Json {
    let restored = ctx.is_made() && made_of_something(ctx, RESTORED);
    ctx.or("backup_retention_period", if restored { Unset::Output } else { Unset::Int(0) })
}

/// RDS itself makes the members of a Multi-AZ cluster.
fn members(ctx: &Ctx<'_>) -> Json {
    let by_itself = made_of_something(ctx, &["db_cluster_instance_class"]);
    if by_itself { json!([ctx.missing("members that RDS makes")]) } else { json!([]) }
}

fn secret(ctx: &Ctx<'_>) -> Json {
    match ctx.or("manage_master_user_password", Unset::False) {
        Json::Bool(false) => Json::Null,
        Json::Bool(true) => ctx.or("master_user_secret.secret_arn", Unset::Output),
        mark => mark,
    }
}

fn parameter_groups(ctx: &Ctx<'_>, path: &str) -> Json {
    match ctx.or(path, Unset::Output) {
        Json::String(name) => json!([name]),
        mark => json!([mark]),
    }
}

fn instance_groups(ctx: &Ctx<'_>) -> Json {
    parameter_groups(ctx, "parameter_group_name")
}

fn member_groups(ctx: &Ctx<'_>) -> Json {
    parameter_groups(ctx, "db_parameter_group_name")
}

fn neptune_groups(ctx: &Ctx<'_>) -> Json {
    parameter_groups(ctx, "neptune_parameter_group_name")
}

fn source_arn(ctx: &Ctx<'_>) -> Json {
    match ctx.or("replicate_source_db", Unset::Null) {
        Json::String(source) if !source.starts_with("arn:") => match ctx.arn("rds", &format!("db:{source}")) {
            Some(arn) => json!(arn),
            None => ctx.later("replicate_source_db"),
        },
        other => other,
    }
}

fn standby(ctx: &Ctx<'_>) -> Json {
    match ctx.or("multi_az", Unset::False) {
        Json::Bool(false) => Json::Null,
        _ => ctx.later("multi_az"),
    }
}

/// A replication of backups: only its target region is known, and that only when it is made.
fn replicated_backup(ctx: &Ctx<'_>) -> Json {
    ctx.or("arn", Unset::Output)
}

/// An instance of a cluster: what holds of every engine, and what the engine adds.
macro_rules! member {
    ($from:literal, $($more:expr),+ $(,)?) => {
        Mapping {
            from: $from,
            kind: "AWS::RDS::DBInstance",
            id: &["identifier"],
            arn: Arn::Made("rds", "db:"),
            tags: TAGS,
            fields: &[
                same("auto_minor_version_upgrade", Unset::True),
                same("availability_zone", Unset::Output),
                at("db_cluster_identifier", "cluster_identifier", Unset::Output),
                call("db_instance_automated_backups_replications", |_| json!([])),
                at("db_instance_class", "instance_class", Unset::Output),
                take("db_instance_identifier", Take::Lower("identifier"), Unset::Output),
                call("db_instance_status", status),
                at("dbi_resource_id", "dbi_resource_id", Unset::Output),
                call("engine_family", family),
                call("engine_version", version),
                same("storage_encrypted", Unset::Output),
                call("storage_encryption_type", storage_encryption_kind),
                call("multi_az", never),
                call("read_replica_source_db_cluster_identifier", nothing),
                call("read_replica_source_db_instance_identifier", nothing),
                call("read_replica_source_arn", nothing),
                call("secondary_availability_zone", nothing),
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
            id: &["cluster_identifier"],
            arn: Arn::Made("rds", "cluster:"),
            tags: TAGS,
            fields: &[
                same("availability_zones", Unset::Output),
                same("backup_retention_period", Unset::Int(1)),
                take("db_cluster_identifier", Take::Lower("cluster_identifier"), Unset::Output),
                at("db_cluster_resource_id", "cluster_resource_id", Unset::Output),
                same("deletion_protection", Unset::False),
                call("status", status),
                call("engine_family", family),
                call("engine_version", version),
                same("vpc_security_group_ids", Unset::Output),
                call("storage_encrypted", cluster_encrypted),
                call("storage_encryption_type", cluster_encryption_kind),
                call("db_cluster_members", members),
                $($more),+
            ],
        }
    };
}

/// A group: subnets or parameters.
macro_rules! group {
    ($from:literal, $kind:literal, $prefix:literal, $($fields:expr),+ $(,)?) => {
        Mapping {
            from: $from,
            kind: $kind,
            id: &["name"],
            arn: Arn::Made("rds", $prefix),
            tags: TAGS,
            fields: &[$($fields),+],
        }
    };
}

macro_rules! subnets {
    ($from:literal) => {
        group!(
            $from,
            "AWS::RDS::DBSubnetGroup",
            "subgrp:",
            take("db_subnet_group_name", Take::Lower("name"), Unset::Output),
            same("subnet_ids", Unset::Output),
            same("vpc_id", Unset::Output),
        )
    };
}

macro_rules! instance_parameters {
    ($from:literal) => {
        group!(
            $from,
            "AWS::RDS::DBParameterGroup",
            "pg:",
            take("db_parameter_group_name", Take::Lower("name"), Unset::Output),
            at("db_parameter_group_family", "family", Unset::Output),
        )
    };
}

macro_rules! cluster_parameters {
    ($from:literal) => {
        group!(
            $from,
            "AWS::RDS::DBClusterParameterGroup",
            "cluster-pg:",
            take("db_cluster_parameter_group_name", Take::Lower("name"), Unset::Output),
            at("db_parameter_group_family", "family", Unset::Output),
        )
    };
}

pub(super) const MAPPINGS: &[Mapping] = &[
    Mapping {
        from: "aws_db_instance",
        kind: "AWS::RDS::DBInstance",
        id: &["identifier"],
        arn: Arn::Made("rds", "db:"),
        tags: TAGS,
        fields: &[
            same("auto_minor_version_upgrade", Unset::True),
            same("availability_zone", Unset::Output),
            call("backup_retention_period", retention),
            same("copy_tags_to_snapshot", Unset::False),
            call("db_cluster_identifier", nothing),
            call("db_instance_automated_backups_replications", |_| json!([])),
            at("db_instance_class", "instance_class", Unset::Output),
            take("db_instance_identifier", Take::Lower("identifier"), Unset::Output),
            call("db_instance_status", status),
            call("db_parameter_group_names", instance_groups),
            same("db_subnet_group_name", Unset::Output),
            at("dbi_resource_id", "resource_id", Unset::Output),
            same("deletion_protection", Unset::False),
            same("engine", Unset::Output),
            call("engine_family", family),
            call("engine_version", version),
            call("kms_key_id", instance_key),
            call("master_user_secret_arn", secret),
            same("multi_az", Unset::False),
            same("publicly_accessible", Unset::False),
            call("read_replica_db_instance_identifiers", replicas),
            call("read_replica_source_arn", source_arn),
            // The provider makes replicas of instances only.
            call("read_replica_source_db_cluster_identifier", nothing),
            at("read_replica_source_db_instance_identifier", "replicate_source_db", Unset::Null),
            call("secondary_availability_zone", standby),
            call("storage_encrypted", instance_encrypted),
            call("storage_encryption_type", instance_encryption_kind),
            same("vpc_security_group_ids", Unset::Output),
        ],
    },
    member!(
        "aws_rds_cluster_instance",
        same("copy_tags_to_snapshot", Unset::False),
        call("db_parameter_group_names", member_groups),
        same("db_subnet_group_name", Unset::Output),
        same("engine", Unset::Output),
        same("kms_key_id", Unset::Echo),
        same("publicly_accessible", Unset::False),
    ),
    member!(
        "aws_docdb_cluster_instance",
        same("copy_tags_to_snapshot", Unset::False),
        same("db_subnet_group_name", Unset::Output),
        same("engine", Unset::Text("docdb")),
        same("kms_key_id", Unset::Echo),
        same("publicly_accessible", Unset::Output),
    ),
    member!(
        "aws_neptune_cluster_instance",
        call("db_parameter_group_names", neptune_groups),
        at("db_subnet_group_name", "neptune_subnet_group_name", Unset::Output),
        same("engine", Unset::Text("neptune")),
        at("kms_key_id", "kms_key_arn", Unset::Echo),
        same("publicly_accessible", Unset::False),
    ),
    cluster!(
        "aws_rds_cluster",
        at("db_cluster_parameter_group", "db_cluster_parameter_group_name", Unset::Output),
        at("db_subnet_group", "db_subnet_group_name", Unset::Output),
        same("engine", Unset::Output),
        same("cluster_scalability_type", Unset::Null),
        same("engine_mode", Unset::Text("provisioned")),
        same("global_cluster_identifier", Unset::Null),
        call("kms_key_id", cluster_key),
        call("master_user_secret_arn", secret),
        same("replication_source_identifier", Unset::Null),
    ),
    cluster!(
        "aws_docdb_cluster",
        at("db_cluster_parameter_group", "db_cluster_parameter_group_name", Unset::Output),
        at("db_subnet_group", "db_subnet_group_name", Unset::Output),
        same("engine", Unset::Text("docdb")),
        same("global_cluster_identifier", Unset::Null),
        call("kms_key_id", cluster_key),
        call("master_user_secret_arn", secret),
        call("replication_source_identifier", nothing),
    ),
    cluster!(
        "aws_neptune_cluster",
        at("db_cluster_parameter_group", "neptune_cluster_parameter_group_name", Unset::Output),
        at("db_subnet_group", "neptune_subnet_group_name", Unset::Output),
        same("engine", Unset::Text("neptune")),
        same("global_cluster_identifier", Unset::Null),
        call("kms_key_id", neptune_key),
        call("master_user_secret_arn", nothing),
        same("replication_source_identifier", Unset::Null),
    ),
    subnets!("aws_db_subnet_group"),
    subnets!("aws_docdb_subnet_group"),
    subnets!("aws_neptune_subnet_group"),
    instance_parameters!("aws_db_parameter_group"),
    instance_parameters!("aws_neptune_parameter_group"),
    cluster_parameters!("aws_rds_cluster_parameter_group"),
    cluster_parameters!("aws_docdb_cluster_parameter_group"),
    cluster_parameters!("aws_neptune_cluster_parameter_group"),
    Mapping {
        from: "aws_db_snapshot",
        kind: "AWS::RDS::DBSnapshot",
        id: &["db_snapshot_identifier"],
        arn: Arn::Told(&["db_snapshot_arn"]),
        tags: TAGS,
        fields: &[
            same("db_instance_identifier", Unset::Output),
            same("db_snapshot_identifier", Unset::Output),
            same("encrypted", Unset::Output),
            same("engine", Unset::Output),
            same("kms_key_id", Unset::Echo),
            at("restore_accounts", "shared_accounts", Unset::Empty),
            same("snapshot_type", Unset::Text("manual")),
            same("source_db_snapshot_identifier", Unset::Echo),
            same("source_region", Unset::Echo),
            call("storage_encryption_type", snapshot_encryption_kind),
            same("vpc_id", Unset::Output),
        ],
    },
    Mapping {
        from: "aws_db_cluster_snapshot",
        kind: "AWS::RDS::DBClusterSnapshot",
        id: &["db_cluster_snapshot_identifier"],
        arn: Arn::Told(&["db_cluster_snapshot_arn"]),
        tags: TAGS,
        fields: &[
            same("db_cluster_identifier", Unset::Output),
            same("db_cluster_snapshot_identifier", Unset::Output),
            same("engine", Unset::Output),
            same("kms_key_id", Unset::Echo),
            at("restore_accounts", "shared_accounts", Unset::Empty),
            same("snapshot_type", Unset::Text("manual")),
            same("source_db_cluster_snapshot_arn", Unset::Echo),
            same("storage_encrypted", Unset::Output),
            call("storage_encryption_type", storage_encryption_kind),
            same("vpc_id", Unset::Output),
        ],
    },
];

pub(super) const PARTS: &[Part] = &[
    Part {
        from: "aws_db_instance_automated_backups_replication",
        of: &["aws_db_instance"],
        key: "source_db_instance_arn",
        whole: &["arn"],
        // It is declared in the region that receives the backups.
        optional: false,
        adds: Adds::Items(&[("db_instance_automated_backups_replications", replicated_backup)]),
    },
    Part {
        from: "aws_rds_cluster_role_association",
        of: &["aws_rds_cluster"],
        key: "db_cluster_identifier",
        whole: &["cluster_identifier", "id"],
        optional: false,
        adds: Adds::Nothing,
    },
];

pub(super) const UNDECLARED: &[Undeclared] = &[
    Undeclared {
        kind: "AWS::RDS::DBCluster",
        properties: &[
            ("engine_mode", Rule::NothingOr("provisioned")),
            ("cluster_scalability_type", Rule::NothingOr("standard")),
            ("internet_access_gateway_enabled", Rule::Nothing),
            ("publicly_accessible", Rule::Usual(is_nothing)),
            // `aws_rds_global_cluster` makes the membership, and no state of it says where the other members are.
            ("global_cluster_regions", Rule::Usual(is_nothing)),
            ("storage_encryption_type", Rule::OfAws),
            ("cluster_create_time", Rule::OfAws),
            ("cross_account_clone", Rule::OfAws),
            ("latest_restorable_time", Rule::OfAws),
            ("multi_az", Rule::OfAws),
            ("read_replica_identifiers", Rule::OfAws),
            ("status", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::RDS::DBClusterSnapshot",
        properties: &[
            ("db_cluster_resource_id", Rule::OfAws),
            ("snapshot_create_time", Rule::OfAws),
            ("storage_encryption_type", Rule::OfAws),
            ("status", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::RDS::DBInstance",
        properties: &[
            ("copy_tags_to_snapshot", Rule::Nothing),
            ("deletion_protection", Rule::Nothing),
            ("backup_retention_period", Rule::OfAws),
            ("db_instance_status", Rule::OfAws),
            ("db_parameter_group_names", Rule::OfAws),
            ("instance_create_time", Rule::OfAws),
            ("latest_restorable_time", Rule::OfAws),
            ("master_user_secret_arn", Rule::OfAws),
            ("read_replica_db_cluster_identifiers", Rule::OfAws),
            ("read_replica_db_instance_identifiers", Rule::OfAws),
            ("storage_encryption_type", Rule::OfAws),
            ("secondary_availability_zone", Rule::OfAws),
            ("subnet_ids", Rule::OfAws),
            ("vpc_id", Rule::OfAws),
            ("vpc_security_group_ids", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::RDS::DBSnapshot",
        properties: &[
            ("dbi_resource_id", Rule::OfAws),
            ("original_snapshot_create_time", Rule::OfAws),
            ("snapshot_create_time", Rule::OfAws),
            ("storage_encryption_type", Rule::OfAws),
            ("status", Rule::OfAws),
        ],
    },
    Undeclared { kind: "AWS::RDS::DBSubnetGroup", properties: &[("availability_zones", Rule::OfAws)] },
];
