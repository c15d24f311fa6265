//! Everything that a pack says, held against its own answers and rules: made again and compared where it follows from them,
//! named as a statement of whoever signed it where it does not.

use jiff::SignedDuration;

use super::super::judge::saved;
use super::super::{Failure, Terminal};
use super::held::{Held, How};
use super::rebuild::{EXPORTS, Rebuilt, dossier_of, first_difference, judged_from_estate};
use super::write::{self, role};
use crate::estate::{Estate, Value};
use crate::evidence::{Basis, Error, FileEntry, History, Pack, Verified, history, of_code, plain, report_language};
use crate::framework::Edition;
use crate::report::{Dossier, Format, Lang, Report, export_facts};

/// What came of it.
pub(super) struct Derived {
    /// What does not follow, or contradicts.
    pub(super) problems: Vec<Error>,
    /// What holds each thing that the pack says.
    pub(super) held: Vec<Held>,
    /// What the report says of the pack.
    pub(super) dossier: Dossier,
    /// Size of the findings.
    pub(super) bytes: usize,
}

/// Collects what is found.
struct Findings {
    folder: String,
    problems: Vec<Error>,
    held: Vec<Held>,
}

impl Findings {
    fn wrong(&mut self, file: &str, reason: impl Into<String>) {
        self.problems.push(Error::broken(format!("{}/{file}", self.folder), reason));
    }

    fn held(&mut self, how: How, what: impl Into<String>, note: impl Into<String>) {
        self.held.push(Held { what: what.into(), how, note: note.into() });
    }

    /// What must be the same.
    fn same(&mut self, is: bool, file: &str, what: &str, note: &str) {
        if is {
            self.held(How::Derived, file, note);
        } else {
            self.wrong(file, format!("evaluating the pack again gives the same findings, but not the same {what}"));
        }
    }
}

/// Holds everything in a pack against what follows from its answers and rules.
pub(super) fn derive(chain: &Verified, pack: &Pack<'_>, rebuilt: &Rebuilt, terminal: &Terminal) -> Result<Derived, Failure> {
    let mut found = Findings { folder: pack.name(), problems: Vec::new(), held: Vec::new() };
    let (manifest, result) = (pack.manifest(), pack.result()?);
    let report = rebuilt.report(None);
    let (now, then) = (write::findings(&report), pack.file(role::FINDINGS)?);
    let earlier = earlier(chain, pack, &mut found)?;
    #[cfg(feature = "aws")]
    if let (Some(tape), Some(reads)) = (&rebuilt.judged.tape, &rebuilt.reads) {
        tape::recording(tape, reads, rebuilt, &result.source, &mut found);
    }
    let known = earlier.is_some();
    let dossier = dossier_of(pack, earlier, rebuilt, &now);
    if now != then {
        let difference = first_difference(&then, &now);
        found.wrong("findings.json", format!("evaluating the pack again gives other findings\n{difference}"));
        return Ok(Derived { problems: found.problems, held: found.held, dossier, bytes: then.len() });
    }
    let from = match result.basis {
        Basis::Responses => format!("from {} answers and the rules, byte for byte", rebuilt.judged.estate.run.calls),
        Basis::Estate => "from the estate and the rules, byte for byte".to_owned(),
    };
    found.held(How::Derived, "findings.json", from);
    let is = |role: &str, bytes: Vec<u8>| -> Result<bool, Failure> { Ok(pack.file(role)? == bytes) };
    let same = write::result_of(&report, &result.source, result.basis, &now) == *result;
    found.same(same, "manifest.json", "result in the manifest", "its result: verdicts, counts, controls, scope, exit code");
    let open = is(role::OPEN, write::pretty(&write::open_findings(&report)))?;
    found.same(open, "open.json", "list of what is open", "from the findings");
    found.same(is(role::POPULATION, write::pretty(&report.population))?, "population.json", "population", "from the answers");
    let used = write::rule_files(&rebuilt.setup.rules, rebuilt.ignore());
    let list: Vec<_> = used.iter().map(|(rule, _)| rule).collect();
    let rules = used == rebuilt.rules && is(role::RULES, write::pretty(&list))?;
    found.same(rules, "rules.json", "list of rules", "its list: every rule is one that was used; what they demand is stated");
    if rebuilt.record.run != rebuilt.judged.estate.run {
        found.wrong("run.json", "it says otherwise who asked, when or where than what the findings were made of");
    }
    estate(pack, rebuilt, terminal, &mut found)?;
    let report = rebuilt.report(Some(&dossier));
    exports(pack, rebuilt, &report, known, &mut found)?;
    types(rebuilt, &mut found);
    created(&rebuilt.judged.estate, &mut found);
    statements(pack, rebuilt, chain, &mut found)?;
    // Whatever a pack may hold one day: what nothing was held against is a statement.
    for file in &manifest.files {
        if !found.held.iter().any(|row| row.what.split(", ").any(|name| name == plain(file))) && found.problems.is_empty() {
            found.held(How::Statement, plain(file), "nothing was held against it");
        }
    }
    Ok(Derived { problems: found.problems, held: found.held, dossier, bytes: then.len() })
}

