//! Tape: every exchange with AWS as it was, recorded and played back on the SDK's HTTP seam.
//!
//! An exchange is keyed by what was asked (account, region, service, method, address, target, body),
//! never by who asked: authorisation headers are not looked at. The recorder sits on the clients of
//! services only; STS and SSO, whose answers carry credentials, go past it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::cx::CALL;
use super::redact::{Redaction, redact};
use super::session::Plan;
use crate::estate::{ResponseId, Run};
use crate::target::{Mode, write_new};
use crate::untrusted;

/// What the error of a request that was never recorded says.
pub(crate) const NOT_ON_TAPE: &str = "not on tape";

/// What the error of an XML answer that is not well-formed says.
pub(crate) const CUT_OFF: &str = "the XML of the answer is cut off or broken";

/// The schema of tapes.
const SCHEMA: &str = "keur/tape/1";

/// The most that is read of a tape: one body, one file of any kind, and all of them unpacked.
const MAX_BODY: u64 = 64 << 20;
const MAX_FILE: u64 = 512 << 20;
const MAX_TOTAL: u64 = 2 << 30;

/// One request and what came back. Retries are exchanges of their own; the last is the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// SHA-256 of what was asked and where.
    pub key: String,
    /// Account asked, twelve digits.
    pub account: String,
    /// Region asked, or `global`.
    pub region: String,
    /// Service: `rds`.
    pub service: String,
    /// Operation: `DescribeDBInstances`.
    pub operation: String,
    /// The request.
    pub request: Asked,
    /// When the answer was complete.
    pub time: Timestamp,
    /// AWS's id of the request.
    pub request_id: Option<String>,
    /// What came back.
    pub outcome: Outcome,
    /// What was taken out of the answer before it was hashed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<Redaction>,
}

/// A request, without anything that says who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// HTTP method.
    pub method: String,
    /// Address without scheme: host (`endpoint` for a custom one), path and query.
    pub address: String,
    /// `X-Amz-Target`, for JSON services.
    pub target: Option<String>,
    /// Body.
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// An HTTP response.
    Response {
        /// Status code.
        status: u16,
        /// The headers that the SDK reads.
        headers: BTreeMap<String, String>,
        /// SHA-256 of the body, under which its bytes are kept.
        body: ResponseId,
    },
    /// No response came in time.
    TimedOut,
    /// The connection failed.
    Unreachable,
}

/// A recording: the run, and everything that was asked and answered.
#[derive(Debug, Clone)]
pub struct Tape {
    /// The run.
    pub run: Run,
    /// What was planned.
    pub plan: Plan,
    /// Whether the run used custom endpoints, and for which services (`*` for all).
    pub custom_endpoints: Vec<String>,
    /// In order of key and time.
    pub exchanges: Vec<Exchange>,
    /// Bodies by their SHA-256.
    pub bodies: BTreeMap<ResponseId, Arc<[u8]>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    schema: String,
    run: Run,
    plan: Plan,
    custom_endpoints: Vec<String>,
    exchanges: usize,
}

/// Why a tape was refused. All are properties of the files given.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is none where one should be.
    #[error("{}: not a tape: `{name}` is missing", path.display())]
    Missing {
        /// The tape.
        path: PathBuf,
        /// The file.
        name: String,
    },
    /// A file does not have the shape it must have.
    #[error("{}: `{name}` is damaged or not of a tape: {problem}", path.display())]
    Damaged {
        /// The tape.
        path: PathBuf,
        /// The file.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The folder to record to has something in it.
    #[error("{}: the folder is not empty; a tape is never written over another file", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
}

