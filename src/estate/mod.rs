//! The estate: resources, links between them, and gaps. Knows neither AWS nor YAML nor expressions.

mod count;
mod coverage;
mod declared;
mod fetched;
mod file;
mod links;
mod moment;
mod partition;
mod place;
mod population;
mod resource;
mod schema;
mod value;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use coverage::Coverage;
pub use declared::{Action, Declared, DeclaredRun, RegionFrom, SourceDigest};
pub use fetched::{Fetched, Gap, NOT_ON_TAPE, Reason, Required, UNKNOWN_KEY, address_of, symbol};
pub use file::{LoadError, SCHEMA};
pub use links::{Cardinality, Graph, Key, Link, LinkSet, Source, Within};
pub use partition::{PARTITIONS, Partition, UNKNOWN_PARTITION, partition_of};
pub(crate) use place::{Place, Reach, reach};
pub use resource::{
    ALL_REGIONS, AMBIGUOUS, Environment, GLOBAL, NewResource, Resource, ResponseId, UNASSIGNED, UNKNOWN_ACCOUNT, UNKNOWN_REGION,
    UNKNOWN_TAG, USUAL_ENVIRONMENTS, account_of, out_of_reach,
};
pub use schema::{CODE, Field, Properties, RecordType, Registry, ResourceType, Type};
pub use value::{Mismatch, Record, Value, not_collected};

/// Who looked, when, and at what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When collecting began.
    pub started: Timestamp,
    /// When collecting ended.
    pub finished: Timestamp,
    /// The moment that ages are measured against.
    pub as_of: Timestamp,
    /// Where the facts come from: `live`, `estate`, `plan`…
    pub source: String,
    /// The program that collected: `keur 0.1.0`.
    pub tool: String,
    /// The caller, where there was one.
    pub identity: Option<Identity>,
    /// Accounts of the run.
    pub accounts: Vec<Account>,
    /// Regions of the run, `global` not among them.
    pub regions: Vec<String>,
    /// Requests sent to AWS, retries not counted.
    #[serde(deserialize_with = "count::count")]
    pub calls: u64,
    /// What it was declared by, where the facts come from code and not from AWS: then there may be more
    /// of everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredRun>,
}

/// The principal that asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Twelve-digit account id.
    pub account: String,
    /// ARN of the principal.
    pub arn: String,
}

/// One account of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Twelve-digit account id.
    pub id: String,
    /// Its name, where one is configured or known.
    pub name: Option<String>,
    /// Why it could not be entered, if so: everything in it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

/// That a type was listed in one account and region: the proof that the population is complete, or
/// the reason why it is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Type name.
    #[serde(rename = "type")]
    pub kind: String,
    /// Twelve-digit account id.
    pub account: String,
    /// Region, or `global`.
    pub region: String,
    /// How many AWS listed, as far as it was read.
    #[serde(deserialize_with = "count::count")]
    pub listed: u64,
    /// How many of these do not say which they are: none of the resources is theirs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: u64,
    /// Why the listing is not complete, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Everything seen in the accounts and regions of one run.
#[derive(Debug)]
pub struct Estate {
    /// Who looked, when, and at what.
    pub run: Run,
    /// Sorted by type, account, region and ARN.
    pub resources: Vec<Resource>,
    /// One per type, account and region that was asked, sorted.
    pub listings: Vec<Listing>,
}

impl Estate {
    /// An estate in canonical order: the same facts give the same bytes, whatever order they came in.
    pub fn new(run: Run, mut resources: Vec<Resource>, mut listings: Vec<Listing>) -> Self {
        resources.sort_by(|a, b| (&a.kind.name, &a.account, &a.region, &a.arn).cmp(&(&b.kind.name, &b.account, &b.region, &b.arn)));
        if run.declared.is_some() {
            // Several files may declare one thing: what they say of it comes from one place in the code.
            let address = |r: &Resource| r.declared.as_ref().map(|declared| declared.address.clone());
            resources.dedup_by(|a, b| is_same(a, b) && address(a) == address(b));
        } else {
            listings.sort();
            population::tell_apart(&mut resources, &mut listings);
            population::check(&resources, &mut listings);
        }
        for resource in &mut resources {
            resource.responses.sort_unstable();
            resource.responses.dedup();
        }
        listings.sort();
        Self { run, resources, listings }
    }

    /// Positions of the resources of a type.
    pub fn of_type(&self, name: &str) -> std::ops::Range<usize> {
        let start = self.resources.partition_point(|r| r.kind.name.as_str() < name);
        let len = self.resources[start..].partition_point(|r| r.kind.name.as_str() == name);
        start..start + len
    }

    /// Every gap: of listings, of accounts and of properties, each once, sorted.
    pub fn gaps(&self) -> Vec<Arc<Gap>> {
        let mut gaps = std::collections::BTreeSet::new();
        for account in &self.run.accounts {
            gaps.extend(account.gap.iter().cloned().map(Arc::new));
        }
        for listing in &self.listings {
            gaps.extend(listing.gap.iter().cloned().map(Arc::new));
        }
        for resource in &self.resources {
            if let Fetched::Unknown(gap) = &resource.tags {
                gaps.insert(Arc::clone(gap));
            }
            resource.properties.each_gap(&mut |gap| {
                gaps.insert(Arc::clone(gap));
            });
        }
        gaps.into_iter().collect()
    }
}

/// Whether two resources say that they are the same thing.
fn is_same(a: &Resource, b: &Resource) -> bool {
    a.kind.name == b.kind.name && a.account == b.account && a.region == b.region && a.arn == b.arn
}

/// Whether a type has text at a path, as links and environments name it.
#[cfg(test)]
pub(crate) fn exists(registry: &Registry, kind: &str, path: &str) -> bool {
    if matches!(path, "id" | "arn" | "name") {
        return true;
    }
    let mut ty = Type::Record(Arc::clone(&registry.get(kind).expect("a type").properties));
    for part in path.split('.') {
        let Type::Record(record) = &ty else { return false };
        let Some((_, field)) = record.field(part.trim_end_matches("[]")) else { return false };
        ty = field.ty.without_null().clone();
        if let Type::List(item) = ty {
            ty = *item;
        }
    }
    ty == Type::String
}
