//! Elastic Load Balancing, version 2: load balancers, listeners and target groups.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::{TAGS, each, list, own};
use crate::declared::map::{Arn, Ctx, Mapping, Unset, at, call};

fn upper(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(text.to_uppercase()),
        other => other,
    }
}

fn balancer_type(ctx: &Ctx<'_>) -> Json {
    ctx.or("Type", Unset::Text("application"))
}

/// What gateway load balancers do not have.
fn unless_gateway(ctx: &Ctx<'_>, json: Json) -> Json {
    match balancer_type(ctx) {
        Json::String(kind) if kind == "gateway" => Json::Null,
        Json::String(_) => json,
        mark => mark,
    }
}

/// An application load balancer without any gets the default group of its VPC; others may have none.
fn security_groups(ctx: &Ctx<'_>) -> Json {
    let unset = match balancer_type(ctx) {
        Json::String(kind) if kind != "application" => Unset::Empty,
        _ => Unset::Decided,
    };
    match list(ctx, "SecurityGroups", unset) {
        Json::Array(groups) if groups.is_empty() => ctx.or("no security groups", unset),
        other => other,
    }
}

/// Subnets: in a list, or each with the addresses that are chosen in it.
fn subnet_ids(ctx: &Ctx<'_>) -> Json {
    match list(ctx, "Subnets", Unset::Empty) {
        Json::Array(subnets) if subnets.is_empty() => match each(ctx, "SubnetMappings", |one| one.or("SubnetId", Unset::Output)) {
            Json::Array(subnets) if subnets.is_empty() => ctx.later("Subnets"),
            other => other,
        },
        other => other,
    }
}

/// Only listeners of gateway load balancers are made without.
fn protocol(ctx: &Ctx<'_>) -> Json {
    upper(ctx.or("Protocol", Unset::Null))
}

/// The policy that everybody gets who names none to the API admits old versions of TLS.
fn ssl_policy(ctx: &Ctx<'_>) -> Json {
    match protocol(ctx) {
        Json::String(protocol) if matches!(protocol.as_str(), "HTTPS" | "TLS") => {
            ctx.or("SslPolicy", Unset::Text("ELBSecurityPolicy-2016-08"))
        }
        Json::String(_) | Json::Null => Json::Null,
        mark => mark,
    }
}

/// Default actions in the order in which they are taken.
fn actions<'a>(ctx: &Ctx<'a>) -> Result<Vec<&'a Json>, Json> {
    let order = |action: &Json| {
        let order = ctx.within(action).or("Order", Unset::Null);
        order.as_i64().or_else(|| order.as_str()?.parse().ok())
    };
    let mut actions = ctx.blocks("DefaultActions")?;
    if actions.iter().all(|action| order(action).is_some()) {
        actions.sort_by_key(|action| order(action));
    }
    Ok(actions)
}

fn default_action_types(ctx: &Ctx<'_>) -> Json {
    match actions(ctx) {
        Ok(actions) => actions.into_iter().map(|action| ctx.within(action).or("Type", Unset::Output)).collect(),
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
        match action.or("Type", Unset::Output) {
            Json::String(kind) if kind.eq_ignore_ascii_case("redirect") => {
                return action.or("RedirectConfig.Protocol", Unset::Text("#{protocol}"));
            }
            Json::String(_) => {}
            mark => return mark,
        }
    }
    Json::Null
}

fn target_type(ctx: &Ctx<'_>) -> Json {
    ctx.or("TargetType", Unset::Text("instance"))
}

/// What groups of functions do not have.
fn unless_lambda(ctx: &Ctx<'_>, json: Json) -> Json {
    match target_type(ctx) {
        Json::String(kind) if kind == "lambda" => Json::Null,
        Json::String(_) => json,
        mark => mark,
    }
}

