//! Whether a pack or a chain is what it was: every byte, every link.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Chain, Entry, MANIFEST, STARTED, content, folder_of, object_of, object_path, rules_of, sequence_of};
use super::dsse::Envelope;
use super::manifest::{Basis, Ended, FileEntry, Manifest, PackResult, Started, of_code, sha256};
use super::members;
use super::pack::{LOCK, begins_only, stated};
use super::sign::{DSSE, MINISIG, PublicKey, SignError};
use super::timestamp::{self, REPLY, REQUEST, Stamp};
use super::{Error, sums};
use jiff::SignedDuration;

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
    /// A pack is signed by another key than the one before it.
    OtherKey(u64),
}

/// Who signed a pack, as far as whoever reads it can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signed {
    /// A key that was given.
    Given,
    /// The key that the pack itself names, and that nobody gave.
    Unknown(String),
    /// Nobody.
    Nobody,
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
    /// Hashes of all manifests, by number.
    pub(crate) manifests: BTreeMap<u64, String>,
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
    let mut unsigned = Vec::new();
    let mut unknown: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in chain.entries.iter().filter(|entry| only.is_none_or(|only| only == entry.sequence)) {
        checked.packs.push(entry.sequence);
        let records = records(chain, entry, keys, only.is_some());
        checked.problems.extend(records.problems);
        checked.notes.extend(records.notes);
        contents(chain, entry, &mut needed, &mut read, &mut checked);
        if let Some((manifest, hash)) = entry.sealed() {
            match records.signed {
                Signed::Given => checked.signed.push(entry.sequence),
                Signed::Unknown(key) => unknown.entry(key).or_default().push(entry.sequence),
                Signed::Nobody => unsigned.push(entry.sequence),
            }
            for object in &manifest.objects_added {
                if let Some(earlier) = added.insert(object, entry.sequence) {
                    let reason = format!("it says that it added {object}, which pack {earlier} did");
                    checked.problems.push(Error::broken(format!("{}/{MANIFEST}", folder_of(entry.sequence)), reason));
                }
            }
            if let (Ended::Aborted, Some(reason)) = (manifest.ended, &manifest.reason) {
                checked.notes.push(Note::Aborted(entry.sequence, reason.clone()));
            }
            checked.head = Some((entry.sequence, hash.to_owned()));
            checked.manifests.insert(entry.sequence, hash.to_owned());
            checked.chain.clone_from(&manifest.chain);
        }
        narrower(chain, entry, &mut checked);
    }
    if keys.is_empty() && !unsigned.is_empty() {
        checked.notes.push(Note::Unsigned(unsigned));
    }
    if keys.is_empty() {
        checked.notes.extend(unknown.into_iter().map(|(key, packs)| Note::UnknownKey(packs, key)));
    }
    if only.is_none() || chain.is_archive() {
        strangers(chain, only, &needed, &added, &mut checked);
    }
    checked.files += read.len() as u64;
    checked.bytes += read.values().sum::<u64>();
    checked.problems.sort();
    checked.problems.dedup();
    checked
}

/// What the records of a pack say of themselves and of the pack before it, and who signed them.
pub(super) struct Records {
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<Note>,
    pub(super) signed: Signed,
}

