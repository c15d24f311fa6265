//! `--format json`: schema `keur/report/1`. The same facts, policies and moment give the same bytes.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use super::{Place, Report};
use crate::estate::{Declared, DeclaredRun, Gap, ResponseId};
use crate::evaluate::{Apart, Finding, Subject, fingerprint};
use crate::framework::{ControlResult, Edition, controls_of};
use crate::policy::Severity;

/// The schema's name.
const SCHEMA: &str = "keur/report/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    run: Run<'a>,
    summary: Summary,
    findings: Findings<'a>,
    controls: &'a [ControlResult],
    population: &'a [crate::evaluate::Population],
    out_of_scope: Vec<OutOfScope<'a>>,
    gaps: Vec<GapLine<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    organisation: Option<&'a str>,
    started: String,
    finished: String,
    as_of: String,
    source: &'a str,
    tool: &'a str,
    policies_sha256: &'a str,
    framework: &'a str,
    identity: Option<&'a crate::estate::Identity>,
    accounts: Vec<&'a str>,
    regions: &'a [String],
    /// Not looked into: switched off.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    regions_off: BTreeSet<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<&'a DeclaredRun>,
}

#[derive(Serialize)]
struct Summary {
    pass: u64,
    deviation: u64,
    unknown: u64,
    excepted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deviations_by_severity: Option<BySeverity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    already_so: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_to_live: Option<u64>,
    resources: u64,
    calls: u64,
}

/// Deviations by severity, most severe first.
struct BySeverity([(Severity, u64); 4]);

impl Serialize for BySeverity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(severity, n)| (severity.as_str(), n)))
    }
}

#[derive(Serialize)]
struct FindingLine<'a> {
    policy: &'a str,
    statement: &'a str,
    verdict: &'static str,
    severity: &'static str,
    message: Option<&'a str>,
    remedy: Option<&'a str>,
    basis: Option<&'a str>,
    controls: &'a [&'a str],
    resource: ResourceLine<'a>,
    clause: Option<&'a str>,
    gap: Option<&'a Gap>,
    exception: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apart: Option<&'static str>,
    fingerprint: String,
    responses: &'a [ResponseId],
}

#[derive(Serialize)]
struct ResourceLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    arn: &'a str,
    id: &'a str,
    name: &'a str,
    account: &'a str,
    region: &'a str,
    environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<&'a Declared>,
}

#[derive(Serialize)]
struct OutOfScope<'a> {
    policy: &'a str,
    rule: &'static str,
    resources: u64,
}

#[derive(Serialize)]
struct GapLine<'a> {
    service: &'a str,
    operation: &'a str,
    account: &'a str,
    region: &'a str,
    reason: &'static str,
    code: Option<&'a str>,
    subject: Option<&'a str>,
    verdicts: u64,
}

/// The findings, made one by one while they are written: there may be a million.
struct Findings<'a> {
    report: &'a Report<'a>,
    controls: HashMap<&'a str, Vec<&'a str>>,
}

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.report.judgement.findings.len()))?;
        for finding in &self.report.judgement.findings {
            seq.serialize_element(&self.line(finding))?;
        }
        seq.end()
    }
}

impl Findings<'_> {
    fn line<'s>(&'s self, finding: &'s Finding) -> FindingLine<'s> {
        let report = self.report;
        let policy = &report.policies[finding.policy as usize];
        let place = report.place(finding);
        let deviates = finding.message.is_some() && finding.gap.is_none();
        let clause = finding.clause.and_then(|c| policy.require.clauses.get(usize::from(c)));
        let responses = match &finding.subject {
            Subject::Resource(at) => report.estate.resources[*at as usize].responses.as_slice(),
            Subject::Unseen { .. } => &[],
        };
        let Place { kind, arn, id, name, account, region, environment, declared } = place;
        FindingLine {
            policy: &policy.id,
            statement: &policy.statement,
            verdict: finding.verdict.as_str(),
            severity: policy.severity.as_str(),
            message: finding.message.as_deref(),
            remedy: deviates.then_some(policy.remedy.as_str()),
            basis: policy.basis.as_deref(),
            controls: self.controls.get(policy.id.as_str()).map_or(&[], Vec::as_slice),
            clause: clause.map(|c| c.text.as_str()),
            gap: finding.gap.as_deref(),
            exception: finding.exception.map(|e| report.exceptions[e as usize].id.as_str()),
            apart: finding.apart.map(Apart::as_str),
            fingerprint: fingerprint(&policy.id, kind, account, region, arn),
            responses,
            resource: ResourceLine { kind, arn, id, name, account, region, environment, declared },
        }
    }
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let run = &report.estate.run;
    let counts = report.counts();
    let gaps = report.gaps();
    let controls = report.policies.iter().map(|p| (p.id.as_str(), controls_of(report.framework, &p.id))).collect();
    let apart =
        |why: Apart| run.declared.is_some().then(|| report.judgement.findings.iter().filter(|f| f.apart == Some(why)).count() as u64);
    let document = Document {
        schema: SCHEMA,
        run: Run {
            organisation: report.organisation,
            started: run.started.to_string(),
            finished: run.finished.to_string(),
            as_of: run.as_of.to_string(),
            source: &run.source,
            tool: &run.tool,
            policies_sha256: report.policies_sha256,
            framework: &report.framework.id,
            identity: run.identity.as_ref(),
            accounts: run.accounts.iter().map(|a| a.id.as_str()).collect(),
            regions: &run.regions,
            regions_off: report.regions_off(),
            declared: run.declared.as_ref(),
        },
        summary: Summary {
            pass: counts.pass,
            deviation: counts.deviation,
            unknown: counts.unknown,
            excepted: counts.excepted,
            deviations_by_severity: (report.edition > Edition::First).then(|| BySeverity(report.severities())),
            already_so: apart(Apart::AlreadySo),
            left_to_live: apart(Apart::LeftToLive),
            resources: report.estate.resources.len() as u64,
            calls: run.calls,
        },
        findings: Findings { report, controls },
        controls: &report.controls,
        population: &report.population,
        out_of_scope: report
            .policies
            .iter()
            .zip(&report.judgement.out_of_scope)
            .flat_map(|(p, out)| out.by_rule.iter().map(|(rule, n)| OutOfScope { policy: &p.id, rule, resources: *n }))
            .collect(),
        gaps: gaps
            .iter()
            .map(|(gap, verdicts)| GapLine {
                service: &gap.service,
                operation: &gap.operation,
                account: &gap.account,
                region: &gap.region,
                reason: gap.reason.as_str(),
                code: gap.code.as_deref(),
                subject: gap.subject.as_deref(),
                verdicts: *verdicts,
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}
