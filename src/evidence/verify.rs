//! Whether a pack or a chain is what it was: every byte, every link.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Chain, Entry, content, folder_of, object_of, object_path, rules_of, sequence_of, stored};
use super::dsse::Envelope;
use super::manifest::{Ended, FileEntry, Manifest, Started, sha256};
use super::pack::{LOCK, begins_only, stated};
use super::sign::{DSSE, MINISIG, PublicKey, SignError};
use super::timestamp::{self, REPLY, REQUEST, Stamp};
use super::{Error, sums};

/// Something that does not hold.
pub(crate) type Problem = Error;

/// Something that holds, and that whoever relies on it should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// A pack was aborted: number, and why.
    Aborted(u64, String),
    /// The last pack has no manifest: it is being written, or its run was killed.
    Unfinished(u64),
    /// Packs that nobody signed.
    Unsigned(Vec<u64>),
    /// Signed by a key that was not given: packs, and the key as they name it.
    UnknownKey(Vec<u64>, String),
    /// The clock went backwards between two packs.
    Clock(u64),
    /// A pack looked at less than the one before it: what is missing.
    Narrower(u64, Vec<String>),
    /// An authority stamped a pack: number, and when. Whether it was one that can be trusted was not looked at.
    Stamped(u64, jiff::Timestamp),
    /// The rules are others than in the last pack over the same source: which kinds of them.
    Rules(u64, Vec<String>),
    /// Ages were measured against another moment than that of the run.
    AsOf(u64, jiff::Timestamp),
}

/// What was checked, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Id of the chain.
    pub(crate) chain: String,
    /// Numbers of the packs.
    pub(crate) packs: Vec<u64>,
    /// Files, objects among them.
    pub(crate) files: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Packs with a signature by a key that was given.
    pub(crate) signed: Vec<u64>,
    /// Hash of the last manifest.
    pub(crate) head: Option<(u64, String)>,
    /// Time stamps that are about the manifests beside them, each with the reply that it is of: who gave it is for its
    /// signature to tell.
    pub(crate) stamps: Vec<(u64, Stamp, Vec<u8>)>,
    /// What does not hold.
    pub(crate) problems: Vec<Problem>,
    /// What else should be known.
    pub(crate) notes: Vec<Note>,
}

