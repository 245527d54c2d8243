//! The directory that holds everything the server keeps: private to its user, and to one process at a time.
//!
//! Database and master key inside it are the store's business.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

const LOCK: &str = "amp_pool.lock";

/// The directory, locked as long as this lives.
pub(crate) struct DataDir {
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug)]
pub enum DataDirError {
    /// Something in it, or the directory itself, cannot be read or written.
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process uses it.
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, as far as it has said.
        holder: String,
    },
}

impl fmt::Display for DataDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, source } => write!(f, "cannot {what}: {source}"),
            Self::InUse { path, holder } => {
                write!(f, "the data directory {} is in use by process {holder}", path.display())
            }
        }
    }
}

impl std::error::Error for DataDirError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::InUse { .. } => None,
        }
    }
}

fn cannot(what: impl Into<String>) -> impl FnOnce(io::Error) -> DataDirError {
    let what = what.into();
    move |source| DataDirError::Io { what, source }
}

impl DataDir {
    /// Makes the directory if it is not there, and locks it against other processes.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        if path.is_dir() {
            warn_if_open_to_others(path);
        } else {
            make_private_dir(path).map_err(cannot(format!("make the data directory {}", path.display())))?;
        }
        Ok(Self { _lock: lock(path)? })
    }
}

fn lock(dir: &Path) -> Result<File, DataDirError> {
    let path = dir.join(LOCK);
    let mut options = private_file();
    let mut file = options
        .read(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(cannot(format!("write into the data directory {}", dir.display())))?;
    match file.try_lock() {
        Ok(()) => note_holder(&mut file).map_err(cannot(format!("write {}", path.display())))?,
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::InUse { path: dir.to_owned(), holder: holder(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(cannot(format!("lock {}", path.display()))(error)),
    }
    Ok(file)
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    let pid = text.trim();
    if read.is_ok() && !pid.is_empty() { pid.to_owned() } else { "(unknown)".into() }
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

#[cfg(unix)]
fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn warn_if_open_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_or(0, |data| data.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        tracing::warn!(
            "the data directory {} is open to other users (mode {mode:o}); `chmod 700` closes it",
            path.display()
        );
    }
}

#[cfg(not(unix))]
fn warn_if_open_to_others(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_what_is_made() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/data");
        let _data = DataDir::open(&path).unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(LOCK)), 0o600);
    }
}
