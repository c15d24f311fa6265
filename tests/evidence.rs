//! Packs as the program writes and reads them: what was seen is kept, nothing can be changed in it, and it can be judged
//! again by anybody.

#![cfg(feature = "all-services")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::{Keur, Ministack, Moto};

const DEMO: [&str; 6] = ["check", "--demo", "--format", "json", "--evidence", "chain"];

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Everything below a folder, by path.
fn content(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

fn verify(keur: &Keur) -> Json {
    let ran = keur.run(["evidence", "verify", "chain", "--replay", "none", "--format", "json"]);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr))
}

/// What a pack holds under a name, unpacked.
fn file(keur: &Keur, path: &str) -> Vec<u8> {
    let bytes = fs::read(keur.home().join("chain").join(path)).expect("a file of the pack");
    if path.ends_with(".zst") { zstd::decode_all(bytes.as_slice()).expect("a compressed file") } else { bytes }
}

#[test]
fn a_run_is_kept_verified_and_judged_again() {
    let keur = Keur::new();
    let key = fixture("sign/minisign-no-password.key");
    let public = fixture("sign/minisign-no-password.pub");
    let mut reports = Vec::new();
    for _ in 0..2 {
        let ran = keur.run(DEMO.into_iter().chain(["--sign", &key, "--cadence", "24h"])).exits(1).says(&["evidence: chain/pack-00000"]);
        reports.push(ran.stdout);
    }
    assert_eq!(reports[0], file(&keur, "pack-000001/findings.json.zst"), "the findings are the report");
    keur.run(["evidence", "verify", "chain", "--public-key", &public]).exits(0);
    keur.run(["evidence", "verify", "chain/pack-000002", "--public-key", &public]).exits(0);
    for pack in ["chain", "chain/pack-000001"] {
        let ran = keur.run(["evidence", "replay", pack]).exits(0);
        assert!(ran.text().contains("byte for byte"), "{}", ran.text());
    }
    // The second brought little that was not there: the answers and the rules are kept once.
    let manifest = |pack: u64| -> Json { serde_json::from_slice(&file(&keur, &format!("pack-00000{pack}/manifest.json"))).expect("JSON") };
    assert!(manifest(1)["objects_added"].as_array().expect("a list").len() > 100);
    assert_eq!(manifest(2)["objects_added"], serde_json::json!([]));
    assert_eq!(manifest(2)["objects_needed"], manifest(1)["objects_needed"]);
    // Everything that it says of the reports it holds is so.
    let ran = keur.run(["evidence", "report", "chain/pack-000002", "--format", "oscal"]).exits(1);
    assert_eq!(ran.stdout, file(&keur, "pack-000002/exports/oscal-ar.json.zst"));
    keur.run(["evidence", "archive", "chain/pack-000001", "-o", "one.tar.zst"]).exits(0);
    // Judged by the rules of today, which are the same: the same findings, wherever the answers come from.
    // Their source says whose pack it is, and whether anybody could tell.
    let report = |bytes: &[u8]| -> (Json, String) {
        let mut report: Json = serde_json::from_slice(bytes).expect("JSON");
        let source = report["run"]["source"].take().as_str().expect("a source").to_owned();
        (report, source)
    };
    for (replayed, given) in [("chain/pack-000001", true), ("chain/pack-000001", false), ("one.tar.zst", true)] {
        let config = fixture("../../demo/keur.yaml");
        let key = if given { vec!["--public-key", public.as_str()] } else { Vec::new() };
        let ran = keur.run(["check", "--replay", replayed, "--config", &config, "--format", "json"].into_iter().chain(key)).exits(1);
        assert_eq!(ran.stderr.contains("which nobody gave: give it with --public-key"), !given, "{replayed}: {}", ran.stderr);
        let ((now, source), (then, _)) = (report(&ran.stdout), report(&reports[0]));
        assert_eq!(now, then, "{replayed}");
        let marked = if given {
            "signed by 38894C14B5C4B9A0, which was given"
        } else {
            "NOT VERIFIED: signed by 38894C14B5C4B9A0, which nobody gave"
        };
        assert!(source.starts_with("replay of pack-000001 (demo, sha256:") && source.ends_with(marked), "{source}");
    }
    keur.run(["diff", "one.tar.zst", "chain/pack-000002", "--public-key", &public]).exits(3);
    let other = fixture("sign/minisign.pub");
    for command in [["check", "--replay"].as_slice(), &["diff", "chain"], &["evidence", "report"], &["evidence", "replay"]] {
        keur.run(command.iter().copied().chain(["chain/pack-000001", "--public-key", &other])).exits(4).says(&["another key"]);
    }
    keur.run(["evidence", "verify", "chain", "--public-key", &other]).exits(4);
    for command in [["evidence", "history"], ["evidence", "anchor"]] {
        keur.run(command.into_iter().chain(["chain", "--public-key", &other])).exits(4).says(&["another key"]).gives_nothing();
    }
    fs::remove_dir_all(keur.home().join("chain")).expect("the chain is gone");
    keur.run(["evidence", "verify", "one.tar.zst", "--public-key", &public]).exits(0);
    keur.run(["evidence", "replay", "one.tar.zst"]).exits(0);
}

