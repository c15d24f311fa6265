//! A pack evaluated again, from nothing but itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};

use super::super::check::{Output, lang, output_of, refuse_two_on_stdout};
use super::super::config::{self, Config};
use super::super::judge::{DeclaredBy, Given, Judged, saved};
use super::super::setup::{Rules, Setup, finish};
use super::super::source::{Asks, Sourced};
use super::super::{Failure, Outcome, Terminal, output};
use super::show::say_unfinished;
use super::write::{self, Facts, RUN_SCHEMA, RunRecord, role, rule};
use crate::diag::SourceFile;
use crate::drift::ignores;
use crate::estate::Estate;
use crate::evidence::{Basis, Chain, Error, Manifest, PackResult, RuleFile, folder_of, history, sha256};
use crate::framework::Edition;
use crate::isolation;
use crate::report::{Dossier, Format, Lang, Style};

/// What a pack holds in other forms: derived from the findings, and written again from the pack at any time.
pub(super) const EXPORTS: &[(Format, &str)] =
    &[(Format::Oscal, "oscal-ar.json"), (Format::Ocsf, "ocsf.json"), (Format::Asff, "asff.json"), (Format::Csv, "findings.csv")];

/// Options of `keur evidence replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The pack, its archive, or the chain for its last complete pack
    #[arg(value_name = "PACK", value_hint = ValueHint::AnyPath)]
    pack: PathBuf,
}

/// Options of `keur evidence report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The pack, its archive, or the chain for its last complete pack
    #[arg(value_name = "PACK", value_hint = ValueHint::AnyPath)]
    pack: PathBuf,
    /// Output: any format of `keur check`, or `FORMAT=PATH` for a file; may be given several times
    #[arg(long, value_name = "FORMAT[=PATH]", value_parser = output_of, default_value = "table")]
    format: Vec<Output>,
    /// Language of `html`: en, nl, fr, de
    #[arg(long, value_name = "LANG", value_parser = lang, default_value = "en")]
    lang: Lang,
}

/// A pack, evaluated again.
struct Rebuilt {
    setup: Setup,
    given: Given,
    judged: Judged,
    rules: Vec<(RuleFile, Vec<u8>)>,
    /// Types that this program knows and that of the pack did not.
    later: Vec<String>,
    /// Whether this very program wrote it.
    same_program: bool,
}

/// Whether a path is that of a pack, a chain or the archive of a pack.
pub(crate) fn is_pack(path: &Path) -> bool {
    Chain::is_at(path)
}

/// The complete pack that a path means.
fn complete(chain: &Chain, only: Option<u64>) -> Result<(&Manifest, &PackResult), Failure> {
    let entry = match only {
        Some(sequence) => chain.entry(sequence)?,
        None => chain.last_complete().ok_or_else(|| Error::broken(chain.tree.place().display(), "no pack of it is complete"))?,
    };
    let folder = folder_of(entry.sequence);
    let Some((manifest, _)) = entry.manifest.as_ref().map_err(Clone::clone)? else {
        return Err(Error::broken(folder, "it was never sealed: its run was killed, or is at work").into());
    };
    match &manifest.result {
        Some(result) => Ok((manifest, result)),
        None => {
            let why = manifest.reason.as_deref().unwrap_or("nobody knows why");
            Err(Error::broken(folder, format!("its run was aborted ({why}): there is no verdict in it")).into())
        }
    }
}

fn json<T: serde::de::DeserializeOwned>(chain: &Chain, manifest: &Manifest, role: &str) -> Result<T, Failure> {
    let bytes = chain.file(manifest, role)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::broken(role, error.to_string()).into())
}

/// The run record of a pack.
fn record(chain: &Chain, manifest: &Manifest) -> Result<RunRecord, Failure> {
    let record: RunRecord = json(chain, manifest, role::RUN)?;
    if record.schema != RUN_SCHEMA {
        let reason = format!("its schema is `{}`, this program reads `{RUN_SCHEMA}`", record.schema);
        return Err(Error::broken(format!("{}/run.json", folder_of(manifest.sequence)), reason).into());
    }
    Ok(record)
}

