//! A sheet for each control, and the results of each policy behind them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::applicability::evidence_type;
use super::results;
use crate::evaluate::Finding;
use crate::framework::{Control, ControlResult, ControlVerdict, Why};
use crate::policy::Policy;
use crate::report::html::block::{Block, Row, Sheet, Table};
use crate::report::html::facts::{Facts, OfPolicy, day_of};
use crate::report::html::text::{Inline, Line, fill, slug};

/// Findings shown of each policy in the sheet of a control; the sheet of the policy has them all.
const SHOWN: usize = 5;
/// Months shown.
const MONTHS: usize = 12;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let mut blocks = vec![Block::Para(fill(w.sheets_note, &[("seed", Inline::code(&facts.seed).into())]))];
    for (control, result) in facts.each_control() {
        blocks.push(Block::Sheet(sheet(facts, control, result)));
    }
    blocks.extend(results::blocks(facts));
    blocks
}

fn sheet(facts: &Facts<'_>, control: &Control, result: &ControlResult) -> Sheet {
    let tested: Vec<(&Policy, &OfPolicy<'_>)> = control.policies.iter().filter_map(|id| facts.policy(id)).collect();
    let mut blocks = vec![Block::Facts(head(facts, control, result, &tested))];
    if !tested.is_empty() {
        blocks.push(Block::Table(tests(facts, control, &tested)));
        blocks.extend(findings(facts, control, &tested));
    }
    blocks.extend(exceptions(facts, control, &tested));
    blocks.extend(documents(facts, control));
    blocks.extend(months(facts, control, result.verdict));
    blocks.push(Block::Table(sign_off(facts, control)));
    let title = Line::from(control.id.as_str()).then(" ").then(facts.english(&control.title)).then(" ").then(facts.mark(result.verdict));
    Sheet { id: slug(&control.id), class: "control", title, blocks }
}

fn head(facts: &Facts<'_>, control: &Control, result: &ControlResult, tested: &[(&Policy, &OfPolicy<'_>)]) -> Vec<(&'static str, Line)> {
    let w = facts.words;
    let mut rows = Vec::new();
    // What would show it has a line of its own.
    let why = result.why.iter().filter(|why| !matches!(why, Why::NothingYet(_)));
    let why = Line::stacked(why.map(|why| facts.why(why)));
    if !why.is_empty() {
        rows.push((w.why, why));
    }
    if let Some(missing) = control.none_yet.as_deref() {
        rows.push((w.would_show, facts.english(missing).into()));
    }
    let ids = Line::listed(control.ids_2013.iter().map(|id| Line::from(id.as_str())));
    rows.push((w.edition_2013, if ids.is_empty() { Line::from(w.new_in_2022) } else { ids }));
    let statements = tested.iter().map(|(policy, _)| policy.statement.as_str()).chain(control.attested.iter().map(String::as_str));
    let owners: BTreeSet<&str> =
        statements.chain(control.inherited.as_deref()).filter_map(|id| facts.statement(id)).map(|s| s.owner.as_str()).collect();
    rows.push((
        w.owner,
        if owners.is_empty() { Line::from(w.not_assigned) } else { Line::listed(owners.into_iter().map(|o| facts.owner(o))) },
    ));
    let method = match (tested.is_empty(), control.attested.is_empty() && control.inherited.is_none()) {
        (false, false) => w.test_and_examine_method,
        (false, true) => w.test_method,
        (true, false) => w.examine_method,
        (true, true) => w.no_method,
    };
    rows.push((w.evidence_type, Line::from(evidence_type(facts, control))));
    rows.push((w.method_column, Line::from(method)));
    if !tested.is_empty() && result.population > 0 {
        // A population is whole where every listing was read to its end; code shows what it declares and no more.
        let numbers = [("n", result.population.into()), ("unknown", result.unknown.into())];
        let judged = match (&facts.report.estate.run.declared, result.unknown) {
            (None, 0) => w.whole_population,
            (None, _) => w.seen_population,
            (Some(_), _) => w.declared_population,
        };
        rows.push((w.population_and_sampling, fill(judged, &numbers)));
        rows.push((w.evidence_used, evidence(facts, tested)));
        rows.push((w.suggested_sample, Line::from(w.sample_where)));
    }
    rows
}

