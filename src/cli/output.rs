//! What a command gives: data on standard output, in files, or in what is no regular file; and what could not be written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::screen::{Kind, screened};
use super::{Failure, Outcome, Terminal};
use crate::diag::nearest;
use crate::report::{Format, Style};
use crate::target::Target;
use crate::untrusted;

/// The exit code for what could not be written.
const UNWRITTEN: u8 = 6;

/// A format, and where it goes.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) format: Format,
    pub(super) target: Target,
}

impl Output {
    /// Reads `FORMAT` or `FORMAT=PATH`, of the formats that a command offers.
    pub(super) fn parse(text: &str, offered: &[(&'static str, Format)]) -> Result<Self, String> {
        let (name, target) = match text.split_once('=') {
            Some((name, path)) if !path.is_empty() => (name, Target::from(PathBuf::from(path))),
            Some(_) => return Err("there is no path after `=`; `-` is standard output".to_owned()),
            None => (text, Target::Stdout),
        };
        if let Some((_, format)) = offered.iter().find(|(known, _)| *known == name) {
            return Ok(Self { format: *format, target });
        }
        let known = offered.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        // The others say something of findings and controls.
        let other = Format::ALL.iter().any(|(known, _)| *known == name);
        let other = match nearest(name, offered.iter().map(|(name, _)| *name)) {
            _ if other => format!("; `{name}` is for `keur check`"),
            _ if name.contains(',') => "; for several give --format several times".to_owned(),
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        Err(format!("formats are {known}{other}"))
    }
}

/// The targets of outputs.
pub(super) fn targets(outputs: &[Output]) -> Vec<&Target> {
    outputs.iter().map(|output| &output.target).collect()
}

/// Writes bytes to standard output.
pub(super) fn stdout(bytes: &[u8]) -> Outcome {
    to_stdout(|out| out.write_all(bytes))?;
    Ok(0)
}

/// Writes lines for people to standard output. A closed pipe is a normal end.
pub(super) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    shown(Kind::Text, write)
}

/// Writes to standard output, as is fit for a terminal.
pub(super) fn shown(kind: Kind, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    shown_at(&Target::Stdout, kind, write)
}

/// Writes to wherever it was asked to go; what goes to standard output is made fit for a terminal.
pub(super) fn shown_at(target: &Target, kind: Kind, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    match target.is_stream() {
        true => to(target, |out| screened(kind, out, write)),
        false => to(target, write),
    }
}

/// Writes to wherever it was asked to go.
pub(super) fn to(target: &Target, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    target.write(write).map_err(|error| unwritten(format!("{}: {error}", name(target))))
}

/// Writes a file.
pub(super) fn to_file(path: &Path, text: &[u8]) -> Result<(), Failure> {
    to(&Target::Path(path.to_owned()), |out| out.write_all(text))
}

/// Makes a folder and those around it.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| unwritten(format!("{}: {error}", path.display())))
}

fn name(target: &Target) -> String {
    match target {
        Target::Stdout => "standard output".to_owned(),
        Target::Path(path) => path.display().to_string(),
    }
}

/// The same, with lines no wider than the terminal.
pub(super) fn folded(terminal: &Terminal, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    to_stdout(|out| crate::report::folded(terminal.style.width, out, write))
}

/// The failure of something that could not be written.
pub(super) fn unwritten(message: String) -> Failure {
    Failure { code: UNWRITTEN, message, hint: Some("it was not written: mend that, and run the command again".to_owned()) }
}

/// What was asked for and could not be written, beside what could.
#[derive(Default)]
#[must_use]
pub(super) struct Unwritten(Vec<Failure>);

impl Unwritten {
    /// Notes what came of something; whether it was written.
    pub(super) fn note(&mut self, result: Result<(), Failure>) -> bool {
        match result {
            Ok(()) => true,
            Err(failure) => {
                self.0.push(failure);
                false
            }
        }
    }

