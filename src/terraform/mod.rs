//! Plans and states of Terraform and OpenTofu, to the same resources as live.
//!
//! A plan is read by what it changes (`resource_changes`), never by what it will be (`planned_values`),
//! which has neither deletions nor actions. What is not known before it is applied is told apart: by
//! reference to something of the plan, left to AWS, or an output.

mod address;
mod config;
mod expression;
mod place;
mod plan;
mod read;
mod region;
mod state;

use std::collections::BTreeMap;
use std::path::Path;

use crate::declared::Reading;
use crate::estate::{Gap, Registry};

pub(crate) use read::{Error, sha256, text_of};
pub(crate) use region::is_region;

/// Types of AWS's provider that make resources which no plan and no state carries: those of a template, of another
/// interface to the same services, or of a platform.
const BY_PROXY: &[&str] = &[
    "aws_cloudcontrolapi_resource",
    "aws_cloudformation_stack",
    "aws_cloudformation_stack_instances",
    "aws_cloudformation_stack_set",
    "aws_cloudformation_stack_set_instance",
    "aws_datazone_environment",
    "aws_elastic_beanstalk_environment",
    "aws_serverlessapplicationrepository_cloudformation_stack",
    "aws_servicecatalog_provisioned_product",
];

/// Counts what makes resources of AWS by proxy, whose are not read.
#[derive(Debug, Default)]
struct Proxies(BTreeMap<String, u64>);

impl Proxies {
    /// Notes something of that type.
    fn note(&mut self, kind: &str) {
        // The provider of the Cloud Control API names the types of AWS, and makes the same things by another way.
        let name = if kind.starts_with("awscc_") { "awscc_*" } else { kind };
        if name != kind || BY_PROXY.contains(&kind) {
            *self.0.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Why what was read is not whole, if so.
    fn gap(self) -> Option<Gap> {
        if self.0.is_empty() {
            return None;
        }
        let counts: Vec<String> = self.0.into_iter().map(|(kind, count)| format!("{count} of {kind}")).collect();
        let subject = format!("{} make resources of AWS that are not read: only a run over the live estate sees them", counts.join(", "));
        Some(plan::gap(subject))
    }
}

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
