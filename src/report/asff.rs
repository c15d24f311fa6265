//! `--format asff`: the AWS Security Finding Format (2018-10-08), an array with one finding per line.
//!
//! Source: the API reference of AWS Security Hub, `AwsSecurityFinding` and `BatchImportFindings`, which takes up to 100 at a
//! time. Lengths are in characters.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::Report;
use super::export::{Each, Export, Line, NAMESPACE, cut, one_line, write_json};
use crate::estate::Partition;
use crate::evaluate::{Apart, Verdict};
use crate::policy::Severity;

/// Stands for an account that is not known. AWS gives it to nobody, and Security Hub refuses it.
const NO_ACCOUNT: &str = "000000000000";
/// Partitions that the format knows.
const PARTITIONS: [&str; 5] = ["aws", "aws-cn", "aws-us-gov", "aws-us-iso", "aws-us-iso-b"];

const TITLE: usize = 256;
const DESCRIPTION: usize = 1024;
const REMEDY: usize = 512;
const REQUIREMENT: usize = 64;
const REQUIREMENTS: usize = 32;
const ID: usize = 512;
const FIELD: usize = 2048;
const FIELDS: usize = 50;
const DETAIL: usize = 1023;
const NOTE: usize = 512;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Finding<'a> {
    schema_version: &'static str,
    id: String,
    product_arn: String,
    product_name: &'static str,
    company_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    generator_id: String,
    aws_account_id: &'a str,
    types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    first_observed_at: Option<String>,
    last_observed_at: String,
    created_at: String,
    updated_at: String,
    severity: SeverityOf,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    product_fields: BTreeMap<String, String>,
    resources: [Resource<'a>; 1],
    compliance: Compliance,
    workflow: Workflow,
    record_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Note>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SeverityOf {
    label: &'static str,
    original: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Remediation {
    recommendation: Recommendation,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Recommendation {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'a> {
    r#type: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    details: Details,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    other: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_requirements: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status_reasons: Vec<StatusReason>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusReason {
    reason_code: String,
    description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Workflow {
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Note {
    text: String,
    updated_by: &'static str,
    updated_at: String,
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let export = Export::new(report);
    write_json(out, 1, &Each(|| export.lines().map(|line| finding(report, &line))))
}

/// How many findings have no account, which the format asks for.
pub(super) fn note(report: &Report<'_>) -> Option<String> {
    let without = report.judgement.findings.iter().filter(|f| report.place(f).account_id().is_none()).count();
    (without > 0).then(|| {
        let hint = if report.estate.run.declared.is_some() { "; name it with `--account`" } else { "" };
        let findings = crate::words::counted(without, "finding", "findings");
        format!("note: {findings} of unknown account: `AwsAccountId` is {NO_ACCOUNT} there in asff, which Security Hub refuses{hint}")
    })
}

/// What compliance says of a verdict. An accepted deviation is still one, and unknown is never passed.
fn compliance(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASSED",
        Verdict::Deviation | Verdict::Excepted => "FAILED",
        Verdict::Unknown => "NOT_AVAILABLE",
    }
}

fn workflow(line: &Line<'_>) -> &'static str {
    match line.finding.verdict {
        Verdict::Pass => "RESOLVED",
        Verdict::Excepted => "SUPPRESSED",
        Verdict::Deviation | Verdict::Unknown if !line.counts => "SUPPRESSED",
        Verdict::Deviation | Verdict::Unknown => "NEW",
    }
}

fn severity(line: &Line<'_>) -> &'static str {
    match (line.finding.verdict, line.policy.severity) {
        (Verdict::Pass, _) => "INFORMATIONAL",
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::Low) => "LOW",
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::Medium) => "MEDIUM",
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::High) => "HIGH",
        (Verdict::Deviation | Verdict::Unknown | Verdict::Excepted, Severity::Critical) => "CRITICAL",
    }
}

fn finding<'a>(report: &'a Report<'_>, line: &Line<'a>) -> Finding<'a> {
    let run = &report.estate.run;
    let place = &line.place;
    let account = place.account_id().unwrap_or(NO_ACCOUNT);
    let partition = place.partition().unwrap_or("aws");
    let region = hub_region(report, line, partition);
    let at = moment(run.finished);
    let (title, title_cut) = cut(&one_line(&line.policy.title), TITLE);
    let (description, description_cut) = cut(&one_line(&line.sentence()), DESCRIPTION);
    let remedy = line.remedy().map(|remedy| cut(&one_line(remedy), REMEDY));
    let truncated = [
        ("Title", title_cut),
        ("Description", description_cut),
        ("Remediation", remedy.as_ref().is_some_and(|(_, was_cut)| *was_cut)),
        ("RelatedRequirements", line.controls.len() > REQUIREMENTS),
    ];
    let truncated: Vec<&str> = truncated.into_iter().filter_map(|(name, was_cut)| was_cut.then_some(name)).collect();
    let reason = line.finding.gap.as_ref().map(|gap| StatusReason {
        reason_code: gap.reason.as_str().replace('-', "_").to_uppercase(),
        description: cut(&one_line(&gap.to_string()), DESCRIPTION).0,
    });
    let iso = report.framework.id.starts_with("iso27001");
    Finding {
        schema_version: "2018-10-08",
        id: cut(&format!("keur/{}/{}", line.policy.id, line.fingerprint), ID).0,
        product_arn: format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        product_name: "keur",
        company_name: "keur",
        region: place.region_name(),
        generator_id: cut(&format!("keur/{}", line.policy.id), ID).0,
        aws_account_id: account,
        types: [if iso {
            "Software and Configuration Checks/Industry and Regulatory Standards/ISO 27001 Controls"
        } else {
            "Software and Configuration Checks/Industry and Regulatory Standards"
        }],
        first_observed_at: line.opened.map(moment),
        last_observed_at: moment(line.observed(run.finished)),
        created_at: at.clone(),
        updated_at: at.clone(),
        severity: SeverityOf { label: severity(line), original: line.policy.severity.as_str() },
        title: or_dash(title),
        description: or_dash(description),
        remediation: remedy.map(|(text, _)| Remediation { recommendation: Recommendation { text: or_dash(text) } }),
        product_fields: product_fields(report, line, &truncated),
        resources: [resource(line)],
        compliance: Compliance {
            status: compliance(line.finding.verdict),
            related_requirements: line
                .controls
                .iter()
                .take(REQUIREMENTS)
                .map(|control| requirement(&report.framework.title, &control.id))
                .collect(),
            status_reasons: reason.into_iter().collect(),
        },
        workflow: Workflow { status: workflow(line) },
        record_state: "ACTIVE",
        note: note_of(line).map(|text| Note { text: cut(&one_line(&text), NOTE).0, updated_by: "keur", updated_at: at }),
    }
}

/// The region of the Security Hub that takes it: its own; for what lies in none, the only one of the run, else that of the
/// global services.
fn hub_region<'a>(report: &'a Report<'_>, line: &Line<'a>, partition: &str) -> &'a str {
    if let Some(region) = line.place.region_name() {
        return region;
    }
    match report.estate.run.regions.as_slice() {
        [only] => only,
        _ => Partition::of_id(partition).map_or("us-east-1", |partition| partition.home),
    }
}

