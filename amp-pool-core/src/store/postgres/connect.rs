//! How connections are opened.

use std::{path::PathBuf, str::FromStr as _, time::Duration};

use tokio_postgres::{
    Client, Config, Connection, Socket,
    config::{SslMode as Negotiation, TargetSessionAttrs},
};

use super::{
    Failure,
    tls::{Stream, Tls},
};
use crate::{
    secret::Secret,
    store::{Durability, StoreError},
};

/// So long one attempt to connect may take, unless the address says otherwise.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// What `sslmode` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }

    fn negotiation(self) -> Negotiation {
        match self {
            Self::Disable => Negotiation::Disable,
            Self::Prefer => Negotiation::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => Negotiation::Require,
        }
    }
}

/// What is needed to open a connection, again and again.
pub(super) struct Access {
    config: Config,
    tls: Tls,
    durability: Durability,
    pub(super) echo: bool,
}

impl Access {
    /// Understands `postgres://…`. No message repeats the address: it may hold a password.
    pub(super) fn new(url: &Secret, durability: Durability, echo: bool) -> Result<Self, StoreError> {
        let Address { url, mode, roots } = Address::read(url.expose())?;
        let mut config = Config::from_str(url.expose())
            .map_err(|error| wrong(&cause(&error).unwrap_or("it is malformed".into())))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it names no host"));
        }
        config.ssl_mode(mode.negotiation()).target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("amp-pool");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        let tls = Tls::new(mode, roots.as_deref()).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { config, tls, durability, echo })
    }

    /// A new session. Nothing moves on it until the second half is polled.
    pub(super) async fn connect(&self) -> Result<(Client, Connection<Socket, Stream<Socket>>), Failure> {
        Ok(self.config.connect(self.tls.clone()).await?)
    }

    /// What a new session has to be told.
    pub(super) fn session(&self) -> String {
        let commits = match self.durability {
            // A server that was told to be careless is overruled; one that waits for replicas is left to it.
            Durability::Full => {
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            }
            Durability::Normal => "SET synchronous_commit = off",
        };
        // A node that stands still in the middle of a transaction would hold its locks against all others.
        format!("{commits}; SET idle_in_transaction_session_timeout = '15s'; SET lock_timeout = '10s'")
    }
}

/// An address, without the two parameters that are ours to understand.
struct Address {
    url: Secret,
    mode: SslMode,
    roots: Option<PathBuf>,
}

impl Address {
    fn read(url: &str) -> Result<Self, StoreError> {
        let (front, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match url::form_urlencoded::parse(pair.as_bytes()).next() {
                Some((name, value)) if name == "sslmode" => {
                    let known = SslMode::read(&value);
                    mode = Some(known.ok_or_else(|| {
                        wrong("sslmode is none of disable, prefer, require, verify-ca and verify-full")
                    })?);
                }
                // `system`: what is trusted without a file.
                Some((name, value)) if name == "sslrootcert" => {
                    roots = Some(PathBuf::from(value.into_owned())).filter(|path| path.as_os_str() != "system");
                    mode = mode.or(Some(SslMode::VerifyFull));
                }
                _ => rest.push(pair),
            }
        }
        let url = if rest.is_empty() { front.to_owned() } else { format!("{front}?{}", rest.join("&")) };
        Ok(Self { url: Secret::new(url), mode: mode.unwrap_or(SslMode::Prefer), roots })
    }
}

fn wrong(why: &str) -> StoreError {
    StoreError::Invalid(format!("the address of the database can not be used: {why}"))
}

fn cause(error: &dyn std::error::Error) -> Option<String> {
    error.source().map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<(&str, SslMode, Option<&str>), &str>) {
        let read = Address::read(url).map_err(|error| error.to_string());
        match (read, expected) {
            (Ok(Address { url: rest, mode, roots }), Ok(expected)) => {
                assert_eq!((rest.expose(), mode, roots.as_deref().and_then(|path| path.to_str())), expected, "{url}");
            }
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{url}: {error}"),
            _ => panic!("{url}"),
        }
    }

    #[test]
    fn what_is_said_about_tls_is_taken_out_of_the_address() {
        check("postgres://h/d", Ok(("postgres://h/d", SslMode::Prefer, None)));
        check("postgres://h/d?sslmode=disable", Ok(("postgres://h/d", SslMode::Disable, None)));
        check("postgres://h/d?a=b&sslmode=verify-ca&c=d", Ok(("postgres://h/d?a=b&c=d", SslMode::VerifyCa, None)));
        let file = "postgres://h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fmy%20ca.pem";
        check(file, Ok(("postgres://h/d", SslMode::VerifyFull, Some("/etc/my ca.pem"))));
        check("postgres://h/d?sslrootcert=system", Ok(("postgres://h/d", SslMode::VerifyFull, None)));
        check("postgres://h/d?sslmode=allow", Err("sslmode is none of"));
    }

    #[test]
    fn an_address_that_can_not_be_used_is_not_repeated() {
        for url in ["postgres://user:hunter2@h:port/d", "postgres://user:hunter2@/d", "postgres://h/d?hunter2=1"] {
            let refused = Access::new(&Secret::new(url), Durability::Full, false).err().unwrap();
            assert!(matches!(refused, StoreError::Invalid(_)), "{refused:?}");
            assert!(!refused.to_string().contains("hunter2") || url.contains("?hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = format!("postgres://h/d?sslrootcert={}", file.path().display());
        let refused = Access::new(&Secret::new(url), Durability::Full, false).err().unwrap().to_string();
        assert!(refused.contains("holds no certificate"), "{refused}");
    }
}
