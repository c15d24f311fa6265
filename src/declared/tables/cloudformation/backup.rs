//! AWS Backup: vaults with their locks, and plans.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::{each, is_set, key_arn, own};
use crate::declared::map::{Arn, Ctx, Mapping, Unset, at, call};

const TAGS: &[&str] = &["BackupVaultTags"];
const LOCK: &str = "LockConfiguration";

/// What only a vault with a lock has.
fn with_lock(ctx: &Ctx<'_>, found: impl FnOnce() -> Json, without: Json) -> Json {
    match is_set(ctx, LOCK) {
        Some(true) => found(),
        Some(false) => without,
        None => ctx.later(LOCK),
    }
}

/// The lock is final once the days are over that are counted from when it was set.
fn lock_date(ctx: &Ctx<'_>) -> Json {
    let path = "LockConfiguration.ChangeableForDays";
    match is_set(ctx, path) {
        Some(false) => Json::Null,
        _ => ctx.later(path),
    }
}

fn rules(ctx: &Ctx<'_>) -> Json {
    each(ctx, "BackupPlan.BackupPlanRule", |rule| {
        json!({
            "rule_name": rule.or("RuleName", Unset::Output),
            "schedule_expression": rule.or("ScheduleExpression", Unset::Null),
            "target_backup_vault_name": rule.or("TargetBackupVault", Unset::Output),
            "delete_after_days": rule.or("Lifecycle.DeleteAfterDays", Unset::Null),
            "target_logically_air_gapped_backup_vault_arn": rule.or("TargetLogicallyAirGappedBackupVaultArn", Unset::Null),
            "copy_destination_backup_vault_arns": each(rule, "CopyActions", |copy| copy.or("DestinationBackupVaultArn", Unset::Output)),
        })
    })
}

pub(super) const VAULT: Mapping = Mapping {
    from: "AWS::Backup::BackupVault",
    kind: "AWS::Backup::BackupVault",
    id: &["BackupVaultName"],
    arn: Arn::Made("backup", "backup-vault:"),
    tags: TAGS,
    fields: &[
        at("backup_vault_name", "BackupVaultName", Unset::Worked(own)),
        // AWS Backup's own key for the account where none is named.
        call("encryption_key_arn", |ctx| key_arn(ctx, "EncryptionKeyArn", Unset::Decided)),
        call("lock_date", lock_date),
        call("locked", |ctx| with_lock(ctx, || json!(true), json!(false))),
        call("max_retention_days", |ctx| ctx.or("LockConfiguration.MaxRetentionDays", Unset::Null)),
        call("min_retention_days", |ctx| ctx.or("LockConfiguration.MinRetentionDays", Unset::Null)),
        call("vault_type", |_| json!("BACKUP_VAULT")),
    ],
};

pub(super) const AIR_GAPPED_VAULT: Mapping = Mapping {
    from: "AWS::Backup::LogicallyAirGappedBackupVault",
    kind: "AWS::Backup::BackupVault",
    id: &["BackupVaultName"],
    arn: Arn::Made("backup", "backup-vault:"),
    tags: TAGS,
    fields: &[
        at("backup_vault_name", "BackupVaultName", Unset::Worked(own)),
        call("encryption_key_arn", |ctx| key_arn(ctx, "EncryptionKeyArn", Unset::Decided)),
        // Every vault of this kind is.
        call("locked", |_| json!(true)),
        at("max_retention_days", "MaxRetentionDays", Unset::Output),
        at("min_retention_days", "MinRetentionDays", Unset::Output),
        call("vault_type", |_| json!("LOGICALLY_AIR_GAPPED_BACKUP_VAULT")),
    ],
};

pub(super) const PLAN: Mapping = Mapping {
    from: "AWS::Backup::BackupPlan",
    kind: "AWS::Backup::BackupPlan",
    id: &["BackupPlanId"],
    arn: Arn::Made("backup", "backup-plan:"),
    tags: &["BackupPlanTags"],
    fields: &[call("backup_plan_id", own), call("rules", rules)],
};
