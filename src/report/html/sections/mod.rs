//! The sections, in the order in which an auditor asks.

mod annex;
mod applicability;
mod chain;
mod glance;
mod index;
mod method;
mod registers;
mod results;
mod scope;
mod sheets;

use super::Section;
use super::block::Block;
use super::facts::Facts;
use super::text::{Inline, Line, fill};

/// Every section, numbered in this order.
pub(super) fn all(facts: &Facts<'_>) -> Vec<Section> {
    let w = facts.words;
    vec![
        Section { id: "glance", title: w.glance, blocks: glance::blocks(facts) },
        Section { id: "scope", title: w.scope, blocks: scope::blocks(facts) },
        Section { id: "applicability", title: w.applicability, blocks: applicability::blocks(facts) },
        Section { id: "sheets", title: w.sheets, blocks: sheets::blocks(facts) },
        Section { id: "exceptions", title: w.exceptions, blocks: registers::exceptions(facts) },
        Section { id: "attestations", title: w.attestations, blocks: registers::attestations(facts) },
        Section { id: "claims", title: w.claims, blocks: registers::claims(facts) },
        Section { id: "chain", title: w.chain, blocks: chain::blocks(facts) },
        Section { id: "inherited", title: w.inherited_controls, blocks: registers::inherited(facts) },
        Section { id: "method", title: w.method, blocks: method::blocks(facts) },
        Section { id: "index", title: w.index, blocks: index::blocks(facts) },
        Section { id: "verify", title: w.verify, blocks: method::verify(facts) },
        Section { id: "annexes", title: w.annexes, blocks: annex::blocks(facts) },
    ]
}

/// What the report is of.
pub(super) fn subtitle(facts: &Facts<'_>) -> Line {
    let framework = Line::from(facts.english(&facts.report.framework.title));
    match facts.report.organisation {
        Some(organisation) => Line::from(organisation).then(" · ").then(framework),
        None => framework,
    }
}

/// The first thing to see: whose estate, which period, which run, by what, and what the report is not.
pub(super) fn document_control(facts: &Facts<'_>) -> Vec<Block> {
    let (w, report) = (facts.words, facts.report);
    let run = &report.estate.run;
    let account = |a: &crate::estate::Account| {
        let id = Line::from(Inline::code(&a.id));
        a.name.as_deref().map_or(id.clone(), |name| id.then(" ").then(name))
    };
    let mut rows = vec![
        (w.organisation, report.organisation.map_or(Line::from(w.not_configured), Line::from)),
        (w.isms_scope, Line::from(w.isms_scope_note)),
        (w.accounts, facts.or_none(Line::listed(run.accounts.iter().map(account)))),
        (w.regions, facts.or_none(Line::listed(run.regions.iter().map(|r| Line::from(Inline::code(r)))))),
    ];
    let first = report.dossier.and_then(|d| d.earlier.iter().find(|pack| pack.finished.is_some()));
    let period = match first {
        Some(pack) => Line::from(pack.started).then(" – ").then(run.finished),
        None => fill(w.point_in_time, &[("time", run.as_of.into())]),
    };
    rows.push((w.period, period));
    rows.push((w.collected, Line::from(run.started).then(" – ").then(run.finished)));
    if run.as_of != run.started {
        rows.push((w.as_of, run.as_of.into()));
    }
    rows.push((w.source, facts.source(&run.source)));
    for file in run.declared.iter().flat_map(|d| &d.files) {
        let value = Line::from(Inline::code(&file.name)).below(Inline::code(&file.sha256)).below(Inline::code(&file.written_by));
        rows.push((w.file, value));
    }
    let tool = Line::from(Inline::code(&run.tool));
    match report.dossier {
        None => {
            rows.push((w.tool, tool));
            rows.push((w.pack, Line::from(w.no_pack)));
        }
        Some(dossier) => {
            rows.push((w.run, Line::from(format!("{:06}", dossier.sequence).as_str())));
            rows.push((w.tool, tool.below(dossier.tool_sha256.as_deref().map_or(Line::new(), |sha| Inline::code(sha).into()))));
            rows.push((w.chain_id, Inline::code(&dossier.chain).into()));
            rows.push((w.started_record, Inline::code(&dossier.started_sha256).into()));
            rows.push((w.findings_hash, Inline::code(&dossier.findings_sha256).into()));
            let previous = facts.previous().map_or(Line::from(w.none_first), |pack| {
                Line::from(format!("{:06}", pack.sequence).as_str()).below(Inline::code(&pack.manifest_sha256))
            });
            rows.push((w.previous_pack, previous));
            rows.push((w.signer, dossier.key.as_deref().map_or(Line::from(w.not_signed), |key| Inline::code(key).into())));
            rows.push((w.timestamp_token, Line::from(w.timestamp_note)));
        }
    }
    let rules = fill(w.rules_value, &[("n", (report.policies.len() as u64).into())]).below(Inline::code(report.policies_sha256));
    rows.push((w.rules, rules));
    rows.push((w.identity, run.identity.as_ref().map_or(Line::from(w.no_identity), |i| Inline::code(&i.arn).into())));
    for (name, value) in report.dossier.iter().flat_map(|d| &d.run_by) {
        rows.push((w.run_by, Line::from(Inline::code(name)).then(" ").then(Inline::code(value))));
    }
    vec![Block::Facts(rows), Block::Note(Line::from(w.not_a_certificate))]
}

/// The last line.
pub(super) fn colophon(facts: &Facts<'_>) -> Line {
    let run = &facts.report.estate.run;
    fill(facts.words.colophon, &[("tool", Inline::code(&crate::tool()).into()), ("time", run.as_of.into())])
}

/// The first digits of a hash; the index and `findings.json` have it whole.
fn short(hash: &str) -> String {
    let digits = hash.trim_start_matches("sha256:");
    digits.get(..12).unwrap_or(digits).to_owned()
}

/// Links to the sheets of controls.
fn control_links<'a>(ids: impl IntoIterator<Item = &'a str>) -> Line {
    Line::listed(ids.into_iter().map(|id| Line::from(Inline::link(id, id))))
}
