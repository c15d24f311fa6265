//! `keur controls`: what each control rests on.

use clap::Args;
use serde_json::json;

use super::setup::Setup;
use super::{CommonArgs, Failure, Outcome, Terminal, output};
use crate::framework::Control;
use crate::report::grid;
use crate::words::counted;

/// Options of `keur controls`.
#[derive(Debug, Args)]
pub(super) struct ControlsArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// The framework
    #[arg(long, value_name = "ID")]
    framework: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: ControlsArgs, terminal: &Terminal) -> Outcome {
    let setup = Setup::load(&args.common.sources(), terminal)?;
    let framework = &setup.framework;
    if let Some(wanted) = &args.framework
        && *wanted != framework.id
    {
        let failure = Failure::usage(format!("no framework `{wanted}`"));
        return Err(failure.hint(format!("there is `{}`; another one is named by `framework:` in the configuration", framework.id)));
    }
    if args.json {
        let controls: Vec<_> = framework.controls.iter().map(json_of).collect();
        let document = json!({"framework": framework.id, "title": framework.title, "controls": controls});
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        return output::stdout(text.as_bytes());
    }
    let mut rows = Vec::new();
    let mut counts = std::collections::BTreeMap::new();
    for control in &framework.controls {
        *counts.entry(control.coverage()).or_insert(0) += 1;
        rows.push(vec![control.id.clone(), control.title.clone(), control.ids_2013.join("\n"), control.coverage().to_owned(), by(control)]);
    }
    output::to_stdout(|out| {
        for line in grid(terminal.style.width, &["Control", "Title", "2013", "Rests on", "By"], rows, &[]) {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{}: {}", framework.title, counted(framework.controls.len(), "control", "controls"))?;
        counts.iter().try_for_each(|(word, n)| writeln!(out, "  {n:>2} {word}"))
    })?;
    Ok(0)
}

fn by(control: &Control) -> String {
    let mut parts = Vec::new();
    match control.policies.len() {
        0 => {}
        n if n <= 3 => parts.push(control.policies.join(", ")),
        n => parts.push(format!("{} and {}", control.policies[..2].join(", "), counted(n - 2, "more policy", "more policies"))),
    }
    parts.extend(control.attested.iter().cloned());
    parts.extend(control.inherited.iter().cloned());
    parts.extend(control.not_applicable.iter().cloned());
    parts.extend(control.none_yet.iter().cloned());
    parts.join("\n")
}

fn json_of(control: &Control) -> serde_json::Value {
    json!({
        "id": control.id,
        "title": control.title,
        "iso27001_2013": control.ids_2013,
        "coverage": control.coverage(),
        "policies": control.policies,
        "attested": control.attested,
        "inherited": control.inherited,
        "not_applicable": control.not_applicable,
        "none_yet": control.none_yet,
    })
}
