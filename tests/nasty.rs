//! Inputs that nobody should meet and everybody does: each file that keur reads, broken in every way that has broken a
//! program of this kind. Each must end soon, with a clear error or an honest report, and send no command to a terminal.

#![cfg(feature = "all-services")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use support::Keur;

/// Longer than this is a hang: the slowest takes a second where nothing else runs.
const SECONDS: u64 = 30;

/// A file that keur reads, as it should be.
struct Base {
    name: &'static str,
    text: String,
    arguments: Vec<&'static str>,
    /// Whether the file is JSON, whose values can be exchanged.
    json: bool,
}

fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).expect("a fixture")
}

const POLICIES: &str = "
id: bucket-versioned
title: Buckets keep versions
statement: encrypted-at-rest
severity: high
resource: AWS::S3::Bucket
require: resource.versioning_status == 'Enabled'
deviation: \"{name} keeps no versions\"
remedy: Switch versioning on
";

const EXCEPTIONS: &str = "- {id: E-1, policy: bucket-versioned, resources: [documents], reason: r, risk: R-1, approver: CISO, approved: 2026-01-01, \
                          expires: 2026-12-31}\n";

const CONFIGURATION: &str = "organisation: Example Clinic Calendar
accounts: [{id: '111111111111', name: production}]
regions: {allowed: [eu-central-1], sweep: [eu-central-1]}
environments: {production: {accounts: ['111111111111']}, test: {tags: {Environment: [test]}}}
parameters: {highly_available: [production]}
policies: [policies]
exceptions: exceptions.yaml
evidence: {cadence: 24h}
";

fn estate() -> String {
    let moment = "2026-01-31T12:00:00Z";
    let bucket = |name: &str| {
        json!({"type": "AWS::S3::Bucket", "arn": format!("arn:aws:s3:::{name}"), "id": name, "name": name, "account": "111111111111",
               "region": "eu-central-1", "tags": {"Environment": "production"}, "properties": {"versioning_status": "Suspended"},
               "responses": []})
    };
    json!({
        "schema": "keur/estate/1",
        "run": {"started": moment, "finished": moment, "as_of": moment, "source": "live", "tool": "keur", "identity": null,
                "accounts": [{"id": "111111111111", "name": null}], "regions": ["eu-central-1"], "calls": 1},
        "resources": [bucket("documents"), bucket("logs")],
        "listings": [{"type": "AWS::S3::Bucket", "account": "111111111111", "region": "eu-central-1", "listed": 2}],
    })
    .to_string()
}

fn bases() -> Vec<Base> {
    let judge =
        |source, file| vec!["check", "--config", "keur.yaml", source, file, "--region", "eu-central-1", "--account", "111111111111"];
    vec![
        Base {
            name: "plan.json",
            text: fixture("terraform/cases/split-s3/plan.json"),
            arguments: judge("--plan", "plan.json"),
            json: true,
        },
        Base { name: "s.tfstate", text: fixture("terraform/rest.tfstate"), arguments: judge("--state", "s.tfstate"), json: true },
        Base { name: "t.json", text: fixture("cloudformation/shop.json"), arguments: judge("--template", "t.json"), json: true },
        Base { name: "t.yaml", text: fixture("cloudformation/shop.yaml"), arguments: judge("--template", "t.yaml"), json: false },
        Base {
            name: "estate.json",
            text: estate(),
            arguments: vec!["check", "--config", "keur.yaml", "--estate", "estate.json"],
            json: true,
        },
        Base {
            name: "policies/bucket-versioned.yaml",
            text: POLICIES.to_owned(),
            arguments: vec!["check", "--config", "keur.yaml", "--estate", "estate.json"],
            json: false,
        },
        Base {
            name: "exceptions.yaml",
            text: EXCEPTIONS.to_owned(),
            arguments: vec!["check", "--config", "keur.yaml", "--estate", "estate.json"],
            json: false,
        },
        Base {
            name: "keur.yaml",
            text: CONFIGURATION.to_owned(),
            arguments: vec!["check", "--config", "keur.yaml", "--estate", "estate.json"],
            json: false,
        },
    ]
}

/// The bytes of a file, broken without regard to what they mean.
fn as_bytes(text: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = text.as_bytes();
    let middle = (0..=bytes.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let with = |inserted: &[u8]| [&bytes[..middle], inserted, &bytes[middle..]].concat();
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut broken = vec![
        ("nothing", Vec::new()),
        ("white space", b" \n\t\n".to_vec()),
        ("a byte order mark", [b"\xEF\xBB\xBF", bytes].concat()),
        ("UTF-16", utf16),
        ("carriage returns", text.replace('\n', "\r\n").into_bytes()),
        ("a NUL", with(b"\0")),
        ("bytes that are no text", with(b"\xC3\x28")),
        ("an escape sequence", with(b"\x1b[2J\x1b]0;owned\x07")),
        ("more behind it", [bytes, b"\n}]garbage"].concat()),
        ("itself twice", [bytes, bytes].concat()),
        ("deep lists", "[".repeat(50_000).into_bytes()),
        ("deep maps", "{\"a\":".repeat(50_000).into_bytes()),
        ("one long word", vec![b'a'; 3 << 20]),
        ("a number", b"1e999".to_vec()),
        ("a lone surrogate", b"{\"a\": \"\\ud800\"}".to_vec()),
        ("an alias of itself", b"&a [*a]".to_vec()),
        ("a bomb", bomb().into_bytes()),
    ];
    for part in 1..4 {
        broken.push(("cut off", bytes[..bytes.len() * part / 4].to_vec()));
    }
    broken.into_iter().map(|(what, bytes)| (what.to_owned(), bytes)).collect()
}

/// Aliases of aliases: nine to the power of nine words.
fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    text
}