impl Tape {
    /// Reads a tape: a folder, or a `.tar.zst` of one.
    pub fn read(path: &Path) -> Result<Self, TapeError> {
        let failed = |source| TapeError::File { path: path.to_owned(), source };
        let kind = fs::metadata(path).map_err(failed)?;
        let mut files = HashMap::new();
        if kind.is_dir() {
            for name in ["run.json", "exchanges.jsonl"] {
                match untrusted::read_itself(&path.join(name), MAX_FILE) {
                    Ok(bytes) => drop(files.insert(name.to_owned(), bytes)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(source) => {
                        return Err(TapeError::File { path: path.join(name), source });
                    }
                }
            }
            if let Ok(bodies) = fs::read_dir(path.join("bodies")) {
                let mut left = MAX_TOTAL;
                for entry in bodies {
                    let entry = entry.map_err(failed)?;
                    let name = format!("bodies/{}", entry.file_name().to_string_lossy());
                    let bytes = untrusted::read_itself(&entry.path(), MAX_BODY.min(left))
                        .map_err(|source| TapeError::File { path: entry.path(), source })?;
                    left -= bytes.len() as u64;
                    files.insert(name, bytes);
                }
            }
            Self::from_files(path, files)
        } else {
            Self::from_archive(path, &untrusted::read(path, MAX_TOTAL).map_err(failed)?)
        }
    }

    /// Reads a tape from the bytes of a `.tar.zst`; `path` is only its name for errors.
    pub fn from_archive(path: &Path, bytes: &[u8]) -> Result<Self, TapeError> {
        let damaged = |problem: std::io::Error| TapeError::Damaged {
            path: path.to_owned(),
            name: "archive".to_owned(),
            problem: problem.to_string(),
        };
        let refused = |name: String, problem: &str| TapeError::Damaged { path: path.to_owned(), name, problem: problem.to_owned() };
        let plain = untrusted::decoder(bytes).map_err(damaged)?;
        let mut archive = tar::Archive::new(plain.take(MAX_TOTAL));
        let mut files = HashMap::new();
        for entry in archive.entries().map_err(damaged)?.raw(true) {
            let mut entry = entry.map_err(damaged)?;
            let name = entry.path().map_err(damaged)?.to_string_lossy().trim_start_matches("./").to_owned();
            let kind = entry.header().entry_type();
            // Programs that pack folders write what they know of a file beside it.
            if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
                continue;
            }
            if !kind.is_file() {
                return Err(refused(name, "neither a file nor a folder"));
            }
            if entry.size() > MAX_FILE || (name.starts_with("bodies/") && entry.size() > MAX_BODY) {
                return Err(refused(name, "larger than any file of a recording"));
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(damaged)?;
            if files.insert(name.clone(), content).is_some() {
                return Err(refused(name, "it is there twice"));
            }
        }
        Self::from_files(path, files)
    }

    /// A tape of its parts: `run.json`, `exchanges.jsonl`, and whatever holds the bodies.
    pub fn of_parts(
        path: &Path,
        head: Vec<u8>,
        index: Vec<u8>,
        bodies: impl IntoIterator<Item = (ResponseId, Vec<u8>)>,
    ) -> Result<Self, TapeError> {
        let mut files = HashMap::from([("run.json".to_owned(), head), ("exchanges.jsonl".to_owned(), index)]);
        files.extend(bodies.into_iter().map(|(id, bytes)| (body_name(&id), bytes)));
        Self::from_files(path, files)
    }

    fn from_files(path: &Path, mut files: HashMap<String, Vec<u8>>) -> Result<Self, TapeError> {
        let missing = |name: &str| TapeError::Missing { path: path.to_owned(), name: name.to_owned() };
        let damaged = |name: &str, problem: String| TapeError::Damaged { path: path.to_owned(), name: name.to_owned(), problem };
        let run = files.remove("run.json").ok_or_else(|| missing("run.json"))?;
        let lines = files.remove("exchanges.jsonl").ok_or_else(|| missing("exchanges.jsonl"))?;
        let head: Head = serde_json::from_slice(&run).map_err(|e| damaged("run.json", untrusted::json_problem(&e)))?;
        if head.schema != SCHEMA {
            return Err(damaged("run.json", format!("its schema is `{}`, this program reads `{SCHEMA}`", head.schema)));
        }
        let mut exchanges = Vec::new();
        for (at, line) in lines.lines().enumerate() {
            let line = line.map_err(|e| damaged("exchanges.jsonl", e.to_string()))?;
            let exchange: Exchange = serde_json::from_str(&line)
                .map_err(|e| damaged("exchanges.jsonl", format!("line {}: {}", at + 1, untrusted::json_problem(&e))))?;
            if key_of(&exchange.account, &exchange.region, &exchange.service, &exchange.request) != exchange.key {
                return Err(damaged("exchanges.jsonl", format!("line {}: what was asked is not what its key says", at + 1)));
            }
            exchanges.push(exchange);
        }
        if exchanges.len() != head.exchanges {
            let problem = format!("{} exchanges, run.json counts {}: it is cut off", exchanges.len(), head.exchanges);
            return Err(damaged("exchanges.jsonl", problem));
        }
        let mut bodies = BTreeMap::new();
        for exchange in &exchanges {
            let Outcome::Response { body, .. } = &exchange.outcome else {
                continue;
            };
            if bodies.contains_key(body) {
                continue;
            }
            let name = body_name(body);
            let bytes = files.remove(&name).ok_or_else(|| missing(&name))?;
            let found = ResponseId::of(&bytes);
            if found != *body {
                return Err(damaged(&name, format!("its content has {found}")));
            }
            bodies.insert(*body, Arc::from(bytes));
        }
        Ok(Self { run: head.run, plan: head.plan, custom_endpoints: head.custom_endpoints, exchanges, bodies })
    }

    /// Refuses a folder that is not empty, before anything is asked.
    pub fn check_target(folder: &Path) -> Result<(), TapeError> {
        match fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                None => Ok(()),
                Some(_) => Err(TapeError::NotEmpty { path: folder.to_owned() }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(folder).map_err(|source| TapeError::File { path: folder.to_owned(), source })
            }
            Err(source) => Err(TapeError::File { path: folder.to_owned(), source }),
        }
    }

