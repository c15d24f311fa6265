//! Plans: what is before them and after them, with what is not known told apart.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::address::{Address, Step};
use super::config::{Configuration, Waits};
use super::expression::{Evaluator, marked as marked_value};
use super::place::Places;
use super::read::{Document, Error, needs_plan, sha256};
use super::region::{self, Around, Identity, Witnesses};
use super::state::Values;
use super::{Assumed, Plan, Proxies};
use crate::declared::{Change, Object, PROVIDER_TAGS, Reading, expression, hide_tags, holds, is_marked, marked, reference, unknown};
use crate::estate::{Action, DeclaredRun, Gap, Reason, RegionFrom, Registry, SourceDigest};
use crate::untrusted;

#[derive(Deserialize)]
struct ResourceChange<'a> {
    address: String,
    previous_address: Option<String>,
    #[serde(default = "managed")]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    provider_name: String,
    deposed: Option<Json>,
    #[serde(borrow)]
    change: Option<ChangeBody<'a>>,
    action_reason: Option<String>,
}

fn managed() -> String {
    "managed".to_owned()
}

#[derive(Deserialize, Default)]
struct ChangeBody<'a> {
    actions: Vec<String>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    #[serde(borrow)]
    after_unknown: Option<&'a RawValue>,
    #[serde(borrow)]
    before_sensitive: Option<&'a RawValue>,
    #[serde(borrow)]
    after_sensitive: Option<&'a RawValue>,
    replace_paths: Option<Vec<Vec<Json>>>,
    #[serde(borrow)]
    importing: Option<&'a RawValue>,
}

fn action_of(actions: &[String]) -> Option<Action> {
    let words: Vec<&str> = actions.iter().map(String::as_str).collect();
    Some(match words[..] {
        ["no-op"] => Action::NoOp,
        ["create"] => Action::Create,
        ["update"] => Action::Update,
        ["delete"] => Action::Delete,
        ["delete", "create"] | ["create", "delete"] => Action::Replace,
        ["forget"] => Action::Forget,
        // A new one takes its place, and the old one stays without being managed.
        ["create", "forget"] | ["forget", "create"] => Action::Replace,
        _ => return None,
    })
}

/// Whether a provider is one for AWS whose types are known here.
pub(super) fn is_aws(provider: &str, kind: &str) -> bool {
    if !kind.starts_with("aws_") {
        return false;
    }
    // Terraform 0.12 writes the alias behind it.
    provider.is_empty()
        || provider == "aws"
        || provider.starts_with("aws.")
        || provider.ends_with("/hashicorp/aws")
        || provider.ends_with("/aws")
}

/// Parts of a change; none where one of them nests too deep for anybody to read.
fn parts<const N: usize>(all: [Option<&RawValue>; N]) -> Option<[Json; N]> {
    let mut read = [const { Json::Null }; N];
    for (into, raw) in read.iter_mut().zip(all) {
        *into = raw.map_or(Some(Json::Null), |raw| serde_json::from_str(raw.get()).ok())?;
    }
    Some(read)
}

/// Nothing is known of what cannot be read.
fn unreadable(address: &Address) -> Json {
    unknown(Reason::Unparsable, format!("{address} is nested too deep"))
}

