//! Networks: VPCs, subnets, routes, security groups and what connects them.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Map, Value as Json, json};

use super::{TAGS, account, each, either, empty, flag, is_any_set, is_set, marked, never, own, region};
use crate::declared::map::{Adds, Arn, Ctx, Mapping, Part, Unset, at, call};

/// The one that is there, as a list.
fn listed(json: Json) -> Json {
    match json {
        Json::Null => json!([]),
        one => json!([one]),
    }
}

/// A range of addresses, or the mark for one that AWS chooses from a pool.
fn range(ctx: &Ctx<'_>, path: &str, pools: &[&str]) -> Json {
    match ctx.or(path, Unset::Null) {
        Json::Null if is_any_set(ctx, pools) == Some(false) => Json::Null,
        Json::Null => ctx.later(path),
        other => other,
    }
}

const IPV4_POOLS: &[&str] = &["Ipv4IpamPoolId"];
const IPV6_POOLS: &[&str] = &["Ipv6IpamPoolId", "Ipv6Pool"];

fn vpc_ipv6_block(ctx: &Ctx<'_>) -> Json {
    let asked = flag(ctx, "AmazonProvidedIpv6CidrBlock", Unset::False);
    either(asked, || ctx.later("Ipv6CidrBlock"), || range(ctx, "Ipv6CidrBlock", IPV6_POOLS))
}

pub(super) const VPC: Mapping = Mapping {
    from: "AWS::EC2::VPC",
    kind: "AWS::EC2::VPC",
    id: &["VpcId"],
    arn: Arn::Made("ec2", "vpc/"),
    tags: TAGS,
    fields: &[
        at("cidr_block", "CidrBlock", Unset::Output),
        call("cidr_blocks", |ctx| listed(ctx.or("CidrBlock", Unset::Output))),
        at("instance_tenancy", "InstanceTenancy", Unset::Text("default")),
        call("ipv6_cidr_blocks", empty),
        call("is_default", never),
        call("owner_id", account),
        call("vpc_id", own),
    ],
};

pub(super) const VPC_BLOCK: Part = Part {
    from: "AWS::EC2::VPCCidrBlock",
    of: &["AWS::EC2::VPC"],
    key: "VpcId",
    whole: &["VpcId"],
    optional: false,
    adds: Adds::Items(&[("cidr_blocks", |ctx| range(ctx, "CidrBlock", IPV4_POOLS)), ("ipv6_cidr_blocks", vpc_ipv6_block)]),
};

pub(super) const SUBNET: Mapping = Mapping {
    from: "AWS::EC2::Subnet",
    kind: "AWS::EC2::Subnet",
    id: &["SubnetId"],
    arn: Arn::Made("ec2", "subnet/"),
    tags: TAGS,
    fields: &[
        at("assign_ipv6_address_on_creation", "AssignIpv6AddressOnCreation", Unset::False),
        at("availability_zone", "AvailabilityZone", Unset::Output),
        at("availability_zone_id", "AvailabilityZoneId", Unset::Output),
        call("cidr_block", |ctx| range(ctx, "CidrBlock", IPV4_POOLS)),
        call("default_for_az", never),
        call("ipv6_cidr_blocks", |ctx| listed(range(ctx, "Ipv6CidrBlock", IPV6_POOLS))),
        at("map_public_ip_on_launch", "MapPublicIpOnLaunch", Unset::False),
        call("owner_id", account),
        call("subnet_id", own),
        at("vpc_id", "VpcId", Unset::Output),
    ],
};

pub(super) const SUBNET_BLOCK: Part = Part {
    from: "AWS::EC2::SubnetCidrBlock",
    of: &["AWS::EC2::Subnet"],
    key: "SubnetId",
    whole: &["SubnetId"],
    optional: false,
    adds: Adds::Items(&[("ipv6_cidr_blocks", |ctx| range(ctx, "Ipv6CidrBlock", IPV6_POOLS))]),
};

