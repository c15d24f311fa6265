//! A chain as it is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Error;
use super::manifest::{FileEntry, Manifest, OpenFinding, RuleFile, Started, sha256};
use super::sign::{DSSE, MINISIG};
use super::timestamp::{REPLY, REQUEST};
use super::tree::{Tree, begins_like_a_pack, unpacked};
use crate::untrusted::json_problem;

/// A chain, or the archive of one pack, as it was found: nothing that is in it may be relied on. Readers get it from
/// [`super::Verified`].
pub(crate) struct Chain {
    /// Its files.
    pub(super) tree: Tree,
    /// Its packs, by number.
    pub(super) entries: Vec<Entry>,
}

/// A pack of it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its number.
    pub(super) sequence: u64,
    /// The record of its start, and its hash; or why there is none.
    pub(super) started: Result<(Started, String), Error>,
    /// Its manifest, and its hash; none if it was never sealed.
    pub(super) manifest: Result<Option<(Manifest, String)>, Error>,
    /// The two records and what lies beside them, by name. They are read once: what is checked is what is used.
    records: BTreeMap<String, Result<Vec<u8>, Error>>,
}

impl Entry {
    /// The manifest, if there is one that can be read.
    pub(super) fn sealed(&self) -> Option<(&Manifest, &str)> {
        self.manifest.as_ref().ok()?.as_ref().map(|(manifest, hash)| (manifest, hash.as_str()))
    }

    /// The bytes of a record, or of what lies beside it; none if there is no such file.
    pub(super) fn record(&self, name: &str) -> Result<Option<&[u8]>, Error> {
        self.records.get(name).map(|read| read.as_deref().map_err(Clone::clone)).transpose()
    }

    /// All of them, as far as they could be read.
    pub(super) fn records(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.records.iter().filter_map(|(name, read)| Some((name.as_str(), read.as_deref().ok()?)))
    }
}

/// Folder of a pack.
pub(crate) fn folder_of(sequence: u64) -> String {
    format!("pack-{sequence:06}")
}

/// How often a run may be expected, in seconds: from every hour to every ten years.
const CADENCES: std::ops::RangeInclusive<i64> = 3600..=3600 * 87_600;

/// More packs than anybody writes.
pub(super) const LAST: u64 = 99_999_999;

/// Number of a pack by its folder.
pub(super) fn sequence_of(folder: &str) -> Option<u64> {
    let sequence = folder.strip_prefix("pack-")?.parse().ok()?;
    ((1..=LAST).contains(&sequence) && folder_of(sequence) == folder).then_some(sequence)
}

/// The record of the start of a pack.
pub(super) const STARTED: &str = "started.json";
/// What seals a pack.
pub(super) const MANIFEST: &str = "manifest.json";

/// Folder of the objects.
pub(super) const OBJECTS: &str = "objects";

/// Path of an object.
pub(super) fn object_path(hash: &str) -> Option<String> {
    let hex = hash.strip_prefix("sha256:").filter(|hex| hex.len() == 64)?;
    hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then(|| format!("objects/{}/{hex}", &hex[..2]))
}

/// The hash of an object by its path.
pub(super) fn object_of(path: &str) -> Option<String> {
    let (_, hex) = path.strip_prefix("objects/")?.split_once('/')?;
    let hash = format!("sha256:{hex}");
    (object_path(&hash)? == path).then_some(hash)
}

/// Reads a record that must be written in the one way there is.
pub(super) fn record<T: serde::de::DeserializeOwned + serde::Serialize>(path: &str, bytes: &[u8], schema: &str) -> Result<T, Error> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: String,
    }
    let shape =
        |error: serde_json::Error| Error::broken(path, format!("it does not have the shape it must have: {}", json_problem(&error)));
    let head: Head = serde_json::from_slice(bytes).map_err(shape)?;
    if head.schema != schema {
        return Err(Error::broken(path, format!("its schema is `{}`, this program reads `{schema}`", head.schema)));
    }
    let record: T = serde_json::from_slice(bytes).map_err(shape)?;
    if super::manifest::canonical(&record) != bytes {
        return Err(Error::broken(path, "it is not written as RFC 8785 wants it: somebody else wrote it"));
    }
    Ok(record)
}

