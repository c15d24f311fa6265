//! Drift and differences, for people and for programs.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;

use super::table::{counted, plain};
use super::{Format, Style, folded, grid};
use crate::drift::{Difference, Drift, Entry, EstateChange, Ignore, Status, Unread};
use crate::estate::{Estate, Gap, Resource};

/// A comparison of code with what was seen.
pub(crate) struct DriftReport<'a> {
    /// The code.
    pub(crate) declared: &'a Estate,
    /// What was seen.
    pub(crate) seen: &'a Estate,
    /// The comparison.
    pub(crate) drift: &'a Drift,
    /// Rules that accept some of it.
    pub(crate) ignores: &'a [Ignore],
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    run: Run<'a>,
    summary: BTreeMap<&'static str, u64>,
    findings: Vec<Line<'a>>,
    owned: Vec<Line<'a>>,
    not_covered: NotCovered<'a>,
    gaps: Vec<&'a Gap>,
}

#[derive(Serialize)]
struct Run<'a> {
    as_of: String,
    tool: &'a str,
    source: &'a str,
    accounts: Vec<&'a str>,
    regions: &'a [String],
    files: Vec<&'a crate::estate::SourceDigest>,
}

#[derive(Serialize)]
struct NotCovered<'a> {
    declared: &'a BTreeMap<String, u64>,
    seen: &'a BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    status: Status,
    #[serde(rename = "type")]
    kind: &'a str,
    arn: &'a str,
    id: &'a str,
    account: &'a str,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unread: &'a [Unread],
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'a Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<&'a str>,
}

