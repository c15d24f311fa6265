//! The formats of others, on a small estate with every verdict in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{CallLine, Dossier, Format, Report, Span, Style};
use crate::diag::SourceFile;
use crate::estate::{Declared, DeclaredRun, Estate, RegionFrom, ResponseId, SourceDigest};
use crate::evaluate::{Apart, Judgement, Subject, Verdict, evaluate, population};
use crate::framework::{Attestation, Control, Document, Edition, Exception, Framework, apply, roll_up};
use crate::isolation::{self, Environments};
use crate::policy::{Bundle, Files, Parameters, Severity};

const FINISHED: &str = "2026-01-15T12:01:00Z";
const ACCOUNT: &str = "111111111111";

/// Everything that a report borrows.
struct Made {
    estate: Estate,
    bundle: Bundle,
    judgement: Judgement,
    framework: Framework,
    exceptions: Vec<Exception>,
    attestations: Vec<Attestation>,
    dossier: Option<Dossier>,
    all: bool,
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn response(byte: u8) -> ResponseId {
    ResponseId([byte; 32])
}

/// A volume: encrypted, not encrypted, or not known. The fifth of each is excepted.
fn volume(id: &str, name: &str, encrypted: &str) -> String {
    let name = serde_json::to_string(name).unwrap();
    format!(
        r#"{{"type":"AWS::EC2::Volume","arn":"arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/{id}","id":"{id}","name":{name},
            "account":"{ACCOUNT}","region":"eu-central-1","tags":{{}},"properties":{{{encrypted}}},"responses":["{}"]}}"#,
        response(7)
    )
}

/// The policy on volumes, and others as asked for.
fn bundle(registry: &crate::estate::Registry, more: &[(&str, &str)]) -> Bundle {
    let mut sources: Vec<Arc<SourceFile>> = crate::policy::shipped_files()
        .into_iter()
        .filter(|f| f.name.ends_with("statements.yaml") || f.name.ends_with("parameters.yaml"))
        .collect();
    let text = "id: volume-encrypted\ntitle: Volumes are encrypted\nstatement: encrypted-at-rest\nseverity: high\n\
                resource: AWS::EC2::Volume\nrequire: resource.encrypted\ndeviation: '{name} is not encrypted'\nremedy: Encrypt it\n";
    sources.push(SourceFile::new("volume-encrypted.yaml", text));
    for (id, kind) in more {
        let text = format!(
            "id: {id}\ntitle: They are encrypted\nstatement: encrypted-at-rest\nseverity: high\nresource: {kind}\n\
             require: resource.encrypted\ndeviation: '{{name}} is not encrypted'\nremedy: Encrypt it\n"
        );
        sources.push(SourceFile::new(format!("{id}.yaml"), text));
    }
    let mut diagnostics = Vec::new();
    let files = Files::parse(&sources, &mut diagnostics);
    let parameters = Parameters::new(files.parameters.clone(), BTreeMap::new());
    let bundle = Bundle::check(&files, parameters, registry, &crate::aws::links(isolation::LINKS), &mut diagnostics);
    assert!(!crate::diag::has_errors(&diagnostics), "{}", diagnostics.iter().map(|d| d.render(false)).collect::<String>());
    bundle
}

fn control(id: &str, policies: &[&str], attested: &[&str]) -> Control {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Control {
        id: id.to_owned(),
        title: format!("Title of {id}"),
        ids_2013: vec!["A.10.1.1".to_owned()],
        policies: owned(policies),
        attested: owned(attested),
        inherited: None,
        not_applicable: None,
        none_yet: None,
    }
}

