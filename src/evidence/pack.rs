//! Writing a pack.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::chain::{Chain, LAST, OBJECTS, folder_of, object_of, object_path, sequence_of};
use super::dsse::hex;
use super::manifest::{
    Content, Ended, FileEntry, Manifest, PACK_SCHEMA, PackResult, Previous, STARTED_SCHEMA, Started, Tool, canonical, sha256,
};
use super::sign::{Document, SignatureFile, Signer};
use super::tree::{LARGEST_FILE, Tree};
use super::verified::{Last, Verified};
use super::verify::{comment_of_manifest, comment_of_start, was_signed};
use super::{Error, sums};
use crate::untrusted;

/// Level of compression. Most of what is compressed is hashes: higher levels take four times as long for a twentieth less.
const LEVEL: i32 = 6;

/// What is known before a run.
pub(crate) struct Begin<'a, 's> {
    /// The folder of the chain.
    pub(crate) root: &'a Path,
    /// The clock.
    pub(crate) now: Timestamp,
    /// This program.
    pub(crate) tool: Tool,
    /// Where the facts are to come from.
    pub(crate) source: &'a str,
    /// `sha256:…` over the policies.
    pub(crate) policies_sha256: &'a str,
    /// What the pipeline says of itself.
    pub(crate) run_by: BTreeMap<String, String>,
    /// How often a run is expected.
    pub(crate) cadence: Option<i64>,
    /// Who signs, if anybody.
    pub(crate) signer: Option<&'s dyn Signer>,
}

/// A pack that is being written. While it lives nobody else writes to its chain.
pub(crate) struct Packing<'a> {
    root: PathBuf,
    folder: PathBuf,
    signer: Option<&'a dyn Signer>,
    cadence: Option<i64>,
    tool: Tool,
    started: Started,
    started_sha256: String,
    chain_id: String,
    /// The packs before it.
    pub(crate) earlier: Option<Verified>,
    known: BTreeSet<String>,
    files: BTreeMap<String, FileEntry>,
    added: BTreeSet<String>,
    needed: BTreeSet<String>,
    /// Held until the end: the file that says so for the chain, and the record of the start, which nobody takes away unnoticed.
    _locks: Vec<File>,
}

/// A pack that was sealed.
pub(crate) struct Sealing {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// `sha256:…` of its manifest.
    pub(crate) manifest_sha256: String,
    /// Bytes that it added to the disk.
    pub(crate) bytes: u64,
}

impl<'a> Packing<'a> {
    /// Takes the next number of the chain and writes the signed record of the start. A run that was killed before is sealed
    /// as aborted first.
    pub(crate) fn begin(begin: Begin<'_, 'a>) -> Result<Self, Error> {
        let root = begin.root.to_owned();
        fs::create_dir_all(&root).map_err(|e| Error::io(&root, &e))?;
        refuse_foreign(&root)?;
        let lock = lock(&root)?;
        // Nothing is chained to what does not hold, and nothing is sealed that somebody else put there.
        let mut earlier = chain_in(&root)?;
        if let Some(chain) = &earlier
            && seal_aborted(&root, chain.chain(), &begin)?
        {
            earlier = chain_in(&root)?;
        }
        let last = earlier.as_ref().and_then(|chain| chain.packs().next_back());
        let last = last.map(|pack| (pack.manifest().clone(), pack.manifest_sha256().to_owned()));
        if begin.signer.is_none() && last.as_ref().is_some_and(|(manifest, _)| manifest.public_key.is_some()) {
            let reason = "the pack before is signed, and this one would not be: give the key with --sign, or name another folder";
            return Err(Error { io: true, ..Error::broken(root.display(), reason) });
        }
        let sequence = last.as_ref().map_or(1, |(manifest, _)| manifest.sequence + 1);
        if sequence > LAST {
            return Err(Error { io: true, ..Error::broken(root.display(), "it has as many packs as a chain may have: begin another one") });
        }
        let known = earlier.iter().flat_map(|earlier| earlier.chain().objects_added()).cloned().collect();
        let started = Started {
            schema: STARTED_SCHEMA.to_owned(),
            chain: last.as_ref().map(|(manifest, _)| manifest.chain.clone()),
            sequence,
            previous: last.map(|(manifest, hash)| Previous { sequence: manifest.sequence, manifest_sha256: hash }),
            time: begin.now,
            tool: begin.tool.clone(),
            source: begin.source.to_owned(),
            policies_sha256: begin.policies_sha256.to_owned(),
            nonce: nonce(),
            public_key: begin.signer.map(public_key),
            run_by: begin.run_by.into_iter().map(|(name, value)| (name, untrusted::without_user(&value).into_owned())).collect(),
        };
        let folder = root.join(folder_of(sequence));
        // Whoever makes the folder has the number, even where the lock of the chain was taken away.
        fs::create_dir(&folder).map_err(|e| Error::new_file(&folder, &e))?;
        let bytes = canonical(&started);
        let started_sha256 = sha256(&bytes);
        let chain_id = started.chain.clone().unwrap_or_else(|| started_sha256.clone());
        let mut packing = Self {
            root,
            folder,
            signer: begin.signer,
            cadence: begin.cadence,
            tool: begin.tool,
            started,
            started_sha256,
            chain_id,
            earlier,
            known,
            files: BTreeMap::new(),
            added: BTreeSet::new(),
            needed: BTreeSet::new(),
            _locks: vec![lock],
        };
        if let Some(signer) = packing.signer {
            let comment = comment_of_start(&packing.started);
            for signature in sign(signer, "started.json", &bytes, &comment)? {
                packing.plain(&format!("started.json{}", signature.suffix), "signature", &signature.bytes)?;
            }
        }
        packing.plain("started.json", "started", &bytes)?;
        let start = packing.folder.join("started.json");
        packing._locks.extend(lock_start(&start)?);
        Ok(packing)
    }

