//! `keur check`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::drift::IgnoreArgs;
use super::evidence::{self, EvidenceArgs, SignedByArgs};
use super::judge::{DeclaredBy, Given};
use super::output::{Output, Unwritten};
use super::setup::Setup;
use super::source::{self, Asks, CodeArgs, SourceArgs, WhenArgs};
use super::{CommonArgs, Failure, Outcome, Terminal, output};
use crate::evidence::Packing;
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
    /// Output: `table`, `json`, `oscal`, `ocsf`, `asff`, `csv`, `html`, or `json=report.json` for a file (`-` is standard output); may be given several times
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

pub(super) fn output_of(text: &str) -> Result<Output, String> {
    Output::parse(text, Format::ALL)
}

/// The same for commands that compare: they have no findings and no controls.
pub(super) fn comparison_output_of(text: &str) -> Result<Output, String> {
    let offered: Vec<_> = Format::ALL.iter().filter(|(_, format)| Format::OF_COMPARISONS.contains(format)).copied().collect();
    Output::parse(text, &offered)
}

pub(super) fn lang(text: &str) -> Result<Lang, String> {
    let found = Lang::ALL.iter().find(|(code, _)| *code == text).map(|(_, lang)| *lang);
    found.ok_or_else(|| "languages are en, nl, fr and de".to_owned())
}

fn severity(text: &str) -> Result<Severity, String> {
    let found = Severity::WORDS.iter().find(|(word, _)| *word == text).map(|(_, severity)| *severity);
    found.ok_or_else(|| "severities are critical, high, medium and low".to_owned())
}

/// Refuses outputs that cannot be written, or that would take the place of what is read.
fn check_outputs(args: &CheckArgs) -> Result<(), Failure> {
    let targets = output::targets(&args.format);
    output::check(&targets)?;
    let mut inputs = args.source.files();
    inputs.extend(args.declared.iter().map(PathBuf::as_path));
    inputs.extend(args.ignore.file());
    inputs.extend(args.evidence.files());
    output::check_apart(&targets, inputs)?;
    if let Some(folder) = &args.evidence.folder {
        output::check_folder(folder, "--evidence")?;
        output::check_outside(&targets, folder, "the folder of the evidence")?;
    }
    Ok(())
}

/// The same for what the configuration names.
fn check_rules(outputs: &[Output], setup: &Setup) -> Result<(), Failure> {
    output::check_apart(&output::targets(outputs), setup.rules.files().map(Path::new))
}

/// A run whose evidence cannot be kept is a run nevertheless: somebody waits for its verdicts.
fn begin<'s>(started: Result<Option<Packing<'s>>, Failure>, unwritten: &mut Unwritten, terminal: &Terminal) -> Option<Packing<'s>> {
    match started {
        Ok(packing) => packing,
        Err(failure) => {
            terminal.say(&format!("warning: there will be no evidence of this run: {}", failure.message));
            unwritten.note(Err(evidence::not_kept(failure)));
            None
        }
    }
}

pub(super) fn run(args: CheckArgs, terminal: &Terminal) -> Outcome {
    check_outputs(&args)?;
    args.code.fits(&args.source, !args.declared.is_empty())?;
    if args.all && args.source.plan.is_none() && args.source.state.is_empty() && args.source.template.is_none() {
        return Err(Failure::usage("--all is for --plan, --state and --template").hint("a run over AWS counts everything anyway"));
    }
    #[cfg_attr(not(feature = "aws"), allow(unused_mut, reason = "only the demo brings its own configuration"))]
    let mut sources = args.common.sources();
    #[cfg(feature = "aws")]
    if args.source.demo && sources.config.is_none() {
        source::say_demo(terminal);
        sources.built_in = Some(source::DEMO_CONFIG);
    }
    let mut times = Times { wanted: args.times, last: std::time::Instant::now() };
    let setup = Setup::load(&sources, terminal)?;
    check_rules(&args.format, &setup)?;
    args.when.fits(&args.source)?;
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
    let mut unwritten = Unwritten::default();
    let signer = args.evidence.signer(profile, &setup);
    let started = match &signer {
        Ok(signer) => args.evidence.begin(args.source.word(), &setup, signer.as_deref()),
        Err(failure) => Err(failure.clone()),
    };
    let packing = begin(started, &mut unwritten, terminal);
    let given = Given { declared, fail_on: args.fail_on, all: args.all, asks, edition: Edition::CURRENT };
    let sourced = match source::estate(&args.source, &args.code, &args.when, &setup, asks, &keys, terminal) {
        Ok(sourced) => sourced,
        Err(failure) => {
            // The run stays in the chain, whatever it came to.
            if let Some(packing) = packing {
                unwritten.note(evidence::abort(packing, &failure.message));
            }
            unwritten.conclude(failure.code, terminal);
            return Err(failure);
        }
    };
    times.step("estate", terminal);
    let judged = given.judge(&setup, sourced, terminal);
    judged.say_notes(terminal);
    times.step("judging", terminal);
    let mut report = judged.report(&setup, args.fail_on, args.all, None);
    let style = Style { lang: args.lang, ..terminal.style };
    for note in args.format.iter().filter_map(|output| report.note(output.format)) {
        terminal.say(&note);
    }
    if let Some(why) = report.nothing_judged()
        && !args.format.iter().any(|output| output.format == Format::Table && output.target.is_stream())
    {
        terminal.say(&format!("nothing was judged: {why}"));
    }
    // Verdicts come first: whatever becomes of the evidence, they were given. Only what speaks of the pack waits for it.
    let (of_pack, first): (Vec<&Output>, Vec<&Output>) = args.format.iter().partition(|o| packing.is_some() && o.format.tells_of_pack());
    output::each(first, style, &mut unwritten, |format, style, out| report.write(format, style, out));
    times.step("report", terminal);
    let kept = packing.map(|packing| evidence::keep(packing, &setup, &given, &judged, &report, args.lang));
    let dossier = match kept {
        Some(Ok((dossier, sealed))) => {
            terminal.say(&sealed);
            Some(dossier)
        }
        Some(Err(failure)) => {
            unwritten.note(Err(evidence::not_kept(failure)));
            None
        }
        None => None,
    };
    times.step("evidence", terminal);
    report.dossier = dossier.as_ref();
    output::each(of_pack, style, &mut unwritten, |format, style, out| report.write(format, style, out));
    times.memory(terminal);
    Ok(unwritten.conclude(report.exit_code(), terminal))
}