/// The calls whose answers the verdicts were made of.
fn evidence(facts: &Facts<'_>, tested: &[(&Policy, &OfPolicy<'_>)]) -> Line {
    let w = facts.words;
    let findings = tested.iter().flat_map(|(_, of)| [&of.deviation, &of.unknown, &of.excepted, &of.pass]).flatten();
    let responses: BTreeSet<_> = findings.flat_map(|f| facts.responses(f)).copied().collect();
    let calls: BTreeSet<String> =
        responses.iter().filter_map(|r| facts.call(*r)).map(|call| format!("{}:{}", call.service, call.operation)).collect();
    let count = fill(w.responses_used, &[("n", (responses.len() as u64).into())]);
    let link =
        |call: &String| Line::from(if facts.lists_calls() { Inline::code(call) } else { Inline::code_link(&format!("o-{call}"), call) });
    count.below(Line::listed(calls.iter().map(link)))
}

fn tests(facts: &Facts<'_>, control: &Control, tested: &[(&Policy, &OfPolicy<'_>)]) -> Table {
    let w = facts.words;
    let numbers = [w.judged, w.passes, w.deviations, w.unknowns, w.excepteds, w.excluded].map(|name| format!("#{name}"));
    let [judged, passes, deviations, unknowns, excepteds, excluded] = &numbers;
    let mut columns = vec![w.criterion, w.severity, judged, passes, deviations, unknowns, excepteds, excluded];
    let apart = format!("#{}", w.set_apart);
    let is_code = facts.report.estate.run.declared.is_some();
    if is_code {
        columns.push(&apart);
    }
    let mut table = Table::new(format!("{}: {}", control.id, w.results_caption), &columns);
    let mut tested: Vec<_> = tested.to_vec();
    tested.sort_by_key(|(policy, of)| order(policy, of));
    for (policy, of) in tested {
        let id = if of.is_empty() { Inline::code(&policy.id) } else { Inline::code_link(&format!("p-{}", policy.id), &policy.id) };
        let passed = of.pass.len() as u64;
        let mut cells = vec![
            Line::from(facts.english(&policy.title)).below(id),
            Line::from(facts.severity(policy.severity)),
            of.judged.into(),
            passed.into(),
            (of.deviation.len() as u64).into(),
            (of.unknown.len() as u64).into(),
            (of.excepted.len() as u64).into(),
            of.out_of_scope.into(),
        ];
        if is_code {
            cells.push(of.apart.into());
        }
        table.rows.push(Row { id: None, cells });
    }
    table
}

/// What deviates comes first, the most severe before the rest, then what is not known.
pub(super) fn order<'p>(policy: &'p Policy, of: &OfPolicy<'_>) -> impl Ord + use<'p> {
    (of.deviation.is_empty(), of.unknown.is_empty(), std::cmp::Reverse(policy.severity), policy.id.as_str())
}

fn findings(facts: &Facts<'_>, control: &Control, tested: &[(&Policy, &OfPolicy<'_>)]) -> Vec<Block> {
    let w = facts.words;
    let mut table = Table::new(format!("{}: {}", control.id, w.failures_caption), &[w.resource, w.policy, w.verdict, w.finding]);
    let mut more = Vec::new();
    let mut tested: Vec<_> = tested.to_vec();
    tested.sort_by_key(|(policy, of)| order(policy, of));
    let kinds: [fn(&OfPolicy<'_>) -> usize; 3] = [|of| of.deviation.len(), |of| of.unknown.len(), |of| of.excepted.len()];
    for (kind, count) in kinds.iter().enumerate() {
        for (policy, of) in &tested {
            let list: &[&Finding] = [of.deviation.as_slice(), of.unknown.as_slice(), of.excepted.as_slice()][kind];
            for finding in list.iter().take(SHOWN) {
                let message = facts.message(finding);
                let policy = Inline::code_link(&format!("p-{}", policy.id), &policy.id);
                table.row([results::resource(facts, finding), policy.into(), facts.finding_mark(finding.verdict).into(), message]);
            }
            if count(of) > SHOWN {
                let word = [w.deviations, w.unknowns, w.excepteds][kind];
                let policy = Inline::code_link(&format!("p-{}", policy.id), &policy.id);
                more.push(fill(
                    w.more_findings,
                    &[("n", ((count(of) - SHOWN) as u64).into()), ("what", Line::from(word)), ("policy", policy.into())],
                ));
            }
        }
    }
    let mut blocks = Vec::new();
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table.class("failures")));
    }
    if !more.is_empty() {
        blocks.push(Block::List(more));
    }
    blocks
}

