//! KMS: keys and their names.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::kms::policy_of_account;
use super::policy::policy;
use super::{TAGS, either, empty, flag, nothing, own, region};
use crate::declared::map::{Adds, Arn, Ctx, Mapping, Part, Unset, at, call};

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const KMS: &str = "AWS_KMS";

fn spec(ctx: &Ctx<'_>) -> Json {
    ctx.or("KeySpec", Unset::Text(SYMMETRIC))
}

fn origin(ctx: &Ctx<'_>) -> Json {
    ctx.or("Origin", Unset::Text(KMS))
}

/// Key material that is not of KMS's own making is imported beside the template.
fn if_of_kms(ctx: &Ctx<'_>, json: Json) -> Json {
    match origin(ctx) {
        Json::String(origin) if origin == KMS => json,
        Json::String(_) => ctx.missing("its key material"),
        mark => mark,
    }
}

fn enabled(ctx: &Ctx<'_>) -> Json {
    if_of_kms(ctx, flag(ctx, "Enabled", Unset::True))
}

fn state(ctx: &Ctx<'_>) -> Json {
    let given = either(flag(ctx, "Enabled", Unset::True), || json!("Enabled"), || json!("Disabled"));
    if_of_kms(ctx, given)
}

/// Only symmetric keys whose material KMS made are rotated, as the live collector asks.
fn rotation(ctx: &Ctx<'_>) -> Json {
    match (spec(ctx), origin(ctx)) {
        (Json::String(spec), _) if spec != SYMMETRIC => Json::Null,
        (_, Json::String(origin)) if origin != KMS => Json::Null,
        (Json::String(_), Json::String(_)) => flag(ctx, "EnableKeyRotation", Unset::False),
        (Json::String(_), mark) | (mark, _) => mark,
    }
}

fn rotation_period(ctx: &Ctx<'_>) -> Json {
    match rotation(ctx) {
        Json::Bool(true) => ctx.or("RotationPeriodInDays", Unset::Int(365)),
        Json::Bool(false) | Json::Null => Json::Null,
        mark => mark,
    }
}

/// What only multi-Region keys have.
fn of_set(ctx: &Ctx<'_>, within: impl FnOnce() -> Json, outside: Json) -> Json {
    either(flag(ctx, "MultiRegion", Unset::False), within, || outside)
}

fn default_policy(ctx: &Ctx<'_>) -> Json {
    policy_of_account(ctx, "KeyPolicy").unwrap_or_else(|| ctx.missing("the account of the key"))
}

fn key_policy(ctx: &Ctx<'_>) -> Json {
    policy(ctx, "KeyPolicy", Unset::Worked(default_policy))
}

fn region_of_primary(ctx: &Ctx<'_>) -> Json {
    let region = ctx.text("PrimaryKeyArn").and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty());
    region.map_or_else(|| ctx.later("PrimaryKeyArn"), |region| json!(region))
}

fn alias_arn(ctx: &Ctx<'_>) -> Json {
    match ctx.or("AliasName", Unset::Output) {
        Json::String(name) => ctx.arn("kms", &name).map_or_else(|| ctx.missing("the account of the alias"), Json::String),
        mark => mark,
    }
}

pub(super) const KEY: Mapping = Mapping {
    from: "AWS::KMS::Key",
    kind: "AWS::KMS::Key",
    id: &["KeyId"],
    arn: Arn::Made("kms", "key/"),
    tags: TAGS,
    fields: &[
        call("alias_arns", empty),
        call("aliases", empty),
        // No template can name a key store.
        call("custom_key_store_id", nothing),
        call("deletion_date", nothing),
        at("description", "Description", Unset::Null),
        call("enabled", enabled),
        call("key_id", own),
        call("key_manager", |_| json!("CUSTOMER")),
        call("key_rotation_enabled", rotation),
        call("key_spec", spec),
        call("key_state", state),
        at("key_usage", "KeyUsage", Unset::Text("ENCRYPT_DECRYPT")),
        call("multi_region", |ctx| flag(ctx, "MultiRegion", Unset::False)),
        call("multi_region_key_type", |ctx| of_set(ctx, || json!("PRIMARY"), Json::Null)),
        call("origin", origin),
        call("policy", key_policy),
        call("primary_region", |ctx| of_set(ctx, || region(ctx), Json::Null)),
        call("replica_regions", |ctx| of_set(ctx, || ctx.missing("its replicas"), json!([]))),
        call("rotation_period_in_days", rotation_period),
        call("valid_to", |ctx| if_of_kms(ctx, Json::Null)),
    ],
};

pub(super) const REPLICA_KEY: Mapping = Mapping {
    from: "AWS::KMS::ReplicaKey",
    kind: "AWS::KMS::Key",
    id: &["KeyId"],
    arn: Arn::Made("kms", "key/"),
    tags: TAGS,
    fields: &[
        call("alias_arns", empty),
        call("aliases", empty),
        call("custom_key_store_id", nothing),
        call("deletion_date", nothing),
        at("description", "Description", Unset::Null),
        call("enabled", |ctx| flag(ctx, "Enabled", Unset::True)),
        call("key_id", own),
        call("key_manager", |_| json!("CUSTOMER")),
        // The primary key decides.
        call("key_rotation_enabled", |ctx| ctx.later("EnableKeyRotation")),
        call("key_spec", |ctx| ctx.later("KeySpec")),
        call("key_state", |ctx| either(flag(ctx, "Enabled", Unset::True), || ctx.later("KeyState"), || json!("Disabled"))),
        call("key_usage", |ctx| ctx.later("KeyUsage")),
        call("multi_region", |_| json!(true)),
        call("multi_region_key_type", |_| json!("REPLICA")),
        call("origin", |ctx| ctx.later("Origin")),
        call("policy", key_policy),
        call("primary_region", region_of_primary),
        call("replica_regions", |ctx| ctx.missing("its replicas")),
        call("rotation_period_in_days", |ctx| ctx.later("RotationPeriodInDays")),
    ],
};

pub(super) const ALIAS: Part = Part {
    from: "AWS::KMS::Alias",
    of: &["AWS::KMS::Key", "AWS::KMS::ReplicaKey"],
    key: "TargetKeyId",
    whole: &["KeyId"],
    optional: false,
    adds: Adds::Items(&[("aliases", |ctx| ctx.or("AliasName", Unset::Output)), ("alias_arns", alias_arn)]),
};
