//! Files of a chain, wherever they are: in a folder, or in an archive of one pack. Whoever reads them may not trust them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Error;
use crate::untrusted;

/// The most that is read of one file.
pub(crate) const LARGEST_FILE: u64 = 512 << 20;
/// The most that an archive may unpack to.
const LARGEST_ARCHIVE: u64 = 1 << 30;
/// The most files that anything may have.
const MOST_FILES: usize = 2_000_000;
/// Folders below folders.
const DEEPEST: usize = 4;

/// Files by path, with `/`.
pub(crate) enum Tree {
    /// Below a folder.
    Folder {
        /// The folder.
        root: PathBuf,
        /// Paths and sizes.
        files: BTreeMap<String, u64>,
    },
    /// Unpacked in memory.
    Archive {
        /// Its name.
        name: PathBuf,
        /// Paths and contents.
        files: BTreeMap<String, Vec<u8>>,
        /// SHA-256 of the archive before it was compressed.
        sha256: [u8; 32],
    },
}

impl Tree {
    /// Lists a folder. Links are refused: what they lead to can change behind the back of the chain.
    pub(crate) fn folder(root: &Path) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        walk(root, root, 0, &mut files)?;
        Ok(Self::Folder { root: root.to_owned(), files })
    }

    /// Unpacks a `.tar.zst`.
    pub(crate) fn archive(path: &Path) -> Result<Self, Error> {
        let damaged = |what: &dyn std::fmt::Display| Error::broken(path.display(), format!("the archive is damaged: {what}"));
        let file = untrusted::open(path).map_err(|source| Error::io(path, &source))?;
        let plain = untrusted::unpacking(file).map_err(|e| damaged(&e))?;
        // One byte more than it may have: that tells one which has too many.
        let mut plain = Hashing { inner: plain.take(LARGEST_ARCHIVE + 1), hash: Sha256::new(), count: 0 };
        let mut archive = tar::Archive::new(&mut plain);
        let mut files = BTreeMap::new();
        let mut total = 0_u64;
        let too_much = |what: &str| Error::broken(path.display(), format!("it unpacks to more than anything of keur would{what}"));
        // Long names and other extensions would be read into memory before anything can be said of them.
        for entry in archive.entries().map_err(|e| damaged(&e))?.raw(true) {
            let mut entry = entry.map_err(|e| damaged(&e))?;
            let named = entry.path().map_err(|e| damaged(&e))?.into_owned();
            let name =
                clean(&named).ok_or_else(|| Error::broken(path.display(), format!("`{}` leads out of the archive", named.display())))?;
            if !entry.header().entry_type().is_file() {
                return Err(Error::broken(path.display(), format!("`{name}` is not a file")));
            }
            total = total.saturating_add(entry.size());
            if entry.size() > LARGEST_FILE || total >= LARGEST_ARCHIVE || files.len() >= MOST_FILES {
                return Err(too_much(&format!(", at `{name}`")));
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(|e| damaged(&e))?;
            if files.insert(name.clone(), content).is_some() {
                return Err(Error::broken(path.display(), format!("`{name}` is in it twice")));
            }
        }
        // What stands behind the end of the archive counts as well.
        std::io::copy(&mut plain, &mut std::io::sink()).map_err(|e| damaged(&e))?;
        if plain.count > LARGEST_ARCHIVE {
            return Err(too_much(""));
        }
        Ok(Self::Archive { name: path.to_owned(), files, sha256: plain.hash.finalize().into() })
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> &Path {
        match self {
            Self::Folder { root, .. } => root,
            Self::Archive { name, .. } => name,
        }
    }

    /// Whether it is the archive of one pack.
    pub(crate) fn is_archive(&self) -> bool {
        matches!(self, Self::Archive { .. })
    }

    /// All paths.
    pub(crate) fn paths(&self) -> BTreeSet<&str> {
        match self {
            Self::Folder { files, .. } => files.keys().map(String::as_str).collect(),
            Self::Archive { files, .. } => files.keys().map(String::as_str).collect(),
        }
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        match self {
            Self::Folder { files, .. } => files.contains_key(path),
            Self::Archive { files, .. } => files.contains_key(path),
        }
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        match self {
            Self::Folder { root, files } => {
                let Some(size) = files.get(path) else { return Err(Error::broken(path, "it is missing")) };
                if *size > LARGEST_FILE {
                    return Err(Error::broken(path, "it is larger than any file of a pack"));
                }
                let full = root.join(path);
                // It may be another one than when it was listed.
                untrusted::read_itself(&full, LARGEST_FILE).map_err(|source| Error::io(&full, &source))
            }
            Self::Archive { files, .. } => files.get(path).cloned().ok_or_else(|| Error::broken(path, "it is missing")),
        }
    }
}

/// A path without anything that leads out of its folder.
fn clean(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    let text = parts.join("/");
    (!text.contains('\\') && !text.contains('\0')).then_some(text)
}

fn walk(root: &Path, folder: &Path, depth: usize, files: &mut BTreeMap<String, u64>) -> Result<(), Error> {
    let failed = |source: &std::io::Error| Error::io(folder, source);
    for entry in fs::read_dir(folder).map_err(|e| failed(&e))? {
        let entry = entry.map_err(|e| failed(&e))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|e| failed(&e))?;
        if kind.is_dir() {
            if depth >= DEEPEST {
                return Err(Error::broken(path.display(), "folders lie deeper than in any pack"));
            }
            walk(root, &path, depth + 1, files)?;
            continue;
        }
        let relative = path.strip_prefix(root).ok().and_then(clean);
        let name = relative.ok_or_else(|| Error::broken(path.display(), "its name is not one of a pack"))?;
        if !kind.is_file() {
            return Err(Error::broken(path.display(), "it is a link or a device, not a file"));
        }
        let size = match entry.metadata() {
            Ok(meta) => meta.len(),
            // Of a run that is at work: it was written under another name, and has its own now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.ends_with(".tmp") => continue,
            Err(error) => return Err(failed(&error)),
        };
        files.insert(name, size);
        if files.len() > MOST_FILES {
            return Err(Error::broken(root.display(), "there are more files than in any chain"));
        }
    }
    Ok(())
}

/// Whether a file is an archive whose first entry is one of a pack. Only that entry is looked at.
pub(crate) fn begins_like_a_pack(path: &Path) -> bool {
    let of_pack = |name: &Path| {
        let first = name.components().find(|part| *part != Component::CurDir);
        let first = first.and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
        first == super::chain::OBJECTS || super::chain::sequence_of(first).is_some()
    };
    let first = || -> Option<bool> {
        let plain = untrusted::decoder(std::io::BufReader::new(untrusted::open(path).ok()?)).ok()?;
        let mut archive = tar::Archive::new(plain.take(LARGEST_ARCHIVE));
        let entry = archive.entries().ok()?.raw(true).next()?.ok()?;
        Some(of_pack(&entry.path().ok()?))
    };
    first() == Some(true)
}

/// What a compressed file holds.
pub(crate) fn unpacked(path: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    untrusted::unpack(bytes, LARGEST_FILE).map_err(|e| Error::broken(path, format!("it cannot be unpacked: {e}")))
}

/// Passes on what it reads, and hashes it.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
    count: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.count += read as u64;
        Ok(read)
    }
}
