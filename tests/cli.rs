//! The command line with everything that can be wrong with what it is given: a clear error, the right exit code, and
//! nothing half-done.

#![cfg(feature = "all-services")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use keur::aws::Tape;
use support::{Keur, POLICY, estate, place};

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/tape.tar.zst")
}

/// The demo's tape as a folder.
fn tape(keur: &Keur) -> PathBuf {
    let folder = keur.home().join("tape");
    Tape::read(&demo()).expect("the tape of the demo").write(&folder).expect("a folder");
    folder
}

const CHECK: [&str; 5] = ["check", "--policies", "policies", "--estate", "estate.json"];

#[test]
fn a_saved_estate_is_judged() {
    let keur = place();
    let report = keur.run([&CHECK[..], &["--format", "json"]].concat()).exits(1).report();
    assert_eq!(report.at("/summary/deviation"), 1);
    assert_eq!(report.at("/summary/pass"), 1);
    let text = keur.run(CHECK).exits(1).text();
    assert!(text.contains("vol-2 is not encrypted"), "{text}");
    keur.run([&CHECK[..], &["--fail-on", "critical"]].concat()).exits(0);
}

#[test]
fn a_report_to_auditors_is_written_in_the_language_asked_for() {
    let keur = place();
    let check = |more: &[&str]| keur.run([&CHECK[..], more].concat());
    let dutch = check(&["--format", "html", "--lang", "nl"]).exits(1).text();
    assert!(dutch.starts_with("<!DOCTYPE html>\n<html lang=\"nl\">") && dutch.contains("vol-2"), "{dutch}");
    check(&["--format", "html=report.html", "--format", "table"]).exits(1);
    let english = fs::read_to_string(keur.home().join("report.html")).expect("a report");
    assert!(english.contains("<html lang=\"en\">") && english.ends_with("</html>\n"));
    check(&["--format", "html", "--lang", "it"]).exits(2).says(&["languages are en, nl, fr and de"]).gives_nothing();
    keur.run(["diff", "estate.json", "estate.json", "--format", "html"]).exits(2).says(&["`html` is for `keur check`"]).gives_nothing();
}

#[test]
fn without_credentials_nothing_starts() {
    let keur = place();
    let live = ["check", "--policies", "policies"];
    keur.run(live).exits(5).says(&["no usable AWS credentials", "hint:", "AWS_PROFILE"]).gives_nothing().within(20);
    keur.run(["collect", "--policies", "policies", "-o", "new.json"]).exits(5);
    assert!(!keur.home().join("new.json").exists());
    // Keys in the environment do not stand in for a profile that is not there.
    let keur = keur.with("AWS_ACCESS_KEY_ID", "123456789012").with("AWS_SECRET_ACCESS_KEY", "test");
    let keur = keur.with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    keur.write(".aws/config", "[profile reader]\nregion = eu-central-1\n");
    let named = [&live[..], &["--profile", "raeder"]].concat();
    keur.run(named).exits(5).says(&["no profile `raeder` is defined"]).gives_nothing().within(20);
    keur.write("keur.yaml", "profile: raeder\n");
    keur.run(live).exits(5).says(&["profile `raeder`"]).gives_nothing();
    // A profile that is there, but leads nowhere.
    keur.write(".aws/config", "[profile raeder]\nrole_arn = arn:aws:iam::111111111111:role/reader\nsource_profile = gone\n");
    keur.run(live).exits(5).says(&["profile `raeder`", "gone"]).gives_nothing();
}

#[test]
fn an_endpoint_that_is_not_there_is_said_quickly() {
    let keys = |keur: Keur| keur.with("AWS_ACCESS_KEY_ID", "123456789012").with("AWS_SECRET_ACCESS_KEY", "test");
    let live = ["check", "--policies", "policies"];
    let keur = keys(place()).with("AWS_REGION", "eu-central-1").with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    keur.run(live).exits(5).says(&["AWS cannot be reached", "AWS_ENDPOINT_URL"]).gives_nothing().within(15);
    let keur = keys(place()).with("AWS_REGION", "eu-central-1").with("AWS_ENDPOINT_URL", "not an address");
    keur.run(live).exits(2).says(&["AWS_ENDPOINT_URL is `not an address`"]).gives_nothing().within(5);
}

#[test]
fn settings_of_aws_that_cannot_be_meant_are_refused_before_anything_is_asked() {
    // Somebody who takes requests and never answers: whoever asks waits for longer than this test lets it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let live = ["check", "--policies", "policies"];
    let here = |name: &str, value: &str| {
        let keur = place().with("AWS_ACCESS_KEY_ID", "123456789012").with("AWS_SECRET_ACCESS_KEY", "test");
        keur.with("AWS_REGION", "eu-central-1").with("AWS_ENDPOINT_URL", &url).with(name, value)
    };
    for (name, value, says) in [
        ("AWS_REGION", "eu-centrall-1", &["AWS has no region `eu-centrall-1`", "did you mean `eu-central-1`?"][..]),
        ("AWS_REGION", "Frankfurt", &["AWS has no region `Frankfurt`", "AWS_REGION"]),
        ("AWS_REGION", "eu-central", &["AWS has no region `eu-central`"]),
        ("AWS_REGION", "us-mars-west-1", &["AWS has no region `us-mars-west-1`"]),
        ("AWS_REGION", "", &["the region is empty", "AWS_REGION", "unset it"]),
        (
            "AWS_ENDPOINT_URL",
            "localhost:4566",
            &["AWS_ENDPOINT_URL is `localhost:4566`: it has no scheme", "write `http://localhost:4566`"],
        ),
        ("AWS_ENDPOINT_URL_S3", "me:secret@localhost", &["AWS_ENDPOINT_URL_S3 is `localhost`", "no scheme"]),
        ("AWS_ENDPOINT_URL_EC2", "http://", &["AWS_ENDPOINT_URL_EC2", "it names no host"]),
    ] {
        here(name, value).run(live).exits(2).says(says).gives_nothing().within(5);
    }
    // The same settings in a file.
    let keur = here("AWS_PROFILE", "reader").without("AWS_REGION").without("AWS_ENDPOINT_URL");
    keur.write(".aws/config", "[profile reader]\nregion = eu-centrall-1\n");
    keur.run(live).exits(2).says(&["did you mean `eu-central-1`?", "the profile"]).gives_nothing().within(5);
    keur.write(".aws/config", "[profile reader]\nregion = eu-central-1\nendpoint_url = localhost:4566\n");
    keur.run(live).exits(2).says(&["`endpoint_url` of the profile is `localhost:4566`"]).gives_nothing().within(5);
    let services = "[profile reader]\nregion = eu-central-1\nservices = local\n[services local]\ns3 =\n  endpoint_url = localhost:9000\n";
    keur.write(".aws/config", services);
    keur.run(live).exits(2).says(&["the endpoint of s3", "localhost:9000"]).gives_nothing().within(5);
}

