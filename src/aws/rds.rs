//! Amazon RDS, and what answers through the same API: Aurora, DocumentDB and Neptune, told apart by
//! `engine_family`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, Scope, Service, op};
use crate::estate::{Cardinality, Fetched, Link, Required, Within};

/// A database instance of RDS, Aurora, DocumentDB or Neptune.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBInstance {
    /// Identifier the owner chose; unique per account and region, and reused.
    pub db_instance_identifier: Required<String>,
    /// Identifier that AWS chose; never reused. Snapshots are joined by it.
    pub dbi_resource_id: Required<String>,
    /// Engine: `postgres`, `aurora-mysql`, `docdb`, `neptune`.
    pub engine: Required<String>,
    /// What the engine belongs to: `rds`, `aurora`, `docdb` or `neptune`.
    pub engine_family: Required<String>,
    /// Version of the engine.
    pub engine_version: Option<String>,
    /// Class: `db.r6g.large`.
    pub db_instance_class: Option<String>,
    /// Status: `available`, `creating`, `stopped`.
    pub db_instance_status: Required<String>,
    /// Whether the storage is encrypted.
    pub storage_encrypted: Required<bool>,
    /// Kind of encryption: `sse-kms` (a key of the account, or AWS's for the account) or `sse-rds` (a key that AWS owns, while
    /// `storage_encrypted` is false); absent without encryption and where the service does not tell.
    pub storage_encryption_type: Fetched<String>,
    /// ARN of the KMS key that encrypts the storage.
    pub kms_key_id: Option<String>,
    /// Whether a standby is kept in another Availability Zone; always false on members of a cluster.
    pub multi_az: Required<bool>,
    /// Availability Zone of the instance.
    pub availability_zone: Option<String>,
    /// Availability Zone of the standby.
    pub secondary_availability_zone: Option<String>,
    /// Days that automated backups are kept; 0 means that none are made.
    pub backup_retention_period: Required<i64>,
    /// Latest moment the instance can be restored to; absent without automated backups.
    pub latest_restorable_time: Option<Timestamp>,
    /// Whether the instance has a public address.
    pub publicly_accessible: Required<bool>,
    /// Cluster the instance is a member of.
    pub db_cluster_identifier: Option<String>,
    /// Source of this read replica: an identifier in the same region, else an ARN.
    pub read_replica_source_db_instance_identifier: Option<String>,
    /// ARN of the source of this read replica.
    pub read_replica_source_arn: Option<String>,
    /// Source of this read replica where that is a Multi-AZ cluster: an identifier in the same region, else an ARN.
    pub read_replica_source_db_cluster_identifier: Option<String>,
    /// Read replicas made of this instance: identifiers in the same region, else ARNs.
    pub read_replica_db_instance_identifiers: Required<Vec<String>>,
    /// Clusters of Aurora that replicate this instance within the region: identifiers.
    pub read_replica_db_cluster_identifiers: Required<Vec<String>>,
    /// ARNs of automated backups replicated to other regions.
    pub db_instance_automated_backups_replications: Required<Vec<String>>,
    /// VPC of the subnet group.
    pub vpc_id: Option<String>,
    /// Name of the subnet group.
    pub db_subnet_group_name: Option<String>,
    /// Subnets of the subnet group.
    pub subnet_ids: Required<Vec<String>>,
    /// Security groups.
    pub vpc_security_group_ids: Required<Vec<String>>,
    /// Parameter groups.
    pub db_parameter_group_names: Required<Vec<String>>,
    /// ARN of the secret that holds the master password, when AWS manages it.
    pub master_user_secret_arn: Option<String>,
    /// Whether minor versions are installed by themselves.
    pub auto_minor_version_upgrade: Option<bool>,
    /// Whether the instance is protected against deletion.
    pub deletion_protection: Option<bool>,
    /// Whether tags are copied to snapshots.
    pub copy_tags_to_snapshot: Option<bool>,
    /// When it was created; absent while it is being created.
    pub instance_create_time: Option<Timestamp>,
}

