//! Keys and signatures. Secret keys are ed25519 in minisign's file format; a signature is a minisign file and a DSSE
//! envelope. What is verified here can be verified with minisign, openssl and in-toto's programs as well.
//!
//! Signing is deterministic: the same file, comment and key give the same bytes.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b256, Blake2b512, Digest as _};
use ed25519_dalek::ed25519::signature::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use serde_json::Value;
use zeroize::Zeroizing;

use super::dsse::{self, Envelope, Statement};
use crate::target;
pub use crate::target::Mode;
use crate::untrusted;

/// Keys are a few lines.
const LARGEST_KEY: u64 = 1 << 16;

/// Appended to the name of a file: its minisign signature.
pub const MINISIG: &str = ".minisig";
/// Appended to the name of a file: the DSSE envelope with an in-toto statement about it.
pub const DSSE: &str = ".intoto.jsonl";

/// What went wrong, for whom it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignErrorKind {
    /// A file cannot be read or written. The user's to mend.
    File,
    /// A file is there already and is not written over. The user's to mend.
    Exists,
    /// A file is not a key, or not one that can be used for this. The user's to mend.
    Key,
    /// A file is a secret key, where a public one is needed. The user's to mend.
    Secret,
    /// A password is missing or wrong. The user's to mend.
    Password,
    /// What is to be signed cannot be. Usually our fault.
    Content,
    /// The signature was made by another key than the one it is checked against.
    OtherKey,
    /// The signature does not fit the file: one of them was changed, or it never was a signature of it.
    Signature,
    /// The service that holds the key does not sign. Its permissions are the user's to mend.
    Service,
}

/// Why something was not signed, or does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SignError {
    /// What kind of problem it is.
    pub kind: SignErrorKind,
    /// The file, or the address of the key.
    pub name: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

impl SignError {
    pub(crate) fn new(kind: SignErrorKind, name: impl Into<String>, problem: impl Into<String>, hint: &'static str) -> Self {
        Self { kind, name: name.into(), problem: problem.into(), hint }
    }
}

/// A file to sign.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its name in the pack: `manifest.json`.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
    /// One line that is signed with it and shown by whoever verifies it: `pack=42 prev=… time=…`
    pub trusted_comment: &'a str,
    /// What the in-toto statement says of it.
    pub predicate: &'a Value,
}

/// What is put beside a file that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFile {
    /// [`MINISIG`] or [`DSSE`], appended to the name of the file.
    pub suffix: &'static str,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Something that signs.
pub trait Signer {
    /// Id of the key: minisign's for a key in a file, `sha256:…` of the public key for others.
    fn key_id(&self) -> String;
    /// The key that verifies what it signs.
    fn public_key(&self) -> PublicKey;
    /// Signs a file.
    fn sign(&self, document: &Document<'_>) -> Result<Vec<SignatureFile>, SignError>;
}

/// Eight bytes by which minisign tells keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyNumber([u8; 8]);

impl std::fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// Algorithm of a key, and of a signature of the file itself.
const ED25519: [u8; 2] = *b"Ed";
/// Algorithm of a signature of the file's BLAKE2b hash.
const ED25519_OF_HASH: [u8; 2] = *b"ED";
const SCRYPT: [u8; 2] = *b"Sc";
const NO_PASSWORD: [u8; 2] = [0, 0];
const BLAKE2B: [u8; 2] = *b"B2";
const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";

/// How dear it is to try a password, in the terms of libsodium: 128 MiB for new keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    operations: u64,
    memory: u64,
}

impl Cost {
    const NEW: Self = Self { operations: 1 << 22, memory: 1 << 27 };
    /// minisign's own keys have this; more would be an attack on whoever reads the file.
    const HIGHEST: Self = Self { operations: 1 << 25, memory: 1 << 30 };

