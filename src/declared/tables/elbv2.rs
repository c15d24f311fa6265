//! Elastic Load Balancing, version 2: load balancers, listeners and target groups.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Field, Got, Mapping, Part, Take, Unset, at, call, same, take};
use super::super::undeclared::{Rule, Undeclared};
use super::super::{is_marked, marked, unknown};
use crate::estate::Reason;

const TAGS: &[&str] = &["tags_all", "tags"];

fn decided(ctx: &Ctx<'_>, path: &str) -> Json {
    unknown(Reason::AwsDecides, format!("{}.{path}", ctx.object.address))
}

fn upper(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(text.to_uppercase()),
        other => other,
    }
}

fn balancer_type(ctx: &Ctx<'_>) -> Json {
    ctx.or("load_balancer_type", Unset::Text("application"))
}

/// What gateway load balancers do not have.
fn unless_gateway(ctx: &Ctx<'_>, json: Json) -> Json {
    match balancer_type(ctx) {
        Json::String(kind) if kind == "gateway" => Json::Null,
        Json::String(_) => json,
        mark => mark,
    }
}

fn scheme(ctx: &Ctx<'_>) -> Json {
    let scheme = match ctx.or("internal", Unset::False) {
        Json::Bool(true) => json!("internal"),
        Json::Bool(false) => json!("internet-facing"),
        mark => mark,
    };
    unless_gateway(ctx, scheme)
}

/// An application load balancer without any gets the default group of its VPC; others may have none.
fn security_groups(ctx: &Ctx<'_>) -> Json {
    let path = "security_groups";
    let groups = ctx.or(path, Unset::Empty);
    let none = groups.as_array().is_some_and(Vec::is_empty);
    match balancer_type(ctx) {
        Json::String(kind) if kind != "application" => groups,
        _ if none => decided(ctx, path),
        _ => groups,
    }
}

/// Subnets: in a list, or each with the addresses that are chosen in it.
fn subnet_ids(ctx: &Ctx<'_>) -> Json {
    let path = "subnets";
    let subnets = ctx.or(path, Unset::Empty);
    if !subnets.as_array().is_some_and(Vec::is_empty) {
        return subnets;
    }
    match ctx.blocks("subnet_mapping") {
        Ok(blocks) if !blocks.is_empty() => blocks.into_iter().map(|block| ctx.within(block).or("subnet_id", Unset::Output)).collect(),
        _ => ctx.later(path),
    }
}

/// The protocol. Terraform chooses one for application load balancers, gateway load balancers have none.
fn listener_protocol(ctx: &Ctx<'_>) -> Json {
    let path = "protocol";
    let balancer = ctx.text("load_balancer_arn").unwrap_or_default();
    match ctx.or(path, Unset::Null) {
        Json::Null if balancer.contains("loadbalancer/app/") => json!("HTTP"),
        Json::Null if balancer.contains("loadbalancer/gwy/") => Json::Null,
        Json::Null => decided(ctx, path),
        other => upper(other),
    }
}

/// What only listeners have that end TLS.
fn with_tls(ctx: &Ctx<'_>, within: Json, outside: Json) -> Json {
    match listener_protocol(ctx) {
        Json::String(protocol) if matches!(protocol.as_str(), "HTTPS" | "TLS") => within,
        Json::String(_) | Json::Null => outside,
        mark => mark,
    }
}

/// The policy that everybody gets who names none to the API admits old versions of TLS.
fn ssl_policy(ctx: &Ctx<'_>) -> Json {
    with_tls(ctx, ctx.or("ssl_policy", Unset::Text("ELBSecurityPolicy-2016-08")), Json::Null)
}

fn certificate_arns(ctx: &Ctx<'_>) -> Json {
    match ctx.or("certificate_arn", Unset::Null) {
        Json::Null => json!([]),
        // A certificate that is still to be made is one where there must be one.
        mark if is_marked(&mark) => with_tls(ctx, json!([mark]), mark),
        arn => json!([arn]),
    }
}

