//! The index of the evidence: every call, or every operation where there are too many calls to read.

use std::collections::BTreeMap;

use super::short;
use crate::report::CallLine;
use crate::report::html::block::{Block, Table};
use crate::report::html::facts::{CALLS_SHOWN, Facts};
use crate::report::html::text::{Inline, Line, fill, slug};

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let w = facts.words;
    let Some(dossier) = facts.report.dossier else {
        return vec![Block::Note(fill(w.no_pack_index, &[("n", facts.report.estate.run.calls.into())]))];
    };
    if dossier.calls.is_empty() {
        return vec![Block::Para(Line::from(w.no_calls))];
    }
    if facts.lists_calls() {
        return vec![
            Block::Para(fill(w.index_note, &[("n", (dossier.calls.len() as u64).into())])),
            Block::Table(calls(facts, &dossier.calls)),
        ];
    }
    let note = fill(w.index_grouped, &[("n", (dossier.calls.len() as u64).into()), ("limit", (CALLS_SHOWN as u64).into())]);
    vec![Block::Para(note), Block::Table(operations(facts, &dossier.calls))]
}

fn status(call: &CallLine) -> Line {
    call.status.map_or(Line::from("–"), |status| Line::from(u64::from(status)))
}

fn calls(facts: &Facts<'_>, calls: &[CallLine]) -> Table {
    let w = facts.words;
    let columns = [w.call, w.account, w.region, w.time, w.status, w.request_id, &format!("#{}", w.bytes), w.sha256];
    let mut table = Table::new(w.index_caption, &columns).class("index");
    let mut seen = std::collections::BTreeSet::new();
    for call in calls {
        let cells = [
            Inline::code(&format!("{}:{}", call.service, call.operation)).into(),
            Inline::code(&call.account).into(),
            facts.region(&call.region),
            call.time.into(),
            status(call),
            call.request_id.as_deref().map_or(Line::from("–"), |id| Inline::code(id).into()),
            call.bytes.into(),
            call.response.map_or(Line::from("–"), |id| Inline::code(&id.to_string()).into()),
        ];
        match call.response.filter(|id| seen.insert(*id)) {
            Some(id) => table.row_at(slug(&format!("r-{}", short(&id.to_string()))), cells),
            None => table.row(cells),
        }
    }
    table
}

fn operations(facts: &Facts<'_>, calls: &[CallLine]) -> Table {
    let w = facts.words;
    let mut groups: BTreeMap<(&str, &str), Vec<&CallLine>> = BTreeMap::new();
    for call in calls {
        groups.entry((&call.service, &call.operation)).or_default().push(call);
    }
    let numbers = [w.calls, w.refused, w.bytes, w.answers].map(|name| format!("#{name}"));
    let [number, refused, bytes, answers] = &numbers;
    let columns = [w.call, number, refused, w.account, w.region, w.first_and_last, bytes, answers];
    let mut table = Table::new(w.index_caption, &columns).class("index");
    for ((service, operation), calls) in groups {
        let call = format!("{service}:{operation}");
        let set = |of: fn(&CallLine) -> &str| {
            let set: std::collections::BTreeSet<&str> = calls.iter().map(|call| of(call)).collect();
            Line::listed(set.into_iter().map(|value| Line::from(Inline::code(value))))
        };
        let refused = calls.iter().filter(|call| call.status.is_none_or(|status| !(200..300).contains(&status))).count() as u64;
        let answers: std::collections::BTreeSet<_> = calls.iter().filter_map(|call| call.response).collect();
        let first = calls.iter().map(|call| call.time).min().map_or(Line::new(), Line::from);
        let last = calls.iter().map(|call| call.time).max().map_or(Line::new(), Line::from);
        table.row_at(
            slug(&format!("o-{call}")),
            [
                Inline::code(&call).into(),
                (calls.len() as u64).into(),
                refused.into(),
                set(|call| &call.account),
                set(|call| &call.region),
                first.below(last),
                calls.iter().map(|call| call.bytes).sum::<u64>().into(),
                (answers.len() as u64).into(),
            ],
        );
    }
    table
}
