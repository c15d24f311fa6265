//! What the holder of the key, or of a keyless pack, can make a pack say: everything but its answers and rules is worked out
//! again, and what does not follow is told.
//!
//! Every forgery here makes all hashes fit and, where there is a key, signs again. Only AWS's own log of requests, an anchor
//! and a time stamp show an answer that was made up.

#![cfg(feature = "all-services")]
#![allow(clippy::print_stdout, reason = "how much was tried")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keur::aws::{Exchange, Outcome, Tape};
use keur::estate::ResponseId;
use keur::evidence::sign::{Document, SecretKey, Signer as _};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use support::Keur;

/// Few services of the demo: judged in a moment.
const SERVICES: [&str; 2] = ["ec2", "dynamodb"];
const ACCOUNT: &str = "123456789012";
const ARN: &str = "arn:aws:iam::123456789012:user/auditor";
const POLICIES: [&str; 3] =
    ["backup/dynamodb-point-in-time-recovery", "encryption/ebs-volume-encrypted", "encryption/ebs-snapshot-encrypted"];

fn hash(bytes: &[u8]) -> String {
    ResponseId(Sha256::digest(bytes).into()).to_string()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("compressed")
}

fn json_of(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).expect("JSON")
}

fn canonical(record: &Json) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(record).expect("JSON")
}

/// The key that the pack is signed with: whoever forges holds it.
fn key() -> SecretKey {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sign/minisign-no-password.key");
    SecretKey::read(&path, || Ok(None)).expect("the key")
}

/// A chain of one pack in memory: what its files hold, unpacked.
#[derive(Clone)]
struct Forged {
    started: Json,
    manifest: Json,
    /// Path as stored, role, content.
    files: BTreeMap<String, (String, Vec<u8>)>,
    /// What is stored instead of the content, where that is forged.
    stored: BTreeMap<String, Vec<u8>>,
    objects: BTreeMap<String, Vec<u8>>,
    signed: bool,
}

impl Forged {
    fn read(chain: &Path) -> Self {
        let folder = chain.join("pack-000001");
        let read = |path: &str| fs::read(folder.join(path)).expect("a file of the pack");
        let manifest = json_of(&read("manifest.json"));
        let mut files = BTreeMap::new();
        for file in manifest["files"].as_array().expect("a list") {
            let path = file["path"].as_str().expect("a path").to_owned();
            let role = file["role"].as_str().expect("a role").to_owned();
            if matches!(role.as_str(), "started" | "signature") {
                continue;
            }
            let bytes = read(&path);
            let bytes = if path.ends_with(".zst") { zstd::decode_all(bytes.as_slice()).expect("a frame") } else { bytes };
            files.insert(path, (role, bytes));
        }
        let mut objects = BTreeMap::new();
        for object in manifest["objects_added"].as_array().expect("a list") {
            let name = object.as_str().expect("a hash").to_owned();
            let hex = name.trim_start_matches("sha256:").to_owned();
            objects.insert(name, fs::read(chain.join("objects").join(&hex[..2]).join(&hex)).expect("an object"));
        }
        let signed = manifest["public_key"].is_string();
        Self { started: json_of(&read("started.json")), manifest, files, stored: BTreeMap::new(), objects, signed }
    }

    fn path_of(&self, name: &str) -> String {
        let found = self.files.keys().find(|path| *path == name || path.strip_suffix(".zst") == Some(name));
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    }

    fn bytes(&self, name: &str) -> &[u8] {
        &self.files[&self.path_of(name)].1
    }

    fn set(&mut self, name: &str, bytes: Vec<u8>) {
        let path = self.path_of(name);
        self.files.get_mut(&path).expect("a file").1 = bytes;
    }

    fn json(&self, name: &str) -> Json {
        json_of(self.bytes(name))
    }

    /// Changes a member that is JSON.
    fn edit(&mut self, name: &str, change: impl FnOnce(&mut Json)) {
        let mut document = self.json(name);
        change(&mut document);
        let mut bytes = serde_json::to_vec_pretty(&document).expect("JSON");
        bytes.push(b'\n');
        self.set(name, bytes);
    }

