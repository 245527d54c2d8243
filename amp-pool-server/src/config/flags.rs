//! Settings as people write them: flags, the environment, `.env`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use amp_pool_core::{
    budget::Zone, prober::Schedule, secret::Secret, service::Limits, store::Durability, time::Timestamp,
};
use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    builder::{BoolishValueParser, RangedU64ValueParser},
};

use super::{AmpPaths, Database, FrontFlags, OidcFlags, Origin, SeedKey, Settings, SettingsError, traces};
use crate::access::check_first_admin;

const ADMIN_TOKEN_MIN: usize = 32;
const CLIENT_TOKEN_MIN: usize = 16;

/// One endpoint over many language-model keys, with books and a web UI.
///
/// Every option can be given as a flag, in the environment, or in a file `.env` of the working directory. Secrets are
/// better not given as flags: other users of the machine can read those.
#[derive(Parser)]
#[command(name = "amp-pool-server", version)]
pub struct CommandLine {
    /// The settings as they were written.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Default, Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Command {
    /// Serve (this is what happens without a subcommand)
    #[default]
    Serve,
    /// Ask the server on HOST and PORT whether it is ready; exit code 0 when it is
    Healthcheck,
    /// Recompute every total in the database from attempts; exit code 0 when all agree. The server may run meanwhile
    Audit,
    /// Print every route and who may call it
    Routes,
    /// Copy the database to a new FILE, also while a server uses it. Keep the master key too, elsewhere: the copy's secrets
    /// are sealed with it
    Backup {
        /// The file to make
        file: PathBuf,
    },
    /// Put a backup in the place of the database, which is kept beside it. No server may be running
    Restore {
        /// A file that `backup` made
        file: PathBuf,
        /// Only look whether it could be restored
        #[arg(long)]
        check: bool,
    },
    /// Seal all secrets anew under a new master key. The one before is kept beside it. No server may be running
    Rekey,
    /// Rate the calls of a time again, by the prices as they are now, while no server runs on the data directory. Records
    /// stay; what turns out to cost something else gets an adjustment
    ReRate {
        /// The first moment, like 2026-11-01T00:00:00Z
        #[arg(long)]
        from: Timestamp,
        /// The moment after the last
        #[arg(long)]
        to: Timestamp,
        /// Only calls for this model, as clients wrote it
        #[arg(long)]
        model: Option<String>,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Add the keys of a file, or all of another database, while no server runs on the data directory. A SQLite database is
    /// copied into the empty PostgreSQL database of DATABASE_URL; one of the first AMP Pool is taken into any that has no
    /// calls. Counts and sums are compared at the end; what was broken off goes on when it is started again
    Import {
        /// A key a line; a table, if it ends with .csv; a list of keys, if it ends with .json; `-` reads standard input. Or
        /// a file of SQLite
        file: PathBuf,
        /// Whose keys they are, where they do not say [of the first AMP Pool: amp]
        #[arg(long)]
        provider: Option<String>,
        /// Where the clock of the first AMP Pool stood, like Asia/Shanghai
        #[arg(long, default_value = "UTC")]
        time_zone: Zone,
        /// Only say what would become of them
        #[arg(long)]
        dry_run: bool,
    },
}

impl CommandLine {
    /// Reads the arguments of the process and its environment.
    ///
    /// # Errors
    /// For what is wrong, and for `--help` and `--version`, which clap also tells this way.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let (definition, matches) = (Self::definition(), Self::definition().try_get_matches_from(arguments)?);
        let mut line = Self::from_arg_matches(&matches)?;
        line.flags.origins = Origin::all(&definition, &matches);
        Ok(line)
    }

    /// Says which variables of the environment came from the file `.env`.
    pub fn loaded(&mut self, from_file: &[String]) {
        self.flags.origins.iter_mut().for_each(|origin| origin.correct(from_file));
    }

