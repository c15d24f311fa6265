//! `keur docs`: the generated parts of `docs/`, written or compared.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::setup::Setup;
use super::{Failure, Outcome, Terminal, output, permissions, schema};
use crate::aws::{self, SERVICES};
use crate::expr::functions;
use crate::framework::controls_of;
use crate::isolation;

/// Options of `keur docs`.
#[derive(Debug, Args)]
pub(super) struct DocsArgs {
    /// Only compare; a difference is an error
    #[arg(long)]
    check: bool,
    /// The checkout
    #[arg(default_value = ".")]
    root: PathBuf,
}

pub(super) fn run(args: DocsArgs, terminal: &Terminal) -> Outcome {
    let sources = super::setup::Sources { built_in: Some(super::source::DEMO_CONFIG), ..Default::default() };
    let setup = Setup::load(&sources, terminal)?;
    let mut stale = Vec::new();
    for (name, text) in files(&setup) {
        let path = args.root.join(name);
        if args.check {
            if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                stale.push(name);
            }
        } else {
            if let Some(folder) = path.parent() {
                output::make_folder(folder)?;
            }
            output::to_file(&path, text.as_bytes())?;
        }
    }
    if stale.is_empty() {
        return Ok(0);
    }
    Err(Failure::usage(format!("not current: {}", stale.join(", "))).hint("write them anew with `ci/docs`"))
}

fn files(setup: &Setup) -> Vec<(&'static str, String)> {
    vec![
        ("docs/reference/types.md", types(setup)),
        ("docs/reference/policies.md", policies(setup)),
        ("docs/reference/code.md", code()),
        ("docs/reference/parameters.md", parameters(setup)),
        ("docs/reference/expressions.md", expressions()),
        ("docs/reference/operations.md", operations()),
        ("docs/reference/command-line.md", command_line()),
        ("docs/reference/iam-policy.json", pretty(&permissions::document(SERVICES))),
        ("docs/reference/policy.schema.json", pretty(&schema::policy_schema(&setup.registry, &setup.links))),
        ("docs/reference/findings.schema.json", pretty(&crate::report::csv_schema())),
    ]
}

fn pretty(json: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(json).unwrap_or_default();
    text.push('\n');
    text
}

const GENERATED: &str = "<!-- Written by `ci/docs`; do not edit. -->\n\n";

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn types(setup: &Setup) -> String {
    let mut text = format!("{GENERATED}# Resource types\n");
    for kind in setup.registry.iter() {
        text.push_str(&format!("\n## {}\n\n{}\n\n```text\n{}```\n", kind.name, kind.doc, schema::prose(kind, &setup.links)));
    }
    text
}

fn policies(setup: &Setup) -> String {
    let mut text = format!("{GENERATED}# Shipped policies\n");
    for statement in &setup.bundle.statements {
        let of: Vec<_> = setup.bundle.policies.iter().filter(|p| p.statement == statement.id).collect();
        if of.is_empty() {
            continue;
        }
        text.push_str(&format!(
            "\n## {}\n\n{}\n\n| Policy | Severity | About | Title | Controls |\n|---|---|---|---|---|\n",
            statement.id, statement.title
        ));
        for policy in of {
            let about = policy.resource.as_ref().map_or("every type", |k| k.name.as_str());
            let controls = controls_of(&setup.framework, &policy.id).join(" ");
            let file = policy.source.name.trim_start_matches("policies/");
            text.push_str(&format!(
                "| [{}](../../policies/{file}) | {} | {about} | {} | {controls} |\n",
                policy.id,
                policy.severity.as_str(),
                cell(&policy.title)
            ));
        }
    }
    text
}

fn code() -> String {
    let sources = crate::declared::sources();
    let names = |kind: &str, adds: bool, template: bool| {
        let of = sources.iter().filter(|(k, a, from)| (*k, *a) == (kind, adds) && from.starts_with("AWS::") == template);
        of.map(|(_, _, from)| format!("`{from}`")).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "{GENERATED}# Types of code that are read\n\n| Type | Terraform | joined to it | CloudFormation | joined to it |\n|---|---|---|---|---|\n"
    );
    for kind in crate::declared::kinds() {
        let columns = [(false, false), (true, false), (false, true), (true, true)].map(|(adds, template)| names(kind, adds, template));
        text.push_str(&format!("| {kind} | {} |\n", columns.join(" | ")));
    }
    text
}

fn parameters(setup: &Setup) -> String {
    let mut text = format!("{GENERATED}# Parameters\n\n| Parameter | Type | Default | What it decides |\n|---|---|---|---|\n");
    for (parameter, _) in setup.bundle.parameters.iter() {
        let default = serde_json::to_string(&parameter.default).unwrap_or_default();
        text.push_str(&format!("| `{}` | {} | `{}` | {} |\n", parameter.name, parameter.ty.as_str(), cell(&default), cell(&parameter.doc)));
    }
    text
}

fn expressions() -> String {
    let mut text = format!("{GENERATED}# Functions of expressions\n\n| Call | What it gives |\n|---|---|\n");
    for function in functions() {
        text.push_str(&format!("| `{}` | {} |\n", cell(function.usage), cell(function.doc)));
    }
    text.push_str(
        "\nBeside these: `!`, `&&`, `||`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `+`, `-`, `*`, `/`, `%`, `a ? b : c`, \
         `has(x.field)`, `text.matches('pattern')`, and `all`, `exists`, `exists_one`, `filter`, `map` over lists.\n",
    );
    text
}

fn operations() -> String {
    let mut text = format!(
        "{GENERATED}# Operations that keur calls\n\nOnly these, and each only reads.\n\n| Service | Operation | IAM action |\n|---|---|---|\n"
    );
    for service in SERVICES {
        for operation in service.operations {
            text.push_str(&format!("| {} | {} | `{}` |\n", service.name, operation.name, operation.action));
        }
    }
    text.push_str("\nBesides, from STS: `GetCallerIdentity`, which needs no permission, and `AssumeRole` for accounts with a role.\n");
    debug_assert!(aws::links(isolation::LINKS).iter().count() > 0);
    text
}

fn command_line() -> String {
    let mut text = format!("{GENERATED}# Command line\n");
    let mut command = super::Cli::command().term_width(100);
    command.build();
    section(&mut command, "keur", &mut text);
    text
}

fn section(command: &mut clap::Command, name: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end()));
    let children: Vec<String> =
        command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").map(|c| c.get_name().to_owned()).collect();
    for child in children {
        if let Some(sub) = command.find_subcommand_mut(&child) {
            section(sub, &format!("{name} {child}"), text);
        }
    }
}
