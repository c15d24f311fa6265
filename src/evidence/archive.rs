//! One pack as a file: the same pack gives the same bytes.

use std::io::Write;

use sha2::{Digest as _, Sha256};

use super::chain::{Chain, folder_of, object_path};
use super::manifest::Manifest;
use super::verify::pack_needs;
use super::{Error, Tree};

/// What is handed over is read seldom.
const LEVEL: i32 = 19;

/// Writes a pack with everything that it needs: sorted names, the time of its seal, no owners.
pub(crate) fn write_archive(chain: &Chain, sequence: u64, out: &mut dyn Write) -> Result<(), Error> {
    let folder = folder_of(sequence);
    let entry = chain.entry(sequence)?;
    let Some((manifest, _)) = entry.sealed() else {
        return Err(Error::broken(folder, "it has no manifest that could be read: only what is sealed can be handed over"));
    };
    let prefix = format!("{folder}/");
    let mut paths: Vec<String> = chain.tree.paths().into_iter().filter(|path| path.starts_with(&prefix)).map(str::to_owned).collect();
    let mut needed = pack_needs(chain, &folder, manifest);
    needed.extend(manifest.objects_added.iter().cloned());
    paths.extend(needed.iter().filter_map(|hash| object_path(hash)));
    paths.sort();
    let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(|source| failed(&folder, &source))?;
    encoder.include_checksum(true).map_err(|source| failed(&folder, &source))?;
    let encoder = tar_of(chain, manifest, &paths, encoder)?;
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
    let paths: Vec<String> = files.keys().cloned().collect();
    let written = tar_of(chain, manifest, &paths, Sum(Sha256::new()))?;
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
fn tar_of<W: Write>(chain: &Chain, manifest: &Manifest, paths: &[String], out: W) -> Result<W, Error> {
    let time = u64::try_from(manifest.sealed.as_second()).unwrap_or_default();
    let mut archive = tar::Builder::new(out);
    for path in paths {
        let bytes = chain.tree.read(path)?;
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, path, bytes.as_slice()).map_err(|source| failed(path, &source))?;
    }
    archive.into_inner().map_err(|source| failed(&folder_of(manifest.sequence), &source))
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
