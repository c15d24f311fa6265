//! `--format table`: for people at a terminal. Deviations first, the most severe before the others; then what could
//! not be seen, the populations, the gaps and the controls. Reads without colour and at 60 columns.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::grid::{Row, columns, grid_of, paragraph};
use super::{Report, Style};
use crate::estate::Reason;
use crate::evaluate::{Apart, Finding, Verdict};
use crate::framework::{ControlResult, ControlVerdict};
use crate::policy::{Policy, Severity};
pub(super) use crate::words::{counted, number};

/// Resources shown per policy; JSON has them all.
const SHOWN: usize = 15;

struct Printer<'o> {
    out: &'o mut dyn Write,
    style: Style,
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Red,
    Yellow,
    Green,
    Dim,
}

impl Printer<'_> {
    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.style.color {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Red => "1;31",
            Ink::Yellow => "33",
            Ink::Green => "32",
            Ink::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A paragraph wrapped at the width, indented.
    fn wrapped(&mut self, indent: usize, first: &str, text: &str) -> io::Result<()> {
        paragraph(self.style.width, indent, first, text).iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    /// A list under its title; on one line where it fits.
    fn listed(&mut self, title: &str, list: &str) -> io::Result<()> {
        if columns(title) + 1 + columns(list) <= usize::from(self.style.width) {
            return self.line(&format!("{title} {list}"));
        }
        self.wrapped(0, "", title)?;
        self.wrapped(2, "", list)
    }

    /// The same, dimmed.
    fn dim(&mut self, indent: usize, text: &str) -> io::Result<()> {
        if !self.style.color {
            return self.wrapped(indent, "", text);
        }
        write!(self.out, "\x1b[2m")?;
        self.wrapped(indent, "", text)?;
        write!(self.out, "\x1b[0m")
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.ink(Ink::Bold, text);
        writeln!(self.out)?;
        self.wrapped(0, "", &text)
    }

    fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> io::Result<()> {
        self.table_of(header, rows.into_iter().map(Row::from).collect(), right)
    }

    fn table_of(&mut self, header: &[&str], rows: Vec<Row>, right: &[usize]) -> io::Result<()> {
        grid_of(self.style.width, header, rows, right).iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }
}

/// Names come from whoever made the resource: no control character of theirs reaches the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c }).collect()
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn write(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut printer = Printer { out, style };
    head(report, &mut printer)?;
    deviations(report, &mut printer)?;
    unknowns(report, &mut printer)?;
    accepted(report, &mut printer)?;
    code(report, &mut printer)?;
    population(report, &mut printer)?;
    gaps(report, &mut printer)?;
    controls(report, &mut printer)?;
    foot(report, &mut printer)
}

fn head(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let run = &report.estate.run;
    let title = [Some(run.tool.as_str()), report.organisation, Some(run.source.as_str())];
    let title = title.into_iter().flatten().map(plain).collect::<Vec<_>>().join(" · ");
    let title = p.ink(Ink::Bold, &title);
    p.wrapped(0, "", &title)?;
    let as_of = run.as_of.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let accounts = counted(run.accounts.len() as u64, "account", "accounts");
    let regions = counted(run.regions.len() as u64, "region", "regions");
    let resources = counted(report.estate.resources.len() as u64, "resource", "resources");
    let calls = counted(run.calls, "call", "calls");
    match &run.declared {
        None => {
            p.wrapped(0, "", &format!("As of {as_of}: {resources} in {accounts} and {regions}, {calls}"))?;
            let off = report.regions_off().len() as u64;
            if off > 0 {
                let regions = counted(off, "region is", "regions are");
                p.wrapped(
                    0,
                    "",
                    &format!("{regions} switched off and could not be looked into; what was made there before would not be seen"),
                )?;
            }
        }
        Some(declared) => {
            let number = counted(declared.resources, "resource", "resources");
            p.wrapped(0, "", &format!("As of {as_of}: {number} declared in {accounts} and {regions}"))?;
            for file in &declared.files {
                p.wrapped(0, "", &format!("{} ({}, {})", plain(&file.name), plain(&file.written_by), file.sha256))?;
            }
        }
    }
    if let Some(identity) = &run.identity {
        p.wrapped(0, "", &format!("Asked as {}", plain(&identity.arn)))?;
    }
    Ok(())
}

type ByPolicy<'r> = BTreeMap<(std::cmp::Reverse<Severity>, &'r str), (&'r Policy, Vec<&'r Finding>)>;

