//! A bucket with Object Lock: what is put there in compliance mode cannot be changed or deleted by anybody before its
//! time, the owner of the account included. The only writes of the program to AWS, and only when the user names the bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ObjectLockEnabled, ObjectLockMode, ObjectLockRetentionMode};
use aws_types::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::anchor::{AnchorError, Head, Written, already};
use super::caller::{Caller, Session, code, why};

/// How the address of a bucket begins.
pub const SCHEME: &str = "s3://";
/// S3 takes no more in one request.
const LARGEST: usize = 5 << 30;
/// An anchor is one line.
const LARGEST_ANCHOR: usize = 4096;
/// As long as AWS allows: a hundred years.
pub const MOST_DAYS: u32 = 36_500;

/// `s3://bucket/prefix/`, checked to have Object Lock.
pub struct Locked {
    session: Session,
    client: Client,
    bucket: String,
    prefix: String,
}

impl std::fmt::Debug for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Locked({SCHEME}{}/{})", self.bucket, self.prefix)
    }
}

const NO_LOCK: &str = "name a bucket that was made with Object Lock: `aws s3api create-bucket --object-lock-enabled-for-bucket …`";
const MAY_WRITE: &str = "the caller needs s3:PutObject, s3:PutObjectRetention, s3:GetObject, s3:GetObjectVersion, s3:GetObjectRetention and s3:GetBucketObjectLockConfiguration there";
const MAY_READ: &str = "the caller needs s3:ListBucketVersions on the bucket and s3:GetObjectVersion on the anchors";

/// An object that is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// `s3://bucket/prefix/name`
    pub place: String,
    /// Its version.
    pub version: String,
    /// Until when nobody can change or delete it.
    pub until: Timestamp,
    /// Whether it was there already.
    pub written: Written,
}

impl Locked {
    /// Looks at a bucket. Waits, so that it must not be called by what is asynchronous.
    pub fn open(address: &str, caller: Caller) -> Result<Self, AnchorError> {
        split(address)?;
        Self::of(address, Session::open(caller))
    }

    /// As [`Locked::open`], with a configuration that is there already; its connections must be nobody else's.
    pub fn open_with(address: &str, sdk: SdkConfig) -> Result<Self, AnchorError> {
        Self::of(address, Session::over(sdk))
    }

    fn of(address: &str, session: Result<Session, String>) -> Result<Self, AnchorError> {
        let (bucket, prefix) = split(address)?;
        let session = session.map_err(|problem| AnchorError::new(address, problem, MAY_WRITE))?;
        let client = session.runtime.block_on(crate::aws::client_of(&session.sdk, bucket));
        Ok(Self { client, session, bucket: bucket.to_owned(), prefix })
    }

    fn place(&self, name: &str) -> String {
        format!("{SCHEME}{}/{}{name}", self.bucket, self.prefix)
    }

    /// Refuses a bucket where nothing can be locked.
    fn has_lock(&self) -> Result<(), AnchorError> {
        let place = self.place("");
        let request = self.client.get_object_lock_configuration().bucket(&self.bucket).send();
        let enabled = match self.session.runtime.block_on(request) {
            Ok(answer) => answer.object_lock_configuration.and_then(|c| c.object_lock_enabled) == Some(ObjectLockEnabled::Enabled),
            Err(error) if code(&error) == Some("ObjectLockConfigurationNotFoundError") => false,
            Err(error) => return Err(AnchorError::new(place, why(&error), MAY_WRITE)),
        };
        if enabled {
            Ok(())
        } else {
            Err(AnchorError::new(place, "the bucket has no Object Lock, so that what is put there could be replaced", NO_LOCK))
        }
    }

    /// Puts an anchor there. The pack may be anchored already, but only as the same.
    pub fn put_anchor(&self, head: &Head, now: Timestamp, days: u32) -> Result<Stored, AnchorError> {
        self.has_lock()?;
        // Whoever may delete hides what is locked behind a delete marker, and could put another anchor before it.
        already(&self.place(&head.object_name()), &self.read_named(&head.object_name())?, head)?;
        self.put(&head.object_name(), head.to_line().into_bytes(), now, days)
    }

