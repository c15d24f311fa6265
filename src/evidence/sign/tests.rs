use std::fs;

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::*;

const MANIFEST: &[u8] = br#"{"schema":"keur/manifest/1"}"#;
const COMMENT: &str = "pack=42 prev=e3b0c442 time=2026-08-31T06:12:44Z";
/// Made by minisign 0.11 (Debian), with the password `correct horse`, cost as minisign chooses it.
const OF_MINISIGN: (&str, &str) =
    (include_str!("../../../tests/fixtures/sign/minisign.pub"), include_str!("../../../tests/fixtures/sign/minisign-0.11.minisig"));

fn key(seed: u8) -> SecretKey {
    SecretKey { number: KeyNumber([seed; 8]), key: ed25519_dalek::SigningKey::from_bytes(&[seed; 32]) }
}

fn signed(key: &dyn Signer) -> (String, String) {
    let predicate = json!({"sequence": 42});
    let document = Document { name: "manifest.json", bytes: MANIFEST, trusted_comment: COMMENT, predicate: &predicate };
    let files = key.sign(&document).unwrap();
    let text = |suffix| String::from_utf8(files.iter().find(|f| f.suffix == suffix).unwrap().bytes.clone()).unwrap();
    (text(MINISIG), text(DSSE))
}

fn none() -> Result<Option<Zeroizing<String>>, SignError> {
    Ok(None)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, SignError>, kind: SignErrorKind, problem: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

#[test]
fn what_is_signed_verifies() {
    let key = key(7);
    let (minisig, dsse) = signed(&key);
    assert_eq!(key.public_key().verify("manifest.json", MANIFEST, &minisig).unwrap(), COMMENT);
    let statement = key.public_key().verify_dsse("manifest.json", MANIFEST, &dsse).unwrap();
    assert_eq!(statement.predicate, json!({"sequence": 42}));
    assert_eq!(statement.predicate_type, "https://keur.dev/evidence-pack/v1");
    assert_eq!((minisig, dsse), signed(&key), "signing again gives the same bytes");
}

#[test]
fn another_implementation_verifies_it() {
    let key = key(7);
    let other = minisign_verify::PublicKey::decode(&key.public_key().to_minisign().unwrap()).unwrap();
    let signature = minisign_verify::Signature::decode(&signed(&key).0).unwrap();
    assert_eq!(signature.trusted_comment(), COMMENT);
    other.verify(MANIFEST, &signature, false).unwrap();
    assert!(other.verify(b"{}", &signature, false).is_err());
}

#[test]
fn what_minisign_signs_verifies() {
    let (key, signature) = OF_MINISIGN;
    let key = PublicKey::parse("minisign.pub", key).unwrap();
    assert_eq!(key.verify("manifest.json", MANIFEST, signature).unwrap(), "pack=42 made by minisign");
    refused(key.verify("manifest.json", b"{}", signature), SignErrorKind::Signature, "does not fit manifest.json");
}

#[test]
fn what_was_changed_does_not_verify() {
    let key = key(7);
    let public = key.public_key();
    let (minisig, dsse) = signed(&key);
    refused(public.verify("manifest.json", b"{}", &minisig), SignErrorKind::Signature, "does not fit manifest.json");
    let comment = minisig.replace("pack=42", "pack=43");
    refused(public.verify("manifest.json", MANIFEST, &comment), SignErrorKind::Signature, "trusted comment was changed");
    let (other, _) = signed(&super::tests::key(8));
    refused(
        public.verify("manifest.json", MANIFEST, &other),
        SignErrorKind::OtherKey,
        "made by the key 0808080808080808, not by 0707070707070707",
    );
    let lines: Vec<&str> = minisig.lines().collect();
    for cut in [&lines[..2], &lines[..3], &[lines[0], lines[1], lines[3], lines[2]]] {
        refused(public.verify("manifest.json", MANIFEST, &cut.join("\n")), SignErrorKind::Signature, "no minisign signature");
    }
    let two = format!("{minisig}{minisig}");
    refused(public.verify("manifest.json", MANIFEST, &two), SignErrorKind::Signature, "four lines");
    // Every byte of the two signatures counts, the number of the key among them.
    for line in [1, 3] {
        let raw = STANDARD.decode(lines[line]).unwrap();
        for place in 0..raw.len() {
            let (mut raw, mut lines) = (raw.clone(), lines.clone());
            raw[place] ^= 1 << (place % 8);
            let changed = STANDARD.encode(raw);
            lines[line] = &changed;
            assert!(public.verify("manifest.json", MANIFEST, &lines.join("\n")).is_err(), "line {line}, byte {place}");
        }
    }
    refused(public.verify_dsse("manifest.json", b"{}", &dsse), SignErrorKind::Signature, "it was made for a file with the SHA-256");
    refused(public.verify_dsse("started.json", MANIFEST, &dsse), SignErrorKind::Signature, "it is about `manifest.json`");
    refused(super::tests::key(8).public_key().verify_dsse("manifest.json", MANIFEST, &dsse), SignErrorKind::Signature, "no signature");
}

#[test]
fn an_envelope_that_was_changed_does_not_verify() {
    let key = key(7);
    let public = key.public_key();
    let envelope: Envelope = serde_json::from_str(&signed(&key).1).unwrap();
    let open = |envelope: &Envelope| public.verify_dsse("manifest.json", MANIFEST, &String::from_utf8(envelope.to_line()).unwrap());
    open(&envelope).unwrap();
    let payload = String::from_utf8(STANDARD.decode(&envelope.payload).unwrap()).unwrap();
    let changed = Envelope { payload: STANDARD.encode(payload.replace("42", "43")), ..envelope.clone() };
    refused(open(&changed), SignErrorKind::Signature, "no signature of it was made by that key");
    let changed = Envelope { payload_type: "application/json".to_owned(), ..envelope.clone() };
    refused(open(&changed), SignErrorKind::Signature, "of type `application/json`");
    let changed = Envelope { signatures: Vec::new(), ..envelope };
    refused(open(&changed), SignErrorKind::Signature, "no signature of it was made by that key");
    // Well signed, but not a statement of ours about the file.
    let seal = |statement: &Statement| {
        let sign = |pae: &[u8]| Ok::<_, SignError>(key.key.sign(pae).to_bytes().to_vec());
        open(&Envelope::seal(statement, String::new(), sign).unwrap())
    };
    let good = Statement::of("manifest.json", MANIFEST, json!({}));
    seal(&good).unwrap();
    refused(
        seal(&Statement { kind: "https://in-toto.io/Statement/v0.1".to_owned(), ..good.clone() }),
        SignErrorKind::Signature,
        "Statement/v0.1",
    );
    refused(
        seal(&Statement { predicate_type: "https://slsa.dev/provenance/v1".to_owned(), ..good.clone() }),
        SignErrorKind::Signature,
        "slsa",
    );
    refused(seal(&Statement { subject: Vec::new(), ..good.clone() }), SignErrorKind::Signature, "about 0 files");
    let mut md5 = good;
    md5.subject[0].digest = [("md5".to_owned(), "0".to_owned())].into();
    refused(seal(&md5), SignErrorKind::Signature, "no SHA-256");
}

#[test]
fn a_key_is_written_and_read_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keur.key");
    let key = key(7);
    key.write(&path, None).unwrap();
    assert_eq!(signed(&SecretKey::read(&path, none).unwrap()), signed(&key));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    refused(super::tests::key(8).write(&path, None), SignErrorKind::Exists, "not written over");
    assert_eq!(signed(&SecretKey::read(&path, none).unwrap()), signed(&key));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["keur.key"], "nothing else is left behind");
}

