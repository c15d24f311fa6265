//! `keur diff`: what changed between two estates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::check::comparison_output_of;
use super::evidence::SignedByArgs;
use super::output::{Output, Unwritten};
use super::setup::Setup;
use super::source::{self, CodeArgs, WhenArgs};
use super::{CommonArgs, Failure, Outcome, Terminal, output};
use crate::drift::changes;
use crate::estate::Estate;
use crate::evaluate::{Finding, Subject, evaluate};
use crate::isolation;
use crate::report::{DiffReport, Turned};

/// Options of `keur diff`.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The first: a saved estate, a recording, a plan (what it leads to) or a state
    #[arg(value_name = "A", value_hint = ValueHint::AnyPath)]
    first: PathBuf,
    /// The second
    #[arg(value_name = "B", value_hint = ValueHint::AnyPath)]
    second: PathBuf,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    when: WhenArgs,
    #[command(flatten)]
    signed: SignedByArgs,
    /// Output: `table`, `json`, or `json=diff.json` for a file; may be given several times
    #[arg(long, value_name = "FORMAT[=PATH]", value_parser = comparison_output_of, default_value = "table")]
    format: Vec<Output>,
}

pub(super) fn run(args: DiffArgs, terminal: &Terminal) -> Outcome {
    let targets = output::targets(&args.format);
    output::check(&targets)?;
    output::check_apart(&targets, [args.first.as_path(), &args.second])?;
    let setup = Setup::load(&args.common.sources(), terminal)?;
    output::check_apart(&targets, setup.rules.files().map(Path::new))?;
    let keys = args.signed.keys()?;
    let read = |path: &Path| -> Result<Estate, Failure> {
        let mut estate = source::any(path, &CodeArgs::default(), &args.when, &setup, &keys, terminal)?;
        if let Some(as_of) = args.when.as_of {
            estate.run.as_of = as_of;
        }
        source::check_moment(&estate)?;
        isolation::assign(&mut estate, &setup.config.environments);
        Ok(estate)
    };
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let turned = turned(&setup, &first, &second);
    let report = DiffReport { changes: changes(&first, &second), first: &first, second: &second, turned };
    let mut unwritten = Unwritten::default();
    output::each(&args.format, terminal.style, &mut unwritten, |format, style, out| report.write(format, style, out));
    Ok(unwritten.conclude(report.exit_code(), terminal))
}

/// Verdicts that are not the same in both, of what is in either.
fn turned(setup: &Setup, first: &Estate, second: &Estate) -> Vec<Turned> {
    type Verdicts = BTreeMap<(String, String, String), (&'static str, Option<String>)>;
    let bundle = &setup.bundle;
    let verdicts = |estate: &Estate| -> Verdicts {
        let judgement = evaluate(&bundle.policies, &bundle.parameters, estate, &setup.registry);
        let of = |finding: &Finding| {
            let policy = bundle.policies[finding.policy as usize].id.clone();
            let (kind, arn) = match &finding.subject {
                Subject::Resource(at) => {
                    let resource = &estate.resources[*at as usize];
                    (resource.kind.name.clone(), resource.arn.to_string())
                }
                Subject::Unseen { kind, account, region } => (kind.to_string(), format!("{account} {region}: what was not seen")),
            };
            ((policy, kind, arn), (finding.verdict.as_str(), finding.message.as_deref().map(str::to_owned)))
        };
        judgement.findings.iter().map(of).collect()
    };
    let (old, new) = (verdicts(first), verdicts(second));
    let mut all: Vec<_> = old.keys().chain(new.keys()).cloned().collect();
    all.sort_unstable();
    all.dedup();
    let mut found = Vec::new();
    for key in all {
        let (was, is) = (old.get(&key).map(|(v, _)| *v), new.get(&key).map(|(v, _)| *v));
        // A pass that comes or goes with its resource turns nothing.
        if was == is || matches!((was, is), (None, Some("pass")) | (Some(_), None)) {
            continue;
        }
        let message = new.get(&key).and_then(|(_, message)| message.clone());
        let (policy, kind, arn) = key;
        found.push(Turned { policy, kind, arn, was, is, message });
    }
    found
}
