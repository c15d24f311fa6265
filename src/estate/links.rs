//! Links between resources: declared as keys that meet, followed in the graph of one estate.
//!
//! A link never hides what could not be seen. Where the listing of its targets is not complete, the
//! list it gives ends with an unknown element, so that "none of them" and "all of them" stay open
//! while "at least one" may already be settled.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock};

use super::coverage::Coverage;
use super::fetched::{Gap, address_of};
use super::place::{Reach, both, reach};
use super::resource::out_of_reach;
use super::value::Value;
use super::{Estate, Resource};

/// How many resources a link leads to, and who holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// The resource names at most one other.
    One,
    /// The resource names several others.
    Many,
    /// Others name the resource.
    NamedBy,
}

/// How far apart two linked resources may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// Same account and region.
    Region,
    /// Same account, any region.
    Account,
    /// Anywhere in the run; the key is unique in AWS.
    Run,
}

/// A type of target and the path of the property that meets the key: `("AWS::RDS::DBSnapshot", "dbi_resource_id")`.
pub type Key = (&'static str, &'static str);

/// Where the edges of a link come from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A property of the resource equals a property of the target.
    Keys {
        /// Path on the resource.
        from: &'static str,
        /// Types of targets, each with the path that must hold the same text.
        to: &'static [Key],
        /// How far apart they may be.
        within: Within,
        /// How many.
        cardinality: Cardinality,
    },
    /// Worked out over the whole estate: pairs of a resource's position and what it leads to.
    Computed {
        /// The function.
        edges: fn(&Estate) -> Vec<(u32, Value)>,
        /// Types of targets.
        to: &'static [&'static str],
        /// Types whose listings it needs, besides the targets.
        needs: &'static [&'static str],
    },
}

/// A link that policies can bind by name.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Name: `snapshots_of`.
    pub name: &'static str,
    /// Type of the resource it starts from.
    pub from: &'static str,
    /// What it leads to, one sentence for the policy author.
    pub doc: &'static str,
    /// Where its edges come from.
    pub source: Source,
}

impl Link {
    /// A link by equal keys.
    pub const fn keys(
        name: &'static str,
        from: Key,
        to: &'static [Key],
        within: Within,
        cardinality: Cardinality,
        doc: &'static str,
    ) -> Self {
        Self { name, from: from.0, doc, source: Source::Keys { from: from.1, to, within, cardinality } }
    }

    /// Whether it leads to at most one resource.
    pub fn is_one(&self) -> bool {
        matches!(self.source, Source::Keys { cardinality: Cardinality::One, .. })
    }

    /// The types it leads to.
    pub fn targets(&self) -> Vec<&'static str> {
        let mut types: Vec<&str> = match self.source {
            Source::Keys { to, .. } => to.iter().map(|(kind, _)| *kind).collect(),
            Source::Computed { to, .. } => to.to_vec(),
        };
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The types that must be listed for it, its targets among them.
    pub fn needs(&self) -> Vec<&'static str> {
        let mut types = self.targets();
        if let Source::Computed { needs, .. } = self.source {
            types.extend(needs);
        }
        types
    }
}

/// All links, by name and type of resource.
#[derive(Debug, Default)]
pub struct LinkSet {
    links: BTreeMap<(&'static str, &'static str), Link>,
}

impl LinkSet {
    /// The set of `links`.
    ///
    /// # Panics
    /// When a link is declared twice: a mistake of the programmer.
    pub fn new(links: impl IntoIterator<Item = Link>) -> Self {
        let mut set = BTreeMap::new();
        for link in links {
            let earlier = set.insert((link.from, link.name), link);
            assert!(earlier.is_none(), "internal error: link {} from {} is declared twice", link.name, link.from);
        }
        Self { links: set }
    }

    /// The link of that name from resources of that type.
    pub fn get(&self, from: &str, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.from == from && link.name == name)
    }

    /// The links from resources of that type, by name.
    pub fn from_type<'a>(&'a self, from: &'a str) -> impl Iterator<Item = &'a Link> {
        self.links.values().filter(move |link| link.from == from)
    }

    /// All links.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }
}

/// The links of one estate, indexed.
pub struct Graph<'a> {
    estate: &'a Estate,
    coverage: Coverage<'a>,
    edges: HashMap<(&'static str, &'static str), Edges>,
    /// What a key leads to that many hold, from one place.
    named: RwLock<HashMap<KeyPlace, Arc<Named>>>,
    /// The same as a list: all that hold the key share one.
    lists: RwLock<HashMap<KeyPlace, Value>>,
    /// Why targets of a link may be missing near a place.
    gaps: RwLock<HashMap<LinkPlace, Arc<BTreeSet<Arc<Gap>>>>>,
}