/// Checks the two records of a pack: that they can be read, are signed, agree, and follow the pack before them, which need
/// not be at hand where the pack stands `alone`.
pub(super) fn records(chain: &Chain, entry: &Entry, keys: &[PublicKey], alone: bool) -> Records {
    let mut checked = Checked::default();
    let folder = folder_of(entry.sequence);
    let of = |name: &str| format!("{folder}/{name}");
    match &entry.started {
        Err(_) if entry.manifest == Ok(None) && begins_only(chain, entry.sequence) => {}
        Err(problem) => checked.problems.push(problem.clone()),
        Ok((started, _)) if started.sequence != entry.sequence => {
            checked.problems.push(Error::broken(of(STARTED), format!("it is of pack {}", started.sequence)));
        }
        Ok(_) => {}
    }
    match &entry.manifest {
        Err(problem) => checked.problems.push(problem.clone()),
        Ok(None) => {
            let last = chain.entries.last().is_some_and(|last| last.sequence == entry.sequence);
            if last && !was_signed(chain, entry.sequence) {
                checked.notes.push(Note::Unfinished(entry.sequence));
            } else {
                checked.problems.push(Error::broken(of(MANIFEST), "it is missing"));
            }
        }
        Ok(Some((manifest, _))) if manifest.sequence != entry.sequence => {
            checked.problems.push(Error::broken(of(MANIFEST), format!("it is the manifest of pack {}", manifest.sequence)));
        }
        Ok(Some((manifest, _))) => {
            let told = entry.started.as_ref().ok().map(|(started, hash)| disagreements(manifest, started, hash));
            for (name, reason) in told.into_iter().flatten() {
                checked.problems.push(Error::broken(of(name), reason));
            }
            checked.problems.extend(contradictions(manifest).into_iter().map(|reason| Error::broken(of(MANIFEST), reason)));
        }
    }
    let signed = who_signed(entry, keys, &mut checked.problems);
    link(chain, entry, alone, &mut checked);
    Records { problems: checked.problems, notes: checked.notes, signed }
}

/// Who signed the manifest, or, where there is none, the record of the start. Whatever does not hold is a problem.
fn who_signed(entry: &Entry, keys: &[PublicKey], problems: &mut Vec<Problem>) -> Signed {
    let mut signed = Signed::Nobody;
    for (name, named, comment) in signed_files(entry) {
        let path = format!("{}/{name}", folder_of(entry.sequence));
        let found = match (signature(entry, name, named, &comment), named) {
            (Ok(false), _) | (Ok(true), None) => Signed::Nobody,
            (Ok(true), Some(named)) => {
                let own = PublicKey::parse(&path, named).map(|key| key.to_spki());
                let given = own.is_ok_and(|own| keys.iter().any(|key| key.to_spki() == own));
                if given { Signed::Given } else { Signed::Unknown(named.to_owned()) }
            }
            (Err(problem), _) => {
                problems.push(problem);
                Signed::Nobody
            }
        };
        match &found {
            Signed::Given => {}
            Signed::Unknown(_) | Signed::Nobody if keys.is_empty() => {}
            Signed::Unknown(key) => {
                problems.push(Error::broken(path, format!("it is signed by another key than was given: by {}", key.trim())));
            }
            Signed::Nobody => problems.push(Error::broken(path, "nobody signed it")),
        }
        signed = found;
    }
    signed
}

/// Whether a pack has what is written beside a manifest: then it had one, and somebody took it away. One that is being sealed,
/// or whose run was killed over it, has the manifest under its other name.
pub(super) fn was_signed(chain: &Chain, sequence: u64) -> bool {
    let folder = folder_of(sequence);
    if chain.tree.has(&format!("{folder}/{MANIFEST}.tmp")) {
        return false;
    }
    members::BESIDE.iter().any(|name| *name != MANIFEST && chain.tree.has(&format!("{folder}/{name}")))
}

/// In what a manifest and the record of the start do not agree: the file, and what it says.
fn disagreements(manifest: &Manifest, started: &Started, started_sha256: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut say = |wrong: bool, name: &'static str, what: &str| {
        if wrong {
            found.push((name, what.to_owned()));
        }
    };
    say(started_sha256 != manifest.started_sha256, STARTED, "its SHA-256 is not the one in the manifest");
    let chain_id = started.chain.as_deref().unwrap_or(started_sha256);
    say(chain_id != manifest.chain, STARTED, "it is of another chain than the manifest");
    say(started.previous != manifest.previous, MANIFEST, "it names another pack before it than the record of the start");
    say(started.time != manifest.started, MANIFEST, "it says that the run began at another moment than the record of the start");
    if let Some(result) = &manifest.result {
        say(started.public_key != manifest.public_key, MANIFEST, "it names another key than the record of the start");
        say(started.tool != manifest.tool, MANIFEST, "it names another program than the record of the start");
        say(started.source != result.source, MANIFEST, "its facts come from elsewhere than the record of the start says");
        say(started.policies_sha256 != result.policies_sha256, MANIFEST, "it names other policies than the record of the start");
    }
    found
}

