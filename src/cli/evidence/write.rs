//! The pack of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::super::config::cadence;
use super::super::judge::{Given, Judged, saved};
use super::super::setup::{Rules, Setup};
use super::super::{Failure, now, output, variable};
use super::key::{PasswordArgs, signer};
use super::rebuild::EXPORTS;
use crate::estate::Estate;
use crate::evaluate::{Subject, Verdict, fingerprint};
use crate::evidence::Caller;
use crate::evidence::sign::Signer;
use crate::evidence::{Basis, Begin, History, OpenFinding, PackResult, Packing, RuleFile, Tool, history, of_code, sha256};
use crate::framework::{Edition, controls_of};
use crate::policy::Severity;
use crate::report::{CallLine, Counts, Dossier, Format, Lang, PackLine, RedactionLine, Report, Span, Style};

/// Options that make a run evidence.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EvidenceArgs {
    /// Keep the run as a pack in this folder: a chain of packs, one for each run
    #[arg(long = "evidence", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
    /// Sign the pack with this key: a file (`keur evidence key`), or a key of AWS KMS: `awskms:///` and its ARN or alias
    #[arg(long = "sign", value_name = "KEY", requires = "folder", value_hint = ValueHint::FilePath)]
    key: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    /// How often a run is expected (24h, 7d): longer times without one are shown
    #[arg(long, value_name = "DURATION", requires = "folder", value_parser = cadence)]
    cadence: Option<SignedDuration>,
}

/// How a run was made, for its evaluation from the pack.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunRecord {
    pub(super) schema: String,
    /// Where the facts come from, in one word.
    pub(super) source: String,
    pub(super) fail_on: Severity,
    pub(super) all: bool,
    /// Only these policies.
    pub(super) only: Vec<String>,
    /// Whether every service was asked, for a comparison with code.
    pub(super) everything: bool,
    /// The types that the program knew: a newer one may know more, which nobody asked for then.
    pub(super) types: Vec<String>,
    /// By which rules controls were rolled up, and which members the findings have.
    #[serde(default)]
    pub(super) edition: Edition,
    /// How the estate says it was found: who asked, when, where.
    pub(super) run: crate::estate::Run,
}

pub(super) const RUN_SCHEMA: &str = "keur/run/1";

/// Names of the members of a pack.
pub(super) mod role {
    pub(crate) const RUN: &str = "run";
    pub(crate) const RULES: &str = "rules";
    pub(crate) const TAPE: &str = "tape";
    pub(crate) const INDEX: &str = "index";
    pub(crate) const ESTATE: &str = "estate";
    pub(crate) const BEFORE: &str = "before";
    pub(crate) const DECLARED: &str = "declared";
    pub(crate) const PAST: &str = "past";
    pub(crate) const POPULATION: &str = "population";
    pub(crate) const FINDINGS: &str = "findings";
    pub(crate) const OPEN: &str = "open";
    pub(crate) const EXPORT: &str = "export";
    pub(crate) const REPORT: &str = "report";
}

/// Kinds of rules.
pub(super) mod rule {
    pub(crate) const CONFIG: &str = "config";
    pub(crate) const POLICIES: &str = "policies";
    pub(crate) const DECLARATIONS: &str = "declarations";
    pub(crate) const EXCEPTIONS: &str = "exceptions";
    pub(crate) const ATTESTATIONS: &str = "attestations";
    pub(crate) const IGNORE: &str = "ignore";
}

/// What pipelines say of themselves. None of these is a secret.
const RUN_BY: &[&str] = &[
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_SHA",
    "GITHUB_REF",
    "GITHUB_ACTOR",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_SERVER_URL",
    "CI_PROJECT_URL",
    "CI_PIPELINE_URL",
    "CI_JOB_URL",
    "CI_COMMIT_SHA",
    "CI_COMMIT_REF_NAME",
    "GITLAB_USER_LOGIN",
    "BUILD_URL",
    "BUILD_TAG",
    "BITBUCKET_BUILD_NUMBER",
    "BITBUCKET_COMMIT",
    "BITBUCKET_REPO_FULL_NAME",
    "BUILDKITE_BUILD_URL",
    "BUILDKITE_COMMIT",
    "CODEBUILD_BUILD_ARN",
    "KEUR_OPERATOR",
];