/// Default actions in the order in which they are taken.
fn actions<'a>(ctx: &Ctx<'a>) -> Result<Vec<&'a Json>, Json> {
    let order = |action: &Json| action.get("order").and_then(Json::as_i64);
    let mut actions = ctx.blocks("default_action")?;
    if actions.iter().all(|action| order(action).is_some()) {
        actions.sort_by_key(|action| order(action));
    }
    Ok(actions)
}

fn default_action_types(ctx: &Ctx<'_>) -> Json {
    match actions(ctx) {
        Ok(actions) if actions.is_empty() => ctx.missing("default_action"),
        Ok(actions) => actions.into_iter().map(|action| ctx.within(action).or("type", Unset::Output)).collect(),
        Err(mark) => mark,
    }
}

fn redirect_protocol(ctx: &Ctx<'_>) -> Json {
    let actions = match actions(ctx) {
        Ok(actions) => actions,
        Err(mark) => return mark,
    };
    for action in actions {
        let action = ctx.within(action);
        match action.or("type", Unset::Output) {
            Json::String(kind) if kind.eq_ignore_ascii_case("redirect") => {
                return action.or("redirect.protocol", Unset::Text("#{protocol}"));
            }
            Json::String(_) => {}
            mark => return mark,
        }
    }
    Json::Null
}

fn target_type(ctx: &Ctx<'_>) -> Json {
    ctx.or("target_type", Unset::Text("instance"))
}

/// What groups of functions do not have.
fn unless_lambda(ctx: &Ctx<'_>, json: Json) -> Json {
    match target_type(ctx) {
        Json::String(kind) if kind == "lambda" => Json::Null,
        Json::String(_) => json,
        mark => mark,
    }
}

/// Targets. Auto Scaling and ECS register instances and addresses by themselves, also with a group that
/// is only just made: what code attaches is never known to be everything.
fn targets(ctx: &Ctx<'_>) -> Json {
    match target_type(ctx) {
        Json::String(kind) if ctx.is_made() && matches!(kind.as_str(), "lambda" | "alb") => json!([]),
        _ => ctx.missing("targets"),
    }
}

fn target_instance_ids(ctx: &Ctx<'_>) -> Json {
    match target_type(ctx) {
        Json::String(kind) if kind == "instance" => ctx.missing("target_instance_ids"),
        Json::String(_) => Json::Null,
        mark => mark,
    }
}

/// What a target is, where its id or the reference to it tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Instance,
    Address,
    Function,
    Other,
}

fn kind(ctx: &Ctx<'_>) -> Kind {
    match ctx.get("target_id") {
        Got::Value(Json::String(id)) if id.starts_with("i-") => Kind::Instance,
        Got::Value(Json::String(id)) if id.contains(":function:") => Kind::Function,
        Got::Value(Json::String(id)) if id.parse::<IpAddr>().is_ok() => Kind::Address,
        Got::Unknown(mark) => {
            let gap = marked(mark).filter(|gap| gap.reason == Reason::Referenced);
            let address = gap.and_then(|gap| gap.subject).unwrap_or_default();
            // Keys of modules may hold anything: what follows the last of them names the resource.
            let own = address.rsplit("].").next().unwrap_or_default();
            let of = |kind: &str| own.split('.').any(|step| step == kind);
            if of("aws_instance") {
                Kind::Instance
            } else if of("aws_lambda_function") || of("aws_lambda_alias") {
                Kind::Function
            } else {
                Kind::Other
            }
        }
        _ => Kind::Other,
    }
}

fn target(ctx: &Ctx<'_>) -> Json {
    let kind = kind(ctx);
    let port = ctx.or("port", Unset::Null);
    let number = port.as_i64().or_else(|| port.as_str()?.parse().ok()).filter(|port| *port != 0);
    let port = match number {
        Some(number) => json!(number),
        None if is_marked(&port) => port,
        None if kind == Kind::Function => Json::Null,
        // It is the port of the group.
        None => ctx.missing("port"),
    };
    let zone = match ctx.or("availability_zone", Unset::Null) {
        // AWS finds out the zone of an address by itself, and tells none of an instance.
        Json::Null if kind != Kind::Instance => ctx.missing("availability_zone"),
        zone => zone,
    };
    json!({
        "target_id": ctx.or("target_id", Unset::Output),
        "port": port,
        "availability_zone": zone,
        "state": ctx.missing("state"),
    })
}

