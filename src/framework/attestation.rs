//! Attestations: facts that a document proves and no API can show.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::diag::{Code, Diagnostic, SourceFile, nearest};
use crate::policy::Statement;
use crate::policy::yaml::{Node, Reader, parse};
use crate::untrusted;

/// The most that is read of a document.
const LARGEST: u64 = 1 << 30;

/// A document-backed fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The statement it proves.
    pub statement: String,
    /// What it says, one sentence.
    pub title: String,
    /// The document.
    pub document: Document,
    /// Who answers for it.
    pub owner: String,
    /// Who approved it.
    pub approver: String,
    /// First day it holds.
    pub valid_from: Date,
    /// Last day it holds.
    pub valid_until: Date,
}

/// Where the document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// A file beside the attestation, with the SHA-256 it must have.
    File {
        /// As written.
        path: String,
        /// `sha256:…`
        sha256: String,
    },
    /// Elsewhere.
    Uri(String),
}

/// Whether an attestation holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    Valid,
    /// Not any more.
    Expired,
    /// Not yet.
    Future,
}

impl Attestation {
    /// Whether it holds at that moment (days are UTC).
    pub fn state(&self, at: Timestamp) -> State {
        let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        if day < self.valid_from {
            State::Future
        } else if day > self.valid_until {
            State::Expired
        } else {
            State::Valid
        }
    }
}

/// Reads attestation files: each one attestation, or a list of them. Documents are files below
/// `folder`; their content must have the SHA-256 that is written. Without a folder that was seen to
/// before, when the rules became part of a pack.
pub fn attestations(
    sources: &[Arc<SourceFile>],
    folder: Option<&Path>,
    statements: &[Statement],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Attestation> {
    let mut all = Vec::new();
    for source in sources {
        let Some(node) = parse(source, diagnostics) else { continue };
        let mut reader = Reader { source: Arc::clone(source), diagnostics };
        let items: Vec<&Node> = match &node.kind {
            crate::policy::yaml::Kind::List(items) => items.iter().collect(),
            _ => vec![&node],
        };
        for item in items {
            all.extend(attestation(&mut reader, item, folder, statements));
        }
    }
    all.sort_by(|a, b| (&a.statement, a.valid_from, &a.title).cmp(&(&b.statement, b.valid_from, &b.title)));
    all
}

fn attestation(reader: &mut Reader<'_>, node: &Node, folder: Option<&Path>, statements: &[Statement]) -> Option<Attestation> {
    let mut table = reader.table(node, "an attestation")?;
    let statement = table.need(reader, "statement").and_then(|n| Some((reader.string(n, "statement")?, n.span.clone())));
    let title = table.need(reader, "title").and_then(|n| reader.string(n, "title"));
    let document = table.need(reader, "document").and_then(|n| Some((reader.string(n, "document")?, n.span.clone())));
    let sha256 = table.get("sha256").and_then(|n| Some((reader.string(n, "sha256")?, n.span.clone())));
    let owner = table.need(reader, "owner").and_then(|n| reader.string(n, "owner"));
    let approver = table.need(reader, "approver").and_then(|n| reader.string(n, "approver"));
    let from = table.need(reader, "valid_from").and_then(|n| date(reader, n, "valid_from"));
    let until = table.need(reader, "valid_until").and_then(|n| Some((date(reader, n, "valid_until")?, n.span.clone())));
    table.finish(reader);
    if let Some((name, span)) = &statement
        && !statements.iter().any(|s| s.id == *name)
    {
        let near = nearest(name, statements.iter().map(|s| s.id.as_str())).map(|n| format!("did you mean `{n}`?"));
        reader.wrong(Code::UnknownStatement, format!("no statement `{name}`"), span.clone(), "unknown statement").help.extend(near);
    }
    if let (Some(from), Some((until, span))) = (from, &until)
        && *until < from
    {
        reader.wrong(Code::BadValue, "it ends before it begins", span.clone(), "before `valid_from`");
    }
    let (text, span) = document?;
    let document = if text.contains("://") { Document::Uri(text) } else { file(reader, text, span, sha256, folder)? };
    Some(Attestation {
        statement: statement?.0,
        title: title?,
        document,
        owner: owner?,
        approver: approver?,
        valid_from: from?,
        valid_until: until?.0,
    })
}

fn file(
    reader: &mut Reader<'_>,
    path: String,
    span: Range<usize>,
    sha256: Option<(String, Range<usize>)>,
    folder: Option<&Path>,
) -> Option<Document> {
    let Some((wanted, wanted_span)) = sha256 else {
        let found = reader.wrong(Code::BadValue, "a document that is a file needs its `sha256`", span, "no `sha256`");
        found.help.push("`sha256sum` prints it; or give a URI".to_owned());
        return None;
    };
    let relative = Path::new(&path);
    let climbs = relative.components().any(|c| !matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if climbs {
        reader.wrong(Code::BadValue, "a document lies below the folder of attestations", span, "leads out of it");
        return None;
    }
    let wanted = if wanted.starts_with("sha256:") { wanted } else { format!("sha256:{wanted}") }.to_ascii_lowercase();
    let Some(folder) = folder else { return Some(Document::File { path, sha256: wanted }) };
    let bytes = match untrusted::read(&folder.join(relative), LARGEST) {
        Ok(bytes) => bytes,
        Err(error) => {
            reader.wrong(Code::UnreadableFile, format!("`{path}`: {error}"), span, "cannot be read");
            return None;
        }
    };
    let found = crate::estate::ResponseId::of(&bytes).to_string();
    if wanted != found {
        let wrong = reader.wrong(Code::BadValue, format!("`{path}` has another SHA-256"), wanted_span, "not that of the document");
        wrong.help.push(format!("it has {found}: is it another edition of the document?"));
        return None;
    }
    Some(Document::File { path, sha256: found })
}

pub(crate) fn date(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Date> {
    let text = reader.string(node, what)?;
    let parsed = text.parse::<Date>().ok();
    if parsed.is_none() {
        let found = reader.wrong(Code::BadValue, format!("`{text}` is not a day"), node.span.clone(), "not a day");
        found.help.push("a day is written like 2026-12-31".to_owned());
    }
    parsed
}
