//! A pack evaluated again, from nothing but itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};

use super::super::check::{lang, output_of};
use super::super::config::{self, Config};
use super::super::judge::{DeclaredBy, Given, Judged};
use super::super::output::{Output, Unwritten};
use super::super::setup::{Rules, Setup, finish};
use super::super::source::{Asks, Sourced};
use super::super::{Failure, Outcome, Terminal, output};
use super::derive::derive;
use super::show::say_unfinished;
use super::write::{self, Facts, RUN_SCHEMA, RunRecord, role, rule};
use super::{SignedByArgs, held};
use crate::diag::SourceFile;
use crate::drift::ignores;
use crate::estate::Estate;
use crate::evidence::sign::PublicKey;
use crate::evidence::{Basis, Error, History, Pack, RuleFile, Signed, Verified, is_pack_at};
use crate::framework::Edition;
use crate::isolation;
use crate::report::{Dossier, Format, Lang, Report, Style};
use crate::untrusted::json_problem;

/// What a pack holds in other forms: derived from the findings, and written again from the pack at any time.
pub(super) const EXPORTS: &[(Format, &str)] =
    &[(Format::Oscal, "oscal-ar.json"), (Format::Ocsf, "ocsf.json"), (Format::Asff, "asff.json"), (Format::Csv, "findings.csv")];

/// Options of `keur evidence replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The pack, its archive, or the chain for its last complete pack
    #[arg(value_name = "PACK", value_hint = ValueHint::AnyPath)]
    pack: PathBuf,
    #[command(flatten)]
    signed: SignedByArgs,
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
    #[command(flatten)]
    signed: SignedByArgs,
}

/// A pack, evaluated again.
pub(super) struct Rebuilt {
    pub(super) record: RunRecord,
    pub(super) setup: Setup,
    pub(super) given: Given,
    pub(super) judged: Judged,
    pub(super) rules: Vec<(RuleFile, Vec<u8>)>,
    /// Types that this program knows and that of the pack did not.
    pub(super) later: Vec<String>,
    /// How many resources of those types were left out.
    pub(super) left_out: usize,
    /// Whether this very program wrote it.
    pub(super) same_program: bool,
    /// What was read of the recording.
    #[cfg(feature = "aws")]
    pub(super) reads: Option<crate::aws::Reads>,
}

impl Rebuilt {
    pub(super) fn report<'r>(&'r self, dossier: Option<&'r Dossier>) -> Report<'r> {
        self.judged.report(&self.setup, self.given.fail_on, self.given.all, dossier)
    }

    /// The files that say which differences are accepted.
    pub(super) fn ignore(&self) -> &[Arc<SourceFile>] {
        self.given.declared.as_ref().map(|declared| declared.sources.as_slice()).unwrap_or_default()
    }
}

/// An estate of a pack, and how it was come by.
struct Found {
    sourced: Sourced,
    /// How many resources of types that the pack does not know were left out.
    left_out: usize,
    #[cfg(feature = "aws")]
    reads: Option<crate::aws::Reads>,
}

impl Found {
    fn saved(sourced: Sourced) -> Self {
        Self {
            sourced,
            left_out: 0,
            #[cfg(feature = "aws")]
            reads: None,
        }
    }
}

/// Whether a path is that of a pack, a chain or the archive of a pack.
pub(crate) fn is_pack(path: &Path) -> bool {
    is_pack_at(path)
}

fn json<T: serde::de::DeserializeOwned>(pack: &Pack<'_>, role: &str) -> Result<T, Failure> {
    let bytes = pack.file(role)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::broken(format!("{}/{role}", pack.name()), json_problem(&error)).into())
}

