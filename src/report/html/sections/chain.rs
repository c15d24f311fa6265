//! The chain of packs, and the period it covers.

use super::short;
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::{Facts, days};
use crate::report::html::text::{Inline, Line, fill};
use crate::report::{Dossier, PackLine, Span};

/// Closed findings shown; the chain has them all.
const SHOWN: usize = 200;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let Some(dossier) = facts.report.dossier else { return vec![Block::Note(Line::from(w.no_pack_chain))] };
    let run = &facts.report.estate.run;
    let aborted = dossier.earlier.iter().filter(|pack| pack.finished.is_none()).count() as u64;
    let cadence = dossier.cadence.map_or(Line::from(w.not_stated), |cadence| Inline::code(&format!("{cadence:#}")).into());
    let mut blocks = vec![
        Block::Facts(vec![
            (w.chain_id, Inline::code(&dossier.chain).into()),
            (w.packs, Line::from(dossier.earlier.len() as u64 + 1)),
            (w.aborted_runs, aborted.into()),
            (w.cadence, cadence),
        ]),
        Block::Table(packs(facts, dossier)),
        Block::Para(Line::from(w.own_manifest)),
    ];
    let late: Vec<Vec<Line>> = dossier
        .late
        .iter()
        .map(|(from, to)| vec![(*from).into(), (*to).into(), Line::from(days(*from, *to).to_string().as_str())])
        .collect();
    if late.is_empty() {
        blocks.push(Block::Para(Line::from(if dossier.cadence.is_some() { w.never_late } else { w.no_cadence })));
    } else {
        blocks.push(Block::Table(Table::new(w.late_caption, &[w.from, w.to, &format!("#{}", w.days)]).with(late)));
    }
    let changed: Vec<&PackLine> = dossier.earlier.windows(2).filter(|pair| pair[0].scope != pair[1].scope).map(|pair| &pair[1]).collect();
    for pack in changed {
        let scope = Line::listed(pack.scope.iter().map(|place| Line::from(Inline::code(place))));
        blocks.push(Block::Para(fill(w.scope_changed, &[("pack", Line::from(number(pack.sequence).as_str())), ("scope", scope)])));
    }
    let (open, closed): (Vec<&Span>, Vec<&Span>) = dossier.spans.iter().partition(|span| span.closed.is_none());
    let as_of = run.as_of;
    let columns = [w.policy, w.resource, w.verdict, w.opened, &format!("#{}", w.days_open)];
    let row = |span: &Span| {
        let age = days(span.opened, span.closed.unwrap_or(as_of)).to_string();
        [
            Line::from(Inline::code(&span.policy)),
            Inline::code(&span.resource).into(),
            Line::from(word(facts, &span.verdict)),
            span.opened.into(),
            Line::from(age.as_str()),
        ]
    };
    if !open.is_empty() {
        blocks.push(Block::Table(Table::new(w.open_spans, &columns).class("spans").with(open.iter().map(|span| row(span).into()))));
    }
    if !closed.is_empty() {
        let mut closed = closed;
        closed.sort_by(|a, b| (b.closed, &a.policy, &a.resource).cmp(&(a.closed, &b.policy, &b.resource)));
        let columns = [w.policy, w.resource, w.verdict, w.opened, w.closed, columns[4]];
        let rows = closed.iter().take(SHOWN).map(|span| {
            let [policy, resource, verdict, opened, age] = row(span);
            vec![policy, resource, verdict, opened, span.closed.map_or(Line::new(), Line::from), age]
        });
        blocks.push(Block::Table(Table::new(w.closed_spans, &columns).class("spans").with(rows)));
        if closed.len() > SHOWN {
            blocks.push(Block::Para(fill(w.more_closed, &[("n", ((closed.len() - SHOWN) as u64).into())])));
        }
    }
    blocks
}

fn number(sequence: u64) -> String {
    format!("{sequence:06}")
}

fn word<'w>(facts: &Facts<'_>, verdict: &'w str) -> &'w str {
    let w = facts.words;
    match verdict {
        "deviation" => w.deviation,
        "unknown" => w.unknown,
        "excepted" => w.excepted,
        other => other,
    }
}

fn packs(facts: &Facts<'_>, dossier: &Dossier) -> Table {
    let w = facts.words;
    let numbers = [w.passes, w.deviations, w.unknowns, w.excepteds].map(|name| format!("#{name}"));
    let [passes, deviations, unknowns, excepteds] = &numbers;
    let columns = [w.pack, w.collected, w.manifest, w.previous_manifest, passes, deviations, unknowns, excepteds, w.signer];
    let mut table = Table::new(w.packs_caption, &columns).class("packs");
    let hash = |hash: &str| Line::from(Inline::code(&short(hash)));
    let key = |key: Option<&str>| key.map_or(Line::from(w.not_signed), |key| Inline::code(&short(key)).into());
    for pack in &dossier.earlier {
        let at = Line::from(pack.started);
        let at = match pack.finished {
            Some(_) => at,
            None => at.below(Inline::Mark("bad", "!", w.aborted)),
        };
        let counts = [pack.counts.pass, pack.counts.deviation, pack.counts.unknown, pack.counts.excepted];
        let [pass, deviation, unknown, excepted] = counts.map(|n| if pack.finished.is_some() { Line::from(n) } else { Line::from("–") });
        let previous = pack.previous_sha256.as_deref().map_or(Line::from("–"), hash);
        table.row([
            Line::from(number(pack.sequence).as_str()),
            at,
            hash(&pack.manifest_sha256),
            previous,
            pass,
            deviation,
            unknown,
            excepted,
            key(pack.key.as_deref()),
        ]);
    }
    let run = &facts.report.estate.run;
    let counts = facts.report.counts();
    let previous = dossier.earlier.last().map_or(Line::from("–"), |pack| hash(&pack.manifest_sha256));
    let name = Line::from(number(dossier.sequence).as_str()).then(" ").then(w.this_pack);
    let [pass, deviation, unknown, excepted] = [counts.pass, counts.deviation, counts.unknown, counts.excepted].map(Line::from);
    table.row([
        name,
        run.started.into(),
        Line::from(w.see_pack),
        previous,
        pass,
        deviation,
        unknown,
        excepted,
        key(dossier.key.as_deref()),
    ]);
    table
}