#[test]
fn a_password_hides_the_key() {
    let cheap = Cost { operations: 1 << 15, memory: 1 << 20 };
    let key = key(7);
    let text = key.text(Some(("correct horse", [9; 32], cheap)));
    let give = |password: &str| {
        let password = Zeroizing::new(password.to_owned());
        SecretKey::parse("keur.key", &text, move || Ok(Some(password)))
    };
    assert_eq!(signed(&give("correct horse").unwrap()), signed(&key));
    refused(give("correct house"), SignErrorKind::Password, "password is wrong");
    refused(SecretKey::parse("keur.key", &text, none), SignErrorKind::Password, "none was given");
    let raw = STANDARD.decode(text.lines().nth(1).unwrap()).unwrap();
    assert!(!raw.windows(8).any(|window| key.key.to_keypair_bytes().windows(8).any(|other| other == window)));
    assert_eq!(format!("{key:?}"), "SecretKey(0707070707070707)", "a secret key is never shown");
}

#[test]
fn a_key_of_minisign_is_read() {
    let text = include_str!("../../../tests/fixtures/sign/minisign-no-password.key");
    let key = SecretKey::parse("minisign.key", text, none).unwrap();
    let public = PublicKey::parse("minisign.pub", include_str!("../../../tests/fixtures/sign/minisign-no-password.pub")).unwrap();
    assert_eq!(key.public_key(), public);
}

/// The cost that libsodium's `crypto_pwhash_scryptsalsa208sha256` takes: log2 of N, r, p.
#[test]
fn the_cost_of_a_password_is_that_of_libsodium() {
    let parameters = |operations, memory| Cost { operations, memory }.parameters().map(|p| (p.log_n(), p.r(), p.p()));
    assert_eq!(parameters(524_288, 16_777_216), Some((14, 8, 1)), "interactive");
    assert_eq!(parameters(33_554_432, 1_073_741_824), Some((20, 8, 1)), "sensitive: minisign");
    assert_eq!(parameters(1_048_576, 33_554_432), Some((15, 8, 1)), "rsign2");
    assert_eq!(parameters(Cost::NEW.operations, Cost::NEW.memory), Some((17, 8, 1)));
    assert_eq!(parameters(33_554_433, 1_073_741_824), None);
    assert_eq!(parameters(33_554_432, u64::MAX), None);
}

