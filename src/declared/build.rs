//! From what was read to an estate: properties by the tables, parts joined to what they are part of.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::change::{Change, Other, Piece};
use super::list::Edits;
use super::map::{Adds, Ctx, Field, Got, Mapping, Part, fit, identity, value};
use super::row::Row;
use super::tables::{inner, mapping, parts_of, whole_keys};
use super::{AWS_KEY, Object, is_marked, marked, reference, unknown};
use crate::estate::{
    Account, Action, Declared, DeclaredRun, Environment, Estate, Fetched, Gap, Listing, NewResource, Place, Properties, Reach, Reason,
    RegionFrom, Registry, Required, Resource, ResourceType, Run, Type, UNKNOWN_ACCOUNT, UNKNOWN_REGION, UNKNOWN_TAG, Value, address_of,
    out_of_reach, reach, symbol,
};

/// What a plan deletes: type of the code and what names it → account and region, where they could be told.
type Gone = HashMap<(String, String), Vec<[Option<String>; 2]>>;

/// What was read from code, object by object: of most, little is kept.
pub(crate) struct Reading<'r> {
    /// `plan`, `state` or `template`.
    source: &'static str,
    registry: &'r Registry,
    drafts: Vec<Draft>,
    parts: Vec<Object>,
    /// What the plan deletes.
    gone: Gone,
    resources: Vec<Resource>,
    /// Files, and what they did not say.
    pub(crate) run: DeclaredRun,
}

impl<'r> Reading<'r> {
    /// Nothing yet.
    pub(crate) fn new(source: &'static str, registry: &'r Registry) -> Self {
        Self {
            source,
            registry,
            drafts: Vec::new(),
            parts: Vec::new(),
            gone: HashMap::new(),
            resources: Vec::new(),
            run: DeclaredRun::default(),
        }
    }

    /// Adds a resource or a part.
    pub(crate) fn push(&mut self, object: Object) {
        if !parts_of(&object.source_type).is_empty() {
            self.parts.push(object);
        } else if object.action == Some(Action::Delete) {
            // What is gone has no properties; that it goes is a change. Its parts go with it.
            for key in keys_of(&object) {
                let place = [object.account.clone(), object.region.clone()];
                self.gone.entry((object.source_type.clone(), key)).or_default().push(place);
            }
        } else if let Some(mapping) = mapping(&object.source_type) {
            for inner in inner(&object) {
                if let Some(mapping) = super::tables::mapping(&inner.source_type) {
                    self.drafts.push(Draft { partial: true, ..draft(mapping, inner, self.registry) });
                }
            }
            self.drafts.push(draft(mapping, object, self.registry));
        } else {
            *self.run.not_covered.entry(object.source_type.clone()).or_default() += 1;
            self.resources.push(other(&object, self.registry));
        }
    }

    /// Adds what a plan does to a resource, with what is known of that: account, region, attributes.
    pub(crate) fn change(&mut self, change: Change, account: Option<String>, region: Option<String>, attributes: &Json) {
        let place = out_of_reach("code", account.as_deref().unwrap_or_default(), region.as_deref().unwrap_or_default(), "");
        let tags = ["tags_all", "tags"].iter().find_map(|name| attributes.get(*name).filter(|tags| !tags.is_null()));
        let tags = tags.map_or(Fetched::Absent, |tags| fetched_tags(tags, place));
        self.resources.push(changed(change, account, region, tags, self.registry));
    }
}

/// A resource that is being put together.
struct Draft {
    kind: Arc<ResourceType>,
    /// What was declared, without its attributes.
    object: Object,
    /// What parts may name it by.
    keys: Vec<String>,
    /// Id, ARN, name.
    identity: (String, String, String),
    tags: Json,
    properties: Row,
    /// What was set by parts: a later default of the whole does not undo it.
    by_parts: Vec<&'static str>,
    /// What parts add to lists and take out of them.
    edits: BTreeMap<&'static str, Edits>,
    action: Option<Action>,
    parts: Vec<String>,
    partial: bool,
}

impl Draft {
    /// Whether the code makes it: what it does not say, nobody else has said before.
    fn made(&self) -> bool {
        matches!(self.action, Some(Action::Create | Action::Replace)) || self.object.sparse
    }
}

/// Makes an estate of what was read. `at` is the moment of the run.
pub(crate) fn build(reading: Reading<'_>, at: Timestamp) -> Estate {
    let Reading { source, registry, mut drafts, mut parts, gone, mut resources, mut run } = reading;
    // What goes, goes before what comes.
    parts.sort_by_key(|object| object.action != Some(Action::Delete));
    join(&mut drafts, &parts, &gone, registry);
    drop((parts, gone));
    follow(&mut drafts);
    settings(&mut drafts);
    members(&mut drafts);
    resources.extend(keys_of_aws(&mut drafts, registry));
    resources.extend(drafts.into_iter().map(finish));
    for resource in &resources {
        if let Some(declared) = &resource.declared {
            *run.region_from.entry(declared.region_from).or_default() += 1;
        }
    }
    estate(source, resources, run, registry, at)
}

