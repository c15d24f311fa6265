//! Authorities that this test makes, and what somebody who is none could make.
#![allow(clippy::print_stdout, reason = "how much was tried")]

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;

use super::super::timestamp::check;
use super::*;

const MANIFEST: &[u8] = br#"{"schema":"keur/manifest/1"}"#;
const AT: &str = "20260831061244Z";

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    match length {
        0..=0x7f => [&[tag, low][..], &content].concat(),
        0x80..=0xff => [&[tag, 0x81, low][..], &content].concat(),
        _ => [&[tag, 0x82, high, low][..], &content].concat(),
    }
}

fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    der(SET, &[&parts.concat()])
}

fn name(common: &str) -> Vec<u8> {
    der(SEQUENCE, &[&set(vec![der(SEQUENCE, &[&der(OID, &[COMMON_NAME]), &der(super::super::der::UTF8, &[common.as_bytes()])])])])
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

fn signed(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = key.sign(message);
    signature.to_der().as_bytes().to_vec()
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { der(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    der(SEQUENCE, &[&der(OID, &[id]), &flag, &der(OCTETS, &[value])])
}

fn purposes(ids: &[&[u8]]) -> Vec<u8> {
    der(SEQUENCE, &[&ids.iter().flat_map(|id| der(OID, &[id])).collect::<Vec<u8>>()])
}

fn authority_extensions(is_authority: bool) -> Vec<Vec<u8>> {
    let flag = if is_authority { der(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    vec![extension(&[0x55, 0x1d, 0x13], true, &der(SEQUENCE, &[&flag]))]
}

/// A certificate.
#[derive(Clone)]
struct Making {
    subject: &'static str,
    issuer: &'static str,
    serial: u8,
    from: &'static str,
    to: &'static str,
    key: u8,
    issuer_key: u8,
    extensions: Vec<Vec<u8>>,
}

impl Making {
    fn made(&self) -> Vec<u8> {
        let algorithm = der(SEQUENCE, &[&der(OID, &[ECDSA_SHA256])]);
        let key = key(self.key).verifying_key().to_public_key_der().unwrap();
        let body = der(
            SEQUENCE,
            &[
                &der(CONTEXT_0, &[&der(INTEGER, &[&[2]])]),
                &der(INTEGER, &[&[self.serial]]),
                &algorithm,
                &name(self.issuer),
                &der(SEQUENCE, &[&der(UTC_TIME, &[self.from.as_bytes()]), &der(UTC_TIME, &[self.to.as_bytes()])]),
                &name(self.subject),
                key.as_bytes(),
                &der(CONTEXT_3, &[&der(SEQUENCE, &[&self.extensions.concat()])]),
            ],
        );
        let signature = [&[0][..], &signed(&self::key(self.issuer_key), &body)].concat();
        der(SEQUENCE, &[&body, &algorithm, &der(BIT_STRING, &[&signature])])
    }
}

fn root() -> Making {
    let (from, to) = ("250101000000Z", "350101000000Z");
    Making { subject: "Root", issuer: "Root", serial: 1, from, to, key: 1, issuer_key: 1, extensions: authority_extensions(true) }
}

fn below() -> Making {
    Making { subject: "Below", serial: 2, key: 2, ..root() }
}

fn stamping() -> Making {
    let mut extensions = authority_extensions(false);
    extensions.push(extension(EXTENDED_KEY_USAGE, true, &purposes(&[TIME_STAMPING])));
    extensions.push(extension(KEY_USAGE, true, &der(BIT_STRING, &[&[6, 0b1100_0000]])));
    extensions.push(extension(SUBJECT_KEY_ID, false, &der(OCTETS, &[b"its key"])));
    Making { subject: "Stamps", issuer: "Below", serial: 3, key: 3, issuer_key: 2, extensions, ..root() }
}

/// A reply.
#[derive(Clone)]
struct Reply {
    time: &'static str,
    imprint: Vec<u8>,
    signer: Making,
    /// Of the certificates in it.
    certificates: Vec<Vec<u8>>,
    signing_key: u8,
    id: Option<Vec<u8>>,
    attributes: Vec<(&'static [u8], Vec<u8>)>,
    digest: &'static [u8],
    algorithm: &'static [u8],
    /// What of it is put into the reply after it was signed.
    swapped: Option<Vec<u8>>,
    signatures: usize,
}

impl Reply {
    fn new(signer: Making) -> Self {
        Self {
            time: AT,
            imprint: Sha256::digest(MANIFEST).to_vec(),
            certificates: vec![signer.made(), below().made()],
            signing_key: signer.key,
            signer,
            id: None,
            attributes: Vec::new(),
            digest: SHA256_OID,
            algorithm: ECDSA_SHA256,
            swapped: None,
            signatures: 1,
        }
    }

    fn content(&self) -> Vec<u8> {
        let algorithm = der(SEQUENCE, &[&der(OID, &[SHA256_OID]), &[super::super::der::NULL, 0]]);
        der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&[1]]),
                &der(OID, &[&[0x2a, 3, 4, 1]]),
                &der(SEQUENCE, &[&algorithm, &der(OCTETS, &[&self.imprint])]),
                &der(INTEGER, &[&[7]]),
                &der(TIME, &[self.time.as_bytes()]),
            ],
        )
    }

    /// The attributes, unless others are given for them.
    fn attributes(&self, content: &[u8]) -> Vec<u8> {
        let id = der(SEQUENCE, &[&der(OCTETS, &[&Sha256::digest(self.signer.made())])]);
        let mut all = vec![
            (CONTENT_TYPE, der(OID, &[TST_INFO])),
            (MESSAGE_DIGEST, der(OCTETS, &[&hash(self.digest, content).unwrap_or_default()])),
            (SIGNING_CERTIFICATE_V2, der(SEQUENCE, &[&der(SEQUENCE, &[&id])])),
        ];
        for (kind, value) in &self.attributes {
            all.retain(|(other, _)| other != kind);
            all.push((kind, value.clone()));
        }
        // An attribute that is empty here is left out.
        all.retain(|(_, value)| !value.is_empty());
        let attribute = |(kind, value): &(&[u8], Vec<u8>)| der(SEQUENCE, &[&der(OID, &[kind]), &der(SET, &[value])]);
        set(all.iter().map(attribute).collect())
    }

    fn made(&self) -> Vec<u8> {
        let content = self.content();
        let attributes = self.attributes(&content);
        let mut tagged = attributes.clone();
        tagged[0] = CONTEXT_0;
        let id = self.id.clone().unwrap_or_else(|| der(SEQUENCE, &[&name(self.signer.issuer), &der(INTEGER, &[&[self.signer.serial]])]));
        let info = der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&[1]]),
                &id,
                &der(SEQUENCE, &[&der(OID, &[self.digest])]),
                &tagged,
                &der(SEQUENCE, &[&der(OID, &[self.algorithm])]),
                &der(OCTETS, &[&signed(&key(self.signing_key), &attributes)]),
            ],
        );
        let content = self.swapped.as_ref().unwrap_or(&content);
        let data = der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&[3]]),
                &der(SET, &[&der(SEQUENCE, &[&der(OID, &[self.digest])])]),
                &der(SEQUENCE, &[&der(OID, &[TST_INFO]), &der(CONTEXT_0, &[&der(OCTETS, &[content])])]),
                &der(CONTEXT_0, &[&self.certificates.concat()]),
                &der(SET, &[&info.repeat(self.signatures)]),
            ],
        );
        let token = der(SEQUENCE, &[&der(OID, &[SIGNED_DATA]), &der(CONTEXT_0, &[&data])]);
        der(SEQUENCE, &[&der(SEQUENCE, &[&der(INTEGER, &[&[0]])]), &token])
    }
}