pub(super) fn read<'r>(
    name: &str,
    bytes: &[u8],
    document: &Document<'_>,
    assumed: &Assumed,
    source: Option<&Path>,
    registry: &'r Registry,
) -> Result<Plan<'r>, Error> {
    needs_plan(name, document)?;
    let wrong = |at: usize, error: &serde_json::Error| {
        let hint = "the plan is not as Terraform writes it";
        Error::new(name, format!("resource_changes[{at}]: {}", untrusted::json_problem(error)), hint)
    };
    let mut changes = Vec::new();
    for (at, raw) in document.resource_changes.iter().flatten().enumerate() {
        let change: ResourceChange<'_> = serde_json::from_str(raw.get()).map_err(|error| wrong(at, &error))?;
        let address = Address::parse(&change.address).ok_or_else(|| {
            Error::new(
                name,
                format!("resource_changes[{at}]: `{}` is not an address", change.address),
                "the plan is not as Terraform writes it",
            )
        })?;
        changes.push((change, address));
    }
    let Some([configuration, variables]) = parts([document.configuration, document.variables]) else {
        return Err(Error::new(name, "the configuration in the plan is nested too deep", "the plan is not as Terraform writes it"));
    };
    let current = changes.iter().filter(|(c, _)| c.mode == "managed" && c.deposed.is_none());
    let config = Configuration::new(&configuration, &variables, current.map(|(_, address)| address));
    let data = DataSources::read(document.prior_state);
    let places = source.map(|folder| Places::new(folder, &configuration));
    let evaluator = places.as_ref().map(|places| Evaluator::new(places, &config));
    let texts = config.has_several_providers().then(BTreeMap::new);
    let mut reader = Reader { config: &config, data, assumed, witnesses: Witnesses::default(), evaluator, texts };

    let (mut after, mut before) = (Reading::new("plan", registry), Reading::new("plan", registry));
    let files = vec![SourceDigest { name: name.to_owned(), sha256: sha256(bytes), written_by: document.written_by() }];
    before.run.files.clone_from(&files);
    let written = document.timestamp.as_ref().and_then(|text| text.parse().ok());
    after.run = DeclaredRun { files, written, incomplete: incomplete(document), ..DeclaredRun::default() };
    for (change, address) in changes.iter().filter(|(change, _)| change.mode == "managed") {
        reader.witness(change, address);
    }
    let mut proxies = Proxies::default();
    for (at, (change, address)) in changes.iter().enumerate() {
        if change.mode != "managed" {
            continue;
        }
        // What they have made goes with them.
        if change.change.as_ref().is_none_or(|body| body.actions != ["delete"]) {
            proxies.note(&change.kind);
        }
        if !is_aws(&change.provider_name, &change.kind) {
            after.run.other_providers += 1;
            continue;
        }
        let body = change
            .change
            .as_ref()
            .ok_or_else(|| Error::new(name, format!("resource_changes[{at}] has no change"), "the plan is not as Terraform writes it"))?;
        let Some(action) = action_of(&body.actions) else {
            let actions = body.actions.join(", ");
            let problem = format!("resource_changes[{at}]: the actions [{actions}] are not known to this program");
            return Err(Error::new(name, problem, "use a newer keur"));
        };
        after.run.resources += 1;
        *after.run.actions.entry(action).or_default() += 1;
        let place = places.as_ref().and_then(|places| places.of(address));
        let (old, mut new) = (reader.before(body, address), reader.after(body, address));
        if let (Some(attributes), Some(places)) = (new.as_mut().and_then(Json::as_object_mut), &places) {
            for name in places.dynamic(address) {
                // What looks as if nobody configured it is made by a block that only the source has.
                if let Some(value) = attributes.get_mut(name).filter(|value| marked(value).is_some_and(|g| g.reason == Reason::AwsDecides))
                {
                    *value = expression(format!("{address}.{name}, from a dynamic block"));
                }
            }
        }
        let keeps = matches!(action, Action::NoOp | Action::Update | Action::Delete | Action::Forget);
        let earlier = old.as_ref().filter(|_| keeps);
        let known = new.as_ref().filter(|_| !matches!(action, Action::Delete | Action::Forget)).or(old.as_ref());
        let nothing = json!({});
        let (region, region_from) = reader.region(address, known.unwrap_or(&nothing), earlier);
        let account = reader.account(address, known.unwrap_or(&nothing), earlier);
        let provider = reader.provider(address, known.unwrap_or(&nothing));
        let taken = reader.taken(address, known.unwrap_or(&nothing));
        // What is replaced and forgotten stays as well, beside the new one: nothing of it is lost, and nobody manages it.
        let stays_too = body.actions.iter().any(|action| action == "forget") && action != Action::Forget;
        let done = if stays_too { Action::Forget } else { action };
        after.change(fact(change, body, done, old.as_ref()), account.clone(), region.clone(), known.unwrap_or(&nothing));
        if change.deposed.is_some() {
            continue;
        }
        let object = |attributes: Json, action: Option<Action>| Object {
            address: change.address.clone(),
            source_type: change.kind.clone(),
            file: 0,
            attributes,
            before: None,
            account: account.clone(),
            region: region.clone(),
            region_from,
            provider: provider.clone(),
            taken: taken.clone(),
            action,
            place: place.clone(),
            sparse: false,
        };
        let stays = |object: Object| match stays_too {
            true => Object { address: format!("{} (forgotten)", object.address), ..object },
            false => object,
        };
        if let Some(old) = old.clone().filter(|_| action != Action::Create) {
            before.push(stays(object(old, Some(Action::NoOp))));
        }
        if stays_too {
            after.push(stays(object(old.clone().unwrap_or_default(), Some(Action::NoOp))));
        }
        // An import brings in what this program never judged.
        let imported = body.importing.is_some_and(|raw| raw.get() != "null");
        let action = if imported && action == Action::NoOp { Action::Update } else { action };
        match action {
            // It stays in AWS as it is.
            Action::Forget => after.push(object(old.unwrap_or(nothing), Some(Action::NoOp))),
            Action::Delete => after.push(object(old.unwrap_or(nothing), Some(action))),
            Action::NoOp | Action::Create => after.push(object(new.unwrap_or(nothing), Some(action))),
            Action::Replace if stays_too => after.push(object(new.unwrap_or(nothing), Some(Action::Create))),
            Action::Update | Action::Replace => after.push(Object { before: old, ..object(new.unwrap_or(nothing), Some(action)) }),
        }
    }
    reader.left_over(document, &changes, &mut after);
    after.run.incomplete.extend(proxies.gap());
    Ok(Plan { after, before })
}

