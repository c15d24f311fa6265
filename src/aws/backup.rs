//! AWS Backup: vaults, what lies in them, and the plans that fill them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, Scope, Service, op};
use crate::estate::{Cardinality, Link, Required, Within};

/// A vault that holds recovery points.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BackupVault {
    /// Name; unique per account and region, and reused.
    pub backup_vault_name: Required<String>,
    /// Kind: `BACKUP_VAULT`, `LOGICALLY_AIR_GAPPED_BACKUP_VAULT` or `RESTORE_ACCESS_BACKUP_VAULT`.
    pub vault_type: Required<String>,
    /// ARN of the KMS key that encrypts recovery points of services that AWS Backup manages in full.
    pub encryption_key_arn: Option<String>,
    /// Whose that key is: `CUSTOMER_MANAGED_KMS_KEY`, or `AWS_OWNED_KMS_KEY`, of which no ARN is told; absent where AWS does not say.
    pub encryption_key_type: Option<String>,
    /// How many recovery points it holds; AWS counts approximately.
    pub number_of_recovery_points: Required<i64>,
    /// Whether Vault Lock keeps recovery points from being deleted or shortened; final only once `lock_date` has passed.
    pub locked: Required<bool>,
    /// Fewest days that a recovery point must be kept for; absent when the lock sets no minimum.
    pub min_retention_days: Option<i64>,
    /// Most days that a recovery point may be kept for; absent when the lock sets no maximum.
    pub max_retention_days: Option<i64>,
    /// From when on nobody can remove the lock; absent when those with the permission can remove it at any time.
    pub lock_date: Option<Timestamp>,
}

/// A backup of one resource, in a vault.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RecoveryPoint {
    /// ARN of the recovery point, by the rules of the service that keeps it.
    pub recovery_point_arn: Required<String>,
    /// ARN of the resource it was taken of, which may be gone or in another account.
    pub resource_arn: Required<String>,
    /// Kind of that resource: `RDS`, `Aurora`, `EBS`, `EFS`, `DynamoDB`, `S3`.
    pub resource_type: Required<String>,
    /// Vault it was copied from: where it is set this is a copy, but AWS does not set it on every copy within one account.
    pub source_backup_vault_arn: Option<String>,
    /// Vault it lies in.
    pub backup_vault_name: Required<String>,
    /// Kind of that vault.
    pub vault_type: Option<String>,
    /// When it was created.
    pub creation_date: Required<Timestamp>,
    /// When the job that made it was finished; absent while it runs.
    pub completion_date: Option<Timestamp>,
    /// Status: only `COMPLETED` and `AVAILABLE` are whole and can be restored; `CREATING`, `PARTIAL`, `EXPIRED`, `STOPPED`.
    pub status: Required<String>,
    /// Whether it is encrypted.
    pub is_encrypted: Required<bool>,
    /// ARN of the KMS key that encrypts it.
    pub encryption_key_arn: Option<String>,
    /// Whose that key is: `CUSTOMER_MANAGED_KMS_KEY`, or `AWS_OWNED_KMS_KEY`, of which no ARN is told; absent where AWS does not say.
    pub encryption_key_type: Option<String>,
    /// When it will be deleted; absent when it is kept until someone deletes it.
    pub delete_at: Option<Timestamp>,
}

/// A plan that says what is backed up when, and for how long it is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BackupPlan {
    /// Identifier that AWS chose.
    pub backup_plan_id: Required<String>,
    /// When it last ran; absent when it never did.
    pub last_execution_date: Option<Timestamp>,
    /// Its rules.
    pub rules: Required<Vec<BackupRule>>,
}

/// A rule of a backup plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BackupRule {
    /// Name.
    pub rule_name: Required<String>,
    /// When it runs, as a cron expression in UTC unless the rule says otherwise; absent when AWS's own schedule is used.
    pub schedule_expression: Option<String>,
    /// Vault that recovery points go to.
    pub target_backup_vault_name: Required<String>,
    /// Days that recovery points are kept; absent when they are kept until someone deletes them.
    pub delete_after_days: Option<i64>,
    /// Vaults that recovery points are copied to, in other regions or accounts as well; empty when they are not copied.
    pub copy_destination_backup_vault_arns: Required<Vec<String>>,
    /// Logically air-gapped vault that recovery points go to as well; absent where none is named.
    pub target_logically_air_gapped_backup_vault_arn: Option<String>,
}

resource_types! {
    "backup":
    BackupVault = "AWS::Backup::BackupVault",
    RecoveryPoint = "AWS::Backup::RecoveryPoint",
    BackupPlan = "AWS::Backup::BackupPlan",
}