/// What the packs before it say: of the chain, where it is at hand; else as the pack has it.
fn earlier(chain: &Verified, pack: &Pack<'_>, found: &mut Findings) -> Result<Option<History>, Failure> {
    let (manifest, result) = (pack.manifest(), pack.result()?);
    let name = "past.json";
    let kept: Option<History> = match pack.has(role::PAST) {
        true => Some(serde_json::from_slice(&pack.file(role::PAST)?).map_err(|e| Error::broken(name, crate::untrusted::json_problem(&e)))?),
        false => None,
    };
    if manifest.sequence == 1 {
        if kept.is_some() {
            found.wrong(name, "it tells of packs before the first");
        }
        return Ok(Some(History::new(&manifest.chain, &result.source)));
    }
    if chain.has_all_before(manifest.sequence) {
        let of_chain = history(chain, Some(manifest.sequence - 1), Some(&result.source))?;
        match kept {
            Some(kept) if kept != of_chain => found.wrong(name, "it tells otherwise of the packs before it than they do"),
            Some(_) => found.held(How::Derived, name, "from the packs before it"),
            None => {}
        }
        return Ok(Some(of_chain));
    }
    if let Some(kept) = &kept {
        let previous = manifest.previous.as_ref();
        let last = kept.days.last().filter(|day| Some(day.sequence) == previous.map(|previous| previous.sequence));
        let later = kept.days.iter().any(|day| day.sequence >= manifest.sequence);
        let other = last.is_some_and(|day| Some(&day.manifest_sha256) != previous.map(|previous| &previous.manifest_sha256));
        if kept.chain != manifest.chain || kept.source != result.source || later || other {
            found.wrong(name, "it is not of the packs before this one");
        }
        found.held(How::Statement, name, "what the packs before it say, which are not at hand");
    }
    Ok(kept)
}

/// The estate: what was seen. Of code it is what everything else is made of.
fn estate(pack: &Pack<'_>, rebuilt: &Rebuilt, terminal: &Terminal, found: &mut Findings) -> Result<(), Failure> {
    let result = pack.result()?;
    if result.basis == Basis::Estate {
        let of = rebuilt.judged.estate.run.declared.as_ref().map_or("what somebody saved", |_| "what was read of code, which is not kept");
        for (role, name) in [(role::ESTATE, "estate.json"), (role::BEFORE, "before.json")] {
            if pack.has(role) {
                found.held(How::Statement, name, of);
            }
        }
        return Ok(());
    }
    let derived = match &rebuilt.judged.seen {
        Some(seen) => seen.clone(),
        None => saved(&rebuilt.judged.estate),
    };
    if pack.has(role::DECLARED) {
        found.held(How::Statement, "declared.json", "what states declare, which are not kept");
    }
    if pack.file(role::ESTATE)? == derived {
        found.held(How::Derived, "estate.json", "from the answers, byte for byte");
    } else if rebuilt.same_program {
        found.same(false, "estate.json", "estate", "");
    } else if judged_from_estate(pack, rebuilt, terminal).is_some_and(|findings| Some(&findings) == pack.file(role::FINDINGS).ok().as_ref())
    {
        found.held(How::Compared, "estate.json", "another program wrote it: judged, it gives the same findings");
    } else {
        found.held(How::Statement, "estate.json", "another program wrote it, and this one reads the answers otherwise");
    }
    Ok(())
}

