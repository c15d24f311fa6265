//! Exceptions: deviations that somebody accepted, with a reason and an end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::date;
use crate::diag::{Code, Diagnostic, SourceFile, nearest};
use crate::estate::Estate;
use crate::evaluate::{Judgement, Subject, Verdict};
use crate::isolation::Globs;
use crate::policy::Policy;
use crate::policy::yaml::{Node, Reader, parse};

/// An accepted deviation.
#[derive(Debug, Clone)]
pub struct Exception {
    /// Its id.
    pub id: String,
    /// The policy it is about.
    pub policy: String,
    /// Resources: ids or ARNs, exact or with `*` for any characters, anchored at both ends.
    pub resources: Vec<(String, Range<usize>)>,
    /// Why.
    pub reason: String,
    /// Reference in the risk register.
    pub risk: String,
    /// What is done about the risk meanwhile.
    pub compensating: Option<String>,
    /// Who accepted it.
    pub approver: String,
    /// When it was accepted.
    pub approved: Date,
    /// The last day it holds.
    pub expires: Date,
    /// The file.
    pub source: Arc<SourceFile>,
}

/// Reads an exceptions file: a list.
pub fn exceptions(source: &Arc<SourceFile>, policies: &BTreeSet<String>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Exception> {
    let Some(node) = parse(source, diagnostics) else { return Vec::new() };
    let mut reader = Reader { source: Arc::clone(source), diagnostics };
    let mut all: Vec<Exception> = Vec::new();
    let mut ids = BTreeSet::new();
    for item in reader.list(&node, "exceptions").unwrap_or_default() {
        let Some((exception, span)) = exception(&mut reader, item, policies) else {
            continue;
        };
        if !ids.insert(exception.id.clone()) {
            reader.wrong(Code::DuplicateId, format!("exception `{}` is there twice", exception.id), span, "again");
            continue;
        }
        all.push(exception);
    }
    all
}

fn exception(reader: &mut Reader<'_>, node: &Node, policies: &BTreeSet<String>) -> Option<(Exception, Range<usize>)> {
    let mut table = reader.table(node, "an exception")?;
    let id = table.need(reader, "id").and_then(|n| Some((reader.string(n, "id")?, n.span.clone())));
    let policy = table.need(reader, "policy").and_then(|n| Some((reader.string(n, "policy")?, n.span.clone())));
    let resources = table.need(reader, "resources").and_then(|n| Some((reader.strings(n, "resources")?, n.span.clone())));
    let reason = table.need(reader, "reason").and_then(|n| reader.string(n, "reason"));
    let risk = table.need(reader, "risk").and_then(|n| reader.string(n, "risk"));
    let compensating = table.get("compensating").and_then(|n| reader.string(n, "compensating"));
    let approver = table.need(reader, "approver").and_then(|n| reader.string(n, "approver"));
    let approved = table.need(reader, "approved").and_then(|n| date(reader, n, "approved"));
    let expires = table.need(reader, "expires").and_then(|n| date(reader, n, "expires"));
    table.finish(reader);
    if let Some((name, span)) = &policy
        && !policies.contains(name)
    {
        let near = nearest(name, policies.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
        let help = near.unwrap_or_else(|| "`keur policy list` shows them all".to_owned());
        reader.wrong(Code::UnknownPolicy, format!("no policy `{name}`"), span.clone(), "unknown policy").help.push(help);
    }
    let (resources, span) = resources?;
    if resources.is_empty() {
        reader.wrong(Code::EmptyList, "an exception names its resources", span, "empty");
        return None;
    }
    for (pattern, span) in &resources {
        if !names_something(pattern) {
            let title = format!("`{pattern}` would accept everything of its kind, and whatever comes to be of it");
            let found = reader.wrong(Code::BadValue, title, span.clone(), "too wide");
            found.help.push("name the resources, or a pattern with at least three characters of their names besides `*`".to_owned());
        }
    }
    let (id, id_span) = id?;
    let exception = Exception {
        id,
        policy: policy?.0,
        resources,
        reason: reason?,
        risk: risk?,
        compensating,
        approver: approver?,
        approved: approved?,
        expires: expires?,
        source: Arc::clone(&reader.source),
    };
    Some((exception, id_span))
}

/// Whether a pattern says something of the name of what it is about: a place and a type alone would accept what nobody
/// has looked at.
fn names_something(pattern: &str) -> bool {
    if !pattern.contains('*') {
        return true;
    }
    // Every ARN begins like that.
    let first = pattern.split('*').next().unwrap_or_default();
    let pattern = if "arn:".starts_with(first) { &pattern[first.len()..] } else { pattern };
    // `arn:aws:rds:eu-central-1:111111111111:db:name`; a star may stand for several parts of it.
    let parts: Vec<&str> = pattern.split(':').collect();
    let is_arn = parts[0] == "arn" || parts[0].starts_with('*') && parts.len() > 1;
    let name = match parts.as_slice() {
        [_, _, _, _, _, rest @ ..] if is_arn && !rest.is_empty() => rest.join("/"),
        [.., last] => (*last).to_owned(),
        [] => String::new(),
    };
    let mut segments: Vec<&str> = name.split('/').collect();
    if is_arn && segments.len() > 1 {
        // The type of the resource, and what load balancers write behind it.
        segments.remove(0);
        segments.retain(|segment| !matches!(*segment, "app" | "net" | "gwy"));
    }
    segments.iter().any(|segment| segment.chars().filter(|c| *c != '*').count() >= 3)
}

/// What came of applying the exceptions.
#[derive(Debug, Default)]
pub struct Applied {
    /// What should be looked at: expired, or matching nothing.
    pub notes: Vec<Diagnostic>,
}

/// The patterns of exceptions by policy, each with the positions of the exception and of the pattern within it.
struct Index<'e> {
    policies: HashMap<&'e str, Globs<(usize, usize)>>,
}

impl<'e> Index<'e> {
    fn new(exceptions: &'e [Exception]) -> Self {
        type Own<'e> = Vec<(&'e str, (usize, usize))>;
        let mut policies: HashMap<&str, Own<'_>> = HashMap::new();
        for (number, exception) in exceptions.iter().enumerate() {
            let own = exception.resources.iter().enumerate().map(|(which, (pattern, _))| (pattern.as_str(), (number, which)));
            policies.entry(&exception.policy).or_default().extend(own);
        }
        Self { policies: policies.into_iter().map(|(policy, patterns)| (policy, Globs::new(patterns))).collect() }
    }

    /// The exceptions that cover one of the texts, in their order, each with its first pattern that does.
    fn covering(&self, policy: &str, texts: [&str; 2]) -> BTreeMap<usize, usize> {
        let mut first = BTreeMap::new();
        let Some(globs) = self.policies.get(policy) else { return first };
        for (number, which) in texts.into_iter().flat_map(|text| globs.matches(text)) {
            let earliest = first.entry(number).or_insert(which);
            *earliest = which.min(*earliest);
        }
        first
    }
}

