//! Plans and states of Terraform and OpenTofu, to the same resources as live.
//!
//! A plan is read by what it changes (`resource_changes`), never by what it will be (`planned_values`),
//! which has neither deletions nor actions. What is not known before it is applied is told apart: by
//! reference to something of the plan, left to AWS, or an output.

mod address;
mod config;
mod place;
mod plan;
mod read;
mod region;
mod state;

use std::path::Path;

use crate::declared::Reading;
use crate::estate::Registry;

pub(crate) use read::{Error, sha256, text_of};
pub(crate) use region::is_region;

/// What the caller says where the code does not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assumed {
    /// Region of what has none.
    pub(crate) region: Option<String>,
    /// Account of what has none.
    pub(crate) account: Option<String>,
}

/// A plan: what will be, and what is before it.
pub(crate) struct Plan<'r> {
    /// After it is applied.
    pub(crate) after: Reading<'r>,
    /// Before.
    pub(crate) before: Reading<'r>,
}

/// Reads a plan: the output of `terraform show -json`.
pub(crate) fn plan<'r>(
    name: &str,
    bytes: &[u8],
    assumed: &Assumed,
    source: Option<&Path>,
    registry: &'r Registry,
) -> Result<Plan<'r>, Error> {
    let text = text_of(name, bytes)?;
    let document = read::document(name, &text)?;
    plan::read(name, bytes, &document, assumed, source, registry)
}

/// Reads states, several as one: files of version 4, or the output of `terraform show -json`.
pub(crate) fn states<'r>(files: &[(String, Vec<u8>)], assumed: &Assumed, registry: &'r Registry) -> Result<Reading<'r>, Error> {
    let mut reading = Reading::new("state", registry);
    for (number, (name, bytes)) in files.iter().enumerate() {
        let text = text_of(name, bytes)?;
        let document = read::document(name, &text)?;
        state::read(name, bytes, &document, assumed, u32::try_from(number).unwrap_or(u32::MAX), &mut reading)?;
    }
    Ok(reading)
}

#[cfg(test)]
#[cfg(feature = "all-services")]
mod tests;
