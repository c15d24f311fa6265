//! Reports: one model, one file per output format. Prints verdicts and never judges.

mod asff;
mod csv;
mod dossier;
mod drift;
mod export;
mod facts;
mod grid;
mod html;
mod json;
mod ocsf;
mod oscal;
mod table;
#[cfg(test)]
mod tests;
mod uuid;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use crate::estate::{Declared, Estate, Gap, NOT_ON_TAPE, Value};
use crate::evaluate::{Apart, Finding, Judgement, OutOfScope, Population, Subject, Verdict};
use crate::framework::{Attestation, ControlResult, Edition, Exception, Framework};
use crate::policy::{Policy, Severity, Statement};
use crate::words::counted;

pub(crate) use csv::schema as csv_schema;
pub use dossier::{CallLine, Dossier, PackLine, RedactionLine, Span};
pub(crate) use drift::{DiffReport, DriftReport, Turned};
pub(crate) use facts::export_facts;
pub use grid::{folded, grid, terminal_width};
pub use html::Lang;

/// Everything a report may say.
#[derive(Debug)]
pub struct Report<'a> {
    /// The organisation, where the configuration names it.
    pub organisation: Option<&'a str>,
    /// What was seen.
    pub estate: &'a Estate,
    /// What it was judged by.
    pub policies: &'a [Policy],
    /// SHA-256 over the policy files.
    pub policies_sha256: &'a str,
    /// The promises.
    pub statements: &'a [Statement],
    /// The verdicts.
    pub judgement: &'a Judgement,
    /// The proof of completeness.
    pub population: Vec<Population>,
    /// The framework.
    pub framework: &'a Framework,
    /// What the run says of its controls.
    pub controls: Vec<ControlResult>,
    /// Accepted deviations.
    pub exceptions: &'a [Exception],
    /// What documents say.
    pub attestations: &'a [Attestation],
    /// The pack it is part of, if any.
    pub dossier: Option<&'a Dossier>,
    /// From which severity on a deviation fails the run.
    pub fail_on: Severity,
    /// Whether what is set apart counts as well.
    pub all: bool,
    /// By which rules it says what it says of controls, and which members its JSON has.
    pub edition: Edition,
}

/// How many findings of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passes.
    pub pass: u64,
    /// Deviations.
    pub deviation: u64,
    /// Unknowns.
    pub unknown: u64,
    /// Accepted deviations.
    pub excepted: u64,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// For people at a terminal.
    Table,
    /// For programs: schema `keur/report/1`.
    Json,
    /// NIST OSCAL assessment results 1.2.1.
    Oscal,
    /// OCSF 1.8.0 compliance findings.
    Ocsf,
    /// The AWS Security Finding Format.
    Asff,
    /// For auditors: RFC 4180.
    Csv,
    /// For auditors: one self-contained document.
    Html,
}

impl Format {
    /// All of them, with their names.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("table", Self::Table),
        ("json", Self::Json),
        ("oscal", Self::Oscal),
        ("ocsf", Self::Ocsf),
        ("asff", Self::Asff),
        ("csv", Self::Csv),
        ("html", Self::Html),
    ];
    /// Whether it says which pack it is part of.
    pub fn tells_of_pack(self) -> bool {
        match self {
            Self::Html => true,
            Self::Table | Self::Json | Self::Oscal | Self::Ocsf | Self::Asff | Self::Csv => false,
        }
    }

    /// Those of comparisons, which are not evidence for controls.
    pub const OF_COMPARISONS: &'static [Self] = &[Self::Table, Self::Json];
}

/// How to print for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: u16,
    /// Whether to use colour.
    pub color: bool,
    /// The language of documents.
    pub lang: Lang,
}