impl EvidenceArgs {
    /// The files that it reads.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.key.iter().map(Path::new).chain(self.password.file())
    }

    /// Who signs, if anybody.
    pub(crate) fn signer(&self, profile: Option<&str>, setup: &Setup) -> Result<Option<Box<dyn Signer>>, Failure> {
        let key = self.key.as_ref().or(setup.config.sign.as_ref()).filter(|_| self.folder.is_some());
        let Some(key) = key else { return Ok(None) };
        let caller = Caller { profile: profile.map(str::to_owned), allowed: setup.allowed.clone(), now: now() };
        signer(key, &self.password, caller).map(Some)
    }

    /// Takes the next number of the chain and writes the record of the start, if the run is to be evidence.
    pub(crate) fn begin<'s>(&self, source: &str, setup: &Setup, signer: Option<&'s dyn Signer>) -> Result<Option<Packing<'s>>, Failure> {
        let Some(root) = &self.folder else { return Ok(None) };
        let run_by = RUN_BY.iter().filter_map(|name| Some(((*name).to_owned(), variable(name).filter(|value| !value.is_empty())?)));
        let packing = Packing::begin(Begin {
            root,
            now: now(),
            tool: tool(),
            source,
            policies_sha256: &setup.bundle.sha256,
            run_by: run_by.collect(),
            cadence: self.cadence.or(setup.config.cadence).map(|cadence| cadence.as_secs()),
            signer,
        })?;
        Ok(Some(packing))
    }
}

/// This program, with the hash of its file.
pub(super) fn tool() -> Tool {
    let file = std::env::current_exe().ok().and_then(|path| std::fs::read(path).ok());
    Tool { name: crate::tool(), sha256: file.map(|bytes| sha256(&bytes)) }
}

/// Seals the pack of a run that came to nothing.
pub(crate) fn abort(packing: Packing<'_>, reason: &str) -> Result<(), Failure> {
    packing.abort(reason, now())?;
    Ok(())
}

/// That the evidence of a run was not kept, whatever the reason: the run itself was.
pub(crate) fn not_kept(failure: Failure) -> Failure {
    let hint = failure.hint.or_else(|| Some("mend that, and run the command again".to_owned()));
    Failure { hint, ..output::unwritten(format!("the evidence was not kept: {}", failure.message)) }
}

/// What is in the pack, and what its report says of it.
struct Prepared {
    dossier: Dossier,
    findings: Vec<u8>,
    open: Vec<OpenFinding>,
    /// What the packs before it say: without them, its report could not be made again.
    past: Option<Vec<u8>>,
    rules: Vec<(RuleFile, Vec<u8>)>,
}

/// Makes what does not depend on the dossier.
fn prepare(packing: &Packing<'_>, setup: &Setup, given: &Given, judged: &Judged, report: &Report<'_>) -> Result<Prepared, Failure> {
    let findings = findings(report);
    let open = open_findings(report);
    let ignore = given.declared.as_ref().map(|declared| declared.sources.as_slice()).unwrap_or_default();
    let rules = rule_files(&setup.rules, ignore);
    let earlier = match &packing.earlier {
        Some(chain) => Some(history(chain, None, Some(&packing.started().0.source))?),
        None => None,
    };
    let (started, started_sha256) = packing.started();
    let facts = Facts {
        chain: packing.chain_id(),
        sequence: packing.sequence(),
        started_sha256,
        started,
        key: packing.key(),
        cadence: packing.cadence(),
        tool: packing.tool(),
    };
    let past = earlier.as_ref().filter(|_| packing.sequence() > 1).map(pretty);
    let dossier = dossier(&facts, earlier, report, &findings, &open, &rules, &calls(judged));
    Ok(Prepared { dossier, findings, open, past, rules })
}

/// What a dossier says that is neither of the report nor of the packs before.
pub(super) struct Facts<'a> {
    pub(super) chain: &'a str,
    pub(super) sequence: u64,
    pub(super) started_sha256: &'a str,
    pub(super) started: &'a crate::evidence::Started,
    pub(super) key: Option<String>,
    pub(super) cadence: Option<i64>,
    pub(super) tool: &'a Tool,
}

/// `findings.json`: the report as `--format json` prints it.
pub(super) fn findings(report: &Report<'_>) -> Vec<u8> {
    written(report, Format::Json, Lang::default())
}

/// How members of a pack are printed.
fn plain(lang: Lang) -> Style {
    Style { width: 100, color: false, lang }
}