const OPERATIONS: &[Operation] = &[
    op("ListBackupVaults", "backup:ListBackupVaults"),
    op("ListRecoveryPointsByBackupVault", "backup:ListRecoveryPointsByBackupVault"),
    op("ListBackupPlans", "backup:ListBackupPlans"),
    op("GetBackupPlan", "backup:GetBackupPlan"),
    op("ListTags", "backup:ListTags"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "recovery_points_of",
        ("AWS::EFS::FileSystem", "arn"),
        &[("AWS::Backup::RecoveryPoint", "resource_arn")],
        Within::Region,
        Cardinality::NamedBy,
        "Backups of the file system by AWS Backup, in vaults of the same account and region",
    ),
    Link::keys(
        "recovery_points_of",
        ("AWS::DynamoDB::Table", "arn"),
        &[("AWS::Backup::RecoveryPoint", "resource_arn")],
        Within::Region,
        Cardinality::NamedBy,
        "Backups of the table by AWS Backup, in vaults of the same account and region",
    ),
    Link::keys(
        "recovery_points_of",
        ("AWS::RDS::DBInstance", "arn"),
        &[("AWS::Backup::RecoveryPoint", "resource_arn")],
        Within::Region,
        Cardinality::NamedBy,
        "Backups of the instance by AWS Backup, in vaults of the same account and region",
    ),
    Link::keys(
        "recovery_points_of",
        ("AWS::RDS::DBCluster", "arn"),
        &[("AWS::Backup::RecoveryPoint", "resource_arn")],
        Within::Region,
        Cardinality::NamedBy,
        "Backups of the cluster by AWS Backup, in vaults of the same account and region",
    ),
    Link::keys(
        "recovery_points_of",
        ("AWS::EC2::Volume", "arn"),
        &[("AWS::Backup::RecoveryPoint", "resource_arn")],
        Within::Region,
        Cardinality::NamedBy,
        "Backups of the volume by AWS Backup, in vaults of the same account and region",
    ),
    Link::keys(
        "vault_of",
        ("AWS::Backup::RecoveryPoint", "backup_vault_name"),
        &[("AWS::Backup::BackupVault", "backup_vault_name")],
        Within::Region,
        Cardinality::One,
        "The vault that the recovery point lies in",
    ),
];

/// AWS Backup.
pub(super) static SERVICE: Service = Service {
    name: "backup",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "backup"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "backup")))]
    collect: None,
};

#[cfg(feature = "backup")]
mod live {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::{Arc, Mutex};

    use aws_sdk_backup::Client;
    use aws_sdk_backup::config::interceptors::AfterDeserializationInterceptorContextRef;
    use aws_sdk_backup::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
    use aws_sdk_backup::types;
    use aws_smithy_runtime_api::box_error::BoxError;
    use serde_json::Value as Json;

    use super::{BackupPlan, BackupRule, BackupVault, RecoveryPoint};
    use crate::aws::cx::{Collected, Cx, Identified, Items, time};
    use crate::estate::{Fetched, Gap, Required, Resource, ResponseId};

    const VAULTS: &str = "ListBackupVaults";
    const POINTS: &str = "ListRecoveryPointsByBackupVault";
    const PLANS: &str = "ListBackupPlans";

    pub(super) async fn collect(cx: Cx) -> Collected {
        let unsaid = Unsaid::default();
        let backup = Client::from_conf(Builder::from(&cx.sdk()).interceptor(unsaid.clone()).build());
        let mut out = Collected::default();
        let (names, gap) = vaults(&cx, &backup, &mut out).await;
        recovery_points(&cx, &backup, names, gap, &unsaid, &mut out).await;
        plans(&cx, &backup, &mut out).await;
        out
    }

    /// A text that AWS sent: for a required member that is missing, the SDK makes up an empty text.
    fn said(text: String) -> Option<String> {
        (!text.is_empty()).then_some(text)
    }

    async fn tags(cx: &Cx, backup: &Client, arn: &str, from: &mut Vec<ResponseId>) -> Fetched<BTreeMap<String, String>> {
        const OP: &str = "ListTags";
        let pages = cx.pages(OP, backup.list_tags().resource_arn(arn).into_paginator().send(), |page| page.next_token.as_deref()).await;
        from.extend(pages.pages.iter().flat_map(|(_, responses)| responses).copied());
        let Items { items, gap } = pages.items(cx, OP, |page| page.tags.map(|tags| tags.into_iter().collect()));
        match gap {
            Some(gap) => Fetched::Unknown(gap),
            None => Fetched::Known(items.into_iter().map(|(pair, _)| pair).collect()),
        }
    }

