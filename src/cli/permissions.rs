//! `keur permissions`: the least read-only IAM policy for the policies in use.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value as Json, json};

use super::setup::Setup;
use super::{CommonArgs, Outcome, Terminal, output};
use crate::aws::Service;

/// Options of `keur permissions`.
#[derive(Debug, Args)]
pub(super) struct PermissionsArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// One action a line, with the operations that need it
    #[arg(long)]
    list: bool,
}

/// Most characters of a managed policy, white space not counted.
const LONGEST: usize = 6_144;

pub(super) fn run(args: PermissionsArgs, terminal: &Terminal) -> Outcome {
    let setup = Setup::load(&args.common.sources(), terminal)?;
    let services = setup.services();
    let text = if args.list {
        let mut text = String::new();
        for (action, operations) in actions(&services) {
            text.push_str(&format!("{action:<48} {}\n", operations.into_iter().collect::<Vec<_>>().join(", ")));
        }
        text
    } else {
        let policy = document(&services);
        let mut text = serde_json::to_string_pretty(&policy).unwrap_or_default();
        text.push('\n');
        let size = text.chars().filter(|c| !c.is_whitespace()).count();
        if size > LONGEST {
            terminal
                .say(&format!("warning: {size} characters; a managed policy holds {LONGEST}: split the list of actions over two policies"));
        }
        text
    };
    output::stdout(text.as_bytes())
}

fn actions(services: &[&'static Service]) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut actions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in services.iter().flat_map(|s| s.operations) {
        actions.entry(operation.action).or_default().insert(operation.name);
    }
    actions
}

/// The policy document; also in the docs.
pub(super) fn document(services: &[&'static Service]) -> Json {
    let actions: Vec<&str> = actions(services).into_keys().collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Sid": "KeurReadsConfiguration", "Effect": "Allow", "Action": actions, "Resource": "*"}],
    })
}
