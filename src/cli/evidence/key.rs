//! `keur evidence key`, and the keys that other commands sign with.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueHint};
use zeroize::Zeroizing;

use super::{Failure, Outcome, Terminal, now, output, variable};
use crate::evidence::Caller;
use crate::evidence::sign::{DSSE, MINISIG, Mode, PublicKey, SecretKey, SignError, SignErrorKind, Signer, beside, write_new};
use crate::target::{self, Target};

/// Variable with the password of the key.
const PASSWORD: &str = "KEUR_KEY_PASSWORD";
/// How the address of a key of KMS begins, in every build.
const KMS: &str = "awskms:";

/// Options of `keur evidence key`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true)))]
pub(in crate::cli) struct KeyArgs {
    /// Make a key: the secret half goes to PATH, the public half beside it as `.pub` (minisign) and `.pem`
    #[arg(long, group = "what", value_name = "PATH", value_hint = ValueHint::FilePath)]
    new: Option<PathBuf>,
    /// Show the public half of a key: a file of either half, or minisign's line `RW…`
    #[arg(long, group = "what", value_name = "KEY", value_hint = ValueHint::FilePath)]
    show: Option<String>,
    /// Show the public half of a key of AWS KMS: `awskms:///` and its ARN, id or alias
    #[arg(long, group = "what", value_name = "KEY")]
    kms: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Make a key without a password
    #[arg(long, requires = "new", conflicts_with = "password_file")]
    no_password: bool,
    /// Write the public half to this file, as PEM; `-` prints nothing else
    #[arg(short, long, value_name = "FILE", conflicts_with = "new", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// Where the password of a key is. Nobody is asked for it: runs are not watched.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PasswordArgs {
    /// File with the password of the secret key; without it, KEUR_KEY_PASSWORD
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The file that is named.
    pub(super) fn file(&self) -> Option<&Path> {
        self.password_file.as_deref()
    }

    fn read(&self) -> Result<Option<Zeroizing<String>>, SignError> {
        let (name, text) = match &self.password_file {
            Some(path) => {
                let name = path.display().to_string();
                let text = crate::untrusted::text(path, 1 << 16)
                    .map_err(|error| wrong(&name, &error.to_string(), "give the path of a file with the password on its first line"))?;
                (name, Zeroizing::new(text))
            }
            None => match variable(PASSWORD) {
                Some(text) => (PASSWORD.to_owned(), Zeroizing::new(text)),
                None => return Ok(None),
            },
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(wrong(&name, "the password is empty", "write a password there, or leave the option out"));
        }
        if line.contains('\n') {
            return Err(wrong(&name, "the password has more than one line", "write it on one line"));
        }
        Ok(Some(Zeroizing::new(line.to_owned())))
    }
}

fn wrong(name: &str, problem: &str, hint: &'static str) -> SignError {
    SignError { kind: SignErrorKind::Password, name: name.to_owned(), problem: problem.to_owned(), hint }
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        let code = match error.kind {
            SignErrorKind::File
            | SignErrorKind::Exists
            | SignErrorKind::Key
            | SignErrorKind::Secret
            | SignErrorKind::Password
            | SignErrorKind::Content => 2,
            SignErrorKind::OtherKey | SignErrorKind::Signature => 4,
            SignErrorKind::Service => 5,
        };
        Self { code, message: error.to_string(), hint: Some(error.hint.to_owned()) }
    }
}

/// The key that signs: a file, or a key of AWS KMS.
pub(super) fn signer(key: &str, password: &PasswordArgs, caller: Caller) -> Result<Box<dyn Signer>, Failure> {
    if key.starts_with(KMS) {
        return kms(key, caller);
    }
    Ok(Box::new(SecretKey::read(Path::new(key), || password.read())?))
}

#[cfg(feature = "kms")]
fn kms(key: &str, caller: Caller) -> Result<Box<dyn Signer>, Failure> {
    Ok(Box::new(crate::evidence::kms::KmsKey::open(key, caller)?))
}

#[cfg(not(feature = "kms"))]
fn kms(key: &str, _: Caller) -> Result<Box<dyn Signer>, Failure> {
    Err(Failure::usage(format!("{key}: this build cannot ask AWS: KMS is not built in"))
        .hint("use a key in a file, or a build with the feature `kms`"))
}

