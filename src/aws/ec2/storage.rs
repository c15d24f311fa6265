//! EBS: volumes, snapshots, and whether new volumes are encrypted by themselves.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::{Fetched, Required};

/// An EBS volume.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Volume {
    /// Id of the volume.
    pub volume_id: Required<String>,
    /// State: `creating`, `available` (attached to nothing), `in-use`, `deleting`, `error`.
    pub state: Required<String>,
    /// Kind of storage: `gp3`, `io2`, `st1`.
    pub volume_type: Required<String>,
    /// Size in GiB.
    pub size: Required<i64>,
    /// Whether it is encrypted.
    pub encrypted: Required<bool>,
    /// ARN of the KMS key that encrypts it; absent when it is not encrypted.
    pub kms_key_id: Option<String>,
    /// Availability Zone it lies in.
    pub availability_zone: Required<String>,
    /// Snapshot it was made from; absent for a volume that began empty.
    pub snapshot_id: Option<String>,
    /// Volume it was copied from.
    pub source_volume_id: Option<String>,
    /// What it is attached to.
    pub attachments: Required<Vec<VolumeAttachment>>,
    /// Whether several instances may attach it at once.
    pub multi_attach_enabled: Option<bool>,
    /// When it was created.
    pub create_time: Required<Timestamp>,
    /// AWS service that made it and manages it; absent for the customer's own.
    pub operator_principal: Option<String>,
}

/// One attachment of a volume.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VolumeAttachment {
    /// Instance it is attached to; absent when it is attached to something else.
    pub instance_id: Option<String>,
    /// ARN of what it is attached to, where that is not an instance: an ECS task on Fargate.
    pub associated_resource: Option<String>,
    /// Name of the device on the instance: `/dev/sda1`.
    pub device: Option<String>,
    /// State: `attaching`, `attached`, `detaching`, `detached`, `busy`.
    pub state: Required<String>,
    /// Whether the volume is deleted with the instance.
    pub delete_on_termination: Option<bool>,
}

/// A snapshot of an EBS volume that the account owns.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Snapshot {
    /// Id of the snapshot.
    pub snapshot_id: Required<String>,
    /// Volume it was taken of; a copy of a snapshot carries an id that no volume has, `vol-ffffffff`.
    pub volume_id: Required<String>,
    /// Size of the volume in GiB.
    pub volume_size: Required<i64>,
    /// When it was begun: the moment its data are from.
    pub start_time: Required<Timestamp>,
    /// When it was completed; absent until then and on old snapshots.
    pub completion_time: Option<Timestamp>,
    /// State: only `completed` can be restored; `pending`, `error`, `recoverable`, `recovering`.
    pub state: Required<String>,
    /// How far it is: `100%`.
    pub progress: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: Required<bool>,
    /// ARN of the KMS key; absent when it is not encrypted.
    pub kms_key_id: Option<String>,
    /// Same on volumes and snapshots that were made from each other: what came from what.
    pub data_encryption_key_id: Option<String>,
    /// Account that owns it.
    pub owner_id: Required<String>,
    /// Description the owner or the tool gave it.
    pub description: Option<String>,
    /// Tier: `standard`, or `archive`, from where it must be restored first.
    pub storage_tier: Option<String>,
    /// Whether everyone may restore it.
    pub public: Required<bool>,
    /// Accounts that may restore it, `all` for everyone; unknown for snapshots of AWS Backup, which are not asked one by one.
    pub create_volume_permissions: Fetched<Vec<String>>,
}

