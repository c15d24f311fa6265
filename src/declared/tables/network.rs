//! Networks: VPCs, subnets, routes, security groups and what connects them.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Unset, at, call, same};
use super::super::row::Row;
use super::super::undeclared::{Rule, Undeclared, nothing};
use super::super::{is_marked, marked, reference, unknown};
use crate::estate::{Action, Reason, Resource, Value, account_of};

const TAGS: &[&str] = &["tags_all", "tags"];

/// The object's own id, which others name it by: a reference to itself while it is to be made.
fn own(ctx: &Ctx<'_>) -> Json {
    ctx.text("id").map_or_else(|| reference(&ctx.object.address, &ctx.object.source_type), |id| json!(id))
}

fn protocol(json: Json) -> Json {
    let Json::String(text) = json else { return json };
    json!(match text.to_lowercase().as_str() {
        "all" | "-1" => "-1",
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        other => other,
    })
}

/// Ports; AWS sends none where the protocol admits all, and where Terraform writes 0.
fn port(ctx: &Ctx<'_>, protocol: &Json, path: &str) -> Json {
    match protocol.as_str() {
        Some("-1") => Json::Null,
        _ => ctx.or(path, Unset::Null),
    }
}

fn list(json: Json) -> Json {
    match json {
        Json::Null => json!([]),
        Json::Array(items) => Json::Array(items),
        mark if is_marked(&mark) => json!([mark]),
        one => json!([one]),
    }
}

fn pair(ctx: &Ctx<'_>, group: &Json) -> Json {
    let (owner, group) = match group.as_str().and_then(|text| text.split_once('/')) {
        Some((owner, group)) => (json!(owner), json!(group)),
        None => (ctx.object.account.clone().map_or_else(|| ctx.missing("the account of the group"), Json::String), group.clone()),
    };
    json!({
        "group_id": group,
        "user_id": owner,
        "vpc_id": null,
        "vpc_peering_connection_id": ctx.missing("peering"),
        "peering_status": ctx.missing("peering"),
    })
}

fn pairs(ctx: &Ctx<'_>, groups: Vec<Json>) -> Json {
    groups.iter().map(|group| if is_open(group) { group.clone() } else { pair(ctx, group) }).collect()
}

/// Whether it may stand for several groups, or for none.
fn is_open(json: &Json) -> bool {
    marked(json).is_some_and(|gap| gap.symbol().is_none())
}

/// One inline rule of a group.
fn inline(ctx: &Ctx<'_>, rule: &Json, own: &Json) -> Json {
    if is_marked(rule) {
        return rule.clone();
    }
    let inner = ctx.within(rule);
    let protocol = protocol(inner.or("protocol", Unset::Text("-1")));
    let mut groups = match list(inner.or("security_groups", Unset::Null)) {
        Json::Array(groups) => groups,
        _ => Vec::new(),
    };
    match inner.or("self", Unset::False) {
        Json::Bool(true) => groups.push(own.clone()),
        mark if is_marked(&mark) => groups.push(mark),
        _ => {}
    }
    json!({
        "ip_protocol": protocol,
        "from_port": port(&inner, &protocol, "from_port"),
        "to_port": port(&inner, &protocol, "to_port"),
        "cidr_ips": list(inner.or("cidr_blocks", Unset::Null)),
        "cidr_ipv6s": list(inner.or("ipv6_cidr_blocks", Unset::Null)),
        "prefix_list_ids": list(inner.or("prefix_list_ids", Unset::Null)),
        "user_id_group_pairs": pairs(&inner, groups),
    })
}

/// Inline rules. A group that is made without any begins empty: Terraform takes AWS's own rule for
/// outgoing traffic away.
fn rules(ctx: &Ctx<'_>, path: &str) -> Json {
    let made = ctx.is_made();
    match ctx.get(path) {
        Got::Unknown(mark) if made && marked(mark).is_some_and(|gap| gap.reason == Reason::AwsDecides) => json!([]),
        Got::Value(Json::Array(rules)) => {
            let own = own(ctx);
            rules.iter().map(|rule| inline(ctx, rule, &own)).collect()
        }
        _ => ctx.or(path, Unset::Empty),
    }
}