/// The run record of a pack.
fn record(pack: &Pack<'_>) -> Result<RunRecord, Failure> {
    let record: RunRecord = json(pack, role::RUN)?;
    if record.schema != RUN_SCHEMA {
        let reason = format!("its schema is `{}`, this program reads `{RUN_SCHEMA}`", record.schema);
        return Err(Error::broken(format!("{}/run.json", pack.name()), reason).into());
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

fn estate(pack: &Pack<'_>, role: &str, setup: &Setup) -> Result<Estate, Failure> {
    let bytes = pack.file(role)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::broken(role, "it is not text"))?;
    Estate::load(&text, &setup.registry).map_err(|error| Error::broken(role, error.to_string()).into())
}

/// The estate of a pack as it was seen, before environments are assigned.
fn sourced(pack: &Pack<'_>, record: &RunRecord, setup: &Setup, called: Option<&str>) -> Result<Found, Failure> {
    let result = pack.result()?;
    match result.basis {
        Basis::Estate => {
            let before = pack.has(role::BEFORE).then(|| estate(pack, role::BEFORE, setup)).transpose()?;
            let mut sourced = Sourced::with(estate(pack, role::ESTATE, setup)?, before);
            if let Some(called) = called {
                called.clone_into(&mut sourced.estate.run.source);
            }
            Ok(Found::saved(sourced))
        }
        #[cfg(feature = "aws")]
        Basis::Responses => {
            let mut tape = tape(pack)?;
            if let Some(called) = called {
                called.clone_into(&mut tape.run.source);
            }
            let services = if record.everything { crate::aws::SERVICES.to_vec() } else { setup.services() };
            let (mut estate, reads) = super::super::collect::reread(&tape, &services, Some(result.as_of), setup)?;
            let all = estate.resources.len();
            estate.resources.retain(|resource| record.types.contains(&resource.kind.name));
            estate.listings.retain(|listing| record.types.contains(&listing.kind));
            let left_out = all - estate.resources.len();
            let sourced = Sourced { tape: Some(tape), ..Sourced::with(estate, None) };
            Ok(Found { sourced, left_out, reads: Some(reads) })
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
fn tape(pack: &Pack<'_>) -> Result<crate::aws::Tape, Failure> {
    let (head, index) = (pack.file(role::TAPE)?, pack.file(role::INDEX)?);
    let mut bodies = Vec::new();
    for line in index.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let exchange: crate::aws::Exchange =
            serde_json::from_slice(line).map_err(|error| Error::broken("index.jsonl", json_problem(&error)))?;
        if let crate::aws::Outcome::Response { body, .. } = exchange.outcome {
            bodies.push((body, pack.object(&body.to_string())?));
        }
    }
    let name = PathBuf::from(pack.name());
    crate::aws::Tape::of_parts(&name, head, index, bodies).map_err(|error| Error::broken(name.display(), error.to_string()).into())
}

/// The estate of a pack, for those who judge it by rules of today. What it is called tells the pack and who signed it.
pub(crate) fn estate_of(path: &Path, setup: &Setup, keys: &[PublicKey], terminal: &Terminal) -> Result<Sourced, Failure> {
    let (chain, only) = Verified::open(path, keys)?;
    let pack = chain.whole(only)?;
    say_who_signed(&pack, terminal);
    let source = &pack.result()?.source;
    let hash = pack.manifest_sha256().get(..19).unwrap_or_default();
    let called = format!("replay of {} ({source}, {hash}…), {}", pack.name(), who_signed(&pack));
    let found = sourced(&pack, &record(&pack)?, setup, Some(&called))?;
    #[cfg(feature = "aws")]
    if let (Some(tape), Some(reads)) = (&found.sourced.tape, &found.reads)
        && let Some(problem) = tape.contradictions(reads, &found.sourced.estate.run.regions).into_iter().next()
    {
        return Err(Error::broken(format!("{}/tape.json", pack.name()), problem).into());
    }
    Ok(found.sourced)
}

/// Who signed a pack, in words.
fn who_signed(pack: &Pack<'_>) -> String {
    match pack.signed() {
        Signed::Given => format!("signed by {}, which was given", pack.manifest().key.as_deref().unwrap_or_default()),
        Signed::Unknown(_) => {
            format!("NOT VERIFIED: signed by {}, which nobody gave", pack.manifest().key.as_deref().unwrap_or_default())
        }
        Signed::Nobody => "NOT VERIFIED: nobody signed it".to_owned(),
    }
}

/// Says so where what is read could be of anybody.
pub(super) fn say_who_signed(pack: &Pack<'_>, terminal: &Terminal) {
    match pack.signed() {
        Signed::Given => {}
        Signed::Unknown(_) => terminal.say(&format!("warning: {}: {}: give it with --public-key", pack.name(), who_signed(pack))),
        Signed::Nobody => {
            terminal.say(&format!("warning: {}: {}: whoever can write to it can rewrite it", pack.name(), who_signed(pack)));
        }
    }
}

pub(super) fn rebuild(pack: &Pack<'_>, terminal: &Terminal) -> Result<Rebuilt, Failure> {
    let (manifest, result) = (pack.manifest(), pack.result()?);
    let record = record(pack)?;
    let asked = pack.has(role::INDEX) || pack.has(role::TAPE);
    let expected = match result.source.as_str() {
        "live" | "demo" | "replay" => Basis::Responses,
        _ => Basis::Estate,
    };
    let folder = pack.name();
    if result.basis != expected || asked != (expected == Basis::Responses) || record.source != result.source {
        let reason = "what it is judged from does not fit where its facts come from";
        return Err(Error::broken(format!("{folder}/manifest.json"), reason).into());
    }
    let same_program = manifest.tool.sha256.is_some() && manifest.tool == write::tool();
    let rules = pack.rules()?;
    let (setup, ignore) = setup_of(&record, &rules, terminal)?;
    let later: Vec<String> =
        setup.registry.names().filter(|name| !record.types.iter().any(|known| known == name)).map(str::to_owned).collect();
    if same_program && !later.is_empty() {
        return Err(Error::broken(format!("{folder}/run.json"), "it does not name the types that its program knows").into());
    }
    if same_program && record.edition != Edition::CURRENT {
        return Err(Error::broken(format!("{folder}/run.json"), "it names another edition than that of its program").into());
    }
    let found = sourced(pack, &record, &setup, None)?;
    let mut sourced = found.sourced;
    sourced.settle(Some(result.as_of), &setup);
    let declared = if pack.has(role::DECLARED) {
        let mut declared = estate(pack, role::DECLARED, &setup)?;
        isolation::assign(&mut declared, &setup.config.environments);
        let mut diagnostics = Vec::new();
        let ignores = ignore.iter().flat_map(|source| ignores(source, &mut diagnostics)).collect();
        finish(diagnostics, terminal)?;
        Some(DeclaredBy { estate: declared, ignores, sources: ignore })
    } else {
        None
    };
    let asks = Asks { everything: record.everything, record: true };
    let given = Given { declared, fail_on: record.fail_on, all: record.all, asks, edition: record.edition };
    let judged = given.judge(&setup, sourced, terminal);
    Ok(Rebuilt {
        record,
        setup,
        given,
        judged,
        rules,
        later,
        left_out: found.left_out,
        same_program,
        #[cfg(feature = "aws")]
        reads: found.reads,
    })
}

/// The findings that the estate in a pack gives, for one that another program wrote.
pub(super) fn judged_from_estate(pack: &Pack<'_>, rebuilt: &Rebuilt, terminal: &Terminal) -> Option<Vec<u8>> {
    if rebuilt.given.declared.is_some() {
        return None;
    }
    let mut sourced = Sourced::with(estate(pack, role::ESTATE, &rebuilt.setup).ok()?, None);
    sourced.settle(Some(rebuilt.judged.estate.run.as_of), &rebuilt.setup);
    let Given { fail_on, all, asks, edition, .. } = rebuilt.given;
    let given = Given { declared: None, fail_on, all, asks, edition };
    let judged = given.judge(&rebuilt.setup, sourced, terminal);
    Some(write::findings(&judged.report(&rebuilt.setup, given.fail_on, given.all, None)))
}

/// The first line that differs, with what stands around it.
pub(super) fn first_difference(then: &[u8], now: &[u8]) -> String {
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

/// `keur evidence replay`
pub(crate) fn replay(args: &ReplayArgs, terminal: &Terminal) -> Outcome {
    let (chain, only) = Verified::open(&args.pack, &args.signed.keys()?)?;
    say_unfinished(&chain, only, terminal);
    let pack = chain.whole(only)?;
    say_who_signed(&pack, terminal);
    let rebuilt = rebuild(&pack, terminal)?;
    let derived = derive(&chain, &pack, &rebuilt, terminal)?;
    if let Some(problem) = derived.problems.into_iter().next() {
        return Err(problem.into());
    }
    let result = pack.result()?;
    let what = match result.basis {
        Basis::Responses => format!("{} answers of AWS, collected and judged again", rebuilt.judged.estate.run.calls),
        Basis::Estate => "the estate, judged again: answers of AWS are not part of a pack on code or on a saved estate".to_owned(),
    };
    output::folded(terminal, |out| {
        writeln!(out, "{}: the same findings, byte for byte ({} bytes, {})", pack.name(), derived.bytes, result.findings_sha256)?;
        writeln!(out, "from {what}; {} findings", rebuilt.judged.judgement.findings.len())?;
        if !rebuilt.same_program {
            writeln!(out, "another program wrote the pack: {}", pack.manifest().tool.name)?;
        }
        if rebuilt.given.edition != Edition::CURRENT {
            writeln!(out, "controls by the rules of its time: one was met as soon as one of its policies judged something")?;
        }
        held::table(&derived.held, terminal.style.width, out)
    })?;
    Ok(0)
}

/// The dossier of a pack that is sealed: what it was when the pack was written.
pub(super) fn dossier_of(pack: &Pack<'_>, earlier: Option<History>, rebuilt: &Rebuilt, findings: &[u8]) -> Dossier {
    let report = rebuilt.report(None);
    let manifest = pack.manifest();
    let (started, started_sha256) = pack.started();
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
    write::dossier(&facts, earlier, &report, findings, &write::open_findings(&report), &rebuilt.rules, &calls)
}

/// `keur evidence report`
pub(crate) fn report(args: ReportArgs, terminal: &Terminal) -> Outcome {
    let targets = output::targets(&args.format);
    output::check(&targets)?;
    output::check_apart(&targets, [args.pack.as_path()])?;
    let (chain, only) = Verified::open(&args.pack, &args.signed.keys()?)?;
    say_unfinished(&chain, only, terminal);
    let pack = chain.whole(only)?;
    say_who_signed(&pack, terminal);
    let rebuilt = rebuild(&pack, terminal)?;
    // What is printed is what the pack's own answers say, and only if the pack says the same.
    let derived = derive(&chain, &pack, &rebuilt, terminal)?;
    if let Some(problem) = derived.problems.into_iter().next() {
        return Err(problem.into());
    }
    let dossier = derived.dossier;
    let report = rebuilt.report(Some(&dossier));
    let style = Style { lang: args.lang, ..terminal.style };
    let mut unwritten = Unwritten::default();
    output::each(&args.format, style, &mut unwritten, |format, style, out| report.write(format, style, out));
    Ok(unwritten.conclude(report.exit_code(), terminal))
}
