//! `--format ocsf`: OCSF 1.8.0 compliance findings (class 2003), an array with one event per line.
//!
//! Source: the schema of the Open Cybersecurity Schema Framework, <https://schema.ocsf.io/1.8.0/classes/compliance_finding>.
//! Times are milliseconds. `compliance.status_id` is the verdict, `status_id` what became of it.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::Report;
use super::export::{Each, Evidence, Export, Line, NAMESPACE, write_json};
use crate::evaluate::{Apart, Verdict};
use crate::policy::Severity;

const VERSION: &str = "1.8.0";

/// A number of a list, and its caption.
type Listed = (u8, &'static str);

#[derive(Serialize)]
struct Event<'a> {
    activity_id: u8,
    activity_name: &'static str,
    category_name: &'static str,
    category_uid: u16,
    class_name: &'static str,
    class_uid: u16,
    type_name: &'static str,
    type_uid: u32,
    severity: &'static str,
    severity_id: u8,
    status: &'static str,
    status_id: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<String>,
    time: i64,
    start_time: i64,
    end_time: i64,
    message: String,
    metadata: Metadata<'a>,
    cloud: Cloud<'a>,
    finding_info: FindingInfo<'a>,
    compliance: Compliance<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidences: Vec<EvidenceItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation<'a>>,
    unmapped: Unmapped<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    version: &'static str,
    uid: String,
    profiles: [&'static str; 1],
    product: Product,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_uid: Option<&'a str>,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Cloud<'a> {
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account<'a>>,
}

#[derive(Serialize)]
struct Account<'a> {
    uid: &'a str,
    name: &'a str,
    r#type: &'static str,
    type_id: u8,
}

#[derive(Serialize)]
struct FindingInfo<'a> {
    uid: String,
    title: &'a str,
    desc: String,
    types: [&'static str; 1],
    created_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen_time: Option<i64>,
    analytic: Analytic<'a>,
}

#[derive(Serialize)]
struct Analytic<'a> {
    uid: &'a str,
    name: &'a str,
    r#type: &'static str,
    type_id: u8,
}

#[derive(Serialize)]
struct Compliance<'a> {
    control: &'a str,
    standards: [&'a str; 1],
    requirements: Vec<&'a str>,
    status: &'static str,
    status_id: u8,
    status_details: Vec<String>,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    uid: &'a str,
    name: String,
    standards: [&'a str; 1],
    status: &'static str,
    status_id: u8,
}

#[derive(Serialize)]
struct Resource<'a> {
    uid: &'a str,
    name: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_partition: Option<&'a str>,
    labels: Vec<String>,
    role: &'static str,
    role_id: u8,
}

#[derive(Serialize)]
struct EvidenceItem {
    uid: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<Api>,
    file: File,
}

#[derive(Serialize)]
struct Api {
    operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Response>,
}

#[derive(Serialize)]
struct Request {
    uid: String,
}

#[derive(Serialize)]
struct Response {
    code: u16,
}

#[derive(Serialize)]
struct File {
    name: String,
    r#type: &'static str,
    type_id: u8,
    hashes: [Fingerprint; 1],
}

#[derive(Serialize)]
struct Fingerprint {
    algorithm: &'static str,
    algorithm_id: u8,
    value: String,
}

#[derive(Serialize)]
struct Remediation<'a> {
    desc: &'a str,
}

/// What OCSF has no place for.
#[derive(Serialize)]
struct Unmapped<'a> {
    schema: &'static str,
    verdict: &'static str,
    severity: &'static str,
    statement: &'a str,
    resource_type: &'a str,
    account: &'a str,
    region: &'a str,
    environment: &'a str,
    as_of: String,
    source: &'a str,
    policies_sha256: &'a str,
    controls: Vec<ControlLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'a crate::estate::Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apart: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<&'a crate::estate::Declared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<Excepted<'a>>,
}

#[derive(Serialize)]
struct ControlLine<'a> {
    id: &'a str,
    verdict: &'static str,
}

#[derive(Serialize)]
struct Excepted<'a> {
    id: &'a str,
    reason: &'a str,
    risk: &'a str,
    approver: &'a str,
    approved: String,
    expires: String,
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let export = Export::new(report);
    write_json(out, 1, &Each(|| export.lines().map(|line| event(report, line))))
}

/// What compliance says of a verdict. An accepted deviation is still one.
fn compliance(verdict: Verdict) -> Listed {
    match verdict {
        Verdict::Pass => (1, "Pass"),
        Verdict::Deviation | Verdict::Excepted => (3, "Fail"),
        Verdict::Unknown => (0, "Unknown"),
    }
}

/// What became of a finding: nobody has looked at it yet, it was accepted, or it is told apart.
fn status(line: &Line<'_>) -> Listed {
    match (line.finding.verdict, line.finding.apart) {
        (Verdict::Excepted, _) => (3, "Suppressed"),
        (Verdict::Pass | Verdict::Deviation | Verdict::Unknown, Some(Apart::AlreadySo)) if !line.counts => (99, "Already so"),
        (Verdict::Pass | Verdict::Deviation | Verdict::Unknown, Some(Apart::LeftToLive)) if !line.counts => (99, "Left to the live estate"),
        (Verdict::Pass | Verdict::Deviation | Verdict::Unknown, _) => (1, "New"),
    }
}

/// A pass is information; anything else is as severe as the deviation is or would be.
fn severity(line: &Line<'_>) -> Listed {
    match (line.finding.verdict, line.policy.severity) {
        (Verdict::Pass, _) => (1, "Informational"),
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::Low) => (2, "Low"),
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::Medium) => (3, "Medium"),
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::High) => (4, "High"),
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::Critical) => (5, "Critical"),
    }
}