#[test]
fn a_live_run_gives_the_same_findings_from_its_pack() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let keur = Keur::on(&moto, &ministack);
    let live = keur.run(["check", "--format", "json", "--evidence", "chain"]);
    assert!(matches!(live.code, Some(1 | 3)), "{}", live.stderr);
    drop((moto, ministack));
    assert_eq!(live.stdout, file(&keur, "pack-000001/findings.json.zst"));
    keur.run(["evidence", "verify", "chain"]).exits(0);
    keur.run(["evidence", "replay", "chain"]).exits(0);
    let index = String::from_utf8(file(&keur, "pack-000001/index.jsonl.zst")).expect("text");
    let calls: Vec<Json> = index.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(calls.len() > 30 && calls.iter().all(|call| call["key"].is_string() && call["time"].is_string()));
    assert!(!index.contains("AWS4-HMAC") && !index.contains("\"authorization\""), "who asked is not kept");
    // Today's rules on yesterday's pack: said to be so by their source.
    keur.run(["diff", "chain/pack-000001", "chain/pack-000001"]);
}

#[test]
fn code_is_judged_again_from_the_estate() {
    let keur = Keur::new();
    let plan = format!("{}/tests/terraform/estate/plan.json", env!("CARGO_MANIFEST_DIR"));
    let place = ["--region", "eu-central-1", "--account", "123456789012"];
    let ran = keur.run(["check", "--plan", &plan, "--format", "json", "--evidence", "chain"].into_iter().chain(place));
    assert_eq!(ran.stdout, file(&keur, "pack-000001/findings.json.zst"), "{}", ran.stderr);
    let ran = keur.run(["evidence", "replay", "chain"]).exits(0);
    assert!(ran.text().contains("the estate, judged again"), "{}", ran.text());
    // What is secret in a plan is not in its pack.
    let plan = format!("{}/tests/terraform/cases/sensitive/plan.json", env!("CARGO_MANIFEST_DIR"));
    let secret = b"example-hunter2";
    assert!(fs::read(&plan).expect("the plan").windows(secret.len()).any(|part| part == secret));
    keur.run(["check", "--plan", &plan, "--all", "--evidence", "chain"].into_iter().chain(place));
    keur.run(["evidence", "replay", "chain"]).exits(0);
    for path in content(&keur.home().join("chain")).keys() {
        let name = path.strip_prefix(keur.home().join("chain")).expect("in the chain").display().to_string();
        assert!(!file(&keur, &name).windows(secret.len()).any(|part| part == secret), "{name}");
    }
}

#[test]
fn what_was_compared_with_code_is_compared_again() {
    let keur = Keur::new();
    let state = format!("{}/tests/terraform/estate/terraform.tfstate", env!("CARGO_MANIFEST_DIR"));
    let ran = keur.run(DEMO.into_iter().chain(["--declared", &state]));
    assert_eq!(ran.stdout, file(&keur, "pack-000001/findings.json.zst"), "{}", ran.stderr);
    keur.run(["evidence", "replay", "chain"]).exits(0);
}

