//! Authorities that give time stamps: whether a reply was signed by one that the verifier trusts (RFC 3161, RFC 5652, RFC 5816).
//!
//! Chains of certificates and signatures are checked by the library that checks those of TLS. Whether a certificate was
//! revoked is not asked: that needs the network, and an answer of today says little of the moment of the time stamp.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert, aws_lc_rs};

use super::der::{
    BIT_STRING, BOOLEAN, CONTEXT_0, CONTEXT_0_OCTETS, CONTEXT_1, CONTEXT_3, Der, INTEGER, Malformed, OCTETS, OID, SEQUENCE, SET, TIME,
    UTC_TIME,
};
use super::timestamp::{REPLY, SHA256_OID, SIGNED_DATA, Stamp, StampError, TST_INFO, time, token};
use crate::untrusted;

/// A few certificates.
const LARGEST: u64 = 1 << 20;

const SHA1_OID: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA384_OID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512_OID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Authorities that the verifier trusts: certificates that they were given by another way than the packs.
#[derive(Debug)]
pub struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads a file of certificates, PEM or DER. Each is trusted by itself, whoever signed it.
    pub fn read(path: &Path) -> Result<Self, StampError> {
        let name = path.display().to_string();
        let bytes = untrusted::stream(path, LARGEST).map_err(|error| no_certificate(&name, &error.to_string()))?;
        Self::parse(&name, &bytes)
    }

    /// Reads certificates, PEM or DER.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, StampError> {
        let certificates: Vec<CertificateDer<'static>> = if bytes.first() == Some(&SEQUENCE) {
            vec![CertificateDer::from(bytes.to_vec())]
        } else {
            CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|error| no_certificate(name, &error.to_string()))?
        };
        if certificates.is_empty() {
            return Err(no_certificate(name, "there is no certificate in it"));
        }
        for certificate in &certificates {
            let readable = anchor_from_trusted_cert(certificate).is_ok() && Certificate::parse(certificate).is_ok();
            if !readable {
                return Err(no_certificate(name, "a certificate in it cannot be read"));
            }
        }
        Ok(Self { certificates })
    }

    /// Whether the time stamp that [`super::timestamp::check`] found in a reply was signed by one of them, or by one that they
    /// vouch for; the name of whoever signed it.
    pub fn vouch_for(&self, name: &str, reply: &[u8], stamp: &Stamp) -> Result<String, StampError> {
        let refused = |why: Refused| {
            let (problem, hint) = match why {
                Refused::Malformed(what) => (format!("its signature cannot be read: {what}"), "ask the authority for another time stamp"),
                Refused::Signature(what) => (
                    format!("the signature of the authority does not hold: {what}"),
                    "the time stamp was changed or forged: do not rely on it",
                ),
                Refused::Certificate(what) => (
                    format!("the certificates given do not vouch for it: {what}"),
                    "give the certificate of the authority that the time stamp is of, from a place that you trust",
                ),
            };
            StampError { name: format!("{name}{REPLY}"), problem, hint }
        };
        self.vouch(reply, stamp.time).map_err(refused)
    }

    fn vouch(&self, reply: &[u8], at: Timestamp) -> Result<String, Refused> {
        let token = token(reply)?.map_err(|_| Malformed("there is no time stamp"))?;
        let signed = Signed::parse(token)?;
        let signer = &signed.signer;
        let attributes = Attributes::parse(signer.attributes)?;
        if attributes.content_type != TST_INFO {
            return Err(Refused::Signature("it is of something else than a time stamp".to_owned()));
        }
        let digest = hash(signer.digest, signed.content).ok_or_else(|| unsupported("the hash of the signature"))?;
        if attributes.message_digest != digest {
            return Err(Refused::Signature("it is of another time stamp".to_owned()));
        }
        // Those in the reply, and those that are trusted: the authority may leave its own out.
        let all: Vec<&[u8]> = signed.certificates.iter().copied().chain(self.certificates.iter().map(AsRef::as_ref)).collect();
        let own = all.iter().find(|certificate| attributes.certificate.is_of(certificate));
        let own = *own.ok_or_else(|| Refused::Certificate("the one that signed it is neither in it nor given".to_owned()))?;
        let certificate = Certificate::parse(own)?;
        if !attributes.certificate.names(&certificate)? || !signer.names(&certificate)? {
            return Err(Refused::Signature("it names two certificates".to_owned()));
        }
        certificate.is_of_an_authority()?;
        // What is signed are the attributes as a set of their own (RFC 5652, 5.4).
        let mut message = signer.attributes_whole.to_vec();
        if let Some(tag) = message.first_mut() {
            *tag = SET;
        }
        let own = CertificateDer::from(own);
        let entity = EndEntityCert::try_from(&own).map_err(|error| Refused::Certificate(format!("{error:?}")))?;
        let algorithms = signer.algorithms();
        if algorithms.is_empty() {
            return Err(unsupported("the algorithm of the signature"));
        }
        if !algorithms.iter().any(|algorithm| entity.verify_signature(*algorithm, &message, signer.signature).is_ok()) {
            return Err(Refused::Signature("it was not made with the key of the certificate".to_owned()));
        }
        if self.certificates.contains(&own) {
            // It was named itself: nobody else need vouch for it.
            within(&certificate, at)?;
        } else {
            self.vouch_for_certificate(&entity, &signed.certificates, at)?;
        }
        Ok(certificate.subject_name())
    }

    /// Whether a certificate leads to one that is trusted, all of them valid at the moment of the time stamp.
    fn vouch_for_certificate(&self, entity: &EndEntityCert<'_>, others: &[&[u8]], at: Timestamp) -> Result<(), Refused> {
        let mut valid = Vec::new();
        for certificate in &self.certificates {
            if within(&Certificate::parse(certificate)?, at).is_ok() {
                valid.push(anchor_from_trusted_cert(certificate).map_err(|error| Refused::Certificate(format!("{error:?}")))?);
            }
        }
        if valid.is_empty() {
            return Err(not_valid(at));
        }
        let seconds = u64::try_from(at.as_second()).map_err(|_| Malformed("its time is before 1970"))?;
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let others: Vec<CertificateDer<'_>> = others.iter().map(|certificate| CertificateDer::from(*certificate)).collect();
        // That of the signer was looked at more closely; those between need not say what they are for.
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        let found = entity.verify_for_usage(ALL_VERIFICATION_ALGS, &valid, &others, moment, usage, None, None);
        found.map(drop).map_err(|error| Refused::Certificate(said(&error, at)))
    }
}

