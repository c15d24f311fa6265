//! Amazon DynamoDB: tables, their point-in-time recovery, and their on-demand backups.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, Scope, Service, op};
use crate::estate::{Cardinality, Fetched, Link, Required, Within};

/// A table; DynamoDB keeps every table encrypted and in several Availability Zones, whatever its settings.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Table {
    /// Name; unique per account and region, and reused.
    pub table_name: Required<String>,
    /// Identifier that AWS chose; never reused. Backups are joined by it.
    pub table_id: Required<String>,
    /// Status: `ACTIVE`, `CREATING`, `UPDATING`, `DELETING`, `INACCESSIBLE_ENCRYPTION_CREDENTIALS`, `ARCHIVED`.
    pub table_status: Required<String>,
    /// Status of encryption with a KMS key of the account: `ENABLED`, `UPDATING`; absent when AWS's own key encrypts the table.
    pub sse_status: Fetched<String>,
    /// Kind of encryption with a key of the account: `KMS`; absent when AWS's own key encrypts the table.
    pub sse_type: Option<String>,
    /// ARN of the KMS key; absent when AWS's own key encrypts the table.
    pub kms_key_arn: Option<String>,
    /// Whether the table is protected against deletion.
    pub deletion_protection_enabled: Required<bool>,
    /// Other regions that hold a replica of the table, each once; those of global tables of 2017 included.
    pub replica_regions: Required<Vec<String>>,
    /// Regions that hold a witness of a strongly consistent global table, which keeps the changes that its replicas make.
    pub witness_regions: Required<Vec<String>>,
    /// Version of global tables the table takes part in: `2019.11.21`; absent on other tables and on global tables of 2017.
    pub global_table_version: Option<String>,
    /// Billing mode: `PAY_PER_REQUEST` or `PROVISIONED`; absent on tables that have always been provisioned.
    pub billing_mode: Option<String>,
    /// Whether changes are streamed; absent on tables without stream settings, which are not streamed.
    pub stream_enabled: Option<bool>,
    /// Point-in-time recovery: `ENABLED` or `DISABLED`.
    pub point_in_time_recovery_status: Fetched<String>,
    /// Days back that point-in-time recovery reaches; absent while it is disabled.
    pub recovery_period_in_days: Fetched<i64>,
    /// Earliest moment the table can be restored to; absent while point-in-time recovery is disabled.
    pub earliest_restorable_date_time: Fetched<Timestamp>,
    /// Latest moment the table can be restored to; absent while point-in-time recovery is disabled.
    pub latest_restorable_date_time: Fetched<Timestamp>,
    /// When it was created.
    pub creation_date_time: Option<Timestamp>,
}

/// An on-demand backup made with DynamoDB itself; those of AWS Backup are `AWS::Backup::RecoveryPoint`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Backup {
    /// Name.
    pub backup_name: Required<String>,
    /// ARN of the table it was taken of, which may be gone.
    pub table_arn: Option<String>,
    /// Table it was taken of, by the name it had.
    pub table_name: Required<String>,
    /// Table it was taken of, by AWS's own id.
    pub table_id: Required<String>,
    /// When it was taken.
    pub backup_creation_date_time: Required<Timestamp>,
    /// When it will be deleted by itself; absent for backups that stay until someone deletes them.
    pub backup_expiry_date_time: Option<Timestamp>,
    /// Status: only `AVAILABLE` can be restored; `CREATING`, `DELETED`.
    pub backup_status: Required<String>,
    /// How it came to be: `USER` on demand, `SYSTEM` when a table with point-in-time recovery was deleted.
    pub backup_type: Required<String>,
}

resource_types! {
    "dynamodb":
    Table = "AWS::DynamoDB::Table",
    Backup = "AWS::DynamoDB::Backup",
}

const OPERATIONS: &[Operation] = &[
    op("ListTables", "dynamodb:ListTables"),
    op("DescribeTable", "dynamodb:DescribeTable"),
    op("DescribeContinuousBackups", "dynamodb:DescribeContinuousBackups"),
    op("ListTagsOfResource", "dynamodb:ListTagsOfResource"),
    op("ListGlobalTables", "dynamodb:ListGlobalTables"),
    op("ListBackups", "dynamodb:ListBackups"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "backups_of",
        ("AWS::DynamoDB::Table", "table_id"),
        &[("AWS::DynamoDB::Backup", "table_id")],
        Within::Region,
        Cardinality::NamedBy,
        "On-demand backups of the table made with DynamoDB itself, joined by AWS's own id",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::DynamoDB::Table", "kms_key_arn"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the table; none when it is AWS's own key",
    ),
];

