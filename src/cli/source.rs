//! Where an estate comes from.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jiff::Timestamp;

use super::setup::Setup;
use super::{Failure, Terminal};
use crate::estate::Estate;
use crate::isolation;

/// Where the estate comes from; AWS itself if none is named.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct SourceArgs {
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

/// Gets the estate and assigns its environments.
pub(super) fn estate(source: &SourceArgs, when: &WhenArgs, setup: &Setup, terminal: &Terminal) -> Result<Estate, Failure> {
    let mut estate = raw(source, when, setup, terminal)?;
    if let Some(as_of) = when.as_of {
        estate.run.as_of = as_of;
    }
    isolation::assign(&mut estate, &setup.config.environments);
    Ok(estate)
}

fn raw(source: &SourceArgs, when: &WhenArgs, setup: &Setup, terminal: &Terminal) -> Result<Estate, Failure> {
    if let Some(path) = &source.estate {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        return Estate::load(&text, &setup.registry)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())).hint("`keur collect -o estate.json` writes one"));
    }
    #[cfg(feature = "aws")]
    {
        super::collect::estate(source, when, setup, terminal)
    }
    #[cfg(not(feature = "aws"))]
    {
        let _ = (when, terminal);
        Err(Failure::usage("this build cannot ask AWS: it has no service built in").hint("name a saved estate with --estate"))
    }
}