    /// Its number.
    pub(crate) fn sequence(&self) -> u64 {
        self.started.sequence
    }

    /// Id of the chain.
    pub(crate) fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// The record of its start.
    pub(crate) fn started(&self) -> (&Started, &str) {
        (&self.started, &self.started_sha256)
    }

    /// How often a run is expected, in seconds.
    pub(crate) fn cadence(&self) -> Option<i64> {
        self.cadence
    }

    /// The program that writes it.
    pub(crate) fn tool(&self) -> &Tool {
        &self.tool
    }

    /// Id of the key that will sign it.
    pub(crate) fn key(&self) -> Option<String> {
        self.signer.map(Signer::key_id)
    }

    /// Adds a file as it is.
    pub(crate) fn plain(&mut self, path: &str, role: &str, bytes: &[u8]) -> Result<(), Error> {
        self.write(path, role, bytes, None)
    }

    /// Adds a file, compressed; `path` without `.zst`.
    pub(crate) fn packed(&mut self, path: &str, role: &str, bytes: &[u8]) -> Result<(), Error> {
        let content = Content { bytes: bytes.len() as u64, sha256: sha256(bytes) };
        let small = compress(bytes).map_err(|e| Error::io(&self.folder, &e))?;
        self.write(&format!("{path}.zst"), role, &small, Some(content))
    }

