//! Settings: from flags, the environment and `.env`, checked before anything is started.
//!
//! [`Flags`] are texts as people write them; [`Settings`] are what the server runs on. A host application may skip the
//! first and fill in the second.

mod flags;
mod traces;
mod front;
mod named;
mod oidc;
mod origin;

use std::{fmt, path::PathBuf, time::Duration};

use amp_pool_core::{prober::Schedule, secret::Secret, service::Limits, store::Durability, traces::TraceOptions};

pub use flags::{Command, CommandLine, Flags, LogFormat};
pub use front::{FrontFlags, FrontSettings, TlsFiles};
pub use oidc::{OidcFlags, OidcSettings};
pub(crate) use oidc::{is_on_this_machine, may_be_asked};
pub use origin::{Origin, Source};

/// What the server runs on.
#[derive(Clone)]
pub struct Settings {
    /// Name or address to listen on.
    pub host: String,
    /// Port to listen on. 0: any free one.
    pub port: u16,
    /// Directory for everything the server keeps.
    pub data_dir: PathBuf,
    /// The database. `None`: the file `amp_pool.db` in the data directory.
    pub database: Option<Database>,
    /// How many connections to a database server are open at most, beside the one that listens.
    pub db_connections: usize,
    /// Whether SQL statements are logged.
    pub db_echo: bool,
    /// The master key's file. `None`: `master.key` in the data directory.
    pub master_key_file: Option<PathBuf>,
    /// A bearer of the admin API, for automation. `None`: only users come in.
    pub admin_token: Option<Secret>,
    /// What the first admin is called. `None`: `admin`.
    pub admin_username: Option<String>,
    /// Makes the first admin, where there is none. `None`: a link in the log does.
    pub admin_password: Option<Secret>,
    /// Who else says who somebody is. `None`: people sign in by passwords alone.
    pub oidc: Option<OidcSettings>,
    /// Makes this a client token.
    pub client_token: Option<Secret>,
    /// Keys to add once, each with its provider.
    pub keys: Vec<SeedKey>,
    /// Whether upstream addresses in private ranges are refused.
    pub block_private_upstreams: bool,
    /// How clients are let in.
    pub front: FrontSettings,
    /// When a commit counts as durable.
    pub durability: Durability,
    /// Limits of size and time of a call.
    pub limits: Limits,
    /// What becomes of Amp's paths that ask no model.
    pub amp_paths: AmpPaths,
    /// When balances are asked for.
    pub balances: Schedule,
    /// Where traces of calls go. `None`: nowhere, and nothing is measured for them.
    pub traces: Option<TraceOptions>,
    /// Whether `/metrics` is shown to whoever comes from this machine.
    pub open_metrics: bool,
    /// Whether clients are told which key answered, as `x-amp-key`.
    pub names_keys: bool,
    /// How often rules for alerts are looked after. `None`: nobody is told anything.
    pub alerts: Option<Duration>,
    /// How long running calls get to finish when the server stops.
    pub drain: Duration,
    /// What to tell the operator about the settings once logging is there.
    pub warnings: Vec<String>,
    /// Where each of them comes from, to be shown to operators. May be empty.
    pub origins: Vec<Origin>,
}

/// Where everything is kept.
#[derive(Clone)]
pub enum Database {
    /// In memory, until the end.
    Memory,
    /// In a file of SQLite, which this process has to itself.
    Sqlite(PathBuf),
    /// On a server of PostgreSQL, which other processes may share. The address may hold a password.
    Postgres(Secret),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

/// What becomes of the paths of the Amp layout that ask no model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AmpPaths {
    /// There are none.
    #[default]
    Off,
    /// They are answered by stubs that let a client start.
    Stub,
    /// They are passed on with the key of that name.
    Key(String),
}

/// A key that the environment brings along.
#[derive(Clone)]
pub struct SeedKey {
    /// The variable it comes from.
    pub variable: &'static str,
    /// The provider it belongs to.
    pub provider: &'static str,
    /// The credential.
    pub api_key: Secret,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8000,
            data_dir: "./data".into(),
            database: None,
            db_connections: 10,
            db_echo: false,
            master_key_file: None,
            admin_token: None,
            admin_username: None,
            admin_password: None,
            oidc: None,
            client_token: None,
            keys: Vec::new(),
            block_private_upstreams: false,
            front: FrontSettings::default(),
            durability: Durability::Full,
            limits: Limits::default(),
            amp_paths: AmpPaths::Off,
            balances: Schedule::every(Duration::from_secs(3600)),
            traces: None,
            open_metrics: false,
            names_keys: false,
            alerts: Some(Duration::from_secs(15)),
            drain: Duration::from_secs(600),
            warnings: Vec::new(),
            origins: Vec::new(),
        }
    }
}

impl Settings {
    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database.clone().unwrap_or_else(|| Database::Sqlite(self.data_dir.join("amp_pool.db")))
    }

    /// Where the master key is.
    #[must_use]
    pub fn master_key_path(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data_dir.join("master.key"))
    }
}

/// Which setting is wrong, and how. Never shows a value that may be secret.
#[derive(Debug)]
pub struct SettingsError {
    name: &'static str,
    message: String,
}

impl SettingsError {
    /// The setting `name` is wrong.
    #[must_use]
    pub fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for SettingsError {}
