//! Policies on an estate. Never calls AWS, never reads the clock: `now` comes from the run.

mod inline;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::estate::{
    CODE, Environment, Estate, Fetched, Gap, Graph, Listing, Reason, Registry, Resource, ResourceType, Value, not_collected,
};
use crate::expr::{Shared, Truth, World};
use crate::policy::{Parameters, Policy, slots};

pub use inline::{TestFailure, run_tests};

/// What a policy says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// What must hold holds.
    Pass,
    /// It does not.
    Deviation,
    /// Nobody can say.
    Unknown,
    /// It does not, and that is accepted until a day.
    Excepted,
}

impl Verdict {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Deviation => "deviation",
            Self::Unknown => "unknown",
            Self::Excepted => "excepted",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A resource, by its position in the estate.
    Resource(u32),
    /// Whatever a listing that failed would have shown.
    Unseen {
        /// Type of resource.
        kind: Arc<str>,
        /// Account.
        account: Arc<str>,
        /// Region, `*` for regions that could not even be named.
        region: Arc<str>,
    },
}

/// One verdict.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Position of the policy.
    pub policy: u32,
    /// What it is about.
    pub subject: Subject,
    /// The verdict.
    pub verdict: Verdict,
    /// The clause that decided, for everything but a pass.
    pub clause: Option<u16>,
    /// The sentence; none for a pass.
    pub message: Option<Box<str>>,
    /// Why it is unknown.
    pub gap: Option<Arc<Gap>>,
    /// Position of the exception that covers it.
    pub exception: Option<u32>,
    /// Why it is reported apart and does not count, if so: only in runs over a plan.
    pub apart: Option<Apart>,
}

/// Why a plan is not to blame for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Apart {
    /// It was already so, and the plan does not change the resource.
    AlreadySo,
    /// No plan shows it: only the live estate does.
    LeftToLive,
}

impl Apart {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadySo => "already-so",
            Self::LeftToLive => "left-to-live",
        }
    }
}

/// How many resources of a policy's type it was not about, by the rule that says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutOfScope {
    /// By the name of the rule: `condition` for the policy's own `when`, `global-service`, or that of
    /// AWS's own objects.
    pub by_rule: BTreeMap<&'static str, u64>,
}

impl OutOfScope {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_rule.values().sum()
    }
}

/// Everything that was judged.
#[derive(Debug, Default)]
pub struct Judgement {
    /// By policy, then in the order of the estate; what could not be seen comes last.
    pub findings: Vec<Finding>,
    /// Per policy.
    pub out_of_scope: Vec<OutOfScope>,
    /// Per position in the estate: whether any policy judged it.
    pub judged: Vec<bool>,
}

/// Judges every resource by every policy on its type.
pub fn evaluate(policies: &[Policy], parameters: &Parameters, estate: &Estate, registry: &Registry) -> Judgement {
    let links = policies.iter().flat_map(|p| p.bindings.iter().map(|b| &b.link));
    let graph = Graph::new(estate, links);
    let params = ParameterValues::new(parameters, estate);
    let shared = Shared::default();
    let per_policy: Vec<(Vec<Finding>, OutOfScope)> = policies
        .par_iter()
        .enumerate()
        .map(|(at, policy)| {
            let number = u32::try_from(at).expect("internal error: more than 2^32 policies");
            let range = policy.resource.as_ref().map_or(0..estate.resources.len(), |kind| estate.of_type(&kind.name));
            let judged: Vec<(Option<Finding>, Option<&'static str>)> = range
                .into_par_iter()
                .with_min_len(256)
                .map(|position| {
                    if policy.resource.is_none() && estate.resources[position].kind.is_fact() {
                        return (None, None);
                    }
                    let position = u32::try_from(position).expect("internal error: more than 2^32 resources");
                    judge(number, policy, position, estate, &graph, &params, &shared)
                })
                .collect();
            let mut out = OutOfScope::default();
            let mut findings = Vec::with_capacity(judged.len());
            for (finding, rule) in judged {
                findings.extend(finding);
                if let Some(rule) = rule {
                    *out.by_rule.entry(rule).or_default() += 1;
                }
            }
            findings.extend(unseen(number, policy, estate, registry, &params));
            (findings, out)
        })
        .collect();
    let mut judgement = Judgement { judged: vec![false; estate.resources.len()], ..Judgement::default() };
    for (findings, out) in per_policy {
        for finding in &findings {
            if let Subject::Resource(at) = finding.subject {
                judgement.judged[at as usize] = true;
            }
        }
        judgement.findings.extend(findings);
        judgement.out_of_scope.push(out);
    }
    judgement
}

/// The value of `params` per environment, made once.
struct ParameterValues<'a> {
    parameters: &'a Parameters,
    named: BTreeMap<Arc<str>, Value>,
    unassigned: Value,
}

