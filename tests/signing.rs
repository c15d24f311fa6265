//! Keys, time stamps and anchors: the whole program, and the writes to AWS against emulators. MiniStack refuses what
//! Object Lock forbids.

#![cfg(feature = "all-services")]

#[path = "support/seed/mod.rs"]
#[allow(dead_code, reason = "shared with the other whole-program tests")]
mod seed;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use keur::evidence::anchor::{Head, Written};
use keur::evidence::kms::KmsKey;
use keur::evidence::locked::Locked;
use keur::evidence::sign::{DSSE, Document, PublicKey, SignErrorKind, Signer as _};
use seed::Cloud;
use support::{Keur, Ministack, Moto};
use tokio::runtime::Runtime;

/// Writes something, as the emulator stands for: the clock of the emulator is that of the machine.
#[allow(clippy::disallowed_methods, reason = "a lock is held against the clock of the emulator")]
fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).expect("a time")
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).expect("the file").permissions().mode() & 0o777
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sign").join(name)
}

#[test]
fn a_key_is_made_and_shown() {
    let keur = Keur::new();
    keur.run(["evidence", "key", "--new", "keur.key"]).exits(2).says(&["a key needs a password", "--no-password"]).gives_nothing();
    assert!(!keur.home().join("keur.key").exists());
    let made = keur.run(["evidence", "key", "--new", "keur.key", "--no-password"]).exits(0).says(&["keur.key", "keur.pub", "keur.pem"]);
    #[cfg(unix)]
    assert_eq!(["keur.key", "keur.pub", "keur.pem"].map(|name| mode(&keur.home().join(name))), [0o600, 0o644, 0o644]);
    let secret = fs::read_to_string(keur.home().join("keur.key")).expect("the key");
    let line = secret.lines().nth(1).expect("the key");
    assert!(!made.text().contains(line) && !made.stderr.contains(line), "a secret key is never shown");
    for key in ["keur.key", "keur.pub"] {
        assert_eq!(keur.run(["evidence", "key", "--show", key]).exits(0).text(), made.text());
    }
    let pem = fs::read_to_string(keur.home().join("keur.pem")).expect("the key");
    assert!(made.text().contains(&pem));
    assert!(keur.run(["evidence", "key", "--show", "keur.pem"]).exits(0).text().contains(&pem));
    for there in ["keur.key", "keur.pub", "keur.pem"] {
        fs::rename(keur.home().join(there), keur.home().join("kept")).expect("the file is moved");
        keur.run(["evidence", "key", "--new", "keur.key", "--no-password"]).exits(2).says(&["is not written over"]);
        assert!(!keur.home().join(there).exists(), "{there}: half a key was written");
        fs::rename(keur.home().join("kept"), keur.home().join(there)).expect("the file is moved");
    }
    assert_eq!(fs::read_to_string(keur.home().join("keur.key")).expect("the key"), secret);
    keur.run(["evidence", "key", "--new", "keur.pub", "--no-password"]).exits(2);
    keur.run(["evidence", "key", "--show", "nothing.key"]).exits(2).says(&["nothing.key: "]);
    let other = keur.write("other.txt", "hello");
    keur.run(["evidence", "key", "--show", &other.display().to_string()]).exits(2).says(&["other.txt: it is no public key"]);
    keur.run(["evidence", "key"]).exits(2);
}

#[test]
fn a_password_is_never_asked_for() {
    let keur = Keur::new();
    keur.write("password", "correct horse\n");
    keur.write("empty", "\n");
    keur.run(["evidence", "key", "--new", "keur.key", "--password-file", "empty"]).exits(2).says(&["empty: the password is empty"]);
    keur.run(["evidence", "key", "--new", "keur.key", "--password-file", "none"]).exits(2).says(&["none: "]);
    let made = keur.run(["evidence", "key", "--new", "keur.key", "--password-file", "password"]).exits(0);
    keur.run(["evidence", "key", "--show", "keur.key"]).exits(2).says(&["has a password, and none was given", "KEUR_KEY_PASSWORD"]);
    let keur = keur.with("KEUR_KEY_PASSWORD", "correct horse");
    assert_eq!(keur.run(["evidence", "key", "--show", "keur.key"]).exits(0).text(), made.text());
    keur.write("password", "correct house");
    let wrong = keur.run(["evidence", "key", "--show", "keur.key", "--password-file", "password"]).exits(2);
    assert!(!wrong.says(&["keur.key: the password is wrong"]).stderr.contains("house"));
}