/// Checks a chain, or one pack of it.
pub(crate) fn verify(chain: &Chain, only: Option<u64>, keys: &[PublicKey]) -> Checked {
    let mut checked = Checked::default();
    let mut needed = BTreeSet::new();
    let mut added: BTreeMap<&str, u64> = BTreeMap::new();
    let mut read: BTreeMap<String, u64> = BTreeMap::new();
    let mut previous: Option<&Entry> = None;
    let mut unsigned = Vec::new();
    let mut unknown: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in chain.entries.iter().filter(|entry| only.is_none_or(|only| only == entry.sequence)) {
        checked.packs.push(entry.sequence);
        let expected = previous.map_or(1, |previous| previous.sequence + 1);
        if only.is_none() {
            match entry.sequence - expected.min(entry.sequence) {
                0 => {}
                1 => checked.problems.push(Error::broken(folder_of(expected), "it is missing: the chain skips it")),
                _ => {
                    let reason = format!("it is missing, and all up to {}: the chain skips them", folder_of(entry.sequence - 1));
                    checked.problems.push(Error::broken(folder_of(expected), reason));
                }
            }
        }
        one(chain, entry, &mut needed, &mut read, &mut checked);
        let last = chain.entries.last().is_some_and(|last| last.sequence == entry.sequence);
        match (&entry.manifest, &entry.started) {
            (Ok(None), _) if last && !was_signed(chain, entry.sequence) => checked.notes.push(Note::Unfinished(entry.sequence)),
            (Ok(None), _) => {
                let file = format!("{}/manifest.json", folder_of(entry.sequence));
                checked.problems.push(Error::broken(file, "it is missing"));
            }
            _ => {}
        }
        for (name, named, comment) in signed_files(entry) {
            match signature(chain, entry, name, named, &comment, keys) {
                Ok(Some(true)) if name == "manifest.json" => checked.signed.push(entry.sequence),
                Ok(Some(true)) => {}
                Ok(found) if name == "started.json" && !keys.is_empty() => {
                    let reason = if found.is_none() { "nobody signed it" } else { "it is signed by another key than was given" };
                    checked.problems.push(Error::broken(format!("{}/started.json", folder_of(entry.sequence)), reason));
                }
                Ok(Some(false)) if name == "manifest.json" => {
                    unknown.entry(named.unwrap_or_default().to_owned()).or_default().push(entry.sequence);
                }
                Ok(Some(false)) => {}
                Ok(None) if name == "manifest.json" => unsigned.push(entry.sequence),
                Ok(None) => {}
                Err(problem) => checked.problems.push(problem),
            }
        }
        if let Some((manifest, hash)) = entry.sealed() {
            for object in &manifest.objects_added {
                if let Some(earlier) = added.insert(object, entry.sequence) {
                    let reason = format!("it says that it added {object}, which pack {earlier} did");
                    checked.problems.push(Error::broken(format!("{}/manifest.json", folder_of(entry.sequence)), reason));
                }
            }
            if let (Ended::Aborted, Some(reason)) = (manifest.ended, &manifest.reason) {
                checked.notes.push(Note::Aborted(entry.sequence, reason.clone()));
            }
            checked.head = Some((entry.sequence, hash.to_owned()));
            checked.chain.clone_from(&manifest.chain);
        }
        let before = match only {
            None => previous,
            // The link of one pack, where the one before it is at hand.
            Some(only) => chain.entries.iter().find(|entry| entry.sequence + 1 == only),
        };
        if only.is_none() || before.is_some() {
            link(before, entry, &mut checked);
        }
        narrower(chain, entry, &mut checked);
        previous = Some(entry);
    }
    if !keys.is_empty() {
        for sequence in unsigned.drain(..) {
            checked.problems.push(Error::broken(format!("{}/manifest.json", folder_of(sequence)), "nobody signed it"));
        }
        for (key, packs) in std::mem::take(&mut unknown) {
            for sequence in packs {
                let reason = format!("it is signed by another key ({key}) than was given");
                checked.problems.push(Error::broken(format!("{}/manifest.json", folder_of(sequence)), reason));
            }
        }
    }
    if !unsigned.is_empty() {
        checked.notes.push(Note::Unsigned(unsigned));
    }
    checked.notes.extend(unknown.into_iter().map(|(key, packs)| Note::UnknownKey(packs, key)));
    if only.is_none() || matches!(chain.tree, super::Tree::Archive { .. }) {
        strangers(chain, only, &needed, &added, &mut checked);
    }
    checked.files += read.len() as u64;
    checked.bytes += read.values().sum::<u64>();
    checked.problems.sort();
    checked.problems.dedup();
    checked
}

/// Whether a pack has what is written beside a manifest: then it had one, and somebody took it away. One that is being sealed,
/// or whose run was killed over it, has the manifest under its other name.
pub(super) fn was_signed(chain: &Chain, sequence: u64) -> bool {
    let folder = folder_of(sequence);
    if chain.tree.has(&format!("{folder}/manifest.json.tmp")) {
        return false;
    }
    BESIDE.iter().any(|name| *name != "manifest.json" && chain.tree.has(&format!("{folder}/{name}")))
}