/// The rules of a pack, as they were read for its run.
fn setup_of(record: &RunRecord, rules: &[(RuleFile, Vec<u8>)], terminal: &Terminal) -> Result<(Setup, Vec<Arc<SourceFile>>), Failure> {
    let mut diagnostics = Vec::new();
    let of = |kind: &str| -> Result<Vec<Arc<SourceFile>>, Failure> {
        let files = rules.iter().filter(|(rule, _)| rule.kind == kind);
        files
            .map(|(rule, bytes)| match String::from_utf8(bytes.clone()) {
                Ok(text) => Ok(SourceFile::new(rule.name.as_str(), text)),
                Err(_) => Err(Error::broken(&rule.name, "it is not text").into()),
            })
            .collect()
    };
    let config_source = of(rule::CONFIG)?.into_iter().next();
    let config = match &config_source {
        Some(source) => config::read_text(source, Path::new(""), &mut diagnostics),
        None => Config::default(),
    };
    let rules = Rules {
        config,
        config_source,
        policies: of(rule::POLICIES)?,
        declarations: of(rule::DECLARATIONS)?,
        exceptions: of(rule::EXCEPTIONS)?,
        attestations: of(rule::ATTESTATIONS)?,
        // They were compared with their hashes before they became part of the pack.
        documents: None,
        only: record.only.clone(),
    };
    let ignore = of(rule::IGNORE)?;
    let setup = Setup::of(rules, &mut diagnostics);
    // What there is to say of rules that were accepted was said then.
    diagnostics.retain(|d| d.severity == crate::diag::Severity::Error);
    finish(diagnostics, terminal)?;
    Ok((setup.ok_or_else(|| Failure::usage("nothing was judged"))?, ignore))
}

fn estate(chain: &Chain, manifest: &Manifest, role: &str, setup: &Setup) -> Result<Estate, Failure> {
    let bytes = chain.file(manifest, role)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::broken(role, "it is not text"))?;
    Estate::load(&text, &setup.registry).map_err(|error| Error::broken(role, error.to_string()).into())
}

/// The estate of a pack as it was seen, before environments are assigned.
fn sourced(chain: &Chain, manifest: &Manifest, result: &PackResult, record: &RunRecord, setup: &Setup) -> Result<Sourced, Failure> {
    match result.basis {
        Basis::Estate => {
            let before = manifest.files.iter().any(|file| file.role == role::BEFORE);
            let before = before.then(|| estate(chain, manifest, role::BEFORE, setup)).transpose()?;
            Ok(Sourced::with(estate(chain, manifest, role::ESTATE, setup)?, before))
        }
        #[cfg(feature = "aws")]
        Basis::Responses => {
            let tape = tape(chain, manifest)?;
            let services = if record.everything { crate::aws::SERVICES.to_vec() } else { setup.services() };
            let mut estate = super::super::collect::replayed(&tape, &services, Some(result.as_of), setup)?;
            estate.resources.retain(|resource| record.types.contains(&resource.kind.name));
            estate.listings.retain(|listing| record.types.contains(&listing.kind));
            Ok(Sourced { tape: Some(tape), ..Sourced::with(estate, None) })
        }
        #[cfg(not(feature = "aws"))]
        Basis::Responses => {
            let _ = record;
            Err(Failure::usage("this build cannot read answers of AWS: it has no service built in"))
        }
    }
}

/// The recording in a pack.
#[cfg(feature = "aws")]
fn tape(chain: &Chain, manifest: &Manifest) -> Result<crate::aws::Tape, Failure> {
    let (head, index) = (chain.file(manifest, role::TAPE)?, chain.file(manifest, role::INDEX)?);
    let mut bodies = Vec::new();
    for line in index.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let exchange: crate::aws::Exchange =
            serde_json::from_slice(line).map_err(|error| Error::broken("index.jsonl", error.to_string()))?;
        if let crate::aws::Outcome::Response { body, .. } = exchange.outcome {
            bodies.push((body, chain.object(&body.to_string())?));
        }
    }
    let name = PathBuf::from(folder_of(manifest.sequence));
    crate::aws::Tape::of_parts(&name, head, index, bodies).map_err(|error| Error::broken(name.display(), error.to_string()).into())
}

/// The estate of a pack, for those who judge it by rules of today.
pub(crate) fn estate_of(path: &Path, setup: &Setup) -> Result<Sourced, Failure> {
    let (chain, only) = Chain::open(path)?;
    let (manifest, result) = complete(&chain, only)?;
    let record = record(&chain, manifest)?;
    sourced(&chain, manifest, result, &record, setup)
}

