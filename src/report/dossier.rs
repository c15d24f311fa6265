//! What a report says beyond the verdicts: of the pack that it is part of, and of the chain before that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Counts;
use crate::estate::ResponseId;
use crate::framework::ControlVerdict;

/// The pack of a report. The report is part of it, so the hash of its manifest cannot be in here; that of the record of
/// its start and that of its findings are.
#[derive(Debug, Clone, Default)]
pub struct Dossier {
    /// Id of the chain: `sha256:…` of the record with which it began.
    pub chain: String,
    /// Number of the pack, from 1 on.
    pub sequence: u64,
    /// `sha256:…` of the record of the start, written before the first call.
    pub started_sha256: String,
    /// `sha256:…` of `findings.json`.
    pub findings_sha256: String,
    /// The packs before, oldest first.
    pub earlier: Vec<PackLine>,
    /// How often a run is expected.
    pub cadence: Option<SignedDuration>,
    /// Times without a run that were longer than the cadence.
    pub late: Vec<(Timestamp, Timestamp)>,
    /// Id of the key that signs, if any.
    pub key: Option<String>,
    /// `sha256:…` of the program.
    pub tool_sha256: Option<String>,
    /// What the pipeline and the operator say of themselves: name and value.
    pub run_by: Vec<(String, String)>,
    /// The rules that were used: path and `sha256:…`.
    pub rules: Vec<(String, String)>,
    /// Every call, in the order of the index.
    pub calls: Vec<CallLine>,
    /// What was taken out of answers before they were hashed.
    pub redactions: Vec<RedactionLine>,
    /// Deviations and unknowns over all packs, this one included.
    pub spans: Vec<Span>,
}

/// One pack of the chain.
#[derive(Debug, Clone)]
pub struct PackLine {
    /// Its number.
    pub sequence: u64,
    /// When it began.
    pub started: Timestamp,
    /// When it was finished; none if it was aborted.
    pub finished: Option<Timestamp>,
    /// `sha256:…` of its manifest.
    pub manifest_sha256: String,
    /// `sha256:…` of the manifest before it.
    pub previous_sha256: Option<String>,
    /// Id of the key that signed it, if any.
    pub key: Option<String>,
    /// Findings by verdict.
    pub counts: Counts,
    /// Verdict of each control.
    pub controls: BTreeMap<String, ControlVerdict>,
    /// `sha256:…` over the rules.
    pub policies_sha256: String,
    /// Accounts and regions that were looked at.
    pub scope: Vec<String>,
}

/// One call, as the index of the pack has it.
#[derive(Debug, Clone)]
pub struct CallLine {
    /// Twelve-digit account id.
    pub account: String,
    /// Region, or `global`.
    pub region: String,
    /// `rds`
    pub service: String,
    /// `DescribeDBInstances`
    pub operation: String,
    /// When the answer was complete.
    pub time: Timestamp,
    /// HTTP status; none where no answer came.
    pub status: Option<u16>,
    /// AWS's id of the request.
    pub request_id: Option<String>,
    /// Bytes of the answer.
    pub bytes: u64,
    /// SHA-256 of the answer.
    pub response: Option<ResponseId>,
}

/// Something that was taken out of an answer before it was hashed.
#[derive(Debug, Clone)]
pub struct RedactionLine {
    /// SHA-256 of the answer without it.
    pub response: ResponseId,
    /// Where it was.
    pub pointer: String,
    /// Why.
    pub reason: String,
}

/// A deviation or an unknown, from the pack that first had it to the last.
#[derive(Debug, Clone)]
pub struct Span {
    /// Fingerprint of the finding.
    pub fingerprint: String,
    /// Policy.
    pub policy: String,
    /// ARN or name of the resource.
    pub resource: String,
    /// `deviation`, `unknown` or `excepted`.
    pub verdict: String,
    /// Time of the pack that first had it.
    pub opened: Timestamp,
    /// Time of the first pack that did not have it any more.
    pub closed: Option<Timestamp>,
}