fn ingress(ctx: &Ctx<'_>) -> Json {
    rules(ctx, "ingress")
}

fn egress(ctx: &Ctx<'_>) -> Json {
    rules(ctx, "egress")
}

/// `aws_security_group_rule`, if it is for that direction.
fn classic(ctx: &Ctx<'_>, direction: &str) -> Json {
    match ctx.or("type", Unset::Output) {
        Json::String(text) if text != direction => return Json::Null,
        _ => {}
    }
    let protocol = protocol(ctx.or("protocol", Unset::Output));
    let mut groups = Vec::new();
    match ctx.or("source_security_group_id", Unset::Null) {
        Json::Null => {}
        group => groups.push(group),
    }
    if ctx.or("self", Unset::False) == json!(true) {
        groups = vec![ctx.or("security_group_id", Unset::Output)];
    }
    json!({
        "ip_protocol": protocol,
        "from_port": port(ctx, &protocol, "from_port"),
        "to_port": port(ctx, &protocol, "to_port"),
        "cidr_ips": list(ctx.or("cidr_blocks", Unset::Null)),
        "cidr_ipv6s": list(ctx.or("ipv6_cidr_blocks", Unset::Null)),
        "prefix_list_ids": list(ctx.or("prefix_list_ids", Unset::Null)),
        "user_id_group_pairs": pairs(ctx, groups),
    })
}

/// `aws_vpc_security_group_ingress_rule` and its twin.
fn single(ctx: &Ctx<'_>) -> Json {
    let protocol = protocol(ctx.or("ip_protocol", Unset::Output));
    let groups = match ctx.or("referenced_security_group_id", Unset::Null) {
        Json::Null => Vec::new(),
        group => vec![group],
    };
    json!({
        "ip_protocol": protocol,
        "from_port": port(ctx, &protocol, "from_port"),
        "to_port": port(ctx, &protocol, "to_port"),
        "cidr_ips": list(ctx.or("cidr_ipv4", Unset::Null)),
        "cidr_ipv6s": list(ctx.or("cidr_ipv6", Unset::Null)),
        "prefix_list_ids": list(ctx.or("prefix_list_id", Unset::Null)),
        "user_id_group_pairs": pairs(ctx, groups),
    })
}

