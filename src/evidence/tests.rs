//! What somebody could do to a chain, and that all of it is found.
#![allow(clippy::print_stdout, reason = "how much was tried")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::manifest::{Basis, OpenFinding, PackResult, RuleFile, Started, Tool, sha256};
use super::sign::{PublicKey, SecretKey};
use super::{Begin, Chain, Error, Note, Packing, Verified, folder_of, history, verify, write_archive};

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
    packing.packed("exports/findings.csv", "export", b"a,b\n").unwrap();
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
    let planted = Started { chain: Some(manifest.chain.clone()), sequence: 2, previous: Some(previous), public_key: None, ..started };
    let folder = root.join("pack-000002");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("started.json"), super::manifest::canonical(&planted)).unwrap();
    assert!(problems(&root).contains(&"pack-000002/started.json: nobody signed it".to_owned()), "{:?}", problems(&root));
    // One of another number breaks nothing: it is refused, and nothing is signed.
    let elsewhere = Started { sequence: 40, ..planted };
    fs::write(folder.join("started.json"), super::manifest::canonical(&elsewhere)).unwrap();
    let key = key();
    let error = Packing::begin(Begin { signer: Some(&key), ..unsigned(&root, 1) }).err().unwrap();
    assert!(!error.io && error.file == "pack-000002/started.json", "{error}");
    assert!(!folder.join("manifest.json").exists());
    // Nor is one of the right number sealed with the key, as if it were a run of keur that was killed.
    fs::write(folder.join("started.json"), super::manifest::canonical(&Started { sequence: 2, ..elsewhere })).unwrap();
    let error = Packing::begin(Begin { signer: Some(&key), ..unsigned(&root, 1) }).err().unwrap();
    assert!(!error.io && error.reason.contains("the pack before it is signed"), "{error}");
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

#[cfg(feature = "aws")]
#[test]
fn time_stamps_of_a_chain_are_of_authorities_that_are_trusted() {
    let (_folder, root) = chain(2);
    let path = |sequence| root.join(format!("pack-00000{sequence}/manifest.json"));
    let (reply, trusted, others) = super::authority::tests::stamped(&fs::read(path(1)).unwrap());
    fs::write(root.join("pack-000001/manifest.json.tsr"), &reply).unwrap();
    let (opened, _) = Chain::open(&root).unwrap();
    let checked = verify(&opened, None, &[public()]);
    assert_eq!(checked.problems, []);
    let [(1, stamp, kept)] = checked.stamps.as_slice() else { panic!("{:?}", checked.stamps) };
    assert_eq!((stamp.time, kept), ("2026-08-31T06:12:44Z".parse().unwrap(), &reply));
    assert_eq!(trusted.vouch_for("manifest.json", kept, stamp).unwrap(), "Stamps");
    assert!(others.vouch_for("manifest.json", kept, stamp).is_err());
    // Put beside another pack it is about nothing.
    fs::rename(root.join("pack-000001/manifest.json.tsr"), root.join("pack-000002/manifest.json.tsr")).unwrap();
    assert!(
        problems(&root).iter().any(|p| p.contains("pack-000002/manifest.json.tsr: the time stamp is of a file with")),
        "{:?}",
        problems(&root)
    );
}

