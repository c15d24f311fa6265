//! The configuration inside a plan: what an attribute that is not known yet refers to, and how providers
//! are set up. The plan carries references, not expressions: it cannot tell `x.y` from `f(x.y)`, and where that leaves
//! a choice, nothing is chosen. The source tells more.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::HashMap;

use serde_json::Value as Json;

use super::address::{Address, Key, Step, steps};

/// How far references are followed through outputs and variables.
const FARTHEST: usize = 16;

/// Types whose ids and ARNs AWS makes. None can be made out of that of another: where an attribute takes such an id, and
/// one reference is all that its expression has, whatever is done with it, what comes out is that id.
const GIVEN: &[&str] = &[
    "aws_acm_certificate",
    "aws_alb",
    "aws_alb_listener",
    "aws_alb_target_group",
    "aws_ami",
    "aws_ami_copy",
    "aws_ami_from_instance",
    "aws_backup_plan",
    "aws_customer_gateway",
    "aws_default_network_acl",
    "aws_default_route_table",
    "aws_default_security_group",
    "aws_default_subnet",
    "aws_default_vpc",
    "aws_ebs_snapshot",
    "aws_ebs_snapshot_copy",
    "aws_ebs_volume",
    "aws_ec2_managed_prefix_list",
    "aws_ec2_transit_gateway",
    "aws_ec2_transit_gateway_route_table",
    "aws_ec2_transit_gateway_vpc_attachment",
    "aws_efs_access_point",
    "aws_efs_file_system",
    "aws_egress_only_internet_gateway",
    "aws_eip",
    "aws_instance",
    "aws_internet_gateway",
    "aws_kms_external_key",
    "aws_kms_key",
    "aws_launch_template",
    "aws_lb",
    "aws_lb_listener",
    "aws_lb_target_group",
    "aws_nat_gateway",
    "aws_network_acl",
    "aws_network_interface",
    "aws_route_table",
    "aws_security_group",
    "aws_subnet",
    "aws_vpc",
    "aws_vpc_endpoint",
    "aws_vpc_peering_connection",
    "aws_vpn_gateway",
];

/// What of these names something that AWS named.
const GIVEN_NAMES: &[&str] = &["arn", "id", "key_id"];

/// Whether an attribute takes ids or ARNs of other things, by its name.
fn takes_identity(attribute: &str) -> bool {
    const WORDS: &[&str] = &[
        "file_system_id",
        "instance",
        "kms_key",
        "network_interface",
        "resource",
        "resources",
        "security_group",
        "security_groups",
        "source_security_groups",
        "subnet_mapping",
        "subnets",
        "vpc",
        "vpc_zone_identifier",
    ];
    WORDS.contains(&attribute) || ["_id", "_ids", "_arn", "_arns"].iter().any(|end| attribute.ends_with(end))
}

/// Attributes that tell which thing it is, on nearly every type.
pub(super) const IDENTITY: &[&str] = &[
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
    /// Every resource and data source, by module, type and name.
    resources: HashMap<String, &'a Json>,
    /// Module path with keys, type and name → keys of the instances.
    instances: HashMap<(String, String, String), Vec<Option<Key>>>,
    /// Module path without keys → its keys, as often as it is called.
    modules: HashMap<String, Vec<Vec<Step>>>,
}

static NOTHING: Json = Json::Null;

fn modules_text(modules: &[Step]) -> String {
    modules.iter().map(|m| format!("module.{m}.")).collect()
}

/// What a resource is listed by.
fn listed(path: &str, data: bool, kind: &str, name: &str) -> String {
    format!("{path}{}{kind}.{name}", if data { "data." } else { "" })
}