/// The files of a pack and the objects that it needs: every byte, and nothing besides.
fn contents(chain: &Chain, entry: &Entry, needed: &mut BTreeSet<String>, read: &mut BTreeMap<String, u64>, checked: &mut Checked) {
    let folder = folder_of(entry.sequence);
    let Some((manifest, hash)) = entry.sealed().filter(|(manifest, _)| manifest.sequence == entry.sequence) else { return };
    let of = |name: &str| format!("{folder}/{name}");
    let mut own = BTreeSet::new();
    let mut of_pack = BTreeSet::new();
    for file in &manifest.files {
        if !own.insert(file.path.as_str()) || !is_inside(&file.path) {
            let reason = format!("it names {:?} twice, or as no file of a pack is named", file.path);
            checked.problems.push(Error::broken(of(MANIFEST), reason));
            continue;
        }
        match content(&chain.tree, &folder, file) {
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
        checked.problems.push(Error::broken(of(MANIFEST), reason));
    }
    for object in manifest.objects_added.iter().filter(|object| !of_pack.contains(*object)) {
        checked.problems.push(Error::broken(of(MANIFEST), format!("it added {object}, which none of its files names")));
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
    stamps(entry, checked);
    // What nobody named does not belong there.
    for path in chain.tree.paths() {
        let Some(inner) = path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/')) else { continue };
        if !own.contains(inner) && !members::BESIDE.contains(&inner) {
            checked.problems.push(Error::broken(path, "it was added: the manifest does not name it"));
        }
    }
}

/// The request for a time stamp, and the reply of the authority.
fn stamps(entry: &Entry, checked: &mut Checked) {
    let Ok(Some(manifest)) = entry.record(MANIFEST) else { return };
    for suffix in [REQUEST, REPLY] {
        let name = format!("{MANIFEST}{suffix}");
        let file = format!("{}/{name}", folder_of(entry.sequence));
        match (suffix, entry.record(&name)) {
            (_, Ok(None)) => {}
            (_, Err(problem)) => checked.problems.push(problem),
            (REPLY, Ok(Some(found))) => match timestamp::check(MANIFEST, manifest, found, None) {
                Ok(stamp) => checked.stamps.push((entry.sequence, stamp, found.to_vec())),
                Err(error) => checked.problems.push(Error::broken(file, error.problem)),
            },
            (_, Ok(Some(found))) if found != timestamp::request(manifest, None) => {
                checked.problems.push(Error::broken(file, "it does not ask for a time stamp of this manifest"));
            }
            (_, Ok(Some(_))) => {}
        }
    }
}

/// The first thing that does not hold in what a pack contains.
pub(super) fn whole(chain: &Chain, entry: &Entry) -> Result<(), Error> {
    let mut checked = Checked::default();
    let mut needed = BTreeSet::new();
    contents(chain, entry, &mut needed, &mut BTreeMap::new(), &mut checked);
    if chain.is_archive() {
        let added = BTreeMap::new();
        strangers(chain, Some(entry.sequence), &needed, &added, &mut checked);
    }
    checked.problems.into_iter().min().map_or(Ok(()), Err)
}

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
    let key = manifest.public_key.as_deref().map(|line| PublicKey::parse(MANIFEST, line).map(|key| key.key_id()));
    if key.as_ref().map(|key| key.as_deref().ok()) != manifest.key.as_deref().map(Some) {
        found.push("its id of the key is not that of the key it names".to_owned());
    }
    found.extend(members::strange(manifest));
    let findings = manifest.files.iter().find(|file| file.role == "findings").map(|f| f.content.as_ref().map_or(&f.sha256, |c| &c.sha256));
    if let Some(result) = &manifest.result {
        if findings != Some(&result.findings_sha256) {
            found.push("the findings that its result is of are not those that it names".to_owned());
        }
        found.extend(out_of_time(manifest, result).map(str::to_owned));
    }
    found
}

/// How long a run may take from the record of its start to its first question: a password is typed, accounts are entered.
pub(crate) const BEFORE_ASKING: SignedDuration = SignedDuration::from_hours(1);
/// Starts and seals are told in whole seconds, answers are not.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The first of its times that cannot be: a run begins, asks, ends, and is sealed. Of code the caller chooses the moment.
fn out_of_time(manifest: &Manifest, result: &PackResult) -> Option<&'static str> {
    if manifest.sealed < manifest.started {
        return Some("it was sealed before its run began");
    }
    if result.run_finished < result.run_started {
        return Some("its run ended before it began");
    }
    if result.basis != Basis::Responses {
        return None;
    }
    if result.run_finished.duration_since(manifest.sealed) > SECOND {
        return Some("it was sealed before the last answer came");
    }
    let asked = result.run_started.duration_since(manifest.started);
    if result.source == "live" && !(SignedDuration::ZERO..=BEFORE_ASKING).contains(&asked) {
        return Some("AWS was asked at another time than its run began");
    }
    None
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
                let line: Line = serde_json::from_slice(line).map_err(|e| wrong(at, crate::untrusted::json_problem(&e)))?;
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
        files.push((STARTED, started.public_key.as_deref(), comment_of_start(started)));
    }
    if let Some((manifest, _)) = entry.sealed() {
        files.push((MANIFEST, manifest.public_key.as_deref(), comment_of_manifest(manifest)));
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

/// Whether a record is signed, by the key that it names. One that names a key must be.
fn signature(entry: &Entry, name: &str, named: Option<&str>, comment: &str) -> Result<bool, Error> {
    let path = format!("{}/{name}", folder_of(entry.sequence));
    let mut signatures = BTreeMap::new();
    for suffix in [MINISIG, DSSE] {
        if let Some(bytes) = entry.record(&format!("{name}{suffix}"))? {
            signatures.insert(suffix, bytes);
        }
    }
    let Some(named) = named else {
        return match signatures.is_empty() {
            true => Ok(false),
            false => Err(Error::broken(path, "it is signed, and its record names no key")),
        };
    };
    if signatures.is_empty() {
        return Err(Error::broken(path, format!("its signature is missing; it was to be signed by {named}")));
    }
    let Some(bytes) = entry.record(name)? else { return Err(Error::broken(path, "it is missing")) };
    check(&path, name, bytes, named, comment, &signatures)?;
    Ok(true)
}

/// Whether a file was signed by the key that its record names, and whether everything beside the signature is as keur writes it.
fn check(path: &str, name: &str, bytes: &[u8], named: &str, comment: &str, signatures: &BTreeMap<&str, &[u8]>) -> Result<(), Error> {
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

/// The link of a pack to the one before it, which an archive does not hold.
fn link(chain: &Chain, entry: &Entry, alone: bool, checked: &mut Checked) {
    let folder = folder_of(entry.sequence);
    let file = format!("{folder}/{STARTED}");
    let before = chain.entries.iter().rev().find(|before| before.sequence < entry.sequence);
    if (alone || chain.is_archive()) && before.is_none_or(|before| before.sequence + 1 != entry.sequence) {
        return;
    }
    let expected = before.map_or(1, |before| before.sequence + 1);
    match entry.sequence - expected.min(entry.sequence) {
        0 => {}
        1 => checked.problems.push(Error::broken(folder_of(expected), "it is missing: the chain skips it")),
        _ => {
            let reason = format!("it is missing, and all up to {}: the chain skips them", folder_of(entry.sequence - 1));
            checked.problems.push(Error::broken(folder_of(expected), reason));
        }
    }
    let Ok((started, _)) = &entry.started else { return };
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
    match (&earlier.public_key, &started.public_key) {
        (Some(_), None) => checked.problems.push(Error::broken(&file, "nobody signed it, and the pack before it is signed")),
        (Some(then), Some(now)) if then != now => checked.notes.push(Note::OtherKey(entry.sequence)),
        (Some(_) | None, _) => {}
    }
}

/// What a run did not look at, or was judged by otherwise, compared with the last complete one over the same source.
fn narrower(chain: &Chain, entry: &Entry, checked: &mut Checked) {
    let Some((manifest, _)) = entry.sealed() else { return };
    let Some(now) = &manifest.result else { return };
    // A run over code has no other moment than the one it was given, or the clock's.
    let own = if of_code(&now.source) { manifest.started..=manifest.sealed } else { now.run_started..=now.run_started };
    if !own.contains(&now.as_of) {
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