#[test]
fn what_is_no_secret_key_is_refused() {
    let read = |text: &str| SecretKey::parse("keur.key", text, none);
    let good = key(7).text(None);
    let raw = STANDARD.decode(good.lines().nth(1).unwrap()).unwrap();
    let with = |raw: &[u8]| format!("{UNTRUSTED}x\n{}\n", STANDARD.encode(raw));
    read(&with(&raw)).unwrap();
    refused(read(""), SignErrorKind::Key, "fewer than two lines");
    refused(read("a\nb\n"), SignErrorKind::Key, "first line is no comment");
    refused(read(&key(7).public_key().to_minisign().unwrap()), SignErrorKind::Key, "it is a public key");
    refused(read(&with(&raw[1..])), SignErrorKind::Key, "length");
    for (place, problem) in [(0, "another kind"), (2, "another kind than scrypt"), (4, "another kind"), (60, "checksum"), (100, "checksum")]
    {
        let mut changed = raw.clone();
        changed[place] ^= 1;
        refused(read(&with(&changed)), SignErrorKind::Key, problem);
    }
    let mut dear =
        STANDARD.decode(key(7).text(Some(("x", [0; 32], Cost { operations: 1 << 15, memory: 1 << 20 }))).lines().nth(1).unwrap()).unwrap();
    dear[53] = 1;
    refused(SecretKey::parse("k", &with(&dear), || Ok(Some("x".to_owned().into()))), SignErrorKind::Key, "1 GiB");
    refused(SecretKey::read(Path::new("/nowhere/keur.key"), none), SignErrorKind::File, "");
}

#[test]
fn public_keys_are_read_in_every_form() {
    let key = key(7).public_key();
    let (line, file) = (key.to_line().unwrap(), key.to_minisign().unwrap());
    assert_eq!(PublicKey::read(&line).unwrap(), key);
    assert_eq!(PublicKey::parse("k", &file).unwrap(), key);
    assert_eq!(PublicKey::parse("k", &file.replace('\n', "\r\n")).unwrap(), key);
    // PEM has no room for the number of the key.
    let pem = PublicKey::parse("k", &key.to_pem()).unwrap();
    assert_eq!(pem.to_pem(), key.to_pem());
    assert_eq!(pem.to_minisign(), None);
    pem.verify("manifest.json", MANIFEST, &signed(&super::tests::key(7)).0).unwrap();
    refused(PublicKey::parse("k", "hello"), SignErrorKind::Key, "no public key");
    refused(PublicKey::parse("k", ""), SignErrorKind::Key, "no public key");
    refused(PublicKey::parse("k", &super::tests::key(7).text(None)), SignErrorKind::Secret, "it is a secret key");
    refused(PublicKey::parse("k", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"), SignErrorKind::Key, "private key");
    refused(
        PublicKey::parse("k", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        SignErrorKind::Key,
        "PEM, but no public key",
    );
    refused(PublicKey::parse("k", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"), SignErrorKind::Key, "another kind");
    refused(PublicKey::read("/nowhere/keur.pub"), SignErrorKind::File, "");
    // The identity: whatever is signed with it verifies with any signature of the right form.
    let mut weak = [&ED25519_SPKI[..], &[0; 32]].concat();
    weak[12] = 1;
    refused(PublicKey::from_spki("k", &weak), SignErrorKind::Key, "");
}

#[test]
fn ecdsa_verifies_envelopes_only() {
    use p256::ecdsa::signature::Signer as _;
    let secret = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let public = PublicKey(Kind::P256(*secret.verifying_key()));
    let read = PublicKey::parse("k", &public.to_pem()).unwrap();
    assert_eq!(read, public);
    assert!(public.key_id().starts_with("sha256:"));
    let statement = Statement::of("manifest.json", MANIFEST, json!({}));
    let sign = |pae: &[u8]| {
        let signature: p256::ecdsa::Signature = secret.sign(pae);
        Ok::<_, SignError>(signature.to_der().as_bytes().to_vec())
    };
    let envelope = String::from_utf8(Envelope::seal(&statement, public.key_id(), sign).unwrap().to_line()).unwrap();
    read.verify_dsse("manifest.json", MANIFEST, &envelope).unwrap();
    refused(read.verify_dsse("manifest.json", b"{}", &envelope), SignErrorKind::Signature, "SHA-256");
    refused(key(7).public_key().verify_dsse("manifest.json", MANIFEST, &envelope), SignErrorKind::Signature, "no signature");
    refused(read.verify("manifest.json", MANIFEST, &signed(&key(7)).0), SignErrorKind::Key, "ECDSA");
}

#[test]
fn a_comment_is_one_line() {
    let predicate = json!({});
    let document = Document { name: "manifest.json", bytes: MANIFEST, trusted_comment: "pack=1\nx", predicate: &predicate };
    refused(key(7).sign(&document), SignErrorKind::Content, "one line");
}