pub(super) fn gap(subject: String) -> Gap {
    Gap {
        service: "terraform".to_owned(),
        operation: "-".to_owned(),
        account: String::new(),
        region: String::new(),
        reason: Reason::Failed,
        code: None,
        subject: Some(subject),
    }
}

/// Why a plan is not whole.
fn incomplete(document: &Document<'_>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if document.errored == Some(true) {
        gaps.push(gap("planning ended with an error: what the plan does not hold was not planned".to_owned()));
    }
    if document.complete == Some(false) {
        gaps.push(gap("the plan is a part: more changes follow when it is applied".to_owned()));
    }
    let deferred = document.deferred_changes.as_ref().map_or(0, Vec::len);
    if deferred > 0 {
        gaps.push(gap(format!("{deferred} changes are deferred: nobody knows them yet")));
    }
    gaps
}

fn fact(change: &ResourceChange<'_>, body: &ChangeBody<'_>, action: Action, before: Option<&Json>) -> Change {
    let flag = |name: &str| before.and_then(|b| b.get(name)).and_then(Json::as_bool);
    let path = |steps: &Vec<Json>| {
        let text = |step: &Json| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        steps.iter().map(text).collect::<Vec<_>>().join(".")
    };
    Change {
        address: change.address.clone(),
        resource_type: change.kind.clone(),
        action: action.as_str().to_owned(),
        action_reason: change.action_reason.clone(),
        replace_paths: body.replace_paths.iter().flatten().map(path).collect(),
        previous_address: change.previous_address.clone(),
        imported: body.importing.is_some_and(|raw| raw.get() != "null"),
        deposed: change.deposed.as_ref().map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)),
        holds: holds(&change.kind, before),
        deletion_protection: flag("deletion_protection").or_else(|| flag("deletion_protection_enabled")),
        skip_final_snapshot: flag("skip_final_snapshot"),
        force_destroy: flag("force_destroy"),
    }
}

struct Reader<'a> {
    config: &'a Configuration<'a>,
    data: DataSources,
    assumed: &'a Assumed,
    witnesses: Witnesses,
    /// With the source.
    evaluator: Option<Evaluator<'a>>,
    /// Address → the texts that identify it, by attribute. Only where there are several providers: else one name is one thing.
    texts: Option<BTreeMap<String, Vec<(&'static str, String)>>>,
}

