//! `keur evidence timestamp`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Failure, Outcome, Terminal, output};
use crate::evidence::sign::{Mode, write_new};
use crate::evidence::timestamp::{LARGEST_REPLY, REPLY, REQUEST, Stamp, StampError, check, request, verify_command};

/// Options of `keur evidence timestamp`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TimestampArgs {
    /// The folder of a pack, or its manifest; without an option, a request is written that can be sent to any authority
    #[arg(value_name = "PACK", value_hint = ValueHint::AnyPath)]
    pack: PathBuf,
    /// Ask this authority, and keep its reply in the pack
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "URL", conflicts_with_all = ["reply", "check"], value_hint = ValueHint::Url)]
    url: Option<String>,
    /// With --url: ask with a random number, so that an earlier reply is told from a new one
    #[cfg(feature = "aws")]
    #[arg(long, requires = "url")]
    nonce: bool,
    /// Check this reply of an authority, and keep it in the pack
    #[arg(long, value_name = "FILE", conflicts_with = "check", value_hint = ValueHint::FilePath)]
    reply: Option<PathBuf>,
    /// Check the time stamp that the pack has
    #[arg(long)]
    check: bool,
    /// Certificates (PEM or DER) of authorities that you trust: the time stamp must be signed by one of them, or by one that
    /// they vouch for
    #[cfg(feature = "aws")]
    #[arg(long = "tsa-ca", value_name = "FILE", value_hint = ValueHint::FilePath)]
    authorities: Option<PathBuf>,
}

impl From<StampError> for Failure {
    fn from(error: StampError) -> Self {
        Self { code: 4, message: error.to_string(), hint: Some(error.hint.to_owned()) }
    }
}

/// A manifest and what is beside it.
struct Manifest {
    path: PathBuf,
    name: String,
    bytes: Vec<u8>,
}

impl Manifest {
    fn read(pack: &Path) -> Result<Self, Failure> {
        let path = if pack.is_dir() { pack.join("manifest.json") } else { pack.to_owned() };
        let bytes = read(&path, "give the folder of a pack: an archive is unpacked first, with `tar --zstd -xf`")?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { path, name, bytes })
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.path.with_file_name(format!("{}{suffix}", self.name))
    }

    fn keep(&self, reply: &[u8], nonce: Option<u64>, trusted: &Trusted) -> Result<(Stamp, Option<String>), Failure> {
        let stamp = check(&self.name, &self.bytes, reply, nonce)?;
        let by = trusted.vouch_for(self, reply, &stamp)?;
        write_new(&self.beside(REPLY), reply, Mode::All)?;
        Ok((stamp, by))
    }
}

/// Whom the user trusts to give time stamps, if anybody was named.
#[derive(Default)]
struct Trusted {
    #[cfg(feature = "aws")]
    authorities: Option<crate::evidence::authority::Authorities>,
}

impl Trusted {
    #[cfg(feature = "aws")]
    fn of(args: &TimestampArgs) -> Result<Self, Failure> {
        let read =
            |path: &PathBuf| crate::evidence::authority::Authorities::read(path).map_err(|error| Failure { code: 2, ..error.into() });
        Ok(Self { authorities: args.authorities.as_ref().map(read).transpose()? })
    }

    #[cfg(not(feature = "aws"))]
    fn of(_: &TimestampArgs) -> Result<Self, Failure> {
        Ok(Self::default())
    }

    /// Who signed the time stamp, if that was looked at.
    #[cfg(feature = "aws")]
    fn vouch_for(&self, manifest: &Manifest, reply: &[u8], stamp: &Stamp) -> Result<Option<String>, Failure> {
        let vouched = self.authorities.as_ref().map(|authorities| authorities.vouch_for(&manifest.name, reply, stamp));
        Ok(vouched.transpose()?)
    }

    #[cfg(not(feature = "aws"))]
    fn vouch_for(&self, _: &Manifest, _: &[u8], _: &Stamp) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}