/// Exports and the report. Those of another program may be written otherwise, but say nothing else.
fn exports(pack: &Pack<'_>, rebuilt: &Rebuilt, report: &Report<'_>, known: bool, found: &mut Findings) -> Result<(), Failure> {
    let must = rebuilt.same_program && known;
    let why = if rebuilt.same_program { "the packs before it are not at hand" } else { "another program wrote it" };
    for (format, name) in EXPORTS {
        let path = format!("exports/{name}");
        let Some(file) = pack.manifest().files.iter().find(|file| plain(file) == path) else {
            if rebuilt.same_program {
                found.wrong(&path, "it is missing: evaluating the pack again gives it");
            }
            continue;
        };
        let (then, now) = (pack.content(file)?, write::written(report, *format, Lang::default()));
        if then == now {
            found.held(How::Derived, path, "from the findings, byte for byte");
        } else if must {
            found.same(false, &path, "exports", "");
        } else if export_facts(*format, &then).is_some_and(|facts| Some(facts) == export_facts(*format, &now)) {
            found.held(How::Compared, path, format!("{why}: its verdicts are those of the findings, its other words are stated"));
        } else {
            found.wrong(&path, "its verdicts are not those of the findings");
        }
    }
    let reports: Vec<&FileEntry> = pack.manifest().files.iter().filter(|file| file.role == role::REPORT).collect();
    if reports.is_empty() && rebuilt.same_program {
        found.wrong("report", "it is missing: evaluating the pack again gives it");
    }
    for file in reports {
        let code = report_language(plain(file));
        let lang = Lang::ALL.iter().find(|(known, _)| Some(*known) == code).map(|(_, lang)| *lang);
        let now = lang.map(|lang| write::written(report, Format::Html, lang));
        if now.is_some() && now == pack.content(file).ok() {
            found.held(How::Derived, plain(file), "from the findings, byte for byte");
        } else if must {
            found.same(false, plain(file), "report", "");
        } else {
            let again = "`keur evidence report` writes it again from the findings";
            found.held(How::Statement, plain(file), format!("{why}: it was not compared; {again}"));
        }
    }
    Ok(())
}

/// The types that the program of the pack knew. Its own rules name those it must have known.
fn types(rebuilt: &Rebuilt, found: &mut Findings) {
    let needed = rebuilt.setup.bundle.policies.iter().filter_map(|policy| policy.needs()).flatten();
    let unnamed = needed.into_iter().find(|kind| !rebuilt.record.types.iter().any(|known| known == kind));
    if let Some(kind) = unnamed {
        found.wrong("run.json", format!("it does not name {kind} among the types that its program knew, and its policies judge it"));
    }
    if !rebuilt.later.is_empty() {
        let note = format!("its program did not know them, and {} resources of the answers are left out", rebuilt.left_out);
        found.held(How::Statement, "run.json: types", format!("{note}: {}", rebuilt.later.join(", ")));
    }
}

/// When AWS made something, as its answers say.
const CREATED: &[&str] = &[
    "create_date",
    "create_time",
    "creation_date",
    "creation_date_time",
    "creation_time",
    "cluster_create_time",
    "instance_create_time",
    "launch_time",
    "snapshot_create_time",
    "start_time",
];

/// Nothing that was seen was made after it was seen.
fn created(estate: &Estate, found: &mut Findings) {
    let last = estate.run.finished.checked_add(SignedDuration::from_mins(15)).unwrap_or(estate.run.finished);
    if estate.run.declared.is_some() {
        return;
    }
    let late = estate.resources.iter().find_map(|resource| {
        let Value::Record(properties) = &resource.properties else { return None };
        let times =
            CREATED.iter().filter_map(|name| if let Some(Value::Timestamp(time)) = properties.get(name) { Some(*time) } else { None });
        let late = times.into_iter().find(|time| *time > last);
        late.map(|time| (resource.arn.to_string(), time))
    });
    if let Some((arn, time)) = late {
        found.wrong("estate.json", format!("{arn} was made at {time}, after its run ended at {}", estate.run.finished));
    }
}

