//! The configuration inside a plan: what an attribute that is not known yet refers to, and how providers
//! are set up. The plan carries references, not expressions: where they leave a choice, nothing is chosen.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::HashMap;

use serde_json::Value as Json;

use super::address::{Address, Key, Step, steps};

/// How far references are followed through outputs and variables.
const FARTHEST: usize = 16;

/// Attributes that tell which thing it is, on nearly every type.
const IDENTITY: &[&str] = &[
    "arn",
    "bucket",
    "cluster_identifier",
    "file_system_id",
    "function_name",
    "id",
    "identifier",
    "key_id",
    "name",
    "repository_url",
    "table_name",
    "url",
];

/// What an attribute that is not known yet waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waits {
    /// The identity of a resource of the plan: its address and type.
    For(String, String),
    /// Something else: what, in words.
    Other(String),
}

/// The configuration, and which instances the plan has.
pub(super) struct Configuration<'a> {
    root: &'a Json,
    providers: &'a Json,
    variables: &'a Json,
    /// Module path with keys, type and name → keys of the instances.
    instances: HashMap<(String, String, String), Vec<Option<Key>>>,
    /// Module path without keys → its keys, as often as it is called.
    modules: HashMap<String, Vec<Vec<Step>>>,
}

static NOTHING: Json = Json::Null;

fn modules_text(modules: &[Step]) -> String {
    modules.iter().map(|m| format!("module.{m}.")).collect()
}

