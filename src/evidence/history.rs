//! What a chain says over time: every control on every day, when something was opened and closed, and when nobody looked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Error;
use super::manifest::{Manifest, OpenFinding, PackResult, of_code};
use super::verified::{Pack, Verified};

/// What became of a control, or of a finding, in one pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Day {
    /// Number of the pack.
    pub(crate) sequence: u64,
    /// `sha256:…` of its manifest.
    pub(crate) manifest_sha256: String,
    /// `sha256:…` of the manifest before it.
    pub(crate) previous_sha256: Option<String>,
    /// The moment it speaks of.
    pub(crate) at: Timestamp,
    /// When it began.
    pub(crate) started: Timestamp,
    /// Id of the key that signed it.
    pub(crate) key: Option<String>,
    /// How often a run was expected then.
    pub(crate) cadence: Option<SignedDuration>,
    /// What it found; none if it was aborted.
    pub(crate) result: Option<PackResult>,
}

/// Something that does not pass, from the first pack that has it to the first that shows it mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    /// What it is.
    pub(crate) finding: OpenFinding,
    /// When it was first seen.
    pub(crate) opened: Timestamp,
    /// When it was last seen.
    pub(crate) last: Timestamp,
    /// The first pack that looked and did not find it.
    pub(crate) closed: Option<Timestamp>,
}

impl Day {
    /// Whether a run was expected between it and a moment.
    pub(crate) fn is_late(&self, moment: Timestamp) -> bool {
        self.cadence.is_some_and(|cadence| moment.duration_since(self.at) > cadence.saturating_add(cadence / 10))
    }
}

/// A chain over time, for one source of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct History {
    /// Id of the chain.
    pub(crate) chain: String,
    /// Where the facts come from.
    pub(crate) source: String,
    /// The packs of that source and the aborted ones, oldest first.
    pub(crate) days: Vec<Day>,
    /// Complete packs of other sources, which say nothing here.
    pub(crate) others: u64,
    /// What was open at any time, sorted by when it was opened.
    pub(crate) spans: Vec<Span>,
    /// How often a run is expected: what the last pack says.
    pub(crate) cadence: Option<SignedDuration>,
    /// The last pack, if it was never sealed: its run is at work, or was killed.
    pub(crate) unfinished: Option<u64>,
}

/// What a run looked at.
#[derive(Debug)]
pub(crate) struct Looked {
    /// Accounts.
    pub(crate) accounts: Vec<String>,
    /// Regions, `global` not among them.
    pub(crate) regions: Vec<String>,
    /// Policies that were judged.
    pub(crate) policies: Vec<String>,
    /// Type, account and region that were listed to the end; none where the facts come from code, which lists nothing.
    pub(crate) listed: Option<BTreeSet<(String, String, String)>>,
}

impl History {
    /// Nothing yet.
    pub(crate) fn new(chain: &str, source: &str) -> Self {
        Self {
            chain: chain.to_owned(),
            source: source.to_owned(),
            days: Vec::new(),
            others: 0,
            spans: Vec::new(),
            cadence: None,
            unfinished: None,
        }
    }

    /// Brings what is open forward by a run that is not a pack yet.
    pub(crate) fn push(&mut self, open: &[OpenFinding], looked: &Looked, at: Timestamp) {
        let (ongoing, mut done): (Vec<Span>, Vec<Span>) = std::mem::take(&mut self.spans).into_iter().partition(|s| s.closed.is_none());
        let mut ongoing: BTreeMap<String, Span> = ongoing.into_iter().map(|span| (key(&span.finding), span)).collect();
        step(&mut ongoing, &mut done, open, looked, at);
        done.extend(ongoing.into_values());
        self.spans = done;
        self.sort();
    }

    fn sort(&mut self) {
        let order = |span: &Span| (span.opened, span.finding.policy.clone(), span.finding.resource.clone(), span.finding.verdict.clone());
        self.spans.sort_by_cached_key(order);
    }

    /// Complete packs, oldest first.
    pub(crate) fn complete(&self) -> impl DoubleEndedIterator<Item = (&Day, &PackResult)> {
        self.days.iter().filter_map(|day| Some((day, day.result.as_ref()?)))
    }

    /// From the first complete pack to the last.
    pub(crate) fn period(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.complete().map(|(day, _)| day.at);
        Some((times().min()?, times().max()?))
    }

    /// The longest time between two complete packs.
    pub(crate) fn largest_gap(&self) -> Option<(Timestamp, Timestamp)> {
        self.between().max_by_key(|(from, to)| to.duration_since(*from))
    }

    /// Times without a complete pack that are longer than was expected then, by more than a tenth.
    pub(crate) fn late(&self) -> Vec<(Timestamp, Timestamp)> {
        let days = self.in_time();
        let pairs = days.iter().zip(days.iter().skip(1));
        pairs.filter(|(from, to)| from.is_late(to.at)).map(|(from, to)| (from.at, to.at)).collect()
    }

    fn in_time(&self) -> Vec<&Day> {
        let mut days: Vec<&Day> = self.complete().map(|(day, _)| day).collect();
        days.sort_by_key(|day| (day.at, day.sequence));
        days
    }

    fn between(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let times: Vec<Timestamp> = self.in_time().into_iter().map(|day| day.at).collect();
        (1..times.len()).map(move |at| (times[at - 1], times[at]))
    }