/// What nothing in the pack shows.
fn statements(pack: &Pack<'_>, rebuilt: &Rebuilt, chain: &Verified, found: &mut Findings) -> Result<(), Failure> {
    let (manifest, result) = (pack.manifest(), pack.result()?);
    let (started, _) = pack.started();
    let live = result.source == "live";
    match manifest.previous.as_ref() {
        Some(previous) if !chain.has_all_before(manifest.sequence) => {
            let note = format!("it follows pack {} ({}), which is not at hand", previous.sequence, previous.manifest_sha256);
            found.held(How::Statement, "manifest.json: pack before", note);
        }
        Some(_) => found.held(How::Compared, "manifest.json: pack before", "with the pack before it, up to the first"),
        None => found.held(How::Compared, "manifest.json: pack before", "it is the first of its chain"),
    }
    let begun = format!("number, chain, program, policies and time ({}), with manifest and run", started.time);
    found.held(How::Compared, "started.json", begun);
    let signatures: Vec<&str> = manifest.files.iter().filter(|file| file.role == "signature").map(plain).collect();
    if !signatures.is_empty() {
        found.held(How::Compared, signatures.join(", "), "with the key that the record names");
    }
    found.held(How::Compared, "run.json", "who asked, when and where: as in findings and recording");
    let only = &rebuilt.record.only;
    let options = [
        format!("fails from {} on", rebuilt.record.fail_on.as_str()),
        if rebuilt.record.all { "everything counts".to_owned() } else { String::new() },
        if only.is_empty() { String::new() } else { format!("ONLY the policies {}", only.join(", ")) },
    ];
    let options: Vec<String> = options.into_iter().filter(|option| !option.is_empty()).collect();
    found.held(How::Statement, "run.json: options", options.join("; "));
    if rebuilt.record.edition != Edition::CURRENT {
        let note = "controls by the rules of another time: one was met as soon as one of its policies judged something";
        found.held(How::Statement, "run.json: edition", note);
    }
    let tool = manifest.tool.sha256.as_deref().unwrap_or("nobody knows its hash");
    found.held(How::Statement, "program", format!("{} ({tool})", manifest.tool.name));
    let clock = if live { "not before the last answer, and by the clock of its machine" } else { "by the clock of its machine" };
    found.held(How::Statement, "sealed", format!("{}: {clock}", manifest.sealed));
    if of_code(&result.source) || result.as_of != result.run_started {
        found.held(How::Statement, "as of", format!("ages are measured against {}, as whoever ran it chose", result.as_of));
    } else {
        found.held(How::Compared, "as of", "ages are measured against the start of the run");
    }
    if let Some(cadence) = manifest.cadence {
        found.held(How::Statement, "cadence", format!("a run is expected every {} h", cadence / 3600));
    }
    for (name, value) in &started.run_by {
        found.held(How::Statement, name.as_str(), format!("{value}: as the environment of the run said"));
    }
    if let Some(identity) = &rebuilt.judged.estate.run.identity {
        found.held(How::Statement, "caller", format!("{}: answers of STS are not recorded", identity.arn));
    }
    found.held(How::Statement, "rules", format!("that these are the rules to judge by: {}", result.policies_sha256));
    Ok(())
}

#[cfg(feature = "aws")]
mod tape {
    use std::collections::BTreeSet;

    use super::super::super::collect::planned;
    use super::{Findings, How, Rebuilt};
    use crate::aws::crosscheck::line;
    use crate::aws::{Exchange, Reads, Tape};

