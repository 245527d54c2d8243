//! The key that opens a vault, and the file it lives in.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::store::fingerprint::hex;

/// 64 digits, one line end, and one byte more to notice what is longer.
const LONGEST: u64 = 66;

/// What the data key of a database is sealed under: 256 random bits in a file of their own.
///
/// The file holds 64 hexadecimal digits and a line end.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Takes a key that was kept elsewhere.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key from its file, or makes both.
    ///
    /// # Errors
    /// Those of [`load`](Self::load) when there is a file, of [`create`](Self::create) when there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, VaultError> {
        match Self::load(path) {
            Err(VaultError::Missing { .. }) => Self::create(path),
            found => found,
        }
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`VaultError::Missing`] without a file, [`VaultError::Malformed`] when it holds anything but a key.
    pub fn load(path: &Path) -> Result<Self, VaultError> {
        let mut text = Zeroizing::new(Vec::with_capacity(128));
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => VaultError::Missing { path: path.into() },
            _ => VaultError::io("opened", path, source),
        })?;
        file.take(LONGEST).read_to_end(&mut text).map_err(|source| VaultError::io("read", path, source))?;
        parse(&text).map(Self).ok_or_else(|| VaultError::Malformed { path: path.into() })
    }

    /// Makes a new key and its file, readable by its owner alone. The file is on the disk when this returns.
    ///
    /// # Errors
    /// [`VaultError::Io`] when there is a file already, or it can not be written.
    pub fn create(path: &Path) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut bytes[..]).map_err(|source| VaultError::io("made", path, io::Error::other(source)))?;
        let text = Zeroizing::new(hex(&bytes[..]) + "\n");
        write_new(path, text.as_bytes()).map_err(|source| VaultError::io("made", path, source))?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn parse(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.strip_suffix(b"\n").unwrap_or(text);
    let digits = <&[u8; 64]>::try_from(digits).ok()?;
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Writes a file that must not be there yet, down to the disk. What a failure leaves half-written is removed.
fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text).and_then(|()| file.sync_all()).and_then(|()| sync_directory(path)).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

/// A new name is on the disk only when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}

/// Why there is no master key.
///
/// ```
/// use amp_pool_core::store::vault::{MasterKey, VaultError};
///
/// let missing = MasterKey::load("/nowhere/master.key".as_ref());
/// assert!(matches!(missing, Err(VaultError::Missing { .. })));
/// ```
#[derive(Debug)]
pub enum VaultError {
    /// There is no such file.
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file does not hold a master key.
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read or written.
    Io {
        /// What could not be done to it.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl VaultError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.into(), source }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "there is no master key file `{}`", path.display()),
            Self::Malformed { path } => {
                write!(
                    f,
                    "`{}` does not hold a master key, which is 64 hexadecimal digits and a line end",
                    path.display()
                )
            }
            Self::Io { doing, path, source } => {
                write!(f, "the master key file `{}` can not be {doing}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for VaultError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Missing { .. } | Self::Malformed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");

        let made = MasterKey::load_or_create(&path).unwrap();
        let read = MasterKey::load_or_create(&path).unwrap();

        assert_eq!(made.bytes(), read.bytes());
        assert!(matches!(MasterKey::create(&path), Err(VaultError::Io { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_new_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");

        MasterKey::create(&path).unwrap();

        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    fn check(text: &[u8], is_key: bool) {
        assert_eq!(parse(text).is_some(), is_key, "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn a_file_that_holds_anything_but_a_key_is_refused() {
        let digits = "0123456789abcdef".repeat(4);
        check(format!("{digits}\n").as_bytes(), true);
        check(digits.as_bytes(), true);
        check(digits.to_uppercase().as_bytes(), true);
        check(b"", false);
        check(&digits.as_bytes()[1..], false);
        check(format!("{digits}0\n").as_bytes(), false);
        check(format!("{digits}\n\n").as_bytes(), false);
        check(format!("{}g\n", &digits[1..]).as_bytes(), false);
        check(&[b'a'; 32], false);
    }

    #[test]
    fn a_file_that_is_refused_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        std::fs::write(&path, "secret").unwrap();

        let refused = MasterKey::load_or_create(&path).err().unwrap();

        assert!(matches!(refused, VaultError::Malformed { .. }));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret");
    }
}
