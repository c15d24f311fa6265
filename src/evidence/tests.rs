//! What somebody could do to a chain, and that all of it is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::manifest::{Basis, OpenFinding, PackResult, RuleFile, Tool, sha256};
use super::sign::{PublicKey, SecretKey};
use super::{Begin, Chain, Note, Packing, folder_of, history, verify, write_archive};

const START: &str = "2026-01-01T06:00:00Z";

fn key() -> SecretKey {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sign/minisign-no-password.key");
    SecretKey::read(&path, || Ok(None)).unwrap()
}

fn public() -> PublicKey {
    PublicKey::read(&format!("{}/tests/fixtures/sign/minisign-no-password.pub", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn at(day: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(24 * day)
}

fn begin<'k>(root: &Path, day: i64, key: Option<&'k SecretKey>) -> Packing<'k> {
    Packing::begin(Begin { signer: key.map(|key| key as &dyn super::sign::Signer), ..unsigned(root, day) }).unwrap()
}

fn unsigned<'k>(root: &Path, day: i64) -> Begin<'_, 'k> {
    Begin {
        root,
        now: at(day),
        tool: Tool { name: "keur 0.1.0".to_owned(), sha256: None },
        source: "live",
        policies_sha256: "sha256:00",
        run_by: BTreeMap::new(),
        cadence: Some(24 * 3600),
        signer: None,
    }
}

fn finding(resource: &str, verdict: &str) -> OpenFinding {
    OpenFinding {
        fingerprint: sha256(resource.as_bytes()),
        policy: "rds-encrypted".to_owned(),
        controls: vec!["A.8.24".to_owned()],
        verdict: verdict.to_owned(),
        severity: "high".to_owned(),
        kind: "AWS::RDS::DBInstance".to_owned(),
        resource: resource.to_owned(),
        account: "111111111111".to_owned(),
        region: "eu-central-1".to_owned(),
        exception: None,
    }
}

/// A pack with two answers, one of them the same every day, and one rule.
fn write(mut packing: Packing<'_>, day: i64, open: &[OpenFinding]) {
    let answers: [&[u8]; 2] = [b"<the same every day/>", &day.to_be_bytes()];
    let mut index = Vec::new();
    for answer in answers {
        let body = packing.object(answer).unwrap();
        index.extend(format!("{{\"outcome\":{{\"response\":{{\"body\":\"{body}\"}}}}}}\n").into_bytes());
    }
    let rule = packing.object(b"id: rds-encrypted\n").unwrap();
    let rules = vec![RuleFile { kind: "policies".to_owned(), name: "a.yaml".to_owned(), sha256: rule }];
    packing.plain("rules.json", "rules", &serde_json::to_vec(&rules).unwrap()).unwrap();
    packing.packed("index.jsonl", "index", &index).unwrap();
    packing.packed("open.json", "open", &serde_json::to_vec(open).unwrap()).unwrap();
    packing.packed("findings.json", "findings", b"findings").unwrap();
    let listed = open.iter().all(|f| !f.resource.is_empty());
    let population = serde_json::json!([{
        "type": "AWS::RDS::DBInstance", "account": "111111111111", "region": "eu-central-1",
        "listed": 1, "judged": 1, "out_of_scope": 0, "complete": listed
    }]);
    packing.plain("population.json", "population", &serde_json::to_vec(&population).unwrap()).unwrap();
    packing.packed("exports/a.csv", "export", b"a,b\n").unwrap();
    let met = if open.iter().any(|f| f.verdict == "deviation") { "not met" } else { "met" };
    let result = PackResult {
        source: "live".to_owned(),
        run_started: at(day),
        run_finished: at(day),
        as_of: at(day),
        basis: Basis::Responses,
        accounts: vec!["111111111111".to_owned()],
        regions: vec!["eu-central-1".to_owned()],
        policies_sha256: "sha256:00".to_owned(),
        framework: "iso27001-2022".to_owned(),
        policies: vec!["rds-encrypted".to_owned()],
        counts: BTreeMap::new(),
        controls: [("A.8.24".to_owned(), met.to_owned())].into(),
        exit_code: 0,
        findings_sha256: sha256(b"findings"),
    };
    packing.seal(result, at(day)).unwrap();
}

fn chain(days: i64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("chain");
    let key = key();
    for day in 0..days {
        write(begin(&root, day, Some(&key)), day, &[]);
    }
    (folder, root)
}