/// Whether new EBS volumes and copies of snapshots are encrypted by themselves: one per account and region.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EBSEncryptionByDefault {
    /// Whether they are.
    pub ebs_encryption_by_default: Required<bool>,
    /// KMS key used for it: `alias/aws/ebs` or an ARN.
    pub ebs_default_kms_key_id: Fetched<String>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types::{self, SnapshotAttributeName};

    use super::{EBSEncryptionByDefault, Snapshot, Volume, VolumeAttachment};
    use crate::aws::cx::{Collected, Cx, Items, is_account, tags, time};
    use crate::aws::ec2::live::{EVERYONE, PAGE, arn_without_account, each_of, filled, identified, tag, text};
    use crate::estate::{Fetched, Gap, Required, Resource, ResponseId};

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        let mut out = Collected::default();
        volumes(cx, ec2, &mut out).await;
        snapshots(cx, ec2, &mut out).await;
        encryption_by_default(cx, ec2, &mut out).await;
        out
    }

    async fn volumes(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeVolumes";
        // An account can hide what AWS services made in it; hidden volumes hold data all the same.
        let request = ec2.describe_volumes().include_managed_resources(true).into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.volumes);
        let (items, listing) = identified::<Volume, _>(cx, OP, items, "VolumeId", |v| v.volume_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, v, from)| volume(cx, OP, id, v, from)));
    }

    fn volume(cx: &Cx, op: &'static str, id: String, v: types::Volume, from: Vec<ResponseId>) -> Resource {
        let arn = cx.arn("ec2", &format!("volume/{id}"));
        let attachment = |a: types::VolumeAttachment| VolumeAttachment {
            instance_id: filled(a.instance_id),
            associated_resource: a.associated_resource,
            device: a.device,
            state: cx.word(op, "Attachments.State", a.state.as_ref().map(|w| w.as_str()), types::VolumeAttachmentState::values()),
            delete_on_termination: a.delete_on_termination,
        };
        let properties = Volume {
            volume_id: Required::Known(id.clone()),
            state: cx.word(op, "State", v.state.as_ref().map(|w| w.as_str()), types::VolumeState::values()),
            volume_type: cx.need(op, "VolumeType", v.volume_type.map(text)),
            size: cx.need(op, "Size", v.size.map(i64::from)),
            encrypted: cx.need(op, "Encrypted", v.encrypted),
            kms_key_id: v.kms_key_id,
            availability_zone: cx.need(op, "AvailabilityZone", v.availability_zone),
            snapshot_id: filled(v.snapshot_id),
            source_volume_id: filled(v.source_volume_id),
            attachments: cx.need(op, "Attachments", v.attachments.map(|list| list.into_iter().map(attachment).collect())),
            multi_attach_enabled: v.multi_attach_enabled,
            create_time: cx.need(op, "CreateTime", v.create_time.and_then(time)),
            operator_principal: v.operator.and_then(|o| o.principal),
        };
        let tags = tags(cx, op, v.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    const SNAPSHOTS: &str = "DescribeSnapshots";

    async fn snapshots(cx: &Cx, ec2: &Client, out: &mut Collected) {
        let request = ec2.describe_snapshots().owner_ids("self").into_paginator().page_size(PAGE);
        let mut items =
            cx.pages(SNAPSHOTS, request.send(), |page| page.next_token.as_deref()).await.items(cx, SNAPSHOTS, |page| page.snapshots);
        // Emulators of AWS give everybody's snapshots whatever owner is asked for.
        // What does not say whose it is stays.
        items.items.retain(|(s, _)| s.owner_id.as_deref().is_none_or(|owner| owner == cx.account() || !is_account(owner)));
        let (items, listing) = identified::<Snapshot, _>(cx, SNAPSHOTS, items, "SnapshotId", |s| s.snapshot_id.take());
        out.listings.push(listing);
        if items.is_empty() {
            return;
        }
        let public = public(cx, ec2).await;
        out.resources.extend(cx.each(items, |(id, s, from)| snapshot(cx, ec2, &public, id, s, from)).await);
    }

    /// The own snapshots that everyone may restore: one call instead of one per snapshot.
    struct Public {
        ids: BTreeSet<String>,
        gap: Option<Arc<Gap>>,
        responses: Vec<ResponseId>,
    }

    impl Public {
        fn has(&self, id: &str) -> Required<bool> {
            if self.ids.contains(id) {
                return Required::Known(true);
            }
            match &self.gap {
                None => Required::Known(false),
                Some(gap) => Required::Unknown(Arc::clone(gap)),
            }
        }
    }

    async fn public(cx: &Cx, ec2: &Client) -> Public {
        let request = ec2.describe_snapshots().owner_ids("self").restorable_by_user_ids(EVERYONE).into_paginator().page_size(PAGE);
        let pages = cx.pages(SNAPSHOTS, request.send(), |page| page.next_token.as_deref()).await;
        // That a snapshot is not among them is told by all the pages together, empty ones too.
        let responses = pages.pages.iter().flat_map(|(_, responses)| responses.clone()).collect();
        let Items { items, mut gap } = pages.items(cx, SNAPSHOTS, |page| page.snapshots);
        let mut ids = BTreeSet::new();
        for (s, _) in items {
            match cx.need(SNAPSHOTS, "SnapshotId", s.snapshot_id) {
                Required::Known(id) => {
                    ids.insert(id);
                }
                Required::Unknown(missing) => gap = gap.or(Some(missing)),
            }
        }
        Public { ids, gap, responses }
    }

    async fn snapshot(cx: &Cx, ec2: &Client, public: &Public, id: String, s: types::Snapshot, mut from: Vec<ResponseId>) -> Resource {
        // The ARN of a snapshot names no account.
        let arn = arn_without_account(cx, &format!("snapshot/{id}"));
        let tags = tags(cx, SNAPSHOTS, s.tags, tag).into();
        let permissions = permissions(cx, ec2, &id, &mut from).await;
        // The snapshot's own permissions are the nearer fact; the list of public ones is for those not asked.
        let public = match &permissions {
            Required::Known(list) => Required::Known(list.iter().any(|who| who == EVERYONE)),
            Required::Unknown(_) => {
                from.extend(&public.responses);
                public.has(&id)
            }
        };
        let properties = Snapshot {
            snapshot_id: Required::Known(id.clone()),
            volume_id: cx.need(SNAPSHOTS, "VolumeId", s.volume_id),
            volume_size: cx.need(SNAPSHOTS, "VolumeSize", s.volume_size.map(i64::from)),
            start_time: cx.need(SNAPSHOTS, "StartTime", s.start_time.and_then(time)),
            completion_time: s.completion_time.and_then(time),
            state: cx.word(SNAPSHOTS, "State", s.state.as_ref().map(|w| w.as_str()), types::SnapshotState::values()),
            progress: s.progress,
            encrypted: cx.need(SNAPSHOTS, "Encrypted", s.encrypted),
            kms_key_id: s.kms_key_id,
            data_encryption_key_id: s.data_encryption_key_id,
            owner_id: cx.account_id(SNAPSHOTS, "OwnerId", s.owner_id),
            description: s.description,
            storage_tier: s.storage_tier.map(text),
            public,
            create_volume_permissions: permissions.into(),
        };
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    async fn permissions(cx: &Cx, ec2: &Client, id: &str, from: &mut Vec<ResponseId>) -> Required<Vec<String>> {
        const OP: &str = "DescribeSnapshotAttribute";
        let request = ec2.describe_snapshot_attribute().snapshot_id(id).attribute(SnapshotAttributeName::CreateVolumePermission);
        let answer = cx.send(OP, request.send()).await.required(from);
        answer.and_then(|a| {
            each_of(cx, OP, "CreateVolumePermissions", a.create_volume_permissions, |p| p.user_id.or_else(|| p.group.map(text)))
        })
    }

    async fn encryption_by_default(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const ENABLED: &str = "GetEbsEncryptionByDefault";
        const KEY: &str = "GetEbsDefaultKmsKeyId";
        let mut from = Vec::new();
        let enabled = cx.send(ENABLED, ec2.get_ebs_encryption_by_default().send()).await.required(&mut from);
        let key = cx.send(KEY, ec2.get_ebs_default_kms_key_id().send()).await.required(&mut from);
        let properties = EBSEncryptionByDefault {
            ebs_encryption_by_default: enabled.and_then(|a| cx.need(ENABLED, "EbsEncryptionByDefault", a.ebs_encryption_by_default)),
            ebs_default_kms_key_id: key.and_then(|a| cx.need(KEY, "KmsKeyId", a.kms_key_id)).into(),
        };
        // The setting exists in every region, whether or not it could be read.
        out.listings.push(cx.listing::<EBSEncryptionByDefault>(1, None));
        let arn = cx.arn("ec2", "ebs-encryption-by-default");
        out.resources.push(cx.new_resource(arn, cx.region(), cx.region(), Fetched::Absent, properties, from));
    }
}
