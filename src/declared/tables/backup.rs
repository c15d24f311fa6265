//! AWS Backup: vaults, their locks, and plans.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::is_marked;
use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Take, Unset, at, call, same, take};
use super::super::undeclared::{Rule, Undeclared};
use crate::estate::Action;

const TAGS: &[&str] = &["tags_all", "tags"];

/// What is known of a new vault only.
fn when_new(ctx: &Ctx<'_>, path: &str, json: Json) -> Json {
    if ctx.is_made() { json } else { ctx.missing(path) }
}

/// The key: AWS Backup's own for the account where none is named.
fn vault_key(ctx: &Ctx<'_>) -> Json {
    let path = "kms_key_arn";
    match ctx.get(path) {
        // AWS named none.
        Got::Value(Json::String(text)) if text.is_empty() && !ctx.is_made() => return Json::Null,
        _ => {}
    }
    match ctx.or(path, Unset::Decided) {
        // AWS answers with the key itself, not with the name by which it was given.
        Json::String(arn) if !arn.contains(":key/") => ctx.later(path),
        other => other,
    }
}

/// Whether the lock that is declared goes with this plan.
fn is_gone(ctx: &Ctx<'_>) -> bool {
    ctx.object.action == Some(Action::Delete)
}

/// The lock is final once the days are over that are counted from when it was set.
fn lock_date(ctx: &Ctx<'_>) -> Json {
    let days = ctx.or("changeable_for_days", Unset::Null);
    let none = days.is_null() || days.as_i64() == Some(0) || days.as_str() == Some("0");
    match (is_gone(ctx) || none, ctx.is_made()) {
        (true, _) => Json::Null,
        (false, true) => ctx.later("changeable_for_days"),
        (false, false) => ctx.missing("lock_date"),
    }
}

fn days(json: Json) -> Json {
    if json.as_i64() == Some(0) || json.as_str() == Some("0") { Json::Null } else { json }
}

fn copies(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("copy_action") {
        Ok(blocks) => blocks.into_iter().map(|block| ctx.within(block).or("destination_vault_arn", Unset::Output)).collect(),
        Err(mark) => mark,
    }
}

/// A provider without the argument names none, and does not show one that is there.
fn air_gapped(ctx: &Ctx<'_>) -> Json {
    let path = "target_logically_air_gapped_backup_vault_arn";
    match ctx.get(path) {
        Got::Missing if ctx.is_made() => Json::Null,
        _ => ctx.or(path, Unset::Null),
    }
}

fn rule(ctx: &Ctx<'_>) -> Json {
    json!({
        "rule_name": ctx.or("rule_name", Unset::Output),
        "schedule_expression": ctx.or("schedule", Unset::Null),
        "target_backup_vault_name": ctx.or("target_vault_name", Unset::Output),
        "delete_after_days": days(ctx.or("lifecycle.delete_after", Unset::Null)),
        "copy_destination_backup_vault_arns": copies(ctx),
        "target_logically_air_gapped_backup_vault_arn": air_gapped(ctx),
    })
}

fn rules(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("rule") {
        Ok(blocks) if blocks.is_empty() => ctx.missing("rule"),
        Ok(blocks) => {
            let one = |block: &Json| if is_marked(block) { block.clone() } else { rule(&ctx.within(block)) };
            blocks.into_iter().map(one).collect()
        }
        Err(mark) => mark,
    }
}

pub(super) const MAPPINGS: &[Mapping] = &[
    Mapping {
        from: "aws_backup_vault",
        kind: "AWS::Backup::BackupVault",
        id: &["name"],
        arn: Arn::Made("backup", "backup-vault:"),
        tags: TAGS,
        fields: &[
            at("backup_vault_name", "name", Unset::Output),
            call("encryption_key_arn", vault_key),
            call("lock_date", |ctx| when_new(ctx, "lock_date", Json::Null)),
            call("locked", |ctx| when_new(ctx, "locked", json!(false))),
            call("max_retention_days", |ctx| when_new(ctx, "max_retention_days", Json::Null)),
            call("min_retention_days", |ctx| when_new(ctx, "min_retention_days", Json::Null)),
            call("vault_type", |_| json!("BACKUP_VAULT")),
        ],
    },
    Mapping {
        from: "aws_backup_logically_air_gapped_vault",
        kind: "AWS::Backup::BackupVault",
        id: &["name"],
        arn: Arn::Made("backup", "backup-vault:"),
        tags: TAGS,
        fields: &[
            at("backup_vault_name", "name", Unset::Output),
            same("encryption_key_arn", Unset::Decided),
            // Every vault of this kind is.
            call("locked", |_| json!(true)),
            same("max_retention_days", Unset::Output),
            same("min_retention_days", Unset::Output),
            call("vault_type", |_| json!("LOGICALLY_AIR_GAPPED_BACKUP_VAULT")),
        ],
    },
    Mapping {
        from: "aws_backup_plan",
        kind: "AWS::Backup::BackupPlan",
        id: &["id"],
        arn: Arn::Made("backup", "backup-plan:"),
        tags: TAGS,
        fields: &[at("backup_plan_id", "id", Unset::Output), call("rules", rules)],
    },
];

pub(super) const PARTS: &[Part] = &[Part {
    from: "aws_backup_vault_lock_configuration",
    of: &["aws_backup_vault"],
    key: "backup_vault_name",
    whole: &["name", "id"],
    optional: false,
    adds: Adds::Fields(&[
        call("lock_date", lock_date),
        call("locked", |ctx| json!(!is_gone(ctx))),
        take("max_retention_days", Take::NonZero("max_retention_days"), Unset::Null),
        take("min_retention_days", Take::NonZero("min_retention_days"), Unset::Null),
    ]),
}];

pub(super) const UNDECLARED: &[Undeclared] = &[
    Undeclared {
        kind: "AWS::Backup::BackupPlan",
        properties: &[
            ("last_execution_date", Rule::OfAws),
            // Providers before the argument write nothing of it.
            ("rules[].target_logically_air_gapped_backup_vault_arn", Rule::Nothing),
        ],
    },
    Undeclared {
        kind: "AWS::Backup::BackupVault",
        properties: &[
            ("locked", Rule::Nothing),
            ("max_retention_days", Rule::Nothing),
            ("min_retention_days", Rule::Nothing),
            ("lock_date", Rule::OfAws),
            ("encryption_key_type", Rule::OfAws),
            ("number_of_recovery_points", Rule::OfAws),
        ],
    },
];