/// What the lists of a rule hold, by the name of the list.
type Held = HashSet<(&'static str, Json)>;

/// The lists of a rule.
const LISTS: &[&str] = &["cidr_ips", "cidr_ipv6s", "prefix_list_ids", "user_id_group_pairs"];

/// Rules as AWS keeps them: those of the same protocol and ports are one.
pub(in crate::declared) fn merge_rules(properties: &mut Row) {
    for direction in ["ip_permissions", "ip_permissions_egress"] {
        let Some(Json::Array(rules)) = properties.get_mut(direction) else { continue };
        let mut merged: Vec<Json> = Vec::new();
        // Protocol and ports → position, and what each list of the rule holds.
        let mut places: HashMap<Json, (usize, Held)> = HashMap::new();
        for mut rule in std::mem::take(rules) {
            if is_marked(&rule) {
                merged.push(rule);
                continue;
            }
            let key: Json = ["ip_protocol", "from_port", "to_port"].iter().map(|key| rule.get(*key).cloned().unwrap_or_default()).collect();
            let (at, held) = places.entry(key).or_insert((merged.len(), Held::new()));
            let is_first = *at == merged.len();
            for list in LISTS {
                let Some(Json::Array(own)) = rule.get_mut(*list) else { continue };
                if is_first {
                    held.extend(own.iter().map(|item| (*list, item.clone())));
                } else if let Some(Json::Array(into)) = merged[*at].get_mut(*list) {
                    into.extend(std::mem::take(own).into_iter().filter(|item| held.insert((*list, item.clone()))));
                }
            }
            if is_first {
                merged.push(rule);
            }
        }
        *rules = merged;
    }
}

const TARGETS: &[(&str, &str)] = &[
    ("carrier_gateway_id", "carrier_gateway_id"),
    ("core_network_arn", "core_network_arn"),
    ("egress_only_internet_gateway_id", "egress_only_gateway_id"),
    ("gateway_id", "gateway_id"),
    ("local_gateway_id", "local_gateway_id"),
    ("nat_gateway_id", "nat_gateway_id"),
    ("network_interface_id", "network_interface_id"),
    ("odb_network_arn", "odb_network_arn"),
    ("transit_gateway_id", "transit_gateway_id"),
    ("vpc_peering_connection_id", "vpc_peering_connection_id"),
];

fn target(ctx: &Ctx<'_>, path: &str) -> Json {
    match ctx.or(path, Unset::Null) {
        Json::String(text) if text.is_empty() => Json::Null,
        // An argument that this version of the provider does not have is not used.
        mark if marked(&mark).is_some_and(|gap| gap.reason == Reason::NotCollected) => Json::Null,
        other => other,
    }
}

fn route(ctx: &Ctx<'_>, destinations: [&str; 3]) -> Json {
    let mut route = Map::new();
    for (property, path) in ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"].iter().zip(destinations)
    {
        route.insert((*property).to_owned(), target(ctx, path));
    }
    for (property, path) in TARGETS {
        route.insert((*property).to_owned(), target(ctx, path));
    }
    // AWS tells which endpoint it is by the same member as a gateway.
    let endpoint = target(ctx, "vpc_endpoint_id");
    if !endpoint.is_null() {
        route.insert("gateway_id".to_owned(), endpoint);
    }
    route.insert("instance_id".to_owned(), target(ctx, "instance_id"));
    route.insert("origin".to_owned(), json!("CreateRoute"));
    route.insert("state".to_owned(), ctx.missing("state"));
    Json::Object(route)
}

fn declared_route(ctx: &Ctx<'_>) -> Json {
    route(ctx, ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"])
}

fn inline_routes(ctx: &Ctx<'_>) -> Json {
    let made = ctx.is_made();
    match ctx.get("route") {
        Got::Unknown(mark) if made && marked(mark).is_some_and(|gap| gap.reason == Reason::AwsDecides) => json!([]),
        Got::Value(Json::Array(routes)) => routes
            .iter()
            .map(|block| {
                if is_marked(block) {
                    return block.clone();
                }
                route(&ctx.within(block), ["cidr_block", "ipv6_cidr_block", "destination_prefix_list_id"])
            })
            .collect(),
        _ => ctx.or("route", Unset::Empty),
    }
}

fn association(ctx: &Ctx<'_>) -> Json {
    json!({
        "subnet_id": ctx.or("subnet_id", Unset::Null),
        "gateway_id": ctx.or("gateway_id", Unset::Null),
        "main": false,
        "state": ctx.missing("state"),
    })
}

fn made_empty(ctx: &Ctx<'_>, path: &str) -> Json {
    match ctx.object.action {
        Some(Action::Create | Action::Replace) => json!([]),
        _ => ctx.missing(path),
    }
}

fn flow_logged(ctx: &Ctx<'_>) -> Json {
    let paths = ["vpc_id", "subnet_id", "eni_id", "transit_gateway_id", "transit_gateway_attachment_id"];
    let found = paths.iter().map(|path| ctx.or(path, Unset::Null)).find(|json| {
        let left_out = marked(json).is_some_and(|gap| gap.reason == Reason::NotCollected);
        !json.is_null() && !left_out
    });
    found.unwrap_or_else(|| ctx.later("vpc_id"))
}

/// A connection that is declared is meant to carry traffic: it is judged as if it did.
fn peering_status(ctx: &Ctx<'_>) -> Json {
    ctx.text("accept_status").map_or_else(|| json!("active"), |status| json!(status))
}

/// What is made is owned by the account that makes it.
pub(super) fn own_account(ctx: &Ctx<'_>) -> Json {
    let unnamed = || unknown(Reason::Referenced, account_of(&ctx.object.address));
    ctx.object.account.clone().map_or_else(unnamed, Json::String)
}

fn own_region(ctx: &Ctx<'_>) -> Json {
    ctx.object.region.clone().map_or_else(|| ctx.no_region(), Json::String)
}

fn peer_account(ctx: &Ctx<'_>) -> Json {
    match ctx.or("peer_owner_id", Unset::Null) {
        Json::Null => own_account(ctx),
        other => other,
    }
}

fn peer_region(ctx: &Ctx<'_>) -> Json {
    match ctx.or("peer_region", Unset::Null) {
        Json::Null => own_region(ctx),
        other => other,
    }
}

fn primary_block(ctx: &Ctx<'_>) -> Json {
    list(ctx.or("cidr_block", Unset::Output))
}

fn ipv6_blocks(ctx: &Ctx<'_>) -> Json {
    let block = |path: &str| match ctx.get(path) {
        Got::Value(Json::String(text)) if text.is_empty() => json!([]),
        Got::Unset => json!([]),
        _ => list(ctx.or(path, Unset::Null)),
    };
    // AWS chooses the range where one is asked for.
    match (ctx.or("assign_generated_ipv6_cidr_block", Unset::False), ctx.get("ipv6_cidr_block")) {
        (Json::Bool(true), Got::Unknown(_)) => json!([ctx.later("ipv6_cidr_block")]),
        _ => block("ipv6_cidr_block"),
    }
}

fn subnet_ipv6(ctx: &Ctx<'_>) -> Json {
    match ctx.get("ipv6_cidr_block") {
        Got::Value(Json::String(text)) if text.is_empty() => json!([]),
        Got::Unset => json!([]),
        _ => list(ctx.or("ipv6_cidr_block", Unset::Null)),
    }
}

fn tgw_route_table(ctx: &Ctx<'_>) -> Json {
    match ctx.or("transit_gateway_default_route_table_association", Unset::True) {
        Json::Bool(false) => Json::Null,
        _ => ctx.missing("transit_gateway_route_table_id"),
    }
}

macro_rules! vpc {
    ($from:literal, $default:expr) => {
        Mapping {
            from: $from,
            kind: "AWS::EC2::VPC",
            id: &["id"],
            arn: Arn::Made("ec2", "vpc/"),
            tags: TAGS,
            fields: &[
                same("cidr_block", Unset::Output),
                call("cidr_blocks", primary_block),
                same("instance_tenancy", Unset::Text("default")),
                call("ipv6_cidr_blocks", ipv6_blocks),
                call("is_default", $default),
                at("owner_id", "owner_id", Unset::Worked(own_account)),
                at("vpc_id", "id", Unset::Output),
            ],
        }
    };
}

macro_rules! subnet {
    ($from:literal, $default:expr) => {
        Mapping {
            from: $from,
            kind: "AWS::EC2::Subnet",
            id: &["id"],
            arn: Arn::Made("ec2", "subnet/"),
            tags: TAGS,
            fields: &[
                same("assign_ipv6_address_on_creation", Unset::False),
                same("availability_zone", Unset::Output),
                same("availability_zone_id", Unset::Output),
                same("cidr_block", Unset::Null),
                call("default_for_az", $default),
                call("ipv6_cidr_blocks", subnet_ipv6),
                same("map_public_ip_on_launch", Unset::False),
                at("owner_id", "owner_id", Unset::Worked(own_account)),
                at("subnet_id", "id", Unset::Output),
                same("vpc_id", Unset::Output),
            ],
        }
    };
}

macro_rules! group {
    ($from:literal) => {
        Mapping {
            from: $from,
            kind: "AWS::EC2::SecurityGroup",
            id: &["id"],
            arn: Arn::Made("ec2", "security-group/"),
            tags: TAGS,
            fields: &[
                same("description", Unset::Text("Managed by Terraform")),
                at("group_id", "id", Unset::Output),
                at("group_name", "name", Unset::Output),
                call("ip_permissions", ingress),
                call("ip_permissions_egress", egress),
                at("owner_id", "owner_id", Unset::Worked(own_account)),
                same("vpc_id", Unset::Output),
            ],
        }
    };
}

macro_rules! route_table {
    ($from:literal, $main:expr) => {
        Mapping {
            from: $from,
            kind: "AWS::EC2::RouteTable",
            id: &["id"],
            arn: Arn::Made("ec2", "route-table/"),
            tags: TAGS,
            fields: &[
                call("associations", |ctx| made_empty(ctx, "associations")),
                call("main", $main),
                at("owner_id", "owner_id", Unset::Worked(own_account)),
                at("route_table_id", "id", Unset::Output),
                call("routes", inline_routes),
                same("vpc_id", Unset::Output),
            ],
        }
    };
}

pub(super) const MAPPINGS: &[Mapping] = &[
    vpc!("aws_vpc", |_| json!(false)),
    vpc!("aws_default_vpc", |_| json!(true)),
    subnet!("aws_subnet", |_| json!(false)),
    subnet!("aws_default_subnet", |_| json!(true)),
    group!("aws_security_group"),
    group!("aws_default_security_group"),
    route_table!("aws_route_table", |ctx| ctx.missing("main")),
    route_table!("aws_default_route_table", |_| json!(true)),
    Mapping {
        from: "aws_flow_log",
        kind: "AWS::EC2::FlowLog",
        id: &["id"],
        arn: Arn::Made("ec2", "vpc-flow-log/"),
        tags: TAGS,
        fields: &[
            at("flow_log_id", "id", Unset::Output),
            same("log_destination", Unset::Null),
            same("log_destination_type", Unset::Text("cloud-watch-logs")),
            same("max_aggregation_interval", Unset::Int(600)),
            call("resource_id", flow_logged),
            same("traffic_type", Unset::Null),
        ],
    },
    Mapping {
        from: "aws_vpc_peering_connection",
        kind: "AWS::EC2::VPCPeeringConnection",
        id: &["id"],
        arn: Arn::Made("ec2", "vpc-peering-connection/"),
        tags: TAGS,
        fields: &[
            call("accepter_owner_id", peer_account),
            call("accepter_region", peer_region),
            at("accepter_vpc_id", "peer_vpc_id", Unset::Output),
            call("requester_owner_id", own_account),
            call("requester_region", own_region),
            at("requester_vpc_id", "vpc_id", Unset::Output),
            call("status_code", peering_status),
            at("vpc_peering_connection_id", "id", Unset::Output),
        ],
    },
    Mapping {
        from: "aws_ec2_transit_gateway_vpc_attachment",
        kind: "AWS::EC2::TransitGatewayAttachment",
        id: &["id"],
        arn: Arn::Made("ec2", "transit-gateway-attachment/"),
        tags: TAGS,
        fields: &[
            at("resource_id", "vpc_id", Unset::Output),
            at("resource_owner_id", "vpc_owner_id", Unset::Output),
            call("resource_type", |_| json!("vpc")),
            // It is judged as what it is meant to be: attached.
            call("state", |_| json!("available")),
            at("transit_gateway_attachment_id", "id", Unset::Output),
            same("transit_gateway_id", Unset::Output),
            call("transit_gateway_owner_id", own_account),
            call("transit_gateway_route_table_id", tgw_route_table),
            same("vpc_id", Unset::Output),
        ],
    },
];

/// Public access to the whole account may be blocked, which nobody reads here.
fn off(value: &Value, resource: &Resource) -> bool {
    nothing(value, resource) || matches!(value, Value::String(mode) if &**mode == "off")
}

const GROUPS: &[&str] = &["aws_security_group", "aws_default_security_group"];
const TABLES: &[&str] = &["aws_route_table", "aws_default_route_table"];

pub(super) const PARTS: &[Part] = &[
    Part {
        from: "aws_security_group_rule",
        of: GROUPS,
        key: "security_group_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("ip_permissions", |ctx| classic(ctx, "ingress")), ("ip_permissions_egress", |ctx| classic(ctx, "egress"))]),
    },
    Part {
        from: "aws_vpc_security_group_ingress_rule",
        of: GROUPS,
        key: "security_group_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("ip_permissions", single)]),
    },
    Part {
        from: "aws_vpc_security_group_egress_rule",
        of: GROUPS,
        key: "security_group_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("ip_permissions_egress", single)]),
    },
    Part {
        from: "aws_route",
        of: TABLES,
        key: "route_table_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("routes", declared_route)]),
    },
    Part {
        from: "aws_route_table_association",
        of: TABLES,
        key: "route_table_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("associations", association)]),
    },
    Part {
        from: "aws_main_route_table_association",
        of: TABLES,
        key: "route_table_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Fields(&[call("main", |ctx| json!(ctx.object.action != Some(Action::Delete)))]),
    },
    Part {
        from: "aws_vpc_ipv4_cidr_block_association",
        of: &["aws_vpc", "aws_default_vpc"],
        key: "vpc_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("cidr_blocks", |ctx| ctx.or("cidr_block", Unset::Output))]),
    },
    Part {
        from: "aws_vpc_ipv6_cidr_block_association",
        of: &["aws_vpc", "aws_default_vpc"],
        key: "vpc_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("ipv6_cidr_blocks", |ctx| ctx.or("ipv6_cidr_block", Unset::Output))]),
    },
    Part {
        from: "aws_vpc_peering_connection_accepter",
        of: &["aws_vpc_peering_connection"],
        key: "vpc_peering_connection_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Nothing,
    },
    Part {
        from: "aws_vpc_peering_connection_options",
        of: &["aws_vpc_peering_connection"],
        key: "vpc_peering_connection_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Nothing,
    },
];

pub(super) const UNDECLARED: &[Undeclared] = &[
    Undeclared {
        kind: "AWS::EC2::FlowLog",
        properties: &[
            ("creation_time", Rule::OfAws),
            ("deliver_logs_error_message", Rule::OfAws),
            ("deliver_logs_status", Rule::OfAws),
            ("flow_log_status", Rule::OfAws),
            ("log_group_name", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::EC2::RouteTable",
        properties: &[
            ("associations", Rule::Nothing),
            ("main", Rule::Nothing),
            ("associations[].state", Rule::OfAws),
            ("routes[].state", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::EC2::SecurityGroup",
        properties: &[
            ("ip_permissions[].user_id_group_pairs[].peering_status", Rule::OfAws),
            ("ip_permissions[].user_id_group_pairs[].vpc_id", Rule::OfAws),
            ("ip_permissions[].user_id_group_pairs[].vpc_peering_connection_id", Rule::OfAws),
            ("ip_permissions_egress[].user_id_group_pairs[].peering_status", Rule::OfAws),
            ("ip_permissions_egress[].user_id_group_pairs[].vpc_id", Rule::OfAws),
            ("ip_permissions_egress[].user_id_group_pairs[].vpc_peering_connection_id", Rule::OfAws),
        ],
    },
    Undeclared { kind: "AWS::EC2::Subnet", properties: &[("internet_gateway_block_mode", Rule::Usual(off)), ("state", Rule::OfAws)] },
    Undeclared {
        kind: "AWS::EC2::TransitGatewayAttachment",
        properties: &[
            ("transit_gateway_route_table_id", Rule::Usual(nothing)),
            ("association_state", Rule::OfAws),
            ("creation_time", Rule::OfAws),
        ],
    },
    Undeclared { kind: "AWS::EC2::VPC", properties: &[("internet_gateway_block_mode", Rule::Usual(off)), ("state", Rule::OfAws)] },
    Undeclared {
        kind: "AWS::EC2::VPCPeeringConnection",
        properties: &[
            ("accepter_cidr_blocks", Rule::OfAws),
            ("accepter_ipv6_cidr_blocks", Rule::OfAws),
            ("expiration_time", Rule::OfAws),
            ("requester_cidr_blocks", Rule::OfAws),
            ("requester_ipv6_cidr_blocks", Rule::OfAws),
        ],
    },
];
