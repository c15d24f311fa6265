//! States: files of version 4, and the output of `terraform show -json`.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::plan::is_aws;
use super::read::{Document, Error, sha256};
use super::region::{self, Around, Identity, Witnesses};
use super::{Assumed, Proxies};
use crate::declared::{Object, Reading, hide_tags, unknown};
use crate::estate::{Reason, SourceDigest};
use crate::untrusted;

#[derive(Deserialize)]
struct StateResource<'a> {
    module: Option<String>,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    provider: String,
    #[serde(borrow, default)]
    instances: Vec<Instance<'a>>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    index_key: Option<Json>,
    deposed: Option<String>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    attributes_flat: Option<BTreeMap<String, String>>,
    #[serde(default)]
    sensitive_attributes: Option<Json>,
}

/// Values as `terraform show -json` writes them, of a state or of a plan.
#[derive(Deserialize)]
pub(super) struct Values<'a> {
    #[serde(borrow)]
    root_module: Option<Module<'a>>,
}

#[derive(Deserialize)]
struct Module<'a> {
    #[serde(borrow, default)]
    resources: Vec<Shown<'a>>,
    #[serde(borrow, default)]
    child_modules: Vec<Self>,
}

/// One resource of these values.
#[derive(Deserialize)]
pub(super) struct Shown<'a> {
    pub(super) address: String,
    #[serde(default)]
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) provider_name: String,
    #[serde(default)]
    deposed_key: Option<String>,
    #[serde(borrow)]
    pub(super) values: Option<&'a RawValue>,
    #[serde(borrow)]
    sensitive_values: Option<&'a RawValue>,
}

impl<'a> Values<'a> {
    /// Every resource, those of modules too.
    pub(super) fn all(&self) -> Vec<&Shown<'a>> {
        fn walk<'v, 'a>(module: &'v Module<'a>, depth: usize, found: &mut Vec<&'v Shown<'a>>) {
            const DEEPEST: usize = 64;
            found.extend(&module.resources);
            if depth < DEEPEST {
                module.child_modules.iter().for_each(|child| walk(child, depth + 1, found));
            }
        }
        let mut found = Vec::new();
        self.root_module.iter().for_each(|root| walk(root, 0, &mut found));
        found
    }
}

const PULL: &str = "write one with `terraform show -json > state.json` or `terraform state pull > state.tfstate`";

/// Adds what a state holds to `reading`.
pub(super) fn read(
    name: &str,
    bytes: &[u8],
    document: &Document<'_>,
    assumed: &Assumed,
    file: u32,
    reading: &mut Reading<'_>,
) -> Result<(), Error> {
    document.check(name)?;
    if document.is_plan() {
        return Err(Error::new(name, "this is a plan, not a state", "name it with --plan"));
    }
    let wrong = |error: &serde_json::Error| Error::new(name, format!("not a state: {}", untrusted::json_problem(error)), PULL);
    let version: Option<u64> = document.version.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut state = State { assumed, file, reading, witnesses: Witnesses::default(), proxies: Proxies::default() };
    if let Some(values) = document.values {
        let values: Values<'_> = serde_json::from_str(values.get()).map_err(|error| wrong(&error))?;
        let all = values.all();
        for shown in &all {
            let identity: Identity = shown.values.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            state.witnesses.note(&shown.provider_name, &shown.kind, &identity.attributes());
        }
        all.into_iter().for_each(|shown| state.shown(shown));
    } else {
        match version {
            Some(4) => {}
            Some(version) => {
                let problem = format!("the state is of version {version}; this program reads version 4");
                return Err(Error::new(name, problem, "let a Terraform of version 0.12 or later write it anew"));
            }
            // `terraform show -json` of nothing has no values.
            None if document.format_version.is_some() => {}
            None => return Err(Error::new(name, "this is neither a plan nor a state", PULL)),
        }
        if version.is_some() && document.resources.is_none() {
            return Err(Error::new(name, "the state has no list of resources", PULL));
        }
        let resources: Vec<StateResource<'_>> = match document.resources {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|error| wrong(&error))?,
            None => Vec::new(),
        };
        for resource in &resources {
            for raw in resource.instances.iter().filter_map(|instance| instance.attributes) {
                let identity: Identity = serde_json::from_str(raw.get()).unwrap_or_default();
                state.witnesses.note(&resource.provider, &resource.kind, &identity.attributes());
            }
        }
        resources.iter().for_each(|resource| state.resource(resource));
    }
    let gap = state.proxies.gap();
    reading.run.incomplete.extend(gap);
    let digest = SourceDigest { name: name.to_owned(), sha256: sha256(bytes), written_by: document.written_by() };
    reading.run.files.push(digest);
    Ok(())
}

