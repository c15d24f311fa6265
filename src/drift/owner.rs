//! Who made a resource that the given code does not declare: other tools and AWS's own services leave
//! their marks. A tag that begins with `aws:` only AWS can set; others anybody can, and that is said.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::HashMap;
use std::sync::Arc;

use crate::estate::{Estate, Fetched, Record, Resource, Value};

/// Who made a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// `cloudformation`, `autoscaling`, `eks`…
    pub(crate) by: String,
    /// What tells so.
    pub(crate) basis: String,
    /// Whether nobody but AWS can have set what tells so.
    pub(crate) certain: bool,
}

impl Owner {
    fn new(by: &str, basis: String, certain: bool) -> Self {
        Self { by: by.to_owned(), basis, certain }
    }

    /// AWS's own object, by the rule that says so.
    pub(crate) fn aws(rule: &str) -> Self {
        Self::new("aws", format!("rule {rule}"), true)
    }
}

/// Tags that tools set, and how sure they are.
const TAGS: &[(&str, &str)] = &[
    ("aws-cdk:", "cdk"),
    ("pulumi:", "pulumi"),
    ("kubernetes.io/cluster/", "eks"),
    ("eks:cluster-name", "eks"),
    ("alpha.eksctl.io/", "eks"),
    ("elbv2.k8s.aws/", "eks"),
    ("ingress.k8s.aws/", "eks"),
    ("service.k8s.aws/", "eks"),
    ("karpenter.sh/", "eks"),
    ("karpenter.k8s.aws/", "eks"),
    ("ebs.csi.aws.com/", "eks"),
    ("crossplane-", "crossplane"),
    ("elasticbeanstalk:", "elasticbeanstalk"),
    ("AWSServiceName", "aws"),
];

/// Owners of what is in the estate and not in `matched`, by position. What hangs on something that is
/// declared or owned belongs to it.
pub(crate) fn owners(estate: &Estate, matched: &HashMap<usize, usize>) -> HashMap<usize, Owner> {
    let mut owners: HashMap<usize, Owner> = HashMap::new();
    for (at, resource) in estate.resources.iter().enumerate().filter(|(at, _)| !matched.contains_key(at)) {
        if let Some(owner) = own(resource) {
            owners.insert(at, owner);
        }
    }
    let ids: HashMap<(&str, &str), usize> =
        estate.resources.iter().enumerate().map(|(at, r)| ((r.kind.name.as_str(), &*r.id), at)).collect();
    for (at, resource) in estate.resources.iter().enumerate() {
        if matched.contains_key(&at) || owners.contains_key(&at) {
            continue;
        }
        for (_, path, whole, condition) in PART_OF.iter().filter(|(kind, ..)| *kind == resource.kind.name) {
            let held = resource.values_at(path).into_iter().find_map(|value| match value {
                Value::String(id) => ids.get(&(*whole, &*id)).copied(),
                _ => None,
            });
            if let Some(held) = held.filter(|held| condition(resource, &estate.resources[*held])) {
                // Where nobody declares the whole, the whole is told: that is enough.
                let whole = &estate.resources[held];
                owners.insert(at, Owner::new("part", format!("part of {} {}", whole.kind.name, whole.id), true));
                break;
            }
        }
    }
    owners
}

fn records(of: Option<&Value>) -> Option<Vec<&Record>> {
    let Some(Value::List(items)) = of else { return None };
    items.iter().map(|item| if let Value::Record(record) = item { Some(record.as_ref()) } else { None }).collect()
}

/// Whether a default group is as AWS makes it: nobody else may connect to its members. What could not be read is not.
fn admits_itself_only(group: &Resource) -> bool {
    let empty = |value: Option<&Value>| matches!(value, Some(Value::List(items)) if items.is_empty());
    let itself = |pair: &&Record| matches!(pair.get("group_id"), Some(Value::String(id)) if *id == group.id);
    let admits = |rule: &&Record| {
        ["cidr_ips", "cidr_ipv6s", "prefix_list_ids"].iter().all(|name| empty(rule.get(name)))
            && records(rule.get("user_id_group_pairs")).is_some_and(|pairs| pairs.iter().all(itself))
    };
    records(group.property("ip_permissions")).is_some_and(|rules| rules.iter().all(admits))
}

/// Whether a main route table is as AWS makes it. What could not be read is not.
fn routes_locally_only(table: &Resource) -> bool {
    let local = |route: &&Record| matches!(route.get("gateway_id"), Some(Value::String(id)) if &**id == "local");
    records(table.property("routes")).is_some_and(|routes| routes.iter().all(local))
}

/// Whether it came with the other thing, which is given as well.
type Condition = fn(&Resource, &Resource) -> bool;

