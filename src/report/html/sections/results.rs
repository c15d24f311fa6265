//! The results of each policy: every deviation, unknown and accepted deviation, and a sample of the passes.

use super::sheets::order;
use super::{control_links, short};
use crate::evaluate::{Finding, Subject};
use crate::policy::Policy;
use crate::report::html::block::{Block, Sheet, Table};
use crate::report::html::facts::{Facts, OfPolicy};
use crate::report::html::sample;
use crate::report::html::text::{Inline, Line, fill, slug};

/// Answers named per finding.
const RESPONSES: usize = 2;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let mut blocks = vec![
        Block::Heading { id: "results".to_owned(), text: w.results.to_owned() },
        Block::Para(fill(w.results_note, &[("seed", Inline::code(&facts.seed).into())])),
    ];
    let (with, without): (Vec<_>, Vec<_>) = facts.each_policy().partition(|(_, of)| !of.is_empty());
    let mut with = with;
    with.sort_by_key(|(policy, of)| order(policy, of));
    blocks.extend(with.into_iter().map(|(policy, of)| Block::Sheet(sheet(facts, policy, of))));
    if !without.is_empty() {
        let ids = Line::listed(without.into_iter().map(|(policy, _)| Line::from(Inline::code(&policy.id))));
        blocks.push(Block::Para(fill(w.nothing_to_judge, &[("policies", ids)])));
    }
    blocks
}

fn sheet(facts: &Facts<'_>, policy: &Policy, of: &OfPolicy<'_>) -> Sheet {
    let w = facts.words;
    let mut rows = Vec::new();
    rows.push((w.policy, Inline::code(&policy.id).into()));
    rows.push((w.severity, Line::from(facts.severity(policy.severity))));
    rows.push((w.statement, Inline::code_link(&format!("s-{}", policy.statement), &policy.statement).into()));
    rows.push((w.controls, facts.or_none(control_links(facts.controls_of(&policy.id).iter().copied()))));
    let kind = policy.resource.as_ref().map_or(Line::from(w.every_type), |kind| Inline::code(&kind.name).into());
    rows.push((w.resource_type, kind));
    if let Some(when) = &policy.when {
        rows.push((w.applies_when, clauses(when)));
    }
    rows.push((w.must_hold, clauses(&policy.require)));
    if let Some(basis) = &policy.basis {
        rows.push((w.basis, facts.marked(basis)));
    }
    let count = |list: &[&Finding]| Line::from(list.len() as u64);
    let mut counts = vec![
        Line::from(w.judged).then(" ").then(of.judged),
        Line::from(w.passes).then(" ").then(count(&of.pass)),
        Line::from(w.deviations).then(" ").then(count(&of.deviation)),
        Line::from(w.unknowns).then(" ").then(count(&of.unknown)),
        Line::from(w.excepteds).then(" ").then(count(&of.excepted)),
        Line::from(w.excluded).then(" ").then(of.out_of_scope),
    ];
    if of.apart > 0 {
        counts.push(Line::from(w.set_apart).then(" ").then(of.apart));
    }
    rows.push((w.result, Line::listed(counts)));
    if !of.deviation.is_empty() || !of.excepted.is_empty() {
        rows.push((w.remedy, facts.marked(&policy.remedy)));
    }
    let mut blocks = vec![Block::Facts(rows)];
    let lists = [(w.deviations, &of.deviation), (w.unknowns, &of.unknown), (w.excepteds, &of.excepted)];
    for (name, list) in lists {
        if !list.is_empty() {
            blocks.push(Block::Table(findings(facts, policy, name, list)));
        }
    }
    if !of.pass.is_empty() {
        blocks.push(Block::Table(passes(facts, policy, &of.pass)));
    }
    Sheet { id: slug(&format!("p-{}", policy.id)), class: "policy", title: facts.english(&policy.title).into(), blocks }
}

fn clauses(program: &crate::expr::Program) -> Line {
    Line::stacked(program.clauses.iter().map(|clause| Line::from(Inline::code(&clause.text))))
}

fn findings(facts: &Facts<'_>, policy: &Policy, name: &str, list: &[&Finding]) -> Table {
    let w = facts.words;
    let mut columns = vec![w.resource, w.place, w.finding, w.evidence];
    let dated = facts.report.dossier.is_some();
    if dated {
        columns.push(w.open_since);
    }
    let mut table = Table::new(format!("{}: {name}", policy.id), &columns).class("findings");
    for finding in list {
        let mut message = facts.message(finding);
        if let Some(exception) = finding.exception {
            let id = &facts.report.exceptions[exception as usize].id;
            message = message.below(Inline::link(&format!("x-{id}"), id));
        }
        let mut cells = vec![resource(facts, finding), place(facts, finding), message, responses(facts, finding)];
        if dated {
            cells.push(facts.since(finding).map_or(Line::from("–"), Line::from));
        }
        table.rows.push(crate::report::html::block::Row { id: None, cells });
    }
    table
}

fn passes(facts: &Facts<'_>, policy: &Policy, list: &[&Finding]) -> Table {
    let w = facts.words;
    let drawn = sample::draw(&facts.seed, list.iter().map(|finding| (facts.fingerprint(finding), *finding)));
    let (n, total) = (drawn.len().to_string(), list.len().to_string());
    let caption = match (list.len(), drawn.len()) {
        (1, _) => w.one_pass,
        (all, drawn) if all == drawn => w.all_passes,
        _ => w.sample_of_passes,
    };
    let caption = format!("{}: {}", policy.id, caption.replace("{n}", &n).replace("{total}", &total));
    let rows = drawn.into_iter().map(|finding| vec![resource(facts, finding), place(facts, finding), responses(facts, finding)]);
    Table::new(caption, &[w.resource, w.place, w.evidence]).with(rows).class("sample")
}

/// The name of what a finding is about, and what tells it from all others.
pub(super) fn resource(facts: &Facts<'_>, finding: &Finding) -> Line {
    let w = facts.words;
    let place = facts.report.place(finding);
    if let Subject::Unseen { .. } = finding.subject {
        return fill(w.whatever_is_there, &[("type", Inline::code(place.kind).into())]);
    }
    let name = Line::from(Inline::strong(place.name));
    match place.declared {
        Some(declared) => {
            let action = declared.action.map_or(Line::new(), |action| Line::from(" (").then(w.action(action)).then(")"));
            let address = Line::from(Inline::code(&declared.address)).then(action);
            name.below(address).below(declared.place.as_deref().map_or(Line::new(), |at| Inline::code(at).into()))
        }
        None => name.below(Inline::code(if place.arn.is_empty() { place.id } else { place.arn })),
    }
}

fn place(facts: &Facts<'_>, finding: &Finding) -> Line {
    let place = facts.report.place(finding);
    let at = Line::from(Inline::code(place.account)).then(" ").then(facts.region(place.region));
    at.below(facts.environment(finding))
}

/// The answers a finding was made of: the first of them, and how many more.
fn responses(facts: &Facts<'_>, finding: &Finding) -> Line {
    let all = facts.responses(finding);
    let one = |id: &crate::estate::ResponseId| {
        let digits = short(&id.to_string());
        let listed = facts.lists_calls() && facts.call(*id).is_some();
        Line::from(if listed { Inline::code_link(&format!("r-{digits}"), &digits) } else { Inline::code(&digits) })
    };
    let shown = Line::stacked(all.iter().take(RESPONSES).map(one));
    match all.len().checked_sub(RESPONSES) {
        Some(more) if more > 0 => shown.below(format!("+{more}").as_str()),
        _ if all.is_empty() => Line::from("–"),
        _ => shown,
    }
}