fn estate(source: &str, resources: Vec<Resource>, run: DeclaredRun, registry: &Registry, at: Timestamp) -> Estate {
    let mut counts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for r in &resources {
        *counts.entry((r.kind.name.clone(), r.account.to_string(), r.region.to_string())).or_default() += 1;
    }
    let listing = |((kind, account, region), listed): ((String, String, String), u64)| Listing {
        kind,
        account,
        region,
        listed,
        unreadable: 0,
        gap: None,
    };
    let mut listings: Vec<Listing> = counts.into_iter().map(listing).collect();
    // Code that does not say everything says nothing of what it leaves out, of any type.
    if let Some(gap) = run.incomplete.first() {
        listings.extend(registry.names().map(|kind| Listing {
            kind: kind.to_owned(),
            account: UNKNOWN_ACCOUNT.to_owned(),
            region: UNKNOWN_REGION.to_owned(),
            listed: 0,
            unreadable: 0,
            gap: Some(gap.clone()),
        }));
    }
    let known = |text: &str| text != UNKNOWN_ACCOUNT;
    let mut accounts: Vec<String> = resources.iter().map(|r| r.account.to_string()).filter(|a| known(a)).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let mut regions: Vec<String> = resources.iter().map(|r| r.region.to_string()).collect();
    regions.retain(|r| r != crate::estate::GLOBAL && r != UNKNOWN_REGION);
    regions.sort_unstable();
    regions.dedup();
    let run = Run {
        started: at,
        finished: at,
        as_of: at,
        source: source.to_owned(),
        tool: crate::tool(),
        identity: None,
        accounts: accounts.into_iter().map(|id| Account { id, name: None, gap: None }).collect(),
        regions,
        calls: 0,
        declared: Some(run),
    };
    Estate::new(run, resources, listings)
}

fn draft(mapping: &'static Mapping, mut object: Object, registry: &Registry) -> Draft {
    let kind = Arc::clone(registry.get(mapping.kind).expect("internal error: a table of a type that is not registered"));
    let ctx = Ctx::new(&object);
    let properties = fields(mapping.fields, &kind, &ctx);
    let identity = identity(mapping, &object);
    let tags = tags(mapping.tags, &ctx);
    let keys = keys_of(&object);
    // The rest is not needed any more, and there may be much of it.
    object.attributes = Json::Null;
    object.before = None;
    let action = object.action;
    let (by_parts, edits, parts) = (Vec::new(), BTreeMap::new(), Vec::new());
    Draft { kind, object, keys, identity, tags, properties, by_parts, edits, action, parts, partial: false }
}

