//! Evidence: one run on disk, as a pack that can be verified and evaluated again, chained to the pack before it.
//!
//! A chain is a folder: `objects/` holds answers of AWS and rules under their SHA-256, each once however many packs need it;
//! `pack-000001/`, `pack-000002/`… hold one run each, sealed by a manifest that names the hash of the one before it.

pub mod anchor;
mod archive;
#[cfg(feature = "aws")]
pub mod authority;
mod caller;
mod chain;
mod der;
pub mod dsse;
mod history;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(feature = "s3")]
pub mod locked;
mod manifest;
mod members;
mod pack;
pub mod sign;
mod sums;
pub mod timestamp;
mod tree;
mod verified;
mod verify;

use std::fmt::Display;
use std::path::Path;

pub(crate) use archive::write_archive;
pub use caller::Caller;
pub(crate) use chain::{Chain, folder_of, is_pack_at};
pub(crate) use history::{Day, History, Looked, history};
pub(crate) use manifest::{Basis, FileEntry, OpenFinding, PackResult, RuleFile, Started, Tool, of_code, sha256};
pub(crate) use members::{plain, report_language};
pub(crate) use pack::{Begin, Packing};
use tree::Tree;
pub(crate) use verified::{Pack, Verified};
pub(crate) use verify::{Checked, Note, Signed, verify};

/// Why something is not a chain, or not one that holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}: {reason}")]
pub(crate) struct Error {
    /// The file.
    pub(crate) file: String,
    /// What is wrong with it.
    pub(crate) reason: String,
    /// Whether a file could not be read or written, rather than being wrong.
    pub(crate) io: bool,
}

impl Error {
    pub(crate) fn broken(file: impl Display, reason: impl Into<String>) -> Self {
        Self { file: file.to_string(), reason: reason.into(), io: false }
    }

    pub(crate) fn io(path: &Path, source: &std::io::Error) -> Self {
        Self { file: path.display().to_string(), reason: source.to_string(), io: true }
    }

    /// Of a file that could not be made.
    pub(crate) fn new_file(path: &Path, source: &std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            let reason = "it is there already, so that another run is writing to this chain, and nothing is written over: \
                          see that only one runs, and run again";
            return Self { io: true, ..Self::broken(path.display(), reason) };
        }
        Self::io(path, source)
    }
}

#[cfg(test)]
mod tests;