fn resource<'a>(line: &Line<'a>) -> Resource<'a> {
    let place = &line.place;
    // Security Hub's own way to speak of an account as a whole.
    let (kind, id) = if line.is_seen() {
        (type_of(place.kind), one_line(place.arn))
    } else {
        ("AwsAccount", format!("AWS::::Account:{}", place.account_id().unwrap_or(NO_ACCOUNT)))
    };
    let other = [
        ("type", place.kind.to_owned()),
        ("id", one_line(place.id)),
        ("name", one_line(place.name)),
        ("account", place.account.to_owned()),
        ("region", place.region.to_owned()),
        ("environment", place.environment.to_owned()),
        ("declared", line.declared_at().map(|at| one_line(&at)).unwrap_or_default()),
    ];
    Resource {
        r#type: kind,
        id: or_dash(cut(&id, ID).0),
        partition: place.partition().filter(|p| PARTITIONS.contains(p)),
        region: place.region_name(),
        details: Details {
            other: other.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key, cut(&text, DETAIL).0)).collect(),
        },
    }
}

/// The names of types that the format has; everything else is `Other` there.
fn type_of(kind: &str) -> &'static str {
    match kind {
        "AWS::AutoScaling::AutoScalingGroup" => "AwsAutoScalingAutoScalingGroup",
        "AWS::Backup::BackupPlan" => "AwsBackupBackupPlan",
        "AWS::Backup::BackupVault" => "AwsBackupBackupVault",
        "AWS::Backup::RecoveryPoint" => "AwsBackupRecoveryPoint",
        "AWS::DynamoDB::Table" => "AwsDynamoDbTable",
        "AWS::EC2::Instance" => "AwsEc2Instance",
        "AWS::EC2::NetworkInterface" => "AwsEc2NetworkInterface",
        "AWS::EC2::RouteTable" => "AwsEc2RouteTable",
        "AWS::EC2::SecurityGroup" => "AwsEc2SecurityGroup",
        "AWS::EC2::Subnet" => "AwsEc2Subnet",
        "AWS::EC2::VPC" => "AwsEc2Vpc",
        "AWS::EC2::VPCPeeringConnection" => "AwsEc2VpcPeeringConnection",
        "AWS::EC2::Volume" => "AwsEc2Volume",
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => "AwsElbv2LoadBalancer",
        "AWS::IAM::Group" => "AwsIamGroup",
        "AWS::IAM::ManagedPolicy" => "AwsIamPolicy",
        "AWS::IAM::Role" => "AwsIamRole",
        "AWS::IAM::User" => "AwsIamUser",
        "AWS::KMS::Key" => "AwsKmsKey",
        "AWS::RDS::DBCluster" => "AwsRdsDbCluster",
        "AWS::RDS::DBClusterSnapshot" => "AwsRdsDbClusterSnapshot",
        "AWS::RDS::DBInstance" => "AwsRdsDbInstance",
        "AWS::RDS::DBSnapshot" => "AwsRdsDbSnapshot",
        "AWS::S3::Bucket" => "AwsS3Bucket",
        _ => "Other",
    }
}

