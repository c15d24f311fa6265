//! What the formats of others share: one finding with all that is known of it, and how text is made fit for them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::ops::Range;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::table::plain;
use super::{CallLine, Place, Report};
use crate::estate::{ALL_REGIONS, GLOBAL, Partition, ResponseId, UNKNOWN_REGION};
use crate::evaluate::{Finding, Subject, Verdict, fingerprint};
use crate::framework::{ControlResult, Exception};
use crate::policy::Policy;

/// The namespace of every name that is keur's own in formats of others, and the root of every UUID.
pub(super) const NAMESPACE: &str = "https://keur.dev/ns";

/// What `Report` does not have at hand per finding.
pub(super) struct Export<'a> {
    pub(super) report: &'a Report<'a>,
    /// Per policy.
    controls: Vec<Vec<&'a ControlResult>>,
    calls: HashMap<ResponseId, Vec<&'a CallLine>>,
    /// Calls that were not answered with what was asked for, by service, operation, account and region.
    failed: HashMap<[&'a str; 4], Vec<&'a CallLine>>,
    opened: HashMap<&'a str, Timestamp>,
}

/// A finding with all that is known of it.
pub(super) struct Line<'a> {
    pub(super) finding: &'a Finding,
    pub(super) policy: &'a Policy,
    pub(super) place: Place<'a>,
    pub(super) controls: Vec<&'a ControlResult>,
    pub(super) clause: Option<&'a str>,
    pub(super) exception: Option<&'a Exception>,
    /// `sha256:…`, the same in every run.
    pub(super) fingerprint: String,
    pub(super) evidence: Vec<Evidence<'a>>,
    /// Whether it counts: what a plan is not to blame for does not.
    pub(super) counts: bool,
    /// When the chain of packs first had it, if there is a chain.
    pub(super) opened: Option<Timestamp>,
}

/// Bytes that a finding rests on.
#[derive(Clone)]
pub(super) struct Evidence<'a> {
    /// 64 hexadecimal digits.
    pub(super) sha256: String,
    /// The file, if it is one of code.
    pub(super) file: Option<&'a str>,
    /// The calls that were answered with these bytes, as far as a pack tells.
    pub(super) calls: Vec<&'a CallLine>,
}

impl Evidence<'_> {
    /// In words.
    pub(super) fn name(&self) -> String {
        match (self.file, self.calls.first()) {
            (Some(file), _) => one_line(file),
            (None, Some(call)) => format!("{}:{}", call.service, call.operation),
            (None, None) => "response of AWS".to_owned(),
        }
    }

    /// AWS's ids of the requests.
    pub(super) fn requests(&self) -> impl Iterator<Item = &str> {
        self.calls.iter().filter_map(|call| call.request_id.as_deref())
    }
}

impl<'a> Export<'a> {
    pub(super) fn new(report: &'a Report<'a>) -> Self {
        let controls = report.policies.iter().map(|policy| {
            let serves = |c: &&ControlResult| {
                report.framework.controls.iter().any(|control| control.id == c.id && control.policies.contains(&policy.id))
            };
            report.controls.iter().filter(serves).collect()
        });
        let mut calls: HashMap<ResponseId, Vec<&CallLine>> = HashMap::new();
        let mut failed: HashMap<_, Vec<&CallLine>> = HashMap::new();
        let mut opened = HashMap::new();
        if let Some(dossier) = report.dossier {
            for call in &dossier.calls {
                if !call.status.is_some_and(|status| (200..300).contains(&status)) {
                    failed.entry([call.service.as_str(), &call.operation, &call.account, &call.region]).or_default().push(call);
                }
                if let Some(response) = call.response {
                    calls.entry(response).or_default().push(call);
                }
            }
            opened.extend(dossier.spans.iter().filter(|s| s.closed.is_none()).map(|s| (s.fingerprint.as_str(), s.opened)));
        }
        Self { report, controls: controls.collect(), calls, failed, opened }
    }