    /// Changes the text of a member, which must have it.
    fn replace(&mut self, name: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.bytes(name).to_vec()).expect("text");
        assert!(text.contains(from), "{name} has no {from}");
        self.set(name, text.replace(from, to).into_bytes());
    }

    fn exchanges(&self) -> Vec<Exchange> {
        self.bytes("index.jsonl")
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).expect("JSON"))
            .collect()
    }

    /// Writes the recording anew; its counts fit.
    fn set_exchanges(&mut self, exchanges: &[Exchange]) {
        let mut lines = Vec::new();
        for exchange in exchanges {
            serde_json::to_writer(&mut lines, exchange).expect("JSON");
            lines.push(b'\n');
        }
        self.set("index.jsonl", lines);
        let calls: BTreeSet<&str> = exchanges.iter().map(|e| e.key.as_str()).collect();
        let (calls, all) = (calls.len(), exchanges.len());
        let finished = exchanges.iter().map(|e| e.time).max().expect("an answer").to_string();
        let then = self.json("tape.json")["run"].clone();
        let finished_then = then["finished"].as_str().expect("a time").to_owned();
        self.replace("findings.json", &finished_then, &finished);
        self.replace("findings.json", &format!("\"calls\": {}", then["calls"]), &format!("\"calls\": {calls}"));
        self.run(|run| {
            run["calls"] = calls.into();
            run["finished"] = finished.as_str().into();
        });
        self.edit("tape.json", |tape| tape["exchanges"] = all.into());
        self.manifest["result"]["run_finished"] = finished.into();
    }

    /// Changes what is said of the run, in both records of it.
    fn run(&mut self, change: impl Fn(&mut Json)) {
        self.edit("run.json", |record| change(&mut record["run"]));
        self.edit("tape.json", |tape| change(&mut tape["run"]));
    }

    /// Exchanges a text of the run wherever it stands: in its records and in the findings.
    fn everywhere(&mut self, from: &str, to: &str) {
        for name in ["run.json", "tape.json", "findings.json"] {
            self.replace(name, from, to);
        }
    }

    /// Moves the start of the run, and what begins with it.
    fn start(&mut self, hours: i64) {
        let then = self.json("tape.json")["run"]["started"].as_str().expect("a time").to_owned();
        let moved = (then.parse::<Timestamp>().expect("a time") + SignedDuration::from_hours(hours)).to_string();
        self.everywhere(&format!("\"{then}\""), &format!("\"{moved}\""));
        for member in ["run_started", "as_of"] {
            self.manifest["result"][member] = moved.as_str().into();
        }
        self.started["time"] = moved.as_str().into();
        self.manifest["started"] = moved.into();
    }

    /// Another program is said to have written it.
    fn other_program(&mut self) {
        for record in [&mut self.started, &mut self.manifest] {
            record["tool"]["sha256"] = hash(b"another program").into();
        }
    }

    /// Puts an object there, and gives its hash.
    fn object(&mut self, bytes: Vec<u8>) -> ResponseId {
        let id = ResponseId(Sha256::digest(&bytes).into());
        self.objects.insert(id.to_string(), bytes);
        id
    }

    fn sign(&self, folder: &Path, name: &str, bytes: &[u8], comment: &str) -> Vec<(String, Vec<u8>)> {
        const MEMBERS: &[&str] =
            &["schema", "chain", "sequence", "previous", "started_sha256", "ended", "started", "sealed", "time", "source"];
        let mut predicate = json_of(bytes);
        predicate.as_object_mut().expect("a record").retain(|name, _| MEMBERS.contains(&name.as_str()));
        let document = Document { name, bytes, trusted_comment: comment, predicate: &predicate };
        let signatures = key().sign(&document).expect("a signature");
        let of = |s: keur::evidence::sign::SignatureFile| (format!("{name}{}", s.suffix), s.bytes);
        let signatures: Vec<_> = signatures.into_iter().map(of).collect();
        for (name, bytes) in &signatures {
            fs::write(folder.join(name), bytes).expect("a signature is written");
        }
        signatures
    }

    /// Writes the chain, all hashes and signatures made to fit.
    fn write(mut self, chain: &Path) {
        let _ = fs::remove_dir_all(chain);
        let folder = chain.join("pack-000001");
        fs::create_dir_all(folder.join("exports")).expect("a folder");
        let has = |name: &str| self.files.keys().any(|path| *path == name || path.strip_suffix(".zst") == Some(name));
        let (has_index, has_rules, has_findings) = (has("index.jsonl"), has("rules.json"), has("findings.json"));
        let mut needed = BTreeSet::new();
        if has_index {
            needed.extend(self.exchanges().iter().filter_map(body).map(|id| id.to_string()));
        }
        if has_rules {
            let rules = self.json("rules.json");
            needed.extend(rules.as_array().expect("rules").iter().map(|r| r["sha256"].as_str().expect("a hash").to_owned()));
        }
        self.objects.retain(|name, _| needed.contains(name));
        for (name, bytes) in &self.objects {
            let hex = name.trim_start_matches("sha256:");
            let place = chain.join("objects").join(&hex[..2]);
            fs::create_dir_all(&place).expect("a folder");
            fs::write(place.join(hex), bytes).expect("an object");
        }
        let started = canonical(&self.started);
        fs::write(folder.join("started.json"), &started).expect("the record");
        let mut entries = BTreeMap::from([("started.json".to_owned(), ("started".to_owned(), started.clone(), None))]);
        if self.signed {
            let comment = format!("keur run started, pack=1 time={}", self.started["time"].as_str().expect("a time"));
            for (name, bytes) in self.sign(&folder, "started.json", &started, &comment) {
                entries.insert(name, ("signature".to_owned(), bytes, None));
            }
        }
        for (path, (role, content)) in &self.files {
            let zipped = path.ends_with(".zst");
            let stored = self.stored.get(path).cloned().unwrap_or_else(|| if zipped { packed(content) } else { content.clone() });
            let place = folder.join(path);
            fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            fs::write(place, &stored).expect("a file");
            entries.insert(path.clone(), (role.clone(), stored, zipped.then(|| content.clone())));
        }
        let files = entries.iter().map(|(path, (role, stored, content))| {
            let content = content.as_ref().map(|content| json!({"bytes": content.len(), "sha256": hash(content)}));
            json!({"path": path, "role": role, "bytes": stored.len(), "sha256": hash(stored), "content": content})
        });
        self.manifest["files"] = files.collect();
        self.manifest["started_sha256"] = hash(&started).into();
        self.manifest["chain"] = hash(&started).into();
        self.manifest["objects_added"] = self.objects.keys().cloned().collect();
        self.manifest["objects_needed"] = needed.len().into();
        if has_findings {
            self.manifest["result"]["findings_sha256"] = hash(self.bytes("findings.json")).into();
        }
        let manifest = canonical(&self.manifest);
        fs::write(folder.join("manifest.json"), &manifest).expect("the manifest");
        if self.signed {
            let comment = format!("keur pack=1 prev=none time={}", self.manifest["sealed"].as_str().expect("a time"));
            self.sign(&folder, "manifest.json", &manifest, &comment);
        }
        let hex = |hash: String| hash.trim_start_matches("sha256:").to_owned();
        let mut sums = format!("{}  pack-000001/manifest.json\n", hex(hash(&manifest)));
        for (path, (_, stored, _)) in &entries {
            sums.push_str(&format!("{}  pack-000001/{path}\n", hex(hash(stored))));
        }
        for object in needed.iter().map(|name| hex(name.clone())) {
            sums.push_str(&format!("{object}  objects/{}/{object}\n", &object[..2]));
        }
        fs::write(folder.join("SHA256SUMS"), sums).expect("the list");
    }
}