impl<'a> Reader<'a> {
    /// What is before the plan: known, as far as it is not secret.
    fn before(&self, body: &ChangeBody<'_>, address: &Address) -> Option<Json> {
        let Some([before, sensitive]) = parts([body.before, body.before_sensitive]) else { return Some(unreadable(address)) };
        if before.is_null() {
            return None;
        }
        let mut path = address.to_string();
        let mut waiting = |_: &str, _| unreachable!("internal error: nothing is unknown before");
        let mut attributes = merge(before, &Json::Null, &sensitive, &mut path, &mut waiting);
        hide_tags(&mut attributes);
        Some(attributes)
    }

    /// What is after it.
    fn after(&self, body: &ChangeBody<'_>, address: &Address) -> Option<Json> {
        let all = parts([body.after, body.after_unknown, body.after_sensitive]);
        let Some([after, unknowns, sensitive]) = all else { return Some(unreadable(address)) };
        if after.is_null() && unknowns.is_null() {
            return None;
        }
        if after.is_null() && !matches!(unknowns, Json::Object(_)) {
            return Some(unknown(Reason::NotCollected, address.to_string()));
        }
        let resource = self.config.resource(address);
        let expressions = resource.and_then(|r| r.get("expressions"));
        let mut path = address.to_string();
        let root = path.len();
        let mut attributes = merge(after, &unknowns, &sensitive, &mut path, &mut |path, list| {
            self.waiting(address, expressions, resource.is_some(), &path[root..], path, list)
        });
        if body.actions != ["no-op"] {
            self.default_tags(address, &mut attributes);
        }
        if address.kind == "aws_instance"
            && let (Some(map), Some(tags)) = (attributes.as_object_mut(), self.tags_of_provider(address))
        {
            map.insert(PROVIDER_TAGS.to_owned(), Json::Object(tags));
        }
        hide_tags(&mut attributes);
        Some(attributes)
    }

    /// The mark for an attribute that is not known before the plan is applied.
    fn waiting(&self, address: &Address, expressions: Option<&Json>, configured: bool, own: &str, path: &str, list: bool) -> Json {
        if !configured || own.is_empty() {
            return unknown(Reason::AfterApply, path);
        }
        let mut expression = expressions;
        for (depth, step) in own.split(['.', '[']).filter(|step| !step.is_empty()).enumerate() {
            let step = step.trim_end_matches(']');
            expression = match expression {
                Some(Json::Array(blocks)) => match step.parse::<usize>() {
                    Ok(at) => blocks.get(at),
                    Err(_) => blocks.first().and_then(|block| block.get(step)),
                },
                Some(map @ Json::Object(_)) => match step.parse::<usize>() {
                    Ok(_) => Some(map),
                    Err(_) if map.get("references").is_some_and(Json::is_array) => Some(map),
                    Err(_) => map.get(step),
                },
                _ => None,
            };
            // What is known to be a block and is not in the configuration is made by `dynamic`, which no plan carries.
            if expression.is_none() && depth == 0 && own.trim_start_matches('.').contains(['.', '[']) {
                return crate::declared::expression(format!("{path}, from a dynamic block"));
            }
        }
        let Some(expression) = expression else { return unknown(Reason::AwsDecides, path) };
        let later = |why: String| crate::declared::expression(format!("{path}{why}"));
        let Some(references) = expression.get("references").and_then(Json::as_array) else { return later(String::new()) };
        if let Some(value) = self.evaluator.as_ref().and_then(|evaluator| evaluator.attribute(address, own, references)) {
            // What is wholly known would be known in the plan: it is not what was worked out.
            if value.json().is_none() {
                let to = |address: &Address| reference(&address.to_string(), &address.kind);
                return marked_value(&value, &to, &|| later(String::new()));
            }
        }
        let attribute = own.rsplit(['.', ']']).find_map(|step| step.split('[').next().filter(|name| !name.is_empty())).unwrap_or_default();
        let waits = self.config.waits(address, attribute, references);
        let hint = if self.evaluator.is_none() { ": --source may tell" } else { "" };
        let from = |what: &str| later(format!(", from {what}, which a plan does not tell from what is made of it{hint}"));
        match (waits, list) {
            // There may be more beside it.
            (Waits::For(address, kind), true) => json!([reference(&address, &kind), later(String::new())]),
            (Waits::For(address, kind), false) => reference(&address, &kind),
            (Waits::Other(what), true) => json!([from(&what)]),
            (Waits::Other(what), false) => from(&what),
        }
    }

