//! Which environment a resource belongs to: by account, VPC, tag or name, as the configuration says;
//! otherwise by what it is part of.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::glob::{Globs, glob};
use crate::estate::{
    Environment, Estate, Fetched, Gap, Reach, Reason, Resource, UNKNOWN_ACCOUNT, UNKNOWN_TAG, USUAL_ENVIRONMENTS, out_of_reach, reach,
};

/// What claims a resource for an environment. Any one of these is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentRule {
    /// Twelve-digit account ids.
    pub accounts: Vec<String>,
    /// Ids of VPCs: they and everything in them.
    pub vpcs: Vec<String>,
    /// Tag keys and the values that claim.
    pub tags: BTreeMap<String, Vec<String>>,
    /// Names, with `*` for any characters; anchored at both ends.
    pub names: Vec<String>,
}

/// The environments of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environments {
    /// As the configuration declares them.
    Declared(BTreeMap<String, EnvironmentRule>),
    /// By the value of the tag `Environment`: the usual names and their abbreviations, nothing else.
    ByTag,
}

/// The tag that is read when no environments are declared.
const TAG: &str = "Environment";

/// Abbreviations of the usual names.
const SHORT: &[(&str, &[&str])] = &[
    ("development", &["dev", "develop"]),
    ("production", &["live", "prd", "prod"]),
    ("staging", &["acc", "acceptance", "preprod", "stage", "stg"]),
    ("test", &["testing", "tst"]),
];

/// The usual environment that a value of the tag means.
fn usual(value: &str) -> Option<&'static str> {
    let low = value.to_lowercase();
    let full = USUAL_ENVIRONMENTS.iter().find(|name| **name == low).copied();
    full.or_else(|| SHORT.iter().find(|(_, short)| short.contains(&low.as_str())).map(|(name, _)| *name))
}

impl Environments {
    /// The names that a resource can be found to belong to.
    pub fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Declared(rules) => rules.keys().cloned().collect(),
            Self::ByTag => USUAL_ENVIRONMENTS.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn claims(&self, rules: &Rules<'_>, resource: &Resource, claims: &mut Claims) {
        match self {
            Self::Declared(_) => rules.about(resource).into_iter().for_each(|(name, rule)| claim(name, rule, resource, claims)),
            Self::ByTag => match &resource.tags {
                Fetched::Known(tags) => {
                    if tags.get(TAG).is_some_and(|value| value == UNKNOWN_TAG) {
                        claims.open = Some(unknown_tag(resource, TAG));
                    } else if let Some(value) = tags.get(TAG).map(|v| v.trim()).filter(|v| !v.is_empty()) {
                        let basis = format!("tag {TAG}={value}");
                        match usual(value) {
                            Some(name) => claims.add(name, basis),
                            // `prodution` may be meant for production: it is no environment that policies know,
                            // and belongs to none, whatever its VPC belongs to.
                            None => claims.unrecognised = Some(basis),
                        }
                    }
                }
                Fetched::Absent => {}
                Fetched::Unknown(gap) => claims.open = Some(Arc::clone(gap)),
            },
        }
    }
}

/// The rules of all environments by what they ask for, so that a resource does not ask each of them.
struct Rules<'r> {
    all: Vec<(&'r str, &'r EnvironmentRule)>,
    accounts: HashMap<&'r str, Vec<usize>>,
    vpcs: HashMap<&'r str, Vec<usize>>,
    tags: HashMap<&'r str, HashMap<&'r str, Vec<usize>>>,
    names: Globs<usize>,
    /// The last rules that ask for accounts, for names, for tags, and for each tag: where what they ask for is not known, each
    /// rule would say the same.
    last: [Option<usize>; 3],
    last_of_tag: HashMap<&'r str, usize>,
}