    /// Those of `names` that look like settings of ours and are none.
    pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
        let definition = Self::definition();
        let known = |name: &str| definition.get_arguments().any(|arg| arg.get_env().is_some_and(|env| env == name));
        names.filter(|name| name.starts_with("AMP_POOL_") && !known(name)).collect()
    }

    fn definition() -> clap::Command {
        // Global, so that `serve --port 1` means the same as `--port 1 serve`; hidden, so that help shows no values.
        Self::command().mut_args(|arg| arg.global(true).hide_env_values(true))
    }
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The settings as people write them.
#[derive(Args)]
pub struct Flags {
    /// Address to listen on
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on; 0 takes any free one
    #[arg(long, env = "PORT", default_value_t = 8000)]
    pub port: u16,
    /// How clients are let in.
    #[command(flatten)]
    pub front: FrontFlags,
    /// Directory for the database, the master key and backups; created with mode 0700
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// The database: sqlite://PATH, postgres://USER:PASSWORD@HOST/DATABASE, which several nodes may share, or `memory:`,
    /// which forgets everything at the end [default: sqlite://{DATA_DIR}/amp_pool.db]
    #[arg(long, env = "DATABASE_URL", value_parser = secret)]
    pub database_url: Option<Secret>,
    /// Connections to a PostgreSQL server, at most, beside the one that listens
    #[arg(long, env = "AMP_POOL_DB_CONNECTIONS", value_parser = RangedU64ValueParser::<usize>::new().range(2..=1000),
          default_value_t = 10)]
    pub amp_pool_db_connections: usize,
    /// Log SQL statements
    #[arg(long, env = "DB_ECHO", value_parser = BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub db_echo: bool,
    /// File of the key that seals secrets; made at first start [default: {DATA_DIR}/master.key]
    #[arg(long, env = "AMP_POOL_MASTER_KEY_FILE")]
    pub amp_pool_master_key_file: Option<PathBuf>,
    /// Name of the first admin [default: admin]
    #[arg(long, env = "ADMIN_USERNAME")]
    pub admin_username: Option<String>,
    /// Makes the first admin with this password, 10 characters or more, where there is no admin yet
    #[arg(long, env = "ADMIN_PASSWORD", value_parser = secret)]
    pub admin_password: Option<Secret>,
    /// Bearer of the admin API for automation, 32 characters or more
    #[arg(long, env = "AMP_POOL_ADMIN_TOKEN", value_parser = secret)]
    pub amp_pool_admin_token: Option<Secret>,
    /// How people sign in by other means.
    #[command(flatten)]
    pub oidc: OidcFlags,
    /// Makes this an unlimited client token named `env`, 16 characters or more
    #[arg(long, env = "AMP_POOL_CLIENT_TOKEN", value_parser = secret)]
    pub amp_pool_client_token: Option<Secret>,
    /// Adds this Amp key to the pool, once
    #[arg(long, env = "AMP_API_KEY", value_parser = secret)]
    pub amp_api_key: Option<Secret>,
    /// Adds this OpenAI key to the pool, once
    #[arg(long, env = "OPENAI_API_KEY", value_parser = secret)]
    pub openai_api_key: Option<Secret>,
    /// Adds this Anthropic key to the pool, once
    #[arg(long, env = "ANTHROPIC_API_KEY", value_parser = secret)]
    pub anthropic_api_key: Option<Secret>,
    /// Refuse upstream addresses in private ranges; metadata addresses are always refused
    #[arg(long, env = "AMP_POOL_BLOCK_PRIVATE_UPSTREAMS", value_parser = BoolishValueParser::new(),
          default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub amp_pool_block_private_upstreams: bool,
    /// What happens upstream when a client hangs up: `cancel`, or `drain:SECONDS` to read on for what the answer cost
    #[arg(long, env = "AMP_POOL_ON_DISCONNECT", default_value = "cancel")]
    pub amp_pool_on_disconnect: String,
    /// `full` syncs each commit; `normal` may lose the last moments at a power loss
    #[arg(long, env = "AMP_POOL_DURABILITY", default_value = "full")]
    pub amp_pool_durability: String,
    /// Longest wait for the first byte of a streamed answer, in milliseconds
    #[arg(long, env = "AMP_POOL_FIRST_BYTE_TIMEOUT_MS", value_parser = millis(), default_value_t = 120_000)]
    pub amp_pool_first_byte_timeout_ms: u64,
    /// Longest wait for an answer that is not streamed, in milliseconds
    #[arg(long, env = "AMP_POOL_WHOLE_ANSWER_TIMEOUT_MS", value_parser = millis(), default_value_t = 600_000)]
    pub amp_pool_whole_answer_timeout_ms: u64,
    /// Longest silence inside an answer, in milliseconds
    #[arg(long, env = "AMP_POOL_IDLE_TIMEOUT_MS", value_parser = millis(), default_value_t = 90_000)]
    pub amp_pool_idle_timeout_ms: u64,
    /// Longest time a call may take in all, in milliseconds
    #[arg(long, env = "AMP_POOL_TOTAL_TIMEOUT_MS", value_parser = millis(), default_value_t = 1_800_000)]
    pub amp_pool_total_timeout_ms: u64,
    /// Longest time a call waits for a key to be ready when all rest or are full, in milliseconds; 0 tells it at once
    #[arg(long, env = "AMP_POOL_MAX_WAIT_MS", default_value_t = 0)]
    pub amp_pool_max_wait_ms: u64,
    /// Most calls that wait so at a time
    #[arg(long, env = "AMP_POOL_MAX_WAITING_CALLS", default_value_t = 1000)]
    pub amp_pool_max_waiting_calls: usize,
    /// Amp's paths that ask no model: `off`, `stub`, or `key:NAME` to pass them on with the key of that name
    #[arg(long, env = "AMP_POOL_AMP_PATHS", default_value = "off")]
    pub amp_pool_amp_paths: String,
    /// Where traces of calls go, as OTLP over HTTP in JSON: the address of a collector such as http://127.0.0.1:4318
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// Headers for the collector, as NAME=VALUE with commas between them
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_parser = secret)]
    pub otel_exporter_otlp_headers: Option<Secret>,
    /// What this service is called in traces
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "amp-pool")]
    pub otel_service_name: String,

    /// Show `/metrics` to whoever comes from this machine; else it takes a login or the admin token
    #[arg(long, env = "AMP_POOL_OPEN_METRICS", value_parser = BoolishValueParser::new(),
          default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub amp_pool_open_metrics: bool,

    /// Tell clients which key answered: its id, as `x-amp-key`
    #[arg(long, env = "AMP_POOL_NAME_KEYS", value_parser = BoolishValueParser::new(),
          default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub amp_pool_name_keys: bool,

    /// How often rules for alerts are looked after, in seconds; 0 tells nobody anything
    #[arg(long, env = "AMP_POOL_ALERT_SECONDS", default_value_t = 15)]
    pub amp_pool_alert_seconds: u64,

    /// How often each key's upstream is asked for its balance, in seconds; 0 asks on demand only
    #[arg(long, env = "AMP_POOL_BALANCE_REFRESH_SECONDS", default_value_t = 3600)]
    pub amp_pool_balance_refresh_seconds: u64,
    /// Longest time that running calls get to finish when the server stops, in seconds
    #[arg(long, env = "AMP_POOL_DRAIN_SECONDS", default_value_t = 600)]
    pub amp_pool_drain_seconds: u64,
    /// How log lines are written
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub rust_log: String,
    /// Where each of them comes from.
    #[arg(skip)]
    pub origins: Vec<Origin>,
}