    /// Writes the tape into an empty folder. `run.json` is written last: a folder without it is not a tape.
    pub fn write(&self, folder: &Path) -> Result<(), TapeError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TapeError::File { path, source }
        };
        let bodies = folder.join("bodies");
        fs::create_dir_all(&bodies).map_err(failed(&bodies))?;
        for (id, bytes) in &self.bodies {
            let path = folder.join(body_name(id));
            fs::write(&path, bytes).map_err(failed(&path))?;
        }
        let path = folder.join("exchanges.jsonl");
        fs::write(&path, self.index()).map_err(failed(&path))?;
        let path = folder.join("run.json");
        write_new(&path, &self.head(), Mode::All).map_err(failed(&path))
    }

    /// The tape as a deterministic `.tar.zst`: sorted names, no times, no owners.
    pub fn to_archive(&self) -> std::io::Result<Vec<u8>> {
        let lines = self.index();
        let mut files: BTreeMap<String, &[u8]> = BTreeMap::new();
        let head = self.head();
        files.insert("run.json".to_owned(), &head);
        files.insert("exchanges.jsonl".to_owned(), &lines);
        for (id, bytes) in &self.bodies {
            files.insert(body_name(id), bytes);
        }
        let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 19)?);
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            archive.append_data(&mut header, name, content)?;
        }
        let mut encoder = archive.into_inner()?;
        encoder.flush()?;
        encoder.finish()
    }

    /// The place of the answer to each request: later exchanges replace earlier ones, because retries end with the answer.
    pub(super) fn answers(&self) -> Vec<usize> {
        let mut answers: HashMap<&str, usize> = HashMap::new();
        for (at, exchange) in self.exchanges.iter().enumerate() {
            let newer = answers.get(exchange.key.as_str()).is_none_or(|earlier| self.exchanges[*earlier].time <= exchange.time);
            if newer {
                answers.insert(&exchange.key, at);
            }
        }
        answers.into_values().collect()
    }

    /// One exchange a line.
    pub fn index(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for exchange in &self.exchanges {
            serde_json::to_writer(&mut lines, exchange).expect("internal error: an exchange is plain data");
            lines.push(b'\n');
        }
        lines
    }

    /// What `run.json` holds.
    pub fn head(&self) -> Vec<u8> {
        let head = Head {
            schema: SCHEMA.to_owned(),
            run: self.run.clone(),
            plan: self.plan.clone(),
            custom_endpoints: self.custom_endpoints.clone(),
            exchanges: self.exchanges.len(),
        };
        let mut text = serde_json::to_vec_pretty(&head).expect("internal error: a run is plain data");
        text.push(b'\n');
        text
    }
}