/// Amazon DynamoDB.
pub(super) static SERVICE: Service = Service {
    name: "dynamodb",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "dynamodb"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "dynamodb")))]
    collect: None,
};

#[cfg(feature = "dynamodb")]
mod live {
    use std::collections::{BTreeMap, BTreeSet, HashMap};

    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::types::{self, BackupTypeFilter};

    use super::{Backup, Table};
    use crate::aws::cx::{Answer, Collected, Cx, Identified, Items, Pages, is_arn, tags, time};
    use crate::estate::{Fetched, NewResource, Reason, Required, Resource, ResponseId};

    const TABLE: &str = "DescribeTable";

    pub(super) async fn collect(cx: Cx) -> Collected {
        let dynamodb = Client::new(&cx.sdk());
        let mut out = Collected::default();
        tables(&cx, &dynamodb, &mut out).await;
        backups(&cx, &dynamodb, &mut out).await;
        out
    }

    /// Reads all pages of a listing for which the SDK has no paginator. `token` takes what the next
    /// page is asked with; one that comes twice would never end.
    async fn pages<P, F>(
        cx: &Cx,
        operation: &'static str,
        ask: impl Fn(Option<String>) -> F,
        token: impl Fn(&P) -> Option<String>,
    ) -> Pages<P>
    where
        F: Future<Output = Answer<P>>,
    {
        let mut pages = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = None;
        loop {
            let answer = ask(next).await;
            let page = match answer.result {
                Ok(page) => page,
                Err(gap) => return Pages { pages, gap: Some(gap) },
            };
            next = token(&page).filter(|t| !t.is_empty());
            pages.push((page, answer.responses));
            match &next {
                None => return Pages { pages, gap: None },
                Some(token) if seen.insert(token.clone()) => {}
                Some(_) => {
                    let gap = cx.gap(operation, Reason::Unparsable, None, Some("the same page token came twice"));
                    return Pages { pages, gap: Some(gap) };
                }
            }
        }
    }

    /// What was read of one table.
    struct Read {
        name: String,
        arn: String,
        table: Required<types::TableDescription>,
        recovery: Required<types::PointInTimeRecoveryDescription>,
        tags: Fetched<BTreeMap<String, String>>,
        from: Vec<ResponseId>,
    }

    impl Read {
        /// Whether this may be a replica of a global table of 2017, which `DescribeTable` does not tell:
        /// those must be streamed.
        fn may_be_legacy_global(&self) -> bool {
            let not_current = |t: &types::TableDescription| t.global_table_version.as_deref() != Some("2019.11.21");
            self.table.known().is_some_and(|t| not_current(t) && t.stream_specification.is_some())
        }
    }

    async fn tables(cx: &Cx, dynamodb: &Client, out: &mut Collected) {
        const OP: &str = "ListTables";
        let pages = cx.pages(OP, dynamodb.list_tables().into_paginator().send(), |page| page.last_evaluated_table_name.as_deref()).await;
        // A name without anything is a table that cannot be asked for; its ARN follows from the name.
        let of_name = |name: String| (cx.arn("dynamodb", &format!("table/{name}")), name);
        let items = pages.items(cx, OP, |page| page.table_names.map(|names| names.into_iter().map(of_name).collect()));
        let (items, listing) =
            cx.identified::<Table, _>(OP, items, ("TableNames", "TableNames"), |(_, name)| Some(name), |(arn, _)| Some(arn));
        let items = items.into_iter().map(|found| (found.id, found.from)).collect();
        out.listings.push(listing);
        let read = cx.each(items, |(name, from)| read(cx, dynamodb, name, from)).await;
        let legacy = if read.iter().any(Read::may_be_legacy_global) {
            legacy_global_tables(cx, dynamodb).await
        } else {
            Legacy { regions: Required::Known(HashMap::new()), from: Vec::new() }
        };
        out.resources.extend(read.into_iter().map(|read| table(cx, read, &legacy)));
    }