    /// The parameters of scrypt that libsodium takes from this.
    fn parameters(self) -> Option<scrypt::Params> {
        if self.operations > Self::HIGHEST.operations || self.memory > Self::HIGHEST.memory {
            return None;
        }
        let operations = self.operations.max(1 << 15);
        let by_operations = operations < self.memory / 32;
        let highest = if by_operations { operations / 32 } else { self.memory / 1024 };
        let log = (1..63_u8).find(|log| 1_u64 << log > highest / 2)?;
        let parallel = if by_operations { 1 } else { (operations / 4).checked_shr(log.into())?.min(0x3fff_ffff) / 8 };
        scrypt::Params::new(log, 8, u32::try_from(parallel).ok()?).ok()
    }
}

/// A secret key of its own file.
pub struct SecretKey {
    number: KeyNumber,
    key: ed25519_dalek::SigningKey,
}

/// The key itself is never shown.
impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.number)
    }
}

/// Number, secret key, checksum: what a password hides.
const HIDDEN: usize = 8 + 64 + 32;
/// Everything before that: three algorithms, salt and cost.
const OPEN: usize = 6 + 32 + 16;

impl SecretKey {
    /// Makes a new key. The only randomness of this module.
    pub fn generate() -> Result<Self, SignError> {
        let mut random = Zeroizing::new([0; 40]);
        fill(random.as_mut())?;
        let (mut number, mut seed) = ([0; 8], Zeroizing::new([0; 32]));
        number.copy_from_slice(&random[..8]);
        seed.copy_from_slice(&random[8..]);
        Ok(Self { number: KeyNumber(number), key: ed25519_dalek::SigningKey::from_bytes(&seed) })
    }

    /// Reads a key that keur or minisign wrote. The password is only asked for if the key has one.
    pub fn read(path: &Path, password: impl FnOnce() -> Result<Option<Zeroizing<String>>, SignError>) -> Result<Self, SignError> {
        let name = path.display().to_string();
        let text = untrusted::text(path, LARGEST_KEY).map(Zeroizing::new).map_err(|error| {
            SignError::new(
                SignErrorKind::File,
                &name,
                error.to_string(),
                "give the path of a secret key: `keur evidence key --new PATH` makes one",
            )
        })?;
        Self::parse(&name, &text, password)
    }

