//! What a pack says of itself: the record of its start, and the manifest that seals it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The schema of manifests.
pub(crate) const PACK_SCHEMA: &str = "keur/pack/1";
/// The schema of the records of a start.
pub(crate) const STARTED_SCHEMA: &str = "keur/started/1";

/// Written and signed before the first call to AWS, so that no run can be left out of the chain because of its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Started {
    /// [`STARTED_SCHEMA`]
    pub(crate) schema: String,
    /// Id of the chain; none in the pack that begins one: its id is the hash of this record.
    pub(crate) chain: Option<String>,
    /// Number of the pack, from 1 on.
    pub(crate) sequence: u64,
    /// The pack before it.
    pub(crate) previous: Option<Previous>,
    /// The clock of the machine.
    pub(crate) time: Timestamp,
    /// The program.
    pub(crate) tool: Tool,
    /// Where the facts are to come from: `live`, `plan`…
    pub(crate) source: String,
    /// `sha256:…` over the policies.
    pub(crate) policies_sha256: String,
    /// 16 random bytes in hexadecimal, so that no two records are equal.
    pub(crate) nonce: String,
    /// The public key that signs this record and the manifest, in minisign's form; none if they are not signed.
    pub(crate) public_key: Option<String>,
    /// What the pipeline says of itself: name and value.
    pub(crate) run_by: BTreeMap<String, String>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tool {
    /// `keur 0.1.0`
    pub(crate) name: String,
    /// `sha256:…` of its file, where that could be read.
    pub(crate) sha256: Option<String>,
}

/// The link to the pack before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Previous {
    /// Its number.
    pub(crate) sequence: u64,
    /// `sha256:…` of its `manifest.json`.
    pub(crate) manifest_sha256: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ended {
    /// It was finished.
    Complete,
    /// It was not: there is no verdict in it.
    Aborted,
}

/// From what a pack can be evaluated again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Basis {
    /// From the answers of AWS.
    Responses,
    /// From the estate: code and its secrets are not kept.
    Estate,
}

/// The manifest: RFC 8785 JSON, so that there is one way to write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// [`PACK_SCHEMA`]
    pub(crate) schema: String,
    /// Id of the chain: `sha256:…` of its first record of a start.
    pub(crate) chain: String,
    /// Number of the pack, from 1 on.
    pub(crate) sequence: u64,
    /// The pack before it; none for the first.
    pub(crate) previous: Option<Previous>,
    /// `sha256:…` of `started.json`.
    pub(crate) started_sha256: String,
    /// How the run ended.
    pub(crate) ended: Ended,
    /// Why it was aborted, as far as anybody could tell.
    pub(crate) reason: Option<String>,
    /// When the run began, by the clock of the machine.
    pub(crate) started: Timestamp,
    /// When the pack was sealed, by the same clock.
    pub(crate) sealed: Timestamp,
    /// The program that sealed it.
    pub(crate) tool: Tool,
    /// How often a run is expected, in seconds.
    pub(crate) cadence: Option<i64>,
    /// The verdicts; none if the run was aborted.
    pub(crate) result: Option<PackResult>,
    /// Id of the key that signs it.
    pub(crate) key: Option<String>,
    /// That key, in minisign's form. It is that of the start, unless a later run had to seal the pack.
    pub(crate) public_key: Option<String>,
    /// Every file of the pack besides the manifest, what signs it and `SHA256SUMS`; sorted by path.
    pub(crate) files: Vec<FileEntry>,
    /// The objects that it brought into the store of the chain; sorted.
    pub(crate) objects_added: Vec<String>,
    /// How many objects it needs, those of earlier packs among them.
    pub(crate) objects_needed: u64,
}

/// What the run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackResult {
    /// Where the facts come from: `live`, `plan`…
    pub(crate) source: String,
    /// When collecting began.
    pub(crate) run_started: Timestamp,
    /// When collecting ended.
    pub(crate) run_finished: Timestamp,
    /// The moment that ages were measured against.
    pub(crate) as_of: Timestamp,
    /// From what it can be evaluated again.
    pub(crate) basis: Basis,
    /// Accounts.
    pub(crate) accounts: Vec<String>,
    /// Regions.
    pub(crate) regions: Vec<String>,
    /// `sha256:…` over the policies.
    pub(crate) policies_sha256: String,
    /// Id of the framework.
    pub(crate) framework: String,
    /// Ids of the policies that were judged.
    pub(crate) policies: Vec<String>,
    /// Passes, deviations, unknowns, accepted deviations.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Verdict of each control.
    pub(crate) controls: BTreeMap<String, String>,
    /// The exit code of the run.
    pub(crate) exit_code: u8,
    /// `sha256:…` of `findings.json`.
    pub(crate) findings_sha256: String,
}

/// A file of the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    /// Path in the pack, with `/`.
    pub(crate) path: String,
    /// What it is: `findings`, `index`…
    pub(crate) role: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// `sha256:…` of its bytes.
    pub(crate) sha256: String,
    /// The same of what is in it, where it is compressed.
    pub(crate) content: Option<Content>,
}

/// What a compressed file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    /// Its size.
    pub(crate) bytes: u64,
    /// `sha256:…`
    pub(crate) sha256: String,
}

/// Something that does not pass, for the history: small, because there is one list for each day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenFinding {
    /// Its fingerprint.
    pub(crate) fingerprint: String,
    /// Policy.
    pub(crate) policy: String,
    /// Controls that the policy serves.
    pub(crate) controls: Vec<String>,
    /// `deviation`, `unknown` or `excepted`.
    pub(crate) verdict: String,
    /// How much it matters.
    pub(crate) severity: String,
    /// Type of the resource.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// ARN; empty where none of the type could be seen.
    pub(crate) resource: String,
    /// Twelve-digit account id.
    pub(crate) account: String,
    /// Region, or `global`.
    pub(crate) region: String,
    /// Exception that covers it.
    pub(crate) exception: Option<String>,
}

/// A file of the rules: its content is an object of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    /// What it is: `policies`, `config`, `exceptions`, `attestations`, `ignore`.
    pub(crate) kind: String,
    /// Its name, as messages about it have it.
    pub(crate) name: String,
    /// `sha256:…` of its content.
    pub(crate) sha256: String,
}

/// Whether facts come from code.
pub(crate) fn of_code(source: &str) -> bool {
    matches!(source, "plan" | "state" | "template")
}

/// `sha256:…` of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    crate::estate::ResponseId::of(bytes).to_string()
}

/// The one way to write a record: RFC 8785.
pub(crate) fn canonical<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(record).expect("internal error: a record is plain data without fractions")
}
