//! From findings to what a run says of each control. Never one percentage.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::{Attestation, Control, Framework, State};
use crate::estate::{Coverage, Estate};
use crate::evaluate::{Judgement, Subject, Verdict};
use crate::policy::Policy;

/// By which rules a run says what it says of controls, and which members its JSON report has. A pack names its edition, so that
/// its findings come out byte for byte when they are worked out again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Edition {
    /// A control was met as soon as one of its policies judged something. Packs that name no edition are of this one.
    #[default]
    First,
    /// A policy that judged nothing has to prove that there was nothing; the summary counts deviations by severity.
    Second,
}

impl Edition {
    /// That of new runs.
    pub const CURRENT: Self = Self::Second;
}

impl From<Edition> for u8 {
    fn from(edition: Edition) -> Self {
        match edition {
            Edition::First => 1,
            Edition::Second => 2,
        }
    }
}

impl TryFrom<u8> for Edition {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            1 => Ok(Self::First),
            2 => Ok(Self::Second),
            other => Err(format!("edition {other} is not known to this program")),
        }
    }
}

/// What a run says of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlVerdict {
    /// Everything that tests it was seen and passes; what had nothing to judge proves that there was nothing.
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
    #[serde(rename = "reason", serialize_with = "joined")]
    pub why: Vec<Why>,
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

/// Why a control has its verdict, where its numbers do not say so. Reports in other languages have a sentence for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It does not apply, in the words of the framework.
    DoesNotApply(String),
    /// None of its policies was in the run.
    NoPolicyInRun,
    /// These policies were not in the run.
    LeftOut(Vec<String>),
    /// None of its policies had anything to judge.
    PopulationEmpty,
    /// These policies had nothing to judge, and no listing proves that there is nothing.
    NotProvenEmpty(Vec<String>),
    /// These policies had nothing to judge: everything was listed to its end.
    NothingToJudge(Vec<String>),
    /// The documents for these statements have expired.
    Expired(Vec<String>),
    /// No document is there for these statements.
    NoAttestation(Vec<String>),
    /// What would show it, in the words of the framework: nothing does yet.
    NothingYet(String),
    /// These policies judge code, and the run was given none for them.
    NoCode(Vec<String>),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotApply(text) | Self::NothingYet(text) => f.write_str(text),
            Self::NoPolicyInRun => f.write_str("its policies were not in this run"),
            Self::LeftOut(policies) => write!(f, "not in this run: {}", policies.join(", ")),
            Self::PopulationEmpty => f.write_str("the population is empty: there was nothing to judge"),
            Self::NotProvenEmpty(policies) => {
                write!(f, "nothing to judge, and no listing proves that there is nothing, for {}", policies.join(", "))
            }
            Self::NothingToJudge(policies) => write!(f, "nothing to judge for {}", policies.join(", ")),
            Self::Expired(statements) => write!(f, "expired: {}", statements.join(", ")),
            Self::NoAttestation(statements) => write!(f, "no attestation for {}", statements.join(", ")),
            Self::NoCode(policies) => write!(f, "no code was given for {}", policies.join(", ")),
        }
    }
}

impl ControlResult {
    /// Why it is what it is, in one English sentence.
    pub fn reason(&self) -> Option<String> {
        sentence(&self.why)
    }
}

fn sentence(why: &[Why]) -> Option<String> {
    (!why.is_empty()).then(|| why.iter().map(Why::to_string).collect::<Vec<_>>().join("; "))
}

fn joined<S: Serializer>(why: &[Why], serializer: S) -> Result<S::Ok, S::Error> {
    sentence(why).serialize(serializer)
}

#[derive(Default, Clone, Copy)]
struct Count {
    population: u64,
    deviations: u64,
    unknown: u64,
    excepted: u64,
}

/// What a policy in the run had to judge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subjects {
    /// Something, or something that could not be seen.
    Some,
    /// Nothing, and everything was listed to its end.
    None,
    /// Nothing, and nobody can say whether there is something.
    NotProven,
    /// It judges code, and the run was given none for it: such a run does not test it.
    NoCode,
}

/// What each policy had to judge.
fn subjects(policies: &[Policy], counts: &[Count], estate: &Estate, edition: Edition) -> Vec<Subjects> {
    let coverage = Coverage::new(estate);
    let of = |(policy, count): (&Policy, &Count)| {
        let kind = policy.resource.as_deref();
        // Where a listing failed and the policy may be about what it would have shown, there is an unknown verdict.
        if count.population > 0 || count.unknown > 0 {
            Subjects::Some
        } else if kind.is_some_and(|kind| kind.is_fact()) {
            Subjects::NoCode
        } else if edition == Edition::First || coverage.asked_everywhere(kind.map(|kind| kind.name.as_str())) {
            Subjects::None
        } else {
            Subjects::NotProven
        }
    };
    policies.iter().zip(counts).map(of).collect()
}