impl<'a> ParameterValues<'a> {
    fn new(parameters: &'a Parameters, estate: &Estate) -> Self {
        let mut named = BTreeMap::new();
        for resource in &estate.resources {
            if let Environment::Named { name, .. } = &resource.environment
                && !named.contains_key(name)
            {
                named.insert(Arc::clone(name), parameters.for_environment(&resource.environment));
            }
        }
        Self { parameters, named, unassigned: parameters.for_environment(&Environment::Unassigned) }
    }

    fn of(&self, environment: &Environment) -> Value {
        match environment {
            Environment::Named { name, .. } => self.named.get(name).cloned().unwrap_or_else(|| self.unassigned.clone()),
            Environment::Unassigned => self.unassigned.clone(),
            Environment::Unrecognised { .. } | Environment::Ambiguous(_) | Environment::Unknown(_) => {
                self.parameters.for_environment(environment)
            }
        }
    }
}

fn judge(
    number: u32,
    policy: &Policy,
    position: u32,
    estate: &Estate,
    graph: &Graph<'_>,
    params: &ParameterValues<'_>,
    shared: &Shared,
) -> (Option<Finding>, Option<&'static str>) {
    let resource = &estate.resources[position as usize];
    let mut world =
        World { resources: &estate.resources, slots: own_slots(policy, resource, position), sentence: false, shared: Some(shared) };
    world.slots[slots::PARAMS] = params.of(&resource.environment);
    world.slots[slots::NOW] = Value::Timestamp(estate.run.as_of);
    let bind = |world: &mut World<'_>| {
        for bound in &policy.bindings {
            world.slots[bound.slot] = graph.follow(position, &bound.link);
        }
    };
    match judge_in(policy, &mut world, bind) {
        Judged::OutOfScope => (None, Some(scope_rule(resource))),
        Judged::Verdict { verdict, clause, message, gap } => {
            let subject = Subject::Resource(position);
            (Some(Finding { policy: number, subject, verdict, clause, message, gap, exception: None, apart: None }), None)
        }
    }
}

/// The name under which a resource out of scope is counted.
fn scope_rule(resource: &Resource) -> &'static str {
    match &resource.provided_by_aws {
        Fetched::Known(rule) => rule,
        Fetched::Absent | Fetched::Unknown(_) if &*resource.region == crate::estate::GLOBAL => "global-service",
        Fetched::Absent | Fetched::Unknown(_) => "condition",
    }
}

/// The slots of the names every policy has, without parameters, time and bindings.
fn own_slots(policy: &Policy, resource: &Resource, position: u32) -> Vec<Value> {
    // The slots of bindings are there from the start: those of loops come behind them.
    let mut own = vec![Value::Null; slots::BINDINGS + policy.bindings.len()];
    own[slots::RESOURCE] = Value::Resource(position);
    own[slots::ENVIRONMENT] = resource.environment.as_value();
    own[slots::ACCOUNT] = resource.account_value();
    own[slots::REGION] = resource.region_value();
    own[slots::NAME] = Value::String(Arc::clone(&resource.name));
    own[slots::PROVIDED_BY_AWS] = match &resource.provided_by_aws {
        Fetched::Known(rule) => Value::string(*rule),
        Fetched::Absent => Value::Null,
        Fetched::Unknown(gap) => Value::Unknown(Arc::clone(gap)),
    };
    // Tags are copied only for those who ask.
    let in_when = policy.when.as_ref().is_some_and(|when| when.mentions(slots::TAGS));
    if in_when || policy.require.mentions(slots::TAGS) || policy.deviation.mentions(slots::TAGS) {
        own[slots::TAGS] = resource.tags_value();
    }
    own
}

/// A verdict, or that the policy is not about the resource.
pub(crate) enum Judged {
    OutOfScope,
    Verdict { verdict: Verdict, clause: Option<u16>, message: Option<Box<str>>, gap: Option<Arc<Gap>> },
}

