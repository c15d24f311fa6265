//! Amazon EC2 and what answers through the same API: EBS and VPC.

mod connections;
mod images;
mod instances;
mod interfaces;
mod network;
mod regions;
mod security_groups;
mod storage;

use super::{Operation, Scope, Service, op};
use crate::estate::{Cardinality, Link, Within};

use connections::{TransitGatewayAttachment, VPCPeeringConnection};
use images::Image;
use instances::Instance;
use interfaces::NetworkInterface;
use network::{FlowLog, RouteTable, Subnet, VPC};
use regions::Region;
use security_groups::SecurityGroup;
use storage::{EBSEncryptionByDefault, Snapshot, Volume};

#[cfg(feature = "ec2")]
pub(crate) use regions::live::regions;

resource_types! {
    "ec2":
    Region = "AWS::EC2::Region",
    Instance = "AWS::EC2::Instance",
    Volume = "AWS::EC2::Volume",
    Snapshot = "AWS::EC2::Snapshot",
    EBSEncryptionByDefault = "AWS::EC2::EBSEncryptionByDefault",
    Image = "AWS::EC2::Image",
    VPC = "AWS::EC2::VPC",
    Subnet = "AWS::EC2::Subnet",
    RouteTable = "AWS::EC2::RouteTable",
    FlowLog = "AWS::EC2::FlowLog",
    SecurityGroup = "AWS::EC2::SecurityGroup",
    NetworkInterface = "AWS::EC2::NetworkInterface",
    VPCPeeringConnection = "AWS::EC2::VPCPeeringConnection",
    TransitGatewayAttachment = "AWS::EC2::TransitGatewayAttachment",
}