/// Findings of one verdict, by severity and policy, the most severe first; then in the order of the estate.
fn grouped<'r>(report: &'r Report<'_>, verdict: Verdict) -> ByPolicy<'r> {
    let mut groups: ByPolicy<'_> = BTreeMap::new();
    for finding in report.judgement.findings.iter().filter(|f| f.verdict == verdict && report.counts_in(f)) {
        let policy = &report.policies[finding.policy as usize];
        let key = (std::cmp::Reverse(policy.severity), policy.id.as_str());
        groups.entry(key).or_insert_with(|| (policy, Vec::new())).1.push(finding);
    }
    groups
}

/// `1 critical, 6 high`: the severities that there are.
fn by_severity(report: &Report<'_>) -> String {
    let some = report.severities().into_iter().filter(|(_, n)| *n > 0);
    some.map(|(severity, n)| format!("{} {}", number(n), severity.as_str())).collect::<Vec<_>>().join(", ")
}

fn judged_by(report: &Report<'_>, policy: &Policy) -> u64 {
    let number = report.policies.iter().position(|p| p.id == policy.id);
    let of = report.judgement.findings.iter().filter(|f| Some(f.policy as usize) == number);
    of.filter(|f| matches!(f.subject, crate::evaluate::Subject::Resource(_))).count() as u64
}

fn severity_ink(severity: Severity) -> Ink {
    match severity {
        Severity::Critical | Severity::High => Ink::Red,
        Severity::Medium => Ink::Yellow,
        Severity::Low => Ink::Dim,
    }
}

fn deviations(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let groups = grouped(report, Verdict::Deviation);
    let total: usize = groups.values().map(|(_, f)| f.len()).sum();
    if total == 0 {
        let text = p.ink(Ink::Green, "No deviations among what was seen");
        p.line("")?;
        return p.wrapped(0, "", &text);
    }
    let heading = format!("DEVIATIONS ({}): {}", number(total as u64), by_severity(report));
    p.heading(&heading)?;
    for ((_, id), (policy, findings)) in &groups {
        let severity = p.ink(severity_ink(policy.severity), policy.severity.as_str());
        let judged = judged_by(report, policy);
        p.line("")?;
        p.wrapped(0, &format!("{severity}  "), &format!("{id}: {} of {}", number(findings.len() as u64), number(judged)))?;
        let title = report.statements.iter().find(|s| s.id == policy.statement).map_or("", |s| s.title.as_str());
        p.dim(2, &format!("{}: {title}", policy.statement))?;
        for finding in findings.iter().take(SHOWN) {
            let place = report.place(finding);
            p.wrapped(4, "", &plain(finding.message.as_deref().unwrap_or_default()))?;
            let known_as = if place.name == place.id { String::new() } else { format!(", {}", plain(place.id)) };
            let mut at = format!("{}, {} {}{known_as}", place.environment, place.account, place.region);
            if let Some(declared) = place.declared {
                let action = declared.action.map_or_else(String::new, |action| format!(" ({action})"));
                let source = declared.place.as_ref().map_or_else(String::new, |source| format!(", {}", plain(source)));
                at = format!("{}, {} {}: {}{action}{source}", place.environment, place.account, place.region, plain(&declared.address));
            }
            p.dim(6, &at)?;
        }
        more(p, findings.len())?;
        p.wrapped(2, "remedy: ", &policy.remedy)?;
    }
    Ok(())
}

fn more(p: &mut Printer<'_>, count: usize) -> io::Result<()> {
    if count <= SHOWN {
        return Ok(());
    }
    let text = format!("… and {} more; `--format json` has them all", number((count - SHOWN) as u64));
    p.dim(2, &text)
}

fn unknowns(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let groups = grouped(report, Verdict::Unknown);
    if groups.is_empty() {
        return Ok(());
    }
    let total: usize = groups.values().map(|(_, f)| f.len()).sum();
    let heading = format!("UNKNOWN ({}): could not be seen, so nobody can say", number(total as u64));
    p.heading(&heading)?;
    let mut rows = Vec::new();
    for ((_, id), (_, findings)) in &groups {
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for finding in findings {
            let reason = finding.gap.as_ref().map_or_else(String::new, |gap| {
                if gap.operation == "-" {
                    gap.to_string().trim_start_matches("-:- ").to_owned()
                } else {
                    format!("{}:{} {}", gap.service, gap.operation, gap.reason)
                }
            });
            *reasons.entry(reason).or_default() += 1;
        }
        let only = reasons.len() == 1;
        let count = |n: u64| if only { String::new() } else { format!("{} × ", number(n)) };
        let why = reasons.into_iter().take(4).map(|(reason, n)| format!("{}{}", count(n), plain(&reason))).collect::<Vec<_>>();
        rows.push(vec![(*id).to_owned(), number(findings.len() as u64), why.join("\n")]);
    }
    p.table(&["Policy", "Verdicts", "Because of"], rows, &[1])
}

