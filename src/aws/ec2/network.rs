//! VPCs, their subnets, routes and flow logs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::Required;

/// A virtual private cloud: a network of its own, or one that another account shares.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(clippy::upper_case_acronyms, reason = "the name of the type in AWS")]
pub(super) struct VPC {
    /// Id of the VPC.
    pub vpc_id: Required<String>,
    /// State: `pending` or `available`.
    pub state: Required<String>,
    /// Account that owns it; another one's VPC is shared with this account.
    pub owner_id: Required<String>,
    /// Whether it is the one that AWS made in the region.
    pub is_default: Required<bool>,
    /// Primary IPv4 range.
    pub cidr_block: Required<String>,
    /// All IPv4 ranges, the primary one among them.
    pub cidr_blocks: Required<Vec<String>>,
    /// All IPv6 ranges.
    pub ipv6_cidr_blocks: Required<Vec<String>>,
    /// Whose hardware instances run on unless they say otherwise: `default` (shared) or `dedicated`.
    pub instance_tenancy: Required<String>,
    /// Which way traffic through internet gateways is blocked: `off`, `block-bidirectional`, `block-ingress`.
    pub internet_gateway_block_mode: Option<String>,
}

/// A subnet: a range of addresses of a VPC in one Availability Zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Subnet {
    /// Id of the subnet.
    pub subnet_id: Required<String>,
    /// VPC it belongs to.
    pub vpc_id: Required<String>,
    /// State: `pending`, `available`, `unavailable`, `failed`.
    pub state: Required<String>,
    /// Account that owns it; another one's subnet is shared with this account.
    pub owner_id: Required<String>,
    /// Availability Zone; the same name may mean another place in another account.
    pub availability_zone: Required<String>,
    /// Availability Zone, by the id that means the same place in every account.
    pub availability_zone_id: Required<String>,
    /// IPv4 range; absent in a subnet that only has IPv6.
    pub cidr_block: Option<String>,
    /// IPv6 ranges.
    pub ipv6_cidr_blocks: Required<Vec<String>>,
    /// Whether network interfaces get a public IPv4 address by themselves.
    pub map_public_ip_on_launch: Required<bool>,
    /// Whether network interfaces get an IPv6 address by themselves.
    pub assign_ipv6_address_on_creation: Required<bool>,
    /// Whether it is the default subnet of its Availability Zone.
    pub default_for_az: Required<bool>,
    /// Which way traffic through internet gateways is blocked: `off`, `block-bidirectional`, `block-ingress`.
    pub internet_gateway_block_mode: Option<String>,
}

/// A route table of a VPC.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RouteTable {
    /// Id of the route table.
    pub route_table_id: Required<String>,
    /// VPC it belongs to.
    pub vpc_id: Required<String>,
    /// Account that owns it.
    pub owner_id: Required<String>,
    /// Whether it is the main one, which holds for every subnet without an association of its own.
    pub main: Required<bool>,
    /// Subnets and gateways it holds for.
    pub associations: Required<Vec<RouteTableAssociation>>,
    /// Routes, those to the VPC itself among them.
    pub routes: Required<Vec<Route>>,
}

/// What a route table holds for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RouteTableAssociation {
    /// Subnet; absent on the main association and on those of gateways.
    pub subnet_id: Option<String>,
    /// Internet gateway or virtual private gateway.
    pub gateway_id: Option<String>,
    /// Whether it is the association that makes the table the main one.
    pub main: Required<bool>,
    /// State: `associating`, `associated`, `disassociating`, `disassociated`, `failed`.
    pub state: Option<String>,
}

