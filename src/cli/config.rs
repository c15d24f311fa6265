//! `keur.yaml`.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use crate::diag::{Code, Diagnostic, SourceFile, nearest};
use crate::estate::PARTITIONS;
use crate::isolation::{EnvironmentRule, Environments};
use crate::policy::yaml::{Kind, Node, Reader, parse};
use crate::untrusted;

/// An account of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountEntry {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) role: Option<String>,
    pub(super) external_id: Option<String>,
}

/// Which regions are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Regions {
    Enabled,
    Only(Vec<String>),
}

/// The configuration, without the values of parameters: those need the declarations.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) organisation: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) accounts: Vec<AccountEntry>,
    pub(super) organization_role: Option<String>,
    pub(super) allowed: Option<Vec<String>>,
    pub(super) sweep: Regions,
    pub(super) environments: Environments,
    /// `None` for the shipped ones, else a folder.
    pub(super) policies: Vec<Option<PathBuf>>,
    pub(super) framework: Option<String>,
    pub(super) exceptions: Option<PathBuf>,
    pub(super) attestations: Option<PathBuf>,
    pub(super) parameters: Option<(Arc<SourceFile>, Node)>,
    /// How often a run is expected.
    pub(super) cadence: Option<SignedDuration>,
    /// The key that signs packs: a file, or a key of AWS KMS.
    pub(super) sign: Option<String>,
    /// Where files and folders, and the framework, are named.
    pub(super) places: BTreeMap<PathBuf, Range<usize>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            organisation: None,
            profile: None,
            accounts: Vec::new(),
            organization_role: None,
            allowed: None,
            sweep: Regions::Enabled,
            environments: Environments::ByTag,
            policies: vec![None],
            framework: None,
            exceptions: None,
            attestations: None,
            parameters: None,
            cadence: None,
            sign: None,
            places: BTreeMap::new(),
        }
    }
}

/// Larger files are no configurations of anybody.
const LARGEST: u64 = 16 << 20;
/// The region of AWS that somebody may have meant.
#[cfg(feature = "aws")]
pub(super) fn near_region(name: &str) -> Option<&'static str> {
    nearest(name, PARTITIONS.iter().flat_map(|partition| partition.regions).copied())
}

/// Reads a configuration; paths in it are relative to its folder. Also gives its text.
pub(super) fn read(path: &Path, diagnostics: &mut Vec<Diagnostic>) -> (Config, Option<Arc<SourceFile>>) {
    let text = match untrusted::text(path, LARGEST) {
        Ok(text) => text,
        Err(error) => {
            let title = format!("{}: {error}", path.display());
            diagnostics.push(Diagnostic::plain(Code::UnreadableFile, title).help("`keur init` writes one to start from"));
            return (Config::default(), None);
        }
    };
    let source = SourceFile::new(path.display().to_string(), text);
    let mut config = read_text(&source, path.parent().unwrap_or(Path::new("")), diagnostics);
    files_exist(&mut config, &source, diagnostics);
    (config, Some(source))
}

/// Reports files and folders that are named and not there, where they are named.
fn files_exist(config: &mut Config, source: &Arc<SourceFile>, diagnostics: &mut Vec<Diagnostic>) {
    let mut missing = |path: &Path, key: &str| {
        if path.exists() {
            return false;
        }
        let span = config.places.get(path).cloned().unwrap_or_default();
        let title = format!("`{}` is not there", path.display());
        let found = Diagnostic::error(Code::UnreadableFile, title, source, span).label("not found");
        let near = path.file_name().and_then(|name| nearest(name.to_str()?, ["shipped"])).filter(|_| key == "policies");
        diagnostics.push(match near {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found.help("paths are relative to the folder of the configuration"),
        });
        true
    };
    // What was told is not looked for again.
    config.policies.retain(|path| path.as_ref().is_none_or(|path| !missing(path, "policies")));
    config.exceptions.take_if(|path| missing(path, "exceptions"));
    config.attestations.take_if(|path| missing(path, "attestations"));
}

