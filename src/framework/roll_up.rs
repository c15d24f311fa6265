//! From findings to what a run says of each control. Never one percentage.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Attestation, Control, Framework, State};
use crate::evaluate::{Judgement, Subject, Verdict};
use crate::policy::Policy;

/// What a run says of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlVerdict {
    /// Everything that tests it was seen, and passes.
    Met,
    /// Something that tests it deviates.
    NotMet,
    /// Something could not be seen, nothing was there to see, or nothing tests it yet.
    NotDetermined,
    /// Documents prove it.
    Attested,
    /// The documents that proved it have expired.
    AttestationExpired,
    /// The only deviations are accepted ones.
    ExceptionAccepted,
    /// The provider answers for it.
    Inherited,
    /// It does not apply.
    NotApplicable,
}

impl ControlVerdict {
    /// The words in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::NotDetermined => "not determined",
            Self::Attested => "attested",
            Self::AttestationExpired => "attestation expired",
            Self::ExceptionAccepted => "exception accepted",
            Self::Inherited => "inherited",
            Self::NotApplicable => "not applicable",
        }
    }
}

impl ControlVerdict {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Met,
        Self::NotMet,
        Self::NotDetermined,
        Self::Attested,
        Self::AttestationExpired,
        Self::ExceptionAccepted,
        Self::Inherited,
        Self::NotApplicable,
    ];

    /// The verdict of a word in reports.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }
}

impl Serialize for ControlVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The result for one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlResult {
    /// Id.
    pub id: String,
    /// Short title.
    pub title: String,
    /// Ids in the edition of 2013.
    pub iso27001_2013: Vec<String>,
    /// The verdict.
    pub verdict: ControlVerdict,
    /// Why it is what it is, where the numbers do not say so.
    pub reason: Option<String>,
    /// Policies that test it and were in the run.
    pub policies: Vec<String>,
    /// Judgements on resources, over all of them.
    pub population: u64,
    /// Deviations among them.
    pub deviations: u64,
    /// What nobody could say.
    pub unknown: u64,
    /// Accepted deviations.
    pub excepted: u64,
    /// Attestations that document it, with their state.
    pub attestations: Vec<AttestationResult>,
}

/// An attestation in the result of a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttestationResult {
    /// The statement.
    pub statement: String,
    /// What it says.
    pub title: String,
    /// Until when.
    pub valid_until: String,
    /// `valid`, `expired` or `not yet valid`.
    pub state: &'static str,
}

#[derive(Default, Clone, Copy)]
struct Count {
    population: u64,
    deviations: u64,
    unknown: u64,
    excepted: u64,
}

/// The result for every control of a framework.
pub fn roll_up(
    framework: &Framework,
    policies: &[Policy],
    judgement: &Judgement,
    attestations: &[Attestation],
    at: Timestamp,
) -> Vec<ControlResult> {
    let mut counts = vec![Count::default(); policies.len()];
    for finding in &judgement.findings {
        let count = &mut counts[finding.policy as usize];
        if matches!(finding.subject, Subject::Resource(_)) {
            count.population += 1;
        }
        match finding.verdict {
            Verdict::Pass => {}
            Verdict::Deviation => count.deviations += 1,
            Verdict::Unknown => count.unknown += 1,
            Verdict::Excepted => count.excepted += 1,
        }
    }
    framework.controls.iter().map(|control| one(control, policies, &counts, attestations, at)).collect()
}