    fn parse(name: &str, text: &str, password: impl FnOnce() -> Result<Option<Zeroizing<String>>, SignError>) -> Result<Self, SignError> {
        let wrong = |problem: &str| {
            let hint = "give a secret key of minisign's format: `keur evidence key --new PATH` makes one";
            SignError::new(SignErrorKind::Key, name, problem, hint)
        };
        let mut lines = text.lines();
        let (Some(comment), Some(encoded)) = (lines.next(), lines.next()) else {
            return Err(wrong("it is no secret key: it has fewer than two lines"));
        };
        if !comment.starts_with(UNTRUSTED) {
            return Err(wrong("it is no secret key: the first line is no comment"));
        }
        let bytes =
            Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| wrong("it is no secret key: the second line is not base64"))?);
        if bytes.len() == 42 {
            return Err(wrong("it is a public key, and a secret one is needed to sign"));
        }
        if bytes.len() != OPEN + HIDDEN {
            return Err(wrong("it is no secret key: it has not the length of one"));
        }
        let (open, hidden) = bytes.split_at(OPEN);
        let mut hidden = Zeroizing::new(hidden.to_vec());
        if open[..2] != ED25519 || open[4..6] != BLAKE2B {
            return Err(wrong("it is a key of another kind than ed25519"));
        }
        let number = |range: std::ops::Range<usize>| u64::from_le_bytes(open[range].try_into().expect("internal error: eight bytes"));
        let has_password = open[2..4] == SCRYPT;
        if has_password {
            let asked = |problem: &str| {
                let hint = "give its password with --password-file or in KEUR_KEY_PASSWORD";
                SignError::new(SignErrorKind::Password, name, problem, hint)
            };
            let password = password()?.ok_or_else(|| asked("the key has a password, and none was given"))?;
            let cost = Cost { operations: number(38..46), memory: number(46..54) };
            let parameters = cost.parameters().ok_or_else(|| wrong("its password takes more than 1 GiB of memory to check"))?;
            mask(&mut hidden, &password, &open[6..38], &parameters);
        } else if open[2..4] != NO_PASSWORD {
            return Err(wrong("its password is of another kind than scrypt"));
        }
        let (rest, checksum) = hidden.split_at(8 + 64);
        // minisign itself writes no checksum beside a key without a password.
        let unchecked = !has_password && checksum == [0; 32];
        if !unchecked && checksum != Blake2b256::new_with_prefix(ED25519).chain_update(rest).finalize().as_slice() {
            return Err(if has_password {
                SignError::new(SignErrorKind::Password, name, "the password is wrong", "give the one that the key was made with")
            } else {
                wrong("the key is damaged: its checksum does not fit")
            });
        }
        let pair: &[u8; 64] = rest[8..].try_into().expect("internal error: 64 bytes");
        let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair)
            .map_err(|_| wrong("the key is damaged: its public half is that of another key"))?;
        Ok(Self { number: KeyNumber(rest[..8].try_into().expect("internal error: eight bytes")), key })
    }

    fn text(&self, password: Option<(&str, [u8; 32], Cost)>) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(OPEN + HIDDEN));
        let (algorithm, salt, cost) = match password {
            Some((_, salt, cost)) => (SCRYPT, salt, cost),
            None => (NO_PASSWORD, [0; 32], Cost { operations: 0, memory: 0 }),
        };
        bytes.extend(ED25519.into_iter().chain(algorithm).chain(BLAKE2B).chain(salt));
        bytes.extend(cost.operations.to_le_bytes().into_iter().chain(cost.memory.to_le_bytes()));
        let mut hidden = Zeroizing::new(Vec::with_capacity(HIDDEN));
        hidden.extend(self.number.0);
        hidden.extend_from_slice(self.key.to_keypair_bytes().as_slice());
        let checksum = Blake2b256::new_with_prefix(ED25519).chain_update(hidden.as_slice()).finalize();
        hidden.extend_from_slice(&checksum);
        if let Some((password, salt, cost)) = password {
            mask(&mut hidden, password, &salt, &cost.parameters().expect("internal error: the cost of new keys is allowed"));
        }
        bytes.extend_from_slice(&hidden);
        let kind = if password.is_some() { "encrypted secret key" } else { "secret key without a password" };
        Zeroizing::new(format!("{UNTRUSTED}keur {kind} {}\n{}\n", self.number, STANDARD.encode(bytes.as_slice())))
    }

    /// Writes the key where nothing is yet, readable by its owner alone.
    pub fn write(&self, path: &Path, password: Option<&str>) -> Result<(), SignError> {
        let text = match password {
            Some(password) => {
                let mut salt = [0; 32];
                fill(&mut salt)?;
                self.text(Some((password, salt, Cost::NEW)))
            }
            None => self.text(None),
        };
        write_new(path, text.as_bytes(), Mode::Owner)
    }

    fn minisig(&self, document: &Document<'_>) -> String {
        let signature = self.key.sign(&Blake2b512::digest(document.bytes)).to_bytes();
        let mut first = Vec::with_capacity(74);
        first.extend(ED25519_OF_HASH.into_iter().chain(self.number.0).chain(signature));
        let with_comment = [&signature, document.trusted_comment.as_bytes()].concat();
        let global = self.key.sign(&with_comment).to_bytes();
        let (first, global) = (STANDARD.encode(first), STANDARD.encode(global));
        format!("{UNTRUSTED}signature from keur key {}\n{first}\n{TRUSTED}{}\n{global}\n", self.number, document.trusted_comment)
    }
}

impl Signer for SecretKey {
    fn key_id(&self) -> String {
        self.number.to_string()
    }

    fn public_key(&self) -> PublicKey {
        PublicKey(Kind::Ed25519 { number: Some(self.number), key: self.key.verifying_key() })
    }

