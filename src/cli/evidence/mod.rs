//! `keur evidence`.

#[expect(dead_code, reason = "it needs the head of a chain")]
mod anchor;
mod key;
mod timestamp;

use clap::Subcommand;

use super::{Failure, Outcome, Terminal, now, output, variable};

/// What is done with evidence.
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Make a key to sign with, or show the public half of one and how an auditor uses it
    Key(key::KeyArgs),
    /// Get a pack a time stamp of an authority (RFC 3161), or check the one it has
    Timestamp(timestamp::TimestampArgs),
}

pub(super) fn run(command: EvidenceCommand, terminal: &Terminal) -> Outcome {
    match command {
        EvidenceCommand::Key(args) => key::run(args, terminal),
        EvidenceCommand::Timestamp(args) => timestamp::run(args, terminal),
    }
}