// Clap shows a value that cannot be parsed; a secret always can be.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn schedule(seconds: u64) -> Schedule {
    if seconds == 0 { Schedule::default() } else { Schedule::every(Duration::from_secs(seconds)) }
}

/// A limit of no time at all would end every call.
fn millis() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..)
}

impl Flags {
    /// Turns what people wrote into what the server runs on.
    ///
    /// # Errors
    /// When a setting has no meaning, is too weak, or is not supported.
    pub fn check(self) -> Result<Settings, SettingsError> {
        let admin_username = self.admin_username.as_deref().map(|name| name.trim().to_lowercase());
        let admin_username = admin_username.filter(|name| !name.is_empty());
        let admin_password = self.admin_password.clone().filter(|password| !password.expose().is_empty());
        check_first_admin(admin_username.as_deref(), admin_password.as_ref())?;
        Ok(Settings {
            admin_username,
            admin_password,
            database: self
                .database_url
                .as_ref()
                .map(Secret::expose)
                .filter(|url| !url.is_empty())
                .map(database)
                .transpose()?,
            db_connections: self.amp_pool_db_connections,
            front: self.front.check()?,
            oidc: self.oidc.check()?,
            durability: durability(&self.amp_pool_durability)?,
            limits: self.limits()?,
            warnings: Vec::new(),
            keys: self.keys(),
            origins: self.origins,
            admin_token: strong("AMP_POOL_ADMIN_TOKEN", self.amp_pool_admin_token, ADMIN_TOKEN_MIN)?,
            client_token: strong("AMP_POOL_CLIENT_TOKEN", self.amp_pool_client_token, CLIENT_TOKEN_MIN)?,
            host: self.host,
            port: self.port,
            data_dir: self.data_dir,
            db_echo: self.db_echo,
            master_key_file: self.amp_pool_master_key_file.filter(|path| path != Path::new("")),
            block_private_upstreams: self.amp_pool_block_private_upstreams,
            amp_paths: amp_paths(&self.amp_pool_amp_paths)?,
            traces: traces::options(
                self.otel_exporter_otlp_endpoint.as_deref(),
                self.otel_exporter_otlp_headers.as_ref(),
                self.otel_service_name,
            )?,
            open_metrics: self.amp_pool_open_metrics,
            names_keys: self.amp_pool_name_keys,
            alerts: (self.amp_pool_alert_seconds > 0).then(|| Duration::from_secs(self.amp_pool_alert_seconds)),
            balances: schedule(self.amp_pool_balance_refresh_seconds),
            drain: Duration::from_secs(self.amp_pool_drain_seconds),
        })
    }