const OPERATIONS: &[Operation] = &[
    op("DescribeRegions", "ec2:DescribeRegions"),
    op("DescribeInstances", "ec2:DescribeInstances"),
    op("DescribeVolumes", "ec2:DescribeVolumes"),
    op("DescribeSnapshots", "ec2:DescribeSnapshots"),
    op("DescribeSnapshotAttribute", "ec2:DescribeSnapshotAttribute"),
    op("GetEbsEncryptionByDefault", "ec2:GetEbsEncryptionByDefault"),
    op("GetEbsDefaultKmsKeyId", "ec2:GetEbsDefaultKmsKeyId"),
    op("DescribeImages", "ec2:DescribeImages"),
    op("DescribeImageAttribute", "ec2:DescribeImageAttribute"),
    op("DescribeVpcs", "ec2:DescribeVpcs"),
    op("DescribeSubnets", "ec2:DescribeSubnets"),
    op("DescribeRouteTables", "ec2:DescribeRouteTables"),
    op("DescribeFlowLogs", "ec2:DescribeFlowLogs"),
    op("DescribeSecurityGroups", "ec2:DescribeSecurityGroups"),
    op("DescribeNetworkInterfaces", "ec2:DescribeNetworkInterfaces"),
    op("DescribeVpcPeeringConnections", "ec2:DescribeVpcPeeringConnections"),
    op("DescribeTransitGatewayAttachments", "ec2:DescribeTransitGatewayAttachments"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "instances_with_key",
        ("AWS::EC2::Instance", "key_name"),
        &[("AWS::EC2::Instance", "key_name")],
        Within::Region,
        Cardinality::NamedBy,
        "Instances that are entered with the same key pair, this one among them",
    ),
    Link::keys(
        "volumes_of",
        ("AWS::EC2::Instance", "volume_ids"),
        &[("AWS::EC2::Volume", "id")],
        Within::Region,
        Cardinality::Many,
        "EBS volumes attached to the instance",
    ),
    Link::keys(
        "security_groups_of",
        ("AWS::EC2::Instance", "security_group_ids"),
        &[("AWS::EC2::SecurityGroup", "id")],
        Within::Region,
        Cardinality::Many,
        "Security groups of the instance and of its network interfaces",
    ),
    Link::keys(
        "attached_to",
        ("AWS::EC2::Volume", "attachments[].instance_id"),
        &[("AWS::EC2::Instance", "id")],
        Within::Region,
        Cardinality::Many,
        "Instances the volume is attached to",
    ),
    Link::keys(
        "snapshots_of",
        ("AWS::EC2::Volume", "id"),
        &[("AWS::EC2::Snapshot", "volume_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Snapshots taken of the volume; copies of snapshots are not among them",
    ),
    Link::keys(
        "volume_of",
        ("AWS::EC2::Snapshot", "volume_id"),
        &[("AWS::EC2::Volume", "id")],
        Within::Region,
        Cardinality::One,
        "The volume the snapshot was taken of, if it still exists",
    ),
    Link::keys(
        "snapshots_in",
        ("AWS::EC2::Image", "block_device_mappings[].ebs.snapshot_id"),
        &[("AWS::EC2::Snapshot", "id")],
        Within::Region,
        Cardinality::Many,
        "Snapshots that hold the data of the image",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::EC2::Volume", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the volume",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::EC2::Snapshot", "kms_key_id"),
        &[("AWS::KMS::Key", "arn")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts the snapshot",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::EC2::Instance", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC the instance runs in",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::EC2::Subnet", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC the subnet belongs to",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::EC2::RouteTable", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC the route table belongs to",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::EC2::SecurityGroup", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC the security group belongs to",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::EC2::NetworkInterface", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC the network interface lies in",
    ),
    Link::keys(
        "subnets_of",
        ("AWS::EC2::VPC", "id"),
        &[("AWS::EC2::Subnet", "vpc_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Subnets of the VPC",
    ),
    Link::keys(
        "instances_in",
        ("AWS::EC2::VPC", "id"),
        &[("AWS::EC2::Instance", "vpc_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Instances that run in the VPC",
    ),
    Link::keys(
        "interfaces_in",
        ("AWS::EC2::VPC", "id"),
        &[("AWS::EC2::NetworkInterface", "vpc_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Network interfaces in the VPC",
    ),
    Link::keys(
        "databases_in",
        ("AWS::EC2::VPC", "id"),
        &[("AWS::RDS::DBInstance", "vpc_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Database instances in the VPC",
    ),
    Link::keys(
        "flow_logs_of",
        ("AWS::EC2::VPC", "id"),
        &[("AWS::EC2::FlowLog", "resource_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Flow logs of the VPC as a whole, not those of single subnets or interfaces",
    ),
    Link::keys(
        "interfaces_using",
        ("AWS::EC2::SecurityGroup", "id"),
        &[("AWS::EC2::NetworkInterface", "group_ids")],
        Within::Region,
        Cardinality::NamedBy,
        "Network interfaces that are members of the security group",
    ),
    Link::keys(
        "requester_vpc",
        ("AWS::EC2::VPCPeeringConnection", "requester_vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Run,
        Cardinality::One,
        "The VPC that asked for the connection",
    ),
    Link::keys(
        "accepter_vpc",
        ("AWS::EC2::VPCPeeringConnection", "accepter_vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Run,
        Cardinality::One,
        "The VPC that was asked for the connection",
    ),
    Link::keys(
        "attached_vpc",
        ("AWS::EC2::TransitGatewayAttachment", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Run,
        Cardinality::One,
        "The VPC that is attached, when the attachment is that of a VPC",
    ),
];

/// Amazon EC2.
pub(super) static SERVICE: Service = Service {
    name: "ec2",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "ec2"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "ec2")))]
    collect: None,
};

#[cfg(feature = "ec2")]
mod live {
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types;

    use super::{connections, images, instances, interfaces, network, security_groups, storage};
    use crate::aws::cx::{Collected, Cx, Items, is_account};
    use crate::estate::{Listing, Properties, Required, ResponseId};

    /// Items per page: AWS advises against asking for everything at once. `DescribeRouteTables` takes fewer.
    pub(super) const PAGE: i32 = 500;

    /// How AWS names everyone in permissions.
    pub(super) const EVERYONE: &str = "all";

    pub(super) async fn collect(cx: Cx) -> Collected {
        let ec2 = Client::new(&cx.sdk());
        let (cx, ec2) = (&cx, &ec2);
        // The listings do not need each other, and waiting for one at a time is what takes long in an empty region.
        let (instances, storage, images, network, groups, interfaces, connections) = tokio::join!(
            instances::live::collect(cx, ec2),
            storage::live::collect(cx, ec2),
            images::live::collect(cx, ec2),
            network::live::collect(cx, ec2),
            security_groups::live::collect(cx, ec2),
            interfaces::live::collect(cx, ec2),
            connections::live::collect(cx, ec2),
        );
        let mut out = Collected::default();
        for part in [instances, storage, images, network, groups, interfaces, connections] {
            out.resources.extend(part.resources);
            out.listings.extend(part.listings);
        }
        out
    }

    /// An item of a listing: its id, the item without it, and the responses it came in.
    pub(super) type Identified<I> = (String, I, Vec<ResponseId>);

    /// The items of a listing by their ids. `id` takes the id out of an item; items without one cannot be told
    /// apart, so the listing is not complete then.
    pub(super) fn identified<P: Properties, I>(
        cx: &Cx,
        op: &'static str,
        items: Items<I>,
        member: &str,
        id: impl Fn(&mut I) -> Option<String>,
    ) -> (Vec<Identified<I>>, Listing) {
        let Items { items, mut gap } = items;
        let (listed, mut unreadable) = (items.len(), 0);
        let mut identified = Vec::with_capacity(listed);
        for (mut item, from) in items {
            match cx.need(op, member, id(&mut item)) {
                Required::Known(id) => identified.push((id, item, from)),
                Required::Unknown(missing) => {
                    unreadable += 1;
                    gap = gap.or(Some(missing));
                }
            }
        }
        (identified, Listing { unreadable, ..cx.listing::<P>(listed, gap) })
    }

    /// One member of every item of a list that AWS always sends.
    pub(super) fn each_of<T, U: 'static>(
        cx: &Cx,
        op: &'static str,
        member: &str,
        list: Option<Vec<T>>,
        part: impl Fn(T) -> Option<U>,
    ) -> Required<Vec<U>> {
        cx.each_of(op, member, list, part)
    }

    /// The ARN of something that `owner` owns, which may be shared with the account of `cx`; an owner that is no
    /// account counts as not told.
    pub(super) fn arn_of(cx: &Cx, owner: Option<&str>, rest: &str) -> String {
        match owner {
            Some(owner) if owner != cx.account() && is_account(owner) => Cx { account: owner.into(), ..cx.clone() }.arn("ec2", rest),
            _ => cx.arn("ec2", rest),
        }
    }

    /// The ARN of an image or a snapshot, which names no account.
    pub(super) fn arn_without_account(cx: &Cx, rest: &str) -> String {
        Cx { account: "".into(), ..cx.clone() }.arn("ec2", rest)
    }

    /// AWS sends some texts empty where there is nothing to say.
    pub(super) fn filled(text: Option<String>) -> Option<String> {
        text.filter(|text| !text.is_empty())
    }

    /// The word of an enumeration, as AWS sent it.
    pub(super) fn text(word: impl AsRef<str>) -> String {
        word.as_ref().to_owned()
    }

    pub(super) fn tag(tag: types::Tag) -> (Option<String>, Option<String>) {
        (tag.key, tag.value)
    }
}