/// Where packets for a range of addresses go: exactly one destination and one target are there.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Route {
    /// Destination: IPv4 range.
    pub destination_cidr_block: Option<String>,
    /// Destination: IPv6 range.
    pub destination_ipv6_cidr_block: Option<String>,
    /// Destination: prefix list, whose ranges are not read.
    pub destination_prefix_list_id: Option<String>,
    /// Target: `local`, an internet gateway (`igw-`), a virtual private gateway (`vgw-`) or a VPC endpoint (`vpce-`).
    pub gateway_id: Option<String>,
    /// Target: egress-only internet gateway.
    pub egress_only_internet_gateway_id: Option<String>,
    /// Target: NAT gateway.
    pub nat_gateway_id: Option<String>,
    /// Target: NAT instance or other appliance.
    pub instance_id: Option<String>,
    /// Target: network interface.
    pub network_interface_id: Option<String>,
    /// Target: VPC peering connection.
    pub vpc_peering_connection_id: Option<String>,
    /// Target: transit gateway.
    pub transit_gateway_id: Option<String>,
    /// Target: local gateway of an Outpost.
    pub local_gateway_id: Option<String>,
    /// Target: carrier gateway of a Wavelength Zone.
    pub carrier_gateway_id: Option<String>,
    /// Target: core network of Cloud WAN.
    pub core_network_arn: Option<String>,
    /// Target: network of Oracle Database@AWS.
    pub odb_network_arn: Option<String>,
    /// How it came to be: `CreateRouteTable`, `CreateRoute`, `EnableVgwRoutePropagation`, `Advertisement`.
    pub origin: Required<String>,
    /// State: `active`, `blackhole` (the target is gone), `filtered`.
    pub state: Required<String>,
}