    fn limits(&self) -> Result<Limits, SettingsError> {
        let mut limits = Limits::default();
        limits.first_byte = Duration::from_millis(self.amp_pool_first_byte_timeout_ms);
        limits.whole_answer = Duration::from_millis(self.amp_pool_whole_answer_timeout_ms);
        limits.idle = Duration::from_millis(self.amp_pool_idle_timeout_ms);
        limits.total = Duration::from_millis(self.amp_pool_total_timeout_ms);
        limits.wait = Duration::from_millis(self.amp_pool_max_wait_ms);
        limits.waiting = self.amp_pool_max_waiting_calls;
        self.front.limit(&mut limits);
        limits.drain = disconnect(&self.amp_pool_on_disconnect)?;
        Ok(limits)
    }

    fn keys(&self) -> Vec<SeedKey> {
        let given = [
            ("AMP_API_KEY", "amp", &self.amp_api_key),
            ("OPENAI_API_KEY", "openai", &self.openai_api_key),
            ("ANTHROPIC_API_KEY", "anthropic", &self.anthropic_api_key),
        ];
        let seed = |(variable, provider, key): (_, _, &Option<Secret>)| {
            let api_key = key.clone().filter(|key| !key.expose().is_empty())?;
            Some(SeedKey { variable, provider, api_key })
        };
        given.into_iter().filter_map(seed).collect()
    }
}

/// How long an answer is read on whose client has hung up. Longer than the longest call would only hide a mistake.
fn disconnect(text: &str) -> Result<Duration, SettingsError> {
    let seconds = match text {
        "cancel" | "" => return Ok(Duration::ZERO),
        other => other.strip_prefix("drain:").and_then(|seconds| seconds.parse().ok()),
    };
    match seconds {
        Some(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err(SettingsError::new(
            "AMP_POOL_ON_DISCONNECT",
            format!("`{text}` is neither `cancel` nor `drain:SECONDS` with 1 to 600 seconds"),
        )),
    }
}

fn amp_paths(text: &str) -> Result<AmpPaths, SettingsError> {
    match text.split_once(':') {
        None if text == "off" || text.is_empty() => Ok(AmpPaths::Off),
        None if text == "stub" => Ok(AmpPaths::Stub),
        Some(("key", name)) if !name.is_empty() => Ok(AmpPaths::Key(name.to_owned())),
        _ => {
            let message = format!("`{text}` is none of `off`, `stub` and `key:NAME`");
            Err(SettingsError::new("AMP_POOL_AMP_PATHS", message))
        }
    }
}

fn durability(text: &str) -> Result<Durability, SettingsError> {
    match text {
        "full" | "" => Ok(Durability::Full),
        "normal" => Ok(Durability::Normal),
        other => Err(SettingsError::new("AMP_POOL_DURABILITY", format!("`{other}` is neither `full` nor `normal`"))),
    }
}

// The address may hold a password, so it is never shown.
fn database(url: &str) -> Result<Database, SettingsError> {
    match url.split_once("://") {
        None if url == "memory:" => Ok(Database::Memory),
        Some(("sqlite", path)) if !path.is_empty() => Ok(Database::Sqlite(path.into())),
        Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => Ok(Database::Postgres(Secret::new(url))),
        _ => Err(SettingsError::new(
            "DATABASE_URL",
            "is neither of the form sqlite://PATH nor postgres://USER@HOST/DATABASE",
        )),
    }
}

/// A secret that is long enough and not copied from documentation. An empty one counts as not given.
fn strong(name: &'static str, secret: Option<Secret>, min: usize) -> Result<Option<Secret>, SettingsError> {
    let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) else { return Ok(None) };
    let length = secret.expose().chars().count();
    if length < min {
        return Err(SettingsError::new(name, format!("has {length} characters, {min} or more are needed")));
    }
    if !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SettingsError::new(name, "may have visible ASCII characters only"));
    }
    if looks_like_a_sample(secret.expose()) {
        return Err(SettingsError::new(name, "looks like a sample value; make one with `openssl rand -hex 32`"));
    }
    Ok(Some(secret))
}

