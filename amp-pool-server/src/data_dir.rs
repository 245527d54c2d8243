//! The directory that holds everything the server keeps: private to its user, and to one process at a time.
//!
//! Database and master key inside it are the store's business.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crate::hex::hex;

const LOCK: &str = "amp_pool.lock";
const NODE: &str = "node.id";

/// The directory, locked as long as this lives.
pub(crate) struct DataDir {
    path: PathBuf,
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
    /// The file of this node's name holds none.
    NoNode(PathBuf),
}

impl fmt::Display for DataDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, source } => write!(f, "cannot {what}: {source}"),
            Self::InUse { path, holder } => {
                write!(f, "the data directory {} is in use by process {holder}", path.display())
            }
            Self::NoNode(path) => write!(f, "{} holds no name; remove it to get a new one", path.display()),
        }
    }
}

impl std::error::Error for DataDirError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::InUse { .. } | Self::NoNode(_) => None,
        }
    }
}

fn cannot(what: impl Into<String>) -> impl FnOnce(io::Error) -> DataDirError {
    let what = what.into();
    move |source| DataDirError::Io { what, source }
}

impl DataDir {
    /// Whether some server has used the directory.
    pub(crate) fn is_one(path: &Path) -> bool {
        path.join(LOCK).exists()
    }

    /// Makes the directory if it is not there, and locks it against other processes.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        if path.is_dir() {
            warn_if_open_to_others(path);
        } else {
            make_private_dir(path).map_err(cannot(format!("make the data directory {}", path.display())))?;
        }
        Ok(Self { _lock: lock(path)?, path: path.to_owned() })
    }

    /// What this process is called among those that share a database: the same at every start, and never another's,
    /// because only one process has this directory.
    pub(crate) fn node_name(&self) -> Result<String, DataDirError> {
        let file = self.path.join(NODE);
        match fs::read_to_string(&file) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Ok(_) => Err(DataDirError::NoNode(file)),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => make_name(&file),
            Err(error) => Err(cannot(format!("read {}", file.display()))(error)),
        }
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

/// Makes a file of 32 random digits, on the disk when this returns.
fn make_name(file: &Path) -> Result<String, DataDirError> {
    let failed = |error| cannot(format!("write {}", file.display()))(error);
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error)))?;
    let name = hex(&random);
    let mut made = private_file().create_new(true).open(file).map_err(failed)?;
    made.write_all(format!("{name}\n").as_bytes()).and_then(|()| made.sync_all()).map_err(failed)?;
    Ok(name)
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

    #[test]
    fn a_node_keeps_its_name_and_no_two_have_the_same() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = |dir: &tempfile::TempDir| DataDir::open(dir.path()).unwrap().node_name().unwrap();

        assert_eq!(name(&one), name(&one));
        assert_ne!(name(&one), name(&other));
    }

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