/// Values that stand where others belong.
fn strange() -> Vec<(&'static str, Value)> {
    vec![
        ("null", Value::Null),
        ("true", json!(true)),
        ("a negative number", json!(-1)),
        ("a huge number", json!(u64::MAX)),
        ("a fraction", json!(1e300)),
        ("an empty text", json!("")),
        ("an empty list", json!([])),
        ("an empty map", json!({})),
        ("a list of nothing", json!([null, [], {}])),
        ("commands to a terminal", json!("\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{7f}\r\nerror: forged")),
        ("a formula", json!("=HYPERLINK(\"http://example.com\")")),
        ("markup", json!("</script><script>alert(1)</script>]]>")),
    ]
}

/// Every place of a document down to a depth, as pointers.
fn places(value: &Value, depth: usize, pointer: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect(),
        Value::Array(items) => items.iter().enumerate().take(2).map(|(at, value)| (at.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{pointer}/{key}");
        if depth > 0 {
            places(child, depth - 1, &pointer, found);
        }
        found.push(pointer);
    }
}

/// A JSON document with single values exchanged or taken out, a fixed choice of all that could be.
fn as_values(text: &str) -> Vec<(String, Vec<u8>)> {
    /// Every so manieth place and value: all of them would take an hour.
    const STEP: usize = 97;
    let document: Value = serde_json::from_str(text).expect("a fixture is JSON");
    let mut pointers = Vec::new();
    places(&document, 7, "", &mut pointers);
    let strange = strange();
    let mut changed = Vec::new();
    let ways = strange.len() + 1;
    let all = pointers.len() * ways;
    let step = (all / 24).clamp(1, usize::MAX) | 1;
    let mut at = STEP % step;
    while at < all {
        let (pointer, way) = (&pointers[at / ways], at % ways);
        let mut copy = document.clone();
        let what = match strange.get(way) {
            Some((what, value)) => {
                *copy.pointer_mut(pointer).expect("a place of the document") = value.clone();
                *what
            }
            None => {
                let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
                match copy.pointer_mut(parent).expect("a place of the document") {
                    Value::Object(map) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
                    Value::Array(items) => drop(items.pop()),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => unreachable!("a parent has children"),
                }
                "nothing"
            }
        };
        changed.push((format!("{what} at {pointer}"), serde_json::to_vec(&copy).expect("JSON is written")));
        at += step;
    }
    changed
}

/// YAML and policies that are well formed and absurd.
fn absurd(base: &Base) -> Vec<(String, Vec<u8>)> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    if base.name.starts_with("policies/") {
        let require = |expression: &str| POLICIES.replace("resource.versioning_status == 'Enabled'", &format!("\"{expression}\""));
        texts.extend([
            ("a thousand brackets", require(&format!("{}true{}", "(".repeat(1_000), ")".repeat(1_000)))),
            ("a thousand negations", require(&format!("{}resource.object_lock_enabled", "!".repeat(1_000)))),
            ("a thousand conditions", require(&vec!["name != 'x'"; 300].join(" && "))),
            ("a thousand ways", require(&format!("{}true", "name == 'x' ? true : ".repeat(150)))),
            ("division by nothing", require("1 / 0 == 1 && name != ''")),
            ("overflow", require("9223372036854775807 + size(name) > 0")),
            ("a number too large", require("99999999999999999999 > size(name)")),
            ("a regular expression that explodes", require("name.matches('(a*)*(a*)*(a*)*b')")),
            ("a regular expression too large", require("name.matches('a{1000}{1000}')")),
            ("an index that is not there", require("[1][size(name) + 5] == 1")),
            ("a duration too long", require("now - duration('9000000000000d') < now && name != ''")),
            ("the end of time", require("timestamp('9999-12-31T23:59:59Z') + duration('300000d') > now && name != ''")),
        ]);
    }
    if base.name == "keur.yaml" {
        let huge = "9".repeat(30);
        texts.extend([
            ("a cadence for ever", CONFIGURATION.replace("24h", "9000000000000000000h")),
            ("a cadence of nothing", CONFIGURATION.replace("24h", "0h")),
            (
                "a parameter that no number holds",
                format!("{CONFIGURATION}  \n").replace("highly_available: [production]", &format!("snapshot_max_age: {huge}h")),
            ),
            (
                "a thousand environments",
                format!(
                    "policies: [policies]\nenvironments:\n{}",
                    (0..1_000).map(|n| format!("  e{n}: {{names: [n{n}]}}\n")).collect::<String>()
                ),
            ),
            (
                "ten thousand regions",
                format!(
                    "policies: [policies]\nregions: {{allowed: [{}]}}\n",
                    (0..10_000).map(|n| format!("eu-central-{n}")).collect::<Vec<_>>().join(", ")
                ),
            ),
            ("a folder above", CONFIGURATION.replace("[policies]", "[../../../../../../proc/self]")),
            ("a device as exceptions", CONFIGURATION.replace("exceptions.yaml", "/dev/zero")),
        ]);
    }
    if base.name == "exceptions.yaml" {
        texts.extend([
            ("a thousand stars", EXCEPTIONS.replace("[documents]", &format!("['{}abc']", "*a".repeat(1_000)))),
            ("a day before time", EXCEPTIONS.replace("2026-01-01", "-9999-01-01")),
            ("a day after time", EXCEPTIONS.replace("2026-12-31", "99999-12-31")),
            ("an approval after its end", EXCEPTIONS.replace("2026-12-31", "2025-12-31")),
        ]);
    }
    if base.name == "t.yaml" {
        let ring = |body: &str| format!("Conditions: {{{body}}}\nResources: {{B: {{Type: AWS::S3::Bucket, Condition: A}}}}\n");
        texts.extend([
            ("conditions in a ring", ring("A: !Condition B, B: !Condition A")),
            ("a condition of itself", ring("A: !Not [!Condition A]")),
            ("a reference to itself", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref B}}}\n".to_owned()),
            (
                "a text within a text",
                format!(
                    "Resources: {{B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {}x{}}}}}}}\n",
                    "{'Fn::Sub': ".repeat(300),
                    "}".repeat(300)
                ),
            ),
            (
                "a join of joins",
                format!(
                    "Resources: {{B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {}x{}}}}}}}\n",
                    "{'Fn::Join': ['', [".repeat(200),
                    "]]}".repeat(200)
                ),
            ),
            (
                "dependencies in a ring",
                "Resources: {A: {Type: AWS::S3::Bucket, DependsOn: B}, B: {Type: AWS::S3::Bucket, DependsOn: A}}\n".to_owned(),
            ),
        ]);
    }
    texts.into_iter().map(|(what, text)| (what.to_owned(), text.into_bytes())).collect()
}