impl<'r> Rules<'r> {
    fn new(environments: &'r Environments) -> Self {
        let all: Vec<(&str, &EnvironmentRule)> = match environments {
            Environments::Declared(rules) => rules.iter().map(|(name, rule)| (name.as_str(), rule)).collect(),
            Environments::ByTag => Vec::new(),
        };
        let mut accounts: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut vpcs: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut tags: HashMap<&str, HashMap<&str, Vec<usize>>> = HashMap::new();
        let mut last = [None; 3];
        let mut last_of_tag = HashMap::new();
        for (at, (_, rule)) in all.iter().enumerate() {
            rule.accounts.iter().for_each(|account| accounts.entry(account).or_default().push(at));
            rule.vpcs.iter().for_each(|vpc| vpcs.entry(vpc).or_default().push(at));
            for (key, values) in &rule.tags {
                last_of_tag.insert(key.as_str(), at);
                let by_value = tags.entry(key).or_default();
                values.iter().for_each(|value| by_value.entry(value).or_default().push(at));
            }
            let asks = [!rule.accounts.is_empty(), !rule.names.is_empty(), !rule.tags.is_empty()];
            last.iter_mut().zip(asks).filter(|(_, asks)| *asks).for_each(|(last, _)| *last = Some(at));
        }
        let patterns = all.iter().enumerate().flat_map(|(at, (_, rule))| rule.names.iter().map(move |name| (name.as_str(), at)));
        let names = Globs::new(patterns);
        Self { all, accounts, vpcs, tags, names, last, last_of_tag }
    }

    /// The rules that may say something of a resource, in their order.
    fn about(&self, resource: &Resource) -> Vec<(&'r str, &'r EnvironmentRule)> {
        let mut found: BTreeSet<usize> = self.last.iter().flatten().copied().collect();
        found.extend(self.accounts.get(&*resource.account).into_iter().flatten());
        found.extend(self.vpcs.get(&*resource.id).into_iter().flatten());
        found.extend(self.names.matches(&resource.name));
        for (key, value) in resource.tags.known().into_iter().flatten() {
            found.extend(self.tags.get(key.as_str()).and_then(|values| values.get(value.as_str())).into_iter().flatten());
            if value == UNKNOWN_TAG {
                found.extend(self.last_of_tag.get(key.as_str()));
            }
        }
        found.into_iter().map(|at| self.all[at]).collect()
    }
}

#[derive(Default)]
struct Claims {
    by: BTreeMap<Arc<str>, String>,
    /// A claim for an environment that nobody declared.
    unrecognised: Option<String>,
    open: Option<Arc<Gap>>,
}

impl Claims {
    fn add(&mut self, name: &str, basis: String) {
        self.by.entry(name.into()).or_insert(basis);
    }

    fn decide(self) -> Option<Environment> {
        if let Some(gap) = self.open {
            return Some(Environment::Unknown(gap));
        }
        if let Some(basis) = self.unrecognised {
            return Some(Environment::Unrecognised { basis });
        }
        let mut names: Vec<(Arc<str>, String)> = self.by.into_iter().collect();
        match names.len() {
            0 => None,
            1 => names.pop().map(|(name, basis)| Environment::Named { name, basis }),
            _ => Some(Environment::Ambiguous(names)),
        }
    }
}

fn claim(name: &str, rule: &EnvironmentRule, resource: &Resource, claims: &mut Claims) {
    if rule.accounts.iter().any(|a| **a == *resource.account) {
        claims.add(name, format!("account {}", resource.account));
    }
    if !rule.accounts.is_empty() && &*resource.account == UNKNOWN_ACCOUNT {
        claims.open = Some(Arc::new(out_of_reach(resource.kind.service, "", &resource.region, "the account of the resource")));
    }
    // What has no name yet may be given one that claims it.
    if !rule.names.is_empty() && resource.declared.as_ref().is_some_and(|declared| *declared.address == *resource.name) {
        claims.open = Some(Arc::new(out_of_reach(resource.kind.service, &resource.account, &resource.region, "the name of the resource")));
    }
    if resource.kind.name == VPC && rule.vpcs.iter().any(|v| **v == *resource.id) {
        claims.add(name, format!("vpc {}", resource.id));
    }
    if let Some(pattern) = rule.names.iter().find(|pattern| glob(pattern, &resource.name)) {
        claims.add(name, format!("name {pattern}"));
    }
    if rule.tags.is_empty() {
        return;
    }
    match &resource.tags {
        Fetched::Known(tags) => {
            for (key, values) in &rule.tags {
                if tags.get(key).is_some_and(|value| value == UNKNOWN_TAG) {
                    claims.open = Some(unknown_tag(resource, key));
                }
                if let Some(value) = tags.get(key).filter(|v| values.contains(v)) {
                    claims.add(name, format!("tag {key}={value}"));
                }
            }
        }
        Fetched::Absent => {}
        Fetched::Unknown(gap) => claims.open = Some(Arc::clone(gap)),
    }
}

