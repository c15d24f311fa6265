//! `keur collect`, and the live and recorded sources of `keur check`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::config::{Config, Regions, near_region};
use super::output::Unwritten;
use super::progress::Bars;
use super::screen::Kind;
use super::setup::Setup;
use super::source::{SourceArgs, WhenArgs};
use super::{CommonArgs, Failure, Outcome, Terminal, output, stop};
use crate::aws::{self, AccountSpec, Observer, Reads, Request, SERVICES, Service, Silent, SourceTape, StartError, Sweep, Tape};
use crate::diag::nearest;
use crate::estate::Estate;
use crate::target::Target;
use crate::words::counted;

/// Options of `keur collect`.
#[derive(Debug, Args)]
pub(super) struct CollectArgs {
    /// Where to save the estate; `-` for standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
    /// Keep every request and raw answer in this folder, which must be empty or new
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    tape: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    when: WhenArgs,
    /// Only these services
    #[arg(long = "service", value_name = "NAME", num_args = 1..)]
    services: Vec<String>,
}

pub(super) fn run(args: CollectArgs, terminal: &Terminal) -> Outcome {
    let target = Target::from(args.output.clone());
    output::check(&[&target])?;
    let setup = Setup::load(&args.common.sources(), terminal)?;
    output::check_apart(&[&target], setup.rules.files().map(Path::new))?;
    args.when.fits(&SourceArgs::default())?;
    if let Some(folder) = &args.tape {
        output::check_folder(folder, "--tape")?;
        Tape::check_target(folder).map_err(|error| Failure::usage(error.to_string()))?;
        output::check_outside(&[&target], folder, "the folder of the recording")?;
    }
    let services = named(&args.services)?;
    let mut request = request(&setup, &args.when);
    request.services = services;
    request.record = args.tape.is_some();
    let (estate, tape) = live(request, &setup, terminal)?;
    // What took so long to collect is kept in whichever place takes it.
    let mut unwritten = Unwritten::default();
    if let (Some(folder), Some(tape)) = (&args.tape, tape) {
        unwritten.note(tape.write(folder).map_err(|error| output::unwritten(error.to_string())));
    }
    unwritten.note(output::shown_at(&target, Kind::Json, |out| estate.save(out)));
    let gaps = estate.gaps().len();
    let open = if gaps == 0 { String::new() } else { format!("; {} could not be read", counted(gaps, "fact", "facts")) };
    let (resources, calls) = (counted(estate.resources.len(), "resource", "resources"), counted(estate.run.calls, "call", "calls"));
    terminal.say(&format!("{resources}, {calls}{open}"));
    Ok(unwritten.conclude(if gaps == 0 { 0 } else { 3 }, terminal))
}

fn named(names: &[String]) -> Result<Vec<&'static Service>, Failure> {
    if names.is_empty() {
        return Ok(SERVICES.to_vec());
    }
    let known = || SERVICES.iter().map(|s| s.name);
    names
        .iter()
        .map(|name| {
            SERVICES.iter().copied().find(|s| s.name == name).ok_or_else(|| {
                let near =
                    nearest(name, known()).map_or_else(|| known().collect::<Vec<_>>().join(", "), |n| format!("did you mean `{n}`?"));
                Failure::usage(format!("no service `{name}`")).hint(near)
            })
        })
        .collect()
}

fn request(setup: &Setup, when: &WhenArgs) -> Request {
    let config: &Config = &setup.config;
    let account = |a: &super::config::AccountEntry| AccountSpec {
        id: a.id.clone(),
        name: a.name.clone(),
        role: a.role.clone(),
        external_id: a.external_id.clone(),
    };
    Request {
        profile: when.profile.clone().or_else(|| config.profile.clone()),
        accounts: config.accounts.iter().map(account).collect(),
        organization_role: config.organization_role.clone(),
        sweep: match &config.sweep {
            Regions::Enabled => Sweep::Enabled,
            Regions::Only(regions) => Sweep::Only(regions.clone()),
        },
        allowed: setup.allowed.clone(),
        services: setup.services(),
        as_of: when.as_of,
        now: super::now(),
        record: false,
    }
}

fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::start(format!("no threads: {error}")))
}

fn live(request: Request, setup: &Setup, terminal: &Terminal) -> Result<(Estate, Option<Tape>), Failure> {
    let bars = terminal.interactive.then(Bars::new);
    let observer: &dyn Observer = match &bars {
        Some(bars) => bars,
        None => &Silent,
    };
    runtime()?.block_on(async {
        tokio::select! {
            done = aws::collect(request, &setup.registry, observer) => done.map_err(started),
            Ok(code) = stop::asked() => Err(Failure { code, message: format!("{}; nothing was judged", stop::message(code)), hint: None }),
        }
    })
}