/// The standard and the control; the control is kept whole where the two together are too long.
fn requirement(standard: &str, control: &str) -> String {
    let control = cut(&one_line(control), REQUIREMENT).0;
    let room = REQUIREMENT.saturating_sub(control.chars().count() + 1);
    if room < 2 { control } else { format!("{} {control}", cut(&one_line(standard), room).0) }
}

fn note_of(line: &Line<'_>) -> Option<String> {
    if let Some(e) = line.exception {
        return Some(format!("{}: accepted by {} until {} ({}): {}", e.id, e.approver, e.expires, e.risk, e.reason));
    }
    match line.finding.apart.filter(|_| !line.counts)? {
        Apart::AlreadySo => Some("Already so, on what the plan leaves as it is".to_owned()),
        Apart::LeftToLive => Some("Left to the live estate, which alone can tell".to_owned()),
    }
}

fn product_fields(report: &Report<'_>, line: &Line<'_>, truncated: &[&str]) -> BTreeMap<String, String> {
    let run = &report.estate.run;
    let root = NAMESPACE.trim_start_matches("https://");
    let exception = line.exception;
    let fields = [
        ("verdict", line.finding.verdict.as_str().to_owned()),
        ("policy", line.policy.id.clone()),
        ("statement", line.policy.statement.clone()),
        ("policies-sha256", report.policies_sha256.to_owned()),
        ("fingerprint", line.fingerprint.clone()),
        ("source", run.source.clone()),
        ("as-of", run.as_of.to_string()),
        ("framework", report.framework.id.clone()),
        ("account", if line.place.account_id().is_some() { String::new() } else { "unknown".to_owned() }),
        ("clause", line.clause.unwrap_or_default().to_owned()),
        ("apart", line.finding.apart.map_or("", Apart::as_str).to_owned()),
        ("exception", exception.map_or_else(String::new, |e| e.id.clone())),
        ("exception-risk", exception.map_or_else(String::new, |e| e.risk.clone())),
        ("exception-approver", exception.map_or_else(String::new, |e| e.approver.clone())),
        ("exception-expires", exception.map_or_else(String::new, |e| e.expires.to_string())),
        ("truncated", truncated.join(" ")),
    ];
    let mut map: BTreeMap<String, String> = fields
        .into_iter()
        .map(|(name, text)| (format!("{root}/{name}"), cut(&one_line(&text), FIELD).0))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let verdicts: Vec<String> = line.controls.iter().map(|c| format!("{}: {}", c.id, c.verdict.as_str())).collect();
    let hashes: Vec<String> = line.evidence.iter().map(|e| e.sha256.clone()).collect();
    let requests: Vec<String> = line.evidence.iter().flat_map(|e| e.requests()).map(str::to_owned).collect();
    for (name, items, separator) in [("controls", verdicts, "; "), ("evidence-sha256", hashes, " "), ("aws-request-ids", requests, " ")] {
        add_list(&mut map, &format!("{root}/{name}"), &items, separator);
    }
    map
}