/// Judges in a world whose own names are bound; `bind` adds the linked ones when they are needed.
pub(crate) fn judge_in(policy: &Policy, world: &mut World<'_>, bind: impl FnOnce(&mut World<'_>)) -> Judged {
    let mut bind = Some(bind);
    let mut in_scope = Truth::True;
    if let Some(when) = &policy.when {
        // Following links is the dear part: a condition that needs none is asked before.
        let links = policy.bindings.iter().any(|b| when.mentions(b.slot));
        if links && let Some(bind) = bind.take() {
            bind(world);
        }
        in_scope = when.evaluate(world);
        if let Truth::False { .. } = in_scope {
            return Judged::OutOfScope;
        }
    }
    if let Some(bind) = bind.take() {
        bind(world);
    }
    let required = policy.require.evaluate(world);
    let clause_number = |clause: usize| u16::try_from(clause).ok();
    match (in_scope, required) {
        // Out of scope or judged, nobody can say: not even a requirement that holds makes it a pass.
        (Truth::Unknown { gap, .. }, Truth::True | Truth::False { .. } | Truth::Unknown { .. }) => {
            let message = format!("whether this applies could not be seen: {gap}").into();
            Judged::Verdict { verdict: Verdict::Unknown, clause: None, message: Some(message), gap: Some(gap) }
        }
        (_, Truth::True) => Judged::Verdict { verdict: Verdict::Pass, clause: None, message: None, gap: None },
        (_, Truth::False { clause }) => {
            let message = policy.deviation.render(world).into_boxed_str();
            Judged::Verdict { verdict: Verdict::Deviation, clause: clause_number(clause), message: Some(message), gap: None }
        }
        (_, Truth::Unknown { clause, gap }) => {
            let message = format!("not seen: {gap}").into();
            Judged::Verdict { verdict: Verdict::Unknown, clause: clause_number(clause), message: Some(message), gap: Some(gap) }
        }
    }
}

/// What a policy would have judged, had it been seen.
fn unseen(number: u32, policy: &Policy, estate: &Estate, registry: &Registry, params: &ParameterValues<'_>) -> Vec<Finding> {
    let is_fact = |kind: &str| registry.get(kind).is_some_and(|kind| kind.is_fact());
    let about = |kind: &str| policy.resource.as_ref().map_or_else(|| !is_fact(kind), |k| k.name == kind);
    let mut findings: BTreeMap<(String, String, String), Arc<Gap>> = BTreeMap::new();
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    for listing in estate.listings.iter().filter(|l| about(&l.kind)) {
        asked.insert(&listing.account);
        if let Some(gap) = &listing.gap {
            let place = (listing.kind.clone(), listing.account.clone(), listing.region.clone());
            findings.entry(place).or_insert_with(|| Arc::new(gap.clone()));
        }
    }
    // A type that was never asked for in an account was not seen there either. Code that was not given to
    // the run, and what code does not declare, is not asked for.
    let asks = |kind: &ResourceType| estate.run.declared.is_none() && kind.service != CODE;
    if let Some(kind) = policy.resource.as_ref().filter(|kind| asks(kind)) {
        for account in estate.run.accounts.iter().filter(|a| !asked.contains(a.id.as_str())) {
            let gap = account.gap.clone().unwrap_or_else(|| not_collected(kind.service, &account.id, "*", &kind.name));
            findings.insert((kind.name.clone(), account.id.clone(), "*".to_owned()), Arc::new(gap));
        }
    }
    findings
        .into_iter()
        .filter(|((kind, account, region), gap)| may_be_about(policy, kind, account, region, gap, registry, params, estate))
        .map(|((kind, account, region), gap)| Finding {
            policy: number,
            message: Some(format!("not all could be listed: {gap}").into()),
            subject: Subject::Unseen { kind: kind.into(), account: account.into(), region: region.into() },
            verdict: Verdict::Unknown,
            clause: None,
            gap: Some(gap),
            exception: None,
            apart: None,
        })
        .collect()
}

/// Types that are listed once per account although each of their resources lies in a region.
const LISTED_GLOBALLY: &[&str] = &["AWS::S3::Bucket"];

/// Whether a policy may be about something of which only type, account and region are known. Its
/// condition is asked of a resource of which everything else is unknown: only a plain no counts.
#[allow(clippy::too_many_arguments, reason = "the parts of a place, and what a condition may read")]
fn may_be_about(
    policy: &Policy,
    kind: &str,
    account: &str,
    region: &str,
    gap: &Arc<Gap>,
    registry: &Registry,
    params: &ParameterValues<'_>,
    estate: &Estate,
) -> bool {
    let (Some(when), Some(kind)) = (&policy.when, registry.get(kind)) else { return true };
    let unknown = || Value::Unknown(Arc::clone(gap));
    let region = if LISTED_GLOBALLY.contains(&kind.name.as_str()) { crate::estate::ALL_REGIONS } else { region };
    let stub = Resource {
        kind: Arc::clone(kind),
        arn: "".into(),
        id: "".into(),
        name: "".into(),
        account: account.into(),
        region: region.into(),
        environment: Environment::Unknown(Arc::clone(gap)),
        tags: Fetched::Unknown(Arc::clone(gap)),
        provided_by_aws: Fetched::Unknown(Arc::clone(gap)),
        properties: unknown(),
        responses: Vec::new(),
        declared: None,
    };
    let mut own = own_slots(policy, &stub, 0);
    own[slots::NAME] = unknown();
    own[slots::PARAMS] = params.of(&stub.environment);
    own[slots::NOW] = Value::Timestamp(estate.run.as_of);
    for bound in &policy.bindings {
        own[bound.slot] = unknown();
    }
    let resources = [stub];
    let mut world = World { resources: &resources, slots: own, sentence: false, shared: None };
    !matches!(when.evaluate(&mut world), Truth::False { .. })
}