fn no_certificate(name: &str, problem: &str) -> StampError {
    StampError {
        name: name.to_owned(),
        problem: problem.to_owned(),
        hint: "give the certificate of the authority, as PEM (`-----BEGIN CERTIFICATE-----`) or DER",
    }
}

/// The library's word for what is wrong, in plain words where it is common.
fn said(error: &webpki::Error, at: Timestamp) -> String {
    #[allow(clippy::wildcard_enum_match_arm, reason = "another crate's, with thirty variants and more to come")]
    match error {
        webpki::Error::UnknownIssuer => "another authority signed the certificate of the signer".to_owned(),
        webpki::Error::CertExpired { .. } => format!("a certificate had expired at {at}"),
        webpki::Error::CertNotValidYet { .. } => format!("a certificate was not valid yet at {at}"),
        other => format!("{other:?}"),
    }
}

/// Why nobody vouches for a time stamp.
enum Refused {
    /// It is not what the standards say.
    Malformed(&'static str),
    /// The signature does not hold.
    Signature(String),
    /// The certificate does not.
    Certificate(String),
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

fn not_valid(at: Timestamp) -> Refused {
    Refused::Certificate(format!("none of them was valid at {at}"))
}

/// That a certificate that is trusted was valid at a moment: the library does not look at those.
fn within(certificate: &Certificate<'_>, at: Timestamp) -> Result<(), Refused> {
    let (from, to) = certificate.validity;
    if (from..=to).contains(&at) { Ok(()) } else { Err(not_valid(at)) }
}

fn unsupported(what: &str) -> Refused {
    Refused::Signature(format!("{what} is none that keur checks"))
}

fn hash(algorithm: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        SHA256_OID => Some(Sha256::digest(bytes).to_vec()),
        SHA384_OID => Some(Sha384::digest(bytes).to_vec()),
        SHA512_OID => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

/// SignedData (RFC 5652), with one signer.
struct Signed<'a> {
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    signer: Signer<'a>,
}

impl<'a> Signed<'a> {
    fn parse(token: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Der(token);
        if outer.take(OID)? != SIGNED_DATA {
            return Err(Malformed("its token is not signed data"));
        }
        let mut explicit = Der(outer.take(CONTEXT_0)?);
        outer.end()?;
        let mut signed = Der(explicit.take(SEQUENCE)?);
        explicit.end()?;
        signed.take(INTEGER)?;
        signed.take(SET)?;
        let mut encapsulated = Der(signed.take(SEQUENCE)?);
        encapsulated.take(OID)?;
        let mut explicit = Der(encapsulated.take(CONTEXT_0)?);
        let content = explicit.take(OCTETS)?;
        let certificates = signed.optional(CONTEXT_0)?.map(|all| Der(all).all()).transpose()?.unwrap_or_default();
        signed.optional(CONTEXT_1)?;
        let mut signers = Der(signed.take(SET)?);
        signed.end()?;
        let signer = Signer::parse(signers.take(SEQUENCE)?)?;
        // One time stamp, one signature (RFC 3161, 2.4.2).
        signers.end().map_err(|_| Malformed("it has more than one signature"))?;
        Ok(Self { content, certificates, signer })
    }
}

/// SignerInfo.
struct Signer<'a> {
    /// How it names its certificate, by issuer and number or by the id of the key.
    id: (u8, &'a [u8]),
    digest: &'a [u8],
    attributes: &'a [u8],
    attributes_whole: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signer<'a> {
    fn parse(content: &'a [u8]) -> Result<Self, Malformed> {
        let mut info = Der(content);
        info.take(INTEGER)?;
        let (kind, _, id) = info.any()?;
        let digest = Der(info.take(SEQUENCE)?).take(OID)?;
        let (tag, attributes_whole, attributes) = info.any()?;
        if tag != CONTEXT_0 {
            return Err(Malformed("it has no signed attributes"));
        }
        let algorithm = info.take(SEQUENCE)?;
        let signature = info.take(OCTETS)?;
        info.optional(CONTEXT_1)?;
        info.end()?;
        Ok(Self { id: (kind, id), digest, attributes, attributes_whole, algorithm, signature })
    }

    /// Whether it names this certificate.
    fn names(&self, certificate: &Certificate<'_>) -> Result<bool, Malformed> {
        match self.id {
            (SEQUENCE, id) => {
                let mut id = Der(id);
                let (_, issuer, _) = id.any()?;
                Ok(issuer == certificate.issuer && id.take(INTEGER)? == certificate.serial)
            }
            (CONTEXT_0_OCTETS, id) => match certificate.extension(SUBJECT_KEY_ID)? {
                Some((_, value)) => Ok(Der(value).take(OCTETS)? == id),
                None => Ok(false),
            },
            _ => Err(Malformed("it names no certificate")),
        }
    }

    /// What its algorithm may be; a key of RSA alone does not say with which hash.
    fn algorithms(&self) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
        let by_hash = match (Der(self.algorithm).take(OID), self.digest) {
            (Ok(RSA_OID), SHA256_OID) => Some(aws_lc_rs::RSA_PKCS1_2048_8192_SHA256),
            (Ok(RSA_OID), SHA384_OID) => Some(aws_lc_rs::RSA_PKCS1_2048_8192_SHA384),
            (Ok(RSA_OID), SHA512_OID) => Some(aws_lc_rs::RSA_PKCS1_2048_8192_SHA512),
            _ => None,
        };
        let of_name = |algorithm: &&&'static dyn SignatureVerificationAlgorithm| algorithm.signature_alg_id().as_ref() == self.algorithm;
        by_hash.into_iter().chain(ALL_VERIFICATION_ALGS.iter().filter(of_name).copied()).collect()
    }
}

/// The attributes that a time stamp must have signed, each once.
struct Attributes<'a> {
    content_type: &'a [u8],
    message_digest: &'a [u8],
    certificate: CertificateId<'a>,
}

