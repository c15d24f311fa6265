//! All policy files of a run: policies, statements, parameters, frameworks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Policy;
use super::load::{Context, policy};
use super::parameter::{Parameter, Parameters, declarations};
use super::yaml::{Node, Reader, parse};
use crate::diag::{Code, Diagnostic, SourceFile};
use crate::estate::{LinkSet, Registry};
use crate::untrusted;

/// Name and text of every file shipped in the program.
pub const SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// The shipped files.
pub fn shipped_files() -> Vec<Arc<SourceFile>> {
    SHIPPED.iter().map(|(name, text)| SourceFile::new(*name, *text)).collect()
}

/// What a statement rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Policies over what an API shows.
    Api,
    /// Documents.
    Attested,
    /// The provider's own controls.
    Inherited,
}

/// A promise the organisation makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Id.
    pub id: String,
    /// The promise, one sentence.
    pub title: String,
    /// What it rests on.
    pub basis: Basis,
    /// Who answers for it.
    pub owner: String,
    /// Controls it serves: `A.8.14`.
    pub controls: Vec<String>,
}

/// Reads every YAML file of a folder, or one file.
pub fn read_folder(path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Vec<Arc<SourceFile>> {
    let mut files = Vec::new();
    if let Err((path, error)) = walk(path, 0, &mut files) {
        let title = format!("{path}: {error}");
        diagnostics.push(Diagnostic::plain(Code::UnreadableFile, title).help("give a folder of policies, or a policy file"));
    }
    files
}

/// Larger files are no policies of anybody.
const LARGEST: u64 = 16 << 20;
/// Folders below folders: more is a mistake, or a link to itself.
const DEEPEST: usize = 8;

fn walk(path: &Path, depth: usize, files: &mut Vec<Arc<SourceFile>>) -> Result<(), (String, std::io::Error)> {
    let failed = |error| (path.display().to_string(), error);
    let kind = fs::metadata(path).map_err(failed)?;
    if !kind.is_dir() {
        // What the user named may be a pipe; what is found in a folder may not.
        let bytes = if depth == 0 { untrusted::stream(path, LARGEST) } else { untrusted::read(path, LARGEST) }.map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|e| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, e.utf8_error())))?;
        files.push(SourceFile::new(path.display().to_string(), text));
        return Ok(());
    }
    if depth > DEEPEST {
        return Ok(());
    }
    let mut entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()).map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if path.is_dir() || yaml {
            walk(&path, depth + 1, files)?;
        }
    }
    Ok(())
}

/// Files that were parsed, sorted into what they are.
#[derive(Debug, Default)]
pub struct Files {
    policies: Vec<(Arc<SourceFile>, Node)>,
    /// Framework files.
    pub frameworks: Vec<(Arc<SourceFile>, Node)>,
    /// Statements.
    pub statements: Vec<Statement>,
    /// Parameters.
    pub parameters: Vec<Parameter>,
    /// SHA-256 over names and texts.
    pub sha256: String,
}

impl Files {
    /// Parses the files. What is wrong goes to `diagnostics`.
    pub fn parse(sources: &[Arc<SourceFile>], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut files = Self::default();
        let mut hash = Sha256::new();
        let by_name: BTreeMap<&str, &Arc<SourceFile>> = sources.iter().map(|s| (s.name.as_str(), s)).collect();
        for source in by_name.values() {
            for part in [source.name.as_str(), source.text.as_str()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
            let Some(node) = parse(source, diagnostics) else { continue };
            let mut parts = source.name.rsplit(['/', '\\']);
            let (file, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let mut reader = Reader { source: Arc::clone(source), diagnostics };
            match (folder, file) {
                ("frameworks", _) => files.frameworks.push((Arc::clone(source), node)),
                (_, "statements.yaml") => statements(&mut reader, &node, &mut files.statements),
                (_, "parameters.yaml") => declarations(&mut reader, &node, &mut files.parameters),
                _ => files.policies.push((Arc::clone(source), node)),
            }
        }
        files.sha256 = format!("sha256:{}", hex(&hash.finalize()));
        files
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("internal error: writing to a string cannot fail");
        text
    })
}

fn statements(reader: &mut Reader<'_>, node: &Node, into: &mut Vec<Statement>) {
    const WORDS: &[(&str, Basis)] = &[("api", Basis::Api), ("attested", Basis::Attested), ("inherited", Basis::Inherited)];
    for item in reader.list(node, "statements").unwrap_or_default() {
        let Some(mut table) = reader.table(item, "a statement") else {
            continue;
        };
        let id = table.need(reader, "id").and_then(|n| Some((reader.string(n, "id")?, n.span.clone())));
        let title = table.need(reader, "title").and_then(|n| reader.string(n, "title"));
        let basis = table.need(reader, "basis").and_then(|n| reader.one_of(n, "basis", WORDS));
        let owner = table.need(reader, "owner").and_then(|n| reader.string(n, "owner"));
        let controls = table.get("controls").and_then(|n| reader.strings(n, "controls")).unwrap_or_default();
        table.finish(reader);
        let (Some((id, span)), Some(title), Some(basis), Some(owner)) = (id, title, basis, owner) else {
            continue;
        };
        if into.iter().any(|s| s.id == id) {
            reader.wrong(Code::DuplicateId, format!("statement `{id}` is there twice"), span, "again");
            continue;
        }
        into.push(Statement { id, title, basis, owner, controls: controls.into_iter().map(|(c, _)| c).collect() });
    }
}

/// Everything a run judges by.
#[derive(Debug)]
pub struct Bundle {
    /// By id.
    pub policies: Vec<Policy>,
    /// In the order of the files.
    pub statements: Vec<Statement>,
    /// Parameters with their values.
    pub parameters: Parameters,
    /// SHA-256 over all files.
    pub sha256: String,
}

impl Bundle {
    /// Checks the policies of `files`. What is wrong goes to `diagnostics`.
    pub fn check(files: &Files, parameters: Parameters, registry: &Registry, links: &LinkSet, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let ids: Vec<String> = files.statements.iter().map(|s| s.id.clone()).collect();
        let context = Context { registry, links, parameters: &parameters, statements: &ids };
        let mut policies: BTreeMap<String, Policy> = BTreeMap::new();
        for (source, node) in &files.policies {
            let Some(policy) = policy(source, node, &context, diagnostics) else {
                continue;
            };
            if let Some(earlier) = policies.get(&policy.id) {
                let title = format!("policy `{}` is also in {}", policy.id, earlier.source.name);
                diagnostics.push(Diagnostic::error(Code::DuplicateId, title, source, policy.id_span.clone()).label("again"));
                continue;
            }
            policies.insert(policy.id.clone(), policy);
        }
        Self { policies: policies.into_values().collect(), statements: files.statements.clone(), parameters, sha256: files.sha256.clone() }
    }

    /// The policy of that id.
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|p| p.id == id)
    }
}
