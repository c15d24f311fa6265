//! What holds each thing that a pack says: the table at the end of `keur evidence verify`.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::grid;
use crate::untrusted::plain;

/// What holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    /// It was made again from the answers and the rules, and is the same.
    Derived,
    /// It was held against something else in the pack or the chain, and does not contradict it.
    Compared,
    /// Whoever signed the pack says so: nothing in the pack shows it.
    Statement,
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::Derived => "derived",
            Self::Compared => "compared",
            Self::Statement => "statement",
        }
    }
}

/// Something that a pack says.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Held {
    /// Files, or members of files.
    pub(super) what: String,
    /// What holds it.
    pub(super) how: How,
    /// With what it was compared; of a statement, what is stated.
    pub(super) note: String,
}

/// Prints them: derived first, statements last.
pub(super) fn table(held: &[Held], width: u16, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<&Held> = held.iter().collect();
    rows.sort_by_key(|row| row.how);
    let cells = |row: &&Held| vec![row.how.word().to_owned(), plain(&row.what), plain(&row.note)];
    for line in grid(width, &["held as", "what it says", "by what"], rows.iter().map(cells).collect(), &[]) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