/// A database cluster: Aurora, Multi-AZ RDS, DocumentDB or Neptune.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBCluster {
    /// Identifier the owner chose; unique per account and region, and reused.
    pub db_cluster_identifier: Required<String>,
    /// Identifier that AWS chose; never reused. Snapshots are joined by it.
    pub db_cluster_resource_id: Required<String>,
    /// Engine: `aurora-postgresql`, `docdb`, `neptune`, `mysql`.
    pub engine: Required<String>,
    /// What the engine belongs to: `rds`, `aurora`, `docdb` or `neptune`.
    pub engine_family: Required<String>,
    /// Version of the engine.
    pub engine_version: Option<String>,
    /// Mode: `provisioned`, `serverless`, `global`.
    pub engine_mode: Option<String>,
    /// How it scales: `standard`, or `limitless`, whose shard groups are not read; absent where the engine has no choice.
    pub cluster_scalability_type: Option<String>,
    /// Status: `available`, `creating`, `stopped`.
    pub status: Required<String>,
    /// Whether the storage is encrypted.
    pub storage_encrypted: Required<bool>,
    /// Kind of encryption: `sse-kms` (a key of the account, or AWS's for the account) or `sse-rds` (a key that AWS owns, while
    /// `storage_encrypted` is false); absent without encryption and where the service does not tell.
    pub storage_encryption_type: Fetched<String>,
    /// ARN of the KMS key that encrypts the storage.
    pub kms_key_id: Option<String>,
    /// Whether AWS calls it Multi-AZ; true only with instances in several zones.
    pub multi_az: Option<bool>,
    /// Zones of the storage: always three, so no proof of anything.
    pub availability_zones: Vec<String>,
    /// Whether it has public addresses; absent on clusters whose members decide that, as those of Aurora do.
    pub publicly_accessible: Option<bool>,
    /// Whether it is reached over the internet through a gateway of AWS; absent where the engine does not offer that.
    pub internet_access_gateway_enabled: Option<bool>,
    /// Identifiers of the member instances; unknown on Aurora Limitless, whose shard groups are not read.
    pub db_cluster_members: Required<Vec<String>>,
    /// Days that automated backups are kept.
    pub backup_retention_period: Required<i64>,
    /// Latest moment the cluster can be restored to.
    pub latest_restorable_time: Option<Timestamp>,
    /// Name of the subnet group.
    pub db_subnet_group: Option<String>,
    /// Security groups.
    pub vpc_security_group_ids: Required<Vec<String>>,
    /// Parameter group.
    pub db_cluster_parameter_group: Option<String>,
    /// ARN of the cluster this one replicates.
    pub replication_source_identifier: Option<String>,
    /// ARNs of the clusters that replicate this one.
    pub read_replica_identifiers: Required<Vec<String>>,
    /// Identifier of the global cluster this one belongs to.
    pub global_cluster_identifier: Option<String>,
    /// Regions of the members of the global cluster, which are not read; absent where it belongs to none.
    pub global_cluster_regions: Fetched<Vec<String>>,
    /// Whether the cluster is a clone of one in another account.
    pub cross_account_clone: Option<bool>,
    /// Whether the cluster is protected against deletion.
    pub deletion_protection: Option<bool>,
    /// ARN of the secret that holds the master password, when AWS manages it.
    pub master_user_secret_arn: Option<String>,
    /// When it was created.
    pub cluster_create_time: Option<Timestamp>,
}

/// A snapshot of a database instance.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBSnapshot {
    /// Identifier of the snapshot.
    pub db_snapshot_identifier: Required<String>,
    /// Instance it was taken of, by the name it had.
    pub db_instance_identifier: Option<String>,
    /// Instance it was taken of, by AWS's own id.
    pub dbi_resource_id: Required<String>,
    /// Engine.
    pub engine: Option<String>,
    /// How it came to be: `automated`, `manual`, `awsbackup`, `shared`, `public`.
    pub snapshot_type: Required<String>,
    /// When it was taken; absent while it is being created.
    pub snapshot_create_time: Option<Timestamp>,
    /// When the first of a chain of copies was taken.
    pub original_snapshot_create_time: Option<Timestamp>,
    /// Status: only `available` can be restored.
    pub status: Required<String>,
    /// Whether it is encrypted.
    pub encrypted: Required<bool>,
    /// Kind of encryption: `sse-kms` (a key of the account, or AWS's for the account) or `sse-rds` (a key that AWS owns, while
    /// `encrypted` is false); absent without encryption and where the service does not tell.
    pub storage_encryption_type: Fetched<String>,
    /// ARN of the KMS key.
    pub kms_key_id: Option<String>,
    /// Region it was copied from.
    pub source_region: Option<String>,
    /// ARN of the snapshot it was copied from.
    pub source_db_snapshot_identifier: Option<String>,
    /// VPC of the instance.
    pub vpc_id: Option<String>,
    /// Accounts that may restore it, `all` for everyone; absent for automated snapshots, which cannot be shared.
    pub restore_accounts: Fetched<Vec<String>>,
}

/// A snapshot of a database cluster.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBClusterSnapshot {
    /// Identifier of the snapshot.
    pub db_cluster_snapshot_identifier: Required<String>,
    /// Cluster it was taken of, by the name it had.
    pub db_cluster_identifier: Option<String>,
    /// Cluster it was taken of, by AWS's own id.
    pub db_cluster_resource_id: Required<String>,
    /// Engine.
    pub engine: Option<String>,
    /// How it came to be: `automated`, `manual`, `awsbackup`, `shared`, `public`.
    pub snapshot_type: Required<String>,
    /// When it was taken.
    pub snapshot_create_time: Option<Timestamp>,
    /// Status: only `available` can be restored.
    pub status: Required<String>,
    /// Whether it is encrypted.
    pub storage_encrypted: Required<bool>,
    /// Kind of encryption: `sse-kms` (a key of the account, or AWS's for the account) or `sse-rds` (a key that AWS owns, while
    /// `storage_encrypted` is false); absent without encryption and where the service does not tell.
    pub storage_encryption_type: Fetched<String>,
    /// ARN of the KMS key.
    pub kms_key_id: Option<String>,
    /// ARN of the snapshot it was copied from.
    pub source_db_cluster_snapshot_arn: Option<String>,
    /// VPC of the cluster.
    pub vpc_id: Option<String>,
    /// Accounts that may restore it, `all` for everyone; absent for automated snapshots, which cannot be shared.
    pub restore_accounts: Fetched<Vec<String>>,
}

