//! `keur check`.

use std::path::PathBuf;

use clap::Args;

use super::drift::IgnoreArgs;
use super::evidence::{self, EvidenceArgs, SignedByArgs};
use super::judge::{DeclaredBy, Given};
use super::setup::Setup;
use super::source::{self, Asks, CodeArgs, SourceArgs, WhenArgs};
use super::{CommonArgs, Outcome, Terminal, output};
use crate::framework::Edition;
use crate::policy::Severity;
use crate::report::{Format, Lang, Style};

/// Options of `keur check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// States of Terraform that the estate is compared with, so that the policies on code are judged as well
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["plan", "state"], value_hint = clap::ValueHint::FilePath)]
    declared: Vec<PathBuf>,
    #[command(flatten)]
    ignore: IgnoreArgs,
    #[command(flatten)]
    code: CodeArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    when: WhenArgs,
    /// Output: `table`, `json`, `oscal`, `ocsf`, `asff`, `csv`, `html`, or `json=report.json` for a file; may be given several times
    #[arg(long, value_name = "FORMAT[=PATH]", value_parser = output_of, default_value = "table")]
    format: Vec<Output>,
    /// Language of `html`: en, nl, fr, de
    #[arg(long, value_name = "LANG", value_parser = lang, default_value = "en")]
    lang: Lang,
    /// Fail on deviations of this severity or above: critical, high, medium, low
    #[arg(long, value_name = "SEVERITY", value_parser = severity, default_value = "low")]
    fail_on: Severity,
    /// With a plan, state or template: count what was already so, and what only the live estate can decide, as well
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    evidence: EvidenceArgs,
    #[command(flatten)]
    signed: SignedByArgs,
    /// Print how long each step took, and the most memory that was used
    #[arg(long)]
    times: bool,
}

/// How long each step took.
struct Times {
    wanted: bool,
    last: std::time::Instant,
}

impl Times {
    fn step(&mut self, what: &str, terminal: &Terminal) {
        let now = std::time::Instant::now();
        if self.wanted {
            terminal.say(&format!("{what:<10} {:>8.3} s", (now - self.last).as_secs_f64()));
        }
        self.last = now;
    }

    fn memory(&self, terminal: &Terminal) {
        // Only Linux tells; elsewhere nothing is said.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(str::trim);
        if let (true, Some(peak)) = (self.wanted, peak) {
            terminal.say(&format!("memory     {peak} at most"));
        }
    }
}

/// A format, and the file it goes to; standard output if none.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) format: Format,
    pub(super) path: Option<PathBuf>,
}

/// Refuses to mix formats on standard output.
pub(super) fn refuse_two_on_stdout(outputs: &[Output]) -> Result<(), super::Failure> {
    if outputs.iter().filter(|o| o.path.is_none()).count() > 1 {
        let hint = "write the others to files: --format json=report.json";
        return Err(super::Failure::usage("only one format can go to standard output").hint(hint));
    }
    Ok(())
}

pub(super) fn output_of(text: &str) -> Result<Output, String> {
    parse_output(text, Format::ALL)
}

/// The same for commands that compare: they have no findings and no controls.
pub(super) fn comparison_output_of(text: &str) -> Result<Output, String> {
    let offered: Vec<_> = Format::ALL.iter().filter(|(_, format)| Format::OF_COMPARISONS.contains(format)).copied().collect();
    parse_output(text, &offered)
}

