//! What others wrote, on its way to terminals and records: names that terminals would obey, and secrets in what is broken.

#![cfg(feature = "all-services")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use support::{Keur, POLICY, Ran};

/// Clears the screen, colours, sets a title, turns the reading around, is not seen, and forges a line.
const NASTY: &str = "n\u{1b}[2J\u{1b}[8m\u{1b}]0;t\u{7}\u{9b}31m\u{202e}\u{200b}\r\nFORGED: all is well";

fn volume(name: &str, encrypted: Json) -> Json {
    json!({
        "type": "AWS::EC2::Volume", "arn": format!("arn:aws:ec2:eu-central-1:111111111111:volume/{name}"), "id": name, "name": name,
        "account": "111111111111", "region": "eu-central-1", "tags": {"Name": name, "Environment": "production"},
        "properties": {"encrypted": encrypted, "volume_type": "gp3"}, "responses": []
    })
}

fn estate() -> Json {
    let gap = json!({
        "service": "ec2", "operation": "DescribeVolumes", "account": "111111111111", "region": "eu-central-1", "reason": "denied",
        "code": "AccessDenied", "subject": "the volumes"
    });
    let moment = "2026-01-31T12:00:00Z";
    json!({
        "schema": "keur/estate/1",
        "run": {
            "started": moment, "finished": moment, "as_of": moment, "source": "live", "tool": "keur",
            "identity": {"account": "111111111111", "arn": "arn:aws:iam::111111111111:user/somebody"},
            "accounts": [{"id": "111111111111", "name": "the account"}], "regions": ["eu-central-1"], "calls": 1
        },
        "resources": [volume("vol-1", json!(true)), volume("vol-2", json!(false)), volume("vol-3", json!({"$unknown": gap}))],
        "listings": [{"type": "AWS::EC2::Volume", "account": "111111111111", "region": "eu-central-1", "listed": 3}]
    })
}