fn exceptions(facts: &Facts<'_>, control: &Control, tested: &[(&Policy, &OfPolicy<'_>)]) -> Option<Block> {
    let w = facts.words;
    let of_control = facts.report.exceptions.iter().filter(|e| tested.iter().any(|(policy, _)| policy.id == e.policy));
    let rows: Vec<Vec<Line>> = of_control
        .map(|e| vec![Inline::link(&format!("x-{}", e.id), &e.id).into(), Inline::code(&e.policy).into(), e.expires.into()])
        .collect();
    let caption = format!("{}: {}", control.id, w.exceptions_used);
    (!rows.is_empty()).then(|| Block::Table(Table::new(caption, &[w.exception, w.policy, w.valid_until]).with(rows)))
}

fn documents(facts: &Facts<'_>, control: &Control) -> Option<Block> {
    let w = facts.words;
    let mut rows = Vec::new();
    for id in control.attested.iter().chain(&control.inherited) {
        let claim = facts.statement(id).map_or(Line::new(), |s| facts.english(&s.title).into());
        let claim = claim.below(Inline::code_link(&format!("s-{id}"), id));
        let given: Vec<_> = facts.report.attestations.iter().filter(|a| a.statement == *id).collect();
        if given.is_empty() {
            rows.push(vec![claim, Inline::Mark("open", "?", w.no_document).into(), Line::from("–")]);
            continue;
        }
        for attestation in given {
            let state = Line::from(facts.state(attestation.state(facts.report.estate.run.as_of)))
                .below(fill(w.until, &[("day", attestation.valid_until.into())]));
            rows.push(vec![claim.clone(), facts.english(&attestation.title).into(), state]);
        }
    }
    let caption = format!("{}: {}", control.id, w.documents_used);
    (!rows.is_empty()).then(|| Block::Table(Table::new(caption, &[w.statement, w.document_column, w.state]).with(rows)))
}

/// What the control was in the months before, by words and numbers and not by colour.
fn months(facts: &Facts<'_>, control: &Control, now: ControlVerdict) -> Option<Block> {
    let w = facts.words;
    let dossier = facts.report.dossier?;
    let earlier = dossier.earlier.iter().filter(|pack| pack.finished.is_some());
    let all = earlier.filter_map(|pack| Some((day_of(pack.started), *pack.controls.get(&control.id)?)));
    let mut months: BTreeMap<Date, Vec<ControlVerdict>> = BTreeMap::new();
    for (day, verdict) in all.chain([(day_of(facts.report.estate.run.started), now)]) {
        months.entry(day.first_of_month()).or_default().push(verdict);
    }
    let skip = months.len().saturating_sub(MONTHS);
    let months: Vec<(Date, Vec<ControlVerdict>)> = months.into_iter().skip(skip).collect();
    if dossier.earlier.is_empty() {
        return None;
    }
    let names: Vec<String> = months.iter().map(|(month, _)| format!("#{}", month.strftime("%Y-%m"))).collect();
    let columns: Vec<&str> = [w.month].into_iter().chain(names.iter().map(String::as_str)).collect();
    let packs = [Line::from(w.packs)].into_iter().chain(months.iter().map(|(_, verdicts)| (verdicts.len() as u64).into()));
    let occurring: BTreeSet<ControlVerdict> = months.iter().flat_map(|(_, verdicts)| verdicts.iter().copied()).collect();
    let of = |wanted: ControlVerdict| {
        let count = move |(_, verdicts): &(Date, Vec<ControlVerdict>)| (verdicts.iter().filter(|v| **v == wanted).count() as u64).into();
        [Line::from(facts.mark(wanted))].into_iter().chain(months.iter().map(count)).collect::<Vec<Line>>()
    };
    let rows = [packs.collect()].into_iter().chain(occurring.into_iter().map(of));
    Some(Block::Table(Table::new(format!("{}: {}", control.id, w.months_caption), &columns).with(rows).class("figures")))
}

fn sign_off(facts: &Facts<'_>, control: &Control) -> Table {
    let w = facts.words;
    let mut table = Table::new(format!("{}: {}", control.id, w.sign_off), &[w.role, w.name, w.date_and_signature]).class("sign");
    for role in [w.control_owner, w.auditor] {
        table.row([Line::from(role), Line::new(), Line::new()]);
    }
    table
}