/// Reads the text of a configuration; paths in it are relative to `folder`.
pub(super) fn read_text(source: &Arc<SourceFile>, folder: &Path, diagnostics: &mut Vec<Diagnostic>) -> Config {
    let mut config = Config::default();
    let Some(node) = parse(source, diagnostics) else { return config };
    if node.kind == Kind::Null {
        let found = Diagnostic::error(Code::BadValue, "the configuration is empty", source, 0..0);
        diagnostics.push(found.help("`keur init` writes one to start from; without a file keur looks at the caller's account"));
        return config;
    }
    let mut reader = Reader { source: Arc::clone(source), diagnostics };
    let Some(mut table) = reader.table(&node, "the configuration") else {
        return config;
    };
    config.organisation = table.get("organisation").and_then(|n| reader.string(n, "organisation"));
    config.profile = table.get("profile").and_then(|n| reader.string(n, "profile"));
    if let Some(node) = table.get("accounts") {
        for item in reader.list(node, "accounts").unwrap_or_default() {
            let Some(entry) = account(&mut reader, item) else { continue };
            if config.accounts.iter().any(|earlier| earlier.id == entry.id) {
                let span = item.span.clone();
                reader.wrong(Code::DuplicateId, format!("account `{}` is there twice", entry.id), span, "again");
                continue;
            }
            config.accounts.push(entry);
        }
    }
    if let Some(node) = table.get("organization") {
        config.organization_role = organization(&mut reader, node);
    }
    if let Some(node) = table.get("regions") {
        regions(&mut reader, node, &mut config);
    }
    if let Some(node) = table.get("environments") {
        config.environments = environments(&mut reader, node);
    }
    if let Some(node) = table.get("policies") {
        let listed = reader.strings(node, "policies");
        let empty = listed.as_ref().is_some_and(Vec::is_empty);
        let listed = listed.unwrap_or_default();
        if empty {
            let found = reader.wrong(Code::EmptyList, "`policies` is empty: nothing would be judged", node.span.clone(), "empty");
            found.help.push("leave the key out for the shipped policies, or write `policies: [shipped, my-folder]`".to_owned());
        }
        config.places.extend(listed.iter().map(|(name, span)| (folder.join(name), span.clone())));
        config.policies = listed.into_iter().map(|(name, _)| if name == "shipped" { None } else { Some(folder.join(name)) }).collect();
    }
    let mut named = |reader: &mut Reader<'_>, node: Option<&Node>, key: &str, path: &dyn Fn(&str) -> PathBuf| {
        let node = node?;
        let text = reader.string(node, key)?;
        config.places.insert(path(&text), node.span.clone());
        Some(text)
    };
    let beside = |text: &str| folder.join(text);
    config.framework = named(&mut reader, table.get("framework"), "framework", &|text| PathBuf::from(text));
    config.exceptions = named(&mut reader, table.get("exceptions"), "exceptions", &beside).map(|path| beside(&path));
    config.attestations = named(&mut reader, table.get("attestations"), "attestations", &beside).map(|path| beside(&path));
    config.parameters = table.get("parameters").map(|n| (Arc::clone(source), n.clone()));
    if let Some(node) = table.get("evidence") {
        evidence(&mut reader, node, folder, &mut config);
    }
    table.finish(&mut reader);
    config
}

fn evidence(reader: &mut Reader<'_>, node: &Node, folder: &Path, config: &mut Config) {
    let Some(mut table) = reader.table(node, "`evidence`") else { return };
    if let Some(node) = table.get("cadence")
        && let Some(text) = match node.kind {
            // A number lacks its unit, which quotes would not give it.
            Kind::Int(number) => Some(number.to_string()),
            _ => reader.string(node, "cadence"),
        }
    {
        match cadence(&text) {
            Ok(cadence) => config.cadence = Some(cadence),
            Err(why) => drop(reader.wrong(Code::BadValue, why, node.span.clone(), "not a duration")),
        }
    }
    config.sign = table.get("sign").and_then(|n| reader.string(n, "sign")).map(|key| {
        // A path is one beside the configuration.
        if key.starts_with("awskms:") { key } else { folder.join(key).display().to_string() }
    });
    table.finish(reader);
}

/// How often a run is expected: `24h`, `7d`.
pub(super) fn cadence(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is not how often a run is expected: write `24h` or `7d`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let hours = match unit {
        'h' => Some(number),
        'd' => number.checked_mul(24),
        _ => None,
    };
    hours.filter(|hours| (1..=87_600).contains(hours)).map(SignedDuration::from_hours).ok_or_else(wrong)
}

