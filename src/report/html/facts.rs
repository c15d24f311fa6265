//! What the sections count and look up, gathered once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;

use super::text::{Inline, Line, fill};
use super::words::{Lang, OWNERS, REGIONS, SOURCES, Words};
use super::{sample, text};
use crate::estate::{Gap, ResponseId};
use crate::evaluate::{Finding, Subject, Verdict, fingerprint};
use crate::framework::{Control, ControlResult, ControlVerdict, Framework, State, Why, controls_of, roll_up};
use crate::policy::{Basis, Policy, Severity, Statement};
use crate::report::{CallLine, PackLine, Place, Report, Span};

/// The verdicts of one policy.
#[derive(Debug, Default)]
pub(super) struct OfPolicy<'a> {
    pub(super) pass: Vec<&'a Finding>,
    pub(super) deviation: Vec<&'a Finding>,
    pub(super) unknown: Vec<&'a Finding>,
    pub(super) excepted: Vec<&'a Finding>,
    /// What is reported apart, because the code is not to blame.
    pub(super) apart: u64,
    /// Resources that were judged, those that are reported apart among them.
    pub(super) judged: u64,
    /// Passes, those that are reported apart among them.
    pub(super) passes: u64,
    /// Resources of the type that it is not about.
    pub(super) out_of_scope: u64,
}

impl OfPolicy<'_> {
    /// Whether there is anything to say of it.
    pub(super) fn is_empty(&self) -> bool {
        self.judged == 0 && self.unknown.is_empty()
    }
}

/// A promise, and what the run says of it.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) statement: &'a Statement,
    pub(super) verdict: ControlVerdict,
    /// Why it is what it is, where that is not plain.
    pub(super) why: Line,
    /// Policies that test it, in this run.
    pub(super) policies: Vec<&'a Policy>,
}

/// Calls above this number are grouped per operation.
pub(super) const CALLS_SHOWN: usize = 300;

