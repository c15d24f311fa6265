//! Files of a chain, wherever they are: in a folder, or in an archive of one pack. Whoever reads them may not trust them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::Error;

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
        let file = fs::File::open(path).map_err(|source| Error::io(path, &source))?;
        let damaged = |what: &dyn std::fmt::Display| Error::broken(path.display(), format!("the archive is damaged: {what}"));
        let plain = zstd::Decoder::new(file).map_err(|e| damaged(&e))?;
        let mut archive = tar::Archive::new(plain.take(LARGEST_ARCHIVE));
        let mut files = BTreeMap::new();
        let mut total = 0;
        // Long names and other extensions would be read into memory before anything can be said of them.
        for entry in archive.entries().map_err(|e| damaged(&e))?.raw(true) {
            let mut entry = entry.map_err(|e| damaged(&e))?;
            let named = entry.path().map_err(|e| damaged(&e))?.into_owned();
            let name =
                clean(&named).ok_or_else(|| Error::broken(path.display(), format!("`{}` leads out of the archive", named.display())))?;
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(Error::broken(path.display(), format!("`{name}` is neither a file nor a folder")));
            }
            total += entry.size();
            if entry.size() > LARGEST_FILE || total >= LARGEST_ARCHIVE || files.len() >= MOST_FILES {
                return Err(Error::broken(path.display(), format!("it unpacks to more than anything of keur would, at `{name}`")));
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(|e| damaged(&e))?;
            if files.insert(name.clone(), content).is_some() {
                return Err(Error::broken(path.display(), format!("`{name}` is in it twice")));
            }
        }
        // A frame that goes on behind the end of the archive would hide something.
        let mut rest = archive.into_inner();
        let mut behind = Vec::new();
        rest.by_ref().take(1 << 20).read_to_end(&mut behind).map_err(|e| damaged(&e))?;
        if behind.iter().any(|byte| *byte != 0) {
            return Err(Error::broken(path.display(), "something stands behind the end of the archive"));
        }
        Ok(Self::Archive { name: path.to_owned(), files })
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> &Path {
        match self {
            Self::Folder { root, .. } => root,
            Self::Archive { name, .. } => name,
        }
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
                fs::read(&full).map_err(|source| Error::io(&full, &source))
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

/// What a compressed file holds.
pub(crate) fn unpacked(path: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    let mut decoder =
        zstd::Decoder::new(bytes).map_err(|e| Error::broken(path, format!("it cannot be unpacked: {e}")))?.take(LARGEST_FILE + 1);
    decoder.read_to_end(&mut content).map_err(|e| Error::broken(path, format!("it cannot be unpacked: {e}")))?;
    if content.len() as u64 > LARGEST_FILE {
        return Err(Error::broken(path, "it unpacks to more than any file of a pack"));
    }
    Ok(content)
}