impl<'a> Attributes<'a> {
    fn parse(attributes: &'a [u8]) -> Result<Self, Malformed> {
        let (mut content_type, mut message_digest, mut first, mut second) = (None, None, None, None);
        let mut rest = Der(attributes);
        while rest.end().is_err() {
            let mut attribute = Der(rest.take(SEQUENCE)?);
            let kind = attribute.take(OID)?;
            let values = attribute.take(SET)?;
            attribute.end()?;
            let place = match kind {
                CONTENT_TYPE => &mut content_type,
                MESSAGE_DIGEST => &mut message_digest,
                SIGNING_CERTIFICATE => &mut first,
                SIGNING_CERTIFICATE_V2 => &mut second,
                _ => continue,
            };
            if place.replace(values).is_some() {
                return Err(Malformed("it has an attribute twice"));
            }
        }
        let one = |values: Option<&'a [u8]>, tag| {
            let mut values = Der(values.ok_or(Malformed("it lacks an attribute"))?);
            let value = values.take(tag)?;
            values.end()?;
            Ok(value)
        };
        let certificate = match (first, second) {
            (first, None) => CertificateId::parse(one(first, SEQUENCE)?, false)?,
            (_, second) => CertificateId::parse(one(second, SEQUENCE)?, true)?,
        };
        Ok(Self { content_type: one(content_type, OID)?, message_digest: one(message_digest, OCTETS)?, certificate })
    }
}