    /// The last complete pack at a moment, and whether it was current then.
    pub(crate) fn at(&self, moment: Timestamp) -> Option<(&Day, &PackResult, bool)> {
        let earlier = self.complete().filter(|(day, _)| day.at <= moment);
        let (day, result) = earlier.max_by_key(|(day, _)| (day.at, day.sequence))?;
        Some((day, result, !day.is_late(moment)))
    }
}

/// Reads the history of a chain, up to a pack: that of the source of its last complete one, or of the one named.
pub(crate) fn history(chain: &Verified, until: Option<u64>, source: Option<&str>) -> Result<History, Error> {
    let sealed: Vec<Pack<'_>> = chain.packs().filter(|pack| until.is_none_or(|until| pack.manifest().sequence <= until)).collect();
    let last = sealed.iter().rev().find_map(|pack| pack.manifest().result.as_ref());
    let source = source.or(last.map(|result| result.source.as_str())).unwrap_or("live").to_owned();
    let mut found = History {
        chain: sealed.first().map(|pack| pack.manifest().chain.clone()).unwrap_or_default(),
        days: Vec::new(),
        others: 0,
        spans: Vec::new(),
        cadence: sealed.last().and_then(|pack| pack.manifest().cadence).map(SignedDuration::from_secs),
        unfinished: chain.unfinished().filter(|sequence| until.is_none_or(|until| *sequence <= until)),
        source,
    };
    let mut open: BTreeMap<String, Span> = BTreeMap::new();
    for pack in sealed {
        let manifest = pack.manifest();
        if manifest.result.as_ref().is_some_and(|result| result.source != found.source) {
            found.others += 1;
            continue;
        }
        let at = manifest.result.as_ref().map_or(manifest.started, |result| moment(manifest, result));
        if let Some(result) = &manifest.result {
            let looked = Looked {
                accounts: result.accounts.clone(),
                regions: result.regions.clone(),
                policies: result.policies.clone(),
                listed: if of_code(&result.source) { None } else { Some(pack.listed()?) },
            };
            step(&mut open, &mut found.spans, &pack.open_findings()?, &looked, at);
        }
        found.days.push(Day {
            sequence: manifest.sequence,
            manifest_sha256: pack.manifest_sha256().to_owned(),
            previous_sha256: manifest.previous.as_ref().map(|previous| previous.manifest_sha256.clone()),
            at,
            started: manifest.started,
            key: manifest.key.clone(),
            cadence: manifest.cadence.map(SignedDuration::from_secs),
            result: manifest.result.clone(),
        });
    }
    found.spans.extend(open.into_values());
    found.sort();
    Ok(found)
}

/// The moment that a pack speaks of: when AWS was asked. Of code, when it was judged. Never one that the caller chose.
fn moment(manifest: &Manifest, result: &PackResult) -> Timestamp {
    if of_code(&result.source) { manifest.started } else { result.run_started }
}

fn key(finding: &OpenFinding) -> String {
    format!("{} {}", finding.verdict, finding.fingerprint)
}

/// Brings what is open forward by one pack.
fn step(open: &mut BTreeMap<String, Span>, done: &mut Vec<Span>, now: &[OpenFinding], result: &Looked, at: Timestamp) {
    let current: BTreeSet<String> = now.iter().map(key).collect();
    // What is known of it now; that it is unknown mends nothing.
    let known: BTreeSet<&str> = now.iter().filter(|f| f.verdict != "unknown").map(|finding| finding.fingerprint.as_str()).collect();
    let unknown: BTreeSet<&str> = now.iter().filter(|f| f.verdict == "unknown").map(|finding| finding.fingerprint.as_str()).collect();
    // Where nothing of a type could be seen, nothing is known to be mended.
    let blind: Vec<&OpenFinding> = now.iter().filter(|finding| finding.resource.is_empty()).collect();
    let anywhere = |region: &str| matches!(region, "global" | "*");
    let looked = |finding: &OpenFinding| {
        let in_scope =
            result.accounts.contains(&finding.account) && (anywhere(&finding.region) || result.regions.contains(&finding.region));
        let is_blind = blind.iter().any(|f| {
            let account = f.account == finding.account || matches!(f.account.as_str(), "" | "*");
            let region = f.region == finding.region || anywhere(&f.region) || anywhere(&finding.region);
            f.policy == finding.policy && account && region
        });
        // Facts about code are listed nowhere.
        let is_listed = result.listed.as_ref().is_none_or(|listed| {
            let place = |region: &str| (finding.kind.clone(), finding.account.clone(), region.to_owned());
            finding.kind.starts_with("Code::")
                || finding.resource.is_empty()
                || listed.contains(&place(&finding.region))
                || listed.contains(&place("global"))
        });
        result.policies.contains(&finding.policy) && in_scope && !is_blind && is_listed
    };
    let ended: Vec<String> = open
        .iter()
        .filter(|(key, span)| {
            let fingerprint = span.finding.fingerprint.as_str();
            let turned = known.contains(fingerprint);
            !current.contains(*key) && (turned || (!unknown.contains(fingerprint) && looked(&span.finding)))
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in ended {
        if let Some(span) = open.remove(&key) {
            done.push(Span { closed: Some(at), ..span });
        }
    }
    for finding in now {
        let span = open.entry(key(finding)).or_insert_with(|| Span { finding: finding.clone(), opened: at, last: at, closed: None });
        span.last = at;
        span.finding.clone_from(finding);
    }
}
