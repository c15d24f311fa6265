//! A key of AWS KMS as a signer: the secret key never leaves it. Two operations, `kms:GetPublicKey` and `kms:Sign`,
//! neither of them part of collecting. The public key verifies without AWS.

use aws_sdk_kms::Client;
use aws_sdk_kms::config::{Builder, Region};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_types::SdkConfig;
use sha2::{Digest as _, Sha256};

use super::caller::{Caller, Session, why};
use super::dsse::{Envelope, Statement};
use super::sign::{DSSE, Document, PublicKey, SignError, SignErrorKind, SignatureFile, Signer, check};

/// How the address of a key of KMS begins.
pub const SCHEME: &str = "awskms:///";

/// KMS takes no longer message as it is.
const LONGEST_MESSAGE: usize = 4096;

/// A key of KMS.
pub struct KmsKey {
    session: Session,
    client: Client,
    /// As the user wrote it.
    address: String,
    /// What the address led to: an alias may lead elsewhere tomorrow.
    arn: String,
    algorithm: Algorithm,
    public: PublicKey,
}

impl std::fmt::Debug for KmsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KmsKey({})", self.arn)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    EcdsaSha256,
    Ed25519,
}

impl KmsKey {
    /// Asks for the public key. The address is `awskms:///` and the ARN, the id or the alias of a key. It waits, so that
    /// it must not be called by what is asynchronous.
    pub fn open(address: &str, caller: Caller) -> Result<Self, SignError> {
        id_of(address)?;
        Self::of(address, Session::open(caller))
    }

    /// As [`KmsKey::open`], with a configuration that is there already; its connections must be nobody else's.
    pub fn open_with(address: &str, sdk: SdkConfig) -> Result<Self, SignError> {
        Self::of(address, Session::over(sdk))
    }

    fn of(address: &str, session: Result<Session, String>) -> Result<Self, SignError> {
        let id = id_of(address)?;
        let wrong = |kind, problem: &str, hint| SignError::new(kind, address, problem, hint);
        let service = |problem: &str| wrong(SignErrorKind::Service, problem, "the caller needs kms:GetPublicKey and kms:Sign on the key");
        let session = session.map_err(|problem| service(&problem))?;
        let mut config = Builder::from(&session.sdk);
        if let Some(region) = region_of(id) {
            config = config.region(Region::new(region.to_owned()));
        }
        let client = Client::from_conf(config.build());
        let answer = session.runtime.block_on(client.get_public_key().key_id(id).send()).map_err(|error| service(&why(&error)))?;
        let (Some(arn), Some(der)) = (answer.key_id, answer.public_key) else {
            return Err(service("KMS answered without the key"));
        };
        let public = PublicKey::from_spki(address, der.as_ref())?;
        let (algorithm, name) = match public.algorithm() {
            "ed25519" => (Algorithm::Ed25519, SigningAlgorithmSpec::Ed25519Sha512),
            _ => (Algorithm::EcdsaSha256, SigningAlgorithmSpec::EcdsaSha256),
        };
        // A key of the right kind may be there to agree on secrets.
        if !answer.signing_algorithms.is_some_and(|offered| offered.contains(&name)) {
            let problem = format!("the key does not sign with {}", name.as_str());
            let hint = "make a key of the spec ECC_NIST_P256 or ECC_NIST_EDWARDS25519 with the usage SIGN_VERIFY";
            return Err(wrong(SignErrorKind::Key, &problem, hint));
        }
        Ok(Self { session, client, address: address.to_owned(), arn, algorithm, public })
    }

    /// ARN of the key.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    fn raw(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let service = |problem: &str| {
            let hint = "the caller needs kms:Sign on the key, and the key must be enabled";
            SignError::new(SignErrorKind::Service, &self.address, problem, hint)
        };
        let (algorithm, kind, message) = match self.algorithm {
            Algorithm::EcdsaSha256 if bytes.len() > LONGEST_MESSAGE => {
                (SigningAlgorithmSpec::EcdsaSha256, MessageType::Digest, Sha256::digest(bytes).to_vec())
            }
            Algorithm::EcdsaSha256 => (SigningAlgorithmSpec::EcdsaSha256, MessageType::Raw, bytes.to_vec()),
            Algorithm::Ed25519 if bytes.len() > LONGEST_MESSAGE => {
                let hint = "sign with a key of the spec ECC_NIST_P256, for which there is no such limit";
                let problem =
                    format!("KMS signs no more than {LONGEST_MESSAGE} bytes with an ed25519 key, and the statement has {}", bytes.len());
                return Err(SignError::new(SignErrorKind::Content, &self.address, problem, hint));
            }
            Algorithm::Ed25519 => (SigningAlgorithmSpec::Ed25519Sha512, MessageType::Raw, bytes.to_vec()),
        };
        let request = self.client.sign().key_id(&self.arn).signing_algorithm(algorithm).message_type(kind).message(Blob::new(message));
        let answer = self.session.runtime.block_on(request.send()).map_err(|error| service(&why(&error)))?;
        let signature = answer.signature.ok_or_else(|| service("KMS answered without a signature"))?.into_inner();
        // A signature that nobody can verify would only be noticed by the auditor.
        if !self.public.is_signature(bytes, &signature) {
            return Err(service("what KMS signed does not verify with the public key it gave"));
        }
        Ok(signature)
    }
}

impl Signer for KmsKey {
    fn key_id(&self) -> String {
        self.public.key_id()
    }

    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// The envelope alone: minisign knows no ECDSA, and what it signs is more than KMS takes.
    fn sign(&self, document: &Document<'_>) -> Result<Vec<SignatureFile>, SignError> {
        check(document)?;
        let statement = Statement::of(document.name, document.bytes, document.predicate.clone());
        let envelope = Envelope::seal(&statement, self.key_id(), |pae| self.raw(pae))?;
        Ok(vec![SignatureFile { suffix: DSSE, bytes: envelope.to_line() }])
    }
}

fn id_of(address: &str) -> Result<&str, SignError> {
    address.strip_prefix(SCHEME).filter(|id| !id.is_empty() && !id.contains(char::is_whitespace)).ok_or_else(|| {
        let hint = "write `awskms:///` and the ARN, the id or the alias (`alias/…`) of a key";
        SignError::new(SignErrorKind::Key, address, "it names no key of KMS", hint)
    })
}

/// The region in the ARN of a key, or of an alias.
fn region_of(id: &str) -> Option<&str> {
    let mut parts = id.split(':');
    (parts.next() == Some("arn")).then(|| parts.nth(2)).flatten().filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_key() {
        assert_eq!(region_of("arn:aws:kms:eu-central-1:111111111111:key/1234"), Some("eu-central-1"));
        assert_eq!(region_of("arn:aws:kms:eu-west-1:111111111111:alias/keur"), Some("eu-west-1"));
        assert_eq!(region_of("alias/keur"), None);
        assert_eq!(region_of("arn:aws:kms"), None);
    }
}