/// Sets apart what code is not to blame for: verdicts that no code can decide, and, with a plan, those on
/// resources that it leaves as they are, unless they were other before. `before` is the estate that the
/// plan starts from, judged by the same policies.
pub fn set_apart(judgement: &mut Judgement, estate: &Estate, before: Option<(&Judgement, &Estate)>) {
    let address = |estate: &Estate, subject: &Subject| match subject {
        Subject::Resource(at) => estate.resources[*at as usize].declared.as_ref().map(|d| d.address.clone()),
        Subject::Unseen { .. } => None,
    };
    let mut earlier: HashMap<(u32, String), Verdict> = HashMap::new();
    if let Some((before, estate_before)) = before {
        for finding in &before.findings {
            if let Some(address) = address(estate_before, &finding.subject) {
                earlier.insert((finding.policy, address), finding.verdict);
            }
        }
    }
    for finding in &mut judgement.findings {
        let Subject::Resource(at) = finding.subject else { continue };
        let Some(declared) = &estate.resources[at as usize].declared else { continue };
        if finding.verdict == Verdict::Unknown && finding.gap.as_ref().is_some_and(|gap| gap.reason == Reason::NotInPlan) {
            finding.apart = Some(Apart::LeftToLive);
            continue;
        }
        let untouched = declared.action == Some(crate::estate::Action::NoOp);
        if untouched && earlier.get(&(finding.policy, declared.address.clone())) == Some(&finding.verdict) {
            finding.apart = Some(Apart::AlreadySo);
        }
    }
}

/// What a finding keeps over runs: policy and resource, not the sentence.
pub fn fingerprint(policy: &str, kind: &str, account: &str, region: &str, arn: &str) -> String {
    let mut hash = Sha256::new();
    for part in [policy, kind, account, region, arn] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold("sha256:".to_owned(), |mut text, byte| {
        use std::fmt::Write as _;
        write!(text, "{byte:02x}").expect("internal error: writing to a string cannot fail");
        text
    })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One line of the proof that a population is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Population {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// How many AWS listed.
    pub listed: u64,
    /// How many were judged by at least one policy.
    pub judged: u64,
    /// How many no policy was about.
    pub out_of_scope: u64,
    /// How many do not say which they are: nothing was judged of them, and the population is not complete. What is
    /// listed is judged, out of scope or this.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable: u64,
    /// Whether the listing was read to its end.
    pub complete: bool,
}

/// The population of every type, account and region that was asked.
pub fn population(estate: &Estate, judgement: &Judgement) -> Vec<Population> {
    let mut lines: BTreeMap<(&str, &str, &str), Population> = BTreeMap::new();
    for Listing { kind, account, region, listed, unreadable, gap } in &estate.listings {
        let line = lines.entry((kind, account, region)).or_insert_with(|| Population {
            kind: kind.clone(),
            account: account.clone(),
            region: region.clone(),
            listed: 0,
            judged: 0,
            out_of_scope: 0,
            unreadable: 0,
            complete: true,
        });
        line.listed += listed;
        line.unreadable += unreadable;
        line.complete &= gap.is_none();
    }
    for (at, resource) in estate.resources.iter().enumerate() {
        let at_place = |region: &'static str| (resource.kind.name.as_str(), &*resource.account, region);
        let key = (resource.kind.name.as_str(), &*resource.account, &*resource.region);
        // Buckets lie in regions and are listed globally.
        let key = if lines.contains_key(&key) { key } else { at_place(crate::estate::GLOBAL) };
        if let Some(line) = lines.get_mut(&key) {
            if judgement.judged[at] {
                line.judged += 1;
            } else {
                line.out_of_scope += 1;
            }
        }
    }
    lines.into_values().collect()
}
