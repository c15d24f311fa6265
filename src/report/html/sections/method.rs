//! How the results came to be, what they cannot tell, and how to check them.

use crate::framework::Edition;
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::Facts;
use crate::report::html::text::{Inline, Line, fill};
use crate::report::html::words::REDACTIONS;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let (w, report) = (facts.words, facts.report);
    let run = &report.estate.run;
    let all = report.controls.len() as u64;
    let in_run = |id: &String| report.policies.iter().any(|policy| policy.id == *id);
    let tested = report.framework.controls.iter().filter(|control| control.policies.iter().any(in_run)).count() as u64;
    let earlier = (report.edition < Edition::CURRENT).then(|| Block::Note(Line::from(w.earlier_edition)));
    let identity = run.identity.as_ref().map_or(Line::from(w.no_identity), |i| Inline::code(&i.arn).into());
    let mut blocks = vec![
        Block::Heading { id: "clause-9-1".to_owned(), text: w.clause_9_1.to_owned() },
        Block::Facts(vec![
            (
                w.what_measured,
                fill(
                    w.what_measured_value,
                    &[("policies", (report.policies.len() as u64).into()), ("controls", tested.into()), ("total", all.into())],
                ),
            ),
            (w.how_measured, Line::from(w.how_measured_value)),
            (w.when_measured, Line::from(run.started).then(" – ").then(run.finished)),
            (w.who_measured, identity),
            (w.when_evaluated, fill(w.when_evaluated_value, &[("time", run.as_of.into())])),
            (w.who_evaluates, Line::from(w.who_evaluates_value)),
        ]),
        Block::Heading { id: "rules-of-verdicts".to_owned(), text: w.rules_of_verdicts.to_owned() },
        Block::List(
            [w.rule_unknown, w.rule_empty, w.rule_deviation, w.rule_exception, w.rule_attested, w.rule_no_total].map(Line::from).into(),
        ),
        Block::Heading { id: "limits".to_owned(), text: w.limits.to_owned() },
        Block::List(
            [w.limit_clock, w.limit_permissions, w.limit_point, w.limit_blind, w.limit_english, w.limit_independence]
                .map(Line::from)
                .into(),
        ),
        Block::Heading { id: "sampling".to_owned(), text: w.sampling.to_owned() },
        Block::Para(fill(w.sampling_value, &[("seed", Inline::code(&facts.seed).into())])),
        Block::Para(Line::from(if report.dossier.is_some() { w.seed_pack } else { w.seed_plain })),
        Block::Heading { id: "redactions".to_owned(), text: w.redactions.to_owned() },
    ];
    blocks.splice(0..0, earlier);
    match report.dossier {
        None => blocks.push(Block::Para(Line::from(w.no_pack_redactions))),
        Some(dossier) if dossier.redactions.is_empty() => blocks.push(Block::Para(Line::from(w.no_redactions))),
        Some(dossier) => {
            let rows = dossier.redactions.iter().map(|r| {
                let reason = w.of(REDACTIONS, &r.reason).map_or_else(|| facts.english(&r.reason).into(), Line::from);
                vec![Inline::code(&r.response.to_string()).into(), Inline::code(&r.pointer).into(), reason]
            });
            blocks.push(Block::Table(Table::new(w.redactions_caption, &[w.answer, w.where_in_it, w.reason]).with(rows)));
        }
    }
    if let Some(dossier) = report.dossier.filter(|d| !d.rules.is_empty()) {
        let rows = dossier.rules.iter().map(|(path, sha256)| vec![Inline::code(path).into(), Inline::code(sha256).into()]);
        blocks.push(Block::Table(Table::new(w.rules_caption, &[w.file, w.sha256]).with(rows)));
    }
    blocks
}

/// What to type to check the report.
pub(super) fn verify(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let Some(dossier) = facts.report.dossier else {
        let text = "keur --version\nkeur collect -o estate.json --tape recording\nkeur check --estate estate.json --as-of TIME --format json=findings.json\n";
        let text = text.replace("TIME", &facts.report.estate.run.as_of.to_string());
        return vec![
            Block::Note(Line::from(w.no_pack_verify)),
            Block::Commands { label: w.commands, text },
            Block::Para(fill(w.no_pack_expect, &[("sha256", Inline::code(facts.report.policies_sha256).into())])),
        ];
    };
    let pack = format!("pack-{:06}", dossier.sequence);
    let signature = format!(
        "minisign -Vm {pack}/manifest.json -p keur.pub

jq -r .payload {pack}/manifest.json.intoto.jsonl | base64 -d > statement.json
jq -r '.signatures[0].sig' {pack}/manifest.json.intoto.jsonl | base64 -d > signature
(printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \"$(wc -c < statement.json)\"; cat statement.json) > signed
openssl pkeyutl -verify -pubin -inkey keur.pem -rawin -in signed -sigfile signature"
    );
    let trail = "aws cloudtrail lookup-events --lookup-attributes AttributeKey=AccessKeyId,AttributeValue=ACCESS_KEY_ID";
    let steps = [
        (w.verify_files, format!("sha256sum -c {pack}/SHA256SUMS")),
        (w.verify_chain, "keur evidence verify . --public-key keur.pub".to_owned()),
        (w.verify_signature, signature),
        (w.verify_time, format!("openssl ts -verify -data {pack}/manifest.json -in {pack}/manifest.json.tsr -CAfile tsa.pem")),
        (w.verify_replay, format!("keur evidence replay {pack}\nsha256sum {pack}/findings.json")),
        (w.verify_trail, trail.to_owned()),
    ];
    let mut blocks = vec![Block::Para(Line::from(w.verify_note))];
    for (label, text) in steps {
        blocks.push(Block::Para(Line::from(label)));
        blocks.push(Block::Commands { label, text });
    }
    blocks.push(Block::Para(fill(
        w.verify_expect,
        &[("findings", Inline::code(&dossier.findings_sha256).into()), ("started", Inline::code(&dossier.started_sha256).into())],
    )));
    blocks
}