    fn write(&mut self, path: &str, role: &str, bytes: &[u8], content: Option<Content>) -> Result<(), Error> {
        let full = self.folder.join(path);
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
        }
        write_new(&full, bytes)?;
        let entry = FileEntry { path: path.to_owned(), role: role.to_owned(), bytes: bytes.len() as u64, sha256: sha256(bytes), content };
        self.files.insert(path.to_owned(), entry);
        Ok(())
    }

    /// Adds an object to the store, unless an earlier pack has; its hash.
    pub(crate) fn object(&mut self, bytes: &[u8]) -> Result<String, Error> {
        let hash = sha256(bytes);
        if !self.needed.insert(hash.clone()) {
            return Ok(hash);
        }
        let path = object_path(&hash).expect("internal error: a hash of its own");
        let full = self.root.join(&path);
        if self.known.contains(&hash) {
            // It is what the pack rests on: it must be there, and whole.
            return same_object(&full, &path, bytes).map(|()| hash);
        }
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
        }
        // Nobody named it yet, and it may be there all the same: of a run whose pack was taken away.
        match full.symlink_metadata() {
            Ok(_) => same_object(&full, &path, bytes)?,
            Err(_) => write_new(&full, bytes)?,
        }
        self.added.insert(hash.clone());
        Ok(hash)
    }

    /// Seals it.
    pub(crate) fn seal(self, result: PackResult, now: Timestamp) -> Result<Sealing, Error> {
        self.close(Ended::Complete, None, Some(result), now)
    }

    /// Seals it as aborted: there is no verdict in it, and it stays in the chain.
    pub(crate) fn abort(self, reason: &str, now: Timestamp) -> Result<Sealing, Error> {
        self.close(Ended::Aborted, Some(untrusted::without_user(reason).into_owned()), None, now)
    }

    fn close(self, ended: Ended, reason: Option<String>, result: Option<PackResult>, now: Timestamp) -> Result<Sealing, Error> {
        let manifest = Manifest {
            schema: PACK_SCHEMA.to_owned(),
            chain: self.chain_id,
            sequence: self.started.sequence,
            previous: self.started.previous.clone(),
            started_sha256: self.started_sha256,
            ended,
            reason,
            started: self.started.time,
            sealed: now,
            tool: self.tool,
            cadence: self.cadence,
            result,
            key: self.signer.map(Signer::key_id),
            public_key: self.signer.map(public_key),
            files: self.files.into_values().collect(),
            objects_needed: self.needed.len() as u64,
            objects_added: self.added.into_iter().collect(),
        };
        finish(&self.root, &self.folder, &manifest, &self.needed, self.signer)
    }
}

/// Signs a record: the statement about it says what the record says itself.
fn sign(signer: &dyn Signer, name: &str, bytes: &[u8], comment: &str) -> Result<Vec<SignatureFile>, Error> {
    let predicate = stated(bytes).expect("internal error: a record is JSON");
    let document = Document { name, bytes, trusted_comment: comment, predicate: &predicate };
    // The service that holds the key may be out of reach: that says nothing of the pack.
    signer.sign(&document).map_err(|error| Error { io: true, ..Error::broken(&error.name, &error.problem) })
}

/// What the statement about a record says: what tells it apart. KMS signs no long messages.
pub(super) fn stated(record: &[u8]) -> Option<serde_json::Value> {
    const MEMBERS: &[&str] = &["schema", "chain", "sequence", "previous", "started_sha256", "ended", "started", "sealed", "time", "source"];
    let mut record: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(record).ok()?;
    record.retain(|name, _| MEMBERS.contains(&name.as_str()));
    Some(serde_json::Value::Object(record))
}

/// The public key as records name it: minisign's line, or PEM.
fn public_key(signer: &dyn Signer) -> String {
    let key = signer.public_key();
    key.to_line().unwrap_or_else(|| key.to_pem())
}

/// Writes the manifest and everything that depends on it; the manifest last, because a pack with one is sealed.
fn finish(
    root: &Path,
    folder: &Path,
    manifest: &Manifest,
    needed: &BTreeSet<String>,
    signer: Option<&dyn Signer>,
) -> Result<Sealing, Error> {
    let bytes = canonical(manifest);
    let hash = sha256(&bytes);
    // It is there from the first step of the seal on, under its other name: a run that is killed in between is told from one
    // whose manifest was taken away. A name that is taken belongs to another run, and is left as it is.
    let path = folder.join("manifest.json");
    let staged = Staged::new(&path, &bytes)?;
    if let Some(signer) = signer {
        for signature in sign(signer, "manifest.json", &bytes, &comment_of_manifest(manifest))? {
            write_new(&folder.join(format!("manifest.json{}", signature.suffix)), &signature.bytes)?;
        }
    }
    write_new(&folder.join("SHA256SUMS"), sums::text(manifest, &hash, needed).as_bytes())?;
    staged.keep()?;
    #[cfg(unix)]
    for place in [folder, root] {
        File::open(place).and_then(|place| place.sync_all()).map_err(|e| Error::io(place, &e))?;
    }
    let size = |path: String| fs::metadata(root.join(path)).map_or(0, |meta| meta.len());
    let objects: u64 = manifest.objects_added.iter().filter_map(|hash| object_path(hash)).map(size).sum();
    let files: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    Ok(Sealing { folder: folder.to_owned(), manifest_sha256: hash, bytes: objects + files + bytes.len() as u64 })
}