/// The texts by which parts may name a thing.
fn keys_of(object: &Object) -> Vec<String> {
    let ctx = Ctx::new(object);
    let mut keys: Vec<String> = whole_keys(&object.source_type).iter().filter_map(|path| ctx.text(path)).map(str::to_owned).collect();
    keys.push(symbol(&object.address));
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn fields(fields: &'static [Field], kind: &Arc<ResourceType>, ctx: &Ctx<'_>) -> Row {
    let mut row = Row::new(kind);
    for field in fields {
        row.insert(field.name, value(field, kind, ctx));
    }
    row
}

/// Tags as the object has them: a map whose values may be marked, a mark, or nothing.
fn tags(paths: &[&str], ctx: &Ctx<'_>) -> Json {
    let mut last = Json::Null;
    for path in paths {
        match ctx.get(path) {
            Got::Value(Json::Object(map)) => return Json::Object(map.clone()),
            Got::Value(Json::Array(list)) => return pairs(list),
            Got::Unknown(mark) if marked(mark).is_some_and(|gap| gap.reason == Reason::AwsDecides) => last = mark.clone(),
            // More than the resource's own: those alone would not tell.
            Got::Unknown(mark) => return mark.clone(),
            Got::Missing if last.is_null() => last = ctx.left_out(path),
            // Providers before default tags write only these.
            Got::Unset if !last.is_null() => return json!({}),
            Got::Value(_) | Got::Unset | Got::Missing => {}
        }
    }
    match marked(&last) {
        // Nobody configured any.
        Some(gap) if gap.reason == Reason::AwsDecides => json!({}),
        Some(_) => last,
        None => json!({}),
    }
}

/// Tags as a list of keys and values: templates, and the groups of Auto Scaling.
fn pairs(list: &[Json]) -> Json {
    let mut map = Map::new();
    for pair in list {
        if is_marked(pair) {
            return pair.clone();
        }
        let member = |names: [&str; 2]| names.iter().find_map(|name| pair.get(*name)).cloned();
        match (member(["key", "Key"]), member(["value", "Value"])) {
            (Some(Json::String(key)), Some(value)) => drop(map.insert(key, value)),
            (Some(mark), _) if is_marked(&mark) => return mark,
            _ => {}
        }
    }
    Json::Object(map)
}

/// Whether a part is deleted together with what it is part of: there is nothing left then of which it could be told.
fn goes_with_its_whole(part: &Object, table: &Part, key: &str, gone: &Gone) -> bool {
    // Where nobody knows where both are, the whole may be another one of the same name.
    let here = |[account, region]: &[Option<String>; 2]| {
        key.starts_with("arn:") || (account.is_some() && *account == part.account && region.is_some() && *region == part.region)
    };
    let found = |of: &&str| gone.get(&((*of).to_owned(), key.to_owned())).is_some_and(|places| places.iter().any(here));
    part.action == Some(Action::Delete) && table.of.iter().any(found)
}

/// What of several namesakes a text means.
enum Meant {
    /// These: one and the same thing, which may be declared more than once.
    These(Vec<usize>),
    /// One of these, or something that the code does not declare: nobody knows.
    OneOf(Vec<usize>),
    /// None of them.
    None,
}

/// Which of the drafts at `namesakes`, of the type `kind`, the text `key` means that `from` has. By reference first; by
/// the name only within one known place: what two providers make may have one name and be two things.
fn meant(drafts: &[Draft], from: &Object, kind: &str, key: &str, namesakes: &[usize]) -> Meant {
    let here = from.whereabouts();
    let within = |reach: Reach| move |at: &usize| here.means(&drafts[*at].object.whereabouts(), reach);
    let how_far = reach(kind, key);
    let certain =
        |is_so: &dyn Fn(&usize) -> Option<bool>| -> Vec<usize> { namesakes.iter().copied().filter(|at| is_so(at) == Some(true)).collect() };
    let near = certain(&within(how_far));
    // Where one name is there several times, it is that of the same place; and it may be a reference.
    let near = match (how_far, near.len()) {
        (Reach::Partition, 2..) => certain(&within(Reach::Region)),
        _ => near,
    };
    let taken = |at: &usize| from.taken.iter().any(|(text, address)| text == key && *address == drafts[*at].object.address);
    let open: Vec<usize> = namesakes.iter().copied().filter(|at| within(Reach::Region)(at).is_none()).collect();
    let referred: Vec<usize> = near.iter().chain(&open).copied().filter(taken).collect();
    match (referred.is_empty(), near.is_empty(), open.is_empty()) {
        (false, ..) => Meant::These(referred),
        (_, false, _) => Meant::These(near),
        (_, _, false) => Meant::OneOf(open),
        _ => Meant::None,
    }
}

/// Drafts by the type of the code, or AWS's, and what names them.
#[derive(Default)]
struct Names(HashMap<(String, String), Vec<usize>>);

impl Names {
    fn add(&mut self, kind: &str, key: String, at: usize) {
        let namesakes = self.0.entry((kind.to_owned(), key)).or_default();
        if namesakes.last() != Some(&at) {
            namesakes.push(at);
        }
    }

    fn of(&self, kind: &str, key: &str) -> &[usize] {
        self.0.get(&(kind.to_owned(), key.to_owned())).map_or(&[], Vec::as_slice)
    }
}

/// Parts of which nobody can tell the whole.
#[derive(Default)]
struct Loose<'o> {
    parts: Vec<(&'o Object, &'static Part)>,
    /// By their table and place: of a thousand no more is known than of one.
    groups: BTreeMap<(usize, [Option<&'o str>; 3]), Group<'o>>,
}

/// Loose parts of one table in one place.
struct Group<'o> {
    part: &'static Part,
    /// The first of them.
    object: &'o Object,
    /// Why nobody knows its whole.
    mark: Json,
    /// Whether one of them changes.
    changes: bool,
}

impl<'o> Loose<'o> {
    fn add(&mut self, object: &'o Object, part: &'static Part, mark: Json) {
        self.parts.push((object, part));
        let place = [object.account.as_deref(), object.region.as_deref(), object.provider.as_deref()];
        let table = std::ptr::from_ref(part).addr();
        let group = self.groups.entry((table, place)).or_insert(Group { part, object, mark, changes: false });
        group.changes |= object.action.is_some_and(Action::changes);
    }

    /// Marks what they may be part of: one mark for all of a table, however many there are.
    fn mark(&self, drafts: &mut [Draft]) {
        for Group { part, object, mark, changes } in self.groups.values() {
            // An ARN leads to other places, and so may a name that holds in more than one.
            let anywhere = part.key.ends_with("arn");
            let may_be = |draft: &Draft| {
                part.of.contains(&draft.object.source_type.as_str())
                    && (anywhere || object.whereabouts().means(&draft.object.whereabouts(), reach(&draft.kind.name, "")) != Some(false))
            };
            for draft in drafts.iter_mut().filter(|draft| may_be(draft)) {
                leave_open(draft, part, mark, *changes);
            }
        }
    }
}

/// Leaves open what a part would set or add.
fn leave_open(draft: &mut Draft, part: &Part, mark: &Json, changes: bool) {
    match part.adds {
        Adds::Fields(fields) => {
            for field in fields.iter().filter(|f| !draft.by_parts.contains(&f.name)) {
                draft.properties.insert(field.name, mark.clone());
            }
        }
        Adds::Items(lists) => {
            for (list, _) in lists {
                draft.edits.entry(list).or_default().add(mark.clone());
            }
        }
        Adds::Nothing => {}
    }
    // It may be changed by it, too.
    if changes && draft.action == Some(Action::NoOp) {
        draft.action = Some(Action::Update);
    }
}

/// Joins parts to what they are part of.
fn join(drafts: &mut Vec<Draft>, objects: &[Object], gone: &Gone, registry: &Registry) {
    let mut wholes = Names::default();
    for (at, draft) in drafts.iter_mut().enumerate() {
        for key in std::mem::take(&mut draft.keys) {
            wholes.add(&draft.object.source_type, key, at);
        }
    }
    let parts = objects.iter().flat_map(|object| parts_of(&object.source_type).iter().map(move |part| (object, *part)));
    let mut loose = Loose::default();
    for (object, part) in parts {
        let ctx = Ctx::new(object);
        for key in keys(&ctx, part) {
            let key = match key {
                Ok(key) => key,
                Err(mark) => {
                    loose.add(object, part, mark);
                    continue;
                }
            };
            let kind = mapping(part.of[0]).map_or("", |mapping| mapping.kind);
            let (mut these, mut one_of) = (Vec::new(), Vec::new());
            for of in part.of {
                match meant(drafts, object, kind, &key, wholes.of(of, &key)) {
                    Meant::These(found) => these.extend(found),
                    Meant::OneOf(found) => one_of.extend(found),
                    Meant::None => {}
                }
            }
            if these.is_empty() && !one_of.is_empty() {
                let why = format!("whether {} is part of a namesake: the account or region of one of them is not known", object.address);
                let mark = unknown(Reason::OutOfReach, why);
                for at in one_of {
                    leave_open(&mut drafts[at], part, &mark, object.action.is_some_and(Action::changes));
                }
            }
            if these.is_empty() && goes_with_its_whole(object, part, &key, gone) {
                continue;
            }
            if these.is_empty() {
                these.push(drafts.len());
                wholes.add(part.of[0], key.clone(), drafts.len());
                drafts.push(elsewhere(object, part, &key, Reason::NotInPlan, registry));
            }
            for at in these {
                add(&mut drafts[at], object, part);
            }
        }
    }
    loose.mark(drafts);
    for (object, part) in loose.parts {
        // Whatever it is part of: it is there, and is judged by itself.
        if object.action != Some(Action::Delete) {
            let mut whole = elsewhere(object, part, &symbol(&object.address), Reason::OutOfReach, registry);
            add(&mut whole, object, part);
            drafts.push(whole);
        }
    }
    for draft in drafts {
        for (list, edits) in std::mem::take(&mut draft.edits) {
            let missing = || unknown(Reason::NotInPlan, format!("{}: {list}", draft.object.address));
            edits.apply(draft.properties.entry(list), missing);
        }
    }
}

/// The texts that name the wholes of a part; a mark for each that is not known.
fn keys(ctx: &Ctx<'_>, part: &Part) -> Vec<Result<String, Json>> {
    let later = || unknown(Reason::AfterApply, format!("{}.{}", ctx.object.address, part.key));
    let key = |json: &Json| match json {
        Json::String(text) => Ok(text.clone()),
        mark => marked(mark).and_then(|gap| gap.symbol()).ok_or_else(later),
    };
    match ctx.get(part.key) {
        Got::Value(Json::Array(items)) => items.iter().map(key).collect(),
        Got::Value(one) | Got::Unknown(one) => vec![key(one)],
        Got::Unset if part.optional => Vec::new(),
        Got::Unset | Got::Missing => vec![Err(ctx.missing(part.key))],
    }
}

/// Something of which only a part is declared. What else it is, its own code tells and the live estate; where nobody
/// knows what it is, not even that.
fn elsewhere(object: &Object, part: &Part, key: &str, reason: Reason, registry: &Registry) -> Draft {
    let mapping = mapping(part.of[0]).expect("internal error: a part of a type without a table");
    let kind = Arc::clone(registry.get(mapping.kind).expect("internal error: a table of a type that is not registered"));
    let stub = Object {
        address: object.address.clone(),
        source_type: mapping.from.to_owned(),
        file: object.file,
        before: None,
        attributes: mapping
            .id
            .first()
            .map_or_else(|| json!({}), |id| if key.starts_with("arn:") { json!({"arn": key}) } else { json!({*id: key}) }),
        account: object.account.clone(),
        region: object.region.clone(),
        region_from: RegionFrom::Whole,
        provider: object.provider.clone(),
        taken: object.taken.clone(),
        action: object.action,
        place: object.place.clone(),
        sparse: false,
    };
    let (id, arn, name) = identity(mapping, &stub);
    let (id, name) = if key.starts_with("arn:") { (id_of(key), name) } else { (id, name) };
    let missing = |path: &str| unknown(reason, format!("{path} of {name}, which the code does not declare"));
    let mut properties = Row::new(&kind);
    for field in &kind.properties.fields {
        properties.insert(&field.name, missing(&field.name));
    }
    let tags = missing("tags");
    // Until a part changes it, nothing of it changes.
    let action = object.action.map(|_| Action::NoOp);
    Draft {
        kind,
        object: Object { source_type: object.source_type.clone(), attributes: Json::Null, region_from: object.region_from, ..stub },
        keys: Vec::new(),
        identity: (id, arn, name.clone()),
        tags,
        properties,
        by_parts: Vec::new(),
        edits: BTreeMap::new(),
        action,
        parts: Vec::new(),
        partial: true,
    }
}

fn id_of(arn: &str) -> String {
    arn.rsplit_once(['/', ':']).map_or(arn, |(_, id)| id).to_owned()
}

fn add(draft: &mut Draft, object: &Object, part: &'static Part) {
    let gone = object.action == Some(Action::Delete);
    let ctx = Ctx::new(object);
    match part.adds {
        Adds::Fields(fields) => {
            for field in fields {
                let json = if gone { unset(field, &draft.kind, object) } else { value(field, &draft.kind, &ctx) };
                draft.properties.insert(field.name, json);
                if !draft.by_parts.contains(&field.name) {
                    draft.by_parts.push(field.name);
                }
            }
        }
        Adds::Items(lists) => {
            for (list, item) in lists {
                if gone {
                    edit(draft, list, item(&ctx), Edits::take_out);
                    continue;
                }
                // The whole still echoes it as it was.
                if let Some(before) = &object.before {
                    edit(draft, list, item(&ctx.within(before)), Edits::take_out);
                }
                edit(draft, list, item(&ctx), Edits::add);
            }
        }
        Adds::Nothing => {}
    }
    if object.action.is_some_and(Action::changes) && draft.action == Some(Action::NoOp) {
        draft.action = Some(Action::Update);
    }
    draft.parts.push(object.address.clone());
}

/// What a property is without the part that set it.
fn unset(field: &Field, kind: &ResourceType, object: &Object) -> Json {
    let bare = Object {
        address: object.address.clone(),
        source_type: object.source_type.clone(),
        attributes: json!({}),
        before: None,
        account: object.account.clone(),
        region: object.region.clone(),
        provider: object.provider.clone(),
        taken: Vec::new(),
        place: None,
        sparse: true,
        ..*object
    };
    value(field, kind, &Ctx::new(&bare))
}

/// Notes what a part does to a list of its whole.
fn edit(draft: &mut Draft, list: &'static str, item: Json, note: fn(&mut Edits, Json)) {
    match item {
        Json::Null => {}
        // A part may name several at once.
        Json::Array(items) => items.into_iter().for_each(|item| edit(draft, list, item, note)),
        item => {
            let item = match draft.kind.properties.field(list).map(|(_, field)| field.ty.without_null()) {
                Some(Type::List(ty)) => fit(ty, item)
                    .unwrap_or_else(|found| unknown(Reason::Unparsable, format!("{}: `{list}` cannot hold {found}", draft.object.address))),
                _ => item,
            };
            note(draft.edits.entry(list).or_default(), item);
        }
    }
}

/// What a resource has from another one that it names, because AWS says so and the code does not.
fn follow(drafts: &mut [Draft]) {
    let mut by_identity = Names::default();
    for (at, draft) in drafts.iter().enumerate() {
        for key in [draft.identity.0.clone(), draft.identity.1.clone(), symbol(&draft.object.address)] {
            by_identity.add(&draft.kind.name, key, at);
        }
    }
    for (kind, field, by, of, taken) in FOLLOWED {
        for at in 0..drafts.len() {
            let draft = &drafts[at];
            let open = draft.properties.get(field).is_none_or(is_marked);
            if draft.kind.name != *kind || !open {
                continue;
            }
            let of_named = |named: &Json| {
                let key = match named {
                    Json::String(text) => Some(text.clone()),
                    mark => marked(mark).and_then(|gap| gap.symbol()),
                };
                let key = key?;
                match meant(drafts, &draft.object, of, &key, by_identity.of(of, &key)) {
                    Meant::These(found) => drafts[*found.first()?].properties.get(taken).cloned(),
                    Meant::OneOf(_) | Meant::None => None,
                }
            };
            let is_list = matches!(draft.kind.properties.field(field).map(|(_, f)| f.ty.without_null()), Some(Type::List(_)));
            let value = match draft.properties.get(by) {
                // One of each that is named; where one of them is not known, there is one more.
                Some(Json::Array(items)) if is_list && !matches!(*taken, "subnet_ids") => {
                    let each = |item: &Json| {
                        of_named(item).unwrap_or_else(|| unknown(Reason::OutOfReach, format!("{}: {by}", draft.object.address)))
                    };
                    let mut seen = HashSet::new();
                    Some(items.iter().map(each).filter(|one| seen.insert(one.clone())).collect())
                }
                Some(Json::Array(items)) => items.first().and_then(of_named),
                Some(one) => of_named(one),
                None => None,
            };
            // Where nobody says whether a volume is encrypted, the account may do it although its snapshot is not.
            let decided = |json: &Json| marked(json).is_some_and(|gap| gap.reason == Reason::AwsDecides);
            let left = value == Some(json!(false)) && drafts[at].properties.get(field).is_some_and(decided);
            if let Some(value) = value.filter(|_| !left) {
                drafts[at].properties.insert(field, value);
            }
        }
    }
}

/// Type, property, the property that names the other, its type, the other's property. In this order:
/// what is taken may itself be taken from another.
const FOLLOWED: &[(&str, &str, &str, &str, &str)] = &[
    ("AWS::RDS::DBSubnetGroup", "vpc_id", "subnet_ids", "AWS::EC2::Subnet", "vpc_id"),
    ("AWS::EC2::Instance", "vpc_id", "subnet_id", "AWS::EC2::Subnet", "vpc_id"),
    ("AWS::EC2::Instance", "availability_zone", "subnet_id", "AWS::EC2::Subnet", "availability_zone"),
    ("AWS::EC2::NetworkInterface", "vpc_id", "subnet_id", "AWS::EC2::Subnet", "vpc_id"),
    ("AWS::EC2::NetworkInterface", "availability_zone", "subnet_id", "AWS::EC2::Subnet", "availability_zone"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "vpc_id", "subnet_ids", "AWS::EC2::Subnet", "vpc_id"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "availability_zones", "subnet_ids", "AWS::EC2::Subnet", "availability_zone"),
    ("AWS::AutoScaling::AutoScalingGroup", "availability_zones", "subnet_ids", "AWS::EC2::Subnet", "availability_zone"),
    ("AWS::RDS::DBSubnetGroup", "availability_zones", "subnet_ids", "AWS::EC2::Subnet", "availability_zone"),
    ("AWS::RDS::DBInstance", "vpc_id", "db_subnet_group_name", "AWS::RDS::DBSubnetGroup", "vpc_id"),
    ("AWS::RDS::DBInstance", "subnet_ids", "db_subnet_group_name", "AWS::RDS::DBSubnetGroup", "subnet_ids"),
    ("AWS::RDS::DBInstance", "storage_encrypted", "db_cluster_identifier", "AWS::RDS::DBCluster", "storage_encrypted"),
    ("AWS::RDS::DBInstance", "kms_key_id", "db_cluster_identifier", "AWS::RDS::DBCluster", "kms_key_id"),
    ("AWS::RDS::DBInstance", "backup_retention_period", "db_cluster_identifier", "AWS::RDS::DBCluster", "backup_retention_period"),
    ("AWS::RDS::DBInstance", "storage_encryption_type", "db_cluster_identifier", "AWS::RDS::DBCluster", "storage_encryption_type"),
    ("AWS::EC2::Snapshot", "encrypted", "volume_id", "AWS::EC2::Volume", "encrypted"),
    ("AWS::EC2::Volume", "encrypted", "snapshot_id", "AWS::EC2::Snapshot", "encrypted"),
    ("AWS::EC2::Volume", "encrypted", "source_volume_id", "AWS::EC2::Volume", "encrypted"),
    ("AWS::RDS::DBSnapshot", "encrypted", "db_instance_identifier", "AWS::RDS::DBInstance", "storage_encrypted"),
    ("AWS::RDS::DBSnapshot", "storage_encryption_type", "db_instance_identifier", "AWS::RDS::DBInstance", "storage_encryption_type"),
    ("AWS::RDS::DBClusterSnapshot", "storage_encrypted", "db_cluster_identifier", "AWS::RDS::DBCluster", "storage_encrypted"),
    ("AWS::RDS::DBClusterSnapshot", "storage_encryption_type", "db_cluster_identifier", "AWS::RDS::DBCluster", "storage_encryption_type"),
];

/// The keys that AWS makes where something is encrypted and nobody names a key: nobody declares them, and
/// they are known to be AWS's. Each place has its own, by one name in all of them.
fn keys_of_aws(drafts: &mut [Draft], registry: &Registry) -> Vec<Resource> {
    type Whereabouts = (Option<String>, Option<String>, Option<String>);
    let is_of_aws = |json: &Json| marked(json).filter(|gap| gap.code.as_deref() == Some(AWS_KEY));
    let mut places: BTreeMap<String, BTreeSet<Whereabouts>> = BTreeMap::new();
    let whereabouts = |object: &Object| {
        let known = object.account.is_some() && object.region.is_some();
        (object.account.clone(), object.region.clone(), object.provider.clone().filter(|_| !known))
    };
    for draft in drafts.iter() {
        for gap in draft.properties.values().filter_map(is_of_aws) {
            places.entry(gap.subject.unwrap_or_default()).or_default().insert(whereabouts(&draft.object));
        }
    }
    // What tells one place from the others, for people to read.
    let named = |alias: &str, place: &Whereabouts| match places.get(alias) {
        Some(several) if several.len() > 1 => {
            let parts = [&place.0, &place.1, &place.2].into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
            format!("{alias} in {}", parts.join(" "))
        }
        _ => alias.to_owned(),
    };
    for draft in drafts.iter_mut() {
        let place = whereabouts(&draft.object);
        for value in draft.properties.values_mut() {
            if let Some(gap) = is_of_aws(value) {
                *value = reference(&named(&gap.subject.unwrap_or_default(), &place), AWS_KEY);
            }
        }
    }
    let all = places.iter().flat_map(|(alias, places)| places.iter().map(move |place| (alias, place)));
    let kind = registry.get("AWS::KMS::Key").expect("internal error: a type of AWS");
    let key = |(alias, place): (&String, &Whereabouts)| {
        let account = place.0.clone().unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned());
        let region = place.1.clone().unwrap_or_else(|| UNKNOWN_REGION.to_owned());
        let symbol = symbol(&named(alias, place));
        let missing = |path: &str| out_of_reach("kms", &account, &region, &format!("{alias}{path}"));
        let known = json!({"key_manager": "AWS", "aliases": [alias]});
        let properties = Value::from_json(&Type::Record(Arc::clone(&kind.properties)), known, &missing);
        Resource {
            kind: Arc::clone(kind),
            arn: symbol.as_str().into(),
            id: symbol.into(),
            name: alias.as_str().into(),
            environment: Environment::Unassigned,
            tags: Fetched::Absent,
            provided_by_aws: Fetched::Absent,
            properties: properties.unwrap_or_else(|error| unreachable!("internal error: {error}")),
            responses: Vec::new(),
            declared: None,
            account: account.into(),
            region: region.into(),
        }
    };
    all.map(key).collect()
}