struct State<'a, 'r> {
    assumed: &'a Assumed,
    file: u32,
    reading: &'a mut Reading<'r>,
    witnesses: Witnesses,
    proxies: Proxies,
}

impl State<'_, '_> {
    fn resource(&mut self, resource: &StateResource<'_>) {
        if resource.mode != "managed" {
            return;
        }
        resource.instances.iter().filter(|i| i.deposed.is_none()).for_each(|_| self.proxies.note(&resource.kind));
        let provider = resource.provider.split('"').nth(1).or_else(|| resource.provider.strip_prefix("provider.")).unwrap_or_default();
        if !is_aws(provider.split('.').next().filter(|p| !p.contains('/')).unwrap_or(provider), &resource.kind)
            && !is_aws(provider, &resource.kind)
        {
            self.reading.run.other_providers += 1;
            return;
        }
        let module = resource.module.as_ref().map_or_else(String::new, |module| format!("{module}."));
        // A leftover of a replacement that failed is to be deleted: it is not what is declared.
        for instance in resource.instances.iter().filter(|i| i.deposed.is_none()) {
            let key = match &instance.index_key {
                Some(key @ (Json::Number(_) | Json::String(_))) => format!("[{key}]"),
                _ => String::new(),
            };
            let mut attributes = match (instance.attributes, &instance.attributes_flat) {
                (Some(raw), _) => serde_json::from_str(raw.get()).unwrap_or_else(|_| unknown(Reason::Unparsable, "nested too deep")),
                (None, Some(flat)) => unflatten(flat),
                (None, None) => json!({}),
            };
            for path in instance.sensitive_attributes.iter().filter_map(Json::as_array).flatten() {
                hide(&mut attributes, path);
            }
            self.push(format!("{module}{}.{}{key}", resource.kind, resource.name), &resource.kind, &resource.provider, attributes);
        }
    }

    fn shown(&mut self, shown: &Shown<'_>) {
        if shown.mode != "managed" || shown.deposed_key.is_some() {
            return;
        }
        self.proxies.note(&shown.kind);
        if !is_aws(&shown.provider_name, &shown.kind) {
            self.reading.run.other_providers += 1;
            return;
        }
        let raw = |raw: Option<&RawValue>| raw.map_or(Json::Null, |raw| serde_json::from_str(raw.get()).unwrap_or_default());
        let mut attributes = raw(shown.values);
        redact(&mut attributes, &raw(shown.sensitive_values), &shown.address);
        self.push(shown.address.clone(), &shown.kind, &shown.provider_name, attributes);
    }

    fn push(&mut self, address: String, kind: &str, provider: &str, mut attributes: Json) {
        // A state that is shown has lost which of several providers a resource is of.
        let told = provider.contains('"') || provider.starts_with("provider.");
        let others = if told { self.witnesses.region(provider) } else { None };
        let around = Around { provider: None, data: None, others, assumed: self.assumed };
        let (region, region_from) = region::region(kind, &attributes, None, &around);
        let of_others = || self.witnesses.account(provider).map(str::to_owned);
        let account = region::account(&attributes, None).or_else(of_others).or_else(|| self.assumed.account.clone());
        hide_tags(&mut attributes);
        self.reading.run.resources += 1;
        self.reading.push(Object {
            address,
            source_type: kind.to_owned(),
            file: self.file,
            attributes,
            before: None,
            account,
            region,
            region_from,
            // One of another file may be another.
            provider: told.then(|| format!("{}: {provider}", self.file)),
            taken: Vec::new(),
            action: None,
            place: None,
            sparse: false,
        });
    }
}

/// Whether nothing is set: there is no secret in that, and what is hidden counts as set.
fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Hides what is marked as secret in a shown state.
fn redact(json: &mut Json, sensitive: &Json, path: &str) {
    match (&mut *json, sensitive) {
        (value, Json::Bool(true)) if is_empty(value) => {}
        (_, Json::Bool(true)) => *json = unknown(Reason::Sensitive, path),
        (Json::Object(map), Json::Object(marks)) => {
            for (key, mark) in marks {
                if let Some(value) = map.get_mut(key) {
                    redact(value, mark, &format!("{path}.{key}"));
                }
            }
        }
        (Json::Array(items), Json::Array(marks)) => {
            for (item, mark) in items.iter_mut().zip(marks) {
                redact(item, mark, path);
            }
        }
        _ => {}
    }
}

