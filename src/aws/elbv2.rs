//! Elastic Load Balancing, version 2: application, network and gateway load balancers, what they
//! listen on and what they forward to.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, Scope, Service, op};
use crate::estate::{Cardinality, Fetched, Link, Required, Within};

/// An application, network or gateway load balancer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LoadBalancer {
    /// Name; unique per account and region, and reused.
    pub load_balancer_name: Required<String>,
    /// Public or internal DNS name; gateway load balancers have none.
    pub dns_name: Option<String>,
    /// Kind: `application`, `network` or `gateway`.
    pub load_balancer_type: Required<String>,
    /// `internet-facing` or `internal`; absent on gateway load balancers only.
    pub scheme: Fetched<String>,
    /// State: `active`, `provisioning`, `active_impaired`, `failed`.
    pub state_code: Required<String>,
    /// VPC.
    pub vpc_id: Required<String>,
    /// Kind of addresses: `ipv4`, `dualstack`, `dualstack-without-public-ipv4`.
    pub ip_address_type: Option<String>,
    /// Names of the Availability Zones it has an address in.
    pub availability_zones: Required<Vec<String>>,
    /// Subnets it has an address in.
    pub subnet_ids: Required<Vec<String>>,
    /// Security groups; network load balancers may have none, gateway load balancers never have any.
    pub security_groups: Required<Vec<String>>,
    /// When it was created.
    pub created_time: Option<Timestamp>,
}

/// A port that a load balancer listens on, and what it does by default; rules for single paths or hosts are not read.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listener {
    /// ARN of the load balancer.
    pub load_balancer_arn: Required<String>,
    /// Protocol: `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`; absent on gateway load balancers only.
    pub protocol: Fetched<String>,
    /// Port; absent on gateway load balancers only.
    pub port: Fetched<i64>,
    /// Security policy, which fixes TLS versions and ciphers; absent on listeners without TLS.
    pub ssl_policy: Option<String>,
    /// ARN of the default certificate; further certificates are not read.
    pub certificate_arns: Required<Vec<String>>,
    /// What is done with a request that no rule matches, in order: `forward`, `redirect`, `fixed-response`, `authenticate-oidc`.
    pub default_action_types: Required<Vec<String>>,
    /// Protocol that a default redirect leads to: `HTTPS`, or `#{protocol}` for that of the request; absent without redirect.
    pub redirect_protocol: Option<String>,
}

/// A group of targets that load balancers forward to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TargetGroup {
    /// Name; unique per account and region, and reused.
    pub target_group_name: Required<String>,
    /// Protocol towards the targets: `HTTP`, `HTTPS`, `TCP`, `TLS`, `GENEVE`; absent for Lambda functions only.
    pub protocol: Fetched<String>,
    /// Port that targets get traffic on unless they name another; absent for Lambda functions only.
    pub port: Fetched<i64>,
    /// Kind of targets: `instance`, `ip`, `lambda` or `alb`.
    pub target_type: Required<String>,
    /// VPC of the targets; absent for Lambda functions only.
    pub vpc_id: Fetched<String>,
    /// ARNs of the load balancers that forward to it.
    pub load_balancer_arns: Required<Vec<String>>,
    /// The registered targets and their health.
    pub targets: Fetched<Vec<Target>>,
    /// Ids of the registered instances, each once; absent when the targets are not instances.
    pub target_instance_ids: Fetched<Vec<String>>,
}

/// A registered target and its health.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Target {
    /// Id of the instance, IP address, or ARN of the Lambda function or load balancer.
    pub target_id: Required<String>,
    /// Port it gets traffic on; absent for Lambda functions.
    pub port: Option<i64>,
    /// Zone of an IP address, or `all`; instances are sent without it, so follow `instances_of` for theirs.
    pub availability_zone: Fetched<String>,
    /// Health: `healthy`, `unhealthy`, `initial`, `draining`, `unused`, `unavailable`.
    pub state: Required<String>,
}

resource_types! {
    "elbv2":
    LoadBalancer = "AWS::ElasticLoadBalancingV2::LoadBalancer",
    Listener = "AWS::ElasticLoadBalancingV2::Listener",
    TargetGroup = "AWS::ElasticLoadBalancingV2::TargetGroup",
}

