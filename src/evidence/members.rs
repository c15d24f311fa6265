//! What a pack may hold: every file by name and role. What is not here is no member of a pack, whatever its manifest says.

use std::collections::BTreeSet;

use super::manifest::{Ended, FileEntry, Manifest};

/// Files beside the manifest that it cannot name.
pub(super) const BESIDE: &[&str] =
    &["manifest.json", "SHA256SUMS", "manifest.json.minisig", "manifest.json.intoto.jsonl", "manifest.json.tsr", "manifest.json.tsq"];

/// Path, without `.zst`, and role.
pub(crate) const MEMBERS: &[(&str, &str)] = &[
    ("started.json", "started"),
    ("started.json.minisig", "signature"),
    ("started.json.intoto.jsonl", "signature"),
    ("run.json", "run"),
    ("rules.json", "rules"),
    ("tape.json", "tape"),
    ("index.jsonl", "index"),
    ("estate.json", "estate"),
    ("before.json", "before"),
    ("declared.json", "declared"),
    ("past.json", "past"),
    ("population.json", "population"),
    ("findings.json", "findings"),
    ("open.json", "open"),
    ("exports/oscal-ar.json", "export"),
    ("exports/ocsf.json", "export"),
    ("exports/asff.json", "export"),
    ("exports/findings.csv", "export"),
];

/// What a member is called where it is not compressed.
pub(crate) fn plain(file: &FileEntry) -> &str {
    match &file.content {
        Some(_) => file.path.strip_suffix(".zst").unwrap_or(&file.path),
        None => &file.path,
    }
}

/// `report.en.html`: the language of a report.
pub(crate) fn report_language(path: &str) -> Option<&str> {
    let code = path.strip_prefix("report.")?.strip_suffix(".html")?;
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase())).then_some(code)
}

fn is_member(file: &FileEntry) -> bool {
    let path = plain(file);
    // What says that it is compressed is called so, and the other way round.
    let named = file.content.is_some() == file.path.ends_with(".zst");
    let known = MEMBERS.contains(&(path, file.role.as_str()));
    named && (known || (file.role == "report" && report_language(path).is_some()))
}

/// What a manifest names that is no member of a pack, or a second one. A run that was killed leaves what it had.
pub(super) fn strange(manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in &manifest.files {
        let leftover = manifest.ended == Ended::Aborted && file.role == "leftover";
        if !leftover && !is_member(file) {
            found.push(format!("it names {:?} as its {:?}, which is no member of a pack", file.path, file.role));
        }
        // Of exports and signatures there are several; the report is written once.
        let one = if matches!(file.role.as_str(), "export" | "signature" | "leftover") { plain(file) } else { file.role.as_str() };
        if !seen.insert(one) {
            found.push(format!("it names more than one file as its {one}"));
        }
    }
    found
}
