//! Where an estate comes from.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use jiff::Timestamp;

use super::recognise::misnamed;
use super::setup::Setup;
use super::{Failure, Terminal};
use crate::cloudformation;
use crate::declared::build;
use crate::estate::Estate;
use crate::evidence::sign::PublicKey;
use crate::isolation;
use crate::terraform::{self, Assumed};

/// Where the estate comes from; AWS itself if none is named.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct SourceArgs {
    /// A plan of Terraform or OpenTofu: `terraform show -json plan.out`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) plan: Option<PathBuf>,
    /// States of Terraform: files, `terraform show -json`, or `s3://BUCKET/KEY`; several are one estate
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(super) state: Vec<PathBuf>,
    /// A CloudFormation template, JSON or YAML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) template: Option<PathBuf>,
    /// A saved estate (`keur collect -o`)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) estate: Option<PathBuf>,
    /// A recording: the folder of `keur collect --tape`, or an archive of it
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "PACK", value_hint = ValueHint::AnyPath)]
    pub(super) replay: Option<PathBuf>,
    /// The recorded demo that comes with the program
    #[cfg(feature = "aws")]
    #[arg(long)]
    pub(super) demo: bool,
}

impl SourceArgs {
    /// The files that it names.
    pub(super) fn files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = [&self.plan, &self.template, &self.estate].into_iter().flatten().map(PathBuf::as_path).collect();
        files.extend(self.state.iter().map(PathBuf::as_path));
        #[cfg(feature = "aws")]
        files.extend(self.replay.as_deref());
        files
    }

    /// The option that it was named with.
    fn option(&self) -> &'static str {
        match self.word() {
            "plan" => "--plan",
            "state" => "--state",
            "template" => "--template",
            "estate" => "--estate",
            _ => "--replay",
        }
    }

    /// The source in one word, as packs have it.
    pub(super) fn word(&self) -> &'static str {
        #[cfg(feature = "aws")]
        if self.demo || self.replay.is_some() {
            return if self.demo { "demo" } else { "replay" };
        }
        let given = [
            (self.plan.is_some(), "plan"),
            (!self.state.is_empty(), "state"),
            (self.template.is_some(), "template"),
            (self.estate.is_some(), "estate"),
        ];
        given.into_iter().find(|(given, _)| *given).map_or("live", |(_, word)| word)
    }
}

/// Where the code's things are, when the code does not say.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PlaceArgs {
    /// Region of what the code gives none, as the provider took it from its environment
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub(super) region: Option<String>,
    /// Account of what the code gives none
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(super) account: Option<String>,
}

/// What code does not say of itself.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CodeArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Folder with the source of the plan: findings then name file and line
    #[arg(long, value_name = "DIR", requires = "plan", value_hint = ValueHint::DirPath)]
    pub(super) source: Option<PathBuf>,
    /// Value of a parameter of the template; may be given several times
    #[arg(long = "parameter", value_name = "NAME=VALUE", requires = "template", value_parser = parameter)]
    pub(super) parameters: Vec<(String, String)>,
    /// Name of the stack that the template makes
    #[arg(long, value_name = "NAME", requires = "template")]
    pub(super) stack: Option<String>,
}

impl CodeArgs {
    /// Refuses options of a source that was not given: clap lets them pass beside another source.
    pub(super) fn fits(&self, source: &SourceArgs, declared: bool) -> Result<(), Failure> {
        let wrong =
            |option: &str, of: &str| Err(Failure::usage(format!("{option} is for {of}")).hint(format!("leave it out, or give {of}")));
        if self.source.is_some() && source.plan.is_none() {
            return wrong("--source", "--plan");
        }
        if !self.parameters.is_empty() && source.template.is_none() {
            return wrong("--parameter", "--template");
        }
        let is_code = declared || source.plan.is_some() || !source.state.is_empty() || source.template.is_some();
        if self.place.region.is_some() && !is_code {
            return wrong("--region", "code (--plan, --state, --template)");
        }
        if self.place.account.is_some() && !is_code {
            return wrong("--account", "code (--plan, --state, --template)");
        }
        if self.stack.is_some() && source.template.is_none() {
            return wrong("--stack", "--template");
        }
        Ok(())
    }
}