fn account_id(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    if let Kind::Int(_) | Kind::Float(_) = node.kind {
        let found = reader.wrong(Code::BadValue, "an account id is text: leading zeros count", node.span.clone(), "a number");
        found.help.push("put it in quotes".to_owned());
        return None;
    }
    let id = reader.string(node, what)?;
    if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) {
        return Some(id);
    }
    reader.wrong(Code::BadValue, format!("`{id}` is not an account id"), node.span.clone(), "twelve digits belong here");
    None
}

fn account(reader: &mut Reader<'_>, node: &Node) -> Option<AccountEntry> {
    let mut table = reader.table(node, "an account")?;
    let id = table.need(reader, "id").and_then(|n| account_id(reader, n, "id"));
    let name = table.get("name").and_then(|n| reader.string(n, "name"));
    let role = table.get("role").and_then(|n| Some((reader.string(n, "role")?, n.span.clone())));
    let external_id = table.get("external_id").and_then(|n| reader.string(n, "external_id"));
    table.finish(reader);
    if let Some((role, span)) = &role
        && !(role.starts_with("arn:") && role.contains(":iam::") && role.contains(":role/"))
    {
        let found = reader.wrong(Code::BadValue, format!("`{role}` is not the ARN of a role"), span.clone(), "not a role");
        found.help.push("write `arn:aws:iam::111111111111:role/keur-reader`".to_owned());
    }
    Some(AccountEntry { id: id?, name, role: role.map(|(r, _)| r), external_id })
}

fn organization(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    const ROLE: &str = "keur-reader";
    match &node.kind {
        Kind::Bool(true) => Some(ROLE.to_owned()),
        Kind::Bool(false) => None,
        Kind::String(text) => {
            let found = reader.wrong(
                Code::BadValue,
                "`organization` says how its accounts are entered: `true`, or `{role: name-of-a-role}`",
                node.span.clone(),
                "neither",
            );
            found.help.push(match text.as_str() {
                "yes" | "on" => "write `true`".to_owned(),
                _ => "the name of the organisation is `organisation:`".to_owned(),
            });
            None
        }
        _ => {
            let mut table = reader.table(node, "`organization`")?;
            let role = table.need(reader, "role").and_then(|n| reader.string(n, "role"));
            table.finish(reader);
            role
        }
    }
}

fn region(reader: &mut Reader<'_>, name: &str, span: std::ops::Range<usize>) {
    let known = || PARTITIONS.iter().flat_map(|partition| partition.regions).copied();
    if known().any(|region| region == name) {
        return;
    }
    let parts: Vec<&str> = name.split('-').collect();
    let shaped = parts.len() >= 3
        && parts.last().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        && parts[..parts.len() - 1].iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()));
    let near = nearest(name, known()).filter(|near| strsim::osa_distance(near, name) <= 2);
    // `eu-central-3` is near to `eu-central-1` and may exist one day; a slip of the finger in a word may not.
    let only_number =
        near.is_some_and(|near| near.trim_end_matches(|c: char| c.is_ascii_digit()) == name.trim_end_matches(|c: char| c.is_ascii_digit()));
    if shaped && (near.is_none() || only_number) {
        return;
    }
    let found = reader.wrong(Code::UnknownRegion, format!("AWS has no region `{name}`"), span, "unknown region");
    let low = name.to_ascii_lowercase();
    let near = near.or_else(|| known().find(|region| *region == low));
    found.help.push(near.map_or_else(|| "regions are named like `eu-central-1`".to_owned(), |near| format!("did you mean `{near}`?")));
}

/// Checks the regions of a list.
fn region_list(reader: &mut Reader<'_>, listed: &[(String, Range<usize>)]) {
    let mut seen = BTreeSet::new();
    for (name, span) in listed {
        region(reader, name, span.clone());
        if !seen.insert(name) {
            reader.wrong(Code::DuplicateId, format!("region `{name}` is there twice"), span.clone(), "again");
        }
    }
}

