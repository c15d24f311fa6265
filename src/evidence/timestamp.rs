//! Time stamps (RFC 3161): an authority says that a manifest existed at a moment. The request is made here, and of the
//! reply is checked that it was granted and that it is about this manifest. Whether an authority signed it whom the verifier
//! trusts is for [`super::authority`], or for `openssl ts -verify`: see [`verify_command`].

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::der::{BIT_STRING, BOOLEAN, CONTEXT_0, Der, INTEGER, Malformed, NULL, OCTETS, OID, SEQUENCE, SET, TIME, UTF8};

/// Appended to the name of a file: the request for its time stamp.
pub const REQUEST: &str = ".tsq";
/// Appended to the name of a file: the authority's reply.
pub const REPLY: &str = ".tsr";

/// Replies hold a few certificates.
pub const LARGEST_REPLY: usize = 1 << 20;

/// Why there is no time stamp, or why it is not one of this file. The reply is usually the authority's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct StampError {
    /// The reply.
    pub name: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

/// What a reply says; who says it was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The moment.
    pub time: Timestamp,
    /// The policy under which the authority gives time stamps, an object identifier.
    pub policy: String,
    /// The authority's number of the time stamp, in hexadecimal.
    pub serial: String,
}

pub(super) const SHA256_OID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
pub(super) const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
pub(super) const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// The request (DER) for a time stamp of these bytes, with the certificate of the authority in the reply. Without a nonce
/// the same bytes give the same request.
pub fn request(bytes: &[u8], nonce: Option<u64>) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[der(OID, SHA256_OID), der(NULL, &[])].concat());
    let imprint = der(SEQUENCE, &[algorithm, der(OCTETS, &Sha256::digest(bytes))].concat());
    let nonce = nonce.map(|nonce| der(INTEGER, &integer(nonce))).unwrap_or_default();
    der(SEQUENCE, &[der(INTEGER, &[1]), imprint, nonce, der(BOOLEAN, &[0xff])].concat())
}

/// A number that nobody can foresee, by which the reply to a request is told from an earlier one.
pub fn nonce() -> Result<u64, StampError> {
    getrandom::u64().map_err(|error| StampError {
        name: "random numbers".to_owned(),
        problem: error.to_string(),
        hint: "the operating system gives none: leave out the nonce",
    })
}

/// Checks that a reply was granted and is about these bytes. The signature of the authority is not checked.
pub fn check(name: &str, bytes: &[u8], reply: &[u8], nonce: Option<u64>) -> Result<Stamp, StampError> {
    let name = format!("{name}{REPLY}");
    let error = |problem: String, hint| StampError { name: name.clone(), problem, hint };
    let no_reply =
        |problem: &str| error(format!("it is no reply to a request for a time stamp: {problem}"), "give the authority's reply, unchanged");
    if reply.len() > LARGEST_REPLY {
        return Err(no_reply("it is too large"));
    }
    let token = token(reply).map_err(|malformed| no_reply(malformed.0))?;
    let token = token.map_err(|why| error(format!("the authority gave no time stamp: {why}"), "ask again, or ask another authority"))?;
    let info = info(token).map_err(|malformed| no_reply(malformed.0))?;
    if info.algorithm != SHA256_OID {
        return Err(error(
            "the time stamp is not of a SHA-256".to_owned(),
            "ask for another one: `keur evidence timestamp` makes the request",
        ));
    }
    if info.imprint != Sha256::digest(bytes).as_slice() {
        let problem = format!("the time stamp is of a file with the SHA-256 {}", super::dsse::hex(info.imprint));
        return Err(error(problem, "the file was changed after it was stamped, or this is the reply to another request"));
    }
    if nonce.is_some_and(|nonce| info.nonce != Some(integer(nonce).as_slice())) {
        return Err(error("the reply is to another request: its nonce differs".to_owned(), "ask again, or ask another authority"));
    }
    let time = time(info.time).ok_or_else(|| no_reply("its time is not one"))?;
    Ok(Stamp { time, policy: oid(info.policy), serial: super::dsse::hex(info.serial) })
}

/// The command that checks the authority's signature, for a file in the folder where it is run.
pub fn verify_command(name: &str) -> String {
    format!("openssl ts -verify -data {name} -in {name}{REPLY} -CAfile CA.pem")
}

