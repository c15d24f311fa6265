//! The result at a glance: counts, what changed, and what is open. Never one number for everything.

use std::cmp::Reverse;

use crate::framework::ControlVerdict;
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::{Facts, days, tally};
use crate::report::html::text::{Inline, Line, fill};

/// Open items shown.
const SHOWN: usize = 5;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::Beside(vec![controls(facts), verdicts(facts)])];
    if facts.previous().is_none() {
        blocks.push(Block::Para(Line::from(if facts.report.dossier.is_some() { facts.words.first_pack } else { facts.words.no_previous })));
    }
    blocks.extend(changes(facts));
    blocks.extend(open_items(facts));
    blocks
}

fn controls(facts: &Facts<'_>) -> Table {
    let w = facts.words;
    let this = facts.tally();
    let previous = facts.previous().map(|pack| tally(pack.controls.values().copied()));
    let caption = w.controls_by_verdict.replace("{n}", &facts.report.controls.len().to_string());
    let mut table =
        Table::new(caption, &[w.verdict, &format!("#{}", w.this_run), &format!("#{}", w.previous_run), &format!("#{}", w.difference)]);
    for verdict in ControlVerdict::ALL {
        let now = this.get(&verdict).copied().unwrap_or_default();
        let before = previous.as_ref().map(|tally| tally.get(&verdict).copied().unwrap_or_default());
        let difference = before.map_or("–".to_owned(), |before| signed(now, before));
        let before = before.map_or("–".to_owned(), |before| before.to_string());
        table.row([facts.mark(verdict).into(), now.into(), Line::from(before.as_str()), Line::from(difference.as_str())]);
    }
    table.class("figures")
}

fn signed(now: u64, before: u64) -> String {
    match now.cmp(&before) {
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", now - before),
        std::cmp::Ordering::Less => format!("−{}", before - now),
    }
}

fn verdicts(facts: &Facts<'_>) -> Table {
    let w = facts.words;
    let counts = facts.report.counts();
    let previous = facts.previous().map(|pack| pack.counts);
    let caption = w.findings_by_verdict;
    let mut table =
        Table::new(caption, &[w.verdict, &format!("#{}", w.this_run), &format!("#{}", w.previous_run), &format!("#{}", w.difference)]);
    use crate::evaluate::Verdict as V;
    let lines = [
        (V::Pass, counts.pass, previous.map(|p| p.pass)),
        (V::Deviation, counts.deviation, previous.map(|p| p.deviation)),
        (V::Unknown, counts.unknown, previous.map(|p| p.unknown)),
        (V::Excepted, counts.excepted, previous.map(|p| p.excepted)),
    ];
    for (verdict, now, before) in lines {
        let difference = before.map_or("–".to_owned(), |before| signed(now, before));
        let before = before.map_or("–".to_owned(), |before| before.to_string());
        table.row([facts.finding_mark(verdict).into(), now.into(), Line::from(before.as_str()), Line::from(difference.as_str())]);
    }
    table.class("figures")
}

fn changes(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let (Some(previous), Some(dossier)) = (facts.previous(), facts.report.dossier) else { return Vec::new() };
    let mut blocks = vec![Block::Heading { id: "changes".to_owned(), text: w.what_changed.to_owned() }];
    let newer = |time: &jiff::Timestamp| *time > previous.started;
    let opened = dossier.spans.iter().filter(|span| newer(&span.opened)).count() as u64;
    let closed = dossier.spans.iter().filter(|span| span.closed.as_ref().is_some_and(newer)).count() as u64;
    let mut points = vec![fill(w.opened_closed, &[("opened", opened.into()), ("closed", closed.into())])];
    if previous.policies_sha256 != facts.report.policies_sha256 {
        points.push(Line::from(w.rules_changed));
    }
    blocks.push(Block::List(points));
    let turned: Vec<Vec<Line>> = facts
        .each_control()
        .filter_map(|(control, result)| {
            let before = *previous.controls.get(&control.id)?;
            let line = || {
                vec![
                    Line::from(Inline::link(&control.id, &control.id)).then(" ").then(facts.english(&control.title)),
                    facts.mark(before).into(),
                    facts.mark(result.verdict).into(),
                ]
            };
            (before != result.verdict).then(line)
        })
        .collect();
    if turned.is_empty() {
        blocks.push(Block::Para(Line::from(w.no_control_turned)));
    } else {
        blocks.push(Block::Table(Table::new(w.controls_turned, &[w.control, w.previous_run, w.this_run]).with(turned)));
    }
    blocks
}

fn open_items(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let heading = Block::Heading { id: "open".to_owned(), text: w.open_items.to_owned() };
    let mut open: Vec<_> = facts.each_policy().filter(|(_, of)| !of.deviation.is_empty()).collect();
    open.sort_by_key(|(policy, of)| (Reverse(policy.severity), Reverse(of.deviation.len()), policy.id.as_str()));
    if open.is_empty() {
        return vec![heading, Block::Para(Line::from(w.nothing_open))];
    }
    let total = open.len() as u64;
    let mut table = Table::new(w.open_caption, &[w.finding, w.severity, &format!("#{}", w.deviations), w.owner, w.open_since]);
    for (policy, of) in open.into_iter().take(SHOWN) {
        let owner = facts.statement(&policy.statement).map_or(Line::from(w.not_assigned), |s| facts.owner(&s.owner));
        let since = of.deviation.iter().filter_map(|f| facts.since(f)).min();
        let age =
            since.map_or(Line::from(w.not_known), |since| Line::from(since).below(facts.age(days(since, facts.report.estate.run.as_of))));
        let title = Line::from(facts.english(&policy.title)).below(Inline::code_link(&format!("p-{}", policy.id), &policy.id));
        table.row([title, Line::from(facts.severity(policy.severity)), (of.deviation.len() as u64).into(), owner, age]);
    }
    let shown = fill(w.open_shown, &[("n", (table.rows.len() as u64).into()), ("total", total.into())]);
    vec![heading, Block::Table(table), Block::Para(shown)]
}