const OPERATIONS: &[Operation] = &[
    op("DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"),
    op("DescribeListeners", "elasticloadbalancing:DescribeListeners"),
    op("DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroups"),
    op("DescribeTargetHealth", "elasticloadbalancing:DescribeTargetHealth"),
    op("DescribeTags", "elasticloadbalancing:DescribeTags"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "listeners_of",
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "arn"),
        &[("AWS::ElasticLoadBalancingV2::Listener", "load_balancer_arn")],
        Within::Region,
        Cardinality::NamedBy,
        "Listeners of the load balancer",
    ),
    Link::keys(
        "load_balancer_of",
        ("AWS::ElasticLoadBalancingV2::Listener", "load_balancer_arn"),
        &[("AWS::ElasticLoadBalancingV2::LoadBalancer", "arn")],
        Within::Region,
        Cardinality::One,
        "The load balancer that listens",
    ),
    Link::keys(
        "target_groups_of",
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "arn"),
        &[("AWS::ElasticLoadBalancingV2::TargetGroup", "load_balancer_arns")],
        Within::Region,
        Cardinality::NamedBy,
        "Target groups that the load balancer forwards to",
    ),
    Link::keys(
        "instances_of",
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "target_instance_ids"),
        &[("AWS::EC2::Instance", "id")],
        Within::Region,
        Cardinality::Many,
        "The registered instances; none when the targets are addresses, functions or load balancers",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC of the load balancer",
    ),
    Link::keys(
        "vpc_of",
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "vpc_id"),
        &[("AWS::EC2::VPC", "id")],
        Within::Region,
        Cardinality::One,
        "The VPC of the targets",
    ),
    Link::keys(
        "security_groups_of",
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "security_groups"),
        &[("AWS::EC2::SecurityGroup", "id")],
        Within::Region,
        Cardinality::Many,
        "Security groups of the load balancer",
    ),
    Link::keys(
        "load_balancers_in",
        ("AWS::EC2::VPC", "id"),
        &[("AWS::ElasticLoadBalancingV2::LoadBalancer", "vpc_id")],
        Within::Region,
        Cardinality::NamedBy,
        "Load balancers in the VPC",
    ),
];

/// Elastic Load Balancing.
pub(super) static SERVICE: Service = Service {
    name: "elbv2",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "elbv2"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "elbv2")))]
    collect: None,
};

#[cfg(feature = "elbv2")]
mod live {
    use std::collections::{BTreeMap, BTreeSet, HashMap};
    use std::sync::Arc;

    use aws_sdk_elasticloadbalancingv2::Client;
    use aws_sdk_elasticloadbalancingv2::types::{self, ActionTypeEnum, LoadBalancerTypeEnum, TargetTypeEnum};

    use super::{Listener, LoadBalancer, Target, TargetGroup};
    use crate::aws::cx::{Collected, Cx, Identified, Items, said, tags, time};
    use crate::estate::{Fetched, Gap, Required, Resource, ResponseId};

    const LOAD_BALANCERS: &str = "DescribeLoadBalancers";
    const LISTENERS: &str = "DescribeListeners";
    const TARGET_GROUPS: &str = "DescribeTargetGroups";

    type Tags = (Fetched<BTreeMap<String, String>>, Vec<ResponseId>);

    pub(super) async fn collect(cx: Cx) -> Collected {
        let elb = Client::new(&cx.sdk());
        let mut out = Collected::default();
        let balancers = load_balancers(&cx, &elb, &mut out).await;
        listeners(&cx, &elb, balancers, &mut out).await;
        target_groups(&cx, &elb, &mut out).await;
        out
    }

    /// Tags by ARN, twenty ARNs a request.
    async fn all_tags(cx: &Cx, elb: &Client, arns: Vec<String>) -> HashMap<String, Tags> {
        const OP: &str = "DescribeTags";
        const AT_ONCE: usize = 20;
        let batches = arns.chunks(AT_ONCE).map(<[String]>::to_vec).collect();
        let answers = cx.each(batches, |batch: Vec<String>| async move {
            let mut from = Vec::new();
            let request = elb.describe_tags().set_resource_arns(Some(batch.clone())).send();
            let answer = cx.send(OP, request).await.required(&mut from);
            let list = answer.and_then(|a| cx.need(OP, "TagDescriptions", a.tag_descriptions));
            let mut found = HashMap::new();
            // Tags of nobody are of nobody: those of whom they are come out as missing.
            for one in list.known().into_iter().flatten() {
                if let Some(arn) = &one.resource_arn {
                    found.insert(arn.clone(), cx.need(OP, "TagDescriptions.Tags", one.tags.clone()));
                }
            }
            let of = |arn: &String| match &list {
                Required::Unknown(gap) => Required::Unknown(gap.clone()),
                Required::Known(_) => cx.need(OP, arn, found.get(arn).cloned()).and_then(|pairs| pairs),
            };
            let tag = |tag: types::Tag| (tag.key, tag.value);
            let tags_of = |arn: &String| Fetched::from(of(arn).and_then(|pairs| tags(cx, OP, Some(pairs), tag)));
            batch.iter().map(|arn| (arn.clone(), (tags_of(arn), from.clone()))).collect::<Vec<_>>()
        });
        answers.await.into_iter().flatten().collect()
    }