/// What does not pass.
pub(super) fn open_findings(report: &Report<'_>) -> Vec<OpenFinding> {
    let mut controls: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for policy in report.policies {
        let served = controls_of(report.framework, &policy.id).into_iter().map(str::to_owned).collect();
        controls.insert(&policy.id, served);
    }
    let counted = report.judgement.findings.iter().filter(|f| f.verdict != Verdict::Pass && report.counts_in(f));
    let mut open: Vec<OpenFinding> = counted
        .map(|finding| {
            let policy = &report.policies[finding.policy as usize];
            let place = report.place(finding);
            OpenFinding {
                fingerprint: fingerprint(&policy.id, place.kind, place.account, place.region, place.arn),
                policy: policy.id.clone(),
                controls: controls.get(policy.id.as_str()).cloned().unwrap_or_default(),
                verdict: finding.verdict.as_str().to_owned(),
                severity: policy.severity.as_str().to_owned(),
                kind: place.kind.to_owned(),
                resource: match finding.subject {
                    Subject::Resource(_) => place.arn.to_owned(),
                    Subject::Unseen { .. } => String::new(),
                },
                account: place.account.to_owned(),
                region: place.region.to_owned(),
                exception: finding.exception.map(|e| report.exceptions[e as usize].id.clone()),
            }
        })
        .collect();
    open.sort_by(|a, b| (&a.fingerprint, &a.verdict).cmp(&(&b.fingerprint, &b.verdict)));
    open
}

/// The rules as files.
pub(super) fn rule_files(rules: &Rules, ignore: &[std::sync::Arc<crate::diag::SourceFile>]) -> Vec<(RuleFile, Vec<u8>)> {
    let config: Vec<_> = rules.config_source.iter().cloned().collect();
    let kinds = [
        (rule::CONFIG, config.as_slice()),
        (rule::POLICIES, rules.policies.as_slice()),
        (rule::DECLARATIONS, rules.declarations.as_slice()),
        (rule::EXCEPTIONS, rules.exceptions.as_slice()),
        (rule::ATTESTATIONS, rules.attestations.as_slice()),
        (rule::IGNORE, ignore),
    ];
    kinds
        .into_iter()
        .flat_map(|(kind, sources)| sources.iter().map(move |source| (kind, source)))
        .map(|(kind, source)| {
            let bytes = source.text.as_bytes().to_vec();
            (RuleFile { kind: kind.to_owned(), name: source.name.clone(), sha256: sha256(&bytes) }, bytes)
        })
        .collect()
}

/// The calls of a run.
#[cfg(feature = "aws")]
fn calls(judged: &Judged) -> Vec<(CallLine, Vec<RedactionLine>)> {
    judged.tape.as_ref().map(calls_of).unwrap_or_default()
}

#[cfg(not(feature = "aws"))]
fn calls(_: &Judged) -> Vec<(CallLine, Vec<RedactionLine>)> {
    Vec::new()
}

/// The calls on a tape.
#[cfg(feature = "aws")]
pub(super) fn calls_of(tape: &crate::aws::Tape) -> Vec<(CallLine, Vec<RedactionLine>)> {
    use crate::aws::Outcome;
    let line = |exchange: &crate::aws::Exchange| {
        let (status, response) = match &exchange.outcome {
            Outcome::Response { status, body, .. } => (Some(*status), Some(*body)),
            Outcome::TimedOut | Outcome::Unreachable => (None, None),
        };
        let bytes = response.and_then(|id| tape.bodies.get(&id)).map_or(0, |bytes| bytes.len() as u64);
        let call = CallLine {
            account: exchange.account.clone(),
            region: exchange.region.clone(),
            service: exchange.service.clone(),
            operation: exchange.operation.clone(),
            time: exchange.time,
            status,
            request_id: exchange.request_id.clone(),
            bytes,
            response,
        };
        let redacted = response.map(|response| {
            let taken = exchange.redactions.iter().map(|r| RedactionLine {
                response,
                pointer: format!("{} ×{}", r.name, r.count),
                reason: r.reason.clone(),
            });
            taken.collect()
        });
        (call, redacted.unwrap_or_default())
    };
    tape.exchanges.iter().map(line).collect()
}