/// Asks an authority. Waits, so that it must not be called by what is asynchronous.
#[cfg(feature = "aws")]
pub fn fetch(url: &str, request: Vec<u8>) -> Result<Vec<u8>, StampError> {
    let error = |problem: String, hint| StampError { name: url.to_owned(), problem, hint };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(error("it is no address of a time-stamping authority".to_owned(), "write `https://…`"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| error(format!("no threads: {why}"), "close other programs"))?;
    let answer = runtime.block_on(crate::aws::post(url, "application/timestamp-query", request, LARGEST_REPLY));
    answer.map_err(|problem| error(problem, "check the address and the network, or send the request by other means"))
}

/// What a time stamp is about.
struct Info<'a> {
    policy: &'a [u8],
    algorithm: &'a [u8],
    imprint: &'a [u8],
    serial: &'a [u8],
    time: &'a [u8],
    nonce: Option<&'a [u8]>,
}

/// The token of a reply, or why the authority gave none.
pub(super) fn token(reply: &[u8]) -> Result<Result<&[u8], String>, Malformed> {
    let mut outer = Der(reply);
    let mut response = Der(outer.take(SEQUENCE)?);
    outer.end()?;
    let mut status = Der(response.take(SEQUENCE)?);
    let code = status.take(INTEGER)?;
    // 0 is granted, 1 is granted with changes.
    if !matches!(code, [0 | 1]) {
        let text = status.optional(SEQUENCE)?.and_then(|text| Der(text).take(UTF8).ok()).map(String::from_utf8_lossy);
        let failure = status.optional(BIT_STRING)?.map(super::dsse::hex);
        let code = format!("status {}", super::dsse::hex(code));
        let text = text.map(|text| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>());
        let parts = [Some(code), text, failure.map(|bits| format!("failure {bits}"))];
        return Ok(Err(parts.into_iter().flatten().collect::<Vec<_>>().join(", ")));
    }
    let token = response.take(SEQUENCE)?;
    response.end()?;
    Ok(Ok(token))
}

fn info(token: &[u8]) -> Result<Info<'_>, Malformed> {
    let mut content = Der(token);
    if content.take(OID)? != SIGNED_DATA {
        return Err(Malformed("its token is not signed data"));
    }
    let mut explicit = Der(content.take(CONTEXT_0)?);
    let mut signed = Der(explicit.take(SEQUENCE)?);
    signed.take(INTEGER)?;
    signed.take(SET)?;
    let mut encapsulated = Der(signed.take(SEQUENCE)?);
    if encapsulated.take(OID)? != TST_INFO {
        return Err(Malformed("what is signed is no time stamp"));
    }
    let mut explicit = Der(encapsulated.take(CONTEXT_0)?);
    let mut octets = Der(explicit.take(OCTETS)?);
    let mut stamp = Der(octets.take(SEQUENCE)?);
    octets.end()?;
    if stamp.take(INTEGER)? != [1] {
        return Err(Malformed("its time stamp is of another version than 1"));
    }
    let policy = stamp.take(OID)?;
    let mut imprint = Der(stamp.take(SEQUENCE)?);
    let algorithm = Der(imprint.take(SEQUENCE)?).take(OID)?;
    let hash = imprint.take(OCTETS)?;
    let serial = stamp.take(INTEGER)?;
    let time = stamp.take(TIME)?;
    stamp.optional(SEQUENCE)?;
    stamp.optional(BOOLEAN)?;
    let nonce = stamp.optional(INTEGER)?;
    Ok(Info { policy, algorithm, imprint: hash, serial, time, nonce })
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80).expect("internal error: a request is short");
    [&[tag, length], content].concat()
}

/// The shortest form of a number that is not negative.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    let sign = if bytes[start] >= 0x80 { &[0][..] } else { &[] };
    [sign, &bytes[start..]].concat()
}

/// `20260831061244Z`, with or without a fraction.
pub(super) fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || fraction.is_some_and(|fraction| !digits(fraction) || fraction.len() > 9) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| whole[range].parse::<i8>().ok();
    let nanoseconds = fraction.map_or(Some(0), |fraction| format!("{fraction:0<9}").parse().ok())?;
    let civil = DateTime::new(whole[..4].parse().ok()?, part(4..6)?, part(6..8)?, part(8..10)?, part(10..12)?, part(12..14)?, nanoseconds);
    civil.ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// An object identifier with dots.
