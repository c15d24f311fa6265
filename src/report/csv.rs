//! `--format csv`: for auditors, RFC 4180. One row per control with its verdict, then one per finding and control; the
//! columns are described by a Table Schema in `docs/reference/findings.schema.json`.

use std::io::{self, Write};

use ::csv::{QuoteStyle, Terminator, WriterBuilder};
use serde_json::{Value, json};

use super::Report;
use super::export::{Export, Line, one_line};
use crate::evaluate::{Apart, Verdict};
use crate::framework::{ControlResult, ControlVerdict, Document};

/// A column: its name, what it holds, and what the schema says of its values.
struct Column {
    name: &'static str,
    doc: &'static str,
    values: Values,
}

enum Values {
    /// Never empty.
    Needed,
    Text,
    OneOf(fn() -> Vec<&'static str>),
    Pattern(&'static str),
    Moment,
    Day,
}

const fn column(name: &'static str, doc: &'static str, values: Values) -> Column {
    Column { name, doc, values }
}

const COLUMNS: &[Column] = &[
    column("row", "`control`: the result of a control; `finding`: a verdict, once per control that its policy serves", {
        Values::OneOf(|| vec!["control", "finding"])
    }),
    column("control", "Id of the control; empty in findings of a policy that serves none", Values::Text),
    column("control_title", "Its short title", Values::Text),
    column("controls_2013", "Its ids in the edition of 2013", Values::Text),
    column(
        "control_verdict",
        "What the run says of the control",
        Values::OneOf(|| ControlVerdict::ALL.map(ControlVerdict::as_str).to_vec()),
    ),
    column("policy", "Id of the policy; of a control, the policies that test it", Values::Text),
    column("policy_title", "What is true when it passes", Values::Text),
    column("statement", "The promise that it tests", Values::Text),
    column("severity", "How much a deviation matters", Values::OneOf(|| vec!["critical", "high", "medium", "low"])),
    column("verdict", "The verdict; empty in rows of controls. `unknown` is not a pass", {
        Values::OneOf(|| [Verdict::Pass, Verdict::Deviation, Verdict::Unknown, Verdict::Excepted].map(Verdict::as_str).to_vec())
    }),
    column("apart", "Why a plan is not to blame for it, if so", {
        Values::OneOf(|| [Apart::AlreadySo, Apart::LeftToLive].map(Apart::as_str).to_vec())
    }),
    column("message", "The sentence; of a control, its numbers and why it is what it is", Values::Text),
    column("remedy", "What to do about a deviation", Values::Text),
    column("resource_type", "AWS's name of the type", Values::Text),
    column("resource_arn", "ARN; empty where a listing failed", Values::Text),
    column("resource_id", "Id within account and region; `*` where a listing failed", Values::Text),
    column("resource_name", "The name that people know it by", Values::Text),
    column("account", "Account: twelve digits, with leading zeros; empty where it is not known", Values::Pattern("[0-9]{12}")),
    column("region", "Region, `global`, `unknown`, or `*` for all of them", Values::Text),
    column("environment", "Environment, `unassigned`, `ambiguous` or `unknown`", Values::Text),
    column("declared", "Where code declares it", Values::Text),
    column("observed_at", "When it was seen, UTC", Values::Moment),
    column("gap", "What could not be read and why, where the verdict is unknown", Values::Text),
    column("exception", "Id of the exception that accepts it", Values::Text),
    column("exception_risk", "Its reference in the risk register", Values::Text),
    column("exception_approver", "Who approved it", Values::Text),
    column("exception_expires", "The last day it holds", Values::Day),
    column("attestations", "Of a control: the documents that speak to it, with owner, approver, end and state", Values::Text),
    column("evidence_sha256", "SHA-256 of the responses, or of the file of code, that it rests on", {
        Values::Pattern("[0-9a-f]{64}( [0-9a-f]{64})*")
    }),
    column("aws_request_ids", "AWS's ids of the requests, where the report is part of a pack", Values::Text),
    column("fingerprint", "The same in every run: policy and resource", Values::Pattern("sha256:[0-9a-f]{64}")),
    column("policies_sha256", "SHA-256 over the policies in use", Values::Needed),
];

/// The Table Schema of the file.
pub(crate) fn schema() -> Value {
    let fields = COLUMNS.iter().map(|column| {
        let (kind, format, constraints) = match &column.values {
            Values::Needed => ("string", None, Some(json!({"required": true}))),
            Values::Text => ("string", None, None),
            Values::OneOf(words) => ("string", None, Some(json!({"enum": words()}))),
            Values::Pattern(pattern) => ("string", None, Some(json!({"pattern": pattern}))),
            Values::Moment => ("datetime", Some("%Y-%m-%dT%H:%M:%SZ"), Some(json!({"required": true}))),
            Values::Day => ("date", None, None),
        };
        let mut field = json!({"name": column.name, "type": kind, "description": column.doc});
        field.as_object_mut().expect("internal error: it is one").extend(
            [("format", format.map(Value::from)), ("constraints", constraints)]
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?))),
        );
        field
    });
    json!({"fields": fields.collect::<Vec<_>>(), "missingValues": [""]})
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let export = Export::new(report);
    let mut rows = Rows {
        // What is quoted throughout is also split right by programs that guess.
        out: WriterBuilder::new().quote_style(QuoteStyle::Always).terminator(Terminator::CRLF).from_writer(out),
        report,
    };
    rows.out.write_record(COLUMNS.iter().map(|column| column.name))?;
    for control in &report.controls {
        rows.control(control)?;
    }
    for line in export.lines() {
        if line.controls.is_empty() {
            rows.finding(&line, None)?;
        }
        for control in &line.controls {
            rows.finding(&line, Some(control))?;
        }
    }
    rows.out.flush()
}