#[test]
fn a_pack_with_anything_changed_is_refused_by_name_and_nothing_is_written() {
    let keur = Keur::new();
    keur.run(DEMO).exits(1);
    let chain = keur.home().join("chain");
    let whole = content(&chain);
    let mut tried = 0;
    for (path, bytes) in whole.iter().filter(|(path, _)| !path.ends_with(".lock")).step_by(11) {
        let name = path.strip_prefix(&chain).expect("in the chain").display().to_string();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(path, changed).expect("the file is changed");
        let before = content(keur.home());
        let ran = keur.run(["evidence", "verify", "chain", "--replay", "none", "--format", "json"]).exits(4);
        let out: Json = serde_json::from_slice(&ran.stdout).expect("JSON");
        let named = out["problems"].as_array().expect("a list").iter().any(|p| p["file"].as_str().is_some_and(|file| file == name));
        assert!(named, "{name}: {out}");
        assert_eq!(content(keur.home()), before, "verifying writes nothing");
        keur.run(["evidence", "archive", "chain/pack-000001", "-o", "out.tar.zst"]).exits(4);
        assert!(!keur.home().join("out.tar.zst").exists());
        fs::write(path, bytes).expect("the file is put back");
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    // What replaying rests on is looked at before anything is written.
    let findings = chain.join("pack-000001/findings.json.zst");
    fs::write(&findings, zstd::encode_all(&b"{}"[..], 1).expect("compressed")).expect("other findings");
    keur.run(["evidence", "replay", "chain"]).exits(4).says(&["findings.json.zst"]).gives_nothing();
    keur.run(["evidence", "report", "chain", "--format", "csv=report.csv"]).exits(4);
    assert!(!keur.home().join("report.csv").exists());
    keur.run(["evidence", "verify", "nowhere"]).exits(2).says(&["nowhere"]);
    keur.write("empty/readme", "");
    keur.run(["check", "--demo", "--evidence", "empty"]).exits(1).says(&["`readme` is in it"]);
    keur.run(["evidence", "verify", "empty"]).exits(4).says(&["no pack of keur"]);
}

#[test]
fn a_run_that_is_killed_is_aborted_and_the_chain_goes_on() {
    // Somebody who takes requests and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let keur = Keur::at(&format!("http://{}", silent.local_addr().expect("an address")));
    keur.run(DEMO).exits(1);
    let mut child = keur.command(["check", "--evidence", "chain"]).spawn().expect("keur starts");
    let started = keur.home().join("chain/pack-000002/started.json");
    let since = Instant::now();
    while !started.is_file() {
        assert!(since.elapsed() < Duration::from_secs(60), "no record of the start before the first call");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ended");
    let out = verify(&keur);
    assert_eq!(out["holds"], true, "{out}");
    assert!(out["notes"].to_string().contains("Pack 2 is not sealed"), "{out}");
    keur.run(["evidence", "replay", "chain/pack-000002"]).exits(4).says(&["never sealed"]);
    keur.run(DEMO).exits(1);
    let out = verify(&keur);
    assert_eq!((&out["holds"], &out["packs"]), (&Json::Bool(true), &serde_json::json!([1, 2, 3])), "{out}");
    assert!(out["notes"].to_string().contains("Pack 2 was aborted"), "{out}");
    keur.run(["evidence", "replay", "chain/pack-000002"]).exits(4).says(&["aborted"]);
    // Who holds the chain is waited for by nobody: the run is one all the same, and says that it was not kept.
    let lock = fs::File::options().write(true).open(keur.home().join("chain/.lock")).expect("the lock");
    lock.lock().expect("nobody else holds it");
    let held = content(keur.home());
    keur.run(DEMO).exits(1).says(&["another run is writing"]);
    assert_eq!(content(keur.home()), held);
    drop(lock);
    // One that could not begin is aborted as well, and says why.
    let keur = keur.with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    keur.run(["check", "--evidence", "chain"]).exits(5);
    let out = verify(&keur);
    assert!(out["notes"].to_string().contains("Pack 4 was aborted: AWS cannot be reached"), "{out}");
    let ran = keur.run(["evidence", "history", "chain", "--source", "demo", "--format", "json"]).exits(0);
    let history: Json = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!((&history["packs"], &history["aborted"]), (&serde_json::json!(2), &serde_json::json!([2, 4])), "{history}");
}

#[test]
fn rules_that_are_wrong_leave_no_trace() {
    let keur = Keur::new();
    keur.write("keur.yaml", "policies: [policies]\n");
    keur.write("policies/a.yaml", "id: b\n");
    keur.run(["check", "--demo", "--config", "keur.yaml", "--evidence", "chain"]).exits(2);
    assert!(!keur.home().join("chain").exists(), "nothing was asked, so nothing began");
    keur.run(["check", "--demo", "--evidence", "chain", "--sign", "nowhere.key"]).exits(1).says(&["nowhere.key"]);
    assert!(!keur.home().join("chain").exists());
    keur.run(["check", "--demo", "--cadence", "24h"]).exits(2).says(&["--evidence"]);
    keur.run(["check", "--demo", "--evidence", "chain", "--cadence", "soon"]).exits(2).says(&["24h"]);
}

#[test]
fn exceptions_and_attestations_are_part_of_the_pack() {
    let keur = Keur::new();
    keur.write("docs/report.txt", "the report");
    let sha256 = "sha256:3a1b39bae51d6dd7e77ca1b4f85f1a9c0a8a2f0a3a4cb0d9f0b2f7d5a2f0c9d1";
    keur.write(
        "docs/pentest.yaml",
        format!(
            "statement: annual-penetration-test\ntitle: Tested by others\ndocument: report.txt\nsha256: {sha256}\nowner: CISO\napprover: CEO\n\
             valid_from: 2026-01-01\nvalid_until: 2026-12-31\n"
        ),
    );
    fs::copy(fixture("sign/minisign-no-password.key"), keur.home().join("my.key")).expect("the key");
    keur.write("keur.yaml", "attestations: docs\nevidence: {cadence: 7d, sign: my.key}\n");
    let ran = keur.run(["check", "--demo", "--config", "keur.yaml", "--evidence", "chain"]).exits(2);
    // The hash in the file is wrong: the program says the right one.
    let right = ran.stderr.split("it has ").nth(1).and_then(|rest| rest.split(':').nth(1)).and_then(|hex| hex.get(..64));
    let right = right.unwrap_or_else(|| panic!("{}", ran.stderr));
    let text = fs::read_to_string(keur.home().join("docs/pentest.yaml")).expect("the attestation");
    keur.write("docs/pentest.yaml", text.replace(sha256, &format!("sha256:{right}")));
    keur.run(["check", "--demo", "--config", "keur.yaml", "--format", "json", "--evidence", "chain"]).exits(1);
    // The document itself need not be there: its hash was compared when the pack was written.
    fs::remove_dir_all(keur.home().join("docs")).expect("the documents are gone");
    fs::remove_file(keur.home().join("keur.yaml")).expect("the configuration is gone");
    keur.run(["evidence", "verify", "chain", "--public-key", &fixture("sign/minisign-no-password.pub")]).exits(0);
    keur.run(["evidence", "replay", "chain"]).exits(0);
    let manifest: Json = serde_json::from_slice(&file(&keur, "pack-000001/manifest.json")).expect("JSON");
    assert_eq!(manifest["cadence"], 7 * 24 * 3600);
    let findings: Json = serde_json::from_slice(&file(&keur, "pack-000001/findings.json.zst")).expect("JSON");
    assert!(findings["controls"].to_string().contains("Tested by others"), "{}", findings["controls"]);
}

/// Packs of every version that wrote them: what was true then must be shown to be true by the program of today.
#[test]
fn packs_of_earlier_versions_give_the_same_findings() {
    let folder = fixture("packs");
    let packs: Vec<PathBuf> = fs::read_dir(&folder).expect("the packs").map(|entry| entry.expect("an entry").path()).collect();
    let archives = packs.iter().filter(|path| path.to_string_lossy().ends_with(".tar.zst"));
    let mut judged = 0;
    for path in archives {
        let keur = Keur::new();
        let path = path.to_string_lossy().into_owned();
        let key = format!("{folder}/packs.pub");
        let ran = keur.run(["evidence", "verify", &path, "--public-key", &key]).exits(0);
        assert!(ran.text().contains("derived    findings.json"), "{path}: {}", ran.text());
        let ran = keur.run(["evidence", "replay", &path, "--public-key", &key]).exits(0);
        assert!(ran.text().contains("byte for byte"), "{path}: {}", ran.text());
        let text = ran.text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("by the rules of its time"), "{path}: {text}");
        judged += 1;
    }
    assert!(judged >= 2, "{judged} packs in {folder}");
}

#[test]
fn nothing_is_written_into_a_chain_but_by_runs() {
    let keur = Keur::new();
    keur.run(DEMO).exits(1);
    let before = content(keur.home());
    for place in ["chain/out", "chain/pack-000001/out", "chain/pack-000001/exports/out"] {
        keur.run(["check", "--demo", "--format", &format!("json={place}")]).exits(2).says(&["in a chain of packs"]);
        keur.run(["evidence", "report", "chain", "--format", &format!("html={place}")]).exits(2).says(&["in a chain of packs"]);
        keur.run(["evidence", "archive", "chain", "-o", place]).exits(2).says(&["in a chain of packs"]);
        keur.run(["evidence", "anchor", "chain", "--to", place]).exits(2).says(&["in a chain of packs"]);
    }
    assert_eq!(content(keur.home()), before);
}
