//! What was looked at, and whether to the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::{Gap, Reason};
use crate::evaluate::{Population, Subject, Verdict};
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::Facts;
use crate::report::html::text::{Inline, Line, fill};
use crate::report::html::words::SCOPE_RULES;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let (w, report) = (facts.words, facts.report);
    let run = &report.estate.run;
    let gaps = report.gaps();
    let is_denied = |gap: &Gap| matches!(gap.reason, Reason::Denied | Reason::DeniedByOrganisation);
    let denied = gaps.iter().filter(|(gap, _)| is_denied(gap)).count() as u64;
    let types: BTreeSet<&str> = report.population.iter().map(|line| line.kind.as_str()).collect();
    let mut facts_of = vec![
        (w.resources, (report.estate.resources.len() as u64).into()),
        (w.types, (types.len() as u64).into()),
        (w.accounts, (run.accounts.len() as u64).into()),
        (w.regions, facts.or_none(Line::listed(run.regions.iter().map(|r| Line::from(Inline::code(r)))))),
    ];
    if run.declared.is_none() {
        facts_of.push((w.calls, run.calls.into()));
        facts_of.push((w.denied_calls, denied.into()));
    }
    let mut blocks = vec![
        Block::Note(completeness(facts)),
        Block::Para(Line::from(w.not_covered)),
        Block::List(not_covered(facts)),
        Block::Facts(facts_of),
    ];
    blocks.extend(declared(facts));
    blocks.push(population(facts));
    blocks.extend(out_of_scope(facts));
    blocks.extend(gaps_of(facts, w.denied_caption, &gaps, is_denied));
    blocks.extend(gaps_of(facts, w.gaps_caption, &gaps, |gap| !is_denied(gap)));
    if gaps.is_empty() {
        blocks.push(Block::Para(Line::from(w.no_gaps)));
    }
    blocks
}

/// Whether everything was read, in one sentence.
fn completeness(facts: &Facts<'_>) -> Line {
    let (w, report) = (facts.words, facts.report);
    let run = &report.estate.run;
    if let Some(declared) = &run.declared {
        return fill(w.complete_code, &[("n", declared.resources.into())]);
    }
    let total = report.population.len() as u64;
    let whole = report.population.iter().filter(|line| line.complete).count() as u64;
    let closed = run.accounts.iter().any(|a| a.gap.is_some());
    let sentence = if total > 0 && whole == total && !closed { w.complete_all } else { w.complete_part };
    let listed = report.population.iter().map(|line| line.listed).sum::<u64>();
    fill(sentence, &[("n", whole.into()), ("total", total.into()), ("resources", listed.into())])
}

/// What the report says nothing about.
fn not_covered(facts: &Facts<'_>) -> Vec<Line> {
    let (w, report) = (facts.words, facts.report);
    let run = &report.estate.run;
    let mut points = Vec::new();
    for account in run.accounts.iter().filter(|a| a.gap.is_some()) {
        points.push(fill(w.account_closed, &[("account", Inline::code(&account.id).into())]));
    }
    let mut open: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for line in report.population.iter().filter(|line| !line.complete) {
        open.entry(&line.kind).or_default().insert((&line.account, &line.region));
    }
    for (kind, places) in open {
        let place = |(account, region): &(&str, &str)| Line::from(Inline::code(account)).then(" ").then(facts.region(region));
        let places = Line::listed(places.iter().map(place));
        points.push(fill(w.listing_open, &[("type", Inline::code(kind).into()), ("places", places)]));
    }
    for gap in run.declared.iter().flat_map(|d| &d.incomplete) {
        points.push(fill(w.code_incomplete, &[("what", facts.english(gap.subject.as_deref().unwrap_or(gap.reason.as_str())).into())]));
    }
    if let Some(declared) = &run.declared {
        points.push(Line::from(w.code_only));
        if !declared.not_covered.is_empty() {
            let kind = |(kind, n): (&String, &u64)| Line::from(Inline::code(kind)).then(" ").then(*n);
            points.push(fill(w.code_types, &[("types", Line::listed(declared.not_covered.iter().map(kind)))]));
        }
        if declared.other_providers > 0 {
            points.push(fill(w.other_providers, &[("n", declared.other_providers.into())]));
        }
    } else {
        points.push(fill(
            w.regions_only,
            &[("regions", facts.or_none(Line::listed(run.regions.iter().map(|r| Line::from(Inline::code(r))))))],
        ));
    }
    points.push(Line::from(w.types_only));
    points.push(Line::from(w.no_second_source));
    let left_out = facts.left_out();
    if !left_out.is_empty() {
        points.push(fill(w.policies_left_out, &[("policies", Line::listed(left_out.into_iter().map(|id| Line::from(Inline::code(id)))))]));
    }
    let untested = report.framework.controls.iter().filter(|c| c.none_yet.is_some()).count() as u64;
    if untested > 0 {
        points.push(fill(w.controls_untested, &[("n", untested.into()), ("total", (report.controls.len() as u64).into())]));
    }
    points
}