/// A subnet group for databases.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBSubnetGroup {
    /// Name.
    pub db_subnet_group_name: Required<String>,
    /// VPC.
    pub vpc_id: Required<String>,
    /// Subnets.
    pub subnet_ids: Required<Vec<String>>,
    /// Availability Zones of the subnets.
    pub availability_zones: Required<Vec<String>>,
}

/// A parameter group for instances.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBParameterGroup {
    /// Name.
    pub db_parameter_group_name: Required<String>,
    /// Family: `postgres16`.
    pub db_parameter_group_family: Required<String>,
}

/// A parameter group for clusters.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBClusterParameterGroup {
    /// Name.
    pub db_cluster_parameter_group_name: Required<String>,
    /// Family: `aurora-postgresql16`.
    pub db_parameter_group_family: Required<String>,
}

/// The automated backups of an instance, here or replicated here from another region.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DBInstanceAutomatedBackup {
    /// Instance, by AWS's own id.
    pub dbi_resource_id: Required<String>,
    /// Instance, by the name it has or had.
    pub db_instance_identifier: Option<String>,
    /// Status: `active`, `retained` (the instance is gone), `creating`, `replicating`.
    pub status: Required<String>,
    /// Region of the instance.
    pub source_region: Required<String>,
    /// Whether it is encrypted.
    pub encrypted: Required<bool>,
    /// Kind of encryption: `sse-kms` (a key of the account, or AWS's for the account) or `sse-rds` (a key that AWS owns, while
    /// `encrypted` is false); absent without encryption and where the service does not tell.
    pub storage_encryption_type: Fetched<String>,
    /// ARN of the KMS key.
    pub kms_key_id: Option<String>,
    /// Latest moment that can be restored.
    pub restore_window_latest_time: Option<Timestamp>,
    /// Days that backups are kept.
    pub backup_retention_period: Option<i64>,
}

resource_types! {
    "rds":
    DBInstance = "AWS::RDS::DBInstance",
    DBCluster = "AWS::RDS::DBCluster",
    DBSnapshot = "AWS::RDS::DBSnapshot",
    DBClusterSnapshot = "AWS::RDS::DBClusterSnapshot",
    DBSubnetGroup = "AWS::RDS::DBSubnetGroup",
    DBParameterGroup = "AWS::RDS::DBParameterGroup",
    DBClusterParameterGroup = "AWS::RDS::DBClusterParameterGroup",
    DBInstanceAutomatedBackup = "AWS::RDS::DBInstanceAutomatedBackup",
}

const OPERATIONS: &[Operation] = &[
    op("DescribeDBInstances", "rds:DescribeDBInstances"),
    op("DescribeDBClusters", "rds:DescribeDBClusters"),
    op("DescribeDBSnapshots", "rds:DescribeDBSnapshots"),
    op("DescribeDBSnapshotAttributes", "rds:DescribeDBSnapshotAttributes"),
    op("DescribeDBClusterSnapshots", "rds:DescribeDBClusterSnapshots"),
    op("DescribeDBClusterSnapshotAttributes", "rds:DescribeDBClusterSnapshotAttributes"),
    op("DescribeDBSubnetGroups", "rds:DescribeDBSubnetGroups"),
    op("DescribeDBParameterGroups", "rds:DescribeDBParameterGroups"),
    op("DescribeDBClusterParameterGroups", "rds:DescribeDBClusterParameterGroups"),
    op("DescribeDBInstanceAutomatedBackups", "rds:DescribeDBInstanceAutomatedBackups"),
    op("ListTagsForResource", "rds:ListTagsForResource"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "snapshots_of",
        ("AWS::RDS::DBInstance", "dbi_resource_id"),
        &[("AWS::RDS::DBSnapshot", "dbi_resource_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Snapshots taken of the instance, joined by AWS's own id",
    ),
    Link::keys(
        "snapshots_of",
        ("AWS::RDS::DBCluster", "db_cluster_resource_id"),
        &[("AWS::RDS::DBClusterSnapshot", "db_cluster_resource_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Snapshots taken of the cluster, joined by AWS's own id",
    ),
    Link::keys(
        "members_of",
        ("AWS::RDS::DBCluster", "db_cluster_members"),
        &[("AWS::RDS::DBInstance", "db_instance_identifier")],
        Within::Region,
        Cardinality::Many,
        "Instances that are members of the cluster",
    ),
    Link::keys(
        "instance_of",
        ("AWS::RDS::DBSnapshot", "dbi_resource_id"),
        &[("AWS::RDS::DBInstance", "dbi_resource_id")],
        Within::Region,
        Cardinality::One,
        "The instance the snapshot was taken of, if it still exists",
    ),
    Link::keys(
        "cluster_of",
        ("AWS::RDS::DBClusterSnapshot", "db_cluster_resource_id"),
        &[("AWS::RDS::DBCluster", "db_cluster_resource_id")],
        Within::Region,
        Cardinality::One,
        "The cluster the snapshot was taken of, if it still exists",
    ),
    Link::keys(
        "cluster_of",
        ("AWS::RDS::DBInstance", "db_cluster_identifier"),
        &[("AWS::RDS::DBCluster", "db_cluster_identifier")],
        Within::Region,
        Cardinality::One,
        "The cluster the instance is a member of",
    ),
    Link::keys(
        "replica_source_of",
        ("AWS::RDS::DBInstance", "read_replica_source_arn"),
        &[("AWS::RDS::DBInstance", "arn"), ("AWS::RDS::DBCluster", "arn")],
        Within::Run,
        Cardinality::One,
        "The instance, or Multi-AZ cluster, that this read replica copies",
    ),
    Link::keys(
        "subnet_group_of",
        ("AWS::RDS::DBCluster", "db_subnet_group"),
        &[("AWS::RDS::DBSubnetGroup", "db_subnet_group_name")],
        Within::Region,
        Cardinality::One,
        "The subnet group of the cluster",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::RDS::DBInstance", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the storage",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::RDS::DBCluster", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the storage",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::RDS::DBSnapshot", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the snapshot",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::RDS::DBClusterSnapshot", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the snapshot",
    ),
];

/// Amazon RDS.
pub(super) static SERVICE: Service = Service {
    name: "rds",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "rds"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "rds")))]
    collect: None,
};