fn protocol(json: Json) -> Json {
    let text = match json {
        Json::String(text) => text.to_lowercase(),
        Json::Number(number) => number.to_string(),
        mark => return mark,
    };
    json!(match text.as_str() {
        "all" | "-1" => "-1",
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        other => other,
    })
}

/// Another group that a rule names.
fn pair(ctx: &Ctx<'_>, group: Json) -> Json {
    // It may turn out not to be there.
    if marked(&group).is_some_and(|gap| !gap.is_set()) {
        return group;
    }
    json!({
        "group_id": group,
        "user_id": ctx.or("SourceSecurityGroupOwnerId", Unset::Worked(account)),
        "vpc_id": null,
        "vpc_peering_connection_id": ctx.missing("peering"),
        "peering_status": ctx.missing("peering"),
    })
}

/// A rule; nothing where it names nobody: then none is made.
fn rule(ctx: &Ctx<'_>, group: &str, prefix_list: &str) -> Json {
    let protocol = protocol(ctx.or("IpProtocol", Unset::Output));
    let port = |path: &str| if protocol.as_str() == Some("-1") { Json::Null } else { ctx.or(path, Unset::Null) };
    let mut groups: Vec<Json> = match ctx.or(group, Unset::Null) {
        Json::Null => Vec::new(),
        group => vec![pair(ctx, group)],
    };
    // Outside of VPCs, and in the default one, groups may be given by name.
    if is_set(ctx, "SourceSecurityGroupName") != Some(false) {
        groups.push(ctx.later("SourceSecurityGroupName"));
    }
    let [ipv4, ipv6, prefixes] = ["CidrIp", "CidrIpv6", prefix_list].map(|path| ctx.or(path, Unset::Null));
    if groups.is_empty() && ipv4.is_null() && ipv6.is_null() && prefixes.is_null() {
        return Json::Null;
    }
    json!({
        "ip_protocol": protocol,
        "from_port": port("FromPort"),
        "to_port": port("ToPort"),
        "cidr_ips": listed(ipv4),
        "cidr_ipv6s": listed(ipv6),
        "prefix_list_ids": listed(prefixes),
        "user_id_group_pairs": groups,
    })
}

fn ingress(ctx: &Ctx<'_>) -> Json {
    rule(ctx, "SourceSecurityGroupId", "SourcePrefixListId")
}

fn egress(ctx: &Ctx<'_>) -> Json {
    rule(ctx, "DestinationSecurityGroupId", "DestinationPrefixListId")
}

/// A group that is made without any rule for outgoing traffic has AWS's own, which lets everything out.
fn all_egress(ctx: &Ctx<'_>) -> Json {
    match each(ctx, "SecurityGroupEgress", egress) {
        Json::Array(rules) if rules.is_empty() => json!([{
            "ip_protocol": "-1",
            "from_port": null,
            "to_port": null,
            "cidr_ips": ["0.0.0.0/0"],
            // With a VPC that has IPv6, also everything there.
            "cidr_ipv6s": [ctx.or("outgoing IPv6", Unset::Decided)],
            "prefix_list_ids": [],
            "user_id_group_pairs": [],
        }]),
        other => other,
    }
}

pub(super) const SECURITY_GROUP: Mapping = Mapping {
    from: "AWS::EC2::SecurityGroup",
    kind: "AWS::EC2::SecurityGroup",
    id: &["GroupId"],
    arn: Arn::Made("ec2", "security-group/"),
    tags: TAGS,
    fields: &[
        at("description", "GroupDescription", Unset::Null),
        call("group_id", own),
        at("group_name", "GroupName", Unset::Output),
        call("ip_permissions", |ctx| each(ctx, "SecurityGroupIngress", ingress)),
        call("ip_permissions_egress", all_egress),
        call("owner_id", account),
        // Else the default VPC, if there is one.
        at("vpc_id", "VpcId", Unset::Decided),
    ],
};

const fn of_group(from: &'static str, key: &'static str, whole: &'static [&'static str], adds: Adds) -> Part {
    Part { from, of: &["AWS::EC2::SecurityGroup"], key, whole, optional: true, adds }
}