/// The report, and what follows from it.
pub(super) struct Facts<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) words: &'static Words,
    lang: Lang,
    pub(super) policies: Vec<OfPolicy<'a>>,
    pub(super) seed: String,
    pub(super) today: Date,
    controls: HashMap<&'a str, Vec<&'a str>>,
    /// Deviations and unknowns that are still there, by fingerprint and verdict.
    open: HashMap<(&'a str, &'a str), &'a Span>,
    calls: HashMap<ResponseId, &'a CallLine>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(report: &'a Report<'a>, lang: Lang) -> Self {
        let mut policies: Vec<OfPolicy<'a>> = report.policies.iter().map(|_| OfPolicy::default()).collect();
        for finding in &report.judgement.findings {
            let of = &mut policies[finding.policy as usize];
            if matches!(finding.subject, Subject::Resource(_)) {
                of.judged += 1;
                of.passes += u64::from(finding.verdict == Verdict::Pass);
            }
            if !report.counts_in(finding) {
                of.apart += 1;
                continue;
            }
            match finding.verdict {
                Verdict::Pass => of.pass.push(finding),
                Verdict::Deviation => of.deviation.push(finding),
                Verdict::Unknown => of.unknown.push(finding),
                Verdict::Excepted => of.excepted.push(finding),
            }
        }
        for (of, out) in policies.iter_mut().zip(&report.judgement.out_of_scope) {
            of.out_of_scope = out.total();
        }
        let as_of = report.estate.run.as_of;
        let dossier = report.dossier;
        let spans = dossier.iter().flat_map(|d| &d.spans).filter(|span| span.closed.is_none());
        Self {
            policies,
            seed: dossier.map_or_else(|| sample::seed(report.policies_sha256, &as_of.to_string()), |d| d.findings_sha256.clone()),
            today: day_of(as_of),
            controls: report.policies.iter().map(|p| (p.id.as_str(), controls_of(report.framework, &p.id))).collect(),
            open: spans.map(|span| ((span.fingerprint.as_str(), span.verdict.as_str()), span)).collect(),
            calls: dossier.iter().flat_map(|d| &d.calls).filter_map(|call| Some((call.response?, call))).collect(),
            words: lang.words(),
            report,
            lang,
        }
    }

    /// Text that is in English whatever the language of the report.
    pub(super) fn english(&self, text: &str) -> Inline {
        if self.lang == Lang::En { Inline::text(text) } else { Inline::English(text::visible(text)) }
    }

    /// The same, with what stands between backticks as values of a machine.
    pub(super) fn marked(&self, text: &str) -> Line {
        let part = |(at, part): (usize, &str)| if at % 2 == 1 { Inline::code(part) } else { self.english(part) };
        Line(text.split('`').enumerate().filter(|(_, part)| !part.is_empty()).map(part).collect())
    }

    /// Why a control is what it is. What the framework itself says is in its own words.
    pub(super) fn why(&self, why: &Why) -> Line {
        let w = self.words;
        let list = |name: &'static str, sentence: &str, ids: &[String]| {
            fill(sentence, &[(name, Line::listed(ids.iter().map(|id| Line::from(Inline::code(id)))))])
        };
        match why {
            Why::DoesNotApply(text) | Why::NothingYet(text) => self.english(text).into(),
            Why::NoPolicyInRun => Line::from(w.why_no_policy),
            Why::LeftOut(policies) => list("policies", w.why_left_out, policies),
            Why::PopulationEmpty => Line::from(w.population_empty),
            Why::NotProvenEmpty(policies) => list("policies", w.why_not_proven, policies),
            Why::NothingToJudge(policies) => list("policies", w.why_nothing, policies),
            Why::Expired(statements) => list("statements", w.why_expired, statements),
            Why::NoAttestation(statements) => list("statements", w.why_no_attestation, statements),
            Why::NoCode(policies) => list("policies", w.why_no_code, policies),
        }
    }

    /// What a finding says. Of what could not be read every part is known, so that it is said in the language of the report.
    pub(super) fn message(&self, finding: &Finding) -> Line {
        let w = self.words;
        let sentence = match (&finding.subject, finding.clause) {
            (Subject::Unseen { .. }, _) => w.message_not_listed,
            (Subject::Resource(_), None) => w.message_scope_not_seen,
            (Subject::Resource(_), Some(_)) => w.message_not_seen,
        };
        match &finding.gap {
            Some(gap) if finding.verdict == Verdict::Unknown => fill(sentence, &[("gap", self.gap(gap))]),
            _ => self.english(finding.message.as_deref().unwrap_or_default()).into(),
        }
    }

    /// Call, reason, AWS's code and subject of a gap.
    fn gap(&self, gap: &Gap) -> Line {
        let reason = Line::from(self.words.gap(gap.reason));
        let mut line = match gap.operation.as_str() {
            "-" => reason,
            operation => Line::from(Inline::code(&format!("{}:{operation}", gap.service))).then(" – ").then(reason),
        };
        if let Some(code) = &gap.code {
            line = line.then(" (").then(Inline::code(code)).then(")");
        }
        match &gap.subject {
            Some(subject) => line.then(", ").then(self.english(subject)),
            None => line,
        }
    }

    /// The owner of a statement.
    pub(super) fn owner(&self, owner: &str) -> Line {
        self.words.of(OWNERS, owner).map_or_else(|| Line::from(owner), Line::from)
    }

    /// A region, or that it is none.
    pub(super) fn region(&self, region: &str) -> Line {
        self.words.of(REGIONS, region).map_or_else(|| Inline::code(region).into(), Line::from)
    }

    /// Where the facts come from.
    pub(super) fn source(&self, source: &str) -> Line {
        self.words.of(SOURCES, source).map_or_else(|| Inline::code(source).into(), Line::from)
    }

    /// The environment of what a finding is about.
    pub(super) fn environment(&self, finding: &Finding) -> Line {
        let w = self.words;
        match &finding.subject {
            Subject::Unseen { .. } => Line::from(w.environment_unknown),
            Subject::Resource(at) => {
                let environment = &self.report.estate.resources[*at as usize].environment;
                w.environment(environment).map_or_else(|| Inline::code(environment.as_str()).into(), Line::from)
            }
        }
    }

    /// Whole days, in words.
    pub(super) fn age(&self, days: i64) -> Line {
        let sentence = if self.lang.is_one(days) { self.words.day_old } else { self.words.days_old };
        fill(sentence, &[("n", Line::from(days.to_string().as_str()))])
    }

    /// A policy with its verdicts.
    pub(super) fn policy(&self, id: &str) -> Option<(&'a Policy, &OfPolicy<'a>)> {
        let at = self.report.policies.iter().position(|p| p.id == id)?;
        Some((&self.report.policies[at], &self.policies[at]))
    }

    /// Policies with their verdicts.
    pub(super) fn each_policy(&self) -> impl Iterator<Item = (&'a Policy, &OfPolicy<'a>)> {
        self.report.policies.iter().zip(&self.policies)
    }

    /// Controls with their results.
    pub(super) fn each_control(&self) -> impl Iterator<Item = (&'a Control, &'a ControlResult)> {
        self.report.framework.controls.iter().zip(&self.report.controls)
    }

    /// Ids of the controls that a policy serves.
    pub(super) fn controls_of(&self, policy: &str) -> &[&'a str] {
        self.controls.get(policy).map_or(&[], Vec::as_slice)
    }

    pub(super) fn statement(&self, id: &str) -> Option<&'a Statement> {
        self.report.statements.iter().find(|s| s.id == id)
    }

    pub(super) fn place(&self, finding: &'a Finding) -> Place<'a> {
        self.report.place(finding)
    }

    pub(super) fn fingerprint(&self, finding: &'a Finding) -> String {
        let place = self.place(finding);
        let policy = &self.report.policies[finding.policy as usize];
        fingerprint(&policy.id, place.kind, place.account, place.region, place.arn)
    }

    /// Since when a finding has been open, where the chain tells.
    pub(super) fn since(&self, finding: &'a Finding) -> Option<Timestamp> {
        if self.open.is_empty() {
            return None;
        }
        let fingerprint = self.fingerprint(finding);
        self.open.get(&(fingerprint.as_str(), finding.verdict.as_str())).map(|span| span.opened)
    }

    /// The answers that a finding was made of.
    pub(super) fn responses(&self, finding: &Finding) -> &'a [ResponseId] {
        match &finding.subject {
            Subject::Resource(at) => &self.report.estate.resources[*at as usize].responses,
            Subject::Unseen { .. } => &[],
        }
    }

    pub(super) fn call(&self, response: ResponseId) -> Option<&'a CallLine> {
        self.calls.get(&response).copied()
    }

    /// Whether the index has a line for each call.
    pub(super) fn lists_calls(&self) -> bool {
        self.report.dossier.is_some_and(|d| d.calls.len() <= CALLS_SHOWN)
    }

    /// The pack before this one that was finished.
    pub(super) fn previous(&self) -> Option<&'a PackLine> {
        self.report.dossier?.earlier.iter().rev().find(|pack| pack.finished.is_some())
    }

    /// How many controls have each verdict.
    pub(super) fn tally(&self) -> BTreeMap<ControlVerdict, u64> {
        tally(self.report.controls.iter().map(|c| c.verdict))
    }

    /// The word for a verdict, with its symbol.
    pub(super) fn mark(&self, verdict: ControlVerdict) -> Inline {
        let w = self.words;
        let (class, symbol, word) = match verdict {
            ControlVerdict::Met => ("met", "✓", w.met),
            ControlVerdict::NotMet => ("bad", "✗", w.not_met),
            ControlVerdict::NotDetermined => ("open", "?", w.not_determined),
            ControlVerdict::Attested => ("doc", "✎", w.attested),
            ControlVerdict::AttestationExpired => ("bad", "!", w.attestation_expired),
            ControlVerdict::ExceptionAccepted => ("other", "≈", w.exception_accepted),
            ControlVerdict::Inherited => ("other", "↓", w.inherited),
            ControlVerdict::NotApplicable => ("other", "–", w.not_applicable),
        };
        Inline::Mark(class, symbol, word)
    }

    /// The same for a verdict on one resource.
    pub(super) fn finding_mark(&self, verdict: Verdict) -> Inline {
        let w = self.words;
        let (class, symbol, word) = match verdict {
            Verdict::Pass => ("met", "✓", w.pass),
            Verdict::Deviation => ("bad", "✗", w.deviation),
            Verdict::Unknown => ("open", "?", w.unknown),
            Verdict::Excepted => ("other", "≈", w.excepted),
        };
        Inline::Mark(class, symbol, word)
    }

    pub(super) fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Low => self.words.low,
            Severity::Medium => self.words.medium,
            Severity::High => self.words.high,
            Severity::Critical => self.words.critical,
        }
    }

    pub(super) fn state(&self, state: State) -> Inline {
        let (class, symbol, word) = match state {
            State::Valid => ("met", "✓", self.words.valid),
            State::Expired => ("bad", "!", self.words.expired),
            State::Future => ("open", "?", self.words.not_yet_valid),
        };
        Inline::Mark(class, symbol, word)
    }

    /// A word for a value that is not there.
    pub(super) fn or_none(&self, line: Line) -> Line {
        if line.is_empty() { Line::from(self.words.none) } else { line }
    }

    /// Whether policies that the framework names were left out of the run.
    pub(super) fn left_out(&self) -> BTreeSet<&'a str> {
        let named = self.report.framework.controls.iter().flat_map(|c| &c.policies);
        named.filter(|id| self.policy(id).is_none()).map(String::as_str).collect()
    }

    /// Why a claim is what it is: a sheet has the numbers of a control, and a claim has none.
    fn why_of_claim(&self, statement: &Statement, result: &ControlResult) -> Line {
        let w = self.words;
        let untested = result.policies.is_empty() && result.why.is_empty() && statement.basis == Basis::Api;
        let numbers = [(w.deviations, result.deviations), (w.unknowns, result.unknown), (w.excepteds, result.excepted)];
        let numbers = numbers.into_iter().filter(|(_, n)| *n > 0).map(|(word, n)| Line::from(word).then(" ").then(n));
        let untested = (untested && result.verdict == ControlVerdict::NotDetermined).then(|| Line::from(w.why_untested));
        Line::listed(numbers).below(Line::stacked(result.why.iter().map(|why| self.why(why)).chain(untested)))
    }

    /// The promises: rolled up like controls, each by its own policies and documents.
    pub(super) fn claims(&self) -> Vec<Claim<'a>> {
        let report = self.report;
        let is_attested = |s: &Statement| s.basis == Basis::Attested || report.attestations.iter().any(|a| a.statement == s.id);
        let of = |s: &Statement| Control {
            id: s.id.clone(),
            title: s.title.clone(),
            ids_2013: Vec::new(),
            policies: report.policies.iter().filter(|p| p.statement == s.id).map(|p| p.id.clone()).collect(),
            attested: is_attested(s).then(|| s.id.clone()).into_iter().collect(),
            inherited: (s.basis == Basis::Inherited).then(|| s.id.clone()),
            not_applicable: None,
            none_yet: None,
        };
        let promises = Framework { id: String::new(), title: String::new(), controls: report.statements.iter().map(of).collect() };
        let results = roll_up(&promises, report.policies, report.judgement, report.estate, report.attestations, report.edition);
        // Which statement a policy tests is known only of those in the run: where some were left out, the promises of their
        // controls may lack one.
        let left_out = self.left_out();
        let lacking: BTreeSet<&str> = report
            .framework
            .controls
            .iter()
            .filter(|c| c.policies.iter().any(|p| left_out.contains(p.as_str())))
            .map(|c| c.id.as_str())
            .collect();
        let claim = |(statement, result): (&'a Statement, ControlResult)| {
            let lacks = statement.controls.iter().any(|c| lacking.contains(c.as_str()));
            let good = matches!(result.verdict, ControlVerdict::Met | ControlVerdict::ExceptionAccepted);
            let (verdict, why) = match lacks && good {
                true => (ControlVerdict::NotDetermined, Line::from(self.words.why_claim_lacks)),
                false => (result.verdict, self.why_of_claim(statement, &result)),
            };
            Claim { statement, verdict, why, policies: report.policies.iter().filter(|p| p.statement == statement.id).collect() }
        };
        report.statements.iter().zip(results).map(claim).collect()
    }
}

pub(super) fn tally(verdicts: impl Iterator<Item = ControlVerdict>) -> BTreeMap<ControlVerdict, u64> {
    let mut tally = BTreeMap::new();
    for verdict in verdicts {
        *tally.entry(verdict).or_default() += 1;
    }
    tally
}

/// The day of a moment, in UTC.
pub(super) fn day_of(time: Timestamp) -> Date {
    time.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Whole days from one moment to another.
pub(super) fn days(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()).div_euclid(86_400)
}

/// Days from one day to another.
pub(super) fn days_between(from: Date, to: Date) -> i64 {
    let second = |day: Date| day.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second());
    (second(to) - second(from)).div_euclid(86_400)
}
