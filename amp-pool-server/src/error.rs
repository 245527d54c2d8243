//! Why a server cannot start, and the exit code that says so.

use std::fmt;

use amp_pool_core::{
    pool::BuildError,
    store::{StoreError, vault::VaultError},
};

use crate::{config::SettingsError, data_dir::DataDirError};

/// Why a server cannot start.
#[derive(Debug)]
pub enum ServeError {
    /// A setting is wrong. Exit code 2.
    Settings(SettingsError),
    /// The data directory cannot be used (exit code 3), or another process uses it (exit code 4).
    DataDir(DataDirError),
    /// The database cannot be used (exit code 4), or its master key is wrong or missing (exit code 5).
    Store(StoreError),
    /// The address cannot be listened on. Exit code 6.
    Address {
        /// What was to be listened on.
        address: String,
        /// Why it is not.
        source: std::io::Error,
    },
    /// Something else. Exit code 1.
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl ServeError {
    pub(crate) fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Other(Box::new(error))
    }

    /// The exit code of a process that ends for this reason.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::DataDir(DataDirError::InUse { .. }) => 4,
            Self::DataDir(_) => 3,
            Self::Store(error) if is_about_the_master_key(error) => 5,
            Self::Store(_) => 4,
            Self::Address { .. } => 6,
            Self::Other(_) => 1,
        }
    }
}

fn is_about_the_master_key(error: &StoreError) -> bool {
    match error {
        StoreError::WrongMasterKey => true,
        StoreError::Unavailable(cause) => cause.is::<VaultError>(),
        _ => false,
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::DataDir(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Address { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::DataDir(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Address { source, .. } => Some(source),
            Self::Other(error) => Some(&**error),
        }
    }
}

impl From<SettingsError> for ServeError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<DataDirError> for ServeError {
    fn from(error: DataDirError) -> Self {
        Self::DataDir(error)
    }
}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BuildError> for ServeError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Store(error) => Self::Store(error),
            other => Self::other(other),
        }
    }
}