    /// Names of the vaults, and why there may be more.
    async fn vaults(cx: &Cx, backup: &Client, out: &mut Collected) -> (Vec<String>, Option<Arc<Gap>>) {
        let pages = cx.pages(VAULTS, backup.list_backup_vaults().into_paginator().send(), |page| page.next_token.as_deref()).await;
        let items = pages.items(cx, VAULTS, |page| page.backup_vault_list);
        let members = ("BackupVaultName", "BackupVaultArn");
        let (items, listing) =
            cx.identified::<BackupVault, _>(VAULTS, items, members, |v| v.backup_vault_name.as_deref(), |v| v.backup_vault_arn.as_deref());
        let gap = listing.gap.clone().map(Arc::new);
        out.listings.push(listing);
        let names = items.iter().map(|found| found.id.clone()).collect();
        out.resources.extend(cx.each(items, |found| vault(cx, backup, found)).await);
        (names, gap)
    }

    async fn vault(cx: &Cx, backup: &Client, found: Identified<types::BackupVaultListMember>) -> Resource {
        const OP: &str = VAULTS;
        let Identified { id: name, arn, item: vault, mut from } = found;
        let tags = tags(cx, backup, &arn, &mut from).await;
        let properties = BackupVault {
            backup_vault_name: Required::Known(name.clone()),
            vault_type: cx.word(OP, "VaultType", vault.vault_type.as_ref().map(|t| t.as_str()), types::VaultType::values()),
            encryption_key_arn: vault.encryption_key_arn.and_then(said),
            encryption_key_type: vault.encryption_key_type.map(|t| t.as_str().to_owned()),
            number_of_recovery_points: Required::Known(vault.number_of_recovery_points),
            locked: cx.need(OP, "Locked", vault.locked),
            min_retention_days: vault.min_retention_days,
            max_retention_days: vault.max_retention_days,
            lock_date: vault.lock_date.and_then(time),
        };
        cx.new_resource(arn, name.clone(), name, tags, properties, from)
    }

    /// The recovery points of which AWS did not say whether they are encrypted: the SDK reads the missing
    /// member as false.
    #[derive(Debug, Clone, Default)]
    struct Unsaid(Arc<Mutex<BTreeSet<String>>>);

    impl Unsaid {
        fn note(&self, body: &[u8]) {
            let Ok(Json::Object(answer)) = serde_json::from_slice::<Json>(body) else { return };
            let points = answer.get("RecoveryPoints").and_then(Json::as_array).into_iter().flatten();
            let silent = points.filter(|point| !point.get("IsEncrypted").is_some_and(Json::is_boolean));
            let arns = silent.map(|point| point.get("RecoveryPointArn").and_then(Json::as_str).unwrap_or_default().to_owned());
            self.0.lock().expect("internal error: no panic while held").extend(arns);
        }

        fn is_about(&self, arn: &str) -> bool {
            self.0.lock().expect("internal error: no panic while held").contains(arn)
        }
    }

    impl Intercept for Unsaid {
        fn name(&self) -> &'static str {
            "IsEncryptedUnsaid"
        }

