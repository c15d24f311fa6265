//! Which other VPCs a security group admits by address range.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::estate::{Estate, Gap, Reason, Resource, Value};

/// The addresses of all VPCs, so that what overlaps with a range is found without asking every VPC.
#[derive(Default)]
struct Addresses {
    /// Block → positions of the VPCs that have it.
    blocks: HashMap<IpNet, Vec<u32>>,
    /// Blocks by their first address.
    by_start: BTreeMap<(IpAddr, u8), IpNet>,
    /// Id of a VPC → its position and blocks.
    vpcs: HashMap<Arc<str>, (u32, Vec<IpNet>)>,
    /// Why there may be more.
    open: BTreeSet<Arc<Gap>>,
}

impl Addresses {
    fn of(estate: &Estate) -> Self {
        let mut all = Self::default();
        for at in estate.of_type("AWS::EC2::VPC") {
            let vpc = &estate.resources[at];
            let position = u32::try_from(at).expect("internal error: more than 2^32 resources");
            let mut own = Vec::new();
            for value in ["cidr_blocks", "ipv6_cidr_blocks"].into_iter().flat_map(|path| vpc.values_at(path)) {
                match value {
                    Value::String(text) => match text.parse::<IpNet>() {
                        Ok(block) => own.push(block.trunc()),
                        Err(_) => drop(all.open.insert(unparsable(&vpc.account, &vpc.region, &text))),
                    },
                    Value::Unknown(gap) => drop(all.open.insert(gap)),
                    _ => {}
                }
            }
            for block in &own {
                all.blocks.entry(*block).or_default().push(position);
                all.by_start.insert((block.network(), block.prefix_len()), *block);
            }
            if let Some(symbol) = vpc.symbol() {
                all.vpcs.insert(symbol.into(), (position, own.clone()));
            }
            all.vpcs.insert(Arc::clone(&vpc.id), (position, own));
        }
        for listing in estate.listings.iter().filter(|l| l.kind == "AWS::EC2::VPC") {
            all.open.extend(listing.gap.iter().cloned().map(Arc::new));
        }
        all.open.extend(estate.run.declared.iter().map(|declared| Arc::new(declared.open())));
        all.open.extend(estate.run.accounts.iter().filter_map(|a| a.gap.clone().map(Arc::new)));
        all
    }

    /// The VPCs with addresses that the range covers beyond those in `own`: environments that are isolated
    /// often use the same addresses. Two blocks overlap only if one holds the other; the smaller one is
    /// what they share.
    fn reached(&self, range: IpNet, own: &[IpNet], found: &mut BTreeSet<u32>) {
        let foreign = |shared: &IpNet| !own.iter().any(|here| here.contains(shared));
        let mut wider = Some(range);
        while let Some(block) = wider {
            if foreign(&range)
                && let Some(vpcs) = self.blocks.get(&block)
            {
                found.extend(vpcs);
            }
            wider = block.supernet();
        }
        let within = self.by_start.range((range.network(), 0)..=(range.broadcast(), u8::MAX)).map(|(_, block)| block);
        for block in within.filter(|block| range.contains(*block) && foreign(block)) {
            found.extend(&self.blocks[block]);
        }
    }
}

/// For every security group, the VPCs with addresses it admits beyond those of its own VPC.
pub(super) fn edges(estate: &Estate) -> Vec<(u32, Value)> {
    let addresses = Addresses::of(estate);
    estate
        .of_type("AWS::EC2::SecurityGroup")
        .map(|at| {
            let position = u32::try_from(at).expect("internal error: more than 2^32 resources");
            (position, admitted(&estate.resources[at], &addresses))
        })
        .collect()
}

fn admitted(group: &Resource, addresses: &Addresses) -> Value {
    let mut found = BTreeSet::new();
    let mut gaps: BTreeSet<Arc<Gap>> = BTreeSet::new();
    let own = match group.values_at("vpc_id").pop().map(|value| value.key()) {
        Some(Ok(Some(id))) => addresses.vpcs.get(&id),
        Some(Err(gap)) => {
            gaps.insert(gap);
            None
        }
        _ => None,
    };
    let own_blocks = own.map_or(&[][..], |(_, blocks)| blocks);
    let mut narrow = false;
    for value in ["ip_permissions[].cidr_ips", "ip_permissions[].cidr_ipv6s"].into_iter().flat_map(|path| group.values_at(path)) {
        match value {
            Value::String(text) => match text.parse::<IpNet>() {
                Ok(range) if range.prefix_len() == 0 => {}
                Ok(range) => {
                    narrow = true;
                    addresses.reached(range.trunc(), own_blocks, &mut found);
                }
                Err(_) => drop(gaps.insert(unparsable(&group.account, &group.region, &text))),
            },
            Value::Unknown(gap) => drop(gaps.insert(gap)),
            _ => {}
        }
    }
    if let Some((position, _)) = own {
        found.remove(position);
    }
    for value in group.values_at("ip_permissions[].prefix_list_ids") {
        match value {
            Value::String(id) => {
                let entries = format!("entries of prefix list {id}");
                gaps.insert(Arc::new(crate::estate::not_collected("ec2", &group.account, &group.region, &entries)));
            }
            Value::Unknown(gap) => drop(gaps.insert(gap)),
            _ => {}
        }
    }
    // Only a range that is admitted can reach into a VPC that was not seen.
    if narrow {
        gaps.extend(addresses.open.iter().cloned());
    }
    Value::List(found.into_iter().map(Value::Resource).chain(gaps.into_iter().map(Value::Unknown)).collect())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Addresses;

    #[test]
    fn overlap_is_found_in_both_directions_and_own_addresses_do_not_count() {
        let mut all = Addresses::default();
        for (position, block) in [(1, "10.1.0.0/16"), (2, "10.2.0.0/16"), (3, "10.2.8.0/24"), (4, "fd00::/56")] {
            let block: ipnet::IpNet = block.parse().unwrap();
            all.blocks.entry(block).or_default().push(position);
            all.by_start.insert((block.network(), block.prefix_len()), block);
        }
        let reached = |range: &str, own: &[&str]| {
            let own: Vec<ipnet::IpNet> = own.iter().map(|block| block.parse().unwrap()).collect();
            let mut found = BTreeSet::new();
            all.reached(range.parse().unwrap(), &own, &mut found);
            found.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(reached("10.0.0.0/8", &[]), [1, 2, 3]);
        assert_eq!(reached("10.2.8.4/32", &[]), [2, 3]);
        assert_eq!(reached("10.2.8.4/32", &["10.2.0.0/16"]), [0_u32; 0], "shared with the group's own VPC");
        assert_eq!(reached("10.0.0.0/8", &["10.2.0.0/16"]), [1]);
        assert_eq!(reached("192.168.0.0/16", &[]), [0_u32; 0]);
        assert_eq!(reached("fd00::/32", &[]), [4]);
    }
}
