//! AWS's own objects that hold nothing of the customer. Each is excluded by a named rule and counted
//! under its name; where what would tell could not be read, nothing is excluded.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::environments::Unseen;
use crate::estate::{Estate, Fetched, Gap, Resource, Value};

/// Something in a VPC, with the path to the VPC's id: a default VPC with any of these is in use.
const OCCUPANTS: &[(&str, &str)] = &[
    ("AWS::EC2::Instance", "vpc_id"),
    ("AWS::EC2::NetworkInterface", "vpc_id"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "vpc_id"),
    ("AWS::RDS::DBInstance", "vpc_id"),
];

/// What AWS makes with a default VPC: type, property, and the value that tells it from what somebody added.
const FITTINGS: &[(&str, &str, Made)] = &[
    ("AWS::EC2::Subnet", "default_for_az", Made::Is(true)),
    ("AWS::EC2::RouteTable", "main", Made::Is(true)),
    ("AWS::EC2::SecurityGroup", "group_name", Made::Named("default")),
];

/// The value of a property on what AWS made.
#[derive(Clone, Copy)]
enum Made {
    Is(bool),
    Named(&'static str),
}

/// Marks them.
pub(super) fn mark(estate: &mut Estate) {
    if estate.run.declared.is_some() {
        // What code declares, somebody made, or adopted: only settings of the account are there anyway.
        for resource in &mut estate.resources {
            resource.provided_by_aws = match resource.kind.name.as_str() {
                "AWS::EC2::EBSEncryptionByDefault" => Fetched::Known("account-setting"),
                "AWS::KMS::Key" if resource.declared.is_none() => Fetched::Known("aws-managed-key"),
                _ => Fetched::Absent,
            };
        }
        return;
    }
    let vpcs = default_vpcs(estate);
    let unlisted = Unseen::new(estate);
    let fittings: BTreeMap<&str, (&str, Made)> = FITTINGS.iter().map(|(kind, property, made)| (*kind, (*property, *made))).collect();
    for resource in &mut estate.resources {
        let kind = resource.kind.name.as_str();
        let rule = match kind {
            "AWS::EC2::VPC" => vpcs.get(&*resource.id).cloned().unwrap_or(Fetched::Absent),
            "AWS::EC2::Region" | "AWS::EC2::EBSEncryptionByDefault" => Fetched::Known("account-setting"),
            "AWS::KMS::Key" => equals(resource, "key_manager", "AWS", "aws-managed-key"),
            "AWS::IAM::Role" => match starts_with(resource, "path", "/aws-service-role/", "service-linked-role") {
                Fetched::Absent => starts_with(resource, "path", "/aws-reserved/", "identity-center-role"),
                known => known,
            },
            "AWS::Organizations::ServiceControlPolicy" | "AWS::Organizations::Account" => Fetched::Known("organisation-object"),
            // `default.postgres16`: only AWS's own may have a dot in their names, `default-orders` is somebody's.
            "AWS::RDS::DBParameterGroup" | "AWS::RDS::DBClusterParameterGroup" if resource.id.starts_with("default.") => {
                Fetched::Known("default-parameter-group")
            }
            "AWS::Backup::BackupVault" => empty_default_vault(resource),
            _ => match fittings.get(kind) {
                Some((property, made)) => {
                    let in_vpc = match vpc_of(resource, "vpc_id") {
                        Ok(None) => Fetched::Absent,
                        Ok(Some(id)) => match vpcs.get(&*id) {
                            Some(rule) => rule.clone(),
                            // The VPC may be AWS's own.
                            None => unlisted
                                .in_place("AWS::EC2::VPC", &resource.account, &resource.region)
                                .map_or(Fetched::Absent, Fetched::Unknown),
                        },
                        Err(gap) => Fetched::Unknown(gap),
                    };
                    in_vpc.and_then(|rule| made_by_aws(resource, property, *made, rule))
                }
                None => Fetched::Absent,
            },
        };
        resource.provided_by_aws = rule;
    }
}

fn vpc_of(resource: &Resource, path: &str) -> Result<Option<Arc<str>>, Arc<Gap>> {
    match resource.values_at(path).pop() {
        Some(Value::String(id)) => Ok(Some(id)),
        Some(Value::Unknown(gap)) => Err(gap),
        _ => Ok(None),
    }
}

/// The default VPCs: excluded where nothing is in them, unknown where that could not be seen.
fn default_vpcs(estate: &Estate) -> BTreeMap<Arc<str>, Fetched<&'static str>> {
    let mut in_use = BTreeSet::new();
    let mut open: Vec<Arc<Gap>> = Vec::new();
    for (kind, path) in OCCUPANTS {
        for at in estate.of_type(kind) {
            match vpc_of(&estate.resources[at], path) {
                Ok(vpc) => in_use.extend(vpc),
                Err(gap) => open.push(gap),
            }
        }
    }
    let mut vpcs = BTreeMap::new();
    for at in estate.of_type("AWS::EC2::VPC") {
        let vpc = &estate.resources[at];
        let rule = match vpc.property("is_default") {
            Some(Value::Bool(true)) if in_use.contains(&vpc.id) => Fetched::Absent,
            Some(Value::Bool(true)) => match unseen(estate, vpc).or_else(|| open.first().cloned()) {
                Some(gap) => Fetched::Unknown(gap),
                None => Fetched::Known("unused-default-vpc"),
            },
            Some(Value::Unknown(gap)) => Fetched::Unknown(Arc::clone(gap)),
            _ => Fetched::Absent,
        };
        vpcs.insert(Arc::clone(&vpc.id), rule);
    }
    vpcs
}