fn body(exchange: &Exchange) -> Option<ResponseId> {
    match &exchange.outcome {
        Outcome::Response { body, .. } => Some(*body),
        Outcome::TimedOut | Outcome::Unreachable => None,
    }
}

/// What AWS would answer: each request of a recording, and who asks.
fn serve(tape: Tape) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let tape = Arc::new(tape);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, tape) = (connection.expect("a connection"), Arc::clone(&tape));
            std::thread::spawn(move || answer_all(&connection, &tape));
        }
    });
    endpoint
}

fn answer_all(mut connection: &TcpStream, tape: &Tape) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return Some(());
        }
        let mut parts = first.split_whitespace().map(str::to_owned);
        let (method, path) = (parts.next()?, parts.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let mut body = vec![0; headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or_default()];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let scope: Vec<&str> = headers.get("authorization").map(|a| a.split('/').collect()).unwrap_or_default();
        let (region, service) = (*scope.get(2)?, *scope.get(3)?);
        let found = tape.exchanges.iter().find(|e| {
            let same_place = e.region == region && e.service == service && e.request.method == method;
            same_place
                && e.request.address == format!("endpoint{path}")
                && e.request.body == body
                && e.request.target.as_ref() == headers.get("x-amz-target")
        });
        let who = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>A</UserId>\
             <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        let (status, kind, bytes) = match found.map(|e| &e.outcome) {
            Some(Outcome::Response { status, headers, body }) => {
                (*status, headers.get("content-type").cloned().unwrap_or_default(), tape.bodies[body].to_vec())
            }
            Some(Outcome::TimedOut | Outcome::Unreachable) => return None,
            None if body.contains("GetCallerIdentity") => (200, "text/xml".to_owned(), who.into_bytes()),
            None => (404, "text/plain".to_owned(), Vec::new()),
        };
        #[allow(clippy::disallowed_methods, reason = "as AWS tells the time")]
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\nx-amzn-requestid: {}\r\ndate: {date}\r\ncontent-length: {}\r\n\r\n",
            hash(format!("{region} {path} {body}").as_bytes()),
            bytes.len()
        );
        connection.write_all(&[head.as_bytes(), &bytes].concat()).ok()?;
    }
}