/// A cluster has the members that are declared; one that is made has no others.
fn members(drafts: &mut [Draft]) {
    const CLUSTER: &str = "AWS::RDS::DBCluster";
    let mut clusters = Names::default();
    let all: Vec<usize> = (0..drafts.len()).filter(|at| drafts[*at].kind.name == CLUSTER).collect();
    for at in &all {
        let draft = &drafts[*at];
        for key in [draft.identity.0.clone(), draft.identity.1.clone(), symbol(&draft.object.address)] {
            clusters.add(CLUSTER, key, *at);
        }
    }
    let mut of: HashMap<usize, Vec<Json>> = HashMap::new();
    // Members of which nobody can tell the cluster: one of each place is enough to leave that open.
    let mut loose: BTreeMap<[Option<&str>; 3], (&Draft, Json)> = BTreeMap::new();
    for draft in drafts.iter().filter(|d| d.kind.name == "AWS::RDS::DBInstance") {
        let named = match draft.properties.get("db_cluster_identifier") {
            Some(Json::String(text)) => Some(text.clone()),
            Some(mark) if is_marked(mark) => {
                let named = marked(mark).and_then(|gap| gap.symbol());
                if named.is_none() && !draft.partial {
                    let place = draft.object.whereabouts();
                    let mark = unknown(Reason::OutOfReach, format!("whether {} is a member", draft.object.address));
                    loose.entry([place.account, place.region, place.provider]).or_insert((draft, mark));
                }
                named
            }
            _ => None,
        };
        let Some(named) = named else { continue };
        let id = &draft.identity.0;
        let id = address_of(id).map_or_else(|| json!(id), |address| reference(address, &draft.object.source_type));
        match meant(drafts, &draft.object, CLUSTER, &named, clusters.of(CLUSTER, &named)) {
            Meant::These(found) => found.into_iter().for_each(|at| of.entry(at).or_default().push(id.clone())),
            Meant::OneOf(found) => {
                let mark = unknown(Reason::OutOfReach, format!("whether {} is a member of this {named}", draft.object.address));
                found.into_iter().for_each(|at| of.entry(at).or_default().push(mark.clone()));
            }
            Meant::None => {}
        }
    }
    for (draft, mark) in loose.values() {
        let near = |at: &&usize| draft.object.whereabouts().means(&drafts[**at].object.whereabouts(), Reach::Region) != Some(false);
        all.iter().filter(near).for_each(|at| of.entry(*at).or_default().push(mark.clone()));
    }
    for at in all {
        let draft = &mut drafts[at];
        let made = draft.made();
        let mut found = of.remove(&at).unwrap_or_default();
        if let Some(Json::Array(made_by_aws)) = draft.properties.get("db_cluster_members") {
            found.extend(made_by_aws.iter().filter(|member| is_marked(member)).cloned());
        }
        // What the cluster itself echoes is from before its members were made.
        if !made {
            found.push(unknown(Reason::NotInPlan, format!("{}: members that the code does not declare", draft.object.address)));
        }
        draft.properties.insert("db_cluster_members", Json::Array(found));
    }
}