fn event<'a>(report: &'a Report<'_>, line: Line<'a>) -> Event<'a> {
    let run = &report.estate.run;
    let standard = [report.framework.title.as_str()];
    let (status_id, status) = status(&line);
    let (severity_id, severity) = severity(&line);
    let (compliance_id, compliance) = compliance(line.finding.verdict);
    let observed = line.observed(run.finished);
    let message = line.sentence().into_owned();
    let accepted = line.exception.map(|e| format!("{}: accepted by {} until {} ({}): {}", e.id, e.approver, e.expires, e.risk, e.reason));
    let accounts = run.accounts.iter();
    let name_of = |id: &'a str| accounts.clone().find(|a| a.id == id).and_then(|a| a.name.as_deref()).unwrap_or(id);
    Event {
        activity_id: 1,
        activity_name: "Create",
        category_name: "Findings",
        category_uid: 2,
        class_name: "Compliance Finding",
        class_uid: 2003,
        type_name: "Compliance Finding: Create",
        type_uid: 200_301,
        severity,
        severity_id,
        status,
        status_id,
        status_detail: accepted.clone(),
        time: milliseconds(observed),
        start_time: milliseconds(run.started),
        end_time: milliseconds(run.finished),
        metadata: Metadata {
            version: VERSION,
            uid: super::uuid::Uuid::of_url(NAMESPACE)
                .named(&format!("event {} {} {} {}", line.fingerprint, run.started, run.as_of, report.policies_sha256))
                .to_string(),
            profiles: ["cloud"],
            product: Product { name: "keur", vendor_name: "keur", version: env!("CARGO_PKG_VERSION") },
            tenant_uid: report.organisation,
        },
        cloud: Cloud {
            provider: "AWS",
            region: line.place.region_name(),
            account: line.place.account_id().map(|uid| Account { uid, name: name_of(uid), r#type: "AWS Account", type_id: 10 }),
        },
        finding_info: FindingInfo {
            uid: line.fingerprint.clone(),
            title: &line.policy.title,
            desc: message.clone(),
            types: ["Posture"],
            created_time: milliseconds(observed),
            first_seen_time: line.opened.map(milliseconds),
            analytic: Analytic { uid: &line.policy.id, name: &line.policy.id, r#type: "Rule", type_id: 1 },
        },
        compliance: Compliance {
            control: &line.policy.id,
            standards: standard,
            requirements: line.controls.iter().map(|c| c.id.as_str()).collect(),
            status: compliance,
            status_id: compliance_id,
            status_details: [message.clone()].into_iter().chain(accepted).collect(),
            checks: line
                .controls
                .iter()
                .map(|control| Check {
                    uid: &control.id,
                    name: format!("{} {}", control.id, control.title),
                    standards: standard,
                    status: compliance,
                    status_id: compliance_id,
                })
                .collect(),
        },
        resources: resource(&line).into_iter().collect(),
        evidences: line.evidence.iter().flat_map(evidence).collect(),
        remediation: line.remedy().map(|desc| Remediation { desc }),
        unmapped: Unmapped {
            schema: NAMESPACE,
            verdict: line.finding.verdict.as_str(),
            severity: line.policy.severity.as_str(),
            statement: &line.policy.statement,
            resource_type: line.place.kind,
            account: line.place.account,
            region: line.place.region,
            environment: line.place.environment,
            as_of: run.as_of.to_string(),
            source: &run.source,
            policies_sha256: report.policies_sha256,
            controls: line.controls.iter().map(|c| ControlLine { id: &c.id, verdict: c.verdict.as_str() }).collect(),
            clause: line.clause,
            basis: line.policy.basis.as_deref(),
            gap: line.finding.gap.as_deref(),
            apart: line.finding.apart.map(Apart::as_str),
            declared: line.place.declared,
            exception: line.exception.map(|e| Excepted {
                id: &e.id,
                reason: &e.reason,
                risk: &e.risk,
                approver: &e.approver,
                approved: e.approved.to_string(),
                expires: e.expires.to_string(),
            }),
        },
        message,
    }
}

/// What a listing that failed would have shown is no resource.
fn resource<'a>(line: &Line<'a>) -> Option<Resource<'a>> {
    line.is_seen().then(|| Resource {
        uid: line.place.arn,
        name: line.place.name,
        r#type: line.place.kind,
        region: line.place.region_name(),
        cloud_partition: line.place.partition(),
        labels: vec![format!("environment={}", line.place.environment)],
        role: "Target",
        role_id: 1,
    })
}

/// One per request; without a pack the hash alone.
fn evidence(evidence: &Evidence<'_>) -> Vec<EvidenceItem> {
    let file = || File {
        name: evidence.file.map_or_else(|| evidence.sha256.clone(), str::to_owned),
        r#type: "Regular File",
        type_id: 1,
        hashes: [Fingerprint { algorithm: "SHA-256", algorithm_id: 3, value: evidence.sha256.clone() }],
    };
    let item = |api: Option<Api>| EvidenceItem { uid: format!("sha256:{}", evidence.sha256), name: evidence.name(), api, file: file() };
    if evidence.calls.is_empty() {
        return vec![item(None)];
    }
    let calls = evidence.calls.iter().map(|call| {
        item(Some(Api {
            operation: call.operation.clone(),
            request: call.request_id.clone().map(|uid| Request { uid }),
            response: call.status.map(|code| Response { code }),
        }))
    });
    calls.collect()
}

fn milliseconds(at: Timestamp) -> i64 {
    at.as_millisecond()
}