impl PlaceArgs {
    fn assumed(&self) -> Assumed {
        Assumed { region: self.region.clone(), account: self.account.clone() }
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter is written NAME=VALUE".to_owned()),
    }
}

fn region(text: &str) -> Result<String, String> {
    if terraform::is_region(text) { Ok(text.to_owned()) } else { Err("a region is written like `eu-central-1`".to_owned()) }
}

fn account(text: &str) -> Result<String, String> {
    let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { Ok(text.to_owned()) } else { Err("an account is twelve digits".to_owned()) }
}

/// Which moment, which credentials.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct WhenArgs {
    /// Measure ages against this moment (2026-01-31T12:00:00Z), not the start of the run
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) as_of: Option<Timestamp>,
    /// Profile of the AWS configuration files
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
}

impl WhenArgs {
    /// Refuses a moment of the past for AWS itself, before it is asked: it shows what is now.
    pub(super) fn fits(&self, source: &SourceArgs) -> Result<(), Failure> {
        match self.as_of {
            Some(as_of) if source.word() == "live" => not_before(as_of, super::now(), "AWS shows what is now"),
            _ => Ok(()),
        }
    }
}

/// Refuses to measure ages against a moment before the facts were found: what was made later would be of a negative age, and everything
/// younger than it was.
fn not_before(as_of: Timestamp, found: Timestamp, why: &str) -> Result<(), Failure> {
    if as_of >= found {
        return Ok(());
    }
    let problem = format!("ages cannot be measured against {as_of}: {why} ({found})");
    Err(Failure::usage(problem).hint(format!("leave --as-of out, or give {found} or later: --as-of {found}")))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && let Ok(zoned) = day.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(zoned.timestamp());
    }
    Err("a moment is written like 2026-01-31T12:00:00Z, or 2026-01-31 for its midnight (UTC)".to_owned())
}

/// The configuration of the demo.
pub(super) const DEMO_CONFIG: (&str, &str) = ("demo/keur.yaml", include_str!("../../demo/keur.yaml"));

/// An estate, and what it was before, where a plan says so.
pub(super) struct Sourced {
    pub(super) estate: Estate,
    pub(super) before: Option<Estate>,
    /// What was exchanged with AWS, where it was and somebody wants it.
    #[cfg(feature = "aws")]
    pub(super) tape: Option<crate::aws::Tape>,
}

impl Sourced {
    fn alone(estate: Estate) -> Self {
        Self::with(estate, None)
    }

    pub(super) fn with(estate: Estate, before: Option<Estate>) -> Self {
        Self {
            estate,
            before,
            #[cfg(feature = "aws")]
            tape: None,
        }
    }

    /// Says where the facts come from: what was found once is not live any more.
    fn name(&mut self, word: &str) {
        for estate in [Some(&mut self.estate), self.before.as_mut()].into_iter().flatten() {
            set_source(estate, word);
        }
    }

    /// Refuses a moment before the facts were found, whoever chose it.
    fn check_moment(&self) -> Result<(), Failure> {
        check_moment(&self.estate)
    }

    /// Sets the moment and assigns environments: of the estate and of what was before it.
    pub(super) fn settle(&mut self, as_of: Option<Timestamp>, setup: &Setup) {
        for estate in [Some(&mut self.estate), self.before.as_mut()].into_iter().flatten() {
            if let Some(as_of) = as_of {
                estate.run.as_of = as_of;
            }
            isolation::assign(estate, &setup.config.environments);
        }
    }
}

/// Says where the facts come from. Code has a word of its own already, as packs and recordings do.
fn set_source(estate: &mut Estate, word: &str) {
    if estate.run.source == "live" {
        word.clone_into(&mut estate.run.source);
    }
}

/// Refuses an estate whose ages would be measured against a moment before its facts were found.
pub(super) fn check_moment(estate: &Estate) -> Result<(), Failure> {
    match estate.run.declared {
        None => not_before(estate.run.as_of, estate.run.started, "the facts were collected later"),
        Some(_) => match estate.latest_proven() {
            Some(found) => not_before(estate.run.as_of, found, "the code was written later"),
            None => Ok(()),
        },
    }
}