/// What a report says of its pack: the same for the run and for its evaluation from the pack.
pub(super) fn dossier(
    facts: &Facts<'_>,
    earlier: Option<History>,
    report: &Report<'_>,
    findings: &[u8],
    open: &[OpenFinding],
    rules: &[(RuleFile, Vec<u8>)],
    calls: &[(CallLine, Vec<RedactionLine>)],
) -> Dossier {
    let run = &report.estate.run;
    let mut past = earlier.unwrap_or_else(|| History::new(facts.chain, &facts.started.source));
    let lines = past.days.iter().map(pack_line).collect();
    let code = of_code(&facts.started.source);
    // Of code, when it was judged; else when AWS was asked.
    let at = if code { facts.started.time } else { run.started };
    past.push(open, &looked_at(report, code), at);
    past.cadence = facts.cadence.map(SignedDuration::from_secs);
    let mut late = past.late();
    late.extend(past.at(at).filter(|(_, _, current)| !current).map(|(day, _, _)| (day.at, at)));
    Dossier {
        chain: facts.chain.to_owned(),
        sequence: facts.sequence,
        started_sha256: facts.started_sha256.to_owned(),
        findings_sha256: sha256(findings),
        earlier: lines,
        cadence: past.cadence,
        late,
        key: facts.key.clone(),
        tool_sha256: facts.tool.sha256.clone(),
        run_by: facts.started.run_by.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        rules: rules.iter().map(|(rule, _)| (rule.name.clone(), rule.sha256.clone())).collect(),
        calls: calls.iter().map(|(call, _)| call.clone()).collect(),
        redactions: calls.iter().flat_map(|(_, redactions)| redactions.iter().cloned()).collect(),
        spans: past
            .spans
            .into_iter()
            .map(|span| Span {
                fingerprint: span.finding.fingerprint,
                policy: span.finding.policy,
                resource: if span.finding.resource.is_empty() { span.finding.kind } else { span.finding.resource },
                verdict: span.finding.verdict,
                opened: span.opened,
                closed: span.closed,
            })
            .collect(),
    }
}

fn pack_line(day: &crate::evidence::Day) -> PackLine {
    let result = day.result.as_ref();
    let count = |name: &str| result.and_then(|r| r.counts.get(name)).copied().unwrap_or_default();
    PackLine {
        sequence: day.sequence,
        // Of a recording, when it was made.
        started: result.map_or(day.started, |r| r.run_started),
        finished: result.map(|r| r.run_finished),
        manifest_sha256: day.manifest_sha256.clone(),
        previous_sha256: day.previous_sha256.clone(),
        key: day.key.clone(),
        counts: Counts { pass: count("pass"), deviation: count("deviation"), unknown: count("unknown"), excepted: count("excepted") },
        controls: result
            .iter()
            .flat_map(|r| &r.controls)
            .filter_map(|(id, word)| Some((id.clone(), crate::framework::ControlVerdict::of(word)?)))
            .collect(),
        policies_sha256: result.map(|r| r.policies_sha256.clone()).unwrap_or_default(),
        scope: result.iter().flat_map(|r| r.accounts.iter().chain(&r.regions)).cloned().collect(),
    }
}

/// What a run looked at, for those who ask whether it could have seen that something is mended.
fn looked_at(report: &Report<'_>, code: bool) -> crate::evidence::Looked {
    let run = &report.estate.run;
    crate::evidence::Looked {
        accounts: run.accounts.iter().map(|a| a.id.clone()).collect(),
        regions: run.regions.clone(),
        policies: report.policies.iter().map(|p| p.id.clone()).collect(),
        listed: (!code).then(|| {
            let complete = report.population.iter().filter(|line| line.complete);
            complete.map(|line| (line.kind.clone(), line.account.clone(), line.region.clone())).collect()
        }),
    }
}

/// What the manifest says of a run.
pub(super) fn result_of(report: &Report<'_>, source: &str, basis: Basis, findings: &[u8]) -> PackResult {
    let run = &report.estate.run;
    let counts = report.counts();
    PackResult {
        source: source.to_owned(),
        run_started: run.started,
        run_finished: run.finished,
        as_of: run.as_of,
        basis,
        accounts: run.accounts.iter().map(|a| a.id.clone()).collect(),
        regions: run.regions.clone(),
        policies_sha256: report.policies_sha256.to_owned(),
        framework: report.framework.id.clone(),
        policies: report.policies.iter().map(|p| p.id.clone()).collect(),
        counts: [("pass", counts.pass), ("deviation", counts.deviation), ("unknown", counts.unknown), ("excepted", counts.excepted)]
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        controls: report.controls.iter().map(|c| (c.id.clone(), c.verdict.as_str().to_owned())).collect(),
        exit_code: report.exit_code(),
        findings_sha256: sha256(findings),
    }
}

/// A member of the pack that is made of the report.
pub(super) fn written(report: &Report<'_>, format: Format, lang: Lang) -> Vec<u8> {
    let mut bytes = Vec::new();
    report.write(format, plain(lang), &mut bytes).expect("internal error: writing to memory cannot fail");
    bytes
}