/// Every moment at which a run can be killed while it seals its pack. Nothing is called tampered with, nothing is left out.
#[test]
fn a_run_that_is_killed_while_it_seals_is_told_as_unfinished_at_every_step() {
    let (_folder, root) = chain(2);
    let folder = root.join("pack-000002");
    let take = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap());
    // In the order of the seal.
    let sealed = ["manifest.json.minisig", "manifest.json.intoto.jsonl", "SHA256SUMS"].map(take);
    let (_, manifest) = take("manifest.json");
    for (name, _) in &sealed {
        fs::remove_file(folder.join(name)).unwrap();
    }
    fs::remove_file(folder.join("manifest.json")).unwrap();
    let untouched: Vec<_> = files(&folder).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let mut steps = vec![Vec::new()];
    for half in [0, manifest.len() / 2, manifest.len()] {
        steps.push(vec![("manifest.json.tmp".to_owned(), manifest[..half].to_vec())]);
    }
    for (name, bytes) in &sealed {
        let before = steps.last().unwrap().clone();
        steps.push([before.clone(), vec![(format!("{name}.tmp"), bytes[..bytes.len() / 2].to_vec())]].concat());
        steps.push([before, vec![(name.clone(), bytes.clone())]].concat());
    }
    println!("{} moments of a seal", steps.len());
    for step in steps {
        let names: Vec<_> = step.iter().map(|(name, _)| name.as_str()).collect();
        let put = || {
            for (name, bytes) in &step {
                fs::write(folder.join(name), bytes).unwrap();
            }
        };
        put();
        let (opened, _) = Chain::open(&root).unwrap();
        let checked = verify(&opened, None, &[public()]);
        assert_eq!(checked.problems, [], "{names:?}");
        assert!(checked.notes.contains(&Note::Unfinished(2)), "{names:?}");
        let (opened, _) = Verified::open(&root, &[public()]).unwrap();
        assert_eq!(history(&opened, None, None).unwrap().unfinished, Some(2), "{names:?}");
        // The next run seals it, and goes on.
        let key = key();
        write(begin(&root, 3, Some(&key)), 3, &[]);
        assert_eq!(problems(&root), [""; 0], "{names:?}");
        let (verified, _) = Verified::open(&root, &[public()]).unwrap();
        let history = history(&verified, None, None).unwrap();
        assert_eq!((history.unfinished, history.days.len(), history.days[1].result.is_none()), (None, 3, true), "{names:?}");
        fs::remove_dir_all(root.join("pack-000003")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        for (path, bytes) in &untouched {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        // What only the third pack brought in.
        let kept: Vec<_> = verified.chain().entries[0].sealed().unwrap().0.objects_added.clone();
        let own = fs::read(root.join("pack-000002/index.jsonl.zst")).map(|bytes| zstd::decode_all(bytes.as_slice()).unwrap()).unwrap();
        let own = String::from_utf8(own).unwrap();
        for path in files(&root.join("objects")) {
            let hash = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
            if !kept.contains(&hash) && !own.contains(&hash) {
                fs::remove_file(path).unwrap();
            }
        }
    }
    // Signed, and no manifest under any name: that is no kill.
    for (name, bytes) in &sealed {
        fs::write(folder.join(name), bytes).unwrap();
    }
    assert!(problems(&root).contains(&"pack-000002/manifest.json: it is missing".to_owned()), "{:?}", problems(&root));
}

/// Whoever may write to the folder removes the file that says that a run is at work, at any moment of the run.
#[test]
fn a_lock_that_disappears_lets_nothing_be_written_over() {
    let key = key();
    let start = |root: &Path| Packing::begin(Begin { signer: Some(&key), ..unsigned(root, 2) });
    // While a run is at work, the next sees it by the record of its start.
    let (_folder, root) = chain(1);
    let at_work = begin(&root, 1, Some(&key));
    fs::remove_file(root.join(super::pack::LOCK)).unwrap();
    let error = start(&root).err().unwrap();
    assert!(error.io && error.reason.contains("another run is writing"), "{error}");
    write(at_work, 1, &[]);
    assert_eq!(problems(&root), [""; 0]);
    // A pack that is sealed under the hands of a run stays as it is, whatever was sealed first.
    for first in ["manifest.json", "manifest.json.tmp", "manifest.json.minisig", "manifest.json.intoto.jsonl", "SHA256SUMS"] {
        let (_folder, root) = chain(1);
        let at_work = begin(&root, 1, Some(&key));
        let path = root.join("pack-000002").join(first);
        fs::write(&path, "of somebody else").unwrap();
        let error = at_work.abort("no credentials", at(1)).err().unwrap();
        assert!(error.io && error.reason.contains("nothing is written over"), "{first}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "of somebody else", "{first}");
        assert_eq!(first == "manifest.json", root.join("pack-000002/manifest.json").exists(), "{first}");
    }
    // Nor is any other member, nor an object.
    let (_folder, root) = chain(1);
    let mut at_work = begin(&root, 1, Some(&key));
    fs::write(root.join("pack-000002/rules.json"), "of somebody else").unwrap();
    assert!(at_work.plain("rules.json", "rules", b"[]").is_err());
    let hash = sha256(b"an answer");
    let path = root.join(super::chain::object_path(&hash).unwrap());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "not the answer").unwrap();
    assert!(at_work.object(b"an answer").unwrap_err().reason.contains("not what its name says"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "not the answer");
    // Two that begin at once: the folder of the pack is there already.
    let (_folder, root) = chain(1);
    let error = Error::new_file(&root.join("pack-000002"), &std::io::ErrorKind::AlreadyExists.into());
    assert!(error.io && error.reason.contains("another run is writing"), "{error}");
}

#[test]
fn numbers_of_a_manifest_are_looked_at_before_anybody_reckons_with_them() {
    let (_folder, root) = chain(2);
    let path = root.join("pack-000002/manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut tried = 0;
    for wrong in [i64::MIN, -1, 0, 3599, 3600 * 87_600 + 1, 9_000_000_000_000_000_000, i64::MAX].map(|n| n.to_string()) {
        fs::write(&path, text.replace("\"cadence\":86400", &format!("\"cadence\":{wrong}"))).unwrap();
        assert!(Verified::open(&root, &[]).is_err(), "{wrong}");
        assert!(!problems(&root).is_empty(), "{wrong}");
        let error = Packing::begin(unsigned(&root, 3)).err().unwrap();
        assert!(!error.io, "{wrong}: {error}");
        tried += 1;
    }
    // Every number of a manifest and of the record of a start, and the largest that there are.
    let digits = regex::Regex::new(r":(\d+)").unwrap();
    for name in ["manifest.json", "started.json"] {
        let path = root.join("pack-000002").join(name);
        let original = fs::read(&path).unwrap();
        let text = String::from_utf8(original.clone()).unwrap();
        for found in digits.captures_iter(&text).map(|found| found.get(1).unwrap().range()) {
            for wrong in ["0", "18446744073709551615", "9223372036854775807", "-9223372036854775808", "1e308", "100000000"] {
                let changed = [&text[..found.start], wrong, &text[found.end..]].concat();
                fs::write(&path, &changed).unwrap();
                // As somebody writes it who knows how, too.
                for canonical in [false, true] {
                    if canonical && let Ok(value) = serde_json::from_str::<serde_json::Value>(&changed) {
                        fs::write(&path, serde_json_canonicalizer::to_vec(&value).unwrap()).unwrap();
                    }
                    assert!(!problems(&root).is_empty(), "{name} {found:?} {wrong}");
                    if let Ok((opened, _)) = Verified::open(&root, &[])
                        && let Ok(history) = history(&opened, None, None)
                    {
                        let _ = (history.late(), history.largest_gap(), history.at(Timestamp::MAX), history.at(Timestamp::MIN));
                    }
                    let _ = Packing::begin(unsigned(&root, 3)).err();
                    tried += 1;
                }
            }
        }
        fs::write(&path, original).unwrap();
    }
    println!("{tried} numbers");
    assert!(tried > 100);
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
    let (chain, _) = Verified::open(&root, &[public()]).unwrap();
    let archive = |sequence| {
        let mut bytes = Vec::new();
        write_archive(&chain.whole(Some(sequence)).unwrap(), &mut bytes).unwrap();
        bytes
    };
    let bytes = archive(2);
    assert_eq!(bytes, archive(2));
    let path = root.parent().unwrap().join("pack.tar.zst");
    fs::write(&path, &bytes).unwrap();
    assert_eq!(problems(&path), [""; 0]);
    let plain = zstd::decode_all(bytes.as_slice()).unwrap();
    let step = (bytes.len() / 400).max(1);
    let (mut changes, mut same) = (0, 0);
    for place in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        fs::write(&path, &changed).unwrap();
        // A few bits of a frame mean nothing: then what comes out of it is the same.
        let is_same = zstd::decode_all(changed.as_slice()).is_ok_and(|changed| changed == plain);
        assert!(!problems(&path).is_empty() || is_same, "at {place}");
        (changes, same) = (changes + 1, same + usize::from(is_same));
    }
    println!("{changes} bits of an archive, {same} of them without a meaning");
    assert!(same < changes / 20);
}

/// The members of an archive, as headers and contents.
type Members = Vec<(tar::Header, Vec<u8>)>;

fn members(bytes: &[u8]) -> Members {
    let plain = zstd::decode_all(bytes).unwrap();
    let mut archive = tar::Archive::new(plain.as_slice());
    let entries = archive.entries().unwrap().raw(true).map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (entry.header().clone(), content)
    });
    entries.collect()
}

