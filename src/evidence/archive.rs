//! One pack as a file: the same pack gives the same bytes.

use std::io::Write;

use super::Error;
use super::chain::{Chain, folder_of, object_path};
use super::verify::pack_needs;

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
    let failed = |source: std::io::Error| Error { io: true, ..Error::broken(&folder, source.to_string()) };
    let time = u64::try_from(manifest.sealed.as_second()).unwrap_or_default();
    let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(failed)?;
    encoder.include_checksum(true).map_err(failed)?;
    let mut archive = tar::Builder::new(encoder);
    for path in paths {
        let bytes = chain.tree.read(&path)?;
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, &path, bytes.as_slice()).map_err(failed)?;
    }
    archive.into_inner().and_then(zstd::Encoder::finish).map_err(failed)?.flush().map_err(failed)
}