/// Whether an interface is the one that an instance was made with: it has the address of the instance. Another one was attached.
fn is_primary(interface: &Resource, instance: &Resource) -> bool {
    match (interface.property("private_ip_addresses"), instance.property("private_ip_address")) {
        (Some(Value::List(addresses)), Some(address @ Value::String(_))) => addresses.contains(address),
        // What could not be read tells nothing.
        _ => false,
    }
}

/// What comes and goes with another thing: type, path to its id, type of the other, and when.
const PART_OF: &[(&str, &str, &str, Condition)] = &[
    ("AWS::EC2::Volume", "attachments[].instance_id", "AWS::EC2::Instance", |r, _| {
        // A disk that came with the instance goes with it; one that was attached by hand says that it does not.
        matches!(r.property("attachments"), Some(Value::List(list)) if list.iter().any(|a| matches!(a, Value::Record(a) if a.get("delete_on_termination") != Some(&Value::Bool(false)))))
    }),
    ("AWS::EC2::NetworkInterface", "attachment_instance_id", "AWS::EC2::Instance", is_primary),
    ("AWS::EC2::RouteTable", "vpc_id", "AWS::EC2::VPC", |r, _| r.property("main") == Some(&Value::Bool(true)) && routes_locally_only(r)),
    ("AWS::EC2::SecurityGroup", "vpc_id", "AWS::EC2::VPC", |r, _| {
        matches!(r.property("group_name"), Some(Value::String(name)) if &**name == "default") && admits_itself_only(r)
    }),
];

fn own(resource: &Resource) -> Option<Owner> {
    if let Fetched::Known(tags) = &resource.tags {
        if let Some(stack) = tags.get("aws:cloudformation:stack-name") {
            let cdk = stack == "CDKToolkit" || tags.keys().any(|key| key.starts_with("aws-cdk:") || key.starts_with("aws:cdk:"));
            let by = if cdk { "cdk" } else { "cloudformation" };
            return Some(Owner::new(by, format!("stack {stack}"), true));
        }
        if let Some(group) = tags.get("aws:autoscaling:groupName") {
            return Some(Owner::new("autoscaling", format!("group {group}"), true));
        }
        if let Some(cluster) = tags.get("aws:eks:cluster-name") {
            return Some(Owner::new("eks", format!("cluster {cluster}"), true));
        }
        if let Some(key) = tags.keys().find(|key| key.starts_with("aws:")) {
            let service = key.split(':').nth(1).unwrap_or("aws");
            return Some(Owner::new(service, format!("tag {key}"), true));
        }
        if let Some((key, by)) =
            tags.keys().find_map(|key| TAGS.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, by)| (key, by)))
        {
            return Some(Owner::new(by, format!("tag {key}, which anybody can set"), false));
        }
    }
    if let Some(Value::String(service)) = resource.property_if("operator_principal") {
        return Some(Owner::new(service.split('.').next().unwrap_or("aws"), format!("managed by {service}"), true));
    }
    let text = |name: &str| match resource.property_if(name) {
        Some(Value::String(text)) => Some(Arc::clone(text)),
        _ => None,
    };
    match resource.kind.name.as_str() {
        "AWS::EC2::NetworkInterface" if resource.property_if("requester_managed") == Some(&Value::Bool(true)) => {
            let by = text("requester_id").unwrap_or_else(|| "aws".into());
            Some(Owner::new("aws", format!("network interface of {by}"), true))
        }
        "AWS::EC2::NetworkInterface" => match text("interface_type") {
            Some(kind) if &*kind != "interface" => Some(Owner::new("aws", format!("network interface of kind {kind}"), true)),
            _ => None,
        },
        "AWS::RDS::DBSnapshot" | "AWS::RDS::DBClusterSnapshot" => match text("snapshot_type") {
            Some(kind) if &*kind != "manual" => Some(Owner::new("rds", format!("snapshot of kind {kind}"), true)),
            _ => None,
        },
        // Only AWS can give a name that begins so.
        "AWS::KMS::Key" => resource.values_at("aliases").iter().find_map(|alias| match alias {
            Value::String(alias) if alias.starts_with("alias/aws/") => Some(Owner::new("aws", format!("key {alias}"), true)),
            _ => None,
        }),
        // Readers that Application Auto Scaling adds to a cluster are named so.
        "AWS::RDS::DBInstance" if resource.id.starts_with("application-autoscaling-") => {
            Some(Owner::new("autoscaling", "name application-autoscaling-…".to_owned(), false))
        }
        "AWS::EC2::Snapshot" => text("description")
            .filter(|text| text.starts_with("Created by CreateImage("))
            .map(|_| Owner::new("image", "made with a machine image".to_owned(), false)),
        _ => None,
    }
}
