//! Amazon EC2 Auto Scaling: groups, the instances in them, and the policies that scale them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, Scope, Service, op};
use crate::estate::{Cardinality, Link, Required, Within};

/// A group of instances that is kept at a size, and grows and shrinks with its scaling policies.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AutoScalingGroup {
    /// Name; unique per account and region, and reused.
    pub auto_scaling_group_name: Required<String>,
    /// Fewest instances the group may have.
    pub min_size: Required<i64>,
    /// Most instances the group may have; it can grow only when this is above `min_size`.
    pub max_size: Required<i64>,
    /// Instances the group is to have now.
    pub desired_capacity: Required<i64>,
    /// Availability Zones the group may use, which does not mean that it has instances in them.
    pub availability_zones: Required<Vec<String>>,
    /// Subnets the group starts instances in; empty where only zones were given, then those are default subnets.
    pub subnet_ids: Required<Vec<String>>,
    /// Ids of the instances in the group, whatever their state.
    pub instance_ids: Required<Vec<String>>,
    /// Availability Zones that hold an instance in state `InService`, each once: the actual spread.
    pub instance_availability_zones: Required<Vec<String>>,
    /// The instances in the group.
    pub instances: Required<Vec<Instance>>,
    /// ARNs of the target groups that the instances are registered with.
    pub target_group_arns: Required<Vec<String>>,
    /// What is asked whether an instance is healthy: `EC2`, or several, `EC2,ELB`.
    pub health_check_type: Required<String>,
    /// Launch configuration, the predecessor of launch templates; absent when a template is used.
    pub launch_configuration_name: Option<String>,
    /// Launch template, that of the mixed instances policy where there is one; absent with a launch configuration.
    pub launch_template_id: Option<String>,
    /// Name of the launch template.
    pub launch_template_name: Option<String>,
    /// Version of the launch template: a number, `$Latest` or `$Default`.
    pub launch_template_version: Option<String>,
    /// Processes that are switched off: while `Launch` is among them, the group does not grow or replace.
    pub suspended_processes: Required<Vec<String>>,
    /// When it was created.
    pub created_time: Required<Timestamp>,
}

/// An instance as the group sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Instance {
    /// Id of the instance.
    pub instance_id: Required<String>,
    /// Availability Zone it runs in.
    pub availability_zone: Required<String>,
    /// State in the group: only `InService` serves; `Pending`, `Standby`, `Terminating`, `Warmed:Stopped`.
    pub lifecycle_state: Required<String>,
    /// Health as the group judges it: `Healthy` or `Unhealthy`.
    pub health_status: Required<String>,
}

/// A policy by which a group grows and shrinks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ScalingPolicy {
    /// Name; unique within the group.
    pub policy_name: Required<String>,
    /// Group that it scales.
    pub auto_scaling_group_name: Required<String>,
    /// Kind: `TargetTrackingScaling`, `StepScaling`, `SimpleScaling` or `PredictiveScaling`.
    pub policy_type: Required<String>,
    /// Whether it is in force.
    pub enabled: Required<bool>,
}

resource_types! {
    "autoscaling":
    AutoScalingGroup = "AWS::AutoScaling::AutoScalingGroup",
    ScalingPolicy = "AWS::AutoScaling::ScalingPolicy",
}

const OPERATIONS: &[Operation] =
    &[op("DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups"), op("DescribePolicies", "autoscaling:DescribePolicies")];

const LINKS: &[Link] = &[
    Link::keys(
        "scaling_policies_of",
        ("AWS::AutoScaling::AutoScalingGroup", "auto_scaling_group_name"),
        &[("AWS::AutoScaling::ScalingPolicy", "auto_scaling_group_name")],
        Within::Region,
        Cardinality::NamedBy,
        "Policies that scale the group, those not in force included",
    ),
    Link::keys(
        "instances_of",
        ("AWS::AutoScaling::AutoScalingGroup", "instance_ids"),
        &[("AWS::EC2::Instance", "id")],
        Within::Region,
        Cardinality::Many,
        "The instances in the group",
    ),
    Link::keys(
        "group_of",
        ("AWS::AutoScaling::ScalingPolicy", "auto_scaling_group_name"),
        &[("AWS::AutoScaling::AutoScalingGroup", "auto_scaling_group_name")],
        Within::Region,
        Cardinality::One,
        "The group that the policy scales",
    ),
];

/// Amazon EC2 Auto Scaling.
pub(super) static SERVICE: Service = Service {
    name: "autoscaling",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "autoscaling"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "autoscaling")))]
    collect: None,
};

#[cfg(feature = "autoscaling")]
mod live {
    use std::collections::BTreeSet;

    use aws_sdk_autoscaling::Client;
    use aws_sdk_autoscaling::types::{self, LifecycleState};

    use super::{AutoScalingGroup, Instance, ScalingPolicy};
    use crate::aws::cx::{Collected, Cx, Identified, said, tags, time};
    use crate::estate::{Fetched, Required, Resource};

    pub(super) async fn collect(cx: Cx) -> Collected {
        let autoscaling = Client::new(&cx.sdk());
        let mut out = Collected::default();
        groups(&cx, &autoscaling, &mut out).await;
        policies(&cx, &autoscaling, &mut out).await;
        out
    }

