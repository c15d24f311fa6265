//! The statement of applicability, as far as evidence goes: every control, and what answers it.

use crate::framework::{Control, ControlResult};
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::{Facts, day_of, days_between};
use crate::report::html::text::{Inline, Line, fill};

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let age = format!("#{}", w.age_days);
    let columns = [w.control, w.title_column, w.edition_2013, w.applicable, w.evidence_type, w.verdict, w.passed_of_judged, age.as_str()];
    let caption = w.applicability_caption.replace("{n}", &facts.report.controls.len().to_string());
    let mut table = Table::new(caption, &columns);
    for (control, result) in facts.each_control() {
        let edition = Line::listed(control.ids_2013.iter().map(|id| Line::from(id.as_str())));
        table.row([
            Inline::link(&control.id, &control.id).into(),
            facts.english(&control.title).into(),
            if edition.is_empty() { Line::from(w.new_in_2022) } else { edition },
            applicable(facts, control),
            Line::from(evidence_type(facts, control)),
            facts.mark(result.verdict).into(),
            passed(facts, control, result),
            Line::from(age_of(facts, control, result).map_or("–".to_owned(), |age| age.to_string()).as_str()),
        ]);
    }
    vec![Block::Para(Line::from(w.applicability_note)), Block::Table(table.class("soa"))]
}

/// Whether the control applies, and why.
fn applicable(facts: &Facts<'_>, control: &Control) -> Line {
    let w = facts.words;
    if let Some(reason) = &control.not_applicable {
        return Line::from(w.no).then(": ").then(facts.english(reason));
    }
    let promises = facts.report.statements.iter().filter(|s| s.controls.contains(&control.id));
    let promises = Line::listed(promises.map(|s| Line::from(Inline::code_link(&format!("s-{}", s.id), &s.id))));
    if promises.is_empty() { Line::from(w.yes) } else { Line::from(w.yes).then(": ").then(promises) }
}

/// What answers the control, in words.
pub(super) fn evidence_type(facts: &Facts<'_>, control: &Control) -> &'static str {
    let w = facts.words;
    match (control.policies.is_empty(), control.attested.is_empty(), &control.inherited) {
        _ if control.not_applicable.is_some() => "–",
        (false, false, _) => w.test_and_document,
        (false, true, _) => w.test,
        (true, false, Some(_)) => w.document_and_provider,
        (true, false, None) => w.document,
        (true, true, Some(_)) => w.provider,
        (true, true, None) => w.nothing_yet,
    }
}

fn passed(facts: &Facts<'_>, control: &Control, result: &ControlResult) -> Line {
    if control.policies.is_empty() {
        return Line::from("–");
    }
    let passes: u64 = control.policies.iter().filter_map(|id| facts.policy(id)).map(|(_, of)| of.passes).sum();
    fill(facts.words.of, &[("n", passes.into()), ("total", result.population.into())])
}

/// Days between the evidence and the moment of the report: that of the facts, and that of the oldest document in use.
fn age_of(facts: &Facts<'_>, control: &Control, result: &ControlResult) -> Option<i64> {
    let tested = (!result.policies.is_empty() && result.population > 0).then(|| day_of(facts.report.estate.run.finished));
    let named = |statement: &String| control.attested.contains(statement) || control.inherited.as_ref() == Some(statement);
    let documents = facts.report.attestations.iter().filter(|a| named(&a.statement)).map(|a| a.valid_from);
    documents.chain(tested).map(|day| days_between(day, facts.today).max(0)).max()
}