fn body_name(id: &ResponseId) -> String {
    format!("bodies/{}", id.to_string().trim_start_matches("sha256:"))
}

/// Where requests go: to AWS with or without a record, or to a tape.
#[derive(Clone)]
pub(crate) enum Deck {
    /// To AWS; exchanges are kept if `keep`.
    Live { inner: SharedHttpClient, record: Arc<Record>, keep: bool },
    /// To a tape.
    Play(Arc<Player>),
}

/// What a run has exchanged so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    exchanges: Mutex<Vec<Exchange>>,
    bodies: Mutex<BTreeMap<ResponseId, Arc<[u8]>>>,
}

impl Record {
    /// Everything recorded, in canonical order.
    pub(crate) fn take(&self) -> (Vec<Exchange>, BTreeMap<ResponseId, Arc<[u8]>>) {
        let held = "internal error: no panic while held";
        let mut exchanges = std::mem::take(&mut *self.exchanges.lock().expect(held));
        exchanges.sort_by(|a, b| {
            (&a.account, &a.region, &a.service, &a.operation, &a.key, a.time).cmp(&(
                &b.account,
                &b.region,
                &b.service,
                &b.operation,
                &b.key,
                b.time,
            ))
        });
        (exchanges, std::mem::take(&mut *self.bodies.lock().expect(held)))
    }
}

/// Answers from a tape.
#[derive(Debug)]
pub(crate) struct Player {
    answers: HashMap<String, (usize, Exchange)>,
    bodies: BTreeMap<ResponseId, Arc<[u8]>>,
    reads: Mutex<Reads>,
}

/// What a replay read of a tape.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Places of the exchanges that were read.
    pub(super) read: BTreeSet<usize>,
    /// Those that say that they are of another operation than the one that asked: place, and what asked.
    pub(super) misnamed: BTreeMap<usize, String>,
    /// Service and operation of every request, whether there was an answer or not.
    pub(super) asked: BTreeSet<(&'static str, &'static str)>,
    /// The accounts that the organisation lists, if the run was over all of them and the tape has the list.
    pub(super) organisation: Option<Vec<String>>,
}

impl Player {
    pub(crate) fn new(tape: &Tape) -> Self {
        let answers = tape.answers().into_iter().map(|at| (tape.exchanges[at].key.clone(), (at, tape.exchanges[at].clone())));
        Self { answers: answers.collect(), bodies: tape.bodies.clone(), reads: Mutex::default() }
    }

    /// What was read so far.
    pub(crate) fn reads(&self) -> Reads {
        self.reads.lock().expect("internal error: no panic while held").clone()
    }
}

/// Who is asked: part of the key, because a custom endpoint has one address for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) service: &'static str,
    pub(crate) custom_endpoint: bool,
}

impl Deck {
    /// The HTTP client for one account, region and service.
    pub(crate) fn client(&self, place: Place) -> SharedHttpClient {
        SharedHttpClient::new(Seam { deck: self.clone(), place })
    }
}

struct Seam {
    deck: Deck,
    place: Place,
}

impl std::fmt::Debug for Seam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seam({:?})", self.place)
    }
}

impl HttpClient for Seam {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        match &self.deck {
            Deck::Live { inner, record, keep } => SharedHttpConnector::new(Recorder {
                inner: inner.http_connector(settings, components),
                record: Arc::clone(record),
                keep: *keep,
                place: self.place.clone(),
            }),
            Deck::Play(player) => SharedHttpConnector::new(Playback { player: Arc::clone(player), place: self.place.clone() }),
        }
    }
}