fn looks_like_a_sample(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    let words = ["change", "example", "placeholder", "replace", "your-", "your_"];
    let distinct = lower.bytes().collect::<std::collections::BTreeSet<_>>().len();
    distinct < 6 || words.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(arguments: &[&str]) -> Flags {
        let line = ["amp-pool-server"].iter().chain(arguments).map(OsString::from);
        CommandLine::read(line).map_err(|error| error.to_string()).unwrap().flags
    }

    fn check(arguments: &[&str], expected: Result<(), &str>) {
        let found = flags(arguments).check().map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{arguments:?}");
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_its_name() {
        check(&[], Ok(()));
        check(&["--database-url", "sqlite:///var/lib/amp.db"], Ok(()));
        check(&["--database-url", "postgres://user:pass@host/db"], Ok(()));
        check(
            &["--database-url", "mysql://user:pass@h"],
            Err("DATABASE_URL: is neither of the form sqlite://PATH nor postgres://USER@HOST/DATABASE"),
        );
        check(
            &["--amp-pool-on-disconnect", "drain:0"],
            Err("AMP_POOL_ON_DISCONNECT: `drain:0` is neither `cancel` nor `drain:SECONDS` with 1 to 600 seconds"),
        );
        check(
            &["--amp-pool-amp-paths", "key:"],
            Err("AMP_POOL_AMP_PATHS: `key:` is none of `off`, `stub` and `key:NAME`"),
        );
        check(&["--amp-pool-durability", "off"], Err("AMP_POOL_DURABILITY: `off` is neither `full` nor `normal`"));
    }

    #[test]
    fn a_weak_token_is_refused_and_not_shown() {
        check(
            &["--amp-pool-admin-token", "short-and-weak"],
            Err("AMP_POOL_ADMIN_TOKEN: has 14 characters, 32 or more are needed"),
        );
        let sample = "looks like a sample value; make one with `openssl rand -hex 32`";
        for token in ["change-me-0123456789-0123456789-0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            check(&["--amp-pool-admin-token", token], Err(&format!("AMP_POOL_ADMIN_TOKEN: {sample}")));
        }
        check(&["--amp-pool-admin-token", ""], Ok(()));
        check(&["--amp-pool-client-token", "8c1f-22ab-09d7-4e5f"], Ok(()));
        let first = "ADMIN_PASSWORD: this password is one of the first that are tried";
        check(&["--admin-password", "changeme123"], Err(first));
        check(&["--admin-username", "Ada", "--admin-password", "ada-1234567"], Err(first));
        check(&["--admin-password", "short"], Err("ADMIN_PASSWORD: a password has 10 to 256 characters"));
        check(&["--admin-username", "Ada", "--admin-password", "correct horse"], Ok(()));
        check(&["--admin-password", ""], Ok(()));
    }

    #[test]
    fn where_a_setting_comes_from_is_known_and_no_secret_is_told() {
        let mut line = CommandLine::read(
            ["amp-pool-server", "--port", "9001", "--amp-pool-admin-token", "0f1e2d3c4b5a"].map(OsString::from),
        )
        .map_err(|error| error.to_string())
        .unwrap();
        line.loaded(&["HOST".into()]);
        let of = |name: &str| line.flags.origins.iter().find(|origin| origin.name == name).unwrap();
        let port = of("PORT");
        assert_eq!((port.value.as_deref(), port.default.as_deref()), (Some("9001"), Some("8000")));
        assert_eq!((port.source, of("HOST").source), (super::super::Source::Flag, super::super::Source::Default));
        let token = of("AMP_POOL_ADMIN_TOKEN");
        assert_eq!((token.secret, token.value.as_deref()), (true, None));
        assert!(port.help.contains("Port to listen on"), "{}", port.help);
    }

    #[test]
    fn a_flag_means_the_same_before_and_after_the_subcommand() {
        assert_eq!(flags(&["--port", "9001", "serve"]).port, 9001);
        assert_eq!(flags(&["serve", "--port", "9001"]).port, 9001);
        assert!(flags(&["--db-echo", "serve"]).db_echo);
        assert!(!flags(&["--db-echo=false"]).db_echo);
    }

    #[test]
    fn only_unknown_names_of_ours_are_named() {
        let names = ["AMP_POOL_DURABILITY", "AMP_POOL_DURABILTY", "PATH"].map(String::from);
        assert_eq!(CommandLine::unknown_variables(names.into_iter()), ["AMP_POOL_DURABILTY"]);
    }
}