/// One pack: its records, its files and the objects that it needs.
fn one(chain: &Chain, entry: &Entry, needed: &mut BTreeSet<String>, read: &mut BTreeMap<String, u64>, checked: &mut Checked) {
    let folder = folder_of(entry.sequence);
    match &entry.started {
        Err(_) if entry.manifest == Ok(None) && begins_only(chain, entry.sequence) => {}
        Err(problem) => checked.problems.push(problem.clone()),
        Ok((started, _)) if started.sequence != entry.sequence => {
            checked.problems.push(Error::broken(format!("{folder}/started.json"), format!("it is of pack {}", started.sequence)));
        }
        Ok(_) => {}
    }
    let (manifest, hash) = match &entry.manifest {
        Err(problem) => return checked.problems.push(problem.clone()),
        Ok(None) => return,
        Ok(Some((manifest, hash))) => (manifest, hash),
    };
    let of = |name: &str| format!("{folder}/{name}");
    if manifest.sequence != entry.sequence {
        checked.problems.push(Error::broken(of("manifest.json"), format!("it is the manifest of pack {}", manifest.sequence)));
        return;
    }
    if let Ok((started, started_sha256)) = &entry.started {
        if *started_sha256 != manifest.started_sha256 {
            checked.problems.push(Error::broken(of("started.json"), "its SHA-256 is not the one in the manifest"));
        }
        let chain_id = started.chain.as_ref().unwrap_or(started_sha256);
        if *chain_id != manifest.chain {
            checked.problems.push(Error::broken(of("started.json"), "it is of another chain than the manifest"));
        }
        if manifest.ended == Ended::Complete && started.public_key != manifest.public_key {
            checked.problems.push(Error::broken(of("manifest.json"), "it names another key than the record of the start"));
        }
        if started.previous != manifest.previous {
            checked.problems.push(Error::broken(of("manifest.json"), "it names another pack before it than the record of the start"));
        }
    }
    for reason in contradictions(manifest) {
        checked.problems.push(Error::broken(of("manifest.json"), reason));
    }
    let mut own = BTreeSet::new();
    let mut of_pack = BTreeSet::new();
    for file in &manifest.files {
        if !own.insert(file.path.as_str()) || !is_inside(&file.path) {
            let reason = format!("it names {:?} twice, or as no file of a pack is named", file.path);
            checked.problems.push(Error::broken(of("manifest.json"), reason));
            continue;
        }
        // What a file unpacks to is looked at by whoever reads it; here, of those that name others.
        let names_objects = NAMING.contains(&file.role.as_str());
        let found = if names_objects { content(&chain.tree, &folder, file) } else { stored(&chain.tree, &folder, file) };
        match found {
            Ok(bytes) => {
                checked.files += 1;
                checked.bytes += file.bytes;
                match objects_in(file, &bytes, &folder) {
                    Ok(objects) => of_pack.extend(objects),
                    Err(problem) => checked.problems.push(problem),
                }
            }
            Err(problem) => checked.problems.push(problem),
        }
    }
    if manifest.ended == Ended::Aborted {
        of_pack.extend(manifest.objects_added.iter().cloned());
    }
    needed.extend(of_pack.iter().cloned());
    if of_pack.len() as u64 != manifest.objects_needed {
        let reason = format!("it says that it needs {} objects, its files name {}", manifest.objects_needed, of_pack.len());
        checked.problems.push(Error::broken(of("manifest.json"), reason));
    }
    for hash in &of_pack {
        if read.contains_key(hash) {
            continue;
        }
        match chain.object(hash) {
            Ok(bytes) => drop(read.insert(hash.clone(), bytes.len() as u64)),
            Err(problem) => checked.problems.push(problem),
        }
    }
    match chain.tree.read(&of("SHA256SUMS")) {
        Ok(bytes) if bytes == sums::text(manifest, hash, &of_pack).as_bytes() => {}
        Ok(_) => checked.problems.push(Error::broken(of("SHA256SUMS"), "it is not the list that belongs to the manifest")),
        Err(problem) => checked.problems.push(problem),
    }
    for (suffix, found) in [REQUEST, REPLY].into_iter().filter_map(|suffix| Some((suffix, beside(chain, &folder, suffix)?))) {
        let file = of(&format!("manifest.json{suffix}"));
        match (suffix, chain.tree.read(&of("manifest.json"))) {
            (REPLY, Ok(bytes)) => match timestamp::check("manifest.json", &bytes, &found, None) {
                Ok(stamp) => checked.stamps.push((entry.sequence, stamp, found)),
                Err(error) => checked.problems.push(Error::broken(file, error.problem)),
            },
            (_, Ok(bytes)) if found != timestamp::request(&bytes, None) => {
                checked.problems.push(Error::broken(file, "it does not ask for a time stamp of this manifest"));
            }
            _ => {}
        }
    }
    // What nobody named does not belong there.
    for path in chain.tree.paths() {
        let Some(inner) = path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/')) else { continue };
        if !own.contains(inner) && !BESIDE.contains(&inner) {
            checked.problems.push(Error::broken(path, "it was added: the manifest does not name it"));
        }
    }
}