/// A reply of an authority about these bytes, and whoever trusts that authority or another one.
pub(crate) fn stamped(bytes: &[u8]) -> (Vec<u8>, Authorities, Authorities) {
    let reply = Reply { imprint: Sha256::digest(bytes).to_vec(), ..Reply::new(stamping()) };
    (reply.made(), trusting(&[root()]), trusting(&[Making { key: 9, issuer_key: 9, ..root() }]))
}

fn trusting(certificates: &[Making]) -> Authorities {
    Authorities { certificates: certificates.iter().map(|making| making.made().into()).collect() }
}

#[track_caller]
fn vouched(authorities: &Authorities, reply: &[u8]) -> Result<String, StampError> {
    let stamp = check("manifest.json", MANIFEST, reply, None).expect("a reply about the manifest");
    authorities.vouch_for("manifest.json", reply, &stamp)
}

#[test]
fn authorities_that_openssl_made_vouch_for_their_own() {
    let fixture = |name: &str| std::fs::read(format!("{}/tests/fixtures/sign/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let [rsa, ec] = ["authority-rsa", "authority-ec"]
        .map(|name| (Authorities::parse(name, &fixture(&format!("{name}.pem"))).unwrap(), fixture(&format!("{name}.tsr"))));
    // RSA with SHA-256, the certificate by its SHA-1; ECDSA on P-384 with SHA-384, by a certificate between.
    assert_eq!(vouched(&rsa.0, &rsa.1).unwrap(), "Test TSA (RSA)");
    assert_eq!(vouched(&ec.0, &ec.1).unwrap(), "Test TSA (P-384)");
    for (authorities, reply) in [(&rsa.0, &ec.1), (&ec.0, &rsa.1), (&trusting(&[root()]), &rsa.1)] {
        let error = vouched(authorities, reply).unwrap_err();
        assert!(error.problem.contains("another authority signed"), "{error}");
    }
    let mut tried = 0;
    for (authorities, reply) in [&rsa, &ec] {
        let stamp = check("manifest.json", MANIFEST, reply, None).unwrap();
        for place in 0..reply.len() {
            let mut changed = reply.clone();
            changed[place] ^= 1 << (place % 8);
            tried += 1;
            let Ok(found) = check("manifest.json", MANIFEST, &changed, None) else { continue };
            if authorities.vouch_for("manifest.json", &changed, &found).is_ok() {
                assert_eq!(found, stamp, "at {place}");
            }
        }
    }
    println!("{tried} bits of two replies");
}

#[test]
fn a_reply_is_of_an_authority_that_is_trusted() {
    let reply = Reply::new(stamping()).made();
    assert_eq!(vouched(&trusting(&[root()]), &reply).unwrap(), "Stamps");
    // Whoever is named is trusted: those between, and the signer itself.
    assert_eq!(vouched(&trusting(&[below()]), &reply).unwrap(), "Stamps");
    assert_eq!(vouched(&trusting(&[stamping()]), &reply).unwrap(), "Stamps");
    assert_eq!(
        vouched(&trusting(&[Making { subject: "Other", issuer: "Other", key: 9, issuer_key: 9, ..root() }, root()]), &reply).unwrap(),
        "Stamps"
    );
    // The certificates may come from either side, in any order, or by the id of the key.
    let without = Reply { certificates: vec![below().made()], ..Reply::new(stamping()) };
    assert_eq!(vouched(&trusting(&[root(), stamping()]), &without.made()).unwrap(), "Stamps");
    let reversed = Reply { certificates: vec![below().made(), root().made(), stamping().made()], ..Reply::new(stamping()) };
    assert_eq!(vouched(&trusting(&[root()]), &reversed.made()).unwrap(), "Stamps");
    let by_key = Reply { id: Some(der(CONTEXT_0_OCTETS, &[b"its key"])), ..Reply::new(stamping()) };
    assert_eq!(vouched(&trusting(&[root()]), &by_key.made()).unwrap(), "Stamps");
}

#[test]
fn what_no_authority_made_is_refused() {
    let with = |change: &dyn Fn(&mut Reply)| {
        let mut reply = Reply::new(stamping());
        change(&mut reply);
        reply.made()
    };
    let by = |change: &dyn Fn(&mut Making)| {
        let mut signer = stamping();
        change(&mut signer);
        Reply::new(signer).made()
    };
    let below_with = |change: &dyn Fn(&mut Making)| {
        let mut other = below();
        change(&mut other);
        with(&|reply| reply.certificates[1] = other.made())
    };
    let purpose = |critical: bool, ids: &[&[u8]]| {
        let other = extension(EXTENDED_KEY_USAGE, critical, &purposes(ids));
        by(&|signer| signer.extensions[1] = other.clone())
    };
    let later = |reply: &mut Reply| Reply { time: "20260101000000Z", ..reply.clone() }.content();
    let id_of = |certificate: Vec<u8>, more: Vec<u8>| {
        let id = der(SEQUENCE, &[&der(OCTETS, &[&Sha256::digest(certificate)]), &more]);
        der(SEQUENCE, &[&der(SEQUENCE, &[&id])])
    };
    let serial = |issuer: &str, number: u8| der(SEQUENCE, &[&der(SEQUENCE, &[&der(0xa4, &[&name(issuer)])]), &der(INTEGER, &[&[number]])]);
    const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
    const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("signed with another key", with(&|reply| reply.signing_key = 9), "not made with the key"),
        ("another time put in", with(&|reply| reply.swapped = Some(later(reply))), "of another time stamp"),
        ("another digest", with(&|reply| reply.attributes.push((MESSAGE_DIGEST, der(OCTETS, &[&[0; 32]])))), "of another time stamp"),
        ("no digest", with(&|reply| reply.attributes.push((MESSAGE_DIGEST, Vec::new()))), "lacks an attribute"),
        ("a weak hash", with(&|reply| reply.digest = SHA1_OID), "none that keur checks"),
        ("another algorithm", with(&|reply| reply.algorithm = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01]), "none that keur checks"),
        ("another kind of content", with(&|reply| reply.attributes.push((CONTENT_TYPE, der(OID, &[SIGNED_DATA])))), "something else"),
        ("no kind of content", with(&|reply| reply.attributes.push((CONTENT_TYPE, Vec::new()))), "lacks an attribute"),
        ("no certificate named", with(&|reply| reply.attributes.push((SIGNING_CERTIFICATE_V2, Vec::new()))), "lacks an attribute"),
        (
            "another certificate named",
            with(&|reply| reply.attributes.push((SIGNING_CERTIFICATE_V2, id_of(below().made(), Vec::new())))),
            "names two certificates",
        ),
        (
            "another number named",
            with(&|reply| reply.attributes.push((SIGNING_CERTIFICATE_V2, id_of(stamping().made(), serial("Below", 9))))),
            "names two certificates",
        ),
        (
            "another issuer named",
            with(&|reply| reply.attributes.push((SIGNING_CERTIFICATE_V2, id_of(stamping().made(), serial("Root", 3))))),
            "names two certificates",
        ),
        (
            "another certificate with the same key, made later",
            with(&|reply| reply.certificates[0] = Making { to: "490101000000Z", ..stamping() }.made()),
            "neither in it nor given",
        ),
        (
            "named by another number",
            with(&|reply| reply.id = Some(der(SEQUENCE, &[&name("Below"), &der(INTEGER, &[&[9]])]))),
            "two certificates",
        ),
        (
            "named by another issuer",
            with(&|reply| reply.id = Some(der(SEQUENCE, &[&name("Root"), &der(INTEGER, &[&[3]])]))),
            "two certificates",
        ),
        ("named by another key", with(&|reply| reply.id = Some(der(CONTEXT_0_OCTETS, &[b"another"]))), "two certificates"),
        ("signed twice", with(&|reply| reply.signatures = 2), "more than one signature"),
        ("no certificate", with(&|reply| reply.certificates.clear()), "neither in it nor given"),
        ("no certificate between", with(&|reply| reply.certificates.truncate(1)), "another authority signed"),
        ("for code as well", purpose(true, &[TIME_STAMPING, CODE_SIGNING]), "for something else"),
        ("for code alone", purpose(true, &[CODE_SIGNING]), "for something else"),
        ("for anything", purpose(true, &[ANY_PURPOSE]), "for something else"),
        ("for time stamps, but not only by its word", purpose(false, &[TIME_STAMPING]), "not critical"),
        ("for nothing", by(&|signer| drop(signer.extensions.remove(1))), "does not say what it is for"),
        (
            "a key that may not sign",
            by(&|signer| signer.extensions[2] = extension(KEY_USAGE, true, &der(BIT_STRING, &[&[2, 0b0000_0100]]))),
            "may not sign",
        ),
        ("an authority itself", by(&|signer| signer.extensions[0] = authority_extensions(true).remove(0)), "CaUsedAsEndEntity"),
        ("expired", by(&|signer| signer.to = "260831061243Z"), "had expired"),
        ("not valid yet", by(&|signer| signer.from = "260831061245Z"), "not valid yet"),
        ("of an authority that is not trusted", by(&|signer| signer.issuer_key = 9), "do not vouch for it"),
        ("one between that had expired", below_with(&|below| below.to = "260831061243Z"), "had expired"),
        ("one between that is no authority", below_with(&|below| below.extensions = authority_extensions(false)), "EndEntityUsedAsCa"),
        (
            "one between for code",
            below_with(&|below| below.extensions.push(extension(EXTENDED_KEY_USAGE, false, &purposes(&[CODE_SIGNING])))),
            "do not vouch",
        ),
        ("one between of somebody else", below_with(&|below| below.issuer_key = 9), "do not vouch for it"),
        (
            "an extension that nobody knows",
            by(&|signer| signer.extensions.push(extension(&[0x2a, 3, 9], true, &[5, 0]))),
            "do not vouch for it",
        ),
    ];
    println!("{} forgeries", cases.len());
    for (what, reply, expected) in cases {
        let error = vouched(&trusting(&[root()]), &reply).unwrap_err();
        assert!(error.problem.contains(expected), "{what}: {error}");
    }
    // Those who are trusted must have been valid themselves.
    let reply = Reply::new(stamping()).made();
    for (from, to) in [("250101000000Z", "260831061243Z"), ("260831061245Z", "350101000000Z")] {
        let error = vouched(&trusting(&[Making { from, to, ..root() }]), &reply).unwrap_err();
        assert!(error.problem.contains("none of them was valid at 2026-08-31T06:12:44Z"), "{error}");
        let error = vouched(&trusting(&[Making { from, to, ..stamping() }]), &reply).unwrap_err();
        assert!(error.problem.contains("none of them was valid"), "{error}");
    }
    // Of the same name, with another key.
    let error = vouched(&trusting(&[Making { key: 9, issuer_key: 9, ..root() }]), &reply).unwrap_err();
    assert!(error.problem.contains("do not vouch for it"), "{error}");
}