    async fn read(cx: &Cx, dynamodb: &Client, name: String, mut from: Vec<ResponseId>) -> Read {
        const RECOVERY: &str = "DescribeContinuousBackups";
        let answer = cx.send(TABLE, dynamodb.describe_table().table_name(&name).send()).await.required(&mut from);
        let table = answer.and_then(|a| cx.need(TABLE, "Table", a.table));
        let recovery = match &table {
            // What could not be described is unknown as a whole.
            Required::Unknown(gap) => Required::Unknown(gap.clone()),
            Required::Known(_) => {
                let request = dynamodb.describe_continuous_backups().table_name(&name).send();
                let answer = cx.send(RECOVERY, request).await.required(&mut from);
                answer.and_then(|a| {
                    let description = a.continuous_backups_description.and_then(|d| d.point_in_time_recovery_description);
                    cx.need(RECOVERY, "PointInTimeRecoveryDescription", description)
                })
            }
        };
        let arn = table
            .known()
            .and_then(|t| t.table_arn.clone())
            .filter(|arn| is_arn(arn))
            .unwrap_or_else(|| cx.arn("dynamodb", &format!("table/{name}")));
        let tags = table_tags(cx, dynamodb, &arn, &mut from).await;
        Read { name, arn, table, recovery, tags, from }
    }

    async fn table_tags(cx: &Cx, dynamodb: &Client, arn: &str, from: &mut Vec<ResponseId>) -> Fetched<BTreeMap<String, String>> {
        const OP: &str = "ListTagsOfResource";
        let ask = |token| cx.send(OP, dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(token).send());
        let pages = pages(cx, OP, ask, |page| page.next_token.clone()).await;
        let Items { items, gap } = pages.items(cx, OP, |page| page.tags);
        from.extend(items.iter().flat_map(|(_, responses)| responses).copied());
        match gap {
            Some(gap) => Fetched::Unknown(gap),
            None => {
                let list = items.into_iter().map(|(tag, _)| tag).collect();
                tags(cx, OP, Some(list), |tag: types::Tag| (Some(tag.key), Some(tag.value))).into()
            }
        }
    }

    /// The regions of each global table of 2017, by name, and the responses they were read from.
    struct Legacy {
        regions: Required<HashMap<String, Required<Vec<String>>>>,
        from: Vec<ResponseId>,
    }

    async fn legacy_global_tables(cx: &Cx, dynamodb: &Client) -> Legacy {
        const OP: &str = "ListGlobalTables";
        let ask = |token| cx.send(OP, dynamodb.list_global_tables().set_exclusive_start_global_table_name(token).send());
        let pages = pages(cx, OP, ask, |page| page.last_evaluated_global_table_name.clone()).await;
        let from = pages.pages.iter().flat_map(|(_, responses)| responses).copied().collect();
        let Items { items, gap } = pages.items(cx, OP, |page| page.global_tables);
        if let Some(gap) = gap {
            return Legacy { regions: Required::Unknown(gap), from };
        }
        let mut regions = HashMap::new();
        for (global, _) in items {
            let replicas = global.replication_group.and_then(|list| list.into_iter().map(|r| r.region_name).collect());
            let replicas = cx.need(OP, "ReplicationGroup.RegionName", replicas);
            match cx.need(OP, "GlobalTableName", global.global_table_name) {
                Required::Known(name) => regions.insert(name, replicas),
                Required::Unknown(gap) => {
                    return Legacy { regions: Required::Unknown(gap), from };
                }
            };
        }
        Legacy { regions: Required::Known(regions), from }
    }

