//! DynamoDB: tables and their replicas.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Unset, at, call, same};
use super::super::marked;
use super::super::undeclared::{Rule, Undeclared};
use crate::estate::{Action, Reason};

/// Whether the table is, or may be, made from another one, whose settings it may take over.
fn is_restored(ctx: &Ctx<'_>) -> bool {
    ["restore_source_name", "restore_source_table_arn"].iter().any(|path| match ctx.get(path) {
        Got::Value(source) => source.as_str() != Some(""),
        Got::Unset | Got::Missing => false,
        Got::Unknown(mark) => marked(mark).is_none_or(|gap| gap.reason != Reason::AwsDecides),
    })
}

/// Whether a key of the account encrypts the table; else it is a key of DynamoDB's own.
fn own_key(ctx: &Ctx<'_>) -> Json {
    let unset = if ctx.is_made() && is_restored(ctx) { Unset::Decided } else { Unset::False };
    ctx.or("server_side_encryption.enabled", unset)
}

/// What only a table has that a key of the account encrypts.
fn with_own_key(ctx: &Ctx<'_>, found: Json) -> Json {
    match own_key(ctx) {
        Json::Bool(true) => found,
        Json::Bool(false) => Json::Null,
        mark => mark,
    }
}

fn kms_key_arn(ctx: &Ctx<'_>) -> Json {
    let path = "server_side_encryption.kms_key_arn";
    let key = match ctx.or(path, Unset::Decided) {
        // AWS answers with the key itself, not with the name by which it was given.
        Json::String(arn) if !arn.contains(":key/") => ctx.later(path),
        other => other,
    };
    with_own_key(ctx, key)
}

/// Regions of replicas, without the table's own, as the live collector sorts them.
fn replica_regions(ctx: &Ctx<'_>) -> Json {
    let blocks = match ctx.blocks("replica") {
        Ok(blocks) => blocks,
        Err(mark) => return mark,
    };
    let mut regions: Vec<Json> = Vec::new();
    for block in &blocks {
        let region = ctx.within(block).or("region_name", Unset::Output);
        let own = region.as_str().is_some_and(|region| ctx.object.region.as_deref() == Some(region));
        if !own && !regions.contains(&region) {
            regions.push(region);
        }
    }
    regions.sort_by_cached_key(|region| (region.as_str().is_none(), region.as_str().map(str::to_owned)));
    // The replicas of a global table of 2017, which must be streamed, are not among the table's own.
    if !ctx.is_made() && blocks.is_empty() && ctx.or("stream_enabled", Unset::False) != json!(false) {
        regions.push(ctx.missing("replicas of a global table of 2017"));
    }
    Json::Array(regions)
}

/// Regions of witnesses. A provider without the block makes none, and does not show one that is there.
fn witness_regions(ctx: &Ctx<'_>) -> Json {
    match (ctx.get("global_table_witness"), ctx.blocks("global_table_witness")) {
        (Got::Missing, _) if !ctx.is_made() => ctx.missing("global_table_witness"),
        (Got::Missing, _) => json!([]),
        (_, Err(mark)) => mark,
        (_, Ok(blocks)) => blocks.iter().map(|block| ctx.within(block).or("region_name", Unset::Output)).collect(),
    }
}

/// The version is that of tables with replicas; one without may get some by parts.
fn global_table_version(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("replica") {
        Ok(blocks) if !blocks.is_empty() => json!("2019.11.21"),
        _ => ctx.missing("global_table_version"),
    }
}

/// AWS names the mode only of tables that are on demand, or once were.
fn billing_mode(ctx: &Ctx<'_>) -> Json {
    match ctx.or("billing_mode", Unset::Text("PROVISIONED")) {
        Json::String(mode) if mode == "PROVISIONED" => {
            if ctx.is_made() && !is_restored(ctx) {
                Json::Null
            } else {
                ctx.missing("billing_mode")
            }
        }
        other => other,
    }
}

/// AWS has no stream settings of tables that are not streamed. Replicas need a stream, which AWS may
/// switch on by itself.
fn stream_enabled(ctx: &Ctx<'_>) -> Json {
    match ctx.or("stream_enabled", Unset::False) {
        Json::Bool(false) => match ctx.blocks("replica") {
            Ok(blocks) if blocks.is_empty() => Json::Null,
            _ => ctx.missing("stream_enabled"),
        },
        other => other,
    }
}