pub(super) const INGRESS: Part =
    of_group("AWS::EC2::SecurityGroupIngress", "GroupId", &["GroupId"], Adds::Items(&[("ip_permissions", ingress)]));
pub(super) const INGRESS_BY_NAME: Part =
    of_group("AWS::EC2::SecurityGroupIngress", "GroupName", &["GroupName"], Adds::Items(&[("ip_permissions", ingress)]));
pub(super) const EGRESS: Part = Part {
    optional: false,
    ..of_group("AWS::EC2::SecurityGroupEgress", "GroupId", &["GroupId"], Adds::Items(&[("ip_permissions_egress", egress)]))
};

const TARGETS: &[(&str, &str)] = &[
    ("carrier_gateway_id", "CarrierGatewayId"),
    ("core_network_arn", "CoreNetworkArn"),
    ("destination_cidr_block", "DestinationCidrBlock"),
    ("destination_ipv6_cidr_block", "DestinationIpv6CidrBlock"),
    ("destination_prefix_list_id", "DestinationPrefixListId"),
    ("egress_only_internet_gateway_id", "EgressOnlyInternetGatewayId"),
    ("gateway_id", "GatewayId"),
    ("instance_id", "InstanceId"),
    ("local_gateway_id", "LocalGatewayId"),
    ("nat_gateway_id", "NatGatewayId"),
    ("network_interface_id", "NetworkInterfaceId"),
    ("odb_network_arn", "OdbNetworkArn"),
    ("transit_gateway_id", "TransitGatewayId"),
    ("vpc_peering_connection_id", "VpcPeeringConnectionId"),
];

fn route(ctx: &Ctx<'_>) -> Json {
    let mut route: Map<String, Json> = TARGETS.iter().map(|(property, path)| ((*property).to_owned(), ctx.or(path, Unset::Null))).collect();
    // AWS tells which endpoint it is by the same member as a gateway.
    let endpoint = ctx.or("VpcEndpointId", Unset::Null);
    if !endpoint.is_null() {
        route.insert("gateway_id".to_owned(), endpoint);
    }
    route.insert("origin".to_owned(), json!("CreateRoute"));
    route.insert("state".to_owned(), ctx.missing("state"));
    Json::Object(route)
}

fn association(ctx: &Ctx<'_>) -> Json {
    json!({
        "subnet_id": ctx.or("SubnetId", Unset::Null),
        "gateway_id": ctx.or("GatewayId", Unset::Null),
        "main": false,
        "state": ctx.missing("state"),
    })
}

pub(super) const ROUTE_TABLE: Mapping = Mapping {
    from: "AWS::EC2::RouteTable",
    kind: "AWS::EC2::RouteTable",
    id: &["RouteTableId"],
    arn: Arn::Made("ec2", "route-table/"),
    tags: TAGS,
    fields: &[
        call("associations", empty),
        // Templates cannot make it the main one.
        call("main", never),
        call("owner_id", account),
        call("route_table_id", own),
        call("routes", empty),
        at("vpc_id", "VpcId", Unset::Output),
    ],
};

const fn of_table(from: &'static str, adds: Adds) -> Part {
    Part { from, of: &["AWS::EC2::RouteTable"], key: "RouteTableId", whole: &["RouteTableId"], optional: false, adds }
}

pub(super) const ROUTE: Part = of_table("AWS::EC2::Route", Adds::Items(&[("routes", route)]));
pub(super) const SUBNET_ASSOCIATION: Part =
    of_table("AWS::EC2::SubnetRouteTableAssociation", Adds::Items(&[("associations", association)]));
pub(super) const GATEWAY_ASSOCIATION: Part =
    of_table("AWS::EC2::GatewayRouteTableAssociation", Adds::Items(&[("associations", association)]));

const LOGS: &str = "cloud-watch-logs";

fn destination_type(ctx: &Ctx<'_>) -> Json {
    ctx.or("LogDestinationType", Unset::Text(LOGS))
}