fn started(error: StartError) -> Failure {
    let message = error.to_string();
    match &error {
        StartError::Profile { name, known } => {
            let known = known.iter().map(String::as_str);
            Failure::start(message).hint(match (nearest(name, known.clone()), known.clone().collect::<Vec<_>>()) {
                (Some(near), all) => format!("did you mean `{near}`? There are: {}", all.join(", ")),
                (None, all) if all.is_empty() => "there is none: `aws configure sso` or `aws configure` makes one".to_owned(),
                (None, all) => format!("there are: {}", all.join(", ")),
            })
        }
        StartError::Endpoint { remedy, .. } => Failure::usage(message).hint(remedy.as_str()),
        StartError::Region(name) => Failure::usage(message).hint(match near_region(name) {
            Some(near) => format!("did you mean `{near}`? It comes from AWS_REGION, AWS_DEFAULT_REGION or the profile"),
            None => "set AWS_REGION, AWS_DEFAULT_REGION or the profile's `region` to one of AWS, or unset it".to_owned(),
        }),
        StartError::Credentials(_) => Failure::start(message)
            .hint("set AWS_PROFILE or --profile, or run `aws sso login`; keur takes credentials as every AWS tool does"),
        StartError::Unreachable(_) => Failure::start(message).hint("check the network, AWS_REGION and AWS_ENDPOINT_URL"),
        StartError::Refused(_) => Failure::start(message).hint("check that the credentials are current: `aws sts get-caller-identity`"),
        StartError::Organisation(_) => Failure::start(message)
            .hint("run it from the management account or a delegated administrator, or list `accounts:` in the configuration"),
        StartError::Regions { .. } => Failure::usage(message).hint("mend `regions: allowed` in the configuration"),
    }
}

/// The estate of a live run, a recording or the demo.
pub(super) fn estate(
    source: &SourceArgs,
    when: &WhenArgs,
    setup: &Setup,
    services: Vec<&'static Service>,
    record: bool,
    terminal: &Terminal,
) -> Result<(Estate, Option<Tape>), Failure> {
    let tape = if source.demo {
        Some(demo()?)
    } else if let Some(path) = &source.replay {
        Some(Tape::read(path).map_err(|error| Failure::usage(error.to_string()).hint("`keur collect --tape DIR` records one"))?)
    } else {
        None
    };
    match tape {
        None => live(Request { services, record, ..request(setup, when) }, setup, terminal),
        Some(mut tape) => {
            // What was found once is not live any more.
            source.word().clone_into(&mut tape.run.source);
            Ok((reread(&tape, &services, when.as_of, setup)?.0, Some(tape)))
        }
    }
}

/// The estate that a recording shows, and what of it was read.
pub(super) fn reread(
    tape: &Tape,
    services: &[&'static Service],
    as_of: Option<Timestamp>,
    setup: &Setup,
) -> Result<(Estate, Reads), Failure> {
    let replayed = aws::reread(SourceTape(tape), services, as_of, &setup.registry, &Silent);
    runtime()?.block_on(replayed).map_err(started)
}

/// What a live run by these rules asks for.
pub(super) fn planned(setup: &Setup) -> Request {
    request(setup, &WhenArgs::default())
}

/// A state in a bucket: `BUCKET/KEY`.
#[cfg(feature = "s3")]
pub(super) fn state_object(place: &str, when: &WhenArgs, setup: &Setup) -> Result<Vec<u8>, Failure> {
    let Some((bucket, key)) = place.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
        return Err(Failure::usage(format!("s3://{place}: names no object")).hint("write `s3://BUCKET/KEY`"));
    };
    let profile = when.profile.clone().or_else(|| setup.config.profile.clone());
    runtime()?
        .block_on(aws::state_object(profile, setup.allowed.clone(), super::now(), bucket, key))
        .map_err(|error| Failure::usage(error.to_string()).hint("the caller needs s3:GetObject on the state, and kms:Decrypt on its key"))
}

fn demo() -> Result<Tape, Failure> {
    const DEMO: &[u8] = include_bytes!("../../demo/tape.tar.zst");
    Tape::from_archive(Path::new("demo"), DEMO).map_err(|error| Failure::usage(error.to_string()))
}
