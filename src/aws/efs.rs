//! Amazon EFS: file systems, where they are mounted, and how they are backed up and replicated.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, PolicyDocument, Scope, Service, op};
use crate::estate::{Cardinality, Fetched, Link, Required, Within};

/// A network file system.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FileSystem {
    /// Identifier that AWS chose.
    pub file_system_id: Required<String>,
    /// State: `available`, `creating`, `updating`, `deleting`, `error`.
    pub life_cycle_state: Required<String>,
    /// Whether the contents are encrypted.
    pub encrypted: Required<bool>,
    /// ARN of the KMS key that encrypts the contents.
    pub kms_key_id: Option<String>,
    /// The only Availability Zone of a One Zone file system; absent when the contents are kept in several zones.
    pub availability_zone_name: Fetched<String>,
    /// Whether a replication may overwrite it: `ENABLED` protects it, `DISABLED` does not, `REPLICATING` means that it is a replica.
    pub replication_overwrite_protection: Option<String>,
    /// Automatic daily backups by AWS Backup: `ENABLED`, `ENABLING`, `DISABLED`, `DISABLING`; absent where they were never set up.
    pub backup_policy_status: Fetched<String>,
    /// The mount targets, one per Availability Zone at most.
    pub mount_targets: Required<Vec<MountTarget>>,
    /// VPCs of the mount targets, each once.
    pub vpc_ids: Required<Vec<String>>,
    /// The file systems it is replicated to; absent when it is not replicated.
    pub replication_destinations: Fetched<Vec<Destination>>,
    /// The policy on who may mount it and how; absent where there is none, then any client that reaches a mount target may.
    pub policy: Fetched<PolicyDocument>,
    /// When it was created.
    pub creation_time: Required<Timestamp>,
}

/// An address in a subnet at which a file system can be mounted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MountTarget {
    /// Identifier that AWS chose.
    pub mount_target_id: Required<String>,
    /// Subnet.
    pub subnet_id: Required<String>,
    /// VPC of the subnet.
    pub vpc_id: Required<String>,
    /// Availability Zone of the subnet.
    pub availability_zone_name: Option<String>,
    /// Id of the Availability Zone, the same in every account: `euc1-az2`.
    pub availability_zone_id: Option<String>,
}

/// A file system that another one is replicated to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Destination {
    /// Region of the replica.
    pub region: Required<String>,
    /// Identifier of the replica.
    pub file_system_id: Required<String>,
    /// Account of the replica; absent where it is the account's own.
    pub owner_id: Option<String>,
    /// Status of the replication: only `ENABLED` replicates; `ENABLING`, `PAUSED`, `ERROR`.
    pub status: Required<String>,
    /// Everything written before this moment is in the replica; absent until the first copy is complete.
    pub last_replicated_timestamp: Option<Timestamp>,
}

resource_types! {
    "efs":
    FileSystem = "AWS::EFS::FileSystem",
}

const OPERATIONS: &[Operation] = &[
    op("DescribeFileSystems", "elasticfilesystem:DescribeFileSystems"),
    op("DescribeBackupPolicy", "elasticfilesystem:DescribeBackupPolicy"),
    op("DescribeMountTargets", "elasticfilesystem:DescribeMountTargets"),
    op("DescribeReplicationConfigurations", "elasticfilesystem:DescribeReplicationConfigurations"),
    op("DescribeFileSystemPolicy", "elasticfilesystem:DescribeFileSystemPolicy"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "encrypted_by",
        ("AWS::EFS::FileSystem", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the contents",
    ),
    Link::keys(
        "vpcs_of",
        ("AWS::EFS::FileSystem", "mount_targets[].vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::Many,
        "The VPCs in which the file system can be mounted",
    ),
];

/// Amazon EFS.
pub(super) static SERVICE: Service = Service {
    name: "efs",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "efs"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "efs")))]
    collect: None,
};

#[cfg(feature = "efs")]
mod live {
    use std::collections::{BTreeSet, HashMap};
    use std::sync::Arc;

    use aws_sdk_efs::Client;
    use aws_sdk_efs::types;

