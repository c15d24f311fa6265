//! The AWS emulators: Python programs on a free port of loopback, ended with the test that started them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long an emulator may take to start: usually a second, more on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// The Python that `ci/test` set up.
#[allow(clippy::disallowed_methods, reason = "where the emulators are installed is told by the environment")]
pub(crate) fn python() -> PathBuf {
    let python = match std::env::var("KEUR_TEST_PYTHON") {
        Ok(path) => PathBuf::from(path),
        Err(_) => {
            let home = std::env::var("HOME").unwrap_or_default();
            Path::new(&home).join(".cache/keur-venv/bin/python")
        }
    };
    assert!(
        python.is_file(),
        "there is no Python with the AWS emulators at {}: run the tests with `ci/test`, which installs tests/requirements.txt, \
         or set KEUR_TEST_PYTHON to a Python that has them",
        python.display()
    );
    python
}

/// A process and the folder it writes to.
struct Emulator {
    child: Child,
    folder: TempDir,
    address: String,
}

impl Emulator {
    /// Starts a script of `tests/moto`. Its address is what `ready` finds, asked again and again with its log.
    fn start(script: &str, arguments: &[&str], ready: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let folder = TempDir::new().expect("a folder for the log of the emulator");
        let log = folder.path().join("log");
        let output = File::create(&log).expect("the log of the emulator");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto").join(script);
        let child = Command::new(python())
            .arg(&script)
            .args(arguments)
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("KEUR_TEST_STDIN", "pipe")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("the log of the emulator"))
            .stderr(output)
            .spawn()
            .expect("Python starts");
        let mut emulator = Self { child, folder, address: String::new() };
        let since = Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if let Some(address) = ready(&text) {
                emulator.address = address;
                return Ok(emulator);
            }
            let ended = emulator.child.try_wait().expect("the state of the emulator");
            if ended.is_some() || since.elapsed() > PATIENCE {
                let how = ended.map_or_else(|| "is not ready after a minute".to_owned(), |status| format!("ended with {status}"));
                return Err(format!("{} {how}; it said:\n{text}\nRun the tests with `ci/test`, which installs it.", script.display()));
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Shows the last of what went wrong inside: a server error tells nothing of its reason.
    #[allow(clippy::print_stderr, reason = "shown by the test runner, if the test fails")]
    fn show_errors(&self) {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        // What an emulator does not know is known to the tests.
        let unexpected = |error: &&str| !error.contains("has not been implemented");
        if let Some(error) = log.split("Traceback").skip(1).filter(unexpected).last() {
            let lines: Vec<&str> = error.lines().take_while(|line| !line.contains(" - - [")).collect();
            eprintln!("the last error of the emulator:\n{}", lines[lines.len().saturating_sub(8)..].join("\n"));
        }
    }

    fn post(&self, path: &str, body: &str) {
        let answer = http(&self.address, &format!("POST {path}"), body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if panicking() {
            self.show_errors();
        }
    }
}

/// One request on a connection of its own.
fn http(address: &str, what: &str, body: &str) -> String {
    let mut answer = String::new();
    let Ok(mut stream) = TcpStream::connect(address) else { return answer };
    let length = body.len();
    // moto takes a body without this type for a form.
    let head = format!(
        "{what} HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let sent = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(head.as_bytes()));
    if sent.and_then(|()| stream.read_to_string(&mut answer)).is_err() {
        answer.clear();
    }
    answer
}

/// moto's server: most of AWS.
pub(crate) struct Moto(Emulator);

impl Moto {
    /// Starts one, on a port that it chooses.
    pub(crate) fn start() -> Self {
        let address = |log: &str| {
            let (_, rest) = log.split_once("Running on http://")?;
            let (address, _) = rest.split_once('\n')?;
            Some(address.trim().to_owned())
        };
        Self(Emulator::start("launch.py", &["-H", "127.0.0.1", "-p", "0"], address).unwrap_or_else(|why| panic!("{why}")))
    }

    /// Its address, for `AWS_ENDPOINT_URL`.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.0.post("/moto-api/reset", "");
    }

    /// From now on IAM decides what is allowed, or no longer does.
    pub(crate) fn enforce(&self, yes: bool) {
        self.0.post("/moto-api/reset-auth", if yes { "0" } else { "inf" });
    }
}

/// MiniStack: AWS Backup, and S3 with Object Lock.
pub(crate) struct Ministack(Emulator);

impl Ministack {
    /// Starts one. It takes no port of its own choice, so that another process may be faster.
    pub(crate) fn start() -> Self {
        let mut why = String::new();
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
            let address = format!("127.0.0.1:{port}");
            let ready = |_: &str| http(&address, "GET /_ministack/health", "").starts_with("HTTP/1.1 200").then(|| address.clone());
            match Emulator::start("launch_ministack.py", &[&port.to_string()], ready) {
                Ok(emulator) => return Self(emulator),
                Err(error) => why = error,
            }
        }
        panic!("{why}")
    }

    /// Its address, for `AWS_ENDPOINT_URL_BACKUP`.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.0.post("/_ministack/reset", "");
    }
}