fn beside(chain: &Chain, folder: &str, suffix: &str) -> Option<Vec<u8>> {
    chain.tree.read(&format!("{folder}/manifest.json{suffix}")).ok()
}

/// Files beside the manifest that it cannot name.
const BESIDE: &[&str] =
    &["manifest.json", "SHA256SUMS", "manifest.json.minisig", "manifest.json.intoto.jsonl", "manifest.json.tsr", "manifest.json.tsq"];

/// Whether a path is one that files of packs have.
fn is_inside(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    path.chars().all(plain) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// What a manifest says that cannot be so together.
fn contradictions(manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    let complete = manifest.ended == Ended::Complete;
    if complete != manifest.result.is_some() || complete == manifest.reason.is_some() {
        found.push("a run is complete and has a result, or is aborted and has a reason".to_owned());
    }
    for role in ["started", "run", "rules", "tape", "index", "estate", "before", "declared", "population", "findings", "open"] {
        if manifest.files.iter().filter(|file| file.role == role).count() > 1 {
            found.push(format!("it names more than one file as its {role}"));
        }
    }
    let findings = manifest.files.iter().find(|file| file.role == "findings").map(|f| f.content.as_ref().map_or(&f.sha256, |c| &c.sha256));
    if let Some(result) = &manifest.result
        && findings != Some(&result.findings_sha256)
    {
        found.push("the findings that its result is of are not those that it names".to_owned());
    }
    found
}

/// The members that name objects.
const NAMING: &[&str] = &["rules", "index"];

/// The objects that a file of the pack names.
fn objects_in(file: &FileEntry, bytes: &[u8], folder: &str) -> Result<BTreeSet<String>, Error> {
    #[derive(serde::Deserialize)]
    struct Line {
        outcome: Answer,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Answer {
        Response { body: String },
        TimedOut,
        Unreachable,
    }
    match file.role.as_str() {
        "rules" => Ok(rules_of(bytes)?.into_iter().map(|rule| rule.sha256).collect()),
        "index" => {
            let wrong = |at: usize, what: String| Error::broken(format!("{folder}/{}", file.path), format!("line {}: {what}", at + 1));
            let mut found = BTreeSet::new();
            for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
                let line: Line = serde_json::from_slice(line).map_err(|e| wrong(at, e.to_string()))?;
                if let Answer::Response { body } = line.outcome {
                    found.insert(body);
                }
            }
            Ok(found)
        }
        _ => Ok(BTreeSet::new()),
    }
}

/// The objects that a pack needs: answers that its index names, and its rules.
pub(super) fn pack_needs(chain: &Chain, folder: &str, manifest: &Manifest) -> BTreeSet<String> {
    let naming = manifest.files.iter().filter(|file| NAMING.contains(&file.role.as_str()));
    naming.filter_map(|file| objects_in(file, &content(&chain.tree, folder, file).ok()?, folder).ok()).flatten().collect()
}

/// The files of a pack that are signed, with the public key that its record names, and what the signature must say.
fn signed_files(entry: &Entry) -> Vec<(&'static str, Option<&str>, String)> {
    let mut files = Vec::new();
    if let Ok((started, _)) = &entry.started {
        files.push(("started.json", started.public_key.as_deref(), comment_of_start(started)));
        if let Some((manifest, _)) = entry.sealed() {
            files.push(("manifest.json", manifest.public_key.as_deref(), comment_of_manifest(manifest)));
        }
    }
    files
}

/// What the signature of a record of a start says beside it.
pub(super) fn comment_of_start(started: &Started) -> String {
    format!("keur run started, pack={} time={}", started.sequence, started.time)
}

/// What the signature of a manifest says beside it.
pub(super) fn comment_of_manifest(manifest: &Manifest) -> String {
    let previous = manifest.previous.as_ref().map_or("none", |p| p.manifest_sha256.as_str());
    format!("keur pack={} prev={previous} time={}", manifest.sequence, manifest.sealed)
}

/// Whether a file is signed: not at all, by a key that was given, or by another.
fn signature(
    chain: &Chain,
    entry: &Entry,
    name: &str,
    named: Option<&str>,
    comment: &str,
    keys: &[PublicKey],
) -> Result<Option<bool>, Error> {
    let path = format!("{}/{name}", folder_of(entry.sequence));
    let mut signatures = BTreeMap::new();
    for suffix in [MINISIG, DSSE] {
        let beside = format!("{path}{suffix}");
        if chain.tree.has(&beside) {
            signatures.insert(suffix, chain.tree.read(&beside)?);
        }
    }
    let Some(named) = named else {
        return match signatures.is_empty() {
            true => Ok(None),
            false => Err(Error::broken(path, "it is signed, and its record names no key")),
        };
    };
    if signatures.is_empty() {
        return Err(Error::broken(path, format!("its signature is missing; it was to be signed by {named}")));
    }
    check(&path, name, &chain.tree.read(&path)?, named, comment, &signatures)?;
    Ok(Some(keys.iter().any(|key| PublicKey::parse(&path, named).is_ok_and(|named| named.to_spki() == key.to_spki()))))
}

/// Whether a file was signed by the key that its record names, and whether everything beside the signature is as keur writes it.
fn check(path: &str, name: &str, bytes: &[u8], named: &str, comment: &str, signatures: &BTreeMap<&str, Vec<u8>>) -> Result<(), Error> {
    let wrong = |error: SignError| Error::broken(error.name.replacen(name, path, 1), error.problem);
    let key = PublicKey::parse(path, named).map_err(wrong)?;
    let text = |suffix: &str| -> Result<Option<&str>, Error> {
        let Some(bytes) = signatures.get(suffix) else { return Ok(None) };
        let file = format!("{path}{suffix}");
        std::str::from_utf8(bytes).map(Some).map_err(|_| Error::broken(file, "it is not text"))
    };
    match text(MINISIG)? {
        Some(signature) => {
            let file = format!("{path}{MINISIG}");
            if key.verify(name, bytes, signature).map_err(wrong)? != comment {
                return Err(Error::broken(file, "what it says beside the signature is not of this file"));
            }
            let line = |at: usize| signature.lines().nth(at).unwrap_or_default();
            let (first, global) = (line(1), line(3));
            let id = key.key_id();
            if signature != format!("untrusted comment: signature from keur key {id}\n{first}\ntrusted comment: {comment}\n{global}\n") {
                return Err(Error::broken(file, "its comments are not as keur writes them"));
            }
        }
        // Only keys of minisign make them.
        None if key.to_line().is_some() => return Err(Error::broken(format!("{path}{MINISIG}"), "it is missing")),
        None => {}
    }
    let file = format!("{path}{DSSE}");
    let Some(envelope) = text(DSSE)? else { return Err(Error::broken(file, "it is missing")) };
    let statement = key.verify_dsse(name, bytes, envelope).map_err(wrong)?;
    let whole: Option<Envelope> = serde_json::from_str(envelope).ok();
    let as_written = |e: &Envelope| e.to_line() == envelope.as_bytes() && e.signatures.len() == 1 && e.signatures[0].keyid == key.key_id();
    if !whole.as_ref().is_some_and(as_written) {
        return Err(Error::broken(file, "it is not as keur writes it"));
    }
    if stated(bytes).as_ref() != Some(&statement.predicate) {
        return Err(Error::broken(file, "its statement says something else than the file"));
    }
    Ok(())
}

/// The link of a pack to the one before it.
fn link(before: Option<&Entry>, entry: &Entry, checked: &mut Checked) {
    let folder = folder_of(entry.sequence);
    let Ok((started, _)) = &entry.started else { return };
    let file = format!("{folder}/started.json");
    let Some(before) = before else {
        if started.previous.is_some() {
            checked.problems.push(Error::broken(file, "it names a pack before it, and there is none"));
        }
        return;
    };
    let Some((earlier, hash)) = before.sealed() else { return };
    match &started.previous {
        None => checked.problems.push(Error::broken(&file, "it names no pack before it, and there is one: the chain is broken here")),
        Some(previous) if previous.sequence != before.sequence || previous.manifest_sha256 != hash => {
            checked.problems.push(Error::broken(
                &file,
                format!(
                    "it follows pack {} with {}, not the pack before it, which has {hash}",
                    previous.sequence, previous.manifest_sha256
                ),
            ));
        }
        Some(_) => {}
    }
    if started.chain.as_ref() != Some(&earlier.chain) {
        checked.problems.push(Error::broken(&file, "it is of another chain than the pack before it"));
    }
    if started.time < earlier.sealed {
        checked.notes.push(Note::Clock(entry.sequence));
    }
}

/// What a run did not look at, or was judged by otherwise, compared with the last complete one over the same source.
fn narrower(chain: &Chain, entry: &Entry, checked: &mut Checked) {
    let Some((manifest, _)) = entry.sealed() else { return };
    let Some(now) = &manifest.result else { return };
    if now.as_of != now.run_started {
        checked.notes.push(Note::AsOf(entry.sequence, now.as_of));
    }
    let earlier = chain.entries.iter().rev().filter(|other| other.sequence < entry.sequence).filter_map(Entry::sealed);
    let of_source = |(other, _): (&'_ Manifest, &str)| other.result.as_ref().filter(|r| r.source == now.source).map(|_| other.clone());
    let Some(before) = earlier.into_iter().find_map(of_source) else { return };
    let Some(then) = &before.result else { return };
    let gone = |now: &[String], then: &[String]| then.iter().filter(|one| !now.contains(one)).cloned().collect::<Vec<_>>();
    let mut without = [gone(&now.accounts, &then.accounts), gone(&now.regions, &then.regions)].concat();
    let policies = gone(&now.policies, &then.policies);
    match policies.as_slice() {
        [] => {}
        [one] => without.push(format!("the policy {one}")),
        many => without.push(format!("{} policies", many.len())),
    }
    if !without.is_empty() {
        checked.notes.push(Note::Narrower(entry.sequence, without));
    }
    let kinds = |manifest: &Manifest| -> Option<BTreeMap<String, BTreeSet<String>>> {
        let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for rule in rules_of(&chain.file(manifest, "rules").ok()?).ok()? {
            kinds.entry(rule.kind).or_default().insert(rule.sha256);
        }
        Some(kinds)
    };
    let (Some(now), Some(then)) = (kinds(manifest), kinds(&before)) else { return };
    let all: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
    let changed: Vec<String> = all.into_iter().filter(|kind| now.get(*kind) != then.get(*kind)).cloned().collect();
    if !changed.is_empty() {
        checked.notes.push(Note::Rules(entry.sequence, changed));
    }
}

/// Files that belong to no pack, and objects that no pack brought in or that nobody needs.
fn strangers(chain: &Chain, only: Option<u64>, needed: &BTreeSet<String>, added: &BTreeMap<&str, u64>, checked: &mut Checked) {
    // Of a run that is at work, or was killed.
    let unfinished = chain.entries.last().is_some_and(|last| last.manifest == Ok(None));
    for path in chain.tree.paths() {
        if path == LOCK || (unfinished && path.ends_with(".tmp")) {
            continue;
        }
        if let Some(hash) = object_of(path) {
            let known = if only.is_some() { needed.contains(&hash) } else { added.contains_key(hash.as_str()) };
            if !known && !unfinished {
                checked.problems.push(Error::broken(path, "it was added: no pack names it"));
            } else if !needed.contains(&hash) && !chain.tree.read(path).is_ok_and(|bytes| sha256(&bytes) == hash) {
                checked.problems.push(Error::broken(path, "its content has another SHA-256"));
            }
            continue;
        }
        let of_pack = path
            .split_once('/')
            .and_then(|(folder, _)| sequence_of(folder))
            .is_some_and(|sequence| only.is_none_or(|only| only == sequence));
        if !of_pack {
            checked.problems.push(Error::broken(path, "it was added: it is not part of the chain"));
        }
    }
    if only.is_none() {
        for (hash, sequence) in added {
            let path = object_path(hash);
            if !path.as_deref().is_some_and(|path| chain.tree.has(path)) {
                let reason = format!("it is missing; pack {sequence} brought it in");
                checked.problems.push(Error::broken(path.unwrap_or_else(|| (*hash).to_owned()), reason));
            }
        }
    }
}