    fn sign(&self, document: &Document<'_>) -> Result<Vec<SignatureFile>, SignError> {
        check(document)?;
        let statement = Statement::of(document.name, document.bytes, document.predicate.clone());
        let envelope = Envelope::seal(&statement, self.key_id(), |pae| Ok(self.key.sign(pae).to_bytes().to_vec()))?;
        Ok(vec![
            SignatureFile { suffix: MINISIG, bytes: self.minisig(document).into_bytes() },
            SignatureFile { suffix: DSSE, bytes: envelope.to_line() },
        ])
    }
}

/// A comment that is not one line would be another comment, or another signature, to whoever reads the file.
pub(super) fn check(document: &Document<'_>) -> Result<(), SignError> {
    if document.trusted_comment.chars().any(char::is_control) {
        let problem = "the trusted comment is not one line of text";
        return Err(SignError::new(SignErrorKind::Content, document.name, problem, "please report this bug"));
    }
    Ok(())
}

/// Hides with a password, or shows again.
fn mask(hidden: &mut [u8], password: &str, salt: &[u8], parameters: &scrypt::Params) {
    let mut stream = Zeroizing::new([0; HIDDEN]);
    scrypt::scrypt(password.as_bytes(), salt, parameters, stream.as_mut()).expect("internal error: scrypt gives any length");
    for (byte, other) in hidden.iter_mut().zip(stream.iter()) {
        *byte ^= other;
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), SignError> {
    getrandom::fill(bytes).map_err(|error| {
        SignError::new(
            SignErrorKind::Service,
            "random numbers",
            error.to_string(),
            "the operating system gives none: make the key elsewhere",
        )
    })
}

/// Writes a file that is there whole or not at all, and never in the place of another.
pub fn write_new(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), SignError> {
    target::write_new(path, bytes, mode).map_err(|error| {
        let name = path.display().to_string();
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let problem = "it is there already, and is not written over";
            return SignError::new(SignErrorKind::Exists, &name, problem, "give a path where nothing is");
        }
        SignError::new(SignErrorKind::File, &name, error.to_string(), "give a path in a folder that exists and may be written")
    })
}

/// Where the public halves of a new key go: beside it, as `.pub` (minisign) and `.pem` (everything else).
pub fn beside(secret: &Path) -> (PathBuf, PathBuf) {
    (secret.with_extension("pub"), secret.with_extension("pem"))
}

/// A key that verifies: minisign's, or ed25519 or ECDSA on P-256 as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Ed25519 { number: Option<KeyNumber>, key: ed25519_dalek::VerifyingKey },
    P256(p256::ecdsa::VerifyingKey),
}