#[test]
fn a_profile_that_is_not_there_is_told_with_those_that_are() {
    let keur = place().with("AWS_REGION", "eu-central-1");
    let live = ["check", "--policies", "policies"];
    let named = |keur: &Keur, name: &str, says: &[&str]| {
        keur.run([&live[..], &["--profile", name]].concat()).exits(5).says(says).gives_nothing().within(10);
    };
    named(&keur, "reader", &["no profile `reader` is defined", "there is none", "aws configure"]);
    keur.write(".aws/config", "[profile reader]\nregion = eu-central-1\n[default]\nregion = eu-west-1\n");
    keur.write(".aws/credentials", "[auditor]\naws_access_key_id = 1\naws_secret_access_key = 2\n");
    named(&keur, "raeder", &["no profile `raeder`", "did you mean `reader`?", "There are: auditor, default, reader"]);
    named(&keur, "production", &["no profile `production`", "there are: auditor, default, reader"]);
    let keur = keur.with("AWS_PROFILE", "auditr");
    keur.run(live).exits(5).says(&["no profile `auditr`", "did you mean `auditor`?"]).gives_nothing().within(10);
    let signed = [&CHECK[..], &["--evidence", "chain", "--sign", "awskms:///alias/keur"]].concat();
    keur.run(signed).exits(1).says(&["the evidence was not kept", "no profile `auditr`"]);
}