    /// Tags of the provider. Where one of them is not known yet, Terraform either withholds all tags, or
    /// leaves those of the provider out without a word.
    fn default_tags(&self, address: &Address, attributes: &mut Json) {
        let Some(map) = attributes.as_object_mut() else { return };
        let Some(all) = map.get("tags_all") else { return };
        let own = match map.get("tags") {
            Some(Json::Object(own)) if !map.get("tags").is_some_and(is_marked) => own.clone(),
            Some(Json::Null) | None => Map::new(),
            Some(_) => return,
        };
        let without = match all {
            Json::Null => own.is_empty(),
            Json::Object(all) => *all == own,
            _ => false,
        };
        let withheld = is_marked(all);
        if !withheld && !without {
            return;
        }
        let Some(provider) = self.provider_key(address).and_then(|key| self.config.provider(key)) else { return };
        if let Some(mut all) = self.tags_of_provider(address) {
            all.extend(own);
            map.insert("tags_all".to_owned(), Json::Object(all));
        } else if withheld || !only_variables(provider) {
            map.insert("tags_all".to_owned(), expression(format!("{address}.tags_all: tags of the provider")));
        }
    }

    /// The tags that the provider gives everything; none where they cannot be told.
    fn tags_of_provider(&self, address: &Address) -> Option<Map<String, Json>> {
        let provider = self.provider_key(address).and_then(|key| self.config.provider(key))?;
        if Configuration::provider_expression(provider, &["default_tags"]).is_none() {
            return Some(Map::new());
        }
        match self.provider_value(provider, &["default_tags", "tags"]) {
            Some((Json::Object(tags), _)) => Some(tags),
            _ => None,
        }
    }

    /// The value of an expression in the configuration of a provider, and whether the source was needed to tell it: a
    /// plan has what is written out, and of all else only which names it uses.
    fn provider_value(&self, provider: &Json, path: &[&str]) -> Option<(Json, bool)> {
        let expression = Configuration::provider_expression(provider, path)?;
        if let Some(value) = expression.get("constant_value") {
            return Some((value.clone(), false));
        }
        let references = expression.get("references")?.as_array()?;
        self.evaluator.as_ref()?.of_provider(provider, path, references).map(|value| (value, true))
    }

    /// Which provider makes it. One that has a region of its own which is not known yet is in no known place.
    fn provider(&self, address: &Address, attributes: &Json) -> Option<String> {
        if self.region_is_open(address, attributes) { None } else { self.config.made_by(address) }
    }

    /// Whether it is configured with a region that is not known yet.
    fn region_is_open(&self, address: &Address, attributes: &Json) -> bool {
        let configured = || self.config.resource(address).and_then(|r| r.get("expressions")?.get("region"));
        attributes.get("region").is_some_and(is_marked) && configured().is_some()
    }

    /// Texts that are taken from a resource of the plan: the only reference of an expression, and the same text.
    fn taken(&self, address: &Address, attributes: &Json) -> Vec<(String, String)> {
        let Some(texts) = &self.texts else { return Vec::new() };
        let expressions = self.config.resource(address).and_then(|r| r.get("expressions")?.as_object());
        let one = |(name, expression): (&String, &Json)| {
            let text = region::text(attributes, name)?;
            let (from, attribute) = self.config.only(address, expression.get("references")?.as_array()?)?;
            let from = from.to_string();
            let same = texts.get(&from)?.iter().any(|(named, value)| *named == attribute && value == text);
            same.then(|| (text.to_owned(), from))
        };
        expressions.into_iter().flatten().filter_map(one).collect()
    }

