//! `keur evidence anchor`, and the anchors that `verify` holds a chain against.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Failure, Outcome, SignedByArgs, Terminal, output};
use crate::evidence::Caller;
use crate::evidence::anchor::{self, AnchorError, Head, Written};
use crate::evidence::sign::PublicKey;
use crate::target::Target;

/// How the address of a bucket begins, in every build.
const S3: &str = "s3://";

/// Options of `keur evidence anchor`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AnchorArgs {
    /// The folder of a chain
    #[arg(value_name = "CHAIN", value_hint = ValueHint::DirPath)]
    chain: PathBuf,
    /// Where to: a file to append to, `-` for standard output alone, or `s3://BUCKET/PREFIX/` of a bucket with Object Lock; may be given several times
    #[arg(long, value_name = "PLACE", value_hint = ValueHint::AnyPath)]
    to: Vec<String>,
    /// In a bucket: days for which nobody can change or delete it
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// In a bucket: this archive of the pack as well
    #[arg(long, value_name = "FILE", requires = "to", value_hint = ValueHint::FilePath)]
    archive: Option<PathBuf>,
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    signed: SignedByArgs,
}

impl From<AnchorError> for Failure {
    fn from(error: AnchorError) -> Self {
        let code = if error.conflict { 4 } else { 2 };
        Self { code, message: error.to_string(), hint: Some(error.hint.to_owned()) }
    }
}

/// Says the head of a chain, and writes it where it was asked to; `head` gives the head of the chain in a folder.
pub(super) fn run(
    args: AnchorArgs,
    terminal: &Terminal,
    head: impl FnOnce(&Path, &[PublicKey], &Terminal) -> Result<Head, Failure>,
) -> Outcome {
    let head = head(&args.chain, &args.signed.keys()?, terminal)?;
    if args.archive.is_some() && !args.to.iter().any(|place| place.starts_with(S3)) {
        return Err(Failure::usage("--archive is for a bucket").hint("name one with --to s3://BUCKET/PREFIX/"));
    }
    for place in &args.to {
        if place.starts_with(S3) {
            lock(place, &head, &args, terminal)?;
        } else {
            let target = Target::from(PathBuf::from(place));
            if target == Target::Stdout {
                // The head is printed there in any case.
                continue;
            }
            output::check(&[&target])?;
            let written = anchor::append(Path::new(place), &head)?;
            terminal.say(&format!("{place}: pack {} {}", head.sequence, word(written)));
        }
    }
    output::stdout(head.to_line().as_bytes())
}

fn word(written: Written) -> &'static str {
    match written {
        Written::New => "is anchored",
        Written::Already => "was anchored already",
    }
}

/// The anchors of a file, or of a bucket.
pub(super) fn read(place: &str, caller: Caller) -> Result<Vec<Head>, Failure> {
    if place.starts_with(S3) { read_locked(place, caller) } else { Ok(anchor::read(Path::new(place))?) }
}

#[cfg(feature = "s3")]
fn read_locked(place: &str, caller: Caller) -> Result<Vec<Head>, Failure> {
    Ok(crate::evidence::locked::Locked::open(place, caller)?.read()?)
}

#[cfg(feature = "s3")]
fn lock(place: &str, head: &Head, args: &AnchorArgs, terminal: &Terminal) -> Result<(), Failure> {
    let now = super::now();
    let bucket = crate::evidence::locked::Locked::open(place, Caller { profile: args.profile.clone(), allowed: Vec::new(), now })?;
    // The archive first: an anchor says that there is something to be found.
    if let Some(path) = &args.archive {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = crate::untrusted::read(path, 5 << 30)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())).hint("give the archive of a pack"))?;
        let stored = bucket.put_file(&name, bytes, now, args.days)?;
        terminal.say(&format!("{}: locked until {}", stored.place, stored.until));
    }
    let stored = bucket.put_anchor(head, now, args.days)?;
    terminal.say(&format!("{}: pack {} {}, locked until {}", stored.place, head.sequence, word(stored.written), stored.until));
    Ok(())
}

#[cfg(not(feature = "s3"))]
fn read_locked(place: &str, _: Caller) -> Result<Vec<Head>, Failure> {
    Err(no_s3(place))
}

#[cfg(not(feature = "s3"))]
fn lock(place: &str, _: &Head, _: &AnchorArgs, _: &Terminal) -> Result<(), Failure> {
    Err(no_s3(place))
}

#[cfg(not(feature = "s3"))]
fn no_s3(place: &str) -> Failure {
    Failure::usage(format!("{place}: this build cannot ask AWS: S3 is not built in"))
        .hint("name a file, or use a build with the feature `s3`")
}