    /// Puts a file there: the archive of a pack.
    pub fn put_file(&self, name: &str, bytes: Vec<u8>, now: Timestamp, days: u32) -> Result<Stored, AnchorError> {
        self.has_lock()?;
        if bytes.len() > LARGEST {
            let problem = format!("{name} has more than {LARGEST} bytes, and S3 takes no more at once");
            return Err(AnchorError::new(self.place(name), problem, "put it there with `aws s3 cp`, and set its retention"));
        }
        self.put(name, bytes, now, days)
    }

    fn put(&self, name: &str, bytes: Vec<u8>, now: Timestamp, days: u32) -> Result<Stored, AnchorError> {
        let place = self.place(name);
        let key = format!("{}{name}", self.prefix);
        let until =
            (1..=MOST_DAYS).contains(&days).then(|| now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()).flatten();
        let Some(until) = until else {
            return Err(AnchorError::new(place, format!("nothing can be locked for {days} days"), "give a number of days from 1 to 36500"));
        };
        let until = until.as_second();
        let checksum = STANDARD.encode(Sha256::digest(&bytes));
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .if_none_match("*")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_sha256(&checksum)
            .object_lock_mode(ObjectLockMode::Compliance)
            .object_lock_retain_until_date(DateTime::from_secs(until))
            .body(ByteStream::from(bytes));
        let (written, version) = match self.session.runtime.block_on(request.send()) {
            Ok(answer) => (Written::New, answer.version_id),
            Err(error) if is_there(&error) => (Written::Already, None),
            Err(error) => return Err(AnchorError::new(place, why(&error), MAY_WRITE)),
        };
        let (version, until) = self.check(&place, &key, version, &checksum, (written == Written::New).then_some(until), now)?;
        Ok(Stored { place, version, until, written })
    }

    /// Reads back what S3 keeps: that it is there, that it is what was sent, and that it is locked.
    fn check(
        &self,
        place: &str,
        key: &str,
        version: Option<String>,
        checksum: &str,
        until: Option<i64>,
        now: Timestamp,
    ) -> Result<(String, Timestamp), AnchorError> {
        let wrong = |problem: String| {
            let hint = "do not rely on it: name another bucket, or find out what answers in the place of S3";
            AnchorError::new(place, problem, hint)
        };
        let request =
            self.client.head_object().bucket(&self.bucket).key(key).set_version_id(version.clone()).checksum_mode(ChecksumMode::Enabled);
        let head = self.session.runtime.block_on(request.send()).map_err(|error| AnchorError::new(place, why(&error), MAY_WRITE))?;
        let Some(version) = version.or(head.version_id) else {
            return Err(wrong("it was stored without a version, so that it is not locked".to_owned()));
        };
        match head.checksum_sha256.as_deref() {
            Some(stored) if stored == checksum => {}
            Some(_) if until.is_none() => {
                let hint = "something else was put there before, and nothing is written over: give the file another name";
                return Err(AnchorError::new(place, "it is there already, with another content", hint));
            }
            Some(other) => return Err(wrong(format!("S3 stored something else: its SHA-256 is {other}, not {checksum}"))),
            None => return Err(wrong("S3 does not say the SHA-256 of what it stored".to_owned())),
        }
        let request = self.client.get_object_retention().bucket(&self.bucket).key(key).version_id(&version);
        let answer = self.session.runtime.block_on(request.send()).map_err(|error| AnchorError::new(place, why(&error), MAY_WRITE))?;
        let retention = answer.retention.ok_or_else(|| wrong("it is not locked: it has no retention".to_owned()))?;
        if retention.mode != Some(ObjectLockRetentionMode::Compliance) || head.object_lock_mode != Some(ObjectLockMode::Compliance) {
            return Err(wrong("it is not locked in compliance mode: whoever may bypass governance can delete it".to_owned()));
        }
        let least = until.unwrap_or_else(|| now.as_second());
        let kept = [retention.retain_until_date, head.object_lock_retain_until_date].map(|date| date.map_or(i64::MIN, |date| date.secs()));
        let kept = kept[0].min(kept[1]);
        match Timestamp::from_second(kept) {
            Ok(until) if kept >= least => Ok((version, until)),
            Ok(until) => Err(wrong(format!("it is only locked until {until}"))),
            Err(_) => Err(wrong("it is not locked: its retention has no end".to_owned())),
        }
    }