pub(super) fn run(args: KeyArgs, terminal: &Terminal) -> Outcome {
    let caller = Caller { profile: args.profile.clone(), allowed: Vec::new(), now: now() };
    let key = match (&args.new, &args.show, &args.kms) {
        (Some(path), _, _) => make(path, &args, terminal)?,
        (None, Some(key), _) => public(key, &args.password, caller)?,
        (None, None, kms_key) => kms(kms_key.as_deref().unwrap_or_default(), caller)?.public_key(),
    };
    match args.output.clone().map(Target::from) {
        // Only the key: who sends it to a program wants nothing else.
        Some(Target::Stdout) => return output::stdout(key.to_pem().as_bytes()),
        Some(Target::Path(path)) if target::is_file_or_new(&path).unwrap_or(true) => {
            write_new(&path, key.to_pem().as_bytes(), Mode::All)?;
            terminal.say(&format!("wrote {}", path.display()));
        }
        Some(special) => output::to(&special, |out| out.write_all(key.to_pem().as_bytes()))?,
        None => {}
    }
    output::stdout(shown(&key).as_bytes())
}

fn make(path: &Path, args: &KeyArgs, terminal: &Terminal) -> Result<PublicKey, Failure> {
    if path.as_os_str() == "-" {
        return Err(Failure::usage("a new key is three files: it cannot be standard output").hint("give a path: `keur.key`"));
    }
    let password = if args.no_password { None } else { args.password.read()? };
    if password.is_none() && !args.no_password {
        let hint = format!("give one with --password-file or in {PASSWORD}, or say --no-password");
        return Err(Failure::usage("a key needs a password").hint(hint));
    }
    let (minisign, pem) = beside(path);
    if [&minisign, &pem].contains(&&path.to_owned()) {
        let problem = format!("{}: the public half would have that name", path.display());
        return Err(Failure::usage(problem).hint("give the secret half another ending: `.key`"));
    }
    if let Some(there) = [path, &minisign, &pem].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        let problem = format!("{}: it is there already, and is not written over", there.display());
        return Err(Failure::usage(problem).hint("give a path where nothing is"));
    }
    let key = SecretKey::generate()?;
    key.write(path, password.as_deref().map(String::as_str))?;
    let public = key.public_key();
    let text = public.to_minisign().expect("internal error: a new key is one of minisign");
    write_new(&minisign, text.as_bytes(), Mode::All)?;
    write_new(&pem, public.to_pem().as_bytes(), Mode::All)?;
    terminal.say(&format!(
        "wrote {} (secret: keep it where the audited cannot read it), {} and {}",
        path.display(),
        minisign.display(),
        pem.display()
    ));
    Ok(public)
}

/// The public half of either half, or of a key of KMS.
fn public(key: &str, password: &PasswordArgs, caller: Caller) -> Result<PublicKey, Failure> {
    let is_secret = |error: &SignError| error.kind == SignErrorKind::Secret;
    match PublicKey::read(key) {
        _ if key.starts_with(KMS) => Ok(signer(key, password, caller)?.public_key()),
        Err(error) if is_secret(&error) => Ok(signer(key, password, caller)?.public_key()),
        read => Ok(read?),
    }
}

fn shown(key: &PublicKey) -> String {
    let mut text = format!("key id     {}\nalgorithm  {}\n", key.key_id(), key.algorithm());
    let line = key.to_line();
    if let Some(line) = &line {
        let _ = writeln!(text, "minisign   {line}");
    }
    let _ = write!(text, "\n{}\nTo verify a pack in its folder, without keur:\n\n", key.to_pem());
    if let Some(line) = &line {
        let _ = writeln!(text, "  minisign -Vm manifest.json -P {line}   # reads manifest.json{MINISIG}");
    }
    let openssl = match key.algorithm() {
        "ed25519" => "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile signature",
        _ => "openssl dgst -sha256 -verify key.pem -signature signature signed",
    };
    let _ = write!(
        text,
        "  jq -r .payload manifest.json{DSSE} | base64 -d > statement.json
  jq -r '.signatures[0].sig' manifest.json{DSSE} | base64 -d > signature
  (printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \"$(wc -c < statement.json)\"; cat statement.json) > signed
  {openssl}   # key.pem: the lines above
  jq -r '.subject[0].digest.sha256 + \"  manifest.json\"' statement.json | sha256sum -c
  (cd .. && sha256sum -c pack-NNNNNN/SHA256SUMS)
"
    );
    text
}