/// Targets that the group names. Auto Scaling and ECS register instances and addresses by themselves:
/// there may always be more of these.
fn and_others(ctx: &Ctx<'_>, named: Json) -> Json {
    match (named, target_type(ctx)) {
        (Json::Array(named), Json::String(kind)) if matches!(kind.as_str(), "lambda" | "alb") => Json::Array(named),
        (Json::Array(mut named), _) => {
            named.push(ctx.missing("targets that register themselves"));
            Json::Array(named)
        }
        (mark, _) => mark,
    }
}

fn targets(ctx: &Ctx<'_>) -> Json {
    let of_group = || unless_lambda(ctx, ctx.or("Port", Unset::Output));
    let named = each(ctx, "Targets", |target| {
        let port = match target.or("Port", Unset::Null) {
            Json::Null => of_group(),
            port => port,
        };
        let zone = match (target.or("AvailabilityZone", Unset::Null), target_type(ctx)) {
            // AWS finds out the zone of an address by itself, and tells none of an instance.
            (Json::Null, Json::String(kind)) if kind == "instance" => Json::Null,
            (Json::Null, _) => ctx.missing("the zone of a target"),
            (zone, _) => zone,
        };
        json!({
            "target_id": target.or("Id", Unset::Output),
            "port": port,
            "availability_zone": zone,
            "state": ctx.missing("the health of a target"),
        })
    });
    and_others(ctx, named)
}

fn target_instance_ids(ctx: &Ctx<'_>) -> Json {
    match target_type(ctx) {
        Json::String(kind) if kind == "instance" => and_others(ctx, each(ctx, "Targets", |target| target.or("Id", Unset::Output))),
        Json::String(_) => Json::Null,
        mark => mark,
    }
}

fn certificates(ctx: &Ctx<'_>) -> Json {
    each(ctx, "Certificates", |certificate| certificate.or("CertificateArn", Unset::Output))
}

pub(super) const LOAD_BALANCER: Mapping = Mapping {
    from: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    id: &["Name"],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        call("availability_zones", |ctx| ctx.later("AvailabilityZones")),
        call("dns_name", |ctx| unless_gateway(ctx, ctx.later("DNSName"))),
        at("ip_address_type", "IpAddressType", Unset::Text("ipv4")),
        at("load_balancer_name", "Name", Unset::Worked(own)),
        call("load_balancer_type", balancer_type),
        call("scheme", |ctx| unless_gateway(ctx, ctx.or("Scheme", Unset::Text("internet-facing")))),
        call("security_groups", security_groups),
        call("subnet_ids", subnet_ids),
        call("vpc_id", |ctx| ctx.later("VpcId")),
    ],
};

pub(super) const LISTENER: Mapping = Mapping {
    from: "AWS::ElasticLoadBalancingV2::Listener",
    kind: "AWS::ElasticLoadBalancingV2::Listener",
    // In AWS it is a part of its ARN, of which no property is made.
    id: &[],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        call("certificate_arns", certificates),
        call("default_action_types", default_action_types),
        at("load_balancer_arn", "LoadBalancerArn", Unset::Output),
        at("port", "Port", Unset::Null),
        call("protocol", protocol),
        call("redirect_protocol", redirect_protocol),
        call("ssl_policy", ssl_policy),
    ],
};

pub(super) const TARGET_GROUP: Mapping = Mapping {
    from: "AWS::ElasticLoadBalancingV2::TargetGroup",
    kind: "AWS::ElasticLoadBalancingV2::TargetGroup",
    id: &["Name"],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        call("port", |ctx| unless_lambda(ctx, ctx.or("Port", Unset::Output))),
        call("protocol", |ctx| unless_lambda(ctx, upper(ctx.or("Protocol", Unset::Output)))),
        at("target_group_name", "Name", Unset::Worked(own)),
        call("target_instance_ids", target_instance_ids),
        call("target_type", target_type),
        call("targets", targets),
        call("vpc_id", |ctx| unless_lambda(ctx, ctx.or("VpcId", Unset::Output))),
    ],
};