struct Rows<'a, 'o> {
    out: ::csv::Writer<&'o mut dyn Write>,
    report: &'a Report<'a>,
}

impl Rows<'_, '_> {
    fn write(&mut self, cells: Cells<'_>) -> io::Result<()> {
        Ok(self.out.write_record(cells.in_order().map(cell))?)
    }

    fn control(&mut self, control: &ControlResult) -> io::Result<()> {
        let reason = control.reason().map_or_else(String::new, |reason| format!(": {reason}"));
        let sums = format!(
            "{} judged, {} deviations, {} unknown, {} excepted{reason}",
            control.population, control.deviations, control.unknown, control.excepted,
        );
        self.write(Cells {
            row: "control",
            control: &control.id,
            control_title: &control.title,
            controls_2013: &control.iso27001_2013.join(" "),
            control_verdict: control.verdict.as_str(),
            policy: &control.policies.join(" "),
            message: &sums,
            observed_at: &moment(self.report.estate.run.finished),
            attestations: &self.attestations(control),
            policies_sha256: self.report.policies_sha256,
            ..Cells::default()
        })
    }

    fn attestations(&self, control: &ControlResult) -> String {
        let texts = control.attestations.iter().map(|result| {
            let of =
                self.report.attestations.iter().find(|a| {
                    a.statement == result.statement && a.title == result.title && a.valid_until.to_string() == result.valid_until
                });
            let by = of.map_or_else(String::new, |a| {
                let document = match &a.document {
                    Document::File { path, sha256 } => format!("{path} {sha256}"),
                    Document::Uri(uri) => uri.clone(),
                };
                format!(", {document}, owner {}, approver {}", a.owner, a.approver)
            });
            format!("{}: {}{by}, until {}, {}", result.statement, result.title, result.valid_until, result.state)
        });
        texts.collect::<Vec<_>>().join(" | ")
    }