#[test]
fn a_time_stamp_is_asked_for_and_kept() {
    let keur = Keur::new();
    keur.write("pack/manifest.json", r#"{"schema":"keur/manifest/1"}"#);
    let reply = fixture("openssl.tsr").display().to_string();
    keur.run(["evidence", "timestamp", "pack", "--check"]).exits(2).says(&["manifest.json.tsr", "ask an authority"]);
    let asked = keur.run(["evidence", "timestamp", "pack"]).exits(0).text();
    assert!(asked.contains("application/timestamp-query"), "{asked}");
    let request = fs::read(keur.home().join("pack/manifest.json.tsq")).expect("the request");
    assert_eq!(request, fs::read(fixture("openssl.tsq")).expect("the request of openssl"));
    let refused = fixture("openssl-refused.tsr").display().to_string();
    keur.run(["evidence", "timestamp", "pack", "--reply", &refused]).exits(4).says(&["the authority gave no time stamp", "not supported"]);
    assert!(!keur.home().join("pack/manifest.json.tsr").exists());
    let kept = keur.run(["evidence", "timestamp", "pack", "--reply", &reply]).exits(0).says(&["2026-11-25T", "1.2.3.4.1"]);
    let kept = kept.says(&["who gave it was not checked", "--tsa-ca"]);
    assert_eq!(kept.text(), "openssl ts -verify -data manifest.json -in manifest.json.tsr -CAfile CA.pem\n");
    assert_eq!(fs::read(keur.home().join("pack/manifest.json.tsr")).expect("the reply"), fs::read(&reply).expect("the reply"));
    keur.run(["evidence", "timestamp", "pack", "--check"]).exits(0);
    keur.run(["evidence", "timestamp", "pack", "--reply", &reply]).exits(2).says(&["has a time stamp already"]);
    keur.write("pack/manifest.json", "{}");
    keur.run(["evidence", "timestamp", "pack", "--check"]).exits(4).says(&["is of a file with the SHA-256"]);
    keur.run(["evidence", "timestamp", "nowhere"]).exits(2).says(&["nowhere"]);
}

#[test]
fn a_time_stamp_is_of_an_authority_that_is_trusted() {
    let keur = Keur::new();
    keur.write("pack/manifest.json", r#"{"schema":"keur/manifest/1"}"#);
    let fixture = |name: &str| fixture(name).display().to_string();
    let (reply, own, other) = (fixture("authority-rsa.tsr"), fixture("authority-rsa.pem"), fixture("authority-ec.pem"));
    let kept = |ca: &str| keur.run(["evidence", "timestamp", "pack", "--reply", &reply, "--tsa-ca", ca]);
    kept(&other).exits(4).says(&["do not vouch for it: another authority signed"]).gives_nothing();
    assert!(!keur.home().join("pack/manifest.json.tsr").exists());
    kept("nowhere.pem").exits(2).says(&["nowhere.pem"]).gives_nothing();
    kept(&reply).exits(2).says(&["authority-rsa.tsr"]).gives_nothing();
    kept(&own).exits(0).says(&["signed by Test TSA (RSA)"]).gives_nothing();
    let check = |ca: &str| keur.run(["evidence", "timestamp", "pack", "--check", "--tsa-ca", ca]);
    check(&own).exits(0).says(&["signed by Test TSA (RSA)"]);
    check(&other).exits(4).says(&["another authority signed"]);
}

#[test]
fn an_authority_is_asked_over_http() {
    let keur = Keur::new();
    keur.write("pack/manifest.json", r#"{"schema":"keur/manifest/1"}"#);
    let reply = fs::read(fixture("openssl.tsr")).expect("the reply");
    let authority = Authority::start(reply);
    let url = format!("http://{}/tsa", authority.address);
    keur.run(["evidence", "timestamp", "pack", "--url", &url, "--nonce"]).exits(4).says(&["its nonce differs"]);
    keur.run(["evidence", "timestamp", "pack", "--url", &url]).exits(0).says(&["1.2.3.4.1"]);
    let asked = authority.requests.lock().expect("the requests").pop().expect("a request");
    let asked = String::from_utf8_lossy(&asked).to_lowercase();
    assert!(asked.starts_with("post /tsa http/1.1\r\n") && asked.contains("content-type: application/timestamp-query\r\n"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
    keur.run(["evidence", "timestamp", "pack", "--url", &url]).exits(2).says(&["has a time stamp already"]);
    fs::remove_file(keur.home().join("pack/manifest.json.tsr")).expect("the reply");
    keur.run(["evidence", "timestamp", "pack", "--url", "http://127.0.0.1:1/"]).exits(5).says(&["http://127.0.0.1:1/"]);
    keur.run(["evidence", "timestamp", "pack", "--url", "file:///etc/passwd"]).exits(5).says(&["no address of a time-stamping authority"]);
}

/// Answers every request with the same time stamp.
struct Authority {
    address: std::net::SocketAddr,
    requests: std::sync::Arc<std::sync::Mutex<Vec<Vec<u8>>>>,
}

impl Authority {
    fn start(reply: Vec<u8>) -> Self {
        use std::io::{Read as _, Write as _};
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("its address");
        let requests = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&requests);
        // Ends with the test program.
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let mut stream = stream.expect("a connection");
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                // A request is 59 bytes long, or 69 with a nonce; its last bytes say that the certificate is wanted.
                while !request.ends_with(&[1, 1, 0xff]) {
                    let length = stream.read(&mut buffer).expect("a request");
                    request.extend_from_slice(&buffer[..length]);
                }
                seen.lock().expect("the requests").push(request);
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\n\r\n", reply.len());
                stream.write_all(&[head.as_bytes(), &reply].concat()).expect("a reply");
            }
        });
        Self { address, requests }
    }
}

#[test]
fn kms_signs_what_verifies_without_it() {
    let moto = Moto::start();
    let runtime = Runtime::new().expect("threads");
    let cloud = Cloud::new(&moto.url());
    let kms = aws_sdk_kms::Client::new(cloud.sdk());
    let make = |spec: KeySpec| {
        let answer = runtime.block_on(kms.create_key().key_spec(spec).key_usage(KeyUsageType::SignVerify).send()).expect("CreateKey");
        answer.key_metadata.and_then(|key| key.arn).expect("the ARN of the key")
    };
    let arn = make(KeySpec::EccNistP256);
    runtime.block_on(kms.create_alias().alias_name("alias/keur").target_key_id(&arn).send()).expect("CreateAlias");

    let key = KmsKey::open_with("awskms:///alias/keur", with_own_connections(cloud.sdk())).expect("the key");
    let predicate = serde_json::json!({"sequence": 42});
    let document = Document { name: "manifest.json", bytes: b"{}", trusted_comment: "pack=42", predicate: &predicate };
    let [envelope] = &key.sign(&document).expect("a signature")[..] else { panic!("one file") };
    assert_eq!(envelope.suffix, DSSE);
    let envelope = String::from_utf8(envelope.bytes.clone()).expect("text");

    let keur = Keur::at(&moto.url());
    for address in ["awskms:///alias/keur".to_owned(), format!("awskms:///{arn}")] {
        let shown = keur.run(["evidence", "key", "--kms", &address]).exits(0).text();
        assert!(shown.contains(&key.key_id()) && shown.contains("ecdsa-p256") && shown.contains("openssl dgst"), "{shown}");
    }
    keur.run(["evidence", "key", "--kms", "awskms:///alias/keur", "-o", "kms.pem"]).exits(0);
    let public = PublicKey::read(&keur.home().join("kms.pem").display().to_string()).expect("the public key");
    let statement = public.verify_dsse("manifest.json", b"{}", &envelope).expect("it verifies");
    assert_eq!(statement.predicate, predicate);
    assert_eq!(public.verify_dsse("manifest.json", b"[]", &envelope).expect_err("another file").kind, SignErrorKind::Signature);
    assert!(key.sign(&Document { trusted_comment: "a\nb", ..document }).is_err());

    // KMS takes the hash of what is longer; moto hashes that once more, and the wrong signature is noticed.
    let long = serde_json::json!({"files": "x".repeat(5000)});
    let error = key.sign(&Document { predicate: &long, ..document }).expect_err("moto signs something else");
    assert!(error.problem.contains("does not verify with the public key"), "{error}");

    let other = make(KeySpec::EccNistP384);
    keur.run(["evidence", "key", "--kms", &format!("awskms:///{other}")]).exits(2).says(&["another kind than ed25519", "ECC_NIST_P256"]);
    keur.run(["evidence", "key", "--kms", "awskms:///alias/nothing"]).exits(5).says(&["NotFoundException", "kms:GetPublicKey"]);
    keur.run(["evidence", "key", "--kms", "alias/keur"]).exits(2).says(&["names no key of KMS"]);
    let stranger = make(KeySpec::EccNistP256);
    let stranger = KmsKey::open_with(&format!("awskms:///{stranger}"), with_own_connections(cloud.sdk())).expect("the key");
    assert!(stranger.public_key().verify_dsse("manifest.json", b"{}", &envelope).is_err());
}

/// Connections belong to the runtime that made them: each has a pool of its own.
fn with_own_connections(sdk: &SdkConfig) -> SdkConfig {
    sdk.to_builder().http_client(aws_smithy_http_client::Builder::new().build_http()).build()
}

/// A bucket of MiniStack, with Object Lock or without.
struct Bucket {
    runtime: Runtime,
    s3: S3,
    sdk: SdkConfig,
}

impl Bucket {
    fn new(ministack: &Ministack) -> Self {
        let cloud = Cloud::new(&ministack.url());
        let s3 = S3::from_conf(aws_sdk_s3::config::Builder::from(cloud.sdk()).force_path_style(true).build());
        let bucket = Self { runtime: Runtime::new().expect("threads"), s3, sdk: cloud.sdk().clone() };
        bucket.make("evidence", true);
        bucket.make("plain", false);
        bucket
    }

    fn make(&self, name: &str, lock: bool) {
        let home = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
        let request = self.s3.create_bucket().bucket(name).create_bucket_configuration(home).object_lock_enabled_for_bucket(lock);
        self.runtime.block_on(request.send()).expect("CreateBucket");
    }

    fn at(&self, address: &str) -> Locked {
        Locked::open_with(address, with_own_connections(&self.sdk)).expect("the bucket")
    }

    fn put(&self, key: &str, body: &str) {
        let body = body.as_bytes().to_vec().into();
        self.runtime.block_on(self.s3.put_object().bucket("evidence").key(key).body(body).send()).expect("PutObject");
    }

    fn hide(&self, key: &str) {
        self.runtime.block_on(self.s3.delete_object().bucket("evidence").key(key).send()).expect("DeleteObject");
    }
}

fn head(sequence: u64, manifest: char) -> Head {
    let sha256 = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
    Head { chain: sha256('a'), sequence, manifest_sha256: sha256(manifest), time: "2026-08-31T06:12:44Z".parse().expect("a time") }
}

#[test]
fn an_anchor_is_locked_and_read_again() {
    let ministack = Ministack::start();
    let bucket = Bucket::new(&ministack);
    let locked = bucket.at("s3://evidence/clinic");
    let now = now();
    let stored = locked.put_anchor(&head(42, '1'), now, 3650).expect("the anchor is put");
    assert_eq!(stored.place, "s3://evidence/clinic/aaaaaaaa-000042.json");
    assert_eq!((stored.written, stored.until), (Written::New, now + SignedDuration::from_hours(24 * 3650)));
    let again = locked.put_anchor(&head(42, '1'), now, 3650).expect("the same again");
    assert_eq!((again.written, again.version, again.until), (Written::Already, stored.version.clone(), stored.until));
    let conflict = locked.put_anchor(&head(42, '2'), now, 3650).expect_err("another pack of the same number");
    assert!(conflict.conflict && conflict.problem.contains("pack 42 is anchored there already"), "{conflict}");
    locked.put_anchor(&head(43, '3'), now, 1).expect("the next");
    assert_eq!(locked.read().expect("the anchors"), [head(42, '1'), head(43, '3')]);

    // Object Lock does what it is there for: this is not about keur, but about the emulator being worth anything.
    let key = "clinic/aaaaaaaa-000042.json";
    let version = stored.version.as_str();
    let delete = bucket.s3.delete_object().bucket("evidence").key(key).version_id(version).bypass_governance_retention(true);
    bucket.runtime.block_on(delete.send()).expect_err("a locked version cannot be deleted");
    let until = DateTime::from_secs((now + SignedDuration::from_hours(1)).as_second());
    let shorter = ObjectLockRetention::builder().mode(ObjectLockRetentionMode::Compliance).retain_until_date(until).build();
    let shorten = bucket.s3.put_object_retention().bucket("evidence").key(key).version_id(version).retention(shorter);
    bucket.runtime.block_on(shorten.bypass_governance_retention(true).send()).expect_err("a lock cannot be shortened");
    assert_eq!(locked.read().expect("the anchors").len(), 2);
}

#[test]
fn what_is_hidden_or_added_in_the_bucket_is_seen() {
    let ministack = Ministack::start();
    let bucket = Bucket::new(&ministack);
    let locked = bucket.at("s3://evidence/clinic/");
    let key = "clinic/aaaaaaaa-000042.json";
    locked.put_anchor(&head(42, '1'), now(), 10).expect("the anchor is put");
    bucket.hide(key);
    assert_eq!(locked.read().expect("the anchors"), [head(42, '1')], "a delete marker hides nothing");
    assert!(locked.put_anchor(&head(42, '2'), now(), 10).expect_err("another pack").conflict, "nor does it make room for another");
    // Somebody with s3:PutObject puts another one there: both are read.
    bucket.put(key, &head(42, '2').to_line());
    let mut anchors = locked.read().expect("the anchors");
    anchors.sort_by(|a, b| a.manifest_sha256.cmp(&b.manifest_sha256));
    assert_eq!(anchors, [head(42, '1'), head(42, '2')]);
    // Not locked, and of the same name: refused rather than relied upon.
    bucket.put("clinic/aaaaaaaa-000050.json", &head(50, '5').to_line());
    let error = locked.put_anchor(&head(50, '5'), now(), 10).expect_err("it is not locked");
    assert!(!error.problem.is_empty(), "{error}");
    bucket.put("clinic/aaaaaaaa-000051.json", "not an anchor");
    let error = locked.read().expect_err("what is no anchor is said");
    assert!(error.place.ends_with("clinic/aaaaaaaa-000051.json") && error.problem.contains("no anchor"), "{error}");
}

#[test]
fn the_archive_of_a_pack_is_locked() {
    let ministack = Ministack::start();
    let bucket = Bucket::new(&ministack);
    let locked = bucket.at("s3://evidence");
    let stored = locked.put_file("pack-000042.tar.zst", b"archive".to_vec(), now(), 10).expect("the archive is put");
    assert_eq!(stored.place, "s3://evidence/pack-000042.tar.zst");
    let again = locked.put_file("pack-000042.tar.zst", b"archive".to_vec(), now(), 10).expect("the same again");
    assert_eq!(again.written, Written::Already);
    let error = locked.put_file("pack-000042.tar.zst", b"another".to_vec(), now(), 10).expect_err("another");
    assert!(error.problem.contains("already, with another content"), "{error}");
    assert_eq!(locked.read().expect("the anchors"), [], "an archive is no anchor");
}

#[test]
fn a_bucket_that_locks_nothing_is_refused() {
    let ministack = Ministack::start();
    let bucket = Bucket::new(&ministack);
    let error = bucket.at("s3://plain/clinic/").put_anchor(&head(1, '1'), now(), 10).expect_err("no lock");
    assert!(error.problem.contains("the bucket has no Object Lock") && error.place == "s3://plain/clinic/", "{error}");
    let listed = bucket.runtime.block_on(bucket.s3.list_objects_v2().bucket("plain").send()).expect("ListObjectsV2");
    assert_eq!(listed.key_count, Some(0), "nothing was written");
    let error = bucket.at("s3://nothing/").put_anchor(&head(1, '1'), now(), 10).expect_err("no bucket");
    assert!(error.problem.contains("NoSuchBucket"), "{error}");
    assert!(Locked::open_with("s3:///x", bucket.sdk.clone()).is_err());
    let error = bucket.at("s3://evidence/").put_anchor(&head(1, '1'), now(), 0).expect_err("no time");
    assert!(error.problem.contains("for 0 days"), "{error}");
    // What is there in governance mode can be deleted by whoever may bypass it.
    let line = head(9, '9').to_line();
    let until = DateTime::from_secs((now() + SignedDuration::from_hours(240)).as_second());
    let put = bucket.s3.put_object().bucket("evidence").key("aaaaaaaa-000009.json").body(line.into_bytes().into());
    let put = put.checksum_algorithm(aws_sdk_s3::types::ChecksumAlgorithm::Sha256);
    let put = put.object_lock_mode(ObjectLockMode::Governance).object_lock_retain_until_date(until);
    bucket.runtime.block_on(put.send()).expect("PutObject");
    let error = bucket.at("s3://evidence/").put_anchor(&head(9, '9'), now(), 10).expect_err("governance");
    assert!(error.problem.contains("not locked in compliance mode"), "{error}");
}