    /// Every anchor that was ever put there: those behind delete markers as well, and all versions of each.
    pub fn read(&self) -> Result<Vec<Head>, AnchorError> {
        self.read_named("")
    }

    fn read_named(&self, name: &str) -> Result<Vec<Head>, AnchorError> {
        let place = self.place(name);
        let failed = |problem: String| AnchorError::new(&place, problem, MAY_READ);
        let key = format!("{}{name}", self.prefix);
        let (mut heads, mut marker) = (Vec::new(), None);
        loop {
            let (key_marker, version_marker) = marker.unzip();
            let request = self.client.list_object_versions().bucket(&self.bucket).prefix(&key);
            let request = request.set_key_marker(key_marker).set_version_id_marker(version_marker.flatten());
            let page = self.session.runtime.block_on(request.send()).map_err(|error| failed(why(&error)))?;
            for version in page.versions.unwrap_or_default() {
                let (Some(key), Some(id)) = (version.key, version.version_id) else {
                    return Err(failed("S3 listed a version without its name".to_owned()));
                };
                let own = key.strip_prefix(&self.prefix).is_some_and(is_anchor);
                if own {
                    heads.push(self.read_one(&key, &id)?);
                }
            }
            if page.is_truncated != Some(true) {
                return Ok(heads);
            }
            let Some(next) = page.next_key_marker else {
                return Err(failed("S3 announced more versions, and does not say where they begin".to_owned()));
            };
            marker = Some((next, page.next_version_id_marker));
        }
    }

    fn read_one(&self, key: &str, version: &str) -> Result<Head, AnchorError> {
        let place = format!("{SCHEME}{}/{key}", self.bucket);
        let failed = |problem: String| AnchorError::new(&place, problem, MAY_READ);
        let request = self.client.get_object().bucket(&self.bucket).key(key).version_id(version);
        let answer = self.session.runtime.block_on(request.send()).map_err(|error| failed(why(&error)))?;
        if answer.content_length.and_then(|n| usize::try_from(n).ok()).is_none_or(|n| n > LARGEST_ANCHOR) {
            return Err(failed("it is no anchor: it is too large".to_owned()));
        }
        let body = self.session.runtime.block_on(answer.body.collect()).map_err(|error| failed(error.to_string()))?;
        Head::parse(&place, String::from_utf8_lossy(&body.into_bytes()).trim_end())
    }
}

fn split(address: &str) -> Result<(&str, String), AnchorError> {
    let rest = address.strip_prefix(SCHEME).unwrap_or_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(AnchorError::new(address, "it names no bucket", "write `s3://BUCKET/PREFIX/`"));
    }
    Ok((bucket, if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") }))
}

/// `aaaaaaaa-000042.json`: what [`Head::object_name`] gives. Archives of packs may lie beside it.
fn is_anchor(name: &str) -> bool {
    let Some((chain, number)) = name.strip_suffix(".json").and_then(|name| name.split_once('-')) else { return false };
    chain.len() == 8 && chain.bytes().all(|b| b.is_ascii_hexdigit()) && number.len() >= 6 && number.bytes().all(|b| b.is_ascii_digit())
}

/// Whether it was not written because it is there.
fn is_there<R>(error: &SdkError<PutObjectError, R>) -> bool {
    code(error) == Some("PreconditionFailed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_told_from_what_lies_beside_them() {
        assert!(is_anchor("0123abcd-000042.json"));
        assert!(is_anchor("0123abcd-12345678.json"));
        for other in [
            "pack-000042.tar.zst",
            "0123abcd-42.json",
            "0123abcd.json",
            "0123abcd-000042.json.minisig",
            "x/0123abcd-000042.json",
            "0123abcg-000042.json",
        ] {
            assert!(!is_anchor(other), "{other}");
        }
    }
}
