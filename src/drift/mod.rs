//! Estate against estate: what code declares against what AWS shows, and one day against another.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

mod change;
mod compare;
mod ignore;
mod owner;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::declared::NOT_DECLARABLE;
use crate::estate::{
    CODE, Coverage, Estate, Fetched, Gap, Listing, NewResource, Properties, Reach, Registry, Required, Resource, UNKNOWN_ACCOUNT,
    UNKNOWN_REGION, not_collected, out_of_reach, reach,
};

pub(crate) use change::{Change as EstateChange, changes};
pub(crate) use compare::{Comparison, Difference, Keys, Of, Unread, compare};
pub(crate) use ignore::{Ignore, ignores, notes};
pub(crate) use owner::{Owner, owners};

/// What drift says of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// It is there, and as it is declared.
    InSync,
    /// It is there, and not as it is declared.
    Changed,
    /// It is there; some of what is declared of it could not be read, and the rest is as declared.
    Unread,
    /// It is declared, and not there.
    Missing,
    /// It is there, and nobody declares it.
    Unmanaged,
    /// It is there, and something else than the given code has made it.
    Owned,
    /// It is declared more than once.
    Twice,
    /// Nobody can say: it was not looked for, or not everywhere.
    Unknown,
    /// It is of a type that no table reads: it is declared or there, and was not compared.
    NotCompared,
}

impl Status {
    /// The word in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in-sync",
            Self::Changed => "changed",
            Self::Unread => "unread",
            Self::Missing => "missing",
            Self::Unmanaged => "unmanaged",
            Self::Owned => "owned",
            Self::Twice => "twice",
            Self::Unknown => "unknown",
            Self::NotCompared => "not-compared",
        }
    }

    /// Whether it is drift.
    pub(crate) fn drifts(self) -> bool {
        matches!(self, Self::Changed | Self::Missing | Self::Unmanaged | Self::Twice)
    }

    /// Whether it leaves something that nobody can say.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Unread | Self::Unknown | Self::NotCompared)
    }
}

/// One resource in the comparison.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What is said of it.
    pub(crate) status: Status,
    /// Position in the declared estate.
    pub(crate) declared: Option<usize>,
    /// Position in the estate that was seen.
    pub(crate) seen: Option<usize>,
    /// What differs.
    pub(crate) differences: Vec<Difference>,
    /// What could not be read.
    pub(crate) unread: Vec<Unread>,
    /// Who made it, if not the given code.
    pub(crate) owner: Option<Owner>,
    /// Why nobody can say.
    pub(crate) gap: Option<Arc<Gap>>,
    /// Position of the rule that ignores it.
    pub(crate) ignored: Option<usize>,
}

/// What came of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    /// Declared ones in the order of the code's estate, then those that only AWS has.
    pub(crate) entries: Vec<Entry>,
    /// Properties that were compared, over all resources.
    pub(crate) compared: u64,
    /// Resources that AWS has, of types that no table of the code reads, by type; those that code could declare are entries
    /// as well.
    pub(crate) not_covered: BTreeMap<String, u64>,
    /// Rules that accepted some of the differences of a resource, by position.
    pub(crate) partly: Vec<usize>,
    /// Why more could be there that was not seen.
    pub(crate) gaps: BTreeSet<Arc<Gap>>,
}

impl Entry {
    fn new(status: Status, declared: Option<usize>, seen: Option<usize>) -> Self {
        Self { status, declared, seen, differences: Vec::new(), unread: Vec::new(), owner: None, gap: None, ignored: None }
    }

    /// Gives what is there the status that what was found of it calls for.
    fn settle(&mut self) {
        self.status = match (self.differences.is_empty(), self.unread.is_empty()) {
            (false, _) => Status::Changed,
            (true, false) => Status::Unread,
            (true, true) => Status::InSync,
        };
    }
}

impl Drift {
    /// What is drift and not ignored.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.status.drifts() && e.ignored.is_none())
    }

    /// How many there are of a status, ignored ones apart.
    pub(crate) fn count(&self, status: Status) -> u64 {
        self.entries.iter().filter(|e| e.status == status && e.ignored.is_none()).count() as u64
    }

    /// Whether something could not be compared.
    pub(crate) fn is_open(&self) -> bool {
        !self.gaps.is_empty() || self.entries.iter().any(|e| e.status.is_open() && e.ignored.is_none())
    }
}