    /// The recording: that its answers say all that it says, and that all of them were read.
    pub(super) fn recording(tape: &Tape, reads: &Reads, rebuilt: &Rebuilt, source: &str, found: &mut Findings) {
        for problem in tape.contradictions(reads, &rebuilt.judged.estate.run.regions) {
            found.wrong("tape.json", problem);
        }
        let live = source == "live";
        plan(tape, rebuilt, live, found);
        unread(tape, reads, rebuilt, live, found);
        found.held(How::Compared, "tape.json", "accounts, regions, times and number of calls, with the answers");
        for (account, shown) in tape.shown() {
            found.held(How::Compared, format!("account {account}"), format!("{} of {} answers name it", shown.own, shown.answers));
        }
        let (run, first) = (&tape.run, tape.exchanges.iter().map(|exchange| exchange.time).min());
        if let Some(first) = first {
            let note = format!(
                "from {} to {}; the first answer came at {first}; as far as the answers have AWS's date, it fits",
                run.started, run.finished
            );
            found.held(How::Compared, "time of the run", note);
        }
        found.held(How::Statement, "answers", "that AWS gave them: it signs none; CloudTrail has the ids of the requests");
        let redactions: usize = tape.exchanges.iter().map(|exchange| exchange.redactions.len()).sum();
        if redactions > 0 {
            found.held(How::Statement, "redactions", format!("{redactions} kinds of values were taken out of answers, as the index lists"));
        }
        if !tape.custom_endpoints.is_empty() {
            found.held(How::Statement, "endpoint", "the answers came from an address that somebody set, NOT from AWS's own");
        }
    }

    /// What was to be asked: of a live run as its configuration says.
    fn plan(tape: &Tape, rebuilt: &Rebuilt, live: bool, found: &mut Findings) {
        if !live {
            let note = "what was to be asked, as whoever made the recording says";
            return found.held(How::Statement, "tape.json: plan", note);
        }
        let planned = planned(&rebuilt.setup);
        let run = &tape.run;
        let ids: BTreeSet<&str> = run.accounts.iter().map(|account| account.id.as_str()).collect();
        let own = run.identity.as_ref().map(|identity| identity.account.as_str());
        let mut configured: BTreeSet<&str> = planned.accounts.iter().map(|account| account.id.as_str()).collect();
        if configured.is_empty() {
            configured.extend(own);
        }
        let organisation = planned.organization_role.is_some();
        let wrong = [
            (tape.plan.sweep != planned.sweep, "regions"),
            (tape.plan.allowed != planned.allowed, "allowed regions"),
            (tape.plan.organisation != organisation, "organisation"),
            (!organisation && ids != configured, "accounts"),
        ];
        for (_, what) in wrong.iter().filter(|(wrong, _)| *wrong) {
            found.wrong("tape.json", format!("its plan has other {what} than the configuration in the pack"));
        }
        found.held(How::Compared, "tape.json: plan", "with the configuration in the pack");
    }

    /// Answers that the replay did not read. A plan that was narrowed leaves them behind.
    fn unread(tape: &Tape, reads: &Reads, rebuilt: &Rebuilt, live: bool, found: &mut Findings) {
        let unread = tape.unread(reads);
        // An operation that this program does not use at all may be one of an earlier program.
        let left: Vec<&&Exchange> = unread.iter().filter(|exchange| live && (rebuilt.same_program || reads.asked(exchange))).collect();
        if let Some(first) = left.first() {
            let reason = format!("{} answers are never read, as {}: the run asked for more than the pack says", left.len(), line(first));
            found.wrong("index.jsonl", reason);
        }
        let attempts = match tape.attempts() {
            0 => String::new(),
            attempts => format!("; {attempts} attempts before them failed"),
        };
        found.held(How::Compared, "index.jsonl", format!("{} answers were read{attempts}", reads.count()));
        if unread.is_empty() {
            return;
        }
        let operations: BTreeSet<String> = unread.iter().map(|e| format!("{}:{}", e.service, e.operation)).collect();
        let places: BTreeSet<String> = unread.iter().map(|e| format!("{} {}", e.account, e.region)).collect();
        let list = |all: &BTreeSet<String>| {
            let more = all.len().saturating_sub(5);
            let first: Vec<&str> = all.iter().take(5).map(String::as_str).collect();
            if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
        };
        let note = format!("{} answers were NOT read: {} in {}", unread.len(), list(&operations), list(&places));
        found.held(How::Statement, "index.jsonl: unread", note);
    }
}