/// Says that the demo does not read the configuration that is there.
#[cfg(feature = "aws")]
pub(super) fn say_demo(terminal: &Terminal) {
    let config = super::setup::CONFIG;
    if Path::new(config).is_file() {
        terminal.say(&format!(
            "note: the demo has a configuration of its own and does not read `{config}`; --config {config} judges it by yours"
        ));
    }
}

/// Gets the estate and assigns its environments.
pub(super) fn estate(
    source: &SourceArgs,
    code: &CodeArgs,
    when: &WhenArgs,
    setup: &Setup,
    asks: Asks,
    keys: &[PublicKey],
    terminal: &Terminal,
) -> Result<Sourced, Failure> {
    let mut sourced = raw(source, code, when, setup, asks, keys, terminal)?;
    sourced.name(source.word());
    sourced.settle(when.as_of, setup);
    sourced.check_moment()?;
    Ok(sourced)
}

impl From<terraform::Error> for Failure {
    fn from(error: terraform::Error) -> Self {
        Self::usage(error.to_string()).hint(error.hint)
    }
}

/// Larger files are no plans, states or estates of anybody.
const LARGEST: u64 = 1 << 30;

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Err(Failure::usage(format!("{}: is a folder, and a file is needed", path.display())).hint("give the path of a file"));
    }
    super::output::read(path, LARGEST)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())).hint("give the path of a file that exists and may be read"))
}

/// The states of a run, as one estate.
pub(super) fn states(paths: &[PathBuf], place: &PlaceArgs, when: &WhenArgs, setup: &Setup) -> Result<Estate, Failure> {
    read_states(paths, place, when, setup).map_err(|failure| match paths {
        [path] if failure.code == 2 => misnamed(path, "--state", failure),
        _ => failure,
    })
}

fn read_states(paths: &[PathBuf], place: &PlaceArgs, when: &WhenArgs, setup: &Setup) -> Result<Estate, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let content = match name.strip_prefix("s3://") {
            Some(place) => state_object(place, when, setup)?,
            None => bytes(path)?,
        };
        files.push((name, content));
    }
    let reading = terraform::states(&files, &place.assumed(), &setup.registry)?;
    let mut estate = build(reading, moment_of(when));
    isolation::assign(&mut estate, &setup.config.environments);
    Ok(estate)
}

#[cfg(feature = "s3")]
fn state_object(place: &str, when: &WhenArgs, setup: &Setup) -> Result<Vec<u8>, Failure> {
    super::collect::state_object(place, when, setup)
}

#[cfg(not(feature = "s3"))]
fn state_object(_: &str, _: &WhenArgs, _: &Setup) -> Result<Vec<u8>, Failure> {
    Err(Failure::usage("this build cannot ask AWS: S3 is not built in").hint("fetch the state with `terraform state pull`"))
}

fn template(path: &Path, code: &CodeArgs, when: &WhenArgs, setup: &Setup) -> Result<Estate, Failure> {
    let name = path.display().to_string();
    let content = bytes(path)?;
    let text = terraform::text_of(&name, &content)?;
    let parameters = code.parameters.iter().cloned().collect();
    let given = cloudformation::Given {
        parameters: &parameters,
        account: code.place.account.as_deref(),
        region: code.place.region.as_deref(),
        stack: code.stack.as_deref(),
    };
    let reading = cloudformation::reading(&name, &text, terraform::sha256(&content), &given, &setup.registry);
    Ok(build(reading.map_err(|error| Failure::usage(error.to_string()))?, moment_of(when)))
}