#[cfg(feature = "rds")]
mod live {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use aws_sdk_rds::Client;
    use aws_sdk_rds::types;

    use super::{
        DBCluster, DBClusterParameterGroup, DBClusterSnapshot, DBInstance, DBInstanceAutomatedBackup, DBParameterGroup, DBSnapshot,
        DBSubnetGroup,
    };
    use crate::aws::cx::{Collected, Cx, Identified, tags, time};
    use crate::estate::{Fetched, Reason, Required, Resource, ResponseId};

    pub(super) async fn collect(cx: Cx) -> Collected {
        let rds = Client::new(&cx.sdk());
        let mut out = Collected::default();
        instances(&cx, &rds, &mut out).await;
        clusters(&cx, &rds, &mut out).await;
        snapshots(&cx, &rds, &mut out).await;
        cluster_snapshots(&cx, &rds, &mut out).await;
        groups(&cx, &rds, &mut out).await;
        automated_backups(&cx, &rds, &mut out).await;
        out
    }

    /// What an engine belongs to; an engine that this version does not know belongs to nobody knows what.
    fn family(cx: &Cx, op: &'static str, engine: &str) -> Required<String> {
        const RDS: &[&str] = &["custom-", "db2-", "mariadb", "mysql", "oracle-", "postgres", "sqlserver-"];
        let family = match engine {
            "docdb" | "neptune" => engine,
            aurora if aurora.starts_with("aurora") => "aurora",
            rds if RDS.iter().any(|start| rds.starts_with(start)) => "rds",
            new => {
                let what = format!("Engine is `{new}`, which this version does not know");
                return Required::Unknown(cx.gap(op, Reason::Unparsable, None, Some(&what)));
            }
        };
        Required::Known(family.to_owned())
    }

    fn tag(tag: types::Tag) -> (Option<String>, Option<String>) {
        (tag.key, tag.value)
    }

    /// The kind of encryption. `none` is absent, as the services are that do not send it; a word that is new is unknown.
    fn encryption_type(cx: &Cx, op: &'static str, kind: Option<types::StorageEncryptionType>) -> Fetched<String> {
        match kind {
            None => Fetched::Absent,
            Some(kind) => match kind.as_str() {
                "none" => Fetched::Absent,
                known @ ("sse-kms" | "sse-rds") => Fetched::Known(known.to_owned()),
                new => {
                    let what = format!("StorageEncryptionType is `{new}`, which this version does not know");
                    Fetched::Unknown(cx.gap(op, Reason::Unparsable, None, Some(&what)))
                }
            },
        }
    }

    /// Whether a cluster has, or may have, shard groups: a word that is new does not rule them out.
    fn limitless(kind: Option<&types::ClusterScalabilityType>, database: Option<&types::LimitlessDatabase>) -> bool {
        use types::LimitlessDatabaseStatus::{Disabled, NotInUse};
        let off = |database: &types::LimitlessDatabase| matches!(database.status, Some(Disabled | NotInUse));
        kind.is_some_and(|kind| *kind != types::ClusterScalabilityType::Standard) || database.is_some_and(|database| !off(database))
    }