/// Settings of an account that decide what nobody configured.
fn settings(drafts: &mut [Draft]) {
    // Only a setting that is in force already: nothing says that a plan makes it before the volumes.
    let in_force = |d: &&Draft| d.action.is_none_or(|action| action == Action::NoOp);
    let own = |object: &Object| (object.account.clone(), object.region.clone(), object.provider.clone());
    let by_default: BTreeSet<_> = drafts
        .iter()
        .filter(|d| d.kind.name == "AWS::EC2::EBSEncryptionByDefault")
        .filter(in_force)
        .filter(|d| d.properties.get("ebs_encryption_by_default") == Some(&Json::Bool(true)))
        .map(|d| own(&d.object))
        .collect();
    for draft in drafts.iter_mut().filter(|d| d.kind.name == "AWS::EC2::Volume") {
        let made = draft.made();
        let open = match draft.properties.get("encrypted") {
            // A new volume is encrypted then, whatever is written and whatever its snapshot is.
            Some(Json::Bool(encrypted)) => made && !encrypted,
            Some(json) => made || marked(json).is_some_and(|gap| gap.reason == Reason::AwsDecides),
            None => false,
        };
        let here = draft.object.whereabouts();
        let applies = |(account, region, provider): &(Option<String>, Option<String>, Option<String>)| {
            let there = Place { account: account.as_deref(), region: region.as_deref(), provider: provider.as_deref() };
            here.means(&there, Reach::Region) == Some(true)
        };
        if open && by_default.iter().any(applies) {
            draft.properties.insert("encrypted", json!(true));
        }
    }
}

