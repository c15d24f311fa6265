//! Anchors: what the newest pack of a chain is, said in a place that whoever writes the chain cannot change. Without one
//! the holder of the key could write all packs anew, or leave out the last.

use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::target::{self, Target};
use crate::untrusted;

/// The schema of an anchor.
const SCHEMA: &str = "keur/anchor/1";
/// An anchor is a line; a file of them for ten years of hourly runs is smaller.
const LARGEST: u64 = 64 << 20;

/// The newest pack of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Id of the chain: `sha256:…`
    pub chain: String,
    /// Number of the pack, from 1 on.
    pub sequence: u64,
    /// `sha256:…` of its manifest.
    pub manifest_sha256: String,
    /// When the pack was finished.
    pub time: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    schema: String,
    chain: String,
    sequence: u64,
    manifest_sha256: String,
    time: Timestamp,
}

/// Why an anchor was not written, or cannot be read. The place is the user's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct AnchorError {
    /// File or `s3://…`, with the line where there is one.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
    /// Whether the pack is anchored already, as another one: one of the two is not true.
    pub conflict: bool,
}

impl AnchorError {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>, hint: &'static str) -> Self {
        Self { place: place.into(), problem: problem.into(), hint, conflict: false }
    }
}

/// What became of an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    New,
    /// It was there already.
    Already,
}

/// Somebody anchored the pack of this number differently: that is what anchors are there to show.
const CONFLICT: &str =
    "find out which of the two chains is the true one before anything else is written to it: one was rewritten, or two runs write to it";

impl Head {
    /// One line of JSON.
    pub fn to_line(&self) -> String {
        let line = Line {
            schema: SCHEMA.to_owned(),
            chain: self.chain.clone(),
            sequence: self.sequence,
            manifest_sha256: self.manifest_sha256.clone(),
            time: self.time,
        };
        let mut text = serde_json::to_string(&line).expect("internal error: an anchor is JSON");
        text.push('\n');
        text
    }

    /// Name of the anchor where each is an object of its own: the first eight digits of the chain and the number.
    pub fn object_name(&self) -> String {
        let digits = self.chain.strip_prefix("sha256:").unwrap_or(&self.chain);
        format!("{}-{:06}.json", digits.get(..8).unwrap_or(digits), self.sequence)
    }

    /// Reads a line.
    pub fn parse(place: &str, line: &str) -> Result<Self, AnchorError> {
        let wrong = |problem: String| AnchorError::new(place, problem, "give what `keur evidence anchor` wrote, unchanged");
        let line: Line =
            serde_json::from_str(line).map_err(|error| wrong(format!("it is no anchor: {}", untrusted::json_problem(&error))))?;
        if line.schema != SCHEMA {
            return Err(wrong(format!("it is no anchor: its schema is `{}`, not `{SCHEMA}`", line.schema)));
        }
        if !is_sha256(&line.chain) || !is_sha256(&line.manifest_sha256) || line.sequence == 0 {
            return Err(wrong("it is no anchor: it names no pack of a chain".to_owned()));
        }
        Ok(Self { chain: line.chain, sequence: line.sequence, manifest_sha256: line.manifest_sha256, time: line.time })
    }

    fn is_same_place(&self, other: &Self) -> bool {
        self.chain == other.chain && self.sequence == other.sequence
    }
}

fn is_sha256(text: &str) -> bool {
    let digits = |digits: &str| digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    text.strip_prefix("sha256:").is_some_and(digits)
}

/// Reads the anchors of a file.
pub fn read(path: &Path) -> Result<Vec<Head>, AnchorError> {
    let name = path.display().to_string();
    let failed =
        |problem: String| AnchorError::new(&name, problem, "give a file that `keur evidence anchor` wrote, or `s3://BUCKET/PREFIX/`");
    let text = untrusted::text(path, LARGEST).map_err(|error| failed(error.to_string()))?;
    lines(&name, &text)
}

fn lines(name: &str, text: &str) -> Result<Vec<Head>, AnchorError> {
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    numbered.map(|(number, line)| Head::parse(&format!("{name}:{}", number + 1), line)).collect()
}

/// Appends an anchor to a file, which is made if it is not there.
pub fn append(path: &Path, head: &Head) -> Result<Written, AnchorError> {
    let name = path.display().to_string();
    let failed =
        |error: std::io::Error| AnchorError::new(&name, error.to_string(), "give a path in a folder that exists and may be written");
    let target = Target::Path(path.to_owned());
    if !target::is_file_or_new(path).map_err(failed)? {
        // A device or a FIFO keeps nothing that could be read.
        return target.append(head.to_line().as_bytes()).map(|()| Written::New).map_err(failed);
    }
    let text = match untrusted::read(path, LARGEST) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let before = lines(&name, &text)?;
    if already(&name, &before, head)? == Written::Already {
        return Ok(Written::Already);
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    target.append(format!("{gap}{}", head.to_line()).as_bytes()).map_err(failed)?;
    Ok(Written::New)
}

/// Whether the pack is anchored already; an error if it is, but as another one.
pub(super) fn already(place: &str, before: &[Head], head: &Head) -> Result<Written, AnchorError> {
    let mut same = before.iter().filter(|other| other.is_same_place(head)).peekable();
    if same.peek().is_none() {
        return Ok(Written::New);
    }
    match same.find(|other| other.manifest_sha256 != head.manifest_sha256) {
        None => Ok(Written::Already),
        Some(other) => {
            let problem = format!(
                "pack {} is anchored there already, with the manifest {}, not {}",
                head.sequence, other.manifest_sha256, head.manifest_sha256
            );
            Err(AnchorError { conflict: true, ..AnchorError::new(place, problem, CONFLICT) })
        }
    }
}

/// What the anchors say of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The highest number that is anchored as it is in the chain; packs after that may be left out unnoticed.
    pub anchored: Option<u64>,
    /// What does not fit.
    pub problems: Vec<String>,
}