fn asked(place: &Place, request: &HttpRequest) -> (String, Asked) {
    let uri = request.uri();
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let address = if place.custom_endpoint {
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        format!("endpoint{path}")
    } else {
        rest.to_owned()
    };
    let asked = Asked {
        method: request.method().to_owned(),
        address,
        target: request.headers().get("x-amz-target").map(str::to_owned),
        body: request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default(),
    };
    (key_of(&place.account, &place.region, place.service, &asked), asked)
}

/// The key of a request: what was asked and where.
fn key_of(account: &str, region: &str, service: &str, asked: &Asked) -> String {
    let parts = [account, region, service, &asked.method, &asked.address, asked.target.as_deref().unwrap_or_default(), &asked.body];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    ResponseId(hash.finalize().into()).to_string()
}

/// Headers that the SDK reads from answers; nothing else is kept.
const HEADERS: &[&str] =
    &["content-type", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "x-amzn-errortype", "x-amz-bucket-region", "date"];

#[derive(Debug)]
struct Recorder {
    inner: SharedHttpConnector,
    record: Arc<Record>,
    keep: bool,
    place: Place,
}

/// An exchange in progress: when it is dropped unfinished, the SDK gave up waiting.
struct Pending {
    record: Arc<Record>,
    exchange: Option<Exchange>,
}

impl Pending {
    fn finish(mut self, outcome: Outcome, request_id: Option<String>, redactions: Vec<Redaction>, body: Option<(ResponseId, Arc<[u8]>)>) {
        let held = "internal error: no panic while held";
        if let Some(mut exchange) = self.exchange.take() {
            exchange.redactions = redactions;
            exchange.outcome = outcome;
            exchange.request_id = request_id;
            exchange.time = now();
            if let Some((id, bytes)) = body {
                self.record.bodies.lock().expect(held).insert(id, bytes);
            }
            self.record.exchanges.lock().expect(held).push(exchange);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.time = now();
            if let Ok(mut exchanges) = self.record.exchanges.lock() {
                exchanges.push(exchange);
            }
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the time of an answer is part of the record; no verdict reads it")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = CALL.try_with(Clone::clone).ok();
        let (key, asked) = asked(&self.place, &request);
        let pending = self.keep.then(|| Pending {
            record: Arc::clone(&self.record),
            exchange: Some(Exchange {
                key,
                account: self.place.account.to_string(),
                region: self.place.region.to_string(),
                service: self.place.service.to_owned(),
                operation: call.as_ref().map_or("-", |c| c.operation).to_owned(),
                request: asked,
                time: now(),
                request_id: None,
                outcome: Outcome::TimedOut,
                redactions: Vec::new(),
            }),
        });
        let service = self.place.service;
        let sent = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = match sent.await {
                Ok(answer) => answer,
                Err(error) => {
                    if let Some(pending) = pending {
                        let outcome = if error.is_timeout() { Outcome::TimedOut } else { Outcome::Unreachable };
                        pending.finish(outcome, None, Vec::new(), None);
                    }
                    return Err(error);
                }
            };
            let status = answer.status();
            let headers: BTreeMap<String, String> =
                HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), answer.headers().get(*name)?.to_owned()))).collect();
            let mut answer = answer;
            let body = match ByteStream::new(answer.take_body()).collect().await {
                Ok(body) => body.into_bytes(),
                Err(error) => {
                    if let Some(pending) = pending {
                        pending.finish(Outcome::Unreachable, None, Vec::new(), None);
                    }
                    return Err(ConnectorError::io(error.into()));
                }
            };
            let (kept, redactions) = redact(&body);
            let bytes: Arc<[u8]> = Arc::from(kept);
            let id = ResponseId::of(&bytes);
            if let Some(call) = call
                && let Ok(mut responses) = call.responses.lock()
            {
                // Retries: only the last answer counts.
                responses.clear();
                responses.push(id);
            }
            if let Some(pending) = pending {
                let in_header = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| headers.get(*name).cloned());
                let request_id = in_header.or_else(|| redactions.iter().find_map(|taken| taken.moved.clone()));
                pending.finish(
                    Outcome::Response { status: status.as_u16(), headers, body: id },
                    request_id,
                    redactions,
                    Some((id, Arc::clone(&bytes))),
                );
            }
            check_xml(service, status.as_u16(), &bytes)?;
            // What is decoded is what is kept: a replay sees the same. It may be shorter than what was announced.
            if answer.headers().get("content-length").is_some() {
                answer.headers_mut().insert("content-length", bytes.len().to_string());
            }
            *answer.body_mut() = SdkBody::from(bytes.to_vec());
            Ok(answer)
        })
    }
}