/// Refuses a folder with anything in it that is not of a chain, before anything is written to it.
fn refuse_foreign(root: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(root).map_err(|e| Error::io(root, &e))? {
        let name = entry.map_err(|e| Error::io(root, &e))?.file_name();
        let known = name.to_str().is_some_and(|name| name == LOCK || name == OBJECTS || sequence_of(name).is_some());
        if !known {
            let reason = format!("`{}` is in it, which is not of a chain of packs: name another folder", name.display());
            return Err(Error { io: true, ..Error::broken(root.display(), reason) });
        }
    }
    Ok(())
}

/// Whether the last folder of a chain holds nothing but what is written before the record of a start.
pub(super) fn begins_only(chain: &Chain, sequence: u64) -> bool {
    let prefix = format!("{}/", folder_of(sequence));
    let inner = chain.tree.paths().into_iter().filter_map(|path| path.strip_prefix(&prefix));
    inner.into_iter().all(|path| {
        let path = path.strip_suffix(".tmp").unwrap_or(path);
        matches!(path, "started.json.minisig" | "started.json.intoto.jsonl")
            || (path == "started.json" && !chain.tree.has(&format!("{prefix}{path}")))
    })
}

/// The chain in a folder, verified; none if there is no pack in it yet.
fn chain_in(root: &Path) -> Result<Option<Verified>, Error> {
    let tree = Tree::folder(root)?;
    let packs = tree.paths().into_iter().any(|path| path.split_once('/').is_some_and(|(folder, _)| sequence_of(folder).is_some()));
    if packs { Verified::of(Chain::read(tree)?, None, &[], Last::MayBeCut).map(Some) } else { Ok(None) }
}

/// Seals the last pack as aborted if it never was sealed, because its run was killed; whether anything was changed.
fn seal_aborted(root: &Path, chain: &Chain, begin: &Begin<'_, '_>) -> Result<bool, Error> {
    let Some(last) = chain.entries.last() else { return Ok(false) };
    if last.manifest.as_ref().map_err(Clone::clone)?.is_some() {
        return Ok(false);
    }
    let name = folder_of(last.sequence);
    let folder = root.join(&name);
    let start = folder.join("started.json");
    // It may be at work: the file that says so for the whole chain can be removed.
    let _lock = if start.is_file() { lock_start(&start)? } else { None };
    if begins_only(chain, last.sequence) {
        // It was killed before it could say anything: no call had been made, and its number is free.
        return fs::remove_dir_all(&folder).map(|()| true).map_err(|e| Error::io(&folder, &e));
    }
    let (started, started_sha256) = last.started.as_ref().map_err(Clone::clone)?;
    let before = chain.entries.iter().rev().nth(1).and_then(|entry| entry.sealed());
    let follows = match (before, &started.previous) {
        (None, None) => last.sequence == 1,
        (Some((manifest, hash)), Some(previous)) => {
            previous.sequence == manifest.sequence && previous.manifest_sha256 == hash && started.chain.as_ref() == Some(&manifest.chain)
        }
        _ => false,
    };
    if started.sequence != last.sequence || !follows {
        return Err(Error::broken(format!("{name}/started.json"), "it does not follow the pack before it: verify the chain first"));
    }
    let signed = was_signed(chain, last.sequence);
    let known: BTreeSet<&String> = chain.objects_added().collect();
    let mut files = Vec::new();
    let mut orphans = Vec::new();
    for path in chain.tree.paths() {
        if path.ends_with(".tmp") {
            // Half a file, that nothing names.
            let full = root.join(path);
            fs::remove_file(&full).map_err(|e| Error::io(&full, &e))?;
            continue;
        }
        if let Some(hash) = object_of(path) {
            if !known.contains(&hash) {
                orphans.push(hash);
            }
            continue;
        }
        let Some(inner) = path.strip_prefix(&format!("{name}/")) else { continue };
        if inner == "SHA256SUMS" || (inner.starts_with("manifest.json") && inner != "manifest.json") {
            // Of a seal that was never finished.
            let full = root.join(path);
            fs::remove_file(&full).map_err(|e| Error::io(&full, &e))?;
            continue;
        }
        let bytes = chain.tree.read(path)?;
        let role = if inner == "started.json" {
            "started"
        } else if inner.starts_with("started.json") {
            "signature"
        } else {
            "leftover"
        };
        files.push(FileEntry {
            path: inner.to_owned(),
            role: role.to_owned(),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
            content: None,
        });
    }
    let reason = match signed {
        true => {
            "its manifest was missing when the next run began, though what signs it was there: it was taken away, or the run was \
                 killed in that moment"
        }
        false if files.iter().any(|file| file.path.starts_with("findings.json")) => {
            "it had verdicts already, but no manifest, when the next run began: the run was killed, or the manifest was taken away"
        }
        false => "the run was killed: the next run found it like this",
    };
    let manifest = Manifest {
        schema: PACK_SCHEMA.to_owned(),
        chain: started.chain.clone().unwrap_or_else(|| started_sha256.clone()),
        sequence: started.sequence,
        previous: started.previous.clone(),
        started_sha256: started_sha256.clone(),
        ended: Ended::Aborted,
        reason: Some(reason.to_owned()),
        started: started.time,
        sealed: begin.now,
        tool: begin.tool.clone(),
        cadence: begin.cadence,
        result: None,
        key: begin.signer.map(Signer::key_id),
        public_key: begin.signer.map(public_key),
        files,
        objects_needed: orphans.len() as u64,
        objects_added: orphans.clone(),
    };
    finish(root, &folder, &manifest, &orphans.into_iter().collect(), begin.signer).map(|_| true)
}

