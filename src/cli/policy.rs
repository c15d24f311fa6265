//! `keur policy`: check, test, list, explain, new.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};

use super::setup::{Setup, Sources};
use super::{CommonArgs, Failure, Outcome, Terminal, output};
use crate::diag::{Diagnostic, has_errors};
use crate::estate::Type;
use crate::evaluate::run_tests;
use crate::framework::controls_of;
use crate::policy::Policy;
use crate::report::grid;
use crate::target::Target;
use crate::words::counted;

/// Commands on policies.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Find every mistake in policy files
    Check(PathArgs),
    /// Run the tests in policy files
    Test(PathArgs),
    /// List policies, or parameters
    List(ListArgs),
    /// Show what a policy asks, of what, why, and with which values
    Explain(ExplainArgs),
    /// Write a new policy file to start from
    New(NewArgs),
}

/// Files and folders.
#[derive(Debug, Args)]
pub(super) struct PathArgs {
    /// Policy files or folders; without any, those of the configuration
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Configuration; without it `keur.yaml`, if there is one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

impl PathArgs {
    fn sources(&self) -> Sources {
        Sources { config: self.config.clone(), policies: self.paths.clone(), ..Sources::default() }
    }
}

/// Options of `keur policy list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// List parameters and their values instead
    #[arg(long)]
    parameters: bool,
}

/// Options of `keur policy explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The policy
    id: String,
    /// Configuration; without it `keur.yaml`, if there is one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Folders of policies, instead of those of the configuration
    #[arg(long, value_name = "DIR", num_args = 1..)]
    policies: Vec<PathBuf>,
}

/// Options of `keur policy new`.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The file to write: `policies/storage/bucket-versioned.yaml`; `-` prints it
    #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
    path: PathBuf,
    /// Resource type it is about
    #[arg(long, value_name = "TYPE", default_value = "AWS::S3::Bucket")]
    resource: String,
    /// Statement it tests
    #[arg(long, value_name = "ID", default_value = "encrypted-at-rest")]
    statement: String,
}

pub(super) fn run(command: PolicyCommand, terminal: &Terminal) -> Outcome {
    match command {
        PolicyCommand::Check(args) => check(&args, terminal),
        PolicyCommand::Test(args) => test(&args, terminal),
        PolicyCommand::List(args) => list(&args, terminal),
        PolicyCommand::Explain(args) => explain(&args, terminal),
        PolicyCommand::New(args) => new(&args, terminal),
    }
}

fn check(args: &PathArgs, terminal: &Terminal) -> Outcome {
    let setup = Setup::load(&args.sources(), terminal)?;
    let policies = setup.bundle.policies.len();
    let tests: usize = setup.bundle.policies.iter().map(|p| p.tests.len()).sum();
    let (policies, tests) = (counted(policies, "policy", "policies"), counted(tests, "test", "tests"));
    output::to_stdout(|out| writeln!(out, "well-formed: {policies} with {tests}"))?;
    Ok(0)
}

fn test(args: &PathArgs, terminal: &Terminal) -> Outcome {
    let setup = Setup::load(&args.sources(), terminal)?;
    let mut failed: Vec<Diagnostic> = Vec::new();
    let mut count = 0;
    for policy in &setup.bundle.policies {
        count += policy.tests.len();
        failed.extend(run_tests(policy, &setup.bundle.parameters).into_iter().map(|f| f.diagnostic));
    }
    let failures = failed.len();
    let wrong = has_errors(&failed);
    for diagnostic in &failed {
        terminal.say(&diagnostic.render(terminal.color));
        terminal.say("");
    }
    let (tests, policies) = (counted(count, "test", "tests"), counted(setup.bundle.policies.len(), "policy", "policies"));
    output::to_stdout(|out| writeln!(out, "{tests} in {policies}: {} passed, {failures} failed", count - failures))?;
    match (wrong, count) {
        (true, _) => Err(Failure::usage("a test gave another verdict than it expects")),
        (false, 0) => {
            let failure = Failure::usage("there are no tests: nothing was tried");
            Err(failure.hint("write some under `tests:`, as `keur policy new` shows"))
        }
        (false, _) => Ok(0),
    }
}