fn rebuild(chain: &Chain, manifest: &Manifest, result: &PackResult, terminal: &Terminal) -> Result<Rebuilt, Failure> {
    let record = record(chain, manifest)?;
    let has = |role: &str| manifest.files.iter().any(|file| file.role == role);
    let asked = has(role::INDEX) || has(role::TAPE);
    let expected = match result.source.as_str() {
        "live" | "demo" | "replay" => Basis::Responses,
        _ => Basis::Estate,
    };
    let folder = folder_of(manifest.sequence);
    if result.basis != expected || asked != (expected == Basis::Responses) || record.source != result.source {
        let reason = "what it is judged from does not fit where its facts come from";
        return Err(Error::broken(format!("{folder}/manifest.json"), reason).into());
    }
    let same_program = manifest.tool.sha256.is_some() && manifest.tool == write::tool();
    let rules = chain.rules(manifest)?;
    let (setup, ignore) = setup_of(&record, &rules, terminal)?;
    let later: Vec<String> =
        setup.registry.names().filter(|name| !record.types.iter().any(|known| known == name)).map(str::to_owned).collect();
    if same_program && !later.is_empty() {
        return Err(Error::broken(format!("{folder}/run.json"), "it does not name the types that its program knows").into());
    }
    if same_program && record.edition != Edition::CURRENT {
        return Err(Error::broken(format!("{folder}/run.json"), "it names another edition than that of its program").into());
    }
    let mut sourced = sourced(chain, manifest, result, &record, &setup)?;
    sourced.settle(Some(result.as_of), &setup);
    let declared = if manifest.files.iter().any(|file| file.role == role::DECLARED) {
        let mut declared = estate(chain, manifest, role::DECLARED, &setup)?;
        isolation::assign(&mut declared, &setup.config.environments);
        let mut diagnostics = Vec::new();
        let ignores = ignore.iter().flat_map(|source| ignores(source, &mut diagnostics)).collect();
        finish(diagnostics, terminal)?;
        Some(DeclaredBy { estate: declared, ignores, sources: ignore })
    } else {
        None
    };
    let asks = Asks { everything: record.everything, record: false };
    let given = Given { declared, fail_on: record.fail_on, all: record.all, asks, edition: record.edition };
    let judged = given.judge(&setup, sourced, terminal);
    Ok(Rebuilt { setup, given, judged, rules, later, same_program })
}

/// `keur evidence replay`
pub(crate) fn replay(args: &ReplayArgs, terminal: &Terminal) -> Outcome {
    let (chain, only) = Chain::open(&args.pack)?;
    say_unfinished(&chain, only, terminal);
    let (manifest, result) = complete(&chain, only)?;
    let rebuilt = rebuild(&chain, manifest, result, terminal)?;
    let report = rebuilt.judged.report(&rebuilt.setup, rebuilt.given.fail_on, rebuilt.given.all, None);
    let (now, then) = (write::findings(&report), chain.file(manifest, role::FINDINGS)?);
    let folder = folder_of(manifest.sequence);
    if now != then {
        let difference = first_difference(&then, &now);
        return Err(Error::broken(
            format!("{folder}/findings.json"),
            format!("evaluating the pack again gives other findings\n{difference}"),
        )
        .into());
    }
    let mut found = vec!["the findings"];
    for (what, same) in also_the_same(&chain, manifest, result, &rebuilt, &now)? {
        if !same {
            return Err(
                Error::broken(&folder, format!("evaluating the pack again gives the same findings, but not the same {what}")).into()
            );
        }
        found.push(what);
    }
    let what = match result.basis {
        Basis::Responses => format!("{} answers of AWS, collected and judged again", rebuilt.judged.estate.run.calls),
        Basis::Estate => "the estate, judged again: answers of AWS are not part of a pack on code or on a saved estate".to_owned(),
    };
    output::to_stdout(|out| {
        writeln!(out, "{folder}: the same findings, byte for byte ({} bytes, {})", then.len(), result.findings_sha256)?;
        writeln!(out, "from {what}; {} findings", report.judgement.findings.len())?;
        writeln!(out, "the same: {}", found.join(", "))?;
        if !rebuilt.later.is_empty() {
            writeln!(out, "left out, because the program that wrote the pack did not know them: {}", rebuilt.later.join(", "))?;
        }
        if rebuilt.given.edition != Edition::CURRENT {
            writeln!(out, "controls by the rules of its time: one was met as soon as one of its policies judged something")?;
        }
        if !rebuilt.same_program {
            writeln!(out, "another program wrote the pack ({}): exports and reports may be written otherwise", manifest.tool.name)?;
        }
        Ok(())
    })?;
    Ok(0)
}