/// A link, by type and name, and where it starts: account, region and provider.
type LinkPlace = (&'static str, &'static str, Arc<str>, Arc<str>, Option<String>);

/// The same, and a key that is held there.
type KeyPlace = (LinkPlace, Arc<str>);

/// The targets that a key names; and why there may be others, where that is not known of a namesake.
type Named = (Vec<u32>, Option<Arc<Gap>>);

/// Lists of this length are shared.
const LONG: usize = 32;

enum Edges {
    /// Text of the key → positions; and the resources whose key is unknown.
    Keyed {
        index: HashMap<Arc<str>, Vec<u32>>,
        open: Vec<(u32, Arc<Gap>)>,
    },
    Computed(HashMap<u32, Value>),
}

impl<'a> Graph<'a> {
    /// Indexes `links` over the estate.
    pub fn new<'l>(estate: &'a Estate, links: impl IntoIterator<Item = &'l Link>) -> Self {
        let mut edges = HashMap::new();
        for link in links {
            edges.entry((link.from, link.name)).or_insert_with(|| match link.source {
                Source::Computed { edges, .. } => Edges::Computed(edges(estate).into_iter().collect()),
                Source::Keys { to, cardinality, .. } => {
                    let mut index: HashMap<Arc<str>, Vec<u32>> = HashMap::new();
                    let mut open = Vec::new();
                    for (kind, path) in to {
                        for at in estate.of_type(kind) {
                            let position = u32::try_from(at).expect("internal error: more than 2^32 resources");
                            let mut add = |text: Arc<str>| {
                                let at_key = index.entry(text).or_default();
                                if at_key.last() != Some(&position) {
                                    at_key.push(position);
                                }
                            };
                            let target = &estate.resources[at];
                            for value in target.values_at(path) {
                                match value.key() {
                                    Ok(Some(text)) => add(text),
                                    Err(gap) => open.push((position, gap)),
                                    Ok(None) => unreachable!("internal error: key {kind}.{path} is not text: {value:?}"),
                                }
                            }
                            // What is still to be made is named by its address: there is no id yet to name it by.
                            if cardinality != Cardinality::NamedBy {
                                target.symbol().map(Arc::from).into_iter().for_each(add);
                            }
                        }
                    }
                    Edges::Keyed { index, open }
                }
            });
        }
        Self { estate, coverage: Coverage::new(estate), edges, named: RwLock::default(), lists: RwLock::default(), gaps: RwLock::default() }
    }

    /// What `link` leads to from the resource at `position`: a resource or `null`, or a list of
    /// resources, with unknowns where something could not be seen.
    pub fn follow(&self, position: u32, link: &Link) -> Value {
        let resource = &self.estate.resources[position as usize];
        let Some(edges) = self.edges.get(&(link.from, link.name)) else {
            unreachable!("internal error: link {} was not indexed", link.name)
        };
        match (edges, link.source) {
            (Edges::Computed(values), _) => values.get(&position).cloned().unwrap_or_else(|| Value::List([].into())),
            (Edges::Keyed { index, open }, Source::Keys { from, to, within, cardinality }) => {
                let is_named = cardinality == Cardinality::NamedBy;
                let found = Found { graph: self, link: (link.from, link.name), resource, index, open, to, within, is_named };
                match cardinality {
                    Cardinality::One => found.one(from, link),
                    Cardinality::Many => found.many(from, link),
                    Cardinality::NamedBy => found.named_by(from),
                }
            }
            (Edges::Keyed { .. }, Source::Computed { .. }) => unreachable!("internal error: mixed up link"),
        }
    }
}

struct Found<'f, 'a> {
    graph: &'f Graph<'a>,
    link: (&'static str, &'static str),
    resource: &'f Resource,
    index: &'f HashMap<Arc<str>, Vec<u32>>,
    open: &'f [(u32, Arc<Gap>)],
    to: &'static [Key],
    within: Within,
    /// Whether the targets hold the key, and the resource is what it names.
    is_named: bool,
}