/// A live pack over a few services and two regions of the demo, as the program wrote it.
fn live(keur: &Keur, sign: bool) -> Forged {
    keur.write("keur.yaml", "regions: {allowed: [eu-central-1], sweep: [eu-central-1, eu-west-1]}\npolicies: [policies]\n");
    for policy in POLICIES {
        let name = policy.rsplit('/').next().expect("a name");
        let shipped = fs::read(format!("{}/policies/{policy}.yaml", env!("CARGO_MANIFEST_DIR"))).expect("a policy");
        keur.write(&format!("policies/{name}.yaml"), shipped);
    }
    let mut options = vec!["check", "--config", "keur.yaml", "--evidence", "chain"];
    let secret = format!("{}/tests/fixtures/sign/minisign-no-password.key", env!("CARGO_MANIFEST_DIR"));
    if sign {
        options.extend(["--sign", &secret]);
    }
    keur.run(options).exits(1);
    Forged::read(&keur.home().join("chain"))
}

/// What `verify` has to say of a forgery.
enum Told {
    /// It does not hold, for this reason.
    Refused(&'static str),
    /// It holds, and this stands among the notes and statements of whoever signed it.
    Stated(&'static str),
}
use Told::{Refused, Stated};

type Forgery = (String, Told, Box<dyn Fn(&mut Forged)>);

fn forgery(name: impl Into<String>, told: Told, forge: impl Fn(&mut Forged) + 'static) -> Forgery {
    (name.into(), told, Box::new(forge))
}

/// Each member, changed in each way that leaves all hashes right.
fn of_members(base: &Forged) -> Vec<Forgery> {
    let mut all = Vec::new();
    for path in base.files.keys() {
        let name = path.clone();
        all.push(forgery(format!("{name} taken away"), Refused(""), {
            let path = path.clone();
            move |pack| drop(pack.files.remove(&path))
        }));
        all.push(forgery(format!("{name} under another role"), Refused("no member of a pack"), {
            let path = path.clone();
            move |pack| pack.files.get_mut(&path).expect("a file").0 = "notes".to_owned()
        }));
        all.push(forgery(format!("{name} under another name"), Refused(""), {
            let path = path.clone();
            move |pack| {
                let file = pack.files.remove(&path).expect("a file");
                pack.files.insert(format!("other-{}", path.replace('/', "-")), file);
            }
        }));
        all.push(forgery(format!("{name} beside a second one, in an archive"), Refused("no member of a pack"), {
            let path = path.clone();
            move |pack| {
                let file = pack.files[&path].clone();
                let second = path.trim_end_matches(".zst").to_owned() + ".tar.zst";
                pack.files.insert(second, file);
            }
        }));
        all.push(forgery(format!("{name} with something at its end"), Refused(""), {
            let path = path.clone();
            move |pack| {
                // What names other files goes on naming them.
                let more: &[u8] = if path.starts_with("index") || path.starts_with("rules") { b"\n" } else { b"\n{}\n" };
                pack.files.get_mut(&path).expect("a file").1.extend(more);
            }
        }));
        if path.ends_with(".zst") {
            all.push(forgery(
                format!("{name} that unpacks to something else"),
                Refused("what it unpacks to is not what the manifest says"),
                {
                    let path = path.clone();
                    move |pack| drop(pack.stored.insert(path.clone(), packed(b"nothing deviates")))
                },
            ));
            all.push(forgery(format!("{name} with a frame that is skipped"), Refused("cannot be unpacked"), {
                let path = path.clone();
                move |pack| {
                    let hidden = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"more"].concat();
                    let stored = [packed(&pack.files[&path].1), hidden].concat();
                    pack.stored.insert(path.clone(), stored);
                }
            }));
        }
        if path.starts_with("exports/") {
            for other in [false, true] {
                let whose = if other { " by another program" } else { "" };
                let told = Refused(if other { "its verdicts are not those of the findings" } else { "not the same exports" });
                all.push(forgery(format!("{name} with other verdicts{whose}"), told, {
                    let path = path.clone();
                    move |pack| {
                        if other {
                            pack.other_program();
                        }
                        let swaps = [
                            ("deviation", "pass"),
                            ("\"Status\":\"FAILED\"", "\"Status\":\"PASSED\""),
                            ("\"status_id\":3", "\"status_id\":1"),
                        ];
                        let mut text = String::from_utf8(pack.files[&path].1.clone()).expect("text");
                        for (from, to) in swaps {
                            text = text.replace(from, to);
                        }
                        assert_ne!(text.as_bytes(), pack.files[&path].1, "{path}: nothing was changed");
                        pack.files.get_mut(&path).expect("a file").1 = text.into_bytes();
                    }
                }));
            }
        }
    }
    all
}

/// What a pack says of its run beyond its answers.
fn of_runs() -> Vec<Forgery> {
    let swap = |name: &'static str, from: &'static str, to: &'static str| move |pack: &mut Forged| pack.replace(name, from, to);
    vec![
        forgery("the plan narrowed, answers left", Refused("answers are never read"), |pack| {
            pack.edit("tape.json", |tape| tape["plan"]["sweep"] = json!({"only": ["eu-central-1"]}));
        }),
        forgery("the plan narrowed, answers taken away", Refused("other regions than the configuration in the pack"), |pack| {
            let mut exchanges = pack.exchanges();
            exchanges.retain(|e| e.region == "eu-central-1");
            pack.set_exchanges(&exchanges);
            pack.edit("tape.json", |tape| tape["plan"]["sweep"] = json!({"only": ["eu-central-1"]}));
            pack.run(|run| run["regions"] = json!(["eu-central-1"]));
            pack.manifest["result"]["regions"] = json!(["eu-central-1"]);
        }),
        forgery("the plan widened", Refused("its regions are said to be"), |pack| {
            pack.run(|run| run["regions"] = json!(["eu-central-1", "eu-west-1", "us-east-1"]));
        }),
        forgery("regions of the plan that are allowed", Refused("other allowed regions than"), |pack| {
            pack.edit("tape.json", |tape| tape["plan"]["allowed"] = json!(["eu-central-1", "us-east-1"]));
        }),
        forgery("said to be of a whole organisation", Refused("has no list of them"), |pack| {
            pack.edit("tape.json", |tape| tape["plan"]["organisation"] = true.into());
        }),
        forgery("fewer policies asked for", Refused(""), |pack| {
            pack.edit("run.json", |record| record["only"] = json!(["ebs-volume-encrypted"]))
        }),
        forgery("a second, later answer", Refused("and once more, otherwise, later"), |pack| {
            let mut exchanges = pack.exchanges();
            let mut second = exchanges.iter().find(|e| e.operation == "DescribeVolumes").expect("volumes").clone();
            let Outcome::Response { body, .. } = &mut second.outcome else { panic!("no answer") };
            let text = String::from_utf8(pack.objects[&body.to_string()].clone()).expect("text");
            assert!(text.contains("<encrypted>false"), "nothing to make better");
            *body = pack.object(text.replace("<encrypted>false", "<encrypted>true").into_bytes());
            second.time += SignedDuration::from_millis(1);
            exchanges.push(second);
            pack.set_exchanges(&exchanges);
        }),
        forgery("an answer that nothing asked for", Refused("answers are never read"), |pack| {
            let mut exchanges = pack.exchanges();
            let mut more = exchanges.iter().find(|e| e.operation == "DescribeVolumes").expect("volumes").clone();
            more.request.body.push_str("&MaxResults=5");
            more.key = key_of(&more);
            exchanges.push(more);
            pack.set_exchanges(&exchanges);
        }),
        forgery("an answer taken away", Refused("gives other findings"), |pack| {
            let mut exchanges = pack.exchanges();
            exchanges.retain(|e| !(e.operation == "DescribeVolumes" && e.region == "eu-central-1"));
            pack.set_exchanges(&exchanges);
        }),
        forgery("answers of another account", Refused("names it: they are of another"), |pack| {
            let mut exchanges = pack.exchanges();
            for exchange in &mut exchanges {
                exchange.account = "210987654321".to_owned();
                exchange.key = key_of(exchange);
            }
            pack.set_exchanges(&exchanges);
            pack.run(|run| run["accounts"] = json!([{"id": "210987654321", "name": null}]));
        }),
        forgery("an answer called by another operation", Refused("is the answer to DescribeVolumes"), |pack| {
            let mut exchanges = pack.exchanges();
            exchanges.iter_mut().find(|e| e.operation == "DescribeVolumes").expect("volumes").operation = "DescribeVpcs".to_owned();
            pack.set_exchanges(&exchanges);
        }),
        forgery("another request id", Refused("has another request id than its answer"), |pack| {
            let mut exchanges = pack.exchanges();
            exchanges[3].request_id = Some("00000000-0000-0000-0000-000000000000".to_owned());
            pack.set_exchanges(&exchanges);
        }),
        forgery("fewer calls counted", Refused("it counts 5 calls"), |pack| pack.run(|run| run["calls"] = 5.into())),
        forgery("the run said to have ended later", Refused("its last answer came at"), |pack| {
            pack.run(|run| run["finished"] = "2031-01-01T00:00:00Z".into());
        }),
        forgery("the start moved back", Refused("its first answer came at"), |pack| pack.start(-3)),
        forgery("the start moved forward", Refused("before its run began"), |pack| pack.start(1)),
        forgery("everything moved back, answers too", Refused("AWS wrote it at"), |pack| {
            let mut exchanges = pack.exchanges();
            for exchange in &mut exchanges {
                exchange.time -= SignedDuration::from_hours(240);
            }
            pack.set_exchanges(&exchanges);
            pack.start(-240);
        }),
        forgery("as_of moved, everywhere", Stated("measures ages against"), |pack| {
            let then = pack.json("tape.json")["run"]["as_of"].as_str().expect("a time").to_owned();
            let moved = then.parse::<Timestamp>().expect("a time") + SignedDuration::from_mins(7);
            for name in ["run.json", "tape.json", "findings.json"] {
                pack.replace(name, &format!("\"as_of\": \"{then}\""), &format!("\"as_of\": \"{moved}\""));
            }
            pack.manifest["result"]["as_of"] = moved.to_string().into();
            // Exports and report say it as well: whoever forges says that another program wrote them.
            pack.other_program();
        }),
        forgery("as_of moved in the manifest", Refused(""), |pack| pack.manifest["result"]["as_of"] = "2031-01-01T00:00:00Z".into()),
        forgery("sealed before the last answer", Refused("sealed before"), |pack| pack.manifest["sealed"] = "2020-01-01T00:00:00Z".into()),
        forgery("the record of the start of another time", Refused("AWS was asked at another time"), |pack| {
            pack.started["time"] = "2020-01-01T00:00:00Z".into();
            pack.manifest["started"] = "2020-01-01T00:00:00Z".into();
        }),
        forgery("another start in the manifest", Refused("began at another moment"), |pack| {
            pack.manifest["started"] = "2020-01-01T00:00:00Z".into()
        }),
        forgery("another program in the manifest", Refused("names another program"), |pack| {
            pack.manifest["tool"]["name"] = "keur 9".into()
        }),
        forgery("another source", Refused("its facts come from elsewhere"), |pack| pack.manifest["result"]["source"] = "demo".into()),
        forgery("other policies at the start", Refused("names other policies"), |pack| pack.started["policies_sha256"] = hash(b"x").into()),
        forgery(
            "the caller of another account",
            Refused("is said to be of account"),
            swap("tape.json", "\"account\": \"123456789012\"", "\"account\": \"210987654321\""),
        ),
        forgery(
            "the caller in the record of the run",
            Refused("it says otherwise who asked"),
            swap("run.json", "user/auditor", "user/nobody"),
        ),
        forgery("the caller, everywhere", Stated("user/nobody: answers of STS are not recorded"), |pack| {
            pack.everywhere("user/auditor", "user/nobody");
            pack.other_program();
        }),
        forgery("a type that the program is said not to have known", Refused("gives other findings"), |pack| {
            pack.other_program();
            pack.edit("run.json", |record| record["types"].as_array_mut().expect("types").retain(|kind| kind != "AWS::EC2::Volume"));
        }),
        forgery("a rule that was not used", Refused("not the same list of rules"), |pack| {
            let more = pack.object(b"id: more\n".to_vec()).to_string();
            pack.edit("rules.json", |rules| {
                rules.as_array_mut().expect("rules").push(json!({"kind": "guidance", "name": "more.yaml", "sha256": more}));
            });
        }),
        forgery("packs before the first", Refused("tells of packs before the first"), |pack| {
            let past =
                json!({"chain": "sha256:00", "source": "live", "days": [], "others": 0, "spans": [], "cadence": null, "unfinished": null});
            pack.files.insert("past.json.zst".to_owned(), ("past".to_owned(), past.to_string().into_bytes()));
        }),
        forgery("controls that are met", Refused("not the same result in the manifest"), |pack| {
            pack.manifest["result"]["controls"]["A.8.24"] = "met".into();
        }),
        forgery("no deviations", Refused("not the same result in the manifest"), |pack| {
            pack.manifest["result"]["counts"]["deviation"] = 0.into()
        }),
        forgery("another exit code", Refused("not the same result in the manifest"), |pack| {
            pack.manifest["result"]["exit_code"] = 0.into()
        }),
        forgery("judged from something else", Refused("does not fit where its facts come from"), |pack| {
            pack.manifest["result"]["basis"] = "estate".into();
        }),
        forgery("an estate of another program", Stated("another program wrote it"), |pack| {
            pack.other_program();
            pack.replace("estate.json", "\"encrypted\": false", "\"encrypted\": true");
        }),
        forgery("a report of another program", Stated("another program wrote it: it was not compared"), |pack| {
            pack.other_program();
            let path = pack.files.keys().find(|path| path.starts_with("report.")).expect("a report").clone();
            pack.files.get_mut(&path).expect("a file").1 = b"<!doctype html><p>Nothing deviates.".to_vec();
        }),
        forgery("another cadence", Refused("not the same report"), |pack| pack.manifest["cadence"] = (48 * 3600).into()),
        forgery("what the pipeline says", Stated("whoever: as the environment of the run said"), |pack| {
            pack.started["run_by"] = json!({"KEUR_OPERATOR": "whoever"});
            pack.other_program();
        }),
    ]
}

/// The key of a request, as the program makes it.
fn key_of(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let target = request.target.as_deref().unwrap_or_default();
    let mut sum = Sha256::new();
    for part in [&exchange.account, &exchange.region, &exchange.service, &request.method, &request.address, target, &request.body] {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    ResponseId(sum.finalize().into()).to_string()
}

#[test]
fn a_pack_cannot_say_more_than_its_answers() {
    try_all(true);
}

#[test]
fn a_pack_without_a_key_cannot_either() {
    try_all(false);
}

fn try_all(signed: bool) {
    let demo = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/tape.tar.zst"));
    let mut tape = Tape::read(&demo).expect("the demo");
    tape.exchanges.retain(|e| SERVICES.contains(&e.service.as_str()));
    let endpoint = serve(tape);
    let public = format!("{}/tests/fixtures/sign/minisign-no-password.pub", env!("CARGO_MANIFEST_DIR"));
    let (mut tried, mut refused, mut stated) = (0, 0, 0);
    let keur = Keur::at(&endpoint);
    let base = live(&keur, signed);
    let chain = keur.home().join("chain");
    let verify = || {
        let mut command = vec!["evidence", "verify", "chain", "--format", "json"];
        if signed {
            command.extend(["--public-key", &public]);
        }
        keur.run(command)
    };
    // What is written here is what the program writes: a forgery is told for what it changes, and for nothing else.
    base.clone().write(&chain);
    let text = verify().exits(0).text();
    let held = json_of(text.as_bytes())["contents"].clone();
    let derived = held.as_array().expect("a table").iter().filter(|row| row["how"] == "derived").count();
    assert!(derived >= 11, "{text}");
    let mut unnoticed = Vec::new();
    // A pack is judged again for each that fits byte for byte, which takes a while: of those on members every third is tried,
    // and without a key every eighth of all, because what answers say is no question of keys.
    let members = of_members(&base).into_iter().step_by(3);
    let forgeries = of_runs().into_iter().chain(members).step_by(if signed { 1 } else { 8 });
    for (name, told, forge) in forgeries {
        let mut pack = base.clone();
        forge(&mut pack);
        pack.write(&chain);
        let ran = verify();
        tried += 1;
        let out = serde_json::from_slice::<Json>(&ran.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {}", ran.stderr));
        let told = match told {
            Refused(reason) => {
                refused += 1;
                ran.code == Some(4) && out["problems"].to_string().contains(reason)
            }
            Stated(what) => {
                stated += 1;
                let statements = out["contents"].as_array().expect("a table").iter().filter(|row| row["how"] == "statement");
                let said = statements.map(|row| row["note"].to_string()).chain([out["notes"].to_string()]);
                ran.code == Some(0) && said.into_iter().any(|text| text.contains(what))
            }
        };
        if !told {
            unnoticed.push(format!("{name}: exit {:?}, {}, {}", ran.code, out["problems"], out["notes"]));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    // Nor does anything else read one: here the export that says otherwise.
    let mut pack = base.clone();
    pack.replace("exports/findings.csv", "deviation", "pass");
    pack.write(&chain);
    keur.run(["evidence", "report", "chain", "--format", "csv"]).exits(4).says(&["not the same exports"]).gives_nothing();
    keur.run(["evidence", "replay", "chain"]).exits(4).says(&["not the same exports"]).gives_nothing();
    // And what a recording says of itself, for those who judge it by rules of their own.
    let mut pack = base.clone();
    pack.run(|run| run["calls"] = 5.into());
    pack.write(&chain);
    for command in [["check", "--replay", "chain"], ["diff", "chain", "chain"]] {
        keur.run(command).exits(4).says(&["it counts 5 calls"]).gives_nothing();
    }
    println!("{tried} forgeries by whoever holds the key, or needs none: {refused} refused, {stated} told as statements");
    assert_eq!(tried, refused + stated);
}