/// ESSCertID and ESSCertIDv2 (RFC 5035): the certificate that signed, by its hash. It is signed too, so that no other
/// certificate with the same key can be put in its place.
struct CertificateId<'a> {
    algorithm: &'a [u8],
    hash: &'a [u8],
    /// Issuer and number, where they are named.
    issuer_serial: Option<&'a [u8]>,
}

impl<'a> CertificateId<'a> {
    fn parse(value: &'a [u8], second: bool) -> Result<Self, Malformed> {
        let mut certificates = Der(Der(value).take(SEQUENCE)?);
        // The first is that of the signer; others are of those who vouch for it.
        let mut id = Der(certificates.take(SEQUENCE)?);
        let algorithm = match id.optional(SEQUENCE)? {
            Some(algorithm) if second => Der(algorithm).take(OID)?,
            Some(_) => return Err(Malformed("the id of its certificate has a hash that it may not name")),
            None if second => SHA256_OID,
            None => SHA1_OID,
        };
        let hash = id.take(OCTETS)?;
        let issuer_serial = id.optional(SEQUENCE)?;
        id.end()?;
        Ok(Self { algorithm, hash, issuer_serial })
    }

    fn is_of(&self, certificate: &[u8]) -> bool {
        let found = match self.algorithm {
            // As the standard of 2001 has it; the certificate that it finds must lead to one that is trusted all the same.
            SHA1_OID => Some(sha1::Sha1::digest(certificate).to_vec()),
            other => hash(other, certificate),
        };
        found.is_some_and(|found| found == self.hash)
    }

    /// Whether issuer and number, where they are named, are those of the certificate.
    fn names(&self, certificate: &Certificate<'_>) -> Result<bool, Malformed> {
        let Some(issuer_serial) = self.issuer_serial else { return Ok(true) };
        let mut parts = Der(issuer_serial);
        let mut names = Der(parts.take(SEQUENCE)?);
        // GeneralName, the choice `[4]`: a name of a directory.
        let (_, _, issuer) = names.any()?;
        Ok(issuer == certificate.issuer && parts.take(INTEGER)? == certificate.serial)
    }
}

