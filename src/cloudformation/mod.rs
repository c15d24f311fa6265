//! AWS CloudFormation templates: resources with their properties as plain JSON, worked out as far as
//! they can be before anything is deployed. What cannot be worked out is unknown, never a default.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a node or value is, it is not what is asked for there")]

mod condition;
mod error;
mod function;
mod intrinsic;
mod parameter;
mod reading;
mod repeat;
mod scalar;
mod template;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use error::{Error, Place};
pub(crate) use reading::reading;

use crate::estate::UNKNOWN_KEY;

/// What the caller knows of the deployment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// Values of parameters as they would be given to CloudFormation; those of a list with commas.
    pub parameters: &'a BTreeMap<String, String>,
    /// Twelve-digit account id.
    pub account: Option<&'a str>,
    /// Region: `eu-central-1`.
    pub region: Option<&'a str>,
    /// Name of the stack.
    pub stack: Option<&'a str>,
}

/// One resource of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type: `AWS::RDS::DBInstance`.
    pub kind: String,
    /// An object, or the marker of an unknown one. Whatever is unknown in it is `{"$unknown": {…}}`: an
    /// element of a list so marked may turn out to be none. Numbers and booleans may be text, as they
    /// are in the file: numbers whose writing says more than their value (`15.10`, `012`) always are.
    pub properties: serde_json::Value,
    /// What becomes of it with its stack; `$unknown` where that cannot be told.
    pub deletion_policy: Option<String>,
    /// What becomes of it when another takes its place; `$unknown` where that cannot be told.
    pub update_replace_policy: Option<String>,
    /// The condition it is made under.
    pub condition: Option<String>,
    /// The line of the logical id, from 1; of one that is repeated with an alias, that of the anchor.
    pub line: Option<u32>,
}

/// A template, worked out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    /// In the order of the file; those whose condition is known to be false are left out.
    pub resources: Vec<Declared>,
    /// Logical ids whose condition is unknown, each with the marker that says why. They are in
    /// `resources` as well.
    pub undecided: Vec<(String, serde_json::Value)>,
    /// What could add to the template or change it before it is deployed, in the order of the file: each
    /// begins with the name of a transform, a function or a logical id, then a colon.
    pub notes: Vec<String>,
}

/// What reading the deepest template takes of the stack, with room to spare: unoptimised, the YAML
/// reader needs 55 kB for each level.
const STACK: usize = 16 << 20;

/// Reads a template, JSON or YAML. `name` is the file's name in messages.
pub(crate) fn read(name: &str, text: &str, given: &Given<'_>) -> Result<Template, Error> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || template::read(name, text, given));
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // No thread to be had: the caller's stack is enough for all but the deepest.
            Err(_) => template::read(name, text, given),
        }
    })
}