fn one(control: &Control, policies: &[Policy], counts: &[Count], attestations: &[Attestation], at: Timestamp) -> ControlResult {
    let mut sum = Count::default();
    let mut run = Vec::new();
    let mut empty = Vec::new();
    let mut not_given = Vec::new();
    for (policy, count) in policies.iter().zip(counts).filter(|(p, _)| control.policies.contains(&p.id)) {
        sum.population += count.population;
        sum.deviations += count.deviations;
        sum.unknown += count.unknown;
        sum.excepted += count.excepted;
        // Policies on code judge where a run is given code: a run without any does not test them.
        if count.population == 0 && count.unknown == 0 && policy.resource.as_ref().is_some_and(|kind| kind.is_fact()) {
            not_given.push(policy.id.as_str());
            continue;
        }
        if count.population == 0 && count.unknown == 0 {
            empty.push(policy.id.as_str());
        }
        run.push(policy.id.clone());
    }
    let mut documents = Vec::new();
    let (mut missing, mut expired) = (Vec::new(), Vec::new());
    for statement in &control.attested {
        let mut states = Vec::new();
        for attestation in attestations.iter().filter(|a| a.statement == *statement) {
            let state = attestation.state(at);
            states.push(state);
            documents.push(AttestationResult {
                statement: statement.clone(),
                title: attestation.title.clone(),
                valid_until: attestation.valid_until.to_string(),
                state: match state {
                    State::Valid => "valid",
                    State::Expired => "expired",
                    State::Future => "not yet valid",
                },
            });
        }
        if states.contains(&State::Valid) {
            continue;
        }
        if states.contains(&State::Expired) { expired.push(statement.as_str()) } else { missing.push(statement.as_str()) }
    }
    let tests: Vec<&str> = control.policies.iter().map(String::as_str).filter(|id| !not_given.contains(id)).collect();
    let (verdict, mut reason) = verdict(control, &tests, &run, sum, &missing, &expired, &empty);
    if !not_given.is_empty() && control.not_applicable.is_none() {
        let left = format!("no code was given for {}", not_given.join(", "));
        reason = Some(reason.map_or(left.clone(), |reason| format!("{reason}; {left}")));
    }
    ControlResult {
        id: control.id.clone(),
        title: control.title.clone(),
        iso27001_2013: control.ids_2013.clone(),
        verdict,
        reason,
        policies: run,
        population: sum.population,
        deviations: sum.deviations,
        unknown: sum.unknown,
        excepted: sum.excepted,
        attestations: documents,
    }
}

fn verdict(
    control: &Control,
    tests: &[&str],
    run: &[String],
    sum: Count,
    missing: &[&str],
    expired: &[&str],
    empty: &[&str],
) -> (ControlVerdict, Option<String>) {
    use ControlVerdict as V;
    if let Some(reason) = &control.not_applicable {
        return (V::NotApplicable, Some(reason.clone()));
    }
    if sum.deviations > 0 {
        return (V::NotMet, None);
    }
    if sum.unknown > 0 {
        return (V::NotDetermined, None);
    }
    if !tests.is_empty() {
        let left_out: Vec<&str> = tests.iter().filter(|p| !run.iter().any(|r| r == *p)).copied().collect();
        if !left_out.is_empty() {
            let reason = if run.is_empty() {
                "its policies were not in this run".to_owned()
            } else {
                format!("not in this run: {}", left_out.join(", "))
            };
            return (V::NotDetermined, Some(reason));
        }
        if sum.population == 0 {
            return (V::NotDetermined, Some("the population is empty: there was nothing to judge".to_owned()));
        }
    }
    if !expired.is_empty() {
        return (V::AttestationExpired, Some(format!("expired: {}", expired.join(", "))));
    }
    if !missing.is_empty() {
        return (V::NotDetermined, Some(format!("no attestation for {}", missing.join(", "))));
    }
    if !tests.is_empty() {
        let reason = (!empty.is_empty()).then(|| format!("nothing to judge for {}", empty.join(", ")));
        return if sum.excepted > 0 { (V::ExceptionAccepted, reason) } else { (V::Met, reason) };
    }
    if !control.attested.is_empty() {
        return (V::Attested, None);
    }
    if control.inherited.is_some() {
        return (V::Inherited, None);
    }
    (V::NotDetermined, control.none_yet.clone())
}