/// Writes the pack of a run and seals it: what reports may say of it, and where it is now. A pack that cannot be written stays in the
/// chain, with the reason.
pub(crate) fn keep(
    mut packing: Packing<'_>,
    setup: &Setup,
    given: &Given,
    judged: &Judged,
    report: &Report<'_>,
    lang: Lang,
) -> Result<(Dossier, String), Failure> {
    let (dossier, result) = match fill(&mut packing, setup, given, judged, report, lang) {
        Ok(filled) => filled,
        Err(failure) => {
            return Err(match abort(packing, &format!("its evidence could not be written: {}", failure.message)) {
                Ok(()) => failure,
                // The next run finds it like this, and says so.
                Err(also) => Failure { message: format!("{}; the pack stays unfinished: {}", failure.message, also.message), ..failure },
            });
        }
    };
    let sealed = packing.seal(result, now())?;
    let size = sealed.bytes.div_ceil(1000);
    Ok((dossier, format!("evidence: {} ({size} kB on disk), manifest {}", sealed.folder.display(), sealed.manifest_sha256)))
}

/// Writes everything but the manifest.
fn fill(
    packing: &mut Packing<'_>,
    setup: &Setup,
    given: &Given,
    judged: &Judged,
    report: &Report<'_>,
    lang: Lang,
) -> Result<(Dossier, PackResult), Failure> {
    let prepared = prepare(packing, setup, given, judged, report)?;
    let report = &judged.report(setup, given.fail_on, given.all, Some(&prepared.dossier));
    let run = &judged.estate.run;
    let source = packing.started().0.source.clone();
    for (_, bytes) in &prepared.rules {
        packing.object(bytes)?;
    }
    let rules: Vec<&RuleFile> = prepared.rules.iter().map(|(rule, _)| rule).collect();
    packing.plain("rules.json", role::RULES, &pretty(&rules))?;
    let record = RunRecord {
        schema: RUN_SCHEMA.to_owned(),
        source: source.clone(),
        fail_on: given.fail_on,
        all: given.all,
        only: setup.rules.only.clone(),
        everything: given.asks.everything,
        types: setup.registry.names().map(str::to_owned).collect(),
        edition: given.edition,
        run: run.clone(),
    };
    packing.plain("run.json", role::RUN, &pretty(&record))?;
    let basis = responses(packing, judged)?;
    let whole = |estate: &Estate| saved(estate);
    let seen = judged.seen.clone().unwrap_or_else(|| whole(&judged.estate));
    packing.packed("estate.json", role::ESTATE, &seen)?;
    if let Some(before) = &judged.before {
        packing.packed("before.json", role::BEFORE, &whole(before))?;
    }
    if let Some(declared) = &given.declared {
        packing.packed("declared.json", role::DECLARED, &whole(&declared.estate))?;
    }
    if let Some(past) = &prepared.past {
        packing.packed("past.json", role::PAST, past)?;
    }
    packing.plain("population.json", role::POPULATION, &pretty(&report.population))?;
    packing.packed("findings.json", role::FINDINGS, &prepared.findings)?;
    packing.packed("open.json", role::OPEN, &pretty(&prepared.open))?;
    for (format, name) in EXPORTS {
        packing.packed(&format!("exports/{name}"), role::EXPORT, &written(report, *format, lang))?;
    }
    packing.plain(&format!("report.{}.html", lang.code()), role::REPORT, &written(report, Format::Html, lang))?;
    let result = result_of(report, &source, basis, &prepared.findings);
    Ok((prepared.dossier, result))
}

/// Puts the answers of AWS into the store.
#[cfg(feature = "aws")]
fn responses(packing: &mut Packing<'_>, judged: &Judged) -> Result<Basis, Failure> {
    let Some(tape) = &judged.tape else { return Ok(Basis::Estate) };
    for bytes in tape.bodies.values() {
        packing.object(bytes)?;
    }
    packing.plain("tape.json", role::TAPE, &tape.head())?;
    packing.packed("index.jsonl", role::INDEX, &tape.index())?;
    Ok(Basis::Responses)
}

#[cfg(not(feature = "aws"))]
fn responses(_: &mut Packing<'_>, _: &Judged) -> Result<Basis, Failure> {
    Ok(Basis::Estate)
}

pub(super) fn pretty<T: Serialize>(record: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("internal error: a record is plain data");
    bytes.push(b'\n');
    bytes
}