/// The moment of a run over code.
pub(super) fn moment_of(when: &WhenArgs) -> Timestamp {
    when.as_of.unwrap_or_else(super::now)
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asks {
    /// All services, because a comparison needs everything, or those that the policies in use need.
    pub(super) everything: bool,
    /// Whether answers are kept.
    pub(super) record: bool,
}

impl Asks {
    /// All services.
    pub(super) const EVERYTHING: Self = Self { everything: true, record: false };
}

fn raw(
    source: &SourceArgs,
    code: &CodeArgs,
    when: &WhenArgs,
    setup: &Setup,
    asks: Asks,
    keys: &[PublicKey],
    terminal: &Terminal,
) -> Result<Sourced, Failure> {
    // What cannot be read as what it was named may be something else.
    read(source, code, when, setup, asks, keys, terminal).map_err(|failure| match source.files().as_slice() {
        [path] if failure.code == 2 => misnamed(path, source.option(), failure),
        _ => failure,
    })
}

fn read(
    source: &SourceArgs,
    code: &CodeArgs,
    when: &WhenArgs,
    setup: &Setup,
    asks: Asks,
    keys: &[PublicKey],
    terminal: &Terminal,
) -> Result<Sourced, Failure> {
    let alone = Sourced::alone;
    if let Some(path) = &source.plan {
        let plan =
            terraform::plan(&path.display().to_string(), &bytes(path)?, &code.place.assumed(), code.source.as_deref(), &setup.registry)?;
        let at = moment_of(when);
        let before = Some(build(plan.before, at));
        return Ok(Sourced::with(build(plan.after, at), before));
    }
    if let Some(path) = &source.template {
        return template(path, code, when, setup).map(alone);
    }
    if !source.state.is_empty() {
        return states(&source.state, &code.place, when, setup).map(alone);
    }
    if let Some(path) = &source.estate {
        return saved(path, setup).map(alone);
    }
    #[cfg(feature = "aws")]
    {
        if let Some(path) = source.replay.as_deref().filter(|path| super::evidence::is_pack(path)) {
            return super::evidence::estate_of(path, setup, keys, terminal);
        }
        let services = if asks.everything { crate::aws::SERVICES.to_vec() } else { setup.services() };
        super::collect::estate(source, when, setup, services, asks.record, terminal)
            .map(|(estate, tape)| Sourced { tape, ..Sourced::alone(estate) })
    }
    #[cfg(not(feature = "aws"))]
    {
        let _ = (asks, keys, terminal);
        Err(Failure::usage("this build cannot ask AWS: it has no service built in").hint("name a saved estate with --estate"))
    }
}

/// A saved estate.
pub(super) fn saved(path: &Path, setup: &Setup) -> Result<Estate, Failure> {
    let text = String::from_utf8(bytes(path)?).map_err(|_| Failure::usage(format!("{}: the file is not text", path.display())))?;
    Estate::load(&text, &setup.registry)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())).hint("`keur collect -o estate.json` writes one"))
}

/// Whatever a path leads to: a pack, a recording, a saved estate, a plan or a state.
pub(super) fn any(
    path: &Path,
    code: &CodeArgs,
    when: &WhenArgs,
    setup: &Setup,
    keys: &[PublicKey],
    terminal: &Terminal,
) -> Result<Estate, Failure> {
    let name = path.display().to_string();
    let named = |mut estate: Estate, word: &str| {
        set_source(&mut estate, word);
        estate
    };
    if super::evidence::is_pack(path) {
        return super::evidence::estate_of(path, setup, keys, terminal).map(|sourced| sourced.estate);
    }
    if path.is_dir() || name.ends_with(".tar.zst") {
        #[cfg(feature = "aws")]
        {
            let source = SourceArgs { replay: Some(path.to_owned()), ..SourceArgs::default() };
            return raw(&source, code, when, setup, Asks::EVERYTHING, keys, terminal).map(|sourced| sourced.estate);
        }
        #[cfg(not(feature = "aws"))]
        {
            let _ = terminal;
            return Err(Failure::usage("this build cannot read recordings: it has no service built in"));
        }
    }
    let content = bytes(path)?;
    if is_estate(&content) {
        return saved(path, setup).map(|estate| named(estate, "estate"));
    }
    match terraform::plan(&name, &content, &code.place.assumed(), None, &setup.registry) {
        Ok(plan) => Ok(build(plan.after, moment_of(when))),
        Err(not_a_plan) => match terraform::states(&[(name, content)], &code.place.assumed(), &setup.registry) {
            Ok(reading) => Ok(build(reading, moment_of(when))),
            Err(_) => Err(not_a_plan.into()),
        },
    }
}

/// Whether a file says of itself that it is a saved estate.
fn is_estate(content: &[u8]) -> bool {
    let head = &content[..content.len().min(200)];
    String::from_utf8_lossy(head).contains("\"keur/estate/")
}