    fn finding(&mut self, line: &Line<'_>, control: Option<&ControlResult>) -> io::Result<()> {
        let gap = line.finding.gap.as_ref().map_or_else(String::new, |gap| gap.to_string());
        let declared = line.declared_at().unwrap_or_default();
        let hashes: Vec<&str> = line.evidence.iter().map(|e| e.sha256.as_str()).collect();
        let requests: Vec<&str> = line.evidence.iter().flat_map(|e| e.requests()).collect();
        self.write(Cells {
            row: "finding",
            control: control.map_or("", |c| &c.id),
            control_title: control.map_or("", |c| &c.title),
            controls_2013: &control.map_or_else(String::new, |c| c.iso27001_2013.join(" ")),
            control_verdict: control.map_or("", |c| c.verdict.as_str()),
            policy: &line.policy.id,
            policy_title: &line.policy.title,
            statement: &line.policy.statement,
            severity: line.policy.severity.as_str(),
            verdict: line.finding.verdict.as_str(),
            apart: line.finding.apart.map_or("", Apart::as_str),
            message: &line.sentence(),
            remedy: line.remedy().unwrap_or_default(),
            resource_type: line.place.kind,
            resource_arn: line.place.arn,
            resource_id: line.place.id,
            resource_name: line.place.name,
            account: line.place.account_id().unwrap_or_default(),
            region: line.place.region,
            environment: line.place.environment,
            declared: &declared,
            observed_at: &moment(line.observed(self.report.estate.run.finished)),
            gap: &gap,
            exception: line.exception.map_or("", |e| &e.id),
            exception_risk: line.exception.map_or("", |e| &e.risk),
            exception_approver: line.exception.map_or("", |e| &e.approver),
            exception_expires: &line.exception.map_or_else(String::new, |e| e.expires.to_string()),
            attestations: "",
            evidence_sha256: &hashes.join(" "),
            aws_request_ids: &requests.join(" "),
            fingerprint: &line.fingerprint,
            policies_sha256: self.report.policies_sha256,
        })
    }
}

/// The cells of a row, by column.
#[derive(Default)]
struct Cells<'a> {
    row: &'a str,
    control: &'a str,
    control_title: &'a str,
    controls_2013: &'a str,
    control_verdict: &'a str,
    policy: &'a str,
    policy_title: &'a str,
    statement: &'a str,
    severity: &'a str,
    verdict: &'a str,
    apart: &'a str,
    message: &'a str,
    remedy: &'a str,
    resource_type: &'a str,
    resource_arn: &'a str,
    resource_id: &'a str,
    resource_name: &'a str,
    account: &'a str,
    region: &'a str,
    environment: &'a str,
    declared: &'a str,
    observed_at: &'a str,
    gap: &'a str,
    exception: &'a str,
    exception_risk: &'a str,
    exception_approver: &'a str,
    exception_expires: &'a str,
    attestations: &'a str,
    evidence_sha256: &'a str,
    aws_request_ids: &'a str,
    fingerprint: &'a str,
    policies_sha256: &'a str,
}

impl<'a> Cells<'a> {
    fn in_order(&self) -> [&'a str; COLUMNS.len()] {
        [
            self.row,
            self.control,
            self.control_title,
            self.controls_2013,
            self.control_verdict,
            self.policy,
            self.policy_title,
            self.statement,
            self.severity,
            self.verdict,
            self.apart,
            self.message,
            self.remedy,
            self.resource_type,
            self.resource_arn,
            self.resource_id,
            self.resource_name,
            self.account,
            self.region,
            self.environment,
            self.declared,
            self.observed_at,
            self.gap,
            self.exception,
            self.exception_risk,
            self.exception_approver,
            self.exception_expires,
            self.attestations,
            self.evidence_sha256,
            self.aws_request_ids,
            self.fingerprint,
            self.policies_sha256,
        ]
    }
}

/// Seconds, in UTC: what spreadsheets and Table Schema read.
fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// On one line, and never a formula, not even where a spreadsheet splits rows at semicolons.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    let mut starts = true;
    for c in one_line(text).chars() {
        if starts && matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            safe.push('\'');
        }
        starts = c == ';';
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Cells, cell, schema};

    #[test]
    fn no_cell_starts_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'=1"),
            ("\r\n=1", "'=1"),
            ("  =1", "'=1"),
            ("＝1", "'＝1"),
            ("a;=1", "a;'=1"),
            ("a=1 -2", "a=1 -2"),
            ("a\nb\x1b[31m", "a b\u{fffd}[31m"),
            ("", ""),
        ] {
            assert_eq!(cell(text), safe, "{text:?}");
        }
    }

    #[test]
    fn cells_are_in_the_order_of_the_columns() {
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        let cells = Cells { row: "row", control: "control", policies_sha256: "policies_sha256", verdict: "verdict", ..Cells::default() };
        for (name, cell) in names.iter().zip(cells.in_order()) {
            assert!(cell.is_empty() || cell == *name, "{name}: {cell}");
        }
        assert_eq!(schema()["fields"].as_array().map(Vec::len), Some(names.len()));
    }
}
