//! One pack as a file: the same pack gives the same bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::chain::{Chain, folder_of, object_path, stored};
use super::verified::Pack;
use super::verify::pack_needs;
use super::{Error, Tree, sums};

/// What is handed over is read seldom.
const LEVEL: i32 = 19;

/// Where the bytes of an entry come from.
enum Source<'p> {
    /// They are at hand.
    Bytes(&'p [u8]),
    /// A file that the manifest names.
    File(&'p super::FileEntry),
    /// An object.
    Object(&'p str),
}

/// Writes a pack with everything that it needs: sorted names, the time of its seal, no owners. What is written was verified:
/// the records from the bytes that were checked, all else against the manifest as it is read.
pub(crate) fn write_archive(pack: &Pack<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let manifest = pack.manifest();
    let folder = folder_of(manifest.sequence);
    let mut needed = pack_needs(pack.of_chain(), &folder, manifest);
    needed.extend(manifest.objects_added.iter().cloned());
    let list = sums::text(manifest, pack.manifest_sha256(), &needed).into_bytes();
    let mut sources: BTreeMap<String, Source<'_>> = BTreeMap::new();
    for file in &manifest.files {
        sources.insert(format!("{folder}/{}", file.path), Source::File(file));
    }
    for (name, bytes) in pack.entry().records() {
        sources.insert(format!("{folder}/{name}"), Source::Bytes(bytes));
    }
    sources.insert(format!("{folder}/SHA256SUMS"), Source::Bytes(&list));
    for hash in &needed {
        let path = object_path(hash).ok_or_else(|| Error::broken(hash, "it is no SHA-256"))?;
        sources.insert(path, Source::Object(hash));
    }
    let entries = sources.iter().map(|(path, source)| {
        let bytes = match source {
            Source::Bytes(bytes) => Cow::Borrowed(*bytes),
            Source::File(file) => Cow::Owned(stored(pack.tree(), &folder, file)?),
            Source::Object(hash) => Cow::Owned(pack.object(hash)?),
        };
        Ok((path.as_str(), bytes))
    });
    let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(|source| failed(&folder, &source))?;
    encoder.include_checksum(true).map_err(|source| failed(&folder, &source))?;
    let encoder = tar_of(entries, manifest.sealed, encoder)?;
    encoder.finish().and_then(|out| out.flush()).map_err(|source| failed(&folder, &source))
}

/// Refuses an archive whose bytes, before they were compressed, are not those that keur writes for what is in it: another
/// order, other headers, padding, or anything behind its end would be a place for what nobody sees. How it was compressed may
/// change with the library that does it; that nothing stands beside the compressed archive was seen when it was opened.
pub(super) fn check_written(chain: &Chain, sequence: u64) -> Result<(), Error> {
    let Tree::Archive { name, files, sha256 } = &chain.tree else { return Ok(()) };
    // One that cannot be read is told by name, when the pack is verified.
    let Ok(sealed) = &chain.entry(sequence)?.manifest else { return Ok(()) };
    let Some((manifest, _)) = sealed else {
        return Err(Error::broken(name.display(), "there is no manifest in it: only what is sealed is handed over"));
    };
    let entries = files.iter().map(|(path, bytes)| Ok((path.as_str(), Cow::Borrowed(bytes.as_slice()))));
    let written = tar_of(entries, manifest.sealed, Sum(Sha256::new()))?;
    if written.0.finalize().as_slice() != sha256 {
        let reason = "it is not written as keur writes an archive of these files: somebody else wrote it";
        return Err(Error::broken(name.display(), reason));
    }
    Ok(())
}

fn failed(place: &str, source: &std::io::Error) -> Error {
    Error { io: true, ..Error::broken(place, source.to_string()) }
}

/// The archive of these files, which are sorted.
fn tar_of<'e, W: Write>(
    entries: impl Iterator<Item = Result<(&'e str, Cow<'e, [u8]>), Error>>,
    sealed: Timestamp,
    out: W,
) -> Result<W, Error> {
    let time = u64::try_from(sealed.as_second()).unwrap_or_default();
    let mut archive = tar::Builder::new(out);
    for entry in entries {
        let (path, bytes) = entry?;
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, path, &*bytes).map_err(|source| failed(path, &source))?;
    }
    archive.into_inner().map_err(|source| failed("the archive", &source))
}

/// Hashes what is written.
struct Sum(Sha256);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
