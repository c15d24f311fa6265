//! EC2 Auto Scaling: groups and the policies that scale them.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::Value as Json;

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Unset, at, call, same};
use super::super::undeclared::{Rule, Undeclared};
use super::super::{marked, unknown};
use crate::estate::{Action, Reason};

/// Whether a mark says that nobody configured it, or that nobody could with this provider.
fn is_not_set(mark: &Json) -> bool {
    marked(mark).is_some_and(|gap| matches!(gap.reason, Reason::AwsDecides | Reason::NotInPlan | Reason::NotCollected))
}

/// Instances the group is to have: a new one starts with the fewest it may have. Scaling changes it, so
/// that a state only tells what it once was.
fn desired_capacity(ctx: &Ctx<'_>) -> Json {
    let path = "desired_capacity";
    match ctx.object.action {
        None => ctx.missing(path),
        Some(Action::Create | Action::Replace) => ctx.or(path, Unset::Worked(|ctx| ctx.or("min_size", Unset::Output))),
        Some(_) => ctx.or(path, Unset::Decided),
    }
}

/// Zones; those of its subnets where only subnets are given.
fn availability_zones(ctx: &Ctx<'_>) -> Json {
    let path = "availability_zones";
    match ctx.or(path, Unset::Output) {
        Json::Array(zones) if zones.is_empty() => ctx.later(path),
        other => other,
    }
}

fn subnet_ids(ctx: &Ctx<'_>) -> Json {
    let path = "vpc_zone_identifier";
    match ctx.or(path, Unset::Decided) {
        // Where only zones are given, default subnets may be taken.
        Json::Array(subnets) if subnets.is_empty() && ctx.is_made() => {
            unknown(Reason::AwsDecides, format!("{}.{path}", ctx.object.address))
        }
        other => other,
    }
}

/// Target groups among the sources of traffic.
fn sources(ctx: &Ctx<'_>) -> Vec<Json> {
    let blocks = match ctx.blocks("traffic_source") {
        Ok(blocks) => blocks,
        Err(mark) if is_not_set(&mark) => return Vec::new(),
        Err(mark) => return vec![mark],
    };
    let group = |block: &Json| {
        let source = ctx.within(block);
        let identifier = source.or("identifier", Unset::Output);
        let is_group = match (source.text("type"), identifier.as_str()) {
            (Some(kind), _) => kind == "elbv2",
            (None, Some(identifier)) => identifier.contains(":targetgroup/"),
            (None, None) => true,
        };
        is_group.then_some(identifier)
    };
    blocks.into_iter().filter_map(group).collect()
}

fn target_group_arns(ctx: &Ctx<'_>) -> Json {
    let unset = if ctx.is_made() { Unset::Empty } else { Unset::Decided };
    let mut groups = match ctx.or("target_group_arns", unset) {
        Json::Array(groups) => groups,
        mark => return mark,
    };
    // Of an existing group AWS lists them in both places.
    if ctx.is_made() {
        for group in sources(ctx) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    Json::Array(groups)
}

/// A member of the launch template, which is given directly or in the mixed instances policy; nothing
/// where a launch configuration takes its place.
fn template(ctx: &Ctx<'_>, direct: &str, mixed: &str, unset: Unset) -> Json {
    let is_given = |block: &str| matches!(ctx.get(block), Got::Value(Json::Array(blocks)) if !blocks.is_empty());
    if is_given("launch_template") {
        return ctx.or(&format!("launch_template.{direct}"), unset);
    }
    if is_given("mixed_instances_policy") {
        return ctx.or(&format!("mixed_instances_policy.launch_template.launch_template_specification.{mixed}"), unset);
    }
    for block in ["launch_template", "mixed_instances_policy"] {
        match ctx.get(block) {
            Got::Unknown(mark) if !is_not_set(mark) => return mark.clone(),
            _ => {}
        }
    }
    Json::Null
}

/// The target group that is attached; nothing for a classic load balancer.
fn attached_group(ctx: &Ctx<'_>) -> Json {
    let arguments = ["lb_target_group_arn", "alb_target_group_arn"].iter().map(|path| ctx.or(path, Unset::Null));
    arguments.into_iter().find(|arn| !arn.is_null() && !is_not_set(arn)).unwrap_or(Json::Null)
}

pub(super) const MAPPINGS: &[Mapping] = &[
    Mapping {
        from: "aws_autoscaling_group",
        kind: "AWS::AutoScaling::AutoScalingGroup",
        id: &["name"],
        arn: Arn::Told(&["arn"]),
        // Before version 4 of the provider, tags could also be given as a list of maps.
        tags: &["tags", "tag"],
        fields: &[
            at("auto_scaling_group_name", "name", Unset::Output),
            call("availability_zones", availability_zones),
            call("desired_capacity", desired_capacity),
            same("health_check_type", Unset::Text("EC2")),
            at("launch_configuration_name", "launch_configuration", Unset::Null),
            call("launch_template_id", |ctx| template(ctx, "id", "launch_template_id", Unset::Output)),
            call("launch_template_name", |ctx| template(ctx, "name", "launch_template_name", Unset::Output)),
            call("launch_template_version", |ctx| template(ctx, "version", "version", Unset::Decided)),
            same("max_size", Unset::Output),
            same("min_size", Unset::Output),
            call("subnet_ids", subnet_ids),
            same("suspended_processes", Unset::Empty),
            call("target_group_arns", target_group_arns),
        ],
    },
    Mapping {
        from: "aws_autoscaling_policy",
        kind: "AWS::AutoScaling::ScalingPolicy",
        // In AWS it is made of two names: that of the group and its own.
        id: &[],
        arn: Arn::Told(&["arn"]),
        tags: &[],
        fields: &[
            at("auto_scaling_group_name", "autoscaling_group_name", Unset::Output),
            same("enabled", Unset::True),
            at("policy_name", "name", Unset::Output),
            same("policy_type", Unset::Text("SimpleScaling")),
        ],
    },
];

const GROUP: &[&str] = &["aws_autoscaling_group"];

pub(super) const PARTS: &[Part] = &[
    Part {
        from: "aws_autoscaling_attachment",
        of: GROUP,
        key: "autoscaling_group_name",
        whole: &["name", "id"],
        optional: false,
        adds: Adds::Items(&[("target_group_arns", attached_group)]),
    },
    Part {
        from: "aws_autoscaling_traffic_source_attachment",
        of: GROUP,
        key: "autoscaling_group_name",
        whole: &["name", "id"],
        optional: false,
        adds: Adds::Items(&[("target_group_arns", |ctx| sources(ctx).into_iter().next().unwrap_or(Json::Null))]),
    },
];

pub(super) const UNDECLARED: &[Undeclared] = &[Undeclared {
    kind: "AWS::AutoScaling::AutoScalingGroup",
    properties: &[
        ("created_time", Rule::OfAws),
        ("desired_capacity", Rule::OfAws),
        ("instance_availability_zones", Rule::OfAws),
        ("instance_ids", Rule::OfAws),
        ("instances", Rule::OfAws),
    ],
}];