/// What code says of itself.
fn declared(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let Some(declared) = &facts.report.estate.run.declared else { return Vec::new() };
    let mut rows = Vec::new();
    if !declared.actions.is_empty() {
        let action = |(action, n): (&crate::estate::Action, &u64)| Line::from(w.action(*action)).then(" ").then(*n);
        rows.push((w.actions, Line::listed(declared.actions.iter().map(action))));
    }
    let from = |(from, n): (&crate::estate::RegionFrom, &u64)| Line::from(w.region_from(*from)).then(" ").then(*n);
    rows.push((w.regions_from, facts.or_none(Line::listed(declared.region_from.iter().map(from)))));
    let apart: u64 = facts.policies.iter().map(|of| of.apart).sum();
    rows.push((w.set_apart, apart.into()));
    vec![Block::Facts(rows)]
}

fn population(facts: &Facts<'_>) -> Block {
    let (w, report) = (facts.words, facts.report);
    let mut unread: BTreeMap<(&str, &str, &str), BTreeSet<u32>> = BTreeMap::new();
    for finding in report.judgement.findings.iter().filter(|f| f.verdict == Verdict::Unknown && report.counts_in(f)) {
        if let Subject::Resource(at) = finding.subject {
            let place = report.place(finding);
            unread.entry((place.kind, place.account, place.region)).or_default().insert(at);
        }
    }
    let numbers = [w.listed, w.judged, w.excluded, w.not_read].map(|name| format!("#{name}"));
    let [listed, judged, excluded, not_read] = &numbers;
    let mut table =
        Table::new(w.population_caption, &[w.resource_type, w.account, w.region, listed, judged, excluded, not_read, w.complete]);
    // Places with none of a type, listed to the end, are one line per type and account.
    let is_empty = |line: &Population| line.listed == 0 && line.judged == 0 && line.out_of_scope == 0 && line.complete;
    let mut at = 0;
    while let Some(line) = report.population.get(at) {
        let same = |other: &&Population| other.kind == line.kind && other.account == line.account && is_empty(other);
        let run = if is_empty(line) { report.population[at..].iter().take_while(same).count() } else { 1 };
        let regions = report.population[at..at + run].iter().map(|line| facts.region(&line.region));
        at += run;
        // Buckets lie in regions and are listed globally: what could not be read of them counts there.
        let unread: BTreeSet<u32> = unread
            .iter()
            .filter(|((kind, account, region), _)| {
                *kind == line.kind && *account == line.account && (*region == line.region || line.region == crate::estate::GLOBAL)
            })
            .flat_map(|(_, resources)| resources.iter().copied())
            .collect();
        table.row([
            Inline::code(&line.kind).into(),
            Inline::code(&line.account).into(),
            Line::listed(regions),
            line.listed.into(),
            line.judged.into(),
            line.out_of_scope.into(),
            (unread.len() as u64).into(),
            if line.complete { Line::from(w.yes) } else { Line::from(Inline::Mark("open", "?", w.no)) },
        ]);
    }
    Block::Table(table.class("population"))
}

fn out_of_scope(facts: &Facts<'_>) -> Option<Block> {
    let w = facts.words;
    let mut rules: BTreeMap<&str, u64> = BTreeMap::new();
    for (rule, n) in facts.report.judgement.out_of_scope.iter().flat_map(|out| &out.by_rule) {
        *rules.entry(rule).or_default() += n;
    }
    let word = |rule: &str| w.of(SCOPE_RULES, rule).map_or_else(|| Inline::code(rule).into(), Line::from);
    let rule = |(rule, n): (&str, u64)| vec![word(rule), n.into()];
    (!rules.is_empty()).then(|| {
        Block::Table(Table::new(w.out_of_scope_caption, &[w.rule, &format!("#{}", w.judgements)]).with(rules.into_iter().map(rule)))
    })
}

fn gaps_of(facts: &Facts<'_>, caption: &'static str, gaps: &[(std::sync::Arc<Gap>, u64)], wanted: impl Fn(&Gap) -> bool) -> Option<Block> {
    let w = facts.words;
    type Sum<'g> = (BTreeSet<&'g str>, u64, u64);
    let mut lines: BTreeMap<(String, &str, Reason, &str), Sum<'_>> = BTreeMap::new();
    for (gap, verdicts) in gaps.iter().filter(|(gap, _)| wanted(gap)) {
        let call =
            if gap.operation == "-" { gap.subject.clone().unwrap_or_default() } else { format!("{}:{}", gap.service, gap.operation) };
        let line = lines.entry((call, &gap.account, gap.reason, gap.code.as_deref().unwrap_or_default())).or_default();
        line.0.insert(&gap.region);
        line.1 += 1;
        line.2 += verdicts;
    }
    if lines.is_empty() {
        return None;
    }
    let columns = [w.call, w.account, w.region, w.reason, &format!("#{}", w.facts), &format!("#{}", w.unknown_verdicts)];
    let rows = lines.into_iter().map(|((call, account, reason, code), (regions, n, verdicts))| {
        let code = if code.is_empty() { Line::new() } else { Inline::code(code).into() };
        let regions = regions.into_iter().filter(|region| !region.is_empty()).map(|region| facts.region(region));
        let account = if account.is_empty() { Line::from("–") } else { Inline::code(account).into() };
        vec![Inline::code(&call).into(), account, Line::listed(regions), Line::from(w.gap(reason)).below(code), n.into(), verdicts.into()]
    });
    Some(Block::Table(Table::new(caption, &columns).with(rows)))
}