fn finish(draft: Draft) -> Resource {
    let Draft { kind, object, identity: (id, arn, name), tags, mut properties, action, parts, partial, .. } = draft;
    if kind.name == "AWS::EC2::SecurityGroup" {
        super::tables::merge_rules(&mut properties);
    }
    let account = object.account.clone().unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned());
    let region = object.region.clone().unwrap_or_else(|| UNKNOWN_REGION.to_owned());
    let gap = |reason, subject: String| Gap {
        service: kind.service.to_owned(),
        operation: "-".to_owned(),
        account: account.clone(),
        region: region.clone(),
        reason,
        code: None,
        subject: Some(subject),
    };
    let missing = |path: &str| gap(Reason::NotInPlan, format!("{}{path}", object.address));
    let properties = match Value::from_json(&Type::Record(Arc::clone(&kind.properties)), Json::Object(properties.into_map()), &missing) {
        Ok(value) => value,
        Err(error) => Value::Unknown(Arc::new(gap(Reason::Unparsable, format!("{}: {error}", object.address)))),
    };
    let tags = fetched_tags(&tags, gap(Reason::NotInPlan, String::new()));
    Resource {
        arn: arn.into(),
        id: id.into(),
        name: name.into(),
        account: account.as_str().into(),
        region: region.as_str().into(),
        environment: Environment::Unassigned,
        tags,
        provided_by_aws: Fetched::Absent,
        properties,
        responses: Vec::new(),
        declared: Some(Arc::new(Declared {
            address: object.address.clone(),
            source_type: object.source_type.clone(),
            file: object.file,
            action,
            region_from: object.region_from,
            provider: object.provider.clone(),
            parts,
            partial,
            place: object.place.clone(),
        })),
        kind,
    }
}