/// Hides what a path of a state file marks as secret: steps to an attribute, an index or a key.
fn hide(attributes: &mut Json, path: &Json) {
    let steps: Vec<&Json> = match path {
        Json::Array(steps) => steps.iter().filter_map(|step| step.get("value")).collect(),
        _ => return,
    };
    let mut value = attributes;
    for step in steps {
        // A key of a map is wrapped together with its type.
        let step = step.get("value").unwrap_or(step);
        let next = match (value, step) {
            (Json::Object(map), Json::String(key)) => map.get_mut(key),
            (Json::Array(items), Json::Number(n)) => n.as_u64().and_then(|n| items.get_mut(usize::try_from(n).ok()?)),
            _ => None,
        };
        let Some(next) = next else { return };
        value = next;
    }
    if !is_empty(value) {
        *value = unknown(Reason::Sensitive, "marked as sensitive in the state");
    }
}

/// Attributes as Terraform 0.11 wrote them: `tags.%`, `tags.Name`, `rule.#`, `rule.0.port`.
fn unflatten(flat: &BTreeMap<String, String>) -> Json {
    let mut root = Map::new();
    for (path, text) in flat {
        if path.ends_with(".#") || path.ends_with(".%") {
            let name = &path[..path.len() - 2];
            if !name.contains('.') && text == "0" {
                let empty = if path.ends_with('#') { json!([]) } else { json!({}) };
                root.entry(name.to_owned()).or_insert(empty);
            }
            continue;
        }
        let mut parts = path.splitn(2, '.');
        let first = parts.next().unwrap_or_default();
        let value = match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            _ => json!(text),
        };
        match parts.next() {
            None => drop(root.insert(first.to_owned(), value)),
            Some(rest) => insert(root.entry(first.to_owned()).or_insert(Json::Null), rest, value, flat.contains_key(&format!("{first}.%"))),
        }
    }
    Json::Object(root)
}

/// Puts a value below a list or a map. Members of sets are keyed by a hash: their order says nothing.
fn insert(into: &mut Json, path: &str, value: Json, is_map: bool) {
    if is_map {
        if !into.is_object() {
            *into = json!({});
        }
        if let Some(map) = into.as_object_mut() {
            map.insert(path.to_owned(), value);
        }
        return;
    }
    if !into.is_array() {
        *into = json!([]);
    }
    let Some(items) = into.as_array_mut() else { return };
    match path.split_once('.') {
        None => items.push(value),
        // Blocks are kept together by their key, which is hidden in them until they are done.
        Some((_, rest)) if !rest.contains('.') => match items.last_mut() {
            Some(Json::Object(map)) if !map.contains_key(rest) => drop(map.insert(rest.to_owned(), value)),
            _ => items.push(json!({ rest: value })),
        },
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{hide, unflatten};

    #[test]
    fn flat_attributes_are_unfolded() {
        let flat = [
            ("id", "sg-1"),
            ("ingress.#", "0"),
            ("security_groups.#", "2"),
            ("security_groups.123", "sg-2"),
            ("security_groups.456", "sg-3"),
            ("tags.%", "1"),
            ("tags.Name", "web.one"),
            ("root_block_device.#", "1"),
            ("root_block_device.0.encrypted", "true"),
            ("root_block_device.0.volume_size", "8"),
        ];
        let flat = flat.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        assert_eq!(
            unflatten(&flat),
            json!({"id": "sg-1", "ingress": [], "security_groups": ["sg-2", "sg-3"], "tags": {"Name": "web.one"},
                "root_block_device": [{"encrypted": true, "volume_size": "8"}]})
        );
    }

    #[test]
    fn secrets_are_hidden() {
        let mut attributes = json!({"password": "x", "tags": {"a": "y"}, "name": "n"});
        hide(&mut attributes, &json!([{"type": "get_attr", "value": "password"}]));
        let key = json!({"value": "a", "type": "string"});
        hide(&mut attributes, &json!([{"type": "get_attr", "value": "tags"}, {"type": "index", "value": key}]));
        assert!(!attributes.to_string().contains("\"x\"") && !attributes.to_string().contains("\"y\""));
        assert_eq!(attributes["name"], "n");
    }
}