#[test]
fn every_bit_of_a_reply_counts_or_says_nothing() {
    let (authorities, reply) = (trusting(&[root()]), Reply::new(stamping()).made());
    let stamp = check("manifest.json", MANIFEST, &reply, None).unwrap();
    let (mut tried, mut held) = (0, 0);
    for place in 0..reply.len() {
        for bit in 0..8 {
            let mut changed = reply.clone();
            changed[place] ^= 1 << bit;
            tried += 1;
            let Ok(found) = check("manifest.json", MANIFEST, &changed, None) else { continue };
            if let Ok(name) = authorities.vouch_for("manifest.json", &changed, &found) {
                held += 1;
                assert_eq!((&found, name.as_str()), (&stamp, "Stamps"), "bit {bit} at {place}");
            }
        }
    }
    for length in 0..reply.len() {
        assert!(check("manifest.json", MANIFEST, &reply[..length], None).is_err());
    }
    println!("{tried} bits of a reply, {held} of them without a meaning");
    assert!(held < tried / 20);
}

#[test]
fn certificates_are_read_or_refused() {
    use base64::Engine as _;
    let pem = |bytes: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let both = format!("{}Some text.\n{}", pem(&root().made()), pem(&below().made()));
    assert_eq!(Authorities::parse("ca.pem", both.as_bytes()).unwrap().certificates.len(), 2);
    assert_eq!(Authorities::parse("ca.der", &root().made()).unwrap().certificates.len(), 1);
    for bad in ["", "text", &pem(b"no certificate"), "-----BEGIN CERTIFICATE-----\n", "0"] {
        let error = Authorities::parse("ca.pem", bad.as_bytes()).unwrap_err();
        assert!(error.name == "ca.pem" && error.hint.contains("PEM"), "{bad}: {error}");
    }
    assert!(Authorities::read(Path::new("nowhere")).is_err());
}