/// Whether a path looks like a chain, a pack or the archive of one, rather than anything else that keur reads.
pub(crate) fn is_pack_at(path: &Path) -> bool {
    let of_folder = path.join("pack-000001").is_dir() || path.join(STARTED).is_file();
    of_folder || (path.to_string_lossy().ends_with(".tar.zst") && begins_like_a_pack(path))
}

impl Chain {
    /// Reads what is at a path, and which of its packs the path means: a chain means all of them.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<u64>), Error> {
        let kind = std::fs::metadata(path).map_err(|source| Error::io(path, &source))?;
        if kind.is_file() {
            let chain = Self::read(Tree::archive(path)?)?;
            let only = match chain.entries.as_slice() {
                [one] => one.sequence,
                _ => return Err(Error::broken(path.display(), "an archive holds one pack")),
            };
            super::archive::check_written(&chain, only)?;
            return Ok((chain, Some(only)));
        }
        // A relative path such as `.` has neither name nor parent.
        let full = path.canonicalize().map_err(|source| Error::io(path, &source))?;
        let of_pack = full.file_name().and_then(|name| sequence_of(name.to_str()?)).zip(full.parent().map(Path::to_owned));
        let (root, pack): (PathBuf, _) = match of_pack {
            Some((sequence, parent)) => (parent, Some(sequence)),
            None => (path.to_owned(), None),
        };
        let chain = Self::read(Tree::folder(&root)?)?;
        Ok((chain, pack))
    }

    pub(super) fn read(tree: Tree) -> Result<Self, Error> {
        let mut sequences: Vec<u64> = tree.paths().iter().filter_map(|path| sequence_of(path.split_once('/')?.0)).collect();
        sequences.dedup();
        if sequences.is_empty() {
            return Err(Error::broken(tree.place().display(), "there is no pack of keur in it"));
        }
        let entries = sequences.into_iter().map(|sequence| entry(&tree, sequence)).collect();
        Ok(Self { tree, entries })
    }

    /// Whether it is the archive of one pack.
    pub(super) fn is_archive(&self) -> bool {
        self.tree.is_archive()
    }

    /// The pack of a number.
    pub(super) fn entry(&self, sequence: u64) -> Result<&Entry, Error> {
        let found = self.entries.iter().find(|entry| entry.sequence == sequence);
        found.ok_or_else(|| Error::broken(folder_of(sequence), "it is missing"))
    }

    /// The objects that its packs say they brought in.
    pub(super) fn objects_added(&self) -> impl Iterator<Item = &String> {
        self.entries.iter().filter_map(Entry::sealed).flat_map(|(manifest, _)| &manifest.objects_added)
    }

    /// An object, which must have the hash that it is asked for by.
    pub(super) fn object(&self, hash: &str) -> Result<Vec<u8>, Error> {
        let path = object_path(hash).ok_or_else(|| Error::broken(hash, "it is no SHA-256"))?;
        let bytes = self.tree.read(&path)?;
        if sha256(&bytes) != hash {
            return Err(Error::broken(path, "its content has another SHA-256"));
        }
        Ok(bytes)
    }

    /// What a file of a pack holds, unpacked; it must be what the manifest says.
    pub(super) fn file(&self, manifest: &Manifest, role: &str) -> Result<Vec<u8>, Error> {
        let folder = folder_of(manifest.sequence);
        let entry = manifest.files.iter().find(|file| file.role == role);
        let entry = entry.ok_or_else(|| Error::broken(&folder, format!("its manifest names no file for `{role}`")))?;
        content(&self.tree, &folder, entry)
    }

    /// The rules that a pack was judged by, with their contents.
    pub(super) fn rules(&self, manifest: &Manifest) -> Result<Vec<(RuleFile, Vec<u8>)>, Error> {
        rules_of(&self.file(manifest, "rules")?)?
            .into_iter()
            .map(|rule| {
                let bytes = self.object(&rule.sha256)?;
                Ok((rule, bytes))
            })
            .collect()
    }

    /// Type, account and region that were listed to the end.
    pub(super) fn listed(&self, manifest: &Manifest) -> Result<BTreeSet<(String, String, String)>, Error> {
        #[derive(serde::Deserialize)]
        struct Line {
            #[serde(rename = "type")]
            kind: String,
            account: String,
            region: String,
            complete: bool,
        }
        let lines: Vec<Line> = serde_json::from_slice(&self.file(manifest, "population")?)
            .map_err(|e| Error::broken(format!("{}/population.json", folder_of(manifest.sequence)), json_problem(&e)))?;
        Ok(lines.into_iter().filter(|line| line.complete).map(|line| (line.kind, line.account, line.region)).collect())
    }

    /// What does not pass in a pack.
    pub(super) fn open_findings(&self, manifest: &Manifest) -> Result<Vec<OpenFinding>, Error> {
        serde_json::from_slice(&self.file(manifest, "open")?).map_err(|e| Error::broken("open.json", json_problem(&e)))
    }
}