/// Compares what is declared with what was seen. `kinds` are the types that code can declare.
pub(crate) fn drift(declared: &Estate, seen: &Estate, kinds: &BTreeSet<&str>, ignores: &[Ignore], at: Timestamp) -> Drift {
    let mut drift = Drift::default();
    let keys = Keys::of(seen);
    let coverage = Coverage::new(seen);
    let mut by_arn: HashMap<(&str, &str), usize> = HashMap::new();
    let mut by_id: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (at, resource) in seen.resources.iter().enumerate() {
        by_arn.insert((&resource.kind.name, &resource.arn), at);
        by_id.entry((&resource.kind.name, &resource.id)).or_default().push(at);
    }
    let mut matched: HashMap<usize, usize> = HashMap::new();
    let mut parts_only: HashMap<usize, usize> = HashMap::new();
    for (number, resource) in declared.resources.iter().enumerate() {
        if resource.kind.service == CODE {
            let what = resource.declared.as_ref().map(|d| &d.source_type);
            drift.entries.extend(what.map(|what| {
                let gap = not_collected("code", &resource.account, &resource.region, &format!("this program does not read {what}"));
                Entry { gap: Some(Arc::new(gap)), ..Entry::new(Status::NotCompared, Some(number), None) }
            }));
            continue;
        }
        let kind = resource.kind.name.as_str();
        // What has the same name somewhere else is something else; where nobody knows where, nobody knows which.
        let means = |at: &usize| {
            let (here, there) = (resource.place(), seen.resources[*at].place());
            let far = reach(kind, &resource.id);
            let found = if far == Reach::Account { here.same_account(&there) } else { here.means(&there, Reach::Region) };
            found.or_else(|| matches!(far, Reach::Everywhere | Reach::Partition).then_some(true))
        };
        let namesakes = by_id.get(&(kind, &*resource.id)).map_or(&[][..], Vec::as_slice);
        let of_that_id = || namesakes.iter().copied().find(|at| means(at) == Some(true));
        let found = by_arn.get(&(kind, &*resource.arn)).copied().or_else(of_that_id);
        let mut entry = Entry::new(Status::InSync, Some(number), found);
        match found {
            Some(at) if is_of_parts(resource) => {
                // The rest of it is declared elsewhere in the code, or by nobody.
                parts_only.entry(at).or_insert(drift.entries.len());
                let Comparison { differences, compared, .. } = compare(resource, &seen.resources[at], &keys, Of::Code);
                drift.compared += compared;
                entry.differences = differences;
                entry.settle();
            }
            Some(at) => {
                let earlier = matched.insert(at, number);
                let partial = |resource: &Resource| resource.declared.as_ref().is_some_and(|d| d.partial);
                let whole = |number: usize| !partial(&declared.resources[number]);
                if earlier.is_some_and(whole) && !partial(resource) {
                    entry.status = Status::Twice;
                } else {
                    let Comparison { differences, unread, compared } = compare(resource, &seen.resources[at], &keys, Of::Code);
                    drift.compared += compared;
                    (entry.differences, entry.unread) = (differences, unread);
                    entry.settle();
                }
            }
            None => {
                match unseen(resource, &coverage, seen).or_else(|| nameless(resource, namesakes.iter().any(|at| means(at).is_none()))) {
                    Some(gap) => {
                        entry.status = Status::Unknown;
                        entry.gap = Some(gap);
                    }
                    None => entry.status = Status::Missing,
                }
            }
        }
        drift.entries.push(entry);
    }
    parts_only.retain(|at, _| !matched.contains_key(at));
    let owners = owners(seen, &matched);
    for (at, resource) in seen.resources.iter().enumerate() {
        if matched.contains_key(&at) || resource.kind.service == CODE {
            continue;
        }
        if !kinds.contains(resource.kind.name.as_str()) {
            *drift.not_covered.entry(resource.kind.name.clone()).or_default() += 1;
            let own = resource.provided_by_aws.known().is_some() || owners.contains_key(&at);
            if !own && !NOT_DECLARABLE.contains(&resource.kind.name.as_str()) {
                let what = format!("no code that this program reads declares {}", resource.kind.name);
                let gap = Arc::new(not_collected("code", &resource.account, &resource.region, &what));
                drift.entries.push(Entry { gap: Some(gap), ..Entry::new(Status::NotCompared, None, Some(at)) });
            }
            continue;
        }
        let (status, owner, gap) = match (&resource.provided_by_aws, owners.get(&at)) {
            (Fetched::Known(rule), _) => (Status::Owned, Some(Owner::aws(rule)), None),
            (_, Some(owner)) => (Status::Owned, Some(owner.clone()), None),
            // It may be AWS's own: that could not be seen.
            (Fetched::Unknown(gap), None) => (Status::Unknown, None, Some(Arc::clone(gap))),
            (Fetched::Absent, None) => match &resource.tags {
                // Its tags might have told who made it.
                Fetched::Unknown(gap) => (Status::Unknown, None, Some(Arc::clone(gap))),
                Fetched::Known(_) | Fetched::Absent => (Status::Unmanaged, None, None),
            },
        };
        match parts_only.get(&at) {
            // Of what only parts are declared the rest is declared by nobody.
            Some(entry) => {
                let entry = &mut drift.entries[*entry];
                (entry.status, entry.owner, entry.gap) = (status, owner, gap);
            }
            None => drift.entries.push(Entry { owner, gap, ..Entry::new(status, None, Some(at)) }),
        }
    }
    // What was never listed may hold anything.
    for kind in kinds {
        for account in &seen.run.accounts {
            drift.gaps.extend(seen.run.regions.iter().filter_map(|region| coverage.gap(kind, &account.id, region)));
        }
    }
    if seen.run.accounts.is_empty() || seen.run.regions.is_empty() {
        drift.gaps.insert(Arc::new(out_of_reach("code", "", "", "any account or region: the estate holds none that was looked at")));
    }
    for listing in seen.listings.iter().filter(|l| kinds.contains(l.kind.as_str())) {
        drift.gaps.extend(listing.gap.clone().map(Arc::new));
    }
    drift.gaps.extend(seen.run.accounts.iter().filter_map(|a| a.gap.clone().map(Arc::new)));
    ignore::apply(ignores, declared, seen, &mut drift, at);
    drift
}