    /// Every finding, in the order of the report.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'a>> {
        self.report.judgement.findings.iter().map(|finding| self.line(finding))
    }

    fn line(&self, finding: &'a Finding) -> Line<'a> {
        let policy = &self.report.policies[finding.policy as usize];
        let place = self.report.place(finding);
        let fingerprint = fingerprint(&policy.id, place.kind, place.account, place.region, place.arn);
        Line {
            controls: self.controls[finding.policy as usize].clone(),
            clause: finding.clause.and_then(|c| policy.require.clauses.get(usize::from(c))).map(|c| c.text.as_str()),
            exception: finding.exception.map(|at| &self.report.exceptions[at as usize]),
            evidence: self.evidence(finding, &place),
            counts: self.report.counts_in(finding),
            opened: self.opened.get(fingerprint.as_str()).copied(),
            finding,
            policy,
            place,
            fingerprint,
        }
    }

    /// The responses that a finding rests on: those that its resource was read from, and those that refused what it
    /// needed, as far as a pack tells.
    fn responses(&self, finding: &Finding) -> Vec<ResponseId> {
        let mut all = match &finding.subject {
            Subject::Resource(at) => self.report.estate.resources[*at as usize].responses.clone(),
            Subject::Unseen { .. } => Vec::new(),
        };
        if let Some(gap) = &finding.gap {
            let refused = self.failed.get(&[gap.service.as_str(), &gap.operation, &gap.account, &gap.region]);
            for response in refused.into_iter().flatten().filter_map(|call| call.response) {
                if !all.contains(&response) {
                    all.push(response);
                }
            }
        }
        all
    }

    /// Every response that any finding rests on.
    pub(super) fn all_responses(&self) -> BTreeSet<ResponseId> {
        self.report.judgement.findings.iter().flat_map(|finding| self.responses(finding)).collect()
    }

    /// The responses that a finding rests on; where code declares its resource, the file.
    fn evidence(&self, finding: &Finding, place: &Place<'a>) -> Vec<Evidence<'a>> {
        let file = place.declared.and_then(|d| self.report.estate.run.declared.as_ref()?.files.get(d.file as usize));
        let file = file.map(|file| Evidence { sha256: hex(&file.sha256).to_owned(), file: Some(&file.name), calls: Vec::new() });
        let read = self.responses(finding).into_iter().map(|response| Evidence {
            sha256: hex(&response.to_string()).to_owned(),
            file: None,
            calls: self.calls_of(response, Some(place)),
        });
        file.into_iter().chain(read).collect()
    }

    /// The calls that were answered with these bytes. The same bytes may have come from many places, empty lists above
    /// all: then those from the account and region of the resource are meant.
    pub(super) fn calls_of(&self, response: ResponseId, place: Option<&Place<'_>>) -> Vec<&'a CallLine> {
        let all = self.calls.get(&response).map_or(&[][..], Vec::as_slice);
        let near = |call: &&&CallLine| {
            place.is_some_and(|p| call.account == p.account && (call.region == p.region || call.region == GLOBAL || p.region == GLOBAL))
        };
        let near: Vec<&CallLine> = all.iter().filter(near).copied().collect();
        if near.is_empty() { all.to_vec() } else { near }
    }

    /// Where the findings of each policy are: they are ordered by policy.
    pub(super) fn ranges(&self) -> Vec<Range<usize>> {
        let findings = &self.report.judgement.findings;
        let start = |policy: usize| findings.partition_point(|f| (f.policy as usize) < policy);
        (0..self.report.policies.len()).map(|policy| start(policy)..start(policy + 1)).collect()
    }
}

impl<'a> Line<'a> {
    /// The sentence on it. Of a pass: what is true of what.
    pub(super) fn sentence(&self) -> Cow<'a, str> {
        match self.finding.message.as_deref() {
            Some(message) => Cow::Borrowed(message),
            None => Cow::Owned(format!("{}: {}", self.place.name, self.policy.title)),
        }
    }

    /// What to do about it, where something is to be done.
    pub(super) fn remedy(&self) -> Option<&'a str> {
        match self.finding.verdict {
            Verdict::Deviation | Verdict::Excepted => Some(&self.policy.remedy),
            Verdict::Pass | Verdict::Unknown => None,
        }
    }

    /// Whether it is about a resource, and not about what a listing that failed would have shown.
    pub(super) fn is_seen(&self) -> bool {
        matches!(self.finding.subject, Subject::Resource(_))
    }

    /// When the last answer that it rests on came; the end of the run where no pack tells.
    pub(super) fn observed(&self, finished: Timestamp) -> Timestamp {
        self.evidence.iter().flat_map(|e| &e.calls).map(|call| call.time).max().unwrap_or(finished)
    }

    /// Where code declares it: file and line if known, else the address.
    pub(super) fn declared_at(&self) -> Option<String> {
        let declared = self.place.declared?;
        Some(declared.place.as_ref().map_or_else(|| declared.address.clone(), |place| format!("{place} {}", declared.address)))
    }
}

impl<'a> Place<'a> {
    /// The twelve digits, if they are known.
    pub(super) fn account_id(&self) -> Option<&'a str> {
        (self.account.len() == 12 && self.account.bytes().all(|b| b.is_ascii_digit())).then_some(self.account)
    }

    /// The region, if there is one and it is known.
    pub(super) fn region_name(&self) -> Option<&'a str> {
        (!matches!(self.region, "" | GLOBAL | UNKNOWN_REGION | ALL_REGIONS)).then_some(self.region)
    }

    /// The ARN, if it has one: something that is still to be made has none, a failed listing has none.
    pub(super) fn real_arn(&self) -> Option<&'a str> {
        self.arn.starts_with("arn:").then_some(self.arn)
    }

    /// The partition of AWS, if ARN or region tell.
    pub(super) fn partition(&self) -> Option<&'a str> {
        if let Some(partition) = self.real_arn().and_then(|arn| arn.split(':').nth(1)).filter(|p| !p.is_empty()) {
            return Some(partition);
        }
        Partition::of_region(self.region_name()?).map(|partition| partition.id)
    }
}

/// A hash without the name of its algorithm.
pub(super) fn hex(hash: &str) -> &str {
    hash.strip_prefix("sha256:").unwrap_or(hash)
}

/// On one line, without characters that a reader does not see: names come from whoever made the resource.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect();
    plain(spaced.trim())
}

/// Cut to so many characters, with a sign that it was, and whether it was.
pub(super) fn cut(text: &str, characters: usize) -> (String, bool) {
    if text.chars().count() <= characters {
        return (text.to_owned(), false);
    }
    (text.chars().take(characters - 1).chain(['…']).collect(), true)
}

/// A list whose items are made one by one while they are written: there may be a million.
pub(super) struct Each<F>(pub(super) F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// Writes JSON with one line per item down to that depth of nesting, and no spaces: large, and still readable by line.
pub(super) fn write_json(out: &mut dyn Write, depth: usize, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Lines { depth: 0, limit: depth });
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

struct Lines {
    depth: usize,
    limit: usize,
}

impl Lines {
    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        if self.depth <= self.limit {
            out.write_all(b"\n")?;
        }
        self.depth -= 1;
        out.write_all(bracket)
    }

    fn item<W: ?Sized + Write>(&self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        if self.depth <= self.limit { out.write_all(b"\n") } else { Ok(()) }
    }
}

impl serde_json::ser::Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }
}