    /// Tells what could not be written, and gives the exit code. What was found comes first: a gate that takes trouble of the
    /// tool lightly must still see a deviation. All else is less than what is missing.
    pub(super) fn conclude(self, verdict: u8, terminal: &Terminal) -> u8 {
        for failure in &self.0 {
            terminal.fail(failure);
        }
        match verdict {
            1 | 4 => verdict,
            _ if self.0.is_empty() => verdict,
            _ => UNWRITTEN,
        }
    }
}

/// Writes each of the formats asked for to where it was asked to go, whatever becomes of the others. Colour is for terminals alone.
pub(super) fn each<'o>(
    outputs: impl IntoIterator<Item = &'o Output>,
    style: Style,
    unwritten: &mut Unwritten,
    write: impl Fn(Format, Style, &mut dyn Write) -> io::Result<()>,
) {
    for Output { format, target } in outputs {
        let style = Style { color: style.color && target.is_stream(), ..style };
        unwritten.note(shown_at(target, Kind::of(*format), |out| write(*format, style, out)));
    }
}

/// Refuses targets that cannot be written, and two that are one, before any work is done for them.
pub(super) fn check(targets: &[&Target]) -> Result<(), Failure> {
    for target in targets {
        check_one(target)?;
    }
    for (at, target) in targets.iter().enumerate() {
        for other in &targets[..at] {
            if target.is_stdout() && other.is_stdout() {
                let hint = "write the others to files: --format json=report.json";
                return Err(Failure::usage("only one format can go to standard output").hint(hint));
            }
            if target.identity().is_some() && target.identity() == other.identity() {
                let problem = format!("{} and {} are one place: the second output would take that of the first", name(other), name(target));
                return Err(Failure::usage(problem).hint("give each output a path of its own"));
            }
        }
    }
    Ok(())
}

fn check_one(target: &Target) -> Result<(), Failure> {
    let Target::Path(path) = target else { return Ok(()) };
    let wrong = |why: &str| {
        Err(Failure::usage(format!("{}: {why}", path.display())).hint("give a path in a folder that exists and may be written"))
    };
    if let Some(folder) = target.folder()
        && folder.ancestors().take(3).any(|place| place.join("pack-000001/started.json").is_file())
    {
        return wrong("is in a chain of packs, which nothing may be added to");
    }
    match target.check() {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => wrong("is a folder"),
        Err(error) => wrong(&format!("cannot be written: {error}")),
    }
}

/// Refuses to write over what is read.
pub(super) fn check_apart<'p>(targets: &[&Target], inputs: impl IntoIterator<Item = &'p Path>) -> Result<(), Failure> {
    let inputs: Vec<_> = inputs.into_iter().filter(|input| input.is_file()).collect();
    for target in targets {
        let Some(own) = target.identity() else { continue };
        let same = |input: &&&Path| Target::Path(input.to_path_buf()).identity().as_ref() == Some(&own);
        if let Some(input) = inputs.iter().find(same) {
            let problem = format!("{}: the output would replace what is read", input.display());
            return Err(Failure::usage(problem).hint("give the output another path"));
        }
    }
    Ok(())
}

/// Refuses to write into a folder that nothing else may be in.
pub(super) fn check_outside(targets: &[&Target], folder: &Path, what: &str) -> Result<(), Failure> {
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    match targets.iter().find(|target| target.folder().is_some_and(|own| own.starts_with(&folder))) {
        Some(target) => {
            let problem = format!("{}: is in {what}, which nothing else may be in", name(target));
            Err(Failure::usage(problem).hint("give the output a path in another folder"))
        }
        None => Ok(()),
    }
}

/// Refuses bytes for programs on a terminal.
pub(super) fn check_no_terminal(target: &Target) -> Result<(), Failure> {
    use std::io::IsTerminal as _;
    if target.is_stream() && io::stdout().is_terminal() {
        return Err(Failure::usage("an archive is no text for a terminal").hint("send it to a file or to another program"));
    }
    Ok(())
}

/// Refuses `-` where a folder is meant.
pub(super) fn check_folder(path: &Path, option: &str) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        let problem = format!("{option} is a folder: it cannot be standard output");
        return Err(Failure::usage(problem).hint("name a folder, or `./-` if it is called so"));
    }
    Ok(())
}

/// A file that is read, or standard input for `-`.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return untrusted::stream(path, most);
    }
    untrusted::to_end(io::stdin().lock(), most)
}