    /// What the plan says will be, and does not list among its changes: somebody has taken it out of the
    /// file. It is there, and the plan is not whole.
    fn left_over(&self, document: &Document<'_>, changes: &[(ResourceChange<'_>, Address)], after: &mut Reading<'_>) {
        let odd = changes.iter().filter(|(change, _)| !matches!(change.mode.as_str(), "managed" | "data")).count();
        if odd > 0 {
            after
                .run
                .incomplete
                .push(gap(format!("{odd} changes are neither of resources nor of data sources: nobody knows what they do")));
        }
        let values: Option<Values<'_>> = document.planned_values.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let Some(values) = values else {
            let what = if document.planned_values.is_some() { "cannot be read" } else { "are not in the file" };
            after.run.incomplete.push(gap(format!("the planned values {what}: whether the changes are whole cannot be told")));
            return;
        };
        let listed: HashSet<&str> = changes.iter().map(|(change, _)| change.address.as_str()).collect();
        let all = values.all();
        let left: Vec<_> = all.iter().filter(|shown| shown.mode == "managed" && !listed.contains(shown.address.as_str())).collect();
        if left.is_empty() {
            return;
        }
        after.run.incomplete.push(gap(format!("{} planned resources are not among the changes: the file is not whole", left.len())));
        for shown in left.into_iter().filter(|shown| is_aws(&shown.provider_name, &shown.kind)) {
            let Some(address) = Address::parse(&shown.address) else { continue };
            let attributes = parts([shown.values]).map_or_else(|| unreadable(&address), |[values]| values);
            let (region, region_from) = self.region(&address, &attributes, None);
            after.run.resources += 1;
            after.push(Object {
                address: shown.address.clone(),
                source_type: shown.kind.clone(),
                file: 0,
                account: self.account(&address, &attributes, None),
                attributes,
                before: None,
                region,
                region_from,
                provider: self.config.made_by(&address),
                taken: Vec::new(),
                action: None,
                place: None,
                sparse: false,
            });
        }
    }

    fn provider_key(&self, address: &Address) -> Option<&str> {
        self.config.resource(address)?.get("provider_config_key")?.as_str()
    }

    fn region(&self, address: &Address, attributes: &Json, before: Option<&Json>) -> (Option<String>, RegionFrom) {
        if self.region_is_open(address, attributes) {
            return (None, RegionFrom::Unknown);
        }
        // What is only deleted has no configuration any more: the root's provider was the likely one, not more.
        let provider = self.provider_key(address).and_then(|key| self.config.provider(key));
        let told = provider.and_then(|provider| self.provider_value(provider, &["region"]));
        let made_by = self.config.made_by(address);
        let around = Around {
            provider: told.as_ref().and_then(|(value, source)| Some((value.as_str().filter(|r| region::is_region(r))?, *source))),
            data: made_by.as_deref().and_then(|provider| self.data.region(self.config, provider)),
            others: made_by.as_deref().and_then(|provider| self.witnesses.region(provider)),
            assumed: self.assumed,
        };
        region::region(&address.kind, attributes, before, &around)
    }

    /// Notes what a change tells of its provider, and what identifies it.
    fn witness(&mut self, change: &ResourceChange<'_>, address: &Address) {
        let Some(body) = &change.change else { return };
        let provider = self.config.made_by(address);
        for raw in [body.after, body.before].into_iter().flatten() {
            let identity: Identity = serde_json::from_str(raw.get()).unwrap_or_default();
            if let Some(provider) = &provider {
                self.witnesses.note(provider, &change.kind, &identity.attributes());
            }
            if let Some(texts) = &mut self.texts {
                let own = identity.texts().map(|(name, text)| (name, text.to_owned()));
                texts.entry(change.address.clone()).or_default().extend(own);
            }
        }
    }

    /// The account: the resource's own, that of its provider's role, what a data source read, or that of all
    /// others of its provider that tell theirs.
    fn account(&self, address: &Address, attributes: &Json, before: Option<&Json>) -> Option<String> {
        if let Some(own) = region::account(attributes, before) {
            return Some(own);
        }
        let role = self.provider_key(address).and_then(|key| self.config.provider(key)).and_then(|provider| {
            let (arn, _) = self.provider_value(provider, &["assume_role", "role_arn"])?;
            region::arn(arn.as_str()?).map(|(_, account)| account.to_owned()).filter(|a| region::is_account(a))
        });
        let provider = self.config.made_by(address);
        let data = || self.data.account(self.config, provider.as_deref()?);
        let others = || self.witnesses.account(provider.as_deref()?).map(str::to_owned);
        role.or_else(data).or_else(others).or_else(|| self.assumed.account.clone())
    }
}