/// What of a certificate (RFC 5280) the library does not tell.
struct Certificate<'a> {
    serial: &'a [u8],
    /// Whole.
    issuer: &'a [u8],
    validity: (Timestamp, Timestamp),
    subject: &'a [u8],
    extensions: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Der(bytes);
        let mut whole = Der(outer.take(SEQUENCE)?);
        outer.end()?;
        let mut signed = Der(whole.take(SEQUENCE)?);
        signed.optional(CONTEXT_0)?;
        let serial = signed.take(INTEGER)?;
        signed.take(SEQUENCE)?;
        let (_, issuer, _) = signed.any()?;
        let mut validity = Der(signed.take(SEQUENCE)?);
        let validity = (moment(validity.any()?)?, moment(validity.any()?)?);
        let subject = signed.take(SEQUENCE)?;
        signed.take(SEQUENCE)?;
        let mut extensions = None;
        while signed.end().is_err() {
            let (kind, _, content) = signed.any()?;
            if kind == CONTEXT_3 {
                extensions = Some(Der(content).take(SEQUENCE)?);
            }
        }
        Ok(Self { serial, issuer, validity, subject, extensions })
    }

    /// Whether an extension is critical, and what it holds.
    fn extension(&self, id: &[u8]) -> Result<Option<(bool, &'a [u8])>, Malformed> {
        let mut rest = Der(self.extensions.unwrap_or_default());
        while rest.end().is_err() {
            let mut extension = Der(rest.take(SEQUENCE)?);
            if extension.take(OID)? == id {
                let critical = extension.optional(BOOLEAN)?.is_some_and(|value| value != [0]);
                return Ok(Some((critical, extension.take(OCTETS)?)));
            }
        }
        Ok(None)
    }

    /// That it is for time stamps and for nothing else (RFC 3161, 2.3), and that its key may sign.
    fn is_of_an_authority(&self) -> Result<(), Refused> {
        let wrong = |what: &str| Refused::Certificate(format!("that of the signer is not for time stamps alone: {what}"));
        let Some((critical, purposes)) = self.extension(EXTENDED_KEY_USAGE)? else { return Err(wrong("it does not say what it is for")) };
        if !critical {
            return Err(wrong("what it is for is not critical"));
        }
        let mut purposes = Der(Der(purposes).take(SEQUENCE)?);
        if purposes.take(OID)? != TIME_STAMPING || purposes.end().is_err() {
            return Err(wrong("it is for something else"));
        }
        if let Some((_, usage)) = self.extension(KEY_USAGE)? {
            // digitalSignature and nonRepudiation are the first two bits.
            let bits = Der(usage).take(BIT_STRING)?.get(1).copied().unwrap_or_default();
            if bits & 0b1100_0000 == 0 {
                return Err(wrong("its key may not sign"));
            }
        }
        Ok(())
    }

    /// The common name of its subject.
    fn subject_name(&self) -> String {
        let mut names = Vec::new();
        let mut rest = Der(self.subject);
        while let Ok(set) = rest.take(SET) {
            let mut parts = Der(set);
            while let Ok(part) = parts.take(SEQUENCE) {
                let mut part = Der(part);
                if part.take(OID) == Ok(COMMON_NAME)
                    && let Ok((_, _, text)) = part.any()
                {
                    names.push(String::from_utf8_lossy(text).into_owned());
                }
            }
        }
        if names.is_empty() { "an authority without a name".to_owned() } else { names.join(", ") }
    }
}

/// UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5).
fn moment((kind, _, text): (u8, &[u8], &[u8])) -> Result<Timestamp, Malformed> {
    let text = match kind {
        TIME => text.to_vec(),
        // Years from 1950 to 2049.
        UTC_TIME => [if text.first().is_some_and(|digit| *digit < b'5') { b"20" } else { b"19" }, text].concat(),
        _ => return Err(Malformed("a certificate has no times")),
    };
    time(&text).ok_or(Malformed("a certificate has no times"))
}

#[cfg(test)]
pub(crate) mod tests;
