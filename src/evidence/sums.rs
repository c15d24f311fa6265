//! `SHA256SUMS`: the pack for those who have nothing but `sha256sum -c`, run in the folder of the chain.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::chain::{folder_of, object_path};
use super::manifest::Manifest;

/// The list for a pack: its manifest, its files, and the objects that it needs.
pub(super) fn text(manifest: &Manifest, manifest_sha256: &str, needed: &BTreeSet<String>) -> String {
    let folder = folder_of(manifest.sequence);
    let files = manifest.files.iter().map(|file| (format!("{folder}/{}", file.path), file.sha256.as_str()));
    let own = [(format!("{folder}/manifest.json"), manifest_sha256)];
    let objects = needed.iter().filter_map(|hash| Some((object_path(hash)?, hash.as_str())));
    let mut text = String::new();
    for (path, hash) in own.into_iter().chain(files).chain(objects) {
        let hex = hash.trim_start_matches("sha256:");
        writeln!(text, "{hex}  {path}").expect("internal error: writing to a string cannot fail");
    }
    text
}
