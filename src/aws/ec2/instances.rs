//! Virtual machines.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::Required;

/// A virtual machine; terminated ones are gone and not listed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Instance {
    /// Id of the instance.
    pub instance_id: Required<String>,
    /// State: `pending`, `running`, `stopping`, `stopped`, `shutting-down`.
    pub state_name: Required<String>,
    /// Size and family: `m7g.large`.
    pub instance_type: Required<String>,
    /// Image it was started from, which may have been deregistered since.
    pub image_id: Required<String>,
    /// VPC it runs in.
    pub vpc_id: Required<String>,
    /// Subnet of the primary network interface.
    pub subnet_id: Required<String>,
    /// Availability Zone it runs in; the same name may mean another place in another account.
    pub availability_zone: Required<String>,
    /// Availability Zone it runs in, by the id that means the same place in every account.
    pub availability_zone_id: Option<String>,
    /// Whose hardware it runs on: `default` (shared), `dedicated`, `host`.
    pub tenancy: Required<String>,
    /// Dedicated Host it runs on.
    pub host_id: Option<String>,
    /// Security groups of the instance and of every network interface attached to it, each once.
    pub security_group_ids: Required<Vec<String>>,
    /// ARN of the instance profile that gives it a role; absent without one.
    pub iam_instance_profile_arn: Option<String>,
    /// Name of the key pair it was started with; absent without one.
    pub key_name: Option<String>,
    /// Whether the metadata service demands a session token: `required` (IMDSv2 only) or `optional`.
    pub http_tokens: Required<String>,
    /// Whether the metadata service answers: `enabled` or `disabled`.
    pub http_endpoint: Required<String>,
    /// How many network hops an answer of the metadata service may travel; 1 keeps it on the instance.
    pub http_put_response_hop_limit: Required<i64>,
    /// EBS volumes attached to it.
    pub volume_ids: Required<Vec<String>>,
    /// Network interfaces attached to it.
    pub network_interface_ids: Required<Vec<String>>,
    /// Primary private IPv4 address.
    pub private_ip_address: Option<String>,
    /// Public IPv4 address of the primary network interface; others have theirs on the interfaces.
    pub public_ip_address: Option<String>,
    /// IPv6 address.
    pub ipv6_address: Option<String>,
    /// When it was last started.
    pub launch_time: Required<Timestamp>,
    /// `windows`; absent for everything else.
    pub platform: Option<String>,
    /// Operating system as it is billed: `Linux/UNIX`, `Red Hat Enterprise Linux`, `Windows`.
    pub platform_details: Option<String>,
    /// Detailed monitoring: `enabled`, `disabled`, `pending`, `disabling`.
    pub monitoring_state: Required<String>,
    /// Whether it only handles traffic from and to itself; false on instances that route for others.
    pub source_dest_check: Option<bool>,
    /// How it is bought, where not on demand: `spot`, `scheduled`, `capacity-block`.
    pub instance_lifecycle: Option<String>,
    /// What happens when the hardware fails: `default` (it is recovered) or `disabled`.
    pub auto_recovery: Option<String>,
    /// AWS service that started it and manages it: `eks.amazonaws.com`; absent for the customer's own.
    pub operator_principal: Option<String>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use std::collections::BTreeSet;

    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types::{self, InstanceStateName};

    use super::Instance;
    use crate::aws::cx::{Collected, Cx, Items, tags, time};
    use crate::aws::ec2::live::{PAGE, each_of, identified, tag, text};
    use crate::estate::{Required, Resource, ResponseId};

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        const OP: &str = "DescribeInstances";
        let mut out = Collected::default();
        // An account can hide what AWS services run in it; hidden instances run and hold data all the same.
        let request = ec2.describe_instances().include_managed_resources(true).into_paginator().page_size(PAGE);
        let pages = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await;
        let Items { items: reservations, mut gap } = pages.items(cx, OP, |page| page.reservations);
        let mut items = Vec::new();
        for (reservation, from) in reservations {
            match cx.need(OP, "Instances", reservation.instances) {
                Required::Known(list) => items.extend(list.into_iter().map(|i| (i, from.clone()))),
                Required::Unknown(missing) => gap = gap.or(Some(missing)),
            }
        }
        // AWS names a terminated instance for about an hour; it is gone, and so is what was known of it.
        items.retain(|(i, _)| !is_terminated(i));
        let items = Items { items, gap };
        let (items, listing) = identified::<Instance, _>(cx, OP, items, "InstanceId", |i| i.instance_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, i, from)| instance(cx, OP, id, i, from)));
        out
    }

    fn is_terminated(i: &types::Instance) -> bool {
        i.state.as_ref().and_then(|s| s.name.as_ref()) == Some(&InstanceStateName::Terminated)
    }

    fn instance(cx: &Cx, op: &'static str, id: String, i: types::Instance, from: Vec<ResponseId>) -> Resource {
        let arn = cx.arn("ec2", &format!("instance/{id}"));
        let security_group_ids = cx.need(op, "SecurityGroups", groups(&i));
        let (zone, zone_id, tenancy, host_id) = match i.placement {
            Some(p) => (p.availability_zone, p.availability_zone_id, p.tenancy.map(text), p.host_id),
            None => (None, None, None, None),
        };
        let (http_tokens, http_endpoint, hop_limit) = match i.metadata_options {
            Some(m) => (m.http_tokens.map(text), m.http_endpoint.map(text), m.http_put_response_hop_limit.map(i64::from)),
            None => (None, None, None),
        };
        // A mapping without `Ebs` is an instance store, which is no volume.
        let disks = i.block_device_mappings.map(|list| list.into_iter().filter_map(|m| m.ebs).collect());
        let properties = Instance {
            instance_id: Required::Known(id.clone()),
            state_name: cx.word(op, "State.Name", i.state.and_then(|s| s.name).as_ref().map(|s| s.as_str()), InstanceStateName::values()),
            instance_type: cx.need(op, "InstanceType", i.instance_type.map(text)),
            image_id: cx.need(op, "ImageId", i.image_id),
            vpc_id: cx.need(op, "VpcId", i.vpc_id),
            subnet_id: cx.need(op, "SubnetId", i.subnet_id),
            availability_zone: cx.need(op, "Placement.AvailabilityZone", zone),
            availability_zone_id: zone_id,
            tenancy: cx.need(op, "Placement.Tenancy", tenancy),
            host_id,
            security_group_ids,
            iam_instance_profile_arn: i.iam_instance_profile.and_then(|p| p.arn),
            key_name: i.key_name,
            http_tokens: cx.need(op, "MetadataOptions.HttpTokens", http_tokens),
            http_endpoint: cx.need(op, "MetadataOptions.HttpEndpoint", http_endpoint),
            http_put_response_hop_limit: cx.need(op, "MetadataOptions.HttpPutResponseHopLimit", hop_limit),
            volume_ids: each_of(cx, op, "BlockDeviceMappings", disks, |ebs: types::EbsInstanceBlockDevice| ebs.volume_id),
            network_interface_ids: each_of(cx, op, "NetworkInterfaces", i.network_interfaces, |n| n.network_interface_id),
            private_ip_address: i.private_ip_address,
            public_ip_address: i.public_ip_address,
            ipv6_address: i.ipv6_address,
            launch_time: cx.need(op, "LaunchTime", i.launch_time.and_then(time)),
            platform: i.platform.map(text),
            platform_details: i.platform_details,
            monitoring_state: cx.need(op, "Monitoring.State", i.monitoring.and_then(|m| m.state).map(text)),
            source_dest_check: i.source_dest_check,
            instance_lifecycle: i.instance_lifecycle.map(text),
            auto_recovery: i.maintenance_options.and_then(|m| m.auto_recovery).map(text),
            operator_principal: i.operator.and_then(|o| o.principal),
        };
        let tags = tags(cx, op, i.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    /// The groups that AWS gives for an instance are those of its primary interface.
    fn groups(i: &types::Instance) -> Option<Vec<String>> {
        let mut ids = BTreeSet::new();
        let own = [i.security_groups.as_ref()];
        let others = i.network_interfaces.as_ref()?.iter().map(|n| n.groups.as_ref());
        for groups in own.into_iter().chain(others) {
            for group in groups? {
                ids.insert(group.group_id.clone()?);
            }
        }
        Some(ids.into_iter().collect())
    }
}
