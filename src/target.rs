//! Where data is written to: standard output, files that are there whole or not at all, and what is no regular file (a
//! device, a FIFO), which is written into and never replaced. Every module writes its files with this one.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

/// How many links lead on from one to another at most, as in Linux.
const LINKS: usize = 40;

/// Where somebody asked data to be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output, written `-`.
    Stdout,
    /// A path, as it was given.
    Path(PathBuf),
}

impl From<PathBuf> for Target {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Stdout } else { Self::Path(path) }
    }
}

/// What a path leads to, when every link is followed.
#[derive(Debug)]
enum Place {
    /// Standard output, under one of the names that the system has for it (`/dev/stdout`).
    Stdout,
    /// Another open file of a process (`/dev/fd/3`, what a shell gives for `>(…)`).
    Descriptor(PathBuf),
    /// A device, a FIFO or a socket.
    Special(PathBuf),
    /// A regular file.
    File(PathBuf, Metadata),
    /// Nothing yet, in a folder that is there.
    New(PathBuf),
}

/// Whether two targets are one: whoever writes both loses one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Standard output.
    Stdout,
    /// Something that is there, by its numbers on disk.
    #[cfg(unix)]
    There(u64, u64),
    /// A path, where there are no such numbers.
    Path(PathBuf),
}

impl Target {
    /// Refuses a target that cannot be written, without changing anything. A FIFO is not opened: nobody may be reading yet.
    pub(crate) fn check(&self) -> io::Result<()> {
        let Self::Path(path) = self else { return Ok(()) };
        match place(path)? {
            Place::Stdout => Ok(()),
            Place::Descriptor(_) => Ok(()),
            Place::Special(path) => check_special(&path),
            // In a folder that takes no new files it is written in place.
            Place::File(path, _) => OpenOptions::new().write(true).open(path).map(drop),
            Place::New(path) => tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder(&path)).map(drop),
        }
    }

    /// What tells it from other targets; none if it leads nowhere.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let Self::Path(path) = self else { return Some(Identity::Stdout) };
        match place(path).ok()? {
            Place::Stdout => Some(Identity::Stdout),
            Place::New(path) => Some(Identity::Path(path)),
            Place::Descriptor(path) | Place::Special(path) | Place::File(path, _) => Some(numbers(&path)),
        }
    }

    /// The folder that a file of it is in or comes to be in, with every link followed.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let Self::Path(path) = self else { return None };
        match place(path).ok()? {
            Place::Stdout | Place::Descriptor(_) => None,
            Place::Special(path) | Place::File(path, _) | Place::New(path) => fs::canonicalize(folder(&path)).ok(),
        }
    }

    /// Whether it is standard output, or the very file or FIFO that standard output leads to.
    pub(crate) fn is_stdout(&self) -> bool {
        match self.identity() {
            Some(Identity::Stdout) => true,
            #[cfg(unix)]
            Some(Identity::There(device, number)) => stdout_numbers() == Some((device, number)),
            Some(Identity::Path(_)) | None => false,
        }
    }

    /// Whether colour would be seen there: only what leads to standard output can be a terminal that was asked.
    pub(crate) fn is_stream(&self) -> bool {
        self.identity() == Some(Identity::Stdout)
    }

    /// Writes. A file is there whole or not at all, under the links and with the mode that it has; a reader who leaves a pipe is a normal
    /// end.
    pub(crate) fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let Self::Path(path) = self else { return to_stdout(write) };
        match place(path)? {
            Place::Stdout => to_stdout(write),
            // At the end of what is there already: another program writes to the same open file.
            Place::Descriptor(path) => into(OpenOptions::new().append(true).open(path)?, write),
            Place::Special(path) => into(OpenOptions::new().write(true).open(path)?, write),
            Place::File(path, there) => replace(&path, &there, write),
            Place::New(path) => create(&path, write),
        }
    }

    /// Appends one piece to a file, which is made if it is not there, or writes it into what is no regular file.
    pub(crate) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let Self::Path(path) = self else { return to_stdout(|out| out.write_all(bytes)) };
        let mut file = match place(path)? {
            Place::Stdout => return to_stdout(|out| out.write_all(bytes)),
            Place::Special(path) => return into(OpenOptions::new().write(true).open(path)?, |out| out.write_all(bytes)),
            Place::Descriptor(path) => return into(OpenOptions::new().append(true).open(path)?, |out| out.write_all(bytes)),
            Place::File(path, _) | Place::New(path) => OpenOptions::new().create(true).append(true).open(path)?,
        };
        // One write: two programs that append at once do not mix their lines.
        file.write_all(bytes)?;
        file.sync_all()
    }
}

/// Whether a path leads to a regular file, or to nothing yet: what can be read before it is appended to.
pub(crate) fn is_file_or_new(path: &Path) -> io::Result<bool> {
    Ok(matches!(place(path)?, Place::File(..) | Place::New(_)))
}

/// Writes to standard output. A reader who leaves is a normal end.
pub(crate) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    into(io::stdout().lock(), write)
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner.
    Owner,
    /// Whoever the user lets (`umask`).
    All,
}

/// Makes a file that is there whole or not at all, and never in the place of another.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let (mut file, _unfinished) = temporary(&folder(path), mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

/// Files that are being written, for a program that is stopped.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes what is half-written, for a program that ends at once.
#[cfg(feature = "aws")]
pub(crate) fn discard_unfinished() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // It may have got its name in this moment; then it is whole.
        let _ = fs::remove_file(path);
    }
}

/// A file is being written while this lives.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// How the names of files begin while they are written.
const PREFIX: &str = ".keur";

