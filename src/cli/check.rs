//! `keur check`.

use std::path::PathBuf;

use clap::Args;

use super::drift::{self, IgnoreArgs};
use super::setup::Setup;
use super::source::{self, Asks, CodeArgs, SourceArgs, WhenArgs};
use super::{CommonArgs, Outcome, Terminal, output};
use crate::evaluate::{evaluate, population, set_apart};
use crate::framework::{apply, roll_up};
use crate::policy::Severity;
use crate::report::{Format, Lang, Report, Style};

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
    /// Output: `table`, `json`, `html`, or `json=report.json` for a file; may be given several times
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
    let (name, path) = match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => (name, Some(PathBuf::from(path))),
        Some(_) => return Err("there is no path after `=`".to_owned()),
        None => (text, None),
    };
    match Format::ALL.iter().find(|(known, _)| *known == name) {
        Some((_, format)) => Ok(Output { format: *format, path }),
        None => {
            let known = Format::ALL.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(format!("formats are {known}"))
        }
    }
}

/// What a comparison of two estates can be printed as: it judges no controls, so it is no document for auditors.
pub(super) fn comparison_of(text: &str) -> Result<Output, String> {
    let output = output_of(text)?;
    match output.format {
        Format::Table | Format::Json => Ok(output),
        Format::Html => Err("formats are `table`, `json`; `html` is for `keur check`".to_owned()),
    }
}

fn lang(text: &str) -> Result<Lang, String> {
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
    let asks = if args.declared.is_empty() { Asks::Needed } else { Asks::All };
    // A mistake in a state is told before AWS is asked.
    let declared = match args.declared.as_slice() {
        [] => None,
        states => Some(source::states(states, &args.code.place, &args.when, &setup)?),
    };
    let source::Sourced { mut estate, before } = source::estate(&args.source, &args.code, &args.when, &setup, asks, terminal)?;
    times.step("estate", terminal);
    if let Some(declared) = declared {
        let compared = drift::compare(declared, &args.ignore, &estate, &setup, terminal)?;
        crate::drift::add_facts(&compared.drift, &compared.declared, &mut estate, &compared.ignores, &setup.registry);
        times.step("drift", terminal);
    }
    let bundle = &setup.bundle;
    let mut judgement = evaluate(&bundle.policies, &bundle.parameters, &estate, &setup.registry);
    if estate.run.declared.is_some() {
        let earlier = before.as_ref().map(|before| evaluate(&bundle.policies, &bundle.parameters, before, &setup.registry));
        set_apart(&mut judgement, &estate, earlier.as_ref().zip(before.as_ref()));
    }
    let as_of = estate.run.as_of;
    let applied = apply(&setup.exceptions, &bundle.policies, &estate, &mut judgement, as_of);
    for note in &applied.notes {
        terminal.say(&note.render(terminal.color));
    }
    times.step("judging", terminal);
    let report = Report {
        organisation: setup.config.organisation.as_deref(),
        population: population(&estate, &judgement),
        controls: roll_up(&setup.framework, &bundle.policies, &judgement, &setup.attestations, as_of),
        estate: &estate,
        policies: &bundle.policies,
        policies_sha256: &bundle.sha256,
        statements: &bundle.statements,
        judgement: &judgement,
        framework: &setup.framework,
        exceptions: &setup.exceptions,
        attestations: &setup.attestations,
        dossier: None,
        fail_on: args.fail_on,
        all: args.all,
    };
    let style = Style { lang: args.lang, ..terminal.style };
    for output in &args.format {
        match &output.path {
            None => output::to_stdout(|out| report.write(output.format, style, out))?,
            Some(path) => {
                let plain = Style { color: false, ..style };
                output::to_file(path, |out| report.write(output.format, plain, out))?;
            }
        }
    }
    times.step("report", terminal);
    times.memory(terminal);
    Ok(report.exit_code())
}