fn list(args: &ListArgs, terminal: &Terminal) -> Outcome {
    let setup = Setup::load(&args.common.sources(), terminal)?;
    let mut rows = Vec::new();
    let header: &[&str] = if args.parameters {
        for (parameter, setting) in setup.bundle.parameters.iter() {
            let mut value = plain(&setting.default);
            for (environment, other) in &setting.environments {
                value.push_str(&format!("\n{environment}: {}", plain(other)));
            }
            rows.push(vec![parameter.name.clone(), parameter.ty.as_str().to_owned(), value, parameter.doc.clone()]);
        }
        &["Parameter", "Type", "Value", "What it decides"]
    } else {
        for policy in &setup.bundle.policies {
            let about = policy.resource.as_ref().map_or("every type", |k| k.name.trim_start_matches("AWS::"));
            let severity = policy.severity.as_str().to_owned();
            rows.push(vec![policy.id.clone(), severity, policy.statement.clone(), about.to_owned(), policy.title.clone()]);
        }
        &["Policy", "Severity", "Statement", "About", "Title"]
    };
    output::to_stdout(|out| {
        for line in grid(terminal.style.width, header, rows, &[]) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    })?;
    Ok(0)
}

fn plain(value: &crate::estate::Value) -> String {
    match value {
        crate::estate::Value::Duration(span) => {
            let hours = span.as_hours();
            if hours > 0 && *span == jiff::SignedDuration::from_hours(hours) { format!("{hours}h") } else { format!("{span:#}") }
        }
        other => serde_json::to_string(other).unwrap_or_default().replace('"', "").replace(',', ", "),
    }
}

fn explain(args: &ExplainArgs, terminal: &Terminal) -> Outcome {
    let sources = Sources { config: args.config.clone(), policies: args.policies.clone(), ..Sources::default() };
    let setup = Setup::load(&sources, terminal)?;
    let Some(policy) = setup.bundle.policy(&args.id) else {
        let near = crate::diag::nearest(&args.id, setup.bundle.policies.iter().map(|p| p.id.as_str()));
        let hint = near.map_or_else(|| "`keur policy list` shows them all".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure::usage(format!("no policy `{}`", args.id)).hint(hint));
    };
    let text = text(policy, &setup);
    output::folded(terminal, |out| out.write_all(text.as_bytes()))?;
    Ok(0)
}

fn text(policy: &Policy, setup: &Setup) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let statement = setup.bundle.statements.iter().find(|s| s.id == policy.statement);
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:<12}{}", value.trim().replace('\n', &format!("\n{}", " ".repeat(12))));
        }
    };
    line("policy", &policy.id);
    line("", &policy.title);
    line("severity", policy.severity.as_str());
    line("statement", &format!("{}: {}", policy.statement, statement.map_or("", |s| s.title.as_str())));
    line("controls", &controls_of(&setup.framework, &policy.id).join(" "));
    line("file", &policy.source.name);
    line("about", policy.resource.as_ref().map_or("every type of resource", |k| k.name.as_str()));
    for bound in &policy.bindings {
        line("with", &format!("{} = {}: {}", bound.name, bound.link.name, bound.link.doc));
    }
    let clauses = |program: &crate::expr::Program| program.clauses.iter().map(|c| c.text.clone()).collect::<Vec<_>>().join("\n&& ");
    if let Some(when) = &policy.when {
        line("when", &clauses(when));
    }
    line("require", &clauses(&policy.require));
    line("basis", policy.basis.as_deref().unwrap_or_default());
    line("remedy", &policy.remedy);
    line("background", policy.description.as_deref().unwrap_or_default());
    if let Some(kind) = &policy.resource {
        let mut fields: Vec<usize> = Vec::new();
        for program in policy.when.iter().chain([&policy.require]) {
            fields.extend(program.fields_read(crate::policy::slots::RESOURCE).keys().filter_map(|k| k.parse::<usize>().ok()));
        }
        fields.sort_unstable();
        fields.dedup();
        for at in fields {
            if let Some(field) = kind.properties.fields.get(at) {
                line("reads", &format!("{}: {} ({})", field.name, field.doc, field.ty));
            }
        }
        let actions: Vec<&str> = policy
            .needs()
            .unwrap_or_default()
            .into_iter()
            .filter_map(crate::aws::service_of)
            .flat_map(|s| s.operations.iter().map(|op| op.action))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        line("calls", &actions.join(" "));
    }
    if let Type::Record(record) = setup.bundle.parameters.ty() {
        let mut used: Vec<usize> = Vec::new();
        for program in policy.when.iter().chain([&policy.require]) {
            used.extend(program.fields_read(crate::policy::slots::PARAMS).keys().filter_map(|k| k.parse::<usize>().ok()));
        }
        used.sort_unstable();
        used.dedup();
        for (at, (parameter, setting)) in setup.bundle.parameters.iter().enumerate() {
            if used.contains(&at) {
                line("parameter", &format!("{} = {}: {}", parameter.name, plain(&setting.default), record.fields[at].doc));
            }
        }
    }
    for test in &policy.tests {
        line("test", &format!("{}: {}", test.name, test.expect.as_str()));
    }
    text
}

