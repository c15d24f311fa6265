//! What holds each thing that a pack says: the table at the end of `keur evidence verify`.

use std::io::{self, Write};

use serde::Serialize;

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

/// Widest first column.
const WIDEST: usize = 34;

/// Prints them, one a line: derived first, statements last.
pub(super) fn table(held: &[Held], out: &mut dyn Write) -> io::Result<()> {
    let width = held.iter().map(|row| row.what.chars().count()).max().unwrap_or_default().min(WIDEST);
    let mut rows: Vec<&Held> = held.iter().collect();
    rows.sort_by_key(|row| row.how);
    for row in rows {
        writeln!(out, "  {:<9}  {:<width$}  {}", row.how.word(), plain(&row.what), plain(&row.note))?;
    }
    Ok(())
}