impl Found<'_, '_> {
    /// Whether a target is within reach of the link, where `key` names it, or by it the resource; none where nobody knows.
    fn near(&self, position: u32, key: Option<&str>) -> Option<bool> {
        let other = &self.graph.estate.resources[position as usize];
        let (here, there) = (self.resource.place(), other.place());
        let named = if self.is_named { self.resource } else { other };
        let reach = key.map(|key| reach(&named.kind.name, key));
        // A symbol is the address of the target itself.
        if key.is_some_and(|key| address_of(key).is_some()) {
            return Some(true);
        }
        let global = || &*other.region == super::GLOBAL || &*self.resource.region == super::GLOBAL;
        let near = match self.within {
            Within::Region => both(here.same_account(&there), if global() { Some(true) } else { here.same_region(&there) }),
            Within::Account => here.same_account(&there),
            Within::Run => Some(true),
        };
        near.or_else(|| matches!(reach, Some(Reach::Everywhere | Reach::Partition)).then_some(true))
    }

    /// The keys that the resource holds; a reference to something still to be made by its symbol.
    fn keys(&self, from: &str) -> Vec<Value> {
        let by_symbol = |value: Value| value.key().map_or_else(Value::Unknown, |text| text.map_or(value, Value::String));
        self.resource.values_at(from).into_iter().map(by_symbol).collect()
    }

    /// The targets that a key names: where it names many, found once for all that are in one place.
    fn at(&self, key: &Arc<str>) -> Arc<Named> {
        if self.index.get(key).is_none_or(|at| at.len() < LONG) {
            return Arc::new(self.find(key));
        }
        let place = (self.place(), Arc::clone(key));
        let known = self.graph.named.read().ok().and_then(|named| named.get(&place).cloned());
        known.unwrap_or_else(|| {
            let found = Arc::new(self.find(key));
            if let Ok(mut named) = self.graph.named.write() {
                named.insert(place, Arc::clone(&found));
            }
            found
        })
    }

    fn find(&self, key: &Arc<str>) -> Named {
        let mut found = Vec::new();
        let mut namesake = None;
        for position in self.index.get(key).into_iter().flatten().copied() {
            match self.near(position, Some(key)) {
                Some(true) => found.push(position),
                Some(false) => {}
                None => namesake = namesake.or(Some(position)),
            }
        }
        let gap = |position: u32| {
            let other = &self.graph.estate.resources[position as usize];
            let subject = format!("whether {key} is {} {}: the account or region of one of them is not known", other.kind.name, other.name);
            Arc::new(out_of_reach(other.kind.service, &self.resource.account, &self.resource.region, &subject))
        };
        (found, namesake.map(gap))
    }

    fn place(&self) -> LinkPlace {
        let provider = self.resource.place().provider.map(str::to_owned);
        (self.link.0, self.link.1, Arc::clone(&self.resource.account), Arc::clone(&self.resource.region), provider)
    }

    /// Why targets near the resource may be missing: the same for all of one account and region.
    fn incomplete(&self) -> Arc<BTreeSet<Arc<Gap>>> {
        let place = self.place();
        let known = self.graph.gaps.read().ok().and_then(|gaps| gaps.get(&place).cloned());
        known.unwrap_or_else(|| {
            let found = Arc::new(few(self.all_gaps()));
            if let Ok(mut gaps) = self.graph.gaps.write() {
                gaps.insert(place, Arc::clone(&found));
            }
            found
        })
    }

    fn all_gaps(&self) -> BTreeSet<Arc<Gap>> {
        let mut gaps = BTreeSet::new();
        for (kind, _) in self.to {
            gaps.extend(self.graph.coverage.gaps(kind, self.within, &self.resource.account, &self.resource.region));
        }
        gaps.extend(self.open.iter().filter(|(p, _)| self.near(*p, None) != Some(false)).map(|(_, gap)| Arc::clone(gap)));
        gaps
    }

    /// What is said of a name that leads nowhere: nothing when everything near was seen, a gap otherwise.
    fn dangling(&self, key: &str, link: &Link) -> Option<Arc<Gap>> {
        let place = Place::of_arn(key);
        let outside = || {
            let service = self.to.first().map_or("-", |(kind, _)| *kind);
            let (account, region) = place.as_ref().map_or(("", ""), |p| (p.account, p.region));
            Arc::new(out_of_reach(service, account, region, &format!("{key} ({})", link.name)))
        };
        // Code names things that it does not declare: they are there, and not here.
        if self.graph.coverage.is_open() {
            return Some(outside());
        }
        let other_account = place.as_ref().is_some_and(|p| p.account != &*self.resource.account);
        if other_account && self.within != Within::Run {
            return None;
        }
        if let Some(gap) = self.incomplete().first() {
            return Some(Arc::clone(gap));
        }
        let here = match &place {
            Some(place) => self.covers(place),
            None => self.within != Within::Run,
        };
        (!here).then(outside)
    }