fn read(path: &Path, hint: &str) -> Result<Vec<u8>, Failure> {
    crate::untrusted::stream(path, LARGEST_REPLY as u64).map_err(|error| Failure::usage(format!("{}: {error}", path.display())).hint(hint))
}

/// Asks an authority for a time stamp of a manifest, and keeps the reply beside it.
#[cfg(feature = "aws")]
fn stamp(pack: &Path, url: &str, nonce: Option<u64>, trusted: &Trusted) -> Result<(Stamp, Option<String>), Failure> {
    let manifest = Manifest::read(pack)?;
    not_stamped(&manifest)?;
    let reply =
        crate::evidence::timestamp::fetch(url, request(&manifest.bytes, nonce)).map_err(|error| Failure { code: 5, ..error.into() })?;
    manifest.keep(&reply, nonce, trusted)
}

fn not_stamped(manifest: &Manifest) -> Result<(), Failure> {
    let reply = manifest.beside(REPLY);
    if reply.symlink_metadata().is_ok() {
        let problem = format!("{}: the pack has a time stamp already, and it is not written over", reply.display());
        return Err(Failure::usage(problem).hint("look at it with --check"));
    }
    Ok(())
}

pub(super) fn run(args: TimestampArgs, terminal: &Terminal) -> Outcome {
    let trusted = Trusted::of(&args)?;
    #[cfg(feature = "aws")]
    if let Some(url) = &args.url {
        let nonce = args.nonce.then(crate::evidence::timestamp::nonce).transpose()?;
        let stamp = stamp(&args.pack, url, nonce, &trusted)?;
        return said(&Manifest::read(&args.pack)?, &stamp, terminal);
    }
    let manifest = Manifest::read(&args.pack)?;
    if let Some(path) = &args.reply {
        not_stamped(&manifest)?;
        let stamp = manifest.keep(&read(path, "give the path of the authority's reply")?, None, &trusted)?;
        return said(&manifest, &stamp, terminal);
    }
    if args.check {
        let path = manifest.beside(REPLY);
        let hint = "ask an authority for one: `keur evidence timestamp --url URL PACK`";
        let length = path.metadata().map_err(|error| Failure::usage(format!("{}: {error}", path.display())).hint(hint))?.len();
        if usize::try_from(length).is_ok_and(|length| length <= LARGEST_REPLY) {
            let reply = read(&path, hint)?;
            let stamp = check(&manifest.name, &manifest.bytes, &reply, None)?;
            let by = trusted.vouch_for(&manifest, &reply, &stamp)?;
            return said(&manifest, &(stamp, by), terminal);
        }
        return Err(Failure { code: 4, message: format!("{}: it is no time stamp: it is too large", path.display()), hint: None });
    }
    let path = manifest.beside(REQUEST);
    output::to_file(&path, &request(&manifest.bytes, None))?;
    terminal.say(&format!("wrote {}; send it to an authority, and keep the reply with `keur evidence timestamp --reply`:", path.display()));
    let name = &manifest.name;
    output::stdout(
        format!("curl -sSf -H 'Content-Type: application/timestamp-query' --data-binary @{name}{REQUEST} -o reply.tsr URL\n").as_bytes(),
    )
}

fn said(manifest: &Manifest, (stamp, by): &(Stamp, Option<String>), terminal: &Terminal) -> Outcome {
    let place = manifest.beside(REPLY);
    let what = format!("{}: of this file, at {} (policy {}, number {})", place.display(), stamp.time, stamp.policy, stamp.serial);
    if let Some(by) = by {
        terminal.say(&format!("{what}, signed by {by}"));
        return Ok(0);
    }
    terminal.say(&format!("{what}; who gave it was not checked: name the certificate of the authority with --tsa-ca, or use openssl:"));
    output::stdout(format!("{}\n", verify_command(&manifest.name)).as_bytes())
}