/// Lists the resources of a module and of those below it; the first of a name counts.
fn list<'a>(module: &'a Json, path: &str, depth: usize, found: &mut HashMap<String, &'a Json>) {
    const DEEPEST: usize = 64;
    for resource in module.get("resources").and_then(Json::as_array).into_iter().flatten() {
        let text = |name: &str| resource.get(name).and_then(Json::as_str);
        if let (Some(kind), Some(name)) = (text("type"), text("name")) {
            found.entry(listed(path, text("mode") == Some("data"), kind, name)).or_insert(resource);
        }
    }
    for (name, call) in module.get("module_calls").and_then(Json::as_object).into_iter().flatten() {
        if let (Some(child), true) = (call.get("module"), depth < DEEPEST) {
            list(child, &format!("{path}{name}/"), depth + 1, found);
        }
    }
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
        let root = configuration.get("root_module").unwrap_or(&NOTHING);
        let mut resources = HashMap::new();
        list(root, "", 0, &mut resources);
        Self { root, resources, providers: configuration.get("provider_config").unwrap_or(&NOTHING), variables, instances, modules }
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
        let path: String = address.module_names().map(|name| format!("{name}/")).collect();
        self.resources.get(&listed(&path, address.data, &address.kind, &address.step.name)).copied()
    }

    /// The configuration of a provider by the key that a resource names. Plans before Terraform 1.1
    /// write the module before it and do not list it: then the root's own is meant.
    pub(super) fn provider(&self, key: &str) -> Option<&'a Json> {
        self.named(key).map(|(_, provider)| provider)
    }

    /// The same with the key under which it is listed.
    fn named(&self, key: &str) -> Option<(&'a str, &'a Json)> {
        let providers = self.providers.as_object()?;
        let short = key.rsplit(':').next().unwrap_or(key);
        if let Some((name, provider)) = providers.get_key_value(key) {
            return Some((name, provider));
        }
        if short == key {
            return None;
        }
        // Which of several the module was given, such a plan does not say.
        let kind = short.split('.').next()?;
        let mut of_kind = providers.iter().filter(|(name, _)| name.split('.').next() == Some(kind));
        let only = of_kind.next().map(|(name, provider)| (name.as_str(), provider));
        only.filter(|_| of_kind.next().is_none() && !short.contains('.'))
    }

    /// Which provider makes a resource: that of two resources of one name is the same, with one account and one region.
    pub(super) fn made_by(&self, address: &Address) -> Option<String> {
        let key = self.resource(address).and_then(|resource| resource.get("provider_config_key")).and_then(Json::as_str);
        let Some(key) = key else {
            // What is only deleted has no configuration any more; that of its provider is still there.
            let mut ours = self.providers.as_object()?.iter().filter(|(_, provider)| is_of_aws(provider));
            let (name, provider) = ours.next()?;
            return (ours.next().is_none() && !is_several(provider)).then(|| name.clone());
        };
        match self.named(key) {
            Some((name, provider)) => (!is_several(provider)).then(|| name.to_owned()),
            None if key.contains(':') => {
                Some(format!("{}{key}", address.module_names().map(|m| format!("module.{m}.")).collect::<String>()))
            }
            None => Some(key.to_owned()),
        }
    }

    /// Whether more than one provider may make resources of AWS.
    pub(super) fn has_several_providers(&self) -> bool {
        self.providers.as_object().is_none_or(|all| all.values().filter(|provider| is_of_aws(provider)).count() != 1)
    }

    /// What the plan has of an expression in the configuration of a provider.
    pub(super) fn provider_expression(provider: &'a Json, path: &[&str]) -> Option<&'a Json> {
        let mut expression = provider.get("expressions")?;
        for step in path {
            expression = match expression {
                Json::Array(blocks) => blocks.first()?.get(step)?,
                other => other.get(step)?,
            };
        }
        Some(expression)
    }

    /// The value of a variable of a module that the plan itself has: given at the root, or written out.
    pub(super) fn variable(&self, modules: &[Step], name: &str) -> Option<&'a Json> {
        let Some((last, parents)) = modules.split_last() else {
            let secret = self.root.get("variables").and_then(|all| all.get(name)?.get("sensitive")?.as_bool());
            return self.variables.get(name)?.get("value").filter(|_| secret != Some(true));
        };
        let call = self.module(parents.iter().map(|m| m.name.as_str()))?.get("module_calls")?.get(&last.name)?;
        match call.get("expressions").and_then(|e| e.get(name)) {
            Some(expression) => expression.get("constant_value"),
            None => call.get("module")?.get("variables")?.get(name)?.get("default"),
        }
    }

    /// What the attribute of that name of `own` waits for, which refers to these.
    pub(super) fn waits(&self, own: &Address, attribute: &str, references: &[Json]) -> Waits {
        match self.follow(&own.modules, references, 0) {
            Some((address, named)) if self.is_shown(&address, &named, attribute) => Waits::For(address.to_string(), address.kind),
            _ => Waits::Other(traversals(references).join(", ")),
        }
    }

    /// The resource that an expression has as its only reference, and which of its attributes.
    pub(super) fn only(&self, own: &Address, references: &[Json]) -> Option<(Address, String)> {
        self.follow(&own.modules, references, 0)
    }

    /// Whether a plan alone shows that an expression with this reference and no other is the reference itself.
    fn is_shown(&self, address: &Address, named: &str, attribute: &str) -> bool {
        // The ARN of a key of several regions can be made out of that of another region.
        let one_region = || {
            let multi = self.resource(address).and_then(|r| r.get("expressions")?.get("multi_region"));
            multi.is_none_or(|expression| expression.get("constant_value") == Some(&Json::Bool(false)))
        };
        // Where the attribute is lost, only what can be nothing else than its id is.
        let noun = address.kind.trim_start_matches("aws_").trim_start_matches("default_");
        let is_id = GIVEN_NAMES.contains(&named) || (named.is_empty() && attribute.contains(noun));
        GIVEN.contains(&address.kind.as_str()) && is_id && takes_identity(attribute) && one_region()
    }

    fn follow(&self, modules: &[Step], references: &[Json], depth: usize) -> Option<(Address, String)> {
        let traversals = traversals(references);
        let mut plain = traversals.iter().filter(|t| !is_own_key(t));
        let (first, more) = (plain.next()?, plain.next());
        // Beside the key of the instance itself nobody knows which instance is picked, unless there is one only.
        if more.is_some() { None } else { self.one(modules, first, depth) }
    }

    /// The resource that one traversal names, and which of its attributes.
    fn one(&self, modules: &[Step], traversal: &str, depth: usize) -> Option<(Address, String)> {
        if depth > FARTHEST {
            return None;
        }
        let steps = steps(traversal)?;
        match steps[0].name.as_str() {
            "module" => {
                let [_, call, output] = &steps[..] else { return None };
                let child = self.called(modules, call)?;
                let module = self.module(child.iter().map(|m| m.name.as_str()))?;
                let expression = module.get("outputs")?.get(&output.name)?.get("expression")?;
                self.follow(&child, expression.get("references")?.as_array()?, depth + 1)
            }
            "var" => {
                let (last, parents) = modules.split_last()?;
                let [_, name] = &steps[..] else { return None };
                let call = self.module(parents.iter().map(|m| m.name.as_str()))?.get("module_calls")?.get(&last.name)?;
                let references = call.get("expressions")?.get(&name.name)?.get("references")?.as_array()?;
                self.follow(parents, references, depth + 1)
            }
            "data" | "local" | "each" | "count" | "path" | "self" | "terraform" => None,
            _ => {
                let [kind, name, rest @ ..] = &steps[..] else { return None };
                // Without an attribute the plan has left it out, as it does behind `[each.key]` and `[*]`.
                let named = match rest {
                    [] => String::new(),
                    [attribute] if attribute.key.is_none() && IDENTITY.contains(&attribute.name.as_str()) => attribute.name.clone(),
                    _ => return None,
                };
                let key = self.instance(modules, &kind.name, name)?;
                let step = Step { name: name.name.clone(), key };
                Some((Address { modules: modules.to_vec(), data: false, kind: kind.name.clone(), step }, named))
            }
        }
    }

    /// The keys of all instances of a resource in a module; none where there is no such resource.
    pub(super) fn instances(&self, modules: &[Step], kind: &str, name: &str) -> Option<&[Option<Key>]> {
        self.instances.get(&(modules_text(modules), kind.to_owned(), name.to_owned())).map(Vec::as_slice)
    }

    /// Which instance is meant: the one that is named, or the only one.
    fn instance(&self, modules: &[Step], kind: &str, name: &Step) -> Option<Option<Key>> {
        let keys = self.instances(modules, kind, &name.name)?;
        if let Some(key) = &name.key {
            return keys.contains(&Some(key.clone())).then(|| Some(key.clone()));
        }
        match keys {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// The module that a call means: the one that is named, or the only one.
    pub(super) fn called(&self, modules: &[Step], call: &Step) -> Option<Vec<Step>> {
        let names: String = modules.iter().chain([call]).map(|m| format!("module.{}.", m.name)).collect();
        let mut known = self.modules.get(&names)?.iter().filter(|m| m[..modules.len()] == *modules);
        if call.key.is_some() {
            return known.find(|m| m.last() == Some(call)).cloned();
        }
        let only = known.next()?;
        known.next().is_none().then(|| only.clone())
    }
}

/// Whether a provider is one for AWS.
fn is_of_aws(provider: &Json) -> bool {
    let text = |name: &str| provider.get(name).and_then(Json::as_str);
    text("full_name").map_or(text("name") == Some("aws"), |name| name == "aws" || name.ends_with("/aws"))
}

/// Whether one configuration stands for several providers, one for each of something.
fn is_several(provider: &Json) -> bool {
    fn refers(json: &Json) -> bool {
        match json {
            Json::Object(map) => map.iter().any(|(key, value)| match (key.as_str(), value) {
                ("references", Json::Array(all)) => all.iter().filter_map(Json::as_str).any(|r| r == "each" || r.starts_with("each.")),
                _ => refers(value),
            }),
            Json::Array(items) => items.iter().any(refers),
            _ => false,
        }
    }
    provider.get("expressions").is_some_and(refers)
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
    fn references_lead_through_outputs_and_variables_to_the_only_instance() {
        let configuration = json!({"root_module": {
            "module_calls": {
                "keys": {"module": {"outputs": {"key_arn": {"expression": {"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]}}}}},
                "more": {"module": {"outputs": {"key_arn": {"expression": {"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]}}}}},
                "db": {"expressions": {
                    "key": {"references": ["module.keys.key_arn", "module.keys"]},
                    "one_of": {"references": ["module.more", "each.key"]},
                    "first": {"references": ["module.more[\"a\"].key_arn", "module.more[\"a\"]", "module.more"]},
                }, "module": {}},
            },
        }});
        let addresses: Vec<Address> = [
            "module.keys.aws_kms_key.k",
            r#"module.more["a"].aws_kms_key.k"#,
            r#"module.more["b"].aws_kms_key.k"#,
            r#"module.db["a"].aws_db_instance.d"#,
            "aws_subnet.s[0]",
            "aws_subnet.s[1]",
            "aws_instance.i[1]",
            "aws_s3_bucket.b",
        ]
        .map(|a| Address::parse(a).unwrap())
        .into();
        let all = Configuration::new(&configuration, &json!(null), addresses.iter());
        let waits = |own: usize, attribute: &str, references: serde_json::Value| {
            all.waits(&addresses[own], attribute, references.as_array().unwrap())
        };
        let key = |address: &str| Waits::For(address.to_owned(), "aws_kms_key".to_owned());
        assert_eq!(waits(3, "kms_key_id", json!(["var.key"])), key("module.keys.aws_kms_key.k"));
        assert_eq!(waits(3, "kms_key_id", json!(["var.first"])), key(r#"module.more["a"].aws_kms_key.k"#));
        assert!(matches!(waits(3, "kms_key_id", json!(["var.one_of"])), Waits::Other(_)), "one of two, nobody knows which");
        let first = json!(["aws_subnet.s[0].id", "aws_subnet.s[0]", "aws_subnet.s"]);
        assert_eq!(waits(6, "subnet_id", first.clone()), Waits::For("aws_subnet.s[0]".to_owned(), "aws_subnet".to_owned()));
        // `s[count.index]` and `s[count.index + 1]` look the same, and so do an id and a name that is made of it.
        for (attribute, open) in [
            ("subnet_id", json!(["aws_subnet.s", "count.index"])),
            ("subnet_id", json!(["aws_subnet.s"])),
            ("subnet_id", json!(["local.x"])),
            ("subnet_id", json!(["aws_subnet.s[7].id", "aws_subnet.s"])),
            ("subnet_id", json!(["aws_subnet.s[0].cidr_block"])),
            ("subnet_id", json!(["aws_subnet.s[0].id", "aws_subnet.s[0]", "aws_subnet.s", "var.more"])),
            ("name", first),
            ("bucket", json!(["aws_s3_bucket.b.id", "aws_s3_bucket.b"])),
        ] {
            assert!(matches!(waits(6, attribute, open.clone()), Waits::Other(_)), "{attribute} {open}");
        }
    }
}