fn log_group(ctx: &Ctx<'_>) -> Json {
    match (ctx.or("LogGroupName", Unset::Null), destination_type(ctx)) {
        (Json::Null, Json::String(kind)) if kind != LOGS => Json::Null,
        (Json::Null, _) => match ctx.or("LogDestination", Unset::Null) {
            Json::String(arn) => arn.split_once(":log-group:").map_or(Json::Null, |(_, name)| json!(name.trim_end_matches(":*"))),
            other => other,
        },
        (name, _) => name,
    }
}

/// Traffic of transit gateways is summed up for a minute only, and not chosen.
fn interval(ctx: &Ctx<'_>) -> Json {
    let unset = match ctx.text("ResourceType") {
        Some("VPC" | "Subnet" | "NetworkInterface") => Unset::Int(600),
        Some(_) => Unset::Int(60),
        None => Unset::Decided,
    };
    ctx.or("MaxAggregationInterval", unset)
}

pub(super) const FLOW_LOG: Mapping = Mapping {
    from: "AWS::EC2::FlowLog",
    kind: "AWS::EC2::FlowLog",
    id: &["Id"],
    arn: Arn::Made("ec2", "vpc-flow-log/"),
    tags: TAGS,
    fields: &[
        call("flow_log_id", own),
        at("log_destination", "LogDestination", Unset::Null),
        call("log_destination_type", destination_type),
        call("log_group_name", log_group),
        call("max_aggregation_interval", interval),
        at("resource_id", "ResourceId", Unset::Output),
        at("traffic_type", "TrafficType", Unset::Null),
    ],
};

pub(super) const PEERING: Mapping = Mapping {
    from: "AWS::EC2::VPCPeeringConnection",
    kind: "AWS::EC2::VPCPeeringConnection",
    id: &["Id"],
    arn: Arn::Made("ec2", "vpc-peering-connection/"),
    tags: TAGS,
    fields: &[
        at("accepter_owner_id", "PeerOwnerId", Unset::Worked(account)),
        at("accepter_region", "PeerRegion", Unset::Worked(region)),
        at("accepter_vpc_id", "PeerVpcId", Unset::Output),
        call("requester_owner_id", account),
        call("requester_region", region),
        at("requester_vpc_id", "VpcId", Unset::Output),
        // It is declared to carry traffic: it is judged as if it did.
        call("status_code", |_| json!("active")),
        call("vpc_peering_connection_id", own),
    ],
};

/// A transit gateway of the template is the account's own; any other may be shared by another one.
fn gateway_owner(ctx: &Ctx<'_>) -> Json {
    let gateway = ctx.or("TransitGatewayId", Unset::Output);
    match marked(&gateway) {
        Some(gap) if gap.symbol().is_some() => account(ctx),
        _ => ctx.missing("the owner of the transit gateway"),
    }
}

const ATTACHMENT: Mapping = Mapping {
    from: "AWS::EC2::TransitGatewayAttachment",
    kind: "AWS::EC2::TransitGatewayAttachment",
    id: &["Id"],
    arn: Arn::Made("ec2", "transit-gateway-attachment/"),
    tags: TAGS,
    fields: &[
        at("resource_id", "VpcId", Unset::Output),
        // Nobody can attach a VPC that another account shares.
        call("resource_owner_id", account),
        call("resource_type", |_| json!("vpc")),
        // It is judged as what it is meant to be: attached.
        call("state", |_| json!("available")),
        call("transit_gateway_attachment_id", own),
        at("transit_gateway_id", "TransitGatewayId", Unset::Output),
        call("transit_gateway_owner_id", gateway_owner),
        call("transit_gateway_route_table_id", |ctx| ctx.missing("the route table of the transit gateway")),
        at("vpc_id", "VpcId", Unset::Output),
    ],
};

pub(super) const TRANSIT_GATEWAY_ATTACHMENT: Mapping = ATTACHMENT;
pub(super) const TRANSIT_GATEWAY_VPC_ATTACHMENT: Mapping = Mapping { from: "AWS::EC2::TransitGatewayVpcAttachment", ..ATTACHMENT };