fn tar_of(members: &[(tar::Header, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (header, content) in members {
        let mut header = header.clone();
        header.set_cksum();
        builder.append(&header, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

/// Archives with the same members, byte for byte, in which something else could be hidden.
#[test]
fn an_archive_is_as_keur_writes_it_or_refused() {
    let (_folder, root) = chain(2);
    let (chain, _) = Verified::open(&root, &[public()]).unwrap();
    let mut bytes = Vec::new();
    write_archive(&chain.whole(Some(2)).unwrap(), &mut bytes).unwrap();
    let plain = zstd::decode_all(bytes.as_slice()).unwrap();
    let all = members(&bytes);
    assert_eq!(tar_of(&all), plain, "what this test makes is as keur writes it");
    let with = |change: &dyn Fn(&mut Members)| {
        let mut changed = all.clone();
        change(&mut changed);
        compressed(&tar_of(&changed))
    };
    let header = |change: &dyn Fn(&mut tar::Header)| with(&|all| change(&mut all[1].0));
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 6, 0, 0, 0][..], b"hidden"].concat();
    let folder = || {
        let mut header = all[0].0.clone();
        header.as_old_mut().name = [0; 100];
        header.as_old_mut().name[..11].copy_from_slice(b"pack-000002");
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        (header, Vec::new())
    };
    // Padding behind a member that is not a multiple of a block.
    let at = all.iter().position(|(_, content)| content.len() % 512 != 0).unwrap();
    let before: usize = all[..at].iter().map(|(_, content)| 512 + content.len().next_multiple_of(512)).sum();
    let mut padded = plain.clone();
    padded[before + 512 + all[at].1.len()] = b'x';
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("another order", with(&|all| all.reverse())),
        ("two members changed places", with(&|all| all.swap(3, 4))),
        ("a member twice", with(&|all| all.push(all[0].clone()))),
        ("a folder", with(&|all| all.insert(0, folder()))),
        ("another owner", header(&|header| header.set_uid(1000))),
        ("another group", header(&|header| header.set_gid(7))),
        ("a name of an owner", header(&|header| header.set_username("somebody").unwrap())),
        ("another mode", header(&|header| header.set_mode(0o600))),
        ("another time", header(&|header| header.set_mtime(1))),
        ("a device number", header(&|header| header.set_device_major(1).unwrap())),
        ("another kind", header(&|header| header.set_entry_type(tar::EntryType::new(0)))),
        ("a kind that is contiguous", header(&|header| header.set_entry_type(tar::EntryType::Continuous))),
        ("text behind the name", header(&|header| header.as_old_mut().name[99] = b'x')),
        ("text in the reserved bytes", header(&|header| header.as_mut_bytes()[511] = b'x')),
        (
            "a name with ./",
            header(&|header| {
                let name = header.path_bytes().into_owned();
                header.as_old_mut().name[..2].copy_from_slice(b"./");
                header.as_old_mut().name[2..name.len() + 2].copy_from_slice(&name);
            }),
        ),
        ("padding of a member", compressed(&padded)),
        ("no end", compressed(&plain[..plain.len() - 1024])),
        ("half an end", compressed(&plain[..plain.len() - 512])),
        ("zeros behind the end", compressed(&[plain.as_slice(), &[0; 512]].concat())),
        ("many zeros behind the end", compressed(&[plain.as_slice(), &vec![0; 3 << 20]].concat())),
        ("text behind many zeros", compressed(&[plain.as_slice(), &vec![0; 3 << 20], b"hidden"].concat())),
        ("text behind the end", compressed(&[plain.as_slice(), b"hidden"].concat())),
        ("a second archive", compressed(&[plain.as_slice(), plain.as_slice()].concat())),
        ("a second archive in a frame of its own", [bytes.as_slice(), &bytes].concat()),
        ("an empty frame behind it", [bytes.as_slice(), &compressed(b"")].concat()),
        ("a frame to be skipped before it", [skipped.as_slice(), &bytes].concat()),
        ("a frame to be skipped behind it", [bytes.as_slice(), &skipped].concat()),
        ("two frames", [compressed(&plain[..1000]), compressed(&plain[1000..])].concat()),
        ("bytes behind it", [bytes.as_slice(), b"hidden"].concat()),
        ("no manifest", with(&|all| all.retain(|(header, _)| !header.path().unwrap().ends_with("manifest.json")))),
    ];
    let path = root.parent().unwrap().join("pack.tar.zst");
    println!("{} ways to write an archive otherwise", cases.len());
    for (what, changed) in cases {
        fs::write(&path, changed).unwrap();
        assert!(Chain::open(&path).is_err(), "{what}");
    }
    fs::write(&path, compressed(&plain)).unwrap();
    assert_eq!(problems(&path), [""; 0]);
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
        (archive_of("pack-000001/link", 0, tar::EntryType::Symlink), "is not a file"),
        (archive_of("pack-000001/hard", 0, tar::EntryType::Link), "is not a file"),
        (archive_of("pack-000001/pipe", 0, tar::EntryType::Fifo), "is not a file"),
        (archive_of("pack-000001/null", 0, tar::EntryType::Char), "is not a file"),
        (archive_of("pack-000001/holes", 0, tar::EntryType::GNUSparse), "is not a file"),
        (archive_of("pack-000001/long", 1 << 29, tar::EntryType::GNULongName), "is not a file"),
        (archive_of("pack-000001/pax", 1 << 29, tar::EntryType::XHeader), "is not a file"),
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

/// What is neither file nor folder, anywhere in a chain, is told at once: nobody waits for what writes to it.
#[cfg(unix)]
#[test]
fn pipes_in_a_chain_are_refused() {
    for name in ["pack-000001/rules.json", "pack-000001/manifest.json", "pack-000001/started.json", ".lock", "objects/pipe"] {
        let (_folder, root) = chain(1);
        let path = root.join(name);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(problems(&root).iter().any(|problem| problem.contains("device")), "{name}: {:?}", problems(&root));
        assert!(Packing::begin(unsigned(&root, 1)).is_err(), "{name}");
    }
    // It came after the folder was listed.
    let (_folder, root) = chain(1);
    let (opened, _) = Chain::open(&root).unwrap();
    let path = root.join("pack-000001/rules.json");
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(!verify(&opened, None, &[public()]).problems.is_empty());
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
    let (chain, _) = Verified::open(&root, &[]).unwrap();
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