fn unknown_tag(resource: &Resource, key: &str) -> Arc<Gap> {
    Arc::new(out_of_reach(resource.kind.service, &resource.account, &resource.region, &format!("the value of the tag {key}")))
}

const VPC: &str = "AWS::EC2::VPC";

/// What a resource is part of: type, path to the key, type of the whole, path on it. A resource that
/// nothing claims belongs where the first of these that is there belongs.
const PART_OF: &[(&str, &str, &str, &str)] = &[
    ("AWS::AutoScaling::AutoScalingGroup", "subnet_ids", "AWS::EC2::Subnet", "id"),
    ("AWS::AutoScaling::ScalingPolicy", "auto_scaling_group_name", "AWS::AutoScaling::AutoScalingGroup", "id"),
    ("AWS::Backup::RecoveryPoint", "resource_arn", "AWS::DynamoDB::Table", "arn"),
    ("AWS::Backup::RecoveryPoint", "resource_arn", "AWS::EC2::Volume", "arn"),
    ("AWS::Backup::RecoveryPoint", "resource_arn", "AWS::EFS::FileSystem", "arn"),
    ("AWS::Backup::RecoveryPoint", "resource_arn", "AWS::RDS::DBCluster", "arn"),
    ("AWS::Backup::RecoveryPoint", "resource_arn", "AWS::RDS::DBInstance", "arn"),
    ("AWS::Backup::RecoveryPoint", "backup_vault_name", "AWS::Backup::BackupVault", "id"),
    ("AWS::DynamoDB::Backup", "table_id", "AWS::DynamoDB::Table", "table_id"),
    ("AWS::EC2::FlowLog", "resource_id", VPC, "id"),
    ("AWS::EC2::FlowLog", "resource_id", "AWS::EC2::Subnet", "id"),
    ("AWS::EC2::FlowLog", "resource_id", "AWS::EC2::NetworkInterface", "id"),
    ("AWS::EC2::Image", "block_device_mappings.ebs.snapshot_id", "AWS::EC2::Snapshot", "id"),
    ("AWS::EC2::Instance", "vpc_id", VPC, "id"),
    ("AWS::EC2::NetworkInterface", "attachment_instance_id", "AWS::EC2::Instance", "id"),
    ("AWS::EC2::NetworkInterface", "vpc_id", VPC, "id"),
    ("AWS::EC2::RouteTable", "vpc_id", VPC, "id"),
    ("AWS::EC2::SecurityGroup", "vpc_id", VPC, "id"),
    ("AWS::EC2::Snapshot", "volume_id", "AWS::EC2::Volume", "id"),
    ("AWS::EC2::Subnet", "vpc_id", VPC, "id"),
    ("AWS::EC2::TransitGatewayAttachment", "resource_id", VPC, "id"),
    ("AWS::EC2::VPCPeeringConnection", "requester_vpc_id", VPC, "id"),
    ("AWS::EC2::Volume", "attachments.instance_id", "AWS::EC2::Instance", "id"),
    ("AWS::EFS::FileSystem", "vpc_ids", VPC, "id"),
    ("AWS::ElasticLoadBalancingV2::Listener", "load_balancer_arn", "AWS::ElasticLoadBalancingV2::LoadBalancer", "arn"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "vpc_id", VPC, "id"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "vpc_id", VPC, "id"),
    ("AWS::RDS::DBCluster", "db_subnet_group", "AWS::RDS::DBSubnetGroup", "id"),
    ("AWS::RDS::DBClusterSnapshot", "db_cluster_resource_id", "AWS::RDS::DBCluster", "db_cluster_resource_id"),
    ("AWS::RDS::DBClusterSnapshot", "vpc_id", VPC, "id"),
    ("AWS::RDS::DBInstance", "db_cluster_identifier", "AWS::RDS::DBCluster", "id"),
    ("AWS::RDS::DBInstance", "vpc_id", VPC, "id"),
    ("AWS::RDS::DBInstanceAutomatedBackup", "dbi_resource_id", "AWS::RDS::DBInstance", "dbi_resource_id"),
    ("AWS::RDS::DBSnapshot", "dbi_resource_id", "AWS::RDS::DBInstance", "dbi_resource_id"),
    ("AWS::RDS::DBSnapshot", "vpc_id", VPC, "id"),
    ("AWS::RDS::DBSubnetGroup", "vpc_id", VPC, "id"),
];

