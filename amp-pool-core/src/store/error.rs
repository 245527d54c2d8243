//! Why a store could not do what it was asked.

use std::fmt;

/// Why a store could not do what it was asked, by meaning.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     id::KeyId,
///     store::{ConfigStore as _, StoreError, memory::MemoryStore},
/// };
///
/// match MemoryStore::new().delete_key(KeyId(7)).await {
///     Err(StoreError::NotFound) => {}
///     other => return Err(format!("there is no such key: {other:?}").into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum StoreError {
    /// It can not be written or read now; the same call may pass later.
    Unavailable(Source),
    /// There is no such row.
    NotFound,
    /// Another row has that place already.
    Conflict {
        /// What is there already.
        what: String,
    },
    /// It would leave nobody who may do everything.
    LastAdmin,
    /// What was to be stored can not be.
    Invalid(String),
    /// What is stored can not be understood. Nothing was changed.
    Corrupt(Source),
    /// The database was written by a newer version. Nothing was changed.
    Newer {
        /// Its version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The master key does not open this database.
    WrongMasterKey,
    /// Another process holds it.
    Locked(String),
}

type Source = Box<dyn std::error::Error + Send + Sync>;

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the store is not available: {cause}"),
            Self::NotFound => f.write_str("there is no such row"),
            Self::Conflict { what } => write!(f, "{what} is there already"),
            Self::LastAdmin => f.write_str("the last admin has to stay an admin who can sign in"),
            Self::Invalid(why) => f.write_str(why),
            Self::Corrupt(cause) => write!(f, "what is stored cannot be understood: {cause}"),
            Self::Newer { found, known } => {
                write!(f, "the database has version {found}, this program knows up to {known}; it was left untouched")
            }
            Self::WrongMasterKey => f.write_str("the master key does not open this database"),
            Self::Locked(by) => write!(f, "the data directory is in use by {by}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Corrupt(cause) => Some(&**cause),
            _ => None,
        }
    }
}