/// The SDK's XML decoders take a document that is cut off for a short one: a list with fewer items, an
/// empty location. So what is XML must be whole before they see it.
///
/// A root with nothing in it is a whole answer only of S3, which says "never" and "none" so.
fn check_xml(service: &str, status: u16, body: &[u8]) -> Result<(), ConnectorError> {
    let text = body.trim_ascii_start();
    if !(200..300).contains(&status) || text.first() != Some(&b'<') {
        return Ok(());
    }
    let least = if service == "s3" { 1 } else { 2 };
    if std::str::from_utf8(text).is_ok_and(|text| elements(text).is_some_and(|n| n >= least)) {
        Ok(())
    } else {
        Err(ConnectorError::other(CUT_OFF.into(), None))
    }
}

/// How many elements a document has; none if it is not well-formed.
fn elements(text: &str) -> Option<usize> {
    use xmlparser::{ElementEnd, Token};
    let mut open: Vec<(&str, &str)> = Vec::new();
    let (mut roots, mut count) = (0, 0);
    for token in xmlparser::Tokenizer::from(text) {
        match token {
            Err(_) => return None,
            Ok(Token::ElementStart { prefix, local, .. }) => {
                count += 1;
                roots += usize::from(open.is_empty());
                open.push((prefix.as_str(), local.as_str()));
            }
            Ok(Token::ElementEnd { end: ElementEnd::Empty, .. }) => drop(open.pop()),
            Ok(Token::ElementEnd { end: ElementEnd::Close(prefix, local), .. }) => {
                if open.pop() != Some((prefix.as_str(), local.as_str())) {
                    return None;
                }
            }
            Ok(_) => {}
        }
    }
    (open.is_empty() && roots == 1).then_some(count)
}

#[derive(Debug)]
struct Playback {
    player: Arc<Player>,
    place: Place,
}