        fn read_after_deserialization(
            &self,
            context: &AfterDeserializationInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            const MEMBER: &[u8] = b"\"RecoveryPoints\"";
            let body = context.response().body().bytes().unwrap_or_default();
            if body.windows(MEMBER.len()).any(|window| window == MEMBER) {
                self.note(body);
            }
            Ok(())
        }
    }

    async fn recovery_points(
        cx: &Cx,
        backup: &Client,
        vaults: Vec<String>,
        mut gap: Option<Arc<Gap>>,
        unsaid: &Unsaid,
        out: &mut Collected,
    ) {
        let answers = cx.each(vaults, |vault| async move {
            let request = backup.list_recovery_points_by_backup_vault().backup_vault_name(vault);
            let pages = cx.pages(POINTS, request.into_paginator().send(), |page| page.next_token.as_deref()).await;
            pages.items(cx, POINTS, |page| page.recovery_points)
        });
        // Recovery points are known by vault only: a gap of one vault is a gap of the listing.
        let mut found = Vec::new();
        for items in answers.await {
            gap = gap.or(items.gap);
            found.extend(items.items);
        }
        let items = Items { items: found, gap };
        let (found, listing) = cx.identified::<RecoveryPoint, _>(
            POINTS,
            items,
            ("RecoveryPointArn", "RecoveryPointArn"),
            |p| p.recovery_point_arn.as_deref(),
            |p| p.recovery_point_arn.as_deref(),
        );
        out.listings.push(listing);
        out.resources.extend(found.into_iter().map(|found| recovery_point(cx, found, unsaid)));
    }

    fn recovery_point(cx: &Cx, found: Identified<types::RecoveryPointByBackupVault>, unsaid: &Unsaid) -> Resource {
        const OP: &str = POINTS;
        let Identified { arn, item: point, from, .. } = found;
        let id = arn.splitn(6, ':').nth(5).unwrap_or(&arn).to_owned();
        let name = point.resource_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        let silent = unsaid.is_about(&arn);
        let said_encrypted = (!silent).then_some(point.is_encrypted);
        let properties = RecoveryPoint {
            recovery_point_arn: Required::Known(arn.clone()),
            resource_arn: cx.need(OP, "ResourceArn", point.resource_arn),
            resource_type: cx.need(OP, "ResourceType", point.resource_type),
            source_backup_vault_arn: point.source_backup_vault_arn,
            backup_vault_name: cx.need(OP, "BackupVaultName", point.backup_vault_name),
            vault_type: point.vault_type.map(|t| t.as_str().to_owned()),
            creation_date: cx.need(OP, "CreationDate", point.creation_date.and_then(time)),
            completion_date: point.completion_date.and_then(time),
            status: cx.word(OP, "Status", point.status.as_ref().map(|s| s.as_str()), types::RecoveryPointStatus::values()),
            is_encrypted: cx.need(OP, "IsEncrypted", said_encrypted),
            encryption_key_arn: point.encryption_key_arn,
            encryption_key_type: point.encryption_key_type.map(|t| t.as_str().to_owned()),
            delete_at: point.calculated_lifecycle.and_then(|l| l.delete_at).and_then(time),
        };
        // Recovery points belong where their vault or their resource does, so their own tags, one call
        // for each of them, are not asked for.
        cx.new_resource(arn, id, name, Fetched::Absent, properties, from)
    }

    async fn plans(cx: &Cx, backup: &Client, out: &mut Collected) {
        let pages = cx.pages(PLANS, backup.list_backup_plans().into_paginator().send(), |page| page.next_token.as_deref()).await;
        let items = pages.items(cx, PLANS, |page| page.backup_plans_list);
        let members = ("BackupPlanId", "BackupPlanArn");
        let (items, listing) =
            cx.identified::<BackupPlan, _>(PLANS, items, members, |p| p.backup_plan_id.as_deref(), |p| p.backup_plan_arn.as_deref());
        out.listings.push(listing);
        out.resources.extend(cx.each(items, |found| plan(cx, backup, found)).await);
    }

    async fn plan(cx: &Cx, backup: &Client, found: Identified<types::BackupPlansListMember>) -> Resource {
        const GET: &str = "GetBackupPlan";
        let Identified { id, arn, item: plan, mut from } = found;
        let name = plan.backup_plan_name.unwrap_or_else(|| id.clone());
        let tags = tags(cx, backup, &arn, &mut from).await;
        let answer = cx.send(GET, backup.get_backup_plan().backup_plan_id(&id).send()).await.required(&mut from);
        let rules = answer.and_then(|a| {
            // Without rules the SDK makes up an empty list; a plan has one at least.
            cx.need(GET, "BackupPlan.Rules", a.backup_plan.map(|p| p.rules).filter(|rules| !rules.is_empty()))
        });
        let properties = BackupPlan {
            backup_plan_id: Required::Known(id.clone()),
            last_execution_date: plan.last_execution_date.and_then(time),
            rules: rules.map(|rules| rules.into_iter().map(|r| rule(cx, GET, r)).collect()),
        };
        cx.new_resource(arn, id, name, tags, properties, from)
    }

    fn rule(cx: &Cx, op: &'static str, rule: types::BackupRule) -> BackupRule {
        let copies = rule.copy_actions.unwrap_or_default().into_iter();
        let destinations = copies.map(|copy| said(copy.destination_backup_vault_arn)).collect();
        BackupRule {
            rule_name: cx.need(op, "RuleName", said(rule.rule_name)),
            schedule_expression: rule.schedule_expression,
            target_backup_vault_name: cx.need(op, "TargetBackupVaultName", said(rule.target_backup_vault_name)),
            delete_after_days: rule.lifecycle.and_then(|l| l.delete_after_days),
            copy_destination_backup_vault_arns: cx.need(op, "CopyActions.DestinationBackupVaultArn", destinations),
            target_logically_air_gapped_backup_vault_arn: rule.target_logically_air_gapped_backup_vault_arn,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::Unsaid;

        #[test]
        fn a_recovery_point_counts_as_not_encrypted_only_where_aws_said_so() {
            let unsaid = Unsaid::default();
            unsaid.note(
                br#"{"RecoveryPoints":[{"RecoveryPointArn":"said","IsEncrypted":false},{"RecoveryPointArn":"unsaid"},
                    {"RecoveryPointArn":"null","IsEncrypted":null}]}"#,
            );
            unsaid.note(br#"{"RecoveryPoints":"none"}"#);
            unsaid.note(b"{");
            assert_eq!(["said", "unsaid", "null", "other"].map(|arn| unsaid.is_about(arn)), [false, true, true, false]);
        }
    }
}