impl<'a> DriftReport<'a> {
    fn code(&self, entry: &Entry) -> Option<&'a Resource> {
        entry.declared.map(|at| &self.declared.resources[at])
    }

    fn shown(&self, entry: &Entry) -> &'a Resource {
        let live = entry.seen.map(|at| &self.seen.resources[at]);
        live.or_else(|| self.code(entry)).expect("internal error: an entry is about something")
    }

    fn line(&self, entry: &'a Entry) -> Line<'a> {
        let shown = self.shown(entry);
        let declared = self.code(entry).and_then(|r| r.declared.as_deref());
        let files = self.declared.run.declared.as_ref().map_or(&[][..], |run| &run.files);
        Line {
            status: entry.status,
            kind: &shown.kind.name,
            arn: &shown.arn,
            id: &shown.id,
            account: &shown.account,
            region: &shown.region,
            address: declared.map(|d| d.address.as_str()),
            file: declared.and_then(|d| files.get(d.file as usize)).map(|f| f.name.as_str()),
            differences: &entry.differences,
            unread: &entry.unread,
            owner: entry.owner.as_ref().map(|o| o.by.as_str()),
            owner_basis: entry.owner.as_ref().map(|o| o.basis.as_str()),
            gap: entry.gap.as_deref(),
            ignored: entry.ignored.map(|at| self.ignores[at].reason.as_str()),
        }
    }

    /// 1 for drift, 3 for what nobody can say, else 0.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.drift.findings().next().is_some(), self.drift.is_open()) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 0,
        }
    }

    /// Writes the report.
    pub(crate) fn write(&self, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
        if format == Format::Json { self.json(out) } else { self.table(style, out) }
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let run = &self.seen.run;
        let statuses = {
            use Status::{Changed, InSync, Missing, NotCompared, Owned, Twice, Unknown, Unmanaged, Unread};
            [InSync, Changed, Unread, Missing, Unmanaged, Owned, Twice, Unknown, NotCompared]
        };
        let mut summary: BTreeMap<&str, u64> = statuses.into_iter().map(|s| (s.as_str(), self.drift.count(s))).collect();
        summary.insert("ignored", self.drift.entries.iter().filter(|e| e.ignored.is_some()).count() as u64);
        summary.insert("properties-compared", self.drift.compared);
        let nothing = BTreeMap::new();
        let told = |e: &&Entry| e.status.drifts() || e.status.is_open();
        let document = Document {
            schema: "keur/drift/1",
            run: Run {
                as_of: run.as_of.to_string(),
                tool: &run.tool,
                source: &run.source,
                accounts: run.accounts.iter().map(|a| a.id.as_str()).collect(),
                regions: &run.regions,
                files: self.declared.run.declared.iter().flat_map(|d| &d.files).collect(),
            },
            summary,
            findings: self.drift.entries.iter().filter(told).map(|e| self.line(e)).collect(),
            owned: self.drift.entries.iter().filter(|e| e.status == Status::Owned).map(|e| self.line(e)).collect(),
            not_covered: NotCovered {
                declared: self.declared.run.declared.as_ref().map_or(&nothing, |d| &d.not_covered),
                seen: &self.drift.not_covered,
            },
            gaps: self.drift.gaps.iter().map(AsRef::as_ref).collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        out.write_all(b"\n")
    }

    fn table(&self, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = Vec::new();
        for entry in self.drift.findings() {
            let resource = self.shown(entry);
            let at = self
                .code(entry)
                .and_then(|r| r.declared.as_ref())
                .map_or_else(|| format!("{} {}", resource.account, resource.region), |declared| declared.address.clone());
            let what = format!("{}\n{}", plain(&resource.id), plain(&at));
            let kind = resource.kind.name.trim_start_matches("AWS::").to_owned();
            let differences = entry.differences.iter().map(difference);
            let said = match entry.status {
                Status::Missing => "declared, and not there",
                Status::Unmanaged if entry.declared.is_some() => "there, and only a part of it is declared",
                Status::Unmanaged => "there, and not declared",
                Status::Twice => "declared more than once",
                Status::Changed | Status::InSync | Status::Unread | Status::Owned | Status::Unknown | Status::NotCompared => "",
            };
            let detail = Some(said.to_owned()).filter(|said| !said.is_empty()).into_iter().chain(differences);
            let detail = detail.collect::<Vec<_>>().join("\n");
            rows.push(vec![entry.status.as_str().to_owned(), kind, what, detail]);
        }
        let count = rows.len();
        if rows.is_empty() && self.drift.is_open() {
            writeln!(out, "No drift in what could be compared; not everything could be")?;
        } else if rows.is_empty() {
            writeln!(out, "No drift: what is declared is there, as it is declared, and nothing else")?;
        } else {
            for line in grid(style.width, &["Drift", "Type (AWS::…)", "Resource", "What"], rows, &[]) {
                writeln!(out, "{line}")?;
            }
        }
        self.foot(count, style, out)
    }

    fn foot(&self, count: usize, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = vec![format!(
            "{count} of drift; {} in sync ({} compared), {} made by something else, {} unknown, {} not compared, {} ignored by rules",
            self.drift.count(Status::InSync),
            counted(self.drift.compared, "property", "properties"),
            self.drift.count(Status::Owned),
            self.drift.count(Status::Unknown) + self.drift.count(Status::Unread),
            self.drift.count(Status::NotCompared),
            self.drift.entries.iter().filter(|e| e.ignored.is_some()).count(),
        )];
        let mut owners: BTreeMap<String, u64> = BTreeMap::new();
        for owner in self.drift.entries.iter().filter_map(|e| e.owner.as_ref()) {
            let by = if owner.certain { owner.by.clone() } else { format!("{} by a tag that anybody can set", owner.by) };
            *owners.entry(by).or_default() += 1;
        }
        let owners: BTreeMap<&str, u64> = owners.iter().map(|(by, n)| (by.as_str(), *n)).collect();
        let list = |counts: &BTreeMap<&str, u64>| counts.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ");
        if !owners.is_empty() {
            lines.push(format!("Made by something else: {}", list(&owners)));
        }
        let texts = |counts: &'a BTreeMap<String, u64>| counts.iter().map(|(name, n)| (name.as_str(), *n)).collect::<BTreeMap<&str, u64>>();
        let declared = self.declared.run.declared.as_ref().map(|d| texts(&d.not_covered)).unwrap_or_default();
        if !declared.is_empty() {
            lines.push(format!("Declared, and not compared (types that keur does not read): {}", list(&declared)));
        }
        if !self.drift.not_covered.is_empty() {
            lines.push(format!("Seen, and not compared (types that code does not declare): {}", list(&texts(&self.drift.not_covered))));
        }
        let open = |e: &&Entry| (e.status.is_open() || !e.unread.is_empty()) && e.ignored.is_none();
        // Those of types that are not read are told above, by type.
        for entry in self.drift.entries.iter().filter(open).filter(|e| e.status != Status::NotCompared) {
            let resource = self.shown(entry);
            let unread = entry.unread.iter().map(|u| format!("{}: {}", u.attribute, u.gap));
            let why = entry.gap.iter().map(|gap| gap.to_string()).chain(unread).collect::<Vec<_>>().join(", ");
            lines.push(format!("Unknown: {} {}: {why}", resource.kind.name, resource.id));
        }
        for gap in &self.drift.gaps {
            lines.push(format!("Not looked everywhere: {gap} ({} {})", gap.account, gap.region));
        }
        writeln!(out)?;
        for line in lines {
            wrapped(&plain(&line), style, out)?;
        }
        Ok(())
    }
}