impl Report<'_> {
    /// Writes the report.
    pub fn write(&self, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => table::write(self, style, out),
            Format::Json => json::write(self, out),
            Format::Oscal => oscal::write(self, out),
            Format::Ocsf => ocsf::write(self, out),
            Format::Asff => asff::write(self, out),
            Format::Csv => csv::write(self, out),
            Format::Html => html::write(self, style, out),
        }
    }

    /// What whoever asked for a format must know, because the format itself has no room for it.
    pub fn note(&self, format: Format) -> Option<String> {
        match format {
            Format::Asff => asff::note(self),
            Format::Table | Format::Json | Format::Oscal | Format::Ocsf | Format::Csv | Format::Html => None,
        }
    }

    /// Findings by verdict.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for finding in self.judgement.findings.iter().filter(|f| self.counts_in(f)) {
            match finding.verdict {
                Verdict::Pass => counts.pass += 1,
                Verdict::Deviation => counts.deviation += 1,
                Verdict::Unknown => counts.unknown += 1,
                Verdict::Excepted => counts.excepted += 1,
            }
        }
        counts
    }

    /// Deviations that count, by severity, the most severe first.
    pub fn severities(&self) -> [(Severity, u64); 4] {
        let deviations = || self.judgement.findings.iter().filter(|f| f.verdict == Verdict::Deviation && self.counts_in(f));
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low].map(|severity| {
            let of_severity = deviations().filter(|f| self.policies[f.policy as usize].severity == severity);
            (severity, of_severity.count() as u64)
        })
    }

    /// Whether a finding counts: what a plan is not to blame for does not, unless all was asked for.
    pub fn counts_in(&self, finding: &Finding) -> bool {
        self.all || finding.apart.is_none()
    }

    /// Whether a deviation is at or above the severity that fails the run.
    pub fn fails(&self) -> bool {
        let severe = |f: &Finding| self.policies[f.policy as usize].severity >= self.fail_on;
        self.judgement.findings.iter().any(|f| f.verdict == Verdict::Deviation && severe(f) && self.counts_in(f))
    }

    /// Whether anything that a policy needed could not be seen.
    pub fn is_open(&self) -> bool {
        if self.estate.run.declared.as_ref().is_some_and(|declared| !declared.incomplete.is_empty()) {
            return true;
        }
        self.judgement.findings.iter().any(|f| f.verdict == Verdict::Unknown && self.counts_in(f))
    }

    /// Why no policy judged anything, if so: then nothing was found to be right either.
    pub fn nothing_judged(&self) -> Option<String> {
        let left = |f: &Finding| f.apart == Some(Apart::LeftToLive) && !self.all;
        let findings = &self.judgement.findings;
        if findings.iter().any(|f| !left(f)) {
            return None;
        }
        let resources = self.estate.resources.len();
        let out: u64 = self.judgement.out_of_scope.iter().map(OutOfScope::total).sum();
        let seen = counted(resources, "resource", "resources");
        let policies = counted(self.policies.len(), "policy", "policies");
        Some(if !findings.is_empty() {
            format!("what {policies} ask of {seen}, only the live estate can tell (`--all` counts it as unknown)")
        } else if resources == 0 {
            "there is no resource of any type that is known here".to_owned()
        } else if out > 0 {
            format!("of {seen}, every one that {policies} could be about is out of scope")
        } else {
            format!("none of {seen} is of a type that {policies} could be about")
        })
    }

    /// The exit code of the design: 1 for deviations, 3 for unknowns and where nothing was judged, else 0.
    pub fn exit_code(&self) -> u8 {
        match (self.fails(), self.is_open() || self.nothing_judged().is_some()) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 0,
        }
    }

    /// The gaps that matter: of the estate, and those that made a verdict unknown; each with the number
    /// of verdicts it made unknown.
    pub fn gaps(&self) -> Vec<(Arc<Gap>, u64)> {
        // Code leaves most of what AWS shows open: only what a verdict needed matters.
        let of_estate = if self.estate.run.declared.is_some() { Vec::new() } else { self.estate.gaps() };
        // What a newer program asks of an older recording was never asked then: that matters where a verdict needs it.
        let asked = |gap: &Arc<Gap>| gap.code.as_deref() != Some(NOT_ON_TAPE);
        let mut gaps: BTreeMap<Arc<Gap>, u64> = of_estate.into_iter().filter(asked).map(|gap| (gap, 0)).collect();
        for finding in &self.judgement.findings {
            if let Some(gap) = &finding.gap {
                *gaps.entry(Arc::clone(gap)).or_default() += 1;
            }
        }
        gaps.into_iter().collect()
    }

    /// Regions that were not looked into because an account has switched them off, or never switched them on:
    /// what was made there before would not be seen.
    pub(crate) fn regions_off(&self) -> BTreeSet<&str> {
        let regions = self.estate.of_type("AWS::EC2::Region").map(|at| &self.estate.resources[at]);
        let off = regions.filter(|r| matches!(r.property("opt_in_status"), Some(Value::String(status)) if &**status == "not-opted-in"));
        off.map(|r| &*r.id).collect()
    }

    pub(crate) fn place<'s>(&'s self, finding: &'s Finding) -> Place<'s> {
        match &finding.subject {
            Subject::Resource(at) => {
                let r = &self.estate.resources[*at as usize];
                Place {
                    kind: &r.kind.name,
                    arn: &r.arn,
                    id: &r.id,
                    name: &r.name,
                    account: &r.account,
                    region: &r.region,
                    environment: r.environment.as_str(),
                    declared: r.declared.as_deref(),
                }
            }
            Subject::Unseen { kind, account, region } => {
                Place { kind, arn: "", id: "*", name: "*", account, region, environment: "unknown", declared: None }
            }
        }
    }
}

/// What a finding is about, in words.
pub(crate) struct Place<'a> {
    pub(crate) kind: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) environment: &'a str,
    pub(crate) declared: Option<&'a Declared>,
}