impl Made {
    /// A pass, a deviation, an unknown, an accepted deviation, and a region that could not be listed.
    fn new() -> Self {
        Self::with(&[
            volume("vol-pass", "pass", r#""encrypted":true"#),
            volume("vol-deviation", "deviation", r#""encrypted":false"#),
            volume("vol-unknown", "unknown", ""),
            volume("vol-excepted", "excepted", r#""encrypted":false"#),
        ])
    }

    fn with(resources: &[String]) -> Self {
        let registry = crate::registry();
        let denied = format!(
            r#"{{"service":"ec2","operation":"DescribeVolumes","account":"{ACCOUNT}","region":"us-east-1","reason":"denied","code":"AccessDenied"}}"#
        );
        let text = format!(
            r#"{{"schema":"keur/estate/1","run":{{"started":"2026-01-15T12:00:00Z","finished":"{FINISHED}","as_of":"2026-01-15T12:00:00Z",
            "source":"live","tool":"keur test","identity":null,"accounts":[{{"id":"{ACCOUNT}","name":"main"}}],
            "regions":["eu-central-1","us-east-1"],"calls":2}},"resources":[{}],"listings":[
            {{"type":"AWS::EC2::Volume","account":"{ACCOUNT}","region":"eu-central-1","listed":{}}},
            {{"type":"AWS::EC2::Volume","account":"{ACCOUNT}","region":"us-east-1","listed":0,"gap":{denied}}}]}}"#,
            resources.join(","),
            resources.len()
        );
        let mut estate = Estate::load(&text, &registry).unwrap();
        isolation::assign(&mut estate, &Environments::ByTag);
        let bundle = bundle(&registry, &[]);
        let mut judgement = evaluate(&bundle.policies, &bundle.parameters, &estate, &registry);
        let exception = Exception {
            id: "EX-7".to_owned(),
            policy: "volume-encrypted".to_owned(),
            resources: vec![("vol-excepted".to_owned(), 0..1)],
            compensating: None,
            reason: "It holds nothing".to_owned(),
            risk: "RISK-12".to_owned(),
            approver: "A. Jansen".to_owned(),
            approved: "2026-01-10".parse().unwrap(),
            expires: "2026-06-30".parse().unwrap(),
            source: SourceFile::new("exceptions.yaml", "x"),
        };
        let expired = Exception { id: "EX-1".to_owned(), expires: "2026-01-14".parse().unwrap(), ..exception.clone() };
        let exceptions = vec![expired, exception];
        let as_of = estate.run.as_of;
        apply(&exceptions, &bundle.policies, &estate, &mut judgement, as_of);
        let attestation = Attestation {
            statement: "annual-penetration-test".to_owned(),
            title: "Nothing is open".to_owned(),
            document: Document::File { path: "pen test.pdf".to_owned(), sha256: response(9).to_string() },
            owner: "Security".to_owned(),
            approver: "A. Jansen".to_owned(),
            valid_from: "2025-06-01".parse().unwrap(),
            valid_until: "2026-06-01".parse().unwrap(),
        };
        let framework = Framework {
            id: "iso27001-2022".to_owned(),
            title: "ISO/IEC 27001:2022 Annex A".to_owned(),
            controls: vec![
                control("A.5.33", &["volume-encrypted"], &[]),
                control("A.8.24", &["volume-encrypted"], &[]),
                control("A.8.29", &[], &["annual-penetration-test"]),
                control("A.8.30", &[], &["security-organisation"]),
            ],
        };
        Self { estate, bundle, judgement, framework, exceptions, attestations: vec![attestation], dossier: None, all: false }
    }

    fn report(&self) -> Report<'_> {
        let policies = &self.bundle.policies;
        Report {
            organisation: Some("Clinic"),
            estate: &self.estate,
            policies,
            policies_sha256: &self.bundle.sha256,
            statements: &self.bundle.statements,
            judgement: &self.judgement,
            population: population(&self.estate, &self.judgement),
            framework: &self.framework,
            controls: roll_up(&self.framework, policies, &self.judgement, &self.estate, &self.attestations, Edition::CURRENT),
            exceptions: &self.exceptions,
            attestations: &self.attestations,
            dossier: self.dossier.as_ref(),
            fail_on: Severity::Low,
            all: self.all,
            edition: Edition::CURRENT,
        }
    }

    fn text(&self, format: Format) -> String {
        let mut out = Vec::new();
        self.report().write(format, Style { width: 80, color: false, lang: super::Lang::default() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn json(&self, format: Format) -> Value {
        serde_json::from_str(&self.text(format)).unwrap()
    }

    /// The position of the finding on a resource.
    fn on(&self, id: &str) -> usize {
        let is = |subject: &Subject| matches!(subject, Subject::Resource(at) if &*self.estate.resources[*at as usize].id == id);
        self.judgement.findings.iter().position(|f| is(&f.subject)).unwrap()
    }
}

const EXPORTS: [Format; 4] = [Format::Oscal, Format::Ocsf, Format::Asff, Format::Csv];

/// The value of a property in keur's namespace.
fn prop<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["props"].as_array()?.iter().find(|p| p["name"] == name && p["ns"] == "https://keur.dev/ns")?["value"].as_str()
}

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect::<Result<_, _>>().unwrap()
}