    use super::{Destination, FileSystem, MountTarget};
    use crate::aws::PolicyDocument;
    use crate::aws::cx::{Collected, Cx, Identified, Items, said, tags, time};
    use crate::estate::{Fetched, Gap, Reason, Required, Resource, ResponseId};

    pub(super) async fn collect(cx: Cx) -> Collected {
        const OP: &str = "DescribeFileSystems";
        let efs = Client::new(&cx.sdk());
        let mut out = Collected::default();
        let pages = cx.pages(OP, efs.describe_file_systems().into_paginator().send(), |page| page.next_marker.as_deref()).await;
        let items = pages.items(&cx, OP, |page| page.file_systems);
        let members = ("FileSystemId", "FileSystemArn");
        let (items, listing) =
            cx.identified::<FileSystem, _>(OP, items, members, |fs| Some(&fs.file_system_id), |fs| fs.file_system_arn.as_deref());
        out.listings.push(listing);
        if !items.is_empty() {
            let replications = replications(&cx, &efs).await;
            out.resources = cx.each(items, |found| file_system(&cx, &efs, OP, found, &replications)).await;
        }
        out
    }

    /// The replications of a region, by the id of the file system that is replicated.
    struct Replications {
        found: HashMap<String, (Vec<types::Destination>, Vec<ResponseId>)>,
        gap: Option<Arc<Gap>>,
    }

    async fn replications(cx: &Cx, efs: &Client) -> Replications {
        const OP: &str = "DescribeReplicationConfigurations";
        const ABSENT: &[&str] = &["ReplicationNotFound", "FileSystemNotFound"];
        let pages =
            cx.pages(OP, efs.describe_replication_configurations().into_paginator().send(), |page| page.next_token.as_deref()).await;
        let Items { items, mut gap } = pages.items(cx, OP, |page| page.replications);
        let mut found = HashMap::new();
        for (replication, from) in items {
            match said(replication.source_file_system_id) {
                Some(id) => {
                    found.insert(id, (replication.destinations, from));
                }
                None => gap = gap.or_else(|| Some(cx.gap(OP, Reason::Unparsable, None, Some("SourceFileSystemId is missing")))),
            }
        }
        let gap = gap.filter(|gap| !gap.code.as_deref().is_some_and(|code| ABSENT.contains(&code)));
        Replications { found, gap }
    }

    async fn file_system(
        cx: &Cx,
        efs: &Client,
        op: &'static str,
        found: Identified<types::FileSystemDescription>,
        replications: &Replications,
    ) -> Resource {
        let Identified { id, arn, item: fs, mut from } = found;
        // A One Zone file system is sent with name and id of its zone: the id alone tells that there is one.
        let zone = match (fs.availability_zone_name.and_then(said), fs.availability_zone_id) {
            (None, Some(_)) => Fetched::from(cx.need(op, "AvailabilityZoneName", None)),
            (name, _) => name.into(),
        };
        let mount_targets = mount_targets(cx, efs, &id, &mut from).await;
        let properties = FileSystem {
            file_system_id: Required::Known(id.clone()),
            life_cycle_state: cx.word(op, "LifeCycleState", Some(fs.life_cycle_state.as_str()), types::LifeCycleState::values()),
            encrypted: cx.need(op, "Encrypted", fs.encrypted),
            kms_key_id: fs.kms_key_id,
            availability_zone_name: zone,
            replication_overwrite_protection: fs
                .file_system_protection
                .and_then(|p| p.replication_overwrite_protection)
                .map(|p| p.as_str().to_owned()),
            backup_policy_status: backup_policy_status(cx, efs, &id, &mut from).await,
            vpc_ids: vpc_ids(&mount_targets),
            mount_targets,
            replication_destinations: destinations(cx, &id, replications, &mut from),
            policy: policy(cx, efs, &id, &mut from).await,
            // Without a time the SDK makes up 1970.
            creation_time: cx.need(op, "CreationTime", Some(fs.creation_time).filter(|t| t.secs() != 0).and_then(time)),
        };
        let tags = tags(cx, op, Some(fs.tags), |tag: types::Tag| (Some(tag.key), Some(tag.value))).into();
        let name = fs.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        cx.new_resource(arn, id, name, tags, properties, from)
    }