    fn table(cx: &Cx, mut read: Read, legacy: &Legacy) -> Resource {
        let legacy_regions = if read.may_be_legacy_global() {
            read.from.extend(&legacy.from);
            match &legacy.regions {
                Required::Known(regions) => regions.get(&read.name).cloned().unwrap_or(Required::Known(Vec::new())),
                Required::Unknown(gap) => Required::Unknown(gap.clone()),
            }
        } else {
            Required::Known(Vec::new())
        };
        let recovery = read.recovery;
        let properties = read.table.map(|table| {
            // Tables that are not replicated come without `Replicas`.
            let replicas = table.replicas.unwrap_or_default().into_iter().map(|r| r.region_name).collect::<Option<Vec<_>>>();
            let replicas = cx.need(TABLE, "Replicas.RegionName", replicas);
            // Only tables with strong consistency across regions may have one, and it is left out where there is none.
            let witnesses = table.global_table_witnesses.unwrap_or_default();
            let witnesses = witnesses.into_iter().map(|witness| witness.region_name).collect();
            let (sse_status, sse_type, kms_key_arn) = match table.sse_description {
                Some(sse) => (sse.status, sse.sse_type, sse.kms_master_key_arn),
                None => (None, None, None),
            };
            let from_recovery = Fetched::from(recovery);
            Table {
                table_name: cx.need(TABLE, "TableName", table.table_name),
                table_id: cx.need(TABLE, "TableId", table.table_id),
                table_status: cx.word(TABLE, "TableStatus", table.table_status.as_ref().map(|s| s.as_str()), types::TableStatus::values()),
                sse_status: cx.word_if_any(
                    TABLE,
                    "SSEDescription.Status",
                    sse_status.as_ref().map(|s| s.as_str()),
                    types::SseStatus::values(),
                ),
                sse_type: sse_type.map(|t| t.as_str().to_owned()),
                kms_key_arn,
                deletion_protection_enabled: cx.need(TABLE, "DeletionProtectionEnabled", table.deletion_protection_enabled),
                replica_regions: replicas.and_then(|replicas| legacy_regions.map(|legacy| elsewhere(cx, replicas, legacy))),
                witness_regions: cx.need(TABLE, "GlobalTableWitnesses.RegionName", witnesses),
                global_table_version: table.global_table_version,
                billing_mode: table.billing_mode_summary.and_then(|s| s.billing_mode).map(|m| m.as_str().to_owned()),
                stream_enabled: table.stream_specification.map(|s| s.stream_enabled),
                point_in_time_recovery_status: from_recovery.clone().and_then(|r| {
                    let status = r.point_in_time_recovery_status.as_ref().map(|s| s.as_str());
                    let known = types::PointInTimeRecoveryStatus::values();
                    cx.word("DescribeContinuousBackups", "PointInTimeRecoveryStatus", status, known).into()
                }),
                recovery_period_in_days: from_recovery.clone().and_then(|r| r.recovery_period_in_days.map(i64::from).into()),
                earliest_restorable_date_time: from_recovery.clone().and_then(|r| r.earliest_restorable_date_time.and_then(time).into()),
                latest_restorable_date_time: from_recovery.and_then(|r| r.latest_restorable_date_time.and_then(time).into()),
                creation_date_time: table.creation_date_time.and_then(time),
            }
        });
        cx.resource(NewResource::<Table> {
            arn: read.arn,
            id: read.name.clone(),
            name: read.name,
            account: cx.account().to_owned(),
            region: cx.region().to_owned(),
            tags: read.tags,
            properties,
            responses: read.from,
        })
    }

    /// The regions other than this one, each once.
    fn elsewhere(cx: &Cx, replicas: Vec<String>, legacy: Vec<String>) -> Vec<String> {
        let regions: BTreeSet<_> = replicas.into_iter().chain(legacy).filter(|region| region != cx.region()).collect();
        regions.into_iter().collect()
    }

    async fn backups(cx: &Cx, dynamodb: &Client, out: &mut Collected) {
        const OP: &str = "ListBackups";
        let ask = |token| {
            let request = dynamodb.list_backups().backup_type(BackupTypeFilter::All);
            cx.send(OP, request.set_exclusive_start_backup_arn(token).send())
        };
        let pages = pages(cx, OP, ask, |page| page.last_evaluated_backup_arn.clone()).await;
        let items = pages.items(cx, OP, |page| page.backup_summaries);
        let (items, listing) =
            cx.identified::<Backup, _>(OP, items, ("BackupName", "BackupArn"), |b| b.backup_name.as_deref(), |b| b.backup_arn.as_deref());
        out.listings.push(listing);
        for Identified { id: name, arn, item: backup, from } in items {
            // Names are reused; what stands behind the last slash is not.
            let id = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
            let properties = Backup {
                backup_name: Required::Known(name.clone()),
                table_arn: backup.table_arn,
                table_name: cx.need(OP, "TableName", backup.table_name),
                table_id: cx.need(OP, "TableId", backup.table_id),
                backup_creation_date_time: cx.need(OP, "BackupCreationDateTime", backup.backup_creation_date_time.and_then(time)),
                backup_expiry_date_time: backup.backup_expiry_date_time.and_then(time),
                backup_status: cx.word(
                    OP,
                    "BackupStatus",
                    backup.backup_status.as_ref().map(|s| s.as_str()),
                    types::BackupStatus::values(),
                ),
                backup_type: cx.need(OP, "BackupType", backup.backup_type.map(|t| t.as_str().to_owned())),
            };
            // Backups made with DynamoDB itself cannot be tagged; they belong where their table does.
            out.resources.push(cx.new_resource(arn, id, name, Fetched::Absent, properties, from));
        }
    }
}
