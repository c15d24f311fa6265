//! `keur drift`: what is declared against what is seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};

use super::check::comparison_output_of;
use super::output::{Output, Unwritten};
use super::setup::{Setup, finish};
use super::source::{self, Asks, CodeArgs, PlaceArgs, SourceArgs, WhenArgs};
use super::{CommonArgs, Failure, Outcome, Terminal, output};
use crate::declared::kinds;
use crate::diag::SourceFile;
use crate::drift::{self, Drift, Ignore};
use crate::estate::Estate;
use crate::policy::read_folder;
use crate::report::DriftReport;

/// The file of rules that is read when none is named.
const IGNORE: &str = ".keurignore";

/// Options of `keur drift`.
#[derive(Debug, Args)]
pub(super) struct DriftArgs {
    /// States of Terraform: files, `terraform show -json`, or `s3://BUCKET/KEY`; everything that is declared
    #[arg(long, value_name = "FILE", num_args = 1.., required = true, value_hint = ValueHint::FilePath)]
    state: Vec<PathBuf>,
    /// A saved estate to compare with, instead of AWS itself
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    estate: Option<PathBuf>,
    /// A recording to compare with: the folder of `keur collect --tape`, or an archive of it
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "PACK", conflicts_with = "estate", value_hint = ValueHint::AnyPath)]
    replay: Option<PathBuf>,
    #[command(flatten)]
    ignore: IgnoreArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    when: WhenArgs,
    /// Output: `table`, `json`, or `json=drift.json` for a file; may be given several times
    #[arg(long, value_name = "FORMAT[=PATH]", value_parser = comparison_output_of, default_value = "table")]
    format: Vec<Output>,
}

/// Which drift is accepted.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct IgnoreArgs {
    /// Rules for drift that is accepted; without it `.keurignore`, if there is one
    #[arg(long = "ignore", value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

impl IgnoreArgs {
    /// The file that is named.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The rules, and the files they are in.
    pub(super) fn read(&self, terminal: &Terminal) -> Result<(Vec<Ignore>, Vec<Arc<SourceFile>>), Failure> {
        let path = match &self.file {
            Some(path) => path.as_path(),
            None if Path::new(IGNORE).is_file() => Path::new(IGNORE),
            None => return Ok((Vec::new(), Vec::new())),
        };
        let mut diagnostics = Vec::new();
        let sources = read_folder(path, &mut diagnostics);
        let rules = sources.iter().flat_map(|source| drift::ignores(source, &mut diagnostics)).collect();
        finish(diagnostics, terminal)?;
        Ok((rules, sources))
    }
}

/// Compares what states declare with what was seen.
pub(super) fn compare(declared: &Estate, ignores: &[Ignore], seen: &Estate, terminal: &Terminal) -> Drift {
    let at = seen.run.as_of;
    let drift = drift::drift(declared, seen, &kinds(), ignores, at);
    for note in drift::notes(ignores, &drift, at) {
        terminal.say(&note.render(terminal.color));
    }
    drift
}

pub(super) fn run(args: DriftArgs, terminal: &Terminal) -> Outcome {
    let source = SourceArgs {
        estate: args.estate.clone(),
        #[cfg(feature = "aws")]
        replay: args.replay.clone(),
        ..SourceArgs::default()
    };
    let targets = output::targets(&args.format);
    output::check(&targets)?;
    output::check_apart(&targets, args.state.iter().map(PathBuf::as_path).chain(source.files()).chain(args.ignore.file()))?;
    let setup = Setup::load(&args.common.sources(), terminal)?;
    output::check_apart(&targets, setup.rules.files().map(Path::new))?;
    args.when.fits(&source)?;
    // A mistake in a state is told before AWS is asked.
    let declared = source::states(&args.state, &args.place, &args.when, &setup)?;
    let (ignores, _) = args.ignore.read(terminal)?;
    let seen = source::estate(&source, &CodeArgs::default(), &args.when, &setup, Asks::EVERYTHING, &[], terminal)?.estate;
    let drift = compare(&declared, &ignores, &seen, terminal);
    let report = DriftReport { declared: &declared, seen: &seen, drift: &drift, ignores: &ignores };
    let mut unwritten = Unwritten::default();
    output::each(&args.format, terminal.style, &mut unwritten, |format, style, out| report.write(format, style, out));
    Ok(unwritten.conclude(report.exit_code(), terminal))
}
