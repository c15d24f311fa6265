//! Machine images.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::{Fetched, Required};

/// A machine image (AMI) that the account owns; its AWS name is the resource's name.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Image {
    /// Id of the image.
    pub image_id: Required<String>,
    /// State: `available`, `disabled` (kept, but not launchable), `pending`, `failed`.
    pub state: Required<String>,
    /// Account that owns it.
    pub owner_id: Required<String>,
    /// Description the owner gave it.
    pub description: Option<String>,
    /// When it was made.
    pub creation_date: Required<Timestamp>,
    /// When it becomes or became deprecated; absent when it does not.
    pub deprecation_time: Fetched<Timestamp>,
    /// Whether everyone may launch it.
    pub public: Required<bool>,
    /// Who may launch it: account ids, ARNs of organisations and units, `all` for everyone; absent when disabled, which ends all sharing.
    pub launch_permissions: Fetched<Vec<String>>,
    /// Disks an instance of it gets.
    pub block_device_mappings: Required<Vec<BlockDeviceMapping>>,
    /// Processor: `x86_64`, `arm64`.
    pub architecture: Required<String>,
    /// `windows`; absent for everything else.
    pub platform: Option<String>,
    /// Operating system as it is billed: `Linux/UNIX`, `Windows`.
    pub platform_details: Option<String>,
    /// `v2.0` when instances of it demand a session token for metadata (IMDSv2); absent otherwise.
    pub imds_support: Option<String>,
    /// Instance it was made of.
    pub source_instance_id: Option<String>,
    /// Image it was copied from.
    pub source_image_id: Option<String>,
    /// Region of the image it was copied from.
    pub source_image_region: Option<String>,
}

/// One disk of an image.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BlockDeviceMapping {
    /// Name of the device: `/dev/sda1`.
    pub device_name: Option<String>,
    /// EBS volume to be made; absent for an instance store.
    pub ebs: Option<EbsBlockDevice>,
}

/// The EBS volume that an image asks for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EbsBlockDevice {
    /// Snapshot that holds the data; absent for an empty volume.
    pub snapshot_id: Fetched<String>,
    /// Whether the volume is encrypted.
    pub encrypted: Required<bool>,
    /// ARN of the KMS key.
    pub kms_key_id: Option<String>,
    /// Size in GiB.
    pub volume_size: Option<i64>,
    /// Whether the volume is deleted with the instance.
    pub delete_on_termination: Option<bool>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types::{self, DeviceType, ImageAttributeName, ImageState};
    use jiff::Timestamp;

    use super::{BlockDeviceMapping, EbsBlockDevice, Image};
    use crate::aws::cx::{Collected, Cx, tags};
    use crate::aws::ec2::live::{PAGE, arn_without_account, each_of, filled, identified, tag, text};
    use crate::estate::{Fetched, Required, Resource, ResponseId};

    const OP: &str = "DescribeImages";

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        let mut out = Collected::default();
        // Disabled images are left out unless asked for; their snapshots hold data all the same.
        let request = ec2.describe_images().owners("self").include_disabled(true).into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.images);
        let (items, listing) = identified::<Image, _>(cx, OP, items, "ImageId", |i| i.image_id.take());
        out.listings.push(listing);
        out.resources.extend(cx.each(items, |(id, i, from)| image(cx, ec2, id, i, from)).await);
        out
    }

    async fn image(cx: &Cx, ec2: &Client, id: String, i: types::Image, mut from: Vec<ResponseId>) -> Resource {
        // The ARN of an image names no account.
        let arn = arn_without_account(cx, &format!("image/{id}"));
        // Disabling an image removes all launch permissions, and it cannot be given any.
        let launch_permissions =
            if i.state == Some(ImageState::Disabled) { Fetched::Absent } else { permissions(cx, ec2, &id, &mut from).await.into() };
        let name = filled(i.name).unwrap_or_else(|| id.clone());
        let disk = |m: types::BlockDeviceMapping| BlockDeviceMapping {
            device_name: m.device_name,
            ebs: m.ebs.map(|ebs| EbsBlockDevice {
                snapshot_id: match (filled(ebs.snapshot_id), ebs.encrypted) {
                    // A volume that begins empty is sent with everything but a snapshot.
                    (None, None) => Fetched::from(cx.need(OP, "BlockDeviceMappings.Ebs.SnapshotId", None)),
                    (id, _) => id.into(),
                },
                encrypted: cx.need(OP, "BlockDeviceMappings.Ebs.Encrypted", ebs.encrypted),
                kms_key_id: ebs.kms_key_id,
                volume_size: ebs.volume_size.map(i64::from),
                delete_on_termination: ebs.delete_on_termination,
            }),
        };
        let disks: Option<Vec<_>> = i.block_device_mappings.map(|list| list.into_iter().map(disk).collect());
        // An image that starts from a disk of EBS has one at least.
        let from_ebs = i.root_device_type == Some(DeviceType::Ebs);
        let disks = disks.filter(|disks| !from_ebs || disks.iter().any(|disk| disk.ebs.is_some()));
        let deprecation = Fetched::from(filled(i.deprecation_time));
        let properties = Image {
            image_id: Required::Known(id.clone()),
            state: cx.word(OP, "State", i.state.as_ref().map(|w| w.as_str()), types::ImageState::values()),
            owner_id: cx.account_id(OP, "OwnerId", i.owner_id),
            description: filled(i.description),
            creation_date: cx.need(OP, "CreationDate", i.creation_date.and_then(|date| date.parse().ok())),
            deprecation_time: deprecation.and_then(|date| cx.need(OP, "DeprecationTime", date.parse::<Timestamp>().ok()).into()),
            public: cx.need(OP, "Public", i.public),
            launch_permissions,
            block_device_mappings: cx.need(OP, "BlockDeviceMappings", disks),
            architecture: cx.need(OP, "Architecture", i.architecture.map(text)),
            platform: i.platform.map(text),
            platform_details: i.platform_details,
            imds_support: i.imds_support.map(text),
            source_instance_id: i.source_instance_id,
            source_image_id: i.source_image_id,
            source_image_region: i.source_image_region,
        };
        let tags = tags(cx, OP, i.tags, tag).into();
        cx.new_resource(arn, id, name, tags, properties, from)
    }

    async fn permissions(cx: &Cx, ec2: &Client, id: &str, from: &mut Vec<ResponseId>) -> Required<Vec<String>> {
        const OP: &str = "DescribeImageAttribute";
        let request = ec2.describe_image_attribute().image_id(id).attribute(ImageAttributeName::LaunchPermission);
        let answer = cx.send(OP, request.send()).await.required(from);
        answer.and_then(|a| {
            each_of(cx, OP, "LaunchPermissions", a.launch_permissions, |p| {
                p.user_id.or(p.organization_arn).or(p.organizational_unit_arn).or_else(|| p.group.map(text))
            })
        })
    }
}