    fn covers(&self, place: &Place<'_>) -> bool {
        self.to.iter().all(|(kind, _)| self.graph.coverage.complete(kind, place.account, place.region))
    }

    fn one(&self, from: &str, link: &Link) -> Value {
        match self.keys(from).pop() {
            None => Value::Null,
            Some(Value::String(key)) => match self.at(&key).as_ref() {
                (found, _) if !found.is_empty() => Value::Resource(found[0]),
                (_, Some(gap)) => Value::Unknown(Arc::clone(gap)),
                (_, None) => self.dangling(&key, link).map_or(Value::Null, Value::Unknown),
            },
            Some(other) => other,
        }
    }

    fn many(&self, from: &str, link: &Link) -> Value {
        let mut found = BTreeSet::new();
        let mut gaps = BTreeSet::new();
        for key in self.keys(from) {
            match key {
                Value::String(key) => {
                    let named = self.at(&key);
                    if named.0.is_empty() {
                        gaps.extend(named.1.clone().or_else(|| self.dangling(&key, link)));
                    }
                    found.extend(&named.0);
                }
                Value::Unknown(gap) => {
                    gaps.insert(gap);
                }
                other => unreachable!("internal error: key {}.{from} is not text: {other:?}", link.from),
            }
        }
        list(found, gaps)
    }

    /// The list that a key leads to, with the gaps of the place.
    fn shared(&self, key: &Arc<str>, gaps: &BTreeSet<Arc<Gap>>) -> Value {
        let place = (self.place(), Arc::clone(key));
        let known = self.graph.lists.read().ok().and_then(|lists| lists.get(&place).cloned());
        known.unwrap_or_else(|| {
            let named = self.at(key);
            let made = list(named.0.iter().copied().collect(), gaps.iter().chain(&named.1).cloned().collect());
            if let Ok(mut lists) = self.graph.lists.write() {
                lists.insert(place, made.clone());
            }
            made
        })
    }

    fn named_by(&self, from: &str) -> Value {
        let incomplete = self.incomplete();
        let mut keys = self.keys(from);
        keys.extend(self.resource.symbol().map(Value::string));
        // What still is to be made is named by its symbol as well, which mostly nothing else holds.
        let held = |key: &Value| !matches!(key, Value::String(key) if self.index.get(key).is_none_or(Vec::is_empty));
        let mut holding = keys.iter().filter(|key| held(key));
        if let (Some(Value::String(key)), None) = (holding.next(), holding.next())
            && self.index.get(key).is_some_and(|at| at.len() >= LONG)
        {
            return self.shared(key, &incomplete);
        }
        let mut found = BTreeSet::new();
        let mut gaps = BTreeSet::clone(&incomplete);
        for key in keys {
            match key {
                Value::String(key) => {
                    let naming = self.at(&key);
                    found.extend(&naming.0);
                    gaps.extend(naming.1.clone());
                }
                Value::Unknown(gap) => {
                    gaps.insert(gap);
                }
                other => unreachable!("internal error: key {from} is not text: {other:?}"),
            }
        }
        list(found, gaps)
    }
}

/// Of many gaps those that decide what is told of them: an unknown element stands for any number of others.
fn few(gaps: BTreeSet<Arc<Gap>>) -> BTreeSet<Arc<Gap>> {
    const MANY: usize = 16;
    if gaps.len() <= MANY {
        return gaps;
    }
    let counts = gaps.iter().find(|gap| gap.reason != super::Reason::NotInPlan);
    gaps.first().into_iter().chain(counts).chain(gaps.last()).cloned().collect()
}

fn list(found: BTreeSet<u32>, gaps: BTreeSet<Arc<Gap>>) -> Value {
    Value::List(found.into_iter().map(Value::Resource).chain(gaps.into_iter().map(Value::Unknown)).collect())
}

/// Account and region of an ARN.
struct Place<'a> {
    account: &'a str,
    region: &'a str,
}

impl<'a> Place<'a> {
    fn of_arn(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        (parts.next() == Some("arn")).then_some(())?;
        let (region, account) = (parts.nth(2)?, parts.next()?);
        (!account.is_empty()).then_some(Self { account, region })
    }
}