fn regions(reader: &mut Reader<'_>, node: &Node, config: &mut Config) {
    let Some(mut table) = reader.table(node, "`regions`") else { return };
    if let Some(node) = table.get("allowed") {
        let listed = reader.strings(node, "allowed").unwrap_or_default();
        if listed.is_empty() {
            let found = reader.wrong(Code::EmptyList, "`allowed` is empty: no region would be allowed", node.span.clone(), "empty");
            found.help.push("write `allowed: [eu-central-1]`".to_owned());
        }
        region_list(reader, &listed);
        config.allowed = Some(listed.into_iter().map(|(name, _)| name).collect());
    }
    if let Some(node) = table.get("sweep") {
        match &node.kind {
            Kind::String(word) if word == "enabled" => {}
            Kind::List(_) => {
                let listed = reader.strings(node, "sweep").unwrap_or_default();
                if listed.is_empty() {
                    reader.wrong(Code::EmptyList, "`sweep` is empty: nothing would be looked at", node.span.clone(), "empty");
                }
                region_list(reader, &listed);
                config.sweep = Regions::Only(listed.into_iter().map(|(name, _)| name).collect());
            }
            _ => {
                let found = reader.wrong(Code::BadValue, "`sweep` is `enabled` or a list of regions", node.span.clone(), "neither");
                found.help.push("`enabled` looks at every region that is enabled for the account".to_owned());
            }
        }
    }
    table.finish(reader);
}

fn environments(reader: &mut Reader<'_>, node: &Node) -> Environments {
    let mut rules = BTreeMap::new();
    let mut claimed: BTreeMap<String, String> = BTreeMap::new();
    let Kind::Map(entries) = &node.kind else {
        let found = reader.wrong(Code::BadValue, "`environments` is a map of names to rules", node.span.clone(), "not a map");
        found.help.push("write `environments: {production: {tags: {Environment: [production]}}}`".to_owned());
        return Environments::Declared(rules);
    };
    for (key, node) in entries {
        let reserved = [crate::estate::UNASSIGNED, crate::estate::AMBIGUOUS, "unknown", "default"];
        if reserved.contains(&key.name.as_str()) {
            reader.wrong(Code::BadValue, format!("`{}` is a reserved word", key.name), key.span.clone(), "choose another name");
        }
        let Some(mut table) = reader.table(node, "an environment") else {
            continue;
        };
        let mut rule = EnvironmentRule::default();
        let mut claim = |reader: &mut Reader<'_>, what: String, span: &Range<usize>| {
            let earlier = claimed.entry(what.clone()).or_insert_with(|| key.name.clone());
            if *earlier != key.name {
                let title = format!("{what} is claimed for `{earlier}` as well");
                let found = reader.wrong(Code::DuplicateId, title, span.clone(), "claimed twice");
                found.help.push("what two environments claim is `ambiguous`: leave it to one of them".to_owned());
            }
        };
        if let Some(node) = table.get("accounts") {
            for item in reader.list(node, "accounts").unwrap_or_default() {
                let Some(id) = account_id(reader, item, "accounts") else { continue };
                claim(reader, format!("account {id}"), &item.span);
                rule.accounts.push(id);
            }
        }
        for (list, what) in [(&mut rule.vpcs, "vpcs"), (&mut rule.names, "names")] {
            for (text, span) in table.get(what).and_then(|n| reader.strings(n, what)).unwrap_or_default() {
                claim(reader, format!("{} {text}", what.trim_end_matches('s')), &span);
                list.push(text);
            }
        }
        if let Some(node) = table.get("tags") {
            match &node.kind {
                Kind::Map(tags) => {
                    for (tag, node) in tags {
                        let Some(values) = reader.strings(node, &tag.name) else {
                            // What is wrong with it was told; nothing more is to be said of a rule that lacks it.
                            rule.tags.insert(tag.name.clone(), vec![String::new()]);
                            continue;
                        };
                        for (value, span) in &values {
                            claim(reader, format!("tag {}={value}", tag.name), span);
                        }
                        rule.tags.insert(tag.name.clone(), values.into_iter().map(|(value, _)| value).collect());
                    }
                }
                _ => {
                    let found = reader.wrong(Code::BadValue, "`tags` is a map of keys to lists of values", node.span.clone(), "not a map");
                    found.help.push("write `tags: {Environment: [production, prod]}`".to_owned());
                }
            }
        }
        table.finish(reader);
        if rule == EnvironmentRule::default() || rule.tags.values().any(Vec::is_empty) {
            let found = reader.wrong(Code::NeverMatches, format!("nothing can belong to `{}`", key.name), key.span.clone(), "no rule");
            found.help.push("give it `accounts`, `vpcs`, `tags` or `names`, none of them empty".to_owned());
        }
        rules.insert(key.name.clone(), rule);
    }
    Environments::Declared(rules)
}
