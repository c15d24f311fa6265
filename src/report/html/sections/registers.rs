//! The registers: accepted deviations, documents, promises, and what the provider answers for.

use std::collections::BTreeMap;

use super::control_links;
use crate::framework::{Attestation, Document};
use crate::policy::Basis;
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::{Facts, days_between};
use crate::report::html::text::{Inline, Line, fill, slug};

pub(super) fn exceptions(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    if facts.report.exceptions.is_empty() {
        return vec![Block::Para(Line::from(w.no_exceptions))];
    }
    let mut matches: BTreeMap<u32, u64> = BTreeMap::new();
    for exception in facts.report.judgement.findings.iter().filter_map(|f| f.exception) {
        *matches.entry(exception).or_default() += 1;
    }
    let (left, now) = (format!("#{}", w.days_left), format!("#{}", w.matches_now));
    let columns = [w.id, w.covers, w.reason, w.compensating, w.approved, w.valid_until, &left, &now];
    let mut table = Table::new(w.exceptions_caption, &columns).class("register");
    for (number, e) in (0_u32..).zip(facts.report.exceptions) {
        let patterns = e.resources.iter().map(|(pattern, _)| Line::from(Inline::code(pattern)));
        let policy = Line::from(Inline::code_link(&format!("p-{}", e.policy), &e.policy));
        let policy = if facts.policy(&e.policy).is_some_and(|(_, of)| !of.is_empty()) { policy } else { Inline::code(&e.policy).into() };
        let left = days_between(facts.today, e.expires);
        let left = if left < 0 { Line::from(Inline::Mark("bad", "!", w.expired)) } else { Line::from(left.to_string().as_str()) };
        let n = matches.get(&number).copied().unwrap_or_default();
        let now = if n == 0 { Line::from(0).below(Inline::Mark("open", "?", w.stale)) } else { n.into() };
        table.row_at(
            slug(&format!("x-{}", e.id)),
            [
                Line::from(e.id.as_str()),
                policy.below(control_links(facts.controls_of(&e.policy).iter().copied())).below(Line::stacked(patterns)),
                Line::from(e.reason.as_str()).below(fill(w.risk, &[("id", Line::from(e.risk.as_str()))])),
                e.compensating.as_deref().map_or(Line::from(w.not_stated), Line::from),
                Line::from(e.approver.as_str()).below(e.approved),
                e.expires.into(),
                left,
                now,
            ],
        );
    }
    vec![Block::Para(Line::from(w.exceptions_note)), Block::Table(table)]
}

fn document(document: &Document) -> Line {
    match document {
        Document::File { path, sha256 } => Line::from(Inline::code(path)).below(Inline::code(sha256)),
        // Not a link: where it leads is not for this report to answer for.
        Document::Uri(uri) => Inline::code(uri).into(),
    }
}

pub(super) fn attestations(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let report = facts.report;
    let mut blocks = Vec::new();
    if report.attestations.is_empty() {
        blocks.push(Block::Para(Line::from(w.no_attestations)));
    } else {
        let columns = [w.statement, w.document_column, w.owner, w.approver, w.valid_from, w.valid_until, w.state];
        let mut table = Table::new(w.attestations_caption, &columns).class("register");
        for a in report.attestations {
            let controls = report.framework.controls.iter().filter(|c| names(c, a)).map(|c| c.id.as_str());
            table.row([
                Line::from(Inline::code_link(&format!("s-{}", a.statement), &a.statement)).below(control_links(controls)),
                Line::from(a.title.as_str()).below(document(&a.document)),
                Line::from(a.owner.as_str()),
                Line::from(a.approver.as_str()),
                a.valid_from.into(),
                a.valid_until.into(),
                facts.state(a.state(report.estate.run.as_of)).into(),
            ]);
        }
        blocks.push(Block::Table(table));
    }
    let missing = report.statements.iter().filter(|s| {
        let wanted = report.framework.controls.iter().any(|c| c.attested.contains(&s.id) || c.inherited.as_ref() == Some(&s.id));
        wanted && !report.attestations.iter().any(|a| a.statement == s.id)
    });
    let missing: Vec<Vec<Line>> = missing
        .map(|s| {
            let named = report.framework.controls.iter().filter(|c| c.attested.contains(&s.id) || c.inherited.as_ref() == Some(&s.id));
            let controls = control_links(named.map(|c| c.id.as_str()));
            vec![
                Line::from(facts.english(&s.title)).below(Inline::code_link(&format!("s-{}", s.id), &s.id)),
                facts.owner(&s.owner),
                controls,
            ]
        })
        .collect();
    if !missing.is_empty() {
        blocks.push(Block::Table(Table::new(w.missing_attestations, &[w.statement, w.owner, w.controls]).with(missing)));
    }
    blocks
}

fn names(control: &crate::framework::Control, attestation: &Attestation) -> bool {
    control.attested.contains(&attestation.statement) || control.inherited.as_ref() == Some(&attestation.statement)
}

pub(super) fn claims(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let columns = [w.statement, w.owner, w.rests_on, w.controls, w.policies, w.verdict];
    let mut table = Table::new(w.claims_caption, &columns).class("register");
    for claim in facts.claims() {
        let statement = claim.statement;
        let basis = match statement.basis {
            Basis::Api => w.test,
            Basis::Attested => w.document,
            Basis::Inherited => w.provider,
        };
        let known = |id: &&String| facts.report.framework.controls.iter().any(|c| c.id == **id);
        let policies: u64 = claim.policies.len() as u64;
        table.row_at(
            slug(&format!("s-{}", statement.id)),
            [
                Line::from(facts.english(&statement.title)).below(Inline::code(&statement.id)),
                facts.owner(&statement.owner),
                Line::from(basis),
                control_links(statement.controls.iter().filter(known).map(String::as_str)),
                policies.into(),
                Line::from(facts.mark(claim.verdict)).below(claim.why),
            ],
        );
    }
    vec![Block::Para(Line::from(w.claims_note)), Block::Table(table)]
}

pub(super) fn inherited(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let columns = [w.control, w.statement, w.document_column, w.valid_from, w.valid_until, w.state];
    let mut table = Table::new(w.inherited_caption, &columns);
    for (control, _) in facts.each_control() {
        let Some(id) = &control.inherited else { continue };
        let name = Line::from(Inline::link(&control.id, &control.id)).then(" ").then(facts.english(&control.title));
        let statement = Line::from(Inline::code_link(&format!("s-{id}"), id));
        let given: Vec<&Attestation> = facts.report.attestations.iter().filter(|a| a.statement == *id).collect();
        if given.is_empty() {
            table.row([
                name,
                statement,
                Line::from(w.no_document),
                Line::from("–"),
                Line::from("–"),
                Inline::Mark("open", "?", w.not_seen).into(),
            ]);
            continue;
        }
        for a in given {
            let state = facts.state(a.state(facts.report.estate.run.as_of)).into();
            table.row([name.clone(), statement.clone(), Line::from(a.title.as_str()), a.valid_from.into(), a.valid_until.into(), state]);
        }
    }
    if table.rows.is_empty() {
        return vec![Block::Para(Line::from(w.nothing_inherited))];
    }
    vec![Block::Para(Line::from(w.shared_responsibility)), Block::Table(table)]
}