/// The files that verification names, or why the folder could not even be read.
fn problems(path: &Path) -> Vec<String> {
    match Chain::open(path) {
        Err(error) => vec![error.to_string()],
        Ok((chain, only)) => verify(&chain, only, &[public()]).problems.iter().map(ToString::to_string).collect(),
    }
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.retain(|path| !path.ends_with(".lock"));
    found.sort();
    found
}

#[test]
fn a_chain_that_nobody_touched_holds() {
    let (_folder, root) = chain(3);
    assert_eq!(problems(&root), [""; 0]);
    assert_eq!(problems(&root.join("pack-000002")), [""; 0]);
    let (chain, _) = Chain::open(&root).unwrap();
    let checked = verify(&chain, None, &[public()]);
    assert_eq!((checked.packs, checked.signed), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!(checked.notes, []);
}

/// Some thirty bytes of every file, the first and the last among them: a bit of each is turned.
#[test]
fn a_byte_that_was_changed_anywhere_is_found() {
    let (_folder, root) = chain(2);
    for path in files(&root) {
        let whole = fs::read(&path).unwrap();
        let step = (whole.len() / 30).max(1);
        let places = (0..whole.len()).filter(|at| at % step == 0 || *at + 1 == whole.len());
        for place in places {
            let mut changed = whole.clone();
            changed[place] ^= 1 << (place % 7);
            fs::write(&path, &changed).unwrap();
            assert!(!problems(&root).is_empty(), "{} at {place}: {:?}", path.display(), String::from_utf8_lossy(&changed));
        }
        for other in [Vec::new(), whole[..whole.len() - 1].to_vec(), [whole.as_slice(), b"\n"].concat(), [b" ", whole.as_slice()].concat()]
        {
            fs::write(&path, &other).unwrap();
            assert!(!problems(&root).is_empty(), "{} of {} bytes instead of {}", path.display(), other.len(), whole.len());
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(problems(&root), [""; 0], "everything was put back");
}

#[test]
fn a_file_that_was_dropped_renamed_added_or_exchanged_is_found_and_named() {
    let (_folder, root) = chain(3);
    let all = files(&root);
    for (at, path) in all.iter().enumerate() {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let whole = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let found = problems(&root);
        let folder = name.split('/').next().unwrap();
        assert!(found.iter().any(|problem| problem.contains(&name) || problem.contains(folder)), "{name} dropped: {found:?}");
        fs::write(path.with_extension("old"), &whole).unwrap();
        let found = problems(&root);
        let told = |problem: &String| problem.contains(".old") || problem == &format!("{name}: it is missing");
        assert!(found.iter().any(told), "{name} renamed: {found:?}");
        fs::remove_file(path.with_extension("old")).unwrap();
        // Its content is that of the next file.
        let other = fs::read(&all[(at + 1) % all.len()]).unwrap();
        if other != whole {
            fs::write(path, &other).unwrap();
            assert!(!problems(&root).is_empty(), "{name} exchanged");
        }
        fs::write(path, &whole).unwrap();
    }
    for added in ["extra.txt", "pack-000002/extra.txt", "objects/extra", "objects/ab/extra", "pack-000002/exports/b.csv", "pack-2/a"] {
        let path = root.join(added);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"x").unwrap();
        assert!(problems(&root).iter().any(|problem| problem.contains(added)), "{added} added: {:?}", problems(&root));
        fs::remove_file(&path).unwrap();
    }
    let object = sha256(b"x");
    let path = root.join(super::chain::object_path(&object).unwrap());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"x").unwrap();
    assert!(problems(&root).iter().any(|problem| problem.contains("no pack names it")));
    fs::remove_file(&path).unwrap();
    assert_eq!(problems(&root), [""; 0], "everything was put back");
}

#[test]
fn packs_that_were_dropped_reordered_or_taken_from_elsewhere_are_found() {
    let (_folder, root) = chain(4);
    let pack = |sequence: u64| root.join(folder_of(sequence));
    let aside = root.parent().unwrap().join("aside");
    for sequence in 1..4 {
        fs::rename(pack(sequence), &aside).unwrap();
        let found = problems(&root);
        assert!(found.iter().any(|p| p.starts_with(&folder_of(sequence)) && p.contains("skips")), "{sequence} dropped: {found:?}");
        fs::rename(&aside, pack(sequence)).unwrap();
    }
    // Without the newest pack the rest holds, but for what it brought: that is what anchors are for.
    fs::rename(pack(4), &aside).unwrap();
    assert!(problems(&root).iter().all(|problem| problem.contains("objects/")), "{:?}", problems(&root));
    fs::rename(&aside, pack(4)).unwrap();
    // Two exchange their places.
    fs::rename(pack(2), &aside).unwrap();
    fs::rename(pack(3), pack(2)).unwrap();
    fs::rename(&aside, pack(3)).unwrap();
    let found = problems(&root);
    assert!(found.iter().any(|p| p.contains("pack-000002")) && found.iter().any(|p| p.contains("pack-000003")), "{found:?}");
    fs::rename(pack(2), &aside).unwrap();
    fs::rename(pack(3), pack(2)).unwrap();
    fs::rename(&aside, pack(3)).unwrap();
    assert_eq!(problems(&root), [""; 0], "everything was put back");
    // The same number of another chain, signed by the same key.
    let (_other, other) = chain(4);
    fs::rename(pack(3), &aside).unwrap();
    fs::rename(other.join("pack-000003"), pack(3)).unwrap();
    let found = problems(&root);
    assert!(found.iter().any(|p| p.starts_with("pack-000003/started.json") && p.contains("follows")), "{found:?}");
}

#[test]
fn signatures_of_another_key_or_none_are_found() {
    let (_folder, root) = chain(2);
    let other = SecretKey::generate().unwrap();
    let other = super::sign::Signer::public_key(&other);
    let (chain, _) = Chain::open(&root).unwrap();
    let found = verify(&chain, None, &[other]).problems;
    assert!(found.iter().all(|p| p.reason.contains("another key")) && found.len() == 4, "{found:?}");
    // Without any key that is given, it is said whose it is.
    assert!(matches!(verify(&chain, None, &[]).notes.as_slice(), [Note::UnknownKey(packs, _)] if *packs == [1, 2]));
    // A chain that is signed goes on being signed.
    let error = Packing::begin(unsigned(&root, 2)).err().unwrap();
    assert!(error.io && error.reason.contains("the pack before is signed"), "{error}");
    let (_folder, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(begin(root.path(), 0, None), 0, &[]);
    let found = problems(root.path());
    for name in ["started", "manifest"] {
        assert!(found.contains(&format!("pack-000001/{name}.json: nobody signed it")), "{found:?}");
    }
}

/// What somebody without the key puts behind the last pack is neither accepted nor sealed with the key.
#[test]
fn a_start_that_nobody_signed_is_not_taken_for_a_run_that_was_killed() {
    let (_folder, root) = chain(1);
    let (opened, _) = Chain::open(&root).unwrap();
    let (manifest, hash) = opened.entries[0].sealed().unwrap();
    let (started, _) = opened.entries[0].started.clone().unwrap();
    let previous = super::manifest::Previous { sequence: 1, manifest_sha256: hash.to_owned() };
    let planted =
        super::Started { chain: Some(manifest.chain.clone()), sequence: 2, previous: Some(previous), public_key: None, ..started };
    let folder = root.join("pack-000002");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("started.json"), super::manifest::canonical(&planted)).unwrap();
    assert!(problems(&root).contains(&"pack-000002/started.json: nobody signed it".to_owned()), "{:?}", problems(&root));
    // One of another number breaks nothing: it is refused, and nothing is signed.
    let elsewhere = super::Started { sequence: 40, ..planted };
    fs::write(folder.join("started.json"), super::manifest::canonical(&elsewhere)).unwrap();
    let key = key();
    let error = Packing::begin(Begin { signer: Some(&key), ..unsigned(&root, 1) }).err().unwrap();
    assert!(!error.io && error.reason.contains("does not follow"), "{error}");
    assert!(!folder.join("manifest.json").exists());
}

#[test]
fn a_pack_that_lost_its_record_is_never_removed() {
    let (_folder, root) = chain(2);
    for name in ["started.json", "manifest.json"] {
        fs::remove_file(root.join("pack-000002").join(name)).unwrap();
    }
    let before = files(&root);
    let key = key();
    let error = Packing::begin(Begin { signer: Some(&key), ..unsigned(&root, 2) }).err().unwrap();
    assert!(!error.io && error.file.contains("pack-000002/started.json"), "{error}");
    assert_eq!(files(&root), before);
    // Only what holds nothing but the beginning of a record goes.
    let (_folder, root) = chain(1);
    fs::create_dir(root.join("pack-000002")).unwrap();
    fs::write(root.join("pack-000002/started.json.minisig"), "x").unwrap();
    assert_eq!(problems(&root), [""; 0]);
    write(begin(&root, 1, Some(&key)), 1, &[]);
    assert_eq!(problems(&root), [""; 0]);
}

#[test]
fn numbers_that_nobody_reaches_are_told_at_once() {
    let (_folder, root) = chain(1);
    fs::create_dir(root.join("pack-50000000")).unwrap();
    fs::write(root.join("pack-50000000/a"), "x").unwrap();
    let found = problems(&root);
    assert!(
        found.len() < 10 && found.iter().any(|p| p.starts_with("pack-000002: it is missing, and all up to pack-49999999")),
        "{found:?}"
    );
    fs::rename(root.join("pack-50000000"), root.join("pack-18446744073709551615")).unwrap();
    assert!(problems(&root).iter().any(|p| p.contains("not part of the chain")), "{:?}", problems(&root));
}

#[test]
fn a_run_that_looks_at_less_is_told_whatever_came_between() {
    let (_folder, root) = chain(1);
    let key = key();
    begin(&root, 1, Some(&key)).abort("no credentials", at(1)).unwrap();
    let mut packing = begin(&root, 2, Some(&key));
    let rule = packing.object(b"id: other\n").unwrap();
    let rules = vec![RuleFile { kind: "policies".to_owned(), name: "a.yaml".to_owned(), sha256: rule }];
    packing.plain("rules.json", "rules", &serde_json::to_vec(&rules).unwrap()).unwrap();
    packing.packed("findings.json", "findings", b"findings").unwrap();
    let (chain, _) = Chain::open(&root).unwrap();
    let result = chain.entries[0].sealed().unwrap().0.result.clone().unwrap();
    let less = PackResult { regions: Vec::new(), policies: Vec::new(), run_started: at(2), run_finished: at(2), ..result };
    packing.seal(less, at(2)).unwrap();
    let (chain, _) = Chain::open(&root).unwrap();
    let checked = verify(&chain, None, &[public()]);
    assert_eq!(checked.problems, []);
    let without = vec!["eu-central-1".to_owned(), "the policy rds-encrypted".to_owned()];
    assert!(checked.notes.contains(&Note::Narrower(3, without)), "{:?}", checked.notes);
    assert!(checked.notes.contains(&Note::Rules(3, vec!["policies".to_owned()])), "{:?}", checked.notes);
    assert!(checked.notes.contains(&Note::AsOf(3, at(0))), "{:?}", checked.notes);
}

#[test]
fn a_run_that_was_killed_is_sealed_as_aborted_by_the_next() {
    let (_folder, root) = chain(1);
    let key = key();
    let mut killed = begin(&root, 1, Some(&key));
    killed.object(b"an answer of the run that was killed").unwrap();
    killed.packed("index.jsonl", "index", b"").unwrap();
    fs::write(root.join("pack-000002/half.json.tmp"), b"{").unwrap();
    drop(killed);
    let (chain, _) = Chain::open(&root).unwrap();
    assert!(verify(&chain, None, &[public()]).notes.contains(&Note::Unfinished(2)));
    write(begin(&root, 2, Some(&key)), 2, &[]);
    let (chain, _) = Chain::open(&root).unwrap();
    let checked = verify(&chain, None, &[public()]);
    assert_eq!(checked.problems, []);
    assert!(matches!(checked.notes.as_slice(), [Note::Aborted(2, reason)] if reason.contains("killed")), "{:?}", checked.notes);
    assert_eq!((checked.packs, checked.signed), (vec![1, 2, 3], vec![1, 2, 3]));
    // Nothing of it can be changed afterwards, either.
    for path in files(&root.join("pack-000002")) {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [whole.as_slice(), b" "].concat()).unwrap();
        assert!(!problems(&root).is_empty(), "{}", path.display());
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn two_runs_do_not_write_to_one_chain() {
    let (_folder, root) = chain(1);
    let key = key();
    let _at_work = begin(&root, 1, Some(&key));
    let error = Packing::begin(unsigned(&root, 1)).err().unwrap();
    assert!(error.io && error.reason.contains("another run"), "{error}");
}

#[test]
fn an_archive_is_the_same_every_time_and_holds_alone() {
    let (_folder, root) = chain(3);
    let (chain, _) = Chain::open(&root).unwrap();
    let archive = |sequence| {
        let mut bytes = Vec::new();
        write_archive(&chain, sequence, &mut bytes).unwrap();
        bytes
    };
    let bytes = archive(2);
    assert_eq!(bytes, archive(2));
    let path = root.parent().unwrap().join("pack.tar.zst");
    fs::write(&path, &bytes).unwrap();
    assert_eq!(problems(&path), [""; 0]);
    let step = (bytes.len() / 400).max(1);
    for place in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        // A bit of the headers may mean nothing: then what comes out of it is the same.
        let same = || match Chain::open(&path) {
            Ok((changed, Some(2))) => super::write_archive(&changed, 2, &mut Vec::new()).is_ok(),
            _ => false,
        };
        assert!(!problems(&path).is_empty() || same(), "at {place}");
    }
}

/// An archive with one file of a name and a size.
fn archive_of(name: &str, size: u64, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_cksum();
    let mut builder = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    builder.append(&header, std::io::Read::take(std::io::repeat(0), size)).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn archives_that_climb_out_link_or_swell_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack.tar.zst");
    let cases = [
        (archive_of("../evil", 1, tar::EntryType::Regular), "leads out"),
        (archive_of("/etc/evil", 1, tar::EntryType::Regular), "leads out"),
        (archive_of("pack-000001/../../evil", 1, tar::EntryType::Regular), "leads out"),
        (archive_of("pack-000001/link", 0, tar::EntryType::Symlink), "neither a file"),
        (archive_of("pack-000001/a", (1 << 30) + 1, tar::EntryType::Regular), "unpacks to more"),
        (archive_of("readme", 1, tar::EntryType::Regular), "no pack of keur"),
        (b"no archive".to_vec(), "damaged"),
    ];
    for (bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let found = problems(&path);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn links_in_a_chain_are_refused() {
    let (_folder, root) = chain(1);
    let path = root.join("pack-000001/rules.json");
    let aside = root.parent().unwrap().join("rules.json");
    fs::rename(&path, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    assert!(problems(&root).iter().any(|problem| problem.contains("link")), "{:?}", problems(&root));
}

#[test]
fn a_manifest_of_another_schema_is_refused_by_name() {
    let (_folder, root) = chain(1);
    let path = root.join("pack-000001/manifest.json");
    let text = fs::read_to_string(&path).unwrap().replace("keur/pack/1", "keur/pack/9");
    fs::write(&path, text).unwrap();
    let found = problems(&root);
    assert!(
        found.iter().any(|p| p == "pack-000001/manifest.json: its schema is `keur/pack/9`, this program reads `keur/pack/1`"),
        "{found:?}"
    );
}

#[test]
fn findings_are_open_from_the_first_pack_that_has_them_to_the_first_that_looked_and_had_them_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("chain");
    let days: [&[OpenFinding]; 7] = [
        &[],
        &[finding("arn:one", "deviation")],
        // Nobody could look: nothing is known to be mended.
        &[OpenFinding { fingerprint: sha256(b"unseen"), ..finding("", "unknown") }],
        &[finding("arn:one", "deviation"), finding("arn:two", "deviation")],
        // What is unknown of it now is not mended.
        &[finding("arn:one", "deviation"), finding("arn:two", "unknown")],
        &[finding("arn:two", "excepted")],
        &[],
    ];
    for (day, open) in (0..).zip(days) {
        // A day without a run.
        let day = if day > 5 { day + 1 } else { day };
        write(begin(&root, day, None), day, open);
    }
    let (chain, _) = Chain::open(&root).unwrap();
    let history = history(&chain, None, None).unwrap();
    let spans: Vec<_> =
        history.spans.iter().map(|s| (s.finding.resource.as_str(), s.finding.verdict.as_str(), s.opened, s.closed)).collect();
    assert_eq!(
        spans,
        [
            ("arn:one", "deviation", at(1), Some(at(5))),
            ("", "unknown", at(2), Some(at(3))),
            ("arn:two", "deviation", at(3), Some(at(5))),
            ("arn:two", "unknown", at(4), Some(at(5))),
            ("arn:two", "excepted", at(5), Some(at(7))),
        ]
    );
    assert_eq!(history.late(), [(at(5), at(7))]);
    assert_eq!(history.largest_gap(), Some((at(5), at(7))));
    let verdict = |day| history.at(at(day)).map(|(day, result, current)| (day.sequence, result.controls["A.8.24"].clone(), current));
    assert_eq!(verdict(0), Some((1, "met".to_owned(), true)));
    assert_eq!(verdict(3), Some((4, "not met".to_owned(), true)));
    assert_eq!(verdict(9), Some((7, "met".to_owned(), false)));
    assert_eq!(history.at(at(-1)).map(|(day, ..)| day.sequence), None);
}
