//! What readers get: packs whose records were verified, and files that are checked as they are taken.
//!
//! Only verification makes these types, and nothing of a pack can be had but through them. The records are read once and kept
//! with what they say; every other file is held against the SHA-256 in the manifest from the very bytes that are handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::chain::{Chain, Entry, MANIFEST, folder_of};
use super::manifest::{Manifest, OpenFinding, PackResult, RuleFile, Started};
use super::sign::PublicKey;
use super::verify::{Signed, records, whole};
use super::{Error, Tree};

/// A chain whose records hold: each can be read, is signed by the key that it names, agrees with the others of its pack, and
/// follows the pack before it. Where keys were given, each is signed by one of them.
pub(crate) struct Verified {
    chain: Chain,
    signed: BTreeMap<u64, Signed>,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verified({})", self.chain.tree.place().display())
    }
}

/// Whether the last pack of a chain may lack its manifest although something lies there that is written beside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// It may: the next run seals it as aborted.
    MayBeCut,
    /// It may not.
    IsWhole,
}

impl Verified {
    /// Reads what is at a path and verifies its records; which of its packs the path means, if not all.
    pub(crate) fn open(path: &Path, keys: &[PublicKey]) -> Result<(Self, Option<u64>), Error> {
        let (chain, only) = Chain::open(path)?;
        Ok((Self::of(chain, only, keys, Last::IsWhole)?, only))
    }

    /// The same of a chain that was read before.
    pub(crate) fn again(chain: Chain, only: Option<u64>, keys: &[PublicKey]) -> Result<Self, Error> {
        Self::of(chain, only, keys, Last::IsWhole)
    }

    /// Verifies the records of a chain; of one pack, its own and those of the packs before it, as far as they are at hand.
    pub(super) fn of(chain: Chain, only: Option<u64>, keys: &[PublicKey], last: Last) -> Result<Self, Error> {
        if let Some(only) = only {
            chain.entry(only)?;
        }
        let mut signed = BTreeMap::new();
        let number = chain.entries.last().map_or(0, |entry| entry.sequence);
        let rests_on = |entry: &&Entry| only.is_none_or(|only| entry.sequence <= only);
        for entry in chain.entries.iter().filter(rests_on) {
            let mut found = records(&chain, entry, keys, only.is_some());
            if last == Last::MayBeCut && entry.sequence == number && entry.manifest == Ok(None) {
                found.problems.retain(|problem| !problem.file.ends_with(MANIFEST) || problem.reason != "it is missing");
            }
            if let Some(problem) = found.problems.into_iter().min() {
                return Err(problem);
            }
            signed.insert(entry.sequence, found.signed);
        }
        Ok(Self { chain, signed })
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> &Path {
        self.chain.tree.place()
    }

    /// Its sealed packs, oldest first.
    pub(crate) fn packs(&self) -> impl DoubleEndedIterator<Item = Pack<'_>> {
        self.chain.entries.iter().filter_map(|entry| self.pack_of(entry))
    }

    fn pack_of<'c>(&'c self, entry: &'c Entry) -> Option<Pack<'c>> {
        let signed = self.signed.get(&entry.sequence)?;
        let (manifest, hash) = entry.sealed()?;
        let (started, started_sha256) = entry.started.as_ref().ok()?;
        Some(Pack { chain: &self.chain, entry, signed, manifest, hash, started, started_sha256 })
    }

    /// The pack that a path means: the one of a number, or the last that is complete. Every byte of it is verified.
    pub(crate) fn whole(&self, only: Option<u64>) -> Result<Pack<'_>, Error> {
        let pack = match only {
            Some(sequence) => self
                .pack_of(self.chain.entry(sequence)?)
                .ok_or_else(|| Error::broken(folder_of(sequence), "it was never sealed: its run was killed, or is at work"))?,
            None => {
                let last = self.packs().rev().find(|pack| pack.manifest.result.is_some());
                last.ok_or_else(|| Error::broken(self.place().display(), "no pack of it is complete"))?
            }
        };
        whole(pack.chain, pack.entry)?;
        Ok(pack)
    }

    /// The last pack, if it was never sealed: its run is at work, or was killed.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        self.chain.entries.last().filter(|entry| entry.manifest == Ok(None)).map(|entry| entry.sequence)
    }

    /// Whether all packs before this one are at hand.
    pub(crate) fn has_all_before(&self, sequence: u64) -> bool {
        self.chain.entries.iter().zip(1..).take_while(|(entry, at)| entry.sequence == *at).count() as u64 >= sequence
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }
}

/// A sealed pack whose records were verified.
#[derive(Clone, Copy)]
pub(crate) struct Pack<'c> {
    chain: &'c Chain,
    entry: &'c Entry,
    signed: &'c Signed,
    manifest: &'c Manifest,
    hash: &'c str,
    started: &'c Started,
    started_sha256: &'c str,
}

impl std::fmt::Debug for Pack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pack({})", self.manifest.sequence)
    }
}

impl<'c> Pack<'c> {
    /// Its manifest.
    pub(crate) fn manifest(&self) -> &'c Manifest {
        self.manifest
    }

    /// `sha256:…` of its manifest.
    pub(crate) fn manifest_sha256(&self) -> &'c str {
        self.hash
    }

    /// The record of its start, and its hash.
    pub(crate) fn started(&self) -> (&'c Started, &'c str) {
        (self.started, self.started_sha256)
    }

    /// Who signed it.
    pub(crate) fn signed(&self) -> &'c Signed {
        self.signed
    }

    /// `pack-000042`
    pub(crate) fn name(&self) -> String {
        folder_of(self.manifest.sequence)
    }

    /// What its run found; an aborted run found nothing.
    pub(crate) fn result(&self) -> Result<&'c PackResult, Error> {
        self.manifest.result.as_ref().ok_or_else(|| {
            let why = self.manifest.reason.as_deref().unwrap_or("nobody knows why");
            Error::broken(self.name(), format!("its run was aborted ({why}): there is no verdict in it"))
        })
    }

    /// Whether it has a file for a role.
    pub(crate) fn has(&self, role: &str) -> bool {
        self.manifest.files.iter().any(|file| file.role == role)
    }

    /// What a file holds, unpacked: what the manifest says.
    pub(crate) fn file(&self, role: &str) -> Result<Vec<u8>, Error> {
        self.chain.file(self.manifest, role)
    }

    /// What the file of an entry of its manifest holds.
    pub(crate) fn content(&self, file: &super::FileEntry) -> Result<Vec<u8>, Error> {
        super::chain::content(&self.chain.tree, &self.name(), file)
    }

    /// An object, which has the hash that it is asked for by.
    pub(crate) fn object(&self, hash: &str) -> Result<Vec<u8>, Error> {
        self.chain.object(hash)
    }

    /// The rules that it was judged by, with their contents.
    pub(crate) fn rules(&self) -> Result<Vec<(RuleFile, Vec<u8>)>, Error> {
        self.chain.rules(self.manifest)
    }

    /// Type, account and region that were listed to the end.
    pub(super) fn listed(&self) -> Result<BTreeSet<(String, String, String)>, Error> {
        self.chain.listed(self.manifest)
    }

    /// What does not pass.
    pub(super) fn open_findings(&self) -> Result<Vec<OpenFinding>, Error> {
        self.chain.open_findings(self.manifest)
    }

    pub(super) fn tree(&self) -> &'c Tree {
        &self.chain.tree
    }

    pub(super) fn entry(&self) -> &'c Entry {
        self.entry
    }

    pub(super) fn of_chain(&self) -> &'c Chain {
        self.chain
    }
}