/// Characters that move a cursor, change colours or turn the direction of what follows.
fn commands(text: &str) -> Option<char> {
    text.chars().find(|c| match c {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    })
}

fn place() -> Keur {
    let keur = Keur::new();
    keur.write("keur.yaml", CONFIGURATION);
    keur.write("policies/bucket-versioned.yaml", POLICIES);
    keur.write("exceptions.yaml", EXCEPTIONS);
    keur.write("estate.json", estate());
    keur
}

/// What is wrong with how the program took an input.
fn complaint(keur: &Keur, base: &Base) -> Option<String> {
    let ran = keur.run(&base.arguments);
    let head: String = ran.stderr.chars().take(600).collect();
    let text = ran.text();
    if ran.took.as_secs() >= SECONDS {
        return Some(format!("took {:?}", ran.took));
    }
    match ran.code {
        Some(2) if !ran.stderr.contains("error") => Some(format!("ended with 2 and no error\n{head}")),
        Some(2) if !ran.stdout.is_empty() => Some(format!("an error and data\n{head}")),
        Some(0..=3) if ran.stderr.contains("panicked") || ran.stderr.contains("internal error") => {
            Some(format!("a fault of the program\n{head}"))
        }
        Some(0..=3) => commands(&ran.stderr).or_else(|| commands(&text)).map(|c| format!("sends {c:?} to the terminal\n{head}\n{text}")),
        other => Some(format!("ended with {other:?}\n{head}")),
    }
}

#[test]
fn every_file_broken_in_every_way_is_an_error_or_a_report() {
    let bases = bases();
    let mut inputs: Vec<(&Base, String, Vec<u8>)> = Vec::new();
    for base in &bases {
        let values = if base.json { as_values(&base.text) } else { Vec::new() };
        let all = as_bytes(&base.text).into_iter().chain(values).chain(absurd(base));
        inputs.extend(all.map(|(what, bytes)| (base, what, bytes)));
    }
    assert!(inputs.len() >= 250, "only {} inputs", inputs.len());
    // As they should be, they are judged: else nothing below means anything.
    for base in &bases {
        let keur = place();
        keur.write(base.name, &base.text);
        let ran = keur.run(&base.arguments);
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{}: {:?} {}", base.name, ran.code, ran.stderr);
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some((base, what, bytes)) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let keur = place();
            keur.write(base.name, bytes);
            wrong.extend(complaint(&keur, base).map(|why| format!("{}, {what}: {why}", base.name)));
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread ends")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} inputs:\n{}", wrong.len(), inputs.len(), wrong.join("\n\n"));
}