fn result(document: &Value) -> &Value {
    &document["assessment-results"]["results"][0]
}

#[test]
fn ocsf_says_every_verdict_and_unknown_is_not_a_pass() {
    let events = Made::new().json(Format::Ocsf);
    let said: BTreeSet<(String, i64, i64)> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            assert_eq!(e["compliance"]["checks"].as_array().unwrap().len(), 2);
            for check in e["compliance"]["checks"].as_array().unwrap() {
                assert_eq!(check["status_id"], e["compliance"]["status_id"]);
            }
            let name = e["resources"][0]["name"].as_str().unwrap_or("unseen").to_owned();
            (name, e["compliance"]["status_id"].as_i64().unwrap(), e["status_id"].as_i64().unwrap())
        })
        .collect();
    let wanted = [("deviation", 3, 1), ("excepted", 3, 3), ("pass", 1, 1), ("unknown", 0, 1), ("unseen", 0, 1)];
    assert_eq!(said, wanted.map(|(name, compliance, status)| (name.to_owned(), compliance, status)).into());
}

#[test]
fn asff_says_every_verdict_and_unknown_is_not_a_pass() {
    let findings = Made::new().json(Format::Asff);
    let said: BTreeSet<[String; 4]> = findings
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            let words = [
                &f["Resources"][0]["Details"]["Other"]["name"],
                &f["Compliance"]["Status"],
                &f["Workflow"]["Status"],
                &f["Severity"]["Label"],
            ];
            words.map(|word| word.as_str().unwrap().to_owned())
        })
        .collect();
    let wanted = [
        ["*", "NOT_AVAILABLE", "NEW", "HIGH"],
        ["deviation", "FAILED", "NEW", "HIGH"],
        ["excepted", "FAILED", "SUPPRESSED", "HIGH"],
        ["pass", "PASSED", "RESOLVED", "INFORMATIONAL"],
        ["unknown", "NOT_AVAILABLE", "NEW", "HIGH"],
    ];
    assert_eq!(said, wanted.map(|words| words.map(str::to_owned)).into());
    let unseen = findings.as_array().unwrap().iter().find(|f| f["Resources"][0]["Type"] == "AwsAccount").unwrap();
    assert_eq!(unseen["Resources"][0]["Id"], "AWS::::Account:111111111111");
    assert_eq!(unseen["Compliance"]["StatusReasons"][0]["ReasonCode"], "DENIED");
}

#[test]
fn oscal_has_an_observation_per_verdict_and_a_finding_per_control() {
    let document = Made::new().json(Format::Oscal);
    let result = result(&document);
    let tested = result["observations"].as_array().unwrap().iter().filter(|o| o["methods"][0] == "TEST");
    let mut verdicts: Vec<&str> = tested.map(|o| prop(o, "verdict").unwrap()).collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts, ["deviation", "excepted", "pass", "unknown", "unknown"]);
    let said: Vec<[&str; 4]> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            let status = &f["target"]["status"];
            [
                prop(f, "control-id").unwrap(),
                status["state"].as_str().unwrap(),
                status["reason"].as_str().unwrap(),
                prop(f, "verdict").unwrap(),
            ]
        })
        .collect();
    let wanted = [
        ["A.5.33", "not-satisfied", "fail", "not met"],
        ["A.8.24", "not-satisfied", "fail", "not met"],
        ["A.8.29", "satisfied", "other", "attested"],
        ["A.8.30", "not-satisfied", "other", "not determined"],
    ];
    assert_eq!(said, wanted);
    assert_eq!(result["findings"][1]["related-observations"].as_array().unwrap().len(), 5);
}