/// Whether everything that the tags of a provider rest on is known before the plan is applied, whatever is made of it.
fn only_variables(provider: &Json) -> bool {
    // Those of the root are; what a module is given may wait for something.
    let of_root = provider.get("module_address").is_none();
    let references = Configuration::provider_expression(provider, &["default_tags", "tags"]).and_then(|e| e.get("references")?.as_array());
    let known = |reference: &str| ["var.", "terraform.", "path."].iter().any(|root| reference.starts_with(root));
    of_root && references.is_some_and(|all| all.iter().filter_map(Json::as_str).all(known))
}

/// Joins values, what is unknown and what is secret into one tree. `waiting` makes the mark of an
/// unknown: with its path, and whether it is a list as far as that is known.
fn merge(after: Json, unknowns: &Json, sensitive: &Json, path: &mut String, waiting: &mut dyn FnMut(&str, bool) -> Json) -> Json {
    if *unknowns == Json::Bool(true) {
        return waiting(path, is_list(path));
    }
    let empty = match &after {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    };
    if *sensitive == Json::Bool(true) && !empty {
        return unknown(Reason::Sensitive, path.as_str());
    }
    let nothing = Json::Null;
    let deeper = |json: &Json| !matches!(json, Json::Null | Json::Bool(_));
    match after {
        Json::Object(map) => {
            if !deeper(unknowns) && !deeper(sensitive) {
                return Json::Object(map);
            }
            let mut merged = Map::new();
            let len = path.len();
            let extra: Vec<&String> =
                unknowns.as_object().map_or_else(Vec::new, |u| u.keys().filter(|key| !map.contains_key(*key)).collect());
            let mut step = |key: &str, value: Json, merged: &mut Map<String, Json>, path: &mut String| {
                path.push('.');
                path.push_str(key);
                let (u, s) = (unknowns.get(key).unwrap_or(&nothing), sensitive.get(key).unwrap_or(&nothing));
                let value = merge(value, u, s, path, waiting);
                path.truncate(len);
                merged.insert(key.to_owned(), value);
            };
            for key in extra {
                // Only where something of it is unknown: `false` and empty structures say that nothing is.
                if holds_true(&unknowns[key.as_str()]) {
                    step(key, Json::Null, &mut merged, path);
                }
            }
            for (key, value) in map {
                step(&key, value, &mut merged, path);
            }
            Json::Object(merged)
        }
        Json::Array(items) => {
            let len = path.len();
            // Elements of which nothing but the place is known.
            let more = unknowns.as_array().map_or(&[][..], |all| all.get(items.len()..).unwrap_or_default());
            let more: Vec<Json> = more.iter().filter(|u| holds_true(u)).map(|_| Json::Null).collect();
            items
                .into_iter()
                .chain(more)
                .enumerate()
                .map(|(at, item)| {
                    path.push_str(&format!("[{at}]"));
                    let (u, s) = (unknowns.get(at).unwrap_or(&nothing), sensitive.get(at).unwrap_or(&nothing));
                    let item = merge(item, u, s, path, waiting);
                    path.truncate(len);
                    item
                })
                .collect()
        }
        Json::Null if deeper(unknowns) && holds_true(unknowns) => match unknowns {
            // A block of which nothing is known but its parts.
            Json::Object(_) => merge(json!({}), unknowns, sensitive, path, waiting),
            _ => waiting(path, true),
        },
        other => other,
    }
}

fn holds_true(json: &Json) -> bool {
    match json {
        Json::Bool(b) => *b,
        Json::Array(items) => items.iter().any(holds_true),
        Json::Object(map) => map.values().any(holds_true),
        _ => false,
    }
}