fn accepted(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let groups = grouped(report, Verdict::Excepted);
    if groups.is_empty() {
        return Ok(());
    }
    p.heading("ACCEPTED DEVIATIONS")?;
    let mut rows = Vec::new();
    for ((_, id), (_, findings)) in &groups {
        for finding in findings.iter().take(SHOWN) {
            let exception = finding.exception.map(|e| &report.exceptions[e as usize]);
            let until = exception.map_or_else(String::new, |e| format!("{} ({})", e.expires, e.approver));
            let why = exception.map_or_else(String::new, |e| format!("{}: {}", e.risk, e.reason));
            rows.push(vec![(*id).to_owned(), plain(report.place(finding).name), plain(&until), plain(&why)]);
        }
    }
    p.table(&["Policy", "Resource", "Until (approver)", "Risk and reason"], rows, &[])
}

/// What code says, and what it does not: actions, types that are not read, how regions were found out, and
/// what is reported apart.
fn code(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let Some(declared) = &report.estate.run.declared else { return Ok(()) };
    let list = |items: Vec<String>| items.join(", ");
    if declared.actions.is_empty() {
        p.heading("CODE: what is declared, and what is not read of it")?;
    } else {
        p.heading("PLAN: what it changes, and what it does not say")?;
        let actions = declared.actions.iter().map(|(action, n)| format!("{} {action}", number(*n))).collect();
        p.wrapped(0, "Actions: ", &list(actions))?;
    }
    for gap in &declared.incomplete {
        let text = p.ink(Ink::Red, "Not whole: ");
        p.wrapped(0, &text, gap.subject.as_deref().unwrap_or_default())?;
    }
    let regions = declared.region_from.iter().map(|(from, n)| format!("{} {}", from.as_str(), number(*n))).collect();
    p.listed("Regions told by:", &list(regions))?;
    if !declared.not_covered.is_empty() {
        let types = declared.not_covered.iter().map(|(kind, n)| format!("{kind} {}", number(*n))).collect();
        p.listed("Judged by place and tags only (types that keur does not read):", &list(types))?;
    }
    if declared.other_providers > 0 {
        p.wrapped(0, "Of other providers, not judged: ", &number(declared.other_providers))?;
    }
    if report.all {
        return Ok(());
    }
    for (why, title) in [
        (Apart::AlreadySo, "Already so, on what the plan leaves as it is (`--all` counts them):"),
        (Apart::LeftToLive, "Left to the live estate, which alone can tell (`--all` counts them):"),
    ] {
        let mut policies: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in report.judgement.findings.iter().filter(|f| f.apart == Some(why) && f.verdict != Verdict::Pass) {
            *policies.entry(&report.policies[finding.policy as usize].id).or_default() += 1;
        }
        if !policies.is_empty() {
            p.listed(title, &list(policies.iter().map(|(id, n)| format!("{id} {}", number(*n))).collect()))?;
        }
    }
    Ok(())
}

fn population(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    #[derive(Default)]
    struct Sum {
        places: u64,
        open: u64,
        listed: u64,
        judged: u64,
        out: u64,
    }
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for line in &report.population {
        let sum = sums.entry(&line.kind).or_default();
        sum.places += 1;
        sum.open += u64::from(!line.complete);
        sum.listed += line.listed;
        sum.judged += line.judged;
        sum.out += line.out_of_scope;
    }
    p.heading("POPULATION: what was listed, and whether to the end")?;
    let rows = sums.iter().map(|(kind, sum)| {
        let complete = if sum.open == 0 { "yes".to_owned() } else { format!("no ({} of {})", sum.open, sum.places) };
        vec![plain(kind.trim_start_matches("AWS::")), number(sum.listed), number(sum.judged), number(sum.out), complete]
    });
    p.table(&["Type (AWS::…)", "Listed", "Judged", "Out of scope", "Complete"], rows.collect(), &[1, 2, 3])?;
    let mut rules: BTreeMap<&str, u64> = BTreeMap::new();
    for out in &report.judgement.out_of_scope {
        for (rule, n) in &out.by_rule {
            *rules.entry(rule).or_default() += n;
        }
    }
    if !rules.is_empty() {
        let rules = rules.iter().map(|(rule, n)| format!("{rule} {}", number(*n))).collect::<Vec<_>>().join(", ");
        p.wrapped(0, "Out of scope of a policy, by rule: ", &rules)?;
    }
    Ok(())
}