#[test]
fn ages_are_not_measured_against_a_moment_before_the_facts() {
    let keur = place();
    let old = "2020-01-01";
    // The estate was collected on 2026-01-31 at noon.
    let with = |as_of: &str| keur.run([&CHECK[..], &["--as-of", as_of]].concat());
    with("2026-01-31T12:00:00Z").exits(1);
    with("2027-01-01").exits(1);
    for early in ["2026-01-31T11:59:59Z", "2026-01-31", old] {
        with(early)
            .exits(2)
            .says(&["ages cannot be measured", "the facts were collected later", "--as-of 2026-01-31T12:00:00Z"])
            .gives_nothing();
    }
    // Nor is a moment that the file itself names.
    keur.write("early.json", estate().replacen(r#""as_of":"2026-01-31T12:00:00Z""#, r#""as_of":"2020-01-31T12:00:00Z""#, 1));
    keur.run(["check", "--policies", "policies", "--estate", "early.json"]).exits(2).says(&["collected later"]).gives_nothing();
    keur.run(["check", "--policies", "policies", "--estate", "early.json", "--as-of", "2026-02-01"]).exits(1);
    keur.run(["diff", "estate.json", "early.json", "--policies", "policies"]).exits(2).says(&["collected later"]).gives_nothing();
    keur.run(["diff", "estate.json", "estate.json", "--policies", "policies", "--as-of", old]).exits(2).gives_nothing();
    // Recordings, and packs of them.
    let tape = demo().display().to_string();
    for source in [&["--demo"][..], &["--replay", &tape]] {
        keur.run([&["check", "--as-of", old], source].concat()).exits(2).says(&["collected later"]).gives_nothing();
    }
    keur.run(["check", "--policies", "policies", "--replay", &tape, "--evidence", "chain"]).exits(1);
    let pack = ["check", "--policies", "policies", "--replay", "chain"];
    keur.run(pack).exits(1);
    keur.run([&pack[..], &["--as-of", old]].concat()).exits(2).says(&["collected later"]).gives_nothing();
    // Code that says when it was written, or names what had happened by then.
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/estate/plan.json").display().to_string();
    let check = ["check", "--plan", &plan, "--account", "123456789012", "--as-of"];
    keur.run([&check[..], &["2026-11-25"]].concat()).exits(2).says(&["the code was written later", "2026-11-25T14:35:47Z"]).gives_nothing();
    keur.run([&check[..], &["2026-11-26"]].concat()).exits(1);
    let role = r#"{"mode":"managed","type":"aws_iam_role","name":"r","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]","instances":
        [{"schema_version":0,"attributes":{"id":"r","name":"r","arn":"arn:aws:iam::111111111111:role/r","path":"/",
        "create_date":"2026-01-15T00:00:00Z","assume_role_policy":"{}"}}]}"#;
    let state = format!(r#"{{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"l","outputs":{{}},"resources":[{role}]}}"#);
    keur.write("terraform.tfstate", state);
    let check = ["check", "--state", "terraform.tfstate", "--as-of"];
    let ran = keur.run([&check[..], &["2026-01-14"]].concat());
    ran.exits(2).says(&["the code was written later", "2026-01-15T00:00:00Z"]).gives_nothing();
    assert_ne!(keur.run([&check[..], &["2026-01-16"]].concat()).code, Some(2));
    // AWS shows what is now. Without credentials, exit code 5 would tell that something was asked.
    let early = ["--policies", "policies", "--as-of", old];
    for command in [&["check"][..], &["collect", "-o", "new.json"]] {
        keur.run([command, &early].concat()).exits(2).says(&["AWS shows what is now", "leave --as-of out"]).gives_nothing();
    }
    keur.run([&["drift", "--state", "terraform.tfstate"], &early[..]].concat()).exits(2).says(&["AWS shows what is now"]).gives_nothing();
    keur.run([&["drift", "--state", "terraform.tfstate", "--estate", "estate.json"], &early[..]].concat()).exits(2).gives_nothing();
}

#[test]
fn where_nothing_was_judged_nothing_is_fine() {
    let keur = place();
    let none = |more: &[&str], says: &str| {
        let ran = keur.run([&CHECK[..], more].concat()).exits(3);
        assert!(ran.text().contains(says), "{}\nwithout `{says}`", ran.text());
        let ran = keur.run([&CHECK[..], more, &["--format", "json"]].concat()).exits(3).says(&[says]);
        assert_eq!(ran.report().at("/findings"), &serde_json::json!([]));
    };
    keur.write("policies/volume-encrypted.yaml", POLICY.replace("severity: high", "severity: high\nwhen: name == 'vol-3'"));
    none(&[], "nothing was judged: of 2 resources, every one that 1 policy could be about is out of scope");
    keur.write("policies/volume-encrypted.yaml", POLICY);
    let empty = estate().replace("\"listed\":2", "\"listed\":0");
    let (before, after) = (empty.find("\"resources\":[").expect("resources"), empty.find("],\"listings\"").expect("listings"));
    keur.write("estate.json", format!("{}\"resources\":[{}", &empty[..before], &empty[after..]));
    none(&[], "nothing was judged: there is no resource");
    // Where listings failed something is unknown, which is no better.
    keur.write("estate.json", estate().replace("\"encrypted\":false", "\"encrypted\":true"));
    keur.run(CHECK).exits(0);
    let pack = [&CHECK[..], &["--evidence", "chain"]].concat();
    keur.run(pack).exits(0);
    keur.run(["evidence", "replay", "chain"]).exits(0);
    // A plan that changes nothing was judged: what it leaves alone was already so.
    let plan = |case: &str| format!("{}/tests/terraform/cases/{case}/plan.json", env!("CARGO_MANIFEST_DIR"));
    keur.run(["check", "--plan", &plan("no-op"), "--account", "123456789012"]).exits(0);
    keur.write(
        "empty.json",
        r#"{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{},"resource_changes":[],"configuration":{}}"#,
    );
    keur.run(["check", "--plan", "empty.json"]).exits(3);
    // Nor do tests that are not there succeed.
    keur.write("policies/volume-encrypted.yaml", POLICY.split("tests:").next().expect("a policy"));
    keur.run(["policy", "test", "policies"]).exits(2).says(&["there are no tests"]);
}

#[test]
fn what_is_judged_again_does_not_call_itself_live() {
    let keur = place();
    let source = |arguments: &[&str]| keur.run([arguments, &["--format", "json"]].concat()).report().at("/run/source").clone();
    assert_eq!(source(&CHECK), "estate");
    assert_eq!(source(&["check", "--demo"]), "demo");
    assert_eq!(source(&["check", "--policies", "policies", "--replay", &demo().display().to_string()]), "replay");
    let head = keur.run(["check", "--demo"]).exits(1).text();
    assert!(head.lines().next().is_some_and(|line| line.ends_with("· demo")), "{head}");
    // The demo does not read the configuration that is there, and says so; without one there is nothing to say.
    assert!(keur.run(["check", "--demo"]).stderr.is_empty());
    keur.write("keur.yaml", "organisation: Somebody else\n");
    let ran = keur.run(["check", "--demo"]).exits(1).says(&["does not read `keur.yaml`", "--config keur.yaml"]);
    assert!(!ran.text().contains("Somebody else"));
    let ran = keur.run(["check", "--demo", "--config", "keur.yaml"]);
    assert!(ran.text().contains("Somebody else") && ran.stderr.is_empty(), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_named_as_another_is_told_what_it_is() {
    let keur = place();
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/estate").join(name).display().to_string();
    let (plan, state, estate, tape) = (fixture("plan.json"), fixture("terraform.tfstate"), "estate.json", demo().display().to_string());
    keur.write("template.yaml", "Resources:\n  Key: {Type: AWS::KMS::Key}\n");
    keur.write("code/main.tf", "");
    keur.write("plan.out", b"PK\x03\x04binary");
    keur.write("empty", "");
    keur.run([&CHECK[..], &["--format", "json=report.json"]].concat()).exits(1);
    let shown = fixture("state.json");
    for (file, what, option) in [
        (plan.as_str(), "a plan", "--plan"),
        (&state, "a state", "--state"),
        (&shown, "a state", "--state"),
        ("template.yaml", "a CloudFormation template", "--template"),
        (estate, "a saved estate", "--estate"),
        (&tape, "a recording", "--replay"),
    ] {
        for wrong in ["--plan", "--state", "--template", "--estate", "--replay"].into_iter().filter(|wrong| *wrong != option) {
            keur.run(["check", wrong, file]).exits(2).says(&[file, what, &format!("name it with {option}")]).gives_nothing();
        }
        // Without an option clap does not know what to do with it, and we do.
        keur.run(["check", file]).exits(2).says(&[what, &format!("write `{option} {file}`")]).gives_nothing();
    }
    keur.run(["check", "--plan", "plan.out"]).exits(2).says(&["terraform show -json"]).gives_nothing();
    keur.run(["check", "--plan", "code"]).exits(2).says(&["Terraform's code", "terraform show -json"]).gives_nothing();
    keur.run(["check", "--estate", "policies"]).exits(2).says(&["is a folder, and a file is needed"]).gives_nothing();
    keur.run(["check", "--estate", "report.json"]).exits(2).says(&["keur/report/1", "give what is to be judged"]).gives_nothing();
    keur.run(["drift", "--state", &plan, "--estate", estate]).exits(2).says(&["a plan"]).gives_nothing();
    keur.run(["drift", "--state", &state, "--estate", &plan]).exits(2).says(&["a plan", "name it with --plan"]).gives_nothing();
    keur.run(["check", "--estate", "empty"]).exits(2).says(&["empty: ", "keur collect"]).gives_nothing();
    keur.run(["init", "estate.json"]).exits(2).says(&["is a file, and a folder is needed"]).gives_nothing();
    keur.run([&CHECK[..], &["--region", "eu-west-1"]].concat()).exits(2).says(&["--region is for code"]).gives_nothing();
    for (format, says) in [("JSON", "did you mean `json`?"), ("json,csv", "give --format several times"), ("jsno", "did you mean `json`?")]
    {
        keur.run([&CHECK[..], &["--format", format]].concat()).exits(2).says(&[says]).gives_nothing();
    }
}

#[test]
fn one_is_counted_as_one() {
    let keur = place();
    assert_eq!(keur.run(["policy", "check", "policies"]).exits(0).text(), "well-formed: 1 policy with 3 tests\n");
    assert_eq!(keur.run(["policy", "test", "policies"]).exits(0).text(), "3 tests in 1 policy: 3 passed, 0 failed\n");
    keur.run([&CHECK[..], &["--evidence", "chain"]].concat()).exits(1);
    let history = keur.run(["evidence", "history", "chain"]).exits(0).text();
    assert!(history.starts_with("1 pack over `estate`"), "{history}");
    keur.write("policies/volume-encrypted.yaml", POLICY.replace("severity: high", "severity: severe"));
    keur.run(["policy", "check", "policies"]).exits(2).says(&["1 error found; nothing was judged"]);
}

#[test]
fn a_region_that_is_none_is_pointed_at() {
    let keur = place();
    keur.write("keur.yaml", "regions:\n  allowed: [eu-centrl-1]\n  sweep: [us-eest-1]\n");
    let ran = keur.run(["check", "--policies", "policies"]).exits(2).gives_nothing();
    ran.says(&["keur.yaml:2:13", "did you mean `eu-central-1`?", "keur.yaml:3:11", "did you mean `us-east-1`?"]);
}

#[test]
fn a_configuration_is_read_strictly() {
    let keur = place();
    let wrong = |text: &str, says: &[&str]| {
        keur.write("keur.yaml", text);
        keur.run(CHECK).exits(2).says(says).gives_nothing();
    };
    wrong("organisatoin: Clinic\n", &["keur.yaml:1:1", "did you mean `organisation`?"]);
    wrong("accounts:\n  - {id: 123456789012}\n", &["keur.yaml:2:10", "put it in quotes"]);
    wrong("accounts:\n  - {id: \"12345\"}\n", &["is not an account id"]);
    wrong("accounts:\n  - {id: \"111111111111\", role: reader}\n", &["is not the ARN of a role"]);
    wrong("policies: []\n", &["`policies` is empty: nothing would be judged"]);
    wrong("regions: {allowed: []}\n", &["`allowed` is empty"]);
    wrong("regions: {sweep: all}\n", &["`sweep` is `enabled` or a list of regions"]);
    wrong("environments: {production: {}}\n", &["nothing can belong to `production`"]);
    wrong("environments: {production: {tags: {Environment: []}}}\n", &["nothing can belong to `production`"]);
    wrong("environments: {unknown: {vpcs: [vpc-1]}}\n", &["`unknown` is a reserved word"]);
    wrong("parameters: {snapshot_max_agee: 26h}\n", &["did you mean `snapshot_max_age`?"]);
    wrong("parameters: {snapshot_max_age: 26}\n", &["keur.yaml:1:32"]);
    wrong("environments: {live: {vpcs: [vpc-1]}}\nparameters: {highly_available: [life]}\n", &["did you mean `live`?"]);
    wrong("framework: iso27001-2023\n", &["iso27001-2023", "did you mean `iso27001-2022`?"]);
    wrong("exceptions: gone.yaml\n", &["gone.yaml"]);
    wrong("- a list\n", &["the configuration is a map"]);
    wrong("organisation: [open\n", &["keur.yaml:1:15", "bad-yaml"]);
    wrong("profile: a\nprofile: b\n", &["duplicate"]);
    wrong("", &["keur.yaml"]);
    keur.run(["check", "--config", "gone.yaml"]).exits(2).says(&["gone.yaml", "keur init"]);
}

#[test]
fn yaml_that_would_eat_the_machine_is_refused_quickly() {
    let keur = place();
    let check = ["policy", "check", "policies"];
    let bad = |content: &[u8], says: &[&str]| {
        keur.write("policies/bad.yaml", content);
        keur.run(check).exits(2).says(says).says(&["bad.yaml"]).gives_nothing().within(10);
    };
    bad(format!("id: bad\ndescription: {}\n", "x".repeat(2 << 20)).as_bytes(), &["budget-exceeded", "at most"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(", ")));
    }
    bad(bomb.as_bytes(), &["budget-exceeded"]);
    bad(format!("id: {}\n", "[".repeat(10_000)).as_bytes(), &["bad.yaml"]);
    bad(format!("id: {}{}\n", "[".repeat(1_000), "]".repeat(1_000)).as_bytes(), &["budget-exceeded"]);
    bad(b"id: \xff\xfe\n", &["invalid utf-8"]);
    bad(b"id: bad\n\ttitle: a tab\n", &["bad-yaml"]);
    bad(b"\x00\x01\x02", &["bad.yaml"]);
    bad(format!("id: bad\nrequire: {}true\n", "!".repeat(20_000)).as_bytes(), &["bad.yaml"]);
    bad(format!("id: bad\nresource: AWS::EC2::Volume\nrequire: \"{}1\"\n", "(".repeat(20_000)).as_bytes(), &["bad.yaml"]);
}

/// A mistake: file, line, code, and the text it points at if the fixture says so.
type Mistake = (String, usize, String, Option<String>);

/// What the comments of a fixture say is wrong: on their own line, on the one below, or on the one they number.
fn announced(name: &str, text: &str) -> BTreeSet<Mistake> {
    let mut found = BTreeSet::new();
    for (at, line) in text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("# NOT OK") else { continue };
        let (place, what) = comment.split_once(": ").expect("`# NOT OK: code`");
        let line = match place.trim() {
            "" => at + 1,
            "below" => at + 2,
            number => number.parse().expect("the number of a line"),
        };
        let (code, target) = what.split_once(" `").map_or((what, None), |(code, target)| (code, Some(target.trim_end_matches('`'))));
        found.insert((name.to_owned(), line, code.to_owned(), target.map(str::to_owned)));
    }
    found
}

/// What the program says is wrong: code, file, line and column, from the rendered text.
fn reported(stderr: &str) -> Vec<(String, String, usize, usize)> {
    let mut found = Vec::new();
    let mut code = String::new();
    for line in stderr.lines() {
        let head = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["));
        if let Some((name, _)) = head.and_then(|rest| rest.split_once("]: ")) {
            code = name.to_owned();
        } else if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let mut parts = place.rsplitn(3, ':');
            let mut number = || parts.next().and_then(|n| n.parse().ok()).expect("a number");
            let (column, line) = (number(), number());
            found.push((code.clone(), parts.next().expect("a file").to_owned(), line, column));
        }
    }
    found
}

#[test]
fn every_mistake_in_policies_is_reported_in_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files = Vec::new();
    let mut folders = vec![folder.join("broken")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let keur = Keur::new();
    let mut expected = BTreeSet::new();
    for file in files {
        let name = file.strip_prefix(&folder).expect("inside").to_str().expect("UTF-8").to_owned();
        let text = fs::read_to_string(&file).expect("a file");
        expected.extend(announced(&name, &text));
        keur.write(&name, text);
    }
    let ran = keur.run(["policy", "check", "broken"]).exits(2).gives_nothing();
    let mut seen = BTreeSet::new();
    for (code, file, line, column) in reported(&ran.stderr) {
        let text = fs::read_to_string(keur.home().join(&file)).expect("a file");
        let target: String = text.lines().nth(line - 1).unwrap_or_default().chars().skip(column - 1).collect();
        // Only as much of the text as the fixture names is compared.
        let named = expected.iter().find(|e| e.0 == file && e.1 == line && e.2 == code).and_then(|e| e.3.clone());
        let target = named.map(|named| target.chars().take(named.chars().count()).collect::<String>());
        seen.insert((file, line, code, target));
    }
    let surplus: Vec<_> = seen.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(surplus.is_empty() && missing.is_empty(), "not announced {surplus:#?}\nnot reported {missing:#?}");
    assert!(expected.len() >= 35, "{}", expected.len());
    let errors = expected.iter().filter(|e| e.2 != "missing-inline-test").count();
    ran.says(&[&format!("{errors} errors found; nothing was judged")]);
}

#[test]
fn an_inline_test_that_fails_is_reported() {
    let keur = place();
    keur.write("policies/volume-encrypted.yaml", POLICY.replace("expect: deviation", "expect: pass"));
    keur.run(["policy", "check", "policies"]).exits(0);
    let ran = keur.run(["policy", "test", "policies"]).exits(2).says(&["inline-test-failed", "volume-encrypted.yaml:12:12"]);
    assert!(ran.text().contains("2 passed, 1 failed"), "{}", ran.text());
}

#[test]
fn a_folder_without_policies_judges_nothing() {
    let keur = place();
    fs::create_dir(keur.home().join("empty")).expect("a folder");
    keur.run(["check", "--policies", "empty", "--estate", "estate.json"]).exits(2).gives_nothing();
    keur.run(["policy", "check", "empty"]).exits(2).gives_nothing();
    keur.run(["check", "--policies", "gone", "--estate", "estate.json"]).exits(2).says(&["gone"]).gives_nothing();
    keur.write("keur.yaml", "policies: [empty]\n");
    keur.run(["check", "--estate", "estate.json"]).exits(2).gives_nothing();
}

#[test]
fn estates_that_are_none_are_refused() {
    let keur = place();
    let bad = |content: &str, says: &[&str]| {
        keur.write("estate.json", content);
        keur.run(CHECK).exits(2).says(&["estate.json"]).says(says).gives_nothing();
    };
    let whole = estate();
    for end in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
        bad(&whole[..end], &["keur collect -o estate.json"]);
    }
    bad(&whole.replace("keur/estate/1", "keur/estate/2"), &["`keur/estate/2`, this program reads `keur/estate/1`"]);
    bad(&whole.replace(r#""schema":"keur/estate/1","#, ""), &["schema"]);
    bad(r#"{"schema":"keur/report/1","findings":[]}"#, &["`keur/report/1`"]);
    bad("[]", &["estate"]);
    bad(&whole.replacen("AWS::EC2::Volume", "AWS::EC2::Volumes", 1), &["unknown type `AWS::EC2::Volumes`"]);
    bad(&whole.replace("\"encrypted\":false", "\"encrypted\":\"no\""), &["vol-2", "encrypted"]);
    bad(&whole.replace("\"encrypted\":false", "\"encryptedd\":false"), &["vol-2", "encryptedd"]);
    bad(&whole.replace("vol-2", "vol-1"), &["is there twice"]);
    bad(&whole.replace("\"calls\":1", "\"calls\":1,\"more\":2"), &["more"]);
    keur.run(["check", "--policies", "policies", "--estate", "gone.json"]).exits(2).says(&["gone.json"]).gives_nothing();
    keur.run(["check", "--policies", "policies", "--estate", "policies"]).exits(2).says(&["policies"]).gives_nothing();
    // A fact that is not in the file is a gap, never a default.
    keur.write("estate.json", whole.replace("{\"encrypted\":false}", "{}"));
    let report = keur.run([&CHECK[..], &["--format", "json"]].concat()).exits(3).report();
    assert_eq!(report.at("/summary/unknown"), 1);
    // So is a type that nobody listed.
    keur.write(
        "estate.json",
        whole.replace(r#"{"type":"AWS::EC2::Volume","account":"111111111111","region":"eu-central-1","listed":2}"#, ""),
    );
    let report = keur.run([&CHECK[..], &["--format", "json"]].concat()).exits(1).report();
    assert_eq!(report.at("/summary/unknown"), 1);
}

#[test]
fn tapes_that_are_none_are_refused() {
    let keur = place();
    let folder = tape(&keur);
    let check = |says: &[&str]| {
        let ran = keur.run(["check", "--policies", "policies", "--replay", "tape"]).exits(2);
        ran.says(&["tape"]).says(says).gives_nothing();
    };
    let replayed = keur.run(["check", "--policies", "policies", "--replay", "tape"]);
    assert!(matches!(replayed.code, Some(1 | 3)), "{}", replayed.stderr);

    let exchanges = folder.join("exchanges.jsonl");
    let whole = fs::read_to_string(&exchanges).expect("exchanges");
    let lines: Vec<&str> = whole.lines().collect();
    fs::write(&exchanges, lines[..lines.len() - 1].join("\n")).expect("written");
    check(&["exchanges.jsonl", "it is cut off"]);
    fs::write(&exchanges, &whole[..whole.len() / 2]).expect("written");
    check(&["exchanges.jsonl", "line"]);
    fs::write(&exchanges, &whole).expect("written");

    let body = fs::read_dir(folder.join("bodies")).expect("bodies").next().expect("a body").expect("a body").path();
    let bytes = fs::read(&body).expect("a body");
    let mut changed = bytes.clone();
    match changed.first_mut() {
        Some(byte) => *byte ^= 1,
        None => changed.push(1),
    }
    fs::write(&body, changed).expect("written");
    check(&["bodies/", "its content has sha256:"]);
    fs::remove_file(&body).expect("removed");
    check(&["not a tape", "bodies/"]);
    fs::write(&body, bytes).expect("written");

    let run = folder.join("run.json");
    let head = fs::read_to_string(&run).expect("run.json");
    fs::write(&run, head.replace("keur/tape/1", "keur/tape/9")).expect("written");
    check(&["`keur/tape/9`", "`keur/tape/1`"]);
    fs::write(&run, "{").expect("written");
    check(&["run.json", "damaged"]);
    fs::remove_file(&run).expect("removed");
    check(&["not a tape: `run.json` is missing"]);

    for (name, content) in [("empty.tar.zst", Vec::new()), ("text.tar.zst", b"not an archive".to_vec())] {
        keur.write(name, content);
        keur.run(["check", "--policies", "policies", "--replay", name]).exits(2).says(&[name]).gives_nothing();
    }
    let archive = fs::read(demo()).expect("the demo");
    keur.write("half.tar.zst", &archive[..archive.len() / 2]);
    keur.run(["check", "--policies", "policies", "--replay", "half.tar.zst"]).exits(2).says(&["half.tar.zst"]).gives_nothing();
    keur.run(["check", "--policies", "policies", "--replay", "gone"]).exits(2).says(&["gone"]).gives_nothing();
    keur.run(["check", "--policies", "policies", "--replay", "estate.json"]).exits(2).says(&["estate.json"]).gives_nothing();
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_asked() {
    // Without credentials exit code 5 would tell that something was asked.
    let keur = place();
    tape(&keur);
    let collect = |more: &[&str]| keur.run([&["collect", "--policies", "policies"], more].concat()).exits(2).gives_nothing();
    collect(&["-o", "estate2.json", "--tape", "tape"]).says(&["not empty", "never written over"]);
    collect(&["-o", "estate2.json", "--tape", "estate.json"]).says(&["estate.json"]);
    collect(&["-o", "gone/estate.json"]).says(&["gone/estate.json", "hint:"]);
    collect(&["-o", "policies"]).says(&["is a folder"]);
    collect(&["-o", "estate2.json", "--service", "rdss"]).says(&["did you mean `rds`?"]);
    assert!(!keur.home().join("estate2.json").exists());
    let check = |format: &str| keur.run([&CHECK[..], &["--format", format]].concat()).exits(2).gives_nothing();
    check("json=gone/report.json").says(&["gone/report.json"]);
    check("json=policies").says(&["is a folder"]);
    check("json=").says(&["no path after"]);
    check("jsn").says(&["formats are"]);
    let both = [&CHECK[..], &["--format", "json", "--format", "table"]].concat();
    keur.run(both).exits(2).says(&["only one format can go to standard output"]).gives_nothing();
    let both = [&CHECK[..], &["--format", "json=report.json", "--format", "table"]].concat();
    keur.run(both).exits(1);
    let report = fs::read_to_string(keur.home().join("report.json")).expect("the report");
    assert!(report.starts_with('{') && report.ends_with("}\n"));
    // Nothing is left lying about.
    let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".keur");
    let left: Vec<_> = fs::read_dir(keur.home()).expect("a folder").filter_map(Result::ok).filter(hidden).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_mistyped_command_line_is_explained() {
    let keur = place();
    let wrong = |arguments: &[&str], says: &[&str]| {
        keur.run(arguments).exits(2).says(says).gives_nothing();
    };
    wrong(&[], &["Usage"]);
    wrong(&["chek"], &["check"]);
    wrong(&["check", "--estat", "estate.json"], &["--estate"]);
    wrong(&["check", "--estate", "estate.json", "--replay", "tape"], &["cannot be used with"]);
    wrong(&["check", "--estate", "estate.json", "--demo"], &["cannot be used with"]);
    wrong(&[&CHECK[..], &["--policy", "volume-encryptd"]].concat(), &["did you mean `volume-encrypted`?"]);
    wrong(&[&CHECK[..], &["--fail-on", "severe"]].concat(), &["critical, high, medium and low"]);
    wrong(&[&CHECK[..], &["--as-of", "yesterday"]].concat(), &["2026-01-31T12:00:00Z"]);
    wrong(&["collect"], &["--output"]);
    wrong(&["policy", "explain", "volume-encryptd", "--policies", "policies"], &["did you mean `volume-encrypted`?"]);
    wrong(&["schema", "AWS::EC2::Volum"], &["did you mean `AWS::EC2::Volume`?"]);
    wrong(&["policy", "new", "estate.json"], &["`.yaml`"]);
    wrong(&["policy", "new", "policies/volume-encrypted.yaml"], &["is there already"]);
    assert_eq!(fs::read_to_string(keur.home().join("policies/volume-encrypted.yaml")).expect("the policy"), POLICY);
    for fine in ["--version", "--help", "help"] {
        let ran = keur.run([fine]).exits(0);
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{fine}");
    }
}

#[test]
fn the_demo_shows_deviations_and_a_gap() {
    let keur = Keur::new();
    let report = keur.run(["check", "--demo", "--format", "json"]).exits(1).report();
    let deviating: BTreeSet<String> = report.with_verdict("deviation").into_iter().map(|found| found.policy).collect();
    for policy in [
        "bucket-in-allowed-region",
        "ebs-volume-encrypted",
        "no-peering-between-environments",
        "rds-instance-multi-az",
        "rds-instance-recent-snapshot",
    ] {
        assert!(deviating.contains(policy), "{policy}: {deviating:?}");
    }
    assert!(report.gaps().iter().any(|gap| gap.3 == "denied"), "{:?}", report.gaps());
    assert!(report.at("/summary/unknown").as_u64().is_some_and(|n| n > 0));
    assert!(fs::metadata(demo()).expect("the demo").len() < 400 << 10);
    let text = keur.with("COLUMNS", "80").run(["check", "--demo"]).exits(1).text();
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let keur = place();
    for arguments in [&["check", "--demo", "--format", "json"][..], &["schema"]] {
        let mut child = keur.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("keur starts");
        let mut first = String::new();
        let mut out = BufReader::with_capacity(16, child.stdout.take().expect("standard output"));
        out.read_line(&mut first).expect("a line");
        drop(out);
        let mut said = String::new();
        child.stderr.take().expect("standard error").read_to_string(&mut said).expect("text");
        let status = child.wait().expect("it ends");
        assert!(!first.is_empty() && said.is_empty(), "{first}{said}");
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    }
}

#[test]
fn names_do_not_reach_the_terminal_as_commands() {
    let keur = place();
    keur.write("estate.json", estate().replace("vol-2", "\\u001b[31mred\\u0007\\u202e"));
    let ran = keur.run(CHECK).exits(1);
    let text = ran.text();
    assert!(text.contains("red"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
}

#[test]
fn exceptions_that_do_not_hold_are_told() {
    let keur = place();
    let with = |resources: &str, expires: &str| {
        let text = format!(
            "- id: accepted-1\n  policy: volume-encrypted\n  resources: [{resources}]\n  reason: it is empty\n  risk: R-1\n  \
             approver: CISO\n  approved: 2026-01-01\n  expires: {expires}\n"
        );
        keur.write("exceptions.yaml", text);
        keur.write("keur.yaml", "policies: [policies]\nexceptions: exceptions.yaml\n");
        keur.run(["check", "--estate", "estate.json"])
    };
    with("vol-2", "2026-02-28").exits(0);
    with("vol-2", "2026-01-30").exits(1);
    with("vol-22", "2026-02-28").exits(1).says(&["exceptions.yaml"]);
    with("vol-2", "28-02-2026").exits(2).says(&["exceptions.yaml:8:12"]).gives_nothing();
    with("", "2026-02-28").exits(2).says(&["exceptions.yaml:3"]).gives_nothing();
}

#[test]
fn a_configuration_is_never_written_over() {
    let keur = Keur::new();
    keur.run(["init"]).exits(0);
    let written = fs::read_to_string(keur.home().join("keur.yaml")).expect("the configuration");
    keur.run(["init"]).exits(2).says(&["is there already; nothing was written"]);
    keur.run(["init", "--policies"]).exits(2);
    assert!(!keur.home().join("policies").exists());
    assert_eq!(fs::read_to_string(keur.home().join("keur.yaml")).expect("the configuration"), written);
    keur.run(["policy", "check"]).exits(0);
    keur.run(["policy", "new", "policies/mine.yaml"]).exits(0);
    keur.run(["policy", "test", "policies/mine.yaml"]).exits(0);
}

/// Terminals are narrow and ids are long: whatever prints a table is no wider than the terminal, but for a word that alone is,
/// and every id in it is whole.
#[test]
fn tables_fit_the_terminal_and_cut_nothing() {
    let mut keur = Keur::new();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/estate/plan.json").to_string_lossy().into_owned();
    keur.run(["check", "--demo", "--evidence", "chain"]).exits(1);
    let report = keur.run(["check", "--demo", "--format", "json"]).exits(1).report();
    let ids = |pointer: &str, verdict: &[&str], member: &str| -> BTreeSet<String> {
        let list = report.at(pointer).as_array().expect("a list");
        let of = |item: &serde_json::Value| verdict.iter().any(|verdict| item["verdict"] == *verdict);
        list.iter().filter(|item| of(item)).map(|item| item[member].as_str().expect("an id").to_owned()).collect()
    };
    let found = ids("/findings", &["deviation", "unknown"], "policy");
    let mut controls = ids("/controls", &["met", "not met", "not determined"], "id");
    controls.extend(found.iter().cloned());
    assert!(found.len() > 8 && controls.len() > 60, "{found:?}");
    let diff = ["diff", "chain/pack-000001", &plan];
    let commands: [(&[&str], &BTreeSet<String>); 9] = [
        (&["check", "--demo"], &controls),
        (&["check", "--plan", &plan], &BTreeSet::new()),
        (&["policy", "list"], &found),
        (&["policy", "list", "--parameters"], &BTreeSet::from(["highly_available".to_owned()])),
        (&["policy", "explain", "rds-instance-multi-az"], &BTreeSet::from(["rds:DescribeDBInstanceAutomatedBackups".to_owned()])),
        (&["controls"], &BTreeSet::from(["A.8.24".to_owned(), "least-privilege".to_owned()])),
        (&["schema"], &BTreeSet::from(["AWS::ElasticLoadBalancingV2::LoadBalancer".to_owned()])),
        (&["evidence", "verify", "chain"], &BTreeSet::from(["pack-000001".to_owned()])),
        (&["evidence", "history", "chain"], &found),
    ];
    for width in [60, 80, 100, 120, 200] {
        keur = keur.with("COLUMNS", &width.to_string());
        for (command, whole) in commands.iter().copied().chain([(&diff[..], &BTreeSet::new())]) {
            let text = keur.run(command).text();
            for line in text.lines() {
                assert!(line.chars().count() <= width || line.split_whitespace().count() == 1, "{command:?} at {width}: {line}");
            }
            let words: BTreeSet<&str> = text.split([' ', '\n', ':', ',']).collect();
            let words: BTreeSet<&str> = text.split_whitespace().map(|word| word.trim_end_matches([':', ','])).chain(words).collect();
            for id in whole {
                assert!(words.contains(id.as_str()), "{command:?} at {width}: {id} is not whole in\n{text}");
            }
            // Spelt downwards: a run of lines of one or two characters.
            let thin = text.lines().map(|line| line.trim()).collect::<Vec<_>>();
            assert!(
                !thin.windows(4).any(|four| four.iter().all(|line| (1..=2).contains(&line.chars().count()))),
                "{command:?} at {width}:\n{text}"
            );
        }
    }
}

/// A policy takes one line where there is room, and two or a little more where there is not.
#[test]
fn policies_are_listed_in_few_lines() {
    for (width, most) in [("200", 10), ("120", 21), ("80", 24)] {
        let text = Keur::new().with("COLUMNS", width).run(["policy", "list"]).exits(0).text();
        let policies = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).count();
        assert!(
            policies > 50 && text.lines().count() * 10 <= policies * most + 40,
            "{width}: {} lines for {policies}",
            text.lines().count()
        );
    }
}

#[test]
fn the_most_severe_deviations_come_first_and_are_counted() {
    let keur = Keur::new();
    let text = keur.run(["check", "--demo"]).exits(1).text();
    let summary = keur.run(["check", "--demo", "--format", "json"]).exits(1).report().at("/summary").clone();
    let by = &summary["deviations_by_severity"];
    let sum: u64 = ["critical", "high", "medium", "low"].iter().map(|severity| by[*severity].as_u64().expect("a count")).sum();
    assert_eq!((sum, &by["critical"]), (summary["deviation"].as_u64().expect("a count"), &serde_json::json!(1)), "{summary}");
    let order = ["critical  ", "high  ", "medium  ", "low  "];
    let ranks: Vec<usize> = text.lines().filter_map(|line| order.iter().position(|severity| line.starts_with(severity))).collect();
    assert!(ranks.len() >= 7 && ranks.is_sorted(), "{ranks:?}\n{text}");
    assert!(text.contains("DEVIATIONS (7): 1 critical, 6 high") && text.contains("7 deviations (1 critical, 6 high)"), "{text}");
}