impl HttpConnector for Playback {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl Playback {
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let call = CALL.try_with(Clone::clone).ok();
        let (key, asked) = asked(&self.place, request);
        let operation = call.as_ref().map_or("-", |c| c.operation);
        let found = self.player.answers.get(&key);
        if let Ok(mut reads) = self.player.reads.lock() {
            reads.asked.insert((self.place.service, operation));
            if let Some((at, exchange)) = found {
                reads.read.insert(*at);
                if exchange.operation != operation {
                    reads.misnamed.insert(*at, operation.to_owned());
                }
            }
        }
        let Some((_, exchange)) = found else {
            let message = format!("{NOT_ON_TAPE}: {operation} ({} {})", asked.method, asked.address);
            return Err(ConnectorError::user(message.into()));
        };
        match &exchange.outcome {
            Outcome::TimedOut => Err(ConnectorError::timeout("timed out when it was recorded".into())),
            Outcome::Unreachable => Err(ConnectorError::io("unreachable when it was recorded".into())),
            Outcome::Response { status, headers, body } => {
                if let Some(call) = call
                    && let Ok(mut responses) = call.responses.lock()
                {
                    responses.clear();
                    responses.push(*body);
                }
                let bytes = self.player.bodies.get(body).map(|b| b.to_vec()).unwrap_or_default();
                check_xml(self.place.service, *status, &bytes)?;
                let status = (*status).try_into().map_err(|error| ConnectorError::user(Box::new(error)))?;
                let mut response = HttpResponse::new(status, SdkBody::from(bytes));
                for (name, value) in headers {
                    response.headers_mut().try_insert(name.clone(), value.clone()).map_err(|e| ConnectorError::user(Box::new(e)))?;
                }
                Ok(response)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Tape, check_xml, elements};

    fn demo() -> Vec<u8> {
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/tape.tar.zst")).unwrap()
    }

    /// A recording with something else in it.
    fn with(name: &str, size: u64, kind: tar::EntryType) -> Vec<u8> {
        let plain = zstd::decode_all(demo().as_slice()).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(size);
        header.set_entry_type(kind);
        header.set_cksum();
        let mut builder = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
        builder.append(&header, std::io::Read::take(std::io::repeat(0), size)).unwrap();
        std::io::Write::write_all(builder.get_mut(), &plain).unwrap();
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn archives_that_link_swell_or_say_things_twice_are_refused() {
        let refused = |bytes: &[u8]| Tape::from_archive(Path::new("tape.tar.zst"), bytes).unwrap_err().to_string();
        assert!(Tape::from_archive(Path::new("tape.tar.zst"), &demo()).is_ok());
        assert!(Tape::from_archive(Path::new("tape.tar.zst"), &with("read.me", 10, tar::EntryType::Regular)).is_ok());
        assert!(Tape::from_archive(Path::new("tape.tar.zst"), &with("bodies", 0, tar::EntryType::Directory)).is_ok());
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo, tar::EntryType::Char, tar::EntryType::GNUSparse] {
            assert!(refused(&with("bodies/x", 0, kind)).contains("neither a file"), "{kind:?}");
        }
        assert!(refused(&with("run.json", 2, tar::EntryType::Regular)).contains("twice"));
        assert!(refused(&with("bodies/x", (64 << 20) + 1, tar::EntryType::Regular)).contains("larger than"));
        assert!(refused(&with("x", (512 << 20) + 1, tar::EntryType::Regular)).contains("larger than"));
        let long = with("x", 1 << 30, tar::EntryType::GNULongName);
        assert!(long.len() < 1 << 20 && refused(&long).contains("neither a file"));
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_links_in_a_recording_are_refused() {
        let tape = Tape::from_archive(Path::new("demo"), &demo()).unwrap();
        for name in ["run.json", "exchanges.jsonl", "bodies/x"] {
            for pipe in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                tape.write(folder.path()).unwrap();
                let path = folder.path().join(name);
                let aside = folder.path().join("aside");
                match fs::rename(&path, &aside) {
                    Ok(()) => {}
                    Err(_) => fs::write(&aside, "x").unwrap(),
                }
                if pipe {
                    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
                } else {
                    std::os::unix::fs::symlink(&aside, &path).unwrap();
                }
                let error = Tape::read(folder.path()).unwrap_err().to_string();
                assert!(error.contains(name) && error.contains("not a file"), "{error}");
            }
        }
    }

    #[test]
    fn only_whole_documents_are_well_formed() {
        assert_eq!(elements("<?xml version=\"1.0\"?><a x='1'><b/><c>t</c></a>\n"), Some(3));
        for broken in ["<a><b>", "<a><b></a>", "<a>", "<a></b>", "<a", "<a/><b/>", "<a>x</a"] {
            assert_eq!(elements(broken), None, "{broken}");
        }
    }

    #[test]
    fn every_truncation_of_an_answer_is_found() {
        let whole = "<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name></Bucket></Buckets></ListAllMyBucketsResult>";
        assert!(check_xml("s3", 200, whole.as_bytes()).is_ok());
        for end in 1..whole.len() {
            assert!(check_xml("s3", 200, &whole.as_bytes()[..end]).is_err(), "{}", &whole[..end]);
        }
        assert!(check_xml("s3", 200, b"<VersioningConfiguration/>").is_ok());
        assert!(check_xml("rds", 200, b"<DescribeDBInstancesResponse/>").is_err());
        assert!(check_xml("s3", 403, b"<Error>").is_ok(), "errors are classified by their status");
    }
}