    /// The tags that were read of `arn`; the responses they came in are added to `from`.
    fn take_tags(cx: &Cx, all: &mut HashMap<String, Tags>, arn: &str, from: &mut Vec<ResponseId>) -> Fetched<BTreeMap<String, String>> {
        match all.remove(arn) {
            Some((tags, responses)) => {
                from.extend(responses);
                tags
            }
            // Without an ARN nothing could be asked.
            None => cx.need("DescribeTags", "ResourceArn", None).into(),
        }
    }

    /// The load balancers to ask for listeners: ARN and whether it is a gateway; and why there may be more.
    struct Balancers {
        list: Vec<(String, bool)>,
        gap: Option<Arc<Gap>>,
    }

    async fn load_balancers(cx: &Cx, elb: &Client, out: &mut Collected) -> Balancers {
        let pages =
            cx.pages(LOAD_BALANCERS, elb.describe_load_balancers().into_paginator().send(), |page| page.next_marker.as_deref()).await;
        let items = pages.items(cx, LOAD_BALANCERS, |page| page.load_balancers);
        let members = ("LoadBalancerName", "LoadBalancerArn");
        let (items, listing) = cx.identified::<LoadBalancer, _>(
            LOAD_BALANCERS,
            items,
            members,
            |lb| lb.load_balancer_name.as_deref(),
            |lb| lb.load_balancer_arn.as_deref(),
        );
        // What a load balancer without an ARN listens on cannot be asked for.
        let gap = listing.gap.clone().map(Arc::new);
        out.listings.push(listing);
        let mut tags = all_tags(cx, elb, items.iter().map(|found| found.arn.clone()).collect()).await;
        let is_gateway = |lb: &types::LoadBalancer| lb.r#type == Some(LoadBalancerTypeEnum::Gateway);
        let list = items.iter().map(|found| (found.arn.clone(), is_gateway(&found.item))).collect();
        out.resources.extend(items.into_iter().map(|found| load_balancer(cx, found, &mut tags)));
        Balancers { list, gap }
    }