/// What else a pack holds that follows from its evidence, and whether it is what follows.
fn also_the_same(
    chain: &Chain,
    manifest: &Manifest,
    result: &PackResult,
    rebuilt: &Rebuilt,
    findings: &[u8],
) -> Result<Vec<(&'static str, bool)>, Failure> {
    let dossier = dossier_of(chain, manifest, result, rebuilt)?;
    let report = rebuilt.judged.report(&rebuilt.setup, rebuilt.given.fail_on, rebuilt.given.all, Some(&dossier));
    let is = |role: &str, bytes: Vec<u8>| -> Result<bool, Failure> { Ok(chain.file(manifest, role)? == bytes) };
    let mut all = vec![
        ("result in the manifest", write::result_of(&report, &result.source, result.basis, findings) == *result),
        ("list of what is open", is(role::OPEN, write::pretty(&write::open_findings(&report)))?),
        ("population", is(role::POPULATION, write::pretty(&report.population))?),
    ];
    // Another program may write these otherwise.
    if !rebuilt.same_program {
        return Ok(all);
    }
    if rebuilt.given.declared.is_none() {
        all.push(("estate", is(role::ESTATE, saved(&rebuilt.judged.estate))?));
    }
    // Those tell of the packs before as well, which an archive does not hold.
    if chain.entries.first().is_none_or(|first| first.sequence != 1) {
        return Ok(all);
    }
    let by_path = |path: &str, bytes: Vec<u8>| {
        let entry = manifest.files.iter().find(|file| file.path == path || file.path.strip_suffix(".zst") == Some(path));
        entry.is_some_and(|file| file.content.as_ref().map_or(&file.sha256, |content| &content.sha256) == &sha256(&bytes))
    };
    let exports =
        EXPORTS.iter().all(|(format, name)| by_path(&format!("exports/{name}"), write::written(&report, *format, Lang::default())));
    all.push(("exports", exports));
    let mut reports = manifest.files.iter().filter(|file| file.role == role::REPORT);
    let same = |file: &crate::evidence::FileEntry| {
        let code = file.path.strip_prefix("report.").and_then(|rest| rest.strip_suffix(".html"));
        let lang = Lang::ALL.iter().find(|(known, _)| Some(*known) == code).map(|(_, lang)| *lang);
        lang.is_some_and(|lang| by_path(&file.path, write::written(&report, Format::Html, lang)))
    };
    all.push(("report", reports.all(same)));
    Ok(all)
}

/// The first line that differs, with what stands around it.
fn first_difference(then: &[u8], now: &[u8]) -> String {
    let (then, now) = (String::from_utf8_lossy(then), String::from_utf8_lossy(now));
    let (then, now): (Vec<&str>, Vec<&str>) = (then.lines().collect(), now.lines().collect());
    let at = then.iter().zip(&now).position(|(a, b)| a != b).unwrap_or_else(|| then.len().min(now.len()));
    let mut text = format!("line {}:", at + 1);
    for line in then.iter().take(at).skip(at.saturating_sub(3)) {
        text.push_str(&format!("\n    {line}"));
    }
    let line = |lines: &[&str]| lines.get(at).map_or("(the end)", |line| line).to_owned();
    text.push_str(&format!("\n  - {}\n  + {}", line(&then), line(&now)));
    text
}

/// The dossier of a pack that is sealed: what it was when the pack was written.
fn dossier_of(chain: &Chain, manifest: &Manifest, result: &PackResult, rebuilt: &Rebuilt) -> Result<Dossier, Failure> {
    let report = rebuilt.judged.report(&rebuilt.setup, rebuilt.given.fail_on, rebuilt.given.all, None);
    let earlier = match manifest.sequence {
        1 => None,
        sequence => Some(history(chain, Some(sequence - 1), Some(&result.source))?),
    };
    let (started, started_sha256) = chain.entry(manifest.sequence)?.started.as_ref().map_err(Clone::clone)?;
    #[cfg(feature = "aws")]
    let calls = rebuilt.judged.tape.as_ref().map(write::calls_of).unwrap_or_default();
    #[cfg(not(feature = "aws"))]
    let calls = Vec::new();
    let facts = Facts {
        chain: &manifest.chain,
        sequence: manifest.sequence,
        started_sha256,
        started,
        key: manifest.key.clone(),
        cadence: manifest.cadence,
        tool: &manifest.tool,
    };
    let findings = chain.file(manifest, role::FINDINGS)?;
    Ok(write::dossier(&facts, earlier, &report, &findings, &write::open_findings(&report), &rebuilt.rules, &calls))
}

/// `keur evidence report`
pub(crate) fn report(args: ReportArgs, terminal: &Terminal) -> Outcome {
    refuse_two_on_stdout(&args.format)?;
    for output in &args.format {
        if let Some(path) = &output.path {
            output::check_writable(path)?;
        }
    }
    let (chain, only) = Chain::open(&args.pack)?;
    say_unfinished(&chain, only, terminal);
    let (manifest, result) = complete(&chain, only)?;
    let rebuilt = rebuild(&chain, manifest, result, terminal)?;
    let dossier = dossier_of(&chain, manifest, result, &rebuilt)?;
    let report = rebuilt.judged.report(&rebuilt.setup, rebuilt.given.fail_on, rebuilt.given.all, Some(&dossier));
    if write::findings(&report) != chain.file(manifest, role::FINDINGS)? {
        let reason = "evaluating the pack again gives other findings than it holds: `keur evidence replay` shows the difference";
        return Err(Error::broken(folder_of(manifest.sequence), reason).into());
    }
    let style = Style { lang: args.lang, ..terminal.style };
    output::each(&args.format, style, |format, style, out| report.write(format, style, out))?;
    Ok(report.exit_code())
}