fn fetched_tags(tags: &Json, place: Gap) -> Fetched<BTreeMap<String, String>> {
    if let Some(found) = marked(tags) {
        return Fetched::Unknown(Arc::new(Gap { reason: found.reason, code: found.code, subject: found.subject, ..place }));
    }
    let Some(map) = tags.as_object() else { return Fetched::Absent };
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        // Its key is known, which is enough for most who ask.
        Json::Array(_) | Json::Object(_) => UNKNOWN_TAG.to_owned(),
    };
    Fetched::Known(map.iter().map(|(key, value)| (key.clone(), text(value))).collect())
}

fn other(object: &Object, registry: &Registry) -> Resource {
    let ctx = Ctx::new(object);
    let taggable = ["tags", "tags_all", "Tags", "tag"].iter().any(|name| object.attributes.get(name).is_some());
    let id = ctx.text("id").map_or_else(|| symbol(&object.address), str::to_owned);
    let arn = ctx.text("arn").map_or_else(|| symbol(&object.address), str::to_owned);
    let (address, resource_type) = (object.address.clone(), object.source_type.clone());
    let place = out_of_reach("code", object.account.as_deref().unwrap_or_default(), object.region.as_deref().unwrap_or_default(), "");
    let mut resource = if taggable {
        plain(
            object,
            id,
            arn,
            fetched_tags(&tags(&["tags_all", "tags", "Tags", "tag"], &ctx), place),
            Other { address, resource_type },
            registry,
        )
    } else {
        plain(object, id, arn, Fetched::Absent, Piece { address, resource_type }, registry)
    };
    resource.name = object.address.as_str().into();
    resource.declared = Some(Arc::new(Declared {
        address: object.address.clone(),
        source_type: object.source_type.clone(),
        file: object.file,
        action: object.action,
        region_from: object.region_from,
        provider: object.provider.clone(),
        parts: Vec::new(),
        partial: false,
        place: object.place.clone(),
    }));
    resource
}

