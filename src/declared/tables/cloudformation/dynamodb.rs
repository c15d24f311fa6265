//! DynamoDB: tables and global tables.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::{TAGS, each, either, empty, flag, is_marked, is_set, key_arn, key_of_aws, nothing, own};
use crate::declared::map::{Arn, Ctx, Mapping, Unset, at, call};

/// Whether a key of the account encrypts the table; else it is a key of DynamoDB's own.
fn own_key(ctx: &Ctx<'_>) -> Json {
    flag(ctx, "SSESpecification.SSEEnabled", Unset::False)
}

fn with_own_key(ctx: &Ctx<'_>, found: impl FnOnce() -> Json) -> Json {
    either(own_key(ctx), found, || Json::Null)
}

/// The key that is named; without one it is AWS's own for the account.
fn named_key(ctx: &Ctx<'_>) -> Json {
    key_arn(ctx, "SSESpecification.KMSMasterKeyId", Unset::Worked(|_| key_of_aws("alias/aws/dynamodb")))
}

/// AWS names the mode only of tables that are on demand, or once were.
fn billing_mode(ctx: &Ctx<'_>) -> Json {
    match ctx.or("BillingMode", Unset::Text("PROVISIONED")) {
        Json::String(mode) if mode == "PROVISIONED" => Json::Null,
        other => other,
    }
}

/// AWS has no stream settings of tables that are not streamed.
fn stream_enabled(ctx: &Ctx<'_>) -> Json {
    match is_set(ctx, "StreamSpecification") {
        Some(true) => json!(true),
        Some(false) => Json::Null,
        None => ctx.later("StreamSpecification"),
    }
}

/// Point-in-time recovery, which is off until somebody switches it on.
fn recovery(ctx: &Ctx<'_>) -> Json {
    flag(ctx, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled", Unset::False)
}

fn recovery_status(ctx: &Ctx<'_>) -> Json {
    either(recovery(ctx), || json!("ENABLED"), || json!("DISABLED"))
}

fn recovery_period(ctx: &Ctx<'_>) -> Json {
    either(recovery(ctx), || ctx.or("PointInTimeRecoverySpecification.RecoveryPeriodInDays", Unset::Int(35)), || Json::Null)
}

/// A moment that only a table has that can be restored to it.
fn moment(ctx: &Ctx<'_>) -> Json {
    either(recovery(ctx), || ctx.later("the moments it can be restored to"), || Json::Null)
}

/// CloudFormation waits until what it makes is active.
fn status(_: &Ctx<'_>) -> Json {
    json!("ACTIVE")
}

/// The replica of a global table in the stack's own region, which is what is judged.
fn own_replica<'a>(ctx: &Ctx<'a>) -> Result<&'a Json, Json> {
    let Some(region) = ctx.object.region.as_deref() else {
        return Err(ctx.missing("region"));
    };
    let mut open = None;
    for replica in ctx.blocks("Replicas")? {
        match ctx.within(replica).or("Region", Unset::Output) {
            Json::String(of) if of == region => return Ok(replica),
            Json::String(_) => {}
            mark => open = Some(mark),
        }
    }
    Err(open.unwrap_or_else(|| ctx.missing("the replica in the stack's region")))
}

fn on_replica(ctx: &Ctx<'_>, work: fn(&Ctx<'_>) -> Json) -> Json {
    match own_replica(ctx) {
        Ok(replica) => work(&ctx.within(replica)),
        Err(mark) => mark,
    }
}

/// Regions of the other replicas, as the live collector sorts them.
fn replica_regions(ctx: &Ctx<'_>) -> Json {
    let replicas = match ctx.blocks("Replicas") {
        Ok(replicas) => replicas,
        Err(mark) => return mark,
    };
    let mut regions: Vec<Json> = replicas.iter().map(|replica| ctx.within(replica).or("Region", Unset::Output)).collect();
    let Some(own) = ctx.object.region.as_deref() else {
        return ctx.missing("region");
    };
    regions.retain(|region| region.as_str() != Some(own));
    regions.sort_by_cached_key(|region| (region.as_str().is_none(), region.as_str().map(str::to_owned)));
    regions.dedup();
    Json::Array(regions)
}

/// Only a table with replicas is a global one.
fn version(ctx: &Ctx<'_>) -> Json {
    match replica_regions(ctx) {
        Json::Array(regions) if regions.is_empty() => Json::Null,
        Json::Array(regions) if regions.iter().any(|region| !is_marked(region)) => json!("2019.11.21"),
        _ => ctx.later("its replicas"),
    }
}

pub(super) const TABLE: Mapping = Mapping {
    from: "AWS::DynamoDB::Table",
    kind: "AWS::DynamoDB::Table",
    id: &["TableName"],
    arn: Arn::Made("dynamodb", "table/"),
    tags: TAGS,
    fields: &[
        call("billing_mode", billing_mode),
        at("deletion_protection_enabled", "DeletionProtectionEnabled", Unset::False),
        call("earliest_restorable_date_time", moment),
        call("global_table_version", nothing),
        call("kms_key_arn", |ctx| with_own_key(ctx, || named_key(ctx))),
        call("latest_restorable_date_time", moment),
        call("point_in_time_recovery_status", recovery_status),
        call("recovery_period_in_days", recovery_period),
        call("replica_regions", empty),
        call("sse_status", |ctx| with_own_key(ctx, || json!("ENABLED"))),
        call("sse_type", |ctx| with_own_key(ctx, || json!("KMS"))),
        call("stream_enabled", stream_enabled),
        call("table_id", |ctx| ctx.later("TableId")),
        at("table_name", "TableName", Unset::Worked(own)),
        call("table_status", status),
        call("witness_regions", empty),
    ],
};

pub(super) const GLOBAL_TABLE: Mapping = Mapping {
    from: "AWS::DynamoDB::GlobalTable",
    kind: "AWS::DynamoDB::Table",
    id: &["TableName"],
    arn: Arn::Made("dynamodb", "table/"),
    // Those of the first replica: each has its own.
    tags: &["Replicas.Tags"],
    fields: &[
        call("billing_mode", billing_mode),
        call("deletion_protection_enabled", |ctx| on_replica(ctx, |replica| replica.or("DeletionProtectionEnabled", Unset::False))),
        call("earliest_restorable_date_time", |ctx| on_replica(ctx, moment)),
        call("global_table_version", version),
        call("kms_key_arn", |ctx| with_own_key(ctx, || on_replica(ctx, named_key))),
        call("latest_restorable_date_time", |ctx| on_replica(ctx, moment)),
        call("point_in_time_recovery_status", |ctx| on_replica(ctx, recovery_status)),
        call("recovery_period_in_days", |ctx| on_replica(ctx, recovery_period)),
        call("replica_regions", replica_regions),
        call("sse_status", |ctx| with_own_key(ctx, || json!("ENABLED"))),
        call("sse_type", |ctx| with_own_key(ctx, || json!("KMS"))),
        call("stream_enabled", stream_enabled),
        call("table_id", |ctx| ctx.later("TableId")),
        at("table_name", "TableName", Unset::Worked(own)),
        call("table_status", status),
        call("witness_regions", |ctx| each(ctx, "GlobalTableWitnesses", |witness| witness.or("Region", Unset::Output))),
    ],
};
