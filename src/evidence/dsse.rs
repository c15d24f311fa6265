//! DSSE envelopes around in-toto statements: what a signature says, in the form that other programs verify.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What an envelope says that it holds.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of every statement of in-toto's first version.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What is stated of a file of an evidence pack.
pub const PREDICATE_TYPE: &str = "https://keur.dev/evidence-pack/v1";

/// The name of the hash, as in-toto writes it.
const SHA256: &str = "sha256";

/// What is signed: statements about a file, which is named by its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// [`STATEMENT_TYPE`]
    #[serde(rename = "_type")]
    pub kind: String,
    /// The files; one in the statements made here.
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`]
    pub predicate_type: String,
    /// What is stated.
    #[serde(default)]
    pub predicate: Value,
}

/// A file, by name and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `manifest.json`
    pub name: String,
    /// Hashes in hexadecimal, by algorithm.
    pub digest: std::collections::BTreeMap<String, String>,
}

impl Statement {
    /// States something of one file.
    pub fn of(name: &str, bytes: &[u8], predicate: Value) -> Self {
        let digest = [(SHA256.to_owned(), sha256_hex(bytes))].into();
        let subject = vec![Subject { name: name.to_owned(), digest }];
        Self { kind: STATEMENT_TYPE.to_owned(), subject, predicate_type: PREDICATE_TYPE.to_owned(), predicate }
    }

    /// Whether it is about this file, and one of ours; if not, why not.
    fn is_about(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        if self.kind != STATEMENT_TYPE {
            return Err(format!("the statement is of type `{}`, not `{STATEMENT_TYPE}`", self.kind));
        }
        if self.predicate_type != PREDICATE_TYPE {
            return Err(format!("it states `{}`, not `{PREDICATE_TYPE}`", self.predicate_type));
        }
        let [subject] = &self.subject[..] else {
            return Err(format!("it is about {} files, not about one", self.subject.len()));
        };
        if subject.name != name {
            return Err(format!("it is about `{}`, not about `{name}`", subject.name));
        }
        let own = sha256_hex(bytes);
        match subject.digest.get(SHA256) {
            Some(stated) if *stated == own => Ok(()),
            Some(stated) => Err(format!("it was made for a file with the SHA-256 {stated}, and this one has {own}")),
            None => Err("it names no SHA-256 of the file".to_owned()),
        }
    }
}

/// A signed statement, as it is stored: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// [`PAYLOAD_TYPE`]
    pub payload_type: String,
    /// The statement, in base64.
    pub payload: String,
    /// Signatures of it.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// The key that is said to have made it: a hint, never relied upon.
    #[serde(default)]
    pub keyid: String,
    /// The signature, in base64.
    pub sig: String,
}

impl Envelope {
    /// Wraps a statement, and has its [`pae`] signed.
    pub fn seal<E>(statement: &Statement, keyid: String, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let payload = serde_json::to_vec(statement).expect("internal error: a statement is JSON");
        let signature = sign(&pae(PAYLOAD_TYPE, &payload))?;
        Ok(Self {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![EnvelopeSignature { keyid, sig: STANDARD.encode(signature) }],
        })
    }

    /// As it is stored.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("internal error: an envelope is JSON");
        line.push(b'\n');
        line
    }

    /// Reads an envelope, and gives the statement if one of its signatures is good and it is about this file. The
    /// statement is not read before the signature was checked.
    pub fn open(text: &str, name: &str, bytes: &[u8], is_good: impl Fn(&[u8], &[u8]) -> bool) -> Result<Statement, String> {
        let envelope: Self =
            serde_json::from_str(text).map_err(|error| format!("it is no DSSE envelope: {}", crate::untrusted::json_problem(&error)))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(format!("the payload is of type `{}`, not `{PAYLOAD_TYPE}`", envelope.payload_type));
        }
        let payload = STANDARD.decode(&envelope.payload).map_err(|error| format!("the payload is not base64: {error}"))?;
        let signed = pae(&envelope.payload_type, &payload);
        let good = |signature: &EnvelopeSignature| STANDARD.decode(&signature.sig).is_ok_and(|raw| is_good(&signed, &raw));
        if !envelope.signatures.iter().any(good) {
            return Err("no signature of it was made by that key".to_owned());
        }
        let statement: Statement = serde_json::from_slice(&payload)
            .map_err(|error| format!("the payload is no in-toto statement: {}", crate::untrusted::json_problem(&error)))?;
        statement.is_about(name, bytes)?;
        Ok(statement)
    }
}

/// The bytes that a DSSE signature is made of: the type, the payload and the length of both.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the DSSE specification.
    #[test]
    fn what_is_signed_is_as_specified() {
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(String::from_utf8(bytes).unwrap(), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