/// Attributes that are lists, by their names: their elements are told one by one.
fn is_list(path: &str) -> bool {
    const LISTS: &[&str] = &[
        "security_groups",
        "subnet_ids",
        "subnets",
        "vpc_security_group_ids",
        "vpc_zone_identifier",
        "target_group_arns",
        "security_group_ids",
        "source_security_groups",
        "cidr_blocks",
        "prefix_list_ids",
        "managed_policy_arns",
    ];
    path.rsplit('.').next().is_some_and(|name| LISTS.contains(&name))
}

#[derive(Deserialize, Default)]
struct PriorState<'a> {
    #[serde(borrow)]
    values: Option<PriorValues<'a>>,
}

#[derive(Deserialize, Default)]
struct PriorValues<'a> {
    #[serde(borrow)]
    root_module: Option<PriorModule<'a>>,
}

#[derive(Deserialize, Default)]
struct PriorModule<'a> {
    #[serde(borrow, default)]
    resources: Vec<PriorResource<'a>>,
    #[serde(borrow, default)]
    child_modules: Vec<Self>,
}

#[derive(Deserialize)]
struct PriorResource<'a> {
    address: Option<String>,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

/// What the data sources for region and account read: address → value.
#[derive(Default)]
struct DataSources {
    regions: BTreeMap<String, String>,
    accounts: BTreeMap<String, String>,
}

impl DataSources {
    fn read(prior: Option<&RawValue>) -> Self {
        let mut found = Self::default();
        let state: PriorState<'_> = prior.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        if let Some(root) = state.values.and_then(|values| values.root_module) {
            found.module(&root, 0);
        }
        found
    }

    fn module(&mut self, module: &PriorModule<'_>, depth: usize) {
        const DEEPEST: usize = 32;
        if depth > DEEPEST {
            return;
        }
        for resource in module.resources.iter().filter(|r| r.mode == "data") {
            let Some(address) = &resource.address else { continue };
            let wanted = matches!(resource.kind.as_str(), "aws_region" | "aws_caller_identity");
            let Some(values) = resource.values.filter(|_| wanted) else { continue };
            let values: Json = serde_json::from_str(values.get()).unwrap_or_default();
            let name = ["region", "name", "id"].iter().find_map(|name| region::text(&values, name)).filter(|r| region::is_region(r));
            match (resource.kind.as_str(), name) {
                ("aws_region", Some(region)) => drop(self.regions.insert(address.clone(), region.to_owned())),
                ("aws_caller_identity", _) => {
                    if let Some(account) = region::text(&values, "account_id").filter(|a| region::is_account(a)) {
                        self.accounts.insert(address.clone(), account.to_owned());
                    }
                }
                _ => {}
            }
        }
        module.child_modules.iter().for_each(|child| self.module(child, depth + 1));
    }

    /// The value that data sources of the same provider read; none where they disagree.
    fn of<'s>(values: &'s BTreeMap<String, String>, config: &Configuration<'_>, provider: &str) -> Option<&'s str> {
        let mut found: Option<&str> = None;
        for (address, value) in values {
            let address = Address::parse(address)?;
            // One that is asked for a certain region tells nothing of its provider.
            let asks = |name: &str| config.resource(&address).and_then(|r| r.get("expressions")?.get(name)).is_some();
            if ["name", "region", "endpoint"].into_iter().any(asks) {
                continue;
            }
            if config.made_by(&address).as_deref() != Some(provider) {
                continue;
            }
            match found {
                Some(other) if other != value => return None,
                _ => found = Some(value),
            }
        }
        found
    }

    fn region(&self, config: &Configuration<'_>, provider: &str) -> Option<&str> {
        Self::of(&self.regions, config, provider)
    }

    fn account(&self, config: &Configuration<'_>, provider: &str) -> Option<String> {
        Self::of(&self.accounts, config, provider).map(str::to_owned)
    }
}

/// The steps of modules, for those who look for source files.
pub(super) fn module_names(modules: &[Step]) -> Vec<&str> {
    modules.iter().map(|m| m.name.as_str()).collect()
}
