//! What security groups and transit gateways join: links that a plain pair of keys cannot express,
//! because whether something is missing depends on whose it is.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::estate::{Estate, Gap, Record, Resource, Value, out_of_reach};

const GROUP: &str = "AWS::EC2::SecurityGroup";
const ATTACHMENT: &str = "AWS::EC2::TransitGatewayAttachment";

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("internal error: more than 2^32 resources")
}

fn text(record: &Record, field: &str) -> Option<Arc<str>> {
    match record.get(field) {
        Some(Value::String(text)) => Some(Arc::clone(text)),
        _ => None,
    }
}

/// Why the listing of a type in an account is not complete; none if it is. `region` none for any.
fn missing(estate: &Estate, kind: &str, account: &str, region: Option<&str>) -> Option<Arc<Gap>> {
    let near = |r: &str| region.is_none_or(|region| r == region || r == crate::estate::ALL_REGIONS);
    if estate.run.declared.is_some() {
        return Some(Arc::new(out_of_reach("ec2", account, region.unwrap_or_default(), &format!("{kind} that the code does not declare"))));
    }
    let mut asked = false;
    for listing in estate.listings.iter().filter(|l| l.kind == kind && l.account == account && near(&l.region)) {
        asked = true;
        if let Some(gap) = &listing.gap {
            return Some(Arc::new(gap.clone()));
        }
    }
    (!asked).then(|| Arc::new(out_of_reach("ec2", account, region.unwrap_or(crate::estate::ALL_REGIONS), kind)))
}

fn list(found: BTreeSet<u32>, gaps: BTreeSet<Arc<Gap>>) -> Value {
    Value::List(found.into_iter().map(Value::Resource).chain(gaps.into_iter().map(Value::Unknown)).collect())
}

/// For every security group, the groups that its ingress rules name. A rule may outlive the group it
/// names: one of the same account that is not listed is gone, one of another account may not be seen.
pub(super) fn admitted_groups(estate: &Estate) -> Vec<(u32, Value)> {
    let mut by_id: HashMap<Arc<str>, u32> = HashMap::new();
    for at in estate.of_type(GROUP) {
        let group = &estate.resources[at];
        by_id.insert(Arc::clone(&group.id), position(at));
        by_id.extend(group.symbol().map(|symbol| (Arc::from(symbol), position(at))));
    }
    estate.of_type(GROUP).map(|at| (position(at), groups_of(estate, &estate.resources[at], &by_id))).collect()
}

fn groups_of(estate: &Estate, group: &Resource, by_id: &HashMap<Arc<str>, u32>) -> Value {
    let mut found = BTreeSet::new();
    let mut gaps = BTreeSet::new();
    let rules = match group.property("ip_permissions") {
        Some(Value::List(rules)) => Arc::clone(rules),
        Some(Value::Unknown(gap)) => return Value::List([Value::Unknown(Arc::clone(gap))].into()),
        _ => return Value::List([].into()),
    };
    for rule in rules.iter() {
        let pairs = match rule {
            Value::Record(rule) => rule.get("user_id_group_pairs").cloned(),
            other => Some(other.clone()),
        };
        let pairs = match pairs {
            Some(Value::List(pairs)) => pairs,
            Some(Value::Unknown(gap)) => {
                gaps.insert(gap);
                continue;
            }
            _ => continue,
        };
        for pair in pairs.iter() {
            let Value::Record(pair) = pair else {
                gaps.extend(pair.first_gap().cloned());
                continue;
            };
            let id = match pair.get("group_id").map(Value::key) {
                Some(Ok(Some(id))) => id,
                Some(Err(gap)) => {
                    gaps.insert(gap);
                    continue;
                }
                _ => continue,
            };
            if let Some(at) = by_id.get(&id) {
                found.insert(*at);
                continue;
            }
            let owner = text(pair, "user_id").unwrap_or_else(|| Arc::clone(&group.account));
            let peered = text(pair, "vpc_peering_connection_id").is_some();
            let region = (!peered && owner == group.account).then_some(&*group.region);
            match missing(estate, GROUP, &owner, region) {
                Some(gap) => drop(gaps.insert(gap)),
                // Peering reaches other regions, of which not all may be in the run.
                None if peered => drop(gaps.insert(Arc::new(out_of_reach("ec2", &owner, "", &id)))),
                None => {}
            }
        }
    }
    list(found, gaps)
}

/// For every attachment to a transit gateway, all attachments to that gateway, itself among them. Only
/// the owner of a gateway sees everything that is attached to it.
pub(super) fn attachments(estate: &Estate) -> Vec<(u32, Value)> {
    let mut by_gateway: BTreeMap<Arc<str>, BTreeSet<u32>> = BTreeMap::new();
    let mut open = BTreeSet::new();
    for at in estate.of_type(ATTACHMENT) {
        match estate.resources[at].property("transit_gateway_id").map(Value::key) {
            Some(Ok(Some(id))) => drop(by_gateway.entry(id).or_default().insert(position(at))),
            Some(Err(gap)) => drop(open.insert(gap)),
            _ => {}
        }
    }
    // Attachments to one gateway share one list, as far as they know the same of who owns it.
    type Key = (Option<Arc<str>>, String, Arc<str>);
    let mut lists: HashMap<Key, Value> = HashMap::new();
    estate
        .of_type(ATTACHMENT)
        .map(|at| {
            let attachment = &estate.resources[at];
            let gateway = match attachment.property("transit_gateway_id").map(Value::key) {
                Some(Ok(Some(id))) => Some(id),
                _ => None,
            };
            let owner = attachment.property("transit_gateway_owner_id");
            let key = (gateway.clone(), serde_json::to_string(&owner).unwrap_or_default(), Arc::clone(&attachment.region));
            let list = lists.entry(key).or_insert_with(|| {
                let mut gaps = open.clone();
                match owner {
                    Some(Value::String(owner)) => gaps.extend(missing(estate, ATTACHMENT, owner, Some(&attachment.region))),
                    Some(Value::Unknown(gap)) => drop(gaps.insert(Arc::clone(gap))),
                    _ => {}
                }
                list(gateway.and_then(|id| by_gateway.get(&id).cloned()).unwrap_or_default(), gaps)
            });
            (position(at), list.clone())
        })
        .collect()
}