fn parse_output(text: &str, offered: &[(&'static str, Format)]) -> Result<Output, String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => (name, Some(PathBuf::from(path))),
        Some(_) => return Err("there is no path after `=`".to_owned()),
        None => (text, None),
    };
    match offered.iter().find(|(known, _)| *known == name) {
        Some((_, format)) => Ok(Output { format: *format, path }),
        None => {
            let known = offered.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            // The others say something of findings and controls.
            let other = Format::ALL.iter().any(|(known, _)| *known == name);
            let other = if other { format!("; `{name}` is for `keur check`") } else { String::new() };
            Err(format!("formats are {known}{other}"))
        }
    }
}

pub(super) fn lang(text: &str) -> Result<Lang, String> {
    let found = Lang::ALL.iter().find(|(code, _)| *code == text).map(|(_, lang)| *lang);
    found.ok_or_else(|| "languages are en, nl, fr and de".to_owned())
}

fn severity(text: &str) -> Result<Severity, String> {
    let found = Severity::WORDS.iter().find(|(word, _)| *word == text).map(|(_, severity)| *severity);
    found.ok_or_else(|| "severities are critical, high, medium and low".to_owned())
}

pub(super) fn run(args: CheckArgs, terminal: &Terminal) -> Outcome {
    for output in &args.format {
        if let Some(path) = &output.path {
            output::check_writable(path)?;
            let source = &args.source;
            let single = [&source.plan, &source.template, &source.estate].into_iter().flatten();
            output::check_apart(path, single.chain(&source.state).chain(&args.declared).map(PathBuf::as_path))?;
        }
    }
    args.code.fits(&args.source)?;
    refuse_two_on_stdout(&args.format)?;
    if args.all && args.source.plan.is_none() && args.source.state.is_empty() && args.source.template.is_none() {
        return Err(super::Failure::usage("--all is for --plan, --state and --template").hint("a run over AWS counts everything anyway"));
    }
    #[cfg_attr(not(feature = "aws"), allow(unused_mut, reason = "only the demo brings its own configuration"))]
    let mut sources = args.common.sources();
    #[cfg(feature = "aws")]
    if args.source.demo && sources.config.is_none() {
        sources.built_in = Some(source::DEMO_CONFIG);
    }
    let mut times = Times { wanted: args.times, last: std::time::Instant::now() };
    let setup = Setup::load(&sources, terminal)?;
    times.step("policies", terminal);
    let asks = Asks { everything: !args.declared.is_empty(), record: args.evidence.folder.is_some() };
    // A mistake in a state is told before AWS is asked.
    let declared = match args.declared.as_slice() {
        [] => None,
        states => {
            let (ignores, sources) = args.ignore.read(terminal)?;
            Some(DeclaredBy { estate: source::states(states, &args.code.place, &args.when, &setup)?, ignores, sources })
        }
    };
    #[cfg(feature = "aws")]
    let profile = args.when.profile.as_deref().or(setup.config.profile.as_deref());
    #[cfg(not(feature = "aws"))]
    let profile = setup.config.profile.as_deref();
    let keys = args.signed.keys()?;
    let signer = args.evidence.signer(profile, &setup)?;
    let packing = args.evidence.begin(args.source.word(), &setup, signer.as_deref())?;
    let given = Given { declared, fail_on: args.fail_on, all: args.all, asks, edition: Edition::CURRENT };
    let sourced = source::estate(&args.source, &args.code, &args.when, &setup, asks, &keys, terminal);
    let sourced = match (sourced, &packing) {
        (Err(failure), Some(_)) => {
            // The run stays in the chain, whatever it came to.
            if let Some(packing) = packing {
                evidence::abort(packing, &failure.message)?;
            }
            return Err(failure);
        }
        (sourced, _) => sourced?,
    };
    times.step("estate", terminal);
    let judged = given.judge(&setup, sourced, terminal);
    judged.say_notes(terminal);
    times.step("judging", terminal);
    let mut report = judged.report(&setup, args.fail_on, args.all, None);
    let prepared = match &packing {
        Some(packing) => Some(evidence::prepare(packing, &setup, &given, &judged, &report)?),
        None => None,
    };
    let dossier = prepared.as_ref().map(|prepared| prepared.dossier.clone());
    report.dossier = dossier.as_ref();
    if let Some((packing, prepared)) = packing.zip(prepared) {
        let sealed = evidence::write(packing, &setup, &given, &judged, &report, prepared, args.lang)?;
        terminal.say(&sealed);
        times.step("evidence", terminal);
    }
    let style = Style { lang: args.lang, ..terminal.style };
    for note in args.format.iter().filter_map(|output| report.note(output.format)) {
        terminal.say(&note);
    }
    output::each(&args.format, style, |format, style, out| report.write(format, style, out))?;
    times.step("report", terminal);
    times.memory(terminal);
    Ok(report.exit_code())
}