/// Why something in a VPC may have been missed. Types that the run did not ask for at all do not
/// count, except network interfaces: whatever runs in a VPC has one.
fn unseen(estate: &Estate, vpc: &Resource) -> Option<Arc<Gap>> {
    let mut interfaces = false;
    for (kind, _) in OCCUPANTS {
        for listing in estate.listings.iter().filter(|l| l.kind == *kind && l.account == *vpc.account) {
            if listing.region == *vpc.region || listing.region == "*" {
                if let Some(gap) = &listing.gap {
                    return Some(Arc::new(gap.clone()));
                }
                interfaces |= *kind == "AWS::EC2::NetworkInterface";
            }
        }
    }
    let gap = || crate::estate::not_collected("ec2", &vpc.account, &vpc.region, "AWS::EC2::NetworkInterface");
    (!interfaces).then(|| Arc::new(gap()))
}

/// The rule, if the resource came with its VPC.
fn made_by_aws(resource: &Resource, property: &str, made: Made, rule: &'static str) -> Fetched<&'static str> {
    match (resource.property(property), made) {
        (Some(Value::Bool(is)), Made::Is(wanted)) if *is == wanted => Fetched::Known(rule),
        (Some(Value::String(name)), Made::Named(wanted)) if **name == *wanted => Fetched::Known(rule),
        (Some(Value::Unknown(gap)), _) => Fetched::Unknown(Arc::clone(gap)),
        _ => Fetched::Absent,
    }
}

fn equals(resource: &Resource, property: &str, text: &str, rule: &'static str) -> Fetched<&'static str> {
    decide(resource, property, |found| found == text, rule)
}

fn starts_with(resource: &Resource, property: &str, text: &str, rule: &'static str) -> Fetched<&'static str> {
    decide(resource, property, |found| found.starts_with(text), rule)
}

fn decide(resource: &Resource, property: &str, test: impl Fn(&str) -> bool, rule: &'static str) -> Fetched<&'static str> {
    match resource.property(property) {
        Some(Value::String(found)) if test(found) => Fetched::Known(rule),
        Some(Value::Unknown(gap)) => Fetched::Unknown(Arc::clone(gap)),
        _ => Fetched::Absent,
    }
}

fn empty_default_vault(vault: &Resource) -> Fetched<&'static str> {
    if !matches!(&*vault.id, "Default" | "aws/efs/automatic-backup-vault") {
        return Fetched::Absent;
    }
    match vault.property("number_of_recovery_points") {
        Some(Value::Int(0)) => Fetched::Known("empty-default-vault"),
        Some(Value::Unknown(gap)) => Fetched::Unknown(Arc::clone(gap)),
        _ => Fetched::Absent,
    }
}