/// An ed25519 key as SubjectPublicKeyInfo: all of it but the 32 bytes of the key (RFC 8410).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl PublicKey {
    /// Reads a file, or takes the text itself: minisign's line (`RW…`).
    pub fn read(path_or_text: &str) -> Result<Self, SignError> {
        if is_line(path_or_text) {
            return Self::parse("the public key", path_or_text);
        }
        let text = untrusted::stream(Path::new(path_or_text), LARGEST_KEY).map_err(|error| {
            let hint = "give the path of a public key (minisign or PEM), or the line `RW…` itself";
            SignError::new(SignErrorKind::File, path_or_text, error.to_string(), hint)
        })?;
        Self::parse(path_or_text, &String::from_utf8_lossy(&text))
    }

    /// Reads the text of a public key: minisign's file or line, or PEM.
    pub fn parse(name: &str, text: &str) -> Result<Self, SignError> {
        let wrong = |problem: &str| {
            let hint = "give a public key of minisign, or one of ed25519 or ECDSA on P-256 as PEM (`-----BEGIN PUBLIC KEY-----`)";
            SignError::new(SignErrorKind::Key, name, problem, hint)
        };
        if text.contains("PRIVATE KEY-----") {
            return Err(wrong("it is a private key, and a public one is needed to verify"));
        }
        if text.contains("-----BEGIN") {
            let lines: Vec<&str> = text.lines().map(str::trim).skip_while(|line| *line != "-----BEGIN PUBLIC KEY-----").collect();
            let end = lines.iter().position(|line| *line == "-----END PUBLIC KEY-----");
            let (Some(end), true) = (end, !lines.is_empty()) else {
                return Err(wrong("it is PEM, but no public key"));
            };
            let der = STANDARD.decode(lines[1..end].concat()).map_err(|_| wrong("it is no PEM: it is not base64"))?;
            return Self::from_spki(name, &der);
        }
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = match lines.next() {
            Some(comment) if comment.starts_with(UNTRUSTED) => lines.next(),
            other => other,
        };
        let bytes = line.and_then(|line| STANDARD.decode(line).ok()).ok_or_else(|| wrong("it is no public key"))?;
        if bytes.len() == OPEN + HIDDEN {
            let hint = "give the public half, which is beside it as `.pub` and `.pem`: a secret key is for nobody who verifies";
            return Err(SignError::new(SignErrorKind::Secret, name, "it is a secret key, and a public one is needed to verify", hint));
        }
        if bytes.len() != 42 || bytes[..2] != ED25519 {
            return Err(wrong("it is no public key"));
        }
        let number = KeyNumber(bytes[2..10].try_into().expect("internal error: eight bytes"));
        let key = bytes[10..].try_into().expect("internal error: 32 bytes");
        Ok(Self(Kind::Ed25519 { number: Some(number), key: ed25519(key).ok_or_else(|| wrong("it is no ed25519 key"))? }))
    }

    /// Reads a SubjectPublicKeyInfo, as KMS gives it.
    pub fn from_spki(name: &str, der: &[u8]) -> Result<Self, SignError> {
        if let Some(key) = der.strip_prefix(&ED25519_SPKI).and_then(|key| key.try_into().ok()).and_then(ed25519) {
            return Ok(Self(Kind::Ed25519 { number: None, key }));
        }
        let key = p256::ecdsa::VerifyingKey::from_public_key_der(der).map_err(|_| {
            let hint = "use a key of ed25519 (KMS: ECC_NIST_EDWARDS25519) or of ECDSA on P-256 (KMS: ECC_NIST_P256)";
            SignError::new(SignErrorKind::Key, name, "it is a key of another kind than ed25519 and ECDSA on P-256", hint)
        })?;
        Ok(Self(Kind::P256(key)))
    }

    /// As SubjectPublicKeyInfo (DER).
    pub fn to_spki(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Ed25519 { key, .. } => [&ED25519_SPKI, key.as_bytes().as_slice()].concat(),
            Kind::P256(key) => key.to_public_key_der().expect("internal error: a key has a DER form").into_vec(),
        }
    }

    /// As PEM, for openssl and in-toto's programs.
    pub fn to_pem(&self) -> String {
        let encoded = STANDARD.encode(self.to_spki());
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in encoded.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    /// As minisign's file, if it is one of its keys.
    pub fn to_minisign(&self) -> Option<String> {
        let line = self.to_line()?;
        Some(format!("{UNTRUSTED}minisign public key {}\n{line}\n", self.key_id()))
    }

    /// As minisign's line (`RW…`), if it is one of its keys.
    pub fn to_line(&self) -> Option<String> {
        match &self.0 {
            Kind::Ed25519 { number: Some(number), key } => {
                let bytes: Vec<u8> = ED25519.into_iter().chain(number.0).chain(*key.as_bytes()).collect();
                Some(STANDARD.encode(bytes))
            }
            Kind::Ed25519 { number: None, .. } | Kind::P256(_) => None,
        }
    }

    /// minisign's id of the key, or `sha256:…` of the key as SubjectPublicKeyInfo.
    pub fn key_id(&self) -> String {
        match &self.0 {
            Kind::Ed25519 { number: Some(number), .. } => number.to_string(),
            Kind::Ed25519 { number: None, .. } | Kind::P256(_) => format!("sha256:{}", dsse::sha256_hex(&self.to_spki())),
        }
    }

    /// `ed25519` or `ecdsa-p256`
    pub fn algorithm(&self) -> &'static str {
        match &self.0 {
            Kind::Ed25519 { .. } => "ed25519",
            Kind::P256(_) => "ecdsa-p256",
        }
    }

    /// Whether these bytes were signed with the key: for ECDSA the signature is DER, over their SHA-256.
    pub fn is_signature(&self, bytes: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::Ed25519 { key, .. } => {
                ed25519_dalek::Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(bytes, &signature).is_ok())
            }
            Kind::P256(key) => p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(bytes, &signature).is_ok()),
        }
    }

    /// Verifies the minisign signature of a file, and gives the comment that was signed with it.
    pub fn verify(&self, name: &str, bytes: &[u8], minisig: &str) -> Result<String, SignError> {
        let file = format!("{name}{MINISIG}");
        let wrong = |problem: &str| {
            let hint = "the file or its signature was changed after it was signed: get the pack again from where it was first stored";
            SignError::new(SignErrorKind::Signature, &file, problem, hint)
        };
        let Kind::Ed25519 { number, .. } = &self.0 else {
            let hint = "verify the DSSE envelope with this key";
            return Err(SignError::new(SignErrorKind::Key, &file, "a minisign signature cannot be verified with an ECDSA key", hint));
        };
        // Split as minisign does: another reading of the lines could take another comment for the one that was signed.
        let lines: Vec<&str> = minisig.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let (untrusted, first, trusted, global) = match lines[..] {
            [untrusted, first, trusted, global] | [untrusted, first, trusted, global, ""] => (untrusted, first, trusted, global),
            _ => return Err(wrong("it is no minisign signature: it has not four lines")),
        };
        let (true, Some(comment)) = (untrusted.starts_with(UNTRUSTED), trusted.strip_prefix(TRUSTED)) else {
            return Err(wrong("it is no minisign signature: a comment is missing"));
        };
        let decode = |line: &str, length: usize| STANDARD.decode(line).ok().filter(|bytes| bytes.len() == length);
        let (Some(first), Some(global)) = (decode(first, 74), decode(global, 64)) else {
            return Err(wrong("it is no minisign signature: a line is not base64, or too short or too long"));
        };
        let (algorithm, made_by, signature) = (&first[..2], &first[2..10], &first[10..]);
        if algorithm != ED25519_OF_HASH {
            return Err(wrong("it is not a signature of the hash of the file (`ED`)"));
        }
        if let Some(number) = number.filter(|number| number.0 != *made_by) {
            let made_by = KeyNumber(made_by.try_into().expect("internal error: eight bytes"));
            let problem = format!("it was made by the key {made_by}, not by {number}");
            return Err(SignError::new(SignErrorKind::OtherKey, &file, problem, "give the public key that belongs to it"));
        }
        if !self.is_signature(&Blake2b512::digest(bytes), signature) {
            return Err(wrong(&format!("the signature does not fit {name}")));
        }
        if !self.is_signature(&[signature, comment.as_bytes()].concat(), &global) {
            return Err(wrong("the trusted comment was changed"));
        }
        Ok(comment.to_owned())
    }

    /// Verifies the DSSE envelope of a file, and gives the statement about it.
    pub fn verify_dsse(&self, name: &str, bytes: &[u8], envelope: &str) -> Result<Statement, SignError> {
        Envelope::open(envelope, name, bytes, |signed, signature| self.is_signature(signed, signature)).map_err(|problem| {
            let hint = "the file or its signature was changed after it was signed, or the key is another one";
            SignError::new(SignErrorKind::Signature, format!("{name}{DSSE}"), problem, hint)
        })
    }
}

fn ed25519(bytes: &[u8; 32]) -> Option<ed25519_dalek::VerifyingKey> {
    ed25519_dalek::VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())
}

/// Whether a text is the line of a key, not a path.
fn is_line(text: &str) -> bool {
    text.len() == 56 && text.starts_with("RW") && STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 42)
}

#[cfg(test)]
mod tests;