impl<'a> Configuration<'a> {
    /// The configuration of a plan; `addresses` are those of its resources.
    pub(super) fn new<'i>(configuration: &'a Json, variables: &'a Json, addresses: impl Iterator<Item = &'i Address>) -> Self {
        let mut instances: HashMap<_, Vec<Option<Key>>> = HashMap::new();
        let mut modules: HashMap<String, Vec<Vec<Step>>> = HashMap::new();
        for address in addresses {
            let key = (modules_text(&address.modules), address.kind.clone(), address.step.name.clone());
            instances.entry(key).or_default().push(address.step.key.clone());
            let name: String = address.module_names().map(|n| format!("module.{n}.")).collect();
            let known = modules.entry(name).or_default();
            if !known.contains(&address.modules) {
                known.push(address.modules.clone());
            }
        }
        Self {
            root: configuration.get("root_module").unwrap_or(&NOTHING),
            providers: configuration.get("provider_config").unwrap_or(&NOTHING),
            variables,
            instances,
            modules,
        }
    }

    fn module<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<&'a Json> {
        let mut module = self.root;
        for name in names {
            module = module.get("module_calls")?.get(name)?.get("module")?;
        }
        Some(module)
    }

    /// The configuration of a resource: its expressions and its provider.
    pub(super) fn resource(&self, address: &Address) -> Option<&'a Json> {
        let module = self.module(address.module_names())?;
        let mode = if address.data { "data" } else { "managed" };
        module.get("resources")?.as_array()?.iter().find(|r| {
            r.get("type").and_then(Json::as_str) == Some(&address.kind)
                && r.get("name").and_then(Json::as_str) == Some(&address.step.name)
                && r.get("mode").and_then(Json::as_str).unwrap_or("managed") == mode
        })
    }

    /// The configuration of a provider by the key that a resource names. Plans before Terraform 1.1
    /// write the module before it and do not list it: then the root's own is meant.
    pub(super) fn provider(&self, key: &str) -> Option<&'a Json> {
        let short = key.rsplit(':').next().unwrap_or(key);
        let exact = self.providers.get(key);
        if exact.is_some() || short == key {
            return exact;
        }
        // Which of several the module was given, such a plan does not say.
        let kind = short.split('.').next()?;
        let mut of_kind = self.providers.as_object()?.iter().filter(|(name, _)| name.split('.').next() == Some(kind));
        let only = of_kind.next().map(|(_, provider)| provider);
        only.filter(|_| of_kind.next().is_none() && !short.contains('.'))
    }

    /// The value of an expression in the configuration of a provider, and whether a variable gave it.
    pub(super) fn provider_value(&self, provider: &'a Json, path: &[&str]) -> Option<(&'a Json, bool)> {
        let mut expression = provider.get("expressions")?;
        for step in path {
            expression = match expression {
                Json::Array(blocks) => blocks.first()?.get(step)?,
                other => other.get(step)?,
            };
        }
        if let Some(value) = expression.get("constant_value") {
            return Some((value, false));
        }
        let module = provider.get("module_address").and_then(Json::as_str).unwrap_or_default();
        let modules: Vec<Step> = steps(module).unwrap_or_default().into_iter().filter(|s| s.name != "module").collect();
        let references = expression.get("references")?.as_array()?;
        // A reference with others beside it is a part of the value only.
        let [only] = traversals(references)[..] else { return None };
        self.variable(&modules, only, 0).map(|value| (value, true))
    }

    /// The value of `var.x` in a module.
    fn variable(&self, modules: &[Step], reference: &str, depth: usize) -> Option<&'a Json> {
        let [kind, name] = &steps(reference)?[..] else { return None };
        if kind.name != "var" || name.key.is_some() || depth > FARTHEST {
            return None;
        }
        let Some((last, parents)) = modules.split_last() else {
            return self.variables.get(&name.name)?.get("value");
        };
        let call = self.module(parents.iter().map(|m| m.name.as_str()))?.get("module_calls")?.get(&last.name)?;
        match call.get("expressions").and_then(|e| e.get(&name.name)) {
            Some(expression) => match expression.get("constant_value") {
                Some(value) => Some(value),
                None => {
                    let [only] = traversals(expression.get("references")?.as_array()?)[..] else { return None };
                    self.variable(parents, only, depth + 1)
                }
            },
            None => call.get("module")?.get("variables")?.get(&name.name)?.get("default"),
        }
    }

    /// What an attribute of `own` waits for that refers to these.
    pub(super) fn waits(&self, own: &Address, references: &[Json]) -> Waits {
        let other = || Waits::Other(traversals(references).join(", "));
        if let Some(address) = self.chained(own, references) {
            return Waits::For(address.to_string(), address.kind);
        }
        match self.follow(&own.modules, own.step.key.as_ref(), references, 0) {
            Some(address) => Waits::For(address.to_string(), address.kind),
            None => other(),
        }
    }

    /// `each.value.id` of a resource that is made for each instance of another one.
    fn chained(&self, own: &Address, references: &[Json]) -> Option<Address> {
        let [only] = traversals(references)[..] else { return None };
        let attribute = only.strip_prefix("each.value.")?;
        if !IDENTITY.contains(&attribute) {
            return None;
        }
        let over = self.resource(own)?.get("for_each_expression")?.get("references")?.as_array()?;
        let [only] = traversals(over)[..] else { return None };
        let [kind, name] = &steps(only)?[..] else { return None };
        if matches!(kind.name.as_str(), "var" | "local" | "module" | "data" | "each") || name.key.is_some() {
            return None;
        }
        let key = Some(own.step.key.clone()?);
        let keys = self.instances.get(&(modules_text(&own.modules), kind.name.clone(), name.name.clone()))?;
        let step = Step { name: name.name.clone(), key: keys.contains(&key).then_some(key)?.clone() };
        Some(Address { modules: own.modules.clone(), data: false, kind: kind.name.clone(), step })
    }

    /// Every resource of the plan whose identity the references name, and whether they name anything else.
    pub(super) fn waits_for_all(&self, own: &Address, references: &[Json]) -> Vec<Waits> {
        let traversals = traversals(references);
        let plain = traversals.iter().filter(|t| !is_own_key(t));
        plain
            .map(|t| match self.one(&own.modules, own.step.key.as_ref(), t, 0) {
                Some(address) => Waits::For(address.to_string(), address.kind),
                None => Waits::Other((*t).to_owned()),
            })
            .collect()
    }

    fn follow(&self, modules: &[Step], own: Option<&Key>, references: &[Json], depth: usize) -> Option<Address> {
        let traversals = traversals(references);
        let mut plain = traversals.iter().filter(|t| !is_own_key(t));
        let (first, more) = (plain.next()?, plain.next());
        if more.is_some() { None } else { self.one(modules, own, first, depth) }
    }

    /// The resource whose identity one traversal names.
    fn one(&self, modules: &[Step], own: Option<&Key>, traversal: &str, depth: usize) -> Option<Address> {
        if depth > FARTHEST {
            return None;
        }
        let steps = steps(traversal)?;
        match steps[0].name.as_str() {
            "module" => {
                let [_, call, output, ..] = &steps[..] else { return None };
                let child = self.called(modules, call, own)?;
                let module = self.module(child.iter().map(|m| m.name.as_str()))?;
                let expression = module.get("outputs")?.get(&output.name)?.get("expression")?;
                self.follow(&child, None, expression.get("references")?.as_array()?, depth + 1)
            }
            "var" => {
                let (last, parents) = modules.split_last()?;
                let [_, name] = &steps[..] else { return None };
                let call = self.module(parents.iter().map(|m| m.name.as_str()))?.get("module_calls")?.get(&last.name)?;
                let references = call.get("expressions")?.get(&name.name)?.get("references")?.as_array()?;
                self.follow(parents, last.key.as_ref(), references, depth + 1)
            }
            "data" | "local" | "each" | "count" | "path" | "self" | "terraform" => None,
            _ => {
                let [kind, name, rest @ ..] = &steps[..] else { return None };
                // Without an attribute the plan has left it out, as it does behind `[each.key]`.
                let identity = rest.first().is_none_or(|attribute| IDENTITY.contains(&attribute.name.as_str()));
                if !identity || rest.len() > 1 {
                    return None;
                }
                let key = self.instance(modules, &kind.name, name, own)?;
                let step = Step { name: name.name.clone(), key };
                Some(Address { modules: modules.to_vec(), data: false, kind: kind.name.clone(), step })
            }
        }
    }

    /// Which instance is meant: the one that is named, the only one, or the one with the same key.
    fn instance(&self, modules: &[Step], kind: &str, name: &Step, own: Option<&Key>) -> Option<Option<Key>> {
        let keys = self.instances.get(&(modules_text(modules), kind.to_owned(), name.name.clone()))?;
        if let Some(key) = &name.key {
            return keys.contains(&Some(key.clone())).then(|| Some(key.clone()));
        }
        if let [only] = &keys[..] {
            return Some(only.clone());
        }
        let own = own?;
        keys.contains(&Some(own.clone())).then(|| Some(own.clone()))
    }

    fn called(&self, modules: &[Step], call: &Step, own: Option<&Key>) -> Option<Vec<Step>> {
        let names: String = modules.iter().chain([call]).map(|m| format!("module.{}.", m.name)).collect();
        let mut known = self.modules.get(&names)?.iter().filter(|m| m[..modules.len()] == *modules);
        if call.key.is_some() {
            return known.find(|m| m.last() == Some(call)).cloned();
        }
        let known: Vec<&Vec<Step>> = known.collect();
        if let [only] = &known[..] {
            return Some((*only).clone());
        }
        known.into_iter().find(|m| m.last().is_some_and(|last| last.key.as_ref() == own && own.is_some())).cloned()
    }
}