    async fn groups(cx: &Cx, autoscaling: &Client, out: &mut Collected) {
        const OP: &str = "DescribeAutoScalingGroups";
        let pages =
            cx.pages(OP, autoscaling.describe_auto_scaling_groups().into_paginator().send(), |page| page.next_token.as_deref()).await;
        let items = pages.items(cx, OP, |page| page.auto_scaling_groups);
        let members = ("AutoScalingGroupName", "AutoScalingGroupARN");
        let (items, listing) = cx.identified::<AutoScalingGroup, _>(
            OP,
            items,
            members,
            |group| group.auto_scaling_group_name.as_deref(),
            |group| group.auto_scaling_group_arn.as_deref(),
        );
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|found| group(cx, OP, found)));
    }

    fn group(cx: &Cx, op: &'static str, found: Identified<types::AutoScalingGroup>) -> Resource {
        let Identified { id: name, arn, item: asg, from } = found;
        let template = asg.launch_template.or_else(|| {
            let mixed = asg.mixed_instances_policy?.launch_template?;
            mixed.launch_template_specification
        });
        let (template_id, template_name, template_version) = match template {
            Some(t) => (t.launch_template_id, t.launch_template_name, t.version),
            None => (None, None, None),
        };
        let instances = cx.need(op, "Instances", asg.instances);
        let properties = AutoScalingGroup {
            auto_scaling_group_name: Required::Known(name.clone()),
            min_size: cx.need(op, "MinSize", asg.min_size.map(i64::from)),
            max_size: cx.need(op, "MaxSize", asg.max_size.map(i64::from)),
            desired_capacity: cx.need(op, "DesiredCapacity", asg.desired_capacity.map(i64::from)),
            // Without zones the SDK makes up an empty list; a group has one at least.
            availability_zones: cx.need(op, "AvailabilityZones", asg.availability_zones.filter(|zones| !zones.is_empty())),
            // An empty text where only zones were given.
            subnet_ids: cx.need(
                op,
                "VPCZoneIdentifier",
                asg.vpc_zone_identifier.map(|ids| {
                    let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
                    ids.map(str::to_owned).collect()
                }),
            ),
            instance_ids: instances.clone().and_then(|list| {
                let ids = list.into_iter().map(|i| i.instance_id.and_then(said)).collect();
                cx.need(op, "Instances.InstanceId", ids)
            }),
            instance_availability_zones: instances.clone().and_then(|list| cx.need(op, "Instances.AvailabilityZone", in_service(&list))),
            instances: instances.map(|list| list.into_iter().map(|i| instance(cx, op, i)).collect()),
            target_group_arns: cx.need(op, "TargetGroupARNs", asg.target_group_arns),
            health_check_type: cx.need(op, "HealthCheckType", asg.health_check_type.and_then(said)),
            launch_configuration_name: asg.launch_configuration_name,
            launch_template_id: template_id,
            launch_template_name: template_name,
            launch_template_version: template_version,
            suspended_processes: cx.need(op, "SuspendedProcesses", asg.suspended_processes).and_then(|list| {
                let names = list.into_iter().map(|p| p.process_name).collect();
                cx.need(op, "SuspendedProcesses.ProcessName", names)
            }),
            // Without a time the SDK makes up 1970.
            created_time: cx.need(op, "CreatedTime", asg.created_time.filter(|t| t.secs() != 0).and_then(time)),
        };
        let tags = cx.need(op, "Tags", asg.tags).and_then(|list| tags(cx, op, Some(list), |tag| (tag.key, tag.value)));
        cx.new_resource(arn, name.clone(), name, Fetched::from(tags), properties, from)
    }

    fn instance(cx: &Cx, op: &'static str, instance: types::Instance) -> Instance {
        Instance {
            instance_id: cx.need(op, "Instances.InstanceId", instance.instance_id.and_then(said)),
            availability_zone: cx.need(op, "Instances.AvailabilityZone", instance.availability_zone.and_then(said)),
            lifecycle_state: cx.need(op, "Instances.LifecycleState", instance.lifecycle_state.and_then(|s| said(s.as_str()))),
            health_status: cx.need(op, "Instances.HealthStatus", instance.health_status.and_then(said)),
        }
    }

    /// The zones of the instances in service; none if a state or a zone is missing.
    fn in_service(instances: &[types::Instance]) -> Option<Vec<String>> {
        let mut zones = BTreeSet::new();
        for instance in instances {
            let state = instance.lifecycle_state.as_ref().filter(|s| said(s.as_str()).is_some())?;
            if *state == LifecycleState::InService {
                zones.insert(said(instance.availability_zone.as_ref()?)?);
            }
        }
        Some(zones.into_iter().collect())
    }

    async fn policies(cx: &Cx, autoscaling: &Client, out: &mut Collected) {
        const OP: &str = "DescribePolicies";
        let pages = cx.pages(OP, autoscaling.describe_policies().into_paginator().send(), |page| page.next_token.as_deref()).await;
        let items = pages.items(cx, OP, |page| page.scaling_policies);
        let members = ("PolicyName", "PolicyARN");
        let (items, listing) = cx.identified::<ScalingPolicy, _>(
            OP,
            items,
            members,
            |policy| policy.policy_name.as_deref(),
            |policy| policy.policy_arn.as_deref(),
        );
        out.listings.push(listing);
        for Identified { id: name, arn, item: policy, from } in items {
            // Names are unique within the group only.
            let id = policy.auto_scaling_group_name.as_ref().map_or_else(|| arn.clone(), |group| format!("{group}/{name}"));
            let properties = ScalingPolicy {
                policy_name: Required::Known(name.clone()),
                auto_scaling_group_name: cx.need(OP, "AutoScalingGroupName", policy.auto_scaling_group_name),
                policy_type: cx.need(OP, "PolicyType", policy.policy_type),
                enabled: cx.need(OP, "Enabled", policy.enabled),
            };
            // Scaling policies cannot be tagged.
            out.resources.push(cx.new_resource(arn, id, name, Fetched::Absent, properties, from));
        }
    }
}