fn oid(bytes: &[u8]) -> String {
    let (mut numbers, mut number) = (Vec::new(), 0_u64);
    for byte in bytes {
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let first = numbers.first().copied().unwrap_or_default();
    let top = (first / 40).min(2);
    let rest = numbers.iter().skip(1).copied();
    [top, first - 40 * top].into_iter().chain(rest).map(|number| number.to_string()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSL 3 (`openssl ts`), each with a certificate that is no longer needed.
    const MANIFEST: &[u8] = br#"{"schema":"keur/manifest/1"}"#;
    const OPENSSL_QUERY: &[u8] = include_bytes!("../../tests/fixtures/sign/openssl.tsq");
    const OPENSSL_REPLY: &[u8] = include_bytes!("../../tests/fixtures/sign/openssl.tsr");
    const OPENSSL_REFUSED: &[u8] = include_bytes!("../../tests/fixtures/sign/openssl-refused.tsr");
    const NONCE: u64 = 0x8123_4567_89ab_cdef;

    #[track_caller]
    fn refused(result: Result<Stamp, StampError>, problem: &str) {
        let error = result.unwrap_err();
        assert!(error.problem.contains(problem), "{error}");
        assert_eq!(error.name, "manifest.json.tsr");
    }

    #[test]
    fn the_request_is_the_one_that_openssl_makes() {
        assert_eq!(request(MANIFEST, None), OPENSSL_QUERY);
        assert_eq!(request(MANIFEST, None), request(MANIFEST, None));
        assert_ne!(request(MANIFEST, Some(1)), request(MANIFEST, Some(2)));
    }

    #[test]
    fn a_reply_is_about_the_file_or_refused() {
        let stamp = check("manifest.json", MANIFEST, OPENSSL_REPLY, Some(NONCE)).unwrap();
        assert_eq!(stamp.policy, "1.2.3.4.1");
        assert!(stamp.time > "2026-01-01T00:00:00Z".parse().unwrap(), "{stamp:?}");
        check("manifest.json", MANIFEST, OPENSSL_REPLY, None).unwrap();
        refused(check("manifest.json", b"{}", OPENSSL_REPLY, None), "is of a file with the SHA-256");
        refused(check("manifest.json", MANIFEST, OPENSSL_REPLY, Some(1)), "nonce differs");
        refused(check("manifest.json", MANIFEST, OPENSSL_REFUSED, None), "the authority gave no time stamp: status 02");
        refused(check("manifest.json", MANIFEST, OPENSSL_QUERY, None), "no reply");
        refused(check("manifest.json", MANIFEST, b"<html>", None), "no reply");
    }

    #[test]
    fn a_reply_that_is_cut_off_or_damaged_is_refused() {
        for length in 0..OPENSSL_REPLY.len() {
            refused(check("manifest.json", MANIFEST, &OPENSSL_REPLY[..length], None), "no reply");
        }
        let longer = [OPENSSL_REPLY, &[0]].concat();
        refused(check("manifest.json", MANIFEST, &longer, None), "something follows it");
        // Whatever is changed, nothing panics; the signature over the rest is openssl's to check.
        for place in 0..OPENSSL_REPLY.len() {
            for bit in 0..8 {
                let mut changed = OPENSSL_REPLY.to_vec();
                changed[place] ^= 1 << bit;
                let _ = check("manifest.json", MANIFEST, &changed, Some(NONCE));
            }
        }
    }

    #[test]
    fn numbers_have_their_shortest_form() {
        assert_eq!(integer(0), [0]);
        assert_eq!(integer(0x7f), [0x7f]);
        assert_eq!(integer(0x80), [0, 0x80]);
        assert_eq!(integer(0x1234), [0x12, 0x34]);
        assert_eq!(integer(u64::MAX), [0, 255, 255, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn times_and_identifiers_are_read() {
        let moment = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(time(b"20260831061244Z"), moment("2026-08-31T06:12:44Z"));
        assert_eq!(time(b"20260831061244.25Z"), moment("2026-08-31T06:12:44.25Z"));
        for bad in ["20260831061244", "20261331061244Z", "2026083106124Z", "20260831061244.Z", "20260831061244+0200", "+0260831061244Z"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(oid(SHA256_OID), "2.16.840.1.101.3.4.2.1");
        assert_eq!(oid(TST_INFO), "1.2.840.113549.1.9.16.1.4");
    }
}
