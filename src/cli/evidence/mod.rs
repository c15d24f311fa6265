//! `keur evidence`, and what `keur check --evidence` writes.

mod anchor;
mod derive;
mod held;
mod key;
mod rebuild;
mod show;
mod timestamp;
mod write;

use clap::{Args, Subcommand, ValueHint};

use super::{Failure, Outcome, Terminal, now, output, variable};
use crate::evidence::Error;
use crate::evidence::sign::PublicKey;

pub(super) use rebuild::{estate_of, is_pack};
pub(super) use write::{EvidenceArgs, abort, keep, not_kept};

/// Whose packs are read.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SignedByArgs {
    /// A public key that every pack that is read must be signed by: a file (minisign or PEM), or minisign's line; several
    /// where the key was changed
    #[arg(long = "public-key", value_name = "KEY", value_hint = ValueHint::FilePath)]
    keys: Vec<String>,
}

impl SignedByArgs {
    /// The keys.
    pub(super) fn keys(&self) -> Result<Vec<PublicKey>, Failure> {
        Ok(self.keys.iter().map(|key| PublicKey::read(key)).collect::<Result<Vec<_>, _>>()?)
    }
}

/// What is done with evidence.
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Check every byte and every link of a chain, a pack or the archive of a pack
    Verify(show::VerifyArgs),
    /// Evaluate a pack again, from nothing but itself: the findings must be the same bytes
    Replay(rebuild::ReplayArgs),
    /// Show any control on any day, what was opened and closed, and when nobody looked
    History(show::HistoryArgs),
    /// Write the report of a pack again, in another language or another format
    Report(rebuild::ReportArgs),
    /// Write a pack as one file, with everything that it needs: the same pack gives the same bytes
    Archive(show::ArchiveArgs),
    /// Say the head of a chain, and write it where whoever runs keur cannot rewrite it
    Anchor(anchor::AnchorArgs),
    /// Make a key to sign with, or show the public half of one and how an auditor uses it
    Key(key::KeyArgs),
    /// Get a pack a time stamp of an authority (RFC 3161), or check the one it has
    Timestamp(timestamp::TimestampArgs),
}

pub(super) fn run(command: EvidenceCommand, terminal: &Terminal) -> Outcome {
    match command {
        EvidenceCommand::Verify(args) => show::verify(&args, terminal),
        EvidenceCommand::Replay(args) => rebuild::replay(&args, terminal),
        EvidenceCommand::History(args) => show::history(&args, terminal),
        EvidenceCommand::Report(args) => rebuild::report(args, terminal),
        EvidenceCommand::Archive(args) => show::archive(&args, terminal),
        EvidenceCommand::Anchor(args) => anchor::run(args, terminal, show::head),
        EvidenceCommand::Key(args) => key::run(args, terminal),
        EvidenceCommand::Timestamp(args) => timestamp::run(args, terminal),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // What could not be read is not a pack that does not hold.
        // Those that are no answer of the system say themselves what to do.
        let (code, hint) = match error.io {
            true if !error.reason.contains("os error") => (2, None),
            true => (2, Some("give the folder of a chain, of one of its packs, or the archive of a pack")),
            false => {
                (4, Some("`keur evidence verify` names everything that does not hold; get what is damaged from where it was first stored"))
            }
        };
        Self { code, message: error.to_string(), hint: hint.map(str::to_owned) }
    }
}
