//! Which other VPCs a security group admits by address range.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;

use crate::estate::{Estate, Gap, Reason, Value};

struct Vpc {
    at: u32,
    id: Arc<str>,
    ranges: Vec<IpNet>,
}

/// For every security group, the VPCs with addresses it admits beyond those of its own VPC.
pub(super) fn edges(estate: &Estate) -> Vec<(u32, Value)> {
    let mut open: BTreeSet<Arc<Gap>> = BTreeSet::new();
    let mut vpcs = Vec::new();
    for at in estate.of_type("AWS::EC2::VPC") {
        let vpc = &estate.resources[at];
        let mut ranges = Vec::new();
        for path in ["cidr_blocks", "ipv6_cidr_blocks"] {
            for value in vpc.values_at(path) {
                match value {
                    Value::String(text) => match text.parse() {
                        Ok(range) => ranges.push(range),
                        Err(_) => drop(open.insert(unparsable(&vpc.account, &vpc.region, &text))),
                    },
                    Value::Unknown(gap) => drop(open.insert(gap)),
                    _ => {}
                }
            }
        }
        let at = u32::try_from(at).expect("internal error: more than 2^32 resources");
        vpcs.push(Vpc { at, id: Arc::clone(&vpc.id), ranges });
    }
    for listing in estate.listings.iter().filter(|l| l.kind == "AWS::EC2::VPC") {
        open.extend(listing.gap.iter().cloned().map(Arc::new));
    }
    open.extend(estate.run.accounts.iter().filter_map(|a| a.gap.clone().map(Arc::new)));
    let groups = estate.of_type("AWS::EC2::SecurityGroup");
    groups
        .map(|at| {
            let position = u32::try_from(at).expect("internal error: more than 2^32 resources");
            (position, admitted(estate, at, &vpcs, &open))
        })
        .collect()
}

fn admitted(estate: &Estate, at: usize, vpcs: &[Vpc], open: &BTreeSet<Arc<Gap>>) -> Value {
    let group = &estate.resources[at];
    let own_id = group.values_at("vpc_id").pop();
    let own: Vec<IpNet> = match &own_id {
        Some(Value::String(id)) => vpcs.iter().filter(|v| v.id == *id).flat_map(|v| v.ranges.iter().copied()).collect(),
        _ => Vec::new(),
    };
    let mut found = BTreeSet::new();
    let mut gaps: BTreeSet<Arc<Gap>> = BTreeSet::new();
    if let Some(Value::Unknown(gap)) = &own_id {
        gaps.insert(Arc::clone(gap));
    }
    let mut narrow = false;
    for path in ["ip_permissions[].cidr_ips", "ip_permissions[].cidr_ipv6s"] {
        for value in group.values_at(path) {
            match value {
                Value::String(text) => match text.parse::<IpNet>() {
                    Ok(range) if range.prefix_len() == 0 => {}
                    Ok(range) => {
                        narrow = true;
                        let others = vpcs.iter().filter(|v| !is_own(&own_id, v));
                        found.extend(others.filter(|v| reaches(&range, v, &own)).map(|v| v.at));
                    }
                    Err(_) => drop(gaps.insert(unparsable(&group.account, &group.region, &text))),
                },
                Value::Unknown(gap) => drop(gaps.insert(gap)),
                _ => {}
            }
        }
    }
    for value in group.values_at("ip_permissions[].prefix_list_ids") {
        let what = match value {
            Value::String(id) => id,
            Value::Unknown(gap) => {
                gaps.insert(gap);
                continue;
            }
            _ => continue,
        };
        gaps.insert(Arc::new(crate::estate::not_collected(
            "ec2",
            &group.account,
            &group.region,
            &format!("entries of prefix list {what}"),
        )));
    }
    // Only a range that is admitted can reach into a VPC that was not seen.
    if narrow {
        gaps.extend(open.iter().cloned());
    }
    Value::List(found.into_iter().map(Value::Resource).chain(gaps.into_iter().map(Value::Unknown)).collect())
}

fn is_own(own: &Option<Value>, vpc: &Vpc) -> bool {
    matches!(own, Some(Value::String(id)) if *id == vpc.id)
}

/// Whether the range covers addresses of the VPC that the group's own VPC does not have as well:
/// environments that are isolated often use the same addresses.
fn reaches(range: &IpNet, vpc: &Vpc, own: &[IpNet]) -> bool {
    vpc.ranges.iter().any(|there| {
        // Two blocks overlap only if one holds the other; the smaller one is what they share.
        let shared = if range.contains(there) {
            there
        } else if there.contains(range) {
            range
        } else {
            return false;
        };
        !own.iter().any(|here| here.contains(shared))
    })
}

fn unparsable(account: &str, region: &str, text: &str) -> Arc<Gap> {
    Arc::new(Gap {
        service: "ec2".to_owned(),
        operation: "-".to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        reason: Reason::Unparsable,
        code: None,
        subject: Some(format!("`{text}` is not an address range")),
    })
}
