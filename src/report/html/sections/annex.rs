//! The words used, and the controls of the edition of 2013.

use std::collections::BTreeMap;

use crate::evaluate::Verdict;
use crate::framework::ControlVerdict;
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::Facts;
use crate::report::html::text::{Inline, Line};

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let of_control = |verdict: ControlVerdict| match verdict {
        ControlVerdict::Met => w.means_met,
        ControlVerdict::NotMet => w.means_not_met,
        ControlVerdict::NotDetermined => w.means_not_determined,
        ControlVerdict::Attested => w.means_attested,
        ControlVerdict::AttestationExpired => w.means_attestation_expired,
        ControlVerdict::ExceptionAccepted => w.means_exception_accepted,
        ControlVerdict::Inherited => w.means_inherited,
        ControlVerdict::NotApplicable => w.means_not_applicable,
    };
    let of_finding = |verdict: Verdict| match verdict {
        Verdict::Pass => w.means_pass,
        Verdict::Deviation => w.means_deviation,
        Verdict::Unknown => w.means_unknown,
        Verdict::Excepted => w.means_excepted,
    };
    let controls = ControlVerdict::ALL.map(|v| vec![facts.mark(v).into(), Line::from(of_control(v))]);
    let findings = [Verdict::Pass, Verdict::Deviation, Verdict::Unknown, Verdict::Excepted]
        .map(|v| vec![facts.finding_mark(v).into(), Line::from(of_finding(v))]);
    vec![
        Block::Heading { id: "annex-words".to_owned(), text: w.annex_words.to_owned() },
        Block::Table(Table::new(w.words_controls, &[w.verdict, w.meaning]).with(controls)),
        Block::Table(Table::new(w.words_findings, &[w.verdict, w.meaning]).with(findings)),
        Block::Heading { id: "annex-2013".to_owned(), text: w.annex_2013.to_owned() },
        Block::Table(editions(facts)),
    ]
}

fn editions(facts: &Facts<'_>) -> Table {
    let w = facts.words;
    let mut old: BTreeMap<Vec<u32>, (&str, Vec<Line>)> = BTreeMap::new();
    for control in &facts.report.framework.controls {
        for id in &control.ids_2013 {
            let order = id.split('.').filter_map(|part| part.parse().ok()).collect();
            let line = Line::from(Inline::link(&control.id, &control.id)).then(" ").then(facts.english(&control.title));
            old.entry(order).or_insert((id, Vec::new())).1.push(line);
        }
    }
    let rows = old.into_values().map(|(id, lines)| vec![Line::from(id), Line::stacked(lines)]);
    Table::new(w.editions_caption, &[w.edition_2013, w.edition_2022]).with(rows)
}