/// The file that whoever writes to a chain holds.
pub(super) const LOCK: &str = ".lock";

fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join(LOCK);
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        return Err(Error { io: true, ..Error::broken(path.display(), "it is a link or a folder, not a file: remove it") });
    }
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| Error::io(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error { io: true, ..Error::broken(root.display(), "another run is writing to this chain") }),
        Err(TryLockError::Error(source)) => Err(Error::io(&path, &source)),
    }
}

/// Takes the lock of a pack: whoever writes it holds the record of its start.
#[cfg(unix)]
fn lock_start(path: &Path) -> Result<Option<File>, Error> {
    let file = untrusted::open_itself(path).map_err(|e| Error::io(path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let reason = format!("another run is writing to this chain, and its `{LOCK}` was taken away: wait for it");
            Err(Error { io: true, ..Error::broken(path.display(), reason) })
        }
        Err(TryLockError::Error(source)) => Err(Error::io(path, &source)),
    }
}

/// Elsewhere a lock would keep others from reading the record.
#[cfg(not(unix))]
fn lock_start(_: &Path) -> Result<Option<File>, Error> {
    Ok(None)
}

fn nonce() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("internal error: every system this runs on has randomness");
    hex(&bytes)
}

/// The same bytes give the same bytes.
fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Writes a file that is not there yet, in one step: whoever looks sees all of it or nothing. Nothing is written over, whoever
/// put it there.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Staged::new(path, bytes)?.keep()
}

/// A file that is there whole, under its own name and `.tmp`. It goes if it is not kept.
struct Staged<'p> {
    path: &'p Path,
    beside: tempfile::NamedTempFile,
}

impl<'p> Staged<'p> {
    fn new(path: &'p Path, bytes: &[u8]) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&name).rand_bytes(0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // Temporary files are private; a pack is to be read by others.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut beside = builder.tempfile_in(folder).map_err(|e| Error::new_file(path, &e))?;
        let file = beside.as_file_mut();
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| Error::io(path, &e))?;
        Ok(Self { path, beside })
    }

    fn keep(self) -> Result<(), Error> {
        self.beside.persist_noclobber(self.path).map(drop).map_err(|e| Error::new_file(self.path, &e.error))
    }
}

/// Refuses an object that is there, but is not what its name says.
fn same_object(full: &Path, path: &str, bytes: &[u8]) -> Result<(), Error> {
    let kept = untrusted::read_itself(full, LARGEST_FILE).map_err(|e| Error::io(full, &e))?;
    if kept == bytes { Ok(()) } else { Err(Error::broken(path, "its content is not what its name says: verify the chain first")) }
}