/// The types that a resource of that type may be part of, over all steps: what tells its environment.
pub(crate) fn wholes(kind: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = vec![kind];
    while let Some(part) = open.pop() {
        for (_, _, whole, _) in PART_OF.iter().filter(|(p, ..)| *p == part) {
            if found.insert(*whole) {
                open.push(whole);
            }
        }
    }
    found
}

/// Chains of parts are short: recovery point, volume, instance, VPC.
const LONGEST_CHAIN: usize = 6;

/// Assigns an environment to every resource.
pub(super) fn assign(estate: &mut Estate, environments: &Environments) {
    let rules = Rules::new(environments);
    let own: Vec<Option<Environment>> = estate
        .resources
        .iter()
        .map(|resource| {
            let mut claims = Claims::default();
            environments.claims(&rules, resource, &mut claims);
            claims.decide()
        })
        .collect();
    let index = Index::new(estate);
    let mut resolver = Resolver { estate, index: &index, own: &own, done: HashMap::new() };
    let assigned: Vec<Environment> = (0..estate.resources.len()).map(|at| resolver.resolve(at, 0)).collect();
    for (resource, environment) in estate.resources.iter_mut().zip(assigned) {
        resource.environment = environment;
    }
}

/// Key → positions of the wholes that have it.
type Positions = HashMap<Arc<str>, Vec<usize>>;

/// Type and path of a whole → its keys.
struct Index {
    keys: HashMap<(&'static str, &'static str), Positions>,
    /// Type of the part → path to the key, type of the whole, path on it.
    parts: HashMap<&'static str, Vec<(&'static str, &'static str, &'static str)>>,
    unseen: Unseen,
}

impl Index {
    /// Why a whole of `resource` may have been missed.
    fn unseen(&self, whole: &str, resource: &Resource) -> Option<Arc<Gap>> {
        self.unseen.in_place(whole, &resource.account, &resource.region)
    }

    fn new(estate: &Estate) -> Self {
        let mut keys: HashMap<_, Positions> = HashMap::new();
        let mut parts: HashMap<_, Vec<_>> = HashMap::new();
        for (part, path, whole, key) in PART_OF {
            parts.entry(*part).or_default().push((*path, *whole, *key));
            keys.entry((*whole, *key)).or_insert_with(|| {
                let mut index = Positions::new();
                for at in estate.of_type(whole) {
                    let whole = &estate.resources[at];
                    for text in whole.values_at(key).iter().filter_map(|value| value.key().ok().flatten()) {
                        index.entry(text).or_default().push(at);
                    }
                    if let Some(symbol) = whole.symbol() {
                        let at_key = index.entry(symbol.into()).or_default();
                        if at_key.last() != Some(&at) {
                            at_key.push(at);
                        }
                    }
                }
                index
            });
        }
        Self { keys, parts, unseen: Unseen::new(estate) }
    }
}

/// What could not be listed, or not to the end.
pub(super) struct Unseen {
    gaps: HashMap<(String, String, String), Arc<Gap>>,
    /// Whether the facts come from code, which names what it does not declare.
    open: bool,
}

impl Unseen {
    pub(super) fn new(estate: &Estate) -> Self {
        let gaps = estate.listings.iter().filter_map(|listing| {
            let place = (listing.kind.clone(), listing.account.clone(), listing.region.clone());
            Some((place, Arc::new(listing.gap.clone()?)))
        });
        Self { gaps: gaps.collect(), open: estate.run.declared.is_some() }
    }

    /// The same gap; what code does not carry is there all the same, and cannot be left out of account.
    fn told(&self, gap: Arc<Gap>, resource: &Resource) -> Arc<Gap> {
        if !self.open || gap.reason != Reason::NotInPlan {
            return gap;
        }
        Arc::new(out_of_reach(resource.kind.service, &resource.account, &resource.region, "what the resource is part of"))
    }

    /// Why something of that type may have been missed there.
    pub(super) fn in_place(&self, kind: &str, account: &str, region: &str) -> Option<Arc<Gap>> {
        if self.open {
            return Some(Arc::new(out_of_reach("-", account, region, &format!("{kind} that the code does not declare"))));
        }
        if self.gaps.is_empty() {
            return None;
        }
        let at = |region: &str| self.gaps.get(&(kind.to_owned(), account.to_owned(), region.to_owned())).cloned();
        at(region).or_else(|| at("*"))
    }
}