/// A line, and what does not fit behind it on others that are set in.
fn wrapped(text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    folded(style.width, out, |out| writeln!(out, "{text}"))
}

fn difference(difference: &Difference) -> String {
    let declared = short(&difference.declared);
    let seen = short(&difference.seen);
    plain(&format!("{}: {declared} declared, {seen} seen", difference.attribute))
}

fn short(json: &Json) -> String {
    // A word is an id, an ARN or a name: it can be copied, or it is not shown.
    const LONGEST: usize = 120;
    let text = match json {
        Json::Null => "none".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST || !text.contains(char::is_whitespace) && !text.starts_with(['{', '[']) {
        return text;
    }
    let cut: String = text.chars().take(LONGEST).collect();
    let end = cut.rfind([' ', ',']).unwrap_or(cut.len());
    format!("{} …", &cut[..end])
}

/// What happened between two estates.
pub(crate) struct DiffReport<'a> {
    /// The first.
    pub(crate) first: &'a Estate,
    /// The second.
    pub(crate) second: &'a Estate,
    /// What happened.
    pub(crate) changes: Vec<EstateChange>,
    /// Verdicts that turned.
    pub(crate) turned: Vec<Turned>,
}

/// A verdict that turned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Turned {
    /// The policy.
    pub(crate) policy: String,
    /// The resource, by type and ARN.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// ARN.
    pub(crate) arn: String,
    /// In the first; none where it was not judged.
    pub(crate) was: Option<&'static str>,
    /// In the second.
    pub(crate) is: Option<&'static str>,
    /// The sentence about it, in the second.
    pub(crate) message: Option<String>,
}

/// A difference between two days, not between a declaration and what was seen.
#[derive(Serialize)]
struct Turn<'a> {
    attribute: &'a str,
    was: &'a Json,
    is: &'a Json,
}

#[derive(Serialize)]
struct DiffLine<'a> {
    change: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    arn: &'a str,
    id: &'a str,
    account: &'a str,
    region: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct DiffDocument<'a> {
    schema: &'static str,
    first: Side<'a>,
    second: Side<'a>,
    changes: Vec<DiffLine<'a>>,
    verdicts: &'a [Turned],
}

#[derive(Serialize)]
struct Side<'a> {
    source: &'a str,
    as_of: String,
    resources: usize,
}