    async fn backup_policy_status(cx: &Cx, efs: &Client, id: &str, from: &mut Vec<ResponseId>) -> Fetched<String> {
        const OP: &str = "DescribeBackupPolicy";
        let request = efs.describe_backup_policy().file_system_id(id).send();
        let answer = cx.send(OP, request).await.absent_if(&["PolicyNotFound"], from);
        let known = types::Status::values();
        answer.and_then(|a| cx.word(OP, "BackupPolicy.Status", a.backup_policy.as_ref().map(|p| p.status.as_str()), known).into())
    }

    async fn policy(cx: &Cx, efs: &Client, id: &str, from: &mut Vec<ResponseId>) -> Fetched<PolicyDocument> {
        const OP: &str = "DescribeFileSystemPolicy";
        let request = efs.describe_file_system_policy().file_system_id(id).send();
        let answer = cx.send(OP, request).await.absent_if(&["PolicyNotFound"], from);
        answer.and_then(|a| cx.need(OP, "Policy", a.policy).into()).and_then(|text| match PolicyDocument::parse_of_resource(&text) {
            Some(document) => Fetched::Known(document),
            None => Fetched::Unknown(cx.gap(OP, Reason::Unparsable, None, Some("Policy is not a policy document"))),
        })
    }

    async fn mount_targets(cx: &Cx, efs: &Client, id: &str, from: &mut Vec<ResponseId>) -> Required<Vec<MountTarget>> {
        const OP: &str = "DescribeMountTargets";
        let pages =
            cx.pages(OP, efs.describe_mount_targets().file_system_id(id).into_paginator().send(), |page| page.next_marker.as_deref()).await;
        from.extend(pages.pages.iter().flat_map(|(_, responses)| responses).copied());
        let Items { items, gap } = pages.items(cx, OP, |page| page.mount_targets);
        if let Some(gap) = gap {
            return Required::Unknown(gap);
        }
        let targets = items.into_iter().map(|(target, _)| MountTarget {
            mount_target_id: cx.need(OP, "MountTargetId", said(target.mount_target_id)),
            subnet_id: cx.need(OP, "SubnetId", said(target.subnet_id)),
            vpc_id: cx.need(OP, "VpcId", target.vpc_id),
            availability_zone_name: target.availability_zone_name,
            availability_zone_id: target.availability_zone_id,
        });
        Required::Known(targets.collect())
    }

    fn vpc_ids(targets: &Required<Vec<MountTarget>>) -> Required<Vec<String>> {
        let targets = match targets {
            Required::Known(targets) => targets,
            Required::Unknown(gap) => return Required::Unknown(gap.clone()),
        };
        let mut ids = BTreeSet::new();
        for target in targets {
            match &target.vpc_id {
                Required::Known(id) => ids.insert(id.clone()),
                Required::Unknown(gap) => return Required::Unknown(gap.clone()),
            };
        }
        Required::Known(ids.into_iter().collect())
    }

    fn destinations(cx: &Cx, id: &str, replications: &Replications, from: &mut Vec<ResponseId>) -> Fetched<Vec<Destination>> {
        const OP: &str = "DescribeReplicationConfigurations";
        let Some((destinations, responses)) = replications.found.get(id) else {
            return replications.gap.clone().map_or(Fetched::Absent, Fetched::Unknown);
        };
        from.extend(responses);
        let destinations = destinations.iter().map(|destination| Destination {
            region: cx.need(OP, "Destinations.Region", said(&destination.region)),
            file_system_id: cx.need(OP, "Destinations.FileSystemId", said(&destination.file_system_id)),
            owner_id: destination.owner_id.clone(),
            status: cx.word(OP, "Destinations.Status", Some(destination.status.as_str()), types::ReplicationStatus::values()),
            last_replicated_timestamp: destination.last_replicated_timestamp.and_then(time),
        });
        Fetched::Known(destinations.collect())
    }
}