/// Whether only parts of a resource are declared: rules of a group, a policy that is attached to a role.
fn is_of_parts(resource: &Resource) -> bool {
    resource.declared.as_ref().is_some_and(|declared| declared.partial && !declared.parts.is_empty())
}

/// Why something cannot be looked for: the code does not say by which name AWS knows it, or not where.
fn nameless(resource: &Resource, has_namesake: bool) -> Option<Arc<Gap>> {
    let named = crate::estate::address_of(&resource.id).is_none() || crate::estate::address_of(&resource.arn).is_none();
    let known = named && !has_namesake;
    let why = "by which name AWS knows it: its region or account is not in the state, name them with --region and --account";
    (!known).then(|| Arc::new(out_of_reach(resource.kind.service, &resource.account, &resource.region, why)))
}

/// Why something that is declared may be there although it was not found.
fn unseen(resource: &Resource, coverage: &Coverage<'_>, seen: &Estate) -> Option<Arc<Gap>> {
    let kind = resource.kind.name.as_str();
    // Without a place it may be anywhere that was not looked at.
    let accounts: Vec<&str> = match &*resource.account {
        UNKNOWN_ACCOUNT => seen.run.accounts.iter().map(|a| a.id.as_str()).collect(),
        account => vec![account],
    };
    let regions: Vec<&str> = match &*resource.region {
        UNKNOWN_REGION => seen.run.regions.iter().map(String::as_str).collect(),
        region => vec![region],
    };
    accounts
        .iter()
        .flat_map(|account| regions.iter().map(move |region| (*account, *region)))
        .find_map(|(account, region)| coverage.gap(kind, account, region))
}

/// One resource, compared with the code that declares it; one for each that is declared or was seen.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DriftFact {
    /// The resource's own type.
    pub(crate) resource_type: String,
    /// What is said of it: `in-sync`, `changed`, `unread` (there, and some of it could not be read), `missing` (declared and not there), `unmanaged` (there and not declared), `owned` (something else made it), `twice` (declared twice).
    pub(crate) status: Required<String>,
    /// Whether all that is declared of it is so; absent where it is not on both sides.
    pub(crate) as_declared: Fetched<bool>,
    /// Address in the code; absent where nobody declares it.
    pub(crate) address: Option<String>,
    /// Who made it, if not the given code: `cloudformation`, `autoscaling`, `eks`; absent otherwise.
    pub(crate) owner: Option<String>,
    /// What tells who made it.
    pub(crate) owner_basis: Option<String>,
    /// What differs.
    pub(crate) differences: Vec<DriftDifference>,
    /// Why it is ignored; absent where it is not.
    pub(crate) ignored: Option<String>,
}