/// Point-in-time recovery, which is off until somebody switches it on.
fn recovery(ctx: &Ctx<'_>) -> Json {
    ctx.or("point_in_time_recovery.enabled", Unset::False)
}

fn recovery_status(ctx: &Ctx<'_>) -> Json {
    match recovery(ctx) {
        Json::Bool(true) => json!("ENABLED"),
        Json::Bool(false) => json!("DISABLED"),
        mark => mark,
    }
}

/// What only a table has that can be restored to a point in time.
fn with_recovery(ctx: &Ctx<'_>, found: Json) -> Json {
    match recovery(ctx) {
        Json::Bool(true) => found,
        Json::Bool(false) => Json::Null,
        mark => mark,
    }
}

fn recovery_period(ctx: &Ctx<'_>) -> Json {
    let path = "point_in_time_recovery.recovery_period_in_days";
    let days = match ctx.get(path) {
        // A provider without the argument leaves the period at its longest.
        Got::Missing if ctx.is_made() => json!(35),
        _ => ctx.or(path, Unset::Int(35)),
    };
    // 0 is how Terraform writes that nothing was set, or that AWS did not say.
    let zero = days.as_i64() == Some(0) || days.as_str() == Some("0");
    let days = match (zero, ctx.is_made()) {
        (true, true) => json!(35),
        (true, false) => ctx.missing(path),
        (false, _) => days,
    };
    with_recovery(ctx, days)
}

/// A replica is declared in its own region.
fn replica_region(ctx: &Ctx<'_>) -> Json {
    ctx.object.region.clone().map_or_else(|| ctx.missing("region"), Json::String)
}

pub(super) const MAPPINGS: &[Mapping] = &[Mapping {
    from: "aws_dynamodb_table",
    kind: "AWS::DynamoDB::Table",
    id: &["name"],
    arn: Arn::Made("dynamodb", "table/"),
    tags: &["tags_all", "tags"],
    fields: &[
        call("billing_mode", billing_mode),
        same("deletion_protection_enabled", Unset::False),
        call("earliest_restorable_date_time", |ctx| with_recovery(ctx, ctx.missing("earliest_restorable_date_time"))),
        call("global_table_version", global_table_version),
        call("kms_key_arn", kms_key_arn),
        call("latest_restorable_date_time", |ctx| with_recovery(ctx, ctx.missing("latest_restorable_date_time"))),
        call("point_in_time_recovery_status", recovery_status),
        call("recovery_period_in_days", recovery_period),
        call("replica_regions", replica_regions),
        call("sse_status", |ctx| with_own_key(ctx, json!("ENABLED"))),
        call("sse_type", |ctx| with_own_key(ctx, json!("KMS"))),
        call("stream_enabled", stream_enabled),
        call("table_status", |ctx| match ctx.object.action {
            // Terraform waits until what it makes is active.
            Some(Action::Create | Action::Replace) => json!("ACTIVE"),
            _ => ctx.missing("table_status"),
        }),
        at("table_name", "name", Unset::Output),
        call("witness_regions", witness_regions),
    ],
}];

pub(super) const PARTS: &[Part] = &[Part {
    from: "aws_dynamodb_table_replica",
    of: &["aws_dynamodb_table"],
    key: "global_table_arn",
    whole: &["arn"],
    optional: false,
    adds: Adds::Items(&[("replica_regions", replica_region)]),
}];

pub(super) const UNDECLARED: &[Undeclared] = &[Undeclared {
    kind: "AWS::DynamoDB::Table",
    properties: &[
        ("billing_mode", Rule::NothingOr("PROVISIONED")),
        ("creation_date_time", Rule::OfAws),
        ("earliest_restorable_date_time", Rule::OfAws),
        ("global_table_version", Rule::OfAws),
        ("latest_restorable_date_time", Rule::OfAws),
        ("stream_enabled", Rule::OfAws),
        ("table_id", Rule::OfAws),
        ("table_status", Rule::OfAws),
        ("witness_regions", Rule::Nothing),
    ],
}];
