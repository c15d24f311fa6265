//! The source of a plan: where it declares a resource, and the expressions that a plan does not carry.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;
use serde_json::Value as Json;

use super::address::{Address, Step};
use super::plan::module_names;
use crate::untrusted;

/// Larger source files are not looked into.
const LARGEST: u64 = 4 << 20;

/// What the files of one module declare.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// `resource` blocks by type and name.
    pub(super) resources: HashMap<(String, String), Body>,
    /// `module` blocks by name.
    pub(super) calls: HashMap<String, Body>,
    /// `provider` blocks by type and alias.
    pub(super) providers: HashMap<(String, Option<String>), Body>,
    pub(super) locals: HashMap<String, Expression>,
    /// The value of each output.
    pub(super) outputs: HashMap<String, Expression>,
}

/// Files and lines of everything that the source below a folder declares.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Module path → what it declares; without those that files of overrides change.
    modules: HashMap<String, Module>,
    /// Module path, type and name → `modules/db/main.tf:12`.
    declared: HashMap<(String, String, String), String>,
    /// The same → names of its `dynamic` blocks.
    dynamic: HashMap<(String, String, String), Vec<String>>,
}

impl Module {
    fn add(&mut self, body: &Body) {
        let label = |block: &hcl_edit::structure::Block| block.labels.first().map(|label| label.as_str().to_owned());
        for block in body.get_blocks("module") {
            self.calls.extend(label(block).map(|name| (name, block.body.clone())));
        }
        for block in body.get_blocks("provider") {
            let alias = block.body.get_attribute("alias").and_then(|alias| alias.value.as_str().map(str::to_owned));
            self.providers.extend(label(block).map(|kind| ((kind, alias), block.body.clone())));
        }
        for block in body.get_blocks("locals") {
            self.locals.extend(block.body.attributes().map(|local| (local.key.as_str().to_owned(), local.value.clone())));
        }
        for block in body.get_blocks("output") {
            let value = block.body.get_attribute("value").map(|value| value.value.clone());
            self.outputs.extend(label(block).zip(value));
        }
    }
}

impl Places {
    /// Reads the source of the root module and of those below it that lie beside it; modules from a
    /// registry are looked for where `terraform init` puts them.
    pub(super) fn new(folder: &Path, configuration: &Json) -> Self {
        let mut places = Self::default();
        let fetched = fetched(folder);
        if let Some(root) = configuration.get("root_module") {
            places.module(folder, folder, root, &mut Vec::new(), &fetched);
        }
        places
    }

    /// File and line of a resource.
    pub(super) fn of(&self, address: &Address) -> Option<String> {
        let module = module_names(&address.modules).join(".");
        self.declared.get(&(module, address.kind.clone(), address.step.name.clone())).cloned()
    }

    /// The names of blocks of a resource that are `dynamic`.
    pub(super) fn dynamic(&self, address: &Address) -> &[String] {
        let module = module_names(&address.modules).join(".");
        self.dynamic.get(&(module, address.kind.clone(), address.step.name.clone())).map_or(&[], Vec::as_slice)
    }

    /// What the files of a module declare, if they are there.
    pub(super) fn module_of(&self, modules: &[Step]) -> Option<&Module> {
        self.modules.get(&module_names(modules).join("."))
    }

    fn module(&mut self, root: &Path, folder: &Path, module: &Json, path: &mut Vec<String>, fetched: &HashMap<String, String>) {
        const DEEPEST: usize = 16;
        self.folder(root, folder, &path.join("."));
        if path.len() >= DEEPEST {
            return;
        }
        for (name, call) in module.get("module_calls").and_then(Json::as_object).into_iter().flatten() {
            path.push(name.clone());
            let source = call.get("source").and_then(Json::as_str).unwrap_or_default();
            let below = match fetched.get(&path.join(".")) {
                Some(dir) => Some(root.join(dir)),
                None if source.starts_with("./") || source.starts_with("../") => Some(folder.join(source)),
                None => None,
            };
            if let (Some(below), Some(child)) = (below, call.get("module")) {
                self.module(root, &below, child, path, fetched);
            }
            path.pop();
        }
    }

    fn folder(&mut self, root: &Path, folder: &Path, module: &str) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let files: BTreeSet<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        let mut found = Module::default();
        // What such a file says stands in the place of what the others say.
        let overrides = |file: &PathBuf| {
            let stem = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
            stem.is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
        };
        let mut whole = !files.iter().any(overrides);
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "tf" || e == "tofu")) {
            let text = untrusted::read(file, LARGEST).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some((text, body)) = text.and_then(|text| text.parse::<Body>().ok().map(|body| (text, body))) else {
                whole = false;
                continue;
            };
            let shown = shown(root, file);
            for block in body.get_blocks("resource") {
                let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
                let ([kind, name], Some(span)) = (&labels[..], block.span()) else { continue };
                let line = text[..span.start].matches('\n').count() + 1;
                let key = (module.to_owned(), (*kind).to_owned(), (*name).to_owned());
                let made = block.body.get_blocks("dynamic").filter_map(|block| Some(block.labels.first()?.as_str().to_owned()));
                self.dynamic.insert(key.clone(), made.collect());
                found.resources.insert((key.1.clone(), key.2.clone()), block.body.clone());
                self.declared.insert(key, format!("{shown}:{line}"));
            }
            found.add(&body);
        }
        if whole {
            self.modules.insert(module.to_owned(), found);
        }
    }
}

/// Path of a file from the root folder, without steps up and down again.
fn shown(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap_or(file);
    let mut parts: Vec<String> = Vec::new();
    for part in relative.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => drop(parts.pop()),
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

/// Where `terraform init` put modules: path of the module → folder.
fn fetched(folder: &Path) -> HashMap<String, String> {
    let bytes = untrusted::read(&folder.join(".terraform/modules/modules.json"), LARGEST).unwrap_or_default();
    let json: Json = serde_json::from_slice(&bytes).unwrap_or_default();
    let entries = json.get("Modules").and_then(Json::as_array).into_iter().flatten();
    let pair = |entry: &Json| {
        let key = entry.get("Key")?.as_str().filter(|key| !key.is_empty())?;
        Some((key.to_owned(), entry.get("Dir")?.as_str()?.to_owned()))
    };
    entries.filter_map(pair).collect()
}
