//! Where data goes: standard output, or files that are there whole or not at all.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::check::Output;
use super::screen::{Kind, screened};
use super::{Failure, Outcome, Terminal};
use crate::report::{Format, Style};

/// Writes bytes to standard output. A closed pipe is a normal end.
pub(super) fn stdout(bytes: &[u8]) -> Outcome {
    to_stdout(|out| out.write_all(bytes))?;
    Ok(0)
}

/// Writes lines for people to standard output. A closed pipe is a normal end.
pub(super) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    shown(Kind::Text, write)
}

/// Writes to standard output through a buffer, as is fit for a terminal.
pub(super) fn shown(kind: Kind, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match screened(kind, &mut out, write).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if closed(&error) => Ok(()),
        Err(error) => Err(Failure::usage(format!("standard output: {error}"))),
    }
}

/// The same, with lines no wider than the terminal.
pub(super) fn folded(terminal: &Terminal, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    to_stdout(|out| crate::report::folded(terminal.style.width, out, write))
}

/// Writes each of the formats asked for to where it was asked to go. Colour is for terminals alone.
pub(super) fn each(
    outputs: &[Output],
    style: Style,
    write: impl Fn(Format, Style, &mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    for output in outputs {
        match &output.path {
            None => shown(Kind::of(output.format), |out| write(output.format, style, out))?,
            Some(path) => to_file(path, |out| write(output.format, Style { color: false, ..style }, out))?,
        }
    }
    Ok(())
}

fn closed(error: &io::Error) -> bool {
    // serde_json wraps the error of the writer.
    error.kind() == ErrorKind::BrokenPipe || error.to_string().contains("Broken pipe")
}

fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Refuses a path that cannot be written, before any work is done for it.
pub(super) fn check_writable(path: &Path) -> Result<(), Failure> {
    let wrong = |why: &str| {
        Err(Failure::usage(format!("{}: {why}", path.display())).hint("give a path in a folder that exists and may be written"))
    };
    if path.is_dir() {
        return wrong("is a folder");
    }
    let place = folder(path).canonicalize().unwrap_or_else(|_| folder(path));
    if place.ancestors().take(3).any(|place| place.join("pack-000001/started.json").is_file()) {
        return wrong("is in a chain of packs, which nothing may be added to");
    }
    match tempfile::Builder::new().prefix(".keur").tempfile_in(folder(path)) {
        Ok(_) => Ok(()),
        Err(error) => wrong(&format!("cannot be written: {error}")),
    }
}

/// Refuses to write over what is read.
pub(super) fn check_apart<'p>(output: &Path, inputs: impl IntoIterator<Item = &'p Path>) -> Result<(), Failure> {
    let Ok(own) = output.canonicalize() else { return Ok(()) };
    match inputs.into_iter().find(|input| input.canonicalize().is_ok_and(|input| input == own)) {
        Some(input) => {
            let problem = format!("{}: the output would replace what is read", input.display());
            Err(Failure::usage(problem).hint("give the output another path"))
        }
        None => Ok(()),
    }
}

/// Writes a file that is there whole or not at all.
pub(super) fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut file = tempfile::Builder::new().prefix(".keur").tempfile_in(folder(path)).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, file.as_file_mut());
    write(&mut out).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; a report is an ordinary file.
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