/// Nothing for other targets: whether the group is one of instances only the group knows.
fn instance_id(ctx: &Ctx<'_>) -> Json {
    if kind(ctx) == Kind::Instance { ctx.or("target_id", Unset::Output) } else { Json::Null }
}

const LOAD_BALANCER: &[Field] = &[
    call("dns_name", |ctx| unless_gateway(ctx, ctx.or("dns_name", Unset::Output))),
    same("ip_address_type", Unset::Text("ipv4")),
    at("load_balancer_name", "name", Unset::Output),
    call("load_balancer_type", balancer_type),
    call("scheme", scheme),
    call("security_groups", security_groups),
    call("subnet_ids", subnet_ids),
    same("vpc_id", Unset::Output),
];

const LISTENER: &[Field] = &[
    call("certificate_arns", certificate_arns),
    call("default_action_types", default_action_types),
    same("load_balancer_arn", Unset::Output),
    take("port", Take::NonZero("port"), Unset::Null),
    call("protocol", listener_protocol),
    call("redirect_protocol", redirect_protocol),
    call("ssl_policy", ssl_policy),
];

const TARGET_GROUP: &[Field] = &[
    call("port", |ctx| unless_lambda(ctx, ctx.or("port", Unset::Output))),
    call("protocol", |ctx| unless_lambda(ctx, upper(ctx.or("protocol", Unset::Output)))),
    at("target_group_name", "name", Unset::Output),
    call("target_instance_ids", target_instance_ids),
    call("target_type", target_type),
    call("targets", targets),
    call("vpc_id", |ctx| unless_lambda(ctx, ctx.or("vpc_id", Unset::Output))),
];

const fn load_balancer(from: &'static str) -> Mapping {
    let arn = Arn::Told(&["arn", "id"]);
    Mapping { from, kind: "AWS::ElasticLoadBalancingV2::LoadBalancer", id: &["name"], arn, tags: TAGS, fields: LOAD_BALANCER }
}

/// Its id in AWS is a part of its ARN, of which no attribute is made.
const fn listener(from: &'static str) -> Mapping {
    let arn = Arn::Told(&["arn", "id"]);
    Mapping { from, kind: "AWS::ElasticLoadBalancingV2::Listener", id: &[], arn, tags: TAGS, fields: LISTENER }
}

const fn target_group(from: &'static str) -> Mapping {
    let arn = Arn::Told(&["arn", "id"]);
    Mapping { from, kind: "AWS::ElasticLoadBalancingV2::TargetGroup", id: &["name"], arn, tags: TAGS, fields: TARGET_GROUP }
}

const fn attachment(from: &'static str) -> Part {
    Part {
        from,
        of: &["aws_lb_target_group", "aws_alb_target_group"],
        key: "target_group_arn",
        whole: &["arn", "id"],
        optional: false,
        adds: Adds::Items(&[("targets", target), ("target_instance_ids", instance_id)]),
    }
}

pub(super) const MAPPINGS: &[Mapping] = &[
    load_balancer("aws_lb"),
    load_balancer("aws_alb"),
    listener("aws_lb_listener"),
    listener("aws_alb_listener"),
    target_group("aws_lb_target_group"),
    target_group("aws_alb_target_group"),
];

pub(super) const PARTS: &[Part] = &[attachment("aws_lb_target_group_attachment"), attachment("aws_alb_target_group_attachment")];

pub(super) const UNDECLARED: &[Undeclared] = &[
    Undeclared {
        kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        properties: &[("availability_zones", Rule::OfAws), ("created_time", Rule::OfAws), ("state_code", Rule::OfAws)],
    },
    Undeclared {
        kind: "AWS::ElasticLoadBalancingV2::TargetGroup",
        properties: &[
            ("load_balancer_arns", Rule::OfAws),
            ("target_instance_ids", Rule::OfAws),
            ("targets", Rule::OfAws),
            ("targets[].availability_zone", Rule::OfAws),
            ("targets[].port", Rule::OfAws),
            ("targets[].state", Rule::OfAws),
        ],
    },
];