/// Whether it is the key of the instance itself, which Terraform lists beside what it picks.
fn is_own_key(traversal: &str) -> bool {
    matches!(traversal, "each.key" | "count.index") || traversal.starts_with("each.key.")
}

/// The traversals of a list of references: each is followed by its own prefixes, which tell nothing more.
fn traversals(references: &[Json]) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for reference in references.iter().filter_map(Json::as_str) {
        let prefix = |longer: &&str| longer.strip_prefix(reference).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        if !found.last().is_some_and(prefix) {
            found.push(reference);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Configuration, Waits, traversals};
    use crate::terraform::address::Address;

    #[test]
    fn prefixes_are_not_traversals() {
        let references = json!(["a.b[\"k\"].arn", "a.b[\"k\"]", "a.b", "var.x", "a.bc.id", "a.bc"]);
        assert_eq!(traversals(references.as_array().unwrap()), ["a.b[\"k\"].arn", "var.x", "a.bc.id"]);
    }

    #[test]
    fn references_lead_through_outputs_and_variables_and_pair_by_key() {
        let configuration = json!({"root_module": {
            "module_calls": {
                "keys": {"module": {"outputs": {"key_arn": {"expression": {"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]}}}}},
                "db": {"expressions": {"key": {"references": ["module.keys.key_arn", "module.keys"]}}, "module": {}},
            },
        }});
        let addresses: Vec<Address> = [
            r#"module.keys["a"].aws_kms_key.k"#,
            r#"module.keys["b"].aws_kms_key.k"#,
            r#"module.db["a"].aws_db_instance.d"#,
            "aws_subnet.s[0]",
            "aws_subnet.s[1]",
            "aws_instance.i[1]",
        ]
        .map(|a| Address::parse(a).unwrap())
        .into();
        let all = Configuration::new(&configuration, &json!(null), addresses.iter());
        let refs = |list: serde_json::Value| list.as_array().unwrap().clone();
        let waits = all.waits(&addresses[2], &refs(json!(["var.key"])));
        assert_eq!(waits, Waits::For(r#"module.keys["a"].aws_kms_key.k"#.to_owned(), "aws_kms_key".to_owned()));
        let waits = all.waits(&addresses[5], &refs(json!(["aws_subnet.s", "count.index"])));
        assert_eq!(waits, Waits::For("aws_subnet.s[1]".to_owned(), "aws_subnet".to_owned()));
        let waits = all.waits(&addresses[5], &refs(json!(["aws_subnet.s[0].id", "aws_subnet.s[0]", "aws_subnet.s"])));
        assert_eq!(waits, Waits::For("aws_subnet.s[0]".to_owned(), "aws_subnet".to_owned()));
        for open in [json!(["local.x"]), json!(["aws_subnet.s[7].id", "aws_subnet.s"]), json!(["aws_subnet.s[0].cidr_block"])] {
            assert!(matches!(all.waits(&addresses[5], &refs(open)), Waits::Other(_)));
        }
        let two = json!(["aws_subnet.s[0].id", "aws_subnet.s[0]", "aws_subnet.s", "var.more"]);
        assert!(matches!(all.waits(&addresses[5], &refs(two)), Waits::Other(_)));
    }
}