fn new(args: &NewArgs, terminal: &Terminal) -> Outcome {
    let wrong = |message: String| Err(Failure::usage(message));
    let target = Target::from(args.path.clone());
    // What is printed has no file yet that would name it.
    let path = if target == Target::Stdout { Path::new("my-policy.yaml") } else { &args.path };
    let Some(id) = path.file_stem().and_then(|s| s.to_str()) else {
        return wrong(format!("{}: there is no file name", args.path.display()));
    };
    if path.extension().is_none_or(|e| e != "yaml") {
        return Err(Failure::usage("a policy is a `.yaml` file").hint(format!("write `{}.yaml`", args.path.display())));
    }
    if target != Target::Stdout && args.path.symlink_metadata().is_ok() {
        return wrong(format!("{}: is there already; nothing was written", args.path.display()));
    }
    let registry = crate::registry();
    let Some(kind) = registry.get(&args.resource) else {
        let near = crate::policy::suggest_type(&registry, &args.resource);
        let hint = near.map_or_else(|| "`keur schema` lists the types".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure::usage(format!("no resource type `{}`", args.resource)).hint(hint));
    };
    let field = kind.properties.fields.iter().find(|f| f.ty == Type::Bool);
    let (require, yes, no) = match field {
        Some(field) => (format!("resource.{}", field.name), format!("{}: true", field.name), format!("{}: false", field.name)),
        None => ("tags.exists(key, key == 'Owner')".to_owned(), "tags: {Owner: web}".to_owned(), "tags: {}".to_owned()),
    };
    let unknown = format!("{}: !unknown {}", yes.split(':').next().unwrap_or("tags"), action(&args.resource));
    let text = format!(
        "id: {id}\ntitle: What is true when this passes\nstatement: {}\nseverity: medium\nresource: {}\nrequire: {require}\n\
         deviation: \"{{name}} does not\"\nremedy: What to do about it\ntests:\n  - name: as it should be\n    given: {{{yes}}}\n    \
         expect: pass\n  - name: as it should not be\n    given: {{{no}}}\n    expect: deviation\n  - name: not readable\n    \
         given: {{{unknown}}}\n    expect: unknown\n",
        args.statement, args.resource,
    );
    if target == Target::Stdout {
        return output::stdout(text.as_bytes());
    }
    if let Some(folder) = args.path.parent().filter(|p| !p.as_os_str().is_empty()) {
        output::make_folder(folder)?;
    }
    output::to_file(&args.path, text.as_bytes())?;
    terminal.say(&format!("wrote {}; next: `keur policy test {}`", args.path.display(), args.path.display()));
    Ok(0)
}

fn action(kind: &str) -> &'static str {
    crate::aws::service_of(kind).and_then(|s| s.operations.first()).map_or("-:-", |op| op.action)
}
