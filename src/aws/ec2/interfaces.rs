//! Network interfaces.

use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::Required;

/// A network interface: everything that lies in a VPC has one, whatever service it belongs to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NetworkInterface {
    /// Id of the network interface.
    pub network_interface_id: Required<String>,
    /// VPC it lies in.
    pub vpc_id: Required<String>,
    /// Subnet it lies in.
    pub subnet_id: Required<String>,
    /// Availability Zone it lies in.
    pub availability_zone: Required<String>,
    /// Account that owns it.
    pub owner_id: Required<String>,
    /// Status: `available` (attached to nothing), `in-use`, `attaching`, `detaching`, `associated`.
    pub status: Required<String>,
    /// What it serves: `interface`, `nat_gateway`, `load_balancer`, `vpc_endpoint`, `lambda`, `efs`.
    pub interface_type: Required<String>,
    /// Description: the service that made it often says here what for.
    pub description: Option<String>,
    /// Who made it, where an AWS service did: an account id or an alias such as `amazon-rds`.
    pub requester_id: Option<String>,
    /// Whether an AWS service manages it.
    pub requester_managed: Required<bool>,
    /// AWS service that manages the instance it belongs to; absent for the customer's own.
    pub operator_principal: Option<String>,
    /// Security groups.
    pub group_ids: Required<Vec<String>>,
    /// Private IPv4 addresses, the primary one among them.
    pub private_ip_addresses: Required<Vec<String>>,
    /// Public IPv4 address of the primary private address.
    pub public_ip: Option<String>,
    /// Public IPv4 addresses of all its private addresses.
    pub public_ips: Required<Vec<String>>,
    /// IPv6 addresses.
    pub ipv6_addresses: Required<Vec<String>>,
    /// Whether it only handles traffic from and to itself; false on what routes for others.
    pub source_dest_check: Required<bool>,
    /// Instance it is attached to; absent when it is attached to something else or to nothing.
    pub attachment_instance_id: Option<String>,
    /// Account, or alias of the AWS service, that owns what it is attached to: `amazon-elb`.
    pub attachment_instance_owner_id: Option<String>,
    /// State of the attachment: `attaching`, `attached`, `detaching`, `detached`; absent without one.
    pub attachment_status: Option<String>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use std::collections::BTreeSet;

    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types;

    use super::NetworkInterface;
    use crate::aws::cx::{Collected, Cx, tags};
    use crate::aws::ec2::live::{PAGE, arn_of, each_of, filled, identified, tag, text};
    use crate::estate::{Required, Resource, ResponseId};

    const OP: &str = "DescribeNetworkInterfaces";

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        let mut out = Collected::default();
        // An account can hide what AWS services made in it; hidden interfaces are reachable all the same.
        let request = ec2.describe_network_interfaces().include_managed_resources(true).into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.network_interfaces);
        let id = |n: &mut types::NetworkInterface| n.network_interface_id.take();
        let (items, listing) = identified::<NetworkInterface, _>(cx, OP, items, "NetworkInterfaceId", id);
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, n, from)| interface(cx, id, n, from)));
        out
    }

    fn interface(cx: &Cx, id: String, n: types::NetworkInterface, from: Vec<ResponseId>) -> Resource {
        let arn = arn_of(cx, n.owner_id.as_deref(), &format!("network-interface/{id}"));
        let public_ip = n.association.and_then(|a| a.public_ip);
        let addresses = cx.need(OP, "PrivateIpAddresses", n.private_ip_addresses);
        let public_ips = addresses.clone().map(|list| {
            let others = list.into_iter().filter_map(|a| a.association?.public_ip);
            others.chain(public_ip.clone()).collect::<BTreeSet<_>>().into_iter().collect()
        });
        let private_ip_addresses = addresses.and_then(|list| each_of(cx, OP, "PrivateIpAddresses", Some(list), |a| a.private_ip_address));
        let (instance, instance_owner, status) = match n.attachment {
            Some(a) => (filled(a.instance_id), a.instance_owner_id, a.status.map(text)),
            None => (None, None, None),
        };
        let properties = NetworkInterface {
            network_interface_id: Required::Known(id.clone()),
            vpc_id: cx.need(OP, "VpcId", n.vpc_id),
            subnet_id: cx.need(OP, "SubnetId", n.subnet_id),
            availability_zone: cx.need(OP, "AvailabilityZone", n.availability_zone),
            owner_id: cx.account_id(OP, "OwnerId", n.owner_id),
            status: cx.word(OP, "Status", n.status.as_ref().map(|w| w.as_str()), types::NetworkInterfaceStatus::values()),
            interface_type: cx.need(OP, "InterfaceType", n.interface_type.map(text)),
            description: filled(n.description),
            requester_id: n.requester_id,
            requester_managed: cx.need(OP, "RequesterManaged", n.requester_managed),
            operator_principal: n.operator.and_then(|o| o.principal),
            group_ids: each_of(cx, OP, "Groups", n.groups, |g| g.group_id),
            private_ip_addresses,
            public_ip,
            public_ips,
            ipv6_addresses: each_of(cx, OP, "Ipv6Addresses", n.ipv6_addresses, |a| a.ipv6_address),
            source_dest_check: cx.need(OP, "SourceDestCheck", n.source_dest_check),
            attachment_instance_id: instance,
            attachment_instance_owner_id: instance_owner,
            attachment_status: status,
        };
        let tags = tags(cx, OP, n.tag_set, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }
}