struct Resolver<'a> {
    estate: &'a Estate,
    index: &'a Index,
    own: &'a [Option<Environment>],
    done: HashMap<usize, Environment>,
}

impl Resolver<'_> {
    fn resolve(&mut self, at: usize, depth: usize) -> Environment {
        if let Some(own) = &self.own[at] {
            return own.clone();
        }
        if let Some(done) = self.done.get(&at) {
            return done.clone();
        }
        let environment = if depth < LONGEST_CHAIN { self.inherited(at, depth) } else { Environment::Unassigned };
        self.done.insert(at, environment.clone());
        environment
    }

    fn inherited(&mut self, at: usize, depth: usize) -> Environment {
        let resource = &self.estate.resources[at];
        let Some(parts) = self.index.parts.get(resource.kind.name.as_str()) else {
            return Environment::Unassigned;
        };
        let mut unseen: Option<Arc<Gap>> = None;
        for (path, whole, key) in parts {
            let mut names: BTreeMap<Arc<str>, String> = BTreeMap::new();
            for value in resource.values_at(path) {
                let text = match value.key() {
                    Ok(Some(text)) => text,
                    Ok(None) => continue,
                    Err(gap) => return Environment::Unknown(self.index.unseen.told(gap, resource)),
                };
                let by_symbol = value.is_unknown();
                let found = self.index.keys.get(&(*whole, *key)).and_then(|index| index.get(&text));
                let means = |other: &usize| {
                    let whole = &self.estate.resources[*other];
                    let (here, there) = (resource.place(), whole.place());
                    if *key == "arn" || by_symbol {
                        return Some(true);
                    }
                    let everywhere = reach(&whole.kind.name, &text) == Reach::Everywhere;
                    here.means(&there, Reach::Region).or_else(|| everywhere.then_some(true))
                };
                let near: Vec<usize> = found.into_iter().flatten().copied().filter(|other| means(other) == Some(true)).collect();
                // A namesake of which nobody knows whether it is the whole.
                if near.is_empty() && found.into_iter().flatten().any(|other| means(other).is_none()) {
                    let subject = format!("whether {text} is a namesake: the account or region of one of them is not known");
                    let gap = out_of_reach(resource.kind.service, &resource.account, &resource.region, &subject);
                    return Environment::Unknown(Arc::new(gap));
                }
                // A whole that could not be listed is there all the same. Where the key may be that of several
                // types, another of them may have it.
                if near.is_empty()
                    && let Some(gap) = self.index.unseen(whole, resource)
                {
                    if parts.iter().filter(|(other, ..)| other == path).count() == 1 {
                        return Environment::Unknown(gap);
                    }
                    unseen = unseen.or(Some(gap));
                }
                for other in near {
                    match self.resolve(other, depth + 1) {
                        Environment::Named { name, .. } => {
                            let whole = &self.estate.resources[other];
                            names.entry(name).or_insert_with(|| format!("part of {} {}", whole.kind.name, whole.name));
                        }
                        Environment::Unassigned => {}
                        other => return other,
                    }
                }
            }
            let mut names: Vec<(Arc<str>, String)> = names.into_iter().collect();
            match names.len() {
                0 => {}
                1 => {
                    if let Some((name, basis)) = names.pop() {
                        return Environment::Named { name, basis };
                    }
                }
                _ => return Environment::Ambiguous(names),
            }
        }
        unseen.map_or(Environment::Unassigned, Environment::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::PART_OF;
    use crate::aws;
    use crate::estate::exists;

    #[test]
    fn every_part_and_whole_is_told_by_a_field_that_exists() {
        let registry = aws::registry();
        for (part, path, whole, key) in PART_OF {
            assert!(exists(&registry, part, path), "{part} by {path}");
            assert!(exists(&registry, whole, key), "{whole} by {key}");
        }
    }

    #[test]
    fn wholes_are_followed_over_all_steps() {
        let wholes = super::wholes("AWS::Backup::RecoveryPoint");
        for kind in ["AWS::RDS::DBInstance", "AWS::EFS::FileSystem", "AWS::EC2::VPC", "AWS::Backup::BackupVault"] {
            assert!(wholes.contains(kind), "{kind}");
        }
        assert!(super::wholes("AWS::KMS::Key").is_empty());
    }
}