fn temporary(folder: &Path, mode: Mode) -> io::Result<(NamedTempFile, Unfinished)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = if mode == Mode::All { 0o666 } else { 0o600 };
        // The system takes from it what the user's mask takes from every new file.
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    // Under the lock: a signal between making the file and writing its name down would leave it behind.
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let file = builder.tempfile_in(folder)?;
    unfinished.insert(file.path().to_owned());
    let entry = Unfinished(file.path().to_owned());
    Ok((file, entry))
}

fn create(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (mut file, _unfinished) = temporary(&folder(path), Mode::All)?;
    fill(file.as_file_mut(), write)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Puts a new file in the place of one, with its mode and, where the system lets us, its owner.
fn replace(path: &Path, there: &Metadata, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (mut file, _unfinished) = match temporary(&folder(path), Mode::Owner) {
        Ok(made) => made,
        // The folder takes no new file, but this one may be written.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            return fill(&mut OpenOptions::new().write(true).truncate(true).open(path)?, write);
        }
        Err(error) => return Err(error),
    };
    fill(file.as_file_mut(), write)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        // Only root may give files away, and members of a group to their group; before the mode, which this would change.
        let _ = fchown(file.as_file(), Some(there.uid()), Some(there.gid())).or_else(|_| fchown(file.as_file(), None, Some(there.gid())));
    }
    file.as_file().set_permissions(there.permissions())?;
    match file.persist(path) {
        Ok(_) => Ok(()),
        // A file that is mounted by itself, as containers do, keeps its place: it is written where it is.
        Err(error) if error.error.kind() == ErrorKind::ResourceBusy => {
            let mut whole = error.file.reopen()?;
            fill(&mut OpenOptions::new().write(true).truncate(true).open(path)?, |out| io::copy(&mut whole, out).map(drop))
        }
        Err(error) => Err(error.error),
    }
}

/// Writes to a file, and waits until the disk has it: a full disk may be told no sooner.
fn fill(file: &mut File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, &mut *file);
    write(&mut out)?;
    out.flush()?;
    drop(out);
    file.sync_all()
}

/// Writes into what is no regular file.
fn into(out: impl Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let done = write(&mut out).and_then(|()| out.flush());
    // What the buffer still holds must not be tried again when it is dropped.
    let _ = out.into_parts();
    match done {
        Err(error) if is_closed(&error) => Ok(()),
        done => done,
    }
}

fn is_closed(error: &io::Error) -> bool {
    // serde_json wraps the error of the writer.
    error.kind() == ErrorKind::BrokenPipe || error.to_string().contains("Broken pipe")
}

fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Follows a path to its end.
fn place(path: &Path) -> io::Result<Place> {
    let mut path = path.to_owned();
    let is_folder = || io::Error::new(ErrorKind::IsADirectory, "is a folder");
    if path.as_os_str().is_empty() {
        return Err(io::Error::new(ErrorKind::NotFound, "the path is empty"));
    }
    for _ in 0..LINKS {
        if path.as_os_str().to_string_lossy().ends_with(std::path::is_separator) {
            return Err(is_folder());
        }
        if let Some(place) = descriptor(&path)? {
            return Ok(place);
        }
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => path = folder(&path).join(fs::read_link(&path)?),
            Ok(meta) if meta.is_dir() => return Err(is_folder()),
            Ok(meta) if meta.is_file() => return Ok(Place::File(fs::canonicalize(&path)?, meta)),
            Ok(_) => return Ok(Place::Special(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let name = path.file_name().ok_or_else(is_folder)?;
                let folder = folder(&path);
                let folder = fs::canonicalize(&folder)
                    .map_err(|error| io::Error::new(error.kind(), format!("the folder {}: {error}", folder.display())))?;
                if !folder.is_dir() {
                    return Err(io::Error::new(ErrorKind::NotADirectory, format!("{} is no folder", folder.display())));
                }
                return Ok(Place::New(folder.join(name)));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "its links lead nowhere"))
}

/// An open file of a process, by the name that the system has for it. What it leads to must not be followed: a file that a
/// shell opened for this program is already being written, and a pipe has no path at all.
fn descriptor(path: &Path) -> io::Result<Option<Place>> {
    let Some(number) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else {
        return Ok(None);
    };
    let Ok(folder) = fs::canonicalize(folder(path)) else { return Ok(None) };
    let of_process = folder.starts_with("/proc") && folder.ends_with("fd");
    if folder != Path::new("/dev/fd") && !of_process {
        return Ok(None);
    }
    // Nobody has opened it.
    fs::metadata(path)?;
    let own = !of_process || fs::canonicalize("/proc/self").is_ok_and(|own| folder.starts_with(own));
    Ok(Some(if own && number == "1" { Place::Stdout } else { Place::Descriptor(path.to_owned()) }))
}

/// A FIFO is not opened: that waits until somebody reads it.
#[cfg(unix)]
fn check_special(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = fs::metadata(path)?.file_type();
    if kind.is_socket() {
        return Err(io::Error::new(ErrorKind::Unsupported, "is a socket, which is no file"));
    }
    if kind.is_fifo() { Ok(()) } else { OpenOptions::new().write(true).open(path).map(drop) }
}

#[cfg(not(unix))]
fn check_special(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path).map(drop)
}

#[cfg(unix)]
fn numbers(path: &Path) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).map_or_else(|_| Identity::Path(path.to_owned()), |meta| Identity::There(meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn numbers(path: &Path) -> Identity {
    Identity::Path(path.to_owned())
}

/// The numbers of the file or FIFO that standard output leads to. A device keeps nothing that could be lost.
#[cfg(unix)]
fn stdout_numbers() -> Option<(u64, u64)> {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let file = File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
    let meta = file.metadata().ok()?;
    (meta.is_file() || meta.file_type().is_fifo()).then(|| (meta.dev(), meta.ino()))
}