    fn load_balancer(cx: &Cx, found: Identified<types::LoadBalancer>, all: &mut HashMap<String, Tags>) -> Resource {
        const OP: &str = LOAD_BALANCERS;
        let Identified { id: name, arn, item: lb, mut from } = found;
        let tags = take_tags(cx, all, &arn, &mut from);
        let scheme = lb.scheme.map(|s| s.as_str().to_owned());
        let zones = cx.need(OP, "AvailabilityZones", lb.availability_zones);
        let properties = LoadBalancer {
            load_balancer_name: Required::Known(name.clone()),
            dns_name: lb.dns_name,
            scheme: match lb.r#type {
                Some(LoadBalancerTypeEnum::Gateway) => scheme.into(),
                _ => cx.need(OP, "Scheme", scheme).into(),
            },
            security_groups: match lb.r#type {
                Some(LoadBalancerTypeEnum::Network | LoadBalancerTypeEnum::Gateway) => {
                    Required::Known(lb.security_groups.unwrap_or_default())
                }
                _ => cx.need(OP, "SecurityGroups", lb.security_groups),
            },
            load_balancer_type: cx.word(OP, "Type", lb.r#type.as_ref().map(|t| t.as_str()), LoadBalancerTypeEnum::values()),
            state_code: {
                let code = lb.state.and_then(|s| s.code);
                cx.word(OP, "State.Code", code.as_ref().map(|c| c.as_str()), types::LoadBalancerStateEnum::values())
            },
            vpc_id: cx.need(OP, "VpcId", lb.vpc_id),
            ip_address_type: lb.ip_address_type.map(|t| t.as_str().to_owned()),
            availability_zones: zones.clone().and_then(|list| {
                let names = list.into_iter().map(|z| z.zone_name).collect();
                cx.need(OP, "AvailabilityZones.ZoneName", names)
            }),
            subnet_ids: zones.and_then(|list| {
                let ids = list.into_iter().map(|z| z.subnet_id).collect();
                cx.need(OP, "AvailabilityZones.SubnetId", ids)
            }),
            created_time: lb.created_time.and_then(time),
        };
        cx.new_resource(arn, name.clone(), name, tags, properties, from)
    }

    async fn listeners(cx: &Cx, elb: &Client, balancers: Balancers, out: &mut Collected) {
        let answers = cx.each(balancers.list, |(arn, gateway)| async move {
            let pages = cx.pages(LISTENERS, elb.describe_listeners().load_balancer_arn(arn).into_paginator().send(), |page| {
                page.next_marker.as_deref()
            });
            (pages.await.items(cx, LISTENERS, |page| page.listeners), gateway)
        });
        // Listeners are known by load balancer only: a gap of one of these is a gap of the listing.
        let mut gap = balancers.gap;
        let mut found = Vec::new();
        for (items, gateway) in answers.await {
            gap = gap.or(items.gap);
            found.extend(items.items.into_iter().map(|(listener, from)| ((listener, gateway), from)));
        }
        // A listener has no name of its own.
        let members = ("ListenerArn", "ListenerArn");
        let items = Items { items: found, gap };
        let (found, listing) =
            cx.identified::<Listener, _>(LISTENERS, items, members, |(l, _)| l.listener_arn.as_deref(), |(l, _)| l.listener_arn.as_deref());
        out.listings.push(listing);
        let mut tags = all_tags(cx, elb, found.iter().map(|found| found.arn.clone()).collect()).await;
        out.resources.extend(found.into_iter().map(|found| listener(cx, found, &mut tags)));
    }

    fn listener(cx: &Cx, found: Identified<(types::Listener, bool)>, all: &mut HashMap<String, Tags>) -> Resource {
        const OP: &str = LISTENERS;
        let Identified { arn, item: (listener, gateway), mut from, .. } = found;
        let tags = take_tags(cx, all, &arn, &mut from);
        let port = listener.port.map(i64::from);
        let protocol = listener.protocol.map(|p| p.as_str().to_owned());
        let balancer = listener.load_balancer_arn.as_deref().and_then(|arn| Some(arn.split_once("loadbalancer/")?.1)).unwrap_or_default();
        let id = arn.split_once("listener/").map_or(arn.as_str(), |(_, id)| id).to_owned();
        // People know a listener by its load balancer and port: `web:443`.
        let name = match (balancer.split('/').nth(1), port) {
            (Some(balancer), Some(port)) => format!("{balancer}:{port}"),
            _ => id.clone(),
        };
        let actions = cx.need(OP, "DefaultActions", listener.default_actions);
        let redirect_protocol = actions.known().into_iter().flatten().find_map(|action| {
            let redirect = action.redirect_config.as_ref().filter(|_| action.r#type == Some(ActionTypeEnum::Redirect));
            redirect.and_then(|r| r.protocol.clone())
        });
        let properties = Listener {
            load_balancer_arn: cx.need(OP, "LoadBalancerArn", listener.load_balancer_arn),
            protocol: if gateway { protocol.into() } else { cx.need(OP, "Protocol", protocol).into() },
            port: if gateway { port.into() } else { cx.need(OP, "Port", port).into() },
            ssl_policy: listener.ssl_policy,
            // Left out on listeners without TLS.
            certificate_arns: cx.each_of(OP, "Certificates", Some(listener.certificates.unwrap_or_default()), |c| c.certificate_arn),
            default_action_types: actions.and_then(|list| {
                let types = list.into_iter().map(|a| a.r#type.and_then(|t| said(t.as_str()))).collect();
                cx.need(OP, "DefaultActions.Type", types)
            }),
            redirect_protocol,
        };
        cx.new_resource(arn, id, name, tags, properties, from)
    }

    async fn target_groups(cx: &Cx, elb: &Client, out: &mut Collected) {
        let pages = cx.pages(TARGET_GROUPS, elb.describe_target_groups().into_paginator().send(), |page| page.next_marker.as_deref()).await;
        let items = pages.items(cx, TARGET_GROUPS, |page| page.target_groups);
        let members = ("TargetGroupName", "TargetGroupArn");
        let (items, listing) = cx.identified::<TargetGroup, _>(
            TARGET_GROUPS,
            items,
            members,
            |group| group.target_group_name.as_deref(),
            |group| group.target_group_arn.as_deref(),
        );
        out.listings.push(listing);
        let mut tags = all_tags(cx, elb, items.iter().map(|found| found.arn.clone()).collect()).await;
        let healths = cx.each(items, |mut found| async move {
            let addresses = found.item.target_type == Some(TargetTypeEnum::Ip);
            let targets = targets(cx, elb, &found.arn, addresses, &mut found.from).await;
            (found, targets)
        });
        for (found, targets) in healths.await {
            out.resources.push(target_group(cx, found, targets, &mut tags));
        }
    }

    async fn targets(cx: &Cx, elb: &Client, arn: &str, addresses: bool, from: &mut Vec<ResponseId>) -> Required<Vec<Target>> {
        const OP: &str = "DescribeTargetHealth";
        let answer = cx.send(OP, elb.describe_target_health().target_group_arn(arn).send()).await.required(from);
        let list = answer.and_then(|a| cx.need(OP, "TargetHealthDescriptions", a.target_health_descriptions));
        list.map(|list| list.into_iter().map(|health| target(cx, OP, addresses, health)).collect())
    }

    fn target(cx: &Cx, op: &'static str, address: bool, health: types::TargetHealthDescription) -> Target {
        let state = health.target_health.and_then(|h| h.state);
        let state = cx.word(op, "TargetHealth.State", state.as_ref().map(|s| s.as_str()), types::TargetHealthStateEnum::values());
        let (id, port, zone) = match health.target {
            Some(target) => (target.id.and_then(said), target.port.map(i64::from), target.availability_zone),
            None => (None, None, None),
        };
        // AWS finds out the zone of an address by itself, and tells none of an instance.
        let availability_zone = if address { cx.need(op, "Target.AvailabilityZone", zone).into() } else { zone.into() };
        Target { target_id: cx.need(op, "Target.Id", id), port, availability_zone, state }
    }

    fn target_group(
        cx: &Cx,
        found: Identified<types::TargetGroup>,
        targets: Required<Vec<Target>>,
        all: &mut HashMap<String, Tags>,
    ) -> Resource {
        const OP: &str = TARGET_GROUPS;
        let Identified { id: name, arn, item: group, mut from } = found;
        let tags = take_tags(cx, all, &arn, &mut from);
        let lambda = group.target_type == Some(TargetTypeEnum::Lambda);
        let protocol = group.protocol.map(|p| p.as_str().to_owned());
        let port = group.port.map(i64::from);
        let target_instance_ids = match &group.target_type {
            Some(TargetTypeEnum::Instance) => instance_ids(&targets).into(),
            Some(TargetTypeEnum::Alb | TargetTypeEnum::Ip | TargetTypeEnum::Lambda) => Fetched::Absent,
            _ => cx.need(OP, "TargetType", None).into(),
        };
        let properties = TargetGroup {
            target_group_name: Required::Known(name.clone()),
            protocol: if lambda { protocol.into() } else { cx.need(OP, "Protocol", protocol).into() },
            port: if lambda { port.into() } else { cx.need(OP, "Port", port).into() },
            target_type: cx.word(OP, "TargetType", group.target_type.as_ref().map(|t| t.as_str()), TargetTypeEnum::values()),
            vpc_id: if lambda { group.vpc_id.into() } else { cx.need(OP, "VpcId", group.vpc_id).into() },
            load_balancer_arns: cx.need(OP, "LoadBalancerArns", group.load_balancer_arns),
            targets: targets.into(),
            target_instance_ids,
        };
        cx.new_resource(arn, name.clone(), name, tags, properties, from)
    }

    /// The ids of the targets, each once: an instance may be registered with several ports.
    fn instance_ids(targets: &Required<Vec<Target>>) -> Required<Vec<String>> {
        let targets = match targets {
            Required::Known(targets) => targets,
            Required::Unknown(gap) => return Required::Unknown(gap.clone()),
        };
        let mut ids = BTreeSet::new();
        for target in targets {
            match &target.target_id {
                Required::Known(id) => ids.insert(id.clone()),
                Required::Unknown(gap) => return Required::Unknown(gap.clone()),
            };
        }
        Required::Known(ids.into_iter().collect())
    }
}