/// Holds anchors against a chain; `manifest_of` gives the `sha256:…` of the manifest of a number, if the chain has it.
/// Anchors of other chains are left alone.
pub fn compare(anchors: &[Head], chain: &str, manifest_of: impl Fn(u64) -> Option<String>) -> Comparison {
    let mut comparison = Comparison::default();
    let mut own: Vec<&Head> = anchors.iter().filter(|anchor| anchor.chain == chain).collect();
    own.sort_by(|a, b| (a.sequence, a.time, &a.manifest_sha256).cmp(&(b.sequence, b.time, &b.manifest_sha256)));
    own.dedup_by(|a, b| a.is_same_place(b) && a.manifest_sha256 == b.manifest_sha256);
    if own.is_empty() {
        comparison.problems.push(format!("no anchor is of the chain {chain}"));
    }
    for anchor in own {
        let number = anchor.sequence;
        match manifest_of(number) {
            Some(manifest) if manifest == anchor.manifest_sha256 => {
                comparison.anchored = comparison.anchored.max(Some(number));
            }
            Some(manifest) => comparison.problems.push(format!(
                "pack {number} was anchored with the manifest {}, and now has {manifest}: it was written anew",
                anchor.manifest_sha256
            )),
            None => comparison.problems.push(format!("pack {number} was anchored, and is not in the chain: it was removed")),
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn head(chain: char, sequence: u64, manifest: char) -> Head {
        let sha256 = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
        Head { chain: sha256(chain), sequence, manifest_sha256: sha256(manifest), time: "2026-08-31T06:12:44Z".parse().unwrap() }
    }

    #[test]
    fn anchors_are_appended_and_read_again() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("anchors.jsonl");
        assert_eq!(append(&path, &head('a', 1, '1')), Ok(Written::New));
        assert_eq!(append(&path, &head('a', 2, '2')), Ok(Written::New));
        assert_eq!(append(&path, &head('b', 1, '3')), Ok(Written::New));
        assert_eq!(append(&path, &head('a', 2, '2')), Ok(Written::Already));
        assert_eq!(read(&path).unwrap(), [head('a', 1, '1'), head('a', 2, '2'), head('b', 1, '3')]);
        let first = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
        let digits = |digit: &str| digit.repeat(64);
        assert_eq!(
            first,
            format!(
                "{{\"schema\":\"keur/anchor/1\",\"chain\":\"sha256:{}\",\"sequence\":1,\"manifest_sha256\":\"sha256:{}\",\
                 \"time\":\"2026-08-31T06:12:44Z\"}}",
                digits("a"),
                digits("1")
            )
        );
        let error = append(&path, &head('a', 2, '4')).unwrap_err();
        assert!(error.conflict && error.problem.contains("pack 2 is anchored there already"), "{error}");
        assert_eq!(read(&path).unwrap().len(), 3, "nothing was added");
    }

    #[test]
    fn a_line_without_an_end_is_not_continued() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("anchors.jsonl");
        fs::write(&path, head('a', 1, '1').to_line().trim_end()).unwrap();
        append(&path, &head('a', 2, '2')).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_anchor_is_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let good = head('a', 1, '1').to_line();
        for bad in [
            "{}",
            "x",
            &good.replace("anchor/1", "anchor/2"),
            &good.replace("\"sequence\":1", "\"sequence\":0"),
            &good.replace("sha256:1", "sha256:"),
        ] {
            fs::write(&path, format!("{good}{bad}")).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.place.ends_with("anchors.jsonl:2") && error.problem.contains("no anchor"), "{bad}: {error}");
            assert_eq!(append(&path, &head('a', 2, '2')).unwrap_err(), error);
        }
        assert!(read(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn names_of_objects_are_in_the_order_of_the_packs() {
        assert_eq!(head('a', 42, '1').object_name(), "aaaaaaaa-000042.json");
        assert_eq!(head('a', 12_345_678, '1').object_name(), "aaaaaaaa-12345678.json");
    }

    #[test]
    fn a_chain_is_held_against_its_anchors() {
        let chain = head('a', 1, '1').chain;
        let manifests = [head('a', 1, '1').manifest_sha256, head('a', 2, '2').manifest_sha256];
        let of = |number: u64| manifests.get(usize::try_from(number).unwrap() - 1).cloned();
        let same = compare(&[head('a', 1, '1'), head('a', 2, '2'), head('b', 9, '9'), head('a', 2, '2')], &chain, of);
        assert_eq!(same, Comparison { anchored: Some(2), problems: Vec::new() });
        let rewritten = compare(&[head('a', 1, '5')], &chain, of);
        assert_eq!(rewritten.anchored, None);
        assert!(rewritten.problems[0].contains("written anew"), "{rewritten:?}");
        let removed = compare(&[head('a', 1, '1'), head('a', 3, '3')], &chain, of);
        assert_eq!(removed.anchored, Some(1));
        assert_eq!(removed.problems, ["pack 3 was anchored, and is not in the chain: it was removed"]);
        // Somebody wrote a second anchor for a pack: both are looked at.
        assert_eq!(compare(&[head('a', 1, '1'), head('a', 1, '5')], &chain, of).problems.len(), 1);
        assert!(compare(&[head('b', 1, '1')], &chain, of).problems[0].contains("no anchor is of the chain"));
    }
}