pub(super) fn rules_of(bytes: &[u8]) -> Result<Vec<RuleFile>, Error> {
    serde_json::from_slice(bytes).map_err(|e| Error::broken("rules.json", json_problem(&e)))
}

/// The bytes of a file, checked, and unpacked where it is compressed.
pub(super) fn content(tree: &Tree, folder: &str, entry: &FileEntry) -> Result<Vec<u8>, Error> {
    let path = format!("{folder}/{}", entry.path);
    let bytes = stored(tree, folder, entry)?;
    let Some(content) = &entry.content else { return Ok(bytes) };
    let plain = unpacked(&path, &bytes)?;
    if plain.len() as u64 != content.bytes || sha256(&plain) != content.sha256 {
        return Err(Error::broken(path, "what it unpacks to is not what the manifest says"));
    }
    Ok(plain)
}

/// The bytes of a file as they are stored, checked.
pub(super) fn stored(tree: &Tree, folder: &str, entry: &FileEntry) -> Result<Vec<u8>, Error> {
    let path = format!("{folder}/{}", entry.path);
    let bytes = tree.read(&path)?;
    if bytes.len() as u64 != entry.bytes {
        return Err(Error::broken(path, format!("it has {} bytes, its manifest says {}", bytes.len(), entry.bytes)));
    }
    if sha256(&bytes) != entry.sha256 {
        return Err(Error::broken(path, "its SHA-256 is not the one in the manifest"));
    }
    Ok(bytes)
}

fn entry(tree: &Tree, sequence: u64) -> Entry {
    let folder = folder_of(sequence);
    let mut records = BTreeMap::new();
    for (name, suffixes) in [(STARTED, &["", MINISIG, DSSE][..]), (MANIFEST, &["", MINISIG, DSSE, REQUEST, REPLY][..])] {
        for name in suffixes.iter().map(|suffix| format!("{name}{suffix}")) {
            let path = format!("{folder}/{name}");
            if tree.has(&path) {
                records.insert(name, tree.read(&path));
            }
        }
    }
    let read = |name: &str| match records.get(name) {
        Some(read) => read.as_deref().map_err(Clone::clone),
        None => Err(Error::broken(format!("{folder}/{name}"), "it is missing")),
    };
    let path = |name: &str| format!("{folder}/{name}");
    let started = read(STARTED).and_then(|bytes| Ok((record(&path(STARTED), bytes, super::manifest::STARTED_SCHEMA)?, sha256(bytes))));
    let manifest = match records.contains_key(MANIFEST) {
        true => read(MANIFEST)
            .and_then(|bytes| {
                let manifest: Manifest = record(&path(MANIFEST), bytes, super::manifest::PACK_SCHEMA)?;
                in_bounds(&path(MANIFEST), &manifest)?;
                Ok((manifest, sha256(bytes)))
            })
            .map(Some),
        false => Ok(None),
    };
    Entry { sequence, started, manifest, records }
}

/// Refuses numbers that no run gives, before anybody reckons with them. Sizes are held against the files.
fn in_bounds(path: &str, manifest: &Manifest) -> Result<(), Error> {
    if manifest.cadence.is_some_and(|seconds| !CADENCES.contains(&seconds)) {
        return Err(Error::broken(path, "its cadence is not between an hour and ten years"));
    }
    let previous = manifest.previous.as_ref().map(|previous| previous.sequence);
    if [Some(manifest.sequence), previous].into_iter().flatten().any(|sequence| !(1..=LAST).contains(&sequence)) {
        return Err(Error::broken(path, "it names a pack of a number that no chain reaches"));
    }
    Ok(())
}