fn gaps(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let gaps = report.gaps();
    if gaps.is_empty() {
        return Ok(());
    }
    // Call, reason, code and account → regions, gaps and verdicts.
    type Line = (BTreeSet<String>, u64, u64);
    let mut lines: BTreeMap<(String, Reason, String, String), Line> = BTreeMap::new();
    for (gap, verdicts) in &gaps {
        let call =
            if gap.operation == "-" { gap.subject.clone().unwrap_or_default() } else { format!("{}:{}", gap.service, gap.operation) };
        let key = (call, gap.reason, gap.code.clone().unwrap_or_default(), gap.account.clone());
        let line = lines.entry(key).or_default();
        line.0.insert(gap.region.clone());
        line.1 += 1;
        line.2 += verdicts;
    }
    let heading = format!("GAPS ({}): calls and facts that could not be read", number(gaps.len() as u64));
    p.heading(&heading)?;
    let rows = lines.into_iter().map(|((call, reason, code, account), (regions, facts, verdicts))| {
        let regions = match regions.len() {
            0..=2 => regions.into_iter().collect::<Vec<_>>().join(", "),
            n => counted(n, "region", "regions"),
        };
        let reason = if code.is_empty() { reason.to_string() } else { format!("{reason} ({code})") };
        let where_ = format!("{account} {regions}");
        vec![format!("{}\n  {}", plain(&call), plain(where_.trim())), plain(&reason), number(facts), number(verdicts)]
    });
    p.table(&["Call or fact, and where", "Reason", "Gaps", "Verdicts"], rows.collect(), &[2, 3])
}

fn controls(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let heading = format!("CONTROLS: {}", report.framework.title);
    p.heading(&heading)?;
    let mut by_verdict: BTreeMap<ControlVerdict, Vec<&ControlResult>> = BTreeMap::new();
    for control in &report.controls {
        by_verdict.entry(control.verdict).or_default().push(control);
    }
    let tested = |c: &&&ControlResult| !c.policies.is_empty();
    let rows: Vec<Row> = report
        .controls
        .iter()
        .filter(|c| !c.policies.is_empty())
        .map(|c| Row {
            cells: vec![
                c.id.clone(),
                c.verdict.as_str().to_owned(),
                number(c.population),
                number(c.deviations),
                number(c.unknown),
                c.title.clone(),
            ],
            below: c.reason().map_or_else(String::new, |reason| plain(&reason)),
        })
        .collect();
    if !rows.is_empty() {
        p.table_of(&["Control", "Verdict", "Judged", "Deviating", "Unknown", "Title"], rows, &[2, 3, 4])?;
    }
    for (verdict, controls) in &by_verdict {
        let others: Vec<&str> = controls.iter().filter(|c| !tested(c)).map(|c| c.id.as_str()).collect();
        if !others.is_empty() {
            let text = format!("no policy in this run, {} ({}): ", verdict.as_str(), others.len());
            p.wrapped(0, "", &format!("{text}{}", others.join(" ")))?;
        }
    }
    Ok(())
}

fn foot(report: &Report<'_>, p: &mut Printer<'_>) -> io::Result<()> {
    let counts = report.counts();
    p.line("")?;
    let summary = format!(
        "{}, {}, {}, {}",
        counted(counts.pass, "pass", "passes"),
        match counts.deviation {
            0 => counted(0, "deviation", "deviations"),
            n => format!("{} ({})", counted(n, "deviation", "deviations"), by_severity(report)),
        },
        format_args!("{} unknown", number(counts.unknown)),
        format_args!("{} excepted", number(counts.excepted)),
    );
    let whole = report.estate.run.declared.as_ref().is_none_or(|declared| declared.incomplete.is_empty());
    let seen = if report.estate.run.declared.is_some() { "everything that code can tell was told" } else { "everything needed was seen" };
    let nothing = report.nothing_judged();
    let (ink, verdict) = match report.exit_code() {
        3 if nothing.is_some() => (Ink::Yellow, format!("nothing was judged: {}", nothing.unwrap_or_default())),
        3 if !whole => (Ink::Yellow, "the plan is not whole: nobody can say".to_owned()),
        1 => (Ink::Red, format!("deviations of severity {} or above", report.fail_on.as_str())),
        3 => (Ink::Yellow, "not everything that was needed could be seen".to_owned()),
        _ => (Ink::Green, format!("no deviation of severity {} or above, and {seen}", report.fail_on.as_str())),
    };
    let verdict = p.ink(ink, &verdict);
    p.wrapped(0, "", &summary)?;
    p.wrapped(0, "", &verdict)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_bring_no_colour() {
        assert_eq!(plain("a\x1b[31mb\u{202e}c\nd"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d");
    }
}