/// One property that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DriftDifference {
    /// The property.
    pub(crate) attribute: String,
    /// What is declared, as JSON.
    pub(crate) declared: String,
    /// What was seen, as JSON.
    pub(crate) seen: String,
}

impl Properties for DriftFact {
    const TYPE: &'static str = "Code::Drift";
}

/// Declares the type.
pub(crate) fn register(registry: Registry) -> Registry {
    registry.with::<DriftFact>(CODE)
}

/// Adds what drift says to the estate that was seen, so that policies judge it.
pub(crate) fn add_facts(drift: &Drift, declared: &Estate, seen: &mut Estate, ignores: &[Ignore], registry: &Registry) {
    let kind = registry.get(DriftFact::TYPE).expect("internal error: the type is not registered");
    let mut facts = Vec::with_capacity(drift.entries.len());
    for entry in &drift.entries {
        let code = entry.declared.map(|at| &declared.resources[at]);
        let live = entry.seen.map(|at| &seen.resources[at]);
        let Some(shown) = live.or(code) else { continue };
        let address = code.and_then(|r| r.declared.as_ref()).map(|d| d.address.clone());
        let status = match &entry.gap {
            Some(gap) => Required::Unknown(Arc::clone(gap)),
            None => Required::Known(entry.status.as_str().to_owned()),
        };
        let as_declared = match entry.status {
            Status::InSync => Fetched::Known(true),
            Status::Changed | Status::Twice => Fetched::Known(false),
            Status::Unread => entry.unread.first().map_or(Fetched::Absent, |unread| Fetched::Unknown(Arc::clone(&unread.gap))),
            Status::Missing | Status::Unmanaged | Status::Owned | Status::Unknown | Status::NotCompared => Fetched::Absent,
        };
        let properties = DriftFact {
            resource_type: shown.kind.name.clone(),
            status,
            as_declared,
            address: address.clone(),
            owner: entry.owner.as_ref().map(|o| o.by.clone()),
            owner_basis: entry.owner.as_ref().map(|o| o.basis.clone()),
            differences: entry
                .differences
                .iter()
                .map(|d| DriftDifference { attribute: d.attribute.clone(), declared: d.declared.to_string(), seen: d.seen.to_string() })
                .collect(),
            ignored: entry.ignored.map(|at| ignores[at].reason.clone()),
        };
        let id = match entry.status {
            Status::Twice => format!("{} at {}", shown.arn, address.unwrap_or_default()),
            _ => shown.arn.to_string(),
        };
        let mut fact = NewResource {
            arn: format!("drift:{}:{id}", shown.kind.name),
            id: shown.id.to_string(),
            name: shown.name.to_string(),
            account: shown.account.to_string(),
            region: shown.region.to_string(),
            tags: shown.tags.clone(),
            properties: Required::Known(properties),
            responses: live.map(|r| r.responses.clone()).unwrap_or_default(),
        }
        .build(kind);
        fact.name = Arc::clone(&shown.name);
        fact.environment = shown.environment.clone();
        fact.declared = code.and_then(|r| r.declared.clone());
        facts.push(fact);
    }
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for fact in &facts {
        *counts.entry((fact.account.to_string(), fact.region.to_string())).or_default() += 1;
    }
    let mut listings: Vec<Listing> = std::mem::take(&mut seen.listings);
    listings.extend(counts.into_iter().map(|((account, region), listed)| Listing {
        kind: DriftFact::TYPE.to_owned(),
        account,
        region,
        listed,
        unreadable: 0,
        gap: None,
    }));
    // What could not be listed may hold something that nobody declares.
    let open = drift.gaps.iter().map(|gap| Listing {
        kind: DriftFact::TYPE.to_owned(),
        account: gap.account.clone(),
        region: gap.region.clone(),
        listed: 0,
        unreadable: 0,
        gap: Some(gap.as_ref().clone()),
    });
    listings.extend(open);
    let mut resources = std::mem::take(&mut seen.resources);
    resources.extend(facts);
    *seen = Estate::new(seen.run.clone(), resources, listings);
}