/// Pointers to every text, and to every name of a member of tags.
fn texts(value: &Json, at: &str, found: &mut Vec<String>) {
    match value {
        Json::String(_) => found.push(at.to_owned()),
        Json::Array(items) => items.iter().enumerate().for_each(|(number, item)| texts(item, &format!("{at}/{number}"), found)),
        Json::Object(members) => members.iter().for_each(|(name, item)| texts(item, &format!("{at}/{name}"), found)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Nothing in an output for people is obeyed by a terminal, and nothing looks like a line of its own.
#[track_caller]
fn harmless(what: &str, text: &str) {
    let hidden = |c: char| c != '\n' && c != '\t' && (c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'));
    assert!(!text.contains(hidden), "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{what}: {text}");
}

#[test]
fn no_name_moves_the_cursor_or_forges_a_line() {
    let keur = Keur::new();
    keur.write("policies/volume-encrypted.yaml", POLICY);
    keur.write("before.json", serde_json::to_vec(&estate()).expect("JSON"));
    let whole = estate();
    let mut all = Vec::new();
    texts(&whole, "", &mut all);
    let (mut tried, mut judged) = (0, 0);
    for pointer in all {
        for behind in [true, false] {
            let mut changed = whole.clone();
            let text = changed.pointer_mut(&pointer).expect("a text");
            *text = Json::String(if behind { format!("{}{NASTY}", text.as_str().unwrap_or_default()) } else { NASTY.to_owned() });
            keur.write("estate.json", serde_json::to_vec(&changed).expect("JSON"));
            let check = keur.run(["check", "--policies", "policies", "--estate", "estate.json"]);
            let diff = keur.run(["diff", "before.json", "estate.json", "--policies", "policies"]);
            judged += usize::from(check.code != Some(2));
            for ran in [check, diff] {
                harmless(&pointer, &ran.text());
                harmless(&pointer, &ran.stderr);
                assert!(!ran.stderr.contains("panicked"), "{pointer}: {}", ran.stderr);
                tried += 1;
            }
        }
    }
    assert!(tried > 100 && judged > 20, "{tried} outputs, {judged} of them of a judgement");
}

/// Every number and every moment of an estate, as large and as small as they can be written.
#[test]
fn no_number_of_an_estate_is_reckoned_with_unchecked() {
    let keur = Keur::new();
    keur.write("policies/volume-encrypted.yaml", POLICY);
    let mut whole = estate();
    whole["listings"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"type": "AWS::EC2::Volume", "account": "111111111111", "region": "eu-west-1", "listed": 3}));
    keur.write("before.json", serde_json::to_vec(&whole).expect("JSON"));
    let numbers = [json!(u64::MAX), json!(i64::MIN), json!(1e308), json!(1_u64 << 40)];
    let moments = [json!("-009999-01-02T01:59:59Z"), json!("9999-12-30T22:00:00.999999999Z"), json!("1969-12-31T23:59:59Z")];
    let mut all = Vec::new();
    places(&whole, "", &mut all);
    let mut tried = 0;
    for place in all {
        let values = match whole.pointer(&place).expect("a place") {
            Json::Number(_) => &numbers[..],
            Json::String(text) if text.starts_with("2026-") => &moments[..],
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => continue,
        };
        for value in values {
            let mut changed = whole.clone();
            *changed.pointer_mut(&place).expect("a place") = value.clone();
            // All listings at once: they are added up.
            if place.starts_with("/listings") {
                changed["listings"].as_array_mut().expect("a list").iter_mut().for_each(|listing| listing["listed"] = value.clone());
            }
            keur.write("estate.json", serde_json::to_vec(&changed).expect("JSON"));
            for format in ["table", "html", "oscal", "csv"] {
                let ran = keur.run(["check", "--policies", "policies", "--estate", "estate.json", "--format", format]);
                assert!(matches!(ran.code, Some(0..=3)), "{place} {value} {format}: {}", ran.stderr);
                tried += 1;
            }
            let ran = keur.run(["diff", "before.json", "estate.json", "--policies", "policies"]);
            assert!(matches!(ran.code, Some(0..=3)), "{place} {value}: {}", ran.stderr);
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn names_in_files_of_policies_do_no_harm_either() {
    let keur = Keur::new();
    let escaped =
        NASTY.replace('\u{1b}', "\\e").replace('\u{7}', "\\a").replace('\u{9b}', "\\x9b").replace('\r', "\\r").replace('\n', "\\n");
    for (from, to) in [
        ("title: Volumes are encrypted", format!("title: \"{escaped}\"")),
        ("remedy: Encrypt it", format!("remedy: \"{escaped}\"")),
        ("statement: encrypted-at-rest", format!("statement: \"{escaped}\"")),
        ("severity: high", format!("severity: \"{escaped}\"")),
        ("resource: AWS::EC2::Volume", format!("resource: \"{escaped}\"")),
        ("require: resource.encrypted", format!("require: \"{escaped}\"")),
        ("require: resource.encrypted", format!("require: resource.encrypted # {NASTY}")),
        ("{name: encrypted,", format!("{{name: \"{escaped}\",")),
        ("id: volume-encrypted", format!("id: \"{escaped}\"")),
        ("id: volume-encrypted", format!("\"{escaped}\": volume-encrypted")),
    ] {
        keur.write("policies/volume-encrypted.yaml", POLICY.replace(from, &to));
        keur.write("estate.json", serde_json::to_vec(&estate()).expect("JSON"));
        for arguments in [
            &["policy", "list", "--policies", "policies"][..],
            &["policy", "explain", "volume-encrypted", "--policies", "policies"],
            &["policy", "check", "policies"],
            &["policy", "test", "policies"],
            &["controls", "--policies", "policies"],
            &["check", "--policies", "policies", "--estate", "estate.json"],
        ] {
            let ran = keur.run(arguments);
            harmless(&to, &ran.text());
            harmless(&to, &ran.stderr);
        }
    }
}

/// Nothing of a run has this word: neither what it says, nor what it keeps.
#[track_caller]
fn without(keur: &Keur, ran: &Ran, secret: &str) {
    for text in [&ran.text(), &ran.stderr] {
        assert!(!text.contains(secret), "{text}");
    }
    let mut folders = vec![keur.home().join("chain")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).expect("a file");
            let plain =
                if path.extension().is_some_and(|e| e == "zst") { zstd::decode_all(bytes.as_slice()).expect("zstd") } else { bytes };
            assert!(!String::from_utf8_lossy(&plain).contains(secret), "{}", path.display());
        }
    }
}

/// A run that comes to nothing; what it says goes into the record of a pack as well, which takes its time.
fn check(keur: &Keur, kept: bool) -> Ran {
    let arguments = ["check", "--policies", "policies", "--evidence", "chain"];
    keur.run(if kept { &arguments[..] } else { &arguments[..3] })
}

fn with_policy() -> Keur {
    let keur = Keur::new();
    keur.write("policies/volume-encrypted.yaml", POLICY);
    keur
}

#[cfg(unix)]
#[test]
fn what_a_program_says_that_gives_credentials_is_not_repeated() {
    for (number, program) in [
        "echo hunter2 >&2; exit 1",
        "echo key: hunter2: https://u:hunter2@host >&2; exit 7",
        "echo '{\"Version\": 1, \"AccessKeyId\": \"hunter2\"'",
        "echo '{\"Version\": 1, \"AccessKeyId\": \"hunter2\", \"SecretAccessKey\": 5}'",
        "echo '{\"Version\": 1, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"Expiration\": \"hunter2\"}'",
        "echo hunter2",
        "printf 'hunter2\\377'",
    ]
    .into_iter()
    .enumerate()
    {
        let keur = with_policy();
        keur.write("program.sh", program);
        let script = keur.home().join("program.sh");
        keur.write("config", format!("[default]\nregion = eu-central-1\ncredential_process = sh {}\n", script.display()));
        let keur = keur.with("AWS_CONFIG_FILE", "config").with("AWS_SHARED_CREDENTIALS_FILE", "none");
        let ran = check(&keur, number == 0).exits(5).gives_nothing();
        assert_eq!(keur.home().join("chain/pack-000001/manifest.json").exists(), number == 0);
        without(&keur, &ran, "hunter2");
        assert!(ran.stderr.contains("credentials"), "{program}: {}", ran.stderr);
    }
}

#[test]
fn addresses_are_shown_and_kept_without_their_user() {
    let keys = |keur: Keur| keur.with("AWS_ACCESS_KEY_ID", "111111111111").with("AWS_SECRET_ACCESS_KEY", "x").with("AWS_MAX_ATTEMPTS", "1");
    for (variable, value) in [
        ("AWS_ENDPOINT_URL", "http://user:hunter2@127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_STS", "http://hunter2@127.0.0.1:1/a"),
        ("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:1"),
        ("AWS_ENDPOINT_URL", "http://user:hunter2@no host"),
        ("AWS_ENDPOINT_URL", "user:hunter2@127.0.0.1:1"),
    ] {
        let keur =
            keys(with_policy()).with("AWS_REGION", "eu-central-1").with(variable, value).with("CI_JOB_URL", "https://ci:hunter2@host/1");
        let ran = check(&keur, variable.ends_with("_STS"));
        assert!(matches!(ran.code, Some(2 | 5)), "{value}: {}", ran.stderr);
        without(&keur, &ran, "hunter2");
    }
    let keur = with_policy();
    keur.write("pack/manifest.json", "{}");
    for url in ["http://user:hunter2@127.0.0.1:1/tsa", "ftp://user:hunter2@host", "https://user:hunter2@ho st/"] {
        let ran = keur.run(["evidence", "timestamp", "pack", "--url", url]).exits(5);
        without(&keur, &ran, "hunter2");
    }
}

/// Every value of a state or a plan in turn is of another kind than Terraform writes, and the file is cut off anywhere.
#[test]
fn what_is_broken_is_told_without_what_stands_in_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform");
    let state = json!({
        "version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "hunter2",
        "outputs": {"password": {"value": "hunter2", "type": "string", "sensitive": true}},
        "resources": [{
            "mode": "managed", "type": "aws_db_instance", "name": "main", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
            "instances": [{"schema_version": 2, "attributes": {"id": "db", "password": "hunter2", "storage_encrypted": true}, "sensitive_attributes": []}]
        }]
    });
    let change = json!({"actions": ["create"], "before": null, "after": {"password": "hunter2"}, "after_unknown": {}, "before_sensitive": false, "after_sensitive": {"password": true}});
    let plan = json!({
        "format_version": "1.2", "terraform_version": "1.9.0", "variables": {"password": {"value": "hunter2"}},
        "resource_changes": [{"address": "aws_db_instance.main", "mode": "managed", "type": "aws_db_instance", "name": "main",
            "provider_name": "registry.terraform.io/hashicorp/aws", "change": change}],
        "planned_values": {"root_module": {"resources": []}}, "configuration": {"root_module": {}}
    });
    assert!(root.is_dir());
    let keur = with_policy();
    let mut tried = 0;
    for (option, whole) in [("--state", &state), ("--plan", &plan)] {
        let run = |bytes: &[u8]| {
            keur.write("input.json", bytes);
            let ran = keur.run(["check", "--policies", "policies", option, "input.json", "--region", "eu-central-1"]);
            without(&keur, &ran, "hunter2");
            assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        };
        let text = serde_json::to_vec_pretty(whole).expect("JSON");
        for end in (1..text.len()).step_by(text.len() / 40) {
            run(&text[..end]);
            // Something too much, in the middle of it.
            run(&[&text[..end], b" \"hunter2\" ", &text[end..]].concat());
            tried += 2;
        }
        let mut all = Vec::new();
        places(whole, "", &mut all);
        for place in all {
            // Where a secret may stand it stands in another form; a name or a version is no secret.
            let secret = whole.pointer(&place).is_some_and(|value| value.to_string().contains("hunter2"));
            let secrets = [json!("hunter2"), json!(["hunter2"]), json!({"x": ["hunter2"]})];
            let others = [json!("x"), json!(["x"]), json!({"x": 1}), json!(9e18), json!(null)];
            for wrong in secrets.into_iter().filter(|_| secret).chain(others) {
                let mut changed = whole.clone();
                *changed.pointer_mut(&place).expect("a place") = wrong;
                run(&serde_json::to_vec(&changed).expect("JSON"));
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// Pointers to everything.
fn places(value: &Json, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Json::Array(items) => items.iter().enumerate().for_each(|(number, item)| places(item, &format!("{at}/{number}"), found)),
        Json::Object(members) => members.iter().for_each(|(name, item)| places(item, &format!("{at}/{}", name.replace('/', "~1")), found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