#[test]
fn oscal_tells_what_was_accepted_and_what_documents_say() {
    let document = Made::new().json(Format::Oscal);
    let result = result(&document);
    let risks = result["risks"].as_array().unwrap();
    let said: Vec<[&str; 3]> = risks.iter().map(|r| ["title", "status", "deadline"].map(|member| r[member].as_str().unwrap())).collect();
    assert_eq!(said, [["EX-1", "open", "2026-01-14T23:59:59Z"], ["EX-7", "deviation-approved", "2026-06-30T23:59:59Z"]]);
    let excepted = result["observations"].as_array().unwrap().iter().find(|o| prop(o, "verdict") == Some("excepted")).unwrap();
    assert_eq!(risks[1]["related-observations"][0]["observation-uuid"], excepted["uuid"]);
    assert_eq!(risks[0].get("related-observations"), None);
    let parties = document["assessment-results"]["metadata"]["parties"].as_array().unwrap();
    let party = |uuid: &Value| parties.iter().find(|p| p["uuid"] == *uuid).unwrap()["name"].as_str().unwrap();
    let responsible = result["attestations"][0]["responsible-parties"].as_array().unwrap();
    let responsible: Vec<(&str, &str)> =
        responsible.iter().map(|r| (r["role-id"].as_str().unwrap(), party(&r["party-uuids"][0]))).collect();
    assert_eq!(responsible, [("owner", "Security"), ("approver", "A. Jansen")]);
    let examined = result["observations"].as_array().unwrap().iter().find(|o| o["methods"][0] == "EXAMINE").unwrap();
    assert_eq!(examined["expires"], "2026-06-01T23:59:59Z");
    let resources = document["assessment-results"]["back-matter"]["resources"].as_array().unwrap();
    let href = examined["relevant-evidence"][0]["href"].as_str().unwrap().trim_start_matches('#');
    let paper = resources.iter().find(|r| r["uuid"] == href).unwrap();
    assert_eq!(paper["rlinks"][0]["href"], "pen%20test.pdf");
    assert_eq!(paper["rlinks"][0]["hashes"][0]["value"], "09".repeat(32));
}

