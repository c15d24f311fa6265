//! The formats of others: the same findings as the JSON report, with words that never make a pass of what is unknown.

#![cfg(feature = "all-services")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::Keur;

const NAMESPACE: &str = "https://keur.dev/ns";
const FORMATS: [&str; 4] = ["oscal", "ocsf", "asff", "csv"];

/// Fingerprint to verdict.
type Verdicts = BTreeMap<String, String>;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Runs a check into one file per format, and reads them.
fn export(keur: &Keur, arguments: &[&str]) -> BTreeMap<&'static str, String> {
    let mut all: Vec<String> = ["check"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    for format in ["json"].iter().chain(&FORMATS) {
        all.extend(["--format".to_owned(), format!("{format}={format}")]);
    }
    keur.run(&all).exits(1).gives_nothing();
    let read = |format: &'static str| (format, fs::read_to_string(keur.home().join(format)).expect("the file is there"));
    ["json"].into_iter().chain(FORMATS).map(read).collect()
}

fn parsed(files: &BTreeMap<&str, String>, format: &str) -> Value {
    serde_json::from_str(&files[format]).unwrap_or_else(|error| panic!("{format}: {error}"))
}

fn prop<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["props"].as_array()?.iter().find(|p| p["name"] == name && p["ns"] == NAMESPACE)?["value"].as_str()
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Refuses two lines on one finding.
fn once(lines: impl Iterator<Item = (String, String)>) -> Verdicts {
    let mut verdicts = Verdicts::new();
    for (fingerprint, verdict) in lines {
        assert_eq!(verdicts.insert(fingerprint.clone(), verdict), None, "{fingerprint} is there twice");
    }
    verdicts
}

/// What every format says of every finding, in the words of the JSON report: each translated from its own status.
fn verdicts(files: &BTreeMap<&str, String>) -> BTreeMap<&'static str, Verdicts> {
    let json = parsed(files, "json");
    let in_json = once(list(&json, "/findings").iter().map(|f| (text(&f["fingerprint"]), text(&f["verdict"]))));
    let ocsf = parsed(files, "ocsf");
    let in_ocsf = once(list(&ocsf, "").iter().map(|e| {
        let verdict = match (e["compliance"]["status_id"].as_i64(), e["status_id"].as_i64()) {
            (Some(1), _) => "pass",
            (Some(3), Some(3)) => "excepted",
            (Some(3), _) => "deviation",
            (Some(0), _) => "unknown",
            other => panic!("{other:?} means nothing"),
        };
        (text(&e["finding_info"]["uid"]), verdict.to_owned())
    }));
    let asff = parsed(files, "asff");
    let in_asff = once(list(&asff, "").iter().map(|f| {
        let fields = &f["ProductFields"];
        let verdict = match (f["Compliance"]["Status"].as_str(), fields.get("keur.dev/ns/exception")) {
            (Some("PASSED"), _) => "pass",
            (Some("FAILED"), Some(_)) => "excepted",
            (Some("FAILED"), None) => "deviation",
            (Some("NOT_AVAILABLE"), _) => "unknown",
            other => panic!("{other:?} means nothing"),
        };
        (text(&fields["keur.dev/ns/fingerprint"]), verdict.to_owned())
    }));
    let oscal = parsed(files, "oscal");
    let tests = list(&oscal, "/assessment-results/results/0/observations").iter().filter(|o| o["methods"][0] == "TEST");
    let of = |o: &Value| (prop(o, "fingerprint").expect("a fingerprint").to_owned(), prop(o, "verdict").expect("a verdict").to_owned());
    let in_oscal = once(tests.map(of));
    let mut in_csv = Verdicts::new();
    let mut reader = csv::Reader::from_reader(files["csv"].as_bytes());
    for row in reader.deserialize::<BTreeMap<String, String>>() {
        let row = row.expect("a row with every column");
        if row["row"] == "finding" {
            in_csv.insert(row["fingerprint"].clone(), row["verdict"].clone());
        }
    }
    [("json", in_json), ("ocsf", in_ocsf), ("asff", in_asff), ("oscal", in_oscal), ("csv", in_csv)].into()
}

#[test]
fn the_demo_has_the_same_findings_in_every_format() {
    let keur = Keur::new();
    let files = export(&keur, &["--demo"]);
    let verdicts = verdicts(&files);
    let words: BTreeSet<&str> = verdicts["json"].values().map(String::as_str).collect();
    assert_eq!(words, ["deviation", "pass", "unknown"].into(), "the demo has everything but exceptions");
    for format in FORMATS {
        assert_eq!(verdicts[format], verdicts["json"], "{format}");
    }
    // Controls, with their verdicts.
    let (json, oscal) = (parsed(&files, "json"), parsed(&files, "oscal"));
    let wanted: Vec<(String, String)> = list(&json, "/controls").iter().map(|c| (text(&c["id"]), text(&c["verdict"]))).collect();
    let findings = list(&oscal, "/assessment-results/results/0/findings");
    let said: Vec<(String, String)> =
        findings.iter().map(|f| (prop(f, "control-id").unwrap_or("").to_owned(), prop(f, "verdict").unwrap_or("").to_owned())).collect();
    assert_eq!(said, wanted);
    for finding in findings.iter().filter(|f| matches!(prop(f, "verdict"), Some("not determined" | "not met"))) {
        assert_eq!(finding["target"]["status"]["state"], "not-satisfied", "{finding}");
    }
    let mut reader = csv::Reader::from_reader(files["csv"].as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().collect::<Result<_, _>>().expect("rows");
    let said: Vec<(String, String)> =
        rows.iter().filter(|r| r["row"] == "control").map(|r| (r["control"].clone(), r["control_verdict"].clone())).collect();
    assert_eq!(said, wanted);
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (one, two) = (Keur::new(), Keur::new());
    assert_eq!(export(&one, &["--demo"]), export(&two, &["--demo"]));
}

#[test]
fn a_plan_is_exported_and_an_account_that_it_does_not_say_is_told() {
    let keur = Keur::new();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/estate/plan.json");
    let plan = plan.to_str().expect("a path");
    let arguments = ["--plan", plan, "--as-of", "2027-01-31T00:00:00Z"];
    let files = export(&keur, &arguments);
    let verdicts = verdicts(&files);
    assert!(verdicts["json"].values().any(|verdict| verdict == "unknown"));
    for format in FORMATS {
        assert_eq!(verdicts[format], verdicts["json"], "{format}");
    }
    let asff = parsed(&files, "asff");
    let without = list(&asff, "").iter().filter(|f| f["AwsAccountId"] == "000000000000").count();
    assert!(without > 0);
    let check = [&["check", "--format", "asff"][..], &arguments].concat();
    keur.run(&check).exits(1).says(&[&format!("{without} findings of unknown account"), "--account"]);
    let told = keur.run([&check[..], &["--account", "123456789012"]].concat()).exits(1);
    assert!(!told.stderr.contains("unknown account"), "{}", told.stderr);
}

#[test]
fn comparisons_are_not_evidence_and_have_no_such_formats() {
    let keur = Keur::new();
    for format in FORMATS {
        keur.run(["diff", "a.json", "b.json", "--format", format]).exits(2).says(&["formats are `table`, `json`"]).gives_nothing();
    }
}