    async fn instances(cx: &Cx, rds: &Client, out: &mut Collected) {
        const OP: &str = "DescribeDBInstances";
        let pages = cx.pages(OP, rds.describe_db_instances().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, OP, |page| page.db_instances);
        let members = ("DBInstanceIdentifier", "DBInstanceArn");
        let (items, listing) =
            cx.identified::<DBInstance, _>(OP, items, members, |i| i.db_instance_identifier.as_deref(), |i| i.db_instance_arn.as_deref());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|found| instance(cx, OP, found)));
    }

    fn instance(cx: &Cx, op: &'static str, found: Identified<types::DbInstance>) -> Resource {
        let Identified { id, arn, item: db, from } = found;
        let engine = cx.need(op, "Engine", db.engine);
        let (vpc, subnet_group, subnets) = match db.db_subnet_group {
            Some(group) => (group.vpc_id, group.db_subnet_group_name, group.subnets),
            // Before RDS had VPCs there was none.
            None => (None, None, Some(Vec::new())),
        };
        let properties = DBInstance {
            db_instance_identifier: Required::Known(id.clone()),
            dbi_resource_id: cx.need(op, "DbiResourceId", db.dbi_resource_id),
            engine_family: engine.clone().and_then(|e| family(cx, op, &e)),
            engine,
            engine_version: db.engine_version,
            db_instance_class: db.db_instance_class,
            db_instance_status: cx.need(op, "DBInstanceStatus", db.db_instance_status),
            storage_encrypted: cx.need(op, "StorageEncrypted", db.storage_encrypted),
            storage_encryption_type: encryption_type(cx, op, db.storage_encryption_type),
            kms_key_id: db.kms_key_id,
            multi_az: cx.need(op, "MultiAZ", db.multi_az),
            availability_zone: db.availability_zone,
            secondary_availability_zone: db.secondary_availability_zone,
            backup_retention_period: cx.need(op, "BackupRetentionPeriod", db.backup_retention_period.map(i64::from)),
            latest_restorable_time: db.latest_restorable_time.and_then(time),
            publicly_accessible: cx.need(op, "PubliclyAccessible", db.publicly_accessible),
            db_cluster_identifier: db.db_cluster_identifier,
            read_replica_source_arn: {
                let instance = db.read_replica_source_db_instance_identifier.as_ref().map(|source| ("db", source));
                let cluster = || db.read_replica_source_db_cluster_identifier.as_ref().map(|source| ("cluster", source));
                instance.or_else(cluster).map(|(kind, source)| {
                    // A source in the same region is named by its identifier, which other accounts use as well.
                    if source.starts_with("arn:") { source.clone() } else { cx.arn("rds", &format!("{kind}:{source}")) }
                })
            },
            read_replica_source_db_instance_identifier: db.read_replica_source_db_instance_identifier,
            read_replica_source_db_cluster_identifier: db.read_replica_source_db_cluster_identifier,
            read_replica_db_instance_identifiers: cx.need(op, "ReadReplicaDBInstanceIdentifiers", db.read_replica_db_instance_identifiers),
            // These two are left out where there are none.
            read_replica_db_cluster_identifiers: cx.need(
                op,
                "ReadReplicaDBClusterIdentifiers",
                Some(db.read_replica_db_cluster_identifiers.unwrap_or_default()),
            ),
            db_instance_automated_backups_replications: cx.each_of(
                op,
                "DBInstanceAutomatedBackupsReplications",
                Some(db.db_instance_automated_backups_replications.unwrap_or_default()),
                |r| r.db_instance_automated_backups_arn,
            ),
            vpc_id: vpc,
            db_subnet_group_name: subnet_group,
            subnet_ids: cx.each_of(op, "DBSubnetGroup.Subnets", subnets, |s| s.subnet_identifier),
            vpc_security_group_ids: cx.each_of(op, "VpcSecurityGroups", db.vpc_security_groups, |g| g.vpc_security_group_id),
            db_parameter_group_names: cx.each_of(op, "DBParameterGroups", db.db_parameter_groups, |g| g.db_parameter_group_name),
            master_user_secret_arn: db.master_user_secret.and_then(|s| s.secret_arn),
            auto_minor_version_upgrade: db.auto_minor_version_upgrade,
            deletion_protection: db.deletion_protection,
            copy_tags_to_snapshot: db.copy_tags_to_snapshot,
            instance_create_time: db.instance_create_time.and_then(time),
        };
        let tags = tags(cx, op, db.tag_list, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    async fn clusters(cx: &Cx, rds: &Client, out: &mut Collected) {
        const OP: &str = "DescribeDBClusters";
        let pages = cx.pages(OP, rds.describe_db_clusters().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, OP, |page| page.db_clusters);
        let members = ("DBClusterIdentifier", "DBClusterArn");
        let (items, listing) =
            cx.identified::<DBCluster, _>(OP, items, members, |i| i.db_cluster_identifier.as_deref(), |i| i.db_cluster_arn.as_deref());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|found| cluster(cx, OP, found)));
    }

    fn cluster(cx: &Cx, op: &'static str, found: Identified<types::DbCluster>) -> Resource {
        let Identified { id, arn, item: db, from } = found;
        let engine = cx.need(op, "Engine", db.engine);
        let members = match limitless(db.cluster_scalability_type.as_ref(), db.limitless_database.as_ref()) {
            // What runs then is in shard groups, each with its own redundancy: the members alone prove nothing.
            true => Required::Unknown(cx.gap(op, Reason::NotCollected, None, Some("shard groups of Aurora Limitless"))),
            false => cx.each_of(op, "DBClusterMembers", db.db_cluster_members, |m| m.db_instance_identifier),
        };
        let properties = DBCluster {
            db_cluster_identifier: Required::Known(id.clone()),
            db_cluster_resource_id: cx.need(op, "DbClusterResourceId", db.db_cluster_resource_id),
            engine_family: engine.clone().and_then(|e| family(cx, op, &e)),
            engine,
            engine_version: db.engine_version,
            engine_mode: db.engine_mode,
            cluster_scalability_type: db.cluster_scalability_type.map(|t| t.as_str().to_owned()),
            status: cx.need(op, "Status", db.status),
            storage_encrypted: cx.need(op, "StorageEncrypted", db.storage_encrypted),
            storage_encryption_type: encryption_type(cx, op, db.storage_encryption_type),
            kms_key_id: db.kms_key_id,
            multi_az: db.multi_az,
            availability_zones: db.availability_zones.unwrap_or_default(),
            publicly_accessible: db.publicly_accessible,
            internet_access_gateway_enabled: db.internet_access_gateway_enabled,
            db_cluster_members: members,
            backup_retention_period: cx.need(op, "BackupRetentionPeriod", db.backup_retention_period.map(i64::from)),
            latest_restorable_time: db.latest_restorable_time.and_then(time),
            db_subnet_group: db.db_subnet_group,
            vpc_security_group_ids: cx.each_of(op, "VpcSecurityGroups", db.vpc_security_groups, |g| g.vpc_security_group_id),
            db_cluster_parameter_group: db.db_cluster_parameter_group,
            replication_source_identifier: db.replication_source_identifier,
            read_replica_identifiers: cx.need(op, "ReadReplicaIdentifiers", db.read_replica_identifiers),
            global_cluster_regions: match &db.global_cluster_identifier {
                None => Fetched::Absent,
                Some(global) => {
                    Fetched::Unknown(cx.gap(op, Reason::NotCollected, None, Some(&format!("the members of global cluster {global}"))))
                }
            },
            global_cluster_identifier: db.global_cluster_identifier,
            cross_account_clone: db.cross_account_clone,
            deletion_protection: db.deletion_protection,
            master_user_secret_arn: db.master_user_secret.and_then(|s| s.secret_arn),
            cluster_create_time: db.cluster_create_time.and_then(time),
        };
        let tags = tags(cx, op, db.tag_list, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    async fn snapshots(cx: &Cx, rds: &Client, out: &mut Collected) {
        const OP: &str = "DescribeDBSnapshots";
        let pages = cx.pages(OP, rds.describe_db_snapshots().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, OP, |page| page.db_snapshots);
        let members = ("DBSnapshotIdentifier", "DBSnapshotArn");
        let (items, listing) =
            cx.identified::<DBSnapshot, _>(OP, items, members, |i| i.db_snapshot_identifier.as_deref(), |i| i.db_snapshot_arn.as_deref());
        out.listings.push(listing);
        out.resources.extend(cx.each(items, |found| db_snapshot(cx, rds, OP, found)).await);
    }

    /// Whether a snapshot may be shared: only those made by hand or by a tool. A kind that is new may be.
    fn may_be_shared(kind: &str) -> bool {
        !matches!(kind, "automated" | "awsbackup")
    }

    /// The accounts in the attribute `restore`, which AWS always sends, without values where there are none.
    fn restore(cx: &Cx, op: &'static str, list: Vec<(Option<String>, Option<Vec<String>>)>) -> Required<Vec<String>> {
        let mut accounts = Vec::new();
        let mut is_there = false;
        for (name, values) in list {
            match (cx.need(op, "AttributeName", name), values) {
                (Required::Unknown(gap), _) => return Required::Unknown(gap),
                (Required::Known(name), values) if name == "restore" => match cx.need(op, "AttributeValues", values) {
                    Required::Known(values) => {
                        is_there = true;
                        accounts.extend(values);
                    }
                    Required::Unknown(gap) => return Required::Unknown(gap),
                },
                (Required::Known(_), _) => {}
            }
        }
        cx.need(op, "the attribute `restore`", is_there.then_some(accounts))
    }

    async fn db_snapshot(cx: &Cx, rds: &Client, op: &'static str, found: Identified<types::DbSnapshot>) -> Resource {
        const ATTRIBUTES: &str = "DescribeDBSnapshotAttributes";
        let Identified { id, arn, item: db, mut from } = found;
        let snapshot_type = cx.need(op, "SnapshotType", db.snapshot_type);
        // Only manual snapshots can be shared: one call less for each automated one.
        let restore_accounts = match &snapshot_type {
            Required::Unknown(gap) => Fetched::Unknown(Arc::clone(gap)),
            Required::Known(kind) if !may_be_shared(kind) => Fetched::Absent,
            Required::Known(_) => {
                let request = rds.describe_db_snapshot_attributes().db_snapshot_identifier(&id).send();
                let answer = cx.send(ATTRIBUTES, request).await.required(&mut from);
                let attributes = answer.and_then(|a| {
                    let list = a.db_snapshot_attributes_result.and_then(|r| r.db_snapshot_attributes);
                    cx.need(ATTRIBUTES, "DBSnapshotAttributes", list)
                });
                let pairs = attributes.map(|list| list.into_iter().map(|a| (a.attribute_name, a.attribute_values)).collect());
                Fetched::from(pairs.and_then(|list| restore(cx, ATTRIBUTES, list)))
            }
        };
        let properties = DBSnapshot {
            db_snapshot_identifier: Required::Known(id.clone()),
            db_instance_identifier: db.db_instance_identifier,
            dbi_resource_id: cx.need(op, "DbiResourceId", db.dbi_resource_id),
            engine: db.engine,
            snapshot_type,
            snapshot_create_time: db.snapshot_create_time.and_then(time),
            original_snapshot_create_time: db.original_snapshot_create_time.and_then(time),
            status: cx.need(op, "Status", db.status),
            encrypted: cx.need(op, "Encrypted", db.encrypted),
            storage_encryption_type: encryption_type(cx, op, db.storage_encryption_type),
            kms_key_id: db.kms_key_id,
            source_region: db.source_region,
            source_db_snapshot_identifier: db.source_db_snapshot_identifier,
            vpc_id: db.vpc_id,
            restore_accounts,
        };
        let tags = tags(cx, op, db.tag_list, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    async fn cluster_snapshots(cx: &Cx, rds: &Client, out: &mut Collected) {
        const OP: &str = "DescribeDBClusterSnapshots";
        let pages = cx.pages(OP, rds.describe_db_cluster_snapshots().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, OP, |page| page.db_cluster_snapshots);
        let members = ("DBClusterSnapshotIdentifier", "DBClusterSnapshotArn");
        let (items, listing) = cx.identified::<DBClusterSnapshot, _>(
            OP,
            items,
            members,
            |i| i.db_cluster_snapshot_identifier.as_deref(),
            |i| i.db_cluster_snapshot_arn.as_deref(),
        );
        out.listings.push(listing);
        out.resources.extend(cx.each(items, |found| cluster_snapshot(cx, rds, OP, found)).await);
    }

    async fn cluster_snapshot(cx: &Cx, rds: &Client, op: &'static str, found: Identified<types::DbClusterSnapshot>) -> Resource {
        const ATTRIBUTES: &str = "DescribeDBClusterSnapshotAttributes";
        let Identified { id, arn, item: db, mut from } = found;
        let snapshot_type = cx.need(op, "SnapshotType", db.snapshot_type);
        let restore_accounts = match &snapshot_type {
            Required::Unknown(gap) => Fetched::Unknown(Arc::clone(gap)),
            Required::Known(kind) if !may_be_shared(kind) => Fetched::Absent,
            Required::Known(_) => {
                let request = rds.describe_db_cluster_snapshot_attributes().db_cluster_snapshot_identifier(&id).send();
                let answer = cx.send(ATTRIBUTES, request).await.required(&mut from);
                let attributes = answer.and_then(|a| {
                    let list = a.db_cluster_snapshot_attributes_result.and_then(|r| r.db_cluster_snapshot_attributes);
                    cx.need(ATTRIBUTES, "DBClusterSnapshotAttributes", list)
                });
                let pairs = attributes.map(|list| list.into_iter().map(|a| (a.attribute_name, a.attribute_values)).collect());
                Fetched::from(pairs.and_then(|list| restore(cx, ATTRIBUTES, list)))
            }
        };
        let properties = DBClusterSnapshot {
            db_cluster_snapshot_identifier: Required::Known(id.clone()),
            db_cluster_identifier: db.db_cluster_identifier,
            db_cluster_resource_id: cx.need(op, "DbClusterResourceId", db.db_cluster_resource_id),
            engine: db.engine,
            snapshot_type,
            snapshot_create_time: db.snapshot_create_time.and_then(time),
            status: cx.need(op, "Status", db.status),
            storage_encrypted: cx.need(op, "StorageEncrypted", db.storage_encrypted),
            storage_encryption_type: encryption_type(cx, op, db.storage_encryption_type),
            kms_key_id: db.kms_key_id,
            source_db_cluster_snapshot_arn: db.source_db_cluster_snapshot_arn,
            vpc_id: db.vpc_id,
            restore_accounts,
        };
        let tags = tags(cx, op, db.tag_list, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    async fn groups(cx: &Cx, rds: &Client, out: &mut Collected) {
        const SUBNETS: &str = "DescribeDBSubnetGroups";
        let pages = cx.pages(SUBNETS, rds.describe_db_subnet_groups().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, SUBNETS, |page| page.db_subnet_groups);
        let members = ("DBSubnetGroupName", "DBSubnetGroupArn");
        let (items, listing) = cx.identified::<DBSubnetGroup, _>(
            SUBNETS,
            items,
            members,
            |i| i.db_subnet_group_name.as_deref(),
            |i| i.db_subnet_group_arn.as_deref(),
        );
        out.listings.push(listing);
        for Identified { id: name, arn, item: group, mut from } in items {
            let subnets = cx.need(SUBNETS, "Subnets", group.subnets);
            let zone = |s: types::Subnet| s.subnet_availability_zone.and_then(|z| z.name);
            let (of_ids, of_zones) = (subnets.clone(), subnets);
            let properties = DBSubnetGroup {
                db_subnet_group_name: Required::Known(name.clone()),
                vpc_id: cx.need(SUBNETS, "VpcId", group.vpc_id),
                availability_zones: of_zones.and_then(|list| cx.each_of(SUBNETS, "Subnets.SubnetAvailabilityZone", Some(list), zone)),
                subnet_ids: of_ids.and_then(|list| cx.each_of(SUBNETS, "Subnets.SubnetIdentifier", Some(list), |s| s.subnet_identifier)),
            };
            let tags = group_tags(cx, rds, &name, &arn, &mut from).await;
            out.resources.push(cx.new_resource(arn, name.clone(), name, tags, properties, from));
        }

        const PARAMETERS: &str = "DescribeDBParameterGroups";
        let pages = cx.pages(PARAMETERS, rds.describe_db_parameter_groups().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, PARAMETERS, |page| page.db_parameter_groups);
        let members = ("DBParameterGroupName", "DBParameterGroupArn");
        let (items, listing) = cx.identified::<DBParameterGroup, _>(
            PARAMETERS,
            items,
            members,
            |i| i.db_parameter_group_name.as_deref(),
            |i| i.db_parameter_group_arn.as_deref(),
        );
        out.listings.push(listing);
        for Identified { id: name, arn, item: group, mut from } in items {
            let properties = DBParameterGroup {
                db_parameter_group_name: Required::Known(name.clone()),
                db_parameter_group_family: cx.need(PARAMETERS, "DBParameterGroupFamily", group.db_parameter_group_family),
            };
            let tags = group_tags(cx, rds, &name, &arn, &mut from).await;
            out.resources.push(cx.new_resource(arn, name.clone(), name, tags, properties, from));
        }

        const CLUSTER: &str = "DescribeDBClusterParameterGroups";
        let pages =
            cx.pages(CLUSTER, rds.describe_db_cluster_parameter_groups().into_paginator().send(), |page| page.marker.as_deref()).await;
        let items = pages.items(cx, CLUSTER, |page| page.db_cluster_parameter_groups);
        let members = ("DBClusterParameterGroupName", "DBClusterParameterGroupArn");
        let (items, listing) = cx.identified::<DBClusterParameterGroup, _>(
            CLUSTER,
            items,
            members,
            |i| i.db_cluster_parameter_group_name.as_deref(),
            |i| i.db_cluster_parameter_group_arn.as_deref(),
        );
        out.listings.push(listing);
        for Identified { id: name, arn, item: group, mut from } in items {
            let properties = DBClusterParameterGroup {
                db_cluster_parameter_group_name: Required::Known(name.clone()),
                db_parameter_group_family: cx.need(CLUSTER, "DBParameterGroupFamily", group.db_parameter_group_family),
            };
            let tags = group_tags(cx, rds, &name, &arn, &mut from).await;
            out.resources.push(cx.new_resource(arn, name.clone(), name, tags, properties, from));
        }
    }

    /// The listings of groups do not carry tags. AWS's own groups (`default`, `default.postgres16`)
    /// are not asked.
    async fn group_tags(cx: &Cx, rds: &Client, name: &str, arn: &str, from: &mut Vec<ResponseId>) -> Fetched<BTreeMap<String, String>> {
        const OP: &str = "ListTagsForResource";
        if name == "default" || name.starts_with("default.") || name.starts_with("default:") {
            return Fetched::Absent;
        }
        let answer = cx.send(OP, rds.list_tags_for_resource().resource_name(arn).send()).await.required(from);
        answer.and_then(|a| cx.need(OP, "TagList", a.tag_list)).and_then(|list| tags(cx, OP, Some(list), tag)).into()
    }

    async fn automated_backups(cx: &Cx, rds: &Client, out: &mut Collected) {
        const OP: &str = "DescribeDBInstanceAutomatedBackups";
        let pages = cx.pages(OP, rds.describe_db_instance_automated_backups().into_paginator().send(), |page| page.marker.as_deref()).await;
        // Those that were never replicated may come without an ARN: AWS's id of the instance tells them apart as well.
        let with_arn = |backup: types::DbInstanceAutomatedBackup| {
            let made = backup.dbi_resource_id.as_ref().map(|id| cx.arn("rds", &format!("auto-backup:{id}")));
            (backup.db_instance_automated_backups_arn.clone().or(made), backup)
        };
        let items = pages.items(cx, OP, |page| page.db_instance_automated_backups.map(|list| list.into_iter().map(with_arn).collect()));
        let members = ("DbiResourceId", "DBInstanceAutomatedBackupsArn");
        let (items, listing) = cx.identified::<DBInstanceAutomatedBackup, _>(
            OP,
            items,
            members,
            |(_, backup)| backup.dbi_resource_id.as_deref(),
            |(arn, _)| arn.as_deref(),
        );
        out.listings.push(listing);
        for Identified { id, arn, item: (_, backup), from } in items {
            let name = backup.db_instance_identifier.clone().unwrap_or_else(|| id.clone());
            let properties = DBInstanceAutomatedBackup {
                dbi_resource_id: Required::Known(id.clone()),
                db_instance_identifier: backup.db_instance_identifier,
                status: cx.need(OP, "Status", backup.status),
                source_region: cx.need(OP, "Region", backup.region),
                encrypted: cx.need(OP, "Encrypted", backup.encrypted),
                storage_encryption_type: encryption_type(cx, OP, backup.storage_encryption_type),
                kms_key_id: backup.kms_key_id,
                restore_window_latest_time: backup.restore_window.and_then(|w| w.latest_time).and_then(time),
                backup_retention_period: backup.backup_retention_period.map(i64::from),
            };
            let tags = tags(cx, OP, backup.tag_list, tag).into();
            out.resources.push(cx.new_resource(arn, id, name, tags, properties, from));
        }
    }
}
