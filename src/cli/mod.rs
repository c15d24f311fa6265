//! The command line: one file per command. The only place that knows every module.

mod check;
#[cfg(feature = "aws")]
mod collect;
mod config;
mod controls;
mod diff;
mod docs;
mod drift;
mod evidence;
mod init;
mod judge;
mod output;
mod permissions;
mod policy;
#[cfg(feature = "aws")]
mod progress;
mod recognise;
mod schema;
mod screen;
mod setup;
mod source;
#[cfg(feature = "aws")]
mod stop;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueHint};

use crate::report::{self, Style};

/// Checks a live AWS estate against declarative policies, and reports every deviation as evidence for
/// ISO/IEC 27001 controls. What could not be read is unknown, never a pass.
#[derive(Debug, Parser)]
#[command(name = "keur", version, max_term_width = 100, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  nothing at or above --fail-on deviates, and everything needed was seen
  1  at least one deviation at or above --fail-on
  2  usage, configuration or policy error: nothing was judged
  3  no such deviation, but at least one verdict is unknown, or nothing was judged at all
  4  an evidence pack or chain does not verify
  5  could not start: no credentials, endpoint unreachable
  6  judged, but an output or the evidence could not be written; a deviation or what does not verify goes before it (1, 4)
  130, 143  stopped by Ctrl-C, by SIGTERM";

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge an estate: live AWS, a saved estate, a recording, or the demo
    Check(Box<check::CheckArgs>),
    /// Look at AWS and save what was seen, without judging
    #[cfg(feature = "aws")]
    Collect(collect::CollectArgs),
    /// Compare what is declared with what is there: missing, changed, unmanaged
    Drift(drift::DriftArgs),
    /// Show what changed between two estates, recordings, plans or states, and which verdicts turned
    Diff(diff::DiffArgs),
    /// Verify, evaluate again, and read over time the packs that `keur check --evidence` writes
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Show what each control of the framework rests on
    Controls(controls::ControlsArgs),
    /// Check, test, list, explain and write policies
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Show the fields and links of resource types, or JSON Schema for editors
    Schema(schema::SchemaArgs),
    /// Print the read-only IAM policy that the policies in use need
    Permissions(permissions::PermissionsArgs),
    /// Write a configuration to start from
    Init(init::InitArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Write the generated parts of docs/, or check that they are current
    #[command(hide = true)]
    Docs(docs::DocsArgs),
}

/// Options of commands that read the configuration.
#[derive(Debug, Clone, Default, Args)]
struct CommonArgs {
    /// Configuration; without it `keur.yaml`, if there is one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Folders of policies, instead of those of the configuration
    #[arg(long, value_name = "DIR", num_args = 1.., value_hint = ValueHint::AnyPath)]
    policies: Vec<PathBuf>,
    /// Only these policies
    #[arg(long = "policy", value_name = "ID", num_args = 1..)]
    only: Vec<String>,
}

impl CommonArgs {
    fn sources(&self) -> setup::Sources {
        setup::Sources { config: self.config.clone(), policies: self.policies.clone(), only: self.only.clone(), built_in: None }
    }
}

/// Why a command ends without having done what it was asked.
#[derive(Debug, Clone)]
struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), hint: None }
    }

    #[cfg(feature = "aws")]
    fn start(message: impl Into<String>) -> Self {
        Self { code: 5, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::usage(format!("{error:#}"))
    }
}

/// What a command gives back: an exit code, or a failure.
type Outcome = Result<u8, Failure>;

/// What is known of the terminal.
#[derive(Debug, Clone, Copy)]
struct Terminal {
    /// Colour on standard error.
    color: bool,
    /// Standard error is a terminal.
    #[cfg(feature = "aws")]
    interactive: bool,
    /// How to print on standard output.
    style: Style,
}

impl Terminal {
    fn detect() -> Self {
        let color = |terminal: bool| terminal && !set("NO_COLOR") && !is("TERM", "dumb");
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let width = report::terminal_width().filter(|_| out).or_else(columns).unwrap_or(100);
        Self {
            color: color(err),
            #[cfg(feature = "aws")]
            interactive: err && !is("TERM", "dumb"),
            style: Style { width: width.clamp(60, 200), color: color(out), lang: report::Lang::default() },
        }
    }

    /// Says why something came to nothing, and what to do about it.
    fn fail(&self, failure: &Failure) {
        let word = if self.color { "\x1b[1;31merror\x1b[0m" } else { "error" };
        // What is wrong with a file is said in words of the file.
        self.say(&format!("{word}: {}", screen::set_in(&failure.message)));
        if let Some(hint) = &failure.hint {
            self.say(&format!("hint: {}", screen::set_in(hint)));
        }
    }

    /// Writes a line to standard error.
    fn say(&self, text: &str) {
        // There is nobody left to tell when standard error is gone.
        let _ = writeln!(io::stderr(), "{}", screen::cleaned(text));
    }
}

#[allow(clippy::disallowed_methods, reason = "the conventions of terminals live in the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn set(name: &str) -> bool {
    variable(name).is_some_and(|value| !value.is_empty())
}

fn is(name: &str, value: &str) -> bool {
    variable(name).as_deref() == Some(value)
}

fn columns() -> Option<u16> {
    variable("COLUMNS")?.parse().ok()
}

/// The moment the program began; the only reading of the clock that a verdict may depend on.
#[allow(clippy::disallowed_methods, reason = "read once, here, and passed on")]
fn now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let terminal = Terminal::detect();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if let Some(hint) = named_without_option(&error) {
                terminal.say(&format!("hint: {hint}"));
            }
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    #[cfg(feature = "aws")]
    {
        logging();
        stop::watch();
    }
    match run(cli.command, &terminal) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            terminal.fail(&failure);
            ExitCode::from(failure.code)
        }
    }
}

/// What to do with a file that stands where no file belongs.
fn named_without_option(error: &clap::Error) -> Option<String> {
    let clap::error::ContextValue::String(text) = error.get(clap::error::ContextKind::InvalidArg)? else { return None };
    recognise::without_option(Path::new(text))
}

#[cfg(feature = "aws")]
/// `KEUR_LOG=debug` shows what the SDK does; it never shows credentials.
fn logging() {
    let Some(filter) = variable("KEUR_LOG") else { return };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

fn run(command: Command, terminal: &Terminal) -> Outcome {
    match command {
        Command::Check(args) => check::run(*args, terminal),
        #[cfg(feature = "aws")]
        Command::Collect(args) => collect::run(args, terminal),
        Command::Drift(args) => drift::run(args, terminal),
        Command::Diff(args) => diff::run(args, terminal),
        Command::Evidence(command) => evidence::run(command, terminal),
        Command::Controls(args) => controls::run(args, terminal),
        Command::Policy(command) => policy::run(command, terminal),
        Command::Schema(args) => schema::run(args, terminal),
        Command::Permissions(args) => permissions::run(args, terminal),
        Command::Init(args) => init::run(args, terminal),
        Command::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "keur", &mut bytes);
            output::shown(screen::Kind::Document, |out| out.write_all(&bytes))?;
            Ok(0)
        }
        Command::Man => {
            let mut bytes = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut bytes).map_err(anyhow::Error::from)?;
            output::shown(screen::Kind::Document, |out| out.write_all(&bytes))?;
            Ok(0)
        }
        Command::Docs(args) => docs::run(args, terminal),
    }
}