/// A list over as many fields as it takes. What has no room is counted: never left out in silence.
fn add_list(map: &mut BTreeMap<String, String>, name: &str, items: &[String], separator: &str) {
    // So many fields for a list that three lists and their counts fit beside everything else.
    const PER_LIST: usize = 9;
    let mut texts: Vec<String> = Vec::new();
    let mut written = 0;
    for item in items {
        let item = cut(&one_line(item), FIELD).0;
        let length = item.chars().count();
        if let Some(text) = texts.last_mut().filter(|text| text.chars().count() + separator.len() + length <= FIELD) {
            text.push_str(separator);
            text.push_str(&item);
        } else if texts.len() < PER_LIST {
            texts.push(item);
        } else {
            break;
        }
        written += 1;
    }
    for (number, text) in texts.into_iter().enumerate() {
        let name = if number == 0 { name.to_owned() } else { format!("{name}-{}", number + 1) };
        map.insert(name, text);
    }
    if written < items.len() {
        map.insert(format!("{name}-left-out"), (items.len() - written).to_string());
    }
    debug_assert!(map.len() <= FIELDS, "the format has room for {FIELDS}");
}

/// No text of the format may be empty.
fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{FIELD, FIELDS, add_list, requirement};

    #[test]
    fn long_lists_go_over_several_fields_and_what_is_left_out_is_counted() {
        let hashes: Vec<String> = (0..1000).map(|n| format!("{n:064}")).collect();
        let mut map: BTreeMap<String, String> = (0..16).map(|n| (format!("other-{n}"), "x".to_owned())).collect();
        for name in ["a", "b", "c"] {
            add_list(&mut map, name, &hashes, " ");
        }
        assert!(map.len() <= FIELDS && map.values().all(|text| text.len() <= FIELD));
        let written: usize =
            map.iter().filter(|(k, _)| *k == "a" || k.starts_with("a-")).map(|(_, v)| v.split(' ').filter(|h| h.len() == 64).count()).sum();
        assert_eq!(map["a-left-out"], (1000 - written).to_string());
        let mut short = BTreeMap::new();
        add_list(&mut short, "a", &hashes[..3], " ");
        assert_eq!(short.len(), 1);
        assert_eq!(short["a"], hashes[..3].join(" "));
    }

    #[test]
    fn a_requirement_keeps_its_control() {
        assert_eq!(requirement("ISO/IEC 27001:2022 Annex A", "A.8.14"), "ISO/IEC 27001:2022 Annex A A.8.14");
        let long = requirement(&"x".repeat(100), "A.8.14");
        assert!(long.ends_with("… A.8.14") && long.chars().count() == 64, "{long}");
    }
}
