//! Security groups.

use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::Required;

/// A security group: what may connect to its members, and what they may connect to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SecurityGroup {
    /// Id of the group.
    pub group_id: Required<String>,
    /// Name of the group; every VPC has one called `default`.
    pub group_name: Required<String>,
    /// Description the owner gave it.
    pub description: Option<String>,
    /// VPC it belongs to.
    pub vpc_id: Required<String>,
    /// Account that owns it.
    pub owner_id: Required<String>,
    /// What may connect to the members; empty means that nothing may.
    pub ip_permissions: Required<Vec<IpPermission>>,
    /// What the members may connect to; empty means that they may not connect to anything.
    pub ip_permissions_egress: Required<Vec<IpPermission>>,
}

/// Who is admitted on a range of ports: every address range, prefix list and group that is named.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct IpPermission {
    /// Protocol: `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all of them on all ports.
    pub ip_protocol: Required<String>,
    /// First port, or ICMP type with -1 for all; absent where the protocol admits all ports.
    pub from_port: Option<i64>,
    /// Last port, or ICMP code with -1 for all; absent where the protocol admits all ports.
    pub to_port: Option<i64>,
    /// IPv4 ranges; `0.0.0.0/0` is everyone.
    pub cidr_ips: Required<Vec<String>>,
    /// IPv6 ranges; `::/0` is everyone.
    pub cidr_ipv6s: Required<Vec<String>>,
    /// Prefix lists, whose ranges are not read.
    pub prefix_list_ids: Required<Vec<String>>,
    /// Security groups whose members are admitted.
    pub user_id_group_pairs: Required<Vec<UserIdGroupPair>>,
}

/// A security group that a rule refers to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UserIdGroupPair {
    /// Id of the group.
    pub group_id: Required<String>,
    /// Account that owns the group; absent when the group is gone.
    pub user_id: Option<String>,
    /// VPC of the group, where it is another one.
    pub vpc_id: Option<String>,
    /// Peering connection that leads to the group, where it is in another VPC.
    pub vpc_peering_connection_id: Option<String>,
    /// State of that peering connection: `active`, `deleted`.
    pub peering_status: Option<String>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types;

    use super::{IpPermission, SecurityGroup, UserIdGroupPair};
    use crate::aws::cx::{Collected, Cx, tags};
    use crate::aws::ec2::live::{PAGE, arn_of, each_of, identified, tag};
    use crate::estate::{Required, Resource, ResponseId};

    const OP: &str = "DescribeSecurityGroups";

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        let mut out = Collected::default();
        let request = ec2.describe_security_groups().into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.security_groups);
        let (items, listing) = identified::<SecurityGroup, _>(cx, OP, items, "GroupId", |g| g.group_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, g, from)| group(cx, id, g, from)));
        out
    }

    fn group(cx: &Cx, id: String, g: types::SecurityGroup, from: Vec<ResponseId>) -> Resource {
        let arn = arn_of(cx, g.owner_id.as_deref(), &format!("security-group/{id}"));
        let permissions = |list: Vec<types::IpPermission>| list.into_iter().map(|p| permission(cx, p)).collect();
        let properties = SecurityGroup {
            group_id: Required::Known(id.clone()),
            group_name: cx.need(OP, "GroupName", g.group_name),
            description: g.description,
            vpc_id: cx.need(OP, "VpcId", g.vpc_id),
            owner_id: cx.account_id(OP, "OwnerId", g.owner_id),
            ip_permissions: cx.need(OP, "IpPermissions", g.ip_permissions.map(permissions)),
            ip_permissions_egress: cx.need(OP, "IpPermissionsEgress", g.ip_permissions_egress.map(permissions)),
        };
        let tags = tags(cx, OP, g.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    fn permission(cx: &Cx, p: types::IpPermission) -> IpPermission {
        let pair = |pair: types::UserIdGroupPair| UserIdGroupPair {
            group_id: cx.need(OP, "UserIdGroupPairs.GroupId", pair.group_id),
            user_id: pair.user_id,
            vpc_id: pair.vpc_id,
            vpc_peering_connection_id: pair.vpc_peering_connection_id,
            peering_status: pair.peering_status,
        };
        IpPermission {
            ip_protocol: cx.need(OP, "IpProtocol", p.ip_protocol),
            from_port: p.from_port.map(i64::from),
            to_port: p.to_port.map(i64::from),
            cidr_ips: each_of(cx, OP, "IpRanges", p.ip_ranges, |r| r.cidr_ip),
            cidr_ipv6s: each_of(cx, OP, "Ipv6Ranges", p.ipv6_ranges, |r| r.cidr_ipv6),
            prefix_list_ids: each_of(cx, OP, "PrefixListIds", p.prefix_list_ids, |l| l.prefix_list_id),
            user_id_group_pairs: cx.need(OP, "UserIdGroupPairs", p.user_id_group_pairs.map(|l| l.into_iter().map(pair).collect())),
        }
    }
}
