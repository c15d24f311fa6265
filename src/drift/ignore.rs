//! `.keurignore`: drift that somebody accepted, with a reason and an end.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Drift, Status};
use crate::diag::{Code, Diagnostic, SourceFile};
use crate::estate::Estate;
use crate::framework::date;
use crate::isolation::{Globs, glob};
use crate::policy::yaml::{Node, Reader, parse};

/// Drift that is accepted.
#[derive(Debug, Clone)]
pub(crate) struct Ignore {
    /// Ids, ARNs or addresses, exact or with `*` for any characters, anchored at both ends.
    pub(crate) resources: Vec<(String, Range<usize>)>,
    /// The type it is about, by the name of AWS or the code's own; any if none.
    pub(crate) kind: Option<String>,
    /// Only these properties, with `*`; everything if none: missing and unmanaged too.
    pub(crate) attributes: Vec<String>,
    /// Why.
    pub(crate) reason: String,
    /// The last day it holds.
    pub(crate) expires: Date,
    /// The file.
    pub(crate) source: Arc<SourceFile>,
}

/// Reads a file of rules: a list.
pub(crate) fn ignores(source: &Arc<SourceFile>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Ignore> {
    let Some(node) = parse(source, diagnostics) else { return Vec::new() };
    let mut reader = Reader { source: Arc::clone(source), diagnostics };
    let items = reader.list(&node, "`.keurignore`").unwrap_or_default();
    items.iter().filter_map(|item| ignore(&mut reader, item)).collect()
}

fn ignore(reader: &mut Reader<'_>, node: &Node) -> Option<Ignore> {
    let mut table = reader.table(node, "a rule")?;
    let resources = table.need(reader, "resources").and_then(|n| Some((reader.strings(n, "resources")?, n.span.clone())));
    let kind = table.get("type").and_then(|n| reader.string(n, "type"));
    let attributes = table.get("attributes").map(|n| reader.strings(n, "attributes").unwrap_or_default());
    let reason = table.need(reader, "reason").and_then(|n| reader.string(n, "reason"));
    let expires = table.need(reader, "expires").and_then(|n| date(reader, n, "expires"));
    table.finish(reader);
    let (resources, span) = resources?;
    if resources.is_empty() || attributes.as_ref().is_some_and(Vec::is_empty) {
        reader.wrong(Code::EmptyList, "a rule names its resources, and its attributes where it has any", span, "empty");
        return None;
    }
    for (pattern, span) in &resources {
        // A pattern of stars alone would hide everything, today and for ever.
        let unlike = [
            "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-0a1b",
            "arn:aws:s3:::clinic-logs",
            "arn:aws:iam::123456789012:role/Deploy",
            "aws_vpc.main",
            "aws_s3_bucket.logs",
        ];
        let wide = pattern.chars().filter(|c| *c != '*').count() < 3 || unlike.iter().filter(|arn| glob(pattern, arn)).count() > 1;
        if wide && kind.is_none() {
            let found = reader.wrong(Code::BadValue, format!("`{pattern}` would hide nearly everything"), span.clone(), "too wide");
            found.help.push("name the resources, a pattern of more than what all ARNs or addresses begin with, or a `type`".to_owned());
        }
    }
    Some(Ignore {
        resources,
        kind,
        attributes: attributes.unwrap_or_default().into_iter().map(|(text, _)| text).collect(),
        reason: reason?,
        expires: expires?,
        source: Arc::clone(&reader.source),
    })
}

impl Ignore {
    fn is_of(&self, kinds: &[&str]) -> bool {
        self.kind.as_ref().is_none_or(|own| kinds.contains(&own.as_str()))
    }

    fn holds(&self, today: Date) -> bool {
        today <= self.expires
    }
}

/// Takes what rules accept out of the findings: properties that a rule names, or whole resources.
pub(super) fn apply(ignores: &[Ignore], declared: &Estate, seen: &Estate, drift: &mut Drift, at: Timestamp) {
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let holding = ignores.iter().enumerate().filter(|(_, rule)| rule.holds(today));
    let globs = Globs::new(holding.flat_map(|(number, rule)| rule.resources.iter().map(move |(pattern, _)| (pattern.as_str(), number))));
    for entry in &mut drift.entries {
        if !entry.status.drifts() && !entry.status.is_open() {
            continue;
        }
        let resources = [entry.declared.map(|at| &declared.resources[at]), entry.seen.map(|at| &seen.resources[at])];
        let Some(shown) = resources.iter().flatten().next() else { continue };
        // What is of a type that is not read, the code's own name of the type is about.
        let mut kinds = vec![shown.kind.name.as_str()];
        kinds.extend(shown.declared.as_ref().map(|d| d.source_type.as_str()));
        let mut names: Vec<&str> = Vec::new();
        for resource in resources.iter().flatten() {
            names.extend([&*resource.id, &*resource.arn]);
            names.extend(resource.declared.as_ref().map(|d| d.address.as_str()));
        }
        let numbers: BTreeSet<usize> = names.iter().flat_map(|name| globs.matches(name)).collect();
        for (number, rule) in numbers.into_iter().map(|number| (number, &ignores[number])).filter(|(_, rule)| rule.is_of(&kinds)) {
            if rule.attributes.is_empty() {
                entry.ignored = Some(number);
                break;
            }
            let accepted = |attribute: &str| rule.attributes.iter().any(|pattern| glob(pattern, attribute));
            let attributes = || entry.differences.iter().map(|d| &d.attribute).chain(entry.unread.iter().map(|u| &u.attribute));
            if matches!(entry.status, Status::Changed | Status::Unread) && attributes().any(|a| accepted(a)) {
                if attributes().all(|a| accepted(a)) {
                    entry.ignored = Some(number);
                    break;
                }
                entry.differences.retain(|d| !accepted(&d.attribute));
                entry.unread.retain(|u| !accepted(&u.attribute));
                entry.settle();
                drift.partly.push(number);
            }
        }
    }
}

/// Rules that should be looked at: expired, or accepting nothing.
pub(crate) fn notes(ignores: &[Ignore], drift: &Drift, at: Timestamp) -> Vec<Diagnostic> {
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut notes = Vec::new();
    let accepting: HashSet<usize> = drift.partly.iter().copied().chain(drift.entries.iter().filter_map(|e| e.ignored)).collect();
    for (number, rule) in ignores.iter().enumerate() {
        let used = accepting.contains(&number);
        let (first, span) = &rule.resources[0];
        if !rule.holds(today) {
            let title = format!("the rule for `{first}` expired on {}", rule.expires);
            notes.push(Diagnostic::error(Code::Unused, title, &rule.source, span.clone()).warning().help("its drift counts again"));
        } else if !used {
            let title = format!("the rule for `{first}` accepts nothing");
            let note = Diagnostic::error(Code::Unused, title, &rule.source, span.clone()).warning();
            notes.push(note.help("remove it, so that it does not hide something else one day"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::ignores;
    use crate::diag::SourceFile;

    #[test]
    fn patterns_that_hide_nearly_everything_are_refused() {
        let refused = |pattern: &str, kind: &str| {
            let rule = format!("- {{resources: [\"{pattern}\"], {kind}reason: moving, expires: 2099-01-01}}\n");
            let mut diagnostics = Vec::new();
            ignores(&SourceFile::new(".keurignore", &rule), &mut diagnostics);
            let titles: Vec<&str> = diagnostics.iter().map(|d| d.title.as_str()).collect();
            assert!(titles.iter().all(|title| title.ends_with("would hide nearly everything")), "{pattern}: {titles:?}");
            !titles.is_empty()
        };
        for pattern in ["*", "**", "a*", "*:*", "arn*", "arn:*", "arn:aws:*", "*aws*", "arn:aws:*:*:*", "*123456789012*", "aws_*", "*aws_*"]
        {
            assert!(refused(pattern, ""), "{pattern}");
            assert!(!refused(pattern, "type: \"AWS::EC2::VPC\", "), "{pattern} of one type");
        }
        for pattern in ["reports", "arn:aws:ec2:*:vpc/vpc-*", "arn:aws:s3:::clinic-*", "aws_db_instance.*", "module.legacy.*", "vpc-0a1*"] {
            assert!(!refused(pattern, ""), "{pattern}");
        }
    }
}