/// Turns deviations that an exception covers into `excepted`. One that has expired covers nothing.
pub fn apply(exceptions: &[Exception], policies: &[Policy], estate: &Estate, judgement: &mut Judgement, at: Timestamp) -> Applied {
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut applied = Applied::default();
    let mut used: Vec<Vec<bool>> = exceptions.iter().map(|e| vec![false; e.resources.len()]).collect();
    let index = Index::new(exceptions);
    let ids: BTreeSet<&str> = policies.iter().map(|policy| policy.id.as_str()).collect();
    for finding in &mut judgement.findings {
        let Subject::Resource(position) = finding.subject else { continue };
        if finding.verdict != Verdict::Deviation {
            continue;
        }
        let resource = &estate.resources[position as usize];
        let policy = &policies[finding.policy as usize].id;
        for (number, which) in index.covering(policy, [&resource.arn, &resource.id]) {
            let exception = &exceptions[number];
            used[number][which] = true;
            if today <= exception.expires && today >= exception.approved {
                finding.verdict = Verdict::Excepted;
                finding.exception = u32::try_from(number).ok();
            }
        }
    }
    for (exception, used) in exceptions.iter().zip(&used) {
        if !ids.contains(exception.policy.as_str()) {
            continue;
        }
        if today > exception.expires {
            let title = format!("exception `{}` expired on {}", exception.id, exception.expires);
            let span = exception.resources[0].1.clone();
            applied
                .notes
                .push(Diagnostic::error(Code::Unused, title, &exception.source, span).warning().help("its deviations count again"));
            continue;
        }
        for ((pattern, span), _) in exception.resources.iter().zip(used).filter(|(_, used)| !**used) {
            let title = format!("exception `{}` matches no deviation with `{pattern}`", exception.id);
            let note = Diagnostic::error(Code::Unused, title, &exception.source, span.clone()).warning();
            applied.notes.push(note.help("remove it, so that it does not accept something else one day"));
        }
    }
    applied
}

#[cfg(test)]
mod tests {
    use super::names_something;

    #[test]
    fn a_star_does_not_accept_what_nobody_has_looked_at() {
        for wide in [
            "*",
            "**",
            "a*",
            "arn*",
            "arn:*",
            "arn:aws:*",
            "arn:aws:rds:*",
            "arn:aws:rds:*:db:*",
            "arn:aws:rds:eu-central-1:111111111111:*",
            "arn:aws:rds:eu-central-1:111111111111:db:*",
            "arn:aws:rds:eu-central-1:111111111111:db:d*",
            "*:db:*",
            "arn:aws:ec2:eu-central-1:111111111111:volume/*",
            "arn:aws:s3:::*",
            "arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/app/*",
        ] {
            assert!(!names_something(wide), "{wide}");
        }
        for named in [
            "vol-1",
            "db",
            "demo-*",
            "*-logs",
            "arn:aws:s3:::*-logs",
            "arn:aws:rds:*:db:demo-*",
            "arn:aws:rds:eu-central-1:*:db:demo-1",
            "arn:aws:ec2:eu-central-1:111111111111:volume/vol-0a1*",
            "arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/app/demo-web/*",
            "arn:aws:ec2:eu-central-1:111111111111:volume/vol-0a1b2c3d4e5f67890",
        ] {
            assert!(names_something(named), "{named}");
        }
    }
}