impl DiffReport<'_> {
    fn lines(&self) -> Vec<DiffLine<'_>> {
        let mut lines = Vec::new();
        for change in &self.changes {
            lines.push(match change {
                EstateChange::Appeared(at) => diff_line("appeared", &self.second.resources[*at], &[][..], None),
                EstateChange::Vanished(at) => diff_line("vanished", &self.first.resources[*at], &[][..], None),
                EstateChange::Changed(at, differences) => diff_line("changed", &self.second.resources[*at], differences.as_slice(), None),
                EstateChange::Unseen { kind, account, region, why } => {
                    let (arn, id, differences) = ("", "what was not listed", Vec::new());
                    DiffLine { change: "unknown", kind, arn, id, account, region, differences, why: Some(why) }
                }
                EstateChange::Unknown { first, second, why } => {
                    let resource = match (first, second) {
                        (_, Some(at)) => &self.second.resources[*at],
                        (Some(at), None) => &self.first.resources[*at],
                        (None, None) => continue,
                    };
                    diff_line("unknown", resource, &[][..], Some(why.as_str()))
                }
            });
        }
        lines
    }

    /// 1 where something changed, 3 where nobody can say, else 0.
    pub(crate) fn exit_code(&self) -> u8 {
        let open = |change: &EstateChange| matches!(change, EstateChange::Unknown { .. } | EstateChange::Unseen { .. });
        match (self.changes.iter().any(|c| !open(c)) || !self.turned.is_empty(), self.changes.iter().any(open)) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 0,
        }
    }

    /// Writes the report.
    pub(crate) fn write(&self, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let side = |estate: &'_ Estate| -> (String, String, usize) {
            (estate.run.source.clone(), estate.run.as_of.to_string(), estate.resources.len())
        };
        let (a, b) = (side(self.first), side(self.second));
        if format == Format::Json {
            let document = DiffDocument {
                schema: "keur/diff/1",
                first: Side { source: &a.0, as_of: a.1.clone(), resources: a.2 },
                second: Side { source: &b.0, as_of: b.1.clone(), resources: b.2 },
                changes: self.lines(),
                verdicts: &self.turned,
            };
            serde_json::to_writer_pretty(&mut *out, &document)?;
            return out.write_all(b"\n");
        }
        let side =
            |(source, as_of, n): &(String, String, usize)| format!("{source} of {as_of} ({})", counted(*n as u64, "resource", "resources"));
        wrapped(&plain(&format!("{} against {}", side(&a), side(&b))), style, out)?;
        let lines = self.lines();
        if lines.is_empty() {
            writeln!(out, "\nNothing appeared, vanished or changed")?;
        } else {
            let row = |line: &DiffLine<'_>| {
                let what = match line.why {
                    Some(why) => why.to_owned(),
                    None => line
                        .differences
                        .iter()
                        .map(|d| format!("{}: {} → {}", d.attribute, short(d.was), short(d.is)))
                        .collect::<Vec<_>>()
                        .join("\n"),
                };
                let place = format!("{}\n{} {}", plain(line.id), line.account, line.region);
                let lines: Vec<String> = what.lines().map(plain).collect();
                vec![line.change.to_owned(), line.kind.trim_start_matches("AWS::").to_owned(), place, lines.join("\n")]
            };
            writeln!(out)?;
            for text in grid(style.width, &["Change", "Type (AWS::…)", "Resource", "What"], lines.iter().map(row).collect(), &[]) {
                writeln!(out, "{text}")?;
            }
        }
        if self.turned.is_empty() {
            return writeln!(out, "\nNo verdict turned");
        }
        let row = |turned: &Turned| {
            let word = |verdict: Option<&'static str>| verdict.unwrap_or("not judged");
            vec![turned.policy.clone(), plain(&turned.arn), format!("{} → {}", word(turned.was), word(turned.is))]
        };
        writeln!(out)?;
        for text in grid(style.width, &["Policy", "Resource", "Verdict"], self.turned.iter().map(row).collect(), &[]) {
            writeln!(out, "{text}")?;
        }
        Ok(())
    }
}

fn diff_line<'a>(change: &'static str, r: &'a Resource, differences: &'a [Difference], why: Option<&'a str>) -> DiffLine<'a> {
    let differences = differences.iter().map(|d| Turn { attribute: &d.attribute, was: &d.declared, is: &d.seen }).collect();
    DiffLine { change, kind: &r.kind.name, arn: &r.arn, id: &r.id, account: &r.account, region: &r.region, differences, why }
}