/// A flow log: a record of the traffic of a VPC, a subnet, a network interface or a transit gateway.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FlowLog {
    /// Id of the flow log.
    pub flow_log_id: Required<String>,
    /// What it records: id of a VPC, a subnet, a network interface, a transit gateway or an attachment.
    pub resource_id: Required<String>,
    /// Whether it records: `ACTIVE`.
    pub flow_log_status: Required<String>,
    /// Whether the records arrive: `SUCCESS` or `FAILED`; absent until there was something to deliver.
    pub deliver_logs_status: Option<String>,
    /// Why the records do not arrive.
    pub deliver_logs_error_message: Option<String>,
    /// Traffic it records: `ACCEPT`, `REJECT`, `ALL`; absent on transit gateways.
    pub traffic_type: Option<String>,
    /// Kind of destination: `cloud-watch-logs`, `s3`, `kinesis-data-firehose`.
    pub log_destination_type: Option<String>,
    /// ARN of the destination; absent where only the name of a log group is given.
    pub log_destination: Option<String>,
    /// Name of the log group.
    pub log_group_name: Option<String>,
    /// Longest time in seconds that traffic is summed up in one record.
    pub max_aggregation_interval: Option<i64>,
    /// When it was created.
    pub creation_time: Option<Timestamp>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types::{self, VpcCidrBlockStateCode};

    use super::{FlowLog, Route, RouteTable, RouteTableAssociation, Subnet, VPC};
    use crate::aws::cx::{Collected, Cx, tags, time};
    use crate::aws::ec2::live::{PAGE, arn_of, filled, identified, tag, text};
    use crate::estate::{Required, Resource, ResponseId};

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        let mut out = Collected::default();
        vpcs(cx, ec2, &mut out).await;
        subnets(cx, ec2, &mut out).await;
        route_tables(cx, ec2, &mut out).await;
        flow_logs(cx, ec2, &mut out).await;
        out
    }

    async fn vpcs(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeVpcs";
        let request = ec2.describe_vpcs().into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.vpcs);
        let (items, listing) = identified::<VPC, _>(cx, OP, items, "VpcId", |v| v.vpc_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, v, from)| vpc(cx, OP, id, v, from)));
    }

    fn vpc(cx: &Cx, op: &'static str, id: String, v: types::Vpc, from: Vec<ResponseId>) -> Resource {
        let arn = arn_of(cx, v.owner_id.as_deref(), &format!("vpc/{id}"));
        let v4 = held(cx, op, "CidrBlockAssociationSet", v.cidr_block_association_set, |a| {
            (a.cidr_block_state.and_then(|s| s.state).map(text), a.cidr_block)
        });
        // A VPC has one at least.
        let v4 = v4.and_then(|blocks| cx.need(op, "CidrBlockAssociationSet", Some(blocks).filter(|blocks| !blocks.is_empty())));
        // Unlike other lists, this one is left out when it is empty.
        let v6 = Some(v.ipv6_cidr_block_association_set.unwrap_or_default());
        let v6 = held(cx, op, "Ipv6CidrBlockAssociationSet", v6, |a| {
            (a.ipv6_cidr_block_state.and_then(|s| s.state).map(text), a.ipv6_cidr_block)
        });
        let properties = VPC {
            vpc_id: Required::Known(id.clone()),
            state: cx.word(op, "State", v.state.as_ref().map(|w| w.as_str()), types::VpcState::values()),
            owner_id: cx.account_id(op, "OwnerId", v.owner_id),
            is_default: cx.need(op, "IsDefault", v.is_default),
            cidr_block: cx.need(op, "CidrBlock", v.cidr_block),
            cidr_blocks: v4,
            ipv6_cidr_blocks: v6,
            instance_tenancy: cx.need(op, "InstanceTenancy", v.instance_tenancy.map(text)),
            internet_gateway_block_mode: v.block_public_access_states.and_then(|s| s.internet_gateway_block_mode).map(text),
        };
        let tags = tags(cx, op, v.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    /// The address ranges of a VPC or a subnet, of which `part` takes state and range: those that it had and has no
    /// longer, or never got, are not among them.
    fn held<A: 'static>(
        cx: &Cx,
        op: &'static str,
        member: &str,
        list: Option<Vec<A>>,
        part: impl Fn(A) -> (Option<String>, Option<String>),
    ) -> Required<Vec<String>> {
        cx.need(op, member, list).and_then(|list| {
            let mut blocks = Vec::new();
            for (state, block) in list.into_iter().map(part) {
                let state = cx.word(op, &format!("{member}.State"), state.as_deref(), VpcCidrBlockStateCode::values());
                match (state, cx.need(op, member, block)) {
                    (Required::Known(state), _) if matches!(state.as_str(), "disassociated" | "failed") => {}
                    (Required::Known(_), Required::Known(block)) => blocks.push(block),
                    (Required::Unknown(gap), _) | (_, Required::Unknown(gap)) => return Required::Unknown(gap),
                }
            }
            Required::Known(blocks)
        })
    }

    async fn subnets(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeSubnets";
        let request = ec2.describe_subnets().into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.subnets);
        let (items, listing) = identified::<Subnet, _>(cx, OP, items, "SubnetId", |s| s.subnet_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, s, from)| subnet(cx, OP, id, s, from)));
    }

    fn subnet(cx: &Cx, op: &'static str, id: String, s: types::Subnet, from: Vec<ResponseId>) -> Resource {
        let arn = arn_of(cx, s.owner_id.as_deref(), &format!("subnet/{id}"));
        let v6 = held(cx, op, "Ipv6CidrBlockAssociationSet", s.ipv6_cidr_block_association_set, |a| {
            (a.ipv6_cidr_block_state.and_then(|s| s.state).map(text), a.ipv6_cidr_block)
        });
        let properties = Subnet {
            subnet_id: Required::Known(id.clone()),
            vpc_id: cx.need(op, "VpcId", s.vpc_id),
            state: cx.word(op, "State", s.state.as_ref().map(|w| w.as_str()), types::SubnetState::values()),
            owner_id: cx.account_id(op, "OwnerId", s.owner_id),
            availability_zone: cx.need(op, "AvailabilityZone", s.availability_zone),
            availability_zone_id: cx.need(op, "AvailabilityZoneId", s.availability_zone_id),
            cidr_block: filled(s.cidr_block),
            ipv6_cidr_blocks: v6,
            map_public_ip_on_launch: cx.need(op, "MapPublicIpOnLaunch", s.map_public_ip_on_launch),
            assign_ipv6_address_on_creation: cx.need(op, "AssignIpv6AddressOnCreation", s.assign_ipv6_address_on_creation),
            default_for_az: cx.need(op, "DefaultForAz", s.default_for_az),
            internet_gateway_block_mode: s.block_public_access_states.and_then(|s| s.internet_gateway_block_mode).map(text),
        };
        let tags = tags(cx, op, s.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    async fn route_tables(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeRouteTables";
        // More than 100 is an error here.
        let request = ec2.describe_route_tables().into_paginator().page_size(100);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.route_tables);
        let (items, listing) = identified::<RouteTable, _>(cx, OP, items, "RouteTableId", |t| t.route_table_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, t, from)| route_table(cx, OP, id, t, from)));
    }

    fn route_table(cx: &Cx, op: &'static str, id: String, t: types::RouteTable, from: Vec<ResponseId>) -> Resource {
        let arn = arn_of(cx, t.owner_id.as_deref(), &format!("route-table/{id}"));
        let main = cx.need(op, "Associations.Main", t.associations.as_deref().and_then(is_main));
        let association = |a: types::RouteTableAssociation| RouteTableAssociation {
            subnet_id: a.subnet_id,
            gateway_id: a.gateway_id,
            main: cx.need(op, "Associations.Main", a.main),
            state: a.association_state.and_then(|s| s.state).map(text),
        };
        let properties = RouteTable {
            route_table_id: Required::Known(id.clone()),
            vpc_id: cx.need(op, "VpcId", t.vpc_id),
            owner_id: cx.account_id(op, "OwnerId", t.owner_id),
            main,
            associations: cx.need(op, "Associations", t.associations.map(|list| list.into_iter().map(association).collect())),
            routes: cx.need(op, "Routes", t.routes.map(|list| list.into_iter().map(|r| route(cx, op, r)).collect())),
        };
        let tags = tags(cx, op, t.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    fn is_main(associations: &[types::RouteTableAssociation]) -> Option<bool> {
        if associations.iter().any(|a| a.main == Some(true)) {
            return Some(true);
        }
        associations.iter().all(|a| a.main.is_some()).then_some(false)
    }

    fn route(cx: &Cx, op: &'static str, r: types::Route) -> Route {
        Route {
            destination_cidr_block: r.destination_cidr_block,
            destination_ipv6_cidr_block: r.destination_ipv6_cidr_block,
            destination_prefix_list_id: r.destination_prefix_list_id,
            gateway_id: r.gateway_id,
            egress_only_internet_gateway_id: r.egress_only_internet_gateway_id,
            nat_gateway_id: r.nat_gateway_id,
            instance_id: r.instance_id,
            network_interface_id: r.network_interface_id,
            vpc_peering_connection_id: r.vpc_peering_connection_id,
            transit_gateway_id: r.transit_gateway_id,
            local_gateway_id: r.local_gateway_id,
            carrier_gateway_id: r.carrier_gateway_id,
            core_network_arn: r.core_network_arn,
            odb_network_arn: r.odb_network_arn,
            origin: cx.need(op, "Routes.Origin", r.origin.map(text)),
            state: cx.word(op, "Routes.State", r.state.as_ref().map(|w| w.as_str()), types::RouteState::values()),
        }
    }

    async fn flow_logs(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeFlowLogs";
        let request = ec2.describe_flow_logs().into_paginator().page_size(PAGE);
        let items = cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.flow_logs);
        let (items, listing) = identified::<FlowLog, _>(cx, OP, items, "FlowLogId", |l| l.flow_log_id.take());
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, l, from)| flow_log(cx, OP, id, l, from)));
    }

    fn flow_log(cx: &Cx, op: &'static str, id: String, l: types::FlowLog, from: Vec<ResponseId>) -> Resource {
        let arn = cx.arn("ec2", &format!("vpc-flow-log/{id}"));
        let properties = FlowLog {
            flow_log_id: Required::Known(id.clone()),
            resource_id: cx.need(op, "ResourceId", l.resource_id),
            flow_log_status: cx.need(op, "FlowLogStatus", l.flow_log_status),
            deliver_logs_status: filled(l.deliver_logs_status),
            deliver_logs_error_message: filled(l.deliver_logs_error_message),
            traffic_type: l.traffic_type.map(text),
            log_destination_type: l.log_destination_type.map(text),
            log_destination: l.log_destination,
            log_group_name: l.log_group_name,
            max_aggregation_interval: l.max_aggregation_interval.map(i64::from),
            creation_time: l.creation_time.and_then(time),
        };
        let tags = tags(cx, op, l.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }
}
