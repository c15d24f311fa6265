//! EC2 Auto Scaling: groups and the policies that scale them.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::Value as Json;

use super::{TAGS, each, empty, is_marked, is_set, list, own};
use crate::declared::map::{Arn, Ctx, Mapping, Unset, at, call};

/// Subnets: in a list, or joined by commas as the API has them. Where only zones are given, default
/// subnets are taken.
fn subnet_ids(ctx: &Ctx<'_>) -> Json {
    match list(ctx, "VPCZoneIdentifier", Unset::Decided) {
        Json::Array(items) => {
            let mut all = Vec::new();
            for item in items {
                match item {
                    Json::String(text) => all.extend(text.split(',').map(|id| Json::String(id.trim().to_owned()))),
                    mark => all.push(mark),
                }
            }
            Json::Array(all)
        }
        mark => mark,
    }
}

/// Target groups, also those among the sources of traffic.
fn target_group_arns(ctx: &Ctx<'_>) -> Json {
    let mut groups = match list(ctx, "TargetGroupARNs", Unset::Empty) {
        Json::Array(groups) => groups,
        mark => return mark,
    };
    let sources = each(ctx, "TrafficSources", |source| match source.or("Type", Unset::Null) {
        Json::String(kind) if kind != "elbv2" => Json::Null,
        Json::Null if source.text("Identifier").is_some_and(|identifier| !identifier.contains(":targetgroup/")) => Json::Null,
        Json::String(_) | Json::Null => source.or("Identifier", Unset::Output),
        mark => mark,
    });
    match sources {
        Json::Array(sources) => {
            for group in sources {
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
        }
        mark => groups.push(mark),
    }
    Json::Array(groups)
}

/// A member of the launch template, which is given directly or in the mixed instances policy; nothing
/// where a launch configuration takes its place.
fn template(ctx: &Ctx<'_>, member: &str, unset: Unset) -> Json {
    for (block, at) in
        [("LaunchTemplate", "LaunchTemplate"), ("MixedInstancesPolicy", "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification")]
    {
        match is_set(ctx, block) {
            Some(true) => return ctx.or(&format!("{at}.{member}"), unset),
            Some(false) => {}
            None => return ctx.later(block),
        }
    }
    Json::Null
}

/// A group that is modelled on an instance gets a launch configuration of its own.
fn launch_configuration(ctx: &Ctx<'_>) -> Json {
    let unset = if is_set(ctx, "InstanceId") == Some(false) { Unset::Null } else { Unset::Output };
    ctx.or("LaunchConfigurationName", unset)
}

fn zones(ctx: &Ctx<'_>) -> Json {
    match list(ctx, "AvailabilityZones", Unset::Output) {
        // `Fn::GetAZs` gives all of them, in a list.
        Json::Array(zones) if zones.iter().all(is_marked) => ctx.later("AvailabilityZones"),
        other => other,
    }
}

pub(super) const GROUP: Mapping = Mapping {
    from: "AWS::AutoScaling::AutoScalingGroup",
    kind: "AWS::AutoScaling::AutoScalingGroup",
    id: &["AutoScalingGroupName"],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        at("auto_scaling_group_name", "AutoScalingGroupName", Unset::Worked(own)),
        call("availability_zones", zones),
        // A new group starts with the fewest it may have.
        at("desired_capacity", "DesiredCapacity", Unset::Worked(|ctx| ctx.or("MinSize", Unset::Output))),
        at("health_check_type", "HealthCheckType", Unset::Text("EC2")),
        call("launch_configuration_name", launch_configuration),
        call("launch_template_id", |ctx| template(ctx, "LaunchTemplateId", Unset::Output)),
        call("launch_template_name", |ctx| template(ctx, "LaunchTemplateName", Unset::Output)),
        call("launch_template_version", |ctx| template(ctx, "Version", Unset::Decided)),
        at("max_size", "MaxSize", Unset::Output),
        at("min_size", "MinSize", Unset::Output),
        call("subnet_ids", subnet_ids),
        call("suspended_processes", empty),
        call("target_group_arns", target_group_arns),
    ],
};

pub(super) const POLICY: Mapping = Mapping {
    from: "AWS::AutoScaling::ScalingPolicy",
    kind: "AWS::AutoScaling::ScalingPolicy",
    // In AWS it is made of two names: that of the group and its own.
    id: &[],
    arn: Arn::Told(&["arn"]),
    tags: &[],
    fields: &[
        at("auto_scaling_group_name", "AutoScalingGroupName", Unset::Output),
        call("enabled", |_| Json::Bool(true)),
        call("policy_name", own),
        at("policy_type", "PolicyType", Unset::Text("SimpleScaling")),
    ],
};