/// The result for every control of a framework.
pub fn roll_up(
    framework: &Framework,
    policies: &[Policy],
    judgement: &Judgement,
    estate: &Estate,
    attestations: &[Attestation],
    edition: Edition,
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
    let subjects = subjects(policies, &counts, estate, edition);
    let run: Vec<InRun<'_>> =
        policies.iter().zip(counts).zip(subjects).map(|((policy, count), subjects)| InRun { policy, count, subjects }).collect();
    framework.controls.iter().map(|control| one(control, &run, attestations, estate.run.as_of)).collect()
}

/// A policy in the run.
struct InRun<'a> {
    policy: &'a Policy,
    count: Count,
    subjects: Subjects,
}

fn one(control: &Control, run: &[InRun<'_>], attestations: &[Attestation], at: Timestamp) -> ControlResult {
    let of_control: Vec<&InRun<'_>> = run.iter().filter(|p| control.policies.contains(&p.policy.id)).collect();
    let mut sum = Count::default();
    for InRun { count, .. } in &of_control {
        sum.population += count.population;
        sum.deviations += count.deviations;
        sum.unknown += count.unknown;
        sum.excepted += count.excepted;
    }
    let with =
        |wanted: Subjects| -> Vec<String> { of_control.iter().filter(|p| p.subjects == wanted).map(|p| p.policy.id.clone()).collect() };
    let no_code = with(Subjects::NoCode);
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
        if states.contains(&State::Expired) { expired.push(statement.clone()) } else { missing.push(statement.clone()) }
    }
    let is_in_run = |id: &&String| of_control.iter().any(|p| p.policy.id == **id);
    let tests = Tests {
        any: control.policies.iter().any(|id| !no_code.contains(id)),
        in_run: of_control.iter().any(|p| p.subjects != Subjects::NoCode),
        left_out: control.policies.iter().filter(|id| !is_in_run(id)).cloned().collect(),
        not_proven: with(Subjects::NotProven),
        empty: with(Subjects::None),
    };
    let (verdict, mut why) = verdict(control, tests, sum, missing, expired);
    let policies = of_control.iter().filter(|p| p.subjects != Subjects::NoCode).map(|p| p.policy.id.clone()).collect();
    if !no_code.is_empty() && control.not_applicable.is_none() {
        why.push(Why::NoCode(no_code));
    }
    ControlResult {
        id: control.id.clone(),
        title: control.title.clone(),
        iso27001_2013: control.ids_2013.clone(),
        verdict,
        why,
        policies,
        population: sum.population,
        deviations: sum.deviations,
        unknown: sum.unknown,
        excepted: sum.excepted,
        attestations: documents,
    }
}

/// What tests a control, besides policies on code in a run that was given none.
struct Tests {
    /// Whether the framework names anything.
    any: bool,
    /// Whether any of it was in the run.
    in_run: bool,
    /// What was not.
    left_out: Vec<String>,
    /// What had nothing to judge, without proof.
    not_proven: Vec<String>,
    /// What had nothing to judge, with proof.
    empty: Vec<String>,
}

fn verdict(control: &Control, tests: Tests, sum: Count, missing: Vec<String>, expired: Vec<String>) -> (ControlVerdict, Vec<Why>) {
    use ControlVerdict as V;
    if let Some(reason) = &control.not_applicable {
        return (V::NotApplicable, vec![Why::DoesNotApply(reason.clone())]);
    }
    if sum.deviations > 0 {
        return (V::NotMet, Vec::new());
    }
    if sum.unknown > 0 {
        return (V::NotDetermined, Vec::new());
    }
    if tests.any {
        if !tests.left_out.is_empty() {
            return (V::NotDetermined, vec![if tests.in_run { Why::LeftOut(tests.left_out) } else { Why::NoPolicyInRun }]);
        }
        if !tests.not_proven.is_empty() {
            return (V::NotDetermined, vec![Why::NotProvenEmpty(tests.not_proven)]);
        }
        if sum.population == 0 {
            return (V::NotDetermined, vec![Why::PopulationEmpty]);
        }
    }
    if !expired.is_empty() {
        return (V::AttestationExpired, vec![Why::Expired(expired)]);
    }
    if !missing.is_empty() {
        return (V::NotDetermined, vec![Why::NoAttestation(missing)]);
    }
    if tests.any {
        let why = if tests.empty.is_empty() { Vec::new() } else { vec![Why::NothingToJudge(tests.empty)] };
        return (if sum.excepted > 0 { V::ExceptionAccepted } else { V::Met }, why);
    }
    if !control.attested.is_empty() {
        return (V::Attested, Vec::new());
    }
    if control.inherited.is_some() {
        return (V::Inherited, Vec::new());
    }
    (V::NotDetermined, control.none_yet.iter().cloned().map(Why::NothingYet).collect())
}