#[test]
fn every_reference_of_oscal_leads_somewhere() {
    let document = Made::new().json(Format::Oscal);
    let mut ids = BTreeSet::new();
    let mut references = Vec::new();
    fn walk(value: &Value, ids: &mut BTreeSet<String>, references: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match (name.as_str(), member) {
                        ("uuid", Value::String(id)) => assert!(ids.insert(id.clone()), "{id} is there twice"),
                        ("href", Value::String(href)) => references.extend(href.strip_prefix('#').map(str::to_owned)),
                        (name, Value::String(id)) if name.ends_with("-uuid") => references.push(id.clone()),
                        ("party-uuids", Value::Array(list)) => references.extend(list.iter().map(|id| id.as_str().unwrap().to_owned())),
                        (_, member) => walk(member, ids, references),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, ids, references)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    walk(&document, &mut ids, &mut references);
    let dangling: Vec<&String> = references.iter().filter(|id| !ids.contains(*id)).collect();
    assert!(references.len() > 20 && dangling.is_empty(), "{dangling:?}");
}

#[test]
fn csv_has_every_control_and_every_verdict_once_per_control() {
    let text = Made::new().text(Format::Csv);
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    let rows = rows(&text);
    let controls: Vec<(&str, &str)> =
        rows.iter().filter(|r| r["row"] == "control").map(|r| (r["control"].as_str(), r["control_verdict"].as_str())).collect();
    assert_eq!(controls, [("A.5.33", "not met"), ("A.8.24", "not met"), ("A.8.29", "attested"), ("A.8.30", "not determined")]);
    let found: BTreeSet<[&str; 3]> = rows
        .iter()
        .filter(|r| r["row"] == "finding")
        .map(|r| ["control", "resource_name", "verdict"].map(|column| r[column].as_str()))
        .collect();
    let names = [("*", "unknown"), ("deviation", "deviation"), ("excepted", "excepted"), ("pass", "pass"), ("unknown", "unknown")];
    let wanted = ["A.5.33", "A.8.24"].into_iter().flat_map(|control| names.map(|(name, verdict)| [control, name, verdict]));
    assert_eq!(found, wanted.collect());
    let excepted = rows.iter().find(|r| r["verdict"] == "excepted").unwrap();
    assert_eq!((excepted["exception"].as_str(), excepted["exception_expires"].as_str()), ("EX-7", "2026-06-30"));
}

fn call(operation: &str, region: &str, status: u16, id: &str, byte: u8) -> CallLine {
    CallLine {
        account: ACCOUNT.to_owned(),
        region: region.to_owned(),
        service: "ec2".to_owned(),
        operation: operation.to_owned(),
        time: moment("2026-01-15T12:00:30Z"),
        status: Some(status),
        request_id: Some(id.to_owned()),
        bytes: 10,
        response: Some(response(byte)),
    }
}

#[test]
fn request_ids_are_told_where_a_pack_has_them() {
    let mut made = Made::new();
    for format in EXPORTS {
        let text = made.text(format);
        assert!(text.contains(&"07".repeat(32)) && !text.contains("request-eu"), "{format:?}");
    }
    let fingerprint = made.json(Format::Json)["findings"][0]["fingerprint"].as_str().unwrap().to_owned();
    let span = Span {
        fingerprint,
        policy: "volume-encrypted".to_owned(),
        resource: "x".to_owned(),
        verdict: "deviation".to_owned(),
        opened: moment("2025-12-01T00:00:00Z"),
        closed: None,
    };
    // The same bytes came from Ireland as well: that is not where the volumes are.
    made.dossier = Some(Dossier {
        sequence: 42,
        calls: vec![
            call("DescribeVolumes", "eu-central-1", 200, "request-eu", 7),
            call("DescribeVolumes", "eu-west-1", 200, "request-ireland", 7),
            call("DescribeVolumes", "us-east-1", 403, "request-refused", 8),
        ],
        spans: vec![span],
        ..Dossier::default()
    });
    let ocsf = made.json(Format::Ocsf);
    let requests = |event: &Value| -> Vec<String> {
        let evidences = event["evidences"].as_array().unwrap();
        evidences.iter().map(|e| e["api"]["request"]["uid"].as_str().unwrap().to_owned()).collect()
    };
    let events = ocsf.as_array().unwrap();
    assert_eq!(requests(&events[0]), ["request-eu"]);
    assert_eq!(events[0]["time"], moment("2026-01-15T12:00:30Z").as_millisecond());
    assert_eq!(events[0]["finding_info"]["first_seen_time"], moment("2025-12-01T00:00:00Z").as_millisecond());
    // What was refused is the evidence of what could not be seen.
    assert_eq!(requests(events.last().unwrap()), ["request-refused"]);
    let asff = made.json(Format::Asff);
    assert_eq!(asff[0]["ProductFields"]["keur.dev/ns/aws-request-ids"], "request-eu");
    assert_eq!(asff[0]["FirstObservedAt"], "2025-12-01T00:00:00.000Z");
    assert!(rows(&made.text(Format::Csv)).iter().any(|r| r["aws_request_ids"] == "request-refused" && r["verdict"] == "unknown"));
    let oscal = made.json(Format::Oscal);
    assert_eq!(result(&oscal)["observations"][0]["collected"], "2026-01-15T12:00:30Z");
    let resources = oscal["assessment-results"]["back-matter"]["resources"].as_array().unwrap();
    assert!(
        resources
            .iter()
            .any(|r| prop(r, "request-id") == Some("request-refused") && r["rlinks"][0]["hashes"][0]["value"] == "08".repeat(32))
    );
}

#[test]
fn the_same_gives_the_same_bytes_and_something_else_other_ids() {
    let (one, two) = (Made::new(), Made::new());
    for format in EXPORTS {
        assert_eq!(one.text(format), two.text(format), "{format:?}");
    }
    let id = |made: &Made| made.json(Format::Oscal)["assessment-results"]["uuid"].as_str().unwrap().to_owned();
    let mut other = Made::new();
    let at = other.on("vol-deviation");
    other.judgement.findings[at].verdict = Verdict::Unknown;
    assert_ne!(id(&one), id(&other));
    // A resource is the same one in every run.
    let item = |made: &Made| result(&made.json(Format::Oscal))["local-definitions"]["inventory-items"][0]["uuid"].clone();
    assert_eq!(item(&one), item(&other));
}

#[test]
fn names_from_elsewhere_stay_text() {
    let nasty = "=HYPERLINK(\"http://x\")<img src=x>\n**b**;=1\u{202e}";
    let made = Made::with(&[volume("vol-1", nasty, r#""encrypted":false"#)]);
    for row in rows(&made.text(Format::Csv)) {
        for (column, cell) in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !cell.contains(";="), "{column}: {cell}");
            assert!(!cell.contains(['\n', '\u{202e}']), "{column}: {cell}");
        }
    }
    let oscal = made.json(Format::Oscal);
    let description = result(&oscal)["observations"][0]["description"].as_str().unwrap();
    assert!(description.contains(r"\<img src=x\> \*\*b\*\*") && !description.contains('\n'), "{description}");
    let item = &result(&oscal)["local-definitions"]["inventory-items"][0];
    assert_eq!(prop(item, "resource-name"), Some("=HYPERLINK(\"http://x\")<img src=x> **b**;=1\u{fffd}"));
    // OCSF is data: nothing is changed.
    assert_eq!(made.json(Format::Ocsf)[0]["resources"][0]["name"], nasty);
}

#[test]
fn asff_cuts_what_is_too_long_and_says_so() {
    let made = Made::with(&[volume("vol-1", &"é".repeat(3000), r#""encrypted":false"#)]);
    let asff = made.json(Format::Asff);
    let description = asff[0]["Description"].as_str().unwrap();
    assert!(description.chars().count() == 1024 && description.ends_with('…'));
    assert_eq!(asff[0]["ProductFields"]["keur.dev/ns/truncated"], "Description");
    assert!(asff[1]["ProductFields"].get("keur.dev/ns/truncated").is_none());
    assert!(made.json(Format::Ocsf)[0]["message"].as_str().unwrap().chars().count() > 3000);
}

/// As if a plan declared everything.
fn planned(mut made: Made) -> Made {
    let file = SourceDigest { name: "plan.json".to_owned(), sha256: response(5).to_string(), written_by: "terraform".to_owned() };
    made.estate.run.declared = Some(DeclaredRun { files: vec![file], ..DeclaredRun::default() });
    for resource in &mut made.estate.resources {
        let address = format!("aws_ebs_volume.{}", resource.id);
        resource.arn = format!("${{{address}}}").into();
        resource.account = "unknown".into();
        resource.responses.clear();
        resource.declared = Some(Arc::new(Declared {
            address,
            source_type: "aws_ebs_volume".to_owned(),
            file: 0,
            action: None,
            region_from: RegionFrom::Unknown,
            provider: None,
            parts: Vec::new(),
            partial: false,
            place: Some("main.tf:12".to_owned()),
        }));
    }
    made
}

#[test]
fn what_a_plan_is_not_to_blame_for_is_told_apart() {
    let mut made = planned(Made::new());
    let (deviation, unknown) = (made.on("vol-deviation"), made.on("vol-unknown"));
    made.judgement.findings[deviation].apart = Some(Apart::AlreadySo);
    made.judgement.findings[unknown].apart = Some(Apart::LeftToLive);
    let said = |made: &Made| -> Vec<(String, String, String)> {
        let (ocsf, asff) = (made.json(Format::Ocsf), made.json(Format::Asff));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        [deviation, unknown]
            .map(|at| (text(&ocsf[at]["compliance"]["status"]), text(&ocsf[at]["status"]), text(&asff[at]["Workflow"]["Status"])))
            .into()
    };
    let words = |list: [[&str; 3]; 2]| list.map(|[a, b, c]| (a.to_owned(), b.to_owned(), c.to_owned())).to_vec();
    assert_eq!(said(&made), words([["Fail", "Already so", "SUPPRESSED"], ["Unknown", "Left to the live estate", "SUPPRESSED"]]));
    let oscal = made.json(Format::Oscal);
    assert_eq!(prop(&result(&oscal)["observations"][deviation], "apart"), Some("already-so"));
    made.all = true;
    assert_eq!(said(&made), words([["Fail", "New", "NEW"], ["Unknown", "New", "NEW"]]));
}

#[test]
fn an_account_that_nobody_knows_is_not_made_up() {
    let made = planned(Made::new());
    let asff = made.json(Format::Asff);
    assert_eq!(asff[0]["AwsAccountId"], "000000000000");
    assert_eq!(asff[0]["ProductFields"]["keur.dev/ns/account"], "unknown");
    // The region that could not be listed has an account.
    assert_eq!(asff[4]["AwsAccountId"], ACCOUNT);
    let note = made.report().note(Format::Asff).unwrap();
    assert!(note.contains("4 findings") && note.contains("--account"), "{note}");
    assert_eq!(Made::new().report().note(Format::Asff), None);
    assert!(made.json(Format::Ocsf)[0]["cloud"].get("account").is_none());
    let csv = rows(&made.text(Format::Csv));
    let row = csv.iter().find(|r| r["verdict"] == "deviation").unwrap();
    assert_eq!((row["account"].as_str(), row["declared"].as_str()), ("", "main.tf:12 aws_ebs_volume.vol-deviation"));
    // The evidence is the plan.
    assert_eq!(row["evidence_sha256"], "05".repeat(32));
    let oscal = made.json(Format::Oscal);
    let plan = &oscal["assessment-results"]["back-matter"]["resources"];
    assert!(plan.as_array().unwrap().iter().any(|r| r["rlinks"][0]["href"] == "plan.json"));
}

#[test]
fn nothing_found_is_valid_as_well() {
    let mut made = Made::with(&[]);
    made.judgement.findings.clear();
    made.attestations.clear();
    assert_eq!(made.text(Format::Ocsf), "[\n]\n");
    assert_eq!(made.text(Format::Asff), "[\n]\n");
    let oscal = made.json(Format::Oscal);
    // OSCAL has no empty lists.
    for list in ["observations", "attestations"] {
        assert!(result(&oscal).get(list).is_none(), "{list}");
    }
    assert!(result(&oscal)["local-definitions"].get("inventory-items").is_none());
    // And nothing to judge is not satisfied.
    assert_eq!(result(&oscal)["findings"][1]["target"]["status"]["state"], "not-satisfied");
}

/// Volumes that pass in the first of two regions, and a policy on file systems: of those there are none, and the listing of
/// some regions says so.
fn file_systems(listed_in: &[&str]) -> Made {
    let mut made = Made::with(&[volume("vol-pass", "pass", r#""encrypted":true"#)]);
    let registry = crate::registry();
    for listing in &mut made.estate.listings {
        listing.gap = None;
    }
    made.estate.listings.extend(listed_in.iter().map(|region| crate::estate::Listing {
        kind: "AWS::EFS::FileSystem".to_owned(),
        account: ACCOUNT.to_owned(),
        region: (*region).to_owned(),
        listed: 0,
        unreadable: 0,
        gap: None,
    }));
    made.bundle = bundle(&registry, &[("file-system-encrypted", "AWS::EFS::FileSystem")]);
    made.judgement = evaluate(&made.bundle.policies, &made.bundle.parameters, &made.estate, &registry);
    made.exceptions.clear();
    made.framework.controls = vec![control("A.8.24", &["volume-encrypted", "file-system-encrypted"], &[])];
    made
}

/// What each format says of the one control: its verdict, and its reason where the format has room for one.
fn said_of_the_control(made: &Made) -> Vec<(&'static str, String)> {
    let report = made.json(Format::Json);
    let (ocsf, asff, oscal) = (made.json(Format::Ocsf), made.json(Format::Asff), made.json(Format::Oscal));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let csv = rows(&made.text(Format::Csv));
    let row = csv.iter().find(|r| r["row"] == "control").unwrap();
    let table = made.text(Format::Table);
    let table = table.split("CONTROLS").nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    vec![
        ("json", format!("{}: {}", text(&report["controls"][0]["verdict"]), text(&report["controls"][0]["reason"]))),
        ("csv", format!("{}: {}", row["control_verdict"], row["message"])),
        ("oscal", text(&result(&oscal)["findings"][0]["description"])),
        ("oscal state", text(&result(&oscal)["findings"][0]["target"]["status"]["state"])),
        ("ocsf", text(&ocsf[0]["unmapped"]["controls"][0]["verdict"])),
        ("asff", text(&asff[0]["ProductFields"]["keur.dev/ns/controls"])),
        ("table", table),
    ]
}

#[test]
fn a_policy_that_judged_nothing_must_prove_that_there_was_nothing() {
    use crate::framework::{ControlVerdict, Why};
    let empty = || vec!["file-system-encrypted".to_owned()];
    let of = |made: &Made| {
        let control = &made.report().controls[0];
        (control.verdict, control.why.clone())
    };
    // Listed wherever anything was: there are none, and that is said.
    let proven = file_systems(&["eu-central-1", "us-east-1"]);
    assert_eq!(of(&proven), (ControlVerdict::Met, vec![Why::NothingToJudge(empty())]));
    // Nobody asked in one of the regions.
    let open = file_systems(&["eu-central-1"]);
    assert_eq!(of(&open), (ControlVerdict::NotDetermined, vec![Why::NotProvenEmpty(empty())]));
    // What code does not declare may be there all the same.
    let mut code = file_systems(&["eu-central-1", "us-east-1"]);
    code.estate.run.declared = Some(DeclaredRun::default());
    assert_eq!(of(&code), (ControlVerdict::NotDetermined, vec![Why::NotProvenEmpty(empty())]));
    // An account that nobody entered proves nothing.
    let mut closed = file_systems(&["eu-central-1", "us-east-1"]);
    closed.estate.run.accounts.push(crate::estate::Account { id: "222222222222".to_owned(), name: None, gap: None });
    assert_eq!(of(&closed), (ControlVerdict::NotDetermined, vec![Why::NotProvenEmpty(empty())]));
    // Nothing at all to judge is never met, proven or not.
    let mut nothing = file_systems(&["eu-central-1", "us-east-1"]);
    nothing.framework.controls[0].policies = empty();
    assert_eq!(of(&nothing), (ControlVerdict::NotDetermined, vec![Why::PopulationEmpty]));
    // Packs of earlier programs come out as they were written.
    let controls = roll_up(&open.framework, &open.bundle.policies, &open.judgement, &open.estate, &open.attestations, Edition::First);
    assert_eq!((controls[0].verdict, controls[0].why.clone()), (ControlVerdict::Met, vec![Why::NothingToJudge(empty())]));
}

#[test]
fn every_format_says_the_same_of_a_control() {
    for (made, verdict, state) in [
        (file_systems(&["eu-central-1", "us-east-1"]), "met", "satisfied"),
        (file_systems(&["eu-central-1"]), "not determined", "not-satisfied"),
    ] {
        let other = if verdict == "met" { "not determined" } else { "A.8.24: met" };
        for (format, said) in said_of_the_control(&made) {
            match format {
                "oscal state" => assert_eq!(said, state),
                "ocsf" => assert_eq!(said, verdict),
                "asff" => assert_eq!(said, format!("A.8.24: {verdict}")),
                _ => assert!(said.contains(verdict) && said.contains("file-system-encrypted"), "{format}: {said}"),
            }
            assert!(!said.contains(other), "{format}: {said}");
        }
        for (code, lang) in super::Lang::ALL {
            let mut html = Vec::new();
            made.report().write(Format::Html, Style { width: 80, color: false, lang: *lang }, &mut html).unwrap();
            let html = String::from_utf8(html).unwrap();
            let sheet = html.split("<article class=\"control\"").nth(1).unwrap();
            assert!(sheet.split("</dl>").next().unwrap().contains("file-system-encrypted"), "{code}: the sheet names it");
            let claim = html.split("id=\"s-encrypted-at-rest\"").nth(1).unwrap().split("</tr>").next().unwrap();
            assert!(claim.contains("file-system-encrypted"), "{code}: the claim names it");
            let class = if verdict == "met" { "v met" } else { "v open" };
            assert!(sheet.split("</h3>").next().unwrap().contains(class) && claim.contains(class), "{code}");
        }
    }
}

#[test]
fn deviations_are_counted_by_severity() {
    let mut made = Made::new();
    let summary = |made: &Made| made.json(Format::Json)["summary"]["deviations_by_severity"].clone();
    assert_eq!(summary(&made), serde_json::json!({"critical": 0, "high": 1, "medium": 0, "low": 0}));
    // What is set apart does not count.
    let at = made.on("vol-deviation");
    made.judgement.findings[at].apart = Some(Apart::AlreadySo);
    assert_eq!(summary(&made)["high"], 0);
    // Packs of earlier programs do not have it.
    let mut out = Vec::new();
    Report { edition: Edition::First, ..made.report() }
        .write(Format::Json, Style { width: 80, color: false, lang: super::Lang::default() }, &mut out)
        .unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("by_severity"));
}
