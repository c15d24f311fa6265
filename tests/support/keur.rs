//! The program, run in an environment that holds nothing but what the test puts there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Ministack, Moto, Report};

/// The account of the caller, on both emulators: a key of twelve digits is the account.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The program with an environment and a folder of its own, in which it runs.
pub(crate) struct Keur {
    home: TempDir,
    variables: BTreeMap<String, String>,
}

impl Keur {
    /// Without credentials, and without anything else of AWS.
    pub(crate) fn new() -> Self {
        let home = TempDir::new().expect("a home folder");
        // Without this the SDK asks the machine's own metadata service for credentials.
        let variables = BTreeMap::from([("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())]);
        Self { home, variables }
    }

    /// With credentials and an endpoint. A call is tried once: what an emulator cannot answer looks like a server error.
    pub(crate) fn at(endpoint: &str) -> Self {
        Self::new()
            .with("AWS_ACCESS_KEY_ID", ACCOUNT)
            .with("AWS_SECRET_ACCESS_KEY", "test")
            .with("AWS_REGION", "eu-central-1")
            .with("AWS_ENDPOINT_URL", endpoint)
            .with("AWS_MAX_ATTEMPTS", "1")
    }

    /// With everything from moto, but AWS Backup from MiniStack.
    pub(crate) fn on(moto: &Moto, ministack: &Ministack) -> Self {
        Self::at(&moto.url()).with("AWS_ENDPOINT_URL_BACKUP", &ministack.url())
    }

    /// With a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// The folder it runs in.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into that folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(&path, content).expect("the file is written");
        path
    }

    /// The command, to be run in another way than [`Keur::run`] does.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keur"));
        command.args(arguments).current_dir(self.home()).env_clear().envs(&self.variables);
        #[allow(clippy::disallowed_methods, reason = "everything else is cleared")]
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", path).env("HOME", self.home()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let mut command = self.command(arguments);
        let since = Instant::now();
        let output = command.output().expect("keur starts");
        Ran {
            command: format!("{command:?}"),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
            took: since.elapsed(),
        }
    }
}

/// A run that ended.
pub(crate) struct Ran {
    command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ran {
    /// Panics unless it ended with that code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}\n{}", self.command, self.stderr, self.text());
        self
    }

    /// Panics unless standard error has all these texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{}\nwithout `{text}`:\n{}", self.command, self.stderr);
        }
        self
    }

    /// Panics unless it gave no data.
    #[track_caller]
    pub(crate) fn gives_nothing(self) -> Self {
        assert!(self.stdout.is_empty(), "{}\n{}", self.command, self.text());
        self
    }

    /// Panics unless it ended that fast.
    #[track_caller]
    pub(crate) fn within(self, seconds: u64) -> Self {
        assert!(self.took < Duration::from_secs(seconds), "{} took {:?}", self.command, self.took);
        self
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as the JSON report.
    #[track_caller]
    pub(crate) fn report(&self) -> Report {
        Report::parse(&self.stdout).unwrap_or_else(|why| panic!("{}\n{why}\n{}\n{}", self.command, self.stderr, self.text()))
    }
}