fn plain<P: Properties>(
    object: &Object,
    id: String,
    arn: String,
    tags: Fetched<BTreeMap<String, String>>,
    properties: P,
    registry: &Registry,
) -> Resource {
    let kind = registry.get(P::TYPE).expect("internal error: registered with the types of code");
    NewResource {
        arn,
        id,
        name: object.address.clone(),
        account: object.account.clone().unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned()),
        region: object.region.clone().unwrap_or_else(|| UNKNOWN_REGION.to_owned()),
        tags,
        properties: Required::Known(properties),
        responses: Vec::new(),
    }
    .build(kind)
}

fn changed(
    change: Change,
    account: Option<String>,
    region: Option<String>,
    tags: Fetched<BTreeMap<String, String>>,
    registry: &Registry,
) -> Resource {
    let kind = registry.get("Code::Change").expect("internal error: registered with the types of code");
    let address = change.deposed.as_ref().map_or_else(|| change.address.clone(), |key| format!("{} (deposed {key})", change.address));
    NewResource {
        arn: address.clone(),
        id: address.clone(),
        name: address,
        account: account.unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned()),
        region: region.unwrap_or_else(|| UNKNOWN_REGION.to_owned()),
        tags,
        properties: Required::Known(change),
        responses: Vec::new(),
    }
    .build(kind)
}
